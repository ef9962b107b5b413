"""`bindwatch mute`: send no alerts about some findings, for a time, with an owner and a reason."""

import click

from bindwatch.cli import complete, stored
from bindwatch.model.finding import Category
from bindwatch.pipeline.triage import Mute, mute


@click.command("mute", epilog="Example:  bindwatch mute --rule public-member --project www --reason 'a website'")
@click.argument("finding", required=False, default="", metavar="[FINDING]", shell_complete=complete.findings)
@stored.store_option
@click.option("--rule", default="", metavar="RULE", help="Findings of this rule.", shell_complete=complete.rules)
@click.option("--category", type=click.Choice([*Category]), default=None, help="Findings of this category.")
@click.option("--project", default="", metavar="PROJECT", help="Findings of this project.")
@click.option("--resource", default="", metavar="NAME", help="Findings on this resource, by its full name.")
@click.option("--principal", default="", metavar="PRINCIPAL", help="Findings about this principal.")
@click.option("--subject", default="", metavar="TEXT", help="Findings about this subject.")
@click.option("--reason", required=True, metavar="TEXT", help="Why nobody needs to hear of it.")
@click.option("--owner", required=True, envvar="USER", metavar="WHO", help="Who answers for it; default: you.")
@click.option("--for", "until", default="90d", show_default=True, metavar="90d|DATE", help="When it ends by itself.")
def command(
    finding: str,
    place: str,
    rule: str,
    category: str | None,
    project: str,
    resource: str,
    principal: str,
    subject: str,
    reason: str,
    owner: str,
    until: str,
) -> int:
    """Mute one finding, or all that match; every option that is given must match, a trailing * matches any end.

    The findings are kept and shown; when the mute ends, what still stands is announced.
    """
    with stored.opened(place) as store:
        wanted = Mute(
            owner=owner,
            reason=reason,
            expires_at=stored.moment(until, ahead=True),
            finding_id=str(stored.the_finding(store, finding)["finding_id"]) if finding else "",
            rule_id=rule,
            category=category or "",
            project=project,
            resource_name=resource,
            principal=principal,
            subject=subject,
        )
        mute_id = mute(store, wanted, now=stored.now())
        covered = [row for row in store.query("mutes", {}, now=stored.now()) if row["mute_id"] == mute_id]
    count = covered[0]["findings"] if covered else 0
    match = "1 finding matches" if count == 1 else f"{count} findings match"
    click.echo(f"muted until {wanted.expires_at:%Y-%m-%d %H:%M} UTC: {match} now (mute {mute_id})")
    if rule and not count and not rule.endswith("*") and rule not in (known := complete.rules_by_id()):
        click.echo(f"no rule {rule!r} is known here.{complete.near(rule, known)}", err=True)
    return 0
