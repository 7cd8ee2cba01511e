"""The pollers of one node: it polls what it holds a lease of, takes what nobody holds, and gives back what it has too
much of. Every node looks at the same records, when a mapping changes and from time to time."""

from __future__ import annotations

import asyncio
import logging
from collections import Counter
from collections.abc import Callable, Coroutine
from typing import Any, NamedTuple

from msgspec.structs import replace

from lambent.contracts.errors import ServiceError
from lambent.contracts.ports import Cloud, Reader, Transaction
from lambent.kv.errors import StoreError
from lambent.services.lambda_ import keys as lambda_keys
from lambent.services.lambda_.mappings.keys import (
    CHANGED,
    delete_mapping,
    every_mapping,
    mappings,
    note_result,
    put_mapping,
)
from lambent.services.lambda_.mappings.model import DELETING, DISABLED, ENABLED, TRANSITIONS, Mapping
from lambent.services.lambda_.mappings.roles import Roles

from . import keys, leases
from .keys import Lease
from .leases import Held, Place
from .queues import QueuePoller
from .signals import Signal
from .streams import ShardPoller
from .work import LeaseLost, Work

SECOND_NS = 1_000_000_000
LOOK_NS = 30 * SECOND_NS
LOOK_SHARED_NS = 3 * SECOND_NS
FREE_LOOKS_MAX = 2
"""A lease that those with less to do leave alone for so many looks is taken by whoever sees it."""
PRESSED_NS = 3 * SECOND_NS
IDLE_NS = 60 * SECOND_NS
PAUSE_NS = SECOND_NS

_log = logging.getLogger("lambent.pollers")


class View(NamedTuple):
    """What the store says: all mappings, who holds what, the nodes that live and those that take work on."""

    mappings: list[Mapping]
    leases: dict[Place, Lease]
    shares: dict[str, int]
    living: set[str]
    willing: list[str]


class _Post:
    """A lease that this node holds, and the poller that it runs for it."""

    def __init__(self, mapping: Mapping, held: Held) -> None:
        self.mapping = mapping
        self.held = held
        self.poller: QueuePoller | ShardPoller | None = None
        self.task: asyncio.Future[None] | None = None
        self.closing = False

    def close(self) -> None:
        """Stop polling; the lease is given back when the poller has ended."""
        self.closing = True
        if self.poller is not None:
            self.poller.stop()


class Crew:
    """This node's pollers. `start` after the store is open, `stop` before the functions end."""

    def __init__(self, cloud: Cloud) -> None:
        self._cloud = cloud
        self._node = cloud.store.node
        self._roles = Roles(cloud)
        self._posts: dict[Place, _Post] = {}
        self._signal = Signal(cloud.clock)
        self._shards: dict[str, tuple[str, ...]] = {}
        self._free: Counter[Place] = Counter()
        self._late: set[asyncio.Future[None]] = set()
        self._stopping = False
        self._deafen = _nothing
        self._watching: asyncio.Future[None] | None = None

    def start(self) -> None:
        """Begin: look what there is to poll, now and whenever a mapping changes."""
        self._deafen = self._cloud.store.listen(CHANGED, self._signal.set)
        self._watching = asyncio.ensure_future(self._watch())
        self._cloud.spawn(self._watching)

    async def stop(self, grace_s: float) -> None:
        """Receive no more, let batches under way end for `grace_s` seconds, and leave the leases to others."""
        self._stopping = True
        self._deafen()
        self._signal.set()
        until_ns = self._cloud.clock.now_ns() + int(grace_s * SECOND_NS)
        if self._watching is not None:  # it may be taking a lease just now
            await self._ended([self._watching], until_ns)
        for post in self._posts.values():
            post.close()
        tasks = self.tasks()
        await self._ended(tasks, until_ns)
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)

    async def _ended(self, tasks: list[asyncio.Future[None]], until_ns: int) -> None:
        """Wait for tasks to end, `until_ns` at most."""
        timer = Signal(self._cloud.clock)
        for task in tasks:
            task.add_done_callback(lambda _: timer.set())
        while any(not task.done() for task in tasks) and self._cloud.clock.now_ns() < until_ns:
            await timer.wait(until_ns)

    def load(self) -> dict[str, int]:
        """What there is to do: `pollers` that this node has, and `batches` (of shards: records) under way in them."""
        running = [post.poller for post in self._posts.values() if post.poller is not None]
        return {"pollers": len(self._posts), "batches": sum(poller.busy for poller in running)}

    def tasks(self) -> list[asyncio.Future[None]]:
        """Everything that runs: the pollers, and batches whose poller may have ended."""
        return [*(post.task for post in self._posts.values() if post.task is not None), *self._late]

    # -- looking ------------------------------------------------------------------------------------------------------

    async def _watch(self) -> None:
        look_ns = LOOK_SHARED_NS if self._cloud.store.shared else LOOK_NS
        while not self._stopping:
            try:
                await self._look()
            except StoreError as error:
                _log.warning("event source mappings cannot be looked at: %s", error)
            except Exception:  # whatever it is, a node that stops looking polls nothing new
                _log.exception("event source mappings could not be looked at")
            if not self._stopping:
                await self._signal.wait(self._cloud.clock.now_ns() + look_ns)

    def _survey(self, tx: Reader) -> View:
        shared = self._cloud.store.shared
        found = every_mapping(tx)
        return View(
            found,
            leases.every_lease(tx),
            {mapping.id: keys.share_count(tx, mapping.id) for mapping in found if mapping.kind == "sqs"},
            leases.living(tx, self._node, shared),
            leases.willing(tx, self._node, shared),
        )

    async def _look(self) -> None:
        """Bring what this node does in line with what the store says."""
        view = await self._cloud.store.read(self._survey)
        wanted: dict[Place, Mapping] = {}
        for mapping in view.mappings:
            if mapping.enabled:
                for share in await self._shares(mapping, view):
                    wanted[Place(mapping.id, share)] = mapping
        self._let_go(view, wanted)
        if not self._stopping:
            self._level(view, wanted)
            await self._take(view, wanted)
            await self._scale(view)
        await self._settle(view)

    async def _shares(self, mapping: Mapping, view: View) -> tuple[str, ...]:
        """What of a source there is to poll apart: a stream's shards, or a queue as often as its load asks for."""
        if mapping.kind == "sqs":
            # A MaximumConcurrency is kept by one node alone, so that it is exact.
            count = 1 if mapping.concurrency else view.shares[mapping.id]
            return tuple(str(number) for number in range(count))
        if mapping.source not in self._shards:
            try:
                self._shards[mapping.source] = await self._describe(mapping)
            except ServiceError as error:
                await self._cloud.store.write(self._problem(mapping, error.message))
                return ()
        return self._shards[mapping.source]

    def _problem(self, mapping: Mapping, problem: str) -> Callable[[Transaction], None]:
        """What says of a mapping that its source cannot be looked at."""
        return lambda tx: note_result(tx, mapping, f"PROBLEM: {problem}")

    async def _describe(self, mapping: Mapping) -> tuple[str, ...]:
        """A stream's shards. Lambent's streams have one each, which never changes."""
        config = (await self._cloud.store.read(lambda tx: lambda_keys.resolve(tx, mapping.target))).config
        caller = await self._roles.caller(mapping, config.role)
        answer = await self._cloud.api.call(
            caller, mapping.region, "dynamodbstreams", "DescribeStream", {"StreamArn": mapping.source}
        )
        return tuple(shard["ShardId"] for shard in answer["StreamDescription"]["Shards"])

    # -- leases -------------------------------------------------------------------------------------------------------

    def _let_go(self, view: View, wanted: dict[Place, Mapping]) -> None:
        """End what is not this node's any more, or not wanted, or wanted otherwise."""
        for place, post in self._posts.items():
            mapping = wanted.get(place)
            if view.leases.get(place) != post.held.lease and not post.closing:
                _log.warning("another node polls %s now", post.mapping.arn)
                post.close()
                if isinstance(post.poller, ShardPoller) and post.task is not None:
                    post.task.cancel()
            elif mapping is None or mapping.revision != post.mapping.revision:
                post.close()

    def _level(self, view: View, wanted: dict[Place, Mapping]) -> None:
        """Give back what is more than this node's part."""
        if not self._cloud.store.shared or len(wanted) > len(view.leases):
            return
        part = -(-len(wanted) // len(view.willing))
        mine = [post for place, post in self._posts.items() if place in wanted and not post.closing]
        for post in mine[part:]:
            post.close()

    async def _take(self, view: View, wanted: dict[Place, Mapping]) -> None:
        """Take what nobody polls: whoever has least to do goes first."""
        shared = self._cloud.store.shared
        counts = Counter(lease.node for lease in view.leases.values())
        free = Counter[Place]()
        for place, mapping in wanted.items():
            lease = view.leases.get(place)
            held = lease is not None and lease.node in view.living and lease.node != self._node
            if held or place in self._posts:
                continue
            least = min(counts[node] for node in view.willing)
            free[place] = self._free[place] + 1
            if counts[self._node] > least and free[place] <= FREE_LOOKS_MAX:
                continue
            taken = Lease(self._node, self._cloud.ids.hex(16))
            found = await self._cloud.store.write(
                lambda tx, place=place, taken=taken: leases.take(tx, place, taken, shared)  # type: ignore[misc]
            )
            if found is not None:
                counts[self._node] += 1
                self._begin(mapping, found)
        self._free = free

    async def _scale(self, view: View) -> None:
        """Let another node help with a queue that keeps this one at its limit; do with fewer when they are idle."""
        if not self._cloud.store.shared:
            return
        now_ns = self._cloud.clock.now_ns()
        for place, post in list(self._posts.items()):
            poller, count = post.poller, view.shares.get(place.mapping, 1)
            if not isinstance(poller, QueuePoller) or post.mapping.concurrency or place.share != str(count - 1):
                continue
            pressed = poller.pressed_ns and now_ns <= poller.pressed_ns + PRESSED_NS
            if pressed and count < len(view.willing):
                await self._cloud.store.write(lambda tx, id=place.mapping, n=count + 1: _share(tx, id, n))  # type: ignore[misc]
            elif count > 1 and poller.idle_since_ns + IDLE_NS <= now_ns:
                await self._cloud.store.write(lambda tx, id=place.mapping, n=count - 1: _share(tx, id, n))  # type: ignore[misc]

    # -- running ------------------------------------------------------------------------------------------------------

    def _begin(self, mapping: Mapping, held: Held) -> None:
        post = self._posts[held.place] = _Post(mapping, held)
        post.closing = self._stopping
        post.task = asyncio.ensure_future(self._keep(post))

    def _work(self, mapping: Mapping, held: Held) -> Work:
        """What a poller works with."""
        return Work(self._cloud, mapping, held, self._roles)

    def _shard_poller(self, work: Work, shard: str) -> ShardPoller:
        """The poller of a stream's shard."""
        return ShardPoller(work, shard)

    async def _keep(self, post: _Post) -> None:
        """Run a poller until it is closed or loses its lease; then the lease is given back."""
        try:
            while not post.closing:
                work = self._work(post.mapping, post.held)
                queue = post.mapping.kind == "sqs"
                share = post.held.place.share
                post.poller = QueuePoller(work, self._spawn) if queue else self._shard_poller(work, share)
                try:
                    await post.poller.run()
                except LeaseLost:
                    break
                except Exception:
                    _log.exception("the poller of %s failed", post.mapping.arn)
                    await Signal(self._cloud.clock).wait(self._cloud.clock.now_ns() + PAUSE_NS)
        finally:
            if self._posts.get(post.held.place) is post:
                del self._posts[post.held.place]
            await self._give_back(post.held)

    async def _give_back(self, held: Held) -> None:
        try:
            await self._cloud.store.write(lambda tx: leases.give_back(tx, held))
        except StoreError as error:
            _log.warning("a poller's lease is not given back: %s", error)
        self._signal.set()

    def _spawn(self, batch: Coroutine[Any, Any, None]) -> None:
        task = asyncio.ensure_future(batch)
        self._late.add(task)
        task.add_done_callback(self._delivered)

    def _delivered(self, task: asyncio.Future[None]) -> None:
        self._late.discard(task)
        if not task.cancelled() and task.exception() is not None:
            _log.error("a batch failed", exc_info=task.exception())

    # -- states -------------------------------------------------------------------------------------------------------

    async def _settle(self, view: View) -> None:
        """Say of mappings what has become true: that they are polled, or not any more, or gone."""
        for mapping in view.mappings:
            if mapping.state not in TRANSITIONS:
                continue
            mine = [post for place, post in self._posts.items() if place.mapping == mapping.id and not post.closing]
            polled = any(post.mapping.revision == mapping.revision for post in mine)
            if polled or not mapping.enabled:
                await self._cloud.store.write(lambda tx, mapping=mapping: self._end(tx, mapping))  # type: ignore[misc]

    def _end(self, tx: Transaction, mapping: Mapping) -> None:
        """End a transition, unless the mapping was changed again, or somebody polls who should not."""
        now = mappings.get(tx, mapping.account, mapping.region, mapping.id)
        if now is None or now.revision != mapping.revision or now.state not in TRANSITIONS:
            return
        if now.enabled:
            put_mapping(tx, replace(now, state=ENABLED))
            return
        if not self._released(tx, mapping):
            return
        if now.state == DELETING:
            delete_mapping(tx, now)
            keys.forget_mapping(tx, now.id)
        else:
            put_mapping(tx, replace(now, state=DISABLED))

    def _released(self, tx: Transaction, mapping: Mapping) -> bool:
        """Whether nobody polls for a mapping any more; what the dead left is removed."""
        living = leases.living(tx, self._node, self._cloud.store.shared)
        for key, lease in keys.leases.scan(tx, mapping.id):
            if lease.node in living:
                return False
            tx.delete(key)
        return True


def _share(tx: Transaction, id: str, count: int) -> None:
    keys.shares.put(tx, keys.Shares(count), id)
    tx.wake(CHANGED)


def _nothing() -> None:
    """Nothing was listened to."""
