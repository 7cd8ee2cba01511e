"""The engine for tests and simulations: a dict and a sorted list of its keys."""

from __future__ import annotations

import asyncio
from bisect import bisect_left, insort
from collections.abc import Callable, Iterable
from pathlib import Path

import msgspec

from lambent.contracts.clock import Clock
from lambent.contracts.ids import Ids
from lambent.contracts.ports import Reader
from lambent.kv.buffer import Rows
from lambent.kv.topics import Topics

from .loop import Frozen, LoopStore, LoopTransaction

CHECKPOINT_FILE = "memory.msgpack"


class MemoryStore(LoopStore):
    """Keeps everything in memory.

    `conflicts` makes it behave like an optimistic engine: it is asked after each run of a write function, with the
    number of earlier attempts, whether to throw the run away and repeat it. `source` is a checkpoint's folder to
    start from. `handle` gives another node's store on the same memory.
    """

    def __init__(
        self, clock: Clock, ids: Ids, *, conflicts: Callable[[int], bool] | None = None, source: str = ""
    ) -> None:
        super().__init__(clock, ids)
        self._conflicts = conflicts
        self._rows: dict[bytes, bytes] = {}
        self._keys: list[bytes] = []
        self._handles: list[MemoryStore] = [self]
        if source:
            self._rows = msgspec.msgpack.decode((Path(source) / CHECKPOINT_FILE).read_bytes(), type=dict[bytes, bytes])
            self._keys = sorted(self._rows)

    def handle(self, clock: Clock | None = None, ids: Ids | None = None) -> MemoryStore:
        """A store of another node that shares this one's rows: own `node`, own listeners and conflicts, a clock and
        ids of its own if given. From here on commits are seen by all handles at once, though still told at the end of
        the turn, as if the answer took time. The rows live as long as a handle does; closing one leaves the others."""
        self._flush()
        other = MemoryStore(clock or self.clock, ids or self.ids, conflicts=self._conflicts)
        other._rows, other._keys, other._handles = self._rows, self._keys, self._handles
        self._handles.append(other)
        self.shared = other.shared = True
        return other

    def die(self) -> None:
        """As if this handle's node were killed: what was committed stays, and nobody here is told of anything any more.
        Tasks that wait for this handle are the caller's to cancel."""
        self._closed = True
        self._listeners, self._topics, self._open = [], Topics(), None
        self._restack()
        self._handles.remove(self)

    def wake(self, topics: Iterable[bytes]) -> None:
        """Call the listeners of `topics` on every handle."""
        for handle in list(self._handles):
            handle._topics.call(topics)

    def _join(self, tx: LoopTransaction) -> asyncio.Future[None]:
        if self.shared:
            # Another handle may read in this very turn, and it does not look through this one's open group.
            self.commit(tx.writes)
            tx.writes.clear()
        return super()._join(tx)

    def valid(self, attempt: int) -> bool:
        """False for the conflicts that a test asked for."""
        return self._conflicts is None or not self._conflicts(attempt)

    def base_get(self, key: bytes) -> bytes | None:
        """The committed value of `key`."""
        return self._rows.get(key)

    def base_scan(self, begin: bytes, end: bytes, limit: int | None, reverse: bool) -> Rows:
        """Committed rows of `begin <= key < end`."""
        first, last = bisect_left(self._keys, begin), bisect_left(self._keys, end)
        if reverse:
            keys = self._keys[max(first, last - limit) if limit is not None else first : last]
            keys.reverse()
        else:
            keys = self._keys[first : last if limit is None else min(last, first + limit)]
        rows = self._rows
        return [(key, rows[key]) for key in keys]

    def base_snapshot(self) -> Reader:
        """A copy of everything."""
        frozen = MemoryStore(self.clock, self.ids)
        frozen._rows, frozen._keys = dict(self._rows), list(self._keys)
        return Frozen(frozen.base_get, frozen.base_scan)

    def commit(self, writes: dict[bytes, bytes | None]) -> asyncio.Future[None] | None:
        """Apply a batch at once."""
        rows, keys = self._rows, self._keys
        for key, value in writes.items():
            if value is not None:
                if key not in rows:
                    insort(keys, key)
                rows[key] = value
            elif rows.pop(key, None) is not None:
                del keys[bisect_left(keys, key)]
        return None

    async def close(self) -> None:
        """Commit what is under way, then refuse everything. May be called twice."""
        await super().close()
        if self in self._handles:
            self._handles.remove(self)

    async def checkpoint(self, path: str) -> None:
        """Write a copy to the new folder `path`; `MemoryStore(..., source=path)` starts from it."""
        await self.settle()
        data = msgspec.msgpack.encode(self._rows)
        await asyncio.to_thread(_write_new, Path(path), data)


def _write_new(folder: Path, data: bytes) -> None:
    folder.mkdir(parents=True)
    (folder / CHECKPOINT_FILE).write_bytes(data)
