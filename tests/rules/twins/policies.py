"""Twins about who was given what, on what, and about custom roles and tags."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

from rules.twins.entries import (
    ACCOUNT,
    DATA_ACCESS,
    DENIED,
    GRANTED,
    ORGANIZATION,
    PERSON,
    PIPELINE,
    REFUSED,
    Twin,
    deployments,
    entry,
    policy,
)

BUCKET: Final = {
    "kind": "gcs_bucket",
    "labels": {"bucket_name": "shop-media", "project_id": "shop-prod", "location": "eu"},
    "resourceName": "projects/_/buckets/shop-media",
}

_CRM: Final = "cloudresourcemanager.googleapis.com"


def twins() -> Iterator[Twin]:
    """Every twin of this file."""
    yield from _of_containers()
    yield from _of_custom_roles()
    yield from _of_buckets()
    yield from _of_resources()
    yield from _of_accounts()
    yield from _of_proxies()
    yield from _of_tags()


def _of_containers() -> Iterator[Twin]:
    """Projects, folders and the organization."""
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
        yield Twin(corporate, story, expected, policy(changes))
    agent = ("ADD", "roles/compute.serviceAgent", "serviceAccount:service-1@compute-system.iam.gserviceaccount.com")
    manager = policy(agent, who="service-agent-manager@system.gserviceaccount.com")
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
        yield Twin(administrator, role, True, policy(("ADD", f"roles/{role}", "bob@example.com")))
    for role in ("viewer", "browser", "logging.viewer", "bigquery.dataViewer", "run.invoker"):
        yield Twin(administrator, role, False, policy(("ADD", f"roles/{role}", "user:bob@example.com")))
    both = policy(("REMOVE", "roles/owner", "user:a@example.com"), ("ADD", "roles/owner", "user:b@example.com"))
    yield Twin(administrator, "handed over", True, both)
    yield Twin(administrator, "taken away", False, policy(("REMOVE", "roles/owner", "user:a@example.com")))
    yield Twin(administrator, "nothing changed", False, policy())

    changed = "GCP.IAM.OrgFolderIAMChanges"
    grant = ("ADD", "roles/viewer", "user:bob@example.com")
    organization = {"resourceName": "organizations/123456789012", **ORGANIZATION}
    yield Twin(changed, "organization by hand", True, policy(grant, **organization))
    yield Twin(
        changed, "organization by Terraform", True, policy(grant, who=PIPELINE, agent="Terraform", **organization)
    )
    folder = {"kind": "folder", "labels": {"folder_id": "42"}, "resourceName": "folders/42"}
    in_folder = policy(grant, log="folders/42/logs/cloudaudit.googleapis.com%2Factivity", **folder)
    yield Twin(changed, "folder", True, in_folder)
    yield Twin(changed, "project", False, policy(grant))
    read = entry("cloudresourcemanager.googleapis.com", "GetIamPolicy", **organization)
    yield Twin(changed, "read", False, read)

    folder |= {"log": "folders/42/logs/cloudaudit.googleapis.com%2Factivity"}
    removal = ("REMOVE", "roles/browser", "user:bob@example.com")
    agent_of_terraform = "google-api-go-client/0.5 Terraform/1.7.4 (+https://www.terraform.io)"
    audited = {"policyDelta": {"auditConfigDeltas": [{"action": "ADD", "service": "allServices"}]}}
    for story, call in (
        ("taken away", policy(removal, **organization)),
        ("folder by Terraform", policy(grant, who=PIPELINE, agent=agent_of_terraform, **folder)),
        ("audit configurations only", entry(_CRM, "SetIamPolicy", serviceData=audited, **organization)),
        ("changed, not told how", entry(_CRM, "SetIamPolicy", **organization)),
        ("folder, not told how", entry(_CRM, "SetIamPolicy", PIPELINE, **folder)),
    ):
        yield Twin(changed, story, True, call)
    for story, expected, changes in (
        ("account of a pipeline", True, [("ADD", "roles/iam.securityAdmin", f"serviceAccount:{PIPELINE}")]),
        ("group", True, [("ADD", "roles/iam.serviceAccountKeyAdmin", "group:platform@example.com")]),
        ("the second of two", True, [grant, ("ADD", "roles/iam.serviceAccountAdmin", "user:bob@example.com")]),
        ("exchanged for less", False, [grant, ("REMOVE", "roles/owner", "user:bob@example.com")]),
    ):
        yield Twin(administrator, story, expected, policy(*changes))
    for story, expected, changes, more in (
        ("the second of two", True, [removal, ("ADD", "roles/viewer", "user:eve@gmail.com")], {}),
        ("on a folder", True, [("ADD", "roles/viewer", "user:eve@gmail.com")], folder),
        ("by a pipeline", True, [("ADD", "roles/viewer", "user:eve@gmail.com")], {"who": PIPELINE}),
        ("other company, by a pipeline", True, [("ADD", "roles/viewer", "user:eve@other.example")], {"who": PIPELINE}),
        ("group of colleagues", False, [("ADD", "roles/viewer", "group:devs@example.com")], {}),
        ("pool of a cluster", False, [("ADD", "roles/viewer", "serviceAccount:shop-prod.svc.id.goog[web/api]")], {}),
    ):
        yield Twin(corporate, story, expected, policy(*changes, **more))
    seen = entry(_CRM, "GetIamPolicy", kind="project", resourceName="projects/shop-prod", log=DATA_ACCESS)
    yield Twin(corporate, "read", False, seen)


def _of_custom_roles() -> Iterator[Twin]:
    """Roles that somebody wrote."""
    roles = "GCP.IAM.CustomRoleChanges"
    for verb, expected in (("CreateRole", True), ("UpdateRole", True), ("DeleteRole", True), ("ListRoles", False)):
        for where in ("projects/shop-prod", "organizations/123456789012"):
            role = entry("iam.googleapis.com", f"google.iam.admin.v1.{verb}", resourceName=f"{where}/roles/deployer")
            yield Twin(roles, f"{verb} of {where}", expected, role)
    widened = "GCP.iam.roles.update.Privilege.Escalation"
    update = {"iam.roles.update": GRANTED}
    yield Twin(widened, "updated", True, entry("iam.googleapis.com", "google.iam.admin.v1.UpdateRole", checks=update))
    yield Twin(widened, "through a deployment", True, deployments("iam.roles.update", GRANTED))
    yield Twin(widened, "deployment refused it", False, deployments("iam.roles.update", REFUSED))
    created = entry("iam.googleapis.com", "google.iam.admin.v1.CreateRole", checks={"iam.roles.create": GRANTED})
    yield Twin(widened, "created", False, created)

    shown = {"kind": "iam_role", "resourceName": "projects/shop-prod/roles/deployer"}
    less = {"permissionDelta": {"removedPermissions": ["storage.objects.list"]}}
    more = {"permissionDelta": {"addedPermissions": ["iam.serviceAccounts.actAs"]}}
    api, package = "iam.googleapis.com", "google.iam.admin.v1."
    for rule_id, story, expected, verb, checks, said in (
        (roles, "created, as asked", True, "CreateRole", {"iam.roles.create": GRANTED}, {"request": {"role_id": "d"}}),
        (roles, "narrowed", True, "UpdateRole", {"iam.roles.update": GRANTED}, {"serviceData": less}),
        (roles, "read", False, "GetRole", {"iam.roles.get": GRANTED}, {"log": DATA_ACCESS}),
        (roles, "an account instead", False, "CreateServiceAccount", {"iam.serviceAccounts.create": GRANTED}, {}),
        (widened, "widened", True, "UpdateRole", {"iam.roles.update": GRANTED}, {"serviceData": more}),
        (widened, "not held", False, "UpdateRole", {"iam.roles.update": None}, {"status": DENIED}),
    ):
        yield Twin(rule_id, story, expected, entry(api, package + verb, checks=checks, **shown | said))


def _of_buckets() -> Iterator[Twin]:
    """Buckets: who may read them, and whether they are still there."""
    storage = "storage.googleapis.com"
    for rule_id, story, expected, members in (
        ("GCP.GCS.Public", "everybody", True, ["allUsers"]),
        ("GCP.GCS.Public", "everybody with an account", True, ["allAuthenticatedUsers"]),
        ("GCP.GCS.Public", "everybody among others", True, ["user:bob@example.com", "allUsers"]),
        ("GCP.GCS.Public", "colleague", False, ["user:bob@example.com"]),
        ("GCP.GCS.IAMChanges", "colleague", True, ["user:bob@example.com"]),
    ):
        added = [("ADD", "roles/storage.objectViewer", member) for member in members]
        bucket = policy(*added, service=storage, method="storage.setIamPermissions", **BUCKET)
        yield Twin(rule_id, story, expected, bucket)
    yield Twin("GCP.GCS.IAMChanges", "bare", True, entry(storage, "storage.setIamPermissions", PIPELINE, **BUCKET))
    yield Twin("GCP.GCS.IAMChanges", "read", False, entry(storage, "storage.getIamPermissions", **BUCKET))
    for verb, expected in (("update", True), ("delete", True), ("get", False), ("create", False)):
        changed_bucket = entry(storage, f"storage.buckets.{verb}", PIPELINE, **BUCKET)
        yield Twin("GCP.Cloud.Storage.Buckets.Modified.Or.Deleted", verb, expected, changed_bucket)

    public, changed = "GCP.GCS.Public", "GCP.GCS.IAMChanges"
    write = {"service": storage, "method": "storage.setIamPermissions", **BUCKET}
    handed_over = [
        ("ADD", "roles/storage.objectViewer", "user:bob@example.com"),
        ("REMOVE", "roles/storage.admin", "user:bob@example.com"),
        ("ADD", "roles/storage.admin", "allAuthenticatedUsers"),
    ]
    for rule_id, story, expected, changes in (
        (public, "everybody writes", True, [("ADD", "roles/storage.objectAdmin", "allUsers")]),
        (public, "the last of three", True, handed_over),
        (public, "no longer everybody", False, [("REMOVE", "roles/storage.objectViewer", "allUsers")]),
        (public, "nothing changed", False, []),
        (changed, "taken away", True, [("REMOVE", "roles/storage.objectViewer", "user:bob@example.com")]),
        (changed, "account", True, [("ADD", "roles/storage.legacyBucketReader", f"serviceAccount:{PIPELINE}")]),
    ):
        yield Twin(rule_id, story, expected, policy(*changes, **write))
    read = entry(storage, "storage.objects.get", checks={"storage.objects.get": GRANTED}, log=DATA_ACCESS, **BUCKET)
    yield Twin(public, "object read", False, read)
    yield Twin(changed, "bucket updated", False, entry(storage, "storage.buckets.update", **BUCKET))
    modified = "GCP.Cloud.Storage.Buckets.Modified.Or.Deleted"
    kept = entry(storage, "storage.buckets.update", metadata={"updateMask": "retentionPolicy"}, status={}, **BUCKET)
    yield Twin(modified, "kept for another time", True, kept)
    yield Twin(modified, "object deleted", False, entry(storage, "storage.objects.delete", **BUCKET))


def _of_resources() -> Iterator[Twin]:
    """Services, disks, keys and what stands behind a proxy."""
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

    name = "projects/shop-prod/locations/europe-west4/services/api"
    colleague = {"policy": {"bindings": [{"role": "roles/run.invoker", "members": ["user:b@example.com"]}]}}
    for story, expected, verb, checks, more in (
        ("colleague", True, "v1.Services.SetIamPolicy", {invoked: GRANTED}, {"request": colleague}),
        ("second API", True, "v2.Services.SetIamPolicy", {invoked: GRANTED}, {"request": invoker}),
        ("request that was cut", True, "v1.Services.SetIamPolicy", {invoked: GRANTED}, {"request": "..."}),
        ("emptied", True, "v1.Services.SetIamPolicy", {invoked: GRANTED}, {"request": {"policy": {"etag": "B"}}}),
        ("at the same time", False, "v1.Services.SetIamPolicy", {invoked: GRANTED}, {"status": {"code": 10}}),
        ("read", False, "v1.Services.GetIamPolicy", {"run.services.getIamPolicy": GRANTED}, {"log": DATA_ACCESS}),
        ("created", False, "v1.Services.CreateService", {"run.services.create": GRANTED}, {}),
    ):
        call = entry("run.googleapis.com", f"google.cloud.run.{verb}", checks=checks, resourceName=name, **more)
        yield Twin(run, story, expected, call)
    for plural, verb, member, expected in (
        ("images", "setIamPolicy", "allAuthenticatedUsers", True),
        ("disks", "setIamPolicy", "serviceAccount:exfil@elsewhere.iam.gserviceaccount.com", True),
        ("snapshots", "setIamPolicy", "user:bob@example.com", True),
        ("disks", "setIamPolicy", "", True),
        ("images", "get", "", False),
        ("disks", "getIamPolicy", "", False),
        ("snapshots", "delete", "", False),
    ):
        bindings = [{"role": "roles/compute.storageAdmin", "members": [member]}] if member else []
        asked = {"policy": {"bindings": bindings, "etag": "B"}} if verb == "setIamPolicy" else {}
        call = entry("compute.googleapis.com", f"v1.compute.{plural}.{verb}", request=asked, kind=f"gce_{plural[:-1]}")
        yield Twin("GCP.Compute.IAM.Policy.Update", f"{plural} {verb} {member}", expected, call)
    for method in ("v1.compute.disks.insert", "v1.compute.snapshots.delete"):
        yield Twin(
            snapshot, f"{method} by an outsider", False, entry("compute.googleapis.com", method, "eve@gmail.com")
        )
    agent = "serviceAccount:service-1@gs-project-accounts.iam.gserviceaccount.com"
    crypto = "roles/cloudkms.cryptoKeyEncrypterDecrypter"
    for story, expected, bindings in (
        ("second member", True, [{"role": crypto, "members": [f"serviceAccount:{ACCOUNT}", agent]}]),
        ("second binding", True, [{"role": "roles/viewer", "members": []}, {"role": crypto, "members": [agent]}]),
        ("agent only looks", False, [{"role": "roles/viewer", "members": [agent]}]),
    ):
        call = entry(
            "cloudkms.googleapis.com", kms, request={"policy": {"bindings": bindings}}, kind="cloudkms_cryptokey"
        )
        yield Twin("GCP.KMS.EnableKey", story, expected, call)
    looked = entry("cloudkms.googleapis.com", "GetIamPolicy", kind="cloudkms_cryptokey", log=DATA_ACCESS)
    yield Twin("GCP.KMS.EnableKey", "read", False, looked)
    yield Twin("GCP.KMS.EnableKey", "on the project", False, policy(("ADD", crypto, agent)))


def _of_accounts() -> Iterator[Twin]:
    """Who may act as a service account, and who was asked to own a project."""
    impersonation = "GCP.Permissions.Granted.to.Create.or.Manage.Service.Account.Key"
    account = {"kind": "service_account", "labels": {"email_id": ACCOUNT, "project_id": "shop-prod"}}
    for role, expected in (
        ("serviceAccountTokenCreator", True),
        ("serviceAccountUser", True),
        ("securityReviewer", False),
    ):
        for action in ("ADD", "REMOVE"):
            change = (action, f"roles/iam.{role}", "group:devs@example.com")
            on_account = policy(
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

    of_account = {"service": "iam.googleapis.com", "method": "google.iam.admin.v1.SetIAMPolicy", **account}
    pods = ("REMOVE", "roles/iam.workloadIdentityUser", "user:bob@example.com")
    minter, user = "roles/iam.serviceAccountTokenCreator", "roles/iam.serviceAccountUser"
    other_account = f"serviceAccount:{PIPELINE}"
    for story, expected, changes in (
        ("minter, a person", True, [("ADD", minter, "user:bob@example.com")]),
        ("both roles", True, [("ADD", minter, other_account), ("ADD", user, other_account)]),
        ("one taken, one given", True, [pods, ("ADD", minter, "user:bob@example.com")]),
        ("viewer", False, [("ADD", "roles/viewer", "user:bob@example.com")]),
        ("nothing changed", False, []),
    ):
        yield Twin(impersonation, story, expected, policy(*changes, **of_account))
    read = entry("iam.googleapis.com", "google.iam.admin.v1.GetIAMPolicy", log=DATA_ACCESS, **account)
    yield Twin(impersonation, "read", False, read)
    friend = {"member": "user:eve@gmail.com", "projectId": "shop-prod"}
    answer = {"response": {"error": {"code": 403}}}
    refusal = answer | {"status": DENIED}
    stranger = {"member": "user:bob@other.example", "projectId": "shop-prod"}
    for story, expected, method, who, more in (
        ("stranger, by a pipeline", True, "InsertProjectOwnershipInvite", PIPELINE, {"request": stranger}),
        ("refused", False, "InsertProjectOwnershipInvite", PERSON, {"request": friend, **refusal}),
        ("answered with an error", False, "InsertProjectOwnershipInvite", PERSON, {"request": friend, **answer}),
        ("project deleted", False, "DeleteProject", PERSON, {"request": {"projectId": "shop-prod"}}),
    ):
        yield Twin(invited, story, expected, entry(_CRM, method, who, **more))


def _of_proxies() -> Iterator[Twin]:
    """Who is let through Identity-Aware Proxy."""
    proxy = "google.cloud.iap.v1.IdentityAwareProxyAdminService.SetIamPolicy"
    let_in = {"policy": {"bindings": [{"role": "roles/iap.httpsResourceAccessor", "members": ["user:b@example.com"]}]}}
    for story, expected, request in (("let in", True, let_in), ("emptied", False, {"policy": {"etag": "B"}})):
        through = entry("iap.googleapis.com", proxy, PIPELINE, request=request, response=request["policy"])
        yield Twin("GCP.User.Added.to.IAP.Protected.Service", story, expected, through)

    service = "google.cloud.iap.v1.IdentityAwareProxyAdminService"
    everybody = {
        "policy": {"bindings": [{"role": "roles/iap.httpsResourceAccessor", "members": ["domain:example.com"]}]}
    }
    for story, expected, method, request in (
        ("person, answered in full", True, "SetIamPolicy", let_in),
        ("whole domain", True, "SetIamPolicy", everybody),
        ("read", False, "GetIamPolicy", {}),
        ("settings", False, "UpdateIapSettings", {}),
    ):
        call = entry("iap.googleapis.com", f"{service}.{method}", request=request, kind="gce_backend_service")
        yield Twin("GCP.User.Added.to.IAP.Protected.Service", story, expected, call)


def _of_tags() -> Iterator[Twin]:
    """Tags: read to find which condition to meet, bound to meet it."""
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
    tags, bound_to = "google.cloud.resourcemanager.v3.Tag", "//cloudresourcemanager.googleapis.com/projects/shop-prod"
    asked = {"tagBinding": {"parent": bound_to, "tagValue": "tagValues/281475"}}
    for rule_id, story, expected, method, who, more in (
        ("GCP.Tag.Binding.Creation", "as asked", True, f"{tags}Bindings.CreateTagBinding", PERSON, {"request": asked}),
        ("GCP.Tag.Binding.Creation", "by a pipeline", True, f"{tags}Bindings.CreateTagBinding", PIPELINE, {}),
        ("GCP.Tag.Binding.Creation", "unbound", False, f"{tags}Bindings.DeleteTagBinding", PERSON, {}),
        ("GCP.Tag.Binding.Creation", "bindings listed", False, f"{tags}Bindings.ListTagBindings", PERSON, {}),
        ("GCP.IAM.Tag.Enumeration", "bindings listed", True, f"{tags}Bindings.ListTagBindings", PERSON, {}),
        ("GCP.IAM.Tag.Enumeration", "policy read by a pipeline", True, "GetIamPolicy", PIPELINE, {"kind": "project"}),
        ("GCP.IAM.Tag.Enumeration", "machines listed", False, "compute.instances.list", PERSON, {}),
    ):
        yield Twin(rule_id, story, expected, entry(_CRM, method, who, resourceName="projects/shop-prod", **more))
