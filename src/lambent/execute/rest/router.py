"""Which resource answers a path: a tree of segments.

A static segment goes before `{name}`, and that before `{name+}`, at each level; where the better one leads to no method
of the request's verb, the next one is tried. A slash at the end of a path does not count. Segments are compared as they
were sent and, where that fails, without their percent-encoding; values of parameters keep theirs, as on AWS.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Generic, TypeVar
from urllib.parse import unquote

R = TypeVar("R")


class _Node(Generic[R]):
    __slots__ = ("any_name", "any_node", "found", "greedy", "greedy_name", "static")

    def __init__(self) -> None:
        self.static: dict[str, _Node[R]] = {}
        self.any_name = ""
        self.any_node: _Node[R] | None = None
        self.greedy_name = ""
        self.greedy: R | None = None
        self.found: R | None = None


class Router(Generic[R]):
    """Values by path template (`/books/{id}`, `/files/{proxy+}`)."""

    __slots__ = ("_plain", "_root")

    def __init__(self) -> None:
        self._root: _Node[R] = _Node()
        self._plain: dict[str, R] = {}

    def add(self, template: str, value: R) -> None:
        """Have `value` answer paths of `template`."""
        node = self._root
        parts = [part for part in template.split("/") if part]
        if "{" not in template:
            self._plain[template if template != "/" else ""] = value
        for part in parts:
            if part.startswith("{") and part.endswith("+}"):
                node.greedy_name, node.greedy = part[1:-2], value
                return
            if part.startswith("{") and part.endswith("}"):
                if node.any_node is None:
                    node.any_name, node.any_node = part[1:-1], _Node()
                node = node.any_node
            else:
                node = node.static.setdefault(part, _Node())
        node.found = value

    def matches(self, path: str) -> Iterator[tuple[R, dict[str, str]]]:
        """The values that `path` (raw, with its leading slash, or empty) leads to, best first, with its parameters."""
        if path.endswith("/"):
            path = path[:-1]
        plain = self._plain.get(path)
        if plain is not None:
            yield plain, {}
        for value, parameters in _walk(self._root, path[1:].split("/") if path else [], 0):
            if value is not plain:
                yield value, parameters


def _walk(node: _Node[R], parts: list[str], depth: int) -> Iterator[tuple[R, dict[str, str]]]:
    if depth == len(parts):
        if node.found is not None:
            yield node.found, {}
        return
    part = parts[depth]
    below = node.static.get(part)
    if below is None and "%" in part:
        below = node.static.get(unquote(part))
    if below is not None:
        yield from _walk(below, parts, depth + 1)
    if node.any_node is not None and part:
        for value, parameters in _walk(node.any_node, parts, depth + 1):
            yield value, {node.any_name: part, **parameters}
    if node.greedy is not None:
        rest = "/".join(parts[depth:])
        if rest:
            yield node.greedy, {node.greedy_name: rest}
