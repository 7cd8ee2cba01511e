"""Multipart uploads."""

from __future__ import annotations

import base64
import hashlib
from typing import Any

import pytest

from lambent.blobs.digests import digest
from lambent.services.s3 import errors
from lambent.services.s3.checksums import MEMBERS
from lambent.services.s3.model import multipart_etag

from .support import S3Cloud, drain, run

MIB5 = 5 * 1024 * 1024
FIRST, LAST = b"a" * MIB5, b"the rest"


async def begin(cloud: S3Cloud, **params: Any) -> dict[str, str]:
    upload = await cloud.s3("CreateMultipartUpload", Key="key", **params)
    return {"Key": "key", "UploadId": upload["UploadId"]}


async def send(cloud: S3Cloud, which: dict[str, str], *pieces: bytes, **params: Any) -> list[dict[str, Any]]:
    """Upload parts from number 1 on; the rows for the completion."""
    rows = []
    for number, piece in enumerate(pieces, 1):
        part = await cloud.s3("UploadPart", **which, PartNumber=number, Body=piece, **params)
        rows.append({"PartNumber": number, "ETag": part["ETag"]})
    return rows


async def complete(cloud: S3Cloud, which: dict[str, str], rows: list[dict[str, Any]], **params: Any) -> dict[str, Any]:
    return await cloud.s3("CompleteMultipartUpload", **which, MultipartUpload={"Parts": rows}, **params)


def encoded(data: bytes, algorithm: str) -> str:
    return base64.b64encode(digest(data, algorithm)).decode()


def test_parts_become_an_object() -> None:
    async def body(cloud: S3Cloud) -> None:
        which = await begin(cloud, ContentType="text/plain", Metadata={"a": "b"}, Tagging="t=1")
        rows = await send(cloud, which, FIRST, LAST)
        listed = await cloud.s3("ListParts", **which)
        assert [(part["PartNumber"], part["Size"]) for part in listed["Parts"]] == [(1, MIB5), (2, len(LAST))]
        assert (listed["NextPartNumberMarker"], listed["IsTruncated"]) == (2, False)
        assert "ChecksumAlgorithm" not in listed
        page = await cloud.s3("ListParts", **which, MaxParts=1)
        assert (len(page["Parts"]), page["IsTruncated"], page["NextPartNumberMarker"]) == (1, True, 1)
        page = await cloud.s3("ListParts", **which, PartNumberMarker=1)
        assert [part["PartNumber"] for part in page["Parts"]] == [2]
        done = await complete(cloud, which, rows, MpuObjectSize=MIB5 + len(LAST))
        etag = multipart_etag([hashlib.md5(FIRST).hexdigest(), hashlib.md5(LAST).hexdigest()])
        assert done == {
            "Bucket": "photos",
            "ChecksumCRC64NVME": encoded(FIRST + LAST, "crc64nvme"),
            "ChecksumType": "FULL_OBJECT",
            "ETag": f'"{etag}"',
            "Key": "key",
            "Location": "http://127.0.0.1:4566/photos/key",
            "ServerSideEncryption": "AES256",
        }
        assert await cloud.body("key") == FIRST + LAST
        assert len(cloud.blobs_kept) == 1
        assert await complete(cloud, which, rows) == done
        assert len(cloud.blobs_kept) == 1
        with pytest.raises(errors.NoSuchUpload) as caught:
            await cloud.s3("ListParts", **which)
        assert caught.value.fields == {"UploadId": which["UploadId"]}
        head = await cloud.s3("HeadObject", Key="key", PartNumber=2)
        assert (head["PartsCount"], head["ContentLength"], head["TagCount"]) == (2, len(LAST), 1)
        assert head["ContentRange"] == f"bytes {MIB5}-{MIB5 + len(LAST) - 1}/{MIB5 + len(LAST)}"
        attributes = await cloud.s3("GetObjectAttributes", Key="key", ObjectAttributes=["ObjectParts", "ETag"])
        assert attributes["ObjectParts"] == {"TotalPartsCount": 2}
        assert attributes["ETag"] == etag

    run(body)


@pytest.mark.parametrize("algorithm", ["crc32", "crc32c", "sha1", "sha256"])
def test_a_composite_checksum(algorithm: str) -> None:
    async def body(cloud: S3Cloud) -> None:
        member, name = MEMBERS[algorithm], algorithm.upper()
        created = await cloud.s3("CreateMultipartUpload", Key="key", ChecksumAlgorithm=name)
        assert (created["ChecksumAlgorithm"], created["ChecksumType"]) == (name, "COMPOSITE")
        which = {"Key": "key", "UploadId": created["UploadId"]}
        rows = await send(cloud, which, FIRST, LAST)
        with pytest.raises(errors.InvalidRequest, match=f"created using a {algorithm} checksum.*missing for part 1"):
            await complete(cloud, which, rows)
        values = [encoded(FIRST, algorithm), encoded(LAST, algorithm)]
        wrong = [{**row, member: values[0]} for row in rows]
        with pytest.raises(errors.InvalidPart) as caught:
            await complete(cloud, which, wrong)
        assert caught.value.fields["PartNumber"] == "2"
        right = [{**row, member: value} for row, value in zip(rows, values, strict=True)]
        done = await complete(cloud, which, right)
        whole = encoded(digest(FIRST, algorithm) + digest(LAST, algorithm), algorithm)
        assert (done[member], done["ChecksumType"]) == (f"{whole}-2", "COMPOSITE")
        part = await cloud.s3("GetObject", Key="key", PartNumber=2, ChecksumMode="ENABLED")
        assert part[member] == values[1]
        assert await drain(part["Body"]) == LAST
        attributes = await cloud.s3("GetObjectAttributes", Key="key", ObjectAttributes=["ObjectParts", "Checksum"])
        assert attributes["Checksum"] == {member: whole, "ChecksumType": "COMPOSITE"}
        assert attributes["ObjectParts"]["Parts"][1] == {"PartNumber": 2, "Size": len(LAST), member: values[1]}
        copied = await cloud.s3("CopyObject", Key="copy", CopySource="photos/key")
        full = {member: encoded(FIRST + LAST, algorithm), "ChecksumType": "FULL_OBJECT"}
        assert copied["CopyObjectResult"].items() >= full.items()
        assert copied["CopyObjectResult"]["ETag"] == f'"{hashlib.md5(FIRST + LAST).hexdigest()}"'

    run(body)


@pytest.mark.parametrize("algorithm", ["crc32", "crc32c", "crc64nvme"])
def test_a_full_object_checksum_is_combined(algorithm: str) -> None:
    async def body(cloud: S3Cloud) -> None:
        which = await begin(cloud, ChecksumAlgorithm=algorithm.upper(), ChecksumType="FULL_OBJECT")
        rows = await send(cloud, which, FIRST, LAST, ChecksumAlgorithm=algorithm.upper())
        member = MEMBERS[algorithm]
        with pytest.raises(errors.BadDigest):
            await complete(cloud, which, rows, **{member: encoded(LAST, algorithm)})
        right = encoded(FIRST + LAST, algorithm)
        done = await complete(cloud, which, rows, **{member: right}, ChecksumType="FULL_OBJECT")
        assert (done[member], done["ChecksumType"]) == (right, "FULL_OBJECT")

    run(body)


@pytest.mark.parametrize(
    ("params", "text"),
    [
        (
            ("CRC64NVME", "COMPOSITE"),
            "The COMPOSITE checksum type cannot be used with the crc64nvme checksum algorithm.",
        ),
        (("SHA1", "FULL_OBJECT"), "The FULL_OBJECT checksum type cannot be used with the sha1 checksum algorithm."),
    ],
)
def test_checksum_types_that_do_not_go_together(params: tuple[str, str], text: str) -> None:
    async def body(cloud: S3Cloud) -> None:
        with pytest.raises(errors.InvalidRequest, match=text):
            await begin(cloud, ChecksumAlgorithm=params[0], ChecksumType=params[1])

    run(body)


def test_a_completion_that_is_wrong_says_why() -> None:
    async def body(cloud: S3Cloud) -> None:
        which = await begin(cloud)
        rows = await send(cloud, which, b"data", b"more")
        with pytest.raises(errors.EntityTooSmall) as small:
            await complete(cloud, which, rows)
        assert small.value.fields == {
            "ETag": "8d777f385d3dfec8815d20f7496026dc",
            "MinSizeAllowed": "5242880",
            "PartNumber": "1",
            "ProposedSize": "4",
        }
        with pytest.raises(errors.InvalidPartOrder):
            await complete(cloud, which, rows[::-1])
        with pytest.raises(errors.InvalidRequest, match="You must specify at least one part"):
            await complete(cloud, which, [])
        with pytest.raises(errors.InvalidRequest, match="null checksum mode"):
            await complete(cloud, which, rows, ChecksumType="COMPOSITE")
        with pytest.raises(errors.InvalidPart):
            await complete(cloud, which, [{"PartNumber": 3, "ETag": '"x"'}])
        with pytest.raises(errors.InvalidPart):
            await complete(cloud, which, [{**rows[0], "ChecksumCRC32": "AAAAAA=="}])
        with pytest.raises(errors.InvalidRequest, match="x-amz-mp-object-size"):
            await complete(cloud, which, rows[:1], MpuObjectSize=5)
        with pytest.raises(errors.InvalidArgument, match="between 1 and 10000") as number:
            await cloud.s3("UploadPart", **which, PartNumber=-1, Body=b"")
        assert number.value.fields == {"ArgumentName": "partNumber", "ArgumentValue": "-1"}
        wrong = base64.b64encode(b"0" * 16).decode()
        with pytest.raises(errors.BadDigest) as bad:
            await cloud.s3("UploadPart", **which, PartNumber=1, Body=b"x", ContentMD5=wrong)
        assert bad.value.fields["ExpectedDigest"] == wrong
        assert await cloud.blobs_named() == cloud.blobs_kept
        assert len(cloud.blobs_kept) == 2

    run(body)


def test_an_aborted_upload_leaves_nothing() -> None:
    async def body(cloud: S3Cloud) -> None:
        which = await begin(cloud)
        await send(cloud, which, b"one")
        await send(cloud, which, b"one again")
        assert len(cloud.blobs_kept) == 1
        await cloud.s3("AbortMultipartUpload", **which)
        assert cloud.blobs_kept == []
        for operation in ("AbortMultipartUpload", "ListParts"):
            with pytest.raises(errors.NoSuchUpload):
                await cloud.s3(operation, **which)
        with pytest.raises(errors.NoSuchUpload):
            await send(cloud, which, b"late")
        assert cloud.blobs_kept == []

    run(body)


def test_uploads_are_listed_by_key_and_age() -> None:
    async def body(cloud: S3Cloud) -> None:
        ids: dict[str, list[str]] = {}
        for key in ("b", "a", "b", "c/d"):
            upload = await cloud.s3("CreateMultipartUpload", Key=key)
            ids.setdefault(key, []).append(upload["UploadId"])
        page = await cloud.s3("ListMultipartUploads", Delimiter="/")
        assert [row["UploadId"] for row in page["Uploads"]] == [*ids["a"], *ids["b"]]
        assert page["CommonPrefixes"] == [{"Prefix": "c/"}]
        first = await cloud.s3("ListMultipartUploads", MaxUploads=2)
        assert (first["NextKeyMarker"], first["NextUploadIdMarker"], first["IsTruncated"]) == ("b", ids["b"][0], True)
        rest = await cloud.s3("ListMultipartUploads", KeyMarker="b", UploadIdMarker=ids["b"][0])
        assert [row["UploadId"] for row in rest["Uploads"]] == [ids["b"][1], *ids["c/d"]]
        assert [row["Key"] for row in (await cloud.s3("ListMultipartUploads", KeyMarker="b"))["Uploads"]] == ["c/d"]
        with pytest.raises(errors.InvalidArgument, match="Invalid uploadId marker"):
            await cloud.s3("ListMultipartUploads", KeyMarker="a", UploadIdMarker=ids["b"][0])

    run(body)


def test_conditions_on_a_completion() -> None:
    async def body(cloud: S3Cloud) -> None:
        etag = (await cloud.put("key", b"test"))["ETag"]
        which = await begin(cloud)
        rows = await send(cloud, which, b"part")
        with pytest.raises(errors.PreconditionFailed):
            await complete(cloud, which, rows, IfNoneMatch="*")
        with pytest.raises(errors.PreconditionFailed):
            await complete(cloud, which, rows, IfMatch="other")
        await cloud.s3("DeleteObject", Key="key")
        with pytest.raises(errors.NoSuchKey):
            await complete(cloud, which, rows, IfMatch=etag)
        with pytest.raises(errors.ConditionalRequestConflict) as caught:
            await complete(cloud, which, rows, IfNoneMatch="*")
        assert caught.value.fields == {"Condition": "If-None-Match", "Key": "key"}
        await cloud.put("key", b"test")
        with pytest.raises(errors.ConditionalRequestConflict):
            await complete(cloud, which, rows, IfMatch=etag)
        which = await begin(cloud)
        rows = await send(cloud, which, b"part")
        await complete(cloud, which, rows, IfMatch=etag)
        assert await cloud.body("key") == b"part"

    run(body)


def test_a_part_is_copied_from_an_object() -> None:
    async def body(cloud: S3Cloud) -> None:
        for source in (b"0123456789", b"0123456789" * 10_000):
            await cloud.put("source", source)
            which = await begin(cloud, ChecksumAlgorithm="CRC32C", ChecksumType="FULL_OBJECT")
            copied = await cloud.s3(
                "UploadPartCopy", **which, PartNumber=1, CopySource="/photos/source", CopySourceRange="bytes=2-5"
            )
            result = copied["CopyPartResult"]
            assert result["ChecksumCRC32C"] == encoded(b"2345", "crc32c")
            await complete(cloud, which, [{"PartNumber": 1, "ETag": result["ETag"]}])
            assert await cloud.body("key") == b"2345"
            assert await cloud.blobs_named() == cloud.blobs_kept
        which = await begin(cloud)
        with pytest.raises(errors.PreconditionFailed) as caught:
            await cloud.s3("UploadPartCopy", **which, PartNumber=1, CopySource="photos/source", CopySourceIfMatch="x")
        assert caught.value.fields == {"Condition": "x-amz-copy-source-If-Match"}
        with pytest.raises(errors.InvalidArgument, match="Range specified is not valid"):
            await cloud.s3(
                "UploadPartCopy", **which, PartNumber=1, CopySource="photos/source", CopySourceRange="bytes=0-999999"
            )

    run(body)


def test_a_post_to_an_object_that_says_nothing_else_is_no_operation() -> None:
    async def body(cloud: S3Cloud) -> None:
        with pytest.raises(errors.MethodNotAllowed) as caught:
            await cloud.s3("CompleteMultipartUpload", Key="key")
        assert caught.value.fields == {"Method": "POST", "ResourceType": "OBJECT"}

    run(body)
