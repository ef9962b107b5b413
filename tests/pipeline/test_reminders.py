"""A reminder of what is open still: only where asked, only of what was told, never of what is muted."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import timedelta

import pytest

from bindwatch.adapters.duckdb import DuckDBStore
from bindwatch.model.finding import Severity, State
from bindwatch.pipeline import Mute, Reminders, announce_all, deliver, mute
from sample_findings import Subscribers, at, shown_by_entry

DAY = 24 * 60
WEEKLY = Reminders(7, Severity.HIGH)


@pytest.fixture
def store() -> Iterator[DuckDBStore]:
    with DuckDBStore() as opened:
        yield opened


def test_what_stays_open_is_told_again_each_week(store: DuckDBStore) -> None:
    subscribers = Subscribers()
    deliver([shown_by_entry(0)], store)
    for day in range(16):
        announce_all(store, subscribers, at(1 + day * DAY), reminders=WEEKLY)
    assert subscribers.reasons == ["opened", "reminder", "reminder"]
    assert len({alert.alert_id for alert in subscribers.heard}) == 3
    assert {alert.ordering_key for alert in subscribers.heard} == {subscribers.heard[0].ordering_key}


def test_nobody_is_reminded_unasked(store: DuckDBStore) -> None:
    subscribers = Subscribers()
    deliver([shown_by_entry(0)], store)
    for day in (0, 30):
        announce_all(store, subscribers, at(1 + day * DAY))
    assert subscribers.reasons == ["opened"]


def test_only_of_what_is_severe_enough_and_open(store: DuckDBStore) -> None:
    subscribers = Subscribers()
    deliver([shown_by_entry(0, severity=Severity.MEDIUM)], store)
    announce_all(store, subscribers, at(1), reminders=WEEKLY)
    announce_all(store, subscribers, at(8 * DAY), reminders=WEEKLY)
    deliver([shown_by_entry(9 * DAY, severity=Severity.HIGH)], store)
    announce_all(store, subscribers, at(9 * DAY + 1), reminders=WEEKLY)
    deliver([shown_by_entry(10 * DAY, state=State.RESOLVED)], store)
    for day in (10, 30):
        announce_all(store, subscribers, at(day * DAY + 1), reminders=WEEKLY)
    assert subscribers.reasons == ["opened", "escalated", "resolved"]


def test_not_of_what_is_muted_until_the_mute_ends(store: DuckDBStore) -> None:
    subscribers = Subscribers()
    deliver([shown_by_entry(0)], store)
    announce_all(store, subscribers, at(1), reminders=WEEKLY)
    until = at(0) + timedelta(days=20)
    mute(store, Mute(owner="ada@example.com", reason="known", expires_at=until, rule_id="public-member"), now=at(2))
    announce_all(store, subscribers, at(10 * DAY), reminders=WEEKLY)
    assert subscribers.reasons == ["opened"]
    announce_all(store, subscribers, at(21 * DAY), reminders=WEEKLY)
    assert subscribers.reasons == ["opened", "reminder"]


def test_a_reminder_that_was_refused_comes_again_under_the_same_id(store: DuckDBStore) -> None:
    subscribers = Subscribers()
    deliver([shown_by_entry(0)], store)
    announce_all(store, subscribers, at(1), reminders=WEEKLY)
    deaf = Subscribers(refusing=True)
    refused = announce_all(store, deaf, at(8 * DAY), reminders=WEEKLY).refused
    announce_all(store, subscribers, at(8 * DAY + 1), reminders=WEEKLY)
    assert [message.alert_id for message, _ in refused] == [subscribers.heard[1].alert_id]
