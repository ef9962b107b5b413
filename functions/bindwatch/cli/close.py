"""`bindwatch close`: a person's word that a finding is dealt with."""

import click

from bindwatch.cli import complete, stored
from bindwatch.pipeline.triage import close


@click.command("close", epilog="Example:  bindwatch close 73eaffef --reason 'asked Ada, it was a test'")
@click.argument("finding", metavar="FINDING", shell_complete=complete.findings)
@stored.store_option
@click.option("--reason", required=True, metavar="TEXT", help="What came of it.")
@click.option("--by", "actor", required=True, envvar="USER", metavar="WHO", help="Who closes it; default: you.")
def command(finding: str, place: str, reason: str, actor: str) -> int:
    """Close an open finding (the beginning of its id will do). It opens again when something shows it anew."""
    with stored.opened(place) as store:
        finding_id = str(stored.the_finding(store, finding)["finding_id"])
        (standing,) = store.standing(rule_ids=(), projects=(), finding_ids=(finding_id,))
        close(store, standing, actor=actor, reason=reason, now=stored.now())
    click.echo(f"closed {finding_id}")
    return 0
