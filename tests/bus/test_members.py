"""Nodes of one cloud on a manual clock: they know of one another, and take over from those that fall silent."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable

import pytest

from lambent.bus.members import BEAT_NS, SILENT_BEATS, Members
from lambent.bus.relay import Relay
from lambent.contracts.events import Delivery, Event
from lambent.contracts.ports import Transaction
from lambent.kv import hold, nodes, outbox
from lambent.kv.errors import StoreError
from lambent.kv.nodes import NodeRecord
from tests.support import TestCloud

QUEUE = "arn:aws:sqs:us-east-1:000000000000:orders"
EVENT = Event(target=QUEUE, payload=b"{}", source=QUEUE, principal="x", account="000000000000", region="us-east-1")


class Recorder:
    """A target that remembers what it got, and never answers while it is `stuck`."""

    def __init__(self) -> None:
        self.got: list[Delivery] = []
        self.stuck = False

    async def deliver(self, delivery: Delivery) -> None:
        self.got.append(delivery)
        if self.stuck:
            await asyncio.get_running_loop().create_future()

    async def check(self, target: str, principal: str, source: str, account: str) -> None:
        """Everyone may come in."""


class NodeOf:
    """One node: a cloud's rooms, a relay, and its place among the others."""

    def __init__(self, number: int, beside: TestCloud | None = None) -> None:
        self.cloud = TestCloud(number, beside=beside)
        self.cloud.store.shared = True
        self.target = Recorder()
        self.cloud.targets["sqs"] = self.target
        self.relay = Relay(self.cloud, self.cloud.store.node, alone=False)
        self.forgotten: list[str] = []
        record = NodeRecord(id=self.cloud.store.node, name=f"host-{number}", endpoint="", version="1", started_ms=0)
        self.members = Members(self.cloud, record, self._load, self.relay.look, (self._forget,))

    def _load(self) -> dict[str, int]:
        return {"leases": self.relay.under_way}

    def _forget(self, tx: Transaction, node: str) -> None:
        self.forgotten.append(node)

    async def start(self) -> NodeOf:
        await self.members.start()
        await self.relay.start()
        await asyncio.sleep(0)  # what was spawned sets its alarms
        return self

    async def emit(self, at_ns: int = 0) -> None:
        await self.cloud.store.write(lambda tx: tx.emit(EVENT, at_ns=at_ns))

    async def die(self) -> None:
        """As after SIGKILL: nothing of it goes on, and nothing was said."""
        self.cloud.store.die()
        await self.cloud.cancel_spawned()


async def pass_beats(node: NodeOf, count: int) -> None:
    for _ in range(count):
        node.cloud.clock.advance(BEAT_NS)
        for _ in range(50):
            await asyncio.sleep(0)


async def names(node: NodeOf) -> list[str]:
    return [member["name"] for member in await node.members.everyone()]


def run(test: Callable[[], Awaitable[None]]) -> None:
    async def whole() -> None:
        await test()

    asyncio.run(whole())


def test_nodes_see_each_other_and_what_they_carry() -> None:
    async def story() -> None:
        one = await NodeOf(1).start()
        two = await NodeOf(2, one.cloud).start()
        one.target.stuck = True
        await one.emit()
        await pass_beats(one, 1)
        assert await names(two) == ["host-1", "host-2"]
        loads = {member["name"]: member["load"] for member in await two.members.everyone()}
        assert loads == {"host-1": {"leases": 1}, "host-2": {"leases": 0}}

    run(story)


def test_a_dead_nodes_events_are_delivered_by_another_within_ten_seconds() -> None:
    async def story() -> None:
        one = await NodeOf(1).start()
        two = await NodeOf(2, one.cloud).start()
        await pass_beats(two, 1)
        one.target.stuck = True
        await one.emit()
        await one.emit(at_ns=one.cloud.clock.now_ns() + 1_000_000_000)
        await one.die()
        assert (SILENT_BEATS + 1) * BEAT_NS < 10_000_000_000
        await pass_beats(two, SILENT_BEATS - 1)
        assert len(two.target.got) == 1, "the timer, which was leased to nobody"
        await pass_beats(two, 2)
        assert len(two.target.got) == 2
        assert two.forgotten == [one.cloud.store.node]
        assert await names(two) == ["host-2"]
        assert await two.cloud.store.read(outbox.pending) == []

    run(story)


def test_a_node_that_wakes_up_late_does_not_act_on_what_it_lost() -> None:
    async def story() -> None:
        one = await NodeOf(1).start()
        two = await NodeOf(2, one.cloud).start()
        await one.emit(at_ns=one.cloud.clock.now_ns() + 60_000_000_000)
        # Its tasks stand still, as under SIGSTOP, with an event in its hands that it has not begun with.
        (pending,) = await one.cloud.store.read(outbox.pending)
        key = pending[1].key
        await one.cloud.cancel_spawned()
        one.cloud.clock.advance(60_000_000_000)
        claimed = await one.cloud.store.write(
            lambda tx: outbox.claim(tx, one.cloud.clock.now_ns(), 1, outbox.LEASE_NS, one.cloud.store.node)
        )
        assert claimed[0].key != key
        await pass_beats(two, SILENT_BEATS + 2)
        assert [delivery.attempt for delivery in two.target.got] == [1]
        one.relay._ready.append((claimed[0].key, claimed[0].entry))
        one.relay._pump()
        await pass_beats(two, 1)
        assert one.target.got == []

    run(story)


def test_a_node_that_was_taken_for_dead_goes_on_anew(caplog: pytest.LogCaptureFixture) -> None:
    async def story() -> None:
        one = await NodeOf(1).start()
        two = await NodeOf(2, one.cloud).start()
        await one.cloud.cancel_spawned()
        await pass_beats(two, SILENT_BEATS + 1)
        assert await names(two) == ["host-2"]
        await one.members.beat()
        assert await names(two) == ["host-1", "host-2"]
        assert "took this one for dead" in caplog.text

    run(story)


def test_a_node_that_stood_still_itself_accuses_nobody() -> None:
    async def story() -> None:
        one = await NodeOf(1).start()
        two = await NodeOf(2, one.cloud).start()
        await pass_beats(two, 1)
        two.cloud.clock.advance(100 * BEAT_NS)  # both slept: one beat each is due, whoever comes first
        await pass_beats(two, 1)
        assert await names(one) == ["host-1", "host-2"]
        assert one.forgotten == two.forgotten == []

    run(story)


def test_a_node_that_leaves_is_gone_at_once_and_is_not_ready_before() -> None:
    async def story() -> None:
        one = await NodeOf(1).start()
        two = await NodeOf(2, one.cloud).start()
        assert one.members.serving
        await one.members.drain()
        assert not one.members.serving
        assert [member["draining"] for member in await two.members.everyone()] == [True, False]
        await one.members.leave()
        assert await names(two) == ["host-2"]
        await one.members.beat()
        assert await names(two) == ["host-2"], "a late beat brings nobody back"

    run(story)


def test_a_store_that_fails_for_long_makes_a_node_unready_until_it_answers() -> None:
    async def story() -> None:
        one = await NodeOf(1).start()
        write = one.cloud.store.write

        async def fail(fn: Callable[[Transaction], object]) -> None:
            raise StoreError("cut off")

        one.cloud.store.write = fail  # type: ignore[method-assign, assignment]
        await pass_beats(one, SILENT_BEATS)
        assert not one.members.serving
        one.cloud.store.write = write  # type: ignore[method-assign]
        await pass_beats(one, 1)
        assert one.members.serving

    run(story)


def test_a_hold_reaches_every_nodes_bodies() -> None:
    async def story() -> None:
        one = await NodeOf(1).start()
        two = await NodeOf(2, one.cloud).start()
        held: list[int] = []
        two.cloud.blobs.hold = held.append  # type: ignore[method-assign]
        await one.cloud.store.write(lambda tx: hold.put(tx, "backup", 1, 12345))
        await pass_beats(two, 1)
        assert 12345 in held

    run(story)


def test_a_role_is_played_by_one_node_and_passes_on_when_it_is_gone() -> None:
    async def story() -> None:
        one = await NodeOf(1).start()
        two = await NodeOf(2, one.cloud).start()
        first, second = one.cloud.store.node, two.cloud.store.node
        store = two.cloud.store
        assert await store.write(lambda tx: nodes.play(tx, "collector", first))
        assert not await store.write(lambda tx: nodes.play(tx, "collector", second))
        assert await store.write(lambda tx: nodes.play(tx, "collector", first))
        await one.die()
        await pass_beats(two, SILENT_BEATS + 1)
        assert await store.write(lambda tx: nodes.play(tx, "collector", second))

    run(story)
