"""The pollers of pipes: those of event source mappings, with a pipe's execution in the place of a function's.

A pipe is polled as the mapping `PipeMapping` that it comes to: leases, batches, filters, retries and positions are the
same. What differs is who is asked (the pipe's role), what is run, and what is told of records that are given up.
"""

from __future__ import annotations

import datetime
import logging
from collections.abc import Callable
from types import SimpleNamespace
from typing import Any, cast

import orjson
from msgspec.structs import replace

from lambent.blobs.errors import BlobsUnreachable
from lambent.contracts import arn as arns
from lambent.contracts.caller import Credential
from lambent.contracts.errors import ServiceError
from lambent.contracts.ports import Reader, Transaction
from lambent.kv.errors import StoreError
from lambent.services.lambda_.mappings import keys as mapping_keys
from lambent.services.lambda_.mappings.model import (
    BATCH_DEFAULT,
    CREATING,
    DELETING,
    DISABLED,
    DISABLING,
    ENABLED,
    ENABLING,
    UPDATING,
    Mapping,
)
from lambent.services.lambda_.running import Runnable
from lambent.services.pipes import model as pipe_model
from lambent.services.pipes.keys import pipes, put_pipe
from lambent.services.pipes.logs import Journal
from lambent.services.pipes.model import PRINCIPAL, Pipe
from lambent.services.pipes.running import Execution

from . import keys, leases
from .crew import Crew, View
from .keys import Lease
from .lanes import Lane
from .leases import Held, Place
from .records import Record
from .streams import ShardPoller
from .work import Answer, NotRun, Work

CALLER_LIFETIME_NS = 600 * 1_000_000_000
"""How long a session of a pipe's role is kept. Its permissions are looked at with every call."""
STEP_S = 300
"""How long an enrichment or a target may take: Pipes' own limit, whatever a function's timeout is."""
_STATES = {
    pipe_model.RUNNING: ENABLED,
    pipe_model.STOPPED: DISABLED,
    pipe_model.CREATING: CREATING,
    pipe_model.UPDATING: UPDATING,
    pipe_model.STARTING: ENABLING,
    pipe_model.STOPPING: DISABLING,
    pipe_model.DELETING: DELETING,
}
_THROTTLES = frozenset(("TooManyRequestsException", "RequestLimitExceeded", "ProvisionedThroughputExceededException"))
_NO_LEASE = Held(Place("", ""), Lease("", ""))

_log = logging.getLogger("lambent.pollers")


class PipeMapping(Mapping, frozen=True, kw_only=True, dict=True):
    """A pipe as pollers see it."""

    pipe: Pipe

    @property
    def arn(self) -> str:
        """The pipe's ARN."""
        return self.pipe.arn


def mapping_of(pipe: Pipe) -> PipeMapping:
    """What a pipe comes to."""
    polling = pipe.polling
    kind = "sqs" if arns.parse(pipe.source).service == "sqs" else "dynamodb"
    return PipeMapping(
        pipe=pipe,
        id=pipe.id,
        account=pipe.account,
        region=arns.parse(pipe.source).region or pipe.region,
        function=pipe.name,
        source=pipe.source,
        enabled=pipe.desired == pipe_model.RUNNING,
        state=_STATES[pipe.state],
        reason="",
        modified_ms=pipe.modified_ms,
        revision=pipe.revision,
        batch=polling.get("BatchSize", BATCH_DEFAULT[kind]),  # type: ignore[index]
        window_s=polling.get("MaximumBatchingWindowInSeconds", 0),
        filters=pipe.filters,
        reports=True,
        bisect=polling.get("OnPartialBatchItemFailure") == "AUTOMATIC_BISECT",
        age_s=polling.get("MaximumRecordAgeInSeconds", -1),
        retries=polling.get("MaximumRetryAttempts", -1),
        parallel=polling.get("ParallelizationFactor", 1),
        position=polling.get("StartingPosition", ""),
    )


class PipeWork(Work):
    """One lease's share of a pipe."""

    mapping: PipeMapping
    _session: tuple[int, Credential] | None = None

    @property
    def pipe(self) -> Pipe:
        """The pipe."""
        return self.mapping.pipe

    async def runnable(self) -> Runnable:
        """What pollers ask of a function: how long a batch may take."""
        return cast("Runnable", SimpleNamespace(config=SimpleNamespace(role=self.pipe.role, timeout_s=STEP_S)))

    async def session(self) -> Credential:
        """A session of the pipe's role; `ServiceError` when Pipes may not assume it."""
        if self._session is None or self._session[0] <= self.now_ns:
            pipe = self.pipe
            session = await self.cloud.directory.role_session(pipe.role, pipe.id, PRINCIPAL, source_arn=pipe.arn)
            self._session = (self.now_ns + CALLER_LIFETIME_NS, session)
        return self._session[1]

    async def call(self, service: str, operation: str, params: dict[str, Any]) -> dict[str, Any]:
        """Call an operation of the source as the pipe's role."""
        return await self.call_in(self.mapping.region, service, operation, params)

    async def call_in(self, region: str, service: str, operation: str, params: dict[str, Any]) -> dict[str, Any]:
        """Call an operation in a region as the pipe's role."""
        return await self.cloud.api.call((await self.session()).caller, region, service, operation, params)

    async def invoke(self, payload: bytes) -> Answer:
        """Carry a batch through the pipe; `NotRun` when a step is throttled, or the store is away."""
        events = orjson.loads(payload)["Records"]
        ids = [_id(event) for event in events]
        journal = Journal(self.cloud, self.pipe)
        journal.note("INFO", "ExecutionStarted", **journal.payload(events))
        try:
            outcome = await Execution(self.cloud, self.pipe, self, journal).run(events, ids)
        except (StoreError, BlobsUnreachable) as error:
            raise NotRun(f"the store failed: {error}", passing=True) from None
        except ServiceError as error:
            if error.code in _THROTTLES or "Throttl" in error.code:
                journal.note("ERROR", "ExecutionThrottled")
                await journal.write()
                raise NotRun("throttled", passing=True) from None
            return await self._ended(journal, b"", f"{error.code}: {error.message}")
        if not outcome.error:
            journal.note("INFO", "ExecutionSucceeded")
            await journal.write()
            return Answer(b"", "", "", "")
        if len(outcome.failed) == len(events):
            return await self._ended(journal, b"", outcome.error)
        failures = [{"itemIdentifier": ids[place]} for place in sorted(outcome.failed)]
        journal.note("ERROR", "ExecutionPartiallyFailed", error={"message": outcome.error})
        await journal.write()
        return Answer(orjson.dumps({"batchItemFailures": failures}), "", "", "")

    async def _ended(self, journal: Journal, payload: bytes, error: str) -> Answer:
        """The whole batch failed."""
        _log.warning("%s: %s", self.pipe.arn, error)
        journal.note("ERROR", "ExecutionFailed", error={"message": error})
        await journal.write()
        return Answer(payload, error, "", "")

    async def tell(self, problem: str) -> None:
        """Say what is wrong, once: in the log, and as the pipe's StateReason."""
        if problem != self._problem:
            self._problem = problem
            _log.warning("%s from %s: %s", self.pipe.arn, self.pipe.source, problem)
            await self.commit(lambda tx: note_reason(tx, self.pipe, problem[:512]))


def _id(event: dict[str, Any]) -> str:
    return str(event["messageId"] if "messageId" in event else event["dynamodb"]["SequenceNumber"])


def note_reason(tx: Transaction, pipe: Pipe, reason: str) -> None:
    """Keep a pipe's StateReason, unless the pipe was changed meanwhile."""
    now = pipes.get(tx, *pipe.place)
    if now is not None and (now.id, now.revision) == (pipe.id, pipe.revision) and now.reason != reason:
        pipes.put(tx, replace(now, reason=reason), *now.place)


class _PipeLane(Lane):
    """A lane whose records that are given up are told of in Pipes' words."""

    async def _give_up(self, records: list[Record], condition: str, attempts: int, answer: Answer | None) -> None:
        work = cast("PipeWork", self._work)
        destination = work.pipe.polling.get("DeadLetterConfig", {}).get("Arn", "")
        if destination:
            body = _dead_letter(work, self._shard.name, records, condition)
            try:
                await _send(work, destination, body)
            except ServiceError as error:
                _log.warning("%s cannot reach its destination: %s", work.pipe.arn, error.message)
        await self._finish(records)


async def _send(work: PipeWork, destination: str, body: str) -> None:
    place = arns.parse(destination)
    if place.service == "sns":
        await work.call_in(place.region, "sns", "Publish", {"TopicArn": destination, "Message": body})
        return
    url = f"{work.cloud.settings.endpoint}/{place.account}/{place.resource}"
    await work.call_in(place.region, "sqs", "SendMessage", {"QueueUrl": url, "MessageBody": body})


def _dead_letter(work: PipeWork, shard: str, records: list[Record], condition: str) -> str:
    def moment(time_ms: int, digits: str = "seconds") -> str:
        time = datetime.datetime.fromtimestamp(time_ms / 1000, datetime.UTC).isoformat(timespec=digits)
        return time.replace("+00:00", "Z")

    record = {
        "context": {"partnerResourceArn": work.pipe.arn, "condition": condition},
        "version": "1.0",
        "timestamp": moment(work.now_ns // 1_000_000, "milliseconds"),
        "DDBStreamBatchInfo": {
            "shardId": shard,
            "startSequenceNumber": records[0].id,
            "endSequenceNumber": records[-1].id,
            "approximateArrivalOfFirstRecord": moment(records[0].at_ms),
            "approximateArrivalOfLastRecord": moment(records[-1].at_ms),
            "batchSize": len(records),
            "streamArn": work.pipe.source,
        },
    }
    return orjson.dumps(record).decode()


class _PipeShardPoller(ShardPoller):
    """A shard's poller with lanes of pipes."""

    def lane(self, number: int) -> Lane:
        """The lane of that number."""
        return _PipeLane(self, number)


class PipeCrew(Crew):
    """This node's pollers of pipes."""

    def _survey(self, tx: Reader) -> View:
        found: list[Mapping] = [mapping_of(pipe) for _, pipe in pipes.scan(tx)]
        ids = {mapping.id for mapping in found}
        shared = self._cloud.store.shared
        return View(
            found,
            {place: lease for place, lease in leases.every_lease(tx).items() if place.mapping in ids},
            {mapping.id: keys.share_count(tx, mapping.id) for mapping in found if mapping.kind == "sqs"},
            leases.living(tx, self._node, shared),
            leases.willing(tx, self._node, shared),
        )

    def _work(self, mapping: Mapping, held: Held) -> PipeWork:
        return PipeWork(self._cloud, mapping, held, self._roles)

    def _shard_poller(self, work: Work, shard: str) -> ShardPoller:
        return _PipeShardPoller(work, shard)

    async def _describe(self, mapping: Mapping) -> tuple[str, ...]:
        pipe = cast("PipeMapping", mapping).pipe
        work = PipeWork(self._cloud, mapping, _NO_LEASE, self._roles)
        answer = await work.call("dynamodbstreams", "DescribeStream", {"StreamArn": pipe.source})
        return tuple(shard["ShardId"] for shard in answer["StreamDescription"]["Shards"])

    def _problem(self, mapping: Mapping, problem: str) -> Callable[[Transaction], None]:
        return lambda tx: note_reason(tx, cast("PipeMapping", mapping).pipe, problem[:512])

    def _end(self, tx: Transaction, mapping: Mapping) -> None:
        """End a transition, unless the pipe was changed again, or somebody polls who should not."""
        seen = cast("PipeMapping", mapping).pipe
        now = pipes.get(tx, *seen.place)
        if now is None or (now.id, now.revision) != (seen.id, seen.revision):
            return
        if now.state not in pipe_model.TRANSITIONS:
            return
        if mapping.enabled:
            put_pipe(tx, replace(now, state=pipe_model.RUNNING))
            return
        if not self._released(tx, mapping):
            return
        if now.state == pipe_model.DELETING:
            pipes.delete(tx, *now.place)
            keys.forget_mapping(tx, now.id)
            mapping_keys.results.delete(tx, now.id)
        else:
            put_pipe(tx, replace(now, state=pipe_model.STOPPED))
