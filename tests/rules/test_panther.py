"""How far the rules agree with the samples of the rules they say they cover."""

from __future__ import annotations

import json
from pathlib import Path

from bindwatch.engine import Engine
from bindwatch.errors import InputError
from bindwatch.model.finding import State
from bindwatch.model.log_entry import from_dict
from bindwatch.rule import Context
from bindwatch.rules import LOG_RULES
from rules.panther import Sample, samples

COVERED = {name: rule for rule in LOG_RULES for name in rule.equivalents if name.startswith("panther:")}
ENOUGH = 0.95


def fires(sample: Sample, engine: Engine) -> bool:
    """Whether some rule that says it covers theirs finds something open in the sample."""
    try:
        verdict = engine.judge_entry(from_dict(sample.entry))
    except InputError:
        return False
    assert verdict.failures == ()
    covering = {rule.id for rule in LOG_RULES if f"panther:{sample.rule_id}" in rule.equivalents}
    return any(finding.rule_id in covering and finding.state is State.OPEN for finding in verdict.findings)


def test_the_rules_agree_with_the_samples_of_what_they_cover(corpus: Path) -> None:
    engine = Engine(Context(), LOG_RULES)
    found = [item for item in samples(corpus) if f"panther:{item.rule_id}" in COVERED]
    disagreeing = [(item.rule_id, item.name, item.expected) for item in found if fires(item, engine) != item.expected]
    assert len(found) > 30
    assert 1 - len(disagreeing) / len(found) >= ENOUGH, disagreeing
    told = json.loads((Path(__file__).parents[2] / "docs" / "peers.json").read_text("utf-8"))["differences"]
    assert {f"panther:{rule_id}" for rule_id, _, _ in disagreeing} <= set(told), "nobody says why"
