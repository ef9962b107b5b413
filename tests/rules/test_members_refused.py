"""What is offered where IAM did not take a grant for its member: a command only where the right member is certain."""

from __future__ import annotations

import json
from typing import Any

import pytest

from bindwatch.engine import Engine
from bindwatch.model.finding import Finding
from bindwatch.model.log_entry import from_dict
from bindwatch.rule import Context
from bindwatch.rules import LOG_RULES
from rules.case import CASES, inventory_of

_ACCOUNT = "apl@shop-prod.iam.gserviceaccount.com"


def told(story: str, *documents: dict[str, Any]) -> list[Finding]:
    """What the rule says of the entries of its case, with such an inventory at hand."""
    case = json.loads((CASES / "grant-member-refused" / f"{story}.json").read_text())
    engine = Engine(Context(inventory=inventory_of(documents) if documents else None), LOG_RULES)
    findings = [found for entry in case["entries"] for found in engine.judge_entry(from_dict(entry)).findings]
    return [found for found in findings if found.rule_id == "grant-member-refused"]


def commands(finding: Finding) -> list[str]:
    """The commands that would put it right."""
    return [step.command() for step in finding.remediation.steps] if finding.remediation else []


def account(email: str) -> dict[str, Any]:
    return {
        "name": f"//iam.googleapis.com/projects/shop-prod/serviceAccounts/{email}",
        "assetType": "iam.googleapis.com/ServiceAccount",
        "resource": {"data": {"email": email, "projectId": "shop-prod", "uniqueId": "100000000000000000007"}},
    }


@pytest.mark.parametrize(
    ("story", "member"),
    [
        ("fires-prefix-forgotten", "serviceAccount:api@shop-prod.iam.gserviceaccount.com"),
        ("fires-another-kind-of-account", "user:john@example.com"),
        ("fires-malformed-member-without-a-name-in-the-text", "serviceAccount:shop-prod.svc.id.goog[web/api]"),
    ],
)
def test_a_member_that_is_certain_is_offered(story: str, member: str) -> None:
    for finding in told(story):
        (command,) = commands(finding)
        assert f"--member={member}" in command.replace("'", "")


@pytest.mark.parametrize("story", ["fires-account-that-is-not-there", "fires-group-that-is-not-there"])
def test_nothing_is_offered_for_who_is_not_there(story: str) -> None:
    (finding,) = told(story)
    assert commands(finding) == []
    assert any("try again" in note for note in finding.notes)


def test_the_same_grant_is_offered_once_the_account_is_there() -> None:
    (finding,) = told("fires-account-that-is-not-there", account(_ACCOUNT))
    assert finding.cause == "propagation-delay"
    assert f"--member=serviceAccount:{_ACCOUNT}" in commands(finding)[0]


def test_an_account_of_nearly_the_same_name_is_named_and_not_granted() -> None:
    near = "api@shop-prod.iam.gserviceaccount.com"
    (finding,) = told("fires-account-that-is-not-there", account(near))
    assert f"Probably meant: serviceAccount:{near}" in finding.notes
    assert commands(finding) == []
    (finding,) = told("fires-account-that-is-not-there", account(near), account(near.replace("api", "app")))
    assert not any("Probably" in note for note in finding.notes)
