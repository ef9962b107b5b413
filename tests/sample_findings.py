"""Findings, entries, inventories and publishers for tests of what happens after judging."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta

from bindwatch.engine import Verdict
from bindwatch.model.change import Run, remedy
from bindwatch.model.finding import AssetRef, Category, Finding, LogRef, Severity, State
from bindwatch.model.log_entry import LogEntry, from_dict
from bindwatch.pipeline import AlertMessage, Delivery, Published

NOON = datetime(2026, 3, 2, 12, tzinfo=UTC)


def at(minutes: float) -> datetime:
    """So many minutes after noon."""
    return NOON + timedelta(minutes=minutes)


def written(moment: datetime) -> str:
    """A time as entries write it."""
    return moment.isoformat().replace("+00:00", "Z")


def an_entry(minutes: float, insert_id: str = "", kind: str = "project", **payload: object) -> LogEntry:
    """A policy change by Ada."""
    return from_dict(
        {
            "logName": "projects/shop/logs/cloudaudit.googleapis.com%2Factivity",
            "insertId": insert_id or f"entry-{minutes}",
            "timestamp": written(at(minutes)),
            "resource": {"type": kind, "labels": {"project_id": "shop"}},
            "protoPayload": {
                "serviceName": "cloudresourcemanager.googleapis.com",
                "methodName": "SetIamPolicy",
                "resourceName": "projects/shop",
                "authenticationInfo": {"principalEmail": "ada@example.com"},
                "authorizationInfo": [{"permission": "resourcemanager.projects.setIamPolicy", "granted": True}],
                "requestMetadata": {"callerIp": "192.0.2.7", "callerSuppliedUserAgent": "curl/8"},
                **payload,
            },
        }
    )


def a_finding(
    source: LogRef | AssetRef,
    *,
    minutes: float = 0,
    state: State = State.OPEN,
    severity: Severity = Severity.HIGH,
    rule_id: str = "public-member",
    subject: str = "roles/viewer allUsers",
    resource_name: str = "//cloudresourcemanager.googleapis.com/projects/shop",
    category: Category = Category.OVER_PRIVILEGE,
) -> Finding:
    """A standing problem of project shop, unless told otherwise."""
    return Finding(
        rule_id=rule_id,
        severity=severity,
        category=category,
        state=state,
        title=f"{subject} on {resource_name}",
        explanation="Anyone may read it.",
        subject=subject,
        resource_name=resource_name,
        project="shop",
        principal="allUsers",
        source=source,
        evidence=(source,),
        observed_at=written(at(minutes)),
        remediation=remedy("Take it away.", Run(("gcloud", "x"), ("gcloud", "y"))),
        techniques=("T1098.003",),
        score=70,
    )


def delivery(minutes: float, *findings: Finding, late: float = 0, entry: LogEntry | None = None) -> Delivery:
    """An entry with its findings, received a second (or `late` minutes) after it happened."""
    entry = entry or an_entry(minutes)
    return Delivery(entry, Verdict(findings), at(minutes + late) + timedelta(seconds=1))


def shown_by_entry(minutes: float, *, late: float = 0, state: State = State.OPEN, **finding: object) -> Delivery:
    """An entry that opens (or undoes) the finding."""
    entry = an_entry(minutes, insert_id=f"{state.value}-{minutes}")
    found = a_finding(entry.ref, minutes=minutes, state=state, **finding)  # type: ignore[arg-type]
    return delivery(minutes, found, late=late, entry=entry)


@dataclass
class Subscribers:
    """An AlertPublisher that remembers, and refuses what it is told to."""

    heard: list[AlertMessage] = field(default_factory=list)
    refusing: bool = False

    def publish(self, messages: Sequence[AlertMessage]) -> Sequence[Published]:
        """Take or refuse them all."""
        if self.refusing:
            return [Published(error="the topic is gone") for _ in messages]
        self.heard += messages
        return [Published(message_id=str(number)) for number, _ in enumerate(messages)]

    @property
    def reasons(self) -> list[str]:
        """The reasons of the alerts heard, in order."""
        return [json.loads(message.data)["reason"] for message in self.heard]
