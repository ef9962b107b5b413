import pytest

from bindwatch.access.least_privilege import Use, advise, lowest_place
from bindwatch.access.observation import audit_service, is_observable, log_types_of
from bindwatch.inventory import InventoryBuilder, Origin, Part
from bindwatch.inventory.hierarchy import Folder, Project
from bindwatch.knowledge.roles import RoleCatalogue
from bindwatch.model.policy import AuditConfig, AuditLogConfig, Policy
from bindwatch.model.resource import folder_name, organization_name, project_name

DEMO, OTHER, FOLDER, ORG = project_name("demo"), project_name("other"), folder_name("2"), organization_name("1")
ADA = "user:ada@example.com"
SECRET = "//secretmanager.googleapis.com/projects/demo/secrets/s"
BUCKET = "//storage.googleapis.com/reports"
OBJECT_GET, OBJECT_LIST = "storage.objects.get", "storage.objects.list"
ROLES = {
    "roles/example.storageAdmin": [OBJECT_GET, OBJECT_LIST, "storage.objects.delete", "storage.buckets.setIamPolicy"],
    "roles/example.objectReader": [OBJECT_GET, OBJECT_LIST],
    "roles/example.objectGetter": [OBJECT_GET],
    "roles/example.instances": ["compute.instances.create", "compute.instances.get"],
}
CATALOGUE = RoleCatalogue.of(ROLES, source="s", as_of="2026-08-22")


def inventory(*log_types, exempt=(), seen=True):
    builder = InventoryBuilder()
    for entity in (
        Project(name=DEMO, id="demo", number="111111111111", parent=FOLDER),
        Project(name=OTHER, id="other", number="222222222222", parent=FOLDER),
        Folder(name=FOLDER, parent=ORG),
    ):
        builder.add(entity, Origin("assets.ndjson", 1))
    builder.set_home(BUCKET, "demo")
    configs = tuple(AuditLogConfig(log_type, tuple(exempt)) for log_type in log_types)
    if seen:
        builder.add_policy(DEMO, Policy(audit_configs=(AuditConfig("allServices", configs),)))
        builder.saw(Part.POLICIES, DEMO)
    return builder.build()


ALL = ("ADMIN_READ", "DATA_READ", "DATA_WRITE")


def test_a_reader_of_one_bucket_needs_to_read_that_bucket():
    uses = [Use(OBJECT_GET, f"{BUCKET}/objects/2026/a.csv"), Use(OBJECT_GET, f"{BUCKET}/objects/b.csv")]
    found = advise(DEMO, "roles/example.storageAdmin", ADA, uses, inventory(*ALL), CATALOGUE)
    assert found.place == BUCKET
    assert found.cover.roles == ("roles/example.objectGetter",)
    assert found.cover.extra == ()
    assert found.custom == (OBJECT_GET,)
    assert found.used == (OBJECT_GET,)
    assert found.unused_dangerous == ("storage.objects.delete", "storage.buckets.setIamPolicy")
    assert found.surplus == 3
    assert found.is_better
    assert found.is_certain


def test_uses_in_two_projects_meet_in_their_folder():
    instance = "//compute.googleapis.com/projects/{}/zones/europe-west1-b/instances/i"
    uses = [Use("compute.instances.get", instance.format(name)) for name in ("demo", "other")]
    found = advise(ORG, "roles/example.instances", ADA, uses, inventory(*ALL), CATALOGUE)
    assert found.place == FOLDER


def test_uses_of_other_grants_do_not_count():
    uses = [Use(OBJECT_GET, OTHER), Use("compute.instances.get", DEMO)]
    found = advise(DEMO, "roles/example.storageAdmin", ADA, uses, inventory(*ALL), CATALOGUE)
    assert found.is_unused
    assert found.is_better
    assert found.place == DEMO
    assert found.cover.roles == ()


def test_what_logs_cannot_show_is_not_called_unused():
    blind = advise(DEMO, "roles/example.storageAdmin", ADA, [], inventory(), CATALOGUE)
    assert not blind.is_certain
    assert blind.unseen == ("storage.objects.delete",)
    assert advise(DEMO, "roles/example.storageAdmin", ADA, [], inventory("DATA_WRITE"), CATALOGUE).is_certain


def test_a_role_that_fits_already_is_left_alone():
    uses = [Use(OBJECT_GET, DEMO), Use(OBJECT_LIST, DEMO)]
    assert not advise(DEMO, "roles/example.objectReader", ADA, uses, inventory(*ALL), CATALOGUE).is_better


def test_a_role_that_is_not_fully_known_gets_no_advice():
    assert advise(DEMO, "roles/owner", ADA, [], inventory(*ALL), RoleCatalogue.built_in()) is None
    assert advise(DEMO, "roles/example.unknown", ADA, [], inventory(*ALL), CATALOGUE) is None


@pytest.mark.parametrize(
    ("resource", "place"),
    [
        (f"{BUCKET}/objects/a/b", BUCKET),
        (BUCKET, BUCKET),
        (f"{SECRET}/versions/1", SECRET),
        ("//compute.googleapis.com/projects/demo/global/firewalls/f", DEMO),
        (DEMO, DEMO),
        ("//unknown.example.com/x", ""),
    ],
)  # fmt: skip
def test_the_lowest_place_that_takes_bindings(resource, place):
    assert lowest_place([resource], inventory()) == place


@pytest.mark.parametrize(
    ("permission", "types"),
    [
        ("resourcemanager.projects.setIamPolicy", set()),
        ("compute.instances.create", set()),
        ("compute.instances.list", {"ADMIN_READ", "DATA_READ"}),
        ("secretmanager.versions.access", {"DATA_READ"}),
        ("storage.objects.create", {"DATA_WRITE"}),
        ("iam.serviceAccounts.getAccessToken", {"DATA_READ"}),
        ("iam.serviceAccounts.actAs", set()),
        ("example.things.frobnicate", {"ADMIN_READ", "DATA_READ", "DATA_WRITE"}),
    ],
)
def test_which_logs_show_a_permission(permission, types):
    needed = log_types_of(permission)
    assert needed == types
    assert is_observable(inventory(*ALL), permission, DEMO, ADA)
    assert is_observable(inventory(), permission, DEMO, ADA) == (not needed)
    assert is_observable(inventory(*ALL, exempt=[ADA]), permission, DEMO, ADA) == (not needed)
    assert is_observable(inventory(seen=False), permission, DEMO, ADA) == (not needed)


def test_the_service_that_logs_a_permission():
    assert audit_service("resourcemanager.projects.get") == "cloudresourcemanager.googleapis.com"
    assert audit_service("iam.googleapis.com/workloadIdentityPools.get") == "iam.googleapis.com"
    assert audit_service("gcp.redisenterprise.com/databases.get") == "gcp.redisenterprise.com"
