"""Every key of CloudWatch Logs.

=====================  =============================================================================================
logs.group             account, region, name
logs.stream            group id, name
logs.stream_name       group id, stream id
logs.stream_by_time    group id, time of the last event, name: the order `LastEventTime`
logs.event             group id, stream id, time, sequence
logs.event_by_time     group id, time, stream id, sequence: all events of a group in order
logs.bytes             group id, counter number
logs.policy            account, region, name: resource policies
=====================  =============================================================================================
"""

from __future__ import annotations

from lambent.contracts import arn
from lambent.contracts.ports import Reader, Transaction
from lambent.kit import Context
from lambent.kv.table import Table

from .errors import InvalidParameterException, ValidationException, no_group, no_stream
from .model import COUNTERS, Counter, EventRecord, GroupRecord, Mark, ResourcePolicy, StreamName, StreamRecord

groups = Table("logs.group", GroupRecord)
streams = Table("logs.stream", StreamRecord)
stream_names = Table("logs.stream_name", StreamName)
streams_by_time = Table("logs.stream_by_time", Mark)
events = Table("logs.event", EventRecord)
events_by_time = Table("logs.event_by_time", Mark)
counters = Table("logs.bytes", Counter)
policies = Table("logs.policy", ResourcePolicy)


def group_arn(ctx: Context, name: str) -> str:
    """The ARN of a group, without the `:*` that stands for its streams."""
    return ctx.arn("logs", f"log-group:{name}")


def stream_arn(ctx: Context, group: str, stream: str) -> str:
    """The ARN that IAM is asked about; AWS asks with an empty stream about operations on the whole group."""
    return f"{group_arn(ctx, group)}:log-stream:{stream}"


def group_name(req: dict[str, str]) -> str:
    """The group's name from `logGroupName` or `logGroupIdentifier`, exactly one of which must be there."""
    name, identifier = req.get("logGroupName"), req.get("logGroupIdentifier")
    if name is not None and identifier is not None:
        raise ValidationException("LogGroup name and LogGroup ARN are mutually exclusive parameters.")
    if name is not None:
        return name
    if identifier is None:
        raise ValidationException("Either LogGroup name or LogGroup ARN must be provided.")
    return name_in_arn(identifier) if identifier.startswith("arn:") else identifier


def name_in_arn(text: str) -> str:
    """The name in a group's ARN, with or without `:*` at its end."""
    try:
        resource = arn.parse(text).resource
    except ValueError:
        resource = ""
    kind, _, name = resource.partition(":")
    if kind != "log-group" or not name:
        raise InvalidParameterException(f"The ARN {text} is not that of a log group.")
    return name.removesuffix(":*")


def get_group(tx: Reader, ctx: Context, name: str) -> GroupRecord:
    """The group called `name` in the call's account and region."""
    record = groups.get(tx, ctx.account, ctx.region, name)
    if record is None:
        raise no_group()
    return record


def put_group(tx: Transaction, record: GroupRecord) -> None:
    """Store a group under its ARN's account and region."""
    owner = arn.parse(record.arn)
    groups.put(tx, record, owner.account, owner.region, record.name)


def get_stream(tx: Reader, group: GroupRecord, name: str) -> StreamRecord:
    """The stream called `name` of a group."""
    record = streams.get(tx, group.id, name)
    if record is None:
        raise no_stream()
    return record


def put_stream(tx: Transaction, group: GroupRecord, old: StreamRecord | None, new: StreamRecord) -> None:
    """Store a stream and keep its indexes; `old` is what is stored now."""
    if old is None:
        stream_names.put(tx, StreamName(new.name), group.id, new.id)
    if old is None or old.last_event_ms != new.last_event_ms:
        if old is not None:
            streams_by_time.delete(tx, group.id, old.last_event_ms, old.name)
        streams_by_time.put(tx, Mark(), group.id, new.last_event_ms, new.name)
    streams.put(tx, new, group.id, new.name)


def delete_stream(tx: Transaction, group: GroupRecord, stream: StreamRecord) -> None:
    """Remove a stream; its events are no longer found and are purged later."""
    streams.delete(tx, group.id, stream.name)
    stream_names.delete(tx, group.id, stream.id)
    streams_by_time.delete(tx, group.id, stream.last_event_ms, stream.name)
    add_bytes(tx, group.id, stream.id, -stream.bytes)


def put_event(tx: Transaction, group: str, stream: int, time_ms: int, sequence: int, record: EventRecord) -> None:
    """Store one event and its place among the group's."""
    events.put(tx, record, group, stream, time_ms, sequence)
    events_by_time.put(tx, Mark(), group, time_ms, stream, sequence)


def delete_event(tx: Transaction, group: str, stream: int, time_ms: int, sequence: int) -> None:
    """Remove one event."""
    events.delete(tx, group, stream, time_ms, sequence)
    events_by_time.delete(tx, group, time_ms, stream, sequence)


def add_bytes(tx: Transaction, group: str, stream: int, amount: int) -> None:
    """Count bytes into a group. A group has several counters, so that its streams seldom write the same one."""
    number = stream % COUNTERS
    counter = counters.get(tx, group, number)
    counters.put(tx, Counter((counter.bytes if counter else 0) + amount), group, number)


def stored_bytes(tx: Reader, group: str) -> int:
    """The bytes of a group's events."""
    return max(0, sum(counter.bytes for _, counter in counters.scan(tx, group)))
