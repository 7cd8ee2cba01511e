"""Request validators, with the texts that AWS was recorded to answer."""

from __future__ import annotations

import json
import time
from typing import Any

import jsonschema
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from lambent.execute.mapping import Scope
from lambent.execute.mapping.validation import (
    body_faults,
    fault_text,
    missing_parameters,
    missing_text,
    model_name,
)

BASE = "https://apigateway.amazonaws.com/restapis/abc123/models/"


def _faults(schema: Any, body: Any, models: dict[str, Any] | None = None) -> list[str]:
    texts = {name: json.dumps(model) for name, model in (models or {}).items()}
    sent = body if isinstance(body, bytes) else json.dumps(body).encode()
    return body_faults(sent, json.dumps(schema), texts.get)


def test_missing_parameters_are_named_as_recorded() -> None:
    parameters = {
        "method.request.querystring.qs1": True,
        "method.request.path.issuer": True,
        "method.request.header.x-header-param": True,
        "method.request.header.optional": False,
    }
    missing = missing_parameters(parameters, Scope())
    assert missing_text(missing) == "Missing required request parameters: [x-header-param, issuer, qs1]"
    given_ = Scope(headers={"X-Header-Param": ["1"]}, path={"issuer": "i"}, query={"qs1": [""]})
    assert missing_text(missing_parameters(parameters, given_)) == "Missing required request parameters: [qs1]"
    whole = Scope(headers={"X-Header-Param": ["1"]}, path={"issuer": "i"}, query={"qs1": ["1"]})
    assert missing_parameters(parameters, whole) == []


def test_the_model_is_that_of_the_content_type() -> None:
    models = {"application/json": "A", "text/xml": "B"}
    assert model_name(models, "Application/JSON; charset=utf-8") == "A"
    assert model_name(models, "") == "A"
    assert model_name(models, "text/plain") is None
    assert model_name({**models, "$default": "C"}, "text/plain") == "C"


def test_a_model_that_refers_to_another() -> None:
    item = {"type": "object", "properties": {"a": {"type": "number"}, "b": {"type": "number"}}, "required": ["a", "b"]}
    schema = {"type": "array", "items": {"$ref": f"{BASE}testSchema"}}
    assert _faults(schema, [{"a": 1, "b": 2}], {"testSchema": item}) == []
    assert _faults(schema, [{"a": 1}], {"testSchema": item}) == ['object has missing required properties (["b"])']
    status = {"type": "object", "properties": {"Order": {"type": "integer"}}, "required": ["Order"]}
    test = {"properties": {"status": {"oneOf": [{"type": "null"}, {"$ref": f"{BASE}S"}]}}, "required": ["status"]}
    assert _faults(test, {"status": None}, {"S": status}) == []
    assert _faults(test, {"status": {"Order": 1}}, {"S": status}) == []
    assert _faults(test, {"status": {"Order": "x"}}, {"S": status}) != []
    assert _faults(test, b"", {"S": status}) != []


def test_models_that_refer_to_each_other() -> None:
    house = {"type": "object", "properties": {"contains": {"type": "array", "items": {"$ref": f"{BASE}Person"}}}}
    person = {"type": "object", "required": ["b"], "properties": {"house": {"$ref": f"{BASE}House"}}}
    models = {"House": house, "Person": person}
    assert _faults(person, {"b": 1, "house": {"contains": [{"b": 1, "house": {"contains": []}}]}}, models) == []
    assert _faults(person, {"b": 1, "house": {"contains": [{"house": {}}]}}, models) != []


def test_a_changed_model_is_seen() -> None:
    schema = {"$ref": f"{BASE}A"}
    assert _faults(schema, 1, {"A": {"type": "integer"}}) == []
    assert _faults(schema, 1, {"A": {"type": "string"}}) != []


def test_what_a_body_lacks_is_said_in_one_text() -> None:
    schema = {"type": "object", "properties": {"a": {"type": "integer"}, "b": {"enum": [1]}}, "required": ["a", "c"]}
    text = fault_text(_faults(schema, {"a": "x", "b": 2}))
    assert 'object has missing required properties (["c"])' in text
    assert 'instance type (string) does not match any allowed primitive type (allowed: ["integer"])' in text
    assert "instance value (2) not found in enum (possible values: [1])" in text
    assert _faults(schema, b"{no json") != []
    assert _faults({"type": "object"}, b"") == []


@pytest.mark.parametrize(
    ("schema", "body"),
    [
        ({"$ref": "http://127.0.0.1:1/x"}, 1),
        ({"$ref": "file:///etc/passwd"}, 1),
        ({"$ref": f"{BASE}Missing"}, 1),
        ({"$ref": "#"}, 1),
        ({"$ref": "#/definitions/none"}, 1),
        ({"id": "http://127.0.0.1:1/", "$ref": "y"}, 1),
        ({"type": "nonsense"}, 1),
        ({"pattern": "("}, "x"),
        ({"pattern": "^(a|a)*$"}, "a" * 60 + "b"),
        ({"patternProperties": {"^(a|a)*$": {}}}, {"a" * 60 + "b": 1}),
        ({"additionalProperties": False, "patternProperties": {"^(a|a)*$": {}}}, {"a" * 60 + "b": 1}),
        ({"uniqueItems": True}, [{"a": 1}, {"a": 1}]),
        (
            {
                "$ref": "#/definitions/a40",
                "definitions": {"a0": {}}
                | {f"a{n}": {"allOf": [{"$ref": f"#/definitions/a{n - 1}"}] * 2} for n in range(1, 41)},
            },
            "x",
        ),
    ],
)
def test_hostile_schemas_fetch_nothing_and_end_soon(schema: Any, body: Any) -> None:
    _faults({"type": "integer"}, 1)  # so that importing is over
    began_s = time.perf_counter()
    assert _faults(schema, body) != []
    assert time.perf_counter() - began_s < 1


def test_a_large_body_is_validated() -> None:
    schema = {"type": "array", "uniqueItems": True, "items": {"properties": {"a": {"type": "integer"}}}}
    assert _faults(schema, [{"a": number} for number in range(3_000)]) == []


_SCHEMAS = st.recursive(
    st.sampled_from(
        [
            *(
                {"type": "integer"},
                {"type": "string", "pattern": "^[a-c]+$"},
                {"enum": [1, "a", None]},
                {"type": "null"},
            ),
            *({"minimum": 3, "exclusiveMinimum": True}, {"uniqueItems": True}, {"minLength": 2}, {"required": ["a"]}),
        ]
    ),
    lambda inner: st.one_of(
        st.builds(lambda a, b: {"properties": {"a": a, "b": b}, "additionalProperties": False}, inner, inner),
        st.builds(lambda a: {"patternProperties": {"^a": a}, "additionalProperties": {"type": "string"}}, inner),
        st.builds(lambda a, b: {"anyOf": [a, b]}, inner, inner),
        st.builds(lambda a, b: {"oneOf": [a, {"not": b}]}, inner, inner),
        st.builds(lambda a: {"items": a, "maxItems": 2}, inner),
    ),
    max_leaves=5,
)
_BODIES = st.recursive(
    st.sampled_from([None, True, 1, 2, 3.5, "a", "abc", "zz", ""]),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.sampled_from(["a", "b", "ab"]), inner, max_size=3),
    max_leaves=5,
)


@given(_SCHEMAS, _BODIES)
@settings(max_examples=30, deadline=None)
def test_the_bounded_keywords_mean_what_they_did(schema: Any, body: Any) -> None:
    assert bool(_faults(schema, body)) is not jsonschema.Draft4Validator(schema).is_valid(body)


@pytest.mark.parametrize(
    ("schema", "body", "said"),
    [
        ({"minimum": 0}, -1, "numeric instance is lower than the required minimum (minimum: 0, found: -1)"),
        (
            {"maximum": 2},
            10**30,
            f"numeric instance is greater than the required maximum (maximum: 2, found: {10**30})",
        ),
        (
            {"minimum": 3, "exclusiveMinimum": True},
            3,
            "numeric instance is not strictly greater than the required minimum 3",
        ),
        ({"minLength": 2}, "a", 'string "a" is too short (length: 1, required minimum: 2)'),
        ({"maxLength": 1}, "ab", 'string "ab" is too long (length: 2, maximum allowed: 1)'),
        ({"maxItems": 1}, [1, 2], "array is too long: must have at most 1 elements but instance has 2 elements"),
        ({"pattern": "^a"}, "b", 'ECMA 262 regex "^a" does not match input string "b"'),
        (
            {"properties": {"a": {}}, "additionalProperties": False},
            {"a": 1, "c": 1, "b": 1},
            'object instance has properties which are not allowed by the schema: ["b","c"]',
        ),
        ({"multipleOf": 2}, 3, "remainder of division is not zero (3 / 2)"),
        ({"enum": [1]}, 10**30, f"instance value ({10**30}) not found in enum (possible values: [1])"),
    ],
)
def test_faults_are_told_in_the_words_of_the_library_that_aws_uses(schema: Any, body: Any, said: str) -> None:
    assert _faults(schema, body) == [said]
