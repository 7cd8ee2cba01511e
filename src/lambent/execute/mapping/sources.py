"""Where mapping expressions take their values: one look-up for all kinds of APIs.

Values are texts; what is not there is None. Whole documents and parts of them are texts as they are, or JSON.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any, Final

import orjson

from . import jsonpath
from .budget import Budget
from .errors import BodyNotJson, MappingError
from .scope import Multi, Scope, parse_json
from .values import json_of
from .variables import header_values

TOKEN: Final = re.compile(r"[!#$%&'*+.^_`|~0-9A-Za-z-]{1,256}")
"""Names of headers."""
_BROKEN: Final = re.compile(r"[\r\n\x00]")
_NOT_IN_PATHS: Final = re.compile(r"\.\.|\?\s*\(")


def text_value(value: Any) -> str | None:
    """A value of JSON as the value of a parameter."""
    if value is None or value is jsonpath.MISSING:
        return None
    if isinstance(value, str):
        return value
    try:
        return orjson.dumps(value).decode()
    except TypeError:
        return json_of(value, Budget())


def from_document(document: Any, path: str) -> str | None:
    """The value of a JSONPath without its `$.`; with none, of the whole document."""
    return text_value(jsonpath.compiled(path).of(document, Budget()) if path else document)


def from_body(body: bytes, path: str, *, plain: bool = False) -> str | None:
    """A part of a body; None where it is no JSON. `plain` paths have no recursion and no filters."""
    if not path:
        return body.decode("utf-8", "replace")
    if plain and (path.startswith(".") or _NOT_IN_PATHS.search(path)):
        return None
    try:
        return from_document(parse_json(body), path)
    except BodyNotJson:
        return None


def from_context(context: Mapping[str, Any], name: str) -> str | None:
    """A context variable by its dotted name."""
    value: Any = context
    for step in name.split("."):
        if not isinstance(value, Mapping):
            return None
        value = value.get(step)
    return text_value(value)


def one_value(values: list[str] | None) -> str | None:
    """The last value of a parameter that was given more than once."""
    return values[-1] if values else None


def joined(values: list[str] | None) -> str | None:
    """All values of a parameter with commas between them."""
    return ",".join(values) if values else None


def stage_variable(scope: Scope, name: str) -> str | None:
    """A stage variable."""
    return scope.stage_variables.get(name)


def checked_header(name: str, value: str) -> tuple[str, str]:
    """A header as it may be sent; `MappingError` for one that would become two."""
    if not TOKEN.fullmatch(name) or _BROKEN.search(value):
        raise MappingError(f"{name[:100]!r} would not be one header")
    return name, value


def header(headers: Multi, name: str) -> list[str]:
    """The values of a header, whatever the case of its name."""
    return header_values(headers, name)
