"""The world of one run: nodes, clients, what goes wrong, and the end at which everything must be in order."""

from __future__ import annotations

import asyncio
import itertools
import logging
import random
from collections.abc import Callable, Coroutine
from functools import partial
from typing import Any

from lambent.blobs.errors import BlobsUnreachable
from lambent.contracts.caller import Caller
from lambent.contracts.errors import ServiceError
from lambent.contracts.events import Event
from lambent.kv import outbox
from lambent.kv.errors import StoreError, TooManyConflicts, WriteFailed

from .loop import SECOND_NS, Host, SeededLoop, Violation, pause
from .nodes import Ground, SimNode, named
from .outcomes import Answer, Lost, Outcome, Refused, Told
from .plan import Plan

QUIET_S_MAX = 5 * 3600
"""How long after the last fault everything may take that retries put off."""
LATER_NS = 6 * 3600 * SECOND_NS
"""A timer that is due later than this is left alone by the wait for quiet."""


class World:
    """See the module. `story_chance` decides what clients do; everything else draws on `chance`."""

    def __init__(self, seed: int, plan: Plan, trace: Callable[[str], None] | None = None) -> None:
        self.chance = random.Random(f"{seed} world")
        self.plan = plan
        self.loop = SeededLoop(random.Random(f"{seed} loop"))  # type: ignore[abstract]  # it has what is used
        self.ground = Ground(self.loop, random.Random(f"{seed} ground"), plan.shared)
        self.clients: Host = self.loop.host("clients")
        self.trace = trace
        self.nodes: list[SimNode | None] = [None] * plan.nodes
        self.operations = 0
        self.answered = 0
        self.crashes = self.leaves = self.pauses = self.jumps = 0
        self.given_up: dict[str, tuple[str, Event]] = {}
        """Events that the relay gave up: why, and the event, by its id."""
        self._lives = itertools.count()
        self._tokens = itertools.count()
        self._ending = False
        self._log = _Listener(self)
        self.ground.strike = self._strike

    def say(self, *words: object) -> None:
        """A line of the trace."""
        if self.trace is not None:
            self.trace(f"{self.loop.time():12.6f} {self.loop.steps:8d} " + " ".join(map(str, words)))

    # Nodes

    def boot(self, index: int) -> SimNode:
        """Start a node in place of the one before."""
        node = SimNode(self.ground, f"node{index}.{next(self._lives)}", self.plan.shuffled)
        self.nodes[index] = node
        self.say("boot", node.name)
        node.boot()
        return node

    def kill(self, index: int) -> None:
        """Kill a node; whoever waits for its answer learns that there will be none."""
        node = self.nodes[index]
        if node is None:
            return
        self.say("kill", node.name)
        self.nodes[index] = None
        node.host.kill()
        self.ground.journal.kill(node.name)
        self.ground.memory.close(node.store.inner)
        for settle in list(node.waiting.values()):
            settle(Lost())
        node.waiting.clear()

    def living(self) -> list[SimNode]:
        """The nodes that are up, paused or not."""
        return [node for node in self.nodes if node is not None]

    # Requests

    async def request(
        self, work: Callable[[SimNode], Coroutine[Any, Any, Any]], told: Told, what: str, patience_s: float = 40.0
    ) -> Outcome:
        """Have a node do `work`. `told` hears how it really ended, perhaps long after the client has given up, which
        the client sees as `Lost`."""
        while not (nodes := [node for node in self.living() if node.serving]):
            await pause(0.1)
        node = self.chance.choice(nodes)
        self.operations += 1
        token = next(self._tokens)
        reply: asyncio.Future[Outcome] = self.loop.create_future()

        def settle(outcome: Outcome) -> None:
            self.say(
                "ended", token, what, type(outcome).__name__, *(outcome[:1] if isinstance(outcome, Refused) else ())
            )
            self.answered += not isinstance(outcome, Lost)
            try:
                told(outcome)
            except Violation as violation:
                self.loop.failures.append(str(violation))
            if not reply.done():
                reply.set_result(outcome)

        def send(outcome: Outcome) -> None:
            # The answer is on its way: the node may be killed now.
            node.waiting.pop(token, None)
            delay_s = self.chance.random() ** 3 * self.plan.delay_s_max
            self.loop.call_at_ns(
                self.loop.now_ns + int(delay_s * SECOND_NS), settle, outcome, context=self.clients.context
            )

        node.waiting[token] = settle
        self.say("begin", token, what, "at", node.name)
        serving = node.host.start(self._serve(node, work, send, what))
        node.tasks.add(serving)
        serving.add_done_callback(node.tasks.discard)
        limit = self.loop.call_later(patience_s, _give_up, reply)
        outcome = await reply
        limit.cancel()
        return outcome

    async def _serve(
        self, node: SimNode, work: Callable[[SimNode], Coroutine[Any, Any, Any]], send: Told, what: str
    ) -> None:
        try:
            outcome: Outcome = Answer(await work(node))
        except ServiceError as error:
            outcome = Refused(error)
        except (TooManyConflicts, WriteFailed, BlobsUnreachable):
            outcome = Lost(certain=True)
        except StoreError:
            outcome = Lost()
        except Exception as error:
            self.loop.failures.append(f"{what} failed inside {node.name}: {_where(error)}")
            return
        send(outcome)

    # The run

    async def play(self, scripts: list[Coroutine[Any, Any, None]]) -> None:
        """Run the clients' scripts to their end, with faults meanwhile."""
        weather, plan = self.ground.weather, self.plan
        weather.conflict_share = plan.conflict_share
        weather.failure_share = plan.failure_share
        weather.read_failure_share = plan.read_failure_share
        weather.blob_failure_share = plan.blob_failure_share
        weather.strike_share = plan.strike_share
        tasks = [self.clients.start(script) for script in scripts]
        troubles = (self._crash_at_times, self._leave_at_times, self._pause_at_times, self._jump_at_times)
        for trouble in (*troubles, self._collect_at_times, self._watch):
            self.loop.world.start(trouble()).add_done_callback(self._watched)
        await asyncio.wait(tasks)
        for task in tasks:
            task.result()
        self._ending = True

    async def quiet(self) -> None:
        """No more faults; wait until every event has been delivered or given up, as it must be."""
        self._ending = True
        self.loop.trip_step = -1
        self.ground.weather.clear()
        for index, node in enumerate(self.nodes):
            if node is None:
                self.boot(index)
            else:
                node.host.resume()
        await self.drained()
        self._check_losses()
        self._check_always()
        end_ns = self.loop.now_ns + QUIET_S_MAX * SECOND_NS
        while any(node.waiting for node in self.living()):
            if self.loop.now_ns > end_ns:
                raise Violation("requests are under way hours after the last fault")
            await pause(1)

    def _check_losses(self) -> None:
        """Nothing is given up as what brings nodes down unless nodes went down, or seemed to."""
        plan = self.plan
        innocent = not (plan.crash_every_s or plan.strike_share or plan.pause_every_s or plan.jump_every_s)
        if innocent and not (plan.failure_share or plan.read_failure_share):
            lost = [event for reason, event in self.given_up.values() if reason.startswith("its lease")]
            if lost:
                raise Violation(f"no node went down, but this was given up for it: {lost[0]}")

    async def drained(self) -> None:
        """Wait until every event that is due now has been delivered or given up, as it must be."""
        end_ns = self.loop.now_ns + QUIET_S_MAX * SECOND_NS
        while left := self._left():
            if self.loop.now_ns > end_ns:
                raise Violation(f"still in the outbox hours after the last fault: {left[:3]}")
            await pause(5)

    def _left(self) -> list[tuple[int, Any]]:
        limit_ns = self.loop.now_ns + LATER_NS
        return [row for row in self.ground.memory.look(outbox.pending) if row[0] < limit_ns]

    def note_given_up(self, id: str, reason: str) -> None:
        """The relay is about to give up an event."""
        for _, (_, entry) in self.ground.memory.look(outbox.pending):
            if entry.id == id:
                self.given_up[id] = (reason, entry.event)

    def missing_blobs(self) -> set[str]:
        """Blobs that a record names and that are not there."""
        return self.ground.memory.look(named) - self.ground.bodies.data.keys()

    def idle_blobs(self) -> set[str]:
        """Blobs that are there and that no record names."""
        return self.ground.bodies.data.keys() - self.ground.memory.look(named)

    async def leap(self, seconds: float) -> SimNode:
        """Stop all nodes, let time pass, and start one anew, whose clock is right."""
        for index in range(len(self.nodes)):
            self.kill(index)
        self.loop.now_ns += int(seconds * SECOND_NS)
        return self.boot(0)

    async def collected(self) -> None:
        """After three days nothing is left of what nobody names, and nothing else is gone."""
        await self.leap(3 * 86_400)
        for _ in range(30):
            outcome = await self.request(lambda node: node.collect(), lambda outcome: None, "collect")
            if isinstance(outcome, Answer) and outcome.result is not None:
                break
            await pause(1)
        else:
            raise Violation("30 seconds after the last node died no other collects in its place")
        wanted, there = self.ground.memory.look(named), self.ground.bodies.data.keys()
        if wanted != there:
            raise Violation(f"blobs missing: {wanted - there}; blobs that nobody names: {there - wanted}")

    async def _watch(self) -> None:
        """What must be true at any time."""
        while not self._ending:
            self._check_always()
            await pause(self.chance.choice((0.1, 1, 5)))

    def _check_always(self) -> None:
        plan, crowds = self.plan, self.ground.journal.crowds
        # A node that others take for dead, because it stood still or its beats failed, may run what it began.
        if crowds and not (plan.pause_every_s or plan.failure_share or plan.read_failure_share):
            raise Violation(crowds[0])
        ids = [entry.id for _, (_, entry) in self.ground.memory.look(outbox.pending)]
        if len(ids) != len(set(ids)):
            raise Violation(f"an event is in the outbox twice: {sorted(id for id in ids if ids.count(id) > 1)[0]}")
        missing = self.missing_blobs()
        if missing:
            raise Violation(f"blobs missing: {missing}")

    def _watched(self, task: asyncio.Future[None]) -> None:
        if not task.cancelled() and task.exception() is not None:
            self.loop.failures.append(str(task.exception()))

    # Trouble

    async def _crash_at_times(self) -> None:
        while await self._after(self.plan.crash_every_s):
            if self.plan.crash_at_step:
                self.loop.trip(self.chance.randrange(400), self._crash_host)
            else:
                self._crash(self.chance.randrange(len(self.nodes)))

    def _crash_host(self, host: Host) -> None:
        for node in self.living():
            if node.host is host:
                self.crash(node)
                return
        if not self._ending:
            self.loop.trip(0, self._crash_host)

    def crash(self, node: SimNode) -> None:
        """Kill a node now, whatever it is doing; it comes back after a while."""
        self._crash(self.nodes.index(node), even_at_the_end=True)

    def _crash(self, index: int, even_at_the_end: bool = False) -> None:
        if self.nodes[index] is None or (self._ending and not even_at_the_end):
            return
        self.crashes += 1
        dead = self.nodes[index]
        assert dead is not None
        self.kill(index)
        if self.plan.shared:
            self._expect_takeover(dead, [node for node in self.living() if node.serving])
        down_s = self.chance.choice((0.01, 1.0, 15.0, 60.0)) * self.chance.random()
        self.loop.call_at_ns(
            self.loop.now_ns + int(down_s * SECOND_NS), self._reboot, index, dead, context=self.loop.world.context
        )

    def _expect_takeover(self, dead: SimNode, witnesses: list[SimNode]) -> None:
        """In fair weather those who are there take over all leases of a dead node within ten seconds."""
        plan = self.plan
        if plan.failure_share or plan.read_failure_share or plan.jump_every_s or plan.pause_every_s:
            return

        def check() -> None:
            if not any(node in witnesses for node in self.living()):
                return
            for _, (_, entry) in self.ground.memory.look(outbox.pending):
                if entry.owner == dead.store.node:
                    self.loop.failures.append(f"ten seconds after the end of {dead.name} it still holds {entry.id}")

        self.loop.call_at_ns(self.loop.now_ns + 10 * SECOND_NS, check, context=self.loop.world.context)

    def _strike(self, node: SimNode) -> None:
        """Kill a node within its next few steps."""
        left = self.chance.randrange(6)

        def step(host: Host) -> None:
            nonlocal left
            left -= host is node.host
            if left < 0 and node in self.nodes:
                self.crash(node)
            elif node in self.nodes and not self._ending:
                self.loop.trip(0, step)

        self.loop.trip(0, step)

    def _reboot(self, index: int, dead: SimNode) -> None:
        if self.nodes[index] is None:
            node = self.boot(index)
            if not self.plan.shared:
                self._expect_takeover(dead, [node])

    async def _leave_at_times(self) -> None:
        while await self._after(self.plan.leave_every_s):
            nodes = [node for node in self.living() if node.serving]
            if nodes:
                self.leaves += 1
                node = self.chance.choice(nodes)
                self.say("leave", node.name)
                leaving = node.host.start(node.retire())
                leaving.add_done_callback(partial(self._left_for_good, node), context=self.loop.world.context.copy())

    def _left_for_good(self, node: SimNode, leaving: asyncio.Future[None]) -> None:
        if leaving.exception() is not None:
            self.loop.failures.append(f"{node.name} could not stop in order: {leaving.exception()!r}")
        if node in self.nodes:
            index = self.nodes.index(node)
            held = [row for row in self.ground.memory.look(outbox.pending) if row[1].entry.owner == node.store.node]
            # Requests that were cut short may have committed an event after the rest was given back.
            if held and not (self.plan.failure_share or self.plan.read_failure_share or node.waiting):
                self.loop.failures.append(f"{node.name} stopped in order and still holds {held[0]}")
            self.kill(index)
            self.boot(index)

    async def _pause_at_times(self) -> None:
        while await self._after(self.plan.pause_every_s):
            nodes = self.living()
            if nodes:
                node = self.chance.choice(nodes)
                self.pauses += 1
                self.say("pause", node.name)
                node.host.pause()
                await pause(self.chance.random() * self.plan.pause_s_max)
                node.host.resume()
                self.say("resume", node.name)

    async def _jump_at_times(self) -> None:
        while await self._after(self.plan.jump_every_s):
            nodes = self.living()
            if nodes:
                node = self.chance.choice(nodes)
                self.jumps += 1
                node.host.skew_ns = int(self.chance.uniform(-1, 1) * self.plan.jump_s_max * SECOND_NS)
                self.say("clock of", node.name, "is off by", node.host.skew_ns / SECOND_NS)

    async def _collect_at_times(self) -> None:
        while await self._after(self.plan.collect_every_s):
            await self.request(lambda node: node.collect(), lambda outcome: None, "collect")

    async def _after(self, mean_s: float) -> bool:
        """Wait for the next time; False when there is none."""
        if not mean_s:
            return False
        await pause(self.chance.expovariate(1 / mean_s))
        return not self._ending

    # The edges of a run

    def __enter__(self) -> World:
        self._log.attach()
        return self

    def __exit__(self, *_: object) -> None:
        self.loop.dispose()
        self._log.detach()


def _give_up(reply: asyncio.Future[Outcome]) -> None:
    if not reply.done():
        reply.set_result(Lost())


def _where(error: Exception) -> str:
    trace, place = error.__traceback__, ""
    while trace is not None:
        place = f"{trace.tb_frame.f_code.co_filename}:{trace.tb_lineno}"
        trace = trace.tb_next
    return f"{error!r} at {place}"


class _Listener(logging.Handler):
    """Hears what the nodes log: an error of theirs that is not the store's is a failure of the run."""

    def __init__(self, world: World) -> None:
        super().__init__(logging.INFO)
        self._world = world
        self._logger = logging.getLogger("lambent")
        self._before = (self._logger.propagate, self._logger.level)

    def attach(self) -> None:
        """Begin to listen, instead of everybody else."""
        self._logger.addHandler(self)
        self._logger.propagate = False
        self._logger.setLevel(logging.WARNING)

    def detach(self) -> None:
        """Leave everything as it was."""
        self._logger.removeHandler(self)
        self._logger.propagate, level = self._before
        self._logger.setLevel(level)

    def emit(self, record: logging.LogRecord) -> None:
        """Take note of one line."""
        world = self._world
        if world.trace is not None:
            world.say("log:", record.getMessage())
        if isinstance(record.msg, str) and record.msg.startswith("gave up event") and isinstance(record.args, tuple):
            world.note_given_up(str(record.args[0]), str(record.args[-1]))
        error = record.exc_info[1] if record.exc_info else None
        if error is not None and not isinstance(error, StoreError):
            assert isinstance(error, Exception)
            world.loop.failures.append(f"logged: {record.getMessage()}: {_where(error)}")


class Client:
    """One client, as a story sees it. `chance` decides what it does."""

    def __init__(self, world: World, number: int, chance: random.Random) -> None:
        self.world = world
        self.number = number
        self.chance = chance

    async def call(
        self, service: str, operation: str, told: Told | None = None, caller: Caller | None = None, **params: Any
    ) -> Outcome:
        """Call an operation through a node that chance picks."""
        what = f"{service}.{operation}"
        return await self.world.request(
            lambda node: node.call(service, operation, params, caller), told or _ignore, what
        )

    async def must(self, service: str, operation: str, **params: Any) -> dict[str, Any]:
        """Call an operation in good weather, where it must succeed; returns its result."""
        outcome = await self.call(service, operation, **params)
        if not isinstance(outcome, Answer):
            raise Violation(f"{service}.{operation} failed in good weather: {outcome}")
        result: dict[str, Any] = outcome.result
        return result

    async def think(self) -> None:
        """Do nothing for a while."""
        await pause(self.chance.random() ** 2 * self.world.plan.think_s_max)


def _ignore(outcome: Outcome) -> None:
    pass
