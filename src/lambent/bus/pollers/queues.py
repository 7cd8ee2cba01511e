"""A poller of one queue: one long poll, and as many batches under way as the load asks for and the limits allow.

A message is deleted after the function succeeded, never before. What failed is not touched: it can be received again
when the queue's visibility timeout has passed, and ends in the dead-letter queue by the queue's redrive policy.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable, Coroutine, Sequence
from typing import Any

from lambent.contracts.errors import ServiceError
from lambent.kv.errors import StoreError
from lambent.services.lambda_.mappings.model import CONCURRENCY_MAX
from lambent.services.lambda_.mappings.roles import queue_url
from lambent.services.sqs.model import topic

from .records import Record, event, fitting, message, message_record
from .responses import failed
from .signals import Signal
from .work import Answer, LeaseLost, NotRun, Work

SECOND_NS = 1_000_000_000
CONCURRENCY_FIRST = 5
"""Batches under way at first; with load there are so many more every second (300 a minute), as on AWS."""
MANY = 20
"""With so many batches under way, and more to come, another node may help."""
RECEIVE_MAX = 10
WAIT_S = 20
THROTTLE_PAUSE_S_FIRST = 0.1
THROTTLE_PAUSE_S_MAX = 2.0
CAUTIOUS_NS = 10 * SECOND_NS
"""After a throttle, the next attempt to have more batches under way comes so much later, and adds one."""
PAUSE_S_MAX = 60
ATTRIBUTES_NS = 60 * SECOND_NS
DELETE_PAUSES_S = (0.1, 0.5, 1.0, 2.0, 5.0)

Spawn = Callable[[Coroutine[Any, Any, None]], object]

_log = logging.getLogger("lambent.pollers")


class QueuePoller:
    """Polls a queue until it is stopped, or loses its lease. `spawn` runs a batch in the background; batches go on
    when `run` has returned, for the messages in them are nobody else's."""

    def __init__(self, work: Work, spawn: Spawn) -> None:
        self.work = work
        self.stopping = False
        self.limit = min(CONCURRENCY_FIRST, self._limit_max)
        self.busy = 0
        self.pressed_ns = 0
        """When another node could last have helped: the machine was full, or many batches were under way."""
        self.idle_since_ns = work.now_ns
        self._spawn = spawn
        self._url = queue_url(work.cloud, work.mapping.source)
        self._signal = Signal(work.cloud.clock)
        self._arrived = Signal(work.cloud.clock)
        self._receiving: asyncio.Future[Any] | None = None
        self._carried: list[Record] = []
        self._parked: list[Signal] = []
        self._grow_ns = 0
        self._step = CONCURRENCY_FIRST
        self._quiet_ns = 0
        self._visibility_s = 30
        self._attributes_ns = 0

    @property
    def _limit_max(self) -> int:
        return self.work.mapping.concurrency or CONCURRENCY_MAX

    def stop(self) -> None:
        """Receive no more; `run` returns then."""
        self.stopping = True
        for signal in (self._signal, self._arrived, *self._parked):
            signal.set()
        if self._receiving is not None:
            self._receiving.cancel()

    async def run(self) -> None:
        """Poll; `LeaseLost` ends it at once."""
        end = self.work.cloud.store.listen(topic(self.work.mapping.source), self._arrived.set)
        failures = 0
        try:
            while not self.stopping:
                if not self._room():
                    await self._signal.wait(self._grow_ns if self.limit < self._limit_max else None)
                    continue
                if self._quiet_ns > self.work.now_ns:
                    await self._signal.wait(self._quiet_ns)
                    continue
                try:
                    await self._poll()
                    if failures:
                        await self.work.healthy()
                    failures = 0
                except (ServiceError, StoreError) as error:
                    failures += 1
                    if isinstance(error, ServiceError):
                        await self.work.tell(error.message)
                    self._quiet_ns = self.work.now_ns + min(2 ** (failures - 1), PAUSE_S_MAX) * SECOND_NS
        finally:
            end()

    # -- how many at once ---------------------------------------------------------------------------------------------

    def _room(self) -> bool:
        """Whether one more batch may be under way; raises the limit when it is time to."""
        now_ns = self.work.now_ns
        if self.busy < self.limit:
            return True
        if self._grow_ns + 2 * SECOND_NS <= now_ns:  # there was room for a while
            self._grow_ns = now_ns + SECOND_NS
        if now_ns >= self._grow_ns and self.limit < self._limit_max:
            # Calls that wait for an environment say that this machine is full.
            full = self.work.cloud.compute.load().get("waiting", 0) > 0
            if full or self.limit >= MANY:
                self.pressed_ns = now_ns
            if not full:
                self.limit = min(self.limit + self._step, self._limit_max)
            self._grow_ns = now_ns + SECOND_NS
        return self.busy < self.limit

    def _throttled(self) -> None:
        """A batch more waits for a slot: as many as run now are enough for a while."""
        self.limit = max(1, min(self.limit, self.busy - len(self._parked)))
        self._step = 1
        self._grow_ns = self.work.now_ns + CAUTIOUS_NS

    # -- receiving ----------------------------------------------------------------------------------------------------

    async def _poll(self) -> None:
        await self.work.confirm()
        if self.work.now_ns >= self._attributes_ns:
            await self._look_up()
        records = await self._gather()
        if records:
            self.busy += 1
            self._spawn(self._deliver(records))
        elif not self.busy:
            self.limit, self._step = min(CONCURRENCY_FIRST, self._limit_max), CONCURRENCY_FIRST

    async def _look_up(self) -> None:
        answer = await self._call("GetQueueAttributes", {"AttributeNames": ["VisibilityTimeout"]})
        self._visibility_s = int(answer["Attributes"]["VisibilityTimeout"])
        self._attributes_ns = self.work.now_ns + ATTRIBUTES_NS

    async def _gather(self) -> list[Record]:
        """The next batch: what one receive gives, or what comes within the batching window."""
        mapping = self.work.mapping
        records, self._carried = self._carried, []
        if not records:
            records = await self._receive(min(RECEIVE_MAX, mapping.batch), WAIT_S)
        deadline_ns = self.work.now_ns + mapping.window_s * SECOND_NS if mapping.window_s and records else 0
        while deadline_ns and not self.stopping and len(records) < mapping.batch:
            if fitting(records, len(records)) < len(records):
                break
            over = self.work.now_ns >= deadline_ns
            more = await self._receive(min(RECEIVE_MAX, mapping.batch - len(records)), 0)
            records += more
            if over:
                break
            if not more:
                await self._arrived.wait(deadline_ns)
        count = fitting(records, mapping.batch)
        self._carried = records[count:]
        return records[:count]

    async def _receive(self, count: int, wait_s: int) -> list[Record]:
        """What the function wants of the messages that are there, or come within `wait_s`; the others are deleted."""
        params = {
            "MaxNumberOfMessages": count,
            "WaitTimeSeconds": wait_s,
            "MessageSystemAttributeNames": ["All"],
            "MessageAttributeNames": ["All"],
        }
        answer = await self._interruptible(self._call("ReceiveMessage", params), wait_s)
        wanted: list[Record] = []
        unwanted: list[Record] = []
        mapping = self.work.mapping
        for found in answer.get("Messages", ()):
            shown = message_record(found, mapping.source, mapping.region, bool(mapping.window_s))
            (wanted if self.work.filter.wants(shown, "body") else unwanted).append(message(shown))
        if unwanted:
            await self._delete(unwanted)
        if wanted or unwanted:
            self.idle_since_ns = self.work.now_ns
        return wanted

    async def _interruptible(self, call: Coroutine[Any, Any, dict[str, Any]], wait_s: int) -> dict[str, Any]:
        """A call that `stop` ends early when it only waits."""
        if not wait_s:
            return await call
        receiving = self._receiving = asyncio.ensure_future(call)
        try:
            await asyncio.wait((receiving,))
        finally:
            self._receiving = None
            receiving.cancel()
        return {} if receiving.cancelled() else receiving.result()

    async def _call(self, operation: str, params: dict[str, Any]) -> dict[str, Any]:
        return await self.work.call("sqs", operation, {"QueueUrl": self._url, **params})

    # -- delivering ---------------------------------------------------------------------------------------------------

    async def _deliver(self, records: list[Record]) -> None:
        """Run the function on a batch, and delete what succeeded."""
        try:
            answer = await self._invoke(records)
            if answer is None:
                return
            lost = {record.id for record in records} if answer.error else set()
            if not answer.error and self.work.mapping.reports:
                lost = failed(answer.payload, [record.id for record in records])
            await self._delete([record for record in records if record.id not in lost])
            await self.work.healthy()
        except ServiceError as error:  # what was done cannot be said to the queue: it will come again
            await self._refused(error.message)
        finally:
            self.busy -= 1
            if self._parked:  # its slot is free for one that was throttled
                self._parked[0].set()
            self._signal.set()

    async def _invoke(self, records: list[Record]) -> Answer | None:
        """How the invocation ended; None when the function could not be run before the messages are visible again."""
        until_ns = self.work.now_ns + int(await self._patience_s() * SECOND_NS)
        payload = event(records)
        pause_s = THROTTLE_PAUSE_S_FIRST
        while True:
            try:
                return await self.work.invoke(payload)
            except NotRun as reason:
                passing = reason.passing
                if not passing:
                    await self._refused(str(reason))
            again_ns = self.work.now_ns + int(pause_s * SECOND_NS)
            if self.stopping or again_ns >= until_ns:
                return None
            await self._park(again_ns, passing)
            pause_s = min(pause_s * 2, THROTTLE_PAUSE_S_MAX)

    async def _park(self, until_ns: int, throttled: bool) -> None:
        """Wait until a slot is free, as far as this poller can tell, or `until_ns`."""
        turn = Signal(self.work.cloud.clock)
        self._parked.append(turn)
        try:
            if throttled:
                self._throttled()
            await turn.wait(until_ns)
        finally:
            self._parked.remove(turn)

    async def _patience_s(self) -> float:
        """For how long to try: the function should be done before the messages can be received again. With a timeout
        that leaves no time at all, half of the visibility is what a batch may wait."""
        try:
            timeout_s = (await self.work.runnable()).config.timeout_s
        except ServiceError:
            timeout_s = 0
        return max(self._visibility_s - timeout_s, self._visibility_s / 2)

    async def _refused(self, reason: str) -> None:
        """The function cannot be run at all: receive nothing for a while, for each receive counts."""
        self._quiet_ns = self.work.now_ns + PAUSE_S_MAX * SECOND_NS
        try:
            await self.work.tell(reason)
        except LeaseLost:
            self.stop()

    async def _delete(self, records: Sequence[Record]) -> None:
        """Delete messages, in spite of a store that fails for a while; what is not deleted will come again. Raises
        `ServiceError` when the queue is gone or the role may not."""
        for start in range(0, len(records), RECEIVE_MAX):
            some = records[start : start + RECEIVE_MAX]
            entries = [{"Id": str(place), "ReceiptHandle": record.handle} for place, record in enumerate(some)]
            for pause_s in (*DELETE_PAUSES_S, 0.0):
                try:
                    answer = await self._call("DeleteMessageBatch", {"Entries": entries})
                    if answer.get("Failed"):
                        _log.warning("%s: messages were not deleted: %s", self.work.mapping.arn, answer["Failed"])
                    break
                except StoreError as error:
                    _log.warning("%s: messages are not deleted yet: %s", self.work.mapping.arn, error)
                await Signal(self.work.cloud.clock).wait(self.work.now_ns + int(pause_s * SECOND_NS))
