"""ReceiveMessage: what is asked for, looking for it and waiting for it, and how messages are shown.

In a store of one node a look is one transaction. Where other nodes receive too, each shelf has a transaction of its
own; a shelf that another node is at is passed over, and looked at again when nothing else was found.
"""

from __future__ import annotations

from functools import partial
from typing import Any, Final, NamedTuple
from zlib import crc32

from lambent.contracts.ports import Reader, Transaction
from lambent.kit import Context

from . import attempts, measuring, payload, showing
from .books import Desk, stocked
from .errors import OverLimit, bad_value, no_queue
from .keys import queues
from .model import BATCH_MAX, VISIBILITY_S_MAX, Queue
from .service import Place, lock_shelves, place_of, queue_in, try_lock
from .taking import Outcome, Taken, next_visible_ms, take
from .waiting import Look, Waiting

WAIT_S_MAX: Final = 20
LOOKS_MAX: Final = 1000
ALL: Final = -1
BUSY: Final = Outcome([])
"""What is found on a shelf that somebody else is at."""
_NS: Final = 1_000_000_000
_FULL: Final = (
    "The number of inflight messages of the queue has reached its limit; delete messages, or let them become visible "
    "again, before more are received."
)


class Wanted(NamedTuple):
    """What a ReceiveMessage asks for; None: as the queue says."""

    place: Place
    limit: int
    visibility_s: int | None
    wait_s: int | None
    show: showing.Show
    attempt: str


def _wanted(ctx: Context, req: dict[str, Any]) -> Wanted:
    limit = req.get("MaxNumberOfMessages", 1)
    if not 1 <= limit <= BATCH_MAX:
        raise bad_value(limit, "MaxNumberOfMessages", f"Must be between 1 and {BATCH_MAX}, if provided.")
    visibility_s = req.get("VisibilityTimeout")
    if visibility_s is not None and not 0 <= visibility_s <= VISIBILITY_S_MAX:
        raise bad_value(visibility_s, "VisibilityTimeout", f"Must be between 0 and {VISIBILITY_S_MAX}, if provided.")
    wait_s = req.get("WaitTimeSeconds")
    if wait_s is not None and not 0 <= wait_s <= WAIT_S_MAX:
        raise bad_value(wait_s, "WaitTimeSeconds", f"Must be >= 0 and <= {WAIT_S_MAX}, if provided.")
    attempt = req.get("ReceiveRequestAttemptId", "")
    if attempt:
        payload.check_attempt(attempt)
    return Wanted(place_of(ctx, req), limit, visibility_s, wait_s, showing.wanted(req), attempt)


async def receive(ctx: Context, req: dict[str, Any]) -> dict[str, Any]:
    """Answer a ReceiveMessage; returns as soon as there is anything, and at the end of the wait at the latest."""
    queue = queue_in(req)
    wanted = _wanted(ctx, req)
    if wanted.attempt and not queue.fifo:
        reason = "The request include parameter that is not valid for this queue type."
        raise bad_value(wanted.attempt, "ReceiveRequestAttemptId", reason)
    wait_s = queue.wait_s if wanted.wait_s is None else wanted.wait_s
    waiting: Waiting = ctx.cloud.targets["sqs"].waiting  # type: ignore[attr-defined]  # events.SqsTarget
    if not wait_s:
        found = await _look_through(ctx, wanted)
    else:
        deadline_ns = ctx.now_ns + wait_s * _NS
        found = await waiting.poll(queue.topic, deadline_ns, partial(_look, ctx, wanted, waits=True))
    if found is None:
        measuring.note(ctx.cloud.metrics, queue, measuring.EMPTY)
        return {}
    now_queue, taken = found
    measuring.note(ctx.cloud.metrics, queue, measuring.RECEIVED, len(taken))
    waiting.expect(now_queue.topic, min(one.message.visible_ms for one in taken))
    return {"Messages": [showing.show(now_queue, one, wanted.show) for one in taken]}


Found = tuple[Queue, list[Taken]]


async def _look_through(ctx: Context, wanted: Wanted) -> Found | None:
    """Take what there is now, also behind many messages that are too old or dead."""
    for _ in range(LOOKS_MAX):
        found, _, again = await _look(ctx, wanted, waits=False)
        if found is not None or not again:
            return found
    return None


async def _look(ctx: Context, wanted: Wanted, *, waits: bool) -> Look[Found]:
    """Take what there is. `OverLimit` when too many are in flight, but who waits just goes on waiting."""
    store = ctx.cloud.store
    # What becomes visible while this looks may be missed, so it must not count as seen.
    began_ms = ctx.now_ms
    taken: list[Taken] = []
    more = full = False
    if not store.shared:
        queue, outcome = await store.write(partial(_take, ctx, wanted, ALL, wanted.limit, patient=True))
        taken, more, full = outcome
    else:
        queue, numbers = await store.read(lambda tx: _survey(tx, wanted.place))
        start = crc32(ctx.request_id.encode()) % max(len(numbers), 1)
        todo = [(number, False) for number in numbers[start:] + numbers[:start]]
        for number, patient in todo:
            limit = wanted.limit - len(taken)
            queue, outcome = await store.write(partial(_take, ctx, wanted, number, limit, patient=patient))
            if outcome is BUSY:
                todo.append((number, True))
                continue
            taken += outcome.taken
            more |= outcome.more
            full |= outcome.full
            if taken and (len(taken) >= wanted.limit or todo[-1][1]):
                break
    if taken:
        return Look((queue, taken))
    if full and not waits and not queue.fifo:
        raise OverLimit(_FULL)
    if not waits:
        return Look(None, None, more)
    next_ms = await store.read(lambda tx: _next_ms(tx, began_ms, wanted.place))
    return Look(None, next_ms, more)


def _survey(tx: Reader, place: Place) -> tuple[Queue, list[int]]:
    """The queue, and the shelves where it may pay to look."""
    queue = queues.get(tx, *place)
    if queue is None:
        raise no_queue()
    return queue, stocked(tx, queue)


def _next_ms(tx: Reader, began_ms: int, place: Place) -> int | None:
    queue = queues.get(tx, *place)
    return next_visible_ms(tx, queue, began_ms) if queue is not None else None


def _take(
    ctx: Context, wanted: Wanted, number: int, limit: int, tx: Transaction, *, patient: bool
) -> tuple[Queue, Outcome]:
    """Take from one shelf, or from ALL of them, in one transaction. BUSY when somebody else is at the shelf and we are
    not `patient`."""
    busy = False
    if number != ALL:  # before anything is read
        busy = not try_lock(tx, wanted.place, number)
        if busy and patient:
            lock_shelves(tx, wanted.place, (number,))
    queue = queues.get(tx, *wanted.place)
    if queue is None:
        raise no_queue()
    if busy and not patient:
        return queue, BUSY
    desk = Desk(tx, ctx.now_ms)
    visibility_s = queue.visibility_s if wanted.visibility_s is None else wanted.visibility_s
    again = attempts.again(desk, queue, wanted.attempt, visibility_s) if wanted.attempt else []
    if again:
        desk.close()
        return queue, Outcome(again)
    taken: list[Taken] = []
    more = full = False
    for each in range(queue.shelves) if number == ALL else (number,):
        if each >= queue.shelves:
            continue
        outcome = take(desk, queue, each, limit - len(taken), visibility_s)
        taken += outcome.taken
        more |= outcome.more
        full |= outcome.full
        if len(taken) >= limit:
            break
    if wanted.attempt and taken:
        attempts.note(desk, queue, wanted.attempt, taken)
    desk.close()
    return queue, Outcome(taken, more, full)
