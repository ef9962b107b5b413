"""The roles that cover some permissions with the fewest permissions beyond them."""

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import NamedTuple

from bindwatch.knowledge.roles import BASIC_ROLES, RoleCatalogue, is_service_agent_role, positions

_LOOKS = 1500
"""How many choices the exact search may weigh before it settles for the best so far: about 1 ms."""


@dataclass(frozen=True, slots=True)
class RoleCover:
    """Roles that together carry what is wanted.

    `extra` are the permissions that come with them and were not wanted; `uncovered` those no eligible role carries.
    `exact`: no choice of eligible roles has fewer extra permissions (else it is the best one found).
    """

    roles: tuple[str, ...]
    extra: tuple[str, ...]
    uncovered: tuple[str, ...]
    exact: bool


class _Candidate(NamedTuple):
    cost: int
    role: str
    covers: int
    extra: int


def suggestible(role: str) -> bool:
    """Whether a role may be suggested to a person: predefined, not a basic role, not made for Google's agents."""
    return role.startswith("roles/") and role not in BASIC_ROLES and not is_service_agent_role(role)


class RoleFinder:
    """Answers which roles of a catalogue cover some permissions; made once, asked often.

    Only roles whose permissions are all known take part: the built-in table has none.
    """

    def __init__(self, catalogue: RoleCatalogue, eligible: Callable[[str], bool] = suggestible) -> None:
        self.catalogue = catalogue
        self._roles = sorted(
            (held.bit_count(), role, held)
            for role, held in catalogue.masks()
            if held and eligible(role) and catalogue.complete_for(role)
        )
        self._reachable = 0
        self._smallest: dict[int, int] = {}
        for _, _, held in self._roles:
            new = held & ~self._reachable
            self._reachable |= held
            for position in positions(new):
                self._smallest[position] = held

    def cover(self, wanted: Iterable[str]) -> RoleCover:
        """The eligible roles that carry all wanted permissions with the fewest extra ones, then the fewest roles.

        The answer never has more extra permissions than the greedy choice (fewest extra per wanted one first) has.
        """
        names = tuple(dict.fromkeys(wanted))
        mask = self.catalogue.mask_of(names)[0] & self._reachable
        missing = tuple(name for name in names if not self.catalogue.bit(name) & mask)
        if not mask:
            return RoleCover((), (), missing, exact=True)
        candidates = self._affordable(mask)
        search = _Search(candidates, mask, _greedy(candidates, mask))
        search.run()
        extra = 0
        for one in search.best:
            extra |= one.extra
        roles = tuple(sorted(one.role for one in search.best))
        return RoleCover(roles, tuple(sorted(self.catalogue.names(extra))), missing, exact=not search.stopped)

    def _affordable(self, wanted: int) -> list[_Candidate]:
        """Without the roles that alone cost more than a whole answer, and without those another one replaces."""
        union = 0
        for position in positions(wanted):
            union |= self._smallest[position]
        limit = (union & ~wanted).bit_count()
        most = limit + wanted.bit_count()
        found: list[_Candidate] = []
        for size, role, held in self._roles:
            if size > most:
                break
            covers = held & wanted
            if covers:
                found.append(_Candidate(size - covers.bit_count(), role, covers, held ^ covers))
        found.sort()
        kept: list[_Candidate] = []
        for one in found:
            if one.cost > limit:
                break
            if not any(one.covers | other.covers == other.covers and not other.extra & ~one.extra for other in kept):
                kept.append(one)
        return kept


def _greedy(candidates: list[_Candidate], wanted: int) -> tuple[_Candidate, ...]:
    chosen: list[_Candidate] = []
    left, union = wanted, 0
    while left:
        best = min(
            (one for one in candidates if one.covers & left),
            key=lambda one: ((one.extra & ~union).bit_count() / (one.covers & left).bit_count(), one.cost, one.role),
        )
        chosen.append(best)
        left &= ~best.covers
        union |= best.extra
    for one in tuple(chosen):
        rest = 0
        for other in chosen:
            if other is not one:
                rest |= other.covers
        if rest & wanted == wanted:
            chosen.remove(one)
    return tuple(chosen)


class _Search:
    """Branch and bound: take the permission with the fewest roles left, try each of them, cheapest first."""

    def __init__(self, candidates: list[_Candidate], wanted: int, best: tuple[_Candidate, ...]) -> None:
        self._candidates = candidates
        self._wanted = wanted
        self._seen: set[tuple[int, int]] = set()
        self._looks = 0
        self.stopped = False
        self.best = best
        union = 0
        for one in best:
            union |= one.extra
        self._value = (union.bit_count(), len(best))

    def run(self) -> None:
        """Search until the best is proven, or enough has been weighed."""
        by_permission: dict[int, list[_Candidate]] = {}
        left = self._wanted
        while left:
            bit = left & -left
            left ^= bit
            by_permission[bit] = [one for one in self._candidates if one.covers & bit]
        self._roles_of = dict(sorted(by_permission.items(), key=lambda item: len(item[1])))
        self._extend((), self._wanted, 0)

    def _extend(self, chosen: tuple[_Candidate, ...], left: int, union: int) -> None:
        if not left:
            value = (union.bit_count(), len(chosen))
            if value < self._value:
                self._value, self.best = value, chosen
            return
        if self.stopped or (union, left) in self._seen:
            return
        self._seen.add((union, left))
        branch = next(roles for bit, roles in self._roles_of.items() if bit & left)
        self._looks += len(branch)
        if self._looks > _LOOKS:
            self.stopped = True
            return
        options = sorted(((one.extra | union).bit_count(), one.role, one) for one in branch)
        for cost, _, one in options:
            if (cost, len(chosen) + 1) >= self._value:
                break
            self._extend((*chosen, one), left & ~one.covers, union | one.extra)
