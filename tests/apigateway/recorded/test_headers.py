"""Headers that API Gateway keeps to itself, sends on under other names, or refuses to map."""

from __future__ import annotations

import json
from typing import Any

import pytest

from lambent.contracts.http import Response
from tests.execute.rest.making import echo

from .building import MEDIA, Building, kind, said, uri
from .test_backends import URL, raw
from .test_backends import echo as backend_echo
from .wire import Like

NAMES = (
    *("Accept", "Accept-Charset", "Accept-Encoding", "Age", "Authorization", "Connection", "Content-Encoding"),
    *("Content-Length", "Content-MD5", "Content-Type", "Date", "Expect", "Host", "Max-Forwards", "Pragma"),
    *("Proxy-Authenticate", "Range", "Referer", "Server", "TE", "Trailer", "Transfer-Encoding", "Upgrade"),
    *("User-Agent", "Via", "WWW-Authenticate", "Warn"),
)
SENT = {
    "Accept": "application/json",
    "Accept-Charset": "UTF-8",
    "Accept-Encoding": "br",
    "Age": "request_Age",
    "Authorization": "Unauthorized",
    "Content-Encoding": "deflate",
    "Content-Type": "application/json",
    "Date": "Wed, 21 Oct 2015 07:28:00 GMT",
    "Pragma": "cache",
    "Range": "bytes=500-999",
    "Referer": "https://example.com/",
    "User-Agent": "localStack/0.0",
    "Via": "1.1 fred",
    "Warn": "299 localStack/0.0",
}
"""What a client sends and backends are told of."""
HIDDEN = {
    "Connection": "keep-alive",
    "Content-Length": "0",
    "Content-MD5": "request_Content-MD5",
    "Expect": "100-continue",
    "Max-Forwards": "1",
    "Proxy-Authenticate": "request_Proxy-Authenticate",
    "Server": "request_Server",
    "TE": "trailers",
    "Trailer": "Expires",
    "Upgrade": "websocket",
    "WWW-Authenticate": "request_WWW-Authenticate",
}
"""What a client sends and nobody behind API Gateway is told of."""
REMAPPED = (
    *("Authorization", "Connection", "Content-Length", "Content-MD5", "Date", "Expect", "Host", "Max-Forwards"),
    *("Proxy-Authenticate", "Server", "Trailer", "Upgrade", "User-Agent", "WWW-Authenticate"),
)
MAPPED = {
    "Accept": "text/html",
    "Accept-Charset": "UTF-16",
    "Accept-Encoding": "zstd",
    "Age": "request_params_age",
    "Authorization": "request_params_authorization",
    "Content-Encoding": "compress",
    "Content-MD5": "request_params_Content-MD5",
    "Content-Type": "application/json",
    "Date": "Wed, 21 Oct 2015 07:28:00 GMT",
    "Host": "mapped.example",
    "Max-Forwards": "2",
    "Pragma": "no-cache",
    "Range": "bytes=0-499",
    "Referer": "https://example.com/page",
    "Server": "https://example.com/page",
    "Trailer": "user-agent",
    "Upgrade": "HTTP/2.0",
    "User-Agent": "Override-Agent",
    "Warn": '110 anderson/1.3.37 "Response is stale"',
    "WWW-Authenticate": "Basic YWxhZGRpbjpvcGVuc2VzYW1l",
}
REFUSED = {
    "AWS": ["Authorization", "Connection", "Content-Length", "Expect", "Proxy-Authenticate", "TE", "Transfer-Encoding"],
    "HTTP": ["Content-Length", "Transfer-Encoding"],
}
TEMPLATE = "{" + ", ".join(f'"{name}": "$input.params(\'{name}\')"' for name in NAMES) + "}"


def integration(type_: str, **mapped: str) -> dict[str, Any]:
    """An integration that sends headers on."""
    where = URL if type_ == "HTTP" else uri("echo")
    parameters = {f"integration.request.header.{name}": f"'{value}'" for name, value in mapped.items()}
    return {"type": type_, "uri": where, "integrationHttpMethod": "POST", "requestParameters": parameters}


def headers(answer: Response) -> dict[str, str]:
    """An answer's headers without those of every answer."""
    found = dict(answer.headers)
    assert found.pop("x-amzn-RequestId") == Like("[0-9a-f-]{36}")
    assert found.pop("x-amz-apigw-id") == Like(".+")
    return found


@pytest.mark.recorded("TestApiGatewayHeaderRemapping::test_apigateway_header_remapping_aws[AWS]")
@pytest.mark.recorded("TestApiGatewayHeaderRemapping::test_apigateway_header_remapping_aws[AWS_PROXY]")
@pytest.mark.recorded("TestApiGatewayHeaderRemapping::test_apigateway_header_remapping_http[HTTP]")
@pytest.mark.parametrize(
    ("type_", "name"),
    [
        *(("AWS", name) for name in REFUSED["AWS"]),
        *(("AWS_PROXY", name) for name in REFUSED["AWS"]),
        *(("HTTP", name) for name in REFUSED["HTTP"]),
    ],
)
async def test_headers_that_are_not_mapped(type_: str, name: str) -> None:
    api = await Building.begin()
    api.functions(echo=echo)
    api.backend(raw)
    await api.method("/", "GET", integration(type_, **{name: "value"}))
    await api.deploy()
    answer = await api.send("GET", "/", headers={**SENT, **HIDDEN})
    assert (answer.status, said(answer)) == (500, {"message": "Internal server error"})
    assert kind(answer) == "InternalServerErrorException"
    assert headers(answer) == {"Content-Type": MEDIA, "x-amzn-ErrorType": "InternalServerErrorException"}


async def whole(type_: str, **mapped: str) -> tuple[Response, dict[str, Any]]:
    """What comes of all headers mapped back, and of a body that tells what templates saw of those of the request."""
    api = await Building.begin()
    api.functions(echo=lambda event: event)
    api.backend(backend_echo)
    response = {
        "responseParameters": {f"method.response.header.{name}": f"'response_param_{name}'" for name in NAMES},
        "responseTemplates": {},
    }
    templates = {"requestTemplates": {MEDIA: TEMPLATE}}
    await api.method("/", "GET", {**integration(type_, **mapped), **templates}, response=response)
    await api.deploy()
    answer = await api.send("GET", "/", headers={**SENT, **HIDDEN})
    assert answer.status == 200
    return answer, {**dict.fromkeys(NAMES, ""), **SENT, "Host": f"{api.id}.execute-api.localhost:4566"}


@pytest.mark.recorded("TestApiGatewayHeaderRemapping::test_apigateway_header_remapping_aws[AWS]")
@pytest.mark.recorded("TestApiGatewayHeaderRemapping::test_apigateway_header_remapping_http[HTTP]")
@pytest.mark.parametrize("type_", ["AWS", "HTTP"])
async def test_headers_are_mapped(type_: str) -> None:
    mapped = {name: value for name, value in MAPPED.items() if name not in REFUSED[type_]}
    answer, seen = await whole(type_, **mapped)
    body = said(answer)
    if type_ == "AWS":
        assert body == seen
    else:
        assert body["data"] == seen
        api = seen["Host"].partition(".")[0]
        own = {"x-amzn-apigateway-api-id": api, "x-amzn-trace-id": Like("Root=1-.*")}
        assert body["headers"] == {**{name.lower(): value for name, value in mapped.items()}, **own}
    sent = headers(answer)
    assert sent.pop("X-Amzn-Trace-Id") == Like("Root=1-.*")
    assert sent == {
        (f"x-amzn-Remapped-{name}" if name in REMAPPED else name): f"response_param_{name}"
        for name in NAMES
        if name != "Transfer-Encoding"
    }


@pytest.mark.recorded("TestApiGatewayHeaderRemapping::test_apigateway_header_remapping_aws[AWS]")
@pytest.mark.recorded("TestApiGatewayHeaderRemapping::test_apigateway_header_remapping_http[HTTP]")
@pytest.mark.parametrize("type_", ["AWS", "HTTP"])
async def test_headers_without_mappings(type_: str) -> None:
    api = await Building.begin()
    api.functions(echo=lambda event: event)
    api.backend(backend_echo)
    await api.method("/", "GET", integration(type_))
    await api.deploy()
    answer = await api.send("GET", "/", headers={**SENT, **HIDDEN})
    assert headers(answer) == {"Content-Type": MEDIA, "X-Amzn-Trace-Id": Like("Root=1-.*")}
    if type_ == "AWS":
        assert said(answer) == {}
    else:
        assert said(answer)["data"] == ""
        assert said(answer)["headers"] == {
            "accept": MEDIA,
            "user-agent": f"AmazonAPIGateway_{api.id}",
            "x-amzn-apigateway-api-id": api.id,
            "x-amzn-trace-id": Like("Root=1-.*"),
        }


@pytest.mark.recorded("TestApiGatewayHeaderRemapping::test_apigateway_header_remapping_aws[AWS_PROXY]")
@pytest.mark.parametrize("mapped", [{}, {k: v for k, v in MAPPED.items() if k not in REFUSED["AWS"]}])
async def test_headers_of_a_proxy(mapped: dict[str, str]) -> None:
    api = await Building.begin()
    api.functions(echo=echo)
    response = {"responseParameters": {f"method.response.header.{name}": "'x'" for name in NAMES}}
    await api.method("/", "GET", integration("AWS_PROXY", **mapped), response=response if mapped else {})
    await api.deploy()
    answer = await api.send("GET", "/", headers={**SENT, **HIDDEN})
    assert answer.status == 200
    assert headers(answer) == {"Content-Type": MEDIA, "X-Amzn-Trace-Id": Like("Root=1-.*")}
    event = json.loads(bytes(answer.body))  # type: ignore[arg-type]
    assert event["body"] is None
    assert event["headers"] == {
        **SENT,
        "Host": f"{api.id}.execute-api.localhost:4566",
        "X-Amzn-Trace-Id": Like("Root=1-.*"),
        "X-Forwarded-For": "127.0.0.1",
        "X-Forwarded-Port": "4566",
        "X-Forwarded-Proto": "http",
    }
