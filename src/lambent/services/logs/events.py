"""Work that outlives a call, as events of the service to itself: purging what was deleted, removing what expired.

Each event does a bounded part in one transaction and emits the next one in it, so that a crash loses nothing and a
repeated delivery does nothing twice.
"""

from __future__ import annotations

from typing import Any

import orjson
from msgspec.structs import replace

from lambent.contracts import arn
from lambent.contracts.caller import service as service_caller
from lambent.contracts.events import Delivery, Event, Undeliverable
from lambent.contracts.ports import Cloud, Reader, Transaction

from . import keys
from .model import COUNTERS, DAY_MS, HOUR_MS, GroupRecord, StreamRecord, visible_from, weight
from .model import EVENT_OVERHEAD_BYTES as OVERHEAD
from .subscriptions import PRINCIPAL

_WRITING = ("logs:CreateLogStream", "logs:PutLogEvents")
_DELIVERY = "delivery.logs.amazonaws.com"
"""The principal that delivers for other services; AWS lets in what names it, too."""
BATCH = 500
"""Events that one transaction removes."""
_MS = 1_000_000


def emit_purge(tx: Transaction, group: GroupRecord, stream: StreamRecord | None = None) -> None:
    """Have the events of a deleted group, or of one deleted stream, removed."""
    _emit(tx, group.arn, {"task": "purge", "group": group.id, "stream": None if stream is None else stream.id})


def emit_sweep(tx: Transaction, group: GroupRecord, at_ms: int = 0) -> None:
    """Have the expired events of a group removed, at `at_ms` or now."""
    _emit(tx, group.arn, {"task": "sweep", "group": group.id, "sweeper": group.sweeper}, at_ms)


def _emit(tx: Transaction, group_arn: str, task: dict[str, Any], at_ms: int = 0) -> None:
    owner = arn.parse(group_arn)
    event = Event(
        target=group_arn,
        payload=orjson.dumps(task),
        source=group_arn,
        principal=PRINCIPAL,
        account=owner.account,
        region=owner.region,
    )
    tx.emit(event, at_ns=at_ms * _MS)


class LogsTarget:
    """Receives the service's own events, and says which services may write into a group."""

    def __init__(self, cloud: Cloud) -> None:
        self._cloud = cloud

    async def deliver(self, delivery: Delivery) -> None:
        """Do one part of a task."""
        event = delivery.event
        if event.principal != PRINCIPAL or event.source != event.target:
            raise Undeliverable("Lambent has not built log groups as targets of other services' events yet.")
        task = orjson.loads(event.payload)
        now_ms = self._cloud.clock.now_ns() // _MS

        def work(tx: Transaction) -> None:
            if task["task"] == "purge":
                _purge(tx, event.target, task["group"], task["stream"])
            else:
                _sweep(tx, event.target, task["group"], task["sweeper"], now_ms)

        await self._cloud.store.write(work)

    async def check(self, target: str, principal: str, source: str, account: str) -> None:
        """Raise `Undeliverable` when the group does not exist, or no resource policy lets the service write into it."""
        await self._cloud.store.read(lambda tx: self._ask(tx, target, principal, source, account))

    def _ask(self, tx: Reader, target: str, principal: str, source: str, account: str) -> None:
        place = arn.parse(target)
        group = keys.groups.get(
            tx, place.account, place.region, place.resource.removeprefix("log-group:").removesuffix(":*")
        )
        if group is None:
            raise Undeliverable("The specified log group does not exist.")
        conditions = {"aws:sourcearn": source, "aws:sourceaccount": account}
        rows = keys.policies.scan(tx, place.account, place.region)
        for action in _WRITING:
            if not any(
                self._cloud.guard.decide(
                    tx, service_caller(asking, place.account), action, f"{group.arn}:log-stream:", conditions,
                    policy.document, place.account,
                ).allowed
                for asking in (principal, _DELIVERY)
                for _, policy in rows
            ):  # fmt: skip
                raise Undeliverable(f"No resource policy lets {principal} do {action} on {group.arn}.")


def _purge(tx: Transaction, group_arn: str, group: str, stream: int | None) -> None:
    """Remove a batch of events that nothing shows any more; of a whole group, its streams after them."""
    prefix = (group,) if stream is None else (group, stream)
    found = keys.events.scan(tx, *prefix, limit=BATCH)
    for key, _ in found:
        keys.delete_event(tx, *keys.events.parts(key))  # type: ignore[arg-type]  # its parts, in that order
    left = BATCH - len(found)
    if stream is None and left:
        left -= _purge_streams(tx, group, left)
    if not left:
        _emit(tx, group_arn, {"task": "purge", "group": group, "stream": stream})


def _purge_streams(tx: Transaction, group: str, limit: int) -> int:
    found = keys.streams.scan(tx, group, limit=limit)
    for _, record in found:
        keys.streams.delete(tx, group, record.name)
        keys.stream_names.delete(tx, group, record.id)
        keys.streams_by_time.delete(tx, group, record.last_event_ms, record.name)
        keys.counters.delete(tx, group, record.id % COUNTERS)
    return len(found)


def _sweep(tx: Transaction, group_arn: str, group_id: str, sweeper: int, now_ms: int) -> None:
    """Remove a batch of expired events and set the timer for the next."""
    owner = arn.parse(group_arn)
    group = keys.groups.get(tx, owner.account, owner.region, keys.name_in_arn(group_arn))
    # Another number means that the retention was changed, or that this very event was delivered before.
    if group is None or group.id != group_id or group.sweeper != sweeper or not group.retention_days:
        return
    oldest_shown_ms = visible_from(group, now_ms)
    removed: dict[int, int] = {}
    next_ms = now_ms + group.retention_days * DAY_MS
    found = keys.events_by_time.scan(tx, group.id, limit=BATCH)
    for key, _ in found:
        _, time_ms, stream, sequence = keys.events_by_time.parts(key)
        assert isinstance(time_ms, int)
        assert isinstance(stream, int)
        assert isinstance(sequence, int)
        if time_ms >= oldest_shown_ms:
            next_ms = time_ms + group.retention_days * DAY_MS
            break
        event = keys.events.get(tx, group.id, stream, time_ms, sequence)
        size = weight(event.message) - OVERHEAD if event is not None else 0
        removed[stream] = removed.get(stream, 0) + size
        keys.delete_event(tx, group.id, stream, time_ms, sequence)
    else:
        if len(found) == BATCH:
            next_ms = 0
    _discount(tx, group, removed)
    group = replace(group, sweeper=sweeper + 1)
    keys.put_group(tx, group)
    emit_sweep(tx, group, max(next_ms, now_ms + HOUR_MS) if next_ms else 0)


def _discount(tx: Transaction, group: GroupRecord, removed: dict[int, int]) -> None:
    for stream_id, size in removed.items():
        name = keys.stream_names.get(tx, group.id, stream_id)
        stream = keys.streams.get(tx, group.id, name.name) if name is not None else None
        # A deleted stream took its bytes off the group's counter when it went.
        if stream is not None:
            keys.put_stream(tx, group, stream, replace(stream, bytes=stream.bytes - size))
            keys.add_bytes(tx, group.id, stream_id, -size)
