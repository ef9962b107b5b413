"""GKE clusters and node pools, standing: whether workloads get identities of their own."""

from collections.abc import Iterator

from bindwatch.inventory import Inventory, Part
from bindwatch.inventory.clusters import Cluster, NodePool
from bindwatch.model.change import Run, SetClusterWorkloadPool, SetNodePoolMetadata, remedy
from bindwatch.model.finding import AssetRef, Category, Severity
from bindwatch.rule import Context, Match, at_rest_of, inventory_rule
from bindwatch.rules import gke_identity

_RECREATES = "Recreates every node of the pool; pods on it lose the node's identity at once, so bind them first."


def _gcloud_update(cluster: Cluster, *flags: str) -> Run:
    where = (f"--location={cluster.location}", f"--project={cluster.project}")
    return Run(("gcloud", "container", "clusters", "update", cluster.id, *where, *flags))


@at_rest_of(
    gke_identity.cluster_without_workload_identity,
    needs=[Part.CLUSTERS],
    equivalents=[
        "gcpdiag:gke/SEC/2023_001",
        "scoutsuite:kubernetesengine-workload-identity-disabled",
        "scc:WORKLOAD_IDENTITY_DISABLED",
        "policy-library:gke_enable_workload_identity",
        "copl:gkeRequireWorkloadIdentity",
        "wi-analyzer:cluster-workload-identity",
    ],
)
def cluster_without_workload_identity(inventory: Inventory, context: Context) -> Iterator[Match]:
    """A GKE cluster had Workload Identity switched off."""
    for cluster in inventory.all(Cluster):
        if cluster.identity_pool:
            continue
        pool = f"{cluster.project}.svc.id.goog"
        pools = [pool_ for pool_ in inventory.node_pools_of(cluster.name) if not pool_.serves_workload_identity]
        yield Match(
            subject=cluster.id,
            title=f"Workload Identity is off on cluster {cluster.id}: its pods share the identity of their nodes",
            resource_name=cluster.name,
            evidence=(AssetRef(cluster.name),),
            remediation=remedy(
                "Switch Workload Identity on for the cluster, then for each node pool",
                SetClusterWorkloadPool(cluster.project, cluster.location, cluster.id, pool),
                *(SetNodePoolMetadata(cluster.project, cluster.location, cluster.id, each.id) for each in pools),
                risk=_RECREATES,
            ),
        )


@at_rest_of(
    gke_identity.node_pool_without_gke_metadata,
    needs=[Part.CLUSTERS, Part.NODE_POOLS],
    equivalents=[
        "copl:gkeRequireGKEMetadataServer",
        "scoutsuite:kubernetesengine-metadata-server-disabled",
        "wi-analyzer:node-pool-metadata",
    ],
)
def node_pool_without_gke_metadata(inventory: Inventory, context: Context) -> Iterator[Match]:
    """A node pool of a cluster with Workload Identity served the identity of its nodes to its pods."""
    for cluster in inventory.all(Cluster):
        if not cluster.identity_pool or cluster.autopilot:
            continue
        for pool in inventory.node_pools_of(cluster.name):
            if pool.serves_workload_identity:
                continue
            mode = pool.metadata_mode or "unset"
            yield Match(
                subject=pool.id,
                title=f"Node pool {pool.id} of cluster {cluster.id} does not serve Workload Identity ({mode})",
                resource_name=pool.name,
                evidence=(AssetRef(pool.name),),
                remediation=remedy(
                    "Let the GKE metadata server answer on this pool",
                    SetNodePoolMetadata(
                        cluster.project, cluster.location, cluster.id, pool.id, previous=pool.metadata_mode
                    ),
                    risk=_RECREATES,
                ),
            )


@inventory_rule(
    "node-pool-default-service-account",
    Severity.MEDIUM,
    Category.OVER_PRIVILEGE,
    needs=[Part.NODE_POOLS],
    techniques=["T1552.005"],
    equivalents=[
        "gcpdiag:gke/SEC/2021_001",
        "prowler:gke_cluster_no_default_service_account",
        "scoutsuite:kubernetesengine-default-service-account",
        "scc:OVER_PRIVILEGED_ACCOUNT",
        "policy-library:gke_disable_default_service_account",
        "copl:gkeDisableDefaultServiceAccount",
    ],
)
def node_pool_default_service_account(inventory: Inventory, context: Context) -> Iterator[Match]:
    """A node pool ran as the Compute Engine default service account.

    ## Why it matters
    That account is Editor of the project unless somebody took it away, and whoever breaks out to a node has it.

    ## What to do
    Create a pool whose nodes run as an account with `roles/container.defaultNodeServiceAccount` only, move the
    workloads, delete the old pool. The account of an existing pool cannot be changed.

    ## Known false positives
    Projects where the default account holds nothing.

    ## Blind spots
    What the account holds is judged by the rules for bindings.
    """
    for pool in inventory.all(NodePool):
        if not pool.has_default_service_account:
            continue
        cluster = inventory.cluster(pool.cluster)
        name = cluster.id if cluster else pool.cluster.rpartition("/")[2]
        where = (f"--cluster={name}", *((f"--location={cluster.location}",) if cluster else ()))
        account = f"gke-nodes@{pool.project}.iam.gserviceaccount.com"
        create = (
            "gcloud", "container", "node-pools", "create", f"{pool.id}-v2", *where, f"--project={pool.project}",
            f"--service-account={account}", "--workload-metadata=GKE_METADATA",
        )  # fmt: skip
        safe = cluster is not None and bool(cluster.identity_pool) and pool.serves_workload_identity
        yield Match(
            subject=pool.id,
            title=f"Node pool {pool.id} of cluster {name} runs as the Compute Engine default service account",
            resource_name=pool.name,
            severity=Severity.LOW if safe else None,
            notes=("Pods of this pool get their own identity; only a break-out reaches the node's.",) if safe else (),
            evidence=(AssetRef(pool.name),),
            remediation=remedy(
                f"Make a node pool that runs as {account}, move the workloads, delete this one",
                Run(create),
                risk="Workloads that live off the node's identity must be bound to their own first.",
            ),
        )


@at_rest_of(
    gke_identity.cluster_legacy_authorization,
    needs=[Part.CLUSTERS],
    equivalents=[
        "scoutsuite:kubernetesengine-cluster-abac-enabled",
        "scc:LEGACY_AUTHORIZATION_ENABLED",
        "policy-library:gke_legacy_abac",
        "copl:gkeDisableLegacyAbac",
    ],
)
def cluster_legacy_authorization(inventory: Inventory, context: Context) -> Iterator[Match]:
    """A GKE cluster authorized by the legacy rules, under which every service account of it can do everything."""
    for cluster in inventory.all(Cluster):
        if cluster.legacy_abac:
            yield Match(
                subject=cluster.id,
                title=f"Cluster {cluster.id} authorizes by legacy ABAC: each of its pods can do everything in it",
                resource_name=cluster.name,
                evidence=(AssetRef(cluster.name),),
                remediation=remedy(
                    "Switch legacy authorization off",
                    _gcloud_update(cluster, "--no-enable-legacy-authorization"),
                    risk="What has no RBAC role stops working.",
                ),
            )


@inventory_rule(
    "cluster-static-credentials",
    Severity.HIGH,
    Category.HYGIENE,
    needs=[Part.CLUSTERS],
    techniques=["T1078.004"],
    equivalents=[
        "scoutsuite:kubernetesengine-cluster-basic-authentication-enabled",
        "scoutsuite:kubernetesengine-cluster-client-certificate",
        "policy-library:gke_restrict_client_auth_methods",
        "copl:gkeDisableClientCertificateAuthentication",
    ],
)
def cluster_static_credentials(inventory: Inventory, context: Context) -> Iterator[Match]:
    """A GKE cluster accepted a password or a client certificate that nobody can revoke.

    ## Why it matters
    Neither expires nor shows who used it; the certificate holds until the cluster's authority is rotated.

    ## What to do
    Rotate the cluster's credentials and recreate without them; let people in by IAM.

    ## Known false positives
    Clusters older than 2019 whose certificate was made by default and has no RBAC role.

    ## Blind spots
    Whether the certificate is bound to any role is in the cluster's RBAC.
    """
    for cluster in inventory.all(Cluster):
        if not (cluster.basic_auth or cluster.client_certificate):
            continue
        what = "a password" if cluster.basic_auth else "a client certificate"
        where = (f"--location={cluster.location}", f"--project={cluster.project}")
        rotate = ("gcloud", "container", "clusters", "update", cluster.id, *where, "--start-credential-rotation")
        finish = ("gcloud", "container", "clusters", "update", cluster.id, *where, "--complete-credential-rotation")
        yield Match(
            subject=cluster.id,
            title=f"Cluster {cluster.id} accepts {what} that cannot be revoked",
            resource_name=cluster.name,
            severity=None if cluster.basic_auth else Severity.MEDIUM,
            evidence=(AssetRef(cluster.name),),
            remediation=remedy(
                "Rotate the credentials of the cluster",
                Run(rotate),
                Run(finish),
                risk="The endpoint's address changes: clients must fetch their configuration anew.",
            ),
        )


@inventory_rule(
    "node-pool-legacy-endpoints",
    Severity.MEDIUM,
    Category.HYGIENE,
    needs=[Part.NODE_POOLS],
    techniques=["T1552.005"],
    equivalents=[
        "scoutsuite:kubernetesengine-legacy-metadata-endpoints-enabled",
        "scc:LEGACY_METADATA_ENABLED",
        "policy-library:gke_disable_legacy_endpoints",
        "copl:gkeDisableLegacyMetadataEndpoints",
    ],
)
def node_pool_legacy_endpoints(inventory: Inventory, context: Context) -> Iterator[Match]:
    """A node pool answered the legacy metadata paths, which ask for no header.

    ## Why it matters
    A request forgery in any application then fetches the node's token: nothing but the header stands against it.

    ## What to do
    Recreate the pool with `--metadata=disable-legacy-endpoints=true`. With the GKE metadata server on the pool, pods
    no longer reach these paths.

    ## Known false positives
    Pools made since GKE 1.12 have them off, though an export may leave the field out: pools that serve Workload
    Identity are reported, as LOW, only where the field says that the paths are on.

    ## Blind spots
    The field is compared as the API gives it.
    """
    for pool in inventory.all(NodePool):
        behind = pool.serves_workload_identity
        if pool.legacy_endpoints_disabled or (behind and pool.legacy_endpoints_disabled is None):
            continue
        cluster = inventory.cluster(pool.cluster)
        if cluster is not None and cluster.autopilot:
            continue
        yield Match(
            subject=pool.id,
            title=f"Node pool {pool.id} answers metadata requests without the header that guards tokens",
            resource_name=pool.name,
            severity=Severity.LOW if behind else None,
            notes=("Pods reach the GKE metadata server instead; those on the node's network do not.",)
            if behind
            else (),
            evidence=(AssetRef(pool.name),),
            remediation=remedy(
                "Let the GKE metadata server answer on this pool",
                SetNodePoolMetadata(
                    pool.project,
                    cluster.location,
                    cluster.id,
                    pool.id,
                    previous=pool.metadata_mode,
                ),
                risk=_RECREATES,
            )
            if cluster and not behind
            else None,
        )


RULES = (
    cluster_without_workload_identity,
    node_pool_without_gke_metadata,
    node_pool_default_service_account,
    cluster_legacy_authorization,
    cluster_static_credentials,
    node_pool_legacy_endpoints,
)
