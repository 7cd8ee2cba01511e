"""Async tests run in a loop of their own; the contract's kinds of blobs."""

from __future__ import annotations

import asyncio
import inspect
from pathlib import Path

import pytest

from lambent.blobs.files import FileBlobs
from lambent.blobs.memory import MemoryBlobs
from lambent.contracts.clock import ManualClock
from lambent.contracts.ids import Ids

KINDS = {
    "memory": lambda folder, clock: MemoryBlobs(Ids(1), clock=clock),
    "files": lambda folder, clock: FileBlobs(str(folder / "blobs"), Ids(1), clock=clock, release_delay_s=0),
    "files-strict": lambda folder, clock: FileBlobs(
        str(folder / "blobs"), Ids(1), "strict", clock=clock, release_delay_s=0
    ),
}


@pytest.hookimpl(tryfirst=True)
def pytest_pyfunc_call(pyfuncitem: pytest.Function) -> bool | None:
    """Run `async def` tests, and close what the `blobs` fixture opened."""
    if not inspect.iscoroutinefunction(pyfuncitem.obj):
        return None
    arguments = {name: pyfuncitem.funcargs[name] for name in inspect.signature(pyfuncitem.obj).parameters}

    async def run() -> None:
        try:
            await pyfuncitem.obj(**arguments)
        finally:
            if "blobs" in arguments:
                await arguments["blobs"].close()

    asyncio.run(run())
    return True


@pytest.fixture
def clock() -> ManualClock:
    """The clock that holds are counted by. It stands still until a test moves it."""
    return ManualClock()


@pytest.fixture(params=list(KINDS))
def blobs(request: pytest.FixtureRequest, tmp_path: Path, clock: ManualClock) -> FileBlobs | MemoryBlobs:
    """Each kind of blobs in turn, empty; what is released goes at once."""
    return KINDS[request.param](tmp_path, clock)
