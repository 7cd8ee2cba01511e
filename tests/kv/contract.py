"""The store's contract, as tests that every engine passes. An engine joins by an entry in conftest.ENGINES."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from pathlib import Path
from typing import NamedTuple

import pytest

from lambent.contracts.events import Event
from lambent.contracts.ports import Reader, Store, Transaction
from lambent.kv import outbox
from lambent.kv.errors import StoreClosed, TransactionOver

EVENT = Event(
    target="arn:aws:lambda:us-east-1:000000000000:function:f",
    payload=b"{}",
    source="arn:aws:s3:::b",
    principal="s3.amazonaws.com",
    account="000000000000",
    region="us-east-1",
)


class Engine(NamedTuple):
    """How to get at one engine. `open` opens the same data again if it is `persistent`; `restore` a checkpoint."""

    open: Callable[[], Store]
    restore: Callable[[str], Store]
    persistent: bool

    def store(self) -> AbstractAsyncContextManager[Store]:
        """An open store, closed at the end."""
        return _closing(self.open())


@asynccontextmanager
async def _closing(store: Store) -> AsyncIterator[Store]:
    try:
        yield store
    finally:
        await store.close()


def fill(rows: dict[bytes, bytes | None]) -> Callable[[Transaction], None]:
    """A write function that puts `rows`; None deletes."""

    def fn(tx: Transaction) -> None:
        for key, value in rows.items():
            if value is None:
                tx.delete(key)
            else:
                tx.put(key, value)

    return fn


def everything(tx: Reader) -> list[tuple[bytes, bytes]]:
    """All rows that tests write (their keys are letters)."""
    return tx.scan(b"a", b"{")


class Broken(Exception):
    """What the tests' functions raise."""


class StoreContract:
    """Reads, writes, and what they see of each other."""

    async def test_what_is_written_is_read(self, engine: Engine) -> None:
        async with engine.store() as store:
            assert await store.write(lambda tx: (tx.put(b"k", b"v"), 7)[1]) == 7
            assert await store.read(lambda tx: tx.get(b"k")) == b"v"
            assert await store.read(lambda tx: tx.get(b"absent")) is None
            await store.write(fill({b"k": None, b"absent": None}))
            assert await store.read(everything) == []

    async def test_an_empty_value_is_a_value(self, engine: Engine) -> None:
        async with engine.store() as store:
            await store.write(fill({b"k": b""}))
            assert await store.read(lambda tx: (tx.get(b"k"), everything(tx))) == (b"", [(b"k", b"")])

    async def test_a_transaction_reads_its_own_writes(self, engine: Engine) -> None:
        def fn(tx: Transaction) -> list[object]:
            seen: list[object] = [tx.get(b"a")]
            tx.put(b"a", b"new")
            tx.put(b"c", b"3")
            tx.delete(b"b")
            return [*seen, tx.get(b"a"), tx.get(b"b"), everything(tx)]

        async with engine.store() as store:
            await store.write(fill({b"a": b"old", b"b": b"2"}))
            assert await store.write(fn) == [b"old", b"new", None, [(b"a", b"new"), (b"c", b"3")]]

    @pytest.mark.parametrize("reverse", [False, True])
    @pytest.mark.parametrize("limit", [None, 0, 1, 2, 3, 50])
    async def test_a_scan_merges_the_buffer_with_the_store(
        self, engine: Engine, reverse: bool, limit: int | None
    ) -> None:
        stored = {bytes((97 + i,)): b"%d" % i for i in range(0, 20, 2)}
        changed: dict[bytes, bytes | None] = {b"b": b"n", b"c": b"n", b"e": None, b"f": None, b"z": b"n", b"q": None}
        expected = {k: v for k, v in (stored | changed).items() if v is not None and b"b" <= k < b"z"}
        rows = sorted(expected.items(), reverse=reverse)

        def fn(tx: Transaction) -> list[tuple[bytes, bytes]]:
            fill(changed)(tx)
            return tx.scan(b"b", b"z", limit=limit, reverse=reverse)

        async with engine.store() as store:
            await store.write(fill(dict(stored)))
            assert await store.write(fn) == rows[:limit]
            assert await store.read(lambda tx: tx.scan(b"b", b"z", limit=limit, reverse=reverse)) == rows[:limit]

    async def test_a_range_that_is_empty_or_upside_down_has_no_rows(self, engine: Engine) -> None:
        def fn(tx: Transaction) -> list[list[tuple[bytes, bytes]]]:
            tx.put(b"b", b"2")
            return [tx.scan(b"b", b"b"), tx.scan(b"c", b"a"), tx.scan(b"c", b"a", reverse=True)]

        async with engine.store() as store:
            await store.write(fill({b"a": b"1"}))
            assert await store.write(fn) == [[], [], []]

    async def test_a_limited_scan_passes_many_deleted_rows(self, engine: Engine) -> None:
        keys = [b"k%04d" % i for i in range(500)]

        def fn(tx: Transaction) -> tuple[list[bytes], list[bytes]]:
            for key in keys[3:-3]:
                tx.delete(key)
            up, down = tx.scan(b"k0001", b"l", limit=4), tx.scan(b"k", b"k0498", limit=4, reverse=True)
            return [key for key, _ in up], [key for key, _ in down]

        async with engine.store() as store:
            await store.write(fill(dict.fromkeys(keys, b"")))
            up, down = await store.write(fn)
            assert up == [*keys[1:3], *keys[-3:-1]]
            assert down == [keys[-3], *reversed(keys[:3])]

    async def test_keys_are_ordered_as_bytes(self, engine: Engine) -> None:
        keys = [b"a", b"a\x00", b"a\x00\x00", b"a\x00\xff", b"a\x01", b"ab", b"a\xff", b"a\xff\xff", b"b"]
        async with engine.store() as store:
            await store.write(fill(dict.fromkeys(reversed(keys), b"")))
            assert [key for key, _ in await store.read(everything)] == keys
            assert [key for key, _ in await store.read(lambda tx: tx.scan(b"a\x00", b"a\xff"))] == keys[1:6]

    async def test_a_big_value_comes_back_whole(self, engine: Engine) -> None:
        value = bytes(range(256)) * 4096
        async with engine.store() as store:
            await store.write(fill({b"big": value, b"other": value[::-1]}))
            assert await store.read(everything) == [(b"big", value), (b"other", value[::-1])]

    async def test_only_bytes_are_stored(self, engine: Engine) -> None:
        async with engine.store() as store:
            innocent = store.write(fill({b"k": b"v"}))
            guilty = store.write(lambda tx: tx.put(b"x", "text"))  # type: ignore[arg-type]
            results = await asyncio.gather(innocent, guilty, return_exceptions=True)
            assert results[0] is None
            assert isinstance(results[1], TypeError)
            assert await store.read(everything) == [(b"k", b"v")]


class AtomicityContract:
    """All of a transaction, or nothing."""

    async def test_an_exception_leaves_nothing(self, engine: Engine) -> None:
        told: list[object] = []

        def fn(tx: Transaction) -> None:
            tx.put(b"a", b"2")
            tx.put(b"b", b"2")
            tx.emit(EVENT)
            tx.on_commit(lambda: told.append("committed"))
            raise Broken

        async with engine.store() as store:
            store.subscribe(told.append)
            await store.write(fill({b"a": b"1"}))
            with pytest.raises(Broken):
                await store.write(fn)
            assert await store.read(everything) == [(b"a", b"1")]
            assert await store.read(outbox.pending) == []
            assert told == []

    async def test_concurrent_increments_lose_nothing(self, engine: Engine) -> None:
        def increment(tx: Transaction) -> None:
            tx.lock(b"n")
            tx.put(b"n", b"%d" % (int(tx.get(b"n") or b"0") + 1))

        async def worker(store: Store) -> None:
            for _ in range(10):
                await store.write(increment)

        async with engine.store() as store:
            await asyncio.gather(*(worker(store) for _ in range(20)))
            assert await store.read(lambda tx: tx.get(b"n")) == b"200"

    async def test_readers_never_see_half_a_transaction(self, engine: Engine) -> None:
        def move(tx: Transaction) -> None:
            rows = everything(tx)
            for key, _ in rows:
                tx.delete(key)
            generation = int(rows[0][0][1:]) // 10 + 1 if rows else 0
            for i in range(3):
                tx.put(b"k%04d" % (generation * 10 + i), b"%d" % generation)

        async def look(store: Store) -> None:
            for _ in range(15):
                rows = await store.read(everything)
                assert len(rows) in (0, 3)
                assert len({value for _, value in rows}) <= 1

        async def work(store: Store) -> None:
            for _ in range(15):
                await store.write(move)

        async with engine.store() as store:
            await asyncio.gather(work(store), look(store), work(store), look(store))
            assert (await store.read(everything))[0][1] == b"29"

    async def test_a_cancelled_writer_does_not_harm_its_neighbours(self, engine: Engine) -> None:
        async with engine.store() as store:
            tasks = [asyncio.create_task(store.write(fill({b"k%d" % i: b""}))) for i in range(3)]
            await asyncio.sleep(0)
            tasks[1].cancel()
            results = await asyncio.gather(*tasks, return_exceptions=True)
            assert [type(result) for result in results] == [type(None), asyncio.CancelledError, type(None)]
            keys = {key for key, _ in await store.read(everything)}
            assert {b"k0", b"k2"} <= keys <= {b"k0", b"k1", b"k2"}

    async def test_a_transaction_ends_with_its_function(self, engine: Engine) -> None:
        kept: list[Transaction] = []
        async with engine.store() as store:
            await store.write(kept.append)
            for use in (
                lambda: kept[-1].get(b"k"),
                lambda: kept[-1].scan(b"a", b"z"),
                lambda: kept[-1].put(b"k", b"v"),
                lambda: kept[-1].delete(b"k"),
                lambda: kept[-1].emit(EVENT),
                lambda: kept[-1].on_commit(kept.clear),
                lambda: kept[-1].wake(b"t"),
            ):
                with pytest.raises(TransactionOver):
                    use()

    async def test_nothing_waits_in_a_transaction(self, engine: Engine) -> None:
        async def fn(tx: Transaction) -> None:
            tx.put(b"k", b"v")

        async with engine.store() as store:
            with pytest.raises(TypeError, match="not async"):
                await store.write(fn)
            assert await store.read(everything) == []


class AfterCommitContract:
    """Events, callbacks, and who is told."""

    async def test_callbacks_come_after_the_commit(self, engine: Engine) -> None:
        order: list[str] = []
        async with engine.store() as store:

            def fn(tx: Transaction) -> None:
                tx.put(b"k", b"v")
                tx.on_commit(lambda: order.append("callback"))

            await store.write(fn)
            order.append("answer")
            assert order == ["callback", "answer"]

    async def test_a_callback_without_writes_is_called(self, engine: Engine) -> None:
        called: list[int] = []
        async with engine.store() as store:
            await store.write(lambda tx: tx.on_commit(lambda: called.append(1)))
            assert called == [1]

    async def test_a_failing_callback_harms_nobody(self, engine: Engine) -> None:
        problems: list[str] = []
        asyncio.get_running_loop().set_exception_handler(lambda loop, context: problems.append(context["message"]))

        def fn(tx: Transaction) -> None:
            tx.put(b"k", b"v")
            tx.on_commit(lambda: 1 // 0)  # type: ignore[arg-type]

        async with engine.store() as store:
            await store.write(fn)
            assert await store.read(lambda tx: tx.get(b"k")) == b"v"
        assert len(problems) == 1

    async def test_an_event_commits_with_its_row_and_is_told(self, engine: Engine) -> None:
        told: list[tuple[bytes, int]] = []
        async with engine.store() as store:
            store.subscribe(told.extend)
            soon = 1_700_000_000_000_000_000 + 60_000_000_000

            def fn(tx: Transaction) -> tuple[str, str]:
                tx.put(b"k", b"v")
                return tx.emit(EVENT), tx.emit(EVENT, at_ns=soon)

            ids = await store.write(fn)
            assert [due for _, due in told] == [1_700_000_000_000_000_000, soon]
            entries = [await store.read(lambda tx, key=key: outbox.load(tx, key)) for key, _ in told]
            assert [entry and entry.id for entry in entries] == list(ids)
            assert all(entry is not None and entry.event == EVENT for entry in entries)
            assert entries[0] is not None
            assert entries[0].owner != ""
            assert entries[1] is not None
            assert entries[1].owner == ""


class WakeContract:
    """Listeners of topics. A wake is a hint: one too many is allowed, so tests clear what they saw before they look."""

    async def test_a_wake_calls_the_topics_listeners_before_the_answer(self, engine: Engine) -> None:
        called: list[str] = []
        async with engine.store() as store:
            store.listen(b"t", lambda: called.append("one"))
            store.listen(b"t", lambda: called.append("two"))
            store.listen(b"u", lambda: called.append("other"))

            def fn(tx: Transaction) -> None:
                tx.wake(b"t")
                tx.wake(b"t")
                tx.on_commit(called.clear)

            await store.write(fn)
            assert called[:2] == ["one", "two"]

    async def test_who_ended_listening_is_not_called(self, engine: Engine) -> None:
        called: list[int] = []
        async with engine.store() as store:
            end = store.listen(b"t", lambda: called.append(1))
            store.listen(b"t", lambda: called.append(2))
            end()
            end()
            called.clear()
            await store.write(lambda tx: tx.wake(b"t"))
            assert 1 not in called
            assert 2 in called

    async def test_a_failed_transaction_wakes_nobody(self, engine: Engine) -> None:
        def fn(tx: Transaction) -> None:
            tx.wake(b"t")
            raise Broken

        called: list[str] = []
        async with engine.store() as store:
            store.listen(b"t", lambda: called.append("listener"))
            for _ in range(3):
                with pytest.raises(Broken):
                    await store.write(fn)
            # An engine that begins to listen calls once, for what it may have missed.
            assert len(called) <= 1

    async def test_a_failing_listener_harms_nobody(self, engine: Engine) -> None:
        problems: list[str] = []
        called: list[int] = []
        asyncio.get_running_loop().set_exception_handler(lambda loop, context: problems.append(context["message"]))
        async with engine.store() as store:
            store.listen(b"t", lambda: 1 // 0)  # type: ignore[arg-type, return-value]
            store.listen(b"t", lambda: called.append(1))
            await store.write(lambda tx: tx.wake(b"t"))
            assert called
        assert problems

    async def test_topics_are_bytes_of_any_kind_and_length(self, engine: Engine) -> None:
        woken: list[bytes] = []
        topics = [b"", bytes(range(256)), b"x" * 20_000, b"'; --"]
        async with engine.store() as store:
            for topic in topics:
                store.listen(topic, lambda topic=topic: woken.append(topic))  # type: ignore[misc]
            woken.clear()

            def fn(tx: Transaction) -> None:
                for topic in topics:
                    tx.wake(topic)

            await store.write(fn)
            assert set(woken) == set(topics)
            with pytest.raises(TypeError):
                await store.write(lambda tx: tx.wake("text"))  # type: ignore[arg-type]

    async def test_a_store_says_which_node_it_is(self, engine: Engine) -> None:
        async with engine.store() as store:
            await store.write(lambda tx: tx.emit(EVENT))
            ((_, claimed),) = await store.read(outbox.pending)
            assert claimed.entry.owner == store.node
            assert isinstance(store.shared, bool)


class LifeContract:
    """Closing, opening again, copies."""

    async def test_a_closed_store_refuses(self, engine: Engine) -> None:
        store = engine.open()
        await store.close()
        with pytest.raises(StoreClosed):
            await store.read(everything)
        with pytest.raises(StoreClosed):
            await store.write(fill({b"k": b"v"}))
        await store.close()

    async def test_closing_commits_or_refuses_what_is_under_way(self, engine: Engine) -> None:
        store = engine.open()
        tasks = [asyncio.create_task(store.write(fill({b"k%d" % i: b""}))) for i in range(5)]
        await asyncio.sleep(0)
        await store.close()
        results = await asyncio.gather(*tasks, return_exceptions=True)
        assert {type(result) for result in results} <= {type(None), StoreClosed}
        if engine.persistent:
            async with engine.store() as again:
                assert len(await again.read(everything)) == results.count(None)

    async def test_the_data_is_there_again(self, engine: Engine) -> None:
        if not engine.persistent:
            return
        rows = {b"k%03d" % i: b"%d" % i for i in range(300)}
        async with engine.store() as store:
            await store.write(fill(dict(rows)))
            await store.write(fill({b"k000": None}))
        async with engine.store() as store:
            assert dict(await store.read(everything)) == {k: v for k, v in rows.items() if k != b"k000"}

    async def test_a_checkpoint_is_a_consistent_copy(self, engine: Engine, tmp_path: Path) -> None:
        path = str(tmp_path / "copy")
        async with engine.store() as store:
            await store.write(fill({b"a": b"1", b"b": b"1"}))
            await asyncio.gather(store.checkpoint(path), store.write(fill({b"a": b"2", b"b": b"2"})))
            await store.write(fill({b"a": b"3"}))
            assert await store.read(everything) == [(b"a", b"3"), (b"b", b"2")]
        async with _closing(engine.restore(path)) as copy:
            rows = await copy.read(everything)
            assert rows in ([(b"a", b"1"), (b"b", b"1")], [(b"a", b"2"), (b"b", b"2")])
            await copy.write(fill({b"c": b"4"}))
            assert await copy.read(lambda tx: tx.get(b"c")) == b"4"
