"""The outbox on every engine: leases, retries, and what other nodes may take."""

from __future__ import annotations

import asyncio

import pytest

from lambent.contracts.ports import Store, Transaction
from lambent.kv import nodes, outbox
from lambent.kv.nodes import NodeRecord
from lambent.kv.outbox import LEASE_NS, Claimed
from tests.kv.contract import EVENT, Engine

NOW = 1_700_000_000_000_000_000  # where the manual clock stands
SECOND = 1_000_000_000


async def _emit(store: Store, count: int = 1, at_ns: int = 0) -> list[str]:
    return await store.write(lambda tx: [tx.emit(EVENT, at_ns=at_ns) for _ in range(count)])


async def _claim(
    store: Store, now_ns: int, owner: str = "other", limit: int = 100, suspects: int = 100
) -> list[Claimed]:
    return await store.write(lambda tx: outbox.claim(tx, now_ns, limit, LEASE_NS, owner, suspects=suspects))


async def test_a_fresh_event_is_leased_to_its_node_until_the_lease_ends(engine: Engine) -> None:
    async with engine.store() as store:
        (id,) = await _emit(store)
        assert await _claim(store, NOW) == []
        assert await _claim(store, NOW + LEASE_NS - 1) == []
        ((key, entry),) = await _claim(store, NOW + LEASE_NS)
        assert (entry.id, entry.owner, entry.attempts, entry.losses) == (id, "other", 0, 1)
        assert await store.read(outbox.next_due_ns) == NOW + 2 * LEASE_NS
        assert await store.write(lambda tx: outbox.done(tx, key))
        assert await store.read(outbox.next_due_ns) is None
        assert not await store.write(lambda tx: outbox.done(tx, key))


async def test_a_timer_waits_for_its_time(engine: Engine) -> None:
    async with engine.store() as store:
        (later,) = await _emit(store, at_ns=NOW + 20 * SECOND)
        (sooner,) = await _emit(store, at_ns=NOW + 10 * SECOND)
        assert await store.read(outbox.next_due_ns) == NOW + 10 * SECOND
        assert await _claim(store, NOW + 10 * SECOND - 1) == []
        claimed = await _claim(store, NOW + 25 * SECOND)
        assert [entry.id for _, entry in claimed] == [sooner, later]
        assert {entry.losses for _, entry in claimed} == {0}


async def test_the_longest_due_are_claimed_first_and_each_once(engine: Engine) -> None:
    async with engine.store() as store:
        ids = [(await _emit(store, at_ns=NOW + i))[0] for i in range(1, 21)]
        first = await _claim(store, NOW + SECOND, limit=5)
        assert [entry.id for _, entry in first] == ids[:5]
        rest = await asyncio.gather(*(_claim(store, NOW + SECOND, owner=str(i), limit=7) for i in range(4)))
        assert sorted(entry.id for claimed in rest for _, entry in claimed) == sorted(ids[5:])


async def test_shards_divide_the_queue(engine: Engine) -> None:
    async with engine.store() as store:
        ids = await _emit(store, 40)
        found = [
            await store.write(lambda tx, shard=shard: outbox.claim(tx, NOW + LEASE_NS, 100, 1, "n", (shard,)))
            for shard in range(outbox.SHARDS)
        ]
        assert all(found)
        assert sorted(entry.id for claimed in found for _, entry in claimed) == sorted(ids)


async def test_whatever_is_due_is_claimed_once_by_any_number_of_claimers(engine: Engine) -> None:
    async with engine.store() as store:
        ids = [*await _emit(store, 30, at_ns=NOW + 5), *await _emit(store, 10)]

        async def drain(owner: str) -> list[str]:
            mine: list[str] = []
            while left := await store.read(outbox.next_due_ns):
                if left > NOW + LEASE_NS:
                    break
                found = await outbox.claim_due(store, NOW + LEASE_NS, 7, LEASE_NS, owner)
                assert len(found) <= 7
                mine += [entry.id for _, entry in found]
            return mine

        drained = await asyncio.gather(*(drain(f"node {i}") for i in range(5)))
        assert sorted(id for mine in drained for id in mine) == sorted(ids)


async def test_a_shard_that_another_claims_from_is_passed_over(engine: Engine) -> None:
    async with engine.store() as store:
        ids = await _emit(store, 40, at_ns=NOW + 5)
        if not store.shared:
            assert len(await outbox.claim_due(store, NOW + 5, 100, 1, "n")) == len(ids)
            return
        claimed: asyncio.Future[list[Claimed]] = asyncio.get_running_loop().create_future()
        claims: list[asyncio.Task[None]] = []

        async def claim() -> None:
            claimed.set_result(await outbox.claim_due(store, NOW + 5, 100, 1, "n"))

        def hold(tx: Transaction) -> None:
            assert tx.try_lock(outbox._leased.key(0))
            if not claims:
                claims.append(asyncio.ensure_future(claim()))
                wait_for(asyncio.wait_for(asyncio.shield(claimed), 10))

        from lambent.kv.engines.fibers import wait_for  # deferred: an optional dependency

        await store.write(hold)
        assert 0 < len(claimed.result()) < len(ids)
        assert len(await outbox.claim_due(store, NOW + 6, 100, 1, "n")) == len(ids)


@pytest.mark.parametrize("count", [True, False])
async def test_a_retry_waits_and_counts(engine: Engine, count: bool) -> None:
    async with engine.store() as store:
        await _emit(store)
        ((key, entry),) = await _claim(store, NOW + LEASE_NS)
        due_ns = NOW + 100 * SECOND
        moved = await store.write(lambda tx: outbox.retry(tx, key, entry, due_ns, count=count))
        assert moved is not None
        assert await store.write(lambda tx: outbox.retry(tx, key, entry, due_ns)) is None
        assert await _claim(store, due_ns - 1) == []
        ((_, again),) = await _claim(store, due_ns)
        assert (again.id, again.attempts) == (entry.id, int(count))


async def test_whoever_lost_a_lease_has_no_say(engine: Engine) -> None:
    async with engine.store() as store:
        await _emit(store)
        ((old, entry),) = await _claim(store, NOW + LEASE_NS, owner="slow")
        ((new, _),) = await _claim(store, NOW + 2 * LEASE_NS, owner="quick")
        assert await store.read(lambda tx: outbox.load(tx, old)) is None
        assert await store.write(lambda tx: outbox.extend(tx, old, NOW + 9 * LEASE_NS)) is None
        assert await store.write(lambda tx: outbox.retry(tx, old, entry, NOW)) is None
        assert not await store.write(lambda tx: outbox.done(tx, old))
        held = await store.read(lambda tx: outbox.load(tx, new))
        assert held is not None
        assert (held.owner, held.losses) == ("quick", 2)


async def test_a_long_delivery_extends_its_lease(engine: Engine) -> None:
    async with engine.store() as store:
        await _emit(store)
        ((key, entry),) = await _claim(store, NOW + LEASE_NS)
        longer = await store.write(lambda tx: outbox.extend(tx, key, NOW + 10 * LEASE_NS))
        assert longer is not None
        assert await _claim(store, NOW + 9 * LEASE_NS) == []
        assert await store.read(lambda tx: outbox.load(tx, longer)) == entry


async def test_a_start_takes_over_what_dead_nodes_held(engine: Engine) -> None:
    async with engine.store() as store:
        ids = await _emit(store, 5)
        timers = await _emit(store, 2, at_ns=NOW + 3600 * SECOND)
        (own,) = await _claim(store, NOW + LEASE_NS, owner="me", limit=1)
        assert await store.write(lambda tx: outbox.reclaim(tx, NOW, "me", limit=3)) == 3
        assert await store.write(lambda tx: outbox.reclaim(tx, NOW, "me", limit=3)) == 1
        assert await store.write(lambda tx: outbox.reclaim(tx, NOW, "me", limit=3)) == 0
        claimed = await _claim(store, NOW, owner="me")
        assert sorted(entry.id for _, entry in [own, *claimed]) == sorted(ids)
        left = {entry.id for _, (_, entry) in await store.read(outbox.pending)}
        assert left == {*ids, *timers}


async def test_what_one_dead_node_held_is_due_at_once_and_only_that(engine: Engine) -> None:
    async with engine.store() as store:
        ids = await _emit(store, 7)
        await _emit(store, 2, at_ns=NOW + 3600 * SECOND)
        dead = await _claim(store, NOW + LEASE_NS, owner="dead", limit=3)
        alive = await _claim(store, NOW + LEASE_NS, owner="alive", limit=2)

        async def take(owner: str, limit: int) -> int:
            return await store.write(lambda tx: outbox.reclaim_from(tx, NOW, owner, limit))

        assert [await take("dead", 2), await take("dead", 2), await take("dead", 2)] == [2, 1, 0]
        assert await take("nobody", 2) == 0
        again = await _claim(store, NOW, owner="heir")
        assert sorted(entry.id for _, entry in again) == sorted(entry.id for _, entry in dead)
        # One loss when the first lease ran out, one with the node.
        assert {(entry.losses, entry.attempts) for _, entry in again} == {(2, 0)}
        assert not await store.write(lambda tx: outbox.done(tx, dead[0].key))
        assert all([await store.write(lambda tx, key=key: outbox.done(tx, key)) for key, _ in alive])  # type: ignore[misc]
        assert await take(store.node, 100) == len(ids) - 5


async def test_a_takeover_reads_the_leases_page_by_page(engine: Engine, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(outbox, "PAGE_ROWS", 3)
    async with engine.store() as store:
        ids = await _emit(store, 40)
        held = await _claim(store, NOW + LEASE_NS, owner="dead", limit=25)
        assert await store.write(lambda tx: outbox.reclaim_from(tx, NOW, "dead", 100)) == len(held) == 25
        assert await store.write(lambda tx: outbox.release(tx, NOW, store.node, 100)) == 15
        claimed = await _claim(store, NOW, owner="heir")
        assert sorted(entry.id for _, entry in claimed) == sorted(ids)
        assert {entry.losses for _, entry in claimed} == {0, 2}


async def test_what_lost_two_leases_is_claimed_alone(engine: Engine) -> None:
    async with engine.store() as store:
        ids = await _emit(store, 6)
        for round in (1, 2):
            held = await _claim(store, NOW + round * LEASE_NS, owner="dead")
            assert {entry.losses for _, entry in held} == {round}
        await store.write(lambda tx: outbox.reclaim_from(tx, NOW, "dead"))
        fresh = await _emit(store, 2, at_ns=NOW + 1)
        now_ns = NOW + 2 * SECOND
        assert {entry.id for _, entry in await _claim(store, now_ns, suspects=0)} == set(fresh)
        assert await _claim(store, now_ns, suspects=0) == []
        ((key, first),) = await _claim(store, now_ns, suspects=1)
        assert (first.losses, first.id in ids) == (3, True)
        # What ends, well or badly, has not brought its node down: its losses are forgotten.
        assert await store.write(lambda tx: outbox.retry(tx, key, first, now_ns))
        ((_, again),) = await _claim(store, now_ns, suspects=0)
        assert (again.id, again.losses, again.attempts) == (first.id, 0, 1)
        assert len(await store.read(outbox.pending)) == 8
        assert await store.read(lambda tx: outbox.next_due_ns(tx, leases=False, suspects=False)) is None
        assert await store.read(lambda tx: outbox.next_due_ns(tx, leases=False)) == NOW


async def test_a_lease_that_ends_without_room_for_a_suspect_waits_as_one(engine: Engine) -> None:
    async with engine.store() as store:
        await _emit(store, 2)
        await _claim(store, NOW + LEASE_NS, owner="stuck")
        assert await _claim(store, NOW + 2 * LEASE_NS, suspects=0) == []
        (one,) = await _claim(store, NOW + 2 * LEASE_NS, suspects=1)
        (two,) = await _claim(store, NOW + 2 * LEASE_NS, suspects=1)
        assert one.entry.id != two.entry.id
        assert {one.entry.losses, two.entry.losses} == {2}


async def test_the_lease_of_a_living_node_is_not_judged_by_another_clock(engine: Engine) -> None:
    async with engine.store() as store:
        ids = await _emit(store, 3)
        record = NodeRecord(id=store.node, name="", endpoint="", version="", started_ms=0)
        await store.write(lambda tx: nodes.say(tx, record))
        store.shared = True  # for the embedded engines

        async def due(owner: str) -> list[Claimed]:
            return await outbox.claim_due(store, NOW + 2 * LEASE_NS, 100, LEASE_NS, owner)

        assert await due("fast") == []
        await store.write(lambda tx: nodes.leave(tx, store.node))
        assert {entry.id for _, entry in await due("fast")} == set(ids)
