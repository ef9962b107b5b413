"""Audit log entries as BigQuery holds them, put back into the form that Cloud Logging emits.

Two encodings: Log Analytics (`_AllLogs`: snake_case columns, `proto_payload.audit_log`, JSON columns for what is
free-form), and the tables a log sink fills (`protopayload_auditlog`, `requestJson` and its like as strings,
`servicedata_v1_iam` instead of a type).
"""

import json
from collections.abc import Callable, Mapping
from typing import Any, Final

from bindwatch.errors import InputError

_AUDIT_LOG: Final = "type.googleapis.com/google.cloud.audit.AuditLog"
_SERVICE_DATA: Final = {
    "servicedata_v1_iam": "type.googleapis.com/google.iam.v1.logging.AuditData",
    "servicedata_v1_iam_admin": "type.googleapis.com/google.iam.admin.v1.AuditData",
}
# Free-form: their keys are the service's own and stay as they are.
_FREE_FORM: Final = frozenset(
    {"request", "response", "metadata", "serviceData", "resourceOriginalState", "labels", "resourceAttributes",
     "thirdPartyClaims", "serviceMetadata", "details", "payload", "resourceTags", "requestAttributes",
     "destinationAttributes"}
)  # fmt: skip
_NAMES: Final = {"callerIP": "callerIp", "caller_ip": "callerIp"}


def as_emitted(row: Mapping[str, Any]) -> dict[str, Any]:
    """A row of either encoding as the LogEntry it was made of; an entry as emitted comes back unchanged.

    Raises InputError where the row is none of them. What BigQuery does not keep (nanoseconds) is gone.
    """
    if "protoPayload" in row:
        return dict(row)
    if "proto_payload" in row:
        return _from_log_analytics(row)
    for name in row:
        if name.lower() == "protopayload_auditlog":
            return _from_sink_table(row, name)
    raise InputError("protoPayload", "missing: neither an audit log entry nor a row made of one")


def _from_log_analytics(row: Mapping[str, Any]) -> dict[str, Any]:
    payload = _parsed(row["proto_payload"])
    audit_log = _parsed(payload.get("audit_log")) if isinstance(payload, dict) else None
    if not isinstance(audit_log, dict):
        raise InputError("proto_payload.audit_log", "missing: this row is no audit log entry")
    rest = {name: value for name, value in row.items() if name not in ("proto_payload", "log_id", "severity_number")}
    entry = _renamed(rest, _camel, _parsed)
    entry["protoPayload"] = {"@type": _AUDIT_LOG, **_renamed(audit_log, _camel, _parsed)}
    return entry


def _from_sink_table(row: Mapping[str, Any], payload_name: str) -> dict[str, Any]:
    audit_log = _parsed(row[payload_name])
    if not isinstance(audit_log, dict):
        raise InputError(payload_name, "missing: this row is no audit log entry")
    entry = _renamed({name: value for name, value in row.items() if name != payload_name}, _unchanged, _own_fields)
    payload: dict[str, Any] = {"@type": _AUDIT_LOG}
    for name, value in audit_log.items():
        if value is None:
            continue
        if name.endswith("Json") and isinstance(value, str):
            payload[name.removesuffix("Json")] = _parsed(value)
        elif name.lower().startswith("servicedata_"):
            data = _parsed(value)
            if isinstance(data, dict):
                payload["serviceData"] = {"@type": _SERVICE_DATA.get(name.lower(), ""), **_without_nulls(data)}
        else:
            payload |= _renamed({name: value}, _unchanged, _own_fields)
    entry["protoPayload"] = payload
    return entry


def _renamed(value: Mapping[str, Any], spell: Callable[[str], str], free_form: Callable[[Any], Any]) -> dict[str, Any]:
    """The fields that hold something, as the API spells them; what is free-form keeps its own spelling."""
    result: dict[str, Any] = {}
    for name, item in value.items():
        if item is None:
            continue
        key = spell(name)
        result[key] = free_form(item) if key in _FREE_FORM else _below(item, spell, free_form)
    return result


def _below(value: Any, spell: Callable[[str], str], free_form: Callable[[Any], Any]) -> Any:
    if isinstance(value, dict):
        return _renamed(value, spell, free_form)
    if isinstance(value, list):
        return [_below(item, spell, free_form) for item in value if item is not None]
    return value


def _own_fields(value: Any) -> Any:
    """What a sink's table holds as a struct; a JSON column of Log Analytics means its nulls."""
    value = _parsed(value)
    return _without_nulls(value) if isinstance(value, dict) else value


def _without_nulls(value: Any) -> Any:
    """A struct column shows every field it ever had; only those that this row has are its own."""
    if isinstance(value, dict):
        return {name: _without_nulls(item) for name, item in value.items() if item is not None}
    if isinstance(value, list):
        return [_without_nulls(item) for item in value if item is not None]
    return value


def _parsed(value: Any) -> Any:
    """A JSON column arrives as an object or as its text, depending on how the row was written out."""
    if isinstance(value, str) and value.lstrip()[:1] in ("{", "["):
        try:
            return json.loads(value)
        except (ValueError, RecursionError):
            return value
    return value


def _camel(name: str) -> str:
    if name in _NAMES:
        return _NAMES[name]
    head, *rest = name.split("_")
    return head + "".join(part[:1].upper() + part[1:] for part in rest)


def _unchanged(name: str) -> str:
    return _NAMES.get(name, name)
