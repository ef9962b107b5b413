"""The rotation plan: nothing is switched off before what takes its place works, and its commands are real."""

from __future__ import annotations

from dataclasses import replace

import pytest

import gcloud
from bindwatch.diagnosis.apply import apply
from bindwatch.diagnosis.chain import diagnose
from bindwatch.diagnosis.rotation import Plan, Usage, containment_plan, rotation_plan, successor_of
from bindwatch.diagnosis.select import cases
from bindwatch.errors import InputError
from bindwatch.model.change import (
    AddBinding,
    AnnotateKubernetesServiceAccount,
    CreateServiceAccount,
    DeleteServiceAccount,
    Run,
    SetServiceAccountEnabled,
)
from bindwatch.model.log_entry import from_dict
from diagnosis.world import BUCKET, GSA, PROJECT, World, audit, healthy, mint


def used(world: World) -> Usage:
    usage = Usage(GSA)
    for entry in world.logs:
        usage.add(from_dict({"insertId": "e", **entry}))
    return usage


def read_of_bucket() -> dict[str, object]:
    return audit(
        "storage.googleapis.com",
        "storage.objects.get",
        "data_access",
        resource={"type": "gcs_bucket", "labels": {"bucket_name": BUCKET, "project_id": PROJECT}},
        authenticationInfo={"principalEmail": GSA},
        authorizationInfo=[{"permission": "storage.objects.get", "granted": True}],
    )


def company() -> World:
    world = healthy()
    world.policy("project").append({"role": "roles/viewer", "members": [f"serviceAccount:{GSA}"]})
    world.logs.append(read_of_bucket())
    return world


def plan_of(world: World) -> Plan:
    return rotation_plan(world.inputs(), GSA, used(world))


def test_the_workload_works_after_every_step_before_the_deletion() -> None:
    world = company()
    inputs = world.inputs()
    inventory, as_of = inputs.inventory, inputs.as_of
    for step in plan_of(world).steps:
        after = apply(inventory, step.changes, as_of)
        inventory, as_of = after.inventory, after.as_of
        assert all(isinstance(change, Run) for change in after.outside)
        (case,) = cases(replace(inputs, inventory=inventory), world.question)
        assert diagnose(case).root is None, step.title


def test_only_what_was_used_is_granted_again() -> None:
    plan = plan_of(company())
    grant = next(step for step in plan.steps if step.title.startswith("Grant"))
    member = f"serviceAccount:{plan.successor}"
    assert grant.changes == (AddBinding(f"//storage.googleapis.com/{BUCKET}", "roles/storage.objectViewer", member),)
    assert any("roles/viewer" in note for note in grant.notes)


def test_without_entries_everything_is_granted_again_and_said_so() -> None:
    world = company()
    world.logs.clear()
    grant = next(step for step in plan_of(world).steps if step.title.startswith("Grant"))
    assert len(grant.changes) == 2
    assert grant.notes


def test_the_old_account_is_disabled_last_and_deleted_after_that() -> None:
    kinds = [type(change) for step in plan_of(company()).steps for change in step.changes]
    order = [CreateServiceAccount, AnnotateKubernetesServiceAccount, SetServiceAccountEnabled, DeleteServiceAccount]
    assert sorted(order, key=kinds.index) == order


def test_containment_disables_first() -> None:
    plan = containment_plan(company().inputs(), GSA)
    first = plan.steps[0].changes[0]
    assert isinstance(first, SetServiceAccountEnabled)
    assert not first.enabled


@pytest.mark.parametrize("contain", [False, True])
def test_commands_are_taken(contain: bool) -> None:
    world = company()
    plan = containment_plan(world.inputs(), GSA) if contain else plan_of(world)
    for step in plan.steps:
        for command in (*(change.command() for change in step.changes), *step.checks):
            assert gcloud.refused(command) == ""


def test_an_unknown_account_is_said() -> None:
    with pytest.raises(InputError):
        rotation_plan(healthy().inputs(), "nobody@example.com", Usage("nobody@example.com"))


@pytest.mark.parametrize(
    ("email", "taken", "successor"),
    [
        ("cart@p.iam.gserviceaccount.com", (), "cart-v2@p.iam.gserviceaccount.com"),
        ("cart-v2@p.iam.gserviceaccount.com", (), "cart-v3@p.iam.gserviceaccount.com"),
        ("cart@p.x", ("cart-v2@p.x",), "cart-v3@p.x"),
        (f"{'a' * 30}@p.x", (), f"{'a' * 27}-v2@p.x"),
    ],
)
def test_the_name_of_the_successor_is_free_and_valid(email: str, taken: tuple[str, ...], successor: str) -> None:
    assert successor_of(email, frozenset(taken)) == successor


def test_a_misspelt_account_of_a_listed_project_is_said_with_the_near_one() -> None:
    with pytest.raises(InputError, match=f"did you mean {GSA}"):
        rotation_plan(company().inputs(), GSA.replace("cart", "crat"), Usage(GSA))


def hosts(world: World) -> None:
    """A Cloud Run service, a machine and the nodes of a pool run as the account, and a fleet's workload may."""
    name = f"projects/{PROJECT}/locations/europe-west1/services/front"
    world[f"projects/{PROJECT}/runtimes.json"] = [
        {
            "name": f"//run.googleapis.com/{name}",
            "assetType": "run.googleapis.com/Service",
            "resource": {"data": {"spec": {"template": {"spec": {"serviceAccountName": GSA}}}}},
        }
    ]
    world[f"projects/{PROJECT}/instances.json"] = [
        {
            "name": "batch-1",
            "selfLink": f"https://www.googleapis.com/compute/v1/projects/{PROJECT}/zones/europe-west1-b/instances/batch-1",
            "serviceAccounts": [{"email": GSA, "scopes": ["https://www.googleapis.com/auth/cloud-platform"]}],
        }
    ]
    world.cluster["nodePools"][0]["config"]["serviceAccount"] = GSA
    world.policy("gsa")[0]["members"].append("serviceAccount:fleet-host.svc.id.goog[shop/other]")


def test_the_plan_switches_all_that_runs_as_it() -> None:
    world = company().twin(hosts)
    plan = plan_of(world)
    step = next(step for step in plan.steps if step.title == "Switch what else runs as it")
    (run,) = step.changes
    assert run.command() == (
        f"gcloud run services update front --region=europe-west1 --project={PROJECT} --service-account={plan.successor}"
    )
    undo = run.undo()
    assert undo is not None
    assert undo.command().endswith(f"--service-account={GSA}")
    notes = "\n".join(step.notes)
    assert "instance batch-1 in project" in notes
    assert "stop it, set the new account" in notes
    assert "the nodes of" in notes
    assert "fleet-host.svc.id.goog[shop/other]" in notes
    assert "service_account_impersonation_url" in notes
    titles = [step.title for step in plan.steps]
    assert titles.index("Switch what else runs as it") < titles.index(f"Disable {GSA}")


def test_the_plan_of_a_plain_account_has_no_step_for_others() -> None:
    assert "Switch what else runs as it" not in [step.title for step in plan_of(company()).steps]


def test_containment_names_what_stops() -> None:
    world = company().twin(hosts)
    world.logs.append(mint({"principalEmail": "deployer@lab-prod.iam.gserviceaccount.com"}))
    notes = "\n".join(containment_plan(world.inputs(), GSA, used(world)).steps[0].notes)
    for what in ("Deployment/cart", "front", "batch-1", "deployer@lab-prod", "[shop/other]"):
        assert what in notes, what
