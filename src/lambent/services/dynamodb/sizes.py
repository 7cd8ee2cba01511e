"""Sizes in bytes by DynamoDB's rules, the limits that are measured in them, and capacity units."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, Final

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
    kind = next(iter(value))
    return _MEASURES[kind](value[kind])


def _one(content: Any) -> int:
    return 1


def _map_size(content: dict[str, Value]) -> int:
    return item_size(content) + _NESTED_OVERHEAD + _ELEMENT_OVERHEAD * len(content)


def _list_size(content: list[Value]) -> int:
    return sum(map(value_size, content)) + _NESTED_OVERHEAD + _ELEMENT_OVERHEAD * len(content)


_MEASURES: Final[dict[str, Callable[[Any], int]]] = {
    "S": text_size,
    "N": size_bytes,
    "B": binary_size,
    "SS": lambda content: sum(map(text_size, content)),
    "NS": lambda content: sum(map(size_bytes, content)),
    "BS": lambda content: sum(map(binary_size, content)),
    "M": _map_size,
    "L": _list_size,
    "BOOL": _one,
    "NULL": _one,
}


def item_size(item: Mapping[str, Value]) -> int:
    """The size of an item: names and values."""
    size = 0
    for name, value in item.items():
        kind = next(iter(value))
        size += (len(name) if name.isascii() else len(name.encode())) + _MEASURES[kind](value[kind])
    return size


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
