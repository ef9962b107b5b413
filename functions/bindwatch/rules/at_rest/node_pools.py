"""Node pools and the identity settings of clusters that are neither on nor off, standing."""

from collections import Counter
from collections.abc import Iterator
from typing import Final

from bindwatch.inventory import UNKNOWN_CLUSTER, Inventory, Part
from bindwatch.inventory.clusters import Cluster, NodePool
from bindwatch.inventory.hierarchy import Organization
from bindwatch.inventory.workloads import KubernetesServiceAccount
from bindwatch.model.change import Run, SetNodePoolMetadata, remedy
from bindwatch.model.finding import AssetRef, Category, Severity
from bindwatch.rule import Context, Match, inventory_rule

_AUTH: Final = "https://www.googleapis.com/auth/"
_WIDE: Final = frozenset({f"{_AUTH}{name}" for name in ("cloud-platform", "compute", "iam", "devstorage.full_control")})
_READS_IMAGES: Final = frozenset(
    {f"{_AUTH}{name}" for name in ("devstorage.read_only", "devstorage.read_write", "devstorage.full_control")}
)
_WRITES_LOGS: Final = frozenset({f"{_AUTH}logging.write", f"{_AUTH}logging.admin"})
_ALL: Final = f"{_AUTH}cloud-platform"
_MOST_ACCOUNTS: Final = 3000
"""Above this the GKE metadata server runs out of memory (Workload Identity Federation for GKE, limitations)."""


def _pools(inventory: Inventory) -> Iterator[tuple[Cluster | None, NodePool]]:
    for pool in inventory.all(NodePool):
        cluster = inventory.cluster(pool.cluster)
        if cluster is None or not cluster.autopilot:
            yield cluster, pool


def _words(cluster: Cluster | None, pool: NodePool) -> str:
    return f"Node pool {pool.id} of cluster {cluster.id if cluster else pool.cluster.rpartition('/')[2]}"


@inventory_rule(
    "node-pool-wide-scopes",
    Severity.MEDIUM,
    Category.OVER_PRIVILEGE,
    needs=[Part.NODE_POOLS],
    techniques=["T1552.005"],
    equivalents=[
        "scoutsuite:kubernetesengine-scopes-not-limited",
        "scc:OVER_PRIVILEGED_SCOPES",
        "policy-library:gke_allowed_node_sa_scopes",
    ],
)
def node_pool_wide_scopes(inventory: Inventory, context: Context) -> Iterator[Match]:
    """The nodes of a pool had tokens for more APIs than nodes need.

    ## Why it matters
    Where pods get the node's identity, each of them can do all that the node's account may do.

    ## What to do
    Let the GKE metadata server answer on the pool, and give the nodes an account that holds
    `roles/container.defaultNodeServiceAccount` only: then scopes do not matter.

    ## Known false positives
    Pools whose account holds little: IAM limits them, the scope need not. On pools that serve Workload Identity it is
    INFO.

    ## Blind spots
    What the account may do is judged by the rules for bindings.
    """
    for cluster, pool in _pools(inventory):
        wide = sorted(_WIDE.intersection(pool.oauth_scopes))
        if not wide:
            continue
        change = (
            (SetNodePoolMetadata(pool.project, cluster.location, cluster.id, pool.id, previous=pool.metadata_mode),)
            if cluster is not None and cluster.identity_pool and not pool.serves_workload_identity
            else ()
        )
        yield Match(
            subject=pool.id,
            title=f"{_words(cluster, pool)} has the scope {', '.join(scope.removeprefix(_AUTH) for scope in wide)}",
            resource_name=pool.name,
            severity=Severity.INFO if pool.serves_workload_identity else None,
            evidence=(AssetRef(pool.name),),
            remediation=remedy(
                "Let the GKE metadata server answer on this pool",
                *change,
                risk="Recreates every node of the pool; pods on it lose the node's identity at once.",
            )
            if change
            else None,
        )


@inventory_rule(
    "node-pool-narrow-scopes",
    Severity.LOW,
    Category.BROKEN_BINDING,
    needs=[Part.NODE_POOLS],
    techniques=["T1562.008"],
    equivalents=["gcpdiag:gke/WARN/2022_007", "gcpdiag:gke/WARN/2023_001"],
)
def node_pool_narrow_scopes(inventory: Inventory, context: Context) -> Iterator[Match]:
    """The nodes of a pool could not read images, or not write logs, whatever roles they had.

    ## Why it matters
    Scopes limit the node's token before IAM is asked: images do not load, logs get lost, and no role helps.

    ## What to do
    Make a pool with the scope `cloud-platform` and an account with the roles the nodes need; move the workloads.

    ## Known false positives
    Nodes that load images from elsewhere, or clusters that log elsewhere.

    ## Blind spots
    A pool whose scopes the input leaves out.
    """
    for cluster, pool in _pools(inventory):
        scopes = set(pool.oauth_scopes)
        if not scopes or _ALL in scopes:
            continue
        lacks = [
            words
            for words, enough in (("read images", _READS_IMAGES), ("write logs", _WRITES_LOGS))
            if not scopes & enough and not (words == "write logs" and cluster and "logging" in cluster.not_collected)
        ]
        if lacks:
            yield Match(
                subject=pool.id,
                title=f"{_words(cluster, pool)} cannot {' nor '.join(lacks)}: its scopes leave that out",
                resource_name=pool.name,
                evidence=(AssetRef(pool.name),),
            )


@inventory_rule(
    "node-pool-metadata-concealment",
    Severity.LOW,
    Category.HYGIENE,
    needs=[Part.NODE_POOLS],
    techniques=["T1552.005"],
    equivalents=["gcpdiag:gke/WARN/2022_002"],
)
def node_pool_metadata_concealment(inventory: Inventory, context: Context) -> Iterator[Match]:
    """A node pool hid its metadata in the way that Workload Identity has replaced.

    ## Why it matters
    Metadata concealment is deprecated. It hides the node's credentials for the cluster, not the token of its account.

    ## What to do
    Switch Workload Identity on for the cluster, then for the pool.

    ## Known false positives
    None known.

    ## Blind spots
    None known.
    """
    for cluster, pool in _pools(inventory):
        if pool.metadata_mode == "SECURE":
            yield Match(
                subject=pool.id,
                title=f"{_words(cluster, pool)} uses metadata concealment, which leaves the node's token open to pods",
                resource_name=pool.name,
                evidence=(AssetRef(pool.name),),
                remediation=remedy(
                    "Let the GKE metadata server answer on this pool",
                    SetNodePoolMetadata(
                        pool.project, cluster.location, cluster.id, pool.id, previous=pool.metadata_mode
                    ),
                    risk="Recreates every node of the pool; pods on it lose the node's identity at once.",
                )
                if cluster
                else None,
            )


@inventory_rule(
    "cluster-without-groups",
    Severity.INFO,
    Category.HYGIENE,
    needs=[Part.CLUSTERS],
    techniques=["T1078.004"],
    equivalents=["gcpdiag:gke/BP_EXT/2022_001", "copl:gkeRequireGoogleGroupsRBAC"],
)
def cluster_without_groups(inventory: Inventory, context: Context) -> Iterator[Match]:
    """A GKE cluster could not give RBAC roles to Google groups.

    ## Why it matters
    Roles in the cluster are then given person by person, and stay when the person moves on.

    ## What to do
    Make a group `gke-security-groups@` the domain, put the groups into it, and name it in the cluster's settings.

    ## Known false positives
    Clusters into which people are let by IAM roles alone.

    ## Blind spots
    What the cluster's RBAC grants is not read here.
    """
    homes = [item.display_name for item in inventory.all(Organization) if "." in item.display_name]
    group = f"gke-security-groups@{homes[0] if homes else 'YOUR_DOMAIN'}"
    for cluster in inventory.all(Cluster):
        if cluster.authenticator_group:
            continue
        where = (f"--location={cluster.location}", f"--project={cluster.project}")
        argv = ("gcloud", "container", "clusters", "update", cluster.id, *where, f"--security-group={group}")
        yield Match(
            subject=cluster.id,
            title=f"Cluster {cluster.id} knows no Google groups in its RBAC",
            resource_name=cluster.name,
            evidence=(AssetRef(cluster.name),),
            remediation=remedy("Name the security group of the domain", Run(argv)),
        )


@inventory_rule(
    "zonal-cluster-workload-identity",
    Severity.LOW,
    Category.HYGIENE,
    needs=[Part.CLUSTERS],
    techniques=["T1499"],
    equivalents=["gcpdiag:gke/WARN/2022_001"],
)
def zonal_cluster_workload_identity(inventory: Inventory, context: Context) -> Iterator[Match]:
    """A zonal GKE cluster used Workload Identity: while its control plane upgrades, no pod gets a token.

    ## Why it matters
    The metadata server asks the control plane for the token it exchanges. A zonal cluster has one control plane, which
    is away for minutes at each upgrade.

    ## What to do
    Make a regional cluster, or let clients keep their tokens and retry.

    ## Known false positives
    Clusters for trying things out.

    ## Blind spots
    None known.
    """
    for cluster in inventory.all(Cluster):
        if cluster.is_zonal and cluster.identity_pool:
            yield Match(
                subject=cluster.id,
                title=f"Cluster {cluster.id} is zonal: its pods get no tokens while its control plane upgrades",
                resource_name=cluster.name,
                evidence=(AssetRef(cluster.name),),
            )


@inventory_rule(
    "too-many-kubernetes-service-accounts",
    Severity.MEDIUM,
    Category.BROKEN_BINDING,
    needs=[Part.KUBERNETES_SERVICE_ACCOUNTS],
    techniques=["T1499"],
    equivalents=["gcpdiag:gke/WARN/2024_002"],
)
def too_many_kubernetes_service_accounts(inventory: Inventory, context: Context) -> Iterator[Match]:
    """A GKE cluster held more service accounts than its metadata server can keep.

    ## Why it matters
    Above 3,000 the metadata server of a node runs out of memory and restarts; pods get no tokens meanwhile.

    ## What to do
    Delete service accounts that nothing runs as; split the cluster.

    ## Known false positives
    Clusters that are seen to have no Workload Identity are not reported.

    ## Blind spots
    Namespaces that were not read are not counted.
    """
    for name, count in Counter(account.cluster for account in inventory.all(KubernetesServiceAccount)).items():
        cluster = inventory.cluster(name)
        if count <= _MOST_ACCOUNTS or (cluster is not None and not cluster.identity_pool):
            continue
        identity = cluster.id if cluster else name.rpartition("/")[2]
        words = "The cluster" if name == UNKNOWN_CLUSTER else f"Cluster {identity}"
        yield Match(
            subject=identity,
            title=f"{words} holds {count:,} Kubernetes service accounts, more than {_MOST_ACCOUNTS:,}",
            resource_name=name,
            evidence=(AssetRef(name),),
        )


RULES: Final = (
    node_pool_wide_scopes,
    node_pool_narrow_scopes,
    node_pool_metadata_concealment,
    cluster_without_groups,
    zonal_cluster_workload_identity,
    too_many_kubernetes_service_accounts,
)
