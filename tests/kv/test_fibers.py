"""Fibers: plain functions that wait on the event loop."""

from __future__ import annotations

import asyncio
from contextvars import ContextVar

import pytest

pytest.importorskip("greenlet", reason="greenlet is not installed")

from lambent.kv.engines.fibers import in_fiber, wait_for
from tests.kv.contract import Broken

NAME: ContextVar[str] = ContextVar("name")


async def soon(value: int) -> int:
    await asyncio.sleep(0)
    return value


async def fail() -> None:
    await asyncio.sleep(0)
    raise Broken


async def test_fibers_interleave_and_return() -> None:
    order: list[str] = []

    def work(name: str) -> int:
        total = 0
        for number in range(3):
            order.append(name)
            total += wait_for(soon(number))
        return total

    assert await asyncio.gather(in_fiber(work, "a"), in_fiber(work, "b")) == [3, 3]
    assert order == ["a", "b"] * 3


async def test_exceptions_pass_both_ways() -> None:
    def work() -> str:
        try:
            wait_for(fail())
        except Broken:
            return "caught"
        return "missed"

    def raises() -> None:
        wait_for(soon(1))
        raise Broken

    assert await in_fiber(work) == "caught"
    with pytest.raises(Broken):
        await in_fiber(raises)


async def test_a_fiber_that_is_cancelled_cleans_up_and_may_wait_for_it() -> None:
    cleaned: list[int] = []

    def work() -> None:
        try:
            wait_for(asyncio.get_running_loop().create_future())
        finally:
            cleaned.append(wait_for(soon(7)))

    task = asyncio.create_task(in_fiber(work))
    await asyncio.sleep(0)
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    assert cleaned == [7]


async def test_a_fiber_has_its_tasks_context() -> None:
    def work() -> str:
        wait_for(soon(1))
        return NAME.get()

    async def named(name: str) -> str:
        NAME.set(name)
        return await in_fiber(work)

    assert await asyncio.gather(*(asyncio.create_task(named(name)) for name in "ab")) == ["a", "b"]
