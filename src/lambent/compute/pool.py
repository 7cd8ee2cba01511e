"""The pool of execution environments: warm ones are used again, last used first; idle ones end after a while.

Concurrency is bounded: by the limits that the host keeps (`FunctionHost.enter`), which refuse, and by the machine,
which waits: its memory bounds how many environments there are, its cores how many start at the same time. A call that
waits for a start takes the first environment of its function that becomes free meanwhile, so a burst of events fills
the machine instead of choking it.
"""

from __future__ import annotations

import asyncio
import logging
import os
from collections import deque
from collections.abc import Callable
from pathlib import Path

from lambent.contracts.clock import Alarm, Clock
from lambent.contracts.functions import FunctionHost, FunctionSpec, Invocation, Outcome
from lambent.contracts.ids import Ids

from . import report
from .cgroups import Cgroups
from .doorway import Doorway
from .environment import Ended, Environment
from .logs import Journal
from .probe import choose_driver
from .process import Process
from .report import Fault
from .runtimes import Progress, Runtimes
from .sandbox import Driver
from .supply import Supply

_log = logging.getLogger("lambent.compute")

INIT_TIMEOUT_S = 10.0
IDLE_NS = 10 * 60 * 1_000_000_000
AGE_MAX_NS = 45 * 60 * 1_000_000_000
"""Environments end before their credentials, which last an hour, do."""
_MACHINE_SHARE = 0.75
_STARTS_PER_CORE = 2
_FOOTPRINT_MB = 64
"""What an idle environment is reckoned to take of the machine, whatever it may take at most."""


class _Seat:
    """What the pool knows about an environment."""

    __slots__ = ("born_ns", "environment", "idle_since_ns", "retired")

    def __init__(self, environment: Environment, now_ns: int) -> None:
        self.environment = environment
        self.born_ns = now_ns
        self.idle_since_ns = now_ns
        self.retired = False


class Environments:
    """The compute room; implements `contracts.functions.Compute`.

    `folder` is Lambent's data folder, `endpoint` its base URL. `door`, when given, makes the protocol that serves what
    functions connect to (the gateway's own; without it connections are carried to `endpoint`); `authority` finds the
    certificate that they may trust there over TLS (called in a thread). `driver` is `auto`,
    `bubblewrap` or `process`; `network` is `none` (functions reach Lambent only) or `host`. `progress` hears of
    installations. `share` is the part of the machine's memory and cores that this node may reckon with: 1/N where N
    nodes share it. They may share `runtimes_folder` (default: `runtimes` in `folder`); `folder` itself is one node's.
    """

    def __init__(
        self,
        host: FunctionHost,
        clock: Clock,
        ids: Ids,
        folder: str | Path,
        *,
        endpoint: str = "http://127.0.0.1:4566",
        door: Callable[[], asyncio.Protocol] | None = None,
        authority: Callable[[], Path] | None = None,
        driver: str = "auto",
        network: str = "none",
        progress: Progress | None = None,
        init_timeout_s: float = INIT_TIMEOUT_S,
        share: float = 1.0,
        runtimes_folder: str | Path | None = None,
    ) -> None:
        self._host = host
        self._clock = clock
        self._ids = ids
        self._folder = Path(folder)
        self._options = (endpoint, door, authority, driver, network)
        self._init_timeout_s = init_timeout_s
        self._runtimes = Runtimes(Path(runtimes_folder or self._folder / "runtimes"), progress)
        self._supply: Supply | None = None
        self._opening: asyncio.Task[Supply] | None = None
        self._inspection: asyncio.Task[None] | None = None
        self._inspect_again = False
        self.driver: Driver | None = None
        self._idle: dict[FunctionSpec, list[_Seat]] = {}
        self._seats: dict[Environment, _Seat] = {}
        self._starting = 0
        self._queue: deque[asyncio.Future[None]] = deque()
        self._waiting = 0
        self._disposals: dict[asyncio.Task[None], str] = {}
        self._alarm: Alarm | None = None
        self._starts_max = max(1, int((os.cpu_count() or 1) * _STARTS_PER_CORE * share))
        pages_mb = os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE") >> 20
        self._seats_max = max(4, int(pages_mb * _MACHINE_SHARE * share) // _FOOTPRINT_MB)

    # -- Compute ------------------------------------------------------------------------------------------------------

    async def invoke(self, spec: FunctionSpec, invocation: Invocation) -> Outcome:
        """Run the function once; see `contracts.functions.Compute`. `NotBuilt`, `RuntimeUnavailable`, `SandboxFailed`
        and `BadArchive` are raised when no environment can be made, through no fault of the function's code."""
        slot = await self._host.enter(spec)
        try:
            while True:
                seat = self._take(spec)
                if seat is None:
                    if self._starting < self._starts_max and self._has_room():
                        return await self._invoke_cold(spec, invocation)
                    await self._wait()
                    continue
                try:
                    return await self._call(seat, invocation, spec.timeout_s, 0.0, cold=False)
                except Ended:
                    continue
        finally:
            await slot.leave()

    async def retire(self, arn_prefix: str) -> None:
        """End the environments of functions whose ARN begins with `arn_prefix`; busy ones after their call."""
        self._retire([seat for seat in self._seats.values() if seat.environment.spec.arn.startswith(arn_prefix)])
        ending = [task for task, arn in self._disposals.items() if arn.startswith(arn_prefix)]
        if ending:
            await asyncio.wait(ending)

    def runtimes(self) -> list[str]:
        """Names of the Lambda runtimes that this machine can run. For any thread; slow the first time."""
        return list(self._runtimes.found())

    def load(self) -> dict[str, int]:
        """What there is to do; see `contracts.functions.Compute`."""
        warm = sum(len(seats) for seats in self._idle.values())
        return {
            "warm": warm,
            "running": len(self._seats) - warm,
            "starting": self._starting,
            "waiting": self._waiting,
        }

    async def prepare(self, runtime: str) -> None:
        """Install what `runtime` needs, ahead of the first call; `RuntimeUnavailable` when that cannot be done."""
        await asyncio.to_thread(self._runtimes.packages, runtime)

    async def close(self) -> None:
        """End every environment, deliver what is left of the logs, and have the host give back what it holds."""
        if self._alarm is not None:
            self._alarm.cancel()
        if self._inspection is not None:
            self._inspection.cancel()
        if self._opening is not None:
            await asyncio.wait([self._opening])
        self._idle.clear()
        for seat in list(self._seats.values()):
            self._end(seat)
        while self._disposals:
            await asyncio.wait(list(self._disposals))
        if self._supply is not None:
            await self._supply.close()
        await self._host.close()

    async def flush_logs(self) -> None:
        """Wait until the log events written so far are delivered."""
        if self._supply is not None:
            await self._supply.shipper.flush()

    # -- one call -----------------------------------------------------------------------------------------------------

    async def _invoke_cold(self, spec: FunctionSpec, invocation: Invocation) -> Outcome:
        """A call in a new environment. When Init fails, AWS tries once more within the call, and so do we."""
        self._starting += 1
        started = False
        timeout_s = float(spec.timeout_s)
        try:
            supply = self._supply or await self._open()
            journal = supply.journal(spec)
            environment, init_ms, fault, used_mb = await supply.make(spec, journal, self._init_timeout_s, "init")
            if environment is None:
                journal.write(report.start(invocation.request_id, spec.version))
                started = True
                environment, again_ms, fault, used_mb = await supply.make(spec, journal, timeout_s, "invoke")
                timeout_s = max(0.001, timeout_s - again_ms / 1000)
                init_ms = 0.0
                if environment is None:
                    assert fault is not None
                    payload = report.error_payload(fault, invocation.request_id)
                    return self._outcome(
                        spec, invocation, journal, payload, True, again_ms, 0.0, fault, used_mb, cold=True
                    )
        finally:
            self._starting -= 1
            self._wake()
        seat = _Seat(environment, self._clock.now_ns())
        self._seats[environment] = seat
        environment.ended = lambda: self._gone(seat)
        try:
            return await self._call(seat, invocation, timeout_s, init_ms, cold=True, started=started)
        except Ended:
            fault = environment.fault or report.exited(0)
            payload = report.error_payload(fault, invocation.request_id)
            return self._outcome(
                spec, invocation, journal, payload, True, 0.0, init_ms, fault, environment.used_mb, cold=True
            )

    async def _call(
        self,
        seat: _Seat,
        invocation: Invocation,
        timeout_s: float,
        init_ms: float,
        *,
        cold: bool,
        started: bool = False,
    ) -> Outcome:
        environment = seat.environment
        spec, journal = environment.spec, environment.journal
        if environment.fault is not None:
            self._end(seat)
            raise Ended
        if not started:
            journal.write(report.start(invocation.request_id, spec.version))
        try:
            payload, error, duration_ms, fault = await environment.invoke(invocation, timeout_s)
            return self._outcome(
                spec,
                invocation,
                journal,
                payload,
                error,
                duration_ms,
                init_ms,
                fault,
                environment.used_mb,
                cold=cold,
            )
        finally:
            self._give_back(seat)

    def _outcome(
        self,
        spec: FunctionSpec,
        invocation: Invocation,
        journal: Journal,
        payload: bytes,
        error: bool,
        duration_ms: float,
        init_ms: float,
        fault: Fault | None,
        used_mb: int,
        *,
        cold: bool,
    ) -> Outcome:
        """Write END and REPORT, and put the figures together."""
        request_id = invocation.request_id
        if fault is not None:
            line = report.fault_line(fault, request_id, self._clock.now_ns() // 1_000_000)
            if line:
                journal.write(line)
        journal.write(report.end(request_id))
        journal.write(report.report(request_id, duration_ms, init_ms, spec.memory_mb, used_mb, fault))
        return Outcome(
            payload=payload,
            error="Unhandled" if error else "",
            log_tail=journal.take_tail(),
            cold=cold,
            init_ms=init_ms,
            duration_ms=duration_ms,
            billed_ms=report.billed(duration_ms, init_ms),
            memory_used_mb=used_mb,
        )

    # -- seats --------------------------------------------------------------------------------------------------------

    def _take(self, spec: FunctionSpec) -> _Seat | None:
        """The warm environment used last, unless it is too old."""
        idle = self._idle.get(spec)
        while idle:
            seat = idle.pop()
            if not idle:
                del self._idle[spec]
            if self._clock.now_ns() - seat.born_ns < AGE_MAX_NS and seat.environment.fault is None:
                return seat
            self._end(seat)
        return None

    def _give_back(self, seat: _Seat) -> None:
        if seat.environment not in self._seats:
            return
        if seat.retired or seat.environment.fault is not None:
            self._end(seat)
            return
        seat.idle_since_ns = self._clock.now_ns()
        self._idle.setdefault(seat.environment.spec, []).append(seat)
        if self._alarm is None:
            self._alarm = self._clock.call_at(seat.idle_since_ns + IDLE_NS, self._evict)
        self._wake()

    def _retire(self, seats: list[_Seat]) -> None:
        """End these environments; busy ones after their call."""
        for seat in seats:
            seat.retired = True
            if self._unlist(seat):
                self._end(seat)

    def _unlist(self, seat: _Seat) -> bool:
        """Take a seat out of the idle ones; False when it is busy."""
        idle = self._idle.get(seat.environment.spec, [])
        if seat not in idle:
            return False
        idle.remove(seat)
        if not idle:
            del self._idle[seat.environment.spec]
        return True

    def _gone(self, seat: _Seat) -> None:
        """An environment ended by itself."""
        if self._unlist(seat):
            self._end(seat)

    def _end(self, seat: _Seat) -> None:
        self._seats.pop(seat.environment, None)
        assert self._supply is not None
        task = asyncio.get_running_loop().create_task(self._supply.dispose(seat.environment))
        self._disposals[task] = seat.environment.spec.arn
        task.add_done_callback(self._disposals.pop)
        self._wake()

    def _evict(self) -> None:
        """End what has been idle for long; look again when the next one will have been."""
        self._alarm = None
        now_ns = self._clock.now_ns()
        idle = sorted((seat for seats in self._idle.values() for seat in seats), key=lambda seat: seat.idle_since_ns)
        for seat in idle:
            if now_ns - seat.idle_since_ns < IDLE_NS:
                self._alarm = self._clock.call_at(seat.idle_since_ns + IDLE_NS, self._evict)
                return
            self._unlist(seat)
            self._end(seat)

    def _has_room(self) -> bool:
        """Whether the machine has room for one more environment; idle ones of other functions make way. A call that
        waits counts for nothing meanwhile, so that calls cannot wait for one another."""
        while len(self._seats) + self._starting >= self._seats_max:
            idle = [seat for seats in self._idle.values() for seat in seats]
            if not idle:
                return False
            seat = min(idle, key=lambda seat: seat.idle_since_ns)
            self._unlist(seat)
            self._end(seat)
        return True

    async def _wait(self) -> None:
        """Wait until an environment has become free or has ended, or a start is over."""
        waiter = asyncio.get_running_loop().create_future()
        self._queue.append(waiter)
        self._waiting += 1
        try:
            await waiter
        finally:
            self._waiting -= 1

    def _wake(self) -> None:
        # All of them look again: which of them the change serves depends on their functions.
        waiting, self._queue = self._queue, deque()
        for waiter in waiting:
            if not waiter.done():
                waiter.set_result(None)

    # -- changes elsewhere --------------------------------------------------------------------------------------------

    def _changed(self) -> None:
        """Functions may have been changed or deleted by another node: see which of ours are out of date."""
        if self._inspection is not None:
            self._inspect_again = True
            return
        self._inspection = asyncio.get_running_loop().create_task(self._inspect())

    async def _inspect(self) -> None:
        try:
            while True:
                self._inspect_again = False
                specs = {seat.environment.spec for seat in self._seats.values()}
                old = set(await self._host.outdated(list(specs))) if specs else set()
                self._retire([seat for seat in self._seats.values() if seat.environment.spec in old])
                if not self._inspect_again:
                    return
        except Exception as error:  # nobody calls them any more, so they end as idle ones do
            _log.warning("outdated environments could not be looked for: %s", error)
        finally:
            self._inspection = None

    # -- the supply ---------------------------------------------------------------------------------------------------

    async def _open(self) -> Supply:
        """The supply, made at first use: a node that runs no function probes nothing."""
        if self._opening is None or (self._opening.done() and self._opening.exception() is not None):
            self._opening = asyncio.get_running_loop().create_task(self._make_supply())
        return await asyncio.shield(self._opening)

    async def _make_supply(self) -> Supply:
        supply, self.driver = await asyncio.to_thread(self._probe)
        if isinstance(self.driver, Process):
            _log.warning("functions run as plain processes, NOT in a sandbox; `lambent doctor` says why")
        self._host.watch(self._changed)
        self._supply = supply
        return supply

    def _probe(self) -> tuple[Supply, Driver]:
        """Try out what the machine can do; in a thread, for programs are run."""
        endpoint, door, authority, kind, network = self._options
        folder = self._folder / "compute"
        doorway = Doorway(endpoint)
        driver = choose_driver(kind, folder, endpoint, doorway.port, network, authority)
        supply = Supply(self._host, self._clock, self._ids, folder, driver, Cgroups(), self._runtimes, doorway, door)
        return supply, driver
