"""The window rules for what is new or does not fit together, and the near misses they do not tell."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest

from bindwatch.adapters.duckdb import DuckDBStore
from bindwatch.engine import Engine, Verdict
from bindwatch.model.finding import Finding, Severity
from bindwatch.model.log_entry import LogEntry, from_dict
from bindwatch.model.outside import NOWHERE, Outside, Place
from bindwatch.pipeline import Delivery, deliver, roll_up_habits
from bindwatch.rule import Context
from bindwatch.rules import LOG_RULES
from rules.case import FixedPlaces
from rules.test_windows_of_discovery import ADMIN, CART, CRM, EVE, IAM, call, keep, sweep
from sample_findings import NOON, at

STORAGE = ("storage.googleapis.com", "storage.buckets.list")
GERMANY, NORWAY = Place("DE", "AS64496 Home Net"), Place("NO", "AS64497 Fjord, Net")
WITH_PLACES = Outside(places=FixedPlaces({}))


@pytest.fixture
def store() -> Iterator[DuckDBStore]:
    with DuckDBStore() as opened:
        yield opened


def seen(store: DuckDBStore, place: Place, *entries: LogEntry) -> None:
    deliver([Delivery(entry, Verdict(), entry.time or NOON, place) for entry in entries], store)


def habit(store: DuckDBStore, days: int, *, place: Place = NOWHERE, caller: str = CART, **more: Any) -> None:
    for ago in range(1, days + 1):
        seen(store, place, call(-ago * 1440, *STORAGE, caller=caller, **more))
    roll_up_habits(store, NOON, days=days + 1)


def places(store: DuckDBStore, minutes: float = 50, **context: Any) -> list[Finding]:
    return sweep(store, "new-place", minutes, outside=WITH_PLACES, **context)


def test_an_account_that_calls_from_a_new_country_is_told_once(store: DuckDBStore) -> None:
    habit(store, 20, place=GERMANY)
    seen(store, GERMANY, call(1, *STORAGE, caller=CART))
    seen(store, NORWAY, call(5, *STORAGE, caller=CART, address="203.0.113.9"), call(6, *STORAGE, caller=CART))
    network, country = sorted(places(store), key=lambda finding: finding.severity)
    assert (country.severity, network.severity) == (Severity.MEDIUM, Severity.LOW)
    assert country.title == f"{CART} called from the country NO for the first time"
    assert network.title == f"{CART} called from the network AS64497 Fjord Net for the first time"
    roll_up_habits(store, at(70))
    seen(store, NORWAY, call(130, *STORAGE, caller=CART))
    assert places(store, 200) == []


def test_people_travel(store: DuckDBStore) -> None:
    habit(store, 20, place=GERMANY, caller=EVE)
    seen(store, NORWAY, call(5, *STORAGE))
    assert [finding.severity for finding in places(store)] == [Severity.LOW, Severity.INFO]


@pytest.mark.parametrize("days", [3, 13])
def test_a_young_account_is_not_judged_by_its_places(store: DuckDBStore, days: int) -> None:
    habit(store, days, place=GERMANY)
    seen(store, NORWAY, call(5, *STORAGE, caller=CART))
    assert places(store) == []


def test_places_nobody_knew_before_are_not_new(store: DuckDBStore) -> None:
    habit(store, 20)
    seen(store, NORWAY, call(5, *STORAGE, caller=CART))
    assert places(store) == [], "the database was named yesterday"


def test_without_a_database_the_rule_is_off(store: DuckDBStore) -> None:
    habit(store, 20, place=GERMANY)
    seen(store, NORWAY, call(5, *STORAGE, caller=CART))
    assert sweep(store, "new-place") == []


LIBRARY = "gcloud-python/3.4.1 gl-python/3.13.7 grpc/1.76.0,gzip(gfe)"


@pytest.mark.parametrize(
    ("agent", "severity"),
    [
        ("google-cloud-sdk gcloud/545.0.0 command/gcloud.projects.list", Severity.MEDIUM),
        ("Boto/2.49.0 Python/3.9", Severity.LOW),
    ],
)
def test_a_tool_the_account_never_used(store: DuckDBStore, agent: str, severity: Severity) -> None:
    habit(store, 20, agent=LIBRARY)
    keep(store, call(3, *STORAGE, caller=CART, agent=LIBRARY.replace("3.4.1", "4.0.0")))
    keep(store, call(5, *STORAGE, caller=CART, agent=agent))
    (finding,) = sweep(store, "new-user-agent")
    assert (finding.severity, finding.principal) == (severity, CART)


def test_tools_of_people_and_of_young_accounts_are_not_judged(store: DuckDBStore) -> None:
    habit(store, 20, agent=LIBRARY, caller=EVE)
    habit(store, 5, agent=LIBRARY)
    keep(store, call(5, *STORAGE, agent="curl/8"), call(5, *STORAGE, caller=CART, agent="curl/8"))
    assert sweep(store, "new-user-agent") == []


def busy(store: DuckDBStore, today: int, usual: int = 20, days: int = 16) -> None:
    for ago in range(1, days + 1):
        keep(store, *(call(-ago * 1440 + n / 10, *STORAGE, caller=CART) for n in range(usual + ago % 3)))
    keep(store, *(call(n / 20, *STORAGE, caller=CART) for n in range(today)))
    roll_up_habits(store, at(30), days=days + 1)


def test_a_day_with_far_more_calls_than_usual(store: DuckDBStore) -> None:
    busy(store, 600)
    (finding,) = sweep(store, "unusual-volume")
    assert finding.title == f"{CART} made 600 calls today, where 21 a day are usual"
    (again,) = sweep(store, "unusual-volume", 55)
    assert again.event_key == finding.event_key


@pytest.mark.parametrize(
    ("today", "usual", "days"), [(40, 20, 16), (600, 550, 16), (600, 20, 10)], ids=["few", "usual", "young"]
)
def test_volumes_that_are_nothing_special(store: DuckDBStore, today: int, usual: int, days: int) -> None:
    busy(store, today, usual, days)
    assert sweep(store, "unusual-volume") == []


NEW = "helper@shop.iam.gserviceaccount.com"


def judged(store: DuckDBStore, *entries: LogEntry) -> None:
    engine = Engine(Context(), LOG_RULES)
    deliver([Delivery(entry, engine.judge_entry(entry), entry.time or NOON) for entry in entries], store)


def made(minutes: float, **more: Any) -> LogEntry:
    return call(minutes, IAM, ADMIN + "CreateServiceAccount", target=NEW, **more)


def granted(minutes: float, role: str = "roles/owner", member: str = NEW, **more: Any) -> LogEntry:
    entry = call(minutes, CRM, "SetIamPolicy", resource={"type": "project", "labels": {"project_id": "shop"}}, **more)
    delta = {"bindingDeltas": [{"action": "ADD", "role": role, "member": f"serviceAccount:{member}"}]}
    return from_dict(
        {
            "logName": entry.log_name,
            "insertId": f"{role}{member}{minutes}",
            "timestamp": entry.timestamp,
            "resource": {"type": "project", "labels": {"project_id": "shop"}},
            "protoPayload": {
                "serviceName": CRM,
                "methodName": "SetIamPolicy",
                "resourceName": "projects/shop",
                "authenticationInfo": {"principalEmail": EVE},
                "serviceData": {"policyDelta": delta},
            },
        }
    )


@pytest.mark.parametrize("backwards", [False, True], ids=["in-order", "late"])
def test_an_account_that_is_made_and_given_owner_is_one_story(store: DuckDBStore, backwards: bool) -> None:
    entries = [made(1), granted(4)]
    judged(store, *(entries[::-1] if backwards else entries))
    (finding,) = sweep(store, "new-account-empowered")
    assert finding.title == f"{NEW} was made by {EVE} and 3 minutes later held roles/owner"
    assert finding.severity is Severity.HIGH
    assert finding.remediation is not None
    (again,) = sweep(store, "new-account-empowered", 100)
    assert again.event_key == finding.event_key


@pytest.mark.parametrize(
    "entries",
    [
        (granted(1), made(4)),
        (made(1), granted(62)),
        (made(1), granted(4, "roles/browser")),
        (made(1), granted(4, member="old@shop.iam.gserviceaccount.com")),
        (made(1, code=7), granted(4)),
    ],
    ids=["before", "much-later", "a-small-role", "another-account", "refused"],
)
def test_accounts_that_are_made_without_power(store: DuckDBStore, entries: tuple[LogEntry, ...]) -> None:
    judged(store, *entries)
    assert sweep(store, "new-account-empowered", 70) == []


@pytest.mark.parametrize(
    ("days", "role", "stories"),
    [(75, "roles/owner", 1), (75, "roles/browser", 0), (30, "roles/owner", 0)],
    ids=["silent", "a-small-role", "at-work"],
)
def test_a_role_on_a_project_for_an_account_that_was_silent(
    store: DuckDBStore, days: int, role: str, stories: int
) -> None:
    keep(store, call(-days * 1440, *STORAGE, caller=CART))
    roll_up_habits(store, NOON, days=days + 1)
    judged(store, granted(4, role, member=CART))
    found = sweep(store, "dormant-account-prepared")
    assert [finding.title for finding in found] == [f"{EVE} gave the dormant account {CART} {role}"] * stories


KEY = f"projects/shop/serviceAccounts/{CART}/keys/0f0f"


def key_made(minutes: float, **more: Any) -> LogEntry:
    name = f"projects/-/serviceAccounts/{CART}"
    entry = call(minutes, IAM, ADMIN + "CreateServiceAccountKey", name, target=CART, **more)
    return from_dict(
        {
            "logName": entry.log_name,
            "insertId": f"key{minutes}",
            "timestamp": entry.timestamp,
            "resource": {"type": "service_account", "labels": {"email_id": CART, "project_id": "shop"}},
            "protoPayload": {
                "serviceName": IAM,
                "methodName": entry.method,
                "resourceName": name,
                "authenticationInfo": {"principalEmail": EVE},
                "requestMetadata": {"callerIp": entry.caller_ip, "callerSuppliedUserAgent": entry.user_agent},
                "response": {"name": KEY, "key_type": 1},
            },
        }
    )


def key_used(minutes: float, address: str, key: str = KEY) -> LogEntry:
    return call(minutes, *STORAGE, caller=CART, address=address, key=f"//iam.googleapis.com/{key}")


@pytest.mark.parametrize("backwards", [False, True], ids=["in-order", "late"])
def test_a_new_key_that_is_used_from_elsewhere_is_told(store: DuckDBStore, backwards: bool) -> None:
    entries = [key_made(1), key_used(2, "198.51.100.77"), key_used(5, "203.0.113.9"), key_used(9, "192.0.2.1")]
    judged(store, *(entries[::-1] if backwards else entries))
    (finding,) = sweep(store, "new-key-used-elsewhere")
    assert finding.title == f"A key of {CART} was used from 203.0.113.9, 4 minutes after {EVE} made it"
    assert finding.severity is Severity.HIGH
    assert finding.remediation is not None
    assert "keys disable 0f0f" in finding.remediation.commands[0]


@pytest.mark.parametrize(
    "entries",
    [
        (key_made(1), key_used(5, "198.51.100.77")),
        (key_made(1), key_used(62, "203.0.113.9")),
        (key_used(0, "203.0.113.9"), key_made(1)),
        (key_made(1), key_used(5, "203.0.113.9", KEY.replace("0f0f", "old"))),
    ],
    ids=["same-network", "much-later", "before", "another-key"],
)
def test_keys_that_are_used_as_meant(store: DuckDBStore, entries: tuple[LogEntry, ...]) -> None:
    judged(store, *entries)
    assert sweep(store, "new-key-used-elsewhere", 70) == []


MINT = ("iamcredentials.googleapis.com", "GenerateAccessToken")


def delegated(minutes: float, by: str = EVE) -> LogEntry:
    entry = call(minutes, *STORAGE, caller=CART)
    info = {"principalEmail": CART, "serviceAccountDelegationInfo": [{"firstPartyPrincipal": {"principalEmail": by}}]}
    return from_dict(
        {
            "logName": entry.log_name,
            "insertId": f"delegated{minutes}{by}",
            "timestamp": entry.timestamp,
            "protoPayload": {
                "serviceName": STORAGE[0],
                "methodName": STORAGE[1],
                "resourceName": "projects/_/buckets/b",
                "authenticationInfo": info,
            },
        }
    )


def watched(store: DuckDBStore) -> None:
    keep(store, call(-1440, *MINT, target=CART))
    roll_up_habits(store, NOON)


def test_a_delegated_call_without_a_mint_is_told(store: DuckDBStore) -> None:
    watched(store)
    keep(store, delegated(80))
    (finding,) = sweep(store, "delegation-without-mint", 100)
    assert finding.title == f"{EVE} acted as {CART}, with a token nobody was seen to mint"
    assert finding.principal == f"user:{EVE}"


def test_a_delegated_call_after_its_mint_is_none(store: DuckDBStore) -> None:
    watched(store)
    keep(store, call(30, *MINT, target=CART), delegated(80))
    assert sweep(store, "delegation-without-mint", 100) == []


def test_where_mints_are_not_logged_nothing_is_missed(store: DuckDBStore) -> None:
    keep(store, delegated(80))
    assert sweep(store, "delegation-without-mint", 100) == []


def test_an_agent_of_google_in_between_is_no_delegation(store: DuckDBStore) -> None:
    watched(store)
    keep(store, delegated(80, by="service-123456789012@compute-system.iam.gserviceaccount.com"))
    assert sweep(store, "delegation-without-mint", 100) == []


def mint(minutes: float, caller: str, *, pod: bool = False) -> LogEntry:
    agent = "google-api-go-client/0.5 gke-metadata-server,gzip(gfe)" if pod else "curl/8"
    return call(minutes, *MINT, target=CART, caller=caller, agent=agent)


def test_an_account_of_pods_that_somebody_else_becomes_is_grave_from_the_first_day(store: DuckDBStore) -> None:
    keep(store, mint(-1440, "pod@shop.iam.gserviceaccount.com", pod=True))
    roll_up_habits(store, NOON)
    keep(store, mint(3, "other-pod@shop.iam.gserviceaccount.com", pod=True), mint(5, EVE))
    (finding,) = sweep(store, "new-impersonator")
    assert (finding.severity, finding.title) == (Severity.HIGH, f"{EVE} became {CART} for the first time")


def usually(store: DuckDBStore, by: str = EVE) -> None:
    keep(store, delegated(-1440, by))
    roll_up_habits(store, NOON)


def test_a_token_that_nobody_was_seen_to_use_is_a_line_of_the_record(store: DuckDBStore) -> None:
    usually(store)
    keep(store, mint(5, EVE))
    assert sweep(store, "mint-without-use", 60) == [], "it may still be used"
    (finding,) = sweep(store, "mint-without-use", 80)
    assert finding.title == f"{EVE} minted a token for {CART}, and was not seen to use it within the hour"
    assert (finding.severity, finding.principal) == (Severity.INFO, EVE)


@pytest.mark.parametrize(
    ("by", "entries"),
    [
        (EVE, (mint(5, EVE), delegated(50))),
        ("ada@example.com", (mint(5, EVE),)),
        (EVE, (mint(5, EVE), mint(6, "ci@shop.iam.gserviceaccount.com"), delegated(9))),
    ],
    ids=["used", "never-seen-acting-through-it", "pipelines"],
)
def test_tokens_that_are_used_or_whose_use_no_log_shows(
    store: DuckDBStore, by: str, entries: tuple[LogEntry, ...]
) -> None:
    usually(store, by)
    keep(store, *entries)
    assert sweep(store, "mint-without-use", 90) == []


def test_a_token_that_another_used_is_not_used_by_who_minted_it(store: DuckDBStore) -> None:
    usually(store)
    keep(store, mint(5, EVE), delegated(9, "ada@example.com"))
    assert len(sweep(store, "mint-without-use", 90)) == 1


PROVIDER = "projects/123456789012/locations/global/workloadIdentityPools/ci/providers/github"


def exchanged(minutes: float, subject: str, provider: str = PROVIDER, code: int = 0) -> LogEntry:
    return from_dict(
        {
            "logName": "projects/shop/logs/cloudaudit.googleapis.com%2Fdata_access",
            "insertId": f"sts{minutes}{subject}",
            "timestamp": call(minutes, *STORAGE).timestamp,
            "resource": {"type": "audited_resource", "labels": {"project_id": "shop"}},
            "protoPayload": {
                "serviceName": "sts.googleapis.com",
                "methodName": "google.identity.sts.v1.SecurityTokenService.ExchangeToken",
                "resourceName": provider,
                "status": {"code": code} if code else {},
                "authenticationInfo": {"principalSubject": subject},
                "requestMetadata": {"callerIp": "203.0.113.9"},
            },
        }
    )


def pipelines(store: DuckDBStore, days: int = 20, subjects: int = 3) -> None:
    for ago in range(1, days + 1):
        keep(store, *(exchanged(-ago * 1440, f"repo:example/shop-{n}:ref:refs/heads/main") for n in range(subjects)))
    roll_up_habits(store, NOON, days=days + 1)


def test_a_subject_that_a_provider_never_let_in_is_told(store: DuckDBStore) -> None:
    pipelines(store)
    known, stranger = "repo:example/shop-1:ref:refs/heads/main", "repo:stranger/shop:ref:refs/heads/main"
    keep(store, exchanged(4, known), exchanged(5, stranger), exchanged(6, stranger))
    (finding,) = sweep(store, "new-federated-subject")
    assert finding.title == f"{stranger} came in through the identity provider github for the first time"
    assert finding.resource_name.endswith("/providers/github")
    assert finding.severity is Severity.LOW
    (again,) = sweep(store, "new-federated-subject", 100)
    assert again.event_key == finding.event_key


@pytest.mark.parametrize(
    ("days", "subjects", "code", "provider"),
    [(10, 3, 0, PROVIDER), (20, 21, 0, PROVIDER), (20, 3, 3, PROVIDER), (20, 3, 0, PROVIDER + "-new")],
    ids=["young", "many-come-and-go", "refused", "another-provider"],
)
def test_subjects_that_are_nothing_special(
    store: DuckDBStore, days: int, subjects: int, code: int, provider: str
) -> None:
    pipelines(store, days, subjects)
    keep(store, exchanged(5, "repo:stranger/shop:ref:refs/heads/main", provider, code))
    assert sweep(store, "new-federated-subject") == []
