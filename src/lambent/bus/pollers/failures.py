"""What is told to the on-failure destination of a stream's mapping about records that were given up."""

from __future__ import annotations

import datetime
from collections.abc import Sequence
from typing import Any

import orjson

from lambent.contracts import arn
from lambent.contracts.events import Event
from lambent.services.lambda_.events import PRINCIPAL

from .records import Record, event
from .work import Answer, Work

EXHAUSTED = "RetryAttemptsExhausted"
TOO_OLD = "RecordAgeExceeded"
_ACTIONS = {"sqs": "sqs:SendMessage", "sns": "sns:Publish"}


def _moment(time_ms: int, digits: str = "seconds") -> str:
    text = datetime.datetime.fromtimestamp(time_ms / 1000, datetime.UTC).isoformat(timespec=digits)
    return text.replace("+00:00", "Z")


class Failure:
    """A batch that was given up: its records, why, after how many invocations and the last of them."""

    def __init__(
        self, work: Work, shard: str, records: Sequence[Record], condition: str, count: int, answer: Answer | None
    ) -> None:
        self._work = work
        self._shard = shard
        self._records = records
        self._condition = condition
        self._count = count
        self._answer = answer
        self._now_ms = work.now_ns // 1_000_000

    async def send(self) -> Event | None:
        """Put the record into a bucket, or return the event that tells a queue or topic; None where nobody wants to
        hear of it, or the role may not send there: it is lost then, as on AWS."""
        mapping = self._work.mapping
        if not mapping.on_failure:
            return None
        service = arn.parse(mapping.on_failure).service
        if service == "s3":
            await self._store()
            return None
        if not await self._work.allowed(_ACTIONS[service], mapping.on_failure):
            return None
        role = (await self._work.runnable()).config.role
        return Event(
            target=mapping.on_failure,
            payload=orjson.dumps(self._record()),
            source=mapping.target.arn,
            principal=PRINCIPAL,
            account=mapping.account,
            region=mapping.region,
            attributes={"role": role},
        )

    def _record(self) -> dict[str, Any]:
        mapping, answer, records = self._work.mapping, self._answer, self._records
        shown: dict[str, Any] = {
            "requestContext": {
                "requestId": answer.request_id if answer is not None else self._work.cloud.ids.uuid(),
                "functionArn": mapping.target.qualified,
                "condition": self._condition,
                "approximateInvokeCount": max(1, self._count),
            }
        }
        if answer is not None:
            shown["responseContext"] = {
                "statusCode": 200,
                "executedVersion": answer.version,
                "functionError": answer.error or None,
            }
        shown |= {"version": "1.0", "timestamp": _moment(self._now_ms, "milliseconds")}
        shown["DDBStreamBatchInfo"] = {
            "shardId": self._shard,
            "startSequenceNumber": records[0].id,
            "endSequenceNumber": records[-1].id,
            "approximateArrivalOfFirstRecord": _moment(records[0].at_ms),
            "approximateArrivalOfLastRecord": _moment(records[-1].at_ms),
            "batchSize": len(records),
            "streamArn": mapping.source,
        }
        return shown

    async def _store(self) -> None:
        """A bucket gets the whole invocation record, the batch itself included."""
        mapping = self._work.mapping
        moment = datetime.datetime.fromtimestamp(self._now_ms / 1000, datetime.UTC)
        name = f"{moment:%Y-%m-%dT%H.%M.%S}-{self._work.cloud.ids.uuid()}"
        body = {**self._record(), "payload": event(self._records).decode()}
        params = {
            "Bucket": arn.parse(mapping.on_failure).resource,
            "Key": f"aws/lambda/{mapping.id}/{self._shard}/{moment:%Y/%m/%d}/{name}",
            "Body": orjson.dumps(body),
        }
        await self._work.call("s3", "PutObject", params)
