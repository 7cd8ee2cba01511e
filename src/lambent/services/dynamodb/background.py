"""The service's target: the tasks of events.py, and those of backups, recovery, global tables, exports and imports."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping
from contextlib import suppress
from typing import Any, Final

import orjson

from lambent.contracts.events import Delivery, Event, Undeliverable
from lambent.contracts.ports import Cloud, Transaction

from .events import DynamoTarget
from .metering import Meter
from .model import PRINCIPAL
from .recovery import jobs
from .replication import apply
from .transfer import exporting, importing

_MS: Final = 1_000_000
Task = Callable[[Cloud, Transaction, Event, dict[str, Any], int], None]


class Background(DynamoTarget):
    """Receives the service's own events."""

    def __init__(self, cloud: Cloud) -> None:
        super().__init__(cloud)
        self._cloud = cloud
        self.meter = Meter(cloud)
        with suppress(RuntimeError):  # it may be built by a request in a worker thread
            self.meter.at_home()

    async def deliver(self, delivery: Delivery) -> None:
        """Do one part of a task."""
        event = delivery.event
        if event.principal != PRINCIPAL or event.source != event.target:
            raise Undeliverable("Tables are no targets of other services' events.")
        self.meter.at_home()
        task = orjson.loads(event.payload)
        outside = _OUTSIDE.get(task["task"])
        if outside is not None:
            await outside(self._cloud, event, task)
            return
        found = _TASKS.get(task["task"])
        if found is None:
            await super().deliver(delivery)
            return
        cloud = self._cloud
        await cloud.store.write(lambda tx: found(cloud, tx, event, task, cloud.clock.now_ns() // _MS))

    async def consumed(self, account: str, region: str, table: str, index: str, kind: str, minutes: int) -> list[float]:
        """What was consumed of a table's, or an index's, capacity (`kind` read or write) in the last whole minutes, the
        latest last; for auto scaling."""
        return await self.meter.consumed(account, region, table, index, kind, minutes)


_OUTSIDE: Final[Mapping[str, Callable[[Cloud, Event, dict[str, Any]], Awaitable[None]]]] = {
    "export": exporting.write_page,
    "import": importing.read_object,
}
"""Tasks that ask other services; they open their own transactions."""
_TASKS: Final[Mapping[str, Task]] = {
    "copy": jobs.copy,
    "drop journal": jobs.drop_journal,
    "drop versions": apply.drop,
    "expire backup": jobs.expire_backup,
    "fill replica": apply.fill,
    "forget": apply.forget,
    "replicate": apply.replicate,
    "settle journal": jobs.settle,
    "trim journal": jobs.trim,
}
