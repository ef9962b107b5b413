"""The report as a command, and what its page is made of: sources, changes, coverage, size, policy."""

from __future__ import annotations

import base64
import hashlib
import json
import re
import subprocess
import sys
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from bindwatch.adapters.duckdb import DuckDBStore
from bindwatch.cli.earlier import EarlierScan, read_earlier
from bindwatch.cli.page import charts
from bindwatch.cli.page.contents import (
    Card,
    DayCount,
    Minter,
    age,
    cards_of,
    changes_from,
    changes_since,
    coverage_of,
    history_of,
)
from bindwatch.cli.page.render import render
from bindwatch.errors import ConfigError, InputError
from bindwatch.model.finding import AssetRef, Severity, State
from bindwatch.pipeline import begin_audit, deliver, finish_audit
from sample_findings import a_finding, at, delivery
from sample_reports import NOW, report, row

ROOT = Path(__file__).parents[2]
DEMO = ROOT / "docs/demo"
MOMENT = "2026-11-02T12:00:00"


def bindwatch(*args: object, code: int = 0, cwd: Path = ROOT, **environment: str) -> tuple[str, str]:
    done = subprocess.run(
        [sys.executable, "-m", "bindwatch", *map(str, args)],
        capture_output=True,
        cwd=cwd,
        env={"PATH": "/usr/bin:/bin", "PYTHONPATH": str(ROOT / "functions"), "HOME": str(cwd), **environment},
        text=True,
        timeout=120,
        check=False,
    )
    assert done.returncode == code, (done.stdout[-2000:], done.stderr)
    assert "Traceback" not in done.stderr
    return done.stdout, done.stderr


@pytest.fixture(scope="module")
def demo(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The report of the sample company, compared with a scan of its clusters alone."""
    folder = tmp_path_factory.mktemp("demo")
    earlier = folder / "earlier.json"
    found, _ = bindwatch("scan", DEMO / "clusters", DEMO / "projects", "--as-of", MOMENT, "--format", "json", code=1)
    document = json.loads(found)
    gone = document["findings"][0] | {"finding_id": "0" * 32, "title": "a gone finding", "rule_id": "api-key-exists"}
    document["findings"] += [
        gone,
        gone | {"finding_id": "1" * 32, "title": "a mended finding", "rule_id": "basic-role"},
    ]
    document["findings"][0]["severity"] = "INFO"
    earlier.write_text(json.dumps(document))
    bindwatch("report", DEMO, "--as-of", MOMENT, "-o", folder / "report.html", "--since", earlier, "--title", "Tuesday")
    return folder / "report.html"


def test_files_are_reported_with_everything_that_a_scan_finds(demo: Path) -> None:
    page = demo.read_text()
    found, _ = bindwatch("scan", DEMO, "--as-of", MOMENT, "--format", "json", "--quiet", code=1)
    for finding in json.loads(found)["findings"]:
        assert f'id="f-{finding["finding_id"]}"' in page
    assert "<h1>Tuesday</h1>" in page
    assert "api-key-for-every-caller" in page, "what could not look is said"
    assert "read 37 files" in page
    assert "checkout/api in example-shop-prod" in page, "who minted is drawn"
    assert 'class="node"' in page, "who can become whom is drawn"


def test_an_earlier_scan_tells_what_is_new_worse_and_gone(demo: Path) -> None:
    page = demo.read_text()
    assert "Got worse" in page
    assert re.search(r"a gone finding <span[^>]*>could not look this time<", page)
    assert re.search(r"a mended finding <span[^>]*>not found any more<", page)


def test_only_the_page_s_own_script_and_style_count(demo: Path) -> None:
    page = demo.read_text()
    policy = re.search(r'Content-Security-Policy" content="([^"]+)"', page)
    assert policy is not None
    rules = dict(rule.split(" ", 1) for rule in policy[1].replace("&#39;", "'").split("; "))
    assert rules["default-src"] == "'none'"
    for tag, rule in (("script", "script-src"), ("style", "style-src")):
        (text,) = re.findall(rf"<{tag}>(.*?)</{tag}>", page, re.DOTALL)
        assert rules[rule] == f"'sha256-{base64.b64encode(hashlib.sha256(text.encode()).digest()).decode()}'"
        assert "innerHTML" not in text
    assert not re.search(r"<(img|iframe|link|object|embed|base|form [^>]*action)\b", page)
    assert not re.search(r'\s(style|on\w+)="', page), "a strict policy would refuse it"
    addresses = re.findall(r'(?:href|src)="(?!#)([^"]*)"', page)
    assert addresses
    assert all(address.startswith("https://console.cloud.google.com/logs/") for address in addresses)


def test_the_same_input_gives_the_same_page() -> None:
    one, other = (render(report([row(number) for number in range(120)])) for _ in range(2))
    assert one == other


def test_ten_thousand_findings_fit_a_mail() -> None:
    assert len(render(report([row(number) for number in range(10_000)])).encode()) <= 5_000_000


def test_what_could_not_be_read_is_on_the_page_and_in_the_exit_code(tmp_path: Path) -> None:
    broken = tmp_path / "broken.json"
    broken.write_text('{"protoPayload": {\n')
    _, said = bindwatch("report", broken, "-o", "out.html", code=2, cwd=tmp_path)
    page = (tmp_path / "out.html").read_text()
    assert "broken.json:1" in page
    assert "broken.json:1" in said
    assert "No inventory was looked at" in page
    assert "nobody knows who can become whom" in page
    assert "Nothing was found" in page
    assert "Every rule could look" not in page


def test_a_store_is_reported_with_its_history(tmp_path: Path) -> None:
    store = tmp_path / "store.duckdb"
    for day, what in (("01", DEMO / "clusters"), ("20", DEMO)):
        moment = f"2026-11-{day}T12:00:00"
        bindwatch("scan", what, DEMO / "projects", "--as-of", moment, "--store", store, "-q", code=1)
    _, said = bindwatch("report", "--store", store, "--as-of", "2026-11-20T13:00:00", "-o", tmp_path / "r.html")
    page = (tmp_path / "r.html").read_text()
    assert "since 2026-11-01 12:00" in page
    assert "Open findings over time" in page
    assert "Open findings by category and age" in page
    assert "the files given, as of 2026-11-20 12:00" in page
    assert "new or worse" in said
    assert "hierarchy: not in the input" in page, "drawn by the policies it keeps, which is said"
    assert 'class="node"' in page
    options = ("--store", store, "--as-of", "2026-11-20T13:00:00", "-q")
    with_inventory, _ = bindwatch("report", DEMO / "assets", *options, "--principal", "platform@example.com")
    assert re.search(r'data-drawn="0" aria-label="group:platform@example.com"', with_inventory)


@pytest.mark.parametrize(
    ("args", "said"),
    [
        ((), "give files to judge"),
        (("--store", "absent.duckdb"), "no store at absent.duckdb"),
        ((str(DEMO / "logs"), "--since", "7d"), "files have no history"),
        ((str(DEMO / "logs"), "--principal", "ada@example.com"), "No policies were read"),
        ((str(DEMO / "assets"), "--principal", "nobody@nowhere.example"), "no principal of this name"),
        ((str(DEMO / "logs"), "-o", "absent/r.html"), "absent/r.html"),
    ],
)
def test_what_cannot_be_done_is_said(tmp_path: Path, args: tuple[str, ...], said: str) -> None:
    _, error = bindwatch("report", *args, code=2, cwd=tmp_path)
    assert said in " ".join(error.split())


def test_teams_are_those_of_the_settings_or_of_the_labels(tmp_path: Path) -> None:
    settings = tmp_path / "bindwatch.toml"
    settings.write_text(
        'team_label = "squad"\n[[project_labels]]\nprojects = ["example-data-*"]\nlabels = { squad = "analytics" }\n'
    )
    labelled = {
        "name": "//cloudresourcemanager.googleapis.com/projects/example-shop-prod",
        "assetType": "cloudresourcemanager.googleapis.com/Project",
        "resource": {
            "data": {"projectId": "example-shop-prod", "projectNumber": "410000000001", "labels": {"squad": "shopping"}}
        },
    }
    (tmp_path / "labels.json").write_text(json.dumps(labelled))
    given = ("report", DEMO, tmp_path / "labels.json", "--settings", settings, "--as-of", MOMENT, "-q")
    page, _ = bindwatch(*given)
    teams = re.search(r'<select id="team">(.*?)</select>', page, re.DOTALL)
    assert teams is not None
    assert {"analytics", "shopping"} == set(re.findall(r'value="(\w+)"', teams[1]))
    # A store remembers them: neither the labels nor the settings need to be at hand.
    store = tmp_path / "kept.duckdb"
    files = (DEMO, tmp_path / "labels.json")
    bindwatch("scan", *files, "--settings", settings, "--as-of", MOMENT, "--store", store, "-q", code=1)
    page, _ = bindwatch("report", "--store", store, "--as-of", MOMENT, "-q", cwd=DEMO)
    teams = re.search(r'<select id="team">(.*?)</select>', page, re.DOTALL)
    assert teams is not None
    assert {"analytics", "shopping"} == set(re.findall(r'value="(\w+)"', teams[1]))


def test_exceptions_mute_and_are_shown(tmp_path: Path) -> None:
    settings = tmp_path / "bindwatch.toml"
    settings.write_text(
        '[[exception]]\nrule = "privileged-role"\nowner = "ada"\nreason = "known"\nexpires = 2027-01-01\n'
    )
    page, _ = bindwatch("report", DEMO, "--settings", settings, "--as-of", MOMENT, "-q")
    assert '<span class="mono" data-f="rule">privileged-role</span>' not in page
    assert "ada, until 2027-01-01: known" in page


def opened(number: int, minutes: float, **fields: Any) -> Any:
    asset = AssetRef(f"//asset/{number}/{minutes}")
    return delivery(minutes, a_finding(asset, minutes=minutes, subject=f"subject {number}", **fields))


def test_what_happened_to_a_finding_last_decides(tmp_path: Path) -> None:
    with DuckDBStore() as store:
        deliver([opened(1, 0), opened(2, 0, severity=Severity.LOW), opened(3, 60), opened(4, -2000)], store)
        deliver([opened(1, 30, state=State.RESOLVED)], store)
        deliver([opened(2, 20, severity=Severity.LOW, state=State.RESOLVED)], store)
        deliver([opened(2, 40, severity=Severity.LOW)], store)
        changes = changes_since(store, at(-60), at(120))
        by_title = {card["title"].split(" on ")[0]: card for card in cards_of(store, at(120))[0]}
        assert set(by_title) == {"subject 2", "subject 3", "subject 4"}
        assert changes.news[by_title["subject 3"]["id"]] == "new"
        assert by_title["subject 4"]["id"] not in changes.news
        assert changes.news[by_title["subject 2"]["id"]] == "back"
        assert [one.how for one in changes.ended] == ["resolved"]
        days = history_of(store)
        assert [sum(day.counts.values()) for day in days] == [1, 3]
        assert not coverage_of(store).looks


def stored_report(path: Path, *args: object) -> str:
    page, _ = bindwatch("report", "--store", path, "-q", *args)
    return page


def test_last_time_is_the_run_before_or_a_week_ago(tmp_path: Path) -> None:
    path = tmp_path / "store.duckdb"
    moment = at(240).isoformat()[:19]
    with DuckDBStore(str(path)) as store:
        deliver([opened(1, 0)], store)
    assert "The first look" in stored_report(path, "--as-of", moment)
    with DuckDBStore(str(path)) as store:
        for minutes in (60, 180):
            run = begin_audit(store, scope="organizations/1", as_of=at(minutes), now=at(minutes))
            finish_audit(run, store, now=at(minutes))
    page = stored_report(path, "--as-of", moment)
    assert f"since {at(60):%Y-%m-%d %H:%M}" in page
    assert "Nothing new." in page, "what was there before is not new"
    with DuckDBStore(str(path)) as store:
        deliver([opened(2, -60 * 24 * 30)], store)
    week = stored_report(path, "--as-of", moment)
    assert f"since {at(240) - timedelta(days=7):%Y-%m-%d %H:%M}" in week


def a_card(severity: str, finding_id: str) -> Card:
    return {"id": finding_id, "severity": severity}


def test_a_muted_finding_did_not_end() -> None:
    record = {"severity": "HIGH", "title": "t", "rule_id": "r", "project": "p", "finding_id": "b"}
    earlier = EarlierScan("last.json", {"a": record, "b": record, "c": record})
    changes = changes_from(earlier, [a_card("CRITICAL", "a"), a_card("LOW", "d")], muted=["b"], blind=())
    assert changes.news == {"a": "worse", "d": "new"}
    assert [one.how for one in changes.ended] == ["not found any more"]


@pytest.mark.parametrize(
    ("text", "wrong"),
    [
        ("{", "is not what"),
        ("[1]", "is not what"),
        ('{"findings": [1]}', "expected an object"),
        ('{"findings": [{"finding_id": "a"}]}', "severity"),
        ('{"finding_id": "a", "severity": "BAD", "rule_id": "r", "title": "t", "project": ""}', "no severity 'BAD'"),
    ],
)
def test_a_file_that_is_no_scan_is_refused_with_its_field(tmp_path: Path, text: str, wrong: str) -> None:
    path = tmp_path / "last.json"
    path.write_text(text)
    with pytest.raises(InputError, match=wrong):
        read_earlier(str(path))
    with pytest.raises(ConfigError):
        read_earlier(str(tmp_path / "absent.json"))


def test_findings_line_by_line_are_an_earlier_scan_too(tmp_path: Path) -> None:
    path = tmp_path / "last.ndjson"
    line = {"finding_id": "a", "severity": "LOW", "rule_id": "r", "title": "t", "project": ""}
    path.write_text("".join(json.dumps(line | {"finding_id": name}) + "\n" for name in "ab"))
    assert read_earlier(str(path)).severities == {"a": "LOW", "b": "LOW"}


@pytest.mark.parametrize(
    ("ago", "words"),
    [
        (timedelta(minutes=5), "just now"),
        (timedelta(hours=5), "5 h"),
        (timedelta(days=12), "12 d"),
        (timedelta(days=200), "7 months"),
        (timedelta(days=-1), "just now"),
    ],
)
def test_ages_as_people_say_them(ago: timedelta, words: str) -> None:
    assert age(NOW - ago, NOW) == words


def test_a_chart_holds_what_its_table_says() -> None:
    days = [DayCount(NOW - timedelta(days=number), {"HIGH": number}) for number in (9, 4)]
    chart = charts.standing_over_time(days, NOW)
    assert chart is not None
    assert [values for _, values in charts.rows(chart)] == [(9,)] * 5 + [(4,)] * 5
    assert charts.standing_over_time(days[:1], NOW) is None
    months = charts.standing_over_time([replace(days[0], day=datetime(2024, 1, 1, tzinfo=UTC)), days[1]], NOW)
    assert months is not None
    assert len(months.labels) <= 30
    minting = charts.minting([Minter("<b>a</b>", "key", 7, 0, 1), Minter("c", "key", 1, 3, 1)])
    assert minting is not None
    assert charts.rows(minting) == [("<b>a</b>", (7, 0)), ("c", (1, 3))]
    assert "&lt;b&gt;a" in minting.svg
    assert "<style" not in minting.svg
    assert "<script" not in minting.svg
    assert charts.minting([]) is None
    assert charts.by_category_and_age([]) is None
    assert charts.by_category_and_severity([]) is None
