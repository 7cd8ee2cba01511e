"""The website configuration of buckets."""

from __future__ import annotations

from typing import Any

from lambent.contracts.ports import Reader, Transaction
from lambent.kit import Context

from .. import access, errors, keys, settings, website_rules
from .._service import s3

_INTEGRITY = ("ContentMD5", "ChecksumAlgorithm")


@s3.operation(tx="read", authorize=access.on_bucket("s3:GetBucketWebsite"))
def get_bucket_website(ctx: Context, tx: Reader, req: dict[str, Any]) -> dict[str, Any]:
    """The bucket's website configuration."""
    bucket = keys.bucket(tx, req)
    record = keys.websites.get(tx, bucket.id)
    if record is None:
        raise errors.NoSuchWebsiteConfiguration(BucketName=bucket.name)
    return website_rules.shown(record)


@s3.operation(tx="write", authorize=access.on_bucket("s3:PutBucketWebsite"), harmless=_INTEGRITY)
def put_bucket_website(ctx: Context, tx: Transaction, req: dict[str, Any]) -> None:
    """Make the bucket a website, or replace its configuration."""
    bucket = keys.bucket(tx, req)
    record = website_rules.of_document(settings.document(req, "WebsiteConfiguration"))
    keys.websites.put(tx, record, bucket.id)


@s3.operation(tx="write", authorize=access.on_bucket("s3:DeleteBucketWebsite"))
def delete_bucket_website(ctx: Context, tx: Transaction, req: dict[str, Any]) -> dict[str, Any]:
    """The bucket is no website any more."""
    keys.websites.delete(tx, keys.bucket(tx, req).id)
    return {"ResponseMetadata": {"HTTPStatusCode": 204}}
