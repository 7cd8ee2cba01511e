"""Edits of an item, copy on write: what is not touched is shared with the item before."""

from __future__ import annotations

from typing import Any, NamedTuple

from ..numbers import Invalid, add
from ..values import SETS, Item, Value, check_depth
from .checks import Values
from .operands import WRONG_TYPE, Producer
from .syntax import Path, Step

BAD_PATH = "The document path provided in the update expression is invalid for update"


class Edit(NamedTuple):
    """One action. `kind` is SET, ADD, DELETE or REMOVE; `settled` is the type that a SET or an ADD gives its target, or
    the placeholder of the value that has it, or None. `wrong_type` is the error of ADD and DELETE of unlike types;
    `lists` says that ADD takes lists (in AttributeUpdates it does)."""

    kind: str
    target: Path
    produce: Producer | None
    settled: str | None
    wrong_type: str = WRONG_TYPE
    lists: bool = False


def apply_flat(edits: tuple[Edit, ...], item: Item, values: Values) -> Item:
    """As `apply_edits`, for edits of whole attributes only."""
    after = dict(item)
    for edit in edits:
        name: str = edit.target[0]  # type: ignore[assignment]
        value = None
        if edit.produce is not None:
            value = edit.produce(item, values)
            if edit.kind == "ADD":
                value = _add(item.get(name), value, edit)
            elif edit.kind == "DELETE":
                value = _subtract(item.get(name), value, edit)
        if value is not None:
            after[name] = value
        else:
            after.pop(name, None)
    return after


def apply_edits(edits: tuple[Edit, ...], item: Item, values: Values, exists: bool) -> Item:
    """The item after all edits; every operand is read before anything is written."""
    produced = [None if edit.produce is None else edit.produce(item, values) for edit in edits]
    editor = _Editor(item)
    nested = False
    for edit, value in zip(edits, produced, strict=True):
        nested = nested or len(edit.target) > 1
        if value is not None:
            editor.write(edit, value)
        elif exists or len(edit.target) == 1:
            # To remove part of a document that is not there is an error only where there is an item.
            editor.remove(edit.target)
    editor.finish()
    if nested:
        check_depth(editor.item)
    return editor.item


class _Editor:
    """A new item in the making. Lists change length last, so that indexes mean the list before."""

    def __init__(self, item: Item) -> None:
        self.item: Item = dict(item)
        self._own: set[int] = set()
        self._lists: dict[int, list[Value]] = {}
        self._beyond: dict[int, list[tuple[int, Value]]] = {}
        self._removed: dict[int, list[int]] = {}

    def write(self, edit: Edit, value: Value) -> None:
        """SET, ADD or DELETE at the edit's target."""
        container, step = self._container(edit.target)
        if edit.kind != "SET":
            old = _get(container, step)
            merged = _add(old, value, edit) if edit.kind == "ADD" else _subtract(old, value, edit)
            if merged is None:
                if old is not None:
                    self._drop(container, step)
                return
            value = merged
        if isinstance(container, dict) or step < len(container):  # type: ignore[operator]
            container[step] = value
        else:
            self._lists[id(container)] = container
            self._beyond.setdefault(id(container), []).append((step, value))  # type: ignore[arg-type]

    def remove(self, target: Path) -> None:
        """REMOVE the target; that it is not there is fine, if it could be."""
        container, step = self._container(target)
        if _get(container, step) is not None:
            self._drop(container, step)

    def finish(self) -> None:
        """New elements go behind the old ones in the order of their indexes; removed ones go."""
        for key, added in self._beyond.items():
            added.sort(key=_index)
            self._lists[key] += [value for _, value in added]
        for key, gone in self._removed.items():
            for index in sorted(gone, reverse=True):
                del self._lists[key][index]

    def _drop(self, container: Any, step: Step) -> None:
        if isinstance(container, dict):
            del container[step]
        else:
            self._lists[id(container)] = container
            self._removed.setdefault(id(container), []).append(step)  # type: ignore[arg-type]

    def _container(self, target: Path) -> tuple[Any, Step]:
        """The dict or the list, this editor's own, in which the target's last step lies."""
        container: Any = self.item
        at = 0
        while at < len(target) - 1:
            step = target[at]
            value = _get(container, step)
            kind = "L" if isinstance(target[at + 1], int) else "M"
            inner = None if value is None else value.get(kind)
            if inner is None:
                raise Invalid(BAD_PATH)
            if id(inner) not in self._own:
                inner = inner.copy()
                self._own.add(id(inner))
                container[step] = {kind: inner}
            container = inner
            at += 1
        return container, target[-1]


def _index(entry: tuple[int, Value]) -> int:
    return entry[0]


def _get(container: Any, step: Step) -> Value | None:
    if isinstance(container, dict):
        return container.get(step)
    return container[step] if step < len(container) else None  # type: ignore[operator]


def _add(old: Value | None, value: Value, edit: Edit) -> Value:
    if old is None:
        return value
    ((kind, content),) = value.items()
    mine = old.get(kind)
    if mine is None:
        raise Invalid(edit.wrong_type)
    if kind == "N":
        return {"N": add(mine, content)}
    if kind in SETS:
        return {kind: list(dict.fromkeys(mine + content))}
    if kind == "L" and edit.lists:
        return {"L": mine + content}
    raise Invalid(edit.wrong_type)


def _subtract(old: Value | None, value: Value, edit: Edit) -> Value | None:
    """The set without the elements; None when none is left."""
    if old is None:
        return None
    ((kind, content),) = value.items()
    mine = old.get(kind)
    if mine is None:
        raise Invalid(edit.wrong_type)
    gone = set(content)
    kept = [element for element in mine if element not in gone]
    return {kind: kept} if kept else None
