"""Versions, delete markers and null versions; then all of them at random against a simple model."""

from __future__ import annotations

import asyncio
from collections.abc import Coroutine
from typing import Any, NamedTuple, TypeVar

import pytest
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import Bundle, RuleBasedStateMachine, consumes, invariant, rule

from lambent.services.s3 import errors
from lambent.services.s3.model import open_version, seal_version

from .support import BIG, BUCKET, S3Cloud, run

T = TypeVar("T")


def test_version_ids_can_be_told_from_made_up_ones() -> None:
    sealed = seal_version(1_700_000_000_000_000_123, b"0123456789ab")
    assert len(sealed) == 32
    assert open_version(sealed) == 1_700_000_000_000_000_123
    for text in ("", "null", "HPniJFCxqTsMuIH9KX8K8wEjNUgmABCD", sealed[:-1], sealed[:-1] + "!"):
        assert open_version(text) is None


def test_versions_follow_one_another() -> None:
    async def body(cloud: S3Cloud) -> None:
        assert await cloud.s3("GetBucketVersioning") == {}
        assert "VersionId" not in await cloud.put("key", b"zero")
        await cloud.versioning("Enabled")
        assert await cloud.s3("GetBucketVersioning") == {"Status": "Enabled"}
        assert (await cloud.s3("GetObject", Key="key"))["VersionId"] == "null"
        one = (await cloud.put("key", b"one"))["VersionId"]
        two = (await cloud.put("key", b"two" * BIG))["VersionId"]
        assert await cloud.body("key", VersionId=one) == b"one"
        assert await cloud.body("key", VersionId="null") == b"zero"
        gone = await cloud.s3("DeleteObject", Key="key")
        marker = gone["VersionId"]
        assert gone == {"DeleteMarker": True, "VersionId": marker}
        with pytest.raises(errors.NoSuchKey) as caught:
            await cloud.body("key")
        shown = {"x-amz-delete-marker": "true", "x-amz-version-id": marker}
        assert caught.value.fields == {"Key": "key", "Headers": shown}
        with pytest.raises(errors.MethodNotAllowed) as refused:
            await cloud.body("key", VersionId=marker)
        headers = {"Headers": {**shown, "allow": "DELETE"}}
        assert refused.value.fields == {"Method": "GET", "ResourceType": "DeleteMarker", **headers}
        listed = await cloud.s3("ListObjectVersions")
        assert [one["VersionId"] for one in listed["Versions"]] == [two, one, "null"]
        assert [one["IsLatest"] for one in listed["Versions"]] == [False, False, False]
        assert [(row["VersionId"], row["IsLatest"]) for row in listed["DeleteMarkers"]] == [(marker, True)]
        assert await cloud.s3("DeleteObject", Key="key", VersionId=marker) == gone
        assert await cloud.body("key") == b"two" * BIG
        assert await cloud.s3("DeleteObject", Key="key", VersionId=two) == {"VersionId": two}
        assert await cloud.body("key") == b"one"
        assert cloud.blobs_kept == []
        with pytest.raises(errors.NoSuchVersion):
            await cloud.body("key", VersionId=two)
        with pytest.raises(errors.InvalidArgument, match="Invalid version id specified"):
            await cloud.body("key", VersionId="HPniJFCxqTsMuIH9KX8K8wEjNUgmABCD")

    run(body)


def test_a_suspended_bucket_has_one_null_version() -> None:
    async def body(cloud: S3Cloud) -> None:
        await cloud.versioning("Enabled")
        one = (await cloud.put("key", b"one"))["VersionId"]
        await cloud.versioning("Suspended")
        assert "VersionId" not in await cloud.put("key", b"null one")
        assert "VersionId" not in await cloud.put("key", b"null two")
        assert await cloud.body("key", VersionId="null") == b"null two"
        assert await cloud.s3("DeleteObject", Key="key") == {"DeleteMarker": True, "VersionId": "null"}
        assert await cloud.s3("DeleteObject", Key="key") == {"DeleteMarker": True, "VersionId": "null"}
        listed = await cloud.s3("ListObjectVersions")
        assert [row["VersionId"] for row in listed["Versions"]] == [one]
        assert [row["VersionId"] for row in listed["DeleteMarkers"]] == ["null"]
        removed = await cloud.s3("DeleteObject", Key="key", VersionId="null")
        assert removed == {"DeleteMarker": True, "VersionId": "null"}
        assert await cloud.body("key") == b"one"

    run(body)


def test_tags_and_acls_belong_to_a_version() -> None:
    async def body(cloud: S3Cloud) -> None:
        await cloud.versioning("Enabled")
        one = (await cloud.put("key", b"one", Tagging="a=1"))["VersionId"]
        two = (await cloud.put("key", b"two"))["VersionId"]
        tag_set = {"TagSet": [{"Key": "b", "Value": "2"}]}
        assert await cloud.s3("PutObjectTagging", Key="key", VersionId=one, Tagging=tag_set) == {"VersionId": one}
        assert await cloud.s3("GetObjectTagging", Key="key") == {"TagSet": [], "VersionId": two}
        assert await cloud.s3("GetObjectTagging", Key="key", VersionId=one) == {**tag_set, "VersionId": one}
        marker = (await cloud.s3("DeleteObject", Key="key"))["VersionId"]
        for params in ({}, {"VersionId": marker}):
            with pytest.raises(errors.MethodNotAllowed) as caught:
                await cloud.s3("PutObjectAcl", Key="key", ACL="private", **params)
            assert caught.value.fields == {"Method": "PUT", "ResourceType": "DeleteMarker"}
        with pytest.raises(errors.NoSuchKey):
            await cloud.s3("GetObjectAcl", Key="key")
        with pytest.raises(errors.MethodNotAllowed):
            await cloud.s3("GetObjectAcl", Key="key", VersionId=marker)

    run(body)


def test_many_deletes_in_a_versioned_bucket_name_their_markers() -> None:
    async def body(cloud: S3Cloud) -> None:
        await cloud.versioning("Enabled")
        version = (await cloud.put("a"))["VersionId"]
        found = await cloud.s3("DeleteObjects", Delete={"Objects": [{"Key": "a"}, {"Key": "none"}]})
        marker = found["Deleted"][0]["DeleteMarkerVersionId"]
        assert found["Deleted"][0] == {"Key": "a", "DeleteMarker": True, "DeleteMarkerVersionId": marker}
        assert found["Deleted"][1]["DeleteMarker"] is True
        both = [{"Key": "a", "VersionId": marker}, {"Key": "a", "VersionId": version}]
        found = await cloud.s3("DeleteObjects", Delete={"Objects": both})
        assert found["Deleted"] == [
            {"Key": "a", "VersionId": marker, "DeleteMarker": True, "DeleteMarkerVersionId": marker},
            {"Key": "a", "VersionId": version},
        ]

    run(body)


class Version(NamedTuple):
    """A version as the model keeps it; `body` None is a delete marker."""

    id: str
    body: bytes | None


KEYS = st.sampled_from(["a", "a/b", "a/c", "b", "é", "a\x00b"])
SIZES = st.sampled_from([0, 5, 3000, BIG])


class Versioning(RuleBasedStateMachine):
    """Puts, deletes and removals of versions at random; the model is a list of versions per key, the newest first."""

    known = Bundle("known")

    def __init__(self) -> None:
        super().__init__()
        self.loop = asyncio.new_event_loop()
        self.model: dict[str, list[Version]] = {}
        self.status = ""
        self.cloud = self.wait(self.start())

    async def start(self) -> S3Cloud:
        cloud = S3Cloud()
        await cloud.s3("CreateBucket")
        return cloud

    def wait(self, work: Coroutine[Any, Any, T]) -> T:
        return self.loop.run_until_complete(work)

    def teardown(self) -> None:
        self.loop.close()

    def add(self, key: str, version: Version) -> None:
        """A new version pushes the null one out when it is null itself."""
        rows = self.model.setdefault(key, [])
        if version.id == "null":
            rows[:] = [row for row in rows if row.id != "null"]
        rows.insert(0, version)

    @rule(status=st.sampled_from(["Enabled", "Suspended"]))
    def set_versioning(self, status: str) -> None:
        self.wait(self.cloud.versioning(status))
        self.status = status

    @rule(target=known, key=KEYS, size=SIZES, fill=st.sampled_from("xyz"), moved=st.booleans())
    def put(self, key: str, size: int, fill: str, moved: bool) -> tuple[str, str]:
        body = fill.encode() * size
        params = {"Bucket": BUCKET, "Key": key, "Body": body}
        # Without moving the clock two versions have the same time, and must still be in order.
        call = self.cloud.s3("PutObject", **params) if moved else self.cloud.call("s3", "PutObject", **params)
        version = self.wait(call).get("VersionId", "null")
        assert (version != "null") == (self.status == "Enabled")
        self.add(key, Version(version, body))
        return key, version

    @rule(target=known, key=KEYS)
    def delete(self, key: str) -> tuple[str, str]:
        found = self.wait(self.cloud.s3("DeleteObject", Key=key))
        if not self.status:
            assert found == {}
            self.model.pop(key, None)
            return key, "null"
        assert found["DeleteMarker"]
        self.add(key, Version(found["VersionId"], None))
        return key, found["VersionId"]

    @rule(which=consumes(known))
    def remove(self, which: tuple[str, str]) -> None:
        key, version = which
        self.wait(self.cloud.s3("DeleteObject", Key=key, VersionId=version))
        rows = self.model.get(key, [])
        rows[:] = [row for row in rows if row.id != version]

    @rule(source=KEYS, key=KEYS)
    def copy(self, source: str, key: str) -> None:
        rows = self.model.get(source, [])
        if not rows or rows[0].body is None or source == key:
            return
        found = self.wait(self.cloud.s3("CopyObject", Key=key, CopySource={"Bucket": BUCKET, "Key": source}))
        self.add(key, Version(found.get("VersionId", "null"), rows[0].body))

    @invariant()
    def every_version_reads_as_it_was_written(self) -> None:
        for key, rows in self.model.items():
            for index, row in enumerate(rows):
                if row.body is not None:
                    assert self.wait(self.cloud.body(key, VersionId=row.id)) == row.body
                if index == 0 and row.body is not None:
                    assert self.wait(self.cloud.body(key)) == row.body
            if not rows or rows[0].body is None:
                with pytest.raises(errors.NoSuchKey):
                    self.wait(self.cloud.body(key))

    @invariant()
    def listings_show_the_model(self) -> None:
        live = sorted((key for key, rows in self.model.items() if rows and rows[0].body is not None), key=str.encode)
        listed = self.wait(self.cloud.s3("ListObjectsV2")).get("Contents", [])
        assert [row["Key"] for row in listed] == live
        expected = [
            (key, row.id, index == 0, row.body is None)
            for key in sorted(self.model, key=str.encode)
            for index, row in enumerate(self.model[key])
        ]
        assert self.wait(self.all_versions(3)) == expected

    async def all_versions(self, size: int) -> list[tuple[str, str, bool, bool]]:
        """Every version over pages of `size`, versions and markers merged again by their pages' order."""
        found: list[tuple[str, str, bool, bool]] = []
        markers: dict[str, str] = {}
        while True:
            page = await self.cloud.s3("ListObjectVersions", MaxKeys=size, **markers)
            rows = [(row, False) for row in page.get("Versions", [])]
            rows += [(row, True) for row in page.get("DeleteMarkers", [])]
            order = {(key, row.id): at for key, known in self.model.items() for at, row in enumerate(known)}
            rows.sort(key=lambda one: (one[0]["Key"].encode(), order[one[0]["Key"], one[0]["VersionId"]]))
            found += [(row["Key"], row["VersionId"], row["IsLatest"], marker) for row, marker in rows]
            if not page["IsTruncated"]:
                return found
            markers = {"KeyMarker": page["NextKeyMarker"], "VersionIdMarker": page["NextVersionIdMarker"]}

    @invariant()
    def no_blob_is_lost_or_left(self) -> None:
        assert sorted(set(self.wait(self.cloud.blobs_named()))) == self.cloud.blobs_kept


Versioning.TestCase.settings = settings(max_examples=30, stateful_step_count=30, deadline=None)
TestVersioning = pytest.mark.slow(Versioning.TestCase)
