"""What the compute room needs of the cloud to run functions: their archives, their roles' credentials, their logs."""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterator
from typing import Any

from lambent.contracts.caller import Caller
from lambent.contracts.errors import ServiceError
from lambent.contracts.functions import FunctionSpec, Slot
from lambent.contracts.ports import Cloud

from . import archives, running
from .errors import role_refused
from .slots import OwnSlots, SharedSlots

PRINCIPAL = "lambda.amazonaws.com"
SESSION_LENGTH_MAX = 64
SESSION_S = 12 * 3600
"""Longer than an environment lives, so that its credentials outlast it."""
CALLER_LIFETIME_NS = 600 * 1_000_000_000
"""How long the identity that writes a function's logs is kept. Its permissions are looked at anew with every write."""
CHANGED = b"lambda.changed"
"""The topic that a change or deletion of a function wakes."""
EVENT_BYTES_MAX = 256 * 1024
BATCH_BYTES_MAX = 1_000_000
BATCH_EVENTS_MAX = 10_000
_OVERHEAD_BYTES = 26

_log = logging.getLogger("lambent.lambda")

Line = tuple[int, str]


class LambdaHost:
    """Implements `contracts.functions.FunctionHost`."""

    def __init__(self, cloud: Cloud) -> None:
        self._cloud = cloud
        self._callers: dict[tuple[str, str], tuple[int, Caller]] = {}
        self._slots: OwnSlots | SharedSlots | None = None
        self._deafen: list[Callable[[], None]] = []

    async def enter(self, spec: FunctionSpec) -> Slot:
        """The right to run one call; `TooManyRequests` when the function or the account is at its limit."""
        if self._slots is None:
            self._slots = SharedSlots(self._cloud) if self._cloud.store.shared else OwnSlots(self._cloud)
        return await self._slots.enter(spec)

    def watch(self, changed: Callable[[], None]) -> None:
        """Have `changed` called when functions were changed or deleted by another node. What this node changes itself
        needs no watching."""
        if self._cloud.store.shared:
            self._deafen.append(self._cloud.store.listen(CHANGED, changed))

    async def outdated(self, specs: list[FunctionSpec]) -> list[FunctionSpec]:
        """Those of `specs` that are not what the store says of their functions any more."""
        return await self._cloud.store.read(lambda tx: running.outdated(tx, specs))

    async def fetch(self, blob: str, path: str, length: int) -> None:
        """Write an archive to `path`, piece by piece; `KeyError` when there is no such blob."""
        await archives.write_file(self._cloud.blobs.slice(blob, 0, length), path)

    async def credentials(self, spec: FunctionSpec) -> tuple[str, str, str]:
        """Fresh temporary credentials of the function's role: access key, secret, session token. `ServiceError` when
        the role is gone or no longer trusts Lambda."""
        try:
            session = await self._cloud.directory.role_session(
                spec.role, spec.name[:SESSION_LENGTH_MAX], PRINCIPAL, SESSION_S, source_arn=function_arn(spec)
            )
        except ServiceError as error:
            _log.warning("%s cannot run as %s: %s", spec.arn, spec.role, error.message)
            raise role_refused() from None
        return session.access_key, session.secret, session.token

    async def log(self, spec: FunctionSpec, stream: str, lines: list[Line]) -> None:
        """Write log lines to the function's log group as its own role; group and stream are made when they are
        missing. Lines that the role may not write are lost, as on AWS; the function's fate does not hang on its log."""
        try:
            caller = await self._caller(spec)
            for batch in batches(lines):
                await self._put(caller, spec, stream, batch)
        except ServiceError as error:
            _log.info("the log of %s is not kept: %s: %s", spec.arn, error.code, error.message)

    async def _put(self, caller: Caller, spec: FunctionSpec, stream: str, events: list[dict[str, Any]]) -> None:
        where = {"logGroupName": spec.log_group, "logStreamName": stream}
        try:
            await self._logs(caller, spec, "PutLogEvents", {**where, "logEvents": events})
        except ServiceError as error:
            if error.code != "ResourceNotFoundException":
                raise
            await self._create(caller, spec, where)
            await self._logs(caller, spec, "PutLogEvents", {**where, "logEvents": events})

    async def _create(self, caller: Caller, spec: FunctionSpec, where: dict[str, str]) -> None:
        try:
            await self._unless_there(caller, spec, "CreateLogStream", where)
        except ServiceError as error:
            if error.code != "ResourceNotFoundException":
                raise
            await self._unless_there(caller, spec, "CreateLogGroup", {"logGroupName": spec.log_group})
            await self._unless_there(caller, spec, "CreateLogStream", where)

    async def _unless_there(self, caller: Caller, spec: FunctionSpec, operation: str, params: dict[str, str]) -> None:
        try:
            await self._logs(caller, spec, operation, params)
        except ServiceError as error:
            if error.code != "ResourceAlreadyExistsException":
                raise

    async def _logs(self, caller: Caller, spec: FunctionSpec, operation: str, params: dict[str, Any]) -> None:
        await self._cloud.api.call(caller, spec.region, "logs", operation, params)

    async def _caller(self, spec: FunctionSpec) -> Caller:
        now_ns = self._cloud.clock.now_ns()
        key = (spec.role, function_arn(spec))
        kept = self._callers.get(key)
        if kept is not None and now_ns < kept[0]:
            return kept[1]
        session = await self._cloud.directory.role_session(
            spec.role, spec.name[:SESSION_LENGTH_MAX], PRINCIPAL, source_arn=function_arn(spec)
        )
        self._callers = {k: v for k, v in self._callers.items() if now_ns < v[0]}
        self._callers[key] = (now_ns + CALLER_LIFETIME_NS, session.caller)
        return session.caller

    async def close(self) -> None:
        """Listen no more, and give back this node's slots."""
        for deafen in self._deafen:
            deafen()
        if self._slots is not None:
            await self._slots.close()


def function_arn(spec: FunctionSpec) -> str:
    """The ARN of the function itself: what a role's trust policy may ask for as `aws:SourceArn`."""
    return spec.arn.removesuffix(f":{spec.version}")


def batches(lines: list[Line]) -> Iterator[list[dict[str, Any]]]:
    """The lines as the events of PutLogEvents calls, within its limits; longer lines are cut into several events."""
    batch: list[dict[str, Any]] = []
    size = 0
    for time_ms, text in sorted(lines, key=lambda line: line[0]):
        for piece in _pieces(text):
            weight = len(piece.encode()) + _OVERHEAD_BYTES
            if batch and (size + weight > BATCH_BYTES_MAX or len(batch) >= BATCH_EVENTS_MAX):
                yield batch
                batch, size = [], 0
            batch.append({"timestamp": time_ms, "message": piece})
            size += weight
    if batch:
        yield batch


def _pieces(text: str) -> Iterator[str]:
    # A character takes four bytes at most.
    step = EVENT_BYTES_MAX // (1 if text.isascii() else 4)
    for start in range(0, len(text), step):
        yield text[start : start + step]
