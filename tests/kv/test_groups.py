"""Group commit: who waits for which flush, and what a failing one takes with it."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest

from lambent.contracts.clock import ManualClock
from lambent.contracts.ids import Ids
from lambent.contracts.ports import Transaction
from lambent.kv.engines.memory import MemoryStore
from lambent.kv.errors import TooManyConflicts, WriteFailed
from tests.kv.contract import EVENT, everything, fill


class HeldStore(MemoryStore):
    """An engine whose commits take until the test says so, like an fsync."""

    def __init__(self) -> None:
        super().__init__(ManualClock(), Ids(1))
        self.batches: list[dict[bytes, bytes | None]] = []
        self.held: list[asyncio.Future[None]] = []

    def commit(self, writes: dict[bytes, bytes | None]) -> asyncio.Future[None]:
        """Note the batch; it is applied by `let_go`."""
        self.batches.append(dict(writes))
        self.held.append(asyncio.get_running_loop().create_future())
        return self.held[-1]

    async def let_go(self, error: Exception | None = None) -> None:
        """End the oldest commit under way."""
        future = self.held.pop(0)
        if error is None:
            super().commit(self.batches[-1])
            future.set_result(None)
        else:
            future.set_exception(error)
        await turns()


async def turns(count: int = 5) -> None:
    """Let the loop turn."""
    for _ in range(count):
        await asyncio.sleep(0)


async def start(*work: Any) -> list[asyncio.Task[Any]]:
    """Begin, and run until everything waits."""
    tasks = [asyncio.create_task(one) for one in work]
    await turns()
    return tasks


def states(tasks: list[asyncio.Task[Any]]) -> str:
    """One letter a task: w(aiting), d(one), f(ailed to write)."""
    return "".join("w" if not t.done() else "f" if isinstance(t.exception(), WriteFailed) else "d" for t in tasks)


async def test_the_writes_of_a_turn_share_a_commit_and_later_ones_the_next() -> None:
    store = HeldStore()
    first = await start(*(store.write(fill({b"a%d" % i: b""})) for i in range(3)))
    second = await start(*(store.write(fill({b"b%d" % i: b""})) for i in range(4)))
    assert [len(batch) for batch in store.batches] == [3]
    assert states(first + second) == "wwwwwww"
    await store.let_go()
    assert states(first + second) == "dddwwww"
    assert [len(batch) for batch in store.batches] == [3, 4]
    await store.let_go()
    assert states(second) == "dddd"


async def test_a_reader_waits_only_for_what_it_saw() -> None:
    store = HeldStore()
    await start(store.write(fill({b"a": b"1"})))
    readers = await start(
        store.read(lambda tx: tx.get(b"a")),
        store.read(everything),
        store.write(lambda tx: tx.get(b"a")),
        store.read(lambda tx: tx.get(b"b")),
        store.read(lambda tx: tx.scan(b"b", b"c")),
        store.write(lambda tx: tx.get(b"b")),
    )
    assert states(readers) == "wwwddd"
    await store.let_go()
    assert states(readers) == "dddddd"
    assert readers[0].result() == b"1"


async def test_a_refusal_that_rests_on_a_write_waits_for_it_too() -> None:
    def refuse(tx: Transaction) -> None:
        if tx.get(b"a") is not None:
            raise FileExistsError

    store = HeldStore()
    await start(store.write(fill({b"a": b"1"})))
    (refused,) = await start(store.write(refuse))
    assert states([refused]) == "w"
    await store.let_go()
    assert isinstance(refused.exception(), FileExistsError)


async def test_a_failing_commit_takes_everyone_with_it_who_built_on_it() -> None:
    store = HeldStore()
    told: list[object] = []
    store.subscribe(told.append)
    await start(store.write(fill({b"a": b"0"})))
    await store.let_go()

    def doomed(tx: Transaction) -> None:
        tx.put(b"a", b"1")
        tx.emit(EVENT)
        tx.on_commit(lambda: told.append("committed"))

    first = await start(store.write(doomed), store.write(fill({b"b": b"1"})))
    second = await start(store.write(lambda tx: tx.put(b"c", tx.get(b"a") or b"")), store.read(lambda tx: tx.get(b"a")))
    await store.let_go(OSError("disk full"))
    assert states(first + second) == "ffff"
    assert "disk full" in str(first[0].exception())
    assert told == []
    assert await store.read(everything) == [(b"a", b"0")]
    (after,) = await start(store.write(fill({b"d": b"1"})))
    assert store.batches[-1] == {b"d": b"1"}
    await store.let_go()
    assert states([after]) == "d"


async def test_a_commit_that_raises_at_once_is_as_clean() -> None:
    class Full(MemoryStore):
        full = True

        def commit(self, writes: dict[bytes, bytes | None]) -> asyncio.Future[None] | None:
            if self.full:
                raise OSError("disk full")
            return super().commit(writes)

    store = Full(ManualClock(), Ids(1))
    for _ in range(3):
        assert states(await start(*(store.write(fill({b"a": b"1"})) for _ in range(3)))) == "fff"
        assert await store.read(everything) == []
    store.full = False
    assert states(await start(store.write(fill({b"a": b"2"})))) == "d"
    assert await store.read(everything) == [(b"a", b"2")]


async def test_a_function_that_always_loses_is_given_up() -> None:
    store = MemoryStore(ManualClock(), Ids(1), conflicts=lambda earlier: True)
    with pytest.raises(TooManyConflicts):
        await store.write(fill({b"a": b"1"}))
    assert await store.read(everything) == []
