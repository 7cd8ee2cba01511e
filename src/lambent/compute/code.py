"""Code and layers on disk: each zip archive is unpacked once, safely, and shared read-only by the environments.

Nothing of an archive can be written outside its folder: names are checked, symbolic links are made last, and only
those that stay inside. A folder that no environment uses is kept for a while, then removed.
"""

from __future__ import annotations

import asyncio
import hashlib
import os
import shutil
import stat
import zipfile
from collections import OrderedDict
from collections.abc import Awaitable, Callable
from pathlib import Path

UNZIPPED_BYTES_MAX = 262_144_000
"""AWS's limit on a function's code and its layers together, unzipped."""
ENTRIES_MAX = 100_000
_UNUSED_KEPT = 16
_BLOCK = 1 << 20


class BadArchive(Exception):
    """The archive cannot be unpacked; the message says why."""


def _inside(name: str) -> bool:
    parts = name.split("/")
    return not (name.startswith("/") or "\0" in name or "\\" in name or ".." in parts)


def _write(archive: zipfile.ZipFile, info: zipfile.ZipInfo, path: Path, left: int) -> int:
    """Write one file; returns the bytes written. The header's length is not believed."""
    path.parent.mkdir(parents=True, exist_ok=True)
    written = 0
    mode = (info.external_attr >> 16) & 0o777 or 0o644
    with archive.open(info) as source, path.open("wb") as target:
        while block := source.read(_BLOCK):
            written += len(block)
            if written > left:
                raise BadArchive(f"Unzipped size must be smaller than {UNZIPPED_BYTES_MAX} bytes")
            target.write(block)
    path.chmod((mode | 0o444) & ~0o022)
    return written


def _link(root: Path, path: Path, target: str) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    resolved = os.path.normpath(os.path.join(path.parent, target))
    if os.path.isabs(target) or not (resolved + "/").startswith(str(root) + "/"):
        raise BadArchive(f"The link {path.relative_to(root)} points outside the archive")
    path.unlink(missing_ok=True)
    path.symlink_to(target)


def unpack(source: Path, root: Path, bytes_max: int = UNZIPPED_BYTES_MAX) -> int:
    """Unpack the zip archive `source` into the new folder `root`; returns its unzipped size in bytes."""
    root.mkdir(parents=True)
    used = 0
    links: list[tuple[Path, str]] = []
    try:
        with zipfile.ZipFile(source) as archive:
            entries = archive.infolist()
            if len(entries) > ENTRIES_MAX:
                raise BadArchive(f"The archive has more than {ENTRIES_MAX} entries")
            for info in entries:
                if not _inside(info.filename):
                    raise BadArchive(f"The archive names a path outside itself: {info.filename!r}")
                path = root / info.filename
                kind = stat.S_IFMT(info.external_attr >> 16)
                if kind == stat.S_IFLNK:
                    if info.file_size > 4096:
                        raise BadArchive(f"The link {info.filename} is too long")
                    links.append((path, archive.read(info).decode()))
                elif info.is_dir():
                    path.mkdir(parents=True, exist_ok=True)
                else:
                    used += _write(archive, info, path, bytes_max - used)
        # Last, so that no file was ever written through a link.
        for path, target in links:
            _link(root, path, target)
    except (zipfile.BadZipFile, NotImplementedError, RuntimeError, UnicodeDecodeError, OSError, EOFError) as error:
        raise BadArchive(f"Could not unzip uploaded file: {error}") from error
    return used


def merge(layers: list[Path], root: Path) -> None:
    """Lay the folders over one another into the new folder `root`, the last one on top; files are hard links."""
    root.mkdir(parents=True)
    for layer in layers:
        for folder, names, files in os.walk(layer):
            below = root / os.path.relpath(folder, layer)
            below.mkdir(exist_ok=True)
            for name in [*files, *(n for n in names if os.path.islink(os.path.join(folder, n)))]:
                source, target = os.path.join(folder, name), below / name
                if target.is_symlink() or target.is_file():
                    target.unlink()
                elif target.is_dir():
                    shutil.rmtree(target)
                os.link(source, target, follow_symlinks=False)


class CodeStore:
    """Unpacked archives under `folder`, counted by use.

    `fetch(blob, path, length)` writes a blob to a file. `acquire` and `release` come in pairs. The folder belongs to
    this process alone.
    """

    def __init__(self, folder: Path, fetch: Callable[[str, str, int], Awaitable[None]]) -> None:
        self._folder = folder
        self._fetch = fetch
        self._uses: dict[str, int] = {}
        self._unused: OrderedDict[str, None] = OrderedDict()
        self._making: dict[str, asyncio.Task[None]] = {}
        folder.mkdir(parents=True, exist_ok=True)
        for entry in folder.iterdir():
            if entry.name.startswith("."):
                shutil.rmtree(entry, ignore_errors=True)
            else:
                self._unused[entry.name] = None

    @staticmethod
    def _name(blobs: tuple[str, ...]) -> str:
        return hashlib.sha256("\0".join(blobs).encode()).hexdigest()[:40]

    async def acquire(self, blobs: tuple[str, ...], lengths: tuple[int, ...]) -> Path:
        """The folder that holds the archives `blobs`, later ones over earlier ones; `BadArchive` when one is broken.
        `lengths` are those of the blobs in bytes."""
        name = self._name(blobs)
        self._uses[name] = self._uses.get(name, 0) + 1
        self._unused.pop(name, None)
        path = self._folder / name
        try:
            if not path.exists():
                await self._make(name, path, blobs, lengths)
        except BaseException:
            self.release(blobs)
            raise
        return path

    async def _make(self, name: str, path: Path, blobs: tuple[str, ...], lengths: tuple[int, ...]) -> None:
        task = self._making.get(name)
        if task is None:
            task = asyncio.ensure_future(self._build(path, blobs, lengths))
            self._making[name] = task
            task.add_done_callback(lambda _: self._making.pop(name, None))
        await asyncio.shield(task)

    async def _build(self, path: Path, blobs: tuple[str, ...], lengths: tuple[int, ...]) -> None:
        draft = self._folder / f".{path.name}"
        await asyncio.to_thread(shutil.rmtree, draft, True)
        if len(blobs) == 1:
            archive = self._folder / f".{path.name}.zip"
            try:
                await self._fetch(blobs[0], str(archive), lengths[0])
                await asyncio.to_thread(unpack, archive, draft)
            except BaseException:
                await asyncio.to_thread(shutil.rmtree, draft, True)
                raise
            finally:
                archive.unlink(missing_ok=True)
        else:
            parts = []
            try:
                for blob, length in zip(blobs, lengths, strict=True):
                    parts.append(await self.acquire((blob,), (length,)))
                await asyncio.to_thread(merge, parts, draft)
            finally:
                for blob in blobs[: len(parts)]:
                    self.release((blob,))
        draft.rename(path)

    def release(self, blobs: tuple[str, ...]) -> None:
        """Say that an environment no longer uses the folder of `blobs`."""
        name = self._name(blobs)
        left = self._uses[name] - 1
        if left:
            self._uses[name] = left
            return
        del self._uses[name]
        self._unused[name] = None
        while len(self._unused) > _UNUSED_KEPT:
            old, _ = self._unused.popitem(last=False)
            shutil.rmtree(self._folder / old, ignore_errors=True)
