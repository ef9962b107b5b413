import pytest

from bindwatch.model import resource

IDS = {"1001": "shop-prod", "1002": "example.com:legacy"}
ACCOUNT = "//iam.googleapis.com/projects/shop-prod/serviceAccounts/ci@shop-prod.iam.gserviceaccount.com"


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("projects/shop-prod", "//cloudresourcemanager.googleapis.com/projects/shop-prod"),
        ("projects/1001", "//cloudresourcemanager.googleapis.com/projects/shop-prod"),
        (
            "//cloudresourcemanager.googleapis.com/projects/1002",
            "//cloudresourcemanager.googleapis.com/projects/example.com:legacy",
        ),
        ("//cloudresourcemanager.googleapis.com/projects/9999", "//cloudresourcemanager.googleapis.com/projects/9999"),
        ("organizations/42", "//cloudresourcemanager.googleapis.com/organizations/42"),
        ("folders/7", "//cloudresourcemanager.googleapis.com/folders/7"),
        ("projects/-/serviceAccounts/CI@shop-prod.iam.gserviceaccount.com", ACCOUNT),
        ("projects/1001/serviceAccounts/ci@shop-prod.iam.gserviceaccount.com", ACCOUNT),
        ("//iam.googleapis.com/projects/shop-prod/serviceAccounts/117", ACCOUNT),
        ("//iam.googleapis.com/projects/shop-prod/serviceAccounts/117/keys/k1", ACCOUNT + "/keys/k1"),
        ("https://iam.googleapis.com/v1/projects/shop-prod/serviceAccounts/117", ACCOUNT),
        ("//iam.googleapis.com/projects/x/serviceAccounts/999", "//iam.googleapis.com/projects/x/serviceAccounts/999"),
        ("projects/_/buckets/cart", "//storage.googleapis.com/cart"),
        ("https://www.googleapis.com/storage/v1/b/cart", "//storage.googleapis.com/cart"),
        ("//storage.googleapis.com/projects/_/buckets/cart", "//storage.googleapis.com/cart"),
        ("projects/1001/secrets/db", "//secretmanager.googleapis.com/projects/shop-prod/secrets/db"),
        (
            "projects/1001/locations/global/keyRings/r/cryptoKeys/k",
            "//cloudkms.googleapis.com/projects/shop-prod/locations/global/keyRings/r/cryptoKeys/k",
        ),
        (
            "https://www.googleapis.com/compute/v1/projects/shop-prod/zones/europe-west4-a/instances/web",
            "//compute.googleapis.com/projects/shop-prod/zones/europe-west4-a/instances/web",
        ),
        (
            "https://compute.googleapis.com/compute/v1/projects/shop-prod/global/firewalls/f",
            "//compute.googleapis.com/projects/shop-prod/global/firewalls/f",
        ),
        (
            "https://container.googleapis.com/v1/projects/shop-prod/locations/europe-west4-a/clusters/c",
            "//container.googleapis.com/projects/shop-prod/zones/europe-west4-a/clusters/c",
        ),
        (
            "https://container.googleapis.com/v1beta1/projects/1001/zones/europe-west4/clusters/c/nodePools/n",
            "//container.googleapis.com/projects/shop-prod/locations/europe-west4/clusters/c/nodePools/n",
        ),
        ("projects/p1/locations/l/services/web", "//run.googleapis.com/projects/p1/locations/l/services/web"),
        (
            "projects/1001/services/sts.googleapis.com",
            "//serviceusage.googleapis.com/projects/shop-prod/services/sts.googleapis.com",
        ),
        ("organizations/42/roles/r", "//iam.googleapis.com/organizations/42/roles/r"),
        (
            "projects/1001/locations/global/workloadIdentityPools/gh/providers/p",
            "//iam.googleapis.com/projects/shop-prod/locations/global/workloadIdentityPools/gh/providers/p",
        ),
        ("billingAccounts/AA-BB", "//cloudbilling.googleapis.com/billingAccounts/AA-BB"),
        ("something nobody knows", "something nobody knows"),
        ("", ""),
        ("projects/", "//cloudresourcemanager.googleapis.com/projects/"),
    ],
)
def test_every_spelling_has_one_canonical_form(name: str, expected: str) -> None:
    once = resource.canonical(name, project_ids=IDS, emails={"117": "ci@shop-prod.iam.gserviceaccount.com"})
    assert once == expected
    assert resource.canonical(once, project_ids=IDS) == once


def test_the_caller_may_say_which_api_a_relative_name_belongs_to() -> None:
    name = resource.canonical("projects/p1/locations/l/services/web", service="notebooks.googleapis.com")
    assert name == "//notebooks.googleapis.com/projects/p1/locations/l/services/web"


@pytest.mark.parametrize(
    ("email", "project", "expected"),
    [
        ("ci@shop-prod.iam.gserviceaccount.com", "other", "shop-prod"),
        ("ci@proj.example.com.iam.gserviceaccount.com", "", "example.com:proj"),
        ("shop-prod@appspot.gserviceaccount.com", "", "shop-prod"),
        ("proj.example.com@appspot.gserviceaccount.com", "", "example.com:proj"),
        ("1001-compute@developer.gserviceaccount.com", "", "shop-prod"),
        ("5-compute@developer.gserviceaccount.com", "five", "five"),
        ("5-compute@developer.gserviceaccount.com", "", "5"),
        ("x@system.gserviceaccount.com", "1001", "shop-prod"),
        ("x@system.gserviceaccount.com", "", "-"),
    ],
)
def test_the_project_of_a_service_account_is_what_its_email_tells(email: str, project: str, expected: str) -> None:
    name = resource.service_account_name(email, project, project_ids=IDS)
    assert name == f"//iam.googleapis.com/projects/{expected}/serviceAccounts/{email}"


def test_a_cluster_from_log_labels_has_the_name_of_its_asset() -> None:
    assert (
        resource.cluster_name("p1", "europe-west4-a", "c")
        == "//container.googleapis.com/projects/p1/zones/europe-west4-a/clusters/c"
    )
    assert (
        resource.cluster_name("p1", "europe-west4", "c")
        == "//container.googleapis.com/projects/p1/locations/europe-west4/clusters/c"
    )


@pytest.mark.parametrize(
    ("name", "project"),
    [
        ("//secretmanager.googleapis.com/projects/p1/secrets/s", "p1"),
        ("projects/p1", "p1"),
        ("//storage.googleapis.com/b", ""),
        ("projects/-/serviceAccounts/x", ""),
        ("organizations/4/roles/r", ""),
    ],
)
def test_project_of(name: str, project: str) -> None:
    assert resource.project_of(name) == project


@pytest.mark.parametrize(
    ("name", "text"),
    [
        ("//cloudresourcemanager.googleapis.com/projects/p1", "project p1"),
        (ACCOUNT, "service account ci@shop-prod.iam.gserviceaccount.com"),
        (ACCOUNT + "/keys/k", "key k of ci@shop-prod.iam.gserviceaccount.com"),
        ("//storage.googleapis.com/cart", "bucket cart"),
        ("//secretmanager.googleapis.com/projects/p1/secrets/s", "secret s in project p1"),
        ("//run.googleapis.com/projects/p1/locations/l/services/web", "Cloud Run service web in project p1"),
        ("//iam.googleapis.com/organizations/4/roles/r", "role r"),
        (
            "//cloudresourcemanager.googleapis.com/",
            "a resource of cloudresourcemanager.googleapis.com that is not named",
        ),
        ("odd", "odd"),
        ("", ""),
    ],
)
def test_display(name: str, text: str) -> None:
    assert resource.display(name) == text
