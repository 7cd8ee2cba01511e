"""GetLogEvents and TestMetricFilter: one stream page by page, and patterns tried on given messages.

A token names a gap between two events: `f/ID` the one after an event, `b/ID` the one before it. So it stays valid while
events come and go, and at either end of a stream the same token comes back.
"""

from __future__ import annotations

from typing import Any

from lambent.contracts.ports import Reader
from lambent.kit import Context

from .. import keys
from ..errors import InvalidParameterException
from ..model import (
    EVENTS_MAX,
    PAGE_BYTES_MAX,
    EventRecord,
    GroupRecord,
    StreamRecord,
    event_id,
    event_position,
    visible_from,
    weight,
)
from ..patterns import compile_pattern
from ..service import bad_token, logs, stream_resource

_CHUNK = 200
Found = tuple[int, int, EventRecord]
"""Time, sequence and record of an event."""


@logs.operation(tx="read", resource=stream_resource, harmless=("unmask",))
def get_log_events(ctx: Context, tx: Reader, req: dict[str, Any]) -> dict[str, Any]:
    group = keys.get_group(tx, ctx, keys.group_name(req))
    stream = keys.get_stream(tx, group, req["logStreamName"])
    start_ms = max(req.get("startTime", 0), visible_from(group, ctx.now_ms))
    end_ms = req.get("endTime")
    if end_ms is not None and req.get("startTime", 0) > end_ms:
        raise InvalidParameterException("startTime must be before endTime.")
    limit = req.get("limit", EVENTS_MAX)
    token = req.get("nextToken")
    forward, gap = bool(req.get("startFromHead")), None
    if token is not None:
        forward, gap = _read_token(token, stream)
    if forward:
        found = _ascending(tx, group, stream, gap, start_ms, end_ms, limit)
    else:
        found = _descending(tx, group, stream, gap, start_ms, end_ms, limit)
    before, after = _gaps(found, gap)
    return {
        "events": [
            {"timestamp": time_ms, "message": event.message, "ingestionTime": event.ingested_ms}
            for time_ms, _, event in found
        ],
        "nextForwardToken": f"f/{event_id(after[0], stream.id, after[1])}/s",
        "nextBackwardToken": f"b/{event_id(before[0], stream.id, before[1])}/s",
    }


def _read_token(token: str, stream: StreamRecord) -> tuple[bool, tuple[int, int]]:
    """The direction, and the gap as (time, sequence of the event after it)."""
    kind, _, rest = token.partition("/")
    number, _, end = rest.partition("/")
    try:
        time_ms, stream_id, sequence = event_position(number)
    except ValueError:
        raise bad_token() from None
    if kind not in ("f", "b") or end != "s" or stream_id != stream.id:
        raise bad_token()
    return kind == "f", (time_ms, sequence)


def _gaps(found: list[Found], gap: tuple[int, int] | None) -> tuple[tuple[int, int], tuple[int, int]]:
    """The gaps before and after a page. An empty page stays where it was."""
    if found:
        first, last = found[0], found[-1]
        return (first[0], first[1]), (last[0], last[1] + 1)
    here = gap or (0, 0)
    return here, here


def _ascending(
    tx: Reader,
    group: GroupRecord,
    stream: StreamRecord,
    gap: tuple[int, int] | None,
    start_ms: int,
    end_ms: int | None,
    limit: int,
) -> list[Found]:
    # A scan leaves out its first key but takes all that extend it, so a gap begins where the event after it would be.
    time_ms, sequence = max(gap or (0, 0), (start_ms, 0))
    after = keys.events.key(group.id, stream.id, time_ms)
    if sequence:
        after = keys.events.key(group.id, stream.id, time_ms, sequence - 1)
    found: list[Found] = []
    size = 0
    while True:
        wanted = min(_CHUNK, limit - len(found))
        chunk = keys.events.scan(tx, group.id, stream.id, after=after, limit=wanted) if wanted else []
        for key, event in chunk:
            time_ms, sequence = _place(key)
            size += weight(event.message)
            if (end_ms is not None and time_ms >= end_ms) or (found and size > PAGE_BYTES_MAX):
                return found
            found.append((time_ms, sequence, event))
        if not chunk or len(chunk) < wanted:
            return found
        after = chunk[-1][0]


def _descending(
    tx: Reader,
    group: GroupRecord,
    stream: StreamRecord,
    gap: tuple[int, int] | None,
    start_ms: int,
    end_ms: int | None,
    limit: int,
) -> list[Found]:
    before: bytes | None = None
    if gap is not None:
        before = keys.events.key(group.id, stream.id, *gap)
    if end_ms is not None:
        end = keys.events.key(group.id, stream.id, end_ms)
        before = end if before is None else min(before, end)
    found: list[Found] = []
    size = 0
    while True:
        wanted = min(_CHUNK, limit - len(found))
        chunk = keys.events.scan(tx, group.id, stream.id, after=before, limit=wanted, reverse=True) if wanted else []
        for key, event in chunk:
            time_ms, sequence = _place(key)
            size += weight(event.message)
            if time_ms < start_ms or (found and size > PAGE_BYTES_MAX):
                return found[::-1]
            found.append((time_ms, sequence, event))
        if not chunk or len(chunk) < wanted:
            return found[::-1]
        before = chunk[-1][0]


def _place(key: bytes) -> tuple[int, int]:
    parts = keys.events.parts(key)
    return int(parts[2]), int(parts[3])  # type: ignore[arg-type]  # keys.py puts two integers there


@logs.operation(tx="read")
def test_metric_filter(ctx: Context, tx: Reader, req: dict[str, Any]) -> dict[str, Any]:
    pattern = compile_pattern(req["filterPattern"])
    matches = []
    for number, message in enumerate(req["logEventMessages"], 1):
        found = pattern.match(message)
        if found is not None:
            matches.append({"eventNumber": number, "eventMessage": message, "extractedValues": found})
    return {"matches": matches}
