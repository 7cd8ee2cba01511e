"""What is kept of metrics and alarms. Times are milliseconds since the epoch, or seconds where the name says so."""

from __future__ import annotations

import msgspec

PRINCIPAL = "cloudwatch.amazonaws.com"
OK = "OK"
ALARM = "ALARM"
INSUFFICIENT = "INSUFFICIENT_DATA"


class Metric(msgspec.Struct, frozen=True, kw_only=True):
    """A metric: its points lie under `id`. `units` are those that data came in; `last_ms` is within an hour of the
    last data."""

    id: bytes
    units: tuple[str, ...]
    last_ms: int


class Point(msgspec.Struct, frozen=True):
    """The measurements of one second, minute, five minutes or hour: how many, their sum, the extremes, and how often
    each value came."""

    count: float
    sum: float
    min: float
    max: float
    values: tuple[tuple[float, float], ...] = ()


class Alarm(msgspec.Struct, frozen=True, kw_only=True):
    """An alarm. `settings` is what PutMetricAlarm or PutCompositeAlarm said, as JSON; `turn` changes with every put
    and every timer, so that one of an older turn does nothing. `children` are the names that a composite alarm's rule
    asks."""

    name: str
    arn: str
    account: str
    region: str
    composite: bool
    settings: bytes
    turn: str
    configured_ms: int
    updated_ms: int
    transitioned_ms: int
    actions_enabled: bool = True
    state: str = INSUFFICIENT
    reason: str = "Unchecked: Initial alarm creation"
    reason_data: str = ""
    children: tuple[str, ...] = ()
    tags: dict[str, str] = {}


class History(msgspec.Struct, frozen=True, kw_only=True):
    """Something that happened to an alarm; `data` is JSON text."""

    name: str
    composite: bool
    kind: str
    summary: str
    data: str


class Dashboard(msgspec.Struct, frozen=True, kw_only=True):
    """A dashboard; `body` as it was given."""

    name: str
    body: str
    modified_ms: int


class Sweeping(msgspec.Struct, frozen=True, kw_only=True):
    """The daily removal of what is old: `turn` numbers its timers, the last of which is due at `due_ms`."""

    turn: int
    due_ms: int


class Mark(msgspec.Struct, frozen=True):
    """An index entry whose key says all."""
