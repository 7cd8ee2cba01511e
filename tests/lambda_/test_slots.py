"""Limits of concurrency over several nodes: never passed, never refused without need, and freed by whoever is left."""

from __future__ import annotations

import asyncio
import random
from collections.abc import Awaitable, Callable, Mapping
from typing import Any

import pytest

from lambent.contracts.functions import FunctionSpec, Slot, TooManyRequests
from lambent.contracts.ports import Transaction
from lambent.kv import nodes
from lambent.kv.engines.memory import MemoryStore
from lambent.kv.errors import StoreError
from lambent.services.lambda_ import LambdaHost, forget_node, keys
from lambent.services.lambda_.model import AccountRecord, SlotsRecord
from lambent.services.lambda_.slots import ABSENT_NS, ACCOUNT_REASON, CHUNK, RESERVED_REASON, RETRY_NS, TRUST_NS
from tests.support import ACCOUNT, REGION

from .support import NAME, LambdaCloud

PLACE = (ACCOUNT, REGION, NAME)
SHARED = (ACCOUNT, REGION, "")


class Nodes:
    """Several nodes of one cloud, each with what its compute room would ask."""

    def __init__(self, count: int) -> None:
        first = LambdaCloud()
        self.clouds = [first, *(LambdaCloud(beside=first) for _ in range(count - 1))]
        self.hosts = [LambdaHost(cloud) for cloud in self.clouds]
        self.first = first

    def name(self, number: int) -> str:
        """What a node is called in the store."""
        return self.clouds[number].store.node

    async def reserve(self, count: int, name: str = NAME) -> FunctionSpec:
        """Reserve concurrency for a function; what compute is told of it."""
        await self.first.lambda_("PutFunctionConcurrency", FunctionName=name, ReservedConcurrentExecutions=count)
        return await self.first.spec(name)

    async def crowd(self, name: str = "crowd") -> FunctionSpec:
        """A function without a reservation, after another took 900 of the account's 1,000."""
        await self.reserve(900)
        await self.first.create(FunctionName=name)
        return await self.first.spec(name)

    async def forget(self, number: int) -> None:
        """What the others do when a node is dead."""
        await self.first.store.write(lambda tx: forget_node(tx, self.name(number)))

    async def holders(self, place: tuple[str, str, str] = PLACE) -> Mapping[str, int]:
        """What the store says each node holds."""
        record = await self.first.store.read(lambda tx: keys.slots.get(tx, *place))
        return {} if record is None else record.holders


def run(test: Callable[[Nodes], Awaitable[None]], count: int = 2) -> None:
    async def body() -> None:
        made = Nodes(count)
        await made.first.begin()
        await test(made)
        for host in made.hosts:
            await host.close()
        assert await made.first.store.read(keys.slots.scan) == []

    asyncio.run(body())


async def turns() -> None:
    """Let what is under way in memory come to its end."""
    for _ in range(30):
        await asyncio.sleep(0)


async def refused(host: LambdaHost, spec: FunctionSpec) -> str:
    """Why a call may not run."""
    with pytest.raises(TooManyRequests) as caught:
        await host.enter(spec)
    return caught.value.reason


def test_a_reservation_of_one_is_one_over_all_nodes() -> None:
    async def body(made: Nodes) -> None:
        spec = await made.reserve(1)
        a, b = made.hosts
        for host, other in ((a, b), (b, a), (a, b), (a, a)):
            slot = await host.enter(spec)
            assert await refused(other, spec) == await refused(host, spec) == RESERVED_REASON
            await slot.leave()
        assert await made.holders() == {}
        assert await refused(a, await made.reserve(0)) == RESERVED_REASON

    run(body)


def test_a_reservation_is_never_passed_and_always_used() -> None:
    async def body(made: Nodes) -> None:
        spec = await made.reserve(5)
        chance = random.Random(7)
        running, most, ran, turned_away = 0, 0, 0, 0

        async def call(host: LambdaHost) -> None:
            nonlocal running, most, ran, turned_away
            try:
                slot = await host.enter(spec)
            except TooManyRequests:
                turned_away += 1
                return
            running += 1
            most = max(most, running)
            for _ in range(chance.randrange(8)):
                await asyncio.sleep(0)
            running -= 1
            ran += 1
            await slot.leave()

        async def client() -> None:
            for _ in range(40):
                await call(chance.choice(made.hosts))

        await asyncio.gather(*(client() for _ in range(4)))
        assert (most, ran, turned_away) == (4, 160, 0)  # four clients never want more than four
        await asyncio.gather(*(client() for _ in range(12)))
        assert most == 5
        assert turned_away > 0
        assert await made.holders() == {}

    run(body, count=3)


def test_calls_that_come_together_share_a_transaction() -> None:
    async def body(made: Nodes) -> None:
        spec = await made.reserve(50)
        store = made.first.store
        writes = 0
        write = store.write

        async def counted(fn: Callable[[Transaction], Any]) -> Any:
            nonlocal writes
            writes += 1
            return await write(fn)

        store.write = counted  # type: ignore[method-assign]
        found = await asyncio.gather(*(made.hosts[0].enter(spec) for _ in range(60)), return_exceptions=True)
        slots = [slot for slot in found if not isinstance(slot, BaseException)]
        assert (len(slots), await made.holders()) == (50, {made.name(0): 50})
        await asyncio.gather(*(slot.leave() for slot in slots))
        assert writes <= 6

    run(body)


def test_the_accounts_limit_holds_and_spare_slots_are_called_back() -> None:
    async def body(made: Nodes) -> None:
        spec = await made.crowd()
        a, b = made.hosts
        slots = [await a.enter(spec) for _ in range(70)]
        assert sum((await made.holders(SHARED)).values()) <= 70 + CHUNK
        early = 0
        while len(slots) < 100:
            [found] = await asyncio.gather(b.enter(spec), return_exceptions=True)
            if isinstance(found, BaseException):
                early += 1
                assert isinstance(found, TooManyRequests)
                assert (found.reason, early < 2 * CHUNK) == (ACCOUNT_REASON, True)
                await turns()
            else:
                slots.append(found)
        assert early <= 1
        assert await refused(a, spec) == await refused(b, spec) == ACCOUNT_REASON
        assert sum((await made.holders(SHARED)).values()) == 100
        # Who has a reservation is not touched by that.
        await (await b.enter(await made.first.spec())).leave()
        for slot in slots:
            await slot.leave()
        await turns()
        assert sum((await made.holders(SHARED)).values()) < 4 * CHUNK

    run(body)


def test_calls_far_from_the_limit_ask_the_store_now_and_then() -> None:
    async def body(made: Nodes) -> None:
        spec = await made.first.spec()
        host, store = made.hosts[0], made.first.store
        await (await host.enter(spec)).leave()
        write = store.write
        store.write = None  # type: ignore[assignment, method-assign]
        for _ in range(100):
            slots = [await host.enter(spec) for _ in range(CHUNK)]
            for slot in slots:
                await slot.leave()
        store.write = write  # type: ignore[method-assign]

    run(body)


def test_a_lower_reservation_elsewhere_takes_spare_slots_back() -> None:
    async def body(made: Nodes) -> None:
        spec = await made.first.spec()
        slot = await made.hosts[1].enter(spec)
        assert await made.holders(SHARED) == {made.name(1): 1 + CHUNK}
        await made.first.create(FunctionName="other")
        await made.reserve(10, "other")
        await turns()
        assert await made.holders(SHARED) == {made.name(1): 1}
        await slot.leave()

    run(body)


def test_a_dead_nodes_slots_come_free() -> None:
    async def body(made: Nodes) -> None:
        spec, a, b = await made.reserve(1), *made.hosts
        orphan = await a.enter(spec)
        assert await refused(b, spec) == RESERVED_REASON
        await made.forget(0)
        slot = await b.enter(spec)
        # The dead one was only stopped. Its call ends late, and frees nothing that is another's.
        assert await refused(a, spec) == RESERVED_REASON
        assert await made.holders() == {made.name(0): 1, made.name(1): 1}
        await orphan.leave()
        assert await made.holders() == {made.name(1): 1}
        assert await refused(a, spec) == await refused(b, spec) == RESERVED_REASON
        await slot.leave()
        await (await a.enter(spec)).leave()

    run(body)


def test_a_call_that_outlives_its_slot_leaves_nothing_below_zero() -> None:
    async def body(made: Nodes) -> None:
        spec, a, b = await made.reserve(2), *made.hosts
        orphans = [await a.enter(spec), await a.enter(spec)]
        await made.forget(0)
        slot = await b.enter(spec)
        await orphans[0].leave()
        assert await made.holders() == {made.name(0): 1, made.name(1): 1}
        assert await refused(b, spec) == RESERVED_REASON
        await orphans[1].leave()
        again = await b.enter(spec)
        assert await made.holders() == {made.name(1): 2}
        for each in (slot, again):
            await each.leave()

    run(body)


def test_a_node_that_was_stopped_asks_before_it_uses_spare_slots() -> None:
    async def body(made: Nodes) -> None:
        spec, a = await made.first.spec(), made.hosts[0]
        slots: list[Slot] = [await a.enter(spec)]
        await made.forget(0)
        made.first.clock.advance(TRUST_NS - 1)
        slots.append(await a.enter(spec))
        assert await made.holders(SHARED) == {}
        made.first.clock.advance(1)
        slots.append(await a.enter(spec))
        assert await made.holders(SHARED) == {made.name(0): 3 + CHUNK}
        for slot in slots:
            await slot.leave()

    run(body)


@pytest.mark.parametrize("stops", [1, 3, 9])
def test_a_node_that_is_stopped_after_a_commit_asks_again(stops: int) -> None:
    async def body(made: Nodes) -> None:
        spec, (a, b), store = await made.reserve(1), made.hosts, made.first.store
        write, left, others = store.write, stops, []

        async def stopped(fn: Callable[[Transaction], Any]) -> Any:
            nonlocal left
            result = await write(fn)
            left -= 1
            if left >= 0:
                made.first.clock.advance(TRUST_NS)
                await write(lambda tx: forget_node(tx, made.name(0)))
            if left == 0:
                others.append(await b.enter(spec))
            return result

        store.write = stopped  # type: ignore[method-assign]
        assert await refused(a, spec) == RESERVED_REASON
        store.write = write  # type: ignore[method-assign]
        assert await made.holders() == ({made.name(1): 1} if others else {})
        for slot in others:
            await slot.leave()
        await (await a.enter(spec)).leave()

    run(body)


@pytest.mark.parametrize("known", [True, False])
def test_a_holder_that_no_list_of_nodes_knows_is_gone_in_the_end(known: bool) -> None:
    async def body(made: Nodes) -> None:
        spec, host = await made.reserve(1), made.hosts[0]

        def haunt(tx: Transaction) -> None:
            keys.slots.put(tx, SlotsRecord({"ghost": 1}), *PLACE)
            if known:
                record = nodes.NodeRecord(id="ghost", name="g", endpoint="", version="", started_ms=0)
                nodes.say(tx, record)

        await made.first.store.write(haunt)
        assert await refused(host, spec) == RESERVED_REASON
        made.first.clock.advance(ABSENT_NS - 1)
        assert await refused(host, spec) == RESERVED_REASON
        made.first.clock.advance(1)
        if known:
            assert await refused(host, spec) == RESERVED_REASON
            await made.first.store.write(lambda tx: forget_node(tx, "ghost"))
        await (await host.enter(spec)).leave()

    run(body)


def test_a_store_that_is_away_costs_calls_but_no_slots() -> None:
    async def body(made: Nodes) -> None:
        spec, host, store = await made.reserve(1), made.hosts[0], made.first.store
        slot = await host.enter(spec)
        write = store.write

        async def away(fn: Callable[[Transaction], Any]) -> Any:
            raise StoreError("the database is away")

        store.write = away  # type: ignore[method-assign]
        await slot.leave()
        with pytest.raises(StoreError):
            await host.enter(spec)
        store.write = write  # type: ignore[method-assign]
        assert await made.holders() == {made.name(0): 1}
        made.first.clock.advance(RETRY_NS)
        await turns()
        assert await made.holders() == {}
        await (await host.enter(spec)).leave()

    run(body)


def test_callers_that_give_up_keep_no_slot() -> None:
    async def body(made: Nodes) -> None:
        spec, host = await made.reserve(1), made.hosts[0]
        for waited in range(6):
            entering = asyncio.ensure_future(host.enter(spec))
            for _ in range(waited):
                await asyncio.sleep(0)
            entering.cancel()
            await asyncio.wait([entering])
            if not entering.cancelled():
                await entering.result().leave()
            await turns()
            assert await made.holders() == {}
        await (await host.enter(spec)).leave()

    run(body)


def test_settlements_may_run_twice() -> None:
    async def body() -> None:
        made = Nodes(2)
        await made.first.begin()
        for cloud in made.clouds:
            cloud.store._conflicts = lambda earlier: earlier == 0
        spec, (a, b) = await made.reserve(2), made.hosts
        slots = [await a.enter(spec), await b.enter(spec)]
        assert await made.holders() == {made.name(0): 1, made.name(1): 1}
        for slot in slots:
            await slot.leave()
        assert await made.holders() == {}

    asyncio.run(body())


def test_an_only_node_counts_in_memory() -> None:
    async def body() -> None:
        made = Nodes(1)
        await made.first.begin()
        assert isinstance(made.first.store, MemoryStore)
        crowd, host = await made.crowd(), made.hosts[0]
        few = await made.reserve(2)
        reads, writes = made.first.store.read, made.first.store.write
        made.first.store.read = made.first.store.write = None  # type: ignore[assignment, method-assign]
        slots = [await host.enter(few), await host.enter(few)]
        assert await refused(host, few) == RESERVED_REASON
        slots += [await host.enter(crowd) for _ in range(100)]
        made.first.store.read, made.first.store.write = reads, writes  # type: ignore[method-assign]
        slots += [await host.enter(crowd) for _ in range(898)]
        assert await refused(host, crowd) == ACCOUNT_REASON
        for slot in slots:
            await slot.leave()
        await (await host.enter(few)).leave()
        await host.close()

    asyncio.run(body())


def test_the_account_knows_what_is_reserved() -> None:
    async def body(made: Nodes) -> None:
        async def unreserved() -> int:
            found = await made.first.lambda_("GetAccountSettings")
            return int(found["AccountLimit"]["UnreservedConcurrentExecutions"])

        await made.first.create(FunctionName="other")
        await made.reserve(100)
        await made.reserve(30, "other")
        assert await unreserved() == 870
        await made.reserve(40, "other")
        await made.first.lambda_("DeleteFunctionConcurrency", FunctionName=NAME)
        assert await unreserved() == 960
        # A cloud of before the sum was kept.
        account = keys._accounts
        assert account.codec.record is AccountRecord
        await made.first.store.write(lambda tx: account.delete(tx, ACCOUNT, REGION))
        assert await unreserved() == 960
        await made.first.lambda_("DeleteFunction", FunctionName="other")
        assert await unreserved() == 1000

    run(body)
