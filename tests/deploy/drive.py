"""Driving stacks on a made-up world: what the tests of the engine share."""

from __future__ import annotations

from typing import Any

from lambent.bus.relay import Relay
from tests.deploy.fakes import World, fake_cloud
from tests.support import TestCloud


class Driver:
    """A cloud with a relay, and a world to look at. Make it with `await Driver.start()`."""

    def __init__(self, cloud: TestCloud, world: World, relay: Relay) -> None:
        self.cloud = cloud
        self.world = world
        self.relay = relay

    @classmethod
    async def start(cls) -> Driver:
        world = World()
        cloud = fake_cloud(world)
        relay = Relay(cloud, "node")
        await relay.start()
        return cls(cloud, world, relay)

    async def call(self, operation: str, **params: Any) -> dict[str, Any]:
        """One call of CloudFormation, and everything that it sets going."""
        answer = await self.cloud.call("cloudformation", operation, **params)
        await self.relay.settled()
        return answer

    async def status(self, name: str = "s") -> str:
        stack = (await self.call("DescribeStacks", StackName=name))["Stacks"][0]
        return str(stack["StackStatus"])

    async def history(self, name: str = "s") -> list[tuple[str, str, str]]:
        """Logical id, status and reason of every event, oldest first."""
        events = (await self.call("DescribeStackEvents", StackName=name))["StackEvents"]
        return [(e["LogicalResourceId"], e["ResourceStatus"], e.get("ResourceStatusReason", "")) for e in events][::-1]
