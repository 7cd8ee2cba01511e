"""One execution of a pipe: a batch of events goes through the enrichment to the target, in the name of its role.

Each step is a call in process as the role, so that its permissions are asked as those of any caller.
"""

from __future__ import annotations

import logging
from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any, Final, NamedTuple, Protocol, cast

import orjson

from lambent.contracts import arn
from lambent.contracts.caller import Credential
from lambent.contracts.errors import ServiceError
from lambent.contracts.events import TryAgain, Undeliverable
from lambent.contracts.ports import Cloud

from .checks import DESTINATION, kind_of
from .logs import Journal
from .model import Pipe
from .templates import dynamic, find, render, text


class Role(Protocol):
    """The pipe's role at work."""

    async def call_in(self, region: str, service: str, operation: str, params: dict[str, Any]) -> dict[str, Any]:
        """Call an operation as the role; raises `ServiceError`."""
        ...

    async def session(self) -> Credential:
        """The session of the role; raises `ServiceError`."""
        ...


class Outgoing(Protocol):
    """What EventBridge's target offers to pipes."""

    async def ask(
        self, target: str, given: Mapping[str, Any], payload: bytes, credential: Credential, source: str
    ) -> bytes:
        """Call an API destination or an API's stage: the body of a good answer, `Undeliverable` or `TryAgain`."""
        ...


_log: Final = logging.getLogger("lambent.pipes")
_ENTRIES_MAX: Final = 10
_PAIRS: Final = ("HeaderParameters", "QueryStringParameters")


class Outcome(NamedTuple):
    """What an execution came to: the places of the events that failed, and why (empty: all is well)."""

    failed: frozenset[int]
    error: str = ""


class _Failed(Exception):
    """A function ended with an error."""


class Execution:
    """One batch on its way, in the name of `role`."""

    def __init__(self, cloud: Cloud, pipe: Pipe, role: Role, journal: Journal) -> None:
        self._cloud = cloud
        self._pipe = pipe
        self._role = role
        self._call = role.call_in
        self._journal = journal

    async def run(self, events: list[dict[str, Any]], ids: list[str]) -> Outcome:
        """Carry the events, whose identifiers (message ids, sequence numbers) are `ids`. Raises `ServiceError` when a
        step was refused."""
        everything = frozenset(range(len(events)))
        try:
            found: Any = events
            if self._pipe.enrichment:
                self._journal.note("INFO", "EnrichmentStageEntered")
                found = await self._enrich(events)
                named = _named(found, ids)
                if named:
                    return Outcome(named, "the enrichment failed for some events")
                self._journal.note("INFO", "EnrichmentStageSucceeded")
            if isinstance(found, dict):
                found = [found]
            if not found:
                return Outcome(frozenset())
            self._journal.note("INFO", "TargetStageEntered")
            failed = await self._send(found if isinstance(found, list) else [found], ids)
        except _Failed as error:
            return Outcome(everything, str(error))
        if not failed:
            self._journal.note("INFO", "TargetStageSucceeded")
            return Outcome(frozenset())
        # What came out of an enrichment is not the events that went in: then the whole batch failed.
        exact = not self._pipe.enrichment or self._is_function
        return Outcome(failed if exact else everything, "the target failed for some events")

    @property
    def _is_function(self) -> bool:
        return arn.parse(self._pipe.target).service == "lambda"

    def _rendered(self, parameters: dict[str, Any], event: Any) -> Any:
        pipe = self._pipe
        now = datetime.fromtimestamp(self._cloud.clock.now_ns() / 1e9, UTC)
        variables = {
            "aws.pipes.pipe-arn": pipe.arn,
            "aws.pipes.pipe-name": pipe.name,
            "aws.pipes.source-arn": pipe.source,
            "aws.pipes.enrichment-arn": pipe.enrichment,
            "aws.pipes.target-arn": pipe.target,
            "aws.pipes.event.ingestion-time": now.isoformat(timespec="milliseconds").replace("+00:00", "Z"),
        }
        return render(parameters.get("InputTemplate", ""), event, variables)

    async def _enrich(self, events: list[dict[str, Any]]) -> Any:
        parameters, enrichment = self._pipe.enrichment_parameters, self._pipe.enrichment
        payload = [self._rendered(parameters, event) for event in events]
        if kind_of(arn.parse(enrichment)) == "lambda":
            return await self._invoke(enrichment, payload)
        given = self._http_parameters(parameters, events[0])
        body = await self._ask(enrichment, given, orjson.dumps(payload))
        try:
            return orjson.loads(body or b"null")
        except orjson.JSONDecodeError:
            raise _Failed(f"{enrichment} answered with something that is not JSON") from None

    async def _ask(self, target: str, given: dict[str, Any], payload: bytes) -> bytes:
        """Call an API destination or a stage of API Gateway."""
        events = cast("Outgoing", self._cloud.targets["events"])
        try:
            return await events.ask(target, given, payload, await self._role.session(), self._pipe.arn)
        except (TryAgain, Undeliverable) as refused:
            raise _Failed(str(refused)) from None

    def _http_parameters(self, parameters: dict[str, Any], event: Any) -> dict[str, Any]:
        """HttpParameters with the event's values in the place of paths."""
        given = parameters.get("HttpParameters", {})
        found = {
            name: {key: text(dynamic(value, event)) for key, value in given.get(name, {}).items()} for name in _PAIRS
        }
        values = [text(dynamic(value, event)) for value in given.get("PathParameterValues", ())]
        return {**found, "PathParameterValues": values}

    async def _invoke(self, function: str, payload: Any, kind: str = "RequestResponse") -> Any:
        params = {"FunctionName": function, "InvocationType": kind, "Payload": orjson.dumps(payload)}
        answer = await self._call(arn.parse(function).region, "lambda", "Invoke", params)
        if "FunctionError" in answer:
            raise _Failed(f"{function} failed: {bytes(answer['Payload'])[:200]!r}")
        try:
            return orjson.loads(answer.get("Payload") or b"null")
        except orjson.JSONDecodeError:
            return None

    # -- targets ------------------------------------------------------------------------------------------------------

    async def _send(self, events: list[Any], ids: list[str]) -> frozenset[int]:
        """Hand events to the target; returns the places of those that it did not take."""
        place = arn.parse(self._pipe.target)
        shown = [self._rendered(self._pipe.target_parameters, event) for event in events]
        if place.service == "lambda":
            kind = self._parameters("LambdaFunctionParameters").get("InvocationType", "REQUEST_RESPONSE")
            later = kind == "FIRE_AND_FORGET"
            answer = await self._invoke(self._pipe.target, shown, "Event" if later else "RequestResponse")
            return frozenset() if later else _named(answer, ids)
        if place.service == "logs":
            await self._to_logs(events, shown)
            return frozenset()
        if kind_of(place) in ("execute-api", DESTINATION):
            return await self._to_web(events, shown)
        failed: set[int] = set()
        for start in range(0, len(events), _ENTRIES_MAX):
            some = range(start, min(start + _ENTRIES_MAX, len(events)))
            failed |= await self._batch(place, {at: (events[at], shown[at]) for at in some})
        return frozenset(failed)

    async def _to_web(self, events: list[Any], shown: list[Any]) -> frozenset[int]:
        """Ask once for each event, in their order."""
        failed: set[int] = set()
        for at, (event, one) in enumerate(zip(events, shown, strict=True)):
            given = self._http_parameters(self._pipe.target_parameters, event)
            try:
                await self._ask(self._pipe.target, given, text(one).encode())
            except _Failed as error:
                _log.warning("%s: %s", self._pipe.arn, error)
                failed.add(at)
        return frozenset(failed)

    def _parameters(self, name: str) -> dict[str, Any]:
        found: dict[str, Any] = self._pipe.target_parameters.get(name, {})
        return found

    async def _batch(self, place: arn.Arn, events: dict[int, tuple[Any, Any]]) -> set[int]:
        """Hand some events to a queue, a topic or a bus."""
        if place.service == "events":
            entries = [self._bus_entry(*pair) for pair in events.values()]
            answer = await self._call(place.region, "events", "PutEvents", {"Entries": entries})
            return {at for at, entry in zip(events, answer["Entries"], strict=True) if "ErrorCode" in entry}
        if place.service == "sqs":
            url = f"{self._cloud.settings.endpoint}/{place.account}/{place.resource}"
            entries = [self._queue_entry(str(at), *pair) for at, pair in events.items()]
            params = {"QueueUrl": url, "Entries": entries}
            answer = await self._call(place.region, "sqs", "SendMessageBatch", params)
        else:
            entries = [{"Id": str(at), "Message": text(shown)} for at, (_, shown) in events.items()]
            params = {"TopicArn": self._pipe.target, "PublishBatchRequestEntries": entries}
            answer = await self._call(place.region, "sns", "PublishBatch", params)
        return {int(entry["Id"]) for entry in answer.get("Failed", ())}

    def _queue_entry(self, id: str, event: Any, shown: Any) -> dict[str, Any]:
        given = self._parameters("SqsQueueParameters")
        more = {name: dynamic(value, event) for name, value in given.items()}
        return {"Id": id, "MessageBody": text(shown), **more}

    def _bus_entry(self, event: Any, shown: Any) -> dict[str, Any]:
        given, pipe = self._parameters("EventBridgeEventBusParameters"), self._pipe
        kind = arn.parse(pipe.source).service
        entry: dict[str, Any] = {
            "EventBusName": pipe.target,
            "Source": dynamic(given.get("Source", f"Pipe {pipe.name}"), event),
            "DetailType": dynamic(given.get("DetailType", f"Event from aws:{kind}"), event),
            "Detail": text(shown),
            "Resources": [dynamic(one, event) for one in given.get("Resources", ())],
        }
        if "Time" in given:
            entry["Time"] = _time(find(event, given["Time"]), self._cloud.clock.now_ns())
        return entry

    async def _to_logs(self, events: list[Any], shown: list[Any]) -> None:
        given, place = self._parameters("CloudWatchLogsParameters"), arn.parse(self._pipe.target)
        stream = {
            "logGroupName": place.resource.removeprefix("log-group:").removesuffix(":*"),
            "logStreamName": given["LogStreamName"],
        }
        now_ns, path = self._cloud.clock.now_ns(), given.get("Timestamp", "")
        lines: list[dict[str, Any]] = []
        for event, line in zip(events, shown, strict=True):
            time = _time(find(event, path) if path else None, now_ns)
            lines.append({"timestamp": int(time.timestamp() * 1000), "message": text(line)})
        lines.sort(key=lambda line: line["timestamp"])
        params = {**stream, "logEvents": lines}
        try:
            await self._call(place.region, "logs", "PutLogEvents", params)
        except ServiceError as error:
            if error.code != "ResourceNotFoundException" or "stream" not in error.message:
                raise
            await self._call(place.region, "logs", "CreateLogStream", stream)
            await self._call(place.region, "logs", "PutLogEvents", params)


def _named(answer: Any, ids: list[str]) -> frozenset[int]:
    """The places of the events that a partial batch response names; all of them where it names an unknown one."""
    named = answer.get("batchItemFailures") if isinstance(answer, dict) else None
    if not named:
        return frozenset()
    places = {id: place for place, id in enumerate(ids)}
    found: set[int] = set()
    for item in named if isinstance(named, list) else [named]:
        place = places.get(str(item.get("itemIdentifier"))) if isinstance(item, dict) else None
        if place is None:
            return frozenset(range(len(ids)))
        found.add(place)
    return frozenset(found)


def _time(given: Any, now_ns: int) -> datetime:
    """A time that an event tells: ISO text, or seconds or milliseconds since the epoch; now when it tells none."""
    try:
        if isinstance(given, str) and not given.isdigit():
            time = datetime.fromisoformat(given)
            return time if time.tzinfo else time.replace(tzinfo=UTC)
        number = float(given)
        return datetime.fromtimestamp(number / 1000 if number > 1e11 else number, UTC)
    except (ValueError, TypeError, OverflowError, OSError):
        return datetime.fromtimestamp(now_ns / 1e9, UTC)
