"""Parameter mappings of REST APIs, and expressions of HTTP and WebSocket APIs."""

from __future__ import annotations

import pytest

from lambent.execute.mapping import MappingError, Scope, parameters
from lambent.execute.mapping.expressions import (
    Answer,
    HttpRequest,
    HttpResponse,
    Sources,
    http_request,
    http_response,
    is_reserved,
    value,
    values,
)

SCOPE = Scope(
    body='{"action": "go", "a": {"b": ["x", {"c": 1}]}, "crlf": "a\\r\\nb", "n": 1.5, "t": true, "z": null}',
    path={"id": "p/1"},
    query={"q": ["1", "2"]},
    headers={"H1": ["a", "b"]},
    context={"requestId": "r", "authorizer": {"k": 7}},
    stage_variables={"v": "sv"},
)


@pytest.mark.parametrize(
    ("source", "expected"),
    [
        ("method.request.header.h1", ["b"]),
        ("method.request.multivalueheader.H1", ["a", "b"]),
        ("method.request.querystring.q", ["2"]),
        ("method.request.multivaluequerystring.q", ["1", "2"]),
        ("method.request.path.id", ["p/1"]),
        ("method.request.body.a.b[0]", ["x"]),
        ("method.request.body.a.b[1]", ['{"c":1}']),
        ("method.request.body.n", ["1.5"]),
        ("method.request.body.t", ["true"]),
        ("method.request.body.z", None),
        ("method.request.body.missing", None),
        ("method.request.header.missing", None),
        ("context.requestId", ["r"]),
        ("context.authorizer.k", ["7"]),
        ("context.authorizer.k.deeper", None),
        ("stageVariables.v", ["sv"]),
        ("stageVariables.w", None),
        ("'a static value'", ["a static value"]),
        ("''", [""]),
        ("something.else", None),
    ],
)
def test_sources_of_a_rest_request(source: str, expected: list[str] | None) -> None:
    made = parameters.rest_request({"integration.request.querystring.x": source}, SCOPE)
    assert made.query == ({} if expected is None else {"x": expected})


def test_targets_of_a_rest_request() -> None:
    mappings = {
        "integration.request.header.foobar": "'mapped-value'",
        "integration.request.path.name": "method.request.path.id",
        "integration.request.querystring.body": "method.request.body",
        "integration.request.nowhere.x": "'x'",
    }
    made = parameters.rest_request(mappings, SCOPE)
    assert (made.headers, made.path) == ({"foobar": ["mapped-value"]}, {"name": "p/1"})
    assert made.query == {"body": [SCOPE.body.decode()]}


@pytest.mark.parametrize("name", sorted(parameters.REFUSED_OF_AWS))
def test_headers_that_an_aws_integration_may_not_set(name: str) -> None:
    mapping = {f"integration.request.header.{name.title()}": "'x'"}
    with pytest.raises(MappingError):
        parameters.rest_request(mapping, SCOPE, refused=parameters.REFUSED_OF_AWS)


def test_a_header_never_becomes_two() -> None:
    with pytest.raises(MappingError):
        parameters.rest_request({"integration.request.header.a": "method.request.body.crlf"}, SCOPE)
    with pytest.raises(MappingError):
        parameters.rest_response({"method.response.header.a": "integration.response.body.crlf"}, SCOPE, {})
    request = HttpRequest({}, {}, "/")
    with pytest.raises(MappingError):
        http_request({"append:header.a": "$request.body.crlf"}, request, Sources(SCOPE))


def test_headers_of_a_rest_response() -> None:
    mappings = {
        "method.response.header.Location": "integration.response.body.redirect.url",
        "method.response.header.id": "integration.response.header.x-app-id",
        "method.response.header.all": "integration.response.multivalueheader.x-app-id",
        "method.response.header.Access-Control-Allow-Origin": "'*'",
        "method.response.header.request": "context.requestId",
        "method.response.header.none": "integration.response.header.none",
        "method.response.header.who": "method.request.header.h1",
    }
    scope = SCOPE.with_body('{"redirect": {"url": "http://x"}}')
    assert parameters.rest_response(mappings, scope, {"X-App-Id": ["1", "2"]}) == {
        "Location": ["http://x"],
        "id": ["2"],
        "all": ["1", "2"],
        "Access-Control-Allow-Origin": ["*"],
        "request": ["r"],
        "who": ["b"],
    }
    assert parameters.remapped("Content-MD5") == "x-amzn-Remapped-Content-MD5"
    assert parameters.remapped("Via") == "Via"


def test_addresses_are_filled_and_keep_within_what_they_show() -> None:
    filled = parameters.filled
    assert (
        filled("http://h/a/{id}?x={q}", {"id": "b/c?d#e", "q": "1 &y=3"}) == "http://h/a/b%2Fc%3Fd%23e?x=1%20%26y%3D3"
    )
    assert filled("http://h/{proxy}/{all+}/{none}", {"proxy": "a/b", "all": "c/d é"}) == "http://h/a/b/c/d%20%C3%A9/"
    for value_ in ("..", "..;", "a/..;x=1/b", "../x", "a/../../b", "..\\x", ".", "a/./b"):
        for name in ("{id}", "{proxy}", "{proxy+}"):
            with pytest.raises(MappingError):
                filled(f"http://h/{name}", {"id": value_, "proxy": value_})


@pytest.mark.parametrize(
    ("expression", "expected"),
    [
        ("$request.body.action", "go"),
        ("${request.body.action}", "go"),
        ("${request.body.action}-${context.requestId}!${request.body.missing}", "go-r!"),
        ("$request.body.a.b[1]", '{"c":1}'),
        ("$request.body.$.action", "go"),
        ("$request.body", SCOPE.body.decode()),
        ("$request.body..c", None),
        ("$request.body.a[?(@.b)]", None),
        ("$request.header.h1", "a,b"),
        ("$request.querystring.q", "1,2"),
        ("$request.path", "/pets/1"),
        ("$request.path.id", "p/1"),
        ("$context.authorizer.k", "7"),
        ("$stageVariables.v", "sv"),
        ("$context.missing", None),
        ("$nothing", None),
        ("just text", "just text"),
        ("", ""),
    ],
)
def test_expressions(expression: str, expected: str | None) -> None:
    assert value(expression, Sources(SCOPE, "/pets/1")) == expected


def test_a_body_that_is_no_json_has_no_parts() -> None:
    assert value("$request.body.action", Sources(Scope(body="plain"))) is None
    long = Scope(body='{"a": "' + "x" * 200_000 + '"}')
    assert value("$request.body.a", Sources(long)) is None  # cut at 100 KB, as API Gateway does
    assert len(value("$request.body", Sources(long)) or "") > 200_000


def test_expressions_of_an_answer() -> None:
    answer = Answer(404, {"X": ["1"]}, b'{"type": "no"}')
    known = Sources(SCOPE, "", answer)
    assert value("$integration.response.body.type", known) == "no"
    assert value("${integration.response.statuscode}", known) == "404"
    assert value("$response.header.x", known) == "1"


def test_values_of_a_service_integration() -> None:
    asked = {"QueueUrl": "http://q", "MessageBody": "$request.body.action", "DelaySeconds": "$request.body.none"}
    assert values(asked, Sources(SCOPE)) == {"QueueUrl": "http://q", "MessageBody": "go"}


def test_a_request_of_an_http_api_is_changed() -> None:
    mappings = {
        "append:header.header2": "$request.header.h1",
        "remove:header.H1": "''",
        "append:header.keep": "new",
        "overwrite:header.over": "new",
        "append:querystring.q": "3",
        "overwrite:querystring.r": "$request.querystring.q",
        "remove:querystring.gone": "",
        "overwrite:path": "/to${request.path}",
        "append:header.none": "$request.body.none",
        "overwrite:header.Authorization": "stolen",
    }
    request = HttpRequest(
        {"H1": ["a", "b"], "Keep": ["old"], "over": ["old"]}, {"q": ["1", "2"], "gone": ["x"]}, "/pets/1"
    )
    assert http_request(mappings, request, Sources(SCOPE, "/pets/1")) == HttpRequest(
        {"header2": ["a,b"], "keep": ["old", "new"], "over": ["new"]},
        {"q": ["1", "2", "3"], "r": ["1,2"]},
        "/to/pets/1",
    )


@pytest.mark.parametrize("path", ["/a/../b", "..", "/a b", "/a\r\nX: y", "/\\..\\x"])
def test_a_path_that_leads_elsewhere_is_refused(path: str) -> None:
    with pytest.raises(MappingError):
        http_request({"overwrite:path": path}, HttpRequest({}, {}, "/"), Sources(SCOPE))


def test_a_response_of_an_http_api_is_changed() -> None:
    mappings = {"append:header.header1": "$context.requestId", "overwrite:statuscode": "403", "remove:header.B": ""}
    answer = Answer(500, {"A": ["1", "2"], "b": ["3"]}, b"")
    assert http_response(mappings, answer, Sources(SCOPE)) == HttpResponse(403, {"a": ["1", "2"], "header1": ["r"]})
    assert http_response({"overwrite:statuscode": "abc"}, answer, Sources(SCOPE)).status == 500


def test_reserved_headers() -> None:
    for name in ("Authorization", "x-amz-date", "X-Amzn-RequestId", "access-control-allow-origin", "apigw-id", "Via"):
        assert is_reserved(name)
    assert not is_reserved("x-my-header")


@pytest.mark.slow
def test_a_long_host_is_none_and_soon() -> None:
    assert parameters.same_host("http://{a}{b}{c}.example/x", "http://xyz.example/x")
    assert not parameters.same_host("http://{a}{b}{c}{d}.example/x", f"http://{'a' * 20_000}/x")
    assert not parameters.same_host("http://{a}{b}{c}.example/x", f"http://{'a' * 290}/x")
