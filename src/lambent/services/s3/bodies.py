"""Bodies on their way in and out: small ones through the store, long ones as blobs."""

from __future__ import annotations

from collections.abc import AsyncIterator, Mapping
from typing import Any, NamedTuple

from lambent.contracts.http import Body, BodyBroken, BodyTooLarge, BytesBody, FileSlice
from lambent.contracts.ports import Reader, Transaction
from lambent.kit import Context

from . import checksums, errors, keys
from .checksums import Wanted
from .model import (
    INLINE_BYTES_MAX,
    OBJECT_BYTES_MAX,
    ROW_BYTES_MAX,
    BodyRecord,
    BucketRecord,
    ObjectRecord,
)


class Received(NamedTuple):
    """A body that has arrived: `data`, or the name of its `blob`; and its raw digests."""

    size: int
    digests: Mapping[str, bytes]
    data: bytes | None = None
    blob: str = ""

    @property
    def etag(self) -> str:
        """The MD5 in hexadecimal."""
        return self.digests["md5"].hex()

    @property
    def inline(self) -> bytes | None:
        """The body when it goes into the object's record."""
        return self.data if self.data is not None and self.size <= INLINE_BYTES_MAX else None


def of_request(req: Mapping[str, Any]) -> Body:
    """The body of a request, which in-process callers may give as bytes."""
    body = req.get("Body", b"")
    if isinstance(body, (bytes, bytearray, memoryview)):
        return BytesBody(bytes(body))
    return body  # type: ignore[no-any-return]


def is_small(body: Body) -> bool:
    """Whether a body is known to fit into the store; MissingContentLength when nothing is known of its length."""
    if body.length is None:
        raise errors.MissingContentLength
    if body.length > OBJECT_BYTES_MAX:
        raise errors.EntityTooLarge(ProposedSize=str(body.length), MaxSizeAllowed=str(OBJECT_BYTES_MAX))
    return body.length <= ROW_BYTES_MAX


async def small(body: Body, want: Wanted, algorithms: tuple[str, ...]) -> Received:
    """Read a small body, and check it."""
    try:
        data = await body.read(ROW_BYTES_MAX)
    except BodyTooLarge:
        raise errors.EntityTooLarge from None
    except BodyBroken:
        raise errors.IncompleteBody from None
    digests = checksums.compute(data, algorithms)
    checksums.verify(want, digests, getattr(body, "trailers", {}))
    return Received(len(data), digests, data)


async def large(ctx: Context, body: Body, want: Wanted, algorithms: tuple[str, ...]) -> Received:
    """Write a body to a blob while it arrives, and check it; the blob is gone again when it does not fit."""
    try:
        info = await ctx.cloud.blobs.write(body.__aiter__(), algorithms)
    except BodyBroken:
        raise errors.IncompleteBody from None
    try:
        checksums.verify(want, info.digests, getattr(body, "trailers", {}))
    except errors.S3Error:
        ctx.cloud.blobs.release(info.name)
        raise
    return Received(info.length, info.digests, None, info.name)


def algorithms(want: Wanted) -> tuple[str, ...]:
    """The digests to compute of an object's body."""
    return ("md5", want.stored)


def store_row(tx: Transaction, bucket: BucketRecord, key: str, record: ObjectRecord, data: bytes | None) -> None:
    """Write the row of a body that is neither in the record nor a blob."""
    if data is not None and record.inline is None:
        keys.bodies.put(tx, BodyRecord(data), bucket.id, key, record.seq)


def data_of(tx: Reader, bucket: BucketRecord, key: str, record: ObjectRecord) -> bytes | None:
    """The whole body when it is in the store, None when it is a blob."""
    if record.blob:
        return None
    if record.inline is not None:
        return record.inline
    row = keys.bodies.get(tx, bucket.id, key, record.seq)
    if row is None:
        raise LookupError(f"no body of {bucket.name}/{key} at {record.seq}")
    return row.data


def part_of(
    ctx: Context, tx: Reader, bucket: BucketRecord, key: str, record: ObjectRecord, offset: int, length: int
) -> bytes | FileSlice | AsyncIterator[bytes]:
    """`length` bytes of the body from `offset`, ready to be an answer's body."""
    data = data_of(tx, bucket, key, record)
    if data is None:
        return ctx.cloud.blobs.slice(record.blob, offset, length)
    return data if length == record.size else data[offset : offset + length]
