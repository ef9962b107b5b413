"""`bindwatch explain`: what a principal can do and become, and through what; who can reach a resource."""

import json
import sys
from collections.abc import Iterator, Sequence
from datetime import datetime
from typing import Any, Final

import click

from bindwatch.access.explain import Explainer, HeldRole, PrincipalAnswer, Reached, ResourceAnswer, subject_of
from bindwatch.access.graph import AccessGraph, Hop, Removal
from bindwatch.adapters.customization_files import load_customization
from bindwatch.adapters.inputs import InputReader
from bindwatch.cli.drawing import Drawing
from bindwatch.cli.moment import MOMENT, or_now
from bindwatch.cli.progress import Progress
from bindwatch.cli.roles import load, roles_option
from bindwatch.cli.terminal import Paint, printable, wrapped
from bindwatch.inventory import Inventory
from bindwatch.knowledge.score import band
from bindwatch.model.change import RemoveBinding, remedy
from bindwatch.model.finding import Remediation, Severity
from bindwatch.model.resource import display
from bindwatch.rule import Context

FORMATS: Final = ("text", "json", "dot", "svg")
_SHOWN: Final = 10
_DRAWN: Final = 12
_RISK: Final = "Whatever works through this grant loses access at once; look at its use in the last 90 days first."
Answer = PrincipalAnswer | ResourceAnswer


@click.command("explain", epilog="Example:  bindwatch explain ada@example.com export/ --format svg > ada.svg")
@click.argument("subject", metavar="PRINCIPAL|RESOURCE")
@click.argument("paths", nargs=-1, required=True, metavar="PATH…")
@click.option("--format", "form", type=click.Choice(FORMATS), default="text", show_default=True)
@click.option("--trusted-domain", "domains", multiple=True, metavar="DOMAIN", help="A domain of yours; repeat it.")
@click.option("--as-of", type=MOMENT, metavar="DATE", help="Judge conditions as of then (UTC); default: now.")
@click.option("--all", "every", is_flag=True, help="All chains and roles in text, not the gravest alone.")
@click.option("--settings", "settings_file", metavar="FILE", help="Your settings; default: ./bindwatch.toml, if there.")
@roles_option
@click.option("-q", "--quiet", is_flag=True, help="No summary, no progress.")
@click.option("--no-color", is_flag=True, help="No colors; NO_COLOR does the same.")
def command(
    subject: str,
    paths: tuple[str, ...],
    form: str,
    domains: tuple[str, ...],
    as_of: datetime | None,
    every: bool,
    settings_file: str | None,
    roles: str | None,
    quiet: bool,
    no_color: bool,
) -> int:
    """What a principal can do and become, and through what; who can reach a resource or a service account.

    PRINCIPAL is a member (user:ada@example.com), an e-mail, or NS/KSA; RESOURCE a full or relative name, a project id,
    or gs://BUCKET. Exit 0: answered; 2: nothing in the input names it, or part of the input could not be read.
    """
    now = or_now(as_of)
    loaded = load(roles)
    progress = Progress(sys.stderr, quiet=quiet)
    customization = load_customization(settings_file or "")
    context = customization.context(Context(as_of=now, trusted_domains=frozenset(domain.lower() for domain in domains)))
    reader = InputReader((*paths, *customization.settings.outside.groups), progress.at)
    inventory = reader.inventory() or Inventory()
    progress.done()
    graph = AccessGraph(inventory, loaded.catalogue, now, context.trusted_domains)
    explainer = Explainer(inventory, graph)
    name, is_principal = subject_of(subject, inventory)
    most = 1_000 if every or form == "json" else _SHOWN if form == "text" else _DRAWN
    answer: Answer = explainer.principal(name, most) if is_principal else explainer.resource(name, most)
    match form:
        case "json":
            json.dump(answer_record(answer), sys.stdout, indent=2, ensure_ascii=True)
            sys.stdout.write("\n")
        case "dot":
            sys.stdout.write(drawing_of(answer).dot())
        case "svg":
            sys.stdout.write(drawing_of(answer).svg())
        case _:
            shown = 10_000 if every else _SHOWN
            sys.stdout.write("\n".join(_lines(answer, Paint(color=not no_color), shown)) + "\n")
    sys.stdout.flush()
    if not quiet:
        _summary(reader, loaded.words(now), answer, form)
    return 2 if reader.reading.problems or not answer.is_named else 0


def _summary(reader: InputReader, roles: str, answer: Answer, form: str) -> None:
    reading = reader.reading
    lines = [f"read {reading.files} files: {reading.inventory_items:,} inventory items", roles]
    if not answer.is_named:
        lines.append("nothing in the input names it: a misspelt name, or an input that does not hold it")
    if form in ("dot", "svg"):
        lines += [f"unknown: {text}" for text in answer.unknown]
    lines += [f"could not be read: {problem}" for problem in reading.problems[:20]]
    sys.stderr.write("".join(f"{printable(line)}\n" for line in lines))


# For a program


def answer_record(answer: Answer) -> dict[str, Any]:
    """An answer as plain fields; `unknown` is as much a part of it as what is known."""
    common = {
        "held": [_held_record(one) for one in answer.held],
        "reached_by": [_reached_record(one) for one in answer.reached_by],
        "unknown": list(answer.unknown),
        "named": answer.is_named,
    }
    if isinstance(answer, ResourceAnswer):
        return {"resource": answer.resource, "ancestors": list(answer.ancestors), **common}
    risky = answer.risky
    return {
        "principal": answer.principal.identity,
        "member": answer.principal.member,
        "kind": answer.principal.kind.value,
        "exposure": answer.exposure,
        "member_of": list(answer.sets),
        "score": risky.score if risky else 0,
        "own_score": risky.own_score if risky else 0,
        "severity": risky.severity.name if risky else Severity.INFO.name,
        "paths": [
            {"id": path.id, "class": path.cls, "permissions": list(path.permissions), "why": path.why}
            for path in (risky.paths if risky else ())
        ],
        "chain": [_hop_record(hop) for hop in (risky.chain if risky else ())],
        "becomes": [_reached_record(one) for one in answer.becomes],
        "removal": _removal_record(answer),
        **common,
    }


def _held_record(one: HeldRole) -> dict[str, Any]:
    return {
        "resource": one.resource,
        "role": one.role,
        "member": one.member,
        "via": one.via,
        "condition": one.condition,
        "known": one.is_known,
        "paths": [path.id for path in one.paths],
        "denied": [path.id for path in one.denied],
        "over": one.is_over,
        "out_of_bounds": one.is_out_of_bounds,
    }


def _hop_record(hop: Hop) -> dict[str, Any]:
    return {
        "from": hop.source,
        "to": hop.target,
        "path": hop.path.id,
        "why": hop.path.why,
        "resource": hop.resource,
        "grants": [
            {"resource": grant.resource, "role": grant.role, "condition": grant.expression} for grant in hop.grants
        ],
        "words": str(hop),
    }


def _reached_record(one: Reached) -> dict[str, Any]:
    return {
        "identity": one.identity,
        "score": one.score,
        "steps": len(one.hops),
        "hops": [_hop_record(hop) for hop in one.hops],
    }


def _removal_record(answer: PrincipalAnswer) -> dict[str, Any] | None:
    if answer.removal is None:
        return None
    fix = removal_of(answer.removal)
    return {
        "resource": answer.removal.grant.resource,
        "role": answer.removal.grant.role,
        "member": answer.removal.member,
        "score_after": answer.removal.score_after,
        "commands": list(fix.commands),
        "risk_of_fix": fix.risk_of_fix,
        "undo": list(fix.undo),
    }


def removal_of(removal: Removal) -> Remediation:
    """The removal of a grant as a command and its undo."""
    grant = removal.grant
    return remedy(
        f"Remove {grant.role} from {removal.member} on {display(grant.resource)}",
        RemoveBinding(grant.resource, grant.role, removal.member, grant.binding.condition),
        risk=_RISK,
    )


# For a person


def _lines(answer: Answer, paint: Paint, shown: int) -> list[str]:
    if isinstance(answer, ResourceAnswer):
        lines = [paint.strong(printable(f"{display(answer.resource)}")), f"  {printable(answer.resource)}", ""]
        lines += _section(paint, "Who holds a role here, or above", answer.held, shown, _holder_lines)
        lines += _section(paint, "Who can become one of them", answer.reached_by, shown, _reached_lines)
        return [*lines, *_unknown_lines(answer, paint)]
    risky = answer.risky
    score = (
        f"score {risky.score}, {risky.severity.name}; {risky.own_score} by itself" if risky else "no way up is known"
    )
    severity = risky.severity if risky else Severity.INFO
    lines = [
        paint.strong(printable(answer.principal.member)),
        f"  {answer.exposure}; {paint.severity(severity, score)}",
    ]
    if answer.sets:
        lines.append(wrapped(f"belongs to {', '.join(answer.sets)}", "  "))
    lines.append("")
    lines += _section(paint, "Holds", _gravest(answer.held), shown, _held_lines)
    if risky and risky.spot is not None:
        lines.append(paint.strong(f"Can do most on {printable(display(risky.spot.resource))}"))
        for path in risky.spot.paths[:shown]:
            lines.append(wrapped(f"{path.id}: {path.why}", "  "))
        if len(risky.spot.paths) > shown:
            lines.append(f"  and {len(risky.spot.paths) - shown} more ways (--all)")
        lines.append("")
    if risky and risky.chain:
        lines.append(paint.strong(f"The chain that decides the score, to {printable(risky.end)}"))
        lines += [wrapped(str(hop), "  ") for hop in risky.chain] + [""]
    lines += _section(paint, "Can become", answer.becomes, shown, _reached_lines)
    lines += _section(paint, "Who can become it", answer.reached_by, shown, _reached_lines)
    lines += _removal_lines(answer, paint)
    return [*lines, *_unknown_lines(answer, paint)]


def _gravest(held: Sequence[HeldRole]) -> list[HeldRole]:
    return sorted(held, key=lambda one: (one.is_known, -max((path.weight for path in one.paths), default=0.0)))


def _section(paint: Paint, title: str, items: Sequence[Any], shown: int, lines_of: Any) -> Iterator[str]:
    if not items:
        yield f"{paint.strong(title)}: nothing that is known"
        yield ""
        return
    yield paint.strong(f"{title} ({len(items)})")
    for item in items[:shown]:
        yield from lines_of(item, paint)
    if len(items) > shown:
        yield f"  and {len(items) - shown} more (--all)"
    yield ""


def _held_lines(one: HeldRole, paint: Paint) -> Iterator[str]:
    via = f", through {one.via}" if one.via else ""
    when = f", only if {one.condition}" if one.condition else ""
    yield wrapped(f"{one.role} on {display(one.resource)}{via}{when}{_weight(one)}", "  ")


def _holder_lines(one: HeldRole, paint: Paint) -> Iterator[str]:
    when = f", only if {one.condition}" if one.condition else ""
    yield wrapped(f"{one.member}: {one.role} on {display(one.resource)}{when}{_weight(one)}", "  ")


def _weight(one: HeldRole) -> str:
    if one.is_over:
        return " (its condition does not hold now: it grants nothing)"
    if one.is_out_of_bounds:
        return " (a principal access boundary keeps it out: it grants nothing)"
    if not one.is_known:
        return " (UNKNOWN: nobody knows what it allows)"
    words = []
    if one.paths:
        more = f" and {len(one.paths) - 3} more" if len(one.paths) > 3 else ""
        words.append(f"{', '.join(path.id for path in one.paths[:3])}{more}")
    if one.denied:
        more = f" and {len(one.denied) - 3} more" if len(one.denied) > 3 else ""
        words.append(f"a deny policy takes {', '.join(path.id for path in one.denied[:3])}{more}")
    return f" ({'; '.join(words)})" if words else ""


def _reached_lines(one: Reached, paint: Paint) -> Iterator[str]:
    steps = f"{len(one.hops)} step{'' if len(one.hops) == 1 else 's'}"
    yield f"  {paint.severity(band(one.score), printable(one.identity))}  score {one.score}, {steps}"
    for hop in one.hops:
        yield wrapped(str(hop), "      ")


def _removal_lines(answer: PrincipalAnswer, paint: Paint) -> list[str]:
    if answer.risky is None:
        return []
    if answer.removal is None:
        return [paint.strong("What to remove"), "  no single grant lowers the score: several ways lead to it", ""]
    fix = removal_of(answer.removal)
    return [
        paint.strong("What to remove"),
        wrapped(f"{fix.summary}: the score falls from {answer.risky.score} to {answer.removal.score_after}", "  "),
        *(f"    {printable(line)}" for line in fix.commands),
        wrapped(f"risk: {fix.risk_of_fix}", "  "),
        *(f"  undo: {printable(line)}" for line in fix.undo),
        "",
    ]


def _unknown_lines(answer: Answer, paint: Paint) -> list[str]:
    if not answer.unknown:
        return []
    return [
        paint.severity(Severity.HIGH, "Unknown, so the answer may lack something"),
        *(wrapped(f"? {text}", "  ") for text in answer.unknown),
        "",
    ]


# For the eye


def drawing_of(answer: Answer) -> Drawing:
    """The chains of an answer, and for a resource the roles that lead to it."""
    if isinstance(answer, ResourceAnswer):
        drawing = Drawing(answer.resource)
        for held in _gravest(answer.held)[:_DRAWN]:
            drawing.arrow(held.holder, answer.resource, held.role, f"on {display(held.resource)}")
    else:
        drawing = Drawing(answer.principal.identity)
        if answer.risky is not None:
            drawing.add(answer.risky.chain)
        for one in answer.becomes[:_DRAWN]:
            drawing.add(one.hops)
    for one in answer.reached_by[:_DRAWN]:
        drawing.add(one.hops)
    return drawing
