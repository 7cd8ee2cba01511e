"""The pollers' face to the node. What they are made of loads with the first mapping: a cloud without any starts without
the services that they read."""

from __future__ import annotations

import asyncio
import importlib
import logging
from collections.abc import Callable
from typing import TYPE_CHECKING, Final

from lambent.contracts.clock import sleep_until
from lambent.contracts.ports import Cloud, Reader, Transaction
from lambent.kv.errors import StoreError
from lambent.kv.keys import pack

if TYPE_CHECKING:
    from .crews import Crews

TOPIC: Final = b"lambda.mappings"
"""What every change of a mapping wakes."""
LOOK_NS: Final = 30 * 1_000_000_000
PREFIX: Final = pack(("lambda.mapping",))
"""What the keys of mappings begin with."""
PIPES_PREFIX: Final = pack(("pipes.pipe",))
"""What the keys of pipes begin with."""

_log = logging.getLogger("lambent.pollers")


def _any_mapping(tx: Reader) -> bool:
    return any(tx.scan(prefix + b"\x00", prefix + b"\xff", limit=1) for prefix in (PREFIX, PIPES_PREFIX))


class Pollers:
    """This node's pollers. `start` once the store is open; `stop` before the functions end."""

    def __init__(self, cloud: Cloud) -> None:
        self._cloud = cloud
        self._crew: Crews | None = None
        self._stopping = False
        self._deafen: Callable[[], None] | None = None

    async def start(self) -> None:
        """Poll what there is, or wait for the first mapping."""
        self._deafen = self._cloud.store.listen(TOPIC, self._open)
        if await self._cloud.store.read(_any_mapping):
            self._open()
        elif self._cloud.store.shared:
            self._cloud.spawn(self._look())

    async def _look(self) -> None:
        """Look from time to time: the hint that another node has made a mapping may be lost."""
        clock = self._cloud.clock
        while self._crew is None and not self._stopping:
            await sleep_until(clock, clock.now_ns() + LOOK_NS)
            try:
                if await self._cloud.store.read(_any_mapping):
                    self._open()
            except StoreError as error:
                _log.warning("event source mappings cannot be looked for: %s", error)

    def _open(self) -> None:
        if self._deafen is not None:
            self._deafen()
            self._deafen = None
        if self._crew is None and not self._stopping:
            self._crew = importlib.import_module("lambent.bus.pollers.crews").Crews(self._cloud)
            self._crew.start()

    async def stop(self, grace_s: float) -> None:
        """Receive no more, let batches under way end for `grace_s` seconds, and leave the leases to others."""
        self._stopping = True
        if self._deafen is not None:
            self._deafen()
        if self._crew is not None:
            await self._crew.stop(grace_s)

    def load(self) -> dict[str, int]:
        """What there is to do: `pollers` that this node has, and `batches` (of shards: records) under way in them.
        Nothing before the first mapping is known here: others do not leave work to a node that says nothing."""
        return {} if self._crew is None else self._crew.load()

    def tasks(self) -> list[asyncio.Future[None]]:
        """Everything that runs: the pollers, and batches whose poller may have ended."""
        return [] if self._crew is None else self._crew.tasks()


def forget_node(tx: Transaction, node: str) -> None:
    """Free what a dead node polled; called in the transaction that removes the node."""
    if _any_mapping(tx):
        importlib.import_module("lambent.bus.pollers.leases").forget_node(tx, node)
