"""A small cloud with its own services and a relay: what the tests of CloudFormation's API share."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Coroutine
from typing import Any

from lambent.bus.relay import Relay
from lambent.contracts.caller import Caller
from lambent.contracts.functions import FunctionSpec, Invocation, Outcome
from tests.support import TestCloud

TRUST = (
    "{Version: 2012-10-17, Statement: "
    "[{Effect: Allow, Action: sts:AssumeRole, Principal: {Service: lambda.amazonaws.com}}]}"
)


class FakeCompute:
    """Runs no function; `answer` is called with the payload of each invocation."""

    def __init__(self) -> None:
        self.answer: Callable[[bytes], Coroutine[Any, Any, None]] | None = None

    async def invoke(self, spec: FunctionSpec, invocation: Invocation) -> Outcome:
        if self.answer is not None:
            await self.answer(invocation.payload)
        return Outcome(payload=b"null")

    async def retire(self, arn_prefix: str) -> None:
        return None

    def runtimes(self) -> list[str]:
        return ["python3.11"]

    async def close(self) -> None:
        return None


class Cloud:
    """A cloud with a relay that runs; its parameters are checked as the wire would."""

    def __init__(self, cloud: TestCloud, relay: Relay, compute: FakeCompute) -> None:
        self.cloud = cloud
        self.relay = relay
        self.compute = compute

    async def call(self, service: str, operation: str, caller: Caller | None = None, **params: Any) -> dict[str, Any]:
        """One call, and everything that it sets going."""
        answer = await self.cloud.call(service, operation, caller, **params)
        await self.relay.settled()
        return answer

    async def cfn(self, operation: str, **params: Any) -> dict[str, Any]:
        return await self.call("cloudformation", operation, **params)

    async def stack(self, name: str = "s") -> dict[str, Any]:
        found: dict[str, Any] = (await self.cfn("DescribeStacks", StackName=name))["Stacks"][0]
        return found

    async def failures(self, name: str = "s") -> list[str]:
        """What the history tells of failures."""
        events = (await self.cfn("DescribeStackEvents", StackName=name))["StackEvents"]
        return [
            f"{e['LogicalResourceId']}: {e['ResourceStatusReason']}" for e in events if "FAILED" in e["ResourceStatus"]
        ]


def run(scenario: Callable[[Cloud], Coroutine[Any, Any, None]]) -> None:
    """Run a scenario on a new cloud."""

    async def main() -> None:
        cloud = TestCloud()
        compute = FakeCompute()
        cloud.compute = compute
        relay = Relay(cloud, "node")
        await relay.start()
        await scenario(Cloud(cloud, relay, compute))

    asyncio.run(main())
