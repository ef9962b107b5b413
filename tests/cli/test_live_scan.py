"""A live scope scanned through fakes of Google's APIs: what is found, and what could not be seen."""

from __future__ import annotations

import io
import json
from collections.abc import Iterator, Mapping
from datetime import UTC, datetime
from typing import Any

import pytest
from click.testing import CliRunner

from bindwatch.adapters.google_apis import GoogleApis
from bindwatch.adapters.live_scope import Live
from bindwatch.adapters.needs import NEEDS
from bindwatch.cli.outcome import Outcome
from bindwatch.cli.progress import Progress
from bindwatch.cli.scan import command, scan
from bindwatch.rule import Context
from fakes.organization import ORGANIZATION, Organization
from generate import SUSPICIOUS_ADMINISTRATION, generate_entries

NOW = datetime(2026, 11, 3, 12, tzinfo=UTC)
ENTRIES = [json.loads(line) for line in generate_entries(60, seed=12, mix=SUSPICIOUS_ADMINISTRATION)]


class Logging:
    """Answers entries.list in pages of twenty; a status other than 200 is all it answers."""

    def __init__(self, status: int = 200) -> None:
        self.status = status
        self.asked: list[Mapping[str, Any]] = []

    def __call__(self, path: str, body: Mapping[str, Any]) -> tuple[int, bytes]:
        assert path == "/v2/entries:list"
        self.asked.append(body)
        if self.status != 200:
            return self.status, json.dumps({"error": {"message": "no"}}).encode()
        at = int(body.get("pageToken", 0))
        token = str(at + 20) if at + 20 < len(ENTRIES) else ""
        return 200, json.dumps({"entries": ENTRIES[at : at + 20], "nextPageToken": token}).encode()


class World:
    """An organization in which Eve owns two of six projects, and its logs."""

    def __init__(self) -> None:
        self.organization = Organization(projects=6)
        self.organization.unknown_types.clear()
        self.organization.owners = dict.fromkeys(self.organization.projects[:2], "user:eve@gmail.com")
        self.logging = Logging()
        self.terminal = io.StringIO()
        self.target = ""

    def scan(self, scope: str = ORGANIZATION, since: datetime | None = None, paths: tuple[str, ...] = ()) -> Outcome:
        apis = GoogleApis(target=self.target, share=None, first_pause=0.001)
        context = Context(as_of=NOW, trusted_domains=frozenset({"example.com"}))
        live = Live(scope, apis, self.logging, since=since, until=NOW)
        return scan(paths, context, Progress(self.terminal), live=live)


@pytest.fixture
def world() -> Iterator[World]:
    made = World()
    with made.organization.served() as made.target:
        yield made


def owned_by_eve(outcome: Outcome) -> set[str]:
    """The projects of findings that name Eve."""
    return {row.finding.project for row in outcome.tally.standing() if "eve@" in row.finding.subject}


def test_the_inventory_of_an_organization_is_judged(world: World) -> None:
    outcome = world.scan()
    assert owned_by_eve(outcome) == {"example-0000", "example-0001"}
    assert outcome.reading.inventory_items > 12
    assert [item.file for item in outcome.reading.skipped if "audit logs" in item.file]
    assert world.logging.asked == []


def test_a_project_is_judged_with_what_stands_above_it(world: World) -> None:
    outcome = world.scan("projects/example-0001")
    assert owned_by_eve(outcome) == {"example-0001"}
    assert world.organization.calls["get_iam_policy"] >= 2
    assert outcome.is_complete


def test_its_logs_are_judged_page_by_page(world: World) -> None:
    outcome = world.scan(since=datetime(2026, 11, 2, tzinfo=UTC))
    assert outcome.reading.entries == len(ENTRIES)
    assert len(world.logging.asked) == 3
    assert 'timestamp >= "2026-11-02T00:00:00+00:00"' in world.logging.asked[0]["filter"]
    assert world.logging.asked[0]["resourceNames"] == [ORGANIZATION]
    rules = {row.finding.rule_id for row in outcome.tally.standing()}
    assert "audit-logging-disabled" in rules or len(rules) > 5


def test_where_the_scope_may_not_be_listed_its_projects_are(world: World) -> None:
    world.organization.denied.add(("list_assets", ORGANIZATION))
    outcome = world.scan()
    assert owned_by_eve(outcome) == {"example-0000", "example-0001"}
    assert not outcome.is_complete
    assert any("cloudasset.assets.listResource" in str(problem) for problem in outcome.reading.problems)


def test_logs_that_may_not_be_read_are_said_and_the_rest_is_judged(world: World) -> None:
    world.logging.status = 403
    outcome = world.scan(since=datetime(2026, 11, 2, tzinfo=UTC))
    assert owned_by_eve(outcome) == {"example-0000", "example-0001"}
    (problem,) = (problem for problem in outcome.reading.problems if problem.file == "Cloud Logging")
    assert "roles/logging.privateLogViewer" in problem.problem
    assert not outcome.is_complete


def test_a_scan_asks_nothing_that_is_not_declared(world: World) -> None:
    world.scan()
    world.scan("projects/example-0001")
    assert set(world.organization.calls) <= {call.method for call in NEEDS["scan"]}


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        ([], "name files to read"),
        (["--since", "7d"], "go with --project"),
        (["--impersonate", "a@p.iam.gserviceaccount.com"], "go with --project"),
        (["--project", "p", "--organization", "1"], "expected one of"),
        (["--organization", "example.com"], "expected one of"),
    ],
)
def test_what_is_not_said_well_is_refused(arguments: list[str], said: str) -> None:
    result = CliRunner().invoke(command, arguments)
    assert result.exit_code == 2
    assert said in result.output
