"""Node pools and the cluster: the GKE metadata server, Workload Identity itself, fleets, limits."""

from typing import Final

from bindwatch.diagnosis.case import Case, Runner, Style
from bindwatch.diagnosis.checks.pod import refs_of, words
from bindwatch.diagnosis.outcome import Clear, Evidence, Fix, Found, Outcome, Unknown, asset, entry, found
from bindwatch.inventory import Part
from bindwatch.inventory.clusters import Cluster, NodePool
from bindwatch.inventory.workloads import METADATA_SERVER_LABEL, NODE_POOL_LABEL, Pod
from bindwatch.model.change import SetClusterWorkloadPool, SetNodePoolMetadata
from bindwatch.model.cloud_change import RegisterInFleet
from bindwatch.model.workload_change import MountFleetToken, SelectNodes

MOST_KSAS: Final = 3000
"""Kubernetes service accounts per cluster that the metadata server supports. Source: GKE documentation."""
MOST_CONNECTIONS: Final = 500
"""Concurrent connections per node that the metadata server takes. Source: GKE documentation."""
_WIDE: Final = "https://www.googleapis.com/auth/cloud-platform"


def _without_pools(case: Case) -> Outcome:
    if case.cluster is not None and case.cluster.autopilot:
        return Clear("Autopilot nodes always run the GKE metadata server")
    if case.cluster is not None and not case.cluster.identity_pool and not case.is_fleet:
        return None
    return Unknown(case.needs(Part.NODE_POOLS))


def _placed(case: Case) -> tuple[dict[str, list[Runner]], bool]:
    """Runners by the node pool they are on, or bound to; and whether any could not be placed."""
    placed: dict[str, list[Runner]] = {}
    unplaced = False
    for runner in case.pods or case.runners:
        pool = case.inventory.node_pool_of(case.cluster_name, runner.spec)
        if pool is None:
            unplaced = unplaced or not runner.spec.requires_metadata_server
        else:
            placed.setdefault(pool.name, []).append(runner)
    return placed, unplaced


def _serves(case: Case, pool: NodePool) -> bool:
    return pool.serves_workload_identity or (case.cluster is not None and case.cluster.autopilot)


def node_pool_metadata(case: Case) -> Outcome:
    """The pool of the pod's node still shows the Compute Engine metadata server."""
    if case.is_fleet:
        return None
    pools = case.node_pools
    if not pools or (case.cluster is not None and case.cluster.autopilot):
        return _without_pools(case)
    bad = {pool.name: pool for pool in pools if not _serves(case, pool)}
    if not bad:
        return Clear("every node pool runs the GKE metadata server")
    placed, _ = _placed(case)
    if placed and not bad.keys() & placed.keys():
        return Clear("the node pools of its pods run the GKE metadata server")
    if placed.keys() - bad.keys():
        return Clear("some of its pods are on node pools that run it: see mixed-node-pools")
    if not placed and len(bad) < len(pools):
        return Clear("some node pools run it: see mixed-node-pools")
    wrong = [bad[name] for name in placed] if placed else list(bad.values())
    shown = [runner for name in placed for runner in placed[name]]
    evidence = [asset(f"node pool {pool.id} has workload metadata {pool.metadata_mode or 'unset'}", pool.name)
                for pool in wrong[:3]]  # fmt: skip
    evidence += [asset(f"{words(runner)} is on it", runner.resource) for runner in shown[:3]]
    return found(
        tuple(evidence),
        Fix(
            "Let the node pool run the GKE metadata server",
            metadata_changes(case, wrong),
            risk="The nodes are recreated, and pods on them that use the node's service account lose it at once.",
        ),
    )


def metadata_changes(case: Case, pools: list[NodePool]) -> tuple[SetNodePoolMetadata, ...]:
    """What makes node pools run the GKE metadata server."""
    cluster = case.cluster
    location = cluster.location if cluster is not None else case.cluster_name.split("/")[-3]
    return tuple(
        SetNodePoolMetadata(pool.project, location, pool.cluster.rpartition("/")[2], pool.id,
                            previous=pool.metadata_mode)
        for pool in pools
    )  # fmt: skip


def mixed_node_pools(case: Case) -> Outcome:
    """Some replicas are on pools that run the metadata server and some are not."""
    if case.is_fleet:
        return None
    pools = case.node_pools
    if not pools or (case.cluster is not None and case.cluster.autopilot):
        return _without_pools(case)
    bad = [pool for pool in pools if not _serves(case, pool)]
    if not bad or len(bad) == len(pools):
        return Clear("the node pools are alike")
    placed, _ = _placed(case)
    names = {pool.name for pool in bad}
    pinned = case.runners and all(_pinned(runner) for runner in case.runners)
    if pinned and not names & placed.keys():
        return Clear("its node selector keeps it on nodes that run the GKE metadata server")
    if placed and (not names & placed.keys() or not placed.keys() - names):
        return Clear("all of its pods are on the same kind of node pool")
    if not case.runners and not case.seen(Part.PODS, case.scope):
        return Unknown(case.needs(Part.PODS))
    if not case.runners:
        return Clear("nothing runs as it at the moment")
    refs = refs_of(case, case.runners)
    good = [pool.id for pool in pools if pool.name not in names]
    return found(
        (
            asset(f"node pool {bad[0].id} has workload metadata {bad[0].metadata_mode or 'unset'}", bad[0].name),
            asset(f"node pool {good[0]} runs the GKE metadata server, and nothing binds {words(case.runners[0])} to it",
                  case.runners[0].resource),
        ),
        Fix(
            "Bind the pods to nodes that run the GKE metadata server",
            tuple(SelectNodes(ref, METADATA_SERVER_LABEL, "true") for ref in refs),
            risk="The pods restart, and wait if those nodes have no room.",
        ),
    )  # fmt: skip


def _pinned(runner: Runner) -> bool:
    return runner.spec.requires_metadata_server or NODE_POOL_LABEL in dict(runner.spec.node_selector)


def node_scopes(case: Case) -> Outcome:
    """The application gets the node's token, whose scopes are narrow. Scopes do not limit Workload Identity."""
    if case.is_fleet or (case.cluster is not None and case.cluster.autopilot):
        return None
    if case.cluster is None:
        return Unknown(case.needs(Part.CLUSTERS))
    pools = case.node_pools
    if not pools:
        return _without_pools(case)
    narrow = [pool for pool in pools if pool.oauth_scopes and _WIDE not in pool.oauth_scopes]
    if not narrow:
        return Clear("the scopes of the nodes are wide")
    text, told = case.said("scopes")
    refusal = next((item for item in case.refusals if "scopes" in item.symptoms), None)
    uses_node = (
        not case.cluster.identity_pool
        or any(runner.spec.host_network for runner in case.runners)
        or all(not pool.serves_workload_identity for pool in narrow)
    )
    if text is None and refusal is None and not told and not uses_node:
        return Clear("the GKE metadata server does not look at the scopes of the node")
    placed, _ = _placed(case)
    on = [pool for pool in narrow if not placed or pool.name in placed]
    if not on:
        return Clear("its pods are on nodes with wide scopes")
    evidence = [asset(f"node pool {pool.id} has {len(pool.oauth_scopes)} narrow scopes", pool.name) for pool in on[:2]]
    if text is not None:
        evidence.append(entry("the application was refused for the scopes of its token", text.ref))
    if refusal is not None:
        evidence.append(entry("a call was refused for the scopes of its token", refusal.ref))
    good = {pool.name for pool in pools if pool.serves_workload_identity}
    repairs: tuple[SetClusterWorkloadPool | SetNodePoolMetadata, ...] = ()
    if not case.cluster.identity_pool:
        repairs = cluster_changes(case, case.cluster)
    elif any(pool.name not in good for pool in on):
        repairs = metadata_changes(case, [pool for pool in on if pool.name not in good])
    return found(
        tuple(evidence),
        Fix(
            "Use Workload Identity, whose tokens the scopes of the node do not limit",
            repairs,
            risk="The nodes are recreated.",
            outside="" if repairs else "the client asks for narrow scopes itself, or still holds a token of the node",
        ),
    )


def cluster_changes(case: Case, cluster: Cluster) -> tuple[SetClusterWorkloadPool | SetNodePoolMetadata, ...]:
    """What turns Workload Identity on: the cluster, then each of its node pools, which otherwise stay as they are."""
    pool = f"{cluster.project}.svc.id.goog"
    bad = [item for item in case.node_pools if not item.serves_workload_identity]
    return (
        SetClusterWorkloadPool(cluster.project, cluster.location, cluster.id, pool),
        *metadata_changes(case, bad),
    )


def workload_identity_disabled(case: Case) -> Outcome:
    """The cluster has no workload pool."""
    if case.is_fleet:
        return None
    if case.cluster is None:
        return Unknown(case.needs(Part.CLUSTERS))
    if case.cluster.identity_pool:
        return Clear(f"the cluster's pool is {case.cluster.identity_pool}")
    return found(
        asset(f"{case.where} has no workload pool", case.cluster.name),
        Fix(
            "Turn on Workload Identity for the cluster, then the GKE metadata server for each node pool",
            cluster_changes(case, case.cluster),
            risk="The nodes are recreated, and pods that use the node's service account lose it at once.",
        ),
    )


def fleet_pool(case: Case) -> Outcome:
    """Pool of the fleet, audience of the projected tokens and members of the bindings do not agree."""
    if case.style is not Style.FLEET:
        return None
    outcome = _configured_pool(case)
    return outcome if isinstance(outcome, Found) else _audience_refused(case) or outcome


def _audience_refused(case: Case) -> Found | None:
    """What the token service says of the audience, whatever the configuration looks like."""
    refusal = next((item for item in case.refusals if "fleet-audience" in item.symptoms), None)
    text, told = case.said("fleet-audience")
    what = "the token service knows no such audience: pool or provider are another, deleted or disabled"
    if refusal is not None:
        shown = entry(what, refusal.ref)
    elif text is not None:
        shown = entry(what, text.ref)
    elif told:
        shown = Evidence(f"the error text shows it: {what}")
    else:
        return None
    return found(
        shown,
        Fix(
            "Register the cluster again, with Workload Identity, and ask for the audience that its membership names",
            outside="the provider as the token service has it is not in the input",
        ),
    )


def _configured_pool(case: Case) -> Outcome:
    membership = case.membership
    if membership is None:
        other = [audience for audience in case.audiences if audience != case.pool]
        if not other:
            return Unknown(case.needs(Part.MEMBERSHIPS))
        return _asks_for_another(case, case.pool, other, asset(f"its grants name {case.pool}", case.pool_name))
    if not membership.workload_pool:
        cluster = case.cluster
        changes = (
            (RegisterInFleet(membership.project, membership.id, cluster.project, cluster.location, cluster.id),)
            if cluster is not None
            else ()
        )
        return found(
            asset(f"membership {membership.id} has no authority, so no pool takes the cluster's tokens",
                  membership.name),
            Fix(
                "Register the cluster in the fleet again, with Workload Identity",
                changes,
                outside="" if changes else "the cluster is outside GKE: register it with its own kubeconfig",
            ),
        )  # fmt: skip
    wrong = [audience for audience in case.audiences if audience != membership.workload_pool]
    if wrong:
        told = asset(f"the fleet's pool is {membership.workload_pool}", membership.name)
        return _asks_for_another(case, membership.workload_pool, wrong, told)
    for config in case.credential_configurations:
        if config.pool and config.pool != membership.workload_pool:
            right = f"identitynamespace:{membership.workload_pool}:{membership.identity_provider}"
            return found(
                (
                    asset(f"the credential configuration {config.name} asks for {config.pool}", config.resource),
                    asset(f"the fleet's pool is {membership.workload_pool}", membership.name),
                ),
                Fix(
                    f"Name the fleet's pool in ConfigMap {config.namespace}/{config.name}, and restart the pods",
                    outside=f'its "audience" must be "{right}"',
                ),
            )
    if not case.seen(Part.POLICIES):
        return Unknown("policies of the service accounts that may trust it")
    return Clear(f"the fleet's pool is {membership.workload_pool}")


def _asks_for_another(case: Case, pool: str, wrong: list[str], told: Evidence) -> Found:
    bad = tuple(runner for runner in case.runners if any(wrong[0] in token.audience for token in runner.spec.tokens))
    names = tuple(dict.fromkeys(item.name for runner in bad for item in runner.spec.containers if not item.is_init))
    maps = [
        name for runner in bad for volume in runner.spec.volumes for kind, name in volume.sources if kind == "configMap"
    ]
    volume = next((volume.name for runner in bad for volume in runner.spec.volumes if volume.tokens), "gcp-ksa")
    return found(
        (asset(f"{words(bad[0])} projects tokens for {wrong[0]}", bad[0].resource), told),
        Fix(
            f"Project the token for {pool}",
            tuple(
                MountFleetToken(ref, pool, maps[0] if maps else "fleet-default-credentials", names, volume)
                for ref in refs_of(case, bad)
            ),
            risk="The pods restart. The credential configuration must name the same audience.",
        ),
    )


def too_many_ksas(case: Case) -> Outcome:
    """More Kubernetes service accounts than the metadata server was made for."""
    if case.is_fleet:
        return None
    text, _ = case.said("metadata-crash")
    count = len(case.inventory.ksas_of(case.cluster_name))
    if count > MOST_KSAS:
        return found(
            asset(f"{case.where} has {count:,} Kubernetes service accounts, over {MOST_KSAS:,}", case.cluster_name),
            Fix(
                "Delete Kubernetes service accounts that nothing uses, or move namespaces to another cluster",
                outside="which accounts may go is for their owners to say",
            ),
        )
    if not case.seen(Part.KUBERNETES_SERVICE_ACCOUNTS, case.cluster_name):
        if text is not None:
            return found(
                entry("the metadata server runs out of memory", text.ref),
                Fix(
                    "Count the Kubernetes service accounts of the cluster, and delete those that nothing uses",
                    outside="their number is not in the input",
                ),
            )
        return Unknown(f"Kubernetes service accounts of all namespaces of {case.where}")
    return Clear(f"{case.where} has {count:,} Kubernetes service accounts")


def too_many_connections(case: Case) -> Outcome:
    """The node's pods hold more connections to the metadata server than it takes."""
    if case.is_fleet:
        return None
    text, _ = case.said("metadata-499")
    fix = Fix(
        "Cache credentials in the client (one client per process), and spread the pods over more nodes",
        outside="the connections are held by the applications",
    )
    if text is not None:
        return found(entry("the metadata server's log shows requests that gave up (HTTP 499)", text.ref), fix)
    nodes = {pod.spec.node_name for pod in case.pods if pod.spec.node_name}
    if not nodes:
        return no_nodes(case)
    for node in sorted(nodes):
        count = _clients_on(case).get(node, 0)
        if count > MOST_CONNECTIONS:
            return found(
                asset(f"node {node} runs {count:,} containers that may ask the metadata server, over"
                      f" {MOST_CONNECTIONS}", case.cluster_name),
                fix,
            )  # fmt: skip
    return Clear("its nodes run few enough containers")


def no_nodes(case: Case) -> Outcome:
    """What to say where no pod is placed."""
    if case.seen(Part.PODS, case.scope):
        return Clear("no pod of it is placed on a node")
    return Unknown(case.needs(Part.PODS))


def _clients_on(case: Case) -> dict[str, int]:
    """Containers per node of the cluster, counted once for each inventory and cluster."""
    cache: dict[str, dict[str, int]] = case.inputs.of_clusters.setdefault(("containers", ""), {})
    if case.cluster_name not in cache:
        counts: dict[str, dict[str, int]] = {}
        for pod in case.inventory.all(Pod):
            if pod.spec.node_name and not pod.spec.host_network:
                by_node = counts.setdefault(pod.cluster, {})
                by_node[pod.spec.node_name] = by_node.get(pod.spec.node_name, 0) + max(len(pod.spec.containers), 1)
        cache.update(counts)
        cache.setdefault(case.cluster_name, {})
    return cache[case.cluster_name]
