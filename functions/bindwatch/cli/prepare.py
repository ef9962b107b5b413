"""`bindwatch prepare`: the tables and views of a store, made or brought up to this version; what teams may see."""

from collections.abc import Iterable
from pathlib import Path

import click

from bindwatch.cli import stored
from bindwatch.errors import ConfigError


@click.command(
    "prepare", epilog="Example:  bindwatch prepare --store bigquery:p.bindwatch --team shop=group:shop@example.com"
)
@stored.store_option
@click.option("--location", metavar="EU|US|REGION", help="Of a dataset that is not there yet.")
@click.option(
    "--team",
    "teams",
    multiple=True,
    metavar="TEAM=MEMBER",
    help="Show the members (group:shop@example.com) what is found in the projects labelled so; repeat it.",
)
def command(place: str, location: str | None, teams: tuple[str, ...]) -> int:
    """Make what is missing of a store, and bring its tables and views up to this version of bindwatch.

    Rows stay as they are; again changes nothing. Where Terraform made the dataset (scripts/deploy) it does the same,
    and its input `teams` says what --team says here: use one of the two. Nothing is taken away: with --team, who is not
    named and still reads findings is told, with the command that ends it.
    """
    members = _members(teams)
    kind, colon, name = place.partition(":")
    if not (colon and kind in ("bigquery", "bq")):
        if teams or location:
            raise ConfigError(["--team and --location are for a store in BigQuery"])
        from bindwatch.adapters.duckdb import DuckDBStore

        path = name if colon and kind == "duckdb" else place
        was_there = Path(path).exists()
        DuckDBStore(path).close()
        click.echo(f"{path} is {'up to date' if was_there else 'made'}", err=True)
        return 0
    from bindwatch.adapters.bigquery import BigQueryStore, translated
    from bindwatch.adapters.bigquery_schema import apply_schema, apply_team_views, kept_by_others, team_dataset

    kept: list[str] = []
    store = BigQueryStore(name, location=location)
    try:
        with translated(name, "make the tables", "roles/bigquery.admin on the project"):
            changes = apply_schema(store.client, name, location=location)
            if members:
                changes += apply_team_views(store.client, name, members)
                kept = kept_by_others(store.client, name, members)
    finally:
        store.close()
    for change in changes:
        click.echo(change)
    if not changes:
        click.echo(f"{name} is up to date", err=True)
    for team in members:
        click.echo(f"team {team} finds its findings in {team_dataset(name, team)}", err=True)
    for line in kept:
        click.echo(line, err=True)
    return 0


def _members(given: Iterable[str]) -> dict[str, list[str]]:
    members: dict[str, list[str]] = {}
    for item in given:
        team, equals, member = item.partition("=")
        if not equals:
            raise click.BadParameter(
                f"expected TEAM=MEMBER (shop=group:shop@example.com), found {item!r}", param_hint="--team"
            )
        members.setdefault(team, []).append(member)
    return members
