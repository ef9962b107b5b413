"""Findings over their life: however often, late or at once things are told, the state is that of one clean run."""

from __future__ import annotations

import random
from collections.abc import Callable, Iterator, Sequence
from datetime import timedelta
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from bindwatch.adapters.duckdb import DuckDBStore
from bindwatch.engine import RuleFailure, Verdict
from bindwatch.errors import BackendError, InputError
from bindwatch.inventory import Inventory, InventoryBuilder, Part
from bindwatch.model.finding import AssetRef, Category, Finding, Severity, State
from bindwatch.pipeline import (
    AuditRun,
    Mute,
    Reconciliation,
    Rows,
    announce_due,
    begin_audit,
    close,
    deliver,
    finish_audit,
    mute,
    reconcile,
    unmute,
)
from bindwatch.rule import Context, Match, Rule, inventory_rule
from bindwatch.tally import Tally
from sample_findings import NOON, Subscribers, a_finding, at, shown_by_entry

SHOP = "//cloudresourcemanager.googleapis.com/projects/shop"
SCOPE = "//cloudresourcemanager.googleapis.com/organizations/1"


@inventory_rule("public-member", Severity.HIGH, Category.OVER_PRIVILEGE, needs=[Part.POLICIES])
def public_member(inventory: Inventory, context: Context) -> Iterator[Match]:
    """Everyone was given a role."""
    yield from ()


RULES: tuple[Rule[Inventory], ...] = (public_member,)


@pytest.fixture
def store() -> Iterator[DuckDBStore]:
    with DuckDBStore() as opened:
        yield opened


def inventory(*, seen: bool = True) -> Inventory:
    """An inventory that saw the policies of project shop, or was not allowed to."""
    builder = InventoryBuilder()
    if seen:
        builder.saw(Part.POLICIES, SHOP)
    else:
        builder.could_not_read(Part.POLICIES, SHOP, "no permission")
    return builder.build()


def shown_by_asset(**finding: Any) -> Finding:
    return a_finding(AssetRef(SHOP, "etag"), **finding)


def audit(
    store: DuckDBStore, minutes: float, *findings: Finding, seen: bool = True, run_id: str = "", finish: bool = True
) -> Reconciliation:
    run = begin_audit(store, scope=SCOPE, as_of=at(minutes), now=at(minutes + 1), run_id=run_id)
    done = reconcile(run, inventory(seen=seen), Verdict(findings), RULES, store, now=at(minutes + 2))
    if finish:
        finish_audit(run, store, now=at(minutes + 3))
    return done


def states(store: DuckDBStore) -> list[tuple[Any, ...]]:
    """What matters of how findings stand."""
    columns = ("finding_id", "state", "severity", "first_seen", "last_seen", "count", "reopened", "state_since")
    return sorted(tuple(row[name] for name in columns) for row in store.ask("views/findings", {}))


def the_state(store: DuckDBStore) -> str:
    (row,) = store.ask("views/findings", {})
    return str(row["state"])


def test_an_audit_opens_resolves_and_reopens(store: DuckDBStore) -> None:
    subscribers = Subscribers()
    audit(store, 0)
    announce_due(store, subscribers, at(5))
    for minutes, findings, state in (
        (60, [shown_by_asset()], "OPEN"),
        (120, [], "RESOLVED"),
        (180, [shown_by_asset()], "OPEN"),
    ):
        audit(store, minutes, *findings)
        announce_due(store, subscribers, at(minutes + 5))
        assert the_state(store) == state
    assert subscribers.reasons == ["baseline", "opened", "resolved", "reopened"]
    (row,) = store.ask("views/findings", {})
    assert (row["count"], row["reopened"]) == (1, 1)


def test_an_entry_and_an_audit_that_show_the_same_are_one_finding(store: DuckDBStore) -> None:
    deliver([shown_by_entry(0)], store)
    audit(store, 60, shown_by_asset())
    (row,) = store.ask("views/findings", {})
    assert row["count"] == 2


def test_a_repeated_audit_writes_nothing_of_findings(store: DuckDBStore) -> None:
    audit(store, 0, shown_by_asset())
    before = store.ask("views/sightings", {})
    for minutes in (60, 120, 180):
        done = audit(store, minutes, shown_by_asset())
        assert done.confirmed
    assert store.ask("views/sightings", {}) == before


def test_what_could_not_be_read_is_never_resolved(store: DuckDBStore) -> None:
    audit(store, 0, shown_by_asset())
    done = audit(store, 60, seen=False)
    assert the_state(store) == "OPEN"
    (kept,) = done.unresolved
    assert kept.missing.reason == "no permission"
    gaps = {(row["part"], row["reason"]) for row in store.coverage() if row["gap"] == "coverage"}
    assert gaps == {("policies", "no permission")}


def test_a_rule_that_failed_resolves_nothing(store: DuckDBStore) -> None:
    audit(store, 0, shown_by_asset())
    run = begin_audit(store, scope=SCOPE, as_of=at(60), now=at(61))
    verdict = Verdict(failures=(RuleFailure("public-member", "inventory", "KeyError: 'x'"),))
    done = reconcile(run, inventory(), verdict, RULES, store, now=at(62))
    finish_audit(run, store, now=at(63))
    assert done.resolved == ()
    assert the_state(store) == "OPEN"
    assert [row["gap"] for row in store.coverage()] == ["rule-failure"]


def test_a_shard_resolves_in_its_own_projects_only(store: DuckDBStore) -> None:
    audit(store, 0, shown_by_asset())
    run = begin_audit(store, scope=SCOPE, as_of=at(60), now=at(60))
    other = reconcile(run, inventory(), Verdict(), RULES, store, now=at(61), shard="1", projects=["data"])
    assert other.resolved == ()
    own = reconcile(run, inventory(), Verdict(), RULES, store, now=at(62), shard="0", projects=["shop"])
    assert len(own.resolved) == 1


def test_a_threat_stays_until_a_person_closes_it(store: DuckDBStore) -> None:
    deliver([shown_by_entry(0, category=Category.THREAT)], store)
    audit(store, 60)
    assert the_state(store) == "OPEN"


def test_what_was_granted_while_the_audit_looked_is_not_resolved_by_it(store: DuckDBStore) -> None:
    deliver([shown_by_entry(55)], store)
    audit(store, 60)
    assert the_state(store) == "OPEN"
    audit(store, 120)
    assert the_state(store) == "RESOLVED"


def test_two_audits_at_once_leave_the_state_of_one(store: DuckDBStore) -> None:
    deliver([shown_by_entry(0, subject="gone")], store)
    runs = [begin_audit(store, scope=SCOPE, as_of=at(60), now=at(60), run_id=run_id) for run_id in ("a", "b")]
    seen = [store.standing(rule_ids=["public-member"], projects=None, finding_ids=[]) for _ in runs]

    class Snapshot(DuckDBStore):
        """Shows each audit what was there when both began."""

        def standing(self, **_: Any) -> Any:
            return seen.pop()

        def append(self, rows: Rows) -> None:
            store.append(rows)

    with Snapshot() as looking_back:
        for run in runs:
            reconcile(run, inventory(), Verdict((shown_by_asset(),)), RULES, looking_back, now=at(61))
            finish_audit(run, store, now=at(62))
    with DuckDBStore() as clean:
        deliver([shown_by_entry(0, subject="gone")], clean)
        audit(clean, 60, shown_by_asset())
        assert states(store) == states(clean)


class DyingStore(DuckDBStore):
    """Refuses the so-manieth append."""

    def __init__(self, dies_at: int) -> None:
        super().__init__()
        self.appends_left = dies_at

    def append(self, rows: Rows) -> None:
        self.appends_left -= 1
        if self.appends_left == 0:
            raise BackendError("the instance died")
        super().append(rows)


@pytest.mark.parametrize("dies_at", [1, 2, 3, 4, 5])
def test_an_audit_that_died_and_was_started_again_leaves_the_state_of_one(dies_at: int) -> None:
    findings = [shown_by_asset(subject=f"subject {number}") for number in range(6)]

    def in_shards(store: DuckDBStore) -> None:
        run = begin_audit(store, scope=SCOPE, as_of=at(60), now=at(60), run_id="nightly")
        for shard in range(3):
            part = Verdict(tuple(findings[shard * 2 : shard * 2 + 2]))
            reconcile(
                run, inventory(), part, RULES, store, now=at(61 + shard), shard=str(shard), projects=[f"p{shard}"]
            )
        finish_audit(run, store, now=at(65))

    with DuckDBStore() as clean, DyingStore(dies_at) as store:
        in_shards(clean)
        with pytest.raises(BackendError):
            in_shards(store)
        in_shards(store)
        assert states(store) == states(clean)
        heard = {}
        for name, each in (("clean", clean), ("store", store)):
            heard[name] = Subscribers()
            announce_due(each, heard[name], at(70))
            announce_due(each, heard[name], at(71))
        assert heard["store"].reasons == heard["clean"].reasons == ["baseline"]


def test_a_late_entry_leaves_the_state_of_one_that_came_in_time() -> None:
    def story(order: Sequence[Callable[[DuckDBStore], object]]) -> list[tuple[Any, ...]]:
        with DuckDBStore() as store:
            for step in order:
                step(store)
            return states(store)

    granted = lambda store: deliver([shown_by_entry(0)], store)  # noqa: E731
    removed = lambda store: deliver([shown_by_entry(30, state=State.RESOLVED)], store)  # noqa: E731
    audited = lambda store: audit(store, 60)  # noqa: E731
    again = lambda store: audit(store, 120)  # noqa: E731
    assert story([removed, granted]) == story([granted, removed])
    assert story([granted, audited, removed]) == story([granted, removed, audited])
    late = story([audited, granted, again])
    assert [row[1] for row in late] == ["RESOLVED"]


def test_the_first_audit_is_one_alert_and_the_next_is_not_a_first(store: DuckDBStore) -> None:
    subscribers = Subscribers()
    many = [shown_by_asset(subject=f"subject {number}") for number in range(50)]
    audit(store, 0, *many, finish=False)
    announce_due(store, subscribers, at(10))
    assert subscribers.heard == [], "told before it was done"
    audit(store, 20, *many)
    announce_due(store, subscribers, at(30))
    assert subscribers.reasons == ["baseline"]
    assert b'"open_findings":{"CRITICAL":0,"HIGH":50' in subscribers.heard[0].data
    audit(store, 60, *many, shown_by_asset(subject="new"))
    announce_due(store, subscribers, at(70))
    assert subscribers.reasons == ["baseline", "opened"]


def test_a_redelivered_message_changes_nothing(store: DuckDBStore) -> None:
    subscribers = Subscribers()
    message = shown_by_entry(0)
    deliver([message], store)
    announce_due(store, subscribers, at(1))
    tables = {name: store.ask(f"views/{name}", {}) for name in ("findings", "sightings", "episodes", "alerts_due")}
    for minutes in (1, 50, 5000):
        deliver([shown_by_entry(0, late=minutes), message], store)
        announce_due(store, subscribers, at(minutes + 1))
    assert {name: store.ask(f"views/{name}", {}) for name in tables} == tables
    assert subscribers.reasons == ["opened"]


def a_mute(**selectors: str) -> Mute:
    return Mute(owner="ada@example.com", reason="a website", expires_at=at(1000), **selectors)


@pytest.mark.parametrize(
    ("selectors", "covers"),
    [
        ({"rule_id": "public-member"}, True),
        ({"rule_id": "public-*", "project": "shop"}, True),
        ({"rule_id": "public"}, False),
        ({"rule_id": "public-member", "project": "data"}, False),
        ({"resource_name": "//cloudresourcemanager.googleapis.com/projects/s*"}, True),
        ({"principal": "allUsers"}, True),
        ({"principal": "allusers"}, False),
        ({"subject": "roles/viewer*"}, True),
        ({"category": "threat"}, False),
    ],
)
def test_a_mute_keeps_quiet_what_all_its_selectors_match(
    store: DuckDBStore, selectors: dict[str, str], covers: bool
) -> None:
    subscribers = Subscribers()
    deliver([shown_by_entry(0)], store)
    mute(store, a_mute(**selectors), now=at(1))
    announce_due(store, subscribers, at(2))
    assert (subscribers.heard == []) is covers
    assert the_state(store) == "OPEN"


def test_what_a_mute_kept_quiet_is_told_when_it_ends(store: DuckDBStore) -> None:
    subscribers = Subscribers()
    deliver([shown_by_entry(0)], store)
    mute(store, a_mute(rule_id="public-member"), now=at(1))
    announce_due(store, subscribers, at(999))
    assert subscribers.heard == []
    announce_due(store, subscribers, at(1000))
    assert subscribers.reasons == ["opened"]


def test_a_mute_that_was_taken_back_keeps_nothing_quiet(store: DuckDBStore) -> None:
    subscribers = Subscribers()
    deliver([shown_by_entry(0)], store)
    mute_id = mute(store, a_mute(rule_id="public-member"), now=at(1))
    (standing,) = store.active_mutes(mute_id[:4])
    unmute(store, standing, now=at(5))
    announce_due(store, subscribers, at(6))
    assert subscribers.reasons == ["opened"]
    assert store.active_mutes(mute_id) == []


def test_a_mute_needs_a_selector_an_owner_a_reason_and_an_end_to_come(store: DuckDBStore) -> None:
    for wanted in (
        a_mute(),
        Mute(owner=" ", reason="x", expires_at=at(9), rule_id="r"),
        Mute(owner="x", reason="", expires_at=at(9), rule_id="r"),
        Mute(owner="x", reason="x", expires_at=at(-9), rule_id="r"),
    ):
        with pytest.raises(InputError):
            mute(store, wanted, now=NOON)
    assert store.active_mutes() == []


def test_what_a_person_closed_opens_again_only_for_something_new(store: DuckDBStore) -> None:
    subscribers = Subscribers()
    deliver([shown_by_entry(0)], store)
    announce_due(store, subscribers, at(1))
    (standing,) = store.standing(rule_ids=[], projects=[], finding_ids=[shown_by_asset().finding_id])
    close(store, standing, actor="ada@example.com", reason="meant to be", now=at(100))
    announce_due(store, subscribers, at(101))
    audit(store, 200, shown_by_asset())
    deliver([shown_by_entry(50, late=200)], store)
    assert the_state(store) == "CLOSED"
    (row,) = store.ask("views/findings", {})
    assert (row["state_by"], row["state_reason"]) == ("ada@example.com", "meant to be")
    deliver([shown_by_entry(300)], store)
    assert the_state(store) == "OPEN"
    announce_due(store, subscribers, at(301))
    assert subscribers.reasons == ["opened", "closed", "baseline", "reopened"]


def test_a_finding_is_closed_once(store: DuckDBStore) -> None:
    deliver([shown_by_entry(0)], store)
    (standing,) = store.standing(rule_ids=[], projects=[], finding_ids=[shown_by_asset().finding_id])
    close(store, standing, actor="ada", reason="done", now=at(1))
    (standing,) = store.standing(rule_ids=[], projects=[], finding_ids=[standing.finding_id])
    with pytest.raises(InputError):
        close(store, standing, actor="ada", reason="done", now=at(2))


Sightings = st.lists(
    st.tuples(st.integers(0, 20), st.sampled_from([State.OPEN, State.RESOLVED]), st.sampled_from(list(Severity))),
    max_size=12,
    unique_by=lambda item: (item[0], item[1]),
)


@given(Sightings, st.randoms(use_true_random=False))
@settings(max_examples=25, deadline=timedelta(seconds=10))
def test_the_order_and_number_of_deliveries_do_not_matter(
    sightings: list[tuple[int, State, Severity]], order: random.Random
) -> None:
    deliveries = [shown_by_entry(minutes, state=state, severity=severity) for minutes, state, severity in sightings]
    shuffled = [*deliveries, *deliveries[::2]]
    order.shuffle(shuffled)
    with DuckDBStore() as straight, DuckDBStore() as crooked:
        deliver(deliveries, straight)
        for delivery in shuffled:
            deliver([delivery], crooked)
        assert states(straight) == states(crooked)


@given(Sightings)
@settings(max_examples=25, deadline=timedelta(seconds=10))
def test_the_store_and_the_tally_of_a_scan_agree(sightings: list[tuple[int, State, Severity]]) -> None:
    deliveries = [shown_by_entry(minutes, state=state, severity=severity) for minutes, state, severity in sightings]
    deliveries.sort(key=lambda delivery: (delivery.entry.timestamp, delivery.verdict.findings[0].state is State.OPEN))
    tally = Tally()
    with DuckDBStore() as store:
        deliver(deliveries, store)
        for delivery in deliveries:
            tally.add(delivery.verdict.findings)
        stored = store.ask("queries/open_findings", {"project": "", "category": "", "least_level": 0})
    assert [row["finding_id"] for row in stored] == [row.finding.finding_id for row in tally.standing()]
    assert [row["severity"] for row in stored] == [row.finding.severity.name for row in tally.standing()]


def test_an_audit_run_is_a_value() -> None:
    run = AuditRun(run_id="a", scope=SCOPE, as_of=NOON)
    assert run == AuditRun(run_id="a", scope=SCOPE, as_of=NOON)
    assert run.rows("3").shard == "3"
