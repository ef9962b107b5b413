"""Window rules: entries into a store, stories out of it, each told once."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import timedelta

import pytest

from bindwatch.adapters.duckdb import DuckDBStore
from bindwatch.engine import Verdict
from bindwatch.model.finding import Finding, Severity
from bindwatch.model.log_entry import LogEntry, from_dict
from bindwatch.pipeline import Delivery, deliver, roll_up_habits, sweep_windows
from bindwatch.rule import Context
from bindwatch.rules import WINDOW_RULES
from sample_findings import NOON, at, written

GET_TOKEN = "iam.serviceAccounts.getAccessToken"


@pytest.fixture
def store() -> Iterator[DuckDBStore]:
    with DuckDBStore() as opened:
        yield opened


def call(
    minutes: float,
    *,
    target: str = "",
    caller: str = "",
    denied: bool = False,
    permission: str = GET_TOKEN,
    service: str = "iamcredentials.googleapis.com",
    address: str = "198.51.100.9",
    agent: str = "curl/8",
) -> LogEntry:
    """One call; without a caller it is redacted."""
    return from_dict(
        {
            "logName": "projects/shop/logs/cloudaudit.googleapis.com%2Fdata_access",
            "insertId": f"{caller}{target}{minutes}{permission}{denied}",
            "timestamp": written(at(minutes)),
            "severity": "ERROR" if denied else "INFO",
            "resource": {"type": "service_account", "labels": {"project_id": "shop", "email_id": target}},
            "protoPayload": {
                "serviceName": service,
                "methodName": "GenerateAccessToken",
                "resourceName": "projects/-/serviceAccounts/1",
                "status": {"code": 7} if denied else {},
                "authenticationInfo": {"principalEmail": caller} if caller else {},
                "authorizationInfo": [{"permission": permission} | ({} if denied else {"granted": True})],
                "requestMetadata": {"callerIp": address, "callerSuppliedUserAgent": agent},
            },
        }
    )


def account(number: int) -> str:
    return f"sa-{number}@shop.iam.gserviceaccount.com"


def keep(store: DuckDBStore, *entries: LogEntry) -> None:
    deliver([Delivery(entry, Verdict(), entry.time or NOON) for entry in entries], store)


def sweep(store: DuckDBStore, minutes: float, rule_id: str, **context: object) -> list[Finding]:
    rules = [rule for rule in WINDOW_RULES if rule.id == rule_id]
    verdict = sweep_windows(store, rules, Context(**context), at(minutes))  # type: ignore[arg-type]
    assert verdict.failures == ()
    return list(verdict.findings)


def test_a_redacted_caller_that_tries_five_accounts_is_one_story(store: DuckDBStore) -> None:
    keep(store, *(call(number, target=account(number), denied=True) for number in range(7)))
    (finding,) = sweep(store, 10, "service-account-fan-out")
    assert finding.severity is Severity.HIGH
    assert "7 service accounts" in finding.title
    assert "198.51.100.9" in finding.title
    assert finding.project == "shop"
    for minutes in (11, 40, 59, 70, 115):
        sweep(store, minutes, "service-account-fan-out")
    (standing,) = store.ask("views/findings", {})
    assert standing["count"] == 1


def test_an_account_that_opened_makes_it_critical(store: DuckDBStore) -> None:
    keep(store, *(call(number, target=account(number), denied=True) for number in range(5)))
    keep(store, call(6, target=account(9)))
    (finding,) = sweep(store, 10, "service-account-fan-out")
    assert finding.severity is Severity.CRITICAL


def test_a_search_across_the_full_hour_is_seen(store: DuckDBStore) -> None:
    keep(store, *(call(-12 + 5 * number, target=account(number), denied=True) for number in range(5)))
    assert len(sweep(store, 30, "service-account-fan-out")) == 1


def test_the_same_account_again_and_again_is_no_search(store: DuckDBStore) -> None:
    keep(store, *(call(number, target=account(1), denied=True) for number in range(20)))
    assert sweep(store, 30, "service-account-fan-out") == []


def test_four_accounts_or_two_sources_are_no_search(store: DuckDBStore) -> None:
    keep(store, *(call(number, target=account(number), denied=True) for number in range(4)))
    keep(store, *(call(5, target=account(number), denied=True, address="203.0.113.5") for number in range(4, 8)))
    assert sweep(store, 30, "service-account-fan-out") == []


def test_automation_by_settings_is_low(store: DuckDBStore) -> None:
    keep(store, *(call(number, target=account(number), denied=True, caller="ci@example.com") for number in range(6)))
    (finding,) = sweep(store, 10, "service-account-fan-out", automation=("ci@example.com",))
    assert finding.severity is Severity.LOW


def probes(count: int, kinds: int, **how: str) -> list[LogEntry]:
    return [
        call(
            number / 2, caller="eve@example.com", denied=True, permission=f"storage.buckets.verb{number % kinds}", **how
        )
        for number in range(count)
    ]


def test_twenty_refusals_of_many_kinds_are_a_burst(store: DuckDBStore) -> None:
    keep(store, *probes(22, 6))
    (finding,) = sweep(store, 30, "denial-burst")
    assert finding.title == "eve@example.com was refused 22 times within an hour, for 6 permissions"
    assert finding.principal == "eve@example.com"


def test_one_broken_job_is_no_burst(store: DuckDBStore) -> None:
    keep(store, *probes(60, 1))
    assert sweep(store, 50, "denial-burst") == []


def test_nineteen_refusals_are_no_burst(store: DuckDBStore) -> None:
    keep(store, *probes(19, 6))
    assert sweep(store, 50, "denial-burst") == []


def habit(store: DuckDBStore, days: int, caller: str, target: str) -> None:
    """The caller minted for the target once a day, for so many days until yesterday."""
    for ago in range(1, days + 1):
        keep(store, call(-ago * 1440, caller=caller, target=target))
    roll_up_habits(store, NOON, days=days + 1)


def test_a_caller_nobody_saw_before_is_new_once(store: DuckDBStore) -> None:
    habit(store, 20, "ci@example.com", account(1))
    keep(store, call(1, caller="ci@example.com", target=account(1)))
    keep(store, call(2, caller="eve@example.com", target=account(1)))
    (finding,) = sweep(store, 5, "new-impersonator")
    assert finding.title == f"eve@example.com became {account(1)} for the first time"
    keep(store, call(90, caller="eve@example.com", target=account(1)))
    roll_up_habits(store, at(100))
    assert sweep(store, 200, "new-impersonator") == []


def test_a_young_account_is_not_judged(store: DuckDBStore) -> None:
    habit(store, 5, "ci@example.com", account(1))
    keep(store, call(2, caller="eve@example.com", target=account(1)))
    assert sweep(store, 5, "new-impersonator") == []


def test_an_account_that_wakes_up_is_told(store: DuckDBStore) -> None:
    sleeper = account(3)
    keep(store, call(-100 * 1440, caller=sleeper, target=sleeper), call(-100 * 1440 + 5, caller=account(4)))
    keep(store, call(-30 * 1440, caller=account(4)))
    roll_up_habits(store, NOON, days=101)
    keep(store, call(3, caller=sleeper, target=sleeper), call(4, caller=account(4)))
    (finding,) = sweep(store, 5, "dormant-identity-active")
    assert finding.subject.endswith(sleeper)
    assert str((NOON - timedelta(days=100)).date()) in finding.title


def test_every_window_rule_has_its_sql_and_the_other_way_round(store: DuckDBStore) -> None:
    from bindwatch.adapters.questions import questions

    asked = [*questions("windows"), *questions("windows/hourly")]
    assert sorted(asked) == sorted(rule.id.replace("-", "_") for rule in WINDOW_RULES)
    for rule in WINDOW_RULES:
        for heading in ("Why it matters", "What to do", "Known false positives", "Blind spots"):
            assert rule.section(heading), f"{rule.id} lacks {heading}"
