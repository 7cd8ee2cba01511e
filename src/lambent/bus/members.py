"""The nodes of a cloud among themselves: each says that it lives, and takes over what dead ones held.

Every `BEAT_NS` a node changes its record and reads the others'. One whose beat stood still for `SILENT_BEATS` of one's
own beats in a row is dead: what it held is given back, and its record removed. Counting own beats instead of seconds
needs no agreement of clocks, and a node that was itself stopped for a while accuses nobody when it wakes. It finds its
own record gone then, and begins anew.
"""

from __future__ import annotations

import logging
from collections.abc import Callable
from functools import partial
from typing import Any

import msgspec

from lambent.contracts.clock import sleep_until
from lambent.contracts.ports import Cloud, Transaction
from lambent.kv import hold, nodes, outbox
from lambent.kv.errors import StoreError
from lambent.kv.nodes import NodeRecord

BEAT_NS = 2_000_000_000
SILENT_BEATS = 3
"""A node is dead, and what it held taken over, within (SILENT_BEATS + 1) * BEAT_NS: 8 seconds."""
TAKEOVER_BATCH = 1000

Forget = Callable[[Transaction, str], None]
"""Releases what a room's records say a node holds; called in the transaction that removes the node."""

_log = logging.getLogger("lambent.nodes")


class _Seen:
    """What this node knows of another: the beat that it saw last, and for how many of its own beats that stood."""

    __slots__ = ("beat", "silent")

    def __init__(self, beat: int) -> None:
        self.beat = beat
        self.silent = 0


class Members:
    """This node among the others. `me` is its first record; `load()` gives what it says of itself at each beat;
    `look()` has the relay look for events that others left; `forget` is called for each dead node."""

    def __init__(
        self,
        cloud: Cloud,
        me: NodeRecord,
        load: Callable[[], dict[str, int]],
        look: Callable[[], None],
        forget: tuple[Forget, ...] = (),
    ) -> None:
        self._cloud = cloud
        self._me = me
        self._load = load
        self._look = look
        self._forget = forget
        self._seen: dict[str, _Seen] = {}
        self._joined = False
        self._leaving = False
        self._failures = 0

    async def start(self) -> None:
        """Join, and go on beating in the background."""
        await self.beat()
        self._cloud.spawn(self._beat_on())

    async def drain(self) -> None:
        """Tell the others that this node takes no more work on."""
        self._me = msgspec.structs.replace(self._me, draining=True)
        await self.beat()

    async def leave(self) -> None:
        """Leave in order: nobody waits for this node's silence. What it held was released before."""
        self._leaving = True
        await self._cloud.store.write(self._go)

    def _go(self, tx: Transaction) -> None:
        for forget in self._forget:
            forget(tx, self._me.id)
        nodes.leave(tx, self._me.id)

    @property
    def serving(self) -> bool:
        """Whether this node should be sent requests."""
        return not self._me.draining and self._failures < SILENT_BEATS

    async def everyone(self) -> list[dict[str, Any]]:
        """All nodes by name, this one as it is now."""
        mine = msgspec.structs.replace(self._me, load=self._load())
        others = await self._cloud.store.read(nodes.everyone) if self._cloud.store.shared else []
        found = [mine, *(other for other in others if other.id != mine.id)]
        return [msgspec.to_builtins(node) for node in sorted(found, key=lambda node: node.name)]

    async def beat(self) -> None:
        """Say that this node lives, look at the others, and take over from those that do not."""
        if self._leaving:
            return
        self._me = msgspec.structs.replace(self._me, beat=self._me.beat + 1, load=self._load())
        me = self._me

        known = await self._cloud.store.write(lambda tx: nodes.say(tx, me))
        # Apart from the write, which would collide with the beats of all the others.
        records, hold_until_ns = await self._cloud.store.read(lambda tx: (nodes.everyone(tx), hold.until_ns(tx)))
        if self._joined and not known:
            _log.warning("the other nodes took this one for dead and took over what it held; it goes on anew")
        self._joined = True
        self._cloud.blobs.hold(hold_until_ns)
        others = {record.id: record for record in records if record.id != me.id}
        for id in list(self._seen.keys() - others.keys()):
            del self._seen[id]
        for record in others.values():
            if self._is_dead(record):
                await self._take_over(record)
        self._look()

    def _is_dead(self, record: NodeRecord) -> bool:
        seen = self._seen.get(record.id)
        if seen is None or seen.beat != record.beat:
            self._seen[record.id] = _Seen(record.beat)
            return False
        seen.silent += 1
        return seen.silent >= SILENT_BEATS

    async def _take_over(self, dead: NodeRecord) -> None:
        """Give back what a node held. Several nodes may do this at once: whoever comes late finds it done."""
        _log.warning("node %s is silent; its work is taken over", dead.name)
        store = self._cloud.store
        while not await store.write(partial(self._take_over_some, dead)):
            pass

    def _take_over_some(self, dead: NodeRecord, tx: Transaction) -> bool:
        """One batch; True when nothing is left to do."""
        tx.lock(b"kv.nodes:" + dead.id.encode())
        found = nodes.find(tx, dead.id)
        if found is None or found.beat != dead.beat:
            return True
        if outbox.reclaim_from(tx, self._cloud.clock.now_ns(), dead.id, TAKEOVER_BATCH) >= TAKEOVER_BATCH:
            return False
        for forget in self._forget:
            forget(tx, dead.id)
        nodes.leave(tx, dead.id)
        return True

    async def _beat_on(self) -> None:
        while not self._leaving:
            await sleep_until(self._cloud.clock, self._cloud.clock.now_ns() + BEAT_NS)
            try:
                await self.beat()
                self._failures = 0
            except StoreError as error:
                self._failures += 1
                _log.warning("no beat: %s", error)
            except Exception:  # whatever it is, a node that stops beating is taken for dead
                self._failures += 1
                _log.exception("no beat")
