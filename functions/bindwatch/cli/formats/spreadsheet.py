"""CSV for spreadsheets, which run whatever begins like a formula."""

import csv
import io
import json
from collections.abc import Iterator, Mapping, Sequence
from typing import Any, Final

from bindwatch.cli.formats import Results
from bindwatch.cli.terminal import printable

# OWASP's list, and the full-width forms that Excel reads alike.
_FORMULA: Final = ("=", "+", "-", "@", "\t", "\r", "\n", "＝", "＋", "－", "＠", "|", "%")
_COLUMNS: Final = (
    "finding_id",
    "severity",
    "state",
    "rule_id",
    "category",
    "title",
    "resource_name",
    "project",
    "principal",
    "subject",
    "score",
    "confidence",
    "cause",
    "first_seen",
    "last_seen",
    "count",
    "explanation",
    "notes",
    "fix",
    "commands",
    "risk_of_fix",
    "undo",
    "techniques",
    "evidence",
    "file",
    "line",
)


def write(results: Results) -> Iterator[str]:
    """One finding a row, with a row of names first, also where nothing was found."""
    rows = []
    for record in results.findings:
        fix = record.get("remediation") or {}
        place = results.places.get(str(record["finding_id"]))
        more = {
            "fix": fix.get("summary"),
            "commands": _lines(fix.get("commands")),
            "risk_of_fix": fix.get("risk_of_fix"),
            "undo": _lines(fix.get("undo")),
            "notes": _lines(record.get("notes")),
            "techniques": " ".join(record.get("techniques") or ()),
            "evidence": _lines(source.get("url") or source.get("asset") for source in record.get("evidence") or ()),
            "file": place.file if place else "",
            "line": place.line if place else "",
        }
        rows.append({name: more[name] if name in more else record.get(name) for name in _COLUMNS})
    yield from table(rows, _COLUMNS)


def table(rows: Sequence[Mapping[str, Any]], columns: Sequence[str]) -> Iterator[str]:
    """Rows as CSV. Every cell is quoted, and none can be taken for a formula."""
    line = io.StringIO()
    writer = csv.writer(line, lineterminator="\n", quoting=csv.QUOTE_ALL)
    writer.writerow(columns)
    for row in rows:
        writer.writerow([cell(row.get(name)) for name in columns])
        yield line.getvalue()
        line.seek(0)
        line.truncate()
    yield line.getvalue()


def cell(value: Any) -> Any:
    """A value as a spreadsheet can be given it."""
    if value is None:
        return ""
    if isinstance(value, dict | list):
        value = json.dumps(value, ensure_ascii=True)
    if not isinstance(value, str):
        return value
    text = "\n".join(map(printable, value.split("\n")))
    return f"'{text}" if text.lstrip(" \"'").startswith(_FORMULA) else text


def _lines(values: Any) -> str:
    return "\n".join(printable(str(value)) for value in values or ())
