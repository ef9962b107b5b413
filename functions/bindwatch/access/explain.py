"""Answers about one principal or one resource: what it holds, what it can become, who can reach it, what is unknown."""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from functools import cached_property

from bindwatch.access.graph import AccessGraph, Hop, Removal, RiskyPrincipal
from bindwatch.access.places import kind_of, level_of
from bindwatch.access.routes import Before, Routes, before
from bindwatch.inventory import Inventory, Part
from bindwatch.inventory.hierarchy import Group
from bindwatch.inventory.identities import ServiceAccount
from bindwatch.knowledge.escalation import EscalationPath, satisfied
from bindwatch.model.policy import Binding
from bindwatch.model.principal import Principal, PrincipalKind, parse_member
from bindwatch.model.resource import display, project_name

# What decides who can become whom; where one of these was not seen, an answer may lack something.
_DECIDING = (
    Part.POLICIES,
    Part.HIERARCHY,
    Part.SERVICE_ACCOUNTS,
    Part.ROLES,
    Part.GROUPS,
    Part.DENY_POLICIES,
    Part.BOUNDARIES,
    Part.PROVIDERS,
    Part.CLUSTERS,
    Part.INSTANCES,
    Part.RUNTIMES,
)


@dataclass(frozen=True, slots=True)
class HeldRole:
    """One role that a principal has on a resource: by itself, or through `via`, a set it belongs to.

    `paths` are the ways up the role opens by itself where it is bound, without those that a deny policy surely takes:
    these are `denied`. `is_known` is false where nobody knows what the role allows, and then no path means nothing. A
    `condition` may narrow all of it; where it surely does not hold now the grant `is_over`, and opens nothing.
    """

    resource: str
    binding: Binding
    member: str
    holder: str
    via: str
    is_known: bool
    paths: tuple[EscalationPath, ...]
    denied: tuple[EscalationPath, ...] = ()
    is_over: bool = False
    is_out_of_bounds: bool = False
    """Whether principal access boundaries keep the holder from the place, so that the grant opens nothing."""

    @property
    def role(self) -> str:
        """The role."""
        return self.binding.role

    @property
    def condition(self) -> str:
        """The condition, "" where there is none."""
        return self.binding.condition.expression if self.binding.condition else ""


@dataclass(frozen=True, slots=True)
class Reached:
    """An identity at the other end of a chain, and its score. `hops` is the shortest chain."""

    identity: str
    score: int
    hops: tuple[Hop, ...]


@dataclass(frozen=True, slots=True)
class PrincipalAnswer:
    """What one principal is, holds and can become, and who can become it."""

    principal: Principal
    exposure: str
    sets: tuple[str, ...]
    held: tuple[HeldRole, ...]
    risky: RiskyPrincipal | None
    becomes: tuple[Reached, ...]
    reached_by: tuple[Reached, ...]
    removal: Removal | None
    unknown: tuple[str, ...]
    is_named: bool
    """Whether anything in the input names it."""


@dataclass(frozen=True, slots=True)
class ResourceAnswer:
    """Who has access to one resource: there and from above, and who can become one of these."""

    resource: str
    ancestors: tuple[str, ...]
    held: tuple[HeldRole, ...]
    reached_by: tuple[Reached, ...]
    unknown: tuple[str, ...]
    is_named: bool


class Explainer:
    """Answers from one inventory, read once and asked as often as one likes."""

    def __init__(self, inventory: Inventory, graph: AccessGraph) -> None:
        self._inventory = inventory
        self._graph = graph

    @cached_property
    def _before(self) -> Before:
        return before(self._graph)

    def principal(self, member: str, most: int = 50) -> PrincipalAnswer:
        """All about one principal, in any spelling; chains to at most that many others, the highest score first."""
        principal = self._graph.principal(member)
        identity = principal.identity
        sets = self._graph.sets_of(principal)
        held = tuple(self._held_by({identity, *sets}, identity))
        return PrincipalAnswer(
            principal=principal,
            exposure=self._graph.exposure_of(principal).value,
            sets=sets,
            held=held,
            risky=self._graph.look_up(member),
            becomes=self._reached(Routes(self._graph, identity), most),
            reached_by=self._reached(Routes(self._graph, identity, self._before), most),
            removal=self._graph.removal(member),
            unknown=tuple(self._unknown(held, self._home(principal), (principal,))),
            is_named=bool(held) or self._is_known(principal),
        )

    def resource(self, name: str, most: int = 50) -> ResourceAnswer:
        """Who holds a role on a resource (its canonical name), there or from above, and who can become them."""
        held = tuple(self._held_on(name))
        holders = dict.fromkeys(one.holder for one in held)
        found: dict[str, Reached] = {}
        for holder in holders:
            for one in self._reached(Routes(self._graph, holder, self._before), most):
                if one.identity not in holders and one.identity not in found:
                    found[one.identity] = one
        ranked = sorted(found.values(), key=lambda one: (len(one.hops), one.identity))
        policy = self._inventory.policy(name)
        return ResourceAnswer(
            resource=name,
            ancestors=self._inventory.ancestors(name)[1:],
            held=held,
            reached_by=tuple(ranked[:most]),
            unknown=tuple(self._unknown(held, name, [parse_member(one.member) for one in held])),
            is_named=policy is not None or bool(held) or self._inventory.project(name) is not None,
        )

    def _held_by(self, identities: set[str], own: str) -> Iterator[HeldRole]:
        told: dict[str, str] = {}
        for resource, policy in self._inventory.policies:
            for binding in policy.bindings:
                for member in binding.members:
                    identity = told.get(member)
                    if identity is None:
                        identity = told[member] = parse_member(member).identity
                    if identity in identities:
                        yield self._held(resource, resource, binding, member, identity, own)

    def _held_on(self, name: str) -> Iterator[HeldRole]:
        for resource, policy in self._inventory.policies_over(name):
            for binding in policy.bindings:
                for member in binding.members:
                    identity = parse_member(member).identity
                    yield self._held(name, resource, binding, member, identity, identity)

    def _held(self, asked: str, resource: str, binding: Binding, member: str, identity: str, own: str) -> HeldRole:
        catalogue = self._graph.catalogue
        risk = catalogue.risk(binding.role)
        if risk is None and (custom := self._inventory.custom_role(binding.role)) is not None:
            risk = catalogue.risk(custom.role)
        level = level_of(resource)
        paths = () if risk is None else satisfied(risk, level, kind_of(asked, self._inventory))
        via = "" if identity == own else identity
        ranked = sorted(paths, key=lambda path: (-path.weight, path.id))
        is_over = binding.condition is not None and self._graph.is_over(binding.condition.expression)
        holder = parse_member(own if via else member)
        taken = self._graph.denied(holder, resource)
        is_kept_out = self._graph.is_out_of_bounds(holder, resource)
        is_void = is_over or is_kept_out
        return HeldRole(
            resource=resource,
            binding=binding,
            member=member,
            holder=own,
            via=via,
            is_known=risk is not None,
            paths=() if is_void else tuple(path for path in ranked if not path.mask & taken),
            denied=() if is_void else tuple(path for path in ranked if path.mask & taken),
            is_over=is_over,
            is_out_of_bounds=is_kept_out,
        )

    def _reached(self, routes: Routes, most: int) -> tuple[Reached, ...]:
        ranked = sorted(routes.steps, key=lambda name: (-round(self._graph.score(name)), routes.steps[name], name))
        return tuple(
            Reached(name, round(self._graph.score(name)), hops) for name in ranked[:most] if (hops := routes.to(name))
        )

    # What nobody knows

    def _home(self, principal: Principal) -> str:
        if principal.kind is PrincipalKind.SERVICE_ACCOUNT:
            return self._inventory.service_account_name(principal.email)
        project = principal.project or principal.project_number
        return project_name(self._inventory.project_id(project)) if project else ""

    def _unknown(self, held: Iterable[HeldRole], where: str, principals: Iterable[Principal]) -> Iterator[str]:
        for role in dict.fromkeys(one.role for one in held if not one.is_known):
            places = dict.fromkeys(display(one.resource) for one in held if one.role == role)
            yield f"nobody knows what {role} (on {', '.join(places)}) allows, so it may lead further than is shown"
        others = sum(self._graph.unknown_roles.values())
        if others:
            yield f"{others} bindings of the input are of roles nobody could evaluate; no chain through them is shown"
        for principal in dict.fromkeys(principals):
            if principal.kind is PrincipalKind.GROUP and self._inventory.group(principal.email) is None:
                yield f"the members of {principal.member} were not read: each of them has all that it has"
        if where:
            for above in self._inventory.ancestors(where):
                coverage = self._inventory.coverage(Part.POLICIES, above)
                if not coverage:
                    yield str(coverage)
        yield from self._not_seen

    @cached_property
    def _not_seen(self) -> tuple[str, ...]:
        found = []
        for part in _DECIDING:
            coverage = self._inventory.coverage(part)
            if not coverage:
                found.append(str(coverage))
        found += [str(failed) for failed in self._inventory.failures()]
        return tuple(dict.fromkeys(found))

    def _is_known(self, principal: Principal) -> bool:
        match principal.kind:
            case PrincipalKind.SERVICE_ACCOUNT:
                return self._inventory.service_account(principal.email) is not None
            case PrincipalKind.GROUP:
                return self._inventory.group(principal.email) is not None
            case PrincipalKind.USER:
                return any(principal.member in group.members for group in self._inventory.all(Group))
            case PrincipalKind.WORKLOAD:
                pool, namespace, name = principal.pool, principal.namespace, principal.service_account
                return bool(self._inventory.ksas_of_pool(pool, namespace, name))
            case _:
                return False


def subject_of(text: str, inventory: Inventory) -> tuple[str, bool]:
    """What a person means by a name: (member, True) of a principal, or (canonical name, False) of a resource.

    A bare e-mail is a service account if its domain is one, else the user or group that the policies name. A bare word
    is a project id, `gs://B` a bucket, `NS/KSA` the Kubernetes service account that the input names.
    """
    text = text.strip()
    if text.startswith("gs://"):
        return f"//storage.googleapis.com/{text[5:].rstrip('/')}", False
    if text.startswith("//"):
        return inventory.canonical(text), False
    principal = parse_member(text)
    if not principal.is_malformed:
        return text, True
    if "@" in text and "/" not in text:
        return _by_email(text, inventory), True
    if text.count("/") == 1 and not text.startswith(("projects/", "folders/", "organizations/")):
        workload = _by_ksa(text, inventory)
        if workload:
            return workload, True
    if "/" not in text:
        account = next((one for one in inventory.all(ServiceAccount) if one.email.partition("@")[0] == text), None)
        if account is not None and inventory.project(text) is None:
            return f"serviceAccount:{account.email}", True
        return project_name(inventory.project_id(text)), False
    return inventory.canonical(text), False


def _by_email(email: str, inventory: Inventory) -> str:
    wanted = email.lower()
    if inventory.service_account(wanted) is not None or wanted.endswith(".gserviceaccount.com"):
        return f"serviceAccount:{wanted}"
    if inventory.group(wanted) is not None:
        return f"group:{wanted}"
    forms = {f"{kind}:{wanted}" for kind in ("user", "group", "serviceAccount")}
    for _, policy in inventory.policies:
        for binding in policy.bindings:
            for member in binding.members:
                if member.lower() in {form.lower() for form in forms}:
                    return member
    return f"user:{wanted}"


def _by_ksa(text: str, inventory: Inventory) -> str:
    namespace, _, name = text.partition("/")
    for _, _, member in inventory.workload_grants:
        principal = parse_member(member)
        if (principal.namespace, principal.service_account) == (namespace, name):
            return member
    return ""
