"""Surveys: long reads on a snapshot, in a thread, while the store goes on."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Callable
from pathlib import Path

import pytest

from lambent.contracts.clock import ManualClock
from lambent.contracts.ids import Ids
from lambent.contracts.ports import Reader, Transaction
from lambent.kv.engines.loop import LoopStore
from lambent.kv.engines.memory import MemoryStore
from lambent.kv.engines.rocks import RocksStore


@pytest.fixture(params=["memory", "rocks"])
def kind(request: pytest.FixtureRequest) -> str:
    return str(request.param)


def opened(kind: str, folder: Path) -> LoopStore:
    return MemoryStore(ManualClock(), Ids(1)) if kind == "memory" else RocksStore(str(folder), ManualClock(), Ids(1))


def put(*keys: bytes) -> Callable[[Transaction], None]:
    def write(tx: Transaction) -> None:
        for key in keys:
            tx.put(key, b"value of " + key)

    return write


async def test_a_survey_sees_one_moment_while_writes_go_on(kind: str, tmp_path: Path) -> None:
    store = opened(kind, tmp_path)
    await store.write(put(b"a", b"b"))
    looked, written = threading.Event(), threading.Event()

    def look(tx: Reader) -> tuple[list[bytes], list[bytes], bytes | None, bytes | None]:
        first = [key for key, _ in tx.scan(b"a", b"z")]
        looked.set()
        assert written.wait(10)
        second = [key for key, _ in tx.scan(b"a", b"z", reverse=True, limit=5)]
        return first, second, tx.get(b"a"), tx.get(b"c")

    async def write_meanwhile() -> None:
        await asyncio.to_thread(looked.wait, 10)
        await store.write(put(b"c"))
        await store.write(lambda tx: tx.delete(b"a"))
        written.set()

    found, _ = await asyncio.gather(store.survey(look), write_meanwhile())
    assert found == ([b"a", b"b"], [b"b", b"a"], b"value of a", None)
    assert await store.read(lambda tx: [key for key, _ in tx.scan(b"a", b"z")]) == [b"b", b"c"]
    await store.close()


async def test_an_error_of_a_survey_reaches_its_caller(kind: str, tmp_path: Path) -> None:
    store = opened(kind, tmp_path)

    def fail(tx: Reader) -> None:
        raise LookupError("nothing here")

    with pytest.raises(LookupError):
        await store.survey(fail)
    await store.close()
