"""What a process of the contention benchmark does: open a store as a node, work for some seconds, say how it went."""

from __future__ import annotations

import asyncio
import json
import sys
from collections.abc import Awaitable, Callable
from functools import partial
from time import perf_counter, process_time, time_ns
from typing import Any, Final

from lambent.contracts.clock import SystemClock
from lambent.contracts.events import Event
from lambent.contracts.ids import Ids
from lambent.contracts.ports import Reader, Transaction
from lambent.kv import outbox
from lambent.kv.engines.postgres import PostgresStore

WRITERS: Final = 48
CLAIMED_MAX: Final = 64
VALUE: Final = b"v" * 200
EVENT: Final = Event(
    target="arn:aws:lambda:us-east-1:000000000000:function:f",
    payload=b"{}" * 100,
    source="arn:aws:s3:::b",
    principal="s3.amazonaws.com",
    account="000000000000",
    region="us-east-1",
)


class Worker:
    """One node's store and what was counted."""

    shared = True

    def __init__(self, url: str, number: int, count: int) -> None:
        self.store = PostgresStore(url, SystemClock(), Ids())
        self.number = number
        self.writers = WRITERS // count
        self.until = 0.0
        self.commits = 0
        self.taken_ms: list[float] = []
        self.added: asyncio.Queue[bytes] = asyncio.Queue(CLAIMED_MAX)
        self.room = asyncio.Semaphore(256)

    def hear(self, added: list[tuple[bytes, int]]) -> None:
        """Keep the keys of what was emitted here."""
        for key, _ in added:
            self.added.put_nowait(key)

    @property
    def on(self) -> bool:
        """Whether there is time left."""
        return perf_counter() < self.until

    async def write(self, fn: Callable[[Transaction], Any]) -> Any:
        """Write, and count."""
        result = await self.store.write(fn)
        self.commits += 1
        return result

    async def read(self, fn: Callable[[Reader], Any]) -> Any:
        """Read, and count."""
        result = await self.store.read(fn)
        self.commits += 1
        return result

    async def timed(self, work: Awaitable[Any]) -> Any:
        """Await, and count as one operation if it ended in time."""
        start = perf_counter()
        result = await work
        end = perf_counter()
        if end < self.until:
            self.taken_ms.append((end - start) * 1e3)
        return result


def _count(tx: Transaction, key: bytes) -> None:
    tx.put(key, b"%d" % (int(tx.get(key) or b"0") + 1))


def _count_locked(tx: Transaction) -> None:
    tx.lock(b"hot")
    _count(tx, b"hot")


async def _hot(worker: Worker, writer: int) -> None:
    while worker.on:
        await worker.timed(worker.write(lambda tx: _count(tx, b"hot")))


async def _hot_locked(worker: Worker, writer: int) -> None:
    while worker.on:
        await worker.timed(worker.write(_count_locked))


async def _own(worker: Worker, writer: int) -> None:
    key = b"own/%d/%d" % (worker.number, writer)
    while worker.on:
        await worker.timed(worker.write(lambda tx: _count(tx, key)))


async def _insert(worker: Worker, writer: int) -> None:
    done = 0

    def item(tx: Transaction) -> None:
        tx.get(b"%d/%d/%06d" % (worker.number, writer, done // 2))
        for table in (b"item", b"index", b"stream"):
            tx.put(b"%s/%d/%d/%06d" % (table, worker.number, writer, done), VALUE)

    while worker.on:
        await worker.timed(worker.write(item))
        done += 1


def _look(begin: bytes, tx: Reader) -> int:
    return len(tx.scan(begin, begin + b"\xff", limit=200))


async def _list(worker: Worker, writer: int) -> None:
    """One in six lists pages of rows that the others write, as a client that looks through a bucket."""
    if writer % 6:
        await _insert(worker, writer)
        return
    while worker.on:
        begin = b"item/%d/%d/" % (worker.number, writer + 1)
        await worker.timed(worker.read(partial(_look, begin)))


async def _read(worker: Worker, writer: int) -> None:
    key = b"own/%d/%d" % (worker.number, writer)
    await worker.write(lambda tx: _count(tx, key))
    while worker.on:
        await worker.timed(worker.read(lambda tx: tx.get(key)))


async def _events(worker: Worker, writer: int) -> None:
    """As a node with its own events: emit, look, deliver, done."""
    if writer == 0:
        worker.store.subscribe(worker.hear)
    await asyncio.sleep(0)

    async def once() -> None:
        await worker.write(lambda tx: tx.emit(EVENT))
        key = await worker.added.get()
        await worker.read(lambda tx: outbox.load(tx, key))
        await worker.write(lambda tx: outbox.done(tx, key))

    while worker.on:
        await worker.timed(once())


async def _queue(worker: Worker, writer: int) -> None:
    """Two thirds emit what is due at once to anybody. One task of a process claims, as its relay does, and the rest
    do what was claimed. A delivery counts, from its claim to its end."""
    if writer % 3:
        while worker.on:
            # Producers that run away would make this a measurement of a backlog.
            await worker.room.acquire()
            await worker.write(lambda tx: tx.emit(EVENT, at_ns=time_ns() + 1_000_000))
        return
    if writer == 0:
        while worker.on:
            node = worker.store.node
            claimed = await outbox.claim_due(worker, time_ns(), CLAIMED_MAX, outbox.LEASE_NS, node)  # type: ignore[arg-type]
            for key, _ in claimed:
                await worker.added.put(key)
            if not claimed:
                await asyncio.sleep(0.005)
        for _ in range(worker.writers):
            worker.room.release()
            await worker.added.put(b"")
        return
    while key := await worker.added.get():
        await worker.timed(worker.write(partial(_done, key)))
        worker.room.release()


def _done(key: bytes, tx: Transaction) -> None:
    outbox.done(tx, key)


async def _wake(worker: Worker, writer: int) -> None:
    """The first process wakes, with its time in the row; the others hear it and look at the row."""
    if writer:
        return
    rung = asyncio.Event()
    worker.store.listen(b"bell", rung.set)
    await asyncio.sleep(0.2)
    rung.clear()
    while worker.on:
        if worker.number == 0:
            now = perf_counter()

            def ring(tx: Transaction, now: float = now) -> None:
                tx.put(b"rung", b"%d" % int(now * 1e9))
                tx.wake(b"bell")

            await worker.write(ring)
            await asyncio.sleep(0.02)
            continue
        try:
            await asyncio.wait_for(rung.wait(), 1)
        except TimeoutError:
            continue
        heard = perf_counter()
        rung.clear()
        rung_ns = int(await worker.read(lambda tx: tx.get(b"rung")) or b"0")
        worker.taken_ms.append((heard - rung_ns / 1e9) * 1e3)


CASES: Final[dict[str, Callable[[Worker, int], Awaitable[None]]]] = {
    "read one key": _read,
    "count, own key": _own,
    "insert three": _insert,
    "insert beside lists": _list,
    "count, one key": _hot,
    "count, one key, locked": _hot_locked,
    "events of one's own": _events,
    "queue of all": _queue,
    "wake": _wake,
}


async def work(case: str, url: str, seconds: float, number: int, count: int) -> None:
    """Say ready, wait for go, work, say how it went, wait for the end."""
    worker = Worker(url, number, count)
    await asyncio.gather(*(worker.write(lambda tx: tx.get(b"warm")) for _ in range(64)))
    worker.commits, conflicts = 0, worker.store.conflicts
    print("ready", flush=True)
    await asyncio.to_thread(sys.stdin.readline)
    cpu_s = process_time()
    worker.until = perf_counter() + seconds
    await asyncio.gather(*(CASES[case](worker, writer) for writer in range(worker.writers)))
    counted = {"conflicts": worker.store.conflicts - conflicts, "commits": worker.commits}
    print(json.dumps({**counted, "cpu_s": process_time() - cpu_s, "taken_ms": worker.taken_ms}), flush=True)
    await asyncio.to_thread(sys.stdin.readline)
    await worker.store.close()
