"""Alerts as the topic carries them, for tests of what is told of them."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

from bindwatch.model.finding import Severity
from bindwatch.pipeline.alert import alert_message
from bindwatch.pipeline.announced import Announced, read_alert
from bindwatch.pipeline.ports import DueAlert

NOON = datetime(2026, 11, 2, 12, tzinfo=UTC)


def finding(**changed: Any) -> dict[str, Any]:
    """A finding as it is published, with everything a subscriber is shown."""
    evidence = {
        "log_name": "projects/shop-prod/logs/cloudaudit.googleapis.com%2Factivity",
        "insert_id": "i1",
        "timestamp": "2026-11-02T11:59:00Z",
        "asset": "",
        "etag": "",
        "url": "https://console.cloud.google.com/logs/query;query=insertId%3D%22i1%22?project=shop-prod",
    }
    return {
        "finding_id": "f1",
        "rule_id": "basic-role",
        "severity": "HIGH",
        "confidence": "high",
        "category": "over-privilege",
        "state": "OPEN",
        "title": "roles/owner granted to user:eve@example.com",
        "explanation": "An owner can become every service account of the project.\nNobody asked for it.",
        "resource_name": "//cloudresourcemanager.googleapis.com/projects/shop-prod",
        "project": "shop-prod",
        "principal": "user:eve@example.com",
        "subject": "roles/owner user:eve@example.com",
        "evidence": [evidence],
        "notes": [],
        "cause": "",
        "ruled_out": [],
        "remediation": {
            "summary": "Take the role back.",
            "commands": [
                "gcloud projects remove-iam-policy-binding shop-prod --member=user:eve@example.com --role=roles/owner"
            ],
            "terraform": "",
            "risk_of_fix": "Eve loses access.",
            "undo": [],
        },
        "techniques": ["T1098.003"],
        "score": 90,
        "first_seen": "2026-11-02T11:59:00Z",
        "last_seen": "2026-11-02T11:59:00Z",
        "count": 1,
        "state_since": "2026-11-02T11:59:00Z",
        "state_by": "",
        "state_reason": "",
        "reopened": 0,
        **changed,
    }


def published(reason: str = "opened", *, alert_id: str = "", **changed: Any) -> bytes:
    """One alert of a finding, as it is published."""
    state = {"resolved": "RESOLVED", "closed": "CLOSED"}.get(reason, "OPEN")
    found = finding(**{"state": state, **changed})
    alert = DueAlert(
        alert_id=alert_id or f"a-{found['finding_id']}-{reason}",
        kind="finding",
        reason=reason,
        state=state,
        due_at=NOON,
        severity_level=int(Severity[found["severity"]]),
        finding=found,
    )
    return alert_message(alert, announced_at=NOON).data


def alert(reason: str = "opened", **changed: Any) -> Announced:
    """One alert of a finding, as it is read."""
    return read_alert(published(reason, **changed))


def baseline() -> Announced:
    """The alert of a first audit."""
    counts = {"CRITICAL": 1, "HIGH": 20, "MEDIUM": 0, "LOW": 3, "INFO": 0}
    due = DueAlert("b1", "baseline", "baseline", "OPEN", NOON, 4, {}, "organizations/1", counts)
    return read_alert(alert_message(due, announced_at=NOON).data)


HOSTILE = {
    "markup": "<!channel> <@U123> <https://evil.example.com|click> *bold* _it_ ~s~ `c` & &amp; <script>x</script>",
    "mentions": "@here @channel @everyone <users/all> [~admin] [link|http://evil.example.com] {color:red}x{color}",
    "escapes": "\x1b[31mred\x1b[0m \x07 \x00 \u202etxt.exe\u202c \u200b\ufeff \u2066",
    "fences": "``` {noformat} {code} ]]> --> \n\n```\n@channel\n*x*",
    "links": "see https://evil.example.com/login and HTTP://evil.example.com now",
    "half a character": "\ud83d and \ude00",
    "long": "<&>\U0001f600" * 20_000,
    "formula": '=HYPERLINK("http://evil.example.com")',
}
"""Text that somebody chose to have an effect where people look."""


def hostile(text: str, reason: str = "opened") -> bytes:
    """An alert that has this text wherever a log could put it."""
    fix = {"summary": text, "commands": [text, f"gcloud x --member={text}"], "terraform": text}
    return published(
        reason,
        title=text,
        explanation=text,
        resource_name=text,
        project=text,
        principal=text,
        subject=text,
        cause=text,
        state_by=text,
        state_reason=text,
        notes=[text],
        evidence=[{**finding()["evidence"][0], "url": f"https://console.cloud.google.com/{text}"}],
        remediation={**fix, "risk_of_fix": text, "undo": [text]},
    )
