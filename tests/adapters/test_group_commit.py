"""Callers at the same time share one write, and each knows what became of its own."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable

import pytest

from bindwatch.adapters.group_commit import GroupCommit


class RefusedError(Exception):
    """One of the items is not taken."""


class Ledger:
    """A slow place to write to, that refuses some items and notes every write."""

    def __init__(self, *, refusing: frozenset[int] = frozenset(), down: bool = False) -> None:
        self.writes: list[list[int]] = []
        self.kept: list[int] = []
        self.at_work = 0
        self._refusing = refusing
        self._down = down

    def write(self, items: list[int]) -> None:
        self.at_work += 1
        assert self.at_work == 1, "two writes at once"
        self.writes.append(items)
        time.sleep(0.02)
        self.at_work -= 1
        if self._down:
            raise ConnectionError("down")
        if self._refusing.intersection(items):
            raise RefusedError
        self.kept += items


def at_once(count: int, act: Callable[[int], object]) -> list[BaseException | None]:
    """Act in so many threads at the same time; what each raised."""
    ready = threading.Barrier(count)
    raised: list[BaseException | None] = [None] * count

    def run(number: int) -> None:
        ready.wait()
        try:
            act(number)
        except BaseException as error:  # the test looks at it
            raised[number] = error

    threads = [threading.Thread(target=run, args=(number,)) for number in range(count)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(20)
        assert not thread.is_alive()
    return raised


def test_a_lone_caller_writes_at_once() -> None:
    ledger = Ledger()
    GroupCommit(ledger.write).submit(7)
    assert ledger.writes == [[7]]


def test_callers_at_the_same_time_share_writes_and_lose_nothing() -> None:
    ledger = Ledger()
    commits = GroupCommit(ledger.write)

    def act(number: int) -> None:
        commits.submit(number)
        assert number in ledger.kept, "returned before its own item was kept"

    assert at_once(40, act) == [None] * 40
    assert sorted(ledger.kept) == list(range(40))
    assert len(ledger.writes) < 10


def test_a_group_is_no_larger_than_asked_for() -> None:
    ledger = Ledger()
    commits = GroupCommit(ledger.write, most=8)
    at_once(40, commits.submit)
    assert sorted(ledger.kept) == list(range(40))
    assert max(map(len, ledger.writes)) <= 8


def test_what_one_caller_sent_does_not_fail_its_neighbours() -> None:
    ledger = Ledger(refusing=frozenset({3, 17}))
    commits = GroupCommit(ledger.write, splits_on=RefusedError)
    raised = at_once(30, commits.submit)
    assert [number for number, error in enumerate(raised) if error] == [3, 17]
    assert sorted(ledger.kept) == [number for number in range(30) if number not in (3, 17)]


def test_an_outage_reaches_all_who_shared_the_write_and_is_not_tried_one_by_one() -> None:
    ledger = Ledger(down=True)
    commits = GroupCommit(ledger.write, splits_on=RefusedError)
    raised = at_once(30, commits.submit)
    assert all(isinstance(error, ConnectionError) for error in raised)
    assert len(ledger.writes) < 10


def test_it_goes_on_after_an_error() -> None:
    ledger = Ledger(refusing=frozenset({1}))
    commits = GroupCommit(ledger.write)
    with pytest.raises(RefusedError):
        commits.submit(1)
    commits.submit(2)
    assert ledger.kept == [2]
