"""The remote function of BigQuery: one reply per call, whatever the rows hold."""

import json
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any

import pytest

from bindwatch.engine import Engine
from bindwatch.errors import InputError
from bindwatch.model.log_entry import from_dict
from bindwatch.rule import Context
from bindwatch.rules import LOG_RULES
from bindwatch.serving.hunt import replies_to
from encodings_of_bigquery import log_analytics_row, sink_table_row
from generate import BUSY, SUSPICIOUS_ADMINISTRATION, generate_entries

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


ENCODINGS = [
    pytest.param(dict, id="as-emitted"),
    pytest.param(log_analytics_row, id="log-analytics"),
    pytest.param(sink_table_row, id="sink-table"),
]
Encoding = Callable[[dict[str, Any]], dict[str, Any]]
Said = list[tuple[str, str, str]]


def scanned(entries: Iterable[dict[str, Any]]) -> list[Said]:
    """What `scan` says of each entry."""
    engine = Engine(Context(), LOG_RULES)
    verdicts = [engine.judge_line(json.dumps(entry).encode()) for entry in entries]
    return [
        [(item.finding_id, item.severity.name, item.state.value) for item in verdict.findings] for verdict in verdicts
    ]


def hunted(entries: Iterable[dict[str, Any]], encode: Encoding) -> list[Said]:
    """What a hunt over their rows says of each."""
    replies = ask(*([json.dumps(encode(entry))] for entry in entries))
    assert [reply["problem"] for reply in replies if "problem" in reply] == []
    return [[(item["finding_id"], item["severity"], item["state"]) for item in reply["findings"]] for reply in replies]


def is_entry(value: Any) -> bool:
    """Whether it is an audit log entry that can be judged at all."""
    try:
        from_dict(value)
    except (InputError, TypeError, AttributeError):
        return False
    return True


@pytest.mark.parametrize("encode", ENCODINGS)
def test_a_hunt_finds_what_a_scan_finds(encode: Encoding) -> None:
    lines = [*generate_entries(1500, seed=5, mix=BUSY), *generate_entries(200, seed=6, mix=SUSPICIOUS_ADMINISTRATION)]
    entries = [json.loads(line) for line in lines]
    said = scanned(entries)
    assert sum(map(len, said)) > 100
    assert hunted(entries, encode) == said


@pytest.mark.parametrize("encode", ENCODINGS)
def test_a_hunt_finds_it_in_the_cases_of_every_rule(encode: Encoding) -> None:
    files = sorted((Path(__file__).parents[1] / "rules" / "cases").glob("*/*.json"))
    cases = [json.loads(file.read_text(encoding="utf-8")) for file in files]
    entries = [case for case in cases if isinstance(case, dict) and "protoPayload" in case]
    assert len(entries) > 300
    said = scanned(entries)
    different = {
        entry["protoPayload"]["methodName"]: (one, other)
        for entry, one, other in zip(entries, said, hunted(entries, encode), strict=True)
        if one != other
    }
    assert different == {}


@pytest.mark.parametrize("encode", ENCODINGS)
def test_a_hunt_finds_it_in_entries_of_others(encode: Encoding, corpus: Path) -> None:
    values = [
        json.loads(line).get("log")
        for file in sorted((corpus / "logs").glob("*.ndjson"))
        if file.stem != "panther"  # has a form of its own
        for line in file.read_text(encoding="utf-8").splitlines()
    ]
    entries = [value for value in values if isinstance(value, dict) and "protoPayload" in value and is_entry(value)]
    assert len(entries) > 50
    assert hunted(entries, encode) == scanned(entries)
