"""The engine of many nodes: one PostgreSQL database, any number of stores on it.

A function runs in a worker thread, each of which keeps a connection: the threads are the pool. Transactions are
SERIALIZABLE, readers too (a plain snapshot can show a state that no serial order has); who loses runs again after a
pause. An exception of a function counts only after what it had read is known to be valid, by committing nothing.
"""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Callable, Coroutine
from concurrent.futures import ThreadPoolExecutor
from hashlib import blake2b
from pathlib import Path
from types import CoroutineType
from typing import Any, Final, TypeVar

import psycopg
from psycopg import errors

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

from .postgres_notify import Wakes
from .postgres_session import (
    Session,
    complete,
    one_line,
    prepare_database,
)

T = TypeVar("T")
Added = list[tuple[bytes, int]]

ATTEMPTS_MAX: Final = 64
LOST_MAX: Final = 3
"""How many connections one function may lose before its caller is told."""
CONNECTIONS: Final = 16
PAUSE_NS: Final = 2_000_000
PAUSE_NS_MAX: Final = 100_000_000
LOSER_ATTEMPTS: Final = 6
LOSERS_LOCK: Final = -(1 << 63)
"""Who lost often takes this lock first, so that losers meet one another no more."""
ROWS_FILE: Final = "postgres.copy"


class _Conflict(Exception):
    """The run is void; another may do better. `locks` are to be held from its beginning."""

    def __init__(self, locks: frozenset[int] = frozenset()) -> None:
        super().__init__("lost against another transaction")
        self.locks = locks


class _Lost(Exception):
    """The connection was lost before anything was committed. `generation` is its session's."""

    def __init__(self, message: str, generation: int) -> None:
        super().__init__(message)
        self.generation = generation


class _View:
    """A transaction, or a reader: reads go to the session, through the writes that are kept here until the commit."""

    def __init__(self, store: PostgresStore, session: Session) -> None:
        self._store = store
        self._session = session
        self._own = Layer()
        self._over = False
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
        return self._guarded(self._session.get, key)

    def scan(self, begin: bytes, end: bytes, *, limit: int | None = None, reverse: bool = False) -> Rows:
        """Keys and values of `begin <= key < end` in key order (descending with `reverse`), `limit` at most."""
        self._check()
        if begin >= end or (limit is not None and limit <= 0):
            return []
        over = {key: self.writes[key] for key in self._own.between(begin, end)}
        if not over:
            return self._base(begin, end, limit, reverse)
        return merged_scan(self._base, over, begin, end, limit, reverse)

    def _base(self, begin: bytes, end: bytes, limit: int | None, reverse: bool) -> Rows:
        return self._guarded(self._session.scan, begin, end, limit, reverse)

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
        id = int.from_bytes(blake2b(key, digest_size=8).digest(), signed=True)
        self._guarded(self._lock, id)

    def _lock(self, id: int) -> None:
        session = self._session
        if id in session.locks:
            return
        if not session.begun and id > max(session.locks, default=LOSERS_LOCK):
            session.lock((id,))
        elif not session.try_lock(id):
            raise _Conflict(frozenset((*session.locks, id)))

    def finish(self) -> None:
        """Refuse any further use."""
        self._over = True

    def _check(self) -> None:
        if self._over:
            raise TransactionOver("a transaction ends when its function returns")
        if self.failure is not None:
            raise self.failure

    def _guarded(self, call: Callable[..., T], *arguments: Any) -> T:
        # The function may catch what is raised here; the failure is remembered, for nothing it does counts any more.
        try:
            return call(*arguments)
        except _Conflict as error:
            self.failure = error
        except psycopg.Error as error:
            self.failure = _meaning(self._session, error)
        raise self.failure


def _meaning(session: Session, error: psycopg.Error) -> Exception:
    """What a driver's error before the commit means."""
    if isinstance(error, errors.SerializationFailure | errors.DeadlockDetected):
        return _Conflict()
    if session.lost:
        return _Lost(one_line(error), session.generation)
    failure = StoreError(f"PostgreSQL failed: {one_line(error)}")
    failure.__cause__ = error
    return failure


class PostgresStore:
    """A store on the database at `url` (`postgresql://user@host/database`); makes its tables if there are none.

    `node` names this node as an owner of outbox leases; it is new with every store that is opened. `connections` is
    how many functions run at once; connections are opened as they are needed. `source` is a checkpoint's folder to
    fill an empty database from. Raises `StoreUnreachable`, `StoreTooNew`.
    """

    shared = True

    def __init__(self, url: str, clock: Clock, ids: Ids, *, connections: int = CONNECTIONS, source: str = "") -> None:
        self.clock = clock
        self.ids = ids
        self.node = ids.request_id()
        self._conninfo = complete(url)
        if source:
            check_format(Path(source))
        prepare_database(self._conninfo, str(Path(source) / ROWS_FILE) if source else "")
        self._executor = ThreadPoolExecutor(connections, "kv-postgres")
        self._own = threading.local()
        # Pauses wait for other processes, which have no share in a manual clock.
        self._machine = SystemClock()
        self._generation = 0
        self._sessions: set[Session] = set()
        self._listeners: list[Callable[[Added], None]] = []
        self._wakes = Wakes(self._conninfo, self.node, ids)
        self._tasks: set[asyncio.Task[Any]] = set()
        self._closed = False

    async def read(self, fn: Callable[[Reader], T]) -> T:
        """Run `fn` on a consistent snapshot, in a thread."""
        result, _ = await self._start(self._run(fn, False))
        return result

    async def survey(self, fn: Callable[[Reader], T]) -> T:
        """Run a long read: every read has its snapshot and its thread already."""
        return await self.read(fn)

    async def write(self, fn: Callable[[Transaction], T]) -> T:
        """Run `fn` in a thread and commit; returns once committed. An exception of `fn` leaves nothing behind."""
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
        await self._start(self._checkpoint(Path(path)))

    async def close(self) -> None:
        """Let what is under way end and hang up. May be called twice."""
        self._closed = True
        await self.settle()
        await self._wakes.close()
        self._executor.shutdown()  # nothing runs any more, so this does not wait
        while self._sessions:
            self._sessions.pop().close()

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
        result, view = await self._run(fn, True)
        for callback in view.callbacks:
            safely(callback)
        if view.added:
            for listener in self._listeners:
                safely(listener, view.added)
        if view.woken:
            self._wakes.wake(view.woken)
        return result

    async def _run(self, fn: Callable[[Any], T], writing: bool) -> tuple[T, _View]:
        loop = asyncio.get_running_loop()
        locks: set[int] = set()
        lost = 0
        for attempt in range(ATTEMPTS_MAX):
            try:
                return await loop.run_in_executor(self._executor, self._attempt, fn, writing, locks)
            except _Conflict as conflict:
                if conflict.locks - locks:
                    locks |= conflict.locks
                    continue
                if writing and attempt >= LOSER_ATTEMPTS:
                    locks.add(LOSERS_LOCK)
            except _Lost as error:
                # The server was perhaps restarted: no connection from before is trusted, or each would fail a run.
                self._generation = max(self._generation, error.generation + 1)
                lost += 1
                if lost > LOST_MAX:
                    raise StoreUnreachable(f"PostgreSQL hangs up: {error}") from error
            pause_ns = int(min(PAUSE_NS << attempt, PAUSE_NS_MAX) * self.ids.random.random())
            await sleep_until(self._machine, self._machine.now_ns() + pause_ns)
        raise TooManyConflicts(f"lost {ATTEMPTS_MAX} attempts")

    def _attempt(self, fn: Callable[[Any], T], writing: bool, locks: set[int]) -> tuple[T, _View]:
        """In a worker thread: run `fn` once and commit."""
        session = self._session()
        view = _View(self, session)
        try:
            session.start(writing)
            view._guarded(session.lock, locks)
            try:
                result = fn(view)
                if result.__class__ is CoroutineType:
                    result.close()  # type: ignore[attr-defined]
                    raise TypeError("a function given to write() is plain, not async: nothing waits in a transaction")
            except Exception:
                view.finish()
                if view.failure is None:
                    view._guarded(session.commit, {})
                raise
            finally:
                view.finish()
                if view.failure is not None:
                    raise view.failure
            _commit(session, view._guarded(session.prepare, view.writes))
            return result, view
        finally:
            session.finish()

    def _session(self) -> Session:
        """This thread's connection; a new one when there is none or it was lost."""
        session: Session | None = getattr(self._own, "session", None)
        if session is None or session.lost or session.generation != self._generation:
            if session is not None:
                self._sessions.discard(session)
                session.close()
            session = self._own.session = Session(self._conninfo, self._generation)
            self._sessions.add(session)
        return session

    async def _checkpoint(self, folder: Path) -> None:
        await asyncio.get_running_loop().run_in_executor(self._executor, self._copy, folder)

    def _copy(self, folder: Path) -> None:
        session = self._session()
        folder.mkdir(mode=0o700, parents=True)
        try:
            session.copy_out(folder / ROWS_FILE)
        except psycopg.Error as error:
            raise StoreError(f"no checkpoint: {one_line(error)}") from error
        check_format(folder)


def _commit(session: Session, rows: dict[bytes, bytes | None]) -> None:
    try:
        session.commit(rows)
    except psycopg.Error as error:
        if isinstance(error, errors.SerializationFailure | errors.DeadlockDetected):
            raise _Conflict from error
        if not session.lost:
            raise WriteFailed(f"the store could not commit: {one_line(error)}") from error
        if rows:
            raise CommitUnknown(f"the connection was lost during a commit: {one_line(error)}") from error
        raise _Lost(one_line(error), session.generation) from error
