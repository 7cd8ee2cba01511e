"""A whole small cloud in memory, on a clock that tests move: what the tests of services are written against."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Mapping
from typing import Any

from lambent.blobs.memory import MemoryBlobs
from lambent.bus.members import Members
from lambent.contracts.caller import Caller, root
from lambent.contracts.clock import ManualClock
from lambent.contracts.events import Target
from lambent.contracts.http import Request, Response
from lambent.contracts.ids import Ids
from lambent.contracts.ports import Cloud, Settings, Unmeasured
from lambent.gateway.authorize import PolicyGuard
from lambent.gateway.dispatch import Dispatcher
from lambent.gateway.rooms import FrontDoor
from lambent.kv.engines.memory import MemoryStore
from lambent.kv.nodes import NodeRecord
from lambent.registry import Targets, load_service
from lambent.services.iam.directory import IamDirectory

ACCOUNT = "000000000000"
REGION = "us-east-1"


class _Targets(Targets):
    """The cloud's own targets, and a way for a test to put its own in their place."""

    def __setitem__(self, service: str, target: Target) -> None:
        self._found[service] = target


class TestCloud(Cloud):
    """Build one inside a running loop: `cloud = TestCloud()`; `await cloud.call("s3", "ListBuckets")`.

    `cloud.clock.advance(ns)` moves the time. `cloud.compute` is unset: a test that invokes functions sets a fake.
    `TestCloud(2, beside=cloud)` is another node of the same cloud: it shares the store, the bodies and the clock.
    """

    __test__ = False
    clock: ManualClock
    targets: _Targets

    store: MemoryStore

    def __init__(self, seed: int = 1, validate: bool = True, beside: TestCloud | None = None) -> None:
        self.clock = beside.clock if beside else ManualClock()
        self.ids = Ids(seed)
        self.settings = Settings()
        self.store = beside.store.handle(self.clock, self.ids) if beside else MemoryStore(self.clock, self.ids)
        self.blobs = beside.blobs if beside else MemoryBlobs(self.ids, clock=self.clock)
        self.directory = IamDirectory(self)
        self.guard = PolicyGuard(self)
        self.targets = _Targets(self)
        self.api = Dispatcher(self, load_service, _validate if validate else _trust)
        self._tasks: set[asyncio.Future[None]] = set()
        self.spawn = self._spawn
        record = NodeRecord(id=self.store.node, name="test", endpoint="", version="", started_ms=0)
        self.members = Members(self, record, dict, lambda: None)
        self.metrics = Unmeasured()
        self.front = self._answer
        self._door: FrontDoor | None = None

    async def _answer(self, request: Request) -> Response:
        if self._door is None:
            # The doors load rooms that most tests need not pay for.
            from lambent import doors, sites

            self._door = FrontDoor(
                self,
                self.api,
                bases=("localhost", "amazonaws.com", "127.0.0.1"),
                doors=doors.DOORS,
                branches=doors.BRANCHES,
                sites=sites.find,
                decorate=doors.allow_origin,
            )
        return await self._door(request)

    def _spawn(self, work: Awaitable[None]) -> None:
        task = asyncio.ensure_future(work)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    async def cancel_spawned(self) -> None:
        """End all background work, as a node does that stops."""
        tasks = list(self._tasks)
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)

    async def call(
        self, service: str, operation: str, caller: Caller | None = None, region: str = REGION, **params: Any
    ) -> dict[str, Any]:
        """Run an operation as `caller` (default: the root user)."""
        return await self.api.call(caller or root(ACCOUNT), region, service, operation, params)


def _validate(service: str, operation: str, params: Mapping[str, Any]) -> dict[str, Any]:
    # Loading the wire room costs some milliseconds, which tests without it need not pay.
    from lambent import wire

    return wire.validate(service, operation, params)


def _trust(service: str, operation: str, params: Mapping[str, Any]) -> dict[str, Any]:
    return dict(params)
