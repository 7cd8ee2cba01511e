"""When a schedule fires: at(...), rate(...), cron(...). Pure."""

from __future__ import annotations

import re
from datetime import UTC, datetime, timedelta
from typing import Final
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from .errors import ValidationException

_RATE: Final = re.compile(r"rate\((\d+) (minute|minutes|hour|hours|day|days)\)")
_AT: Final = re.compile(r"at\((\d{4}-\d\d-\d\dT\d\d:\d\d(?::\d\d)?)\)")
_CRON: Final = re.compile(r"cron\((\S+) (\S+) (\S+) (\S+) (\S+) (\S+)\)")
_MONTHS: Final = ["JAN", "FEB", "MAR", "APR", "MAY", "JUN", "JUL", "AUG", "SEP", "OCT", "NOV", "DEC"]
_DAYS: Final = ["SUN", "MON", "TUE", "WED", "THU", "FRI", "SAT"]
_BOUNDS: Final = ((0, 59), (0, 23), (1, 31), (1, 12), (1, 7), (1970, 2199))
_YEARS_MAX: Final = 5
_EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)


def next_ms(schedule: str, zone: str, created_ms: int, after_ms: int) -> int | None:
    """The first time (ms) after `after_ms` at which a schedule fires; None when it does not any more. Raises
    `ValidationException` for a schedule or a time zone that is none."""
    try:
        tz = ZoneInfo(zone or "UTC")
    except (ZoneInfoNotFoundError, ValueError):
        raise ValidationException(f"Invalid time zone: {zone}") from None
    rate, at, cron = _RATE.fullmatch(schedule), _AT.fullmatch(schedule), _CRON.fullmatch(schedule)
    if rate is not None and int(rate[1]):
        unit = {"m": 60_000, "h": 3_600_000, "d": 86_400_000}[rate[2][0]]
        step_ms = int(rate[1]) * unit
        return created_ms + ((after_ms - created_ms) // step_ms + 1) * step_ms
    if at is not None:
        try:
            time_ms = _ms(datetime.fromisoformat(at[1]).replace(tzinfo=tz))
        except ValueError:
            raise ValidationException(f"Invalid schedule expression: {schedule}") from None
        return time_ms if time_ms > after_ms else None
    if cron is not None:
        return _next_cron(schedule, [cron[number] for number in range(1, 7)], tz, after_ms)
    raise ValidationException(f"Invalid schedule expression: {schedule}")


def _ms(time: datetime) -> int:
    return round(time.timestamp() * 1000)


def _next_cron(schedule: str, fields: list[str], tz: ZoneInfo, after_ms: int) -> int | None:
    try:
        minutes, hours, days, months, weekdays, years = (
            _values(field.upper(), place) for place, field in enumerate(fields)
        )
    except (ValueError, IndexError):
        raise ValidationException(f"Invalid schedule expression: {schedule}") from None
    start = (_EPOCH + timedelta(milliseconds=after_ms)).astimezone(tz)
    day = start.date()
    for _ in range(366 * _YEARS_MAX):
        weekday = day.isoweekday() % 7 + 1
        if day.year in years and day.month in months and day.day in days and weekday in weekdays:
            for hour in sorted(hours):
                for minute in sorted(minutes):
                    time_ms = _ms(datetime(day.year, day.month, day.day, hour, minute, tzinfo=tz))
                    if time_ms > after_ms:
                        return time_ms
        day += timedelta(days=1)
    return None


def _values(field: str, place: int) -> frozenset[int]:
    """What a field of a cron expression admits; `ValueError` for what is none. Of L, W and # nothing is built."""
    low, high = _BOUNDS[place]
    found: set[int] = set()
    for part in field.split(","):
        span, _, step = part.partition("/")
        if span in ("*", "?"):
            first, last = low, high
        else:
            begin, dash, end = span.partition("-")
            first = _number(begin, place)
            last = _number(end, place) if dash else (high if step else first)
        if not low <= first <= last <= high or (step and not int(step)):
            raise ValueError(field)
        found.update(range(first, last + 1, int(step or 1)))
    return frozenset(found)


def _number(text: str, place: int) -> int:
    if place == 3 and text in _MONTHS:
        return _MONTHS.index(text) + 1
    if place == 4 and text in _DAYS:
        return _DAYS.index(text) + 1
    return int(text)
