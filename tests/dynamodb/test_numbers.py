"""Numbers against decimal.Decimal, and DynamoDB's words for what is none."""

from __future__ import annotations

from decimal import Context, Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from lambent.kv.keys import pack
from lambent.services.dynamodb.numbers import (
    Invalid,
    add,
    negate,
    normalise,
    number,
    size_bytes,
    sort_bytes,
    subtract,
)

from .refusals import refusal

WIDE = Context(prec=400, Emax=9999, Emin=-9999)
OVERFLOW = "Number overflow. Attempting to store a number with magnitude larger than supported range"
UNDERFLOW = "Number underflow. Attempting to store a number with magnitude smaller than supported range"
DIGITS = "Attempting to store more than 38 significant digits in a Number"
NOT_NUMERIC = "The parameter cannot be converted to a numeric value"


@st.composite
def decimals(draw: st.DrawFn) -> Decimal:
    """Any number that DynamoDB holds, in some spelling's Decimal."""
    digits = draw(st.integers(1, 10**38 - 1))
    magnitude = draw(st.integers(-130, 125) | st.integers(-3, 40))
    value = Decimal(digits).scaleb(magnitude - len(str(digits)) + 1, WIDE)
    return draw(st.sampled_from((value, value.copy_negate(), Decimal(0))))


numbers = decimals().map(lambda value: normalise(str(value)))


@pytest.mark.parametrize(
    ("text", "normal"),
    [
        ("0000012345678901234567890123456789012345678", "12345678901234567890123456789012345678"),
        ("-00001.23456789012345678901234567890123456780000", "-1.2345678901234567890123456789012345678"),
        ("0009.99999999999999999999999999999999999990000e125", "9" * 38 + "0" * 88),
        ("-0009.99999999999999999999999999999999999990000e125", "-" + "9" * 38 + "0" * 88),
        ("0001.000e-130", "0." + "0" * 129 + "1"),
        ("-0015.789e6", "-15789000"),
        ("-0", "0"),
        ("0e1000", "0"),
        ("+3", "3"),
        (".123", "0.123"),
        ("7.", "7"),
        ("1e+5", "100000"),
        ("-17.4E37", "-174" + "0" * 36),
        ("10", "10"),
        ("007", "7"),
        ("-10.50", "-10.5"),
    ],
)
def test_normal_form(text: str, normal: str) -> None:
    """Plain text, without an exponent."""
    assert normalise(text) == normal


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("", NOT_NUMERIC),
        *[(text, f"{NOT_NUMERIC}: {text}") for text in ("b", " 1", "1 ", "NaN", "-Infinity", "1_0", "--1", ".", "e5")],
        ("١", f"{NOT_NUMERIC}: ١"),
        ("1e99999999999", f"{NOT_NUMERIC}: 1e99999999999"),
        ("123456789012345678901234567890123456789", DIGITS),
        ("-1.23456789012345678901234567890123456789", DIGITS),
        ("1e126", OVERFLOW),
        ("-1e126", OVERFLOW),
        ("11e125", OVERFLOW),
        ("1e-131", UNDERFLOW),
        ("-0.9e-130", UNDERFLOW),
    ],
)
def test_refused(text: str, message: str) -> None:
    """Outside the type."""
    assert refusal(lambda: normalise(text)) == message


@given(decimals())
def test_normal_form_is_one_for_a_value(value: Decimal) -> None:
    """Every spelling comes to the same text, which is the value."""
    normal = normalise(format(value, "f"))
    assert normalise(f"{value:E}") == normal == normalise(normal)
    assert Decimal(normal) == value == number(normal)
    assert "e" not in normal.lower()
    assert not normal.startswith("+")


@given(numbers, numbers)
def test_order(left: str, right: str) -> None:
    """Numbers, their values and their key bytes are in the same order, and the bytes are the store's."""
    one, two = Decimal(left), Decimal(right)
    assert (number(left) < number(right)) is (one < two)
    assert (sort_bytes(left) < sort_bytes(right)) is (one < two)
    assert sort_bytes(left) == pack((one,))


@given(numbers, numbers)
def test_sums(left: str, right: str) -> None:
    """A sum is exact, or refused as DynamoDB does."""
    for result, operation in (
        (WIDE.add(Decimal(left), Decimal(right)), add),
        (WIDE.subtract(Decimal(left), Decimal(right)), subtract),
    ):
        digits = len(str(int("".join(map(str, result.as_tuple().digits)))).rstrip("0"))
        if digits > 38 or (result and result.adjusted() > 125):
            expected: str | None = OVERFLOW
        elif result and result.adjusted() < -130:
            expected = UNDERFLOW
        else:
            expected = None
        if expected is None:
            assert Decimal(operation(left, right)) == result
            assert normalise(operation(left, right)) == operation(left, right)
        else:
            assert refusal(lambda operation=operation: operation(left, right)) == expected  # type: ignore[misc]


def test_sums_that_do_not_fit() -> None:
    """DynamoDB calls it an overflow also where only digits are lost."""
    assert add("1", "10000000000000000000000") == "10000000000000000000001"
    assert subtract("10000000000000000000000", "1") == "9999999999999999999999"
    for left, right in (("9" + "0" * 125, "9" + "0" * 125), ("1" + "0" * 50, "1")):
        assert refusal(lambda left=left, right=right: add(left, right)) == OVERFLOW  # type: ignore[misc]


def test_negate() -> None:
    """Zero has no sign."""
    assert [negate(text) for text in ("0", "1", "-2.5")] == ["0", "-1", "2.5"]


@pytest.mark.parametrize(
    ("text", "size"),
    [
        ("0", 1),
        ("1", 2),
        ("-1", 3),
        ("1" * 38 + "0" * 88, 20),
        ("1" + "0" * 125, 2),
        ("11" + "0" * 124, 2),
        ("11111" + "0" * 121, 4),
        ("111111" + "0" * 120, 4),
        ("1111111" + "0" * 119, 5),
        ("12.3456", 4),
        ("123.4", 4),
        ("0.0001", 2),
        ("-" + "9" * 37 + ".9", 21),
    ],
)
def test_size(text: str, size: int) -> None:
    """A byte for two digits, counted from the point, and one more; one for a minus."""
    assert size_bytes(text) == size


@given(st.text(st.sampled_from("0123456789.eE+-_ x"), max_size=12))
def test_anything_else_is_refused_in_words(text: str) -> None:
    """Nothing but `Invalid` comes of a text."""
    try:
        normal = normalise(text)
    except Invalid:
        return
    assert Decimal(normal) == Decimal(text)
