"""Log streams."""

from __future__ import annotations

from typing import Any

from lambent.contracts.ports import Reader, Transaction
from lambent.kit import Context
from lambent.kit.paging import page

from .. import events, keys
from ..errors import InvalidParameterException, ResourceAlreadyExistsException
from ..model import GroupRecord, StreamRecord, sequence_token
from ..service import group_resource, logs, position, stream_resource

PAGE = 50
_LAST_CHARACTER = "\U0010ffff"
_ID_DIGITS = 12

Found = list[tuple[bytes, StreamRecord]]


@logs.operation(tx="write", resource=stream_resource)
def create_log_stream(ctx: Context, tx: Transaction, req: dict[str, Any]) -> None:
    group = keys.get_group(tx, ctx, req["logGroupName"])
    if keys.streams.get(tx, group.id, req["logStreamName"]) is not None:
        raise ResourceAlreadyExistsException("The specified log stream already exists")
    number = int(ctx.cloud.ids.hex(_ID_DIGITS), 16)
    keys.put_stream(tx, group, None, StreamRecord(number, req["logStreamName"], ctx.now_ms))


@logs.operation(tx="write", resource=stream_resource)
def delete_log_stream(ctx: Context, tx: Transaction, req: dict[str, Any]) -> None:
    group = keys.get_group(tx, ctx, req["logGroupName"])
    stream = keys.get_stream(tx, group, req["logStreamName"])
    keys.delete_stream(tx, group, stream)
    if stream.sequence:
        events.emit_purge(tx, group, stream)


@logs.operation(tx="read", resource=group_resource)
def describe_log_streams(ctx: Context, tx: Reader, req: dict[str, Any]) -> dict[str, Any]:
    group = keys.get_group(tx, ctx, keys.group_name(req))
    limit = req.get("limit", PAGE)
    if req.get("orderBy") == "LastEventTime":
        if "logStreamNamePrefix" in req:
            raise InvalidParameterException("Cannot order by LastEventTime with a logStreamNamePrefix.")
        found = _by_time(tx, group, req, limit + 1)
    else:
        found = _by_name(tx, group, req, limit + 1)
    shown, token = page(found, limit, lambda entry: entry[0])
    result: dict[str, Any] = {"logStreams": [_view(group, stream) for _, stream in shown]}
    return result | {"nextToken": token} if token else result


def _by_time(tx: Reader, group: GroupRecord, req: dict[str, Any], limit: int) -> Found:
    after = position(req.get("nextToken"), keys.streams_by_time)
    index = keys.streams_by_time.scan(tx, group.id, after=after, limit=limit, reverse=bool(req.get("descending")))
    names = ((key, str(keys.streams_by_time.parts(key)[2])) for key, _ in index)
    return [(key, keys.get_stream(tx, group, name)) for key, name in names]


def _by_name(tx: Reader, group: GroupRecord, req: dict[str, Any], limit: int) -> Found:
    prefix = req.get("logStreamNamePrefix", "")
    after = position(req.get("nextToken"), keys.streams)
    reverse = bool(req.get("descending"))
    found: Found = []
    if reverse:
        after = after or keys.streams.key(group.id, prefix + _LAST_CHARACTER)
    elif after is None and prefix:
        # The stream named exactly like the prefix stands where the scan begins, and so outside it.
        after = keys.streams.key(group.id, prefix)
        exact = keys.streams.get(tx, group.id, prefix)
        found = [(after, exact)] if exact is not None else []
    found += keys.streams.scan(tx, group.id, after=after, limit=limit - len(found), reverse=reverse)
    return [entry for entry in found if entry[1].name.startswith(prefix)]


def _view(group: GroupRecord, stream: StreamRecord) -> dict[str, Any]:
    shown: dict[str, Any] = {
        "logStreamName": stream.name,
        "creationTime": stream.created_ms,
        "arn": f"{group.arn}:log-stream:{stream.name}",
        # AWS has shown 0 since 2019; the group's figure is the one that counts.
        "storedBytes": 0,
    }
    if stream.sequence:
        shown["firstEventTimestamp"] = stream.first_event_ms
        shown["lastEventTimestamp"] = stream.last_event_ms
        shown["lastIngestionTime"] = stream.last_ingestion_ms
        shown["uploadSequenceToken"] = sequence_token(stream)
    return shown
