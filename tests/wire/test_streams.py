"""Streams of events as they are sent while they happen, and bodies that clients compress."""

from __future__ import annotations

import gzip
from collections.abc import AsyncIterator
from typing import Any

import pytest
from botocore.eventstream import EventStreamBuffer

from lambent import wire
from lambent.contracts.errors import ServiceError, generic
from lambent.contracts.http import BytesBody, Request
from lambent.wire import Route
from lambent.wire.compression import DECODED_BYTES_MAX, gunzip

INVOKE = Route("lambda", "InvokeWithResponseStream", "rest-json")
TAIL = Route("logs", "StartLiveTail", "json")


async def messages(route: Route, result: dict[str, Any]) -> list[tuple[dict[str, Any], bytes]]:
    response = wire.codec(route).serialize(result, "request-1")
    assert ("content-type", "application/vnd.amazon.eventstream") in response.headers
    buffer = EventStreamBuffer()
    if isinstance(response.body, bytes):
        buffer.add_data(response.body)
    else:
        async for piece in response.body:  # type: ignore[union-attr]
            buffer.add_data(piece)
    return [(message.headers, message.payload) for message in buffer]


async def test_events_leave_as_they_happen() -> None:
    async def events() -> AsyncIterator[dict[str, Any]]:
        yield {"PayloadChunk": {"Payload": b"one"}}
        yield {"InvokeComplete": {"ErrorCode": "E", "LogResult": "l"}}

    chunk, complete = await messages(INVOKE, {"StatusCode": 200, "EventStream": events()})
    assert chunk == (
        {":message-type": "event", ":event-type": "PayloadChunk", ":content-type": "application/octet-stream"},
        b"one",
    )
    assert complete[1] == b'{"ErrorCode":"E","LogResult":"l"}'


async def test_an_error_ends_a_stream_as_an_event() -> None:
    async def events() -> AsyncIterator[dict[str, Any]]:
        yield {"sessionUpdate": {"sessionResults": []}}
        raise generic("SessionTimeoutException", "too long")

    first, update, error = await messages(TAIL, {"responseStream": events()})
    assert first[0][":event-type"] == "initial-response"
    assert update[0][":event-type"] == "sessionUpdate"
    assert error[0][":exception-type"] == "SessionTimeoutException"
    assert error[1] == b'{"message":"too long"}'


async def test_an_error_that_the_stream_does_not_have_is_told_by_its_code() -> None:
    async def events() -> AsyncIterator[dict[str, Any]]:
        raise generic("Surprise", "oh")
        yield {}

    (error,) = await messages(INVOKE, {"EventStream": events()})
    assert error == ({":message-type": "error", ":error-code": "Surprise", ":error-message": "oh"}, b"")


def test_a_compressed_form_names_its_action() -> None:
    body = gzip.compress(b"Action=PutMetricData&Version=2010-08-01&Namespace=n")
    scope = "AWS4-HMAC-SHA256 Credential=AK/20240102/us-east-1/monitoring/aws4_request"
    headers = {"content-type": "application/x-www-form-urlencoded", "content-encoding": "gzip", "authorization": scope}
    request = Request("POST", "/", "", headers, BytesBody(body))
    route = wire.identify(request, ())
    assert route is not None
    route = wire.resolve(route, request, body)
    assert route.operation == "PutMetricData"
    assert wire.codec(route).parse(route, request, body) == {"Namespace": "n"}
    assert request.headers["content-encoding"] == "gzip"


def test_an_objects_encoding_is_its_own() -> None:
    headers = {"content-encoding": "gzip", "host": "localhost"}
    request = Request("PUT", "/b/k", "", headers, BytesBody(b"not gzip"))
    route = wire.identify(request, ())
    assert route is not None
    assert wire.codec(route).parse(route, request, request.body)["ContentEncoding"] == "gzip"


@pytest.mark.parametrize("body", [b"", b"no", gzip.compress(b"x")[:-1], gzip.compress(b"x") + b"y"])
def test_what_is_not_one_gzip_stream_is_refused(body: bytes) -> None:
    with pytest.raises(ServiceError) as caught:
        gunzip(body)
    assert caught.value.code == "SerializationException"


@pytest.mark.slow
def test_a_small_body_cannot_become_a_huge_one() -> None:
    assert len(gunzip(gzip.compress(bytes(DECODED_BYTES_MAX)))) == DECODED_BYTES_MAX
    with pytest.raises(ServiceError) as caught:
        gunzip(gzip.compress(bytes(DECODED_BYTES_MAX + 1)))
    assert caught.value.code == "RequestEntityTooLargeException"


def test_a_result_replaces_headers_of_the_same_name() -> None:
    result = {
        "StatusCode": 200,
        "Payload": b"{}",
        "ResponseMetadata": {"HTTPStatusCode": 202, "HTTPHeaders": {"Content-Type": "application/json", "X-More": 1}},
    }
    response = wire.codec(Route("lambda", "Invoke", "rest-json")).serialize(result, "request-1")
    assert response.status == 202
    assert [value for name, value in response.headers if name == "content-type"] == ["application/json"]
    assert ("x-more", "1") in response.headers
