"""What docs/coverage.md is made of: every rule of others is covered, or it says why not."""

from __future__ import annotations

import json
import re
from pathlib import Path

from bindwatch.rules import INVENTORY_RULES, LOG_RULES, WINDOW_RULES

PEERS = json.loads((Path(__file__).parents[2] / "docs" / "peers.json").read_text("utf-8"))
COVERED = {name for rules in (LOG_RULES, INVENTORY_RULES, WINDOW_RULES) for rule in rules for name in rule.equivalents}


def test_what_is_not_covered_says_why() -> None:
    silent = [
        name
        for name, rows in PEERS["rules"].items()
        if name not in COVERED and not any(PEERS["rows"][row].get("why_not") for row in rows)
    ]
    assert silent == []


def test_most_of_what_others_detect_in_logs_is_covered() -> None:
    assert sum(name in COVERED for name in PEERS["rules"]) / len(PEERS["rules"]) > 0.8


def test_equivalents_name_a_product_and_its_rule() -> None:
    assert [name for name in COVERED if not re.fullmatch(r"[a-z][a-z0-9-]*:\S.*", name)] == []


def test_each_check_of_scanners_has_a_rule_or_a_reason() -> None:
    rows = json.loads((Path(__file__).parents[2] / "docs" / "checks.json").read_text("utf-8"))["rows"]
    ours = {name for rule in (*LOG_RULES, *INVENTORY_RULES, *WINDOW_RULES) for name in rule.equivalents}
    covered = {number for number, row in rows.items() if set(row["ids"]) <= ours}
    assert {number for number, row in rows.items() if row.get("why_not")} == set(rows) - covered
    assert not any(set(row["ids"]) & ours for row in rows.values() if row.get("why_not"))
    assert {number.rstrip("b") for number in rows} == {str(number) for number in range(1, 83)}


def test_each_row_of_what_others_detect_has_a_rule_with_cases_or_a_reason() -> None:
    """A log rule has a firing and a quiet case by test_cases; a window rule must be told and not told in a test."""
    covering: dict[str, set[str]] = {row: set() for row in PEERS["rows"]}
    for rules in (LOG_RULES, WINDOW_RULES):
        for rule in rules:
            for name in rule.equivalents:
                for row in PEERS["rules"].get(name, ()):
                    covering[row].add(rule.id)
    cases = Path(__file__).parent / "cases"
    tests = "".join(path.read_text("utf-8") for path in Path(__file__).parent.glob("test_windows*.py"))
    for row, ids in covering.items():
        shown = [
            rule_id
            for rule_id in ids
            if (any(cases.glob(f"{rule_id}/fires-*.json")) and any(cases.glob(f"{rule_id}/quiet-*.json")))
            or f'"{rule_id}"' in tests
        ]
        assert shown or PEERS["rows"][row].get("why_not"), row
    assert len(covering) == 101
