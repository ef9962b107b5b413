"""The inventories of other projects: all is read, nothing crashes, and what must be in them is found."""

import json
from collections.abc import Iterator
from pathlib import Path

import pytest

from bindwatch.inventory import (
    Inventory,
    InventoryBuilder,
    Origin,
    Part,
    classify,
    looks_like_inventory,
    read_inventory_document,
)
from bindwatch.inventory.clusters import Cluster, NodePool
from bindwatch.inventory.hierarchy import EnabledService, Folder, Organization, OrgPolicy, Project
from bindwatch.inventory.identities import Role, ServiceAccount, ServiceAccountKey
from bindwatch.inventory.resources import Firewall, Subnetwork
from bindwatch.inventory.workloads import Node, Pod


def documents(file: Path) -> Iterator[tuple[int, object]]:
    text = file.read_text(encoding="utf-8")
    if file.suffix == ".json":
        yield 0, json.loads(text)
        return
    for number, line in enumerate(text.splitlines(), 1):
        if line.strip() and not line.lstrip().startswith(("#", "//")):
            yield number, json.loads(line)


def read(folder: Path) -> Inventory:
    builder = InventoryBuilder()
    for file in sorted(folder.iterdir()):
        if file.suffix in (".json", ".ndjson"):
            for line, value in documents(file):
                taken = read_inventory_document(value, builder, origin=Origin(str(file), line))
                assert taken or not looks_like_inventory(value), f"{file.name}:{line} is {classify(value)}"
    return builder.build()


def counts(inventory: Inventory, *kinds: type) -> list[int]:
    return [len(inventory.all(kind)) for kind in kinds]


def test_the_export_of_a_small_organization(corpus: Path) -> None:
    inventory = read(corpus / "policy" / "forseti-cai")
    assert inventory.problems == ()
    assert counts(inventory, Organization, Folder, Project, ServiceAccount, ServiceAccountKey, Role) == [
        1,
        3,
        4,
        3,
        1,
        2,
    ]
    assert counts(inventory, Cluster, Pod, Node, Subnetwork, Firewall, OrgPolicy) == [1, 1, 1, 24, 7, 5]
    assert len(list(inventory.policies)) == 22
    top = "//cloudresourcemanager.googleapis.com/organizations/111222333"
    policy = inventory.policy(top)
    assert policy is not None
    assert [config.service for config in policy.audit_configs] == ["allServices"]
    for project in inventory.all(Project):
        assert not project.id.isdigit()
        assert inventory.ancestors(project.name)[-1] == top
    for dataset, _ in inventory.policies:
        if "/datasets/" in dataset:
            assert not inventory.project_of(dataset).isdigit()
    assert inventory.has(Part.POLICIES, top)


def test_a_kubernetes_project_from_api_answers(corpus: Path) -> None:
    inventory = read(corpus / "policy" / "gcpdiag" / "gke1")
    assert counts(inventory, Project, Cluster, NodePool, ServiceAccount, EnabledService) == [1, 7, 6, 4, 12]
    (project,) = inventory.all(Project)
    assert inventory.policy(project.name) is not None
    assert {policy.resource for policy in inventory.all(OrgPolicy)} == {project.name}
    assert sum(cluster.autopilot for cluster in inventory.all(Cluster)) >= 1
    assert all(cluster.identity_pool for cluster in inventory.all(Cluster) if cluster.autopilot)
    # Four accounts, one policy for one of them, and nothing that says for which: it must not become the project's.
    assert any("does not say whose" in note for note in inventory.notes)
    assert inventory.enabled(project.id, "bigquery.googleapis.com") is True


def test_an_identity_project_from_api_answers(corpus: Path) -> None:
    inventory = read(corpus / "policy" / "gcpdiag" / "iam1")
    (project,) = inventory.all(Project)
    policy = inventory.policy(project.name)
    assert policy is not None
    assert [binding.role for binding in policy.bindings] == ["roles/owner"]
    assert inventory.enabled(project.id, "iam.googleapis.com") is None


@pytest.mark.parametrize(
    ("folder", "kind", "count"),
    [
        ("bigquery_dataset_world_readable", None, 4),
        ("iam_allow_ban_roles", None, 1),
        ("iam_audit_log", None, 5),
        ("gcp_iam_restrict_service_account_key_age", ServiceAccountKey, 5),
        ("iam_custom_role_permissions", Role, 2),
        ("gke_enable_workload_identity", Cluster, 3),
        ("gke_disable_default_service_account", NodePool, 2),
    ],
)
def test_the_assets_of_single_checks(corpus: Path, folder: str, kind: type | None, count: int) -> None:
    inventory = read(corpus / "policy" / "policy-library" / folder)
    assert inventory.problems == ()
    assert len(inventory.all(kind) if kind else list(inventory.policies)) == count


def test_a_beta_field_switches_workload_identity_on_too(corpus: Path) -> None:
    inventory = read(corpus / "policy" / "policy-library" / "gke_enable_workload_identity")
    off = [cluster.id for cluster in inventory.all(Cluster) if not cluster.identity_pool]
    assert off == ["workloadidentity-disabled"]


def test_keys_without_a_type_are_told_by_their_life(corpus: Path) -> None:
    inventory = read(corpus / "policy" / "policy-library" / "gcp_iam_restrict_service_account_key_age")
    keys = {key.key_id: key.user_managed for key in inventory.all(ServiceAccountKey)}
    assert keys["testkeyageover90days"] is True
    assert keys["testkeyagefuture"] is None
