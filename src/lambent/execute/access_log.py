"""Logs of APIs on their way to CloudWatch Logs: lines by a format, and batches that no request waits for.

`written` fills a format of `$context` variables; `LogWriter` (a part of the room) puts lines into log groups. Lines
that wait go out together; while a batch is written the next one gathers. What cannot be written is lost, as on AWS: an
API does not fail for its logs.
"""

from __future__ import annotations

import hashlib
import logging
import re
from collections.abc import Callable
from typing import Any, Final, NamedTuple

from lambent.contracts.arn import parse
from lambent.contracts.caller import Caller, root
from lambent.contracts.errors import ServiceError
from lambent.contracts.ports import Cloud
from lambent.kv.errors import StoreError

from .sessions import Sessions

WAITING_BYTES_MAX: Final = 4 << 20
LINE_BYTES_MAX: Final = 262_118
"""The longest log event that CloudWatch Logs takes, less its overhead."""
_BATCH_LINES_MAX: Final = 2_000
_BATCH_BYTES_MAX: Final = 1_000_000
_LINE_OVERHEAD_BYTES: Final = 26
_VARIABLE = re.compile(r"\$context((?:\.[A-Za-z0-9_-]+)+)")
_CONTROL: Final = {code: f"\\u{code:04x}" for code in (*range(32), 127)}
_log = logging.getLogger("lambent.execute")


class Place(NamedTuple):
    """Where lines go. `role` is the role that writes them (the account's CloudWatch role of REST APIs), or empty for
    the account itself; `create` says that the group is made when it is missing."""

    account: str
    region: str
    group: str
    stream: str
    role: str = ""
    create: bool = False


def written(format: str, value: Callable[[str], str | None]) -> str:
    """A line: `format` with its `$context` variables. `value` gives the text of one by its dotted name without
    `$context.`; one without a value is `-`. What stands between quotation marks stays there: a client's header can end
    neither a text nor a line."""

    def filled(match: re.Match[str]) -> str:
        found = value(match[1][1:])
        if found is None:
            return "-"
        quoted = format.count('"', 0, match.start()) % 2 == 1
        if quoted:
            found = found.replace("\\", "\\\\").replace('"', '\\"')
        return found if found.isprintable() else found.translate(_CONTROL)

    return _VARIABLE.sub(filled, format)


def place_of(cloud: Cloud, destination: str, account: str, owner: str, role: str = "") -> Place | None:
    """Where an access log goes whose destination is the ARN of a log group; None for any other. `owner` names the API
    and stage: each has a log stream of its own on each node."""
    try:
        arn = parse(destination)
    except ValueError:
        return None
    kind, _, group = arn.resource.partition(":")
    if arn.service != "logs" or kind != "log-group" or arn.account not in ("", account):
        return None  # an API writes into no other account's logs
    return Place(account, arn.region, group.removesuffix(":*"), stream_of(cloud, owner), role)


def stream_of(cloud: Cloud, owner: str) -> str:
    """The log stream of an API's stage on this node: 32 digits, as AWS names them."""
    return hashlib.md5(f"{cloud.store.node}/{owner}".encode(), usedforsecurity=False).hexdigest()


class LogWriter:
    """Writes lines to log groups, behind the requests."""

    def __init__(self, cloud: Cloud) -> None:
        self._cloud = cloud
        self._sessions = Sessions(cloud)
        self._waiting: dict[Place, list[tuple[int, str]]] = {}
        self._bytes = 0
        self._busy = False
        self.dropped = 0
        """Lines that were lost because too many waited, or nobody would take them."""

    def add(self, place: Place, time_ms: int, text: str) -> None:
        """One line more. Never waits and never fails."""
        text = text[: LINE_BYTES_MAX // 4] if len(text) > LINE_BYTES_MAX // 4 else text
        size = len(text) + _LINE_OVERHEAD_BYTES
        if self._bytes + size > WAITING_BYTES_MAX:
            self.dropped += 1
            return
        self._bytes += size
        self._waiting.setdefault(place, []).append((time_ms, text))
        if not self._busy:
            self._busy = True
            self._cloud.spawn(self._write())

    async def _write(self) -> None:
        try:
            while self._waiting:
                batch, self._waiting, self._bytes = self._waiting, {}, 0
                for place, lines in batch.items():
                    await self._put(place, lines)
        finally:
            self._busy = False

    async def _put(self, place: Place, lines: list[tuple[int, str]]) -> None:
        lines.sort(key=lambda line: line[0])
        try:
            caller = await self._caller(place)
            for part in _parts(lines):
                await self._send(place, caller, part)
        except (ServiceError, StoreError) as error:
            self.dropped += len(lines)
            _log.info("lines for %s are lost: %s", place.group, error)

    async def _caller(self, place: Place) -> Caller:
        if not place.role:
            return root(place.account)
        source = f"arn:aws:apigateway:{place.region}::/account"
        return (await self._sessions.assume(place.role, source)).caller

    async def _send(self, place: Place, caller: Caller, lines: list[tuple[int, str]]) -> None:
        where = {"logGroupName": place.group, "logStreamName": place.stream}
        events = [{"timestamp": time_ms, "message": text} for time_ms, text in lines if text]
        try:
            await self._logs(place, caller, "PutLogEvents", {**where, "logEvents": events})
        except ServiceError as error:
            if error.code != "ResourceNotFoundException":
                raise
            if place.create:
                await self._make(place, caller, "CreateLogGroup", {"logGroupName": place.group})
            await self._make(place, caller, "CreateLogStream", where)
            await self._logs(place, caller, "PutLogEvents", {**where, "logEvents": events})

    async def _make(self, place: Place, caller: Caller, operation: str, params: dict[str, Any]) -> None:
        try:
            await self._logs(place, caller, operation, params)
        except ServiceError as error:
            if error.code != "ResourceAlreadyExistsException":
                raise

    async def _logs(self, place: Place, caller: Caller, operation: str, params: dict[str, Any]) -> None:
        await self._cloud.api.call(caller, place.region, "logs", operation, params)


def _parts(lines: list[tuple[int, str]]) -> list[list[tuple[int, str]]]:
    """The lines in batches that PutLogEvents takes."""
    parts: list[list[tuple[int, str]]] = []
    size = 0
    for line in lines:
        length = len(line[1].encode("utf-8", "replace")) + _LINE_OVERHEAD_BYTES
        if not parts or len(parts[-1]) >= _BATCH_LINES_MAX or size + length > _BATCH_BYTES_MAX:
            parts.append([])
            size = 0
        parts[-1].append(line)
        size += length
    return parts
