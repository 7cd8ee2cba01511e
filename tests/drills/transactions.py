"""`python -m tests.drills.transactions --store URL --file FILE --number N`: transactions of lists, on the store itself.

Each reads and appends to one to four lists; what was asked and answered goes to the file. Runs until SIGTERM."""

from __future__ import annotations

import argparse
import asyncio
import random
import signal
from collections.abc import Sequence
from pathlib import Path

import msgspec

from lambent.contracts.clock import SystemClock
from lambent.contracts.ids import Ids
from lambent.contracts.ports import Reader
from lambent.contracts.ports import Transaction as StoreTransaction
from lambent.kv.engines.postgres import PostgresStore
from lambent.kv.errors import CommitUnknown, StoreError
from lambent.kv.keys import pack, prefix_range
from tests.history.operations import Append, Outcome, Read, Recorder, Transaction, now_ns

WORKERS = 4
PERIOD_S = 0.1
ROOM = "drill.lists"
EPOCH_NS = 4_000_000_000
"""New lists every so often, for a list that is read whole must not grow too long."""
KEYS = 5


class StoreLists:
    """Lists as values of the key-value store, which transactions read and append to."""

    def __init__(self, url: str) -> None:
        self._store = PostgresStore(url, SystemClock(), Ids(), connections=WORKERS)

    async def run(self, steps: Sequence[Append | Read]) -> tuple[Outcome, tuple[Append | Read, ...]]:
        """Do all steps at one moment; returns the outcome and the steps, with what the reads found."""
        try:
            if any(isinstance(step, Append) for step in steps):
                done = await self._store.write(lambda tx: _apply(tx, steps))
            else:
                done = await self._store.read(lambda tx: tuple(_read(tx, step.key) for step in steps))
        except StoreError as error:
            # Only a commit whose connection was lost leaves doubt: all else is promised to have left nothing behind.
            return ("unknown" if isinstance(error, CommitUnknown) else "failed"), tuple(steps)
        return "ok", done

    async def names(self) -> list[str]:
        """All lists there are."""
        begin, end = prefix_range((ROOM,))
        rows = await self._store.survey(lambda tx: tx.scan(begin, end))
        return [msgspec.json.decode(value, type=_Row).key for _, value in rows]

    async def close(self) -> None:
        """Hang up."""
        await self._store.close()


class _Row(msgspec.Struct):
    key: str
    values: tuple[int, ...]


def _read(tx: Reader, key: str) -> Read:
    raw = tx.get(pack((ROOM, key)))
    return Read(key, () if raw is None else msgspec.json.decode(raw, type=_Row).values)


def _apply(tx: StoreTransaction, steps: Sequence[Append | Read]) -> tuple[Append | Read, ...]:
    done: list[Append | Read] = []
    for step in steps:
        found = _read(tx, step.key)
        if isinstance(step, Append):
            row = _Row(step.key, (*(found.found or ()), step.value))
            tx.put(pack((ROOM, step.key)), msgspec.json.encode(row))
            done.append(step)
        else:
            done.append(found)
    return tuple(done)


async def read_everything(url: str, file: Path) -> None:
    """Read all lists in one transaction, as a part of the history: what was acknowledged must show."""
    lists = StoreLists(url)
    recorder = Recorder(file)
    steps = tuple(Read(name) for name in await lists.names())
    await _record(lists, recorder, "the last reader", steps)
    recorder.close()
    await lists.close()


async def _record(lists: StoreLists, recorder: Recorder, process: str, steps: Sequence[Append | Read]) -> None:
    begun = Transaction(process=process, steps=tuple(steps), invoked_ns=now_ns(), completed_ns=0, outcome="unknown")
    number = recorder.begin(begun)
    outcome, done = await lists.run(steps)
    ended = msgspec.structs.replace(begun, steps=done, completed_ns=now_ns(), outcome=outcome)
    recorder.end(number, ended)


async def _work(lists: StoreLists, recorder: Recorder, number: int, worker: int, over: asyncio.Event) -> None:
    chance = random.Random(f"{number} {worker}")
    values = iter(range((number * 100 + worker) * 1_000_000, 1 << 53))
    while not over.is_set():
        epoch = now_ns() // EPOCH_NS
        steps: list[Append | Read] = []
        for place in chance.sample(range(KEYS), chance.randint(1, 4)):
            key = f"{epoch}-{place}"
            steps.append(Append(key, next(values)) if chance.random() < 0.5 else Read(key))
        await _record(lists, recorder, f"process {number}.{worker}", steps)
        try:
            await asyncio.wait_for(over.wait(), PERIOD_S * chance.uniform(0.5, 1.5))
        except TimeoutError:
            continue


async def _main(url: str, file: Path, number: int) -> None:
    over = asyncio.Event()
    asyncio.get_running_loop().add_signal_handler(signal.SIGTERM, over.set)
    recorder = Recorder(file)
    lists = StoreLists(url)
    print("ready", flush=True)
    await asyncio.gather(*(_work(lists, recorder, number, worker, over) for worker in range(WORKERS)))
    await lists.close()
    recorder.close()


if __name__ == "__main__":
    parser = argparse.ArgumentParser(prog="python -m tests.drills.transactions", description=__doc__)
    parser.add_argument("--store", required=True)
    parser.add_argument("--file", type=Path, required=True)
    parser.add_argument("--number", type=int, required=True)
    given = parser.parse_args()
    asyncio.run(_main(given.store, given.file, given.number))
