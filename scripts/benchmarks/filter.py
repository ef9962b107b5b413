"""What of an ordinary day the sink filter passes: the rest costs nothing after the sink."""

from __future__ import annotations

import json
from collections.abc import Iterator

from benchmarks.measure import Figure
from bindwatch.rules import LOG_RULES, WINDOW_RULES
from bindwatch.rules.sink_filter import sink_filter
from generate import HEALTHY, generate_entries
from rules.lql import compile_filter

ENTRIES = 20_000


def figures() -> Iterator[Figure]:
    """Shares of the entries, and of their bytes."""
    passes = compile_filter(sink_filter([*LOG_RULES, *WINDOW_RULES]))
    lines = list(generate_entries(ENTRIES, mix=HEALTHY))
    passed = [line for line in lines if passes(json.loads(line))]
    yield Figure("entries that pass", 100 * len(passed) / len(lines), "%")
    yield Figure("bytes that pass", 100 * sum(map(len, passed)) / sum(map(len, lines)), "%")
