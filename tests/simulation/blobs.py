"""Bodies that survive every node, with the time that writing them takes."""

from __future__ import annotations

import random
from collections.abc import AsyncIterator

from lambent.blobs.errors import BlobsUnreachable
from lambent.blobs.memory import MemoryBlobs
from lambent.contracts.clock import Clock
from lambent.contracts.ids import Ids
from lambent.contracts.ports import BlobInfo

from .loop import pause
from .store import Weather

GRACE_S = 900.0
"""How old a blob must be before it is collected: longer than any request can take here, by any node's clock."""


class Bodies:
    """All bodies, and when each was written."""

    def __init__(self) -> None:
        self.data: dict[str, bytes] = {}
        self.written_ns: dict[str, int] = {}


class NodeBlobs(MemoryBlobs):
    """One node's face of the memory engine; what was written stays when the node is killed."""

    def __init__(self, bodies: Bodies, ids: Ids, clock: Clock, chance: random.Random, weather: Weather) -> None:
        super().__init__(ids, clock=clock)
        self._bodies = bodies.data
        self._written_ns = bodies.written_ns
        self._chance = chance
        self._weather = weather

    async def _wait(self) -> None:
        if self._weather.delay_s_max and self._chance.random() < 0.8:
            await pause(self._chance.random() ** 3 * self._weather.delay_s_max)

    def _may_fail(self) -> None:
        if self._chance.random() < self._weather.blob_failure_share:
            raise BlobsUnreachable("the store of blobs does not answer")

    def slice(self, name: str, offset: int, length: int) -> AsyncIterator[bytes]:
        """A part of a blob."""
        self._may_fail()
        return super().slice(name, offset, length)

    async def read(self, name: str) -> bytes:
        """A whole blob."""
        self._may_fail()
        return await super().read(name)

    async def write(self, body: AsyncIterator[bytes], digests: tuple[str, ...] = ()) -> BlobInfo:
        """Store a stream; a node that is killed before the answer leaves the blob behind."""
        await self._wait()
        self._may_fail()
        info = await super().write(body, digests)
        await self._wait()
        return info

    async def concat(self, parts: list[tuple[str, int, int]], digests: tuple[str, ...] = ()) -> BlobInfo:
        """Store slices of others as a new blob."""
        await self._wait()
        self._may_fail()
        info = await super().concat(parts, digests)
        await self._wait()
        return info
