"""The SQL files: each says what it asks, and its DuckDB twin is current."""

from __future__ import annotations

import re
import subprocess
import sys
from datetime import UTC, date, datetime
from pathlib import Path

import pytest

from bindwatch.adapters.questions import questions, sql_text, views_in_order, window_text
from bindwatch.errors import InputError
from bindwatch.pipeline.ports import Table
from bindwatch.rules import WINDOW_RULES

ROOT = Path(__file__).parents[2]
FOLDERS = ("queries", "windows", "windows/hourly", "steps", "views", "store", "rollups")
NAMES = [f"{folder}/{name}" for folder in FOLDERS for name in questions(folder)]
NOW = datetime(2026, 3, 2, 12, tzinfo=UTC)


@pytest.mark.parametrize("name", NAMES)
def test_a_file_opens_with_its_question(name: str) -> None:
    folder, _, short = name.rpartition("/")
    assert questions(folder)[short].question.endswith("?")


@pytest.mark.parametrize("name", [name for name in NAMES if name.startswith(("queries/", "windows/", "steps/"))])
def test_every_parameter_is_documented_and_used(name: str) -> None:
    folder, _, short = name.rpartition("/")
    code = re.sub(r"--[^\n]*", "", sql_text(name))
    used = set(re.findall(r"@(\w+)", code))
    documented = {item.name for item in questions(folder)[short].parameters}
    assert used == documented


@pytest.mark.parametrize("name", NAMES)
def test_a_contract_names_its_columns(name: str) -> None:
    assert not re.search(r"select\s+(distinct\s+)?\*|\.\*", sql_text(name))


def test_questions_on_entries_prune_partitions() -> None:
    for name in NAMES:
        text = sql_text(name)
        if "${dataset}.activity`" in text:
            assert re.search(r"where\s+occurred_at >= @since", text), name


def test_every_scan_of_a_sweep_prunes_partitions() -> None:
    text = window_text(tuple(rule.id for rule in WINDOW_RULES))
    scans = text.count("${dataset}.activity`")
    assert scans >= len(WINDOW_RULES) - 2
    for bound in ("occurred_at >= @since", "occurred_at < @until"):
        assert len(re.findall(rf"{bound}\b", text)) == scans
    assert text.count("${dataset}.habits`") == len(re.findall(r"\bday <= date\(@until\)", text))


def test_views_come_after_what_they_lean_on() -> None:
    order = views_in_order()
    assert order.index("sightings") < order.index("episodes") < order.index("findings") < order.index("alerts_due")


@pytest.mark.parametrize("name", questions("teams"))
def test_a_view_of_a_team_leans_on_tables_alone(name: str) -> None:
    read = set(re.findall(r"`\$\{dataset\}\.(\w+)`", sql_text(f"teams/{name}")))
    assert "project_teams" in read
    assert read <= {table.value for table in Table}


def test_twins_are_current() -> None:
    done = subprocess.run([sys.executable, ROOT / "scripts" / "sql_twins", "--check"], capture_output=True, check=False)
    assert done.returncode == 0, done.stdout.decode()


def test_parameters_are_read_as_their_types() -> None:
    trend = questions()["trend"]
    assert trend.values({}, NOW) == {"since": datetime(2025, 12, 2, 12, tzinfo=UTC)}
    assert trend.values({"since": "-6h"}, NOW) == {"since": datetime(2026, 3, 2, 6, tzinfo=UTC)}
    assert trend.values({"since": "2026-01-31"}, NOW) == {"since": datetime(2026, 1, 31, tzinfo=UTC)}
    (parameter,) = trend.parameters
    from dataclasses import replace

    assert replace(parameter, type="date").read("2026-01-31", NOW) == date(2026, 1, 31)
    for given in ({"since": "soon"}, {"until": "-1d"}):
        with pytest.raises(InputError):
            trend.values(given, NOW)
    with pytest.raises(InputError, match="must be given"):
        questions()["who_became"].values({}, NOW)
