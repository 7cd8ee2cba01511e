"""Blobs in memory, for tests and simulations."""

from __future__ import annotations

from collections.abc import AsyncIterator

from lambent.contracts.ids import Ids
from lambent.contracts.ports import BlobInfo

from . import names
from .digests import Digests

PIECE_BYTES = 256 * 1024


class MemoryBlobs:
    """Keeps bodies in a dict."""

    def __init__(self, ids: Ids) -> None:
        self._ids = ids
        self._bodies: dict[str, bytes] = {}

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

    def release(self, name: str) -> None:
        """Forget `name`; streams that are under way go on."""
        self._bodies.pop(name, None)

    async def collect(self, named: names.Named, grace_s: float = 0.0) -> int:
        """Remove every blob that nothing names; returns how many. Blobs here have no age: any grace above 0 spares
        all of them."""
        listed = [] if grace_s > 0 else list(self._bodies)
        in_use = await names.in_use(named)
        lost = [name for name in listed if name not in in_use]
        for name in lost:
            self._bodies.pop(name, None)
        return len(lost)

    async def close(self) -> None:
        """Nothing to release."""

    def _part(self, name: str, offset: int, length: int) -> bytes:
        body = self._bodies[name]
        if offset < 0 or length < 0 or offset + length > len(body):
            raise ValueError(f"bytes {offset} to {offset + length} of {len(body)}")
        return body[offset : offset + length]

    def _keep(self, data: bytes, running: Digests) -> BlobInfo:
        name = names.new(self._ids)
        self._bodies[name] = data
        return BlobInfo(name=name, length=len(data), digests=running.finish())


async def _pieces(data: bytes) -> AsyncIterator[bytes]:
    for start in range(0, len(data), PIECE_BYTES):
        yield data[start : start + PIECE_BYTES]
