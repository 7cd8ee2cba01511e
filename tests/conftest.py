"""What every test may use."""

from __future__ import annotations

import asyncio
import inspect
import os
from pathlib import Path

import pytest
from hypothesis import HealthCheck, settings

# In continuous integration the examples are always the same ones: a change is not blamed for what chance found. At a
# developer's desk they are new each time, and what they find becomes a case of its own.
settings.register_profile(
    "house",
    deadline=None,
    suppress_health_check=[HealthCheck.too_slow],
    derandomize=bool(os.environ.get("CI")),
    database=None,
)
settings.load_profile("house")


@pytest.hookimpl(tryfirst=True)
def pytest_pyfunc_call(pyfuncitem: pytest.Function) -> bool | None:
    """Run `async def` tests, each in a loop of its own."""
    if not inspect.iscoroutinefunction(pyfuncitem.obj):
        return None
    arguments = {name: pyfuncitem.funcargs[name] for name in inspect.signature(pyfuncitem.obj).parameters}
    asyncio.run(pyfuncitem.obj(**arguments))
    return True


@pytest.fixture(scope="session")
def conformance() -> Path:
    """The folder of conformance data made by others; the tests that need it are skipped where it is absent."""
    folder = Path(os.environ.get("LAMBENT_CONFORMANCE", Path(__file__).parents[2] / "shared" / "conformance"))
    if not folder.is_dir():
        pytest.skip("no conformance data: set LAMBENT_CONFORMANCE to its folder")
    return folder
