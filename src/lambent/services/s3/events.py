"""What S3 tells the world: notifications to queues, topics and functions, and events on the default event bus.

All are emitted in the transaction that changes the object.
"""

from __future__ import annotations

import hashlib
import time
from collections.abc import Mapping
from typing import Any, NamedTuple
from urllib.parse import quote_plus

import orjson

from lambent.contracts.caller import Caller, Principal
from lambent.contracts.events import Event
from lambent.contracts.ports import Transaction
from lambent.kit import Context

from .model import EMPTY_MD5, BucketRecord, ObjectRecord
from .versions import Deletion

PRINCIPAL = "s3.amazonaws.com"
BUILT = (
    "s3:ObjectCreated:*", "s3:ObjectCreated:Put", "s3:ObjectCreated:Post", "s3:ObjectCreated:Copy",
    "s3:ObjectCreated:CompleteMultipartUpload", "s3:ObjectRemoved:*", "s3:ObjectRemoved:Delete",
    "s3:ObjectRemoved:DeleteMarkerCreated", "s3:ObjectTagging:*", "s3:ObjectTagging:Put", "s3:ObjectTagging:Delete",
    "s3:ObjectAcl:Put", "s3:ReducedRedundancyLostObject",
)  # fmt: skip
"""The events that can be asked for. Nothing is ever lost, so the last one never comes."""

_SUBJECT = {"Topic": {"subject": "Amazon S3 Notification"}}


class _Happening(NamedTuple):
    """What happened to one object, in the words of both kinds of message."""

    name: str
    key: str
    version: str
    object: dict[str, Any]
    detail_type: str
    detail: Mapping[str, Any]


def created(ctx: Context, tx: Transaction, bucket: BucketRecord, key: str, record: ObjectRecord, how: str) -> None:
    """An object was made; `how` is Put, Post, Copy or CompleteMultipartUpload."""
    if not (bucket.destinations or bucket.event_bridge):
        return
    about = {"size": record.size, "eTag": record.etag, "sequencer": f"{record.seq:016X}"}
    reason = {"Put": "PutObject", "Post": "POST Object", "Copy": "CopyObject"}.get(how, how)
    happening = _Happening(f"ObjectCreated:{how}", key, record.version, about, "Object Created", {"reason": reason})
    _publish(ctx, tx, bucket, happening)


def removed(
    ctx: Context, tx: Transaction, bucket: BucketRecord, key: str, deletion: Deletion, reason: str = "DeleteObject"
) -> None:
    """An object, a version or a delete marker was deleted, or a delete marker made."""
    if not (bucket.destinations or bucket.event_bridge):
        return
    about: dict[str, Any] = {"sequencer": f"{deletion.seq:016X}"}
    kind = "Permanently Deleted"
    name = "ObjectRemoved:Delete"
    if deletion.created_marker:
        kind, name = "Delete Marker Created", "ObjectRemoved:DeleteMarkerCreated"
        about["eTag"] = EMPTY_MD5
    version = deletion.version
    detail = {"reason": reason, "deletion-type": kind}
    _publish(ctx, tx, bucket, _Happening(name, key, version, about, "Object Deleted", detail))


def tagged(ctx: Context, tx: Transaction, bucket: BucketRecord, key: str, record: ObjectRecord, how: str) -> None:
    """An object's tags were put or deleted; `how` is Put or Delete."""
    title = "Object Tags Added" if how == "Put" else "Object Tags Deleted"
    about = {"eTag": record.etag}
    _publish(ctx, tx, bucket, _Happening(f"ObjectTagging:{how}", key, record.version, about, title, {}))


def acl_put(ctx: Context, tx: Transaction, bucket: BucketRecord, key: str, record: ObjectRecord) -> None:
    """An object's ACL was replaced."""
    about = {"eTag": record.etag}
    _publish(ctx, tx, bucket, _Happening("ObjectAcl:Put", key, record.version, about, "Object ACL Updated", {}))


def test_event(ctx: Context, bucket: BucketRecord) -> bytes:
    """What a queue or topic receives when it is made a destination."""
    return orjson.dumps(
        {
            "Service": "Amazon S3",
            "Event": "s3:TestEvent",
            "Time": _time(ctx),
            "Bucket": bucket.name,
            "RequestId": ctx.request_id,
            "HostId": host_id(ctx.request_id),
        }
    )


def emit(ctx: Context, tx: Transaction, bucket: BucketRecord, target: str, payload: bytes, kind: str) -> None:
    """Address a message of the bucket to `target`; `kind` is that of the destination."""
    tx.emit(
        Event(
            target=target,
            payload=payload,
            source=bucket.arn,
            principal=PRINCIPAL,
            account=bucket.account,
            region=bucket.region,
            attributes=_SUBJECT.get(kind, {}),
        )
    )


def host_id(request_id: str) -> str:
    """The x-amz-id-2 that goes with a request id, as the answer's header has it."""
    return request_id.replace("-", "") * 2


def _publish(ctx: Context, tx: Transaction, bucket: BucketRecord, happening: _Happening) -> None:
    for destination in bucket.destinations:
        if destination.wants(f"s3:{happening.name}", happening.key):
            record = _record(ctx, bucket, happening, destination.id)
            emit(ctx, tx, bucket, destination.arn, orjson.dumps({"Records": [record]}), destination.kind)
    if bucket.event_bridge:
        bus = f"arn:aws:events:{bucket.region}:{bucket.account}:event-bus/default"
        emit(ctx, tx, bucket, bus, orjson.dumps(_bridge(ctx, bucket, happening)), "EventBridge")


def _record(ctx: Context, bucket: BucketRecord, happening: _Happening, configuration: str) -> dict[str, Any]:
    about = {"key": quote_plus(happening.key, safe="/"), **happening.object}
    if happening.version:
        about["versionId"] = happening.version
    created_or_removed = happening.name.startswith(("ObjectCreated", "ObjectRemoved"))
    return {
        "eventVersion": "2.1" if created_or_removed else "2.3",
        "eventSource": "aws:s3",
        "awsRegion": bucket.region,
        "eventTime": _time(ctx),
        "eventName": happening.name,
        "userIdentity": {"principalId": _principal_id(ctx.caller)},
        "requestParameters": {"sourceIPAddress": _peer(ctx)},
        "responseElements": {"x-amz-request-id": ctx.request_id, "x-amz-id-2": host_id(ctx.request_id)},
        "s3": {
            "s3SchemaVersion": "1.0",
            "configurationId": configuration,
            "bucket": {
                "name": bucket.name,
                "ownerIdentity": {"principalId": _owner_id(bucket.account)},
                "arn": bucket.arn,
            },
            "object": about,
        },
    }


def _bridge(ctx: Context, bucket: BucketRecord, happening: _Happening) -> dict[str, Any]:
    about = {"key": happening.key}
    about.update({"etag" if name == "eTag" else name: value for name, value in happening.object.items()})
    if happening.version:
        about["version-id"] = happening.version
    requester = ctx.caller.service if ctx.caller.kind is Principal.SERVICE else ctx.caller.account
    return {
        "version": "0",
        "id": ctx.cloud.ids.uuid(),
        "detail-type": happening.detail_type,
        "source": "aws.s3",
        "account": bucket.account,
        "time": _time(ctx)[:19] + "Z",
        "region": bucket.region,
        "resources": [bucket.arn],
        "detail": {
            "version": "0",
            "bucket": {"name": bucket.name},
            "object": about,
            "request-id": ctx.request_id,
            "requester": requester,
            "source-ip-address": _peer(ctx),
            **happening.detail,
        },
    }


def _principal_id(caller: Caller) -> str:
    if caller.kind is Principal.ANONYMOUS:
        return "Anonymous"
    return f"AWS:{caller.service or caller.user_id}"


def _owner_id(account: str) -> str:
    digest = hashlib.sha256(f"s3 owner {account}".encode()).hexdigest()
    return f"A{int(digest[:18], 16):X}"[:14]


def _peer(ctx: Context) -> str:
    return "127.0.0.1" if ctx.request is None else ctx.request.peer


def _time(ctx: Context) -> str:
    seconds, milliseconds = divmod(ctx.now_ms, 1000)
    return time.strftime("%Y-%m-%dT%H:%M:%S", time.gmtime(seconds)) + f".{milliseconds:03d}Z"
