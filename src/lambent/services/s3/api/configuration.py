"""Configuration of buckets: tags, CORS, public access, ownership, encryption."""

from __future__ import annotations

from typing import Any

from msgspec.structs import replace

from lambent.contracts.errors import NotBuilt
from lambent.contracts.ports import Reader, Transaction
from lambent.kit import Context

from .. import access, acl, errors, keys, settings, tagging
from .._service import s3
from ..model import OWNERSHIPS, CorsRecord, CorsRule, PublicBlock

_METHODS = ("GET", "PUT", "HEAD", "POST", "DELETE")
_INTEGRITY = ("ContentMD5", "ChecksumAlgorithm")
_GONE = {"ResponseMetadata": {"HTTPStatusCode": 204}}
_BLOCK = {
    "BlockPublicAcls": "block_acls",
    "IgnorePublicAcls": "ignore_acls",
    "BlockPublicPolicy": "block_policy",
    "RestrictPublicBuckets": "restrict",
}


@s3.operation(tx="read", authorize=access.on_bucket("s3:GetBucketTagging"))
def get_bucket_tagging(ctx: Context, tx: Reader, req: dict[str, Any]) -> dict[str, Any]:
    """The bucket's tags."""
    bucket = keys.bucket(tx, req)
    if not bucket.tags:
        raise errors.NoSuchTagSet(BucketName=bucket.name)
    return {"TagSet": tagging.shown(bucket.tags)}


@s3.operation(tx="write", authorize=access.on_bucket("s3:PutBucketTagging"), harmless=_INTEGRITY)
def put_bucket_tagging(ctx: Context, tx: Transaction, req: dict[str, Any]) -> dict[str, Any]:
    """Replace the bucket's tags."""
    bucket = keys.bucket(tx, req)
    tags = tagging.of_bucket(settings.document(req, "Tagging").get("TagSet", ()))
    keys.buckets.put(tx, replace(bucket, tags=tags), bucket.name)
    return _GONE


@s3.operation(tx="write", authorize=access.on_bucket("s3:PutBucketTagging"))
def delete_bucket_tagging(ctx: Context, tx: Transaction, req: dict[str, Any]) -> dict[str, Any]:
    """Remove the bucket's tags."""
    bucket = keys.bucket(tx, req)
    keys.buckets.put(tx, replace(bucket, tags=()), bucket.name)
    return _GONE


@s3.operation(tx="read", authorize=access.on_bucket("s3:GetBucketCORS"))
def get_bucket_cors(ctx: Context, tx: Reader, req: dict[str, Any]) -> dict[str, Any]:
    """The bucket's CORS rules."""
    bucket = keys.bucket(tx, req)
    record = keys.cors.get(tx, bucket.id)
    if record is None:
        raise errors.NoSuchCORSConfiguration(BucketName=bucket.name)
    return {"CORSRules": [_rule_shown(rule) for rule in record.rules]}


def _rule_shown(rule: CorsRule) -> dict[str, Any]:
    found: dict[str, Any] = {"AllowedMethods": list(rule.methods), "AllowedOrigins": list(rule.origins)}
    if rule.headers:
        found["AllowedHeaders"] = list(rule.headers)
    if rule.expose:
        found["ExposeHeaders"] = list(rule.expose)
    if rule.max_age_s is not None:
        found["MaxAgeSeconds"] = rule.max_age_s
    if rule.id:
        found["ID"] = rule.id
    return found


@s3.operation(tx="write", authorize=access.on_bucket("s3:PutBucketCORS"), harmless=_INTEGRITY)
def put_bucket_cors(ctx: Context, tx: Transaction, req: dict[str, Any]) -> None:
    """Replace the bucket's CORS rules."""
    bucket = keys.bucket(tx, req)
    rows = settings.document(req, "CORSConfiguration").get("CORSRules", [])
    if not 1 <= len(rows) <= 100:
        raise errors.MalformedXML
    keys.cors.put(tx, CorsRecord(tuple(_rule(row) for row in rows)), bucket.id)
    keys.buckets.put(tx, replace(bucket, cors=True), bucket.name)


def _rule(row: dict[str, Any]) -> CorsRule:
    if not row.get("AllowedMethods") or not row.get("AllowedOrigins"):
        raise errors.MalformedXML
    for method in row["AllowedMethods"]:
        if method not in _METHODS:
            raise errors.InvalidRequest(f"Found unsupported HTTP method in CORS config. Unsupported method is {method}")
    for member, noun in (("AllowedOrigins", "AllowedOrigin"), ("AllowedHeaders", "AllowedHeader")):
        for value in row.get(member, ()):
            if value.count("*") > 1:
                raise errors.InvalidRequest(f'{noun} "{value}" can not have more than one wildcard.')
    return CorsRule(
        methods=tuple(row["AllowedMethods"]),
        origins=tuple(row["AllowedOrigins"]),
        headers=tuple(row.get("AllowedHeaders", ())),
        expose=tuple(row.get("ExposeHeaders", ())),
        max_age_s=row.get("MaxAgeSeconds"),
        id=row.get("ID", ""),
    )


@s3.operation(tx="write", authorize=access.on_bucket("s3:PutBucketCORS"))
def delete_bucket_cors(ctx: Context, tx: Transaction, req: dict[str, Any]) -> dict[str, Any]:
    """Remove the bucket's CORS rules."""
    bucket = keys.bucket(tx, req)
    keys.cors.delete(tx, bucket.id)
    keys.buckets.put(tx, replace(bucket, cors=False), bucket.name)
    return _GONE


@s3.operation(tx="read", authorize=access.on_bucket("s3:GetBucketPublicAccessBlock"))
def get_public_access_block(ctx: Context, tx: Reader, req: dict[str, Any]) -> dict[str, Any]:
    """The bucket's public access block."""
    bucket = keys.bucket(tx, req)
    block = bucket.public_block
    if block is None:
        raise errors.NoSuchPublicAccessBlockConfiguration(BucketName=bucket.name)
    return {"PublicAccessBlockConfiguration": {member: getattr(block, field) for member, field in _BLOCK.items()}}


@s3.operation(tx="write", authorize=access.on_bucket("s3:PutBucketPublicAccessBlock"), harmless=_INTEGRITY)
def put_public_access_block(ctx: Context, tx: Transaction, req: dict[str, Any]) -> None:
    """Replace the bucket's public access block."""
    bucket = keys.bucket(tx, req)
    given = settings.document(req, "PublicAccessBlockConfiguration")
    block = PublicBlock(**{field: bool(given.get(member)) for member, field in _BLOCK.items()})
    keys.buckets.put(tx, replace(bucket, public_block=block), bucket.name)


@s3.operation(tx="write", authorize=access.on_bucket("s3:PutBucketPublicAccessBlock"))
def delete_public_access_block(ctx: Context, tx: Transaction, req: dict[str, Any]) -> dict[str, Any]:
    """Remove the bucket's public access block."""
    bucket = keys.bucket(tx, req)
    keys.buckets.put(tx, replace(bucket, public_block=None), bucket.name)
    return _GONE


@s3.operation(tx="read", authorize=access.on_bucket("s3:GetBucketOwnershipControls"))
def get_bucket_ownership_controls(ctx: Context, tx: Reader, req: dict[str, Any]) -> dict[str, Any]:
    """Who owns new objects, and whether there are ACLs."""
    bucket = keys.bucket(tx, req)
    if not bucket.ownership:
        raise errors.OwnershipControlsNotFoundError(BucketName=bucket.name)
    return {"OwnershipControls": {"Rules": [{"ObjectOwnership": bucket.ownership}]}}


@s3.operation(tx="write", authorize=access.on_bucket("s3:PutBucketOwnershipControls"), harmless=_INTEGRITY)
def put_bucket_ownership_controls(ctx: Context, tx: Transaction, req: dict[str, Any]) -> None:
    """Say who owns new objects; BucketOwnerEnforced, which ends all ACLs, needs a bucket without foreign grants."""
    bucket = keys.bucket(tx, req)
    rules = settings.document(req, "OwnershipControls").get("Rules", [])
    if len(rules) != 1:
        raise errors.MalformedXML
    ownership = rules[0].get("ObjectOwnership")
    if ownership not in OWNERSHIPS:
        raise errors.MalformedXML
    if ownership == "BucketOwnerEnforced" and bucket.grants and bucket.grants != acl.canned("private", bucket.account):
        raise errors.InvalidBucketAclWithObjectOwnership
    keys.buckets.put(tx, replace(bucket, ownership=ownership), bucket.name)


@s3.operation(tx="write", authorize=access.on_bucket("s3:PutBucketOwnershipControls"))
def delete_bucket_ownership_controls(ctx: Context, tx: Transaction, req: dict[str, Any]) -> dict[str, Any]:
    """Remove the ownership controls: ACLs count again."""
    bucket = keys.bucket(tx, req)
    keys.buckets.put(tx, replace(bucket, ownership=""), bucket.name)
    return _GONE


@s3.operation(tx="read", authorize=access.on_bucket("s3:GetEncryptionConfiguration"))
def get_bucket_encryption(ctx: Context, tx: Reader, req: dict[str, Any]) -> dict[str, Any]:
    """The default encryption, which every bucket has."""
    algorithm = keys.bucket(tx, req).encryption or settings.ENCRYPTION
    default = {"ApplyServerSideEncryptionByDefault": {"SSEAlgorithm": algorithm}, "BucketKeyEnabled": False}
    return {"ServerSideEncryptionConfiguration": {"Rules": [default]}}


@s3.operation(tx="write", authorize=access.on_bucket("s3:PutEncryptionConfiguration"), harmless=_INTEGRITY)
def put_bucket_encryption(ctx: Context, tx: Transaction, req: dict[str, Any]) -> None:
    """Set the default encryption: AES256, or aws:kms with the key that AWS manages, which callers never see."""
    bucket = keys.bucket(tx, req)
    rules = settings.document(req, "ServerSideEncryptionConfiguration").get("Rules", [])
    if len(rules) != 1:
        raise errors.MalformedXML
    default = rules[0].get("ApplyServerSideEncryptionByDefault", {})
    algorithm = default.get("SSEAlgorithm", settings.ENCRYPTION)
    if algorithm != "aws:kms":
        settings.check_encryption({"ServerSideEncryption": algorithm})
    if rules[0].get("BucketKeyEnabled") or "KMSMasterKeyID" in default or "BlockedEncryptionTypes" in rules[0]:
        raise NotBuilt("Lambent has not built BucketKeyEnabled, KMSMasterKeyID and BlockedEncryptionTypes yet.")
    keys.buckets.put(tx, replace(bucket, encryption=algorithm), bucket.name)


@s3.operation(tx="write", authorize=access.on_bucket("s3:PutEncryptionConfiguration"))
def delete_bucket_encryption(ctx: Context, tx: Transaction, req: dict[str, Any]) -> dict[str, Any]:
    """Return to the default encryption, AES256."""
    bucket = keys.bucket(tx, req)
    keys.buckets.put(tx, replace(bucket, encryption=""), bucket.name)
    return _GONE
