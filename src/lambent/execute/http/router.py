"""Which route of an HTTP API answers: the most specific path that has the method, `$default` when none does.

A literal segment is more specific than `{name}`, that more than `{name+}`, which takes the rest of the path and at
least one character of it; at one path the method itself comes before ANY. A slash at the end is a segment of its own
(the empty one), which only a literal can match: `/pets/` is not `/pets`.
"""

from __future__ import annotations

from typing import Generic, TypeVar
from urllib.parse import unquote

R = TypeVar("R")
Names = tuple[str, ...]


class _Node(Generic[R]):
    """A place in the tree of segments. Routes are held by method, with the names of their parameters in order."""

    __slots__ = ("ends", "greedy", "literals", "parameter")

    def __init__(self) -> None:
        self.literals: dict[str, _Node[R]] = {}
        self.parameter: _Node[R] | None = None
        self.ends: dict[str, tuple[R, Names]] = {}
        self.greedy: dict[str, tuple[R, Names]] = {}


class Router(Generic[R]):
    """Routes by key. `default` is the route `$default`, None without one."""

    def __init__(self) -> None:
        self._root: _Node[R] = _Node()
        self._plain: dict[tuple[str, str], R] = {}
        self.default: R | None = None

    def add(self, key: str, route: R) -> None:
        """Add the route of a key that was checked: `$default` or `METHOD /path`."""
        method, _, path = key.partition(" ")
        if not path:
            self.default = route
            return
        node = self._root
        names: list[str] = []
        segments = path[1:].split("/")
        for segment in segments:
            if segment.endswith("+}"):
                node.greedy[method] = (route, (*names, segment[1:-2]))
                return
            if segment.startswith("{"):
                names.append(segment[1:-1])
                if node.parameter is None:
                    node.parameter = _Node()
                node = node.parameter
            else:
                node = node.literals.setdefault(unquote(segment), _Node())
        node.ends[method] = (route, tuple(names))
        if not names and method != "ANY" and "%" not in path:
            self._plain[method, path] = route

    def match(self, method: str, path: str) -> tuple[R, dict[str, str]] | None:
        """The route for a method and a raw path that begins with a slash, and its path parameters, decoded; None when
        there is none."""
        plain = self._plain.get((method, path))
        if plain is not None:
            return plain, {}
        found = _find(self._root, method, path[1:].split("/"), 0, ())
        if found is not None:
            (route, names), values = found
            return route, dict(zip(names, values, strict=True))
        return (self.default, {}) if self.default is not None else None


# ANY is any method of HTTP, whose names are of capitals: policies, which know them so, could be passed by as `get`.


def _of(held: dict[str, tuple[R, Names]], method: str) -> tuple[R, Names] | None:
    return held.get(method) or (held.get("ANY") if method.isupper() else None)


def _find(
    node: _Node[R], method: str, segments: list[str], place: int, values: tuple[str, ...]
) -> tuple[tuple[R, Names], tuple[str, ...]] | None:
    """Depth first, the most specific branch first. A branch forks at most three ways at each segment of a route, so the
    work is bounded by the routes rather than by the path."""
    if place == len(segments):
        end = _of(node.ends, method)
        return (end, values) if end is not None else None
    segment = unquote(segments[place])
    literal = node.literals.get(segment)
    if literal is not None:
        found = _find(literal, method, segments, place + 1, values)
        if found is not None:
            return found
    if node.parameter is not None and segment:
        found = _find(node.parameter, method, segments, place + 1, (*values, segment))
        if found is not None:
            return found
    if node.greedy:
        rest = "/".join(segments[place:])
        end = _of(node.greedy, method)
        if end is not None and rest:
            return end, (*values, unquote(rest))
    return None
