"""Twins that were cut short, or brought to a form of its own by another tool: much of their samples is."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, Final

from rules.twins.entries import ACCOUNT, GRANTED, PERSON, REFUSED, Twin, deployments

_BY_PERMISSION: Final = {
    "GCP.iam.roles.update.Privilege.Escalation": "iam.roles.update",
    "GCP.iam.serviceAccountKeys.create": "iam.serviceAccountKeys.create",
    "GCP.IAM.serviceAccounts.getAccessToken.Privilege.Escalation": "iam.serviceAccounts.getAccessToken",
    "GCP.IAM.serviceAccounts.signBlob": "iam.serviceAccounts.signBlob",
    "GCP.IAM.serviceAccounts.signJwt.Privilege.Escalation": "iam.serviceAccounts.signJwt",
    "GCP.Storage.Hmac.Keys.Create": "storage.hmacKeys.create",
    "GCP.serviceusage.apiKeys.create.Privilege.Escalation": "serviceusage.apiKeys.create",
    "GCP.CloudBuild.Potential.Privilege.Escalation": "cloudbuild.builds.create",
    "GCP.Cloudfunctions.Functions.Create": "cloudfunctions.functions.create",
    "GCP.Cloudfunctions.Functions.Update": "cloudfunctions.functions.update",
    "GCP.Privilege.Escalation.By.Deployments.Create": "deploymentmanager.deployments.create",
}
_CRM: Final = "cloudresourcemanager.googleapis.com"


def twins() -> Iterator[Twin]:
    """Every twin of this file."""
    for rule_id, permission in _BY_PERMISSION.items():
        for held in (GRANTED, REFUSED):
            yield Twin(rule_id, f"nothing but its check: {held}", held, _checked({permission: held}))
        yield Twin(rule_id, "nothing but another check", False, _checked({"iam.roles.get": GRANTED}))
        yield Twin(rule_id, "its check among others", True, _checked({"iam.roles.get": GRANTED, permission: GRANTED}))
        yield Twin(rule_id, "no check in the list", False, _checked({}))
    deployed = "deploymentmanager.deployments.create"
    yield Twin("GCP.Privilege.Escalation.By.Deployments.Create", "bare", True, deployments(deployed, GRANTED))
    yield Twin("GCP.Privilege.Escalation.By.Deployments.Create", "bare, refused", False, deployments(deployed, REFUSED))
    yield from _without_a_place()
    yield from _without_their_envelope()


def _checked(checks: dict[str, bool]) -> dict[str, Any]:
    held = [{"permission": permission, "granted": granted} for permission, granted in checks.items()]
    return {"protoPayload": {"authorizationInfo": held}}


def _said(method: str, who: str = PERSON, **payload: Any) -> dict[str, Any]:
    """An entry of which only the payload is left."""
    caller = {"authenticationInfo": {"principalEmail": who}} if who else {}
    return {"protoPayload": {"methodName": method, **caller, **payload}}


def _without_a_place() -> Iterator[Twin]:
    """Writes of a policy that do not say on what."""
    for rule_id, role, member, expected in (
        ("Standard.AdminRoleAssigned", "owner", "cat@example.com", True),
        ("Standard.AdminRoleAssigned", "resourcemanager.organizationAdmin", "cat@example.com", True),
        ("Standard.AdminRoleAssigned", "resourcemanager.folderIamAdmin", "user:cat@example.com", True),
        ("Standard.AdminRoleAssigned", "iam.workforcePoolAdmin", "user:cat@example.com", True),
        ("Standard.AdminRoleAssigned", "storage.objectAdmin", f"serviceAccount:{ACCOUNT}", True),
        ("Standard.AdminRoleAssigned", "viewer", "cat@example.com", False),
        ("GCP.IAM.CorporateEmail", "viewer", "user:eve@gmail.com", True),
        ("GCP.IAM.CorporateEmail", "viewer", "user:bob@example.com", False),
    ):
        delta = {"action": "ADD", "role": f"roles/{role}", "member": member}
        said: dict[str, Any] = {"serviceName": _CRM, "serviceData": {"policyDelta": {"bindingDeltas": [delta]}}}
        yield Twin(rule_id, f"{role} to {member}", expected, _said("SetIamPolicy", **said))
        if rule_id == "Standard.AdminRoleAssigned":  # the other compares with the granter
            yield Twin(rule_id, f"{role} to {member} by nobody named", expected, _said("SetIamPolicy", "", **said))


def _without_their_envelope() -> Iterator[Twin]:
    """Entries with their payload alone, or with the log they stood in and nothing more."""
    stranger = {"member": "user:eve@other.example", "projectId": "shop-prod"}
    invite = _said("InsertProjectOwnershipInvite", request=stranger)
    yield Twin("GCP.Project.ExternalUserOwnershipInvite", "payload alone", True, invite)
    for container in ("organizations/1", "folders/42"):
        log = {"logName": f"{container}/logs/cloudaudit.googleapis.com%2Factivity"}
        written = _said("SetIamPolicy", serviceName=_CRM) | log
        yield Twin("GCP.IAM.OrgFolderIAMChanges", f"payload and log of {container}", True, written)
        # The rest of the envelope slipped into the payload.
        inside = {"resource": {"type": container.split("s/")[0]}, "severity": "NOTICE", "status": {}}
        nested = _said("SetIamPolicy", resourceName=container, **inside) | log | {"serviceName": _CRM}
        yield Twin("GCP.IAM.OrgFolderIAMChanges", f"envelope of {container} inside the payload", True, nested)
    created = _said("google.iam.admin.v1.CreateServiceAccount", serviceName="iam.googleapis.com")
    for kind in ({"type": "service_account"}, {"type": "service_account", "labels": {}}):
        yield Twin("GCP.Service.Account.or.Keys.Created", f"payload and {kind}", True, created | {"resource": kind})
    account = {"authenticationInfo": {"principalEmail": "1@cloudbuild.gserviceaccount.com"}}
    build = _checked({"cloudbuild.builds.create": GRANTED})["protoPayload"] | account
    yield Twin("GCP.CloudBuild.Potential.Privilege.Escalation", "no method, by a build", False, {"protoPayload": build})
    for method, rule_id in (
        ("google.cloud.resourcemanager.v3.TagBindings.CreateTagBinding", "GCP.Tag.Binding.Creation"),
        ("google.cloud.resourcemanager.v3.TagBindings.ListTagBindings", "GCP.IAM.Tag.Enumeration"),
    ):
        yield Twin(rule_id, "payload alone", True, _said(method, resourceName="projects/shop-prod"))
