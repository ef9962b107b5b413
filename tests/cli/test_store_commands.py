"""The commands on a store, as a user meets them: what they print, and how they exit."""

from __future__ import annotations

import csv
import io
import json
import re
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
    assert "muted until" not in bindwatch("findings", "--store", store, code=1)
    assert "1 finding matches now" in bindwatch("mute", finding_id[:8], "--reason", "x", "--store", store, **owned)
    heading, worst, mild = bindwatch("findings", "--store", store, code=1).splitlines()
    assert heading.endswith("muted until")
    assert re.search(r" \d{4}-\d\d-\d\d$", worst)
    assert mild.endswith(listed(store)[1]["finding_id"][:10])
    assert "2 findings" in bindwatch(
        "mute", "--rule", "public-*", "--reason", "x", "--for", "2w", "--store", store, **owned
    )
    mutes = json.loads(bindwatch("query", "mutes", "--format", "json", "--store", store))
    assert {mute["owner"] for mute in mutes} == {"ada"}
    bindwatch("unmute", mutes[0]["mute_id"], "--store", store)
    assert len(json.loads(bindwatch("query", "mutes", "--format", "json", "--store", store))) == 1
    assert "needs a finding, or a rule" in bindwatch("mute", "--reason", "x", "--store", store, code=2, **owned)
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


def test_findings_are_sorted_and_come_a_page_at_a_time(store: str) -> None:
    assert [row["severity"] for row in listed(store, "--reverse")] == ["LOW", "CRITICAL"]
    assert listed(store, "--sort", "title")[1]["title"] == "mild"
    assert [row["severity"] for row in listed(store, "--limit", "1")] == ["CRITICAL"]
    assert [row["severity"] for row in listed(store, "--limit", "1", "--page", "2")] == ["LOW"]
    assert [row["title"] for row in listed(store, "--text", "MILD")] == ["mild"]
    assert listed(store, "--text", "wild", code=0) == []


def test_a_table_fits_the_terminal_and_names_findings_by_what_show_takes(store: str) -> None:
    text = bindwatch("findings", "--store", store, "--state", "all", code=1, COLUMNS="80")
    assert max(map(len, text.splitlines())) <= 80
    begin = text.splitlines()[1].split()[-1]
    assert "CRITICAL" in bindwatch("show", begin, "--store", store)


@pytest.mark.parametrize("form", ["csv", "sarif", "ocsf", "junit", "markdown", "scc"])
def test_findings_of_a_store_come_in_every_form(store: str, tmp_path: Path, form: str) -> None:
    text = bindwatch("findings", "--store", store, "--format", form, code=1)
    finding_id = listed(store)[0]["finding_id"]
    assert finding_id in text
    assert "\u202e" not in text
    file = tmp_path / "out"
    bindwatch("findings", "--store", store, "--output", f"{form}={file}", code=1)
    assert finding_id in file.read_text(encoding="utf-8")


def test_a_rule_that_is_none_is_no_empty_answer(store: str) -> None:
    assert "public-member" in bindwatch("findings", "--store", store, "--rule", "public-membr", code=2)


def test_what_differs_between_two_scans(store: str, tmp_path: Path) -> None:
    grave, mild = listed(store)
    before, after = tmp_path / "before.json", tmp_path / "after.json"
    gone = mild | {"finding_id": "f" * 32, "rule_id": "key-not-rotated", "title": "gone"}
    unseen = mild | {"finding_id": "e" * 32, "rule_id": "api-key-exists", "title": "unseen"}
    before.write_text(json.dumps({"findings": [mild, gone, unseen]}), encoding="utf-8")
    summary = {"not_checked": [{"rule_id": "api-key-exists", "missing": ["api keys"]}]}
    worse = mild | {"severity": "HIGH"}
    after.write_text(json.dumps({"findings": [grave, worse], "summary": summary}), encoding="utf-8")
    rows = json.loads(bindwatch("diff", str(before), str(after), "--format", "json", code=1))
    told = {row["title"]: row["what"] for row in rows}
    assert told == {grave["title"]: "opened", "mild": "worse", "gone": "ended", "unseen": "not looked at"}
    (run,) = json.loads(bindwatch("diff", str(before), str(after), "--format", "sarif", code=1))["runs"]
    assert {result["baselineState"] for result in run["results"]} == {"new", "updated"}
    assert bindwatch("diff", str(after), str(after), "--format", "csv") == ""
    assert "opened" in bindwatch("diff", "--store", store, "--since", "3d", code=1)
    assert "bindwatch diff" in bindwatch("diff", "--store", store, "--since", "3d", "--format", "markdown", code=1)
