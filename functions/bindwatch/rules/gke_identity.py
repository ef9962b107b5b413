"""Rules for what gives GKE workloads their identity: clusters, node pools and Kubernetes service accounts."""

from collections.abc import Iterator
from typing import Final

from bindwatch.inventory.workloads import GSA_ANNOTATION
from bindwatch.model.change import (
    AnnotateKubernetesServiceAccount,
    Run,
    SetClusterWorkloadPool,
    SetNodePoolMetadata,
    remedy,
)
from bindwatch.model.document import Document
from bindwatch.model.finding import Category, Confidence, Severity, State
from bindwatch.model.log_entry import LogEntry
from bindwatch.model.resource import cluster_name
from bindwatch.rule import Context, Match, log_rule
from bindwatch.rules.kubernetes_entry import (
    CONTAINER,
    is_platform_namespace,
    object_of,
    verb_of,
    weighed_in_cluster,
    writes,
)
from bindwatch.rules.methods import activity
from bindwatch.rules.object_state import kubernetes_service_account_of
from bindwatch.rules.weight import is_second_half, weighed

_CLOSED_MODES: Final = frozenset({"GKE_METADATA", "GKE_METADATA_SERVER", "2"})
_OPEN_MODES: Final = frozenset({"GCE_METADATA", "EXPOSE", "MODE_UNSPECIFIED", "UNSPECIFIED", "1"})


def _manager(*verbs: str) -> tuple[str, ...]:
    versions = ("v1", "v1beta1", "v1alpha1")
    return tuple(f"google.container.{version}.ClusterManager.{verb}" for version in versions for verb in verbs)


def _cluster(entry: LogEntry) -> tuple[str, str, str]:
    """Project, location and name of the cluster an entry of the GKE API is about."""
    words = (entry.request.text("name") or entry.raw_resource_name).split("/")
    named = dict(zip(words[::2], words[1::2], strict=False))
    labels, request = entry.resource_labels, entry.request
    return (
        entry.project or named.get("projects", ""),
        labels.get("location") or named.get("locations") or named.get("zones") or request.text("zone"),
        labels.get("cluster_name") or named.get("clusters") or request.text("clusterId"),
    )


def _node_pool(entry: LogEntry) -> str:
    words = (entry.request.text("name") or entry.raw_resource_name).split("/")
    named = dict(zip(words[::2], words[1::2], strict=False))
    return named.get("nodePools") or entry.resource_labels.get("nodepool_name") or entry.request.text("nodePoolId")


@log_rule(
    "cluster-without-workload-identity",
    Severity.HIGH,
    Category.HYGIENE,
    methods=activity(CONTAINER, *_manager("UpdateCluster", "InternalUpdateCluster")),
    techniques=["T1552.005"],
)
def cluster_without_workload_identity(entry: LogEntry, context: Context) -> Iterator[Match]:
    """Workload Identity Federation was turned off for a cluster.

    ## Why it matters
    Pods lose their own identities and fall back to the service account of their node, which they all share: what worked
    breaks, and what should not work does.

    ## What to do
    Turn it on again with the pool of the project, then check each node pool: those keep their own setting.

    ## Known false positives
    Taking a cluster down.

    ## Blind spots
    The entry of the update shows the wish; whether a node pool still has the GKE metadata server, an audit tells.
    """
    if is_second_half(entry):
        return
    update = entry.request.document("update")
    field = "desiredWorkloadIdentityConfig"
    if not update.has(field):
        return
    config = update.document(field)
    project, location, cluster = _cluster(entry)
    resource = cluster_name(project, location, cluster)
    if config.text("workloadPool") or config.text("identityNamespace"):
        title = f"Workload Identity was turned on for the cluster {cluster}"
        yield Match(subject=cluster, title=title, resource_name=resource, state=State.RESOLVED)
        return
    yield Match(
        subject=cluster,
        title=f"Workload Identity was turned off for the cluster {cluster} by {entry.caller_name}",
        resource_name=resource,
        severity=weighed(Severity.HIGH, entry, context),
        remediation=remedy(
            "Turn it on again",
            SetClusterWorkloadPool(project, location, cluster, f"{project}.svc.id.goog"),
            risk="Node pools that were switched to the Compute Engine metadata server need their own change",
        ),
    )


@log_rule(
    "node-pool-without-gke-metadata",
    Severity.HIGH,
    Category.HYGIENE,
    methods=activity(CONTAINER, *_manager("UpdateNodePool", "CreateNodePool", "CreateCluster", "UpdateCluster")),
    techniques=["T1552.005"],
)
def node_pool_without_gke_metadata(entry: LogEntry, context: Context) -> Iterator[Match]:
    """Pods of a node pool were given the metadata server of the node, and with it the node's identity.

    ## Why it matters
    Without the GKE metadata server every pod on the node may take the token of the node's service account, whatever
    Kubernetes service account it runs as. One pod that is broken into speaks for the node.

    ## What to do
    Set the node pool to GKE_METADATA; its nodes are recreated. Give the node a service account that can do little.

    ## Known false positives
    A cluster without Workload Identity has no other mode: the finding is about the change, an audit about the state.

    ## Blind spots
    Pods on the host network reach the node's metadata server in every mode.
    """
    if is_second_half(entry):
        return
    project, location, cluster = _cluster(entry)
    for pool, mode in _metadata_modes(entry):
        resource = f"{cluster_name(project, location, cluster)}/nodePools/{pool}"
        if mode in _CLOSED_MODES:
            title = f"The node pool {pool} of {cluster} serves pods from the GKE metadata server"
            yield Match(subject=pool, title=title, resource_name=resource, state=State.RESOLVED)
        if mode not in _OPEN_MODES:
            continue
        change = SetNodePoolMetadata(project, location, cluster, pool, "GKE_METADATA", mode) if pool else None
        yield Match(
            subject=pool or "of the update",
            title=f"Pods of the node pool {pool or 'of the update'} in {cluster} can take the node's identity ({mode})",
            resource_name=resource,
            severity=weighed(Severity.HIGH, entry, context),
            remediation=remedy("Serve pods from the GKE metadata server", change, risk="Recreates the nodes")
            if change
            else None,
        )


def _metadata_modes(entry: LogEntry) -> Iterator[tuple[str, str]]:
    request = entry.request
    verb = entry.method.rpartition(".")[2]
    if verb == "UpdateNodePool":
        yield _node_pool(entry), _mode(request)
    elif verb == "CreateNodePool":
        yield request.text("nodePool.name"), _mode(request.document("nodePool.config"))
    elif verb == "UpdateCluster":
        pool = request.text("update.desiredNodePoolId") or _node_pool(entry)
        yield pool, _mode(request.document("update"), "desiredWorkloadMetadataConfig")
    else:
        for each in request.documents("cluster.nodePools"):
            yield each.text("name"), _mode(each.document("config"))
        yield "default-pool", _mode(request.document("cluster.nodeConfig"))


def _mode(config: Document, field: str = "workloadMetadataConfig") -> str:
    found = config.document(field)
    return found.text("mode") or found.text("nodeMetadata")


@log_rule(
    "cluster-legacy-authorization",
    Severity.HIGH,
    Category.HYGIENE,
    methods=activity(CONTAINER, *_manager("SetLegacyAbac", "CreateCluster")),
    techniques=["T1078.004"],
)
def cluster_legacy_authorization(entry: LogEntry, context: Context) -> Iterator[Match]:
    """Legacy authorization (ABAC) was enabled for a cluster.

    ## Why it matters
    With it every service account of the cluster may do nearly everything: RBAC no longer limits a pod.

    ## What to do
    Disable it and grant with RBAC what stops working.

    ## Known false positives
    None are known: no supported workload needs it.

    ## Blind spots
    None beyond those of Admin Activity logs.
    """
    if is_second_half(entry):
        return
    request = entry.request
    project, location, cluster = _cluster(entry)
    cluster = cluster or request.text("cluster.name")
    resource = cluster_name(project, location, cluster)
    if not (request.flag("enabled") or request.flag("cluster.legacyAbac.enabled")):
        if entry.method.endswith("SetLegacyAbac"):
            title = f"Legacy authorization was disabled for the cluster {cluster}"
            yield Match(subject=cluster, title=title, resource_name=resource, state=State.RESOLVED)
        return
    update = ("gcloud", "container", "clusters", "update", cluster, f"--location={location}", f"--project={project}")
    yield Match(
        subject=cluster,
        title=f"Legacy authorization was enabled for the cluster {cluster}",
        resource_name=resource,
        severity=weighed(Severity.HIGH, entry, context),
        remediation=remedy(
            "Disable legacy authorization",
            Run((*update, "--no-enable-legacy-authorization"), (*update, "--enable-legacy-authorization")),
        ),
    )


@log_rule(
    "kubernetes-service-account-annotation-changed",
    Severity.MEDIUM,
    Category.THREAT,
    methods=writes("core.v1.serviceaccounts"),
    techniques=["T1098", "T1548.005"],
)
def kubernetes_service_account_annotation_changed(entry: LogEntry, context: Context) -> Iterator[Match]:
    """A Kubernetes service account was pointed at a Google service account, or away from one.

    ## Why it matters
    The annotation decides as whom its pods speak to Google Cloud. Where the Google service account trusts the whole
    namespace or pool, writing the annotation is all it takes to become it.

    ## What to do
    Check that the Google service account trusts this Kubernetes service account and that somebody meant it to.

    ## Known false positives
    Deployments: name the pipeline in the settings. A new service account that is made with its annotation weighs less
    than a change of an existing one.

    ## Blind spots
    The annotation before the change is not in the entry: it is known from an audit or an earlier entry. Where it is
    not, an update that leaves the annotation as it was looks like one that sets it. Direct grants need no annotation.
    """
    written = kubernetes_service_account_of(entry)
    if written is None or "account" not in written.fields:
        return
    before, after = entry.before, written.fields["account"]
    if before is not None and before.get("account", "") == after:
        return
    target = object_of(entry)
    unseen = before is None and not entry.request
    changed = not unseen and (verb_of(entry) == "patch" or before is not None)
    where = f"{target.namespace}/{target.name}"
    if after:
        title = f"{where} now speaks to Google Cloud as {after}"
    else:
        title = f"{where} no longer speaks as a Google service account"
    severity = Severity.MEDIUM if changed else Severity.LOW
    if is_platform_namespace(target.namespace):
        severity = Severity.HIGH
    yield Match(
        subject=f"{where} as {after or 'nobody'}",
        title=title,
        severity=weighed_in_cluster(severity, entry, context),
        confidence=Confidence.LOW if unseen else Confidence.HIGH if changed else Confidence.MEDIUM,
        remediation=remedy(
            "Put the annotation back as it was if nobody meant it",
            AnnotateKubernetesServiceAccount(
                target.namespace, target.name, GSA_ANNOTATION, (before or {}).get("account", ""), after
            ),
            risk="Pods that start afterwards speak as the workload itself, not as the Google service account",
        )
        if after
        else None,
        notes=(f"Before: {before.get('account') or 'nobody'}",)
        if before is not None
        else ("The entry does not show what was patched: it may have been something else.",)
        if unseen
        else (),
    )


RULES: Final = (
    cluster_without_workload_identity,
    node_pool_without_gke_metadata,
    cluster_legacy_authorization,
    kubernetes_service_account_annotation_changed,
)
