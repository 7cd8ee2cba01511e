"""JSON values to parameters and back, compiled per shape. Shared by the json and rest-json protocols.

A converter is a function of one value, or None where the value is taken as it is.

A shape with the trait `opaque` (an overlay gives it) passes through as decoded JSON: its service checks such values
itself, in AWS's order and words, and stores them as they came. In a result, whatever stands in its place is encoded as
it is; an `orjson.Fragment` puts stored JSON into the answer without a look at it.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import orjson

from lambent.model import Shape

from . import scalars
from .errors import SerializationException

Converter = Callable[[Any], Any]
_WORDS = {str: "STRING_VALUE", bool: "TRUE_VALUE", int: "NUMBER_VALUE", float: "NUMBER_VALUE"}
_JAVA = {
    str: "String", bool: "Boolean", int: "Integer", float: "Double", dict: "LinkedHashMap", list: "ArrayList",
}  # fmt: skip
_INTEGERS = ("integer", "long", "short", "byte", "biginteger")


def loads(body: bytes) -> Any:
    """Decode a body; an empty one is an empty structure."""
    if not body:
        return {}
    try:
        return orjson.loads(body)
    except orjson.JSONDecodeError:
        raise SerializationException("Unable to parse the request body: it is not well-formed JSON.") from None


def dumps(value: Any) -> bytes:
    """Encode a value; object keys become text."""
    return orjson.dumps(value, option=orjson.OPT_NON_STR_KEYS)


def error_words(value: Any) -> str:
    """What a value is, as AWS's messages say it."""
    return "FALSE_VALUE" if value is False else _WORDS.get(type(value), "NULL_VALUE")


def _wrong(value: Any, wanted: str) -> SerializationException:
    if isinstance(value, dict):
        return SerializationException("Start of structure or map found where not expected.")
    if isinstance(value, list):
        return SerializationException("Start of list found where not expected")
    return SerializationException(f"{error_words(value)} cannot be converted to {wanted}")


def _string(value: Any) -> str:
    if not isinstance(value, str):
        raise _wrong(value, "String")
    return value


def _integer(value: Any) -> int:
    if isinstance(value, float) and value.is_integer():
        return int(value)
    if not isinstance(value, int) or isinstance(value, bool):
        raise _wrong(value, "Integer")
    return value


def _float(value: Any) -> float:
    if isinstance(value, str) and value in ("NaN", "Infinity", "-Infinity"):
        return float(value)
    if not isinstance(value, int | float) or isinstance(value, bool):
        raise _wrong(value, "Double")
    return value


def _boolean(value: Any) -> bool:
    if not isinstance(value, bool):
        raise _wrong(value, "Boolean")
    return value


def _java_string(value: Any) -> str:
    if not isinstance(value, str):
        package = "util" if isinstance(value, dict | list) else "lang"
        name = f"java.{package}.{_JAVA.get(type(value), 'Object')}"
        raise SerializationException(f"class {name} can not be converted to an String")
    return value


_READ_SCALARS: dict[str, Converter] = {
    "string": _string,
    "character": _string,
    "boolean": _boolean,
    "float": _float,
    "double": _float,
    "bigdecimal": _float,
    "blob": scalars.read_blob,
    "timestamp": scalars.read_timestamp,
    **dict.fromkeys(_INTEGERS, _integer),
}


_JAVA_SERVICES = frozenset({"apigateway"})
"""Services that tell what stands in the place of a text by the name of its class in Java."""


class Reader:
    """Compiles converters from decoded JSON to parameters; one per operation. `service` chooses the words in which a
    wrong value is told."""

    def __init__(self, service: str = "") -> None:
        self._known: dict[str, Converter] = {}
        java = {"string": _java_string} if service in _JAVA_SERVICES else {}
        self._scalars: dict[str, Converter] = {**_READ_SCALARS, **java}

    def compile(self, shape: Shape) -> Converter:
        """The converter of one value."""
        if shape.trait("opaque"):
            return _read_opaque_structure if shape.kind == "structure" else _as_it_is
        if shape.kind == "structure":
            return self.structure(shape)
        if shape.kind == "list":
            return _read_list(self.compile(shape.element))
        if shape.kind == "map":
            return _read_map(self.compile(shape.value))
        return self._scalars[shape.kind]

    def structure(self, shape: Shape, skip: frozenset[str] = frozenset()) -> Converter:
        """The converter of a structure, leaving out members that are not in the body."""
        if shape.trait("document"):
            return lambda value: value
        if shape.name in self._known:
            return self._known[shape.name]
        members: dict[str, tuple[str, Converter]] = {}

        def read(value: Any) -> dict[str, Any]:
            if type(value) is not dict:
                raise _wrong(value, "Structure")
            found = {}
            for name, item in value.items():
                if item is not None and name in members:
                    target, convert = members[name]
                    found[target] = convert(item)
            return found

        if not skip:
            self._known[shape.name] = read
        for name, member in shape.members.items():
            if name not in skip:
                members[member.location_name or name] = (name, self.compile(member))
        return read


def _as_it_is(value: Any) -> Any:
    return value


def _read_opaque_structure(value: Any) -> Any:
    if type(value) is not dict:
        raise _wrong(value, "Structure")
    return value


def _read_list(convert: Converter) -> Converter:
    def read(value: Any) -> list[Any]:
        if type(value) is not list:
            raise _wrong(value, "List")
        return [None if item is None else convert(item) for item in value]

    return read


def _read_map(convert: Converter) -> Converter:
    def read(value: Any) -> dict[str, Any]:
        if type(value) is not dict:
            raise _wrong(value, "Map")
        return {key: convert(item) for key, item in value.items() if item is not None}

    return read


def _write_float(value: Any) -> Any:
    return value if math.isfinite(value) else scalars.write_float(value)


class Writer:
    """Compiles converters from results to what is encoded as JSON; one per operation. With `opaque` False it also
    converts inside of opaque shapes."""

    def __init__(self, *, opaque: bool = True) -> None:
        self._known: dict[str, Converter] = {}
        self._opaque = opaque

    def compile(self, shape: Shape) -> Converter | None:
        """The converter of one value; None where it is encoded as it is."""
        if self._opaque and shape.trait("opaque"):
            return None
        if shape.kind == "structure":
            return self.structure(shape)
        if shape.kind == "list":
            return _write_list(self.compile(shape.element))
        if shape.kind == "map":
            return _write_map(self.compile(shape.value))
        if shape.kind == "timestamp":
            return scalars.WRITERS[shape.trait("timestampFormat") or "unixTimestamp"]
        if shape.kind == "blob":
            return scalars.write_blob
        return _write_float if shape.kind in ("float", "double") else None

    def structure(self, shape: Shape, skip: frozenset[str] = frozenset()) -> Converter:
        """The converter of a structure; members that the model does not have are left out."""
        if shape.trait("document"):
            return lambda value: value
        if shape.name in self._known:
            return self._known[shape.name]
        members: dict[str, tuple[str, Converter | None]] = {}

        def write(value: Any) -> dict[str, Any]:
            found = {}
            for name, item in value.items():
                if item is not None and name in members:
                    target, convert = members[name]
                    found[target] = item if convert is None else convert(item)
            return found

        if not skip:
            self._known[shape.name] = write
        for name, member in shape.members.items():
            if name not in skip:
                members[name] = (member.location_name or name, self.compile(member))
        return write


def _write_list(convert: Converter | None) -> Converter | None:
    return None if convert is None else lambda value: [None if item is None else convert(item) for item in value]


def _write_map(convert: Converter | None) -> Converter | None:
    if convert is None:
        return None
    return lambda value: {key: None if item is None else convert(item) for key, item in value.items()}


def compile_sealer(shape: Shape | None) -> Converter | None:
    """A converter from the parameters of a call inside the cloud to those that arrive over the wire: what is opaque
    becomes decoded JSON. None where nothing is."""
    return _seal(shape, frozenset()) if shape is not None else None


def _seal(shape: Shape, around: frozenset[str]) -> Converter | None:
    if shape.trait("opaque"):
        return Writer(opaque=False).compile(shape)
    if shape.name in around:
        return None
    around |= {shape.name}
    if shape.kind == "list":
        return _write_list(_seal(shape.element, around))
    if shape.kind == "map":
        return _write_map(_seal(shape.value, around))
    if shape.kind != "structure":
        return None
    found = {name: _seal(member, around) for name, member in shape.members.items()}
    inside = {name: convert for name, convert in found.items() if convert is not None}
    if not inside:
        return None

    def seal(value: Any) -> dict[str, Any]:
        return {n: inside[n](item) if item is not None and n in inside else item for n, item in value.items()}

    return seal
