"""Key conditions: what DynamoDB refuses, and the range that is read."""

from __future__ import annotations

from typing import Any

import pytest

from lambent.services.dynamodb.expressions import KeyRange, Placeholders, compile_key_condition, key_conditions

from .refusals import of_key, refusal

KIND = "KeyConditionExpression"
TEXT: dict[str, dict[str, Any]] = {":a": {"S": "a"}, ":b": {"S": "b"}}


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("a > b and size(b) > c or a > c", f"Invalid operator used in {KIND}: OR"),
        ("a in (b, size(c), d)", f"Invalid operator used in {KIND}: IN"),
        ("attribute_exists(a)", f"Invalid operator used in {KIND}: attribute_exists"),
        ("contains(a.d, b)", f"Invalid operator used in {KIND}: contains"),
        ("not a > b", f"Invalid operator used in {KIND}: NOT"),
        ("a <> b", f"Invalid operator used in {KIND}: <>"),
        ("size(b) > a AND a.b > b AND b > c", "KeyConditionExpressions cannot contain nested operations"),
        ("a > size(b.d)", "KeyConditionExpressions cannot contain nested operations"),
        ("a between size(b) and size(a)", "KeyConditionExpressions cannot contain nested operations"),
        ("b > a.b", f"Invalid condition in {KIND}: Multiple attribute names used in one condition"),
        ("a between b and size(a)", f"Invalid condition in {KIND}: Multiple attribute names used in one condition"),
        ("begins_with(a, b)", f"Invalid condition in {KIND}: Multiple attribute names used in one condition"),
        ("b.d > a AND c.d > e.f", "KeyConditionExpressions cannot have conditions on nested attributes"),
        ("b[0] > a", "KeyConditionExpressions cannot have conditions on nested attributes"),
    ],
)
def test_no_key_condition(text: str, message: str) -> None:
    """A condition that is none of keys."""
    assert of_key(text) == message


@pytest.mark.parametrize(
    ("text", "message"),
    [
        (
            ":a between size(b) and size(a) and b > :b",
            f"Invalid condition in {KIND}: BETWEEN operator must have the key attribute as its first operand",
        ),
        (
            "begins_with(:a, b) and a > :b",
            f"Invalid condition in {KIND}: begins_with operator must have the key attribute as its first operand",
        ),
        (":b > :a AND a < :b", f"Invalid condition in {KIND}: No key attribute specified"),
        (":a > b AND :a < :b", f"Invalid condition in {KIND}: No key attribute specified"),
        (
            "b > :a AND b < :a and c = :a and d = :b",
            "KeyConditionExpressions must only contain one condition per key",
        ),
        (
            "(a > :a and b > :b) and (b > :a and c > :a)",
            "KeyConditionExpressions must only contain one condition per key",
        ),
        (":a = a and b = :b and :a = c", "Conditions can be of length 1 or 2 only"),
        (
            "a between :b and :a",
            f"Invalid {KIND}: The BETWEEN operator requires upper bound to be greater than or equal to lower bound; "
            "lower bound operand: AttributeValue: {S:b}, upper bound operand: AttributeValue: {S:a}",
        ),
        (
            "a = :c and b = :d",
            f"Invalid {KIND}: An expression attribute value used in expression is not defined; attribute value: :c",
        ),
    ],
)
def test_no_key_condition_with_values(text: str, message: str) -> None:
    """The same with values."""
    assert of_key(text, TEXT) == message


MISSED = "Query condition missed key schema element: "
UNSUPPORTED = "Query key condition not supported"
MISMATCH = "One or more parameter values were invalid: Condition parameter type does not match schema type"


@pytest.mark.parametrize(
    ("text", "hash_name", "range_name", "message"),
    [
        ("z between :a and :b", "a", "b", f"{MISSED}a"),
        ("z between :a and :b", "a", None, f"{MISSED}a"),
        ("a = :a and c = :b", "a", "b", f"{MISSED}b"),
        ("a = :a and b = :b", "a", None, UNSUPPORTED),
        ("y = :a and z = :a", "a", None, UNSUPPORTED),
        ("a > :a", "a", None, UNSUPPORTED),
        (":a >= a", "a", None, UNSUPPORTED),
        ("begins_with(a, :a)", "a", None, UNSUPPORTED),
        ("a between :a and :a", "a", None, UNSUPPORTED),
        (":n > a", "a", None, MISMATCH),
        ("a = :a and b < :n", "a", "b", MISMATCH),
    ],
)
def test_schema(text: str, hash_name: str, range_name: str | None, message: str) -> None:
    """A condition that does not fit the table or the index."""
    values = {**TEXT, ":n": {"N": "1"}}
    condition = compile_key_condition(text, None)
    condition.check_values(values)
    types = {"a": "S", "b": "S"}
    assert refusal(lambda: condition.resolve(hash_name, range_name, types, values)) == message


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("id = :h", (None, None, None)),
        ("id = :h and sort = :x", ("=", ":x", None)),
        (":x = sort and (:h = id)", ("=", ":x", None)),
        (":x > sort and id = :h", ("<", ":x", None)),
        ("id = :h and sort >= :x", (">=", ":x", None)),
        ("(id = :h) and (sort between :x and :y)", ("BETWEEN", ":x", ":y")),
        ("#i = :h and begins_with(#s, :x)", ("begins_with", ":x", None)),
    ],
)
def test_range(text: str, expected: tuple[str | None, str | None, str | None]) -> None:
    """What is read: the key stands on the left, wherever it was written."""
    values = {":h": {"S": "h"}, ":x": {"S": "x"}, ":y": {"S": "y"}}
    condition = compile_key_condition(text, {"#i": "id", "#s": "sort"})
    operator, low, high = expected
    assert condition.resolve("id", "sort", {"id": "S", "sort": "S"}, values) == KeyRange(
        {"S": "h"}, operator, values[low] if low else None, values[high] if high else None
    )


@pytest.mark.parametrize(
    ("given", "message"),
    [
        ({}, "Conditions can be of length 1 or 2 only"),
        ({name: {"ComparisonOperator": "NULL"} for name in "abc"}, "Conditions can be of length 1 or 2 only"),
        ({"z": {"ComparisonOperator": "NULL"}}, f"{MISSED}a"),
        ({"a": {"ComparisonOperator": "NULL"}}, "Attempted conditional constraint is not an indexable operation"),
        (
            {
                "a": {"ComparisonOperator": "EQ", "AttributeValueList": [{"S": "b"}]},
                "b": {"ComparisonOperator": "CONTAINS", "AttributeValueList": [{"S": "b"}]},
            },
            "Attempted conditional constraint is not an indexable operation",
        ),
        ({"a": {"ComparisonOperator": "LE", "AttributeValueList": [{"S": "a"}]}}, UNSUPPORTED),
    ],
)
def test_legacy_refused(given: dict[str, Any], message: str) -> None:
    """KeyConditions with the same checks."""
    assert refusal(lambda: key_conditions(given).resolve("a", "b", {"a": "S", "b": "S"}, {})) == message


def test_legacy_range() -> None:
    """KeyConditions bring their own values."""
    given = {
        "a": {"ComparisonOperator": "EQ", "AttributeValueList": [{"N": "01"}]},
        "b": {"ComparisonOperator": "BETWEEN", "AttributeValueList": [{"S": "x"}, {"S": "y"}]},
    }
    found = key_conditions(given).resolve("a", "b", {"a": "N", "b": "S"}, {})
    assert found == KeyRange({"N": "1"}, "BETWEEN", {"S": "x"}, {"S": "y"})


def test_use_of_placeholders() -> None:
    """A key condition counts as a use."""
    placeholders = Placeholders({"#i": "id"}, {":h": {"S": "x"}})
    placeholders.key_condition("#i = :h")
    placeholders.finish()
    assert placeholders.values == {":h": {"S": "x"}}
