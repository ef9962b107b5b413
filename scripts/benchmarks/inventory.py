"""Reading the policies of an organization into an inventory: a million member-bindings."""

from __future__ import annotations

import gc
from collections.abc import Iterable, Iterator

import orjson

from benchmarks.measure import Figure, in_turn, peak_megabytes
from bindwatch.inventory import Inventory, InventoryBuilder, take_policy_lines
from generate.estate import generate_policies

SMALL, LARGE = 100_000, 1_000_000
CHUNK = 1 << 20


def chunks(lines: Iterable[bytes]) -> Iterator[bytes]:
    """The lines as a file gives them: whole ones, a megabyte or so at a time."""
    part, size = [], 0
    for line in lines:
        part.append(line)
        size += len(line)
        if size >= CHUNK:
            yield b"".join(part)
            part, size = [], 0
    yield b"".join(part)


def read(parts: Iterable[bytes]) -> Inventory:
    """The inventory of an export."""
    builder = InventoryBuilder()
    for part in parts:
        if take_policy_lines(part, builder):
            raise RuntimeError("a line of the generator is not plainly a policy")
    return builder.build()


def figures() -> Iterator[Figure]:
    """How fast, beside orjson that keeps what it parsed and orjson that drops it; how large; how it grows.

    Keeping each member once costs about half of the time and saves about half of the size.
    """
    # A child starts with the peak of its parent, so sizes come first.
    idle = peak_megabytes("from benchmarks.inventory import *")
    program = f"from benchmarks.inventory import *; inventory = read(chunks(generate_policies({LARGE})))"
    yield Figure(f"{LARGE:,}: size of the inventory", peak_megabytes(program) - idle, "MB", at_most=150)
    per_member = {}
    for size in (SMALL, LARGE):
        lines = list(generate_policies(size))
        parts = list(chunks(lines))
        seconds = in_turn(
            {
                "kept": lambda lines=lines: [orjson.loads(line) for line in lines],
                "dropped": lambda lines=lines: [orjson.loads(line) and None for line in lines],
                "read": lambda parts=parts: read(parts),
            },
            3,
        )
        per_member[size] = seconds["read"] / size
        yield Figure(f"{size:,}: reading", seconds["read"], "s")
        yield Figure(f"{size:,}: rate of reading, of orjson keeping", seconds["kept"] / seconds["read"], "")
        yield Figure(f"{size:,}: rate of reading, of orjson dropping", seconds["dropped"] / seconds["read"], "")
        del lines, parts
        gc.collect()
    growth = per_member[LARGE] / per_member[SMALL]
    yield Figure(f"growth per member-binding from {SMALL:,} to {LARGE:,}", growth, "times", at_most=2)
