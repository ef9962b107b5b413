"""Half of the input: logs alone, clusters outside GKE, several workloads; what can be decided is."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any
from urllib.parse import quote

import pytest

from bindwatch.diagnosis.chain import Diagnosis, diagnose
from bindwatch.diagnosis.select import Question, all_cases, cases
from bindwatch.errors import InputError
from bindwatch.knowledge.roles import RoleCatalogue
from diagnosis.layouts import LAYOUTS, read
from diagnosis.twins import TWINS, caller
from diagnosis.twins import member as name_member
from diagnosis.world import (
    BUCKET,
    FLEET,
    GSA,
    KSA,
    LOCATION,
    MEMBER,
    NS,
    NUMBER,
    POOL,
    PROJECT,
    ROLES,
    World,
    container_log,
    healthy,
    mint,
    pod_spec,
    set_policy,
)


def all_of(world: World) -> list[Diagnosis]:
    return [diagnose(case) for case in all_cases(world.inputs())]


def roots(world: World) -> list[str]:
    return [item.root.cause.id for item in all_of(world) if item.root is not None]


@pytest.mark.parametrize(
    "twin", ["binding-removed", "gsa-deleted-entry", "token-quota-exceeded", "org-policy-blocked", "vpc-sc-blocked"]
)
def test_logs_alone_decide_what_they_show(twin: str) -> None:
    chosen = next(item for item in TWINS if item.id == twin)
    world = healthy().twin(chosen.prepare, chosen.break_it)
    world.files = {}
    world.logs.append(mint(caller(world), code=7, minutes=20))
    assert roots(world) == [chosen.cause]


def test_a_refusal_alone_names_no_cause() -> None:
    world = World(logs=[mint(caller(healthy()), code=7, minutes=20)])
    (diagnosis,) = all_of(world)
    assert diagnosis.root is None
    assert "binding-missing" in [item.cause.id for item in diagnosis.not_checked]


def test_a_young_grant_in_the_logs_is_spreading_though_the_inventory_is_older() -> None:
    world = healthy()
    world.policy("gsa").clear()
    world.logs = [set_policy("ADD", MEMBER, minutes=3)]
    assert roots(world) == ["propagation-delay"]


def test_a_refusal_that_a_later_success_outdates_is_not_held_against_it() -> None:
    world = healthy()
    world.logs = [mint(caller(world), code=5, message="Gaia id not found", minutes=50), mint(caller(world), minutes=10)]
    assert roots(world) == []


def attached() -> World:
    world = healthy("fleet")
    del world[f"projects/{PROJECT}/clusters.json"]
    del world[f"projects/{FLEET}/memberships.json"][0]["endpoint"]
    return world


def test_a_cluster_outside_gke_works_through_its_fleet() -> None:
    assert roots(attached()) == []


def test_a_cluster_outside_gke_bound_by_its_own_project() -> None:
    world = attached().twin(name_member(lambda _: f"serviceAccount:{POOL}[{NS}/{KSA}]"))
    assert roots(world) == ["fleet-pool-mismatch"]


def test_a_cluster_outside_gke_without_token_volume() -> None:
    world = attached()
    for spec in world.specs:
        spec.clear()
        spec.update(pod_spec("direct"))
    assert roots(world) == ["projected-token-volume-missing"]


@pytest.mark.parametrize("layout", ["by-hand", "of-namespace"])
def test_what_runs_in_a_cluster_outside_gke_is_found_by_the_name_of_its_membership(layout: str, tmp_path: Path) -> None:
    world = attached()
    world.policy("gsa")[0]["role"] = "roles/iam.serviceAccountUser"
    (case,) = cases(read(world, LAYOUTS[layout], tmp_path), Question(namespace=NS, subject=KSA))
    diagnosis = diagnose(case)
    assert diagnosis.style == "fleet"
    assert diagnosis.root is not None
    assert diagnosis.root.cause.id == "role-cannot-mint"


def test_a_token_for_a_pool_shows_a_fleet_though_neither_cluster_nor_membership_was_seen() -> None:
    world = attached()
    del world[f"projects/{FLEET}/memberships.json"]
    (diagnosis,) = all_of(world)
    assert diagnosis.root is None
    assert diagnosis.style == "fleet"
    assert "fleet-pool-mismatch" in [item.cause.id for item in diagnosis.not_checked]


@pytest.mark.parametrize("seen", [True, False])
def test_a_log_tells_that_a_name_does_not_resolve_whatever_network_policies_were_seen(seen: bool) -> None:
    world = healthy()
    if not seen:
        del world[f"clusters/{PROJECT}_{LOCATION}_main/networkpolicies.json"]
    world.logs = [container_log("GaxiosError: reason: getaddrinfo EAI_AGAIN metadata.google.internal.")]
    (diagnosis,) = all_of(world)
    assert diagnosis.root is not None
    assert diagnosis.root.cause.id == "dns-cannot-resolve-metadata"
    assert ("network policies" in diagnosis.root.found.fix.outside) is not seen


OTHER_POLICIES = [
    {"apiVersion": "cilium.io/v2", "kind": "CiliumClusterwideNetworkPolicy", "metadata": {"name": "fence"}},
    {"apiVersion": "projectcalico.org/v3", "kind": "NetworkPolicy", "metadata": {"namespace": NS, "name": "fence"}},
    {"apiVersion": "networking.gke.io/v1alpha1", "kind": "FQDNNetworkPolicy",
     "metadata": {"namespace": NS, "name": "fence"}},
]  # fmt: skip


@pytest.mark.parametrize("policy", OTHER_POLICIES, ids=lambda policy: str(policy["kind"]))
def test_a_network_policy_in_another_language_rules_nothing_out(policy: dict[str, Any]) -> None:
    world = healthy()
    world[f"clusters/{PROJECT}_{LOCATION}_main/other.json"] = policy
    diagnosis = diagnose(world.case())
    assert diagnosis.root is None
    needs = {item.cause.id: item.needs for item in diagnosis.not_checked}
    assert "fence" in needs["network-policy-blocks-metadata"]
    assert "fence" in needs["dns-cannot-resolve-metadata"]
    policy["metadata"]["namespace"] = "elsewhere"
    assert "network-policy-blocks-metadata" in {cause.id for cause, _ in diagnose(world.case()).ruled_out}


def test_network_policies_count_only_where_something_enforces_them() -> None:
    twin = next(item for item in TWINS if item.id == "network-policy-blocks-metadata-default-deny")
    world = healthy().twin(twin.break_it)
    world.cluster["addonsConfig"] = {"networkPolicyConfig": {"disabled": True}}
    assert roots(world) == ["network-policy-blocks-metadata"]
    del world.cluster["networkPolicy"]
    assert roots(world) == []


def test_a_condition_on_objects_is_open_where_only_the_bucket_is_named() -> None:
    twin = next(item for item in TWINS if item.id == "condition-not-met-object")
    world = healthy("direct").twin(twin.prepare)
    world.question = Question(
        subject=KSA, permission="storage.objects.get", resource=f"//storage.googleapis.com/{BUCKET}"
    )
    diagnosis = diagnose(world.case())
    assert diagnosis.root is None
    assert "objects/new/" in {item.cause.id: item.needs for item in diagnosis.not_checked}["condition-not-met"]


@pytest.mark.parametrize(("project", "root"), [(NUMBER, None), (PROJECT, "condition-not-met")])
def test_conditions_see_the_number_of_the_project_of_a_secret(project: str, root: str | None) -> None:
    world = healthy()
    secret = f"//secretmanager.googleapis.com/projects/{PROJECT}/secrets/pepper"
    role, wanted = "roles/secretmanager.secretAccessor", "secretmanager.versions.access"
    condition = {"title": "t", "expression": f'resource.name.startsWith("projects/{project}/secrets/pepper/versions/")'}
    binding = {
        "role": role,
        "members": [f"serviceAccount:{GSA}"],
        "condition": condition,
    }
    world[f"resources/{quote(secret, safe='')}/iam-policy.json"] = {"bindings": [binding]}
    roles = RoleCatalogue.of({**ROLES, role: [wanted]}, source="tests", as_of="2026-11-01")
    world.question = Question(subject=KSA, permission=wanted, resource=f"{secret}/versions/2")
    (case,) = cases(replace(world.inputs(), catalogue=roles), world.question)
    found = diagnose(case).root
    assert (found.cause.id if found is not None else None) == root


def test_a_perimeter_on_trial_refuses_nothing() -> None:
    twin = next(item for item in TWINS if item.cause == "vpc-sc-blocked")
    world = healthy().twin(twin.break_it)
    world.logs[0]["protoPayload"].setdefault("metadata", {})["dryRun"] = True
    assert roots(world) == []


def test_who_asks_for_a_pod_that_names_no_account_learns_of_the_one_there_is() -> None:
    world = healthy()
    spec = {**pod_spec("impersonation"), "serviceAccountName": ""}
    job = {"jobTemplate": {"spec": {"template": {"spec": spec}}}}
    world[f"clusters/{PROJECT}_{LOCATION}_main/cronjobs.json"] = {
        "apiVersion": "v1",
        "kind": "List",
        "items": [
            {"apiVersion": "batch/v1", "kind": "CronJob", "metadata": {"namespace": NS, "name": "n"}, "spec": job}
        ],
    }
    assert roots(world) == []
    (case,) = cases(world.inputs(), Question(namespace=NS, subject="cronjob/n"))
    root = diagnose(case).root
    assert root is not None
    assert root.cause.id == "default-ksa-used"
    assert KSA in root.found.fix.remediation.commands[0]


def test_an_application_that_uses_no_google_cloud_is_left_alone() -> None:
    world = healthy("direct")
    world.policy("bucket").clear()
    assert all_of(world) == []


def test_an_unknown_workload_is_said() -> None:
    with pytest.raises(InputError):
        list(cases(healthy().inputs(), Question(subject="nobody")))
    with pytest.raises(InputError):
        list(cases(healthy().inputs(), Question(subject="thing/nobody")))
