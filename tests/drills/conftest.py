"""What the tests of drills share."""

from __future__ import annotations

import warnings
from collections.abc import Iterator

import pytest


@pytest.fixture(autouse=True)
def _tools_of_others() -> Iterator[None]:
    # botocore leaves sockets to the garbage collector; that is not ours to fail for.
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ResourceWarning)
        yield
