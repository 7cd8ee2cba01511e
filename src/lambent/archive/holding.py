"""While somebody reads all blobs, nothing removes one: on this node, and on all others that share the store."""

from __future__ import annotations

import asyncio
import contextlib
import logging
from types import TracebackType
from typing import Final

from lambent.contracts.clock import Clock, sleep_until
from lambent.contracts.ids import Ids
from lambent.contracts.ports import Blobs, Store
from lambent.kv import hold, nodes
from lambent.kv.errors import StoreError

from .errors import BackupFailed

_SECOND_NS: Final = 1_000_000_000
RENEWAL_NS: Final = 30 * _SECOND_NS
LENGTH_NS: Final = 120 * _SECOND_NS
"""How far ahead the hold of an embedded node ends. It is left to run out, for another copy may rest on it too."""
_LOOK_NS: Final = _SECOND_NS // 4
SILENCE_NS: Final = 12 * _SECOND_NS
"""A node whose beat stands still for so long has been taken for dead by the others."""

_log = logging.getLogger("lambent.archive")


class Holding:
    """A context: inside it, every blob that is there stays. Entering takes about two beats of the other nodes."""

    def __init__(self, store: Store, blobs: Blobs, clock: Clock, ids: Ids) -> None:
        self._store = store
        self._blobs = blobs
        self._clock = clock
        self._holder = ids.request_id()
        self._length_ns = hold.LENGTH_NS if store.shared else LENGTH_NS
        self._until_ns = 0
        self._lapsed = False
        self._renewing: asyncio.Task[None] | None = None

    async def __aenter__(self) -> Holding:
        await self._renew()
        self._renewing = asyncio.create_task(self._go_on())
        try:
            if self._store.shared:
                await self._heard()
        except BaseException:
            await self.__aexit__(None, None, None)
            raise
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        assert self._renewing is not None
        self._renewing.cancel()
        await asyncio.wait((self._renewing,))
        if self._store.shared:
            with contextlib.suppress(StoreError):  # it then runs out by itself
                await self._store.write(lambda tx: hold.end(tx, self._holder))

    def check(self) -> None:
        """`BackupFailed` when the hold could not be renewed in time, so that blobs may have gone."""
        if self._lapsed or self._clock.now_ns() >= self._until_ns:
            raise BackupFailed("the hold on the blobs ran out, for the store did not answer; try again")

    async def _renew(self) -> None:
        now_ns = self._clock.now_ns()
        until_ns = now_ns + self._length_ns
        # Remembered, for what went in the gap does not come back with the next hold.
        self._lapsed |= 0 < self._until_ns <= now_ns
        if self._store.shared:
            await self._store.write(lambda tx: hold.put(tx, self._holder, now_ns, until_ns))
        self._blobs.hold(until_ns)
        self._until_ns = until_ns

    async def _go_on(self) -> None:
        while True:
            await sleep_until(self._clock, self._clock.now_ns() + RENEWAL_NS)
            try:
                await self._renew()
            except StoreError as error:
                _log.warning("the hold on the blobs was not renewed: %s", error)

    async def _heard(self) -> None:
        """Wait until every other node has read the record. A node reads it in each beat, after it has changed its own
        record, so the second change that is seen here proves it."""
        waiting = {node.id: node.beat for node in await self._store.read(nodes.everyone)}
        changed_ns = dict.fromkeys(waiting, self._clock.now_ns())
        last = dict(waiting)
        while waiting:
            await sleep_until(self._clock, self._clock.now_ns() + _LOOK_NS)
            now_ns = self._clock.now_ns()
            beats = {node.id: node.beat for node in await self._store.read(nodes.everyone)}
            for id, beat in list(waiting.items()):
                found = beats.get(id)
                if found is not None and found != last[id]:
                    last[id], changed_ns[id] = found, now_ns
                if found is None or found >= beat + 2 or now_ns - changed_ns[id] >= SILENCE_NS:
                    del waiting[id]
