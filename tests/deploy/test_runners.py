"""Many nodes and one stack: one of them runs its operation at a time, also when another took it for dead."""

from __future__ import annotations

import asyncio
from functools import partial
from typing import Any

import pytest

from lambent.contracts.events import Delivery, Event, TryAgain
from lambent.deploy import StackEngine
from lambent.deploy.resources import Physical, Work
from lambent.kv import nodes, outbox
from lambent.kv.nodes import NodeRecord
from tests.deploy.fakes import FakeHandler, FakeHandlers, World, eventually
from tests.support import TestCloud

TEMPLATE = (
    '{"Resources": {"A": {"Type": "AWS::SQS::Queue"}, "B": {"Type": "AWS::SQS::Queue", "DependsOn": "A"}},'
    ' "Outputs": {"Name": {"Value": {"Ref": "B"}}}}'
)


class _Slow(FakeHandler):
    """Begins every creation and goes on with it when it is let."""

    def __init__(self, world: World) -> None:
        super().__init__(world)
        self.begun: list[str] = []
        self.go_on = asyncio.Event()

    async def create(self, work: Work, properties: dict[str, Any]) -> Physical:
        self.begun.append(work.logical_id)
        await self.go_on.wait()
        return await super().create(work, properties)


class _SlowHandlers(FakeHandlers):
    def __init__(self, world: World) -> None:
        self._handler = self.slow = _Slow(world)


class _Two:
    """Two nodes of one cloud. The first has begun to create a stack and stands still."""

    def __init__(self) -> None:
        self.world = World()
        self.first = TestCloud(validate=False)
        self.second = TestCloud(2, validate=False, beside=self.first)
        self.handlers = _SlowHandlers(self.world)
        self.event: Event
        self.work: asyncio.Task[None]

    async def begin(self) -> None:
        self.first.targets["cloudformation"] = StackEngine(self.first, self.handlers)
        for cloud in (self.first, self.second):
            record = NodeRecord(id=cloud.store.node, name="", endpoint="", version="", started_ms=0)
            await cloud.store.write(partial(nodes.say, record=record))
        await self.first.call("cloudformation", "CreateStack", StackName="s", TemplateBody=TEMPLATE)
        ((_, claimed),) = await self.first.store.read(outbox.pending)
        self.event = claimed.entry.event
        engine = StackEngine(self.first, self.handlers)
        self.work = asyncio.ensure_future(engine.deliver(self._delivery()))
        await eventually(lambda: self.handlers.slow.begun == ["A"])

    def _delivery(self) -> Delivery:
        return Delivery(id="d", event=self.event, attempt=1, emitted_ns=0)

    async def on_the_second(self) -> None:
        """Deliver the same work to the other node."""
        await StackEngine(self.second, FakeHandlers(self.world)).deliver(self._delivery())

    async def status(self) -> str:
        found = await self.first.call("cloudformation", "DescribeStacks", StackName="s")
        return str(found["Stacks"][0]["StackStatus"])


async def test_an_operation_that_another_living_node_runs_is_left_to_it() -> None:
    two = _Two()
    await two.begin()
    with pytest.raises(TryAgain) as refused:
        await two.on_the_second()
    assert not refused.value.count
    assert two.world.log == []
    two.handlers.slow.go_on.set()
    await two.work
    assert await two.status() == "CREATE_COMPLETE"
    assert two.world.log == [("create", "A"), ("create", "B")]
    await two.on_the_second()  # nothing is left to do
    assert two.world.log == [("create", "A"), ("create", "B")]


async def test_a_node_that_was_taken_for_dead_does_not_go_on_with_a_stack() -> None:
    two = _Two()
    await two.begin()
    await two.first.store.write(lambda tx: nodes.leave(tx, two.first.store.node))
    await two.on_the_second()
    assert await two.status() == "CREATE_COMPLETE"
    done = list(two.world.log)
    events = await two.first.call("cloudformation", "DescribeStackEvents", StackName="s")
    two.handlers.slow.go_on.set()
    await two.work  # it finds that the stack is not its own any more
    assert two.handlers.slow.begun == ["A"], "nothing new was begun"
    assert await two.first.call("cloudformation", "DescribeStackEvents", StackName="s") == events
    assert len(done) == 2
    assert len(two.world.things) == 2, "what it was making has the name that the other made"
