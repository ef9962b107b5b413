"""The company's clusters, as gcloud describes them and as kubectl lists what runs there."""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from typing import Any

from demonstration.company import NODE_POOLS, NODES, WORKLOADS, Deployed
from generate.fleet import Cluster

Json = dict[str, Any]

SYSTEM = "gke-metadata-server"


def uid(name: str) -> str:
    """The uid of an object: the same for the same name."""
    digits = hashlib.sha256(name.encode()).hexdigest()
    return "-".join((digits[:8], digits[8:12], digits[12:16], digits[16:20], digits[20:32]))


def metadata(cluster: Cluster, name: str, namespace: str | None = None, **rest: Any) -> Json:
    """What every object starts with."""
    return {
        "creationTimestamp": "2026-03-09T08:15:00Z",
        "name": name,
        **({"namespace": namespace} if namespace else {}),
        "uid": uid(f"{cluster.name}/{namespace}/{name}/{sorted(rest)}"),
        **rest,
    }


def as_list(items: list[Json]) -> Json:
    """`kubectl get … -o json`."""
    return {"apiVersion": "v1", "items": items, "kind": "List", "metadata": {"resourceVersion": ""}}


def description(cluster: Cluster) -> Json:
    """An element of `gcloud container clusters list --format=json`."""
    project = cluster.project
    link = f"https://container.googleapis.com/v1/projects/{project.id}/locations/{cluster.location}/clusters/{cluster.name}"
    return {
        "createTime": "2024-02-01T08:00:00+00:00",
        "currentMasterVersion": "1.33.5-gke.1201000",
        "legacyAbac": {},
        "location": cluster.location,
        "locations": [f"{cluster.location}-b", f"{cluster.location}-c", f"{cluster.location}-d"],
        "name": cluster.name,
        "network": "default",
        "networkConfig": {"datapathProvider": "ADVANCED_DATAPATH"},
        "nodePools": [
            {
                "config": {
                    "machineType": "e2-standard-4",
                    "metadata": {"disable-legacy-endpoints": "true"},
                    "oauthScopes": ["https://www.googleapis.com/auth/cloud-platform"],
                    "serviceAccount": NODES[project].email,
                    "workloadMetadataConfig": {"mode": mode},
                },
                "name": name,
                "selfLink": f"{link}/nodePools/{name}",
                "status": "RUNNING",
                "version": "1.33.5-gke.1201000",
            }
            for name, mode in NODE_POOLS[cluster].items()
        ],
        "releaseChannel": {"channel": "REGULAR"},
        "selfLink": link,
        "status": "RUNNING",
        "workloadIdentityConfig": {"workloadPool": f"{project.id}.svc.id.goog"},
    }


def here(cluster: Cluster) -> list[Deployed]:
    """The workloads of a cluster."""
    return [item for item in WORKLOADS if item.workload.cluster == cluster]


def namespaces(cluster: Cluster) -> list[str]:
    """The namespaces of a cluster."""
    return sorted({"default", "kube-system"} | {item.workload.namespace for item in here(cluster)})


def namespace_list(cluster: Cluster) -> Json:
    """`kubectl get namespaces`."""
    return as_list(
        [
            {
                "apiVersion": "v1",
                "kind": "Namespace",
                "metadata": metadata(cluster, name, labels={"kubernetes.io/metadata.name": name}),
                "status": {"phase": "Active"},
            }
            for name in namespaces(cluster)
        ]
    )


def service_account_list(cluster: Cluster) -> Json:
    """`kubectl get serviceaccounts --all-namespaces`."""
    items = [
        {"apiVersion": "v1", "kind": "ServiceAccount", "metadata": metadata(cluster, "default", name)}
        for name in namespaces(cluster)
    ]
    system = metadata(cluster, SYSTEM, "kube-system")
    items.append({"apiVersion": "v1", "kind": "ServiceAccount", "metadata": system})
    for item in here(cluster):
        workload = item.workload
        annotations = {"iam.gke.io/gcp-service-account": workload.account.email} if item.annotated else {}
        rest = {"annotations": annotations} if annotations else {}
        body = metadata(cluster, workload.name, workload.namespace, **rest)
        items.append({"apiVersion": "v1", "kind": "ServiceAccount", "metadata": body})
    return as_list(items)


def node_name(cluster: Cluster, pool: str) -> str:
    """The one node of a pool that the sample shows."""
    return f"gke-{cluster.name}-{pool}-{uid(cluster.name + pool)[:8]}-{uid(pool)[:4]}"


def node_list(cluster: Cluster) -> Json:
    """`kubectl get nodes`."""
    return as_list(
        [
            {
                "apiVersion": "v1",
                "kind": "Node",
                "metadata": metadata(
                    cluster,
                    node_name(cluster, pool),
                    labels={
                        "cloud.google.com/gke-nodepool": pool,
                        "kubernetes.io/os": "linux",
                        "topology.kubernetes.io/zone": f"{cluster.location}-b",
                        **({"iam.gke.io/gke-metadata-server-enabled": "true"} if mode == "GKE_METADATA" else {}),
                    },
                ),
                "status": {"conditions": [{"type": "Ready", "status": "True"}]},
            }
            for pool, mode in NODE_POOLS[cluster].items()
        ]
    )


def pod(cluster: Cluster, namespace: str, name: str, account: str, pool: str, **spec: Any) -> Json:
    """A running pod."""
    image = f"europe-docker.pkg.dev/{cluster.project.id}/apps/{name}:2026.10.4"
    return {
        "apiVersion": "v1",
        "kind": "Pod",
        "metadata": metadata(cluster, f"{name}-{uid(name)[:5]}", namespace, labels={"app": name}),
        "spec": {
            "containers": [{"image": image, "name": name}],
            "nodeName": node_name(cluster, pool),
            "serviceAccountName": account,
            **spec,
        },
        "status": {"phase": "Running", "startTime": "2026-10-30T06:12:44Z"},
    }


def pod_list(cluster: Cluster) -> Json:
    """`kubectl get pods --all-namespaces`."""
    items = [
        pod(cluster, item.workload.namespace, item.workload.name, item.workload.name, item.node_pool)
        for item in here(cluster)
    ]
    system = pod(cluster, "kube-system", SYSTEM, SYSTEM, "default-pool", hostNetwork=True)
    return as_list([*items, system])


def network_policy_list(_: Cluster) -> Json:
    """`kubectl get networkpolicies --all-namespaces`: the company has none."""
    return as_list([])


LISTS: dict[str, Callable[[Cluster], Json]] = {
    "namespaces": namespace_list,
    "serviceaccounts": service_account_list,
    "nodes": node_list,
    "pods": pod_list,
    "networkpolicies": network_policy_list,
}
"""What kubectl lists of a cluster, by the kind it is asked for."""
