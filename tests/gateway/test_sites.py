"""Which requests are told from calls of the AWS API, and what pages of other origins may ask."""

from __future__ import annotations

import pytest

from lambent import sites
from lambent.contracts.http import Request, Response
from tests.support import TestCloud


def named(host: str, path: str = "/", **headers: str) -> str:
    site = sites.find(Request("GET", path, "", {"host": host, **{k.replace("_", "-"): v for k, v in headers.items()}}))
    return "" if site is None else site.__name__.strip("_")


@pytest.mark.parametrize(
    ("host", "path", "expected"),
    [
        ("localhost:4566", "/", ""),
        ("127.0.0.1:4566", "/bucket/key", ""),
        ("[::1]:4566", "/", ""),
        ("192.168.1.4", "/", ""),
        ("abc123.execute-api.localhost:4566", "/prod/books", "apis"),
        ("abc123.execute-api.eu-west-1.amazonaws.com", "/prod", "apis"),
        ("localhost:4566", "/_aws/execute-api/abc123/prod/books", "apis"),
        ("localhost:4566", "/_aws/nothing/x", ""),
        ("shop.s3-website.localhost:4566", "/", "websites"),
        ("www.my.shop.s3-website-eu-west-1.amazonaws.com", "/", "websites"),
        ("localhost", "/_aws/s3-website/shop/index.html", "websites"),
        ("shop.auth.us-east-1.localhost:4566", "/login", "pools"),
        ("localhost", "/us-east-1_AbCdEfGhI/.well-known/jwks.json", "pools"),
        ("localhost", "/bucket/.well-known/jwks.json", ""),
        ("api.example.com", "/", "named"),
        ("pictures.localhost", "/cat.png", "named"),
    ],
)
def test_hosts_and_paths(host: str, path: str, expected: str) -> None:
    assert named(host, path) == expected


def test_a_signed_call_is_no_visit_to_a_domain_of_the_users() -> None:
    assert named("pictures.localhost", authorization="AWS4-HMAC-SHA256 Credential=x") == ""
    assert named("lambent.internal", x_amz_target="DynamoDB_20120810.GetItem") == ""


async def preflight(origin: str, headers: str, path: str = "/") -> Response:
    asked = {
        "host": "localhost:4566",
        "origin": origin,
        "access-control-request-method": "POST",
        "access-control-request-headers": headers,
    }
    return await TestCloud().front(Request("OPTIONS", path, "", asked))


async def test_a_page_of_this_machine_may_sign() -> None:
    answer = await preflight("http://shop.s3-website.localhost:4566", "authorization,x-amz-target,content-type")
    assert answer.status == 200
    assert dict(answer.headers)["access-control-allow-origin"] == "http://shop.s3-website.localhost:4566"
    assert "authorization" in dict(answer.headers)["access-control-allow-headers"]


@pytest.mark.parametrize(
    "origin", ["https://evil.example", "http://localhost.evil.example", "http://evillocalhost", ""]
)
async def test_a_page_of_the_web_may_not_sign_with_a_key_that_everybody_knows(origin: str) -> None:
    answer = await preflight(origin or "null", "authorization,x-amz-target")
    assert answer.status == 403
    assert "access-control-allow-origin" not in dict(answer.headers)


async def test_any_page_may_ask_what_needs_no_signature() -> None:
    answer = await preflight("https://shop.example", "content-type,x-amz-target,x-amz-user-agent")
    assert answer.status == 200
    assert dict(answer.headers)["access-control-allow-origin"] == "https://shop.example"


async def test_a_bucket_decides_for_itself() -> None:
    answer = await preflight("http://localhost:3000", "authorization", "/bucket/key")
    assert answer.status == 403


async def test_a_foreign_page_does_not_see_the_answer_to_a_url_that_is_signed() -> None:
    host = {"host": "localhost:4566", "origin": "https://evil.example"}
    query = (
        "Action=GetCallerIdentity&Version=2011-06-15&X-Amz-Credential=test%2F20261121%2Fus-east-1%2Fsts%2Faws4_request"
    )
    answer = await TestCloud().front(Request("GET", "/", f"{query}&X-Amz-Signature=00", host))
    assert "access-control-allow-origin" not in dict(answer.headers)
    unsigned = await TestCloud().front(Request("GET", "/", "Action=GetCallerIdentity&Version=2011-06-15", host))
    assert dict(unsigned.headers)["access-control-allow-origin"] == "https://evil.example"
