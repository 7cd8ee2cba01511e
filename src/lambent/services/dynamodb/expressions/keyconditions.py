"""Key conditions: which partition, and which range of sort keys in it."""

from __future__ import annotations

from collections.abc import Mapping
from functools import lru_cache
from typing import Final, NamedTuple

from ..numbers import Invalid
from ..values import Value
from .checks import Check, Values
from .conditions import CACHE_MAX, CACHED_TEXT_MAX, Condition, compile_condition
from .syntax import Call, Node, Operation, Path, PathNode, ValueNode

_KIND: Final = "KeyConditionExpression"
_FLIPPED: Final = {"=": "=", "<": ">", "<=": ">=", ">": "<", ">=": "<="}
INDEXABLE: Final = frozenset(("=", "<", "<=", ">", ">=", "BETWEEN", "begins_with"))
NOT_SUPPORTED: Final = "Query key condition not supported"


class KeyRange(NamedTuple):
    """What a query reads: one hash key; `operator` (`=`, `<`, `<=`, `>`, `>=`, BETWEEN, begins_with, or None for the
    whole partition) against `low`, and `high` for BETWEEN."""

    hash: Value
    operator: str | None
    low: Value | None
    high: Value | None


class KeyTest(NamedTuple):
    """The condition on one key attribute: an operator with the key on its left, and its values' placeholders."""

    operator: str
    values: tuple[str, ...]


class KeyCondition:
    """A compiled key condition. `error` is what makes its text no key condition; `own` are a legacy one's values."""

    __slots__ = ("_error", "_own", "_tests", "check_values", "names_used", "paths", "values_used")

    def __init__(
        self,
        tests: Mapping[str, KeyTest],
        error: str | None,
        check: Check,
        paths: tuple[Path, ...] = (),
        names_used: frozenset[str] = frozenset(),
        values_used: frozenset[str] = frozenset(),
        own: Mapping[str, Value] | None = None,
    ) -> None:
        self._own = own
        self._tests = tests
        self._error = error
        self.check_values = check
        self.paths = paths
        self.names_used = names_used
        self.values_used = values_used

    def conditions(self) -> Mapping[str, KeyTest]:
        """The tests by attribute, one or two. `Invalid` for a text that no key condition may have: to be asked for when
        all expressions are checked, and before the table is looked at."""
        if self._error is not None:
            raise Invalid(self._error)
        return self._tests

    def resolve(self, hash_name: str, range_name: str | None, types: Mapping[str, str], values: Values) -> KeyRange:
        """The range for a table or an index with these keys; `types` gives their types (S, N, B). `Invalid` where they
        do not fit."""
        tests = self.conditions()
        values = values if self._own is None else self._own
        if range_name is None and len(tests) > 1:
            raise Invalid(NOT_SUPPORTED)
        for name in (hash_name, range_name):
            if name is not None and name not in tests and (name == hash_name or len(tests) > 1):
                raise Invalid(f"Query condition missed key schema element: {name}")
        for test in tests.values():
            if test.operator not in INDEXABLE:
                raise Invalid("Attempted conditional constraint is not an indexable operation")
        for name, test in tests.items():
            if any(types[name] not in values[value] for value in test.values):
                raise Invalid(
                    "One or more parameter values were invalid: Condition parameter type does not match schema type"
                )
        chosen = tests[hash_name]
        if chosen.operator != "=":
            raise Invalid(NOT_SUPPORTED)
        hash_value = values[chosen.values[0]]
        if range_name is None or range_name not in tests:
            return KeyRange(hash_value, None, None, None)
        sort = tests[range_name]
        bounds = [values[value] for value in sort.values]
        return KeyRange(hash_value, sort.operator, bounds[0], bounds[1] if len(bounds) > 1 else None)


def compile_key_condition(text: str, names: Mapping[str, str] | None) -> KeyCondition:
    """The program of a text under some names (cached). `Invalid` for what is wrong in the text; placeholders and types
    are looked at by `check_values`, the form by `conditions`."""
    pairs = tuple(names.items()) if names else ()
    if len(text) + sum(len(name) for _, name in pairs) > CACHED_TEXT_MAX:
        return _compile(text, pairs)
    return _cached(text, pairs)


def _compile(text: str, names: tuple[tuple[str, str], ...]) -> KeyCondition:
    condition = compile_condition(text, dict(names), _KIND)
    return of_condition(condition)


_cached = lru_cache(maxsize=CACHE_MAX)(_compile)


def of_condition(condition: Condition) -> KeyCondition:
    """The key condition that a condition is."""
    tests: dict[str, KeyTest] = {}
    error: str | None = None
    if condition.node is not None:
        try:
            _collect(condition.node, tests)
            if len(tests) > 2:
                raise Invalid("Conditions can be of length 1 or 2 only")
        except Invalid as found:
            error = found.message
    return KeyCondition(
        tests, error, condition.check_values, condition.paths, condition.names_used, condition.values_used
    )


def _collect(node: Node, tests: dict[str, KeyTest]) -> None:
    operator = node.operator if isinstance(node, Operation) else node.function if isinstance(node, Call) else ""
    operands = node.operands if isinstance(node, Operation | Call) else ()
    if operator == "AND":
        for operand in operands:
            _collect(operand, tests)
        return
    if operator not in INDEXABLE:
        raise Invalid(f"Invalid operator used in {_KIND}: {operator}")
    if operator in ("BETWEEN", "begins_with") and isinstance(operands[0], ValueNode):
        raise Invalid(
            f"Invalid condition in {_KIND}: {operator} operator must have the key attribute as its first operand"
        )
    name = _key_name(operands)
    if name in tests:
        raise Invalid("KeyConditionExpressions must only contain one condition per key")
    if isinstance(operands[0], ValueNode):
        operator = _FLIPPED[operator]
    tests[name] = KeyTest(operator, tuple(operand.name for operand in operands if isinstance(operand, ValueNode)))


def _key_name(operands: tuple[Node, ...]) -> str:
    """The one attribute among the operands of a test."""
    name: str | None = None
    for operand in operands:
        if isinstance(operand, ValueNode):
            continue
        if not isinstance(operand, PathNode):
            raise Invalid("KeyConditionExpressions cannot contain nested operations")
        if name is not None:
            raise Invalid(f"Invalid condition in {_KIND}: Multiple attribute names used in one condition")
        if len(operand.path) > 1:
            raise Invalid("KeyConditionExpressions cannot have conditions on nested attributes")
        name = str(operand.path[0])
    if name is None:
        raise Invalid(f"Invalid condition in {_KIND}: No key attribute specified")
    return name
