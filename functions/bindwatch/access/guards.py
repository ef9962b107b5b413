"""What takes permissions away again: deny policies and principal access boundaries.

Both only count where they surely apply. A denied principal who may be exempt, a condition that cannot be evaluated, a
boundary that was not read: each leaves the risk as it is.
"""

from dataclasses import dataclass
from datetime import datetime
from functools import lru_cache

from bindwatch.access.conditions import Circumstances, evaluate
from bindwatch.access.membership import Membership
from bindwatch.inventory import Inventory
from bindwatch.inventory.hierarchy import DenyPolicy, DenyRule, Organization, PolicyBinding
from bindwatch.knowledge.escalation import dangerous_bits, dangerous_mask, named
from bindwatch.knowledge.permissions import pattern_matches
from bindwatch.model.policy import Condition
from bindwatch.model.principal import Principal, PrincipalKind, parse_member
from bindwatch.model.resource import project_name


def denied_principal(text: str) -> Principal | None:
    """Whom an entry of a deny rule names; None where it names nobody.

    Deny policies have a spelling of their own (`principal://goog/subject/EMAIL`); members as allow policies write them
    are nobody there (https://cloud.google.com/iam/docs/principal-identifiers#deny).
    """
    if not text.startswith(("principal://", "principalSet://")):
        return None
    principal = parse_member(text)
    return None if principal.is_malformed else principal


@dataclass(frozen=True, slots=True)
class HeldBack:
    """What guards take from a principal on a resource: dangerous permissions, as bits, and the guards in words."""

    permissions: int
    words: tuple[str, ...]


class Guards:
    """Answers which dangerous permissions a principal surely cannot use on a resource."""

    def __init__(self, inventory: Inventory, membership: Membership, as_of: datetime) -> None:
        self._inventory = inventory
        self._membership = membership
        self._as_of = as_of
        self._denies = bool(inventory.all(DenyPolicy))
        self._bounds = bool(inventory.all(PolicyBinding))
        self._denied: dict[tuple[str, str], int] = {}
        self._eligible: dict[str, tuple[str, ...] | None] = {}

    def denied(self, principal: Principal, resource: str) -> int:
        """The dangerous permissions that deny policies on the resource, or above it, take from the principal."""
        if not self._denies:
            return 0
        key = (principal.identity, resource)
        known = self._denied.get(key)
        if known is None:
            known = 0
            for policy in self._inventory.deny_policies_over(resource):
                known |= self._denied_by(policy, principal)
            self._denied[key] = known
        return known

    def held_back(self, principal: Principal, resource: str, risk: int) -> HeldBack | None:
        """What of these permissions the principal surely cannot use on a resource, and why; None where nothing is."""
        if self.is_out_of_bounds(principal, resource):
            return HeldBack(risk & dangerous_mask(), ("A principal access boundary leaves the resource out.",))
        taken = self.denied(principal, resource) & risk
        if not taken:
            return None
        words = []
        for policy in self._inventory.deny_policies_over(resource):
            if bits := self._denied_by(policy, principal) & risk:
                names = named(bits)
                listed = ", ".join(names[:3]) + (f" and {len(names) - 3} more" if len(names) > 3 else "")
                words.append(f"Deny policy {policy.name.rpartition('/')[2]} takes away, while it stands: {listed}.")
        return HeldBack(taken, tuple(words))

    def _denied_by(self, policy: DenyPolicy, principal: Principal) -> int:
        bits = 0
        for rule in policy.rules:
            if self._applies(rule, principal):
                bits |= _denied_bits(rule.denied_permissions, rule.exception_permissions)
        return bits

    def _applies(self, rule: DenyRule, principal: Principal) -> bool:
        if not self._holds(rule.condition):
            return False
        denied = filter(None, map(denied_principal, rule.denied_principals))
        if not any(self._membership.surely_in(principal, wider) for wider in denied):
            return False
        excepted = map(parse_member, rule.exception_principals)
        return not any(self._membership.may_overlap(principal, other) for other in excepted)

    def _holds(self, condition: Condition | None) -> bool:
        if condition is None or not condition.expression:
            return True
        return evaluate(condition.expression, Circumstances(time=self._as_of)) is True

    def is_out_of_bounds(self, principal: Principal, resource: str) -> bool:
        """Whether principal access boundaries keep the principal from the resource and from all that lies in it."""
        if not self._bounds:
            return False
        identity = principal.identity
        if identity not in self._eligible:
            self._eligible[identity] = self._eligible_for(principal)
        eligible = self._eligible[identity]
        if eligible is None:
            return False
        above = self._inventory.ancestors(resource)
        return not any(name in above or resource in self._inventory.ancestors(name) for name in eligible)

    def _eligible_for(self, principal: Principal) -> tuple[str, ...] | None:
        """The resources boundaries make eligible for the principal; `None` where none surely binds it."""
        found: list[str] = []
        bound = False
        for target in self._targets(principal):
            for binding, boundary in self._inventory.boundaries_bound_to(target):
                if not self._holds(binding.condition):
                    continue
                if boundary is None:
                    return None
                bound = True
                for rule in boundary.rules:
                    if rule.effect in ("ALLOW", ""):
                        found.extend(self._inventory.canonical(name) for name in rule.resources)
        return tuple(found) if bound else None

    def _targets(self, principal: Principal) -> tuple[str, ...]:
        """The principal sets a boundary can be bound to that surely hold the principal."""
        match principal.kind:
            case PrincipalKind.SERVICE_ACCOUNT if principal.is_user_managed_service_account:
                project = principal.project or principal.project_number
                return self._inventory.ancestors(project_name(self._inventory.project_id(project))) if project else ()
            case PrincipalKind.USER:
                return self._targets_of_person(principal)
            case PrincipalKind.FEDERATED | PrincipalKind.FEDERATED_SET | PrincipalKind.WORKLOAD_SET:
                return self._pool_and_above(principal)
            case PrincipalKind.WORKLOAD:
                return self._pool_and_above(principal)
            case PrincipalKind.WORKFORCE | PrincipalKind.WORKFORCE_SET:
                return (f"//iam.googleapis.com/locations/global/workforcePools/{principal.pool}",)
            case _:
                return ()

    def _targets_of_person(self, principal: Principal) -> tuple[str, ...]:
        targets: list[str] = []
        for organization in self._inventory.all(Organization):
            if organization.display_name and organization.display_name.lower() == principal.domain:
                targets.append(organization.name)
                if organization.customer_id:
                    targets.append(f"//iam.googleapis.com/locations/global/workspace/{organization.customer_id}")
        return tuple(targets)

    def _pool_and_above(self, principal: Principal) -> tuple[str, ...]:
        project = principal.project or principal.project_number
        if not project:
            return ()
        home = self._inventory.project_id(project)
        number = self._inventory.project_number(home)
        pools = [
            f"//iam.googleapis.com/projects/{name}/locations/global/workloadIdentityPools/{principal.pool}"
            for name in dict.fromkeys((home, number))
            if name
        ]
        return (*pools, *self._inventory.ancestors(project_name(home)))


@lru_cache(maxsize=2)
def guards_of(inventory: Inventory, as_of: datetime) -> Guards | None:
    """The guards of an inventory, made once for whoever asks; None where it holds none."""
    return Guards(inventory, Membership(inventory), as_of) if inventory.has_guards else None


@lru_cache(maxsize=4096)
def _denied_bits(denied: tuple[str, ...], excepted: tuple[str, ...]) -> int:
    bits = 0
    for permission, bit in dangerous_bits().items():
        if _matches(denied, permission) and not _matches(excepted, permission):
            bits |= bit
    return bits


def _matches(patterns: tuple[str, ...], permission: str) -> bool:
    return any(pattern_matches(pattern, permission) for pattern in patterns)
