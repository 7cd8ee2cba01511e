"""A template's parameters: what it declares, and the values that a request gives."""

from __future__ import annotations

import re
from typing import Any

from lambent.contracts.deploy import ParameterDeclaration, ParameterValue
from lambent.contracts.errors import NotBuilt
from lambent.services.cloudformation.errors import ValidationError

_TYPES = ("String", "Number", "CommaDelimitedList", "List<Number>", "List<String>")
_NUMBER = re.compile(r"[+-]?(\d+(\.\d*)?|\.\d+)([eE][+-]?\d+)?")
_PATTERN_S = 0.1
"""How long a parameter's AllowedPattern may look at its value."""


def text(value: Any) -> str:
    """A scalar as CloudFormation writes it into a string: `true`, `1`, `1.5`."""
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, float) and value.is_integer():
        return str(int(value))
    return str(value)


def declarations(block: dict[str, dict[str, Any]]) -> tuple[ParameterDeclaration, ...]:
    """The entries of a Parameters block."""
    return tuple(_declaration(key, body) for key, body in block.items())


def _declaration(key: str, body: dict[str, Any]) -> ParameterDeclaration:
    default = body.get("Default")
    allowed = body.get("AllowedValues", [])
    if not isinstance(allowed, list):
        raise ValidationError(f"Template format error: AllowedValues of parameter {key} must be a list.")
    return ParameterDeclaration(
        key=key,
        type=body["Type"],
        default=None if default is None else _joined(default),
        no_echo=text(body.get("NoEcho", False)).lower() == "true",
        description=str(body.get("Description", "")),
        allowed_values=tuple(text(item) for item in allowed),
    )


def _joined(value: Any) -> str:
    return ",".join(text(item) for item in value) if isinstance(value, list) else text(value)


def resolve(block: dict[str, dict[str, Any]], given: dict[str, str]) -> tuple[ParameterValue, ...]:
    """The value of every parameter, defaults included; raises `ValidationError` when one is missing or wrong."""
    declared = declarations(block)
    known = {declaration.key for declaration in declared}
    extra = [key for key in given if key not in known]
    if extra:
        raise ValidationError(f"Parameters: [{', '.join(extra)}] do not exist in the template")
    missing = [d.key for d in declared if d.default is None and d.key not in given]
    if missing:
        raise ValidationError(f"Parameters: [{', '.join(missing)}] must have values")
    found = []
    for declaration in declared:
        value = given.get(declaration.key, declaration.default)
        assert value is not None
        _check(declaration, block[declaration.key], value)
        found.append(ParameterValue(key=declaration.key, value=value, no_echo=declaration.no_echo))
    return tuple(found)


def typed(block: dict[str, dict[str, Any]], values: tuple[ParameterValue, ...]) -> dict[str, str | list[str]]:
    """What Ref gives for each parameter: a string, or a list of strings for the list types."""
    found: dict[str, str | list[str]] = {}
    for value in values:
        kind = block.get(value.key, {}).get("Type", "String")
        is_list = kind == "CommaDelimitedList" or kind.startswith("List<")
        found[value.key] = split(value.value) if is_list else value.value
    return found


def split(value: str) -> list[str]:
    """The members of a comma-delimited list, without the spaces around them."""
    return [item.strip() for item in value.split(",")] if value else []


def _check(declaration: ParameterDeclaration, body: dict[str, Any], value: str) -> None:
    kind, key = declaration.type, declaration.key
    if kind.startswith("AWS::SSM::Parameter::"):
        raise NotBuilt(f"Lambent has not built template parameters of type {kind} yet (parameter {key}).")
    if kind.startswith(("AWS::", "List<AWS::")):
        raise NotBuilt(f"Lambent has not built template parameters of type {kind} yet (parameter {key}).")
    if kind not in _TYPES:
        raise ValidationError(f"Template format error: Unrecognized parameter type: {kind}")
    description = body.get("ConstraintDescription")
    for item in split(value) if kind not in ("String", "Number") else [value]:
        problem = _problem(kind, declaration, body, item)
        if problem and description and "must be a number." not in problem:
            raise ValidationError(f"Parameter {key} failed to satisfy constraint: {description}")
        if problem:
            raise ValidationError(f"Parameter '{key}' {problem}")


def _problem(kind: str, declaration: ParameterDeclaration, body: dict[str, Any], value: str) -> str:
    if kind in ("Number", "List<Number>"):
        if not _NUMBER.fullmatch(value):
            return "must be a number."
        if "MinValue" in body and float(value) < float(body["MinValue"]):
            return f"must be a number not less than {text(body['MinValue'])}"
        if "MaxValue" in body and float(value) > float(body["MaxValue"]):
            return f"must be a number not greater than {text(body['MaxValue'])}"
    if declaration.allowed_values and value not in declaration.allowed_values:
        return f"must be one of AllowedValues: [{', '.join(declaration.allowed_values)}]"
    if "MinLength" in body and len(value) < int(body["MinLength"]):
        return f"must contain at least {text(body['MinLength'])} characters"
    if "MaxLength" in body and len(value) > int(body["MaxLength"]):
        return f"must contain at most {text(body['MaxLength'])} characters"
    pattern = body.get("AllowedPattern")
    if pattern is not None and not _matches(str(pattern), value):
        return f"must match pattern {pattern}"
    return ""


def _matches(pattern: str, value: str) -> bool:
    # Deferred to templates that have patterns. Unlike `re` it can be told to end: a pattern may run away.
    import regex  # type: ignore[import-untyped, unused-ignore]

    try:
        return regex.fullmatch(pattern, value, regex.VERSION0, timeout=_PATTERN_S) is not None
    except TimeoutError:
        raise ValidationError(f"Template format error: AllowedPattern {pattern} takes too long.") from None
    except (regex.error, RecursionError, OverflowError, ValueError) as error:
        raise ValidationError(f"Template format error: AllowedPattern {pattern} is not valid: {error}") from None
