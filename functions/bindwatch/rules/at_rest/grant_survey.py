"""One pass over the bindings of an inventory for all checks of standing grants.

Of a million grants a few thousand are worth a check: those of roles that lead somewhere, and those of members that are
odd by themselves. Both are told once for each distinct role at each kind of place, and for each distinct member; the
checks then look only at the grants of their kind.
"""

from collections.abc import Iterator
from enum import IntFlag
from functools import lru_cache
from typing import Final

from bindwatch.access.conditions import is_over
from bindwatch.inventory import Inventory
from bindwatch.knowledge.escalation import Level, act_as_bit
from bindwatch.knowledge.roles import is_service_agent_role
from bindwatch.model.policy import Binding, Grant, Policy
from bindwatch.model.principal import Principal, PrincipalKind, parse_member
from bindwatch.rule import Context
from bindwatch.rules.callers import is_outsider, right_number
from bindwatch.rules.grant_risk import place_of, role_risk, ways_up

Held = tuple[str, Policy, Grant]
BASIC_ROLES: Final = frozenset(
    {"roles/owner", "roles/editor", "roles/viewer", "roles/admin", "roles/writer", "roles/reader"}
)
_ACCOUNT: Final = "iam.googleapis.com/ServiceAccount"
_MOST_REMEMBERED: Final = 262_144


class Sort(IntFlag):
    """What makes a grant worth a check: something of its member, or of its role where it is bound."""

    PUBLIC = 1
    SET = 2
    POOL = 4
    MALFORMED = 8
    DELETED = 16
    DOMAIN = 32
    OUTSIDER = 64
    GROUP = 128
    LEADS_UP = 256
    ON_ACCOUNT = 512
    UNKNOWN_ROLE = 1024
    BASIC_ROLE = 2048
    AGENT_ROLE = 4096


_OF_ROLES: Final = Sort.LEADS_UP | Sort.ON_ACCOUNT | Sort.UNKNOWN_ROLE | Sort.BASIC_ROLE | Sort.AGENT_ROLE


class Survey:
    """The grants of an inventory by their sort. Made by one pass; nothing is kept of grants of no sort."""

    def __init__(self, inventory: Inventory, context: Context) -> None:
        self._bindings: dict[Sort, list[tuple[str, Policy, Binding]]] = {}
        self._members: dict[Sort, list[tuple[str, Policy, Binding, str]]] = {}
        roles: dict[tuple[str, Level, str], tuple[Sort, ...]] = {}
        members: dict[str, tuple[Sort, ...]] = {}
        for resource, policy in inventory.policies:
            place = place_of(resource)
            for binding in policy.bindings:
                if binding.condition is not None and is_over(binding.condition.expression, context.as_of):
                    continue  # grants nothing: `grant-run-out` says so
                key = (binding.role, *place)
                sorts = roles.get(key)
                if sorts is None:
                    sorts = roles[key] = tuple(_of_role(binding.role, resource, context))
                for sort in sorts:
                    self._bindings.setdefault(sort, []).append((resource, policy, binding))
                for member in binding.members:
                    odd = members.get(member)
                    if odd is None:
                        if len(members) >= _MOST_REMEMBERED:  # a bound: what repeats comes back at once
                            members.clear()
                        odd = members[member] = tuple(_of_member(parse_member(member), context))
                    for sort in odd:
                        self._members.setdefault(sort, []).append((resource, policy, binding, member))

    def of(self, sort: Sort) -> Iterator[Held]:
        """Every (resource, policy, grant) of a sort, in the order of the policies."""
        if sort & _OF_ROLES:
            for resource, policy, binding in self._bindings.get(sort, ()):
                for member in binding.members:
                    yield resource, policy, Grant(binding.role, member, parse_member(member), binding.condition)
        else:
            for resource, policy, binding, member in self._members.get(sort, ()):
                yield resource, policy, Grant(binding.role, member, parse_member(member), binding.condition)


@lru_cache(maxsize=1)
def survey_of(inventory: Inventory, context: Context) -> Survey:
    """The survey of an inventory, made once for all the rules that ask for it one after the other."""
    return Survey(inventory, context)


def _of_role(role: str, resource: str, context: Context) -> Iterator[Sort]:
    level, kind = place_of(resource)
    acts = (role_risk(role, context) or 0) & act_as_bit()
    if level is not Level.RESOURCE and (acts or ways_up(role, resource, context)):
        yield Sort.LEADS_UP
    if kind == _ACCOUNT:
        yield Sort.ON_ACCOUNT
    if role_risk(role, context) is None:
        yield Sort.UNKNOWN_ROLE
    if role in BASIC_ROLES:
        yield Sort.BASIC_ROLE
    if is_service_agent_role(role):
        yield Sort.AGENT_ROLE


def _of_member(principal: Principal, context: Context) -> Iterator[Sort]:
    if principal.is_public:
        yield Sort.PUBLIC
    if principal.is_set:
        yield Sort.SET
    if principal.pool:
        yield Sort.POOL
    if principal.is_malformed or right_number(principal, context):
        yield Sort.MALFORMED
    if principal.deleted:
        yield Sort.DELETED
    if principal.kind is PrincipalKind.DOMAIN:
        yield Sort.DOMAIN
    if principal.kind is PrincipalKind.GROUP:
        yield Sort.GROUP
    if is_outsider(principal, context):
        yield Sort.OUTSIDER
