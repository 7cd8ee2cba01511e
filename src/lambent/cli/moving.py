"""What `lambent backup`, `restore` and `copy` do. Apart from the commands, which load it only when they are called."""

from __future__ import annotations

import asyncio
import os
import sys
import time
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import aclosing, asynccontextmanager, contextmanager
from pathlib import Path
from typing import NamedTuple

import uvloop

from lambent import engines
from lambent.archive.control import SOCKET, NobodyThere, ask_backup
from lambent.archive.errors import ArchiveError
from lambent.archive.folder import ArrivingFolder
from lambent.archive.format import Decoder
from lambent.archive.items import Count, Item, Items, Totals
from lambent.archive.names import GivenNames
from lambent.archive.source import Source
from lambent.archive.stream import STANDARD, Bytes, NewFile, decode, encode, read_file
from lambent.archive.tables import inhabited
from lambent.archive.target import Target, refuse_occupied
from lambent.blobs.errors import BlobsError
from lambent.contracts.clock import SystemClock
from lambent.contracts.ids import Ids
from lambent.contracts.ports import Settings
from lambent.kv import arriving
from lambent.kv.errors import StoreError
from lambent.registry import blobs_in_use

from .common import Failure, complain, data_folder


class Place(NamedTuple):
    """Where a cloud lies: a data folder, or the addresses of a store and, perhaps, of a blob store."""

    data: Path
    store: str = ""
    blobs: str = ""

    @property
    def settings(self) -> Settings:
        """As a node would have it, but that a shared store has no data folder here: no node is started."""
        return Settings(data=os.devnull if self.store else str(self.data), store=self.store, blobs=self.blobs)

    def __str__(self) -> str:
        # Not the address, which may hold a password.
        return "the store" if self.store else str(self.data)


def backup(file: str, data: Path | None, store: str, blobs: str, skip_missing: bool) -> None:
    """Write the cloud that lies there to `file`."""
    place = Place(data_folder(data), store, blobs)
    with _failures(), _Meter("backing up") as meter:
        totals = uvloop.run(_backup(file, place, skip_missing, meter))
    _report(meter, "backed up", f"from {place}" if file == STANDARD else f"to {file}", totals, quiet=file == STANDARD)


def restore(file: str, data: Path | None, store: str, blobs: str) -> None:
    """Make a cloud of `file` there."""
    place = Place(data_folder(data), store, blobs)
    with _failures(), _Meter("restoring") as meter:
        if file != STANDARD:
            open(file, "rb").close()  # before anything is made elsewhere
        totals = uvloop.run(_restore(file, place, meter))
    _report(meter, "restored", f"into {place}", totals)


def copy(source: tuple[str, str], target: tuple[str, str], skip_missing: bool) -> None:
    """Copy a cloud; each place is a data folder or a store's address, and where its bodies are."""
    start, end = _place(*source), _place(*target)
    if start == end:
        raise Failure("--from and --to are the same place")
    with _failures(), _Meter("copying") as meter:
        totals = uvloop.run(_copy(start, end, skip_missing, meter))
    _report(meter, "copied", f"from {start} to {end}", totals)


def _place(where: str, blobs: str) -> Place:
    return Place(data_folder(None), where, blobs) if "://" in where else Place(data_folder(Path(where)), "", blobs)


async def _backup(name: str, place: Place, skip_missing: bool, meter: _Meter) -> Totals:
    with NewFile(name) as file:
        async with _leaving(place, skip_missing) as (data, items):
            # What is written is read in the same breath, so that a file which appears can be restored.
            decoder = Decoder()
            async with aclosing(data if data is not None else encode(_required(items))) as chunks:
                async for chunk in chunks:
                    await asyncio.to_thread(file.write, chunk)
                    meter.add(await asyncio.to_thread(decoder.feed, chunk))
            totals = decoder.finish()
            await asyncio.to_thread(file.complete)
    return totals


async def _restore(name: str, place: Place, meter: _Meter) -> Totals:
    async def items() -> Items:
        # A file is read twice: it is known to be whole before the first key of it is written.
        if name != STANDARD:
            async with aclosing(decode(read_file(name))) as checked:
                async for batch in checked:
                    meter.add(batch)
            meter.step("restoring")
        async with aclosing(meter.watch(decode(read_file(name)))) as found:
            async for batch in found:
                yield batch

    if name != STANDARD:
        meter.step("checking")
    return await _arrive(place, items)


async def _copy(start: Place, end: Place, skip_missing: bool, meter: _Meter) -> Totals:
    async with _leaving(start, skip_missing) as (data, items):
        return await _arrive(end, lambda: meter.watch(decode(data) if data is not None else _required(items)))


@asynccontextmanager
async def _leaving(place: Place, skip_missing: bool) -> AsyncIterator[tuple[Bytes | None, Items | None]]:
    """A cloud's stream: bytes when a running node sends it, items when it is opened here."""
    engines.check(place.settings)
    if not place.store:
        try:
            data = await ask_backup(place.data / SOCKET, skip_missing=skip_missing)
        except NobodyThere:
            if not (place.data / engines.STORE_FOLDER).is_dir():
                raise Failure(f"there is no cloud in {place.data}") from None
        else:
            async with aclosing(data):
                yield data, None
            return
    clock, ids = SystemClock(), Ids()
    found = await _open(place, ids)
    try:
        source = Source(found.store, found.blobs, clock, ids, blobs_in_use, skip_missing=skip_missing)
        async with aclosing(source.items()) as items:
            yield None, items
    finally:
        await engines.close(found)


async def _arrive(place: Place, items: Callable[[], Items]) -> Totals:
    """Fill an empty place; nothing is left there when that fails."""
    engines.check(place.settings)
    if place.store:
        found = await _open(place, GivenNames())
        try:
            return await Target(found.store, found.blobs, SystemClock()).fill(items())
        finally:
            await engines.close(found)
    with ArrivingFolder(place.data) as folder:
        found = await _open(place._replace(data=folder.path), GivenNames())
        try:
            totals = await Target(found.store, found.blobs, SystemClock(), clears=False).fill(items())
        finally:
            await engines.close(found)
        await asyncio.to_thread(folder.publish)
    return totals


async def _open(place: Place, ids: Ids) -> engines.Engines:
    """Open a place without being a node of its cloud. With `GivenNames` it is one to arrive in, and empty."""
    clock = SystemClock()
    if not place.store:
        return await engines.open_engines(place.settings, clock, ids)
    store = await engines.open_store(place.store, clock, ids)
    try:
        if isinstance(ids, GivenNames):
            await refuse_occupied(store)
        elif await store.read(inhabited):
            await arriving.refuse(store)
        else:
            raise Failure("there is no cloud in that store")
        blobs = await engines.open_blobs(place.blobs, store, clock, ids)
    except BaseException:
        await store.close()
        raise
    return engines.Engines(store, blobs, "", lambda: None)


def _required(items: Items | None) -> Items:
    assert items is not None
    return items


@contextmanager
def _failures() -> Iterator[None]:
    """What can go wrong, as one line."""
    try:
        yield
    except (ArchiveError, StoreError, BlobsError) as error:
        raise Failure(" ".join(str(error).split())) from None
    except OSError as error:
        where = f"{error.filename}: " if error.filename else ""
        raise Failure(f"{where}{error.strerror or error}") from None


class _Meter:
    """A context that shows on a terminal what has passed by so far; counts and times it in any case."""

    def __init__(self, step: str) -> None:
        # Deferred: drawing is of no use to other commands.
        from rich.console import Console
        from rich.status import Status

        console = Console(stderr=True, highlight=False)
        self._status: Status | None = Status(step, console=console) if console.is_terminal else None
        self._step = step
        self._count = Count()
        self._shown_s = 0.0
        self._began_s = time.monotonic()

    def __enter__(self) -> _Meter:
        if self._status is not None:
            self._status.start()
        return self

    def __exit__(self, *ended: object) -> None:
        if self._status is not None:
            self._status.stop()

    @property
    def seconds(self) -> float:
        """Since the beginning."""
        return time.monotonic() - self._began_s

    def step(self, name: str) -> None:
        """What comes now; it is counted anew."""
        self._step = name
        self._count = Count()

    def add(self, items: list[Item]) -> None:
        """These have passed by."""
        for item in items:
            self._count.add(item)
        if self._status is not None and self.seconds - self._shown_s > 0.1:
            self._shown_s = self.seconds
            self._status.update(f"{self._step}  {_sums(self._count.totals())}")

    async def watch(self, items: Items) -> Items:
        """The items, counted."""
        async with aclosing(items):
            async for batch in items:
                self.add(batch)
                yield batch


def _sums(totals: Totals) -> str:
    return f"{totals.keys:,} keys, {totals.blobs:,} blobs, {_size(totals.blob_bytes)}"


def _size(count: float) -> str:
    if count < 1000:
        return f"{count} bytes"
    for unit in ("KB", "MB"):
        count /= 1000
        if count < 1000:
            return f"{count:.1f} {unit}"
    return f"{count / 1000:.1f} GB"


def _report(meter: _Meter, did: str, where: str, totals: Totals, *, quiet: bool = False) -> None:
    if totals.missing:
        complain(f"{totals.missing} blobs are named but were not there; their objects have no bodies")
    line = f"{did} {_sums(totals)} of bodies in {meter.seconds:.1f} s {where}"
    print(line, file=sys.stderr if quiet else sys.stdout, flush=True)
