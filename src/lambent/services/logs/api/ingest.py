"""PutLogEvents: the way in. One event costs two small writes, one batch one more for its stream and one counter."""

from __future__ import annotations

from bisect import bisect_left, bisect_right
from itertools import pairwise
from typing import Any

from msgspec.structs import replace

from lambent.contracts.ports import Transaction
from lambent.kit import Context

from .. import keys, measuring, subscriptions
from ..errors import InvalidParameterException
from ..model import (
    BATCH_BYTES_MAX,
    DAY_MS,
    EVENT_OVERHEAD_BYTES,
    HOUR_MS,
    EventRecord,
    GroupRecord,
    StreamRecord,
    sequence_token,
    visible_from,
    weight,
)
from ..service import logs, stream_resource

_TOO_OLD_MS = 14 * DAY_MS
_TOO_NEW_MS = 2 * HOUR_MS
_SPAN_MS_MAX = DAY_MS


@logs.operation(tx="write", resource=stream_resource, harmless=("sequenceToken", "entity"))
def put_log_events(ctx: Context, tx: Transaction, req: dict[str, Any]) -> dict[str, Any]:
    group = keys.get_group(tx, ctx, req["logGroupName"])
    stream = keys.get_stream(tx, group, req["logStreamName"])
    batch: list[dict[str, Any]] = req["logEvents"]
    times = [event["timestamp"] for event in batch]
    _check(batch, times)
    first, end, rejected = _window(group, times, ctx.now_ms)
    if first < end:
        if times[end - 1] - times[first] > _SPAN_MS_MAX:
            raise InvalidParameterException(
                "The batch of log events in a single PutLogEvents request cannot span more than 24 hours."
            )
        stream = _store(ctx, tx, group, stream, batch[first:end])
    result: dict[str, Any] = {"nextSequenceToken": sequence_token(stream)}
    return result | {"rejectedLogEventsInfo": rejected} if rejected else result


def _check(batch: list[dict[str, Any]], times: list[int]) -> None:
    size = sum(weight(event["message"]) for event in batch)
    if size > BATCH_BYTES_MAX:
        raise InvalidParameterException(f"Upload too large: {size} bytes exceeds limit of {BATCH_BYTES_MAX}")
    if any(later < earlier for earlier, later in pairwise(times)):
        raise InvalidParameterException("Log events in a single PutLogEvents request must be in chronological order.")


def _window(group: GroupRecord, times: list[int], now_ms: int) -> tuple[int, int, dict[str, int]]:
    """The slice of a batch that is neither too old nor too new, and what AWS says about the rest."""
    rejected: dict[str, int] = {}
    old = bisect_left(times, now_ms - _TOO_OLD_MS)
    expired = bisect_left(times, visible_from(group, now_ms))
    new = bisect_right(times, now_ms + _TOO_NEW_MS)
    if new < len(times):
        rejected["tooNewLogEventStartIndex"] = new
    if old:
        rejected["tooOldLogEventEndIndex"] = old
    if expired > old:
        rejected["expiredLogEventEndIndex"] = expired
    return max(old, expired), new, rejected


def _store(
    ctx: Context, tx: Transaction, group: GroupRecord, stream: StreamRecord, batch: list[dict[str, Any]]
) -> StreamRecord:
    now_ms = ctx.now_ms
    size = 0
    for sequence, event in enumerate(batch, stream.sequence):
        message = event["message"]
        size += weight(message) - EVENT_OVERHEAD_BYTES
        keys.put_event(tx, group.id, stream.id, event["timestamp"], sequence, EventRecord(message, now_ms))
    first_ms, last_ms = batch[0]["timestamp"], batch[-1]["timestamp"]
    new = replace(
        stream,
        sequence=stream.sequence + len(batch),
        bytes=stream.bytes + size,
        first_event_ms=min(stream.first_event_ms, first_ms) if stream.sequence else first_ms,
        last_event_ms=max(stream.last_event_ms, last_ms),
        last_ingestion_ms=now_ms,
    )
    keys.put_stream(tx, group, stream, new)
    keys.add_bytes(tx, group.id, stream.id, size)
    subscriptions.forward(tx, group, stream, batch)
    measuring.measure(tx, ctx.cloud.metrics, group, batch)
    return new
