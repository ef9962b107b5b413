"""Diagnosing every workload of an organization's clusters: 2,500 clusters of 40 workloads each."""

from __future__ import annotations

import time
from collections.abc import Iterator

from benchmarks.measure import Figure, peak_megabytes
from bindwatch.inventory import Inventory, InventoryBuilder, Origin, Part
from bindwatch.inventory.clusters import Cluster, NodePool
from bindwatch.inventory.hierarchy import EnabledService, Project
from bindwatch.inventory.identities import ServiceAccount
from bindwatch.inventory.workloads import (
    GSA_ANNOTATION,
    Container,
    KubernetesServiceAccount,
    Node,
    Pod,
    PodSpec,
)
from bindwatch.model.policy import Binding, Policy
from bindwatch.model.resource import cluster_name, project_name, service_account_name
from bindwatch.rule import Context
from bindwatch.rules.at_rest.workload_identity import workload_identity_broken

CLUSTERS, WORKLOADS = 2_500, 40
BROKEN_EACH = 20
_FILE = Origin("estate", 1)
_USER = "roles/iam.workloadIdentityUser"


def estate(clusters: int, workloads: int = WORKLOADS) -> Inventory:
    """Clusters in a project each; of the workloads every twentieth lacks its binding, half of the rest are direct."""
    builder = InventoryBuilder()
    for number in range(clusters):
        _add_cluster(builder, number, workloads)
    for part in (Part.SERVICE_ACCOUNTS, Part.POLICIES, Part.DENY_POLICIES, Part.NETWORK_POLICIES, Part.PROJECTS):
        builder.saw(part)
    return builder.build()


def _add_cluster(builder: InventoryBuilder, number: int, workloads: int) -> None:
    project, digits = f"shop-{number:05}", str(100_000_000_000 + number)
    cluster = cluster_name(project, "europe-west1", "main")
    pool = f"{project}.svc.id.goog"
    builder.add(Project(name=project_name(project), id=project, number=digits), _FILE)
    builder.add(
        Cluster(
            name=cluster, id="main", project=project, location="europe-west1", workload_pool=pool,
            lists_node_pools=True,
        ),
        _FILE,
    )  # fmt: skip
    builder.add(
        NodePool(
            name=f"{cluster}/nodePools/apps", id="apps", cluster=cluster, project=project, metadata_mode="GKE_METADATA"
        ),
        _FILE,
    )
    builder.add(EnabledService(project=project, service="iamcredentials.googleapis.com", state="ENABLED"), _FILE)
    for part in (Part.KUBERNETES_SERVICE_ACCOUNTS, Part.PODS, Part.WORKLOADS, Part.NODES, Part.NETWORK_POLICIES):
        builder.saw(part, cluster)
    builder.add(Node(cluster=cluster, name="node-1", node_pool="apps"), _FILE)
    grants = []
    for index in range(workloads):
        namespace, name = f"team-{index % 8}", f"app-{index}"
        email = f"app-{index}@{project}.iam.gserviceaccount.com"
        direct = index % 2 == 1
        annotations = () if direct else ((GSA_ANNOTATION, email),)
        builder.add(
            KubernetesServiceAccount(
                cluster=cluster, namespace=namespace, name=name, uid=f"{number}-{index}", annotations=annotations
            ),
            _FILE,
        )
        spec = PodSpec(service_account=name, node_name="node-1", containers=(Container(name="app"),))
        for copy in range(2):
            builder.add(Pod(cluster=cluster, namespace=namespace, name=f"{name}-{copy}", spec=spec), _FILE)
        if direct:
            member = (
                f"principal://iam.googleapis.com/projects/{digits}/locations/global/workloadIdentityPools/{pool}"
                f"/subject/ns/{namespace}/sa/{name}"
            )
            grants.append(Binding("roles/storage.objectViewer", (member,)))
            continue
        account = service_account_name(email)
        builder.add(ServiceAccount(name=account, email=email, project=project, unique_id=f"{number}{index}"), _FILE)
        bound = () if index % BROKEN_EACH == 0 else (f"serviceAccount:{pool}[{namespace}/{name}]",)
        builder.add_policy(account, Policy((Binding(_USER, bound),) if bound else ()))
    builder.add_policy(project_name(project), Policy(tuple(grants)))


def judge(inventory: Inventory) -> int:
    """How many workloads are broken."""
    return sum(1 for _ in workload_identity_broken.judge(inventory, Context()))


def figures() -> Iterator[Figure]:
    """How long, how large, and whether both grow with the number of clusters alone."""
    small = CLUSTERS // 10
    program = "from benchmarks.diagnosis import *; inventory = estate({}); print(judge(inventory) if {} else 0)"
    sizes = {
        count: peak_megabytes(program.format(count, 1)) - peak_megabytes(program.format(count, 0))
        for count in (small, CLUSTERS)
    }
    seconds = {}
    for count in (small, CLUSTERS):
        inventory = estate(count)
        started = time.process_time()
        broken = judge(inventory)
        seconds[count] = time.process_time() - started
        if broken != count * WORKLOADS // BROKEN_EACH:
            raise RuntimeError(f"{broken} workloads are called broken")
        yield Figure(f"{count:,} clusters of {WORKLOADS}: diagnosis", seconds[count], "s", at_most=60)
        yield Figure(f"{count:,} clusters: memory beyond the inventory's", sizes[count], "MB")
    growth = seconds[CLUSTERS] / seconds[small] / (CLUSTERS / small)
    yield Figure("growth per cluster", growth, "times", at_most=2)
