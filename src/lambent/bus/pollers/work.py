"""What a poller works with: its mapping and lease, the role that polls, the function that is invoked."""

from __future__ import annotations

import logging
from collections.abc import Callable
from typing import Any, NamedTuple

from lambent.blobs.errors import BlobsUnreachable
from lambent.contracts.errors import ServiceError
from lambent.contracts.functions import Invocation, TooManyRequests
from lambent.contracts.ports import Cloud, Reader, Transaction
from lambent.kv.errors import StoreError
from lambent.services.lambda_.errors import ResourceNotFoundException
from lambent.services.lambda_.mappings.filters import Filter
from lambent.services.lambda_.mappings.keys import forget_result, note_result
from lambent.services.lambda_.mappings.model import Mapping
from lambent.services.lambda_.mappings.roles import Roles
from lambent.services.lambda_.running import Runnable, choose, spec, trace_header

from .leases import Held

_log = logging.getLogger("lambent.pollers")


class LeaseLost(Exception):
    """Another node polls now: whoever finds this out stops at once and puts nothing away."""


class NotRun(Exception):
    """The function did not run, through no fault of the batch. `passing`: it is throttled, or the store is away, so
    that trying again soon is right; else somebody has to do something (its role cannot be assumed)."""

    def __init__(self, reason: str, *, passing: bool = False) -> None:
        super().__init__(reason)
        self.passing = passing


class Answer(NamedTuple):
    """How an invocation ended: `error` is empty on success, else what X-Amz-Function-Error says."""

    payload: bytes
    error: str
    version: str
    request_id: str


class Work:
    """One lease's share of a mapping."""

    def __init__(self, cloud: Cloud, mapping: Mapping, held: Held, roles: Roles) -> None:
        self.cloud = cloud
        self.mapping = mapping
        self.held = held
        self.filter = Filter(mapping.filters)
        self._roles = roles
        self._problem: str | None = None

    @property
    def now_ns(self) -> int:
        """The clock."""
        return self.cloud.clock.now_ns()

    async def runnable(self) -> Runnable:
        """The version of the function that is next; a weighted alias draws one."""
        return await self.cloud.store.read(lambda tx: choose(tx, self.mapping.target, self.cloud.ids))

    async def confirm(self) -> None:
        """Raise `LeaseLost` unless the lease is still this poller's. An only node has nobody to lose it to."""
        if self.cloud.store.shared and not await self.cloud.store.read(self.held.still):
            raise LeaseLost

    async def call(self, service: str, operation: str, params: dict[str, Any]) -> dict[str, Any]:
        """Call an operation of the source as the function's execution role."""
        runnable = await self.runnable()
        caller = await self._roles.caller(self.mapping, runnable.config.role)
        return await self.cloud.api.call(caller, self.mapping.region, service, operation, params)

    async def allowed(self, action: str, resource: str) -> bool:
        """Whether the execution role may do `action`; not if it cannot be assumed."""
        try:
            runnable = await self.runnable()
            caller = await self._roles.caller(self.mapping, runnable.config.role)
        except ServiceError:
            return False

        def ask(tx: Reader) -> bool:
            return self.cloud.guard.decide(tx, caller, action, resource, {}).allowed

        return await self.cloud.store.read(ask)

    async def invoke(self, payload: bytes) -> Answer:
        """Run the function on a batch; `NotRun` when it cannot be run now."""
        try:
            found = await self.runnable()
            if found.function.reserved == 0:
                raise NotRun("throttled", passing=True)
            invocation = Invocation(
                request_id=self.cloud.ids.request_id(),
                payload=payload,
                invoked_arn=found.ref.qualified,
                trace_id=trace_header(self.cloud),
            )
            outcome = await self.cloud.compute.invoke(spec(found.function, found.config), invocation)
        except TooManyRequests:
            raise NotRun("throttled", passing=True) from None
        except (StoreError, BlobsUnreachable) as error:
            raise NotRun(f"the store failed: {error}", passing=True) from None
        except ServiceError as error:
            missing = isinstance(error, ResourceNotFoundException)
            raise NotRun("Function does not exist" if missing else error.message) from None
        except NotRun:
            raise
        except Exception as error:  # no sandbox, no interpreter, a bad archive: nothing that another batch would cure
            _log.exception("%s cannot be run", self.mapping.target.qualified)
            raise NotRun(f"{type(error).__name__}: {error}") from None
        return Answer(outcome.payload, outcome.error, found.config.version, invocation.request_id)

    async def commit(self, fn: Callable[[Transaction], None]) -> None:
        """Put something away, if the lease is still this poller's; `LeaseLost` if not."""

        def fenced(tx: Transaction) -> None:
            if not self.held.still(tx):
                raise LeaseLost
            fn(tx)

        await self.cloud.store.write(fenced)

    async def tell(self, problem: str) -> None:
        """Say what is wrong, once: in the log, and as the mapping's LastProcessingResult."""
        if problem == self._problem:
            return
        self._problem = problem
        _log.warning("%s from %s: %s", self.mapping.arn, self.mapping.source, problem)
        await self.commit(lambda tx: note_result(tx, self.mapping, f"PROBLEM: {problem}"))

    def well(self) -> None:
        """There is no problem any more: the next one is told again."""
        self._problem = ""

    async def healthy(self) -> None:
        """As `well`, and the mapping shows no problem any more, also not one that an earlier poller had told."""
        if self._problem != "":
            self._problem = ""
            await self.commit(lambda tx: forget_result(tx, self.mapping))
