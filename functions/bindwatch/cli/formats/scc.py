"""Findings of Security Command Center: its API's Finding (v2) as JSON, one a line.

Field names and values: google.cloud.securitycenter.v2.Finding. `name` and `parent` hold `-` for the organization and
the source, which whoever posts them knows; the finding's own id is fit to be theirs.
"""

import json
from collections.abc import Iterator, Mapping
from datetime import UTC, datetime
from typing import Any, Final

from bindwatch.cli.formats import Record, Results
from bindwatch.cli.formats.markdown import code_block, escaped
from bindwatch.cli.terminal import printable

_PARENT: Final = "organizations/-/sources/-/locations/global"
_SEVERITY: Final = {"CRITICAL": "CRITICAL", "HIGH": "HIGH", "MEDIUM": "MEDIUM", "LOW": "LOW", "INFO": "LOW"}
_CLASS: Final = {
    "threat": "THREAT",
    "over-privilege": "MISCONFIGURATION",
    "broken-binding": "MISCONFIGURATION",
    "hygiene": "MISCONFIGURATION",
    "blind-spot": "MISCONFIGURATION",
}
# Their names for the techniques that rules name; those they have no name for stay in `sourceProperties`.
_TECHNIQUES: Final = {
    "T1059": "COMMAND_AND_SCRIPTING_INTERPRETER",
    "T1069": "PERMISSION_GROUPS_DISCOVERY",
    "T1069.003": "CLOUD_GROUPS",
    "T1078": "VALID_ACCOUNTS",
    "T1078.001": "DEFAULT_ACCOUNTS",
    "T1078.004": "CLOUD_ACCOUNTS",
    "T1098": "ACCOUNT_MANIPULATION",
    "T1098.001": "ADDITIONAL_CLOUD_CREDENTIALS",
    "T1098.003": "ADDITIONAL_CLOUD_ROLES",
    "T1098.004": "SSH_AUTHORIZED_KEYS",
    "T1098.006": "ADDITIONAL_CONTAINER_CLUSTER_ROLES",
    "T1110": "BRUTE_FORCE",
    "T1134": "ACCESS_TOKEN_MANIPULATION",
    "T1136": "CREATE_ACCOUNT",
    "T1190": "EXPLOIT_PUBLIC_FACING_APPLICATION",
    "T1484": "DOMAIN_POLICY_MODIFICATION",
    "T1485": "DATA_DESTRUCTION",
    "T1489": "SERVICE_STOP",
    "T1496": "RESOURCE_HIJACKING",
    "T1526": "CLOUD_SERVICE_DISCOVERY",
    "T1528": "STEAL_APPLICATION_ACCESS_TOKEN",
    "T1531": "ACCOUNT_ACCESS_REMOVAL",
    "T1537": "TRANSFER_DATA_TO_CLOUD_ACCOUNT",
    "T1548": "ABUSE_ELEVATION_CONTROL_MECHANISM",
    "T1552": "UNSECURED_CREDENTIALS",
    "T1552.001": "CREDENTIALS_IN_FILES",
    "T1552.004": "PRIVATE_KEYS",
    "T1556": "MODIFY_AUTHENTICATION_PROCESS",
    "T1562": "IMPAIR_DEFENSES",
    "T1562.001": "DISABLE_OR_MODIFY_TOOLS",
    "T1578": "MODIFY_CLOUD_COMPUTE_INFRASTRUCTURE",
    "T1580": "CLOUD_INFRASTRUCTURE_DISCOVERY",
    "T1609": "CONTAINER_ADMINISTRATION_COMMAND",
    "T1610": "DEPLOY_CONTAINER",
    "T1611": "ESCAPE_TO_HOST",
    "T1613": "CONTAINER_AND_RESOURCE_DISCOVERY",
}
_MOST_TECHNIQUES: Final = 10


def write(results: Results) -> Iterator[str]:
    """One Finding a line; what an exception mutes is MUTED."""
    at = results.at.isoformat()
    for record in results.findings:
        yield _line(finding(record, at))
    for record in results.muted:
        yield _line(finding(record, at) | {"mute": "MUTED", "muteInitiator": record["mute"]["owner"]})


def _line(message: Mapping[str, Any]) -> str:
    """A message as its JSON: strings of the API are Unicode, which half a surrogate pair is not."""
    text = json.dumps(message, ensure_ascii=False).encode("utf-8", "replace").decode("utf-8")
    return json.dumps(json.loads(text), ensure_ascii=True) + "\n"


def finding(record: Record, at: str) -> dict[str, Any]:
    """A finding as the API takes it."""
    evidence = record.get("evidence") or ()
    links = [source["url"] for source in evidence if source.get("url")]
    mitre = [name for name in map(_technique, record.get("techniques") or ()) if name][:_MOST_TECHNIQUES]
    principal = str(record.get("principal") or "")
    return {
        "name": f"{_PARENT}/findings/{record['finding_id']}",
        "parent": "organizations/-/sources/-",
        "resourceName": record["resource_name"],
        "state": "ACTIVE" if record.get("state", "OPEN") == "OPEN" else "INACTIVE",
        "category": str(record["rule_id"]).upper().replace("-", "_"),
        "severity": _SEVERITY[str(record["severity"])],
        "findingClass": _CLASS[str(record["category"])],
        "eventTime": _time(record.get("last_seen")) or at,
        "createTime": _time(record.get("first_seen")) or at,
        "description": printable(f"{record['title']}. {record.get('explanation') or ''}".strip()),
        "nextSteps": _next_steps(record.get("remediation")),
        "moduleName": "bindwatch",
        **({"externalUri": links[0]} if links else {}),
        **({"access": {"principalEmail": principal}} if "@" in principal and ":" not in principal else {}),
        **({"mitreAttack": {"additionalTechniques": mitre}} if mitre else {}),
        **({"logEntries": entries} if (entries := _log_entries(evidence)) else {}),
        "sourceProperties": {
            "title": record["title"],
            "subject": record.get("subject") or "",
            "principal": principal,
            "project": record.get("project") or "",
            "cause": record.get("cause") or "",
            "confidence": record.get("confidence") or "",
            "score": record.get("score") or 0,
            "count": record.get("count") or 1,
            "techniques": list(record.get("techniques") or ()),
            "notes": list(record.get("notes") or ()),
        },
    }


def _technique(technique: str) -> str:
    return _TECHNIQUES.get(technique) or _TECHNIQUES.get(technique.partition(".")[0], "")


def _log_entries(evidence: Any) -> list[dict[str, Any]]:
    entries = []
    for source in evidence:
        container, slash, log = str(source.get("log_name") or "").partition("/logs/")
        if slash:
            entry = {"insertId": source["insert_id"], "logId": log, "resourceContainer": container}
            time = _time(source["timestamp"])
            entries.append({"cloudLoggingEntry": entry | ({"timestamp": time} if time else {})})
    return entries


def _time(text: Any) -> str:
    """A time as the API takes it; '' for what an entry wrote in place of one."""
    try:
        moment = datetime.fromisoformat(str(text or ""))
    except ValueError:
        return ""
    return moment.astimezone(UTC).isoformat().replace("+00:00", "Z") if moment.tzinfo else ""


def _next_steps(remediation: Mapping[str, Any] | None) -> str:
    """What the console shows as Markdown."""
    if not remediation:
        return ""
    parts = [escaped(str(remediation["summary"]))]
    if remediation.get("commands"):
        parts.append(code_block(remediation["commands"]))
    if remediation.get("risk_of_fix"):
        parts.append(escaped(str(remediation["risk_of_fix"])))
    return "\n\n".join(parts)
