"""What every test may use."""

from __future__ import annotations

import asyncio
import gc
import inspect
import os
from pathlib import Path

import pytest
from hypothesis import HealthCheck, settings

EXAMPLES_QUICK = 25
"""Examples of a property in `make check`, which has a minute; a whole run tries hypothesis's hundred."""

# In continuous integration the examples are always the same ones: a change is not blamed for what chance found. At a
# developer's desk they are new each time, and what they find becomes a case of its own.
settings.register_profile(
    "house",
    deadline=None,
    suppress_health_check=[HealthCheck.too_slow],
    derandomize=bool(os.environ.get("CI")),
    database=None,
)
settings.register_profile("quick", settings.get_profile("house"), max_examples=EXAMPLES_QUICK)
settings.load_profile("house")


def pytest_configure(config: pytest.Config) -> None:
    """Fewer examples where the slow tests are left out. Tests that say how many they need have them all the same."""
    if "not slow" in config.option.markexpr:
        settings.load_profile("quick")


def pytest_collection_finish(session: pytest.Session) -> None:
    """What is alive now stays alive, modules and tests: looking through it again and again took a sixth of a run."""
    gc.collect()
    gc.freeze()


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
