"""Who may do what: policies of users and buckets, ACLs, public access blocks."""

from __future__ import annotations

import json
from typing import Any

import pytest
from msgspec.structs import replace

from lambent.contracts.caller import ANONYMOUS, Caller
from lambent.contracts.errors import ServiceError
from lambent.policy import canonical_user_id
from lambent.services.s3 import errors

from .support import ACCOUNT, BIG, BUCKET, OTHER_ACCOUNT, S3Cloud, run, stranger, user

OBJECTS = f"arn:aws:s3:::{BUCKET}/*"
WHOLE = f"arn:aws:s3:::{BUCKET}"


async def ann(cloud: S3Cloud, *statements: dict[str, Any]) -> Caller:
    """A user of the bucket's account with one inline policy."""
    created = await cloud.call("iam", "CreateUser", UserName="ann", Path="/")
    whole = [{"Effect": "Allow", **statement} for statement in statements]
    document = json.dumps({"Version": "2012-10-17", "Statement": whole})
    await cloud.call("iam", "PutUserPolicy", UserName="ann", PolicyName="p", PolicyDocument=document)
    return replace(user("ann"), user_id=created["User"]["UserId"])


async def denied(work: Any) -> str:
    """The text of the AccessDenied that `work` ends in."""
    with pytest.raises(ServiceError) as caught:
        await work
    assert caught.value.code == "AccessDenied"
    return caught.value.message


def test_a_user_may_do_what_his_policy_says() -> None:
    async def body(cloud: S3Cloud) -> None:
        caller = await ann(
            cloud,
            {"Action": "s3:PutObject", "Resource": f"{WHOLE}/in/*"},
            {"Action": "s3:GetObject", "Resource": f"{WHOLE}/out/*"},
            {"Action": "s3:ListBucket", "Resource": WHOLE, "Condition": {"StringLike": {"s3:prefix": "out/*"}}},
        )
        await cloud.put("out/1")
        await cloud.s3("PutObject", caller, Key="in/1", Body=b"x")
        assert (await cloud.s3("GetObject", caller, Key="out/1"))["Body"] == b"body"
        assert "Contents" in await cloud.s3("ListObjectsV2", caller, Prefix="out/")
        for size in (1, BIG):
            text = await denied(cloud.s3("PutObject", caller, Key="out/2", Body=b"x" * size))
            assert "s3:PutObject" in text
            assert f"{WHOLE}/out/2" in text
        assert cloud.blobs_kept == []
        assert "s3:GetObject" in await denied(cloud.s3("GetObject", caller, Key="in/1"))
        await denied(cloud.s3("ListObjectsV2", caller))
        assert "s3:GetObjectVersion" in await denied(cloud.s3("GetObject", caller, Key="out/1", VersionId="null"))
        # Whoever may not list the bucket does not learn that a key is absent.
        assert "s3:ListBucket" in await denied(cloud.s3("GetObject", caller, Key="out/none"))
        for operation in ("DeleteBucket", "GetBucketPolicy", "PutBucketVersioning"):
            await denied(cloud.s3(operation, caller, VersioningConfiguration={"Status": "Enabled"}))

    run(body)


def test_tags_and_conditional_writes_need_more() -> None:
    async def body(cloud: S3Cloud) -> None:
        caller = await ann(cloud, {"Action": "s3:PutObject", "Resource": OBJECTS})
        etag = (await cloud.put("key"))["ETag"]
        assert "s3:PutObjectTagging" in await denied(cloud.s3("PutObject", caller, Key="key", Body=b"", Tagging="a=1"))
        assert "s3:GetObject" in await denied(cloud.s3("PutObject", caller, Key="key", Body=b"", IfMatch=etag))
        upload = await cloud.s3("CreateMultipartUpload", caller, Key="key")
        assert "s3:ListMultipartUploadParts" in await denied(
            cloud.s3("ListParts", caller, Key="key", UploadId=upload["UploadId"])
        )

    run(body)


def test_a_copy_needs_the_right_to_read_its_source() -> None:
    async def body(cloud: S3Cloud) -> None:
        caller = await ann(
            cloud,
            {"Action": "s3:PutObject", "Resource": OBJECTS},
            {"Action": "s3:GetObject", "Resource": f"{WHOLE}/open"},
        )
        await cloud.put("open")
        await cloud.put("closed")
        await cloud.s3("CopyObject", caller, Key="copy", CopySource=f"{BUCKET}/open")
        text = await denied(cloud.s3("CopyObject", caller, Key="copy", CopySource=f"{BUCKET}/closed"))
        assert f"{WHOLE}/closed" in text
        upload = await cloud.s3("CreateMultipartUpload", caller, Key="copy")
        which = {"Key": "copy", "UploadId": upload["UploadId"], "PartNumber": 1}
        await cloud.s3("UploadPartCopy", caller, **which, CopySource=f"{BUCKET}/open")
        await denied(cloud.s3("UploadPartCopy", caller, **which, CopySource=f"{BUCKET}/closed"))

    run(body)


def test_deleting_many_asks_about_each() -> None:
    async def body(cloud: S3Cloud) -> None:
        caller = await ann(cloud, {"Action": "s3:DeleteObject", "Resource": f"{WHOLE}/mine/*"})
        await cloud.put("mine/1")
        await cloud.put("theirs/1")
        asked = {"Objects": [{"Key": "mine/1"}, {"Key": "theirs/1"}]}
        found = await cloud.s3("DeleteObjects", caller, Delete=asked)
        assert found["Deleted"] == [{"Key": "mine/1"}]
        assert [(row["Key"], row["Code"]) for row in found["Errors"]] == [("theirs/1", "AccessDenied")]
        assert await cloud.body("theirs/1") == b"body"

    run(body)


def test_a_bucket_policy_lets_others_in_and_keeps_its_own_out() -> None:
    async def body(cloud: S3Cloud) -> None:
        await cloud.put("key")
        await denied(cloud.s3("GetObject", user("x", OTHER_ACCOUNT), Key="key"))
        await denied(cloud.s3("GetObject", stranger(), Key="key"))
        await cloud.allow(Principal={"AWS": OTHER_ACCOUNT}, Action="s3:GetObject", Resource=OBJECTS)
        assert (await cloud.s3("GetObject", stranger(), Key="key"))["Body"] == b"body"
        await denied(cloud.s3("PutObject", stranger(), Key="key", Body=b""))
        await cloud.allow(Effect="Deny", Principal="*", Action="s3:GetObject", Resource=OBJECTS)
        assert "explicit deny" in await denied(cloud.body("key"))
        await cloud.allow(Effect="Deny", Principal="*", Action="s3:*", Resource=[WHOLE, OBJECTS])
        await denied(cloud.s3("GetBucketTagging"))
        assert "Deny" in (await cloud.s3("GetBucketPolicy"))["Policy"]
        await cloud.s3("DeleteBucketPolicy")
        assert await cloud.body("key") == b"body"

    run(body)


def test_the_tags_of_an_object_are_a_condition() -> None:
    async def body(cloud: S3Cloud) -> None:
        await cloud.put("open", Tagging="level=public")
        await cloud.put("closed", Tagging="level=secret")
        condition = {"StringEquals": {"s3:ExistingObjectTag/level": "public"}}
        await cloud.allow(
            Principal={"AWS": OTHER_ACCOUNT}, Action="s3:GetObject", Resource=OBJECTS, Condition=condition
        )
        assert (await cloud.s3("GetObject", stranger(), Key="open"))["Body"] == b"body"
        await denied(cloud.s3("GetObject", stranger(), Key="closed"))

    run(body)


def test_public_policies_are_blocked_until_they_are_let() -> None:
    async def body(cloud: S3Cloud) -> None:
        await cloud.put("key")
        public = {"Principal": "*", "Action": "s3:GetObject", "Resource": OBJECTS}
        with pytest.raises(errors.AccessDenied, match="BlockPublicPolicy"):
            await cloud.allow(**public)
        block = (await cloud.s3("GetPublicAccessBlock"))["PublicAccessBlockConfiguration"]
        assert all(block.values())
        await cloud.s3("PutPublicAccessBlock", PublicAccessBlockConfiguration={"RestrictPublicBuckets": True})
        await cloud.allow(**public)
        assert (await cloud.s3("GetBucketPolicyStatus"))["PolicyStatus"] == {"IsPublic": True}
        assert await denied(cloud.s3("GetObject", ANONYMOUS, Key="key")) == "Access Denied"
        await denied(cloud.s3("GetObject", stranger(), Key="key"))
        await cloud.s3("DeletePublicAccessBlock")
        with pytest.raises(errors.NoSuchPublicAccessBlockConfiguration):
            await cloud.s3("GetPublicAccessBlock")
        assert (await cloud.s3("GetObject", ANONYMOUS, Key="key"))["Body"] == b"body"
        await denied(cloud.s3("GetObject", ANONYMOUS, Key="none"))
        await denied(cloud.s3("ListObjectsV2", ANONYMOUS))

    run(body)


def test_acls_count_where_ownership_lets_them() -> None:
    async def body(cloud: S3Cloud) -> None:
        with pytest.raises(errors.AccessControlListNotSupported):
            await cloud.s3("PutBucketAcl", ACL="public-read")
        await cloud.put("key", ACL="bucket-owner-full-control")
        rules = {"Rules": [{"ObjectOwnership": "ObjectWriter"}]}
        await cloud.s3("PutBucketOwnershipControls", OwnershipControls=rules)
        with pytest.raises(errors.AccessDenied):
            await cloud.s3("PutBucketAcl", ACL="public-read")
        await cloud.s3("DeletePublicAccessBlock")
        await cloud.s3("PutBucketAcl", ACL="public-read")
        assert "Contents" in await cloud.s3("ListObjects", ANONYMOUS)
        await denied(cloud.s3("GetObject", ANONYMOUS, Key="key"))
        with pytest.raises(errors.NoSuchKey):
            await cloud.s3("DeleteObjectTagging", Key="none")
        await cloud.s3("PutObjectAcl", Key="key", ACL="authenticated-read")
        await denied(cloud.s3("GetObject", ANONYMOUS, Key="key"))
        await cloud.s3("PutObjectAcl", Key="key", ACL="public-read")
        assert (await cloud.s3("GetObject", ANONYMOUS, Key="key"))["Body"] == b"body"
        await denied(cloud.s3("PutObject", ANONYMOUS, Key="key", Body=b""))
        await cloud.s3("PutPublicAccessBlock", PublicAccessBlockConfiguration={"IgnorePublicAcls": True})
        await denied(cloud.s3("GetObject", ANONYMOUS, Key="key"))
        await cloud.s3("PutObjectAcl", Key="key", GrantRead=f'id="{canonical_user_id(OTHER_ACCOUNT)}"')
        assert (await cloud.s3("GetObject", stranger(), Key="key"))["Body"] == b"body"
        enforced = {"Rules": [{"ObjectOwnership": "BucketOwnerEnforced"}]}
        with pytest.raises(errors.InvalidBucketAclWithObjectOwnership):
            await cloud.s3("PutBucketOwnershipControls", OwnershipControls=enforced)

    run(body)


LOG = "http://acs.amazonaws.com/groups/s3/LogDelivery"
FAKE = "http://acs.amazonaws.com/groups/s3/FakeGroup"
OWNER = {"ID": canonical_user_id(ACCOUNT)}


def grants(kind: str, **grantee: str) -> dict[str, Any]:
    return {"Owner": OWNER, "Grants": [{"Grantee": {"Type": kind, **grantee}, "Permission": "WRITE"}]}


@pytest.mark.parametrize(
    ("params", "error", "fields"),
    [
        ({"ACL": "fake-acl"}, errors.InvalidArgument, {"ArgumentName": "x-amz-acl", "ArgumentValue": "fake-acl"}),
        ({"GrantWrite": f'uri="{FAKE}"'}, errors.InvalidArgument, {"ArgumentName": "uri", "ArgumentValue": FAKE}),
        ({"GrantWrite": 'id="wrong-id"'}, errors.InvalidArgument, {"ArgumentName": "id", "ArgumentValue": "wrong-id"}),
        (
            {"GrantWrite": 'fakekey="1234"'},
            errors.InvalidArgument,
            {"ArgumentName": "x-amz-grant-write", "ArgumentValue": 'fakekey="1234"'},
        ),
        ({"ACL": "private", "GrantRead": "x"}, errors.InvalidRequest, {}),
        ({"ACL": "private", "AccessControlPolicy": {}}, errors.UnexpectedContent, {}),
        ({}, errors.MissingSecurityHeader, {"MissingHeaderName": "x-amz-acl"}),
        ({"AccessControlPolicy": {"Owner": OWNER}}, errors.MalformedACLError, {}),
        (
            {"AccessControlPolicy": grants("Group", URI=FAKE)},
            errors.InvalidArgument,
            {"ArgumentName": "Group/URI", "ArgumentValue": FAKE},
        ),
        (
            {"AccessControlPolicy": grants("CanonicalUser", ID="wrong-id")},
            errors.InvalidArgument,
            {"ArgumentName": "CanonicalUser/ID", "ArgumentValue": "wrong-id"},
        ),
    ],
)
def test_an_acl_that_is_wrong_says_why(params: dict[str, Any], error: type[Exception], fields: dict[str, str]) -> None:
    async def body(cloud: S3Cloud) -> None:
        rules = {"Rules": [{"ObjectOwnership": "ObjectWriter"}]}
        await cloud.s3("PutBucketOwnershipControls", OwnershipControls=rules)
        with pytest.raises(error) as caught:
            await cloud.s3("PutBucketAcl", **params)
        assert caught.value.fields == fields  # type: ignore[attr-defined]

    run(body)


def test_an_acl_is_returned_as_it_was_put() -> None:
    async def body(cloud: S3Cloud) -> None:
        full = {"Grantee": {"Type": "CanonicalUser", "ID": OWNER["ID"]}, "Permission": "FULL_CONTROL"}
        assert await cloud.s3("GetBucketAcl") == {"Owner": OWNER, "Grants": [full]}
        rules = {"Rules": [{"ObjectOwnership": "ObjectWriter"}]}
        await cloud.s3("PutBucketOwnershipControls", OwnershipControls=rules)
        await cloud.s3("PutBucketAcl", GrantRead=f'uri="{LOG}"')
        log = {"Grantee": {"Type": "Group", "URI": LOG}, "Permission": "READ"}
        assert (await cloud.s3("GetBucketAcl"))["Grants"] == [log]
        policy = {"Owner": OWNER, "Grants": [full, {**log, "Permission": "WRITE"}]}
        await cloud.s3("PutBucketAcl", AccessControlPolicy=policy)
        assert await cloud.s3("GetBucketAcl") == policy

    run(body)


@pytest.mark.parametrize(
    "document",
    [
        "no json",
        '{"Statement": []}',
        '{"Statement": [{"Effect": "Allow", "Action": "s3:*", "Resource": "arn:aws:s3:::photos/*"}]}',
        '{"Statement": [{"Effect": "Allow", "Principal": "*", "Action": "s3:*", "Resource": "arn:aws:s3:::other/*"}]}',
        '{"Statement": [{"Effect": "Perhaps", "Principal": "*", "Action": "s3:*", "Resource": "*"}]}',
    ],
)
def test_a_policy_that_is_none(document: str) -> None:
    async def body(cloud: S3Cloud) -> None:
        with pytest.raises(errors.MalformedPolicy):
            await cloud.s3("PutBucketPolicy", Policy=document)
        with pytest.raises(errors.NoSuchBucketPolicy):
            await cloud.s3("GetBucketPolicy")

    run(body)
