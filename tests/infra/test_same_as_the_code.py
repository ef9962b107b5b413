"""What Terraform makes is what the code expects: filter, tables, variables, entry points, permissions."""

from __future__ import annotations

import ast
import json
from pathlib import Path
from types import ModuleType
from typing import Any
from urllib.parse import parse_qsl, urlsplit

import pytest

from bindwatch import settings
from bindwatch.adapters import asset_inventory, iam_api, resource_manager
from bindwatch.adapters.deployment import (
    APPEND_ROWS,
    BURY,
    CALLS,
    OPEN_SECRET,
    PUBLISH,
    READ_ROWS,
    START_QUERY,
)
from bindwatch.adapters.google_apis import Call
from bindwatch.adapters.questions import questions, sql_text
from bindwatch.pipeline.ports import Table
from bindwatch.rules import LOG_RULES, WINDOW_RULES
from bindwatch.rules.sink_filter import audit_config, sink_filter
from infra.root import ROOT, copied

SCHEMAS = ROOT / "functions/bindwatch/sql/schema"
READING = {"asset_inventory": asset_inventory, "iam_api": iam_api, "resource_manager": resource_manager}


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory, terraform_tools: Path) -> dict[str, Any]:
    """What Terraform makes, in the terms of the tests below."""
    root = copied(tmp_path_factory.mktemp("same"), terraform_tools)
    return root.values(
        {
            "filter": "local.sink_filter",
            "accounts": "[for account in google_service_account.function : account.email]",
            "audit_log_types": "{ for service, config in google_organization_iam_audit_config.data_access : "
            "service => [for item in config.audit_log_config : item.log_type] }",
            "tables": "{ for name, table in google_bigquery_table.table : name => { schema = jsondecode(table.schema), "
            "cluster = table.clustering, description = table.description, labels = table.labels, "
            "partition = [for item in table.time_partitioning : [item.field, item.type, item.expiration_ms]] } }",
            "views": "{ for name, view in merge(google_bigquery_table.view1, google_bigquery_table.view2, "
            "google_bigquery_table.view3, google_bigquery_table.view4, google_bigquery_table.view5, "
            "google_bigquery_table.view6) : name => view.view[0].query }",
            "team_views": "{ for key, view in google_bigquery_table.team_view : key => view.view[0].query }",
            "environment": "local._environment",
            "given": "[for function in google_cloudfunctions2_function.this : "
            "function.service_config[0].environment_variables]",
            "concurrency": "[for function in google_cloudfunctions2_function.this : "
            "function.service_config[0].max_instance_request_concurrency]",
            "entry_points": "[for function in google_cloudfunctions2_function.this : "
            "function.build_config[0].entry_point]",
            "store": "google_project_iam_custom_role.store.permissions",
            "jobs": "google_project_iam_custom_role.jobs.permissions",
            "reading": "local.reading_permissions",
            "reader": 'google_organization_iam_custom_role.reader["123456789012"].permissions',
            "predefined": "local.predefined_reading_roles",
            "on_dataset": "keys(google_bigquery_dataset_access.store)",
            "on_project": "keys(google_project_iam_member.jobs)",
            "on_alerts": "keys(google_pubsub_topic_iam_member.alerts)",
            "on_dead_letters": "keys(google_pubsub_topic_iam_member.dead_letters)",
            "on_alert_dead_letters": "keys(google_pubsub_topic_iam_member.alert_dead_letters)",
            "dead_letters_of": "{ for name, function in google_cloudfunctions2_function.this : name => "
            "function.service_config[0].environment_variables.BINDWATCH_DEAD_LETTERS }",
            "secrets": '[for item in google_cloudfunctions2_function.this["notify"].service_config[0]'
            ".secret_environment_variables : [item.key, item.project_id, item.secret, item.version]]",
            "other_secrets": "sum([for name, item in google_cloudfunctions2_function.this : "
            'name == "notify" ? 0 : length(item.service_config[0].secret_environment_variables)])',
            "secret_readers": "[for item in google_secret_manager_secret_iam_member.notify : "
            "[item.project, item.secret_id]]",
            "links": "local.looker_studio",
            "opening": 'google_project_iam_custom_role.secrets["notify"].permissions',
        },
        f"  variables {{\n    data_access_logs = {json.dumps(sorted(_audit_log_types()))}\n"
        '    trusted_domains = ["example.com"]\n    settings_file = "bindwatch.toml"\n'
        '    teams = { data-lake = ["group:data@example.com"] }\n'
        '    notify = { secrets = { SLACK = "slack", JIRA = "projects/p-1/secrets/jira/versions/3" } }\n  }',
    )


def _audit_log_types() -> dict[str, list[str]]:
    configs = audit_config([*LOG_RULES, *WINDOW_RULES])
    return {config.service: sorted(item.log_type for item in config.log_configs) for config in configs}


def test_the_sink_lets_through_what_rules_read(made: dict[str, Any]) -> None:
    accounts = set(made["accounts"])
    assert accounts
    # Mocked accounts share one e-mail, or have made-up ones; the code sorts and dedupes, Terraform sorts.
    own = " OR ".join(f'"{account}"' for account in sorted(made["accounts"]))
    expected = sink_filter([*LOG_RULES, *WINDOW_RULES], own_accounts=accounts)
    if len(accounts) == len(made["accounts"]):
        assert made["filter"] == expected
    else:
        head = sink_filter([*LOG_RULES, *WINDOW_RULES])
        assert made["filter"] == f"{head}\nAND NOT protoPayload.authenticationInfo.principalEmail=({own})"


def test_data_access_logs_are_those_that_rules_read(made: dict[str, Any]) -> None:
    found = {service: sorted(types) for service, types in made["audit_log_types"].items()}
    assert found == _audit_log_types()


def test_tables_are_those_of_the_schema_files(made: dict[str, Any]) -> None:
    assert set(made["tables"]) == {table.value for table in Table}
    for name, table in made["tables"].items():
        file = json.loads((SCHEMAS / f"{name}.json").read_text(encoding="utf-8"))
        days = file["retention_days"]
        partition = file["partition"]
        assert table["schema"] == file["schema"]
        assert table["cluster"] == file["cluster"]
        assert table["description"] == file["description"]
        assert table["labels"] == {"schema_version": str(file["version"])}
        if partition:
            expiry = days * 86_400_000 if days else None
            ((field, kind, expires),) = table["partition"]
            assert (field, kind) == (partition["field"], partition["type"])
            assert expires == expiry if expiry else not expires
        else:
            assert table["partition"] == []


def test_views_are_those_of_the_sql_files(made: dict[str, Any]) -> None:
    files = {path.stem for path in (ROOT / "functions/bindwatch/sql/views").glob("*.sql")}
    assert set(made["views"]) == files
    for name, query in made["views"].items():
        assert query.strip() == sql_text(f"views/{name}").replace("${dataset}", "example-security.bindwatch").strip()


def test_views_of_teams_are_those_of_the_sql_files(made: dict[str, Any]) -> None:
    assert set(made["team_views"]) == {f"data-lake.{name}" for name in questions("teams")}
    for key, query in made["team_views"].items():
        text = sql_text(f"teams/{key.partition('.')[2]}")
        assert query == text.replace("${dataset}", "example-security.bindwatch").replace("${team}", "data-lake")


def test_links_to_reports_name_a_view_that_is_made(made: dict[str, Any]) -> None:
    for view, link in made["links"].items():
        parts = urlsplit(link)
        given = dict(parse_qsl(parts.query, strict_parsing=True))
        assert f"{parts.scheme}://{parts.netloc}{parts.path}" == "https://lookerstudio.google.com/reporting/create"
        # What the connector asks for a table. Source: Looker Studio, Linking API, BigQuery.
        assert (given["ds.connector"], given["ds.type"]) == ("bigQuery", "TABLE")
        assert (given["ds.projectId"], given["ds.datasetId"]) == ("example-security", "bindwatch")
        assert given["ds.tableId"] == view
        assert given["r.reportName"]
        assert view in made["views"]


def test_every_setting_can_be_given(made: dict[str, Any]) -> None:
    assert set(made["environment"]) == {
        variable.name for variable in settings.variables() if not variable.name.endswith("*")
    }


def test_an_instance_has_a_thread_for_each_call_it_takes(made: dict[str, Any]) -> None:
    assert [int(environment["THREADS"]) for environment in made["given"]] == made["concurrency"]


def test_what_is_given_is_a_deployment_that_starts(made: dict[str, Any]) -> None:
    for environment in made["given"]:
        read = settings.Settings.from_env({**environment, settings.ON_CLOUD_RUN: "bindwatch"})
        assert read.store == settings.Dataset("example-security", "bindwatch")
        assert read.trusted_domains == {"example.com"}


def test_entry_points_are_those_of_main(made: dict[str, Any]) -> None:
    tree = ast.parse((ROOT / "functions/main.py").read_text(encoding="utf-8"))
    defined = {node.name for node in tree.body if isinstance(node, ast.FunctionDef) and not node.name.startswith("_")}
    assert set(made["entry_points"]) == defined
    assert set(CALLS) == set(made["entry_points"])


def test_the_store_may_be_asked_what_the_adapter_asks(made: dict[str, Any]) -> None:
    assert set(made["store"]) == {*READ_ROWS.permissions, *APPEND_ROWS.permissions}
    assert set(made["jobs"]) == set(START_QUERY.permissions)


def test_grants_are_for_those_that_call(made: dict[str, Any]) -> None:
    def calling(*calls: object) -> list[str]:
        return sorted(name for name, found in CALLS.items() if set(calls) & set(found))

    assert sorted(made["on_dataset"]) == calling(READ_ROWS, APPEND_ROWS)
    assert sorted(made["on_project"]) == calling(START_QUERY)
    assert sorted(made["on_alerts"]) == calling(PUBLISH)
    assert sorted([*made["on_dead_letters"], "notify"]) == calling(BURY)
    assert sorted(made["on_alert_dead_letters"]) == ["notify", "pubsub"]
    assert calling(OPEN_SECRET) == ["notify"]


def test_only_what_tells_people_has_secrets_and_each_by_name(made: dict[str, Any]) -> None:
    given = [
        ["BINDWATCH_SECRET_JIRA", "p-1", "jira", "3"],
        ["BINDWATCH_SECRET_SLACK", "example-security", "slack", "latest"],
    ]
    assert sorted(made["secrets"]) == given
    assert made["other_secrets"] == 0
    assert sorted(made["secret_readers"]) == sorted([project, name] for _, project, name, _ in given)
    assert made["opening"] == list(OPEN_SECRET.permissions)
    read = settings.Settings.from_env({name: "value" for name, *_ in given})
    assert (read.secret("SLACK"), read.secret("JIRA")) == ("value", "value")


def test_alerts_that_are_refused_are_not_put_with_log_entries(made: dict[str, Any]) -> None:
    letters = made["dead_letters_of"]
    assert letters.pop("notify") == "projects/example-security/topics/bindwatch-alert-dead-letters"
    assert set(letters.values()) == {"projects/example-security/topics/bindwatch-dead-letters"}


def test_an_audit_may_read_what_its_sources_ask(made: dict[str, Any]) -> None:
    live = [call for call in CALLS["audit"] if call.service not in ("bigquery.googleapis.com", "pubsub.googleapis.com")]
    wanted: dict[str, set[str]] = {"everywhere": set(), "folder": set(), "organization": set()}
    for call in live:
        wanted[call.level if call.level in wanted else "everywhere"] |= set(call.permissions)
    assert {level: set(found) for level, found in made["reading"].items()} == wanted
    assert set(made["reader"]) == set().union(*wanted.values())


def test_predefined_roles_for_a_folder_are_those_of_the_calls(made: dict[str, Any]) -> None:
    live = [call for call in CALLS["audit"] if call.service not in ("bigquery.googleapis.com", "pubsub.googleapis.com")]
    roles = {call.role for call in live if call.level != "organization"}
    # securityReviewer holds what is asked of roleViewer.
    assert set(made["predefined"]) == roles - {"roles/iam.roleViewer"}


def test_predefined_roles_hold_what_a_folder_is_read_with(made: dict[str, Any], data_dir: Path) -> None:
    import lzma

    with lzma.open(data_dir / "predefined_roles.json.xz") as file:
        catalogue = json.load(file)
    held = {permission for role in made["predefined"] for permission in _permissions(catalogue[role])}
    assert {*made["reading"]["everywhere"], *made["reading"]["folder"]} <= held


def test_a_predefined_role_that_a_function_is_given_holds_no_more_than_is_called(data_dir: Path) -> None:
    import lzma

    with lzma.open(data_dir / "predefined_roles.json.xz") as file:
        catalogue = json.load(file)
    for call in (PUBLISH, BURY):
        assert set(_permissions(catalogue[call.role])) == set(call.permissions)
    # Why these have custom roles.
    for call in (START_QUERY, READ_ROWS, APPEND_ROWS, OPEN_SECRET):
        assert set(_permissions(catalogue[call.role])) > set(call.permissions)


def _permissions(role: Any) -> list[str]:
    found: list[str] = role["includedPermissions"] if isinstance(role, dict) else role
    return found


def reached(module: ModuleType, names: set[str]) -> set[Call]:
    """The calls that these functions and classes of a module, and what they use of it, can make."""
    assert module.__file__
    tree = ast.parse(Path(module.__file__).read_text(encoding="utf-8"))
    bodies = {node.name: node for node in tree.body if isinstance(node, ast.FunctionDef | ast.ClassDef)}
    found: set[Call] = set()
    waiting, seen = set(names), set()
    while waiting:
        name = waiting.pop()
        seen.add(name)
        if name in bodies:
            waiting |= {node.id for node in ast.walk(bodies[name]) if isinstance(node, ast.Name)} - seen
            continue
        value = getattr(module, name, None)
        for item in value.values() if isinstance(value, dict) else [value]:
            if isinstance(item, Call):
                found.add(item)
    return found


def test_an_audit_reads_the_sink_it_compares_as_an_asset() -> None:
    assert "logging.googleapis.com/LogSink" in asset_inventory.ASSET_TYPES
    assert "cloudasset.assets.listResource" in {name for call in CALLS["audit"] for name in call.permissions}


def test_an_audit_is_said_to_call_what_it_reaches() -> None:
    source = ROOT / "functions/bindwatch/serving/audit.py"
    tree = ast.parse(source.read_text(encoding="utf-8"))
    imported = {
        alias.name
        for node in tree.body
        if isinstance(node, ast.ImportFrom) and (node.module or "").startswith("bindwatch.adapters")
        for alias in node.names
    }
    used: dict[str, set[str]] = {name: set() for name in READING}
    used["asset_inventory"].add("AssetReader")
    for node in ast.walk(tree):
        if isinstance(node, ast.Attribute) and isinstance(node.value, ast.Name) and node.value.id in used:
            used[node.value.id].add(node.attr)
    assert imported <= {*READING, "AssetReader", "GoogleApis", "NotReadError", "Answer", "SqlStore"}, "a new source"
    calls = set().union(*(reached(READING[name], names) for name, names in used.items()))
    declared = {call for call in CALLS["audit"] if not call.service.startswith(("bigquery", "pubsub"))}
    assert declared == calls


ADAPTERS = {
    "pubsub.py": {"publish"},
    "bigquery.py": {"query_and_wait", "insert_rows_json"},
}


@pytest.mark.parametrize("name", [name for name in ADAPTERS if (ROOT / "functions/bindwatch/adapters" / name).exists()])
def test_adapters_call_what_is_declared(name: str) -> None:
    tree = ast.parse((ROOT / "functions/bindwatch/adapters" / name).read_text(encoding="utf-8"))
    called = {
        node.func.attr
        for node in ast.walk(tree)
        if isinstance(node, ast.Call)
        and isinstance(node.func, ast.Attribute)
        and ast.unparse(node.func.value) in ("client", "self.client", "self._client")
    }
    assert called - {"close"} == ADAPTERS[name]
    assert ADAPTERS[name] <= {call.method for call in (START_QUERY, READ_ROWS, APPEND_ROWS, PUBLISH)}
