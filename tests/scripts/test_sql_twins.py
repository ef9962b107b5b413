"""The maker of twins refuses what would silently mean something else."""

from __future__ import annotations

from importlib.machinery import SourceFileLoader
from importlib.util import module_from_spec, spec_from_loader
from pathlib import Path
from typing import Any

import pytest


def load() -> Any:
    path = Path(__file__).parents[2] / "scripts" / "sql_twins"
    spec = spec_from_loader("sql_twins", SourceFileLoader("sql_twins", str(path)))
    assert spec is not None
    assert spec.loader is not None
    module = module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


TWINS = load()


def duckdb(expression: str) -> Any:
    import duckdb

    with duckdb.connect() as connection:
        return connection.execute(TWINS.twin(f"-- What?\nselect {expression} as x\n", "x.sql")).fetchall()[0][0]


@pytest.mark.parametrize(
    ("expression", "value"),
    [
        ("div((4000 + 1800), 3600)", 1),
        ("10 - div((7 + 1), 2)", 6),
        ("div(unix_seconds(timestamp '2026-01-01 00:59:59.900000'), 3600)", 490896),
        ("unix_seconds(timestamp '2026-01-01 00:00:00.900000')", 1767225600),
        ("unix_seconds(timestamp_add(timestamp '2026-01-01 00:00:00', interval 10 minute))", 1767226200),
        ("cast(date_trunc(date '2026-03-05', week(monday)) as string)", "2026-03-02"),
        ("strpos('user:ada', ':')", 5),
        ("substr('user:ada', 6)", "ada"),
        ("greatest(2, null)", None),
    ],
)
def test_a_twin_means_the_same(expression: str, value: object) -> None:
    assert duckdb(expression) == value


@pytest.mark.parametrize(
    "expression",
    [
        "timestamp_diff(a, b, second)",
        "current_timestamp()",
        "generate_uuid()",
        "format_timestamp('%F', a)",
        "div(a + b, 2)",
    ],
)
def test_what_does_not_carry_over_is_refused(expression: str) -> None:
    with pytest.raises(TWINS.NotPortableError):
        TWINS.twin(f"-- What?\nselect {expression} as x\n", "x.sql")


def test_times_have_no_zone() -> None:
    assert "TIMESTAMPTZ" not in TWINS.twin("-- What?\nselect timestamp '2026-01-01' as x\n", "x.sql")
