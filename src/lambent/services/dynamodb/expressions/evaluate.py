"""Trees to closures: what runs for every item. `values` is bound at each call, so a program is good for all values.

Operands that are missing, or of a type that an operator does not take, make a comparison false (`<>` true); they are
no errors.
"""

from __future__ import annotations

import operator
from collections.abc import Callable, Mapping
from decimal import Decimal
from typing import Any, Final

from ..values import Item, Value, begins_with, compare, contains, equal, length
from .checks import Values
from .syntax import Call, Node, Operation, Path, PathNode, ValueNode

Test = Callable[[Item, Values], bool]
Getter = Callable[[Item, Values], Value | None]

_ORDER: Final[Mapping[str, Callable[[Any, Any], bool]]] = {
    "<": operator.lt,
    "<=": operator.le,
    ">": operator.gt,
    ">=": operator.ge,
}


def lookup(item: Item, path: Path) -> Value | None:
    """What a resolved path leads to in an item."""
    value: Value | None = item.get(path[0])  # type: ignore[arg-type]
    for step in path[1:]:
        if value is None:
            return None
        if step.__class__ is int:
            elements = value.get("L")
            value = elements[step] if elements is not None and step < len(elements) else None
        else:
            inner = value.get("M")
            value = inner.get(step) if inner is not None else None
    return value


def getter(node: Node) -> Getter:
    """The closure of an operand; paths in it are resolved already."""
    if isinstance(node, ValueNode):
        name = node.name
        return lambda item, values: values[name]
    if isinstance(node, PathNode):
        path = node.path
        if len(path) == 1:
            first = path[0]
            return lambda item, values: item.get(first)  # type: ignore[arg-type]
        return lambda item, values: lookup(item, path)
    assert isinstance(node, Call), "operands are values, paths and size()"
    measured = getter(node.operands[0])

    def size(item: Item, values: Values) -> Value | None:
        value = measured(item, values)
        if value is None:
            return None
        count = length(value)
        return None if count is None else {"N": str(count)}

    return size


def tester(node: Node) -> Test:
    """The closure of a condition."""
    if isinstance(node, Call):
        return _call(node)
    assert isinstance(node, Operation), "conditions are functions and operators"
    make = _OPERATIONS.get(node.operator)
    return make(node) if make is not None else _ordered(node)


def _and(node: Operation) -> Test:
    tests = tuple(map(tester, node.operands))
    if len(tests) == 2:
        first, second = tests
        return lambda item, values: first(item, values) and second(item, values)

    def every(item: Item, values: Values) -> bool:
        for test in tests:  # noqa: SIM110 - all() of a generator costs twice as much
            if not test(item, values):
                return False
        return True

    return every


def _or(node: Operation) -> Test:
    tests = tuple(map(tester, node.operands))
    if len(tests) == 2:
        first, second = tests
        return lambda item, values: first(item, values) or second(item, values)

    def some(item: Item, values: Values) -> bool:
        for test in tests:  # noqa: SIM110 - as above
            if test(item, values):
                return True
        return False

    return some


def _not(node: Operation) -> Test:
    test = tester(node.operands[0])
    return lambda item, values: not test(item, values)


def _equal(node: Operation) -> Test:
    left, right = map(getter, node.operands)

    def test(item: Item, values: Values) -> bool:
        one = left(item, values)
        if one is None:
            return False
        two = right(item, values)
        return two is not None and equal(one, two)

    return test


def _unequal(node: Operation) -> Test:
    test = _equal(node)
    return lambda item, values: not test(item, values)


def _ordered(node: Operation) -> Test:
    left, right = map(getter, node.operands)
    holds = _ORDER[node.operator]

    def test(item: Item, values: Values) -> bool:
        one = left(item, values)
        if one is None:
            return False
        two = right(item, values)
        if two is None:
            return False
        mine = one.get("N")
        if mine is not None:
            theirs = two.get("N")
            if theirs is None:
                return False
            if "." in mine or "." in theirs:
                return holds(Decimal(mine), Decimal(theirs))
            return holds(int(mine), int(theirs))
        mine = one.get("S")
        if mine is not None:
            theirs = two.get("S")
            return theirs is not None and holds(mine, theirs)
        order = compare(one, two)
        return order is not None and holds(order, 0)

    return test


def _between(node: Operation) -> Test:
    operand, low, high = node.operands
    above = _ordered(Operation(">=", (operand, low)))
    below = _ordered(Operation("<=", (operand, high)))
    return lambda item, values: above(item, values) and below(item, values)


def _in(node: Operation) -> Test:
    operand, *options = map(getter, node.operands)

    def test(item: Item, values: Values) -> bool:
        value = operand(item, values)
        if value is None:
            return False
        for option in options:
            other = option(item, values)
            if other is not None and equal(value, other):
                return True
        return False

    return test


_OPERATIONS: Final[Mapping[str, Callable[[Operation], Test]]] = {
    "AND": _and,
    "OR": _or,
    "NOT": _not,
    "=": _equal,
    "<>": _unequal,
    "BETWEEN": _between,
    "IN": _in,
}


def _call(node: Call) -> Test:
    subject = getter(node.operands[0])
    if node.function in ("attribute_exists", "attribute_not_exists"):
        wanted = node.function == "attribute_exists"
        path = node.operands[0].path if isinstance(node.operands[0], PathNode) else ()
        if len(path) == 1:
            name = path[0]
            if wanted:
                return lambda item, values: name in item
            return lambda item, values: name not in item
        return lambda item, values: (subject(item, values) is not None) is wanted
    other = getter(node.operands[1])
    if node.function == "attribute_type":

        def is_of_type(item: Item, values: Values) -> bool:
            value = subject(item, values)
            named = other(item, values)
            return value is not None and named is not None and named.get("S") in value

        return is_of_type
    relation = begins_with if node.function == "begins_with" else contains

    def related(item: Item, values: Values) -> bool:
        whole = subject(item, values)
        part = other(item, values)
        return whole is not None and part is not None and relation(whole, part)

    return related
