"""Names, values and parameters of one request: what may stand together, and what is refused first."""

from __future__ import annotations

from typing import Any

import pytest

from lambent.services.dynamodb.expressions import Invalid, Placeholders, check_parameters

from .refusals import refusal

UPDATE = (("AttributeUpdates", "Expected"), ("UpdateExpression", "ConditionExpression"))
QUERY = (
    ("AttributesToGet", "QueryFilter", "ConditionalOperator", "KeyConditions"),
    ("ProjectionExpression", "FilterExpression", "KeyConditionExpression"),
)
QUERY_VALUED = ("FilterExpression", "KeyConditionExpression")
MIXED = "Can not use both expression and non-expression parameters in the same request: Non-expression parameters: "


@pytest.mark.parametrize(
    ("present", "message"),
    [
        (
            ["Expected", "AttributeUpdates", "ConditionExpression", "UpdateExpression", "ExpressionAttributeNames"],
            f"{MIXED}{{AttributeUpdates, Expected}} Expression parameters: {{UpdateExpression, ConditionExpression}}",
        ),
        (
            ["Expected", "ExpressionAttributeNames", "ExpressionAttributeValues"],
            "ExpressionAttributeNames can only be specified when using expressions",
        ),
        (
            ["Expected", "ExpressionAttributeValues"],
            "ExpressionAttributeValues can only be specified when using expressions: "
            "UpdateExpression and ConditionExpression are null",
        ),
        (["Expected", "AttributeUpdates"], None),
        (["UpdateExpression", "ExpressionAttributeValues"], None),
    ],
)
def test_update(present: list[str], message: str | None) -> None:
    """UpdateItem's parameters."""
    request: dict[str, Any] = dict.fromkeys(present, "")
    assert refusal(lambda: check_parameters(request, *UPDATE, valued=UPDATE[1])) == message


@pytest.mark.parametrize(
    ("absent", "message"),
    [
        (
            [],
            f"{MIXED}{{AttributesToGet, QueryFilter, ConditionalOperator, KeyConditions}} "
            "Expression parameters: {ProjectionExpression, FilterExpression, KeyConditionExpression}",
        ),
        (
            ["KeyConditionExpression"],
            f"{MIXED}{{AttributesToGet, QueryFilter, ConditionalOperator}} "
            "Expression parameters: {ProjectionExpression, FilterExpression}",
        ),
        (["KeyConditionExpression", "AttributesToGet", "QueryFilter", "ConditionalOperator"], None),
        (
            [*QUERY_VALUED, "AttributesToGet", "QueryFilter", "ConditionalOperator"],
            "ExpressionAttributeValues can only be specified when using expressions: "
            "FilterExpression and KeyConditionExpression are null",
        ),
    ],
)
def test_query(absent: list[str], message: str | None) -> None:
    """Query's: KeyConditions may stand with a FilterExpression."""
    request: dict[str, Any] = dict.fromkeys((*QUERY[0], *QUERY[1], "ExpressionAttributeValues"), "")
    for name in absent:
        del request[name]
    assert refusal(lambda: check_parameters(request, *QUERY, valued=QUERY_VALUED)) == message


@pytest.mark.parametrize(
    ("names", "values", "message"),
    [
        ({}, {}, "ExpressionAttributeNames must not be empty"),
        ({"a": "a"}, {}, 'ExpressionAttributeNames contains invalid key: Syntax error; key: "a"'),
        ({"#a-b": "a"}, None, 'ExpressionAttributeNames contains invalid key: Syntax error; key: "#a-b"'),
        ({"#a": ""}, None, "ExpressionAttributeNames contains invalid value: Empty attribute name for key #a"),
        (
            {"#a": "n" * 65536},
            None,
            "ExpressionAttributeNames contains invalid value: "
            "Attribute name is too large, must be less than 65536 bytes for key #a",
        ),
        (None, {}, "ExpressionAttributeValues must not be empty"),
        (
            None,
            {":b": {"a": ""}, "b": {"S": "a"}},
            'ExpressionAttributeValues contains invalid key: Syntax error; key: "b"',
        ),
        (
            None,
            {":b": {}},
            "ExpressionAttributeValues contains invalid value: "
            "Supplied AttributeValue is empty, must contain exactly one of the supported datatypes for key :b",
        ),
        (
            None,
            {":b": {"SS": []}},
            "ExpressionAttributeValues contains invalid value: One or more parameter values were invalid: "
            "An string set  may not be empty for key :b",
        ),
        (
            None,
            {":b": {"S": "a", "N": "b"}},
            "ExpressionAttributeValues contains invalid value: "
            "The parameter cannot be converted to a numeric value: b for key :b",
        ),
    ],
)
def test_maps(names: Any, values: Any, message: str) -> None:
    """The maps are looked at before any expression."""
    assert refusal(lambda: Placeholders(names, values)) == message


def test_unused() -> None:
    """Names are reported before values; a placeholder is used by any of the expressions."""
    placeholders = Placeholders({"#a": "a", "#b": "b"}, {":a": {"S": "a"}, ":b": {"S": "b"}, ":c": {"S": "c"}})
    placeholders.update("set #a = list_append(b, if_not_exists(a.c, :a))")
    prefix = "Value provided in ExpressionAttribute"
    assert refusal(placeholders.finish) == f"{prefix}Names unused in expressions: keys: {{#b}}"
    placeholders.condition("#b = :b")
    assert refusal(placeholders.finish) == f"{prefix}Values unused in expressions: keys: {{:c}}"
    placeholders.condition("contains(x, :c)")
    assert refusal(placeholders.finish) is None


def test_programs_are_shared() -> None:
    """The same text under the same names is compiled once, whatever the values."""
    one = Placeholders({"#a": "a"}, {":v": {"N": "1"}}).condition("#a > :v")
    two = Placeholders({"#a": "a"}, {":v": {"N": "2"}}).condition("#a > :v")
    other = Placeholders({"#a": "b"}, {":v": {"N": "2"}}).condition("#a > :v")
    assert one is two
    assert one is not other
    assert one.paths == (("a",),)
    assert other.paths == (("b",),)


def test_large_texts_are_not_kept() -> None:
    """What a caller makes long is compiled again, and works."""
    names = {"#a": "x" * 20_000}
    placeholders = Placeholders(names, {":v": {"N": "1"}})
    condition = placeholders.condition("#a = :v")
    assert placeholders.condition("#a = :v") is not condition
    assert condition.evaluate({"x" * 20_000: {"N": "1"}}, placeholders.values)
    assert placeholders.projection("#a").paths == placeholders.update("SET #a = :v").updated_paths
    assert placeholders.key_condition("#a = :v").paths == (("x" * 20_000,),)


@pytest.mark.parametrize("mark", "#:")
def test_a_placeholder_of_more_than_255_bytes_is_refused(mark: str) -> None:
    longest, longer = mark + "a" * 254, mark + "a" * 255
    for key, good in ((longest, True), (longer, False)):
        names = {key: "x"} if mark == "#" else None
        values = {key: {"S": "x"}} if mark == ":" else None
        if good:
            Placeholders(names, values)
        else:
            with pytest.raises(Invalid, match="too long"):
                Placeholders(names, values)


def test_names_and_values_have_two_megabytes_together() -> None:
    half = {":v": {"S": "x" * ((1 << 20) - 2)}}
    full = {f"#{number}": "n" * 65_534 for number in range(10, 26)}
    Placeholders({"#n": "x"}, half)
    with pytest.raises(Invalid, match="maximum allowed size of 2097152 bytes; size: 2097168"):
        Placeholders(full, half)
