"""What reaches us: silence and delay are told once, and end by themselves."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import timedelta

import pytest

from bindwatch.adapters.duckdb import DuckDBStore
from bindwatch.engine import Verdict
from bindwatch.model.finding import Finding, State
from bindwatch.model.log_entry import LogEntry, from_dict
from bindwatch.pipeline import Delivery, deliver, sweep_windows
from bindwatch.rule import Context
from bindwatch.rules.windows.ourselves import RULES
from sample_findings import NOON, at, written


@pytest.fixture
def store() -> Iterator[DuckDBStore]:
    with DuckDBStore() as opened:
        yield opened


def entry(minutes: float, log: str = "activity") -> LogEntry:
    return from_dict(
        {
            "logName": f"projects/shop/logs/cloudaudit.googleapis.com%2F{log}",
            "insertId": f"{log}{minutes}",
            "timestamp": written(at(minutes)),
            "protoPayload": {"serviceName": "x", "methodName": "y"},
        }
    )


def keep(store: DuckDBStore, *entries: LogEntry, delay: float = 0) -> None:
    late = timedelta(minutes=delay)
    deliver([Delivery(item, Verdict(), (item.time or NOON) + late) for item in entries], store)


def sweep(store: DuckDBStore, minutes: float) -> list[Finding]:
    verdict = sweep_windows(store, RULES, Context(), at(minutes))
    assert verdict.failures == ()
    return list(verdict.findings)


def state(store: DuckDBStore) -> list[tuple[str, str]]:
    return list(store._connection.execute("select rule_id, state from findings order by rule_id").fetchall())


def test_a_busy_log_that_falls_silent_is_told_once_and_ends_when_it_comes_back(store: DuckDBStore) -> None:
    keep(store, *(entry(number) for number in range(40)))
    assert sweep(store, 60) == []
    (finding,) = sweep(store, 90)
    assert finding.title == "The Admin Activity log fell silent after 40 entries"
    (again,) = sweep(store, 100)
    assert again.event_key == finding.event_key
    assert state(store) == [("log-source-silent", "OPEN")]
    keep(store, entry(110))
    (end,) = sweep(store, 112)
    assert (end.state, end.finding_id) == (State.RESOLVED, finding.finding_id)
    assert state(store) == [("log-source-silent", "RESOLVED")]


def test_a_log_that_is_quiet_anyway_is_not_silent(store: DuckDBStore) -> None:
    keep(store, *(entry(number) for number in range(20)))
    assert sweep(store, 110) == []


def test_one_log_may_be_silent_while_another_speaks(store: DuckDBStore) -> None:
    keep(store, *(entry(number) for number in range(110)))
    keep(store, *(entry(number, "data_access") for number in range(40)))
    (finding,) = sweep(store, 110)
    assert finding.subject == "data_access"


def test_late_entries_are_told_with_how_late(store: DuckDBStore) -> None:
    keep(store, *(entry(number) for number in range(19)), delay=30)
    assert sweep(store, 30) == []
    keep(store, entry(19), delay=47)
    (finding,) = sweep(store, 30)
    assert finding.title == "20 entries of the Admin Activity log came late within an hour, up to 47 minutes"
