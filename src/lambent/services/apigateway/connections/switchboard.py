"""The connections that this node holds, and the way to those of other nodes: one `Switchboard` per cloud.

Whoever speaks with a client registers an `Outlet`. A message for a client of this node goes to its outlet at once; one
for a client of another node is queued in the store, and that node woken.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable
from functools import partial
from typing import Final, Protocol

import msgspec

from lambent.contracts.clock import sleep_until
from lambent.contracts.events import Delivery, Undeliverable
from lambent.contracts.ports import Cloud, Reader, Transaction
from lambent.kv.errors import StoreError

from ..v2 import keys as v2
from . import keys
from .errors import GoneException, LimitExceededException
from .model import GOING_AWAY, NORMAL, Connection, Queued

LOOK_NS: Final = 5_000_000_000
"""A node looks after its connections so often: for messages whose wake-up was lost, and stages that were deleted."""
_ROUNDS_TO_SAVE: Final = 6
_PAGE: Final = 200
_log = logging.getLogger("lambent.apigateway")


class Outlet(Protocol):
    """A client of this node."""

    active_ms: int
    """When something was last received from it or sent to it."""
    ending: bool
    """Whether goodbye was said."""

    def send(self, data: bytes) -> bool:
        """Send a message; False when the client has too much to read already."""
        ...

    def end(self, code: int, reason: str = "") -> None:
        """Say goodbye and close."""
        ...


class Switchboard:
    """See the module. `local` are this node's clients by connection id."""

    def __init__(self, cloud: Cloud) -> None:
        self._cloud = cloud
        self._local: dict[str, tuple[Connection, Outlet]] = {}
        self._draining = asyncio.Lock()
        self._looking = False
        self._watching = False
        self._swept = False
        self._unlisten: Callable[[], None] | None = None

    @property
    def count(self) -> int:
        """How many clients are connected to this node."""
        return len(self._local)

    # -- clients of this node --------------------------------------------------------------------------------------

    async def enter(self, connection: Connection, outlet: Outlet) -> None:
        """A client has come; from now on messages reach it."""
        if not self._swept:
            self._swept = True
            await self._cloud.store.write(self._sweep)
        self._local[connection.id] = (connection, outlet)
        if self._unlisten is None and self._cloud.store.shared:
            self._unlisten = self._cloud.store.listen(keys.topic(connection.node), self.look)
        if not self._watching:
            self._watching = True
            self._cloud.spawn(self._watch())
        try:
            await self._cloud.store.write(lambda tx: keys.put(tx, connection))
        except BaseException:
            self._local.pop(connection.id, None)
            raise

    async def leave(self, connection: Connection) -> None:
        """A client is gone."""
        self._local.pop(connection.id, None)
        await self._cloud.store.write(lambda tx: keys.delete(tx, connection))

    def _sweep(self, tx: Transaction) -> None:
        """Remove what nodes left behind that could not do so themselves: a cloud of one node has nobody else for it."""
        if self._cloud.store.shared:
            return
        gone = {str(keys.of_node.parts(key)[0]) for key, _ in keys.of_node.scan(tx)} - {self._cloud.store.node}
        for node in gone:
            keys.forget_node(tx, node)

    # -- messages --------------------------------------------------------------------------------------------------

    async def post(self, api: str, stage: str, id: str, data: bytes) -> None:
        """Send a message to a client, on whichever node; `GoneException`, `LimitExceededException`."""
        outlet = self._outlet(api, stage, id)
        if outlet is None:
            await self._cloud.store.write(partial(self._append, api, stage, id, Queued(data=data)))
            return
        if self._cloud.store.shared and await self._cloud.store.read(partial(self._waits, id)):
            await self.drain()  # others have sent before us
        if not outlet.send(data):
            raise LimitExceededException

    async def end(self, api: str, stage: str, id: str) -> None:
        """Disconnect a client, on whichever node; `GoneException`."""
        outlet = self._outlet(api, stage, id)
        if outlet is not None:
            outlet.end(NORMAL)
            return
        await self._cloud.store.write(partial(self._append_end, api, stage, id))

    async def find(self, api: str, stage: str, id: str) -> Connection:
        """A connection as it is now; `GoneException`."""
        outlet = self._outlet(api, stage, id)
        if outlet is not None:
            return msgspec.structs.replace(self._local[id][0], active_ms=outlet.active_ms)
        return await self._cloud.store.read(partial(self._found, api, stage, id))

    def _outlet(self, api: str, stage: str, id: str) -> Outlet | None:
        """The client, if it is connected here; `GoneException` when it was and is about to go."""
        connection, outlet = self._local.get(id, (None, None))
        if connection is None or outlet is None or (connection.api, connection.stage) != (api, stage):
            return None
        if outlet.ending:
            raise GoneException
        return outlet

    def _found(self, api: str, stage: str, id: str, tx: Reader) -> Connection:
        store = self._cloud.store
        found = keys.find(tx, api, stage, id, store.node, store.shared)
        if found.node == store.node:
            raise GoneException  # its record is about to go
        return found

    def _append(self, api: str, stage: str, id: str, message: Queued, tx: Transaction) -> None:
        keys.append(tx, self._found(api, stage, id, tx), message)

    def _append_end(self, api: str, stage: str, id: str, tx: Transaction) -> None:
        found = self._found(api, stage, id, tx)
        keys.append(tx, found, Queued(code=NORMAL))
        keys.connections.put(tx, msgspec.structs.replace(found, closing=True), api, stage, id)

    def _waits(self, id: str, tx: Reader) -> bool:
        return bool(keys.queue.scan(tx, self._cloud.store.node, id, limit=1))

    # -- what other nodes queued -----------------------------------------------------------------------------------

    def look(self) -> None:
        """Something may have been queued for this node, or a client may be ready for what was."""
        if not self._looking and self._cloud.store.shared:
            self._looking = True
            self._cloud.spawn(self._drain_later())

    async def _drain_later(self) -> None:
        self._looking = False
        try:
            await self.drain()
        except StoreError as error:
            _log.warning("messages of other nodes must wait: %s", error)

    async def drain(self) -> None:
        """Send what is queued for this node's clients, in order; what a client has no room for stays."""
        store = self._cloud.store
        full: set[str] = set()
        after: bytes | None = None
        async with self._draining:
            while True:
                page = await store.read(
                    lambda tx, after=after: keys.queue.scan(tx, store.node, after=after, limit=_PAGE)  # type: ignore[misc]
                )
                sent = [key for key, queued in page if self._deliver(str(keys.queue.parts(key)[1]), queued, full)]
                if sent:
                    await store.write(partial(_remove, sent))
                if len(page) < _PAGE:
                    return
                after = page[-1][0]

    def _deliver(self, id: str, queued: Queued, full: set[str]) -> bool:
        """Whether it is done with: sent, or its client is gone."""
        _, outlet = self._local.get(id, (None, None))
        if outlet is None or outlet.ending:
            return True
        if id in full:
            return False
        if queued.code:
            outlet.end(queued.code)
        elif not outlet.send(queued.data):
            full.add(id)
            return False
        return True

    # -- looking after them ----------------------------------------------------------------------------------------

    async def _watch(self) -> None:
        """While there are clients."""
        rounds = 0
        try:
            while self._local:
                await sleep_until(self._cloud.clock, self._cloud.clock.now_ns() + LOOK_NS)
                rounds += 1
                await self._look_after(rounds % _ROUNDS_TO_SAVE == 0)
        finally:
            self._watching = False

    async def _look_after(self, save: bool) -> None:
        try:
            await self._end_deleted()
            if self._cloud.store.shared:
                await self.drain()
            if save:
                await self._save()
        except StoreError as error:
            _log.warning("connections could not be looked after: %s", error)

    async def _end_deleted(self) -> None:
        """Clients of a stage that was deleted are sent away."""
        places = {(connection.api, connection.stage) for connection, _ in self._local.values()}

        def missing(tx: Reader) -> set[tuple[str, str]]:
            return {place for place in places if v2.get_stage(tx, *place) is None}

        gone = await self._cloud.store.read(missing)
        if gone:
            self._send_away(lambda connection: (connection.api, connection.stage) in gone)

    async def _save(self) -> None:
        """Store when clients were last active; those whose record is gone (the other nodes took this one for dead) are
        sent away: nobody can reach them."""
        node = self._cloud.store.node

        def save(tx: Transaction) -> set[str]:
            known = set(keys.held(tx, node))
            for api, stage, id in known:
                _, outlet = self._local.get(id, (None, None))
                stored = keys.connections.get(tx, api, stage, id)
                if outlet is None or stored is None or stored.active_ms == outlet.active_ms:
                    continue
                changed = msgspec.structs.replace(stored, active_ms=outlet.active_ms)
                keys.connections.put(tx, changed, api, stage, id)
            return {id for _, _, id in known}

        before = list(self._local)
        known = await self._cloud.store.write(save)
        lost = {id for id in before if id not in known}
        if lost:
            self._send_away(lambda connection: connection.id in lost)

    def _send_away(self, chosen: Callable[[Connection], bool]) -> None:
        for connection, outlet in list(self._local.values()):
            if chosen(connection) and not outlet.ending:
                outlet.end(GOING_AWAY)

    # -- what the registry asks of a target ------------------------------------------------------------------------

    async def deliver(self, delivery: Delivery) -> None:
        """Nothing is delivered to connections by the bus."""
        raise Undeliverable("Connections take no events.")

    async def check(self, target: str, principal: str, source: str, account: str) -> None:
        """As `deliver`."""
        raise Undeliverable("Connections take no events.")


def _remove(found: list[bytes], tx: Transaction) -> None:
    for key in found:
        tx.delete(key)


def switchboard(cloud: Cloud) -> Switchboard:
    """The switchboard of this cloud's node."""
    found = cloud.targets["apigatewaymanagementapi"]
    assert isinstance(found, Switchboard)
    return found
