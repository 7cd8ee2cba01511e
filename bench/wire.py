"""CPU of the wire alone, per request: `python -m bench.wire` prints microseconds for finding, reading and writing."""

from __future__ import annotations

import time
from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any, NamedTuple

from lambent import wire
from lambent.contracts.http import BytesBody, Request

ROUNDS, TURNS = 5, 5000
BASE = {"host": "localhost:4566", "user-agent": "Boto3/1.40", "x-amz-date": "20240102T000000Z", "accept-encoding": "x"}
FORM = {"content-type": "application/x-www-form-urlencoded; charset=utf-8"}
UNSIGNED = {"x-amz-content-sha256": "UNSIGNED-PAYLOAD"}
ITEM = b'{"TableName":"t","Item":{"pk":{"S":"%b"},"sk":{"N":"12"},"n":{"L":[{"S":"a"},{"N":"1"}]}}}' % (b"a" * 200)
OBJECT = {
    "ContentLength": 1024,
    "ETag": '"abc"',
    "LastModified": datetime(2024, 1, 2, 3, 4, 5, tzinfo=UTC),
    "ContentType": "text/plain",
    "AcceptRanges": "bytes",
    "Metadata": {"a": "b"},
}


class Load(NamedTuple):
    """One kind of request, and the result that answers it."""

    name: str
    request: Request
    body: bytes
    result: dict[str, Any]


def load(name: str, service: str, line: str, headers: dict[str, str], body: bytes, result: dict[str, Any]) -> Load:
    """A signed request; `line` is method and path."""
    method, _, path = line.partition(" ")
    scope = f"AWS4-HMAC-SHA256 Credential=AK/20240102/us-east-1/{service}/aws4_request, Signature=0"
    request = Request(method, path, "", {**BASE, "authorization": scope, **headers}, BytesBody(body))
    return Load(name, request, body, result)


def loads() -> list[Load]:
    """What is measured."""
    target = {"x-amz-target": "DynamoDB_20120810.PutItem"}
    upload = {**UNSIGNED, "content-type": "text/plain", "x-amz-checksum-crc32": "AAAAAA==", "x-amz-meta-a": "b"}
    identity = {"UserId": "AK", "Account": "000000000000", "Arn": "arn:aws:iam::000000000000:root"}
    message = b'{"QueueUrl":"http://localhost:4566/000000000000/q","MessageBody":"%b"}' % (b"x" * 200)
    sent = {"MessageId": "1" * 36, "MD5OfMessageBody": "0" * 32}
    key = "/bucket/some/key.txt"
    invoke = "POST /2015-03-31/functions/hello/invocations"
    return [
        load("DynamoDB PutItem", "dynamodb", "POST /", target, ITEM, {}),
        load("SQS SendMessage", "sqs", "POST /", {"x-amz-target": "AmazonSQS.SendMessage"}, message, sent),
        load("S3 PutObject", "s3", f"PUT {key}", upload, b"x" * 1024, {"ETag": '"abc"', "ChecksumCRC32": "AAAAAA=="}),
        load("S3 GetObject", "s3", f"GET {key}", UNSIGNED, b"", {**OBJECT, "Body": b"x" * 1024}),
        load("S3 HeadObject", "s3", f"HEAD {key}", UNSIGNED, b"", OBJECT),
        load("STS GetCallerIdentity", "sts", "POST /", FORM, b"Action=GetCallerIdentity&Version=2011-06-15", identity),
        load("Lambda Invoke", "lambda", invoke, {}, b'{"a":1}', {"StatusCode": 200, "Payload": b'{"a":1}'}),
    ]


def cost_us(work: Callable[[], object]) -> float:
    """Microseconds of CPU of one call, of the best of several rounds."""
    work()
    best = float("inf")
    for _ in range(ROUNDS):
        begin = time.process_time()
        for _ in range(TURNS):
            work()
        best = min(best, (time.process_time() - begin) / TURNS)
    return best * 1e6


def main() -> None:
    """Print the table."""
    print(f"{'':24}{'find':>8}{'read':>8}{'write':>8}")
    for name, request, body, result in loads():

        def find(request: Request = request, body: bytes = body) -> wire.Codec:
            route = wire.identify(request, ("localhost",))
            assert route is not None
            return wire.codec(route if route.operation else wire.resolve(route, request, body))

        codec = find()
        route = wire.Route(codec.service.name, codec.operation.name, "")
        found = wire.identify(request, ("localhost",))
        route = found if found is not None and found.operation else route
        given = request.body if codec.streaming else body
        read = cost_us(
            lambda codec=codec, route=route, given=given, request=request: codec.parse(route, request, given)
        )  # type: ignore[misc]
        write = cost_us(lambda codec=codec, result=result: codec.serialize(result, "request-1"))  # type: ignore[misc]
        print(f"{name:24}{cost_us(find):8.1f}{read:8.1f}{write:8.1f}")


if __name__ == "__main__":
    main()
