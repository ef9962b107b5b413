"""The tables of the store as their schema files say: columns, keys, partitions, retention, version."""

import json
from dataclasses import dataclass
from functools import cache
from importlib.resources import files
from typing import Any, Final

from bindwatch.pipeline.ports import Table

_SCHEMA: Final = files("bindwatch") / "sql" / "schema"


@dataclass(frozen=True, slots=True)
class Column:
    """One column, as BigQuery's schema files write it."""

    name: str
    type: str
    mode: str = "NULLABLE"
    description: str = ""
    fields: tuple["Column", ...] = ()

    @property
    def is_required(self) -> bool:
        """Whether every row must have it."""
        return self.mode == "REQUIRED"

    @property
    def is_repeated(self) -> bool:
        """Whether it holds a list."""
        return self.mode == "REPEATED"


@dataclass(frozen=True, slots=True)
class TableSchema:
    """One table: what is in it, what makes a row the same row, and how long it is kept."""

    name: Table
    description: str
    version: int
    key: tuple[str, ...]
    partition: tuple[str, str] | None
    """The column it is partitioned by, and how finely (HOUR, DAY)."""
    cluster: tuple[str, ...]
    retention_days: int | None
    columns: tuple[Column, ...]


@cache
def table_schema(table: Table) -> TableSchema:
    """The schema of one table."""
    text = (_SCHEMA / f"{table.value}.json").read_text(encoding="utf-8")
    raw: dict[str, Any] = json.loads(text)
    partition = raw["partition"]
    return TableSchema(
        name=table,
        description=raw["description"],
        version=raw["version"],
        key=tuple(raw["key"]),
        partition=(partition["field"], partition["type"]) if partition else None,
        cluster=tuple(raw["cluster"]),
        retention_days=raw["retention_days"],
        columns=tuple(_column(item) for item in raw["schema"]),
    )


def _column(raw: dict[str, Any]) -> Column:
    return Column(
        name=raw["name"],
        type=raw["type"],
        mode=raw.get("mode", "NULLABLE"),
        description=raw.get("description", ""),
        fields=tuple(_column(item) for item in raw.get("fields", ())),
    )
