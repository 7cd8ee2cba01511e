"""Multipart uploads: create, upload parts, list parts, complete, abort."""

from __future__ import annotations

import itertools
from collections.abc import Mapping
from typing import Any
from urllib.parse import quote

from lambent.contracts.caller import Principal
from lambent.contracts.errors import ServiceError
from lambent.contracts.ports import BlobInfo, Reader, Transaction
from lambent.kit import Context
from lambent.policy import canonical_user_id

from .. import access, bodies, checksums, conditions, errors, events, keys, settings, versions
from .._service import s3
from ..bodies import Received
from ..model import (
    PART_BYTES_MIN,
    BucketRecord,
    Checksum,
    ObjectRecord,
    PartRecord,
    PartRow,
    UploadRecord,
    multipart_etag,
    seal_version,
)
from .lists import initiator
from .reads import invalid_part_number


@s3.operation(tx="write", open=True, unbuilt=settings.UNBUILT, harmless=settings.HARMLESS)
def create_multipart_upload(ctx: Context, tx: Transaction, req: dict[str, Any]) -> dict[str, Any]:
    """Begin an upload in parts."""
    bucket = keys.bucket(tx, req)
    settings.check_key(req["Key"])
    chosen = settings.of_request(req, bucket)
    access.enforce(ctx, tx, *access.write_checks(ctx, bucket, req["Key"], req, chosen.tags))
    algorithm = checksums.algorithm_of(req.get("ChecksumAlgorithm", ""))
    kind = checksums.kind_for_upload(algorithm, req.get("ChecksumType", ""))
    last = keys.uploads.scan(tx, bucket.id, req["Key"], limit=1, reverse=True)
    seq = max(ctx.now_ns, last[0][1].seq + 1) if last else ctx.now_ns
    caller = ctx.caller
    upload = UploadRecord(
        id=seal_version(seq, ctx.cloud.ids.bytes(12)),
        seq=seq,
        initiator=caller.arn if caller.kind in (Principal.USER, Principal.ROLE) else caller.account,
        initiated_ms=ctx.now_ms,
        settings=chosen,
        algorithm=algorithm,
        kind=kind,
    )
    keys.uploads.put(tx, upload, bucket.id, req["Key"], seq)
    return {
        "Bucket": bucket.name,
        "Key": req["Key"],
        "UploadId": upload.id,
        "ServerSideEncryption": settings.ENCRYPTION,
        **_algorithm(upload),
    }


def _algorithm(upload: UploadRecord) -> dict[str, Any]:
    if not upload.algorithm:
        return {}
    return {"ChecksumAlgorithm": upload.algorithm.upper(), "ChecksumType": upload.kind}


def may_upload(ctx: Context, tx: Reader, req: dict[str, Any]) -> tuple[BucketRecord, UploadRecord]:
    """The bucket and the upload of a request about a part; InvalidArgument for an impossible part number."""
    bucket = keys.bucket(tx, req)
    access.enforce(ctx, tx, access.object_check(ctx, bucket, req["Key"], "s3:PutObject", req))
    if not 1 <= req["PartNumber"] <= 10_000:
        raise invalid_part_number(req["PartNumber"])
    return bucket, keys.upload(tx, bucket.id, req["Key"], req["UploadId"])


def part_digests(upload: UploadRecord, algorithm: str = "") -> tuple[str, ...]:
    """The digests to compute of a part."""
    return tuple(dict.fromkeys(("md5", checksums.DEFAULT, *filter(None, (upload.algorithm, algorithm)))))


@s3.operation(tx="none", open=True, unbuilt=settings.UNBUILT_BODY, harmless=settings.HARMLESS)
async def upload_part(ctx: Context, req: dict[str, Any]) -> dict[str, Any]:
    """Store one part; it replaces an earlier one of its number."""
    want = checksums.wanted(req, ctx.request)
    body = bodies.of_request(req)
    bodies.is_small(body)  # only for its errors: a part is always a blob
    _, upload = await ctx.cloud.store.read(lambda tx: may_upload(ctx, tx, req))
    if upload.algorithm and want.algorithm and upload.algorithm != want.algorithm:
        raise errors.InvalidRequest(
            f"Checksum Type mismatch occurred, expected checksum Type: {upload.algorithm}, actual checksum Type: "
            f"{want.algorithm}"
        )
    received = await bodies.large(ctx, body, want, part_digests(upload, want.algorithm))
    part = await store_part(ctx, req, received, want.algorithm)
    shown = want.algorithm or upload.algorithm or checksums.DEFAULT
    return {
        "ETag": f'"{part.etag}"',
        "ServerSideEncryption": settings.ENCRYPTION,
        checksums.MEMBERS[shown]: checksums.text(part.checksums[shown]),
    }


async def store_part(ctx: Context, req: dict[str, Any], received: Received, asked: str) -> PartRecord:
    """Name a received blob as a part; it is gone again when the upload has ended meanwhile."""
    kept = {name: raw for name, raw in received.digests.items() if name != "md5"}
    part = PartRecord(received.size, received.etag, ctx.now_ms, received.blob, kept, asked)

    def write(tx: Transaction) -> None:
        bucket, upload = may_upload(ctx, tx, req)
        before = keys.parts.get(tx, bucket.id, upload.id, req["PartNumber"])
        if before is not None:
            versions.release(ctx, tx, before.blob)
        keys.parts.put(tx, part, bucket.id, upload.id, req["PartNumber"])

    try:
        await ctx.cloud.store.write(write)
    except ServiceError:
        ctx.cloud.blobs.release(received.blob)
        raise
    return part


@s3.operation(
    tx="read",
    authorize=access.on_object("s3:ListMultipartUploadParts", exists=False),
    unbuilt=settings.UNBUILT_READ,
    harmless=("RequestPayer",),
)
def list_parts(ctx: Context, tx: Reader, req: dict[str, Any]) -> dict[str, Any]:
    """A page of the parts of an upload."""
    bucket = keys.bucket(tx, req)
    upload = keys.upload(tx, bucket.id, req["Key"], req["UploadId"])
    after, most = int(req.get("PartNumberMarker", 0)), min(req.get("MaxParts", 1000), 1000)
    behind = keys.parts.key(bucket.id, upload.id, after)
    rows = keys.parts.scan(tx, bucket.id, upload.id, after=behind, limit=most + 1)
    numbered = [(int(str(keys.parts.parts(key)[2])), part) for key, part in rows]
    page = numbered[:most]
    found: dict[str, Any] = {
        "Bucket": bucket.name,
        "Key": req["Key"],
        "UploadId": upload.id,
        "PartNumberMarker": after,
        "NextPartNumberMarker": page[-1][0] if page else 0,
        "MaxParts": most,
        "IsTruncated": len(numbered) > most,
        "Initiator": initiator(upload),
        "Owner": {"ID": canonical_user_id(bucket.account)},
        "StorageClass": upload.settings.storage_class,
        **_algorithm(upload),
    }
    if page:
        found["Parts"] = [_part_shown(upload, number, part) for number, part in page]
    return found


def _part_shown(upload: UploadRecord, number: int, part: PartRecord) -> dict[str, Any]:
    found: dict[str, Any] = {
        "PartNumber": number,
        "LastModified": settings.when(part.modified_ms),
        "ETag": f'"{part.etag}"',
        "Size": part.size,
    }
    if upload.algorithm:
        found[checksums.MEMBERS[upload.algorithm]] = checksums.text(part.checksums[upload.algorithm])
    return found


@s3.operation(
    tx="write",
    authorize=access.on_object("s3:AbortMultipartUpload", exists=False),
    unbuilt=("IfMatchInitiatedTime",),
    harmless=("RequestPayer",),
)
def abort_multipart_upload(ctx: Context, tx: Transaction, req: dict[str, Any]) -> dict[str, Any]:
    """Give up an upload and its parts."""
    bucket = keys.bucket(tx, req)
    upload = keys.upload(tx, bucket.id, req["Key"], req["UploadId"])
    _forget(ctx, tx, bucket, req["Key"], upload, kept="")
    return {"ResponseMetadata": {"HTTPStatusCode": 204}}


def _forget(ctx: Context, tx: Transaction, bucket: BucketRecord, key: str, upload: UploadRecord, kept: str) -> None:
    """Remove an upload and its parts; the blob `kept` lives on in the object."""
    for row, part in keys.parts.scan(tx, bucket.id, upload.id):
        if part.blob != kept:
            versions.release(ctx, tx, part.blob)
        tx.delete(row)
    keys.uploads.delete(tx, bucket.id, key, upload.seq)


@s3.operation(
    tx="none",
    authorize=access.on_object("s3:PutObject", exists=False),
    unbuilt=(*settings.UNBUILT_READ, *checksums.UNBUILT),
    harmless=("RequestPayer",),
)
async def complete_multipart_upload(ctx: Context, req: dict[str, Any]) -> dict[str, Any]:
    """Make an object of the parts. Repeating a completion that succeeded answers the same again."""
    conditions.check_write_form(req)
    store = ctx.cloud.store
    if "UploadId" not in req:  # a POST to an object that says nothing else
        raise errors.MethodNotAllowed(Method="POST", ResourceType="OBJECT")
    planned = await store.read(lambda tx: _plan(ctx, tx, req))
    if isinstance(planned, dict):
        planned.pop("_repeated", None)
        return planned
    chosen = planned
    try:
        body = await _join(ctx, chosen)
    except KeyError:  # a part was replaced, or the upload ended, while the parts were being joined
        return await complete_multipart_upload(ctx, req)

    def write(tx: Transaction) -> dict[str, Any] | None:
        again = _plan(ctx, tx, req)
        if isinstance(again, dict):
            return again
        if again != chosen:
            return None
        return _finish(ctx, tx, req, chosen, body)

    try:
        done = await store.write(write)
    except ServiceError:
        _give_up(ctx, chosen, body)
        raise
    if done is not None:
        if done.pop("_repeated", False):
            _give_up(ctx, chosen, body)
        return done
    _give_up(ctx, chosen, body)
    return await complete_multipart_upload(ctx, req)


async def _join(ctx: Context, chosen: list[tuple[int, PartRecord]]) -> BlobInfo:
    """The blob of the whole; a single part is it already."""
    if len(chosen) == 1:
        only = chosen[0][1]
        return BlobInfo(name=only.blob, length=only.size, digests={})
    return await ctx.cloud.blobs.concat([(part.blob, 0, part.size) for _, part in chosen])


def _give_up(ctx: Context, chosen: list[tuple[int, PartRecord]], body: BlobInfo) -> None:
    if len(chosen) > 1:
        ctx.cloud.blobs.release(body.name)


def _plan(ctx: Context, tx: Reader, req: dict[str, Any]) -> list[tuple[int, PartRecord]] | dict[str, Any]:
    """The parts to join, all checked; or the answer, when the upload was completed before."""
    bucket = keys.bucket(tx, req)
    key, upload_id = req["Key"], req["UploadId"]
    try:
        upload = keys.upload(tx, bucket.id, key, upload_id)
    except errors.NoSuchUpload:
        current = keys.objects.get(tx, bucket.id, key)
        if current is None or current.upload != upload_id:
            raise
        return {**_answer(ctx, bucket, key, current), "_repeated": True}
    current = keys.objects.get(tx, bucket.id, key)
    conditions.check_write(req, key, current)
    _check_conflict(req, key, upload, current)
    return _chosen(tx, bucket, upload, req)


def _check_conflict(req: Mapping[str, Any], key: str, upload: UploadRecord, current: ObjectRecord | None) -> None:
    """ConditionalRequestConflict when the key changed since the upload began."""
    if "IfMatch" in req and current is not None and current.seq > upload.seq:
        raise errors.ConditionalRequestConflict(Condition="If-Match", Key=key)
    if "IfNoneMatch" in req and upload.disturbed:
        raise errors.ConditionalRequestConflict(Condition="If-None-Match", Key=key)


def _chosen(
    tx: Reader, bucket: BucketRecord, upload: UploadRecord, req: dict[str, Any]
) -> list[tuple[int, PartRecord]]:
    listed = req.get("MultipartUpload", {}).get("Parts", [])
    if not listed:
        raise errors.InvalidRequest("You must specify at least one part")
    numbers = [row.get("PartNumber", 0) for row in listed]
    if any(a >= b for a, b in itertools.pairwise(numbers)):
        raise errors.InvalidPartOrder(UploadId=upload.id)
    if req.get("ChecksumType", upload.kind) != upload.kind:
        raise errors.InvalidRequest(
            f"The upload was created using the {upload.kind or 'null'} checksum mode. The complete request must use "
            "the same checksum mode."
        )
    stored = dict(keys.part_rows(tx, bucket.id, upload.id))
    chosen = [(row["PartNumber"], _checked(upload, row, stored.get(row["PartNumber"]))) for row in listed]
    for number, part in chosen[:-1]:
        if part.size < PART_BYTES_MIN:
            raise errors.EntityTooSmall(
                ETag=part.etag,
                PartNumber=str(number),
                ProposedSize=str(part.size),
                MinSizeAllowed=str(PART_BYTES_MIN),
            )
    size = sum(part.size for _, part in chosen)
    if req.get("MpuObjectSize", size) != size:
        raise errors.InvalidRequest(
            f"The provided 'x-amz-mp-object-size' header value {req['MpuObjectSize']} does not match what was "
            f"computed: {size}"
        )
    return chosen


def _checked(upload: UploadRecord, row: Mapping[str, Any], part: PartRecord | None) -> PartRecord:
    """The stored part that a row of the request means; InvalidPart."""
    etag = str(row.get("ETag", "")).strip('"')
    given = [name for name, member in checksums.MEMBERS.items() if member in row]
    fits = part is not None and part.etag == etag
    if part is not None and fits:
        for name in given:
            known = part.checksums.get(name) if name == upload.algorithm else None
            fits = fits and known is not None and checksums.text(known) == row[checksums.MEMBERS[name]]
    if part is None or not fits:
        raise errors.InvalidPart(UploadId=upload.id, PartNumber=str(row.get("PartNumber", 0)), ETag=etag)
    if upload.kind == checksums.COMPOSITE and not given:
        raise errors.InvalidRequest(
            f"The upload was created using a {upload.algorithm} checksum. The complete request must include the "
            f"checksum for each part. It was missing for part {row['PartNumber']} in the request."
        )
    return part


def _finish(
    ctx: Context, tx: Transaction, req: dict[str, Any], chosen: list[tuple[int, PartRecord]], body: BlobInfo
) -> dict[str, Any]:
    bucket = keys.bucket(tx, req)
    key = req["Key"]
    upload = keys.upload(tx, bucket.id, key, req["UploadId"])
    parts = [part for _, part in chosen]
    algorithm = upload.algorithm or checksums.DEFAULT
    if upload.kind == checksums.COMPOSITE:
        checksum = Checksum(algorithm, checksums.composite(algorithm, parts), checksums.COMPOSITE)
    else:
        checksum = Checksum(algorithm, checksums.full_of_parts(algorithm, parts))
    expected = req.get(checksums.MEMBERS[algorithm])
    if expected is not None and expected.partition("-")[0] != checksum.value.partition("-")[0]:
        raise checksums.mismatch(algorithm)
    composite = upload.kind == checksums.COMPOSITE
    rows = tuple(
        PartRow(number, part.size, checksums.text(part.checksums[algorithm]) if composite else "")
        for number, part in chosen
    )
    record = ObjectRecord(
        seq=0,
        modified_ms=0,
        owner=bucket.account,
        size=body.length,
        etag=multipart_etag([part.etag for part in parts]),
        checksum=checksum,
        blob=body.name,
        settings=upload.settings,
        parts=rows,
        upload=upload.id,
    )
    _forget(ctx, tx, bucket, key, upload, kept=body.name)
    record = versions.put(ctx, tx, bucket, key, record)
    events.created(ctx, tx, bucket, key, record, "CompleteMultipartUpload")
    return _answer(ctx, bucket, key, record)


def _answer(ctx: Context, bucket: BucketRecord, key: str, record: ObjectRecord) -> dict[str, Any]:
    found: dict[str, Any] = {
        "Location": location(ctx, bucket, key),
        "Bucket": bucket.name,
        "Key": key,
        "ETag": f'"{record.etag}"',
        "ServerSideEncryption": settings.ENCRYPTION,
        **checksums.shown(record.checksum),
    }
    if record.version:
        found["VersionId"] = record.version
    return found


def location(ctx: Context, bucket: BucketRecord, key: str) -> str:
    """The URL of an object, at the address by which the client came: the bucket stands in its path or in its host."""
    request = ctx.request
    host = request.headers.get("host") if request is not None else None
    if request is None or not host:
        return f"{ctx.cloud.settings.endpoint}/{bucket.name}/{quote(key)}"
    base = f"{'https' if request.secure else 'http'}://{host}"
    return f"{base}/{quote(key)}" if host.startswith(f"{bucket.name}.") else f"{base}/{bucket.name}/{quote(key)}"
