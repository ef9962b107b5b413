"""Which sets an identity belongs to: groups that were read, domains, and the sets of identity pools."""

from collections import defaultdict

from bindwatch.inventory import Inventory
from bindwatch.inventory.hierarchy import Group
from bindwatch.model.principal import Principal, PrincipalKind, parse_member
from bindwatch.model.resource import project_name

PUBLIC = frozenset({"allUsers", "allAuthenticatedUsers"})

_SINGLE = frozenset(
    {
        PrincipalKind.USER,
        PrincipalKind.SERVICE_ACCOUNT,
        PrincipalKind.WORKLOAD,
        PrincipalKind.FEDERATED,
        PrincipalKind.WORKFORCE,
        PrincipalKind.RESOURCE,
        PrincipalKind.AGENT,
    }
)
_IN_GROUPS = frozenset({PrincipalKind.USER, PrincipalKind.SERVICE_ACCOUNT, PrincipalKind.GROUP})


class Membership:
    """Answers which sets surely hold an identity, and whether one might."""

    def __init__(self, inventory: Inventory) -> None:
        self._inventory = inventory
        self._groups: defaultdict[str, set[str]] = defaultdict(set)
        self.members: dict[str, Principal] = {}
        for group in inventory.all(Group):
            for member in group.members:
                principal = parse_member(member)
                self.members[principal.identity] = principal
                self._groups[principal.identity].add(f"group:{group.email.lower()}")
        self._known: dict[str, tuple[str, ...]] = {}

    def sets_of(self, principal: Principal) -> tuple[str, ...]:
        """The identities of the sets that surely hold the principal; the public ones, which hold all, are left out."""
        identity = principal.identity
        known = self._known.get(identity)
        if known is None:
            found = dict.fromkeys((*self._nested_groups(identity), *self._other_sets(principal)))
            known = self._known[identity] = tuple(found)
        return known

    def _nested_groups(self, identity: str) -> list[str]:
        found: list[str] = []
        todo = sorted(self._groups.get(identity, ()))
        while todo:
            group = todo.pop()
            if group not in found:
                found.append(group)
                todo.extend(sorted(self._groups.get(group, ())))
        return found

    def _other_sets(self, principal: Principal) -> list[str]:
        match principal.kind:
            case PrincipalKind.USER:
                return [f"domain:{principal.domain}"]
            case PrincipalKind.SERVICE_ACCOUNT:
                return self._sets_of_account(principal)
            case PrincipalKind.WORKLOAD:
                sets = [f"{principal.pool}/*"]
                if principal.namespace:
                    sets.append(f"{principal.pool}/namespace/{principal.namespace}")
                    sets += self._clusters(principal)
                return sets
            case PrincipalKind.FEDERATED | PrincipalKind.WORKFORCE:
                pool, found, _ = principal.member.partition("/subject/")
                return [f"{pool.replace('principal:', 'principalSet:', 1)}/*"] if found else []
            case _:
                return []

    def _sets_of_account(self, principal: Principal) -> list[str]:
        project = principal.project or principal.project_number
        if not project:
            return []
        sets = []
        for above in self._inventory.ancestors(project_name(self._inventory.project_id(project))):
            path = above.partition("//cloudresourcemanager.googleapis.com/")[2]
            collection, _, name = path.partition("/")
            if collection == "projects":
                name = self._inventory.project_number(name)
            if name:
                sets.append(
                    f"principalSet://cloudresourcemanager.googleapis.com/{collection}/{name}/type/ServiceAccount"
                )
        return sets

    def _clusters(self, principal: Principal) -> list[str]:
        accounts = self._inventory.ksas_of_pool(principal.pool, principal.namespace, principal.service_account)
        clusters = (self._inventory.cluster(account.cluster) for account in accounts)
        return [f"{principal.pool}/kubernetes.cluster/{cluster.issuer}" for cluster in clusters if cluster is not None]

    def surely_in(self, principal: Principal, wider: Principal) -> bool:
        """Whether the one is the other, or belongs to it."""
        identity = wider.identity
        if identity == principal.identity or identity == "allUsers":
            return True
        if identity == "allAuthenticatedUsers":
            return principal.kind in (PrincipalKind.USER, PrincipalKind.SERVICE_ACCOUNT)
        return identity in self.sets_of(principal)

    def may_overlap(self, principal: Principal, other: Principal) -> bool:
        """Whether somebody could be both; true wherever that cannot be ruled out."""
        if self.surely_in(principal, other) or self.surely_in(other, principal):
            return True
        if principal.kind in _SINGLE and other.kind in _SINGLE:
            return False
        for one, group in ((principal, other), (other, principal)):
            if group.kind is PrincipalKind.GROUP and one.kind in _SINGLE:
                return one.kind in _IN_GROUPS and not self._is_fully_known(group.email)
        if principal.pool and other.pool:
            return principal.pool == other.pool
        if other.kind is PrincipalKind.DOMAIN and principal.kind is PrincipalKind.USER:
            return False
        return not (principal.pool or other.pool)

    def _is_fully_known(self, email: str) -> bool:
        """Whether every member of a group was read, those of the groups in it included."""
        todo, seen = [email], set()
        while todo:
            current = todo.pop().lower()
            if current in seen:
                continue
            seen.add(current)
            group = self._inventory.group(current)
            if group is None:
                return False
            todo.extend(member[6:] for member in group.members if member.startswith("group:"))
        return True
