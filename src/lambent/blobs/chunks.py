"""Blobs in the store itself, in chunks: for clouds of many nodes that have no object store.

A head record per blob says how far it is. Chunks of unfinished blobs are found through their heads, so that nothing
ever walks the chunks, which are all the bytes there are.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from typing import NamedTuple

import msgspec

from lambent.contracts.clock import Clock
from lambent.contracts.ids import Ids
from lambent.contracts.ports import BlobInfo, Reader, Store, Transaction
from lambent.kv.table import Table

from . import names
from .background import Background
from .digests import Digests
from .errors import BlobLost
from .ranges import Readers, check_bytes, check_name, check_part, joined
from .removals import Removals

CHUNK_BYTES = 256 * 1024
INLINE_BYTES_MAX = 64 * 1024
"""Up to this size a thread would cost more than hashing in the loop."""
READ_CHUNKS = 4
"""How many chunks a reader has in memory."""
REMOVED_CHUNKS = 256
"""How many chunks go in one transaction."""
LISTED_HEADS = 1000
RELEASE_DELAY_S = 60.0
"""How long a released blob stays for readers on other nodes, which this one does not know of."""

WRITING, WHOLE, GOING = 0, 1, 2


class HeadRecord(msgspec.Struct, frozen=True):
    """How far a blob is: `chunks` of `chunk_bytes` each (the last may be shorter) are there. `length` is known when it
    is WHOLE; only then is it a blob."""

    state: int
    length: int
    chunks: int
    chunk_bytes: int = CHUNK_BYTES


class ChunkRecord(msgspec.Struct, frozen=True):
    """A piece of a body."""

    data: bytes


class _Sighting(NamedTuple):
    """When a blob that nothing names was first seen as it is."""

    since_ns: int
    head: HeadRecord


heads = Table("kv.blob.head", HeadRecord)
chunks = Table("kv.blob.chunk", ChunkRecord)


class StoreBlobs:
    """Keeps bodies in `store`, in chunks of 256 KiB, each written in a transaction of its own.

    Ages are measured by watching: what nothing names, and has not changed while `clock` went on for the grace, is
    forgotten. So clocks of other nodes play no part.
    """

    def __init__(self, store: Store, clock: Clock, ids: Ids, *, release_delay_s: float = RELEASE_DELAY_S) -> None:
        self._store = store
        self._clock = clock
        self._ids = ids
        self._removals = Removals(clock, release_delay_s, self._remove)
        self._readers = Readers(self._removals.add)
        self._background = Background("a released body stays until the next collection")
        self._sightings: dict[str, _Sighting] = {}

    async def write(self, body: AsyncIterator[bytes], digests: tuple[str, ...] = ()) -> BlobInfo:
        """Store a stream; what went wrong on the way leaves nothing behind. The stream is read on while the chunk
        before is hashed and written. `BlobLost` when the stream was silent for longer than the collector's grace."""
        writing = _Writing(self._store, names.new(self._ids), digests)
        buffer = bytearray()
        try:
            async for piece in body:
                buffer += piece
                while len(buffer) > CHUNK_BYTES:
                    await writing.start(bytes(buffer[:CHUNK_BYTES]))
                    del buffer[:CHUNK_BYTES]
            return await writing.finish(bytes(buffer))
        except BaseException:
            # A task of its own: whoever was cancelled may be cancelled again.
            await asyncio.wait((self._background.spawn(self._abandon(writing)),))
            raise

    async def concat(self, parts: list[tuple[str, int, int]], digests: tuple[str, ...] = ()) -> BlobInfo:
        """Store slices of other blobs as a new one; `KeyError` for an absent blob, `ValueError` for a bad range."""
        for name in {part[0] for part in parts}:
            check_name(name)

        def check(tx: Reader) -> None:
            for name, offset, length in parts:
                check_bytes(offset, length, _head(tx, name).length)

        await self._store.read(check)
        return await self.write(joined([self.slice(*part) for part in parts]), digests)

    def slice(self, name: str, offset: int, length: int) -> AsyncIterator[bytes]:
        """A part of a blob, in pieces. What is wrong with it (`KeyError`, `ValueError`) shows at once or with the
        first piece; `BlobLost` in the middle when another node removes the blob."""
        check_part(name, offset, length)
        return self._pieces(name, offset, length)

    async def read(self, name: str) -> bytes:
        """A whole blob; `KeyError` when there is none."""
        check_name(name)
        return b"".join([piece async for piece in self._pieces(name, 0, None)])

    def stream(self, name: str) -> AsyncIterator[bytes]:
        """A whole blob in pieces, for those who do not know its length; `KeyError` as for `slice`."""
        check_name(name)
        return self._pieces(name, 0, None)

    def release(self, name: str) -> None:
        """Remove `name` a minute from now, or when its last reader on this node is done with it."""
        if names.valid(name):
            self._removals.add(name)

    async def collect(self, in_use: names.Named, grace_s: float = names.GRACE_S) -> int:
        """Remove what nothing names and has not changed for `grace_s` seconds under the eyes of this collector, bodies
        whose writer has died among it. Returns how many."""
        listed = await self._listed()
        named = await names.asked(in_use)
        if self._removals.held:
            return 0
        now_ns = self._clock.now_ns()
        seen: dict[str, _Sighting] = {}
        lost = []
        for name, head in listed:
            if head.state == GOING:  # whoever began to remove it has died, or is still at it; both is fine
                await self._remove_one(name)
            elif name not in named:
                before = self._sightings.get(name)
                sighting = before if before is not None and before.head == head else _Sighting(now_ns, head)
                if now_ns - sighting.since_ns >= grace_s * 1e9:
                    lost.append(name)
                else:
                    seen[name] = sighting
        self._sightings = seen
        for name in lost:
            await self._remove_one(name)
        return len(lost)

    def hold(self, until_ns: int) -> None:
        """Remove nothing before `until_ns` of the clock; 0 ends a hold."""
        self._removals.hold(until_ns)

    async def close(self) -> None:
        """Remove what was released, unless a hold lasts. The store stays open."""
        self._remove(self._removals.finish())
        await self._background.wait()

    async def _pieces(self, name: str, offset: int, length: int | None) -> AsyncIterator[bytes]:
        with self._readers.reading(name):
            head, page = await self._store.read(lambda tx: _first_page(tx, name, offset, length))
            end = head.length if length is None else offset + length
            while offset < end:
                for data in page:
                    at = offset % head.chunk_bytes
                    piece = data[at : at + end - offset]
                    offset += len(piece)
                    yield piece
                if offset < end:
                    start = offset
                    page = await self._store.read(lambda tx, start=start: _page(tx, name, head, start, end))  # type: ignore[misc]

    async def _listed(self) -> list[tuple[str, HeadRecord]]:
        """All heads, page by page: not one snapshot, for which nothing here asks."""
        found: list[tuple[str, HeadRecord]] = []
        after: bytes | None = None
        while True:
            begin = after
            page = await self._store.survey(lambda tx, begin=begin: heads.scan(tx, after=begin, limit=LISTED_HEADS))  # type: ignore[misc]
            found += [(str(heads.parts(key)[0]), head) for key, head in page]
            if len(page) < LISTED_HEADS:
                return found
            after = page[-1][0]

    def _remove(self, gone: list[str]) -> None:
        free = [name for name in gone if not self._readers.defer(name)]
        if free:
            self._background.spawn(self._remove_all(free))

    async def _remove_all(self, gone: list[str]) -> None:
        for name in gone:
            await self._remove_one(name)

    async def _remove_one(self, name: str) -> None:
        while await self._store.write(lambda tx: _remove_page(tx, name)):
            pass

    async def _abandon(self, writing: _Writing) -> None:
        if await writing.ended():
            await self._remove_one(writing.name)


class _Writing:
    """A body on its way into the store: one chunk at a time is hashed and written, while the next arrives."""

    def __init__(self, store: Store, name: str, digests: tuple[str, ...]) -> None:
        self.name = name
        self._store = store
        self._digests = Digests(digests)
        self._job: asyncio.Future[None] | None = None
        self._chunks = 0
        self._length = 0

    async def start(self, data: bytes) -> None:
        """Begin with the next chunk, once the one before is written."""
        await self._settled()
        self._job = asyncio.ensure_future(self._add(data, whole=False))

    async def finish(self, data: bytes) -> BlobInfo:
        """Write the last chunk; with it the blob exists."""
        await self._settled()
        self._job = asyncio.ensure_future(self._add(data, whole=True))
        await self._settled()
        return BlobInfo(name=self.name, length=self._length, digests=self._digests.finish())

    async def ended(self) -> bool:
        """Wait until nothing is under way, whatever became of it. Returns whether anything may have been written."""
        if self._job is not None:
            await asyncio.wait((self._job,))
            if not self._job.cancelled():
                self._job.exception()  # told already, or of no interest any more
        return self._job is not None

    async def _settled(self) -> None:
        # Awaiting the job itself would, when cancelled, end it while its transaction still runs.
        if self._job is not None:
            await asyncio.wait((self._job,))
            self._job.result()

    async def _add(self, data: bytes, whole: bool) -> None:
        hashing = (
            asyncio.to_thread(self._digests.update, data) if self._digests and len(data) > INLINE_BYTES_MAX else None
        )
        if hashing is None:
            self._digests.update(data)
        index = self._chunks
        self._length += len(data)
        self._chunks += 1 if data else 0
        head = HeadRecord(WHOLE if whole else WRITING, self._length, self._chunks)

        def put(tx: Transaction) -> None:
            if index:
                found = heads.get(tx, self.name)
                if found is None or found.state != WRITING or found.chunks != index:
                    raise BlobLost(f"the sender of {self.name} was silent for so long that it was given up")
            if data:
                chunks.put(tx, ChunkRecord(data), self.name, index)
            heads.put(tx, head, self.name)

        written = self._store.write(put)
        await (asyncio.gather(written, hashing) if hashing is not None else written)


def _head(tx: Reader, name: str) -> HeadRecord:
    head = heads.get(tx, name)
    if head is None or head.state != WHOLE:
        raise KeyError(name)
    return head


def _first_page(tx: Reader, name: str, offset: int, length: int | None) -> tuple[HeadRecord, list[bytes]]:
    head = _head(tx, name)
    if length is None:
        length = head.length - offset
    check_bytes(offset, length, head.length)
    return head, _page(tx, name, head, offset, offset + length)


def _page(tx: Reader, name: str, head: HeadRecord, offset: int, end: int) -> list[bytes]:
    """The chunks from the one with byte `offset` on, up to a page, or to byte `end`."""
    if offset == end:
        return []
    first = offset // head.chunk_bytes
    count = min(READ_CHUNKS, (end - 1) // head.chunk_bytes - first + 1)
    after = chunks.key(name, first - 1) if first else None
    found = chunks.scan(tx, name, after=after, limit=count)
    if len(found) < count or chunks.parts(found[0][0])[1] != first:
        raise BlobLost(f"{name} was removed while it was read")
    return [record.data for _, record in found]


def _remove_page(tx: Transaction, name: str) -> bool:
    """Remove chunks from the end, and the head with the last of them; whether there are more."""
    head = heads.get(tx, name)
    if head is None:
        return False
    first = max(0, head.chunks - REMOVED_CHUNKS)
    for index in range(first, head.chunks):
        chunks.delete(tx, name, index)
    if first:
        heads.put(tx, HeadRecord(GOING, head.length, first, head.chunk_bytes), name)
        return True
    heads.delete(tx, name)
    return False
