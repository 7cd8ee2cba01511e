"""The relay on a manual clock: what is emitted arrives, at least once, and what fails is tried again as agreed."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable

import pytest

from lambent.bus import relay as relay_module
from lambent.bus.relay import Relay
from lambent.contracts.events import Delivery, Event, Retry, TryAgain, Undeliverable
from lambent.contracts.ports import Transaction
from lambent.kv import outbox
from tests.support import TestCloud

SECOND_NS = 1_000_000_000
QUEUE = "arn:aws:sqs:us-east-1:000000000000:orders"
DEAD = "arn:aws:sqs:us-east-1:000000000000:dead"


class Recorder:
    """A target that remembers what it got, and does to each attempt what it is told."""

    def __init__(self, behave: Callable[[Delivery], Awaitable[None] | None] = lambda _: None) -> None:
        self.got: list[Delivery] = []
        self.behave = behave

    async def deliver(self, delivery: Delivery) -> None:
        self.got.append(delivery)
        doing = self.behave(delivery)
        if doing is not None:
            await doing

    async def check(self, target: str, principal: str, source: str, account: str) -> None:
        """Everyone may come in."""


def event(target: str = QUEUE, retry: Retry | None = None, dead_letter: str = "") -> Event:
    return Event(
        target=target,
        payload=b"{}",
        source="arn:aws:s3:::pictures",
        principal="s3.amazonaws.com",
        account="000000000000",
        region="us-east-1",
        retry=retry or Retry(),
        dead_letter=dead_letter,
    )


async def started(target: Recorder) -> tuple[TestCloud, Relay]:
    cloud = TestCloud()
    cloud.targets["sqs"] = target
    relay = Relay(cloud, cloud.store.node)
    await relay.start()
    return cloud, relay


async def emit(cloud: TestCloud, what: Event, at_ns: int = 0) -> None:
    await cloud.store.write(lambda tx: tx.emit(what, at_ns=at_ns))


async def pass_time(cloud: TestCloud, relay: Relay, seconds: float) -> None:
    cloud.clock.advance(int(seconds * SECOND_NS))
    await relay.settled()


async def halt(cloud: TestCloud, relay: Relay) -> None:
    """Stop as a node does whose deliveries take too long."""
    stopping = asyncio.ensure_future(relay.stop())
    await asyncio.sleep(0)
    await cloud.cancel_spawned()
    await stopping
    await relay.release()


async def left(cloud: TestCloud) -> int:
    return await cloud.store.read(relay_module.waiting)


def run(test: Awaitable[None]) -> None:
    async def whole() -> None:
        await test

    asyncio.run(whole())


def test_an_event_is_delivered_after_commit_and_then_gone() -> None:
    async def story() -> None:
        target = Recorder()
        cloud, relay = await started(target)
        await emit(cloud, event())
        await relay.settled()
        assert [d.attempt for d in target.got] == [1]
        assert await left(cloud) == 0

    run(story())


def test_an_event_of_a_failed_transaction_is_never_delivered() -> None:
    async def story() -> None:
        target = Recorder()
        cloud, relay = await started(target)

        def fail(tx: Transaction) -> None:
            tx.emit(event())
            raise LookupError

        with pytest.raises(LookupError):
            await cloud.store.write(fail)
        await relay.settled()
        assert target.got == []

    run(story())


def test_a_timer_fires_at_its_time_and_not_before() -> None:
    async def story() -> None:
        target = Recorder()
        cloud, relay = await started(target)
        await emit(cloud, event(), at_ns=cloud.clock.now_ns() + 3600 * SECOND_NS)
        await pass_time(cloud, relay, 3599)
        assert target.got == []
        await pass_time(cloud, relay, 2)
        assert len(target.got) == 1

    run(story())


def test_a_failed_attempt_is_repeated_with_the_agreed_delays_and_then_buried() -> None:
    def fail(delivery: Delivery) -> None:
        if delivery.event.target == QUEUE:
            raise TryAgain("busy")

    async def story() -> None:
        target = Recorder(fail)
        cloud, relay = await started(target)
        await emit(cloud, event(retry=Retry(attempts_max=3, delays_s=(60, 120)), dead_letter=DEAD))
        await relay.settled()
        await pass_time(cloud, relay, 59)
        assert [d.attempt for d in target.got] == [1]
        await pass_time(cloud, relay, 2)
        assert [d.attempt for d in target.got] == [1, 2]
        await pass_time(cloud, relay, 121)
        assert [d.event.target for d in target.got] == [QUEUE, QUEUE, QUEUE, DEAD]
        assert target.got[-1].event.attributes["OriginalTarget"] == QUEUE
        assert len({d.id for d in target.got[:3]}) == 1
        assert await left(cloud) == 0

    run(story())


def test_throttling_does_not_count_as_an_attempt() -> None:
    def throttle(_: Delivery) -> None:
        raise TryAgain("throttled", delay_s=1, count=False)

    async def story() -> None:
        target = Recorder(throttle)
        cloud, relay = await started(target)
        await emit(cloud, event(retry=Retry(attempts_max=2)))
        await relay.settled()
        for _ in range(5):
            await pass_time(cloud, relay, 1.1)
        assert [d.attempt for d in target.got] == [1] * 6

    run(story())


def test_an_undeliverable_event_is_not_repeated() -> None:
    def refuse(_: Delivery) -> None:
        raise Undeliverable("no such queue")

    async def story() -> None:
        target = Recorder(refuse)
        cloud, relay = await started(target)
        await emit(cloud, event())
        await pass_time(cloud, relay, 3600)
        assert len(target.got) == 1
        assert await left(cloud) == 0

    run(story())


def test_a_service_that_is_not_built_is_said_and_buried() -> None:
    async def story() -> None:
        target = Recorder()
        cloud, relay = await started(target)
        await emit(cloud, event(target="arn:aws:firehose:us-east-1:000000000000:x", dead_letter=DEAD))
        await relay.settled()
        assert "not built" in target.got[0].event.attributes["ErrorMessage"]

    run(story())


def test_a_long_delivery_keeps_its_lease() -> None:
    async def story() -> None:
        finish = asyncio.Event()

        async def wait() -> None:
            await finish.wait()

        target = Recorder(lambda _: wait())
        cloud, relay = await started(target)
        await emit(cloud, event())
        for _ in range(20):
            cloud.clock.advance(outbox.LEASE_NS // 2)
            for _ in range(10):
                await asyncio.sleep(0)
        assert len(target.got) == 1, "nobody else claimed it"
        finish.set()
        await relay.settled()
        assert await left(cloud) == 0

    run(story())


def test_what_a_dead_node_left_is_delivered_by_the_next() -> None:
    async def story() -> None:
        target = Recorder()
        cloud = TestCloud()
        cloud.targets["sqs"] = target
        # Emitted and committed, and then the process died: nobody was listening.
        await emit(cloud, event())
        await Relay(cloud, "the-next-node").start()
        for _ in range(10):
            await asyncio.sleep(0)
        assert len(target.got) == 1

    run(story())


def test_a_key_error_of_a_target_is_a_failure_like_any_other() -> None:
    def stumble(delivery: Delivery) -> None:
        if delivery.attempt == 1:
            raise KeyError("a bug of the target")

    async def story() -> None:
        target = Recorder(stumble)
        cloud, relay = await started(target)
        await emit(cloud, event(dead_letter=DEAD))
        await pass_time(cloud, relay, 0)
        await pass_time(cloud, relay, 2)
        assert [(d.event.target, d.attempt) for d in target.got] == [(QUEUE, 1), (QUEUE, 2)]
        assert await left(cloud) == 0

    run(story())


def test_an_address_that_is_no_arn_is_buried() -> None:
    async def story() -> None:
        target = Recorder()
        cloud, relay = await started(target)
        await emit(cloud, event(target="nowhere", dead_letter=DEAD))
        await relay.settled()
        assert [d.event.target for d in target.got] == [DEAD]

    run(story())


def test_stopping_does_not_wait_for_what_has_not_begun(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(relay_module, "UNDER_WAY_MAX", 1)

    async def story() -> None:
        finish = asyncio.Event()

        async def wait() -> None:
            await finish.wait()

        target = Recorder(lambda _: wait())
        cloud, relay = await started(target)
        for _ in range(3):
            await emit(cloud, event())
        stopping = asyncio.ensure_future(relay.stop())
        await asyncio.sleep(0)
        finish.set()
        await stopping
        assert (len(target.got), await left(cloud)) == (1, 2)

    run(story())


def test_an_orderly_stop_is_no_loss_however_often(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(relay_module, "UNDER_WAY_MAX", 1)

    async def story() -> None:
        async def wait() -> None:
            await asyncio.Event().wait()

        target = Recorder(lambda _: wait())
        cloud, relay = await started(target)
        for _ in range(3):
            await emit(cloud, event())
        for _ in range(relay_module.LOSSES_MAX + 1):
            await halt(cloud, relay)
            relay = Relay(cloud, cloud.store.node)
            await relay.start()
            await asyncio.sleep(0)
        await halt(cloud, relay)
        found = [claimed.entry for _, claimed in await cloud.store.read(outbox.pending)]
        assert [(entry.attempts, entry.losses) for entry in found] == [(0, 0)] * 3
        assert {delivery.attempt for delivery in target.got} == {1}

    run(story())


def test_what_the_store_refused_to_forget_is_delivered_again(monkeypatch: pytest.MonkeyPatch) -> None:
    async def story() -> None:
        target = Recorder()
        cloud, relay = await started(target)
        with monkeypatch.context() as broken:
            broken.setattr(outbox, "done", _fail)
            await emit(cloud, event())
            await relay.settled()
        assert await left(cloud) == 1
        await pass_time(cloud, relay, outbox.LEASE_NS / SECOND_NS + 1)
        assert len(target.got) == 2
        assert await left(cloud) == 0

    run(story())


def _fail(tx: Transaction, key: bytes) -> bool:
    raise OSError("the disk is full")


def test_a_timer_of_a_far_time_is_tried_again_like_any_event() -> None:
    async def story() -> None:
        def fail_once(delivery: Delivery) -> None:
            if delivery.attempt == 1:
                raise TryAgain("not yet")

        target = Recorder(fail_once)
        cloud, relay = await started(target)
        due_ns = cloud.clock.now_ns() + 30 * 86_400 * SECOND_NS
        await emit(cloud, event(retry=Retry(age_s_max=3600)), at_ns=due_ns)
        await pass_time(cloud, relay, 30 * 86_400)
        await pass_time(cloud, relay, 10)
        assert [delivery.attempt for delivery in target.got] == [1, 2]
        assert {delivery.emitted_ns for delivery in target.got} == {due_ns}

    run(story())
