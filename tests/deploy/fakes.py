"""A made-up world of resources with handlers that record what they did, for tests of the engine."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import Any

from lambent.deploy import StackEngine
from lambent.deploy.resources import Handler, HandlerFailed, Physical, Work
from tests.support import TestCloud


class World:
    """What exists, by physical id, and the order of what was done. `fail` maps (verb, logical id) to a reason;
    `hold` makes creations wait until released, so that a test can see which run at the same time."""

    def __init__(self) -> None:
        self.things: dict[str, dict[str, Any]] = {}
        self.log: list[tuple[str, str]] = []
        self.fail: dict[tuple[str, str], str] = {}
        self.under_way = 0
        self.under_way_max = 0

    def check(self, verb: str, work: Work) -> None:
        self.log.append((verb, work.logical_id))
        if (verb, work.logical_id) in self.fail:
            raise HandlerFailed(self.fail[verb, work.logical_id])


class FakeHandler(Handler):
    """Makes things in the world; named after the template's QueueName or generated."""

    name_property = "QueueName"

    def __init__(self, world: World) -> None:
        self.world = world

    async def create(self, work: Work, properties: dict[str, Any]) -> Physical:
        name = work.physical_id or properties.get("QueueName") or work.name(80)
        self.world.under_way += 1
        self.world.under_way_max = max(self.world.under_way_max, self.world.under_way)
        for _ in range(10):
            await asyncio.sleep(0)
        self.world.under_way -= 1
        if not work.physical_id:
            self.world.check("create", work)
            if name in self.world.things and not work.resumed:
                raise HandlerFailed(f"{name} already exists")
            self.world.things[name] = dict(properties)
            await work.made(name)
        if ("configure", work.logical_id) in self.world.fail:
            raise HandlerFailed(self.world.fail["configure", work.logical_id])
        return self._physical(name)

    def _physical(self, name: str) -> Physical:
        return Physical(name, {"Arn": f"arn:fake:{name}", "QueueName": name})

    async def update(self, work: Work, physical: Physical, old: dict[str, Any], new: dict[str, Any]) -> Physical:
        self.world.check("update", work)
        self.world.things[physical.id] = dict(new)
        return self._physical(physical.id)

    async def delete(self, work: Work, physical: Physical, properties: dict[str, Any]) -> None:
        self.world.check("delete", work)
        self.world.things.pop(physical.id, None)


class FakeHandlers:
    """Every type but one is built, by one handler."""

    def __init__(self, world: World) -> None:
        self._handler = FakeHandler(world)

    def built(self, type_name: str) -> bool:
        return type_name != "AWS::SNS::Topic"

    def handler(self, type_name: str) -> Handler:
        return self._handler


def fake_cloud(world: World) -> TestCloud:
    """A cloud whose engine works on the made-up world."""
    cloud = TestCloud(validate=False)
    cloud.targets["cloudformation"] = StackEngine(cloud, FakeHandlers(world))
    return cloud


async def eventually(condition: Callable[[], bool]) -> None:
    """Let the loop run until `condition` holds."""
    for _ in range(1000):
        if condition():
            return
        await asyncio.sleep(0)
    raise AssertionError("the condition did not come to hold")
