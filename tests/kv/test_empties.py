"""Known-empty ranges never hide a key, and keep the head of a queue cheap."""

from __future__ import annotations

import asyncio
from bisect import bisect_left, insort
from pathlib import Path

from hypothesis import given
from hypothesis import strategies as st

from lambent.contracts.clock import ManualClock
from lambent.contracts.ids import Ids
from lambent.contracts.ports import Transaction
from lambent.kv.engines import empties
from lambent.kv.engines.empties import Empties
from lambent.kv.engines.rocks import RocksStore

keys = st.binary(min_size=1, max_size=2)


@given(st.lists(st.tuples(st.sampled_from(("put", "delete", "scan")), keys, keys)))
def test_a_scan_that_skips_finds_the_same_first_key(steps: list[tuple[str, bytes, bytes]]) -> None:
    known, stored = Empties(), list[bytes]()
    for step, key, other in steps:
        if step == "put":
            known.put(key)
            if key not in stored:
                insort(stored, key)
        elif step == "delete" and key in stored:
            stored.remove(key)
        elif step == "scan":
            begin, end = min(key, other), max(key, other) + b"\0"
            for _ in range(2):  # what is scanned once is not remembered
                first = min(_first(stored, begin), end)
                assert min(_first(stored, known.skip(begin)), end) == first
                known.learn(begin, first)


def _first(stored: list[bytes], begin: bytes) -> bytes:
    at = bisect_left(stored, begin)
    return stored[at] if at < len(stored) else b"\xff\xff\xff"


def test_what_is_remembered_is_bounded() -> None:
    known = Empties()
    for number in range(3 * empties.SEEN_MAX):
        begin = number.to_bytes(4)
        for _ in range(2):
            known.learn(begin, begin + b"\0")
    assert len(known._ends) == len(known._begins) == empties.RANGES_MAX
    assert len(known._seen) <= empties.SEEN_MAX


def test_the_head_of_a_queue_is_found_after_many_deletions(tmp_path: Path) -> None:
    async def story() -> int:
        store = RocksStore(str(tmp_path / "store"), ManualClock(), Ids(1))

        def take(tx: Transaction) -> None:
            ((key, _),) = tx.scan(b"q", b"r", limit=1)
            tx.delete(key)

        for number in range(1000):
            await store.write(lambda tx, number=number: tx.put(b"q" + number.to_bytes(4), b"message"))  # type: ignore[misc]
            if number >= 10:
                await store.write(take)
        passed = int.from_bytes(store._empties.skip(b"q")[1:])
        # A key that is put before everything else is found all the same.
        await store.write(lambda tx: tx.put(b"q" + (3).to_bytes(4), b"late"))
        assert await store.read(lambda tx: tx.scan(b"q", b"r", limit=1)) == [(b"q" + (3).to_bytes(4), b"late")]
        await store.close()
        return passed

    assert asyncio.run(story()) == 989
