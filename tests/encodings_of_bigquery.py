"""Audit log entries as BigQuery shows them: made from entries as Cloud Logging emits them."""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Mapping
from typing import Any, Final

# Free-form: what the service itself named.
_FREE_FORM: Final = frozenset(
    {"request", "response", "metadata", "serviceData", "resourceOriginalState", "labels", "resourceAttributes",
     "thirdPartyClaims", "serviceMetadata", "details", "payload", "resourceTags", "requestAttributes",
     "destinationAttributes"}
)  # fmt: skip
_SERVICE_DATA: Final = {
    "type.googleapis.com/google.iam.v1.logging.AuditData": "servicedata_v1_iam",
    "type.googleapis.com/google.iam.admin.v1.AuditData": "servicedata_v1_iam_admin",
}


def log_analytics_row(entry: Mapping[str, Any]) -> dict[str, Any]:
    """The entry as a row of `_AllLogs`: snake_case columns, what is free-form as JSON."""
    payload = dict(entry["protoPayload"])
    kind = payload.pop("@type", "")
    row = _spelled({name: value for name, value in entry.items() if name != "protoPayload"}, _snake)
    row["proto_payload"] = {"type": kind, "audit_log": _spelled(payload, _snake)}
    return {"text_payload": None, "json_payload": None, "severity_number": 0, **row}


def sink_table_row(entry: Mapping[str, Any]) -> dict[str, Any]:
    """The entry as a row of a table that a log sink fills: what is free-form as text, service data by its type."""
    audit_log: dict[str, Any] = {"responseJson": None}
    for name, value in entry["protoPayload"].items():
        if name in ("request", "response", "metadata"):
            audit_log[f"{name}Json"] = json.dumps(value)
        elif name == "serviceData" and isinstance(value, dict) and value.get("@type") in _SERVICE_DATA:
            data = {key: item for key, item in value.items() if key != "@type"}
            audit_log[_SERVICE_DATA[value["@type"]]] = data
        elif name != "@type":
            audit_log[name] = value
    row = {name: value for name, value in entry.items() if name != "protoPayload"}
    return {"textPayload": None, "protopayload_auditlog": audit_log, **row}


def _spelled(value: Mapping[str, Any], spell: Callable[[str], str]) -> dict[str, Any]:
    return {spell(name): item if name in _FREE_FORM else _below(item, spell) for name, item in value.items()}


def _below(value: Any, spell: Callable[[str], str]) -> Any:
    if isinstance(value, dict):
        return _spelled(value, spell)
    return [_below(item, spell) for item in value] if isinstance(value, list) else value


def _snake(name: str) -> str:
    return re.sub(r"(?<=[a-z0-9])([A-Z]+)", r"_\1", name).lower()
