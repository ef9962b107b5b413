"""What one principal can do by itself: the union of its grants at each place, scored, and where it leads."""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from functools import lru_cache
from typing import NamedTuple

import msgspec

from bindwatch.access.conditions import Circumstances, evaluate
from bindwatch.access.exposure import Exposures
from bindwatch.access.grants import Grant
from bindwatch.access.guards import Guards
from bindwatch.access.places import SERVICE_ACCOUNT, account_names, level_of
from bindwatch.access.reach import Heading, Places, heading_of
from bindwatch.inventory import Inventory
from bindwatch.knowledge.escalation import (
    EscalationPath,
    Level,
    act_as_bit,
    satisfied_through,
)
from bindwatch.knowledge.score import HOP, TIME_BOUNDED, exposed, impact_through, scope_exponent
from bindwatch.model.principal import Principal

_ONLY_SAME_PROJECT = "iam.disableCrossProjectServiceAccountUsage"


@dataclass(frozen=True, slots=True)
class Spot:
    """What a principal can do at one resource, from there and from above: `grants` are those that count."""

    resource: str
    score: float
    impact: float
    paths: tuple[EscalationPath, ...]
    grants: tuple[Grant, ...]

    @property
    def assembled(self) -> EscalationPath | None:
        """The worst path that is open here, if it takes several of the grants and none as bad is open by one alone."""
        rivals = tuple(path for path in self.paths if path.weight >= max(path.weight for path in self.paths))
        return rivals[0] if rivals and _takes_several(rivals, self.grants) else None


def _takes_several(rivals: tuple[EscalationPath, ...], grants: tuple[Grant, ...]) -> bool:
    return not any(grant.risk & path.mask == path.mask for path in rivals for grant in grants)


class Brief(NamedTuple):
    """What of a standing every principal is asked for: its score, the targets of its edges, and whether it has a spot
    with an assembled path."""

    score: float
    targets: tuple[object, ...]
    is_assembled: bool


@dataclass(frozen=True, slots=True)
class Edge:
    """A way from a principal to another identity or to a place that holds some: by which path, through which grants."""

    target: object
    weight: float
    path: EscalationPath
    resource: str
    grants: tuple[Grant, ...]


@dataclass(frozen=True, slots=True)
class Standing:
    """All spots and edges of one principal. `score` is the highest of its spots."""

    spots: tuple[Spot, ...] = ()
    edges: tuple[Edge, ...] = ()

    @property
    def best(self) -> Spot | None:
        """The spot that decides the score."""
        return max(self.spots, key=lambda spot: (spot.score, spot.resource), default=None)

    @property
    def score(self) -> float:
        """What the principal scores without becoming anybody else."""
        return max((spot.score for spot in self.spots), default=0.0)


Masks = tuple[tuple[Level, int], ...]


class _Held(msgspec.Struct, frozen=True, gc=False):
    masks: Masks
    kind: str
    level: Level
    time_bounded: bool
    grants: tuple[Grant, ...]


def _by_resource(grants: Iterable[Grant]) -> dict[str, list[Grant]]:
    found: dict[str, list[Grant]] = {}
    for grant in grants:
        found.setdefault(grant.resource, []).append(grant)
    return found


@lru_cache(maxsize=200_000)
def _opened(masks: Masks, kind: str) -> tuple[EscalationPath, ...]:
    return satisfied_through(dict(masks), kind)


@lru_cache(maxsize=200_000)
def _impact(masks: Masks, kind: str) -> float:
    return impact_through(dict(masks), kind)


@lru_cache(maxsize=200_000)
def _rivals(masks: Masks, kind: str) -> tuple[EscalationPath, ...]:
    """The worst paths that are open, unless one of them takes a single permission, so that one grant opens it."""
    paths = _opened(masks, kind)
    worst = max((path.weight for path in paths), default=0.0)
    rivals = tuple(path for path in paths if path.weight >= worst)
    return () if any(len(path.permissions) == 1 for path in rivals) else rivals


@lru_cache(maxsize=200_000)
def _routes(masks: Masks, kind: str, above: Masks) -> tuple[tuple[Heading, bool, int], ...]:
    """What the paths that are open here, and not already above, take over: heading, whether by attaching, and how."""
    inherited = {path.id for path in _opened(above, "-")} if above else set()
    found: dict[tuple[Heading, bool], int] = {}
    for path in _opened(masks, kind):
        heading = heading_of(path)
        if heading is None or path.id in inherited:
            continue
        for key in _ways(path, heading):
            found[key] = found.get(key, 0) | path.mask
    return tuple((heading, attaching, mask) for (heading, attaching), mask in found.items())


def _ways(path: EscalationPath, heading: Heading) -> tuple[tuple[Heading, bool], ...]:
    if not path.needs_act_as:
        return ((heading, False),)
    attached = (Heading.ACCOUNT, True)
    return (attached,) if heading is Heading.ACCOUNT else (attached, (heading, False))


class Assessor:
    """Works out standings. Stateless but for what it remembers of the inventory."""

    def __init__(self, inventory: Inventory, places: Places, guards: Guards, exposures: Exposures) -> None:
        self._inventory = inventory
        self._places = places
        self._guards = guards
        self._exposures = exposures
        self._above: dict[str, tuple[str, ...]] = {}

    def brief(self, principal: Principal, grants: Iterable[Grant]) -> Brief:
        """The standing in brief, without working out what only a reader wants."""
        at = _by_resource(grants)
        exponent = self._exposures.of(principal).exponent
        best = 0.0
        assembled = False
        targets: dict[object, None] = {}
        for resource in self._spots(at):
            held = self._held(principal, resource, at)
            if held is None:
                continue
            best = max(best, self._score(held, exponent))
            if len(held.grants) > 1 and not assembled and (rivals := _rivals(held.masks, held.kind)):
                assembled = _takes_several(rivals, held.grants)
            above = self._above_masks(resource, at)
            for heading, attaching, mask in _routes(held.masks, held.kind, above):
                wanted = act_as_bit() if attaching else mask
                for grant in held.grants:
                    if grant.risk & wanted:
                        for target in self._targets(grant, heading, resource):
                            targets[target] = None
        return Brief(best, tuple(targets), assembled)

    def standing(self, principal: Principal, grants: Iterable[Grant], *, with_edges: bool = True) -> Standing:
        """What the principal can do with these grants, which are its own and those of the sets it belongs to."""
        at = _by_resource(grants)
        exponent = self._exposures.of(principal).exponent
        spots: list[Spot] = []
        edges: dict[tuple[object, str], Edge] = {}
        for resource in self._spots(at):
            held = self._held(principal, resource, at)
            if held is None:
                continue
            paths = _opened(held.masks, held.kind)
            impact = _impact(held.masks, held.kind)
            spots.append(Spot(resource, self._score(held, exponent), impact, paths, held.grants))
            if not with_edges:
                continue
            for edge in self._edges(resource, held, self._above_masks(resource, at)):
                edges.setdefault((edge.target, edge.path.id), edge)
        return Standing(tuple(spots), tuple(edges.values()))

    def _spots(self, at: dict[str, list[Grant]]) -> list[str]:
        """Where to look: at every resource with a grant, and in the project of every account that may be attached.

        Not in a project where the principal has nothing to attach an account with.
        """
        found = dict.fromkeys(at)
        if len(at) > 1:
            act_as = act_as_bit()
            for resource, grants in at.items():
                if level_of(resource) is Level.RESOURCE and any(grant.risk & act_as for grant in grants):
                    home = self._home(resource)
                    if home and any(above in at for above in self._chain(home)):
                        found.setdefault(home)
        return list(found)

    def _home(self, account: str) -> str:
        return next((above for above in self._chain(account) if level_of(above) is Level.PROJECT), "")

    def _chain(self, resource: str) -> tuple[str, ...]:
        known = self._above.get(resource)
        if known is None:
            known = self._above[resource] = self._inventory.ancestors(resource)
        return known

    def _held(self, principal: Principal, resource: str, at: dict[str, list[Grant]]) -> _Held | None:
        """What the principal holds at a resource: there, above it, and by accounts it may attach in that project."""
        own = at.get(resource, ())
        grants = list(own)
        level = max((grant.level for grant in own), default=Level.RESOURCE)
        lent: list[Grant] = []
        if len(at) > 1:
            for above in self._chain(resource)[1:]:
                if above in at:
                    grants += [grant for grant in at[above] if grant.level is not Level.RESOURCE]
            if level_of(resource) is Level.PROJECT:
                lent = self._attachable(resource, at)
                if lent and not own:
                    level = Level.PROJECT
        if not (grants or lent) or self._guards.is_out_of_bounds(principal, resource):
            return None
        usable = ~self._guards.denied(principal, resource)
        by_level: dict[Level, int] = {}
        for grant in grants:
            by_level[grant.level] = by_level.get(grant.level, 0) | (grant.risk & usable)
        if lent and usable & act_as_bit():
            by_level[Level.PROJECT] = by_level.get(Level.PROJECT, 0) | act_as_bit()
        return _Held(
            masks=tuple(sorted(by_level.items())) if len(by_level) > 1 else tuple(by_level.items()),
            kind=next((grant.kind for grant in own if grant.level is Level.RESOURCE), ""),
            level=level,
            time_bounded=bool(own) and all(grant.time_bounded for grant in own),
            grants=(*grants, *lent),
        )

    def _score(self, held: _Held, exponent: float) -> float:
        bounded = TIME_BOUNDED if held.time_bounded else 0.0
        return exposed(_impact(held.masks, held.kind), exponent + scope_exponent(held.level) + bounded)

    def _above_masks(self, resource: str, at: dict[str, list[Grant]]) -> Masks:
        """What is held above a resource: the edges of paths open there lead here too."""
        if len(at) < 2:
            return ()
        by_level: dict[Level, int] = {}
        for above in self._chain(resource)[1:]:
            for grant in at.get(above, ()):
                if grant.level is not Level.RESOURCE:
                    by_level[grant.level] = by_level.get(grant.level, 0) | grant.risk
        return tuple(sorted(by_level.items()))

    def _attachable(self, project: str, at: dict[str, list[Grant]]) -> list[Grant]:
        """The grants on single service accounts that let the principal attach them in the project."""
        act_as = act_as_bit()
        found = []
        for resource, grants in at.items():
            if resource == project or level_of(resource) is not Level.RESOURCE:
                continue
            if any(grant.risk & act_as for grant in grants) and self._may_be_used_in(resource, project):
                found += [grant for grant in grants if grant.risk & act_as]
        return found

    def _may_be_used_in(self, account: str, project: str) -> bool:
        """Whether an account can be attached in a project: its own, or any where the constraint is known to be off.

        The constraint is enforced by default, so an inventory without it keeps accounts to their projects.
        """
        home = self._home(account)
        if not home or home == project:
            return True
        set_here = self._inventory.org_policies_over(account, _ONLY_SAME_PROJECT)
        return bool(set_here) and set_here[0].enforced is False

    # Where it leads

    def _edges(self, resource: str, held: _Held, above: Masks) -> Iterator[Edge]:
        inherited = {path.id for path in _opened(above, "-")} if above else set()
        act_as = act_as_bit()
        for path in _opened(held.masks, held.kind):
            heading = heading_of(path)
            if heading is None or path.id in inherited:
                continue
            enabling = tuple(grant for grant in held.grants if grant.risk & path.mask)
            working = tuple(grant for grant in enabling if grant.risk & path.mask & ~act_as)
            for into, attaching in _ways(path, heading):
                for grant in enabling:
                    if attaching and not grant.risk & act_as:
                        continue
                    needed = tuple(dict.fromkeys((grant, *working))) if attaching else enabling
                    for target in self._targets(grant, into, resource):
                        yield Edge(target, HOP, path, resource, needed)

    def _targets(self, grant: Grant, heading: Heading, resource: str) -> Iterator[object]:
        """What a grant leads to at a resource. One that names resources by its condition leads only to those."""
        if level_of(grant.resource) is Level.RESOURCE:
            yield self._places.target(heading, grant.resource)
        elif grant.is_narrowed and heading is Heading.ACCOUNT:
            for identity, name in self._places.accounts.items():
                if grant.resource in self._chain(name) and self._names(grant.expression, name):
                    yield identity
        else:
            yield self._places.target(heading, resource)

    def _names(self, expression: str, account: str) -> bool:
        """Whether a condition may hold for a service account, in any of the ways it may have named it."""
        return any(
            evaluate(expression, Circumstances(resource_name=name, resource_type=SERVICE_ACCOUNT)) is not False
            for name in account_names(account, self._inventory)
        )
