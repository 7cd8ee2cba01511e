"""Buckets: create, head, delete, list, location, versioning."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

from msgspec.structs import replace

from lambent.contracts.ports import Reader, Transaction
from lambent.kit import Check, Context, NotBuilt
from lambent.kit.paging import seal, unseal
from lambent.policy import canonical_user_id

from .. import access, acl, errors, keys, settings, tagging, versions
from .._service import s3
from ..model import ENABLED, OWNERSHIPS, SUSPENDED, BucketRecord, OwnedBucket, PublicBlock, is_bucket_name

_REGIONS = frozenset((
    "af-south-1", "ap-east-1", "ap-east-2", "ap-northeast-1", "ap-northeast-2", "ap-northeast-3", "ap-south-1",
    "ap-south-2", "ap-southeast-1", "ap-southeast-2", "ap-southeast-3", "ap-southeast-4", "ap-southeast-5",
    "ap-southeast-7", "ca-central-1", "ca-west-1", "cn-north-1", "cn-northwest-1", "EU", "eu-central-1",
    "eu-central-2", "eu-north-1", "eu-south-1", "eu-south-2", "eu-west-1", "eu-west-2", "eu-west-3", "il-central-1",
    "me-central-1", "me-south-1", "mx-central-1", "sa-east-1", "us-east-2", "us-gov-east-1", "us-gov-west-1",
    "us-west-1", "us-west-2",
))  # fmt: skip


def _may_create(ctx: Context, tx: Reader, req: dict[str, Any]) -> list[Check]:
    # Whether the name is anyone's already is told to those only who may create buckets.
    conditions = {}
    location = req.get("CreateBucketConfiguration", {}).get("LocationConstraint")
    if location:
        conditions["s3:locationconstraint"] = location
    check = Check("s3:CreateBucket", f"arn:aws:s3:::{req['Bucket']}", conditions)
    checks = [check]
    if "ACL" in req and req["ACL"] != "private":
        checks.append(check._replace(action="s3:PutBucketAcl"))
    if "ObjectOwnership" in req:
        checks.append(check._replace(action="s3:PutBucketOwnershipControls"))
    if req.get("CreateBucketConfiguration", {}).get("Tags"):
        checks.append(check._replace(action="s3:TagResource"))
    return checks


@s3.operation(tx="write", authorize=_may_create, unbuilt=("ObjectLockEnabledForBucket", "BucketNamespace"))
def create_bucket(ctx: Context, tx: Transaction, req: dict[str, Any]) -> dict[str, Any]:
    """Create a bucket in the endpoint's region."""
    name = req["Bucket"]
    if not is_bucket_name(name):
        raise errors.InvalidBucketName(BucketName=name)
    configuration = req.get("CreateBucketConfiguration", {})
    region = _location(ctx.region, configuration.get("LocationConstraint"))
    for member in ("Location", "Bucket"):
        if configuration.get(member):
            raise errors.InvalidRequest("Directory buckets cannot be created at this endpoint.")
    tags = tagging.of_bucket(configuration.get("Tags", ()), new=True)
    existing = keys.buckets.get(tx, name)
    if existing is not None:
        return _exists_already(ctx, existing, region, tags)
    ownership = req.get("ObjectOwnership", "BucketOwnerEnforced")
    if ownership not in OWNERSHIPS:
        raise errors.InvalidArgument(
            f"Invalid x-amz-object-ownership header: {ownership}", ArgumentName="x-amz-object-ownership"
        )
    bucket = BucketRecord(
        id=ctx.cloud.ids.hex(16),
        name=name,
        account=ctx.account,
        region=region,
        created_ms=ctx.now_ms,
        ownership=ownership,
        public_block=PublicBlock(True, True, True, True),
        tags=tags,
    )
    grants = acl.given(req, ctx.account)
    if grants is not None and req.get("ACL") != "private":
        if ownership == "BucketOwnerEnforced":
            raise errors.InvalidRequest(
                "Bucket cannot have ACLs set with ObjectOwnership's BucketOwnerEnforced setting"
            )
        bucket = replace(bucket, grants=acl.admit(bucket, req, grants))
    keys.buckets.put(tx, bucket, name)
    keys.owned.put(tx, OwnedBucket(region, bucket.created_ms), ctx.account, name)
    return _created(name, region)


def _created(name: str, region: str) -> dict[str, Any]:
    location = f"/{name}" if region == "us-east-1" else f"http://{name}.s3.amazonaws.com/"
    return {"Location": location, "BucketArn": f"arn:aws:s3:::{name}"}


def _exists_already(ctx: Context, existing: BucketRecord, region: str, tags: tagging.Tags) -> dict[str, Any]:
    if existing.account != ctx.account:
        raise errors.BucketAlreadyExists(BucketName=existing.name)
    if region != "us-east-1" or existing.region != region or tags:
        raise errors.BucketAlreadyOwnedByYou(BucketName=existing.name)
    return _created(existing.name, region)


def _location(endpoint: str, asked: str | None) -> str:
    """The region of a new bucket. The endpoint of us-east-1 is the global one: it creates buckets in every region."""
    if not asked:
        if endpoint != "us-east-1":
            raise errors.IllegalLocationConstraintException("unspecified")
        return endpoint
    if endpoint == "us-east-1":
        if asked not in _REGIONS:
            raise errors.InvalidLocationConstraint(LocationConstraint=asked)
        return "eu-west-1" if asked == "EU" else asked
    if asked != endpoint and not (asked == "EU" and endpoint == "eu-west-1"):
        raise errors.IllegalLocationConstraintException(asked)
    return endpoint


@s3.operation(tx="read", authorize=access.on_bucket("s3:ListBucket"))
def head_bucket(ctx: Context, tx: Reader, req: dict[str, Any]) -> dict[str, Any]:
    """Whether a bucket is there, and where."""
    bucket = keys.bucket(tx, req)
    return {"BucketArn": bucket.arn, "BucketRegion": bucket.region, "AccessPointAlias": False}


@s3.operation(tx="write", authorize=access.on_bucket("s3:DeleteBucket"))
def delete_bucket(ctx: Context, tx: Transaction, req: dict[str, Any]) -> dict[str, Any]:
    """Delete an empty bucket; multipart uploads that are under way are aborted."""
    bucket = keys.bucket(tx, req)
    if keys.objects.scan(tx, bucket.id, limit=1) or keys.versions.scan(tx, bucket.id, limit=1):
        text = "The bucket you tried to delete is not empty"
        if bucket.versioning:
            text += ". You must delete all versions in the bucket."
        raise errors.BucketNotEmpty(text, BucketName=bucket.name)
    for key, record in keys.parts.scan(tx, bucket.id):
        versions.release(ctx, tx, record.blob)
        tx.delete(key)
    for key, _ in keys.uploads.scan(tx, bucket.id):
        tx.delete(key)
    keys.cors.delete(tx, bucket.id)
    keys.websites.delete(tx, bucket.id)
    keys.buckets.delete(tx, bucket.name)
    keys.owned.delete(tx, bucket.account, bucket.name)
    return {"ResponseMetadata": {"HTTPStatusCode": 204}}


@s3.operation(tx="read", action="s3:ListAllMyBuckets")
def list_buckets(ctx: Context, tx: Reader, req: dict[str, Any]) -> dict[str, Any]:
    """The account's buckets in order of their names."""
    most = req.get("MaxBuckets", 10_000)
    if not 1 <= most <= 10_000:
        raise errors.InvalidArgument(
            "Argument max-buckets must be an integer between 1 and 10000",
            ArgumentName="max-buckets",
            ArgumentValue=str(most),
        )
    prefix, region = req.get("Prefix", ""), req.get("BucketRegion", "")
    paged = bool({"MaxBuckets", "BucketRegion", "ContinuationToken", "Prefix"} & req.keys())
    begin = keys.owned.key(ctx.account, prefix)[:-1]
    end = begin + b"\xff"
    if req.get("ContinuationToken"):
        begin = max(begin, unseal(req["ContinuationToken"], _bad_token) + b"\x00")
    rows: list[dict[str, Any]] = []
    last = b""
    token = None
    for key, raw in tx.scan(begin, end):
        record = keys.owned.decode(raw)
        if region and record.region != region:
            continue
        if len(rows) == most:
            token = seal(last)
            break
        name = str(keys.owned.parts(key)[1])
        row = {"Name": name, "CreationDate": _date(record.created_ms), "BucketArn": f"arn:aws:s3:::{name}"}
        rows.append({**row, "BucketRegion": record.region} if paged else row)
        last = key
    found: dict[str, Any] = {"Buckets": rows, "Owner": {"ID": canonical_user_id(ctx.account)}}
    if prefix:
        found["Prefix"] = prefix
    if token:
        found["ContinuationToken"] = token
    return found


def _date(milliseconds: int) -> datetime:
    return datetime.fromtimestamp(milliseconds // 1000, UTC)


def _bad_token(_: str) -> errors.InvalidArgument:
    return errors.InvalidArgument("The continuation token provided is incorrect", ArgumentName="continuation-token")


@s3.operation(tx="read", authorize=access.on_bucket("s3:GetBucketLocation"))
def get_bucket_location(ctx: Context, tx: Reader, req: dict[str, Any]) -> dict[str, Any]:
    """The bucket's region; none is said of us-east-1."""
    bucket = keys.bucket(tx, req)
    return {} if bucket.region == "us-east-1" else {"LocationConstraint": bucket.region}


@s3.operation(tx="read", authorize=access.on_bucket("s3:GetBucketVersioning"))
def get_bucket_versioning(ctx: Context, tx: Reader, req: dict[str, Any]) -> dict[str, Any]:
    """Whether the bucket keeps versions; nothing is said of one that never did."""
    bucket = keys.bucket(tx, req)
    return {"Status": bucket.versioning} if bucket.versioning else {}


@s3.operation(
    tx="write",
    authorize=access.on_bucket("s3:PutBucketVersioning"),
    unbuilt=("MFA",),
    harmless=("ContentMD5", "ChecksumAlgorithm"),
)
def put_bucket_versioning(ctx: Context, tx: Transaction, req: dict[str, Any]) -> None:
    """Enable or suspend versioning."""
    bucket = keys.bucket(tx, req)
    configuration = settings.document(req, "VersioningConfiguration")
    if configuration.get("MFADelete", "Disabled") != "Disabled":
        raise NotBuilt("Lambent has not built MFADelete of PutBucketVersioning yet.")
    status = configuration.get("Status")
    if status not in (ENABLED, SUSPENDED):
        raise errors.IllegalVersioningConfigurationException
    keys.buckets.put(tx, replace(bucket, versioning=status), bucket.name)
