"""What people and automation change on purpose: the builders every story is told with, and the everyday changes."""

from __future__ import annotations

from typing import Any

from generate.fleet import ORGANIZATION, Account, Fleet, Project
from generate.scribe import (
    TERRAFORM_AGENT,
    Caller,
    Check,
    Json,
    Scribe,
    account_resource,
    audited_resource,
    organization_resource,
    person,
    service,
)

IAM = "iam.googleapis.com"
RESOURCE_MANAGER = "cloudresourcemanager.googleapis.com"
LOGGING = "logging.googleapis.com"
AUDIT_DATA = "type.googleapis.com/google.iam.v1.logging.AuditData"


def delta(action: str, role: str, member: str, condition: Json | None = None) -> Json:
    """One change of a policy."""
    change = {"action": action, "role": role, "member": member}
    return {**change, "condition": condition} if condition else change


def policy_of(deltas: list[Json], standing: list[Json], etag: str, audit_configs: list[Json] | None = None) -> Json:
    """The whole policy as it is after the change."""
    bindings = [*standing]
    for change in deltas:
        if change["action"] == "ADD":
            binding = {"role": change["role"], "members": [change["member"]]}
            bindings.append({**binding, "condition": change["condition"]} if "condition" in change else binding)
    policy: Json = {"version": 3 if any("condition" in b for b in bindings) else 1, "etag": etag, "bindings": bindings}
    return {**policy, "auditConfigs": audit_configs} if audit_configs else policy


def set_project_policy(
    scribe: Scribe,
    caller: Caller,
    project: Project,
    deltas: list[Json],
    *,
    audit_deltas: list[Json] | None = None,
    audit_configs: list[Json] | None = None,
) -> Json:
    """SetIamPolicy on a project."""
    standing = [
        {
            "role": "roles/container.serviceAgent",
            "members": [f"serviceAccount:service-{project.number}@container-engine-robot.iam.gserviceaccount.com"],
        },
        {"role": "roles/viewer", "members": ["group:engineering@example.com"]},
    ]
    policy = policy_of(deltas, standing, scribe.etag(), audit_configs)
    name = f"projects/{project.id}"
    attributes = {"service": RESOURCE_MANAGER, "name": name, "type": f"{RESOURCE_MANAGER}/Project"}
    check = Check("resourcemanager.projects.setIamPolicy", name, attributes=attributes)
    change: Json = {"bindingDeltas": deltas} if deltas else {}
    if audit_deltas:
        change["auditConfigDeltas"] = audit_deltas
    return scribe.write(
        RESOURCE_MANAGER,
        "SetIamPolicy",
        caller,
        place=project,
        status={},
        resource={"type": "project", "labels": {"project_id": project.id}},
        resource_name=name,
        checks=(check, check),
        serviceData={"@type": AUDIT_DATA, "policyDelta": change},
        request={
            "@type": "type.googleapis.com/google.iam.v1.SetIamPolicyRequest",
            "resource": project.id,
            "policy": policy,
            "updateMask": "bindings,etag,auditConfigs" if audit_deltas else "bindings,etag",
        },
        response={**policy, "@type": "type.googleapis.com/google.iam.v1.Policy", "etag": scribe.etag()},
    )


def set_account_policy(scribe: Scribe, caller: Caller, account: Account, deltas: list[Json]) -> Json:
    """SetIAMPolicy on a service account; the method name has IAM in capitals."""
    name = f"projects/-/serviceAccounts/{account.unique_id}"
    policy = policy_of(deltas, [], "ACAB")
    return scribe.write(
        IAM,
        "google.iam.admin.v1.SetIAMPolicy",
        caller,
        place=account.project,
        status={},
        resource=account_resource(account),
        resource_name=name,
        checks=(Check("iam.serviceAccounts.setIamPolicy", name, attributes={"name": name}),),
        serviceData={"@type": AUDIT_DATA, "policyDelta": {"bindingDeltas": deltas}},
        request={
            "@type": "type.googleapis.com/google.iam.v1.SetIamPolicyRequest",
            "resource": f"projects/{account.project.id}/serviceAccounts/{account.email}",
            "policy": policy,
        },
        response={**policy, "@type": "type.googleapis.com/google.iam.v1.Policy", "etag": scribe.etag()},
    )


def set_bucket_policy(scribe: Scribe, caller: Caller, project: Project, bucket: str, deltas: list[Json]) -> Json:
    """storage.setIamPermissions on a bucket."""
    name = f"projects/_/buckets/{bucket}"
    checks = (
        Check("storage.buckets.getIamPolicy", name, "ADMIN_READ"),
        Check("storage.buckets.setIamPolicy", name),
    )
    return scribe.write(
        "storage.googleapis.com",
        "storage.setIamPermissions",
        caller,
        place=project,
        status={},
        resource={
            "type": "gcs_bucket",
            "labels": {"bucket_name": bucket, "location": "europe-west1", "project_id": project.id},
        },
        resource_name=name,
        checks=checks,
        serviceData={"@type": AUDIT_DATA, "policyDelta": {"bindingDeltas": deltas}},
        resourceLocation={"currentLocations": ["europe-west1"]},
    )


def create_account(scribe: Scribe, caller: Caller, account: Account) -> Json:
    """CreateServiceAccount; the resource is the project, the address is in the response."""
    parent = f"projects/{account.project.id}"
    return scribe.write(
        IAM,
        "google.iam.admin.v1.CreateServiceAccount",
        caller,
        place=account.project,
        status={},
        resource=account_resource(account),
        resource_name=parent,
        checks=(Check("iam.serviceAccounts.create", parent),),
        request={
            "@type": "type.googleapis.com/google.iam.admin.v1.CreateServiceAccountRequest",
            "name": parent,
            "account_id": account.id,
            "service_account": {"display_name": account.id.replace("-", " ")},
        },
        response={
            "@type": "type.googleapis.com/google.iam.admin.v1.ServiceAccount",
            "name": f"{parent}/serviceAccounts/{account.email}",
            "project_id": account.project.id,
            "unique_id": account.unique_id,
            "email": account.email,
            "display_name": account.id.replace("-", " "),
            "oauth2_client_id": account.unique_id,
            "etag": "MDEwMjE5MjA=",
        },
    )


def change_account(scribe: Scribe, caller: Caller, account: Account, verb: str) -> Json:
    """Disable, Enable, Delete or Undelete a service account."""
    name = f"projects/-/serviceAccounts/{account.unique_id}"
    return scribe.write(
        IAM,
        f"google.iam.admin.v1.{verb}ServiceAccount",
        caller,
        place=account.project,
        status={},
        resource=account_resource(account),
        resource_name=name,
        checks=(Check(f"iam.serviceAccounts.{verb.lower()}", name, attributes={"name": name}),),
        request={
            "@type": f"type.googleapis.com/google.iam.admin.v1.{verb}ServiceAccountRequest",
            "name": f"projects/{account.project.id}/serviceAccounts/{account.unique_id}",
        },
        response={"@type": "type.googleapis.com/google.protobuf.Empty"},
    )


def create_key(scribe: Scribe, caller: Caller, account: Account, key: str) -> Json:
    """CreateServiceAccountKey; enums are numbers and the key never expires."""
    name = f"projects/-/serviceAccounts/{account.unique_id}"
    return scribe.write(
        IAM,
        "google.iam.admin.v1.CreateServiceAccountKey",
        caller,
        place=account.project,
        status={},
        resource=account_resource(account),
        resource_name=name,
        checks=(Check("iam.serviceAccountKeys.create", name, attributes={"name": name}),),
        request={
            "@type": "type.googleapis.com/google.iam.admin.v1.CreateServiceAccountKeyRequest",
            "name": f"projects/{account.project.id}/serviceAccounts/{account.email}",
            "private_key_type": 2,
        },
        response={
            "@type": "type.googleapis.com/google.iam.admin.v1.ServiceAccountKey",
            "name": f"projects/{account.project.id}/serviceAccounts/{account.email}/keys/{key}",
            "key_algorithm": 2,
            "key_origin": 2,
            "key_type": 1,
            "private_key_type": 2,
            "valid_after_time": {"seconds": int(scribe.now.timestamp())},
            "valid_before_time": {"seconds": 253402300799},
        },
    )


def act_as(scribe: Scribe, caller: Caller, account: Account) -> Json:
    """A service account is attached to something; the entry has no request metadata."""
    method = "iam.serviceAccounts.actAs"
    name = f"projects/-/serviceAccounts/{account.unique_id}"
    return scribe.write(
        IAM,
        method,
        Caller(email=caller.email, subject=caller.subject, ip=None),
        place=account.project,
        status={},
        resource=audited_resource(IAM, method, account.project),
        resource_name=name,
        checks=(Check(method, name),),
        request={
            "@type": "type.googleapis.com/CanActAsServiceAccountRequest",
            "name": f"projects/-/serviceAccounts/{account.email}",
            "project_number": account.project.number,
        },
        response={"@type": "type.googleapis.com/CanActAsServiceAccountResponse", "success": True},
    )


def change_sink(scribe: Scribe, caller: Caller, project: Project, name: str, verb: str, **request: Any) -> Json:
    """Create, update or delete a log sink."""
    parent = f"projects/{project.id}"
    full_name = f"{parent}/sinks/{name}"
    return scribe.write(
        LOGGING,
        f"google.logging.v2.ConfigServiceV2.{verb.capitalize()}Sink",
        caller,
        place=project,
        status={},
        resource={
            "type": "logging_sink",
            "labels": {"destination": "", "name": name, "project_id": project.id},
        },
        resource_name=full_name,
        checks=(Check(f"logging.sinks.{verb}", full_name, attributes={"service": LOGGING, "name": full_name}),),
        request={
            "@type": f"type.googleapis.com/google.logging.v2.{verb.capitalize()}SinkRequest",
            "sinkName": full_name,
            **request,
        },
    )


def change_provider(scribe: Scribe, caller: Caller, pool: str, project: Project, provider: Json, mask: str) -> Json:
    """UpdateWorkloadIdentityPoolProvider, the first half of the operation; what stood before is not logged."""
    method = "google.iam.v1.WorkloadIdentityPools.UpdateWorkloadIdentityPoolProvider"
    name = f"{pool}/providers/github"
    return scribe.write(
        IAM,
        method,
        caller,
        place=project,
        status={},
        resource=audited_resource(IAM, method, project),
        resource_name=name,
        checks=(Check("iam.workloadIdentityPoolProviders.update", name),),
        operation={
            "id": f"{name}/operations/{scribe.token(26)}",
            "producer": IAM,
            "first": True,
        },
        request={
            "@type": "type.googleapis.com/google.iam.v1.UpdateWorkloadIdentityPoolProviderRequest",
            "workloadIdentityPoolProvider": {"name": name, **provider},
            "updateMask": mask,
        },
    )


def invite_owner(scribe: Scribe, caller: Caller, project: Project, member: str) -> Json:
    """InsertProjectOwnershipInvite: an owner from outside, without SetIamPolicy."""
    name = f"projects/{project.id}"
    return scribe.write(
        RESOURCE_MANAGER,
        "InsertProjectOwnershipInvite",
        caller,
        place=project,
        status={},
        resource={"type": "project", "labels": {"project_id": project.id}},
        resource_name=name,
        checks=(Check("resourcemanager.projects.setIamPolicy", name),),
        request={
            "@type": "type.googleapis.com/google.internal.cloud.resourcemanager.InsertProjectOwnershipInviteRequest",
            "member": member,
            "projectId": project.id,
        },
        response={
            "@type": "type.googleapis.com/google.internal.cloud.resourcemanager.InsertProjectOwnershipInviteResponse"
        },
    )


def change_role(scribe: Scribe, caller: Caller, project: Project, role: str, added: list[str]) -> Json:
    """UpdateRole with what a custom role gained."""
    name = f"projects/{project.id}/roles/{role}"
    return scribe.write(
        IAM,
        "google.iam.admin.v1.UpdateRole",
        caller,
        place=project,
        status={},
        resource={"type": "iam_role", "labels": {"project_id": project.id, "role_name": name}},
        resource_name=name,
        checks=(Check("iam.roles.update", name, attributes={"name": name}),),
        serviceData={
            "@type": "type.googleapis.com/google.iam.admin.v1.AuditData",
            "permissionDelta": {"addedPermissions": added},
        },
        request={
            "@type": "type.googleapis.com/google.iam.admin.v1.UpdateRoleRequest",
            "name": name,
            "role": {"included_permissions": ["storage.objects.get", *added], "stage": 1},
        },
    )


def terraform(fleet: Fleet) -> Caller:
    """The deployer, reached by the pipeline."""
    subject = f"principal://iam.googleapis.com/{fleet.pipeline_pool}/subject/{fleet.repository}"
    return service(
        fleet.deployer, ip="198.51.100.77", agent=TERRAFORM_AGENT, delegation=({"principalSubject": subject},)
    )


def deploy_grants_reader(scribe: Scribe, fleet: Fleet) -> list[Json]:
    """Terraform lets a workload's account read its bucket."""
    workload = scribe.rng.choice(fleet.workloads)
    project = workload.cluster.project
    change = delta("ADD", "roles/storage.objectViewer", f"serviceAccount:{workload.account.email}")
    return [set_bucket_policy(scribe, terraform(fleet), project, f"{project.id}-{workload.namespace}", [change])]


def deploy_grants_metrics_writer(scribe: Scribe, fleet: Fleet) -> list[Json]:
    """Terraform lets a workload's account write metrics into its project."""
    workload = scribe.rng.choice(fleet.workloads)
    member = f"serviceAccount:{workload.account.email}"
    role = scribe.rng.choice(("roles/monitoring.metricWriter", "roles/cloudtrace.agent", "roles/logging.logWriter"))
    action = scribe.rng.choice(("ADD", "ADD", "REMOVE"))
    return [set_project_policy(scribe, terraform(fleet), workload.cluster.project, [delta(action, role, member)])]


def deploy_creates_workload(scribe: Scribe, fleet: Fleet) -> list[Json]:
    """Terraform makes an account for a workload and lets exactly that workload become it."""
    workload = scribe.rng.choice(fleet.workloads)
    account = Account(
        f"{workload.account.id[:20]}-{scribe.token(5)}",
        workload.cluster.project,
        f"1{scribe.rng.randrange(10**19, 10**20)}",
    )
    caller = terraform(fleet)
    first = create_account(scribe, caller, account)
    scribe.pass_time()
    change = delta("ADD", "roles/iam.workloadIdentityUser", workload.legacy_member)
    return [first, set_account_policy(scribe, caller, account, [change])]


def deploy_updates_service(scribe: Scribe, fleet: Fleet) -> list[Json]:
    """Terraform rolls out a Cloud Run service: actAs, then the service."""
    workload = scribe.rng.choice(fleet.workloads)
    project = workload.cluster.project
    caller = terraform(fleet)
    name = f"namespaces/{project.id}/services/{workload.name}"
    spec = {
        "serviceAccountName": workload.account.email,
        "containers": [
            {
                "image": f"europe-docker.pkg.dev/{project.id}/apps/{workload.name}@sha256:{scribe.token(64)}",
                "resources": {"limits": {"cpu": "1000m", "memory": "512Mi"}},
            }
        ],
    }
    replaced = scribe.write(
        "run.googleapis.com",
        "google.cloud.run.v1.Services.ReplaceService",
        caller,
        place=project,
        resource={
            "type": "cloud_run_revision",
            "labels": {
                "configuration_name": "",
                "location": "europe-west1",
                "project_id": project.id,
                "revision_name": "",
                "service_name": workload.name,
            },
        },
        resource_name=name,
        checks=(Check("run.services.update", name),),
        request={
            "@type": "type.googleapis.com/google.cloud.run.v1.ReplaceServiceRequest",
            "name": name,
            "service": {
                "apiVersion": "serving.knative.dev/v1",
                "kind": "Service",
                "spec": {"template": {"spec": spec}},
            },
        },
    )
    return [act_as(scribe, caller, workload.account), replaced]


def person_creates_bucket(scribe: Scribe, fleet: Fleet) -> list[Json]:
    """An engineer makes a bucket; its default bindings are logged as a delta."""
    project = scribe.rng.choice(fleet.projects)
    bucket = f"{project.id}-{scribe.token(6)}"
    name = f"projects/_/buckets/{bucket}"
    defaults = [
        delta("ADD", "roles/storage.legacyBucketOwner", f"projectOwner:{project.id}"),
        delta("ADD", "roles/storage.legacyBucketOwner", f"projectEditor:{project.id}"),
        delta("ADD", "roles/storage.legacyBucketReader", f"projectViewer:{project.id}"),
    ]
    caller = person(scribe.rng.choice(fleet.people), agent=scribe.gcloud("storage.buckets.create"))
    return [
        scribe.write(
            "storage.googleapis.com",
            "storage.buckets.create",
            caller,
            place=project,
            status={},
            resource={
                "type": "gcs_bucket",
                "labels": {"bucket_name": bucket, "location": "europe-west1", "project_id": project.id},
            },
            resource_name=name,
            checks=(Check("storage.buckets.create", name),),
            serviceData={"@type": AUDIT_DATA, "policyDelta": {"bindingDeltas": defaults}},
            request={"defaultObjectAcl": {"bindings": [], "@type": "type.googleapis.com/google.iam.v1.Policy"}},
            resourceLocation={"currentLocations": ["europe-west1"]},
        )
    ]


def person_edits_alert(scribe: Scribe, fleet: Fleet) -> list[Json]:
    """An engineer changes an alert policy of Cloud Monitoring."""
    project = scribe.rng.choice(fleet.projects)
    name = f"projects/{project.id}/alertPolicies/{scribe.rng.randrange(10**18)}"
    method = "google.monitoring.v3.AlertPolicyService.UpdateAlertPolicy"
    return [
        scribe.write(
            "monitoring.googleapis.com",
            method,
            person(scribe.rng.choice(fleet.people)),
            place=project,
            resource=audited_resource("monitoring.googleapis.com", method, project),
            resource_name=name,
            checks=(Check("monitoring.alertPolicies.update", f"projects/{project.number}"),),
            request={
                "@type": "type.googleapis.com/google.monitoring.v3.UpdateAlertPolicyRequest",
                "alertPolicy": {"name": name, "displayName": "errors above 1 %", "enabled": True},
            },
        )
    ]


def dns_changes(scribe: Scribe, fleet: Fleet) -> list[Json]:
    """external-dns writes a record."""
    workload = scribe.rng.choice(fleet.workloads)
    project = workload.cluster.project
    return [
        scribe.write(
            "dns.googleapis.com",
            "dns.changes.create",
            service(workload.account, agent="google-api-go-client/0.5 external-dns/v0.18.0,gzip(gfe)"),
            place=project,
            status={},
            resource={
                "type": "dns_managed_zone",
                "labels": {"location": "global", "project_id": project.id, "zone_name": "internal"},
            },
            resource_name=f"managedZones/internal/changes/{scribe.rng.randrange(10**4)}",
            checks=(
                Check("dns.changes.create", "managedZones/internal"),
                Check("dns.resourceRecordSets.update", f"managedZones/internal/rrsets/{workload.name}"),
            ),
            request={
                "@type": "type.googleapis.com/cloud.dns.api.ChangesCreateRequest",
                "managedZone": "internal",
                "project": project.id,
                "change": {"additions": [{"name": f"{workload.name}.internal.example.com.", "type": "A", "ttl": 300}]},
            },
        )
    ]


def terraform_reads_policy(scribe: Scribe, fleet: Fleet) -> list[Json]:
    """Terraform refreshes its state: a policy is read."""
    project = scribe.rng.choice(fleet.projects)
    name = f"projects/{project.id}"
    return [
        scribe.write(
            RESOURCE_MANAGER,
            "GetIamPolicy",
            terraform(fleet),
            place=project,
            log="data_access",
            status={},
            resource={"type": "project", "labels": {"project_id": project.id}},
            resource_name=name,
            checks=(
                Check(
                    "resourcemanager.projects.getIamPolicy",
                    name,
                    "ADMIN_READ",
                    attributes={"service": RESOURCE_MANAGER, "name": name, "type": f"{RESOURCE_MANAGER}/Project"},
                ),
            ),
            request={
                "@type": "type.googleapis.com/google.iam.v1.GetIamPolicyRequest",
                "resource": project.id,
                "options": {"requestedPolicyVersion": 3},
            },
        )
    ]


def security_reads_organization(scribe: Scribe, fleet: Fleet) -> list[Json]:
    """The security team lists what the organization holds."""
    return [
        scribe.write(
            RESOURCE_MANAGER,
            "GetIamPolicy",
            person(fleet.people[0], agent=scribe.gcloud("organizations.get-iam-policy")),
            place=f"organizations/{ORGANIZATION}",
            log="data_access",
            status={},
            resource=organization_resource(),
            resource_name=f"organizations/{ORGANIZATION}",
            checks=(
                Check("resourcemanager.organizations.getIamPolicy", f"organizations/{ORGANIZATION}", "ADMIN_READ"),
            ),
            request={
                "@type": "type.googleapis.com/google.iam.v1.GetIamPolicyRequest",
                "resource": f"organizations/{ORGANIZATION}",
            },
        )
    ]
