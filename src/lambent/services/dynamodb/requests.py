"""The service's door: what a request's parameters are, in DynamoDB's own order and words.

The wire passes parameters as decoded JSON (model/overlays/dynamodb.json). First their types are looked at, then the
model's constraints; attribute values are left to values.py, which the data plane calls in its turn, unless a request is
refused: then wrong types inside of values are found first, as AWS finds them.

A type check is called with (value) and raises `SerializationException`; `deep` says whether to look into
attribute values.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from functools import cache
from typing import Annotated, Any, Final, Literal

import msgspec
from msgspec import UNSET, Meta, UnsetType, ValidationError, convert

from lambent import model
from lambent.model import Shape
from lambent.wire.validation import compile_constraints, show

from .errors import SerializationException, ValidationException

TypeCheck = Callable[[Any], None]

ERRORS_SHOWN_MAX: Final = 10
NAME_MIN: Final = 3
NAME_MAX: Final = 255
_JAVA: Final = "com.amazonaws.dynamodb.v20120810."
_MAP: Final = "java.util.Map<java.lang.String, {}>"
_FIELD: Final = "Unexpected field type"
_ELEMENT: Final = "Unexpected value type in payload"
_STRUCTURE: Final = "Start of structure or map found where not expected"
_GENERIC: Final = (
    "class sun.reflect.generics.reflectiveObjects.ParameterizedTypeImpl cannot be cast to class java.lang.Class "
    "(sun.reflect.generics.reflectiveObjects.ParameterizedTypeImpl and java.lang.Class are in module java.base of "
    "loader 'bootstrap')"
)
_BOXES: Final = {
    "string": "String",
    "integer": "Integer",
    "long": "Long",
    "double": "Double",
    "float": "Float",
    "boolean": "Boolean",
    "timestamp": "Date",
}
_LIST_IN_MAP: Final = re.compile(
    r" at 'requestItems\.[^']+\.member' failed to satisfy constraint: Member must have length"
)
_WRITES: Final = (
    "Map value must satisfy constraint: [Member must have length less than or equal to 25, Member must have length "
    "greater than or equal to 1]"
)
_ORDER: Final = {
    "QueryInput": (
        "Select IndexName ReturnConsumedCapacity QueryFilter TableName ConditionalOperator AttributesToGet Limit "
        "KeyConditions"
    ),
    "ScanInput": (
        "Select IndexName TotalSegments ReturnConsumedCapacity TableName ConditionalOperator ScanFilter Segment Limit"
    ),
}
"""The order in which AWS complains, where it matters because only the first complaints are shown."""


class Door:
    """The checks of one operation's parameters."""

    def __init__(self, shape: Shape, model_name: str) -> None:
        self._types = _Types()
        self._check = self._types.structure(shape, field=True)
        self._constraints = compile_constraints(model_name, shape)
        self._fast = _fast_type(shape)
        wanted = _ORDER.get(shape.name, "").split()
        self._order = {name[:1].lower() + name[1:]: place for place, name in enumerate(wanted)}

    def check(self, req: dict[str, Any]) -> None:
        """Raise what AWS says of parameters of wrong types, then of those that break the model's constraints; take out
        parameters that are null."""
        try:
            convert(req, self._fast)
        except ValidationError:
            self._check_slowly(req)

    def check_named(self, req: dict[str, Any]) -> None:
        """As `check`, after the name as the control plane words it."""
        self._check(req)
        name = req.get("TableName")
        if name is None:
            raise ValidationException("The parameter 'TableName' is required but was not present in the request")
        if not name.startswith("arn:") and not NAME_MIN <= len(name) <= NAME_MAX:
            raise ValidationException(
                f"TableName must be at least {NAME_MIN} characters long and at most {NAME_MAX} characters long"
            )
        self.check(req)

    def check_types(self, req: dict[str, Any]) -> None:
        """Raise `SerializationException` where a type is wrong, also inside of attribute values."""
        self._check(req)

    def _check_slowly(self, req: dict[str, Any]) -> None:
        self._check(req)
        _drop_nulls(req)
        if self._constraints is None:
            return
        broken: list[str] = []
        self._constraints(req, None, broken)
        if broken:
            self._refuse(req)

    def _refuse(self, req: dict[str, Any]) -> None:
        named = _with_names(req)
        errors: list[str] = []
        assert self._constraints is not None
        self._constraints(named, "", errors)
        errors = _as_map_values(errors, named)
        if not errors:
            return
        if self._order:
            errors.sort(key=self._place)
        shown = errors[:ERRORS_SHOWN_MAX]
        noun = "error" if len(shown) == 1 else "errors"
        raise ValidationException(f"{len(shown)} validation {noun} detected: {'; '.join(shown)}")

    def _place(self, error: str) -> int:
        path = error.partition("' failed to satisfy")[0].rpartition("at '")[2]
        return self._order.get(path.partition(".")[0], len(self._order))


def _as_map_values(errors: list[str], req: dict[str, Any]) -> list[str]:
    """AWS words lists of wrong lengths in a map of lists (BatchWriteItem) as a constraint on the map's values, once."""
    kept = [error for error in errors if _LIST_IN_MAP.search(error) is None]
    if len(kept) == len(errors):
        return errors
    return [*kept, f"Value '{show(req['RequestItems'])}' at 'requestItems' failed to satisfy constraint: {_WRITES}"]


@cache
def door(operation: str, service: str = "dynamodb") -> Door:
    """The checks of an operation, compiled once."""
    shape = model.service_model(service).operations[operation].input
    assert shape is not None
    return Door(shape, service)


def table_name(text: str) -> str:
    """The name in a table's ARN; another text is a name."""
    if not text.startswith("arn:"):
        return text
    _, found, rest = text.partition(":table/")
    return rest.partition("/")[0] if found else text


def _drop_nulls(value: Any) -> None:
    """Take out members that are null, at any depth: they are as good as absent. Booleans that were written as text
    become some."""
    if value.__class__ is dict:
        for name in [name for name, item in value.items() if item is None]:
            del value[name]
        for name, item in value.items():
            if item.__class__ is str and name in ("BOOL", "NULL") and item in _BOOLEANS:
                value[name] = _BOOLEANS[item]
            else:
                _drop_nulls(item)
    elif value.__class__ is list:
        for item in value:
            _drop_nulls(item)


_BOOLEANS: Final = {"true": True, "yes": True, "1": True, "false": False, "no": False, "0": False}
"""Texts that AWS takes for booleans."""
_BASE64: Final = "^(?:[A-Za-z0-9+/]{4})*(?:[A-Za-z0-9+/][AQgw]==|[A-Za-z0-9+/]{2}[AEIMQUYcgkosw048]=)?$"
"""Base64 with no bit set that stands for nothing."""
_is_base64 = re.compile(_BASE64).match
_Blob = Annotated[str, Meta(pattern=_BASE64)]


class AttributeValue(msgspec.Struct):
    """The types of an attribute value."""

    S: str | UnsetType = UNSET
    N: str | UnsetType = UNSET
    B: _Blob | UnsetType = UNSET
    SS: list[str] | UnsetType = UNSET
    NS: list[str] | UnsetType = UNSET
    BS: list[_Blob] | UnsetType = UNSET
    M: dict[str, AttributeValue] | UnsetType = UNSET
    L: list[AttributeValue] | UnsetType = UNSET
    NULL: bool | UnsetType = UNSET
    BOOL: bool | UnsetType = UNSET


_TABLE: Final = f"^(?:arn:[^:]+:dynamodb:[^:]*:[^:]*:table/)?[a-zA-Z0-9_.-]{{{NAME_MIN},{NAME_MAX}}}$"
"""A table's name or its ARN."""
_PLAIN: Final = {"string": str, "boolean": bool, "blob": str, "double": float, "float": float, "timestamp": float}


def _fast_type(shape: Shape) -> Any:
    """A type that msgspec holds values of a shape against: whatever it accepts is right in types and constraints."""
    if shape.name == "AttributeValue":
        return AttributeValue
    if shape.kind == "structure":
        fields: list[tuple[str, Any] | tuple[str, Any, Any]] = []
        for name, member in shape.members.items():
            found = _fast_type(member)
            optional = member.trait("idempotencyToken") or name not in shape.required
            fields.append((name, found | UnsetType, UNSET) if optional else (name, found))
        return msgspec.defstruct(shape.name, fields, kw_only=True)
    least, most, pattern = (shape.trait(name) for name in ("min", "max", "pattern"))
    if shape.kind in ("list", "map"):
        element = shape.element if shape.kind == "list" else shape.value
        inner = _fast_type(element)
        found = list[inner] if shape.kind == "list" else dict[_fast_type(shape.key), inner]  # type: ignore[valid-type, misc]
        return Annotated[found, Meta(min_length=least, max_length=most)] if least or most else found
    if shape.enum:
        return Literal[shape.enum]
    if shape.name == "TableArn":
        return Annotated[str, Meta(pattern=_TABLE)]
    if shape.kind == "string" and (least or most or pattern):
        whole = f"^(?:{pattern})$" if pattern and "\\p" not in pattern and "\\u" not in pattern else None
        return Annotated[str, Meta(min_length=least, max_length=most, pattern=whole)]
    if shape.kind in ("integer", "long"):
        return Annotated[int, Meta(ge=least, le=most)] if least is not None or most is not None else int
    return _PLAIN[shape.kind]


def _with_names(req: dict[str, Any]) -> dict[str, Any]:
    """The request with names in the places of tables' ARNs, for the constraints are those of names."""
    named = dict(req)
    if "TableName" in req:
        named["TableName"] = table_name(req["TableName"])
    if "RequestItems" in req:
        named["RequestItems"] = {table_name(name): value for name, value in req["RequestItems"].items()}
    if "TransactItems" in req:
        items = req["TransactItems"]
        named["TransactItems"] = [{kind: _with_names(part) for kind, part in item.items()} for item in items]
    return named


class _Types:
    """Compiles type checks from shapes, each shape once."""

    def __init__(self) -> None:
        self._known: dict[tuple[str, bool], TypeCheck] = {}

    def compile(self, shape: Shape, *, field: bool) -> TypeCheck:
        """The check of a value that is a structure's member (`field`) or is held by a list or a map."""
        if shape.kind == "structure":
            return self.structure(shape, field=field)
        if shape.kind == "list":
            return _list(self.compile(shape.element, field=False), _FIELD if field else _GENERIC)
        if shape.kind == "map":
            inner = _STRING if shape.value.kind == "string" else _JAVA + shape.value.name
            if shape.value.kind == "list":
                inner = f"java.util.List<{_JAVA}{shape.value.element.name}>"
            kind = f"Unrecognized collection type {_MAP.format(inner)}"
            return _map(self.compile(shape.value, field=False), _FIELD if field else _GENERIC, kind)
        return _SCALARS.get(shape.kind) or _scalar(shape.kind)

    def structure(self, shape: Shape, *, field: bool) -> TypeCheck:
        """The check of a structure; one that contains itself finds its own."""
        known = self._known.get((shape.name, field))
        if known is not None:
            return known
        members: dict[str, TypeCheck] = {}
        kind = f"Unrecognized collection type class {_JAVA}{shape.name}"
        elsewhere = _FIELD if field else _ELEMENT

        def check(value: Any) -> None:
            if value.__class__ is not dict:
                raise SerializationException(kind if isinstance(value, list) else elsewhere)
            for name, item in value.items():
                if item is not None and name in members:
                    members[name](item)

        self._known[shape.name, field] = check
        for name, member in shape.members.items():
            members[name] = self.compile(member, field=True)
        return check


def _list(element: TypeCheck, elsewhere: str) -> TypeCheck:
    def check(value: Any) -> None:
        if value.__class__ is not list:
            raise SerializationException(_STRUCTURE if isinstance(value, dict) else elsewhere)
        for item in value:
            if item is not None:
                element(item)

    return check


def _map(inner: TypeCheck, elsewhere: str, kind: str) -> TypeCheck:
    def check(value: Any) -> None:
        if value.__class__ is not dict:
            raise SerializationException(kind if isinstance(value, list) else elsewhere)
        for item in value.values():
            if item is not None:
                inner(item)

    return check


def _token(value: Any) -> str:
    if isinstance(value, bool):
        return "TRUE_VALUE" if value else "FALSE_VALUE"
    if isinstance(value, int):
        return "NUMBER_VALUE"
    return "DECIMAL_VALUE" if isinstance(value, float) else "STRING_VALUE"


def _scalar(kind: str) -> TypeCheck:
    box = _BOXES[kind]
    good: tuple[type, ...] = {"string": (str,), "boolean": (bool,)}.get(kind, (int, float))

    def check(value: Any) -> None:
        if value.__class__ in good:
            return
        if isinstance(value, list):
            raise SerializationException(f"Unrecognized collection type class java.lang.{box}")
        if isinstance(value, dict):
            raise SerializationException(_STRUCTURE)
        if box == "Boolean" and isinstance(value, str):
            if value in _BOOLEANS:
                return
            raise SerializationException("Unexpected token received from parser")
        raise SerializationException(f"{_token(value)} cannot be converted to {box}")

    return check


def _blob(value: Any) -> None:
    if isinstance(value, list):
        raise SerializationException("Unrecognized collection type class java.nio.ByteBuffer")
    if isinstance(value, dict):
        raise SerializationException(_STRUCTURE)
    if not isinstance(value, str):
        raise SerializationException("only base-64-encoded strings are convertible to bytes")
    if len(value) % 4:
        raise SerializationException(f"Base64 encoded length is expected a multiple of 4 bytes but found: {len(value)}")
    if _is_base64(value) is None:  # the misspelling is AWS's
        raise SerializationException("Invalid last non-pad Base64 character dectected")


_STRING: Final = "java.lang.String"
_SCALARS: Final[dict[str, TypeCheck]] = {"blob": _blob}
