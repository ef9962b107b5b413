"""SARIF 2.1.0, for code scanning: rules with their pages, findings with the place of the input that shows them.

What GitHub makes of it (docs.github.com, "SARIF support for code scanning"): `security-severity` of a rule decides the
severity shown, `partialFingerprints` tell an alert from a new one, a result needs a location, a run holds 25,000
results.
"""

import json
import os
import re
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any, Final
from urllib.parse import quote

from bindwatch import __version__
from bindwatch.adapters.places import Place
from bindwatch.cli.formats import Record, Results, is_complete
from bindwatch.cli.terminal import printable
from bindwatch.model.finding import Severity

_SCHEMA: Final = "https://docs.oasis-open.org/sarif/sarif/v2.1.0/errata01/os/schemas/sarif-schema-2.1.0.json"
_LEVEL: Final = {"CRITICAL": "error", "HIGH": "error", "MEDIUM": "warning", "LOW": "note", "INFO": "note"}
# GitHub's bands: above 9.0 critical, 7.0 to 8.9 high, 4.0 to 6.9 medium, 0.1 to 3.9 low.
_SECURITY_SEVERITY: Final = {"CRITICAL": "9.5", "HIGH": "8.0", "MEDIUM": "5.5", "LOW": "3.0", "INFO": "1.0"}
_PRECISION: Final = {"high": "high", "medium": "medium", "low": "low"}
_ROOT: Final = "%SRCROOT%"
_MOST_RESULTS: Final = 25_000
_MOST_TAGS: Final = 20
# In a message `[text](target)` is a link and `{0}` a placeholder, also when it came from a log.
_LINK: Final = re.compile(r"\](?=\()")
_PLACEHOLDER: Final = re.compile(r"\{(\d+)\}")


def write(results: Results) -> Iterator[str]:
    """One run. Muted findings are in it, suppressed; what could not be read or looked at is a notification."""
    rows = [*results.findings, *results.muted]
    kept = rows[:_MOST_RESULTS]
    ids = sorted({str(record["rule_id"]) for record in kept})
    index = {rule_id: number for number, rule_id in enumerate(ids)}
    run = {
        "tool": {
            "driver": {
                "name": "bindwatch",
                "version": __version__,
                "semanticVersion": __version__,
                "rules": [_rule(rule_id, results, kept) for rule_id in ids],
            }
        },
        "automationDetails": {"id": f"bindwatch/{results.command}/"},
        "invocations": [_invocation(results, len(rows) - len(kept))],
        "columnKind": "unicodeCodePoints",
        "results": [_result(record, index, results) for record in kept],
    }
    yield json.dumps({"$schema": _SCHEMA, "version": "2.1.0", "runs": [run]}, indent=1, ensure_ascii=True) + "\n"


def message(text: str) -> dict[str, str]:
    """A message that holds nothing but text."""
    return {"text": _PLACEHOLDER.sub(r"{ \1 }", _LINK.sub("] ", printable(text))) or "-"}


def _rule(rule_id: str, results: Results, rows: Sequence[Record]) -> dict[str, Any]:
    worst = max(
        (str(record["severity"]) for record in rows if record["rule_id"] == rule_id), key=lambda name: Severity[name]
    )
    rule = results.rules.get(rule_id)
    about: dict[str, Any] = {
        "id": rule_id,
        "name": "".join(word.capitalize() for word in rule_id.split("-")),
        "shortDescription": message(rule.title if rule else rule_id),
        "defaultConfiguration": {"level": _LEVEL[rule.severity.name if rule else worst]},
    }
    tags = ["security"]
    if rule:
        page = rule.doc.partition("\n")[2].strip() or rule.title
        about |= {
            "fullDescription": message(_first_words(page) or rule.title),
            "help": {"text": rule.doc, "markdown": rule.doc},
        }
        tags += [rule.category.value, *rule.techniques]
    properties = {"tags": tags[:_MOST_TAGS], "security-severity": _SECURITY_SEVERITY[worst], "precision": "high"}
    return about | {"properties": properties | {"problem.severity": _problem(worst)}}


def _first_words(page: str) -> str:
    """What the page says first: the part under its first heading."""
    lines = [line for line in page.splitlines() if not line.startswith("#")]
    return " ".join(line.strip() for line in "\n".join(lines).strip().split("\n\n")[0].splitlines())[:1000]


def _problem(severity: str) -> str:
    return {"error": "error", "warning": "warning", "note": "recommendation"}[_LEVEL[severity]]


def _result(record: Record, index: dict[str, int], results: Results) -> dict[str, Any]:
    finding_id = str(record["finding_id"])
    place = results.places.get(finding_id)
    result: dict[str, Any] = {
        "ruleId": record["rule_id"],
        "ruleIndex": index[str(record["rule_id"])],
        "level": _LEVEL[str(record["severity"])],
        "kind": "fail",
        "message": message(_words(record)),
        "locations": [_location(record, place)],
        "fingerprints": {"bindwatch/findingId/v1": finding_id},
        "partialFingerprints": {"bindwatch/findingId/v1": finding_id},
        "occurrenceCount": max(1, int(record.get("count") or 1)),
        "properties": {
            "severity": record["severity"],
            "category": record["category"],
            "confidence": record.get("confidence") or "",
            "project": record.get("project") or "",
            "principal": record.get("principal") or "",
            "subject": record.get("subject") or "",
            "cause": record.get("cause") or "",
            "firstSeen": record.get("first_seen") or "",
            "lastSeen": record.get("last_seen") or "",
            "commands": list((record.get("remediation") or {}).get("commands") or ()),
            "undo": list((record.get("remediation") or {}).get("undo") or ()),
            "evidence": [source.get("url") or source.get("asset") for source in record.get("evidence") or ()],
        },
    }
    if record.get("baseline_state"):
        result["baselineState"] = record["baseline_state"]
    if record.get("score") is not None:
        result["rank"] = float(min(100, max(0, record["score"])))
    if mute := record.get("mute"):
        result["suppressions"] = [
            {"kind": "external", "status": "accepted", "justification": printable(f"{mute['owner']}: {mute['reason']}")}
        ]
    return result


def _words(record: Record) -> str:
    parts = [f"{record['title']}.", str(record.get("explanation") or "")]
    fix = record.get("remediation") or {}
    if fix:
        parts.append(f"Fix: {fix['summary']}." if not str(fix["summary"]).endswith(".") else f"Fix: {fix['summary']}")
        parts += [f"Run: {command}" for command in fix.get("commands") or ()]
    return " ".join(part for part in parts if part)


def _location(record: Record, place: Place | None) -> dict[str, Any]:
    """Where it shows in the input; without that the resource alone, in a form that readers of locations accept."""
    name = str(record.get("resource_name") or record.get("project") or "-")
    physical: dict[str, Any] = {
        "artifactLocation": {"uri": quote(name.lstrip("/") or "-", safe="/@", errors="replace")}
    }
    if place:
        physical = {"artifactLocation": _artifact(place.file)}
        if place.line:
            physical["region"] = {"startLine": place.line}
    logical = {"fullyQualifiedName": name, "kind": "resource"}
    return {"physicalLocation": physical, "logicalLocations": [logical]}


def _artifact(file: str) -> dict[str, str]:
    """A file below the working directory by its path from there, any other by its whole path."""
    whole = Path(os.path.abspath(file))  # noqa: PTH100 - not resolve(): a link is named as the user named it
    try:
        below = whole.relative_to(Path.cwd())
    except ValueError:
        return {"uri": f"file://{quote(whole.as_posix(), errors='replace')}"}
    return {"uri": quote(below.as_posix(), errors="replace"), "uriBaseId": _ROOT}


def _invocation(results: Results, too_many: int) -> dict[str, Any]:
    summary = results.summary
    execution: list[dict[str, Any]] = []
    for item in summary.get("problems", ()):
        location = _artifact(str(item["file"]))
        region = {"region": {"startLine": item["line"]}} if item["line"] else {}
        execution.append(
            {
                "level": "error",
                "message": message(f"{item['field']}: {item['problem']}".removeprefix(": ")),
                "locations": [{"physicalLocation": {"artifactLocation": location, **region}}],
            }
        )
    execution += [
        {"level": "error", "message": message(f"rule {item['rule_id']} failed: {item['error']}")}
        for item in summary.get("rule_failures", ())
    ]
    if too_many:
        execution.append({"level": "warning", "message": message(f"{too_many} more findings than a run can hold")})
    configuration = [
        {"level": "warning", "message": message(f"{item['rule_id']} could not look: {'; '.join(item['missing'])}")}
        for item in summary.get("not_checked", ())
    ]
    configuration += [{"level": "warning", "message": message(note)} for note in results.notes]
    return {
        "executionSuccessful": is_complete(results),
        "endTimeUtc": results.at.strftime("%Y-%m-%dT%H:%M:%SZ"),
        "toolExecutionNotifications": execution,
        "toolConfigurationNotifications": configuration,
    }
