"""Window rules about what reaches bindwatch at all: a watch that sees nothing must not look like a quiet day."""

from collections.abc import Iterator
from typing import Final

from bindwatch.model.finding import Category, Confidence, Severity, State
from bindwatch.rule import Context, Match, Rule, WindowRow, window_rule

_WORDS: Final = {"activity": "Admin Activity", "data_access": "Data Access", "system_event": "System Event"}


@window_rule("log-source-silent", Severity.MEDIUM, Category.BLIND_SPOT, techniques=["T1562.008"])
def log_source_silent(row: WindowRow, context: Context) -> Iterator[Match]:
    """An audit log that had been busy sent nothing for 45 minutes.

    ## Why it matters
    Whoever cuts the log sink, its topic or its permission to publish is not seen from then on, and neither is anybody
    else. The entry that shows the cutting may be the first that is missing.

    ## What to do
    See whether the sink still exists and is not disabled, whether its writer identity may publish to the topic, and
    whether messages wait in the subscription. The finding resolves itself with the first entry that comes again.

    ## Known false positives
    A small organization at night, whose thirty entries before were one deployment.

    ## Blind spots
    Logs with fewer than thirty entries in two hours; one project among many that falls silent alone.
    """
    name = _WORDS.get(row.caller, row.caller)
    minutes = row.items[0] if row.items else "45"
    if row.succeeded:
        title = f"The {name} log came back after {minutes} minutes"
    else:
        title = f"The {name} log fell silent after {row.calls} entries"
    yield Match(
        subject=row.caller,
        title=title,
        resource_name=f"//logging.googleapis.com/{row.caller}",
        state=State.RESOLVED if row.succeeded else State.OPEN,
        confidence=Confidence.MEDIUM,
        principal="-",
    )


@window_rule("log-source-late", Severity.LOW, Category.BLIND_SPOT)
def log_source_late(row: WindowRow, context: Context) -> Iterator[Match]:
    """Twenty entries of an audit log within an hour came more than fifteen minutes late.

    ## Why it matters
    Every alert comes as late as its entry, and windows over an hour see half of a story.

    ## What to do
    See how many messages wait in the subscription and how old they are: the function may be short of instances, or the
    store may refuse. If none wait, the delay is before us: Cloud Logging says so on its status page.

    ## Known false positives
    A replay of the last hours, or a subscription that was drained after an outage.

    ## Blind spots
    Entries that never come: see log-source-silent.
    """
    name = _WORDS.get(row.caller, row.caller)
    longest = row.items[0] if row.items else "15"
    yield Match(
        subject=row.caller,
        title=f"{row.calls} entries of the {name} log came late within an hour, up to {longest} minutes",
        resource_name=f"//logging.googleapis.com/{row.caller}",
        principal="-",
    )


@window_rule("canary-lost", Severity.HIGH, Category.BLIND_SPOT, techniques=["T1562.008"])
def canary_lost(row: WindowRow, context: Context) -> Iterator[Match]:
    """A canary entry did not come back within ten minutes.

    ## Why it matters
    `sweep` sends an entry of its own to the topic of the sink every quarter of an hour, and looks for what the function
    that takes entries makes of it. One that is missing says that real entries are missing too, on the quietest day.

    ## What to do
    See whether `sweep` may publish to the topic (its log lines say if not), whether messages wait in the subscription,
    whether it still pushes to `on_log_entry`, and what the log lines of that function say. The finding resolves itself
    with the first canary that comes back in time.

    ## Known false positives
    An outage of more than ten minutes after which everything came, late.

    ## Blind spots
    The sink itself, which stands before the topic: see log-source-silent and own-sink-incomplete. A `sweep` that does
    not run sends nothing and misses nothing: alert on that in Cloud Monitoring, as infra/ does. None is sent without
    BINDWATCH_CANARY.
    """
    sent = row.observed_at[11:16]
    yield Match(
        subject="canary",
        title=f"The canary entry sent at {sent} UTC {'came back' if row.succeeded else 'did not come back in time'}",
        resource_name=f"//pubsub.googleapis.com/{row.resource}",
        state=State.RESOLVED if row.succeeded else State.OPEN,
        principal="-",
    )


RULES: Final[tuple[Rule[WindowRow], ...]] = (log_source_silent, log_source_late, canary_lost)
