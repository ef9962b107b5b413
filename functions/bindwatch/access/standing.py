"""What one principal can do by itself: the union of its grants at each place, scored, and where it leads."""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from functools import lru_cache

from bindwatch.access.conditions import Circumstances, evaluate
from bindwatch.access.exposure import Exposures
from bindwatch.access.grants import Grant
from bindwatch.access.guards import Guards
from bindwatch.access.places import level_of
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
from bindwatch.model.resource import project_name

_ONLY_SAME_PROJECT = "iam.disableCrossProjectServiceAccountUsage"
_IMPERSONATION = "iam.googleapis.com/ServiceAccount"


@dataclass(frozen=True, slots=True)
class Spot:
    """What a principal can do at one resource, from there and from above: `grants` are those that count."""

    resource: str
    score: float
    impact: float
    paths: tuple[EscalationPath, ...]
    grants: tuple[Grant, ...]


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


@lru_cache(maxsize=200_000)
def _opened(masks: Masks, kind: str) -> tuple[EscalationPath, ...]:
    return satisfied_through(dict(masks), kind)


@lru_cache(maxsize=200_000)
def _impact(masks: Masks, kind: str) -> float:
    return impact_through(dict(masks), kind)


class Assessor:
    """Works out standings. Stateless but for what it remembers of the inventory."""

    def __init__(self, inventory: Inventory, places: Places, guards: Guards, exposures: Exposures) -> None:
        self._inventory = inventory
        self._places = places
        self._guards = guards
        self._exposures = exposures
        self._above: dict[str, tuple[str, ...]] = {}

    def standing(self, principal: Principal, grants: Iterable[Grant]) -> Standing:
        """What the principal can do with these grants, which are its own and those of the sets it belongs to."""
        at: dict[str, list[Grant]] = {}
        for grant in grants:
            at.setdefault(grant.resource, []).append(grant)
        exponent = self._exposures.of(principal).exponent
        spots: list[Spot] = []
        edges: dict[tuple[object, str], Edge] = {}
        for resource in self._spots(at):
            spot = self._spot(principal, resource, at, exponent)
            if spot is None:
                continue
            spots.append(spot)
            for edge in self._edges(spot, at):
                edges.setdefault((edge.target, edge.path.id), edge)
        return Standing(tuple(spots), tuple(edges.values()))

    def _spots(self, at: dict[str, list[Grant]]) -> list[str]:
        """Where to look: at every resource with a grant, and in the project of every account that may be attached."""
        found = dict.fromkeys(at)
        act_as = act_as_bit()
        for resource, grants in at.items():
            if level_of(resource) is Level.RESOURCE and any(grant.risk & act_as for grant in grants):
                home = self._home(resource)
                if home:
                    found.setdefault(home)
        return list(found)

    def _home(self, account: str) -> str:
        project = self._inventory.project_of(account)
        return project_name(project) if project else ""

    def _chain(self, resource: str) -> tuple[str, ...]:
        known = self._above.get(resource)
        if known is None:
            known = self._above[resource] = self._inventory.ancestors(resource)
        return known

    def _spot(self, principal: Principal, resource: str, at: dict[str, list[Grant]], exponent: float) -> Spot | None:
        own = at.get(resource, [])
        held = list(own)
        for above in self._chain(resource):
            if above != resource:
                held += [grant for grant in at.get(above, ()) if grant.level is not Level.RESOURCE]
        lent = self._attachable(resource, at) if level_of(resource) is Level.PROJECT else []
        if not (held or lent) or self._guards.is_out_of_bounds(principal, resource):
            return None
        usable = ~self._guards.denied(principal, resource)
        by_level: dict[Level, int] = {}
        for grant in held:
            by_level[grant.level] = by_level.get(grant.level, 0) | (grant.risk & usable)
        if lent and usable & act_as_bit():
            by_level[Level.PROJECT] = by_level.get(Level.PROJECT, 0) | act_as_bit()
        level = max((grant.level for grant in own), default=Level.PROJECT if lent else Level.RESOURCE)
        kind = next((grant.kind for grant in own if grant.level is Level.RESOURCE), "")
        masks = tuple(sorted(by_level.items()))
        intrinsic = _impact(masks, kind)
        bounded = TIME_BOUNDED if own and all(grant.time_bounded for grant in own) else 0.0
        score = exposed(intrinsic, exponent + scope_exponent(level) + bounded)
        return Spot(resource, score, intrinsic, _opened(masks, kind), (*held, *lent))

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

    def _edges(self, spot: Spot, at: dict[str, list[Grant]]) -> Iterator[Edge]:
        inherited = self._opened_above(spot.resource, at)
        for path in spot.paths:
            heading = heading_of(path)
            if heading is None or path.id in inherited:
                continue
            enabling = tuple(grant for grant in spot.grants if grant.risk & path.mask)
            if path.needs_act_as:
                yield from self._attached(spot, path, enabling)
            if heading is not Heading.ACCOUNT or not path.needs_act_as:
                yield from self._taken(spot, path, heading, enabling)

    def _opened_above(self, resource: str, at: dict[str, list[Grant]]) -> frozenset[str]:
        """The paths already open at the next place above: the edges from there lead here too."""
        chain = self._chain(resource)[1:]
        by_level: dict[Level, int] = {}
        for above in chain:
            for grant in at.get(above, ()):
                if grant.level is not Level.RESOURCE:
                    by_level[grant.level] = by_level.get(grant.level, 0) | grant.risk
        if not by_level:
            return frozenset()
        return frozenset(path.id for path in _opened(tuple(sorted(by_level.items())), "-"))

    def _attached(self, spot: Spot, path: EscalationPath, enabling: tuple[Grant, ...]) -> Iterator[Edge]:
        """Edges to the accounts that may be attached: all of the place, or those named one by one."""
        act_as = act_as_bit()
        rest = path.mask & ~act_as
        working = tuple(grant for grant in enabling if grant.risk & rest)
        for grant in enabling:
            if not grant.risk & act_as:
                continue
            needed = tuple(dict.fromkeys((grant, *working)))
            for target in self._targets(grant, Heading.ACCOUNT, spot.resource):
                yield Edge(target, HOP, path, spot.resource, needed)

    def _taken(self, spot: Spot, path: EscalationPath, heading: Heading, enabling: tuple[Grant, ...]) -> Iterator[Edge]:
        for grant in enabling:
            for target in self._targets(grant, heading, spot.resource):
                yield Edge(target, HOP, path, spot.resource, enabling)

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
        known = self._inventory.service_account(account)
        project, email = account.partition("/projects/")[2].partition("/")[0], account.rpartition("/")[2]
        names = {account, account.removeprefix("//")}
        for home in (project, "-", self._inventory.project_number(project)):
            for name in (email, known.unique_id if known else ""):
                if home and name:
                    path = f"projects/{home}/serviceAccounts/{name}"
                    names |= {path, f"iam.googleapis.com/{path}", f"//iam.googleapis.com/{path}"}
        return any(
            evaluate(expression, Circumstances(resource_name=name, resource_type=_IMPERSONATION)) is not False
            for name in names
        )
