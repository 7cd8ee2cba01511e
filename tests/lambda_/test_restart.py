"""Asynchronous invocations over restarts: the outbox knows how often an event was run, whatever happens to the node."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Awaitable, Callable
from pathlib import Path

from lambent.bus import relay as relay_module
from lambent.bus.relay import Relay
from lambent.contracts.functions import FunctionSpec, Invocation, Outcome
from lambent.kv.engines.rocks import RocksStore
from lambent.services.lambda_.host import LambdaHost

from .support import NAME, FakeCompute, LambdaCloud, fail

QUEUE = "arn:aws:sqs:us-east-1:000000000000:ends"


class Hanging(FakeCompute):
    """A compute room in which a call never ends."""

    def __init__(self) -> None:
        super().__init__()
        self.called = asyncio.Event()

    async def invoke(self, spec: FunctionSpec, invocation: Invocation) -> Outcome:
        self.calls.append((spec, invocation))
        self.called.set()
        await asyncio.Event().wait()
        raise AssertionError("unreachable")


class Cold(FakeCompute):
    """A compute room that needs the role's credentials for every call."""

    def __init__(self, host: LambdaHost) -> None:
        super().__init__()
        self.host = host

    async def invoke(self, spec: FunctionSpec, invocation: Invocation) -> Outcome:
        await self.host.credentials(spec)
        return await super().invoke(spec, invocation)


class DiskCloud(LambdaCloud):
    """The cloud of these tests on a folder, so that its node can go and come back."""

    def __init__(self, folder: Path) -> None:
        super().__init__()
        self._path = str(folder / "data")
        self._open()

    def _open(self) -> None:
        self.disk = RocksStore(self._path, self.clock, self.ids, "normal")
        self.store = self.disk
        self.relay = Relay(self, self.disk.node)

    async def crash(self) -> None:
        """What runs is gone, and what was not committed; the next node opens the folder."""
        tasks = list(self._tasks)
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        # Only its timers are left to stop, which a dead process has none of.
        await self.relay.stop()
        await self.disk.close()
        self._open()
        await self.relay.start()

    async def waiting(self) -> int:
        """How many events are in the outbox."""
        return await self.store.read(relay_module.waiting)


def run(folder: Path, test: Callable[[DiskCloud], Awaitable[None]]) -> None:
    async def body() -> None:
        cloud = DiskCloud(folder)
        await cloud.begin()
        cloud.compute.behave = fail
        await cloud.allow_role("sqs:SendMessage", QUEUE)
        destination = {"OnFailure": {"Destination": QUEUE}}
        await cloud.lambda_("PutFunctionEventInvokeConfig", FunctionName=NAME, DestinationConfig=destination)
        try:
            await test(cloud)
        finally:
            await cloud.disk.close()

    asyncio.run(body())


def counted(cloud: DiskCloud) -> tuple[str, int]:
    """How the one event that is in the queue ended, and after how many runs."""
    [delivery] = cloud.queue.got
    context = json.loads(delivery.event.payload)["requestContext"]
    return context["condition"], context["approximateInvokeCount"]


def test_a_restart_between_two_attempts_keeps_their_count(tmp_path: Path) -> None:
    async def story(cloud: DiskCloud) -> None:
        await cloud.invoke({"n": 1}, InvocationType="Event")
        await cloud.relay.settled()
        await cloud.advance(30)
        await cloud.crash()
        assert len(cloud.compute.calls) == 1
        await cloud.advance(31)
        assert len(cloud.compute.calls) == 2
        await cloud.crash()
        await cloud.advance(121)
        assert len({call.request_id for _, call in cloud.compute.calls}) == 1
        assert (len(cloud.compute.calls), counted(cloud)) == (3, ("RetriesExhausted", 3))
        assert await cloud.waiting() == 0

    run(tmp_path, story)


def test_an_attempt_that_a_crash_ended_is_made_again(tmp_path: Path) -> None:
    async def story(cloud: DiskCloud) -> None:
        await cloud.invoke({"n": 1}, InvocationType="Event")
        await cloud.relay.settled()
        whole, hanging = cloud.compute, Hanging()
        cloud.compute = hanging
        cloud.clock.advance(61 * 10**9)
        await hanging.called.wait()
        cloud.compute = whole
        await cloud.crash()
        await cloud.advance(1)
        # The second attempt, once more: AWS too may run an event more often than it counts.
        assert len(whole.calls) == 2
        await cloud.advance(121)
        await cloud.advance(10_000)
        assert (len(whole.calls), counted(cloud)) == (3, ("RetriesExhausted", 3))

    run(tmp_path, story)


def test_a_role_that_cannot_be_assumed_costs_no_attempt(tmp_path: Path) -> None:
    async def story(cloud: DiskCloud) -> None:
        await cloud.call("iam", "DeleteRolePolicy", RoleName="runner", PolicyName="allow")
        await cloud.call("iam", "DeleteRole", RoleName="runner")
        whole, cloud.compute = cloud.compute, Cold(LambdaHost(cloud))
        await cloud.invoke({"n": 1}, InvocationType="Event")
        for _ in range(6):
            await cloud.advance(400)
        cloud.compute = whole
        assert (whole.calls, await cloud.waiting()) == ([], 1)
        await cloud.advance(400)
        assert len(cloud.compute.calls) == 1
        await cloud.advance(61)
        await cloud.advance(121)
        assert (len(cloud.compute.calls), await cloud.waiting()) == (3, 0)

    run(tmp_path, story)
