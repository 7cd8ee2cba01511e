"""A node that dies in the middle of an operation: whatever it had done, the next one brings the stack to its end."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import Any

import pytest

from lambent.bus.relay import Relay
from lambent.contracts.events import Delivery, Event
from lambent.contracts.ports import Transaction
from lambent.deploy import StackEngine
from lambent.deploy.engine import WATCH_AFTER_NS
from lambent.kv import outbox
from tests.deploy.fakes import FakeHandlers, World, fake_cloud
from tests.deploy.test_updates import AFTER, BEFORE
from tests.support import TestCloud


class Dying:
    """A store that dies at its `at`-th write: before it commits, or right after. From then on nothing gets through."""

    def __init__(self, cloud: TestCloud, at: int, after: bool) -> None:
        self._write = cloud.store.write
        self.left = at
        self.after = after
        self.dead = False
        cloud.store.write = self.write  # type: ignore[method-assign]

    async def write(self, fn: Callable[[Transaction], Any]) -> Any:
        if self.dead:
            raise asyncio.CancelledError
        self.left -= 1
        if self.left > 0:
            return await self._write(fn)
        self.dead = True
        if self.after:
            await self._write(fn)
        raise asyncio.CancelledError

    def revive(self, cloud: TestCloud) -> None:
        cloud.store.write = self._write  # type: ignore[method-assign]


async def deliver(cloud: TestCloud, world: World, event: Event) -> None:
    engine = StackEngine(cloud, FakeHandlers(world))
    await engine.deliver(Delivery(id="d", event=event, attempt=1, emitted_ns=0))


class Watched:
    """A made-up cloud whose outbox is emptied by hand."""

    def __init__(self) -> None:
        self.world = World()
        self.cloud = fake_cloud(self.world)
        self._emitted: list[bytes] = []
        self.cloud.store.subscribe(self._note)

    def _note(self, emitted: list[tuple[bytes, int]]) -> None:
        now_ns = self.cloud.clock.now_ns()
        self._emitted.extend(key for key, due_ns in emitted if due_ns <= now_ns)

    async def take(self) -> Event:
        """The one event in the outbox."""
        await asyncio.sleep(0)
        (key,) = self._emitted
        self._emitted.clear()
        entry = await self.cloud.store.read(lambda tx: outbox.load(tx, key))
        assert entry is not None
        return entry.event

    async def operate(self, operation: str, **params: Any) -> None:
        """Run an operation to its end."""
        await self.cloud.call("cloudformation", operation, StackName="s", **params)
        await deliver(self.cloud, self.world, await self.take())

    async def die_and_go_on(self, at: int, after: bool) -> bool:
        """Deliver the pending event to a node that dies at its `at`-th write, then to one that lives. False: the
        first one was done before it could die."""
        event = await self.take()
        dying = Dying(self.cloud, at, after)
        try:
            await deliver(self.cloud, self.world, event)
        except asyncio.CancelledError:
            pass
        dying.revive(self.cloud)
        await deliver(self.cloud, self.world, event)
        return dying.dead


async def status(cloud: TestCloud, name: str) -> str:
    return str((await cloud.call("cloudformation", "DescribeStacks", StackName=name))["Stacks"][0]["StackStatus"])


def every_death(scenario: Callable[[int, bool], Any]) -> int:
    """Run a scenario with a death at every write, until the operation is done before it; returns the count."""
    deaths = 0
    for after in (False, True):
        at = 1
        while asyncio.run(scenario(at, after)):
            at += 1
            deaths += 1
    return deaths


@pytest.mark.slow
def test_a_creation_goes_on() -> None:
    async def scenario(at: int, after: bool) -> bool:
        watched = Watched()
        cloud, world = watched.cloud, watched.world
        await cloud.call("cloudformation", "CreateStack", StackName="s", TemplateBody=BEFORE)
        died = await watched.die_and_go_on(at, after)
        assert await status(cloud, "s") == "CREATE_COMPLETE"
        assert len(world.things) == 4
        return died

    assert every_death(scenario) > 20


@pytest.mark.slow
def test_a_rollback_of_a_creation_goes_on() -> None:
    async def scenario(at: int, after: bool) -> bool:
        watched = Watched()
        cloud, world = watched.cloud, watched.world
        world.fail["create", "Removed"] = "no room"
        await cloud.call("cloudformation", "CreateStack", StackName="s", TemplateBody=BEFORE)
        died = await watched.die_and_go_on(at, after)
        assert await status(cloud, "s") == "ROLLBACK_COMPLETE"
        assert world.things == {}
        return died

    assert every_death(scenario) > 20


@pytest.mark.slow
def test_an_update_goes_on() -> None:
    async def scenario(at: int, after: bool) -> bool:
        watched = Watched()
        cloud, world = watched.cloud, watched.world
        await watched.operate("CreateStack", TemplateBody=BEFORE)
        await cloud.call("cloudformation", "UpdateStack", StackName="s", TemplateBody=AFTER)
        died = await watched.die_and_go_on(at, after)
        assert await status(cloud, "s") == "UPDATE_COMPLETE"
        assert len(world.things) == 4
        assert {"new", "new-added"} <= world.things.keys()
        assert not {"old", "removed"} & world.things.keys()
        return died

    assert every_death(scenario) > 20


@pytest.mark.slow
def test_a_rollback_of_an_update_goes_on() -> None:
    async def scenario(at: int, after: bool) -> bool:
        watched = Watched()
        cloud, world = watched.cloud, watched.world
        await watched.operate("CreateStack", TemplateBody=BEFORE)
        before = {name: dict(thing) for name, thing in world.things.items()}
        world.fail["create", "Added"] = "no room"
        await cloud.call("cloudformation", "UpdateStack", StackName="s", TemplateBody=AFTER)
        died = await watched.die_and_go_on(at, after)
        assert await status(cloud, "s") == "UPDATE_ROLLBACK_COMPLETE"
        assert world.things == before
        return died

    assert every_death(scenario) > 20


@pytest.mark.slow
def test_a_deletion_goes_on() -> None:
    async def scenario(at: int, after: bool) -> bool:
        watched = Watched()
        cloud, world = watched.cloud, watched.world
        await watched.operate("CreateStack", TemplateBody=BEFORE)
        stack = (await cloud.call("cloudformation", "DescribeStacks", StackName="s"))["Stacks"][0]["StackId"]
        await cloud.call("cloudformation", "DeleteStack", StackName="s")
        died = await watched.die_and_go_on(at, after)
        assert await status(cloud, stack) == "DELETE_COMPLETE"
        assert world.things == {}
        return died

    assert every_death(scenario) > 10


def test_an_update_that_is_cancelled_is_undone() -> None:
    async def scenario() -> None:
        watched = Watched()
        cloud, world = watched.cloud, watched.world
        await watched.operate("CreateStack", TemplateBody=BEFORE)
        before = {name: dict(thing) for name, thing in world.things.items()}
        await cloud.call("cloudformation", "UpdateStack", StackName="s", TemplateBody=AFTER)
        await cloud.call("cloudformation", "CancelUpdateStack", StackName="s")
        await deliver(cloud, world, await watched.take())
        assert await status(cloud, "s") == "UPDATE_ROLLBACK_COMPLETE"
        assert world.things == before

    asyncio.run(scenario())


def test_a_stack_deleted_while_it_is_created_is_gone() -> None:
    async def scenario() -> None:
        watched = Watched()
        cloud, world = watched.cloud, watched.world
        made = await cloud.call("cloudformation", "CreateStack", StackName="s", TemplateBody=BEFORE)
        await cloud.call("cloudformation", "DeleteStack", StackName="s")
        await deliver(cloud, world, await watched.take())
        assert await status(cloud, made["StackId"]) == "DELETE_COMPLETE"
        assert world.things == {}

    asyncio.run(scenario())


def drop_leased(tx: Transaction) -> None:
    """Give up what a node was at."""
    for _, claimed in outbox.pending(tx):
        if claimed.entry.owner:
            outbox.done(tx, claimed.key)


def test_an_operation_whose_event_was_given_up_is_taken_up_again() -> None:
    async def scenario() -> None:
        watched = Watched()
        cloud, world = watched.cloud, watched.world
        await cloud.call("cloudformation", "CreateStack", StackName="s", TemplateBody=BEFORE)
        event = await watched.take()
        dying = Dying(cloud, 5, after=False)
        with pytest.raises(asyncio.CancelledError):
            await deliver(cloud, world, event)
        dying.revive(cloud)
        cloud.targets["cloudformation"] = StackEngine(cloud, FakeHandlers(world))
        relay = Relay(cloud, "node")
        await cloud.store.write(drop_leased)
        await relay.start()
        cloud.clock.advance(WATCH_AFTER_NS)
        await relay.settled()
        assert await status(cloud, "s") == "CREATE_COMPLETE"
        assert len(world.things) == 4

    asyncio.run(scenario())
