"""`bindwatch diff`: what opened, came back and ended in a time."""

import click

from bindwatch.cli import stored


@click.command("diff", epilog="Example:  bindwatch diff --since 2026-01-31")
@stored.store_option
@click.option("--since", default="7d", show_default=True, metavar="7d|DATE", help="From when on.")
@click.option("--until", default="", metavar="1d|DATE", help="Until when; default: now.")
@stored.format_option
def command(place: str, since: str, until: str, form: str) -> int:
    """What opened, came back or ended since then, newest first. Exit code 1 where something opened or came back."""
    given = {"since": stored.moment(since).isoformat()}
    if until:
        given["until"] = stored.moment(until).isoformat()
    with stored.opened(place) as store:
        changes = store.query("changed_findings", given, now=stored.now())
    stored.write_rows(changes, form, empty="nothing changed")
    return int(any(row["what"] in ("opened", "reopened") for row in changes))
