"""Copying objects."""

from __future__ import annotations

from typing import Any

import pytest

from lambent.services.s3 import errors

from .support import BIG, BUCKET, S3Cloud, run

SOURCE = f"{BUCKET}/source"


@pytest.mark.parametrize("size", [10, 5000, BIG])
def test_a_copy_outlives_its_source(size: int) -> None:
    async def body(cloud: S3Cloud) -> None:
        data = b"c" * size
        await cloud.put("source", data, ContentType="text/plain", Metadata={"a": "b"}, Tagging="t=1")
        copied = await cloud.s3("CopyObject", Key="copy", CopySource=SOURCE)
        head = await cloud.s3("HeadObject", Key="copy", ChecksumMode="ENABLED")
        assert copied["CopyObjectResult"]["ETag"] == head["ETag"]
        assert copied["CopyObjectResult"]["ChecksumCRC64NVME"] == head["ChecksumCRC64NVME"]
        assert (head["ContentType"], head["Metadata"], head["TagCount"]) == ("text/plain", {"a": "b"}, 1)
        # The copy of a blob is the blob itself, as long as anyone names it.
        assert len(cloud.blobs_kept) == (size == BIG)
        await cloud.s3("CopyObject", Key="third", CopySource=SOURCE)
        await cloud.s3("DeleteObject", Key="source")
        assert await cloud.body("copy") == data
        await cloud.s3("DeleteObject", Key="copy")
        assert await cloud.body("third") == data
        await cloud.put("third", b"")
        assert cloud.blobs_kept == []

    run(body)


def test_metadata_and_tags_are_replaced_on_demand() -> None:
    async def body(cloud: S3Cloud) -> None:
        await cloud.put("source", Metadata={"a": "b"}, Tagging="t=1", ContentType="text/plain", CacheControl="x")
        await cloud.s3(
            "CopyObject",
            Key="copy",
            CopySource=SOURCE,
            MetadataDirective="REPLACE",
            Metadata={"c": "d"},
            ContentType="image/jpg",
            Tagging="u=2",
        )
        head = await cloud.s3("HeadObject", Key="copy")
        assert (head["Metadata"], head["ContentType"], head.get("CacheControl")) == ({"c": "d"}, "image/jpg", None)
        assert (await cloud.s3("GetObjectTagging", Key="copy"))["TagSet"] == [{"Key": "t", "Value": "1"}]
        await cloud.s3("CopyObject", Key="copy", CopySource=SOURCE, TaggingDirective="REPLACE", Tagging="u=2")
        assert (await cloud.s3("GetObjectTagging", Key="copy"))["TagSet"] == [{"Key": "u", "Value": "2"}]
        await cloud.s3("CopyObject", Key="copy", CopySource=SOURCE, TaggingDirective="REPLACE")
        assert (await cloud.s3("GetObjectTagging", Key="copy"))["TagSet"] == []

    run(body)


def test_a_copy_to_itself_must_change_something() -> None:
    async def body(cloud: S3Cloud) -> None:
        await cloud.put("source", b"data" * BIG)
        with pytest.raises(errors.InvalidRequest, match="trying to copy an object to itself"):
            await cloud.s3("CopyObject", Key="source", CopySource=SOURCE)
        for params in (
            {"MetadataDirective": "REPLACE"},
            {"StorageClass": "STANDARD_IA"},
            {"ChecksumAlgorithm": "SHA256"},
        ):
            await cloud.s3("CopyObject", Key="source", CopySource=SOURCE, **params)
            assert await cloud.body("source") == b"data" * BIG
            assert await cloud.blobs_named() == cloud.blobs_kept
            assert len(cloud.blobs_kept) == 1
        await cloud.versioning("Suspended")
        copied = await cloud.s3("CopyObject", Key="source", CopySource=SOURCE)
        assert "CopySourceVersionId" not in copied
        assert copied["VersionId"] == "null"

    run(body)


def test_a_version_is_copied() -> None:
    async def body(cloud: S3Cloud) -> None:
        await cloud.versioning("Enabled")
        one = (await cloud.put("source", b"one"))["VersionId"]
        await cloud.put("source", b"two")
        copied = await cloud.s3("CopyObject", Key="copy", CopySource=f"{SOURCE}?versionId={one}")
        assert copied["CopySourceVersionId"] == one
        assert await cloud.body("copy", VersionId=copied["VersionId"]) == b"one"
        back = await cloud.s3("CopyObject", Key="source", CopySource=f"{SOURCE}?versionId={one}")
        assert await cloud.body("source") == b"one"
        assert back["VersionId"] != one
        marker = (await cloud.s3("DeleteObject", Key="source"))["VersionId"]
        with pytest.raises(errors.NoSuchKey):
            await cloud.s3("CopyObject", Key="copy", CopySource=SOURCE)
        with pytest.raises(errors.InvalidRequest, match="may not specifically refer to a delete marker"):
            await cloud.s3("CopyObject", Key="copy", CopySource=f"{SOURCE}?versionId={marker}")

    run(body)


@pytest.mark.parametrize("key", ["a b", "a+b", "file%2Fname", "é/\U0001f600", "q?x"])
def test_the_source_is_url_encoded(key: str) -> None:
    async def body(cloud: S3Cloud) -> None:
        from urllib.parse import quote

        await cloud.put(key, b"special")
        await cloud.s3("CopyObject", Key="copy", CopySource=f"/{BUCKET}/{quote(key)}")
        assert await cloud.body("copy") == b"special"

    run(body)


def test_conditions_on_the_source() -> None:
    async def body(cloud: S3Cloud) -> None:
        etag = (await cloud.put("source"))["ETag"]
        at = (await cloud.s3("HeadObject", Key="source"))["LastModified"]

        async def failing(**conditions: Any) -> str:
            try:
                await cloud.s3("CopyObject", Key="copy", CopySource=SOURCE, **conditions)
            except errors.PreconditionFailed as error:
                return str(error.fields["Condition"])
            return ""

        assert await failing(CopySourceIfMatch=etag) == ""
        assert await failing(CopySourceIfMatch="x") == "x-amz-copy-source-If-Match"
        assert await failing(CopySourceIfNoneMatch=etag) == "x-amz-copy-source-If-None-Match"
        assert await failing(CopySourceIfNoneMatch="x", CopySourceIfModifiedSince=at) == ""
        assert await failing(CopySourceIfModifiedSince=at) == "x-amz-copy-source-If-Modified-Since"
        assert await failing(CopySourceIfUnmodifiedSince=at) == ""
        with pytest.raises(errors.PreconditionFailed):
            await cloud.s3("CopyObject", Key="copy", CopySource=SOURCE, IfNoneMatch="*")

    run(body)


@pytest.mark.parametrize(
    ("source", "error"),
    [
        ("wrongformat", errors.InvalidArgument),
        ("absent/key", errors.NoSuchBucket),
        (f"{BUCKET}/none", errors.NoSuchKey),
    ],
)
def test_a_source_that_is_not_there(source: str, error: type[Exception]) -> None:
    async def body(cloud: S3Cloud) -> None:
        with pytest.raises(error):
            await cloud.s3("CopyObject", Key="copy", CopySource=source)

    run(body)
