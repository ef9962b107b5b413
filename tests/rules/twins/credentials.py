"""Twins about minting, signing, keys, refusals, pools and groups."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, Final

from rules.twins.entries import (
    ACCOUNT,
    DENIED,
    GRANTED,
    KEYED,
    ORGANIZATION,
    PERSON,
    PIPELINE,
    REFUSED,
    Twin,
    deployments,
    entry,
)

_IAM: Final = "iam.googleapis.com"
_TARGET: Final[dict[str, Any]] = {
    "kind": "service_account",
    "labels": {"email_id": ACCOUNT, "project_id": "shop-prod", "unique_id": "1"},
}


def twins() -> Iterator[Twin]:
    """Every twin of this file."""
    yield from _of_minting()
    yield from _of_keys()
    yield from _of_permissions_for_methods()
    yield from _of_refusals()
    yield from _of_pools()
    yield from _of_workspace()


def _of_minting() -> Iterator[Twin]:
    """Tokens minted for service accounts, and what is signed as them."""
    minted: dict[str, Any] = {
        "log": "projects/shop-prod/logs/cloudaudit.googleapis.com%2Fdata_access",
        "resourceName": "projects/-/serviceAccounts/1",
        **_TARGET,
    }
    service = "iamcredentials.googleapis.com"
    for rule_id, permission, own in (
        (
            "GCP.IAM.serviceAccounts.getAccessToken.Privilege.Escalation",
            "iam.serviceAccounts.getAccessToken",
            "GenerateAccessToken",
        ),
        ("GCP.IAM.serviceAccounts.signBlob", "iam.serviceAccounts.signBlob", "SignBlob"),
        ("GCP.IAM.serviceAccounts.signJwt.Privilege.Escalation", "iam.serviceAccounts.signJwt", "SignJwt"),
    ):
        # Their samples of all three are one signed JWT, with the permission replaced.
        for method in sorted({own, "SignJwt"}):
            granted, refused = {permission: GRANTED}, {permission: REFUSED}
            yield Twin(rule_id, f"{method} with a key", True, entry(service, method, KEYED, checks=granted, **minted))
            yield Twin(rule_id, f"{method} refused", False, entry(service, method, KEYED, checks=refused, **minted))
        for who in (PERSON, PIPELINE, ACCOUNT):
            yield Twin(
                rule_id, f"{own} by {who}", True, entry(service, own, who, checks={permission: GRANTED}, **minted)
            )
        redacted = entry(service, own, {}, checks={permission: REFUSED}, status=DENIED, **minted)
        yield Twin(rule_id, "refused and redacted", False, redacted)
        yield Twin(rule_id, "with a key, without its checks", False, entry(service, own, KEYED, **minted))
        yield Twin(rule_id, "without its checks", False, entry(service, own, PERSON, **minted))
    token, blob, jwt = (
        "iam.serviceAccounts.getAccessToken",
        "iam.serviceAccounts.signBlob",
        "iam.serviceAccounts.signJwt",
    )
    tokens = "GCP.IAM.serviceAccounts.getAccessToken.Privilege.Escalation"
    blobs, jwts = "GCP.IAM.serviceAccounts.signBlob", "GCP.IAM.serviceAccounts.signJwt.Privilege.Escalation"
    pool = "principal://iam.googleapis.com/projects/1/locations/global/workloadIdentityPools/ci"
    federated = {"principalSubject": f"{pool}/subject/repo:shop/web", "serviceAccountDelegationInfo": [{}]}
    long = "google.iam.credentials.v1.IAMCredentials.GenerateAccessToken"
    for rule_id, story, expected, method, who, checks in (
        (tokens, "workload of a pool", True, "GenerateAccessToken", federated, {token: GRANTED}),
        (tokens, "long method name", True, long, PERSON, {token: GRANTED}),
        (
            tokens, "only the hop before", False, "GenerateAccessToken", PERSON,
            {"iam.serviceAccounts.implicitDelegation": GRANTED, token: REFUSED},
        ),
        (
            tokens, "beside what was refused", True, "GenerateAccessToken", PERSON,
            {"resourcemanager.projects.get": REFUSED, token: GRANTED},
        ),
        (tokens, "check that says nothing", False, "GenerateAccessToken", PERSON, {token: None}),
        (tokens, "ID token", False, "GenerateIdToken", PERSON, {"iam.serviceAccounts.getOpenIdToken": GRANTED}),
        (blobs, "check that says nothing", False, "SignBlob", PERSON, {blob: None}),
        (blobs, "JWT", False, "SignJwt", PERSON, {jwt: GRANTED}),
        (jwts, "check that says nothing", False, "SignJwt", PERSON, {jwt: None}),
        (jwts, "access token", False, "GenerateAccessToken", PERSON, {token: GRANTED}),
    ):  # fmt: skip
        yield Twin(rule_id, story, expected, entry(service, method, who, checks=checks, **minted))


def _of_keys() -> Iterator[Twin]:
    """Keys of every kind, and the accounts they are for."""
    create_key, create = "google.iam.admin.v1.CreateServiceAccountKey", "google.iam.admin.v1.CreateServiceAccount"
    keys = "GCP.iam.serviceAccountKeys.create"
    may = {"iam.serviceAccountKeys.create": GRANTED}
    yield Twin(keys, "created", True, entry(_IAM, create_key, PIPELINE, checks=may, **_TARGET))
    yield Twin(keys, "through a deployment", True, deployments("iam.serviceAccountKeys.create", GRANTED))
    yield Twin(keys, "deployment refused it", False, deployments("iam.serviceAccountKeys.create", REFUSED))
    yield Twin(keys, "refused", False, entry(_IAM, create_key, status=DENIED, **_TARGET))
    made = "GCP.Service.Account.or.Keys.Created"
    for story, expected, method, who in (
        ("key", True, create_key, PERSON),
        ("account", True, create, PERSON),
        ("account by a pipeline", False, create, PIPELINE),
        ("key by a pipeline", False, create_key, PIPELINE),
        ("key deleted", False, "google.iam.admin.v1.DeleteServiceAccountKey", PERSON),
    ):
        yield Twin(made, story, expected, entry(_IAM, method, who, request={"account_id": "web"}, **_TARGET))
    hmac = "GCP.Storage.Hmac.Keys.Create"
    for verb, expected in (("create", True), ("list", False)):
        checks = {f"storage.hmacKeys.{verb}": GRANTED}
        yield Twin(hmac, verb, expected, entry("storage.googleapis.com", f"storage.hmacKeys.{verb}", checks=checks))
    yield Twin(hmac, "through a deployment", True, deployments("storage.hmacKeys.create", GRANTED))
    api_keys = "GCP.serviceusage.apiKeys.create.Privilege.Escalation"
    for method, checked, expected in (
        ("google.api.apikeys.v2.ApiKeys.CreateKey", {"serviceusage.apiKeys.create": GRANTED}, True),
        ("google.api.apikeys.v1.ApiKeys.CreateApiKey", {"serviceusage.apiKeys.create": GRANTED}, True),
        ("google.api.apikeys.v2.ApiKeys.CreateKey", {"serviceusage.apiKeys.create": REFUSED}, False),
        ("google.api.apikeys.v2.ApiKeys.CreateKey", None, False),
        ("google.api.apikeys.v2.ApiKeys.GetKey", {"serviceusage.apiKeys.get": GRANTED}, False),
    ):
        yield Twin(api_keys, f"{method} {checked}", expected, entry("apikeys.googleapis.com", method, checks=checked))
    for story, verb, held in (("check that says nothing", "create", None), ("deleted", "delete", GRANTED)):
        method = f"storage.hmacKeys.{verb}"
        yield Twin(hmac, story, False, entry("storage.googleapis.com", method, checks={method: held}))
    yield Twin(hmac, "deployment refused it", False, deployments("storage.hmacKeys.create", REFUSED))
    for rule_id, story, expected, verb, checks, more in (
        (keys, "by a person", True, "CreateServiceAccountKey", may, {}),
        (keys, "an account instead", False, "CreateServiceAccount", {"iam.serviceAccounts.create": GRANTED}, {}),
        (keys, "listed", False, "ListServiceAccountKeys", {"iam.serviceAccountKeys.list": GRANTED}, {}),
        (made, "key, as asked", True, "CreateServiceAccountKey", may, {"request": {"private_key_type": 2}}),
        (made, "account deleted", False, "DeleteServiceAccount", {"iam.serviceAccounts.delete": GRANTED}, {}),
    ):
        yield Twin(
            rule_id, story, expected, entry(_IAM, f"google.iam.admin.v1.{verb}", checks=checks, **more, **_TARGET)
        )
    agent = "service-1@gcp-sa-cloudbuild.iam.gserviceaccount.com"
    yield Twin(made, "key by an agent of Google's", False, entry(_IAM, create_key, agent, checks=may, **_TARGET))
    api, package = "apikeys.googleapis.com", "google.api.apikeys.v2.ApiKeys."
    for story, expected, verb, who, checks in (
        ("by a pipeline", True, "CreateKey", PIPELINE, {"serviceusage.apiKeys.create": GRANTED}),
        ("check that says nothing", False, "CreateKey", PERSON, {"serviceusage.apiKeys.create": None}),
        ("its string read", False, "GetKeyString", PERSON, {"apikeys.keys.getKeyString": GRANTED}),
    ):
        yield Twin(api_keys, story, expected, entry(api, package + verb, who, checks=checks))
    yield Twin(api_keys, "through a deployment", True, deployments("serviceusage.apiKeys.create", GRANTED))


def _of_permissions_for_methods() -> Iterator[Twin]:
    """Entries that another tool converted: a permission stands where the method belongs."""
    privileged = "GCP.Privileged.Operation"
    for method in (
        "iam.serviceAccounts.getAccessToken", "iam.serviceAccountKeys.create", "iam.roles.update",
        "orgpolicy.policy.set", "storage.hmacKeys.create", "serviceusage.apiKeys.create", "cloudbuild.builds.create",
        "compute.disks.setIamPolicy", "cloudresourcemanager.projects.setIamPolicy", "storage.buckets.setIamPolicy",
    ):  # fmt: skip
        yield Twin(privileged, method, True, entry("", method, resourceName="projects/shop-prod"))
    for method in ("compute.instances.list", "storage.objects.get", "iam.serviceAccounts.list"):
        yield Twin(privileged, method, False, entry("", method, resourceName="projects/shop-prod"))
    for method, expected in (
        ("v1.compute.images.setIamPolicy", True),
        ("storage.setIamPermissions", True),
        ("cloudfunctions.functions.setIamPolicy", True),
        ("v1.compute.images.getIamPolicy", False),
        ("storage.buckets.list", False),
        ("", False),
    ):
        yield Twin(privileged, f"{method} alone", expected, entry("", method, resourceName="projects/shop-prod"))
    for api, method in (("compute", "v1.compute.images.setIamPolicy"), ("storage", "storage.setIamPermissions")):
        yield Twin(privileged, f"{method} in full", True, entry(f"{api}.googleapis.com", method, status={}))


def _of_refusals() -> Iterator[Twin]:
    """Calls that IAM refused."""
    refused_once = "GCP.Service.Account.Access.Denied"
    reason = {"@type": "type.googleapis.com/google.rpc.ErrorInfo", "reason": "IAM_PERMISSION_DENIED"}
    no = DENIED | {"details": [reason | {"metadata": {"permission": "iam.serviceAccounts.create"}}]}
    for method in ("CreateServiceAccount", "ListServiceAccounts", "CreateServiceAccountKey", "SetIAMPolicy"):
        for who in ({}, PERSON, PIPELINE):
            call = entry(_IAM, f"google.iam.admin.v1.{method}", who, status=no, **_TARGET)
            yield Twin(refused_once, f"{method} {who}", True, call)
    elsewhere = entry("pubsub.googleapis.com", "google.pubsub.v1.Publisher.ListTopics", status=no)
    yield Twin(refused_once, "of another service", True, elsewhere)
    missing = entry(_IAM, "google.iam.admin.v1.GetServiceAccount", status={"code": 5, "message": "not found"})
    yield Twin(refused_once, "not found", False, missing)
    help_first = DENIED | {"details": [{"@type": "type.googleapis.com/google.rpc.Help", "links": []}, *no["details"]]}
    later = entry(_IAM, "google.iam.admin.v1.CreateServiceAccount", status=help_first, **_TARGET)
    yield Twin(refused_once, "reason in the second detail", True, later)
    allowed = entry(_IAM, "google.iam.admin.v1.CreateServiceAccount", status={}, **_TARGET)
    yield Twin(refused_once, "allowed", False, allowed)


def _of_pools() -> Iterator[Twin]:
    """Pools of identities, and the providers that vouch for them."""
    pools = "google.iam.v1.WorkloadIdentityPools."
    provider = {"workloadIdentityPoolProvider": {"oidc": {"issuerUri": "https://idp.example.com"}}}
    for verb, expected in (
        ("CreateWorkloadIdentityPoolProvider", True),
        ("UpdateWorkloadIdentityPoolProvider", True),
        ("DeleteWorkloadIdentityPoolProvider", False),
        ("DeleteWorkloadIdentityPool", False),
    ):
        rule_id = "GCP.Workload.Identity.Pool.Created.or.Updated"
        yield Twin(rule_id, verb, expected, entry(_IAM, pools + verb, PIPELINE, request=provider))
        yield Twin(rule_id, f"{verb} without its request", expected, entry(_IAM, pools + verb))
    for verb, expected in (("Create", True), ("Update", True), ("Delete", False)):
        pool = entry(_IAM, f"google.iam.admin.v1.WorkforcePools.{verb}WorkforcePool", **ORGANIZATION)
        yield Twin("GCP.Workforce.Pool.Created.or.Updated", verb, expected, pool)
    rule_id = "GCP.Workload.Identity.Pool.Created.or.Updated"
    oidc = {"attributeCondition": "assertion.owner=='shop'", "oidc": {"issuerUri": "https://idp.example.com"}}
    for story, expected, verb, request in (
        ("with a condition", True, "CreateWorkloadIdentityPoolProvider", {"workloadIdentityPoolProvider": oidc}),
        ("SAML", True, "CreateWorkloadIdentityPoolProvider", {"workloadIdentityPoolProvider": {"saml": {}}}),
        ("renamed", True, "UpdateWorkloadIdentityPoolProvider", {"updateMask": "displayName"}),
        ("disabled", True, "UpdateWorkloadIdentityPoolProvider", {"updateMask": "disabled"}),
        ("the pool itself", False, "CreateWorkloadIdentityPool", {"workloadIdentityPoolId": "ci"}),
        ("read", False, "GetWorkloadIdentityPoolProvider", {}),
    ):
        yield Twin(rule_id, story, expected, entry(_IAM, pools + verb, request=request))
    for verb, expected in (("Create", True), ("Update", True), ("Get", False)):
        shown = {"updateMask": "disabled", "workforcePool": {"disabled": True}}
        pool = entry(_IAM, f"google.iam.admin.v1.WorkforcePools.{verb}WorkforcePool", request=shown, **ORGANIZATION)
        yield Twin("GCP.Workforce.Pool.Created.or.Updated", f"{verb}, as asked", expected, pool)
    workload = entry(_IAM, pools + "CreateWorkloadIdentityPoolProvider", request=provider)
    yield Twin("GCP.Workforce.Pool.Created.or.Updated", "pool of workloads", False, workload)


def _of_workspace() -> Iterator[Twin]:
    """Sign-on profiles and groups."""
    for verb, expected in (("Created", True), ("Updated", True), ("Deleted", False)):
        method = f"google.admin.AdminService.inboundSsoProfile{verb}"
        profile = entry("admin.googleapis.com", method, **ORGANIZATION)
        yield Twin("GCP.Inbound.SSO.Profile.Created", verb, expected, profile)
    for group, expected in (("admins", True), ("gcp-organization-admins", True), ("lunch", False)):
        parameters = [
            {"name": "USER_EMAIL", "value": "b@example.com"},
            {"name": "GROUP_EMAIL", "value": f"{group}@example.com"},
        ]
        event = {"event": [{"eventName": "ADD_GROUP_MEMBER", "parameter": parameters}]}
        method = "google.admin.AdminService.addGroupMember"
        added = entry("admin.googleapis.com", method, metadata=event, **ORGANIZATION)
        yield Twin("GCP.User.Added.To.Privileged.Group", group, expected, added)
    for verb in ("removeGroupMember", "createGroup"):
        told = {
            "event": [{"eventName": "OTHER", "parameter": [{"name": "GROUP_EMAIL", "value": "admins@example.com"}]}]
        }
        call = entry("admin.googleapis.com", f"google.admin.AdminService.{verb}", metadata=told, **ORGANIZATION)
        yield Twin("GCP.User.Added.To.Privileged.Group", verb, False, call)
    assigned = entry("admin.googleapis.com", "google.admin.AdminService.inboundSsoProfileAssigned", **ORGANIZATION)
    yield Twin("GCP.Inbound.SSO.Profile.Created", "Assigned", False, assigned)
