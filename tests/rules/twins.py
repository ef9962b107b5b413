"""Entries written after what the public rules of another product say they look for, not after its samples.

The samples at hand are half of theirs. These stand for the other half and for the shapes the field has besides: other
versions of an API, parts that are missing, people and service accounts, refusals. A twin says whether their rule fires.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, Final

GRANTED, REFUSED = True, False
PERSON: Final = "ada@example.com"
PIPELINE: Final = "deploy@shop-prod.iam.gserviceaccount.com"
DENIED: Final = {"code": 7, "message": "PERMISSION_DENIED"}
_ACCOUNT: Final = "build@shop-prod.iam.gserviceaccount.com"
_KEYED: Final = {
    "principalEmail": _ACCOUNT,
    "principalSubject": f"serviceAccount:{_ACCOUNT}",
    "serviceAccountKeyName": f"//iam.googleapis.com/projects/shop-prod/serviceAccounts/{_ACCOUNT}/keys/a37",
}


@dataclass(frozen=True)
class Twin:
    """One entry, the rule of theirs it is about, and whether that rule fires on it."""

    rule_id: str
    story: str
    expected: bool
    entry: dict[str, Any]


def entry(
    service: str,
    method: str,
    who: str | dict[str, Any] = PERSON,
    *,
    checks: dict[str, bool] | None = None,
    kind: str = "audited_resource",
    labels: dict[str, str] | None = None,
    log: str = "projects/shop-prod/logs/cloudaudit.googleapis.com%2Factivity",
    ip: str = "198.51.100.7",
    agent: str = "Mozilla/5.0",
    **payload: Any,
) -> dict[str, Any]:
    """An entry; of the payload what is not given is left out, as others leave it out."""
    said: dict[str, Any] = {
        "@type": "type.googleapis.com/google.cloud.audit.AuditLog",
        "authenticationInfo": {"principalEmail": who} if isinstance(who, str) else who,
        "requestMetadata": {"callerIp": ip, "callerSuppliedUserAgent": agent},
        "serviceName": service,
        "methodName": method,
        **payload,
    }
    if checks is not None:
        said["authorizationInfo"] = [{"permission": name, "granted": held} for name, held in checks.items()]
    failed = (payload.get("status") or {}).get("code", 0) != 0
    return {
        "insertId": "abc123",
        "logName": log,
        "protoPayload": {key: value for key, value in said.items() if value not in ("", None)},
        "resource": {"type": kind, "labels": {"project_id": "shop-prod"} if labels is None else labels},
        "severity": "ERROR" if failed else "NOTICE",
        "timestamp": "2026-11-03T09:14:05.113482Z",
    }


def twins() -> Iterator[Twin]:
    """Every twin, service by service."""
    yield from _of_code()
    yield from _of_policies()
    yield from _of_credentials()
    yield from _of_logs_and_guards()
    yield from _of_clusters()


def _deployments(permission: str, granted: bool) -> dict[str, Any]:
    return entry(
        "deploymentmanager.googleapis.com",
        "v2.deploymentmanager.deployments.insert",
        {},
        checks={permission: granted},
        kind="deployment",
    )


def _of_code() -> Iterator[Twin]:
    """What runs code as a service account."""
    run, build, functions = "run.googleapis.com", "cloudbuild.googleapis.com", "cloudfunctions.googleapis.com"
    for rule_id, service, methods, permission, another in (
        (
            "GCP.Cloud.Run.Service.Created",
            run,
            ("google.cloud.run.v1.Services.CreateService", "google.cloud.run.v2.Services.CreateService"),
            "run.services.create",
            "google.cloud.run.v1.Services.DeleteService",
        ),
        (
            "GCP.CloudBuild.Potential.Privilege.Escalation",
            build,
            ("google.devtools.cloudbuild.v1.CloudBuild.CreateBuild",),
            "cloudbuild.builds.create",
            "google.devtools.cloudbuild.v1.CloudBuild.GetBuild",
        ),
        (
            "GCP.Cloudfunctions.Functions.Create",
            functions,
            (
                "google.cloud.functions.v1.CloudFunctionsService.CreateFunction",
                "google.cloud.functions.v2.FunctionService.CreateFunction",
                "google.cloud.functions.v2beta.FunctionService.CreateFunction",
            ),
            "cloudfunctions.functions.create",
            "google.cloud.functions.v1.CloudFunctionsService.DeleteFunction",
        ),
        (
            "GCP.Cloudfunctions.Functions.Update",
            functions,
            (
                "google.cloud.functions.v1.CloudFunctionsService.UpdateFunction",
                "google.cloud.functions.v2.FunctionService.UpdateFunction",
            ),
            "cloudfunctions.functions.update",
            "google.cloud.functions.v1.CloudFunctionsService.GetFunction",
        ),
        (
            "GCP.Privilege.Escalation.By.Deployments.Create",
            "deploymentmanager.googleapis.com",
            ("v2.deploymentmanager.deployments.insert", "alpha.deploymentmanager.deployments.insert"),
            "deploymentmanager.deployments.create",
            "v2.deploymentmanager.deployments.delete",
        ),
    ):
        for method in methods:
            yield Twin(rule_id, method, True, entry(service, method, checks={permission: GRANTED}))
        first = methods[0]
        yield Twin(rule_id, "by nobody named", True, entry(service, first, {}, checks={permission: GRANTED}))
        yield Twin(rule_id, "by a pipeline", True, entry(service, first, PIPELINE, checks={permission: GRANTED}))
        yield Twin(rule_id, "not granted", False, entry(service, first, checks={permission: REFUSED}))
        refused = entry(service, first, checks={permission: REFUSED}, status=DENIED)
        yield Twin(rule_id, "refused", False, refused)
        failed = entry(service, first, checks={permission: GRANTED}, status={"code": 6, "message": "already exists"})
        yield Twin(rule_id, "failed", False, failed)
        yield Twin(rule_id, "without its checks", False, entry(service, first))
        yield Twin(rule_id, "another method", False, entry(service, another, checks={"x.y.z": GRANTED}))
        if service == functions:
            yield Twin(rule_id, "through a deployment", True, _deployments(permission, GRANTED))
            yield Twin(rule_id, "deployment refused it", False, _deployments(permission, REFUSED))
            other = _deployments("deploymentmanager.deployments.create", GRANTED)
            yield Twin(rule_id, "deployment of something else", False, other)
    replaced = entry(run, "google.cloud.run.v1.Services.ReplaceService", checks={"run.services.update": GRANTED})
    yield Twin("GCP.Cloud.Run.Service.Created", "replaced", False, replaced)
    machine = "GCP.compute.instances.create.Privilege.Escalation"
    verbs = ("disks.create", "instances.create", "instances.setMetadata", "instances.setServiceAccount")
    held = {f"compute.{verb}": GRANTED for verb in verbs}
    for method in ("v1.compute.instances.insert", "beta.compute.instances.insert", "alpha.compute.instances.insert"):
        yield Twin(machine, method, True, entry("compute.googleapis.com", method, checks=held, kind="gce_instance"))
    insert = "v1.compute.instances.insert"
    yield Twin(machine, "by a pipeline", True, entry("compute.googleapis.com", insert, PIPELINE, checks=held))
    without = {name: True for name in held if "ServiceAccount" not in name}
    yield Twin(machine, "without an account", False, entry("compute.googleapis.com", insert, checks=without))
    partly = held | {"compute.instances.create": REFUSED}
    yield Twin(machine, "refused", False, entry("compute.googleapis.com", insert, checks=partly, status=DENIED))
    started = entry("compute.googleapis.com", "v1.compute.instances.start", checks={"compute.instances.start": GRANTED})
    yield Twin(machine, "started", False, started)


def _policy(*changes: tuple[str, str, str], who: str | dict[str, Any] = PERSON, **more: Any) -> dict[str, Any]:
    deltas = [{"action": action, "role": role, "member": member} for action, role, member in changes]
    said = {"service": "cloudresourcemanager.googleapis.com", "method": "SetIamPolicy", "kind": "project"} | more
    said.setdefault("resourceName", "projects/shop-prod")
    return entry(who=who, serviceData={"policyDelta": {"bindingDeltas": deltas}}, status={}, **said)


_ORGANIZATION: Final = {
    "kind": "organization",
    "labels": {"organization_id": "123456789012"},
    "log": "organizations/123456789012/logs/cloudaudit.googleapis.com%2Factivity",
}
_BUCKET: Final = {
    "kind": "gcs_bucket",
    "labels": {"bucket_name": "shop-media", "project_id": "shop-prod", "location": "eu"},
    "resourceName": "projects/_/buckets/shop-media",
}


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


def _of_policies() -> Iterator[Twin]:
    corporate = "GCP.IAM.CorporateEmail"
    for story, expected, changes in (
        ("private account", True, ("ADD", "roles/viewer", "user:eve@gmail.com")),
        ("private account without its kind", True, ("ADD", "roles/viewer", "eve@gmail.com")),
        ("other company", True, ("ADD", "roles/bigquery.dataViewer", "user:eve@contractor.example.org")),
        ("public group", True, ("ADD", "roles/viewer", "group:friends@googlegroups.com")),
        ("colleague", False, ("ADD", "roles/owner", "user:bob@example.com")),
        ("own account", False, ("ADD", "roles/run.invoker", "serviceAccount:web@shop-prod.iam.gserviceaccount.com")),
        ("default account", False, ("ADD", "roles/viewer", "serviceAccount:1-compute@developer.gserviceaccount.com")),
        ("taken away", False, ("REMOVE", "roles/viewer", "user:eve@gmail.com")),
    ):
        yield Twin(corporate, story, expected, _policy(changes))
    agent = ("ADD", "roles/compute.serviceAgent", "serviceAccount:service-1@compute-system.iam.gserviceaccount.com")
    manager = _policy(agent, who="service-agent-manager@system.gserviceaccount.com")
    yield Twin(corporate, "agent of Google's", False, manager)

    administrator = "Standard.AdminRoleAssigned"
    for role in (
        "owner", "editor", "resourcemanager.organizationAdmin", "resourcemanager.folderAdmin", "iam.securityAdmin",
        "resourcemanager.projectIamAdmin", "iam.serviceAccountAdmin", "iam.serviceAccountKeyAdmin", "iam.roleAdmin",
        "compute.admin", "compute.instanceAdmin.v1", "compute.osAdminLogin", "storage.admin", "storage.objectAdmin",
        "bigquery.admin", "container.admin", "container.clusterAdmin", "pubsub.admin", "cloudkms.admin",
        "logging.admin", "appengine.appAdmin", "cloudfunctions.admin", "run.admin", "secretmanager.admin",
        "orgpolicy.policyAdmin", "compute.networkAdmin", "compute.loadBalancerAdmin", "spanner.databaseAdmin",
    ):  # fmt: skip
        yield Twin(administrator, role, True, _policy(("ADD", f"roles/{role}", "bob@example.com")))
    for role in ("viewer", "browser", "logging.viewer", "bigquery.dataViewer", "run.invoker"):
        yield Twin(administrator, role, False, _policy(("ADD", f"roles/{role}", "user:bob@example.com")))
    both = _policy(("REMOVE", "roles/owner", "user:a@example.com"), ("ADD", "roles/owner", "user:b@example.com"))
    yield Twin(administrator, "handed over", True, both)
    yield Twin(administrator, "taken away", False, _policy(("REMOVE", "roles/owner", "user:a@example.com")))
    yield Twin(administrator, "nothing changed", False, _policy())

    changed = "GCP.IAM.OrgFolderIAMChanges"
    grant = ("ADD", "roles/viewer", "user:bob@example.com")
    organization = {"resourceName": "organizations/123456789012", **_ORGANIZATION}
    yield Twin(changed, "organization by hand", True, _policy(grant, **organization))
    yield Twin(
        changed, "organization by Terraform", True, _policy(grant, who=PIPELINE, agent="Terraform", **organization)
    )
    folder = {"kind": "folder", "labels": {"folder_id": "42"}, "resourceName": "folders/42"}
    in_folder = _policy(grant, log="folders/42/logs/cloudaudit.googleapis.com%2Factivity", **folder)
    yield Twin(changed, "folder", True, in_folder)
    yield Twin(changed, "project", False, _policy(grant))
    read = entry("cloudresourcemanager.googleapis.com", "GetIamPolicy", **organization)
    yield Twin(changed, "read", False, read)

    roles = "GCP.IAM.CustomRoleChanges"
    for verb, expected in (("CreateRole", True), ("UpdateRole", True), ("DeleteRole", True), ("ListRoles", False)):
        for where in ("projects/shop-prod", "organizations/123456789012"):
            role = entry("iam.googleapis.com", f"google.iam.admin.v1.{verb}", resourceName=f"{where}/roles/deployer")
            yield Twin(roles, f"{verb} of {where}", expected, role)
    for rule_id, permission in _BY_PERMISSION.items():
        for held in (GRANTED, REFUSED):
            bare = {"authorizationInfo": [{"permission": permission, "granted": held}]}
            yield Twin(rule_id, f"nothing but its check: {held}", held, {"protoPayload": bare})
        harmless = {"authorizationInfo": [{"permission": "iam.roles.get", "granted": True}]}
        yield Twin(rule_id, "nothing but another check", False, {"protoPayload": harmless})
    widened = "GCP.iam.roles.update.Privilege.Escalation"
    update = {"iam.roles.update": GRANTED}
    yield Twin(widened, "updated", True, entry("iam.googleapis.com", "google.iam.admin.v1.UpdateRole", checks=update))
    yield Twin(widened, "through a deployment", True, _deployments("iam.roles.update", GRANTED))
    yield Twin(widened, "deployment refused it", False, _deployments("iam.roles.update", REFUSED))
    created = entry("iam.googleapis.com", "google.iam.admin.v1.CreateRole", checks={"iam.roles.create": GRANTED})
    yield Twin(widened, "created", False, created)

    storage = "storage.googleapis.com"
    for rule_id, story, expected, members in (
        ("GCP.GCS.Public", "everybody", True, ["allUsers"]),
        ("GCP.GCS.Public", "everybody with an account", True, ["allAuthenticatedUsers"]),
        ("GCP.GCS.Public", "everybody among others", True, ["user:bob@example.com", "allUsers"]),
        ("GCP.GCS.Public", "colleague", False, ["user:bob@example.com"]),
        ("GCP.GCS.IAMChanges", "colleague", True, ["user:bob@example.com"]),
    ):
        added = [("ADD", "roles/storage.objectViewer", member) for member in members]
        bucket = _policy(*added, service=storage, method="storage.setIamPermissions", **_BUCKET)
        yield Twin(rule_id, story, expected, bucket)
    yield Twin("GCP.GCS.IAMChanges", "bare", True, entry(storage, "storage.setIamPermissions", PIPELINE, **_BUCKET))
    yield Twin("GCP.GCS.IAMChanges", "read", False, entry(storage, "storage.getIamPermissions", **_BUCKET))
    for verb, expected in (("update", True), ("delete", True), ("get", False), ("create", False)):
        changed_bucket = entry(storage, f"storage.buckets.{verb}", PIPELINE, **_BUCKET)
        yield Twin("GCP.Cloud.Storage.Buckets.Modified.Or.Deleted", verb, expected, changed_bucket)

    invoker = {"policy": {"bindings": [{"role": "roles/run.invoker", "members": ["allUsers"]}]}}
    run, invoked = "GCP.Cloud.Run.Set.IAM.Policy", "run.services.setIamPolicy"
    for story, expected, checks, status in (
        ("granted", True, {invoked: GRANTED}, {}),
        ("refused", False, {invoked: REFUSED}, DENIED),
        ("not granted", False, {invoked: REFUSED}, {}),
        ("without its checks", False, None, {}),
    ):
        method = "google.cloud.run.v1.Services.SetIamPolicy"
        service = entry("run.googleapis.com", method, checks=checks, request=invoker, status=status)
        yield Twin(run, story, expected, service)
    for api in ("v1", "beta"):
        for plural in ("disks", "images", "snapshots"):
            shared = entry("compute.googleapis.com", f"{api}.compute.{plural}.setIamPolicy", PIPELINE)
            yield Twin("GCP.Compute.IAM.Policy.Update", f"{api} {plural}", True, shared)
    labelled = entry("compute.googleapis.com", "v1.compute.disks.setLabels")
    yield Twin("GCP.Compute.IAM.Policy.Update", "labelled", False, labelled)
    snapshot = "GCP.Compute.Snapshot.UnexpectedDomain"
    for who, expected in (
        ("eve@gmail.com", True),
        ("eve@unknown.example.org", True),
        (PERSON, False),
        (PIPELINE, False),
    ):
        taken = entry("compute.googleapis.com", "v1.compute.snapshots.insert", who, kind="gce_snapshot")
        yield Twin(snapshot, who, expected, taken)
    kms = "SetIamPolicy"
    for member, role, expected in (
        ("service-1@gs-project-accounts.iam.gserviceaccount.com", "cryptoKeyEncrypterDecrypter", True),
        ("service-1@gs-project-accounts.iam.gserviceaccount.com", "cryptoKeyEncrypter", True),
        ("service-1@compute-system.iam.gserviceaccount.com", "cryptoKeyEncrypterDecrypter", False),
        ("web@shop-prod.iam.gserviceaccount.com", "cryptoKeyEncrypterDecrypter", False),
    ):
        binding = {"role": f"roles/cloudkms.{role}", "members": [f"serviceAccount:{member}"]}
        key = entry(
            "cloudkms.googleapis.com", kms, request={"policy": {"bindings": [binding]}}, kind="cloudkms_cryptokey"
        )
        yield Twin("GCP.KMS.EnableKey", f"{role} of {member}", expected, key)

    impersonation = "GCP.Permissions.Granted.to.Create.or.Manage.Service.Account.Key"
    account = {"kind": "service_account", "labels": {"email_id": _ACCOUNT, "project_id": "shop-prod"}}
    for role, expected in (
        ("serviceAccountTokenCreator", True),
        ("serviceAccountUser", True),
        ("securityReviewer", False),
    ):
        for action in ("ADD", "REMOVE"):
            change = (action, f"roles/iam.{role}", "group:devs@example.com")
            on_account = _policy(
                change, service="iam.googleapis.com", method="google.iam.admin.v1.SetIAMPolicy", **account
            )
            yield Twin(impersonation, f"{action} {role}", expected and action == "ADD", on_account)
    invited = "GCP.Project.ExternalUserOwnershipInvite"
    for member, expected in (
        ("user:eve@gmail.com", True),
        ("user:eve@other.example.org", True),
        ("user:b@example.com", False),
    ):
        request = {"member": member, "projectId": "shop-prod"}
        invite = entry("cloudresourcemanager.googleapis.com", "InsertProjectOwnershipInvite", request=request)
        yield Twin(invited, member, expected, invite)
    proxy = "google.cloud.iap.v1.IdentityAwareProxyAdminService.SetIamPolicy"
    let_in = {"policy": {"bindings": [{"role": "roles/iap.httpsResourceAccessor", "members": ["user:b@example.com"]}]}}
    for story, expected, request in (("let in", True, let_in), ("emptied", False, {"policy": {"etag": "B"}})):
        through = entry("iap.googleapis.com", proxy, PIPELINE, request=request, response=request["policy"])
        yield Twin("GCP.User.Added.to.IAP.Protected.Service", story, expected, through)
    for method in ("TagBindings.CreateTagBinding", "google.cloud.resourcemanager.v3.TagBindings.CreateTagBinding"):
        bound = entry("" if method[0] == "T" else "cloudresourcemanager.googleapis.com", method)
        yield Twin("GCP.Tag.Binding.Creation", method, True, bound)
        yield Twin("GCP.IAM.Tag.Enumeration", method, False, bound)
    for method in ("TagKeys.ListTagKeys", "TagValues.ListTagValues", "TagBindings.ListEffectiveTags", "GetIamPolicy"):
        yield Twin("GCP.IAM.Tag.Enumeration", method, True, entry("", method, resourceName="projects/shop-prod"))
        full = entry("cloudresourcemanager.googleapis.com", f"google.cloud.resourcemanager.v3.{method}")
        if "Tag" in method:
            yield Twin("GCP.IAM.Tag.Enumeration", f"{method} in full", True, full)
            yield Twin("GCP.Tag.Binding.Creation", f"{method} in full", False, full)


def _of_credentials() -> Iterator[Twin]:
    target = {"kind": "service_account", "labels": {"email_id": _ACCOUNT, "project_id": "shop-prod", "unique_id": "1"}}
    minted: dict[str, Any] = {
        "log": "projects/shop-prod/logs/cloudaudit.googleapis.com%2Fdata_access",
        "resourceName": "projects/-/serviceAccounts/1",
        **target,
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
        for method in (own, "SignJwt"):  # their samples of all three are one signed JWT, with the permission replaced
            granted, refused = {permission: GRANTED}, {permission: REFUSED}
            yield Twin(rule_id, f"{method} with a key", True, entry(service, method, _KEYED, checks=granted, **minted))
            yield Twin(rule_id, f"{method} refused", False, entry(service, method, _KEYED, checks=refused, **minted))
        for who in (PERSON, PIPELINE, _ACCOUNT):
            yield Twin(
                rule_id, f"{own} by {who}", True, entry(service, own, who, checks={permission: GRANTED}, **minted)
            )
        redacted = entry(service, own, {}, checks={permission: REFUSED}, status=DENIED, **minted)
        yield Twin(rule_id, "refused and redacted", False, redacted)
        yield Twin(rule_id, "with a key, without its checks", False, entry(service, own, _KEYED, **minted))
        yield Twin(rule_id, "without its checks", False, entry(service, own, PERSON, **minted))
    iam = "iam.googleapis.com"
    create_key, create = "google.iam.admin.v1.CreateServiceAccountKey", "google.iam.admin.v1.CreateServiceAccount"
    keys = "GCP.iam.serviceAccountKeys.create"
    may = {"iam.serviceAccountKeys.create": GRANTED}
    yield Twin(keys, "created", True, entry(iam, create_key, PIPELINE, checks=may, **target))
    yield Twin(keys, "through a deployment", True, _deployments("iam.serviceAccountKeys.create", GRANTED))
    yield Twin(keys, "deployment refused it", False, _deployments("iam.serviceAccountKeys.create", REFUSED))
    yield Twin(keys, "refused", False, entry(iam, create_key, status=DENIED, **target))
    made = "GCP.Service.Account.or.Keys.Created"
    for story, expected, method, who in (
        ("key", True, create_key, PERSON),
        ("account", True, create, PERSON),
        ("account by a pipeline", False, create, PIPELINE),
        ("key by a pipeline", False, create_key, PIPELINE),
        ("key deleted", False, "google.iam.admin.v1.DeleteServiceAccountKey", PERSON),
    ):
        yield Twin(made, story, expected, entry(iam, method, who, request={"account_id": "web"}, **target))
    hmac = "GCP.Storage.Hmac.Keys.Create"
    for verb, expected in (("create", True), ("list", False)):
        checks = {f"storage.hmacKeys.{verb}": GRANTED}
        yield Twin(hmac, verb, expected, entry("storage.googleapis.com", f"storage.hmacKeys.{verb}", checks=checks))
    yield Twin(hmac, "through a deployment", True, _deployments("storage.hmacKeys.create", GRANTED))
    api_keys = "GCP.serviceusage.apiKeys.create.Privilege.Escalation"
    for method, checked, expected in (
        ("google.api.apikeys.v2.ApiKeys.CreateKey", {"serviceusage.apiKeys.create": GRANTED}, True),
        ("google.api.apikeys.v1.ApiKeys.CreateApiKey", {"serviceusage.apiKeys.create": GRANTED}, True),
        ("google.api.apikeys.v2.ApiKeys.CreateKey", {"serviceusage.apiKeys.create": REFUSED}, False),
        ("google.api.apikeys.v2.ApiKeys.CreateKey", None, False),
        ("google.api.apikeys.v2.ApiKeys.GetKey", {"serviceusage.apiKeys.get": GRANTED}, False),
    ):
        yield Twin(api_keys, f"{method} {checked}", expected, entry("apikeys.googleapis.com", method, checks=checked))
    privileged = "GCP.Privileged.Operation"
    for method in (
        "iam.serviceAccounts.getAccessToken", "iam.serviceAccountKeys.create", "iam.roles.update",
        "orgpolicy.policy.set", "storage.hmacKeys.create", "serviceusage.apiKeys.create", "cloudbuild.builds.create",
        "compute.disks.setIamPolicy", "cloudresourcemanager.projects.setIamPolicy", "storage.buckets.setIamPolicy",
    ):  # fmt: skip
        yield Twin(privileged, method, True, entry("", method, resourceName="projects/shop-prod"))
    for method in ("compute.instances.list", "storage.objects.get", "iam.serviceAccounts.list"):
        yield Twin(privileged, method, False, entry("", method, resourceName="projects/shop-prod"))
    refused_once = "GCP.Service.Account.Access.Denied"
    reason = {"@type": "type.googleapis.com/google.rpc.ErrorInfo", "reason": "IAM_PERMISSION_DENIED"}
    no = DENIED | {"details": [reason | {"metadata": {"permission": "iam.serviceAccounts.create"}}]}
    for method in ("CreateServiceAccount", "ListServiceAccounts", "CreateServiceAccountKey", "SetIAMPolicy"):
        for who in ({}, PERSON, PIPELINE):
            call = entry(iam, f"google.iam.admin.v1.{method}", who, status=no, **target)
            yield Twin(refused_once, f"{method} {who}", True, call)
    elsewhere = entry("pubsub.googleapis.com", "google.pubsub.v1.Publisher.ListTopics", status=no)
    yield Twin(refused_once, "of another service", True, elsewhere)
    missing = entry(iam, "google.iam.admin.v1.GetServiceAccount", status={"code": 5, "message": "not found"})
    yield Twin(refused_once, "not found", False, missing)
    pools = "google.iam.v1.WorkloadIdentityPools."
    provider = {"workloadIdentityPoolProvider": {"oidc": {"issuerUri": "https://idp.example.com"}}}
    for verb, expected in (
        ("CreateWorkloadIdentityPoolProvider", True),
        ("UpdateWorkloadIdentityPoolProvider", True),
        ("DeleteWorkloadIdentityPoolProvider", False),
        ("DeleteWorkloadIdentityPool", False),
    ):
        rule_id = "GCP.Workload.Identity.Pool.Created.or.Updated"
        yield Twin(rule_id, verb, expected, entry(iam, pools + verb, PIPELINE, request=provider))
        yield Twin(rule_id, f"{verb} without its request", expected, entry(iam, pools + verb))
    for verb, expected in (("Create", True), ("Update", True), ("Delete", False)):
        pool = entry(iam, f"google.iam.admin.v1.WorkforcePools.{verb}WorkforcePool", **_ORGANIZATION)
        yield Twin("GCP.Workforce.Pool.Created.or.Updated", verb, expected, pool)
    for verb, expected in (("Created", True), ("Updated", True), ("Deleted", False)):
        method = f"google.admin.AdminService.inboundSsoProfile{verb}"
        profile = entry("admin.googleapis.com", method, **_ORGANIZATION)
        yield Twin("GCP.Inbound.SSO.Profile.Created", verb, expected, profile)
    for group, expected in (("admins", True), ("gcp-organization-admins", True), ("lunch", False)):
        parameters = [
            {"name": "USER_EMAIL", "value": "b@example.com"},
            {"name": "GROUP_EMAIL", "value": f"{group}@example.com"},
        ]
        event = {"event": [{"eventName": "ADD_GROUP_MEMBER", "parameter": parameters}]}
        method = "google.admin.AdminService.addGroupMember"
        added = entry("admin.googleapis.com", method, metadata=event, **_ORGANIZATION)
        yield Twin("GCP.User.Added.To.Privileged.Group", group, expected, added)


def _of_logs_and_guards() -> Iterator[Twin]:
    logging, config = "logging.googleapis.com", "google.logging.v2.ConfigServiceV2."
    gone, sinks, settings = (
        "GCP.Log.Bucket.Or.Sink.Deleted",
        "GCP.Logging.Sink.Modified",
        "GCP.Logging.Settings.Modified",
    )
    for rule_id, verbs in (
        (gone, {"DeleteSink": True, "DeleteBucket": True, "CreateSink": False, "GetBucket": False}),
        (sinks, {"UpdateSink": True, "CreateSink": False, "DeleteSink": False, "ListSinks": False}),
        (
            settings,
            {
                "UpdateSettings": True, "UpdateCmekSettings": True, "UpdateSink": True, "UpdateBucket": True,
                "UpdateView": True, "UpdateExclusion": True, "ListBuckets": False, "GetSettings": False,
                "CreateSink": False, "DeleteView": False,
            },
        ),
    ):  # fmt: skip
        for verb, expected in verbs.items():
            for who in (PERSON, PIPELINE):
                yield Twin(rule_id, f"{verb} by {who}", expected, entry(logging, config + verb, who))
    violated = {"@type": "type.googleapis.com/google.rpc.PreconditionFailure"}
    perimeter = "GCP.Access.Attempts.Violating.VPC.Service.Controls"
    for story, expected, kind, code in (
        ("perimeter", True, "VPC_SERVICE_CONTROLS", 7),
        ("organization policy", False, "constraints/compute.vmExternalIpAccess", 9),
    ):
        status = {"code": code, "message": "no", "details": [violated | {"violations": [{"type": kind}]}]}
        for who in ({}, PIPELINE):
            refused = entry("storage.googleapis.com", "google.storage.objects.get", who, status=status)
            yield Twin(perimeter, f"{story} {who}", expected, refused)
    yield Twin(perimeter, "plain refusal", False, entry("storage.googleapis.com", "storage.objects.get", status=DENIED))


def _k8s(method: str, name: str, who: str = PERSON, **more: Any) -> dict[str, Any]:
    labels = {"project_id": "shop-prod", "location": "europe-west4", "cluster_name": "web"}
    said = {"agent": "kubectl/v1.33.1", "kind": "k8s_cluster", "labels": labels} | more
    return entry("k8s.io", f"io.k8s.{method}", who, resourceName=name, **said)


def _of_clusters() -> Iterator[Twin]:
    rbac = "rbac.authorization.k8s.io/v1"
    pod = "system:serviceaccount:web:api"
    for prefix in ("rbac.v1", "authorization.rbac.v1"):  # the first is their spelling
        for plural in ("clusterrolebindings", "rolebindings"):
            where = f"{rbac}/{'namespaces/web/' if plural == 'rolebindings' else ''}{plural}/b"
            for role, expected in (("cluster-admin", True), ("admin", True), ("edit", True), ("view", False)):
                body = {"roleRef": {"kind": "ClusterRole", "name": role}, "subjects": [{"kind": "User", "name": "eve"}]}
                for who in (PERSON, pod):
                    bound = _k8s(f"{prefix}.{plural}.create", where, who, request=body, ip="10.0.0.7")
                    yield Twin("Kubernetes.ClusterRoleBinding.Privileged", f"{role} {plural} {who}", expected, bound)
        node = {
            "roleRef": {"kind": "ClusterRole", "name": "system:node"},
            "subjects": [{"kind": "User", "name": "eve"}],
        }
        bound = _k8s(f"{prefix}.clusterrolebindings.create", f"{rbac}/clusterrolebindings/b", request=node)
        yield Twin("Kubernetes.ClusterRoleBinding.Privileged", "a node's role", False, bound)
        for rule_id, groups, resources, verbs, expected in (
            ("Kubernetes.Role.Wildcard", ["*"], ["*"], ["*"], True),
            ("Kubernetes.Role.Wildcard", ["apps"], ["deployments"], ["*"], True),
            ("Kubernetes.Role.Wildcard", [""], ["*"], ["get", "list"], True),
            ("Kubernetes.Role.Wildcard", ["*"], ["pods"], ["get"], True),
            ("Kubernetes.Role.Wildcard", [""], ["pods"], ["get"], False),
            ("Kubernetes.Role.PodExec", [""], ["pods/exec"], ["create"], True),
            ("Kubernetes.Role.PodExec", [""], ["pods", "pods/exec"], ["*"], True),
            ("Kubernetes.Role.PodExec", [""], ["pods/log"], ["get"], False),
            ("Kubernetes.Role.NodeProxyPermissions", [""], ["nodes/proxy"], ["get"], True),
            ("Kubernetes.Role.NodeProxyPermissions", [""], ["nodes"], ["get"], False),
            ("Kubernetes.Role.WritePermissions", [""], ["secrets"], ["get", "delete"], True),
            ("Kubernetes.Role.WritePermissions", ["apps"], ["deployments"], ["patch"], True),
            ("Kubernetes.Role.WritePermissions", [""], ["pods"], ["get", "watch"], False),
        ):
            request = {"rules": [{"apiGroups": groups, "resources": resources, "verbs": verbs}]}
            for plural in ("clusterroles", "roles"):
                where = f"{rbac}/{'namespaces/web/' if plural == 'roles' else ''}{plural}/r"
                story = f"{verbs} {resources} of {groups} in {plural}"
                yield Twin(rule_id, story, expected, _k8s(f"{prefix}.{plural}.create", where, request=request))
            system = _k8s(f"{prefix}.roles.update", f"{rbac}/roles/r", "system:addon-manager", request=request)
            yield Twin(rule_id, f"{story} by the control plane", False, system)
            refused = _k8s(f"{prefix}.clusterroles.create", f"{rbac}/clusterroles/r", request=request, status=DENIED)
            yield Twin(rule_id, f"{story} refused", False, refused)
        for verb, expected in (("update", True), ("patch", True), ("delete", True), ("get", False)):
            changed = _k8s(f"{prefix}.clusterroles.{verb}", f"{rbac}/clusterroles/system:node")
            yield Twin("Kubernetes.SystemRole.Modified", verb, expected, changed)
        own = _k8s(f"{prefix}.clusterroles.update", f"{rbac}/clusterroles/mine")
        yield Twin("Kubernetes.SystemRole.Modified", "another", False, own)

    anonymous, everybody = "system:anonymous", "Kubernetes.API.AnonymousAccess"
    for method, name, expected in (
        ("core.v1.pods.list", "core/v1/pods", True),
        ("core.v1.secrets.list", "core/v1/namespaces/web/secrets", True),
        ("core.v1.pods.create", "core/v1/namespaces/web/pods/x", True),
        ("get", "openapi/v2", True),
        ("get", "api", True),
        ("get", ".well-known/openid-configuration", True),
        ("get", "healthz", False),
        ("get", "livez", False),
        ("get", "version", False),
        ("core.v1.readyz.get", "core/v1/readyz", False),
        ("healthz", "", False),
    ):
        yield Twin(everybody, f"{method} {name}", expected, _k8s(method, name, anonymous))
    yield Twin(everybody, "refused", True, _k8s("core.v1.pods.list", "core/v1/pods", anonymous, status=DENIED))
    yield Twin(everybody, "somebody", False, _k8s("core.v1.pods.list", "core/v1/pods"))
    outside = "Kubernetes.API.Multiple403.PublicIP"
    for ip, expected in (("198.51.100.7", True), ("2001:db8::7", True), ("10.0.0.7", False), ("::1", False)):
        for who in (PERSON, pod):
            refused = _k8s("core.v1.configmaps.list", "core/v1/configmaps", who, ip=ip, status=DENIED)
            yield Twin(outside, f"{who} from {ip}", expected, refused)
    stranger = _k8s("core.v1.pods.list", "core/v1/pods", anonymous, status=DENIED)
    yield Twin(outside, "nobody in particular", True, stranger)
    yield Twin(outside, "allowed", False, _k8s("core.v1.pods.list", "core/v1/pods"))
    identities = "Kubernetes.System.Principal.PublicIP"
    for who in (
        pod,
        "system:node:gke-web-1",
        "system:kube-scheduler",
        "system:serviceaccount:kube-system:default",
        anonymous,
    ):
        for ip, expected in (("198.51.100.7", True), ("10.0.0.7", False)):
            called = _k8s("core.v1.pods.list", "core/v1/pods", who, ip=ip)
            yield Twin(identities, f"{who} from {ip}", expected, called)
    probe = _k8s("core.v1.healthz.get", "core/v1/healthz", anonymous, agent="GoogleHC/1.0")
    yield Twin(identities, "probe", False, probe)
    yield Twin(identities, "person", False, _k8s("core.v1.pods.list", "core/v1/pods"))
    for version in ("v1", "v1beta1"):
        for kind in ("mutating", "validating"):
            method = f"admissionregistration.{version}.{kind}webhookconfigurations"
            name = f"admissionregistration.k8s.io/{version}/{kind}webhookconfigurations/x"
            for verb, who, expected in (("create", PERSON, True), ("create", pod, True), ("list", PERSON, False)):
                hook = _k8s(f"{method}.{verb}", name, who, ip="10.0.0.7")
                yield Twin("Kubernetes.AdmissionController.Created", f"{method}.{verb} by {who}", expected, hook)
        method = f"certificates.{version}.certificatesigningrequests"
        name = f"certificates.k8s.io/{version}/certificatesigningrequests/x"
        for signer, who, expected in (
            ("kube-apiserver-client", PERSON, True),
            ("kube-apiserver-client", pod, True),
            ("kubelet-serving", "system:node:gke-web-1", False),
        ):
            asked = {"spec": {"signerName": f"kubernetes.io/{signer}"}}
            request = _k8s(f"{method}.create", name, who, request=asked, ip="10.0.0.7")
            yield Twin("Kubernetes.ClientCertificate.Created", f"{version} {signer} by {who}", expected, request)
        yield Twin("Kubernetes.ClientCertificate.Created", f"{version} read", False, _k8s(f"{method}.get", name))
    one, all_of_them = "core/v1/namespaces/web/secrets/db", "core/v1/secrets"
    for rule_id, verb, name, who, status, expected in (
        ("Kubernetes.Secret.AccessDenied", "get", one, PERSON, DENIED, True),
        ("Kubernetes.Secret.AccessDenied", "list", all_of_them, pod, DENIED, True),
        ("Kubernetes.Secret.AccessDenied", "get", one, PERSON, {}, False),
        ("Kubernetes.Secrets.DumpAllNamespaces", "list", all_of_them, PERSON, {}, True),
        ("Kubernetes.Secrets.DumpAllNamespaces", "list", all_of_them, pod, {}, True),
        ("Kubernetes.Secrets.DumpAllNamespaces", "list", "core/v1/namespaces/web/secrets", PERSON, {}, False),
        ("Kubernetes.Secrets.DumpAllNamespaces", "list", all_of_them, "system:kube-controller-manager", {}, False),
        ("Kubernetes.Secrets.DumpAllNamespaces", "list", all_of_them, PERSON, DENIED, False),
        ("Kubernetes.BulkSecretAccess", "get", one, PERSON, {}, True),
        ("Kubernetes.BulkSecretAccess", "list", "core/v1/namespaces/web/secrets", PERSON, {}, True),
        ("Kubernetes.BulkSecretAccess", "get", one, pod, {}, True),
        ("Kubernetes.BulkSecretAccess", "get", one, "system:kube-controller-manager", {}, False),
        ("Kubernetes.BulkSecretAccess", "get", one, PERSON, DENIED, False),
    ):
        read = _k8s(f"core.v1.secrets.{verb}", name, who, status=status, ip="10.0.0.7")
        yield Twin(rule_id, f"{verb} {name} by {who} {status}", expected, read)
    token = "/var/run/secrets/kubernetes.io/serviceaccount/token"
    for command, expected in (
        (["cat", token], True),
        (["sh", "-c", f"T=$(cat {token}); echo $T"], True),
        (["cat", "/var/run/secrets/tokens/gcp-ksa/token"], True),
        (["curl", "-HMetadata-Flavor:Google", "http://metadata.google.internal/computeMetadata/v1/"], True),
        (["wget", "http://169.254.169.254/"], True),
        (["cat", "/var/run/secrets/kubernetes.io/serviceaccount/namespace"], False),
        (["ls", "/tmp"], False),
    ):
        for verb in ("create", "get"):
            run = _k8s(f"core.v1.pods.exec.{verb}", "core/v1/namespaces/web/pods/p/exec", request={"command": command})
            yield Twin("Kubernetes.Pod.StealServiceAccountToken", f"{verb} {command}", expected, run)
