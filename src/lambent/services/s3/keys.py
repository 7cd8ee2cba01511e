"""Every key of S3.

=====================  =============================================================================================
s3.bucket              name: one namespace over all accounts
s3.bucket_of           account, name: an account's buckets in order
s3.cors                bucket id
s3.website             bucket id: the website configuration
s3.object              bucket id, key: the current version, when it is not a delete marker; what listings walk
s3.version             bucket id, key, -seq: every other version and all delete markers, the newest first
s3.null                bucket id, key: the seq of the null version when it is in s3.version
s3.body                bucket id, key, seq: a body of 2 to 64 KiB
s3.shares              blob: number of objects that name it, when more than one
s3.upload              bucket id, key, seq: multipart uploads in progress, the oldest first
s3.part                bucket id, upload id, part number
=====================  =============================================================================================
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, cast

from lambent.contracts.ports import Reader
from lambent.kv.table import Table

from . import errors
from .model import (
    BodyRecord,
    BucketRecord,
    CorsRecord,
    NullVersion,
    ObjectRecord,
    OwnedBucket,
    PartRecord,
    Shares,
    UploadRecord,
    WebsiteRecord,
    open_version,
)

buckets = Table("s3.bucket", BucketRecord)
owned = Table("s3.bucket_of", OwnedBucket)
cors = Table("s3.cors", CorsRecord)
websites = Table("s3.website", WebsiteRecord)
objects = Table("s3.object", ObjectRecord)
versions = Table("s3.version", ObjectRecord)
nulls = Table("s3.null", NullVersion)
bodies = Table("s3.body", BodyRecord)
shares = Table("s3.shares", Shares)
uploads = Table("s3.upload", UploadRecord)
parts = Table("s3.part", PartRecord)

_PAGE = 1000


def bucket(tx: Reader, req: dict[str, Any]) -> BucketRecord:
    """The bucket that a request names. NoSuchBucket; AccessDenied when it is not the expected owner's."""
    name = req["Bucket"]
    found = buckets.get(tx, name)
    if "ExpectedBucketOwner" in req:
        expected = req["ExpectedBucketOwner"]
        if not (len(expected) == 12 and expected.isdecimal()):
            raise errors.InvalidBucketOwnerAWSAccountID(expected)
        if found is not None and found.account != expected:
            raise errors.AccessDenied
    if found is None:
        raise errors.NoSuchBucket(BucketName=name)
    return found


def upload(tx: Reader, bucket_id: str, key: str, upload_id: str) -> UploadRecord:
    """A multipart upload in progress; NoSuchUpload."""
    seq = open_version(upload_id)
    found = None if seq is None else uploads.get(tx, bucket_id, key, seq)
    if found is None or found.id != upload_id:
        raise errors.NoSuchUpload(UploadId=upload_id)
    return found


def part_rows(tx: Reader, bucket_id: str, upload_id: str) -> list[tuple[int, PartRecord]]:
    """Numbers and records of all parts of an upload, in order."""
    rows = parts.scan(tx, bucket_id, upload_id)
    return [(cast("int", parts.parts(key)[2]), record) for key, record in rows]


def named_blobs(tx: Reader) -> Iterator[str]:
    """The names of all blobs that an object, a version or a part names: for the collector. Walks everything."""
    for table in (objects, versions, parts):
        after: bytes | None = None
        while rows := table.scan(tx, after=after, limit=_PAGE):
            yield from (record.blob for _, record in rows if record.blob)
            after = rows[-1][0]
