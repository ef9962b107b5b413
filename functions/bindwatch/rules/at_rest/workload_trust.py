"""Grants to Kubernetes workloads that hold, but for more or for others than was meant."""

from collections import defaultdict
from collections.abc import Iterator
from typing import Final

from bindwatch.inventory import Inventory, Part
from bindwatch.inventory.clusters import Cluster
from bindwatch.inventory.identities import ServiceAccountKey
from bindwatch.inventory.workloads import KubernetesServiceAccount
from bindwatch.model.change import RemoveBinding, SetServiceAccountKeyEnabled, remedy
from bindwatch.model.finding import AssetRef, Category, Severity
from bindwatch.model.policy import Grant
from bindwatch.model.principal import Principal, parse_member
from bindwatch.model.resource import display, project_name
from bindwatch.rule import Context, Match, inventory_rule
from bindwatch.rules import standing
from bindwatch.rules.grant_risk import risk_of_grant

_MINTING: Final = frozenset({"roles/iam.workloadIdentityUser", "roles/iam.serviceAccountTokenCreator"})
_WORKLOAD_USER: Final = "roles/iam.workloadIdentityUser"


def _grants(inventory: Inventory) -> Iterator[tuple[str, Grant]]:
    """Every grant to one Kubernetes service account."""
    for resource, binding, member in inventory.workload_grants:
        principal = parse_member(member)
        if principal.is_workload and principal.service_account and not principal.deleted:
            yield resource, Grant(binding.role, member, principal, binding.condition)


def _clusters(inventory: Inventory, principal: Principal) -> tuple[Cluster, ...] | None:
    """All clusters of the principal's pool, each with its service accounts; None where some may not have been read."""
    clusters = inventory.clusters_of_pool(principal.pool)
    home = project_name(principal.project or principal.pool.partition(".svc.id.goog")[0])
    if not clusters or not inventory.has(Part.CLUSTERS, home):
        return None
    where = f"/k8s/namespaces/{principal.namespace}" if principal.namespace else ""
    if not all(inventory.has(Part.KUBERNETES_SERVICE_ACCOUNTS, f"{cluster.name}{where}") for cluster in clusters):
        return None
    return clusters


def _weight(grant: Grant, resource: str, context: Context, floor: Severity) -> Severity:
    found = risk_of_grant(grant, resource, context)
    return max(floor, min(found.severity, Severity.HIGH)) if found else floor


def _words(principal: Principal) -> str:
    return f"{principal.namespace}/{principal.service_account}"


@inventory_rule(
    "workload-grant-dangling",
    Severity.MEDIUM,
    Category.OVER_PRIVILEGE,
    needs=[Part.POLICIES, Part.CLUSTERS, Part.KUBERNETES_SERVICE_ACCOUNTS],
    techniques=["T1098.003"],
)
def workload_grant_dangling(inventory: Inventory, context: Context) -> Iterator[Match]:
    """A role was granted to a Kubernetes service account that no cluster of the pool has.

    ## Why it matters
    Whoever may make a namespace and a service account in any cluster of the project, now or later, inherits the grant.
    The pool outlives its clusters, and so does the grant.

    ## What to do
    Remove the grant, or put the name right if the workload was renamed.

    ## Known false positives
    A grant made before the workload is deployed. Those made minutes ago are seen as such by their log entry.

    ## Blind spots
    Pools of which some cluster, or its service accounts, were not read: nothing is said of them.
    """
    for resource, grant in _grants(inventory):
        principal = grant.principal
        if _clusters(inventory, principal) is None:
            continue
        if inventory.ksas_of_pool(principal.pool, principal.namespace, principal.service_account):
            continue
        yield Match(
            subject=standing.subject_of(grant),
            title=f"{grant.role} on {display(resource)} waits for whoever makes {_words(principal)} in the pool "
            f"{principal.pool}: no cluster has it",
            resource_name=resource,
            principal=principal.identity,
            severity=_weight(grant, resource, context, Severity.MEDIUM),
            evidence=(AssetRef(resource),),
            remediation=standing.removal(grant, resource),
        )
    yield from _to_gone_uids(inventory)


def _to_gone_uids(inventory: Inventory) -> Iterator[Match]:
    """Grants to one Kubernetes service account by its uid, which nothing will ever have again."""
    of_pools: dict[str, frozenset[str]] = {}
    for resource, binding, member in inventory.workload_grants:
        principal = parse_member(member)
        if not principal.ksa_uid or principal.deleted or _clusters(inventory, principal) is None:
            continue
        uids = of_pools.get(principal.pool)
        if uids is None:
            uids = of_pools[principal.pool] = _uids(inventory, principal.pool)
        if principal.ksa_uid in uids or "" in uids:
            continue
        grant = Grant(binding.role, member, principal, binding.condition)
        yield Match(
            subject=standing.subject_of(grant),
            title=f"{grant.role} on {display(resource)} is for uid {principal.ksa_uid} of the pool {principal.pool}, "
            "which no service account has: it was deleted, or made anew",
            resource_name=resource,
            principal=principal.identity,
            severity=Severity.LOW,
            evidence=(AssetRef(resource),),
            remediation=standing.removal(
                grant,
                resource,
                f"Remove it; grant {grant.role} by namespace and name to the account that was made anew",
                risk="None: a uid is never given again, so the grant serves nobody.",
            ),
        )


def _uids(inventory: Inventory, pool: str) -> frozenset[str]:
    names = {cluster.name for cluster in inventory.clusters_of_pool(pool)}
    return frozenset(item.uid for item in inventory.all(KubernetesServiceAccount) if item.cluster in names)


@inventory_rule(
    "workload-identity-shared-by-clusters",
    Severity.MEDIUM,
    Category.OVER_PRIVILEGE,
    needs=[Part.POLICIES, Part.CLUSTERS, Part.KUBERNETES_SERVICE_ACCOUNTS],
    techniques=["T1078.004"],
)
def workload_identity_shared_by_clusters(inventory: Inventory, context: Context) -> Iterator[Match]:
    """One grant served workloads of the same name in several clusters.

    ## Why it matters
    IAM sees pool, namespace and name, not the cluster: who can deploy to the least guarded cluster of the project has
    what the production workload was given.

    ## What to do
    Keep clusters of different trust in different projects; or grant to a principal set of one cluster
    (`kubernetes.cluster/…`).

    ## Known false positives
    The same service in several regions, on purpose: then it is meant.

    ## Blind spots
    Clusters that were not read.
    """
    for resource, grant in _grants(inventory):
        principal = grant.principal
        same = inventory.ksas_of_pool(principal.pool, principal.namespace, principal.service_account)
        if len(same) < 2:
            continue
        names = sorted(item.cluster.rpartition("/")[2] for item in same)
        yield Match(
            subject=standing.subject_of(grant),
            title=f"{_words(principal)} of {len(same)} clusters ({', '.join(names[:4])}) share {grant.role} on "
            f"{display(resource)}",
            resource_name=resource,
            principal=principal.identity,
            severity=_weight(grant, resource, context, Severity.LOW),
            evidence=(AssetRef(resource), *(AssetRef(item.resource) for item in same)),
        )


@inventory_rule(
    "default-workload-identity-bound",
    Severity.MEDIUM,
    Category.OVER_PRIVILEGE,
    needs=[Part.POLICIES],
    techniques=["T1078.004"],
)
def default_workload_identity_bound(inventory: Inventory, context: Context) -> Iterator[Match]:
    """A role was granted to the `default` service account of a Kubernetes namespace.

    ## Why it matters
    Every pod of the namespace that names no account runs as it, the next debugging pod included.

    ## What to do
    Make a service account for the workload that needs the role, name it in the pod, grant to it, remove this grant.

    ## Known false positives
    Namespaces of one workload.

    ## Blind spots
    None known.
    """
    for resource, grant in _grants(inventory):
        if grant.principal.service_account == "default":
            yield Match(
                subject=standing.subject_of(grant),
                title=f"Every pod of namespace {grant.principal.namespace} that names no account has {grant.role} on "
                f"{display(resource)}",
                resource_name=resource,
                principal=grant.principal.identity,
                severity=_weight(grant, resource, context, Severity.MEDIUM),
                evidence=(AssetRef(resource),),
                remediation=standing.removal(
                    grant, resource, "Grant to an account of the workload's own, then remove this grant"
                ),
            )


@inventory_rule(
    "service-account-shared-by-workloads",
    Severity.LOW,
    Category.OVER_PRIVILEGE,
    needs=[Part.POLICIES],
    techniques=["T1078.004"],
)
def service_account_shared_by_workloads(inventory: Inventory, context: Context) -> Iterator[Match]:
    """Workloads of several namespaces or pools could become one service account.

    ## Why it matters
    What is granted for one is granted to all, and the log of the account does not say which of them it was. The weakest
    of them decides how safe it is.

    ## What to do
    One service account for one workload.

    ## Known false positives
    One workload that is deployed to several namespaces on purpose.

    ## Blind spots
    Workloads that come through a whole namespace or pool have a rule of their own.
    """
    homes: defaultdict[str, dict[tuple[str, str], str]] = defaultdict(dict)
    for resource, grant in _grants(inventory):
        if grant.role == _WORKLOAD_USER and "/serviceAccounts/" in resource:
            homes[resource].setdefault((grant.principal.pool, grant.principal.namespace), _words(grant.principal))
    for resource, places in homes.items():
        if len(places) < 2:
            continue
        pools = {pool for pool, _ in places}
        yield Match(
            subject="workloads",
            title=f"Workloads of {len(places)} namespaces can become {resource.rpartition('/')[2]}",
            resource_name=resource,
            severity=Severity.MEDIUM if len(pools) > 1 else None,
            notes=(f"They are: {', '.join(sorted(places.values())[:6])}.",),
            evidence=(AssetRef(resource),),
        )


@inventory_rule(
    "workload-has-two-identities",
    Severity.LOW,
    Category.HYGIENE,
    needs=[Part.POLICIES, Part.KUBERNETES_SERVICE_ACCOUNTS],
    techniques=["T1078.004"],
)
def workload_has_two_identities(inventory: Inventory, context: Context) -> Iterator[Match]:
    """A Kubernetes service account was annotated with a service account and held roles directly, too.

    ## Why it matters
    The annotation wins: its pods act as the service account, and the direct grants are never used. They wait for the
    day on which somebody removes the annotation.

    ## What to do
    Decide for one of the two; remove the grants, or the annotation.

    ## Known false positives
    The days of a move from one to the other.

    ## Blind spots
    Clients that exchange tokens by themselves do not read the annotation.
    """
    direct: defaultdict[tuple[str, str, str], list[tuple[str, Grant]]] = defaultdict(list)
    for resource, grant in _grants(inventory):
        if grant.role != _WORKLOAD_USER:
            principal = grant.principal
            direct[(principal.pool, principal.namespace, principal.service_account)].append((resource, grant))
    if not direct:
        return
    for ksa in inventory.all(KubernetesServiceAccount):
        cluster = inventory.cluster(ksa.cluster)
        if cluster is None or not ksa.google_service_account:
            continue
        held = direct.get((cluster.identity_pool, ksa.namespace, ksa.name), ())
        if held:
            removals = tuple(RemoveBinding(name, grant.role, grant.member, grant.condition) for name, grant in held)
            yield Match(
                subject=f"{ksa.namespace}/{ksa.name}",
                title=f"{ksa.namespace}/{ksa.name} acts as {ksa.google_service_account}, and its {len(held)} direct "
                "grants are not used",
                resource_name=ksa.resource,
                principal=held[0][1].principal.identity,
                notes=tuple(f"{grant.role} on {display(name)}" for name, grant in held[:5]),
                evidence=(AssetRef(ksa.resource), *(AssetRef(name) for name, _ in held)),
                remediation=remedy("Remove the grants that are not used", *removals),
            )


@inventory_rule(
    "keyed-account-of-workloads",
    Severity.HIGH,
    Category.OVER_PRIVILEGE,
    needs=[Part.POLICIES, Part.KEYS],
    techniques=["T1552.001", "T1098.001"],
)
def keyed_account_of_workloads(inventory: Inventory, context: Context) -> Iterator[Match]:
    """A service account had a key of its own although all that become it are workloads, which need none.

    ## Why it matters
    The workloads get tokens without any secret. The key beside them is what the move to Workload Identity was to end: a
    secret that lives for years, that works from anywhere, and that nobody misses when it is stolen.

    ## What to do
    Disable the key, watch for a day, delete it; forbid new ones with the policy `iam.disableServiceAccountKeyCreation`.

    ## Known false positives
    A job outside of Google Cloud that still uses the key: move it to workload identity federation.

    ## Blind spots
    Accounts that are attached to machines or services are left to user-managed-key.
    """
    keys: defaultdict[str, list[ServiceAccountKey]] = defaultdict(list)
    for key in inventory.all(ServiceAccountKey):
        if key.user_managed and not key.disabled:
            keys[key.service_account].append(key)
    for email, held in keys.items():
        resource = inventory.service_account_name(email)
        policy = inventory.policy(resource)
        minting = [
            parse_member(member)
            for binding in (policy.bindings if policy else ())
            if binding.role in _MINTING
            for member in binding.members
        ]
        if not minting or not all(principal.pool or principal.deleted for principal in minting):
            continue
        project = inventory.project_of(resource)
        yield Match(
            subject="keys",
            title=f"{email} has {len(held)} user-managed {'key' if len(held) == 1 else 'keys'}, and only workloads "
            "become it, which need none",
            resource_name=resource,
            principal=email,
            evidence=(AssetRef(resource, policy.etag if policy else ""), *(AssetRef(key.name) for key in held[:10])),
            remediation=remedy(
                "Disable the keys, watch for a day, then delete them",
                *(SetServiceAccountKeyEnabled(email, key.key_id, enabled=False, project=project) for key in held),
                risk="What still uses a key stops working: disabling shows that and can be undone.",
            ),
        )


RULES: Final = (
    workload_grant_dangling,
    keyed_account_of_workloads,
    workload_identity_shared_by_clusters,
    default_workload_identity_bound,
    service_account_shared_by_workloads,
    workload_has_two_identities,
)
