"""The audit of a fictional organization: what it finds, resolves, leaves alone for want of sight, and takes up."""

from __future__ import annotations

import io
import json
from datetime import UTC, datetime, timedelta
from typing import Any
from urllib.parse import quote

import pytest

from bindwatch.adapters.duckdb import DuckDBStore
from bindwatch.adapters.google_apis import GoogleApis
from bindwatch.adapters.needs import NEEDS
from bindwatch.customization.settings_file import SettingsFile, read_settings
from bindwatch.engine import Engine
from bindwatch.inventory import Inventory
from bindwatch.knowledge.roles import RoleCatalogue
from bindwatch.model.resource import project_name
from bindwatch.rule import Context
from bindwatch.rules import INVENTORY_RULES
from bindwatch.serving.audit import Auditor, AuditResult
from bindwatch.serving.log_lines import Log
from fakes.organization import ORGANIZATION, Organization

EVE = "user:eve@gmail.com"


class World:
    """An organization, a store and a clock that only moves when told to."""

    def __init__(self, organization: Organization, target: str) -> None:
        self.organization = organization
        self.store = DuckDBStore()
        self.apis = GoogleApis(target=target, share=None, first_pause=0.001)
        self.now = datetime(2026, 11, 2, 6, 0, tzinfo=UTC)
        self.settings = SettingsFile()
        self.spent = 0.0
        self.tick = 0.0

    def audit(self, scope: str = ORGANIZATION, seconds: float = 1e9) -> AuditResult:
        def make_engine(catalogue: RoleCatalogue | None, inventory: Inventory) -> Engine:
            context = Context(as_of=self.now, trusted_domains=frozenset({"example.com"}), inventory=inventory)
            return Engine(context, (), INVENTORY_RULES)

        auditor = Auditor(
            self.apis,
            self.store,
            make_engine,
            self.settings.team_of,
            clock=lambda: self.now,
            monotonic=self._monotonic,
        )
        return auditor.audit(scope, Log(stream=io.StringIO()), seconds=seconds)

    def _monotonic(self) -> float:
        self.spent += self.tick
        return self.spent

    def ask(self, sql: str) -> list[tuple[Any, ...]]:
        return list(self.store._connection.execute(sql).fetchall())

    def findings(self, state: str = "OPEN") -> set[tuple[str, str]]:
        """(rule, project) of the findings that say something of Eve."""
        rows = self.ask(f"select rule_id, project from findings where state = '{state}' and subject like '%eve@%'")
        return set(rows)


@pytest.fixture
def world(request: pytest.FixtureRequest) -> Any:
    organization = Organization(**getattr(request, "param", {"projects": 12}))
    organization.unknown_types.clear()
    organization.owners = dict.fromkeys(organization.projects[:6], EVE)
    with organization.served() as target:
        yield World(organization, target)


def projects_of(findings: set[tuple[str, str]]) -> set[str]:
    return {project for _, project in findings}


def test_the_first_audit_finds_what_stands_and_is_the_baseline(world: World) -> None:
    result = world.audit()
    assert result.is_finished
    assert result.baseline
    assert not result.failures
    assert projects_of(world.findings()) == set(world.organization.projects[:6])
    assert [row["kind"] for row in world.store.ask("views/alerts_due", {})].count("baseline") == 1
    assert not world.audit().baseline


def test_what_is_gone_is_resolved_and_what_comes_back_reopens(world: World) -> None:
    world.audit()
    gone = world.organization.projects[0]
    del world.organization.owners[gone]
    world.now += timedelta(days=1)
    world.audit()
    assert projects_of(world.findings("RESOLVED")) == {gone}
    world.organization.owners[gone] = EVE
    world.now += timedelta(days=1)
    assert world.audit().changes["reopened"]
    assert gone in projects_of(world.findings())


def test_an_audit_again_changes_nothing(world: World) -> None:
    world.audit()
    before = world.ask("select count(*) from finding_events")
    world.now += timedelta(hours=1)
    result = world.audit()
    assert world.ask("select count(*) from finding_events") == before
    assert result.changes["opened"] == result.changes["resolved"] == 0


def deny_listing(organization: Organization, project: str) -> None:
    organization.denied.add(("list_assets", f"projects/{project}"))


def deny_whole(organization: Organization) -> None:
    organization.denied.add(("list_assets", ORGANIZATION))


@pytest.mark.parametrize(
    "world",
    [
        pytest.param({"projects": 40, "hasty": 9}, id="forty"),
        pytest.param({"projects": 2000, "hasty": 9}, id="two-thousand", marks=pytest.mark.slow),
    ],
    indirect=True,
)
def test_where_the_scope_may_not_be_listed_its_projects_are(world: World) -> None:
    deny_whole(world.organization)
    assert world.audit().is_finished
    assert projects_of(world.findings()) == set(world.organization.projects[:6])
    closed = world.organization.projects[:2]
    for project in closed:
        deny_listing(world.organization, project)
        del world.organization.owners[project]
    del world.organization.owners[world.organization.projects[2]]
    world.now += timedelta(days=1)
    result = world.audit()
    assert result.is_finished
    # The two could not be looked at: they are named, and nothing of theirs is resolved.
    assert projects_of(world.findings("RESOLVED")) == {world.organization.projects[2]}
    assert set(closed) <= projects_of(world.findings())
    named = {
        row[0]
        for row in world.ask(f"select distinct place from runs where run_id = '{result.run_id}' and part = 'policies'")
    }
    assert {project_name(project) for project in closed} <= named
    assert not any(project_name(project) in named for project in world.organization.projects[2:])


def test_what_the_time_does_not_suffice_for_the_next_call_does(world: World) -> None:
    deny_whole(world.organization)
    world.tick = 1.0
    first = world.audit(seconds=5)
    assert not first.is_finished
    done = 12 - first.left
    assert 0 < done < 12
    calls = 1
    result = first
    while not result.is_finished:
        result = world.audit(seconds=5)
        calls += 1
        assert result.run_id == first.run_id
        assert result.baseline
    assert calls > 2
    assert projects_of(world.findings()) == set(world.organization.projects[:6])
    assert world.ask("select count(*) from runs where entry = 'finished'") == [(1,)]
    assert world.ask("select count(distinct shard) from runs where entry = 'shard'") == [(12,)]


def test_deny_policies_are_read_oldest_first_and_remembered(world: World) -> None:
    world.tick = 1.0
    first = world.audit(seconds=6)
    assert first.is_finished
    unread = [reason for reason in first.not_read if "not read yet" in reason]
    assert unread
    known = dict(world.ask("select resource, count(*) from snapshots where kind = 'deny-policies' group by resource"))
    assert len(known) + len(unread) == 13  # the organization and its projects
    world.now += timedelta(hours=1)
    second = world.audit(seconds=6)
    assert len([reason for reason in second.not_read if "not read yet" in reason]) < len(unread)
    for _ in range(3):
        world.now += timedelta(hours=1)
        last = world.audit(seconds=6)
    assert not [reason for reason in last.not_read if "not read yet" in reason]
    world.now += timedelta(hours=1)
    world.audit(seconds=6)
    latest = "select resource, max(seen_at) as latest_at from snapshots where kind = 'deny-policies' group by resource"
    ((oldest,),) = world.ask(f"select min(latest_at) from ({latest})")
    assert oldest.replace(tzinfo=UTC) >= world.now - timedelta(hours=4)  # each in its turn, none left behind


def test_two_denied_projects_are_named_in_the_coverage(world: World) -> None:
    numbers = [str(100_000 + index) for index in (3, 7)]
    for number in numbers:
        attachment = quote(f"cloudresourcemanager.googleapis.com/projects/{number}", safe="")
        world.organization.denied.add(("list_policies", f"policies/{attachment}/denypolicies".replace("%2F", "/")))
    result = world.audit()
    assert result.is_finished
    refused = [reason for reason in result.not_read if "deny policies" in reason]
    assert sorted(reason.split("projects/")[1].split(":")[0] for reason in refused) == ["example-0003", "example-0007"]
    assert all("iam.denypolicies.list" in reason for reason in refused)
    told = "select project, title, state from findings where rule_id = 'not-allowed-to-look' order by project"
    findings = world.ask(told)
    assert [project for project, _, _ in findings] == ["example-0003", "example-0007"]
    assert all(
        "needs iam.denypolicies.list, (roles/iam.denyReviewer)".replace(", (", " (") in title
        for _, title, _ in findings
    )
    world.organization.denied.clear()
    world.now += timedelta(days=1)
    world.audit()
    assert [state for _, _, state in world.ask(told)] == ["RESOLVED", "RESOLVED"]


def test_the_roles_are_kept_for_a_week(world: World) -> None:
    world.audit()
    assert world.organization.calls["list_roles"] == 1
    world.now += timedelta(days=1)
    world.audit()
    assert world.organization.calls["list_roles"] == 1
    world.now += timedelta(days=7)
    world.audit()
    assert world.organization.calls["list_roles"] == 2


def test_one_project_is_judged_with_what_stands_above_it(world: World) -> None:
    result = world.audit("projects/example-0001")
    assert result.is_finished
    assert projects_of(world.findings()) == {"example-0001"}
    assert world.organization.calls["get_iam_policy"] >= 2
    json.dumps(result.not_read)


def test_the_audit_asks_nothing_that_is_not_declared(world: World) -> None:
    deny_whole(world.organization)
    world.audit()
    world.audit("projects/example-0001")
    declared = {call.method for call in NEEDS["audit"]}
    assert set(world.organization.calls) <= declared


def test_rules_that_are_off_for_want_of_a_file_are_named_in_the_coverage(world: World) -> None:
    world.audit()
    rows = world.store.coverage()
    off = {row["rule_id"]: row["reason"] for row in rows if row["part"] == "outside"}
    assert off == {"new-place": "the settings lack [outside].geoip"}


def test_whose_a_project_is_follows_its_label(world: World) -> None:
    shop, data, nobody = world.organization.projects[:3]
    world.organization.labels = {
        shop: {"team": "shop", "stage": "prod"},
        data: {"team": "data"},
        nobody: {"squad": "x"},
    }
    world.audit()
    assert world.ask("select project, team from teams order by project") == [(shop, "shop"), (data, "data")]
    world.organization.labels = {data: {"team": "data"}, nobody: {"team": "shop"}}
    world.now += timedelta(hours=1)
    world.audit()
    expected = [(shop, ""), (data, "data"), (nobody, "shop")]
    assert world.ask("select project, team from teams order by project") == expected
    world.now += timedelta(hours=1)
    world.audit()
    assert world.ask("select count(*) from project_teams") == [(4,)]  # what nobody changed is not written again


def test_a_project_that_may_not_be_read_stays_with_its_team(world: World) -> None:
    closed, moved = world.organization.projects[:2]
    world.organization.labels = {closed: {"team": "shop"}, moved: {"team": "data"}}
    world.audit()
    deny_whole(world.organization)
    deny_listing(world.organization, closed)
    world.organization.denied.add(("get_project", f"projects/{closed}"))
    world.organization.labels = {moved: {"team": "shop"}}
    world.now += timedelta(hours=1)
    world.audit()
    assert world.ask("select project, team from teams order by project") == [(closed, "shop"), (moved, "shop")]


def test_the_settings_name_the_label_and_may_say_otherwise_of_a_project(world: World) -> None:
    shop, data, nobody = world.organization.projects[:3]
    text = f'team_label = "squad"\n[[project_labels]]\nprojects = ["{data}"]\nlabels = {{ squad = "data" }}\n'
    world.settings, _, _ = read_settings(text, "bindwatch.toml")
    world.organization.labels = {shop: {"squad": "shop"}, data: {"squad": "shop"}, nobody: {"team": "shop"}}
    world.audit()
    assert world.ask("select project, team from teams order by project") == [(shop, "shop"), (data, "data")]
