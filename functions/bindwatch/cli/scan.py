"""`bindwatch scan`: findings of audit logs and inventories on disk."""

import sys
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime

import click

from bindwatch.adapters.files import Item, Problem
from bindwatch.adapters.inputs import InputReader, Reading
from bindwatch.cli import output
from bindwatch.cli.progress import Progress
from bindwatch.engine import Engine, NotChecked, RuleFailure
from bindwatch.errors import InputError
from bindwatch.inventory import Inventory
from bindwatch.model.finding import Severity
from bindwatch.rule import Context
from bindwatch.rules import INVENTORY_RULES, LOG_RULES
from bindwatch.tally import Tally


@dataclass
class Outcome:
    """What a scan found, read, and could not do."""

    reading: Reading
    tally: Tally = field(default_factory=Tally)
    failures: list[RuleFailure] = field(default_factory=list)
    not_checked: tuple[NotChecked, ...] = ()

    @property
    def is_complete(self) -> bool:
        """Whether all of the work was done."""
        return not self.reading.problems and not self.failures


def scan(paths: tuple[str, ...], context: Context, progress: Progress) -> Outcome:
    """Read and judge everything below the paths."""
    reader = InputReader(paths, progress.at)
    outcome = Outcome(reader.reading)
    inventory = reader.inventory()
    if inventory is not None:
        context = replace(context, inventory=inventory)
    engine = Engine(context, LOG_RULES, INVENTORY_RULES)
    _judge_logs(engine, reader, outcome)
    late = reader.inventory()
    if late is not None:
        _judge_inventory(engine, late, outcome)
    return outcome


def _judge_logs(engine: Engine, reader: InputReader, outcome: Outcome) -> None:
    judge, add, reading = engine.judge_line, outcome.tally.add, reader.reading
    for part in reader.log_lines():
        first, lines = (part.line, [part.text]) if isinstance(part, Item) else (part.first_line, part.lines)
        refused = 0
        for offset, line in enumerate(lines):
            try:
                verdict = judge(line)
            except InputError as error:
                refused += 1
                reader.refuse(part.file, first + offset, line, error)
                continue
            if verdict:
                add(verdict.findings)
                outcome.failures += verdict.failures
        reading.entries += len(lines) - refused


def _judge_inventory(engine: Engine, inventory: Inventory, outcome: Outcome) -> None:
    outcome.reading.problems += [
        Problem(problem.file, problem.line, problem.field, problem.problem) for problem in inventory.problems
    ]
    for (kind, reason), count in inventory.skipped.items():
        outcome.reading.not_judged[f"{kind} ({reason})"] += count
    verdict = engine.judge_inventory(inventory)
    outcome.tally.add(verdict.findings)
    outcome.failures += verdict.failures
    outcome.not_checked = verdict.not_checked


@click.command("scan", epilog="Example:  bindwatch scan logs.ndjson.gz export/ --fail-on high")
@click.argument("paths", nargs=-1, required=True, metavar="PATH…")
@click.option("--format", "form", type=click.Choice(output.FORMATS), default="text", show_default=True)
@click.option(
    "--fail-on",
    type=click.Choice([severity.name.lower() for severity in Severity], case_sensitive=False),
    default="info",
    show_default=True,
    help="Exit 1 only for findings this severe or worse.",
)
@click.option("--trusted-domain", "domains", multiple=True, metavar="DOMAIN", help="A domain of yours; repeat it.")
@click.option("--as-of", type=click.DateTime(), help="Judge ages as of this moment (UTC); default: now.")
@click.option("-q", "--quiet", is_flag=True, help="No summary, no progress.")
@click.option("--no-color", is_flag=True, help="No colors; NO_COLOR does the same.")
def command(
    paths: tuple[str, ...],
    form: str,
    fail_on: str,
    domains: tuple[str, ...],
    as_of: datetime | None,
    quiet: bool,
    no_color: bool,
) -> int:
    """Findings of audit logs and inventories: files, directories or - for stdin, in any mix, told apart by content."""
    context = Context(
        as_of=as_of.replace(tzinfo=UTC) if as_of else datetime.now(UTC),
        trusted_domains=frozenset(domain.lower() for domain in domains),
    )
    progress = Progress(sys.stderr, quiet=quiet)
    outcome = scan(paths, context, progress)
    progress.done()
    standing = outcome.tally.standing()
    output.write(form, standing, outcome, color=not no_color, quiet=quiet)
    if not outcome.is_complete:
        return 2
    return int(any(row.finding.severity >= Severity[fail_on.upper()] for row in standing))
