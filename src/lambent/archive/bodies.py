"""Reading the bodies of blobs, one after another in a given order, without having one in memory whole."""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import AsyncGenerator, AsyncIterator, Iterable, Iterator
from contextlib import aclosing
from typing import Final

from lambent.blobs.files import FileBlobs
from lambent.contracts.http import FileSlice
from lambent.contracts.ports import Blobs

from .errors import BackupFailed
from .items import PIECE_BYTES, Piece

BATCH_PIECES: Final = 256
AHEAD: Final = 8
"""How many blobs of a remote store are asked for before it is their turn."""

Part = tuple[bytes, bool]
"""The next bytes of a body, and whether they are its last."""


class Bodies:
    """Reads the blobs of one place. `missing` counts those that were not there, if that is allowed."""

    def __init__(self, blobs: Blobs, *, skip_missing: bool) -> None:
        self.missing = 0
        self._blobs = blobs
        self._skip_missing = skip_missing

    async def read(self, names: Iterable[str]) -> AsyncGenerator[list[Piece], None]:
        """The blobs `names`, in lists of pieces of about a megabyte each. `BackupFailed` when one is missing."""
        batches = self._from_files(names) if isinstance(self._blobs, FileBlobs) else self._from_streams(names)
        async with aclosing(batches):
            async for batch in batches:
                yield batch

    def _miss(self, name: str) -> None:
        if not self._skip_missing:
            raise BackupFailed(f"the blob {name} is named but not there; --skip-missing goes on without such blobs")
        self.missing += 1

    async def _from_files(self, names: Iterable[str]) -> AsyncGenerator[list[Piece], None]:
        pieces = self._file_pieces(iter(names))
        # One hop to a thread for many small files, or for a piece of a large one.
        while batch := await asyncio.to_thread(_batch, pieces):
            yield batch

    def _file_pieces(self, names: Iterator[str]) -> Iterator[Piece]:
        """In a thread. The file is opened for each piece, so that nothing is left open when nobody asks on."""
        for name in names:
            try:
                offset, size = 0, -1
                while offset != size:
                    data, size = _read_piece(self._file(name), offset)
                    offset += len(data)
                    if not data and offset < size:
                        raise BackupFailed(f"the blob {name} became shorter while it was read")
                    yield Piece(name, data, offset == size)
            except (KeyError, FileNotFoundError):
                if offset:
                    raise BackupFailed(f"the blob {name} was removed while it was read") from None
                self._miss(name)

    def _file(self, name: str) -> str:
        found = self._blobs.slice(name, 0, 0)
        assert isinstance(found, FileSlice)
        return found.path

    async def _from_streams(self, names: Iterable[str]) -> AsyncGenerator[list[Piece], None]:
        """One blob after another, the first parts of the next ones already on their way."""
        names = iter(names)
        ahead: deque[tuple[str, AsyncIterator[Part], asyncio.Task[Part]]] = deque()
        try:
            while True:
                while len(ahead) < AHEAD and (name := next(names, "")):
                    parts = _parts(self._blobs.stream(name))
                    ahead.append((name, parts, asyncio.create_task(_first(parts))))
                if not ahead:
                    return
                name, parts, first = ahead.popleft()
                try:
                    data, last = await first
                except KeyError:
                    self._miss(name)
                    continue
                yield [Piece(name, data, last)]
                async for data, last in parts:
                    yield [Piece(name, data, last)]
        finally:
            for _, _, task in ahead:
                task.cancel()
            if ahead:
                await asyncio.wait([task for _, _, task in ahead])


def _batch(pieces: Iterator[Piece]) -> list[Piece]:
    """The next pieces, until they are a megabyte."""
    batch: list[Piece] = []
    size = 0
    for piece in pieces:
        batch.append(piece)
        size += len(piece.data)
        if size >= PIECE_BYTES or len(batch) >= BATCH_PIECES:
            break
    return batch


def _read_piece(path: str, offset: int) -> tuple[bytes, int]:
    """Up to a megabyte from `offset` on, and the file's size."""
    with open(path, "rb", buffering=0) as file:
        size = file.seek(0, 2)
        file.seek(offset)
        return file.read(PIECE_BYTES), size


async def _parts(stream: AsyncIterator[bytes]) -> AsyncIterator[Part]:
    """A stream in pieces of a megabyte, of which the last one says so."""
    buffer = bytearray()
    async for data in stream:
        while len(buffer) > PIECE_BYTES:
            yield bytes(buffer[:PIECE_BYTES]), False
            del buffer[:PIECE_BYTES]
        buffer += data
    while len(buffer) > PIECE_BYTES:
        yield bytes(buffer[:PIECE_BYTES]), False
        del buffer[:PIECE_BYTES]
    yield bytes(buffer), True


async def _first(parts: AsyncIterator[Part]) -> Part:
    return await anext(parts)
