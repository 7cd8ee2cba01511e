"""The limits of concurrency: a function's reserved one, and what the account's other functions share.

As on AWS, a reservation is taken out of the account's 1,000: functions without one share what is left, so the sum of
all never passes 1,000. Where no other node has the store open, this is counting in memory (`OwnSlots`). Where others
have, `SharedSlots` keeps in the store how many calls each node may run (`keys.slots`). See DESIGN.md, "Concurrency".
"""

from __future__ import annotations

import asyncio
import logging
from collections import deque
from collections.abc import Callable, Mapping
from functools import partial
from typing import NamedTuple

from lambent.contracts.clock import Alarm
from lambent.contracts.functions import FunctionSpec, Slot, TooManyRequests
from lambent.contracts.ports import Cloud, Reader, Transaction
from lambent.kv import nodes

from . import keys
from .model import CONCURRENCY_MAX, CONCURRENCY_UNRESERVED_MIN, SlotsRecord

ACCOUNT_REASON = "ConcurrentInvocationLimitExceeded"
RESERVED_REASON = "ReservedFunctionConcurrentInvocationLimitExceeded"
CHUNK = 16
"""How many slots of an account a node takes beyond what it needs; it gives some back when it has twice as many."""
TRUST_NS = 3_000_000_000
"""For how long a node takes spare slots without asking: less than the silence after which others take it for dead
(4 s and more), so that one which wakes after a stop asks first."""
ABSENT_NS = 20_000_000_000
"""A holder that refuses us a slot, is in no list of nodes, and has not stirred for so long, is gone for good."""
RETRY_NS = 1_000_000_000
LATE_MAX = 3
"""How often those who wait are kept for another settlement because the last one took longer than it may be trusted."""

Place = tuple[str, str, str]
"""Account, region, function; an empty name stands for all functions without a reservation."""
Holder = tuple[str, int]

_log = logging.getLogger("lambent.lambda")


def place_of(spec: FunctionSpec) -> Place:
    """What the limit of this function is counted under."""
    return spec.account, spec.region, spec.name if spec.reserved_concurrency is not None else ""


def unreserved(tx: Reader, account: str, region: str) -> int:
    """How many calls the functions without a reservation may run together."""
    return CONCURRENCY_MAX - keys.reserved_total(tx, account, region)


def recall(tx: Transaction, account: str, region: str) -> None:
    """After the commit, have every node give back the slots of the account that it does not use."""
    tx.wake(_topic((account, region, "")))


def forget_node(tx: Transaction, node: str) -> None:
    """Free every slot of a node (`Store.node`) that is dead or has left. Calls that it runs all the same finish; it
    counts them again as soon as it settles anything."""
    # The table holds what is taken at the moment, so it is short. Nothing is locked, see `Gate._write`.
    for key, record in keys.slots.scan(tx):
        if node in record.holders:
            _keep(tx, key, {holder: count for holder, count in record.holders.items() if holder != node})


def _keep(tx: Transaction, key: bytes, holders: dict[str, int]) -> None:
    if holders:
        tx.put(key, keys.slots.codec.encode(SlotsRecord(holders)))
    else:
        tx.delete(key)


def _topic(place: Place) -> bytes:
    return b"lambda.slots:" + keys.slots.key(*place)


class _Count:
    """Calls under way at one place; the slot of each of them."""

    __slots__ = ("running",)

    def __init__(self) -> None:
        self.running = 0

    async def leave(self) -> None:
        """See `contracts.functions.Slot`."""
        self.running -= 1


class OwnSlots:
    """The limits on the only node: counting, without the store as long as an account is far from its limit."""

    def __init__(self, cloud: Cloud) -> None:
        self._cloud = cloud
        self._counts: dict[Place, _Count] = {}

    async def enter(self, spec: FunctionSpec) -> Slot:
        """See `contracts.functions.FunctionHost`."""
        place = place_of(spec)
        count = self._counts.get(place)
        if count is None:
            # Those of accounts are kept: a call may be waiting for the store with one in its hands.
            self._counts = {known: each for known, each in self._counts.items() if each.running or not known[2]}
            count = self._counts[place] = _Count()
        reserved = spec.reserved_concurrency
        if reserved is not None:
            if count.running >= reserved:
                raise TooManyRequests(RESERVED_REASON)
        elif count.running >= CONCURRENCY_UNRESERVED_MIN:
            limit = await self._cloud.store.read(lambda tx: unreserved(tx, spec.account, spec.region))
            if count.running >= limit:
                raise TooManyRequests(ACCOUNT_REASON)
        count.running += 1
        return count

    async def close(self) -> None:
        """Nothing is held anywhere."""


class _Settled(NamedTuple):
    """What a settlement came to: how many slots this node holds, and the holders in no list of nodes that stand in
    the way of more."""

    held: int
    absent: list[Holder]


class Gate:
    """This node's share of one limit, and the slot of each call under way.

    What the store keeps is absolute: how many slots this node holds. A settlement writes it anew from what runs here,
    so it may be repeated, and a node whose slots were taken away while it stood still counts its calls again. One
    settlement is under way at a time; those who come meanwhile share the next.
    """

    def __init__(self, cloud: Cloud, place: Place) -> None:
        self._cloud = cloud
        self._place = place
        self._account = not place[2]
        self._reason = ACCOUNT_REASON if self._account else RESERVED_REASON
        self._limit = 0
        self._running = 0
        self._held = 0
        self._settled_ns = 0
        self._late = 0
        self._uncertain = False
        self._recalled = False
        self._waiting: deque[asyncio.Future[None]] = deque()
        self._leaving: list[asyncio.Future[None]] = []
        self._absent: dict[Holder, int] = {}
        self._task: asyncio.Task[None] | None = None
        self._alarm: Alarm | None = None
        self._closed = False
        self.deafen: Callable[[], None] = lambda: None
        if self._account:
            self.deafen = cloud.store.listen(_topic(place), self._recall)

    @property
    def idle(self) -> bool:
        """Whether nothing would be lost with this object."""
        return self._task is None and not (self._running or self._held or self._uncertain or self._absent)

    async def enter(self, limit: int) -> None:
        """Take a slot; `TooManyRequests` when there is none. `limit` is that of the function's reservation."""
        self._limit = limit
        if self._has_spare():
            self._running += 1
            return
        admitted = asyncio.get_running_loop().create_future()
        self._waiting.append(admitted)
        self._settle()
        try:
            await admitted
        except asyncio.CancelledError:
            if admitted.done() and not admitted.cancelled() and admitted.exception() is None:
                self._running -= 1  # admitted and given up in the same turn
                self._settle()
            raise

    async def leave(self) -> None:
        """See `contracts.functions.Slot`."""
        self._running -= 1
        if self._account:
            self._settle()
        elif not self._closed:
            left = asyncio.get_running_loop().create_future()
            self._leaving.append(left)
            self._settle()
            await left

    async def close(self) -> None:
        """End what is under way; what this node still holds is for `forget_node`."""
        self._closed = True
        self.deafen()
        if self._alarm is not None:
            self._alarm.cancel()
        if self._task is not None:
            await asyncio.wait([self._task])

    def _has_spare(self) -> bool:
        """Whether a slot of the account may be taken without asking: not while the number is being changed, and not
        after a silence, in which others may have taken this node for dead and its slots for free."""
        if not self._account or self._task is not None or self._running >= self._held:
            return False
        return self._is_fresh()

    def _recall(self) -> None:
        if self._held > self._running:
            self._recalled = True
            self._settle()

    def _is_due(self) -> bool:
        """Whether the store is to be told something."""
        if self._waiting or self._leaving or self._uncertain or self._recalled:
            return True
        spare = self._held - self._running
        return spare >= 2 * CHUNK if self._account else spare != 0

    def _settle(self) -> None:
        if self._task is None and not self._closed and self._is_due():
            if self._alarm is not None:
                self._alarm.cancel()
                self._alarm = None
            self._task = asyncio.get_running_loop().create_task(self._run())

    async def _run(self) -> None:
        try:
            while self._is_due() and not self._closed:
                if not await self._round():
                    break
        finally:
            self._task = None
            for left in self._leaving:
                _tell(left)
            self._leaving.clear()
            if self._closed:
                self._refuse_all(TooManyRequests(self._reason))

    async def _round(self) -> bool:
        """One settlement, and the answers that it gives; False when the store failed."""
        count, now_ns = len(self._waiting), self._cloud.clock.now_ns()
        leaving, self._leaving = self._leaving, []
        spare = CHUNK if self._account and not self._recalled and (count or self._running) else 0
        self._recalled = False
        gone = frozenset(holder for holder, since_ns in self._absent.items() if now_ns - since_ns >= ABSENT_NS)
        settlement = partial(self._write, needed=self._running + count, spare=spare, running=self._running, gone=gone)
        try:
            settled = await self._cloud.store.write(settlement)
        except Exception as error:
            # What the store holds now is unknown, so nothing is taken as spare, and it is told again before long.
            _log.warning("%s: slots could not be settled: %s", "/".join(self._place), error)
            self._held, self._uncertain = self._running, True
            self._refuse_all(error)
            self._alarm = self._cloud.clock.call_at(now_ns + RETRY_NS, self._settle)
            return False
        finally:
            for left in leaving:
                _tell(left)
        self._held, self._settled_ns, self._uncertain = settled.held, now_ns, False
        self._absent = {holder: self._absent.get(holder, now_ns) for holder in settled.absent}
        if self._is_fresh():
            self._late = 0
            self._admit(count)
        elif self._late < LATE_MAX:
            self._late += 1  # stopped between commit and here, perhaps, and forgotten: ask again
        else:
            self._late = 0
            self._refuse_all(TooManyRequests(self._reason))
        return True

    def _is_fresh(self) -> bool:
        """Whether what was settled last must still hold: others take nobody for dead so soon."""
        return 0 <= self._cloud.clock.now_ns() - self._settled_ns < TRUST_NS

    def _write(self, tx: Transaction, *, needed: int, spare: int, running: int, gone: frozenset[Holder]) -> _Settled:
        """In a transaction, perhaps in a thread: hold as many slots as there is room for; never less than run.

        The record is hot but not locked: each node has one settlement under way at most, so few collide; and a node
        that is stopped with a lock in its hands would keep all the others from their slots."""
        key = keys.slots.key(*self._place)
        record = keys.slots.get(tx, *self._place)
        before: Mapping[str, int] = record.holders if record is not None else {}
        node = self._cloud.store.node
        others = {name: count for name, count in before.items() if name != node}
        limit = unreserved(tx, *self._place[:2]) if self._account else self._limit
        absent: list[Holder] = []
        if sum(others.values()) + needed > limit and needed > running:
            absent = [holder for holder in others.items() if nodes.find(tx, holder[0]) is None]
            for name, _ in gone.intersection(absent):
                del others[name]
            if self._account:
                recall(tx, *self._place[:2])
        held = max(running, min(needed + spare, limit - sum(others.values())))
        after = {**others, node: held} if held else others
        if after != before:
            _keep(tx, key, after)
        return _Settled(held, absent)

    def _admit(self, count: int) -> None:
        """Let in whom the settlement covers; of the first `count`, whom it counted, the others are refused."""
        while self._waiting and (self._running < self._held or count > 0):
            entering = self._waiting.popleft()
            count -= 1
            if entering.done():
                continue
            if self._running < self._held:
                self._running += 1
                entering.set_result(None)
            else:
                entering.set_exception(TooManyRequests(self._reason))

    def _refuse_all(self, error: Exception) -> None:
        while self._waiting:
            entering = self._waiting.popleft()
            if not entering.done():
                entering.set_exception(error)


def _tell(left: asyncio.Future[None]) -> None:
    if not left.done():
        left.set_result(None)


class SharedSlots:
    """The limits on one of many nodes."""

    def __init__(self, cloud: Cloud) -> None:
        self._cloud = cloud
        self._gates: dict[Place, Gate] = {}

    async def enter(self, spec: FunctionSpec) -> Slot:
        """See `contracts.functions.FunctionHost`."""
        if spec.reserved_concurrency == 0:
            raise TooManyRequests(RESERVED_REASON)
        place = place_of(spec)
        gate = self._gates.get(place)
        if gate is None:
            self._drop_idle()
            gate = self._gates[place] = Gate(self._cloud, place)
        await gate.enter(spec.reserved_concurrency or 0)
        return gate

    def _drop_idle(self) -> None:
        for place, gate in list(self._gates.items()):
            if gate.idle:
                gate.deafen()
                del self._gates[place]

    async def close(self) -> None:
        """Give back every slot of this node."""
        for gate in self._gates.values():
            await gate.close()
        if self._gates:
            try:
                await self._cloud.store.write(lambda tx: forget_node(tx, self._cloud.store.node))
            except Exception as error:  # the others will miss this node before long, and forget it
                _log.warning("slots could not be given back: %s", error)
