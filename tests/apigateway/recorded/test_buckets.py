"""Buckets behind stages: binary bodies and their conversions, as AWS was recorded to answer."""

from __future__ import annotations

import base64
import hashlib
from datetime import datetime
from typing import Any
from xml.etree import ElementTree

import pytest

from lambent.contracts.http import Response
from tests.client import drained
from tests.execute.rest.making import header, role

from .building import MEDIA, Building
from .wire import Of, patch

pytestmark = pytest.mark.slow
ENCODED = b"H4sIABRs7mMC/0vOzy0oSi0uTk1RSEksSdRRKM7IL81JUUhKVcjMK0vMyUxRCA1x07VQKC4pysxLBwC4ORBXLwAAAA=="
RAW = base64.b64decode(ENCODED)
MANGLED = RAW.decode("utf-8", "replace").encode()
TEXT = b"this is a UTF8 text typed object"
ETAGS = {
    ENCODED: '"76020056aa8e57ba307f9264167a34e4"',
    RAW: '"1e5a1bfed5308938e5549848bab02ac6"',
    MANGLED: '"7301f0a0e8fc87c6f03320bf795ffde7"',
    TEXT: '"322a648674040849d29154aa1dce24a5"',
}
CHECKSUMS = {ENCODED: "G1eWyXOlSSo=", RAW: "ZewzxBwEwiY=", MANGLED: "aFeROtBfStk=", TEXT: "+N2eX1bs1YE="}
CRC32 = {ENCODED: "P/3olw==", RAW: "MjWu6g==", TEXT: "DzmB0Q=="}
NAMES = {RAW: "raw", ENCODED: "encoded", MANGLED: "mangled", TEXT: "text"}
PNG, PLAIN = "image/png", "text/plain"
OBJECT = {"Bucket": "pictures", "Key": "a.png"}


def named(value: object) -> str | None:
    """A body's name, for the test's."""
    return NAMES.get(value, "again") if isinstance(value, bytes) else None


class Bucket(Building):
    """An API with a bucket behind it: `/{object_path+}` is an object."""

    async def open(self, handling: str | None = None, response: dict[str, Any] | None = None) -> Bucket:
        """Make the bucket and the methods; PutIntegration's answer is asserted."""
        await self.wire.made("s3.CreateBucket", Bucket="pictures")
        source = {
            "method.request.header.Content-Type": False,
            "method.request.header.response-content-type": False,
            "method.request.path.object_path": True,
        }
        mapped = {
            "integration.request.header.Content-Type": "method.request.header.Content-Type",
            "integration.request.path.object_path": "method.request.path.object_path",
            "integration.request.querystring.response-content-type": "method.request.header.response-content-type",
        }
        resource = await self.resource("/{object_path+}")
        self.where = {"restApiId": self.id, "resourceId": resource, "httpMethod": "ANY"}
        await self.wire.made("PutMethod", **self.where, authorizationType="NONE", requestParameters=source)
        etag = "method.response.header.ETag"
        ok = {**self.where, "statusCode": "200"}
        await self.wire.made("PutMethodResponse", **ok, responseParameters={etag: False})
        given = {
            "type": "AWS",
            "credentials": await role(self.wire.cloud),
            "requestParameters": mapped,
            "uri": "arn:aws:apigateway:us-east-1:s3:path/pictures/{object_path}",
            **({"contentHandling": handling} if handling else {}),
        }
        made = await self.wire.ask("PutIntegration", **self.where, **given, integrationHttpMethod="ANY")
        assert made == (
            201,
            {
                **given,
                "httpMethod": "ANY",
                "cacheKeyParameters": [],
                "cacheNamespace": resource,
                "passthroughBehavior": "WHEN_NO_MATCH",
                "timeoutInMillis": 29000,
            },
        )
        headers = {"responseParameters": {etag: "integration.response.header.ETag"}}
        await self.wire.made("PutIntegrationResponse", **ok, **headers, **(response or {}))
        await self.deploy()
        return self

    async def stored(self) -> dict[str, Any]:
        """The object as S3 shows it."""
        status, found = await self.wire.ask("s3.GetObject", **OBJECT, ChecksumMode="ENABLED")
        assert status == 200
        return found

    async def put(self, body: bytes, kind: str) -> None:
        """Put an object past the API, as recorded."""
        asked = {**OBJECT, "Body": body, "ContentType": kind, "ChecksumCRC32": CRC32[body]}
        assert await self.wire.ask("s3.PutObject", **asked) == (
            200,
            {
                "ChecksumCRC32": CRC32[body],
                "ChecksumType": "FULL_OBJECT",
                "ETag": ETAGS[body],
                "ServerSideEncryption": "AES256",
            },
        )


async def bucket(media: bool, handling: str | None = None, response: dict[str, Any] | None = None) -> Bucket:
    begun = await Bucket.begin(**({"binaryMediaTypes": [PNG]} if media else {}))
    assert isinstance(begun, Bucket)
    return await begun.open(handling, response)


def shown(body: bytes, kind: str) -> dict[str, Any]:
    """An object as S3 shows it."""
    return {
        "AcceptRanges": "bytes",
        "Body": body,
        "ChecksumCRC64NVME": CHECKSUMS[body],
        "ChecksumType": "FULL_OBJECT",
        "ContentLength": len(body),
        "ContentType": kind,
        "ETag": ETAGS[body],
        "LastModified": Of(datetime),
        "Metadata": {},
        "ServerSideEncryption": "AES256",
    }


@pytest.mark.recorded("TestApiGatewayS3BinarySupport::test_apigw_s3_binary_support_request[None]")
@pytest.mark.recorded("TestApiGatewayS3BinarySupport::test_apigw_s3_binary_support_request_convert_to_binary")
@pytest.mark.parametrize(
    ("media", "handling", "kind", "sent", "expected"),
    [
        (False, None, PNG, RAW, MANGLED),
        (False, None, PNG, ENCODED, ENCODED),
        (False, None, PNG, TEXT, TEXT),
        (True, None, PLAIN, RAW, MANGLED),
        (True, None, PLAIN, ENCODED, ENCODED),
        (True, None, PLAIN, TEXT, TEXT),
        (True, None, PNG, RAW, RAW),
        (True, None, PNG, ENCODED, ENCODED),
        (True, None, PNG, TEXT, TEXT),
        (False, "CONVERT_TO_BINARY", PNG, ENCODED, RAW),
        (True, "CONVERT_TO_BINARY", PLAIN, ENCODED, RAW),
        (True, "CONVERT_TO_BINARY", PNG, RAW, RAW),
        (True, "CONVERT_TO_BINARY", PNG, ENCODED, ENCODED),
        (True, "CONVERT_TO_BINARY", PNG, TEXT, TEXT),
    ],
    ids=named,
)
async def test_bodies_on_their_way_in(
    media: bool, handling: str | None, kind: str, sent: bytes, expected: bytes
) -> None:
    api = await bucket(media, handling)
    await api.put(RAW, PNG)
    answer = await api.send("PUT", "/a.png", headers={"Content-Type": kind}, body=sent)
    assert (answer.status, header(answer, "ETag")) == (200, ETAGS[expected])
    assert await api.stored() == shown(expected, kind)


@pytest.mark.recorded(
    "TestApiGatewayS3BinarySupport::test_apigw_s3_binary_support_request_convert_to_binary_with_request_template"
)
async def test_a_body_that_no_template_is_for() -> None:
    api = await bucket(False, "CONVERT_TO_BINARY")
    template = '{"data": "$input.body"}'
    add = [patch("add", "/requestTemplates/application~1json", template)]
    await api.wire.made("UpdateIntegration", **api.where, patchOperations=add)
    status, integration = await api.wire.ask("GetIntegration", **api.where)
    assert (status, integration["requestTemplates"]) == (200, {MEDIA: template})
    assert integration["contentHandling"] == "CONVERT_TO_BINARY"
    response = {
        "statusCode": "200",
        "responseParameters": {"method.response.header.ETag": "integration.response.header.ETag"},
    }
    assert integration["integrationResponses"] == {"200": response}
    await api.deploy()
    assert (await api.send("PUT", "/a.png", headers={"Content-Type": PNG}, body=ENCODED)).status == 200
    assert await api.stored() == shown(RAW, PNG)


async def got(api: Bucket, kind: str, accept: str) -> Response:
    """The object through the API, as if it were of a kind."""
    return await api.send("GET", "/a.png", headers={"Accept": accept, "response-content-type": kind})


@pytest.mark.recorded("TestApiGatewayS3BinarySupport::test_apigw_s3_binary_support_response_no_content_handling")
@pytest.mark.recorded("TestApiGatewayS3BinarySupport::test_apigw_s3_binary_support_response_convert_to_binary")
@pytest.mark.parametrize(
    ("media", "handling", "kind", "accept", "there", "expected"),
    [
        (False, None, PNG, PNG, ENCODED, ENCODED),
        (False, None, PNG, PNG, RAW, MANGLED),
        (False, None, PNG, PNG, TEXT, TEXT),
        (True, None, PNG, PNG, ENCODED, ENCODED),
        (True, None, PNG, PLAIN, ENCODED, base64.b64encode(ENCODED)),
        (True, None, PLAIN, PNG, ENCODED, RAW),
        (True, None, PLAIN, PLAIN, ENCODED, ENCODED),
        (True, None, PNG, PNG, RAW, RAW),
        (True, None, PNG, PLAIN, RAW, ENCODED),
        (True, None, PLAIN, PLAIN, RAW, MANGLED),
        (True, None, PNG, PNG, TEXT, TEXT),
        (True, None, PNG, PLAIN, TEXT, base64.b64encode(TEXT)),
        (True, None, PLAIN, PLAIN, TEXT, TEXT),
        (False, "CONVERT_TO_BINARY", PNG, PNG, ENCODED, RAW),
        (True, "CONVERT_TO_BINARY", PNG, PNG, ENCODED, ENCODED),
        (True, "CONVERT_TO_BINARY", PNG, PLAIN, ENCODED, ENCODED),
        (True, "CONVERT_TO_BINARY", PLAIN, PNG, ENCODED, RAW),
        (True, "CONVERT_TO_BINARY", PLAIN, PLAIN, ENCODED, RAW),
        (True, "CONVERT_TO_BINARY", PNG, PNG, RAW, RAW),
        (True, "CONVERT_TO_BINARY", PNG, PLAIN, RAW, RAW),
        (True, "CONVERT_TO_BINARY", PNG, PNG, TEXT, TEXT),
        (True, "CONVERT_TO_BINARY", PNG, PLAIN, TEXT, TEXT),
    ],
    ids=named,
)
async def test_bodies_on_their_way_out(
    media: bool, handling: str | None, kind: str, accept: str, there: bytes, expected: bytes
) -> None:
    api = await bucket(media, response={"contentHandling": handling} if handling else {})
    await api.put(there, PNG)
    answer = await got(api, kind, accept)
    assert (answer.status, await drained(answer), header(answer, "ETag")) == (200, expected, ETAGS[there])


@pytest.mark.recorded(
    "TestApiGatewayS3BinarySupport::test_apigw_s3_binary_support_response_convert_to_binary_with_request_template"
)
async def test_a_template_around_an_object() -> None:
    given = {"contentHandling": "CONVERT_TO_TEXT", "responseTemplates": {MEDIA: '{"data": "$input.body"}'}}
    api = await bucket(True, response=given)
    await api.put(ENCODED, PNG)
    headers = {"responseParameters": {"method.response.header.ETag": "integration.response.header.ETag"}}
    shown = {"statusCode": "200", **headers, **given}
    one = {**api.where, "statusCode": "200"}
    assert await api.wire.ask("GetIntegrationResponse", **one) == (200, shown)
    answer = await got(api, PLAIN, PNG)
    expected = b'{"data": "%s"}' % ENCODED
    assert (answer.status, await drained(answer), header(answer, "ETag")) == (200, expected, ETAGS[ENCODED])
    change = [patch("replace", "/contentHandling", "CONVERT_TO_BINARY")]
    await api.wire.made("UpdateIntegrationResponse", **one, patchOperations=change)
    shown["contentHandling"] = "CONVERT_TO_BINARY"
    assert await api.wire.ask("GetIntegrationResponse", **one) == (200, shown)


@pytest.mark.recorded("test_apigateway_s3_method_mapping")
async def test_an_objects_life() -> None:
    api = await bucket(False)
    body = b'{"message": "great success!"}'
    assert (await api.send("PUT", "/test.json", headers={"Content-Type": MEDIA}, body=body)).status == 200
    answer = await api.send("GET", "/test.json", headers={"Accept": MEDIA})
    assert (answer.status, await drained(answer)) == (200, body)
    assert hashlib.md5(body).hexdigest() in (header(answer, "ETag") or "")
    await api.send("DELETE", "/test.json")
    answer = await api.send("GET", "/test.json", headers={"Accept": MEDIA})
    told = ElementTree.fromstring((await drained(answer)).decode())
    assert told.tag == "Error"
    assert {one.tag: one.text for one in told if one.tag not in ("RequestId", "HostId")} == {
        "Code": "NoSuchKey",
        "Message": "The specified key does not exist.",
        "Key": "test.json",
    }
    assert told.find("RequestId") is not None
    assert told.find("HostId") is not None
