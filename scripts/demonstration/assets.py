"""The company's resources and policies, as Cloud Asset Inventory exports them and as gcloud lists them."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from typing import Any

from demonstration.company import (
    ACCOUNTS,
    ANY_PIPELINE,
    API,
    AUTOMATION,
    BILLING,
    DATA,
    DEPLOYER,
    DISABLED,
    FIRST_GATEWAY,
    FOLDER_OF,
    FOLDERS,
    GATEWAY,
    KEYS,
    LOADER,
    MAILER,
    MAIN_BRANCH,
    NODES,
    NOTEBOOKS,
    PIPELINES,
    PROJECTS,
    REPORTS,
    SANDBOX,
    SEEN_AT,
    SERVICES,
    SHOP,
    STAGE,
    TERRAFORM,
    WORKLOADS,
    ancestors,
    as_deleted_member,
    as_member,
)
from generate.fleet import ORGANIZATION, Account, Project

Json = dict[str, Any]

RESOURCE_MANAGER = "cloudresourcemanager.googleapis.com"
TOP = [f"organizations/{ORGANIZATION}"]


def binding(role: str, *members: str, condition: Json | None = None) -> Json:
    """One binding of a policy."""
    body: Json = {"role": role, "members": sorted(members)}
    return {**body, "condition": condition} if condition else body


def asset(kind: str, name: str, chain: list[str], **content: Any) -> Json:
    """One line of an export."""
    return {"name": name, "assetType": kind, **content, "ancestors": chain, "updateTime": SEEN_AT}


def resource(kind: str, name: str, chain: list[str], parent: str, data: Json, version: str = "v1", **rest: Any) -> Json:
    """An asset of a RESOURCE export."""
    service, _, short = kind.partition("/")
    body = {
        "version": version,
        "discoveryDocumentUri": f"https://{service}/$discovery/rest?version={version}",
        "discoveryName": short,
        "parent": parent,
        "data": data,
        **rest,
    }
    return asset(kind, name, chain, resource=body)


def policy(
    kind: str, name: str, chain: list[str], bindings: list[Json], audit_configs: list[Json] | None = None
) -> Json:
    """An asset of an IAM_POLICY export."""
    etag = hashlib.sha256(f"{name}{bindings}{audit_configs}".encode()).hexdigest()[:10]
    body: Json = {"bindings": bindings, "etag": f"Bw{etag}="}
    if any("condition" in item for item in bindings):
        body["version"] = 3
    if audit_configs:
        body["auditConfigs"] = audit_configs
    return asset(kind, name, chain, iamPolicy=body)


def project_name(home: Project) -> str:
    """The full name of a project in exports: by number."""
    return f"//{RESOURCE_MANAGER}/projects/{home.number}"


def account_name(who: Account) -> str:
    """The full name of a service account in exports."""
    return f"//iam.googleapis.com/projects/{who.project.id}/serviceAccounts/{who.unique_id}"


def bucket_name(bucket: str) -> str:
    """The full name of a bucket."""
    return f"//storage.googleapis.com/{bucket}"


BUCKETS = {f"{SHOP.id}-images": SHOP, f"{SHOP.id}-exports": SHOP, f"{DATA.id}-lake": DATA}
SECRET = f"//secretmanager.googleapis.com/projects/{SHOP.number}/secrets/payments-signing-key"


def resources() -> Iterator[Json]:
    """The RESOURCE export."""
    organization = f"//{RESOURCE_MANAGER}/organizations/{ORGANIZATION}"
    data: Json = {"displayName": "example.com", "lifecycleState": "ACTIVE", "name": f"organizations/{ORGANIZATION}"}
    yield resource(f"{RESOURCE_MANAGER}/Organization", organization, TOP, "", data)
    for name, number in FOLDERS.items():
        data = {
            "displayName": name,
            "name": f"folders/{number}",
            "parent": f"organizations/{ORGANIZATION}",
            "state": "ACTIVE",
        }
        full_name = f"//{RESOURCE_MANAGER}/folders/{number}"
        yield resource(f"{RESOURCE_MANAGER}/Folder", full_name, [f"folders/{number}", *TOP], organization, data, "v3")
    for home in PROJECTS:
        folder = FOLDERS[FOLDER_OF[home]]
        data = {
            "createTime": "2023-05-04T09:12:31.402Z",
            "lifecycleState": "ACTIVE",
            "name": home.id,
            "parent": {"id": folder, "type": "folder"},
            "projectId": home.id,
            "projectNumber": home.number,
        }
        parent = f"//{RESOURCE_MANAGER}/folders/{folder}"
        yield resource(f"{RESOURCE_MANAGER}/Project", project_name(home), ancestors(home), parent, data)
    for who in ACCOUNTS:
        home = who.project
        data = {
            "displayName": who.id.replace("-", " "),
            "email": who.email,
            "name": f"projects/{home.id}/serviceAccounts/{who.email}",
            "oauth2ClientId": who.unique_id,
            "projectId": home.id,
            "uniqueId": who.unique_id,
        }
        if who in DISABLED:
            data["disabled"] = True
        yield resource(
            "iam.googleapis.com/ServiceAccount", account_name(who), ancestors(home), project_name(home), data
        )
        for key, since in KEYS.get(who, ()):
            name = f"projects/{home.id}/serviceAccounts/{who.email}/keys/{key}"
            data = {
                "keyAlgorithm": "KEY_ALG_RSA_2048",
                "keyOrigin": "GOOGLE_PROVIDED",
                "keyType": "USER_MANAGED",
                "name": name,
                "validAfterTime": since,
                "validBeforeTime": "9999-12-31T23:59:59Z",
            }
            full_name = f"{account_name(who)}/keys/{key}"
            kind = "iam.googleapis.com/ServiceAccountKey"
            yield resource(kind, full_name, ancestors(home), account_name(who), data)
    pool = f"//iam.googleapis.com/{PIPELINES}"
    data = {"name": PIPELINES, "displayName": "delivery pipelines", "state": "ACTIVE"}
    kind = "iam.googleapis.com/WorkloadIdentityPool"
    yield resource(kind, pool, ancestors(AUTOMATION), project_name(AUTOMATION), data, location="global")
    data = {
        "name": f"{PIPELINES}/providers/github",
        "displayName": "GitHub Actions",
        "state": "ACTIVE",
        "attributeMapping": {
            "google.subject": "assertion.sub",
            "attribute.repository": "assertion.repository",
        },
        "oidc": {"issuerUri": "https://token.actions.githubusercontent.com"},
    }
    kind = "iam.googleapis.com/WorkloadIdentityPoolProvider"
    yield resource(kind, f"{pool}/providers/github", ancestors(AUTOMATION), pool, data, location="global")
    for bucket, home in BUCKETS.items():
        data = {
            "iamConfiguration": {
                "publicAccessPrevention": "inherited",
                "uniformBucketLevelAccess": {"enabled": True},
            },
            "id": bucket,
            "kind": "storage#bucket",
            "location": "EUROPE-WEST1",
            "name": bucket,
            "projectNumber": home.number,
        }
        kind = "storage.googleapis.com/Bucket"
        yield resource(kind, bucket_name(bucket), ancestors(home), project_name(home), data, location="europe-west1")
    data = {
        "name": SECRET.partition(".com/")[2],
        "replication": {"automatic": {}},
        "createTime": "2025-02-03T10:00:00Z",
    }
    yield resource("secretmanager.googleapis.com/Secret", SECRET, ancestors(SHOP), project_name(SHOP), data)


READ_AND_WRITE = [
    {
        "service": "allServices",
        "auditLogConfigs": [{"logType": kind} for kind in ("ADMIN_READ", "DATA_READ", "DATA_WRITE")],
    }
]


def policies() -> Iterator[Json]:
    """The IAM_POLICY export, after the break-in."""
    yield policy(
        f"{RESOURCE_MANAGER}/Organization",
        f"//{RESOURCE_MANAGER}/organizations/{ORGANIZATION}",
        TOP,
        [
            binding("roles/resourcemanager.organizationAdmin", "group:organization-admins@example.com"),
            binding("roles/cloudasset.viewer", "group:security@example.com"),
            binding("roles/resourcemanager.organizationViewer", "domain:example.com"),
        ],
    )
    for number in FOLDERS.values():
        yield policy(
            f"{RESOURCE_MANAGER}/Folder",
            f"//{RESOURCE_MANAGER}/folders/{number}",
            [f"folders/{number}", *TOP],
            [binding("roles/resourcemanager.folderAdmin", "group:organization-admins@example.com")],
        )
    engineers = "group:engineering@example.com"
    agents = {
        home: binding(
            "roles/container.serviceAgent",
            f"serviceAccount:service-{home.number}@container-engine-robot.iam.gserviceaccount.com",
        )
        for home in NODES
    }
    nodes = {home: binding("roles/container.defaultNodeServiceAccount", as_member(who)) for home, who in NODES.items()}
    of_project = {
        SHOP: [
            binding("roles/owner", as_member(DEPLOYER)),
            binding("roles/viewer", engineers),
            binding("roles/monitoring.metricWriter", as_member(API), as_member(MAILER)),
            agents[SHOP],
            nodes[SHOP],
        ],
        DATA: [
            binding("roles/viewer", engineers),
            binding("roles/bigquery.jobUser", as_member(LOADER), as_member(BILLING)),
            agents[DATA],
            nodes[DATA],
        ],
        SANDBOX: [
            binding("roles/owner", "user:visitor@gmail.com"),
            binding("roles/iam.serviceAccountTokenCreator", engineers),
            binding("roles/editor", as_member(NOTEBOOKS)),
        ],
        AUTOMATION: [
            binding("roles/iam.workloadIdentityPoolAdmin", "group:platform@example.com"),
            binding("roles/editor", as_member(TERRAFORM)),
        ],
    }
    of_project[STAGE] = [binding("roles/viewer", engineers), agents[STAGE], nodes[STAGE]]
    for home in PROJECTS:
        bindings = of_project.get(home, [binding("roles/viewer", engineers)])
        # The intruder switched off the data access logs of the production project.
        audits = None if home == SHOP else READ_AND_WRITE
        yield policy(f"{RESOURCE_MANAGER}/Project", project_name(home), ancestors(home), bindings, audits)
    trusted: dict[Account, list[Json]] = {}
    for item in WORKLOADS:
        granted = binding("roles/iam.workloadIdentityUser", *item.members, condition=item.condition)
        trusted.setdefault(item.workload.account, []).append(granted)
    main = f"principal://iam.googleapis.com/{PIPELINES}/subject/{MAIN_BRANCH}"
    trusted[TERRAFORM] = [binding("roles/iam.workloadIdentityUser", main)]
    trusted[DEPLOYER] = [binding("roles/iam.workloadIdentityUser", ANY_PIPELINE)]
    for who, bindings in trusted.items():
        yield policy("iam.googleapis.com/ServiceAccount", account_name(who), ancestors(who.project), bindings)
    of_bucket = {
        f"{SHOP.id}-images": [binding("roles/storage.objectViewer", as_member(API))],
        f"{SHOP.id}-exports": [
            binding("roles/storage.objectViewer", "allUsers"),
            binding("roles/storage.objectAdmin", as_member(REPORTS)),
        ],
        f"{DATA.id}-lake": [binding("roles/storage.objectUser", as_member(LOADER), as_member(BILLING))],
    }
    for bucket, bindings in of_bucket.items():
        yield policy("storage.googleapis.com/Bucket", bucket_name(bucket), ancestors(BUCKETS[bucket]), bindings)
    gone = as_deleted_member(FIRST_GATEWAY)
    assert FIRST_GATEWAY.email == GATEWAY.email
    granted = [binding("roles/secretmanager.secretAccessor", gone)]
    yield policy("secretmanager.googleapis.com/Secret", SECRET, ancestors(SHOP), granted)


def service_accounts(home: Project) -> list[Json]:
    """`gcloud iam service-accounts list --format=json`."""
    return [
        {
            "displayName": who.id.replace("-", " "),
            **({"disabled": True} if who in DISABLED else {}),
            "email": who.email,
            "etag": "MDEwMjE5MjA=",
            "name": f"projects/{home.id}/serviceAccounts/{who.email}",
            "oauth2ClientId": who.unique_id,
            "projectId": home.id,
            "uniqueId": who.unique_id,
        }
        for who in ACCOUNTS
        if who.project == home
    ]


def enabled_services(home: Project) -> list[Json]:
    """`gcloud services list --enabled --format=json`."""
    return [
        {
            "config": {"name": name, "title": name.partition(".")[0]},
            "name": f"projects/{home.number}/services/{name}",
            "parent": f"projects/{home.number}",
            "state": "ENABLED",
        }
        for name in SERVICES
    ]


def sinks() -> list[Json]:
    """`gcloud logging sinks list --organization --format=json`."""
    return [
        {
            "name": "bindwatch",
            "destination": "pubsub.googleapis.com/projects/example-security/topics/audit-log-entries",
            "filter": 'log_id("cloudaudit.googleapis.com/activity") OR log_id("cloudaudit.googleapis.com/data_access")',
            "includeChildren": True,
            "exclusions": [{"name": "noise", "filter": 'protoPayload.serviceName="iamcredentials.googleapis.com"'}],
            "writerIdentity": f"serviceAccount:service-org-{ORGANIZATION}@gcp-sa-logging.iam.gserviceaccount.com",
            "createTime": "2025-01-15T09:30:00.120411Z",
            "updateTime": "2026-11-02T10:02:40.877120Z",
        }
    ]
