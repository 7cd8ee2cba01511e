"""Small documents that would become large: refused before they do."""

from __future__ import annotations

import asyncio
import json
import time
from typing import Any

import pytest

from lambent.contracts.errors import ServiceError
from lambent.services.apigateway import openapi
from lambent.services.apigateway.openapi import ImportFailed
from tests.support import TestCloud

HEAD: dict[str, Any] = {"openapi": "3.0.1", "info": {"title": "x", "version": "1"}}
SECONDS_MAX = 2.0
"""On a busy machine; alone none takes a tenth of it."""


async def imported(document: dict[str, Any], mode: str = "ignore") -> str:
    """What is said to a document, and soon."""
    cloud = TestCloud()
    began = time.perf_counter()
    with pytest.raises(ServiceError) as caught:
        await cloud.call(
            "apigateway", "ImportRestApi", body=json.dumps(document).encode(), parameters={"basepath": mode}
        )
    assert time.perf_counter() - began < SECONDS_MAX
    assert len(caught.value.message) < 10_000_000
    assert caught.value.status < 500
    return caught.value.message


@pytest.mark.slow
def test_a_path_of_a_million_segments_is_no_million_resources() -> None:
    message = asyncio.run(imported({**HEAD, "paths": {"/" + "a/" * 1_000_000: {}}}))
    assert "too long" in message
    assert len(message) < 1000
    message = asyncio.run(imported({**HEAD, "paths": {"/" + "a/" * 4000: {}}}))
    assert message.startswith("Maximum number of resources for this API")


@pytest.mark.slow
def test_paths_below_a_long_base_path_are_refused_once_and_for_all() -> None:
    servers = [{"url": f"https://x/{'!' * 3_000_000}"}]
    paths = {f"/{number}": {} for number in range(200_000)}
    assert "Unable to create resource" in asyncio.run(imported({**HEAD, "servers": servers, "paths": paths}, "prepend"))
    wrong = {f"/!{number}": {} for number in range(200_000)}
    assert asyncio.run(imported({**HEAD, "paths": wrong})).count("Unable") <= 1002


def test_variables_of_a_server_do_not_multiply() -> None:
    variables = {f"v{n}": {"default": f"{{v{n + 1}}}" * 2} for n in range(60)}
    document = {**HEAD, "servers": [{"url": "https://x/{v0}/a", "variables": variables}], "paths": {"/b": {}}}
    with pytest.raises(ImportFailed):
        openapi.read(document, "api", "prepend")
    plain = {"base": {"default": "/shop"}, "other": {}}
    document = {**HEAD, "servers": [{"url": "https://x/{base}/v1", "variables": plain}], "paths": {"/b": {}}}
    assert "/shop/v1/b" in openapi.read(document, "api", "prepend").resources


def test_a_server_whose_url_is_none_is_refused() -> None:
    for url in ("http://[", "https://a[b]/x"):
        with pytest.raises(ImportFailed):
            openapi.read({**HEAD, "servers": [{"url": url}], "paths": {"/b": {}}}, "api", "split")


@pytest.mark.slow
def test_variables_and_base_paths_of_http_apis_do_not_multiply() -> None:
    async def main() -> None:
        cloud = TestCloud()
        variables = {f"v{n}": {"default": f"{{v{n + 1}}}" * 2} for n in range(60)}
        document = json.dumps({**HEAD, "servers": [{"url": "https://x/{v0}", "variables": variables}], "paths": {}})
        for mode in ("ignore", "split"):
            await cloud.call("apigatewayv2", "ImportApi", Body=document, Basepath=mode)
        for url in (f"https://x/{'a' * 600}", "http://["):
            document = json.dumps({**HEAD, "servers": [{"url": url}], "paths": {"/b": {}}})
            with pytest.raises(ServiceError) as caught:
                await cloud.call("apigatewayv2", "ImportApi", Body=document, Basepath="prepend")
            assert caught.value.code == "BadRequestException"
            assert len(caught.value.message) < 1000
            await cloud.call("apigatewayv2", "ImportApi", Body=document)

    asyncio.run(main())


@pytest.mark.slow
def test_references_in_a_ring_end_soon() -> None:
    ring = {"a": {"$ref": "#/components/parameters/b"}, "b": {"$ref": "#/components/parameters/a"}}
    get = {"parameters": [{"$ref": "#/components/parameters/a"}] * 20_000, "responses": {}}
    document = {**HEAD, "paths": {"/x": {"get": get}}, "components": {"parameters": ring}}
    began = time.perf_counter()
    openapi.read(document, "api")
    assert time.perf_counter() - began < SECONDS_MAX
