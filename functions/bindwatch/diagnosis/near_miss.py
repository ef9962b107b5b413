"""Who a binding was meant for: the grants of GKE workloads by identity, by name and by resource, and near misses."""

from collections import defaultdict
from collections.abc import Iterable
from dataclasses import dataclass
from enum import StrEnum
from functools import cached_property

from bindwatch.inventory import Inventory
from bindwatch.inventory.workloads import KubernetesServiceAccount
from bindwatch.model.policy import Binding
from bindwatch.model.principal import Principal, PrincipalKind, parse_member


@dataclass(frozen=True, slots=True)
class WorkloadGrant:
    """One binding that names a GKE workload, or a set of them, on one resource."""

    resource: str
    binding: Binding
    member: str
    principal: Principal


class Slip(StrEnum):
    """How a member differs from the one that was meant."""

    MALFORMED = "malformed"
    OTHER_POOL = "other-pool"
    OTHER_NAMES = "other-names"
    WRONG_NUMBER = "wrong-number"
    STALE_UID = "stale-uid"


@dataclass(frozen=True, slots=True)
class NearMiss:
    """A grant that was probably meant for a workload, and why it does not reach it."""

    grant: WorkloadGrant
    slip: Slip
    why: str


class GrantIndex:
    """Every grant of an inventory to GKE workloads, made once, asked for each workload."""

    def __init__(self, inventory: Inventory) -> None:
        self._inventory = inventory

    @cached_property
    def grants(self) -> tuple[WorkloadGrant, ...]:
        """All of them, misspelt ones included."""
        return tuple(
            WorkloadGrant(resource, binding, member, parse_member(member))
            for resource, binding, member in self._inventory.workload_grants
        )

    @cached_property
    def _by_identity(self) -> dict[str, list[WorkloadGrant]]:
        index: defaultdict[str, list[WorkloadGrant]] = defaultdict(list)
        for grant in self.grants:
            if not grant.principal.is_malformed and not grant.principal.deleted:
                index[grant.principal.identity].append(grant)
        return dict(index)

    @cached_property
    def _by_names(self) -> dict[tuple[str, str], list[WorkloadGrant]]:
        index: defaultdict[tuple[str, str], list[WorkloadGrant]] = defaultdict(list)
        for grant in self.grants:
            names = grant.principal.namespace.lower(), grant.principal.service_account.lower()
            if all(names):
                index[names].append(grant)
        return dict(index)

    @cached_property
    def _misspelt(self) -> dict[tuple[str, str], list[WorkloadGrant]]:
        index: defaultdict[tuple[str, str], list[WorkloadGrant]] = defaultdict(list)
        for grant in self.grants:
            if not grant.principal.is_malformed:
                continue
            likely = parse_member(grant.principal.likely) if grant.principal.likely else grant.principal
            for principal in (grant.principal, likely):
                names = principal.namespace.lower(), principal.service_account.lower()
                if all(names) and grant not in index[names]:
                    index[names].append(grant)
        return dict(index)

    @cached_property
    def _by_home(self) -> dict[tuple[str, str, str], list[WorkloadGrant]]:
        index: defaultdict[tuple[str, str, str], list[WorkloadGrant]] = defaultdict(list)
        for grant in self.grants:
            principal = grant.principal
            if principal.service_account and not principal.is_malformed:
                home = self._inventory.project_of(grant.resource)
                index[home, principal.namespace, principal.service_account].append(grant)
        return dict(index)

    @cached_property
    def _by_resource(self) -> dict[str, list[WorkloadGrant]]:
        index: defaultdict[str, list[WorkloadGrant]] = defaultdict(list)
        for grant in self.grants:
            index[grant.resource].append(grant)
        return dict(index)

    @cached_property
    def _by_uid_pool(self) -> dict[str, list[WorkloadGrant]]:
        index: defaultdict[str, list[WorkloadGrant]] = defaultdict(list)
        for grant in self.grants:
            if grant.principal.ksa_uid and not grant.principal.is_malformed:
                index[grant.principal.pool].append(grant)
        return dict(index)

    def of(self, identities: Iterable[str]) -> list[WorkloadGrant]:
        """The grants that reach a workload, given every identity it has (its own, its sets)."""
        return [grant for identity in identities for grant in self._by_identity.get(identity, ())]

    def named(self, namespace: str, account: str) -> list[WorkloadGrant]:
        """The grants whose member shows these names, whatever else it shows."""
        return self._by_names.get((namespace.lower(), account.lower()), [])

    def misspelt(self, namespace: str, account: str) -> list[WorkloadGrant]:
        """The grants with a member that IAM cannot match and that shows these names."""
        return self._misspelt.get((namespace.lower(), account.lower()), [])

    def named_in(self, project: str, namespace: str, account: str) -> list[WorkloadGrant]:
        """The grants on things of one project whose member has these names, in whichever pool."""
        return self._by_home.get((project, namespace, account), [])

    def on(self, resource: str) -> list[WorkloadGrant]:
        """The grants on one resource."""
        return self._by_resource.get(resource, [])

    def pinned(self, pool: str) -> list[WorkloadGrant]:
        """The grants to accounts of a pool that are pinned by uid."""
        return self._by_uid_pool.get(pool, [])

    @cached_property
    def names_of_pool(self) -> dict[str, frozenset[tuple[str, str]]]:
        """The (namespace, account) pairs that exist in each pool."""
        found: defaultdict[str, set[tuple[str, str]]] = defaultdict(set)
        pools: dict[str, set[str]] = {}
        for account in self._inventory.all(KubernetesServiceAccount):
            if account.cluster not in pools:
                pools[account.cluster] = pools_of_cluster(self._inventory, account.cluster)
            for pool in pools[account.cluster]:
                found[pool].add((account.namespace, account.name))
        return {pool: frozenset(names) for pool, names in found.items()}

    @cached_property
    def deleted_grants(self) -> dict[str, list[tuple[str, Binding, Principal]]]:
        """The grants that stay on deleted service accounts, by e-mail."""
        index: defaultdict[str, list[tuple[str, Binding, Principal]]] = defaultdict(list)
        for resource, policy in self._inventory.policies:
            for binding in policy.bindings:
                for member in binding.members:
                    if member.startswith("deleted:serviceAccount:"):
                        principal = parse_member(member)
                        if principal.email:
                            index[principal.email].append((resource, binding, principal))
        return dict(index)


def pools_of_cluster(inventory: Inventory, cluster: str) -> set[str]:
    """The pools that the workloads of a cluster are identities of: its own and its fleet's."""
    known = inventory.cluster(cluster)
    pools = {known.identity_pool} if known is not None else set()
    pools |= {membership.workload_pool for membership in inventory.memberships_of(cluster)}
    return pools - {""}


def near_miss(
    grant: WorkloadGrant, meant: Principal, number: str, living: frozenset[tuple[str, str]]
) -> NearMiss | None:
    """Whether a grant was probably meant for `meant` (a workload), and what is wrong with it.

    `number` is the project number of its pool ('' unknown); `living` are the names that exist in the pool: a member
    that names another living account is that account's, not a slip.
    """
    principal = grant.principal
    if principal.deleted:
        return None
    names = principal.namespace, principal.service_account
    wanted = meant.namespace, meant.service_account
    if principal.is_malformed:
        likely = parse_member(principal.likely) if principal.likely else None
        if likely is not None and likely.identity == meant.identity:
            return NearMiss(grant, Slip.MALFORMED, principal.problem)
        if tuple(map(str.lower, names)) == wanted or _shows(principal.member, wanted):
            return NearMiss(grant, Slip.MALFORMED, principal.problem or "it is not written as IAM writes members")
        return None
    if principal.kind is not PrincipalKind.WORKLOAD or not principal.service_account:
        return None
    if principal.pool != meant.pool:
        if names == wanted:
            return NearMiss(grant, Slip.OTHER_POOL, f"it names the pool {principal.pool}, not {meant.pool}")
        return None
    if names == wanted:
        if principal.project_number and number and principal.project_number != number:
            why = f"its project number is {principal.project_number}; that of {meant.project} is {number}"
            return NearMiss(grant, Slip.WRONG_NUMBER, why)
        return None
    if names in living:
        return None
    if names[1] == wanted[1]:
        return NearMiss(grant, Slip.OTHER_NAMES, f"it names the namespace {names[0]}, where no such account is")
    if names[0] == wanted[0] and _distance(names[1], wanted[1]) <= 2:
        return NearMiss(grant, Slip.OTHER_NAMES, f"it names {names[0]}/{names[1]}, which does not exist")
    if names[::-1] == wanted:
        return NearMiss(grant, Slip.OTHER_NAMES, "namespace and account stand in the wrong order")
    if _distance("/".join(names), "/".join(wanted)) <= 2:
        return NearMiss(grant, Slip.OTHER_NAMES, f"it names {names[0]}/{names[1]}, which does not exist")
    return None


def _shows(member: str, wanted: tuple[str, str]) -> bool:
    """Whether a misspelt member still shows both names as whole words."""
    text = member.lower()
    for sign in "[](){}<>/:,|\\\"'":
        text = text.replace(sign, " ")
    words = text.split()
    return wanted[0] in words and wanted[1] in words


def distance(one: str, other: str) -> int:
    """How many letters to insert, delete, replace or swap make one text of the other; 9 where it is many."""
    return _distance(one, other)


def _distance(one: str, other: str) -> int:
    if one == other:
        return 0
    if abs(len(one) - len(other)) > 3:
        return 9
    before: list[int] = []
    last = list(range(len(other) + 1))
    for i, char in enumerate(one, 1):
        row = [i]
        for j, its in enumerate(other, 1):
            cost = min(last[j] + 1, row[j - 1] + 1, last[j - 1] + (char != its))
            if i > 1 and j > 1 and char == other[j - 2] and one[i - 2] == its:
                cost = min(cost, before[j - 2] + 1)
            row.append(cost)
        before, last = last, row
    return min(last[-1], 9)
