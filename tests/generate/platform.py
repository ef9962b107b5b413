"""What Google and Kubernetes do by themselves: controllers, autoscalers, certificates, key rotation."""

from __future__ import annotations

from typing import Any

from generate.fleet import Cluster, Fleet
from generate.scribe import Caller, Check, Json, Scribe, service

CONTROLLERS = (
    ("serviceaccount:kube-system:replicaset-controller", "core/v1", "pods", "create"),
    ("serviceaccount:kube-system:endpoint-controller", "core/v1", "endpoints", "update"),
    ("serviceaccount:kube-system:endpointslice-controller", "discovery.k8s.io/v1", "endpointslices", "update"),
    ("serviceaccount:kube-system:horizontal-pod-autoscaler", "autoscaling/v2", "horizontalpodautoscalers", "update"),
    ("serviceaccount:kube-system:deployment-controller", "apps/v1", "replicasets", "update"),
    ("serviceaccount:kube-system:job-controller", "batch/v1", "jobs", "update"),
    ("addon-manager", "apps/v1", "daemonsets", "patch"),
    ("kube-scheduler", "core/v1", "pods/binding", "create"),
)

METHOD_GROUPS = {
    "rbac.authorization.k8s.io": "authorization.rbac",
    "certificates.k8s.io": "certificates",
    "discovery.k8s.io": "discovery",
}
"""How a method names the API groups that it does not name by their own name."""


def kubernetes(
    scribe: Scribe,
    cluster: Cluster,
    caller: Caller,
    verb: str,
    api: str,
    kind: str,
    name: str,
    namespace: str | None = None,
    *,
    allowed_by: str = "",
    status: Json | None = None,
    **payload: Any,
) -> Json:
    """One request to an API server; `api` is group and version, `kind` the plural and, after a slash, a subresource."""
    group, version = api.split("/")
    plural, _, subresource = kind.partition("/")
    resource = f"{api}/namespaces/{namespace}/{plural}/{name}" if namespace else f"{api}/{plural}/{name}"
    resource += f"/{subresource}" if subresource else ""
    method = f"io.k8s.{METHOD_GROUPS.get(group, group)}.{version}.{kind.replace('/', '.')}.{verb}"
    labels = {"authorization.k8s.io/decision": "allow", "authorization.k8s.io/reason": allowed_by}
    return scribe.write(
        "k8s.io",
        method,
        caller,
        place=cluster.project,
        status={"code": 0} if status is None else status,
        resource={
            "type": "k8s_cluster",
            "labels": {
                "cluster_name": cluster.name,
                "location": cluster.location,
                "project_id": cluster.project.id,
            },
        },
        resource_name=resource,
        checks=(Check(method, resource),),
        labels=labels,
        operation=scribe.operation("k8s.io"),
        **payload,
    )


def in_cluster(name: str, agent: str = "kube-controller-manager/v1.33.5 (linux/amd64) kubernetes/9b3dd1c") -> Caller:
    """A component of the cluster; the log knows it by its Kubernetes name."""
    return Caller(email=name, ip="::1" if name.startswith("system:kube") else "10.128.0.14", agent=agent)


def controller_works(scribe: Scribe, fleet: Fleet) -> list[Json]:
    """A controller of the control plane writes an object."""
    workload = scribe.rng.choice(fleet.workloads)
    cluster = workload.cluster
    name, api, kind, verb = scribe.rng.choice(CONTROLLERS)
    image = f"europe-docker.pkg.dev/{cluster.project.id}/apps/{workload.name}@sha256:{scribe.token(64)}"
    binding = f'ClusterRoleBinding "system:controller:{kind}" of ClusterRole "system:controller:{kind}"'
    item = f"{workload.name}-{scribe.token(9)}"
    body = {
        "@type": f"{api}.{kind}",
        "apiVersion": api.removeprefix("core/"),
        "metadata": {
            "name": item,
            "namespace": workload.namespace,
            "labels": {"app": workload.name, "pod-template-hash": scribe.token(10)},
            "resourceVersion": str(scribe.rng.randrange(10**9)),
            "uid": "-".join(scribe.token(n) for n in (8, 4, 4, 4, 12)),
        },
        "spec": {
            "serviceAccountName": workload.name,
            "nodeSelector": {"iam.gke.io/gke-metadata-server-enabled": "true"},
            "containers": [
                {
                    "name": workload.name,
                    "image": image,
                    "resources": {"requests": {"cpu": "250m", "memory": "256Mi"}, "limits": {"memory": "512Mi"}},
                    "securityContext": {"allowPrivilegeEscalation": False, "runAsNonRoot": True},
                }
            ],
        },
    }
    if verb == "patch":
        body = {"@type": "k8s.io/Patch", "metadata": {"annotations": {"deployment.kubernetes.io/revision": "12"}}}
    return [
        kubernetes(
            scribe,
            cluster,
            in_cluster(f"system:{name}"),
            verb,
            api,
            kind,
            item,
            workload.namespace,
            allowed_by=f"RBAC: allowed by {binding}",
            request=body,
        )
    ]


def node_gets_pod_token(scribe: Scribe, fleet: Fleet) -> list[Json]:
    """A kubelet asks for the token it mounts into a pod of its node."""
    workload = scribe.rng.choice(fleet.workloads)
    cluster = workload.cluster
    node = scribe.rng.choice(cluster.nodes)
    body = {
        "@type": "authentication.k8s.io/v1.TokenRequest",
        "apiVersion": "authentication.k8s.io/v1",
        "kind": "TokenRequest",
        "metadata": {"creationTimestamp": None},
        "spec": {
            "audiences": [workload.pool],
            "boundObjectRef": {
                "apiVersion": "v1",
                "kind": "Pod",
                "name": f"{workload.name}-{scribe.token(9)}-{scribe.token(5)}",
                "uid": "-".join(scribe.token(n) for n in (8, 4, 4, 4, 12)),
            },
            "expirationSeconds": 3607,
        },
    }
    return [
        kubernetes(
            scribe,
            cluster,
            in_cluster(f"system:node:{node}", "kubelet/v1.33.5 (linux/amd64) kubernetes/9b3dd1c"),
            "create",
            "core/v1",
            "serviceaccounts/token",
            workload.name,
            workload.namespace,
            request=body,
        )
    ]


def node_certificate_rotates(scribe: Scribe, fleet: Fleet) -> list[Json]:
    """A kubelet renews its certificate and the control plane approves."""
    cluster = scribe.rng.choice(fleet.clusters)
    node = scribe.rng.choice(cluster.nodes)
    name = f"csr-{scribe.token(5)}"
    request = {
        "@type": "certificates.k8s.io/v1.CertificateSigningRequest",
        "apiVersion": "certificates.k8s.io/v1",
        "kind": "CertificateSigningRequest",
        "metadata": {"generateName": "csr-", "name": name},
        "spec": {
            "groups": ["system:nodes", "system:authenticated"],
            "signerName": "kubernetes.io/kubelet-serving",
            "usages": ["digital signature", "server auth"],
            "username": f"system:node:{node}",
        },
    }
    kubelet = in_cluster(f"system:node:{node}", "kubelet/v1.33.5 (linux/amd64) kubernetes/9b3dd1c")
    approver = in_cluster("system:gke-controller-manager", "gcp-controller-manager/v0.0.0 (linux/amd64)")
    api = "certificates.k8s.io/v1"
    return [
        kubernetes(scribe, cluster, kubelet, "create", api, "certificatesigningrequests", name, request=request),
        kubernetes(
            scribe, cluster, approver, "update", api, "certificatesigningrequests/approval", name, request=request
        ),
    ]


def group_is_resized(scribe: Scribe, fleet: Fleet) -> list[Json]:
    """The cluster autoscaler resizes a node group: a long-running operation, so two entries."""
    cluster = scribe.rng.choice(fleet.clusters)
    project = cluster.project
    zone = f"{cluster.location}-b"
    group = cluster.group
    name = f"projects/{project.id}/zones/{zone}/instanceGroupManagers/{group}"
    method = scribe.rng.choice(
        ("v1.compute.instanceGroupManagers.resize", "v1.compute.instanceGroupManagers.deleteInstances")
    )
    agent = service(
        f"service-{project.number}@container-engine-robot.iam.gserviceaccount.com",
        ip="private",
        agent="google-api-go-client/0.5 cluster-autoscaler,gzip(gfe)",
    )
    micros = int(scribe.now.timestamp() * 1e6)
    operation = f"operation-{micros // 1000}-{micros:x}-{scribe.token(8)}-{scribe.token(8)}"
    resource = {
        "type": "gce_instance_group_manager",
        "labels": {
            "instance_group_manager_id": str(scribe.rng.randrange(10**19)),
            "instance_group_manager_name": group,
            "location": zone,
            "project_id": project.id,
        },
    }
    request = {"@type": f"type.googleapis.com/{method.removeprefix('v1.')}", "size": str(scribe.rng.randrange(3, 40))}
    first = scribe.write(
        "compute.googleapis.com",
        method,
        agent,
        place=project,
        resource=resource,
        resource_name=name,
        checks=(
            Check(
                "compute.instanceGroupManagers.update",
                name,
                attributes={"service": "compute", "name": name, "type": "compute.instanceGroupManagers"},
            ),
        ),
        operation={"id": operation, "producer": "compute.googleapis.com", "first": True},
        request=request,
        response={
            "@type": "type.googleapis.com/operation",
            "id": str(scribe.rng.randrange(10**19)),
            "name": operation,
            "operationType": "compute.instanceGroupManagers.resize",
            "progress": "0",
            "selfLink": f"https://www.googleapis.com/compute/v1/projects/{project.id}/zones/{zone}/operations/{operation}",
            "startTime": scribe.time(scribe.now),
            "status": "RUNNING",
            "targetLink": f"https://www.googleapis.com/compute/v1/{name}",
            "user": agent.email,
        },
        resourceLocation={"currentLocations": [zone]},
    )
    scribe.pass_time()
    last = scribe.write(
        "compute.googleapis.com",
        method,
        agent,
        place=project,
        resource=resource,
        resource_name=name,
        operation={"id": operation, "producer": "compute.googleapis.com", "last": True},
        request={"@type": request["@type"]},
    )
    return [first, last]


def host_is_maintained(scribe: Scribe, fleet: Fleet) -> list[Json]:
    """Google moves a virtual machine: a system event."""
    cluster = scribe.rng.choice(fleet.clusters)
    project = cluster.project
    zone = f"{cluster.location}-b"
    instance = scribe.rng.choice(cluster.nodes)
    return [
        scribe.write(
            "compute.googleapis.com",
            "compute.instances.migrateOnHostMaintenance",
            Caller(email="system@google.com", ip=None),
            place=project,
            log="system_event",
            severity="INFO",
            status={"message": "Instance migrated during Compute Engine maintenance."},
            resource={
                "type": "gce_instance",
                "labels": {
                    "instance_id": str(scribe.rng.randrange(10**19)),
                    "project_id": project.id,
                    "zone": zone,
                },
            },
            resource_name=f"projects/{project.id}/zones/{zone}/instances/{instance}",
            operation={
                "id": f"systemevent-{int(scribe.now.timestamp())}-{scribe.token(13)}",
                "producer": "compute.instances.migrateOnHostMaintenance",
                "first": True,
                "last": True,
            },
            request={"@type": "type.googleapis.com/compute.instances.migrateOnHostMaintenance"},
        )
    ]


def encryption_key_rotates(scribe: Scribe, fleet: Fleet) -> list[Json]:
    """Cloud KMS makes the next version of a key on its schedule."""
    project = scribe.rng.choice(fleet.projects)
    name = f"projects/{project.id}/locations/europe-west1/keyRings/data/cryptoKeys/disks"
    return [
        scribe.write(
            "cloudkms.googleapis.com",
            "CreateCryptoKeyVersion",
            service(f"service-{project.number}@gcp-sa-cloudkms.iam.gserviceaccount.com", ip="private", agent=None),
            place=project,
            status={},
            resource={
                "type": "cloudkms_cryptokey",
                "labels": {
                    "crypto_key_id": "disks",
                    "key_ring_id": "data",
                    "location": "europe-west1",
                    "project_id": project.id,
                },
            },
            resource_name=name,
            checks=(Check("cloudkms.cryptoKeyVersions.create", name),),
            request={
                "@type": "type.googleapis.com/google.cloud.kms.v1.CreateCryptoKeyVersionRequest",
                "parent": name,
            },
        )
    ]
