"""One execution environment: its life from Init to its end, and one call at a time in between.

A process lives in the machine's time, whatever the clock of the cloud says: durations and time-outs here are measured
monotonically. Everything in this file runs on the event loop, except starting and discarding a sandbox.
"""

from __future__ import annotations

import asyncio
import contextlib
import json
import os
import re
import signal
import time
from collections.abc import Callable
from pathlib import Path

from lambent.contracts.clock import SystemClock
from lambent.contracts.functions import FunctionSpec, Invocation

from . import report
from .addresses import reachable
from .cgroups import Group
from .logs import Journal, LogPipe
from .report import Fault
from .runtime_api import Connection, next_message, protocol_factory
from .sandbox import Started

FREEZE_DELAY_S = 0.002
"""How long an idle environment may finish what it does before it is frozen; calls in quick succession skip freezing."""
_MACHINE = SystemClock()  # the clock that the function itself reads: its deadline must be on it
_WATCH_S = 0.02
_MEBIBYTE = 1 << 20
_ANONYMOUS = re.compile(rb"RssAnon:\s+(\d+) kB")
_PEAK = re.compile(rb"VmHWM:\s+(\d+) kB")


class Ended(Exception):
    """The environment ended before it had seen the call: it may be given to another."""


class _Call:
    """A call under way."""

    __slots__ = ("delivered", "done", "invocation", "started_s")

    def __init__(self, invocation: Invocation, loop: asyncio.AbstractEventLoop) -> None:
        self.invocation = invocation
        self.done: asyncio.Future[tuple[bytes, bool]] = loop.create_future()
        self.started_s = time.perf_counter()
        self.delivered = False


class Environment:
    """A sandbox with a runtime in it; implements `runtime_api.Desk`.

    `ended` is called once, when its processes have ended or are being killed; `fault` then says why.
    """

    def __init__(self, spec: FunctionSpec, started: Started, group: Group, journal: Journal) -> None:
        self.spec = spec
        self.started = started
        self.journal = journal
        self.fault: Fault | None = None
        self.ended: Callable[[], None] = lambda: None
        self.used_mb = 0
        self._group = group
        self._loop = asyncio.get_running_loop()
        self._pipe = LogPipe(started.log, journal)
        self._initialized: asyncio.Future[Fault | None] = self._loop.create_future()
        self._init_error: Fault | None = None
        self._parked: Connection | None = None
        self._call: _Call | None = None
        self._connections: set[Connection] = set()
        self._servers: list[asyncio.Server] = []
        self._frozen = False
        self._dead = False
        self._timers: dict[str, asyncio.TimerHandle] = {}
        self._pidfd = os.pidfd_open(started.process.pid)
        self._loop.add_reader(self._pidfd, self._exited)
        self._status: int | None = None
        with contextlib.suppress(OSError):
            self._status = os.open(f"/proc/{started.pid}/status", os.O_RDONLY | os.O_CLOEXEC)

    # -- Init ---------------------------------------------------------------------------------------------------------

    async def initialize(
        self, orders: dict[str, object], doors: list[Callable[[], asyncio.Protocol]], limit_s: float
    ) -> tuple[float, Fault | None]:
        """Open the doors, send the orders, wait until the runtime asks for work. Returns milliseconds and, when Init
        failed or took longer than `limit_s`, the fault; the environment is then of no more use."""
        began_s = time.perf_counter()
        factories: list[Callable[[], asyncio.Protocol]] = [protocol_factory(self, self._connections), *doors]
        for listener, factory in zip(self.started.listeners, factories, strict=False):
            self._servers.append(await self._loop.create_server(factory, sock=listener))
        self._watch()
        try:
            self.started.order(orders)
            fault = await asyncio.wait_for(asyncio.shield(self._initialized), limit_s)
        except TimeoutError:
            fault = report.timed_out(limit_s)
        except OSError:
            fault = await self._initialized
        self._stop("watch")
        self._pipe.drain()
        return (time.perf_counter() - began_s) * 1000, fault

    def on_init_error(self, body: bytes, kind: str) -> bool:
        """The runtime could not load the function; it will exit next."""
        if self._initialized.done():
            return False
        with contextlib.suppress(ValueError, AttributeError):
            said = json.loads(body)
            kind = str(said.get("errorType") or kind)
        self._measure()  # while there is a process to ask
        self._init_error = Fault(kind or "Runtime.Unknown", "", payload=body)
        return True

    # -- Invoke -------------------------------------------------------------------------------------------------------

    async def invoke(self, invocation: Invocation, timeout_s: float) -> tuple[bytes, bool, float, Fault | None]:
        """Run one call: its payload, whether that is the function's own error, milliseconds, and the fault that ended
        the environment, if one did. Raises `Ended` when the environment was gone before it saw the call."""
        if self.fault is not None or self._call is not None:
            raise Ended
        call = self._call = _Call(invocation, self._loop)
        self._stop("freeze")
        self._thaw()
        self._timers["timeout"] = self._loop.call_later(timeout_s, self._timeout, timeout_s)
        self._timers["watch"] = self._loop.call_later(_WATCH_S, self._watch)
        if self._parked is not None:
            self._deliver(self._parked)
        try:
            payload, error = await call.done
        except BaseException:
            if self.fault is None:  # the caller gave up; what the function does meanwhile is unknown
                self.kill(report.exited(128 + signal.SIGKILL))
            raise
        finally:
            self._stop("timeout")
            self._stop("watch")
            self._call = None
        duration_ms = (time.perf_counter() - call.started_s) * 1000
        fault = self._fault()
        if fault is not None and fault.status == "timeout":
            duration_ms = timeout_s * 1000  # as AWS has it: no more, and no less
        self._pipe.drain()
        self._measure()
        if fault is None and self._parked is not None:
            self._rest()
        return payload, error, duration_ms, fault

    def _fault(self) -> Fault | None:
        return self.fault  # it changes while a call waits

    def _deliver(self, connection: Connection) -> None:
        call = self._call
        assert call is not None
        self._parked = None
        call.delivered = True
        invocation = call.invocation
        deadline_ms = _MACHINE.now_ns() // 1_000_000 + self.spec.timeout_s * 1000
        headers = [
            (b"Lambda-Runtime-Aws-Request-Id", invocation.request_id),
            (b"Lambda-Runtime-Deadline-Ms", str(deadline_ms)),
            (b"Lambda-Runtime-Invoked-Function-Arn", invocation.invoked_arn or self.spec.arn),
            # awslambdaric ends without a word when this header is missing.
            (b"Lambda-Runtime-Trace-Id", invocation.trace_id or f"Root=1-{0:08x}-{0:024x};Sampled=0"),
        ]
        if invocation.client_context:
            headers.append((b"Lambda-Runtime-Client-Context", _ascii_json(invocation.client_context)))
        connection.answer(next_message(headers, reachable(invocation.payload, self.started.layout.endpoint)))

    def on_next(self, connection: Connection) -> None:
        """The runtime is ready for work: Init is over, or the last call."""
        if self._parked is not None and self._parked is not connection:
            self._parked.abort()
        self._parked = connection
        if not self._initialized.done():
            self._measure()  # a function that ends early has used no less than this
            self._initialized.set_result(None)
        if self._call is not None and not self._call.delivered:
            self._deliver(connection)
        elif self._call is None:
            self._rest()

    def on_response(self, request_id: str, body: bytes | None) -> bool:
        """The function's answer; None when it was larger than AWS carries."""
        call = self._open_call(request_id)
        if call is None:
            return False
        if body is None:
            self.fault = report.too_large()
            call.done.set_result((report.error_payload(self.fault, request_id), True))
        else:
            call.done.set_result((body, False))
        return True

    def on_error(self, request_id: str, body: bytes) -> bool:
        """The function raised."""
        call = self._open_call(request_id)
        if call is None:
            return False
        call.done.set_result((body, True))
        return True

    def _open_call(self, request_id: str) -> _Call | None:
        call = self._call
        if call is None or not call.delivered or call.done.done() or call.invocation.request_id != request_id:
            return None
        return call

    def on_gone(self, connection: Connection) -> None:
        """A connection of the runtime was closed."""
        if self._parked is connection:
            self._parked = None

    # -- freezing, watching, ending -----------------------------------------------------------------------------------

    def _stop(self, timer: str) -> None:
        handle = self._timers.pop(timer, None)
        if handle is not None:
            handle.cancel()

    def _rest(self) -> None:
        """Freeze soon, unless a call comes first."""
        self._stop("freeze")
        self._timers["freeze"] = self._loop.call_later(FREEZE_DELAY_S, self._freeze)

    def _freeze(self) -> None:
        if self._call is None and self.fault is None and not self._frozen:
            self._pipe.drain(final=False)
            self._frozen = True
            if not self._group.freeze(True):
                self._signal(signal.SIGSTOP)

    def _thaw(self) -> None:
        if self._frozen:
            self._frozen = False
            if not self._group.freeze(False):
                self._signal(signal.SIGCONT)

    def _signal(self, number: signal.Signals) -> None:
        """Stop or continue every process, where there is no freezer."""
        for pid in self._group.processes() or self.started.processes():
            with contextlib.suppress(ProcessLookupError, PermissionError):
                os.kill(pid, number)

    def _measure(self) -> None:
        """Note the peak of memory: of the runtime's process as the kernel keeps it, and of all as last seen."""
        peak = 0
        if self._status is not None:
            with contextlib.suppress(OSError):
                found = _PEAK.search(os.pread(self._status, 4096, 0))
                peak = int(found[1]) * 1024 if found else 0
        self.used_mb = max(self.used_mb, min(self.spec.memory_mb, -(-peak // _MEBIBYTE)))

    def _watch(self) -> None:
        """Kill what uses more than its memory. /tmp is memory to the kernel, but not to AWS: it is not counted."""
        used = 0
        with contextlib.suppress(OSError):
            if self._group.limits("memory"):
                used = self._group.anonymous_bytes()
            elif self._status is not None:
                used = sum(_anonymous_bytes(pid) for pid in self.started.processes())
        self.used_mb = max(self.used_mb, min(self.spec.memory_mb, -(-used // _MEBIBYTE)))
        self._measure()
        if used > self.spec.memory_mb * _MEBIBYTE:
            self.kill(report.out_of_memory())
            return
        self._timers["watch"] = self._loop.call_later(_WATCH_S, self._watch)

    def _timeout(self, timeout_s: float) -> None:
        self.kill(report.timed_out(timeout_s))

    def _exited(self) -> None:
        """The sandbox has ended by itself, or by `kill`."""
        self._loop.remove_reader(self._pidfd)
        code = self.started.process.wait()
        killed = code in {-signal.SIGKILL, 128 + signal.SIGKILL}
        if self.fault is None:
            if killed and self._group.out_of_memory():
                self.kill(report.out_of_memory())
            elif self._init_error is not None:
                self.kill(self._init_error)
            else:
                self.kill(report.exited(128 - code if code < 0 else code))

    def kill(self, fault: Fault) -> None:
        """End everything in the sandbox now; the call under way fails with `fault`."""
        if self._dead:
            return
        self._dead = True
        if self.fault is None:
            self.fault = fault
        if fault.type == "Runtime.OutOfMemory":
            self.used_mb = self.spec.memory_mb
        self._measure()
        self.started.kill()
        for server in self._servers:
            server.close()
        for timer in list(self._timers):
            self._stop(timer)
        self._pipe.drain()
        if not self._initialized.done():
            self._initialized.set_result(self.fault)
        call = self._call
        if call is not None and not call.done.done():
            if call.delivered:
                call.done.set_result((report.error_payload(self.fault, call.invocation.request_id), True))
            else:
                call.done.set_exception(Ended())
        self.ended()

    def close(self) -> None:
        """Release what the event loop holds; the sandbox itself is discarded by `dispose`, in a thread."""
        self.kill(report.exited(128 + signal.SIGKILL))
        with contextlib.suppress(ValueError, OSError):
            self._loop.remove_reader(self._pidfd)
        for fd in (self._pidfd, self._status):
            if fd is not None:
                os.close(fd)
        self._pipe.close()
        for connection in list(self._connections):
            connection.abort()
        if not self._servers:
            for listener in self.started.listeners:
                listener.close()

    def dispose(self) -> None:
        """Reap the sandbox and remove its control group (blocking, milliseconds)."""
        self.started.discard()
        self._group.close()


def _anonymous_bytes(pid: int) -> int:
    """Memory of one process that is no cache, where no control group adds it up."""
    with contextlib.suppress(OSError):
        found = _ANONYMOUS.search(Path(f"/proc/{pid}/status").read_bytes())
        return int(found[1]) * 1024 if found else 0
    return 0


def _ascii_json(text: str) -> str:
    """JSON text with everything outside ASCII escaped: headers carry nothing else."""
    try:
        return json.dumps(json.loads(text), separators=(",", ":"))
    except ValueError:
        return text
