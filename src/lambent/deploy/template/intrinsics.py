"""Evaluation of intrinsic functions.

What is not known yet (a resource that does not exist, asked about by a change set) is `UNKNOWN`, and makes everything
that is computed from it `UNKNOWN` too. `NO_VALUE` removes the property that it is the value of.
"""

from __future__ import annotations

import base64
import ipaddress
import json
from collections.abc import Callable
from typing import Any, Final

from lambent.contracts.errors import NotBuilt
from lambent.services.cloudformation.errors import ValidationError

from .parameters import text
from .references import function, getatt_arguments, parse_sub, sub_arguments


class _Marker:
    def __init__(self, name: str) -> None:
        self.name = name

    def __repr__(self) -> str:
        return self.name


UNKNOWN: Final = _Marker("UNKNOWN")
NO_VALUE: Final = _Marker("NO_VALUE")

_JOIN = (
    "Template error: every Fn::Join object requires two parameters, (1) a string delimiter and (2) a list of strings "
    "to be joined or a function that returns a list of strings (such as Fn::GetAZs) to be joined."
)
_SPLIT = (
    "Template error: every Fn::Split object requires two parameters, (1) a string delimiter and (2) a string to be "
    "split or a function that returns a string to be split."
)
_SELECT = "Template error: Fn::Select requires a list argument with two elements: an integer index and a list"
_EQUALS = "Template error: every Fn::Equals object requires a list of 2 string parameters"
_CIDR = "Template error: every Fn::Cidr object requires two parameters, (1) an IP address block and (2) a count"


class Scope:
    """What names mean. `parameters` gives Ref's value of each parameter and pseudo parameter; `ref` and `attribute`
    answer for resources, `imported` for exports of other stacks; each may return `UNKNOWN`."""

    def __init__(
        self,
        parameters: dict[str, Any],
        *,
        mappings: dict[str, Any] | None = None,
        conditions: dict[str, Any] | None = None,
        ref: Callable[[str], Any] = lambda name: UNKNOWN,
        attribute: Callable[[str, str], Any] = lambda name, attribute: UNKNOWN,
        imported: Callable[[str], Any] = lambda name: UNKNOWN,
        extended: bool = False,
    ) -> None:
        self.parameters = parameters
        self.mappings = mappings or {}
        self.conditions = conditions or {}
        self.ref = ref
        self.attribute = attribute
        self.imported = imported
        self.extended = extended
        self._decided: dict[str, bool] = {}
        self._deciding: list[str] = []

    def condition(self, name: str, where: str = "Condition") -> bool:
        """The value of the condition `name`; raises `ValidationError` when it is undefined or circular."""
        if name in self._decided:
            return self._decided[name]
        if name not in self.conditions:
            raise ValidationError(f"Template error: unresolved condition dependency {name} in {where}")
        if name in self._deciding:
            raise ValidationError(
                f"Template error: circular dependency between conditions [{', '.join(self._deciding)}]"
            )
        self._deciding.append(name)
        try:
            self._decided[name] = _truth(evaluate(self.conditions[name], self))
        finally:
            self._deciding.pop()
        return self._decided[name]

    def decide_all(self) -> dict[str, bool]:
        """The value of every condition."""
        return {name: self.condition(name) for name in self.conditions}


def evaluate(value: Any, scope: Scope) -> Any:
    """`value` with all functions replaced by their results; `NO_VALUE` entries are gone."""
    called = function(value)
    if called is not None:
        return _call(called[0], called[1], scope)
    if isinstance(value, dict):
        pairs = ((key, evaluate(item, scope)) for key, item in value.items())
        return {key: item for key, item in pairs if item is not NO_VALUE}
    if isinstance(value, list):
        return [item for item in (evaluate(item, scope) for item in value) if item is not NO_VALUE]
    return value


def has_unknown(value: Any) -> bool:
    """Is `UNKNOWN` anywhere in an evaluated value?"""
    if isinstance(value, dict):
        return any(has_unknown(item) for item in value.values())
    if isinstance(value, list):
        return any(has_unknown(item) for item in value)
    return value is UNKNOWN


def _call(name: str, argument: Any, scope: Scope) -> Any:
    lazy = _LAZY.get(name)
    if lazy is not None:
        return lazy(argument, scope)
    eager = _EAGER.get(name) or (_EXTENDED.get(name) if scope.extended else None)
    if eager is None:
        if name in _EXTENDED:
            raise ValidationError(f"Template error: {name} needs the transform AWS::LanguageExtensions")
        raise ValidationError(f"Template format error: Encountered unsupported function: {name}")
    evaluated = evaluate(argument, scope)
    if has_unknown(evaluated):
        return UNKNOWN
    return eager(evaluated, scope)


def _ref(name: Any, scope: Scope) -> Any:
    if name == "AWS::NoValue":
        return NO_VALUE
    return scope.parameters[name] if name in scope.parameters else scope.ref(name)


def _getatt(argument: Any, scope: Scope) -> Any:
    resource, attribute = getatt_arguments(argument)
    attribute = evaluate(attribute, scope)
    return UNKNOWN if attribute is UNKNOWN else scope.attribute(resource, attribute)


def _sub(argument: Any, scope: Scope) -> Any:
    template, variables = sub_arguments(argument)
    values = {key: evaluate(item, scope) for key, item in variables.items()}
    found = []
    for kind, piece in parse_sub(template):
        value: Any = piece
        if kind == "variable":
            resource, dot, attribute = piece.partition(".")
            if piece in values:
                value = values[piece]
            else:
                value = scope.attribute(resource, attribute) if dot else _ref(piece, scope)
        if value is UNKNOWN:
            return UNKNOWN
        if value is NO_VALUE:
            value = ""
        if isinstance(value, list):
            value = ",".join(text(item) for item in value)
        if isinstance(value, dict):
            raise ValidationError("Template error: Fn::Sub expression does not resolve to a string")
        found.append(text(value))
    return "".join(found)


def _if(argument: Any, scope: Scope) -> Any:
    if not isinstance(argument, list) or len(argument) != 3 or not isinstance(argument[0], str):
        raise ValidationError("Template error: Fn::If requires a list argument with three elements")
    return evaluate(argument[1] if scope.condition(argument[0], "Fn::If") else argument[2], scope)


def _find_in_map(argument: Any, scope: Scope) -> Any:
    fallback: Any = NO_VALUE
    if isinstance(argument, list) and len(argument) == 4 and isinstance(argument[3], dict) and scope.extended:
        if set(argument[3]) != {"DefaultValue"}:
            raise ValidationError("Template error: the fourth argument of Fn::FindInMap must be a DefaultValue object")
        fallback, argument = argument[3]["DefaultValue"], argument[:3]
    if not isinstance(argument, list) or len(argument) != 3:
        raise ValidationError("Template error: every Fn::FindInMap object requires three parameters")
    evaluated = [evaluate(item, scope) for item in argument]
    if has_unknown(evaluated):
        return UNKNOWN
    name, first, second = (text(item) for item in evaluated)
    try:
        return evaluate(scope.mappings[name][first][second], scope)
    except (KeyError, TypeError):
        if fallback is not NO_VALUE:
            return evaluate(fallback, scope)
    if name not in scope.mappings:
        raise ValidationError(
            f"Template error: Mapping named '{name}' is not present in the 'Mappings' section of template."
        )
    raise ValidationError(f"Template error: Unable to get mapping for {name}::{first}::{second}")


def _select(argument: Any, scope: Scope) -> Any:
    if not isinstance(argument, list) or len(argument) != 2:
        raise ValidationError(_SELECT)
    index, items = evaluate(argument[0], scope), evaluate(argument[1], scope)
    if index is UNKNOWN or items is UNKNOWN:
        return UNKNOWN
    try:
        position = int(index)
    except (TypeError, ValueError):
        raise ValidationError(_SELECT) from None
    if not isinstance(items, list) or not 0 <= position < len(items):
        raise ValidationError(_SELECT)
    return items[position]


def _condition(argument: Any, scope: Scope) -> bool:
    return scope.condition(argument)


def _transform(argument: Any, scope: Scope) -> Any:
    name = argument.get("Name") if isinstance(argument, dict) else argument
    raise NotBuilt(f"Lambent has not built the transform {name} inside a template yet.")


def _join(argument: Any, scope: Scope) -> str:
    if not isinstance(argument, list) or len(argument) != 2 or not isinstance(argument[0], str):
        raise ValidationError(_JOIN)
    items = argument[1]
    if not isinstance(items, list) or any(isinstance(item, dict | list) for item in items):
        raise ValidationError(_JOIN)
    return argument[0].join(text(item) for item in items)


def _split(argument: Any, scope: Scope) -> list[str]:
    good = isinstance(argument, list) and len(argument) == 2 and all(isinstance(a, str) for a in argument)
    if not good or not argument[0]:
        raise ValidationError(_SPLIT)
    return list(argument[1].split(argument[0]))


def _equals(argument: Any, scope: Scope) -> bool:
    if not isinstance(argument, list) or len(argument) != 2:
        raise ValidationError(_EQUALS)
    left, right = (text(a) if not isinstance(a, dict | list) else a for a in argument)
    return bool(left == right)


def _truth(value: Any) -> bool:
    if isinstance(value, bool):
        return value
    if value in ("true", "false"):
        return bool(value == "true")
    raise ValidationError("Template error: every condition must evaluate to a boolean")


def _all_of(argument: Any, scope: Scope) -> bool:
    return all(_members("Fn::And", argument))


def _any_of(argument: Any, scope: Scope) -> bool:
    return any(_members("Fn::Or", argument))


def _members(name: str, argument: Any) -> list[bool]:
    if not isinstance(argument, list) or not 2 <= len(argument) <= 10:
        raise ValidationError(
            f"Template error: every {name} object requires a list of at least 2 and at most 10 boolean parameters."
        )
    return [_truth(item) for item in argument]


def _not(argument: Any, scope: Scope) -> bool:
    if not isinstance(argument, list) or len(argument) != 1:
        raise ValidationError("Template error: every Fn::Not object requires one boolean parameter.")
    return not _truth(argument[0])


def _base64(argument: Any, scope: Scope) -> str:
    if isinstance(argument, dict | list):
        raise ValidationError("Template error: every Fn::Base64 object must have a String-typed value.")
    return base64.b64encode(text(argument).encode()).decode()


def _cidr(argument: Any, scope: Scope) -> list[str]:
    try:
        block, count = ipaddress.ip_network(argument[0]), int(argument[1])
        wide = int(argument[2]) if len(argument) > 2 else 8
        subnets = block.subnets(new_prefix=block.max_prefixlen - wide)
        found = [str(next(subnets)) for _ in range(count)] if 1 <= count <= 256 else []
    except (ValueError, IndexError, KeyError, TypeError, StopIteration):
        raise ValidationError(_CIDR) from None
    if not found:
        raise ValidationError(_CIDR)
    return found


def _azs(argument: Any, scope: Scope) -> list[str]:
    region = argument or scope.parameters["AWS::Region"]
    if not isinstance(region, str):
        raise ValidationError("Template error: every Fn::GetAZs object must have a String-typed value.")
    return [region + letter for letter in "abc"]


def _import(argument: Any, scope: Scope) -> Any:
    if not isinstance(argument, str):
        raise ValidationError(
            "Template error: the attribute in Fn::ImportValue must be a string or a function that returns a string"
        )
    return scope.imported(argument)


def _length(argument: Any, scope: Scope) -> int:
    if not isinstance(argument, list):
        raise ValidationError("Template error: Fn::Length requires a list argument")
    return len(argument)


def _json(argument: Any, scope: Scope) -> str:
    if not isinstance(argument, dict | list):
        raise ValidationError("Template error: Fn::ToJsonString requires an object or a list")
    return json.dumps(argument, separators=(",", ":"), ensure_ascii=False)


_Function = Callable[[Any, Scope], Any]
_LAZY: Final[dict[str, _Function]] = {
    "Ref": _ref,
    "Fn::GetAtt": _getatt,
    "Fn::Sub": _sub,
    "Fn::If": _if,
    "Fn::FindInMap": _find_in_map,
    "Fn::Select": _select,
    "Fn::Transform": _transform,
    "Condition": _condition,
}
_EAGER: Final[dict[str, _Function]] = {
    "Fn::Join": _join,
    "Fn::Split": _split,
    "Fn::Equals": _equals,
    "Fn::And": _all_of,
    "Fn::Or": _any_of,
    "Fn::Not": _not,
    "Fn::Base64": _base64,
    "Fn::Cidr": _cidr,
    "Fn::GetAZs": _azs,
    "Fn::ImportValue": _import,
}
_EXTENDED: Final[dict[str, _Function]] = {"Fn::Length": _length, "Fn::ToJsonString": _json}
