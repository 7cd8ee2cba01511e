"""HTTP backends behind stages: bodies, headers and parameters on their way there and back."""

from __future__ import annotations

import json
from urllib.parse import parse_qsl, urlsplit

import pytest

from lambent.kit import calling

from .building import MEDIA, Building, kind, said
from .wire import Like

URL = "http://backend.example/"
JSON = [("Content-Type", MEDIA)]
TRACE = Like("Root=1-.*")


def raw(request: calling.Request) -> calling.Answer:
    """Answers the body."""
    return calling.Answer(200, JSON, request.body)


def echo(request: calling.Request) -> calling.Answer:
    """Answers what was asked."""
    query: dict[str, str] = {}
    for name, value in parse_qsl(urlsplit(request.url).query):
        query[name] = f"{query[name]},{value}" if name in query else value
    body = {
        "args": query,
        "data": json.loads(request.body) if request.body else "",
        "headers": {name.lower(): value for name, value in calling.fields(request, "")},
        "method": request.method,
        "path": urlsplit(request.url).path,
    }
    data = json.dumps(body).encode()
    own = [("Connection", "keep-alive"), ("Content-Length", str(len(data))), ("Date", "Tue, 14 Nov 2023 22:13:20 GMT")]
    return calling.Answer(200, [*own, *JSON, ("x-amzn-RequestId", "its own")], data)


BODIES = (b"", b'{"some": "value"}', b"some raw data")
SHOWN = ("{}", '{"some": "value"}', "some raw data")
SEND = "Action=SendMessage&MessageBody="


@pytest.mark.recorded("TestApiGatewayCommon::test_input_body_formatting")
@pytest.mark.parametrize(
    ("request_", "response", "texts"),
    [
        ("$input.body", "$input.body", SHOWN),
        ("$input.body.testAccess", "$input.body", ("{}", "{}", "{}")),
        (f"{SEND}$input.body", "$input.body", [SEND + text for text in SHOWN]),
        ("$input.body", f"{SEND}$input.body", [SEND + text for text in SHOWN]),
        (f"{SEND}$input.body", f"{SEND}$input.body", [SEND + SEND + text for text in SHOWN]),
        (
            "EncodedBody=$util.urlEncode($input.body)&EncodedBodyAccess=$util.urlEncode($input.body.testAccess)",
            "$input.body",
            [
                f"EncodedBody={text}&EncodedBodyAccess="
                for text in ("%7B%7D", "%7B%22some%22%3A+%22value%22%7D", "some+raw+data")
            ],
        ),
    ],
)
async def test_bodies_in_templates(request_: str, response: str, texts: list[str]) -> None:
    api = await Building.begin()
    api.backend(raw)
    http = {"type": "HTTP", "uri": URL, "integrationHttpMethod": "POST", "requestTemplates": {MEDIA: request_}}
    await api.method("/", "POST", http, response={"responseTemplates": {MEDIA: response}})
    await api.deploy()
    for body, text in zip(BODIES, texts, strict=True):
        assert (await api.send("POST", "/", body=body)).body == text.encode()


CLIENT = {
    "Content-Type": MEDIA,
    "User-Agent": "test/integration",
    "Accept-Encoding": "gzip, deflate",
    "Content-Length": "26",
}
HELLO = b'{"message": "hello world"}'


@pytest.mark.recorded("test_http_integration_with_lambda[HTTP]")
@pytest.mark.recorded("test_http_integration_with_lambda[HTTP_PROXY]")
@pytest.mark.parametrize("type_", ["HTTP", "HTTP_PROXY"])
async def test_what_a_backend_is_asked(type_: str) -> None:
    api = await Building.begin()
    api.backend(echo)
    await api.method("/", "POST", {"type": type_, "uri": URL, "integrationHttpMethod": "POST"})
    await api.deploy()
    answer = await api.send("POST", "/", headers={"Accept": "application/xml", **CLIENT}, body=HELLO)
    assert answer.status == 200
    content = said(answer)
    headers = content.pop("headers")
    assert content == {"args": {}, "data": {"message": "hello world"}, "method": "POST", "path": "/"}
    own = {"content-type": MEDIA, "x-amzn-apigateway-api-id": api.id, "x-amzn-trace-id": TRACE}
    given = {name.lower(): value for name, value in answer.headers}
    through = {
        "content-type": MEDIA,
        "x-amz-apigw-id": Like(".+"),
        "x-amzn-requestid": Like("[0-9a-f-]{36}"),
        "x-amzn-trace-id": TRACE,
    }
    if type_ == "HTTP":
        assert headers == {**own, "accept": MEDIA, "user-agent": f"AmazonAPIGateway_{api.id}"}
        assert given == through
    else:
        client = {"accept": "application/xml", "accept-encoding": "gzip, deflate", "user-agent": "test/integration"}
        forwarded = {"x-forwarded-for": "127.0.0.1", "x-forwarded-port": "4566", "x-forwarded-proto": "http"}
        assert headers == {**own, **client, **forwarded}
        assert given == {
            **through,
            "x-amzn-remapped-connection": "keep-alive",
            "x-amzn-remapped-content-length": str(len(bytes(answer.body))),
            "x-amzn-remapped-date": "Tue, 14 Nov 2023 22:13:20 GMT",
            "x-amzn-remapped-x-amzn-requestid": "its own",
        }


@pytest.mark.recorded("test_http_proxy_integration_request_data_mappings")
async def test_parameters_of_a_proxy() -> None:
    api = await Building.begin()
    api.backend(echo)
    source = {
        "method.request.header.foobar": False,
        "method.request.path.pathVariable": True,
        "method.request.querystring.testQueryString": False,
        "method.request.querystring.testVar": False,
    }
    mapped = {
        "integration.request.header.headerVar": "method.request.header.foobar",
        "integration.request.path.qs1": "method.request.querystring.testQueryString",
        "integration.request.querystring.queryString": "method.request.querystring.testQueryString",
        "integration.request.querystring.testQs": "method.request.querystring.testVar",
        "integration.request.querystring.testVar": "method.request.path.pathVariable",
    }
    http = {"type": "HTTP_PROXY", "uri": URL, "integrationHttpMethod": "POST", "requestParameters": mapped}
    await api.method("/{pathVariable}", "POST", http, requestParameters=source)
    await api.deploy()
    sent = {"Accept": MEDIA, "foobar": "mapped-value", "headerVar": "request-value", **CLIENT}
    answer = await api.send("POST", "/foobar?testQueryString=foo&testVar=bar&testQs=foo", headers=sent, body=HELLO)
    assert answer.status == 200
    content = said(answer)
    assert content["args"] == {
        "queryString": "foo",
        "testQs": "bar,foo",
        "testQueryString": "foo",
        "testVar": "foobar,bar",
    }
    headers = content["headers"]
    assert (headers["foobar"], headers["headervar"]) == ("mapped-value", "mapped-value")
    assert (headers["accept"], headers["accept-encoding"]) == (MEDIA, "gzip, deflate")
    assert (headers["content-type"], headers["user-agent"]) == (MEDIA, "test/integration")
    assert (content["method"], content["path"], content["data"]) == ("POST", "/", {"message": "hello world"})


@pytest.mark.recorded("TestApiGatewayImportRestApi::test_import_with_stage_variables")
async def test_a_host_of_a_stage_variable() -> None:
    api = await Building.begin()
    backend = api.backend(echo)
    integration = {
        "type": "http",
        "httpMethod": "POST",
        "uri": "https://${stageVariables.url}/test-path",
        "requestParameters": {"integration.request.querystring.qs_key": "'qs_value'"},
        "responses": {"default": {"statusCode": "200"}},
    }
    operation = {"responses": {"200": {"description": "it"}}, "x-amazon-apigateway-integration": integration}
    paths = {"/path1": {"post": operation}}
    body = json.dumps({"openapi": "3.0.1", "info": {"title": "it", "version": "1"}, "paths": paths}).encode()
    await api.wire.made("PutRestApi", restApiId=api.id, body=body)
    await api.deploy()
    answer = await api.send("POST", "/path1")
    assert (answer.status, said(answer)) == (500, {"message": "Internal server error"})
    assert kind(answer) == "InternalServerErrorException"
    variables = {"url": "backend.example"}
    await api.wire.made("CreateDeployment", restApiId=api.id, stageName="dev", variables=variables)
    answer = await api.send("POST", "/path1")
    assert backend.calls[-1].url.startswith("https://backend.example/test-path?")
    content = said(answer)
    del content["headers"]
    assert (answer.status, content) == (
        200,
        {"args": {"qs_key": "qs_value"}, "data": "", "method": "POST", "path": "/test-path"},
    )
