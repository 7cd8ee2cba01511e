"""A cloud for the tests of logs, a relay that the test drives by hand, and a function that takes events."""

from __future__ import annotations

from functools import partial
from typing import Any

from lambent.contracts.events import Delivery, Undeliverable
from lambent.kv import outbox
from tests.support import TestCloud

MS = 1_000_000
DAY_NS = 86_400_000 * MS
GROUP = "/aws/lambda/hello"
STREAM = "2024/01/01/[$LATEST]0"


class LogsCloud(TestCloud):
    """A cloud with one group and one stream in it once `begin` was awaited."""

    def __init__(self) -> None:
        super().__init__()
        self.function = Function()
        self.targets["lambda"] = self.function

    async def begin(self) -> LogsCloud:
        await self.logs("CreateLogGroup", logGroupName=GROUP)
        await self.logs("CreateLogStream", logGroupName=GROUP, logStreamName=STREAM)
        return self

    @property
    def now_ms(self) -> int:
        return self.clock.now_ns() // MS

    async def logs(self, operation: str, **params: Any) -> dict[str, Any]:
        return await self.call("logs", operation, **params)

    async def put(self, *events: tuple[int, str], stream: str = STREAM, group: str = GROUP) -> dict[str, Any]:
        """Put events given as (milliseconds from now, message)."""
        now_ms = self.now_ms
        batch = [{"timestamp": now_ms + offset_ms, "message": message} for offset_ms, message in events]
        return await self.logs("PutLogEvents", logGroupName=group, logStreamName=stream, logEvents=batch)

    async def messages(self, operation: str = "FilterLogEvents", **params: Any) -> list[str]:
        """The messages of one page."""
        found = await self.logs(operation, **{"logGroupName": GROUP, **params})
        return [event["message"] for event in found["events"]]

    async def deliver(self, repeat: int = 1) -> int:
        """Deliver every event that is due, each `repeat` times, until none is left; returns how many there were."""
        count = 0
        while True:
            pending = await self.store.read(outbox.pending)
            due = [claimed for due_ns, claimed in pending if claimed.entry.owner or due_ns <= self.clock.now_ns()]
            if not due:
                return count
            for key, entry in due:
                delivery = Delivery(id=entry.id, event=entry.event, attempt=1, emitted_ns=entry.emitted_ns)
                for _ in range(repeat):
                    await self.targets[entry.event.target.split(":")[2]].deliver(delivery)
                await self.store.write(partial(outbox.done, key=key))
                count += 1


class Function:
    """Stands for the Lambda service: lets functions called `open` in, and keeps what was delivered."""

    def __init__(self) -> None:
        self.deliveries: list[Delivery] = []

    async def deliver(self, delivery: Delivery) -> None:
        self.deliveries.append(delivery)

    async def check(self, target: str, principal: str, source: str, account: str) -> None:
        if not target.endswith(":open") or principal != "logs.amazonaws.com" or not source.endswith(":*"):
            raise Undeliverable("no")
