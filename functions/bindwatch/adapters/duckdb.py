"""The embedded store: one DuckDB file (or memory), with the tables, views and questions of the BigQuery one."""

import json
import threading
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from datetime import UTC, date, datetime
from pathlib import Path
from types import TracebackType
from typing import Any, ClassVar, Final, Self
from zlib import crc32

import msgspec

from bindwatch.adapters.questions import Value, sql_text, views_in_order, views_under
from bindwatch.adapters.sql_store import Answer, QuestionRefusedError, SqlStore
from bindwatch.adapters.tables import Column, TableSchema, table_schema
from bindwatch.errors import BackendError, ConfigError
from bindwatch.pipeline.ports import Row, Rows, Table

_TYPES: Final = {
    "STRING": "VARCHAR",
    "INTEGER": "BIGINT",
    "BOOLEAN": "BOOLEAN",
    "TIMESTAMP": "TIMESTAMP",
    "DATE": "DATE",
}
_VIEWS: Final = "views"


class DuckDBStore(SqlStore):
    """Keeps everything in one file that one process at a time may open; `:memory:` keeps it for the process.

    Appending the same rows again leaves the file as it was. Safe for several threads, one at a time.
    """

    engine: ClassVar = "duckdb"

    def __init__(self, path: str = ":memory:", *, lazy: bool = False) -> None:
        """Open or make it; a `lazy` store makes a view when a question leans on it, not a tenth of a second before."""
        import duckdb  # here: it costs a quarter of a second, and a scan without a store does not need it

        self.path = path
        self._lock = threading.Lock()
        self._views: set[str] = set()
        self._is_lazy = lazy
        self._error: type[Exception] = duckdb.Error
        self._broken = (duckdb.ConnectionException, duckdb.FatalException, duckdb.InternalException, duckdb.IOException)
        if path != ":memory:" and not Path(path).parent.is_dir():
            raise ConfigError([f"store {path}: there is no directory {Path(path).parent}"])
        try:
            self._connection: Any = duckdb.connect(path)
        except duckdb.IOException as error:
            raise BackendError(f"store {path}: {error}. Is another bindwatch working with it?") from error
        try:
            with self._translated("open the store"):
                self._apply_schema()
        except BackendError:
            self._connection.close()
            raise

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self.close()

    def close(self) -> None:
        """Let go of the file, so that another process can open it."""
        self._connection.close()

    def append(self, rows: Rows) -> None:
        """Keep these rows, all or none; those whose key is there already are left out."""
        with self._lock, self._translated("append"):
            self._connection.begin()
            try:
                for table, batch in rows.items():
                    if batch:
                        self._insert(table_schema(table), batch)
            except BaseException:
                self._connection.rollback()
                raise
            self._connection.commit()

    def _answer(self, text: str, files: tuple[str, ...], parameters: Mapping[str, Value]) -> list[Answer]:
        given = {key: _native(value) for key, value in parameters.items()}
        with self._lock, self._translated(f"ask {', '.join(files)}", refusal=QuestionRefusedError):
            self._make_views(view for view in views_under(*files) if view not in self._views)
            cursor = self._connection.execute(text, given)
            columns = [column[0] for column in cursor.description]
            return [dict(zip(columns, map(_aware, row), strict=True)) for row in cursor.fetchall()]

    def _roll_up(self, since: datetime, until: datetime, now: datetime) -> None:
        """Roll up whole days; the former roll-up of these days makes place for the new one."""
        given = {"since": _native(since), "until": _native(until), "now": _native(now)}
        columns = ", ".join(column.name for column in table_schema(Table.HABITS).columns)
        with self._lock, self._translated("roll up habits"):
            self._connection.begin()
            try:
                self._connection.execute(
                    "delete from habits where day >= cast($since as date) and day < cast($until as date)",
                    {"since": given["since"], "until": given["until"]},
                )
                # names of our own schema files
                self._connection.execute(
                    f"insert into habits ({columns}) {sql_text('rollups/habits', 'duckdb')}", given
                )
            except BaseException:
                self._connection.rollback()
                raise
            self._connection.commit()

    def _insert(self, schema: TableSchema, batch: Sequence[Row]) -> None:
        news = self._news(schema, batch)
        if not news:
            return
        names = ", ".join(column.name for column in schema.columns)
        # A repeated column is never null in BigQuery: what a row lacks is an empty list.
        given = ", ".join(f"coalesce(item.{c.name}, [])" if c.is_repeated else f"item.{c.name}" for c in schema.columns)
        structure = [{column.name: _json_structure(column) for column in schema.columns}]
        self._connection.execute(
            f"""
            insert into {schema.name} ({names})
            select {given} from (select unnest(from_json(cast($rows as json), $structure)) as item)
            """,  # noqa: S608 - names of our own schema files
            {"rows": _json(news), "structure": json.dumps(structure)},
        )

    def _news(self, schema: TableSchema, batch: Sequence[Row]) -> list[Row]:
        """The rows whose key is not there yet, the first of each; keys are compared as text."""
        first: dict[str, Row] = {}
        for row in batch:
            first.setdefault("|".join(str(row[name]) for name in schema.key), row)
        key = " || '|' || ".join(_as_text(schema, name) for name in schema.key)
        known = self._connection.execute(
            f"select {key} as known from {schema.name} where known in (select unnest($keys))",  # noqa: S608 - as above
            {"keys": list(first)},
        ).fetchall()
        for (name,) in known:
            del first[name]
        return list(first.values())

    def _apply_schema(self) -> None:
        execute = self._connection.execute
        execute("create table if not exists schema_versions (name varchar primary key, version bigint not null)")
        known: dict[str, int] = dict(execute("select name, version from schema_versions").fetchall())
        for table in Table:
            schema = table_schema(table)
            version = known.get(table.value)
            if version is not None and version > schema.version:
                raise BackendError(
                    f"store {self.path}: table {table} has version {version}, this bindwatch knows {schema.version}; "
                    "use the newer bindwatch that wrote it"
                )
            if version == schema.version:
                continue
            if version is None:
                execute(f"create table {table.value} ({', '.join(map(_definition, schema.columns))})")
            else:
                self._migrate(schema)
            execute("insert or replace into schema_versions values (?, ?)", [table.value, schema.version])
        if self._is_lazy:
            return
        sum_of_views = crc32("".join(sql_text(f"views/{name}", "duckdb") for name in views_in_order()).encode())
        if known.get(_VIEWS) != sum_of_views:
            self._make_views(views_in_order())
            execute("insert or replace into schema_versions values (?, ?)", [_VIEWS, sum_of_views])
        self._views.update(views_in_order())

    def _make_views(self, names: Iterable[str]) -> None:
        for name in names:
            self._connection.execute(f"create or replace view {name} as {sql_text(f'views/{name}', 'duckdb')}")
            self._views.add(name)

    def _migrate(self, schema: TableSchema) -> None:
        """Add the columns that a table lacks, also inside of records: versions only ever add, as BigQuery's tables can.

        A column that holds something else than this version keeps in it is refused before the table is changed.
        """
        table = self._connection.table(schema.name.value)
        there = dict(zip(table.columns, table.types, strict=True))
        for name, kind in list(self._missing(schema, schema.columns, there)):
            self._connection.execute(f"alter table {schema.name} add column {name} {kind}")

    def _missing(
        self, schema: TableSchema, columns: Iterable[Column], there: Mapping[str, Any], within: str = ""
    ) -> Iterator[tuple[str, str]]:
        """The columns that are not there, by the path that DuckDB knows them by, with what they hold."""
        for column in columns:
            name = f"{within}{column.name}"
            kind = there.get(column.name)
            if kind is None:
                # A repeated column is never null in BigQuery; DuckDB knows no default inside of a record.
                yield name, f"{_type(column)}{' default []' if column.is_repeated and not within else ''}"
                continue
            item = dict(kind.children)["child"] if column.is_repeated and kind.id == "list" else kind
            if column.is_repeated != (kind.id == "list") or not _holds(item, column):
                raise BackendError(
                    f"store {self.path}: {schema.name}.{name} holds {kind}, this bindwatch keeps {_type(column)}; "
                    "go on with the bindwatch that wrote the file, or scan the logs and inventories into a new one"
                )
            if column.fields:
                inside = f"{name}.element." if column.is_repeated else f"{name}."
                yield from self._missing(schema, column.fields, dict(item.children), inside)

    @contextmanager
    def _translated(self, doing: str, *, refusal: type[BackendError] = BackendError) -> Iterator[None]:
        """What DuckDB raises inside, as a BackendError; as a `refusal` where the file and the connection are well."""
        try:
            yield
        except self._broken as error:
            raise BackendError(f"store {self.path}: could not {doing}: {error}") from error
        except self._error as error:
            raise refusal(f"store {self.path}: could not {doing}: {error}") from error


def _definition(column: Column) -> str:
    return f"{column.name} {_type(column)}{' not null' if column.is_required else ''}"


def _type(column: Column) -> str:
    if column.type == "RECORD":
        base = f"struct({', '.join(f'{field.name} {_type(field)}' for field in column.fields)})"
    else:
        base = _TYPES[column.type]
    return f"{base}[]" if column.is_repeated else base


def _holds(kind: Any, column: Column) -> bool:
    """Whether a DuckDB type is that of the column, or a record of some columns where it is one."""
    return kind.id == "struct" if column.type == "RECORD" else str(kind) == _TYPES[column.type]


def _json_structure(column: Column) -> Any:
    base: Any = (
        {field.name: _json_structure(field) for field in column.fields}
        if column.type == "RECORD"
        else _TYPES[column.type]
    )
    return [base] if column.is_repeated else base


def _as_text(schema: TableSchema, name: str) -> str:
    """A key column as rows spell it."""
    column = next(column for column in schema.columns if column.name == name)
    if column.type == "STRING":
        return name
    return f"strftime({name}, '%Y-%m-%d %H:%M:%S.%f')" if column.type == "TIMESTAMP" else f"cast({name} as varchar)"


def _json(batch: Sequence[Row]) -> str:
    try:
        return msgspec.json.encode(batch).decode()
    except UnicodeEncodeError:  # neither engine keeps half a surrogate pair; text from logs may hold anything
        return json.dumps(batch, ensure_ascii=False).encode("utf-8", "replace").decode()


def _native(value: Value) -> Any:
    match value:
        case datetime():
            return value.astimezone(UTC).replace(tzinfo=None)
        case date():
            return value
        case tuple():
            return list(value)
        case _:
            return value


def _aware(value: Any) -> Any:
    return value.replace(tzinfo=UTC) if isinstance(value, datetime) else value
