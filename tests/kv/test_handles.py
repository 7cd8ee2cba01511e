"""Several nodes on one memory, as simulations use them."""

from __future__ import annotations

import asyncio

import pytest

from lambent.contracts.clock import ManualClock
from lambent.contracts.ids import Ids
from lambent.contracts.ports import Transaction
from lambent.kv.engines.memory import MemoryStore
from lambent.kv.errors import StoreClosed
from tests.kv.contract import EVENT, everything, fill


def increment(tx: Transaction) -> None:
    tx.put(b"n", b"%d" % (int(tx.get(b"n") or b"0") + 1))


async def test_handles_share_rows_in_one_order() -> None:
    one = MemoryStore(ManualClock(), Ids(1))
    early = asyncio.create_task(one.write(increment))
    await asyncio.sleep(0)
    two = one.handle()
    assert one.shared
    assert two.shared
    assert one.node != two.node
    await asyncio.gather(early, *(store.write(increment) for store in (one, two, one, two)))
    assert await two.read(lambda tx: tx.get(b"n")) == b"5"
    assert await one.survey(everything) == [(b"n", b"5")]


async def test_topics_wake_across_handles_and_events_are_told_to_their_own() -> None:
    one = MemoryStore(ManualClock(), Ids(1))
    two = one.handle(ManualClock(5), Ids(2))
    woken: list[str] = []
    told: list[str] = []
    for name, store in (("one", one), ("two", two)):
        store.listen(b"t", lambda name=name: woken.append(name))  # type: ignore[misc]
        store.subscribe(lambda added, name=name: told.append(name))  # type: ignore[misc]

    def fn(tx: Transaction) -> None:
        tx.wake(b"t")
        tx.emit(EVENT)

    await two.write(fn)
    assert woken == ["one", "two"]
    assert told == ["two"]


async def test_a_handle_that_dies_answers_nobody_and_leaves_what_it_committed() -> None:
    one = MemoryStore(ManualClock(), Ids(1))
    two = one.handle()
    woken: list[int] = []
    two.listen(b"t", lambda: woken.append(2))
    task = asyncio.create_task(two.write(fill({b"k": b"v"})))
    await asyncio.sleep(0)
    two.die()
    await one.write(lambda tx: tx.wake(b"t"))
    assert woken == []
    assert not task.done()
    task.cancel()
    with pytest.raises(StoreClosed):
        await two.read(everything)
    assert await one.read(everything) == [(b"k", b"v")]


async def test_closing_a_handle_leaves_the_others() -> None:
    one = MemoryStore(ManualClock(), Ids(1))
    two = one.handle()
    await one.write(fill({b"k": b"v"}))
    await one.close()
    await one.close()
    assert await two.read(everything) == [(b"k", b"v")]
