"""Dead letters and alerts as an operator meets them, with the command line, against the emulator."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

from bindwatch.adapters.pubsub import PubSubAlerts, PubSubDeadLetters
from bindwatch.pipeline import AlertMessage
from emulators import PubSub
from generate import generate_entries
from served import SOURCE, served


def bindwatch(*args: str, host: str, code: int = 0) -> str:
    done = subprocess.run(
        [sys.executable, "-m", "bindwatch", *args],
        capture_output=True,
        cwd=SOURCE,
        env={"PATH": os.environ["PATH"], "PUBSUB_EMULATOR_HOST": host},
        text=True,
        timeout=120,
        check=False,
    )
    assert done.returncode == code, (done.stdout, done.stderr)
    assert "Traceback" not in done.stderr
    return done.stdout if code < 2 else done.stderr


def buried(pubsub: PubSub, name: str, *bodies: bytes) -> str:
    """A subscription with these dead letters, of which a reader has a minute for each."""
    topic = pubsub.topic(name)
    full = f"projects/{pubsub.project}/subscriptions/{name}"
    pubsub.subscriber.create_subscription(request={"name": full, "topic": topic, "ack_deadline_seconds": 60})
    letters = PubSubDeadLetters(topic, pubsub.publisher)
    for body in bodies:
        letters.publish(body, reason="not JSON", field="", attributes={})
    return full


def test_who_looks_at_dead_letters_takes_none_away(pubsub: PubSub) -> None:
    place = buried(pubsub, "looked-at", b"one", b"two")
    for _ in range(2):  # at once again: nobody waits for the deadline of the first
        shown = bindwatch("deadletters", "list", place, "--seconds", "1", host=pubsub.host, code=1)
        assert sorted(line.strip() for line in shown.splitlines()[1::2]) == ["one", "two"]


def test_dead_letters_go_back_to_the_topic_they_came_from(pubsub: PubSub) -> None:
    (entry,) = generate_entries(1, seed=5)
    place = buried(pubsub, "sent-back", entry)
    topic = pubsub.topic("sent-back-entries")
    entries = pubsub.subscription("sent-back-entries", topic)
    told = bindwatch("deadletters", "replay", place, "--to", topic, "--seconds", "1", host=pubsub.host)
    assert json.loads(told) == {"sent": 1}
    (message,) = pubsub.drain(entries, until=1)
    assert message.data == entry
    assert pubsub.drain(place, seconds=2) == []


def test_what_is_still_poison_is_sent_once_and_stays(pubsub: PubSub, tmp_path: Path) -> None:
    poison = [b"poison %d" % number for number in range(130)]
    place = buried(pubsub, "poison", *poison)
    topic = f"projects/{pubsub.project}/topics/poison"
    environ = {"PUBSUB_EMULATOR_HOST": pubsub.host, "BINDWATCH_DEAD_LETTERS": topic}
    with served("on_log_entry", tmp_path, **environ) as function:
        options = ("--to", function.url, "--seconds", "2")
        told = bindwatch("deadletters", "replay", place, *options, host=pubsub.host, code=1)
    assert json.loads(told) == {"entries": 0, "findings": 0, "dead_letters": len(poison)}
    assert sorted(message.data for message in pubsub.drain(place, until=len(poison))) == sorted(poison)


def test_alerts_of_a_subscription_are_shown_once(pubsub: PubSub) -> None:
    topic = pubsub.topic("shown-alerts")
    place = pubsub.subscription("shown-alerts", topic)
    alert = {"severity": "HIGH", "state": "OPEN", "announced_at": "2026-11-02T10:00:00Z", "finding": {"title": "Eve"}}
    PubSubAlerts(topic, pubsub.publisher).publish([AlertMessage("a-1", json.dumps(alert).encode(), {}, "a")])
    shown = bindwatch("alerts", "tail", place, "--no-follow", host=pubsub.host)
    assert "HIGH" in shown
    assert "Eve" in shown
    assert pubsub.drain(place, seconds=1) == []


def test_a_topic_is_no_subscription(pubsub: PubSub) -> None:
    for command in (("deadletters", "list"), ("alerts", "tail")):
        said = bindwatch(*command, "projects/example-security/topics/x", host=pubsub.host, code=2)
        assert "expected projects/PROJECT/subscriptions/SUBSCRIPTION" in said
    said = bindwatch("deadletters", "list", "projects/example-security/subscriptions/absent", host=pubsub.host, code=2)
    assert "does not exist" in said
    assert "roles/" not in said
