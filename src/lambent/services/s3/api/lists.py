"""Listing objects, versions and multipart uploads."""

from __future__ import annotations

from typing import Any, cast

from lambent.contracts.errors import ServiceError
from lambent.contracts.ports import Reader
from lambent.kit import Context
from lambent.kit.paging import seal, unseal
from lambent.policy import canonical_user_id

from .. import access, errors, keys, listing, settings
from .._service import s3
from ..listing import Cursor, Encoding, Merged
from ..model import BucketRecord, ObjectRecord, UploadRecord


@s3.operation(
    tx="read",
    authorize=access.on_bucket("s3:ListBucket"),
    harmless=("RequestPayer",),
    unbuilt=("OptionalObjectAttributes",),
)
def list_objects_v2(ctx: Context, tx: Reader, req: dict[str, Any]) -> dict[str, Any]:
    """A page of objects and common prefixes; the token names what came last."""
    bucket = keys.bucket(tx, req)
    encode = Encoding(req)
    limit = listing.limit_of(req)
    prefix, delimiter = req.get("Prefix", ""), req.get("Delimiter", "")
    start = req.get("StartAfter", "")
    if "ContinuationToken" in req:
        start = _resumed(req["ContinuationToken"])
    cursor = Cursor(tx, keys.objects, bucket.id, prefix)
    listing.skip(cursor, prefix, delimiter, start)
    page = listing.walk(cursor, prefix, delimiter, limit)
    found: dict[str, Any] = {
        "Name": bucket.name,
        "Prefix": encode(prefix),
        "KeyCount": len(page.rows) + len(page.prefixes),
        "MaxKeys": limit,
        "IsTruncated": page.truncated,
        **encode.members,
        **_contents(bucket, page, encode, owner=bool(req.get("FetchOwner"))),
    }
    if "Delimiter" in req:
        found["Delimiter"] = encode(delimiter)
    if "ContinuationToken" in req:
        found["ContinuationToken"] = req["ContinuationToken"]
    elif "StartAfter" in req:
        found["StartAfter"] = encode(start)
    if page.truncated:
        found["NextContinuationToken"] = seal(page.last.key.encode())
    return found


def _resumed(token: str) -> str:
    """The key or common prefix that the page before ended with; InvalidArgument for what is no token."""
    try:
        key = unseal(token, _bad_token).decode()
    except UnicodeDecodeError:
        key = ""
    if not key:
        raise _bad_token("")
    return key


def _bad_token(_: str) -> ServiceError:
    return errors.InvalidArgument("The continuation token provided is incorrect", ArgumentName="continuation-token")


@s3.operation(
    tx="read",
    authorize=access.on_bucket("s3:ListBucket"),
    harmless=("RequestPayer",),
    unbuilt=("OptionalObjectAttributes",),
)
def list_objects(ctx: Context, tx: Reader, req: dict[str, Any]) -> dict[str, Any]:
    """A page of objects and common prefixes behind a marker."""
    bucket = keys.bucket(tx, req)
    encode = Encoding(req)
    limit = listing.limit_of(req)
    prefix, delimiter, marker = req.get("Prefix", ""), req.get("Delimiter", ""), req.get("Marker", "")
    cursor = Cursor(tx, keys.objects, bucket.id, prefix)
    listing.skip(cursor, prefix, delimiter, marker)
    page = listing.walk(cursor, prefix, delimiter, limit)
    found: dict[str, Any] = {
        "Name": bucket.name,
        "Prefix": encode(prefix),
        "Marker": encode(marker),
        "MaxKeys": limit,
        "IsTruncated": page.truncated,
        **encode.members,
        **_contents(bucket, page, encode, owner=True),
    }
    if delimiter:
        found["Delimiter"] = encode(delimiter)
        if page.truncated:
            found["NextMarker"] = encode(page.last.key)
    return found


def _contents(bucket: BucketRecord, page: listing.Page, encode: Encoding, *, owner: bool) -> dict[str, Any]:
    found: dict[str, Any] = {}
    if page.rows:
        rows = [(position.key, cast("ObjectRecord", record)) for position, record in page.rows]
        found["Contents"] = [_object(bucket, key, record, encode, owner=owner) for key, record in rows]
    return found | _prefixes(page, encode)


def _prefixes(page: listing.Page, encode: Encoding) -> dict[str, Any]:
    return {"CommonPrefixes": [{"Prefix": encode(one)} for one in page.prefixes]} if page.prefixes else {}


def _object(bucket: BucketRecord, key: str, record: ObjectRecord, encode: Encoding, *, owner: bool) -> dict[str, Any]:
    found: dict[str, Any] = {
        "Key": encode(key),
        "LastModified": settings.when(record.modified_ms),
        "ETag": f'"{record.etag}"',
        "Size": record.size,
        "StorageClass": record.settings.storage_class,
    }
    if record.checksum is not None:
        found["ChecksumAlgorithm"] = [record.checksum.algorithm.upper()]
        found["ChecksumType"] = record.checksum.kind
    if owner:
        found["Owner"] = {"ID": canonical_user_id(record.owner)}
    return found


@s3.operation(
    tx="read",
    authorize=access.on_bucket("s3:ListBucketVersions"),
    harmless=("RequestPayer",),
    unbuilt=("OptionalObjectAttributes",),
)
def list_object_versions(ctx: Context, tx: Reader, req: dict[str, Any]) -> dict[str, Any]:
    """A page of versions and delete markers, by key, the newest first."""
    bucket = keys.bucket(tx, req)
    encode = Encoding(req)
    limit = listing.limit_of(req)
    prefix, delimiter = req.get("Prefix", ""), req.get("Delimiter", "")
    cursor = Merged(tx, bucket.id, prefix)
    resumed = _skip_versions(tx, bucket, req, cursor)
    page = listing.walk(cursor, prefix, delimiter, limit)
    found: dict[str, Any] = {
        "Name": bucket.name,
        "Prefix": encode(prefix),
        "KeyMarker": encode(req.get("KeyMarker", "")),
        "VersionIdMarker": req.get("VersionIdMarker", ""),
        "MaxKeys": limit,
        "IsTruncated": page.truncated,
        **encode.members,
        **_prefixes(page, encode),
    }
    if delimiter:
        found["Delimiter"] = encode(delimiter)
    before = resumed
    for position, row in page.rows:
        record = cast("ObjectRecord", row)
        shown = {"VersionId": record.shown_version, "IsLatest": position.key != before}
        before = position.key
        if record.marker:
            marker = {
                "Key": encode(position.key),
                "LastModified": settings.when(record.modified_ms),
                "Owner": {"ID": canonical_user_id(record.owner)},
            }
            found.setdefault("DeleteMarkers", []).append(marker | shown)
        else:
            version = _object(bucket, position.key, record, encode, owner=True) | shown
            found.setdefault("Versions", []).append(version)
    if page.truncated:
        found["NextKeyMarker"] = encode(page.last.key)
        if page.last.order:
            found["NextVersionIdMarker"] = cast("ObjectRecord", page.rows[-1][1]).shown_version
    return found


def _skip_versions(tx: Reader, bucket: BucketRecord, req: dict[str, Any], cursor: Merged) -> str:
    """Go behind the markers; the key in whose versions the page begins, empty when it begins with a new key."""
    key, version = req.get("KeyMarker", ""), req.get("VersionIdMarker", "")
    if not version:
        listing.skip(cursor, req.get("Prefix", ""), req.get("Delimiter", ""), key)
        return ""
    if not key:
        raise errors.InvalidArgument(
            "A version-id marker cannot be specified without a key marker.",
            ArgumentName="version-id-marker",
            ArgumentValue=version,
        )
    order = listing.version_start(tx, bucket, key, version)
    if order is None:
        raise errors.InvalidArgument(
            "Invalid version id specified", ArgumentName="version-id-marker", ArgumentValue=version
        )
    cursor.behind(key, order)
    return str(key)


@s3.operation(tx="read", authorize=access.on_bucket("s3:ListBucketMultipartUploads"), harmless=("RequestPayer",))
def list_multipart_uploads(ctx: Context, tx: Reader, req: dict[str, Any]) -> dict[str, Any]:
    """A page of multipart uploads in progress, by key, the oldest first."""
    bucket = keys.bucket(tx, req)
    encode = Encoding(req)
    limit = listing.limit_of(req, "MaxUploads", "max-uploads")
    prefix, delimiter = req.get("Prefix", ""), req.get("Delimiter", "")
    cursor = Cursor(tx, keys.uploads, bucket.id, prefix)
    marker, upload_marker = req.get("KeyMarker", ""), req.get("UploadIdMarker", "")
    if marker and upload_marker:
        try:
            cursor.behind(marker, keys.upload(tx, bucket.id, marker, upload_marker).seq)
        except errors.NoSuchUpload:
            raise errors.InvalidArgument(
                "Invalid uploadId marker", ArgumentName="upload-id-marker", ArgumentValue=upload_marker
            ) from None
    else:
        listing.skip(cursor, prefix, delimiter, marker)
        upload_marker = ""
    page = listing.walk(cursor, prefix, delimiter, limit)
    rows = [(position.key, cast("UploadRecord", record)) for position, record in page.rows]
    found: dict[str, Any] = {
        "Bucket": bucket.name,
        "KeyMarker": encode(marker),
        "UploadIdMarker": upload_marker,
        "NextKeyMarker": encode(page.last.key),
        "NextUploadIdMarker": rows[-1][1].id if rows and page.last.order else "",
        "MaxUploads": limit,
        "IsTruncated": page.truncated,
        **encode.members,
        **_prefixes(page, encode),
    }
    if "Prefix" in req:
        found["Prefix"] = encode(prefix)
    if delimiter:
        found["Delimiter"] = encode(delimiter)
    if rows:
        found["Uploads"] = [_upload(bucket, key, upload, encode) for key, upload in rows]
    return found


def _upload(bucket: BucketRecord, key: str, upload: UploadRecord, encode: Encoding) -> dict[str, Any]:
    found: dict[str, Any] = {
        "Key": encode(key),
        "UploadId": upload.id,
        "Initiated": settings.when(upload.initiated_ms),
        "StorageClass": upload.settings.storage_class,
        "Owner": {"ID": canonical_user_id(bucket.account)},
        "Initiator": initiator(upload),
    }
    if upload.algorithm:
        found |= {"ChecksumAlgorithm": upload.algorithm.upper(), "ChecksumType": upload.kind}
    return found


def initiator(upload: UploadRecord) -> dict[str, str]:
    """Who began an upload: an IAM principal by ARN, an account by its canonical id."""
    who = upload.initiator
    if who.startswith("arn:"):
        return {"ID": who, "DisplayName": who.rpartition("/")[2]}
    return {"ID": canonical_user_id(who), "DisplayName": who}
