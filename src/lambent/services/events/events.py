"""The bus's target for EventBridge: other services' events arrive on buses, and the service's own tasks come back."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

import orjson

from lambent.contracts.arn import parse
from lambent.contracts.caller import Credential
from lambent.contracts.caller import service as service_caller
from lambent.contracts.clock import sleep_until
from lambent.contracts.events import Delivery, Event, TryAgain, Undeliverable
from lambent.contracts.ports import Cloud, Reader, Transaction

from . import archiving, connecting, keys, routing, tasks, timing
from .connecting import Refused
from .model import PRINCIPAL, Bus
from .sending import Sender
from .tasks import Task

_LAMBDA: Final = "lambda.amazonaws.com"
_MS: Final = 1_000_000


class EventsTarget:
    """What EventBridge offers to the bus. An event for a bus has the whole event as its payload (JSON: version, id,
    detail-type, source, account, time, region, resources, detail)."""

    def __init__(self, cloud: Cloud) -> None:
        self._cloud = cloud
        self._sender = Sender(cloud)

    async def deliver(self, delivery: Delivery) -> None:
        """Do one task, or take in one event."""
        event = delivery.event
        now_ms = self._cloud.clock.now_ns() // _MS
        if event.principal != PRINCIPAL or event.source != event.target:
            await self._cloud.store.write(lambda tx: self._take(tx, event, now_ms))
            return
        task = tasks.read(event.payload)
        if task.kind == "send":
            await self._sender.send(delivery, task)
        elif task.kind == "authorize":
            try:
                await connecting.authorize(self._cloud, event.target, task)
            except Refused as refused:
                raise TryAgain(str(refused)) from None
        else:
            await self._cloud.store.write(lambda tx: self._work(tx, delivery, task, now_ms))

    async def ask(
        self, target: str, given: Mapping[str, Any], payload: bytes, credential: Credential, source: str
    ) -> bytes:
        """For pipes: call an API destination, or a method of an API's stage, as a role's session on behalf of the pipe
        `source`. `given` is what HttpParameters say. The body of a good answer; `Undeliverable` or `TryAgain` else."""
        place, outgoing = parse(target), self._sender.outgoing
        if place.service == "execute-api":
            return (await outgoing.to_stage(place, given, payload, credential, source)).body
        while True:
            try:
                return (await outgoing.to_destination(place, given, payload, credential.caller)).body
            except TryAgain as again:
                if again.count or again.delay_s is None:
                    raise
                # The destination's rate: its turn comes.
                clock = self._cloud.clock
                await sleep_until(clock, clock.now_ns() + int(again.delay_s * 1e9))

    def take(self, tx: Transaction, delivery: Delivery) -> None:
        """Take in another service's event in that service's own transaction: see `contracts.ports.Inlet`."""
        self._take(tx, delivery.event, self._cloud.clock.now_ns() // _MS)

    def _work(self, tx: Transaction, delivery: Delivery, task: Task, now_ms: int) -> None:
        """A task that is one transaction."""
        about = delivery.event.target
        if task.kind == "tick":
            timing.tick(self._cloud, tx, about, task, delivery.id)
        elif task.kind == "replay":
            archiving.step(self._cloud, tx, about, task, now_ms)
        elif task.kind == "expire":
            archiving.expire(tx, about, task, now_ms)
        else:
            archiving.forget_page(tx, about, task)

    def _take(self, tx: Transaction, event: Event, now_ms: int) -> None:
        bus = self._ask(
            tx, event.target, event.principal, event.source, event.account, event.attributes.get("role", "")
        )
        routing.ingest(tx, bus, orjson.loads(event.payload), now_ms, metrics=self._cloud.metrics)

    async def check(self, target: str, principal: str, source: str, account: str) -> None:
        """Raise `Undeliverable` when the bus does not exist or does not let the service in."""
        await self._cloud.store.read(lambda tx: self._ask(tx, target, principal, source, account, ""))

    def _ask(self, tx: Reader, target: str, principal: str, source: str, account: str, role: str) -> Bus:
        """The bus, if the service may put events on it: those of the own account may. Lambda asks its function's role,
        and names it; the bus's policy is asked about other accounts."""
        try:
            place = parse(target)
        except ValueError:
            raise Undeliverable(f"{target} is not the ARN of an event bus.") from None
        bus = keys.bus_at(tx, target) if place.resource.startswith("event-bus/") else None
        if bus is None:
            raise Undeliverable(f"The event bus {target} does not exist.")
        if account == bus.account and (role or principal != _LAMBDA):
            return bus
        conditions = {"aws:sourcearn": source, "aws:sourceaccount": account}
        caller = service_caller(principal, bus.account)
        decision = self._cloud.guard.decide(
            tx, caller, "events:PutEvents", bus.arn, conditions, bus.policy or None, bus.account
        )
        if not decision.allowed:
            raise Undeliverable(f"The policy of {target} does not let {principal} put events from {source}.")
        return bus
