"""Long keys keep their order in rows of bounded length."""

from __future__ import annotations

import asyncio
from bisect import bisect_left

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from lambent.contracts.clock import ManualClock
from lambent.contracts.ids import Ids
from lambent.contracts.ports import Transaction
from lambent.kv.buffer import Rows
from lambent.kv.engines.memory import MemoryStore
from lambent.kv.engines.postgres_keys import INDEXED_BYTES_MAX, LongKeys
from tests.kv.contract import everything, fill
from tests.kv.postgres_cluster import Cluster, postgres_engine

SIZE = 20  # of which 18 name a bucket: a key of 60 bytes is cut twenty times

# Few bytes, at the ends of the order, so that keys share long prefixes and differ late.
letters = st.sampled_from([b"\x00", b"\x01", b"a", b"\xff"])
lengths = st.sampled_from([0, 1, SIZE - 1, SIZE, SIZE + 1, 2 * SIZE, 2 * SIZE + 5, 60])
keys = st.one_of(
    st.builds(lambda letter, length, tail: letter * length + tail, letters, lengths, st.binary(max_size=3)),
    st.lists(letters, max_size=4).map(b"".join),
)
writes = st.dictionaries(keys, st.none() | st.binary(max_size=2), max_size=8)


class Rowed:
    """Rows in memory, as the table keeps them."""

    def __init__(self, size: int = SIZE) -> None:
        self.long = LongKeys(size)
        self.rows: dict[bytes, bytes] = {}

    def raw(self, begin: bytes, end: bytes, limit: int | None, reverse: bool) -> Rows:
        """Rows of a range."""
        order = sorted(self.rows)
        found = order[bisect_left(order, begin) : bisect_left(order, end)]
        return [(key, self.rows[key]) for key in (found[::-1] if reverse else found)][:limit]

    def write(self, wanted: dict[bytes, bytes | None]) -> None:
        """Put and delete."""
        for key, value in self.long.rows(wanted, self.raw).items():
            if value is None:
                self.rows.pop(key, None)
            else:
                self.rows[key] = value


@pytest.mark.slow
@settings(max_examples=300, deadline=None)
@given(st.lists(writes, max_size=5), keys, keys, st.none() | st.integers(1, 5), st.booleans())
def test_rows_behave_as_a_sorted_dict(
    batches: list[dict[bytes, bytes | None]], one: bytes, two: bytes, limit: int | None, reverse: bool
) -> None:
    begin, end = sorted((one, two))
    rowed, model = Rowed(), dict[bytes, bytes]()
    for batch in batches:
        rowed.write(batch)
        model = {key: value for key, value in {**model, **batch}.items() if value is not None}
        assert all(rowed.rows.get(rowed.long.row(key)) == model.get(key) for key in batch)
        expected = sorted((row for row in model.items() if begin <= row[0] < end), reverse=reverse)
        assert rowed.long.scan(rowed.raw, begin, end, limit, reverse) == expected[:limit]
        assert rowed.long.scan(rowed.raw, b"", b"\xff" * 70, None, False) == sorted(model.items())
        assert max(map(len, rowed.rows), default=0) <= SIZE + 1
    rowed.write(dict.fromkeys(model))
    assert rowed.rows == {}


def test_short_keys_are_their_own_rows() -> None:
    long = LongKeys()
    wanted: dict[bytes, bytes | None] = {b"k" * INDEXED_BYTES_MAX: b"v", b"": None}
    assert long.rows(wanted, Rowed().raw) is wanted
    assert all(long.row(key) is key for key in wanted)


def _program(tx: Transaction, prefix: bytes) -> list[object]:
    tx.delete(prefix + b"b")
    tx.put(prefix + b"c", b"new")
    return [
        tx.get(prefix + b"a"),
        tx.get(prefix + b"b"),
        tx.scan(prefix, prefix + b"\xff", limit=3),
        tx.scan(prefix + b"aa", b"\xff", limit=2, reverse=True),
        tx.scan(b"a", prefix + b"b"),
    ]


@pytest.mark.slow
@pytest.mark.parametrize("length", [INDEXED_BYTES_MAX - 1, INDEXED_BYTES_MAX, INDEXED_BYTES_MAX + 1, 4096, 8190])
async def test_keys_of_eight_kib_are_as_in_memory(cluster: Cluster, length: int) -> None:
    # What PostgreSQL can compress least.
    prefix = b"k" + Ids(1).bytes(length)
    rows = {prefix + end: end for end in (b"", b"\x00", b"a", b"ab", b"b", b"\xff", b"\xff\xff")}
    rows |= {b"k": b"1", prefix[:-1]: b"2", prefix[:1000]: b"3", b"l": b"4"}
    seen: list[object] = []
    for store in (MemoryStore(ManualClock(), Ids(1)), postgres_engine(cluster).open()):
        await store.write(fill(dict(rows)))
        seen.append(
            [
                await store.read(everything),
                await store.write(lambda tx: _program(tx, prefix)),
                await store.read(everything),
                await store.write(fill(dict.fromkeys(rows, None))),
                await store.read(everything),
            ]
        )
        await store.close()
    assert seen[0] == seen[1]


@pytest.mark.slow
async def test_writers_in_one_bucket_lose_nothing(cluster: Cluster) -> None:
    prefix = b"k" * 5000

    async def work(number: int) -> None:
        for _ in range(5):
            await store.write(fill({prefix + b"%d" % number: b""}))
            await store.write(fill({prefix + b"%d" % number: None}))
        await store.write(fill({prefix + b"%d" % number: b""}))

    store = postgres_engine(cluster).open()
    await asyncio.gather(*(work(number) for number in range(6)))
    assert [key for key, _ in await store.read(everything)] == [prefix + b"%d" % number for number in range(6)]
    await store.close()
