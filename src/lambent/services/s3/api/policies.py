"""Bucket policies and ACLs."""

from __future__ import annotations

from typing import Any

from msgspec.structs import replace

from lambent.contracts.ports import Reader, Transaction
from lambent.kit import Context

from .. import access, acl, bucket_policy, errors, events, keys, settings, versions
from .._service import s3
from .objects import version_for_change

_POLICY_BYTES_MAX = 20 * 1024
_INTEGRITY = ("ContentMD5", "ChecksumAlgorithm")
_GONE = {"ResponseMetadata": {"HTTPStatusCode": 204}}


@s3.operation(tx="read", authorize=access.on_bucket("s3:GetBucketPolicy"))
def get_bucket_policy(ctx: Context, tx: Reader, req: dict[str, Any]) -> dict[str, Any]:
    """The bucket policy, as it was put."""
    return {"Policy": _policy(tx, req)}


def _policy(tx: Reader, req: dict[str, Any]) -> str:
    bucket = keys.bucket(tx, req)
    if not bucket.policy:
        raise errors.NoSuchBucketPolicy(BucketName=bucket.name)
    return bucket.policy


@s3.operation(tx="read", authorize=access.on_bucket("s3:GetBucketPolicyStatus"))
def get_bucket_policy_status(ctx: Context, tx: Reader, req: dict[str, Any]) -> dict[str, Any]:
    """Whether the bucket policy is public."""
    return {"PolicyStatus": {"IsPublic": acl.is_public_policy(_policy(tx, req))}}


@s3.operation(
    tx="write",
    authorize=access.on_bucket("s3:PutBucketPolicy"),
    harmless=(*_INTEGRITY, "ConfirmRemoveSelfBucketAccess"),
)
def put_bucket_policy(ctx: Context, tx: Transaction, req: dict[str, Any]) -> dict[str, Any]:
    """Replace the bucket policy; AccessDenied for a public one where those are blocked."""
    bucket = keys.bucket(tx, req)
    policy = settings.document(req, "Policy")
    if len(policy.encode()) > _POLICY_BYTES_MAX:
        raise errors.InvalidArgument("Policy exceeds the maximum allowed document size.")
    bucket_policy.check(tx, ctx.cloud.directory, bucket, policy)
    if bucket.block.block_policy and acl.is_public_policy(policy):
        raise errors.AccessDenied(
            f"User: {ctx.caller.arn} is not authorized to perform: s3:PutBucketPolicy on resource: "
            f'"{bucket.arn}" because public policies are prevented by the BlockPublicPolicy setting in S3 Block Public '
            "Access."
        )
    keys.buckets.put(tx, replace(bucket, policy=policy), bucket.name)
    return _GONE


@s3.operation(tx="write", authorize=access.on_bucket("s3:DeleteBucketPolicy"))
def delete_bucket_policy(ctx: Context, tx: Transaction, req: dict[str, Any]) -> dict[str, Any]:
    """Remove the bucket policy."""
    bucket = keys.bucket(tx, req)
    keys.buckets.put(tx, replace(bucket, policy=""), bucket.name)
    return _GONE


@s3.operation(tx="read", authorize=access.on_bucket("s3:GetBucketAcl"))
def get_bucket_acl(ctx: Context, tx: Reader, req: dict[str, Any]) -> dict[str, Any]:
    """The bucket's ACL."""
    bucket = keys.bucket(tx, req)
    return acl.shown(bucket.grants, bucket.account)


@s3.operation(tx="write", authorize=access.on_bucket("s3:PutBucketAcl"), harmless=_INTEGRITY)
def put_bucket_acl(ctx: Context, tx: Transaction, req: dict[str, Any]) -> None:
    """Replace the bucket's ACL."""
    bucket = keys.bucket(tx, req)
    grants = acl.given(req, bucket.account, document=True)
    if grants is None:
        raise errors.MissingSecurityHeader(MissingHeaderName="x-amz-acl")
    keys.buckets.put(tx, replace(bucket, grants=acl.admit(bucket, req, grants)), bucket.name)


@s3.operation(
    tx="read",
    authorize=access.on_object("s3:GetObjectAcl", "s3:GetObjectVersionAcl"),
    harmless=("RequestPayer",),
)
def get_object_acl(ctx: Context, tx: Reader, req: dict[str, Any]) -> dict[str, Any]:
    """An object's ACL."""
    _, record = version_for_change(ctx, tx, req, "GET")
    return acl.shown(record.settings.grants, record.owner)


@s3.operation(
    tx="write",
    authorize=access.on_object("s3:PutObjectAcl", "s3:PutObjectVersionAcl"),
    harmless=("RequestPayer", *_INTEGRITY),
)
def put_object_acl(ctx: Context, tx: Transaction, req: dict[str, Any]) -> dict[str, Any]:
    """Replace an object's ACL."""
    bucket, record = version_for_change(ctx, tx, req, "PUT")
    grants = acl.given(req, record.owner, document=True)
    if grants is None:
        raise errors.MissingSecurityHeader(MissingHeaderName="x-amz-acl")
    changed = replace(record, settings=replace(record.settings, grants=acl.admit(bucket, req, grants)))
    versions.update(tx, bucket, req["Key"], changed)
    events.acl_put(ctx, tx, bucket, req["Key"], changed)
    return {"VersionId": record.version} if record.version else {}
