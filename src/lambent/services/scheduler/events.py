"""The bus's target for schedules: timers that come due, and invocations until they succeed or are given up.

A timer does its work in one transaction: it emits the invocation and the next timer. One that is repeated, or that a
change has made stale, finds another turn in the record and does nothing. So each scheduled time has one invocation,
which is delivered at least once.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from typing import Any, Final

import msgspec
import orjson

from lambent.contracts import arn
from lambent.contracts.caller import Caller
from lambent.contracts.errors import NotBuilt, ServiceError
from lambent.contracts.events import Delivery, Event, Retry, TryAgain, Undeliverable
from lambent.contracts.ports import Cloud, Transaction

from . import keys, timing
from .model import DELETING, ENABLED, PRINCIPAL, Invocation, Schedule, group_arn_of
from .targets import call_of

PAGE: Final = 100
"""Schedules that one transaction removes with their group."""
DELAY_S_MAX: Final = 480
_MS: Final = 1_000_000
_RETRY: Final = Retry(attempts_max=1000, age_s_max=10 * 86_400)
"""The rules are the schedule's own; the relay's must only be wider."""
_THROTTLES: Final = frozenset(
    ("RequestLimitExceeded", "TooManyRequestsException", "ProvisionedThroughputExceededException", "SlowDown")
)
_PASSING_ENTRIES: Final = ("InternalFailure", "ThrottlingException")
"""Failures of single events that a later PutEvents may not have."""
_SERVER_ERRORS: Final = ("Internal", "ServiceUnavailable", "ServiceException", "ServiceFailure")

_log = logging.getLogger("lambent.scheduler")


class SchedulerTarget:
    """Receives the service's own events."""

    def __init__(self, cloud: Cloud) -> None:
        self._cloud = cloud
        self._tasks: Mapping[str, Callable[[Transaction, Event, dict[str, Any]], None]] = {
            "fire": self._fire,
            "empty": self._empty,
        }

    async def check(self, target: str, principal: str, source: str, account: str) -> None:
        """Schedules are no destination."""
        raise Undeliverable("Schedules are no targets of other services' events.")

    async def deliver(self, delivery: Delivery) -> None:
        """Do one task, or one attempt of an invocation."""
        event = delivery.event
        if event.principal != PRINCIPAL or event.source != event.target:
            raise Undeliverable("Schedules are no targets of other services' events.")
        task = orjson.loads(event.payload)
        if task["task"] == "invoke":
            invocation = msgspec.convert(task["invocation"], Invocation)
            await _Attempt(self._cloud, delivery, invocation).make()
        else:
            await self._cloud.store.write(lambda tx: self._tasks[task["task"]](tx, event, task))

    def _fire(self, tx: Transaction, event: Event, task: dict[str, Any]) -> None:
        """A schedule's time has come: invoke, and wait for the next time."""
        group, name = arn.parse(event.target).resource.split("/")[1:]
        schedule = keys.schedules.get(tx, event.account, event.region, group, name)
        if schedule is None or schedule.id != task["id"] or schedule.turn != task["turn"] or schedule.state != ENABLED:
            return
        now_ms, due_ms = self._cloud.clock.now_ns() // _MS, task["due_ms"]
        oldest_ms = now_ms - schedule.age_s * 1000 - schedule.window_ms
        if due_ms >= oldest_ms:
            self._emit(tx, schedule, due_ms)
        else:
            _log.warning("%s missed its time %s by more than its events may age", schedule.arn, written(due_ms))
        next_ms = timing.next_due_ms(schedule, max(due_ms, oldest_ms - 1))
        if next_ms is None and schedule.after == "DELETE":
            keys.schedules.delete(tx, *schedule.place)
        else:
            timing.arm(tx, self._cloud.ids, schedule, next_ms)

    def _emit(self, tx: Transaction, schedule: Schedule, due_ms: int) -> None:
        invocation = Invocation(
            schedule=schedule.arn,
            id=self._cloud.ids.uuid(),
            due_ms=due_ms,
            target=schedule.target,
            retries=schedule.retries,
            age_s=schedule.age_s,
        )
        task = {"task": "invoke", "invocation": msgspec.to_builtins(invocation)}
        tx.emit(msgspec.structs.replace(timing.own_event(schedule, task), retry=_RETRY))

    def _empty(self, tx: Transaction, event: Event, task: dict[str, Any]) -> None:
        """Remove a page of a deleted group's schedules, in the end the group."""
        name = arn.parse(event.target).resource.split("/")[1]
        group = keys.groups.get(tx, event.account, event.region, name)
        if group is None or group.state != DELETING:
            return
        rows = keys.schedules.scan(tx, event.account, event.region, name, limit=PAGE)
        for key, _ in rows:
            tx.delete(key)
        if len(rows) == PAGE:
            tx.emit(event)
        else:
            keys.groups.delete(tx, event.account, event.region, name)


class _Attempt:
    """One attempt to call a target as the schedule's role."""

    def __init__(self, cloud: Cloud, delivery: Delivery, invocation: Invocation) -> None:
        self._cloud = cloud
        self._account = delivery.event.account
        self._region = delivery.event.region
        self._number = delivery.attempt
        self._began_ns = delivery.emitted_ns
        self._invocation = invocation

    async def make(self) -> None:
        """Call; `TryAgain` while the schedule's retry policy lets it, otherwise the dead-letter queue hears of it."""
        invocation = self._invocation
        text = self._text()
        try:
            caller = await self._assume()
            call = call_of(invocation.target, text, self._region, self._cloud.settings.endpoint)
            answer = await self._cloud.api.call(caller, call.region, call.service, call.operation, call.params)
            failed = next((entry for entry in answer.get("Entries", ()) if "ErrorCode" in entry), None)
            if failed is None or call.operation != "PutEvents":
                return
            code, message = failed["ErrorCode"], failed.get("ErrorMessage", "")
            again = code in _PASSING_ENTRIES
        except ServiceError as error:
            code, message, again = error.code, error.message, _passing(error)
        condition = self._exhausted() if again else ""
        if again and not condition:
            raise TryAgain(f"{code}: {message}", delay_s=self._delay_s)
        await self._bury(text, code, message, condition)

    @property
    def _delay_s(self) -> float:
        return float(min(2 ** min(self._number - 1, 16), DELAY_S_MAX))

    def _exhausted(self) -> str:
        """Which bound of the retry policy is reached; empty when another attempt may be made."""
        if self._number > self._invocation.retries:
            return "MaximumRetryAttempts"
        age_s = (self._cloud.clock.now_ns() - self._began_ns) / 1e9 + self._delay_s
        return "MaximumEventAgeInSeconds" if age_s > self._invocation.age_s else ""

    async def _assume(self) -> Caller:
        role, group = self._invocation.target["RoleArn"], group_arn_of(self._invocation.schedule)
        session = await self._cloud.directory.role_session(role, self._invocation.id, PRINCIPAL, source_arn=group)
        return session.caller

    def _text(self) -> str:
        """The input, its context attributes filled in; EventBridge's own event where none was given."""
        invocation = self._invocation
        given = invocation.target.get("Input")
        if given is None:
            return self._default()
        attributes = {
            "schedule-arn": invocation.schedule,
            "scheduled-time": written(invocation.due_ms),
            "execution-id": invocation.id,
            "attempt-number": str(self._number),
        }
        for name, value in attributes.items():
            given = given.replace(f"<aws.scheduler.{name}>", value)
        return str(given)

    def _default(self) -> str:
        invocation = self._invocation
        return orjson.dumps(
            {
                "version": "0",
                "id": invocation.id,
                "detail-type": "Scheduled Event",
                "source": "aws.scheduler",
                "account": self._account,
                "time": written(invocation.due_ms),
                "region": self._region,
                "resources": [invocation.schedule],
                "detail": "{}",
            }
        ).decode()

    async def _bury(self, text: str, code: str, message: str, condition: str) -> None:
        invocation = self._invocation
        _log.warning("%s gave up %s: %s: %s", invocation.schedule, invocation.target["Arn"], code, message)
        queue = invocation.target.get("DeadLetterConfig", {}).get("Arn", "")
        if not queue:
            return
        place = arn.parse(queue)
        attributes = {
            "ERROR_CODE": code,
            "ERROR_MESSAGE": message[:1024] or code,
            "EXECUTION_ID": invocation.id,
            "EXHAUSTED_RETRY_CONDITION": condition,
            "IS_PAYLOAD_TRUNCATED": "false",
            "RETRY_ATTEMPTS": str(self._number - 1),
            "SCHEDULED_TIME": written(invocation.due_ms),
            "SCHEDULE_ARN": invocation.schedule,
            "TARGET_ARN": invocation.target["Arn"],
        }
        params = {
            "QueueUrl": f"{self._cloud.settings.endpoint}/{place.account}/{place.resource}",
            "MessageBody": text,
            "MessageAttributes": {
                name: {"DataType": "String", "StringValue": value} for name, value in attributes.items() if value
            },
        }
        try:
            await self._cloud.api.call(await self._assume(), place.region, "sqs", "SendMessage", params)
        except ServiceError as error:
            _log.warning("%s cannot reach its dead-letter queue: %s", invocation.schedule, error.message)


def _passing(error: ServiceError) -> bool:
    """Whether a later attempt may do better: the target was throttled or failed; it did not refuse."""
    if isinstance(error, NotBuilt):
        return False
    throttled = error.code in _THROTTLES or "Throttl" in error.code
    return throttled or error.status >= 500 or error.code.startswith(_SERVER_ERRORS)


def written(time_ms: int) -> str:
    """A time as Scheduler writes it."""
    return datetime.fromtimestamp(time_ms // 1000, UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
