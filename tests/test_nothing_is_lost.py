"""Poison, duplicates, disorder, sudden death, a store that refuses: every finding once, every poison with a reason."""

from __future__ import annotations

import json
import queue
import random
import threading
import time
import urllib.error
from collections.abc import Callable, Sequence
from datetime import UTC, datetime, timedelta
from http.client import HTTPException
from pathlib import Path
from typing import Any

import pytest

from bindwatch.adapters.duckdb import DuckDBStore
from bindwatch.adapters.outlets import FileAlerts
from bindwatch.engine import Engine
from bindwatch.errors import BackendError
from bindwatch.model.finding import State
from bindwatch.pipeline import announce_all
from bindwatch.rule import Context
from bindwatch.rules import LOG_RULES
from generate import BUSY, generate_entries
from served import Function, free_port, push, start

POISON = (b"", b"not JSON", b"[]", b'{"textPayload": "hello"}', b'{"protoPayload": {"serviceName": "x"}}', b"\xff\xfe")


class Subscription:
    """Delivers like a push subscription: anything but success is delivered again, from several threads, in no order."""

    def __init__(self, bodies: Sequence[dict[str, Any]], threads: int = 8) -> None:
        self.acknowledged = 0
        self.deliveries = 0
        self._waiting: queue.Queue[dict[str, Any]] = queue.Queue()
        for body in bodies:
            self._waiting.put(body)
        self._count = len(bodies)
        self._threads = threads
        self._lock = threading.Lock()

    @property
    def is_done(self) -> bool:
        """Whether everything was acknowledged."""
        return self.acknowledged >= self._count

    def deliver_to(self, function: Callable[[], Function]) -> list[threading.Thread]:
        """Start delivering to whatever function there is at the time."""
        threads = [threading.Thread(target=self._deliver, args=(function,), daemon=True) for _ in range(self._threads)]
        for thread in threads:
            thread.start()
        return threads

    def _deliver(self, function: Callable[[], Function]) -> None:
        while not self.is_done:
            try:
                body = self._waiting.get(timeout=0.1)
            except queue.Empty:
                continue
            with self._lock:
                self.deliveries += 1
            try:
                status = function().post(body).status
            except (urllib.error.URLError, HTTPException, OSError):
                status = 0
            if status == 204:
                with self._lock:
                    self.acknowledged += 1
            else:
                time.sleep(0.05)
                self._waiting.put(body)


def opened(path: Path) -> DuckDBStore:
    """The store, as soon as the one that was killed has let go of it."""
    for _ in range(100):
        try:
            return DuckDBStore(str(path))
        except BackendError:
            time.sleep(0.05)
    return DuckDBStore(str(path))


@pytest.mark.parametrize(
    ("messages", "deaths", "refusals", "seconds"),
    [
        pytest.param(300, 2, 1, 1.0, id="short"),
        pytest.param(2000, 5, 2, 10.0, id="long", marks=pytest.mark.slow),
    ],
)
def test_nothing_is_lost(tmp_path: Path, messages: int, deaths: int, refusals: int, seconds: float) -> None:
    rng = random.Random(7)
    poison = [POISON[number % len(POISON)] + b" " * number for number in range(messages // 20)]
    repeated = messages // 10
    entries = list(generate_entries(messages - len(poison) - repeated, seed=21, mix=BUSY))
    data = [*entries, *rng.sample(entries, repeated), *poison]
    bodies = [push(item, str(number)) for number, item in enumerate(data)]
    rng.shuffle(bodies)
    found = [
        finding
        for line in entries
        for finding in Engine(Context(trusted_domains=frozenset({"example.com"})), LOG_RULES).judge_line(line).findings
    ]
    assert found

    environ = {"BINDWATCH_TRUSTED_DOMAINS": "example.com"}
    port = free_port()
    current = start("on_log_entry", tmp_path, port=port, **environ)
    subscription = Subscription(bodies)
    threads = subscription.deliver_to(lambda: current)
    for death in range(deaths):
        goal = (death + 1) * messages // (deaths + 1)
        while subscription.acknowledged < goal:
            time.sleep(0.01)
        current.kill()
        if death < refusals:
            with opened(tmp_path / "bindwatch.duckdb"):  # as long as it is held here, it refuses there
                current = start("on_log_entry", tmp_path, port=port, **environ)
                before = subscription.acknowledged
                time.sleep(seconds)
                assert subscription.acknowledged == before
        else:
            current = start("on_log_entry", tmp_path, port=port, **environ)
    for thread in threads:
        thread.join(300)
    assert subscription.is_done
    current.stop()

    with opened(tmp_path / "bindwatch.duckdb") as store:
        later = datetime.now(UTC) + timedelta(hours=2)  # what had to wait for its grace is due by then
        announce_all(store, FileAlerts(str(tmp_path / "alerts.ndjson")), later)
        stored = store._connection.execute("select finding_id from findings").fetchall()
        activity = store._connection.execute("select count(*), count(distinct event_key) from activity").fetchone()
    assert sorted(row[0] for row in stored) == sorted({finding.finding_id for finding in found})
    assert activity == (len(entries), len(entries))

    alerts = [json.loads(line) for line in (tmp_path / "alerts.ndjson").read_text().splitlines()]
    told = {alert["data"]["alert_id"] for alert in alerts}
    undone = {finding.finding_id for finding in found if finding.state is not State.OPEN}
    stays = {finding.finding_id for finding in found} - undone
    assert {alert_id for alert_id in told if alert_id[:32] in stays} == {f"{finding_id}-open-1" for finding_id in stays}
    assert {alert_id[:32] for alert_id in told} <= stays | undone

    letters = [json.loads(line)["message"] for line in (tmp_path / "dead-letters.ndjson").read_text().splitlines()]
    assert all(letter["attributes"]["reason"] for letter in letters)
    poisoned = {push(item)["message"]["data"] for item in poison}
    known = {body["message"]["messageId"] for body in bodies if body["message"]["data"] in poisoned}
    assert {letter["attributes"]["source_message_id"] for letter in letters} == known
