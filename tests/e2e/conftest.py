"""One node for the tests that do not harm it."""

from __future__ import annotations

import subprocess
import sys
import warnings
from collections.abc import Iterator

import pytest

from .node import BIN, Node


@pytest.fixture(scope="session")
def node(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Node]:
    """A running node, shared by the session."""
    started = Node(tmp_path_factory.mktemp("cloud")).start()
    yield started
    assert started.stop() == 0, "the node did not stop cleanly"


@pytest.fixture(autouse=True)
def _tools_of_others() -> Iterator[None]:
    # botocore leaves sockets to the garbage collector; that is not ours to fail for.
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ResourceWarning)
        yield


@pytest.fixture(scope="session")
def sam() -> str:
    """The SAM CLI, in an environment of its own: its requirements are not Lambent's."""
    folder = BIN.parent / "share" / "sam-cli"
    program = folder / "bin" / "sam"
    if not program.exists():
        subprocess.run([sys.executable, "-m", "venv", str(folder)], check=True)
        subprocess.run([str(folder / "bin" / "pip"), "install", "-q", "aws-sam-cli"], check=True)
    return str(program)
