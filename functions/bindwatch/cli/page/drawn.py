"""Who can become whom, for some principals, as drawings with the same in words."""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass

from bindwatch.access.explain import Explainer, PrincipalAnswer, Reached, subject_of
from bindwatch.access.graph import AccessGraph
from bindwatch.cli.drawing import short_name
from bindwatch.cli.explain import drawing_of, removal_of
from bindwatch.cli.terminal import printable
from bindwatch.errors import InputError
from bindwatch.inventory import Inventory

_DRAWN = 8
_FLOORS = (95, 85, 70, 50, 25, 0)


@dataclass(frozen=True, slots=True)
class Way:
    """An identity at the other end of a chain, and the chain in words, step by step."""

    identity: str
    score: int
    steps: tuple[str, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Drawn:
    """One principal: the drawing, the same in words, and the one grant to remove."""

    principal: str
    name: str
    """The principal in short, for a list to choose from."""
    score: int
    severity: str
    svg: str
    becomes: tuple[Way, ...]
    reached_by: tuple[Way, ...]
    fix: str
    commands: tuple[str, ...]
    undo: tuple[str, ...]
    score_after: int
    unknown: tuple[str, ...]


def draw(inventory: Inventory, graph: AccessGraph, chosen: Iterable[str], at_most: int = 8) -> tuple[Drawn, ...]:
    """The chosen principals, then the riskiest of those who can become somebody: `at_most` besides the chosen.

    Raises InputError for a chosen one that nothing in the inventory names.
    """
    explainer = Explainer(inventory, graph)
    drawn: dict[str, Drawn] = {}
    for name in chosen:
        member, is_principal = subject_of(name, inventory)
        answer = explainer.principal(member, _DRAWN)
        if not is_principal or not answer.is_named:
            raise InputError(name, "no principal of this name is in what was read, so nothing can be drawn for it")
        drawn[answer.principal.identity] = _drawn(answer)
    room = len(drawn) + at_most
    for identity in _climbers(graph):
        if len(drawn) >= room:
            break
        if identity not in drawn:
            answer = explainer.principal(identity, _DRAWN)
            if answer.becomes:
                drawn[identity] = _drawn(answer)
    return tuple(drawn.values())


def _climbers(graph: AccessGraph) -> Iterator[str]:
    """Those who can become somebody, the gravest first: one whose score is another's before one who has its own.

    Asked for score by score: of a hundred thousand principals only the first few are wanted.
    """
    told: set[str] = set()
    for ask in (graph.climbing, graph.risky):
        for floor in _FLOORS:
            for risky in ask(floor):
                identity = risky.principal.identity
                if identity not in told:
                    told.add(identity)
                    yield identity


def _drawn(answer: PrincipalAnswer) -> Drawn:
    fix = removal_of(answer.removal) if answer.removal else None
    return Drawn(
        principal=printable(answer.principal.member),
        name=brief(answer.principal.identity),
        score=answer.risky.score if answer.risky else 0,
        severity=answer.risky.severity.name if answer.risky else "INFO",
        svg=drawing_of(answer).svg(),
        becomes=tuple(map(_way, answer.becomes)),
        reached_by=tuple(map(_way, answer.reached_by)),
        fix=printable(fix.summary) if fix else "",
        commands=tuple(map(printable, fix.commands)) if fix else (),
        undo=tuple(map(printable, fix.undo)) if fix else (),
        score_after=answer.removal.score_after if answer.removal else 0,
        unknown=tuple(map(printable, answer.unknown)),
    )


def brief(identity: str) -> str:
    """An identity in a few words: its name, then what it is."""
    kind, name = short_name(identity)
    return f"{name} ({kind})" if kind else name


def _way(reached: Reached) -> Way:
    return Way(printable(reached.identity), reached.score, tuple(printable(str(hop)) for hop in reached.hops))
