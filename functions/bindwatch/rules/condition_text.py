"""How two conditions compare, as far as their texts tell: no condition is evaluated here."""

import re
from collections.abc import Iterator
from datetime import datetime
from typing import Final

from bindwatch.model.log_entry import parse_time

_EXPIRY: Final = re.compile(r"request\.time\s*<=?\s*timestamp\(\s*['\"]([^'\"]+)['\"]\s*\)")


def is_narrowed(old: str, new: str) -> bool:
    """Whether a condition asks for all that the old one asked for, and maybe more."""
    asked, asks = (set(_conjuncts(text)) for text in (old, new))
    return bool(asks) and asked <= asks


def is_widened(old: str, new: str) -> bool:
    """Whether a condition surely holds wherever the old one did, and elsewhere: it asks for less, or has an or more."""
    if is_narrowed(old, new):
        return False
    ways = [_bare(part) for part in new.split("||")]
    return is_narrowed(new, old) or (len(ways) > 1 and _bare(old) in ways)


def expiry_of(text: str) -> datetime | None:
    """When a condition stops to hold at the latest; None where it names no such moment, or offers another way."""
    moments = [moment for found in _EXPIRY.findall(text) if (moment := parse_time(found)) is not None]
    return min(moments) if moments and "||" not in text else None


def _conjuncts(condition: str) -> Iterator[str]:
    if "||" in condition or "?" in condition:
        yield " ".join(condition.split())
        return
    for part in condition.split("&&"):
        bare = _bare(part)
        if bare and bare != "true":
            yield bare


def _bare(text: str) -> str:
    bare = " ".join(text.split())
    while bare.startswith("(") and bare.endswith(")"):
        bare = bare[1:-1].strip()
    return bare
