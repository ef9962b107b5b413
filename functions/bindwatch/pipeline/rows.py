"""Entries, findings and runs as rows of the store's tables."""

import hashlib
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

from bindwatch.engine import RuleFailure
from bindwatch.model.finding import Finding, LogRef, State
from bindwatch.model.log_entry import LogEntry, parse_time
from bindwatch.model.outside import NOWHERE, Place
from bindwatch.model.record import finding_record
from bindwatch.pipeline.ports import Json, Row, StandingFinding

_LONGEST_USER_AGENT = 512
_LONGEST_REASON = 2048
_CREDIBLE_LEAD = timedelta(days=1)  # Cloud Logging takes no entry from further in the future

_NO_SOURCE = dict.fromkeys(("log_name", "insert_id", "timestamp", "asset", "etag", "url"), "")


def digest(*parts: str) -> str:
    """A short key of these texts: equal texts, equal key."""
    return hashlib.sha256("\x1f".join(parts).encode("utf-8", "surrogatepass")).hexdigest()[:32]


def timestamp(moment: datetime) -> str:
    """A moment as both engines read it without doubt: UTC, to the microsecond, without a zone."""
    return moment.astimezone(UTC).isoformat(" ", "microseconds").removesuffix("+00:00")


def activity_row(entry: LogEntry, *, received_at: datetime, findings: int, place: Place = NOWHERE) -> Row:
    """Who did what to what as whom, from where, with which outcome. No part of request or response."""
    ref = entry.ref
    happened = entry.time
    if happened is None or happened > received_at + _CREDIBLE_LEAD:
        happened = received_at
    operation = entry.operation
    caller = entry.caller
    info = entry.authentication
    return {
        "event_key": digest(ref.key),
        "occurred_at": timestamp(happened),
        "received_at": timestamp(received_at),
        "log_name": ref.log_name,
        "insert_id": ref.insert_id,
        "timestamp": ref.timestamp,
        "log": entry.log,
        "scope": entry.scope,
        "project": entry.project,
        "service": entry.service,
        "method": entry.method,
        "caller": entry.caller_key,
        "caller_name": info.principal_email or info.principal_subject or info.authority_selector,
        "caller_kind": caller.kind.value if caller else "redacted",
        "impersonators": [principal.identity for principal in entry.impersonators],
        "key_name": entry.key_name,
        "caller_ip": entry.caller_ip,
        "user_agent": entry.user_agent[:_LONGEST_USER_AGENT],
        "caller_country": place.country,
        "caller_network": place.network,
        "target": entry.target,
        "resource": entry.resource,
        "resource_type": entry.resource_type,
        "permissions_granted": sorted(entry.granted_permissions),
        "permissions_missing": list(entry.missing_permissions),
        "status_code": entry.status_code,
        "failed": entry.failed,
        "denied": entry.denied,
        "from_metadata_server": entry.from_gke_metadata_server,
        "operation_id": operation.id,
        "operation_first": operation.first,
        "operation_last": operation.last,
        "findings": findings,
    }


@dataclass(frozen=True, slots=True, kw_only=True)
class Recording:
    """When and by which run a finding event is written, and which opening of the finding it belongs to."""

    recorded_at: datetime
    run_id: str = ""
    baseline: bool = False
    opening: int = 0
    """How often the finding had ended before: an asset that shows it again is news only then."""
    is_worse: bool = False
    """Whether the same asset now shows it at a higher severity."""


def finding_event(finding: Finding, recording: Recording) -> Row:
    """One sighting (or the undoing) of a finding. The same finding from the same source gives the same event key."""
    event_key = finding.event_key
    if recording.opening or recording.is_worse:
        event_key = digest(event_key, str(recording.opening), finding.severity.name if recording.is_worse else "")
    record = finding_record(finding)
    del record["state"]
    observed_at = parse_time(finding.observed_at)
    if observed_at is None or observed_at > recording.recorded_at + _CREDIBLE_LEAD:
        observed_at = recording.recorded_at
    return record | {
        "event_key": event_key,
        "change": finding.state.value,
        "observed_at": timestamp(observed_at),
        "recorded_at": timestamp(recording.recorded_at),
        "source_kind": "log" if isinstance(finding.source, LogRef) else "asset",
        "source_key": finding.source.key,
        "run_id": recording.run_id,
        "baseline": recording.baseline,
        "severity_level": int(finding.severity),
        "evidence": [_NO_SOURCE | source for source in record["evidence"]],
        "actor": "",
        "reason": "",
    }


def ending_event(
    standing: StandingFinding,
    change: State,
    *,
    observed_at: datetime,
    recorded_at: datetime,
    reason: str,
    run_id: str = "",
    actor: str = "",
) -> Row:
    """The end of a finding: resolved by an audit that saw it gone, or closed by a person.

    Two audits that end the same opening write the same event.
    """
    return {
        "event_key": digest(standing.finding_id, change.value, "ends", standing.state_event_key),
        "finding_id": standing.finding_id,
        "change": change.value,
        "observed_at": timestamp(observed_at),
        "recorded_at": timestamp(recorded_at),
        "source_kind": "person" if actor else "audit",
        "source_key": actor or run_id,
        "run_id": run_id,
        "baseline": False,
        "rule_id": standing.rule_id,
        "category": standing.category,
        "resource_name": standing.resource_name,
        "project": standing.project,
        "actor": actor,
        "reason": reason,
    }


def failure_row(failure: RuleFailure, *, recorded_at: datetime, run: "RunRow | None" = None) -> Row:
    """A rule that raised: kept, so that it can be counted and never looks like nothing found."""
    about = run or RunRow(run_id="", kind="entry", scope="")
    return about.row(
        "rule-failure",
        recorded_at=recorded_at,
        rule_id=failure.rule_id,
        place=failure.source_key,
        reason=failure.error[:_LONGEST_REASON],
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class RunRow:
    """What all rows of one run have in common."""

    run_id: str
    kind: str
    scope: str
    shard: str = ""
    as_of: datetime | None = None
    baseline: bool = False

    def row(self, entry: str, *, recorded_at: datetime, **columns: Json) -> Row:
        """A row of the run: that it started or finished, or what it could not look at."""
        told = [f"{name}={columns[name]}" for name in ("part", "place", "sight", "rule_id") if columns.get(name)]
        return {
            "row_key": digest(self.run_id, self.scope, self.shard, entry, *told),
            "run_id": self.run_id,
            "recorded_at": timestamp(recorded_at),
            "entry": entry,
            "kind": self.kind,
            "scope": self.scope,
            "shard": self.shard,
            "as_of": timestamp(self.as_of) if self.as_of else None,
            "baseline": self.baseline,
            **columns,
        }
