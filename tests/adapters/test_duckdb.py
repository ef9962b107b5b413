"""The embedded store: the file, several at once, and what a newer or older bindwatch left there."""

from __future__ import annotations

import subprocess
import sys
import threading
from pathlib import Path
from typing import Any

import pytest

from bindwatch.adapters.duckdb import DuckDBStore
from bindwatch.adapters.questions import views_in_order
from bindwatch.adapters.tables import table_schema
from bindwatch.errors import BackendError, ConfigError
from bindwatch.model.finding import AssetRef
from bindwatch.pipeline import Table, deliver
from bindwatch.pipeline.rows import Recording, activity_row, finding_event
from sample_findings import NOON, a_finding, an_entry, at, delivery, shown_by_entry


def tables(store: DuckDBStore) -> dict[str, list[tuple[Any, ...]]]:
    """Everything in the file, row by row."""
    return {table.value: store._connection.execute(f"from {table.value}").fetchall() for table in Table}


def test_the_same_again_leaves_the_file_as_it_was(tmp_path: Path) -> None:
    path = str(tmp_path / "store.duckdb")
    given = [shown_by_entry(minutes) for minutes in range(20)]
    with DuckDBStore(path) as store:
        deliver(given, store)
        before = tables(store)
    assert len(before["activity"]) == len(before["finding_events"]) == 20
    with DuckDBStore(path) as store:
        deliver(given, store)
        deliver([*given, *given], store)
        assert tables(store) == before


def test_every_row_is_as_its_table_says() -> None:
    entry = an_entry(0)
    rows = {
        Table.ACTIVITY: activity_row(entry, received_at=NOON, findings=0),
        Table.FINDING_EVENTS: finding_event(a_finding(entry.ref), Recording(recorded_at=NOON)),
    }
    for table, row in rows.items():
        columns = {column.name: column for column in table_schema(table).columns}
        assert set(row) == set(columns)
        for name, column in columns.items():
            assert isinstance(row[name], list) is column.is_repeated, name
            assert row[name] is not None or not column.is_required, name
    evidence = {item.name: item for item in table_schema(Table.FINDING_EVENTS).columns}["evidence"]
    for source in (entry.ref, AssetRef("//a", "e")):
        row = finding_event(a_finding(source), Recording(recorded_at=NOON))
        assert [set(item) for item in row["evidence"]] == [{field.name for field in evidence.fields}]  # type: ignore[arg-type, union-attr]


def test_no_request_response_or_token_is_kept() -> None:
    secret = "ya29.c.b0Aaekm1K_secret"
    entry = an_entry(
        0,
        request={"payload": secret, "token": secret},
        response={"accessToken": secret},
        metadata={"jwt": secret},
        serviceData={"x": secret},
        status={"message": secret, "details": [{"x": secret}]},
    )
    with DuckDBStore() as store:
        deliver([delivery(0, entry=entry)], store)
        assert secret not in str(tables(store))


def test_hostile_text_is_kept_or_replaced_but_never_fatal() -> None:
    hostile = "nul \x00 half \ud800 quote ' \" ; drop table findings -- \u202e"
    with DuckDBStore() as store:
        deliver([shown_by_entry(0, subject=hostile)], store)
        (row,) = store.ask("views/findings", {})
    assert row["subject"].startswith("nul ")
    assert "drop table findings" in row["subject"]


def test_an_append_is_kept_whole_or_not_at_all() -> None:
    good = activity_row(an_entry(0), received_at=NOON, findings=0)
    bad = dict(finding_event(a_finding(an_entry(0).ref), Recording(recorded_at=NOON)), observed_at="soon")
    with DuckDBStore() as store:
        with pytest.raises(BackendError, match="append"):
            store.append({Table.ACTIVITY: [good], Table.FINDING_EVENTS: [bad]})
        assert tables(store)["activity"] == []
        store.append({Table.ACTIVITY: [good]})
        assert len(tables(store)["activity"]) == 1


def test_threads_take_turns() -> None:
    with DuckDBStore() as store:

        def work(number: int) -> None:
            for minutes in range(5):
                deliver([shown_by_entry(number * 10 + minutes)], store)
                store.alerts_due(at(1000), at_most=5)

        threads = [threading.Thread(target=work, args=(number,)) for number in range(8)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        (row,) = store.ask("views/findings", {})
        assert row["count"] == 40


def test_a_second_process_is_told_why_it_must_wait(tmp_path: Path) -> None:
    path = tmp_path / "store.duckdb"
    with DuckDBStore(str(path)):
        done = subprocess.run(
            [sys.executable, "-c", f"from bindwatch.adapters.duckdb import DuckDBStore; DuckDBStore({str(path)!r})"],
            capture_output=True,
            cwd=Path(__file__).parents[2] / "functions",
            text=True,
            check=False,
        )
    assert "Is another bindwatch working with it?" in done.stderr


def test_a_directory_that_is_not_there_is_named() -> None:
    with pytest.raises(ConfigError, match="no directory"):
        DuckDBStore("/no/such/directory/store.duckdb")


def test_a_store_of_an_older_version_gains_columns_and_keeps_rows(tmp_path: Path) -> None:
    path = str(tmp_path / "store.duckdb")
    with DuckDBStore(path) as store:
        deliver([shown_by_entry(0)], store)
        for view in ("alerts_due", "findings", "sightings", "episodes"):
            store._connection.execute(f"drop view if exists {view}")
        store._connection.execute("alter table finding_events drop column reason")
        store._connection.execute("update schema_versions set version = 0")
    with DuckDBStore(path) as store:
        deliver([shown_by_entry(1)], store)
        (row,) = store.ask("views/findings", {})
    assert row["count"] == 2


def older(path: str, *statements: str) -> None:
    """Put a store back to what an older version would have made."""
    with DuckDBStore(path) as store:
        deliver([shown_by_entry(0)], store)
        for view in reversed(views_in_order()):
            store._connection.execute(f"drop view if exists {view}")
        for statement in statements:
            store._connection.execute(statement)
        store._connection.execute("update schema_versions set version = 0")


def test_a_store_of_an_older_version_gains_columns_inside_of_records(tmp_path: Path) -> None:
    path = str(tmp_path / "store.duckdb")
    older(
        path,
        "alter table finding_events drop column evidence.element.insert_id",
        "alter table finding_events drop column remediation.undo",
        "alter table finding_events drop column notes",
    )
    with DuckDBStore(path) as store:
        deliver([shown_by_entry(1)], store)
        events = store._connection.execute(
            "select evidence[1].insert_id is null, notes from finding_events order by recorded_at, event_key"
        ).fetchall()
        (row,) = store.ask("views/findings", {})
    assert sorted(is_null for is_null, _ in events) == [False, True]
    assert all(notes is not None for _, notes in events)
    assert row["count"] == 2


@pytest.mark.parametrize(
    ("statement", "column"),
    [
        ("alter table finding_events alter column severity_level type varchar", "severity_level holds VARCHAR"),
        ("alter table finding_events alter column notes type varchar using ''", "notes holds VARCHAR"),
        ("alter table finding_events alter column remediation type varchar using ''", "remediation holds VARCHAR"),
    ],
)
def test_a_column_that_holds_something_else_is_refused_by_name(tmp_path: Path, statement: str, column: str) -> None:
    path = str(tmp_path / "store.duckdb")
    older(path, statement, "alter table activity drop column user_agent")
    with pytest.raises(BackendError, match=f"{path}: finding_events.{column}.*scan the logs.* into a new one"):
        DuckDBStore(path)


def test_a_store_of_a_newer_version_is_left_alone(tmp_path: Path) -> None:
    path = str(tmp_path / "store.duckdb")
    with DuckDBStore(path) as store:
        store._connection.execute("update schema_versions set version = 99 where name = 'activity'")
    with pytest.raises(BackendError, match="newer bindwatch"):
        DuckDBStore(path)


@pytest.mark.parametrize("table", list(Table))
def test_a_table_file_can_be_made_and_be_added_to(table: Table) -> None:
    schema = table_schema(table)
    names = [column.name for column in schema.columns]
    assert len(set(names)) == len(names)
    assert set(schema.key) <= set(names)
    assert set(schema.cluster) <= set(names)
    assert len(schema.cluster) <= 4
    assert schema.description
    assert all(column.description for column in schema.columns)
    for name in schema.key:
        assert next(column for column in schema.columns if column.name == name).is_required
    if schema.partition:
        assert schema.partition[0] in names
    if schema.retention_days:
        assert schema.partition, "only partitions expire"


def test_a_scan_without_a_store_imports_no_database() -> None:
    code = (
        "import sys, bindwatch.pipeline, bindwatch.cli.scan, bindwatch.adapters.duckdb; print('duckdb' in sys.modules)"
    )
    done = subprocess.run(
        [sys.executable, "-c", code],
        capture_output=True,
        cwd=Path(__file__).parents[2] / "functions",
        text=True,
        check=True,
    )
    assert done.stdout.strip() == "False"
