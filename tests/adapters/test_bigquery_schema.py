"""A dataset is made ready, brought up from an older version, and shows each team what is found in its own projects."""

from __future__ import annotations

import io
import os
import subprocess
import sys
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from google.api_core.exceptions import NotFound
from google.cloud.bigquery import AccessEntry, Client, SchemaField, TimePartitioning
from google.cloud.bigquery import Table as BigQueryTable
from msgspec.structs import replace

from bindwatch.adapters.bigquery import BigQueryStore
from bindwatch.adapters.bigquery_schema import apply_schema, apply_team_views, with_missing
from bindwatch.adapters.google_apis import GoogleApis
from bindwatch.customization.settings_file import SettingsFile
from bindwatch.engine import Engine
from bindwatch.errors import BackendError, ConfigError
from bindwatch.inventory import Inventory
from bindwatch.knowledge.roles import RoleCatalogue
from bindwatch.model.finding import AssetRef
from bindwatch.pipeline import Table
from bindwatch.pipeline.rows import Recording, finding_event
from bindwatch.rule import Context
from bindwatch.rules import INVENTORY_RULES
from bindwatch.serving.audit import Auditor
from bindwatch.serving.log_lines import Log
from fakes.organization import ORGANIZATION, Organization
from gateway import gateway
from local_bigquery import PROJECT, client_of, serving
from sample_findings import a_finding
from served import SOURCE

DATASET = f"{PROJECT}.bindwatch"
TEAMS = {"shop": ["group:shop@example.com", "user:ada@example.com"], "data-lake": ["group:data@example.com"]}
BEGAN = datetime(2026, 11, 2, 6, 0, tzinfo=UTC)


class Deployment:
    """An organization of three projects that is audited into a local BigQuery."""

    def __init__(self, store: BigQueryStore, organization: Organization, target: str) -> None:
        self.store = store
        self.organization = organization
        self._apis = GoogleApis(target=target, share=None, first_pause=0.001)
        self._now = BEGAN

    def audit(self) -> None:
        def make_engine(catalogue: RoleCatalogue | None, inventory: Inventory) -> Engine:
            return Engine(Context(as_of=self._now, inventory=inventory), (), INVENTORY_RULES)

        auditor = Auditor(self._apis, self.store, make_engine, SettingsFile().team_of, clock=lambda: self._now)
        result = auditor.audit(ORGANIZATION, Log(stream=io.StringIO()), seconds=1e9)
        assert result.is_finished
        assert not result.failures
        self._now += timedelta(hours=1)

    def seen_by(self, team: str, view: str = "findings") -> set[str]:
        """The projects that a team's own dataset shows something of."""
        query = f"select distinct project from `{DATASET}_team_{team}.{view}`"
        return {row["project"] for row in self.store.client.query_and_wait(query)}


@pytest.fixture(scope="module")
def store(tmp_path_factory: pytest.TempPathFactory) -> Iterator[BigQueryStore]:
    with serving(tmp_path_factory.mktemp("bigquery")) as address:
        client = client_of(address)
        apply_schema(client, DATASET, location="EU")
        apply_team_views(client, DATASET, TEAMS)
        yield BigQueryStore(DATASET, client=client, retries=False)


@pytest.fixture(scope="module")
def deployment(store: BigQueryStore) -> Iterator[Deployment]:
    """Three projects: one of each team, and one that is nobody's."""
    organization = Organization(3)
    organization.unknown_types.clear()
    organization.owners = dict.fromkeys(organization.projects, "user:eve@gmail.com")
    shop, data, nobody = organization.projects
    organization.labels = {shop: {"team": "shop", "stage": "prod"}, data: {"team": "data-lake"}, nobody: {"squad": "x"}}
    with organization.served() as target:
        yield Deployment(store, organization, target)


def test_each_team_sees_its_own_projects_alone_and_access_follows_the_label(deployment: Deployment) -> None:
    shop, data, nobody = deployment.organization.projects
    assert deployment.seen_by("shop") == set()  # before anybody looked
    above = replace(a_finding(AssetRef(f"//cloudresourcemanager.googleapis.com/{ORGANIZATION}")), project="")
    deployment.store.append({Table.FINDING_EVENTS: [finding_event(above, Recording(recorded_at=BEGAN))]})
    deployment.audit()
    for view in ("findings", "time_to_resolve"):
        assert deployment.seen_by("shop", view) == {shop}
        assert deployment.seen_by("data_lake", view) == {data}
    assert deployment.seen_by("shop", "binding_health") == set()
    deployment.organization.labels[shop] = {"team": "data-lake"}
    deployment.organization.labels[nobody] = {"team": "shop"}
    deployment.audit()
    assert deployment.seen_by("shop") == {nobody}
    assert deployment.seen_by("data_lake") == {shop, data}
    deployment.organization.labels = {shop: {"team": "shop"}}
    deployment.audit()
    assert deployment.seen_by("shop") == {shop}
    assert deployment.seen_by("data_lake") == set()


def test_a_team_may_read_its_own_dataset_and_its_views_the_findings(deployment: Deployment) -> None:
    client = deployment.store.client
    main = client.get_dataset(DATASET)
    main.access_entries = [*main.access_entries, AccessEntry("READER", "groupByEmail", "security@example.com")]
    client.update_dataset(main, ["access_entries"])
    before = apply_again(deployment)
    assert apply_again(deployment) == before
    of_shop = client.get_dataset(f"{DATASET}_team_shop").access_entries
    readers = {(entry.entity_type, entry.entity_id) for entry in of_shop if entry.role == "READER"}
    assert {("groupByEmail", "shop@example.com"), ("userByEmail", "ada@example.com")} <= readers
    entries = client.get_dataset(DATASET).access_entries
    authorized = [entry.entity_id["tableId"] for entry in entries if entry.entity_type == "view"]
    assert sorted(authorized) == sorted(["binding_health", "findings", "time_to_resolve"] * len(TEAMS))
    people = [entry.entity_id for entry in entries if entry.entity_type in ("groupByEmail", "userByEmail")]
    assert "security@example.com" in people
    assert not {"shop@example.com", "ada@example.com", "data@example.com"} & set(people)


def apply_again(deployment: Deployment) -> list[str]:
    client = deployment.store.client
    apply_team_views(client, DATASET, TEAMS)
    return [client.get_dataset(name).etag for name in (DATASET, f"{DATASET}_team_shop")]


def test_the_views_are_where_the_findings_are(store: BigQueryStore) -> None:
    assert store.client.get_dataset(f"{DATASET}_team_shop").location == "EU"


@pytest.mark.parametrize(
    ("teams", "said"),
    [
        ({"Shop Floor": []}, "team 'Shop Floor'"),
        ({"x' or true or 'x": []}, "lower-case letters"),
        ({"a-b": [], "a_b": []}, "2 teams would share the dataset example-security.not_there_team_a_b"),
        ({"shop": ["shop@example.com"]}, "member 'shop@example.com': expected group:…"),
    ],
)
def test_a_team_that_cannot_be_is_refused_before_anything_is_made(
    store: BigQueryStore, teams: dict[str, list[str]], said: str
) -> None:
    with pytest.raises(ConfigError) as refused:
        apply_team_views(store.client, f"{PROJECT}.not_there", teams)
    assert said in str(refused.value)


def test_a_table_of_an_older_version_gains_its_columns_and_keeps_its_days(store: BigQueryStore) -> None:
    client, name = store.client, f"{DATASET}.habits"
    lacking = ("tool", "country", "network")
    older = BigQueryTable(name, schema=[field for field in client.get_table(name).schema if field.name not in lacking])
    older.labels = {"schema_version": "1"}
    older.time_partitioning = TimePartitioning(field="day", type_="DAY", expiration_ms=30 * 86_400_000)
    client.delete_table(name)
    client.create_table(older)
    assert apply_schema(client, DATASET) == [
        f"brought the table {name} from version 1 to 2: tool, country, network",
    ]
    table = client.get_table(name)
    assert set(lacking) <= {field.name for field in table.schema}
    assert table.time_partitioning.expiration_ms == 30 * 86_400_000  # what an operator chose
    assert apply_schema(client, DATASET) == []


def test_a_dataset_of_a_newer_version_is_left_as_it_is(store: BigQueryStore) -> None:
    client = store.client
    client.delete_table(f"{DATASET}.teams")
    set_version(client, 99)
    with pytest.raises(BackendError, match=r"mutes has version 99, this bindwatch knows 1: use a newer one"):
        apply_schema(client, DATASET)
    with pytest.raises(NotFound):
        client.get_table(f"{DATASET}.teams")
    set_version(client, 1)
    assert apply_schema(client, DATASET) == [f"made the view {DATASET}.teams"]


def set_version(client: Client, version: int) -> None:
    table = client.get_table(f"{DATASET}.mutes")
    table.labels = {"schema_version": str(version)}
    client.update_table(table, ["labels"])


def test_a_column_inside_of_a_record_is_added_too() -> None:
    commands = SchemaField("commands", "STRING", mode="REPEATED")
    there = [SchemaField("fix", "RECORD", description="own", fields=[commands]), SchemaField("gone", "STRING")]
    wanted = [
        SchemaField("fix", "RECORD", fields=[commands, SchemaField("undo", "STRING")]),
        SchemaField("new", "STRING"),
    ]
    merged, added = with_missing(there, wanted)
    assert added == ["fix.undo", "new"]
    assert [field.name for field in merged] == ["fix", "gone", "new"]
    assert [field.name for field in merged[0].fields] == ["commands", "undo"]
    assert merged[0].description == "own"
    assert with_missing(merged, wanted) == (merged, [])


def test_the_command_prepares_and_says_what_it_did(store: BigQueryStore, tmp_path: Path) -> None:
    with gateway(store.client._connection.API_BASE_URL) as gate:
        environ = gate.environ(tmp_path)
        asked = ("--store", f"bigquery:{DATASET}")
        done = bindwatch("prepare", *asked, "--team", "shop=group:shop@example.com", **environ)
        assert f"{DATASET} is up to date" in done.stderr
        assert f"team shop finds its findings in {DATASET}_team_shop" in done.stderr
        assert f"bq rm --recursive --dataset {PROJECT}:bindwatch_team_data_lake" in done.stderr
        assert f"ada@example.com keeps reading {DATASET}_team_shop" in done.stderr
        assert f'on schema `{DATASET}_team_shop` from "user:ada@example.com"' in done.stderr
        assert "shop@example.com keeps" not in done.stderr
        assert done.returncode == 0
        absent = bindwatch("findings", "--store", f"bigquery:{PROJECT}.absent", **environ)
        assert absent.returncode == 2
        assert "bindwatch prepare" in absent.stderr
        wrong = bindwatch("prepare", *asked, "--team", "shop", **environ)
        assert wrong.returncode == 2
        assert "expected TEAM=MEMBER" in wrong.stderr


def bindwatch(*args: str, **environ: str) -> subprocess.CompletedProcess[str]:
    done = subprocess.run(
        [sys.executable, "-m", "bindwatch", *args],
        capture_output=True,
        cwd=SOURCE,
        env={"PATH": os.environ["PATH"], **environ},
        text=True,
        timeout=120,
        check=False,
    )
    assert "Traceback" not in done.stderr
    return done
