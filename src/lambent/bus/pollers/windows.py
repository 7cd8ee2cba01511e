"""Tumbling windows: records of a lane are grouped by when they were made, and a state goes from batch to batch."""

from __future__ import annotations

import datetime
from typing import Any, NamedTuple

import orjson

from .records import Record, event
from .work import Answer

STATE_BYTES_MAX = 1 << 20


class Window(NamedTuple):
    """A window that is open: when it began (s since the epoch), how long it is (s), its state (JSON)."""

    start_s: int
    length_s: int
    state: str = "{}"

    @property
    def end_ms(self) -> int:
        """When it is over."""
        return (self.start_s + self.length_s) * 1000

    @property
    def too_large(self) -> bool:
        """Whether the state may not grow: the window is ended early."""
        return len(self.state) > STATE_BYTES_MAX


def window_of(record: Record, length_s: int) -> Window:
    """The window that a record falls into."""
    return Window(record.at_ms // 1000 // length_s * length_s, length_s)


def windowed_event(window: Window, records: list[Record], shard: str, source: str, *, final: bool) -> bytes:
    """The payload for a batch in a window, or for its end (`final`)."""
    more: dict[str, Any] = {
        "window": {"start": _moment(window.start_s), "end": _moment(window.start_s + window.length_s)},
        "state": orjson.Fragment(window.state),
        "shardId": shard,
        "eventSourceARN": source,
        "isFinalInvokeForWindow": final,
        "isWindowTerminatedEarly": final and window.too_large,
    }
    return event(records, **more)


def next_state(answer: Answer) -> str:
    """The state that a function returned; an empty one when it returned none."""
    try:
        found = orjson.loads(answer.payload)
    except orjson.JSONDecodeError:
        return "{}"
    state = found.get("state") if isinstance(found, dict) else None
    return orjson.dumps(state).decode() if state else "{}"


def _moment(time_s: int) -> str:
    return datetime.datetime.fromtimestamp(time_s, datetime.UTC).isoformat().replace("+00:00", "Z")
