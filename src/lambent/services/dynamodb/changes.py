"""Streams of changes: switched on and off, and what a write puts into them."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

import orjson
from msgspec.structs import replace

from lambent.contracts.ids import Ids
from lambent.contracts.ports import Reader, Transaction

from . import events, keys
from .errors import ValidationException
from .model import Change, StreamRecord, TableRecord, Tail
from .sizes import item_size
from .values import Item

_PREFIX_BYTES = 8
_SEQUENCE_BASE = 10**20
"""Sequence numbers have 21 digits, as AWS's have at least."""


def switch_stream(tx: Transaction, ids: Ids, table: TableRecord, spec: dict[str, Any], now_ms: int) -> TableRecord:
    """The table with its stream on or off as a StreamSpecification asks; the caller stores it."""
    if not spec["StreamEnabled"]:
        if "StreamViewType" in spec:
            raise ValidationException(
                "One or more parameter values were invalid: StreamViewType should not be specified when StreamEnabled "
                "is false"
            )
        if not table.stream:
            raise ValidationException("Table does not have a stream to disable: " + table.name)
        return end_stream(tx, table, now_ms)
    if table.stream:
        raise ValidationException("Table already has an enabled stream: " + table.name)
    view = spec.get("StreamViewType")
    if view is None:
        raise ValidationException(
            "One or more parameter values were invalid: StreamViewType must be specified when StreamEnabled is true"
        )
    named_ms = now_ms
    while keys.streams.get(tx, table.account, table.region, table.name, _label(named_ms)) is not None:
        named_ms += 1  # an earlier stream of this table was made in the same millisecond
    label = _label(named_ms)
    stream = StreamRecord(
        account=table.account,
        region=table.region,
        table=table.name,
        label=label,
        prefix=ids.bytes(_PREFIX_BYTES),
        view=view,
        created_ms=now_ms,
        keys=table.key_names,
        shard=f"shardId-{now_ms:020d}-{ids.hex(8)}",
    )
    keys.put_stream(tx, stream)
    events.emit_trim(tx, stream, now_ms)
    return replace(table, stream=label, stream_view=view, stream_prefix=stream.prefix)


def _label(time_ms: int) -> str:
    return datetime.fromtimestamp(time_ms // 1000, UTC).strftime("%Y-%m-%dT%H:%M:%S.") + f"{time_ms % 1000:03d}"


def end_stream(tx: Transaction, table: TableRecord, now_ms: int) -> TableRecord:
    """The table without its stream, which can be read for another day; the caller stores it."""
    stream = keys.streams.get(tx, table.account, table.region, table.name, table.stream)
    if stream is not None:
        keys.put_stream(tx, replace(stream, ended_ms=now_ms))
        tx.wake(keys.stream_topic(stream.prefix))
    return replace(table, stream="", stream_view="", stream_prefix=b"")


def record_change(
    tx: Transaction, table: TableRecord, old: Item | None, new: Item | None, now_ms: int, *, by_service: bool = False
) -> None:
    """Put a change of an item into the table's stream. `by_service`: made by DynamoDB itself (expiry)."""
    some = new if new is not None else old
    assert some is not None
    own = {name: some[name] for name in table.key_names}
    view, size = table.stream_view, item_size(own)
    shown_old = shown_new = b""
    if old is not None and view in ("OLD_IMAGE", "NEW_AND_OLD_IMAGES"):
        shown_old, size = orjson.dumps(old), size + item_size(old)
    if new is not None and view in ("NEW_IMAGE", "NEW_AND_OLD_IMAGES"):
        shown_new, size = orjson.dumps(new), size + item_size(new)
    tx.lock(keys.tails.key(table.stream_prefix))
    tail = keys.tails.get(tx, table.stream_prefix)
    number = tail.last + 1 if tail is not None else 1
    keys.tails.put(tx, Tail(number), table.stream_prefix)
    name = "INSERT" if old is None else "REMOVE" if new is None else "MODIFY"
    change = Change(
        name=name,
        at_ms=now_ms,
        keys=orjson.dumps(own),
        new=shown_new,
        old=shown_old,
        size=size,
        by_service=by_service,
    )
    keys.changes.put(tx, change, table.stream_prefix, number)
    tx.wake(keys.stream_topic(table.stream_prefix))


def sequence_text(number: int) -> str:
    """A sequence number as it is shown."""
    return str(_SEQUENCE_BASE + number)


def sequence_number(text: str) -> int:
    """The number behind a shown one; `ValueError` when it is none."""
    return int(text) - _SEQUENCE_BASE


def last_sequence(tx: Reader, stream: StreamRecord) -> int:
    """The number of a stream's last record, 0 before the first."""
    tail = keys.tails.get(tx, stream.prefix)
    return tail.last if tail is not None else 0
