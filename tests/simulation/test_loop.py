"""The simulation's own loop: its order comes from the seed, its time stands still, and the dead stay dead."""

from __future__ import annotations

import asyncio
import random
from collections.abc import Iterator

import pytest

from .clock import NodeClock
from .loop import SECOND_NS, START_NS, Deadlock, SeededLoop, Violation, pause


@pytest.fixture
def loop() -> Iterator[SeededLoop]:
    made = SeededLoop(random.Random(1))  # type: ignore[abstract]  # it has what is used
    yield made
    made.dispose()


def test_time_moves_to_the_next_timer_when_nothing_is_ready(loop: SeededLoop) -> None:
    loop.run(pause(3600))
    assert 0 <= loop.now_ns - START_NS - 3600 * SECOND_NS < SECOND_NS


def test_a_wait_without_end_is_a_deadlock_that_names_who_waits(loop: SeededLoop) -> None:
    async def wait_for_ever() -> None:
        await asyncio.Event().wait()

    with pytest.raises(Deadlock, match="wait_for_ever"):
        loop.run(wait_for_ever())


def test_a_loop_that_never_waits_is_found(loop: SeededLoop, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("tests.simulation.loop.STEPS_AT_ONE_TIME_MAX", 1000)

    async def spin() -> None:
        for _ in range(2000):
            await asyncio.sleep(0)

    with pytest.raises(Violation, match="runs in circles"):
        loop.run(spin())


def test_an_exception_in_a_callback_ends_the_run(loop: SeededLoop) -> None:
    async def story() -> None:
        asyncio.get_running_loop().call_soon({}.popitem)
        await pause(1)

    with pytest.raises(Violation, match="KeyError"):
        loop.run(story())


def test_the_seed_chooses_the_order_of_hosts_but_a_host_keeps_its_own() -> None:
    def order(seed: int) -> list[str]:
        loop = SeededLoop(random.Random(seed))  # type: ignore[abstract]
        said: list[str] = []

        async def speak(name: str) -> None:
            for number in range(20):
                said.append(f"{name}{number}")
                await asyncio.sleep(0)

        async def story() -> None:
            await asyncio.wait([loop.host(name).start(speak(name)) for name in "ab"])

        loop.run(story())
        loop.dispose()
        return said

    one, again, other = order(1), order(1), order(2)
    assert one == again
    assert one != other
    for name in "ab":
        assert [word for word in one if word[0] == name] == [f"{name}{number}" for number in range(20)]


def test_a_killed_host_does_nothing_any_more_not_even_its_cleanup(loop: SeededLoop) -> None:
    said: list[str] = []

    async def work() -> None:
        try:
            said.append("begun")
            await pause(10)
            said.append("went on")
        finally:
            said.append("cleaned up")

    async def story() -> None:
        host = loop.host("node")
        host.start(work())
        await pause(1)
        host.kill()
        await pause(100)

    loop.run(story())
    assert said == ["begun"]


def test_a_paused_host_goes_on_later_and_finds_its_timers_due(loop: SeededLoop) -> None:
    ended_ns: list[int] = []

    async def work() -> None:
        await pause(1)
        ended_ns.append(loop.now_ns)

    async def story() -> None:
        host = loop.host("node")
        host.start(work())
        await pause(0.5)
        host.pause()
        await pause(20)
        assert not ended_ns
        host.resume()
        await pause(1)

    loop.run(story())
    assert ended_ns[0] >= START_NS + 20 * SECOND_NS


def test_executors_run_inside_the_loop(loop: SeededLoop) -> None:
    async def story() -> int:
        return await asyncio.to_thread(lambda: 6 * 7)

    loop.executor_delay_ns_max = SECOND_NS
    assert loop.run(story()) == 42


def test_a_clock_that_is_off_fires_after_the_right_time(loop: SeededLoop) -> None:
    fired: list[int] = []

    async def story() -> None:
        host = loop.host("node")
        host.skew_ns = -5 * SECOND_NS
        clock = NodeClock(host)
        assert clock.now_ns() < loop.now_ns
        clock.call_at(clock.now_ns() + SECOND_NS, lambda: fired.append(loop.now_ns))
        await pause(2)

    loop.run(story())
    assert len(fired) == 1
    assert fired[0] - START_NS < 2 * SECOND_NS
