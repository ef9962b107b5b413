"""The rules over history: one entry per call of a BigQuery remote function, the findings as JSON out."""

import json
from collections.abc import Callable
from typing import Any

from bindwatch.engine import Verdict
from bindwatch.errors import InputError
from bindwatch.model.log_encodings import as_emitted
from bindwatch.model.log_entry import LogEntry, from_dict
from bindwatch.model.record import finding_record


def replies_to(body: bytes, judge: Callable[[LogEntry], Verdict]) -> dict[str, Any]:
    """The answer to one request of BigQuery: a reply for each call, in order.

    A reply is the JSON text of `{"findings": […]}`, with `problem` where the row is no audit log entry and `failures`
    where a rule failed: one bad row must not end a query over a year. Raises InputError where the request itself
    is not what BigQuery sends.
    """
    try:
        request = json.loads(body)
    except (ValueError, RecursionError) as error:
        raise InputError("", f"not JSON: {error}") from error
    calls = request.get("calls") if isinstance(request, dict) else None
    if not isinstance(calls, list):
        raise InputError("calls", "expected a list: this is no request of a BigQuery remote function")
    return {"replies": [_reply(call, judge) for call in calls]}


def _reply(call: Any, judge: Callable[[LogEntry], Verdict]) -> str:
    try:
        verdict = judge(_entry(call))
    except InputError as error:
        return json.dumps({"findings": [], "problem": str(error)}, ensure_ascii=True)
    reply: dict[str, Any] = {"findings": [finding_record(finding) for finding in verdict.findings]}
    if verdict.failures:
        reply["failures"] = [{"rule_id": item.rule_id, "error": item.error} for item in verdict.failures]
    return json.dumps(reply, ensure_ascii=True)


def _entry(call: Any) -> LogEntry:
    if not isinstance(call, list) or len(call) != 1:
        raise InputError("calls", "expected one argument: the row as JSON")
    value = call[0]
    if isinstance(value, str):
        try:
            value = json.loads(value)
        except (ValueError, RecursionError) as error:
            raise InputError("", f"not JSON: {error}") from error
    if not isinstance(value, dict):
        raise InputError("", "expected the row as a JSON object")
    return from_dict(as_emitted(value))
