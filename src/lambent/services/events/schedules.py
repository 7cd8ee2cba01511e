"""When a rule's schedule is due: rate(...) and cron(...) in UTC. What they mean is in `lambent.kit.cron`. Pure."""

from __future__ import annotations

from lambent.kit import cron
from lambent.kit.cron import InvalidExpression, Schedule

from .errors import invalid


def check(schedule: str) -> None:
    """Raise AWS's error unless a schedule is one."""
    _read(schedule)


def next_ms(schedule: str, begun_ms: int, after_ms: int) -> int | None:
    """The first time after `after_ms` at which a schedule is due; a rate counts from `begun_ms`. None: never again."""
    return cron.next_after(_read(schedule), after_ms, anchor_ms=begun_ms)


def _read(schedule: str) -> Schedule:
    try:
        return cron.parse(schedule, one_time=False, strict_units=True)
    except InvalidExpression:
        raise invalid("ScheduleExpression") from None
