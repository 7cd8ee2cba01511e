"""A node's store: a handle on the shared memory, with the time that a network takes and the faults that it has."""

from __future__ import annotations

import asyncio
import random
from collections.abc import Callable
from typing import Any, TypeVar

from lambent.contracts.clock import Clock
from lambent.contracts.ids import Ids
from lambent.contracts.ports import Reader, Transaction
from lambent.kv.engines.loop import LoopTransaction
from lambent.kv.engines.memory import MemoryStore
from lambent.kv.errors import StoreError, TooManyConflicts, WriteFailed

from .loop import pause

T = TypeVar("T")


class CommitUnknown(StoreError):
    """The connection was lost during a commit: it is there, or it is not."""


class Weather:
    """How bad the store's network is. Shares are between 0 and 1; delays in seconds."""

    def __init__(self) -> None:
        self.delay_s_max = 0.0
        self.conflict_share = 0.0
        self.failure_share = 0.0
        """Of writes: lost to conflicts, refused, or (on a shared store) of unknown outcome."""
        self.read_failure_share = 0.0
        self.blob_failure_share = 0.0
        self.strike_share = 0.0
        """Of writes: around whose commit the node is killed."""

    def clear(self) -> None:
        """No more faults."""
        self.conflict_share = self.failure_share = self.read_failure_share = self.strike_share = 0.0
        self.blob_failure_share = 0.0


class NodeStore:
    """Implements `contracts.ports.Store` for one node over one handle of the memory engine.

    A write is there at one moment; its answer comes later. Between the two the node can be killed, and then nobody was
    told.
    """

    def __init__(self, inner: MemoryStore, chance: random.Random, weather: Weather, strike: Callable[[], None]) -> None:
        self.inner = inner
        self._strike = strike
        self.clock: Clock = inner.clock
        self.ids: Ids = inner.ids
        self._chance = chance
        self._weather = weather
        self.node = inner.node
        inner._conflicts = self._conflict

    @property
    def shared(self) -> bool:
        """Whether other nodes have handles on the same memory."""
        return self.inner.shared

    def _conflict(self, attempt: int) -> bool:
        share = self._weather.conflict_share
        return share > 0 and attempt < 20 and self._chance.random() < share

    async def _wait(self) -> None:
        longest = self._weather.delay_s_max
        if longest and self._chance.random() < 0.8:
            await pause(self._chance.random() ** 3 * longest)

    async def read(self, fn: Callable[[Reader], T]) -> T:
        """See `contracts.ports.Store`."""
        await self._wait()
        if self._chance.random() < self._weather.read_failure_share:
            raise StoreError("the connection was lost")
        return await self.inner.read(fn)

    async def survey(self, fn: Callable[[Reader], T]) -> T:
        """See `contracts.ports.Store`."""
        await self._wait()
        return await self.inner.survey(fn)

    async def write(self, fn: Callable[[Transaction], T]) -> T:
        """See `contracts.ports.Store`."""
        await self._wait()
        if self._chance.random() < self._weather.failure_share:
            result: T = await self._fail(fn)
            return result
        if self._chance.random() < self._weather.strike_share:
            self._strike()
        result = await self.inner.write(fn)
        await self._wait()
        return result

    async def _fail(self, fn: Callable[[Transaction], Any]) -> Any:
        # An embedded engine always knows what has become of a commit.
        kind = self._chance.randrange(4 if self.shared else 2)
        if kind == 0:
            raise TooManyConflicts("lost 64 attempts")
        if kind == 1:
            raise WriteFailed("the store could not commit")
        if kind == 2:

            def unheard(tx: Transaction) -> None:
                fn(tx)
                # Nobody is told of a commit whose outcome is not known, whatever it was.
                assert isinstance(tx, LoopTransaction)
                tx.callbacks = tx.added = tx.woken = None

            await self.inner.write(unheard)
            await self._wait()
        raise CommitUnknown("the connection was lost during a commit")

    def subscribe(self, fn: Callable[[list[tuple[bytes, int]]], None]) -> None:
        """See `contracts.ports.Store`."""
        self.inner.subscribe(fn)

    def listen(self, topic: bytes, fn: Callable[[], None]) -> Callable[[], None]:
        """See `contracts.ports.Store`."""
        return self.inner.listen(topic, fn)

    async def checkpoint(self, path: str) -> None:
        """See `contracts.ports.Store`."""
        await self.inner.checkpoint(path)

    async def close(self) -> None:
        """See `contracts.ports.Store`."""
        await self.inner.close()


class _LoneStore(MemoryStore):
    """The engine of one node alone, whose commits take time (as a disk's do) and fail at times. In half of the lives of
    a node they are there at once, which is what the memory does by itself."""

    def __init__(self, clock: Clock, ids: Ids, chance: random.Random, weather: Weather) -> None:
        super().__init__(clock, ids)
        self._chance = chance
        self._weather = weather
        self._slow = chance.random() < 0.5
        self._landing: asyncio.Future[None] | None = None

    def commit(self, writes: dict[bytes, bytes | None]) -> asyncio.Future[None] | None:
        """Apply a batch, now or after a while, or not at all."""
        fails = self._chance.random() < self._weather.failure_share
        if not self._slow:
            if fails:
                raise OSError("the disk is full")
            return super().commit(writes)
        landed = asyncio.get_running_loop().create_future()
        self._landing = asyncio.ensure_future(self._land(writes, landed, fails))
        return landed

    async def _land(self, writes: dict[bytes, bytes | None], landed: asyncio.Future[None], fails: bool) -> None:
        await pause(self._chance.random() * self._weather.delay_s_max)
        if fails:
            landed.set_exception(OSError("the disk is full"))
            return
        super().commit(writes)
        # Killed here, the node has committed what it never acknowledged.
        await pause(self._chance.random() * self._weather.delay_s_max)
        landed.set_result(None)


class Memory:
    """What survives every node: the rows. `open` gives a node its store."""

    def __init__(self, clock: Clock, ids: Ids, shared: bool, chance: random.Random, weather: Weather) -> None:
        self._anchor = MemoryStore(clock, ids)
        self._shared = shared
        self._chance = chance
        self._weather = weather

    def open(self, clock: Clock, ids: Ids) -> MemoryStore:
        """A handle for a node. Of an engine that is not shared there is one at a time, which gathers the writes of a
        turn."""
        if self._shared:
            return self._anchor.handle(clock, ids)
        store = _LoneStore(clock, ids, self._chance, self._weather)
        store._rows, store._keys = self._anchor._rows, self._anchor._keys
        return store

    def close(self, store: MemoryStore) -> None:
        """The node of `store` was killed."""
        store.die()

    def look(self, fn: Callable[[Reader], T]) -> T:
        """Read what is committed, from outside of all nodes."""
        anchor = self._anchor
        return fn(_Committed(anchor))


class _Committed:
    def __init__(self, store: MemoryStore) -> None:
        self._store = store

    def get(self, key: bytes) -> bytes | None:
        return self._store.base_get(key)

    def scan(
        self, begin: bytes, end: bytes, *, limit: int | None = None, reverse: bool = False
    ) -> list[tuple[bytes, bytes]]:
        return [] if begin >= end else self._store.base_scan(begin, end, limit, reverse)
