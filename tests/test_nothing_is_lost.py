"""Poison, duplicates, disorder, sudden death, a store that refuses: every finding once, every poison with a reason."""

from __future__ import annotations

import json
import queue
import threading
import time
import urllib.error
from collections.abc import Callable, Sequence
from datetime import UTC, datetime, timedelta
from http.client import HTTPException
from pathlib import Path
from typing import Any

from bindwatch.adapters.duckdb import DuckDBStore
from bindwatch.adapters.outlets import FileAlerts
from bindwatch.errors import BackendError
from bindwatch.pipeline import announce_all
from served import Function, free_port, push, start
from storm import Storm

DEATHS = 2


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


def test_nothing_is_lost(tmp_path: Path) -> None:
    storm = Storm.brew(300)
    bodies = [push(item, str(number)) for number, item in enumerate(storm.messages)]
    assert storm.found

    environ = {"BINDWATCH_TRUSTED_DOMAINS": "example.com"}
    port = free_port()
    current = start("on_log_entry", tmp_path, port=port, **environ)
    subscription = Subscription(bodies)
    threads = subscription.deliver_to(lambda: current)
    for death in range(DEATHS):
        goal = (death + 1) * len(bodies) // (DEATHS + 1)
        while subscription.acknowledged < goal:
            time.sleep(0.01)
        current.kill()
        if death == 0:
            with opened(tmp_path / "bindwatch.duckdb"):  # as long as it is held here, it refuses there
                current = start("on_log_entry", tmp_path, port=port, **environ)
                before = subscription.acknowledged
                time.sleep(1)
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
    assert sorted(row[0] for row in stored) == sorted(storm.expected)
    assert activity == (storm.entries, storm.entries)

    alerts = [json.loads(line) for line in (tmp_path / "alerts.ndjson").read_text().splitlines()]
    told = {alert["data"]["alert_id"] for alert in alerts}
    assert {alert for alert in told if alert[:32] not in storm.undone} == storm.told
    assert {alert[:32] for alert in told} <= storm.expected

    letters = [json.loads(line)["message"] for line in (tmp_path / "dead-letters.ndjson").read_text().splitlines()]
    assert all(letter["attributes"]["reason"] for letter in letters)
    poisoned = {push(item)["message"]["data"] for item in storm.poison}
    known = {body["message"]["messageId"] for body in bodies if body["message"]["data"] in poisoned}
    assert {letter["attributes"]["source_message_id"] for letter in letters} == known
