"""Blobs in memory, for tests and simulations."""

from __future__ import annotations

from collections.abc import AsyncIterator

from lambent.contracts.clock import Clock, SystemClock
from lambent.contracts.ids import Ids
from lambent.contracts.ports import BlobInfo

from . import names
from .digests import Digests
from .removals import Removals

PIECE_BYTES = 256 * 1024


class MemoryBlobs:
    """Keeps bodies in a dict. `clock` (the machine's, unless given) tells their age and how long a hold lasts."""

    def __init__(self, ids: Ids, *, clock: Clock | None = None) -> None:
        self._ids = ids
        self._clock: Clock = clock or SystemClock()
        self._bodies: dict[str, bytes] = {}
        self._written_ns: dict[str, int] = {}
        self._removals = Removals(self._clock, 0.0, self._remove)

    async def write(self, body: AsyncIterator[bytes], digests: tuple[str, ...] = ()) -> BlobInfo:
        """Store a stream."""
        running = Digests(digests)
        pieces = []
        async for piece in body:
            running.update(piece)
            pieces.append(bytes(piece))
        return self._keep(b"".join(pieces), running)

    async def concat(self, parts: list[tuple[str, int, int]], digests: tuple[str, ...] = ()) -> BlobInfo:
        """Store slices of other blobs as a new one; `KeyError` for an absent blob, `ValueError` for a bad range."""
        running = Digests(digests)
        data = b"".join(self._part(*part) for part in parts)
        running.update(data)
        return self._keep(data, running)

    def slice(self, name: str, offset: int, length: int) -> AsyncIterator[bytes]:
        """A part of a blob, in pieces."""
        return _pieces(self._part(name, offset, length))

    async def read(self, name: str) -> bytes:
        """A whole blob; `KeyError` when there is none."""
        return self._bodies[name]

    async def stream(self, name: str) -> AsyncIterator[bytes]:
        """A whole blob in one piece; `KeyError` when there is none."""
        yield self._bodies[name]

    def release(self, name: str) -> None:
        """Forget `name`, at once unless a hold lasts; streams that are under way go on."""
        if name in self._bodies:
            self._removals.add(name)

    async def collect(self, in_use: names.Named, grace_s: float = names.GRACE_S) -> int:
        """Remove blobs older than `grace_s` seconds that nothing names; returns how many."""
        limit_ns = self._clock.now_ns() - int(grace_s * 1e9)
        listed = [name for name, written_ns in self._written_ns.items() if written_ns <= limit_ns]
        named = await names.asked(in_use)
        lost = [] if self._removals.held else [name for name in listed if name not in named]
        self._remove(lost)
        return len(lost)

    def hold(self, until_ns: int) -> None:
        """Remove nothing before `until_ns` of the clock; 0 ends a hold."""
        self._removals.hold(until_ns)

    async def close(self) -> None:
        """Remove what was released, unless a hold lasts."""
        self._remove(self._removals.finish())

    def _remove(self, gone: list[str]) -> None:
        for name in gone:
            self._bodies.pop(name, None)
            self._written_ns.pop(name, None)

    def _part(self, name: str, offset: int, length: int) -> bytes:
        body = self._bodies[name]
        if offset < 0 or length < 0 or offset + length > len(body):
            raise ValueError(f"bytes {offset} to {offset + length} of {len(body)}")
        return body[offset : offset + length]

    def _keep(self, data: bytes, running: Digests) -> BlobInfo:
        name = names.new(self._ids)
        self._bodies[name] = data
        self._written_ns[name] = self._clock.now_ns()
        return BlobInfo(name=name, length=len(data), digests=running.finish())


async def _pieces(data: bytes) -> AsyncIterator[bytes]:
    for start in range(0, len(data), PIECE_BYTES):
        yield data[start : start + PIECE_BYTES]
