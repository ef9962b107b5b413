"""What changes between two graphs of one estate: who can come to whom that could not before, and who no longer can."""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Final

from bindwatch.access.graph import AccessGraph, Hop
from bindwatch.access.routes import Before, Routes, before
from bindwatch.knowledge.escalation import EscalationPath
from bindwatch.knowledge.score import HOP, band
from bindwatch.model.finding import Severity
from bindwatch.model.principal import Principal

_MOST_CHAINS: Final = 50
Opening = tuple[EscalationPath, str]


@dataclass(frozen=True, slots=True)
class Chain:
    """A way from a principal to another identity, the shortest there is, and what that identity scores."""

    identity: str
    score: int
    hops: tuple[Hop, ...]


@dataclass(frozen=True, slots=True)
class PrincipalChange:
    """What becomes different for one principal.

    `gained` and `lost` are whom it can come to, `opened` and `closed` what it can do itself: an escalation path and the
    resource. Of very many chains only the gravest are kept; `more_gained` and `more_lost` count the rest.
    """

    principal: Principal
    score_before: int
    score_after: int
    gained: tuple[Chain, ...]
    lost: tuple[Chain, ...]
    more_gained: int
    more_lost: int
    opened: tuple[Opening, ...]
    closed: tuple[Opening, ...]
    appearing_score: int
    """The score of the gravest that is new: of the principal where that rises, else of what it newly comes to."""

    @property
    def appears(self) -> bool:
        """Whether there is any way up that was not there before."""
        return bool(self.gained or self.opened) or self.score_after > self.score_before

    @property
    def vanishes(self) -> bool:
        """Whether any way up is gone."""
        return bool(self.lost or self.closed) or self.score_after < self.score_before

    @property
    def severity(self) -> Severity:
        """How grave what is new is; where nothing is, what the principal can then do."""
        return band(self.appearing_score if self.appears else self.score_after)


def changes(old: AccessGraph, new: AccessGraph, most: int = 1_000) -> tuple[PrincipalChange, ...]:
    """What becomes different, for at most that many principals, the gravest first.

    Looked at are only those whose own grants or ways differ, and whoever can come to one of them. That somebody who
    could become all accounts of a project can become a new one there as well is no new way, and neither is its end.
    """
    moved = {identity for identity in {*_identities(old), *_identities(new)} if _differs(identity, old, new)}
    places = {node for node in {*old.nodes(), *new.nodes()} if set(old.leads_to(node)) != set(new.leads_to(node))}
    touched = _upstream(moved | places, before(old)) | _upstream(moved | places, before(new))
    ranked = sorted(
        (node for node in touched if isinstance(node, str)),
        key=lambda node: (-max(old.score(node), new.score(node)), node),
    )
    found = (_change(identity, old, new, is_moved=identity in moved) for identity in ranked[:most])
    return tuple(
        sorted(
            (change for change in found if change.appears or change.vanishes),
            key=lambda change: (not change.appears, -change.score_after, change.principal.identity),
        )
    )


def _identities(graph: AccessGraph) -> Iterator[str]:
    return (node for node in graph.nodes() if isinstance(node, str))


def _differs(identity: str, old: AccessGraph, new: AccessGraph) -> bool:
    return (
        set(old.leads_to(identity)) != set(new.leads_to(identity))
        or old.own_score(identity) != new.own_score(identity)
        or _grants(identity, old) != _grants(identity, new)
    )


def _grants(identity: str, graph: AccessGraph) -> set[tuple[object, ...]]:
    principal = graph.named(identity)
    if principal is None:
        return set()
    return {(grant.resource, grant.role, grant.expression, grant.risk) for grant in graph.grants_of(principal)}


def _upstream(nodes: Iterable[object], back: Before) -> set[object]:
    seen = set(nodes)
    todo = list(seen)
    while todo:
        for node in back.get(todo.pop(), ()):
            if node not in seen:
                seen.add(node)
                todo.append(node)
    return seen


def _change(identity: str, old: AccessGraph, new: AccessGraph, *, is_moved: bool) -> PrincipalChange:
    principal = new.named(identity) or old.named(identity)
    assert principal is not None, "every identity comes from one of the graphs"
    was, will = Routes(old, identity), Routes(new, identity)
    rises = round(new.score(identity)) - round(old.score(identity))
    more, fewer = set(will.steps) - set(was.steps), set(was.steps) - set(will.steps)
    gained = _chains(will, new, more if is_moved or rises > 0 else {name for name in more if old.holds(name)})
    lost = _chains(was, old, fewer if is_moved or rises < 0 else {name for name in fewer if new.holds(name)})
    openings, closings = _openings(identity, new), _openings(identity, old)
    opened = {key: opening for key, opening in openings.items() if key not in closings}
    new_scores = [
        *((new.score(identity),) if rises > 0 else ()),
        *(chain.score * HOP ** len(chain.hops) for chain in gained[0]),
        *(score for _, _, score in opened.values()),
    ]
    return PrincipalChange(
        principal=principal,
        score_before=round(old.score(identity)),
        score_after=round(new.score(identity)),
        gained=gained[0],
        lost=lost[0],
        more_gained=gained[1],
        more_lost=lost[1],
        opened=tuple((path, where) for path, where, _ in opened.values()),
        closed=tuple((path, where) for key, (path, where, _) in closings.items() if key not in openings),
        appearing_score=round(max(new_scores, default=0)),
    )


def _chains(routes: Routes, graph: AccessGraph, identities: set[str]) -> tuple[tuple[Chain, ...], int]:
    ranked = sorted(identities, key=lambda name: (-round(graph.score(name)), routes.steps[name], name))
    chains = (Chain(name, round(graph.score(name)), routes.to(name)) for name in ranked[:_MOST_CHAINS])
    return tuple(chain for chain in chains if chain.hops), max(0, len(ranked) - _MOST_CHAINS)


def _openings(identity: str, graph: AccessGraph) -> dict[tuple[str, str], tuple[EscalationPath, str, float]]:
    return {
        (path.id, spot.resource): (path, spot.resource, spot.score)
        for spot in sorted(graph.standing_of(identity).spots, key=lambda spot: -spot.score)
        for path in sorted(spot.paths, key=lambda path: -path.weight)
    }
