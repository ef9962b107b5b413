"""The store in BigQuery: append-only tables by streaming inserts, the current state as views."""

import json
from collections.abc import Iterator, Mapping, Sequence
from contextlib import AbstractContextManager, contextmanager
from datetime import date, datetime
from typing import TYPE_CHECKING, Any, ClassVar, Final

from bindwatch.adapters.group_commit import GroupCommit
from bindwatch.adapters.questions import Value, sql_text
from bindwatch.adapters.sql_store import Answer, QuestionRefusedError, SqlStore
from bindwatch.adapters.tables import TableSchema, table_schema
from bindwatch.errors import BackendError, ConfigError
from bindwatch.pipeline.ports import Row, Rows, Table
from bindwatch.pipeline.rows import digest
from bindwatch.settings import QUERY_GIB, QUERY_LIMIT

if TYPE_CHECKING:
    from google.cloud.bigquery import Client

# Limits of tabledata.insertAll: 10 MB and 50,000 rows a request, 500 rows advised.
# Source: https://cloud.google.com/bigquery/quotas#streaming_inserts (read 2026)
_MOST_ROWS: Final = 500
_MOST_BYTES: Final = 5_000_000
_TIMEOUT: Final = 30.0
_PATIENCE: Final = 120.0  # seconds for a question: a sweep has 300, and is to announce what is due even so
_GIB: Final = 1 << 30
# Why BigQuery refuses one query and would answer another. Source: https://cloud.google.com/bigquery/docs/error-messages
# (read 2026); that too many bytes are an error 500 with a reason of its own, which the client does not try again, as
# users report it (github.com/exmergo/dex/issues/320).
_OVER_THE_LIMIT: Final = "bytesBilledLimitExceeded"
_REFUSALS: Final = frozenset(
    {"billingTierLimitExceeded", "invalid", "invalidQuery", "notImplemented", "resourcesExceeded", "responseTooLarge"}
)


class RowsRefusedError(BackendError):
    """BigQuery named rows it does not take. The others of the same request were not taken either."""


class BigQueryStore(SqlStore):
    """Keeps everything in one dataset (`project.dataset`), made ready by `bindwatch.adapters.bigquery_schema`.

    Threads that append at the same time share one insert per table, and each returns after its own rows are durable.
    Inserts may come twice; the views count each key once. A question that would read more than `query_gib` GiB is
    refused before it runs, and costs nothing.
    """

    engine: ClassVar = "bigquery"

    def __init__(
        self,
        dataset: str,
        *,
        client: "Client | None" = None,
        location: str | None = None,
        query_gib: int = QUERY_GIB,
        retries: bool = True,
    ) -> None:
        project, dot, name = dataset.rpartition(".")
        if not (project and dot and name):
            raise ConfigError([f"store bigquery:{dataset}: expected PROJECT.DATASET"])
        self.dataset: Final = dataset
        if client is None:
            from google.cloud import bigquery  # here: whoever keeps findings elsewhere does not wait for it

            with self._translated("begin", "application default credentials"):
                client = bigquery.Client(project=project, location=location)
        self.client: Final = client
        self._query_gib: Final = query_gib
        self._retries: Final = retries
        self._commits: GroupCommit[Rows] = GroupCommit(self._write, splits_on=RowsRefusedError)

    def close(self) -> None:
        """Let go of the connections."""
        self.client.close()  # type: ignore[no-untyped-call]

    def append(self, rows: Rows) -> None:
        """Keep these rows; see `FindingStore.append`."""
        self._commits.submit(rows)

    def _answer(self, text: str, files: tuple[str, ...], parameters: Mapping[str, Value]) -> list[Answer]:
        return self._run(text, parameters, doing=f"ask {', '.join(files)}")

    def _roll_up(self, since: datetime, until: datetime, now: datetime) -> None:
        """Roll up whole days; the former roll-up stays, and the view reads the latest."""
        columns = ", ".join(column.name for column in table_schema(Table.HABITS).columns)
        # names of our own schema files
        statement = f"insert into `${{dataset}}.habits` ({columns})\n{sql_text('rollups/habits')}"
        self._run(statement, {"since": since, "until": until, "now": now}, doing="roll up habits")

    def _write(self, batches: list[Rows]) -> None:
        for table in Table:
            schema = table_schema(table)
            rows = _distinct(schema, [row for batch in batches for row in batch.get(table, ())])
            for chunk, row_ids in _chunks(schema, rows):
                self._insert(schema, chunk, row_ids)

    def _insert(self, schema: TableSchema, rows: list[dict[str, Any]], row_ids: list[str]) -> None:
        options: dict[str, Any] = {} if self._retries else {"retry": None}
        with self._translated(f"write to {schema.name}", "roles/bigquery.dataEditor on the dataset"):
            # Raises where nothing was taken, returns an error for each row that was refused.
            errors = self.client.insert_rows_json(
                f"{self.dataset}.{schema.name}", rows, row_ids=row_ids, timeout=_TIMEOUT, **options
            )
        if errors:
            told = "; ".join(json.dumps(error, sort_keys=True) for error in errors[:3])
            raise RowsRefusedError(
                f"store bigquery:{self.dataset}: {len(errors)} rows of {schema.name} were refused: {told}"
            )

    def _run(self, statement: str, parameters: Mapping[str, Value], *, doing: str) -> list[Answer]:
        from google.cloud import bigquery

        config = bigquery.QueryJobConfig(
            query_parameters=[_parameter(name, value) for name, value in parameters.items()],
            maximum_bytes_billed=self._query_gib * _GIB,
        )
        options: dict[str, Any] = {} if self._retries else {"retry": None, "job_retry": None}
        needed = "roles/bigquery.jobUser on the project and roles/bigquery.dataViewer on the dataset"
        with self._translated(doing, needed):
            rows = self.client.query_and_wait(
                statement.replace("${dataset}", self.dataset), job_config=config, wait_timeout=_PATIENCE, **options
            )
            return [dict(row.items()) for row in rows]

    def _translated(self, doing: str, role: str) -> AbstractContextManager[None]:
        return translated(self.dataset, doing, role)


@contextmanager
def translated(dataset: str, doing: str, role: str) -> Iterator[None]:
    """What BigQuery refuses inside, as a BackendError that says what was tried and what role that takes."""
    from google.api_core import exceptions
    from google.auth.exceptions import GoogleAuthError

    try:
        yield
    except exceptions.GoogleAPICallError as error:
        problem = f"store bigquery:{dataset}: could not {doing}: {error}"
        reasons = {str(item.get("reason")) for item in error.errors if isinstance(item, Mapping)}
        if _OVER_THE_LIMIT in reasons:
            raise QuestionRefusedError(f"{problem}. {QUERY_LIMIT} (in Terraform, query_gib) allows more") from error
        if reasons & _REFUSALS:
            raise QuestionRefusedError(problem) from error
        if isinstance(error, exceptions.Forbidden):
            raise BackendError(f"store bigquery:{dataset}: may not {doing}: {error}. It takes {role}") from error
        if isinstance(error, exceptions.NotFound):
            raise BackendError(
                f"{problem}. Make the tables first (scripts/deploy, or bindwatch prepare); new ones take a while"
            ) from error
        raise BackendError(problem) from error
    except (exceptions.GoogleAPIError, GoogleAuthError, OSError, TimeoutError) as error:
        raise BackendError(f"store bigquery:{dataset}: could not {doing}: {error}") from error


def _distinct(schema: TableSchema, rows: Sequence[Row]) -> dict[str, Row]:
    first: dict[str, Row] = {}
    for row in rows:
        first.setdefault(digest(*(str(row[name]) for name in schema.key)), row)
    return first


def _chunks(schema: TableSchema, rows: Mapping[str, Row]) -> Iterator[tuple[list[dict[str, Any]], list[str]]]:
    """Requests BigQuery takes: few enough rows, few enough bytes."""
    chunk: list[dict[str, Any]] = []
    row_ids: list[str] = []
    size = 0
    for row_id, row in rows.items():
        wire = {name: value for name, value in row.items() if value is not None}
        text = json.dumps(wire, ensure_ascii=False)
        if not text.isascii():  # half a surrogate pair from a hostile log would fail the request
            wire = json.loads(text.encode("utf-8", "replace"))
        if chunk and (len(chunk) == _MOST_ROWS or size + len(text) > _MOST_BYTES):
            yield chunk, row_ids
            chunk, row_ids, size = [], [], 0
        chunk.append(wire)
        row_ids.append(row_id)
        size += len(text)
    if chunk:
        yield chunk, row_ids


def _parameter(name: str, value: Value) -> Any:
    from google.cloud import bigquery

    match value:
        case tuple():
            return bigquery.ArrayQueryParameter(name, "STRING", list(value))
        case bool():
            return bigquery.ScalarQueryParameter(name, "BOOL", value)
        case int():
            return bigquery.ScalarQueryParameter(name, "INT64", value)
        case datetime():
            return bigquery.ScalarQueryParameter(name, "TIMESTAMP", value)
        case date():
            return bigquery.ScalarQueryParameter(name, "DATE", value)
        case _:
            return bigquery.ScalarQueryParameter(name, "STRING", value)
