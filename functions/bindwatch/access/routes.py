"""The shortest chains of hops from one identity to all it can become, or to one from all that can become it."""

from collections import defaultdict, deque
from collections.abc import Mapping, Sequence

from bindwatch.access.graph import AccessGraph, Hop

Before = Mapping[object, Sequence[object]]


def before(graph: AccessGraph) -> Before:
    """What leads to each node of the graph; made once for all the routes inwards."""
    found: defaultdict[object, list[object]] = defaultdict(list)
    for node in graph.nodes():
        for target in graph.leads_to(node):
            found[target].append(node)
    return found


class Routes:
    """The shortest ways out of an identity, or into it where `before` is given, counted in hops.

    Places on the way cost nothing.
    """

    def __init__(self, graph: AccessGraph, start: str, before: Before | None = None) -> None:
        self._graph = graph
        self._start = start
        self._before = before
        self._towards: dict[object, object] = {}
        self.steps: dict[str, int] = {}
        """Every identity at the other end, nearest first, with the number of hops."""
        self._walk()

    def _walk(self) -> None:
        """Breadth first; a step into or out of a place is no hop, so what it leads to is looked at before the rest."""
        cost: dict[object, int] = {self._start: 0}
        todo: deque[object] = deque([self._start])
        done: set[object] = set()
        while todo:
            node = todo.popleft()
            if node in done:
                continue
            done.add(node)
            if isinstance(node, str) and node != self._start:
                self.steps[node] = cost[node]
            for other in self._graph.leads_to(node) if self._before is None else self._before.get(node, ()):
                source = node if self._before is None else other
                hop = 1 if isinstance(source, str) else 0
                if other not in cost or cost[node] + hop < cost[other]:
                    cost[other] = cost[node] + hop
                    self._towards[other] = node
                    if hop:
                        todo.append(other)
                    else:
                        todo.appendleft(other)

    def to(self, identity: str) -> tuple[Hop, ...]:
        """The hops between the start and that identity, in the order they are taken; () where there is no way."""
        if identity not in self.steps:
            return ()
        nodes: list[object] = [identity]
        while nodes[-1] != self._start:
            nodes.append(self._towards[nodes[-1]])
        if self._before is None:
            nodes.reverse()
        hops: list[Hop] = []
        source, first = nodes[0], None
        for node in nodes[1:]:
            first = node if first is None else first
            if isinstance(node, str) and isinstance(source, str):
                hop = self._graph.hop(source, first, node)
                if hop is None:
                    return ()
                hops.append(hop)
                source, first = node, None
        return tuple(hops)
