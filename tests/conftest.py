"""What every test may use."""

from __future__ import annotations

import os
from pathlib import Path

import pytest
from hypothesis import HealthCheck, settings

settings.register_profile("house", deadline=None, suppress_health_check=[HealthCheck.too_slow])
settings.load_profile("house")


@pytest.fixture(scope="session")
def conformance() -> Path:
    """The folder of conformance data made by others; the tests that need it are skipped where it is absent."""
    folder = Path(os.environ.get("LAMBENT_CONFORMANCE", Path(__file__).parents[2] / "shared" / "conformance"))
    if not folder.is_dir():
        pytest.skip("no conformance data: set LAMBENT_CONFORMANCE to its folder")
    return folder
