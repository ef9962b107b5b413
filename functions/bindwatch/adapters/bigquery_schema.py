"""Makes a BigQuery dataset ready: tables and views as the files of `sql/` say, now and after every update.

Terraform can do the same from the same files; this is for whoever has no Terraform, and for tests.
"""

import json
import re
import shlex
from collections import Counter
from collections.abc import Collection, Iterable, Mapping, Sequence
from typing import TYPE_CHECKING, Any, Final

from bindwatch.adapters.questions import questions, sql_text, views_in_order
from bindwatch.adapters.tables import Column, TableSchema, table_schema
from bindwatch.errors import BackendError, ConfigError
from bindwatch.pipeline.ports import Table

if TYPE_CHECKING:
    from google.cloud.bigquery import AccessEntry, Client, Dataset, SchemaField

_VERSION: Final = "schema_version"
_DAY_MS: Final = 24 * 3600 * 1000
_TEAM: Final = re.compile(r"[a-z0-9_-]{1,63}")
_MEMBER_KINDS: Final = {
    "group": "groupByEmail",
    "user": "userByEmail",
    "serviceAccount": "userByEmail",
    "domain": "domain",
}
_READING: Final = ("READER", "roles/bigquery.dataViewer")
_KINDS_OF_READERS: Final = {"groupByEmail": "group", "userByEmail": "user", "domain": "domain"}


def apply_schema(client: "Client", dataset: str, *, location: str | None = None) -> list[str]:
    """Create what is missing of a dataset, bring tables and views up to this version, and say what that changed.

    Again changes nothing.

    Columns are only ever added: a table that has more than this version knows is left alone, and one that a newer
    version has migrated is refused.
    """
    from google.cloud import bigquery

    made = bigquery.Dataset(dataset)
    if location:
        made.location = location
    client.create_dataset(made, exists_ok=True)
    _refuse_newer(client, dataset)
    changes = [_apply_table(client, f"{dataset}.{table.value}", table_schema(table)) for table in Table]
    changes += [
        _apply_view(client, f"{dataset}.{name}", sql_text(f"views/{name}").replace("${dataset}", dataset))
        for name in views_in_order()
    ]
    return [change for change in changes if change]


def team_dataset(dataset: str, team: str) -> str:
    """The dataset of a team, beside the one that all findings are in (`project.dataset`)."""
    return f"{dataset}_team_{team.replace('-', '_')}"


def apply_team_views(client: "Client", dataset: str, teams: Mapping[str, Collection[str]]) -> list[str]:
    """Show each team (a value of the projects' label) the findings of its own projects, and nothing else.

    Views in a dataset of the team's own, authorized on the main one: the members (`group:shop@example.com`) need
    nothing there. Whose a project is comes from the last audit, so nothing is to be done when a label changes.
    Again changes nothing; who is not named any more keeps what they have, see `kept_by_others`. Says what it changed.
    """
    from google.cloud import bigquery

    _check_teams(dataset, teams)
    main = client.get_dataset(dataset)
    authorized = list(main.access_entries)
    changes = []
    for team, members in teams.items():
        made = bigquery.Dataset(team_dataset(dataset, team))
        made.location = main.location  # a view reads where it is
        made.description = f"What bindwatch found in the projects of the team {team}."
        client.create_dataset(made, exists_ok=True)
        for name in questions("teams"):
            text = sql_text(f"teams/{name}").replace("${dataset}", dataset).replace("${team}", team)
            view = f"{team_dataset(dataset, team)}.{name}"
            changes.append(_apply_view(client, view, text))
            authorized.append(
                bigquery.AccessEntry(None, "view", bigquery.TableReference.from_string(view).to_api_repr())
            )
        own = client.get_dataset(team_dataset(dataset, team))
        changes.append(_grant(client, own, [*own.access_entries, *(_reader(member) for member in members)]))
    changes.append(_grant(client, main, authorized))
    return [change for change in changes if change]


def kept_by_others(client: "Client", dataset: str, teams: Mapping[str, Collection[str]]) -> list[str]:
    """Who still reads findings though these teams do not name them, each with the command that takes it away."""
    project, _, name = dataset.partition(".")
    of_teams = {team_dataset(dataset, team).partition(".")[2]: members for team, members in teams.items()}
    kept = []
    for item in client.list_datasets(project):
        found = str(item.dataset_id)
        if not found.startswith(f"{name}_team_"):
            continue
        if found not in of_teams:
            drop = f"bq rm --recursive --dataset {project}:{found}"
            kept.append(f"{project}.{found} stays, of a team that is not named; to take it away: {drop}")
            continue
        named = {tuple(member.partition(":")[::2]) for member in of_teams[found]}
        named = {(_MEMBER_KINDS[kind], email) for kind, email in named}
        for entry in client.get_dataset(f"{project}.{found}").access_entries:
            kind = _KINDS_OF_READERS.get(str(entry.entity_type))
            if entry.role not in _READING or kind is None or (entry.entity_type, entry.entity_id) in named:
                continue
            if str(entry.entity_id).endswith(".gserviceaccount.com"):
                kind = "serviceAccount"
            revoke = f'revoke `roles/bigquery.dataViewer` on schema `{project}.{found}` from "{kind}:{entry.entity_id}"'
            command = f"bq query --use_legacy_sql=false {shlex.quote(revoke)}"
            kept.append(f"{entry.entity_id} keeps reading {project}.{found}, not named; to take it away: {command}")
    return kept


def _check_teams(dataset: str, teams: Mapping[str, Collection[str]]) -> None:
    problems = [
        f"team {team!r}: expected 1 to 63 lower-case letters, digits, - or _, as in a label"
        for team in teams
        if not _TEAM.fullmatch(team)
    ]
    for name, count in Counter(team_dataset(dataset, team) for team in teams).items():
        if count > 1:
            problems.append(f"{count} teams would share the dataset {name}")
    for member in (member for members in teams.values() for member in members):
        kind, _, email = member.partition(":")
        if kind not in _MEMBER_KINDS or not email:
            problems.append(f"member {member!r}: expected {', '.join(f'{kind}:…' for kind in _MEMBER_KINDS)}")
    if problems:
        raise ConfigError(problems)


def _reader(member: str) -> "AccessEntry":
    from google.cloud.bigquery import AccessEntry

    kind, _, name = member.partition(":")
    return AccessEntry("READER", _MEMBER_KINDS[kind], name)  # roles/bigquery.dataViewer, as the API spells it


def _grant(client: "Client", dataset: "Dataset", entries: "Iterable[AccessEntry]") -> str:
    # BigQuery leaves out a role that is None, and has an order of its own.
    distinct = {
        json.dumps(entry.to_api_repr() | {"role": entry.role}, sort_keys=True): entry  # type: ignore[no-untyped-call]
        for entry in entries
    }
    if len(distinct) > len(dataset.access_entries):
        dataset.access_entries = list(distinct.values())
        client.update_dataset(dataset, ["access_entries"])
        return f"gave access to {dataset.project}.{dataset.dataset_id}"
    return ""


def _refuse_newer(client: "Client", dataset: str) -> None:
    """Raise BackendError where a newer bindwatch made a table, before anything is changed."""
    from google.api_core.exceptions import NotFound

    for table in Table:
        name, version = f"{dataset}.{table.value}", table_schema(table).version
        try:
            there = _version(client.get_table(name))
        except NotFound:
            continue
        if there > version:
            raise BackendError(f"{name} has version {there}, this bindwatch knows {version}: use a newer one")


def _version(table: Any) -> int:
    return int(table.labels.get(_VERSION, "0"))


def _apply_table(client: "Client", name: str, schema: TableSchema) -> str:
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
        return f"made the table {name}"
    there = _version(table)
    merged, missing = with_missing(table.schema, fields)
    if there == schema.version and not missing:
        return ""
    table.schema = merged
    table.labels = {**table.labels, _VERSION: str(schema.version)}
    client.update_table(table, ["schema", "labels"])
    added = f": {', '.join(missing)}" if missing else ""
    return f"brought the table {name} from version {there} to {schema.version}{added}"


def with_missing(
    there: "Sequence[SchemaField]", wanted: "Sequence[SchemaField]"
) -> "tuple[list[SchemaField], list[str]]":
    """The columns that are there, with those they lack, also inside of records; and the names of what was added.

    What is added to a table that holds rows may be empty: BigQuery takes no other.
    """
    from google.cloud import bigquery

    merged, added = [], []
    known = {field.name for field in there}
    by_name = {field.name: field for field in wanted}
    for field in there:
        new = by_name.get(field.name)
        if new is not None and new.fields:
            inside, more = with_missing(field.fields, new.fields)
            added += [f"{field.name}.{name}" for name in more]
            if more:
                field = bigquery.SchemaField.from_api_repr(
                    field.to_api_repr() | {"fields": [item.to_api_repr() for item in inside]}
                )
        merged.append(field)
    for field in wanted:
        if field.name not in known:
            merged.append(field)
            added.append(field.name)
    return merged, added


def _apply_view(client: "Client", name: str, query: str) -> str:
    from google.api_core.exceptions import NotFound
    from google.cloud import bigquery

    try:
        view = client.get_table(name)
    except NotFound:
        view = bigquery.Table(name)
        view.view_query = query
        client.create_table(view, exists_ok=True)
        return f"made the view {name}"
    if view.view_query != query:
        view.view_query = query
        client.update_table(view, ["view_query"])
        return f"changed the view {name}"
    return ""


def _field(column: Column) -> Any:
    from google.cloud import bigquery

    return bigquery.SchemaField(
        column.name,
        column.type,
        mode=column.mode,
        description=column.description,
        fields=tuple(_field(field) for field in column.fields),
    )
