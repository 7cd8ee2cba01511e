"""Update expressions: parsed, checked, cached; editing.py does the work on an item."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from functools import lru_cache
from typing import Final, NamedTuple

from ..numbers import Invalid
from ..values import LONG_NAMES, SETS, Item
from .checks import Check, Checks, Stopped, Values, names_in
from .conditions import CACHE_MAX, CACHED_TEXT_MAX
from .editing import Edit, apply_edits, apply_flat
from .operands import producer
from .parser import Parser
from .paths import check_disjoint, picker
from .syntax import Call, Node, Operation, Path, PathNode, ValueNode

_SECTIONS: Final = frozenset(("SET", "REMOVE", "ADD", "DELETE"))
_FUNCTIONS: Final = frozenset(("if_not_exists", "list_append"))
_CONDITION_FUNCTIONS: Final = frozenset(
    ("attribute_exists", "attribute_not_exists", "attribute_type", "begins_with", "contains", "size")
)
_ADDED: Final = SETS | {"N"}
_LIST: Final = frozenset(("L",))
_NUMBER: Final = frozenset(("N",))


class _Action(NamedTuple):
    section: str
    target: Path
    operand: Node | None


class Update:
    """A compiled update.

    `apply(item, values, exists)` gives the item afterwards; the item before, with its values, stays as it is. Where
    there is no item, it is given the key's attributes and `exists` is False. `pick(item)` cuts an item, old or new,
    down to what the update names. `updated_paths` are the targets and `paths` also those that are read, resolved, in
    the text's order; `top_level` are the targets' first names, each once. `creates` is False for an update that only
    takes things away: where there is no item, DynamoDB makes none for it.
    """

    __slots__ = (
        "_edits",
        "_flat",
        "check_values",
        "creates",
        "names_used",
        "paths",
        "pick",
        "top_level",
        "updated_paths",
        "values_used",
    )

    def __init__(
        self,
        edits: tuple[Edit, ...],
        check: Check,
        paths: tuple[Path, ...],
        names_used: frozenset[str] = frozenset(),
        values_used: frozenset[str] = frozenset(),
    ) -> None:
        self._edits = edits
        self.creates = not edits or any(edit.kind in ("SET", "ADD") for edit in edits)
        self._flat = all(len(edit.target) == 1 for edit in edits)
        self.check_values = check
        self.paths = paths
        self.updated_paths = tuple(edit.target for edit in edits)
        self.top_level = tuple(dict.fromkeys(str(path[0]) for path in self.updated_paths))
        self.pick: Callable[[Item], Item] = picker(self.updated_paths)
        self.names_used = names_used
        self.values_used = values_used

    def apply(self, item: Item, values: Values, exists: bool = True) -> Item:
        """See the class. `Invalid` for what does not fit the item."""
        if self._flat:
            return apply_flat(self._edits, item, values)
        return apply_edits(self._edits, item, values, exists)

    def assigned_types(self, values: Values) -> dict[str, str]:
        """The types of those top-level targets for which text and values settle it, in the text's order."""
        types: dict[str, str] = {}
        for edit in self._edits:
            if len(edit.target) == 1 and edit.settled is not None:
                settled = edit.settled
                types[str(edit.target[0])] = next(iter(values[settled])) if settled[0] == ":" else settled
        return types


def compile_update(text: str, names: Mapping[str, str] | None, kind: str = "UpdateExpression") -> Update:
    """The program of a text under some names (cached). `Invalid` for what is wrong in the text; the rest waits for
    `check_values`."""
    pairs = tuple(names.items()) if names else ()
    if len(text) + sum(len(name) for _, name in pairs) > CACHED_TEXT_MAX:
        return _compile(text, pairs, kind)
    return _cached(text, pairs, kind)


def _compile(text: str, names: tuple[tuple[str, str], ...], kind: str) -> Update:
    parser = UpdateParser(text, kind)
    actions = parser.parse()
    checks = Checks(kind, dict(names))
    used = names_in(parser.paths)
    try:
        resolved = [
            _Action(action.section, checks.path(action.target), _resolve(action.operand, checks)) for action in actions
        ]
        check_disjoint([action.target for action in resolved], checks.stop)
        for action in resolved:
            if action.section in ("ADD", "DELETE") and isinstance(action.operand, ValueNode):
                checks.steps.append(_added_type(checks, action.section, action.operand.name))
        for action in resolved:
            if action.section == "SET" and action.operand is not None:
                _check_operand(action.operand, checks)
        edits = tuple(map(_edit, resolved))
    except Stopped:
        edits = ()
    return Update(edits, checks.program(), tuple(checks.paths), used, frozenset(checks.values_used))


_cached = lru_cache(maxsize=CACHE_MAX)(_compile)


class UpdateParser(Parser):
    """Sections of actions."""

    keywords = _SECTIONS

    def parse(self) -> list[_Action]:
        """All actions in the text's order."""
        actions: list[_Action] = []
        sections: list[str] = []
        while self.peek() in _SECTIONS:
            section = self.take().kind
            sections.append(section)
            actions.append(self._action(section))
            while self.peek() == ",":
                self.take()
                actions.append(self._action(section))
        if not sections:
            self.unexpected()
        self.finish()
        for action in actions:
            if action.operand is not None:
                self._check_functions(action.operand, False)
        self.check_reserved()
        for at, section in enumerate(sections):
            if section in sections[:at]:
                self.fail(f'The "{section}" section can only be used once in an update expression;')
        return actions

    def _action(self, section: str) -> _Action:
        target = self.path()
        if section == "REMOVE":
            return _Action(section, target, None)
        if section == "SET":
            self.expect("=")
            return _Action(section, target, self._sum())
        return _Action(section, target, ValueNode(self.expect("colon").text))

    def _sum(self) -> Node:
        """An operand, or the sum or difference of two; the whole may stand in parentheses."""
        if self.peek() == "(":
            opened = self.open()
            left = self._sum()
            self.close(opened)
            if isinstance(left, Operation):
                return left
        else:
            left = self.operand()
        operator = self.peek()
        if operator not in ("+", "-"):
            return left
        self.take()
        self.count_operator()
        return Operation(operator, (left, self.operand()))

    def _check_functions(self, node: Node, nested: bool) -> None:
        if isinstance(node, Call):
            if node.function in _CONDITION_FUNCTIONS:
                self.fail(f"The function is not allowed in an update expression; function: {node.function}")
            if node.function not in _FUNCTIONS:
                self.fail(f"Invalid function name; function: {node.function}")
            if nested and node.function == "list_append":
                self.fail(
                    f"The function is not allowed to be used this way in an expression; function: {node.function}"
                )
        elif not isinstance(node, Operation):
            return
        for operand in node.operands:
            self._check_functions(operand, True)


def _resolve(node: Node | None, checks: Checks) -> Node | None:
    """The operand with its paths resolved; all its placeholders must be defined."""
    if node is None:
        return None
    if isinstance(node, PathNode):
        return PathNode(checks.path(node.path))
    if isinstance(node, ValueNode):
        checks.value(node.name)
        return node
    operands = tuple([operand for inner in node.operands if (operand := _resolve(inner, checks)) is not None])
    if isinstance(node, Call):
        return Call(node.function, operands)
    return Operation(node.operator, operands)


def _check_operand(node: Node, checks: Checks) -> None:
    if not isinstance(node, Call | Operation):
        return
    for operand in node.operands:
        _check_operand(operand, checks)
    if isinstance(node, Call) and len(node.operands) != 2:
        checks.wrong_count(node.function, len(node.operands))
    if isinstance(node, Call) and node.function == "if_not_exists":
        if not isinstance(node.operands[0], PathNode):
            checks.needs_path(node.function)
        return
    name, allowed = (node.function, _LIST) if isinstance(node, Call) else (node.operator, _NUMBER)
    for operand in node.operands:
        if isinstance(operand, ValueNode):
            checks.value_type(operand.name, allowed, name)


def _added_type(checks: Checks, section: str, name: str) -> Check:
    allowed = _ADDED if section == "ADD" else SETS
    prefix = checks.words(f"Incorrect operand type for operator or function; operator: {section}, operand type: ")

    def check(values: Values) -> None:
        kind = next(iter(values[name]))
        if kind not in allowed:
            raise Invalid(prefix + LONG_NAMES[kind])

    return check


def _edit(action: _Action) -> Edit:
    operand = action.operand
    if operand is None:
        return Edit("REMOVE", action.target, None, None)
    settled: str | None = None
    if isinstance(operand, ValueNode):
        settled = operand.name if action.section != "DELETE" else None
    elif isinstance(operand, Operation):
        settled = "N"
    elif isinstance(operand, Call) and operand.function == "list_append":
        settled = "L"
    return Edit(action.section, action.target, producer(operand), settled)
