"""The dashboards: what Grafana reads, laid out without gaps in meaning, asking what the store's questions ask."""

from __future__ import annotations

import json
import re
import subprocess
import sys
from datetime import UTC, datetime
from typing import Any

import sqlglot
from grafana_foundation_sdk.cog.encoder import JSONEncoder
from grafana_foundation_sdk.cog.plugins import register_default_plugins
from grafana_foundation_sdk.models.dashboard import Dashboard

from infra import dashboard
from infra.root import ROOT

BOARD = dashboard.read()


def test_it_is_what_the_questions_say() -> None:
    done = subprocess.run([sys.executable, ROOT / "scripts/dashboards", "--check"], capture_output=True, text=True)
    assert (done.returncode, done.stdout) == (0, "")


def lost(given: Any, kept: Any, place: str = "") -> list[str]:
    """The fields that a reader of the schema did not know, or read as something else."""
    if isinstance(given, dict) and isinstance(kept, dict):
        return [item for key, value in given.items() for item in lost(value, kept.get(key), f"{place}.{key}")]
    if isinstance(given, list) and isinstance(kept, list) and len(given) == len(kept):
        return [item for n, pair in enumerate(zip(given, kept, strict=True)) for item in lost(*pair, f"{place}[{n}]")]
    return [] if given == kept else [place]


def as_json(value: Any) -> Any:
    """What the SDK makes of a dashboard, as JSON."""
    return json.loads(json.dumps(value, cls=JSONEncoder))


def test_grafana_knows_every_field() -> None:
    register_default_plugins()
    read = as_json(Dashboard.from_json(BOARD))
    ours = {name: value for name, value in BOARD.items() if not name.startswith("__")}  # those are of the importer
    assert lost(ours, read) == []


def test_a_field_that_grafana_does_not_know_would_be_noticed() -> None:
    register_default_plugins()
    wrong = {**BOARD, "panels": [{**BOARD["panels"][0], "gridpos": {}}]}
    assert lost(wrong["panels"], as_json(Dashboard.from_json(wrong))["panels"]) == ["[0].gridpos"]


def test_panels_do_not_overlap() -> None:
    taken: set[tuple[int, int]] = set()
    for panel in BOARD["panels"]:
        place = panel["gridPos"]
        assert place["x"] + place["w"] <= 24
        cells = {(x + place["x"], y + place["y"]) for x in range(place["w"]) for y in range(place["h"])}
        assert not cells & taken, panel["title"]
        taken |= cells
    assert len({panel["id"] for panel in BOARD["panels"]}) == len(BOARD["panels"])


def test_every_variable_is_there_and_used() -> None:
    known = {item["name"] for item in BOARD["templating"]["list"]}
    used = {name for query in dashboard.queries().values() for name in re.findall(r"\$\{(\w+)", query)}
    assert used - {"__from", "__to"} == known
    asked = {item["name"] for item in BOARD["__inputs"]}
    assert asked == {"DS_BIGQUERY", "VAR_PROJECT_ID", "VAR_DATASET"}
    text = dashboard.FILE.read_text(encoding="utf-8")
    assert all(f"${{{name}}}" in text for name in asked)


def test_every_panel_asks_bigquery() -> None:
    for panel in BOARD["panels"]:
        (target,) = panel["targets"]
        assert target["datasource"] == panel["datasource"] == {
            "type": "grafana-bigquery-datasource", "uid": "${DS_BIGQUERY}"
        }  # fmt: skip
        assert target["rawQuery"] is True


def test_what_is_chosen_stays_a_text() -> None:
    now = datetime(2026, 11, 2, tzinfo=UTC)
    choice = "x' or true or '"
    chosen = {name: query for name, query in dashboard.queries().items() if "${in_project" in query}
    assert chosen
    for name, query in chosen.items():
        text = dashboard.asked(query, dataset="p.d", since=now, until=now, in_project=choice)
        (tree,) = sqlglot.parse(text, read="bigquery")
        assert tree is not None
        assert [item for item in tree.find_all(sqlglot.exp.Literal) if item.this == choice], name
