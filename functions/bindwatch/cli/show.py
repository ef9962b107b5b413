"""`bindwatch show`: one finding with its whole story."""

import json
import sys
from typing import Any, Final

import click

from bindwatch.adapters.sql_store import plain
from bindwatch.cli import complete, stored
from bindwatch.cli.terminal import printable, wrapped

_INDENT = " " * 14
_TOLD: Final = {
    "history": ("observed_at", "change", "source_kind", "severity", "actor", "reason"),
    "alerts": (),
    "mutes": (),
}
"""What of each part a person is shown; all where nothing is named."""


@click.command("show", epilog="Example:  bindwatch show 73eaffef")
@click.argument("finding", metavar="FINDING", shell_complete=complete.findings)
@stored.store_option
@click.option("--format", "form", type=click.Choice(["text", "json"]), default="text", show_default=True)
def command(finding: str, place: str, form: str) -> int:
    """One finding (the beginning of its id will do): what, why, the fix, its history, alerts and mutes."""
    with stored.opened(place) as store:
        found = stored.the_finding(store, finding)
        finding_id = str(found["finding_id"])
        story: dict[str, Any] = {
            "finding": plain(found),
            "history": [plain(row) for row in store.history(finding_id)],
            "alerts": [plain(row) for row in store.told(finding_id) if row["phase"] == "SENT"],
            "mutes": [plain(row) for row in store.muted_by(finding_id, now=stored.now())],
        }
    if form == "json":
        json.dump(story, sys.stdout, indent=2, ensure_ascii=True)
        sys.stdout.write("\n")
    else:
        _write(story)
    return 0


def _write(story: dict[str, Any]) -> None:
    finding = story["finding"]
    click.echo(f"{finding['severity']} {finding['state']}  {printable(finding['title'])}\n")
    for name in ("resource_name", "project", "principal", "subject", "cause", "score", "confidence", "category"):
        _line(name, finding[name])
    seen = f"{finding['first_seen']} to {finding['last_seen']}, by {finding['count']} sources"
    _line("seen", seen + (f", came back {finding['reopened']} times" if finding["reopened"] else ""))
    _line("state since", " ".join(filter(None, (finding["state_since"], finding["state_by"], finding["state_reason"]))))
    _line("why", finding["explanation"])
    for note in finding["notes"]:
        _line("note", note)
    for cause in finding["ruled_out"]:
        _line("ruled out", cause)
    if fix := finding["remediation"]:
        _line("fix", fix["summary"])
        for command_line in fix["commands"]:
            click.echo(f"{_INDENT}  {printable(command_line)}")
        _line("risk", fix["risk_of_fix"])
        for number, command_line in enumerate(fix["undo"]):
            click.echo(f"  {'' if number else 'undo':<12}{printable(command_line)}")
    for source in finding["evidence"]:
        _line("evidence", source["url"] or source["asset"])
    _line("id", finding["finding_id"])
    _line("rule", finding["rule_id"])
    for title, name in (("History", "history"), ("Alerts", "alerts"), ("Mutes", "mutes")):
        if story[name]:
            click.echo(f"\n{title}")
            shown = _TOLD[name]
            stored.write_rows([{each: row[each] for each in shown or row} for row in story[name]], "text")


def _line(name: str, value: object) -> None:
    if value not in (None, ""):
        words = name.replace("_name", "").replace("_", " ")
        click.echo(f"  {words:<12}{wrapped(str(value), _INDENT).lstrip()}")
