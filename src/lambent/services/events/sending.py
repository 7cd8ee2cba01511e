"""From a rule to a target: one attempt, and what becomes of an event that does not arrive."""

from __future__ import annotations

import logging
from collections.abc import Awaitable, Callable
from typing import Any, Final

import orjson

from lambent.contracts.arn import Arn, parse
from lambent.contracts.caller import Caller, root
from lambent.contracts.errors import ServiceError
from lambent.contracts.events import Delivery, Event, TryAgain, Undeliverable
from lambent.contracts.ports import Cloud, Reader, Transaction

from . import connecting, http, inputs, keys, routing
from .connecting import Refused
from .http import Unreachable
from .inputs import BadInput
from .model import AGE_S_MAX, PRINCIPAL, RETRIES_MAX, Connection, Destination
from .tasks import Task

_NS: Final = 1_000_000_000
_DELAY_S_MAX: Final = 500.0
"""With doubling waits up to this one, 185 attempts take 24 hours."""
_AGAIN: Final = (401, 407, 409, 429)
"""Answers of API destinations after which AWS tries again, as after all from 500 on."""
_log: Final = logging.getLogger("lambent.events")


class _Failed(Undeliverable):
    """No attempt will succeed; `code` is what the dead letter tells. `condition` is the limit that was reached."""

    def __init__(self, code: str, message: str, condition: str = "") -> None:
        super().__init__(message)
        self.code = code
        self.condition = condition


class Sender:
    """Sends events to targets; knows the pace of API destinations on this node."""

    def __init__(self, cloud: Cloud) -> None:
        self._cloud = cloud
        self._slots: dict[str, int] = {}
        self._ways: dict[str, Callable[[Arn, Delivery, Task, bytes], Awaitable[None]]] = {
            "events": self._to_events,
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
                raise _Failed("INVALID_JSON", str(bad)) from None
            place = parse(task.spec["Arn"])
            try:
                await self._ways[place.service](place, delivery, task, payload)
            except TryAgain as again:
                self._wait_or_give_up(delivery, task, again)
                raise
        except Undeliverable as refused:
            await self._bury(delivery, task, refused)

    def _wait_or_give_up(self, delivery: Delivery, task: Task, again: TryAgain) -> None:
        """Set when the next attempt is; `_Failed` when there is none."""
        policy = task.spec.get("RetryPolicy", {})
        retries = policy.get("MaximumRetryAttempts", RETRIES_MAX)
        age_s = policy.get("MaximumEventAgeInSeconds", AGE_S_MAX)
        if again.count and delivery.attempt > retries:
            raise _Failed("SDK_CLIENT_ERROR", again.reason, "MaximumRetryAttempts") from None
        if again.delay_s is None:
            share = 0.5 + self._cloud.ids.random.random() / 2
            again.delay_s = share * min(2.0 ** min(delivery.attempt, 20), _DELAY_S_MAX)
        due_ns = self._cloud.clock.now_ns() + int(again.delay_s * _NS)
        if due_ns - task.at_ms * 1_000_000 > age_s * _NS:
            raise _Failed("SDK_CLIENT_ERROR", again.reason, "MaximumEventAgeInSeconds") from None

    async def _bury(self, delivery: Delivery, task: Task, refused: Undeliverable) -> None:
        """Send the event to the target's dead-letter queue, if it has one."""
        rule, queue = delivery.event.target, task.spec.get("DeadLetterConfig", {}).get("Arn", "")
        _log.warning("gave up an event of %s to %s: %s", rule, task.spec["Arn"], refused)
        if not queue:
            return
        told = {
            "RULE_ARN": rule,
            "TARGET_ARN": task.spec["Arn"],
            "ERROR_CODE": refused.code if isinstance(refused, _Failed) else "NO_PERMISSIONS",
            "ERROR_MESSAGE": str(refused),
        }
        if isinstance(refused, _Failed) and refused.condition:
            told["EXHAUSTED_RETRY_CONDITION"] = refused.condition
        named = {name: {"DataType": "String", "StringValue": value} for name, value in told.items() if value}
        named["RETRY_ATTEMPTS"] = {"DataType": "Number", "StringValue": str(delivery.attempt - 1)}
        attributes = {"sqs:MessageAttributes": orjson.dumps(named).decode()}
        event = self._event(delivery, queue, task.event, attributes)
        await self._cloud.store.write(lambda tx: tx.emit(event))

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
        """Write the event into a log group of the rule's account, in a stream of the rule's own."""
        if place.account != delivery.event.account:
            raise _Failed("NO_PERMISSIONS", f"{task.spec['Arn']} belongs to another account.")
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
            raise _Failed(error.code, error.message) from None

    async def _to_events(self, place: Arn, delivery: Delivery, task: Task, payload: bytes) -> None:
        if place.resource.startswith("api-destination/"):
            await self._to_api(place, delivery, task, payload)
            return
        caller = await self._caller(delivery, task) if task.spec.get("RoleArn") else root(delivery.event.account)
        # A constant or transformed input is the detail of what the other bus gets.
        event = orjson.loads(task.event)
        if inputs.says(task.spec):
            try:
                event = {**event, "detail": orjson.loads(payload)}
            except orjson.JSONDecodeError:
                raise _Failed("INVALID_JSON", "The input for the bus is no JSON.") from None

        def take(tx: Transaction) -> None:
            bus = keys.bus_at(tx, task.spec["Arn"])
            if bus is None:
                raise _Failed("RESOURCE_NOT_FOUND", f"Event bus {place.resource.partition('/')[2]} does not exist.")
            self._allow(tx, caller, "events:PutEvents", bus.arn, bus.policy, bus.account)
            now_ms = self._cloud.clock.now_ns() // 1_000_000
            routing.ingest(tx, bus, event, now_ms, hops=task.hops + 1, trace=task.trace)

        await self._cloud.store.write(take)

    async def _caller(self, delivery: Delivery, task: Task) -> Caller:
        """The session of the target's role."""
        try:
            session = await self._cloud.directory.role_session(
                task.spec["RoleArn"], "EventBridge", PRINCIPAL, source_arn=delivery.event.target
            )
        except ServiceError as error:
            raise _Failed("NO_PERMISSIONS", error.message) from None
        return session.caller

    def _allow(self, tx: Reader, caller: Caller, action: str, resource: str, policy: str, account: str) -> None:
        decision = self._cloud.guard.decide(tx, caller, action, resource, {}, policy or None, account)
        if not decision.allowed:
            raise _Failed("NO_PERMISSIONS", f"{caller.arn} is not authorized to perform {action} on {resource}.")

    async def _to_api(self, place: Arn, delivery: Delivery, task: Task, payload: bytes) -> None:
        """Call an API destination."""
        caller = await self._caller(delivery, task)

        def look(tx: Reader) -> tuple[Destination, Connection]:
            found = keys.destinations.get(tx, place.account, place.region, place.resource.split("/")[1])
            if found is None or found.arn != task.spec["Arn"]:
                raise _Failed("RESOURCE_NOT_FOUND", f"{task.spec['Arn']} does not exist.")
            self._allow(tx, caller, "events:InvokeApiDestination", found.arn, "", found.account)
            connection = connecting.at(tx, found.connection)
            if connection is None or connection.state != "AUTHORIZED":
                raise TryAgain(f"The connection of {found.arn} is not authorized.")
            return found, connection

        destination, connection = await self._cloud.store.read(look)
        self._pace(destination)
        try:
            # A token that was refused is not tried a second time.
            request = await connecting.request(
                self._cloud, destination, connection, task.spec, payload, fresh=delivery.attempt > 1
            )
            answer = await http.ask(self._cloud, request)
        except (Unreachable, Refused) as error:
            raise TryAgain(str(error)) from None
        except ValueError as error:
            raise _Failed("INVALID_PARAMETER", str(error)) from None
        self._judge(destination, answer)

    def _judge(self, destination: Destination, answer: http.Answer) -> None:
        """Return when an answer is a good one."""
        if 200 <= answer.status < 300:
            return
        reason = f"{destination.endpoint} answered {answer.status}"
        if answer.status >= 500 or answer.status in _AGAIN:
            wait: Any = answer.headers.get("retry-after", "")
            raise TryAgain(reason, delay_s=min(float(wait), _DELAY_S_MAX) if wait.isdecimal() else None)
        raise _Failed("INVALID_PARAMETER", reason)

    def _pace(self, destination: Destination) -> None:
        """Put an event off while its destination has had as many in this second as it takes. Per node."""
        now_ns = self._cloud.clock.now_ns()
        slot_ns = self._slots.get(destination.arn, 0)
        if slot_ns > now_ns:
            raise TryAgain("the destination takes no more now", delay_s=(slot_ns - now_ns) / _NS, count=False)
        if len(self._slots) > 10_000:
            self._slots = {key: due for key, due in self._slots.items() if due > now_ns}
        self._slots[destination.arn] = now_ns + _NS // destination.rate
