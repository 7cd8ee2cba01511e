"""What the cloud measures of itself, on its way into the store; and the gauges that are read rather than counted."""

from __future__ import annotations

import logging
from collections.abc import Iterator
from typing import Final

from lambent.contracts.caller import root
from lambent.contracts.errors import ServiceError
from lambent.contracts.ports import Cloud, Transaction
from lambent.kit.measuring import Batch, Series, Sums

from . import points

_PAGE: Final = 200
"""Points that one transaction writes."""
_QUEUE_GAUGES: Final = {
    "ApproximateNumberOfMessagesVisible": "ApproximateNumberOfMessages",
    "ApproximateNumberOfMessagesNotVisible": "ApproximateNumberOfMessagesNotVisible",
    "ApproximateNumberOfMessagesDelayed": "ApproximateNumberOfMessagesDelayed",
}
_log = logging.getLogger("lambent.cloudwatch")


async def store(cloud: Cloud, batch: Batch) -> None:
    """Put a batch away, some points a transaction."""
    rows = list(batch.items())
    for first in range(0, len(rows), _PAGE):
        page = rows[first : first + _PAGE]
        await cloud.store.write(lambda tx, page=page: _store(cloud, tx, page))  # type: ignore[misc]


def _store(cloud: Cloud, tx: Transaction, page: list[tuple[tuple[Series, int], Sums]]) -> None:
    now_ms = cloud.clock.now_ns() // 1_000_000
    for (series, minute_s), sums in page:
        points.put(tx, cloud.ids, now_ms, points.Place(series), minute_s, sums)


def gauges(series: Series) -> Iterator[Series]:
    """The gauges of what a measurement is about: a queue that was used has a depth."""
    if series.namespace == "AWS/SQS" and series.name not in _QUEUE_GAUGES:
        for name in _QUEUE_GAUGES:
            yield Series(series.account, series.region, series.namespace, name, series.dimensions, "Count")


async def gauge(cloud: Cloud, series: Series) -> float | None:
    """What a gauge shows now; None for what is no gauge, or is gone."""
    attribute = _QUEUE_GAUGES.get(series.name) if series.namespace == "AWS/SQS" else None
    queue = dict(series.dimensions).get("QueueName")
    if attribute is None or queue is None:
        return None
    caller = root(series.account)
    try:
        url = (await cloud.api.call(caller, series.region, "sqs", "GetQueueUrl", {"QueueName": queue}))["QueueUrl"]
        wanted = {"QueueUrl": url, "AttributeNames": [attribute]}
        found = await cloud.api.call(caller, series.region, "sqs", "GetQueueAttributes", wanted)
    except ServiceError as error:
        _log.debug("no depth of the queue %s: %s", queue, error.message)
        return None
    return float(found["Attributes"][attribute])


def show(cloud: Cloud, tx: Transaction, found: list[tuple[Series, float]], minute_s: int) -> None:
    """Put away what gauges show. They do not add up: three nodes that look see the same queue."""
    for series, value in found:
        points.show(tx, cloud.ids, cloud.clock.now_ns() // 1_000_000, series, minute_s, value)


class Recorder:
    """What a node's meter hands its batches to. Gauges of what was used are looked at with every batch; they go on
    being looked at, once a minute, while they show something."""

    def __init__(self, cloud: Cloud) -> None:
        self._cloud = cloud
        self._watched: set[Series] = set()
        self._seen: dict[Series, int] = {}
        self._waiting = False

    async def hand_on(self, batch: Batch) -> None:
        """Store a batch, and what the gauges beside it show."""
        for series, _ in batch:
            self._watched.update(gauges(series))
        await store(self._cloud, batch)
        await self.look()

    async def look(self) -> None:
        """Store what the watched gauges show, once in a minute each."""
        minute = self._cloud.clock.now_ns() // 60_000_000_000
        found: list[tuple[Series, float]] = []
        for series in [one for one in self._watched if self._seen.get(one) != minute]:
            value = await gauge(self._cloud, series)
            self._seen[series] = minute
            if value is not None:
                found.append((series, value))
            if not value:
                self._watched.discard(series)
                del self._seen[series]
        if found:
            await self._cloud.store.write(lambda tx: show(self._cloud, tx, found, minute * 60))
        if self._watched and not self._waiting:
            self._waiting = True
            self._cloud.clock.call_at((minute + 1) * 60_000_000_000, self._again)

    def _again(self) -> None:
        self._waiting = False
        self._cloud.spawn(self.look())
