"""The composition root: connects the rooms into a node."""

from __future__ import annotations

import asyncio
import importlib
import logging
import os
import socket
import threading
from collections.abc import Awaitable, Callable
from functools import partial
from pathlib import Path
from typing import Any, Protocol
from urllib.parse import urlsplit

import msgspec

from lambent import __version__, doors, engines, sites, wire
from lambent.blobs.errors import BlobsError
from lambent.bus import pollers
from lambent.bus.members import Members
from lambent.bus.relay import Relay
from lambent.contracts.clock import Clock, sleep_until
from lambent.contracts.functions import Compute, FunctionSpec, Invocation, Outcome, TooManyRequests
from lambent.contracts.http import Response
from lambent.contracts.ids import Ids
from lambent.contracts.ports import Cloud, Metrics, Reader, Settings, Transaction
from lambent.gateway.authorize import PolicyGuard
from lambent.gateway.dispatch import Dispatcher
from lambent.gateway.rooms import FrontDoor
from lambent.kit import Context, calling
from lambent.kit.measuring import Batch, Meter
from lambent.kv import nodes
from lambent.kv.errors import StoreError
from lambent.kv.nodes import NodeRecord
from lambent.registry import SERVICES, Targets, blobs_in_use, load_service
from lambent.services.iam.directory import IamDirectory
from lambent.wire import Route

BASES = ("localhost", "localhost.localdomain", "lambent.localhost", "amazonaws.com", "127.0.0.1", "[::1]")
"""Host names below which services and buckets have names of their own."""


class Inside(Protocol):
    """What serves functions: `accept` makes the protocol of a connection from a sandbox, `authority` finds the
    certificate by which it is known there over TLS (blocking)."""

    def accept(self) -> asyncio.Protocol:
        """See the class."""
        ...

    def authority(self) -> Path:
        """See the class."""
        ...


_FIRST_COLLECTION_NS = 60 * 1_000_000_000
_COLLECTION_NS = 3600 * 1_000_000_000

_log = logging.getLogger("lambent.app")


def _own(settings: Settings) -> str:
    """Where this node itself is found."""
    return settings.node_endpoint or settings.endpoint


def _bases(settings: Settings) -> tuple[str, ...]:
    """Names below which services and buckets have names: the usual ones, and the one that clients know the cloud by."""
    host = urlsplit(settings.endpoint).hostname or ""
    named = host not in BASES and not host.replace(".", "").isdigit() and ":" not in host
    return (host, *BASES) if host and named else BASES


def _named(tx: Reader) -> set[str]:
    return set(blobs_in_use(tx))


def _forget_slots(tx: Transaction, node: str) -> None:
    """What the Lambda service's records say that a dead node runs, it runs no more."""
    importlib.import_module(SERVICES["lambda"]).forget_node(tx, node)


def _forget_connections(tx: Transaction, node: str) -> None:
    """The clients that were connected to a dead node's WebSocket APIs are gone."""
    importlib.import_module(SERVICES["apigatewaymanagementapi"]).forget_node(tx, node)


class Machine(msgspec.Struct, frozen=True, kw_only=True):
    """What a node has of its machine: `share` of it (nodes of one machine divide it), the folder of its `runtimes`
    (which they may have in common; empty: in the data folder), and the `worker`'s number among them, 0 for none."""

    share: float = 1.0
    runtimes: str = ""
    worker: int = 0


class LazyCompute:
    """The compute room, opened by the first call that needs it: a cloud without functions starts without it."""

    def __init__(self, cloud: Cloud, folder: Path, machine: Machine, inside: Inside | None) -> None:
        self._cloud = cloud
        self._folder = folder
        self._machine = machine
        self._inside = inside
        self._room: Compute | None = None
        self._note: Callable[[Metrics, FunctionSpec, Outcome | None], None] = lambda metrics, spec, outcome: None
        self._opening = threading.Lock()

    def _open(self) -> Compute:
        with self._opening:  # `runtimes` is asked from threads too
            return self._room or self._build()

    def _build(self) -> Compute:
        environments = importlib.import_module("lambent.compute").Environments
        self._note = importlib.import_module("lambent.compute.measuring").note
        host = importlib.import_module(SERVICES["lambda"]).LambdaHost(self._cloud)
        self._room = room = environments(
            host,
            self._cloud.clock,
            self._cloud.ids,
            self._folder,
            endpoint=_own(self._cloud.settings),
            door=self._inside.accept if self._inside is not None else None,
            authority=self._inside.authority if self._inside is not None else None,
            share=self._machine.share,
            runtimes_folder=self._machine.runtimes or None,
        )
        return room  # type: ignore[no-any-return]

    async def invoke(self, spec: FunctionSpec, invocation: Invocation) -> Outcome:
        """See `contracts.functions.Compute`. How it went is noted for CloudWatch."""
        room = self._open()
        try:
            outcome = await room.invoke(spec, invocation)
        except TooManyRequests:
            self._note(self._cloud.metrics, spec, None)
            raise
        self._note(self._cloud.metrics, spec, outcome)
        return outcome

    async def retire(self, arn_prefix: str) -> None:
        """See `contracts.functions.Compute`."""
        if self._room is not None:
            await self._room.retire(arn_prefix)

    def runtimes(self) -> list[str]:
        """See `contracts.functions.Compute`."""
        return self._open().runtimes()

    def load(self) -> dict[str, int]:
        """See `contracts.functions.Compute`."""
        return {} if self._room is None else self._room.load()

    async def close(self) -> None:
        """See `contracts.functions.Compute`."""
        if self._room is not None:
            await self._room.close()


class Pace:
    """Requests per second, over the time since it was last asked (half a second at least)."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._since_ns = clock.now_ns()
        self._count = 0
        self._last = 0

    def note(self) -> None:
        """One request more."""
        self._count += 1

    def per_s(self) -> int:
        """The pace."""
        now_ns = self._clock.now_ns()
        if now_ns - self._since_ns >= 500_000_000:
            self._last = round(self._count * 1e9 / (now_ns - self._since_ns))
            self._since_ns, self._count = now_ns, 0
        return self._last


class Node(Cloud):
    """The rooms of one node, connected; `door` answers requests. `inside` serves what functions connect to from
    their sandboxes (None: they are carried to the node's own address)."""

    directory: IamDirectory
    members: Members
    metrics: Meter

    def __init__(
        self,
        settings: Settings,
        clock: Clock,
        ids: Ids,
        found: engines.Engines,
        machine: Machine,
        inside: Inside | None = None,
    ) -> None:
        self.settings = settings
        self.clock = clock
        self.ids = ids
        self.spawn = self._spawn
        self._recorder: Any = None
        self._tasks: set[asyncio.Future[None]] = set()
        self._pace = Pace(clock)
        self._engines = found
        self.store = found.store
        self.blobs = found.blobs
        self.directory = IamDirectory(self)
        self.guard = PolicyGuard(self)
        self.targets = Targets(self)
        dispatcher = Dispatcher(self, load_service, wire.validate)
        self.api = dispatcher
        self.compute = LazyCompute(self, Path(settings.data), machine, inside)
        self.relay = Relay(self, self.store.node, alone=not self.store.shared)
        self.pollers = pollers.Pollers(self)
        forget = (_forget_slots, _forget_connections, pollers.forget_node)
        self.members = Members(self, self._record(machine), self._load, self.relay.look, forget)
        self.metrics = Meter(clock, self.spawn, self._measured)
        self.door = self.front = FrontDoor(
            self,
            dispatcher,
            bases=_bases(settings),
            doors=doors.DOORS,
            branches=doors.BRANCHES,
            sites=sites.find,
            decorate=doors.allow_origin,
            journal=self._journal,
        )

    async def start(self) -> None:
        """Begin background work: the relay, and what each service that kept something wants to go on with."""
        if self.store.shared:
            await self.members.start()
        await self.relay.start()
        await self.pollers.start()
        self.spawn(self._collect())

    async def settle(self, grace_s: float) -> None:
        """Start no more deliveries; those under way have `grace_s` seconds to finish. The rest is repeated later."""
        if self.store.shared:
            try:
                await self.members.drain()
            except StoreError as error:
                _log.warning("the other nodes could not be told that this one stops: %s", error)
        await asyncio.gather(self.relay.stop(int(grace_s * 1_000_000_000)), self.pollers.stop(grace_s))

    async def stop(self) -> None:
        """End what is under way and release everything; `settle` comes first."""
        # Deliveries before the functions that they run: one that saw its function end would count a failed attempt.
        await self.metrics.flush()
        for task in list(self._tasks):
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        await calling.close(self)
        await self.compute.close()
        try:
            await self.relay.release()
            if self.store.shared:
                await self.members.leave()
        except StoreError as error:  # a full disk: the next start, or another node, takes over as it does after a crash
            _log.warning("events under way could not be put back: %s", error)
        await engines.close(self._engines)

    async def _measured(self, batch: Batch) -> None:
        """Measurements go to CloudWatch, which is loaded when there are any."""
        if self._recorder is None:
            self._recorder = importlib.import_module(SERVICES["cloudwatch"]).Recorder(self)
        await self._recorder.hand_on(batch)

    def _record(self, machine: Machine) -> NodeRecord:
        worker = f"#{machine.worker}" if machine.worker else ""
        return NodeRecord(
            id=self.store.node,
            name=f"{socket.gethostname()}:{os.getpid()}{worker}",
            endpoint=_own(self.settings),
            version=__version__,
            started_ms=self.clock.now_ns() // 1_000_000,
        )

    def _load(self) -> dict[str, int]:
        """What this node says of itself to the others, and to `lambent status`."""
        return {
            "requests_per_s": self._pace.per_s(),
            "leases": self.relay.under_way + self.relay.ready,
            **self.pollers.load(),
            "warm": 0,
            "running": 0,
            **self.compute.load(),
        }

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
            try:
                await self._collect_once()
            except (StoreError, BlobsError, OSError) as error:
                _log.warning("bodies that nothing names could not be removed: %s", error)

    async def _collect_once(self) -> None:
        if self.store.shared and not await self.store.write(lambda tx: nodes.play(tx, "collector", self.store.node)):
            return
        removed = await self.blobs.collect(partial(self.store.survey, _named))
        if removed:
            _log.info("removed %d bodies that nothing names", removed)

    def _journal(self, ctx: Context, route: Route, response: Response) -> None:
        self._pace.note()
        self.directory.note_use(ctx.caller, route.service, ctx.region)
