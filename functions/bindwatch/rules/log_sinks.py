"""Rules for log sinks and exclusions: what decides where entries go, and which never arrive."""

from collections.abc import Iterator, Mapping
from typing import Final, NamedTuple

from bindwatch.inventory.hierarchy import LogSink
from bindwatch.model.change import Run, remedy
from bindwatch.model.document import Document
from bindwatch.model.finding import Category, Confidence, Remediation, Severity
from bindwatch.model.log_entry import LogEntry
from bindwatch.model.resource import project_of
from bindwatch.model.update_mask import UpdateMask, mask_of
from bindwatch.rule import Context, Match, log_rule
from bindwatch.rules.logging_entry import (
    config,
    known_sink,
    last,
    lets_more_through,
    short,
    sink_update,
    touches_audit_logs,
)
from bindwatch.rules.methods import LOGGING, activity
from bindwatch.rules.object_state import UNKNOWN_BEFORE, exclusion_of, items, sink_of
from bindwatch.rules.weight import scope_flags, weighed


@log_rule(
    "log-sink-deleted",
    Severity.HIGH,
    Category.THREAT,
    methods=activity(LOGGING, *config("DeleteSink")),
    techniques=["T1562.008"],
    equivalents=[
        "panther:GCP.Log.Bucket.Or.Sink.Deleted",
        "elastic:defense_evasion_gcp_logging_sink_deletion",
        "stratus:gcp.defense-evasion.delete-logging-sink",
        "csa:3.01",
        "falco:GCP logging sink deleted",
    ],
)
def log_sink_deleted(entry: LogEntry, context: Context) -> Iterator[Match]:
    """A log sink was deleted.

    ## Why it matters
    Whatever read the logs through this sink, bindwatch included, receives nothing more, and a sink does not deliver
    later what it missed.

    ## What to do
    Ask the caller. Create the sink again, give its new writer identity the rights of the old one on the destination,
    and read the gap from the log buckets (`gcloud logging read`), which the sink did not feed.

    ## Known false positives
    Clean-up of a project that is being taken down. Name the automation that does it in the settings.

    ## Blind spots
    A destination that is deleted, or a writer identity that loses its rights, silences a sink just as well.
    """
    name = entry.raw_resource_name or entry.request.text("sinkName")
    known = known_sink(entry, context)
    yield Match(
        subject=f"sink {last(name)}",
        title=f"The log sink {last(name)} was deleted by {entry.caller_name}",
        severity=weighed(Severity.HIGH, entry, context),
        notes=(f"It sent to {known.destination}",) if known else (),
        remediation=_recreated(name, known),
    )


def _recreated(name: str, known: LogSink | None) -> Remediation:
    if known is None:
        return remedy("Create the sink again, from its configuration in code or from an export")
    create = ("gcloud", "logging", "sinks", "create", last(name), known.destination)
    children = ("--include-children",) if known.include_children else ()
    return remedy(
        "Create the sink again as the inventory last saw it, then grant its new writer identity on the destination",
        Run(
            (*create, f"--log-filter={known.filter}", *children, *scope_flags(name)),
            ("gcloud", "logging", "sinks", "delete", last(name), *scope_flags(name)),
        ),
    )


@log_rule(
    "log-sink-weakened",
    Severity.HIGH,
    Category.THREAT,
    methods=activity(LOGGING, *config("UpdateSink")),
    techniques=["T1562.008", "T1537"],
    equivalents=[
        "panther:GCP.Logging.Sink.Modified",
        "panther:GCP.Logging.Settings.Modified",
        "elastic:exfiltration_gcp_logging_sink_modification",
        "stratus:gcp.defense-evasion.disable-logging-sink",
        "csa:3.01",
        "falco:GCP logging sink modified",
    ],
)
def log_sink_weakened(entry: LogEntry, context: Context) -> Iterator[Match]:
    """A log sink was disabled, redirected, or made to leave entries out.

    ## Why it matters
    A sink that is switched off, filters more or excludes the right method names still looks healthy, while what reads
    through it goes blind. A new destination can carry the logs out of the organization.

    ## What to do
    Compare the field named in the finding with what was intended, and set it back. Read the gap from the log buckets.

    ## Known false positives
    Cost work that leaves out debug or flow logs: an exclusion that touches no audit entries weighs less. Name the
    automation that manages sinks in the settings.

    ## Blind spots
    The entry shows the new value only. Each field is compared with what an audit or an earlier entry told of it; where
    nothing did, it is judged by what the request shows. Two filters are compared by their text.
    """
    mask, sink = mask_of(entry.request), entry.request.document("sink")
    name = last(entry.raw_resource_name or entry.request.text("sinkName"))
    for change in _sink_changes(entry, sink, mask, context):
        compared = change.before is not None
        yield Match(
            subject=f"sink {name}: {change.field}",
            title=f"The log sink {name} {change.what}",
            severity=weighed(change.severity, entry, context),
            confidence=Confidence.HIGH if mask.paths or compared else Confidence.MEDIUM,
            notes=(f"Before: {change.before or 'none'}",) if compared else (UNKNOWN_BEFORE,),
            remediation=change.fix,
        )


class _SinkChange(NamedTuple):
    """One field of a sink that was changed for the worse. `before` is None where the old value is not known."""

    field: str
    severity: Severity
    what: str
    fix: Remediation
    before: str | None


def _sink_changes(entry: LogEntry, sink: Document, mask: UpdateMask, context: Context) -> Iterator[_SinkChange]:
    written, before = sink_of(entry), entry.before or {}
    if written is None:
        return
    after, known = written.fields, known_sink(entry, context)
    if after.get("disabled") and not before.get("disabled"):
        fix = remedy("Switch the sink on again", Run(sink_update(entry, "--no-disabled")))
        yield _SinkChange("disabled", Severity.HIGH, "was disabled", fix, _of(before, "disabled", "it was on"))
    destination = after.get("destination", "")
    if destination and _is_other(before, "destination", destination, named=bool(mask.paths)):
        away = _leaves(entry, destination, context)
        where = f"was redirected to {destination}" + (", which is outside the projects you trust" if away else "")
        fix = _set_back(entry, "destination", before.get("destination") or (known.destination if known else ""))
        weight = Severity.HIGH if away else Severity.MEDIUM
        yield _SinkChange("destination", weight, where, fix, before.get("destination"))
    text = after.get("filter", "")
    if (
        text
        and _is_other(before, "filter", text, named=bool(mask.paths))
        and not lets_more_through(before.get("filter"), text)
    ):
        old = before.get("filter")
        narrower = old is not None and lets_more_through(text, old)
        fix = _set_back(entry, "filter", old or (known.filter if known else ""))
        weight = Severity.HIGH if narrower and touches_audit_logs(old or "") else Severity.MEDIUM
        yield _SinkChange("filter", weight, f"now keeps only entries that match: {short(text)}", fix, old)
    had = items(before, "exclusions")
    for label, leaves_out in (items(after, "exclusions") or {}).items():
        if had is not None and had.get(label) == leaves_out:
            continue
        fix = remedy(
            "Remove the exclusion",
            Run(
                sink_update(entry, f"--remove-exclusions={label}"),
                sink_update(entry, f"--add-exclusion=^;^name={label};filter={leaves_out}"),
            ),
        )
        yield _SinkChange(
            f"exclusion {label}",
            Severity.HIGH if touches_audit_logs(leaves_out) else Severity.MEDIUM,
            f"now leaves out entries that match: {short(leaves_out) or 'anything'}",
            fix,
            None if had is None else short(had.get(label, "")),
        )
    if after.get("children") == "" and _is_other(before, "children", "", named=bool(mask.paths)):
        fix = remedy("Include the child resources again", Run(sink_update(entry, "--include-children")))
        what, was = "no longer includes the projects below it", _of(before, "children", "it included them")
        yield _SinkChange("includeChildren", Severity.HIGH, what, fix, was)
    if after.get("intercept") and not before.get("intercept"):
        fix = remedy("Let the entries reach the sinks below again", Run(sink_update(entry, "--no-intercept-children")))
        what, was = "now keeps entries from the sinks below it", _of(before, "intercept", "it let them through")
        yield _SinkChange("interceptChildren", Severity.MEDIUM, what, fix, was)


def _is_other(before: Mapping[str, str], field: str, value: str, *, named: bool) -> bool:
    """Whether a field has another value than before; where that is not known, whether the update names its fields."""
    return before[field] != value if field in before else named


def _of(before: Mapping[str, str], field: str, words: str) -> str | None:
    return words if field in before else None


def _set_back(entry: LogEntry, field: str, value: str) -> Remediation:
    if not value:
        return remedy(f"Set the {field} back to what your configuration says")
    arguments = (value,) if field == "destination" else (f"--log-filter={value}",)
    return remedy(f"Set the {field} back to what it was when last seen", Run(sink_update(entry, *arguments)))


def _leaves(entry: LogEntry, destination: str, context: Context) -> bool:
    project = project_of("//" + destination)
    if not project or project == entry.project:
        return False
    if project in context.trusted_projects:
        return False
    if context.inventory is not None and context.inventory.project(project) is not None:
        return False
    return bool(context.trusted_projects) or context.inventory is not None


@log_rule(
    "log-sink-sends-elsewhere",
    Severity.MEDIUM,
    Category.THREAT,
    methods=activity(LOGGING, *config("CreateSink")),
    techniques=["T1537"],
    equivalents=["csa:3.01"],
)
def log_sink_sends_elsewhere(entry: LogEntry, context: Context) -> Iterator[Match]:
    """A log sink was created that sends to another project.

    ## Why it matters
    Logs hold names, addresses and queries; a sink is a way to carry them out that keeps working on its own. A sink
    that intercepts also keeps them from the sinks below.

    ## What to do
    Ask whose project the destination is. Delete the sink where nobody can tell.

    ## Known false positives
    A central logging project: name it among the trusted projects, or judge with an inventory that holds it.

    ## Blind spots
    A BigQuery dataset or bucket of the same project can be shared outside afterwards.
    """
    sink = entry.request.document("sink")
    destination = sink.text("destination")
    project = project_of("//" + destination)
    intercepts = bool(sink.flag("interceptChildren"))
    if not intercepts and (not project or project == entry.project):
        return
    away = _leaves(entry, destination, context)
    known = bool(context.trusted_projects) or context.inventory is not None
    severity = Severity.HIGH if away else Severity.MEDIUM if intercepts else Severity.INFO if known else Severity.LOW
    name = sink.text("name") or last(entry.raw_resource_name)
    yield Match(
        subject=f"sink {name} to {destination}",
        title=f"The log sink {name} sends to {destination}"
        + (" and keeps entries from the sinks below" if intercepts else ""),
        severity=weighed(severity, entry, context),
        remediation=remedy(
            "Delete the sink if its destination is not yours",
            Run(("gcloud", "logging", "sinks", "delete", name, *scope_flags(entry.raw_resource_name))),
        ),
    )


@log_rule(
    "log-exclusion-created",
    Severity.HIGH,
    Category.THREAT,
    methods=activity(LOGGING, *config("CreateExclusion", "UpdateExclusion")),
    techniques=["T1562.008"],
    equivalents=["panther:GCP.Logging.Settings.Modified", "csa:3.01"],
)
def log_exclusion_created(entry: LogEntry, context: Context) -> Iterator[Match]:
    """A log exclusion was created or changed.

    ## Why it matters
    What an exclusion matches is thrown away before it is stored. Data Access entries, the only trace of tokens that
    were minted and secrets that were read, can be excluded.

    ## What to do
    Read the filter. Where it matches audit entries and nobody meant it to, disable the exclusion.

    ## Known false positives
    Exclusions that save the cost of load balancer or debug logs weigh less: their filters name no audit entries.

    ## Blind spots
    Admin Activity entries cannot be excluded from the _Required bucket, only from the copies other sinks make. An
    update is compared with what an earlier entry told of the exclusion; where none did, it is judged by the request.
    """
    exclusion, written = entry.request.document("exclusion"), exclusion_of(entry)
    before = entry.before or {}
    after = written.state(before) if written is not None else before
    if after.get("disabled"):
        return
    text = after.get("filter", "")
    name = exclusion.text("name") or last(entry.raw_resource_name)
    compared = "filter" in before
    if compared and not before.get("disabled") and (text == before["filter"] or _leaves_out_less(before, text)):
        return
    if not text and not compared and entry.method.endswith("UpdateExclusion"):
        text = "what it matched before"
    severity = Severity.HIGH if touches_audit_logs(text) else Severity.MEDIUM
    yield Match(
        notes=(f"Before: {short(before['filter'])}{' (disabled)' if before.get('disabled') else ''}",)
        if compared
        else (UNKNOWN_BEFORE,)
        if entry.method.endswith("UpdateExclusion")
        else (),
        subject=f"exclusion {last(name)}",
        title=f"Entries that match {short(text) or 'anything'} are no longer kept",
        severity=weighed(severity, entry, context),
        remediation=remedy(f"Delete the exclusion {last(name)} in the Logs Router, or disable it"),
    )


def _leaves_out_less(before: Mapping[str, str], text: str) -> bool:
    return bool(text) and lets_more_through(text, before["filter"])


RULES: Final = (log_sink_deleted, log_sink_weakened, log_sink_sends_elsewhere, log_exclusion_created)
