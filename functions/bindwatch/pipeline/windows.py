"""The window rules over the store, and the daily roll-up that novelty and dormancy read."""

from collections.abc import Iterable, Sequence
from datetime import UTC, datetime, timedelta
from typing import Final

from bindwatch.engine import RuleFailure, Verdict
from bindwatch.model.finding import Finding
from bindwatch.pipeline.ports import FindingStore, Row, Table
from bindwatch.pipeline.rows import Recording, failure_row, finding_event
from bindwatch.rule import Context, Rule, WindowRow

LOOK_BACK: Final = timedelta(hours=2)
"""How far back a sweep looks: windows are an hour, and entries may come late."""


class Swept(Verdict, frozen=True, gc=False):
    """What a sweep found, and why it cost many times as much as it should, where it did."""

    apart: str = ""
    """Why the store could not be asked for all window rules at once."""


def sweep_windows(
    store: FindingStore,
    rules: Sequence[Rule[WindowRow]],
    context: Context,
    now: datetime,
    *,
    since: datetime | None = None,
) -> Swept:
    """Run the window rules over what happened since then (by default, the last two full hours), and keep the findings.

    The start is cut to the hour and a story is told by the entry that made it one, so looking again says nothing new.
    A rule that fails, or whose question the store refuses, is in the verdict and in the store; the others are judged.
    """
    start = (since or now - LOOK_BACK).astimezone(UTC).replace(minute=0, second=0, microsecond=0)
    asked = [rule for rule in rules if not rule.lacks(context)]
    answers = store.window_rows([rule.id for rule in asked], since=start, until=now)
    span = f"{start.isoformat()} to {now.isoformat()}"
    findings: list[Finding] = []
    failures = [RuleFailure(rule_id, span, problem) for rule_id, problem in answers.refused.items()]
    for rule in asked:
        try:
            for row in answers.rows.get(rule.id, ()):
                findings += rule.judge(row, context)
        except Exception as error:  # a rule may raise anything; its neighbours still count
            failures.append(RuleFailure(rule.id, span, f"{type(error).__name__}: {error}"))
    record(findings, store, now=now, failures=failures)
    return Swept(tuple(findings), tuple(failures), apart=answers.apart)


def record(
    findings: Iterable[Finding],
    store: FindingStore,
    *,
    now: datetime,
    failures: Iterable[RuleFailure] = (),
    run_id: str = "",
) -> None:
    """Keep findings that came from elsewhere than an entry or an audit. The same again changes nothing."""
    recording = Recording(recorded_at=now, run_id=run_id)
    events: list[Row] = [finding_event(finding, recording) for finding in findings]
    failed: list[Row] = [failure_row(failure, recorded_at=now) for failure in failures]
    if events or failed:
        store.append({Table.FINDING_EVENTS: events, Table.RUNS: failed})


def roll_up_habits(store: FindingStore, now: datetime, *, days: int = 2) -> None:
    """Roll up the last days (today, and yesterday for what came late). Doing so again replaces, it does not add."""
    today = now.astimezone(UTC).replace(hour=0, minute=0, second=0, microsecond=0)
    store.roll_up_habits(today - timedelta(days=days - 1), today + timedelta(days=1), now=now)
