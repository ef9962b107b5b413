"""From the topic of the sink by push into the function, and out on the topics of alerts and dead letters."""

from __future__ import annotations

import json
from pathlib import Path

from bindwatch.adapters.duckdb import DuckDBStore
from bindwatch.engine import Engine
from bindwatch.rule import Context
from bindwatch.rules import LOG_RULES
from emulators import PubSub
from generate import SUSPICIOUS_ADMINISTRATION, generate_entries
from served import served


def test_entries_in_alerts_out_and_poison_aside(pubsub: PubSub, tmp_path: Path) -> None:
    names = ("e2e-entries", "e2e-alerts", "e2e-letters")
    entries_topic, alerts_topic, letters_topic = (pubsub.topic(name) for name in names)
    alerts = pubsub.subscription("e2e-alerts", alerts_topic, enable_message_ordering=True)
    letters = pubsub.subscription("e2e-letters", letters_topic)
    entries = [*generate_entries(60, seed=11), *generate_entries(20, seed=12, mix=SUSPICIOUS_ADMINISTRATION)]
    engine = Engine(Context(trusted_domains=frozenset({"example.com"})), LOG_RULES)
    expected = {finding.finding_id for line in entries for finding in engine.judge_line(line).findings}
    assert expected
    environ = {
        "PUBSUB_EMULATOR_HOST": pubsub.host,
        "BINDWATCH_ALERTS": alerts_topic,
        "BINDWATCH_DEAD_LETTERS": letters_topic,
        "BINDWATCH_TRUSTED_DOMAINS": "example.com",
    }
    with served("on_log_entry", tmp_path, **environ) as function:
        push = {"push_endpoint": function.url}
        subscription = pubsub.subscription("e2e-entries", entries_topic, push_config=push)
        pubsub.publish(entries_topic, *entries, *entries[:10], b"poison", b'{"textPayload": "no audit log"}')
        told = pubsub.drain(alerts, until=len(expected), seconds=60)
        dead = pubsub.drain(letters, until=2)
        pubsub.subscriber.delete_subscription(request={"subscription": subscription})
    assert sorted(message.attributes["field"] for message in dead) == ["", "protoPayload"]
    assert all(message.attributes["logging.googleapis.com/timestamp"] for message in dead)
    with DuckDBStore(str(tmp_path / "bindwatch.duckdb")) as store:
        stored = {row[0] for row in store._connection.execute("select finding_id from findings").fetchall()}
        due_later = {row[0] for row in store._connection.execute("select finding_id from alerts_due").fetchall()}
        (activity,) = store._connection.execute("select count(*) from activity").fetchone() or (0,)
    assert stored == expected
    assert activity == 80
    assert {message.attributes["finding_id"] for message in told} == expected - due_later
    assert len({json.loads(message.data)["alert_id"] for message in told}) == len(told)


def test_what_is_refused_for_good_ends_with_the_dead_letters_of_pubsub(pubsub: PubSub, tmp_path: Path) -> None:
    entries_topic, dead_topic = pubsub.topic("refused-entries"), pubsub.topic("refused-dead")
    dead = pubsub.subscription("refused-dead", dead_topic)
    (entry,) = generate_entries(1, seed=1)
    with DuckDBStore(str(tmp_path / "bindwatch.duckdb")), served("on_log_entry", tmp_path) as function:
        pubsub.subscription(
            "refused-entries",
            entries_topic,
            push_config={"push_endpoint": function.url},
            dead_letter_policy={"dead_letter_topic": dead_topic, "max_delivery_attempts": 5},
            retry_policy={"minimum_backoff": {"nanos": 100_000_000}, "maximum_backoff": {"nanos": 200_000_000}},
        )
        pubsub.publish(entries_topic, entry)
        (message,) = pubsub.drain(dead, until=1, seconds=60)
    assert message.data == entry
    assert any(name.startswith("CloudPubSubDeadLetterSource") for name in message.attributes)
