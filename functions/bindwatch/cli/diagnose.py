"""`bindwatch diagnose`: why a workload cannot reach Google Cloud, step by step, with one root cause and its fix."""

import json
import sys
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Any

import click

from bindwatch.adapters.diagnosis_inputs import read_inputs
from bindwatch.adapters.files import Problem
from bindwatch.adapters.inputs import Reading, named_by_hand
from bindwatch.cli.moment import MOMENT, or_now
from bindwatch.cli.progress import Progress
from bindwatch.cli.roles import load, roles_option
from bindwatch.cli.terminal import Paint, printable, wrapped
from bindwatch.diagnosis.case import Inputs
from bindwatch.diagnosis.causes import CAUSE_BY_ID
from bindwatch.diagnosis.chain import Blame, Diagnosis, StepStatus, diagnose, ranked
from bindwatch.diagnosis.effect import effect
from bindwatch.diagnosis.probe import Answer, ProbeResult, judge_probe, plan_of, symptoms_of
from bindwatch.diagnosis.record import diagnosis_record
from bindwatch.diagnosis.select import Question, all_cases, cases
from bindwatch.diagnosis.symptoms import (
    SYMPTOM_BY_ID,
    decided_causes,
    named_api,
    named_permission,
    ranked_causes,
    recognise,
)
from bindwatch.errors import BackendError, InputError
from bindwatch.knowledge.roles import RoleCatalogue
from bindwatch.model.finding import AssetRef, LogRef, Severity

if TYPE_CHECKING:
    from bindwatch.adapters.live_inputs import LiveReading

_MARKS = {StepStatus.PASSED: "✓", StepStatus.FAILED: "✗", StepStatus.NOT_CHECKED: "?"}
_INDENT = "      "


@click.command("diagnose", epilog="Example:  bindwatch diagnose collected/ -n checkout deploy/cart")
@click.argument("paths", nargs=-1, metavar="PATH… [KSA|pod/NAME|deploy/NAME]")
@click.option("-n", "--namespace", default="", metavar="NS", help="The namespace of the workload.")
@click.option(
    "--ksa", "--workload", "subject", default="", metavar="NAME", help="The workload, where a PATH has its name."
)
@click.option("--all", "every", is_flag=True, help="Every workload of the input that is meant to reach Google Cloud.")
@click.option("--cluster", default="", metavar="NAME", help="The cluster, where the input or the project has several.")
@click.option("--project", default="", metavar="P", help="Look at this project live, instead of at files.")
@click.option("--location", default="", metavar="L", help="The location of the live cluster, where names repeat.")
@click.option("--context", default="", metavar="CTX", help="The kubeconfig context; default: the one gcloud makes.")
@click.option("--kubeconfig", type=click.Path(dir_okay=False), help="Another kubeconfig than the usual one.")
@click.option("--gateway", is_flag=True, help="Reach the cluster through the Connect gateway of its fleet.")
@click.option("--impersonate", default="", metavar="EMAIL", help="Ask Google's APIs as this service account.")
@click.option(
    "--probe", is_flag=True, help="Also run a few checks inside a pod of the workload (live). No token leaves it."
)
@click.option("--since", default="2h", show_default=True, metavar="AGE", help="How far back live log entries are read.")
@click.option("--error", "text", default="", metavar="TEXT", help="The error text you see; - reads it from stdin.")
@click.option("--permission", default="", metavar="P", help="The permission that is refused.")
@click.option(
    "--resource",
    default="",
    metavar="R",
    help="The resource on which it is refused: full name, gs://BUCKET, e-mail, project.",
)
@roles_option
@click.option("--format", "form", type=click.Choice(["text", "json"]), default="text", show_default=True)
@click.option("--as-of", type=MOMENT, metavar="DATE", help="Judge ages as of then (UTC); default: now.")
@click.option("-v", "--verbose", is_flag=True, help="The evidence of every step, and why causes were ruled out.")
@click.option("-q", "--quiet", is_flag=True, help="No summary, no progress.")
@click.option("--no-color", is_flag=True, help="No colors; NO_COLOR does the same.")
def command(
    paths: tuple[str, ...],
    namespace: str,
    subject: str,
    every: bool,
    cluster: str,
    project: str,
    location: str,
    context: str,
    kubeconfig: str | None,
    gateway: bool,
    impersonate: str,
    probe: bool,
    since: str,
    text: str,
    permission: str,
    resource: str,
    roles: str | None,
    form: str,
    as_of: datetime | None,
    verbose: bool,
    quiet: bool,
    no_color: bool,
) -> int:
    """Why a workload cannot reach Google Cloud: the Workload Identity chain, one root cause, and the fix.

    Reads what a collector, kubectl, gcloud and Cloud Logging left on disk, any mix; with --project the live project,
    cluster and logs. Changes nothing.
    """
    paths, subject = _split(paths, subject)
    if project and paths:
        raise InputError("PATH", "give files or a live --project, not both")
    if probe and not project:
        raise InputError("--probe", "needs a live cluster: --project")
    resource = named_by_hand(resource) if resource else ""
    text = sys.stdin.read() if text == "-" else text
    now = or_now(as_of)
    progress = Progress(sys.stderr, quiet=quiet)
    catalogue = load(roles).catalogue
    live: LiveReading | None = None
    if project:
        ways = {"context": context, "kubeconfig": kubeconfig, "gateway": gateway, "impersonate": impersonate}
        place = {"project": project, "cluster": cluster, "location": location, "namespace": namespace}
        live = _read_live(ways, place, now, catalogue, since, progress)
        inputs, reading = live.inputs, Reading(entries=live.entries)
        reading.problems = [Problem(reason, 0, "", "not read") for reason in live.not_read]
        cluster = live.cluster.name
    else:
        inputs, reading = read_inputs(paths, now, catalogue, progress.at, resource=resource)
    progress.done()
    question = Question(
        namespace=namespace,
        subject=subject,
        cluster=cluster,
        permission=permission,
        resource=resource,
        symptoms=tuple(item.id for item in recognise(text)) if text else (),
    )
    if text and not (subject or every or paths or project):
        _write_error(text, (), form, Paint(color=not no_color))
        return 1
    diagnoses = _diagnoses(inputs, question, every=every)
    probes = [_probed(item, live) for item in diagnoses] if probe and live is not None else [()] * len(diagnoses)
    paint = Paint(color=not no_color)
    if form == "json":
        records = [diagnosis_record(item) for item in diagnoses]
        if probe:
            records = [
                {**record, "probe": _probe_record(item, seen)}
                for record, item, seen in zip(records, diagnoses, probes, strict=True)
            ]
        if text:
            records = [
                {**record, "error": _error_record(text, item)} for record, item in zip(records, diagnoses, strict=True)
            ]
        document: object = records[0] if len(records) == 1 and not every else records
        json.dump(document, sys.stdout, indent=2, ensure_ascii=True)
        sys.stdout.write("\n")
    else:
        for item, seen in zip(diagnoses, probes, strict=True):
            sys.stdout.write("\n".join(_lines(item, paint, verbose=verbose, brief=every and item.root is None)) + "\n")
            _write_probe(item, seen, paint)
        if text:
            _write_error(text, tuple(diagnoses), form, paint)
    sys.stdout.flush()
    if not quiet:
        _summary(diagnoses, reading, inputs.inventory.notes)
    if reading.problems:
        return 2
    return int(any(item.root is not None for item in diagnoses))


def _read_live(
    ways: dict[str, Any], place: dict[str, str], now: datetime, catalogue: RoleCatalogue, since: str, progress: Progress
) -> "LiveReading":
    from bindwatch.adapters.live_access import LiveAccess, Ways
    from bindwatch.adapters.live_inputs import Place, read_live

    access = LiveAccess(Ways(**ways))
    return read_live(
        access.apis,
        Place(**place),
        access.connect,
        now=now,
        catalogue=catalogue,
        post=access.post,
        since=_span(since),
        told=lambda what: progress.at(what, 0),
    )


def _span(text: str) -> timedelta:
    """`90m`, `2h`, `1d` as a span."""
    units = {"m": "minutes", "h": "hours", "d": "days"}
    if text[:-1].isdigit() and text[-1:] in units:
        return timedelta(**{units[text[-1]]: int(text[:-1])})
    raise InputError("--since", f"expected an age such as 90m, 2h or 1d, found {text!r}")


def _probed(diagnosis: Diagnosis, live: "LiveReading") -> tuple[ProbeResult, ...]:
    """What a pod of the workload sees; one result that says why, where it could not be asked."""
    plan = plan_of(diagnosis.case)
    if plan is None or live.kubernetes is None:
        why = "no pod of it runs" if plan is None else "there is no way to the cluster"
        return (ProbeResult("pod", Answer.UNKNOWN, why),)
    try:
        output = live.kubernetes.run_in(plan.namespace, plan.pod, plan.container, plan.command)
    except BackendError as error:
        return (ProbeResult("pod", Answer.UNKNOWN, str(error)),)
    return judge_probe(diagnosis.case, plan, output)


def _probe_record(diagnosis: Diagnosis, seen: tuple[ProbeResult, ...]) -> dict[str, object]:
    causes = tuple(cause for item in symptoms_of(seen) for cause in SYMPTOM_BY_ID[item].causes)
    return {
        "results": [{"question": item.question, "answer": item.answer.value, "words": item.words} for item in seen],
        "causes": list(ranked(diagnosis, tuple(dict.fromkeys(causes)))) if causes else [],
    }


def _write_probe(diagnosis: Diagnosis, seen: tuple[ProbeResult, ...], paint: Paint) -> None:
    if not seen:
        return
    marks = {Answer.GOOD: "✓", Answer.BAD: "✗", Answer.UNKNOWN: "?"}
    sys.stdout.write(paint.strong("Seen from inside the pod") + "\n")
    for item in seen:
        line = f"  {marks[item.answer]} {printable(item.question):<28} {printable(item.words)}"
        sys.stdout.write((paint.severity(Severity.HIGH, line) if item.answer is Answer.BAD else line) + "\n")
    record = _probe_record(diagnosis, seen)
    if record["causes"]:
        sys.stdout.write(f"  That points to: {', '.join(map(str, record['causes'][:3]))}\n")  # type: ignore[index]
    sys.stdout.write("\n")


def _split(paths: tuple[str, ...], subject: str) -> tuple[tuple[str, ...], str]:
    """Tell the workload from the paths: it comes last, and is no file."""
    from pathlib import Path

    if paths and not subject and paths[-1] != "-" and not Path(paths[-1]).exists():
        return paths[:-1], paths[-1]
    return paths, subject


def _diagnoses(inputs: Inputs, question: Question, *, every: bool) -> list[Diagnosis]:
    if every or not (question.subject or question.namespace):
        found = all_cases(inputs, cluster=question.cluster, namespace=question.namespace)
        return [diagnose(case) for case in found]
    return [diagnose(case) for case in cases(inputs, question)]


def _lines(diagnosis: Diagnosis, paint: Paint, *, verbose: bool, brief: bool) -> list[str]:
    case = diagnosis.case
    head = f"{printable(case.title)} in {printable(case.where)} ({diagnosis.style.value})"
    if brief:
        return [f"✓ {head}: nothing found, {len(diagnosis.not_checked)} causes not checked"]
    lines = [paint.strong(head)]
    if case.email:
        lines.append(f"  acts as {printable(case.email)}")
    lines.append("")
    for result in diagnosis.steps:
        mark = _MARKS[result.status]
        line = f"  {mark} {result.step.value:<28} {result.status.value}"
        if result.status is StepStatus.FAILED:
            line = paint.severity(Severity.HIGH, line)
        elif result.status is StepStatus.NOT_CHECKED:
            line = paint.faint(line)
        lines.append(line)
        if verbose or result.status is not StepStatus.PASSED:
            lines += [wrapped(item, _INDENT) for item in result.evidence]
    lines.append("")
    if diagnosis.root is None:
        lines.append("Nothing found. What was not checked may still be broken.")
    else:
        lines += _blame_lines(diagnosis.root, paint, "Root cause")
    for blame in diagnosis.others:
        lines += _blame_lines(blame, paint, "Also")
    if diagnosis.ruled_out:
        lines.append(f"Ruled out: {', '.join(cause.id for cause, _ in diagnosis.ruled_out)}")
        if verbose:
            lines += [wrapped(f"{cause.id}: {reason}", _INDENT) for cause, reason in diagnosis.ruled_out]
    if diagnosis.not_checked:
        lines.append(paint.faint(f"Not checked: {', '.join(item.cause.id for item in diagnosis.not_checked)}"))
        if verbose:
            lines += [wrapped(f"{item.cause.id}: needs {item.needs}", _INDENT) for item in diagnosis.not_checked]
    lines.append("")
    return lines


def _blame_lines(blame: Blame, paint: Paint, word: str) -> list[str]:
    lines = [f"{paint.strong(word)}: {blame.cause.id}. {blame.cause.title}."]
    for item in blame.evidence:
        lines.append(_wrapped("because", item.text))
        match item.source:
            case LogRef():
                lines.append(paint.faint(f"          {printable(item.source.url)}"))
            case AssetRef():
                lines.append(paint.faint(f"          {printable(item.source.asset)}"))
    fix = blame.found.fix
    remediation = fix.remediation
    lines.append(_wrapped("fix", remediation.summary))
    for change in fix.changes:
        if words := effect(change):
            lines.append(paint.faint(f"          # {printable(words)}"))
        lines.append(f"          {printable(change.command())}")
    if fix.outside:
        lines.append(_wrapped("note", f"not in any inventory: {fix.outside}"))
    if remediation.risk_of_fix:
        lines.append(_wrapped("risk", remediation.risk_of_fix))
    if remediation.undo:
        lines.append("  undo")
        lines += [f"          {printable(command)}" for command in remediation.undo]
    lines.append("")
    return lines


def _wrapped(name: str, text: str) -> str:
    return f"  {name:<7} {wrapped(text, ' ' * 10).lstrip()}"


def _error_record(text: str, diagnosis: Diagnosis | None) -> dict[str, object]:
    causes = ranked_causes(text)
    return {
        "symptoms": [item.id for item in recognise(text)],
        "permission": named_permission(text) or None,
        "causes": list(ranked(diagnosis, causes, decided_causes(text)) if diagnosis is not None else causes),
    }


def _write_error(text: str, diagnoses: tuple[Diagnosis, ...], form: str, paint: Paint) -> None:
    causes = ranked_causes(text)
    if diagnoses:
        causes = ranked(diagnoses[0], causes, decided_causes(text))
    symptoms = recognise(text)
    if form == "json":
        json.dump(_error_record(text, None), sys.stdout, indent=2)
        sys.stdout.write("\n")
        return
    if not symptoms:
        sys.stdout.write("The text says nothing that is known of identity on Google Cloud.\n")
        return
    sys.stdout.write(paint.strong(f"The text says that {symptoms[0].title}.") + "\n")
    if api := named_api(text):
        sys.stdout.write(f"It names {printable(api)}: enable that first (gcloud services enable {printable(api)}).\n")
    permission = named_permission(text)
    if permission:
        sys.stdout.write(f"It names the permission {printable(permission)}.\n")
    sys.stdout.write("Causes it can have, likeliest first:\n")
    out = {cause.id for item in diagnoses for cause, _ in item.ruled_out}
    for number, cause in enumerate(causes[:8], 1):
        mark = " (the input rules it out)" if cause in out else ""
        sys.stdout.write(f"  {number}. {cause}: {CAUSE_BY_ID[cause].title}{mark}\n")


def _summary(diagnoses: list[Diagnosis], reading: Reading, notes: tuple[str, ...]) -> None:
    broken = sum(item.root is not None for item in diagnoses)
    sys.stderr.write(f"{len(diagnoses)} workloads, {broken} with a finding; read {reading.files} files\n")
    for note in notes[:20]:
        sys.stderr.write(f"note: {printable(note)}\n")
    for what, count in reading.not_judged.most_common(5):
        sys.stderr.write(f"not used: {count:,} {printable(what)}\n")
    for problem in reading.problems[:20]:
        sys.stderr.write(f"could not be read: {printable(str(problem))}\n")
