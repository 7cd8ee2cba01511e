"""When a schedule is due, and the one timer that waits for it."""

from __future__ import annotations

import orjson
from msgspec.structs import replace

from lambent.contracts.events import Event, Retry
from lambent.contracts.ids import Ids
from lambent.contracts.ports import Transaction
from lambent.kit import cron

from . import keys
from .model import ENABLED, PRINCIPAL, Schedule

MINUTE_MS = 60_000
_MS = 1_000_000
_TIMER = Retry(attempts_max=1_000_000_000, age_s_max=500 * 366 * 86_400)
"""A timer that a failing store holds up is never given up: it may have waited for years before, and the schedule would
end with it."""


def next_due_ms(schedule: Schedule, after_ms: int) -> int | None:
    """The schedule's first time after `after_ms` between its start and its end; None when there is none."""
    expression = cron.parse(schedule.expression)
    once = isinstance(expression, cron.At)
    if not once and schedule.start_ms:
        after_ms = max(after_ms, schedule.start_ms - 1)
    found_ms = cron.next_after(expression, after_ms, schedule.zone, anchor_ms=schedule.start_ms or schedule.began_ms)
    if found_ms is not None and not once and schedule.end_ms and found_ms > schedule.end_ms:
        return None
    return found_ms


def first_due_ms(schedule: Schedule, now_ms: int) -> int | None:
    """The first time of a schedule that was made or changed now. Schedules are exact to a minute, so the minute that
    has begun counts for `at`; a rate without a start begins at once."""
    parsed = cron.parse(schedule.expression)
    if isinstance(parsed, cron.At):
        return next_due_ms(schedule, now_ms - MINUTE_MS)
    return next_due_ms(schedule, now_ms - 1 if isinstance(parsed, cron.Rate) else now_ms)


def arm(tx: Transaction, ids: Ids, schedule: Schedule, due_ms: int | None) -> Schedule:
    """Store a schedule and set its timer for `due_ms` (None: there is nothing to wait for); an earlier timer is stale
    from now on. A flexible window is used up at random."""
    schedule = replace(schedule, turn=schedule.turn + 1)
    keys.schedules.put(tx, schedule, *schedule.place)
    if due_ms is not None and schedule.state == ENABLED:
        begin_ms = due_ms + (ids.random.randrange(schedule.window_ms) if schedule.window_ms else 0)
        task = {"task": "fire", "id": schedule.id, "turn": schedule.turn, "due_ms": due_ms}
        tx.emit(own_event(schedule, task), at_ns=begin_ms * _MS)
    return schedule


def own_event(schedule: Schedule, task: dict[str, object]) -> Event:
    """An event of a schedule to itself."""
    return Event(
        target=schedule.arn,
        payload=orjson.dumps(task),
        source=schedule.arn,
        principal=PRINCIPAL,
        account=schedule.account,
        region=schedule.region,
        retry=_TIMER,
    )
