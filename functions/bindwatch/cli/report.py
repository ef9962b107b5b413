"""`bindwatch report`: one page of HTML, of files or of a store."""

import os
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Final

import click

from bindwatch.access.graph import graph_of
from bindwatch.adapters.customization_files import load_customization
from bindwatch.adapters.customization_mutes import keep_mutes
from bindwatch.adapters.duckdb import DuckDBStore
from bindwatch.adapters.inputs import InputReader
from bindwatch.adapters.kept_policies import kept_policies
from bindwatch.adapters.sql_store import SqlStore
from bindwatch.cli import stored
from bindwatch.cli.earlier import read_earlier
from bindwatch.cli.moment import MOMENT, or_now
from bindwatch.cli.outcome import Outcome
from bindwatch.cli.page.contents import (
    Changes,
    DayCount,
    Report,
    TeamOf,
    cards_of,
    changes_from,
    changes_since,
    coverage_of,
    history_of,
    minters_of,
    told,
)
from bindwatch.cli.page.drawn import Drawn, draw
from bindwatch.cli.page.render import render
from bindwatch.cli.progress import Progress
from bindwatch.cli.roles import load, roles_option
from bindwatch.cli.scan import scan
from bindwatch.cli.terminal import printable
from bindwatch.customization.customization import Customization
from bindwatch.errors import ConfigError
from bindwatch.inventory import Inventory, Part
from bindwatch.inventory.hierarchy import Project
from bindwatch.rule import Context

_USUAL: Final = timedelta(days=7)
_MINTING: Final = timedelta(days=30)
_NOTHING_BEFORE: Final = (
    "This is the first look, so there is nothing to compare with. Give an earlier scan (--since last.json, written by "
    "bindwatch scan --format json), or keep a store (bindwatch scan --store FILE) and report from it."
)
_NO_INVENTORY: Final = (
    "No policies were read, so nobody knows who can become whom. Give an inventory that has them: "
    "bindwatch report PATH…, alone or beside --store."
)
_NOBODY: Final = "No principal that was read can become another one."


@click.command("report", epilog="Example:  bindwatch report export/ -o report.html")
@click.argument("paths", nargs=-1, metavar="[PATH…]")
@click.option(
    "--store",
    "place",
    metavar="FILE|bigquery:PROJECT.DATASET",
    help="Report what this store holds; PATHs beside it only say who can become whom, and whose a project is.",
)
@click.option("--format", "form", type=click.Choice(["html"]), default="html", show_default=True)
@click.option("-o", "--output", metavar="FILE", help="Where to write the page; default: stdout.")
@click.option("--title", metavar="TEXT", help="The heading; default: what was read.")
@click.option("--since", metavar="7d|DATE|SCAN.json", help="What to compare with; default: the run before, or 7d.")
@click.option("--principal", "principals", multiple=True, metavar="PRINCIPAL", help="Draw this one, too; repeat it.")
@click.option("--trusted-domain", "domains", multiple=True, metavar="DOMAIN", help="A domain of yours; repeat it.")
@click.option("--settings", "settings_file", metavar="FILE", help="Your settings; default: ./bindwatch.toml, if there.")
@click.option("--as-of", type=MOMENT, metavar="DATE", help="Report as of then (UTC); default: now.")
@roles_option
@click.option("-q", "--quiet", is_flag=True, help="No summary, no progress.")
def command(
    paths: tuple[str, ...],
    place: str | None,
    form: str,
    output: str | None,
    title: str | None,
    since: str | None,
    principals: tuple[str, ...],
    domains: tuple[str, ...],
    settings_file: str | None,
    as_of: datetime | None,
    roles: str | None,
    quiet: bool,
) -> int:
    """One page of HTML: what changed, what could not be seen, charts, who can become whom, and every finding.

    Of files and directories it judges all, as scan does; of a store (--store) it shows what is open and what happened
    since. The page fetches nothing: send it as it is. Exit 0: written; 2: part of the input could not be read.
    """
    place = place or (os.environ.get("BINDWATCH_STORE") if not paths else None)
    if not paths and not place:
        raise click.UsageError("give files to judge (PATH…), or a store (--store FILE)")
    if output is None and sys.stdout.isatty():
        raise click.UsageError("a page of HTML is nothing for a terminal: give -o FILE")
    now = or_now(as_of)
    loaded = load(roles)
    customization = load_customization(settings_file or "")
    context = customization.context(
        Context(
            as_of=now,
            trusted_domains=frozenset(domain.lower() for domain in domains),
            catalogue=loaded.catalogue,
        )
    )
    progress = Progress(sys.stderr, quiet=quiet)
    with _source(paths, place, context, customization, progress) as (store, outcome):
        outcome.roles = loaded.words(datetime.now(UTC))
        report = _gather(store, outcome, context, customization, place, since, principals)
    page = render(replace(report, heading=printable(title or place or " ".join(paths))))
    progress.done()
    if output is None:
        sys.stdout.buffer.write(page.encode())
    else:
        _write(output, page)
    if not quiet:
        sys.stderr.write(_summary(report, output, len(page.encode())))
    return 0 if outcome.is_complete else 2


@contextmanager
def _source(
    paths: tuple[str, ...], place: str | None, context: Context, customization: Customization, progress: Progress
) -> Iterator[tuple[SqlStore, Outcome]]:
    """The store to report from, and what the files came to: without a store of the user's they are judged into one."""
    if place is not None:
        reader = InputReader((*paths, *customization.settings.outside.groups), progress.at)
        with stored.opened(place) as store:
            yield store, Outcome(reader.reading, inventory=reader.inventory())
        return
    with DuckDBStore() as store:
        keep_mutes(store, customization.settings.exemptions, now=context.as_of)
        yield store, scan(paths, context, progress, store, customization)


def _gather(
    store: SqlStore,
    outcome: Outcome,
    context: Context,
    customization: Customization,
    place: str | None,
    since: str | None,
    principals: tuple[str, ...],
) -> Report:
    now = context.as_of
    cards, muted = cards_of(store, now, _team_of(store, outcome.inventory, customization), dated=place is not None)
    coverage = coverage_of(store, outcome)
    history = history_of(store) if place is not None else ()  # files are one moment
    if since is not None and Path(since).is_file():
        blind = {rule for gap in coverage.gaps for rule in gap.rules}
        changes = changes_from(read_earlier(since), cards, (one.finding_id for one in muted), blind)
    elif place is None and since is not None:
        raise click.BadParameter(
            f"there is no file {since}; files have no history, so give a scan's JSON", param_hint="--since"
        )
    elif place is None:
        changes = Changes(hint=_NOTHING_BEFORE)
    else:
        changes = _changes(store, now, history, since)
    inventory = outcome.inventory
    if place is not None and (inventory is None or not inventory.coverage(Part.POLICIES)):
        inventory = kept_policies(store)
    drawn, not_drawn = _drawn(inventory, context, principals)
    return Report(
        heading="",
        as_of=now,
        cards=told(cards, changes),
        changes=changes,
        coverage=coverage,
        muted=muted,
        history=history,
        minters=minters_of(store, now - _MINTING),
        drawn=drawn,
        not_drawn=not_drawn,
    )


def _changes(store: SqlStore, now: datetime, history: Sequence[DayCount], since: str | None) -> Changes:
    until = now + timedelta(seconds=1)  # what an audit of this very moment saw is part of it
    if since is not None:
        return changes_since(store, stored.moment(since), until)
    last_time = _last_time(store, now, history)
    return changes_since(store, last_time, until) if last_time else Changes(hint=_NOTHING_BEFORE)


def _last_time(store: SqlStore, now: datetime, history: Sequence[DayCount]) -> datetime | None:
    """Right after the run before the last, or a week ago if that is earlier; None where the store is younger."""
    looked = store.runs(since=now - timedelta(days=3650))
    runs = sorted({row["as_of"] for row in looked if row["as_of"] is not None and row["as_of"] <= now})
    before = runs[-2] + timedelta(seconds=1) if len(runs) > 1 else None
    week_ago = now - _USUAL
    began = min((*runs, *(count.day for count in history)), default=now)
    if began < week_ago:
        return min(before or week_ago, week_ago)
    return before


def _team_of(store: SqlStore, inventory: Inventory | None, customization: Customization) -> TeamOf:
    """By the settings, by the labels of the projects that were read, else as the last audit kept it."""
    kept, labels = store.known_teams(), {}
    if inventory is not None:
        labels = {project.id: dict(project.labels) for project in inventory.all(Project) if project.labels}
    return lambda project: customization.settings.team_of(project, labels.get(project, {})) or kept.get(project, "")


def _drawn(inventory: Inventory | None, context: Context, principals: tuple[str, ...]) -> tuple[tuple[Drawn, ...], str]:
    if inventory is None or not inventory.coverage(Part.POLICIES):
        if principals:
            raise ConfigError([f"--principal {principals[0]}: {_NO_INVENTORY}"])
        return (), _NO_INVENTORY
    graph = graph_of(inventory, context.catalogue, context.as_of, context.trusted_domains)
    return draw(inventory, graph, principals), _NOBODY


def _write(output: str, page: str) -> None:
    try:
        Path(output).write_text(page, encoding="utf-8", newline="\n")
    except OSError as error:
        raise ConfigError([f"--output {output}: {error}"]) from error


def _summary(report: Report, output: str | None, size: int) -> str:
    lines = [
        f"{len(report.cards):,} findings, {len(report.changes.news):,} new or worse, {report.coverage.blind} not seen"
    ]
    lines += [f"could not be read: {problem}" for problem in report.coverage.problems[:20]]
    if output is not None:
        lines.append(f"wrote {output} ({size / 1e6:.1f} MB)")
    return "".join(f"{printable(line)}\n" for line in lines)
