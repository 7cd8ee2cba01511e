"""Makes execution environments: code, credentials and a sandbox, brought together in order and given back."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime
from pathlib import Path

from lambent.contracts.clock import Clock
from lambent.contracts.errors import NotBuilt
from lambent.contracts.functions import FunctionHost, FunctionSpec
from lambent.contracts.ids import Ids

from . import report
from .bubblewrap import LIBRARY_PATH
from .cgroups import Cgroups, Group
from .code import BadArchive, CodeStore
from .doorway import Doorway
from .environment import Environment
from .logs import Journal, Shipper
from .report import Fault
from .runtimes import Interpreter, Runtimes, RuntimeUnavailable
from .sandbox import Driver, Plan, SandboxFailed, Started
from .variables import python_path, variables

_STARTERS = 4
_VCPU_MB = 1769
_VCPU_MAX = 6.0
_OVERHEAD_MB = 64
"""Room in the control group beyond memory and /tmp, for the page cache; the watch enforces the function's own limit."""


class Supply:
    """Starts and disposes of environments. Its threads live as long as it does: a sandbox dies with the thread that
    started it."""

    def __init__(
        self,
        host: FunctionHost,
        clock: Clock,
        ids: Ids,
        folder: Path,
        driver: Driver,
        cgroups: Cgroups,
        runtimes: Runtimes,
        doorway: Doorway,
        door: Callable[[], asyncio.Protocol] | None,
    ) -> None:
        self._host = host
        self._clock = clock
        self._ids = ids
        self._driver = driver
        self._cgroups = cgroups
        self._runtimes = runtimes
        self._doorway = doorway
        self._door = door or doorway.accept
        self._code = CodeStore(folder / "code", host.fetch)
        self._threads = ThreadPoolExecutor(_STARTERS, thread_name_prefix="lambent-sandbox")
        self.shipper = Shipper(host.log)

    def journal(self, spec: FunctionSpec) -> Journal:
        """A new log stream for an environment of `spec`."""
        day = datetime.fromtimestamp(self._clock.now_ns() / 1e9, UTC)
        stream = f"{day:%Y/%m/%d}/[{spec.version}]{self._ids.hex(32)}"
        return Journal(spec, stream, self._clock, self.shipper)

    def _interpreter(self, runtime: str) -> Interpreter:
        if runtime.startswith("provided."):
            found = self._runtimes.found()
            if not found:
                raise RuntimeUnavailable("This machine has no Python, which starts custom runtimes.")
            return found[max(found, key=lambda name: int(name.rpartition(".")[2]))]
        if not runtime.startswith("python"):
            raise NotBuilt(f"Lambda runtime {runtime}")
        return self._runtimes.interpreter(runtime)

    def _start(self, spec: FunctionSpec, task: Path, opt: Path | None) -> tuple[Started, Group]:
        """Start a sandbox; runs in a thread of ours."""
        interpreter = self._interpreter(spec.runtime)
        packages = self._runtimes.packages(interpreter.runtime)
        plan = Plan(interpreter, packages, task, opt, spec.tmp_mb, spec.memory_mb)
        bytes_max = (spec.memory_mb + spec.tmp_mb + _OVERHEAD_MB) << 20
        group = self._cgroups.create(bytes_max, min(_VCPU_MAX, spec.memory_mb / _VCPU_MB))
        try:
            return self._driver.start(plan, group), group
        except BaseException:
            group.close()
            raise

    def _orders(
        self, spec: FunctionSpec, started: Started, stream: str, credentials: tuple[str, str, str], task: Path
    ) -> dict[str, object]:
        layout = started.layout
        library_path = LIBRARY_PATH if layout.task == "/var/task" else f"{layout.task}/lib:{layout.opt}/lib"
        environment = variables(spec, layout, stream, credentials, library_path)
        if spec.runtime.startswith("provided."):
            inside = layout.task if (task / "bootstrap").exists() else layout.opt
            return {"environment": environment, "program": [f"{inside}/bootstrap"]}
        version = self._interpreter(spec.runtime).version
        path = python_path(version, layout, dict(spec.environment))
        return {"environment": environment, "path": path, "main": f"{layout.runtime}/bootstrap.py"}

    async def make(
        self, spec: FunctionSpec, journal: Journal, limit_s: float, phase: str
    ) -> tuple[Environment | None, float, Fault | None, int]:
        """An environment that is ready for a call, with Init's milliseconds; or the fault that Init ended in, and the
        memory used until then in MiB.

        Raises `NotBuilt` for what Lambent has not, and `RuntimeUnavailable`, `SandboxFailed` and `BadArchive` when
        the machine or the archive is at fault rather than the function's code.
        """
        loop = asyncio.get_running_loop()
        task, opt = await self._unpacked(spec)
        credentials_task = asyncio.ensure_future(self._host.credentials(spec))
        environment: Environment | None = None
        try:
            started, group = await loop.run_in_executor(self._threads, self._start, spec, task, opt)
            environment = Environment(spec, started, group, journal)
            orders = self._orders(spec, started, journal.stream, await credentials_task, task)
            if phase == "init":
                version = self._interpreter(spec.runtime).version
                journal.write(report.init_start(spec.runtime, version, spec.region))
            init_ms, fault = await environment.initialize(orders, [self._door], limit_s)
        except BaseException:
            credentials_task.cancel()
            if environment is None:
                self._release(spec)
            else:
                await self.dispose(environment)
            raise
        if fault is None:
            return environment, init_ms, None, environment.used_mb
        journal.write(report.init_report(init_ms, phase, fault))
        await self.dispose(environment)
        return None, init_ms, fault, environment.used_mb

    async def _unpacked(self, spec: FunctionSpec) -> tuple[Path, Path | None]:
        task = await self._code.acquire((spec.code,), (spec.code_bytes,))
        try:
            opt = await self._code.acquire(spec.layers, spec.layer_bytes) if spec.layers else None
        except BaseException:
            self._code.release((spec.code,))
            raise
        if opt is not None and (opt / "extensions").is_dir() and any((opt / "extensions").iterdir()):
            self._release(spec)
            raise NotBuilt("Lambda extensions (a layer holds /opt/extensions)")
        return task, opt

    def _release(self, spec: FunctionSpec) -> None:
        self._code.release((spec.code,))
        if spec.layers:
            self._code.release(spec.layers)

    async def dispose(self, environment: Environment) -> None:
        """End an environment and give back what it held."""
        environment.close()
        await asyncio.get_running_loop().run_in_executor(self._threads, environment.dispose)
        self._release(environment.spec)

    async def close(self) -> None:
        """Deliver what is left of the logs, and end the threads."""
        await self.shipper.flush()
        self._doorway.close()
        await asyncio.sleep(0)  # transports close in the next turn of the loop
        await asyncio.sleep(0)
        self._threads.shutdown(wait=True)


__all__ = ["BadArchive", "RuntimeUnavailable", "SandboxFailed", "Supply"]
