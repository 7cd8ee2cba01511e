"""Attribute values: what a request may bring, and how two of them compare."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

import pytest

from lambent.services.dynamodb import values
from lambent.services.dynamodb.sizes import (
    binary_size,
    item_size,
    read_units,
    text_size,
    value_size,
    write_units,
)
from lambent.services.dynamodb.values import canonical, canonical_item, canonical_start_key, compare, contains, equal

from .refusals import refusal

INVALID = "One or more parameter values were invalid: "
NOT_NUMERIC = "The parameter cannot be converted to a numeric value"

WRONG: list[tuple[dict[str, Any], str, bool]] = [
    ({}, values.EMPTY, True),
    ({"a": ""}, values.EMPTY, True),
    ({"M": {"a": {}}}, values.EMPTY, True),
    ({"L": [{}]}, values.EMPTY, True),
    ({"L": [{"a": {}}]}, values.EMPTY, True),
    ({"S": "a", "N": "1"}, values.TOO_MANY_TYPES, True),
    ({"NULL": False}, f"{INVALID}Null attribute value types must have the value of true", True),
    ({"SS": []}, f"{INVALID}An string set  may not be empty", True),
    ({"BS": []}, f"{INVALID}Binary sets should not be empty", True),
    ({"NS": []}, f"{INVALID}An number set  may not be empty", False),
    ({"SS": ["a", "a"]}, f"{INVALID}Input collection [a, a] contains duplicates.", False),
    ({"BS": ["Yg==", "Yg=="]}, f"{INVALID}Input collection [Yg==, Yg==]of type BS contains duplicates.", False),
    ({"NS": ["1", "1.0"]}, "Input collection contains duplicates", False),
    ({"S": "", "N": ""}, NOT_NUMERIC, False),
    ({"S": "a", "N": "b"}, f"{NOT_NUMERIC}: b", False),
    ({"NS": ["1", ""]}, NOT_NUMERIC, False),
    ({"NS": ["1", "b"]}, f"{NOT_NUMERIC}: b", False),
]


@pytest.mark.parametrize(("value", "message", "named"), WRONG)
def test_refused(value: dict[str, Any], message: str, named: bool) -> None:
    """DynamoDB's words; some errors of a start key say that it is one."""
    assert refusal(lambda: canonical(value)) == message
    prefix = "The provided starting key is invalid: " if named else ""
    assert refusal(lambda: canonical_start_key({"a": value})) == prefix + message


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        ({"S": ""}, {"S": ""}),
        ({"N": "01.50"}, {"N": "1.5"}),
        ({"B": ""}, {"B": ""}),
        ({"B": "YR=="}, {"B": "YQ=="}),
        ({"NS": ["1e1", "-0"]}, {"NS": ["10", "0"]}),
        ({"SS": [""]}, {"SS": [""]}),
        ({"L": [{"N": "1.0"}]}, {"L": [{"N": "1"}]}),
        ({"M": {"a": {"M": {"b": {"N": "+7"}}}}}, {"M": {"a": {"M": {"b": {"N": "7"}}}}}),
        ({"BOOL": False}, {"BOOL": False}),
        ({"NULL": True}, {"NULL": True}),
    ],
)
def test_canonical(value: dict[str, Any], expected: dict[str, Any]) -> None:
    """One spelling for a value."""
    assert canonical_item({"a": value}) == {"a": expected}


def test_base64() -> None:
    """What is not base64 is refused."""
    assert "base64" in (refusal(lambda: canonical({"B": "a=b"})) or "")
    assert "base64" in (refusal(lambda: canonical({"B": "ü"})) or "")


def test_names() -> None:
    """1 to 65,535 bytes."""
    longest = "n" * 65535
    assert canonical_item({longest: {"M": {longest: {"S": ""}}}}) == {longest: {"M": {longest: {"S": ""}}}}
    for name, words in (("", "Empty attribute name"), ("n" * 65536, "Attribute name is too large")):
        assert words in (refusal(lambda name=name: canonical_item({name: {"S": "x"}})) or "")  # type: ignore[misc]
        assert words in (refusal(lambda name=name: canonical({"M": {name: {"S": "x"}}})) or "")  # type: ignore[misc]


def nested(levels: int) -> dict[str, Any]:
    """A text inside some maps and lists."""
    value: dict[str, Any] = {"S": "leaf"}
    for level in range(levels):
        value = {"M": {"n": value}} if level % 2 else {"L": [value]}
    return value


def test_depth() -> None:
    """The attribute itself is level 1 and 32 is the last: 31 wraps."""
    assert canonical(nested(31)) == nested(31)
    message = (
        "Nesting Levels have exceeded supported limits: "
        "Attributes in the item have nested levels beyond supported limit"
    )
    assert refusal(lambda: canonical(nested(32))) == message
    assert refusal(lambda: values.check_depth({"a": nested(31)})) is None
    assert refusal(lambda: values.check_depth({"a": nested(32)})) == message


def test_equal() -> None:
    """Sets have no order, at any depth; types differ."""
    left = {"M": {"a": {"L": [{"SS": ["x", "y"]}, {"N": "1"}]}}}
    assert equal(left, {"M": {"a": {"L": [{"SS": ["y", "x"]}, {"N": "1"}]}}})
    assert not equal(left, {"M": {"a": {"L": [{"SS": ["y"]}, {"N": "1"}]}}})
    assert not equal(left, {"M": {"b": {"L": []}}})
    assert equal({"BS": ["YQ==", "Yg=="]}, {"BS": ["Yg==", "YQ=="]})
    assert not equal({"S": "1"}, {"N": "1"})
    assert not equal({"BOOL": True}, {"NULL": True})


def test_compare() -> None:
    """Numbers by value, texts by their characters, binaries by their bytes; nothing else has an order."""
    assert compare({"N": "9"}, {"N": "10"}) == -1
    assert compare({"N": "-0.5"}, {"N": "-1"}) == 1
    assert compare({"S": "b"}, {"S": "B"}) == 1
    assert compare({"S": "\U0001f600"}, {"S": "\uffff"}) == 1
    assert compare({"B": "/w=="}, {"B": "YQ=="}) == 1
    assert compare({"B": "YQ=="}, {"B": "YQ=="}) == 0
    assert compare({"S": "1"}, {"N": "1"}) is None
    assert compare({"L": []}, {"L": []}) is None


def test_contains_and_begins_with() -> None:
    """Parts of texts and binaries; elements of sets and lists."""
    assert contains({"S": "abc"}, {"S": "bc"})
    assert contains({"B": "YWJj"}, {"B": "YmM="})
    assert contains({"SS": ["a"]}, {"S": "a"})
    assert contains({"NS": ["1"]}, {"N": "1"})
    assert contains({"L": [{"SS": ["a", "b"]}]}, {"SS": ["b", "a"]})
    assert not contains({"NS": ["1"]}, {"S": "1"})
    assert not contains({"N": "12"}, {"N": "1"})
    assert not contains({"M": {"a": {"S": "x"}}}, {"M": {}})
    assert values.begins_with({"B": "YWJj"}, {"B": "YWI="})
    assert not values.begins_with({"B": "YWJj"}, {"S": "YW"})


def test_length_and_key_part() -> None:
    """size(), and what the store's keys are made of."""
    sized = [{"S": "äb"}, {"B": "YWJj"}, {"SS": ["a"]}, {"L": []}, {"M": {"a": {"S": "b"}}}, {"N": "1"}, {"BOOL": True}]
    assert [values.length(value) for value in sized] == [2, 3, 1, 0, 1, None, None]
    assert [values.key_part(value) for value in ({"S": "x"}, {"N": "1.5"}, {"B": "YQ=="})] == [
        "x",
        Decimal("1.5"),
        b"a",
    ]


def test_sizes() -> None:
    """The rules of the developer guide."""
    assert text_size("äb") == 3
    assert [binary_size(text) for text in ("", "YQ==", "YWI=", "YWJj")] == [0, 1, 2, 3]
    assert value_size({"NULL": True}) == value_size({"BOOL": False}) == 1
    assert value_size({"M": {}}) == value_size({"L": []}) == 3
    assert value_size({"L": [{"S": "ab"}, {"N": "1"}]}) == 3 + 1 + 2 + 1 + 2
    assert value_size({"M": {"ab": {"S": "c"}}}) == 3 + 1 + 2 + 1
    assert value_size({"SS": ["a", "bc"]}) == 3
    assert value_size({"NS": ["1", "-1"]}) == 5
    assert value_size({"BS": ["AQI=", "Ag==", "AQ=="]}) == 4
    assert item_size({"id": {"S": "abc"}, "n": {"N": "12.3456"}}) == 5 + 5


def test_units() -> None:
    """Begun units count; a read that may be stale costs half, a transaction twice."""
    assert [read_units(size) for size in (0, 4096, 4097)] == [0.5, 0.5, 1.0]
    assert [read_units(size, consistent=True) for size in (0, 4096, 4097)] == [1.0, 1.0, 2.0]
    assert read_units(1, transactional=True) == 2.0
    assert [write_units(size) for size in (0, 1024, 1025)] == [1.0, 1.0, 2.0]
    assert write_units(1025, transactional=True) == 4.0
