"""A data folder in which a cloud arrives: beside its place at first, and moved there when all of it is on the disk."""

from __future__ import annotations

import contextlib
import os
import shutil
from pathlib import Path
from types import TracebackType
from typing import Final

from lambent.kv.folder import FolderLock

from .errors import NotEmpty

STORE: Final = "store"
BLOBS: Final = "blobs"
ARRIVING: Final = "restoring"


class ArrivingFolder:
    """A context: inside it, `path` is an empty data folder, and `publish` moves what is in it to where `data` says.
    Without that nothing is left of it. `NotEmpty` when `data` holds a cloud, `StoreInUse` when another restore is
    under way there."""

    def __init__(self, data: Path) -> None:
        self.path = data / ARRIVING
        self._data = data
        self._made: list[Path] = []
        self._lock: FolderLock | None = None

    def __enter__(self) -> ArrivingFolder:
        self._refuse()
        for folder in (self.path, *self.path.parents):
            if folder.exists():
                break
            self._made.append(folder)
        self.path.mkdir(mode=0o700, parents=True, exist_ok=True)
        self._lock = FolderLock(self.path)
        self._clear()  # one that was killed may have left something
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        assert self._lock is not None
        shutil.rmtree(self.path, ignore_errors=True)
        self._lock.release()
        if kind is not None:
            with contextlib.suppress(OSError):
                for folder in self._made:
                    if folder != self.path:
                        folder.rmdir()

    def publish(self) -> None:
        """Have everything on the disk, and move it. `NotEmpty` when a cloud has begun there meanwhile. Blocks."""
        os.sync()
        # The store last: a cloud without bodies would be taken for whole, bodies without a store for nothing.
        (self.path / BLOBS).mkdir(mode=0o700, exist_ok=True)
        self._move(BLOBS)
        try:
            self._move(STORE)
        except NotEmpty:
            (self._data / BLOBS).rename(self.path / BLOBS)
            raise
        os.sync()

    def _move(self, name: str) -> None:
        try:
            (self.path / name).rename(self._data / name)  # onto an empty folder is allowed
        except OSError as error:
            raise NotEmpty(f"{self._data / name} cannot be put in place: {error.strerror}") from error

    def _refuse(self) -> None:
        for name in (STORE, BLOBS):
            folder = self._data / name
            if folder.exists() and not (folder.is_dir() and next(folder.iterdir(), None) is None):
                raise NotEmpty(f"{self._data} holds a cloud; one is restored into an empty data folder only")

    def _clear(self) -> None:
        for name in (STORE, BLOBS):
            shutil.rmtree(self.path / name, ignore_errors=True)
