"""Any sequence of transactions leaves an engine as it leaves a sorted dict."""

from __future__ import annotations

import asyncio
import tempfile
from pathlib import Path
from typing import Any

import pytest
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, rule

from lambent.contracts.ports import Transaction
from tests.kv.conftest import ENGINES
from tests.kv.contract import Broken

keys = st.binary(max_size=3) | st.sampled_from([b"a", b"a\x00", b"b", b"b\xff", b"\xff"])
steps = st.one_of(
    st.tuples(st.just("put"), keys, st.binary(max_size=4)),
    st.tuples(st.just("delete"), keys),
    st.tuples(st.just("get"), keys),
    st.tuples(st.just("scan"), keys, keys, st.none() | st.integers(0, 4), st.booleans()),
)
programs = st.tuples(st.lists(steps, max_size=8), st.booleans())


class Model:
    """The contract in its simplest form."""

    def __init__(self, rows: dict[bytes, bytes]) -> None:
        self.rows = rows

    def get(self, key: bytes) -> bytes | None:
        """As Transaction.get."""
        return self.rows.get(key)

    def put(self, key: bytes, value: bytes) -> None:
        """As Transaction.put."""
        self.rows[key] = value

    def delete(self, key: bytes) -> None:
        """As Transaction.delete."""
        self.rows.pop(key, None)

    def scan(self, begin: bytes, end: bytes, *, limit: int | None, reverse: bool) -> list[tuple[bytes, bytes]]:
        """As Transaction.scan."""
        found = sorted(((k, v) for k, v in self.rows.items() if begin <= k < end), reverse=reverse)
        return found[:limit]


def run(tx: Transaction | Model, program: tuple[list[Any], bool]) -> list[object]:
    """Do the steps; returns what they returned; raises at the end if the program says so."""
    seen: list[object] = []
    for name, *arguments in program[0]:
        if name == "scan":
            begin, end, limit, reverse = arguments
            seen.append(tx.scan(begin, end, limit=limit, reverse=reverse))
        else:
            seen.append(getattr(tx, name)(*arguments))
    if program[1]:
        raise Broken(seen)
    return seen


class EngineAgainstModel(RuleBasedStateMachine):
    """Transactions, alone and several in one turn, some failing; readers; opening again."""

    engine_name = ""

    @initialize()
    def open(self) -> None:
        """Start empty."""
        self.loop = asyncio.new_event_loop()
        self.folder = tempfile.TemporaryDirectory()
        self.engine = ENGINES[self.engine_name](Path(self.folder.name))
        self.store = self.engine.open()
        self.rows: dict[bytes, bytes] = {}

    @rule(batch=st.lists(programs, min_size=1, max_size=4))
    def transactions(self, batch: list[Any]) -> None:
        """All in one turn; an engine runs them in the order of their start or in another serial order."""

        async def together() -> list[Any]:
            if self.engine_name == "memory-conflicting":  # repeated runs change the order
                return [(await asyncio.gather(self._write(program), return_exceptions=True))[0] for program in batch]
            return await asyncio.gather(*(self._write(program) for program in batch), return_exceptions=True)

        results = self.loop.run_until_complete(together())
        for program, result in zip(batch, results, strict=True):
            expected = dict(self.rows)
            seen = run(Model(expected), (program[0], False))
            if program[1]:
                assert isinstance(result, Broken)
                assert result.args == (seen,)
            else:
                assert result == seen
                self.rows = expected

    @rule(begin=keys, end=keys, limit=st.none() | st.integers(0, 4), reverse=st.booleans())
    def scan(self, begin: bytes, end: bytes, limit: int | None, reverse: bool) -> None:
        """What is committed."""
        found = self.loop.run_until_complete(
            self.store.read(lambda tx: tx.scan(begin, end, limit=limit, reverse=reverse))
        )
        assert found == Model(self.rows).scan(begin, end, limit=limit, reverse=reverse)

    @rule()
    def open_again(self) -> None:
        """Close and open."""
        if self.engine.persistent:
            self.loop.run_until_complete(self.store.close())
            self.store = self.engine.open()

    async def _write(self, program: Any) -> object:
        return await self.store.write(lambda tx: run(tx, program))

    def teardown(self) -> None:
        """Leave nothing behind."""
        self.loop.run_until_complete(self.store.close())
        self.loop.run_until_complete(self.loop.shutdown_default_executor())
        self.loop.close()
        self.folder.cleanup()


@pytest.mark.slow
@pytest.mark.parametrize("name", list(ENGINES))
def test_an_engine_behaves_as_a_sorted_dict(name: str) -> None:
    machine = type(f"Against{name}", (EngineAgainstModel,), {"engine_name": name}).TestCase
    machine.settings = settings(max_examples=40, stateful_step_count=15, deadline=None, database=None)
    machine("runTest").runTest()
