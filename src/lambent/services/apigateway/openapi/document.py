"""A document's text to plain values: JSON or YAML; and what a `$ref` in it points to.

Limits: 6 MB of text (AWS's), 100 levels; YAML aliases are refused, so that a document cannot grow beyond its text.
"""

from __future__ import annotations

from typing import Any, Final, TypeVar

import orjson
import yaml

from lambent.kit import yaml_text

BODY_BYTES_MAX: Final = 6 << 20
DEPTH_MAX: Final = 100
_DIGITS_MAX: Final = 16
_REFERENCES_MAX: Final = 16
"""References that lead to references; a ring of them is followed as often, by each of a document's values."""
_JSON: Final = (str, int, float, dict, list, type(None))
_Default = TypeVar("_Default", int, None)


class Unreadable(Exception):
    """The text is neither JSON nor YAML, or no OpenAPI document of version 2 or 3."""


def values(body: bytes) -> dict[str, Any]:
    """The object that JSON or YAML text holds; `Unreadable` when it holds none."""
    if len(body) > BODY_BYTES_MAX:
        raise Unreadable
    try:
        text = body.decode("utf-8-sig")
        # orjson refuses what is nested too deep by itself, where json would use up Python's stack.
        found = orjson.loads(text) if text.lstrip().startswith("{") else yaml_text.load(text, DEPTH_MAX)
    except (ValueError, yaml.YAMLError):
        raise Unreadable from None
    if not isinstance(found, dict) or _depth(found) > DEPTH_MAX:
        raise Unreadable
    return found


def load(body: bytes) -> dict[str, Any]:
    """An OpenAPI document; `Unreadable` when it is none of version 2 or 3."""
    found = values(body)
    if found.get("swagger") not in ("2.0", 2.0) and not str(found.get("openapi", "")).startswith("3."):
        raise Unreadable
    return found


def _depth(value: Any) -> int:
    """How deep a value is nested, counted without recursion; `Unreadable` where it is none of JSON."""
    deepest, pending = 0, [(value, 1)]
    while pending:
        item, level = pending.pop()
        deepest = max(deepest, level)
        if level > DEPTH_MAX:
            break
        if not isinstance(item, _JSON):
            raise Unreadable  # YAML can say what JSON cannot: bytes, dates, sets
        children = item.values() if isinstance(item, dict) else item if isinstance(item, list) else ()
        pending.extend((child, level + 1) for child in children)
    return deepest


def is_v3(document: dict[str, Any]) -> bool:
    """Whether a document is of OpenAPI 3, not of Swagger 2."""
    return "openapi" in document


def resolve(document: dict[str, Any], value: Any) -> Any:
    """What a value is once its own `$ref` (`#/components/parameters/Id`) is followed; None when it leads nowhere."""
    for _ in range(_REFERENCES_MAX):
        if not isinstance(value, dict) or not isinstance(value.get("$ref"), str):
            return value
        reference = value["$ref"]
        if not reference.startswith("#/"):
            return None
        value = document
        for part in reference[2:].split("/"):
            name = part.replace("~1", "/").replace("~0", "~")
            value = value.get(name) if isinstance(value, dict) else None
    return None


def mapping(value: Any) -> dict[str, Any]:
    """A value that should be an object; an empty one in place of anything else."""
    return value if isinstance(value, dict) else {}


def objects(value: Any) -> list[dict[str, Any]]:
    """The objects of a value that should be a list of them."""
    return [item for item in value if isinstance(item, dict)] if isinstance(value, list) else []


def whole(value: Any, default: _Default) -> int | _Default:
    """A value that should be a whole number, or one as text; `default` in place of anything else."""
    text = str(value)
    return int(text) if text.isascii() and text.isdigit() and len(text) < _DIGITS_MAX else default


def texts(value: Any) -> tuple[str, ...]:
    """The texts of a value that should be a list of them."""
    return tuple(str(item) for item in value) if isinstance(value, list) else ()
