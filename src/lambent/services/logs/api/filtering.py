"""FilterLogEvents: a group's events in order of time, over all its streams or some.

The whole group is read through its index by time. Up to 100 streams, named or found by a prefix, are merged, each read
from its own events; a prefix of more streams filters the index. A page ends at its limit, at 1 MB, or when 10,000
events were looked at; the token then says where to go on.
"""

from __future__ import annotations

import heapq
from collections.abc import Iterator
from typing import Any, NamedTuple

from lambent.contracts.ports import Reader
from lambent.kit import Context
from lambent.kit.paging import seal, unseal

from .. import keys
from ..errors import InvalidParameterException
from ..model import EVENTS_MAX, PAGE_BYTES_MAX, EventRecord, GroupRecord, event_id, event_position, visible_from, weight
from ..patterns import compile_pattern
from ..service import bad_token, group_resource, logs

EXAMINED_MAX = 10_000
MERGED_MAX = 100
_CHUNK = 200


class Found(NamedTuple):
    """An event's place in the group's order, and the event."""

    time_ms: int
    stream: int
    sequence: int
    event: EventRecord


class Query(NamedTuple):
    """Where to look: times are inclusive; `resume` is the place of the last event that was looked at."""

    group: GroupRecord
    start_ms: int
    end_ms: int | None
    ascending: bool
    resume: tuple[int, int, int] | None

    @property
    def first_ms(self) -> int:
        """Where an ascending reading begins."""
        return self.start_ms if self.resume is None else max(self.start_ms, self.resume[0])

    @property
    def last_ms(self) -> int | None:
        """Where a descending reading begins; None: at the newest event."""
        if self.resume is None:
            return self.end_ms
        return self.resume[0] if self.end_ms is None else min(self.end_ms, self.resume[0])

    def past(self, time_ms: int) -> bool:
        """Whether the reading has left the range of time at its far end."""
        return (self.end_ms is not None and time_ms > self.end_ms) if self.ascending else time_ms < self.start_ms

    def seen(self, place: tuple[int, int, int]) -> bool:
        """Whether an earlier page looked at this place."""
        if self.resume is None:
            return False
        return place <= self.resume if self.ascending else place >= self.resume


@logs.operation(tx="read", resource=group_resource, harmless=("interleaved", "unmask"))
def filter_log_events(ctx: Context, tx: Reader, req: dict[str, Any]) -> dict[str, Any]:
    group = keys.get_group(tx, ctx, keys.group_name(req))
    if "logStreamNames" in req and "logStreamNamePrefix" in req:
        raise InvalidParameterException("logStreamNamePrefix and logStreamNames are mutually exclusive parameters.")
    pattern = compile_pattern(req.get("filterPattern", ""))
    start_ms = max(req.get("startTime", 0), visible_from(group, ctx.now_ms))
    ascending, resume = _read_token(req.get("nextToken"), req.get("startFromHead", True))
    query = Query(group, start_ms, req.get("endTime"), ascending, resume)
    limit = req.get("limit", EVENTS_MAX)
    names: dict[int, str] = {}
    shown: list[dict[str, Any]] = []
    size = 0
    token = None
    examined = 0
    last: Found | None = None
    for found in _source(tx, query, req, names):
        size_after = size + weight(found.event.message)
        matches = pattern.match(found.event.message) is not None
        if examined >= EXAMINED_MAX or len(shown) >= limit or (matches and shown and size_after > PAGE_BYTES_MAX):
            assert last is not None
            token = seal(f"{'f' if ascending else 'b'}{event_id(*last[:3])}".encode())
            break
        examined, last = examined + 1, found
        if matches:
            size = size_after
            shown.append(_view(found, names[found.stream]))
    result: dict[str, Any] = {"events": shown, "searchedLogStreams": []}
    return result | {"nextToken": token} if token else result


def _read_token(token: str | None, ascending: bool) -> tuple[bool, tuple[int, int, int] | None]:
    """The direction, which a token keeps, and the place to go on after."""
    if token is None:
        return ascending, None
    try:
        text = unseal(token, bad_token).decode()
        place = event_position(text[1:])
    except ValueError:
        raise bad_token() from None
    if text[0] not in "fb":
        raise bad_token()
    return text[0] == "f", place


def _view(found: Found, stream: str) -> dict[str, Any]:
    return {
        "logStreamName": stream,
        "timestamp": found.time_ms,
        "message": found.event.message,
        "ingestionTime": found.event.ingested_ms,
        "eventId": event_id(found.time_ms, found.stream, found.sequence),
    }


def _source(tx: Reader, query: Query, req: dict[str, Any], names: dict[int, str]) -> Iterator[Found]:
    """The events to look at, in order; `names` gets the name of each one's stream."""
    if "logStreamNames" in req:
        wanted = [keys.get_stream(tx, query.group, name) for name in dict.fromkeys(req["logStreamNames"])]
    elif prefix := req.get("logStreamNamePrefix", ""):
        after = keys.streams.key(query.group.id, prefix)
        exact = keys.streams.get(tx, query.group.id, prefix)
        scanned = keys.streams.scan(tx, query.group.id, after=after, limit=MERGED_MAX)
        if len(scanned) == MERGED_MAX and scanned[-1][1].name.startswith(prefix):
            return (found for found in _all(tx, query, names) if names[found.stream].startswith(prefix))
        wanted = [exact] if exact is not None else []
        wanted += [stream for _, stream in scanned if stream.name.startswith(prefix)]
    else:
        return _all(tx, query, names)
    for stream in wanted:
        names[stream.id] = stream.name
    return heapq.merge(*(_one(tx, query, stream.id) for stream in wanted), reverse=not query.ascending, key=_place)


def _place(found: Found) -> tuple[int, int, int]:
    return found.time_ms, found.stream, found.sequence


def _one(tx: Reader, query: Query, stream: int) -> Iterator[Found]:
    """The events of one stream."""
    for parts, event in _walk(tx, keys.events, (query.group.id, stream), query):
        place = (parts[2], stream, parts[3])
        if query.past(place[0]):
            return
        if not query.seen(place):
            yield Found(*place, event)


def _all(tx: Reader, query: Query, names: dict[int, str]) -> Iterator[Found]:
    """The events of the whole group; those of deleted streams are left out."""
    gone: set[int] = set()
    for parts, _ in _walk(tx, keys.events_by_time, (query.group.id,), query):
        place: tuple[int, int, int] = (parts[1], parts[2], parts[3])
        if query.past(place[0]):
            return
        stream = place[1]
        if query.seen(place) or stream in gone:
            continue
        if stream not in names:
            known = keys.stream_names.get(tx, query.group.id, stream)
            if known is None:
                gone.add(stream)
                continue
            names[stream] = known.name
        event = keys.events.get(tx, query.group.id, stream, place[0], place[2])
        if event is not None:
            yield Found(*place, event)


def _walk(tx: Reader, table: Any, prefix: tuple[Any, ...], query: Query) -> Iterator[tuple[Any, Any]]:
    """Parts and records of `table` below `prefix`, whose next part is a time, from the query's near end on."""
    after: bytes | None
    if query.ascending:
        after = table.key(*prefix, query.first_ms)
    else:
        after = None if query.last_ms is None else table.key(*prefix, query.last_ms + 1)
    while True:
        chunk = table.scan(tx, *prefix, after=after, limit=_CHUNK, reverse=not query.ascending)
        for key, record in chunk:
            yield table.parts(key), record
        if len(chunk) < _CHUNK:
            return
        after = chunk[-1][0]
