"""Putting, reading and deleting objects in a bucket without versions."""

from __future__ import annotations

import base64
import hashlib
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from lambent.blobs.digests import digest
from lambent.contracts.caller import ANONYMOUS, root
from lambent.contracts.http import BytesBody, Request
from lambent.kit import Context
from lambent.services.s3 import errors
from lambent.services.s3.checksums import MEMBERS

from .support import ACCOUNT, BIG, BUCKET, S3Cloud, TrailingBody, drain, run

SIZES = [0, 1, 2048, 2049, 65535, 65536, BIG]


@pytest.mark.parametrize("size", SIZES)
def test_a_body_comes_back_from_wherever_it_is_kept(size: int) -> None:
    async def body(cloud: S3Cloud) -> None:
        data = bytes(range(256)) * (size // 256 + 1)
        data = data[:size]
        put = await cloud.put("key", data)
        assert put["ETag"] == f'"{hashlib.md5(data).hexdigest()}"'
        assert await cloud.body("key") == data
        assert len(cloud.blobs_kept) == (size > 65535)
        assert await cloud.blobs_named() == cloud.blobs_kept
        if size > 4:
            found = await cloud.s3("GetObject", Key="key", Range="bytes=1-3")
            assert await drain(found["Body"]) == data[1:4]
            assert found["ContentRange"] == f"bytes 1-3/{size}"
            assert found["ResponseMetadata"] == {"HTTPStatusCode": 206}
        await cloud.put("key", b"another")
        assert cloud.blobs_kept == []
        assert await cloud.body("key") == b"another"
        assert await cloud.s3("DeleteObject", Key="key") == {}
        assert await cloud.s3("DeleteObject", Key="key") == {}
        with pytest.raises(errors.NoSuchKey) as caught:
            await cloud.body("key")
        assert caught.value.fields == {"Key": "key"}
        assert "Contents" not in await cloud.s3("ListObjectsV2")

    run(body)


def test_an_expires_that_is_no_date_is_kept_as_it_was_sent() -> None:
    async def body(cloud: S3Cloud) -> None:
        await cloud.put("key", b"abc", Expires="0; never")
        assert (await cloud.s3("HeadObject", Key="key"))["Expires"] == "0; never"

    run(body)


def test_headers_metadata_and_tags_are_kept() -> None:
    async def body(cloud: S3Cloud) -> None:
        expires = datetime(2030, 1, 2, tzinfo=UTC)
        await cloud.put(
            "key",
            b"abc",
            ContentType="text/plain",
            CacheControl="no-store",
            ContentEncoding="aws-chunked,gzip",
            Expires=expires,
            Metadata={"Colour": "blue"},
            Tagging="a=1&b=",
            StorageClass="STANDARD_IA",
        )
        head = await cloud.s3("HeadObject", Key="key")
        assert head.pop("LastModified") == datetime.fromtimestamp(cloud.clock.now_ns() // 10**9 - 1, UTC)
        assert head == {
            "AcceptRanges": "bytes",
            "CacheControl": "no-store",
            "ContentEncoding": "gzip",
            "ContentLength": 3,
            "ContentType": "text/plain",
            "ETag": '"900150983cd24fb0d6963f7d28e17f72"',
            "Expires": expires,
            "Metadata": {"colour": "blue"},
            "ServerSideEncryption": "AES256",
            "StorageClass": "STANDARD_IA",
            "TagCount": 2,
        }
        tags = await cloud.s3("GetObjectTagging", Key="key")
        assert tags == {"TagSet": [{"Key": "a", "Value": "1"}, {"Key": "b", "Value": ""}]}
        found = await cloud.s3("GetObject", Key="key", ResponseContentType="image/png")
        assert found["ContentType"] == "image/png"
        await cloud.s3("DeleteObjectTagging", Key="key")
        assert "TagCount" not in await cloud.s3("HeadObject", Key="key")

    run(body)


@pytest.mark.parametrize(
    ("params", "error", "fields"),
    [
        ({"Metadata": {"a": "b" * 2048}}, errors.MetadataTooLarge, {"Size": "2049", "MaxSizeAllowed": "2048"}),
        ({"Key": "k" * 1025}, errors.KeyTooLongError, {"Size": "1025", "MaxSizeAllowed": "1024"}),
        ({"StorageClass": "OUTPOSTS"}, errors.InvalidStorageClass, {"StorageClassRequested": "OUTPOSTS"}),
        ({"ContentMD5": "000"}, errors.InvalidDigest, {"Content-MD5": "000"}),
        (
            {"ContentMD5": base64.b64encode(b"0" * 16).decode()},
            errors.BadDigest,
            {"ExpectedDigest": (b"0" * 16).hex(), "CalculatedDigest": "hBotaJrYa9FhFEdFPCLG/A=="},
        ),
        (
            {"Tagging": "key1=val1&key1=val2"},
            errors.InvalidArgument,
            {"ArgumentName": "x-amz-tagging", "ArgumentValue": "key1=val1&key1=val2"},
        ),
        ({"Tagging": "aws:x=1"}, errors.InvalidTag, {"TagKey": "aws:x"}),
        (
            {"IfMatch": "*"},
            errors.HeaderNotImplemented,
            {
                "Header": "If-Match",
                "additionalMessage": "We don't accept the provided value of If-Match header for this API",
            },
        ),
        (
            {"IfMatch": "a", "IfNoneMatch": "*"},
            errors.HeaderNotImplemented,
            {
                "Header": "If-Match,If-None-Match",
                "additionalMessage": "Multiple conditional request headers present in the request",
            },
        ),
        ({"ACL": "public-read"}, errors.AccessControlListNotSupported, {}),
        ({"Bucket": "absent"}, errors.NoSuchBucket, {"BucketName": "absent"}),
    ],
)  # fmt: skip
def test_a_put_that_is_wrong_says_why(params: dict[str, Any], error: type[Exception], fields: dict[str, str]) -> None:
    async def body(cloud: S3Cloud) -> None:
        with pytest.raises(error) as caught:
            await cloud.s3("PutObject", **{"Key": "key", "Body": b"body", **params})
        assert caught.value.fields == fields  # type: ignore[attr-defined]
        assert "Contents" not in await cloud.s3("ListObjects")
        big = {"Key": "key", "Body": b"b" * BIG, **params}
        with pytest.raises(error):
            await cloud.s3("PutObject", **big)
        assert cloud.blobs_kept == []

    run(body)


def test_an_object_has_5_gigabytes_at_most() -> None:
    class Endless(BytesBody):
        length = 5 * 1024**3 + 1

    async def body(cloud: S3Cloud) -> None:
        huge = Endless(b"")
        huge.length = 5 * 1024**3 + 1
        with pytest.raises(errors.EntityTooLarge) as caught:
            await cloud.s3("PutObject", Key="key", Body=huge)
        assert caught.value.fields["ProposedSize"] == "5368709121"
        huge.length = None
        with pytest.raises(errors.MissingContentLength):
            await cloud.s3("PutObject", Key="key", Body=huge)

    run(body)


@pytest.mark.parametrize("algorithm", sorted(MEMBERS))
@pytest.mark.parametrize("size", [3, BIG])
def test_checksums_are_checked_kept_and_shown(algorithm: str, size: int) -> None:
    async def body(cloud: S3Cloud) -> None:
        data = b"x" * size
        member = MEMBERS[algorithm]
        right = base64.b64encode(digest(data, algorithm)).decode()
        wrong = base64.b64encode(digest(b"y", algorithm)).decode()
        put = await cloud.put("key", data, **{member: right})
        assert put[member] == right
        assert put["ChecksumType"] == "FULL_OBJECT"
        head = await cloud.s3("HeadObject", Key="key", ChecksumMode="ENABLED")
        assert (head[member], head["ChecksumType"]) == (right, "FULL_OBJECT")
        assert member not in await cloud.s3("HeadObject", Key="key")
        assert member not in await cloud.s3("GetObject", Key="key", ChecksumMode="ENABLED", Range="bytes=0-1")
        attributes = await cloud.s3("GetObjectAttributes", Key="key", ObjectAttributes=["Checksum", "ObjectParts"])
        assert attributes["Checksum"] == {member: right, "ChecksumType": "FULL_OBJECT"}
        name = algorithm.upper()
        with pytest.raises(
            errors.BadDigest, match=f"^The {name} you specified did not match the calculated checksum.$"
        ):
            await cloud.put("key", data, **{member: wrong})
        with pytest.raises(errors.InvalidRequest, match=f"Value for x-amz-checksum-{algorithm} header is invalid."):
            await cloud.put("key", data, **{member: "AAA"})
        computed = await cloud.put("other", data, ChecksumAlgorithm=name)
        assert computed[member] == right
        assert await cloud.blobs_named() == cloud.blobs_kept

    run(body)


def test_the_default_checksum_is_crc64nvme() -> None:
    async def body(cloud: S3Cloud) -> None:
        assert (await cloud.put("key", b"abcdef"))["ChecksumCRC64NVME"] == "Pact6XRTYyA="
        with pytest.raises(errors.InvalidRequest, match="Expecting a single x-amz-checksum- header"):
            await cloud.put("key", b"", ChecksumCRC32="AAAAAA==", ChecksumSHA1="A" * 28)

    run(body)


@pytest.mark.parametrize("size", [9, BIG])
def test_a_trailing_checksum_is_checked_after_the_body(size: int) -> None:
    async def body(cloud: S3Cloud) -> None:
        data = b"d" * size
        value = base64.b64encode(digest(data, "crc32")).decode()
        request = Request("PUT", f"/{BUCKET}/key", headers={"x-amz-trailer": "x-amz-checksum-crc32"})
        ctx = Context(cloud, root(ACCOUNT), "us-east-1", "request", request)

        async def put(trailer: str) -> dict[str, Any]:
            sent = TrailingBody(data, {"x-amz-checksum-crc32": trailer})
            req = {"Bucket": BUCKET, "Key": "key", "Body": sent, "ChecksumAlgorithm": "CRC32"}
            return await cloud.api.run(ctx, "s3", "PutObject", req)

        assert (await put(value))["ChecksumCRC32"] == value
        with pytest.raises(errors.BadDigest):
            await put("AAAAAA==")
        assert await cloud.blobs_named() == cloud.blobs_kept

    run(body)


def test_reads_keep_to_their_conditions() -> None:
    async def body(cloud: S3Cloud) -> None:
        etag = (await cloud.put("key", b"data"))["ETag"]
        at = (await cloud.s3("HeadObject", Key="key"))["LastModified"]
        before, after = at - timedelta(seconds=1), at + timedelta(seconds=1)

        async def status(**conditions: Any) -> int:
            try:
                found = await cloud.s3("GetObject", Key="key", **conditions)
            except errors.PreconditionFailed:
                return 412
            return int(found.get("ResponseMetadata", {}).get("HTTPStatusCode", 200))

        assert await status(IfMatch=etag) == 200
        assert await status(IfMatch='"x", ' + etag) == 200
        assert await status(IfMatch="*") == 200
        assert await status(IfMatch="x") == 412
        assert await status(IfMatch=etag, IfUnmodifiedSince=before) == 200
        assert await status(IfUnmodifiedSince=before) == 412
        assert await status(IfUnmodifiedSince=at) == 200
        assert await status(IfNoneMatch=etag.strip('"')) == 304
        assert await status(IfNoneMatch="x", IfModifiedSince=after) == 200
        assert await status(IfModifiedSince=at) == 304
        assert await status(IfModifiedSince=before) == 200
        assert await status(IfModifiedSince=at + timedelta(days=400)) == 200
        assert await status(IfMatch=etag, IfNoneMatch=etag) == 304
        unchanged = await cloud.s3("HeadObject", Key="key", IfNoneMatch=etag)
        assert set(unchanged) == {"ETag", "LastModified", "ResponseMetadata"}

    run(body)


@pytest.mark.parametrize(
    ("header", "expected"),
    [
        ("bytes=0-0", b"0"), ("bytes=2-", b"23456789"), ("bytes=-3", b"789"), ("bytes=-30", b"0123456789"),
        ("bytes=8-20", b"89"), ("bytes=3-2", b"0123456789"), ("bytes=0-1,3-4", b"0123456789"),
        ("items=0-1", b"0123456789"), ("bytes=-", b"0123456789"),
    ],
)  # fmt: skip
def test_ranges(header: str, expected: bytes) -> None:
    async def body(cloud: S3Cloud) -> None:
        await cloud.put("key", b"0123456789")
        found = await cloud.s3("GetObject", Key="key", Range=header)
        assert await drain(found["Body"]) == expected
        assert found["ContentLength"] == len(expected)
        if header in ("bytes=0-0", "bytes=-30"):
            assert found["ResponseMetadata"] == {"HTTPStatusCode": 206}

    run(body)


@pytest.mark.parametrize("header", ["bytes=10-", "bytes=1024-4096", "bytes=-0"])
def test_a_range_outside_the_object(header: str) -> None:
    async def body(cloud: S3Cloud) -> None:
        await cloud.put("key", b"0123456789")
        with pytest.raises(errors.InvalidRange) as caught:
            await cloud.s3("GetObject", Key="key", Range=header)
        assert caught.value.fields == {"RangeRequested": header, "ActualObjectSize": "10"}

    run(body)


def test_writes_keep_to_their_conditions() -> None:
    async def body(cloud: S3Cloud) -> None:
        with pytest.raises(errors.NoSuchKey):
            await cloud.put("key", IfMatch="x")
        etag = (await cloud.put("key", IfNoneMatch="*"))["ETag"]
        for size in (1, BIG):
            with pytest.raises(errors.PreconditionFailed) as caught:
                await cloud.put("key", b"x" * size, IfNoneMatch="*")
            assert caught.value.fields == {"Condition": "If-None-Match"}
            with pytest.raises(errors.PreconditionFailed):
                await cloud.put("key", b"x" * size, IfMatch="other")
        assert cloud.blobs_kept == []
        await cloud.put("key", b"new", IfMatch=etag)
        with pytest.raises(errors.PreconditionFailed):
            await cloud.s3("DeleteObject", Key="key", IfMatch=etag)
        await cloud.s3("DeleteObject", Key="key", IfMatch="*")
        with pytest.raises(errors.HeaderNotImplemented) as refused:
            await cloud.s3("DeleteObject", Key="key", IfMatchSize=3)
        assert refused.value.fields == {"Header": "x-amz-if-match-size"}

    run(body)


def test_many_objects_are_deleted_each_on_its_own() -> None:
    async def body(cloud: S3Cloud) -> None:
        for key in "abc":
            await cloud.put(key)
        asked = {"Objects": [{"Key": "a"}, {"Key": "none"}, {"Key": "b", "VersionId": "nonsense"}]}
        found = await cloud.s3("DeleteObjects", Delete=asked)
        assert found["Deleted"] == [{"Key": "a"}, {"Key": "none"}]
        assert found["Errors"] == [
            {
                "Code": "NoSuchVersion",
                "Key": "b",
                "Message": "The specified version does not exist.",
                "VersionId": "nonsense",
            }
        ]
        assert await cloud.s3("DeleteObjects", Delete={"Objects": [{"Key": "b"}], "Quiet": True}) == {}
        assert [one["Key"] for one in (await cloud.s3("ListObjects"))["Contents"]] == ["c"]
        with pytest.raises(errors.MalformedXML):
            await cloud.s3("DeleteObjects", Delete={"Objects": []})
        with pytest.raises(errors.InvalidArgument, match="Object Lock enabled buckets"):
            await cloud.s3("DeleteObject", Key="c", BypassGovernanceRetention=False)

    run(body)


def test_a_part_of_an_object_that_has_one() -> None:
    async def body(cloud: S3Cloud) -> None:
        await cloud.put("key", b"test-123")
        found = await cloud.s3("GetObject", Key="key", PartNumber=1, ChecksumMode="ENABLED")
        assert found["ContentRange"] == "bytes 0-7/8"
        assert found["ChecksumType"] == "FULL_OBJECT"
        assert "PartsCount" not in found
        with pytest.raises(errors.InvalidPartNumber) as caught:
            await cloud.s3("GetObject", Key="key", PartNumber=2)
        assert caught.value.fields == {"PartNumberRequested": "2", "ActualPartCount": "1"}
        with pytest.raises(errors.InvalidRequest, match="both Range header and partNumber"):
            await cloud.s3("GetObject", Key="key", PartNumber=1, Range="bytes=0-1")

    run(body)


def test_response_headers_are_overridden_for_signed_requests_only() -> None:
    async def body(cloud: S3Cloud) -> None:
        await cloud.put("key")
        await cloud.s3("DeletePublicAccessBlock")
        await cloud.allow(Principal="*", Action="s3:GetObject", Resource=f"arn:aws:s3:::{BUCKET}/*")
        assert (await cloud.s3("GetObject", ANONYMOUS, Key="key"))["Body"] == b"body"
        with pytest.raises(errors.InvalidRequest, match="anonymous GET"):
            await cloud.s3("GetObject", ANONYMOUS, Key="key", ResponseCacheControl="x")

    run(body)
