"""Which route answers, at which address, and what the gateway says where none does."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from lambent.execute.http.router import Router
from tests.support import TestCloud

from .support import HttpApi, body, header, new_api


def _router(*keys: str) -> Router[str]:
    router: Router[str] = Router()
    for key in keys:
        router.add(key, key)
    return router


DOCUMENTED = ("GET /pets/dog/1", "GET /pets/dog/{id}", "GET /pets/{proxy+}", "ANY /{proxy+}", "$default")


@pytest.mark.parametrize(
    ("method", "path", "key", "parameters"),
    [
        ("GET", "/pets/dog/1", "GET /pets/dog/1", {}),
        ("GET", "/pets/dog/2", "GET /pets/dog/{id}", {"id": "2"}),
        ("GET", "/pets/cat/1", "GET /pets/{proxy+}", {"proxy": "cat/1"}),
        ("POST", "/test/5", "ANY /{proxy+}", {"proxy": "test/5"}),
        ("POST", "/pets/dog/1", "ANY /{proxy+}", {"proxy": "pets/dog/1"}),
        ("GET", "/", "$default", {}),
        ("GET", "/pets/dog/2/", "GET /pets/{proxy+}", {"proxy": "dog/2/"}),
        ("GET", "/pets/dog/a%2Fb%20c", "GET /pets/dog/{id}", {"id": "a/b c"}),
    ],
)
def test_the_most_specific_route(method: str, path: str, key: str, parameters: dict[str, str]) -> None:
    assert _router(*DOCUMENTED).match(method, path) == (key, parameters)


def test_the_method_comes_before_any_and_paths_before_methods() -> None:
    router = _router("ANY /a", "GET /a", "GET /{x}", "DELETE /{y+}")
    assert router.match("GET", "/a") == ("GET /a", {})
    assert router.match("POST", "/a") == ("ANY /a", {})
    assert router.match("DELETE", "/b") == ("DELETE /{y+}", {"y": "b"})
    assert router.match("PUT", "/b") is None


def test_a_slash_at_the_end_is_another_path() -> None:
    router = _router("GET /a", "GET /b/", "GET /c/{x}", "GET /d/{x+}")
    assert router.match("GET", "/a/") is None
    assert router.match("GET", "/b/") == ("GET /b/", {})
    assert router.match("GET", "/c/") is None
    assert router.match("GET", "/d/") is None
    assert router.match("GET", "/d/e/") == ("GET /d/{x+}", {"x": "e/"})


def test_routes_that_name_their_parameters_differently() -> None:
    router = _router("GET /{a}/x", "POST /{b}/x", "GET /{c}/{d}/y")
    assert router.match("GET", "/1/x") == ("GET /{a}/x", {"a": "1"})
    assert router.match("POST", "/1/x") == ("POST /{b}/x", {"b": "1"})
    assert router.match("GET", "/1/2/y") == ("GET /{c}/{d}/y", {"c": "1", "d": "2"})


_SEGMENTS = st.sampled_from(["a", "b", "{x}", "{y+}"])
_KEYS = st.builds(
    lambda method, parts: f"{method} /" + "/".join(parts[: next((n + 1 for n, p in enumerate(parts) if "+" in p), 9)]),
    st.sampled_from(["GET", "ANY"]),
    st.lists(_SEGMENTS, min_size=1, max_size=3),
)
_PATHS = st.lists(st.sampled_from(["a", "b", "c", ""]), min_size=1, max_size=4).map(lambda parts: "/" + "/".join(parts))


def _rank(key: str, path: str) -> tuple[int, ...] | None:
    """How a route fits a path, the best first: by the kind of each segment, then by the method; None: not at all."""
    method, _, template = key.partition(" ")
    wanted, given, kinds = template[1:].split("/"), path[1:].split("/"), []
    for place, part in enumerate(wanted):
        if part == "{y+}":
            return (*kinds, 2, method == "ANY") if "/".join(given[place:]) else None
        if place >= len(given) or (part != given[place] and not (part == "{x}" and given[place])):
            return None
        kinds.append(int(part == "{x}"))
    return (*kinds, 0, method == "ANY") if len(wanted) == len(given) else None


@pytest.mark.slow
@given(st.sets(_KEYS, max_size=8), _PATHS)
def test_the_router_agrees_with_its_definition(keys: set[str], path: str) -> None:
    ranked = sorted((rank, key) for key in keys if (rank := _rank(key, path)) is not None)
    found = _router(*keys).match("GET", path)
    assert (found[0] if found else None) == (ranked[0][1] if ranked else None)


def _ok(event: dict[str, Any]) -> dict[str, Any]:
    return {"statusCode": 200, "body": event["routeKey"] + " " + event["rawPath"]}


async def _staged() -> HttpApi:
    api = await new_api(TestCloud())
    await api.function("GET /pets/{id}", _ok)
    await api.v2("CreateStage", StageName="dev", AutoDeploy=True)
    return api


def test_stages_and_addresses() -> None:
    async def run() -> None:
        api = await _staged()
        assert body(await api.ask("GET", "/pets/1")) == b"GET /pets/{id} /pets/1"
        assert body(await api.ask("GET", "/dev/pets/1")) == b"GET /pets/{id} /dev/pets/1"
        path_form = await api.ask("GET", f"/_aws/execute-api/{api.id}/dev/pets/2", host="127.0.0.1:4566")
        assert body(path_form) == b"GET /pets/{id} /dev/pets/2"
        root = await api.ask("GET", f"/_aws/execute-api/{api.id}/pets/2", host="127.0.0.1:4566")
        assert body(root) == b"GET /pets/{id} /pets/2"

    asyncio.run(run())


def test_nothing_there() -> None:
    async def run() -> None:
        api = await _staged()
        for url in ("/", "/pets/1/2", "/dev", "/dev/other", "/pets/1/"):
            answer = await api.ask("GET", url)
            assert (answer.status, body(answer)) == (404, b'{"message":"Not Found"}')
            assert header(answer, "content-type") == "application/json"
            assert len(header(answer, "apigw-requestid") or "") == 16
        assert (await api.ask("POST", "/pets/1")).status == 404
        await api.v2("DeleteStage", StageName="$default")
        assert (await api.ask("GET", "/pets/1")).status == 404
        assert (await api.ask("GET", "/dev/pets/1")).status == 200

    asyncio.run(run())


def test_a_change_shows_only_after_a_deployment() -> None:
    async def run() -> None:
        api = await new_api(TestCloud())
        await api.v2("CreateStage", StageName="prod")
        await api.function("GET /a", _ok)
        assert (await api.ask("GET", "/a")).status == 200
        assert (await api.ask("GET", "/prod/a")).status == 404
        made = await api.v2("CreateDeployment", StageName="prod")
        assert (await api.ask("GET", "/prod/a")).status == 200
        await api.function("GET /b", _ok)
        assert (await api.ask("GET", "/b")).status == 200
        assert (await api.ask("GET", "/prod/b")).status == 404
        await api.v2("CreateDeployment", StageName="prod")
        assert (await api.ask("GET", "/prod/b")).status == 200
        await api.v2("UpdateStage", StageName="prod", DeploymentId=made["DeploymentId"])
        assert (await api.ask("GET", "/prod/b")).status == 404

    asyncio.run(run())


def test_the_default_endpoint_can_be_closed() -> None:
    async def run() -> None:
        api = await _staged()
        await api.v2("UpdateApi", DisableExecuteApiEndpoint=True)
        assert (await api.ask("GET", "/pets/1")).status == 404

    asyncio.run(run())


def test_custom_domains() -> None:
    async def run() -> None:
        api = await _staged()
        call = api.cloud.call
        await call(
            "apigatewayv2",
            "CreateDomainName",
            DomainName="api.example.com",
            DomainNameConfigurations=[
                {"CertificateArn": "arn:aws:acm:us-east-1:000000000000:certificate/x", "EndpointType": "REGIONAL"}
            ],
        )
        await api.v2("CreateApiMapping", DomainName="api.example.com", Stage="dev", ApiMappingKey="v1/shop")
        await api.v2("CreateApiMapping", DomainName="api.example.com", Stage="$default")
        answer = await api.ask("GET", "/v1/shop/pets/1", host="API.example.com")
        assert body(answer) == b"GET /pets/{id} /v1/shop/pets/1"
        assert body(await api.ask("GET", "/pets/7", host="api.example.com")) == b"GET /pets/{id} /pets/7"
        context = api.functions.events[0]["requestContext"]
        assert (context["stage"], context["domainName"], context["domainPrefix"]) == ("dev", "api.example.com", "api")
        await api.v2("UpdateApi", DisableExecuteApiEndpoint=True)
        assert (await api.ask("GET", "/pets/7", host="api.example.com")).status == 200

    asyncio.run(run())


def test_throttling_by_route() -> None:
    async def run() -> None:
        api = await new_api(TestCloud())
        await api.function("GET /a", _ok)
        await api.function("GET /b", _ok)
        await api.v2(
            "UpdateStage",
            StageName="$default",
            DefaultRouteSettings={"ThrottlingBurstLimit": 2, "ThrottlingRateLimit": 1.0},
            RouteSettings={"GET /b": {"ThrottlingBurstLimit": 1, "ThrottlingRateLimit": 1.0}},
        )
        assert [(await api.ask("GET", "/a")).status for _ in range(3)] == [200, 200, 429]
        assert [(await api.ask("GET", "/b")).status for _ in range(2)] == [200, 429]
        refused = await api.ask("GET", "/b")
        assert body(refused) == b'{"message":"Too Many Requests"}'
        api.cloud.clock.advance(1_000_000_000)
        assert [(await api.ask("GET", "/b")).status for _ in range(2)] == [200, 429]

    asyncio.run(run())


def test_a_long_body_is_refused() -> None:
    async def run() -> None:
        api = await new_api(TestCloud())
        await api.function("POST /a", _ok)
        answer = await api.ask("POST", "/a", b"x" * (10 * 1024 * 1024 + 1))
        assert (answer.status, body(answer)) == (413, b'{"message":"Request Entity Too Large"}')
        assert (await api.ask("POST", "/a", b"x" * 100)).status == 200
        assert (await api.ask("POST", "/a", b"x" * (7 * 1024 * 1024))).status == 413

    asyncio.run(run())
