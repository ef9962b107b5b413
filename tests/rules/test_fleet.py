"""What the rules say of a company where nothing is wrong, and of one where now and then something is."""

from __future__ import annotations

from collections import Counter

import pytest

from bindwatch.engine import Engine
from bindwatch.model.finding import Severity
from bindwatch.rule import Context
from bindwatch.rules import LOG_RULES
from generate import BUSY, HEALTHY, generate_entries

# Nothing but what anybody would configure: their own domain.
OURS = Context(trusted_domains=frozenset({"example.com"}))


def weights(n: int, context: Context, mix: object) -> Counter[Severity]:
    engine = Engine(context, LOG_RULES)
    found: dict[str, Severity] = {}
    for line in generate_entries(n, mix=mix):  # type: ignore[arg-type]
        verdict = engine.judge_line(line)
        assert verdict.failures == ()
        found |= {finding.finding_id: finding.severity for finding in verdict.findings}
    return Counter(found.values())


@pytest.mark.parametrize("context", [Context(), OURS], ids=["nothing-configured", "own-domain"])
@pytest.mark.parametrize("n", [10_000, pytest.param(100_000, marks=pytest.mark.slow)])
def test_a_healthy_company_is_left_alone(n: int, context: Context) -> None:
    found = weights(n, context, HEALTHY)
    assert found[Severity.MEDIUM] <= 5
    assert found[Severity.HIGH] == found[Severity.CRITICAL] == 0


def test_a_busy_company_is_not() -> None:
    found = weights(10_000, OURS, BUSY)
    assert found[Severity.HIGH] + found[Severity.CRITICAL] > 10
