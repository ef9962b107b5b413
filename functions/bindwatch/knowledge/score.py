"""The risk score: what a principal could do with its permissions, and how exposed it is.

Pure arithmetic on risk masks (`escalation.py`); the name of a role is never read. Adding a permission, widening the
scope or the principal never lowers a score.
"""

import math
from collections.abc import Iterable
from enum import StrEnum
from functools import lru_cache

from bindwatch.knowledge.escalation import EscalationPath, Level, act_as_bit, satisfied, satisfied_through, traits_of
from bindwatch.knowledge.permissions import Trait
from bindwatch.model.finding import Severity

_TRAIT_WEIGHT = {
    Trait.SET_IAM_POLICY: 0.45,
    Trait.DESTROY: 0.30,
    Trait.WRITE: 0.15,
    Trait.READ_PAYLOAD: 0.15,
    Trait.READ_CONFIG: 0.03,
}
_LATENT_ACT_AS = 0.50

_SCOPE_EXPONENT = {Level.ORGANIZATION: 1.5, Level.FOLDER: 1.0, Level.PROJECT: 0.0, Level.RESOURCE: -1.5}

TIME_BOUNDED = -1.0
"""Added to the exponent where a condition ends the grant within 24 hours."""

HOP = 0.9
"""What one hop to another identity leaves of that identity's score."""


class Exposure(StrEnum):
    """How many could come to act as the principal."""

    PUBLIC = "anyone on the internet"
    OPEN_FEDERATION = "anyone with an account at a shared identity provider"
    EXTERNAL = "an account outside the organization"
    WHOLE_POOL = "every identity of a pool"
    DOMAIN = "everybody of a domain"
    PART_OF_POOL = "every identity of a namespace or cluster"
    KEYED_SERVICE_ACCOUNT = "whoever holds a copy of its key"
    PERSON = "a person or a group"
    WORKLOAD = "one workload"
    SERVICE_AGENT = "Google's own agent"

    @property
    def exponent(self) -> float:
        """The share of the exponent that the principal gives."""
        return _EXPOSURE_EXPONENT[self]


_EXPOSURE_EXPONENT = {
    Exposure.PUBLIC: 4.0,
    Exposure.OPEN_FEDERATION: 3.0,
    Exposure.EXTERNAL: 2.0,
    Exposure.WHOLE_POOL: 1.5,
    Exposure.DOMAIN: 1.5,
    Exposure.PART_OF_POOL: 1.0,
    Exposure.KEYED_SERVICE_ACCOUNT: 1.0,
    Exposure.PERSON: 0.5,
    Exposure.WORKLOAD: 0.0,
    Exposure.SERVICE_AGENT: -3.0,
}


@lru_cache(maxsize=65536)
def impact(risk: int, level: Level = Level.PROJECT, kind: str = "") -> float:
    """What the permissions allow at that level, in [0, 1), whoever holds them."""
    return _combined(satisfied(risk, level, kind), risk)


def impact_through(masks: dict[Level, int], kind: str = "") -> float:
    """What permissions bound at several levels above one resource allow together, in [0, 1)."""
    union = 0
    for mask in masks.values():
        union |= mask
    return _combined(satisfied_through(masks, kind), union)


def _combined(paths: Iterable[EscalationPath], risk: int) -> float:
    """The largest weight, and a quarter of the second: 47 ways to run code do not beat one setIamPolicy."""
    first = second = 0.0
    latent = bool(risk & act_as_bit())
    weights = []
    for path in paths:
        weights.append(path.weight)
        latent = latent and not path.needs_act_as
    traits = traits_of(risk)
    weights += [weight for one, weight in _TRAIT_WEIGHT.items() if one & traits]
    if latent:
        weights.append(_LATENT_ACT_AS)
    for weight in weights:
        if weight > first:
            first, second = weight, first
        elif weight > second:
            second = weight
    return 1.0 - (1.0 - first) * (1.0 - 0.25 * second)


def scope_exponent(level: Level) -> float:
    """The share of the exponent that the scope of the binding gives."""
    return _SCOPE_EXPONENT[level]


def exposed(intrinsic: float, exponent: float) -> float:
    """The score in [0, 100]: `intrinsic` unchanged at exponent 0, as if tried twice at exponent 2."""
    return 100.0 * (1.0 - math.pow(1.0 - intrinsic, math.pow(2.0, exponent / 2.0)))


def score(
    risk: int, level: Level = Level.PROJECT, exposure: Exposure = Exposure.WORKLOAD, *, kind: str = "",
    time_bounded: bool = False,
) -> float:  # fmt: skip
    """The score of one grant: permissions, where they are bound, and to whom."""
    exponent = exposure.exponent + scope_exponent(level) + (TIME_BOUNDED if time_bounded else 0.0)
    return exposed(impact(risk, level, kind), exponent)


def band(value: float) -> Severity:
    """The severity of a score, rounded as it is shown."""
    shown = round(value)
    for floor, severity in ((90, Severity.CRITICAL), (70, Severity.HIGH), (40, Severity.MEDIUM), (15, Severity.LOW)):
        if shown >= floor:
            return severity
    return Severity.INFO
