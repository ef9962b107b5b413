"""Entries of the past, page by page; and the replay that goes on where it was interrupted."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner

from bindwatch.adapters.cloud_logging import read_entries
from bindwatch.adapters.duckdb import DuckDBStore
from bindwatch.adapters.google_apis import NotReadError, Pace, Refusal
from bindwatch.cli import replay
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


def run(past: Past, folder: Path, monkeypatch: pytest.MonkeyPatch) -> Any:
    monkeypatch.chdir(folder)
    monkeypatch.setattr(replay, "authorized_post", lambda: past.post)
    arguments = ["organizations/1", "--since", "2026-11-01", "--until", "2026-12-01", "--store", "past.duckdb"]
    return CliRunner().invoke(replay.command, arguments, standalone_mode=False)


def test_a_replay_goes_on_where_it_was_interrupted(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    broken = run(Past(pages=2), tmp_path, monkeypatch)
    assert isinstance(broken.exception, NotReadError)
    second = Past()
    assert run(second, tmp_path, monkeypatch).return_value == 0
    assert '"2026-11-01T' not in second.filters[0]
    with DuckDBStore(str(tmp_path / "past.duckdb")) as store:
        assert store._connection.execute("select count(*) from activity").fetchone() == (len(ENTRIES),)
        assert store._connection.execute("select count(*) from findings").fetchone() != (0,)
    assert not list(tmp_path.glob(".bindwatch-replay-*"))
