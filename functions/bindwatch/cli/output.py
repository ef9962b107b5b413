"""How findings are told to a person, and what a scan came to as plain fields; other forms: `bindwatch.cli.formats`."""

import sys
from collections import Counter
from collections.abc import Callable, Hashable, Iterable, Iterator, Mapping, Sequence
from datetime import datetime
from functools import cache
from pathlib import Path
from typing import Any, Final, overload

import click

from bindwatch.adapters.places import Place, find_places
from bindwatch.cli import formats
from bindwatch.cli.outcome import STORE, Outcome
from bindwatch.cli.terminal import Paint, height, printable, wrapped
from bindwatch.cli.together import fix_of, together
from bindwatch.customization.exemptions import Exemption
from bindwatch.engine import NotChecked
from bindwatch.model import resource
from bindwatch.model.finding import AssetRef, Finding, LogRef, Severity
from bindwatch.model.record import finding_record
from bindwatch.tally import Standing

_MOST_PROBLEMS: Final = 20
_MOST_KINDS: Final = 5
_ID: Final = 8
"""As much of an id as tells findings apart; `show` and the others take the beginning of one."""


def format_options(command: Any) -> Any:
    """The options by which a command is told how to write findings."""
    command = click.option(
        "--output",
        "outputs",
        multiple=True,
        metavar="FORMAT=FILE",
        callback=_outputs,
        help="Write them to a file as well; repeat it.",
    )(command)
    return click.option("--format", "form", type=click.Choice(formats.FORMATS), default="text", show_default=True)(
        command
    )


def _outputs(context: click.Context, parameter: click.Parameter, given: tuple[str, ...]) -> tuple[tuple[str, str], ...]:
    pairs = []
    for text in given:
        form, equals, file = text.partition("=")
        if not equals or not file or form not in formats.FORMATS:
            raise click.BadParameter(f"{text!r}: expected FORMAT=FILE, with one of {', '.join(formats.FORMATS)}")
        pairs.append((form, file))
    return tuple(pairs)


def write(
    form: str,
    outputs: Iterable[tuple[str, str]],
    render: Callable[[str, Paint], Iterable[str]],
    *,
    pager: bool = False,
) -> None:
    """What `render` makes of a form: to stdout in the format asked for, and to files without colors.

    With `pager`, text that is longer than the terminal goes through the user's pager.
    """
    for name, file in outputs:
        try:
            with Path(file).open("w", encoding="utf-8", newline="") as stream:
                stream.writelines(render(name, Paint(color=False)))
        except OSError as error:
            raise click.BadParameter(f"{file} cannot be written: {error.strerror}", param_hint="--output") from error
    text = render(form, Paint(color=True))
    if pager and form == "text" and sys.stdout.isatty():
        text = "".join(text)
        if text.count("\n") >= height():
            click.echo_via_pager(text)
            return
    sys.stdout.writelines(text)
    sys.stdout.flush()


def write_findings(
    form: str,
    outputs: Sequence[tuple[str, str]],
    standing: Sequence[Standing],
    outcome: Outcome,
    *,
    at: datetime,
    paths: Sequence[str],
    fail_on: Severity,
    color: bool,
) -> None:
    """The findings of a scan, as `write` does."""

    @cache
    def results(*, located: bool) -> formats.Results:
        findings = [*(row.finding for row in standing), *(row.finding for row, _ in outcome.muted)]
        places = find_places(paths, findings, outcome.named) if located else {}
        return results_of(standing, outcome, at=at, places=places, fail_on=fail_on)

    def render(name: str, paint: Paint) -> Iterable[str]:
        if name == "text":
            return findings_text(standing, paint if color else Paint(color=False))
        return formats.write(name, results(located=name in formats.WITH_PLACES))

    write(form, outputs, render)


def results_of(
    standing: Sequence[Standing],
    outcome: Outcome,
    *,
    at: datetime,
    places: Mapping[str, Place],
    fail_on: Severity,
    command: str = "scan",
    notes: Sequence[str] = (),
) -> formats.Results:
    """What a command on files came to, ready for any form."""
    return formats.Results(
        findings=_Records(standing),
        at=at,
        muted=[standing_record(row) | {"mute": mute_record(mute)} for row, mute in outcome.muted],
        summary=summary_record(outcome),
        rules=outcome.rules,
        places=places,
        fail_on=fail_on,
        command=command,
        notes=notes,
    )


class _Records(Sequence[dict[str, Any]]):
    """Findings as plain fields, made when they are read: all at once they weigh more than all that was judged."""

    def __init__(self, standing: Sequence[Standing]) -> None:
        self._standing = standing

    def __len__(self) -> int:
        return len(self._standing)

    def __iter__(self) -> Iterator[dict[str, Any]]:
        return map(standing_record, self._standing)

    @overload
    def __getitem__(self, index: int) -> dict[str, Any]: ...
    @overload
    def __getitem__(self, index: slice) -> "_Records": ...
    def __getitem__(self, index: int | slice) -> "dict[str, Any] | _Records":
        if isinstance(index, slice):
            return _Records(self._standing[index])
        return standing_record(self._standing[index])


def standing_record(row: Standing) -> dict[str, Any]:
    """A finding as it stands, as plain fields."""
    return finding_record(row.finding) | {
        "first_seen": row.first_seen,
        "last_seen": row.last_seen,
        "count": row.count,
    }


def mute_record(mute: Exemption) -> dict[str, Any]:
    """The exception that mutes a finding, as plain fields."""
    return {
        "owner": mute.owner,
        "reason": mute.reason,
        "expires": mute.expires.isoformat().replace("+00:00", "Z"),
        "place": mute.place,
    }


def summary_record(outcome: Outcome) -> dict[str, Any]:
    """What was read, judged and left out, as plain fields."""
    reading = outcome.reading
    return {
        "complete": outcome.is_complete,
        "files": reading.files,
        "entries": reading.entries,
        "inventory_items": reading.inventory_items,
        "roles": outcome.roles,
        "not_judged": dict(reading.not_judged),
        "skipped": [{"file": item.file, "reason": item.reason} for item in reading.skipped],
        "problems": [
            {"file": item.file, "line": item.line, "field": item.field, "problem": item.problem}
            for item in reading.problems
        ],
        "rule_failures": [
            {"rule_id": failure.rule_id, "source": failure.source_key, "error": failure.error}
            for failure in outcome.failures
        ],
        "expired_exceptions": [mute_record(mute) | {"exception": str(mute)} for mute in outcome.expired],
        "off": [{"rule_id": item.rule_id, "lacks": list(item.lacks)} for item in outcome.off],
        "notes": list(outcome.notes),
        "not_checked": [
            {"rule_id": item.rule_id, "missing": [str(coverage) for coverage in item.missing]}
            for item in outcome.not_checked
        ],
    }


def findings_text(standing: Sequence[Standing], paint: Paint) -> Iterator[str]:
    """Findings as a person reads them, under their severities; those that one fix settles under the worst of them."""
    groups = together((row, _fix_of(row.finding)) for row in standing)
    counts = Counter(row.finding.severity for row in standing)
    above = Counter(row.finding.severity for group in groups for row in group[1:])
    severity: Severity | None = None
    for group in groups:
        first = group[0].finding
        if first.severity is not severity:
            severity = first.severity
            told = f" {counts[severity]}" + (
                f", {above[severity]} shown under others with the same fix" if above[severity] else ""
            )
            yield paint.severity(severity, f" {severity.name} ") + paint.faint(told) + "\n\n"
        yield "\n".join(finding_lines(group[0], paint, group[1:])) + "\n\n"


def _fix_of(finding: Finding) -> Hashable | None:
    return fix_of(finding.resource_name, finding.remediation.commands) if finding.remediation else None


def finding_lines(row: Standing, paint: Paint, also: Sequence[Standing] = ()) -> list[str]:
    """One finding as a person reads it: what, on what, who, why, and the fix to paste; `also` are settled by it."""
    finding = row.finding
    lines = [f"{paint.severity(finding.severity, '●')} {paint.strong(printable(finding.title))}"]
    lines.append(_field("on", printable(_resource_words(finding))))
    if finding.principal:
        lines.append(_field("who", printable(finding.principal)))
    lines.append(_field("when", printable(_when(row))))
    if finding.score is not None:
        lines.append(_field("score", str(finding.score)))
    if finding.cause:
        lines.append(_field("cause", printable(finding.cause)))
    if finding.explanation:
        lines.append(_field("why", wrapped(finding.explanation, " " * 10).lstrip()))
    lines += [_field("note", wrapped(note, " " * 10).lstrip()) for note in finding.notes]
    if finding.remediation:
        fix = finding.remediation
        lines.append(_field("fix", wrapped(fix.summary, " " * 10).lstrip()))
        lines += [f"            {printable(command)}" for command in fix.commands]
        if fix.risk_of_fix:
            lines.append(_field("risk", wrapped(fix.risk_of_fix, " " * 10).lstrip()))
        if undo := fix.undo:
            lines.append(_field("undo", printable(undo[0])))
            lines += [f"            {printable(command)}" for command in undo[1:]]
    for number, other in enumerate(also):
        known = other.finding
        words = f"{known.severity.name} {known.rule_id} ({known.finding_id[:_ID]}): {known.title}"
        lines.append(_field("" if number else "also", wrapped(words, " " * 10).lstrip()))
    lines.append(paint.faint(_field("rule", f"{finding.rule_id}  {finding.category.value}  {finding.finding_id}")))
    lines += [paint.faint(_field("see", printable(_source_words(source)))) for source in finding.evidence[:1]]
    return lines


def _field(name: str, value: str) -> str:
    return f"  {name:<7} {value}"


def _resource_words(finding: Finding) -> str:
    words = resource.display(finding.resource_name)
    return f"{words} (project {finding.project})" if finding.project and finding.project not in words else words


def _when(row: Standing) -> str:
    if row.count > 1 and row.first_seen != row.last_seen:
        return f"{row.first_seen} to {row.last_seen}, {row.count} times"
    return row.last_seen


def _source_words(source: LogRef | AssetRef) -> str:
    return source.url if isinstance(source, LogRef) else source.asset


def _mute_words(mute: Exemption) -> str:
    return f"{mute.owner}, until {mute.expires:%Y-%m-%d}: {mute.reason}"


def _by_missing(items: Iterable[NotChecked]) -> dict[str, list[str]]:
    """The rules by what they lack, which is mostly the same for several."""
    found: dict[str, list[str]] = {}
    for item in items:
        found.setdefault("; ".join(map(str, item.missing)), []).append(item.rule_id)
    return found


def summary_text(standing: Sequence[Standing], outcome: Outcome) -> str:
    """The summary for a person: what was found, what was read, and what could not be looked at."""
    reading = outcome.reading
    counts = Counter(row.finding.severity for row in standing)
    found = ", ".join(f"{counts[level]} {level.name}" for level in sorted(Severity, reverse=True) if counts[level])
    lines = [
        f"{len(standing)} findings" + (f": {found}" if found else ""),
        (
            f"read {reading.files} files: {reading.entries:,} audit log entries, "
            f"{reading.inventory_items:,} inventory items"
        ),
    ]
    if outcome.muted:
        lines.append(f"muted by exceptions: {len(outcome.muted)} findings")
        lines += [
            f"  {row.finding.severity.name} {printable(row.finding.title)} ({printable(_mute_words(mute))})"
            for row, mute in outcome.muted
        ]
    if outcome.expired:
        lines.append(f"exceptions that have run out: {len(outcome.expired)}; what they muted counts again")
        lines += [f"  {printable(mute.place)}: {printable(str(mute))}" for mute in outcome.expired]
    if outcome.roles and reading.inventory_items:
        lines.append(printable(outcome.roles))
    if reading.not_judged:
        lines.append(f"not judged: {sum(reading.not_judged.values()):,} items of kinds that say nothing of identity:")
        common = reading.not_judged.most_common(_MOST_KINDS)
        lines += [f"  {count:,} {printable(what)}" for what, count in common]
        if len(reading.not_judged) > _MOST_KINDS:
            lines.append(f"  and {len(reading.not_judged) - _MOST_KINDS} more kinds (--format json lists all)")
    lines += [
        f"skipped: {printable(item.file)} ({printable(item.reason)})" for item in reading.skipped[:_MOST_PROBLEMS]
    ]
    if outcome.not_checked:
        lines.append(f"could not look: {len(outcome.not_checked)} rules lack an input")
        for missing, rules in _by_missing(outcome.not_checked).items():
            lines += [f"  {printable(missing)}", wrapped(", ".join(rules), "    ")]
    if reading.entries and not outcome.knows_home:
        lines.append("not known: which domains are yours, so accounts of other companies pass for colleagues;")
        lines.append("  name yours with --trusted-domain, or as trusted_domains in the settings")
    if outcome.off:
        stored = [item for item in outcome.off if STORE in item.lacks]
        lists = [item for item in outcome.off if item not in stored]
        fields = sorted({f"[outside].{name}" for item in lists for name in item.lacks})
        for off, want in (
            (lists, f"{', '.join(fields)} in the settings"),
            (stored, f"a store that keeps what happened ({STORE} FILE)"),
        ):
            if off:
                lines.append(f"off: {len(off)} rules, for want of {want}")
                lines.append(wrapped(", ".join(item.rule_id for item in off), "  "))
    lines += [f"not used: {printable(note)}" for note in outcome.notes]
    if reading.problems:
        lines.append(f"could not be read: {len(reading.problems)}")
        lines += [f"  {printable(str(problem))}" for problem in reading.problems[:_MOST_PROBLEMS]]
        if len(reading.problems) > _MOST_PROBLEMS:
            lines.append(f"  and {len(reading.problems) - _MOST_PROBLEMS} more (--format json lists all)")
    if outcome.failures:
        lines.append(f"rules that failed: {len(outcome.failures)}. What they look for was not looked for:")
        lines += [
            f"  {item.rule_id} on {printable(item.source_key)}: {printable(item.error)}"
            for item in outcome.failures[:20]
        ]
    return "\n".join(lines) + "\n"
