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
    and headers it requires, beyond its path."""

    operation: str
    literals: tuple[tuple[str, str | None], ...]
    parameters: tuple[str, ...]
    headers: tuple[str, ...]
    deprecated: bool = False

    @property
    def demands(self) -> int:
        """How particular the candidate is."""
        return len(self.literals) * 4 + len(self.parameters) + len(self.headers)


class _Node:
    __slots__ = ("children", "ends", "greedy", "wild")

    def __init__(self) -> None:
        self.children: dict[str, _Node] = {}
        self.wild: _Node | None = None
        # (what must stand behind the label, where it leads), the longest first
        self.greedy: list[tuple[tuple[str, ...], _Node]] = []
        self.ends: dict[str, list[Candidate]] = {}


class Routes:
    """The routes of one service."""

    def __init__(self, service: ServiceModel) -> None:
        self._root = _Node()
        self._labels: dict[str, tuple[str, ...]] = {}
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
        deprecated = bool(operation.data.get("deprecated"))
        candidate = Candidate(operation.name, literals, *_requirements(operation), deprecated)
        node.ends.setdefault(operation.http["method"], []).append(candidate)
        node.ends[operation.http["method"]].sort(key=lambda found: (found.deprecated, -found.demands))
        self._labels[operation.name] = tuple(names)

    def find(self, method: str, path: str, query: str, headers: dict[str, str]) -> tuple[str, dict[str, str]] | None:
        """The operation and the raw labels of its path; None when no URI of the service fits."""
        segments = path.split("/")[1:]
        found = _walk(self._root, segments, 0, [], method)
        if found is None:
            return None
        node, values = found
        present = _parameters(query)
        for candidate in node.ends[method]:
            if _fits(candidate, present, headers):
                return candidate.operation, dict(zip(self._labels[candidate.operation], values, strict=False))
        # Something required is missing: the operation whose literals fit says so.
        for candidate in node.ends[method]:
            if all(name in present for name, _ in candidate.literals):
                return candidate.operation, dict(zip(self._labels[candidate.operation], values, strict=False))
        return None


def _greedy(node: _Node, tail: tuple[str, ...]) -> _Node:
    """The node behind a greedy label that is followed by `tail`."""
    for known, end in node.greedy:
        if known == tail:
            return end
    end = _Node()
    node.greedy.append((tail, end))
    node.greedy.sort(key=lambda way: -len(way[0]))
    return end


def _requirements(operation: OperationModel) -> tuple[tuple[str, ...], tuple[str, ...]]:
    shape = operation.input
    if shape is None:
        return (), ()
    parameters, headers = [], []
    for name in shape.required:
        member = shape.members[name]
        if member.trait("location") == "querystring":
            parameters.append(member.location_name or name)
        elif member.trait("location") == "header":
            headers.append((member.location_name or name).lower())
    return tuple(parameters), tuple(headers)


def _parameters(query: str) -> dict[str, str]:
    if not query:
        return {}
    return {unquote(name): value for name, _, value in (part.partition("=") for part in query.split("&"))}


def _fits(candidate: Candidate, present: dict[str, str], headers: dict[str, str]) -> bool:
    return (
        all(name in present and (value is None or present[name] == value) for name, value in candidate.literals)
        and all(name in present for name in candidate.parameters)
        and all(name in headers for name in candidate.headers)
    )


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
