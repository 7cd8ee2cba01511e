"""Modules load in a thread, once, and nobody gets an unfinished one."""

from __future__ import annotations

import asyncio
import sys
from pathlib import Path

import pytest

from lambent.kit.loading import load

_SLOW = """
import threading
from gate_of_loading import ENTERED, GATE
HERE = threading.current_thread() is threading.main_thread()
ENTERED.set()
assert GATE.wait(10)
DONE = True
"""


async def test_a_module_that_loads_holds_up_nobody(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "gate_of_loading.py").write_text(
        "import threading\nENTERED = threading.Event()\nGATE = threading.Event()\n"
    )
    (tmp_path / "slow_to_load.py").write_text(_SLOW)
    monkeypatch.syspath_prepend(str(tmp_path))
    gates = await load("gate_of_loading")
    first = asyncio.ensure_future(load("slow_to_load"))
    assert await asyncio.to_thread(gates.ENTERED.wait, 10)
    assert "slow_to_load" in sys.modules
    second = asyncio.ensure_future(load("slow_to_load"))  # it is listed, and not finished
    await asyncio.sleep(0)
    assert not first.done()
    gates.GATE.set()
    module = await first
    assert module is await second
    assert (module.DONE, module.HERE) == (True, False)
    assert await load("slow_to_load") is module


async def test_what_cannot_be_loaded_says_so() -> None:
    with pytest.raises(ModuleNotFoundError):
        await load("lambent.nowhere")
