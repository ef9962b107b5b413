"""`bindwatch findings`: what a store holds, filtered."""

import click

from bindwatch.cli import stored
from bindwatch.model.finding import Category, Severity, State

_SHOWN = ("severity", "state", "rule_id", "title", "project", "last_seen", "count", "finding_id")


@click.command("findings", epilog="Example:  bindwatch findings --severity high --project shop-prod")
@stored.store_option
@click.option("--state", type=click.Choice([*State, "ALL"], case_sensitive=False), default="OPEN", show_default=True)
@click.option(
    "--severity",
    type=click.Choice([severity.name.lower() for severity in Severity], case_sensitive=False),
    default="info",
    show_default=True,
    help="This severe or worse.",
)
@click.option("--rule", default="", metavar="RULE", help="Only of this rule.")
@click.option("--project", default="", metavar="PROJECT", help="Only of this project.")
@click.option("--category", type=click.Choice([*Category]), default=None, help="Only of this category.")
@click.option("--principal", default="", metavar="TEXT", help="Only where the principal holds this text.")
@click.option("--since", default="", metavar="7d|DATE", help="Only what was last seen since then.")
@stored.format_option
def command(
    place: str,
    state: str,
    severity: str,
    rule: str,
    project: str,
    category: str | None,
    principal: str,
    since: str,
    form: str,
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
    with stored.opened(place) as store:
        found = store.find(now=stored.now(), **filters)
    if form == "text":
        found = [{name: row[name] for name in _SHOWN} for row in found]
    stored.write_rows(found, form, empty="no findings")
    return int(bool(found))
