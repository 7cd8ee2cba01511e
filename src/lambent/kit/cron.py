"""When schedules fire: at(...), rate(...) and cron(...), in any time zone. Pure; shared by rules and by Scheduler.

Times are milliseconds since the epoch. A cron expression speaks of wall-clock times of its zone: a time that daylight
saving skips is left out, and one that it doubles fires once, the first time. A rate is a duration: a day is 24 hours.
"""

from __future__ import annotations

import calendar
import re
from bisect import bisect_left
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import Final, Literal, NamedTuple
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

_AT: Final = re.compile(r"at\((\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d)\)", re.ASCII)
_RATE: Final = re.compile(r"rate\(([0-9]{1,9}) (minute|hour|day)(s?)\)")
_CRON: Final = re.compile(r"cron\(([^()]*)\)")
_UNITS_MS: Final = {"minute": 60_000, "hour": 3_600_000, "day": 86_400_000}
_EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)
_MS: Final = timedelta(milliseconds=1)

_MONTHS: Final = ("JAN", "FEB", "MAR", "APR", "MAY", "JUN", "JUL", "AUG", "SEP", "OCT", "NOV", "DEC")
_WEEKDAYS: Final = ("SUN", "MON", "TUE", "WED", "THU", "FRI", "SAT")


class InvalidExpression(ValueError):
    """A text is no schedule, or no time zone. Each service words it in its own way."""


class At(NamedTuple):
    """Once, at a wall-clock time of the zone."""

    wall: datetime


class Rate(NamedTuple):
    """Again and again after `period_ms`."""

    period_ms: int


class Days(NamedTuple):
    """The days of a month that fit. `kind` says what `numbers` are: days of the month; its last day, or last working
    day; the working day next to a day; weekdays (1 is Sunday); a month's last such weekday; a weekday and which one."""

    kind: Literal["days", "last", "last_working", "working", "weekdays", "last_weekday", "nth_weekday"]
    numbers: tuple[int, ...] = ()


class Cron(NamedTuple):
    """The fields of a cron expression, each in ascending order."""

    minutes: tuple[int, ...]
    hours: tuple[int, ...]
    days: Days
    months: tuple[int, ...]
    years: tuple[int, ...]


Schedule = At | Rate | Cron


class _Field(NamedTuple):
    low: int
    high: int
    names: tuple[str, ...] = ()
    wraps: bool = True


_MINUTE: Final = _Field(0, 59)
_HOUR: Final = _Field(0, 23)
_DAY: Final = _Field(1, 31)
_MONTH: Final = _Field(1, 12, _MONTHS)
_WEEKDAY: Final = _Field(1, 7, _WEEKDAYS)
_YEAR: Final = _Field(1970, 2199, wraps=False)
_LATEST_MS: Final = 7_289_654_400_000
"""The beginning of the year 2201. Timers are nanoseconds, of which a number of 64 bits holds some centuries."""


# -- reading ----------------------------------------------------------------------------------------------------------


def parse(expression: str, *, one_time: bool = True, strict_units: bool = False) -> Schedule:
    """Read an expression; `InvalidExpression` when it is none.

    Rules of EventBridge know no `at` (`one_time=False`), and want `1 minute` but `2 minutes` (`strict_units=True`);
    Scheduler takes either.
    """
    at = _AT.fullmatch(expression)
    if at is not None and one_time:
        try:
            return At(datetime.fromisoformat(at[1]))
        except ValueError:
            raise InvalidExpression(expression) from None
    rate = _RATE.fullmatch(expression)
    if rate is not None:
        count = int(rate[1])
        if count < 1 or (strict_units and (count == 1) == bool(rate[3])):
            raise InvalidExpression(expression)
        return Rate(count * _UNITS_MS[rate[2]])
    cron = _CRON.fullmatch(expression)
    if cron is not None:
        try:
            return _cron(cron[1].upper().split())
        except ValueError:
            raise InvalidExpression(expression) from None
    raise InvalidExpression(expression)


def zone_of(name: str) -> ZoneInfo:
    """The IANA time zone of that name; `InvalidExpression` when there is none."""
    try:
        return ZoneInfo(name)
    except (ZoneInfoNotFoundError, ValueError, OSError):  # a folder of zones ("America") is an OSError
        raise InvalidExpression(name) from None


def _cron(fields: list[str]) -> Cron:
    if len(fields) != 6:
        raise ValueError(fields)
    minute, hour, day, month, weekday, year = fields
    return Cron(
        _numbers(minute, _MINUTE),
        _numbers(hour, _HOUR),
        _days(day, weekday),
        _numbers(month, _MONTH),
        _numbers(year, _YEAR),
    )


def _days(day: str, weekday: str) -> Days:
    """What the two fields of days admit together: exactly one of them is `?`."""
    if (day == "?") == (weekday == "?"):
        raise ValueError(day)
    if weekday == "?":
        if day == "L":
            return Days("last")
        if day in ("LW", "WL"):
            return Days("last_working")
        if day.endswith("W"):
            return Days("working", (_number(day[:-1], _DAY),))
        return Days("days", _numbers(day, _DAY))
    if weekday == "L":
        return Days("weekdays", (7,))
    if weekday.endswith("L"):
        return Days("last_weekday", (_number(weekday[:-1], _WEEKDAY),))
    if "#" in weekday:
        which, _, nth = weekday.partition("#")
        if nth not in ("1", "2", "3", "4", "5"):
            raise ValueError(weekday)
        return Days("nth_weekday", (_number(which, _WEEKDAY), int(nth)))
    return Days("weekdays", _numbers(weekday, _WEEKDAY))


def _numbers(text: str, field: _Field) -> tuple[int, ...]:
    found: set[int] = set()
    for part in text.split(","):
        span, slash, step_text = part.partition("/")
        step = _digits(step_text) if slash else 1
        if not 1 <= step <= field.high - field.low + 1:
            raise ValueError(part)
        if span == "*":
            first, last = field.low, field.high
        else:
            begin, dash, end = span.partition("-")
            first = _number(begin, field)
            last = _number(end, field) if dash else (field.high if slash else first)
        if first <= last:
            found.update(range(first, last + 1, step))
        elif field.wraps:  # FRI-MON, 22-2
            size = field.high - field.low + 1
            found.update((at - field.low) % size + field.low for at in range(first, last + size + 1, step))
        else:
            raise ValueError(part)
    return tuple(sorted(found))


def _number(text: str, field: _Field) -> int:
    number = field.names.index(text) + field.low if text in field.names else _digits(text)
    if not field.low <= number <= field.high:
        raise ValueError(text)
    return number


def _digits(text: str) -> int:
    if not (text.isascii() and text.isdigit() and len(text) <= 4):
        raise ValueError(text)
    return int(text)


# -- looking ahead ----------------------------------------------------------------------------------------------------


def next_after(schedule: str | Schedule, after_ms: int, zone: str = "UTC", *, anchor_ms: int = 0) -> int | None:
    """The first time after `after_ms` at which a schedule fires in the time zone `zone`; None when it never does again.

    A rate fires at `anchor_ms` and every period after it. An `at` whose wall-clock time daylight saving skips fires as
    much later as the clocks were moved. What would be after the year 2200 is never. Raises `InvalidExpression`.
    """
    found_ms = _next_after(schedule, after_ms, zone, anchor_ms)
    return found_ms if found_ms is not None and found_ms < _LATEST_MS else None


def _next_after(schedule: str | Schedule, after_ms: int, zone: str, anchor_ms: int) -> int | None:
    known = parse(schedule) if isinstance(schedule, str) else schedule
    tz = zone_of(zone)
    if isinstance(known, Rate):
        passed = (after_ms - anchor_ms) // known.period_ms + 1
        return anchor_ms + max(passed, 0) * known.period_ms
    if isinstance(known, At):
        once_ms = _instant_ms(known.wall, tz)
        return once_ms if once_ms > after_ms else None
    start = (_EPOCH + after_ms * _MS).astimezone(tz).replace(tzinfo=None, fold=0)
    for wall in _walls(known, start):
        if _exists(wall, tz):
            found_ms = _instant_ms(wall, tz)
            if found_ms > after_ms:  # otherwise it is the doubled hour, and the first of the two has passed
                return found_ms
    return None


def _walls(cron: Cron, start: datetime) -> Iterator[datetime]:
    """The wall-clock times of an expression from the minute of `start` on, in order, with those that no zone has."""
    begin = start.replace(second=0, microsecond=0)
    for year in cron.years[bisect_left(cron.years, begin.year) :]:
        for month in cron.months:
            if (year, month) < (begin.year, begin.month):
                continue
            for day in _days_of(cron.days, year, month):
                if (year, month, day) < (begin.year, begin.month, begin.day):
                    continue
                yield from _times_of(cron, datetime(year, month, day), begin)


def _times_of(cron: Cron, day: datetime, begin: datetime) -> Iterator[datetime]:
    first_hour = begin.hour if day.date() == begin.date() else 0
    for hour in cron.hours[bisect_left(cron.hours, first_hour) :]:
        for minute in cron.minutes:
            wall = day.replace(hour=hour, minute=minute)
            if wall >= begin:
                yield wall


def _days_of(days: Days, year: int, month: int) -> list[int]:
    first, length = calendar.monthrange(year, month)  # the weekday of the first: 0 is Monday
    if days.kind == "days":
        return [day for day in days.numbers if day <= length]
    if days.kind == "last":
        return [length]
    if days.kind in ("last_working", "working"):
        day = length if days.kind == "last_working" else days.numbers[0]
        return [_working(day, first, length)] if day <= length else []
    sunday_based = (first + 1) % 7 + 1
    fitting = [day for day in range(1, length + 1) if (sunday_based + day - 2) % 7 + 1 in days.numbers[:1]]
    if days.kind == "last_weekday":
        return fitting[-1:]
    if days.kind == "nth_weekday":
        nth = days.numbers[1]
        return fitting[nth - 1 : nth]
    return [day for day in range(1, length + 1) if (sunday_based + day - 2) % 7 + 1 in days.numbers]


def _working(day: int, first: int, length: int) -> int:
    """The day from Monday to Friday next to `day`, in the same month."""
    weekday = (first + day - 1) % 7
    if weekday == 5:
        return day - 1 if day > 1 else day + 2
    if weekday == 6:
        return day + 1 if day < length else day - 2
    return day


def _exists(wall: datetime, tz: ZoneInfo) -> bool:
    return wall.replace(tzinfo=tz).astimezone(UTC).astimezone(tz).replace(tzinfo=None) == wall


def _instant_ms(wall: datetime, tz: ZoneInfo) -> int:
    return (wall.replace(tzinfo=tz) - _EPOCH) // _MS
