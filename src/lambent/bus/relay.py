"""The relay: takes events from the outbox to their targets, at least once, and timers when their time has come.

An event that this node emits is delivered as soon as it is committed, without looking for it. Everything else (timers,
retries, events of nodes that died) is claimed when it is due; the relay sleeps until the next one is.
"""

from __future__ import annotations

import asyncio
import logging
from collections import deque
from collections.abc import Callable
from functools import partial
from typing import Literal

import msgspec

from lambent.blobs.errors import BlobsUnreachable
from lambent.contracts.clock import Alarm, sleep_until
from lambent.contracts.events import Delivery, Event, Target, TryAgain, Undeliverable, target_service
from lambent.contracts.ports import Cloud, Reader, Transaction
from lambent.kv import outbox
from lambent.kv.errors import StoreError
from lambent.kv.outbox import Entry

UNDER_WAY_MAX = 1000
"""Deliveries at the same time: Lambda's own concurrency limit, for each may be an invocation."""
CLAIM_BATCH = 64
LOSSES_MAX = 5
"""An event whose lease ran out this often brings its nodes down, and is given up."""
_SECOND_NS = 1_000_000_000
STORE_PAUSES_S = (0.1, 0.2, 0.5, 1, 1, 2, 2, 3, 5, 5, 5, 5)
"""How long to wait for a store that fails, time after time: about a lease in all, then the entry is anybody's."""

_log = logging.getLogger("lambent.bus")


class _Held:
    """A leased entry on its way; `key` moves when the lease is extended, which `extending` is while it goes on."""

    __slots__ = ("alarm", "entry", "extending", "key")

    def __init__(self, key: bytes, entry: Entry) -> None:
        self.key = key
        self.entry = entry
        self.alarm: Alarm | None = None
        self.extending: asyncio.Future[None] | None = None


class Relay:
    """Delivers one node's share of the outbox. `node` is the owner that the store writes into emitted entries;
    `alone` says that the engine has one node, so that everything leased by others is up for taking at start."""

    def __init__(self, cloud: Cloud, node: str, *, alone: bool = True) -> None:
        self._cloud = cloud
        self._node = node
        self._alone = alone
        self._ready: deque[tuple[bytes, Entry | None]] = deque()
        self._under_way = 0
        self._sweeping = False
        self._deep = True
        self._suspect: str | None = None
        self._stopping = False
        self._alarm: Alarm | None = None
        self._alarm_ns = 0
        self._idle: asyncio.Event = asyncio.Event()
        self._idle.set()

    async def start(self) -> None:
        """Begin: take over what dead nodes left, and listen to commits."""
        self._cloud.store.subscribe(self._committed)
        if self._alone:
            batch = CLAIM_BATCH * 16
            while (
                await self._cloud.store.write(
                    lambda tx: outbox.reclaim(tx, self._cloud.clock.now_ns(), self._node, batch)
                )
                >= batch
            ):
                pass
        await self._sweep()

    async def stop(self, timeout_ns: int = 10 * _SECOND_NS) -> None:
        """Start no more deliveries, and wait for those under way; what is left is delivered after the next start."""
        self._stopping = True
        if self._alarm is not None:
            self._alarm.cancel()
        waiting = asyncio.ensure_future(self._idle.wait())
        limit = self._cloud.clock.call_at(self._cloud.clock.now_ns() + timeout_ns, lambda: _cancel(waiting))
        try:
            await waiting
        except asyncio.CancelledError:
            if self._under_way:
                _log.warning("stopped with %d deliveries under way; they are repeated", self._under_way)
        finally:
            limit.cancel()

    async def release(self) -> None:
        """After `stop`, and after what was still under way has been cancelled: leave everything that this node holds to
        the next start, or to another node, without counting it as lost."""
        batch = CLAIM_BATCH * 16
        while (
            await self._cloud.store.write(lambda tx: outbox.release(tx, self._cloud.clock.now_ns(), self._node, batch))
            >= batch
        ):
            pass

    async def settled(self) -> None:
        """Wait until nothing is under way (timers of a later time excepted); for tests and for `down`."""
        await self._idle.wait()

    @property
    def under_way(self) -> int:
        """How many deliveries run at the moment."""
        return self._under_way

    @property
    def ready(self) -> int:
        """How many more are leased to this node and wait for their turn."""
        return len(self._ready)

    def look(self) -> None:
        """Look now for what is due: others may have left something that this node has not heard of."""
        if not self._stopping:
            self._deep = True
            self._due()

    def _committed(self, emitted: list[tuple[bytes, int]]) -> None:
        now_ns = self._cloud.clock.now_ns()
        for key, due_ns in emitted:
            if due_ns <= now_ns:
                self._ready.append((key, None))
            else:
                self._arm(due_ns)
        self._pump()

    def _pump(self) -> None:
        while self._ready and self._under_way < UNDER_WAY_MAX and not self._stopping:
            key, entry = self._ready.popleft()
            self._under_way += 1
            self._idle.clear()
            self._cloud.spawn(self._carry(key, entry))

    def _arm(self, due_ns: int) -> None:
        if self._stopping or (self._alarm is not None and self._alarm_ns <= due_ns):
            return
        if self._alarm is not None:
            self._alarm.cancel()
        self._alarm_ns = due_ns
        self._alarm = self._cloud.clock.call_at(due_ns, self._due)

    def _due(self) -> None:
        if self._alarm is not None:
            self._alarm.cancel()
            self._alarm = None
        if not self._sweeping:
            self._sweeping = True
            self._idle.clear()
            self._cloud.spawn(self._sweep())

    async def _sweep(self) -> None:
        """Claim everything that is due, then sleep until the next entry is."""
        self._sweeping = True
        try:
            next_ns = await self._claim_all()
        except StoreError as error:
            _log.warning("the outbox cannot be looked at: %s", error)
            next_ns = self._cloud.clock.now_ns() + _SECOND_NS
        finally:
            self._sweeping = False
            self._settle()
        if next_ns is not None:
            # A lease of our own that is still being worked on is the head at times: look again after a moment.
            self._arm(max(next_ns, self._cloud.clock.now_ns() + _SECOND_NS // 20))

    async def _claim_all(self) -> int | None:
        """Claim what is due while there is room for it; returns when the next entry is due."""
        store = self._cloud.store
        # On a shared store leases of others are looked at when `look` says so: their ends are times of other clocks.
        leases = not store.shared or self._deep
        self._deep = False
        # A node claims no more than it can deliver at once: the others have hands too.
        while True:
            suspects = self._suspect is None
            next_ns = await store.read(partial(outbox.next_due_ns, leases=leases, suspects=suspects))
            now_ns = self._cloud.clock.now_ns()
            if next_ns is None or next_ns > now_ns or self._stopping or len(self._ready) >= CLAIM_BATCH:
                return next_ns
            claimed = await outbox.claim_due(
                store, now_ns, CLAIM_BATCH, outbox.LEASE_NS, self._node, suspects=int(suspects)
            )
            if not claimed and not (leases and store.shared):  # other nodes were faster
                return next_ns
            leases = not store.shared
            self._ready.extend((found.key, found.entry) for found in claimed)
            for found in claimed:
                if found.entry.losses >= outbox.SUSPECT_LOSSES:
                    self._suspect = found.entry.id
            self._pump()

    def _settle(self) -> None:
        # What is ready when the relay stops is left for the next start.
        if self._under_way == 0 and (self._stopping or not self._ready) and not self._sweeping:
            self._idle.set()

    async def _carry(self, key: bytes, entry: Entry | None) -> None:
        try:
            # Read again: it may have waited for its turn, or this node have been stopped, until others took it over.
            now = await self._cloud.store.read(lambda tx: outbox.load(tx, key))
            if now is not None:
                await self._attempt(_Held(key, now))
        except Exception:
            # The store failed, not the delivery: the entry is due again when its lease ends, so look then.
            _log.exception("an event could not be read or put away")
            self._arm(self._cloud.clock.now_ns() + outbox.LEASE_NS)
        finally:
            self._under_way -= 1
            if entry is not None and entry.id == self._suspect:
                self._suspect = None
                self._arm(self._cloud.clock.now_ns())
            self._pump()
            self._settle()

    async def _attempt(self, held: _Held) -> None:
        entry = held.entry
        if entry.losses >= LOSSES_MAX:
            await self._give_up(held, f"its lease was lost {entry.losses} times")
            return
        delivery = Delivery(id=entry.id, event=entry.event, attempt=entry.attempts + 1, emitted_ns=entry.emitted_ns)
        target = await self._target(held)
        if target is None:
            return
        self._keep(held)
        try:
            await _delivered(target, delivery, held)
        except Undeliverable as refused:
            await self._give_up(held, str(refused))
        except TryAgain as again:
            await self._put_off(held, again)
        except (StoreError, BlobsUnreachable) as error:  # not the target's fault: no attempt is counted
            await self._put_off(held, TryAgain(f"the store failed: {error}", delay_s=1, count=False))
        except Exception:
            _log.exception("delivering %s to %s failed", entry.id, entry.event.target)
            await self._put_off(held, TryAgain("internal failure"))
        else:
            await self._write(lambda tx: outbox.done(tx, held.key))

    async def _target(self, held: _Held) -> Target | None:
        """Who the event is for; None, and the event is given up, when nobody is."""
        address = held.entry.event.target
        try:
            return self._cloud.targets[target_service(address)]
        except (KeyError, ValueError):
            await self._give_up(held, f"Lambent has not built a target for {address}")
            return None

    def _keep(self, held: _Held) -> None:
        """Extend the lease while the delivery is under way: an invocation may take fifteen minutes."""
        at_ns = self._cloud.clock.now_ns() + outbox.LEASE_NS // 2
        held.alarm = self._cloud.clock.call_at(at_ns, lambda: self._begin_extending(held))

    def _begin_extending(self, held: _Held) -> None:
        held.extending = asyncio.ensure_future(self._extend(held))
        self._cloud.spawn(held.extending)

    async def _extend(self, held: _Held) -> None:
        until_ns = self._cloud.clock.now_ns() + outbox.LEASE_NS
        try:
            key = await self._cloud.store.write(lambda tx: outbox.extend(tx, held.key, until_ns))
        except StoreError as error:
            _log.warning("the lease of a delivery under way cannot be extended: %s", error)
            return
        if key is not None:
            held.key = key
            self._keep(held)

    async def _put_off(self, held: _Held, again: TryAgain) -> None:
        entry, retry = held.entry, held.entry.event.retry
        attempts = entry.attempts + (1 if again.count else 0)
        if attempts >= retry.attempts_max:
            await self._give_up(held, f"{attempts} attempts failed: {again.reason}")
            return
        delay_s = again.delay_s
        if delay_s is None:
            delay_s = retry.delays_s[min(max(attempts, 1), len(retry.delays_s)) - 1]
        due_ns = self._cloud.clock.now_ns() + int(delay_s * _SECOND_NS)
        if due_ns - entry.emitted_ns > retry.age_s_max * _SECOND_NS:
            await self._give_up(held, f"too old for another attempt: {again.reason}")
            return
        await self._write(lambda tx: outbox.retry(tx, held.key, entry, due_ns, count=again.count))
        self._arm(due_ns)

    async def _give_up(self, held: _Held, reason: str) -> None:
        event = held.entry.event
        _log.warning("gave up event %s from %s to %s: %s", held.entry.id, event.source, event.target, reason)

        def bury(tx: Transaction) -> None:
            if outbox.done(tx, held.key) and event.dead_letter:
                tx.emit(_dead_letter(event, reason))

        await self._write(bury)

    async def _write(self, fn: Callable[[Transaction], object]) -> None:
        """Put the outcome of a delivery away, in spite of a store that fails for a while: an outcome that is lost is a
        delivery repeated. Whoever lost the lease meanwhile changes nothing, so this may run more often than once."""
        for pause_s in STORE_PAUSES_S:
            try:
                await self._cloud.store.write(fn)
                return
            except StoreError as error:
                if self._stopping:
                    raise
                _log.warning("the outcome of a delivery cannot be put away yet: %s", error)
            await sleep_until(self._cloud.clock, self._cloud.clock.now_ns() + int(pause_s * _SECOND_NS))
        await self._cloud.store.write(fn)


async def _delivered(target: Target, delivery: Delivery, held: _Held) -> None:
    """Deliver; what is done with the entry afterwards must find it under a key that no extension moves."""
    try:
        await target.deliver(delivery)
    finally:
        if held.extending is not None and not held.extending.done():
            await asyncio.wait((held.extending,))
        if held.alarm is not None:
            held.alarm.cancel()


def _cancel(waiting: asyncio.Future[Literal[True]]) -> None:
    waiting.cancel()


def _dead_letter(event: Event, reason: str) -> Event:
    attributes = {**event.attributes, "ErrorMessage": reason, "OriginalTarget": event.target}
    return msgspec.structs.replace(event, target=event.dead_letter, dead_letter="", attributes=attributes)


def waiting(tx: Reader) -> int:
    """How many events are in the outbox, under way or waiting."""
    return len(outbox.pending(tx))
