"""Digests of a stream: small bodies in the loop, larger ones by the megabyte in a thread."""

from __future__ import annotations

import asyncio

from .digests import Digests

INLINE_BYTES_MAX = 64 * 1024
"""Up to this size a thread would cost more than the work in the loop."""
CHUNK_BYTES = 1024 * 1024


class Hashing:
    """Digests of what is added, in order; at most two chunks wait."""

    def __init__(self, algorithms: tuple[str, ...]) -> None:
        self._digests = Digests(algorithms)
        self._pieces: list[bytes] = []
        self._size = 0
        self._job: asyncio.Future[None] | None = None

    async def add(self, piece: bytes) -> None:
        """Take in the next bytes, while those before are hashed."""
        if not self._digests:
            return
        self._pieces.append(piece)
        self._size += len(piece)
        if self._size >= CHUNK_BYTES:
            await self._start()

    async def finish(self) -> dict[str, bytes]:
        """The raw digests by name."""
        if self._size > INLINE_BYTES_MAX:
            await self._start()
        await self._settled()
        self._update(self._pieces)
        return self._digests.finish()

    async def _start(self) -> None:
        await self._settled()
        self._job = asyncio.get_running_loop().run_in_executor(None, self._update, self._pieces)
        self._pieces, self._size = [], 0

    async def _settled(self) -> None:
        if self._job is not None:
            await self._job
            self._job = None

    def _update(self, pieces: list[bytes]) -> None:
        for piece in pieces:
            self._digests.update(piece)
