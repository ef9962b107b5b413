"""The log sink that feeds bindwatch, as it stands: what it does not pass, nobody sees."""

from collections.abc import Iterator
from typing import Final

from bindwatch.inventory import Inventory, Part
from bindwatch.inventory.hierarchy import LogSink
from bindwatch.model.finding import AssetRef, Category, Confidence, Remediation, Severity, Written
from bindwatch.model.resource import canonical
from bindwatch.rule import Context, Match, Rule, inventory_rule


@inventory_rule(
    "own-sink-incomplete",
    Severity.HIGH,
    Category.BLIND_SPOT,
    needs=[Part.LOG_SINKS],
    techniques=["T1562.008"],
)
def own_sink_incomplete(inventory: Inventory, context: Context) -> Iterator[Match]:
    """The log sink that feeds bindwatch was gone, switched off, or passed less than the rules read.

    ## Why it matters
    Rules for entries that never come find nothing, and nothing looks like peace.

    ## What to do
    Set the sink as `bindwatch sink-filter` prints it for the rules that are enabled, with `includeChildren` where it
    stands at a folder or organization. A version of bindwatch with new rules needs the filter anew.

    ## Known false positives
    A filter written by hand that passes the same entries in other words: it is compared by its text.

    ## Blind spots
    A topic or subscription that loses messages behind the sink; log-source-silent sees that. Which sink is ours the
    settings say (BINDWATCH_SINK); without it this check says nothing.
    """
    if not context.own_sink:
        return
    container = canonical(context.own_sink.partition("/sinks/")[0])
    sink = next((item for item in inventory.all(LogSink) if item.name.endswith(f"/{context.own_sink}")), None)
    if sink is None:
        if inventory.has(Part.LOG_SINKS, container):
            yield _match(context.own_sink, container, "is gone")
        return
    for problem, severity in _problems(sink, context):
        yield _match(context.own_sink, sink.name, problem, severity)


def _problems(sink: LogSink, context: Context) -> Iterator[tuple[str, Severity]]:
    if sink.disabled:
        yield "is disabled", Severity.HIGH
    if not sink.include_children and not context.own_sink.startswith("projects/"):
        yield "leaves out the projects below it", Severity.HIGH
    if sink.filter and _plain(context.own_sink_filter) not in _plain(sink.filter):
        yield "has another filter than the rules need", Severity.MEDIUM
    for exclusion in sink.exclusions:
        if not exclusion.disabled:
            yield f"excludes entries by {exclusion.name or 'an exclusion without a name'}", Severity.MEDIUM


def _plain(text: str) -> str:
    return "".join(text.split())


def _match(sink: str, resource: str, problem: str, severity: Severity = Severity.HIGH) -> Match:
    kind, _, rest = sink.partition("/")
    number, _, name = rest.partition("/sinks/")
    where = f"--{kind.removesuffix('s')}={number}"
    change = {
        "is disabled": ("--no-disabled",),
        "leaves out the projects below it": ("--include-children",),
        "has another filter than the rules need": ('--log-filter="$(bindwatch sink-filter)"',),
    }.get(problem, ())
    steps = tuple(Written(f"gcloud logging sinks update {name} {where} {option}") for option in change)
    return Match(
        subject=problem,
        title=f"The log sink {name} that feeds bindwatch {problem}",
        resource_name=resource,
        project=number if kind == "projects" else "",
        severity=severity,
        confidence=Confidence.MEDIUM if severity is Severity.MEDIUM else Confidence.HIGH,
        evidence=(AssetRef(resource),),
        remediation=Remediation(
            summary="Set the sink as `bindwatch sink-filter` prints it.",
            steps=steps,
            risk_of_fix="More entries may be passed, which costs more.",
        ),
    )


RULES: Final[tuple[Rule[Inventory], ...]] = (own_sink_incomplete,)
