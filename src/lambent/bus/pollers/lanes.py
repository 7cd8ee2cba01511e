"""One lane of a shard: batches of records, one after the other, each until it succeeds or is given up.

With a parallelization factor a shard has several lanes; an item's records always take the same one, so they stay in
order.
"""

from __future__ import annotations

import asyncio
import logging
from collections import deque
from collections.abc import Callable
from itertools import islice
from typing import NamedTuple, Protocol

from lambent.contracts.clock import sleep_until
from lambent.contracts.errors import ServiceError
from lambent.contracts.events import Event
from lambent.contracts.ports import Transaction
from lambent.kv.errors import StoreError
from lambent.services.lambda_.mappings.keys import note_result
from lambent.services.lambda_.mappings.model import DONE

from . import keys
from .failures import EXHAUSTED, TOO_OLD, Failure
from .progress import Progress
from .records import Record, event, fitting
from .responses import first_failed
from .signals import Signal
from .windows import Window, next_state, window_of, windowed_event
from .work import Answer, NotRun, Work

SECOND_NS = 1_000_000_000
RETENTION_MS = 86_400_000
"""A stream keeps its records for a day: who is older is gone, whatever the mapping says."""
RETRY_S_FIRST = 0.5
RETRY_S_MAX = 30.0
STORE_PAUSE_NS = SECOND_NS // 2

_log = logging.getLogger("lambent.pollers")


class _Batch(NamedTuple):
    """Records that are invoked together; after how many failed invocations, and how often the function did not run."""

    records: list[Record]
    attempts: int = 0
    refused: int = 0

    @property
    def pause_s(self) -> float:
        """How long to wait before the next invocation."""
        failures = self.attempts + self.refused
        return min(RETRY_S_FIRST * 2 ** min(failures - 1, 10), RETRY_S_MAX) if failures else 0.0


class Shard(Protocol):
    """What lanes have in common."""

    name: str
    work: Work
    progress: Progress
    stopping: bool
    putting: asyncio.Lock

    def advanced(self) -> None:
        """Records are done: there is room for more."""
        ...


class Lane:
    """A lane by its number; `run` ends when the shard stops."""

    def __init__(self, shard: Shard, number: int) -> None:
        self._shard = shard
        self._work = shard.work
        self._number = number
        self._queue: deque[Record] = deque()
        self._signal = Signal(shard.work.cloud.clock)
        kept = shard.progress.lane(number)
        length_s = self._work.mapping.tumbling_s
        self._window = Window(kept.window_s, length_s, kept.state) if kept.window_s and length_s else None

    def add(self, record: Record) -> None:
        """One record more."""
        self._queue.append(record)
        self._signal.set()

    def wake(self) -> None:
        """Look whether the shard stops."""
        self._signal.set()

    async def run(self) -> None:
        """Work until the shard stops."""
        while not self._shard.stopping:
            records = await self._gather()
            if records:
                await self._process(_Batch(records))
            elif self._window is not None and not self._shard.stopping:
                await self._end_window()

    # -- gathering ----------------------------------------------------------------------------------------------------

    async def _gather(self) -> list[Record]:
        """The next batch; nothing when the open window is over, or the shard stops."""
        mapping = self._work.mapping
        deadline_ns = 0
        while not self._shard.stopping:
            if not self._queue:
                if self._window is not None and self._window.end_ms * 1_000_000 <= self._work.now_ns:
                    return []
                await self._signal.wait(None if self._window is None else self._window.end_ms * 1_000_000)
                continue
            deadline_ns = deadline_ns or self._work.now_ns + mapping.window_s * SECOND_NS
            if self._window is not None and self._beyond(self._window, self._queue[0]):
                return []
            ready = list(islice(self._queue, mapping.batch))
            count = self._fitting(ready)
            whole = count >= mapping.batch or count < len(ready)
            if whole or self._work.now_ns >= deadline_ns:
                return [self._queue.popleft() for _ in range(count)]
            await self._signal.wait(deadline_ns)
        return []

    def _fitting(self, ready: list[Record]) -> int:
        """How many records of `ready` go into one batch."""
        length_s = self._work.mapping.tumbling_s
        if not length_s:
            return fitting(ready, len(ready))
        window = self._window or window_of(ready[0], length_s)
        same = next((place for place, record in enumerate(ready) if self._beyond(window, record)), len(ready))
        return fitting(ready, same, len(window.state))

    @staticmethod
    def _beyond(window: Window, record: Record) -> bool:
        """Whether a record belongs to a later window. A latecomer is counted in the window that is open."""
        return record.at_ms >= window.end_ms

    # -- processing ---------------------------------------------------------------------------------------------------

    async def _process(self, first: _Batch) -> None:
        """Invoke until every record is done; what a stop leaves is read again by the next poller."""
        left = [first]
        while left and not self._shard.stopping:
            batch = left.pop()
            await self._pause(batch.pause_s)
            if not self._shard.stopping:
                left.extend(reversed(await self._attempt(batch)))

    async def _pause(self, pause_s: float) -> None:
        until_ns = self._work.now_ns + int(pause_s * SECOND_NS)
        while self._work.now_ns < until_ns and not self._shard.stopping:
            await self._signal.wait(until_ns)

    async def _attempt(self, batch: _Batch) -> list[_Batch]:
        """One invocation; returns what is left of the batch, in order."""
        old = sum(1 for record in batch.records if self._expired(record))
        if old:
            await self._give_up(batch.records[:old], TOO_OLD, batch.attempts, None)
            batch = batch._replace(records=batch.records[old:])
            if not batch.records:
                return []
        await self._work.confirm()
        try:
            answer = await self._work.invoke(self._event(batch.records))
        except NotRun as reason:
            if not reason.passing:
                await self._work.tell(str(reason))
            return [batch._replace(refused=batch.refused + 1)]
        if answer.error:
            return await self._failed(batch, answer)
        done = len(batch.records)
        if self._work.mapping.reports:
            done = first_failed(answer.payload, [record.id for record in batch.records])
        if done:
            self._keep_state(batch.records, answer)
            await self._finish(batch.records[:done])
        if done == len(batch.records):
            return []
        return await self._failed(batch._replace(records=batch.records[done:]), answer)

    def _event(self, records: list[Record]) -> bytes:
        length_s = self._work.mapping.tumbling_s
        if not length_s:
            return event(records)
        if self._window is None:
            self._window = window_of(records[0], length_s)
        source = self._work.mapping.source
        return windowed_event(self._window, records, self._shard.name, source, final=False)

    def _keep_state(self, records: list[Record], answer: Answer) -> None:
        if self._window is not None:
            self._window = self._window._replace(state=next_state(answer))
            self._shard.progress.window(self._number, self._window.start_s, self._window.state)

    def _expired(self, record: Record) -> bool:
        age_s = self._work.mapping.age_s
        limit_ms = RETENTION_MS if age_s == -1 else min(age_s * 1000, RETENTION_MS)
        return self._work.now_ns // 1_000_000 - record.at_ms > limit_ms

    async def _failed(self, batch: _Batch, answer: Answer) -> list[_Batch]:
        """What is left of a batch of which no record succeeded."""
        mapping = self._work.mapping
        await self._work.tell("Function call failed")
        if answer.error and mapping.bisect and len(batch.records) > 1:
            # Splitting is no attempt, so that a single bad record has all of them.
            middle = len(batch.records) // 2
            return [batch._replace(records=batch.records[:middle]), batch._replace(records=batch.records[middle:])]
        attempts = batch.attempts + 1
        if mapping.retries != -1 and attempts > mapping.retries:
            await self._give_up(batch.records, EXHAUSTED, attempts, answer)
            return []
        return [batch._replace(attempts=attempts)]

    async def _end_window(self) -> None:
        """Tell the function that a window is over, with what it came to; until it succeeds or the attempts are used
        up. A window whose state is too large ends early."""
        assert self._window is not None
        window, mapping = self._window, self._work.mapping
        batch = _Batch([])
        payload = windowed_event(window, [], self._shard.name, mapping.source, final=True)
        while not self._shard.stopping:
            await self._work.confirm()
            try:
                answer = await self._work.invoke(payload)
                if not answer.error or (mapping.retries != -1 and batch.attempts >= mapping.retries):
                    break
                batch = batch._replace(attempts=batch.attempts + 1)
            except NotRun:
                batch = batch._replace(refused=batch.refused + 1)
            await self._pause(batch.pause_s)
        else:
            return
        self._window = None
        self._shard.progress.window(self._number, 0, "")
        await self._put_away()

    # -- putting away -------------------------------------------------------------------------------------------------

    async def _give_up(self, records: list[Record], condition: str, attempts: int, answer: Answer | None) -> None:
        """Go on without these records, and tell the on-failure destination: an event leaves in the same transaction."""
        told: Event | None = None
        try:
            told = await Failure(self._work, self._shard.name, records, condition, attempts, answer).send()
        except ServiceError as error:
            _log.warning("%s cannot reach its destination: %s", self._work.mapping.arn, error.message)
        await self._finish(records, told)

    async def _finish(self, records: list[Record], told: Event | None = None) -> None:
        self._shard.progress.finish(self._number, [record.id for record in records])
        await self._put_away(told)
        self._shard.advanced()
        if self._window is not None and self._window.too_large:
            await self._end_window()

    async def _put_away(self, told: Event | None = None) -> None:
        await put_away(self._shard, told)
        if told is None:
            self._work.well()


async def put_away(shard: Shard, told: Event | None = None) -> None:
    """Keep how far a shard is, and emit `told` with it. One at a time, so that the last word is the newest; what is
    kept is made here, on the event loop, for the transaction may run in another thread."""
    mapping = shard.work.mapping
    async with shard.putting:
        position = shard.progress.position()

        def put(tx: Transaction) -> None:
            keys.positions.put(tx, position, mapping.id, shard.name)
            if told is not None:
                tx.emit(told)
            else:
                note_result(tx, mapping, DONE)

        await persist(shard.work, put)


async def persist(work: Work, fn: Callable[[Transaction], None]) -> None:
    """Put the outcome of an invocation away in spite of a store that fails for a while; one that is lost is an
    invocation repeated. `LeaseLost` when another node has taken over meanwhile."""
    while True:
        try:
            await work.commit(fn)
            return
        except StoreError as error:
            _log.warning("the position of %s cannot be put away yet: %s", work.mapping.arn, error)
        await sleep_until(work.cloud.clock, work.now_ns + STORE_PAUSE_NS)
