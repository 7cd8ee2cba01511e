"""The names and values of one request, and the parameters that may stand together in it."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from typing import Any, Final

from ..numbers import Invalid
from ..sizes import item_size, text_size
from ..values import NAME_MAX, Value, canonical
from .conditions import Condition, compile_condition
from .keyconditions import KeyCondition, compile_key_condition
from .projections import Projection, compile_projection
from .updates import Update, compile_update

_NAMES: Final = "ExpressionAttributeNames"
_VALUES: Final = "ExpressionAttributeValues"
_NAME_KEY = re.compile(r"#[A-Za-z0-9_]+", re.ASCII)
_VALUE_KEY = re.compile(r":[A-Za-z0-9_]+", re.ASCII)
_NOTHING: Final[Mapping[str, Any]] = {}
_PLACEHOLDER_BYTES_MAX: Final = 255
_TOTAL_BYTES_MAX: Final = 2 << 20
_FEW: Final = 30
_SHORT: Final = 16 * 1024


def check_parameters(
    request: Mapping[str, Any], legacy: Sequence[str], expressions: Sequence[str], valued: Sequence[str]
) -> None:
    """Refuse a request with both legacy and expression parameters, or with names or values but no expression for them.

    The parameters' names come in AWS's order; `valued` are the expressions that can use values. KeyConditions only
    counts as legacy beside a KeyConditionExpression: it may stand with a FilterExpression.
    """
    present = [name for name in expressions if request.get(name) is not None]
    if present:
        old = [name for name in legacy if request.get(name) is not None]
        if "KeyConditions" in old and "KeyConditionExpression" not in present:
            old.remove("KeyConditions")
        if old:
            raise Invalid(
                "Can not use both expression and non-expression parameters in the same request: "
                f"Non-expression parameters: {{{', '.join(old)}}} Expression parameters: {{{', '.join(present)}}}"
            )
    elif request.get(_NAMES) is not None:
        raise Invalid(f"{_NAMES} can only be specified when using expressions")
    if request.get(_VALUES) is not None and not any(name in present for name in valued):
        verb = "is" if len(valued) == 1 else "are"
        raise Invalid(f"{_VALUES} can only be specified when using expressions: {' and '.join(valued)} {verb} null")


class Placeholders:
    """ExpressionAttributeNames and ExpressionAttributeValues of one request. `values` is the canonical map."""

    __slots__ = ("_names", "_names_used", "_values_used", "values")

    def __init__(self, names: Mapping[str, str] | None, values: Mapping[str, Mapping[str, Any]] | None) -> None:
        """`Invalid` for a map that is empty or has a wrong key or value; None is a map that was not given."""
        if names is not None:
            _check_names(names)
        self._names = names
        self.values: Mapping[str, Value] = _NOTHING if values is None else _canonical_values(values)
        if names is not None or values is not None:
            _check_total(names or {}, self.values)
        self._names_used: frozenset[str] = frozenset()
        self._values_used: frozenset[str] = frozenset()

    def condition(self, text: str, kind: str = "ConditionExpression") -> Condition:
        """The checked program of a condition; `kind` is the parameter's name."""
        condition = compile_condition(text, self._names, kind)
        self._check(condition)
        return condition

    def projection(self, text: str, kind: str = "ProjectionExpression") -> Projection:
        """The checked program of a projection."""
        projection = compile_projection(text, self._names, kind)
        self._check(projection)
        return projection

    def update(self, text: str) -> Update:
        """The checked program of an update."""
        update = compile_update(text, self._names)
        self._check(update)
        return update

    def key_condition(self, text: str) -> KeyCondition:
        """The checked program of a key condition; its form is looked at by its own `conditions`."""
        condition = compile_key_condition(text, self._names)
        self._check(condition)
        return condition

    def _check(self, program: Condition | Projection | Update | KeyCondition) -> None:
        program.check_values(self.values)
        if self._names is not None:
            self._names_used |= program.names_used
        if self.values:
            self._values_used |= program.values_used

    def finish(self) -> None:
        """Refuse names, then values, that no expression so far has used."""
        if self._names is not None:
            _refuse_unused(_NAMES, self._names, self._names_used)
        if self.values:
            _refuse_unused(_VALUES, self.values, self._values_used)


def _refuse_unused(parameter: str, given: Mapping[str, Any], used: frozenset[str]) -> None:
    if len(given) > len(used):
        unused = [key for key in given if key not in used]
        raise Invalid(f"Value provided in {parameter} unused in expressions: keys: {{{', '.join(unused)}}}")


def _check_names(names: Mapping[str, str]) -> None:
    if not names:
        raise Invalid(f"{_NAMES} must not be empty")
    for key in names:
        if _NAME_KEY.fullmatch(key) is None:
            raise Invalid(f'{_NAMES} contains invalid key: Syntax error; key: "{key}"')
        _check_placeholder(_NAMES, key)
    for key, name in names.items():
        if not name:
            raise Invalid(f"{_NAMES} contains invalid value: Empty attribute name for key {key}")
        if len(name) > NAME_MAX:
            raise Invalid(
                f"{_NAMES} contains invalid value: "
                f"Attribute name is too large, must be less than {NAME_MAX + 1} bytes for key {key}"
            )


def _check_placeholder(parameter: str, key: str) -> None:
    """Refuse a placeholder that is too long (it is ASCII)."""
    if len(key) > _PLACEHOLDER_BYTES_MAX:
        raise Invalid(
            f"{parameter} contains invalid key: "
            f'The placeholder is too long, the maximum is {_PLACEHOLDER_BYTES_MAX} bytes; key: "{key}"'
        )


def _check_total(names: Mapping[str, str], values: Mapping[str, Value]) -> None:
    """Refuse names and values that are too large together."""
    if len(names) + len(values) <= _FEW:
        for value in values.values():
            for content in value.values():
                short = content.__class__ is str and len(content) <= _SHORT
            if not short:
                break
        else:
            return  # the usual case: scalars of 64 KB at most, whatever their characters are
    size = item_size(values) + sum(len(key) + text_size(name) for key, name in names.items())
    if size > _TOTAL_BYTES_MAX:
        raise Invalid(
            f"{_NAMES} and {_VALUES} have exceeded the maximum allowed size of {_TOTAL_BYTES_MAX} bytes; size: {size}"
        )


def _canonical_values(values: Mapping[str, Mapping[str, Any]]) -> dict[str, Value]:
    if not values:
        raise Invalid(f"{_VALUES} must not be empty")
    for key in values:
        if _VALUE_KEY.fullmatch(key) is None:
            raise Invalid(f'{_VALUES} contains invalid key: Syntax error; key: "{key}"')
        _check_placeholder(_VALUES, key)
    checked: dict[str, Value] = {}
    for key, value in values.items():
        try:
            checked[key] = canonical(value)
        except Invalid as error:
            raise Invalid(f"{_VALUES} contains invalid value: {error.message} for key {key}") from error
    return checked
