"""`bindwatch what-if`: the findings and ways up that a plan or a policy would bring, and those it would end."""

import json
import sys
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any, Final

import click

from bindwatch.adapters.customization_files import load_customization
from bindwatch.adapters.files import Problem, Skipped
from bindwatch.adapters.inputs import InputReader
from bindwatch.adapters.places import Place, find_in_terraform
from bindwatch.cli import formats, output
from bindwatch.cli.moment import MOMENT, or_now
from bindwatch.cli.outcome import Outcome
from bindwatch.cli.progress import Progress
from bindwatch.cli.roles import load, roles_option
from bindwatch.cli.terminal import Paint, printable, wrapped
from bindwatch.customization.customization import Customization
from bindwatch.customization.exemptions import exempting
from bindwatch.engine import Engine, Verdict
from bindwatch.errors import InputError
from bindwatch.inventory import Inventory
from bindwatch.model.finding import Finding, Severity
from bindwatch.model.resource import display
from bindwatch.proposal import Step, Unknown, read_plan, steps_of_documents, take_effect
from bindwatch.proposal.edits import GrantRole, RevokeRole, SetHolders, resource_of
from bindwatch.rule import Context, Rule
from bindwatch.rules import INVENTORY_RULES
from bindwatch.tally import Standing, Tally

if TYPE_CHECKING:
    from bindwatch.access.difference import Chain, PrincipalChange

_SHOWN: Final = 10
_FEW: Final = 2_000
"""Of rules with as many findings or fewer these are kept; the others are asked again for those that end or change."""
_NO_INVENTORY: Final = (
    "NO INVENTORY WAS GIVEN: only what the plan itself shows was judged. Who already holds what, what lies above and "
    "who can become whom beyond the plan is not known; name an export with --inventory."
)


@dataclass
class Proposal:
    """What was read as the proposal."""

    steps: list[Step] = field(default_factory=list)
    not_read: dict[str, int] = field(default_factory=dict)
    not_understood: list[str] = field(default_factory=list)
    problems: list[Problem] = field(default_factory=list)
    skipped: list[Skipped] = field(default_factory=list)


@dataclass
class Answer:
    """What a proposal would change. `worse` and `better` are pairs of a finding before and after."""

    steps: Sequence[Step]
    appears: list[Standing] = field(default_factory=list)
    vanishes: list[Standing] = field(default_factory=list)
    worse: list[tuple[Standing, Standing]] = field(default_factory=list)
    better: list[tuple[Standing, Standing]] = field(default_factory=list)
    stays: int = 0
    paths: "tuple[PrincipalChange, ...]" = ()
    unknown: list[Unknown] = field(default_factory=list)
    assumed: list[str] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)
    by: dict[str, tuple[str, ...]] = field(default_factory=dict)
    """For each finding the addresses in the plan that bring or end it."""


def read_proposal(paths: Sequence[str], resources: Sequence[str]) -> Proposal:
    """Read plans, policies and any other documents of an inventory as what is proposed.

    `resources` are the names of those whose policies do not say whose they are, in the order of the files.
    """
    proposal = Proposal()
    reader = InputReader(tuple(paths), resources=tuple(resources), plans=True)
    for item in reader.plans:
        try:
            plan = read_plan(item.value, file=item.file)
        except InputError as error:
            proposal.problems.append(Problem(item.file, item.line, error.field, error.problem))
            continue
        proposal.steps += plan.steps
        proposal.not_understood += plan.not_understood
        for kind, count in plan.not_read.items():
            proposal.not_read[kind] = proposal.not_read.get(kind, 0) + count
    proposed = reader.inventory()
    if proposed is not None:
        proposal.steps += steps_of_documents(proposed)
        proposal.problems += [Problem(item.file, item.line, item.field, item.problem) for item in proposed.problems]
        for note in proposed.notes:
            if "does not say whose it is" in note:
                file, _, problem = note.partition(": ")
                proposal.problems.append(Problem(file, 0, "", f"{problem}; name the resource with --resource"))
    proposal.problems += reader.reading.problems
    proposal.skipped += reader.reading.skipped
    for what, count in reader.reading.not_judged.items():
        proposal.not_read[what] = proposal.not_read.get(what, 0) + count
    if not reader.plans and proposed is None and not proposal.problems:
        what = "no plan (terraform show -json PLANFILE prints one) and no policy in it"
        proposal.problems.append(Problem(", ".join(paths), 0, "", what))
    if resources and len(resources) > reader.resources_used:
        raise click.UsageError("--resource names more resources than there are policies that need a name")
    return proposal


def compare(
    inventory: Inventory, proposal: Proposal, context: Context, customization: Customization
) -> tuple[Answer, Verdict]:
    """Judge the inventory as it is and as it would be. The verdict is that on what would be, without its findings.

    Most findings are the same before and after. Of those before, only how much each weighs is kept until the others are
    known; what ends or changes of rules with very many is found anew.
    """
    from bindwatch.access.difference import changes
    from bindwatch.access.graph import graph_of

    effect = take_effect(inventory, proposal.steps)
    rules = customization.inventory_rules(INVENTORY_RULES)
    graphs = [graph_of(effect.before, context.catalogue, context.as_of, context.trusted_domains)]
    weights: dict[bytes, tuple[int, Severity]] = {}
    few: dict[bytes, Standing] = {}
    for number, findings in _judged(effect.before, rules, context, []):
        weights.update((key, (number, severity)) for key, severity in _heaviest(findings).items())
        if len(findings) <= _FEW:
            few |= _standing(findings)
    effect.before.forget()
    verdicts: list[Verdict] = []
    coming: dict[bytes, Standing] = {}
    answer = Answer(steps=[step for step in proposal.steps if step.is_change])
    for _, findings in _judged(effect.after, rules, context, verdicts):
        changed = set()
        for key, severity in _heaviest(findings).items():
            if key in weights and weights[key][1] == severity:
                del weights[key]
                answer.stays += 1
            else:
                changed.add(key)
        coming |= _standing(finding for finding in findings if changed and _key(finding) in changed)
    effect.after.forget()
    graphs.append(graph_of(effect.after, context.catalogue, context.as_of, context.trusted_domains))
    numbers = {number for key, (number, _) in weights.items() if key not in few}
    again = [rule for number, rule in enumerate(rules) if number in numbers]
    before = {key: few[key] for key in weights if key in few}
    for _, findings in _judged(effect.before, again, context, []):
        before |= _standing(finding for finding in findings if _key(finding) in weights)
    for key, row in sorted(coming.items(), key=lambda item: _worst_first(item[1])):
        was = before.get(key)
        if was is None:
            answer.appears.append(row)
        else:
            worse = row.finding.severity > was.finding.severity
            (answer.worse if worse else answer.better).append((was, row))
    answer.vanishes = sorted((row for key, row in before.items() if key not in coming), key=_worst_first)
    answer.paths = changes(graphs[0], graphs[1])
    for step in proposal.steps:
        answer.unknown += step.unknown
        answer.assumed += [f"{step.address}: {text}" for text in step.assumed]
    answer.unknown += [
        Unknown(address, "a kind of resource that is about access and is not read here")
        for address in proposal.not_understood
    ]
    answer.unknown += [
        Unknown(role, f"nobody knows what this role allows; {count} bindings would be of it")
        for role, count in graphs[1].unknown_roles.items()
        if count > graphs[0].unknown_roles.get(role, 0)
    ]
    if not inventory:
        answer.notes.append(_NO_INVENTORY)
    else:
        answer.notes += [
            f"the inventory has no policy of {display(name)}: of it, only what the plan shows was judged"
            for name in effect.lacking
        ]
    moved = [*answer.appears, *answer.vanishes, *(row for _, row in (*answer.worse, *answer.better))]
    for row in moved:
        answer.by[row.finding.finding_id] = _addresses(row.finding, answer.steps, effect.after)
    failures = tuple(failure for verdict in verdicts for failure in verdict.failures)
    not_checked = tuple(item for verdict in verdicts for item in verdict.not_checked)
    return answer, Verdict((), failures, not_checked)


def _judged(
    inventory: Inventory, rules: Sequence[Rule[Inventory]], context: Context, verdicts: list[Verdict]
) -> Iterator[tuple[int, tuple[Finding, ...]]]:
    """What is found, rule by rule, with the number of the rule; `verdicts` gets what else each rule says."""
    seeing = replace(context, inventory=inventory)
    for number, rule in enumerate(rules):
        verdict = Engine(seeing, (), (rule,)).judge_inventory(inventory)
        verdicts.append(Verdict((), verdict.failures, verdict.not_checked))
        findings = verdict.findings
        del verdict
        yield number, findings


def _heaviest(findings: Iterable[Finding]) -> dict[bytes, Severity]:
    """How much each finding weighs, of those that are found twice the worse."""
    found: dict[bytes, Severity] = {}
    for finding in findings:
        key = _key(finding)
        found[key] = max(finding.severity, found.get(key, finding.severity))
    return found


def _standing(findings: Iterable[Finding]) -> dict[bytes, Standing]:
    tally = Tally()
    tally.add(findings)
    return {_key(row.finding): row for row in tally.standing()}


def _key(finding: Finding) -> bytes:
    return bytes.fromhex(finding.finding_id)


def _worst_first(row: Standing) -> tuple[object, ...]:
    finding = row.finding
    return -finding.severity, finding.rule_id, finding.resource_name, finding.subject


def _addresses(finding: Finding, steps: Sequence[Step], inventory: Inventory) -> tuple[str, ...]:
    """The steps that bring or end a finding, as near as its words tell: by member and resource, else by either."""
    exact, near = [], []
    words = f"{finding.subject} {finding.principal} {finding.title}"
    for step in steps:
        for edit in (*step.doing, *step.undoing):
            here = inventory.canonical(resource_of(edit)) == finding.resource_name
            named = isinstance(edit, GrantRole | RevokeRole) and edit.member.partition(":")[2] in words
            named = named or (
                isinstance(edit, SetHolders) and any(who.partition(":")[2] in words for who in edit.members)
            )
            if here and named:
                exact.append(step.address)
            elif here or named:
                near.append(step.address)
    return tuple(dict.fromkeys(exact or near))


@click.command(
    "what-if",
    epilog="Example:  terraform show -json plan.out > plan.json && bindwatch what-if plan.json --inventory export/",
)
@click.argument("paths", nargs=-1, required=True, metavar="PLAN|POLICY…")
@click.option("--inventory", "inventories", multiple=True, metavar="PATH", help="What stands today; repeat it.")
@click.option(
    "--resource",
    "resources",
    multiple=True,
    metavar="NAME",
    help="Whose policy it is, for a policy that does not say; repeat it, in the order of the files.",
)
@click.option(
    "--terraform",
    "configuration",
    type=click.Path(exists=True, file_okay=False),
    default=".",
    show_default=True,
    metavar="DIR",
    help="The configuration of the plan: SARIF names its files and lines.",
)
@output.format_options
@click.option(
    "--fail-on",
    type=click.Choice([severity.name.lower() for severity in Severity], case_sensitive=False),
    default="info",
    show_default=True,
    help="Exit 1 only if something this severe or worse would appear.",
)
@click.option("--allow-unknown", is_flag=True, help="Do not exit 2 for what is known only after apply.")
@click.option("--trusted-domain", "domains", multiple=True, metavar="DOMAIN", help="A domain of yours; repeat it.")
@click.option("--settings", "settings_file", metavar="FILE", help="Your settings; default: ./bindwatch.toml, if there.")
@click.option("--as-of", type=MOMENT, metavar="DATE", help="Judge as of then (UTC); default: now.")
@roles_option
@click.option("-q", "--quiet", is_flag=True, help="No summary, no progress.")
@click.option("--no-color", is_flag=True, help="No colors; NO_COLOR does the same.")
def command(
    paths: tuple[str, ...],
    inventories: tuple[str, ...],
    resources: tuple[str, ...],
    configuration: str,
    form: str,
    outputs: tuple[tuple[str, str], ...],
    fail_on: str,
    allow_unknown: bool,
    domains: tuple[str, ...],
    settings_file: str | None,
    as_of: datetime | None,
    roles: str | None,
    quiet: bool,
    no_color: bool,
) -> int:
    """The findings and ways up that a change would bring, and those it would end.

    PLAN is what terraform show -json prints; POLICY an allow policy as gcloud prints it (JSON or YAML), or any other
    document of an inventory, which takes the place of what stands. Exit 0: nothing appears (or below --fail-on);
    1: something does; 2: part of it could not be read, or is known only after apply.
    """
    loaded = load(roles)
    customization = load_customization(settings_file or "")
    context = customization.context(
        Context(
            as_of=or_now(as_of),
            trusted_domains=frozenset(domain.lower() for domain in domains),
            catalogue=loaded.catalogue,
        )
    )
    progress = Progress(sys.stderr, quiet=quiet)
    proposal = read_proposal(paths, resources)
    reader = InputReader((*inventories, *customization.settings.outside.groups), progress.at)
    inventory = reader.inventory() or Inventory()
    answer, verdict = compare(inventory, proposal, context, customization)
    progress.done()
    outcome = Outcome(reader.reading, roles=loaded.words(datetime.now(UTC)))
    outcome.reading.problems += proposal.problems
    outcome.reading.skipped += proposal.skipped
    outcome.failures, outcome.not_checked = list(verdict.failures), verdict.not_checked
    _mute(answer, outcome, customization, context.as_of)
    outcome.looked(customization.inventory_rules(INVENTORY_RULES))

    def render(name: str, paint: Paint) -> Iterable[str]:
        match name:
            case "text":
                return ("\n".join(_lines(answer, Paint(color=False) if no_color else paint)) + "\n",)
            case "json":
                record = answer_record(answer, outcome, proposal)
                return (json.dumps(record, indent=2, ensure_ascii=True) + "\n",)
        places = _places(answer, configuration) if name in formats.WITH_PLACES else {}
        notes = [*answer.notes, *(f"{item.address}: {item.what}" for item in answer.unknown), *answer.assumed]
        return formats.write(
            name,
            output.results_of(
                _appearing(answer),
                outcome,
                at=context.as_of,
                places=places,
                fail_on=Severity[fail_on.upper()],
                command="what-if",
                notes=notes,
            ),
        )

    output.write(form, outputs, render)
    if not quiet:
        sys.stderr.write(_summary(answer, outcome, proposal))
    if not outcome.is_complete or (answer.unknown and not allow_unknown):
        return 2
    worst = max(
        (
            *(row.finding.severity for row in _appearing(answer)),
            *(change.severity for change in answer.paths if change.appears),
        ),
        default=None,
    )
    return int(worst is not None and worst >= Severity[fail_on.upper()])


def _places(answer: Answer, configuration: str) -> dict[str, Place]:
    """Where the configuration declares what brings each finding; else the file of the plan."""
    declared = find_in_terraform(configuration, (step.address for step in answer.steps))
    plans = {step.address: Place(step.file, 0) for step in answer.steps if step.file}
    places = {}
    for finding_id, addresses in answer.by.items():
        known = [found for table in (declared, plans) for address in addresses if (found := table.get(address))]
        if known:
            places[finding_id] = known[0]
    return places


def _appearing(answer: Answer) -> list[Standing]:
    """What would be there and is not yet, or would be graver: each with the addresses that bring it as a note."""
    return [_noted(row, answer) for row in (*answer.appears, *(row for _, row in answer.worse))]


def _noted(row: Standing, answer: Answer) -> Standing:
    addresses = answer.by.get(row.finding.finding_id, ())
    if not addresses:
        return row
    import msgspec

    note = f"Brought by {', '.join(addresses)}."
    return replace(row, finding=msgspec.structs.replace(row.finding, notes=(*row.finding.notes, note)))


def _mute(answer: Answer, outcome: Outcome, customization: Customization, as_of: datetime) -> None:
    """Put aside what an exception of the settings mutes."""
    exemptions = customization.settings.exemptions
    counting = []
    for row in answer.appears:
        exemption = exempting(row.finding, exemptions, as_of)
        if exemption is None:
            counting.append(row)
        else:
            outcome.muted.append((row, exemption))
    answer.appears = counting


# For a program


def answer_record(answer: Answer, outcome: Outcome, proposal: Proposal) -> dict[str, Any]:
    """An answer as plain fields; `unknown` and `notes` are as much a part of it as what is known."""
    return {
        "changes": [{"address": step.address, "action": step.action, "file": step.file} for step in answer.steps],
        "findings": {
            "appear": [_row_record(row, answer) for row in answer.appears],
            "vanish": [_row_record(row, answer) for row in answer.vanishes],
            "worse": [_pair_record(pair, answer) for pair in answer.worse],
            "better": [_pair_record(pair, answer) for pair in answer.better],
            "stay": answer.stays,
        },
        "principals": [_change_record(change) for change in answer.paths],
        "unknown": [{"address": item.address, "what": item.what} for item in answer.unknown],
        "assumed": answer.assumed,
        "notes": answer.notes,
        "not_read": proposal.not_read,
        "muted": [output.standing_record(row) | {"mute": output.mute_record(mute)} for row, mute in outcome.muted],
        "summary": output.summary_record(outcome),
    }


def _row_record(row: Standing, answer: Answer) -> dict[str, Any]:
    return output.standing_record(row) | {"changes": list(answer.by.get(row.finding.finding_id, ()))}


def _pair_record(pair: tuple[Standing, Standing], answer: Answer) -> dict[str, Any]:
    return _row_record(pair[1], answer) | {"severity_before": pair[0].finding.severity.name}


def _change_record(change: "PrincipalChange") -> dict[str, Any]:
    return {
        "principal": change.principal.identity,
        "member": change.principal.member,
        "score_before": change.score_before,
        "score_after": change.score_after,
        "severity": change.severity.name if change.appears else "INFO",
        "paths_appear": [_chain_record(chain) for chain in change.gained],
        "paths_vanish": [_chain_record(chain) for chain in change.lost],
        "more_paths_appear": change.more_gained,
        "more_paths_vanish": change.more_lost,
        "permissions_appear": [{"path": path.id, "resource": where, "why": path.why} for path, where in change.opened],
        "permissions_vanish": [{"path": path.id, "resource": where, "why": path.why} for path, where in change.closed],
    }


def _chain_record(chain: "Chain") -> dict[str, Any]:
    return {"to": chain.identity, "score": chain.score, "hops": [str(hop) for hop in chain.hops]}


# For a person


def _lines(answer: Answer, paint: Paint) -> list[str]:
    lines: list[str] = []
    for note in answer.notes:
        lines += [paint.severity(Severity.HIGH, wrapped(f"! {note}", "")), ""]
    lines += _title(paint, "Findings that would appear", len(answer.appears))
    for row in answer.appears:
        lines += [*output.finding_lines(row, paint), *_brought(row, answer), ""]
    if answer.worse:
        lines += _title(paint, "Findings that would weigh more", len(answer.worse))
        lines += [_pair_line(pair, paint) for pair in answer.worse] + [""]
    rising = [change for change in answer.paths if change.appears]
    falling = [change for change in answer.paths if change.vanishes]
    lines += _title(paint, "Ways up that would appear", len(rising))
    for change in rising[:_SHOWN]:
        lines += [*_change_lines(change, paint, "+", change.opened, change.gained, change.more_gained), ""]
    lines += _rest(len(rising))
    lines += _title(paint, "Findings that would vanish", len(answer.vanishes))
    lines += [f"  - {paint.severity(row.finding.severity, row.finding.severity.name)} {printable(row.finding.title)}"
              for row in answer.vanishes]  # fmt: skip
    lines += [""] if answer.vanishes else []
    if answer.better:
        lines += _title(paint, "Findings that would weigh less", len(answer.better))
        lines += [_pair_line(pair, paint) for pair in answer.better] + [""]
    lines += _title(paint, "Ways up that would vanish", len(falling))
    for change in falling[:_SHOWN]:
        lines += [*_change_lines(change, paint, "-", change.closed, change.lost, change.more_lost), ""]
    lines += _rest(len(falling))
    if answer.unknown:
        lines.append(paint.severity(Severity.HIGH, "Unknown, so the answer may lack something"))
        lines += [wrapped(f"? {item}", "  ") for item in answer.unknown] + [""]
    if answer.assumed:
        lines.append(paint.strong("Taken from what it refers to, as the plan does not give it"))
        lines += [wrapped(text, "  ") for text in answer.assumed] + [""]
    return lines


def _title(paint: Paint, text: str, count: int) -> list[str]:
    return [paint.strong(f"{text} ({count})"), ""] if count else [f"{paint.strong(text)}: none", ""]


def _rest(count: int) -> list[str]:
    return [f"  and {count - _SHOWN} more principals (--format json lists all)", ""] if count > _SHOWN else []


def _brought(row: Standing, answer: Answer) -> list[str]:
    addresses = answer.by.get(row.finding.finding_id, ())
    return [f"  change  {printable(', '.join(addresses))}"] if addresses else []


def _pair_line(pair: tuple[Standing, Standing], paint: Paint) -> str:
    before, after = pair
    words = f"{before.finding.severity.name} → {after.finding.severity.name}"
    return f"  {paint.severity(after.finding.severity, words)} {printable(after.finding.title)}"


def _change_lines(
    change: "PrincipalChange",
    paint: Paint,
    sign: str,
    openings: Sequence[tuple[Any, str]],
    chains: "Sequence[Chain]",
    more: int,
) -> list[str]:
    who = paint.severity(change.severity, printable(change.principal.member))
    lines = [f"  {sign} {who}  score {change.score_before} → {change.score_after}"]
    for path, where in openings[:_SHOWN]:
        lines.append(wrapped(f"{path.id} on {display(where)}: {path.why}", "      "))
    if len(openings) > _SHOWN:
        lines.append(f"      and {len(openings) - _SHOWN} more")
    for chain in chains[:_SHOWN]:
        lines.append(wrapped(f"can become {chain.identity} (score {chain.score})", "      "))
        lines += [wrapped(str(hop), "        ") for hop in chain.hops]
    left = len(chains) - _SHOWN + more if len(chains) > _SHOWN else more
    if left:
        lines.append(f"      and {left} more identities")
    return lines


def _summary(answer: Answer, outcome: Outcome, proposal: Proposal) -> str:
    reading = outcome.reading
    changed = len(answer.steps)
    lines = [
        (
            f"{changed} resources change; {len(answer.appears)} findings appear, {len(answer.vanishes)} vanish, "
            f"{answer.stays} stay"
        ),
        f"read {reading.files} files: {reading.inventory_items:,} inventory items",
        printable(outcome.roles),
    ]
    if proposal.not_read:
        lines.append(f"not judged: {sum(proposal.not_read.values())} items of kinds that say nothing of identity:")
        ranked = sorted(proposal.not_read.items(), key=lambda item: -item[1])
        lines += [f"  {count:,} {printable(kind)}" for kind, count in ranked[:5]]
    if answer.unknown:
        lines.append(f"unknown before apply: {len(answer.unknown)}; the answer may lack something")
    if outcome.muted:
        lines.append(f"muted by exceptions: {len(outcome.muted)} findings that would appear")
    if outcome.not_checked:
        lines.append(f"could not look: {len(outcome.not_checked)} rules lack an input")
    lines += [f"skipped: {printable(item.file)} ({printable(item.reason)})" for item in reading.skipped[:20]]
    lines += [f"could not be read: {printable(str(problem))}" for problem in reading.problems[:20]]
    lines += [
        f"rule that failed: {item.rule_id}: {printable(item.error)}. What it looks for was not looked for"
        for item in outcome.failures[:20]
    ]
    return "\n".join(lines) + "\n"
