"""What the pipeline needs from the outside, as ports; the adapters implement them."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum
from typing import Protocol, TypeAlias

from bindwatch.model.finding import Severity
from bindwatch.rule import WindowRow

Json: TypeAlias = "str | int | float | bool | Sequence[Json] | Mapping[str, Json] | None"
Row: TypeAlias = Mapping[str, Json]
"""One row of a table, by column name; times as text in UTC (`2026-01-31 12:00:00.000000`)."""


class Table(StrEnum):
    """The tables of the store; `sql/schema/<table>.json` says what is in each."""

    ACTIVITY = "activity"
    FINDING_EVENTS = "finding_events"
    ALERT_EVENTS = "alert_events"
    DELIVERIES = "deliveries"
    RUNS = "runs"
    SNAPSHOTS = "snapshots"
    MUTES = "mutes"
    HABITS = "habits"
    PROJECT_TEAMS = "project_teams"


Rows: TypeAlias = Mapping[Table, Sequence[Row]]


@dataclass(frozen=True, slots=True)
class StandingFinding:
    """What an audit must know of a finding to confirm, reopen or resolve it."""

    finding_id: str
    rule_id: str
    category: str
    state: str
    project: str
    resource_name: str
    severity_level: int
    reopened: int
    seen_by_audit: bool
    state_event_key: str
    last_seen: datetime
    state_since: datetime


@dataclass(frozen=True, slots=True)
class DueAlert:
    """A state change that subscribers are to be told of: of one finding, or the baseline of a scope."""

    alert_id: str
    kind: str
    reason: str
    state: str
    due_at: datetime
    severity_level: int
    finding: Row
    scope: str = ""
    counts: Mapping[str, int] | None = None


@dataclass(frozen=True, slots=True)
class Reminders:
    """That an open finding so severe or worse is announced again when nobody was told of it for so many days."""

    days: int
    severity: Severity


@dataclass(frozen=True, slots=True)
class AlertMessage:
    """An alert as it is published: JSON, attributes to filter subscriptions by, and the key that keeps its order."""

    alert_id: str
    data: bytes
    attributes: Mapping[str, str]
    ordering_key: str


@dataclass(frozen=True, slots=True)
class Published:
    """What became of one message: its id, or why it was not taken."""

    message_id: str = ""
    error: str = ""


@dataclass(frozen=True, slots=True)
class WindowAnswers:
    """What the SQL of window rules found: the rows of each rule, by its id, or why the store does not answer it."""

    rows: Mapping[str, Sequence[WindowRow]] = field(default_factory=dict)
    refused: Mapping[str, str] = field(default_factory=dict)
    apart: str = ""
    """Why the rules could not be asked as one question, where they were not: that costs many times as much."""


class FindingStore(Protocol):
    """Where everything is kept: append-only tables, and views that say how things stand.

    Rows carry keys; appending the same row twice changes nothing any view shows.
    """

    def append(self, rows: Rows) -> None:
        """Keep these rows. When it returns they are durable; when it raises BackendError some may be, so repeat it."""

    def standing(
        self, *, rule_ids: Sequence[str], projects: Sequence[str] | None, finding_ids: Sequence[str]
    ) -> Sequence[StandingFinding]:
        """The findings of these rules in these projects (None: in all), and those with these ids."""

    def has_finished_audit(self, scope: str) -> bool:
        """Whether an audit of this scope ever ran to its end: if not, the next one is the baseline."""

    def alerts_due(self, now: datetime, *, at_most: int, reminders: "Reminders | None" = None) -> Sequence[DueAlert]:
        """What is to be announced now, longest due first; with reminders of what is open still, where asked for."""

    def known_policies(self, projects: Sequence[str] | None) -> Mapping[str, tuple[str, str]]:
        """The key and the project of the last known policy of each resource in these projects (None: in all)."""

    def policy_before(self, resource: str, before: datetime) -> Sequence[tuple[str, str, str]] | None:
        """The grants (role, member, condition) of a policy as last known before then; None where none was known."""

    def state_before(self, resource: str, kind: str, before: datetime) -> Mapping[str, str] | None:
        """The fields of an object (a provider, a sink) as last known before then; None where none were known."""

    def known_states(self, projects: Sequence[str] | None) -> Mapping[tuple[str, str], str]:
        """The key of the last known state of each object that is no policy, by its name and kind, in these projects
        (None: in all)."""

    def known_teams(self) -> Mapping[str, str]:
        """Whose each project (its id) was when it was last seen: the team, "" for one that is nobody's any more."""

    def window_rows(self, rule_ids: Sequence[str], *, since: datetime, until: datetime) -> WindowAnswers:
        """What the SQL of these window rules finds in that time, asked as one question. `since` is a full hour.

        A rule whose question the store refuses costs no other rule its answer. Raises BackendError where the store
        does not answer at all.
        """

    def roll_up_habits(self, since: datetime, until: datetime, *, now: datetime) -> None:
        """Make the daily roll-up of the days (UTC) that this time touches anew."""


class AlertPublisher(Protocol):
    """Announces alerts. At least once: a subscriber tells a repetition by its `alert_id`."""

    def publish(self, messages: Sequence[AlertMessage]) -> Sequence[Published]:
        """Publish these, and say for each what became of it. Returns when all are taken or refused."""


class EntryTopic(Protocol):
    """Where log entries come from: the topic that the sink publishes to."""

    @property
    def name(self) -> str:
        """Its full name."""

    @property
    def project(self) -> str:
        """The project it is in."""

    def publish(self, entry: bytes) -> None:
        """Publish one entry as the sink does. Raises BackendError where it was not taken."""


class DeadLetters(Protocol):
    """Takes what no retry can help, with the reason, so that it can be looked at and replayed."""

    def publish(self, body: bytes, *, reason: str, field: str, attributes: Mapping[str, str]) -> None:
        """Keep one message. Raises BackendError where it was not taken."""
