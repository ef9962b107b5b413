"""`bindwatch replay`: judge the entries of the past into a store, and go on where it was interrupted."""

import json
import re
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Final

import click

from bindwatch.adapters.cloud_logging import authorized_post, entries_filter, read_entries
from bindwatch.adapters.customization_files import load_customization
from bindwatch.adapters.sql_store import SqlStore
from bindwatch.cli import stored
from bindwatch.cli.progress import Progress
from bindwatch.engine import Engine
from bindwatch.errors import InputError
from bindwatch.model.log_entry import from_dict
from bindwatch.pipeline import Delivery, Past, deliver, with_previous
from bindwatch.pipeline.rows import digest
from bindwatch.rule import Context
from bindwatch.rules import LOG_RULES

_SCOPE: Final = re.compile(r"(organizations|folders)/\d+|projects/[a-z0-9.:-]+")
# Entries of one instant may lie on two pages; judging one again changes nothing.
_INSTANT: Final = timedelta(microseconds=1)


@click.command("replay", epilog="Example:  bindwatch replay organizations/1 --since 30d --store bigquery:p.bindwatch")
@click.argument("scopes", nargs=-1, required=True, metavar="SCOPE…")
@click.option("--since", default="1d", show_default=True, metavar="7d|DATE", help="From then on.")
@click.option("--until", default="", metavar="7d|DATE", help="Up to then; now, if not given.")
@click.option("--filter", "more", default="", help="A logging filter instead of all audit logs.")
@click.option("--settings", "settings_file", metavar="FILE", default="", help="Default: ./bindwatch.toml, if there.")
@click.option("--state", "state_file", default="", metavar="FILE", help="Where the progress is kept between calls.")
@stored.store_option
def command(
    scopes: tuple[str, ...], since: str, until: str, more: str, settings_file: str, state_file: str, place: str
) -> int:
    """Judge what Cloud Logging keeps of SCOPE (organizations/1, folders/2, projects/p) into a store.

    Entries that were judged before change nothing. Announces nothing; the next sweep does. Interrupted, the same
    command goes on where it was. Exit code 2 where a rule failed.
    """
    for scope in scopes:
        if not _SCOPE.fullmatch(scope):
            raise click.BadParameter(
                f"{scope!r}: expected organizations/NUMBER, folders/NUMBER or projects/ID", param_hint="SCOPE"
            )
    began = stored.now()
    start, end = stored.moment(since), stored.moment(until) if until else began
    if start >= end:
        raise click.BadParameter(f"{_text(start)} is not before {_text(end)}", param_hint="--since")
    named = (*sorted(scopes), since, until, more, place)
    checkpoint = Checkpoint.of(named, start, end, path=state_file)
    if checkpoint.goes_on:
        told = f"going on at {_text(checkpoint.at)}, up to {_text(checkpoint.end)}"
        click.echo(f"{told}: {checkpoint.path} was left by an interrupted call; without it all begins anew", err=True)
    customization = load_customization(settings_file)
    engine = Engine(customization.context(Context(as_of=began)), customization.log_rules(LOG_RULES))
    progress = Progress()
    entries = findings = bad = failures = 0
    with _opened(place) as store:
        post = authorized_post()
        past = Past(store)
        for page in read_entries(
            post, scopes, entries_filter(_text(checkpoint.at - _INSTANT), _text(checkpoint.end), more)
        ):
            deliveries = []
            for value in page:
                try:
                    entry = with_previous(from_dict(value), past)
                except InputError:
                    bad += 1
                    continue
                past.learn(entry)
                deliveries.append(
                    Delivery(
                        entry,
                        engine.judge_entry(entry),
                        stored.now(),
                        engine.context.outside.place(entry.caller_ip),
                    )
                )
            deliver(deliveries, store)
            entries += len(deliveries)
            findings += sum(len(item.verdict.findings) for item in deliveries)
            failures += sum(len(item.verdict.failures) for item in deliveries)
            times = [item.entry.time for item in deliveries if item.entry.time]
            if times:
                checkpoint.advance(max(times))
            progress.at(_text(checkpoint.at), entries)
    progress.done()
    checkpoint.forget()
    click.echo(f"{entries} entries judged, {findings} sightings kept, {bad} entries were no audit logs", err=True)
    if failures:
        click.echo(f"rules failed {failures} times: `bindwatch query blind_spots` names them", err=True)
    return 2 if failures else 0


class Checkpoint:
    """How far a replay came, in a file; the same command again goes on from there."""

    def __init__(self, path: Path, at: datetime, end: datetime, *, goes_on: bool = False) -> None:
        self.path = path
        self.at = at
        self.end = end
        self.goes_on = goes_on

    @classmethod
    def of(cls, named: tuple[str, ...], start: datetime, end: datetime, *, path: str) -> "Checkpoint":
        """The one that an interrupted run of the same command (`named`) left, else a new one."""
        name = digest(*named)[:12]
        file = Path(path) if path else Path(f".bindwatch-replay-{name}.json")
        try:
            left = json.loads(file.read_text(encoding="utf-8"))
            at, until = datetime.fromisoformat(left["at"]), datetime.fromisoformat(left["end"])
            return cls(file, at, until, goes_on=True)
        except (OSError, ValueError, KeyError, TypeError):
            return cls(file, start, end)

    def advance(self, at: datetime) -> None:
        """Note that everything before was kept."""
        self.at = max(self.at, at)
        left = {"at": self.at.isoformat(), "end": self.end.isoformat()}
        draft = self.path.with_suffix(".tmp")
        draft.write_text(json.dumps(left), encoding="utf-8")
        draft.replace(self.path)

    def forget(self) -> None:
        """Nothing is left to do."""
        self.path.unlink(missing_ok=True)


def _text(moment: datetime) -> str:
    return moment.astimezone(UTC).isoformat().replace("+00:00", "Z")


@contextmanager
def _opened(place: str) -> Iterator[SqlStore]:
    """The store; unlike a question, a replay may make the file."""
    kind, _, name = place.partition(":")
    path = Path(name if kind == "duckdb" else place)
    if kind not in ("bigquery", "bq") and not path.exists():
        from bindwatch.adapters.duckdb import DuckDBStore

        DuckDBStore(str(path)).close()
    with stored.opened(place) as store:
        yield store
