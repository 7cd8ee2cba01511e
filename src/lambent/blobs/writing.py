"""One file on its way to becoming a blob. Plain blocking functions, to be called in a thread or for small bodies."""

from __future__ import annotations

import contextlib
import errno
import os
from pathlib import Path

from lambent.contracts.ports import BlobInfo

from .digests import Digests

COPY_BYTES = 1024 * 1024
_NOT_COPIED_BY_KERNEL = {errno.EXDEV, errno.ENOSYS, errno.EINVAL, errno.EOPNOTSUPP}


class Writing:
    """A temporary file, opened at the first byte. One thread at a time uses it."""

    __slots__ = ("_digests", "_fd", "length", "name", "path")

    def __init__(self, name: str, path: Path, digests: tuple[str, ...]) -> None:
        self.name = name
        self.path = path
        self.length = 0
        self._digests = Digests(digests)
        self._fd = -1

    def add(self, pieces: list[bytes]) -> None:
        """Hash and append."""
        fd = self._open()
        for piece in pieces:
            self._digests.update(piece)
            self.length += len(piece)
            view = memoryview(piece)
            while view:
                view = view[os.write(fd, view) :]

    def copy(self, path: str, offset: int, length: int) -> None:
        """Append a part of another file; `KeyError` when it has gone, `ValueError` when it is shorter."""
        try:
            source = os.open(path, os.O_RDONLY | os.O_CLOEXEC)
        except FileNotFoundError:
            raise KeyError(path) from None
        try:
            if not self._digests:
                copied = self._copy_by_kernel(source, offset, length)
                offset, length = offset + copied, length - copied
            while length:
                piece = os.pread(source, min(length, COPY_BYTES), offset)
                if not piece:
                    raise ValueError(f"{path} ended {length} bytes early")
                self.add([piece])
                offset, length = offset + len(piece), length - len(piece)
        finally:
            os.close(source)

    def close(self, *, sync: bool) -> None:
        """All is written; with `sync` it is also on the disk."""
        fd = self._open()  # an empty body has a file too
        if sync:
            os.fsync(fd)
        self._fd = -1
        os.close(fd)

    def abandon(self) -> None:
        """Remove the file, unless it has been renamed."""
        if self._fd >= 0:
            os.close(self._fd)
            self._fd = -1
        with contextlib.suppress(FileNotFoundError):
            self.path.unlink()

    def info(self) -> BlobInfo:
        """What became of it."""
        return BlobInfo(name=self.name, length=self.length, digests=self._digests.finish())

    def _open(self) -> int:
        if self._fd < 0:
            self._fd = os.open(self.path, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600)
        return self._fd

    def _copy_by_kernel(self, source: int, offset: int, length: int) -> int:
        """Copy without passing through this process; returns how many bytes it managed."""
        copied = 0
        fd = self._open()
        while copied < length:
            try:
                count = os.copy_file_range(source, fd, length - copied, offset + copied)
            except OSError as error:
                if error.errno not in _NOT_COPIED_BY_KERNEL:
                    raise
                break
            if not count:
                break
            copied += count
            self.length += count
        return copied


def fsync_folder(path: Path) -> None:
    """Have the folder's entries on the disk."""
    fd = os.open(path, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        os.fsync(fd)
    finally:
        os.close(fd)
