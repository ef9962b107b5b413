"""Window rules over files: what must be there before a store is made is what their queries ask for."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable
from datetime import UTC, datetime
from typing import Any

import msgspec
import pytest

from bindwatch.adapters.file_windows import FileWindows
from bindwatch.adapters.questions import sql_text, window_file
from bindwatch.model.log_block import LogBlock
from bindwatch.rule import Context, Rule
from bindwatch.rules import WINDOW_RULES

NOW = datetime(2026, 3, 2, 12, tzinfo=UTC)
# They compare with everything that happened, which a part of the entries is not.
OF_EVERYTHING = {"delegation-without-mint", "log-source-silent", "log-source-late", "canary-lost"}
# Joined with findings, which is counted by the findings.
OF_FINDINGS = {"workload-identity-broken", "new-account-empowered", "new-key-used-elsewhere"}


def query(rule: Rule[Any]) -> str:
    return sql_text(window_file(rule.id))


@pytest.mark.parametrize("rule", WINDOW_RULES, ids=lambda rule: rule.id)
def test_a_rule_counts_what_its_query_counts(rule: Rule[Any]) -> None:
    text = query(rule)
    if rule.counted is None:
        assert "habits" in text or rule.id in OF_EVERYTHING | OF_FINDINGS, "say what must be there: Counted(…)"
        return
    assert rule.id not in OF_EVERYTHING
    asked = re.search(r"(\d+) as least,", text)
    assert rule.counted.least == (int(asked[1]) if asked else 1)
    assert rule.counted.refused == bool(re.search(r"^\s*and denied$|when denied then .* as item", text, re.MULTILINE))
    grouped = {"caller_ip as caller": "address", "key_name as caller": "key"}
    assert rule.counted.per == next((per for words, per in grouped.items() if words in text), "caller")


def entry(number: int, *, method: str = "GenerateAccessToken", **more: Any) -> bytes:
    deed = {
        "serviceName": more.get("service", "iamcredentials.googleapis.com"),
        "methodName": method,
        "status": {"code": more.get("code", 7)},
        "authenticationInfo": {"principalEmail": more.get("caller", "eve@example.com"), **more.get("who", {})},
        "requestMetadata": {"callerIp": more.get("address", "203.0.113.9")},
    }
    return msgspec.json.encode(
        {
            "logName": "projects/shop/logs/cloudaudit.googleapis.com%2Fdata_access",
            "insertId": str(number),
            "timestamp": f"2026-03-02T11:00:{number % 60:02}Z",
            "resource": {"type": "x", "labels": {"project_id": "shop", "email_id": more.get("target", "")}},
            "protoPayload": deed,
        }
    )


def wanted(lines: Iterable[bytes]) -> bool:
    windows = FileWindows(WINDOW_RULES, Context(as_of=NOW))
    for number, line in enumerate(lines):
        windows.see(LogBlock.of_one(line, "a log", number))
    return windows.wanted


def target(number: int) -> str:
    return f"sa-{number}@shop.iam.gserviceaccount.com"


LOGIN = {"service": "login.googleapis.com", "method": "google.login.LoginService.loginFailure", "code": 0}
KEY = {"service": "storage.googleapis.com", "method": "storage.objects.get", "code": 0}
CASES: dict[str, tuple[Callable[[int], bytes], int]] = {
    "different targets": (lambda number: entry(number, target=target(number)), 5),
    "refusals of anything": (lambda number: entry(number, service="storage.googleapis.com", method="x"), 20),
    "people at one address": (lambda number: entry(number, caller=f"u{number}@example.com", **LOGIN), 5),
    "uses of a key": (lambda number: entry(number, who={"serviceAccountKeyName": "//iam/k"}, **KEY), 3),
}


@pytest.mark.parametrize("name", CASES)
def test_a_store_is_made_from_the_number_on_that_the_rule_needs(name: str) -> None:
    make, least = CASES[name]
    assert not wanted(make(number) for number in range(least - 1))
    assert wanted(make(number) for number in range(least))


def test_refusals_that_name_no_method_count_wherever_they_stand() -> None:
    refusals = [entry(number, service="", method="") for number in range(20)]
    assert wanted(refusals)
    windows = FileWindows(WINDOW_RULES, Context(as_of=NOW))
    windows.see(LogBlock.of_lines(b"\n".join(refusals)))
    assert windows.wanted


LISTING = {"service": "iam.googleapis.com", "method": "google.iam.admin.v1.ListServiceAccountKeys", "code": 0}
IN_ITS_LABELS = {"resource": {"labels": {"project_id": "shop", "method": LISTING["method"]}}}


def spelled(number: int, *, payload: dict[str, Any], **parts: Any) -> bytes:
    """One listing of the many, with some of its parts written differently."""
    document = msgspec.json.decode(entry(number, target=target(number), **LISTING))
    document["protoPayload"] |= {"resourceName": f"projects/-/serviceAccounts/{target(number)}", **payload}
    return msgspec.json.encode(document | parts)


@pytest.mark.parametrize(
    ("payload", "parts"),
    [
        ({}, {}),
        ({"methodName": ""}, IN_ITS_LABELS),
        ({"serviceName": ""}, {}),
        ({"authenticationInfo": {"principalEmail": "Eve@Example.com"}}, {}),
        ({"authenticationInfo": {"principalEmail": "eve@example.com", "principalSubject": "user:eve@example.com"}}, {}),
    ],
    ids=["as all", "the method in its labels", "no service", "capitals", "with its subject"],
)
def test_what_a_store_takes_for_one_caller_doing_the_same_counts_together(
    payload: dict[str, Any], parts: dict[str, Any]
) -> None:
    lines = [
        spelled(number, payload=payload if number % 2 else {}, **(parts if number % 2 else {})) for number in range(8)
    ]
    windows = FileWindows(WINDOW_RULES, Context(as_of=NOW))
    block = LogBlock.of_lines(b"\n".join(lines))
    windows.see(block)
    assert windows.wanted
    windows.keep(block)
    assert {finding.rule_id for finding in windows.verdict().findings} == {"identity-enumeration"}


def test_one_workload_that_is_refused_the_same_again_makes_no_store() -> None:
    assert not wanted(entry(number, target=target(1)) for number in range(19))


def test_refusals_of_many_callers_make_no_store() -> None:
    assert not wanted(entry(number, caller=f"u{number}@example.com", target=target(number)) for number in range(500))


def test_a_tag_alone_is_reason_enough() -> None:
    method = "google.cloud.resourcemanager.v3.TagBindings.CreateTagBinding"
    assert wanted([entry(1, service="cloudresourcemanager.googleapis.com", method=method, code=0)])
