"""Who can become whom, over the policies of an organization: a million member-bindings."""

from __future__ import annotations

import gc
import time
from collections.abc import Iterable, Iterator
from datetime import UTC, datetime

import msgspec
import orjson

from benchmarks.measure import Figure, in_turn, peak_megabytes
from bindwatch.access.grants import dangerous_bindings
from bindwatch.access.graph import AccessGraph
from bindwatch.inventory import Inventory, InventoryBuilder
from bindwatch.knowledge.roles import RoleCatalogue
from bindwatch.model.policy import Policy
from generate.estate import generate_policies

SMALL, LARGE = 100_000, 1_000_000
NOW = datetime(2026, 1, 14, 14, 30, tzinfo=UTC)


class _Asset(msgspec.Struct, rename="camel"):
    name: str
    asset_type: str
    iam_policy: Policy
    ancestors: tuple[str, ...]


def inventory_of(lines: Iterable[bytes]) -> Inventory:
    """The inventory of some lines of an export, without the reader's own work."""
    decoder = msgspec.json.Decoder(_Asset)
    builder = InventoryBuilder()
    for line in lines:
        asset = decoder.decode(line)
        builder.add_ancestors(asset.name, asset.ancestors)
        builder.add_policy(asset.name, asset.iam_policy, asset_type=asset.asset_type)
    return builder.build()


def _question(inventory: Inventory) -> int:
    return sum(len(binding.members) for _, binding, _ in dangerous_bindings(inventory, RoleCatalogue.built_in()))


def _graph_seconds(inventory: Inventory) -> tuple[float, AccessGraph]:
    gc.collect()
    before = time.process_time()
    graph = AccessGraph(inventory, RoleCatalogue.built_in(), NOW)
    graph.climbing(40)
    graph.assembling(40)
    return time.process_time() - before, graph


def figures() -> Iterator[Figure]:
    """The dangerous-permission question against parsing the same file, the whole graph, and its size."""
    # A child starts with the peak of its parent, so sizes come first.
    idle = peak_megabytes("from benchmarks.access import *")
    program = (
        "from benchmarks.access import *; inventory = inventory_of(generate_policies({})); "
        "sum(1 for _ in dangerous_bindings(inventory, RoleCatalogue.built_in()))"
    )
    asked = peak_megabytes(program.format(LARGE)) - idle
    yield Figure(f"{LARGE:,}: size of the inventory and the question", asked, "MB", at_most=150)
    program += "; AccessGraph(inventory, RoleCatalogue.built_in(), NOW)"
    yield Figure(f"{LARGE:,}: size with the graph", peak_megabytes(program.format(LARGE)) - idle, "MB", at_most=1000)
    asking, building = {}, {}
    for size in (SMALL, LARGE):
        lines = list(generate_policies(size))
        inventory = inventory_of(lines)
        seconds = in_turn(
            {
                "parse": lambda lines=lines: [orjson.loads(line) and None for line in lines],
                "question": lambda inventory=inventory: _question(inventory),
            },
            5,
        )
        yield Figure(f"{size:,}: orjson.loads of the file", 1000 * seconds["parse"], "ms")
        yield Figure(f"{size:,}: which bindings carry a dangerous permission", 1000 * seconds["question"], "ms")
        asking[size] = seconds["question"] / size
        rate = seconds["parse"] / seconds["question"]
        yield Figure(f"{size:,}: rate of the question, of the parse rate", rate, "times", at_least=0.8)
        took, graph = _graph_seconds(inventory)
        building[size] = took / size
        yield Figure(f"{size:,}: the whole access graph", took, "s", at_most=60)
        yield Figure(f"{size:,}: risky principals", len(graph.risky(40)), "")
        before = time.process_time()
        for one in graph.risky(70)[:200]:
            graph.removal(one.principal.member)
        yield Figure(f"{size:,}: what to remove, for each of 200", 5 * (time.process_time() - before), "ms")
        del graph, inventory, lines
        gc.collect()
    growth = asking[LARGE] / asking[SMALL]
    yield Figure("the question, growth per member-binding over ten times as many", growth, "times", at_most=1.5)
    growth = building[LARGE] / building[SMALL]
    yield Figure("the graph, growth per member-binding over ten times as many", growth, "times")
