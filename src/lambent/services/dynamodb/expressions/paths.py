"""Several document paths together: none may hold or contradict another, and an item is cut down to them."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

from ..values import Item, Value
from .syntax import Path, Step, show_path

_ADVICE = "must remove or rewrite one of these paths; "


class _Node:
    """A place in the tree of the paths seen so far: the path that ends here, the first that went on, the next steps."""

    __slots__ = ("ends", "first", "steps")

    def __init__(self) -> None:
        self.ends: Path | None = None
        self.first: Path | None = None
        self.steps: dict[Step, _Node] = {}


def check_disjoint(paths: Sequence[Path], stop: Callable[[str], object]) -> None:
    """`stop` with DynamoDB's words for the first path that overlaps an earlier one; if none does, for the first that
    takes for a list what an earlier one takes for a map, or the other way round."""
    root = _Node()
    for path in paths:
        other = _overlapped(root, path)
        if other is not None:
            stop(f"Two document paths overlap with each other; {_ADVICE}{_pair(other, path)}")
    kinds: dict[Path, tuple[type, Path]] = {}
    for path in paths:
        for at in range(1, len(path)):
            kind, other = kinds.setdefault(path[:at], (path[at].__class__, path))
            if kind is not path[at].__class__:
                stop(f"Two document paths conflict with each other; {_ADVICE}{_pair(other, path)}")


def _overlapped(root: _Node, path: Path) -> Path | None:
    """Put a path into the tree; the earlier path that it overlaps, if there is one."""
    node = root
    for step in path:
        if node.ends is not None:
            return node.ends
        if node.first is None:
            node.first = path
        node = node.steps.setdefault(step, _Node())
    if node.ends is not None or node.first is not None:
        return node.ends or node.first
    node.ends = path
    return None


def _pair(one: Path, two: Path) -> str:
    return f"path one: {show_path(one)}, path two: {show_path(two)}"


Tree = dict[Step, Any]
"""Steps to further trees; None ends a path."""


def tree_of(paths: Sequence[Path]) -> Tree:
    """The paths as one tree. They must be disjoint."""
    root: Tree = {}
    for path in paths:
        node = root
        for step in path[:-1]:
            node = node.setdefault(step, {})
        node[path[-1]] = None
    return root


def picker(paths: Sequence[Path]) -> Callable[[Item], Item]:
    """A closure that cuts an item down to some disjoint paths. Elements of a list close up, in the list's order."""
    if all(len(path) == 1 for path in paths):
        names = tuple(str(path[0]) for path in paths)
        return lambda item: {name: item[name] for name in names if name in item}
    tree = tree_of(paths)

    def pick(item: Item) -> Item:
        out: Item = {}
        for name, deeper in tree.items():
            value = item.get(name)  # type: ignore[arg-type]
            if value is not None:
                found = value if deeper is None else _cut(value, deeper)
                if found is not None:
                    out[name] = found  # type: ignore[index]
        return out

    return pick


def _cut(value: Value, tree: Tree) -> Value | None:
    inner = value.get("M")
    if inner is not None:
        kept = {}
        for name, deeper in tree.items():
            part = inner.get(name)
            if part is not None and deeper is not None:
                part = _cut(part, deeper)
            if part is not None:
                kept[name] = part
        return {"M": kept} if kept else None
    elements = value.get("L")
    if elements is None:
        return None
    chosen = []
    for index in sorted(step for step in tree if isinstance(step, int) and step < len(elements)):
        part = elements[index]
        if tree[index] is not None:
            part = _cut(part, tree[index])
        if part is not None:
            chosen.append(part)
    return {"L": chosen} if chosen else None
