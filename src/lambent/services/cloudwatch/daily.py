"""The timer by which old data go, once a day for each account and region that has metrics or alarms."""

from __future__ import annotations

from typing import Final, Literal

import msgspec

from lambent.contracts.arn import build
from lambent.contracts.events import Event, Retry
from lambent.contracts.ports import Transaction

from . import keys
from .model import PRINCIPAL, Sweeping

DAY_MS: Final = 86_400_000
RESOURCE: Final = "sweeping"
_RETRY: Final = Retry(attempts_max=1000, age_s_max=86_400)
_LOST_MS: Final = 2 * DAY_MS
"""A timer that is over for so long was given up; another one is set."""


class Task(msgspec.Struct, frozen=True):
    """A page of a sweep: metrics, or histories of alarms, after the key `after`. `turn` numbers the timers."""

    turn: int
    stage: Literal["metrics", "history"] = "metrics"
    after: bytes = b""


_encode: Final = msgspec.msgpack.Encoder().encode
read: Final = msgspec.msgpack.Decoder(Task).decode


def arm(tx: Transaction, account: str, region: str, now_ms: int) -> None:
    """Have this account's old data removed in a day and then every day, unless that is on its way."""
    found = keys.sweepings.get(tx, account, region)
    if found is None or now_ms - found.due_ms > _LOST_MS:
        go_on(tx, account, region, Task(0 if found is None else found.turn + 1), now_ms + DAY_MS)


def go_on(tx: Transaction, account: str, region: str, task: Task, due_ms: int) -> None:
    """Have a task done at a time. It is the only one from now on: `turn` of an older one is over."""
    keys.sweepings.put(tx, Sweeping(turn=task.turn, due_ms=due_ms), account, region)
    place = build("cloudwatch", region, account, RESOURCE)
    event = Event(
        target=place,
        payload=_encode(task),
        source=place,
        principal=PRINCIPAL,
        account=account,
        region=region,
        retry=_RETRY,
    )
    tx.emit(event, at_ns=due_ms * 1_000_000)
