"""What both stores have in common: the questions they are asked, and what the answers become."""

import json
from abc import ABC, abstractmethod
from collections.abc import Mapping, Sequence
from datetime import UTC, date, datetime, timedelta
from typing import Any, ClassVar, Final

from bindwatch.adapters.questions import Value, questions, sql_text, window_file, window_text
from bindwatch.errors import BackendError, InputError
from bindwatch.model.finding import LogRef
from bindwatch.pipeline.ports import DueAlert, Json, Reminders, Row, Rows, StandingFinding, WindowAnswers
from bindwatch.rule import WindowRow

Answer = dict[str, Any]

_ALERT_COLUMNS: Final = frozenset({"alert_id", "kind", "reason", "due_at", "scope", "severity_level"})
_COUNTS: Final = ("critical", "high", "medium", "low", "info")


class QuestionRefusedError(BackendError):
    """The store works, and does not answer this question: it is too large, too complex or not understood."""


class SqlStore(ABC):
    """A FindingStore over SQL: subclasses append rows and answer the questions of `sql/` in their own dialect."""

    engine: ClassVar[str]
    """Whose dialect it speaks: `bigquery` or `duckdb`."""

    @abstractmethod
    def append(self, rows: Rows) -> None:
        """Keep these rows; see `FindingStore.append`."""

    @abstractmethod
    def close(self) -> None:
        """Let go of what the store holds; it cannot be asked after that."""

    @abstractmethod
    def _answer(self, text: str, files: tuple[str, ...], parameters: Mapping[str, Value]) -> list[Answer]:
        """The answer to a text in the store's dialect, made of these files."""

    def ask(self, name: str, parameters: Mapping[str, Value]) -> list[Answer]:
        """The answer to one file (`queries/open_findings`); times are aware, in UTC.

        Raises BackendError, and of that QuestionRefusedError where another question could be answered.
        """
        return self._answer(sql_text(name, self.engine), (name,), parameters)

    def standing(
        self, *, rule_ids: Sequence[str], projects: Sequence[str] | None, finding_ids: Sequence[str]
    ) -> Sequence[StandingFinding]:
        """See `FindingStore.standing`."""
        answer = self.ask(
            "store/standing",
            {
                "rule_ids": tuple(rule_ids),
                "projects": tuple(projects or ()),
                "everywhere": projects is None,
                "finding_ids": tuple(finding_ids),
            },
        )
        return [StandingFinding(**row) for row in answer]

    def has_finished_audit(self, scope: str) -> bool:
        """See `FindingStore.has_finished_audit`."""
        return bool(self.ask("store/finished_audits", {"scope": scope})[0]["audits"])

    def alerts_due(self, now: datetime, *, at_most: int, reminders: Reminders | None = None) -> Sequence[DueAlert]:
        """See `FindingStore.alerts_due`."""
        values: dict[str, Value] = {
            "now": now,
            "remind_days": reminders.days if reminders else 0,
            "remind_level": int(reminders.severity) if reminders else 0,
        }
        return [_due_alert(row) for row in self.ask("store/announce", values)[:at_most]]

    def known_policies(self, projects: Sequence[str] | None) -> Mapping[str, tuple[str, str]]:
        """See `FindingStore.known_policies`."""
        answer = self.ask("store/known_policies", {"projects": tuple(projects or ()), "everywhere": projects is None})
        return {row["resource"]: (row["snapshot_key"], row["project"] or "") for row in answer}

    def policy_before(self, resource: str, before: datetime) -> Sequence[tuple[str, str, str]] | None:
        """See `FindingStore.policy_before`."""
        answer = self.ask("store/policy_before", {"resource": resource, "before": before})
        if not answer:
            return None
        return [(row["role"], row["member"], row["condition"] or "") for row in answer if row["member"]]

    def state_before(self, resource: str, kind: str, before: datetime) -> Mapping[str, str] | None:
        """See `FindingStore.state_before`."""
        row = self.latest_snapshot(resource, kind, before=before)
        return None if row is None else json.loads(row["content"])

    def known_states(self, projects: Sequence[str] | None) -> Mapping[tuple[str, str], str]:
        """See `FindingStore.known_states`."""
        answer = self.ask("store/known_states", {"projects": tuple(projects or ()), "everywhere": projects is None})
        return {(row["resource"], row["kind"]): row["snapshot_key"] for row in answer}

    def known_teams(self) -> Mapping[str, str]:
        """See `FindingStore.known_teams`."""
        return {row["project"]: row["team"] for row in self.ask("store/teams", {})}

    def window_rows(self, rule_ids: Sequence[str], *, since: datetime, until: datetime) -> WindowAnswers:
        """See `FindingStore.window_rows`.

        Where the one question is refused, each half of the rules is asked, and so on down to those at fault.
        """
        if not rule_ids:
            return WindowAnswers()
        try:
            answer = self.ask_windows(rule_ids, since=since, until=until)
        except QuestionRefusedError as refusal:
            if len(rule_ids) == 1:
                return WindowAnswers(refused={rule_ids[0]: str(refusal)})
            middle = len(rule_ids) // 2
            first, second = (
                self.window_rows(half, since=since, until=until) for half in (rule_ids[:middle], rule_ids[middle:])
            )
            return WindowAnswers({**first.rows, **second.rows}, {**first.refused, **second.refused}, str(refusal))
        rows: dict[str, list[WindowRow]] = {}
        for row in answer:
            rows.setdefault(row["rule_id"], []).append(_window_row(row))
        return WindowAnswers(rows)

    def ask_windows(self, rule_ids: Sequence[str], *, since: datetime, until: datetime) -> list[Answer]:
        """The answer to the one question of several window rules, each row with its `rule_id`; raises as `ask` does."""
        files = tuple(window_file(rule_id) for rule_id in rule_ids)
        return self._answer(window_text(tuple(rule_ids), self.engine), files, {"since": since, "until": until})

    def roll_up_habits(self, since: datetime, until: datetime, *, now: datetime) -> None:
        """See `FindingStore.roll_up_habits`."""
        last = until.astimezone(UTC) - timedelta(microseconds=1)
        self._roll_up(_midnight(since), _midnight(last) + timedelta(days=1), now)

    @abstractmethod
    def _roll_up(self, since: datetime, until: datetime, now: datetime) -> None:
        """Roll up whole days."""

    def find(self, *, now: datetime, **filters: str) -> list[Answer]:
        """The findings that match; the filters are the parameters of `store/find`, as text."""
        return self.ask("store/find", questions("store")["find"].values(filters, now))

    def history(self, finding_id: str) -> list[Answer]:
        """Every sighting and ending of a finding, in their order."""
        return self.ask("store/history", {"finding_id": finding_id})

    def told(self, finding_id: str) -> list[Answer]:
        """The alerts that went out about a finding."""
        return self.ask("store/told", {"finding_id": finding_id})

    def muted_by(self, finding_id: str, *, now: datetime) -> list[Answer]:
        """The mutes that cover a finding now."""
        return self.ask("store/muted_by", {"finding_id": finding_id, "now": now})

    def active_mutes(self, mute_id: str = "") -> list[Answer]:
        """The mutes that nobody took back, those that begin so."""
        return self.ask("store/active_mute", {"mute_id": mute_id})

    def runs(self, *, since: datetime) -> list[Answer]:
        """The audits and scans since then, newest first, with what they could not look at."""
        return self.ask("store/runs", {"since": since})

    def coverage(self) -> list[Answer]:
        """What the last audit of each scope did not look at, and why."""
        return self.ask("views/coverage", {})

    def latest_snapshot(self, resource: str, kind: str, *, before: datetime) -> Answer | None:
        """The last known content of a policy or provider before then; None where nobody kept one."""
        answer = self.ask("store/latest_snapshot", {"resource": resource, "kind": kind, "before": before})
        return answer[0] if answer else None

    def query(self, name: str, given: Mapping[str, str], *, now: datetime) -> list[Row]:
        """The answer to a reporting question, parameters as text. Raises InputError for unknown names or values."""
        found = questions().get(name)
        if found is None:
            raise InputError(name, "no such question; `bindwatch query` lists them")
        return [plain(row) for row in self.ask(f"queries/{name}", found.values(dict(given), now))]


def plain(answer: Answer) -> Row:
    """An answer with times as text (`2026-01-31T12:00:00.000000Z`), ready for JSON."""
    return {name: _plain(value) for name, value in answer.items()}


def _plain(value: Any) -> Json:
    match value:
        case datetime():
            return value.astimezone(UTC).isoformat(timespec="microseconds").replace("+00:00", "Z")
        case date():
            return value.isoformat()
        case dict():
            return {str(name): _plain(item) for name, item in value.items()}
        case list() | tuple():
            return [_plain(item) for item in value]
        case str() | int() | float() | bool() | None:
            return value
        case _:
            return str(value)


def _midnight(moment: datetime) -> datetime:
    return moment.astimezone(UTC).replace(hour=0, minute=0, second=0, microsecond=0)


def _window_row(row: Answer) -> WindowRow:
    return WindowRow(
        ref=LogRef(row["log_name"], row["insert_id"], row["timestamp"]),
        observed_at=str(_plain(row["occurred_at"])),
        caller=row["caller"],
        caller_name=row["caller_name"],
        caller_ip=row["caller_ip"],
        user_agent=row["user_agent"],
        project=row["project"],
        resource=row["resource"],
        target=row["target"],
        calls=row["calls"],
        succeeded=row["succeeded"],
        items=tuple(item for item in (row["items"] or "").split(",") if item),
        known_since=row["known_since"],
        subject=row["subject"],
    )


def _due_alert(row: Answer) -> DueAlert:
    is_baseline = row["kind"] == "baseline"
    finding = {name: _plain(value) for name, value in row.items() if name not in _ALERT_COLUMNS and name not in _COUNTS}
    return DueAlert(
        alert_id=row["alert_id"],
        kind=row["kind"],
        reason=row["reason"],
        state=row["state"],
        due_at=row["due_at"],
        severity_level=row["severity_level"],
        finding={} if is_baseline else finding,
        scope=row["scope"],
        counts={name.upper(): row[name] for name in _COUNTS} if is_baseline else None,
    )
