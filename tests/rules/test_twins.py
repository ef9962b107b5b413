"""That the rules agree with others on entries nobody copied from them, or say why not."""

from __future__ import annotations

import json
from collections import Counter
from dataclasses import replace
from pathlib import Path

import pytest

from bindwatch.engine import Engine
from bindwatch.rule import Context
from bindwatch.rules import LOG_RULES, WINDOW_RULES
from rules.panther import Sample
from rules.test_panther import ENOUGH, fires
from rules.twins import twins
from rules.twins.entries import Twin

ENGINE = Engine(Context(), LOG_RULES)
PEERS = json.loads((Path(__file__).parents[2] / "docs" / "peers.json").read_text("utf-8"))
ALL = list(twins())


def speaks(twin: Twin) -> bool:
    return fires(Sample(twin.rule_id, twin.story, twin.expected, twin.entry), ENGINE)


DISAGREEING = [twin for twin in ALL if speaks(twin) != twin.expected]


def test_the_rules_agree_with_the_twins_of_what_they_cover() -> None:
    assert 1 - len(DISAGREEING) / len(ALL) >= ENOUGH


def test_where_they_differ_the_reason_is_told_and_needed() -> None:
    differing = {f"panther:{twin.rule_id}" for twin in DISAGREEING}
    told = set(PEERS["differences"])
    assert differing - told == set(), [twin for twin in DISAGREEING if f"panther:{twin.rule_id}" not in told]
    assert {name for name in told if name.startswith("panther:")} - differing == set(), "a difference nobody sees"


@pytest.mark.parametrize("part", ["insertId", "timestamp", "severity"])
def test_an_entry_without_what_says_nothing_of_the_call_is_judged_the_same(part: str) -> None:
    """Other tools keep what they use of an entry."""
    cut = [replace(twin, entry={key: value for key, value in twin.entry.items() if key != part}) for twin in ALL]
    assert [one for one, whole in zip(cut, ALL, strict=True) if speaks(one) != speaks(whole)] == []


def test_each_rule_of_theirs_on_single_entries_has_twins_of_both_kinds() -> None:
    """Lists of addresses, and what needs more than one entry, are left out."""
    ours = {name for rule in LOG_RULES if not rule.outside for name in rule.equivalents if name.startswith("panther:")}
    over_time = {name for rule in WINDOW_RULES for name in rule.equivalents} | {
        "panther:GCP.Cloud.Run.Service.Created.WITH.Set.IAM.Policy"
    }
    kinds = Counter((f"panther:{twin.rule_id}", twin.expected) for twin in ALL)
    bare = {name for name in ours for expected in (True, False) if not kinds[name, expected]}
    assert bare <= over_time
