"""What a pipe writes of its executions: to a log group, by the level that its configuration names."""

from __future__ import annotations

import logging
from typing import Any, Final

import orjson

from lambent.contracts import arn
from lambent.contracts.caller import root
from lambent.contracts.errors import ServiceError
from lambent.contracts.ports import Cloud

from .model import Pipe

_LEVELS: Final = ("OFF", "ERROR", "INFO", "TRACE")
_log = logging.getLogger("lambent.pipes")


class Journal:
    """The records of one execution; `write` puts them away, as AWS's log delivery does, not as the pipe's role."""

    def __init__(self, cloud: Cloud, pipe: Pipe) -> None:
        self._cloud = cloud
        self._pipe = pipe
        self._execution = cloud.ids.uuid()
        self._level = _LEVELS.index(pipe.log.get("Level", "OFF"))
        self._lines: list[dict[str, Any]] = []

    def note(self, level: str, kind: str, **more: Any) -> None:
        """A step of the execution: its level and type of message."""
        if _LEVELS.index(level) > self._level:
            return
        now_ms = self._cloud.clock.now_ns() // 1_000_000
        record = {
            "resourceArn": self._pipe.arn,
            "timestamp": now_ms,
            "executionId": self._execution,
            "messageType": kind,
            "logLevel": level,
            **more,
        }
        self._lines.append({"timestamp": now_ms, "message": orjson.dumps(record).decode()})

    def payload(self, events: Any) -> dict[str, Any]:
        """The execution's data, where the configuration wants it."""
        wanted = "ALL" in self._pipe.log.get("IncludeExecutionData", ())
        return {"payload": orjson.dumps(events).decode()} if wanted else {}

    async def write(self) -> None:
        """Put the records away; a group that is not there loses them."""
        destination = self._pipe.log.get("CloudwatchLogsLogDestination", {}).get("LogGroupArn", "")
        if not self._lines or not destination:
            return
        place = arn.parse(destination)
        stream = {
            "logGroupName": place.resource.removeprefix("log-group:").removesuffix(":*"),
            "logStreamName": f"{self._pipe.name}-{self._pipe.id}",
        }
        caller = root(place.account)
        try:
            await self._make(caller, place.region, stream)
            params = {**stream, "logEvents": self._lines}
            await self._cloud.api.call(caller, place.region, "logs", "PutLogEvents", params)
        except ServiceError as error:
            _log.warning("%s cannot write its log: %s", self._pipe.arn, error.message)

    async def _make(self, caller: Any, region: str, stream: dict[str, str]) -> None:
        try:
            await self._cloud.api.call(caller, region, "logs", "CreateLogStream", stream)
        except ServiceError as error:
            if error.code != "ResourceAlreadyExistsException":
                raise
