"""A small company whose one workload works, as the files a collector and a log sink would have left of it.

A broken twin is this world with one fact changed. Names are of no real company.
"""

from __future__ import annotations

import copy
import json
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any

from bindwatch.diagnosis.case import Case, Inputs
from bindwatch.diagnosis.select import Question, cases
from bindwatch.diagnosis.traces import TraceBuilder
from bindwatch.inventory import InventoryBuilder, Origin, hint_from_path, read_inventory_document
from bindwatch.knowledge.roles import RoleCatalogue
from bindwatch.model.log_entry import decode

NOW = datetime(2026, 11, 20, 12, 0, tzinfo=UTC)
PROJECT, NUMBER = "shop-prod", "111111111111"
OTHER, OTHER_NUMBER = "lab-prod", "222222222222"
FLEET, FLEET_NUMBER = "fleet-host", "333333333333"
POOL = f"{PROJECT}.svc.id.goog"
NS, KSA = "checkout", "cart"
GSA = f"cart@{PROJECT}.iam.gserviceaccount.com"
UID = "100000000000000000001"
BUCKET = "shop-carts"
LOCATION = "europe-west1"
CLUSTER = f"//container.googleapis.com/projects/{PROJECT}/locations/{LOCATION}/clusters/main"
NETWORK = f"projects/{PROJECT}/global/networks/vpc"
SUBNET = f"projects/{PROJECT}/regions/{LOCATION}/subnetworks/nodes"
MEMBER = f"serviceAccount:{POOL}[{NS}/{KSA}]"
POOLS = f"principal://iam.googleapis.com/projects/{NUMBER}/locations/global/workloadIdentityPools"
DIRECT = f"{POOLS}/{POOL}/subject/ns/{NS}/sa/{KSA}"
FLEET_POOL = f"{FLEET}.svc.id.goog"
FLEET_MEMBER = f"serviceAccount:{FLEET_POOL}[{NS}/{KSA}]"
USER = "roles/iam.workloadIdentityUser"

ROLES = {
    USER: ["iam.serviceAccounts.get", "iam.serviceAccounts.getAccessToken", "iam.serviceAccounts.getOpenIdToken"],
    "roles/iam.serviceAccountTokenCreator": [
        "iam.serviceAccounts.getAccessToken",
        "iam.serviceAccounts.implicitDelegation",
        "iam.serviceAccounts.signBlob",
        "iam.serviceAccounts.signJwt",
    ],
    "roles/iam.serviceAccountUser": ["iam.serviceAccounts.actAs", "iam.serviceAccounts.get"],
    "roles/storage.objectViewer": ["storage.objects.get", "storage.objects.list"],
    "roles/storage.objectAdmin": ["storage.objects.create", "storage.objects.delete", "storage.objects.get"],
    "roles/viewer": ["resourcemanager.projects.get"],
}
CATALOGUE = RoleCatalogue.of(ROLES, source="tests", as_of="2026-11-01")

SCOPES_ALL = ["https://www.googleapis.com/auth/cloud-platform"]
SCOPES_NARROW = [
    "https://www.googleapis.com/auth/devstorage.read_only",
    "https://www.googleapis.com/auth/logging.write",
]


def at(minutes: float = 60) -> str:
    """A timestamp so many minutes ago."""
    return (NOW - timedelta(minutes=minutes)).isoformat().replace("+00:00", "Z")


@dataclass
class World:
    """Files by path, log entries, and the clock. Everything in it may be changed."""

    files: dict[str, Any] = field(default_factory=dict)
    logs: list[dict[str, Any]] = field(default_factory=list)
    now: datetime = NOW
    style: str = "impersonation"
    location: str = LOCATION
    question: Question = field(default_factory=lambda: Question(namespace=NS, subject=KSA, cluster="main"))

    def __getitem__(self, path: str) -> Any:
        return self.files[path]

    def __setitem__(self, path: str, value: Any) -> None:
        self.files[path] = value

    def __delitem__(self, path: str) -> None:
        del self.files[path]

    def twin(self, *changes: Callable[[World], None]) -> World:
        """A copy with some facts changed."""
        other = copy.deepcopy(self)
        for change in changes:
            change(other)
        return other

    def inputs(self) -> Inputs:
        """What a diagnosis gets of it."""
        builder = InventoryBuilder()
        for path, value in self.files.items():
            read_inventory_document(value, builder, origin=Origin(path, 1), hint=hint_from_path(path))
        traces = TraceBuilder()
        for number, entry in enumerate(self.logs):
            entry = {"insertId": f"e{number}", **entry}
            if "protoPayload" in entry:
                traces.add(decode(json.dumps(entry)))
            else:
                traces.add_other(entry)
        return Inputs(inventory=builder.build(), traces=traces.build(), catalogue=CATALOGUE, as_of=self.now)

    def case(self, inputs: Inputs | None = None) -> Case:
        """The workload under diagnosis."""
        (case,) = cases(inputs or self.inputs(), self.question)
        return case

    # What tests change most

    @property
    def cluster(self) -> dict[str, Any]:
        return self[f"projects/{PROJECT}/clusters.json"][0]

    @property
    def account(self) -> dict[str, Any]:
        return self.kubernetes("serviceaccounts")[0]

    @property
    def deployment(self) -> dict[str, Any]:
        return self.kubernetes("deployments")[0]

    @property
    def pods(self) -> list[dict[str, Any]]:
        return self.kubernetes("pods")

    @property
    def specs(self) -> list[dict[str, Any]]:
        return [
            self.deployment["spec"]["template"]["spec"],
            *(pod["spec"] for pod in self.pods if pod["metadata"]["namespace"] == NS),
        ]

    def kubernetes(self, kind: str) -> list[dict[str, Any]]:
        items: list[dict[str, Any]] = self[f"clusters/{PROJECT}_{self.location}_main/{kind}.json"]["items"]
        return items

    def policy(self, where: str) -> list[dict[str, Any]]:
        """The bindings of `gsa`, `bucket` or `project`."""
        bindings: list[dict[str, Any]] = self[POLICY_PATHS[where]]["bindings"]
        return bindings

    @property
    def grant(self) -> dict[str, Any]:
        """The one binding that lets the workload in: on its account, or on the bucket where it is direct."""
        return self.policy("gsa" if self.style != "direct" else "bucket")[0]

    @property
    def member(self) -> str:
        return FLEET_MEMBER if self.style == "fleet" else MEMBER if self.style == "impersonation" else DIRECT

    @property
    def pool(self) -> str:
        return FLEET_POOL if self.style == "fleet" else POOL


POLICY_PATHS = {
    "gsa": f"projects/{PROJECT}/service-accounts/{GSA}/iam-policy.json",
    "bucket": f"resources/%2F%2Fstorage.googleapis.com%2F{BUCKET}/iam-policy.json",
    "project": f"projects/{PROJECT}/iam-policy.json",
}


def listing(kind: str, *items: dict[str, Any]) -> dict[str, Any]:
    """What `kubectl get -A -o json` prints."""
    api = {"Deployment": "apps/v1", "NetworkPolicy": "networking.k8s.io/v1"}.get(kind, "v1")
    return {
        "apiVersion": "v1",
        "kind": "List",
        "items": [{"apiVersion": api, "kind": kind, **item} for item in items],
    }


def ksa(namespace: str, name: str, uid: str = "", annotations: dict[str, str] | None = None) -> dict[str, Any]:
    uid = uid or f"uid-{namespace}-{name}"
    return {"metadata": {"namespace": namespace, "name": name, "uid": uid, "annotations": annotations or {}}}


def pod_spec(style: str) -> dict[str, Any]:
    container: dict[str, Any] = {"name": "app", "image": "example.com/cart:1"}
    spec: dict[str, Any] = {"serviceAccountName": KSA, "containers": [container]}
    if style == "fleet":
        path = "/var/run/secrets/tokens/gcp-ksa"
        value = f"{path}/google-application-credentials.json"
        container["env"] = [{"name": "GOOGLE_APPLICATION_CREDENTIALS", "value": value}]
        container["volumeMounts"] = [{"name": "gcp-ksa", "mountPath": path}]
        token = {"serviceAccountToken": {"path": "token", "audience": FLEET_POOL, "expirationSeconds": 172800}}
        config = {"configMap": {"name": "fleet-credentials"}}
        spec["volumes"] = [{"name": "gcp-ksa", "projected": {"sources": [token, config]}}]
    return spec


def pod(name: str, spec: dict[str, Any], node: str) -> dict[str, Any]:
    owner = {"kind": "ReplicaSet", "name": name.rpartition("-")[0]}
    return {
        "metadata": {"namespace": NS, "name": name, "labels": {"app": "cart"}, "ownerReferences": [owner]},
        "spec": {**copy.deepcopy(spec), "nodeName": node},
        "status": {"phase": "Running", "startTime": at(120)},
    }


def node(name: str, pool: str) -> dict[str, Any]:
    return {"metadata": {"name": name, "labels": {"cloud.google.com/gke-nodepool": pool}}}


def node_pool(name: str, mode: str = "GKE_METADATA") -> dict[str, Any]:
    config = {"workloadMetadataConfig": {"mode": mode}, "oauthScopes": SCOPES_ALL, "tags": ["gke-main"]}
    return {"name": name, "config": config}


def gke_cluster(name: str, **more: Any) -> dict[str, Any]:
    self_link = f"https://container.googleapis.com/v1/projects/{PROJECT}/locations/{LOCATION}/clusters/{name}"
    return {
        "name": name,
        "location": LOCATION,
        "selfLink": self_link,
        "workloadIdentityConfig": {"workloadPool": POOL},
        "networkConfig": {
            "network": NETWORK,
            "subnetwork": SUBNET,
            "datapathProvider": "LEGACY_DATAPATH",
        },
        "privateClusterConfig": {"enablePrivateNodes": True},
        "networkPolicy": {"enabled": True},
        "nodePools": [node_pool("apps")],
        **more,
    }


def healthy(style: str = "impersonation") -> World:
    """A world in which the workload works in the given style."""
    world = World(style=style)
    cluster_dir = f"clusters/{PROJECT}_{LOCATION}_main"
    annotations = {"iam.gke.io/gcp-service-account": GSA} if style == "impersonation" else {}
    spec = pod_spec(style)
    member = world.member
    for project, number in ((PROJECT, NUMBER), (OTHER, OTHER_NUMBER), (FLEET, FLEET_NUMBER)):
        world[f"projects/{project}/project.json"] = {
            "projectId": project,
            "projectNumber": number,
            "lifecycleState": "ACTIVE",
            "parent": {"type": "organization", "id": "900000000000"},
        }
        world[f"projects/{project}/service-accounts.json"] = []
        world[f"projects/{project}/services.json"] = [
            {"name": f"projects/{number}/services/{name}.googleapis.com", "state": "ENABLED"}
            for name in ("iam", "iamcredentials", "sts", "storage", "container")
        ]
        world[f"projects/{project}/deny-policies.json"] = []
        world[f"projects/{project}/org-policies.json"] = []
        world[f"projects/{project}/iam-policy.json"] = {"bindings": [], "etag": "AA=="}
    world["organizations/900000000000/iam-policy.json"] = {"bindings": [], "etag": "AA=="}
    world["organizations/900000000000/deny-policies.json"] = []
    world["organizations/900000000000/org-policies.json"] = []
    world["organizations/900000000000/boundaries.json"] = []
    world["organizations/900000000000/boundary-bindings.json"] = []
    world[f"projects/{PROJECT}/clusters.json"] = [gke_cluster("main")]
    world[f"projects/{PROJECT}/subnetworks.json"] = [
        {
            "kind": "compute#subnetwork",
            "selfLink": f"https://www.googleapis.com/compute/v1/{SUBNET}",
            "name": "nodes",
            "network": f"https://www.googleapis.com/compute/v1/{NETWORK}",
            "ipCidrRange": "192.0.2.0/24",
            "privateIpGoogleAccess": True,
        }
    ]
    world[f"projects/{PROJECT}/routes.json"] = [route("default-internet", "0.0.0.0/0")]
    world[f"projects/{PROJECT}/firewalls.json"] = []
    world[f"projects/{PROJECT}/routers.json"] = []
    world[f"{cluster_dir}/serviceaccounts.json"] = listing(
        "ServiceAccount", ksa(NS, KSA, annotations=annotations), ksa(NS, "default"), ksa("kube-system", "default")
    )
    deployment = {
        "metadata": {"namespace": NS, "name": "cart", "labels": {"app": "cart"}},
        "spec": {"replicas": 2, "template": {"metadata": {"labels": {"app": "cart"}}, "spec": spec}},
    }
    world[f"{cluster_dir}/deployments.json"] = listing("Deployment", deployment)
    world[f"{cluster_dir}/pods.json"] = listing(
        "Pod",
        pod("cart-5d9-aa", spec, "gke-main-apps-1"),
        pod("cart-5d9-bb", spec, "gke-main-apps-2"),
        {"metadata": {"namespace": "kube-system", "name": "dns"}, "spec": {"nodeName": "gke-main-apps-1"}},
    )
    world[f"{cluster_dir}/nodes.json"] = listing(
        "Node", node("gke-main-apps-1", "apps"), node("gke-main-apps-2", "apps")
    )
    world[f"{cluster_dir}/networkpolicies.json"] = listing("NetworkPolicy")
    world[f"{cluster_dir}/namespaces.json"] = listing("Namespace", {"metadata": {"name": NS}})
    if style != "direct":
        world[f"projects/{PROJECT}/service-accounts.json"] = [
            {
                "name": f"projects/{PROJECT}/serviceAccounts/{GSA}",
                "email": GSA,
                "uniqueId": UID,
                "projectId": PROJECT,
            }
        ]
        world[POLICY_PATHS["gsa"]] = {"bindings": [{"role": USER, "members": [member]}], "etag": "BB=="}
        holder = f"serviceAccount:{GSA}"
    else:
        holder = DIRECT
    world[POLICY_PATHS["bucket"]] = {
        "bindings": [{"role": "roles/storage.objectViewer", "members": [holder]}],
        "etag": "CC==",
    }
    world[f"projects/{PROJECT}/buckets.json"] = [
        {"name": BUCKET, "id": BUCKET, "kind": "storage#bucket", "projectNumber": NUMBER, "location": "EU"}
    ]
    if style == "fleet":
        world[f"projects/{FLEET}/memberships.json"] = [
            {
                "name": f"projects/{FLEET}/locations/global/memberships/main",
                "endpoint": {"gkeCluster": {"resourceLink": CLUSTER}},
                "authority": {
                    "issuer": f"https://container.googleapis.com/v1/{CLUSTER.partition('.com/')[2]}",
                    "workloadIdentityPool": FLEET_POOL,
                    "identityProvider": f"https://gkehub.googleapis.com/projects/{FLEET}/memberships/main",
                },
                "state": {"code": "READY"},
            }
        ]
    return world


def route(name: str, destination: str) -> dict[str, Any]:
    return {
        "kind": "compute#route",
        "selfLink": f"https://www.googleapis.com/compute/v1/projects/{PROJECT}/global/routes/{name}",
        "name": name,
        "network": f"https://www.googleapis.com/compute/v1/{NETWORK}",
        "destRange": destination,
        "nextHopGateway": f"projects/{PROJECT}/global/gateways/default-internet-gateway",
        "priority": 1000,
    }


def egress_rule(name: str, priority: int = 900) -> dict[str, Any]:
    return {
        "kind": "compute#firewall",
        "selfLink": f"https://www.googleapis.com/compute/v1/projects/{PROJECT}/global/firewalls/{name}",
        "name": name,
        "network": f"https://www.googleapis.com/compute/v1/{NETWORK}",
        "direction": "EGRESS",
        "priority": priority,
        "denied": [{"IPProtocol": "all"}],
        "destinationRanges": ["0.0.0.0/0"],
    }


# ---- log entries ---------------------------------------------------------------------------------


def audit(service: str, method: str, log: str = "activity", minutes: float = 60, **payload: Any) -> dict[str, Any]:
    """An audit log entry; `payload` are fields of protoPayload, and `resource` the monitored resource."""
    resource = payload.pop("resource", {"type": "project", "labels": {"project_id": PROJECT}})
    return {
        "logName": f"projects/{PROJECT}/logs/cloudaudit.googleapis.com%2F{log}",
        "timestamp": at(minutes),
        "resource": resource,
        "protoPayload": {
            "@type": "type.googleapis.com/google.cloud.audit.AuditLog",
            "serviceName": service,
            "methodName": method,
            **payload,
        },
    }


def on_account(email: str = GSA, uid: str = UID) -> dict[str, Any]:
    labels = {"email_id": email, "unique_id": uid, "project_id": PROJECT}
    return {"type": "service_account", "labels": labels}


def mint(caller: dict[str, Any], email: str = GSA, minutes: float = 30, code: int = 0, **status: Any) -> dict[str, Any]:
    """A GenerateAccessToken entry, refused where `code` is not 0."""
    return audit(
        "iamcredentials.googleapis.com",
        "GenerateAccessToken",
        "data_access",
        minutes,
        resource=on_account(email),
        resourceName=f"projects/-/serviceAccounts/{email}",
        authenticationInfo=caller,
        authorizationInfo=[
            {"permission": "iam.serviceAccounts.getAccessToken", **({} if code else {"granted": True})},
        ],
        requestMetadata={"callerIp": "gce-internal-ip", "callerSuppliedUserAgent": "gke-metadata-server"},
        **({"status": {"code": code, **status}} if code else {}),
    )


def set_policy(
    action: str, member: str, role: str = USER, minutes: float = 60, *, bucket: bool = False
) -> dict[str, Any]:
    """A change of the policy of the account, or of the bucket."""
    delta = {"bindingDeltas": [{"action": action, "role": role, "member": member}]}
    resource = (
        {"type": "gcs_bucket", "labels": {"bucket_name": BUCKET, "project_id": PROJECT}} if bucket else on_account()
    )
    return audit(
        "storage.googleapis.com" if bucket else "iam.googleapis.com",
        "storage.setIamPermissions" if bucket else "google.iam.admin.v1.SetIAMPolicy",
        minutes=minutes,
        resource=resource,
        resourceName=f"projects/_/buckets/{BUCKET}" if bucket else f"projects/-/serviceAccounts/{UID}",
        authenticationInfo={"principalEmail": "deployer@example.com"},
        serviceData={"@type": "type.googleapis.com/google.iam.v1.logging.AuditData", "policyDelta": delta},
    )


def refused_read(
    world: World, minutes: float = 20, permission: str = "storage.objects.get", **status: Any
) -> dict[str, Any]:
    """A read of the bucket that was refused to the workload's final identity."""
    caller = {"principalSubject": DIRECT} if world.style == "direct" else {"principalEmail": GSA}
    return audit(
        "storage.googleapis.com",
        "storage.objects.get",
        "data_access",
        minutes,
        resource={"type": "gcs_bucket", "labels": {"bucket_name": BUCKET, "project_id": PROJECT}},
        resourceName=f"projects/_/buckets/{BUCKET}/objects/x",
        authenticationInfo=caller,
        authorizationInfo=[{"permission": permission, "resource": f"projects/_/buckets/{BUCKET}", "granted": False}],
        status={"code": 7, "message": "PERMISSION_DENIED", **status},
    )


def container_log(text: str, minutes: float = 30, pod_name: str = "cart-5d9-aa", **labels: str) -> dict[str, Any]:
    """A line that a container wrote."""
    return {
        "logName": f"projects/{PROJECT}/logs/stderr",
        "timestamp": at(minutes),
        "resource": {
            "type": "k8s_container",
            "labels": {
                "project_id": PROJECT,
                "location": LOCATION,
                "cluster_name": "main",
                "namespace_name": NS,
                "pod_name": pod_name,
                "container_name": "app",
                **labels,
            },
        },
        "textPayload": text,
    }


def metadata_log(text: str, minutes: float = 30) -> dict[str, Any]:
    """A line that the GKE metadata server wrote."""
    return container_log(
        text, minutes, "gke-metadata-server-x1", namespace_name="kube-system", container_name="gke-metadata-server"
    )
