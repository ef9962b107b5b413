"""The escalation paths: permissions with which one identity becomes another, or removes a guard.

Risk is read from permissions, never from role names. Every question is asked of an integer: bit i stands for
`dangerous_permissions()[i]`, and the bits above stand for the `Trait` classes, so that one `&` answers it.
"""

from collections.abc import Iterable
from enum import IntEnum
from functools import cache
from pathlib import Path

import msgspec

from bindwatch.knowledge.permissions import Trait, canonical, trait

ACT_AS = "iam.serviceAccounts.actAs"

_CLASS_WEIGHT = {"C0": 0.90, "C1": 0.75, "C2": 0.65, "C2k": 0.60, "C4": 0.50, "C3": 0.45}


class Level(IntEnum):
    """Where in the hierarchy a role is bound. What is bound higher is inherited by everything below."""

    RESOURCE = 0
    PROJECT = 1
    FOLDER = 2
    ORGANIZATION = 3


class EscalationPath(msgspec.Struct, frozen=True, kw_only=True):
    """One way up: whoever holds all its permissions, bound high enough, can walk it.

    `cls` is what it leads to: C0 policy or trust takeover, C1 an identity's credential, C2 code run as an identity,
    C2k the same through a GKE cluster, C3 secrets and data policies, C4 a guardrail removed. `level` is the lowest
    level of the hierarchy at which its permissions have effect; bound on a single resource they have effect only on
    the asset types in `kinds`.
    """

    id: str
    cls: str
    permissions: tuple[str, ...]
    level: Level
    kinds: tuple[str, ...]
    why: str
    weight: float
    mask: int

    @property
    def needs_act_as(self) -> bool:
        """Whether one of its permissions is actAs, which may be held on the service account instead."""
        return ACT_AS in self.permissions and len(self.permissions) > 1

    def effective_at(self, level: Level, kind: str = "") -> bool:
        """Whether permissions bound there have this effect; a resource of unknown kind (`""`) counts as the one."""
        if level >= self.level:
            return True
        return level is Level.RESOURCE and bool(self.kinds) and (not kind or kind in self.kinds or "*" in self.kinds)


class _Line(msgspec.Struct):
    id: str
    cls: str
    permissions: list[str]
    level: str
    kinds: list[str]
    why: str
    weight: float = 0.0


@cache
def _load() -> tuple[tuple[EscalationPath, ...], tuple[str, ...]]:
    data = (Path(__file__).parent.parent / "data" / "escalation_paths.ndjson").read_bytes()
    lines = msgspec.json.Decoder(_Line).decode_lines(data)
    index: dict[str, int] = {}
    found = []
    for line in lines:
        mask = 0
        for permission in line.permissions:
            mask |= 1 << index.setdefault(permission, len(index))
        found.append(
            EscalationPath(
                id=line.id,
                cls=line.cls,
                permissions=tuple(line.permissions),
                level=Level[line.level.upper()],
                kinds=tuple(line.kinds),
                why=line.why,
                weight=line.weight or _CLASS_WEIGHT[line.cls],
                mask=mask,
            )
        )
    return tuple(found), tuple(index)


def escalation_paths() -> tuple[EscalationPath, ...]:
    """Every path, in the order of the table."""
    return _load()[0]


@cache
def paths_by_id() -> dict[str, EscalationPath]:
    """Every path by its id."""
    return {path.id: path for path in escalation_paths()}


def dangerous_permissions() -> tuple[str, ...]:
    """Every permission some path needs, as its canonical key; the position is its bit in a risk mask."""
    return _load()[1]


@cache
def dangerous_bits() -> dict[str, int]:
    """The bit (`1 << i`) of every dangerous permission, by its canonical key."""
    return {permission: 1 << i for i, permission in enumerate(dangerous_permissions())}


@cache
def dangerous_mask() -> int:
    """All dangerous permissions at once; what remains of a risk mask above it are the traits."""
    return (1 << len(dangerous_permissions())) - 1


@cache
def act_as_bit() -> int:
    """The bit of `iam.serviceAccounts.actAs`."""
    return dangerous_bits()[ACT_AS]


def trait_bits(traits: int) -> int:
    """Traits as they lie in a risk mask."""
    return traits << len(dangerous_permissions())


def traits_of(risk: int) -> Trait:
    """The traits in a risk mask."""
    return Trait(risk >> len(dangerous_permissions()))


def risk_of(permissions: Iterable[str]) -> int:
    """The risk mask of some permissions, in any spelling."""
    bits, risk, traits = dangerous_bits(), 0, 0
    for permission in permissions:
        risk |= bits.get(canonical(permission), 0)
        traits |= trait(permission)
    return risk | trait_bits(traits)


def named(risk: int) -> tuple[str, ...]:
    """The dangerous permissions in a risk mask, by name."""
    return tuple(name for name, bit in dangerous_bits().items() if risk & bit)


@cache
def _candidates(level: Level, kind: str) -> tuple[EscalationPath, ...]:
    return tuple(path for path in escalation_paths() if path.effective_at(level, kind))


_satisfied: dict[tuple[int, Level, str], tuple[EscalationPath, ...]] = {}
_MEMORY = 100_000


def satisfied(risk: int, level: Level = Level.PROJECT, kind: str = "") -> tuple[EscalationPath, ...]:
    """The paths open to whoever holds these permissions at that level, in the order of the table.

    Each distinct question is worked out once. `kind` is the asset type where `level` is a single resource.
    """
    dangerous = risk & dangerous_mask()
    if not dangerous:
        return ()
    key = (dangerous, level, kind if level is Level.RESOURCE else "")
    known = _satisfied.get(key)
    if known is None:
        if len(_satisfied) >= _MEMORY:
            _satisfied.clear()
        known = tuple(path for path in _candidates(level, key[2]) if path.mask & dangerous == path.mask)
        _satisfied[key] = known
    return known


def satisfied_through(masks: dict[Level, int], kind: str = "") -> tuple[EscalationPath, ...]:
    """The paths open to one principal whose permissions come from several levels: the union over the ancestors.

    A path that has effect from the folder up needs all its permissions from the folder up; one that has effect on the
    project may take some from the organization and some from the project.
    """
    held, found = 0, {}
    for level in sorted(masks, reverse=True):
        held |= masks[level]
        for path in satisfied(held, level, kind):
            found[path.id] = path
    return tuple(path for path in escalation_paths() if path.id in found)
