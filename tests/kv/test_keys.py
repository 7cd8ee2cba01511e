"""Keys keep the order of their tuples and come back as they were."""

from __future__ import annotations

from decimal import Decimal
from enum import IntEnum, StrEnum
from typing import Any

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from lambent.kv.keys import DIGITS_MAX, EXPONENT_MAX, EXPONENT_MIN, BadKey, Part, pack, prefix_range, unpack

texts = st.text(st.characters(exclude_categories=("Cs",)), max_size=12) | st.text("a\x00\x01\xff", max_size=4)
blobs = st.binary(max_size=12) | st.lists(st.sampled_from([0, 1, 0xFE, 0xFF]), max_size=4).map(bytes)
integers = st.integers() | st.integers(-300, 300) | st.integers(0, 3000).map(lambda n: -(1 << n)) | st.just(1 << 2040)


@st.composite
def decimals(draw: st.DrawFn) -> Decimal:
    """Numbers of DynamoDB's range, in any notation: 1.50, 15E-1, -0."""
    digits = draw(st.lists(st.integers(0, 9), min_size=1, max_size=DIGITS_MAX))
    adjusted = draw(st.integers(EXPONENT_MIN, EXPONENT_MAX))
    value = Decimal((draw(st.integers(0, 1)), digits, 0))
    return value.scaleb(adjusted - value.adjusted()) if value else value


scalars = st.none() | blobs | texts | integers | decimals() | st.booleans()
parts: st.SearchStrategy[Any] = st.recursive(
    scalars, lambda inner: st.lists(inner, max_size=3).map(tuple), max_leaves=6
)
tuples = st.lists(parts, max_size=4).map(tuple)


few = settings(max_examples=40)
"""As many as a fast test may take; `test_order_and_return_at_length` takes more."""


def rank(part: Part) -> tuple[int, Any]:
    """A value that Python orders as keys are to be ordered."""
    if isinstance(part, tuple):
        return 3, [rank(inner) for inner in part]
    if isinstance(part, bool):
        return 6 + part, 0
    order = (type(None), bytes, str, None, int, Decimal)
    return order.index(type(part)), 0 if part is None else part


@few
@given(tuples, tuples)
@example((), (None,))
@example(("a",), ("a\x00",))
@example((("a", None),), (("a",), None))
@example(((),), ((None,),))
@example((Decimal("-1.05"),), (Decimal("-1.0"),))
@example((-(1 << 64),), (-(1 << 64) + 1,))
@example((1 << (8 * 254),), (1 << (8 * 255),))
def test_order_is_preserved(a: tuple[Part, ...], b: tuple[Part, ...]) -> None:
    ranks = [rank(part) for part in a], [rank(part) for part in b]
    assert (pack(a) < pack(b)) == (ranks[0] < ranks[1])
    assert (pack(a) == pack(b)) == (ranks[0] == ranks[1])


@few
@given(tuples)
@example((-(1 << (8 * 254)), -(1 << (8 * 255))))
def test_a_key_comes_back(a: tuple[Part, ...]) -> None:
    back = unpack(pack(a))
    assert back == a
    assert kinds(back) == kinds(a)


def kinds(part: Part) -> Any:
    """The types in a value: 1 == True == Decimal(1), but they are different keys."""
    return [kinds(inner) for inner in part] if isinstance(part, tuple) else type(part)


def test_there_is_no_largest_integer() -> None:
    huge = 1 << (8 * 70_000)
    assert unpack(pack((huge, -huge))) == (huge, -huge)
    assert pack((-huge,)) < pack((-huge + 1,)) < pack((huge - 1,)) < pack((huge,))


@few
@given(tuples, tuples, tuples)
def test_a_prefix_range_holds_the_longer_tuples_and_nothing_else(
    prefix: tuple[Part, ...], rest: tuple[Part, ...], other: tuple[Part, ...]
) -> None:
    begin, end = prefix_range(prefix)
    assert (begin <= pack(prefix + rest) < end) == (rest != ())
    extends = pack(other[: len(prefix)]) == pack(prefix) and len(other) > len(prefix)
    assert (begin <= pack(other) < end) == extends


@few
@given(tuples, tuples)
def test_tuples_are_packed_part_by_part(a: tuple[Part, ...], b: tuple[Part, ...]) -> None:
    assert pack(a) + pack(b) == pack(a + b)


@few
@given(st.lists(decimals(), max_size=20))
def test_decimals_sort_by_value(values: list[Decimal]) -> None:
    assert [unpack(key)[0] for key in sorted(pack((value,)) for value in values)] == sorted(values)


@pytest.mark.parametrize("text", ["1E+125", "9.9999999999999999999999999999999999999E+125", "1E-130", "-0.0", "0E+999"])
def test_the_ends_of_the_decimal_range_are_inside(text: str) -> None:
    assert unpack(pack((Decimal(text),))) == (Decimal(text),)


@pytest.mark.parametrize(
    "part", ["\ud800", 1.5, Decimal("NaN"), Decimal("Infinity"), Decimal("1E+126"), Decimal("1E-131"), [], object()]
)
def test_what_cannot_be_ordered_is_refused(part: Any) -> None:
    with pytest.raises(BadKey):
        pack(("a", part))


def test_39_digits_are_refused_unless_they_end_in_zero() -> None:
    with pytest.raises(BadKey):
        pack((Decimal("1" * 39),))
    assert unpack(pack((Decimal("1" * 38 + "0"),))) == (Decimal("1" * 38 + "0"),)


@given(st.binary(max_size=30))
def test_bytes_that_are_no_key_are_refused(data: bytes) -> None:
    try:
        back = unpack(data)
    except BadKey:
        return
    assert unpack(pack(back)) == back


def test_enumerations_count_as_their_values() -> None:
    kind = StrEnum("kind", {"A": "a"})
    number = IntEnum("number", {"ONE": 1})
    assert pack((kind["A"], number["ONE"])) == pack(("a", 1))
    assert pack((number["ONE"], kind["A"])) == pack((1, "a"))


@pytest.mark.slow
@settings(max_examples=2000)
@given(tuples, tuples)
def test_order_and_return_at_length(a: tuple[Part, ...], b: tuple[Part, ...]) -> None:
    ranks = [rank(part) for part in a], [rank(part) for part in b]
    assert (pack(a) < pack(b)) == (ranks[0] < ranks[1])
    assert (pack(a) == pack(b)) == (ranks[0] == ranks[1])
    assert unpack(pack(a)) == a
    assert unpack(pack((a, *b))) == (a, *b)


def test_negative_decimals_keep_all_their_digits() -> None:
    value = Decimal("-1.0000000000000000000000000000000000001")
    assert unpack(pack((value,))) == (value,)
