"""Request validators, payload limits, compression."""

from __future__ import annotations

import gzip
import zlib
from typing import Any

import pytest

from lambent.kv.errors import StoreUnreachable
from lambent.services.apigateway.model import GatewayResponse, Model, Validator
from tests.execute.rest.making import Functions, Making, echo, header, json, lambda_proxy, mock
from tests.support import TestCloud

SCHEMA = '{"title": "books", "type": "object", "properties": {"a": {"type": "number"}}, "required": ["a"]}'
LIST = '{"type": "array", "items": {"$ref": "https://apigateway.amazonaws.com/restapis/abcdefghij/models/one"}}'
MODELS = {
    "one": Model(id="m1", name="one", content_type="application/json", schema=SCHEMA),
    "list": Model(id="m2", name="list", content_type="application/json", schema=LIST),
}


async def validating(parameters: bool = True, body: bool = True, model: str = "one") -> Making:
    making = Making(TestCloud())
    making.parts["validators"] = {"v": Validator(id="v", name="v", body=body, parameters=parameters)}
    making.parts["models"] = MODELS
    required = {
        "method.request.header.x-header-param": True,
        "method.request.path.issuer": True,
        "method.request.querystring.qs1": True,
        "method.request.querystring.optional": False,
    }
    making.method(
        "/{test}",
        "POST",
        mock("{}"),
        validator_id="v",
        parameters=required if parameters else None,
        models={"application/json": model},
    )
    await making.deploy()
    return making


async def test_required_parameters() -> None:
    making = await validating(body=False)
    answer = await making.ask("POST", "/x")
    assert answer.status == 400
    assert json(answer) == {"message": "Missing required request parameters: [x-header-param, issuer, qs1]"}
    assert header(answer, "x-amzn-ErrorType") == "BadRequestException"


@pytest.mark.slow
async def test_bodies_against_models() -> None:
    making = await validating(parameters=False)
    assert (await making.ask("POST", "/x", body=b'{"a": 1}')).status == 200
    for body in (b'{"a": "text"}', b"{}", b"", b"no json"):
        answer = await making.ask("POST", "/x", body=body)
        assert (answer.status, json(answer)) == (400, {"message": "Invalid request body"})
    text = {"Content-Type": "text/plain"}
    answer = await making.ask("POST", "/x", body=b"anything", headers=text)
    assert answer.status == 500, "no model for text: it gets to the mock, which cannot read it"
    making = await validating(parameters=False, model="list")
    assert (await making.ask("POST", "/x", body=b'[{"a": 1}, {"a": 2}]')).status == 200
    assert (await making.ask("POST", "/x", body=b'[{"a": 1}, {}]')).status == 400


@pytest.mark.slow
async def test_a_gateway_response_tells_what_is_wrong() -> None:
    making = await validating(parameters=False)
    making.parts["gateway_responses"] = {
        "BAD_REQUEST_BODY": GatewayResponse(
            type="BAD_REQUEST_BODY", templates={"application/json": "$context.error.validationErrorString"}
        )
    }
    await making.deploy(deployment="d2")
    answer = await making.ask("POST", "/x", body=b"{}")
    assert answer.body == b'[object has missing required properties (["a"])]'


async def test_a_body_of_more_than_ten_megabytes_is_refused() -> None:
    making = Making(TestCloud())
    making.method("/", "POST", mock("{}"))
    await making.deploy()
    answer = await making.ask("POST", "", body=bytes(10 * 1024 * 1024 + 1))
    assert (answer.status, json(answer)) == (413, {"message": "Request Too Long"})


async def test_payloads_are_compressed_and_decompressed() -> None:
    cloud = TestCloud()
    cloud.targets["lambda"] = Functions(echo=echo)  # type: ignore[assignment]
    making = Making(cloud, minimum_compression=100)
    making.method("/", "POST", lambda_proxy("echo"))
    making.method("/small", "POST", mock("small"))
    await making.deploy()
    headers = {"Accept-Encoding": "br, deflate;q=0, gzip", "Content-Encoding": "gzip"}
    answer = await making.ask("POST", "", headers=headers, body=gzip.compress(b"hello"))
    assert header(answer, "content-encoding") == "gzip"
    assert isinstance(answer.body, bytes)
    assert b'"body":"hello"' in gzip.decompress(answer.body)
    answer = await making.ask("POST", "", headers={"Accept-Encoding": "deflate"})
    assert isinstance(answer.body, bytes)
    assert b'"resource":"/"' in zlib.decompress(answer.body)
    assert header(await making.ask("POST", "/small", headers={"Accept-Encoding": "gzip"}), "content-encoding") is None
    assert header(await making.ask("POST", ""), "content-encoding") is None
    answer = await making.ask("POST", "", headers={"Content-Encoding": "gzip"}, body=b"not gzip")
    assert answer.status == 400
    bomb = gzip.compress(bytes(30 << 20))
    assert (await making.ask("POST", "", headers={"Content-Encoding": "gzip"}, body=bomb)).status == 413


async def test_a_store_that_is_away_is_the_front_doors_business(monkeypatch: pytest.MonkeyPatch) -> None:
    cloud = TestCloud()
    making = Making(cloud)
    making.method("/", "GET", mock("{}"), api_key_required=True)
    await making.deploy()
    read = cloud.store.read
    calls: list[int] = []

    async def away(fn: Any) -> Any:
        calls.append(1)
        if len(calls) > 1:
            raise StoreUnreachable("away")
        return await read(fn)

    monkeypatch.setattr(cloud.store, "read", away)
    with pytest.raises(StoreUnreachable):
        await making.ask("GET", "", headers={"x-api-key": "a"})
