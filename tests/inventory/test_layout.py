import pytest

from bindwatch.inventory import DocumentKind, Hint, Part, classify, hint_from_path, looks_like_inventory
from bindwatch.model.resource import project_name
from inventory.documents import CI, CLUSTER

SHOP = project_name("shop-prod")


@pytest.mark.parametrize(
    ("path", "expected"),
    [
        ("projects/shop-prod/iam-policy.json", Hint(project="shop-prod", resource=SHOP, part=Part.POLICIES)),
        (
            "a/b/projects/shop-prod/services.json.gz",
            Hint(project="shop-prod", resource=SHOP, part=Part.ENABLED_SERVICES),
        ),
        ("projects/shop-prod/project.json", Hint(project="shop-prod", resource=SHOP)),
        (
            f"projects/shop-prod/service-accounts/{CI}/keys.json",
            Hint(
                project="shop-prod",
                resource=f"//iam.googleapis.com/projects/shop-prod/serviceAccounts/{CI}",
                service_account=CI,
                part=Part.KEYS,
            ),
        ),
        (
            "projects/shop-prod/identity-pools/github/providers.json",
            Hint(
                project="shop-prod",
                resource="//iam.googleapis.com/projects/shop-prod/locations/global/workloadIdentityPools/github",
                part=Part.PROVIDERS,
            ),
        ),
        (
            "clusters/shop-prod_europe-west4_main/pods.json",
            Hint(project="shop-prod", cluster=CLUSTER, part=Part.PODS),
        ),
        (
            r"out\clusters\example.com%3Ashop_europe-west4-a_main\nodes.json",
            Hint(
                project="example.com:shop",
                cluster="//container.googleapis.com/projects/example.com:shop/zones/europe-west4-a/clusters/main",
                part=Part.NODES,
            ),
        ),
        (
            "organizations/42/iam-policy.json",
            Hint(resource="//cloudresourcemanager.googleapis.com/organizations/42", part=Part.POLICIES),
        ),
        (
            "folders/7/iam-policy.yaml",
            Hint(resource="//cloudresourcemanager.googleapis.com/folders/7", part=Part.POLICIES),
        ),
        (
            "resources/%2F%2Fstorage.googleapis.com%2Fcart/iam-policy.json",
            Hint(resource="//storage.googleapis.com/cart", part=Part.POLICIES),
        ),
        ("export.ndjson", None),
        ("myprojects/shop/x.json", None),
        ("projects/shop-prod.json", None),
    ],
)
def test_a_collectors_layout_tells_what_a_document_is_about(path: str, expected: Hint | None) -> None:
    assert hint_from_path(path) == expected


def test_the_scope_of_a_hint_is_the_nearest_thing_it_names() -> None:
    assert Hint(project="shop-prod").scope == SHOP
    assert Hint(project="shop-prod", cluster=CLUSTER).scope == CLUSTER
    assert Hint().scope == ""


@pytest.mark.parametrize(
    ("value", "kind"),
    [
        ({"logName": "projects/p/logs/x", "protoPayload": {}}, DocumentKind.LOG_ENTRY),
        ([{"insertId": "a", "resource": {}}], DocumentKind.LOG_ENTRY),
        ({"entries": [{"logName": "x"}]}, DocumentKind.LOG_ENTRY),
        ({"format_version": "1.2", "resource_changes": []}, DocumentKind.TERRAFORM_PLAN),
        ({"apiVersion": "v1", "kind": "List", "items": []}, DocumentKind.KUBERNETES),
        ({"bindings": [], "etag": "x"}, DocumentKind.POLICY),
        ({"etag": "ACAB"}, DocumentKind.POLICY),
        ({"auditConfigs": [], "version": 1}, DocumentKind.POLICY),
        ({"name": "//x/y", "asset_type": "x/Y"}, DocumentKind.INVENTORY),
        ({"resource": "//x/y", "policy": {"bindings": []}}, DocumentKind.INVENTORY),
        ({"asset": {"name": "//x/y", "assetType": "x/Y"}, "window": {}}, DocumentKind.INVENTORY),
        ({"clusters": []}, DocumentKind.INVENTORY),
        ([{"email": "a@example.com", "uniqueId": "1"}], DocumentKind.INVENTORY),
        ({"could_not_read": "keys", "reason": "no"}, DocumentKind.INVENTORY),
        ([{"id": "p", "type": "project", "policy": {"etag": "x"}}], DocumentKind.INVENTORY),
        ({"hello": "world"}, DocumentKind.UNKNOWN),
        ({}, DocumentKind.UNKNOWN),
        ([], DocumentKind.UNKNOWN),
        ([1, 2], DocumentKind.UNKNOWN),
        ("text", DocumentKind.UNKNOWN),
        (None, DocumentKind.UNKNOWN),
    ],
)
def test_a_document_says_what_it_is(value: object, kind: DocumentKind) -> None:
    assert classify(value) is kind
    expected = kind in (DocumentKind.INVENTORY, DocumentKind.KUBERNETES, DocumentKind.POLICY)
    assert looks_like_inventory(value) is expected
