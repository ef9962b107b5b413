"""The alert message: JSON with a published schema (`data/alert.schema.json`), attributes and an ordering key."""

import json
from collections.abc import Mapping
from datetime import UTC, datetime
from enum import StrEnum
from typing import Final

from bindwatch.model.finding import Severity
from bindwatch.pipeline.ocsf import detection_finding
from bindwatch.pipeline.ports import AlertMessage, DueAlert, Json

SCHEMA_VERSION: Final = "1.0"
_LONGEST_ATTRIBUTE: Final = 1024  # bytes, a limit of Pub/Sub


class Form(StrEnum):
    """What the body of an alert is: ours, by our schema, or an OCSF Detection Finding."""

    BINDWATCH = "bindwatch"
    OCSF = "ocsf"


def alert_message(alert: DueAlert, *, announced_at: datetime, form: Form = Form.BINDWATCH) -> AlertMessage:
    """The message that tells subscribers of one state change. A baseline is no finding: it always has our own form."""
    body: Mapping[str, Json] = alert_body(alert, announced_at=announced_at)
    if form is Form.OCSF and alert.kind == "finding":
        body = detection_finding(alert.finding, at=announced_at, reason=alert.reason)
    finding = alert.finding
    attributes = {
        "schema_version": SCHEMA_VERSION,
        "kind": alert.kind,
        "format": form.value if alert.kind == "finding" else Form.BINDWATCH.value,
        "rule_id": _word(finding, "rule_id"),
        "severity": Severity(alert.severity_level).name,
        "category": _word(finding, "category"),
        "state": alert.state,
        "finding_id": _word(finding, "finding_id"),
        "project": _word(finding, "project"),
        "alert_id": alert.alert_id,
    }
    return AlertMessage(
        alert_id=alert.alert_id,
        data=json.dumps(body, ensure_ascii=True, separators=(",", ":")).encode(),
        attributes={name: _cut(value) for name, value in attributes.items()},
        ordering_key=_word(finding, "finding_id") or _cut(alert.alert_id),
    )


def alert_body(alert: DueAlert, *, announced_at: datetime) -> dict[str, Json]:
    """The JSON of an alert. What a subscriber needs to act stands in it; no look-up is needed."""
    body: dict[str, Json] = {
        "schema_version": SCHEMA_VERSION,
        "alert_id": alert.alert_id,
        "kind": alert.kind,
        "reason": alert.reason,
        "state": alert.state,
        "severity": Severity(alert.severity_level).name,
        "announced_at": announced_at.astimezone(UTC).isoformat().replace("+00:00", "Z"),
    }
    if alert.kind == "baseline":
        body["baseline"] = {"scope": alert.scope, "open_findings": dict(alert.counts or {})}
    else:
        body["finding"] = alert.finding
    return body


def _word(finding: object, name: str) -> str:
    value = finding.get(name) if isinstance(finding, dict) else None
    return value if isinstance(value, str) else ""


def _cut(text: str) -> str:
    return text.encode("utf-8", "replace")[:_LONGEST_ATTRIBUTE].decode("utf-8", "ignore")
