"""Findings as OCSF Detection Findings (class 2004), for whoever collects those.

Field names and numbers: class detection_finding of the OCSF schema, 1.8.0, with the profile "cloud".
"""

from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any, Final

VERSION: Final = "1.8.0"
_CLASS: Final = 2004
_CATEGORY: Final = 2
_SEVERITY: Final = {"INFO": 1, "LOW": 2, "MEDIUM": 3, "HIGH": 4, "CRITICAL": 5}
_CONFIDENCE: Final = {"low": 1, "medium": 2, "high": 3}
_STATUS: Final = {"OPEN": 1, "RESOLVED": 4, "CLOSED": 5}
_STATUS_NAMES: Final = {1: "New", 4: "Resolved", 5: "Archived"}
_ACTIVITY_NAMES: Final = {1: "Create", 2: "Update", 3: "Close"}


def detection_finding(
    finding: Mapping[str, Any], *, at: datetime, reason: str = "opened", version: str = ""
) -> dict[str, Any]:
    """A finding (its published fields, as in an alert) as a Detection Finding.

    `reason` is that of the alert: what opened is a Create, what ended a Close, all else an Update.
    """
    state = str(finding.get("state", "OPEN"))
    activity = 3 if state != "OPEN" else 1 if reason == "opened" else 2
    severity = str(finding["severity"])
    status = _STATUS.get(state, 1)
    return {
        "activity_id": activity,
        "activity_name": _ACTIVITY_NAMES[activity],
        "category_uid": _CATEGORY,
        "category_name": "Findings",
        "class_uid": _CLASS,
        "class_name": "Detection Finding",
        "type_uid": _CLASS * 100 + activity,
        "time": _milliseconds(at),
        "severity_id": _SEVERITY[severity],
        "severity": severity.capitalize() if severity != "INFO" else "Informational",
        "status_id": status,
        "status": _STATUS_NAMES[status],
        "confidence_id": _CONFIDENCE.get(str(finding.get("confidence", "")), 0),
        "is_alert": True,
        "message": finding["title"],
        "metadata": {
            "version": VERSION,
            "profiles": ["cloud"],
            "product": {"name": "bindwatch", "vendor_name": "bindwatch", **({"version": version} if version else {})},
        },
        "cloud": {"provider": "GCP", **_known("account", {"uid": finding.get("project") or ""})},
        "finding_info": {
            "uid": finding["finding_id"],
            "title": finding["title"],
            "desc": finding.get("explanation") or finding["title"],
            "types": [finding["category"]],
            "analytic": {"type_id": 1, "type": "Rule", "uid": finding["rule_id"], "name": finding["rule_id"]},
            "attacks": [{"technique": {"uid": technique}} for technique in finding.get("techniques") or ()],
            "related_events_count": finding.get("count", 1),
            **_times(finding),
        },
        "resources": [{"uid": finding["resource_name"], "name": finding["resource_name"], "cloud_partition": "gcp"}],
        "evidences": [
            _evidence(source, str(finding.get("principal") or "")) for source in finding.get("evidence") or ()
        ],
        **_remediation(finding.get("remediation")),
        **({"risk_score": finding["score"]} if finding.get("score") is not None else {}),
    }


def _evidence(source: Mapping[str, Any], principal: str) -> dict[str, Any]:
    known = {name: value for name, value in source.items() if value}
    return {"data": known, **({"actor": {"user": {"name": principal}}} if principal else {})}


def _remediation(remediation: Mapping[str, Any] | None) -> dict[str, Any]:
    if not remediation:
        return {}
    steps = "\n".join([str(remediation["summary"]), *map(str, remediation["commands"])])
    return {"remediation": {"desc": steps}}


def _times(finding: Mapping[str, Any]) -> dict[str, int]:
    given = {"first_seen_time": finding.get("first_seen"), "last_seen_time": finding.get("last_seen")}
    times = {name: at for name, value in given.items() if (at := _written(str(value or ""))) is not None}
    return times | ({"created_time": times["first_seen_time"]} if "first_seen_time" in times else {})


def _written(text: str) -> int | None:
    """A time as an entry wrote it; None for what is no time."""
    try:
        return _milliseconds(datetime.fromisoformat(text))
    except ValueError:
        return None


def _known(name: str, value: dict[str, str]) -> dict[str, Any]:
    return {name: value} if all(value.values()) else {}


def _milliseconds(moment: datetime) -> int:
    return int(moment.astimezone(UTC).timestamp() * 1000)
