"""Makes a BigQuery dataset ready: tables and views as the files of `sql/` say, now and after every update.

Terraform can do the same from the same files; this is for whoever has no Terraform, and for tests.
"""

import re
from collections.abc import Iterable
from typing import TYPE_CHECKING, Any, Final

from bindwatch.adapters.questions import flat_view, sql_text, views_in_order
from bindwatch.adapters.tables import Column, TableSchema, table_schema
from bindwatch.errors import BackendError, ConfigError
from bindwatch.pipeline.ports import Table

if TYPE_CHECKING:
    from google.cloud.bigquery import Client

_VERSION: Final = "schema_version"
_DAY_MS: Final = 24 * 3600 * 1000
_PROJECT_ID: Final = re.compile(r"([a-z0-9.-]+:)?[a-z][a-z0-9-]{4,28}[a-z0-9]")
TEAM_VIEWS: Final = ("findings", "time_to_resolve", "binding_health")


def apply_schema(client: "Client", dataset: str, *, location: str | None = None) -> None:
    """Create what is missing of a dataset, and bring tables and views up to this version; again changes nothing.

    Columns are only ever added: a table that has more than this version knows is left alone, and one that a newer
    version has migrated is refused.
    """
    from google.cloud import bigquery

    made = bigquery.Dataset(dataset)
    if location:
        made.location = location
    client.create_dataset(made, exists_ok=True)
    for table in Table:
        _apply_table(client, f"{dataset}.{table.value}", table_schema(table))
    for name in views_in_order():
        _apply_view(client, f"{dataset}.{name}", sql_text(f"views/{name}").replace("${dataset}", dataset))


def apply_team_views(client: "Client", dataset: str, team_dataset: str, projects: Iterable[str]) -> None:
    """Show a team the findings of its own projects, and nothing else.

    Views in a dataset of the team's own, authorized on the main one: the team needs `roles/bigquery.dataViewer` on its
    dataset only. They lean on the tables directly, so no view between needs an authorization of its own.
    """
    from google.cloud import bigquery

    names = sorted(set(projects))
    if wrong := [name for name in names if not _PROJECT_ID.fullmatch(name)]:
        raise ConfigError([f"{name!r} is not a project id" for name in wrong])
    client.create_dataset(bigquery.Dataset(team_dataset), exists_ok=True)
    main = client.get_dataset(dataset)
    entries = list(main.access_entries)
    listed = ", ".join(f"'{name}'" for name in names) or "''"
    for name in TEAM_VIEWS:
        inner = flat_view(name).replace("${dataset}", dataset)
        # The ids were checked above; a view has no parameters.
        _apply_view(client, f"{team_dataset}.{name}", f"{inner}\nwhere team_view.project in ({listed})")
        reference = bigquery.TableReference.from_string(f"{team_dataset}.{name}").to_api_repr()
        entry = bigquery.AccessEntry(None, "view", reference)
        if entry not in entries:
            entries.append(entry)
    if entries != list(main.access_entries):
        main.access_entries = entries
        client.update_dataset(main, ["access_entries"])


def _apply_table(client: "Client", name: str, schema: TableSchema) -> None:
    from google.api_core.exceptions import NotFound
    from google.cloud import bigquery

    fields = [_field(column) for column in schema.columns]
    try:
        table = client.get_table(name)
    except NotFound:
        table = bigquery.Table(name, schema=fields)
        table.description = schema.description
        table.labels = {_VERSION: str(schema.version)}
        if schema.partition:
            table.time_partitioning = bigquery.TimePartitioning(
                field=schema.partition[0],
                type_=schema.partition[1],
                expiration_ms=schema.retention_days * _DAY_MS if schema.retention_days else None,
            )
        if schema.cluster:
            table.clustering_fields = list(schema.cluster)
        client.create_table(table, exists_ok=True)
        return
    there = int(table.labels.get(_VERSION, "0"))
    if there > schema.version:
        raise BackendError(f"{name} has version {there}, this bindwatch knows {schema.version}: use a newer one")
    known = {field.name for field in table.schema}
    missing = [field for field in fields if field.name not in known]
    if there == schema.version and not missing:
        return
    table.schema = [*table.schema, *missing]
    table.labels = {**table.labels, _VERSION: str(schema.version)}
    client.update_table(table, ["schema", "labels"])


def _apply_view(client: "Client", name: str, query: str) -> None:
    from google.api_core.exceptions import NotFound
    from google.cloud import bigquery

    try:
        view = client.get_table(name)
    except NotFound:
        view = bigquery.Table(name)
        view.view_query = query
        client.create_table(view, exists_ok=True)
        return
    if view.view_query != query:
        view.view_query = query
        client.update_table(view, ["view_query"])


def _field(column: Column) -> Any:
    from google.cloud import bigquery

    return bigquery.SchemaField(
        column.name,
        column.type,
        mode=column.mode,
        description=column.description,
        fields=tuple(_field(field) for field in column.fields),
    )
