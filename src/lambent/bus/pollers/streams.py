"""A poller of one shard of a stream: reads it in order, hands its records to lanes, starts where the last one ended."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from typing import Any, NamedTuple

from lambent.contracts import arn
from lambent.contracts.errors import ServiceError
from lambent.contracts.ports import Reader, Transaction
from lambent.kv.errors import StoreError
from lambent.services.dynamodb import keys as dynamodb_keys
from lambent.services.dynamodb.changes import last_sequence, sequence_text
from lambent.services.dynamodb.model import StreamRecord

from . import keys
from .keys import Position
from .lanes import SECOND_NS, Lane, persist, put_away
from .progress import Progress
from .records import change, change_record
from .signals import Signal
from .work import Work

PAGE = 1000
READ_AHEAD_MAX = 10_000
"""Records that were read and are not done; more are not read until some are."""
LOOK_NS = 60 * SECOND_NS
LOOK_SHARED_NS = 5 * SECOND_NS
"""How long to wait for a hint that there is something to read: the hint of another node may be lost."""
PAUSE_S_MAX = 60
_TRIMMED = "TrimmedDataAccessException"
_EXPIRED = "ExpiredIteratorException"


def _stream(tx: Reader, source: str) -> StreamRecord | None:
    place = arn.parse(source)
    _, table, _, label = place.resource.split("/", 3)
    return dynamodb_keys.streams.get(tx, place.account, place.region, table, label)


class Sight(NamedTuple):
    """A stream as its poller finds it: its topic (empty: it is gone), and where to begin."""

    topic: bytes
    position: Position


class ShardPoller:
    """Polls the shard `name` until it is stopped, or loses its lease."""

    def __init__(self, work: Work, name: str) -> None:
        self.work = work
        self.name = name
        self.stopping = False
        self.putting = asyncio.Lock()
        self.progress = Progress(Position(), work.mapping.parallel)
        self._signal = Signal(work.cloud.clock)
        self._lanes: list[Lane] = []
        self._iterator = ""

    @property
    def busy(self) -> int:
        """How many records are under way."""
        return self.progress.under_way

    def stop(self) -> None:
        """End after the invocations under way; `run` returns then."""
        self.stopping = True
        self._signal.set()
        for lane in self._lanes:
            lane.wake()

    def advanced(self) -> None:
        """Records are done: there is room for more."""
        self._signal.set()

    def lane(self, number: int) -> Lane:
        """The lane of that number."""
        return Lane(self, number)

    async def run(self) -> None:
        """Poll; `LeaseLost` ends it at once."""
        sight = await self._begin()
        self.progress = Progress(sight.position, self.work.mapping.parallel)
        self._lanes = [self.lane(number) for number in range(self.work.mapping.parallel)]
        end = self.work.cloud.store.listen(sight.topic, self._signal.set) if sight.topic else _nothing
        try:
            await together([self._read, *(lane.run for lane in self._lanes)])
        finally:
            end()

    async def _begin(self) -> Sight:
        """Where to begin. The first poller of a mapping settles it for all later ones: LATEST is now, once."""
        found: list[Sight] = []

        def settle(tx: Transaction) -> None:
            found.clear()
            mapping = self.work.mapping
            stream = _stream(tx, mapping.source)
            position = keys.positions.get(tx, mapping.id, self.name)
            if position is None:
                last = last_sequence(tx, stream) if stream is not None and mapping.position == "LATEST" else 0
                position = Position(after=sequence_text(last) if last else "")
                keys.positions.put(tx, position, mapping.id, self.name)
            topic = dynamodb_keys.stream_topic(stream.prefix) if stream is not None else b""
            found.append(Sight(topic, position))

        await persist(self.work, settle)
        return found[-1]

    # -- reading ------------------------------------------------------------------------------------------------------

    async def _read(self) -> None:
        failures = 0
        look_ns = LOOK_SHARED_NS if self.work.cloud.store.shared else LOOK_NS
        after = self.progress.position().after
        while not self.stopping:
            if self.progress.under_way >= READ_AHEAD_MAX:
                await self._signal.wait()
                continue
            try:
                await self.work.confirm()
                records, ended = await self._page(after)
                failures = 0
            except (ServiceError, StoreError) as error:
                failures += 1
                await self._trouble(error)
                await self._signal.wait(self.work.now_ns + min(2 ** (failures - 1), PAUSE_S_MAX) * SECOND_NS)
                continue
            after = records[-1]["dynamodb"]["SequenceNumber"] if records else after
            if await self._hand_out(records):
                continue
            while ended and not self.stopping:  # nothing is ever added to a stream that was switched off
                await self._signal.wait()
            await self._signal.wait(self.work.now_ns + look_ns)

    async def _trouble(self, error: ServiceError | StoreError) -> None:
        """A store that is away can be told nothing; it will be when it is back."""
        if isinstance(error, ServiceError):
            await self.work.tell(error.message)

    async def _page(self, after: str) -> tuple[list[dict[str, Any]], bool]:
        """The next records behind `after`, and whether the stream has ended with them."""
        for _ in range(2):
            if not self._iterator:
                self._iterator = await self._new_iterator(after)
            try:
                answer = await self._call("GetRecords", {"ShardIterator": self._iterator, "Limit": PAGE})
            except ServiceError as error:
                self._iterator = ""
                if error.code != _EXPIRED:
                    raise
                continue
            ended = "NextShardIterator" not in answer
            self._iterator = answer.get("NextShardIterator", "")
            return answer["Records"], ended
        return [], False

    async def _new_iterator(self, after: str) -> str:
        where = {"StreamArn": self.work.mapping.source, "ShardId": self.name}
        oldest = {**where, "ShardIteratorType": "TRIM_HORIZON"}
        asked = {**where, "ShardIteratorType": "AFTER_SEQUENCE_NUMBER", "SequenceNumber": after} if after else oldest
        try:
            answer = await self._call("GetShardIterator", asked)
        except ServiceError as error:
            if error.code != _TRIMMED:
                raise
            answer = await self._call("GetShardIterator", oldest)
        return str(answer["ShardIterator"])

    async def _call(self, operation: str, params: dict[str, Any]) -> dict[str, Any]:
        return await self.work.call("dynamodbstreams", operation, params)

    async def _hand_out(self, records: list[dict[str, Any]]) -> bool:
        """Give records to their lanes; those that the filter does not want are done. Returns whether there were any."""
        mapping, progress = self.work.mapping, self.progress
        before = progress.position().after
        for found in records:
            shown = change_record(found, mapping.source)
            record = change(shown)
            number = record.key % mapping.parallel
            if progress.was_done(number, record.id) or not self.work.filter.wants(shown):
                progress.skip(record.id)
            else:
                progress.begin(record.id)
                self._lanes[number].add(record)
        if progress.position().after != before:
            await put_away(self)
        return bool(records)


def _nothing() -> None:
    """Nothing was listened to."""


async def together(parts: list[Callable[[], Awaitable[None]]]) -> None:
    """Run parts side by side; the first that fails ends the others, and its error is raised."""
    tasks = [asyncio.ensure_future(part()) for part in parts]
    try:
        await asyncio.gather(*tasks)
    finally:
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
