"""A data folder: who has it open, and which format it has."""

from __future__ import annotations

import fcntl
import os
from pathlib import Path
from typing import Final

from .errors import StoreInUse, StoreTooNew

FORMAT: Final = 1
FORMAT_FILE: Final = "FORMAT"
LOCK_FILE: Final = "LOCK"
_HEAD: Final = "lambent-store "


class FolderLock:
    """Holds a folder for this process. The kernel lets go of it when the process dies, however it dies."""

    def __init__(self, folder: Path) -> None:
        self._fd = os.open(folder / LOCK_FILE, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
        try:
            fcntl.flock(self._fd, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            holder = _holder(self._fd)
            os.close(self._fd)
            raise StoreInUse(f"the data folder {folder} is in use by process {holder}") from None
        os.ftruncate(self._fd, 0)
        os.pwrite(self._fd, f"{os.getpid()}\n".encode(), 0)

    def release(self) -> None:
        """Let others in. May be called twice."""
        if self._fd >= 0:
            os.close(self._fd)
            self._fd = -1


def refuse_if_held(folder: Path) -> None:
    """`StoreInUse` when a process holds the folder; changes nothing in it, and makes nothing."""
    try:
        fd = os.open(folder / LOCK_FILE, os.O_RDONLY | os.O_CLOEXEC)
    except FileNotFoundError:
        return
    try:
        fcntl.flock(fd, fcntl.LOCK_SH | fcntl.LOCK_NB)
    except BlockingIOError:
        raise StoreInUse(f"the data folder {folder} is in use by process {_holder(fd)}") from None
    finally:
        os.close(fd)


def _holder(fd: int) -> str:
    return os.pread(fd, 32, 0).decode(errors="replace").strip() or "unknown"


def check_format(folder: Path) -> None:
    """Write the format's number into a new folder; `StoreTooNew` when it is not one that this program reads."""
    path = folder / FORMAT_FILE
    try:
        text = path.read_text()
    except FileNotFoundError:
        write_durably(path, f"{_HEAD}{FORMAT}\n".encode())
        return
    number = text.removeprefix(_HEAD).strip()
    if not text.startswith(_HEAD) or not number.isdecimal():
        raise StoreTooNew(f"{path} does not say which format the folder has: {text[:40]!r}")
    if int(number) > FORMAT:
        raise StoreTooNew(f"{folder} has format {number}; this program knows formats up to {FORMAT}")


def write_durably(path: Path, data: bytes) -> None:
    """Make `path` hold `data`: after a crash it holds all of it or is as it was."""
    temporary = path.with_name(path.name + ".new")
    fd = os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_CLOEXEC, 0o600)
    try:
        os.write(fd, data)
        os.fsync(fd)
    finally:
        os.close(fd)
    temporary.replace(path)
    folder_fd = os.open(path.parent, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        os.fsync(folder_fd)
    finally:
        os.close(folder_fd)
