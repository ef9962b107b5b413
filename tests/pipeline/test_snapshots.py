"""Policies are remembered, and an entry that shows a whole one says what it changed."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest

from bindwatch.adapters.duckdb import DuckDBStore
from bindwatch.engine import Verdict
from bindwatch.inventory import Inventory, InventoryBuilder, Origin
from bindwatch.inventory.reading import read_inventory_document
from bindwatch.model.log_entry import LogEntry
from bindwatch.pipeline import begin_audit, deliver, reconcile, roll_up_habits, with_previous
from sample_findings import an_entry, at, delivery

SERVICE = "//run.googleapis.com/projects/shop/locations/europe-west1/services/web"
ADA, EVE = "user:ada@example.com", "user:eve@example.com"


@pytest.fixture
def store() -> Iterator[DuckDBStore]:
    with DuckDBStore() as opened:
        yield opened


def policy(*members: str) -> dict[str, Any]:
    return {"bindings": [{"role": "roles/run.invoker", "members": list(members)}], "etag": "e"}


def written(minutes: float, *members: str, **payload: Any) -> LogEntry:
    """Cloud Run: the whole policy, no delta."""
    return an_entry(
        minutes,
        kind="cloud_run_revision",
        serviceName="run.googleapis.com",
        methodName="google.cloud.run.v1.Services.SetIamPolicy",
        resourceName="projects/shop/locations/europe-west1/services/web",
        request={"policy": policy(*members)},
        **payload,
    )


def inventory(*members: str) -> Inventory:
    builder = InventoryBuilder()
    document = {"name": SERVICE, "assetType": "run.googleapis.com/Service", "iamPolicy": policy(*members)}
    assert read_inventory_document(document, builder, origin=Origin("export.json", 1))
    return builder.build()


def audit(store: DuckDBStore, minutes: float, seen: Inventory) -> None:
    run = begin_audit(store, scope="", as_of=at(minutes), now=at(minutes))
    reconcile(run, seen, Verdict(), (), store, now=at(minutes))


def members(entry: LogEntry) -> tuple[list[str], list[str]]:
    return [grant.member for grant in entry.grants], [grant.member for grant in entry.removed_grants]


def test_without_a_policy_before_the_entry_stays_as_it_is(store: DuckDBStore) -> None:
    entry = written(5, ADA, EVE)
    assert entry.resource == SERVICE
    assert entry.shows_whole_policy
    assert with_previous(entry, store) is entry


def test_an_entry_says_what_it_changed_of_the_audited_policy(store: DuckDBStore) -> None:
    audit(store, 0, inventory(ADA))
    assert members(with_previous(written(5, ADA, EVE), store)) == ([EVE], [])
    assert members(with_previous(written(6, EVE), store)) == ([EVE], [ADA])
    unchanged = with_previous(written(7, ADA), store)
    assert members(unchanged) == ([], [])
    assert not unchanged.shows_whole_policy


def test_an_entry_is_compared_with_the_entry_before(store: DuckDBStore) -> None:
    deliver([delivery(0, entry=written(0, ADA))], store)
    deliver([delivery(5, entry=written(5, ADA, EVE))], store)
    assert members(with_previous(written(10, EVE), store)) == ([], [ADA])
    assert members(with_previous(written(3, EVE), store)) == ([EVE], [ADA]), "what came later is not before"


def test_a_refused_change_is_neither_compared_nor_remembered(store: DuckDBStore) -> None:
    refused = written(0, ADA, status={"code": 7})
    assert with_previous(refused, store) is refused
    deliver([delivery(0, entry=refused)], store)
    assert store.ask("views/current_grants", {}) == []


def test_a_policy_is_kept_when_it_is_news(store: DuckDBStore) -> None:
    for minutes in (0, 60, 120):
        audit(store, minutes, inventory(ADA))
    assert len(store.known_policies(None)) == 1
    (row,) = store.ask("views/current_grants", {})
    assert row["seen_at"] == at(0)
    audit(store, 180, inventory(ADA, EVE))
    assert {row["member"] for row in store.ask("views/current_grants", {})} == {ADA, EVE}
    assert {row["principal"] for row in store.ask("views/current_grants", {})} == {ADA, EVE}


def test_a_grant_nobody_used_is_unused_where_the_logs_would_show_it(store: DuckDBStore) -> None:
    audit(store, 0, inventory(ADA, EVE))
    assert store.ask("views/unused_grants", {}) == [], "nothing was logged: nothing is known"
    deliver([delivery(1)], store)
    roll_up_habits(store, at(2))
    assert [row["member"] for row in store.ask("views/unused_grants", {})] == [EVE]


def test_rolling_up_part_of_a_day_again_counts_nothing_twice(store: DuckDBStore) -> None:
    deliver([delivery(minutes) for minutes in range(5)], store)
    for minutes in (3, 4, 5):
        store.roll_up_habits(at(0), at(minutes), now=at(10))
    (row,) = store.ask("views/habits_by_day", {})
    assert row["calls"] == 5
