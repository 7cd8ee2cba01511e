"""Condition and filter expressions: parsed, checked, compiled, cached."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from functools import lru_cache
from typing import Final

from ..numbers import Invalid
from ..values import ORDERED, TYPES, Item, Value, compare
from .checks import Check, Checks, Stopped, Values, names_in
from .evaluate import Test, tester
from .parser import ConditionParser
from .syntax import Call, Node, Operation, Path, PathNode, ValueNode, show_path

CACHE_MAX: Final = 1024
CACHED_TEXT_MAX: Final = 16 * 1024
"""Longer texts and names together are compiled each time: a cache must not hold megabytes for a caller."""

IN_MAX: Final = 100
_CONDITIONS: Final = {
    "attribute_exists": 1,
    "attribute_not_exists": 1,
    "attribute_type": 2,
    "begins_with": 2,
    "contains": 2,
}
_FUNCTIONS: Final = {**_CONDITIONS, "size": 1}
_UPDATE_FUNCTIONS: Final = frozenset(("if_not_exists", "list_append"))
_SIZED: Final = frozenset(("S", "B", "SS", "NS", "BS", "L", "M"))
_TEXTS: Final = frozenset(("S", "B"))
_STRING: Final = frozenset(("S",))
_ORDERING: Final = frozenset(("<", "<=", ">", ">="))
_TYPE_NAMES: Final = "{B,NULL,SS,BOOL,L,BS,N,NS,S,M}"


class Condition:
    """A compiled condition. `evaluate(item, values)` and `check_values(values)` are its closures; `paths` are the
    resolved paths in the text's order; `node` is its resolved tree (None when the checks can only fail)."""

    __slots__ = ("check_values", "evaluate", "names_used", "node", "paths", "values_used")

    def __init__(
        self,
        evaluate: Test,
        check_values: Check,
        paths: tuple[Path, ...],
        names_used: frozenset[str],
        values_used: frozenset[str],
        node: Node | None = None,
    ) -> None:
        self.evaluate = evaluate
        self.check_values = check_values
        self.paths = paths
        self.names_used = names_used
        self.values_used = values_used
        self.node = node


def compile_condition(text: str, names: Mapping[str, str] | None, kind: str = "ConditionExpression") -> Condition:
    """The program of a text under some names (cached). `Invalid` for what is wrong whatever names and values are; the
    rest waits for `check_values`."""
    pairs = tuple(names.items()) if names else ()
    if len(text) + sum(len(name) for _, name in pairs) > CACHED_TEXT_MAX:
        return _compile(text, pairs, kind)
    return _cached(text, pairs, kind)


def _compile(text: str, names: tuple[tuple[str, str], ...], kind: str) -> Condition:
    parser = ConditionParser(text, kind)
    root = parser.parse()
    _check_functions(root, parser.fail, True)
    parser.check_reserved()
    walk = _Walk(Checks(kind, dict(names)))
    checks = walk.checks
    node: Node | None = None
    evaluate: Test = _unreachable
    try:
        node = walk.visit(root)
        evaluate = tester(node)
    except Stopped:
        pass
    return Condition(
        evaluate,
        checks.program(),
        tuple(checks.paths),
        names_in(parser.paths),
        frozenset(checks.values_used),
        node,
    )


_cached = lru_cache(maxsize=CACHE_MAX)(_compile)


def _unreachable(item: Item, values: Values) -> bool:
    raise Invalid("The expression was not checked")


def _check_functions(node: Node, fail: Callable[[str], object], is_condition: bool) -> None:
    """Every function must exist, and stand where its result is of use."""
    if isinstance(node, Call):
        if node.function not in _FUNCTIONS:
            if node.function in _UPDATE_FUNCTIONS:
                fail(f"The function is not allowed in a condition expression; function: {node.function}")
            fail(f"Invalid function name; function: {node.function}")
        if (node.function in _CONDITIONS) is not is_condition:
            fail(f"The function is not allowed to be used this way in an expression; function: {node.function}")
    elif not isinstance(node, Operation):
        return
    inside = isinstance(node, Operation) and node.operator in ("AND", "OR", "NOT")
    for operand in node.operands:
        _check_functions(operand, fail, inside)


class _Walk:
    """One walk over the tree, operands before operators: resolves paths and collects the checks."""

    def __init__(self, checks: Checks) -> None:
        self.checks = checks

    def visit(self, node: Node) -> Node:
        """The node with its paths resolved."""
        checks = self.checks
        if isinstance(node, PathNode):
            return PathNode(checks.path(node.path))
        if isinstance(node, ValueNode):
            checks.value(node.name)
            return node
        operands = tuple([self.visit(operand) for operand in node.operands])
        if isinstance(node, Call):
            if len(operands) != _FUNCTIONS[node.function]:
                checks.wrong_count(node.function, len(operands))
            self._check_call(node.function, operands)
            return Call(node.function, operands)
        self._check_operation(node.operator, operands)
        return Operation(node.operator, operands)

    def _check_operation(self, operator: str, operands: tuple[Node, ...]) -> None:
        if operator in ("AND", "OR", "NOT"):
            return
        if operator == "IN" and len(operands) > IN_MAX + 1:
            self.checks.stop(
                f"The IN operator is provided with too many operands; number of operands: {len(operands) - 1}"
            )
        self._check_distinct(operator, operands)
        if operator in _ORDERING or operator == "BETWEEN":
            for operand in operands:
                if isinstance(operand, ValueNode):
                    self.checks.value_type(operand.name, ORDERED, operator)
        if operator == "BETWEEN":
            _, low, high = operands
            if isinstance(low, ValueNode) and isinstance(high, ValueNode):
                self.checks.steps.append(_bounds(self.checks, low.name, high.name))

    def _check_call(self, function: str, operands: tuple[Node, ...]) -> None:
        checks = self.checks
        first = operands[0]
        self._check_distinct(function, operands)
        if function in ("attribute_exists", "attribute_not_exists"):
            if not isinstance(first, PathNode):
                checks.needs_path(function)
        elif function == "size":
            self._check_type(function, first, _SIZED)
        elif function == "begins_with":
            self._check_type(function, first, _TEXTS)
            self._check_type(function, operands[1], _TEXTS)
        elif function == "attribute_type":
            if isinstance(operands[1], PathNode):
                checks.wrong_type(function, "{NS,SS,L,BS,N,M,B,BOOL,NULL,S}")
            self._check_type(function, operands[1], _STRING)
            if isinstance(operands[1], ValueNode):
                checks.steps.append(_type_name(checks, operands[1].name))

    def _check_type(self, function: str, operand: Node, allowed: frozenset[str]) -> None:
        if isinstance(operand, ValueNode):
            self.checks.value_type(operand.name, allowed, function)
        elif isinstance(operand, Call):
            # size() is the only function here, and no function takes its number.
            self.checks.wrong_type(function, "N")

    def _check_distinct(self, operator: str, operands: tuple[Node, ...]) -> None:
        first = operands[0]
        if isinstance(first, PathNode) and first in operands[1:]:
            self.checks.stop(
                "The first operand must be distinct from the remaining operands for this operator or function; "
                f"operator: {operator}, first operand: {show_path(first.path)}"
            )


def _bounds(checks: Checks, low: str, high: str) -> Check:
    types = checks.words("The BETWEEN operator requires same data type for lower and upper bounds; ")
    order = checks.words("The BETWEEN operator requires upper bound to be greater than or equal to lower bound; ")

    def check(values: Values) -> None:
        below, above = values[low], values[high]
        ranked = compare(below, above)
        if ranked is None or ranked > 0:
            shown = f"lower bound operand: {_show(below)}, upper bound operand: {_show(above)}"
            raise Invalid((types if ranked is None else order) + shown)

    return check


def _show(value: Value) -> str:
    ((kind, content),) = value.items()
    return f"AttributeValue: {{{kind}:{content}}}"


def _type_name(checks: Checks, name: str) -> Check:
    def check(values: Values) -> None:
        named = values[name]["S"]
        if named not in TYPES:
            raise Invalid(checks.words(f"Invalid attribute type name found; type: {named}, valid types: {_TYPE_NAMES}"))

    return check
