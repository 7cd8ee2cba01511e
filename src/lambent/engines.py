"""Where a cloud lies: opens its store and its blob store by their addresses, and keeps two clouds apart.

A data folder alone holds a whole cloud (RocksDB and files). With a store's address it holds only what one node of a
shared cloud keeps for itself, and a note of which cloud that is.
"""

from __future__ import annotations

import asyncio
import importlib
import os
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any, Final, Literal, NamedTuple

from lambent.blobs.errors import BlobsError
from lambent.contracts.clock import Clock
from lambent.contracts.ids import Ids
from lambent.contracts.ports import Blobs, Settings, Store
from lambent.kv import arriving
from lambent.kv.errors import StoreError, StoreInUse
from lambent.kv.folder import FolderLock, refuse_if_held, write_durably
from lambent.kv.identity import cloud_id

STORES: Final = ("postgresql", "postgres")
"""Schemes of the stores that many nodes can share."""

CLOUD_FILE: Final = "CLOUD"
STORE_FOLDER: Final = "store"
BLOBS_FOLDER: Final = "blobs"


class Engines(NamedTuple):
    """An open store and blob store. `note` is a line for the user, or empty; `release` lets the data folder go."""

    store: Store
    blobs: Blobs
    note: str
    release: Callable[[], None]


def check(settings: Settings) -> None:
    """Raise `StoreError`, in one line, for addresses and folders that cannot be used; touches nothing."""
    folder = Path(settings.data)
    if settings.store:
        scheme = settings.store.partition("://")[0] if "://" in settings.store else ""
        if scheme not in STORES:
            raise StoreError(
                f"unknown store {scheme or settings.store!r}: --store takes postgresql://user@host/database"
            )
        if settings.blobs:
            _check_blobs(settings.blobs)
        if (folder / STORE_FOLDER).exists():
            raise StoreInUse(f"the data folder {folder} holds a cloud of its own; choose another with --data")
    elif settings.blobs:
        raise StoreError("--blobs goes with --store; without it bodies lie in the data folder")
    elif (folder / CLOUD_FILE).exists():
        raise StoreInUse(
            f"the data folder {folder} belongs to a node of a cloud on another store; "
            "name the store with --store, or choose another folder with --data"
        )


async def open_engines(settings: Settings, clock: Clock, ids: Ids) -> Engines:
    """Open what `settings` names; raises `StoreError` or `OSError`, in one line, and has then closed everything.
    The data folder is made last: what cannot be opened leaves none behind."""
    check(settings)
    if not settings.store:
        return _open_embedded(settings, clock, ids)
    _check_folder(Path(settings.data))
    # A folder that has been used belongs to a cloud, which an empty database cannot hold.
    store = await open_store(settings.store, clock, ids, make=not (Path(settings.data) / CLOUD_FILE).exists())
    blobs: Blobs | None = None
    try:
        await arriving.refuse(store)
        folder, id = Path(settings.data), await cloud_id(store)
        _noted(folder, id)  # before a bucket is made for a node that is refused all the same
        blobs = await open_blobs(settings.blobs, store, clock, ids)
        lock, first = _claim(folder, id)
    except BaseException:
        if blobs is not None:
            await blobs.close()
        await store.close()
        raise
    note = "" if settings.blobs or not first else _NO_OBJECT_STORE
    return Engines(store, blobs, note, lock.release)


async def close(engines: Engines) -> None:
    """Close what was opened, in the order that lets one use the other to the end."""
    await engines.blobs.close()
    await engines.store.close()
    engines.release()


async def open_store(url: str, clock: Clock, ids: Ids, *, make: bool = True) -> Store:
    """The shared store at `url`; without `make` there must be one already."""
    engine = _module("lambent.kv.engines.postgres").PostgresStore
    store: Store = await asyncio.to_thread(partial(engine, url, clock, ids, make=make))
    return store


async def open_blobs(url: str, store: Store, clock: Clock, ids: Ids) -> Blobs:
    """The blob store at `url`, or, where that is empty, bodies in the store itself."""
    if not url:
        chunks: Blobs = _module("lambent.blobs.chunks").StoreBlobs(store, clock, ids)
        return chunks
    blobs = _module("lambent.blobs.s3").S3Blobs(url, clock, ids)
    try:
        await blobs.open(await cloud_id(store))
    except BaseException as error:
        await blobs.close()
        if isinstance(error, BlobsError):
            raise StoreError(str(error)) from error
        raise
    found: Blobs = blobs
    return found


def _check_blobs(url: str) -> None:
    try:
        _module("lambent.blobs.urls").parse(url)
    except BlobsError as error:
        raise StoreError(str(error)) from None


def _open_embedded(settings: Settings, clock: Clock, ids: Ids) -> Engines:
    folder = Path(settings.data)
    durability: Literal["normal", "strict"] = "strict" if settings.durability == "strict" else "normal"
    store: Store = _module("lambent.kv.engines.rocks").RocksStore(str(folder / STORE_FOLDER), clock, ids, durability)
    blobs: Blobs = _module("lambent.blobs.files").FileBlobs(str(folder / BLOBS_FOLDER), ids, durability, clock=clock)
    return Engines(store, blobs, "", _nothing)


def _check_folder(folder: Path) -> None:
    """Find out, before anything is made in the store, that the data folder cannot be used; touches nothing."""
    try:
        refuse_if_held(folder)
        there = next(path for path in (folder, *folder.parents) if path.exists())
        if not there.is_dir():
            raise NotADirectoryError(20, "Not a directory")
        if not os.access(there, os.W_OK | os.X_OK):
            raise PermissionError(13, "Permission denied")
    except OSError as error:
        raise _unusable(folder, error) from None


def _unusable(folder: Path, error: OSError) -> StoreError:
    return StoreError(f"cannot use the data folder {folder}: {error.strerror}")


def _claim(folder: Path, id: str) -> tuple[FolderLock, bool]:
    """Lock the folder and note in it which cloud its node belongs to; True the first time. `StoreInUse` when another
    node has it, or one of another cloud had; `StoreError` when it cannot be used."""
    try:
        folder.mkdir(parents=True, exist_ok=True, mode=0o700)
        lock = FolderLock(folder)
        try:
            first = not _noted(folder, id)
            if first:
                write_durably(folder / CLOUD_FILE, f"{id}\n".encode())
        except BaseException:
            lock.release()
            raise
    except OSError as error:
        raise _unusable(folder, error) from None
    return lock, first


def _noted(folder: Path, id: str) -> bool:
    """Whether the folder's note names the cloud `id`; False when there is none. `StoreInUse` when it names another."""
    try:
        noted = (folder / CLOUD_FILE).read_text().strip()
    except FileNotFoundError:
        return False
    except OSError as error:
        raise _unusable(folder, error) from None
    if noted != id:
        raise StoreInUse(f"the data folder {folder} belongs to a node of another cloud; choose another with --data")
    return True


def _module(name: str) -> Any:
    """An engine's module; loaded only where it is used, for a node needs one of each and not its libraries' others."""
    try:
        return importlib.import_module(name)
    except ModuleNotFoundError as error:
        raise StoreError(
            f"{error.name} is not installed; shared stores need it: pip install 'lambent[cluster]'"
        ) from None


def _nothing() -> None:
    """What there is to let go of where the store itself locks its folder."""


_NO_OBJECT_STORE: Final = "bodies are kept in the store itself; an object store serves better: --blobs 's3://BUCKET?endpoint=http://HOST:PORT'"
