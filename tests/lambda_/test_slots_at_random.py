"""Concurrency limits under everything at once: nodes die, commits fail, or only seem to fail; time passes."""

from __future__ import annotations

import asyncio
import random
from collections.abc import Callable, Coroutine
from typing import Any

import pytest

from lambent.contracts.functions import FunctionSpec, Slot, TooManyRequests
from lambent.contracts.ports import Transaction
from lambent.kv.engines.memory import MemoryStore
from lambent.kv.errors import StoreError
from lambent.services.lambda_ import LambdaHost, forget_node, keys
from lambent.services.lambda_.model import AccountRecord
from lambent.services.lambda_.slots import RETRY_NS, TRUST_NS
from tests.support import ACCOUNT, REGION

from .support import LambdaCloud
from .test_slots import turns


class Chaos:
    """A cloud of nodes that die and join; `limit` calls may run at once, each of them counted while it runs."""

    def __init__(self, seed: int, limit: int, reserved: bool) -> None:
        self.chance = random.Random(seed)
        self.limit = limit
        self.reserved = reserved
        self.first = LambdaCloud()  # never dies: it stands for those who see the others die
        self.nodes: dict[LambdaHost, LambdaCloud] = {}
        self.running: dict[LambdaHost, int] = {}
        self.failing = True
        self.ran = 0
        self.under_way: dict[LambdaHost, set[asyncio.Task[Any]]] = {}

    def spec(self) -> FunctionSpec:
        """The function that is called."""
        return FunctionSpec(
            arn="arn", name="f", version="$LATEST", account=ACCOUNT, region=REGION, runtime="", handler="", code="",
            role="", reserved_concurrency=self.limit if self.reserved else None,
        )  # fmt: skip

    def join(self) -> None:
        """A node more."""
        cloud = LambdaCloud(beside=self.first)
        cloud.store.write = self._failing(cloud.store)  # type: ignore[assignment, method-assign]
        cloud.store._conflicts = lambda earlier: earlier == 0 and self.chance.random() < 0.3
        host = LambdaHost(cloud)
        self.nodes[host], self.running[host], self.under_way[host] = cloud, 0, set()

    def _failing(self, store: MemoryStore) -> Callable[[Callable[[Transaction], Any]], Any]:
        write = store.write

        async def sometimes(fn: Callable[[Transaction], Any]) -> Any:
            fate = self.chance.random() if self.failing else 1.0
            if fate < 0.05:
                raise StoreError("not committed")
            for _ in range(self.chance.randrange(3)):
                await asyncio.sleep(0)
            result = await write(fn)
            if fate < 0.1:
                raise StoreError("committed, but nobody was told")
            return result

        return sometimes

    async def on(self, host: LambdaHost, work: Coroutine[Any, Any, Any]) -> asyncio.Task[Any]:
        """Do something on a node; it ends with the node, if not before."""
        task = asyncio.ensure_future(work)
        self.under_way[host].add(task)
        await asyncio.wait([task])
        if host in self.under_way:
            self.under_way[host].discard(task)
        return task

    async def call(self) -> None:
        """One call on some node, which runs for a while."""
        host = self.chance.choice(list(self.nodes))
        entering = await self.on(host, host.enter(self.spec()))
        if host not in self.running:
            return  # dead before it was told
        if isinstance(entering.exception(), TooManyRequests | StoreError):
            return
        slot = entering.result()
        self.ran += 1
        self.running[host] += 1
        assert sum(self.running.values()) <= self.limit
        for _ in range(self.chance.randrange(12)):
            await asyncio.sleep(0)
        if host in self.running:
            self.running[host] -= 1
            await self.on(host, slot.leave())

    async def kill(self) -> None:
        """A node is gone in the middle of whatever it did; the others notice."""
        host = self.chance.choice(list(self.nodes))
        cloud = self.nodes.pop(host)
        del self.running[host]
        cloud.store.die()
        for task in self.under_way.pop(host):
            task.cancel()
        await self.first.store.write(lambda tx: forget_node(tx, cloud.store.node))
        self.join()

    async def client(self) -> None:
        """Calls one after another, while nodes die and time passes."""
        for _ in range(30):
            fate = self.chance.random()
            if fate < 0.03:
                await self.kill()
            elif fate < 0.15:
                self.first.clock.advance(self.chance.choice((1, RETRY_NS, TRUST_NS)))
            else:
                await self.call()


@pytest.mark.parametrize("reserved", [True, False])
@pytest.mark.parametrize("seed", range(12))
async def test_no_limit_is_passed_and_no_slot_is_lost(seed: int, reserved: bool) -> None:
    """Whatever happens, no more run than may; once all is quiet, as many as may find room, on any node."""
    chaos = Chaos(seed, limit=3, reserved=reserved)
    await chaos.first.store.write(lambda tx: keys._accounts.put(tx, AccountRecord(997), ACCOUNT, REGION))
    chaos.first.store.handle()
    for _ in range(3):
        chaos.join()
    await asyncio.gather(*(chaos.client() for _ in range(6)))
    assert chaos.ran > 20
    assert set(chaos.running.values()) == {0}
    chaos.failing = False
    chaos.first.clock.advance(RETRY_NS)
    await turns()
    for host in chaos.nodes:
        slots: list[Slot] = []
        while len(slots) < 3:
            # Spare slots of others are called back by the first refusal.
            [found] = await asyncio.gather(host.enter(chaos.spec()), return_exceptions=True)
            await turns()
            if isinstance(found, BaseException):
                assert not reserved
                assert isinstance(found, TooManyRequests)
            else:
                slots.append(found)
        with pytest.raises(TooManyRequests):
            await host.enter(chaos.spec())
        for slot in slots:
            await slot.leave()
    for host in chaos.nodes:
        await host.close()
    assert await chaos.first.store.read(keys.slots.scan) == []
