"""Condition operators, qualifiers, IfExists, Null and missing keys."""

from __future__ import annotations

from typing import Any

import pytest

from .helpers import ROLE, USER, allow, ask

# operator, the policy's values, the request's value (None: missing), does it match?
CASES: list[tuple[str, Any, Any, bool]] = [
    ("StringEquals", "a", "a", True),
    ("StringEquals", "a", "A", False),
    ("StringEquals", "a*", "ab", False),
    ("StringEquals", "a*", "a*", True),
    ("StringEquals", ["a", "b"], "b", True),
    ("StringEquals", "a", None, False),
    ("StringEquals", True, "true", True),
    ("StringEqualsIfExists", "a", None, True),
    ("StringEqualsIfExists", "a", "b", False),
    ("StringNotEquals", "a", "b", True),
    ("StringNotEquals", ["a", "b"], "b", False),
    ("StringNotEquals", "a", None, True),
    ("StringNotEqualsIfExists", "a", None, True),
    ("StringEqualsIgnoreCase", "Straße", "STRASSE", True),
    ("StringNotEqualsIgnoreCase", "a", "A", False),
    ("StringLike", "a*c?", "abbbcd", True),
    ("StringLike", "a*c?", "abbbc", False),
    ("StringLike", "a*", "A1", False),
    ("StringNotLike", "a*", "b", True),
    ("StringNotLike", "a*", None, True),
    ("NumericEquals", "10", "10.0", True),
    ("NumericEquals", 10, "1e1", True),
    ("NumericEquals", "10", "ten", False),
    ("NumericNotEquals", "10", "11", True),
    ("NumericLessThan", "10", "9.5", True),
    ("NumericLessThan", "10", "10", False),
    ("NumericLessThanEquals", "10", "10", True),
    ("NumericGreaterThan", "10", "10", False),
    ("NumericGreaterThanEquals", "10", "10", True),
    ("NumericLessThan", "10", None, False),
    ("NumericLessThanIfExists", "10", None, True),
    ("DateEquals", "2024-01-01T00:00:00Z", "2024-01-01T01:00:00+01:00", True),
    ("DateEquals", "2024-01-01T00:00:00Z", "1704067200", True),
    ("DateLessThan", "2024-01-01", "2023-12-31T23:59:59.999Z", True),
    ("DateGreaterThan", "1704067200", "2024-01-01T00:00:01Z", True),
    ("DateGreaterThanEquals", "2024", "2024-01-01T00:00:00Z", True),
    ("DateLessThanEquals", "2024-01-01T00:00:00Z", "never", False),
    ("DateNotEquals", "2024-01-01T00:00:00Z", "2024-01-02T00:00:00Z", True),
    ("Bool", "true", "true", True),
    ("Bool", True, "true", True),
    ("Bool", "true", "false", False),
    ("Bool", "false", None, False),
    ("BoolIfExists", "false", None, True),
    ("BinaryEquals", "aGVsbG8=", "aGVsbG8=", True),
    ("BinaryEquals", "aGVsbG8=", "aGVsbG8h", False),
    ("IpAddress", "10.0.0.0/8", "10.1.2.3", True),
    ("IpAddress", "10.0.0.0/8", "11.1.2.3", False),
    ("IpAddress", "10.1.2.3", "10.1.2.3", True),
    ("IpAddress", "10.0.0.0/8", "::ffff:10.1.2.3", True),
    ("IpAddress", "2001:db8::/32", "2001:db8::1", True),
    ("IpAddress", "2001:db8::/32", "10.1.2.3", False),
    ("IpAddress", ["10.0.0.0/8", "2001:db8::/32"], "2001:db8::1", True),
    ("IpAddress", "10.0.0.0/8", "nowhere", False),
    ("NotIpAddress", "10.0.0.0/8", "11.1.2.3", True),
    ("NotIpAddress", "10.0.0.0/8", None, True),
    ("ArnEquals", "arn:aws:s3:::b", "arn:aws:s3:::b", True),
    ("ArnLike", "arn:aws:sns:*:1:t-*", "arn:aws:sns:eu-west-1:1:t-x", True),
    ("ArnLike", "arn:aws:*:1:t", "arn:aws:sns:eu-west-1:1:t", False),
    ("ArnEquals", "arn:aws:sns:*:1:*", "arn:aws:sns:eu-west-1:1:t:sub", True),
    ("ArnLike", "*", "arn:aws:sns:eu-west-1:1:t", True),
    ("ArnNotLike", "arn:aws:sns:*:1:*", "arn:aws:sns:eu-west-1:2:t", True),
    ("ArnNotEquals", "arn:aws:s3:::b", None, True),
    ("Null", "true", None, True),
    ("Null", "true", "x", False),
    ("Null", "false", "x", True),
    ("Null", False, None, False),
    ("Null", True, (), True),
    # Several values in the request.
    ("StringEquals", "a", ("a", "b"), True),
    ("StringNotEquals", "a", ("a", "b"), False),
    ("ForAnyValue:StringEquals", ["a", "b"], ("b", "c"), True),
    ("ForAnyValue:StringEquals", ["a", "b"], ("c", "d"), False),
    ("ForAnyValue:StringEquals", ["a"], None, False),
    ("ForAnyValue:StringEquals", ["a"], (), False),
    ("ForAnyValue:StringNotEquals", ["a"], ("a", "b"), True),
    ("ForAnyValue:StringNotEquals", ["a", "b"], ("a", "b"), False),
    ("ForAnyValue:StringLikeIfExists", ["a"], None, True),
    ("ForAllValues:StringEquals", ["a", "b"], ("a", "b"), True),
    ("ForAllValues:StringEquals", ["a", "b"], ("a", "c"), False),
    ("ForAllValues:StringEquals", ["a"], None, True),
    ("ForAllValues:StringEquals", ["a"], (), True),
    ("ForAllValues:StringEquals", ["a"], "a", True),
    ("ForAllValues:StringNotEquals", ["a"], ("b", "c"), True),
    ("ForAllValues:StringNotEquals", ["a"], ("a", "c"), False),
]


@pytest.mark.parametrize(("operator", "values", "given", "expected"), CASES)
def test_operator(operator: str, values: Any, given: Any, expected: bool) -> None:
    conditions = {} if given is None else {"t:key": given}
    assert ask(USER, [allow(Condition={operator: {"T:Key": values}})], conditions=conditions).allowed is expected


def test_every_line_of_a_block_must_hold() -> None:
    block = {"StringEquals": {"t:a": "1", "t:b": "2"}, "Bool": {"t:c": "true"}}
    held = {"t:a": "1", "t:b": "2", "t:c": "true"}
    assert ask(USER, [allow(Condition=block)], conditions=held).allowed
    for key in held:
        assert not ask(USER, [allow(Condition=block)], conditions={**held, key: "x"}).allowed


@pytest.mark.parametrize(
    ("value", "given", "expected"),
    [
        ("${aws:username}", "ada", True),
        ("home-${aws:username}-x", "home-ada-x", True),
        ("${aws:PrincipalTag/none}", "", False),
        ("${aws:PrincipalTag/none, 'all'}", "all", True),
        ("${aws:username, 'all'}", "all", False),
        ("${*}", "*", True),
        ("${?}${$}", "?$", True),
        ("${*}", "anything", False),
    ],
)
def test_variables_in_values(value: str, given: str, expected: bool) -> None:
    condition = {"StringLike": {"t:key": value}}
    assert ask(USER, [allow(Condition=condition)], conditions={"t:key": given}).allowed is expected


def test_a_value_of_a_variable_is_literal() -> None:
    statement = [allow(resource="arn:aws:s3:::b/${aws:PrincipalTag/Path}/*")]
    star = ROLE.__class__(**{**{f: getattr(ROLE, f) for f in ROLE.__struct_fields__}, "tags": (("Path", "*"),)})
    assert ask(star, statement, resource="arn:aws:s3:::b/*/k").allowed
    assert not ask(star, statement, resource="arn:aws:s3:::b/other/k").allowed


def test_mfa_age_counts_from_the_issue() -> None:
    fields = {f: getattr(ROLE, f) for f in ROLE.__struct_fields__}
    caller = ROLE.__class__(**{**fields, "mfa": True})
    statement = [allow(Condition={"NumericLessThan": {"aws:MultiFactorAuthAge": "300"}})]
    assert ask(caller, statement, conditions={"aws:epochtime": "1700000200"}).allowed
    assert not ask(caller, statement, conditions={"aws:epochtime": "1700000400"}).allowed
    assert not ask(ROLE, statement, conditions={"aws:epochtime": "1700000200"}).allowed
