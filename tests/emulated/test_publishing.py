"""Alerts and dead letters on real topics."""

from __future__ import annotations

import pytest

from bindwatch.adapters.pubsub import PubSubAlerts, PubSubDeadLetters
from bindwatch.errors import BackendError
from bindwatch.pipeline import AlertMessage
from emulators import PubSub


def alert(number: int, finding: str = "f1", **attributes: str) -> AlertMessage:
    return AlertMessage(f"{finding}-{number}", b'{"n": %d}' % number, {"finding_id": finding, **attributes}, finding)


def test_the_alerts_of_a_finding_arrive_in_their_order(pubsub: PubSub) -> None:
    topic = pubsub.topic("alerts-ordered")
    subscription = pubsub.subscription("alerts-ordered", topic, enable_message_ordering=True)
    alerts = [alert(number, f"f{number % 7}") for number in range(2100)]
    published = PubSubAlerts(topic, pubsub.publisher).publish(alerts)
    assert len({item.message_id for item in published}) == 2100
    received = pubsub.drain(subscription, until=2100)
    by_key: dict[str, list[bytes]] = {}
    for message in received:
        by_key.setdefault(message.ordering_key, []).append(message.data)
    assert sum(map(len, by_key.values())) == 2100
    for finding, bodies in by_key.items():
        assert bodies == [item.data for item in alerts if item.ordering_key == finding]


def test_what_pubsub_would_refuse_of_the_attributes_costs_no_alert(pubsub: PubSub) -> None:
    topic = pubsub.topic("alerts-odd")
    subscription = pubsub.subscription("alerts-odd", topic)
    odd = {"project": "ü" * 2000, "goog-x": "no", "": "no", "k" * 300: "no"}
    (published,) = PubSubAlerts(topic, pubsub.publisher).publish([alert(1, **odd)])
    assert published.message_id
    (message,) = pubsub.drain(subscription, until=1)
    assert dict(message.attributes) == {"finding_id": "f1", "project": "ü" * 512}


def test_an_alert_that_is_too_big_costs_its_neighbours_nothing(pubsub: PubSub) -> None:
    topic = pubsub.topic("alerts-big")
    subscription = pubsub.subscription("alerts-big", topic)
    big = AlertMessage("big", b"x" * 11_000_000, {}, "f1")
    outcomes = PubSubAlerts(topic, pubsub.publisher).publish([alert(1), big, alert(2), alert(3, "f2")])
    assert [bool(item.error) for item in outcomes] == [False, True, True, False]
    assert "earlier alert" in outcomes[2].error
    assert len(pubsub.drain(subscription, until=2)) == 2


def test_without_the_topic_an_alert_stays_due_and_says_why(pubsub: PubSub) -> None:
    missing = "projects/example-security/topics/no-such-topic"
    (outcome,) = PubSubAlerts(missing, pubsub.publisher).publish([alert(1)])
    assert "does not exist" in outcome.error
    with pytest.raises(BackendError, match="does not exist"):
        PubSubDeadLetters(missing, pubsub.publisher).publish(b"x", reason="r", field="f", attributes={})


def test_a_dead_letter_is_unchanged_and_says_why(pubsub: PubSub) -> None:
    topic = pubsub.topic("dead-letters-kept")
    subscription = pubsub.subscription("dead-letters-kept", topic)
    letters = PubSubDeadLetters(topic, pubsub.publisher)
    letters.publish(b"\x00 whatever", reason="not JSON", field="", attributes={"reason": "theirs", "topic": "t"})
    letters.publish(b"", reason="missing", field="message.data", attributes={str(n): "" for n in range(120)})
    kept, empty = sorted(pubsub.drain(subscription, until=2), key=lambda message: not message.data)
    assert kept.data == b"\x00 whatever"
    assert dict(kept.attributes) == {"reason": "not JSON", "field": "", "topic": "t"}
    assert (empty.attributes["reason"], empty.attributes["field"], len(empty.attributes)) == (
        "missing",
        "message.data",
        100,
    )
