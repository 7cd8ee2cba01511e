"""Buckets: names, regions, owners, deletion, listing."""

from __future__ import annotations

import pytest

from lambent.contracts.caller import root
from lambent.contracts.errors import NotBuilt
from lambent.services.s3 import errors
from lambent.services.s3.model import is_bucket_name

from .support import ACCOUNT, BUCKET, OTHER_ACCOUNT, S3Cloud, run, stranger


@pytest.mark.parametrize(
    ("name", "fits"),
    [
        ("abc", True), ("a.b-c", True), ("a" * 63, True), ("1a2", True),
        ("ab", False), ("a" * 64, False), ("Abc", False), ("a_b", False), ("-ab", False), ("ab-", False),
        ("a..b", False), ("192.168.1.1", False), ("xn--abc", False), ("abc-s3alias", False),
    ],
)  # fmt: skip
def test_names(name: str, fits: bool) -> None:
    assert is_bucket_name(name) is fits


def test_a_bucket_is_created_where_the_endpoint_is() -> None:
    async def body(cloud: S3Cloud) -> None:
        answer = await cloud.s3("CreateBucket", Bucket="here")
        assert answer == {"Location": "/here", "BucketArn": "arn:aws:s3:::here"}
        assert await cloud.s3("GetBucketLocation", Bucket="here") == {}
        oregon = {"LocationConstraint": "us-west-2"}
        with pytest.raises(errors.IllegalLocationConstraintException, match="unspecified location constraint"):
            await cloud.call("s3", "CreateBucket", region="us-west-2", Bucket="there")
        with pytest.raises(errors.IllegalLocationConstraintException, match="The us-west-2 location"):
            await cloud.call("s3", "CreateBucket", region="eu-west-1", Bucket="x-y", CreateBucketConfiguration=oregon)
        answer = await cloud.call(
            "s3", "CreateBucket", region="us-west-2", Bucket="there", CreateBucketConfiguration=oregon
        )
        assert answer["Location"] == "http://there.s3.amazonaws.com/"
        assert await cloud.s3("GetBucketLocation", Bucket="there") == oregon
        for constraint in ("us-east-1", "aws-global", "bar"):
            with pytest.raises(errors.InvalidLocationConstraint) as caught:
                await cloud.s3(
                    "CreateBucket", Bucket="x-y", CreateBucketConfiguration={"LocationConstraint": constraint}
                )
            assert caught.value.fields == {"LocationConstraint": constraint}
        with pytest.raises(errors.InvalidBucketName):
            await cloud.s3("CreateBucket", Bucket="Upper")
        head = await cloud.s3("HeadBucket", Bucket="there")
        assert head == {"BucketArn": "arn:aws:s3:::there", "BucketRegion": "us-west-2", "AccessPointAlias": False}

    run(body)


def test_a_name_belongs_to_one_account() -> None:
    async def body(cloud: S3Cloud) -> None:
        assert (await cloud.s3("CreateBucket"))["Location"] == f"/{BUCKET}"
        with pytest.raises(errors.BucketAlreadyExists):
            await cloud.s3("CreateBucket", stranger())
        ireland = {"LocationConstraint": "eu-west-1"}
        with pytest.raises(errors.BucketAlreadyOwnedByYou) as caught:
            await cloud.s3("CreateBucket", CreateBucketConfiguration=ireland)
        assert caught.value.fields == {"BucketName": BUCKET}
        with pytest.raises(errors.BucketAlreadyOwnedByYou):
            await cloud.s3("CreateBucket", CreateBucketConfiguration={"Tags": [{"Key": "a", "Value": "b"}]})

    run(body)


def test_only_an_empty_bucket_is_deleted_and_nothing_of_it_comes_back() -> None:
    async def body(cloud: S3Cloud) -> None:
        await cloud.put("key")
        with pytest.raises(errors.BucketNotEmpty, match=r"is not empty$"):
            await cloud.s3("DeleteBucket")
        await cloud.versioning("Enabled")
        await cloud.s3("DeleteObject", Key="key")
        with pytest.raises(errors.BucketNotEmpty, match="all versions"):
            await cloud.s3("DeleteBucket")
        marker = (await cloud.s3("ListObjectVersions"))["DeleteMarkers"][0]["VersionId"]
        await cloud.s3("DeleteObject", Key="key", VersionId=marker)
        await cloud.s3("DeleteObject", Key="key", VersionId="null")
        upload = await cloud.s3("CreateMultipartUpload", Key="key")
        await cloud.s3("UploadPart", Key="key", UploadId=upload["UploadId"], PartNumber=1, Body=b"part")
        assert len(cloud.blobs_kept) == 1
        await cloud.s3("DeleteBucket")
        assert cloud.blobs_kept == []
        with pytest.raises(errors.NoSuchBucket):
            await cloud.s3("HeadBucket")
        await cloud.s3("CreateBucket", stranger())
        assert (await cloud.s3("ListObjectVersions", stranger()))["IsTruncated"] is False
        assert "Uploads" not in await cloud.s3("ListMultipartUploads", stranger())
        assert await cloud.s3("GetBucketVersioning", stranger()) == {}

    run(body)


def test_buckets_are_listed_by_account_in_pages() -> None:
    async def body(cloud: S3Cloud) -> None:
        for name in ("aaa", "bbb", "bbc"):
            await cloud.s3("CreateBucket", Bucket=name)
        await cloud.call("s3", "CreateBucket", root(OTHER_ACCOUNT), Bucket="theirs")
        found = await cloud.call("s3", "ListBuckets")
        assert [one["Name"] for one in found["Buckets"]] == ["aaa", "bbb", "bbc", BUCKET]
        assert set(found["Buckets"][0]) == {"Name", "CreationDate", "BucketArn"}
        page = await cloud.call("s3", "ListBuckets", Prefix="bb", MaxBuckets=1)
        assert [one["Name"] for one in page["Buckets"]] == ["bbb"]
        assert page["Buckets"][0]["BucketRegion"] == "us-east-1"
        page = await cloud.call(
            "s3", "ListBuckets", Prefix="bb", MaxBuckets=1, ContinuationToken=page["ContinuationToken"]
        )
        assert [one["Name"] for one in page["Buckets"]] == ["bbc"]
        assert "ContinuationToken" not in page
        assert (await cloud.call("s3", "ListBuckets", BucketRegion="eu-west-1"))["Buckets"] == []
        with pytest.raises(errors.InvalidArgument):
            await cloud.call("s3", "ListBuckets", ContinuationToken="!")

    run(body)


def test_the_expected_owner_is_checked() -> None:
    async def body(cloud: S3Cloud) -> None:
        await cloud.s3("HeadBucket", ExpectedBucketOwner=ACCOUNT)
        with pytest.raises(errors.AccessDenied, match=r"^Access Denied$"):
            await cloud.s3("HeadBucket", ExpectedBucketOwner=OTHER_ACCOUNT)
        with pytest.raises(errors.InvalidBucketOwnerAWSAccountID, match=r"\[abcd\]"):
            await cloud.s3("HeadBucket", ExpectedBucketOwner="abcd")

    run(body)


def test_what_is_not_built_is_named() -> None:
    async def body(cloud: S3Cloud) -> None:
        with pytest.raises(NotBuilt, match="ObjectLockEnabledForBucket"):
            await cloud.s3("CreateBucket", Bucket="locked", ObjectLockEnabledForBucket=True)
        with pytest.raises(NotBuilt, match="PutBucketReplication"):
            await cloud.s3("PutBucketReplication", ReplicationConfiguration={})
        with pytest.raises(NotBuilt, match="MFADelete"):
            await cloud.s3("PutBucketVersioning", VersioningConfiguration={"Status": "Enabled", "MFADelete": "Enabled"})
        with pytest.raises(NotBuilt, match="SSECustomerKey"):
            await cloud.put("key", SSECustomerKey="secret")
        with pytest.raises(NotBuilt, match="aws:kms"):
            await cloud.put("key", ServerSideEncryption="aws:kms")

    run(body)
