"""A host for the compute room, with functions written as source text, and ways to call them."""

from __future__ import annotations

import asyncio
import contextlib
import io
import json
import sys
import textwrap
import zipfile
from collections.abc import AsyncIterator, Awaitable, Callable
from pathlib import Path
from typing import Any

import uvloop

from lambent.compute import Environments
from lambent.contracts.clock import Clock, SystemClock
from lambent.contracts.functions import FunctionSpec, Invocation, Outcome, TooManyRequests
from lambent.contracts.ids import Ids

RUNTIMES = Path(sys.prefix) / "share" / "lambent-test-runtimes"
"""Installed once per virtual environment: the tests share what each interpreter needs."""
ACCOUNT = "arn:aws:lambda:us-east-1:000000000000:function"


def archive(files: dict[str, str | bytes]) -> bytes:
    """A zip archive."""
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as target:
        for name, content in files.items():
            target.writestr(name, content)
    return buffer.getvalue()


class Slot:
    """The right to run one call."""

    def __init__(self, host: Host, name: str) -> None:
        self._host = host
        self._name = name

    async def leave(self) -> None:
        """Give it back."""
        self._host.running[self._name] -= 1


class Host:
    """Implements `FunctionHost`: blobs and logs in memory."""

    def __init__(self) -> None:
        self.blobs: dict[str, bytes] = {}
        self.streams: dict[str, list[str]] = {}
        self.times: list[int] = []
        self.fetched: list[str] = []
        self.lengths: dict[str, int] = {}
        self.log_error: Exception | None = None
        self.running: dict[str, int] = {}
        self.changed: list[Callable[[], None]] = []
        self.changed_functions: set[str] = set()
        self.closed = False

    async def enter(self, spec: FunctionSpec) -> Slot:
        """Room for as many calls as the function has reserved."""
        running = self.running.get(spec.name, 0)
        if spec.reserved_concurrency is not None and running >= spec.reserved_concurrency:
            raise TooManyRequests("ReservedFunctionConcurrentInvocationLimitExceeded")
        self.running[spec.name] = running + 1
        return Slot(self, spec.name)

    def watch(self, changed: Callable[[], None]) -> None:
        """Keep whom to tell of changes."""
        self.changed.append(changed)

    async def outdated(self, specs: list[FunctionSpec]) -> list[FunctionSpec]:
        """Those of the functions that a test has changed."""
        return [spec for spec in specs if spec.name in self.changed_functions]

    async def close(self) -> None:
        """Every slot has come back."""
        assert not any(self.running.values())
        self.closed = True

    async def fetch(self, blob: str, path: str, length: int) -> None:
        """Write a blob to a file."""
        self.fetched.append(blob)
        self.lengths[blob] = length
        await asyncio.to_thread(Path(path).write_bytes, self.blobs[blob])

    async def credentials(self, spec: FunctionSpec) -> tuple[str, str, str]:
        """Made-up credentials that name the function."""
        return f"ASIA{spec.name}", f"secret-of-{spec.name}", f"token-of-{spec.name}"

    async def log(self, spec: FunctionSpec, stream: str, lines: list[tuple[int, str]]) -> None:
        """Keep the lines."""
        if self.log_error is not None:
            raise self.log_error
        self.streams.setdefault(f"{spec.name} {stream}", []).extend(text for _, text in lines)
        self.times.extend(time for time, _ in lines)


class Room:
    """The compute room with its host."""

    def __init__(self, pool: Environments, host: Host) -> None:
        self.pool = pool
        self.host = host
        self._ids = Ids(11)

    def spec(self, name: str, source: str, **settings: Any) -> FunctionSpec:
        """A function of this source (module app); `settings` are fields of `FunctionSpec`."""
        code = f"code-of-{name}"
        files = settings.pop("files", {})
        self.host.blobs[code] = archive({"app.py": textwrap.dedent(source), **files})
        defaults: dict[str, Any] = {
            "arn": f"{ACCOUNT}:{name}:$LATEST",
            "name": name,
            "version": "$LATEST",
            "account": "000000000000",
            "region": "us-east-1",
            "runtime": self.pool.runtimes()[-1],
            "handler": "app.handler",
            "code": code,
            "code_bytes": len(self.host.blobs[code]),
            "layer_bytes": tuple(len(self.host.blobs.get(layer, b"")) for layer in settings.get("layers", ())),
            "role": "arn:aws:iam::000000000000:role/r",
        }
        return FunctionSpec(**{**defaults, **settings})

    async def call(self, spec: FunctionSpec, event: Any = None, **fields: Any) -> Outcome:
        """Call a function with a JSON event."""
        fields.setdefault("request_id", self._ids.request_id())
        return await self.pool.invoke(spec, Invocation(payload=json.dumps(event).encode(), **fields))

    async def value(self, spec: FunctionSpec, event: Any = None) -> Any:
        """What a function that must succeed returns."""
        outcome = await self.call(spec, event)
        assert outcome.error == "", outcome.payload + outcome.log_tail
        return json.loads(outcome.payload)

    async def logs(self) -> str:
        """Everything logged so far."""
        await self.pool.flush_logs()
        return "".join(line for lines in self.host.streams.values() for line in lines)


@contextlib.asynccontextmanager
async def room(folder: Path, clock: Clock | None = None, **options: Any) -> AsyncIterator[Room]:
    """A compute room with its data under `folder`."""
    host = Host()
    options.setdefault("runtimes_folder", RUNTIMES)
    pool = Environments(host, clock or SystemClock(), Ids(5), folder, **options)
    try:
        yield Room(pool, host)
    finally:
        await pool.close()


def play(folder: Path, scene: Callable[[Room], Awaitable[None]], **options: Any) -> None:
    """Run `scene` with a compute room, on the event loop that Lambent uses."""

    (folder / "data").mkdir(exist_ok=True)

    async def run() -> None:
        async with room(folder / "data", **options) as made:
            await scene(made)

    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        runner.run(run())
