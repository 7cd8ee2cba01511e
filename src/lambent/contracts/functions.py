"""What the Lambda service asks of the compute room: run this function on this payload, in a sandbox."""

from __future__ import annotations

from collections.abc import Callable
from typing import Protocol

import msgspec


class FunctionSpec(msgspec.Struct, frozen=True, kw_only=True, cache_hash=True):
    """Everything an execution environment depends on; environments are pooled by equality of this value.

    `arn` is the qualified ARN of the version; `code` and `layers` are names of blobs (zip archives; layers in the
    order of the function's list), `code_bytes` and `layer_bytes` their lengths; `environment` the user's variables,
    sorted; `role` the execution role's ARN. `revision` changes whenever configuration or code changes.
    """

    arn: str
    name: str
    version: str
    account: str
    region: str
    runtime: str
    handler: str
    code: str
    layers: tuple[str, ...] = ()
    environment: tuple[tuple[str, str], ...] = ()
    role: str
    memory_mb: int = 128
    timeout_s: int = 3
    tmp_mb: int = 512
    architecture: str = "x86_64"
    log_group: str = ""
    revision: str = ""
    reserved_concurrency: int | None = None
    code_bytes: int = 0
    layer_bytes: tuple[int, ...] = ()


class Invocation(msgspec.Struct, frozen=True, kw_only=True):
    """One call. `client_context` is the decoded JSON text of X-Amz-Client-Context, or empty."""

    request_id: str
    payload: bytes
    client_context: str = ""
    invoked_arn: str = ""
    trace_id: str = ""


class Outcome(msgspec.Struct, frozen=True, kw_only=True):
    """How a call ended. `error` is empty on success, else `Unhandled` or `Handled` as X-Amz-Function-Error has it;
    `payload` is then the error's JSON. `log_tail` holds the last 4 KiB of the call's log."""

    payload: bytes
    error: str = ""
    log_tail: bytes = b""
    cold: bool = False
    init_ms: float = 0.0
    duration_ms: float = 0.0
    billed_ms: int = 0
    memory_used_mb: int = 0


class TooManyRequests(Exception):
    """One call more would be over a limit of concurrency. `reason` is the one of AWS's throttle reasons that says which
    limit: `ConcurrentInvocationLimitExceeded` or `ReservedFunctionConcurrentInvocationLimitExceeded`."""

    def __init__(self, reason: str = "ConcurrentInvocationLimitExceeded") -> None:
        super().__init__("Rate Exceeded.")
        self.reason = reason


class Invoker(Protocol):
    """What the Lambda service's target offers beside `deliver`: to run a function at once, for another service."""

    async def invoke(self, arn: str, payload: bytes, *, principal: str, source: str, account: str) -> Outcome:
        """Run the function that `arn` names (a version or alias may be in it) and wait for its end. Its resource policy
        is asked about the service `principal`, which acts for the resource `source` of `account`. Errors of the
        function are outcomes; raises `Undeliverable` when there is no such function or it does not let the service in,
        and `TooManyRequests` when no call more may run."""
        ...


class Compute(Protocol):
    """The compute room's face."""

    async def invoke(self, spec: FunctionSpec, invocation: Invocation) -> Outcome:
        """Run the function; cold-starts an environment when no warm one is free. Function errors, time-outs and
        crashes are outcomes; `TooManyRequests` is raised when the reserved concurrency, or the account's, is used up,
        on this node or on all together."""
        ...

    async def retire(self, arn_prefix: str) -> None:
        """Shut down the environments of functions whose ARN begins with `arn_prefix` (after update or delete); calls
        under way finish first."""
        ...

    def runtimes(self) -> list[str]:
        """Names of the Lambda runtimes that this machine can run, for example `python3.12`. May be called in any
        thread, and is best called in one: the first call runs every interpreter once (some tenths of a second)."""
        ...

    def load(self) -> dict[str, int]:
        """What there is to do: `warm` environments that are idle, `running` calls, environments that are `starting`,
        and calls `waiting` for one."""
        ...

    async def close(self) -> None:
        """Shut every environment down."""
        ...


class Slot(Protocol):
    """The right to run one call, under the limits of concurrency."""

    async def leave(self) -> None:
        """Give it back, once. When this returns, another call may have it, on whichever node. Never fails: a store
        that is away is told later."""
        ...


class FunctionHost(Protocol):
    """What compute needs from the rest of the cloud; the composition root provides it."""

    async def enter(self, spec: FunctionSpec) -> Slot:
        """The right to run one call of the function; `TooManyRequests` when a limit is reached."""
        ...

    def watch(self, changed: Callable[[], None]) -> None:
        """Have `changed` called when functions may have been changed or deleted elsewhere; `outdated` says which."""
        ...

    async def outdated(self, specs: list[FunctionSpec]) -> list[FunctionSpec]:
        """Those of `specs` that no call will ask for any more: of functions that were changed or deleted."""
        ...

    async def fetch(self, blob: str, path: str, length: int) -> None:
        """Write the blob, which has `length` bytes, to `path`."""
        ...

    async def credentials(self, spec: FunctionSpec) -> tuple[str, str, str]:
        """Temporary credentials of the function's role: access key, secret, session token."""
        ...

    async def log(self, spec: FunctionSpec, stream: str, lines: list[tuple[int, str]]) -> None:
        """Write log lines (time in ms, text) to the function's log group, under the function's own role."""
        ...

    async def close(self) -> None:
        """Give back everything: no call is under way any more, and none will come."""
        ...
