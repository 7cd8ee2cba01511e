"""Attribute values as DynamoDB's JSON writes them: `{"S": "x"}`, `{"N": "1"}`, `{"M": {...}}`.

A canonical value has exactly one type, numbers in normal form and binaries as canonical base64 text; so two canonical
values that hold no set are equal exactly when their dicts are. `canonical` makes one of what a request brings.
"""

from __future__ import annotations

import binascii
from base64 import b64decode, b64encode
from collections.abc import Callable, Mapping
from decimal import Decimal
from typing import Any, Final

from .numbers import Invalid, normalise, number

Value = dict[str, Any]
Item = dict[str, dict[str, Any]]

TYPES: Final = ("S", "N", "B", "SS", "NS", "BS", "M", "L", "NULL", "BOOL")
LONG_NAMES: Final = {
    "S": "STRING",
    "N": "NUMBER",
    "B": "BINARY",
    "SS": "STRING_SET",
    "NS": "NUMBER_SET",
    "BS": "BINARY_SET",
    "M": "MAP",
    "L": "LIST",
    "NULL": "NULL",
    "BOOL": "BOOLEAN",
}
ORDERED: Final = frozenset(("S", "N", "B"))
SETS: Final = frozenset(("SS", "NS", "BS"))
ELEMENT_OF: Final = {"SS": "S", "NS": "N", "BS": "B"}
DEPTH_MAX: Final = 32
NAME_MAX: Final = 65535

EMPTY: Final = "Supplied AttributeValue is empty, must contain exactly one of the supported datatypes"
TOO_MANY_TYPES: Final = (
    "Supplied AttributeValue has more than one datatypes set, must contain exactly one of the supported datatypes"
)
_INVALID: Final = "One or more parameter values were invalid: "
_TOO_DEEP: Final = (
    "Nesting Levels have exceeded supported limits: Attributes in the item have nested levels beyond supported limit"
)
_START_KEY: Final = "The provided starting key is invalid: "


class _Unset(Invalid):
    """A value found wrong after it was read: a start key's error names the start key then."""


def canonical(value: Mapping[str, Any], depth: int = 1) -> Value:
    """The canonical form of one attribute value of a request, checked in DynamoDB's order; else `Invalid`. It is the
    value itself where that is canonical, and may share parts with it: neither may be changed afterwards."""
    if len(value) == 1:
        if depth > DEPTH_MAX:
            _too_deep()
        kind = next(iter(value))
        if kind == "S":
            return value  # type: ignore[return-value]
        read = _READERS.get(kind)
        if read is None:
            raise _Unset(EMPTY)
        content = value[kind]
        checked = read(content, depth)
        return value if checked is content else {kind: checked}  # type: ignore[return-value]
    known = [kind for kind in value if kind in _READERS]
    # Numbers are converted before anything else is looked at.
    for kind in ("N", "NS"):
        if kind in value:
            _READERS[kind](value[kind], depth)
    if len(known) == 1:
        return canonical({known[0]: value[known[0]]}, depth)
    raise _Unset(TOO_MANY_TYPES if known else EMPTY)


def canonical_item(item: Mapping[str, Mapping[str, Any]]) -> Item:
    """The canonical form of a map of attributes (Item, Key)."""
    checked: Item = {}
    for name, value in item.items():
        if not 0 < len(name) <= NAME_MAX:
            check_name(name)
        checked[name] = canonical(value)
    return checked


def check_name(name: str) -> None:
    """Refuse an attribute's name that is empty or too long."""
    if not name:
        raise Invalid(f"{_INVALID}Empty attribute name")
    if len(name) > NAME_MAX or len(name.encode()) > NAME_MAX:
        raise Invalid(f"{_INVALID}Attribute name is too large, must be less than {NAME_MAX + 1} bytes")


def canonical_start_key(key: Mapping[str, Mapping[str, Any]]) -> Item:
    """As `canonical_item`, for ExclusiveStartKey: some of the errors say so."""
    try:
        return canonical_item(key)
    except _Unset as error:
        raise Invalid(_START_KEY + error.message) from error


def check_depth(item: Mapping[str, Value]) -> None:
    """Refuse an item nested too deep (an update can build one of values that are not)."""
    pending = list(item.values())
    for _ in range(DEPTH_MAX):
        deeper: list[Value] = []
        for value in pending:
            if "M" in value:
                deeper += value["M"].values()
            elif "L" in value:
                deeper += value["L"]
        if not deeper:
            return
        pending = deeper
    _too_deep()


def _too_deep() -> Value:
    raise Invalid(_TOO_DEEP)


def _read_string(content: Any, depth: int) -> str:
    return content  # type: ignore[no-any-return]


def _read_number(content: Any, depth: int) -> str:
    return normalise(content)


def _read_binary(content: Any, depth: int) -> str:
    return canonical_base64(content)


def canonical_base64(text: str) -> str:
    """Base64 text with the one spelling that its bytes have. `Invalid` where it is none."""
    try:
        data = b64decode(text, validate=True)
    except (binascii.Error, ValueError) as error:
        raise Invalid(f"{_INVALID}Invalid base64 data: {text}") from error
    return b64encode(data).decode()


def _read_strings(content: Any, depth: int) -> list[str]:
    if not content:
        raise _Unset(f"{_INVALID}An string set  may not be empty")
    if len(content) > 1 and len(set(content)) != len(content):
        raise Invalid(f"{_INVALID}Input collection [{', '.join(content)}] contains duplicates.")
    return content  # type: ignore[no-any-return]


def _read_numbers(content: Any, depth: int) -> list[str]:
    if not content:
        raise Invalid(f"{_INVALID}An number set  may not be empty")
    numbers = [normalise(text) for text in content]
    if len(set(numbers)) != len(numbers):
        raise Invalid("Input collection contains duplicates")
    return numbers


def _read_binaries(content: Any, depth: int) -> list[str]:
    if not content:
        raise _Unset(f"{_INVALID}Binary sets should not be empty")
    binaries = [canonical_base64(text) for text in content]
    if len(set(binaries)) != len(binaries):
        raise Invalid(f"{_INVALID}Input collection [{', '.join(content)}]of type BS contains duplicates.")
    return binaries


def _read_map(content: Any, depth: int) -> dict[str, Value]:
    depth += 1
    checked = {}
    for name, value in content.items():
        if not 0 < len(name) <= NAME_MAX:
            check_name(name)
        checked[name] = canonical(value, depth)
    return checked


def _read_list(content: Any, depth: int) -> list[Value]:
    depth += 1
    return [canonical(value, depth) for value in content]


def _read_null(content: Any, depth: int) -> bool:
    if content is not True:
        raise _Unset(f"{_INVALID}Null attribute value types must have the value of true")
    return True


def _read_boolean(content: Any, depth: int) -> bool:
    return content is not False and bool(content)


_READERS: Final[dict[str, Callable[[Any, int], Any]]] = {
    "S": _read_string,
    "N": _read_number,
    "B": _read_binary,
    "SS": _read_strings,
    "NS": _read_numbers,
    "BS": _read_binaries,
    "M": _read_map,
    "L": _read_list,
    "NULL": _read_null,
    "BOOL": _read_boolean,
}


def type_of(value: Value) -> str:
    """The type's short name: S, N, B, SS, NS, BS, M, L, NULL or BOOL."""
    return next(iter(value))


def key_part(value: Value) -> str | bytes | Decimal:
    """A key attribute's value as an element of a store key (`lambent.kv.keys`)."""
    ((kind, content),) = value.items()
    if kind == "S":
        return content  # type: ignore[no-any-return]
    return Decimal(content) if kind == "N" else b64decode(content)


def equal(left: Value, right: Value) -> bool:
    """Whether two canonical values are the same: numbers by value, sets in any order."""
    if left == right:
        return True
    ((kind, mine),) = left.items()
    theirs = right.get(kind)
    if theirs is None or kind not in _DEEP or len(mine) != len(theirs):
        return False
    if kind in SETS:
        return set(mine) == set(theirs)
    if kind == "L":
        return all(map(equal, mine, theirs))
    return all(name in theirs and equal(value, theirs[name]) for name, value in mine.items())


_DEEP: Final = SETS | {"L", "M"}


def compare(left: Value, right: Value) -> int | None:
    """Negative, 0 or positive as `left` is below, at or above `right`; None where the two have no order (different
    types, or a type without one)."""
    ((kind, mine),) = left.items()
    theirs = right.get(kind)
    if theirs is None:
        return None
    if kind == "N":
        one, two = number(mine), number(theirs)
        return (one > two) - (one < two)
    if kind == "S":
        return (mine > theirs) - (mine < theirs)  # type: ignore[no-any-return]
    if kind == "B":
        first, second = b64decode(mine), b64decode(theirs)
        return (first > second) - (first < second)
    return None


def contains(whole: Value, part: Value) -> bool:
    """DynamoDB's `contains`: a substring, a run of bytes, an element of a set or of a list."""
    ((kind, content),) = whole.items()
    if kind == "L":
        return any(equal(element, part) for element in content)
    wanted = part.get(ELEMENT_OF.get(kind, kind))
    if wanted is None:
        return False
    if kind == "B":
        return b64decode(wanted) in b64decode(content)
    return (kind == "S" or kind in SETS) and wanted in content


def begins_with(whole: Value, start: Value) -> bool:
    """DynamoDB's `begins_with`, of strings or of binaries."""
    if "S" in whole and "S" in start:
        return whole["S"].startswith(start["S"])  # type: ignore[no-any-return]
    if "B" in whole and "B" in start:
        return b64decode(whole["B"]).startswith(b64decode(start["B"]))
    return False


def length(value: Value) -> int | None:
    """DynamoDB's `size()`: characters, bytes or elements; None for the types that have none."""
    ((kind, content),) = value.items()
    if kind == "B":
        return len(b64decode(content))
    return None if kind in ("N", "NULL", "BOOL") else len(content)
