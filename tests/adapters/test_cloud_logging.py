"""Entries of the past, page by page; and the replay that goes on where it was interrupted."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner

from bindwatch.adapters.cloud_logging import read_entries
from bindwatch.adapters.duckdb import DuckDBStore
from bindwatch.adapters.google_apis import NotReadError, Pace, Refusal
from bindwatch.cli import replay
from bindwatch.model.log_entry import LogEntry
from bindwatch.rule import Context, Match
from bindwatch.rules import LOG_RULES
from generate import BUSY, generate_entries

ENTRIES = [json.loads(line) for line in generate_entries(90, seed=9, mix=BUSY)]


class Paged:
    """Answers with these pages, whatever is asked."""

    def __init__(self, *answers: dict[str, Any]) -> None:
        self.answers = list(answers)
        self.tokens: list[str] = []

    def post(self, path: str, body: Mapping[str, Any]) -> tuple[int, bytes]:
        self.tokens.append(body.get("pageToken", ""))
        return 200, json.dumps(self.answers.pop(0)).encode()


def test_a_page_may_be_empty_and_not_be_the_last() -> None:
    server = Paged({"entries": ENTRIES[:2], "nextPageToken": "a"}, {"nextPageToken": "b"}, {"entries": ENTRIES[2:3]})
    found = list(read_entries(server.post, ["projects/p"], "x", pace=Pace(6000), sleep=lambda seconds: None))
    assert [len(page) for page in found] == [2, 0, 1]
    assert server.tokens == ["", "a", "b"]


def test_haste_is_waited_for() -> None:
    answers = [(429, b"{}"), (503, b"oops"), (200, json.dumps({"entries": ENTRIES[:1]}).encode())]
    pauses: list[float] = []
    found = list(read_entries(lambda path, body: answers.pop(0), ["projects/p"], "x", sleep=pauses.append))
    assert len(found[0]) == 1
    assert pauses == [1.0, 2.0]


@pytest.mark.parametrize(("status", "refusal"), [(403, Refusal.DENIED), (400, Refusal.INVALID), (429, Refusal.QUOTA)])
def test_a_refusal_says_what_is_needed(status: int, refusal: Refusal) -> None:
    def post(path: str, body: Mapping[str, Any]) -> tuple[int, bytes]:
        return status, b'{"error": {"message": "no"}}'

    with pytest.raises(NotReadError) as caught:
        list(read_entries(post, ["projects/p"], "x", sleep=lambda seconds: None))
    assert caught.value.refusal is refusal
    if status == 403:
        assert "logging.privateLogEntries.list" in str(caught.value)


class Past:
    """Serves ENTRIES by time, in pages of 20, until it is told to stop."""

    def __init__(self, pages: int = 1000) -> None:
        self.pages = pages
        self.filters: list[str] = []

    def post(self, path: str, body: Mapping[str, Any]) -> tuple[int, bytes]:
        if not self.pages:
            return 403, b"{}"
        self.pages -= 1
        self.filters.append(body["filter"])
        since = re.search(r'timestamp >= "([^"]+?)Z"', body["filter"])
        assert since
        entries = [entry for entry in ENTRIES if entry["timestamp"].rstrip("Z") >= since[1]]
        at = int(body.get("pageToken", 0))
        answer: dict[str, Any] = {"entries": entries[at : at + 20]}
        if at + 20 < len(entries):
            answer["nextPageToken"] = str(at + 20)
        return 200, json.dumps(answer).encode()


def run(past: Past, folder: Path, monkeypatch: pytest.MonkeyPatch, *more: str) -> Any:
    monkeypatch.chdir(folder)
    monkeypatch.setattr(replay, "authorized_post", lambda: past.post)
    arguments = ["organizations/1", "--since", "2026-11-01", "--until", "2026-12-01", "--store", "past.duckdb"]
    return CliRunner().invoke(replay.command, [*arguments, *more], standalone_mode=False)


def test_a_replay_goes_on_where_it_was_interrupted(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    broken = run(Past(pages=2), tmp_path, monkeypatch)
    assert isinstance(broken.exception, NotReadError)
    second = Past()
    done = run(second, tmp_path, monkeypatch)
    assert done.return_value == 0
    assert "going on at 2026-11-" in done.stderr
    assert '"2026-11-01T' not in second.filters[0]
    with DuckDBStore(str(tmp_path / "past.duckdb")) as store:
        assert store._connection.execute("select count(*) from activity").fetchone() == (len(ENTRIES),)
        assert store._connection.execute("select count(*) from findings").fetchone() != (0,)
    assert not list(tmp_path.glob(".bindwatch-replay-*"))


def test_what_was_interrupted_into_one_store_begins_anew_into_another(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    run(Past(pages=2), tmp_path, monkeypatch)
    assert run(Past(), tmp_path, monkeypatch, "--store", "other.duckdb").return_value == 0
    with DuckDBStore(str(tmp_path / "other.duckdb")) as store:
        assert store._connection.execute("select count(*) from activity").fetchone() == (len(ENTRIES),)


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (("--until", "2026-10-01"), "is not before 2026-10-01"),
        (("my-project",), "'my-project': expected organizations/NUMBER, folders/NUMBER or projects/ID"),
    ],
)
def test_what_cannot_be_replayed_is_said_before_anything_is_asked(
    arguments: tuple[str, ...], said: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    past = Past()
    refused = run(past, tmp_path, monkeypatch, *arguments)
    assert said in str(refused.exception)
    assert not past.filters
    assert not (tmp_path / "past.duckdb").exists()


def test_a_rule_that_fails_is_told(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def fails(entry: LogEntry, context: Context) -> Iterator[Match]:
        raise KeyError("x")

    broken = [replace(rule, check=fails) for rule in LOG_RULES]
    monkeypatch.setattr(replay, "LOG_RULES", tuple(broken))
    done = run(Past(), tmp_path, monkeypatch)
    assert done.return_value == 2
    assert "rules failed" in done.stderr
