"""CONTRIBUTING.md's worked example, executed as it stands."""

from __future__ import annotations

import re
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest

from lambent import registry
from lambent.contracts.errors import ServiceError

from .support import TestCloud

GUIDE = Path(__file__).parents[1] / "CONTRIBUTING.md"
PACKAGE = "worked_example"
BLOCK = re.compile(r"```python file=(\w+)\.py\n(.*?)```", re.DOTALL)


@contextmanager
def raises(code: str) -> Iterator[None]:
    with pytest.raises(ServiceError) as caught:
        yield
    assert caught.value.code == code


@pytest.fixture
def example(monkeypatch: pytest.MonkeyPatch) -> dict[str, Any]:
    """The guide's files as a package, registered as the service ssm; yields the names of its test file."""
    blocks = dict(BLOCK.findall(GUIDE.read_text()))
    assert set(blocks) == {"keys", "errors", "api", "test"}
    package = ModuleType(PACKAGE)
    package.__path__ = []
    monkeypatch.setitem(sys.modules, PACKAGE, package)
    for name in ("keys", "errors", "api"):
        module = ModuleType(f"{PACKAGE}.{name}")
        module.__package__ = PACKAGE
        monkeypatch.setitem(sys.modules, module.__name__, module)
        exec(compile(blocks[name], f"{GUIDE.name}:{name}.py", "exec"), module.__dict__)
    package.service = sys.modules[f"{PACKAGE}.api"].ssm  # type: ignore[attr-defined]
    package.targets = {}  # type: ignore[attr-defined]
    monkeypatch.setitem(registry.SERVICES, "ssm", PACKAGE)
    tests: dict[str, Any] = {"raises": raises}
    exec(compile(blocks["test"], f"{GUIDE.name}:test.py", "exec"), tests)
    return tests


async def test_the_worked_example_works(example: dict[str, Any]) -> None:
    tests = [value for name, value in example.items() if name.startswith("test_")]
    assert len(tests) == 3
    for test in tests:
        await test(TestCloud())
