"""The embedded engine: RocksDB in a folder of this machine, through rocksdict.

What rocksdict gives decides the shape: a write holds the interpreter's lock, `flush_wal(sync=True)` lets go of it. So a
batch is written in the loop (microseconds: the log reaches the operating system, the memtable the reader), and only
the fsync of strict durability runs in a thread, while the next group gathers.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Iterable
from concurrent.futures import ThreadPoolExecutor
from itertools import islice
from pathlib import Path
from typing import Any, Literal, cast

from rocksdict import (
    BlockBasedIndexType,
    BlockBasedOptions,
    Cache,
    Checkpoint,
    DBCompressionType,
    DBRecoveryMode,
    Options,
    Rdict,
    ReadOptions,
    WriteBatch,
)

from lambent.contracts.clock import Clock
from lambent.contracts.ids import Ids
from lambent.contracts.ports import Reader
from lambent.kv.buffer import Rows
from lambent.kv.errors import StoreClosed, StoreUnreadable, WriteFailed
from lambent.kv.folder import FolderLock, check_format

from .empties import Empties
from .loop import Frozen, LoopStore

Durability = Literal["normal", "strict"]

_log = logging.getLogger("lambent.kv")

MIB = 1024 * 1024
MEMTABLE_BYTES = 16 * MIB
CACHE_BYTES = 16 * MIB
DATABASE = "rocks"


class RocksStore(LoopStore):
    """Opens, and makes if need be, the store in the folder `path`.

    `durability`: "normal" survives the death of the process with nothing acknowledged lost; "strict" also the loss of
    power. Raises `StoreInUse` when another process has the folder open, `StoreTooNew` for a folder of a newer program.
    """

    def __init__(self, path: str, clock: Clock, ids: Ids, durability: Durability = "normal") -> None:
        super().__init__(clock, ids)
        if durability not in ("normal", "strict"):
            raise ValueError(f"durability is normal or strict, not {durability!r}")
        self._folder = Path(path)
        self._folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        self._lock = FolderLock(self._folder)
        try:
            check_format(self._folder)
            self._db = _open(self._folder)
        except BaseException:
            self._lock.release()
            raise
        self._syncer = ThreadPoolExecutor(1, "kv-fsync") if durability == "strict" else None
        self._broken: BaseException | None = None
        self._empties = Empties()
        self._busy = asyncio.Lock()  # a checkpoint and the closing of the database wait for each other

    def base_get(self, key: bytes) -> bytes | None:
        """The committed value of `key`."""
        if self._broken is not None:
            raise self._refusal()
        value: bytes | None = self._db.get(key)
        return value

    def base_scan(self, begin: bytes, end: bytes, limit: int | None, reverse: bool) -> Rows:
        """Committed rows of `begin <= key < end`."""
        if self._broken is not None:
            raise self._refusal()
        # The bounds let RocksDB stop at the range's end instead of wading through deleted keys behind it.
        options = ReadOptions()
        options.set_iterate_upper_bound(end)
        if reverse:
            return self._descend(begin, limit, options)
        start = min(self._empties.skip(begin), end)
        rows = cast("Iterable[tuple[bytes, bytes]]", self._db.items(from_key=start, read_opt=options))
        if limit is None:
            return list(rows)
        found = list(islice(rows, limit))
        self._empties.learn(begin, found[0][0] if found else end)
        return found

    def _descend(self, begin: bytes, limit: int | None, options: ReadOptions) -> Rows:
        # Not by a lower bound: rocksdict 0.3.29 sets the upper one in its place.
        found: Rows = []
        for row in cast("Iterable[tuple[bytes, bytes]]", self._db.items(backwards=True, read_opt=options)):
            if row[0] < begin:
                break
            found.append(row)
            if len(found) == limit:
                break
        return found

    def base_snapshot(self) -> Reader:
        """An iterator's view: nothing is copied."""
        if self._broken is not None:
            raise self._refusal()
        snapshot = _Snapshot(self._db.iter())
        return Frozen(snapshot.get, snapshot.scan)

    def commit(self, writes: dict[bytes, bytes | None]) -> asyncio.Future[None] | None:
        """Write a batch to the log; with strict durability the returned future is done after its fsync."""
        if self._broken is not None:
            raise self._refusal()
        if not writes:
            return None
        batch = WriteBatch(raw_mode=True)
        put, delete, fill = batch.put, batch.delete, self._empties.put
        for key, value in writes.items():
            if value is None:
                delete(key)
            else:
                put(key, value)
                fill(key)
        self._db.write(batch)
        if self._syncer is None:
            return None
        return asyncio.get_running_loop().run_in_executor(self._syncer, self._sync)

    async def checkpoint(self, path: str) -> None:
        """Write a copy of the store to the new folder `path`, which a `RocksStore` can open. Costs little space as
        long as it is on the same file system: files are linked."""
        async with self._busy:
            await self.settle()
            if self._closed:
                raise StoreClosed("the store is closed")
            # First the memtable, which takes long but lets the loop go on; linking the files is then quick.
            await asyncio.to_thread(self._db.flush, True)
            target = _new_folder(path)
            Checkpoint(self._db).create_checkpoint(str(target / DATABASE))
            check_format(target)

    async def close(self) -> None:
        """Commit what is under way and release the folder. May be called twice."""
        async with self._busy:
            if self._closed:
                return
            await super().close()
            if self._syncer is not None:
                self._syncer.shutdown()
            try:
                self._db.close()
            except Exception as error:
                # After a full disk RocksDB still holds what it could not write; its writers have been told.
                _log.warning("closed after a failed write: %s", error)
            del self._db  # frees the database even when closing it failed
            self._lock.release()

    def _sync(self) -> None:
        try:
            self._db.flush_wal(True)
        except Exception as error:
            # The batch is in the memtable but perhaps not on the disk, and the kernel may have dropped the pages: no
            # answer from here on would be true. Only a restart, which reads the log again, can tell.
            self._broken = error
            raise

    def _refusal(self) -> WriteFailed:
        error = WriteFailed(f"the store stopped after a failed fsync: {self._broken}; restart to recover")
        error.__cause__ = self._broken
        return error


class _Snapshot:
    """What was committed when it was made. An iterator of RocksDB sees one moment for as long as it lives; the
    snapshots of rocksdict 0.3.29 do not: they show later writes."""

    def __init__(self, rows: Any) -> None:
        self._rows = rows

    def get(self, key: bytes) -> bytes | None:
        self._rows.seek(key)
        value: bytes | None = self._rows.value() if self._rows.valid() and self._rows.key() == key else None
        return value

    def scan(self, begin: bytes, end: bytes, limit: int | None, reverse: bool) -> Rows:
        rows, found = self._rows, list[tuple[bytes, bytes]]()
        if reverse:
            rows.seek_for_prev(end)
            if rows.valid() and rows.key() == end:
                rows.prev()
        else:
            rows.seek(begin)
        step = rows.prev if reverse else rows.next
        while rows.valid() and begin <= rows.key() < end and (limit is None or len(found) < limit):
            found.append((rows.key(), rows.value()))
            step()
        return found


def _open(folder: Path) -> Rdict:
    try:
        return Rdict(str(folder / DATABASE), _options())
    except Exception as error:  # rocksdict raises nothing narrower
        raise StoreUnreadable(f"the store in {folder} cannot be opened: {' '.join(str(error).split())}") from error


def _new_folder(path: str) -> Path:
    folder = Path(path)
    folder.mkdir(mode=0o700, parents=True)
    return folder


def _options() -> Options:
    """Small memory, few threads, one writer."""
    blocks = BlockBasedOptions()
    blocks.set_block_cache(Cache(CACHE_BYTES))
    blocks.set_bloom_filter(10, False)
    blocks.set_cache_index_and_filter_blocks(True)
    blocks.set_pin_l0_filter_and_index_blocks_in_cache(True)
    # Whole, a large file's index and filter do not fit into the cache, and every get would load them anew.
    blocks.set_index_type(BlockBasedIndexType.two_level_index_search())
    blocks.set_partition_filters(True)
    blocks.set_metadata_block_size(4096)
    blocks.set_format_version(5)
    options = Options(raw_mode=True)
    options.create_if_missing(True)
    options.set_block_based_table_factory(blocks)
    options.set_compression_type(DBCompressionType.lz4())
    options.set_write_buffer_size(MEMTABLE_BYTES)
    options.set_max_write_buffer_number(4)
    options.set_max_background_jobs(2)
    options.set_max_open_files(256)
    options.set_max_file_opening_threads(1)
    # A kill leaves at most a torn last record in the log, which was never acknowledged: everything before it counts.
    options.set_wal_recovery_mode(DBRecoveryMode.point_in_time())
    # A stalled write would hold up the loop; rather read a few more files for a while.
    options.set_level_zero_slowdown_writes_trigger(40)
    options.set_level_zero_stop_writes_trigger(80)
    # Queues leave long runs of deleted keys behind; files full of them are compacted early.
    options.add_compact_on_deletion_collector_factory(4096, 2048, 0.5)
    options.set_allow_concurrent_memtable_write(False)
    options.set_enable_write_thread_adaptive_yield(False)
    options.set_bytes_per_sync(MIB)
    options.set_keep_log_file_num(2)
    options.set_max_log_file_size(MIB)
    options.set_stats_dump_period_sec(0)
    options.set_stats_persist_period_sec(0)
    return options
