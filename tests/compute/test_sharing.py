"""Nodes that share a machine, and functions that other nodes change."""

from __future__ import annotations

import asyncio
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from lambent.compute import Environments
from lambent.contracts.clock import ManualClock
from lambent.contracts.ids import Ids

from .support import Host, Room, play

WHO = """
    import os, time
    ME = os.urandom(8).hex()
    def handler(event, context):
        time.sleep(event)
        return ME
"""
INSTALL = """
import sys
from pathlib import Path
from lambent.compute import runtimes

folder = Path(sys.argv[1])
PRETEND = '''
import sys, time
from pathlib import Path
folder, target = Path(sys.argv[1]), Path(sys.argv[sys.argv.index("--target") + 1])
target.mkdir()
with (folder / "installed").open("a") as notes:
    notes.write(target.name + chr(10))
while not (folder / "go").exists():
    time.sleep(0.01)
'''
runtimes._installer = lambda interpreter: [sys.executable, "-c", PRETEND, str(folder)]
here = runtimes.Interpreter("python3.11", "3.11.0", sys.base_prefix, sys.executable)
shared = runtimes.Runtimes(folder, lambda runtime, text: print(text, flush=True))
shared.interpreter = lambda runtime: here
print("asking", flush=True)
print(shared.packages("python3.11").name, flush=True)
"""


async def until(condition: Callable[[], bool]) -> None:
    """Wait for something that happens in the machine's time."""
    for _ in range(10_000):
        if condition():
            return
        await asyncio.sleep(0.001)
    raise AssertionError("it did not happen")


@pytest.mark.slow
def test_one_process_installs_and_the_other_waits(tmp_path: Path) -> None:
    """Two nodes that need the same runtime at once: one installs, both use it; what a killed one left is gone."""
    (tmp_path / ".python3.11.99999.draft").mkdir()
    command = [sys.executable, "-c", INSTALL, str(tmp_path)]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as first:
        assert first.stdout is not None
        assert [first.stdout.readline() for _ in range(2)] == ["asking\n", "installing the runtime client and boto3\n"]
        with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as second:
            assert second.stdout is not None
            assert second.stdout.readline() == "asking\n"
            (tmp_path / "go").touch()
            assert first.stdout.read().split() == ["compiling", "ready", "python3.11"]
            assert second.stdout.read() == "python3.11\n"
    assert len((tmp_path / "installed").read_text().split()) == 1
    assert (tmp_path / "python3.11" / ".complete").read_text() == "3.11.0"
    assert list(tmp_path.glob(".*.draft")) == []


def test_nodes_of_one_machine_divide_it(tmp_path: Path) -> None:
    """A quarter of the machine has a quarter of the room."""
    whole = Environments(Host(), ManualClock(), Ids(1), tmp_path)
    quarter = Environments(Host(), ManualClock(), Ids(1), tmp_path, share=0.25)
    assert quarter._seats_max == pytest.approx(max(4, whole._seats_max / 4), abs=1)
    assert 1 <= quarter._starts_max <= max(1, whole._starts_max // 4)


@pytest.mark.slow
def test_a_change_elsewhere_ends_idle_environments_at_once(tmp_path: Path) -> None:
    """Busy ones end after their call; those of other functions stay; a change that is none costs nobody anything."""

    async def scene(room: Room) -> None:
        spec, other = room.spec("who", WHO), room.spec("other", WHO)
        mine, theirs = await room.value(spec, 0), await room.value(other, 0)
        [changed] = room.host.changed
        changed()
        assert await room.value(spec, 0) == mine
        running = asyncio.ensure_future(room.value(spec, 0.3))
        await until(lambda: room.pool.load()["running"] == 1)
        room.host.changed_functions.add("who")
        for _ in range(3):
            changed()
        assert await running == mine
        assert room.pool.load() == {"warm": 1, "running": 0, "starting": 0, "waiting": 0}
        assert await room.value(other, 0) == theirs
        room.host.changed_functions.add("other")
        changed()
        await until(lambda: room.pool.load()["warm"] == 0)

    play(tmp_path, scene)


@pytest.mark.slow
def test_the_load_of_a_room(tmp_path: Path) -> None:
    """What runs, starts and waits is counted; after the end the host has everything back."""
    hosts: list[Host] = []

    async def scene(room: Room) -> None:
        hosts.append(room.host)
        room.pool._seats_max = 2
        assert room.pool.load() == {"warm": 0, "running": 0, "starting": 0, "waiting": 0}
        spec = room.spec("who", WHO)
        calls = [asyncio.ensure_future(room.value(spec, 0.3)) for _ in range(5)]
        await asyncio.sleep(0)
        load = room.pool.load()
        assert (load["starting"], load["waiting"], load["running"]) == (2, 3, 0)
        await until(lambda: room.pool.load()["running"] == 2)
        assert room.pool.load() == {"warm": 0, "running": 2, "starting": 0, "waiting": 3}
        calls[-1].cancel()
        await asyncio.sleep(0)
        assert room.pool.load()["waiting"] == 2
        assert room.host.running == {"who": 4}
        await asyncio.gather(*calls[:-1])
        assert room.pool.load() == {"warm": 2, "running": 0, "starting": 0, "waiting": 0}

    play(tmp_path, scene)
    assert hosts[0].closed


@pytest.mark.slow
def test_the_loop_goes_on_while_the_machine_is_tried_out(tmp_path: Path) -> None:
    """The first call runs programs to see what the machine can do, none of them in the event loop."""

    async def scene(room: Room) -> None:
        spec = room.spec("who", WHO)
        loop = asyncio.get_running_loop()
        loop.slow_callback_duration = 0.1
        longest_s = 0.0

        async def watch() -> None:
            nonlocal longest_s
            while True:
                began_s = loop.time()
                await asyncio.sleep(0.001)
                longest_s = max(longest_s, loop.time() - began_s)

        watching = asyncio.ensure_future(watch())
        first, second = await asyncio.gather(room.value(spec, 0), room.value(spec, 0))
        assert first != second
        watching.cancel()
        assert room.pool._opening is not None
        assert longest_s < 0.2, longest_s

    play(tmp_path, scene)
