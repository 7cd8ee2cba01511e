"""Asynchronous invocation: the target that events for functions come to, and the records of how they ended.

Every asynchronous event, whether from Invoke, S3 or another function's destination, is one entry of the outbox
addressed to the function. It is run where it is delivered; the entry's own count of attempts is the count that decides,
so it holds over restarts. What the function's policy says about a service is asked at every attempt.
"""

from __future__ import annotations

from typing import Any, NamedTuple

import orjson

from lambent.contracts.arn import parse
from lambent.contracts.errors import ServiceError
from lambent.contracts.events import Delivery, Event, Retry, TryAgain, Undeliverable
from lambent.contracts.functions import Invocation, Outcome, TooManyRequests
from lambent.contracts.ports import Cloud, Reader, Transaction

from . import keys, policies
from .errors import ResourceNotFoundException
from .model import LATEST, EventConfigRecord, timestamp
from .names import Ref, from_arn
from .running import Runnable, choose, spec, trace_header
from .slots import RESERVED_REASON

PRINCIPAL = "lambda.amazonaws.com"
RETRIES = 2
AGE_S = 21_600
RETRY_DELAYS_S = (60, 120)
THROTTLE_DELAY_S_MAX = 300.0
_ERROR_MESSAGE_MAX = 1024
_NS = 1_000_000_000
# The rules are Lambda's own, below; the relay's must only be wider.
_RETRY = Retry(attempts_max=1000, age_s_max=86_400)
_ACTIONS = {
    "sqs": "sqs:SendMessage",
    "sns": "sns:Publish",
    "lambda": "lambda:InvokeFunction",
    "events": "events:PutEvents",
}


def accept(target: Ref, payload: bytes, source: str, attributes: dict[str, str]) -> Event:
    """The event of an asynchronous invocation that was allowed already. `attributes` are the same for all attempts:
    `request_id`, and if there are any, `trace` and `client_context`."""
    return Event(
        target=target.qualified,
        payload=payload,
        source=source,
        principal=PRINCIPAL,
        account=target.account,
        region=target.region,
        attributes=attributes,
        retry=_RETRY,
    )


class _Job(NamedTuple):
    """One delivery with all that decides about it."""

    delivery: Delivery
    runnable: Runnable
    settings: EventConfigRecord
    request_id: str

    @property
    def attempts_max(self) -> int:
        return 1 + (RETRIES if self.settings.retries is None else self.settings.retries)

    @property
    def age_s_max(self) -> int:
        return self.settings.age_s or AGE_S

    @property
    def qualified(self) -> str:
        """The ARN that records show: always with a qualifier."""
        ref = self.runnable.ref
        return f"{ref.arn}:{ref.qualifier or LATEST}"


class LambdaTarget:
    """What Lambda offers to the bus."""

    def __init__(self, cloud: Cloud) -> None:
        self._cloud = cloud
        self._answers = policies.Answers(cloud)

    async def deliver(self, delivery: Delivery) -> None:
        """Run the function on an event. Repeating is safe in the way it is on AWS: the function may run twice."""
        job = await self._cloud.store.read(lambda tx: self._look_up(tx, delivery))
        age_s = (self._cloud.clock.now_ns() - delivery.emitted_ns) / _NS
        if age_s > job.age_s_max:
            await self._end(job, "EventAgeExceeded", None, delivery.attempt - 1)
            return
        if job.runnable.function.reserved == 0:
            # Nothing can ever run, so AWS does not wait.
            await self._end(job, "RetriesExhausted", None, delivery.attempt - 1)
            return
        outcome = await self._run(job, age_s)
        if not outcome.error:
            await self._end(job, "Success", outcome, delivery.attempt)
        elif delivery.attempt < job.attempts_max:
            delay_s = RETRY_DELAYS_S[min(delivery.attempt, len(RETRY_DELAYS_S)) - 1]
            raise TryAgain(f"the function failed: {outcome.payload[:200]!r}", delay_s=delay_s)
        else:
            await self._end(job, "RetriesExhausted", outcome, delivery.attempt)

    def _look_up(self, tx: Reader, delivery: Delivery) -> _Job:
        event = delivery.event
        ref = from_arn(event.target)
        if ref is None:
            raise Undeliverable(f"{event.target} is not the ARN of a function.")
        try:
            runnable = choose(tx, ref, self._cloud.ids)
        except ResourceNotFoundException as missing:
            raise Undeliverable(missing.message) from None
        if event.principal != PRINCIPAL:
            self._ask(tx, ref, event.principal, event.source, event.account)
        place = (*ref.place, ref.qualifier or LATEST)
        settings = keys.event_configs.get(tx, *place) or EventConfigRecord(None, None, "", "", 0)
        return _Job(delivery, runnable, settings, event.attributes.get("request_id") or delivery.id)

    def _ask(self, tx: Reader, ref: Ref, principal: str, source: str, account: str) -> None:
        if not self._answers.service_may_invoke(tx, ref, principal, source, account):
            raise Undeliverable(f"The policy of {ref.qualified} does not let {principal} invoke it from {source}.")

    async def _run(self, job: _Job, age_s: float) -> Outcome:
        event, runnable = job.delivery.event, job.runnable
        invocation = Invocation(
            request_id=job.request_id,
            payload=event.payload,
            client_context=event.attributes.get("client_context", ""),
            invoked_arn=runnable.ref.qualified,
            trace_id=trace_header(self._cloud, event.attributes.get("trace", "")),
        )
        try:
            return await self._cloud.compute.invoke(spec(runnable.function, runnable.config), invocation)
        except (TooManyRequests, ServiceError) as refused:
            # The function did not run, so no attempt counts: it was throttled, or its role cannot be assumed just now.
            # Waiting about as long as the event has waited nearly doubles the wait each time; not exactly, or a burst
            # that was throttled together would come back together.
            share = 0.5 + self._cloud.ids.random.random() / 2
            delay_s = share * min(max(age_s, 1.0), THROTTLE_DELAY_S_MAX)
            reason = refused.message if isinstance(refused, ServiceError) else "throttled"
            raise TryAgain(reason, delay_s=delay_s, count=False) from None

    async def invoke(self, arn: str, payload: bytes, *, principal: str, source: str, account: str) -> Outcome:
        """See `contracts.functions.Invoker`."""
        ref = from_arn(arn)
        if ref is None:
            raise Undeliverable(f"{arn} is not the ARN of a function.")
        cloud = self._cloud

        def look_up(tx: Reader) -> Runnable:
            self._ask(tx, ref, principal, source, account)
            try:
                return choose(tx, ref, cloud.ids)
            except ResourceNotFoundException as missing:
                raise Undeliverable(missing.message) from None

        runnable = await cloud.store.read(look_up)
        if runnable.function.reserved == 0:
            raise TooManyRequests(RESERVED_REASON)
        invocation = Invocation(
            request_id=cloud.ids.request_id(),
            payload=payload,
            invoked_arn=ref.qualified,
            trace_id=trace_header(cloud),
        )
        return await cloud.compute.invoke(spec(runnable.function, runnable.config), invocation)

    async def check(self, target: str, principal: str, source: str, account: str) -> None:
        """Raise `Undeliverable` when the function does not exist or does not let the service in."""
        ref = from_arn(target)
        if ref is None:
            raise Undeliverable(f"{target} is not the ARN of a function.")

        def ask(tx: Reader) -> None:
            try:
                keys.resolve(tx, ref)
            except ResourceNotFoundException as missing:
                raise Undeliverable(missing.message) from None
            self._ask(tx, ref, principal, source, account)

        await self._cloud.store.read(ask)

    async def _end(self, job: _Job, condition: str, outcome: Outcome | None, count: int) -> None:
        """Send what the function's settings want to hear about the end of an event."""
        good = condition == "Success"
        destination = job.settings.on_success if good else job.settings.on_failure
        dead_letter = "" if good else job.runnable.config.dead_letter
        events: list[Event] = []
        if destination and await self._allowed(job, destination):
            record = _record(job, condition, outcome, count, self._cloud.clock.now_ns() // 1_000_000)
            events.append(self._to_destination(job, destination, record, good))
        if dead_letter and await self._allowed(job, dead_letter):
            events.append(_to_dead_letter(job, dead_letter, condition, outcome))
        if events:
            await self._cloud.store.write(lambda tx: _emit(tx, events))

    async def _allowed(self, job: _Job, destination: str) -> bool:
        """Whether the function's role may send there; without it the record is lost, as on AWS."""
        config, function = job.runnable.config, job.runnable.function
        try:
            session = await self._cloud.directory.role_session(
                config.role, function.name, PRINCIPAL, source_arn=function.arn
            )
        except ServiceError:
            return False
        action = _ACTIONS[parse(destination).service]
        return await self._cloud.store.read(
            lambda tx: self._cloud.guard.decide(tx, session.caller, action, destination, {}).allowed
        )

    def _to_destination(self, job: _Job, destination: str, record: dict[str, Any], good: bool) -> Event:
        place = parse(destination)
        body: dict[str, Any] = record
        if place.service == "events":
            body = {
                "version": "0",
                "id": self._cloud.ids.uuid(),
                "detail-type": f"Lambda Function Invocation Result - {'Success' if good else 'Failure'}",
                "source": "lambda",
                "account": job.runnable.ref.account,
                "time": record["timestamp"],
                "region": job.runnable.ref.region,
                "resources": [destination, job.qualified],
                "detail": record,
            }
        elif place.service == "lambda":
            function = from_arn(destination)
            assert function is not None
            attributes = {"request_id": self._cloud.ids.request_id()}
            return accept(function, orjson.dumps(body), job.qualified, attributes)
        return _event(job, destination, orjson.dumps(body), {})


def _emit(tx: Transaction, events: list[Event]) -> None:
    for event in events:
        tx.emit(event)


def _event(job: _Job, target: str, payload: bytes, attributes: dict[str, str]) -> Event:
    """An event in the name of the function; `role` tells the receiving service who was allowed to send it."""
    ref = job.runnable.ref
    return Event(
        target=target,
        payload=payload,
        source=job.qualified,
        principal=PRINCIPAL,
        account=ref.account,
        region=ref.region,
        attributes={**attributes, "role": job.runnable.config.role},
    )


def _record(job: _Job, condition: str, outcome: Outcome | None, count: int, now_ms: int) -> dict[str, Any]:
    """An invocation record, as destinations receive it."""
    moment = timestamp(now_ms).replace("+0000", "Z")
    record: dict[str, Any] = {
        "version": "1.0",
        "timestamp": moment,
        "requestContext": {
            "requestId": job.request_id,
            "functionArn": job.qualified,
            "condition": condition,
            "approximateInvokeCount": count,
        },
        "requestPayload": _json(job.delivery.event.payload),
    }
    if outcome is not None:
        context: dict[str, Any] = {"statusCode": 200, "executedVersion": job.runnable.config.version}
        if outcome.error:
            context["functionError"] = outcome.error
        record |= {"responseContext": context, "responsePayload": _json(outcome.payload)}
    return record


def _json(data: bytes) -> Any:
    try:
        return orjson.loads(data)
    except orjson.JSONDecodeError:
        return data.decode(errors="replace")


def _to_dead_letter(job: _Job, target: str, condition: str, outcome: Outcome | None) -> Event:
    """The event itself, with why it failed as attributes."""
    message = condition
    if outcome is not None:
        error = _json(outcome.payload)
        message = str(error.get("errorMessage", "")) if isinstance(error, dict) else str(error)
    attributes = {"RequestID": job.request_id, "ErrorCode": "200", "ErrorMessage": message[:_ERROR_MESSAGE_MAX]}
    return _event(job, target, job.delivery.event.payload, attributes)
