"""Async tests run in a loop of their own; the contract's engines."""

from __future__ import annotations

import asyncio
import inspect
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from lambent.contracts.clock import ManualClock
from lambent.contracts.ids import Ids
from lambent.kv.engines.memory import MemoryStore
from lambent.kv.engines.rocks import RocksStore
from tests.kv.contract import Engine
from tests.kv.postgres_cluster import Cluster, find_binaries, postgres_engine, started


@pytest.hookimpl(tryfirst=True)
def pytest_pyfunc_call(pyfuncitem: pytest.Function) -> bool | None:
    """Run `async def` tests."""
    if not inspect.iscoroutinefunction(pyfuncitem.obj):
        return None
    arguments = {name: pyfuncitem.funcargs[name] for name in inspect.signature(pyfuncitem.obj).parameters}
    asyncio.run(pyfuncitem.obj(**arguments))
    return True


def _memory(folder: Path) -> Engine:
    return Engine(
        open=lambda: MemoryStore(ManualClock(), Ids(1)),
        restore=lambda path: MemoryStore(ManualClock(), Ids(2), source=path),
        persistent=False,
    )


def _conflicting(folder: Path) -> Engine:
    # Every write function runs twice, as it may on an engine that commits optimistically.
    return Engine(
        open=lambda: MemoryStore(ManualClock(), Ids(1), conflicts=lambda earlier: earlier == 0),
        restore=lambda path: MemoryStore(ManualClock(), Ids(2), source=path),
        persistent=False,
    )


def _rocks(folder: Path) -> Engine:
    return Engine(
        open=lambda: RocksStore(str(folder / "data"), ManualClock(), Ids(1), "normal"),
        restore=lambda path: RocksStore(path, ManualClock(), Ids(2), "normal"),
        persistent=True,
    )


def _rocks_strict(folder: Path) -> Engine:
    return Engine(
        open=lambda: RocksStore(str(folder / "data"), ManualClock(), Ids(1), "strict"),
        restore=lambda path: RocksStore(path, ManualClock(), Ids(2), "strict"),
        persistent=True,
    )


ENGINES: dict[str, Callable[[Path], Engine]] = {
    "memory": _memory,
    "memory-conflicting": _conflicting,
    "rocks": _rocks,
    "rocks-strict": _rocks_strict,
}


@pytest.fixture(scope="session")
def cluster() -> Iterator[Cluster]:
    """A PostgreSQL server of the tests' own; tests that need it are skipped where it is not installed."""
    pytest.importorskip("psycopg", reason="psycopg is not installed")
    binaries = find_binaries()
    if binaries is None:
        pytest.skip("PostgreSQL is not installed")
    with started(binaries) as running:
        yield running


@pytest.fixture(params=[*ENGINES, pytest.param("postgres", marks=pytest.mark.slow)])
def engine(request: pytest.FixtureRequest, tmp_path: Path) -> Engine:
    """Each engine in turn, on an empty folder, or an empty schema, of its own."""
    if request.param == "postgres":
        running: Cluster = request.getfixturevalue("cluster")
        return postgres_engine(running)
    return ENGINES[request.param](tmp_path)
