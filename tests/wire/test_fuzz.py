"""Whatever arrives, the wire answers with parameters or with an error of its own; nothing else gets out."""

from __future__ import annotations

import gzip
import json
from urllib.parse import urlencode

import cbor2
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from lambent import wire
from lambent.contracts.errors import ServiceError
from lambent.contracts.http import BytesBody, Request

BASES = ("localhost",)
NAMES = ("s3", "lambda", "iam", "sts", "sqs", "sns", "logs", "dynamodb", "monitoring", "ec2", "apigateway", "nothing")
HOSTS = ("", "localhost", "b.s3.localhost", "lambda.eu-west-1.localhost", "s3-.localhost", ".localhost", "..localhost")
TARGETS = ("DynamoDB_20120810.PutItem", "Logs_20140328.PutLogEvents", "AmazonSQS.SendMessage", "AmazonSQS.", ".", "X.Y")
PATHS = (
    "/",
    "//",
    "/b/k",
    "/b//%00%ff%zz",
    "/2015-03-31/functions/f/invocations",
    "/2015-03-31/functions/%2e%2e/",
    "/service/GraniteServiceVersion20100801/operation/PutMetricData",
    "/service//operation/",
    "*",
    "",
)
QUERIES = (
    "",
    "uploads",
    "max-keys=" + "9" * 5000,
    "max-keys=1&max-keys=x",
    "partNumber=1&uploadId=%ff",
    "Action=ListUsers&Version=2010-05-08",
    "Action=GetCallerIdentity&Action=AssumeRole&Version=2011-06-15",
    "&&==&%&;%u0000",
    "X-Amz-Credential=a/b/c/d/e",
)
TEXT = st.text(st.characters(max_codepoint=255), max_size=30)
HEADERS = st.dictionaries(
    st.sampled_from(
        (
            "content-type",
            "content-encoding",
            "smithy-protocol",
            "x-amz-copy-source",
            "if-modified-since",
            "content-length",
            "range",
            "x-amz-meta-",
            "x-amz-meta-ä",
            "x-amz-object-lock-retain-until-date",
            "x-amz-checksum-sha256",
            "x-amz-optional-object-attributes",
            "host",
            "x-amz-mfa",
        )
    ),
    st.one_of(
        TEXT,
        st.sampled_from(
            (
                "application/x-www-form-urlencoded",
                "multipart/form-data",
                "rpc-v2-cbor",
                "gzip",
                "gzip, gzip",
                "Tue, 99 Foo 99999 99:99:99 GMT",
                "99999999999999999999",
                "-1e999",
                "0001-01-01T00:00:00+14:00",
                "\x00",
                "1" * 5000,
                '"',
                "\\",
                ",,,",
            )
        ),
    ),
    max_size=5,
)
BODIES = st.one_of(
    st.binary(max_size=60),
    st.sampled_from(
        (
            b"[" * 100_000,
            b'{"a":' * 50_000,
            b"<a>" * 50_000,
            b"\x81" * 50_000,
            b"\xc1\xfb\x7f\xef\xff\xff\xff\xff\xff\xff",
            b"\xd9\x01\x02\x01",
            b"\xc0\x61\x30",
            b"\x9b\xff\xff\xff\xff\xff\xff\xff\xff",
            b'{"TableName":"t","Item":{"a":' + b'{"L":[' * 500 + b"]}" * 500 + b"}}",
            b'{"Limit": 1' + b"0" * 5000 + b"}",
            b'{"TableName": "\\ud800", "Item": {"a": {"B": "?"}}}',
            b'{"TableName": null, "Item": [], "ReturnValues": {}}',
            b'{"startTime": 1e400, "nextToken": true, "logGroupName": 1}',
            b'{"QueueUrl": "q", "MessageBody": "\xff"}',
            b"Action=ListUsers&Version=2010-05-08&MaxItems=" + b"9" * 5000,
            b"Action=CreateRole&Version=2010-05-08&Tags.member.1.Key=%ff&Tags.member.999999999999.Key=a",
            b"Action=AssumeRole&Version=2011-06-15&" + b"a." * 500 + b"=1",
            b"Action=Publish&Version=2010-03-31&MessageAttributes.entry.1.Value.BinaryValue=%%%&" + b"a=1&" * 30_000,
            b'<?xml version="1.0"?><!DOCTYPE a [<!ENTITY b "c">]><a>&b;</a>',
            b'<?xml version="1.0" encoding="utf-7"?><a/>',
            b'<?xml version="1.0" encoding="none"?><a/>',
            b"<Delete><Object><Key></Key><Size>x</Size><LastModifiedTime>y</LastModifiedTime></Object><Quiet>z</Quiet></Delete>",
            gzip.compress(b"0" * 40_000_000),
            gzip.compress(b"{}")[:-3],
        )
    ),
    st.recursive(
        st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=5),
        lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner, max_size=3),
        max_leaves=6,
    ).flatmap(lambda value: st.sampled_from((_json(value), cbor2.dumps(value)))),
)


PIECES = (
    "",
    "Tags",
    "member",
    "1",
    "2",
    "entry",
    "key",
    "name",
    "Value",
    "MessageAttributes",
    "BinaryValue",
    "UserName",
)
FORMS = st.lists(
    st.tuples(st.lists(st.sampled_from(PIECES), min_size=1, max_size=6).map(".".join), TEXT), max_size=6
).flatmap(
    lambda fields: st.sampled_from(
        [urlencode([("Action", action), *fields]).encode() for action in ("CreateUser", "Publish", "TagUser")]
    )
)
"""Forms whose names fit the operations' in part."""


def _json(value: object) -> bytes:
    return json.dumps(value).encode("utf-8", "surrogatepass")


def feed(request: Request, body: bytes) -> None:
    """What the gateway does with a request, as far as the wire goes."""
    route = None
    try:
        route = wire.identify(request, BASES)
        if route is None:
            return
        if not route.operation:
            route = wire.resolve(route, request, body)
        if route.operation in (wire.POST_OBJECT, wire.PREFLIGHT):
            return
        wire.check_operation(route)
        codec = wire.codec(route)
        codec.parse(route, request, request.body if codec.streaming else body)
    except ServiceError as error:
        response = wire.plain_error(error, request)
        if route is not None:
            response = wire.codec(route).serialize_error(error, "request-1", request)
        assert 400 <= response.status < 600
        assert isinstance(response.body, bytes)
        assert all("\n" not in value and "\r" not in value for _, value in response.headers)


@settings(max_examples=150)
@given(
    method=st.sampled_from(("GET", "PUT", "POST", "DELETE", "HEAD", "OPTIONS", "PATCH", "BREW")),
    path=st.sampled_from(PATHS) | TEXT.map(lambda text: f"/{text}"),
    query=st.sampled_from(QUERIES) | TEXT,
    headers=HEADERS,
    name=st.sampled_from(NAMES) | TEXT,
    host=st.sampled_from(HOSTS) | TEXT,
    target=st.none() | st.sampled_from(TARGETS) | TEXT,
    body=BODIES,
)
def check_anything(
    method: str, path: str, query: str, headers: dict[str, str], name: str, host: str, target: str | None, body: bytes
) -> None:
    headers = {
        "host": host,
        "authorization": f"AWS4-HMAC-SHA256 Credential=AK/20240102/us-east-1/{name}/aws4_request",
        **headers,
    }
    if target is not None:
        headers["x-amz-target"] = target
    feed(Request(method, path, query, headers, BytesBody(body)), body)


@pytest.mark.slow
def test_nothing_but_service_errors_gets_out() -> None:
    check_anything()


SHAPED = {
    "dynamodb": {"x-amz-target": "DynamoDB_20120810.PutItem"},
    "logs": {"x-amz-target": "Logs_20140328.PutLogEvents"},
    "sqs": {"x-amz-target": "AmazonSQS.SendMessageBatch"},
    "monitoring": {"smithy-protocol": "rpc-v2-cbor"},
    "iam": {"content-type": "application/x-www-form-urlencoded"},
    "sns": {"content-type": "application/x-www-form-urlencoded"},
    "s3": {"content-type": "application/xml"},
    "lambda": {"content-type": "application/json"},
}
PLACES = {
    "monitoring": ("POST", "/service/GraniteServiceVersion20100801/operation/PutMetricData", ""),
    "s3": ("POST", "/b", "delete"),
    "lambda": ("POST", "/2015-03-31/functions", ""),
}


@pytest.mark.slow
@pytest.mark.parametrize("name", SHAPED)
def test_no_body_breaks_an_operation(name: str) -> None:
    """Bodies that reach an operation's own parser."""
    method, path, query = PLACES.get(name, ("POST", "/", ""))
    scope = f"AWS4-HMAC-SHA256 Credential=AK/20240102/us-east-1/{name}/aws4_request"

    @settings(max_examples=60)
    @given(headers=HEADERS, body=BODIES | FORMS if "form" in str(SHAPED[name]) else BODIES)
    @example(headers={}, body=b"")
    def check(headers: dict[str, str], body: bytes) -> None:
        headers = {**headers, "host": "localhost", "authorization": scope, **SHAPED[name]}
        feed(Request(method, path, query, headers, BytesBody(body)), body)

    check()
