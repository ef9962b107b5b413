"""Whose a project is: kept by audits, so that what a team may see follows the labels of its projects by itself."""

from collections.abc import Callable, Mapping
from datetime import datetime
from typing import TypeAlias

from bindwatch.inventory import Inventory
from bindwatch.inventory.hierarchy import Project
from bindwatch.pipeline.ports import FindingStore, Row, Table
from bindwatch.pipeline.rows import timestamp

TeamOf: TypeAlias = Callable[[str, dict[str, str]], str]
"""The team of a project (its id) that has these labels; "" where it is nobody's."""


def keep_teams(inventory: Inventory, team_of: TeamOf, store: FindingStore, *, seen_at: datetime) -> int:
    """Keep whose the projects of an inventory are, where that is news; how many rows that took.

    A project that the inventory does not show stays whose it was.
    """
    rows = list(_news(inventory, team_of, store.known_teams(), seen_at))
    if rows:
        store.append({Table.PROJECT_TEAMS: rows})
    return len(rows)


def _news(inventory: Inventory, team_of: TeamOf, known: Mapping[str, str], seen_at: datetime) -> "list[Row]":
    rows: list[Row] = []
    for project in inventory.all(Project):
        team = team_of(project.id, dict(project.labels))
        if team != known.get(project.id, ""):
            rows.append({"project": project.id, "team": team, "seen_at": timestamp(seen_at)})
    return rows
