"""Logs: streams that are written, read, deleted and made again; what is deleted or too old is purged meanwhile."""

from __future__ import annotations

import random
from collections.abc import Hashable
from typing import Any, ClassVar

from lambent.services.logs import keys

from ..linear import History, Operation
from ..workload import Answer, Client, Story, Workload, insist, tell
from ..world import World

GROUP = "sim"
SHORT = "sim-short"
"""A group that keeps events for a day."""
STREAMS = ("one", "two")
MISSING = "ResourceNotFoundException"
Row = tuple[int, int, str]
"""Time, order of acceptance, and message."""


class StreamSpec:
    """A stream: its events in order, None while there is no such stream. Accepted events are numbered."""

    initial: Hashable = None

    def apply(self, state: tuple[Row, ...] | None, operation: Operation) -> tuple[Hashable, Hashable]:
        """See `linear.Spec`."""
        kind, args = operation.kind, operation.args
        if kind == "create":
            return ((), "done") if state is None else (state, "ResourceAlreadyExistsException")
        if state is None:
            return None, MISSING
        if kind == "delete":
            return None, "done"
        if kind == "put":
            new = ((time_ms, len(state) + at, message) for at, (time_ms, message) in enumerate(args[0]))
            return tuple(sorted((*state, *new))), "done"
        assert kind == "get"
        return state, tuple(message for _, _, message in state)


class Logs(Workload):
    """See the module."""

    name: ClassVar[str] = "logs"

    def __init__(self, world: World, chance: random.Random) -> None:
        super().__init__(world, chance)
        self.streams = {
            (group, stream): History(f"log {group}/{stream}", StreamSpec())
            for group in (GROUP, SHORT)
            for stream in STREAMS
        }
        self._count = 0

    async def prepare(self, client: Client) -> None:
        """See `Workload`."""
        await client.must("logs", "CreateLogGroup", logGroupName=GROUP)
        await client.must("logs", "CreateLogGroup", logGroupName=SHORT)
        await client.must("logs", "PutRetentionPolicy", logGroupName=SHORT, retentionInDays=1)

    def stories(self) -> list[tuple[int, Story]]:
        """See `Workload`."""
        return [(20, self.put), (12, self.get), (8, self.create), (4, self.delete)]

    def _place(self, client: Client) -> tuple[dict[str, Any], History]:
        place = client.chance.choice(list(self.streams))
        return {"logGroupName": place[0], "logStreamName": place[1]}, self.streams[place]

    async def put(self, client: Client) -> None:
        """Write some events, in the order of their times."""
        where, history = self._place(client)
        now_ms = self.world.loop.now_ns // 1_000_000
        times = sorted(now_ms - client.chance.randrange(20_000) for _ in range(client.chance.randint(1, 4)))
        batch = []
        for time_ms in times:
            self._count += 1
            batch.append((time_ms, f"message {self._count}"))
        told = tell(history, history.begin("put", tuple(batch)), _done)
        events = [{"timestamp": time_ms, "message": message} for time_ms, message in batch]
        await client.call("logs", "PutLogEvents", told, **where, logEvents=events)

    async def get(self, client: Client) -> None:
        """Read a whole stream."""
        where, history = self._place(client)
        told = tell(history, history.begin("get"), _messages)
        await client.call("logs", "GetLogEvents", told, **where, startFromHead=True)

    async def create(self, client: Client) -> None:
        """Make a stream."""
        where, history = self._place(client)
        await client.call("logs", "CreateLogStream", tell(history, history.begin("create"), _done), **where)

    async def delete(self, client: Client) -> None:
        """Delete a stream with all that is in it."""
        where, history = self._place(client)
        await client.call("logs", "DeleteLogStream", tell(history, history.begin("delete"), _done), **where)

    # The end

    async def check(self, client: Client) -> None:
        """See `Workload`."""
        counts: list[int] = []
        for (group, stream), history in self.streams.items():
            for _ in self.world.living():
                told = tell(history, history.begin("get"), _messages)
                where: dict[str, Any] = {"logGroupName": group, "logStreamName": stream}
                outcome = await client.call("logs", "GetLogEvents", told, **where, startFromHead=True)
            counts.append(len(outcome.result["events"]) if isinstance(outcome, Answer) else 0)
        for group, shown in ((GROUP, sum(counts[:2])), (SHORT, sum(counts[2:]))):
            found = await self._filter(client, group)
            insist(found == shown, "a search of", group, "finds", found, "events of", shown)
        self._check_rows(sum(counts))

    async def _filter(self, client: Client, group: str) -> int:
        found, token = 0, ""
        while True:
            params: dict[str, Any] = {"nextToken": token} if token else {}
            result = await client.must("logs", "FilterLogEvents", logGroupName=group, filterPattern="message", **params)
            found += len(result["events"])
            token = result.get("nextToken", "")
            if not token:
                return found

    def _check_rows(self, shown: int) -> None:
        """What is in the store is what is shown: the rest was purged."""
        rows = self.world.ground.memory.look(lambda tx: len(keys.events.scan(tx)))
        indexed = self.world.ground.memory.look(lambda tx: len(keys.events_by_time.scan(tx)))
        insist(rows == indexed == shown, rows, "events in the store,", indexed, "by time, but", shown, "are shown")

    async def check_later(self, client: Client) -> None:
        """See `Workload`."""
        shown = 0
        for group, stream in self.streams:
            where: dict[str, Any] = {"logGroupName": group, "logStreamName": stream}
            outcome = await client.call("logs", "GetLogEvents", **where, startFromHead=True)
            if isinstance(outcome, Answer):
                insist(group != SHORT or not outcome.result["events"], "events are kept too long in", stream)
                shown += len(outcome.result["events"])
        self._check_rows(shown)


def _done(result: Any) -> Hashable:
    return "done"


def _messages(result: dict[str, Any]) -> Hashable:
    return tuple(event["message"] for event in result["events"])
