"""The engine of many nodes: one PostgreSQL database, any number of stores on it.

A function runs on the event loop, in a fiber that gives way while the database answers; with its first read it takes
one of the store's connections. Transactions are SERIALIZABLE, readers too (a plain snapshot can show a state that no
serial order has); who loses runs again after a pause. An exception of a function counts only after what it had read
is known to be valid, by committing nothing.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Coroutine
from concurrent.futures import ThreadPoolExecutor
from hashlib import blake2b
from pathlib import Path
from types import CoroutineType
from typing import Any, Final, TypeVar

import psycopg

from lambent.contracts.clock import Clock, SystemClock, sleep_until
from lambent.contracts.events import Event
from lambent.contracts.ids import Ids
from lambent.contracts.ports import Reader, Transaction
from lambent.kv import outbox
from lambent.kv.buffer import Layer, Rows, merged_scan
from lambent.kv.errors import (
    CommitUnknown,
    StoreClosed,
    StoreError,
    StoreUnreachable,
    TooManyConflicts,
    TransactionOver,
    WriteFailed,
)
from lambent.kv.folder import check_format
from lambent.kv.topics import safely

from .fibers import in_fiber
from .postgres_heat import Footprint, Heat
from .postgres_notify import Wakes
from .postgres_pool import Lent, Pool
from .postgres_session import READ, WRITE, Session
from .postgres_setup import complete, copy_out, one_line, prepare_database
from .postgres_wire import Failed

T = TypeVar("T")
Added = list[tuple[bytes, int]]

ATTEMPTS_MAX: Final = 64
LOST_MAX: Final = 3
"""How many connections one function may lose before its caller is told."""
CONNECTIONS: Final = 8
PAUSE_NS: Final = 2_000_000
PAUSE_NS_MAX: Final = 100_000_000
LOSER_ATTEMPTS: Final = 3
LOSERS_LOCK: Final = -(1 << 63)
"""Who lost often takes this lock first, so that losers meet one another no more."""
ROWS_FILE: Final = "postgres.copy"


class _Conflict(Exception):
    """The run is void; another may do better. `locks` are to be held from its beginning; `hot` are the keys that it
    may have collided on."""

    def __init__(self, locks: frozenset[int] = frozenset()) -> None:
        super().__init__("lost against another transaction")
        self.locks = locks
        self.hot: frozenset[bytes] = frozenset()


class _Lost(Exception):
    """The connection was lost before anything was committed. `generation` is its session's."""

    def __init__(self, message: str, generation: int) -> None:
        super().__init__(message)
        self.generation = generation


class _View:
    """A transaction, or a reader: reads go to a session, through the writes that are kept here until the commit."""

    def __init__(self, store: PostgresStore, lent: Lent) -> None:
        self._store = store
        self._lent = lent
        self._own = Layer()
        self._over = False
        self._footprint = Footprint() if lent.begin == WRITE else None
        self.writes = self._own.writes
        self.callbacks: list[Callable[[], None]] = []
        self.added: Added = []
        self.woken: dict[bytes, None] = {}
        self.failure: Exception | None = None

    def get(self, key: bytes) -> bytes | None:
        """The value of `key`, or None."""
        self._check()
        if key in self.writes:
            return self.writes[key]
        if self._footprint is not None:
            self._footprint.read(key)
            self._lock_if_hot(key)
        return self._guarded(lambda session: session.get(key))

    def scan(self, begin: bytes, end: bytes, *, limit: int | None = None, reverse: bool = False) -> Rows:
        """Keys and values of `begin <= key < end` in key order (descending with `reverse`), `limit` at most."""
        self._check()
        if begin >= end or (limit is not None and limit <= 0):
            return []
        if self._footprint is not None:
            self._footprint.scanned(begin, end)
            self._lock_if_hot(begin)
        over = {key: self.writes[key] for key in self._own.between(begin, end)}
        if not over:
            return self._base(begin, end, limit, reverse)
        return merged_scan(self._base, over, begin, end, limit, reverse)

    def _base(self, begin: bytes, end: bytes, limit: int | None, reverse: bool) -> Rows:
        return self._guarded(lambda session: session.scan(begin, end, limit, reverse))

    def put(self, key: bytes, value: bytes) -> None:
        """Set `key` to `value`."""
        self._check()
        if key.__class__ is not bytes or value.__class__ is not bytes:
            raise TypeError(f"keys and values are bytes, not {type(key).__name__} and {type(value).__name__}")
        self.writes[key] = value

    def delete(self, key: bytes) -> None:
        """Remove `key`; nothing happens when it is absent."""
        self._check()
        if key.__class__ is not bytes:
            raise TypeError(f"keys are bytes, not {type(key).__name__}")
        self.writes[key] = None

    def emit(self, event: Event, *, at_ns: int = 0) -> str:
        """Put an event into the outbox; returns its id."""
        self._check()
        store = self._store
        id = store.ids.request_id()
        self.added.append(outbox.emit(self, event, id, store.clock.now_ns(), at_ns, store.node))
        return id

    def on_commit(self, fn: Callable[[], None]) -> None:
        """Call `fn` on the event loop after the commit."""
        self._check()
        self.callbacks.append(fn)

    def wake(self, topic: bytes) -> None:
        """After the commit, call whoever listens to `topic`, on every node."""
        self._check()
        if topic.__class__ is not bytes:
            raise TypeError(f"topics are bytes, not {type(topic).__name__}")
        self.woken[topic] = None

    def lock(self, key: bytes) -> None:
        """Serialise with every transaction that locks the same key. Best before the first read: a lock that is not
        free once the snapshot is taken makes the function run again, with the lock held from the beginning."""
        self._check()
        id, lent = _lock_id(key), self._lent
        if lent.session is None:
            lent.locks.add(id)
        elif id not in lent.locks and not self._try_lock(id):
            self.failure = _Conflict(frozenset((*lent.locks, id)))
            raise self.failure

    def _lock_if_hot(self, key: bytes) -> None:
        # Now, not later: it may take long to get a connection, and the key be hot by then.
        self._guarded(lambda session: None)
        if self._store.heat.use(key):
            self._lent.put_back_unused()
            self.lock(key)

    def contended(self) -> frozenset[bytes]:
        """On which keys this run may have collided with another."""
        return self._footprint.contended(self.writes) if self._footprint is not None else frozenset()

    def try_lock(self, key: bytes) -> bool:
        """Take the lock of `key` if it is free. Best before the first read, which then sees what who had it wrote."""
        self._check()
        id = _lock_id(key)
        return id in self._lent.locks or self._try_lock(id)

    def _try_lock(self, id: int) -> bool:
        # First the locks that this run waits for: to wait with one more in hand, out of order, could be for ever.
        self._guarded(lambda session: None)
        if not self._lent.reserve(id) or not self._guarded(lambda session: session.try_lock(id)):
            return False
        self._lent.locks.add(id)
        return True

    def commit(self) -> None:
        """Commit the writes, if the function's run counts."""
        if self._lent.session is None and not self.writes:
            return
        rows = self._guarded(lambda session: session.prepare(self.writes))
        session = self._lent.take()
        try:
            session.commit(rows)
        except Failed as error:
            if error.conflict:
                raise _Conflict from error
            if not session.wire.lost:
                raise WriteFailed(f"the store could not commit: {error}") from error
            if rows:
                raise CommitUnknown(f"the connection was lost during a commit: {error}") from error
            raise _Lost(str(error), session.generation) from error

    def finish(self) -> None:
        """Refuse any further use."""
        self._over = True

    def _check(self) -> None:
        if self._over:
            raise TransactionOver("a transaction ends when its function returns")
        if self.failure is not None:
            raise self.failure

    def _guarded(self, call: Callable[[Session], T]) -> T:
        # The function may catch what is raised here; the failure is remembered, for nothing it does counts any more.
        try:
            session = self._lent.take()
            try:
                return call(session)
            except Failed as error:
                self.failure = _meaning(session, error)
        except StoreError as error:
            self.failure = error
        raise self.failure


def _meaning(session: Session, error: Failed) -> Exception:
    """What a failure before the commit means."""
    if error.conflict:
        return _Conflict()
    if session.wire.lost:
        return _Lost(str(error), session.generation)
    failure = StoreError(f"PostgreSQL failed: {error}")
    failure.__cause__ = error
    return failure


def _lock_id(key: bytes) -> int:
    return int.from_bytes(blake2b(key, digest_size=8).digest(), signed=True)


class PostgresStore:
    """A store on the database at `url` (`postgresql://user@host/database`); makes its tables if there are none.

    `node` names this node as an owner of outbox leases; it is new with every store that is opened. `connections` is
    how many functions run at once; connections are opened as they are needed. `source` is a checkpoint's folder to
    fill an empty database from; without `make` a database must hold a store already. `conflicts` counts the runs that
    were thrown away. Raises `StoreUnreachable`, `StoreTooNew`.
    """

    shared = True

    def __init__(
        self,
        url: str,
        clock: Clock,
        ids: Ids,
        *,
        connections: int = CONNECTIONS,
        source: str = "",
        make: bool = True,
    ) -> None:
        self.clock = clock
        self.ids = ids
        self.node = ids.request_id()
        self._conninfo = complete(url)
        if source:
            check_format(Path(source))
        prepare_database(self._conninfo, str(Path(source) / ROWS_FILE) if source else "", make=make)
        # For what blocks: opening connections, surveys and copies.
        self._executor = ThreadPoolExecutor(4, "kv-postgres")
        self._pool = Pool(self._conninfo, connections, self._executor)
        # Pauses wait for other processes, which have no share in a manual clock.
        self._machine = SystemClock()
        self.conflicts = 0
        self.heat = Heat()
        self._listeners: list[Callable[[Added], None]] = []
        self._wakes = Wakes(self._conninfo, self.node, ids)
        self._tasks: set[asyncio.Task[Any]] = set()
        self._closed = False

    async def read(self, fn: Callable[[Reader], T]) -> T:
        """Run `fn` on a consistent snapshot."""
        result, _ = await self._start(self._run(fn, READ))
        return result

    async def survey(self, fn: Callable[[Reader], T]) -> T:
        """Run a long read in a thread, on a connection of its own and on a snapshot that cannot conflict."""
        return await self._start(self._blocking(self._survey, fn))

    async def write(self, fn: Callable[[Transaction], T]) -> T:
        """Run `fn` and commit; returns once committed. An exception of `fn` leaves nothing behind."""
        return await self._start(self._write(fn))

    def subscribe(self, fn: Callable[[Added], None]) -> None:
        """Have `fn` called after this node's commits with the (outbox key, due_ns) pairs that they added."""
        self._listeners.append(fn)

    def listen(self, topic: bytes, fn: Callable[[], None]) -> Callable[[], None]:
        """Have `fn` called after commits of any node that woke `topic`, and whenever wakes may have been missed.
        Returns what ends the listening."""
        return self._wakes.listen(topic, fn)

    async def settle(self) -> None:
        """Wait until everything started so far is committed or has failed."""
        if self._tasks:
            await asyncio.wait(set(self._tasks))

    async def checkpoint(self, path: str) -> None:
        """Write a copy of the store to the new folder `path`; `PostgresStore(..., source=path)` starts from it."""
        await self._start(self._blocking(self._copy, Path(path)))

    async def close(self) -> None:
        """Let what is under way end and hang up. May be called twice."""
        self._closed = True
        await self.settle()
        await self._wakes.close()
        self._pool.close()
        self._executor.shutdown()  # nothing runs any more, so this does not wait

    async def _start(self, work: Coroutine[Any, Any, T]) -> T:
        # A task of its own: a caller that is cancelled cannot keep a commit from telling those who wait for it.
        if self._closed:
            work.close()
            raise StoreClosed("the store is closed")
        task = asyncio.create_task(work)
        self._tasks.add(task)
        task.add_done_callback(self._ended)
        return await asyncio.shield(task)

    def _ended(self, task: asyncio.Task[Any]) -> None:
        self._tasks.discard(task)
        if not task.cancelled():
            task.exception()  # it has been looked at, even when its caller has gone

    async def _write(self, fn: Callable[[Transaction], T]) -> T:
        result, view = await self._run(fn, WRITE)
        for callback in view.callbacks:
            safely(callback)
        if view.added:
            for listener in self._listeners:
                safely(listener, view.added)
        if view.woken:
            self._wakes.wake(view.woken)
        return result

    async def _run(self, fn: Callable[[Any], T], begin: bytes) -> tuple[T, _View]:
        locks: set[int] = set()
        lost = 0
        for attempt in range(ATTEMPTS_MAX):
            try:
                return await in_fiber(self._attempt, fn, self._pool.lend(begin, locks))
            except _Conflict as conflict:
                self.conflicts += 1
                self.heat.add(conflict.hot)
                wanted = conflict.locks | {_lock_id(key) for key in conflict.hot}
                if wanted - locks:
                    # Who waits for its turn need not pause.
                    locks |= wanted
                    continue
                if begin == WRITE and attempt >= LOSER_ATTEMPTS:
                    locks.add(LOSERS_LOCK)
            except _Lost as error:
                # The server was perhaps restarted: no connection from before is trusted, or each would fail a run.
                self._pool.distrust(error.generation)
                lost += 1
                if lost > LOST_MAX:
                    raise StoreUnreachable(f"PostgreSQL hangs up: {error}") from error
            pause_ns = int(min(PAUSE_NS << attempt, PAUSE_NS_MAX) * self.ids.random.random())
            await sleep_until(self._machine, self._machine.now_ns() + pause_ns)
        raise TooManyConflicts(f"lost {ATTEMPTS_MAX} attempts")

    def _attempt(self, fn: Callable[[Any], T], lent: Lent) -> tuple[T, _View]:
        """In a fiber, or in a thread with a session of its own: run `fn` once and commit."""
        view = _View(self, lent)
        try:
            try:
                result = fn(view)
                if result.__class__ is CoroutineType:
                    result.close()  # type: ignore[attr-defined]
                    raise TypeError("a function given to write() is plain, not async: nothing waits in a transaction")
            except Exception:
                view.finish()
                view.writes.clear()
                if view.failure is None:
                    view.commit()
                raise
            finally:
                view.finish()
                if view.failure is not None:
                    raise view.failure
            view.commit()
            return result, view
        except _Conflict as conflict:
            conflict.hot = view.contended()
            raise
        finally:
            lent.give_back()

    async def _blocking(self, work: Callable[..., T], *arguments: Any) -> T:
        return await asyncio.get_running_loop().run_in_executor(self._executor, work, *arguments)

    def _survey(self, fn: Callable[[Reader], T]) -> T:
        session = Session(self._conninfo)
        try:
            session.start(b"begin survey", set())
            return self._attempt(fn, Lent(None, b"", set(), session))[0]
        except _Lost as error:
            raise StoreUnreachable(f"PostgreSQL hangs up: {error}") from error
        finally:
            session.wire.close()

    def _copy(self, folder: Path) -> None:
        folder.mkdir(mode=0o700, parents=True)
        try:
            copy_out(self._conninfo, folder / ROWS_FILE)
        except psycopg.Error as error:
            raise StoreError(f"no checkpoint: {one_line(error)}") from error
        check_format(folder)
