"""The Grafana dashboard as Grafana would ask it."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from datetime import datetime
from importlib.machinery import SourceFileLoader
from importlib.util import module_from_spec, spec_from_loader
from typing import Any

from infra.root import ROOT

FILE = ROOT / "infra/dashboards/grafana.json"
CHOICES = {"in_project": "all", "of_category": "all", "least_level": "0"}


def read() -> dict[str, Any]:
    """The dashboard."""
    found: dict[str, Any] = json.loads(FILE.read_text(encoding="utf-8"))
    return found


def queries() -> dict[str, str]:
    """The SQL of each panel and of each list to choose from, by title."""
    board = read()
    panels = {panel["title"]: target["rawSql"] for panel in board["panels"] for target in panel["targets"]}
    lists = {item["name"]: item["query"]["rawSql"] for item in board["templating"]["list"] if item["type"] == "query"}
    return panels | lists


def asked(query: str, *, dataset: str, since: datetime, until: datetime, **choices: str) -> str:
    """A query with Grafana's variables filled in. Source: Grafana, Advanced variable format options."""
    project, _, name = dataset.partition(".")
    values: Mapping[str, str] = {
        "project_id": project,
        "dataset": name,
        "__from": str(int(since.timestamp() * 1000)),
        "__to": str(int(until.timestamp() * 1000)),
        **CHOICES,
        **choices,
    }

    def filled(found: re.Match[str]) -> str:
        value = values[found[1]]
        return "'" + value.replace("'", "\\'") + "'" if found[2] == "singlequote" else value

    return re.sub(r"\$\{(\w+)(?::(\w+))?\}", filled, query)


def twin(query: str, dataset: str) -> str:
    """The same for DuckDB, made as every twin is."""
    path = ROOT / "scripts/sql_twins"
    spec = spec_from_loader("sql_twins", SourceFileLoader("sql_twins", str(path)))
    assert spec is not None
    assert spec.loader is not None
    module = module_from_spec(spec)
    spec.loader.exec_module(module)
    text: str = module.twin(query.replace(f"`{dataset}.", "`${dataset}."), "a query of the dashboard")
    return text
