"""Holds: renewed while a copy goes on, ended with it, and found out when they could not be renewed."""

from __future__ import annotations

import asyncio
import logging

import pytest

from lambent.archive.errors import BackupFailed
from lambent.archive.holding import LENGTH_NS, RENEWAL_NS, Holding
from lambent.blobs.memory import MemoryBlobs
from lambent.contracts.clock import ManualClock
from lambent.contracts.ids import Ids
from lambent.kv import hold
from lambent.kv.engines.memory import MemoryStore
from lambent.kv.errors import WriteFailed
from tests.archive.clouds import one


class Held:
    """A store and blobs on a clock that the test moves."""

    def __init__(self, *, shared: bool) -> None:
        self.clock = ManualClock()
        self.store = MemoryStore(self.clock, Ids(1))
        if shared:
            self.store.handle()
        self.blobs = MemoryBlobs(Ids(2), clock=self.clock)
        self.holding = Holding(self.store, self.blobs, self.clock, Ids(3))

    async def pass_by(self, ns: int) -> None:
        """Let time go on, step by step, and what waits for it run."""
        for _ in range(ns // RENEWAL_NS):
            self.clock.advance(RENEWAL_NS)
            for _ in range(5):
                await asyncio.sleep(0)


@pytest.mark.parametrize("shared", [False, True])
async def test_a_hold_lasts_as_long_as_it_is_needed(shared: bool) -> None:
    held = Held(shared=shared)
    name = (await held.blobs.write(one(b"body"))).name
    async with held.holding as holding:
        await held.pass_by(3 * hold.LENGTH_NS)
        held.blobs.release(name)
        await held.pass_by(hold.LENGTH_NS)
        assert await held.blobs.read(name) == b"body"
        assert (await held.store.read(hold.until_ns) > held.clock.now_ns()) == shared
        holding.check()
    assert await held.store.read(hold.until_ns) == 0
    await held.pass_by(hold.LENGTH_NS + LENGTH_NS)
    with pytest.raises(KeyError):
        await held.blobs.read(name)


async def test_a_hold_that_ran_out_is_found_out(caplog: pytest.LogCaptureFixture) -> None:
    held = Held(shared=True)
    write = held.store.write

    async def fail(fn: object) -> object:
        raise WriteFailed("cut off")

    with caplog.at_level(logging.WARNING):
        async with held.holding as holding:
            held.store.write = fail
            await held.pass_by(hold.LENGTH_NS // 2)
            holding.check()
            await held.pass_by(hold.LENGTH_NS)
            with pytest.raises(BackupFailed, match="ran out"):
                holding.check()
            held.store.write = write
            await held.pass_by(RENEWAL_NS)
            with pytest.raises(BackupFailed, match="ran out"):
                holding.check()  # blobs may have gone meanwhile
    assert "was not renewed: cut off" in caplog.text


async def test_records_of_the_dead_go_away_and_the_latest_end_counts() -> None:
    store = MemoryStore(ManualClock(), Ids(1))
    await store.write(lambda tx: hold.put(tx, "dead", 0, 100))
    await store.write(lambda tx: hold.put(tx, "one", 50, 300))
    await store.write(lambda tx: hold.put(tx, "two", 50, 200))
    assert await store.read(hold.until_ns) == 300
    await store.write(lambda tx: hold.end(tx, "one"))
    assert await store.read(hold.until_ns) == 200
    await store.write(lambda tx: hold.put(tx, "late", 101 + hold.LENGTH_NS, 0))
    assert len(await store.read(lambda tx: tx.scan(b"", b"\xff"))) == 2
