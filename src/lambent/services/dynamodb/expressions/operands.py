"""What stands to the right in an update: closures that give the value to assign, of the item as it was."""

from __future__ import annotations

from collections.abc import Callable

from ..numbers import Invalid, add, subtract
from ..values import Item, Value
from .checks import Values
from .evaluate import lookup
from .syntax import Call, Node, Operation, PathNode, ValueNode

Producer = Callable[[Item, Values], Value]

WRONG_TYPE = "An operand in the update expression has an incorrect data type"
NO_ATTRIBUTE = "The provided expression refers to an attribute that does not exist in the item"


def producer(node: Node) -> Producer:
    """The closure of an operand whose paths are resolved. It raises `Invalid` for what the item lacks."""
    if isinstance(node, ValueNode):
        name = node.name
        return lambda item, values: values[name]
    if isinstance(node, PathNode):
        return _read(node)
    if isinstance(node, Operation):
        return _arithmetic(node)
    return _append(node) if node.function == "list_append" else _default(node)


def _read(node: PathNode) -> Producer:
    path = node.path

    def read(item: Item, values: Values) -> Value:
        value = lookup(item, path)
        if value is None:
            raise Invalid(NO_ATTRIBUTE)
        return value

    return read


def _arithmetic(node: Operation) -> Producer:
    left, right = map(producer, node.operands)
    combine = add if node.operator == "+" else subtract

    def compute(item: Item, values: Values) -> Value:
        one = left(item, values).get("N")
        two = right(item, values).get("N")
        if one is None or two is None:
            raise Invalid(WRONG_TYPE)
        return {"N": combine(one, two)}

    return compute


def _append(node: Call) -> Producer:
    left, right = map(producer, node.operands)

    def append(item: Item, values: Values) -> Value:
        one = left(item, values).get("L")
        two = right(item, values).get("L")
        if one is None or two is None:
            raise Invalid(WRONG_TYPE)
        return {"L": one + two}

    return append


def _default(node: Call) -> Producer:
    subject, otherwise = node.operands
    path = subject.path if isinstance(subject, PathNode) else ()
    other = producer(otherwise)

    def choose(item: Item, values: Values) -> Value:
        value = lookup(item, path)
        return other(item, values) if value is None else value

    return choose
