"""A stream becomes a cloud: keys and bodies go into an empty store and blob store, which are usable only afterwards."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import AsyncIterator, Coroutine
from contextlib import aclosing
from functools import partial
from typing import Any, Final

from lambent.blobs.errors import BlobsError
from lambent.contracts.clock import Clock
from lambent.contracts.ports import Blobs, Store, Transaction
from lambent.kv import arriving
from lambent.kv.errors import StoreError

from .errors import ArchiveError, NotEmpty
from .items import Count, Items, Page, Piece, Restart, Rows, Totals
from .names import GivenNames, NameSet
from .tables import BODIES, occupied, table_range, travelling

AT_ONCE: Final = 6
"""Pages and blobs that are written at the same time."""
WIPED_ROWS: Final = 500

_log = logging.getLogger("lambent.archive")


async def refuse_occupied(store: Store) -> None:
    """`NotEmpty` unless `store` is as good as new; writes nothing."""
    if await store.read(arriving.unfinished):
        raise NotEmpty("a restore is under way there, or one broke off; use an empty store")
    if await store.read(occupied):
        raise NotEmpty("the store is not empty; a cloud is restored into an empty one only")


class Target:
    """Where a cloud arrives. `blobs` draws its names from `GivenNames`. `clears` says whether what had arrived is to be
    removed after a failure; a folder that is thrown away needs none of it."""

    def __init__(self, store: Store, blobs: Blobs, clock: Clock, *, clears: bool = True) -> None:
        self._store = store
        self._blobs = blobs
        self._clock = clock
        self._clears = clears
        self._crew = _Crew()
        self._written = NameSet()
        self._body: asyncio.Queue[bytes | None] | None = None

    async def fill(self, items: Items) -> Totals:
        """Take in a whole stream; what it held. When it breaks off or anything fails, the error is raised, and what
        arrived is removed as far as the store still answers. `NotEmpty` when the store was not as good as new."""
        await self._store.write(self._begin)
        try:
            totals = await self._take(items)
        except BaseException:
            await self._crew.dismiss()
            if self._clears:
                await asyncio.shield(self._undo())
            raise
        await self._store.write(arriving.end)
        return totals

    def _begin(self, tx: Transaction) -> None:
        # Looked at again in the transaction: of two restores at once, one finds the other's record.
        if arriving.unfinished(tx) or occupied(tx):
            raise NotEmpty("the store is not empty; a cloud is restored into an empty one only")
        arriving.begin(tx, self._clock.now_ns() // 1_000_000)

    async def _take(self, items: Items) -> Totals:
        count = Count()
        totals: Totals | None = None
        async with aclosing(items):
            async for batch in items:
                for item in batch:
                    count.add(item)
                    if isinstance(item, Page):
                        await self._crew.start(self._store.write(partial(_put, item.rows)))
                    elif isinstance(item, Piece):
                        await self._piece(item)
                    elif isinstance(item, Restart):
                        await self._crew.finish()
                        await self._wipe()
                    elif isinstance(item, Totals):
                        totals = item
        await self._crew.finish()
        if totals is None or count.totals(totals.missing) != totals:
            raise ArchiveError("the stream ended before it was complete")
        return totals

    async def _piece(self, piece: Piece) -> None:
        """A body in one piece is written beside others; a longer one is written as its pieces come."""
        if self._body is None:
            if piece.last:
                await self._crew.start(self._write(piece.name, _one(piece.data)))
                return
            self._body = asyncio.Queue(1)
            await self._crew.start(self._write(piece.name, _queued(self._body)))
        await self._crew.put(self._body, piece.data)
        if piece.last:
            await self._crew.put(self._body, None)
            self._body = None

    async def _write(self, name: str, body: AsyncIterator[bytes]) -> None:
        GivenNames.give(name)  # in this task only
        self._written.add(name)
        info = await self._blobs.write(body)
        if info.name != name:
            raise ArchiveError(f"the blob {name} arrived as {info.name}; this blob store cannot be restored into")

    async def _undo(self) -> None:
        # What goes wrong here is not what the caller has to hear of: the record stays, and nobody uses the store.
        try:
            for name in self._written:
                self._blobs.release(name)
            await self._wipe()
            await self._store.write(arriving.end)
        except (StoreError, BlobsError, OSError) as error:
            _log.warning("what had arrived could not be removed: %s", error)

    async def _wipe(self) -> None:
        """Remove every key; bodies in the store are keys too."""
        for begin, end in (*travelling(), *map(table_range, BODIES)):
            while await self._store.write(partial(_remove, begin, end)) == WIPED_ROWS:
                pass


def _put(rows: Rows, tx: Transaction) -> None:
    for key, value in rows:
        tx.put(key, value)


def _remove(begin: bytes, end: bytes, tx: Transaction) -> int:
    rows = tx.scan(begin, end, limit=WIPED_ROWS)
    for key, _ in rows:
        tx.delete(key)
    return len(rows)


async def _one(data: bytes) -> AsyncIterator[bytes]:
    yield data


async def _queued(queue: asyncio.Queue[bytes | None]) -> AsyncIterator[bytes]:
    while (data := await queue.get()) is not None:
        yield data


class _Crew:
    """Up to `AT_ONCE` tasks; the first failure ends all."""

    def __init__(self) -> None:
        self._tasks: set[asyncio.Task[Any]] = set()

    async def start(self, work: Coroutine[Any, Any, Any]) -> None:
        """Start `work` as soon as there is a hand free; raises what an earlier task raised."""
        try:
            while len(self._tasks) >= AT_ONCE:
                await self._some()
        except BaseException:
            work.close()
            raise
        self._tasks.add(asyncio.create_task(work))

    async def put(self, queue: asyncio.Queue[bytes | None], data: bytes | None) -> None:
        """Put into a queue that one of the tasks reads; raises when that one cannot go on."""
        putting = asyncio.ensure_future(queue.put(data))
        try:
            while not putting.done():
                await self._some(putting)
        finally:
            putting.cancel()

    async def finish(self) -> None:
        """Wait for all."""
        while self._tasks:
            await self._some()

    async def dismiss(self) -> None:
        """End all, whatever they do."""
        for task in self._tasks:
            task.cancel()
        if self._tasks:
            await asyncio.wait(self._tasks)
        self._tasks.clear()

    async def _some(self, other: asyncio.Future[None] | None = None) -> None:
        waited = {*self._tasks, *([other] if other is not None else [])}
        done, _ = await asyncio.wait(waited, return_when=asyncio.FIRST_COMPLETED)
        self._tasks -= done
        for task in done:
            task.result()
