"""Random parameters and results of any shape of a model, as a boto3 caller writes them."""

from __future__ import annotations

import string
from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from typing import Any

from hypothesis import strategies as st

from lambent.model import Shape

DEPTH_MAX = 4
"""Below it a structure gets its required members only."""
_TOKEN = string.ascii_lowercase + string.digits
_PRINTABLE = "".join(chr(code) for code in range(33, 127) if chr(code) not in '",\\')
_INTEGERS = {"byte": 7, "short": 15, "integer": 31, "long": 63, "biginteger": 63}

# What XML can hold: no control characters, no surrogates, none of the two that are no characters.
TEXT = st.text(st.characters(exclude_categories=("Cs", "Cc"), exclude_characters="\ufffe\uffff"), max_size=12)
# A path or a header does not tell an empty value from an absent one, nor spaces at the ends from none.
LABEL = st.text(st.characters(exclude_categories=("Cs", "Cc")), min_size=1, max_size=12).filter(lambda t: t.strip("./"))
HEADER = st.text(_PRINTABLE, min_size=1, max_size=12)
MOMENTS = st.datetimes(datetime(1971, 1, 1), datetime(2200, 1, 1)).map(
    lambda moment: moment.replace(microsecond=0, tzinfo=UTC)
)

Make = Callable[[Shape, int], st.SearchStrategy[Any]]


def _scalar(shape: Shape) -> st.SearchStrategy[Any]:
    location = shape.trait("location")
    if shape.kind in ("string", "character"):
        if shape.enum:
            return st.sampled_from(shape.enum)
        if location in ("header", "headers"):
            return HEADER
        return LABEL if location == "uri" else TEXT
    if shape.kind in _INTEGERS:
        most = 2 ** _INTEGERS[shape.kind] - 1
        return st.integers(-most - 1, most)
    if shape.kind in ("float", "double", "bigdecimal"):
        return st.floats(allow_nan=False, allow_infinity=False)
    if shape.kind == "boolean":
        return st.booleans()
    if shape.kind == "timestamp":
        return MOMENTS
    assert shape.kind == "blob", shape
    return st.binary(max_size=12)


def values(shape: Shape, depth: int = 0) -> st.SearchStrategy[Any]:
    """Values of a shape; lists and maps hold something, for some protocols cannot say that they are empty."""
    if shape.kind == "structure":
        return structures(shape, depth)
    if shape.kind == "list":
        element = values(shape.element, depth + 1)
        if shape.trait("location") == "header" and shape.element.kind == "string" and not shape.element.enum:
            element = HEADER
        return st.lists(element, min_size=1, max_size=2)
    if shape.kind == "map":
        if shape.trait("location") == "headers":
            return st.dictionaries(st.text(_TOKEN, min_size=1, max_size=8), HEADER, min_size=1, max_size=2)
        return st.dictionaries(_scalar(shape.key), values(shape.value, depth + 1), min_size=1, max_size=2)
    return _scalar(shape)


def structures(shape: Shape, depth: int = 0) -> st.SearchStrategy[Mapping[str, Any]]:
    """Structures: all that is required, and some of the rest; of a union one member."""
    names = [name for name, member in shape.members.items() if not member.trait("eventstream")]
    if not names:
        return st.just({})

    @st.composite
    def build(draw: st.DrawFn) -> dict[str, Any]:
        if shape.trait("union"):
            chosen = {draw(st.sampled_from(names))}
        else:
            optional = 0 if depth > DEPTH_MAX else 4
            chosen = set(draw(st.lists(st.sampled_from(names), min_size=min(1, optional), max_size=optional)))
            # A client fills in a token that is missing.
            chosen |= {
                name for name in names if name in shape.required or shape.members[name].trait("idempotencyToken")
            }
        return {name: draw(values(shape.members[name], depth + 1)) for name in names if name in chosen}

    return build()


def is_recursive(shape: Shape, above: tuple[str, ...] = ()) -> bool:
    """Whether a structure must hold itself, so that no finite value of it can be drawn."""
    if shape.name in above:
        return True
    if shape.kind != "structure":
        return False
    return any(is_recursive(shape.members[name], (*above, shape.name)) for name in shape.required)


def trimmed(value: Any) -> Any:
    """A value without the empty structures in it, which the query protocols do not send."""
    if isinstance(value, Mapping):
        found = {name: trimmed(item) for name, item in value.items()}
        return {name: item for name, item in found.items() if item not in ({}, [], None)}
    if isinstance(value, list):
        return [item for item in map(trimmed, value) if item != {}]
    return value
