"""The roles that cover some permissions with the fewest permissions beyond them."""

from bisect import bisect
from collections import defaultdict
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import NamedTuple

from bindwatch.knowledge.roles import BASIC_ROLES, RoleCatalogue, is_service_agent_role, positions

_LOOKS = 700
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
    """A role that may be part of an answer: what it covers, a bit for each permission wanted, and what else it has."""

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
        self._sizes = [size for size, _, _ in self._roles]
        self._reachable = 0
        self._with: defaultdict[int, list[int]] = defaultdict(list)
        """The roles that hold the permission at a position, by their index, the smallest first."""
        for index, (_, _, held) in enumerate(self._roles):
            self._reachable |= held
            for position in positions(held):
                self._with[position].append(index)

    def cover(self, wanted: Iterable[str]) -> RoleCover:
        """The eligible roles that carry all wanted permissions with the fewest extra ones, then the fewest roles.

        The answer never has more extra permissions than the greedy choice (fewest extra per wanted one first) has.
        """
        names = tuple(dict.fromkeys(wanted))
        mask = self.catalogue.mask_of(names)[0] & self._reachable
        missing = tuple(name for name in names if not self.catalogue.bit(name) & mask)
        if not mask:
            return RoleCover((), (), missing, exact=True)
        places = tuple(positions(mask))
        candidates = self._affordable(mask, places)
        everything = (1 << len(places)) - 1
        search = _Search(candidates, everything, _greedy(candidates, everything))
        search.run()
        extra = 0
        for one in search.best:
            extra |= one.extra
        roles = tuple(sorted(one.role for one in search.best))
        return RoleCover(roles, tuple(sorted(self.catalogue.names(extra))), missing, exact=not search.stopped)

    def _affordable(self, wanted: int, places: tuple[int, ...]) -> list[_Candidate]:
        """Without the roles that alone cost more than a whole answer, and without those another one replaces."""
        union = 0
        for position in places:
            union |= self._roles[self._with[position][0]][2]
        limit = (union & ~wanted).bit_count()
        last = bisect(self._sizes, limit + len(places))
        covers: dict[int, int] = {}
        for bit, position in enumerate(places):
            for index in self._with[position]:
                if index >= last:
                    break
                covers[index] = covers.get(index, 0) | 1 << bit
        found = []
        for index, covered in covers.items():
            size, role, _ = self._roles[index]
            cost = size - covered.bit_count()
            if cost <= limit:
                found.append((cost, role, covered, index))
        found.sort()
        kept: list[_Candidate] = []
        others = self._reachable & ~wanted  # once: an integer of this length is slow to negate
        for cost, role, covered, index in found:
            extra = self._roles[index][2] & others
            for one in kept:
                if covered & one.covers == covered and one.extra & extra == one.extra:
                    break
            else:
                kept.append(_Candidate(cost, role, covered, extra))
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
