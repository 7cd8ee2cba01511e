"""Which names an expression refers to, without evaluating it."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any, NamedTuple

from lambent.services.cloudformation.errors import ValidationError

_VARIABLE = re.compile(r"\$\{([^}]*)\}")
_NAME = re.compile(r"[A-Za-z0-9_.:]+")
PSEUDO = [
    "AWS::AccountId",
    "AWS::NotificationARNs",
    "AWS::NoValue",
    "AWS::Partition",
    "AWS::Region",
    "AWS::StackId",
    "AWS::StackName",
    "AWS::URLSuffix",
]
GETATT_SHAPE = (
    "Template error: every Fn::GetAtt object requires two non-empty parameters, the resource name and the resource "
    "attribute"
)
_SUB_SHAPE = (
    "Template error: One or more Fn::Sub intrinsic functions don't specify expected arguments. Specify a string as "
    "first argument, and an optional second argument to specify a mapping of values to replace in the string"
)


class Reference(NamedTuple):
    """`kind` is ref, getatt, condition, or import; `attribute` belongs to getatt (a text, or an expression)."""

    kind: str
    name: str
    attribute: Any = ""


def function(value: Any) -> tuple[str, Any] | None:
    """Name and argument when `value` is an intrinsic function's object, else None."""
    if isinstance(value, dict) and len(value) == 1:
        name, argument = next(iter(value.items()))
        if name == "Ref" or name.startswith("Fn::") or (name == "Condition" and isinstance(argument, str)):
            return name, argument
    return None


def parse_sub(template: str) -> list[tuple[str, str]]:
    """A Fn::Sub text as pieces: ("text", literal) or ("variable", name). `${!x}` is the literal `${x}`."""
    pieces: list[tuple[str, str]] = []
    position = 0
    for match in _VARIABLE.finditer(template):
        if match.start() > position:
            pieces.append(("text", template[position : match.start()]))
        position = match.end()
        name = match[1]
        if name.startswith("!"):
            pieces.append(("text", "${" + name[1:] + "}"))
        elif not _NAME.fullmatch(name):
            raise ValidationError(
                "Template error: variable names in Fn::Sub syntax must contain only alphanumeric characters, "
                "underscores, periods, and colons"
            )
        else:
            pieces.append(("variable", name))
    if position < len(template):
        pieces.append(("text", template[position:]))
    return pieces


def sub_arguments(argument: Any) -> tuple[str, dict[str, Any]]:
    """The text and the variables of a Fn::Sub in either form."""
    if isinstance(argument, str):
        return argument, {}
    if (
        isinstance(argument, list)
        and len(argument) == 2
        and isinstance(argument[0], str)
        and isinstance(argument[1], dict)
    ):
        return argument[0], argument[1]
    raise ValidationError(_SUB_SHAPE)


def getatt_arguments(argument: Any) -> tuple[str, Any]:
    """Resource and attribute of a Fn::GetAtt; the attribute may be an expression."""
    if isinstance(argument, str) and "." in argument:
        argument = argument.split(".", 1)
    if not isinstance(argument, list) or len(argument) < 2 or not all(argument):
        raise ValidationError(GETATT_SHAPE)
    if len(argument) > 2 and all(isinstance(part, str) for part in argument):
        argument = [argument[0], ".".join(argument[1:])]
    if len(argument) != 2 or not isinstance(argument[0], str) or not isinstance(argument[1], str | dict):
        raise ValidationError(GETATT_SHAPE)
    return argument[0], argument[1]


def references(value: Any, chosen: dict[str, bool] | None = None) -> Iterator[Reference]:
    """Every reference inside `value`. With `chosen` (the conditions' values) only the branches of Fn::If that count."""
    called = function(value)
    if called is not None:
        yield from _of_function(called[0], called[1], chosen)
    elif isinstance(value, dict):
        for item in value.values():
            yield from references(item, chosen)
    elif isinstance(value, list):
        for item in value:
            yield from references(item, chosen)


def _of_function(name: str, argument: Any, chosen: dict[str, bool] | None) -> Iterator[Reference]:
    if name == "Ref":
        if not isinstance(argument, str):
            raise ValidationError("Template error: every Ref object must have a single String value.")
        yield Reference("ref", argument)
    elif name == "Condition":
        yield Reference("condition", argument)
    elif name == "Fn::GetAtt":
        resource, attribute = getatt_arguments(argument)
        yield Reference("getatt", resource, attribute)
        yield from references(attribute, chosen)
    elif name == "Fn::Sub":
        template, variables = sub_arguments(argument)
        yield from references(variables, chosen)
        for kind, piece in parse_sub(template):
            if kind == "variable" and piece not in variables:
                resource, dot, attribute = piece.partition(".")
                yield Reference("getatt", resource, attribute) if dot else Reference("ref", piece)
    elif name == "Fn::If" and isinstance(argument, list) and len(argument) == 3 and isinstance(argument[0], str):
        yield Reference("condition", argument[0])
        if chosen is None:
            yield from references(argument[1:], chosen)
        else:
            yield from references(argument[1] if chosen.get(argument[0]) else argument[2], chosen)
    else:
        yield from references(argument, chosen)
