"""How the versions of a key follow one another. Every change of an object goes through `put`, `delete` or `remove`.

The current version, unless it is a delete marker, is in `s3.object`; everything else is in `s3.version`. So reading the
current version is one `get`, and a listing of objects meets neither delete markers nor old versions.
"""

from __future__ import annotations

from typing import NamedTuple

from msgspec.structs import replace

from lambent.contracts.ports import Reader, Transaction
from lambent.kit import Context

from . import keys
from .model import ENABLED, NULL_VERSION, BucketRecord, NullVersion, ObjectRecord, Shares, open_version, seal_version


class Deletion(NamedTuple):
    """What `delete` or `remove` did. `marker` is the delete marker that was made or removed."""

    seq: int
    version: str = ""
    marker: bool = False
    created_marker: bool = False
    existed: bool = True


def newest(tx: Reader, bucket: BucketRecord, key: str) -> ObjectRecord | None:
    """The newest version of `key`, delete markers included."""
    current = keys.objects.get(tx, bucket.id, key)
    return current if current is not None else _top(tx, bucket, key)


def find(tx: Reader, bucket: BucketRecord, key: str, version: str) -> ObjectRecord | None:
    """The version `version` of `key` (`null` is one), or None."""
    current = keys.objects.get(tx, bucket.id, key)
    if version == NULL_VERSION:
        if current is not None and not current.version:
            return current
        null = keys.nulls.get(tx, bucket.id, key)
        return None if null is None else keys.versions.get(tx, bucket.id, key, -null.seq)
    if current is not None and current.version == version:
        return current
    seq = open_version(version)
    found = None if seq is None else keys.versions.get(tx, bucket.id, key, -seq)
    return found if found is not None and found.version == version else None


def put(ctx: Context, tx: Transaction, bucket: BucketRecord, key: str, record: ObjectRecord) -> ObjectRecord:
    """Make `record` the current version of `key`; returns it with its `seq`, version id and time."""
    current = keys.objects.get(tx, bucket.id, key)
    record = _stamp(ctx, tx, bucket, key, record, current)
    _make_room(ctx, tx, bucket, key, current)
    keys.objects.put(tx, record, bucket.id, key)
    return record


def delete(ctx: Context, tx: Transaction, bucket: BucketRecord, key: str) -> Deletion:
    """Delete `key` without naming a version: for good without versioning, else by a delete marker."""
    current = keys.objects.get(tx, bucket.id, key)
    if not bucket.versioning:
        if current is None:
            return Deletion(ctx.now_ns, existed=False)
        drop(ctx, tx, bucket, key, current)
        keys.objects.delete(tx, bucket.id, key)
        return Deletion(max(ctx.now_ns, current.seq + 1))
    blank = ObjectRecord(0, 0, bucket.account, marker=True)
    marker = _stamp(ctx, tx, bucket, key, blank, current)
    _make_room(ctx, tx, bucket, key, current)
    keys.objects.delete(tx, bucket.id, key)
    _lay_down(tx, bucket, key, marker)
    return Deletion(marker.seq, marker.shown_version, marker=True, created_marker=True)


def remove(ctx: Context, tx: Transaction, bucket: BucketRecord, key: str, version: str) -> Deletion:
    """Delete one version for good; the one before it becomes current when it was the newest."""
    record = find(tx, bucket, key, version)
    if record is None:
        return Deletion(ctx.now_ns, "" if version == NULL_VERSION else version, existed=False)
    drop(ctx, tx, bucket, key, record)
    current = keys.objects.get(tx, bucket.id, key)
    if current is not None and current.seq == record.seq:
        keys.objects.delete(tx, bucket.id, key)
        current = None
    else:
        _take_up(tx, bucket, key, record)
    if current is None:
        _promote(tx, bucket, key)
    return Deletion(max(ctx.now_ns, record.seq + 1), record.shown_version, marker=record.marker)


def update(tx: Transaction, bucket: BucketRecord, key: str, record: ObjectRecord) -> None:
    """Store a version again whose tags or grants changed."""
    current = keys.objects.get(tx, bucket.id, key)
    if current is not None and current.seq == record.seq:
        keys.objects.put(tx, record, bucket.id, key)
    else:
        keys.versions.put(tx, record, bucket.id, key, -record.seq)


def share(tx: Transaction, blob: str) -> None:
    """Say that one more object names `blob`."""
    known = keys.shares.get(tx, blob)
    keys.shares.put(tx, Shares(2 if known is None else known.count + 1), blob)


def release(ctx: Context, tx: Transaction, blob: str) -> None:
    """Say that one object fewer names `blob`; the last one lets it go after the commit."""
    known = keys.shares.get(tx, blob)
    if known is None:
        blobs = ctx.cloud.blobs
        tx.on_commit(lambda: blobs.release(blob))
    elif known.count == 2:
        keys.shares.delete(tx, blob)
    else:
        keys.shares.put(tx, Shares(known.count - 1), blob)


def drop(ctx: Context, tx: Transaction, bucket: BucketRecord, key: str, record: ObjectRecord) -> None:
    """Give up the body of a version."""
    if record.blob:
        release(ctx, tx, record.blob)
    elif record.inline is None and not record.marker:
        keys.bodies.delete(tx, bucket.id, key, record.seq)


def stamp_seq(ctx: Context, tx: Reader, bucket: BucketRecord, key: str, current: ObjectRecord | None) -> int:
    """The `seq` of the next version of `key`: the time, or one more than the newest version's."""
    if current is None and bucket.versioning:
        current = _top(tx, bucket, key)
    now_ns = ctx.now_ns
    return now_ns if current is None else max(now_ns, current.seq + 1)


def _stamp(
    ctx: Context, tx: Reader, bucket: BucketRecord, key: str, record: ObjectRecord, current: ObjectRecord | None
) -> ObjectRecord:
    seq = stamp_seq(ctx, tx, bucket, key, current)
    version = seal_version(seq, ctx.cloud.ids.bytes(12)) if bucket.versioning == ENABLED else ""
    return replace(record, seq=seq, version=version, modified_ms=ctx.now_ms)


def _make_room(ctx: Context, tx: Transaction, bucket: BucketRecord, key: str, current: ObjectRecord | None) -> None:
    """Move the current version aside, or give it up where the new one takes its place."""
    if bucket.versioning == ENABLED:
        if current is not None:
            _lay_down(tx, bucket, key, current)
        return
    if bucket.versioning:
        null = keys.nulls.get(tx, bucket.id, key)
        if null is not None:
            old = keys.versions.get(tx, bucket.id, key, -null.seq)
            if old is not None:
                drop(ctx, tx, bucket, key, old)
                _take_up(tx, bucket, key, old)
    if current is None:
        return
    if current.version:
        _lay_down(tx, bucket, key, current)
    else:
        drop(ctx, tx, bucket, key, current)


def _top(tx: Reader, bucket: BucketRecord, key: str) -> ObjectRecord | None:
    rows = keys.versions.scan(tx, bucket.id, key, limit=1)
    return rows[0][1] if rows else None


def _lay_down(tx: Transaction, bucket: BucketRecord, key: str, record: ObjectRecord) -> None:
    keys.versions.put(tx, record, bucket.id, key, -record.seq)
    if not record.version:
        keys.nulls.put(tx, NullVersion(record.seq), bucket.id, key)


def _take_up(tx: Transaction, bucket: BucketRecord, key: str, record: ObjectRecord) -> None:
    keys.versions.delete(tx, bucket.id, key, -record.seq)
    if not record.version:
        keys.nulls.delete(tx, bucket.id, key)


def _promote(tx: Transaction, bucket: BucketRecord, key: str) -> None:
    top = _top(tx, bucket, key)
    if top is not None and not top.marker:
        _take_up(tx, bucket, key, top)
        keys.objects.put(tx, top, bucket.id, key)
