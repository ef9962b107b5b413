"""The commands on a store, as a user meets them: what they print, and how they exit."""

from __future__ import annotations

import csv
import io
import json
import subprocess
import sys
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from msgspec.structs import replace

from bindwatch.adapters.duckdb import DuckDBStore
from bindwatch.engine import Verdict
from bindwatch.model.finding import LogRef, Severity
from bindwatch.pipeline import Delivery, deliver
from sample_findings import a_finding, an_entry

ROOT = Path(__file__).parents[2]
YESTERDAY = datetime.now(UTC) - timedelta(days=1)


def bindwatch(*args: str, code: int = 0, **environment: str) -> str:
    done = subprocess.run(
        [sys.executable, "-m", "bindwatch", *args],
        capture_output=True,
        cwd=ROOT / "functions",
        env={"PATH": "/usr/bin:/bin", **environment},
        text=True,
        timeout=60,
        check=False,
    )
    assert done.returncode == code, (done.stdout, done.stderr)
    assert "Traceback" not in done.stderr
    return done.stdout if code < 2 else done.stderr


@pytest.fixture
def store(tmp_path: Path) -> str:
    """A file with two findings: one CRITICAL with a hostile title, one LOW."""
    path = str(tmp_path / "findings.duckdb")
    with DuckDBStore(path) as opened:
        deliver([shown("=cmd|' \u202e\x1b[31m", Severity.CRITICAL, 1), shown("mild", Severity.LOW, 2)], opened)
    return path


def shown(subject: str, severity: Severity, number: int) -> Delivery:
    entry = an_entry(number)
    when = (YESTERDAY + timedelta(minutes=number)).isoformat()
    found = a_finding(LogRef("projects/shop/logs/x", str(number), when), subject=subject, severity=severity)
    verdict = Verdict((replace(found, observed_at=when, title=subject),))
    return Delivery(entry, verdict, YESTERDAY + timedelta(minutes=number))


def listed(store: str, *args: str, code: int = 1) -> list[dict[str, Any]]:
    rows: list[dict[str, Any]] = json.loads(
        bindwatch("findings", "--store", store, "--format", "json", *args, code=code)
    )
    return rows


def test_findings_lists_the_worst_first_and_filters(store: str) -> None:
    assert [row["severity"] for row in listed(store)] == ["CRITICAL", "LOW"]
    assert [row["severity"] for row in listed(store, "--severity", "high")] == ["CRITICAL"]
    assert listed(store, "--project", "data", code=0) == []
    assert listed(store, "--since", "2h", code=0) == []
    assert len(listed(store, "--since", "2d", "--principal", "ALLUSERS")) == 2


def test_text_from_logs_cannot_paint_the_terminal(store: str) -> None:
    text = bindwatch("findings", "--store", store, code=1)
    assert "\x1b" not in text
    assert "\u202e" not in text
    assert "CRITICAL" in text


def test_a_spreadsheet_is_given_no_formula(store: str) -> None:
    rows = list(csv.DictReader(io.StringIO(bindwatch("findings", "--store", store, "--format", "csv", code=1))))
    assert rows[0]["title"].startswith("'=cmd")


def test_show_takes_the_beginning_of_an_id_and_tells_the_story(store: str) -> None:
    finding_id = listed(store)[0]["finding_id"]
    text = bindwatch("show", finding_id[:6], "--store", store)
    for told in (
        "Take it away.",
        "gcloud x",
        "gcloud y",
        "History",
        finding_id,
        "https://console.cloud.google.com/logs",
    ):
        assert told in text
    story = json.loads(bindwatch("show", finding_id, "--store", store, "--format", "json"))
    assert [step["change"] for step in story["history"]] == ["OPEN"]
    assert "no finding" in bindwatch("show", "zzzz", "--store", store, code=2)


def test_mute_and_unmute(store: str) -> None:
    finding_id = listed(store)[0]["finding_id"]
    owned = {"USER": "ada"}
    assert "1 findings match now" in bindwatch("mute", finding_id[:8], "--reason", "x", "--store", store, **owned)
    assert "2 findings" in bindwatch(
        "mute", "--rule", "public-*", "--reason", "x", "--for", "2w", "--store", store, **owned
    )
    mutes = json.loads(bindwatch("query", "mutes", "--format", "json", "--store", store))
    assert {mute["owner"] for mute in mutes} == {"ada"}
    bindwatch("unmute", mutes[0]["mute_id"], "--store", store)
    assert len(json.loads(bindwatch("query", "mutes", "--format", "json", "--store", store))) == 1
    assert "selector" in bindwatch("mute", "--reason", "x", "--store", store, code=2, **owned)
    assert "--owner" in bindwatch("mute", "--rule", "x", "--reason", "x", "--store", store, code=2)
    assert "neither a span" in bindwatch(
        "mute", "--rule", "x", "--reason", "x", "--for", "soon", "--store", store, code=2, **owned
    )


def test_close_and_diff(store: str) -> None:
    finding_id = listed(store)[1]["finding_id"]
    bindwatch("close", finding_id[:8], "--reason", "a test", "--by", "ada", "--store", store)
    assert len(listed(store)) == 1
    assert listed(store, "--state", "closed")[0]["state_by"] == "ada"
    changes = json.loads(bindwatch("diff", "--since", "2d", "--format", "json", "--store", store, code=1))
    assert [change["what"] for change in changes] == ["closed", "opened", "opened"]
    assert bindwatch("diff", "--since", "2030-01-01", "--store", store) == ""
    assert "is CLOSED" in bindwatch("close", finding_id, "--reason", "x", "--by", "ada", "--store", store, code=2)


def test_query_lists_asks_and_helps(store: str) -> None:
    listing = bindwatch("query")
    assert "who_became" in listing
    assert "-p service_account=" in listing
    assert len(json.loads(bindwatch("query", "--format", "json"))) >= 12
    assert "public-member" in bindwatch("query", "rules-by-noise", "--store", store)
    assert bindwatch("query", "trend", "--sql").startswith("-- How many")
    assert "Did you mean" in bindwatch("query", "who_becam", code=2)
    assert "must be given" in bindwatch("query", "who_became", "--store", store, code=2)
    assert "takes no such parameter" in bindwatch("query", "trend", "-p", "x=1", "--store", store, code=2)
    assert "expected a timestamp" in bindwatch("query", "trend", "-p", "since=soon", "--store", store, code=2)


def test_a_store_that_is_not_there_is_not_made(tmp_path: Path) -> None:
    path = tmp_path / "none.duckdb"
    assert "no store at" in bindwatch("findings", "--store", str(path), code=2)
    assert not path.exists()


def test_a_file_that_is_no_store_is_said_to_be_none(tmp_path: Path) -> None:
    path = tmp_path / "notes.txt"
    path.write_text("hello " * 1000)
    assert "notes.txt" in bindwatch("findings", "--store", str(path), code=2)
