"""Sizes in bytes by DynamoDB's rules, the limits that are measured in them, and capacity units."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

from .numbers import size_bytes
from .values import Value

ITEM_MAX: Final = 400 * 1024
READ_UNIT: Final = 4 * 1024
WRITE_UNIT: Final = 1024
_NESTED_OVERHEAD: Final = 3
_ELEMENT_OVERHEAD: Final = 1


def text_size(text: str) -> int:
    """The length of a text's UTF-8."""
    return len(text) if text.isascii() else len(text.encode())


def binary_size(text: str) -> int:
    """The number of bytes behind canonical base64 text."""
    return len(text) // 4 * 3 - text.count("=", -2)


def value_size(value: Value) -> int:
    """What a canonical value counts for, without its name."""
    ((kind, content),) = value.items()
    if kind == "S":
        return text_size(content)
    if kind == "N":
        return size_bytes(content)
    if kind == "B":
        return binary_size(content)
    if kind in ("BOOL", "NULL"):
        return 1
    if kind == "M":
        return _NESTED_OVERHEAD + sum(
            text_size(name) + value_size(inner) + _ELEMENT_OVERHEAD for name, inner in content.items()
        )
    if kind == "L":
        return _NESTED_OVERHEAD + sum(value_size(inner) + _ELEMENT_OVERHEAD for inner in content)
    measure = {"SS": text_size, "NS": size_bytes, "BS": binary_size}[kind]
    return sum(map(measure, content))


def item_size(item: Mapping[str, Value]) -> int:
    """The size of an item: names and values."""
    return sum(text_size(name) + value_size(value) for name, value in item.items())


def read_units(size: int, consistent: bool = False, transactional: bool = False) -> float:
    """Read capacity units of `size` bytes read at once: one for each 4 KB begun (one at least), half of it for an
    eventually consistent read, twice in a transaction."""
    units = max(1, -(-size // READ_UNIT))
    if transactional:
        return float(units * 2)
    return float(units) if consistent else units / 2


def write_units(size: int, transactional: bool = False) -> float:
    """Write capacity units: one for each 1 KB begun of the larger of the item before and after, one at least; twice in
    a transaction."""
    units = max(1, -(-size // WRITE_UNIT))
    return float(units * 2 if transactional else units)
