"""Async tests run in a loop of their own; the contract's kinds of blobs."""

from __future__ import annotations

import asyncio
import inspect
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol

import pytest

from lambent.blobs.chunks import StoreBlobs
from lambent.blobs.files import FileBlobs
from lambent.blobs.memory import MemoryBlobs
from lambent.contracts.clock import Clock, ManualClock
from lambent.contracts.ids import Ids
from lambent.contracts.ports import Blobs, Store
from lambent.kv.engines.memory import MemoryStore
from tests.blobs.seaweed import Seaweed, find_binary
from tests.blobs.seaweed import started as started_seaweed
from tests.e2e.node import Node
from tests.kv.postgres_cluster import Cluster, find_binaries, postgres_engine, started

if TYPE_CHECKING:
    from lambent.blobs.s3 import S3Blobs


class Closable(Protocol):
    """Blobs, or a store."""

    async def close(self) -> None:
        """Release everything."""
        ...


Kind = Callable[[Path, ManualClock, list[Closable]], Blobs]


def _memory(folder: Path, clock: ManualClock, opened: list[Closable]) -> Blobs:
    return MemoryBlobs(Ids(1), clock=clock)


def _files(folder: Path, clock: ManualClock, opened: list[Closable]) -> Blobs:
    return FileBlobs(str(folder / "blobs"), Ids(1), clock=clock, release_delay_s=0)


def _files_strict(folder: Path, clock: ManualClock, opened: list[Closable]) -> Blobs:
    return FileBlobs(str(folder / "blobs"), Ids(1), "strict", clock=clock, release_delay_s=0)


def _chunks(folder: Path, clock: ManualClock, opened: list[Closable]) -> Blobs:
    return _in_store(MemoryStore(clock, Ids(1)), clock, opened)


def _chunks_conflicting(folder: Path, clock: ManualClock, opened: list[Closable]) -> Blobs:
    # Every write function runs twice, as it may on an engine that commits optimistically.
    return _in_store(MemoryStore(clock, Ids(1), conflicts=lambda earlier: earlier == 0), clock, opened)


def _in_store(store: Store, clock: ManualClock, opened: list[Closable]) -> Blobs:
    opened.append(store)
    return StoreBlobs(store, clock, Ids(1), release_delay_s=0)


def in_bucket(url: str, clock: ManualClock, **options: Any) -> S3Blobs:
    """Blobs behind `url`, whose bucket is there and is theirs; what is released goes at once."""
    from lambent.blobs.s3 import S3Blobs  # deferred: an optional dependency

    async def prepare() -> None:
        first = S3Blobs(url, clock, Ids(1))
        await first.open("a-cloud")
        await first.close()

    asyncio.run(prepare())
    return S3Blobs(url, clock, Ids(), release_delay_s=0, **options)


async def open_blobs(url: str, cloud_id: str, clock: Clock, ids: Ids) -> S3Blobs:
    """Blobs behind `url` for a cloud; whatever cannot be opened is closed again."""
    from lambent.blobs.s3 import S3Blobs  # deferred: an optional dependency

    found = S3Blobs(url, clock, ids)
    try:
        await found.open(cloud_id)
    except BaseException:
        await found.close()
        raise
    return found


KINDS: dict[str, Kind] = {
    "memory": _memory,
    "files": _files,
    "files-strict": _files_strict,
    "chunks": _chunks,
    "chunks-conflicting": _chunks_conflicting,
}


@pytest.hookimpl(tryfirst=True)
def pytest_pyfunc_call(pyfuncitem: pytest.Function) -> bool | None:
    """Run `async def` tests, and close what fixtures opened, the last first."""
    if not inspect.iscoroutinefunction(pyfuncitem.obj):
        return None
    arguments = {name: pyfuncitem.funcargs[name] for name in inspect.signature(pyfuncitem.obj).parameters}
    opened: list[Closable] = pyfuncitem.funcargs.get("opened", [])

    async def run() -> None:
        try:
            await pyfuncitem.obj(**arguments)
        finally:
            while opened:
                await opened.pop().close()

    asyncio.run(run())
    return True


@pytest.fixture
def clock() -> ManualClock:
    """The clock that holds are counted by. It stands still until a test moves it."""
    return ManualClock()


@pytest.fixture
def opened() -> list[Closable]:
    """What is to be closed after the test, in its loop."""
    return []


@pytest.fixture(scope="session")
def cluster() -> Iterator[Cluster]:
    """A PostgreSQL server of the tests' own; tests that need it are skipped where it is not installed."""
    pytest.importorskip("psycopg", reason="psycopg is not installed")
    binaries = find_binaries()
    if binaries is None:
        pytest.skip("PostgreSQL is not installed")
    with started(binaries) as running:
        yield running


@pytest.fixture(scope="session")
def seaweed() -> Iterator[Seaweed]:
    """A SeaweedFS of the tests' own; tests that need it are skipped where it is not installed."""
    pytest.importorskip("aiohttp", reason="aiohttp is not installed")
    binary = find_binary()
    if binary is None:
        pytest.skip("SeaweedFS (weed) is not installed")
    with started_seaweed(binary) as running:
        yield running


@pytest.fixture
def s3_url(seaweed: Seaweed, tmp_path: Path) -> str:
    """The URL of an empty prefix."""
    return seaweed.url.replace("?", f"/{tmp_path.parent.name}/{tmp_path.name}?", 1)


@pytest.fixture(scope="session")
def own_s3(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """The address of a Lambent, whose S3 is held to AWS's own answers."""
    pytest.importorskip("aiohttp", reason="aiohttp is not installed")
    node = Node(tmp_path_factory.mktemp("cloud")).start()
    yield node.url
    assert node.stop() == 0


@pytest.fixture
def own_s3_url(own_s3: str, tmp_path: Path) -> str:
    """The URL of an empty prefix there."""
    prefix = f"{tmp_path.parent.name}/{tmp_path.name}"
    return f"s3://lambent/{prefix}?endpoint={own_s3}&access_key=test&secret_key=test"


SERVED = [
    pytest.param("chunks-postgres", marks=pytest.mark.slow),
    pytest.param("s3", marks=pytest.mark.slow),
    pytest.param("s3-lambent", marks=[pytest.mark.slow, pytest.mark.e2e]),
]


@pytest.fixture(params=[*KINDS, *SERVED])
def blobs(request: pytest.FixtureRequest, tmp_path: Path, clock: ManualClock, opened: list[Closable]) -> Blobs:
    """Each kind of blobs in turn, empty; what is released goes at once."""
    found: Blobs
    if request.param == "chunks-postgres":
        running: Cluster = request.getfixturevalue("cluster")
        found = _in_store(postgres_engine(running).open(), clock, opened)
    elif request.param == "s3":
        found = in_bucket(request.getfixturevalue("s3_url"), clock)
    elif request.param == "s3-lambent":
        found = in_bucket(request.getfixturevalue("own_s3_url"), clock)
    else:
        found = KINDS[request.param](tmp_path, clock, opened)
    opened.append(found)
    return found
