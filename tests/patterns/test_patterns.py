"""The language of event patterns, against the public patterns and the sentences that AWS was recorded with."""

from __future__ import annotations

import json
from typing import Any

import pytest

from lambent.patterns import InvalidPattern, compile_pattern, flatten, flatten_attributes

from . import public
from .public import CONFORMANCE


@pytest.mark.parametrize("name", public.names() or ["missing"])
def test_public_pattern(name: str) -> None:
    if name == "missing":
        pytest.skip(f"no conformance data in {CONFORMANCE}")
    case = public.read(name)
    pattern = json.dumps(case["EventPattern"])
    if name.endswith("_EXC"):
        with pytest.raises(InvalidPattern):
            compile_pattern(pattern)
    else:
        assert compile_pattern(pattern).matches(flatten(case["Event"])) is not name.endswith("_NEG")


def test_a_name_given_twice_counts_once() -> None:
    path = CONFORMANCE / "complex_multi_key_event_pattern.json"
    if not path.exists():
        pytest.skip(f"no conformance data in {CONFORMANCE}")
    pattern = compile_pattern(path.read_text())
    assert pattern.matches(flatten({"detail": {"location": "eu-west"}}))
    assert not pattern.matches(flatten({"detail": {"location": "us-east"}}))


@pytest.mark.parametrize(
    ("pattern", "sentence", "column"),
    [
        ('{"key":[]}', "Empty arrays are not allowed", 10),
        ('{"key":[{"cidr":["bad-filter"]}]}', "prefix match pattern must be a string", 18),
        ('{"key":[{"exists":"no"}]}', "exists match pattern must be either true or false.", 20),
        ('{"key":[{"exists":null}]}', "exists match pattern must be either true or false.", 23),
        ('{"key":[{"suffix":100}]}', "suffix match pattern must be a string", 22),
        ('{"key":[{"suffix":["test","test2"]}]}', "suffix match pattern must be a string", 20),
        ('{"key":[{"suffix":[]}]}', "suffix match pattern must be a string", 20),
        ('{"key":[{"suffix":null}]}', "suffix match pattern must be a string", 23),
        ('{"key":{"not-an-operator":"value"}}', '"not-an-operator" must be an object or an array', 28),
        ('{"key":{"suffix":"value","prefix":"value"}}', '"suffix" must be an object or an array', 19),
        ('{"key":{"suffix":"value"}}', '"suffix" must be an object or an array', 19),
    ],
)
def test_recorded_sentences(pattern: str, sentence: str, column: int) -> None:
    """Those of SNS; those of EventBridge are in tests/events/test_recordings_patterns.py."""
    with pytest.raises(InvalidPattern) as refused:
        compile_pattern(pattern)
    assert refused.value.text == f'{sentence}\n at [Source: (String)"{pattern}"; line: 1, column: {column}]'


@pytest.mark.parametrize(
    ("pattern", "sentence"),
    [
        ("[]", "Filter is not an object"),
        ("{}", "Empty objects are not allowed"),
        ('{"a": {}}', "Empty objects are not allowed"),
        ('{"a": [{"anything-but": []}]}', "Empty arrays are not allowed"),
        ('{"a": [{"anything-but": ["x", 1]}]}', "Inside anything but list, either all values are number or string"),
        ('{"a": [{"numeric": ["<", 5, ">", 1]}]}', "Bad numeric range operator: >"),
        ('{"a": [{"numeric": [">", 5, "<", 1]}]}', "Bottom must be less than top"),
        ('{"a": [{"numeric": ["=", 5, 6]}]}', "Too many elements in numeric expression"),
        ('{"a": [{"prefix": "x", "suffix": "y"}]}', "Only one key allowed in match expression"),
        ('{"$or": [{"a": [1]}]}', "There must have at least 2 Objects in $or relationship."),
        ('{"a": [["b"]]}', "Match value must be String, number, true, false, or null"),
        ('{"a": [{"wildcard": "a\\\\b"}]}', "Invalid escape character at pos 1"),
        ('{"a": [{"cidr": "10.0.0.0/33"}]}', "IPv4 mask bits must be <= 32"),
        ('{"a": [1}', "Unexpected character"),
        ('{"a": [1]} x', "Unexpected character"),
        ("", "Unexpected end-of-input"),
    ],
)
def test_refused(pattern: str, sentence: str) -> None:
    with pytest.raises(InvalidPattern) as refused:
        compile_pattern(pattern)
    assert refused.value.message.startswith(sentence)


def _matches(pattern: dict[str, Any], event: dict[str, Any]) -> bool:
    return compile_pattern(json.dumps(pattern)).matches(flatten(event))


def test_values_of_one_element_match_together() -> None:
    pattern = {"Records": {"name": [{"prefix": "Created"}], "object": {"key": [{"prefix": "auto-"}]}}}
    created, removed = {"name": "Created:Put"}, {"name": "Removed"}
    auto, home = {"object": {"key": "auto-1"}}, {"object": {"key": "home-1"}}
    assert _matches(pattern, {"Records": [created | auto]})
    assert _matches(pattern, {"Records": [removed | home, created | {"object": [[{"key": "auto-2"}]]}]})
    assert not _matches(pattern, {"Records": [created | home, removed | auto]})


def test_numbers_are_no_booleans_and_strings_no_numbers() -> None:
    assert _matches({"n": [1]}, {"n": 1.0})
    assert not _matches({"n": [1]}, {"n": True})
    assert not _matches({"n": [1]}, {"n": "1"})
    assert _matches({"n": [True]}, {"n": True})
    assert _matches({"n": [{"anything-but": 1}]}, {"n": True})
    assert not _matches({"n": [{"numeric": [">", 0]}]}, {"n": True})


def test_alternatives_nest_and_multiply() -> None:
    pattern = compile_pattern('{"a": [1], "$or": [{"b": [1]}, {"c": {"$or": [{"d": [1]}, {"e": [1]}]}}], "f": [1]}')
    assert [sorted(rule) for rule in pattern.rules] == [["a", "b", "f"], ["a", "c.d", "f"], ["a", "c.e", "f"]]
    assert pattern.matches(flatten({"a": 1, "c": {"e": 1}, "f": 1}))
    assert not pattern.matches(flatten({"a": 1, "f": 1}))
    assert _matches({"$or": ["yes", "no"]}, {"$or": "yes"}), "a field may have that name"


def test_wildcards_meet_in_the_middle() -> None:
    assert _matches({"p": [{"wildcard": "a*ab*b"}]}, {"p": "aabb"})
    assert not _matches({"p": [{"wildcard": "ab*ba"}]}, {"p": "aba"})
    assert _matches({"p": [{"wildcard": "1\\*2*"}]}, {"p": "1*234"})
    assert not _matches({"p": [{"wildcard": "1\\*2*"}]}, {"p": "1x234"})


def test_attributes_are_not_split_at_dots() -> None:
    leaves = flatten_attributes({"a.b": ["x", 5], "n": 3})
    assert compile_pattern('{"a.b": [5], "n": [{"numeric": [">=", 3]}]}').matches(leaves)


def test_a_deep_document_is_refused_and_not_a_crash() -> None:
    with pytest.raises(InvalidPattern, match="nesting"):
        compile_pattern('{"a":' * 500 + "[1]" + "}" * 500)
