"""Requests that the cloud makes to addresses its users gave: where they may go, and how long they may take."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable
from typing import Final, TypeVar
from urllib.parse import SplitResult, unquote, urlsplit

from lambent.contracts.clock import Clock

PORTS: Final = {"http": 80, "https": 443}
_DOORS: Final = frozenset(("_lambent", "2018-06-01", "2020-01-01", "2020-08-15", "2022-07-01"))
"""Where the node's own doors begin, and the Runtime API's, which functions without a network of their own have on
loopback."""
T = TypeVar("T")


def address(url: str) -> SplitResult:
    """The parts of a URL; `ValueError` for one that is none, or that leads to a door of the node, however written."""
    parts = urlsplit(url)
    if parts.scheme not in PORTS or not parts.hostname:
        raise ValueError("not a URL of HTTP")
    if is_door(parts.path):
        raise ValueError("the address is one of the cloud's own doors")
    if any(character <= " " or character == "\x7f" for character in url) or not url.isascii():
        raise ValueError("a character that no URL has")
    return parts


def is_door(path: str) -> bool:
    """Whether a path, however it is written, leads to a door of the node."""
    before = ""
    while path != before:
        before, path = path, unquote(path)
    steps: list[str] = []
    for step in path.replace("\\", "/").split("/"):
        if step == "..":
            steps = steps[:-1]
        elif step not in ("", "."):
            steps.append(step)
    return bool(steps) and steps[0].lower() in _DOORS


async def within(clock: Clock, seconds: float, work: Awaitable[T]) -> T:
    """`work`, or `TimeoutError` when the clock says that it takes too long."""
    task = asyncio.ensure_future(work)
    late = False

    def end() -> None:
        nonlocal late
        late = True
        task.cancel()

    alarm = clock.call_at(clock.now_ns() + int(seconds * 1e9), end)
    try:
        return await task
    except asyncio.CancelledError:
        if late:
            raise TimeoutError(f"no answer within {seconds:.0f} s") from None
        task.cancel()
        raise
    finally:
        alarm.cancel()
