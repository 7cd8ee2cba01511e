"""Selection expressions and parameter mappings of whatever text: a value or none, or a refusal; never two headers."""

from __future__ import annotations

import contextlib
import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from lambent.execute.mapping import MappingError, Scope, parameters
from lambent.execute.mapping.expressions import Answer, HttpRequest, Sources, http_request, http_response, value

_PARTS = st.sampled_from(
    ("$", "${", "}", "request", "response", "context", "stageVariables", "body", "header", "querystring", "path", ".",
     "..", "[*]", "[0]", "[?(@.a)]", "*", "a", "x-a", "authorizer", "'", '"', "\\", "\r\n", "\0", " ", "method.", "é")
)  # fmt: skip
_EXPRESSIONS = st.lists(_PARTS | st.text(max_size=3), max_size=7).map("".join) | st.builds(
    "${{{}.{}.{}}}".format, st.sampled_from(("request", "response")), st.sampled_from(("body", "header", "path")),
    st.lists(_PARTS, max_size=4).map("".join),
)  # fmt: skip
_TEXTS = st.text(max_size=12) | st.sampled_from(("a\r\nx: y", "../..", "%2e%2e/x", "\ud800", "x" * 5000))
_TREES = st.recursive(
    st.none() | st.booleans() | st.integers() | _TEXTS,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.sampled_from(("a", "b", "x-a")), inner, max_size=3),
    max_leaves=8,
)
_KEYS = st.builds(
    "{}:{}.{}".format, st.sampled_from(("append", "overwrite", "remove", "x")),
    st.sampled_from(("header", "querystring", "path")), _TEXTS | st.sampled_from(("x-a", "host", "a b", "x:y")),
) | st.sampled_from(("overwrite:path", "overwrite:statuscode"))  # fmt: skip


def known(body: bytes, text: str) -> Sources:
    """A request in which everything may be anything."""
    scope = Scope(
        body=body, path={"a": text}, query={"a": [text, ""]}, headers={"x-a": [text]},
        context={"authorizer": {"a": text}}, stage_variables={"a": text},
    )  # fmt: skip
    return Sources(scope, f"/{text}", Answer(200, {"x-a": [text]}, body))


def body_of(tree: Any) -> bytes:
    return json.dumps(tree).encode("utf-8", "replace")


@pytest.mark.slow
@given(_EXPRESSIONS, _TREES, _TEXTS, st.binary(max_size=8))
def test_an_expression_has_a_value_or_none(expression: str, tree: Any, text: str, raw: bytes) -> None:
    for body in (body_of(tree), raw):
        with contextlib.suppress(MappingError):
            found = value(expression, known(body, text))
            assert found is None or isinstance(found, str)


@pytest.mark.slow
@given(st.dictionaries(_KEYS, _EXPRESSIONS, max_size=4), _TREES, _TEXTS)
def test_no_mapping_makes_two_headers_of_one(mappings: dict[str, str], tree: Any, text: str) -> None:
    sources = known(body_of(tree), text)
    with contextlib.suppress(MappingError):
        made = http_request(mappings, HttpRequest({"x-a": ["1"]}, {}, "/x"), sources)
        check(made.headers)
        assert not set(made.path) & set(" \r\n\0")
    with contextlib.suppress(MappingError):
        answered = http_response(mappings, Answer(200, {"x-a": ["1"]}, b""), sources)
        check(answered.headers)
        assert 200 <= answered.status <= 599


@pytest.mark.slow
@given(st.dictionaries(st.builds("integration.request.{}.{}".format, st.sampled_from(("header", "path", "querystring")),
                                 _TEXTS), _EXPRESSIONS, max_size=3), _TREES, _TEXTS)  # fmt: skip
def test_no_mapping_of_a_rest_api_does_either(mappings: dict[str, str], tree: Any, text: str) -> None:
    with contextlib.suppress(MappingError):
        made = parameters.rest_request(mappings, known(body_of(tree), text).scope)
        check(made.headers)
        url = parameters.filled("http://h/{a}/{b+}?c={c}", {"a": text, "b": text, "c": text, **made.path})
        assert url.startswith("http://h/")
        assert url.isascii()
        assert url.count("?") == 1


def check(headers: dict[str, list[str]]) -> None:
    """Whether all of them are headers."""
    for name, values in headers.items():
        assert not set(name) & set(" :\r\n\0")
        assert not set("".join(values)) & set("\r\n\0")
