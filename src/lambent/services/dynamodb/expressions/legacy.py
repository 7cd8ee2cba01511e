"""The parameters before expressions, as the same programs: Expected, QueryFilter, ScanFilter, ConditionalOperator,
KeyConditions, AttributeUpdates, AttributesToGet.

Names are attributes' names as they are, never paths. The programs hold their own values; give them `{}`.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Final

from ..numbers import Invalid
from ..values import ORDERED, SETS, TYPES, Item, Value, canonical, check_name, compare
from .checks import Values
from .conditions import Condition
from .editing import Edit
from .evaluate import tester
from .keyconditions import KeyCondition, KeyTest
from .operands import Producer
from .paths import picker
from .projections import Projection
from .syntax import Call, Node, Operation, PathNode, ValueNode
from .updates import Update

_PREFIX: Final = "One or more parameter values were invalid: "
_OPERATORS: Final = {
    "EQ": "=",
    "NE": "<>",
    "LT": "<",
    "LE": "<=",
    "GT": ">",
    "GE": ">=",
    "BETWEEN": "BETWEEN",
    "IN": "IN",
}
_FUNCTIONS: Final = {
    "NULL": "attribute_not_exists",
    "NOT_NULL": "attribute_exists",
    "CONTAINS": "contains",
    "NOT_CONTAINS": "contains",
    "BEGINS_WITH": "begins_with",
}
_ANY: Final = frozenset(TYPES)
_TYPES: Final = {
    "EQ": _ANY,
    "NE": _ANY,
    "CONTAINS": _ANY - SETS - {"M", "L"},
    "NOT_CONTAINS": _ANY - SETS - {"M", "L"},
    "BEGINS_WITH": frozenset(("S", "B")),
}
_ADDED: Final = SETS | {"N", "L"}
_MISMATCH: Final = "Type mismatch for attribute to update"


def expected(given: Mapping[str, Mapping[str, Any]], conditional_operator: str | None = None) -> Condition:
    """The condition of an Expected parameter."""
    read = {name: _values_of(entry) for name, entry in given.items()}
    tests = [_expectation(name, given[name], values) for name, values in read.items()]
    return _condition(tests, conditional_operator)


def legacy_filter(given: Mapping[str, Mapping[str, Any]], conditional_operator: str | None = None) -> Condition:
    """The condition of a QueryFilter or a ScanFilter."""
    read = {name: _values_of(entry) for name, entry in given.items()}
    tests = [(name, str(given[name]["ComparisonOperator"]), values) for name, values in read.items()]
    for _, operator, values in tests:
        _check_arguments(operator, values)
    return _condition(tests, conditional_operator)


def key_conditions(given: Mapping[str, Mapping[str, Any]]) -> KeyCondition:
    """The key condition of a KeyConditions parameter."""
    read = {name: _values_of(entry) for name, entry in given.items()}
    tests: dict[str, KeyTest] = {}
    own: dict[str, Value] = {}
    for name, values in read.items():
        operator = str(given[name]["ComparisonOperator"])
        _check_arguments(operator, values)
        shown = _FUNCTIONS.get(operator) or _OPERATORS[operator]
        tests[name] = KeyTest(shown, tuple([_bind(own, value).name for value in values]))
    if not 1 <= len(tests) <= 2:
        raise Invalid("Conditions can be of length 1 or 2 only")
    return KeyCondition(tests, None, _unchecked, tuple((name,) for name in tests), own=own)


def attribute_updates(given: Mapping[str, Mapping[str, Any]]) -> Update:
    """The update of an AttributeUpdates parameter."""
    edits: list[Edit] = []
    for name, entry in given.items():
        value = None if entry.get("Value") is None else canonical(entry["Value"])
        action = str(entry.get("Action") or "PUT")
        edits.append(_edit(name, action, value))
    return Update(tuple(edits), _unchecked, tuple(edit.target for edit in edits))


def attributes_to_get(given: Sequence[str]) -> Projection:
    """The projection of an AttributesToGet parameter."""
    seen: set[str] = set()
    for name in given:
        if name in seen:
            raise Invalid(f"{_PREFIX}Duplicate value in attribute name: {name}")
        check_name(name)
        seen.add(name)
    paths = tuple((name,) for name in given)
    return Projection(picker(paths), _unchecked, paths, frozenset())


def _unchecked(values: Values) -> None:
    return None


_Test = tuple[str, str, list[Value]]
"""An attribute's name, a ComparisonOperator and its values."""


def _values_of(entry: Mapping[str, Any]) -> list[Value]:
    given = [entry["Value"]] if entry.get("Value") is not None else []
    given += entry.get("AttributeValueList") or []
    return [canonical(value) for value in given]


def _expectation(name: str, entry: Mapping[str, Any], values: list[Value]) -> _Test:
    operator = entry.get("ComparisonOperator")
    exists = entry.get("Exists")
    value = entry.get("Value")
    listed = entry.get("AttributeValueList")
    problem = ""
    if value is not None and listed is not None:
        problem = "Value and AttributeValueList cannot be used together"
    elif operator is not None:
        if exists is not None:
            problem = "Exists and ComparisonOperator cannot be used together"
        elif value is None and listed is None and operator not in ("NULL", "NOT_NULL"):
            problem = f"Value or AttributeValueList must be used with ComparisonOperator: {operator}"
    elif listed is not None:
        problem = "AttributeValueList can only be used with a ComparisonOperator"
    elif exists is False and value is not None:
        problem = "Value cannot be used when Exists is false"
    elif exists is not False and value is None:
        problem = f"Value must be provided when Exists is {'null' if exists is None else 'true'}"
    if problem:
        raise Invalid(f"{_PREFIX}{problem} for Attribute: {name}")
    if operator is None:
        return name, "NULL" if exists is False else "EQ", values
    _check_arguments(operator, values)
    return name, operator, values


def _check_arguments(operator: str, values: list[Value]) -> None:
    count = len(values)
    wanted = 0 if operator in ("NULL", "NOT_NULL") else 2 if operator == "BETWEEN" else 1
    if count != wanted and not (operator == "IN" and count):
        raise Invalid(f"{_PREFIX}Invalid number of argument(s) for the {operator} ComparisonOperator")
    kinds = [next(iter(value)) for value in values]
    for kind in kinds:
        if kind not in _TYPES.get(operator, ORDERED):
            raise Invalid(f"{_PREFIX}ComparisonOperator {operator} is not valid for {kind} AttributeValue type")
    if len(set(kinds)) > 1:
        raise Invalid(f"{_PREFIX}AttributeValues inside AttributeValueList must be of same type")
    if operator == "BETWEEN" and (compare(values[0], values[1]) or 0) > 0:
        raise Invalid(
            "The BETWEEN condition was provided a range where the lower bound is greater than the upper bound"
        )


def _bind(own: dict[str, Value], value: Value) -> ValueNode:
    name = f":{len(own)}"
    own[name] = value
    return ValueNode(name)


def _condition(tests: list[_Test], conditional_operator: str | None) -> Condition:
    if conditional_operator is not None and len(tests) < 2:
        raise Invalid(
            "ConditionalOperator can only be used when Filter or Expected has two or more elements"
            if tests
            else "ConditionalOperator cannot be used without Filter or Expected"
        )
    own: dict[str, Value] = {}
    parts = tuple([_node(name, operator, values, own) for name, operator, values in tests])
    root = parts[0] if len(parts) == 1 else Operation(conditional_operator or "AND", parts)
    test = tester(root)

    def evaluate(item: Item, values: Values) -> bool:
        return test(item, own)

    paths = tuple((name,) for name, _, _ in tests)
    return Condition(evaluate, _unchecked, paths, frozenset(), frozenset(), root)


def _node(name: str, operator: str, values: list[Value], own: dict[str, Value]) -> Node:
    operands: tuple[Node, ...] = (PathNode((name,)), *[_bind(own, value) for value in values])
    if operator in _OPERATORS:
        return Operation(_OPERATORS[operator], operands)
    call = Call(_FUNCTIONS[operator], operands)
    if operator == "NOT_CONTAINS":
        # Unlike NE, it is false of an attribute that is not there.
        return Operation("AND", (Call("attribute_exists", operands[:1]), Operation("NOT", (call,))))
    return call


def _edit(name: str, action: str, value: Value | None) -> Edit:
    target = (name,)
    if value is None:
        if action != "DELETE":
            raise Invalid(f"{_PREFIX}Only DELETE action is allowed when no attribute value is specified")
        return Edit("REMOVE", target, None, None)
    kind = next(iter(value))
    if action == "DELETE" and kind not in SETS:
        raise Invalid(f"{_PREFIX}DELETE action with value is not supported for the type {kind}")
    if action == "ADD" and kind not in _ADDED:
        raise Invalid(f"{_PREFIX}ADD action is not supported for the type {kind}")
    produce: Producer = lambda item, values: value  # noqa: E731 - bound to this value
    settled = None if action == "DELETE" else kind
    return Edit("SET" if action == "PUT" else action, target, produce, settled, _MISMATCH, True)
