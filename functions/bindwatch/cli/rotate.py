"""`bindwatch rotate`: the safe way from one service account to its successor, or how to stop one now."""

import json
import sys
from datetime import datetime

import click

from bindwatch.adapters.diagnosis_inputs import read_inputs
from bindwatch.cli.moment import MOMENT, or_now
from bindwatch.cli.progress import Progress
from bindwatch.cli.roles import load, roles_option
from bindwatch.cli.terminal import Paint, printable, wrapped
from bindwatch.diagnosis.rotation import Plan, PlanStep, Usage, containment_plan, rotation_plan


@click.command("rotate", epilog="Example:  bindwatch rotate cart@shop-prod.iam.gserviceaccount.com collected/ logs/")
@click.argument("account", metavar="GSA")
@click.argument("paths", nargs=-1, required=True, metavar="PATH…")
@click.option("--contain", is_flag=True, help="The revocation now: tokens, keys, bindings. Its workloads stop.")
@click.option("--to", "successor", default="", metavar="EMAIL", help="The account that takes over; default: -v2.")
@roles_option
@click.option("--format", "form", type=click.Choice(["text", "json"]), default="text", show_default=True)
@click.option("--as-of", type=MOMENT, metavar="DATE", help="Plan as of then (UTC); default: now.")
@click.option("-q", "--quiet", is_flag=True, help="No progress.")
@click.option("--no-color", is_flag=True, help="No colors; NO_COLOR does the same.")
def command(
    account: str,
    paths: tuple[str, ...],
    contain: bool,
    successor: str,
    roles: str | None,
    form: str,
    as_of: datetime | None,
    quiet: bool,
    no_color: bool,
) -> int:
    """Plan the replacement of a service account: each step with its commands and its check. Changes nothing."""
    now = or_now(as_of)
    progress = Progress(sys.stderr, quiet=quiet)
    usage = Usage(account)
    inputs, reading = read_inputs(paths, now, load(roles).catalogue, progress.at, usage.add)
    progress.done()
    plan = containment_plan(inputs, account, usage) if contain else rotation_plan(inputs, account, usage, successor)
    if form == "json":
        json.dump(_record(plan), sys.stdout, indent=2)
        sys.stdout.write("\n")
    else:
        sys.stdout.write("\n".join(_lines(plan, Paint(color=not no_color))) + "\n")
    for problem in reading.problems[:20]:
        sys.stderr.write(f"could not be read: {printable(str(problem))}\n")
    return 2 if reading.problems else 0


def _record(plan: Plan) -> dict[str, object]:
    return {
        "account": plan.account,
        "successor": plan.successor or None,
        "steps": [
            {
                "title": step.title,
                "commands": [change.command() for change in step.changes],
                "undo": _undo(step),
                "checks": list(step.checks),
                "notes": list(step.notes),
            }
            for step in plan.steps
        ],
    }


def _undo(step: PlanStep) -> list[str]:
    undoing = [change.undo() for change in reversed(step.changes)]
    return [change.command() for change in undoing if change is not None]


def _lines(plan: Plan, paint: Paint) -> list[str]:
    lines = []
    for number, step in enumerate(plan.steps, 1):
        lines.append(paint.strong(f"{number}. {printable(step.title)}"))
        lines += [wrapped(note, "   ") for note in step.notes]
        lines += [f"   {printable(change.command())}" for change in step.changes]
        lines += [f"   check: {printable(check)}" for check in step.checks]
        if undo := _undo(step):
            lines += [paint.faint(f"   undo:  {printable(command)}") for command in undo]
        lines.append("")
    return lines
