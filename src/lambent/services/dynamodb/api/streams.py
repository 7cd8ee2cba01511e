"""DynamoDB Streams: a stream has one shard, whose records are in the order of their commits."""

from __future__ import annotations

import base64
from typing import Any, Final, NamedTuple

import orjson

from lambent.contracts import arn
from lambent.contracts.ports import Reader
from lambent.kit import Check, Context

from .. import describe, keys
from ..changes import last_sequence, sequence_number, sequence_text
from ..errors import (
    ExpiredIteratorException,
    ResourceNotFoundException,
    TrimmedDataAccessException,
    ValidationException,
)
from ..model import RETENTION_MS, Change, StreamRecord
from ..service import streams
from .items import stored_answer

_PAGE: Final = 100
_RECORDS_MAX: Final = 1000
_BYTES_MAX: Final = 1 << 20
_ITERATOR_MS: Final = 900_000


class _Position(NamedTuple):
    """Where a shard iterator stands: the stream, the record after which it reads, when it was made."""

    stream: StreamRecord
    after: int
    made_ms: int


def _find(ctx: Context, tx: Reader, text: str) -> StreamRecord:
    try:
        parts = arn.parse(text)
        kind, table, section, label = parts.resource.split("/", 3)
    except ValueError:
        raise ValidationException("Invalid StreamArn") from None
    if (kind, section) != ("table", "stream"):
        raise ValidationException("Invalid StreamArn")
    stream = keys.streams.get(tx, parts.account, parts.region, table, label)
    if stream is None or stream.account != ctx.account:
        raise ResourceNotFoundException(f"Requested resource not found: Stream: {text} not found")
    return stream


def _stream_resource(ctx: Context, req: dict[str, Any]) -> str:
    return str(req["StreamArn"])


@streams.operation(tx="read", resource=_stream_resource)
def describe_stream(ctx: Context, tx: Reader, req: dict[str, Any]) -> dict[str, Any]:
    stream = _find(ctx, tx, req["StreamArn"])
    # The first record's number: the shard begins where its numbers do, also when it has been trimmed.
    numbers = {"StartingSequenceNumber": sequence_text(1)}
    if stream.ended_ms:
        numbers["EndingSequenceNumber"] = sequence_text(max(1, last_sequence(tx, stream)))
    shards = [{"ShardId": stream.shard, "SequenceNumberRange": numbers}]
    if req.get("ExclusiveStartShardId", "") >= stream.shard or "ShardFilter" in req:
        shards = []  # the one shard has no children
    names = stream.keys
    shown = {
        "StreamArn": stream.arn,
        "StreamLabel": stream.label,
        "StreamStatus": "DISABLED" if stream.ended_ms else "ENABLED",
        "StreamViewType": stream.view,
        "CreationRequestDateTime": describe.moment(stream.created_ms),
        "TableName": stream.table,
        "KeySchema": describe.schema_view(names[0], names[1] if len(names) > 1 else ""),
        "Shards": shards,
    }
    return {"StreamDescription": shown}


def _listed(ctx: Context, tx: Reader, req: dict[str, Any]) -> list[Check]:
    return [Check("dynamodb:ListStreams", "*")]


@streams.operation(tx="read", authorize=_listed)
def list_streams(ctx: Context, tx: Reader, req: dict[str, Any]) -> dict[str, Any]:
    limit = min(req.get("Limit", _PAGE), _PAGE)
    prefix = (ctx.account, ctx.region, *((req["TableName"],) if "TableName" in req else ()))
    after = None
    if "ExclusiveStartStreamArn" in req:
        last = _find(ctx, tx, req["ExclusiveStartStreamArn"])
        after = keys.streams.key(last.account, last.region, last.table, last.label)
    found = [stream for _, stream in keys.streams.scan(tx, *prefix, after=after, limit=limit + 1)]
    shown = [
        {"StreamArn": stream.arn, "TableName": stream.table, "StreamLabel": stream.label} for stream in found[:limit]
    ]
    result: dict[str, Any] = {"Streams": shown}
    return result | {"LastEvaluatedStreamArn": shown[-1]["StreamArn"]} if len(found) > limit else result


@streams.operation(tx="read", resource=_stream_resource)
def get_shard_iterator(ctx: Context, tx: Reader, req: dict[str, Any]) -> dict[str, Any]:
    stream = _find(ctx, tx, req["StreamArn"])
    if req["ShardId"] != stream.shard:
        raise ResourceNotFoundException(
            f"Requested resource not found: Shard does not exist: {req['ShardId']} in stream {stream.arn}"
        )
    kind = req["ShardIteratorType"]
    if kind == "TRIM_HORIZON":
        after = 0
    elif kind == "LATEST":
        after = last_sequence(tx, stream)
    elif kind == "AT_TIMESTAMP":
        after = _before(tx, stream, req)
    else:
        after = _sequence(tx, stream, req) - (kind == "AT_SEQUENCE_NUMBER")
    return {"ShardIterator": _seal(stream, after, ctx.now_ms)}


def _sequence(tx: Reader, stream: StreamRecord, req: dict[str, Any]) -> int:
    text = req.get("SequenceNumber")
    if text is None:
        raise ValidationException(f"SequenceNumber is required for ShardIteratorType {req['ShardIteratorType']}")
    try:
        number = sequence_number(text)
    except ValueError:
        number = 0
    if not 1 <= number <= max(1, last_sequence(tx, stream)):
        raise ValidationException(f"Invalid SequenceNumber {text} for the shard {stream.shard}")
    if number < _first(tx, stream, 0):
        raise TrimmedDataAccessException("The operation attempted to read past the oldest stream record in a shard.")
    return number


def _first(tx: Reader, stream: StreamRecord, oldest_ms: int) -> int:
    """The number of the oldest record that is still there; 0 when there is none."""
    found = keys.changes.scan(tx, stream.prefix, limit=1)
    return _number(found[0][0]) if found else 0


def _number(key: bytes) -> int:
    number = keys.changes.parts(key)[1]
    assert isinstance(number, int)
    return number


def _before(tx: Reader, stream: StreamRecord, req: dict[str, Any]) -> int:
    """The number of the last record before a time."""
    if "Timestamp" not in req:
        raise ValidationException("Timestamp is required for ShardIteratorType AT_TIMESTAMP")
    wanted_ms = int(req["Timestamp"].timestamp() * 1000)
    low, high = 0, last_sequence(tx, stream)
    while low < high:  # times rise with the numbers, so look in the middle
        middle = (low + high + 1) // 2
        change = keys.changes.get(tx, stream.prefix, middle)
        if change is None or change.at_ms < wanted_ms:
            low = middle
        else:
            high = middle - 1
    return low


def _seal(stream: StreamRecord, after: int, now_ms: int) -> str:
    inner = orjson.dumps([stream.label, after, now_ms])
    return f"{stream.arn}|1|{base64.b64encode(inner).decode()}"


def _unseal(ctx: Context, tx: Reader, text: str) -> _Position:
    stream_arn, _, sealed = text.partition("|1|")
    try:
        _, after, made_ms = orjson.loads(base64.b64decode(sealed, validate=True))
    except ValueError:
        raise ValidationException("Invalid ShardIterator") from None
    return _Position(_find(ctx, tx, stream_arn), after, made_ms)


def _iterated(ctx: Context, req: dict[str, Any]) -> str:
    return str(req["ShardIterator"].partition("|1|")[0])


@streams.operation(tx="read", resource=_iterated)
def get_records(ctx: Context, tx: Reader, req: dict[str, Any]) -> dict[str, Any]:
    stream, after, made_ms = _unseal(ctx, tx, req["ShardIterator"])
    now_ms = ctx.now_ms
    if made_ms < now_ms - _ITERATOR_MS:
        raise ExpiredIteratorException("The provided iterator exceeds the maximum age allowed.")
    limit = req.get("Limit", _RECORDS_MAX)
    if limit > _RECORDS_MAX:
        raise ValidationException(
            f"1 validation error detected: Value '{limit}' at 'limit' failed to satisfy constraint: "
            f"Member must have value less than or equal to {_RECORDS_MAX}"
        )
    records = []
    size = 0
    start = keys.changes.key(stream.prefix, after)
    for key, change in keys.changes.scan(tx, stream.prefix, after=start, limit=limit):
        after = _number(key)
        if change.at_ms <= now_ms - RETENTION_MS:
            continue  # waits to be trimmed
        records.append(record_view(ctx, stream, after, change))
        size += change.size
        if size >= _BYTES_MAX:
            break
    result: dict[str, Any] = {"Records": records}
    if stream.ended_ms and after >= last_sequence(tx, stream):
        return result
    return result | {"NextShardIterator": _seal(stream, after, now_ms)}


def record_view(ctx: Context, stream: StreamRecord, number: int, change: Change) -> dict[str, Any]:
    """A stream's record as it is answered."""
    shown: dict[str, Any] = {
        "ApproximateCreationDateTime": describe.moment(change.at_ms // 1000 * 1000),
        "Keys": stored_answer(ctx, change.keys),
        "SequenceNumber": sequence_text(number),
        "SizeBytes": change.size,
        "StreamViewType": stream.view,
    }
    if change.new:
        shown["NewImage"] = stored_answer(ctx, change.new)
    if change.old:
        shown["OldImage"] = stored_answer(ctx, change.old)
    record: dict[str, Any] = {
        "eventID": f"{stream.prefix.hex()}{number:016x}",
        "eventName": change.name,
        "eventVersion": "1.1",
        "eventSource": "aws:dynamodb",
        "awsRegion": stream.region,
        "dynamodb": shown,
    }
    if change.by_service:
        record["userIdentity"] = {"Type": "Service", "PrincipalId": "dynamodb.amazonaws.com"}
    return record
