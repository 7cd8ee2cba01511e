"""What AWS was recorded to answer to filter policies.

A row has the name of its recorded case."""

from __future__ import annotations

import json
from typing import Any

import pytest

from .recorded import QUEUE, TOPIC, Topics, invalid, row

COMPLEX = invalid("Attributes Reason: FilterPolicy: Filter policy is too complex")
_NUMBERS = [str(number) for number in range(10)]
_KEYS = {f"k{number}": ["x"] for number in range(6)}


def _filter(policy: Any) -> dict[str, Any]:
    text = policy if isinstance(policy, str) else json.dumps(policy, separators=(",", ":"))
    return {"TopicArn": TOPIC, "Protocol": "sqs", "Endpoint": QUEUE, "Attributes": {"FilterPolicy": text}}


def _wrong(name: str, text: str, why: str, column: int = 0) -> Any:
    """A filter policy's text that is refused; most errors say at which column."""
    place = f'\n at [Source: (String)"{text}"; line: 1, column: {column}]' if column else ""
    return row(name, "Subscribe", _filter(text), invalid(f"Attributes Reason: FilterPolicy: {why}{place}"))


@pytest.mark.parametrize(
    ("operation", "params", "expected"),
    [
        row(
            "test_policy_complexity error-complexity-in-one-condition",
            "Subscribe",
            _filter({"k": [str(n) for n in range(151)]}),
            COMPLEX,
        ),
        row(
            "test_policy_complexity error-complexity-in-two-conditions",
            "Subscribe",
            _filter({"k1": [str(n) for n in range(16)], "k2": [str(n) for n in range(10)]}),
            COMPLEX,
        ),
        row(
            "test_policy_complexity error-complexity-too-many-fields",
            "Subscribe",
            _filter(_KEYS),
            invalid("Attributes Reason: FilterPolicy: Filter policy can not have more than 5 keys"),
        ),
        row(
            "test_policy_complexity_with_or error-complexity-or-flat",
            "Subscribe",
            _filter({"$or": [{"a": [str(n) for n in range(76)]}, {"b": [str(n) for n in range(75)]}]}),
            COMPLEX,
        ),
        row(
            "test_policy_complexity_with_or error-complexity-or-nested",
            "Subscribe",
            _filter({"a": _NUMBERS, "$or": [{"b": _NUMBERS[:6]}, {"$or": [{"c": _NUMBERS[:6]}, {"d": _NUMBERS[:6]}]}]}),
            COMPLEX,
        ),
        _wrong(
            "test_validate_policy_string_operators error-condition-bad-cidr-str",
            '{"key":[{"cidr":"bad-filter"}]}',
            "Malformed CIDR, one '/' required",
        ),
        _wrong(
            "test_validate_policy_string_operators error-condition-bad-cidr-str-slash",
            '{"key":[{"cidr":"bad-filter/64"}]}',
            "Nonstandard IP address: bad-filter",
        ),
        _wrong(
            "test_validate_policy_string_operators error-condition-bad-cidr-str-slash-2",
            '{"key":[{"cidr":"bad-/64filter"}]}',
            "Malformed CIDR, mask bits must be an integer",
        ),
        _wrong(
            "test_validate_policy_string_operators error-condition-bad-cidr-v4",
            '{"key":[{"cidr":"xx.11.xx/8"}]}',
            "Nonstandard IP address: xx.11.xx",
        ),
        _wrong(
            "test_validate_policy_string_operators error-condition-bad-cidr-v6",
            '{"key":[{"cidr":"xxxx:db8:1234:1a00::/64"}]}',
            "Nonstandard IP address: xxxx:db8:1234:1a00::",
        ),
        _wrong(
            "test_validate_policy_string_operators error-condition-bad-type",
            '{"key":[{"cidr":["bad-filter"]}]}',
            "prefix match pattern must be a string",
            18,
        ),
        _wrong(
            "test_validate_policy_string_operators error-condition-empty-array",
            '{"key":[]}',
            "Empty arrays are not allowed",
            10,
        ),
        _wrong(
            "test_validate_policy_string_operators error-condition-empty-list",
            '{"key":[{"suffix":[]}]}',
            "suffix match pattern must be a string",
            20,
        ),
        _wrong(
            "test_validate_policy_string_operators error-condition-is-none",
            '{"key":[{"suffix":null}]}',
            "suffix match pattern must be a string",
            23,
        ),
        _wrong(
            "test_validate_policy_string_operators error-condition-is-not-list-and-no-operator",
            '{"key":{"not-an-operator":"value"}}',
            '"not-an-operator" must be an object or an array',
            28,
        ),
        _wrong(
            "test_validate_policy_string_operators error-condition-is-not-list-and-operator",
            '{"key":{"suffix":"value"}}',
            '"suffix" must be an object or an array',
            19,
        ),
        _wrong(
            "test_validate_policy_string_operators error-condition-is-not-list-two-ops",
            '{"key":{"suffix":"value","prefix":"value"}}',
            '"suffix" must be an object or an array',
            19,
        ),
        _wrong(
            "test_validate_policy_string_operators error-condition-is-numeric",
            '{"key":[{"suffix":100}]}',
            "suffix match pattern must be a string",
            22,
        ),
        _wrong(
            "test_validate_policy_string_operators error-condition-list-wrong-type",
            '{"key":[{"suffix":["test","test2"]}]}',
            "suffix match pattern must be a string",
            20,
        ),
        _wrong(
            "test_validate_policy_exists_operator error-condition-none",
            '{"key":[{"exists":null}]}',
            "exists match pattern must be either true or false.",
            23,
        ),
        _wrong(
            "test_validate_policy_exists_operator error-condition-string",
            '{"key":[{"exists":"no"}]}',
            "exists match pattern must be either true or false.",
            20,
        ),
    ],
)
async def test_refused(operation: str, params: dict[str, Any], expected: dict[str, Any]) -> None:
    case = await Topics.begin()
    await case.topic()
    assert await case.error(operation, **params) == expected
