"""Reading objects: GetObject, HeadObject, GetObjectAttributes."""

from __future__ import annotations

import re
from typing import Any

from lambent.contracts.caller import Principal
from lambent.contracts.ports import Reader
from lambent.kit import Context

from .. import access, bodies, checksums, conditions, errors, keys, settings, versions
from .._service import s3
from ..model import BucketRecord, ObjectRecord, PartRow
from .objects import version_of

_READ = access.on_object("s3:GetObject", "s3:GetObjectVersion")
_ATTRIBUTES = frozenset(("ETag", "Checksum", "ObjectParts", "StorageClass", "ObjectSize"))
_OVERRIDES = {
    "ResponseCacheControl": "CacheControl",
    "ResponseContentDisposition": "ContentDisposition",
    "ResponseContentEncoding": "ContentEncoding",
    "ResponseContentLanguage": "ContentLanguage",
    "ResponseContentType": "ContentType",
    "ResponseExpires": "Expires",
}


@s3.operation(tx="read", authorize=_READ, unbuilt=settings.UNBUILT_READ, harmless=("RequestPayer",))
def get_object(ctx: Context, tx: Reader, req: dict[str, Any]) -> dict[str, Any]:
    """An object's body and headers: all of it, a range, or a part."""
    bucket, record = look_up(ctx, tx, req, "GET")
    found, offset, length = _describe(ctx, req, bucket, record)
    if found.get("ResponseMetadata", {}).get("HTTPStatusCode") == 304:
        found["Body"] = b""
    else:
        found["Body"] = bodies.part_of(ctx, tx, bucket, req["Key"], record, offset, length)
    return found


@s3.operation(tx="read", authorize=_READ, unbuilt=settings.UNBUILT_READ, harmless=("RequestPayer",))
def head_object(ctx: Context, tx: Reader, req: dict[str, Any]) -> dict[str, Any]:
    """An object's headers."""
    bucket, record = look_up(ctx, tx, req, "GET")
    found, _, _ = _describe(ctx, req, bucket, record)
    return found


def look_up(ctx: Context, tx: Reader, req: dict[str, Any], method: str) -> tuple[BucketRecord, ObjectRecord]:
    """The version that a request reads. NoSuchKey with the headers of a delete marker, MethodNotAllowed, ..."""
    bucket = keys.bucket(tx, req)
    key, version = req["Key"], version_of(req)
    if not version:
        record = keys.objects.get(tx, bucket.id, key)
        if record is None:
            marker = versions.newest(tx, bucket, key) if bucket.versioning else None
            headers = () if marker is None else _marker_headers(marker)
            raise access.no_such_key(ctx, tx, bucket, key, headers)
        return bucket, record
    record = versions.find(tx, bucket, key, version)
    if record is None:
        raise errors.NoSuchVersion(Key=key, VersionId=version)
    if record.marker:
        headers = (*_marker_headers(record), ("allow", "DELETE"))
        raise errors.MethodNotAllowed(Method=method, ResourceType="DeleteMarker", headers=headers)
    return bucket, record


def _marker_headers(marker: ObjectRecord) -> tuple[tuple[str, str], ...]:
    return (("x-amz-delete-marker", "true"), ("x-amz-version-id", marker.shown_version))


def _describe(
    ctx: Context, req: dict[str, Any], bucket: BucketRecord, record: ObjectRecord
) -> tuple[dict[str, Any], int, int]:
    """The answer without its body, and which bytes the body is."""
    found: dict[str, Any] = {"ETag": f'"{record.etag}"', "LastModified": settings.when(record.modified_ms)}
    if record.version or bucket.versioning:
        found["VersionId"] = record.shown_version
    if conditions.not_modified(req, record, ctx.now_ms):
        found["ResponseMetadata"] = {"HTTPStatusCode": 304}
        return found, 0, 0
    found["AcceptRanges"] = "bytes"
    found.update(settings.shown(record))
    offset, length, whole = 0, record.size, True
    if "PartNumber" in req:
        if "Range" in req:
            raise errors.InvalidRequest("Cannot specify both Range header and partNumber query parameter")
        offset, length = _part(req["PartNumber"], record)
        whole = False
        if record.parts:
            found["PartsCount"] = len(record.parts)
    elif "Range" in req:
        asked = conditions.byte_range(req["Range"], record.size)
        if asked is not None:
            offset, length = asked
            whole = False
    found["ContentLength"] = length
    if not whole:
        found["ContentRange"] = f"bytes {offset}-{offset + length - 1}/{record.size}"
        found["ResponseMetadata"] = {"HTTPStatusCode": 206}
    if req.get("ChecksumMode") == "ENABLED":
        found.update(_checksum(req, record, whole=whole or length == record.size))
    _override(ctx, req, found)
    return found, offset, length


def _checksum(req: dict[str, Any], record: ObjectRecord, *, whole: bool) -> dict[str, Any]:
    if record.checksum is None:
        return {}
    if "PartNumber" in req and record.checksum.kind == checksums.COMPOSITE:
        part = record.parts[req["PartNumber"] - 1]
        return {checksums.MEMBERS[record.checksum.algorithm]: part.checksum, "ChecksumType": checksums.COMPOSITE}
    return checksums.shown(record.checksum) if whole else {}


def _part(number: int, record: ObjectRecord) -> tuple[int, int]:
    """Offset and length of a part; an object that was put in one piece has one."""
    parts = record.parts or (PartRow(1, record.size),)
    if not 1 <= number <= 10_000:
        raise invalid_part_number(number)
    if number > len(parts):
        raise errors.InvalidPartNumber(PartNumberRequested=str(number), ActualPartCount=str(len(parts)))
    return sum(part.size for part in parts[: number - 1]), parts[number - 1].size


def invalid_part_number(number: int) -> errors.InvalidArgument:
    """A part number outside 1 to 10,000."""
    return errors.InvalidArgument(
        "Part number must be an integer between 1 and 10000, inclusive",
        ArgumentName="partNumber",
        ArgumentValue=str(number),
    )


def _override(ctx: Context, req: dict[str, Any], found: dict[str, Any]) -> None:
    for member, header in _OVERRIDES.items():
        if member in req:
            if ctx.caller.kind is Principal.ANONYMOUS:
                raise errors.InvalidRequest(
                    "Request specific response headers cannot be used for anonymous GET requests."
                )
            try:
                str(req[member]).encode("iso-8859-1")
            except UnicodeEncodeError:
                raise errors.InvalidArgument(
                    "Header value cannot be represented using ISO-8859-1.",
                    ArgumentName="response-" + re.sub("(?<!^)(?=[A-Z])", "-", header).lower(),
                    ArgumentValue=req[member],
                ) from None
            found[header] = req[member]


@s3.operation(tx="read", authorize=_READ, unbuilt=settings.UNBUILT_READ, harmless=("RequestPayer",))
def get_object_attributes(ctx: Context, tx: Reader, req: dict[str, Any]) -> dict[str, Any]:
    """Those of an object's attributes that are asked for."""
    bucket, record = look_up(ctx, tx, req, "GET")
    found: dict[str, Any] = {"LastModified": settings.when(record.modified_ms)}
    if bucket.versioning:
        found["VersionId"] = record.shown_version
    asked = req.get("ObjectAttributes", [])
    if not asked or not _ATTRIBUTES.issuperset(asked):
        raise errors.InvalidArgument(
            "Invalid attribute name specified.", ArgumentName="x-amz-object-attributes", ArgumentValue=",".join(asked)
        )
    if "ETag" in asked:
        found["ETag"] = record.etag
    if "ObjectSize" in asked:
        found["ObjectSize"] = record.size
    if "StorageClass" in asked:
        found["StorageClass"] = record.settings.storage_class
    if "Checksum" in asked and record.checksum is not None:
        member = checksums.MEMBERS[record.checksum.algorithm]
        found["Checksum"] = {member: record.checksum.value.partition("-")[0], "ChecksumType": record.checksum.kind}
    if "ObjectParts" in asked and record.parts:
        found["ObjectParts"] = _parts_shown(req, record)
    return found


def _parts_shown(req: dict[str, Any], record: ObjectRecord) -> dict[str, Any]:
    """The parts page; objects without COMPOSITE checksums only say how many there are."""
    if record.checksum is None or record.checksum.kind != checksums.COMPOSITE:
        return {"TotalPartsCount": len(record.parts)}
    after = int(req.get("PartNumberMarker", 0))
    most = min(int(req.get("MaxParts", 1000)), 1000)
    rest = [part for part in record.parts if part.number > after]
    page = rest[:most]
    member = checksums.MEMBERS[record.checksum.algorithm]
    found: dict[str, Any] = {
        "TotalPartsCount": len(record.parts),
        "PartNumberMarker": after,
        "NextPartNumberMarker": page[-1].number if page else 0,
        "MaxParts": most,
        "IsTruncated": len(rest) > len(page),
    }
    if page:
        found["Parts"] = [{"PartNumber": part.number, "Size": part.size, member: part.checksum} for part in page]
    return found
