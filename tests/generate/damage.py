"""Damage to JSON as the field knows it: fields of another type, gone, doubled, and lines cut short."""

from __future__ import annotations

import json
import random
from typing import Any

WRONG: tuple[Any, ...] = (
    None,
    True,
    0,
    -1,
    2**63,
    1e308,
    "",
    "x",
    "\u202e\x1b[31m",
    "\ud800",
    [],
    {},
    [None],
    {"": None},
    [[]],
    "true",
    {"code": "7"},
)


def damaged(rng: random.Random, value: Any) -> Any:
    """A copy of a JSON value with one to four of its parts replaced, removed or moved."""
    value = json.loads(json.dumps(value))
    for _ in range(rng.randint(1, 4)):
        holders = [item for item in _walk(value) if item]
        if not holders:
            return value
        holder = rng.choice(holders)
        key = rng.choice(list(holder)) if isinstance(holder, dict) else rng.randrange(len(holder))
        match rng.randrange(4):
            case 0:
                del holder[key]
            case 1:
                holder[key] = [holder[key]]
            case 2 if isinstance(holder, dict):
                holder[str(key).swapcase()] = holder.pop(key)
            case _:
                holder[key] = rng.choice(WRONG)
    return value


def damaged_line(rng: random.Random, line: bytes) -> bytes:
    """The text of a JSON value with its bytes cut, doubled or flipped; seldom JSON afterwards."""
    at = rng.randrange(len(line))
    match rng.randrange(4):
        case 0:
            return line[:at]
        case 1:
            return line[:at] + line[at // 2 :]
        case 2:
            return line[:at] + bytes([rng.randrange(256)]) + line[at + 1 :]
        case _:
            return line[:at] + rng.choice((b'"', b"}", b"\x00", b"\xff\xfe", b"\\u")) + line[at:]


def _walk(value: Any) -> list[Any]:
    found = []
    stack = [value]
    while stack:
        item = stack.pop()
        if isinstance(item, dict):
            found.append(item)
            stack.extend(item.values())
        elif isinstance(item, list):
            found.append(item)
            stack.extend(item)
    return found
