"""`bindwatch findings`: what a store holds, filtered, sorted and a page at a time."""

from typing import Any, Final

import click

from bindwatch.adapters.sql_store import plain
from bindwatch.cli import complete, formats, output, stored
from bindwatch.model.finding import Category, Severity, State

_SHOWN: Final = ("severity", "rule_id", "title", "project", "last_seen", "count", "finding_id")
_ID: Final = 10
"""As much of an id as tells findings apart; `show` and the others take the beginning of one."""
_ORDERS: Final = {
    "severity": (("severity", True), ("score", True), ("last_seen", True)),
    "score": (("score", True), ("severity", True)),
    "last-seen": (("last_seen", True),),
    "first-seen": (("first_seen", True),),
    "count": (("count", True),),
    "rule": (("rule_id", False), ("severity", True)),
    "project": (("project", False), ("severity", True)),
    "title": (("title", False),),
}


@click.command("findings", epilog="Example:  bindwatch findings --severity high --project shop-prod --sort last-seen")
@stored.store_option
@click.option("--state", type=click.Choice([*State, "ALL"], case_sensitive=False), default="OPEN", show_default=True)
@click.option(
    "--severity",
    type=click.Choice([severity.name.lower() for severity in Severity], case_sensitive=False),
    default="info",
    show_default=True,
    help="This severe or worse.",
)
@click.option("--rule", default="", metavar="RULE", help="Only of this rule.", shell_complete=complete.rules)
@click.option("--project", default="", metavar="PROJECT", help="Only of this project.")
@click.option("--category", type=click.Choice([*Category]), default=None, help="Only of this category.")
@click.option("--principal", default="", metavar="TEXT", help="Only where the principal holds this text.")
@click.option("--text", "words", default="", metavar="TEXT", help="Only where title, resource or subject hold it.")
@click.option("--since", default="", metavar="7d|DATE", help="Only what was last seen since then.")
@click.option("--sort", type=click.Choice([*_ORDERS]), default="severity", show_default=True, help="What comes first.")
@click.option("--reverse", is_flag=True, help="The other way around.")
@click.option("--limit", type=click.IntRange(min=1), metavar="N", help="So many at most, or on a page.")
@click.option("--page", type=click.IntRange(min=1), default=1, metavar="N", help="The page, with --limit; from 1 on.")
@click.option("--no-pager", is_flag=True, help="Print it all, however long, also on a terminal.")
@click.option("-q", "--quiet", is_flag=True, help="Say nothing but findings.")
@output.format_options
def command(
    place: str,
    state: str,
    severity: str,
    rule: str,
    project: str,
    category: str | None,
    principal: str,
    words: str,
    since: str,
    sort: str,
    reverse: bool,
    limit: int | None,
    page: int,
    no_pager: bool,
    quiet: bool,
    form: str,
    outputs: tuple[tuple[str, str], ...],
) -> int:
    """The findings of a store, worst first. Exit code 1 where there are any."""
    filters = {
        "state": "" if state.upper() == "ALL" else state.upper(),
        "least_level": str(int(Severity[severity.upper()])),
        "rule_id": rule,
        "project": project,
        "category": category or "",
        "principal": principal,
    }
    if since:
        filters["since"] = stored.moment(since).isoformat()
    now = stored.now()
    with stored.opened(place) as store:
        found: list[dict[str, Any]] = [dict(plain(row)) for row in store.find(now=now, **filters)]
        mutes = [*store.ask("views/muted_findings", {})] if form == "text" else []
    muted = {row["finding_id"]: f"{row['expires_at']:%Y-%m-%d}" for row in mutes if row["expires_at"] > now}
    if rule and not found:
        complete.check_rule(rule)
    sought = words.lower()
    found = [row for row in found if sought in f"{row['title']} {row['resource_name']} {row['subject']}".lower()]
    for name, descending in reversed(_ORDERS[sort]):
        found.sort(key=lambda row: _key(row, name), reverse=descending is not reverse)
    count = len(found)
    if limit is not None:
        found = found[(page - 1) * limit : page * limit]
        pages = -(-count // limit)
        if not quiet and pages > 1:
            more = f"; the next: --page {page + 1}" if page < pages else ""
            click.echo(f"page {page} of {pages}, {count} findings{more}", err=True)

    def render(name: str, paint: Any) -> list[str]:
        if name == "text":
            shown = _SHOWN if filters["state"] else (*_SHOWN[:1], "state", *_SHOWN[1:])
            short = [{"last_seen": row["last_seen"][:10], "finding_id": row["finding_id"][:_ID]} for row in found]
            rows = [{each: row[each] for each in shown} | cut for row, cut in zip(found, short, strict=True)]
            if any(row["finding_id"] in muted for row in found):
                until = [{"muted_until": muted.get(row["finding_id"], "")} for row in found]
                rows = [row | more for row, more in zip(rows, until, strict=True)]
            return [stored.table_text(rows)]
        if name in stored.FORMATS and name != "csv":
            return [stored.rows_text(found, name)]
        rules = complete.rules_by_id() if name in ("sarif", "junit") else {}
        told = {each: rules[each] for each in {row["rule_id"] for row in found} & rules.keys()}
        return [*formats.write(name, formats.Results(findings=found, at=now, rules=told, command="findings"))]

    if form == "text" and not found and not quiet:
        click.echo("no findings" if not count else f"no page {page}: there are {pages}", err=True)
    output.write(form, outputs, render, pager=not no_pager)
    return int(bool(count))


def _key(row: dict[str, Any], name: str) -> tuple[bool, Any]:
    value = Severity[row[name]] if name == "severity" else row.get(name)
    return (value is not None, value if value is not None else "")
