"""One simulated node: the rooms of app.py's Node on a host that can be killed, paused and set wrong."""

from __future__ import annotations

import asyncio
import importlib
import random
from collections.abc import Awaitable, Callable, Mapping
from functools import partial
from typing import Any

from lambent.bus.members import Members
from lambent.bus.relay import Relay
from lambent.contracts.caller import Caller, root
from lambent.contracts.events import Delivery, Target
from lambent.contracts.ids import Ids
from lambent.contracts.ports import Cloud, Reader, Settings, Transaction, Unmeasured
from lambent.gateway.authorize import PolicyGuard
from lambent.gateway.dispatch import Dispatcher
from lambent.kv import nodes as kv_nodes
from lambent.kv.errors import StoreError
from lambent.kv.nodes import NodeRecord
from lambent.registry import SERVICES, Targets, load_service
from lambent.services.iam.directory import IamDirectory
from lambent.services.lambda_ import LambdaHost

from .blobs import GRACE_S, Bodies, NodeBlobs
from .clock import NodeClock
from .compute import FakeCompute, Journal
from .loop import SECOND_NS, SeededLoop, pause
from .store import Memory, NodeStore, Weather

ACCOUNT = "000000000000"
REGION = "us-east-1"
Settle = Callable[[Any], None]
"""Tells a client how its request ended."""


class Ground:
    """What nodes stand on, and what outlives them."""

    def __init__(self, loop: SeededLoop, chance: random.Random, shared: bool) -> None:
        self.loop = loop
        self.chance = chance
        self.weather = Weather()
        self.journal = Journal()
        self.bodies = Bodies()
        self.targets: dict[str, Callable[[SimNode], Target]] = {}
        """Targets of the simulation's own, by service."""
        self.strike: Callable[[SimNode], None] = _nothing
        """Kill a node within its next steps."""
        self.shared = shared
        self.memory = Memory(NodeClock(loop.world), Ids(chance.getrandbits(64)), shared, chance, self.weather)
        self.validate: Callable[[str, str, Mapping[str, Any]], dict[str, Any]] = _trust


def _nothing(node: SimNode) -> None:
    pass


def _trust(service: str, operation: str, params: Mapping[str, Any]) -> dict[str, Any]:
    return dict(params)


class _SimTargets(Targets):
    """The cloud's own targets, with the simulation's in front."""

    def __init__(self, node: SimNode, own: Mapping[str, Callable[[SimNode], Target]]) -> None:
        super().__init__(node)
        self._found.update((service, build(node)) for service, build in own.items())


class SimNode(Cloud):
    """One life of a node. After a kill another one is made, with another identity and empty caches."""

    compute: FakeCompute
    store: NodeStore  # type: ignore[assignment]
    blobs: NodeBlobs
    members: Members

    def __init__(self, ground: Ground, name: str, shuffled: bool) -> None:
        loop, chance = ground.loop, ground.chance
        self.ground = ground
        self.name = name
        self.host = loop.host(name, shuffled)
        self.clock = NodeClock(self.host)
        self.ids = Ids(chance.getrandbits(64))
        self.settings = Settings()
        inner = ground.memory.open(self.clock, self.ids)
        self.store = NodeStore(inner, chance, ground.weather, lambda: ground.strike(self))
        self.blobs = NodeBlobs(ground.bodies, self.ids, self.clock, chance, ground.weather)
        self.directory = IamDirectory(self)
        self.guard = PolicyGuard(self)
        self.metrics = Unmeasured()
        self.targets = _SimTargets(self, ground.targets)
        self.api = Dispatcher(self, load_service, ground.validate)
        self.spawn = self._spawn
        self.tasks: set[asyncio.Future[Any]] = set()
        """What runs in the background, and the requests under way."""
        self.serving = False
        """Whether it has started and takes requests."""
        self.waiting: dict[int, Settle] = {}
        """How to tell the clients whose requests are under way that this node is gone."""
        self.host.context.run(self._connect)

    def _connect(self) -> None:
        # In the host's context: what these rooms schedule by themselves is the host's.
        self.compute = FakeCompute(LambdaHost(self), self.ground.loop, self.name, self.ground.journal)
        self.relay = Relay(self, self.store.node, alone=not self.ground.shared)
        record = NodeRecord(
            id=self.store.node,
            name=self.name,
            endpoint="",
            version="simulated",
            started_ms=self.clock.now_ns() // 1_000_000,
        )
        self.members = Members(self, record, lambda: {}, self.relay.look, (_forget,))

    def boot(self) -> None:
        """Begin to take part."""
        self.host.start(self._start()).add_done_callback(self._finished)

    async def _start(self) -> None:
        while True:
            try:
                if self.ground.shared:
                    await self.members.start()
                await self.relay.start()
                self.serving = True
                return
            except StoreError:
                # A node whose store fails while it starts is started again by whoever watches it.
                await asyncio.sleep(0.5)

    async def collect(self, grace_s: float = GRACE_S) -> int | None:
        """Remove what no record names; returns how many, or None when another node is the one that does."""
        if self.store.shared and not await self.store.write(lambda tx: kv_nodes.play(tx, "collector", self.store.node)):
            return None
        return await self.blobs.collect(partial(self.store.survey, named), grace_s)

    async def call(
        self, service: str, operation: str, params: Mapping[str, Any], caller: Caller | None = None
    ) -> dict[str, Any]:
        """Run an operation here, as `caller` (the root user, unless given)."""
        return await self.api.call(caller or root(ACCOUNT), REGION, service, operation, params)

    async def retire(self, grace_s: float = 5.0) -> None:
        """Stop in order: answer what is under way, deliver what is begun, leave the rest to the others."""
        self.serving = False
        loop = self.ground.loop
        end_ns = loop.now_ns + int(grace_s * SECOND_NS)
        while self.waiting and loop.now_ns < end_ns:
            await pause(0.1)
        try:
            if self.store.shared:
                await self.members.drain()
        except StoreError:
            pass  # the others are not told, and find out
        await self.relay.stop(int(grace_s * SECOND_NS))
        for task in list(self.tasks):
            task.cancel()
        await asyncio.gather(*self.tasks, return_exceptions=True)
        await self.compute.close()
        try:
            await self.relay.release()
            if self.store.shared:
                await self.members.leave()
        except StoreError:
            pass  # whoever comes next takes over, as after a crash

    def _spawn(self, work: Awaitable[None]) -> None:
        task = asyncio.ensure_future(work)
        self.tasks.add(task)
        task.add_done_callback(self._finished)

    def _finished(self, task: asyncio.Future[None]) -> None:
        self.tasks.discard(task)
        if not task.cancelled() and task.exception() is not None and not isinstance(task.exception(), StoreError):
            self.ground.loop.failures.append(f"background work of {self.name} failed: {task.exception()!r}")


def named(tx: Reader) -> set[str]:
    """All blobs that a record names."""
    rooms = [importlib.import_module(SERVICES[name]) for name in ("s3", "lambda")]
    return {blob for room in rooms for blob in room.blobs_in_use(tx)}


def _forget(tx: Transaction, node: str) -> None:
    forget = getattr(importlib.import_module(SERVICES["lambda"]), "forget_node", None)
    if forget is not None:
        forget(tx, node)


class Mailbox:
    """A target that keeps what it gets, for all nodes."""

    def __init__(self) -> None:
        self.got: list[Delivery] = []

    async def deliver(self, delivery: Delivery) -> None:
        """Keep it."""
        self.got.append(delivery)

    async def check(self, target: str, principal: str, source: str, account: str) -> None:
        """Everyone may come in."""
