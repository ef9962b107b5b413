"""Window rules for looking around, trying doors and clearing up: bursts that say nothing entry by entry."""

from collections.abc import Iterator
from typing import Final

from bindwatch.model.finding import Category, Confidence, Severity
from bindwatch.rule import Context, Counted, Match, Method, Rule, WindowRow, window_rule
from bindwatch.rules.kubernetes_entry import KUBERNETES, reads
from bindwatch.rules.methods import CRM, IAM, PROJECT_POLICY, activity, data_access
from bindwatch.rules.windows.rows import caller_of, is_automation, origin_of, some_of
from bindwatch.rules.workspace_event import login


def _place(row: WindowRow) -> str:
    return f"//cloudresourcemanager.googleapis.com/projects/{row.project}" if row.project else ""


def _weighed(severity: Severity, row: WindowRow, context: Context) -> Severity:
    return Severity.INFO if is_automation(row, context) else severity


@window_rule(
    "identity-enumeration",
    Severity.LOW,
    Category.THREAT,
    counted=Counted(least=8),
    methods=(
        *data_access(
            IAM,
            "google.iam.admin.v1.ListServiceAccounts",
            "google.iam.admin.v1.ListServiceAccountKeys",
            "google.iam.admin.v1.GetIAMPolicy",
            "google.iam.admin.v1.ListRoles",
            log_type="ADMIN_READ",
        ),
        *data_access(CRM, "*TestIamPermissions", log_type="ADMIN_READ"),
    ),
    techniques=["T1069.003", "T1087.004"],
    equivalents=[
        "panther:GCP.IAM.Tag.Enumeration",
        "stratus:gcp.discovery.enumerate-permissions",
        "sentinel:GCPIAMPrivilegesEnumeration",
        "sentinel:GCPIAMServiceAccountEnumeration",
        "sentinel:GCPIAMServiceAccountKeysEnumeration",
    ],
)
def identity_enumeration(row: WindowRow, context: Context) -> Iterator[Match]:
    """One caller looked through eight or more accounts, keys, policies or permissions within an hour.

    ## Why it matters
    What can I do, and as whom? are the first questions of an intruder; the tools ask them of everything in reach.

    ## What to do
    Ask the caller. A service account that never asked such questions before is in other hands.

    ## Known false positives
    Terraform, inventory and posture tools read all of it every day: name them in the settings (`automation`).

    ## Blind spots
    Data Access logs (ADMIN_READ) must be on. Refused reads of users do not name the caller.
    """
    yield Match(
        subject=row.caller,
        title=f"{caller_of(row)} looked through {len(row.items)} accounts, keys and policies within an hour",
        resource_name=_place(row),
        severity=_weighed(Severity.LOW, row, context),
        notes=(f"Among them: {some_of(row.items)}.", *origin_of(row)),
    )


@window_rule(
    "apis-disabled-in-bulk",
    Severity.HIGH,
    Category.THREAT,
    counted=Counted(least=6),
    methods=activity("serviceusage.googleapis.com", "google.api.serviceusage.v1*.ServiceUsage.DisableService"),
    techniques=["T1562.001"],
    equivalents=["secops:gcp_multiple_service_apis_disabled"],
)
def apis_disabled_in_bulk(row: WindowRow, context: Context) -> Iterator[Match]:
    """One caller disabled six or more APIs within an hour.

    ## Why it matters
    Disabling APIs stops workloads, monitoring and the tools of whoever would look into it.

    ## What to do
    Enable them again (`gcloud services enable`), those that carry logs and identities first.

    ## Known false positives
    Taking a project down. Name the automation that does it in the settings.

    ## Blind spots
    Five an hour go unseen here; each shows in a finding of its own.
    """
    yield Match(
        subject=row.caller,
        title=f"{caller_of(row)} disabled {len(row.items)} APIs within an hour",
        resource_name=_place(row),
        severity=_weighed(Severity.HIGH, row, context),
        notes=(f"Disabled: {some_of(row.items)}.", *origin_of(row)),
    )


@window_rule(
    "hmac-keys-deleted-in-bulk",
    Severity.MEDIUM,
    Category.THREAT,
    counted=Counted(least=2),
    methods=activity("storage.googleapis.com", "storage.hmacKeys.delete"),
    techniques=["T1531"],
    equivalents=["secops:gcp_multiple_hmac_keys_deleted"],
)
def hmac_keys_deleted_in_bulk(row: WindowRow, context: Context) -> Iterator[Match]:
    """One caller deleted two or more HMAC keys of Cloud Storage within an hour.

    ## Why it matters
    Whatever signs its requests with them loses its access, and a deleted key cannot be restored.

    ## What to do
    Ask the caller. Make new keys for what stopped working.

    ## Known false positives
    Rotation. Name the automation that does it in the settings.

    ## Blind spots
    A key must be inactive before it can be deleted; that step is an update and is not counted.
    """
    yield Match(
        subject=row.caller,
        title=f"{caller_of(row)} deleted {row.calls} HMAC keys within an hour",
        resource_name=_place(row),
        severity=_weighed(Severity.MEDIUM, row, context),
        notes=origin_of(row),
    )


@window_rule(
    "key-used-from-many-networks",
    Severity.MEDIUM,
    Category.THREAT,
    counted=Counted(least=3, per="key"),
    techniques=["T1552.004", "T1078.004"],
    equivalents=["secops:gcp_service_account_key_used_from_multiple_countries"],
)
def key_used_from_many_networks(row: WindowRow, context: Context) -> Iterator[Match]:
    """One service-account key was used from three or more networks within an hour.

    ## Why it matters
    A key is a file. Where it works in three places at once, somebody has copied it.

    ## What to do
    Disable the key, see what still asks for it, and move that to Workload Identity.

    ## Known false positives
    Laptops of a team that share a key, which is the same trouble; runners of a hosted pipeline.

    ## Blind spots
    Networks stand in for countries: a network is the first half of an IPv4 address. App Engine and Compute Engine do
    not log which key was used.
    """
    key = row.caller.rpartition("/")[2]
    yield Match(
        subject=row.caller,
        title=f"The key {key} of {row.caller_name or 'a service account'} was used from {len(row.items)} networks",
        resource_name=row.caller if row.caller.startswith("//") else "",
        severity=_weighed(Severity.MEDIUM, row, context),
        confidence=Confidence.MEDIUM,
        notes=(f"Networks: {some_of(row.items)}.",),
    )


@window_rule(
    "kubernetes-secrets-enumerated",
    Severity.MEDIUM,
    Category.THREAT,
    counted=Counted(least=10),
    methods=reads("core.v1.secrets.get", "core.v1.secrets.list"),
    techniques=["T1552.007"],
    equivalents=[
        "panther:Kubernetes.BulkSecretAccess",
        "elastic:credential_access_gcp_gke_rapid_secret_get_activity_against_multiple_objects",
        "elastic:credential_access_gcp_gke_unusual_service_account_secret_get",
    ],
)
def kubernetes_secrets_enumerated(row: WindowRow, context: Context) -> Iterator[Match]:
    """One caller read ten or more secrets of clusters within an hour.

    ## Why it matters
    A workload reads the few secrets that are its own. Whoever reads ten is collecting them.

    ## What to do
    Ask the caller; rotate what was read where nobody answers.

    ## Known false positives
    Operators that copy secrets: those of service accounts are LOW. Name yours in the settings.

    ## Blind spots
    Data Access logs of GKE must be on. One list of a namespace is one read, however much it returns.
    """
    pod = row.caller.startswith("system:serviceaccount:")
    yield Match(
        subject=row.caller,
        title=f"{caller_of(row)} read {len(row.items)} secrets of clusters within an hour",
        resource_name=_place(row),
        severity=_weighed(Severity.LOW if pod else Severity.MEDIUM, row, context),
        notes=(f"Read: {some_of(row.items)}.", *origin_of(row)),
    )


@window_rule(
    "kubernetes-denial-burst",
    Severity.MEDIUM,
    Category.THREAT,
    counted=Counted(least=10, refused=True),
    methods=(Method(KUBERNETES, "*"),),
    techniques=["T1613"],
    equivalents=[
        "panther:Kubernetes.API.Multiple403.PublicIP",
        "elastic:discovery_gcp_gke_api_request_failure_burst",
        "elastic:discovery_gcp_gke_endpoint_permission_enumeration",
        "elastic:discovery_gcp_gke_multi_resource_discovery",
        "elastic:execution_gcp_gke_forbidden_request_from_unusual_user_agent",
        "splunk:kubernetes_gcp_detect_service_accounts_forbidden_failure_access",
    ],
)
def kubernetes_denial_burst(row: WindowRow, context: Context) -> Iterator[Match]:
    """One caller was refused ten or more different things by clusters within an hour.

    ## Why it matters
    Tools that find out what a stolen token is good for ask for everything and are refused most of it.

    ## What to do
    Delete the pod or disable the account; look at the calls that were not refused.

    ## Known false positives
    A controller whose role was cut; a person on their first day.

    ## Blind spots
    Refused reads show only where Data Access logs of GKE are on.
    """
    yield Match(
        subject=row.caller,
        title=f"{caller_of(row)} was refused {len(row.items)} different things by clusters within an hour",
        resource_name=_place(row),
        severity=_weighed(Severity.MEDIUM, row, context),
        notes=(f"Refused: {some_of(row.items)}.", *origin_of(row)),
    )


@window_rule(
    "kubernetes-permissions-asked",
    Severity.LOW,
    Category.THREAT,
    counted=Counted(least=5),
    methods=(
        *reads("authorization.v1.selfsubjectaccessreviews.create", "authorization.v1.selfsubjectrulesreviews.create"),
        *activity(KUBERNETES, "io.k8s.authorization.v1.selfsubject*reviews.create"),
    ),
    techniques=["T1069.003", "T1613"],
    equivalents=[
        "elastic:discovery_gcp_gke_suspicious_self_subject_review",
        "scc:GKE_CONTROL_PLANE_CAN_GET_SENSITIVE_OBJECT",
    ],
)
def kubernetes_permissions_asked(row: WindowRow, context: Context) -> Iterator[Match]:
    """A workload or a node asked its API server five or more times within an hour what it may do.

    ## Why it matters
    People ask so with kubectl; a program knows. A pod that asks has somebody in it.

    ## What to do
    Look at the user agent, and at what was run in the pod.

    ## Known false positives
    Some controllers ask once when they start, dashboards for every user.

    ## Blind spots
    Reviews show only where Data Access logs of GKE are on.
    """
    by_hand = row.user_agent.lower().startswith(("kubectl", "curl", "python", "wget", "peirates"))
    yield Match(
        subject=row.caller,
        title=f"{caller_of(row)} asked {row.calls} times within an hour what it may do",
        resource_name=_place(row),
        severity=_weighed(Severity.MEDIUM if by_hand else Severity.LOW, row, context),
        notes=origin_of(row),
    )


@window_rule(
    "sign-in-failures",
    Severity.LOW,
    Category.THREAT,
    counted=Counted(least=5),
    methods=login("loginFailure"),
    techniques=["T1110"],
    equivalents=["csa:1.02", "csa:1.03", "splunk:gcp_multiple_failed_mfa_requests_for_user"],
)
def sign_in_failures(row: WindowRow, context: Context) -> Iterator[Match]:
    """Somebody failed to sign in five or more times within an hour.

    ## Why it matters
    Guessing a password, or asking for the second step until the person gives in.

    ## What to do
    Ask the person; where it was not them, change the password and look at what followed.

    ## Known false positives
    A new password, and a phone that still knows the old one.

    ## Blind spots
    Slower guessing. Entries arrive about an hour and a half late.
    """
    yield Match(
        subject=row.caller,
        title=f"{caller_of(row)} failed to sign in {row.calls} times within an hour",
        resource_name="//admin.googleapis.com/users/" + row.caller_name if row.caller_name else "",
        notes=origin_of(row),
    )


@window_rule(
    "sign-in-failures-from-one-address",
    Severity.MEDIUM,
    Category.THREAT,
    counted=Counted(least=5, per="address"),
    methods=login("loginFailure"),
    techniques=["T1110.003"],
    equivalents=[
        "splunk:gcp_multiple_users_failing_to_authenticate_from_ip",
        "splunk:gcp_unusual_number_of_failed_authentications_from_ip",
    ],
)
def sign_in_failures_from_one_address(row: WindowRow, context: Context) -> Iterator[Match]:
    """Five or more people failed to sign in from one address within an hour.

    ## Why it matters
    One password tried on many accounts: none of them is locked, one of them opens.

    ## What to do
    Look for a sign-in that succeeded from the same address, and sign that account out everywhere.

    ## Known false positives
    An office behind one address on the day passwords run out.

    ## Blind spots
    An attacker with many addresses. Entries arrive about an hour and a half late.
    """
    yield Match(
        subject=row.caller,
        title=f"{len(row.items)} people failed to sign in from {row.caller} within an hour",
        resource_name="//admin.googleapis.com/addresses/" + row.caller,
        principal=row.caller,
        notes=(f"Tried: {some_of(row.items)}.",),
    )


@window_rule(
    "tag-bound-then-used",
    Severity.MEDIUM,
    Category.THREAT,
    counted=Counted(least=1, methods=activity(CRM, "*TagBindings.CreateTagBinding")),
    methods=(*activity(CRM, "*TagBindings.CreateTagBinding"), Method("*", "*SetIamPolicy")),
    techniques=["T1548", "T1098"],
    equivalents=["panther:GCP.Privilege.Escalation.Via.TagBinding.Group", "panther:GCP.IAM.Tag.Enumeration"],
)
def tag_bound_then_used(row: WindowRow, context: Context) -> Iterator[Match]:
    """One caller bound a tag and within an hour changed policies or identities.

    ## Why it matters
    Conditions of grants, deny policies and organization policies look at tags. Whoever may bind one can fulfil a
    condition that was meant to keep them out, and use what it unlocks.

    ## What to do
    Delete the tag binding, undo the change, and take the tag user role away where conditions depend on the tag.

    ## Known false positives
    Pipelines that label what they create: name them in the settings.

    ## Blind spots
    Whether a condition looked at the tag is not in the entries.
    """
    yield Match(
        subject=f"{row.caller} on {row.resource}",
        title=f"{caller_of(row)} bound a tag and then called {some_of(row.items)}",
        resource_name=row.resource,
        severity=_weighed(Severity.MEDIUM, row, context),
        confidence=Confidence.MEDIUM,
        notes=(f"Tagged before: {row.known_since}.", *origin_of(row)),
    )


@window_rule(
    "dormant-account-prepared",
    Severity.MEDIUM,
    Category.THREAT,
    methods=(
        *activity(
            IAM,
            "google.iam.admin.v1.CreateServiceAccountKey",
            "google.iam.admin.v1.UploadServiceAccountKey",
            "google.iam.admin.v1.SetIAMPolicy",
            "google.iam.admin.v1.EnableServiceAccount",
        ),
        *PROJECT_POLICY,
    ),
    techniques=["T1098.001", "T1098.003"],
    equivalents=[
        "scc:DORMANT_SERVICE_ACCOUNT_KEY_CREATED",
        "scc:DORMANT_SERVICE_ACCOUNT_ADDED_IN_IAM_ROLE",
        "scc:DORMANT_SERVICE_ACCOUNT_IMPERSONATION_ROLE_GRANTED",
    ],
)
def dormant_account_prepared(row: WindowRow, context: Context) -> Iterator[Match]:
    """A service account that had been silent for sixty days was given a key, a user or a role that leads to more.

    ## Why it matters
    An account nobody uses is one nobody misses. Giving it a key or a new user is how it becomes a way back in.

    ## What to do
    Ask the caller what the account is needed for again; disable it where nobody knows.

    ## Known false positives
    Old projects that are taken up again.

    ## Blind spots
    Of the roles given to the account only those that lead to more are looked at. An account that never acted while
    bindwatch watched is not judged.
    """
    done = some_of(row.items)
    role = done.partition(" ")[0] if " " in done else ""
    yield Match(
        subject=row.target,
        title=f"{caller_of(row)} gave the dormant account {row.target} {role}"
        if role
        else f"{caller_of(row)} prepared the dormant account {row.target}: {done.rpartition('.')[2]}",
        resource_name=row.resource,
        severity=_weighed(Severity.MEDIUM, row, context),
        notes=(f"It last acted on {row.known_since}.", *origin_of(row)),
    )


@window_rule(
    "new-sensitive-method",
    Severity.LOW,
    Category.THREAT,
    techniques=["T1078.004"],
    equivalents=[
        "elastic:ml_gcp_rare_method_by_user",
        "scc:ANOMALOUS_BEHAVIOR_NEW_API_METHOD",
        "scc:AI_ANOMALOUS_BEHAVIOR_NEW_API_METHOD",
        "sentinel:GCPIAMRareActionUser",
    ],
)
def new_sensitive_method(row: WindowRow, context: Context) -> Iterator[Match]:
    """A service account changed identities, policies, logs or secrets in a way it never had before.

    ## Why it matters
    Programs do the same thing every day. One that creates a key for the first time after months is being used by
    somebody else, or was given a new job.

    ## What to do
    Ask its owner for the new job; look at where the call came from.

    ## Known false positives
    New versions: hence LOW.

    ## Blind spots
    The first fourteen days of an account, and people, whose work changes.
    """
    yield Match(
        subject=f"{row.caller} {some_of(row.items)}",
        title=f"{caller_of(row)} called {some_of(row.items)} for the first time",
        resource_name=row.resource,
        severity=_weighed(Severity.LOW, row, context),
        notes=(f"Known since {row.known_since}.", *origin_of(row)),
    )


RULES: Final[tuple[Rule[WindowRow], ...]] = (
    identity_enumeration,
    apis_disabled_in_bulk,
    hmac_keys_deleted_in_bulk,
    key_used_from_many_networks,
    kubernetes_secrets_enumerated,
    kubernetes_denial_burst,
    kubernetes_permissions_asked,
    sign_in_failures,
    sign_in_failures_from_one_address,
    tag_bound_then_used,
    dormant_account_prepared,
    new_sensitive_method,
)
