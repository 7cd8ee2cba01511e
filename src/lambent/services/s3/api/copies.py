"""Copying: CopyObject and UploadPartCopy. Copies share the blob of their source where its digests are known."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, NamedTuple
from urllib.parse import unquote

from msgspec.structs import replace

from lambent.contracts.errors import ServiceError
from lambent.contracts.http import BytesBody
from lambent.contracts.ports import Reader, Transaction
from lambent.kit import Context

from .. import access, acl, bodies, checksums, conditions, errors, keys, settings, tagging, versions
from .._service import s3
from ..bodies import Received
from ..model import OBJECT_BYTES_MAX, BucketRecord, Checksum, Grant, ObjectRecord, Settings
from .multipart import may_upload, part_digests, store_part
from .objects import version_of, write

_UNBUILT_SOURCE = ("CopySourceSSECustomerAlgorithm", "CopySourceSSECustomerKey", "CopySourceSSECustomerKeyMD5")


class Source(NamedTuple):
    """What is copied."""

    bucket: BucketRecord
    key: str
    record: ObjectRecord
    version: str


class Body(NamedTuple):
    """The body of a copy, with the digests that had to be computed; `shared` when it is the source's own blob."""

    received: Received
    shared: bool


def source_of(ctx: Context, tx: Reader, req: Mapping[str, Any]) -> Source:
    """Find the source of a copy, after asking whether the caller may read it, and check the conditions on it."""
    name, key, version = _parse(req["CopySource"])
    about = {"Bucket": name}
    if "ExpectedSourceBucketOwner" in req:
        about["ExpectedBucketOwner"] = req["ExpectedSourceBucketOwner"]
    bucket = keys.bucket(tx, about)
    record = versions.find(tx, bucket, key, version) if version else keys.objects.get(tx, bucket.id, key)
    action = "s3:GetObjectVersion" if version else "s3:GetObject"
    asked = {"VersionId": version} if version else {}
    version_of(asked)
    access.enforce(ctx, tx, access.object_check(ctx, bucket, key, action, asked, record))
    if record is None:
        if version:
            raise errors.NoSuchVersion(Key=key, VersionId=version)
        raise access.no_such_key(ctx, tx, bucket, key)
    if record.marker:
        raise errors.InvalidRequest(
            "The source of a copy request may not specifically refer to a delete marker by version id."
        )
    conditions.check_copy_source(req, record)
    return Source(bucket, key, record, version)


def _parse(source: Any) -> tuple[str, str, str]:
    """Bucket, key and version of an x-amz-copy-source header, which boto3 callers may give as a dict."""
    if isinstance(source, Mapping):
        return source["Bucket"], source["Key"], source.get("VersionId", "")
    path, _, query = source.partition("?")
    name, slash, key = unquote(path).removeprefix("/").partition("/")
    if name.startswith("arn:"):
        raise errors.InvalidArgument(
            "Lambent has no access points", ArgumentName="x-amz-copy-source", ArgumentValue=source
        )
    if not slash or not key:
        raise errors.InvalidArgument(
            "Invalid copy source object key", ArgumentName="x-amz-copy-source", ArgumentValue="x-amz-copy-source"
        )
    version = unquote(query.removeprefix("versionId=")) if query.startswith("versionId=") else ""
    return name, key, version


@s3.operation(
    tx="none",
    open=True,
    unbuilt=(*settings.UNBUILT, *_UNBUILT_SOURCE, "AnnotationDirective"),
    harmless=settings.HARMLESS,
)
async def copy_object(ctx: Context, req: dict[str, Any]) -> dict[str, Any]:
    """Copy an object, with its metadata and tags or with others."""
    conditions.check_write_form(req)
    settings.check_key(req["Key"])
    asked = checksums.algorithm_of(req.get("ChecksumAlgorithm", ""))
    source, _, _ = await ctx.cloud.store.read(lambda tx: _prepare(ctx, tx, req))
    if source.record.size > OBJECT_BYTES_MAX:
        raise errors.InvalidRequest(
            f"The specified copy source is larger than the maximum allowable size for a copy source: {OBJECT_BYTES_MAX}"
        )
    try:
        body = await _body(ctx, source, asked)
    except LookupError:  # the source was replaced while it was being read
        return await copy_object(ctx, req)

    def write(tx: Transaction) -> dict[str, Any] | None:
        now, bucket, chosen = _prepare(ctx, tx, req)
        if now.record.seq != source.record.seq or now.bucket.id != source.bucket.id:
            return None
        return _store(ctx, tx, req, now, body, bucket, chosen)

    try:
        done = await ctx.cloud.store.write(write)
    except ServiceError:
        _give_up(ctx, body)
        raise
    if done is not None:
        return done
    _give_up(ctx, body)
    return await copy_object(ctx, req)


def _give_up(ctx: Context, body: Body) -> None:
    if body.received.blob and not body.shared:
        ctx.cloud.blobs.release(body.received.blob)


def _prepare(ctx: Context, tx: Reader, req: dict[str, Any]) -> tuple[Source, BucketRecord, Settings]:
    """Everything that is checked before a copy: destination, source, permissions, conditions."""
    bucket = keys.bucket(tx, req)
    key = req["Key"]
    replacing = _replaces(req, "TaggingDirective", "tagging")
    tags = tagging.of_header(req["Tagging"]) if replacing and "Tagging" in req else ()
    access.enforce(ctx, tx, *access.write_checks(ctx, bucket, key, req, tags))
    source = source_of(ctx, tx, req)
    grants = acl.admit(bucket, req, acl.given(req, bucket.account))
    chosen = _settings(req, source.record, grants, tags if replacing else source.record.settings.tags)
    _check_in_place(req, bucket, source)
    conditions.check_write(req, key, keys.objects.get(tx, bucket.id, key))
    return source, bucket, chosen


def _replaces(req: Mapping[str, Any], member: str, noun: str) -> bool:
    """Whether metadata or tags are replaced rather than copied; InvalidArgument."""
    directive = req.get(member, "COPY")
    if directive not in ("COPY", "REPLACE"):
        raise errors.InvalidArgument(
            f"Unknown {noun} directive.", ArgumentName=f"x-amz-{noun}-directive", ArgumentValue=directive
        )
    return bool(directive == "REPLACE")


def _settings(req: dict[str, Any], record: ObjectRecord, grants: tuple[Grant, ...], tags: tagging.Tags) -> Settings:
    if _replaces(req, "MetadataDirective", "metadata"):
        return settings.without_acl(req, grants=grants, tags=tags)
    settings.check_encryption(req)
    headers = {name: text for name, text in record.settings.headers.items() if name != settings.REDIRECT}
    if req.get(settings.REDIRECT):  # never copied: it belongs to the address, not to the object
        headers[settings.REDIRECT] = settings.redirect_location(req)
    return replace(
        record.settings, storage_class=settings.storage_class(req), grants=grants, tags=tags, headers=headers
    )


def _check_in_place(req: dict[str, Any], bucket: BucketRecord, source: Source) -> None:
    """InvalidRequest for a copy of an object to itself that would change nothing."""
    if source.bucket.id != bucket.id or source.key != req["Key"] or source.version:
        return
    changes = ("StorageClass", "WebsiteRedirectLocation", "ServerSideEncryption", "ChecksumAlgorithm")
    if req.get("MetadataDirective") == "REPLACE" or any(member in req for member in changes):
        return
    # Where versioning is suspended a copy in place makes the null version of an older one.
    if bucket.versioning == "Suspended":
        return
    raise errors.InvalidRequest(
        "This copy request is illegal because it is trying to copy an object to itself without changing the object's "
        "metadata, storage class, website redirect location or encryption attributes."
    )


async def _body(ctx: Context, source: Source, asked: str) -> Body:
    """The body of the copy, and digests that the source's record does not have."""
    record = source.record
    known = record.checksum
    simple = not record.parts
    same = known is not None and known.kind == checksums.FULL_OBJECT and asked in ("", known.algorithm)
    algorithm = asked or (known.algorithm if known is not None else checksums.DEFAULT)
    if not record.blob:
        data = await ctx.cloud.store.read(lambda tx: _data(tx, source))
        return Body(Received(len(data), checksums.compute(data, ("md5", algorithm)), data), False)
    if simple and same:
        return Body(Received(record.size, {"md5": bytes.fromhex(record.etag)}, None, record.blob), True)
    info = await ctx.cloud.blobs.concat([(record.blob, 0, record.size)], ("md5", algorithm))
    return Body(Received(info.length, info.digests, None, info.name), False)


def _data(tx: Reader, source: Source) -> bytes:
    data = bodies.data_of(tx, source.bucket, source.key, source.record)
    return b"" if data is None else data


def _store(
    ctx: Context,
    tx: Transaction,
    req: dict[str, Any],
    source: Source,
    body: Body,
    bucket: BucketRecord,
    chosen: Settings,
) -> dict[str, Any]:
    received = body.received
    checksum = source.record.checksum
    for algorithm, raw in received.digests.items():
        if algorithm != "md5":
            checksum = Checksum(algorithm, checksums.text(raw))
    if body.shared:
        versions.share(tx, received.blob)
    record = write(ctx, tx, bucket, req["Key"], received, chosen, checksum, "Copy")
    found: dict[str, Any] = {
        "CopyObjectResult": {
            "ETag": f'"{record.etag}"',
            "LastModified": settings.when(record.modified_ms),
            **checksums.shown(checksum),
        },
        "ServerSideEncryption": settings.ENCRYPTION,
    }
    if source.record.version:
        found["CopySourceVersionId"] = source.record.version
    # Unlike PutObject, CopyObject names the null version where versioning is suspended.
    if bucket.versioning:
        found["VersionId"] = record.shown_version
    return found


@s3.operation(
    tx="none",
    open=True,
    unbuilt=(*settings.UNBUILT_READ, *_UNBUILT_SOURCE),
    harmless=settings.HARMLESS,
)
async def upload_part_copy(ctx: Context, req: dict[str, Any]) -> dict[str, Any]:
    """Make a part of an object, or of a range of one."""

    def prepare(tx: Reader) -> tuple[Source, tuple[str, ...], bytes | None, str]:
        _, upload = may_upload(ctx, tx, req)
        source = source_of(ctx, tx, req)
        data = bodies.data_of(tx, source.bucket, source.key, source.record)
        return source, part_digests(upload), data, upload.algorithm

    source, digests, data, algorithm = await ctx.cloud.store.read(prepare)
    size = source.record.size
    offset, length = conditions.copy_range(req["CopySourceRange"], size) if "CopySourceRange" in req else (0, size)
    if length > OBJECT_BYTES_MAX:
        raise errors.EntityTooLarge(ProposedSize=str(length), MaxSizeAllowed=str(OBJECT_BYTES_MAX))
    if data is None:
        try:
            info = await ctx.cloud.blobs.concat([(source.record.blob, offset, length)], digests)
        except KeyError:  # the source was replaced meanwhile
            return await upload_part_copy(ctx, req)
    else:
        piece = BytesBody(data[offset : offset + length])
        info = await ctx.cloud.blobs.write(piece.__aiter__(), digests)
    part = await store_part(ctx, req, Received(info.length, info.digests, None, info.name), algorithm)
    result: dict[str, Any] = {"ETag": f'"{part.etag}"', "LastModified": settings.when(part.modified_ms)}
    if algorithm:
        result[checksums.MEMBERS[algorithm]] = checksums.text(part.checksums[algorithm])
    found: dict[str, Any] = {"CopyPartResult": result, "ServerSideEncryption": settings.ENCRYPTION}
    if source.record.version:
        found["CopySourceVersionId"] = source.record.version
    return found
