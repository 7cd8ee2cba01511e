"""Whatever a function returns, and whatever is imported: an answer, or a refusal."""

from __future__ import annotations

import asyncio
import contextlib
import json
from typing import Any

import orjson
import pytest
from hypothesis import given
from hypothesis import strategies as st

from lambent.execute.http.answers import from_payload
from lambent.execute.http.refusals import Refusal
from lambent.services.apigateway.v2 import importing
from lambent.services.apigateway.v2.errors import BadRequestException
from tests.support import TestCloud

from .support import HttpApi, body, new_api

_SCALARS = st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(max_size=8)
_TREES = st.recursive(_SCALARS, lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=4), inner))
_ANSWERS = st.fixed_dictionaries(
    {"statusCode": _SCALARS | st.integers(100, 600)},
    optional={
        "headers": st.dictionaries(st.text(max_size=6), _SCALARS | _TREES) | _TREES,
        "multiValueHeaders": st.dictionaries(st.text(max_size=6), _TREES) | _TREES,
        "cookies": st.lists(_SCALARS) | _TREES,
        "body": _TREES,
        "isBase64Encoded": _SCALARS,
    },
)


@pytest.mark.slow
@given(_ANSWERS | _TREES, st.sampled_from(["1.0", "2.0"]))
def test_answers(told: Any, version: str) -> None:
    try:
        answer = from_payload(json.dumps(told).encode(), version)
    except Refusal:
        return
    assert 200 <= answer.status <= 599
    for name, value in answer.headers:
        assert name == name.lower()
        assert name.isascii()
        assert not set(name) & set(" \r\n:\0")
        assert not set(value) & set("\r\n\0")


_NAMES = st.sampled_from(
    [
        *(
            "openapi",
            "info",
            "title",
            "paths",
            "/a",
            "get",
            "security",
            "components",
            "securitySchemes",
            "servers",
            "url",
        ),
        *(
            "x-amazon-apigateway-integration",
            "x-amazon-apigateway-authorizer",
            "x-amazon-apigateway-cors",
            "tags",
            "name",
        ),
        *("type", "uri", "identitySource", "jwtConfiguration", "responseParameters", "allowOrigins", "maxAge", "$ref"),
        *(
            "x-amazon-apigateway-any-method",
            "x-amazon-apigateway-auth",
            "variables",
            "isDefaultRoute",
            "timeoutInMillis",
        ),
    ]
)
_DOCUMENTS = st.recursive(
    _SCALARS | st.sampled_from(["aws_proxy", "http_proxy", "jwt", "request", "#/components", "3.0.1"]),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(_NAMES, inner, max_size=5),
    max_leaves=20,
)


@pytest.mark.slow
@given(st.dictionaries(_NAMES, _DOCUMENTS), st.sampled_from(["ignore", "prepend", "split"]))
def test_documents(document: dict[str, Any], base: str) -> None:
    whole = {**document, "openapi": "3.0.1", "info": {"title": "x"}}
    with contextlib.suppress(BadRequestException):
        importing.read(json.dumps(whole), base, lambda length: "a" * length)


@pytest.mark.parametrize("status", ["1e400", "1e308", "-1", "199", "600", "null", "[]", "{}", '"x"', "true"])
def test_statuses_that_are_none(status: str) -> None:
    with pytest.raises(Refusal):
        from_payload(b'{"statusCode": ' + status.encode() + b"}", "2.0")


@pytest.mark.parametrize("path", ["/%ff%fe", "/%", "/a%00b", "/\u00e9".encode().decode("latin-1"), "/" + "a/" * 3000])
def test_paths_of_every_kind_reach_the_function(path: str) -> None:
    async def run() -> None:
        api: HttpApi = await new_api(TestCloud())
        await api.function("ANY /{proxy+}", lambda event: event["rawPath"])
        answer = await api.ask("GET", path)
        assert answer.status == 200
        assert orjson.loads(orjson.dumps(body(answer).decode()))

    asyncio.run(run())


def test_errors_of_services_do_not_escape() -> None:
    async def run() -> None:
        api = await new_api(TestCloud())
        role = "arn:aws:iam::000000000000:role/none"
        given_ = {"IntegrationType": "AWS_PROXY", "CredentialsArn": role}
        await api.route("GET /", IntegrationSubtype="SQS-PurgeQueue", RequestParameters={"QueueUrl": "x"}, **given_)
        assert (await api.ask("GET", "/")).status == 500

    asyncio.run(run())
