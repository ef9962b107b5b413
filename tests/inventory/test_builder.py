import pytest

from bindwatch.inventory import UNKNOWN_CLUSTER, Inventory, InventoryBuilder, Origin, Part, Sight
from bindwatch.inventory.clusters import Cluster, FleetMembership, NodePool
from bindwatch.inventory.hierarchy import EnabledService, Folder, Project
from bindwatch.inventory.identities import Role, ServiceAccount, ServiceAccountKey
from bindwatch.inventory.workloads import KubernetesServiceAccount, Node, Pod, PodSpec
from bindwatch.model.policy import Binding, Policy
from bindwatch.model.resource import bucket_name, cluster_name, project_name, service_account_name

HERE = Origin("export.ndjson", 1)
SHOP = Project(name=project_name("shop-prod"), id="shop-prod", number="1001", parent="folders/7")
CI = "ci@shop-prod.iam.gserviceaccount.com"
CLUSTER = cluster_name("shop-prod", "europe-west4-a", "main")


def policy(role: str, *members: str) -> Policy:
    return Policy(bindings=(Binding(role, members),))


def test_a_project_has_one_name_whether_its_number_came_before_or_after_its_id() -> None:
    builder = InventoryBuilder()
    builder.add_policy(
        "//cloudresourcemanager.googleapis.com/projects/1001", policy("roles/owner", "user:ada@example.com")
    )
    builder.add_policy("//secretmanager.googleapis.com/projects/1001/secrets/db", policy("roles/x", "allUsers"))
    builder.add(Role(name="//iam.googleapis.com/projects/1001/roles/r", role="projects/1001/roles/r"), HERE)
    builder.add(SHOP, HERE)
    inventory = builder.build()
    assert inventory.policy(project_name("shop-prod")) is not None
    assert inventory.policy("//secretmanager.googleapis.com/projects/shop-prod/secrets/db") is not None
    assert inventory.custom_role("projects/shop-prod/roles/r") is inventory.custom_role("projects/1001/roles/r")
    assert inventory.custom_role("projects/shop-prod/roles/r") is not None
    assert inventory.project("1001") is inventory.project("shop-prod") is inventory.project(SHOP.name)
    assert inventory.project_number("shop-prod") == "1001"


def test_the_chain_goes_from_the_resource_over_parents_with_policies_to_the_organization() -> None:
    builder = InventoryBuilder()
    builder.add(SHOP, HERE)
    builder.add(Folder(name="folders/7", parent="organizations/42"), HERE)
    ring = "//cloudkms.googleapis.com/projects/shop-prod/locations/global/keyRings/r"
    builder.add_policy(ring, policy("roles/cloudkms.admin", "user:ada@example.com"))
    assert builder.build().ancestors(f"{ring}/cryptoKeys/k") == (
        f"{ring}/cryptoKeys/k",
        ring,
        project_name("shop-prod"),
        "//cloudresourcemanager.googleapis.com/folders/7",
        "//cloudresourcemanager.googleapis.com/organizations/42",
    )


def test_a_bucket_lies_where_its_asset_says() -> None:
    builder = InventoryBuilder()
    builder.add(SHOP, HERE)
    builder.add_ancestors("//storage.googleapis.com/cart", ("projects/1001", "folders/7", "organizations/42"))
    builder.add_policy("//storage.googleapis.com/cart", policy("roles/storage.admin", "allUsers"))
    inventory = builder.build()
    assert inventory.project_of("//storage.googleapis.com/cart") == "shop-prod"
    assert inventory.ancestors("//storage.googleapis.com/cart")[1:] == (
        project_name("shop-prod"),
        "//cloudresourcemanager.googleapis.com/folders/7",
        "//cloudresourcemanager.googleapis.com/organizations/42",
    )


def test_a_key_named_by_the_unique_id_of_its_account_is_a_key_of_that_account() -> None:
    builder = InventoryBuilder()
    builder.add_policy("//iam.googleapis.com/projects/shop-prod/serviceAccounts/117", policy("roles/x", "allUsers"))
    builder.add(
        ServiceAccountKey(
            name="//iam.googleapis.com/projects/shop-prod/serviceAccounts/117/keys/k", service_account="117"
        ),
        HERE,
    )
    builder.add(ServiceAccount(name="", email=CI, project="1001", unique_id="117"), HERE)
    inventory = builder.build()
    assert [key.name for key in inventory.keys_of(CI)] == [service_account_name(CI) + "/keys/k"]
    assert inventory.policy(service_account_name(CI)) is not None
    account = inventory.service_account("117")
    assert account is not None
    assert account.name == service_account_name(CI)


def test_a_search_result_does_not_displace_what_was_read_in_full() -> None:
    builder = InventoryBuilder()
    full = policy("roles/owner", "user:ada@example.com", "allUsers")
    builder.add_policy(SHOP.name, full)
    builder.add_policy(SHOP.name, policy("roles/owner", "allUsers"), partial=True)
    builder.add(ServiceAccount(name=service_account_name(CI), email=CI, project="shop-prod", disabled=True), HERE)
    builder.add(ServiceAccount(name=service_account_name(CI), email=CI, project="shop-prod"), HERE, partial=True)
    inventory = builder.build()
    assert inventory.policy(SHOP.name) == full
    assert not inventory.is_partial(SHOP.name)
    account = inventory.service_account(CI)
    assert account is not None
    assert account.disabled is True


def test_of_two_policies_the_newer_counts_and_without_dates_no_binding_is_lost() -> None:
    old, new = policy("roles/owner", "allUsers"), policy("roles/viewer", "user:ada@example.com")
    dated = InventoryBuilder()
    dated.add_policy(SHOP.name, new, update_time="2026-02-01T00:00:00Z")
    dated.add_policy(SHOP.name, old, update_time="2026-01-01T00:00:00Z")
    assert dated.build().policy(SHOP.name) == new
    undated = InventoryBuilder()
    undated.add_policy(SHOP.name, old)
    undated.add_policy("projects/shop-prod", new)
    inventory = undated.build()
    both = inventory.policy(SHOP.name)
    assert both is not None
    assert set(both.bindings) == {*old.bindings, *new.bindings}
    assert any("two different policies" in note for note in inventory.notes)


def test_objects_go_to_the_cluster_of_their_directory_or_the_only_one_or_nowhere() -> None:
    ksa = KubernetesServiceAccount(cluster="", namespace="shop", name="cart")
    one = Cluster(name=CLUSTER, id="main", project="shop-prod", location="europe-west4-a")
    two = Cluster(
        name=cluster_name("shop-prod", "europe-west4", "b"), id="b", project="shop-prod", location="europe-west4"
    )
    builder = InventoryBuilder()
    builder.add(ksa, Origin("a/ksas.json", 1))
    builder.saw_kubernetes(Part.KUBERNETES_SERVICE_ACCOUNTS, "", "shop", Origin("a/ksas.json", 1))
    assert builder.build().ksa(UNKNOWN_CLUSTER, "shop", "cart") is not None
    assert builder.build().notes
    builder.add(one, Origin("x/clusters.json", 1))
    assert builder.build().ksa(CLUSTER, "shop", "cart") is not None
    builder.add(two, Origin("a/clusters.json", 1))
    inventory = builder.build()
    assert inventory.ksa(two.name, "shop", "cart") is not None
    assert inventory.has(Part.KUBERNETES_SERVICE_ACCOUNTS, f"{two.name}/k8s/namespaces/shop")
    assert not inventory.has(Part.KUBERNETES_SERVICE_ACCOUNTS, two.name)
    assert not inventory.has(Part.KUBERNETES_SERVICE_ACCOUNTS, one.name)


@pytest.mark.parametrize(
    ("file", "location", "name"),
    [
        ("in/kiln-a/pods.json", "us-east4-b", "kiln-a"),
        ("in/kiln-a/kiln-b-pods.json", "us-east4", "kiln-b"),
        ("kiln-b/namespaces/shop/pods.json", "us-east4", "kiln-b"),
        ("in/gke_shop-prod_us-east4_main.json", "us-east4", "main"),
        ("in/shop-prod/europe-west4/main/pods.json", "europe-west4", "main"),
        ("in/main/pods.json", "-", "-"),
        ("in/kiln-all/pods.json", "-", "-"),
        ("dock-7/pods.json", "global", "dock-7"),
    ],
)
def test_the_path_of_a_file_names_one_of_several_clusters(file: str, location: str, name: str) -> None:
    builder = InventoryBuilder()
    for where, cluster in (("us-east4-b", "kiln-a"), ("us-east4", "kiln-b"), ("us-east4", "main"),
                           ("europe-west4", "main")):  # fmt: skip
        full = cluster_name("shop-prod", where, cluster)
        builder.add(Cluster(name=full, id=cluster, project="shop-prod", location=where), Origin("clusters.json", 1))
    membership = "//gkehub.googleapis.com/projects/hub/locations/global/memberships/dock-7"
    builder.add(FleetMembership(name=membership, id="dock-7", project="hub"), Origin("memberships.json", 1))
    builder.add(KubernetesServiceAccount(cluster="", namespace="shop", name="cart"), Origin(file, 1))
    project = {"-": "-", "global": "hub"}.get(location, "shop-prod")
    assert builder.build().ksa(cluster_name(project, location, name), "shop", "cart") is not None


def test_only_a_list_with_kube_system_stands_for_the_whole_cluster() -> None:
    builder = InventoryBuilder()
    builder.saw_kubernetes(Part.PODS, CLUSTER, "shop", HERE)
    assert not builder.build().has(Part.PODS, CLUSTER)
    assert not builder.build().has(Part.PODS, f"{CLUSTER}/k8s/namespaces/pay")
    builder.saw_kubernetes(Part.PODS, CLUSTER, "kube-system", HERE)
    assert builder.build().has(Part.PODS, f"{CLUSTER}/k8s/namespaces/pay")


def test_a_bare_policy_goes_to_the_account_if_it_grants_only_what_accounts_take_else_to_the_project() -> None:
    builder = InventoryBuilder()
    builder.add_bare_policy(policy("roles/iam.workloadIdentityUser", "serviceAccount:p.svc.id.goog[a/b]"), HERE)
    builder.add_bare_policy(policy("roles/owner", "user:ada@example.com"), HERE)
    assert {name.partition("/unknown/")[0] for name, _ in builder.build().policies} == {"/"}
    builder.add(SHOP, HERE)
    builder.add(ServiceAccount(name=service_account_name(CI), email=CI, project="shop-prod"), HERE)
    inventory = builder.build()
    assert inventory.policy(SHOP.name) == policy("roles/owner", "user:ada@example.com")
    assert inventory.policy(service_account_name(CI)) is not None
    builder.add(ServiceAccount(name="", email="b@shop-prod.iam.gserviceaccount.com", project="shop-prod"), HERE)
    assert builder.build().policy(service_account_name(CI)) is None


def test_a_bare_policy_of_roles_on_accounts_is_the_projects_where_a_project_is_all_there_is() -> None:
    bare = policy("roles/iam.serviceAccountUser", "user:ada@example.com")
    for name, role, found in (
        ("iam-policy.json", "roles/iam.serviceAccountUser", bare),
        ("iam-service-account-policy.json", "roles/iam.serviceAccountUser", None),
        ("iam-policy.json", "roles/iam.workloadIdentityUser", None),
    ):
        builder = InventoryBuilder()
        builder.add(SHOP, Origin("shop/project.json"))
        builder.add_bare_policy(policy(role, "user:ada@example.com"), Origin(f"shop/{name}"))
        assert builder.build().policy(SHOP.name) == found


@pytest.mark.parametrize(
    ("file", "role", "bucket"),
    [
        ("gs-shop-carts-iam-policy.json", "roles/storage.objectViewer", "shop-carts"),
        ("get-iam-policy_bucket_shop.carts.example.com.json", "roles/storage.objectUser", "shop.carts.example.com"),
        ("shop-carts.policy.json", "roles/storage.legacyBucketReader", "shop-carts"),
        ("policy.json", "roles/storage.legacyBucketReader", ""),
        ("shop-prod-policy.json", "roles/storage.objectViewer", None),
    ],
)
def test_a_policy_of_an_unlisted_bucket_is_never_the_projects(file: str, role: str, bucket: str | None) -> None:
    builder = InventoryBuilder()
    builder.add(SHOP, HERE)
    builder.add_bare_policy(policy(role, "user:ada@example.com"), Origin(file))
    ((name, _),) = builder.build().policies
    if bucket is None:
        assert name == SHOP.name
    else:
        assert name == (bucket_name(bucket) if bucket else f"//unknown/{file}")


def test_a_part_is_seen_absent_or_refused_and_the_nearest_word_counts() -> None:
    builder = InventoryBuilder()
    builder.add(SHOP, HERE)
    assert Inventory().coverage(Part.KEYS).sight is Sight.NOT_IN_INPUT
    builder.could_not_read(Part.KEYS, SHOP.name, "403: iam.serviceAccountKeys.list denied")
    told = builder.build().coverage(Part.KEYS, service_account_name(CI))
    assert told.sight is Sight.COULD_NOT_READ
    assert "403" in told.reason
    assert builder.build().failures()
    builder.saw(Part.KEYS, service_account_name(CI))
    assert builder.build().has(Part.KEYS, service_account_name(CI))
    assert not builder.build().has(Part.KEYS, service_account_name("other@shop-prod.iam.gserviceaccount.com"))
    assert builder.build().has(Part.KEYS)


def test_an_export_covers_every_project_it_has_anything_of() -> None:
    builder = InventoryBuilder()
    builder.saw_exported("resource", Part.KEYS, "1001")
    builder.saw_exported("resource", Part.PROJECTS, "web-prod")
    builder.add(SHOP, HERE)
    inventory = builder.build()
    assert inventory.has(Part.KEYS, SHOP.name)
    assert inventory.has(Part.KEYS, project_name("web-prod"))
    assert not inventory.has(Part.KEYS, project_name("elsewhere"))
    assert not inventory.has(Part.API_KEYS, SHOP.name)
    assert not inventory.has(Part.POLICIES, SHOP.name)


def test_what_is_missing_from_a_list_of_services_is_off_and_without_a_list_nobody_knows() -> None:
    builder = InventoryBuilder()
    builder.add(EnabledService(project="1001", service="sts.googleapis.com", state="ENABLED"), HERE)
    builder.add(SHOP, HERE)
    assert builder.build().enabled("shop-prod", "sts.googleapis.com") is True
    assert builder.build().enabled("shop-prod", "iamcredentials.googleapis.com") is None
    builder.saw(Part.ENABLED_SERVICES, SHOP.name)
    assert builder.build().enabled("1001", "iamcredentials.googleapis.com") is False


def test_a_pool_is_made_of_its_project_s_clusters_and_of_its_fleet_s_members() -> None:
    builder = InventoryBuilder()
    builder.add(SHOP, HERE)
    builder.add(
        Cluster(
            name=CLUSTER, id="main", project="1001", location="europe-west4-a", workload_pool="shop-prod.svc.id.goog"
        ),
        HERE,
    )
    far = cluster_name("web-prod", "europe-west4", "b")
    builder.add(Cluster(name=far, id="b", project="web-prod", location="europe-west4", autopilot=True), HERE)
    builder.add(
        FleetMembership(name="projects/1001/locations/global/memberships/b", id="b", project="1001", cluster=far,
                        workload_pool="shop-prod.svc.id.goog"),
        HERE,
    )  # fmt: skip
    builder.add(KubernetesServiceAccount(cluster=far, namespace="shop", name="cart"), HERE)
    inventory = builder.build()
    assert [item.name for item in inventory.clusters_of_pool("shop-prod.svc.id.goog")] == [CLUSTER, far]
    assert [item.name for item in inventory.clusters_of_pool("web-prod.svc.id.goog")] == [far]
    assert len(inventory.ksas_of_pool("shop-prod.svc.id.goog", "shop", "cart")) == 1
    assert inventory.ksas_of_pool("shop-prod.svc.id.goog", "shop", "other") == ()


def test_the_node_pool_of_a_pod_is_told_by_its_node_its_selector_or_the_name_of_its_node() -> None:
    builder = InventoryBuilder()
    builder.add(Cluster(name=CLUSTER, id="main", project="shop-prod", location="europe-west4-a"), HERE)
    for name in ("web", "web-big"):
        builder.add(NodePool(name=f"{CLUSTER}/nodePools/{name}", id=name, cluster=CLUSTER, project="shop-prod"), HERE)
    builder.add(Node(cluster=CLUSTER, name="n1", node_pool="web"), HERE)
    builder.add(Pod(cluster=CLUSTER, namespace="shop", name="p", spec=PodSpec(node_name="n1")), HERE)
    inventory = builder.build()

    def pool_id(spec: PodSpec) -> str:
        pool = inventory.node_pool_of(CLUSTER, spec)
        return pool.id if pool else ""

    assert pool_id(PodSpec(node_name="n1")) == "web"
    assert pool_id(PodSpec(node_selector=(("cloud.google.com/gke-nodepool", "web-big"),))) == "web-big"
    assert pool_id(PodSpec(node_name="gke-main-web-big-1f2e3d4c-abcd")) == "web-big"
    assert pool_id(PodSpec(node_name="gke-main-web-1f2e3d4c-abcd")) == "web"
    assert pool_id(PodSpec()) == ""
    assert len(inventory.pods_of(CLUSTER, "shop", "default")) == 1
