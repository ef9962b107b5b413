"""Telling people: alerts of the topic to the destinations that the settings file names, each alert once to each.

What a destination was told is kept in the store, so that what is delivered again, because another destination was
down, is not told again where it arrived.
"""

import threading
import time
from collections.abc import Callable, Iterable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Final, Protocol

from bindwatch.adapters.bridges.wording import Labels
from bindwatch.adapters.push import Message, Poison
from bindwatch.adapters.sql_store import SqlStore
from bindwatch.customization.destinations import ONE_EACH, Destination, Directory, GroupBy
from bindwatch.errors import BackendError, InputError
from bindwatch.pipeline import DeadLetters, Table
from bindwatch.pipeline.announced import Announced, read_alert
from bindwatch.pipeline.ports import Row
from bindwatch.pipeline.rows import timestamp
from bindwatch.serving.log_lines import Log

_TOLD: Final = "TOLD"
_REFUSED: Final = "REFUSED"
_MOST_AT_ONCE: Final = 16
_AT_ONCE: Final = 4
_SECONDS: Final = 40.0
"""After so many seconds no message is begun: one may take some 75 more, and the platform waits 180."""
_MOST_IN_A_MESSAGE: Final = 500
ONLY_TO: Final = "destination"
"""The attribute of a dead letter that says which destination refused it: posted again, it goes there alone."""


class Bridge(Protocol):
    """The way to one destination."""

    def tell(self, alerts: Sequence[Announced], labels: Labels, known: str) -> str:
        """Tell of these, and give what the destination calls it; `known` is what it called the finding before.

        Raises InputError where it will not have them, ever; BackendError where it may later.
        """


@dataclass(slots=True)
class Told:
    """What became of the alerts of one request."""

    told: int = 0
    refused: int = 0
    dead_letters: int = 0
    unrouted: int = 0


@dataclass(slots=True)
class _Delivery:
    """One alert on its way to one destination."""

    alert: Announced
    destination: Destination
    known: str = ""
    problem: str = ""


@dataclass(slots=True)
class _Request:
    """The alerts of one request, and what became of them."""

    alerts: list[tuple[Announced, str]]
    result: Told = field(default_factory=Told)
    problems: list[str] = field(default_factory=list)
    error: BaseException | None = None
    done: threading.Event = field(default_factory=threading.Event)


@dataclass(frozen=True, slots=True)
class _Known:
    """What the store remembers of some findings."""

    settled: Mapping[tuple[str, str], str]
    """By alert and destination: TOLD or REFUSED."""
    references: Mapping[tuple[str, str], str]
    """By finding and destination: what the destination calls it. Empty text where it was told and has no name."""


class Notifier:
    """Takes alerts from any number of threads at once; each call returns when its own are told, or put aside.

    Requests that come within `group_seconds` are told of together.
    """

    def __init__(
        self,
        directory: Directory,
        bridges: Mapping[str, Bridge],
        store: SqlStore,
        dead_letters: DeadLetters,
        *,
        group_seconds: float = 5.0,
        clock: Callable[[], datetime] = lambda: datetime.now(UTC),
        monotonic: Callable[[], float] = time.monotonic,
    ) -> None:
        self._directory = directory
        self._bridges = bridges
        self._store = store
        self._dead_letters = dead_letters
        self._group_seconds = group_seconds
        self._clock = clock
        self._monotonic = monotonic
        self._lock = threading.Lock()
        self._telling = threading.Lock()
        self._waiting: list[_Request] = []
        # What was told, and could not be written down.
        self._unwritten: dict[tuple[str, str], Row] = {}

    def take(self, messages: Sequence[Message | Poison], log: Log) -> Told:
        """Tell of the alerts in these messages; what is no alert goes to the dead letters.

        Raises BackendError where a destination, or the store, is to be tried again: what the others were told is
        remembered.
        """
        alerts: list[tuple[Announced, str]] = []
        poison: list[Poison] = []
        for message in messages:
            if isinstance(message, Poison):
                poison.append(message)
                continue
            try:
                alerts.append((read_alert(message.data), message.attributes.get(ONLY_TO, "")))
            except InputError as error:
                poison.append(Poison(message, error.field, error.problem))
        for item in poison:
            self._dead_letters.publish(
                item.message.data, reason=item.reason, field=item.field, attributes=item.message.attributes
            )
            log.warning("a message is no alert; it is with the dead letters", message_id=item.message.message_id)
        request = self._together(alerts, log) if alerts else _Request([])
        if request.error is not None:
            raise request.error
        if request.problems:
            raise BackendError("; ".join(dict.fromkeys(request.problems)))
        request.result.dead_letters += len(poison)
        return request.result

    def _together(self, alerts: list[tuple[Announced, str]], log: Log) -> _Request:
        """Have these told of with what comes meanwhile: the first to come waits a while, then speaks for all."""
        mine = _Request(alerts)
        with self._lock:
            self._waiting.append(mine)
            leads = len(self._waiting) == 1
        if not leads:
            mine.done.wait()
            return mine
        if self._group_seconds:
            mine.done.wait(self._group_seconds)
        with self._telling:  # one at a time: what is being told is not yet remembered
            with self._lock:
                requests, self._waiting = self._waiting, []
            try:
                self._tell_all(requests, log)
            except Exception as error:  # each of those who wait must hear of it
                for request in requests:
                    request.error = error
            finally:
                for request in requests:
                    request.done.set()
        return mine

    def _tell_all(self, requests: Sequence[_Request], log: Log) -> None:
        known = self._known({alert.finding_id for request in requests for alert, _ in request.alerts})
        deliveries: dict[tuple[str, str], _Delivery] = {}
        askers: dict[tuple[str, str], list[_Request]] = {}
        for request in requests:
            for alert, only_to in request.alerts:
                names = self._names(alert, only_to, known)
                request.result.unrouted += not names
                for name in names:
                    key = (alert.alert_id, name)
                    outcome = known.settled.get(key)
                    if outcome == _TOLD or (outcome == _REFUSED and not only_to):
                        continue
                    reference = known.references.get((alert.finding_id, name), "")
                    deliveries[key] = _Delivery(alert, self._directory.destinations[name], reference)
                    askers.setdefault(key, []).append(request)
        self._write([])
        chains = _chains(deliveries.values())
        if chains:
            down: dict[str, str] = {}
            until = self._monotonic() + _SECONDS
            with ThreadPoolExecutor(min(_MOST_AT_ONCE, len(chains))) as pool:
                list(pool.map(lambda chain: self._tell_in_order(chain, down, until, log), chains))
        for key, delivery in deliveries.items():
            for request in askers[key]:
                match delivery.problem:
                    case "":
                        request.result.told += 1
                    case "refused":
                        request.result.refused += 1
                    case problem:
                        request.problems.append(problem)

    def _names(self, alert: Announced, only_to: str, known: _Known) -> list[str]:
        """The destinations of an alert; an end is told to whoever was told of the beginning too."""
        if only_to:
            return [only_to] if only_to in self._directory.destinations else []
        names = {item.name: None for item in self._directory.destinations_of(alert)}
        if alert.is_over:
            before = {name for finding_id, name in known.references if finding_id == alert.finding_id}
            names |= dict.fromkeys(sorted(before & self._directory.destinations.keys()))
        return list(names)

    def _tell_in_order(
        self, chain: Sequence[Sequence[_Delivery]], down: dict[str, str], until: float, log: Log
    ) -> None:
        """The messages of one chain, one after the other. A destination that is down is not asked again for each."""
        known: dict[str, str] = {}
        for bundle in chain:
            name, finding_id = bundle[0].destination.name, bundle[0].alert.finding_id
            if name not in down and self._monotonic() > until:
                down[name] = f"destination {name}: no time left; what waits is told when it is delivered again"
            if name in down:
                for delivery in bundle:
                    delivery.problem = down[name]
                continue
            known[finding_id] = self._tell(bundle, known.get(finding_id) or bundle[0].known, log)
            if (problem := bundle[0].problem) not in ("", "refused"):
                down[name] = problem

    def _tell(self, bundle: Sequence[_Delivery], known: str, log: Log) -> str:
        """One message to one destination, and what it calls it; the outcome is written down before anything else."""
        destination = bundle[0].destination
        alerts = [delivery.alert for delivery in bundle]
        labels = {alert.project: self._directory.labels_of(alert.project) for alert in alerts}
        try:
            known = self._bridges[destination.name].tell(alerts, labels, known)
            self._write([self._row(alert, destination, _TOLD, reference=known) for alert in alerts])
        except InputError as error:
            self._refused(bundle, error, log)
        except BackendError as error:
            for delivery in bundle:
                delivery.problem = str(error)
        except Exception as error:  # a bug of ours, which must not keep the other destinations from being told
            log.error(f"unexpected {type(error).__name__} telling a destination", error, destination=destination.name)
            self._refused(bundle, InputError("", f"unexpected {type(error).__name__}"), log)
        return known

    def _refused(self, bundle: Sequence[_Delivery], error: InputError, log: Log) -> None:
        """Put alerts aside that a destination will never take. One of several may be at fault: then each goes alone."""
        if len(bundle) > 1:
            for delivery in bundle:
                self._tell([delivery], delivery.known, log)
            return
        (delivery,) = bundle
        alert, destination = delivery.alert, delivery.destination
        attributes = {
            ONLY_TO: destination.name,
            "alert_id": alert.alert_id,
            "finding_id": alert.finding_id,
            "severity": alert.severity.name,
        }
        delivery.problem = "refused"
        try:
            self._dead_letters.publish(alert.data, reason=error.problem, field=error.field, attributes=attributes)
            self._write([self._row(alert, destination, _REFUSED, reason=error.problem)])
        except BackendError as problem:
            delivery.problem = str(problem)
            return
        log.error(
            "a destination refused an alert",
            destination=destination.name,
            alert_id=alert.alert_id,
            reason=error.problem[:300],
        )

    # What was told

    def _known(self, finding_ids: set[str]) -> _Known:
        rows: list[Mapping[str, object]] = list(
            self._store.ask("store/deliveries", {"finding_ids": tuple(sorted(finding_ids))})
        )
        with self._lock:
            rows += self._unwritten.values()
        settled: dict[tuple[str, str], str] = {}
        references: dict[tuple[str, str], str] = {}
        for row in rows:
            alert_id, name, outcome = str(row["alert_id"]), str(row["destination"]), str(row["outcome"])
            if settled.get((alert_id, name)) != _TOLD:
                settled[alert_id, name] = outcome
            if outcome == _TOLD:
                finding = (str(row["finding_id"]), name)
                references[finding] = str(row["reference"] or "") or references.get(finding, "")
        return _Known(settled, references)

    def _row(
        self, alert: Announced, destination: Destination, outcome: str, *, reference: str = "", reason: str = ""
    ) -> Row:
        return {
            "alert_id": alert.alert_id,
            "destination": destination.name,
            "outcome": outcome,
            "recorded_at": timestamp(self._clock()),
            "finding_id": alert.finding_id,
            "state": alert.state.value,
            "severity_level": int(alert.severity),
            "reference": reference,
            "reason": reason[:1000],
        }

    def _write(self, rows: Sequence[Row]) -> None:
        """Write these down, with what could not be written before. What is not written this instance remembers."""
        with self._lock:
            self._unwritten |= {(str(row["alert_id"]), str(row["destination"])): row for row in rows}
            waiting = dict(self._unwritten)
        if not waiting:
            return
        self._store.append({Table.DELIVERIES: list(waiting.values())})
        with self._lock:
            for key, row in waiting.items():
                if self._unwritten.get(key) is row:
                    del self._unwritten[key]


def _chains(deliveries: Iterable[_Delivery]) -> list[list[list[_Delivery]]]:
    """The messages, as lists of alerts, in chains that do not wait for each other.

    What is told of one finding keeps its order, and so do alerts that share a message. A chat is told one thing at a
    time, since it takes about one message a second; pages and tickets, of which each is one finding's, a few at once.
    """
    lanes: dict[tuple[str, str], list[_Delivery]] = {}
    for delivery in deliveries:
        destination, alert = delivery.destination, delivery.alert
        if not destination.groups:
            lane = alert.finding_id
        else:
            lane = alert.rule_id if destination.group_by is GroupBy.RULE else ""
        lanes.setdefault((destination.name, lane), []).append(delivery)
    chains: dict[tuple[str, int], list[list[_Delivery]]] = {}
    for number, ((name, _), together) in enumerate(lanes.items()):
        destination = together[0].destination
        together.sort(key=lambda delivery: delivery.alert.announced_at)
        most = _MOST_IN_A_MESSAGE if destination.groups else 1
        chain = chains.setdefault((name, number % _AT_ONCE if destination.kind in ONE_EACH else 0), [])
        chain += [together[start : start + most] for start in range(0, len(together), most)]
    return list(chains.values())
