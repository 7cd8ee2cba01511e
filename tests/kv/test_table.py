"""Tables: typed records under typed keys, with versions."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from decimal import Decimal

import msgspec
import pytest

from lambent.contracts.clock import ManualClock
from lambent.contracts.ids import Ids
from lambent.contracts.ports import Transaction
from lambent.kv.engines.memory import MemoryStore
from lambent.kv.errors import RecordTooNew
from lambent.kv.records import Codec
from lambent.kv.table import CACHED_RECORDS_MAX, Table


class Book(msgspec.Struct, frozen=True):
    """A record of the tests."""

    title: str
    data: bytes = b""
    tags: tuple[str, ...] = ()


class Book2(msgspec.Struct, frozen=True):
    """The same, later: the title has a new name, and there is a price."""

    name: str
    price: Decimal
    data: bytes = b""


class BookLoose(msgspec.Struct):
    """Not frozen."""


books = Table("t.book", Book)
others = Table("t.book2", Book)


@pytest.fixture
def store() -> Iterator[MemoryStore]:
    store = MemoryStore(ManualClock(), Ids(1))
    yield store
    asyncio.run(store.close())


async def test_records_are_put_got_and_deleted(store: MemoryStore) -> None:
    book = Book("Ulysses", b"\x00\xff", ("a", "b"))
    await store.write(lambda tx: books.put(tx, book, "shelf", 3))
    assert await store.read(lambda tx: books.get(tx, "shelf", 3)) == book
    assert await store.read(lambda tx: books.get(tx, "shelf", 4)) is None
    assert await store.read(lambda tx: others.get(tx, "shelf", 3)) is None
    await store.write(lambda tx: books.delete(tx, "shelf", 3))
    assert await store.read(lambda tx: books.get(tx, "shelf", 3)) is None


async def test_a_scan_goes_on_after_a_key(store: MemoryStore) -> None:
    def fill(tx: Transaction) -> None:
        for i in range(5):
            books.put(tx, Book(str(i)), "x", i)
        books.put(tx, Book("above"), "w", 9)
        books.put(tx, Book("below"), "y", 0)
        books.put(tx, Book("the shelf itself"), "x")
        others.put(tx, Book("other"), "x", 1)

    await store.write(fill)
    key = books.key("x", 2)
    assert books.parts(key) == ("x", 2)

    def titles(**how: object) -> object:
        return store.read(lambda tx: [b.title for _, b in books.scan(tx, "x", **how)])  # type: ignore[arg-type]

    assert await titles() == ["0", "1", "2", "3", "4"]  # type: ignore[misc]
    assert await titles(reverse=True, limit=2) == ["4", "3"]  # type: ignore[misc]
    assert await titles(after=key) == ["3", "4"]  # type: ignore[misc]
    assert await titles(after=key, limit=1) == ["3"]  # type: ignore[misc]
    assert await titles(after=key, reverse=True) == ["1", "0"]  # type: ignore[misc]
    assert await titles(after=books.key("x", 4)) == []  # type: ignore[misc]
    assert len(await store.read(books.scan)) == 8
    with pytest.raises(ValueError):
        others.parts(key)


def test_equal_bytes_are_decoded_once_and_the_cache_is_bounded() -> None:
    table = Table("t", Book)
    raw = table.codec.encode(Book("hot"))
    hot = table.decode(raw)
    for i in range(2 * CACHED_RECORDS_MAX):
        table.decode(table.codec.encode(Book(str(i))))
        assert table.decode(bytes(raw)) is hot
    assert len(table._young) + len(table._old) <= CACHED_RECORDS_MAX


def test_old_versions_are_migrated() -> None:
    old = Codec(Book).encode(Book("Ulysses", b"\xff"))

    def priced(value: dict[str, object]) -> dict[str, object]:
        return {"name": value["title"], "data": value["data"], "cost": "1.50"}

    def renamed(value: dict[str, object]) -> dict[str, object]:
        return {"name": value["name"], "data": value["data"], "price": value["cost"]}

    codec = Codec(Book2, 3, {1: priced, 2: renamed})
    assert codec.decode(old) == Book2("Ulysses", Decimal("1.50"), b"\xff")
    assert codec.encode(codec.decode(old))[0] == 3


def test_versions_without_a_way_are_refused() -> None:
    newer = Codec(Book2, 2, {1: dict}).encode(Book2("x", Decimal(1)))
    with pytest.raises(RecordTooNew):
        Codec(Book).decode(newer)
    with pytest.raises(RecordTooNew):
        Codec(Book2, 3, {2: dict}).decode(Codec(Book).encode(Book("x")))
    with pytest.raises(ValueError, match="gap"):
        Codec(Book2, 4, {1: dict, 3: dict})
    with pytest.raises(ValueError):
        Codec(Book2, 256)
    with pytest.raises(TypeError, match="frozen"):
        Table("t", BookLoose)
