"""From a rule to a target: one attempt, and what becomes of an event that does not arrive."""

from __future__ import annotations

import logging
from collections.abc import Awaitable, Callable
from typing import Any, Final

import orjson

from lambent.contracts.arn import Arn, parse
from lambent.contracts.caller import Credential, root
from lambent.contracts.errors import ServiceError
from lambent.contracts.events import Delivery, Event, TryAgain, Undeliverable
from lambent.contracts.ports import Cloud, Transaction

from . import inputs, keys, measuring, routing
from .inputs import BadInput
from .model import AGE_S_MAX, PRINCIPAL, RETRIES_MAX
from .outgoing import DELAY_S_MAX, Failed, Outgoing
from .tasks import Task

_NS: Final = 1_000_000_000
_log: Final = logging.getLogger("lambent.events")


class Sender:
    """Sends events to targets."""

    def __init__(self, cloud: Cloud) -> None:
        self._cloud = cloud
        self.outgoing = Outgoing(cloud)
        self._ways: dict[str, Callable[[Arn, Delivery, Task, bytes], Awaitable[None]]] = {
            "events": self._to_events,
            "execute-api": self._to_stage,
            "lambda": self._to_function,
            "logs": self._to_logs,
            "sns": self._to_service,
            "sqs": self._to_service,
        }

    async def send(self, delivery: Delivery, task: Task) -> None:
        """One attempt; an event that will never arrive becomes a dead letter."""
        try:
            try:
                payload = inputs.payload(task.spec, orjson.loads(task.event), delivery.event.target, task.at_ms)
            except BadInput as bad:
                raise Failed("INVALID_JSON", str(bad)) from None
            place = parse(task.spec["Arn"])
            try:
                await self._ways[place.service](place, delivery, task, payload)
            except TryAgain as again:
                self._wait_or_give_up(delivery, task, again)
                raise
        except Undeliverable as refused:
            await self._bury(delivery, task, refused)
        else:
            measuring.note(self._cloud.metrics, delivery.event.target, measuring.INVOKED)

    def _wait_or_give_up(self, delivery: Delivery, task: Task, again: TryAgain) -> None:
        """Set when the next attempt is; `Failed` when there is none."""
        policy = task.spec.get("RetryPolicy", {})
        retries = policy.get("MaximumRetryAttempts", RETRIES_MAX)
        age_s = policy.get("MaximumEventAgeInSeconds", AGE_S_MAX)
        if again.count and delivery.attempt > retries:
            raise Failed("SDK_CLIENT_ERROR", again.reason, "MaximumRetryAttempts") from None
        if again.delay_s is None:
            share = 0.5 + self._cloud.ids.random.random() / 2
            again.delay_s = share * min(2.0 ** min(delivery.attempt, 20), DELAY_S_MAX)
        due_ns = self._cloud.clock.now_ns() + int(again.delay_s * _NS)
        if due_ns - task.at_ms * 1_000_000 > age_s * _NS:
            raise Failed("SDK_CLIENT_ERROR", again.reason, "MaximumEventAgeInSeconds") from None

    async def _bury(self, delivery: Delivery, task: Task, refused: Undeliverable) -> None:
        """Send the event to the target's dead-letter queue, if it has one."""
        rule, queue = delivery.event.target, task.spec.get("DeadLetterConfig", {}).get("Arn", "")
        _log.warning("gave up an event of %s to %s: %s", rule, task.spec["Arn"], refused)
        measuring.note(self._cloud.metrics, rule, measuring.INVOKED, measuring.FAILED)
        if not queue:
            return
        told = {
            "RULE_ARN": rule,
            "TARGET_ARN": task.spec["Arn"],
            "ERROR_CODE": refused.code if isinstance(refused, Failed) else "NO_PERMISSIONS",
            "ERROR_MESSAGE": str(refused),
        }
        if isinstance(refused, Failed) and refused.condition:
            told["EXHAUSTED_RETRY_CONDITION"] = refused.condition
        named = {name: {"DataType": "String", "StringValue": value} for name, value in told.items() if value}
        named["RETRY_ATTEMPTS"] = {"DataType": "Number", "StringValue": str(delivery.attempt - 1)}
        attributes = {"sqs:MessageAttributes": orjson.dumps(named).decode()}
        event = self._event(delivery, queue, task.event, attributes)
        await self._cloud.store.write(lambda tx: tx.emit(event))
        measuring.note(self._cloud.metrics, rule, measuring.BURIED)

    def _event(self, delivery: Delivery, target: str, payload: bytes, attributes: dict[str, str]) -> Event:
        about = delivery.event
        return Event(
            target=target,
            payload=payload,
            source=about.target,
            principal=PRINCIPAL,
            account=about.account,
            region=about.region,
            attributes=attributes,
        )

    async def _to_service(self, place: Arn, delivery: Delivery, task: Task, payload: bytes) -> None:
        """Hand the event to a queue or topic, whose policy is asked there."""
        attributes = {f"sqs:{name}": value for name, value in task.spec.get("SqsParameters", {}).items()}
        if task.trace:
            attributes["sqs:AWSTraceHeader"] = task.trace
        event = self._event(delivery, task.spec["Arn"], payload, attributes)
        inner = Delivery(id=delivery.id, event=event, attempt=delivery.attempt, emitted_ns=delivery.emitted_ns)
        await self._cloud.targets[place.service].deliver(inner)

    async def _to_function(self, place: Arn, delivery: Delivery, task: Task, payload: bytes) -> None:
        """Hand the event over to Lambda, which tries a function again by its own rules."""
        function, about = task.spec["Arn"], delivery.event
        await self._cloud.targets["lambda"].check(function, PRINCIPAL, about.target, about.account)
        event = self._event(delivery, function, payload, {"trace": task.trace} if task.trace else {})
        await self._cloud.store.write(lambda tx: tx.emit(event))

    async def _to_logs(self, place: Arn, delivery: Delivery, task: Task, payload: bytes) -> None:
        """Write the event into a log group of the rule's account, in a stream of the rule's own, as the account's
        resource policies of CloudWatch Logs let EventBridge do."""
        if place.account != delivery.event.account:
            raise Failed("NO_PERMISSIONS", f"{task.spec['Arn']} belongs to another account.")
        about = delivery.event
        await self._cloud.targets["logs"].check(task.spec["Arn"], PRINCIPAL, about.target, about.account)
        group = place.resource.removeprefix("log-group:").removesuffix(":*")
        stream = delivery.event.target.rpartition(":rule/")[2].replace("/", "-")
        line = {"timestamp": self._cloud.clock.now_ns() // 1_000_000, "message": payload.decode()}
        try:
            given = orjson.loads(payload)
        except orjson.JSONDecodeError:
            given = None
        if isinstance(given, dict) and set(given) == {"timestamp", "message"} and isinstance(given["timestamp"], int):
            line = {"timestamp": given["timestamp"], "message": str(given["message"])}
        there = {"logGroupName": group, "logStreamName": stream}
        caller = root(place.account)
        try:
            try:
                await self._cloud.api.call(caller, place.region, "logs", "CreateLogStream", there)
            except ServiceError as error:
                if error.code != "ResourceAlreadyExistsException":
                    raise
            await self._cloud.api.call(caller, place.region, "logs", "PutLogEvents", {**there, "logEvents": [line]})
        except ServiceError as error:
            raise Failed(error.code, error.message) from None

    async def _to_events(self, place: Arn, delivery: Delivery, task: Task, payload: bytes) -> None:
        if place.resource.startswith("api-destination/"):
            await self._to_api(place, delivery, task, payload)
            return
        caller = (
            (await self._session(delivery, task)).caller if task.spec.get("RoleArn") else root(delivery.event.account)
        )
        # A constant or transformed input is the detail of what the other bus gets.
        event = orjson.loads(task.event)
        if inputs.says(task.spec):
            try:
                event = {**event, "detail": orjson.loads(payload)}
            except orjson.JSONDecodeError:
                raise Failed("INVALID_JSON", "The input for the bus is no JSON.") from None

        def take(tx: Transaction) -> None:
            bus = keys.bus_at(tx, task.spec["Arn"])
            if bus is None:
                raise Failed("RESOURCE_NOT_FOUND", f"Event bus {place.resource.partition('/')[2]} does not exist.")
            self.outgoing.allow(tx, caller, "events:PutEvents", bus.arn, bus.policy, bus.account)
            now_ms, metrics = self._cloud.clock.now_ns() // 1_000_000, self._cloud.metrics
            routing.ingest(tx, bus, event, now_ms, hops=task.hops + 1, trace=task.trace, metrics=metrics)

        await self._cloud.store.write(take)

    async def _session(self, delivery: Delivery, task: Task) -> Credential:
        """The session of the target's role."""
        try:
            return await self._cloud.directory.role_session(
                task.spec["RoleArn"], "EventBridge", PRINCIPAL, source_arn=delivery.event.target
            )
        except ServiceError as error:
            raise Failed("NO_PERMISSIONS", error.message) from None

    async def _to_api(self, place: Arn, delivery: Delivery, task: Task, payload: bytes) -> None:
        """Call an API destination."""
        caller = (await self._session(delivery, task)).caller
        await self.outgoing.to_destination(place, _parameters(task), payload, caller)

    async def _to_stage(self, place: Arn, delivery: Delivery, task: Task, payload: bytes) -> None:
        """Call a method of an API, as the target's role if it names one."""
        credential = await self._session(delivery, task) if task.spec.get("RoleArn") else None
        await self.outgoing.to_stage(place, _parameters(task), payload, credential, delivery.event.target)


def _parameters(task: Task) -> dict[str, Any]:
    return inputs.http_parameters(task.spec.get("HttpParameters", {}), orjson.loads(task.event))
