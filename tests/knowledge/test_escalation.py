import pytest
from hypothesis import given
from hypothesis import strategies as st

from bindwatch.knowledge.escalation import (
    ACT_AS,
    Level,
    dangerous_mask,
    dangerous_permissions,
    escalation_paths,
    named,
    paths_by_id,
    risk_of,
    satisfied,
    satisfied_through,
)
from bindwatch.knowledge.permissions import Trait, canonical, pattern_matches, trait

PATHS = escalation_paths()


def ids(paths):
    return {path.id for path in paths}


def test_the_table():
    assert len(PATHS) == 136
    assert len(dangerous_permissions()) == 147
    assert len(paths_by_id()) == 136
    assert all(path.why and path.cls in {"C0", "C1", "C2", "C2k", "C3", "C4"} for path in PATHS)
    assert all(canonical(permission) == permission for permission in dangerous_permissions())


@pytest.mark.parametrize("path", PATHS, ids=lambda path: path.id)
def test_exactly_its_permissions_open_a_path_and_one_less_does_not(path):
    assert path.id in ids(satisfied(risk_of(path.permissions), path.level))
    for missing in path.permissions:
        rest = [permission for permission in path.permissions if permission != missing]
        assert path.id not in ids(satisfied(risk_of(rest), path.level))


@pytest.mark.parametrize("path", PATHS, ids=lambda path: path.id)
def test_a_path_has_effect_from_its_level_up_and_on_its_own_kinds(path):
    risk = risk_of(path.permissions)
    for level in Level:
        if level is not Level.RESOURCE:
            assert (path.id in ids(satisfied(risk, level))) == (level >= path.level)
    for kind in path.kinds:
        assert path.id in ids(satisfied(risk, Level.RESOURCE, kind))
    if "*" not in path.kinds:
        assert path.id not in ids(satisfied(risk, Level.RESOURCE, "example.googleapis.com/Thing"))


def test_a_resource_of_unknown_kind_is_taken_to_be_the_one():
    assert "sa-token" in ids(satisfied(risk_of(["iam.serviceAccounts.getAccessToken"]), Level.RESOURCE))


def test_permissions_are_gathered_over_the_ancestors():
    halves = {Level.FOLDER: risk_of([ACT_AS]), Level.PROJECT: risk_of(["run.services.create"])}
    assert "run-create" in ids(satisfied_through(halves))
    assert "folder-setiam" not in ids(
        satisfied_through({Level.PROJECT: risk_of(["resourcemanager.folders.setIamPolicy"])})
    )


def test_names_come_back():
    assert named(risk_of([ACT_AS, "example.things.get"])) == (ACT_AS,)
    assert risk_of(["example.things.get"]) & dangerous_mask() == 0


@given(
    st.sets(st.sampled_from(dangerous_permissions()), max_size=8),
    st.sampled_from(dangerous_permissions()),
    st.sampled_from(Level),
)
def test_more_permissions_never_close_a_path(held, more, level):
    assert ids(satisfied(risk_of(held), level)) <= ids(satisfied(risk_of({*held, more}), level))


@pytest.mark.parametrize(
    ("spelling", "key"),
    [
        ("iam.googleapis.com/workloadIdentityPools.update", "iam.workloadIdentityPools.update"),
        ("iam.workloadIdentityPools.update", "iam.workloadIdentityPools.update"),
        ("cloudresourcemanager.googleapis.com/projects.setIamPolicy", "resourcemanager.projects.setIamPolicy"),
        ("secretmanager.googleapis.com/versions.access", "secretmanager.versions.access"),
        ("gcp.redisenterprise.com/databases.get", "gcp.redisenterprise.com/databases.get"),
        ("", ""),
    ],
)
def test_spellings(spelling, key):
    assert canonical(spelling) == key


@pytest.mark.parametrize(
    ("pattern", "matches"),
    [
        ("iam.googleapis.com/serviceAccounts.getAccessToken", True),
        ("iam.googleapis.com/serviceAccounts.*", True),
        ("iam.googleapis.com/*.getAccessToken", True),
        ("iam.googleapis.com/*", True),
        ("*", True),
        ("iam.googleapis.com/roles.*", False),
        ("iam.googleapis.com/serviceAccounts.get", False),
        ("iam.googleapis.com/*.get", False),
        ("compute.googleapis.com/*", False),
    ],
)
def test_groups_of_permissions(pattern, matches):
    assert pattern_matches(pattern, "iam.serviceAccounts.getAccessToken") is matches


@pytest.mark.parametrize(
    ("permission", "expected"),
    [
        ("run.services.setIamPolicy", Trait.SET_IAM_POLICY),
        ("storage.objects.delete", Trait.DESTROY),
        ("compute.instances.deleteAccessConfig", Trait.DESTROY),
        ("compute.disks.deleteTagBinding", Trait.WRITE),
        ("iam.serviceAccounts.undelete", Trait.WRITE),
        ("bigquery.tables.updateData", Trait.WRITE),
        ("compute.networks.setup", Trait.READ_CONFIG),
        ("storage.objects.get", Trait.READ_PAYLOAD),
        ("secretmanager.versions.access", Trait.READ_PAYLOAD),
        ("storage.buckets.get", Trait.READ_CONFIG),
        ("", Trait.READ_CONFIG),
    ],
)
def test_traits(permission, expected):
    assert trait(permission) is expected
