"""Plain functions that wait: a fiber runs on the event loop, and gives way to it while it waits for something.

A function given to a store is plain, yet what it reads must come over the network. In a thread of its own each wait
would cost two changes of threads and a fight for the interpreter's lock, several times what the database itself costs.
"""

from __future__ import annotations

import sys
from collections.abc import Awaitable, Callable
from typing import Any, TypeVar, cast

from greenlet import getcurrent, greenlet  # type: ignore[import-untyped]

T = TypeVar("T")


async def in_fiber(fn: Callable[..., T], *arguments: Any) -> T:
    """Run `fn` in a fiber; it may call `wait_for`."""
    fiber = greenlet(fn)
    fiber.gr_context = getcurrent().gr_context
    given = fiber.switch(*arguments)
    while not fiber.dead:
        try:
            value = await given
        except BaseException:
            given = fiber.throw(*sys.exc_info())
        else:
            given = fiber.switch(value)
    return cast("T", given)


def wait_for(awaitable: Awaitable[T]) -> T:
    """In a fiber: let the loop go on until `awaitable` has its result, and return or raise that."""
    parent = getcurrent().parent
    assert parent is not None, "only a fiber can wait"
    return cast("T", parent.switch(awaitable))
