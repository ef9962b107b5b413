"""PagerDuty: events of version 2; what opens triggers, what ends resolves, known by the finding.

Limits: 1,024 characters of a summary, 255 of a dedup key, 512 KB in all. Source: developer.pagerduty.com, Events API
v2 (read 2026).
"""

from typing import Any, Final

from bindwatch.adapters.bridges.wording import (
    Labels,
    commands_within,
    console_link,
    explanation,
    facts,
    fitted,
    fix,
    headline,
    line,
)
from bindwatch.model.finding import Severity
from bindwatch.pipeline.announced import Announced

ADDRESS: Final = "https://events.pagerduty.com/v2/enqueue"
_SEVERITIES: Final = {
    Severity.CRITICAL: "critical",
    Severity.HIGH: "error",
    Severity.MEDIUM: "warning",
    Severity.LOW: "info",
    Severity.INFO: "info",
}


def event(alert: Announced, labels: Labels, routing_key: str) -> dict[str, Any]:
    """The event that tells of an alert. The same alert again changes nothing: its dedup key is the finding."""
    known = {"routing_key": routing_key, "dedup_key": alert.finding_id[:255]}
    if alert.is_over:
        return {**known, "event_action": "resolve"}
    finding = alert.finding
    summary, commands = fix(alert)
    details = {name: fitted(value, 1000) for name, value in facts(alert, labels)}
    details |= {
        "Explanation": fitted(explanation(alert), 4000),
        "Fix": fitted(summary, 2000),
        "Commands": commands_within(commands, 8000),
        "Techniques": ", ".join(finding.techniques)[:500] if finding else "",
        "Alert": alert.alert_id,
    }
    payload = {
        "summary": fitted(headline(alert), 1024),
        "source": fitted(line((finding.resource_name or finding.project if finding else "") or "bindwatch"), 255),
        "severity": _SEVERITIES[alert.severity],
        "timestamp": alert.announced_at,
        "component": fitted(line(finding.principal), 255) if finding else "",
        "group": fitted(line(alert.project), 255),
        "class": fitted(line(alert.rule_id or "baseline"), 255),
        "custom_details": {name: value for name, value in details.items() if value},
    }
    link = console_link(alert)
    return {
        **known,
        "event_action": "trigger",
        "client": "bindwatch",
        "payload": {name: value for name, value in payload.items() if value},
        **({"links": [{"href": link, "text": "Logs Explorer"}]} if link else {}),
    }
