"""The parameters before expressions: refused as DynamoDB does, and answering as the expressions would."""

from __future__ import annotations

from typing import Any

import pytest

from lambent.services.dynamodb.expressions import (
    attribute_updates,
    attributes_to_get,
    compile_condition,
    expected,
    key_conditions,
    legacy_filter,
)
from lambent.services.dynamodb.values import canonical_item

from .refusals import refusal

PREFIX = "One or more parameter values were invalid: "


@pytest.mark.parametrize(
    ("entry", "detail"),
    [
        ({}, "Value must be provided when Exists is null for Attribute: a"),
        ({"Exists": True}, "Value must be provided when Exists is true for Attribute: a"),
        ({"Exists": False, "Value": {"S": "a"}}, "Value cannot be used when Exists is false for Attribute: a"),
        (
            {"ComparisonOperator": "LT"},
            "Value or AttributeValueList must be used with ComparisonOperator: LT for Attribute: a",
        ),
        (
            {"Exists": True, "ComparisonOperator": "LT"},
            "Exists and ComparisonOperator cannot be used together for Attribute: a",
        ),
        (
            {"AttributeValueList": [{"S": "a"}], "Value": {"S": "a"}, "ComparisonOperator": "LT"},
            "Value and AttributeValueList cannot be used together for Attribute: a",
        ),
        (
            {"Value": {"S": "a"}, "AttributeValueList": []},
            "Value and AttributeValueList cannot be used together for Attribute: a",
        ),
        (
            {"AttributeValueList": [{"S": "a"}]},
            "AttributeValueList can only be used with a ComparisonOperator for Attribute: a",
        ),
        (
            {"Exists": True, "AttributeValueList": [{"S": "a"}]},
            "AttributeValueList can only be used with a ComparisonOperator for Attribute: a",
        ),
        (
            {"AttributeValueList": [], "ComparisonOperator": "EQ"},
            "Invalid number of argument(s) for the EQ ComparisonOperator",
        ),
        (
            {"Value": {"S": "a"}, "ComparisonOperator": "NULL"},
            "Invalid number of argument(s) for the NULL ComparisonOperator",
        ),
        (
            {"Value": {"S": "a"}, "ComparisonOperator": "BETWEEN"},
            "Invalid number of argument(s) for the BETWEEN ComparisonOperator",
        ),
    ],
)
def test_expected_refused(entry: dict[str, Any], detail: str) -> None:
    """Expected's own rules."""
    assert refusal(lambda: expected({"a": entry})) == PREFIX + detail


ONE: list[dict[str, Any]] = [{"S": "a"}]
OTHER_TYPES: list[dict[str, Any]] = [
    {"BOOL": True},
    {"NULL": True},
    {"SS": ["a"]},
    {"NS": ["1"]},
    {"BS": ["abcd"]},
    {"M": {}},
    {"L": []},
]
COUNTS: dict[str, list[list[dict[str, Any]]]] = {
    **{name: [[], ONE * 2] for name in ("EQ", "NE", "LE", "LT", "GE", "GT", "CONTAINS", "NOT_CONTAINS", "BEGINS_WITH")},
    "IN": [[]],
    "BETWEEN": [[], ONE, ONE * 3],
    "NULL": [ONE],
    "NOT_NULL": [ONE],
}


@pytest.mark.parametrize(("operator", "given"), [(name, given) for name, lists in COUNTS.items() for given in lists])
def test_number_of_arguments(operator: str, given: list[dict[str, Any]]) -> None:
    """Filters and KeyConditions count first."""
    entry = {"a": {"ComparisonOperator": operator, "AttributeValueList": given}}
    message = f"{PREFIX}Invalid number of argument(s) for the {operator} ComparisonOperator"
    assert refusal(lambda: legacy_filter(entry)) == refusal(lambda: key_conditions(entry)) == message


@pytest.mark.parametrize(
    ("operator", "value"),
    [(name, value) for name in ("LT", "LE", "GT", "GE", "IN", "BETWEEN", "BEGINS_WITH") for value in OTHER_TYPES]
    + [(name, value) for name in ("CONTAINS", "NOT_CONTAINS") for value in OTHER_TYPES[2:]]
    + [("BEGINS_WITH", {"N": "1"})],
)
def test_types_of_arguments(operator: str, value: dict[str, Any]) -> None:
    """Not every operator takes every type."""
    given = [value, value] if operator == "BETWEEN" else [value]
    entry = {"a": {"ComparisonOperator": operator, "AttributeValueList": given}}
    kind = next(iter(value))
    message = f"{PREFIX}ComparisonOperator {operator} is not valid for {kind} AttributeValue type"
    assert refusal(lambda: legacy_filter(entry)) == refusal(lambda: key_conditions(entry)) == message


@pytest.mark.parametrize(
    ("operator", "given", "message"),
    [
        (
            "IN",
            [{"S": "b"}, {"N": "1"}],
            f"{PREFIX}AttributeValues inside AttributeValueList must be of same type",
        ),
        (
            "BETWEEN",
            [{"S": "b"}, {"S": "a"}],
            "The BETWEEN condition was provided a range where the lower bound is greater than the upper bound",
        ),
        ("EQ", [{"N": "1"}, {"N": "b"}], "The parameter cannot be converted to a numeric value: b"),
        (
            "EQ",
            [{"N": "1"}, {"NULL": False}, {}],
            f"{PREFIX}Null attribute value types must have the value of true",
        ),
    ],
)
def test_arguments(operator: str, given: list[dict[str, Any]], message: str) -> None:
    """Values before counts, types before order."""
    entry = {"a": {"ComparisonOperator": operator, "AttributeValueList": given}}
    assert refusal(lambda: legacy_filter(entry)) == message


def test_conditional_operator() -> None:
    """It joins two or more."""
    one = {"a": {"ComparisonOperator": "NULL"}}
    two = {**one, "b": {"ComparisonOperator": "NULL"}}
    assert refusal(lambda: legacy_filter({}, "OR")) == "ConditionalOperator cannot be used without Filter or Expected"
    assert refusal(lambda: legacy_filter(one, "OR")) == (
        "ConditionalOperator can only be used when Filter or Expected has two or more elements"
    )
    item = canonical_item({"a": {"S": "x"}})
    assert legacy_filter(two, "OR").evaluate(item, {})
    assert not legacy_filter(two, "AND").evaluate(item, {})
    assert not legacy_filter(two).evaluate(item, {})
    assert expected({}).evaluate(item, {})


ITEMS: list[dict[str, Any]] = [
    {},
    {"a": {"S": "bc"}},
    {"a": {"S": "abcd"}},
    {"a": {"N": "5"}},
    {"a": {"N": "10"}},
    {"a": {"B": "YmM="}},
    {"a": {"SS": ["bc", "x"]}},
    {"a": {"NS": ["5", "7"]}},
    {"a": {"L": [{"S": "bc"}, {"N": "5"}]}},
    {"a": {"BOOL": True}},
]
SAME: list[tuple[str, list[dict[str, Any]], str]] = [
    ("EQ", [{"SS": ["x", "bc"]}], "a = :0"),
    ("EQ", [{"N": "5.0"}], "a = :0"),
    ("NE", [{"S": "bc"}], "a <> :0"),
    ("LT", [{"N": "10"}], "a < :0"),
    ("LE", [{"N": "10"}], "a <= :0"),
    ("GT", [{"S": "abcd"}], "a > :0"),
    ("GE", [{"S": "abcd"}], "a >= :0"),
    ("NULL", [], "attribute_not_exists(a)"),
    ("NOT_NULL", [], "attribute_exists(a)"),
    ("CONTAINS", [{"S": "bc"}], "contains(a, :0)"),
    ("CONTAINS", [{"N": "5"}], "contains(a, :0)"),
    ("NOT_CONTAINS", [{"S": "bc"}], "attribute_exists(a) AND NOT contains(a, :0)"),
    ("BEGINS_WITH", [{"S": "b"}], "begins_with(a, :0)"),
    ("BEGINS_WITH", [{"B": "Yg=="}], "begins_with(a, :0)"),
    ("IN", [{"N": "5"}, {"N": "7"}], "a IN (:0, :1)"),
    ("BETWEEN", [{"N": "5"}, {"N": "7"}], "a BETWEEN :0 AND :1"),
]


@pytest.mark.parametrize(("operator", "given", "text"), SAME)
def test_same_as_expressions(operator: str, given: list[dict[str, Any]], text: str) -> None:
    """Every operator, over items of every kind."""
    entry = {"a": {"ComparisonOperator": operator, "AttributeValueList": given}}
    values = canonical_item({f":{index}": value for index, value in enumerate(given)})
    condition = compile_condition(text, None)
    condition.check_values(values)
    answers = [condition.evaluate(item, values) for item in ITEMS]
    assert [legacy_filter(entry).evaluate(item, {}) for item in ITEMS] == answers
    assert [expected(entry).evaluate(item, {}) for item in ITEMS] == answers
    assert {True, False} == set(answers)


def test_expected_values() -> None:
    """Value alone compares, Exists false asks for absence; names are never paths."""
    item = canonical_item({"a.b": {"N": "1"}})
    assert expected({"a.b": {"Value": {"N": "1.0"}}}).evaluate(item, {})
    assert expected({"a.b": {"Value": {"N": "1"}, "Exists": True}}).evaluate(item, {})
    assert not expected({"a.b": {"Exists": False}}).evaluate(item, {})
    assert expected({"a": {"Exists": False}}).paths == (("a",),)


@pytest.mark.parametrize(
    ("entry", "detail"),
    [
        ({}, "Only DELETE action is allowed when no attribute value is specified"),
        ({"Action": "ADD"}, "Only DELETE action is allowed when no attribute value is specified"),
        *[
            (
                {"Action": "DELETE", "Value": value},
                f"DELETE action with value is not supported for the type {next(iter(value))}",
            )
            for value in ({"S": "1"}, {"N": "1"}, {"B": "Yg=="}, {"NULL": True}, {"BOOL": True}, {"M": {}}, {"L": []})
        ],
        *[
            (
                {"Action": "ADD", "Value": value},
                f"ADD action is not supported for the type {next(iter(value))}",
            )
            for value in ({"S": "1"}, {"B": "Yg=="}, {"NULL": True}, {"BOOL": True}, {"M": {}})
        ],
    ],
)
def test_updates_refused(entry: dict[str, Any], detail: str) -> None:
    """AttributeUpdates' own rules."""
    assert refusal(lambda: attribute_updates({"a": entry})) == PREFIX + detail


def test_updates() -> None:
    """PUT, ADD (lists too) and DELETE."""
    update = attribute_updates(
        {
            "b": {"Action": "DELETE"},
            "c": {"Action": "DELETE", "Value": {"SS": ["a", "b"]}},
            "d": {"Action": "ADD", "Value": {"N": "5"}},
            "e": {"Action": "ADD", "Value": {"SS": ["a", "b"]}},
            "f": {"Action": "ADD", "Value": {"L": [{"S": "a"}]}},
            "g": {"Value": {"N": "1.0"}},
        }
    )
    update.check_values({})
    fresh = update.apply({"id": {"S": "k"}}, {}, exists=False)
    added = {"d": {"N": "5"}, "e": {"SS": ["a", "b"]}, "f": {"L": [{"S": "a"}]}, "g": {"N": "1"}}
    assert fresh == {"id": {"S": "k"}, **added}
    assert update.pick(fresh) == added
    again = update.apply({**fresh, "c": {"SS": ["a", "c"]}, "b": {"S": ""}}, {})
    assert again["d"] == {"N": "10"}
    assert again["f"] == {"L": [{"S": "a"}, {"S": "a"}]}
    assert again["c"] == {"SS": ["c"]}
    assert "b" not in again
    assert update.assigned_types({}) == {"d": "N", "e": "SS", "f": "L", "g": "N"}
    assert update.top_level == ("b", "c", "d", "e", "f", "g")


def test_updates_that_create() -> None:
    """Nothing at all makes an item; taking away makes none."""
    assert attribute_updates({}).creates
    assert attribute_updates({"a": {"Value": {"S": "x"}}}).creates
    assert not attribute_updates({"a": {"Action": "DELETE"}}).creates
    assert not attribute_updates({"a": {"Action": "DELETE", "Value": {"SS": ["x"]}}}).creates


@pytest.mark.parametrize(
    ("old", "action", "value"),
    [
        ({"SS": ["1"]}, "DELETE", {"NS": ["1"]}),
        ({"N": "1"}, "DELETE", {"NS": ["1"]}),
        ({"SS": ["1"]}, "ADD", {"NS": ["1"]}),
        ({"NS": ["1"]}, "ADD", {"N": "1"}),
        ({"S": "1"}, "ADD", {"L": []}),
    ],
)
def test_updates_of_unlike_types(old: dict[str, Any], action: str, value: dict[str, Any]) -> None:
    """Legacy updates have an error of their own."""
    update = attribute_updates({"a": {"Action": action, "Value": value}})
    assert refusal(lambda: update.apply({"a": old}, {})) == "Type mismatch for attribute to update"


def test_attributes_to_get() -> None:
    """Top-level names, each once."""
    projection = attributes_to_get(["a.b", "c"])
    assert projection.apply({"a.b": {"S": "x"}, "a": {"M": {"b": {"S": "y"}}}}) == {"a.b": {"S": "x"}}
    assert projection.top_level == ("a.b", "c")
    assert refusal(lambda: attributes_to_get(["a", "b", "a"])) == f"{PREFIX}Duplicate value in attribute name: a"
