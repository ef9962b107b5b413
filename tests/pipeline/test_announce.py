"""What is announced, when, and that it is announced once."""

import json
from collections.abc import Iterator
from importlib.resources import files

import pytest

from bindwatch.adapters.duckdb import DuckDBStore
from bindwatch.errors import BackendError
from bindwatch.model.finding import Category, Severity, State
from bindwatch.pipeline import Rows, Table, announce_due, deliver
from sample_findings import Subscribers, at, shown_by_entry


@pytest.fixture
def store() -> Iterator[DuckDBStore]:
    with DuckDBStore() as opened:
        yield opened


def test_an_open_finding_is_announced_once(store: DuckDBStore) -> None:
    subscribers = Subscribers()
    deliver([shown_by_entry(0)], store)
    for _ in range(3):
        announce_due(store, subscribers, at(1))
    (alert,) = subscribers.heard
    body = json.loads(alert.data)
    assert body["reason"] == "opened"
    assert body["finding"]["title"] == "roles/viewer allUsers on //cloudresourcemanager.googleapis.com/projects/shop"
    assert alert.attributes["severity"] == "HIGH"
    assert alert.attributes["state"] == "OPEN"
    assert alert.ordering_key == body["finding"]["finding_id"] == alert.attributes["finding_id"]


def test_a_second_sighting_is_no_news(store: DuckDBStore) -> None:
    subscribers = Subscribers()
    deliver([shown_by_entry(0)], store)
    announce_due(store, subscribers, at(1))
    deliver([shown_by_entry(2)], store)
    announce_due(store, subscribers, at(3))
    assert subscribers.reasons == ["opened"]


def test_a_worse_sighting_is_news(store: DuckDBStore) -> None:
    subscribers = Subscribers()
    deliver([shown_by_entry(0, severity=Severity.LOW)], store)
    announce_due(store, subscribers, at(1))
    deliver([shown_by_entry(2, severity=Severity.CRITICAL)], store)
    announce_due(store, subscribers, at(3))
    deliver([shown_by_entry(4, severity=Severity.MEDIUM)], store)
    announce_due(store, subscribers, at(5))
    assert subscribers.reasons == ["opened", "escalated"]
    assert subscribers.heard[1].attributes["severity"] == "CRITICAL"


def test_an_ending_and_a_reopening_are_news_with_ids_of_their_own(store: DuckDBStore) -> None:
    subscribers = Subscribers()
    for minute, state in ((0, State.OPEN), (70, State.RESOLVED), (140, State.OPEN)):
        deliver([shown_by_entry(minute, state=state)], store)
        announce_due(store, subscribers, at(minute + 1))
    assert subscribers.reasons == ["opened", "resolved", "reopened"]
    assert len({alert.alert_id for alert in subscribers.heard}) == 3


def test_what_ended_before_anyone_was_told_is_never_announced(store: DuckDBStore) -> None:
    subscribers = Subscribers()
    deliver([shown_by_entry(0), shown_by_entry(1, state=State.RESOLVED)], store)
    announce_due(store, subscribers, at(2))
    assert subscribers.heard == []


def test_a_refused_alert_is_tried_again_under_the_same_id(store: DuckDBStore) -> None:
    subscribers = Subscribers(refusing=True)
    deliver([shown_by_entry(0)], store)
    first = announce_due(store, subscribers, at(1))
    subscribers.refusing = False
    second = announce_due(store, subscribers, at(2))
    assert [message.alert_id for message, _ in first.refused] == [message.alert_id for message in second.sent]
    assert announce_due(store, subscribers, at(3)).sent == ()


class ForgetfulStore(DuckDBStore):
    """Fails to mark alerts as sent."""

    def append(self, rows: Rows) -> None:
        if any(row["phase"] == "SENT" for row in rows.get(Table.ALERT_EVENTS, ())):
            raise BackendError("gone")
        super().append(rows)


def test_an_alert_that_could_not_be_marked_is_repeated_under_the_same_id_and_its_end_is_told() -> None:
    subscribers = Subscribers()
    with ForgetfulStore() as store:
        deliver([shown_by_entry(0)], store)
        for minute in (1, 2):
            with pytest.raises(BackendError):
                announce_due(store, subscribers, at(minute))
        assert len({alert.alert_id for alert in subscribers.heard}) == 1
        deliver([shown_by_entry(3, state=State.RESOLVED)], store)
        with pytest.raises(BackendError):
            announce_due(store, subscribers, at(4))
    assert subscribers.reasons == ["opened", "opened", "resolved"]


def test_a_broken_binding_has_ten_minutes_to_propagate(store: DuckDBStore) -> None:
    subscribers = Subscribers()
    deliver([shown_by_entry(0, category=Category.BROKEN_BINDING)], store)
    announce_due(store, subscribers, at(9))
    assert subscribers.heard == []
    announce_due(store, subscribers, at(10))
    assert subscribers.reasons == ["opened"]


def test_a_flapping_finding_waits_until_it_is_quiet(store: DuckDBStore) -> None:
    subscribers = Subscribers()
    for minute in range(0, 40, 5):
        state = State.OPEN if minute % 10 == 0 else State.RESOLVED
        deliver([shown_by_entry(minute, state=state)], store)
        announce_due(store, subscribers, at(minute + 1))
    assert subscribers.reasons == ["opened", "resolved", "reopened"]
    announce_due(store, subscribers, at(94))
    assert subscribers.reasons == ["opened", "resolved", "reopened"]
    announce_due(store, subscribers, at(96))
    assert subscribers.reasons == ["opened", "resolved", "reopened", "resolved"]


def test_alerts_are_as_their_schema_says(store: DuckDBStore) -> None:
    import jsonschema

    schema = json.loads((files("bindwatch") / "data" / "alert.schema.json").read_text(encoding="utf-8"))
    jsonschema.Draft202012Validator.check_schema(schema)
    subscribers = Subscribers()
    deliver([shown_by_entry(0)], store)
    announce_due(store, subscribers, at(1))
    for alert in subscribers.heard:
        jsonschema.validate(json.loads(alert.data), schema)
