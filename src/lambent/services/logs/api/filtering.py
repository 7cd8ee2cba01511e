"""FilterLogEvents: a group's events in order of time, over all its streams or some.

The whole group is read through its index by time. Up to 100 streams, named or found by a prefix, are merged, each read
from its own events; a prefix of more streams filters the index. A page ends at its limit, at 1 MB, or when 10,000
events were looked at; the token then says where to go on.
"""

from __future__ import annotations

import asyncio
import heapq
from collections.abc import Iterator
from itertools import islice
from typing import Any, NamedTuple

from lambent.contracts.ports import Reader
from lambent.kit import Context
from lambent.kit.paging import seal, unseal
from lambent.kv.keys import Part
from lambent.kv.table import Table

from .. import keys
from ..errors import InvalidParameterException
from ..model import EVENTS_MAX, PAGE_BYTES_MAX, EventRecord, GroupRecord, event_id, event_position, visible_from, weight
from ..patterns import compile_pattern
from ..service import bad_token, group_resource, logs

EXAMINED_MAX = 10_000
LOOK_MAX = 500
"""Events looked at in one read: what the loop is held up for, some milliseconds."""
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

    def past(self, time_ms: int) -> bool:
        """Whether the reading has left the range of time at its far end."""
        return (self.end_ms is not None and time_ms > self.end_ms) if self.ascending else time_ms < self.start_ms

    def begin(self, table: Table[Any], prefix: tuple[Part, ...], resume: tuple[Part, ...] | None) -> bytes | None:
        """The key in `table`, below `prefix`, after which the reading begins; `resume` is the rest of the key that
        stands for the last event that was looked at."""
        found = []
        if self.ascending:
            found.append(table.key(*prefix, self.start_ms))
        elif self.end_ms is not None:
            found.append(table.key(*prefix, self.end_ms + 1))
        if resume is not None:
            found.append(table.key(*prefix, *resume))
        if not found:
            return None
        return max(found) if self.ascending else min(found)


class _Page:
    """An answer that is being gathered, over several looks into the store."""

    def __init__(self, limit: int) -> None:
        self.limit = limit
        self.shown: list[dict[str, Any]] = []
        self.size = 0
        self.examined = 0
        self.last: tuple[int, int, int] | None = None
        self.full = False

    def take(self, found: Found, matches: bool, stream: str) -> bool:
        """Add an event that was looked at; False, and not taken, when the page is full."""
        size = self.size + weight(found.event.message) if matches else self.size
        if self.examined >= EXAMINED_MAX or len(self.shown) >= self.limit or (self.shown and size > PAGE_BYTES_MAX):
            self.full = True
            return False
        self.examined += 1
        self.size = size
        self.last = _place(found)
        if matches:
            self.shown.append(_view(found, stream))
        return True


@logs.operation(tx="none", resource=group_resource, harmless=("interleaved", "unmask"))
async def filter_log_events(ctx: Context, req: dict[str, Any]) -> dict[str, Any]:
    if "logStreamNames" in req and "logStreamNamePrefix" in req:
        raise InvalidParameterException("logStreamNamePrefix and logStreamNames are mutually exclusive parameters.")
    pattern = compile_pattern(req.get("filterPattern", ""))
    ascending, resume = _read_token(req.get("nextToken"), req.get("startFromHead", True))
    page = _Page(req.get("limit", EVENTS_MAX))
    more = True
    while more and not page.full:
        looked = await ctx.cloud.store.read(lambda tx: _look(ctx, tx, req, ascending, page.last or resume))
        more = len(looked) == LOOK_MAX
        for found, stream in looked:
            if not page.take(found, pattern.match(found.event.message) is not None, stream):
                break
        # A long search lets others have their turn between its looks.
        await asyncio.sleep(0)
    result: dict[str, Any] = {"events": page.shown, "searchedLogStreams": []}
    if page.full:
        assert page.last is not None
        result["nextToken"] = seal(f"{'f' if ascending else 'b'}{event_id(*page.last)}".encode())
    return result


def _look(
    ctx: Context, tx: Reader, req: dict[str, Any], ascending: bool, resume: tuple[int, int, int] | None
) -> list[tuple[Found, str]]:
    """The next events after `resume`, `LOOK_MAX` at most, each with the name of its stream."""
    group = keys.get_group(tx, ctx, keys.group_name(req))
    start_ms = max(req.get("startTime", 0), visible_from(group, ctx.now_ms))
    query = Query(group, start_ms, req.get("endTime"), ascending, resume)
    names: dict[int, str] = {}
    return [(found, names[found.stream]) for found in islice(_source(tx, query, req, names), LOOK_MAX)]


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
    prefix = (query.group.id, stream)
    resume: tuple[int, ...] | None = None
    if query.resume is not None:
        time_ms, last_stream, sequence = query.resume
        # Streams of the same millisecond come in order of their ids: this one was before that event, or is after.
        other = (time_ms if stream > last_stream else time_ms + 1,)
        resume = (time_ms, sequence) if stream == last_stream else other
    for parts, event in _walk(tx, keys.events, prefix, query, resume):
        if query.past(parts[2]):
            return
        yield Found(parts[2], stream, parts[3], event)


def _all(tx: Reader, query: Query, names: dict[int, str]) -> Iterator[Found]:
    """The events of the whole group; those of deleted streams are left out."""
    gone: set[int] = set()
    for parts, _ in _walk(tx, keys.events_by_time, (query.group.id,), query, query.resume):
        _, time_ms, stream, sequence = parts
        if query.past(time_ms):
            return
        if stream in gone:
            continue
        if stream not in names:
            known = keys.stream_names.get(tx, query.group.id, stream)
            if known is None:
                gone.add(stream)
                continue
            names[stream] = known.name
        event = keys.events.get(tx, query.group.id, stream, time_ms, sequence)
        if event is not None:
            yield Found(time_ms, stream, sequence, event)


def _walk(
    tx: Reader, table: Table[Any], prefix: tuple[Part, ...], query: Query, resume: tuple[Part, ...] | None
) -> Iterator[tuple[Any, Any]]:
    """Parts and records of `table` below `prefix`, whose next part is a time, from the query's near end on."""
    after = query.begin(table, prefix, resume)
    while True:
        chunk = table.scan(tx, *prefix, after=after, limit=_CHUNK, reverse=not query.ascending)
        for key, record in chunk:
            yield table.parts(key), record
        if len(chunk) < _CHUNK:
            return
        after = chunk[-1][0]
