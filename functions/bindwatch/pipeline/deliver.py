"""What the rules said of log entries, into the store: one activity row each, and an event for every finding."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime

from bindwatch.engine import Verdict
from bindwatch.model.log_entry import LogEntry
from bindwatch.model.outside import NOWHERE, Place
from bindwatch.pipeline.ports import FindingStore, Row, Table
from bindwatch.pipeline.rows import Recording, activity_row, failure_row, finding_event
from bindwatch.pipeline.snapshots import snapshot_of_entry


@dataclass(frozen=True, slots=True)
class Delivery:
    """One judged entry, and when it reached us."""

    entry: LogEntry
    verdict: Verdict
    received_at: datetime
    place: Place = NOWHERE
    """Where the caller's address is, as far as the user's databases say."""


def deliver(deliveries: Iterable[Delivery], store: FindingStore, *, run_id: str = "") -> None:
    """Keep what was judged; durable when it returns.

    Appends only and reads nothing. Delivering an entry again changes nothing: its rows have the same keys. Raises
    BackendError where the store did not take it, and then it is to be delivered again. Announces nothing: see
    `announce_due`.
    """
    activity: list[Row] = []
    events: list[Row] = []
    failures: list[Row] = []
    snapshots: list[Row] = []
    for delivery in deliveries:
        verdict, received_at = delivery.verdict, delivery.received_at
        found = len(verdict.findings)
        activity.append(activity_row(delivery.entry, received_at=received_at, findings=found, place=delivery.place))
        if verdict:
            recording = Recording(recorded_at=received_at, run_id=run_id)
            events += [finding_event(finding, recording) for finding in verdict.findings]
            failures += [failure_row(failure, recorded_at=received_at) for failure in verdict.failures]
        if (policy := snapshot_of_entry(delivery.entry)) is not None:
            snapshots.append(policy)
    rows: dict[Table, Sequence[Row]] = {}
    if events:
        rows[Table.FINDING_EVENTS] = events
    if failures:
        rows[Table.RUNS] = failures
    if snapshots:
        rows[Table.SNAPSHOTS] = snapshots
    if activity:
        rows[Table.ACTIVITY] = activity
    if rows:
        store.append(rows)
