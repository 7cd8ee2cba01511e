"""Finding an operation by method and path: a tree over the segments of the model's URIs, compiled once per service.

Operations that share method and path are told apart by what the model requires of the query string and headers: S3's
PUT of an object is an upload, a copy, a part or a part's copy.
"""

from __future__ import annotations

from typing import NamedTuple
from urllib.parse import unquote

from lambent.model import OperationModel, ServiceModel


class Candidate(NamedTuple):
    """An operation at the end of a path: what must stand in the query string (None: any value) and which parameters
    and headers it requires, beyond its path; `labels` are the names of the path's variable parts."""

    operation: str
    literals: tuple[tuple[str, str | None], ...]
    parameters: frozenset[str]
    headers: frozenset[str]
    labels: tuple[str, ...]
    deprecated: bool = False

    @property
    def rank(self) -> tuple[bool, int]:
        """Where it is tried: the more particular first, what is deprecated last."""
        return self.deprecated, -(len(self.literals) * 4 + len(self.parameters) + len(self.headers))


_NOTHING: dict[str, str] = {}


class _End:
    """The operations of one method at the end of one path: by the first literal that each wants in the query string,
    and those that want none; so that a request is only held against those that it can mean."""

    __slots__ = ("_by_literal", "_plain")

    def __init__(self) -> None:
        self._by_literal: dict[str, list[Candidate]] = {}
        self._plain: list[Candidate] = []

    def add(self, candidate: Candidate) -> None:
        group = self._by_literal.setdefault(candidate.literals[0][0], []) if candidate.literals else self._plain
        group.append(candidate)
        group.sort(key=lambda found: found.rank)

    def choose(self, query: str, headers: dict[str, str]) -> Candidate | None:
        """The most particular operation that fits. A literal in the query string says what is meant, even where
        something that the operation requires is missing: the operation then says what."""
        present = _parameters(query) if query else _NOTHING
        if present and self._by_literal:
            spelled = [
                candidate
                for name in present
                for candidate in self._by_literal.get(name, ())
                if _is_spelled(candidate, present)
            ]
            fitting = [candidate for candidate in spelled if _is_complete(candidate, present, headers)]
            if spelled:
                return min(fitting or spelled, key=lambda candidate: candidate.rank)
        for candidate in self._plain:
            if _is_complete(candidate, present, headers):
                return candidate
        return self._plain[0] if self._plain else None


class _Node:
    __slots__ = ("children", "ends", "greedy", "wild")

    def __init__(self) -> None:
        self.children: dict[str, _Node] = {}
        self.wild: _Node | None = None
        # (what must stand behind the label, where it leads), the longest first
        self.greedy: list[tuple[tuple[str, ...], _Node]] = []
        self.ends: dict[str, _End] = {}


class Routes:
    """The routes of one service."""

    def __init__(self, service: ServiceModel) -> None:
        self._root = _Node()
        for operation in service.operations.values():
            self._add(operation)

    def _add(self, operation: OperationModel) -> None:
        path, _, query = operation.http["requestUri"].partition("?")
        node, names = self._root, []
        segments = [part for part in path.split("/") if part]
        for place, segment in enumerate(segments):
            if segment.startswith("{") and segment.endswith("+}"):
                names.append(segment[1:-2])
                node = _greedy(node, tuple(segments[place + 1 :]))
                break
            if segment.startswith("{") and segment.endswith("}"):
                node.wild = node.wild or _Node()
                node = node.wild
                names.append(segment[1:-1])
            else:
                node = node.children.setdefault(segment, _Node())
        literals = tuple(
            (name, value if equals else None)
            for name, equals, value in (part.partition("=") for part in query.split("&") if part)
        )
        end = node.ends.setdefault(operation.http["method"], _End())
        deprecated = bool(operation.data.get("deprecated"))
        end.add(Candidate(operation.name, literals, *_requirements(operation), tuple(names), deprecated))

    def find(self, method: str, path: str, query: str, headers: dict[str, str]) -> tuple[str, dict[str, str]] | None:
        """The operation and the raw labels of its path; None when no URI of the service fits."""
        segments = path.split("/")[1:]
        found = _walk(self._root, segments, 0, [], method)
        if found is None:
            return None
        node, values = found
        candidate = node.ends[method].choose(query, headers)
        if candidate is None:
            return None
        return candidate.operation, dict(zip(candidate.labels, values, strict=False))


def _greedy(node: _Node, tail: tuple[str, ...]) -> _Node:
    """The node behind a greedy label that is followed by `tail`."""
    for known, end in node.greedy:
        if known == tail:
            return end
    end = _Node()
    node.greedy.append((tail, end))
    node.greedy.sort(key=lambda way: -len(way[0]))
    return end


def _requirements(operation: OperationModel) -> tuple[frozenset[str], frozenset[str]]:
    shape = operation.input
    required = [(shape.members[name], name) for name in shape.required] if shape is not None else []
    parameters = {m.location_name or name for m, name in required if m.trait("location") == "querystring"}
    headers = {(m.location_name or name).lower() for m, name in required if m.trait("location") == "header"}
    return frozenset(parameters), frozenset(headers)


def _parameters(query: str) -> dict[str, str]:
    return {unquote(name): value for name, _, value in (part.partition("=") for part in query.split("&"))}


def _is_spelled(candidate: Candidate, present: dict[str, str]) -> bool:
    return all(name in present and (value is None or present[name] == value) for name, value in candidate.literals)


def _is_complete(candidate: Candidate, present: dict[str, str], headers: dict[str, str]) -> bool:
    return candidate.parameters <= present.keys() and candidate.headers <= headers.keys()


def _walk(
    node: _Node, segments: list[str], place: int, values: list[str], method: str
) -> tuple[_Node, list[str]] | None:
    """The node that fits the segments from `place` on; literal segments come before labels, labels before greedy."""
    if place == len(segments) or (place == len(segments) - 1 and segments[place] == ""):
        if method in node.ends:
            return node, values
        if place == len(segments):
            return None
    segment = segments[place]
    child = node.children.get(segment)
    if child is not None:
        found = _walk(child, segments, place + 1, values, method)
        if found is not None:
            return found
    if node.wild is not None and segment:
        found = _walk(node.wild, segments, place + 1, [*values, segment], method)
        if found is not None:
            return found
    for tail, end in node.greedy:
        stop = len(segments) - len(tail)
        if method in end.ends and stop > place and tuple(segments[stop:]) == tail:
            rest = "/".join(segments[place:stop])
            if rest:
                return end, [*values, rest]
    return None
