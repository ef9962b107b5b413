"""The remote function of BigQuery: one reply per call, whatever the rows hold."""

import json
from typing import Any

import pytest

from bindwatch.engine import Engine
from bindwatch.errors import InputError
from bindwatch.rule import Context
from bindwatch.rules import LOG_RULES
from bindwatch.serving.hunt import replies_to
from generate import generate_entries

JUDGE = Engine(Context(), LOG_RULES).judge_entry


def ask(*calls: object) -> list[dict[str, Any]]:
    body = {"requestId": "r", "caller": "//bigquery.googleapis.com/x", "sessionUser": "ada@example.com", "calls": calls}
    return [json.loads(reply) for reply in replies_to(json.dumps(body).encode(), JUDGE)["replies"]]


def test_history_is_judged_as_the_stream_is() -> None:
    engine = Engine(Context(), LOG_RULES)
    lines = list(generate_entries(400, seed=3))
    streamed = [[finding.finding_id for finding in engine.judge_line(line).findings] for line in lines]
    hunted = [[item["finding_id"] for item in reply["findings"]] for reply in ask(*([line.decode()] for line in lines))]
    assert hunted == streamed
    assert any(hunted)


def test_a_row_may_come_as_an_object() -> None:
    line = next(iter(generate_entries(1, seed=3)))
    assert ask([json.loads(line)]) == ask([line.decode()])


def test_a_bad_row_costs_its_neighbours_nothing() -> None:
    line = next(iter(generate_entries(1, seed=3))).decode()
    good, *bad = ask([line], ["{"], [None], [], ["{}"], [line, line], 5)
    assert "problem" not in good
    assert [bool(reply["problem"]) for reply in bad] == [True] * 6


@pytest.mark.parametrize("body", [b"", b"{", b"{}", b"[]", b'{"calls": 5}'])
def test_what_bigquery_does_not_send_is_refused(body: bytes) -> None:
    with pytest.raises(InputError):
        replies_to(body, JUDGE)
