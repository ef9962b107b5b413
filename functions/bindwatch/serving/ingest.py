"""Judging what the log sink sends: one activity row per entry, findings stored, then announced."""

import hashlib
import threading
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime

from bindwatch.adapters.push import Message, Poison
from bindwatch.engine import Engine
from bindwatch.errors import BackendError, InputError
from bindwatch.model.log_entry import LogEntry
from bindwatch.pipeline import (
    AlertPublisher,
    DeadLetters,
    Delivery,
    FindingStore,
    announce_all,
    deliver,
    with_previous,
)
from bindwatch.serving.counters import Counters
from bindwatch.serving.log_lines import Log


@dataclass(frozen=True, slots=True)
class Taken:
    """What became of the messages of one request."""

    entries: int
    findings: int
    dead_letters: int


class Ingest:
    """Takes messages from any number of threads at once; each call returns when its own rows are durable."""

    def __init__(
        self,
        engine: Engine,
        store: FindingStore,
        alerts: AlertPublisher,
        dead_letters: DeadLetters,
        clock: Callable[[], datetime] = lambda: datetime.now(UTC),
    ) -> None:
        self._engine = engine
        self._store = store
        self._dead_letters = dead_letters
        self._announcer = Announcer(store, alerts, clock)
        self._clock = clock
        self.counters = Counters()

    def take(self, messages: Sequence[Message | Poison], log: Log) -> Taken:
        """Judge these messages and keep what was found; what is no entry goes to the dead letters.

        Taking a message again changes nothing. Raises BackendError where the store or the dead letters refused: then
        none of the messages may be acknowledged.
        """
        received_at = self._clock()
        deliveries: list[Delivery] = []
        poison: list[Poison] = []
        for message in messages:
            judged = message if isinstance(message, Poison) else self._judge(message, received_at, log)
            if isinstance(judged, Poison):
                poison.append(judged)
            else:
                deliveries.append(judged)
        deliver(deliveries, self._store)
        for item in poison:
            self._bury(item, log)
        findings = sum(len(delivery.verdict.findings) for delivery in deliveries)
        self.counters.count(
            entries=len(deliveries),
            findings=findings,
            failures=sum(len(delivery.verdict.failures) for delivery in deliveries),
            dead_letters=len(poison),
        )
        if findings:
            self._announcer.announce(log)
        return Taken(len(deliveries), findings, len(poison))

    def _judge(self, message: Message, received_at: datetime, log: Log) -> Delivery | Poison:
        try:
            # Threads share the engine: rules are pure, and what it remembers is single sets and dictionaries.
            decoded, verdict = self._engine.judge_data(message.data)
            entry = with_previous(_told_apart(decoded, message.data), self._store)
            if entry is not decoded:
                verdict = self._engine.judge_entry(entry)
        except InputError as error:
            return Poison(message, error.field, error.problem)
        except BackendError:
            raise
        except Exception as error:  # a bug of ours, which the same bytes find again: a retry would only block others
            log.error("an entry could not be judged", error, message_id=message.message_id)
            return Poison(message, "", f"unexpected {type(error).__name__}: {error}")
        for failure in verdict.failures:
            log.error("a rule failed", rule_id=failure.rule_id, insert_id=entry.insert_id, problem=failure.error[:500])
        if entry.time is not None:
            self.counters.lag((received_at - entry.time).total_seconds())
        return Delivery(entry, verdict, received_at, self._engine.context.outside.place(entry.caller_ip))

    def _bury(self, poison: Poison, log: Log) -> None:
        message = poison.message
        about = {
            "source_message_id": message.message_id,
            "source_subscription": message.subscription,
            "source_publish_time": message.publish_time,
        }
        attributes = {**message.attributes, **{key: value for key, value in about.items() if value}}
        self._dead_letters.publish(message.data, reason=poison.reason, field=poison.field, attributes=attributes)
        log.warning(
            "a message is no audit log entry; it is with the dead letters",
            reason=poison.reason[:200],
            field=poison.field[:200],
            message_id=message.message_id,
            delivery_attempt=message.delivery_attempt,
        )


class Announcer:
    """Announces what is due, one thread at a time; who comes meanwhile leaves the work to the one that is at it."""

    def __init__(self, store: FindingStore, alerts: AlertPublisher, clock: Callable[[], datetime]) -> None:
        self._store = store
        self._alerts = alerts
        self._clock = clock
        self._busy = threading.Lock()
        self._wanted = threading.Event()

    def announce(self, log: Log) -> int:
        """Announce what is due, and how many that were. A refusal is not raised: the store is the outbox, and the
        sweep of the next minute tries again.
        """
        sent = 0
        self._wanted.set()
        while self._wanted.is_set() and self._busy.acquire(blocking=False):
            try:
                self._wanted.clear()
                done = announce_all(self._store, self._alerts, self._clock())
                sent += len(done.sent)
                for message, error in done.refused:
                    log.warning("an alert was not taken; it stays due", alert_id=message.alert_id, error=error)
            except BackendError as error:
                log.warning("alerts could not be announced; they stay due", error=str(error))
            finally:
                self._busy.release()
        return sent


def _told_apart(entry: LogEntry, data: bytes) -> LogEntry:
    """The entry with an insertId. Cloud Logging always gives one; where one was lost, the content stands for it."""
    if entry.insert_id:
        return entry
    return entry.with_insert_id("content-" + hashlib.sha256(data).hexdigest()[:24])
