"""A compute room without sandboxes: functions end as their payloads say, after virtual time, and are written down."""

from __future__ import annotations

import json
from typing import Any, NamedTuple

from lambent.contracts.functions import FunctionSpec, Invocation, Outcome, TooManyRequests

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
        self.failures_left: dict[str, int] = {}
        self.refusals_left: dict[str, int] = {}


class FakeCompute:
    """Implements `contracts.functions.Compute`. An object as payload may say what happens: `fail` is how many runs end
    with an error before one succeeds, `throttle` how many times the function is refused first, `slow_s` how long a run
    takes."""

    def __init__(self, loop: SeededLoop, node: str, journal: Journal) -> None:
        self._loop = loop
        self._node = node
        self._journal = journal

    async def invoke(self, spec: FunctionSpec, invocation: Invocation) -> Outcome:
        """Run for as long as the payload says."""
        journal = self._journal
        payload = json.loads(invocation.payload)
        plan = payload if isinstance(payload, dict) else {}
        key = invocation.request_id
        if journal.refusals_left.setdefault(key, plan.get("throttle", 0)) > 0:
            journal.refusals_left[key] -= 1
            raise TooManyRequests
        run = Run(self._loop.now_ns, self._node, spec.name, key, payload)
        journal.runs.append(run)
        await pause(plan.get("slow_s", 0.002))
        left = journal.failures_left.setdefault(key, plan.get("fail", 0))
        error = ""
        if left > 0:
            journal.failures_left[key] = left - 1
            error = "Unhandled"
        journal.ended.append((run, self._loop.now_ns, error))
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
        """Nothing is open."""
