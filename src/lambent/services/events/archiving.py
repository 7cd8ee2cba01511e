"""What archives hold goes out of them: by age, by deletion, and into replays. All in bounded pieces."""

from __future__ import annotations

from typing import Any, Final

import orjson
from msgspec.structs import replace

from lambent.contracts.arn import parse
from lambent.contracts.ports import Cloud, Transaction

from . import keys, routing, tasks
from .model import DAY_MS, Archive, Replay
from .tasks import Task

PAGE: Final = 100
"""Events that one transaction replays or removes."""
_HOUR_MS: Final = 3_600_000
_YEAR_MS: Final = 365 * DAY_MS
_SECOND_MS: Final = 1000


def store(tx: Transaction, archive: Archive, now_ms: int) -> None:
    """Store an archive that was made or changed, and set the alarm that removes what is too old."""
    keys.archives.put(tx, archive, archive.account, archive.region, archive.name)
    if archive.days:
        _sweep_at(tx, archive, now_ms, 0 if archive.sweeper else now_ms + archive.days * DAY_MS)


def _sweep_at(tx: Transaction, archive: Archive, now_ms: int, at_ms: int) -> None:
    """Set the alarm; after a year it looks again how far the time is, for days can be said that no clock reaches."""
    at_ms = min(at_ms, now_ms + _YEAR_MS)
    tasks.emit(tx, archive.arn, Task(kind="expire", id=archive.id, version=archive.sweeper), at_ms=at_ms)


def forget(tx: Transaction, archive_arn: str, archive_id: str) -> None:
    """Have all removed that a deleted archive held."""
    tasks.emit(tx, archive_arn, Task(kind="forget", id=archive_id))


def forget_page(tx: Transaction, archive_arn: str, task: Task) -> None:
    """Remove a page of what a deleted archive held, and have the next one removed."""
    found = keys.archived.scan(tx, task.id, limit=PAGE)
    for key, _ in found:
        tx.delete(key)
    if len(found) == PAGE:
        forget(tx, archive_arn, task.id)
        return
    for key, _ in keys.holdings.scan(tx, task.id):
        tx.delete(key)


def expire(tx: Transaction, archive_arn: str, task: Task, now_ms: int) -> None:
    """Remove a page of what is too old, and set the next alarm."""
    place = parse(archive_arn)
    archive = keys.archives.get(tx, place.account, place.region, place.resource.partition("/")[2])
    # Another number means that the retention was changed, or that this alarm was heard before.
    if archive is None or archive.id != task.id or archive.sweeper != task.version or not archive.days:
        return
    next_ms = now_ms + archive.days * DAY_MS
    found = keys.archived.scan(tx, archive.id, limit=PAGE)
    for key, record in found:
        _, ingested_ms, event_id = keys.archived.parts(key)
        assert isinstance(ingested_ms, int)
        if routing.expiry_ms(archive, ingested_ms) > now_ms:
            next_ms = max(routing.expiry_ms(archive, ingested_ms), now_ms + _HOUR_MS)
            break
        tx.delete(key)
        routing.count(tx, archive.id, str(event_id), -1, -record.size)
    else:
        if len(found) == PAGE:
            next_ms = 0
    archive = replace(archive, sweeper=archive.sweeper + 1)
    keys.archives.put(tx, archive, archive.account, archive.region, archive.name)
    _sweep_at(tx, archive, now_ms, next_ms)


def begin(tx: Transaction, replay: Replay) -> None:
    """Have a replay begin."""
    put(tx, replay)
    tasks.emit(tx, replay.arn, Task(kind="replay", id=replay.id))


def put(tx: Transaction, replay: Replay) -> None:
    """Store a replay."""
    keys.replays.put(tx, replay, replay.account, replay.region, replay.name)


def step(cloud: Cloud, tx: Transaction, replay_arn: str, task: Task, now_ms: int) -> None:
    """Replay a page of the archive, and have the next one replayed."""
    place = parse(replay_arn)
    replay = keys.replays.get(tx, place.account, place.region, place.resource.partition("/")[2])
    if replay is None or replay.id != task.id or replay.state in ("COMPLETED", "CANCELLED", "FAILED"):
        return
    if replay.after != task.after:
        return  # this page was replayed before its node died
    if replay.state == "CANCELLING":
        put(tx, replace(replay, state="CANCELLED", ended_ms=now_ms))
        return
    bus = keys.find_bus(tx, replay.account, replay.region, replay.bus)
    if bus is None:
        reason = f"Event bus {replay.bus} does not exist."
        put(tx, replace(replay, state="FAILED", reason=reason, ended_ms=now_ms))
        return
    begin_key = task.after + b"\x00" if task.after else keys.archived.key(replay.archive_id, replay.begin_ms)
    # Times come in whole seconds: the last second counts.
    end_key = keys.archived.key(replay.archive_id, replay.end_ms + _SECOND_MS)
    found = tx.scan(begin_key, end_key, limit=PAGE)
    last_ms = replay.last_ms
    for key, raw in found:
        event: dict[str, Any] = orjson.loads(keys.archived.decode(raw).event)
        routing.ingest(
            tx, bus, {**event, "replay-name": replay.name}, now_ms, metrics=cloud.metrics, rules=replay.rules
        )
        ingested_ms = keys.archived.parts(key)[1]
        assert isinstance(ingested_ms, int)
        last_ms = ingested_ms
    if len(found) < PAGE:
        put(tx, replace(replay, state="COMPLETED", last_ms=last_ms, ended_ms=now_ms))
        return
    put(tx, replace(replay, state="RUNNING", last_ms=last_ms, after=found[-1][0]))
    tasks.emit(tx, replay.arn, Task(kind="replay", id=replay.id, after=found[-1][0]))
