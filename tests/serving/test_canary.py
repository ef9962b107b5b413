"""The canary: sent by the sweep, taken like any entry, missed when it does not come back, and never otherwise."""

from __future__ import annotations

import io
from collections.abc import Iterator
from datetime import datetime, timedelta
from pathlib import Path

import pytest

from bindwatch.adapters.duckdb import DuckDBStore
from bindwatch.adapters.outlets import FileDeadLetters
from bindwatch.adapters.push import Message
from bindwatch.engine import Engine
from bindwatch.errors import BackendError
from bindwatch.model.finding import Category, State
from bindwatch.pipeline import Canary
from bindwatch.rule import Context
from bindwatch.rules import LOG_RULES
from bindwatch.serving.ingest import Ingest
from bindwatch.serving.log_lines import Log
from bindwatch.serving.runs import Parts, run_sweep
from bindwatch.settings import Settings
from sample_findings import Subscribers, at

TOPIC = "projects/example-security/topics/bindwatch-entries"


class Topic:
    """The topic of the sink: what is published waits, and may be refused."""

    name = TOPIC
    project = "example-security"

    def __init__(self) -> None:
        self.waiting: list[bytes] = []
        self.is_gone = False

    def publish(self, entry: bytes) -> None:
        if self.is_gone:
            raise BackendError(f"{TOPIC} does not exist")
        self.waiting.append(entry)


class World:
    """A deployment in miniature, with a clock of its own."""

    def __init__(self, folder: Path) -> None:
        self.topic = Topic()
        self.store = DuckDBStore()
        self.subscribers = Subscribers()
        self.lines = io.StringIO()
        self.now = at(0)
        self.parts = Parts(self.store, self.subscribers, Canary(self.store, self.topic))
        self.ingest = Ingest(
            Engine(Context(), LOG_RULES),
            self.store,
            self.subscribers,
            FileDeadLetters(str(folder / "letters.ndjson")),
            lambda: self.now,
        )

    def minutes(self, count: int, *, is_taken: bool = True) -> None:
        """Sweep each minute; whether the entries are taken, half a minute after that."""
        for _ in range(count):
            run_sweep(Settings(), self.parts, Log(stream=self.lines), now=self.now)
            if is_taken:
                self.take()
            self.now += timedelta(minutes=1)

    def take(self) -> None:
        entries, self.topic.waiting = self.topic.waiting, []
        self.now += timedelta(seconds=30)
        self.ingest.take([Message(entry) for entry in entries], Log(stream=self.lines))
        self.now -= timedelta(seconds=30)

    def findings(self) -> list[tuple[str, str, str, datetime]]:
        rows = self.store.ask("views/findings", {})
        return [(row["rule_id"], row["category"], row["state"], row["state_since"]) for row in rows]

    def canaries(self) -> list[tuple[str, bool]]:
        """Those sent, and whether they came back."""
        return list(
            self.store._connection.execute(
                "select run_id, run_id in (select insert_id from activity) from runs where entry = 'sent' order by 1"
            ).fetchall()
        )


@pytest.fixture
def world(tmp_path: Path) -> Iterator[World]:
    made = World(tmp_path)
    yield made
    made.store.close()


def test_a_canary_each_quarter_comes_back_and_nothing_is_said(world: World) -> None:
    world.minutes(50)
    assert world.canaries() == [(f"canary-20260302T12{minute}Z", True) for minute in ("00", "15", "30", "45")]
    assert world.findings() == []
    assert world.subscribers.heard == []


def test_one_that_is_lost_is_told_once_and_over_with_the_next_that_comes_back(world: World) -> None:
    world.minutes(20)
    world.minutes(10, is_taken=False)
    world.topic.waiting.clear()
    world.minutes(13, is_taken=False)  # that of 12:30 stays where it is, and is missed at 12:41
    assert world.findings() == [("canary-lost", "blind-spot", "OPEN", at(30))]
    assert world.subscribers.reasons == ["opened"]
    world.minutes(10)
    assert world.findings() == [("canary-lost", "blind-spot", "RESOLVED", at(45))]
    world.minutes(60)
    assert world.subscribers.reasons == ["opened", "resolved"]


def test_it_is_over_however_long_it_lasted(world: World) -> None:
    world.minutes(30, is_taken=False)
    world.topic.waiting.clear()
    world.now += timedelta(hours=9)
    world.minutes(2)
    ((_, _, state, _),) = world.findings()
    assert state == State.RESOLVED


def test_one_that_cannot_be_sent_is_missed(world: World) -> None:
    world.topic.is_gone = True
    world.minutes(12)
    ((rule_id, category, state, _),) = world.findings()
    assert (rule_id, category, state) == ("canary-lost", Category.BLIND_SPOT, State.OPEN)
    assert "the canary could not be sent" in world.lines.getvalue()


def test_without_a_sweep_nothing_is_missed(world: World) -> None:
    world.minutes(3)
    world.now += timedelta(hours=5)
    world.minutes(3)
    assert world.findings() == []


def test_two_sweeps_of_one_minute_send_the_same(world: World) -> None:
    other = Parts(world.store, world.subscribers, Canary(world.store, world.topic))
    for parts in (world.parts, other):
        run_sweep(Settings(), parts, Log(stream=world.lines), now=world.now)
    world.take()
    assert world.canaries() == [("canary-20260302T1200Z", True)]
    assert world.store._connection.execute("select count(*) from activity").fetchone() == (1,)
