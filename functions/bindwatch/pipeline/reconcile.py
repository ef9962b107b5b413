"""Audits: what an inventory shows against what the store holds open.

An audit confirms, reopens and resolves. What it could not look at it leaves as it was, and says why. It writes what
is news and nothing else, under keys that two audits of the same state share: so a repeated audit, two at once, and
one that died half-way and was started again leave the same state as one clean run.
"""

from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import Final

from msgspec import structs

from bindwatch.engine import Verdict
from bindwatch.inventory import Coverage, Inventory, Part
from bindwatch.model.finding import Category, Finding, State
from bindwatch.model.resource import project_name
from bindwatch.pipeline.ports import FindingStore, Row, StandingFinding, Table
from bindwatch.pipeline.rows import Recording, RunRow, digest, ending_event, failure_row, finding_event, timestamp
from bindwatch.pipeline.snapshots import snapshots_of_inventory, states_of_inventory
from bindwatch.rule import Rule

SETTLING: Final = timedelta(minutes=10)
"""How long a change may take to show in an inventory: what an entry showed so shortly before is not resolved."""


@dataclass(frozen=True, slots=True, kw_only=True)
class AuditRun:
    """One audit of a scope (a full resource name; '' for files), of the moment `as_of`."""

    run_id: str
    scope: str
    as_of: datetime
    baseline: bool = False
    kind: str = "audit"

    def rows(self, shard: str = "") -> RunRow:
        """What the rows of this run have in common."""
        return RunRow(
            run_id=self.run_id,
            kind=self.kind,
            scope=self.scope,
            shard=shard,
            as_of=self.as_of,
            baseline=self.baseline,
        )


@dataclass(frozen=True, slots=True)
class Unresolved:
    """A finding that was not seen again, by an audit that could not have seen it."""

    finding_id: str
    rule_id: str
    missing: Coverage


@dataclass(frozen=True, slots=True)
class Reconciliation:
    """What an audit changed: ids of findings."""

    opened: tuple[str, ...] = ()
    reopened: tuple[str, ...] = ()
    confirmed: tuple[str, ...] = ()
    resolved: tuple[str, ...] = ()
    unresolved: tuple[Unresolved, ...] = ()


def begin_audit(
    store: FindingStore, *, scope: str, as_of: datetime, now: datetime, run_id: str = "", kind: str = "audit"
) -> AuditRun:
    """Start an audit, or take up the one of this `run_id` again. The first of a scope to finish is its baseline."""
    run = AuditRun(
        run_id=run_id or digest(kind, scope, timestamp(as_of)),
        scope=scope,
        as_of=as_of,
        baseline=kind == "audit" and not store.has_finished_audit(scope),
        kind=kind,
    )
    store.append({Table.RUNS: [run.rows().row("started", recorded_at=now)]})
    return run


def finish_audit(run: AuditRun, store: FindingStore, *, now: datetime, subjects: int = 0) -> None:
    """Mark an audit as done, when all of its shards are: the next one is no baseline."""
    store.append({Table.RUNS: [run.rows().row("finished", recorded_at=now, subjects=subjects)]})


def reconcile(
    run: AuditRun,
    inventory: Inventory,
    verdict: Verdict,
    rules: Iterable[Rule[Inventory]],
    store: FindingStore,
    *,
    now: datetime,
    shard: str = "",
    projects: Sequence[str] | None = None,
) -> Reconciliation:
    """Bring the store up to what an inventory shows.

    `rules` are those that judged it and `projects` the ids of those it is of, with '' for what lies in none; None is
    all. A finding that is open and was not seen is resolved where its rule could look. A threat stays until a person
    closes it, and what a person closed stays closed until an entry shows it anew.
    """
    could_judge = _rules_that_judged(rules, verdict)
    seen = {finding.finding_id: finding for finding in verdict.findings if finding.state is State.OPEN}
    standing = {
        item.finding_id: item
        for item in store.standing(rule_ids=sorted(could_judge), projects=projects, finding_ids=sorted(seen))
    }
    change = _Changes(run, now)
    for finding in seen.values():
        change.see(finding, standing.get(finding.finding_id))
    for item in standing.values():
        if item.finding_id not in seen and item.rule_id in could_judge:
            change.miss(item, _missing(inventory, could_judge[item.rule_id], item, run.scope))
    rows = run.rows(shard)
    notes = [_coverage_row(rows, coverage, now) for coverage in inventory.failures()]
    notes += [
        rows.row(
            "not-checked",
            recorded_at=now,
            rule_id=item.rule_id,
            part=coverage.part.value,
            place=coverage.scope,
            sight=coverage.sight.value,
            reason=coverage.reason,
        )
        for item in verdict.not_checked
        for coverage in item.missing
    ]
    notes += [failure_row(failure, recorded_at=now, run=rows) for failure in verdict.failures]
    known = store.known_policies(projects)
    kept = list(snapshots_of_inventory(inventory, known, run.as_of, projects=projects))
    kept += states_of_inventory(inventory, lambda: store.known_states(projects), run.as_of)
    store.append({Table.FINDING_EVENTS: change.events, Table.RUNS: notes, Table.SNAPSHOTS: kept})
    return change.summary()


class _Changes:
    """Gathers what of an audit is news."""

    def __init__(self, run: AuditRun, now: datetime) -> None:
        self.events: list[Row] = []
        self._run = run
        self._now = now
        self._recording = Recording(recorded_at=now, run_id=run.run_id, baseline=run.baseline)
        self._opened: list[str] = []
        self._reopened: list[str] = []
        self._confirmed: list[str] = []
        self._resolved: list[str] = []
        self._unresolved: list[Unresolved] = []

    def see(self, finding: Finding, standing: StandingFinding | None) -> None:
        """The inventory shows this finding."""
        if standing is None:
            self._opened.append(finding.finding_id)
            self._write(finding, self._recording)
        elif standing.state == State.OPEN.value:
            self._confirmed.append(finding.finding_id)
            is_worse = int(finding.severity) > standing.severity_level
            if is_worse or not standing.seen_by_audit:
                self._write(finding, replace(self._recording, opening=standing.reopened, is_worse=is_worse))
        elif standing.state == State.RESOLVED.value and standing.state_since < self._run.as_of:
            self._reopened.append(finding.finding_id)
            self._write(finding, replace(self._recording, opening=standing.reopened + 1, baseline=False))

    def miss(self, standing: StandingFinding, missing: Coverage | None) -> None:
        """The inventory does not show this finding; `missing` is what kept the rule from looking, if anything did."""
        if standing.state == State.RESOLVED.value or standing.category == Category.THREAT.value:
            return
        if standing.last_seen > self._run.as_of - SETTLING:
            return
        if missing is not None:
            self._unresolved.append(Unresolved(standing.finding_id, standing.rule_id, missing))
            return
        self._resolved.append(standing.finding_id)
        self.events.append(
            ending_event(
                standing,
                State.RESOLVED,
                observed_at=self._run.as_of,
                recorded_at=self._now,
                run_id=self._run.run_id,
                reason="an audit looked and did not find it",
            )
        )

    def summary(self) -> Reconciliation:
        """What changed."""
        return Reconciliation(
            tuple(self._opened),
            tuple(self._reopened),
            tuple(self._confirmed),
            tuple(self._resolved),
            tuple(self._unresolved),
        )

    def _write(self, finding: Finding, recording: Recording) -> None:
        at = self._run.as_of.isoformat()
        self.events.append(finding_event(structs.replace(finding, observed_at=at), recording))


def _rules_that_judged(rules: Iterable[Rule[Inventory]], verdict: Verdict) -> dict[str, tuple[Part, ...]]:
    """The parts each rule looks at, by the ids of the rules that could look and did not fail."""
    needs: defaultdict[str, list[Part]] = defaultdict(list)
    for rule in rules:
        needs[rule.id] += rule.needs
    did_not = {item.rule_id for item in verdict.not_checked} | {item.rule_id for item in verdict.failures}
    return {rule_id: tuple(dict.fromkeys(parts)) for rule_id, parts in needs.items() if rule_id not in did_not}


def _missing(inventory: Inventory, needs: Iterable[Part], finding: StandingFinding, scope: str) -> Coverage | None:
    """What of a finding's surroundings the inventory lacks; None where it could have been seen."""
    if _left_the_scope(inventory, finding, scope):
        return None
    for part in needs:
        coverage = inventory.coverage(part, finding.resource_name)
        if not coverage and finding.project:
            coverage = inventory.coverage(part, project_name(finding.project)) or coverage
        if not coverage:
            return coverage
    return None


def _left_the_scope(inventory: Inventory, finding: StandingFinding, scope: str) -> bool:
    """Whether the project of a finding is gone: the projects of the scope were seen, and it is none of them."""
    if not scope or not finding.project or inventory.project(finding.project) is not None:
        return False
    return bool(inventory.coverage(Part.PROJECTS, scope))


def _coverage_row(rows: RunRow, coverage: Coverage, now: datetime) -> Row:
    return rows.row(
        "coverage",
        recorded_at=now,
        part=coverage.part.value,
        place=coverage.scope,
        sight=coverage.sight.value,
        reason=coverage.reason,
    )
