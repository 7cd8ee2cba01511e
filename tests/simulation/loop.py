"""An event loop without a machine: the seed chooses what runs next, time is virtual, hosts can be killed and paused.

Everything that runs belongs to a `Host` (a node, or the clients), which it inherits through its context: tasks,
callbacks and timers that a host's code makes are that host's. A killed host's callbacks are never run again, nor are
its tasks told; a paused host's wait. Nothing here does I/O, so a run is a function of its seed.
"""

from __future__ import annotations

import asyncio
import contextlib
import heapq
import itertools
import random
from collections import deque
from collections.abc import Callable, Coroutine
from contextvars import Context, ContextVar, copy_context
from typing import Any

START_NS = 1_700_000_000_000_000_000
STEP_NS = 1_000
"""What one callback takes."""
STEPS_AT_ONE_TIME_MAX = 200_000
"""More callbacks than this without a timer are a loop that never waits."""
SECOND_NS = 1_000_000_000
BURST_MAX = 12
_HOST: ContextVar[Host] = ContextVar("host")


class Violation(AssertionError):
    """What the simulated cloud must never do, or a mistake of the simulation."""


class Deadlock(Violation):
    """Something waits, and nothing is left that could end it."""


class Handle:
    """A callback that was asked for. `when` is its time in nanoseconds when it is a timer's."""

    __slots__ = ("args", "callback", "context", "host", "when_ns")

    def __init__(self, callback: Callable[..., Any], args: tuple[Any, ...], context: Context, host: Host) -> None:
        self.callback: Callable[..., Any] | None = callback
        self.args = args
        self.context = context
        self.host = host
        self.when_ns = 0

    def cancel(self) -> None:
        """Not to be called any more."""
        self.callback = None
        self.args = ()

    def cancelled(self) -> bool:
        """Whether `cancel` was called."""
        return self.callback is None

    def when(self) -> float:
        """A timer's time, in the loop's seconds."""
        return self.when_ns / SECOND_NS


class Host:
    """What lives and dies together. `skew_ns` is how far its clock is ahead of the world's; `shuffled` says that its
    callbacks run in any order, instead of in the order in which they became ready."""

    def __init__(self, loop: SeededLoop, name: str, shuffled: bool = False) -> None:
        self.loop = loop
        self.name = name
        self.number = next(loop.numbers)
        self.shuffled = shuffled
        self.skew_ns = 0
        self.alive = True
        self.paused = False
        self.ready: deque[Handle] = deque()
        self.tasks: list[asyncio.Task[Any]] = []
        self._tasks_limit = 64
        self._listed = False
        self.context = copy_context()
        self.context.run(_HOST.set, self)

    def put(self, handle: Handle) -> None:
        """A callback is ready to run; that of a dead host never will."""
        self.ready.append(handle)
        if self.alive:
            self._list()

    def kill(self) -> None:
        """Nothing of this host ever runs again. Its tasks and callbacks are kept, so that not even their clean-up runs
        and no future of theirs complains that nobody looked at it."""
        self.alive = False
        self.withdraw()

    def pause(self) -> None:
        """Run nothing until `resume`; time goes on."""
        self.paused = True
        self.withdraw()

    def resume(self) -> None:
        """Go on where it was stopped."""
        if self.paused:
            self.paused = False
            if self.ready and self.alive:
                self._list()

    def _list(self) -> None:
        if not self._listed and not self.paused:
            self._listed = True
            self.loop.runnable.append(self)

    def withdraw(self) -> None:
        """Have no turn until something is put again."""
        if self._listed:
            self._listed = False
            self.loop.runnable.remove(self)

    def start(self, work: Coroutine[Any, Any, Any]) -> asyncio.Task[Any]:
        """Begin a task of this host, from wherever."""
        return self.loop.create_task(work, context=self.context.copy())

    def adopt(self, task: asyncio.Task[Any]) -> None:
        """Keep a task as long as it runs."""
        self.tasks.append(task)
        if len(self.tasks) > self._tasks_limit:
            self.tasks = [task for task in self.tasks if not task.done()]
            self._tasks_limit = 64 + 2 * len(self.tasks)


class SeededLoop(asyncio.AbstractEventLoop):
    """See the module. `steps` counts the callbacks that ran; `digest` depends on all of them and on their order."""

    def __init__(self, chance: random.Random) -> None:
        self.chance = chance
        self.numbers = itertools.count()
        self.now_ns = START_NS
        self.steps = 0
        self.digest = 0
        self.executor_delay_ns_max = 0
        self.runnable: list[Host] = []
        self.failures: list[str] = []
        self.trip_step = -1
        self._tripped: Callable[[Host], None] | None = None
        self._timers: list[tuple[int, int, Handle]] = []
        self._order = itertools.count()
        self._moved_at = 0
        self._disposed = False
        self.hosts: list[Host] = []
        self.world = self.host("world")

    def host(self, name: str, shuffled: bool = False) -> Host:
        """A new host."""
        made = Host(self, name, shuffled)
        self.hosts.append(made)
        return made

    # Running

    def run(self, work: Coroutine[Any, Any, Any], until_ns: int | None = None) -> Any:
        """Run everything until `work`, a task of the world's, is done; returns its result."""
        asyncio._set_running_loop(self)
        try:
            task = self.world.start(work)
            while not task.done():
                self._turn()
                if self.failures:
                    raise Violation(self.failures[0])
            return task.result()
        finally:
            asyncio._set_running_loop(None)

    def _turn(self) -> None:
        """Run a burst of one host's callbacks; when there is none, move on to the next timer."""
        runnable = self.runnable
        if not runnable:
            self._to_next_timer()
            return
        chance = self.chance
        host = runnable[0] if len(runnable) == 1 else runnable[int(chance.random() * len(runnable))]
        ready = host.ready
        self.digest = hash((self.digest, host.number, len(ready), self.now_ns))
        for _ in range(1 + int(chance.random() * BURST_MAX)):
            if host.shuffled and len(ready) > 1:
                ready.rotate(-int(chance.random() * len(ready)))
            handle = ready.popleft()
            callback = handle.callback
            if callback is not None:
                self.steps += 1
                self.now_ns += STEP_NS
                self._call(handle, callback)
                if self.steps == self.trip_step and self._tripped is not None:
                    self._tripped(host)
            if not ready or host.paused or not host.alive:
                break
        if not ready:
            host.withdraw()
        self._fire_due()
        if self.steps - self._moved_at > STEPS_AT_ONE_TIME_MAX:
            raise Violation(f"{STEPS_AT_ONE_TIME_MAX} callbacks without waiting: {host.name} runs in circles")

    def trip(self, steps: int, fn: Callable[[Host], None]) -> None:
        """Call `fn` with the host that makes the step after the next `steps`, right after it."""
        self.trip_step, self._tripped = self.steps + steps + 1, fn

    def _call(self, handle: Handle, callback: Callable[..., Any]) -> None:
        try:
            handle.context.run(callback, *handle.args)
        except Exception as error:
            self.failures.append(f"a callback of {handle.host.name} failed: {callback!r}: {error!r}")

    def _fire_due(self) -> None:
        timers = self._timers
        while timers and timers[0][0] <= self.now_ns:
            handle = heapq.heappop(timers)[2]
            if handle.callback is not None:
                handle.host.put(handle)

    def _to_next_timer(self) -> None:
        timers = self._timers
        while timers and (timers[0][2].callback is None or not timers[0][2].host.alive):
            heapq.heappop(timers)
        if not timers:
            raise Deadlock("nothing is ready and no timer is set; waiting: " + "; ".join(self._waiting()))
        self.now_ns = max(self.now_ns, timers[0][0])
        self._moved_at = self.steps
        self._fire_due()

    def _waiting(self) -> list[str]:
        return [
            f"{host.name}: {task.get_coro().__qualname__}"  # type: ignore[union-attr]
            for host in self.hosts
            if host.alive
            for task in host.tasks
            if not task.done()
        ]

    def dispose(self) -> None:
        """Forget all tasks; what their clean-up asks for is not done."""
        self._disposed = True
        for host in self.hosts:
            host.kill()
            for task in host.tasks:
                if not task.done():
                    task._log_destroy_pending = False  # type: ignore[attr-defined]
                    with contextlib.suppress(BaseException):
                        task.get_coro().close()
            host.tasks.clear()
            host.ready.clear()
        self._timers.clear()

    # What asyncio asks of a loop

    def call_soon(  # type: ignore[override]
        self, callback: Callable[..., Any], *args: Any, context: Context | None = None
    ) -> Any:
        """See asyncio."""
        if context is None:
            context = copy_context()
        host = context.get(_HOST, self.world)
        handle = Handle(callback, args, context, host)
        if not self._disposed:
            host.put(handle)
        return handle

    call_soon_threadsafe = call_soon  # type: ignore[assignment]

    def call_at_ns(
        self, when_ns: int, callback: Callable[..., Any], *args: Any, context: Context | None = None
    ) -> Handle:
        """Call at a time of the world's clock."""
        if context is None:
            context = copy_context()
        handle = Handle(callback, args, context, context.get(_HOST, self.world))
        handle.when_ns = when_ns
        if not self._disposed:
            heapq.heappush(self._timers, (when_ns, next(self._order), handle))
        return handle

    def call_later(  # type: ignore[override]
        self, delay: float, callback: Callable[..., Any], *args: Any, context: Context | None = None
    ) -> Any:
        """See asyncio."""
        return self.call_at_ns(self.now_ns + int(delay * SECOND_NS), callback, *args, context=context)

    def call_at(  # type: ignore[override]
        self, when: float, callback: Callable[..., Any], *args: Any, context: Context | None = None
    ) -> Any:
        """See asyncio."""
        return self.call_at_ns(START_NS + int(when * SECOND_NS), callback, *args, context=context)

    def time(self) -> float:
        """Seconds since the beginning of the run."""
        return (self.now_ns - START_NS) / SECOND_NS

    def create_future(self) -> asyncio.Future[Any]:
        """See asyncio."""
        return asyncio.Future(loop=self)

    def create_task(  # type: ignore[override]
        self, coro: Coroutine[Any, Any, Any], *, name: object = None, context: Context | None = None
    ) -> asyncio.Task[Any]:
        """See asyncio; the task belongs to the host that makes it."""
        if context is None:
            context = copy_context()
        task = asyncio.Task(coro, loop=self, name="task", context=context)
        context.get(_HOST, self.world).adopt(task)
        return task

    def run_in_executor(self, executor: Any, func: Callable[..., Any], *args: Any) -> asyncio.Future[Any]:  # type: ignore[override]
        """Run `func` at a later step, which the seed chooses; no thread is involved."""
        future = self.create_future()

        def work() -> None:
            if future.cancelled():
                return
            try:
                result = func(*args)
            except Exception as error:
                future.set_exception(error)
            else:
                future.set_result(result)

        self.call_at_ns(self.now_ns + int(self.chance.random() * self.executor_delay_ns_max), work)
        return future

    def call_exception_handler(self, context: dict[str, Any]) -> None:
        """What asyncio would log is a failure of the run."""
        if not self._disposed:
            self.failures.append(f"{context.get('message')}: {context.get('exception')!r}")

    def get_debug(self) -> bool:
        """No debug mode."""
        return False

    def is_running(self) -> bool:
        """Always, while anything can ask."""
        return True

    def is_closed(self) -> bool:
        """Whether it was disposed of."""
        return self._disposed


async def pause(seconds: float) -> None:
    """Wait in the world's time."""
    loop = asyncio.get_running_loop()
    assert isinstance(loop, SeededLoop)
    future = loop.create_future()
    loop.call_at_ns(loop.now_ns + int(seconds * SECOND_NS), _wake, future)
    await future


def _wake(future: asyncio.Future[None]) -> None:
    if not future.done():
        future.set_result(None)


__all__ = ["START_NS", "Deadlock", "Handle", "Host", "SeededLoop", "Violation", "pause"]
