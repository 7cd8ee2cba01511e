"""Directed graphs whose edges have kinds, and the short cycles in them."""

from __future__ import annotations

from collections import defaultdict, deque
from collections.abc import Iterable, Iterator
from typing import NamedTuple


class Edge(NamedTuple):
    """`kind` is what is between `source` and `target`; `why` says it in words."""

    source: int
    target: int
    kind: str
    why: str


class Graph:
    """Nodes are numbers; between two nodes there is at most one edge of each kind."""

    def __init__(self) -> None:
        self.edges: dict[int, dict[tuple[int, str], Edge]] = defaultdict(dict)

    def add(self, source: int, target: int, kind: str, why: str) -> None:
        """Add an edge, unless it is there or would join a node to itself."""
        if source != target:
            self.edges[source].setdefault((target, kind), Edge(source, target, kind, why))

    def following(self, node: int, kinds: frozenset[str]) -> Iterator[Edge]:
        """The edges of `kinds` that leave `node`."""
        return (edge for edge in self.edges.get(node, {}).values() if edge.kind in kinds)

    def components(self, kinds: frozenset[str]) -> list[set[int]]:
        """The strongly connected components of more than one node, by Tarjan's algorithm without recursion."""
        order: dict[int, int] = {}
        low: dict[int, int] = {}
        stack: list[int] = []
        on_stack: set[int] = set()
        found: list[set[int]] = []
        for root in list(self.edges):
            if root in order:
                continue
            work = [(root, self.following(root, kinds))]
            order[root] = low[root] = len(order)
            stack.append(root)
            on_stack.add(root)
            while work:
                node, edges = work[-1]
                for edge in edges:
                    target = edge.target
                    if target not in order:
                        order[target] = low[target] = len(order)
                        stack.append(target)
                        on_stack.add(target)
                        work.append((target, self.following(target, kinds)))
                        break
                    if target in on_stack:
                        low[node] = min(low[node], order[target])
                else:
                    work.pop()
                    if work:
                        low[work[-1][0]] = min(low[work[-1][0]], low[node])
                    if low[node] == order[node]:
                        component = _pop(stack, on_stack, node)
                        if len(component) > 1:
                            found.append(component)
        return found

    def cycle(self, first: Edge, inside: set[int], kinds: frozenset[str], also: str = "") -> list[Edge] | None:
        """A shortest way from `first` back to its source over edges of `kinds` inside a component; with `also`, one
        that has an edge of that kind too (beside `first`)."""
        start = (first.target, not also)
        came: dict[tuple[int, bool], tuple[tuple[int, bool], Edge] | None] = {start: None}
        queue = deque([start])
        while queue:
            at = queue.popleft()
            node, satisfied = at
            if node == first.source and satisfied:
                return [first, *_way(came, at)]
            for edge in self.following(node, kinds):
                there = (edge.target, satisfied or edge.kind == also)
                if edge.target in inside and there not in came:
                    came[there] = (at, edge)
                    queue.append(there)
        return None

    def within(self, component: set[int], kinds: Iterable[str]) -> Iterator[Edge]:
        """The edges of `kinds` between nodes of a component."""
        chosen = frozenset(kinds)
        return (edge for node in sorted(component) for edge in self.following(node, chosen) if edge.target in component)


def _pop(stack: list[int], on_stack: set[int], node: int) -> set[int]:
    component: set[int] = set()
    while True:
        top = stack.pop()
        on_stack.discard(top)
        component.add(top)
        if top == node:
            return component


def _way(came: dict[tuple[int, bool], tuple[tuple[int, bool], Edge] | None], end: tuple[int, bool]) -> list[Edge]:
    edges: list[Edge] = []
    step = came[end]
    while step is not None:
        edges.append(step[1])
        step = came[step[0]]
    return edges[::-1]
