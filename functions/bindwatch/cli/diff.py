"""`bindwatch diff`: what opened, came back and ended in a time, or between two scans."""

from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any, Final

import click

from bindwatch.adapters.sql_store import plain
from bindwatch.cli import complete, formats, output, stored
from bindwatch.cli.earlier import read_earlier
from bindwatch.model.finding import Severity

# what happened → how SARIF compares a result with that of the run before
_BASELINE: Final = {"opened": "new", "reopened": "new", "worse": "updated", "better": "updated"}


@click.command("diff", epilog="Example:  bindwatch diff --since 2026-01-31")
@click.argument("scans", nargs=-1, metavar="[BEFORE.json AFTER.json]")
@stored.store_option
@click.option("--since", default="7d", show_default=True, metavar="7d|DATE", help="From when on.")
@click.option("--until", default="", metavar="1d|DATE", help="Until when; default: now.")
@output.format_options
def command(
    scans: tuple[str, ...], place: str, since: str, until: str, form: str, outputs: tuple[tuple[str, str], ...]
) -> int:
    """What opened, came back or ended since then, newest first. Exit code 1 where something opened or came back.

    Given two files that scan --format json wrote, it compares those instead of asking a store; what is worse counts
    then, too. What AFTER could not look at has not ended.
    """
    if scans:
        if len(scans) != 2:
            raise click.UsageError("give two scans, the earlier one first: bindwatch diff before.json after.json")
        changes, records = _between(*scans)
    else:
        changes, records = _since(place, since, until)
    now = stored.now()

    def render(name: str, paint: Any) -> Iterable[str]:
        if name in stored.FORMATS and (name != "csv" or not changes):
            return (stored.rows_text(changes, name),)
        if name == "csv":
            from bindwatch.cli.formats.spreadsheet import table

            return table(changes, list(changes[0]))
        news = [record for record in records if record["what"] in _BASELINE]
        rules = complete.rules_by_id() if name in ("sarif", "junit") else {}
        told = {each: rules[each] for each in {str(record["rule_id"]) for record in news} & rules.keys()}
        return formats.write(name, formats.Results(findings=news, at=now, rules=told, command="diff"))

    if form == "text" and not changes:
        click.echo("nothing changed", err=True)
    output.write(form, outputs, render)
    return int(any(change["what"] in ("opened", "reopened", "worse") for change in changes))


def _since(place: str, since: str, until: str) -> tuple[list[dict[str, Any]], list[dict[str, Any]]]:
    """What a store says of a time: the changes, and the findings that they are of."""
    given = {"since": stored.moment(since).isoformat()}
    if until:
        given["until"] = stored.moment(until).isoformat()
    with stored.opened(place) as store:
        changes = [dict(row) for row in store.query("changed_findings", given, now=stored.now())]
        found = (
            {row["finding_id"]: dict(plain(row)) for row in store.find(now=stored.now(), state="")} if changes else {}
        )
    what = {str(change["finding_id"]): change["what"] for change in reversed(changes)}
    records = [row | _compared(str(what[key])) for key, row in found.items() if key in what]
    return changes, records


def _between(before: str, after: str) -> tuple[list[dict[str, Any]], list[dict[str, Any]]]:
    """What differs between two scans, the worst first."""
    earlier, later = read_earlier(before), read_earlier(after)
    blind = _blind(after)
    rows: list[tuple[str, Mapping[str, Any]]] = []
    for finding_id, record in later.findings.items():
        had = earlier.severities.get(finding_id)
        if had is None:
            rows.append(("opened", record))
        elif had != record["severity"]:
            rows.append(("worse" if Severity[had] < Severity[record["severity"]] else "better", record))
    for finding_id, record in earlier.findings.items():
        if finding_id not in later.findings:
            rows.append(("not looked at" if record["rule_id"] in blind else "ended", record))
    rows.sort(key=lambda row: (-Severity[row[1]["severity"]], row[0], row[1]["rule_id"], row[1]["finding_id"]))
    shown = ("severity", "rule_id", "title", "project", "principal", "finding_id")
    changes = [{"what": what} | {name: record.get(name) or "" for name in shown} for what, record in rows]
    return changes, [dict(record) | _compared(what) for what, record in rows]


def _compared(what: str) -> dict[str, str]:
    return {"what": what, "baseline_state": _BASELINE.get(what, "")}


def _blind(file: str) -> frozenset[str]:
    """The rules that could not look in a scan, as far as its file says; NDJSON does not."""
    import json

    try:
        document = json.loads(Path(file).read_text(encoding="utf-8"))
        return frozenset(item["rule_id"] for item in document["summary"]["not_checked"])
    except (ValueError, KeyError, TypeError):
        return frozenset()
