"""Records of CloudWatch Logs, and the pure rules about them. Times are milliseconds since the epoch."""

from __future__ import annotations

import msgspec

DAY_MS = 86_400_000
HOUR_MS = 3_600_000

RETENTION_DAYS = frozenset(
    (1, 3, 5, 7, 14, 30, 60, 90, 120, 150, 180, 365, 400, 545, 731, 1096, 1827, 2192, 2557, 2922, 3288, 3653)
)
BATCH_BYTES_MAX = 1_048_576
EVENT_BYTES_MAX = 1_048_576
EVENT_OVERHEAD_BYTES = 26
PAGE_BYTES_MAX = 1_048_576
EVENTS_MAX = 10_000
SUBSCRIPTIONS_MAX = 2
METRIC_FILTERS_MAX = 100
DIMENSIONS_MAX = 3
POLICIES_MAX = 10
TAGS_MAX = 50
COUNTERS = 16

_SEQUENCE_BITS = 64
_STREAM_BITS = 48
_TIME_SHIFT = 144
_ID_DIGITS = 56


class Subscription(msgspec.Struct, frozen=True):
    """A subscription filter: matching events of the group go to `destination` (an ARN)."""

    name: str
    pattern: str
    destination: str
    distribution: str
    created_ms: int


class MetricFilter(msgspec.Struct, frozen=True, kw_only=True):
    """A metric filter: events of the group that match become measurements of a metric. `value` is a number, or what is
    taken from the event (`$.took`, `$took`); `default` is measured when a batch has no match, None for nothing;
    `dimensions` are taken from the event, too."""

    name: str
    pattern: str
    metric: str
    namespace: str
    value: str
    created_ms: int
    default: float | None = None
    unit: str = ""
    dimensions: dict[str, str] = {}


class ResourcePolicy(msgspec.Struct, frozen=True):
    """A policy that lets services write into log groups of an account and region."""

    name: str
    document: str
    updated_ms: int


class GroupRecord(msgspec.Struct, frozen=True):
    """A log group. `id` names its streams and events and is never used again, so that a group of the same name made
    later starts empty. `retention_days` 0 keeps events for ever; `sweeper` numbers the timer that removes expired
    events: one with another number is stale and stops."""

    id: str
    name: str
    arn: str
    created_ms: int
    log_class: str = "STANDARD"
    retention_days: int = 0
    sweeper: int = 0
    tags: dict[str, str] = {}
    subscriptions: tuple[Subscription, ...] = ()
    protected: bool = False
    metric_filters: tuple[MetricFilter, ...] = ()


class StreamRecord(msgspec.Struct, frozen=True):
    """A log stream. `id` is unique in its group, `sequence` counts the events ever written, `bytes` what they weigh;
    the three times are 0 before the first event."""

    id: int
    name: str
    created_ms: int
    sequence: int = 0
    bytes: int = 0
    first_event_ms: int = 0
    last_event_ms: int = 0
    last_ingestion_ms: int = 0


class EventRecord(msgspec.Struct, frozen=True, array_like=True):
    """A log event's message and when it came in; its time and number are in its key."""

    message: str
    ingested_ms: int


class Mark(msgspec.Struct, frozen=True, array_like=True):
    """An index entry: everything is in its key."""


class StreamName(msgspec.Struct, frozen=True, array_like=True):
    """The name of a stream, found by its id."""

    name: str


class Counter(msgspec.Struct, frozen=True, array_like=True):
    """One of the counters that together hold the bytes of a group."""

    bytes: int


def weight(message: str) -> int:
    """What an event counts against the limits on batches and pages, in bytes."""
    return (len(message) if message.isascii() else len(message.encode())) + EVENT_OVERHEAD_BYTES


def event_id(time_ms: int, stream: int, sequence: int) -> str:
    """The id of an event: 56 digits that sort as the events do."""
    number = (time_ms << _TIME_SHIFT) | (stream << _SEQUENCE_BITS) | sequence
    return f"{number:0{_ID_DIGITS}d}"


def event_position(text: str) -> tuple[int, int, int]:
    """Time, stream and sequence of an event id; `ValueError` when it is none."""
    if len(text) != _ID_DIGITS or not text.isascii() or not text.isdigit():
        raise ValueError(text)
    number = int(text)
    stream = (number >> _SEQUENCE_BITS) & ((1 << _STREAM_BITS) - 1)
    return number >> _TIME_SHIFT, stream, number & ((1 << _SEQUENCE_BITS) - 1)


def visible_from(group: GroupRecord, now_ms: int) -> int:
    """The time of the oldest event that the group's retention still shows."""
    return now_ms - group.retention_days * DAY_MS if group.retention_days else 0


def sequence_token(stream: StreamRecord) -> str:
    """The upload sequence token of a stream; it is shown but no longer asked for."""
    return f"49{stream.id:0{18}d}{stream.sequence:0{_ID_DIGITS - 20}d}"
