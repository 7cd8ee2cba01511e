"""Putting, deleting and tagging objects."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from msgspec.structs import replace

from lambent.contracts.errors import ServiceError
from lambent.contracts.ports import Transaction
from lambent.kit import Check, Context

from .. import access, bodies, checksums, conditions, errors, events, keys, settings, tagging, versions
from .._service import s3
from ..bodies import Received
from ..model import BucketRecord, Checksum, ObjectRecord, Settings, open_version

_DIGEST_HEADERS = ("content-md5", "x-amz-checksum-", "x-amz-trailer")
"""One of these must come with a list of what to delete."""


@s3.operation(tx="none", open=True, unbuilt=settings.UNBUILT_BODY, harmless=settings.HARMLESS)
async def put_object(ctx: Context, req: dict[str, Any]) -> dict[str, Any]:
    """Store an object. A small body and its authorization share one transaction; a long one is authorized first, and
    goes to its blob while it arrives."""
    conditions.check_write_form(req)
    settings.check_key(req["Key"])
    want = checksums.wanted(req, ctx.request)
    body = bodies.of_request(req)
    digests = bodies.algorithms(want)
    if bodies.is_small(body):
        received = await bodies.small(body, want, digests)

        def write_small(tx: Transaction) -> dict[str, Any]:
            return _store(ctx, tx, req, received, want.stored, prepare(ctx, tx, req))

        return await ctx.cloud.store.write(write_small)

    await ctx.cloud.store.read(lambda tx: prepare(ctx, tx, req))
    received = await bodies.large(ctx, body, want, digests)

    def write_large(tx: Transaction) -> dict[str, Any]:
        return _store(ctx, tx, req, received, want.stored, prepare(ctx, tx, req))

    try:
        return await ctx.cloud.store.write(write_large)
    except ServiceError:
        ctx.cloud.blobs.release(received.blob)
        raise


def prepare(ctx: Context, tx: Any, req: dict[str, Any]) -> tuple[BucketRecord, Settings]:
    """Everything that is checked before an object is written: bucket, settings, permission, conditions."""
    bucket = keys.bucket(tx, req)
    chosen = settings.of_request(req, bucket)
    access.enforce(ctx, tx, *access.write_checks(ctx, bucket, req["Key"], req, chosen.tags))
    if "IfMatch" in req or "IfNoneMatch" in req:
        conditions.check_write(req, req["Key"], keys.objects.get(tx, bucket.id, req["Key"]))
    return bucket, chosen


def _store(
    ctx: Context,
    tx: Transaction,
    req: dict[str, Any],
    received: Received,
    algorithm: str,
    prepared: tuple[BucketRecord, Settings],
) -> dict[str, Any]:
    bucket, chosen = prepared
    checksum = Checksum(algorithm, checksums.text(received.digests[algorithm]))
    record = write(ctx, tx, bucket, req["Key"], received, chosen, checksum, "Put")
    return answer(record)


def write(
    ctx: Context,
    tx: Transaction,
    bucket: BucketRecord,
    key: str,
    received: Received,
    chosen: Settings,
    checksum: Checksum | None,
    how: str,
) -> ObjectRecord:
    """Make a received body the current version of `key`, and say so to the world."""
    record = ObjectRecord(
        seq=0,
        modified_ms=0,
        owner=bucket.account,
        size=received.size,
        etag=received.etag,
        checksum=checksum,
        inline=received.inline,
        blob=received.blob,
        settings=chosen,
    )
    record = versions.put(ctx, tx, bucket, key, record)
    bodies.store_row(tx, bucket, key, record, received.data)
    events.created(ctx, tx, bucket, key, record, how)
    return record


def answer(record: ObjectRecord) -> dict[str, Any]:
    """What PutObject answers."""
    found: dict[str, Any] = {
        "ETag": f'"{record.etag}"',
        "ServerSideEncryption": settings.ENCRYPTION,
        **checksums.shown(record.checksum),
    }
    if record.version:
        found["VersionId"] = record.version
    return found


def _may_delete(ctx: Context, tx: Any, req: dict[str, Any]) -> list[Check]:
    return access.on_object("s3:DeleteObject", "s3:DeleteObjectVersion")(ctx, tx, req)


@s3.operation(tx="write", authorize=_may_delete, unbuilt=("MFA",), harmless=("RequestPayer",))
def delete_object(ctx: Context, tx: Transaction, req: dict[str, Any]) -> dict[str, Any]:
    """Delete an object, or one version of it for good."""
    _refuse_directory_conditions(req)
    bucket = keys.bucket(tx, req)
    if "BypassGovernanceRetention" in req:
        raise errors.InvalidArgument(
            "x-amz-bypass-governance-retention is only applicable to Object Lock enabled buckets.",
            ArgumentName="x-amz-bypass-governance-retention",
        )
    version = version_of(req)
    if "IfMatch" in req:
        _check_delete(tx, bucket, req["Key"], version, req["IfMatch"])
    deletion = delete_one(ctx, tx, bucket, req["Key"], version)
    found: dict[str, Any] = {}
    if deletion.marker:
        found["DeleteMarker"] = True
    if deletion.version:
        found["VersionId"] = deletion.version
    return found


def version_of(req: Mapping[str, Any]) -> str:
    """The version that a request names, empty when none; InvalidArgument for an id that S3 never made."""
    version = req.get("VersionId")
    if version is None:
        return ""
    if version == "null" or open_version(version) is not None:
        return str(version)
    text = "Invalid version id specified" if version else "Version id cannot be the empty string"
    raise errors.InvalidArgument(text, ArgumentName="versionId", ArgumentValue=version)


def _refuse_directory_conditions(req: dict[str, Any]) -> None:
    for member, header in (
        ("IfMatchLastModifiedTime", "x-amz-if-match-last-modified-time"),
        ("IfMatchSize", "x-amz-if-match-size"),
    ):
        if member in req:
            raise errors.HeaderNotImplemented(Header=header)


def _check_delete(tx: Any, bucket: BucketRecord, key: str, version: str, header: str) -> None:
    current = versions.find(tx, bucket, key, version) if version else keys.objects.get(tx, bucket.id, key)
    if current is None or not conditions.matches(header, current.etag):
        raise errors.PreconditionFailed(Condition="If-Match")


def delete_one(ctx: Context, tx: Transaction, bucket: BucketRecord, key: str, version: str) -> versions.Deletion:
    """Delete one key or version, note it in the multipart uploads of the key, and say so to the world."""
    deletion = versions.remove(ctx, tx, bucket, key, version) if version else versions.delete(ctx, tx, bucket, key)
    if deletion.existed:
        for _, upload in keys.uploads.scan(tx, bucket.id, key):
            if not upload.disturbed:
                keys.uploads.put(tx, replace(upload, disturbed=True), bucket.id, key, upload.seq)
        events.removed(ctx, tx, bucket, key, deletion)
    return deletion


@s3.operation(tx="write", open=True, unbuilt=("MFA",), harmless=("RequestPayer", "ChecksumAlgorithm"))
def delete_objects(ctx: Context, tx: Transaction, req: dict[str, Any]) -> dict[str, Any]:
    """Delete up to 1,000 objects; each one is authorized, and fails, on its own."""
    bucket = keys.bucket(tx, req)
    if ctx.request is not None and not any(name.startswith(_DIGEST_HEADERS) for name in ctx.request.headers):
        raise errors.InvalidRequest("Missing required header for this request: Content-MD5 OR x-amz-checksum-*")
    rows = settings.document(req, "Delete").get("Objects", [])
    if not 1 <= len(rows) <= 1000 or not all(row.get("Key") for row in rows):
        raise errors.MalformedXML
    if "BypassGovernanceRetention" in req:
        raise errors.InvalidArgument(
            "x-amz-bypass-governance-retention is only applicable to Object Lock enabled buckets.",
            ArgumentName="x-amz-bypass-governance-retention",
        )
    deleted: list[dict[str, Any]] = []
    failed: list[dict[str, Any]] = []
    for row in rows:
        try:
            deleted.append(_delete_row(ctx, tx, bucket, row))
        except ServiceError as error:
            about = {"Key": row["Key"], "Code": error.code, "Message": error.message}
            failed.append({**about, **({"VersionId": row["VersionId"]} if row.get("VersionId") else {})})
    found: dict[str, Any] = {}
    if deleted and not settings.document(req, "Delete").get("Quiet"):
        found["Deleted"] = deleted
    if failed:
        found["Errors"] = failed
    return found


def _delete_row(ctx: Context, tx: Transaction, bucket: BucketRecord, row: dict[str, Any]) -> dict[str, Any]:
    key, version = row["Key"], row.get("VersionId") or ""
    _refuse_directory_conditions({f"IfMatch{name}": row[name] for name in ("LastModifiedTime", "Size") if name in row})
    action = "s3:DeleteObjectVersion" if version else "s3:DeleteObject"
    access.enforce(ctx, tx, access.object_check(ctx, bucket, key, action, row))
    if version and version != "null" and open_version(version) is None:
        raise errors.NoSuchVersion
    if "ETag" in row:
        _check_delete(tx, bucket, key, version, row["ETag"])
    deletion = delete_one(ctx, tx, bucket, key, version)
    found: dict[str, Any] = {"Key": key}
    if version:
        found["VersionId"] = version
    if deletion.marker:
        found |= {"DeleteMarker": True, "DeleteMarkerVersionId": deletion.version}
    return found


def version_for_change(ctx: Context, tx: Any, req: dict[str, Any], method: str) -> tuple[BucketRecord, ObjectRecord]:
    """The version whose tags or ACL a request is about. NoSuchKey, NoSuchVersion, MethodNotAllowed."""
    bucket = keys.bucket(tx, req)
    key, version = req["Key"], version_of(req)
    if version:
        record = versions.find(tx, bucket, key, version)
        if record is None:
            raise errors.NoSuchVersion(Key=key, VersionId=version)
    else:
        record = keys.objects.get(tx, bucket.id, key)
        if record is None and method != "GET" and bucket.versioning:
            record = versions.newest(tx, bucket, key)
        if record is None:
            raise access.no_such_key(ctx, tx, bucket, key)
    if record.marker:
        raise errors.MethodNotAllowed(Method=method, ResourceType="DeleteMarker")
    return bucket, record


def _version_of(record: ObjectRecord) -> dict[str, Any]:
    return {"VersionId": record.version} if record.version else {}


@s3.operation(
    tx="read",
    authorize=access.on_object("s3:GetObjectTagging", "s3:GetObjectVersionTagging"),
    harmless=("RequestPayer",),
)
def get_object_tagging(ctx: Context, tx: Transaction, req: dict[str, Any]) -> dict[str, Any]:
    """The tags of an object."""
    _, record = version_for_change(ctx, tx, req, "GET")
    return {"TagSet": tagging.shown(record.settings.tags), **_version_of(record)}


@s3.operation(
    tx="write",
    authorize=access.on_object("s3:PutObjectTagging", "s3:PutObjectVersionTagging"),
    harmless=("RequestPayer", "ContentMD5", "ChecksumAlgorithm"),
)
def put_object_tagging(ctx: Context, tx: Transaction, req: dict[str, Any]) -> dict[str, Any]:
    """Replace the tags of an object."""
    tags = tagging.of_object(settings.document(req, "Tagging").get("TagSet", ()))
    bucket, record = version_for_change(ctx, tx, req, "PUT")
    changed = replace(record, settings=replace(record.settings, tags=tags))
    versions.update(tx, bucket, req["Key"], changed)
    events.tagged(ctx, tx, bucket, req["Key"], changed, "Put")
    return _version_of(record)


@s3.operation(
    tx="write",
    authorize=access.on_object("s3:DeleteObjectTagging", "s3:DeleteObjectVersionTagging"),
)
def delete_object_tagging(ctx: Context, tx: Transaction, req: dict[str, Any]) -> dict[str, Any]:
    """Remove all tags of an object."""
    bucket, record = version_for_change(ctx, tx, req, "DELETE")
    changed = replace(record, settings=replace(record.settings, tags=()))
    versions.update(tx, bucket, req["Key"], changed)
    events.tagged(ctx, tx, bucket, req["Key"], changed, "Delete")
    return {"ResponseMetadata": {"HTTPStatusCode": 204}, **_version_of(record)}
