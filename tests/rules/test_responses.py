"""What a responder is told to do next about a threat: a command that is exact where an inventory is at hand."""

from __future__ import annotations

import shlex
from typing import Any

import pytest

import gcloud
from bindwatch.engine import Engine
from bindwatch.model.finding import Finding
from bindwatch.model.log_entry import from_dict
from bindwatch.rules import INVENTORY_RULES, LOG_RULES
from rules.case import context_of, inventory_of

DEPLOYER = "deployer@shop-prod.iam.gserviceaccount.com"
PROJECT = "//cloudresourcemanager.googleapis.com/projects/shop-prod"


def entry(method: str, service: str, *, caller: str = "ada@example.com", **payload: Any) -> dict[str, Any]:
    return {
        "logName": "projects/shop-prod/logs/cloudaudit.googleapis.com%2Factivity",
        "insertId": "1",
        "timestamp": "2026-11-02T09:01:00Z",
        "resource": {"type": payload.pop("kind", "audited_resource"), "labels": {"project_id": "shop-prod"}},
        "protoPayload": {
            "serviceName": service,
            "methodName": method,
            "authenticationInfo": {"principalEmail": caller},
            "requestMetadata": {"callerIp": "198.51.100.7"},
            **payload,
        },
    }


def minted(**payload: Any) -> dict[str, Any]:
    return entry(
        "GenerateAccessToken",
        "iamcredentials.googleapis.com",
        resourceName=f"projects/-/serviceAccounts/{DEPLOYER}",
        authorizationInfo=[{"permission": "iam.serviceAccounts.getAccessToken", "granted": True}],
        **payload,
    )


def finding(rule_id: str, document: dict[str, Any], *inventory: dict[str, Any]) -> Finding:
    known = inventory_of(inventory) if inventory else None
    engine = Engine(context_of({"trusted_domains": ["example.com"]}, known), LOG_RULES, INVENTORY_RULES)
    (found,) = [item for item in engine.judge_entry(from_dict(document)).findings if item.rule_id == rule_id]
    return found


def commands(found: Finding) -> list[str]:
    assert found.remediation is not None
    for command in (*found.remediation.commands, *found.remediation.undo):
        assert gcloud.refused(command) == ""
    return list(found.remediation.commands)


def test_a_minted_token_is_answered_by_the_search_for_the_grant_and_the_end_of_the_account() -> None:
    found = finding("service-account-token-minted", minted())
    assert commands(found) == [
        (
            "gcloud asset analyze-iam-policy --project=shop-prod"
            f" --full-resource-name=//iam.googleapis.com/projects/shop-prod/serviceAccounts/{DEPLOYER}"
            " --identity=user:ada@example.com --permissions=iam.serviceAccounts.getAccessToken"
        ),
        f"gcloud iam service-accounts disable {DEPLOYER} --project=shop-prod",
    ]
    assert found.remediation is not None
    assert found.remediation.undo == (f"gcloud iam service-accounts enable {DEPLOYER} --project=shop-prod",)


def test_with_an_inventory_the_grant_itself_is_removed() -> None:
    policy = {
        "name": PROJECT,
        "assetType": "cloudresourcemanager.googleapis.com/Project",
        "iamPolicy": {
            "bindings": [
                {"role": "roles/iam.serviceAccountTokenCreator", "members": ["user:ada@example.com"]},
                {"role": "roles/browser", "members": ["user:ada@example.com"]},
            ]
        },
    }
    first = commands(finding("service-account-token-minted", minted(), policy))[0]
    assert first == (
        "gcloud projects remove-iam-policy-binding shop-prod --role=roles/iam.serviceAccountTokenCreator"
        " --member=user:ada@example.com --condition=None"
    )


def test_the_key_that_called_from_elsewhere_is_disabled_else_the_account() -> None:
    document = entry("google.iam.admin.v1.GetServiceAccount", "iam.googleapis.com", caller=DEPLOYER,
                     resourceName=f"projects/shop-prod/serviceAccounts/{DEPLOYER}")  # fmt: skip
    (command,) = commands(finding("service-account-asked-about-itself", document))
    assert command == f"gcloud iam service-accounts disable {DEPLOYER} --project=shop-prod"
    name = f"//iam.googleapis.com/projects/shop-prod/serviceAccounts/{DEPLOYER}/keys/0a1b"
    document["protoPayload"]["authenticationInfo"]["serviceAccountKeyName"] = name
    (command,) = commands(finding("service-account-asked-about-itself", document))
    assert command == (f"gcloud iam service-accounts keys disable 0a1b --iam-account={DEPLOYER} --project=shop-prod")


@pytest.mark.parametrize(
    ("method", "name", "command"),
    [
        (
            "google.iam.v1.WorkloadIdentityPools.DeleteWorkloadIdentityPool",
            "projects/1/locations/global/workloadIdentityPools/ci",
            "gcloud iam workload-identity-pools undelete ci --location=global --project=1",
        ),
        (
            "google.iam.v1.WorkloadIdentityPools.DeleteWorkloadIdentityPoolProvider",
            "projects/1/locations/global/workloadIdentityPools/ci/providers/github",
            (
                "gcloud iam workload-identity-pools providers undelete github --workload-identity-pool=ci"
                " --location=global --project=1"
            ),
        ),
        (
            "google.iam.admin.v1.WorkforcePools.DeleteWorkforcePool",
            "locations/global/workforcePools/staff",
            "gcloud iam workforce-pools undelete staff --location=global",
        ),
    ],
)
def test_a_pool_that_was_deleted_is_brought_back(method: str, name: str, command: str) -> None:
    document = entry(method, "iam.googleapis.com", resourceName=name, request={"name": name})
    assert commands(finding("workload-pool-gone", document)) == [command]


def test_an_account_of_google_is_not_to_be_disabled() -> None:
    agent = "service-1@compute-system.iam.gserviceaccount.com"
    document = minted()
    document["protoPayload"]["resourceName"] = f"projects/-/serviceAccounts/{agent}"
    assert finding("service-account-token-minted", document).remediation is None


def test_a_snapshot_carried_off_leads_to_the_grant_on_the_disk() -> None:
    document = entry(
        "v1.compute.disks.createSnapshot",
        "compute.googleapis.com",
        caller="eve@gmail.com",
        resourceName="projects/shop-prod/zones/europe-west4-a/disks/orders",
    )
    (command,) = commands(finding("snapshot-by-outsider", document))
    words = shlex.split(command)
    assert "--full-resource-name=//compute.googleapis.com/projects/shop-prod/zones/europe-west4-a/disks/orders" in words
    assert words[-2:] == ["--identity=user:eve@gmail.com", "--permissions=compute.disks.createSnapshot"]


def test_a_policy_changed_by_hand_is_put_back() -> None:
    document = entry(
        "SetIamPolicy",
        "cloudresourcemanager.googleapis.com",
        kind="project",
        resourceName="projects/shop-prod",
        serviceData={
            "policyDelta": {
                "bindingDeltas": [
                    {"action": "ADD", "role": "roles/viewer", "member": "user:bo@example.com"},
                    {"action": "REMOVE", "role": "roles/browser", "member": "group:all@example.com"},
                ]
            }
        },
    )
    assert commands(finding("project-policy-changed", document)) == [
        (
            "gcloud projects remove-iam-policy-binding shop-prod --role=roles/viewer --member=user:bo@example.com"
            " --condition=None"
        ),
        (
            "gcloud projects add-iam-policy-binding shop-prod --role=roles/browser --member=group:all@example.com"
            " --condition=None"
        ),
    ]


@pytest.mark.parametrize(("action", "verb"), [("REMOVE", "ADMIN_READ"), ("ADD", "exemptedMembers")])
def test_audit_logs_that_were_switched_off_come_back_by_a_command(action: str, verb: str) -> None:
    delta = {"action": action, "service": "iam.googleapis.com", "logType": "ADMIN_READ"}
    if action == "ADD":
        delta["exemptedMember"] = "user:eve@example.com"
    document = entry(
        "SetIamPolicy",
        "cloudresourcemanager.googleapis.com",
        kind="project",
        resourceName="projects/shop-prod",
        serviceData={"policyDelta": {"auditConfigDeltas": [delta]}},
    )
    rule_id = "audit-logging-removed" if action == "REMOVE" else "audit-log-exemption"
    (command,) = commands(finding(rule_id, document))
    assert command.startswith("gcloud projects get-iam-policy shop-prod --format=json | jq ")
    assert verb in command
