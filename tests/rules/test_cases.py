"""Every rule against its cases, and every rule's page."""

from __future__ import annotations

import json
import re
from collections import Counter

import pytest

from bindwatch.inventory import Inventory
from bindwatch.model.log_entry import LogEntry
from bindwatch.rule import Rule
from bindwatch.rules import INVENTORY_RULES, LOG_RULES
from rules.case import CASES, Case, all_cases, judge

HEADINGS = ("Why it matters", "What to do", "Known false positives", "Blind spots")
RULES: tuple[Rule[LogEntry] | Rule[Inventory], ...] = (*LOG_RULES, *INVENTORY_RULES)
BY_ID = {rule.id: rule for rule in RULES}


@pytest.mark.parametrize("case", all_cases(), ids=str)
def test_case(case: Case) -> None:
    findings, verdicts, expected = judge(case)
    assert [failure for verdict in verdicts for failure in verdict.failures] == []
    if not case.fires:
        assert findings == []
        return
    assert findings, f"{case.rule_id} is silent"
    for finding in findings:
        for field, value in expected.items():
            found = getattr(finding, field)
            assert getattr(found, "name", found) == value, f"{field} of {finding.title!r}"
        assert not finding.title.endswith(".")
        assert finding.resource_name.startswith("//"), finding.resource_name
        assert finding.subject


@pytest.mark.parametrize("rule", LOG_RULES, ids=lambda rule: f"{rule.subject}-{rule.id}")
def test_a_log_rule_has_a_firing_and_a_quiet_case(rule: Rule[LogEntry]) -> None:
    names = [path.name for path in (CASES / rule.id).glob("*.json")]
    assert any(name.startswith("fires-") for name in names)
    assert any(name.startswith("quiet-") for name in names)


GENERATED = {
    "too-many-kubernetes-service-accounts": "tests/rules/test_standing.py",
    "not-allowed-to-look": "tests/serving/test_audit.py",
}
"""Inventory rules whose firing case would be a file nobody reads, and the test that makes it instead."""


@pytest.mark.parametrize("rule", INVENTORY_RULES, ids=lambda rule: f"{rule.subject}-{rule.id}")
def test_an_inventory_rule_has_a_firing_and_a_quiet_case(rule: Rule[Inventory]) -> None:
    standing = [
        path.name
        for path in (CASES / rule.id).glob("*.json")
        if "entries" not in (document := json.loads(path.read_text())) and "inventory" in document
    ]
    assert any(name.startswith("quiet-") for name in standing)
    assert rule.id in GENERATED or any(name.startswith("fires-") for name in standing)


@pytest.mark.parametrize("rule", RULES, ids=lambda rule: f"{rule.subject}-{rule.id}")
def test_a_page_says_what_happened_and_what_to_do(rule: Rule[LogEntry] | Rule[Inventory]) -> None:
    for heading in HEADINGS:
        assert rule.section(heading), f"{rule.id} lacks {heading}"


def test_a_rule_id_is_one_problem() -> None:
    for rules in (LOG_RULES, INVENTORY_RULES):
        assert [rule_id for rule_id, count in Counter(rule.id for rule in rules).items() if count > 1] == []
    for rule in RULES:
        assert re.fullmatch(r"[a-z]+(-[a-z0-9]+)*", rule.id)
        twin = BY_ID[rule.id]
        assert (twin.doc, twin.category) == (rule.doc, rule.category)


def test_no_folder_of_cases_is_left_behind() -> None:
    assert {path.name for path in CASES.iterdir()} <= set(BY_ID)
    assert [path.name for path in CASES.glob("*/*") if not re.match(r"(fires|quiet)-[a-z0-9-]+\.json", path.name)] == []
