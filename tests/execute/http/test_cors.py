"""CORS as an API is configured."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest

from lambent.contracts.http import Request
from lambent.execute.http.cors import CorsRules
from lambent.services.apigateway.v2.model import Cors
from tests.support import TestCloud

from .support import HttpApi, body, header, new_api

PAGE = "https://page.example"
ALL: dict[str, Any] = {
    "AllowOrigins": [PAGE, "https://*.wild.example"],
    "AllowMethods": ["GET", "POST"],
    "AllowHeaders": ["content-type", "authorization"],
    "ExposeHeaders": ["x-a"],
    "MaxAge": 300,
    "AllowCredentials": True,
}


def _told(event: dict[str, Any]) -> dict[str, Any]:
    return {"statusCode": 200, "headers": {"Access-Control-Allow-Origin": "*", "x-a": "1"}, "body": "ok"}


async def _api(cors: dict[str, Any] | None = None, key: str = "GET /a", **route: Any) -> HttpApi:
    api = await new_api(TestCloud(), **({"CorsConfiguration": cors} if cors else {}))
    await api.function(key, _told, **route)
    return api


def test_a_preflight() -> None:
    async def run() -> None:
        api = await _api(ALL)
        for path in ("/a", "/not/there"):
            answer = await api.ask("OPTIONS", path, origin=PAGE, access_control_request_method="POST")
            assert (answer.status, body(answer)) == (204, b"")
            assert [pair for pair in answer.headers if pair[0].startswith("access-control")] == [
                ("access-control-allow-origin", PAGE),
                ("access-control-allow-credentials", "true"),
                ("access-control-expose-headers", "x-a"),
                ("access-control-allow-methods", "GET,POST"),
                ("access-control-allow-headers", "content-type,authorization"),
                ("access-control-max-age", "300"),
            ]
        assert api.functions.events == []

    asyncio.run(run())


def test_pages_of_other_origins_are_told_nothing() -> None:
    async def run() -> None:
        api = await _api(ALL)
        answer = await api.ask("OPTIONS", "/a", origin="https://evil.example", access_control_request_method="GET")
        assert answer.status == 204
        assert header(answer, "access-control-allow-origin") is None
        answer = await api.ask("GET", "/a", origin="https://evil.example")
        assert (answer.status, body(answer)) == (200, b"ok")
        assert header(answer, "access-control-allow-origin") is None

    asyncio.run(run())


@pytest.mark.parametrize(
    ("origin", "allowed"),
    [
        (PAGE, True),
        ("https://x.wild.example", True),
        ("https://wild.example", False),
        ("https://x.wild.example.evil", False),
        (f"{PAGE}.evil", False),
        ("null", False),
    ],
)
def test_origins(origin: str, allowed: bool) -> None:
    async def run() -> None:
        api = await _api(ALL)
        answer = await api.ask("GET", "/a", origin=origin)
        assert header(answer, "access-control-allow-origin") == (origin if allowed else None)

    asyncio.run(run())


def test_the_gateway_replaces_what_a_function_says() -> None:
    async def run() -> None:
        api = await _api({"AllowOrigins": ["*"]})
        answer = await api.ask("GET", "/a", origin=PAGE)
        assert [value for name, value in answer.headers if name == "access-control-allow-origin"] == ["*"]
        answer = await api.ask("GET", "/a")
        assert header(answer, "access-control-allow-origin") is None
        assert header(answer, "x-a") == "1"
        refused = await api.ask("GET", "/b", origin=PAGE)
        assert (refused.status, header(refused, "access-control-allow-origin")) == (404, "*")

    asyncio.run(run())


def test_without_a_configuration_functions_decide() -> None:
    async def run() -> None:
        api = await _api(None, "ANY /a")
        answer = await api.ask("OPTIONS", "/a", origin=PAGE, access_control_request_method="GET")
        assert (answer.status, body(answer)) == (200, b"ok")
        assert header(answer, "access-control-allow-origin") == "*"

    asyncio.run(run())


def test_a_catch_all_route_with_an_authorizer_guards_preflights_too() -> None:
    async def run() -> None:
        api = await _api(ALL, "$default", AuthorizationType="AWS_IAM")
        asked = {"origin": PAGE, "access_control_request_method": "GET"}
        assert (await api.ask("OPTIONS", "/a", **asked)).status == 403
        await api.function("OPTIONS /{proxy+}", _told)
        assert (await api.ask("OPTIONS", "/a", **asked)).status == 204
        assert (await api.ask("GET", "/a")).status == 403

    asyncio.run(run())


def test_it_can_be_removed() -> None:
    async def run() -> None:
        api = await _api(ALL)
        await api.v2("DeleteCorsConfiguration")
        answer = await api.ask("OPTIONS", "/a", origin=PAGE, access_control_request_method="GET")
        assert answer.status == 404

    asyncio.run(run())


@pytest.mark.parametrize(
    ("pattern", "origin", "fits"),
    [
        ("https://*.a.example", "https://x.a.example", True),
        ("https://*.a.example", "https://.a.example", True),
        ("https://*.a.example", "https://a.example", False),
        ("https://*.a.example", "https://x.a.example.evil", False),
        ("https://*.a.*.example", "https://x.a.b.example", True),
        ("https://*.a.*.example", "https://x.a.example", False),
        ("https://*", "https://", True),
        ("*://b", "https://b", True),
        ("https://aa*aa", "https://aaa", False),
        ("https://" + "*a" * 30 + "*b", "https://" + "a" * 16_000, False),
        ("https://" + "*" * 40 + "b", "https://" + "a" * 16_000, False),
    ],
)
def test_stars_of_an_origin_are_matched_in_one_walk(pattern: str, origin: str, fits: bool) -> None:
    rules = CorsRules(Cors(allow_origins=(pattern,)))
    told = dict(rules.on_answer(Request("GET", "/", headers={"origin": origin})))
    assert told == ({"access-control-allow-origin": origin} if fits else {})
