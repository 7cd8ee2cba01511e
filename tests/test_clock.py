"""The clock that can be moved: what becomes due, in which order, and what its door lets whom do."""

from __future__ import annotations

import asyncio
import json

import pytest

from lambent.cli.clock import seconds, written
from lambent.cli.common import Failure
from lambent.contracts.clock import MovableClock
from lambent.contracts.http import Request
from lambent.contracts.ports import Settings
from lambent.doors import clock as door
from lambent.kv import moved
from tests.support import TestCloud

HOUR_NS = 3600 * 1_000_000_000


async def test_what_becomes_due_by_a_move_is_called_in_order_and_once() -> None:
    clock, called, done = MovableClock(), [], asyncio.Event()  # type: ignore[var-annotated]
    begin_ns = clock.now_ns()
    for hours in (3, 1, 2, 9):
        clock.call_at(begin_ns + hours * HOUR_NS, lambda hours=hours: called.append(hours))  # type: ignore[misc]
    clock.call_at(begin_ns + HOUR_NS, lambda: called.append("never")).cancel()
    clock.call_at(begin_ns + 4 * HOUR_NS, done.set)
    clock.move(5 * HOUR_NS)
    await done.wait()
    assert called == [1, 2, 3]
    assert clock.ahead_ns == 5 * HOUR_NS == clock.now_ns() // HOUR_NS * HOUR_NS - begin_ns // HOUR_NS * HOUR_NS
    assert clock.now_ns() - clock.outside_ns() == pytest.approx(5 * HOUR_NS, abs=1e9)
    done.clear()
    clock.call_at(begin_ns + 9 * HOUR_NS, done.set)
    clock.move(0)
    assert called == [1, 2, 3]
    clock.move(5 * HOUR_NS)
    await done.wait()
    assert called == [1, 2, 3, 9]


async def test_it_does_not_go_back() -> None:
    clock = MovableClock()
    with pytest.raises(ValueError, match="forward only"):
        clock.move(-1)
    assert clock.ahead_ns == 0


def movable() -> TestCloud:
    cloud = TestCloud()
    cloud.clock = MovableClock()  # type: ignore[assignment]
    return cloud


async def asked(cloud: TestCloud, method: str = "GET", query: str = "", **fields: str) -> tuple[int, dict[str, object]]:
    peer = fields.pop("peer", "127.0.0.1")
    answer = await door(cloud, Request(method, "/_lambent/clock", query, headers=fields, peer=peer))
    assert isinstance(answer.body, bytes)
    return answer.status, json.loads(answer.body)


async def test_the_door_moves_the_clock_and_writes_it_down() -> None:
    cloud = movable()
    assert (await asked(cloud))[1]["ahead_s"] == 0
    assert (await asked(cloud, "POST", "forward=3600"))[1]["ahead_s"] == 3600
    assert (await asked(cloud, "POST", "forward=60"))[1]["ahead_s"] == 3660
    assert await cloud.store.read(moved.ahead_ns) == 3660 * 1_000_000_000
    for wrong in ("", "forward=0", "forward=-5", "forward=1e3", "forward=99999999999", "forward=9" * 20):
        assert (await asked(cloud, "POST", wrong))[0] == 400
    assert (await asked(cloud))[1]["ahead_s"] == 3660


async def test_who_is_not_root_moves_nothing() -> None:
    cloud = movable()
    assert (await asked(cloud, "POST", "forward=60", peer="192.0.2.1"))[0] == 403
    assert (await asked(cloud, "POST", "forward=60", origin="https://evil.example"))[0] == 403
    cloud.settings = Settings(auth="strict")
    assert (await asked(cloud, "POST", "forward=60"))[0] == 403
    assert cloud.clock.ahead_ns == 0  # type: ignore[attr-defined]


async def test_a_cloud_whose_clock_is_not_its_own_says_so() -> None:
    status, told = await asked(TestCloud(), "POST", "forward=60")
    assert (status, "cannot be moved" in str(told["message"])) == (409, True)


@pytest.mark.parametrize(("text", "total"), [("30s", 30), ("15m", 900), ("1d12h", 129_600), ("4w", 2_419_200)])
def test_times_are_read_and_written(text: str, total: int) -> None:
    assert seconds(text) == total
    assert seconds(written(total).replace(" ", "")) == total


@pytest.mark.parametrize("text", ["", "5", "m", "-5m", "5 m", "1.5h", "5x", "5m!"])
def test_what_is_no_time_is_refused(text: str) -> None:
    with pytest.raises(Failure, match="no time to go forward by"):
        seconds(text)
