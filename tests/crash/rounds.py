"""Rounds of: start the load, kill it at a random moment, open the store, check."""

from __future__ import annotations

import asyncio
import random
import select
import shutil
import signal
import subprocess
import sys
import tempfile
from pathlib import Path
from time import monotonic
from typing import IO

from lambent.blobs.files import FileBlobs
from lambent.contracts.clock import SystemClock
from lambent.contracts.ids import Ids
from lambent.contracts.ports import Reader
from lambent.kv import outbox
from lambent.kv.engines.rocks import Durability, RocksStore
from lambent.kv.keys import pack, prefix_range, unpack
from tests.crash.load import ACCOUNTS, FUNDS, WRITERS, balance_of, count_of

ROOT = Path(__file__).parents[2]
ROUNDS_PER_FOLDER = 5
AFTER_READY_S_MAX = 0.12
BEFORE_READY_S_MAX = 0.15
BEFORE_READY_SHARE = 0.1


class Acknowledged:
    """What the killed processes of a folder have said."""

    def __init__(self) -> None:
        self.written = dict.fromkeys(range(WRITERS), 0)
        self.consumed: set[bytes] = set()
        self.ready = 0

    def hear(self, line: str) -> None:
        """Take in one line of the load."""
        kind, *rest = line.split()
        if kind == "w":
            writer, n = map(int, rest)
            self.written[writer] = max(self.written[writer], n)
        elif kind == "d":
            self.consumed.add(bytes.fromhex(rest[0]))
        elif kind == "ready":
            self.ready += 1


class Totals:
    """What all rounds saw, to show that they tested something."""

    def __init__(self) -> None:
        self.rounds = self.written = self.consumed = self.pending = self.blobs = 0

    def __str__(self) -> str:
        return (
            f"{self.rounds} kills, {self.written} transactions and {self.consumed} events acknowledged, "
            f"{self.pending} events waiting when killed, {self.blobs} blobs: nothing lost, nothing half-done"
        )


def run(rounds: int, durability: Durability, seed: int, *, aloud: bool = False) -> Totals:
    """Do `rounds` kills; raises AssertionError with the seed at the first thing that is wrong."""
    chance = random.Random(seed)
    totals = Totals()
    while totals.rounds < rounds:
        folder = tempfile.mkdtemp(prefix="crash-")
        heard = Acknowledged()
        for _ in range(min(ROUNDS_PER_FOLDER, rounds - totals.rounds)):
            _kill_one(folder, durability, chance, heard)
            totals.rounds += 1
            try:
                asyncio.run(_check(folder, durability, heard, totals))
            except BaseException as error:
                error.add_note(f"round {totals.rounds} of seed {seed}, {durability}; left in {folder}")
                raise
            if aloud and totals.rounds % 50 == 0:
                print(f"{durability}: {totals}", flush=True)
        totals.written += sum(heard.written.values())
        totals.consumed += len(heard.consumed)
        shutil.rmtree(folder)
    return totals


def _kill_one(folder: str, durability: Durability, chance: random.Random, heard: Acknowledged) -> None:
    command = [sys.executable, "-m", "tests.crash.load", folder, durability, str(chance.randrange(1 << 30))]
    with subprocess.Popen(command, cwd=ROOT, stdout=subprocess.PIPE, stderr=subprocess.PIPE) as process:
        assert process.stdout is not None
        assert process.stderr is not None
        if chance.random() < BEFORE_READY_SHARE:
            rest = _read_for(process.stdout, chance.uniform(0, BEFORE_READY_S_MAX))
        else:
            first = process.stdout.readline()
            assert first == b"ready\n", process.stderr.read().decode()
            heard.hear(first.decode())
            rest = _read_for(process.stdout, chance.uniform(0, AFTER_READY_S_MAX))
        assert process.poll() is None, process.stderr.read().decode()
        process.send_signal(signal.SIGKILL)
        rest += process.stdout.read()
    for line in rest.decode().splitlines():
        heard.hear(line)


def _read_for(pipe: IO[bytes], seconds: float) -> bytes:
    """What arrives until the time is over; reading keeps the load from blocking on a full pipe."""
    end = monotonic() + seconds
    heard = b""
    while (left := end - monotonic()) > 0:
        if select.select([pipe], [], [], left)[0]:
            piece = pipe.read1(1 << 16)  # type: ignore[attr-defined]
            if not piece:
                break
            heard += piece
    return heard


async def _check(folder: str, durability: Durability, heard: Acknowledged, totals: Totals) -> None:
    store = RocksStore(f"{folder}/kv", SystemClock(), Ids(), durability)
    blobs = FileBlobs(f"{folder}/blobs", Ids(), durability)
    try:
        await store.read(lambda tx: _check_rows(tx, heard))
        totals.pending += await store.read(lambda tx: _check_events(tx, heard))
        named = await store.read(_named)
        for name, length in named.items():
            assert blobs.slice(name, 0, length).length == length
        assert await blobs.collect(lambda: named, grace_s=0) >= 0
        for name, length in named.items():
            assert len(await blobs.read(name)) == length
        totals.blobs += len(named)
    finally:
        await store.close()
        await blobs.close()


def _check_rows(tx: Reader, heard: Acknowledged) -> None:
    """Nothing acknowledged is lost, and every transaction is there with all its keys or with none."""
    index = {unpack(key)[1:] for key, _ in tx.scan(*prefix_range(("index",)))}
    total = 0
    for writer in range(WRITERS):
        count = count_of(tx, writer)
        total += count
        assert count >= heard.written[writer], f"writer {writer}: {heard.written[writer]} acknowledged, {count} there"
        rows = [(unpack(key)[2], value) for key, value in tx.scan(*prefix_range(("row", writer)))]
        assert [n for n, _ in rows] == list(range(1, count + 1))
        assert all(value.startswith(b"%d " % n) for n, value in rows)
        assert all((n, writer) in index for n in range(1, count + 1))
    assert len(index) == total
    assert sum(balance_of(tx, account) for account in range(ACCOUNTS)) == ACCOUNTS * FUNDS


def _check_events(tx: Reader, heard: Acknowledged) -> int:
    """Every event of a committed transaction waits in the outbox or has had its effect once, never both or neither."""
    emitted = {pack((writer, n)) for writer in range(WRITERS) for n in range(1, count_of(tx, writer) + 1)}
    waiting = [entry.event.payload for _, (_, entry) in outbox.pending(tx)]
    done = {key.removeprefix(b"done"): value for key, value in tx.scan(b"done", b"donf")}
    assert len(waiting) == len(set(waiting))
    assert set(waiting) | done.keys() == emitted
    assert not set(waiting) & done.keys()
    assert set(done.values()) <= {b"1"}
    assert heard.consumed <= done.keys()
    return len(waiting)


def _named(tx: Reader) -> dict[str, int]:
    """Names and lengths of the blobs that rows name."""
    values = [value.split() for _, value in tx.scan(*prefix_range(("index",))) if value]
    return {name.decode(): int(length) for length, name in values}
