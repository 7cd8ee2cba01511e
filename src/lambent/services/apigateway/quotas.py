"""How much of a quota is used and left, day by day. Days are UTC; weeks begin on Monday, months on the first."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, date, datetime, timedelta

from .model import Quota, Used


def day_of(now_ms: int) -> date:
    """The day that a time lies in."""
    return datetime.fromtimestamp(now_ms // 1000, UTC).date()


def period_start(period: str, day: date) -> date:
    """The first day of the period (DAY, WEEK, MONTH) that a day lies in."""
    if period == "WEEK":
        return day - timedelta(days=day.weekday())
    return day.replace(day=1) if period == "MONTH" else day


def left(quota: Quota, used: Mapping[str, Used], day: date) -> int:
    """What is left of a quota at the end of a day. `used` is by day (`2026-11-21`). Where UpdateUsage has said what
    remains, that counts from its day on, less what was used on later days of the period."""
    remaining = quota.limit
    current = period_start(quota.period, day)
    while current <= day:
        one = used.get(current.isoformat(), Used())
        remaining = one.remaining if one.remaining is not None else remaining - one.count
        current += timedelta(days=1)
    return max(remaining, 0)
