import json
from typing import Any

import pytest

from bindwatch.inventory import Inventory, InventoryBuilder, Origin, Part, hint_from_path, read_inventory_document
from bindwatch.inventory.clusters import Cluster
from bindwatch.inventory.hierarchy import Folder, Group, LogSink, Organization, OrgPolicy
from bindwatch.inventory.identities import ApiKey, IdentityPool, ServiceAccountKey
from bindwatch.inventory.resources import Bucket, Dataset, Firewall, Instance, Runtime, Secret, Subnetwork
from bindwatch.model.policy import AuditConfig, AuditLogConfig, Binding, Condition, Policy
from bindwatch.model.resource import project_name
from inventory.documents import (
    ACCOUNT,
    ANCESTORS,
    API_KEY,
    BOUNDARY,
    BOUNDARY_BINDING,
    CI,
    CI_ID,
    CLUSTER,
    DENY,
    GKE,
    KEY,
    MEMBERSHIP,
    NUMBER,
    ORG_POLICY_V1,
    ORG_POLICY_V2,
    POLICY,
    PROJECT_V1,
    PROJECT_V3,
    PROVIDER,
    ROLE,
    SERVICE,
    SINK,
    WORKLOAD_POOL,
    asset,
    snake,
)

SHOP = project_name("shop-prod")
CI_NAME = f"//iam.googleapis.com/projects/shop-prod/serviceAccounts/{CI}"
WHOLE = Policy(
    bindings=(
        Binding("roles/owner", ("user:ada@example.com", "group:admins@example.com")),
        Binding(
            "roles/storage.admin",
            (f"serviceAccount:{CI}",),
            Condition('request.time < timestamp("2027-01-01T00:00:00Z")', "until"),
        ),
    ),
    audit_configs=(
        AuditConfig(
            "iam.googleapis.com",
            (AuditLogConfig("ADMIN_READ", ("user:ada@example.com",)), AuditLogConfig("DATA_READ")),
        ),
    ),
    etag="BwYAAAAAAAA=",
    version=3,
)


def read(*documents: object, path: str = "", clean: bool = True) -> Inventory:
    builder = InventoryBuilder()
    hint = hint_from_path(path) if path else None
    for line, document in enumerate(documents, 1):
        assert read_inventory_document(document, builder, origin=Origin(path or "f.json", line), hint=hint)
    inventory = builder.build()
    assert not clean or inventory.problems == ()
    return inventory


def listed(document: dict[str, Any], key: str) -> list[object]:
    """The same item as gcloud lists it, as gcloud describes it, and as the API answers a list."""
    return [[document], document, {key: [document]}]


@pytest.mark.parametrize("write", [lambda value: value, snake])
def test_an_asset_with_a_policy_reads_the_same_in_either_case(write: Any) -> None:
    inventory = read(
        write(asset(f"//cloudresourcemanager.googleapis.com/projects/{NUMBER}", "x/Project", iamPolicy=POLICY)),
        write(asset(SHOP, "cloudresourcemanager.googleapis.com/Project", PROJECT_V1)),
    )
    assert inventory.policy(SHOP) == WHOLE
    assert inventory.ancestors(SHOP)[1:] == (
        "//cloudresourcemanager.googleapis.com/folders/700",
        "//cloudresourcemanager.googleapis.com/organizations/42",
    )
    assert inventory.has(Part.POLICIES, SHOP)
    assert not inventory.has(Part.POLICIES, project_name("elsewhere"))


def test_log_types_may_be_numbers() -> None:
    config = {"service": "allServices", "audit_log_configs": [{"log_type": 1}, {"log_type": 2}, {"log_type": 3}]}
    inventory = read({"name": SHOP, "asset_type": "x/Project", "iam_policy": {"audit_configs": [config]}})
    policy = inventory.policy(SHOP)
    assert policy is not None
    assert [log.log_type for log in policy.audit_configs[0].log_configs] == ["ADMIN_READ", "DATA_WRITE", "DATA_READ"]


@pytest.mark.parametrize("body", [PROJECT_V1, PROJECT_V3])
@pytest.mark.parametrize("wrap", range(4))
def test_a_project(body: dict[str, Any], wrap: int) -> None:
    shapes = [
        *listed(body, "projects"),
        asset(f"{SHOP[:-9]}{NUMBER}", "cloudresourcemanager.googleapis.com/Project", body),
    ]
    project = read(shapes[wrap]).project(NUMBER)
    assert project is not None
    assert (project.id, project.name, project.display_name) == ("shop-prod", SHOP, "Shop")
    assert project.parent == "//cloudresourcemanager.googleapis.com/folders/700"


def test_folders_and_organizations() -> None:
    inventory = read(
        [{"name": "folders/700", "parent": "organizations/42", "displayName": "Shops", "state": "ACTIVE"}],
        [{"name": "organizations/42", "displayName": "example.com", "owner": {"directoryCustomerId": "C0example"}}],
    )
    assert [item.display_name for item in inventory.all(Folder)] == ["Shops"]
    assert [item.customer_id for item in inventory.all(Organization)] == ["C0example"]
    assert inventory.ancestors("//cloudresourcemanager.googleapis.com/folders/700")[1].endswith("/organizations/42")


@pytest.mark.parametrize("wrap", range(3))
def test_a_service_account_and_its_keys(wrap: int) -> None:
    inventory = read(listed(ACCOUNT, "accounts")[wrap], listed(KEY, "keys")[wrap])
    account = inventory.service_account(CI)
    assert account is not None
    assert (account.name, account.disabled, account.unique_id) == (CI_NAME, True, CI_ID)
    (key,) = inventory.keys_of(CI)
    assert (key.name, key.user_managed, key.origin) == (f"{CI_NAME}/keys/0a1b2c3d", True, "GOOGLE_PROVIDED")
    assert inventory.has(Part.KEYS, CI_NAME) is (wrap != 1)
    assert inventory.has(Part.SERVICE_ACCOUNTS, SHOP) is (wrap != 1)


def test_an_account_without_a_flag_is_enabled_but_a_search_result_does_not_say() -> None:
    plain = {key: value for key, value in ACCOUNT.items() if key != "disabled"}
    account = read([plain]).service_account(CI)
    assert account is not None
    assert account.disabled is False
    found = {
        "name": CI_NAME,
        "assetType": "iam.googleapis.com/ServiceAccount",
        "project": f"projects/{NUMBER}",
        "displayName": "Build",
        "additionalAttributes": {"email": CI, "uniqueId": CI_ID},
    }
    searched = read({"results": [found]}).service_account(CI)
    assert searched is not None
    assert searched.disabled is None


def test_in_an_export_an_account_goes_by_its_unique_id() -> None:
    name = f"//iam.googleapis.com/projects/shop-prod/serviceAccounts/{CI_ID}"
    inventory = read(
        asset(f"{name}/keys/0a", "iam.googleapis.com/ServiceAccountKey", {"keyType": 1, "name": f"projects/x/{CI_ID}"}),
        asset(name, "iam.googleapis.com/ServiceAccount", iamPolicy={"bindings": [{"role": "roles/x", "members": []}]}),
        asset(name, "iam.googleapis.com/ServiceAccount", ACCOUNT),
    )
    assert [key.key_type for key in inventory.keys_of(CI)] == ["USER_MANAGED"]
    assert inventory.policy(CI_NAME) is not None
    assert inventory.has(Part.KEYS, CI_NAME)


@pytest.mark.parametrize(
    ("body", "expected"),
    [
        ({"validAfterTime": "2020-01-01T00:00:00Z", "validBeforeTime": "9999-12-31T23:59:59Z"}, True),
        ({"validAfterTime": "2020-01-01T00:00:00Z", "validBeforeTime": "2022-01-01T00:00:00Z"}, None),
        ({"keyOrigin": "USER_PROVIDED"}, True),
        ({"keyType": "SYSTEM_MANAGED"}, False),
        ({"validAfterTime": "yesterday"}, None),
    ],
)
def test_whether_a_key_is_user_managed_may_have_to_be_told_by_its_life(body: dict[str, str], expected: object) -> None:
    inventory = read(asset(f"{CI_NAME}/keys/k", "iam.googleapis.com/ServiceAccountKey", body))
    assert [key.user_managed for key in inventory.all(ServiceAccountKey)] == [expected]


@pytest.mark.parametrize("wrap", range(3))
def test_a_custom_role(wrap: int) -> None:
    inventory = read(listed(ROLE, "roles")[wrap])
    role = inventory.custom_role("projects/shop-prod/roles/deployer")
    assert role is not None
    assert role.is_custom
    assert not role.is_disabled
    assert role.permissions == ("run.services.create", "iam.serviceAccounts.actAs")


@pytest.mark.parametrize("wrap", range(3))
def test_a_pool_and_its_provider(wrap: int) -> None:
    pool_shape = listed(WORKLOAD_POOL, "workloadIdentityPools")[wrap]
    inventory = read(pool_shape, listed(PROVIDER, "workloadIdentityPoolProviders")[wrap], [PROJECT_V3])
    (pool,) = inventory.all(IdentityPool)
    assert (pool.id, pool.project, pool.is_workforce) == ("github", "shop-prod", False)
    (provider,) = inventory.providers_of(pool.name)
    assert provider.kind == "oidc"
    assert provider.issuer == "https://token.actions.githubusercontent.com"
    assert dict(provider.attribute_mapping)["google.subject"] == "assertion.sub"
    assert provider.attribute_condition == "assertion.repository_owner == 'example'"
    assert inventory.identity_pool(f"projects/{NUMBER}/locations/global/workloadIdentityPools/github") is pool


def test_a_workforce_pool() -> None:
    (pool,) = read([{"name": "locations/global/workforcePools/staff", "parent": "organizations/42"}]).all(IdentityPool)
    assert pool.is_workforce
    assert pool.project == ""


@pytest.mark.parametrize("wrap", range(4))
def test_a_cluster_with_its_node_pools(wrap: int) -> None:
    shapes = [*listed(GKE, "clusters"), asset(CLUSTER, "container.googleapis.com/Cluster", GKE)]
    inventory = read(shapes[wrap])
    cluster = inventory.cluster(CLUSTER)
    assert cluster is not None
    assert cluster == inventory.cluster(
        "https://container.googleapis.com/v1/projects/shop-prod/locations/europe-west4/clusters/main"
    )
    assert (cluster.id, cluster.project, cluster.location) == ("main", "shop-prod", "europe-west4")
    assert cluster.identity_pool == "shop-prod.svc.id.goog"
    assert cluster.has_dataplane_v2
    assert cluster.legacy_abac
    assert not cluster.is_zonal
    assert cluster.issuer == GKE["selfLink"]
    assert cluster.subnetwork == "//compute.googleapis.com/projects/shop-prod/regions/europe-west4/subnetworks/nodes"
    web, old = inventory.node_pools_of(CLUSTER)
    assert web.serves_workload_identity
    assert web.has_default_service_account
    assert web.legacy_endpoints_disabled
    assert web.autoscaled
    assert (old.metadata_mode, old.service_account) == ("GCE_METADATA", CI)
    assert not old.has_default_service_account
    assert inventory.has(Part.NODE_POOLS, CLUSTER)


def test_autopilot_has_workload_identity_even_where_nothing_says_so() -> None:
    (cluster,) = read({**GKE, "autopilot": {"enabled": True}, "workloadIdentityConfig": {}, "nodePools": []}).all(
        Cluster
    )
    assert cluster.identity_pool == "shop-prod.svc.id.goog"
    (standard,) = read({**GKE, "workloadIdentityConfig": {}}).all(Cluster)
    assert standard.identity_pool == ""
    (beta,) = read({**GKE, "workloadIdentityConfig": {"identityNamespace": "shop-prod.svc.id.goog"}}).all(Cluster)
    assert beta.identity_pool == "shop-prod.svc.id.goog"


def test_node_pools_listed_by_themselves() -> None:
    pool = {**GKE["nodePools"][0], "selfLink": GKE["selfLink"] + "/nodePools/web", "initialNodeCount": 1}
    inventory = read([pool])
    assert [item.id for item in inventory.node_pools_of(CLUSTER)] == ["web"]
    assert inventory.has(Part.NODE_POOLS, CLUSTER)


def test_a_fleet_membership_ties_a_cluster_to_the_pool_of_its_fleet() -> None:
    inventory = read([GKE], [MEMBERSHIP], [PROJECT_V3])
    assert [item.workload_pool for item in inventory.memberships_of(CLUSTER)] == ["fleet-host.svc.id.goog"]
    assert [item.name for item in inventory.clusters_of_pool("fleet-host.svc.id.goog")] == [CLUSTER]
    cluster = inventory.cluster(CLUSTER)
    assert cluster is not None
    assert cluster.fleet_membership == inventory.memberships_of(CLUSTER)[0].name


@pytest.mark.parametrize("wrap", range(3))
def test_services(wrap: int) -> None:
    inventory = read(listed(SERVICE, "services")[wrap], [PROJECT_V3])
    assert inventory.enabled("shop-prod", "iamcredentials.googleapis.com") is True
    assert inventory.enabled("shop-prod", "sts.googleapis.com") is (None if wrap == 1 else False)


def test_a_deny_policy_holds_on_what_lies_below_its_attachment_point() -> None:
    inventory = read([DENY], [PROJECT_V3])
    (policy,) = inventory.deny_policies_over("//secretmanager.googleapis.com/projects/shop-prod/secrets/db")
    assert policy.attachment_point == SHOP
    (rule,) = policy.rules
    assert rule.denied_permissions == ("iam.googleapis.com/serviceAccountKeys.create",)
    assert rule.exception_principals == ("principal://goog/subject/ada@example.com",)
    assert rule.condition is not None
    assert inventory.has(Part.DENY_POLICIES, SHOP)


def test_a_boundary_and_what_it_is_bound_to() -> None:
    inventory = read([BOUNDARY], {"policyBindings": [BOUNDARY_BINDING]}, [PROJECT_V3])
    pool = f"projects/{NUMBER}/locations/global/workloadIdentityPools/github"
    ((binding, boundary),) = inventory.boundaries_bound_to(pool)
    assert binding.policy_kind == "PRINCIPAL_ACCESS_BOUNDARY"
    assert boundary is not None
    assert boundary.rules[0].resources == ("//cloudresourcemanager.googleapis.com/organizations/42",)


def test_organization_policies_of_either_generation() -> None:
    inventory = read(
        [ORG_POLICY_V2],
        asset(SHOP, "cloudresourcemanager.googleapis.com/Project", orgPolicy=[ORG_POLICY_V1]),
        [PROJECT_V3],
    )
    rules = inventory.org_policies_over(SHOP, "constraints/iam.disableServiceAccountKeyCreation")
    assert [(item.enforced, item.dry_run, bool(item.conditions)) for item in rules] == [
        (True, False, True),
        (False, True, False),
    ]
    (listed_values,) = inventory.org_policies_over(SHOP, "iam.allowedPolicyMemberDomains")
    assert (listed_values.allowed, listed_values.inherits, listed_values.enforced) == (("C0example",), True, None)


def test_an_effective_policy_without_a_resource_is_that_of_the_one_project() -> None:
    (policy,) = read({"constraint": "constraints/x", "booleanPolicy": {}}, [PROJECT_V3]).all(OrgPolicy)
    assert (policy.resource, policy.enforced) == (SHOP, False)


def test_log_sinks() -> None:
    inventory = read([SINK])
    (sink,) = inventory.sinks_of("//cloudresourcemanager.googleapis.com/organizations/42")
    assert sink.include_children
    assert sink.exclusions[0].filter == "severity<NOTICE"
    assert inventory.has(Part.LOG_SINKS, sink.parent)
    (bare,) = read([{"name": "s", "destination": "d", "filter": ""}], [PROJECT_V3]).all(LogSink)
    assert bare.parent == SHOP


def test_an_api_key_without_its_string() -> None:
    (key,) = read([{**API_KEY, "keyString": "AIza-not-kept"}]).all(ApiKey)
    assert key.api_targets == ("maps.googleapis.com",)
    assert key.application_restriction == "browser"
    assert "AIza" not in repr(key)


def test_a_bucket_of_the_api_and_of_gcloud_storage() -> None:
    api = {
        "kind": "storage#bucket",
        "name": "cart",
        "projectNumber": NUMBER,
        "iamConfiguration": {"publicAccessPrevention": "enforced", "uniformBucketLevelAccess": {"enabled": True}},
    }
    storage = {
        "name": "cart",
        "storage_url": "gs://cart/",
        "public_access_prevention": "enforced",
        "uniform_bucket_level_access": True,
    }
    for shape in ({"kind": "storage#buckets", "items": [api]}, [storage]):
        (bucket,) = read(shape, [PROJECT_V3]).all(Bucket)
        assert (bucket.name, bucket.public_access_prevention, bucket.uniform_access) == (
            "//storage.googleapis.com/cart",
            "enforced",
            True,
        )
    inventory = read(api, [PROJECT_V3])
    assert inventory.project_of("//storage.googleapis.com/cart") == "shop-prod"


def test_the_access_list_of_a_dataset_is_its_policy_where_none_came() -> None:
    body = {
        "kind": "bigquery#dataset",
        "datasetReference": {"projectId": "shop-prod", "datasetId": "sales"},
        "access": [
            {"role": "READER", "specialGroup": "allAuthenticatedUsers"},
            {"role": "OWNER", "userByEmail": CI},
            {"role": "roles/bigquery.admin", "iamMember": "allUsers"},
            {"role": "WRITER", "specialGroup": "projectWriters"},
            {"view": {"tableId": "v"}},
        ],
    }
    inventory = read(body)
    name = "//bigquery.googleapis.com/projects/shop-prod/datasets/sales"
    assert inventory.policy(name) == Policy(
        bindings=(
            Binding("roles/bigquery.dataViewer", ("allAuthenticatedUsers",)),
            Binding("roles/bigquery.dataOwner", (f"serviceAccount:{CI}",)),
            Binding("roles/bigquery.admin", ("allUsers",)),
            Binding("roles/bigquery.dataEditor", ("projectEditor:shop-prod",)),
        )
    )
    assert [resource for resource, _ in inventory.policies] == [name]
    assert len(inventory.all(Dataset)) == 1


def test_machines_and_networks() -> None:
    where = "https://www.googleapis.com/compute/v1/projects/shop-prod"
    inventory = read(
        {
            "kind": "compute#instanceList",
            "items": [
                {
                    "kind": "compute#instance",
                    "selfLink": f"{where}/zones/europe-west4-a/instances/web",
                    "serviceAccounts": [{"email": CI, "scopes": ["https://www.googleapis.com/auth/cloud-platform"]}],
                    "labels": {"goog-gke-node": ""},
                }
            ],
        },
        [
            {
                "kind": "compute#subnetwork",
                "selfLink": f"{where}/regions/europe-west4/subnetworks/nodes",
                "network": f"{where}/global/networks/default",
                "ipCidrRange": "192.0.2.0/24",
                "privateIpGoogleAccess": True,
            },
            {
                "kind": "compute#firewall",
                "selfLink": f"{where}/global/firewalls/no-out",
                "direction": "EGRESS",
                "denied": [{"IPProtocol": "tcp", "ports": ["443"]}],
                "destinationRanges": ["0.0.0.0/0"],
            },
        ],
        [GKE],
    )
    (machine,) = inventory.all(Instance)
    assert machine.service_accounts[0].email == CI
    assert machine.is_gke_node
    cluster = inventory.cluster(CLUSTER)
    assert cluster is not None
    subnet = inventory.subnetwork_of(cluster)
    assert subnet is not None
    assert subnet.private_google_access is True
    assert inventory.named(subnet.name, Subnetwork) is subnet
    assert inventory.named(subnet.name, Firewall) is None
    (rule,) = inventory.all(Firewall)
    assert (rule.direction, rule.action, rule.protocols) == ("EGRESS", "deny", (("tcp", ("443",)),))


@pytest.mark.parametrize(
    "body",
    [
        {"name": "projects/shop-prod/locations/europe-west4/services/web", "template": {"serviceAccount": CI}},
        {
            "apiVersion": "serving.knative.dev/v1",
            "kind": "Service",
            "metadata": {
                "name": "web",
                "namespace": "shop-prod",
                "labels": {"cloud.googleapis.com/location": "europe-west4"},
            },
            "spec": {"template": {"spec": {"serviceAccountName": CI}}},
        },
        {
            "name": "projects/shop-prod/locations/europe-west4/functions/web",
            "serviceConfig": {"serviceAccountEmail": CI},
        },
        {
            "clusterName": "web",
            "projectId": "shop-prod",
            "config": {"gceClusterConfig": {"serviceAccount": CI}},
            "labels": {"goog-dataproc-location": "europe-west4"},
        },
        {
            "name": "projects/shop-prod/locations/europe-west4/environments/web",
            "config": {"nodeConfig": {"serviceAccount": CI}},
        },
        {
            "name": "projects/shop-prod/locations/europe-west4-a/instances/web",
            "gceSetup": {"serviceAccounts": [{"email": CI}]},
        },
        {
            "triggers": [
                {
                    "id": "web",
                    "name": "deploy",
                    "resourceName": "projects/shop-prod/locations/global/triggers/web",
                    "serviceAccount": f"projects/shop-prod/serviceAccounts/{CI}",
                }
            ]
        },
    ],
)
def test_what_runs_code_as_a_service_account(body: dict[str, Any]) -> None:
    (runtime,) = read(body).all(Runtime)
    assert runtime.service_account == CI
    assert runtime.project == "shop-prod"
    assert runtime.name.endswith("/web")


def test_secrets_and_groups() -> None:
    inventory = read(
        {"secrets": [{"name": f"projects/{NUMBER}/secrets/db", "createTime": "2025-01-01T00:00:00Z"}]},
        [PROJECT_V3],
        {"group": "Admins@example.com", "members": ["user:ada@example.com"]},
        {
            "group": "ops@example.com",
            "memberships": [{"preferredMemberKey": {"id": CI}, "roles": [{"name": "MEMBER"}]}],
        },
    )
    assert [item.name for item in inventory.all(Secret)] == [
        "//secretmanager.googleapis.com/projects/shop-prod/secrets/db"
    ]
    admins, ops = inventory.group("admins@example.com"), inventory.group("ops@example.com")
    assert admins == Group(email="admins@example.com", members=("user:ada@example.com",))
    assert ops == Group(email="ops@example.com", members=(f"serviceAccount:{CI}",))


def test_a_policy_search_tells_where_things_lie_and_that_it_may_not_be_all() -> None:
    result = {
        "resource": "//storage.googleapis.com/cart",
        "assetType": "storage.googleapis.com/Bucket",
        "project": f"projects/{NUMBER}",
        "folders": ["folders/700"],
        "organization": "organizations/42",
        "policy": {"bindings": [{"role": "roles/storage.admin", "members": ["allUsers"]}]},
    }
    for shape in ([result], {"results": [result]}, result):
        inventory = read(shape, [PROJECT_V3])
        assert inventory.is_partial("//storage.googleapis.com/cart")
        assert inventory.project_of("//storage.googleapis.com/cart") == "shop-prod"
        assert inventory.ancestors("//storage.googleapis.com/cart")[-1].endswith("organizations/42")
        found = inventory.resource("//storage.googleapis.com/cart")
        assert found is not None
        assert found.asset_type == "storage.googleapis.com/Bucket"


def test_a_feed_message_shows_the_asset_as_it_is_now() -> None:
    before = asset(SHOP, "x/Project", iamPolicy={"bindings": []})
    now = asset(SHOP, "x/Project", iamPolicy=POLICY)
    window = {"startTime": "2026-01-01T00:00:00Z"}
    inventory = read({"asset": now, "priorAsset": before, "priorAssetState": "PRESENT", "window": window})
    assert inventory.policy(SHOP) == WHOLE
    gone = read({"asset": now, "deleted": True, "window": window})
    assert gone.policy(SHOP) is None
    assert sum(gone.skipped.values()) == 1


def test_the_policies_over_a_project_as_gcloud_prints_them() -> None:
    inventory = read(
        [
            {"id": "shop-prod", "type": "project", "policy": POLICY},
            {"id": "42", "type": "organization", "policy": {"etag": "x"}},
        ]
    )
    assert inventory.policy(SHOP) == WHOLE
    assert inventory.policy("//cloudresourcemanager.googleapis.com/organizations/42") == Policy(etag="x")


def test_effective_policies_are_those_of_what_they_are_attached_to() -> None:
    above = "//cloudresourcemanager.googleapis.com/organizations/42"
    policies = [
        {"attachedResource": f"//cloudresourcemanager.googleapis.com/projects/{NUMBER}", "policy": POLICY},
        {"attachedResource": above, "policy": {"etag": "x"}},
    ]
    bucket = "//storage.googleapis.com/cart"
    answer = {"policyResults": [{"fullResourceName": bucket, "policies": policies}]}
    for body in (answer, answer["policyResults"]):
        inventory = read(body, [PROJECT_V3])
        assert inventory.policy(SHOP) == WHOLE
        assert inventory.policy(above) == Policy(etag="x")
        assert inventory.ancestors(bucket)[:2] == (bucket, SHOP)


def test_a_bare_policy_belongs_where_its_path_says() -> None:
    at_account = f"out/projects/shop-prod/service-accounts/{CI}/iam-policy.json"
    assert read(POLICY, path=at_account).policy(CI_NAME) == WHOLE
    at_project = read(POLICY, path="out/projects/shop-prod/iam-policy.json")
    assert at_project.policy(SHOP) == WHOLE
    assert at_project.has(Part.POLICIES, SHOP)
    assert not at_project.has(Part.POLICIES, "//storage.googleapis.com/cart")


def test_a_policy_as_cloud_storage_answers_it_says_whose_it_is() -> None:
    answer = {"kind": "storage#policy", "resourceId": "projects/_/buckets/cart", **POLICY}
    assert read(answer).policy("//storage.googleapis.com/cart") == WHOLE


def test_an_empty_list_is_a_list_of_nothing_if_something_says_of_what() -> None:
    for empty in ({}, [], {"keys": []}):
        inventory = read(empty, path=f"projects/shop-prod/service-accounts/{CI}/keys.json")
        assert inventory.has(Part.KEYS, CI_NAME)
    assert not read_inventory_document({}, InventoryBuilder(), origin=Origin())


def test_one_page_of_several_proves_no_absence() -> None:
    inventory = read({"accounts": [ACCOUNT], "nextPageToken": "more"})
    assert inventory.service_account(CI) is not None
    assert not inventory.has(Part.SERVICE_ACCOUNTS, SHOP)
    assert any("one page" in note for note in inventory.notes)


def test_what_an_api_refused_is_known_to_be_unknown() -> None:
    refusal = {"error": {"code": 403, "status": "PERMISSION_DENIED", "message": "no"}}
    told = read(refusal, path="projects/shop-prod/service-accounts.json").coverage(Part.SERVICE_ACCOUNTS, SHOP)
    assert told.reason == "403 PERMISSION_DENIED: no"
    assert len(read(refusal, clean=False).problems) == 1
    line = {"could_not_read": "keys", "scope": CI_NAME, "reason": "quota"}
    assert read(line).coverage(Part.KEYS, CI_NAME).reason == "quota"
    assert len(read({**line, "could_not_read": "socks"}, clean=False).problems) == 1


def test_data_may_be_text_as_in_bigquery() -> None:
    found = asset(CI_NAME, "iam.googleapis.com/ServiceAccount")
    found["resource"] = {"data": json.dumps(ACCOUNT)}
    assert read(found).service_account(CI) is not None


def test_what_is_not_read_is_counted_and_what_is_broken_is_named() -> None:
    builder = InventoryBuilder()
    here = Origin("export.ndjson", 7)
    read_inventory_document(asset("//x.googleapis.com/y", "x.googleapis.com/Y", {"a": 1}), builder, origin=here)
    read_inventory_document({"name": SHOP, "assetType": "x/Y", "accessPolicy": {}}, builder, origin=here)
    read_inventory_document({"name": SHOP, "assetType": "x/Y"}, builder, origin=here)
    broken = {"bindings": [{"role": 5, "members": []}, {"role": "r", "members": ["user:a@example.com", 7]}, "x"]}
    read_inventory_document(asset(SHOP, "x/Project", iamPolicy=broken), builder, origin=here)
    read_inventory_document(asset(SHOP, "iam.googleapis.com/ServiceAccount", {"email": 5}), builder, origin=here)
    read_inventory_document([5], builder, origin=here)
    inventory = builder.build()
    assert inventory.skipped == {
        ("x.googleapis.com/Y", "not a type that is read"): 1,
        ("x/Y", "its access levels, perimeters and software are not read"): 1,
        ("x/Y", "an asset without content"): 1,
    }
    assert [str(problem) for problem in inventory.problems] == [
        "export.ndjson:7: bindings.role: expected the name of a role",
        "export.ndjson:7: bindings.members: expected strings",
        "export.ndjson:7: bindings: expected an object, not a string",
        "export.ndjson:7: iam.googleapis.com/ServiceAccount: too little in it to know what it is",
        "export.ndjson:7: : expected an object in the list".replace(": :", ":"),
    ]
    policy = inventory.policy(SHOP)
    assert policy is not None
    assert policy.bindings == (Binding("r", ("user:a@example.com",)),)


def test_the_ancestors_of_an_asset_map_numbers_to_ids() -> None:
    inventory = read(
        asset("//pubsub.googleapis.com/projects/shop-prod/topics/t", "pubsub.googleapis.com/Topic", iamPolicy=POLICY)
    )
    assert inventory.project_id(NUMBER) == "shop-prod"
    assert inventory.ancestors("//pubsub.googleapis.com/projects/shop-prod/topics/t")[1] == SHOP
    assert ANCESTORS[0] == f"projects/{NUMBER}"
