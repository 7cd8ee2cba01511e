"""Once a day: old points of all metrics become coarser or go, metrics without points go, and so does old history.

One account and region has one timer in the outbox (`daily.py`), so one node does it, a page a transaction. With nothing
left there is no timer any more, until there is a metric or an alarm again.
"""

from __future__ import annotations

from typing import Final

from lambent.contracts.events import Event
from lambent.contracts.ports import Transaction

from . import daily, keys, points
from .daily import Task

_METRICS: Final = 20
"""Metrics that one transaction sweeps at most."""
_LINES: Final = 500
"""Lines of one alarm's history that one transaction removes at most."""
HISTORY_MS: Final = 30 * daily.DAY_MS


def sweep(tx: Transaction, event: Event, now_ms: int) -> None:
    """Do what a timer's event says, and set the next timer: at once for the next page, in a day after the last."""
    place = (event.account, event.region)
    task = daily.read(event.payload)
    found = keys.sweepings.get(tx, *place)
    # Another turn means that this very event was delivered before.
    if found is None or found.turn != task.turn:
        return
    rest = (_metrics if task.stage == "metrics" else _history)(tx, place, task.after, now_ms)
    turn = task.turn + 1
    if rest is not None:
        daily.go_on(tx, *place, Task(turn, task.stage, rest), now_ms)
    elif task.stage == "metrics":
        daily.go_on(tx, *place, Task(turn, "history"), now_ms)
    elif any(table.scan(tx, *place, limit=1) for table in (keys.metrics, keys.history, keys.alarms)):
        daily.go_on(tx, *place, Task(turn), now_ms + daily.DAY_MS)
    else:
        keys.sweepings.delete(tx, *place)


def _metrics(tx: Transaction, place: tuple[str, str], after: bytes, now_ms: int) -> bytes | None:
    """Sweep some metrics; gives the key to go on after, None at the end."""
    rows = keys.metrics.scan(tx, *place, after=after or None, limit=_METRICS)
    for key, metric in rows:
        if points.sweep(tx, metric, now_ms):
            return after
        if points.is_empty(tx, metric):
            tx.delete(key)
        after = key
    return after if len(rows) == _METRICS else None


def _history(tx: Transaction, place: tuple[str, str], after: bytes, now_ms: int) -> bytes | None:
    """Remove old lines of one alarm's history; gives the key to go on after, None at the end."""
    rows = keys.history.scan(tx, *place, after=after or None, limit=1)
    if not rows:
        return None
    name = keys.history.parts(rows[0][0])[2]
    begin, end = keys.history.key(*place, name), keys.history.key(*place, name, now_ms - HISTORY_MS)
    old = tx.scan(begin, end, limit=_LINES)
    for key, _ in old:
        tx.delete(key)
    return after if len(old) == _LINES else keys.history.key(*place, name, now_ms + daily.DAY_MS)
