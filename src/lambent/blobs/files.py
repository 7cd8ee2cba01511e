"""Blobs as files: written under a temporary name while they are hashed, then renamed. See DESIGN.md beside this file.

Layout: `FOLDER/ab/cdef...` for the blob `abcdef...`, and `FOLDER/tmp/` for those that are being written.
"""

from __future__ import annotations

import asyncio
import contextlib
import os
from collections.abc import AsyncIterator, Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Literal, TypeVar

from lambent.contracts.clock import Clock, SystemClock
from lambent.contracts.http import FileSlice
from lambent.contracts.ids import Ids
from lambent.contracts.ports import BlobInfo

from . import names
from .removals import Removals
from .writing import Writing, fsync_folder

T = TypeVar("T")

INLINE_BYTES_MAX = 64 * 1024
"""Up to this size a thread would cost more than the work in the loop."""
CHUNK_BYTES = 1024 * 1024
"""How much is gathered before a thread hashes and writes it."""
RELEASE_DELAY_S = 5.0
"""How long a released blob stays for readers that have its path but have not opened it yet."""
TEMPORARY = "tmp"
THREADS = 4


class FileBlobs:
    """Keeps bodies in files under `folder`.

    `durability` "strict" has file and folder on the disk before `write` and `concat` return; "normal" leaves that to
    the operating system, which survives the death of this process. `clock` (the machine's, unless given) tells how
    long a hold lasts.
    """

    def __init__(
        self,
        folder: str,
        ids: Ids,
        durability: Literal["normal", "strict"] = "normal",
        *,
        clock: Clock | None = None,
        release_delay_s: float = RELEASE_DELAY_S,
    ) -> None:
        self._folder = Path(folder)
        self._temporary = self._folder / TEMPORARY
        self._folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        self._temporary.mkdir(mode=0o700, exist_ok=True)
        self._ids = ids
        self._strict = durability == "strict"
        self._pool = ThreadPoolExecutor(THREADS, "blobs")
        self._removals = Removals(clock or SystemClock(), release_delay_s, self._remove)

    async def write(self, body: AsyncIterator[bytes], digests: tuple[str, ...] = ()) -> BlobInfo:
        """Store a stream; what went wrong on the way leaves nothing behind. The stream is read on while the piece
        before is hashed and written in a thread."""
        writing = self._writing(digests)
        job: asyncio.Future[None] | None = None
        pieces: list[bytes] = []
        size = 0
        try:
            async for piece in body:
                pieces.append(piece)
                size += len(piece)
                if size >= CHUNK_BYTES:
                    if job is not None:
                        await _finished(job)
                    job = self._in_thread(lambda full=pieces: writing.add(full))  # type: ignore[misc]
                    pieces, size = [], 0
            if job is not None:
                await _finished(job)
            if job is None and size <= INLINE_BYTES_MAX and not self._strict:
                return self._complete(writing, pieces)
            final = self._in_thread(lambda: self._complete(writing, pieces))
            job = final  # type: ignore[assignment]
            return await _finished(final)
        except BaseException:
            await _abandon(writing, job)
            raise

    async def concat(self, parts: list[tuple[str, int, int]], digests: tuple[str, ...] = ()) -> BlobInfo:
        """Store slices of other blobs as a new one; `KeyError` for an absent blob, `ValueError` for a bad range.
        Without digests the kernel copies, and shares the blocks where the file system can."""
        slices = [self.slice(*part) for part in parts]
        writing = self._writing(digests)

        def work() -> BlobInfo:
            for part in slices:
                writing.copy(part.path, part.offset, part.length)
            return self._complete(writing, [])

        job = self._in_thread(work)
        try:
            return await _finished(job)
        except BaseException:
            await _abandon(writing, job)
            raise

    def slice(self, name: str, offset: int, length: int) -> FileSlice:
        """A part of a blob for sendfile; `KeyError` when there is no such blob, `ValueError` for a bad range."""
        path = self._path(name)
        try:
            size = os.stat(path).st_size
        except FileNotFoundError:
            raise KeyError(name) from None
        if offset < 0 or length < 0 or offset + length > size:
            raise ValueError(f"bytes {offset} to {offset + length} of {size}")
        return FileSlice(path, offset, length)

    async def stream(self, name: str) -> AsyncIterator[bytes]:
        """A whole blob in pieces of a megabyte; `KeyError` with the first when there is none."""
        path, offset = self.slice(name, 0, 0).path, 0
        while piece := await self._in_thread(lambda at=offset: _read_at(name, path, at)):  # type: ignore[misc]
            yield piece
            offset += len(piece)

    async def read(self, name: str) -> bytes:
        """A whole blob; `KeyError` when there is none."""
        whole = self.slice(name, 0, 0)
        try:
            if os.stat(whole.path).st_size <= INLINE_BYTES_MAX:
                return _read(whole.path)
            return await self._in_thread(lambda: _read(whole.path))
        except FileNotFoundError:
            raise KeyError(name) from None

    def release(self, name: str) -> None:
        """Remove `name` a few seconds from now. Whoever has opened its file by then can read on."""
        if names.valid(name):
            self._removals.add(name)

    async def collect(self, in_use: names.Named, grace_s: float = names.GRACE_S) -> int:
        """Remove blobs that nothing names and abandoned temporary files, both untouched for `grace_s` seconds;
        returns how many. `in_use` is asked after the files were listed, so a blob named meanwhile is safe; one written
        meanwhile is younger than the grace."""
        old = await self._in_thread(lambda: self._older_than(grace_s))
        named = await names.asked(in_use)
        lost = [] if self._removals.held else [path for name, path in old if name not in named]
        await self._in_thread(lambda: _unlink(lost))
        return len(lost)

    def hold(self, until_ns: int) -> None:
        """Remove nothing before `until_ns` of the clock; 0 ends a hold."""
        self._removals.hold(until_ns)

    async def close(self) -> None:
        """Remove what was released, unless a hold lasts, and end the threads; writes under way are finished first."""
        self._remove(self._removals.finish())
        await asyncio.to_thread(self._pool.shutdown)

    def _path(self, name: str) -> str:
        if not names.valid(name):
            raise KeyError(name)
        return f"{self._folder}/{name[:2]}/{name[2:]}"

    def _writing(self, digests: tuple[str, ...]) -> Writing:
        name = names.new(self._ids)
        return Writing(name, self._temporary / name, digests)

    def _complete(self, writing: Writing, pieces: list[bytes]) -> BlobInfo:
        """Write the last pieces and give the file its name."""
        if pieces:
            writing.add(pieces)
        writing.close(sync=self._strict)
        path = Path(self._path(writing.name))
        try:
            writing.path.rename(path)
        except FileNotFoundError:
            path.parent.mkdir(mode=0o700, exist_ok=True)
            if self._strict:
                fsync_folder(self._folder)
            writing.path.rename(path)
        if self._strict:
            fsync_folder(path.parent)
        return writing.info()

    def _in_thread(self, fn: Callable[[], T]) -> asyncio.Future[T]:
        return asyncio.get_running_loop().run_in_executor(self._pool, fn)

    def _remove(self, gone: list[str]) -> None:
        self._pool.submit(_unlink, [self._path(name) for name in gone])

    def _older_than(self, grace_s: float) -> list[tuple[str, str]]:
        """(name, path) of the files untouched for so long; temporary ones have a name that nobody uses."""
        # The file system's own clock, which set the files' times.
        probe = self._temporary / f"now-{self._ids.hex(16)}"
        probe.touch()
        limit_ns = probe.stat().st_mtime_ns - int(grace_s * 1e9)
        probe.unlink()
        found = []
        for folder in os.scandir(self._folder):
            if not folder.is_dir(follow_symlinks=False):
                continue
            for file in os.scandir(folder.path):
                with contextlib.suppress(FileNotFoundError):
                    if file.stat(follow_symlinks=False).st_mtime_ns <= limit_ns:
                        name = "" if folder.name == TEMPORARY else folder.name + file.name
                        found.append((name, file.path))
        return found


async def _finished(job: asyncio.Future[T]) -> T:
    # Awaiting the job itself would, when cancelled, mark it cancelled while its thread still writes.
    await asyncio.wait((job,))
    return job.result()


async def _abandon(writing: Writing, job: asyncio.Future[T] | None) -> None:
    """Drop a file as soon as no thread works on it."""
    try:
        if job is not None:
            await asyncio.wait((job,))
    finally:
        if job is None or job.done():
            writing.abandon()
        else:  # cancelled again while waiting
            job.add_done_callback(lambda job: writing.abandon())


def _read_at(name: str, path: str, offset: int) -> bytes:
    try:
        with open(path, "rb", buffering=0) as file:
            file.seek(offset)
            return file.read(CHUNK_BYTES)
    except FileNotFoundError:
        raise KeyError(name) from None


def _read(path: str) -> bytes:
    with open(path, "rb") as file:
        return file.read()


def _unlink(paths: list[str]) -> None:
    for path in paths:
        with contextlib.suppress(FileNotFoundError):
            os.unlink(path)
