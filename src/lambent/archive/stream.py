"""Items to bytes and back, and bytes to and from files: the slow parts in threads."""

from __future__ import annotations

import asyncio
import contextlib
import fcntl
import os
import stat
import sys
from collections.abc import AsyncGenerator
from contextlib import aclosing
from pathlib import Path
from types import TracebackType
from typing import Final

from lambent.blobs.errors import BlobsError
from lambent.blobs.writing import fsync_folder
from lambent.kv.errors import StoreError

from .errors import ArchiveError
from .format import Decoder, Encoder
from .items import PIECE_BYTES, Item, Items

Bytes = AsyncGenerator[bytes, None]

STANDARD: Final = "-"
"""The file name that stands for standard output or input."""


async def encode(items: Items) -> Bytes:
    """The bytes of a backup. When the items break off, so does the stream: with a last frame that says why."""
    encoder = Encoder()
    try:
        async with aclosing(items):
            async for batch in items:
                yield await asyncio.to_thread(_joined, encoder, batch)
    except (ArchiveError, StoreError, BlobsError, OSError) as error:
        yield b"".join(encoder.broken_off(" ".join(str(error).split())))


def _joined(encoder: Encoder, batch: list[Item]) -> bytes:
    # One piece of about a megabyte: each is a hop to a thread for whoever writes it.
    return b"".join(encoder.encode(batch))


async def decode(data: Bytes) -> Items:
    """The items of a backup. Raises `Damaged`, `TooNew` or `BackupFailed` at the latest when the bytes have ended."""
    decoder = Decoder()
    async with aclosing(data):
        async for chunk in data:
            if items := await asyncio.to_thread(decoder.feed, chunk):
                yield items
    decoder.finish()


async def read_file(name: str) -> Bytes:
    """The bytes of a file, or of standard input."""
    file = sys.stdin.buffer if name == STANDARD else await asyncio.to_thread(open, name, "rb")
    try:
        while chunk := await asyncio.to_thread(file.read, PIECE_BYTES):
            yield chunk
    finally:
        if name != STANDARD:
            file.close()


class NewFile:
    """A file that appears when it is complete: a context in which `write` fills `NAME.partial` (mode 0600), and
    `complete` has it on the disk and gives it its name. Without that, nothing is left. For `-` it is standard output.

    Raises `ArchiveError` when the name cannot be used, and `OSError`.
    """

    def __init__(self, name: str) -> None:
        self._path = Path(name).absolute()
        self._partial = self._path.with_name(self._path.name + ".partial")
        self._standard = name == STANDARD
        self._fd = -1

    def __enter__(self) -> NewFile:
        if self._standard:
            if sys.stdout.isatty():
                raise ArchiveError("standard output is a terminal; name a file, or send it into a pipe")
            self._fd = sys.stdout.fileno()
            return self
        with contextlib.suppress(FileNotFoundError):
            # Renaming onto a device would replace it.
            if not stat.S_ISREG(os.lstat(self._path).st_mode):
                raise ArchiveError(f"{self._path} is there and not a file; '-' stands for standard output")
        self._fd = os.open(self._partial, os.O_WRONLY | os.O_CREAT | os.O_NOFOLLOW | os.O_CLOEXEC, 0o600)
        try:
            fcntl.flock(self._fd, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            os.close(self._fd)
            raise ArchiveError(f"another backup is being written to {self._path}") from None
        os.fchmod(self._fd, 0o600)
        os.ftruncate(self._fd, 0)  # one that was killed may have left something
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if not self._standard and self._fd >= 0:
            with contextlib.suppress(FileNotFoundError):
                self._partial.unlink()
            os.close(self._fd)

    def write(self, data: bytes) -> None:
        """Append. Blocks: for a thread."""
        view = memoryview(data)
        while view:
            view = view[os.write(self._fd, view) :]

    def complete(self) -> None:
        """All is written. Blocks until it is on the disk."""
        if self._standard:
            return
        os.fsync(self._fd)
        self._partial.rename(self._path)
        fsync_folder(self._path.parent)
        os.close(self._fd)
        self._fd = -1
