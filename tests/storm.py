"""A stream as bad as it gets: poison, duplicates, disorder, a function that dies, a store that refuses."""

from __future__ import annotations

import random
import time
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING

from bindwatch.engine import Engine
from bindwatch.model.finding import Finding, State
from bindwatch.rule import Context
from bindwatch.rules import LOG_RULES
from generate import BUSY, generate_entries

if TYPE_CHECKING:
    from emulators import PubSub

POISON = (b"not JSON", b"[]", b'{"textPayload": "hello"}', b'{"protoPayload": {"serviceName": "x"}}', b"\xff\xfe", b"")
OURS = "example.com"
_TOPICS = 24
"""The emulator pushes two messages of a subscription at a time; so there are several, each with a topic."""


@dataclass(frozen=True, slots=True)
class Storm:
    """What is sent, in this order, and what must come of it."""

    messages: tuple[bytes, ...]
    poison: frozenset[bytes]
    entries: int
    found: tuple[Finding, ...]

    @classmethod
    def brew(cls, messages: int, *, seed: int = 7) -> Storm:
        """So many messages: one in twenty is poison, one in ten came before, and all are shuffled."""
        rng = random.Random(seed)
        poison = [POISON[number % len(POISON)] + b" " * number for number in range(messages // 20)]
        repeated = messages // 10
        began = datetime.now(UTC).replace(microsecond=0) - timedelta(days=1)
        entries = list(generate_entries(messages - len(poison) - repeated, seed=21, mix=BUSY, start=began))
        sent = [*entries, *rng.sample(entries, repeated), *poison]
        rng.shuffle(sent)
        engine = Engine(Context(trusted_domains=frozenset({OURS})), LOG_RULES)
        found = tuple(finding for line in entries for finding in engine.judge_line(line).findings)
        return cls(tuple(sent), frozenset(poison), len(entries), found)

    @property
    def expected(self) -> set[str]:
        """The findings that must be stored."""
        return {finding.finding_id for finding in self.found}

    @property
    def undone(self) -> set[str]:
        """Those of them that other entries end: how often these are told depends on which entry came first."""
        return {finding.finding_id for finding in self.found if finding.state is not State.OPEN}

    @property
    def told(self) -> set[str]:
        """The alerts that must be sent: one for each finding that opens and stays."""
        return {f"{finding_id}-open-1" for finding_id in self.expected - self.undone}


@dataclass(frozen=True, slots=True)
class Outcome:
    """What came of a storm."""

    findings: tuple[str, ...]
    activity: tuple[int, int]
    """Rows, and different entries among them, as questions count them."""
    alerts: frozenset[str]
    letters: dict[bytes, str]
    """The bodies with the dead letters, each with its reason."""
    deaths: int
    refused: int
    seconds: float


def weather(
    storm: Storm, folder: Path, pubsub: PubSub, *, name: str, deaths: int, refusals: int, seconds: float
) -> Outcome:
    """Send a storm through the emulator, the function and the local BigQuery.

    The function dies `deaths` times, evenly over the entries; BigQuery refuses `refusals` times for so many seconds.
    """
    # Here: whoever only brews a storm needs none of Google's clients.
    from bindwatch.adapters.bigquery import BigQueryStore
    from bindwatch.adapters.bigquery_schema import apply_schema
    from bindwatch.adapters.pubsub import PubSubAlerts
    from bindwatch.pipeline import announce_all
    from gateway import gateway
    from local_bigquery import PROJECT, client_of, serving
    from served import free_port, start

    dataset = f"{PROJECT}.storm"
    topics = [pubsub.topic(f"{name}-entries-{number}") for number in range(_TOPICS)]
    alerts_topic, letters_topic = pubsub.topic(f"{name}-alerts"), pubsub.topic(f"{name}-letters")
    alerts = pubsub.subscription(f"{name}-alerts", alerts_topic, enable_message_ordering=True)
    letters = pubsub.subscription(f"{name}-letters", letters_topic)
    with serving(folder) as address, gateway(address) as gate:
        client = client_of(address)
        apply_schema(client, dataset)
        environ = {
            "THREADS": "80",  # as many calls at once as an instance takes; they share their inserts
            "PUBSUB_EMULATOR_HOST": pubsub.host,
            "BINDWATCH_STORE": f"bigquery:{dataset}",
            "BINDWATCH_ALERTS": alerts_topic,
            "BINDWATCH_DEAD_LETTERS": letters_topic,
            "BINDWATCH_TRUSTED_DOMAINS": OURS,
            **gate.environ(folder),
        }
        port = free_port()
        function = start("on_log_entry", folder, port=port, **environ)
        began = time.monotonic()
        pushes = [
            pubsub.subscription(
                f"{topic.rpartition('/')[2]}-push",
                topic,
                push_config={"push_endpoint": function.url},
                ack_deadline_seconds=60,
            )
            for topic in topics
        ]
        try:
            for number, topic in enumerate(topics):
                pubsub.publish(topic, *storm.messages[number :: len(topics)])
            for number in range(max(deaths, refusals)):
                goal = (number + 1) * storm.entries // (max(deaths, refusals) + 1)
                _wait(lambda goal=goal: gate.kept("activity") >= goal, 600)  # type: ignore[misc]
                if number < refusals:
                    gate.refuses = True
                    time.sleep(seconds)
                if number < deaths:
                    function.kill()
                    function = start("on_log_entry", folder, port=port, **environ)
                gate.refuses = False
            _wait(lambda: gate.kept("activity") >= storm.entries, 600)
            dead = _drain_letters(pubsub, letters, storm)
            spent = time.monotonic() - began
        finally:
            for subscription in pushes:
                pubsub.subscriber.delete_subscription(request={"subscription": subscription})
            function.stop()
        store = BigQueryStore(dataset, client=client, retries=False)
        later = datetime.now(UTC) + timedelta(hours=2)  # what had to wait for its grace is due by then
        announce_all(store, PubSubAlerts(alerts_topic, pubsub.publisher), later)
        told = {message.attributes["alert_id"] for message in pubsub.drain(alerts, until=len(storm.told), seconds=60)}
        findings = tuple(row["finding_id"] for row in store.ask("views/findings", {}))
        (counted,) = client.query_and_wait(
            f"select count(*) as entries, count(distinct event_key) as different from `{dataset}.activity`"
        )
    return Outcome(
        findings=findings,
        activity=(counted["entries"], counted["different"]),
        alerts=frozenset(told),
        letters=dead,
        deaths=deaths,
        refused=gate.refused,
        seconds=spent,
    )


def _drain_letters(pubsub: PubSub, subscription: str, storm: Storm) -> dict[bytes, str]:
    found: dict[bytes, str] = {}
    deadline = time.monotonic() + 120
    while set(found) < storm.poison and time.monotonic() < deadline:
        for message in pubsub.drain(subscription, seconds=5):
            found[message.data] = message.attributes["reason"]
    return found


def _wait(until: Callable[[], bool], seconds: float) -> None:
    deadline = time.monotonic() + seconds
    while not until():
        if time.monotonic() > deadline:
            raise TimeoutError("the storm did not pass")
        time.sleep(0.02)
