"""The sweep of each minute: what it cannot ask it says, and everything else goes on."""

from __future__ import annotations

import io
import json
from collections.abc import Sequence
from datetime import datetime

import pytest

from bindwatch.adapters.duckdb import DuckDBStore
from bindwatch.errors import BackendError
from bindwatch.pipeline import deliver
from bindwatch.pipeline.ports import WindowAnswers
from bindwatch.serving.log_lines import Log
from bindwatch.serving.runs import Parts, run_sweep
from bindwatch.settings import Settings
from sample_entries import within_the_hour
from sample_findings import Subscribers, at


def test_a_sweep_that_cannot_ask_some_rules_says_so_and_announces_what_the_others_found() -> None:
    lines, subscribers = io.StringIO(), Subscribers()
    with DuckDBStore() as store:
        deliver(list(within_the_hour()), store)
        store._connection.execute("alter table habits rename column caller to who")
        counts = run_sweep(Settings(), Parts(store, subscribers), Log(stream=lines), now=at(1))
    said = [json.loads(line) for line in lines.getvalue().splitlines()]
    (apart,) = [line for line in said if "asked apart" in line["message"]]
    failed = {line["rule_id"] for line in said if line["message"] == "a rule failed"}
    assert apart["severity"] == "ERROR"
    assert "could not ask windows/" in apart["problem"]
    assert {"new-impersonator", "unusual-volume"} <= failed
    assert len(failed) == counts["failures"] < 10
    assert counts["findings"] >= 9
    assert counts["announced"] == len(subscribers.heard) > 0


class Deaf(DuckDBStore):
    """A store that keeps everything, and does not answer what windows ask."""

    def window_rows(self, rule_ids: Sequence[str], *, since: datetime, until: datetime) -> WindowAnswers:
        raise BackendError("no answer within 120 seconds")


def test_a_sweep_whose_windows_get_no_answer_announces_what_is_due_and_fails() -> None:
    lines, subscribers = io.StringIO(), Subscribers()
    with Deaf() as store:
        deliver(list(within_the_hour()), store)
        with pytest.raises(BackendError, match="no answer"):
            run_sweep(Settings(), Parts(store, subscribers), Log(stream=lines), now=at(1))
    assert subscribers.heard
