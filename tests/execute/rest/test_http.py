"""HTTP and HTTP_PROXY integrations, with a client that answers without a network."""

from __future__ import annotations

import gzip
from typing import Any

import orjson
import pytest

from lambent.execute.testing import TestingRoom
from lambent.kit import calling
from lambent.services.apigateway import keys
from lambent.services.apigateway.model import ClientCertificate, Integration, IntegrationResponse
from lambent.services.apigateway.testing import Trial
from tests.execute.rest.making import Making, header, json
from tests.support import ACCOUNT, REGION, TestCloud


class Backend(calling.Caller):
    """A client whose calls are kept, and answered by `answer` (an exception is raised)."""

    def __init__(self, cloud: TestCloud, answer: Any = None) -> None:
        super().__init__(cloud.clock)
        self.answer: Any = answer or calling.Answer(200, [("Content-Type", "application/json")], b'{"hello": "world"}')
        self.calls: list[calling.Request] = []

    async def call(
        self, request: calling.Request, timeout_s: float, *, body_bytes_max: int = calling.BODY_BYTES_MAX
    ) -> calling.Answer:
        """Keep the request and answer."""
        calling.place(request.url)
        calling.fields(request, "")
        self.calls.append(request)
        if isinstance(self.answer, Exception):
            raise self.answer
        answer: calling.Answer = self.answer
        return answer

    @property
    def headers(self) -> dict[str, str]:
        """The headers of the last request."""
        return {name.lower(): value for name, value in self.calls[-1].headers}


async def backed(
    kind: str, url: str = "http://backend.example/x", verb: str = "POST", path: str = "/", **fields: Any
) -> tuple[Making, Backend]:
    """An API with one method, and its backend."""
    cloud = TestCloud()
    backend = Backend(cloud)
    cloud.caller = backend
    fields = {"responses": {"200": IntegrationResponse(status_code="200")}, "http_method": verb, **fields}
    media = fields.pop("media", ())
    making = Making(cloud, binary_media_types=media)
    making.method(path, "ANY", Integration(type=kind, uri=url, **fields))
    await making.deploy()
    return making, backend


@pytest.mark.parametrize("kind", ["HTTP", "HTTP_PROXY"])
async def test_an_api_that_leads_to_itself_comes_to_an_end(kind: str) -> None:
    making, backend = await backed(kind)
    trace = "Root=1-6b018b4d-6f674c38757a446fa428b51b"
    for hop in range(10):
        assert (await making.ask("GET", "", headers={"X-Amzn-Trace-Id": trace})).status == 200
        trace = backend.headers["x-amzn-trace-id"]
        assert trace.endswith(f";Lineage=1:{hop + 1}")
    assert (await making.ask("GET", "", headers={"X-Amzn-Trace-Id": trace})).status == 500
    assert len(backend.calls) == 10


async def test_a_stage_shows_its_client_certificate_to_backends() -> None:
    making, backend = await backed("HTTP")
    assert (await making.ask("GET", "")).status == 200
    assert backend.calls[-1].identity is None
    record = ClientCertificate(id="cert01", pem="PEM", private_key="KEY", created_ms=0, expires_ms=0)
    await making.cloud.store.write(lambda tx: keys.certificates.put(tx, record, ACCOUNT, REGION, "cert01"))
    await making.stage(client_certificate="cert01")
    assert (await making.ask("GET", "")).status == 200
    assert backend.calls[-1].identity == calling.Identity("PEM", "KEY")


async def test_http_sends_what_is_mapped_and_little_else() -> None:
    making, backend = await backed("HTTP")
    answer = await making.ask(
        "POST", "?a=1", headers={"User-Agent": "mine", "X-Mine": "1", "Cookie": "a=b"}, body=b'{"message": "hello"}'
    )
    assert (answer.status, json(answer)) == (200, {"hello": "world"})
    [call] = backend.calls
    assert (call.method, call.url, call.body) == ("POST", "http://backend.example/x", b'{"message": "hello"}')
    headers = backend.headers
    assert headers.pop("x-amzn-trace-id") == f"{header(answer, 'X-Amzn-Trace-Id')};Lineage=1:1"
    assert headers == {
        "accept": "application/json",
        "content-type": "application/json",
        "user-agent": "AmazonAPIGateway_abcdefghij",
        "x-amzn-apigateway-api-id": "abcdefghij",
    }


async def test_a_proxy_passes_no_signature_on() -> None:
    making, backend = await backed("HTTP_PROXY")
    signature = (
        "AWS4-HMAC-SHA256 Credential=AKIAQAAAAAAAAAAAAAAA/20260101/us-east-1/execute-api/aws4_request, Signature=0"
    )
    for given, passed in (("Bearer mine", "Bearer mine"), (signature, None)):
        assert (await making.ask("POST", "", headers={"Authorization": given})).status == 200
        assert backend.headers.get("authorization") == passed


async def test_a_proxy_passes_nothing_on_that_was_for_its_own_connection() -> None:
    making, backend = await backed("HTTP_PROXY")
    await making.ask("POST", "", headers={"Connection": "close, X-Hop", "X-Hop": "1", "X-End": "2"})
    assert backend.headers.get("x-end") == "2"
    assert not {"x-hop", "connection"} & set(backend.headers)


async def test_a_log_shows_no_password_of_an_address() -> None:
    making, _ = await backed("HTTP_PROXY", "http://ada:secret@backend.example/x@y")
    room = making.cloud.targets["apigateway"]
    assert isinstance(room, TestingRoom)
    [resource] = making.snapshot().resources
    tested = await room.test_invoke(making.snapshot(), resource, resource.methods["ANY"], Trial(path="/"))
    assert "Sending request to http://backend.example/x@y" in tested.log
    assert "secret" not in tested.log


async def test_http_maps_both_ways() -> None:
    parameters = {
        "integration.request.header.User-Agent": "'Override-Agent'",
        "integration.request.header.x-body": "method.request.body.message",
        "integration.request.querystring.q": "method.request.querystring.a",
        "integration.request.path.id": "method.request.path.id",
    }
    responses = {
        "200": IntegrationResponse(status_code="200"),
        "400": IntegrationResponse(
            status_code="418",
            selection_pattern="4\\d{2}",
            templates={"application/json": "$input.path('$.reason')"},
            parameters={
                "method.response.header.x-reason": "integration.response.header.X-Reason",
                "method.response.header.Server": "'me'",
                "method.response.header.Content-Type": "'text/plain'",
            },
        ),
    }
    making, backend = await backed(
        "HTTP",
        "https://${stageVariables.host}/items/{id}?fixed=1",
        path="/{id}",
        parameters=parameters,
        responses=responses,
    )
    await making.stage(variables={"host": "backend.example"})
    backend.answer = calling.Answer(404, [("x-reason", "none")], b'{"reason": "not here"}')
    answer = await making.ask("PUT", "/a%20b%2Fc?a=1%262", body=b'{"message": "hello"}')
    assert backend.calls[-1].url == "https://backend.example/items/a%20b%2Fc?fixed=1&q=1%262"
    assert (backend.headers["user-agent"], backend.headers["x-body"]) == ("Override-Agent", "hello")
    assert (answer.status, answer.body) == (418, b"not here")
    assert header(answer, "x-reason") == "none"
    assert header(answer, "x-amzn-Remapped-Server") == "me"
    assert header(answer, "content-type") == "text/plain"


async def test_a_proxy_passes_everything_through() -> None:
    parameters = {
        "integration.request.path.proxy": "method.request.path.proxy",
        "integration.request.header.headerVar": "method.request.header.foobar",
        "integration.request.querystring.testVar": "method.request.path.proxy",
    }
    making, backend = await backed(
        "HTTP_PROXY", "http://backend.example/v1/{proxy}", verb="ANY", path="/{proxy+}", parameters=parameters
    )
    backend.answer = calling.Answer(
        203,
        [
            ("Content-Type", "text/plain"),
            ("Date", "today"),
            ("Connection", "keep-alive"),
            ("Content-Length", "3"),
            ("x-amzn-RequestId", "theirs"),
            ("Set-Cookie", "a=1"),
            ("Set-Cookie", "b=2"),
            ("Transfer-Encoding", "chunked"),
        ],
        b"abc",
    )
    answer = await making.ask(
        "PUT",
        "/foobar?testVar=bar&x=1&x=2",
        headers={"User-Agent": "test/integration", "foobar": "mapped-value", "X-Forwarded-For": "10.0.0.9", "TE": "x"},
        body=b"body",
        peer="10.1.2.3",
    )
    call = backend.calls[-1]
    assert (call.method, call.body) == ("PUT", b"body")
    assert call.url == "http://backend.example/v1/foobar?testVar=foobar&testVar=bar&x=1&x=2"
    headers = backend.headers
    assert (headers["headervar"], headers["user-agent"]) == ("mapped-value", "test/integration")
    assert headers["x-forwarded-for"] == "10.0.0.9, 10.1.2.3"
    assert not {"te", "host", "content-length"} & set(headers)
    assert (answer.status, answer.body, header(answer, "content-type")) == (203, b"abc", "text/plain")
    remapped = {name.lower(): value for name, value in answer.headers if name.lower().startswith("x-amzn-remapped-")}
    assert remapped == {
        "x-amzn-remapped-date": "today",
        "x-amzn-remapped-connection": "keep-alive",
        "x-amzn-remapped-content-length": "3",
        "x-amzn-remapped-x-amzn-requestid": "theirs",
    }
    assert [value for name, value in answer.headers if name.lower() == "set-cookie"] == ["a=1", "b=2"]
    assert header(answer, "transfer-encoding") is None


@pytest.mark.parametrize(
    "path", ["/../admin", "/a/../../admin", "/%2e%2e/admin", "/..%2fadmin", "/%2E%2E%5Cadmin", "/a/%2e%2e%2f%2e%2e/b"]
)
async def test_no_path_leads_out_of_the_backends_part(path: str) -> None:
    parameters = {"integration.request.path.proxy": "method.request.path.proxy"}
    making, backend = await backed(
        "HTTP_PROXY", "http://backend.example/public/{proxy}", verb="ANY", path="/{proxy+}", parameters=parameters
    )
    answer = await making.ask("GET", path)
    assert (answer.status, json(answer)) == (403, {"message": "Missing Authentication Token"})
    assert backend.calls == []


async def test_no_mapped_value_leads_out_of_the_backends_part() -> None:
    parameters = {"integration.request.path.id": "method.request.querystring.id"}
    making, backend = await backed("HTTP", "http://backend.example/public/{id}", verb="GET", parameters=parameters)
    for value in ("..", "../admin", "a/%2e%2e/%2e%2e/admin", "..%5Cadmin"):
        assert (await making.ask("GET", f"?id={value}")).status == 500
    assert backend.calls == []
    await making.ask("GET", "?id=a..b")
    assert backend.calls[-1].url == "http://backend.example/public/a..b"


async def test_no_value_becomes_a_header_or_a_part_of_the_url() -> None:
    parameters = {
        "integration.request.header.x-q": "method.request.querystring.q",
        "integration.request.querystring.q": "method.request.querystring.q",
        "integration.request.path.id": "method.request.path.id",
    }
    making, backend = await backed("HTTP", "http://backend.example/{id}/end", path="/{id}", parameters=parameters)
    answer = await making.ask("GET", "/a?q=1%0d%0aX-Evil:%201")
    assert answer.status == 500
    assert backend.calls == []
    await making.ask("GET", "/a%3Fx=1%23y?q=1%26z=2")
    assert backend.calls[-1].url == "http://backend.example/a%3Fx=1%23y/end?q=1%26z%3D2"
    backend.answer = calling.Answer(200, [("x-q", "a")], orjson.dumps({"v": "1\r\nX-Evil: 1"}))


async def test_no_value_of_a_backend_becomes_a_header() -> None:
    responses = {
        "200": IntegrationResponse(
            status_code="200", parameters={"method.response.header.x-v": "integration.response.body.v"}
        )
    }
    making, backend = await backed("HTTP", responses=responses)
    backend.answer = calling.Answer(200, [], orjson.dumps({"v": "1\r\nX-Evil: 1"}))
    answer = await making.ask("GET", "")
    assert answer.status == 500
    assert header(answer, "x-evil") is None


async def test_the_nodes_own_doors_are_no_backends() -> None:
    for url in ("http://127.0.0.1:4566/_lambent/mail", "file:///etc/passwd", "http://a b/"):
        making, backend = await backed("HTTP_PROXY", url, verb="GET")
        answer = await making.ask("GET", "")
        assert answer.status == 500, url
        assert backend.calls == []


@pytest.mark.parametrize(
    ("error", "status", "text"),
    [
        (calling.TooLate("x"), 504, "Endpoint request timed out"),
        (calling.Unreachable("x"), 504, "Network error communicating with endpoint"),
        (calling.TooLarge("x"), 500, "Internal server error"),
        (ValueError("x"), 500, "Internal server error"),
    ],
)
async def test_backends_that_do_not_answer(error: Exception, status: int, text: str) -> None:
    for kind in ("HTTP", "HTTP_PROXY"):
        making, backend = await backed(kind)
        backend.answer = error
        answer = await making.ask("POST", "")
        assert (answer.status, json(answer)) == (status, {"message": text})
        assert header(answer, "x-amzn-ErrorType") == "InternalServerErrorException"


async def test_a_coded_answer_is_decoded_and_a_binary_one_kept() -> None:
    making, backend = await backed("HTTP_PROXY", verb="GET", media=("image/*",))
    text = [("Content-Type", "text/plain"), ("Content-Encoding", "gzip")]
    backend.answer = calling.Answer(200, text, gzip.compress(b"text" * 100))
    answer = await making.ask("GET", "")
    assert (answer.body, header(answer, "content-encoding")) == (b"text" * 100, None)
    backend.answer = calling.Answer(200, text, gzip.compress(bytes(20 << 20)))
    assert (await making.ask("GET", "")).status == 500, "a small answer that becomes too large"
    backend.answer = calling.Answer(200, [("Content-Type", "image/png")], b"\xff\x00")
    assert (await making.ask("GET", "", headers={"Accept": "image/png"})).body == b"\xff\x00"
    assert (await making.ask("GET", "")).body == b"/wA="


async def test_a_vpc_link_leads_to_the_url() -> None:
    making, backend = await backed(
        "HTTP_PROXY", verb="GET", connection_type="VPC_LINK", connection_id="${stageVariables.link}", tls_insecure=True
    )
    assert (await making.ask("GET", "")).status == 200
    assert (backend.calls[-1].url, backend.calls[-1].verified) == ("http://backend.example/x", False)
