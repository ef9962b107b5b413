"""Live sources against servers that speak the clients' own protocols: what they read, and what they could not."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from bindwatch.adapters import gke, iam_api, org_policy, resource_manager, service_usage
from bindwatch.adapters.asset_inventory import ASSET_TYPES, AssetReader
from bindwatch.adapters.google_apis import GoogleApis, NotReadError, Pace
from bindwatch.errors import BackendError
from bindwatch.inventory import InventoryBuilder, Part, Sight
from bindwatch.inventory.clusters import Cluster
from bindwatch.inventory.hierarchy import DenyPolicy, EnabledService, Folder, OrgPolicy, PolicyBinding, Project
from bindwatch.inventory.identities import Role, ServiceAccount, ServiceAccountKey
from bindwatch.model.resource import project_name, service_account_name
from fakes.google_apis import methods_of
from fakes.organization import ORGANIZATION, SOURCES, Organization


@pytest.fixture
def organization() -> Organization:
    return Organization()


@pytest.fixture
def apis(organization: Organization) -> Iterator[GoogleApis]:
    with organization.served() as target:
        yield GoogleApis(target=target, share=None, first_pause=0.001)


def test_every_declared_call_is_a_method_of_its_client() -> None:
    for source in SOURCES:
        for call in source.CALLS:
            assert call.method in {method.name for method in methods_of(call.client)}
            assert call.permissions
            assert call.role.startswith("roles/")


def test_asset_inventory_gives_a_whole_scope(organization: Organization, apis: GoogleApis) -> None:
    organization.owners["example-0001"] = "user:eve@example.com"
    builder = InventoryBuilder()
    assert not AssetReader(apis, ORGANIZATION, builder).read()  # one type is not known to it
    inventory = builder.build()
    assert [project.id for project in inventory.all(Project)] == organization.projects
    assert len(inventory.all(ServiceAccount)) == 3
    name = project_name("example-0001")
    assert inventory.has(Part.POLICIES, name)
    assert inventory.has(Part.SERVICE_ACCOUNTS, name)
    # A project without any policy was looked at all the same.
    assert inventory.has(Part.POLICIES, project_name("example-0000"))
    refused = inventory.coverage(Part.IDENTITY_POOLS, name)
    assert refused.sight is Sight.COULD_NOT_READ
    assert "unknown asset type" in refused.reason
    assert not inventory.problems


def test_the_projects_of_the_policies_are_known_by_id(organization: Organization, apis: GoogleApis) -> None:
    organization.owners["example-0001"] = "user:eve@example.com"
    builder = InventoryBuilder()
    AssetReader(apis, ORGANIZATION, builder).read()
    assert [name for name, _ in builder.build().policies] == [project_name("example-0001")]


def test_a_scope_of_many_pages_survives_haste() -> None:
    organization = Organization(2500, hasty=3)
    organization.unknown_types.clear()
    with organization.served() as target:
        builder = InventoryBuilder()
        assert AssetReader(GoogleApis(target=target, share=None, first_pause=0.001), ORGANIZATION, builder).read()
    assert len(builder.build().all(Project)) == 2500


def test_what_asset_inventory_refuses_is_not_nothing(organization: Organization, apis: GoogleApis) -> None:
    organization.denied.add(("list_assets", ORGANIZATION))
    builder = InventoryBuilder()
    assert not AssetReader(apis, ORGANIZATION, builder).read()
    coverage = builder.build().coverage(Part.POLICIES, f"//cloudresourcemanager.googleapis.com/{ORGANIZATION}")
    assert coverage.sight is Sight.COULD_NOT_READ
    assert "cloudasset.assets.listIamPolicy" in coverage.reason
    assert "roles/cloudasset.viewer" in coverage.reason


def test_deny_policies_come_with_their_rules(apis: GoogleApis) -> None:
    builder = InventoryBuilder()
    assert iam_api.read_deny_policies(apis, builder, "projects/example-0001")
    inventory = builder.build()
    (policy,) = inventory.all(DenyPolicy)
    assert policy.attachment_point == project_name("example-0001")
    assert policy.rules[0].denied_permissions == ("iam.googleapis.com/roles.delete",)
    assert inventory.has(Part.DENY_POLICIES, project_name("example-0001"))


def test_boundaries_come_with_what_they_are_bound_to(apis: GoogleApis) -> None:
    builder = InventoryBuilder()
    assert iam_api.read_boundaries(apis, builder, ORGANIZATION)
    (binding,) = builder.build().all(PolicyBinding)
    assert binding.policy.endswith("/principalAccessBoundaryPolicies/inside")


def test_one_project_by_its_own_apis(apis: GoogleApis) -> None:
    builder = InventoryBuilder()
    project = "example-0001"
    assert resource_manager.read_ancestors(apis, builder, f"projects/{project}") == (
        f"projects/{project}",
        "folders/55",
        ORGANIZATION,
    )
    assert resource_manager.read_policy(apis, builder, "folders/55")
    (email,) = iam_api.read_service_accounts(apis, builder, project)
    assert iam_api.read_service_account(apis, builder, email, project)
    assert iam_api.read_custom_roles(apis, builder, f"projects/{project}")
    assert gke.read_clusters(apis, builder, project)
    assert service_usage.read_services(apis, builder, project)
    assert org_policy.read_org_policies(apis, builder, f"projects/{project}")
    inventory = builder.build()
    for kind in (Project, Folder, ServiceAccount, ServiceAccountKey, Role, Cluster, EnabledService, OrgPolicy):
        assert len(inventory.all(kind)) == 1, kind
    assert not inventory.problems
    account = service_account_name(email, project)
    assert inventory.has(Part.KEYS, account)
    assert inventory.has(Part.POLICIES, account)
    for part in (Part.CLUSTERS, Part.ENABLED_SERVICES, Part.ORG_POLICIES, Part.SERVICE_ACCOUNTS, Part.ROLES):
        assert inventory.has(part, project_name(project)), part


def test_clusters_of_a_location_that_did_not_answer_are_unknown(apis: GoogleApis) -> None:
    builder = InventoryBuilder()
    assert not gke.read_clusters(apis, builder, "example-0002")
    inventory = builder.build()
    assert len(inventory.all(Cluster)) == 1
    assert "us-east1-b" in str(inventory.failures())


@pytest.mark.parametrize(
    ("method", "about", "read", "part"),
    [
        ("list_service_accounts", "projects/example-0001", iam_api.read_service_accounts, Part.SERVICE_ACCOUNTS),
        ("list_clusters", "projects/example-0001/locations/-", gke.read_clusters, Part.CLUSTERS),
        ("list_services", "projects/example-0001", service_usage.read_services, Part.ENABLED_SERVICES),
    ],
)
def test_a_refusal_names_the_permission(
    organization: Organization, apis: GoogleApis, method: str, about: str, read: object, part: Part
) -> None:
    organization.denied.add((method, about))
    builder = InventoryBuilder()
    assert callable(read)
    assert not read(apis, builder, "example-0001")
    coverage = builder.build().coverage(part, project_name("example-0001"))
    assert coverage.sight is Sight.COULD_NOT_READ
    assert "permission denied: needs " in coverage.reason


def test_patience_has_an_end() -> None:
    organization = Organization(hasty=1)
    with organization.served() as target:
        apis = GoogleApis(target=target, share=None, first_pause=0.001, patience=0.05)
        with pytest.raises(NotReadError, match="quota"):
            resource_manager.find_projects(apis)


def test_without_a_server_nothing_is_invented() -> None:
    apis = GoogleApis(target="127.0.0.1:1", share=None, first_pause=0.001, patience=0.05)
    with pytest.raises(BackendError):
        resource_manager.find_projects(apis)


def test_calls_keep_below_their_quota() -> None:
    now = 0.0
    pauses: list[float] = []

    def sleep(seconds: float) -> None:
        nonlocal now
        pauses.append(seconds)
        now += seconds

    pace = Pace(60, clock=lambda: now, sleep=sleep)
    for _ in range(70):
        pace.wait()
    assert 59 <= now <= 61  # ten at once, the other sixty a second apart


def test_asset_types_are_what_the_readers_read() -> None:
    assert len(set(ASSET_TYPES)) == len(ASSET_TYPES)
    assert "iam.googleapis.com/ServiceAccount" in ASSET_TYPES
