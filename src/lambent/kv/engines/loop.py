"""What the embedded engines share: handlers run in the event loop, the writes of one turn go down as one batch.

A handler is a plain function, so no two of them interleave and their order in the loop is the serial order. Its
writes are buffered; when it returns they join the open group, which later handlers read through. At the end of the
turn the group is flushed, and only then are its writers answered. While a flush is under way (strict durability:
fsync in a thread) the next group gathers. There are thus at most two groups: one flushing, one open.
"""

from __future__ import annotations

import asyncio
import contextlib
from abc import ABC, abstractmethod
from collections.abc import Callable, Iterable
from types import CoroutineType
from typing import TypeVar

from lambent.contracts.clock import Clock
from lambent.contracts.events import Event
from lambent.contracts.ids import Ids
from lambent.contracts.ports import Reader, Transaction
from lambent.kv import outbox
from lambent.kv.buffer import Layer, Rows, merged_scan
from lambent.kv.errors import StoreClosed, TooManyConflicts, TransactionOver, WriteFailed
from lambent.kv.topics import Topics, safely

T = TypeVar("T")
Added = list[tuple[bytes, int]]

ATTEMPTS_MAX = 64


class Group(Layer):
    """The writes of one turn and who waits for them."""

    __slots__ = ("added", "callbacks", "waiters", "woken")

    def __init__(self) -> None:
        super().__init__()
        self.waiters: list[asyncio.Future[None]] = []
        self.callbacks: list[Callable[[], None]] = []
        self.added: Added = []
        self.woken: dict[bytes, None] = {}


class _View:
    """A reader: the layers above the engine, newest first. `touched` says whether it saw an uncommitted write."""

    __slots__ = ("_layers", "_over", "_store", "touched")

    def __init__(self, store: LoopStore, layers: tuple[Layer, ...]) -> None:
        self._store = store
        self._layers = layers
        self._over = False
        self.touched = False

    def get(self, key: bytes) -> bytes | None:
        """The value of `key`, or None."""
        if self._over:
            raise TransactionOver("a transaction ends when its function returns")
        for layer in self._layers:
            if key in layer.writes:
                self._see(layer)
                return layer.writes[key]
        return self._store.base_get(key)

    def scan(self, begin: bytes, end: bytes, *, limit: int | None = None, reverse: bool = False) -> Rows:
        """Keys and values of `begin <= key < end` in key order (descending with `reverse`), `limit` at most."""
        if self._over:
            raise TransactionOver("a transaction ends when its function returns")
        if begin >= end or (limit is not None and limit <= 0):
            return []
        over: dict[bytes, bytes | None] = {}
        for layer in reversed(self._layers):
            keys = layer.between(begin, end)
            if keys:
                self._see(layer)
                writes = layer.writes
                over.update((key, writes[key]) for key in keys)
        if not over:
            return self._store.base_scan(begin, end, limit, reverse)
        return merged_scan(self._store.base_scan, over, begin, end, limit, reverse)

    def _see(self, layer: Layer) -> None:
        self.touched = True

    def finish(self) -> None:
        """Refuse any further use."""
        self._over = True


class LoopTransaction(_View):
    """A view with a layer of its own on top."""

    __slots__ = ("_own", "added", "callbacks", "woken", "writes")

    def __init__(self, store: LoopStore, layers: tuple[Layer, ...]) -> None:
        self._own = Layer()
        super().__init__(store, (self._own, *layers))
        self.writes = self._own.writes
        self.callbacks: list[Callable[[], None]] | None = None
        self.added: Added | None = None
        self.woken: dict[bytes, None] | None = None

    def _see(self, layer: Layer) -> None:
        if layer is not self._own:
            self.touched = True

    def put(self, key: bytes, value: bytes) -> None:
        """Set `key` to `value`; both are exactly bytes, because the batch that they join is everyone's."""
        if self._over:
            raise TransactionOver("a transaction ends when its function returns")
        if key.__class__ is not bytes or value.__class__ is not bytes:
            raise TypeError(f"keys and values are bytes, not {type(key).__name__} and {type(value).__name__}")
        self.writes[key] = value

    def delete(self, key: bytes) -> None:
        """Remove `key`; nothing happens when it is absent."""
        if self._over:
            raise TransactionOver("a transaction ends when its function returns")
        if key.__class__ is not bytes:
            raise TypeError(f"keys are bytes, not {type(key).__name__}")
        self.writes[key] = None

    def emit(self, event: Event, *, at_ns: int = 0) -> str:
        """Put an event into the outbox; returns its id."""
        store = self._store
        id = store.ids.request_id()
        if self.added is None:
            self.added = []
        self.added.append(outbox.emit(self, event, id, store.clock.now_ns(), at_ns, store.node))
        return id

    def on_commit(self, fn: Callable[[], None]) -> None:
        """Call `fn` on the event loop after the commit."""
        if self._over:
            raise TransactionOver("a transaction ends when its function returns")
        if self.callbacks is None:
            self.callbacks = []
        self.callbacks.append(fn)

    def wake(self, topic: bytes) -> None:
        """After the commit, call whoever listens to `topic`."""
        if self._over:
            raise TransactionOver("a transaction ends when its function returns")
        if topic.__class__ is not bytes:
            raise TypeError(f"topics are bytes, not {type(topic).__name__}")
        if self.woken is None:
            self.woken = {}
        self.woken[topic] = None

    def lock(self, key: bytes) -> None:
        """Nothing to do: in one loop every transaction is serialised with every other."""

    def try_lock(self, key: bytes) -> bool:
        """True: in one loop nobody else can have it."""
        return True


class Frozen:
    """A reader of a snapshot, for surveys: an engine's ways to get and to scan it."""

    def __init__(
        self, get: Callable[[bytes], bytes | None], scan: Callable[[bytes, bytes, int | None, bool], Rows]
    ) -> None:
        self.get = get
        self._scan = scan

    def scan(self, begin: bytes, end: bytes, *, limit: int | None = None, reverse: bool = False) -> Rows:
        """Rows of `begin <= key < end`; see `contracts.ports.Reader`."""
        return [] if begin >= end else self._scan(begin, end, limit, reverse)


class LoopStore(ABC):
    """An embedded store. An engine says how to read what is committed and how to commit a batch.

    `node` names this node as an owner of outbox leases; it is new with every store that is opened.
    """

    shared = False

    def __init__(self, clock: Clock, ids: Ids) -> None:
        self.clock = clock
        self.ids = ids
        self.node = ids.request_id()
        self._open: Group | None = None
        self._flushing: Group | None = None
        self._layers: tuple[Layer, ...] = ()
        self._listeners: list[Callable[[Added], None]] = []
        self._topics = Topics()
        self._closed = False
        self._scheduled = False

    @abstractmethod
    def base_get(self, key: bytes) -> bytes | None:
        """The committed value of `key`."""

    @abstractmethod
    def base_scan(self, begin: bytes, end: bytes, limit: int | None, reverse: bool) -> Rows:
        """Committed rows of `begin <= key < end`."""

    @abstractmethod
    def commit(self, writes: dict[bytes, bytes | None]) -> asyncio.Future[None] | None:
        """Apply a batch, whole or not at all: now (None), or when the returned future is done. Raises on failure."""

    def valid(self, attempt: int) -> bool:
        """Asked after a function ran, before its writes count: False throws the run away and repeats it."""
        return True

    async def read(self, fn: Callable[[Reader], T]) -> T:
        """Run `fn` on a consistent snapshot; returns after what it saw is durable."""
        if self._closed:
            raise StoreClosed("the store is closed")
        view = _View(self, self._layers)
        try:
            result = fn(view)
        except Exception:
            view.finish()
            if view.touched:
                await self._settled()
            raise
        view.finish()
        if view.touched:
            await self._settled()
        return result

    @abstractmethod
    def base_snapshot(self) -> Reader:
        """What is committed now, to be read from another thread while the store goes on."""

    async def survey(self, fn: Callable[[Reader], T]) -> T:
        """Run a long read in a thread, on a snapshot of what is committed; the loop goes on."""
        if self._closed:
            raise StoreClosed("the store is closed")
        return await asyncio.to_thread(fn, self.base_snapshot())

    async def write(self, fn: Callable[[Transaction], T]) -> T:
        """Run `fn` and commit; returns once committed. An exception of `fn` leaves nothing behind."""
        for attempt in range(ATTEMPTS_MAX):
            if self._closed:
                raise StoreClosed("the store is closed")
            tx = LoopTransaction(self, self._layers)
            try:
                result = fn(tx)
                if result.__class__ is CoroutineType:
                    result.close()  # type: ignore[attr-defined]
                    raise TypeError("a function given to write() is plain, not async: nothing waits in a transaction")
            except Exception:
                tx.finish()
                if tx.touched:
                    await self._settled()
                raise
            tx.finish()
            if not self.valid(attempt):
                await asyncio.sleep(0)
                continue
            if tx.writes or tx.callbacks is not None or tx.woken is not None:
                await self._join(tx)
            elif tx.touched:
                await self._settled()
            return result
        raise TooManyConflicts(f"lost {ATTEMPTS_MAX} attempts")

    def subscribe(self, fn: Callable[[Added], None]) -> None:
        """Have `fn` called after commits with the (outbox key, due_ns) pairs that they added."""
        self._listeners.append(fn)

    def listen(self, topic: bytes, fn: Callable[[], None]) -> Callable[[], None]:
        """Have `fn` called after commits that woke `topic`; returns what ends the listening."""
        return self._topics.listen(topic, fn)

    def wake(self, topics: Iterable[bytes]) -> None:
        """Call the listeners of `topics`."""
        self._topics.call(topics)

    async def settle(self) -> None:
        """Wait until everything written so far is committed."""
        with contextlib.suppress(WriteFailed):
            while self._open is not None or self._flushing is not None:
                await self._settled()

    async def close(self) -> None:
        """Commit what is under way, then refuse everything."""
        await self.settle()
        self._closed = True

    def _join(self, tx: LoopTransaction) -> asyncio.Future[None]:
        group = self._open
        if group is None:
            group = self._open = Group()
            self._restack()
            self._schedule()
        group.writes.update(tx.writes)
        if tx.callbacks is not None:
            group.callbacks += tx.callbacks
        if tx.added is not None:
            group.added += tx.added
        if tx.woken is not None:
            group.woken |= tx.woken
        return self._wait_for(group)

    async def _settled(self) -> None:
        """Wait for the newest group: it fails whenever an older one does."""
        group = self._open or self._flushing
        if group is not None:
            await self._wait_for(group)

    @staticmethod
    def _wait_for(group: Group) -> asyncio.Future[None]:
        # One future each: cancelling a writer must not cancel its neighbours.
        waiter = asyncio.get_running_loop().create_future()
        group.waiters.append(waiter)
        return waiter

    def _schedule(self) -> None:
        if not self._scheduled:
            self._scheduled = True
            asyncio.get_running_loop().call_soon(self._flush)

    def _restack(self) -> None:
        self._layers = tuple(group for group in (self._open, self._flushing) if group is not None)

    def _flush(self) -> None:
        self._scheduled = False
        if self._flushing is not None or self._open is None:
            return  # when the flush under way is over, it schedules the next
        group, self._flushing, self._open = self._open, self._open, None
        try:
            future = self.commit(group.writes)
        except Exception as error:
            self._failed(group, error)
            return
        if future is None:
            self._committed(group)
        else:
            self._restack()
            future.add_done_callback(lambda future: self._landed(group, future))

    def _landed(self, group: Group, future: asyncio.Future[None]) -> None:
        error = future.exception()
        if error is None:
            self._committed(group)
        else:
            self._failed(group, error)

    def _committed(self, group: Group) -> None:
        self._flushing = None
        self._restack()
        for callback in group.callbacks:
            safely(callback)
        if group.added:
            for listener in self._listeners:
                safely(listener, group.added)
        if group.woken:
            self.wake(group.woken)
        for waiter in group.waiters:
            if not waiter.done():
                waiter.set_result(None)
        if self._open is not None:
            self._schedule()

    def _failed(self, group: Group, cause: BaseException) -> None:
        # Whoever ran meanwhile may have read what now never was, so the open group falls with the flushing one.
        doomed = [group] if self._open is None else [group, self._open]
        self._flushing = self._open = None
        self._restack()
        for waiter in (waiter for fallen in doomed for waiter in fallen.waiters):
            if not waiter.done():
                error = WriteFailed(f"the store could not commit: {cause}")
                error.__cause__ = cause
                waiter.set_exception(error)
