"""The front door of a whole cloud in memory: requests in bytes, answers in bytes."""

from __future__ import annotations

import base64
import json
from collections.abc import AsyncIterator, Callable
from functools import partial
from typing import Any

import pytest
from botocore.auth import S3SigV4Auth, SigV4Auth
from botocore.awsrequest import AWSRequest
from botocore.credentials import Credentials

from lambent import doors
from lambent.blobs.digests import digest
from lambent.blobs.errors import BlobsUnreachable
from lambent.contracts.clock import SystemClock
from lambent.contracts.http import BytesBody, Request, Response
from lambent.gateway.rooms import FrontDoor
from lambent.kv.errors import StoreUnreachable
from tests.support import TestCloud

HOST = "127.0.0.1:4566"


def front_door() -> FrontDoor:
    cloud = TestCloud()
    cloud.clock.advance(SystemClock().now_ns() - cloud.clock.now_ns())  # botocore signs with the machine's time
    return FrontDoor(
        cloud, cloud.api, bases=("localhost",), doors=doors.DOORS, branches=doors.BRANCHES, decorate=doors.allow_origin
    )


def signed(service: str, method: str, path: str, body: bytes = b"", secret: str = "test", **headers: str) -> Request:
    named = {name.replace("_", "-"): value for name, value in headers.items()}
    request = AWSRequest(method=method, url=f"http://{HOST}{path}", data=body, headers={"Host": HOST, **named})
    if "x_amz_trailer" in headers:
        request.context["checksum"] = {"request_algorithm": {"in": "trailer"}}
    auth = S3SigV4Auth if service == "s3" else SigV4Auth
    auth(Credentials("test", secret), service, "us-east-1").add_auth(request)
    found = {name.lower(): value for name, value in request.headers.items()}
    bare, _, query = path.partition("?")
    return Request(method, bare, query, found, BytesBody(body), id="request-1")


def form(action: str, **fields: str) -> bytes:
    return "&".join(f"{name}={value}" for name, value in {"Action": action, **fields}.items()).encode()


FORM = {"content_type": "application/x-www-form-urlencoded"}


def text(response: Response) -> str:
    assert isinstance(response.body, bytes)
    return response.body.decode()


async def test_a_signed_request_reaches_its_operation() -> None:
    answer = await front_door()(signed("sts", "POST", "/", form("GetCallerIdentity", Version="2011-06-15"), **FORM))
    assert answer.status == 200
    assert "<Arn>arn:aws:iam::000000000000:root</Arn>" in text(answer)


async def test_a_wrong_secret_is_refused() -> None:
    answer = await front_door()(
        signed("sts", "POST", "/", form("GetCallerIdentity", Version="2011-06-15"), secret="wrong", **FORM)
    )
    assert answer.status == 403
    assert "<Code>SignatureDoesNotMatch</Code>" in text(answer)


@pytest.mark.parametrize(
    ("ask", "status", "said"),
    [
        (partial(signed, "kinesis", "POST", "/", b"{}", x_amz_target="Kinesis_20131202.ListStreams"), 501, "kinesis"),
        (partial(signed, "lambda", "GET", "/2020-04-22/code-signing-configs/"), 501, "ListCodeSigningConfigs"),
        (partial(signed, "iam", "POST", "/", form("Fly", Version="2010-05-08"), **FORM), 400, "InvalidAction"),
        (partial(signed, "iam", "POST", "/", b"", **FORM), 400, "MissingAction"),
        (
            partial(signed, "s3", "PUT", "/bucket?inventory&id=1", b"<InventoryConfiguration/>"),
            501,
            "PutBucketInventoryConfiguration",
        ),
        (
            partial(signed, "logs", "POST", "/", b"{", x_amz_target="Logs_20140328.DescribeLogGroups"),
            400,
            "Serialization",
        ),
    ],
)
async def test_what_cannot_be_done_is_said_by_name(ask: Callable[[], Request], status: int, said: str) -> None:
    answer = await front_door()(ask())  # signed now: tests are collected long before they run
    assert answer.status == status
    assert said in text(answer)


@pytest.mark.parametrize(
    ("method", "path", "headers", "body", "status", "code"),
    [
        ("POST", "/", FORM, form("GetCallerIdentity", Version="2011-06-15"), 403, "MissingAuthenticationToken"),
        ("POST", "/", FORM, form("ListUsers", Version="2010-05-08"), 403, "MissingAuthenticationToken"),
        (
            "POST",
            "/",
            {"x_amz_target": "Logs_20140328.DescribeLogGroups"},
            b"{}",
            400,
            "MissingAuthenticationTokenException",
        ),
        ("GET", "/", {}, b"", 403, "AccessDenied"),
    ],
)
async def test_who_must_sign_and_does_not(
    method: str, path: str, headers: dict[str, str], body: bytes, status: int, code: str
) -> None:
    named = {"host": HOST, **{name.replace("_", "-"): value for name, value in headers.items()}}
    answer = await front_door()(Request(method, path, "", named, BytesBody(body), id="request-1"))
    assert answer.status == status
    assert code in text(answer)


async def test_a_wrong_digest_is_told_before_anything_is_done() -> None:
    door = front_door()
    assert (await door(signed("s3", "PUT", "/bucket"))).status == 200
    document = b"<VersioningConfiguration><Status>Enabled</Status></VersioningConfiguration>"
    answer = await door(signed("s3", "PUT", "/bucket?versioning", document, content_md5="1B2M2Y8AsgTpgAmY7PhCfg=="))
    assert answer.status == 400
    assert "<Code>BadDigest</Code>" in text(answer)
    assert "<CalculatedDigest>" in text(answer)
    assert "Enabled" not in text(await door(signed("s3", "GET", "/bucket?versioning")))


@pytest.mark.parametrize(("checksum", "status"), [("NSRBwg==", 400), ("A8uZRQ==", 200)])
async def test_a_digest_that_trails_a_document_is_compared(checksum: str, status: int) -> None:
    door = front_door()
    assert (await door(signed("s3", "PUT", "/bucket"))).status == 200
    document = b"<Delete><Object><Key>k</Key></Object></Delete>"
    assert base64.b64encode(digest(document, "crc32")).decode() == "A8uZRQ=="
    chunked = b"%x\r\n%s\r\n0\r\nx-amz-checksum-crc32:%s\r\n\r\n" % (len(document), document, checksum.encode())
    headers = {"x_amz_trailer": "x-amz-checksum-crc32", "x_amz_decoded_content_length": str(len(document))}
    answer = await door(signed("s3", "POST", "/bucket?delete", chunked, content_encoding="aws-chunked", **headers))
    assert answer.status == status
    assert ("The CRC32 you specified did not match" in text(answer)) is (status == 400)


async def test_half_of_a_parts_address_overwrites_nothing() -> None:
    door = front_door()
    assert (await door(signed("s3", "PUT", "/bucket"))).status == 200
    answer = await door(signed("s3", "PUT", "/bucket/key?partNumber=1", b"x"))
    assert answer.status == 400
    assert "<ArgumentName>partNumber</ArgumentName>" in text(answer)
    answer = await door(signed("s3", "PUT", "/bucket/key?uploadId=u", b"x"))
    assert answer.status == 405
    assert ("Allow", "DELETE, POST, GET") in answer.headers
    assert "<ResourceType>UPLOAD</ResourceType>" in text(answer)
    assert (await door(signed("s3", "GET", "/bucket/key"))).status == 404


async def test_doors_of_s3_name_the_request() -> None:
    door = front_door()
    assert (await door(signed("s3", "PUT", "/bucket"))).status == 200
    rules = (
        b"<CORSConfiguration><CORSRule><AllowedOrigin>*</AllowedOrigin><AllowedMethod>GET</AllowedMethod>"
        b"</CORSRule></CORSConfiguration>"
    )
    assert (await door(signed("s3", "PUT", "/bucket?cors", rules))).status == 200
    asked = {"host": HOST, "origin": "http://page", "access-control-request-method": "GET"}
    answer = await door(Request("OPTIONS", "/bucket/key", headers=asked, id="request-1"))
    assert answer.status == 200
    names = [name.lower() for name, _ in answer.headers]
    assert dict(answer.headers)["x-amz-request-id"] == "request-1"
    assert names.count("x-amz-id-2") == names.count("access-control-allow-origin") == 1


@pytest.mark.slow
async def test_an_upload_of_code_may_be_longer_than_other_bodies() -> None:
    archive = base64.b64encode(bytes(20 << 20)).decode()
    body = json.dumps({"FunctionName": "f", "Role": "arn:aws:iam::000000000000:role/x", "Code": {"ZipFile": archive}})
    answer = await front_door()(signed("lambda", "POST", "/2015-03-31/functions", body.encode()))
    assert answer.status == 400
    assert "cannot be assumed by Lambda" in text(answer), "the body was read and understood"


async def test_a_body_that_is_too_long_is_not_read() -> None:
    body = form("CreateRole", RoleName="x" * (17 << 20))
    answer = await front_door()(signed("iam", "POST", "/", body, **FORM))
    assert answer.status == 413


async def test_a_failure_of_ours_is_an_internal_error_and_says_nothing_else(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    door = front_door()

    async def fail(*_: Any) -> None:
        raise ZeroDivisionError("a secret detail")

    monkeypatch.setattr(door._dispatcher, "run", fail)
    answer = await door(signed("sts", "POST", "/", form("GetCallerIdentity", Version="2011-06-15"), **FORM))
    assert answer.status == 500
    assert "secret" not in text(answer)
    assert "a secret detail" in caplog.text


class Remote:
    """Bodies of another machine, in pieces; `failure` is what the first read meets."""

    def __init__(self, failure: Exception | None = None) -> None:
        self.failure = failure
        self.closed = False

    def slice(self, name: str, offset: int, length: int) -> AsyncIterator[bytes]:
        return self._pieces(length)

    async def _pieces(self, length: int) -> AsyncIterator[bytes]:
        try:
            if self.failure is not None:
                raise self.failure
            yield b"a" * (length - 1)
            yield b"b"
        finally:
            self.closed = True


@pytest.mark.parametrize(
    ("failure", "status", "code"),
    [
        (BlobsUnreachable("cut off"), 503, "ServiceUnavailable"),
        (RuntimeError("a bug"), 500, "InternalError"),
        (None, 200, ""),
    ],
)
async def test_a_body_that_cannot_be_begun_is_told_with_a_status(
    failure: Exception | None, status: int, code: str, caplog: pytest.LogCaptureFixture
) -> None:
    door = front_door()
    await door(signed("s3", "PUT", "/bucket"))
    assert (await door(signed("s3", "PUT", "/bucket/key", b"x" * 100_000))).status == 200
    remote = Remote(failure)
    door._cloud.blobs = remote  # type: ignore[assignment]
    answer = await door(signed("s3", "GET", "/bucket/key"))
    assert answer.status == status
    if failure is not None:
        assert f"<Code>{code}</Code>" in text(answer)
        assert remote.closed
        return
    assert isinstance(answer.body, AsyncIterator)
    assert b"".join([piece async for piece in answer.body]) == b"a" * 99_999 + b"b"
    again = await door(signed("s3", "GET", "/bucket/key"))
    remote.closed = False
    await again.body.aclose()  # type: ignore[union-attr]  # the client went away before it read anything
    assert remote.closed


async def test_a_store_out_of_reach_is_a_503_and_one_line(caplog: pytest.LogCaptureFixture) -> None:
    door = front_door()

    async def away(fn: object) -> None:
        raise StoreUnreachable("the database is away")

    door._cloud.store.read = away  # type: ignore[method-assign, assignment]
    answer = await door(signed("s3", "GET", "/"))
    assert (answer.status, "ServiceUnavailable" in text(answer)) == (503, True)
    assert "the database is away" in caplog.text
    assert "Traceback" not in caplog.text


async def test_readiness_asks_nobody() -> None:
    door = front_door()
    answer = await door(Request("GET", "/_lambent/ready"))
    assert (answer.status, text(answer)) == (200, "ready\n")
    await door._cloud.members.drain()  # type: ignore[attr-defined]
    assert (await door(Request("GET", "/_lambent/ready"))).status == 503


async def test_health_and_unknown_doors() -> None:
    door = front_door()
    answer = await door(Request("GET", "/_lambent/health", headers={"host": HOST}))
    told = json.loads(text(answer))
    assert told["status"] == "ok"
    far = json.loads(text(await door(Request("GET", "/_lambent/health", headers={"host": HOST}, peer="192.0.2.1"))))
    assert set(told) - set(far) == {"pid", "data"}, "what only this machine is told"
    assert (await door(Request("GET", "/_lambent/secret", headers={"host": HOST}))).status == 404
