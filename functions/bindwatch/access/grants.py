"""The dangerous grants of an inventory: read once, one integer per role, nothing expanded per principal."""

from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import datetime, timedelta

import msgspec

from bindwatch.access.conditions import ends_within, is_over, narrows
from bindwatch.access.places import condition_names, kind_of, level_of
from bindwatch.inventory import Inventory
from bindwatch.inventory.identities import Role
from bindwatch.knowledge.escalation import Level, dangerous_mask
from bindwatch.knowledge.roles import RoleCatalogue
from bindwatch.model.policy import Binding
from bindwatch.model.principal import Principal, PrincipalKind, parse_member

_A_DAY = timedelta(hours=24)
_NOBODY = frozenset({PrincipalKind.MALFORMED, PrincipalKind.PROJECT_ROLE})


class Grant(msgspec.Struct, frozen=True, eq=False, gc=False):
    """One binding whose role carries a dangerous permission, and where it has effect.

    `level` is that of the resource, or RESOURCE where the condition leaves only resources it names. Compared by
    identity: two equal bindings of one policy are two grants.
    """

    resource: str
    binding: Binding
    risk: int
    level: Level
    kind: str
    time_bounded: bool = False
    is_narrowed: bool = False
    """Whether the condition leaves less than the resource it is bound on."""

    @property
    def role(self) -> str:
        """The role that is granted."""
        return self.binding.role

    @property
    def expression(self) -> str:
        """The condition, "" where there is none."""
        return self.binding.condition.expression if self.binding.condition else ""

    def member_of(self, identity: str) -> str:
        """The member through which an identity has the grant, as the policy writes it."""
        return next((member for member in self.binding.members if parse_member(member).identity == identity), identity)


@dataclass(slots=True)
class Grants:
    """The dangerous grants by the identity that has them, and what could not be evaluated."""

    by_identity: dict[str, list[Grant]] = field(default_factory=dict)
    principals: dict[str, Principal] = field(default_factory=dict)
    unknown_roles: Counter[str] = field(default_factory=Counter)
    """Roles the catalogue does not know, with how many bindings use them: cannot evaluate, never harmless."""

    def all(self) -> Iterator[Grant]:
        """Each dangerous grant once."""
        seen: set[int] = set()
        for grants in self.by_identity.values():
            for grant in grants:
                if id(grant) not in seen:
                    seen.add(id(grant))
                    yield grant


def catalogue_of(inventory: Inventory, catalogue: RoleCatalogue) -> RoleCatalogue:
    """The catalogue with the roles the inventory defines: a deleted or disabled one grants nothing."""
    own = {
        role.role: () if role.deleted or role.is_disabled else role.permissions
        for role in inventory.all(Role)
        if role.is_custom and (role.lists_permissions or role.deleted or role.is_disabled)
    }
    return catalogue.with_custom_roles(own) if own else catalogue


def dangerous_bindings(
    inventory: Inventory, catalogue: RoleCatalogue, unknown: Counter[str] | None = None
) -> Iterator[tuple[str, Binding, int]]:
    """Every binding whose role carries a dangerous permission: (resource, binding, risk mask). Roles are read once."""
    dangerous = dangerous_mask()
    risks: dict[str, int] = {}
    for resource, policy in inventory.policies:
        for binding in policy.bindings:
            role = binding.role
            risk = risks.get(role)
            if risk is None:
                found = _risk(role, inventory, catalogue)
                risk = risks[role] = -1 if found is None else found if found & dangerous else 0
            if risk > 0:
                yield resource, binding, risk
            elif risk < 0 and unknown is not None:
                unknown[role] += 1


def _risk(role: str, inventory: Inventory, catalogue: RoleCatalogue) -> int | None:
    found = catalogue.risk(role)
    if found is None and role.startswith("projects/"):
        custom = inventory.custom_role(role)
        found = catalogue.risk(custom.role) if custom is not None else None
    return found


def collect(inventory: Inventory, catalogue: RoleCatalogue, as_of: datetime) -> Grants:
    """The dangerous grants in force at a moment. `catalogue` should hold the inventory's own roles too."""
    found = Grants()
    identities: dict[str, str] = {}
    by_identity = found.by_identity
    for resource, binding, risk in dangerous_bindings(inventory, catalogue, found.unknown_roles):
        grant = _grant(resource, binding, risk, inventory, as_of)
        if grant is None:
            continue
        for member in binding.members:
            identity = identities.get(member)
            if identity is None:
                principal = parse_member(member)
                identity = "" if principal.deleted or principal.kind in _NOBODY else principal.identity
                identities[member] = identity
                if identity:
                    found.principals.setdefault(identity, principal)
            if identity:
                held = by_identity.get(identity)
                if held is None:
                    by_identity[identity] = [grant]
                elif held[-1] is not grant:
                    held.append(grant)
    return found


def _grant(resource: str, binding: Binding, risk: int, inventory: Inventory, as_of: datetime) -> Grant | None:
    level = level_of(resource)
    kind = kind_of(resource, inventory) if level is Level.RESOURCE else ""
    if binding.condition is None or not binding.condition.expression:
        return Grant(resource, binding, risk, level, kind)
    expression = binding.condition.expression
    if is_over(expression, as_of):
        return None
    narrowed = False
    if level is not Level.RESOURCE:
        number = inventory.project_number(resource.rpartition("/")[2]) if level is Level.PROJECT else ""
        if narrows(expression, condition_names(resource, number), as_of):
            level, narrowed = Level.RESOURCE, True
    return Grant(resource, binding, risk, level, kind, ends_within(expression, as_of, _A_DAY), narrowed)
