"""The dispatch room: runs an operation's handler in its transaction, after authorization in the same one."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from lambent import model
from lambent.contracts.caller import Caller
from lambent.contracts.errors import NotBuilt, ServiceError
from lambent.contracts.ports import Cloud, Reader, Transaction
from lambent.kit import Context, Operation, Service
from lambent.kit.service import refuse_unbuilt

from .authorize import PolicyGuard

Validate = Callable[[str, str, Mapping[str, Any]], dict[str, Any]]


class UnknownOperationException(ServiceError):
    """The service's model has no such operation."""

    status = 404


class Dispatcher:
    """Every built operation, by service; also the in-process `Api`.

    `services` loads a service by its name, or raises `KeyError` where Lambent has none; `validate` checks the
    parameters of calls that did not come over the wire.
    """

    def __init__(self, cloud: Cloud, services: Callable[[str], Service], validate: Validate) -> None:
        self._cloud = cloud
        self._services = services
        self._validate = validate
        self._found: dict[tuple[str, str], tuple[Operation, str]] = {}

    def find(self, service: str, operation: str) -> tuple[Operation, str]:
        """The operation and its service's protocol; `NotBuilt` names what is missing."""
        found = self._found.get((service, operation))
        if found is None:
            found = self._found[service, operation] = self._find(service, operation)
        return found

    def _find(self, service: str, operation: str) -> tuple[Operation, str]:
        try:
            built = self._services(service)
        except KeyError:
            raise NotBuilt(f"Lambent has not built the service {service} yet (asked for {operation}).") from None
        found = built.operations.get(operation)
        shapes = model.service_model(service)
        if found is None and operation not in shapes.operations:
            raise UnknownOperationException(f"{service} has no operation {operation}.")
        if found is None:
            raise NotBuilt(f"Lambent has not built the operation {operation} of {service} yet.")
        return found, shapes.metadata["protocol"]

    def built(self, service: str, operation: str) -> Operation | None:
        """The operation, None where it is not built; `find` and `run` say what is missing."""
        try:
            return self.find(service, operation)[0]
        except ServiceError:
            return None

    async def call(
        self, caller: Caller, region: str, service: str, operation: str, params: Mapping[str, Any]
    ) -> dict[str, Any]:
        """Run an operation from inside the cloud: same validation, authorization and transaction as over the wire."""
        req = self._validate(service, operation, params)
        ctx = Context(self._cloud, caller, region, self._cloud.ids.request_id(), None)
        return await self.run(ctx, service, operation, req)

    async def run(self, ctx: Context, service: str, operation: str, req: dict[str, Any]) -> dict[str, Any]:
        """Authorize and run one operation with parsed, valid parameters; raises `ServiceError`."""
        op, protocol = self.find(service, operation)
        if op.unbuilt:
            refuse_unbuilt(op, req)
        guard = self._cloud.guard
        assert isinstance(guard, PolicyGuard)
        store = self._cloud.store
        authorize = op.authorize

        def run_in(tx: Transaction) -> Any:
            if authorize is not None:
                guard.enforce(tx, ctx, authorize(ctx, tx, req), protocol)
            return op.handler(ctx, tx, req)

        def ask(tx: Reader) -> None:
            if authorize is not None:
                guard.enforce(tx, ctx, authorize(ctx, tx, req), protocol)

        if op.tx == "write":
            result = await store.write(run_in)
        elif op.tx == "read":
            result = await store.read(run_in)  # type: ignore[arg-type]  # a Reader serves handlers of tx="read"
        else:
            if authorize is not None:
                await store.read(ask)
            result = await op.handler(ctx, req)
        found: dict[str, Any] = {} if result is None else result
        return found
