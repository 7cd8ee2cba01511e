"""The load: writers that do many-key transactions, and a consumer of the outbox. Run as a process, to be killed.

`python -m tests.crash.load FOLDER DURABILITY SEED` prints one line per acknowledgement, after the answer of the store:
`ready`, `w WRITER N` for a committed transaction, `d WRITER N` for a consumed event.
"""

from __future__ import annotations

import asyncio
import os
import random
import sys
from typing import NamedTuple, NoReturn

import uvloop

from lambent.blobs.files import FileBlobs
from lambent.contracts.clock import SystemClock
from lambent.contracts.events import Event
from lambent.contracts.http import BytesBody
from lambent.contracts.ids import Ids
from lambent.contracts.ports import Reader, Transaction
from lambent.kv import outbox
from lambent.kv.engines.rocks import Durability, RocksStore
from lambent.kv.keys import pack

WRITERS = 8
ACCOUNTS = 6
FUNDS = 1000
TIMER_NS = 3_000_000
CLAIM_EVERY_NS = 2_000_000


def event_of(writer: int, n: int) -> Event:
    """The event that transaction `n` of a writer emits."""
    return Event(
        target="arn:aws:sqs:us-east-1:000000000000:q",
        payload=pack((writer, n)),
        source="arn:aws:s3:::b",
        principal="s3.amazonaws.com",
        account="000000000000",
        region="us-east-1",
    )


def count_of(tx: Reader, writer: int) -> int:
    """How many transactions of a writer are committed."""
    return int(tx.get(pack(("count", writer))) or b"0")


def balance_of(tx: Reader, account: int) -> int:
    """What an account holds; transfers keep the sum."""
    return int(tx.get(pack(("account", account))) or b"%d" % FUNDS)


class Plan(NamedTuple):
    """What chance has in store for one transaction; drawn outside it, for it may run twice."""

    source: int
    target: int
    amount: int
    later: bool
    size: int
    blob: bytes


class Load:
    """One process's work."""

    def __init__(self, folder: str, durability: Durability, seed: int) -> None:
        self.random = random.Random(seed)
        self.clock = SystemClock()
        ids = Ids()
        self.store = RocksStore(f"{folder}/kv", self.clock, ids, durability)
        self.blobs = FileBlobs(f"{folder}/blobs", ids, durability)
        self.events: asyncio.Queue[bytes] = asyncio.Queue()

    async def run(self) -> NoReturn:
        """Work until killed."""
        self.store.subscribe(lambda added: [self.events.put_nowait(key) for key, due in added if due <= self._now()])
        await self.store.write(lambda tx: outbox.reclaim(tx, self._now(), self.store.node))
        say("ready")
        tasks = [self.writer(i) for i in range(WRITERS)] + [self.consumer() for _ in range(6)]
        await asyncio.gather(*tasks, self.claimer())
        raise AssertionError("the load does not end")

    async def writer(self, writer: int) -> None:
        """Transactions one after another, each acknowledged."""
        while True:
            size = 200_000 if self.random.random() < 0.01 else self.random.randrange(400)
            blob = b""
            if self.random.random() < 0.05:
                info = await self.blobs.write(aiter(BytesBody(b"b" * self.random.randrange(1, 150_000))))
                blob = b"%d %s" % (info.length, info.name.encode())
            accounts = self.random.sample(range(ACCOUNTS), 2)
            amount, later = self.random.randrange(50), self.random.random() < 0.2
            plan = Plan(*accounts, amount, later, size, blob)

            def step(tx: Transaction, plan: Plan = plan) -> int:
                n = count_of(tx, writer) + 1
                tx.put(pack(("count", writer)), b"%d" % n)
                tx.put(pack(("row", writer, n)), b"%d " % n + b"x" * plan.size)
                tx.put(pack(("index", n, writer)), plan.blob)
                for account, change in ((plan.source, -plan.amount), (plan.target, plan.amount)):
                    tx.put(pack(("account", account)), b"%d" % (balance_of(tx, account) + change))
                tx.emit(event_of(writer, n), at_ns=self._now() + TIMER_NS if plan.later else 0)
                return n

            say(f"w {writer} {await self.store.write(step)}")

    async def consumer(self) -> None:
        """Each event's effect and its end are one transaction."""
        while True:
            key = await self.events.get()

            def step(tx: Transaction, key: bytes = key) -> bytes | None:
                entry = outbox.load(tx, key)
                if entry is None:
                    return None
                done_key = b"done" + entry.event.payload
                tx.put(done_key, b"%d" % (int(tx.get(done_key) or b"0") + 1))
                outbox.done(tx, key)
                return entry.event.payload

            payload = await self.store.write(step)
            if payload is not None:
                say(f"d {payload.hex()}")

    async def claimer(self) -> None:
        """Timers, and what an earlier process left."""
        while True:
            claimed = await self.store.write(
                lambda tx: outbox.claim(tx, self._now(), 50, 30_000_000_000, self.store.node)
            )
            for key, _ in claimed:
                self.events.put_nowait(key)
            waited = asyncio.Event()
            self.clock.call_at(self._now() + CLAIM_EVERY_NS, waited.set)
            await waited.wait()

    def _now(self) -> int:
        return self.clock.now_ns()


def say(line: str) -> None:
    """One write to the pipe: whole lines, whatever happens."""
    os.write(1, line.encode() + b"\n")


async def main() -> None:
    """The process."""
    folder, durability, seed = sys.argv[1:]
    assert durability in ("normal", "strict")
    await Load(folder, durability, int(seed)).run()


if __name__ == "__main__":
    uvloop.run(main())
