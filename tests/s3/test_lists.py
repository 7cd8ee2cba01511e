"""Listings: prefixes, delimiters, pages, encodings; and that they never walk through what they do not show."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from lambent.contracts.ports import Reader
from lambent.services.s3 import errors, keys, listing
from lambent.services.s3.listing import Cursor, walk

from .support import S3Cloud, run

TREE = ["a", "folder/aSubfolder/subFile1", "folder/aSubfolder/subFile2", "folder/file1", "folder/file2", "z"]


async def fill(cloud: S3Cloud, names: list[str]) -> None:
    for name in names:
        await cloud.put(name)


def shown(page: dict[str, Any]) -> list[str]:
    """Keys and common prefixes of a page, in order."""
    found = [row["Key"] for row in page.get("Contents", [])] + [row["Prefix"] for row in page.get("CommonPrefixes", [])]
    return sorted(found, key=str.encode)


def test_a_page_of_version_2() -> None:
    async def body(cloud: S3Cloud) -> None:
        await fill(cloud, TREE)
        page = await cloud.s3("ListObjectsV2", Delimiter="/")
        assert shown(page) == ["a", "folder/", "z"]
        assert (page["KeyCount"], page["MaxKeys"], page["IsTruncated"]) == (3, 1000, False)
        assert page["Delimiter"] == "/"
        assert "Owner" not in page["Contents"][0]
        page = await cloud.s3("ListObjectsV2", Prefix="folder/", Delimiter="/", FetchOwner=True)
        assert shown(page) == ["folder/aSubfolder/", "folder/file1", "folder/file2"]
        assert len(page["Contents"][0]["Owner"]["ID"]) == 64
        page = await cloud.s3("ListObjectsV2", StartAfter="folder/file1")
        assert shown(page) == ["folder/file2", "z"]
        assert page["StartAfter"] == "folder/file1"
        page = await cloud.s3("ListObjectsV2", MaxKeys=0)
        assert (shown(page), page["IsTruncated"], page["KeyCount"]) == ([], False, 0)
        with pytest.raises(errors.InvalidArgument) as caught:
            await cloud.s3("ListObjectsV2", MaxKeys=-1)
        assert caught.value.fields == {"ArgumentName": "max-keys", "ArgumentValue": "-1"}
        for token in ("?", "", "/w=="):
            with pytest.raises(errors.InvalidArgument, match="continuation token provided is incorrect"):
                await cloud.s3("ListObjectsV2", ContinuationToken=token)

    run(body)


def test_pages_of_version_1_go_on_at_their_marker() -> None:
    async def body(cloud: S3Cloud) -> None:
        await fill(cloud, TREE)
        asked: dict[str, Any] = {"Prefix": "folder/", "Delimiter": "/", "MaxKeys": 1}
        page = await cloud.s3("ListObjects", **asked)
        assert (shown(page), page["NextMarker"]) == (["folder/aSubfolder/"], "folder/aSubfolder/")
        page = await cloud.s3("ListObjects", **asked, Marker=page["NextMarker"])
        assert (shown(page), page["NextMarker"]) == (["folder/file1"], "folder/file1")
        page = await cloud.s3("ListObjects", **asked, Marker="folder/aSubfolder/subFile1")
        assert shown(page) == ["folder/file1"]
        page = await cloud.s3("ListObjects", **asked, Marker="folder/file1")
        assert (shown(page), page["IsTruncated"]) == (["folder/file2"], False)
        page = await cloud.s3("ListObjects", MaxKeys=1)
        assert page["IsTruncated"]
        assert "NextMarker" not in page
        assert page["Marker"] == ""

    run(body)


def test_names_are_url_encoded_on_demand() -> None:
    async def body(cloud: S3Cloud) -> None:
        await fill(cloud, ["a b/é", "date=1/x", "p+q"])
        page = await cloud.s3("ListObjectsV2", EncodingType="url", Delimiter="/")
        assert shown(page) == ["a+b/", "date%3D1/", "p%2Bq"]
        assert page["EncodingType"] == "url"
        for operation in ("ListObjects", "ListObjectVersions", "ListMultipartUploads"):
            for wrong, value in (("value", "value"), ("", "")):
                with pytest.raises(errors.InvalidArgument) as caught:
                    await cloud.s3(operation, EncodingType=wrong)
                assert caught.value.fields == {"ArgumentName": "encoding-type", "ArgumentValue": value}

    run(body)


def test_versions_go_on_at_both_markers() -> None:
    async def body(cloud: S3Cloud) -> None:
        await cloud.versioning("Enabled")
        ids = [(await cloud.put("k", bytes([n])))["VersionId"] for n in range(3)]
        last = (await cloud.put("l"))["VersionId"]
        page = await cloud.s3("ListObjectVersions", MaxKeys=2)
        assert [row["VersionId"] for row in page["Versions"]] == [ids[2], ids[1]]
        assert (page["NextKeyMarker"], page["NextVersionIdMarker"]) == ("k", ids[1])
        page = await cloud.s3("ListObjectVersions", KeyMarker="k", VersionIdMarker=ids[1])
        assert [(row["VersionId"], row["IsLatest"]) for row in page["Versions"]] == [(ids[0], False), (last, True)]
        page = await cloud.s3("ListObjectVersions", KeyMarker="k")
        assert [row["VersionId"] for row in page["Versions"]] == [last]
        with pytest.raises(errors.InvalidArgument, match="cannot be specified without a key marker"):
            await cloud.s3("ListObjectVersions", VersionIdMarker=ids[0])
        await cloud.put("m/n")
        page = await cloud.s3("ListObjectVersions", Delimiter="/", KeyMarker="l", MaxKeys=1)
        assert page["CommonPrefixes"] == [{"Prefix": "m/"}]

    run(body)


NAMES = st.text(st.sampled_from("ab/é\x00\U0001f600"), min_size=1, max_size=5)


@settings(max_examples=60)
@given(
    names=st.sets(NAMES, max_size=14),
    prefix=st.text(st.sampled_from("ab/"), max_size=2),
    delimiter=st.sampled_from(["", "/", "a", "ab"]),
    size=st.integers(1, 4),
)
def test_pages_show_what_a_simple_listing_shows(names: set[str], prefix: str, delimiter: str, size: int) -> None:
    async def body(cloud: S3Cloud) -> None:
        await fill(cloud, sorted(names))
        expected = set()
        for name in names:
            if name.startswith(prefix):
                expected.add(listing.common_prefix(name, prefix, delimiter) or name)
        found: list[str] = []
        token: dict[str, str] = {}
        while True:
            page = await cloud.s3("ListObjectsV2", Prefix=prefix, Delimiter=delimiter, MaxKeys=size, **token)
            assert page["KeyCount"] <= size
            found += shown(page)
            if not page["IsTruncated"]:
                break
            assert page["KeyCount"] == size
            token = {"ContinuationToken": page["NextContinuationToken"]}
        assert found == sorted(expected, key=str.encode)

    run(body)


def test_a_listing_jumps_over_common_prefixes() -> None:
    class Counting:
        """A reader that counts the rows it gives."""

        def __init__(self, tx: Reader) -> None:
            self.tx = tx
            self.rows = 0

        def get(self, key: bytes) -> bytes | None:
            return self.tx.get(key)

        def scan(
            self, begin: bytes, end: bytes, *, limit: int | None = None, reverse: bool = False
        ) -> list[tuple[bytes, bytes]]:
            found = self.tx.scan(begin, end, limit=limit, reverse=reverse)
            self.rows += len(found)
            return found

    async def body(cloud: S3Cloud) -> None:
        await fill(cloud, [f"{folder}/{n:04d}" for folder in "ab" for n in range(800)])

        def read(tx: Reader) -> tuple[list[str], int]:
            bucket = keys.buckets.get(tx, "photos")
            assert bucket is not None
            counting = Counting(tx)
            page = walk(Cursor(counting, keys.objects, bucket.id, ""), "", "/", 1000)
            return page.prefixes, counting.rows

        prefixes, rows = await cloud.store.read(read)
        assert prefixes == ["a/", "b/"]
        assert rows < 100

    run(body)
