"""A compute room without sandboxes: functions end as their payloads say, after virtual time, and are written down."""

from __future__ import annotations

import asyncio
import json
from typing import Any, NamedTuple

from lambent.contracts.functions import FunctionSpec, Invocation, Outcome, TooManyRequests
from lambent.services.lambda_ import LambdaHost

from .loop import SeededLoop, pause


class Run(NamedTuple):
    """One run of a function: when it began (the world's time), of which function, on what."""

    at_ns: int
    node: str
    function: str
    request_id: str
    payload: Any


class Journal:
    """All runs on all nodes, whatever became of the nodes; `ended` those that came to their end, with its time."""

    def __init__(self) -> None:
        self.runs: list[Run] = []
        self.ended: list[tuple[Run, int, str]] = []
        self.live: dict[str, list[Run]] = {}
        """What runs now on nodes that live, by function."""
        self.crowds: list[str] = []
        """Where more ran at once than the function's reservation allows."""
        self.failures_left: dict[str, int] = {}
        self.refusals_left: dict[str, int] = {}

    def begin(self, run: Run, limit: int | None) -> None:
        """A run begins."""
        self.runs.append(run)
        live = self.live.setdefault(run.function, [])
        live.append(run)
        if limit is not None and len(live) > limit:
            self.crowds.append(f"{len(live)} runs of {run.function} at once, {limit} are allowed: {live}")

    def end(self, run: Run, at_ns: int, error: str) -> None:
        """A run has come to its end."""
        self.live[run.function].remove(run)
        self.ended.append((run, at_ns, error))

    def cut(self, run: Run) -> None:
        """A run was cut short by a node that stops."""
        self.live[run.function].remove(run)

    def kill(self, node: str) -> None:
        """What ran on a node runs no more."""
        for function, live in self.live.items():
            self.live[function] = [run for run in live if run.node != node]


class FakeCompute:
    """Implements `contracts.functions.Compute`. An object as payload may say what happens: `fail` is how many runs end
    with an error before one succeeds, `throttle` how many times the function is refused first, `slow_s` how long a run
    takes."""

    def __init__(self, host: LambdaHost, loop: SeededLoop, node: str, journal: Journal) -> None:
        self._host = host
        self._loop = loop
        self._node = node
        self._journal = journal

    async def invoke(self, spec: FunctionSpec, invocation: Invocation) -> Outcome:
        """Run for as long as the payload says, within the limits that the host keeps."""
        slot = await self._host.enter(spec)
        try:
            return await self._run(spec, invocation)
        finally:
            await slot.leave()

    async def _run(self, spec: FunctionSpec, invocation: Invocation) -> Outcome:
        journal = self._journal
        payload = json.loads(invocation.payload)
        plan = payload if isinstance(payload, dict) else {}
        key = invocation.request_id
        if journal.refusals_left.setdefault(key, plan.get("throttle", 0)) > 0:
            journal.refusals_left[key] -= 1
            raise TooManyRequests
        run = Run(self._loop.now_ns, self._node, spec.name, key, payload)
        journal.begin(run, spec.reserved_concurrency)
        try:
            await pause(plan.get("slow_s", 0.002))
        except asyncio.CancelledError:
            journal.cut(run)
            raise
        left = journal.failures_left.setdefault(key, plan.get("fail", 0))
        error = ""
        if left > 0:
            journal.failures_left[key] = left - 1
            error = "Unhandled"
        journal.end(run, self._loop.now_ns, error)
        if error:
            return Outcome(payload=b'{"errorMessage": "as asked", "errorType": "Error"}', error=error)
        return Outcome(payload=invocation.payload)

    async def retire(self, arn_prefix: str) -> None:
        """Nothing is warm."""

    def runtimes(self) -> list[str]:
        """One is enough."""
        return ["python3.12"]

    def load(self) -> dict[str, int]:
        """Nothing to say."""
        return {}

    async def close(self) -> None:
        """Give the slots back."""
        await self._host.close()
