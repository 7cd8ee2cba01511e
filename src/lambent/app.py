"""The composition root: connects the rooms into a node."""

from __future__ import annotations

import asyncio
import importlib
import logging
from collections.abc import Awaitable
from functools import partial
from pathlib import Path
from types import ModuleType
from typing import Literal

from lambent import doors, wire
from lambent.blobs.files import FileBlobs
from lambent.bus.relay import Relay
from lambent.contracts.clock import Clock, sleep_until
from lambent.contracts.functions import Compute, FunctionSpec, Invocation, Outcome
from lambent.contracts.http import Response
from lambent.contracts.ids import Ids
from lambent.contracts.ports import Cloud, Reader, Settings
from lambent.gateway.authorize import PolicyGuard
from lambent.gateway.dispatch import Dispatcher
from lambent.gateway.rooms import FrontDoor
from lambent.kit import Context
from lambent.kv.engines.rocks import RocksStore
from lambent.kv.errors import StoreError
from lambent.registry import SERVICES, Targets, load_service
from lambent.services.iam.directory import IamDirectory
from lambent.wire import Route

BASES = ("localhost", "localhost.localdomain", "lambent.localhost", "amazonaws.com", "127.0.0.1", "[::1]")
"""Host names below which services and buckets have names of their own."""

_FIRST_COLLECTION_NS = 60 * 1_000_000_000
_COLLECTION_NS = 3600 * 1_000_000_000

_log = logging.getLogger("lambent.app")


def _named(rooms: list[ModuleType], tx: Reader) -> set[str]:
    return {name for room in rooms for name in room.blobs_in_use(tx)}


class LazyCompute:
    """The compute room, opened by the first call that needs it: a cloud without functions starts without it."""

    def __init__(self, cloud: Cloud, folder: Path) -> None:
        self._cloud = cloud
        self._folder = folder
        self._room: Compute | None = None

    def _open(self) -> Compute:
        if self._room is None:
            environments = importlib.import_module("lambent.compute").Environments
            host = importlib.import_module(SERVICES["lambda"]).LambdaHost(self._cloud)
            self._room = environments(
                host, self._cloud.clock, self._cloud.ids, self._folder, endpoint=self._cloud.settings.endpoint
            )
        return self._room

    async def invoke(self, spec: FunctionSpec, invocation: Invocation) -> Outcome:
        """See `contracts.functions.Compute`."""
        return await self._open().invoke(spec, invocation)

    async def retire(self, arn_prefix: str) -> None:
        """See `contracts.functions.Compute`."""
        if self._room is not None:
            await self._room.retire(arn_prefix)

    def runtimes(self) -> list[str]:
        """See `contracts.functions.Compute`."""
        return self._open().runtimes()

    async def close(self) -> None:
        """See `contracts.functions.Compute`."""
        if self._room is not None:
            await self._room.close()


class Node(Cloud):
    """The rooms of one node, connected; `door` answers requests."""

    blobs: FileBlobs
    directory: IamDirectory

    def __init__(self, settings: Settings, clock: Clock, ids: Ids) -> None:
        folder = Path(settings.data)
        self.settings = settings
        self.clock = clock
        self.ids = ids
        self.spawn = self._spawn
        self._tasks: set[asyncio.Future[None]] = set()
        durability: Literal["normal", "strict"] = "strict" if settings.durability == "strict" else "normal"
        store = RocksStore(str(folder / "store"), clock, ids, durability)
        self.store = store
        self.blobs = FileBlobs(str(folder / "blobs"), ids, durability)
        self.directory = IamDirectory(self)
        self.guard = PolicyGuard(self)
        self.targets = Targets(self)
        dispatcher = Dispatcher(self, load_service, wire.validate)
        self.api = dispatcher
        self.compute = LazyCompute(self, folder)
        self.relay = Relay(self, store.node)
        self.door = FrontDoor(
            self,
            dispatcher,
            bases=BASES,
            doors=doors.DOORS,
            branches=doors.BRANCHES,
            decorate=doors.allow_origin,
            journal=self._journal,
        )

    async def start(self) -> None:
        """Begin background work: the relay, and what each service that kept something wants to go on with."""
        await self.relay.start()
        self.spawn(self._collect())

    async def settle(self, grace_s: float) -> None:
        """Start no more deliveries; those under way have `grace_s` seconds to finish. The rest is repeated later."""
        await self.relay.stop(int(grace_s * 1_000_000_000))

    async def stop(self) -> None:
        """End what is under way and release everything; `settle` comes first."""
        # Deliveries before the functions that they run: one that saw its function end would count a failed attempt.
        for task in list(self._tasks):
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        await self.compute.close()
        try:
            await self.relay.release()
        except StoreError as error:  # a full disk: the next start takes them over as it does after a crash
            _log.warning("events under way could not be put back: %s", error)
        await self.blobs.close()
        await self.store.close()

    def _spawn(self, work: Awaitable[None]) -> None:
        task = asyncio.ensure_future(work)
        self._tasks.add(task)
        task.add_done_callback(self._finished)

    def _finished(self, task: asyncio.Future[None]) -> None:
        self._tasks.discard(task)
        if not task.cancelled() and task.exception() is not None:
            _log.error("background work failed", exc_info=task.exception())

    async def _collect(self) -> None:
        """Remove blobs that nothing names, from time to time: what a crash left between a body and its transaction."""
        wait_ns = _FIRST_COLLECTION_NS
        while True:
            await sleep_until(self.clock, self.clock.now_ns() + wait_ns)
            wait_ns = _COLLECTION_NS
            # Loaded only now: a node starts without its services.
            rooms = [importlib.import_module(SERVICES[name]) for name in ("s3", "lambda")]
            removed = await self.blobs.collect(partial(self.store.survey, partial(_named, rooms)))
            if removed:
                _log.info("removed %d files that nothing names", removed)

    def _journal(self, ctx: Context, route: Route, response: Response) -> None:
        self.directory.note_use(ctx.caller, route.service, ctx.region)


async def build(settings: Settings, clock: Clock, ids: Ids) -> Node:
    """A node on the data folder of `settings`, not yet started."""
    return Node(settings, clock, ids)
