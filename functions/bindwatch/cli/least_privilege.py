"""`bindwatch least-privilege`: what principals used of what they were given, and the roles that would do."""

import json
import sys
from collections import Counter
from collections.abc import Sequence
from datetime import datetime
from typing import Any, Final

import click

from bindwatch.access.explain import subject_of
from bindwatch.access.grants import catalogue_of
from bindwatch.access.rightsizing import Rightsizing, Sizing, Use, Verdict
from bindwatch.adapters.customization_files import load_customization
from bindwatch.adapters.inputs import InputReader
from bindwatch.adapters.uses import read_uses, stored_uses
from bindwatch.cli.moment import MOMENT, or_now
from bindwatch.cli.progress import Progress
from bindwatch.cli.roles import load, roles_option
from bindwatch.cli.terminal import Paint, printable, wrapped
from bindwatch.errors import ConfigError
from bindwatch.inventory import Inventory
from bindwatch.model.finding import Severity
from bindwatch.model.resource import display
from bindwatch.rule import Context

_COLOR: Final = {
    Verdict.UNUSED: Severity.HIGH,
    Verdict.NARROWER: Severity.MEDIUM,
    Verdict.NOT_OBSERVABLE: Severity.LOW,
    Verdict.CANNOT_TELL: Severity.LOW,
    Verdict.FITS: Severity.INFO,
}
_ORDER: Final = list(_COLOR)


@click.command(
    "least-privilege", epilog="Example:  bindwatch least-privilege logs/ export/ --principal ada@example.com"
)
@click.argument("paths", nargs=-1, required=True, metavar="PATH…")
@click.option("--principal", metavar="P", help="Only this principal: a member, an e-mail, or NS/KSA.")
@click.option("--store", "store_path", metavar="FILE", help="Use what this store kept of entries, besides the files.")
@click.option("--break-glass", "emergency", multiple=True, metavar="GLOB", help="An emergency account; repeat it.")
@click.option("--format", "form", type=click.Choice(["text", "json"]), default="text", show_default=True)
@click.option("--as-of", type=MOMENT, metavar="DATE", help="Judge conditions as of then (UTC); default: now.")
@click.option("--settings", "settings_file", metavar="FILE", help="Your settings; default: ./bindwatch.toml, if there.")
@roles_option
@click.option("-q", "--quiet", is_flag=True, help="No summary, no progress.")
@click.option("--no-color", is_flag=True, help="No colors; NO_COLOR does the same.")
def command(
    paths: tuple[str, ...],
    principal: str | None,
    store_path: str | None,
    emergency: tuple[str, ...],
    form: str,
    as_of: datetime | None,
    settings_file: str | None,
    roles: str | None,
    quiet: bool,
    no_color: bool,
) -> int:
    """What principals used of what they were given, and the fewest permissions that would do.

    Reads policies, and audit logs from files or a store. Where the needed logs are off it says not observable, never
    unused. Exit 1: something can be taken away; 2: part of the work could not be done.
    """
    now = or_now(as_of)
    loaded = load(roles)
    if not loaded.catalogue.complete:
        raise ConfigError(
            ["least privilege needs all permissions of all roles: run bindwatch roles sync, or give --roles FILE"]
        )
    progress = Progress(sys.stderr, quiet=quiet)
    customization = load_customization(settings_file or "")
    reader = InputReader((*paths, *customization.settings.outside.groups), progress.at)
    use = Use()
    read_uses(reader, use)
    if store_path:
        stored_uses(store_path, use, now)
    inventory = reader.inventory() or Inventory()
    progress.done()
    context = customization.context(Context(as_of=now, break_glass=emergency))
    sizing = Rightsizing(inventory, catalogue_of(inventory, loaded.catalogue), use, now, context.is_break_glass)
    member = subject_of(principal, inventory)[0] if principal else ""
    found = sorted(sizing.all(member), key=_rank)
    if form == "json":
        record = {"window": _window(use, sizing), "members": [sizing_record(one) for one in found]}
        json.dump(record, sys.stdout, indent=2, ensure_ascii=True)
        sys.stdout.write("\n")
    else:
        sys.stdout.write("\n".join(_lines(found, use, sizing, Paint(color=not no_color), every=bool(member))) + "\n")
    sys.stdout.flush()
    if not quiet:
        _summary(reader, loaded.words(now), found)
    if reader.reading.problems or not use.since or (principal and not found):
        return 2
    return int(any(one.remedy() is not None for one in found))


def _rank(one: Sizing) -> tuple[int, int, str, str]:
    return (_ORDER.index(one.verdict), -one.surplus, one.resource, one.member)


def _window(use: Use, sizing: Rightsizing) -> dict[str, Any]:
    return {
        "since": use.since,
        "until": use.until,
        "days": use.window.days,
        "shows_yearly_jobs": sizing.shows_yearly,
        "logs": [{"project": project, "log": log} for project, log in sorted(use.logs)],
    }


def sizing_record(one: Sizing) -> dict[str, Any]:
    """The judgement of one member on one resource as plain fields."""
    fix = one.remedy()
    return {
        "resource": one.resource,
        "member": one.member,
        "roles": list(one.roles),
        "verdict": one.verdict.value,
        "confidence": one.confidence.value,
        "used": list(one.used),
        "used_days": one.used_days,
        "last_used": one.last_used,
        "unused_permissions": one.surplus,
        "instead": [
            {
                "resource": place.resource,
                "roles": list(place.cover.roles),
                "extra": list(place.cover.extra),
                "minimal": place.cover.exact,
                "custom_role_permissions": list(place.used),
            }
            for place in one.places
        ],
        "not_observable": [
            {"service": item.service, "log_types": list(item.log_types), "permissions": list(item.permissions)}
            for item in one.blind
        ],
        "notes": list(one.notes),
        "remediation": {
            "summary": fix.summary,
            "commands": list(fix.commands),
            "terraform": fix.terraform,
            "risk_of_fix": fix.risk_of_fix,
            "undo": list(fix.undo),
        }
        if fix
        else None,
    }


def _lines(found: Sequence[Sizing], use: Use, sizing: Rightsizing, paint: Paint, *, every: bool) -> list[str]:
    lines = []
    if use.since:
        lines.append(f"Logs of {use.window.days} days: {printable(use.since)} to {printable(use.until)}")
        if not sizing.shows_yearly:
            lines.append("Shorter than a year: what runs once a year, or in an emergency, would look unused.")
    else:
        lines.append(paint.severity(Severity.HIGH, "No audit log entry was read, so nothing can be said of use."))
    lines.append("")
    for one in found:
        if one.verdict is Verdict.FITS and not every:
            continue
        lines += _sizing_lines(one, paint)
    return lines


def _sizing_lines(one: Sizing, paint: Paint) -> list[str]:
    head = f"{one.member}: {', '.join(one.roles)} on {display(one.resource)}"
    verdict = f"{one.verdict.value}, confidence {one.confidence.value}"
    lines = [f"{paint.severity(_COLOR[one.verdict], '●')} {paint.strong(printable(head))}"]
    lines.append(f"  {paint.severity(_COLOR[one.verdict], verdict)}")
    if one.used:
        lines.append(
            wrapped(
                f"used {len(one.used)} permissions on {one.used_days} days, last {one.last_used}; "
                f"{one.surplus:,} were not used",
                "  ",
            )
        )
    for place in one.places:
        roles = ", ".join(place.cover.roles)
        proof = "none has fewer" if place.cover.exact else "the best that was found"
        extra = len(place.cover.extra)
        lines.append(
            wrapped(f"instead: {roles} on {display(place.resource)}, {extra} extra permissions ({proof})", "  ")
        )
        if place.cover.extra:
            lines.append(wrapped(f"or a custom role of exactly: {', '.join(place.used)}", "  "))
    lines += [wrapped(f"note: {note}", "  ") for note in one.notes]
    lines += [wrapped(f"not observable: {item}", "  ") for item in one.blind[:5]]
    if len(one.blind) > 5:
        lines.append(f"  and {len(one.blind) - 5} more APIs (--format json lists all)")
    fix = one.remedy()
    if fix is not None:
        lines += [f"    {printable(line)}" for line in fix.commands]
        lines.append(wrapped(f"risk: {fix.risk_of_fix}", "  "))
        lines += [f"  undo: {printable(line)}" for line in fix.undo]
        if fix.terraform:
            lines += ["  terraform:", *(f"    {printable(line)}" for line in fix.terraform.splitlines())]
    return [*lines, ""]


def _summary(reader: InputReader, roles: str, found: Sequence[Sizing]) -> None:
    reading = reader.reading
    counts = Counter(one.verdict for one in found)
    told = ", ".join(f"{counts[verdict]} {verdict.value}" for verdict in _ORDER if counts[verdict])
    lines = [
        f"{len(found)} members on resources: {told or 'none'}",
        f"read {reading.files} files: {reading.entries:,} log entries, {reading.inventory_items:,} inventory items",
        roles,
        *(f"could not be read: {problem}" for problem in reading.problems[:20]),
    ]
    sys.stderr.write("".join(f"{printable(line)}\n" for line in lines))
