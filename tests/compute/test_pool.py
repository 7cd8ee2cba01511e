"""The pool: who gets which environment, how many there may be, and when they end."""

from __future__ import annotations

import asyncio
import os
from pathlib import Path

import pytest

from lambent.compute import probe
from lambent.compute.pool import AGE_MAX_NS, IDLE_NS
from lambent.contracts.clock import ManualClock
from lambent.contracts.functions import TooManyRequests

from .support import ACCOUNT, RUNTIMES, Room, play

pytestmark = pytest.mark.slow

WHO = """
    import os, time
    ME = os.urandom(8).hex()
    def handler(event, context):
        time.sleep(event)
        return ME
"""


def test_concurrent_calls_have_environments_of_their_own(tmp_path: Path) -> None:
    """Calls at the same time do not share an environment; later ones use the last one again."""

    async def scene(room: Room) -> None:
        spec = room.spec("who", WHO)
        seen = await asyncio.gather(*(room.value(spec, 0.3) for _ in range(4)))
        assert len(set(seen)) == 4
        again = [await room.value(spec, 0) for _ in range(3)]
        assert len(set(again)) == 1
        assert again[0] in seen

    play(tmp_path, scene)


def test_a_changed_function_has_new_environments(tmp_path: Path) -> None:
    """Environments belong to a specification: any change of it leaves the old ones aside."""

    async def scene(room: Room) -> None:
        first = await room.value(room.spec("who", WHO), 0)
        changed = await room.value(room.spec("who", WHO, environment=(("A", "b"),)), 0)
        assert first != changed
        assert await room.value(room.spec("who", WHO), 0) == first

    play(tmp_path, scene)


def test_reserved_concurrency(tmp_path: Path) -> None:
    """Calls beyond the reserved concurrency are refused; none at all when it is zero."""

    async def scene(room: Room) -> None:
        spec = room.spec("who", WHO, reserved_concurrency=2)
        running = [asyncio.ensure_future(room.value(spec, 0.5)) for _ in range(2)]
        await asyncio.sleep(0)
        with pytest.raises(TooManyRequests):
            await room.value(spec, 0)
        await asyncio.gather(*running)
        await room.value(spec, 0)
        with pytest.raises(TooManyRequests):
            await room.value(room.spec("none", WHO, reserved_concurrency=0), 0)

    play(tmp_path, scene)


def test_retire_lets_calls_finish(tmp_path: Path) -> None:
    """Idle environments of the function end at once, busy ones after their call, those of others stay."""

    async def scene(room: Room) -> None:
        spec, other = room.spec("who", WHO), room.spec("other", WHO)
        mine, theirs = await room.value(spec, 0), await room.value(other, 0)
        running = asyncio.ensure_future(room.value(spec, 0.3))
        await asyncio.sleep(0.1)
        await room.pool.retire(f"{ACCOUNT}:who:")
        assert await running == mine
        assert await room.value(spec, 0) != mine
        assert await room.value(other, 0) == theirs

    play(tmp_path, scene)


def test_idle_and_old_environments_end_by_the_clock(tmp_path: Path) -> None:
    """Ten idle minutes end an environment; so does the age of its credentials, however busy it is."""
    clock = ManualClock()

    async def scene(room: Room) -> None:
        spec = room.spec("who", WHO)
        first = await room.value(spec, 0)
        clock.advance(IDLE_NS - 1)
        assert await room.value(spec, 0) == first
        clock.advance(IDLE_NS + 1)
        second = await room.value(spec, 0)
        assert second != first
        for _ in range(AGE_MAX_NS // (IDLE_NS // 2) - 1):
            clock.advance(IDLE_NS // 2)
            assert await room.value(spec, 0) == second
        clock.advance(IDLE_NS // 2)
        assert await room.value(spec, 0) != second

    play(tmp_path, scene, clock=clock)


def test_the_machine_bounds_the_number(tmp_path: Path) -> None:
    """With no room left, idle environments of others make way, and calls wait for one another."""

    async def scene(room: Room) -> None:
        room.pool._seats_max = 2
        for name in ("a", "b", "c"):
            await room.value(room.spec(name, WHO), 0)
        assert len(room.pool._seats) == 2
        spec = room.spec("d", WHO)
        seen = await asyncio.gather(*(room.value(spec, 0.1) for _ in range(5)))
        assert len(seen) == 5
        assert len(room.pool._seats) <= 2

    play(tmp_path, scene)


def test_an_environment_that_died_idle_is_not_used(tmp_path: Path) -> None:
    """A warm environment that was killed behind the pool's back costs the caller nothing."""

    async def scene(room: Room) -> None:
        spec = room.spec("who", WHO)
        first = await room.value(spec, 0)
        (seat,) = room.pool._seats.values()
        os.kill(seat.environment.started.pid, 9)
        await asyncio.sleep(0.2)
        assert await room.value(spec, 0) != first

    play(tmp_path, scene)


def test_code_is_unpacked_once_and_shared(tmp_path: Path) -> None:
    """However many environments there are, and after a restart, the archive is fetched once."""

    async def scene(room: Room) -> None:
        spec = room.spec("who", WHO)
        await asyncio.gather(*(room.value(spec, 0.2) for _ in range(3)))
        await room.pool.retire("arn:")
        await room.value(spec, 0)
        assert room.host.fetched == ["code-of-who"]

    play(tmp_path, scene)


def test_plain_processes_where_there_is_no_sandbox(tmp_path: Path) -> None:
    """The process driver runs functions, freezes and ends them, by the same contract."""

    async def scene(room: Room) -> None:
        source = """
            import os
            def handler(event, context):
                open(os.environ["TMPDIR"] + "/x", "w").close()
                return [os.environ["LAMBDA_TASK_ROOT"] == os.getcwd(), os.getpid()]
        """
        spec = room.spec("plain", source)
        first, again = await room.value(spec), await room.value(spec)
        assert first == again
        assert first[0] is True
        assert room.pool.driver is not None
        assert room.pool.driver.name == "process"
        await room.pool.retire("arn:")
        assert str(first[1]) not in os.listdir("/proc")
        exits = await room.call(room.spec("exits", "import os\ndef handler(event, context): os._exit(4)"))
        assert b"Runtime exited with error: exit status 4" in exits.payload

    play(tmp_path, scene, driver="process")


def test_functions_on_the_hosts_network(tmp_path: Path) -> None:
    """With network="host" a function still runs, and uses Lambent's endpoint by its own address."""

    async def scene(room: Room) -> None:
        spec = room.spec(
            "open", "import os\ndef handler(event, context): return os.environ['AWS_ENDPOINT_URL']", timeout_s=10
        )
        assert await room.value(spec) == "http://127.0.0.1:14566"

    play(tmp_path, scene, network="host", endpoint="http://127.0.0.1:14566")


def test_probe_says_what_the_machine_can(tmp_path: Path) -> None:
    """The doctor's report names drivers, groups and interpreters."""
    report = probe(tmp_path)
    assert report.driver in {"bubblewrap", "process"}
    assert report.sandbox == (report.sandbox_reason == "")
    assert set(report.groups) == {"memory", "pids", "cpu", "freezer"}
    assert report.runtimes
    assert RUNTIMES.exists()
