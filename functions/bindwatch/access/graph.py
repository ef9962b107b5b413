"""Who can become whom: the scores of all principals, carried back along every way from one identity to another."""

import heapq
from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from datetime import datetime
from functools import lru_cache

import msgspec

from bindwatch.access.conditions import is_over
from bindwatch.access.exposure import Exposures
from bindwatch.access.grants import Grant, catalogue_of, collect
from bindwatch.access.guards import Guards
from bindwatch.access.membership import Membership
from bindwatch.access.reach import Places
from bindwatch.access.standing import Assessor, Spot, Standing
from bindwatch.inventory import Inventory
from bindwatch.knowledge.escalation import EscalationPath
from bindwatch.knowledge.roles import RoleCatalogue
from bindwatch.knowledge.score import HOP, Exposure, band
from bindwatch.model.finding import Severity
from bindwatch.model.principal import Principal, parse_member
from bindwatch.model.resource import display

_LONGEST_CHAIN = 12


@dataclass(frozen=True, slots=True)
class Hop:
    """One step of a chain: who, by which grants, at which resource, does what, and becomes whom."""

    source: str
    target: str
    path: EscalationPath
    resource: str
    grants: tuple[Grant, ...]

    def __str__(self) -> str:
        roles = " and ".join(dict.fromkeys(grant.role for grant in self.grants))
        place = display(self.resource)
        return f"{self.source} → {self.target}: {roles} on {place} ({self.path.id}: {self.path.why})"


@dataclass(frozen=True, slots=True)
class Removal:
    """The one grant whose removal lowers a principal's score most. `member` is how the policy writes who loses it."""

    grant: Grant
    member: str
    score_after: int


@dataclass(frozen=True, slots=True)
class RiskyPrincipal:
    """A principal with a way up. `score` counts whom it can become; `own_score` only what it holds itself.

    `spot` is where it can do most; `chain` how it comes to the identity that decides the score, empty where that is
    itself.
    """

    principal: Principal
    score: int
    own_score: int
    severity: Severity
    spot: Spot | None
    paths: tuple[EscalationPath, ...]
    chain: tuple[Hop, ...]

    @property
    def end(self) -> str:
        """The identity whose powers decide the score."""
        return self.chain[-1].target if self.chain else self.principal.identity


class _Reached(msgspec.Struct, frozen=True, gc=False):
    """The best value a node can come to, and the node to go to first; none where that is its own."""

    value: float
    next: object = None


class AccessGraph:
    """Answers, for one inventory at one moment, how risky each principal is, why, and what to remove.

    Only dangerous grants are looked at; a role the catalogue does not know is in `unknown_roles`, never harmless.
    """

    def __init__(
        self,
        inventory: Inventory,
        catalogue: RoleCatalogue,
        as_of: datetime,
        trusted_domains: frozenset[str] = frozenset(),
    ) -> None:
        self.catalogue = catalogue_of(inventory, catalogue)
        self._grants = collect(inventory, self.catalogue, as_of)
        self._membership = Membership(inventory)
        self._principals = dict(self._grants.principals)
        for identity, member in self._membership.members.items():
            if any(group in self._grants.by_identity for group in self._membership.sets_of(member)):
                self._principals.setdefault(identity, member)
        self._places = Places(inventory, self._principals)
        self._as_of = as_of
        self._guards = guards = Guards(inventory, self._membership, as_of)
        self._exposures = Exposures(inventory, trusted_domains)
        self._assessor = Assessor(inventory, self._places, guards, self._exposures)
        self._briefs = {
            identity: self._assessor.brief(principal, self.grants_of(principal))
            for identity, principal in self._principals.items()
        }
        self._closed = self._close()

    @property
    def unknown_roles(self) -> Counter[str]:
        """The roles nobody could evaluate, with how many bindings use them."""
        return self._grants.unknown_roles

    def grants_of(self, principal: Principal) -> tuple[Grant, ...]:
        """The dangerous grants a principal has: its own, and those of the sets that surely hold it."""
        found = list(self._grants.by_identity.get(principal.identity, ()))
        for wider in self._membership.sets_of(principal):
            found += self._grants.by_identity.get(wider, ())
        return tuple(dict.fromkeys(found))

    def standing(self, member: str) -> Standing:
        """What a principal, in any spelling, can do by itself."""
        return self._standing(parse_member(member).identity)

    def _standing(self, identity: str, *, with_edges: bool = True) -> Standing:
        principal = self._principals.get(identity)
        if principal is None:
            return Standing()
        return self._assessor.standing(principal, self.grants_of(principal), with_edges=with_edges)

    def score(self, member: str) -> float:
        """The score of a principal, whom it can become included; 0 for one without a dangerous grant."""
        reached = self._closed.get(parse_member(member).identity)
        return reached.value if reached is not None else 0.0

    def named(self, identity: str) -> Principal | None:
        """The principal of an identity; `None` where it has nothing dangerous."""
        return self._principals.get(identity)

    def holds(self, identity: str) -> bool:
        """Whether the inventory has that identity: as a holder of something dangerous, or as an account."""
        return identity in self._briefs or identity in self._places.accounts

    def own_score(self, identity: str) -> float:
        """What an identity scores without becoming anybody else."""
        return self._briefs[identity].score if identity in self._briefs else 0.0

    def standing_of(self, identity: str) -> Standing:
        """What an identity can do by itself at each place, without where that leads."""
        return self._standing(identity, with_edges=False)

    def risky(self, floor: float = 0.0) -> tuple[RiskyPrincipal, ...]:
        """Every principal with a way up and at least that score, the highest first."""
        return self._sorted(identity for identity in self._principals if self._closed[identity].value >= floor)

    def _sorted(self, identities: Iterable[str]) -> tuple[RiskyPrincipal, ...]:
        found = (risky for identity in identities if (risky := self._risky(identity)) is not None)
        return tuple(sorted(found, key=lambda one: (-one.score, one.principal.identity)))

    def climbing(self, floor: float = 0.0) -> tuple[RiskyPrincipal, ...]:
        """Those of `risky` whose score is that of another identity they can become."""
        return self._sorted(
            identity
            for identity, brief in self._briefs.items()
            if self._closed[identity].value >= floor and self._closed[identity].value > brief.score
        )

    def assembling(self, floor: float = 0.0) -> tuple[RiskyPrincipal, ...]:
        """Those of `risky` who have, somewhere, a way up that takes several grants."""
        return self._sorted(
            identity
            for identity, brief in self._briefs.items()
            if brief.is_assembled and self._closed[identity].value >= floor
        )

    def look_up(self, member: str) -> RiskyPrincipal | None:
        """One principal, in any spelling; `None` where it has no way up."""
        identity = parse_member(member).identity
        return self._risky(identity) if identity in self._principals else None

    def _risky(self, identity: str) -> RiskyPrincipal | None:
        standing = self._standing(identity, with_edges=False)
        if not standing.spots:
            return None
        paths = {path.id: path for spot in standing.spots for path in spot.paths}
        value = self._closed[identity].value
        return RiskyPrincipal(
            principal=self._principals[identity],
            score=round(value),
            own_score=round(standing.score),
            severity=band(value),
            spot=standing.best,
            paths=tuple(sorted(paths.values(), key=lambda path: (-path.weight, path.id))),
            chain=self._chain(identity),
        )

    def reachable(self, member: str) -> tuple[str, ...]:
        """Every identity a principal can come to act as, in however many hops, nearest first."""
        start = parse_member(member).identity
        seen: dict[object, None] = {start: None}
        todo: list[object] = [start]
        while todo:
            following: list[object] = []
            for node in todo:
                for target in self.leads_to(node):
                    if target not in seen:
                        seen[target] = None
                        following.append(target)
            todo = following
        return tuple(node for node in seen if isinstance(node, str) and node != start)

    def nodes(self) -> Iterator[object]:
        """Everything that leads somewhere: identities (strings), and the places in which others are taken over."""
        yield from self._briefs
        yield from self._places.leaves

    def leads_to(self, node: object) -> tuple[object, ...]:
        """The nodes next to one: what an identity takes over, or what a place holds."""
        if isinstance(node, str):
            return self._briefs[node].targets if node in self._briefs else ()
        return tuple(leaf.node for leaf in self._places.leaves.get(node, ()))

    def hop(self, source: str, first: object, target: str) -> Hop | None:
        """The gravest step from an identity to another by way of the node it takes over; None where there is none."""
        edges = [edge for edge in self._standing(source).edges if edge.target == first]
        edge = max(edges, key=lambda edge: edge.path.weight, default=None)
        return Hop(source, target, edge.path, edge.resource, edge.grants) if edge is not None else None

    def principal(self, member: str) -> Principal:
        """A principal in any spelling, as the inventory writes it where it does."""
        principal = parse_member(member)
        return self._principals.get(principal.identity, principal)

    def exposure_of(self, principal: Principal) -> Exposure:
        """How many could come to act as the principal."""
        return self._exposures.of(principal)

    def denied(self, principal: Principal, resource: str) -> int:
        """The dangerous permissions, as a mask, that deny policies surely take from the principal on a resource."""
        return self._guards.denied(principal, resource)

    def is_out_of_bounds(self, principal: Principal, resource: str) -> bool:
        """Whether principal access boundaries surely keep the principal from the resource."""
        return self._guards.is_out_of_bounds(principal, resource)

    def is_over(self, expression: str) -> bool:
        """Whether a condition surely does not hold at the moment that is judged."""
        return is_over(expression, self._as_of)

    def sets_of(self, principal: Principal) -> tuple[str, ...]:
        """The groups, domains and sets of a pool that surely hold the principal."""
        return self._membership.sets_of(principal)

    # The closure

    def _close(self) -> dict[object, _Reached]:
        """Carry every score back to whoever can come to it, losing a tenth at each hop: the highest value first."""
        before: defaultdict[object, list[object]] = defaultdict(list)
        for identity, brief in self._briefs.items():
            for target in brief.targets:
                before[target].append(identity)
        for place, leaves in self._places.leaves.items():
            for leaf in leaves:
                before[leaf.node].append(place)
        values: dict[object, _Reached] = {identity: _Reached(brief.score) for identity, brief in self._briefs.items()}
        queue: list[tuple[float, int, object]] = [
            (-reached.value, order, node) for order, (node, reached) in enumerate(values.items()) if reached.value > 0
        ]
        heapq.heapify(queue)
        order = len(values)
        while queue:
            negative, _, node = heapq.heappop(queue)
            if -negative < values[node].value:
                continue
            for source in before.get(node, ()):
                value = -negative * (HOP if isinstance(source, str) else 1.0)
                known = values.get(source)
                if known is None or value > known.value:
                    values[source] = _Reached(value, node)
                    order += 1
                    heapq.heappush(queue, (-value, order, source))
        return values

    def _chain(self, identity: str) -> tuple[Hop, ...]:
        hops: list[Hop] = []
        source, first = identity, None
        node: object = identity
        for _ in range(8 * _LONGEST_CHAIN):
            reached = self._closed.get(node)
            if reached is None or reached.next is None or len(hops) >= _LONGEST_CHAIN:
                break
            node = reached.next
            first = node if first is None else first
            if isinstance(node, str):
                hop = self.hop(source, first, node)
                if hop is None:
                    break
                hops.append(hop)
                source, first = node, None
        return tuple(hops)

    # What to remove

    def removal(self, member: str) -> Removal | None:
        """The one grant whose removal lowers the score of a principal most; `None` where no single one lowers it.

        Looked for among the grants that decide the score: its own, and those of the identities it comes to.
        """
        identity = parse_member(member).identity
        if identity not in self._principals:
            return None
        before = self._closed[identity].value
        route = [identity, *(hop.target for hop in self._chain(identity))]
        best: tuple[float, int, Removal] | None = None
        for at, holder in enumerate(route):
            for grant in self._deciding(holder, at == len(route) - 1, self._chain(identity)[at : at + 1]):
                after = self._without(route, at, grant)
                if round(after) < round(before) and (best is None or (after, at) < best[:2]):
                    best = (after, at, Removal(grant, self._member(holder, grant), round(after)))
        return best[2] if best is not None else None

    def _member(self, holder: str, grant: Grant) -> str:
        """The member the policy writes: the holder's own, or that of the set through which it holds the grant."""
        principal = self._principals[holder]
        for identity in (holder, *self._membership.sets_of(principal)):
            if grant in self._grants.by_identity.get(identity, ()):
                return grant.member_of(identity)
        return principal.member

    def _deciding(self, holder: str, is_last: bool, hops: tuple[Hop, ...]) -> tuple[Grant, ...]:
        standing = self._standing(holder)
        found: dict[Grant, None] = {}
        for hop in hops:
            found |= dict.fromkeys(hop.grants)
        if is_last and standing.best is not None:
            found |= dict.fromkeys(standing.best.grants)
        return tuple(found)

    def _without(self, route: list[str], at: int, grant: Grant) -> float:
        """The score of the first of the route when the holder at that place of it loses a grant."""
        after: dict[object, float] = {}
        for back in range(at, -1, -1):
            holder = route[back]
            principal = self._principals.get(holder)
            if principal is None:
                return self._closed[route[0]].value
            if back == at:
                kept = tuple(one for one in self.grants_of(principal) if one is not grant)
                standing = self._assessor.standing(principal, kept)
            else:
                standing = self._standing(holder)
            value = standing.score
            for edge in standing.edges:
                if edge.target != holder:
                    value = max(value, edge.weight * self._value(edge.target, after, holder))
            after[holder] = value
        return after[route[0]]

    def _value(self, node: object, after: dict[object, float], asking: str) -> float:
        """The value of a node with what changed taken into account; a place is worth the best of what it holds."""
        if node in after:
            return after[node]
        reached = self._closed.get(node)
        if reached is None:
            return 0.0
        if not self._passes(node, {asking, *after}):
            return reached.value
        if isinstance(node, str):
            return self._briefs[node].score if node in self._briefs else 0.0
        best, todo, seen = 0.0, [node], {node}
        while todo:
            for leaf in self._places.leaves.get(todo.pop(), ()):
                if leaf.is_identity:
                    if leaf.node != asking:
                        best = max(best, self._value(leaf.node, after, asking))
                elif leaf.node not in seen:
                    seen.add(leaf.node)
                    todo.append(leaf.node)
        return best

    def _passes(self, node: object, changed: set[object]) -> bool:
        """Whether the way that gives a node its value leads through one whose value changes."""
        for _ in range(8 * _LONGEST_CHAIN):
            if node in changed:
                return True
            reached = self._closed.get(node)
            if reached is None or reached.next is None:
                return False
            node = reached.next
        return True


@lru_cache(maxsize=1)
def graph_of(
    inventory: Inventory, catalogue: RoleCatalogue, as_of: datetime, trusted_domains: frozenset[str] = frozenset()
) -> AccessGraph:
    """The graph of an inventory, made once for all the rules that ask for it one after the other."""
    return AccessGraph(inventory, catalogue, as_of, trusted_domains)
