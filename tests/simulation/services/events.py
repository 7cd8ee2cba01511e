"""The outbox itself: events and timers whose target does to each attempt what the event says."""

from __future__ import annotations

import json
import random
from typing import Any, ClassVar, NamedTuple

from lambent.bus import relay as bus
from lambent.contracts.events import Delivery, Event, Retry, TryAgain, Undeliverable
from lambent.contracts.ports import Transaction
from lambent.kv import outbox
from lambent.kv.keys import pack

from ..loop import SECOND_NS, pause
from ..nodes import ACCOUNT, REGION, SimNode
from ..workload import Answer, Client, Lost, Outcome, Story, Workload, insist
from ..world import World

PROBE = f"arn:aws:sim:{REGION}:{ACCOUNT}:probe"
DEAD = f"arn:aws:sim:{REGION}:{ACCOUNT}:dead"
TAKE_OVER_S = 60
"""A lease and the time until somebody notices that it ended; clocks that are off come on top."""


class Asked(NamedTuple):
    """What one event is to meet. The first `fail` attempts fail; `kills` the node that delivers it, always."""

    number: int
    fail: int
    attempts_max: int
    delays_s: tuple[int, ...]
    slow_s: float
    refused: bool
    kills: bool
    at_ns: int
    told_ns: int


class Attempt(NamedTuple):
    """A delivery: its attempt's number, the world's time at which it began and ended (0: it never ended), and how."""

    attempt: int
    began_ns: int
    ended_ns: int
    ended: str


class Probe:
    """The target."""

    def __init__(self, workload: Events, node: SimNode) -> None:
        self._workload = workload
        self._node = node

    async def deliver(self, delivery: Delivery) -> None:
        """Do as the event says."""
        workload, loop = self._workload, self._node.ground.loop
        number = json.loads(delivery.event.payload)
        if delivery.event.target == DEAD:
            workload.buried.append(number)
            return
        asked, attempts = workload.asked[number], workload.attempts.setdefault(number, [])
        began_ns, at = loop.now_ns, len(attempts)
        attempts.append(Attempt(delivery.attempt, began_ns, 0, "began"))
        workload.world.say("delivery of", number, "attempt", delivery.attempt, "by", self._node.name)
        if asked.kills:
            workload.world.crash(self._node)
        await pause(asked.slow_s)
        fails = delivery.attempt <= asked.fail
        ended = "refused" if asked.refused else "failed" if fails else "done"
        attempts[at] = Attempt(delivery.attempt, began_ns, loop.now_ns, ended)
        if asked.refused:
            raise Undeliverable("as asked")
        if fails:
            raise TryAgain("as asked")

    async def check(self, target: str, principal: str, source: str, account: str) -> None:
        """Everyone may come in."""


class Events(Workload):
    """See the module."""

    name: ClassVar[str] = "events"

    def __init__(self, world: World, chance: random.Random) -> None:
        super().__init__(world, chance)
        self.asked: dict[int, Asked] = {}
        self.acknowledged: dict[int, int] = {}
        """When the emitter learnt of the commit."""
        self.withdrawn: set[int] = set()
        self.attempts: dict[int, list[Attempt]] = {}
        self.buried: list[int] = []

    def install(self) -> None:
        """See `Workload`."""
        self.world.ground.targets["sim"] = lambda node: Probe(self, node)

    def stories(self) -> list[tuple[int, Story]]:
        """See `Workload`."""
        return [(20, self.emit), (3, self.emit_in_vain)]

    def _ask(self, client: Client) -> Asked:
        chance, now_ns = client.chance, self.world.loop.now_ns
        kills = self.world.plan.shared and bool(self.world.plan.crash_every_s) and chance.random() < 0.01
        asked = Asked(
            number=len(self.asked),
            fail=chance.choice((0, 0, 0, 1, 2, 5)),
            attempts_max=chance.choice((1, 3, 4)),
            delays_s=chance.choice(((1,), (1, 5), (20, 40))),
            slow_s=chance.choice((0.0, 0.001, 0.5, 50.0)) * chance.random(),
            refused=chance.random() < 0.05,
            kills=kills,
            at_ns=now_ns + chance.randrange(90 * SECOND_NS) if chance.random() < 0.3 else 0,
            told_ns=now_ns,
        )
        self.asked[asked.number] = asked
        return asked

    async def emit(self, client: Client) -> None:
        """Emit an event, together with a row that says that it was emitted."""
        asked = self._ask(client)

        def told(outcome: Outcome) -> None:
            if isinstance(outcome, Answer):
                self.acknowledged[asked.number] = self.world.loop.now_ns
            elif isinstance(outcome, Lost) and outcome.certain:
                self.withdrawn.add(asked.number)

        async def work(node: SimNode) -> None:
            await node.store.write(lambda tx: _emit(tx, asked))

        await client.world.request(work, told, f"emit {asked.number}")

    async def emit_in_vain(self, client: Client) -> None:
        """Emit an event in a transaction that fails."""
        asked = self._ask(client)
        self.withdrawn.add(asked.number)

        async def work(node: SimNode) -> None:
            def fail(tx: Transaction) -> None:
                _emit(tx, asked)
                raise LookupError

            try:
                await node.store.write(fail)
            except LookupError:
                pass

        await client.world.request(work, lambda outcome: None, f"emit {asked.number} in vain")

    # The end

    async def check(self, client: Client) -> None:
        """See `Workload`."""
        look = self.world.ground.memory.look
        lost = {
            json.loads(event.payload)
            for reason, event in self.world.given_up.values()
            if event.target in (PROBE, DEAD) and reason.startswith("its lease")
        }
        for number, asked in self.asked.items():
            there = look(lambda tx, number=number: tx.get(_row(number))) is not None  # type: ignore[misc]
            if number in self.acknowledged:
                insist(there, "the row beside event", number, "is not there, although it was acknowledged")
            if number in self.withdrawn or not there:
                insist(not there, "the row beside event", number, "is there, although it was not committed")
                insist(number not in self.attempts, "event", number, "was delivered but never emitted")
                insist(number not in self.buried, "event", number, "was buried but never emitted")
            else:
                self._check_one(asked, self.attempts.get(number, []), number in lost)

    def _check_one(self, asked: Asked, attempts: list[Attempt], lost: bool) -> None:
        number, buried = asked.number, asked.number in self.buried
        words = ("event", asked, "had", attempts, "buried" if buried else "not buried")
        if asked.kills:
            insist(len(attempts) <= bus.LOSSES_MAX, "delivered for ever:", *words)
            insist(lost, "an event that kills nodes was not given up:", *words)
            return
        done = [row for row in attempts if row.ended == "done"]
        last = asked.attempts_max if asked.fail >= asked.attempts_max else asked.fail + 1
        # An event that others killed the node under is given up too, but only after it was begun again and again.
        begun = bus.LOSSES_MAX - outbox.SUSPECT_LOSSES if lost else 1
        insist(len(attempts) >= begun, "never delivered, or given up as what it was not:", *words)
        insist(all(row.attempt <= last for row in attempts), "too many attempts:", *words)
        if asked.refused:
            insist(buried or lost, "refused and not buried:", *words)
        elif asked.fail >= asked.attempts_max:
            insist(not done, "how did it succeed:", *words)
            insist(buried or lost, "failed and not buried:", *words)
            tried = any(row.attempt == last and row.ended == "failed" for row in attempts)
            insist(tried or lost, "buried before its last attempt:", *words)
        else:
            insist(bool(done) or lost, "never delivered to the end:", *words)
            insist(not buried or lost, "delivered and buried:", *words)
        self._check_times(asked, attempts, words)
        if self.world.plan.calm:
            numbers = [row.attempt for row in attempts]
            insist(numbers == sorted(set(numbers)), "an attempt was repeated without need:", *words)
            insist(self.buried.count(number) <= 1, "buried twice:", *words)

    def _check_times(self, asked: Asked, attempts: list[Attempt], words: tuple[Any, ...]) -> None:
        """Attempts begin no earlier than the schedule says; without trouble, not much later either."""
        off_ns = int(2 * self.world.plan.jump_s_max * SECOND_NS) if self.world.plan.jump_every_s else 0
        slack_ns = int((1 + 10 * self.world.plan.delay_s_max) * SECOND_NS)
        first_ns = min((row.began_ns for row in attempts), default=asked.at_ns)
        insist(first_ns >= asked.at_ns - off_ns, "a timer went off early:", *words)
        if self.world.plan.calm:
            due_ns = max(asked.at_ns, self.acknowledged[asked.number])
            insist(first_ns <= due_ns + slack_ns, "delivered late:", *words)
        for number in range(2, asked.attempts_max + 1):
            begun = [row.began_ns for row in attempts if row.attempt == number]
            ended = [row.ended_ns for row in attempts if row.attempt == number - 1 and row.ended == "failed"]
            if not begun:
                continue
            insist(bool(ended), "an attempt counts that did not fail:", *words)
            delay_ns = asked.delays_s[min(number - 1, len(asked.delays_s)) - 1] * SECOND_NS
            insist(min(begun) >= min(ended) + delay_ns - off_ns, "tried again too early:", *words)
            if self.world.plan.calm:
                insist(min(begun) <= max(ended) + delay_ns + slack_ns, "tried again too late:", *words)


def _row(number: int) -> bytes:
    return pack(("sim.emitted", number))


def _emit(tx: Transaction, asked: Asked) -> None:
    event = Event(
        target=PROBE,
        payload=json.dumps(asked.number).encode(),
        source=PROBE,
        principal="sim.amazonaws.com",
        account=ACCOUNT,
        region=REGION,
        retry=Retry(attempts_max=asked.attempts_max, delays_s=asked.delays_s),
        dead_letter=DEAD,
    )
    tx.put(_row(asked.number), b"1")
    tx.emit(event, at_ns=asked.at_ns)
