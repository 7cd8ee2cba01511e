"""What the engine writes: each step's record and its event in one transaction, fenced by the stack's operation."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import TypeVar

from msgspec.structs import replace

from lambent.contracts.ports import Cloud, Reader, Transaction
from lambent.services.cloudformation import events, keys
from lambent.services.cloudformation.model import Leftover, Operation, Resource, Stack, StackEvent

T = TypeVar("T")


class Superseded(Exception):
    """The stack is no longer under the operation that is being run, or another node runs it: it took this one for
    dead."""


class Journal:
    """Writes for one operation of one stack."""

    def __init__(self, cloud: Cloud, stack_id: str, account: str, region: str, operation: str) -> None:
        self.cloud = cloud
        self.place = (account, region, stack_id)
        self.operation = operation

    def now_ms(self) -> int:
        """The clock, in ms."""
        return self.cloud.clock.now_ns() // 1_000_000

    async def load(self) -> tuple[Stack, Operation, dict[str, Resource]]:
        """The stack, its operation and its resources; `Superseded` when it is not this node's to run."""
        stack, operation = await self.cloud.store.read(self._load)
        found = await self.cloud.store.read(lambda tx: keys.resources_of(tx, stack))
        return stack, operation, found

    async def current(self) -> Operation:
        """The operation as it is now; `Superseded` when it is not this node's to run."""
        return (await self.cloud.store.read(self._load))[1]

    def _load(self, tx: Reader) -> tuple[Stack, Operation]:
        stack = keys.stacks.get(tx, *self.place)
        if stack is None or stack.operation is None or stack.operation.id != self.operation:
            raise Superseded
        # Empty: a node of the last release, which knows no runners, wrote the stack meanwhile.
        if stack.operation.runner not in ("", self.cloud.store.node):
            raise Superseded
        return stack, stack.operation

    async def write(self, change: Callable[[Transaction, Stack, Operation], T]) -> T:
        """Run `change` in a transaction in which the operation is known to be the stack's, and this node its runner."""
        return await self.cloud.store.write(lambda tx: change(tx, *self._load(tx)))

    async def resource(
        self,
        record: Resource,
        *,
        physical_id: str | None = None,
        leftover: Leftover | None = None,
        settled: tuple[str, str] | None = None,
        drop: bool = False,
    ) -> Resource:
        """Store a resource's record and the event of its status. `physical_id` is what the event shows (default: the
        record's). `leftover` is added to the cleanup; `settled` (type, physical id) is taken out of it; with `drop`
        the record is removed instead of stored."""
        stamped = replace(record, updated_ms=self.now_ms())
        event_id = f"{record.logical_id}-{record.status}-{self.cloud.ids.request_id()}"

        def change(tx: Transaction, stack: Stack, operation: Operation) -> None:
            if drop:
                keys.resources.delete(tx, *self.place, record.logical_id)
            else:
                keys.put_resource(tx, stack, stamped)
            if leftover is not None:
                keys.leftovers.put(tx, leftover, *self.place, leftover.type, leftover.physical_id)
            if settled is not None:
                keys.leftovers.delete(tx, *self.place, *settled)
            shown = record.physical_id if physical_id is None else physical_id
            events.add(self.cloud, tx, stack, _event(stamped, shown, event_id, operation.token))

        await self.write(change)
        return stamped

    async def shadow(self, record: Resource, settled: tuple[str, str] | None) -> None:
        """Write the event of a physical resource that no record names; `settled` takes it out of the cleanup."""
        stamped = replace(record, updated_ms=self.now_ms())
        event_id = f"{record.logical_id}-{record.status}-{self.cloud.ids.request_id()}"

        def change(tx: Transaction, stack: Stack, operation: Operation) -> None:
            if settled is not None:
                keys.leftovers.delete(tx, *self.place, *settled)
            events.add(self.cloud, tx, stack, _event(stamped, record.physical_id, event_id, operation.token))

        await self.write(change)

    async def quietly(self, record: Resource | None, logical_id: str, leftover: Leftover | None = None) -> None:
        """Store a resource's record (None: remove it) without an event."""

        def change(tx: Transaction, stack: Stack, operation: Operation) -> None:
            if record is None:
                keys.resources.delete(tx, *self.place, logical_id)
            else:
                keys.put_resource(tx, stack, record)
            if leftover is not None:
                keys.leftovers.put(tx, leftover, *self.place, leftover.type, leftover.physical_id)

        await self.write(change)

    async def status(
        self, status: str, reason: str = "", change: Callable[[Transaction, Stack], Stack] | None = None
    ) -> None:
        """Put the stack into `status`, with `change` applied to it in the same transaction, and write the event."""
        event_id = self.cloud.ids.uuid()

        def run(tx: Transaction, stack: Stack, operation: Operation) -> None:
            changed = replace(change(tx, stack) if change is not None else stack, status=status, reason=reason)
            keys.put_stack(tx, changed)
            events.record(self.cloud, tx, stack, status, reason, event_id=event_id, now_ms=self.now_ms())

        await self.write(run)


def _event(record: Resource, physical_id: str, event_id: str, token: str) -> StackEvent:
    return StackEvent(
        id=event_id,
        logical_id=record.logical_id,
        physical_id=physical_id,
        type=record.type,
        status=record.status,
        reason=record.reason,
        time_ms=record.updated_ms,
        properties=record.properties,
        token=token,
    )


def canonical(value: object) -> str:
    """JSON text that is equal for equal values."""
    return json.dumps(value, sort_keys=True, separators=(",", ":"), ensure_ascii=False)
