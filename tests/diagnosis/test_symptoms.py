"""Error texts of public threads, retold with invented names: the true cause is among the first three."""

# ruff: noqa: E501, ISC004 - texts as programs print them

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bindwatch.diagnosis.causes import CAUSE_BY_ID
from bindwatch.diagnosis.chain import diagnose, ranked
from bindwatch.diagnosis.symptoms import SYMPTOMS, decided_causes, named_api, named_permission, ranked_causes, recognise
from diagnosis.texts import HELD_OUT, TUNED_ON
from diagnosis.twins import TWINS
from diagnosis.world import healthy

POOL = "shop-prod.svc.id.goog"
GSA = "cart@shop-prod.iam.gserviceaccount.com"
TOKEN_URL = "http://169.254.169.254/computeMetadata/v1/instance/service-accounts/default/token"
MISSING = "This error could be caused by a missing IAM policy binding on the target IAM service account."
DENIED = "Permission 'iam.serviceAccounts.getAccessToken' denied on resource (or it may not exist)."

TEXTS: tuple[tuple[str, str], ...] = (
    ("binding-missing", f"Unable to generate access token; IAM returned 403 Forbidden: {DENIED}\n{MISSING}"),
    (
        "binding-missing",
        f"level=error msg=\"Get https://dns.googleapis.com/dns/v1/projects/p/managedZones: compute: Received 403 "
        f"`Unable to generate access token; IAM returned 403 Forbidden: The caller does not have permission\\n{MISSING}`",
    ),
    ("binding-missing", f"StorageException: Unexpected Error code 403 trying to get security access token: {DENIED}"),
    ("binding-missing", f"failed to connect to instance: Refresh error: compute: Received 403 `{MISSING}`"),
    ("binding-missing", f"status code 403 trying to fetch {TOKEN_URL}"),
    ("member-malformed", f"google.auth.exceptions.RefreshError: ('Unable to acquire credentials', '{DENIED}')"),
    ("pool-of-another-project", f"InvalidProviderConfig: unable to get credentials: compute: Received 403: {DENIED}"),
    ("pool-of-another-project", "unable to fetch identitybindingtoken: could not get idbindtoken token, status: 404"),
    ("gsa-not-found", f"IAM returned 404 Not Found: Not found; Gaia id not found for email {GSA}"),
    ("gsa-not-found", f"failed to call https://iamcredentials.googleapis.com/v1/x/{GSA}:generateAccessToken: HTTP 404"),
    (
        "gsa-not-found",
        'metadata: GCE metadata "instance/service-accounts/default/token?scopes=sqlservice.admin" not defined',
    ),
    ("gsa-not-found", f"NOT_FOUND: Unknown service account {GSA}"),
    ("gsa-deleted", "Unable to generate access token; IAM returned 404 Not Found: Requested entity was not found."),
    ("gsa-disabled", f"403: Service account {GSA} is disabled."),
    ("annotation-missing", f"Primary: /namespaces/{POOL} with additional claims does not have storage.objects.create access"),
    ("direct-grant-missing", f"403 principal://iam.googleapis.com/projects/1/x/{POOL}/subject/ns/a/sa/b lacks permission"),
    ("default-ksa-used", "googleapi: Error 401: Request had invalid authentication credentials. Expected OAuth 2 access"),
    ("service-rejects-federated-token", "401 UNAUTHENTICATED: Request had invalid authentication credentials."),
    ("email-endpoint-returns-pool", f"Invalid form of account ID {POOL}. Should be [Gaia ID | Email | Unique ID |]"),
    (
        "iamcredentials-api-disabled",
        "Unable to generate access token; IAM returned 403 Forbidden: IAM Service Account Credentials API has not been "
        f"used in project 111111111111 before or it is disabled.\n{MISSING}",
    ),
    ("iamcredentials-api-disabled", "API [iamcredentials.googleapis.com] not enabled on project [shop-prod]"),
    ("iamcredentials-api-disabled", '{"reason": "SERVICE_DISABLED", "service": "iamcredentials.googleapis.com"}'),
    ("vpc-sc-blocked", "403 Request is prohibited by organization's policy. vpcServiceControlsUniqueIdentifier: abc"),
    ("network-policy-blocks-metadata", f"Get {TOKEN_URL}: dial tcp 169.254.169.254:80: i/o timeout"),
    ("network-policy-blocks-metadata", "dial tcp 169.254.169.254:80: connect: connection refused"),
    ("network-policy-blocks-metadata", "ComputeEngineCredentials cannot find the metadata server. This is likely because"),
    ("network-policy-blocks-metadata", "Unable to acquire the project number automatically from the GCP metadata service."),
    ("metadata-startup-race", "DefaultCredentialsError: Could not automatically determine credentials. Please set X"),
    ("metadata-startup-race", 'google: could not find default credentials'),
    ("metadata-startup-race", "Error: Could not load the default credentials. Browse to https://example.com"),
    ("dns-cannot-resolve-metadata", "dial tcp: lookup metadata.google.internal: no such host"),
    ("dns-cannot-resolve-metadata", "java.net.UnknownHostException: metadata.google.internal"),
    ("node-cannot-reach-token-service", "504 Gateway Timeout from metadata server"),
    (
        "node-cannot-reach-token-service",
        "Post https://sts.googleapis.com/v1/token: dial tcp 192.0.2.5:443: i/o timeout",
    ),
    ("workload-identity-disabled", "403 ACCESS_TOKEN_SCOPE_INSUFFICIENT: Request had insufficient authentication scopes."),
    ("node-pool-not-gke-metadata", "111111111111-compute@developer.gserviceaccount.com does not have storage.objects.get"),
    ("node-scopes-too-narrow", "googleapi: Error 403: Insufficient Permission: Request had insufficient authentication scopes"),
    ("ksa-not-found", 'pods "cart-1" is forbidden: error looking up service account checkout/cart: not found'),
    ("ksa-not-found", 'Error creating: serviceaccount "cart" not found'),
    ("non-pod-ip", "Unable to find pod: generic::not_found: retry budget exhausted: IP 192.0.2.7 not recorded in the snapshot"),
    ("unsupported-metadata-path", 'HTTP/404: generic::not_found: no child "attributes", Reason: "NOT_FOUND"'),
    (
        "unsupported-metadata-path",
        "Failed to retrieve http://metadata.google.internal/computeMetadata/v1/instance/service-accounts/default/"
        "?recursive=true from the Google Compute Engine metadata service. Status: 404",
    ),
    ("unsupported-metadata-path", 'GKE Metadata Server encountered an error: Missing required header "Metadata-Flavor"'),
    ("audience-missing", "400 Bad Request: non-empty audience parameter required"),
    ("control-plane-unreachable", "GKE Metadata Server: Internal Server Error"),
    ("too-many-ksas", "Back-off restarting failed container gke-metadata-server CrashLoopBackOff"),
    ("too-many-metadata-connections", "HTTP/499 GET /computeMetadata/v1/instance/service-accounts/default/token"),
    ("token-quota-exceeded", "sts.googleapis.com: 429 RESOURCE_EXHAUSTED Quota exceeded for token exchange requests"),
    ("org-policy-blocked", "FAILED_PRECONDITION: constraints/iam.allowedPolicyMemberDomains: not in permitted organization"),
    ("org-policy-blocked", "One or more users named in the policy do not belong to a permitted customer."),
    ("deny-policy", "Permission denied: the caller is denied by deny policy no-tokens"),
    ("principal-access-boundary", "PERMISSION_DENIED: blocked by Principal Access Boundary policy"),
    ("target-role-missing", f"{GSA} does not have storage.objects.get access to the Google Cloud Storage object."),
    ("target-role-missing", "rpc error: code = PermissionDenied desc = Permission 'secretmanager.versions.access' denied"),
    ("target-role-missing", "SigningError: Permission 'iam.serviceAccounts.signBlob' denied on resource"),
    ("delegate-missing-token-creator", f"Failed to impersonate [ledger@x]: impersonated credentials: {DENIED}"),
    ("key-file-shadows-workload-identity", "File /etc/key/key.json was not found, GOOGLE_APPLICATION_CREDENTIALS is set"),
    ("key-file-shadows-workload-identity", "invalid_grant: Invalid JWT Signature."),
    ("projected-token-volume-missing", "open /var/run/secrets/tokens/gcp-ksa/token: no such file or directory"),
    ("token-not-refreshed", "oauth2: token has expired"),
    (
        "gsa-not-found",
        "ERROR: (gcloud.storage.ls) There was a problem refreshing your current auth tokens: (\"Failed to retrieve"
        " http://metadata.google.internal/computeMetadata/v1/instance/service-accounts/default/token from the Google"
        f" Compute Engine metadata service. Status: 404 Response:\\nb'Unable to generate access token; IAM returned 404"
        f" Not Found: Not found; Gaia id not found for email {GSA}\\n'\",)",
    ),
    (
        "unsupported-metadata-path",
        "requests.exceptions.HTTPError: 404 Client Error: Not Found for url:"
        " http://metadata.google.internal/computeMetadata/v1/instance/attributes/kube-env",
    ),
    (
        "fleet-pool-mismatch",
        '{"error":"invalid_target","error_description":"The target service indicated by the \\"audience\\" parameters'
        ' is invalid."}',
    ),
)  # fmt: skip


def test_the_true_cause_is_among_the_first_three() -> None:
    missed = [(cause, text) for cause, text in TEXTS if cause not in ranked_causes(text)[:3]]
    assert len(missed) <= len(TEXTS) // 10, missed


@pytest.mark.parametrize(("texts", "least"), [(TUNED_ON, 0.95), (HELD_OUT, 0.9)], ids=["tuned on", "held out"])
def test_the_cause_a_thread_found_is_among_the_first_three(texts: tuple[tuple[str, str], ...], least: float) -> None:
    missed = [(cause, text) for cause, text in texts if cause not in ranked_causes(text)[:3]]
    assert len(missed) <= len(texts) * (1 - least), missed


def test_every_listed_cause_exists() -> None:
    for symptom in SYMPTOMS:
        assert set(symptom.causes) | set(symptom.decides) <= CAUSE_BY_ID.keys()


@pytest.mark.parametrize(
    ("text", "symptoms"),
    [
        (
            "googleapi: Error 403: IAM Service Account Credentials API has not been used in project 111111111111 before"
            " or it is disabled., accessNotConfigured",
            ["api-disabled"],
        ),
        (
            'pods "cart-" is forbidden: error looking up service account a/b: serviceaccount "b" not found',
            ["ksa-missing"],
        ),
        (
            f"Unexpected Error code 403 trying to get security access token: IAM returned 403 Forbidden: {DENIED}",
            ["mint-denied"],
        ),
        ("PermissionDenied: 403 Request had insufficient authentication scopes.", ["scopes"]),
        ("401 Request had invalid authentication credentials. reason: ACCOUNT_STATE_INVALID", ["gsa-disabled"]),
    ],
)
def test_what_any_refusal_says_adds_nothing_to_a_telling_text(text: str, symptoms: list[str]) -> None:
    assert [item.id for item in recognise(text)] == symptoms


def test_what_a_text_shows_by_itself_stays_before_guesses_where_the_inventory_has_moved_on() -> None:
    text = "403 Permission denied: API [iamcredentials.googleapis.com] not enabled on project [shop-prod]"
    diagnosis = diagnose(healthy().case())
    assert "iamcredentials-api-disabled" in {cause.id for cause, _ in diagnosis.ruled_out}
    assert ranked(diagnosis, ranked_causes(text), decided_causes(text))[0] == "iamcredentials-api-disabled"


def test_causes_of_accounts_are_not_offered_to_a_workload_without_one() -> None:
    text = "Caller does not have storage.objects.list access to the Google Cloud Storage bucket."
    order = ranked(diagnose(healthy("direct").case()), ranked_causes(text))
    assert order.index("gsa-recreated") > order.index("direct-grant-missing")


def test_checks_decide_between_causes_of_one_text() -> None:
    text = TEXTS[0][1]
    symptoms = tuple(item.id for item in recognise(text))
    for cause in ("member-malformed", "role-cannot-mint", "condition-not-met", "gsa-disabled", "deny-policy"):
        twin = next(item for item in TWINS if item.cause == cause and "impersonation" in item.styles)
        world = healthy().twin(twin.prepare, twin.break_it)
        case = world.case()
        case.symptoms = symptoms
        assert ranked(diagnose(case), ranked_causes(text))[0] == cause


@pytest.mark.parametrize(
    ("text", "permission"),
    [
        (DENIED, "iam.serviceAccounts.getAccessToken"),
        ("cart does not have storage.objects.get access", "storage.objects.get"),
        ('Required "container.clusters.get" permission(s)', "container.clusters.get"),
        ("nothing of that kind", ""),
    ],
)
def test_the_permission_is_read_out_of_a_text(text: str, permission: str) -> None:
    assert named_permission(text) == permission


@given(st.text(max_size=5000))
def test_any_text_is_ranked(text: str) -> None:
    assert set(ranked_causes(text)) <= CAUSE_BY_ID.keys()


def test_a_long_text_takes_no_long_time() -> None:
    assert recognise("metadata " * 20_000) == recognise("metadata " * 20_000)


@pytest.mark.parametrize(
    ("text", "api"),
    [
        (
            "Cloud SQL Admin API has not been used in project 111111111111 before or it is disabled. Enable it by"
            " visiting https://console.developers.google.com/apis/api/sqladmin.googleapis.com/overview?project=1",
            "sqladmin.googleapis.com",
        ),
        ('{"reason": "SERVICE_DISABLED", "metadata": {"service": "storage.googleapis.com"}}', "storage.googleapis.com"),
        ('{"reason": "SERVICE_DISABLED", "metadata": {"service": "iamcredentials.googleapis.com"}}', ""),
        ("SERVICE_DISABLED", ""),
    ],
)
def test_an_api_that_is_off_is_named(text: str, api: str) -> None:
    assert named_api(text) == api
    assert recognise(text)[0].id == ("other-api-disabled" if api else "api-disabled")
