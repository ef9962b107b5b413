"""Members, subjects and e-mails, as policies and logs write them."""

import re
from pathlib import Path

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from bindwatch.model.member_grammar import read_member
from bindwatch.model.principal import (
    Principal,
    PrincipalKind,
    parse_email,
    parse_member,
    parse_subject,
    workload_identity_member,
)

NUMBER = "123456789012"
POOL = "shop-prod.svc.id.goog"
LEGACY = f"serviceAccount:{POOL}[payments/api]"
POOLS = f"//iam.googleapis.com/projects/{NUMBER}/locations/global/workloadIdentityPools"
DIRECT = f"principal:{POOLS}/{POOL}/subject/ns/payments/sa/api"
WORKFORCE = "//iam.googleapis.com/locations/global/workforcePools"
CLUSTER = "https://container.googleapis.com/v1/projects/shop-prod/locations/europe-west1/clusters/main"

EVERY_FORM = [
    ("user:Ada@Example.com", PrincipalKind.USER, {"email": "ada@example.com", "domain": "example.com"}),
    ("group:ops@example.com", PrincipalKind.GROUP, {"email": "ops@example.com"}),
    ("domain:Example.com", PrincipalKind.DOMAIN, {"domain": "example.com", "email": ""}),
    ("allUsers", PrincipalKind.PUBLIC, {}),
    ("allAuthenticatedUsers", PrincipalKind.PUBLIC, {}),
    ("projectOwner:shop-prod", PrincipalKind.PROJECT_ROLE, {"project": "shop-prod"}),
    ("projectEditor:shop-prod", PrincipalKind.PROJECT_ROLE, {"project": "shop-prod"}),
    ("projectViewer:example.com:shop", PrincipalKind.PROJECT_ROLE, {"project": "example.com:shop"}),
    (
        "deleted:user:ada@example.com?uid=123456789012345678901",
        PrincipalKind.USER,
        {"email": "ada@example.com", "deleted": True, "uid": "123456789012345678901"},
    ),
    ("deleted:group:ops@example.com?uid=2", PrincipalKind.GROUP, {"deleted": True, "uid": "2"}),
    (
        "deleted:serviceAccount:ci@shop-prod.iam.gserviceaccount.com?uid=3",
        PrincipalKind.SERVICE_ACCOUNT,
        {"project": "shop-prod", "deleted": True, "uid": "3"},
    ),
    (
        f"deleted:principal:{WORKFORCE}/staff/subject/ada@example.com",
        PrincipalKind.WORKFORCE,
        {"pool": "staff", "subject": "ada@example.com", "deleted": True, "uid": ""},
    ),
    (
        LEGACY,
        PrincipalKind.WORKLOAD,
        {"pool": POOL, "project": "shop-prod", "namespace": "payments", "service_account": "api", "project_number": ""},
    ),
    (
        "serviceAccount:example.com:shop.svc.id.goog[payments/api.v2]",
        PrincipalKind.WORKLOAD,
        {"pool": "example.com:shop.svc.id.goog", "project": "example.com:shop", "service_account": "api.v2"},
    ),
    ("serviceAccount:shop.eu0.svc.id.goog[a/b]", PrincipalKind.WORKLOAD, {"project": "eu0:shop"}),
    ("serviceAccount:shop-prod.hub.id.goog[a/b]", PrincipalKind.WORKLOAD, {"pool": "shop-prod.hub.id.goog"}),
    (
        DIRECT,
        PrincipalKind.WORKLOAD,
        {"pool": POOL, "project": "shop-prod", "project_number": NUMBER, "namespace": "payments"},
    ),
    (
        f"principal:{POOLS}/example.com:shop.svc.id.goog/subject/ns/a/sa/b",
        PrincipalKind.WORKLOAD,
        {"project": "example.com:shop"},
    ),
    (
        f"principal:{POOLS}/{POOL}/kubernetes.serviceaccount.uid/0c1d-22",
        PrincipalKind.WORKLOAD,
        {"ksa_uid": "0c1d-22", "namespace": "", "service_account": ""},
    ),
    (
        f"principalSet:{POOLS}/{POOL}/namespace/payments",
        PrincipalKind.WORKLOAD_SET,
        {"namespace": "payments", "selector": "namespace/payments", "project": "shop-prod"},
    ),
    (
        f"principalSet:{POOLS}/{POOL}/kubernetes.cluster/{CLUSTER}",
        PrincipalKind.WORKLOAD_SET,
        {"selector": f"kubernetes.cluster/{CLUSTER}"},
    ),
    (f"principalSet:{POOLS}/{POOL}/*", PrincipalKind.WORKLOAD_SET, {"selector": "*", "pool": POOL}),
    (
        f"principal:{POOLS}/github/subject/repo:shop/api:ref:refs/heads/%C3%A4/ü",
        PrincipalKind.FEDERATED,
        {"pool": "github", "subject": "repo:shop/api:ref:refs/heads/%C3%A4/ü", "project_number": NUMBER},
    ),
    (f"principalSet:{POOLS}/github/group/ops/eu", PrincipalKind.FEDERATED_SET, {"selector": "group/ops/eu"}),
    (
        f"principalSet:{POOLS}/github/attribute.repository/shop/api",
        PrincipalKind.FEDERATED_SET,
        {"selector": "attribute.repository/shop/api"},
    ),
    (f"principalSet:{POOLS}/github/*", PrincipalKind.FEDERATED_SET, {"selector": "*"}),
    (f"principal:{WORKFORCE}/staff/subject/a b/c", PrincipalKind.WORKFORCE, {"pool": "staff", "subject": "a b/c"}),
    (f"principalSet:{WORKFORCE}/staff/group/ops", PrincipalKind.WORKFORCE_SET, {"selector": "group/ops"}),
    (f"principalSet:{WORKFORCE}/staff/*", PrincipalKind.WORKFORCE_SET, {"selector": "*"}),
    (
        "principalSet://cloudresourcemanager.googleapis.com/projects/12/type/ServiceAccount",
        PrincipalKind.RESOURCE_SET,
        {"project_number": "12", "selector": "type/ServiceAccount"},
    ),
    (
        "principalSet://cloudresourcemanager.googleapis.com/organizations/34/type/ServiceAgent",
        PrincipalKind.RESOURCE_SET,
        {"project_number": "", "selector": "type/ServiceAgent"},
    ),
    (
        "principal://parametermanager.googleapis.com/projects/12/uid/locations/global/parameters/p",
        PrincipalKind.RESOURCE,
        {"project_number": "12"},
    ),
    ("principalSet://parametermanager.googleapis.com/projects/12/*", PrincipalKind.RESOURCE_SET, {"selector": "*"}),
    (
        "principal://agents.global.org-34.system.id.goog/resources/aiplatform/projects/12/a",
        PrincipalKind.AGENT,
        {"pool": "agents.global.org-34.system.id.goog", "subject": "resources/aiplatform/projects/12/a"},
    ),
    ("principalSet://agents.global.proj-12.system.id.goog/*", PrincipalKind.AGENT_SET, {"project_number": "12"}),
    (
        "principalSet://agents-nonprod.global.org-34.system.id.goog/attribute.platformContainer/aiplatform/projects/12",
        PrincipalKind.AGENT_SET,
        {"selector": "attribute.platformContainer/aiplatform/projects/12"},
    ),
    (
        f"principal://machines.global.{NUMBER}.workload.id.goog/ns/payments/sa/api",
        PrincipalKind.FEDERATED,
        {"pool": "machines", "project_number": NUMBER, "subject": "ns/payments/sa/api"},
    ),
    (
        f"principalSet://machines.global.{NUMBER}.workload.id.goog/*",
        PrincipalKind.FEDERATED_SET,
        {"pool": "machines", "selector": "*"},
    ),
    (
        "user:ci@shop-prod.iam.gserviceaccount.com",
        PrincipalKind.SERVICE_ACCOUNT,
        {"email": "ci@shop-prod.iam.gserviceaccount.com"},
    ),
    ("principal://goog/subject/Ada@example.com", PrincipalKind.USER, {"email": "ada@example.com"}),
    ("deleted:principal://goog/subject/ada@example.com?uid=1", PrincipalKind.USER, {"deleted": True, "uid": "1"}),
    (
        "principal://iam.googleapis.com/projects/-/serviceAccounts/ci@shop-prod.iam.gserviceaccount.com",
        PrincipalKind.SERVICE_ACCOUNT,
        {"project": "shop-prod", "email": "ci@shop-prod.iam.gserviceaccount.com"},
    ),
    ("principalSet://goog/group/ops@example.com", PrincipalKind.GROUP, {"email": "ops@example.com"}),
    ("principalSet://goog/public:all", PrincipalKind.PUBLIC, {}),
    ("principalSet://goog/cloudIdentityCustomerId/C01abc", PrincipalKind.CUSTOMER, {"subject": "C01abc"}),
]


@pytest.mark.parametrize(("member", "kind", "told"), EVERY_FORM, ids=[form[0] for form in EVERY_FORM])
def test_every_form_is_read(member: str, kind: PrincipalKind, told: dict[str, object]) -> None:
    principal = parse_member(member)
    assert principal.kind is kind
    assert str(principal) == member
    assert {name: getattr(principal, name) for name in told} == told
    assert (principal.problem, principal.likely) == ("", "")


def test_the_table_holds_every_kind_a_policy_can_name() -> None:
    not_in_policies = {PrincipalKind.KUBERNETES, PrincipalKind.MALFORMED}
    assert {kind for _, kind, _ in EVERY_FORM} == set(PrincipalKind) - not_in_policies


ACCOUNTS = [
    # address, project id, project number, agent, default, user-managed
    ("ci@shop-prod.iam.gserviceaccount.com", "shop-prod", "", False, False, True),
    ("service-123@shop-prod.iam.gserviceaccount.com", "shop-prod", "", False, False, True),
    ("ci@shop.example.com.iam.gserviceaccount.com", "example.com:shop", "", False, False, True),
    ("ci@gcp-sa-fake.example.com.iam.gserviceaccount.com", "example.com:gcp-sa-fake", "", False, False, True),
    ("ci@shop.eu0.iam.gserviceaccount.com", "eu0:shop", "", False, False, True),
    ("shop-prod@appspot.gserviceaccount.com", "shop-prod", "", False, True, False),
    ("shop.example.com@appspot.gserviceaccount.com", "example.com:shop", "", False, True, False),
    ("12-compute@developer.gserviceaccount.com", "", "12", False, True, False),
    ("12-abcdef@developer.gserviceaccount.com", "", "12", False, False, True),
    ("12@cloudbuild.gserviceaccount.com", "", "12", False, True, False),
    ("12@cloudservices.gserviceaccount.com", "", "12", True, False, False),
    ("service-12@gcp-sa-pubsub.iam.gserviceaccount.com", "", "12", True, False, False),
    ("service-p12@gcp-sa-accessapproval.iam.gserviceaccount.com", "", "12", True, False, False),
    ("service-org-34@gcp-sa-logging.iam.gserviceaccount.com", "", "", True, False, False),
    ("service-folder-34@gcp-sa-logging.iam.gserviceaccount.com", "", "", True, False, False),
    ("o34-567@gcp-sa-logging.iam.gserviceaccount.com", "", "", True, False, False),
    ("p12-567@gcp-sa-logging.iam.gserviceaccount.com", "", "12", True, False, False),
    ("service-12@container-engine-robot.iam.gserviceaccount.com", "", "12", True, False, False),
    ("service-12@gae-api-prod.google.com.iam.gserviceaccount.com", "", "12", True, False, False),
    ("project-12@storage-transfer-service.iam.gserviceaccount.com", "", "12", True, False, False),
    ("bq-12@bigquery-encryption.iam.gserviceaccount.com", "", "12", True, False, False),
    ("bqcx-12-x1@gcp-sa-bigquery-condel.iam.gserviceaccount.com", "", "12", True, False, False),
    ("service-12@gcp-ri-managed.iam.gserviceaccount.com", "", "12", True, False, False),
    ("cloud-logs@system.gserviceaccount.com", "", "", True, False, False),
    ("service-12@elsewhere.gserviceaccount.com", "", "", False, False, False),
    ("robot@example.com", "", "", False, False, False),
]


@pytest.mark.parametrize(("email", "project", "number", "agent", "default", "managed"), ACCOUNTS)
def test_the_domain_of_an_account_tells_who_runs_it(
    email: str, project: str, number: str, agent: bool, default: bool, managed: bool
) -> None:
    account = parse_member(f"serviceAccount:{email}")
    assert account.kind is PrincipalKind.SERVICE_ACCOUNT
    assert (account.project, account.project_number) == (project, number)
    told = (account.is_service_agent, account.is_default_service_account, account.is_user_managed_service_account)
    assert told == (agent, default, managed)


def test_people_are_no_service_agents() -> None:
    assert not parse_member("user:service-12@gcp-sa-pubsub.example.com").is_service_agent
    assert not parse_member(LEGACY).is_user_managed_service_account


MISSPELT = [
    # as written, what it should have been ("" where the text does not tell), a word of the problem
    (f"serviceAccount:{POOL}[payments/api", LEGACY, "closing bracket"),
    (f"serviceAccount:{POOL}[payments/api]]", LEGACY, "too many"),
    (f"serviceAccount:{POOL}(payments/api)", LEGACY, "brackets"),
    (f"serviceAccount:{POOL}[payments:api]", LEGACY, "slash"),
    (f"serviceAccount:{POOL}[ns/payments/sa/api]", LEGACY, "slash"),
    (f"serviceAccount:{POOL}[payments/sa/api]", LEGACY, "slash"),
    (f"serviceAccount:{POOL}[ns/payments/api]", LEGACY, "slash"),
    (f"serviceAccount:{POOL}[system:serviceaccount:payments:api]", LEGACY, "slash"),
    (f"serviceAccount:{POOL}[payments / api]", LEGACY, "slash"),
    (f"serviceAccount:{POOL}/payments/api", LEGACY, "brackets"),
    (f"serviceAccount:{POOL}[Payments/API]", LEGACY, "lower case"),
    ("serviceAccount:Shop-Prod.svc.id.goog[payments/api]", LEGACY, "lower case"),
    (f"serviceAccount:{POOL}[payments/api].iam.gserviceaccount.com", LEGACY, ".iam.gserviceaccount.com"),
    ("serviceAccount:shop-prod.iam.gserviceaccount.com[payments/api]", LEGACY, ".iam.gserviceaccount.com"),
    ("serviceAccount:shop-prod.svc.id.google[payments/api]", LEGACY, ".svc.id.goog"),
    ("serviceAccount:shop-prod[payments/api]", LEGACY, ".svc.id.goog"),
    (f"user:{POOL}[payments/api]", LEGACY, "not user:"),
    (f"{POOL}[payments/api]", LEGACY, "prefix"),
    (f"serviceaccount:{POOL}[payments/api]", LEGACY, "case matters"),
    (f"serviceAccount: {POOL}[payments/api]", LEGACY, "blank"),
    (f" {LEGACY}\n", LEGACY, "white space"),
    (f'"{LEGACY}"', LEGACY, "quotes"),
    (f"serviceAccount:{NUMBER}.svc.id.goog[payments/api]", "", NUMBER),
    (f"serviceAccount:{POOL}", "", "[NAMESPACE/ACCOUNT]"),
    (f"serviceAccount:{POOL}[payments]", "", "[NAMESPACE/ACCOUNT]"),
    (f"serviceAccount:{POOL}[/api]", "", "[NAMESPACE/ACCOUNT]"),
    (f"serviceAccount:{POOL}[payments/a_b]", "", "[NAMESPACE/ACCOUNT]"),
    (
        "serviceAccount:shop.example.com.svc.id.goog[payments/api]",
        "serviceAccount:example.com:shop.svc.id.goog[payments/api]",
        "example.com:shop",
    ),
    (f"principal:{POOLS}/{POOL}/subject/payments/api", DIRECT, "subject/ns/NAMESPACE/sa/ACCOUNT"),
    (f"principal:{POOLS}/{POOL}/subject/payments:api", DIRECT, "subject/ns/NAMESPACE/sa/ACCOUNT"),
    (f"principal:{POOLS}/{POOL}/ns/payments/sa/api", DIRECT, "subject/ns/NAMESPACE/sa/ACCOUNT"),
    (f"principal:{POOLS}/{POOL}/ns/payments/serviceaccount/api", DIRECT, "subject/ns/NAMESPACE/sa/ACCOUNT"),
    (f"principal:{POOLS}/{POOL}/subject/ns/payments/serviceAccounts/api", DIRECT, "subject/ns/NAMESPACE/sa/ACCOUNT"),
    (f"principal:{POOLS}/{POOL}/subject/system:serviceaccount:payments:api", DIRECT, "subject/ns"),
    (f"principal:{POOLS}/{POOL}/subject/ns/Payments/sa/API", DIRECT, "lower case"),
    (f"principal:{POOLS}/Shop-Prod.svc.id.goog/subject/ns/payments/sa/api", DIRECT, "lower case"),
    (f"principalSet:{POOLS}/{POOL}/subject/ns/payments/sa/api", DIRECT, "principal://"),
    (DIRECT.removeprefix("principal:"), DIRECT, "prefix"),
    (DIRECT.replace("principal:", "Principal:"), DIRECT, "case matters"),
    (f"principal:{POOLS}/{POOL}/subject/ns/payments", "", "subject/ns/NAMESPACE/sa/ACCOUNT"),
    (f"principal:{POOLS}/{POOL}", "", "selector"),
    (f"principal:{POOLS}/{NUMBER}.svc.id.goog/subject/ns/payments/sa/api", "", NUMBER),
    (DIRECT.replace(NUMBER, "shop-prod"), "", "project number"),
    (f"principal:{POOLS}/github/subject/x".replace(NUMBER, "shop-prod"), "", "project number"),
    (f"principalSet:{POOLS}/github/*".replace(NUMBER, "shop-prod"), "", "project number"),
    (
        f"principal:{POOLS}/{POOL}/namespace/payments",
        f"principalSet:{POOLS}/{POOL}/namespace/payments",
        "principalSet://",
    ),
    (f"principalSet:{POOLS}/{POOL}/ns/payments", f"principalSet:{POOLS}/{POOL}/namespace/payments", "namespace/"),
    (
        f"principalSet:{POOLS}/{POOL}/kubernetes.serviceaccount.uid/0c1d",
        f"principal:{POOLS}/{POOL}/kubernetes.serviceaccount.uid/0c1d",
        "principal://",
    ),
    (f"principal:{POOLS}/{POOL}/*", f"principalSet:{POOLS}/{POOL}/*", "principalSet://"),
    (
        f"principalSet:{POOLS}/{POOL}/kubernetes.cluster/{CLUSTER.removeprefix('https://')}",
        f"principalSet:{POOLS}/{POOL}/kubernetes.cluster/{CLUSTER}",
        "https://",
    ),
    (f"principalSet:{POOLS}/{POOL}/attribute.namespace/payments", "", "namespace/NAMESPACE"),
    (f"principalSet:{POOLS}/github/subject/x", f"principal:{POOLS}/github/subject/x", "principal://"),
    (f"principal:{POOLS}/github/group/ops", f"principalSet:{POOLS}/github/group/ops", "principalSet://"),
    (f"principal:{POOLS}/github/subject/", "", "subject/SUBJECT"),
    (f"principalSet:{POOLS}/github/attribute.repository", "", "attribute.NAME/VALUE"),
    (f"principal:{WORKFORCE}/staff", "", "subject/SUBJECT"),
    (f"principalSet:{WORKFORCE}/staff/everyone", "", "group/GROUP"),
    ("", "", "empty"),
    ("  \t", "", "empty"),
    ("user:", "", "nothing"),
    ("group:ops", "", "no e-mail"),
    ("user:ada", "", "no e-mail"),
    ("user:ada@", "", "no e-mail"),
    ("user:@example.com", "", "no e-mail"),
    ("user:ada@example.com@example.com", "", "no e-mail"),
    ("user:ada@example.com?uid=7", "", "deleted:"),
    ("user: ada@example.com", "user:ada@example.com", "blank"),
    ("User:ada@example.com", "user:ada@example.com", "case matters"),
    ("robot:ada@example.com", "", "prefix"),
    ("ada@example.com", "", "prefix"),
    ("ci@shop-prod.iam.gserviceaccount.com", "serviceAccount:ci@shop-prod.iam.gserviceaccount.com", "prefix"),
    ("serviceAccount:ci", "", "no e-mail"),
    ("domain:@example.com", "domain:example.com", "without @"),
    ("domain:", "", "no domain"),
    ("projectOwner:", "", "no project"),
    ("allusers", "allUsers", "case matters"),
    ("allUsers ", "allUsers", "white space"),
    ("deleted:user:ada?uid=1", "", "no e-mail"),
    ("principalSet://cloudresourcemanager.googleapis.com/billing/1", "", "organizations/"),
    ("deleted:allUsers", "", "deleted"),
    ("deleted:user:ada@example.com?uid=seven", "", "number"),
    ("principal://goog/group/ops@example.com", "", "goog"),
    ("principalSet://goog/subject/ada@example.com", "", "goog"),
    ("principal://iam.googleapis.com/projects/shop-prod/serviceAccounts/ci@shop-prod.iam.gserviceaccount.com", "", "-"),
    ("principalSet://cloudresourcemanager.googleapis.com/projects/shop-prod/type/ServiceAccount", "", "number"),
    ("principal://id.example.com/subject/x", "", "id.example.com"),
    ("principal:", "", "//SERVICE/PATH"),
]


@pytest.mark.parametrize(("member", "likely", "problem"), MISSPELT, ids=[repr(row[0]) for row in MISSPELT])
def test_what_iam_cannot_match_says_why_and_what_was_meant(member: str, likely: str, problem: str) -> None:
    principal = parse_member(member)
    assert principal.is_malformed
    assert str(principal) == member
    assert problem in principal.problem
    assert principal.likely == likely


@pytest.mark.parametrize(
    "member",
    [member for member, _, _ in MISSPELT if re.search(r"payments.*api", member.lower())],
)
def test_a_misspelt_workload_keeps_its_names(member: str) -> None:
    principal = parse_member(member)
    assert (principal.namespace, principal.service_account) == ("payments", "api")
    assert principal.pool.endswith(".svc.id.goog")


def test_the_project_id_of_a_misspelt_pool_member_stays_known() -> None:
    principal = parse_member(DIRECT.replace(NUMBER, "shop-prod"))
    assert (principal.project, principal.project_number, principal.pool) == ("shop-prod", "", POOL)


@pytest.mark.parametrize(
    ("one", "other"),
    [
        (LEGACY, DIRECT),
        ("user:ada@example.com", "user:Ada@EXAMPLE.com"),
        ("user:ada@example.com", "principal://goog/subject/ada@example.com"),
        ("group:ops@example.com", "principalSet://goog/group/ops@example.com"),
        ("allUsers", "principalSet://goog/public:all"),
        ("domain:example.com", "domain:EXAMPLE.com"),
        (
            "serviceAccount:ci@shop-prod.iam.gserviceaccount.com",
            "principal://iam.googleapis.com/projects/-/serviceAccounts/ci@shop-prod.iam.gserviceaccount.com",
        ),
        (
            "deleted:user:ada@example.com?uid=1",
            "deleted:principal://goog/subject/ada@example.com?uid=1",
        ),
    ],
)
def test_two_spellings_of_one_identity_are_one(one: str, other: str) -> None:
    assert parse_member(one).identity == parse_member(other).identity


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("allUsers", "allAuthenticatedUsers"),
        ("principalSet://goog/cloudIdentityCustomerId/C01", "principalSet://goog/cloudIdentityCustomerId/C02"),
        ("user:ops@example.com", "group:ops@example.com"),
        ("user:ada@example.com", "deleted:user:ada@example.com?uid=1"),
        ("deleted:user:ada@example.com?uid=1", "deleted:user:ada@example.com?uid=2"),
        (LEGACY, LEGACY.replace("shop-prod", "shop-test")),
        (LEGACY, f"principalSet:{POOLS}/{POOL}/namespace/payments"),
        (DIRECT, f"principal:{POOLS}/{POOL}/kubernetes.serviceaccount.uid/0c1d"),
        (f"principal:{POOLS}/github/subject/a", f"principal:{POOLS}/github/subject/A"),
        (f"principal:{POOLS}/github/subject/a", f"principal:{POOLS}/gitlab/subject/a"),
        (f"principal:{WORKFORCE}/staff/subject/a", f"deleted:principal:{WORKFORCE}/staff/subject/a"),
    ],
)
def test_two_identities_are_two(one: str, other: str) -> None:
    assert parse_member(one).identity != parse_member(other).identity


def test_a_workload_can_be_written_the_other_way() -> None:
    assert parse_member(LEGACY).direct_member(NUMBER) == DIRECT
    assert parse_member(DIRECT).direct_member() == DIRECT
    assert parse_member(DIRECT).legacy_member == LEGACY
    assert workload_identity_member("shop-prod", "payments", "api") == LEGACY
    assert parse_member(LEGACY).direct_member() == ""
    assert parse_member("user:ada@example.com").legacy_member == ""
    assert parse_member(f"principal:{POOLS}/{POOL}/kubernetes.serviceaccount.uid/1").direct_member() == ""


def test_predicates_tell_sets_pools_and_consumers() -> None:
    whole = parse_member(f"principalSet:{POOLS}/{POOL}/*")
    assert (whole.is_set, whole.is_whole_pool, whole.is_workload, whole.is_federated) == (True, True, False, False)
    external = parse_member(f"principalSet:{POOLS}/github/*")
    assert (external.is_set, external.is_whole_pool, external.is_federated) == (True, True, True)
    assert not parse_member(f"principalSet:{POOLS}/github/group/ops").is_whole_pool
    assert not parse_member("group:ops@example.com").is_set
    assert parse_member(f"principal:{WORKFORCE}/staff/subject/a").is_federated
    assert parse_member("user:ada@gmail.com").is_consumer
    assert parse_member("group:team@googlegroups.com").is_consumer
    assert not parse_member("user:ada@example.com").is_consumer
    assert parse_member("allAuthenticatedUsers").is_public


@pytest.mark.parametrize(
    ("subject", "kind", "told"),
    [
        ("user:ada@example.com", PrincipalKind.USER, {"email": "ada@example.com"}),
        ("serviceAccount:ci@shop-prod.iam.gserviceaccount.com", PrincipalKind.SERVICE_ACCOUNT, {}),
        (LEGACY, PrincipalKind.WORKLOAD, {"pool": POOL}),
        (DIRECT, PrincipalKind.WORKLOAD, {"pool": POOL}),
        (f"principal:{WORKFORCE}/staff/subject/ada", PrincipalKind.WORKFORCE, {"subject": "ada"}),
        ("serviceAccount:freeform-pool[any/thing]", PrincipalKind.FEDERATED, {"pool": "freeform-pool"}),
        (f"serviceAccount:{NUMBER}.svc.id.goog[a/b]", PrincipalKind.MALFORMED, {"namespace": "a"}),
        ("b5d9f0a2-0000-4000-8000-000000000000", PrincipalKind.FEDERATED, {"pool": ""}),
        ("arn:aws:sts::123456789012:assumed-role/ci/i-1", PrincipalKind.FEDERATED, {"pool": ""}),
        ("ada@example.com", PrincipalKind.FEDERATED, {"subject": "ada@example.com", "email": ""}),
        ("allUsers", PrincipalKind.FEDERATED, {"subject": "allUsers"}),
        ("domain:example.com", PrincipalKind.FEDERATED, {"subject": "domain:example.com"}),
        ("system:serviceaccount:payments:api", PrincipalKind.FEDERATED, {"namespace": ""}),
    ],
)
def test_the_subject_of_a_caller_is_read(subject: str, kind: PrincipalKind, told: dict[str, str]) -> None:
    principal = parse_subject(subject)
    assert principal is not None
    assert principal.kind is kind
    assert {name: getattr(principal, name) for name in told} == told
    assert principal.member == subject


@pytest.mark.parametrize(
    ("email", "kind", "told"),
    [
        ("Ada@example.com", PrincipalKind.USER, {"member": "user:Ada@example.com", "email": "ada@example.com"}),
        ("ci@shop-prod.iam.gserviceaccount.com", PrincipalKind.SERVICE_ACCOUNT, {"project": "shop-prod"}),
        ("service-12@gcp-sa-pubsub.iam.gserviceaccount.com", PrincipalKind.SERVICE_ACCOUNT, {"project_number": "12"}),
        (f"{POOL}[payments/api]", PrincipalKind.WORKLOAD, {"member": LEGACY}),
        (LEGACY, PrincipalKind.WORKLOAD, {"member": LEGACY}),
        (
            "system:serviceaccount:payments:api",
            PrincipalKind.KUBERNETES,
            {"namespace": "payments", "service_account": "api"},
        ),
        ("system:node:gke-main-1", PrincipalKind.KUBERNETES, {"subject": "system:node:gke-main-1"}),
        ("system:anonymous", PrincipalKind.KUBERNETES, {"subject": "system:anonymous"}),
        ("kubelet", PrincipalKind.KUBERNETES, {"subject": "kubelet"}),
        ("allUsers", PrincipalKind.KUBERNETES, {"subject": "allUsers"}),
        ("a b@example.com", PrincipalKind.MALFORMED, {"member": "user:a b@example.com"}),
    ],
)
def test_the_email_of_a_caller_is_read(email: str, kind: PrincipalKind, told: dict[str, str]) -> None:
    principal = parse_email(email)
    assert principal is not None
    assert principal.kind is kind
    assert {name: getattr(principal, name) for name in told} == told


def test_a_caller_without_a_name_is_none() -> None:
    assert parse_subject("") is None
    assert parse_email("") is None


def test_a_parsed_principal_is_an_ordinary_frozen_value() -> None:
    parsed = read_member(LEGACY)
    built = Principal(
        PrincipalKind.WORKLOAD, LEGACY, project="shop-prod", pool=POOL, namespace="payments", service_account="api"
    )
    assert parsed == built
    assert hash(parsed) == hash(built)
    with pytest.raises(AttributeError):
        parsed.member = "user:eve@example.com"  # type: ignore[misc]


def test_a_problem_stays_readable_however_long_the_member() -> None:
    principal = parse_member(f"principal://{'x' * 100_000}/subject")
    assert principal.is_malformed
    assert len(principal.problem) <= 400


def test_every_member_of_the_samples_is_read(corpus: Path) -> None:
    kinds = "user|group|serviceAccount|domain|deleted|principal|principalSet|project(?:Owner|Editor|Viewer)"
    form = re.compile(rf'"((?:{kinds}):[^"\\\s]+)"')
    members = {
        member
        for path in corpus.rglob("*.*json*")
        for member in form.findall(path.read_text(encoding="utf-8", errors="replace"))
    }
    assert len(members) > 50
    assert [member for member in members if parse_member(member).is_malformed] == []


# Generated members: whatever fits the grammar round-trips, and the two spellings of a workload agree.

label = st.from_regex(r"[a-z]([a-z0-9-]{0,10}[a-z0-9])?", fullmatch=True)
project_id = st.from_regex(r"[a-z][a-z0-9-]{4,28}[a-z0-9]", fullmatch=True)
project = st.one_of(project_id, project_id.map(lambda name: f"example.com:{name}"))
number = st.integers(1, 10**12).map(str)
subject = st.text(min_size=1)
email = st.builds("{}@{}.example.com".format, st.from_regex(r"[A-Za-z0-9._+-]{1,20}", fullmatch=True), label)
account = st.builds("{}@{}.iam.gserviceaccount.com".format, label, project_id)
pools = "//iam.googleapis.com/projects/{}/locations/global/workloadIdentityPools/"

well_formed = st.one_of(
    st.builds("{}:{}".format, st.sampled_from(["user", "group", "serviceAccount"]), email),
    st.builds("serviceAccount:{}".format, account),
    st.builds("deleted:{}:{}?uid={}".format, st.sampled_from(["user", "group", "serviceAccount"]), email, number),
    st.builds("domain:{}.example.com".format, label),
    st.builds("{}:{}".format, st.sampled_from(["projectOwner", "projectEditor", "projectViewer"]), project),
    st.sampled_from(["allUsers", "allAuthenticatedUsers", "principalSet://goog/public:all"]),
    st.builds(workload_identity_member, project, label, label),
    st.builds(("principal:" + pools + "{}.svc.id.goog/subject/ns/{}/sa/{}").format, number, project, label, label),
    st.builds(("principalSet:" + pools + "{}.svc.id.goog/namespace/{}").format, number, project, label),
    st.builds(("principal:" + pools + "{}/subject/{}").format, number, label, subject),
    st.builds(("principalSet:" + pools + "{}/group/{}").format, number, label, subject),
    st.builds(("principalSet:" + pools + "{}/attribute.{}/{}").format, number, label, label, subject),
    st.builds(
        ("principalSet:" + pools + "{}/*").format, number, st.one_of(label, project.map("{}.svc.id.goog".format))
    ),
    st.builds(f"principal:{WORKFORCE}/{{}}/subject/{{}}".format, label, subject),
    st.builds(f"deleted:principal:{WORKFORCE}/{{}}/subject/{{}}".format, label, label),
    st.builds(f"principalSet:{WORKFORCE}/{{}}/group/{{}}".format, label, subject),
    st.builds("principal://goog/subject/{}".format, email),
    st.builds("principal://iam.googleapis.com/projects/-/serviceAccounts/{}".format, account),
    st.builds("principalSet://goog/cloudIdentityCustomerId/{}".format, label),
    st.builds("principalSet://cloudresourcemanager.googleapis.com/folders/{}/type/ServiceAccount".format, number),
    st.builds("principal://{}.googleapis.com/projects/{}/uid/{}".format, label, number, subject),
    st.builds("principal://agents.global.org-{}.system.id.goog/{}".format, number, subject),
)


@given(well_formed)
def test_what_fits_the_grammar_round_trips(member: str) -> None:
    principal = parse_member(member)
    assert not principal.is_malformed, principal.problem
    assert str(principal) == member
    assert principal == read_member(member)


@given(project, label, label, number)
def test_both_spellings_of_any_workload_agree(owner: str, namespace: str, ksa: str, owner_number: str) -> None:
    legacy = parse_member(workload_identity_member(owner, namespace, ksa))
    direct = parse_member(legacy.direct_member(owner_number))
    assert direct.is_workload
    assert direct.identity == legacy.identity
    assert direct.legacy_member == legacy.member
    assert (direct.project, direct.project_number) == (owner, owner_number)
    assert (direct.namespace, direct.service_account) == (namespace, ksa)


hostile = st.one_of(
    st.text(),
    st.builds(lambda member, at, junk: member[:at] + junk + member[at:], well_formed, st.integers(0, 150), st.text()),
    st.builds(
        lambda member, at, cut: member[:at] + member[at + cut :], well_formed, st.integers(0, 150), st.integers(1, 9)
    ),
    st.lists(
        st.sampled_from(
            [
                "user:",
                "deleted:",
                "principal:",
                "principalSet:",
                "serviceAccount:",
                "//goog/",
                "//iam.googleapis.com/",
                "projects/",
                "1/",
                "locations/global/",
                "workloadIdentityPools/",
                "a.svc.id.goog",
                "[",
                "]",
                "/",
                "ns/",
                "sa/",
                "subject/",
                "*",
                "@",
                "?uid=",
                "1",
                "a",
                "ſ",
                "İ",
                "²",
                "\x00",
                "\u202e",
                " ",
            ]
        )
    ).map("".join),
)


@given(hostile)
@example("deleted:" * 5000)
@example("user:İ@example.com")
@example("principal://iam.googleapis.com/projects/²/locations/global/workloadIdentityPools/a/subject/b")
def test_any_text_gives_a_consistent_principal(text: str) -> None:
    principal = parse_member(text)
    assert str(principal) == text
    assert principal.is_malformed == bool(principal.problem)
    assert principal.identity or principal.is_malformed
    if principal.likely:
        assert not parse_member(principal.likely).is_malformed
        assert principal.likely != text
    kinds = [principal.is_public, principal.is_workload, principal.is_set, principal.is_malformed]
    assert sum(kinds) <= 1
    accounts = [
        principal.is_service_agent,
        principal.is_default_service_account,
        principal.is_user_managed_service_account,
    ]
    assert sum(accounts) <= (1 if principal.kind is PrincipalKind.SERVICE_ACCOUNT else 0)
    assert principal.is_malformed or not principal.uid or principal.deleted
    if principal.email and not principal.is_malformed:
        assert principal.email.endswith(f"@{principal.domain}")
    if principal.is_workload:
        assert principal.pool
        assert principal.project
        assert principal.ksa_uid or (principal.namespace and principal.service_account)


@given(hostile)
def test_any_text_gives_a_caller(text: str) -> None:
    for principal in (parse_subject(text), parse_email(text)):
        assert (principal is None) == (text == "")
        assert principal is None or not (principal.is_public or principal.is_set or principal.deleted)
