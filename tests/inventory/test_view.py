"""The look-ups of an inventory, on one that was read from documents."""

from bindwatch.inventory import Inventory, InventoryBuilder, Origin, Part, Sight, read_inventory_document
from bindwatch.inventory.clusters import NodePool
from bindwatch.inventory.hierarchy import Folder, Project
from bindwatch.inventory.identities import IdentityPoolProvider, Role, ServiceAccount
from bindwatch.inventory.workloads import KubernetesServiceAccount, PodSpec
from bindwatch.model.resource import project_name
from inventory.documents import (
    ACCOUNT,
    CI,
    CLUSTER,
    DENY,
    GKE,
    KEY,
    NUMBER,
    POLICY,
    PROJECT_V3,
    ROLE,
    asset,
    pod,
)

SHOP = project_name("shop-prod")
ORGANIZATION = "//cloudresourcemanager.googleapis.com/organizations/42"
MEMBER = "serviceAccount:shop-prod.svc.id.goog[shop/cart]"


def read(*documents: object) -> Inventory:
    builder = InventoryBuilder()
    for line, document in enumerate(documents, 1):
        read_inventory_document(document, builder, origin=Origin("f.json", line))
    return builder.build()


def test_an_empty_inventory_is_false_and_answers_nothing() -> None:
    nothing = Inventory()
    assert not nothing
    assert nothing.counts() == {}
    assert nothing.project("p") is None
    assert nothing.cluster("c") is None
    assert nothing.policy("r") is None
    assert nothing.enabled("p", "sts.googleapis.com") is None
    assert nothing.failures() == ()
    assert nothing.workload_grants == ()
    assert nothing.origin(object()) == Origin()
    assert all(nothing.coverage(part, SHOP).sight is Sight.NOT_IN_INPUT for part in Part)


def test_what_was_read_is_counted_and_its_origin_known() -> None:
    inventory = read([ACCOUNT], [KEY], asset(SHOP, "x/Project", iamPolicy=POLICY))
    assert inventory
    assert inventory.counts() == {"ServiceAccount": 1, "ServiceAccountKey": 1, "Policy": 1}
    account = inventory.service_account(CI)
    assert inventory.origin(account) == Origin("f.json", 1)
    assert str(inventory.origin(account)) == "f.json:1"
    assert "1 ServiceAccount" in repr(inventory)


def test_grants_by_member_by_workload_and_by_what_decides_on_a_resource() -> None:
    secret = "//secretmanager.googleapis.com/projects/shop-prod/secrets/db"
    own = {"bindings": [{"role": "roles/secretmanager.secretAccessor", "members": [MEMBER, "user:ada@example.com"]}]}
    top = {"bindings": [{"role": "roles/viewer", "members": ["domain:example.com"]}]}
    inventory = read(
        asset(secret, "secretmanager.googleapis.com/Secret", iamPolicy=own),
        asset(SHOP, "x/Project", iamPolicy=POLICY),
        {"name": ORGANIZATION, "assetType": "x/Organization", "iamPolicy": top},
    )
    assert [resource for resource, _ in inventory.grants_of("user:ada@example.com")] == [secret, SHOP]
    assert inventory.grants_of("user:nobody@example.com") == ()
    ((resource, binding, member),) = inventory.workload_grants
    assert (resource, binding.role, member) == (secret, "roles/secretmanager.secretAccessor", MEMBER)
    assert [name for name, _ in inventory.policies_over(secret)] == [secret, SHOP, ORGANIZATION]


def test_a_service_account_has_a_name_even_where_the_inventory_has_none() -> None:
    inventory = read([ACCOUNT], [PROJECT_V3])
    known = f"//iam.googleapis.com/projects/shop-prod/serviceAccounts/{CI}"
    assert inventory.service_account_name(ACCOUNT["uniqueId"]) == known
    default = f"{NUMBER}-compute@developer.gserviceaccount.com"
    assert (
        inventory.service_account_name(default) == f"//iam.googleapis.com/projects/shop-prod/serviceAccounts/{default}"
    )
    assert [account.email for account in inventory.service_accounts_of("shop-prod")] == [CI]
    assert inventory.service_accounts_of("elsewhere") == ()
    assert inventory.project_of(f"{known}/keys/k") == "shop-prod"


def test_the_number_of_a_project_and_a_resource_nobody_knows() -> None:
    inventory = read([PROJECT_V3])
    assert inventory.project_number("shop-prod") == NUMBER
    assert inventory.project_number(NUMBER) == NUMBER
    assert inventory.project_number("elsewhere") == ""
    assert inventory.resource("//storage.googleapis.com/none") is None
    assert inventory.canonical(f"projects/{NUMBER}/secrets/db").endswith("projects/shop-prod/secrets/db")


def test_ksas_of_a_cluster_and_pods_without_a_known_pool() -> None:
    ksas = [
        {"apiVersion": "v1", "kind": "ServiceAccount", "metadata": {"name": name, "namespace": "shop"}}
        for name in ("a", "b")
    ]
    inventory = read({"apiVersion": "v1", "kind": "List", "items": [*ksas, pod(nodeName="n1")]}, GKE)
    assert [ksa.name for ksa in inventory.ksas_of(CLUSTER)] == ["a", "b"]
    assert inventory.ksas_of("elsewhere") == ()
    assert inventory.node_pool_of(CLUSTER, PodSpec(node_name="n1")) is None
    assert inventory.node(CLUSTER, "n1") is None
    assert len(inventory.all(KubernetesServiceAccount)) == 2
    web = inventory.named(f"{CLUSTER}/nodePools/web", NodePool)
    assert web is not None
    assert inventory.origin(web) == Origin("f.json", 2)


def test_a_list_over_several_namespaces_lists_every_kind_in_it_whole() -> None:
    policies = [
        {
            "apiVersion": "networking.k8s.io/v1",
            "kind": "NetworkPolicy",
            "metadata": {"name": "x", "namespace": namespace},
        }
        for namespace in ("shop", "pay")
    ]
    whole = read({"apiVersion": "v1", "kind": "List", "items": policies}, GKE)
    assert whole.has(Part.NETWORK_POLICIES, f"{CLUSTER}/k8s/namespaces/other")
    one = read({"apiVersion": "v1", "kind": "List", "items": policies[:1]}, GKE)
    assert not one.has(Part.NETWORK_POLICIES, f"{CLUSTER}/k8s/namespaces/other")
    assert one.has(Part.NETWORK_POLICIES, f"{CLUSTER}/k8s/namespaces/shop")


def test_a_list_of_roles_without_permissions_does_not_make_them_harmless() -> None:
    basic = {key: value for key, value in ROLE.items() if key != "includedPermissions"}
    inventory = read([basic])
    (role,) = inventory.all(Role)
    assert not role.lists_permissions
    told = inventory.coverage(Part.ROLES, SHOP)
    assert told.sight is Sight.COULD_NOT_READ
    assert "full view" in told.reason
    both = read([ROLE], [basic])
    assert both.all(Role)[0].permissions == ("run.services.create", "iam.serviceAccounts.actAs")
    assert both.has(Part.ROLES, SHOP)


def test_a_list_of_deny_policies_without_rules_denies_nobody_knows_what() -> None:
    listed = {key: value for key, value in DENY.items() if key != "rules"}
    inventory = read({"policies": [listed]}, [PROJECT_V3])
    assert inventory.coverage(Part.DENY_POLICIES, SHOP).sight is Sight.COULD_NOT_READ
    full = read({"policies": [listed]}, DENY, [PROJECT_V3])
    assert full.coverage(Part.DENY_POLICIES, SHOP).sight is Sight.NOT_IN_INPUT
    assert full.deny_policies_over(SHOP)[0].rules
    assert full.failures() == ()


def test_what_was_seen_of_a_folder_says_nothing_of_its_projects_unless_all_below_was_read() -> None:
    builder = InventoryBuilder()
    here = Origin()
    builder.add(Project(name=SHOP, id="shop-prod", parent="folders/7"), here)
    builder.add(Folder(name="folders/7", parent="organizations/42"), here)
    builder.saw(Part.POLICIES, "folders/7")
    assert builder.build().has(Part.POLICIES, "//cloudresourcemanager.googleapis.com/folders/7")
    assert not builder.build().has(Part.POLICIES, SHOP)
    builder.saw(Part.POLICIES, "organizations/42", below=True)
    assert builder.build().has(Part.POLICIES, SHOP)
    builder.saw(Part.SERVICE_ACCOUNTS, "organizations/42")
    assert builder.build().has(Part.SERVICE_ACCOUNTS, SHOP)


def test_coverage_says_in_words_what_it_knows() -> None:
    builder = InventoryBuilder()
    builder.saw(Part.ORG_POLICIES, SHOP)
    builder.could_not_read(Part.KEYS, SHOP, "403")
    inventory = builder.build()
    assert str(inventory.coverage(Part.ORG_POLICIES, SHOP)) == f"org policies of {SHOP}: seen"
    assert str(inventory.coverage(Part.KEYS, SHOP)) == f"keys of {SHOP}: could not be read (403)"
    assert str(inventory.coverage(Part.API_KEYS)) == "api keys: not in the input"
    assert inventory.coverage(Part.KEYS).reason == "403"


def test_a_provider_accepts_its_own_name_as_audience_unless_told_otherwise() -> None:
    name = "//iam.googleapis.com/projects/shop-prod/locations/global/workloadIdentityPools/gh/providers/p"
    provider = IdentityPoolProvider(name=name, id="p", pool=name.partition("/providers/")[0])
    assert provider.default_audience == f"https:{name}"


def test_search_results_place_accounts_and_projects_but_configure_nothing() -> None:
    project = {
        "name": SHOP,
        "assetType": "cloudresourcemanager.googleapis.com/Project",
        "project": f"projects/{NUMBER}",
        "folders": ["folders/700"],
        "organization": "organizations/42",
        "displayName": "Shop",
        "additionalAttributes": {"projectId": "shop-prod"},
        "parentFullResourceName": "//cloudresourcemanager.googleapis.com/folders/700",
    }
    cluster = {
        "name": CLUSTER,
        "assetType": "container.googleapis.com/Cluster",
        "displayName": "main",
        "state": "RUNNING",
    }
    versioned = {**cluster, "versionedResources": [{"version": "v1", "resource": GKE}]}
    inventory = read({"results": [project, cluster]})
    assert inventory.project(NUMBER) is not None
    assert inventory.ancestors(SHOP)[-1] == ORGANIZATION
    assert inventory.cluster(CLUSTER) is None
    assert inventory.skipped == {("container.googleapis.com/Cluster", "a search result has no configuration in it"): 1}
    assert read(versioned).cluster(CLUSTER) is not None
    assert inventory.all(ServiceAccount) == ()
