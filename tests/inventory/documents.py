"""Documents of a fictional company, in the shapes Google's tools print them."""

from typing import Any

NUMBER = "100200300400"
PROJECT = "shop-prod"
CI = "ci@shop-prod.iam.gserviceaccount.com"
CI_ID = "104000000000000000001"
CLUSTER = "//container.googleapis.com/projects/shop-prod/locations/europe-west4/clusters/main"
ANCESTORS = [f"projects/{NUMBER}", "folders/700", "organizations/42"]
POOL = "shop-prod.svc.id.goog"

PROJECT_V1: dict[str, Any] = {
    "projectNumber": NUMBER,
    "projectId": PROJECT,
    "lifecycleState": "ACTIVE",
    "name": "Shop",
    "createTime": "2024-03-01T08:00:00.000Z",
    "parent": {"type": "folder", "id": "700"},
    "labels": {"team": "shop"},
}
PROJECT_V3: dict[str, Any] = {
    "name": f"projects/{NUMBER}",
    "parent": "folders/700",
    "projectId": PROJECT,
    "state": "ACTIVE",
    "displayName": "Shop",
}
POLICY: dict[str, Any] = {
    "version": 3,
    "etag": "BwYAAAAAAAA=",
    "bindings": [
        {"role": "roles/owner", "members": ["user:ada@example.com", "group:admins@example.com"]},
        {
            "role": "roles/storage.admin",
            "members": [f"serviceAccount:{CI}"],
            "condition": {"title": "until", "expression": 'request.time < timestamp("2027-01-01T00:00:00Z")'},
        },
    ],
    "auditConfigs": [
        {
            "service": "iam.googleapis.com",
            "auditLogConfigs": [
                {"logType": "ADMIN_READ", "exemptedMembers": ["user:ada@example.com"]},
                {"logType": "DATA_READ"},
            ],
        }
    ],
}
ACCOUNT: dict[str, Any] = {
    "name": f"projects/shop-prod/serviceAccounts/{CI}",
    "projectId": PROJECT,
    "uniqueId": CI_ID,
    "email": CI,
    "displayName": "Build",
    "etag": "MDEwMjE5MjA=",
    "oauth2ClientId": CI_ID,
    "disabled": True,
}
KEY: dict[str, Any] = {
    "name": f"projects/shop-prod/serviceAccounts/{CI}/keys/0a1b2c3d",
    "validAfterTime": "2025-01-01T00:00:00Z",
    "validBeforeTime": "9999-12-31T23:59:59Z",
    "keyAlgorithm": "KEY_ALG_RSA_2048",
    "keyOrigin": "GOOGLE_PROVIDED",
    "keyType": "USER_MANAGED",
}
ROLE: dict[str, Any] = {
    "name": "projects/shop-prod/roles/deployer",
    "title": "Deployer",
    "includedPermissions": ["run.services.create", "iam.serviceAccounts.actAs"],
    "stage": "GA",
    "etag": "BwY=",
}
WORKLOAD_POOL: dict[str, Any] = {
    "name": f"projects/{NUMBER}/locations/global/workloadIdentityPools/github",
    "displayName": "GitHub",
    "state": "ACTIVE",
}
PROVIDER: dict[str, Any] = {
    "name": f"projects/{NUMBER}/locations/global/workloadIdentityPools/github/providers/actions",
    "state": "ACTIVE",
    "oidc": {"issuerUri": "https://token.actions.githubusercontent.com", "allowedAudiences": ["aud"]},
    "attributeMapping": {"google.subject": "assertion.sub", "attribute.repository": "assertion.repository"},
    "attributeCondition": "assertion.repository_owner == 'example'",
}
GKE: dict[str, Any] = {
    "name": "main",
    "location": "europe-west4",
    "locations": ["europe-west4-a"],
    "currentMasterVersion": "1.33.1-gke.100",
    "endpoint": "192.0.2.10",
    "selfLink": "https://container.googleapis.com/v1/projects/shop-prod/locations/europe-west4/clusters/main",
    "status": "RUNNING",
    "workloadIdentityConfig": {"workloadPool": POOL},
    "masterAuth": {"clientCertificateConfig": {}},
    "legacyAbac": {"enabled": True},
    "network": "default",
    "networkConfig": {
        "network": "projects/shop-prod/global/networks/default",
        "subnetwork": "projects/shop-prod/regions/europe-west4/subnetworks/nodes",
        "datapathProvider": "ADVANCED_DATAPATH",
    },
    "releaseChannel": {"channel": "REGULAR"},
    "resourceLabels": {"env": "prod"},
    "fleet": {
        "project": NUMBER,
        "membership": "//gkehub.googleapis.com/projects/100200300400/locations/global/memberships/main",
    },
    "nodePools": [
        {
            "name": "web",
            "config": {
                "serviceAccount": "default",
                "oauthScopes": ["https://www.googleapis.com/auth/cloud-platform"],
                "metadata": {"disable-legacy-endpoints": "true"},
                "workloadMetadataConfig": {"mode": "GKE_METADATA"},
                "labels": {"tier": "web"},
                "tags": ["node"],
            },
            "autoscaling": {"enabled": True},
            "version": "1.33.1-gke.100",
            "status": "RUNNING",
        },
        {
            "name": "old",
            "config": {"workloadMetadataConfig": {"nodeMetadata": "EXPOSE"}, "serviceAccount": CI},
        },
    ],
}
MEMBERSHIP: dict[str, Any] = {
    "name": f"projects/{NUMBER}/locations/global/memberships/main",
    "endpoint": {"gkeCluster": {"resourceLink": CLUSTER}},
    "authority": {
        "issuer": "https://container.googleapis.com/v1/projects/shop-prod/locations/europe-west4/clusters/main",
        "workloadIdentityPool": "fleet-host.svc.id.goog",
        "identityProvider": "https://gkehub.googleapis.com/projects/fleet-host/locations/global/memberships/main",
    },
    "state": {"code": "READY"},
}
SERVICE: dict[str, Any] = {
    "name": f"projects/{NUMBER}/services/iamcredentials.googleapis.com",
    "config": {"name": "iamcredentials.googleapis.com", "title": "IAM Service Account Credentials API"},
    "state": "ENABLED",
    "parent": f"projects/{NUMBER}",
}
DENY: dict[str, Any] = {
    "name": f"policies/cloudresourcemanager.googleapis.com%2Fprojects%2F{NUMBER}/denypolicies/no-keys",
    "displayName": "No keys",
    "kind": "DenyPolicy",
    "rules": [
        {
            "denyRule": {
                "deniedPrincipals": ["principalSet://goog/public:all"],
                "exceptionPrincipals": ["principal://goog/subject/ada@example.com"],
                "deniedPermissions": ["iam.googleapis.com/serviceAccountKeys.create"],
                "denialCondition": {"expression": "resource.matchTag('42/env', 'prod')"},
            }
        }
    ],
}
BOUNDARY: dict[str, Any] = {
    "name": "organizations/42/locations/global/principalAccessBoundaryPolicies/inside",
    "displayName": "Inside",
    "details": {
        "rules": [{"resources": ["//cloudresourcemanager.googleapis.com/organizations/42"], "effect": "ALLOW"}],
        "enforcementVersion": "4",
    },
}
BOUNDARY_BINDING: dict[str, Any] = {
    "name": "organizations/42/locations/global/policyBindings/b1",
    "target": {"principalSet": f"//iam.googleapis.com/projects/{NUMBER}/locations/global/workloadIdentityPools/github"},
    "policyKind": "PRINCIPAL_ACCESS_BOUNDARY",
    "policy": "organizations/42/locations/global/principalAccessBoundaryPolicies/inside",
}
ORG_POLICY_V2: dict[str, Any] = {
    "name": f"projects/{NUMBER}/policies/iam.disableServiceAccountKeyCreation",
    "spec": {
        "rules": [
            {"enforce": True},
            {"enforce": False, "condition": {"expression": "resource.matchTag('42/keys', 'yes')"}},
        ]
    },
    "dryRunSpec": {"rules": [{"enforce": False}]},
}
ORG_POLICY_V1: dict[str, Any] = {
    "constraint": "constraints/iam.allowedPolicyMemberDomains",
    "listPolicy": {"allowedValues": ["C0example"], "inheritFromParent": True},
    "etag": "x",
}
SINK: dict[str, Any] = {
    "name": "all",
    "resourceName": "organizations/42/sinks/all",
    "destination": "pubsub.googleapis.com/projects/shop-prod/topics/audit",
    "filter": 'log_id("cloudaudit.googleapis.com/activity")',
    "includeChildren": True,
    "writerIdentity": "serviceAccount:service-org-42@gcp-sa-logging.iam.gserviceaccount.com",
    "exclusions": [{"name": "noise", "filter": "severity<NOTICE"}],
}
API_KEY: dict[str, Any] = {
    "name": f"projects/{NUMBER}/locations/global/keys/5f0d",
    "uid": "5f0d",
    "displayName": "maps",
    "createTime": "2025-01-01T00:00:00Z",
    "restrictions": {
        "apiTargets": [{"service": "maps.googleapis.com"}],
        "browserKeyRestrictions": {"allowedReferrers": ["https://example.com/*"]},
    },
}


def asset(name: str, asset_type: str, data: dict[str, Any] | None = None, **more: Any) -> dict[str, Any]:
    """An asset of an export, in camel case."""
    found: dict[str, Any] = {"name": name, "assetType": asset_type, "ancestors": ANCESTORS, **more}
    if data is not None:
        found["resource"] = {
            "version": "v1",
            "discoveryName": asset_type.rpartition("/")[2],
            "parent": f"//cloudresourcemanager.googleapis.com/projects/{NUMBER}",
            "data": data,
        }
    return found


def pod(**spec: Any) -> dict[str, Any]:
    """A pod of the shop, with whatever its spec should say."""
    return {
        "apiVersion": "v1",
        "kind": "Pod",
        "metadata": {
            "name": "cart-5d9",
            "namespace": "shop",
            "uid": "u-1",
            "labels": {"app": "cart"},
            "ownerReferences": [{"kind": "ReplicaSet", "name": "cart-5d"}],
            "annotations": {"kubectl.kubernetes.io/last-applied-configuration": "{secret: yes}"},
        },
        "spec": {"serviceAccountName": "cart", "containers": [{"name": "main", "image": "cart:1"}], **spec},
        "status": {
            "phase": "Running",
            "startTime": "2026-01-01T00:00:00Z",
            "containerStatuses": [{"restartCount": 3, "state": {"waiting": {"reason": "CrashLoopBackOff"}}}],
        },
    }


KSA: dict[str, Any] = {
    "apiVersion": "v1",
    "kind": "ServiceAccount",
    "metadata": {
        "name": "cart",
        "namespace": "shop",
        "uid": "k-1",
        "creationTimestamp": "2025-06-01T00:00:00Z",
        "annotations": {"iam.gke.io/gcp-service-account": f" {CI} ", "note": "hello"},
    },
}


def snake(value: Any) -> Any:
    """The same document with the keys of messages in snake case, as some exports write them."""
    if isinstance(value, list):
        return [snake(item) for item in value]
    if isinstance(value, dict):
        return {_snake(key): snake(item) for key, item in value.items()}
    return value


def _snake(key: str) -> str:
    return "".join(f"_{char.lower()}" if char.isupper() else char for char in key) if key.isalpha() else key
