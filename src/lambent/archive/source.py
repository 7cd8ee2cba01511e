"""A cloud as a stream: one snapshot of its keys, then the blobs that the snapshot names."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, Callable, Iterable
from contextlib import aclosing
from typing import Final

from lambent import __version__
from lambent.contracts.clock import Clock
from lambent.contracts.ids import Ids
from lambent.contracts.ports import Blobs, Reader, Store
from lambent.kv.keys import pack

from .bodies import Bodies
from .bridge import Bridge
from .holding import Holding
from .items import PIECE_BYTES, Count, Head, Item, Items, Page, Restart, Rows
from .names import NameSet
from .tables import travelling

Named = Callable[[Reader], Iterable[str]]
"""Gives the names of all blobs that a snapshot's records name; a name may come more than once."""

_ALIVE: Final = pack(("kv.alive",))
"""A key that nobody writes, so that reading it collides with nothing."""
SCANNED_ROWS_MIN: Final = 16
SCANNED_ROWS_MAX: Final = 512
"""Rows per scan, by their size so far: a scan's rows are in memory at once."""


class Source:
    """A cloud to be copied while it serves. `named` is asked in the snapshot. `skip_missing` passes over blobs that
    are named but not there, and counts them; otherwise the first one is the end (`BackupFailed`)."""

    def __init__(
        self, store: Store, blobs: Blobs, clock: Clock, ids: Ids, named: Named, *, skip_missing: bool = False
    ) -> None:
        self._store = store
        self._blobs = blobs
        self._clock = clock
        self._ids = ids
        self._named = named
        self._skip_missing = skip_missing

    async def items(self) -> Items:
        """The stream. Raises `BackupFailed`, and what store and blobs raise."""
        count = Count()
        engine = "shared" if self._store.shared else "embedded"
        yield [Head(program=__version__, made_ms=self._clock.now_ns() // 1_000_000, engine=engine)]
        async with Holding(self._store, self._blobs, self._clock, self._ids) as holding:
            snapshot = _Snapshot(self._store, self._named)
            async with aclosing(snapshot.pages()) as pages:
                async for page in pages:
                    count.add(page)
                    yield [page]
            bodies = Bodies(self._blobs, skip_missing=self._skip_missing)
            async with aclosing(bodies.read(snapshot.names)) as batches:
                async for batch in batches:
                    for piece in batch:
                        count.add(piece)
                    yield list[Item](batch)
            holding.check()
        yield [count.totals(bodies.missing)]


class _Snapshot:
    """One survey of the store. `names` are the blobs that it names, once `pages` has ended."""

    def __init__(self, store: Store, named: Named) -> None:
        self.names = NameSet()
        self._store = store
        self._named = named
        self._bridge: Bridge[Page | Restart] = Bridge()
        self._runs = 0

    async def pages(self) -> AsyncGenerator[Page | Restart, None]:
        """The pages as the survey finds them. A store that has to run it again begins with a Restart."""
        bridge = self._bridge
        survey = asyncio.ensure_future(self._store.survey(self._walk))
        try:
            while not survey.done():
                await bridge.wait(survey)
                for page in bridge.take():
                    yield page
            for page in bridge.take():
                yield page
            survey.result()
        finally:
            # The thread reads the store, which may be closed next: it has to have ended first.
            bridge.abandon()
            while not survey.done():
                await asyncio.wait((survey,))
            if not survey.cancelled():
                survey.exception()

    def _walk(self, tx: Reader) -> None:
        """In a thread, perhaps more than once: hand over all keys, then note the names."""

        def alive() -> None:
            # A server ends transactions that are silent for long.
            tx.get(_ALIVE)

        if self._runs:
            self._bridge.put(Restart(), alive)
        self._runs += 1
        for rows in _pages(tx):
            self._bridge.put(Page(rows), alive)
        names = NameSet()
        for name in self._named(tx):
            self._bridge.check()
            names.add(name)
        self.names = names


def _pages(tx: Reader) -> Iterable[Rows]:
    """All rows that travel, in pages of about `PIECE_BYTES`."""
    page: Rows = []
    size = 0
    for begin, end in travelling():
        limit = SCANNED_ROWS_MIN
        while rows := tx.scan(begin, end, limit=limit):
            found = sum(len(key) + len(value) for key, value in rows)
            page += rows
            size += found
            if size >= PIECE_BYTES:
                yield page
                page, size = [], 0
            if len(rows) < limit:
                break
            begin = rows[-1][0] + b"\x00"
            fitting = PIECE_BYTES // 2 * len(rows) // max(found, 1)
            limit = max(SCANNED_ROWS_MIN, min(fitting, limit * 2, SCANNED_ROWS_MAX))
    if page:
        yield page
