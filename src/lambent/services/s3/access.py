"""Who may do what: the questions that each operation asks, as AWS's service authorization reference has them."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Protocol, cast

from lambent.contracts.caller import Principal
from lambent.contracts.errors import ServiceError
from lambent.contracts.ports import Reader
from lambent.kit import Check, Context
from lambent.kit.service import Authorizer

from . import acl, errors, keys
from .model import BucketRecord, Grant, ObjectRecord
from .versions import find

_LIST_CONDITIONS = {"Prefix": "s3:prefix", "Delimiter": "s3:delimiter", "MaxKeys": "s3:max-keys"}
_ALWAYS_OWNERS = ("s3:GetBucketPolicy", "s3:PutBucketPolicy", "s3:DeleteBucketPolicy")
"""What no bucket policy can take from the root user of its owner."""
_OBJECT_CONDITIONS = {
    "ACL": "s3:x-amz-acl",
    "StorageClass": "s3:x-amz-storage-class",
    "ServerSideEncryption": "s3:x-amz-server-side-encryption",
    "VersionId": "s3:versionid",
    "CopySource": "s3:x-amz-copy-source",
    "MetadataDirective": "s3:x-amz-metadata-directive",
    "IfMatch": "s3:if-match",
    "IfNoneMatch": "s3:if-none-match",
}


class _Enforcing(Protocol):
    def enforce(self, tx: Reader, ctx: Context, checks: list[Check], protocol: str) -> None: ...


def enforce(ctx: Context, tx: Reader, *checks: Check) -> None:
    """Raise AccessDenied, in the authorize room's words, unless every check is allowed."""
    cast("_Enforcing", ctx.cloud.guard).enforce(tx, ctx, list(checks), "rest-xml")


def allowed(ctx: Context, tx: Reader, check: Check) -> bool:
    """Whether a check is allowed."""
    try:
        enforce(ctx, tx, check)
    except ServiceError:
        return False
    return True


def on_bucket(action: str) -> Authorizer:
    """An authorizer that asks about the bucket; list operations bring their condition keys."""

    def authorize(ctx: Context, tx: Reader, req: dict[str, Any]) -> list[Check]:
        return [bucket_check(ctx, keys.bucket(tx, req), action, req)]

    return authorize


def bucket_check(ctx: Context, bucket: BucketRecord, action: str, req: Mapping[str, Any]) -> Check:
    """The question about a bucket."""
    conditions = {key: str(req[member]) for member, key in _LIST_CONDITIONS.items() if member in req}
    policy = acl.resource_policy(bucket, ctx.caller)
    if action in _ALWAYS_OWNERS and ctx.caller.kind is Principal.ROOT and ctx.caller.account == bucket.account:
        policy = None
    return Check(action, bucket.arn, conditions, policy, bucket.account)


def on_object(action: str, versioned: str = "", *, exists: bool = True) -> Authorizer:
    """An authorizer that asks about the object, by another action when the request names a version. `exists`: the
    object is there already, so that its own ACL and tags count."""

    def authorize(ctx: Context, tx: Reader, req: dict[str, Any]) -> list[Check]:
        bucket = keys.bucket(tx, req)
        key, version = req["Key"], req.get("VersionId", "")
        name = versioned if versioned and version else action
        if _is_owner(ctx, bucket):
            return [Check(name, f"{bucket.arn}/{key}", {}, None, bucket.account)]
        record = None
        if exists:
            record = find(tx, bucket, key, version) if version else keys.objects.get(tx, bucket.id, key)
        return [object_check(ctx, bucket, key, name, req, record)]

    return authorize


def object_check(
    ctx: Context,
    bucket: BucketRecord,
    key: str,
    action: str,
    req: Mapping[str, Any],
    record: ObjectRecord | None = None,
) -> Check:
    """The question about an object; `record` is the object as it is there already."""
    conditions: dict[str, str | tuple[str, ...]] = {
        name: str(req[member]) for member, name in _OBJECT_CONDITIONS.items() if member in req
    }
    grants: tuple[Grant, ...] = ()
    if record is not None:
        grants = record.settings.grants
        for tag, value in record.settings.tags:
            conditions[f"s3:existingobjecttag/{tag.lower()}"] = value
    return Check(
        action,
        f"{bucket.arn}/{key}",
        conditions,
        acl.resource_policy(bucket, ctx.caller, key, grants),
        bucket.account,
        bucket.arn,
    )


def write_checks(
    ctx: Context, bucket: BucketRecord, key: str, req: Mapping[str, Any], tags: tuple[tuple[str, str], ...] = ()
) -> list[Check]:
    """The questions before an object is written: PutObject, and what its ACL, tags and If-Match need besides."""
    check = object_check(ctx, bucket, key, "s3:PutObject", req)
    checks = [check]
    if tags:
        conditions = dict(check.conditions)
        for tag, value in tags:
            conditions[f"s3:requestobjecttag/{tag.lower()}"] = value
        conditions["s3:requestobjecttagkeys"] = tuple(tag for tag, _ in tags)
        checks = [
            check._replace(conditions=conditions),
            check._replace(action="s3:PutObjectTagging", conditions=conditions),
        ]
    if "ACL" in req or any(member.startswith("Grant") for member in req):
        checks.append(check._replace(action="s3:PutObjectAcl"))
    if "IfMatch" in req:
        checks.append(check._replace(action="s3:GetObject"))
    return checks


def no_such_key(
    ctx: Context, tx: Reader, bucket: BucketRecord, key: str, headers: tuple[tuple[str, str], ...] = ()
) -> errors.S3Error:
    """NoSuchKey for those who may list the bucket; AccessDenied is raised towards all others."""
    enforce(ctx, tx, bucket_check(ctx, bucket, "s3:ListBucket", {}))
    return errors.NoSuchKey(Key=key, headers=headers)


def _is_owner(ctx: Context, bucket: BucketRecord) -> bool:
    """The owner's root user, where no policy could deny even him: nothing that the object holds can matter."""
    return ctx.caller.kind is Principal.ROOT and ctx.caller.account == bucket.account and not bucket.policy
