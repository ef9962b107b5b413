"""`bindwatch scan`: findings of audit logs and inventories, on disk or live."""

import sys
from collections.abc import Iterable, Iterator, Sequence
from contextlib import AbstractContextManager, nullcontext
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Final

import click

from bindwatch.adapters.customization_files import load_customization
from bindwatch.adapters.file_windows import FileWindows
from bindwatch.adapters.files import Item, Lines, Problem
from bindwatch.adapters.inputs import InputReader
from bindwatch.cli import output
from bindwatch.cli.moment import MOMENT, or_now
from bindwatch.cli.outcome import STORE, Outcome
from bindwatch.cli.progress import Progress
from bindwatch.cli.roles import load, roles_option
from bindwatch.customization.customization import Customization
from bindwatch.customization.exemptions import exempting, expired
from bindwatch.engine import Engine, SwitchedOff, switched_off
from bindwatch.errors import InputError
from bindwatch.inventory import Inventory
from bindwatch.model.finding import Severity
from bindwatch.model.log_block import LogBlock
from bindwatch.model.log_entry import LogEntry
from bindwatch.pipeline import (
    Delivery,
    FindingStore,
    Past,
    begin_audit,
    deliver,
    finish_audit,
    in_order,
    reconcile,
    sweep_windows,
    telling_no_change,
)
from bindwatch.pipeline.teams import keep_teams
from bindwatch.rule import Context, Rule, WindowRow
from bindwatch.rules import LOG_RULES, WINDOW_RULES
from bindwatch.rules.callers import knows_home
from bindwatch.settings import is_scope
from bindwatch.tally import Standing

if TYPE_CHECKING:
    from bindwatch.adapters.duckdb import DuckDBStore
    from bindwatch.adapters.live_scope import Live

_BATCH: Final = 2_000


def scan(
    paths: tuple[str, ...],
    context: Context,
    progress: Progress,
    store: FindingStore | None = None,
    customization: Customization | None = None,
    live: "Live | None" = None,
) -> Outcome:
    """Read and judge everything below the paths, and what is live; with a store, keep what was found and in what."""
    customization = customization or Customization()
    context = customization.context(context)
    reader = _reader((*paths, *customization.settings.outside.groups), live, progress)
    outcome = Outcome(reader.reading)
    inventory = reader.inventory()
    if inventory is not None:
        context = replace(context, inventory=inventory)
    outcome.knows_home = knows_home(context)
    engine = Engine(context, customization.log_rules(LOG_RULES))
    window_rules = customization.window_rules(WINDOW_RULES)
    outcome.off = switched_off((*customization.log_rules(LOG_RULES), *window_rules), context)
    outcome.notes = customization.notes
    unasked: tuple[str, ...] = ()
    if store is None:
        windows = FileWindows(window_rules, context)
        unasked = windows.unasked
        later = _judge_logs(reader, outcome, engine, windows)
        for entry in in_order(later, Past(None, inventory)):
            verdict = engine.judge_entry(entry)
            windows.note(verdict)
            outcome.add(verdict)
        if windows.wanted:
            for part in reader.log_lines_again():
                windows.keep(part.block())
            outcome.add(windows.verdict())
    else:
        _store_logs(reader, outcome, engine, window_rules, store)
    if outcome.reading.entries:
        known = {item.rule_id for item in outcome.off}
        outcome.off += tuple(SwitchedOff(rule_id, (STORE,)) for rule_id in unasked if rule_id not in known)
        outcome.looked((*engine.log_rules, *window_rules))
    late = outcome.inventory = reader.inventory()
    if late is not None:
        from bindwatch.rules import INVENTORY_RULES  # with what they lean on, a third of the time to start

        at_rest = Engine(context, inventory_rules=customization.inventory_rules(INVENTORY_RULES))
        _judge_inventory(at_rest, late, outcome, store)
        if store is not None:
            keep_teams(late, customization.settings.team_of, store, seen_at=context.as_of)
        outcome.looked(at_rest.inventory_rules)
        outcome.named = late.canonical
    return outcome


def _reader(paths: tuple[str, ...], live: "Live | None", progress: Progress) -> InputReader:
    if live is None:
        return InputReader(paths, progress.at)
    from bindwatch.adapters.live_scope import LiveReader

    return LiveReader(paths, live, progress.at)


def _judge_logs(reader: InputReader, outcome: Outcome, engine: Engine, windows: FileWindows) -> list[LogEntry]:
    """Judge every entry, and let the window rules know of everything.

    Entries that do not say what they changed are given back instead: what was before them may come after them.
    """
    later: list[LogEntry] = []

    def seen(parts: Iterable[Item | Lines]) -> Iterator[LogBlock]:
        for part in parts:
            block = part.block()
            reader.reading.entries += len(block)
            windows.see(block)
            awaiting = [(place, entry) for place in telling_no_change(block) if (entry := _readable(block, place))]
            later.extend(entry for _, entry in awaiting)
            block.left_out = {place for place, _ in awaiting}
            yield block

    parts: Iterable[Item | Lines] = reader.log_lines()
    while True:
        for told in engine.judge_blocks(seen(parts)):
            if isinstance(told.said, InputError):
                _refuse(reader, told.file, told.line, told.text, told.said)
            else:
                windows.note(told.said)
                outcome.add(told.said)
        late = list(reader.late_lines())  # what was refused last may hold entries, too
        if not late:
            return later
        parts = late


def _readable(block: LogBlock, place: int) -> LogEntry | None:
    try:
        entry = block.entry(place)
        entry.rest  # noqa: B018 - reads it, or raises
    except InputError:  # told with its place by who judges it
        return None
    return entry


def _refuse(reader: InputReader, file: str, line: int, text: bytes, error: InputError) -> None:
    reader.reading.entries -= 1
    reader.refuse(file, line, text, error)


def _store_logs(
    reader: InputReader,
    outcome: Outcome,
    engine: Engine,
    window_rules: Sequence[Rule[WindowRow]],
    store: FindingStore,
) -> None:
    """Judge and keep every entry, then run the window rules over the time they span. Twice is as good as once."""
    batch: list[Delivery] = []
    span: list[datetime] = []
    later: list[LogEntry] = []
    for part in reader.log_lines():
        block = part.block()
        reader.reading.entries += len(block)
        awaiting = set(telling_no_change(block))
        for place in range(len(block)):
            try:
                entry, verdict = engine.judge_place(block, place)
                time = entry.time
            except InputError as error:
                _refuse(reader, block.file, block.first_line + place, block.line(place), error)
                continue
            if time is not None:
                span[:] = [min(span[0], time), max(span[1], time)] if span else [time, time]
            if place in awaiting:
                later.append(entry)
                continue
            origin = engine.context.outside.place(entry.caller_ip)
            batch.append(Delivery(entry, verdict, time or engine.context.as_of, origin))
            if len(batch) >= _BATCH:
                deliver(batch, store)
                batch.clear()
            if verdict:
                outcome.add(verdict)
    deliver(batch, store)
    compared = [
        Delivery(entry, engine.judge_entry(entry), entry.time or engine.context.as_of)
        for entry in in_order(later, Past(store, engine.context.inventory))
    ]
    deliver(compared, store)
    for delivery in compared:
        outcome.add(delivery.verdict)
    if span:
        until = span[1] + timedelta(seconds=1)
        store.roll_up_habits(span[0], until, now=engine.context.as_of)
        outcome.add(sweep_windows(store, window_rules, engine.context, until, since=span[0]))


def _judge_inventory(engine: Engine, inventory: Inventory, outcome: Outcome, store: FindingStore | None) -> None:
    outcome.reading.problems += [
        Problem(problem.file, problem.line, problem.field, problem.problem) for problem in inventory.problems
    ]
    for (kind, reason), count in inventory.skipped.items():
        outcome.reading.not_judged[f"{kind} ({reason})"] += count
    verdict = engine.judge_inventory(inventory)
    outcome.add(verdict)
    outcome.not_checked = verdict.not_checked
    if store is not None:
        now = engine.context.as_of
        run = begin_audit(store, scope="files", as_of=now, now=now, kind="scan")
        reconcile(run, inventory, verdict, engine.inventory_rules, store, now=now)
        finish_audit(run, store, now=now, subjects=outcome.reading.inventory_items)


def _told_apart(outcome: Outcome, customization: Customization, as_of: datetime) -> list[Standing]:
    """The findings that count; those that an exception mutes, and the exceptions that ran out, go to the outcome."""
    exemptions = customization.settings.exemptions
    outcome.expired = expired(exemptions, as_of)
    counting = []
    for row in outcome.tally.standing():
        exemption = exempting(row.finding, exemptions, as_of)
        if exemption is None:
            counting.append(row)
        else:
            outcome.muted.append((row, exemption))
    return counting


def _open_store(path: str | None) -> "AbstractContextManager[DuckDBStore | None]":
    if path is None:
        return nullcontext()
    from bindwatch.adapters.duckdb import DuckDBStore  # a quarter of a second, only where a store is asked for

    return DuckDBStore(path)


def _live(
    project: str | None, folder: str | None, organization: str | None, since: str | None, impersonate: str
) -> "Live | None":
    """What of Google Cloud is to be read; None where nothing is. Raises UsageError where that is not said well."""
    given = {"projects": project, "folders": folder, "organizations": organization}
    scopes = [f"{kind}/{name.removeprefix(f'{kind}/')}" for kind, name in given.items() if name]
    if not scopes:
        if since or impersonate:
            raise click.UsageError("--since and --impersonate go with --project, --folder or --organization")
        return None
    if len(scopes) > 1 or not is_scope(scopes[0]):
        raise click.UsageError("expected one of --project ID, --folder NUMBER, --organization NUMBER")
    from bindwatch.adapters.cloud_logging import authorized_post
    from bindwatch.adapters.google_apis import GoogleApis, credentials_as
    from bindwatch.adapters.live_scope import Live
    from bindwatch.cli.stored import moment

    credentials = credentials_as(impersonate)
    return Live(
        scopes[0],
        GoogleApis(credentials=credentials, share=1.0),
        authorized_post(credentials=credentials),
        since=moment(since) if since else None,
    )


@click.command(
    "scan",
    epilog="Example:  bindwatch scan logs.ndjson.gz export/ --fail-on high",
)
@click.argument("paths", nargs=-1, metavar="[PATH…]")
@click.option("--project", metavar="ID", help="Read this project live: its inventory, and what stands above it.")
@click.option("--folder", metavar="NUMBER", help="Read this folder live.")
@click.option("--organization", metavar="NUMBER", help="Read this organization live.")
@click.option("--since", metavar="7d|DATE", help="With those: also its audit logs in Cloud Logging, from then on.")
@click.option("--impersonate", default="", metavar="EMAIL", help="With those: ask as this service account.")
@output.format_options
@click.option(
    "--fail-on",
    type=click.Choice([severity.name.lower() for severity in Severity], case_sensitive=False),
    default="info",
    show_default=True,
    help="Exit 1 only for findings this severe or worse.",
)
@click.option("--trusted-domain", "domains", multiple=True, metavar="DOMAIN", help="A domain of yours; repeat it.")
@click.option("--settings", "settings_file", metavar="FILE", help="Your settings; default: ./bindwatch.toml, if there.")
@click.option("--as-of", type=MOMENT, metavar="DATE", help="Judge ages as of then (UTC); default: now.")
@click.option("--store", "store_path", metavar="FILE", help="Keep findings and activity in this DuckDB file.")
@roles_option
@click.option("-q", "--quiet", is_flag=True, help="No summary, no progress.")
@click.option("--no-color", is_flag=True, help="No colors; NO_COLOR does the same.")
def command(
    paths: tuple[str, ...],
    project: str | None,
    folder: str | None,
    organization: str | None,
    since: str | None,
    impersonate: str,
    form: str,
    outputs: tuple[tuple[str, str], ...],
    fail_on: str,
    domains: tuple[str, ...],
    settings_file: str | None,
    as_of: datetime | None,
    store_path: str | None,
    roles: str | None,
    quiet: bool,
    no_color: bool,
) -> int:
    """Findings of audit logs and inventories: files, directories or - for stdin, in any mix, told apart by content.

    With --project, --folder or --organization those of Google Cloud as they are now, read with your own credentials;
    `bindwatch permissions scan` says what that takes. What could not be read is said, and the exit code is 2.
    """
    live = _live(project, folder, organization, since, impersonate)
    if not paths and live is None:
        raise click.UsageError("name files to read, or --project, --folder or --organization")
    loaded = load(roles)
    context = Context(
        as_of=or_now(as_of),
        trusted_domains=frozenset(domain.lower() for domain in domains),
        catalogue=loaded.catalogue,
    )
    customization = load_customization(settings_file or "")
    progress = Progress(sys.stderr, quiet=quiet, paths=paths)
    with _open_store(store_path) as store:
        if store is not None and customization.file:
            from bindwatch.adapters.customization_mutes import keep_mutes

            keep_mutes(store, customization.settings.exemptions, now=datetime.now(UTC))
        outcome = scan(paths, context, progress, store, customization, live)
    outcome.roles = loaded.words(datetime.now(UTC))
    progress.done()
    standing = _told_apart(outcome, customization, context.as_of)
    output.write_findings(
        form,
        outputs,
        standing,
        outcome,
        at=context.as_of,
        paths=paths,
        fail_on=Severity[fail_on.upper()],
        color=not no_color,
    )
    if not quiet:
        sys.stderr.write(output.summary_text(standing, outcome))
    if not outcome.is_complete:
        return 2
    return int(any(row.finding.severity >= Severity[fail_on.upper()] for row in standing))
