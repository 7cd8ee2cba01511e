"""When a rule's schedule is due: rate(...) and cron(...) in UTC. Pure.

A cron expression has six fields: minutes, hours, day of month, month, day of week, year. Besides numbers, names, lists,
ranges and steps there are `?` (one of the two days must be it), `L` (the month's last day; `6L` its last Friday), `W`
(`15W`: the weekday nearest to the 15th; `LW`: the last weekday) and `#` (`6#3`: the third Friday).
"""

from __future__ import annotations

import calendar
import re
from collections.abc import Iterator
from datetime import date, timedelta
from functools import lru_cache
from typing import Final, NamedTuple

from .errors import ValidationException, invalid

_RATE: Final = re.compile(r"rate\(\s*(\d+)\s+(minute|minutes|hour|hours|day|days)\s*\)")
_CRON: Final = re.compile(r"cron\(\s*(.*?)\s*\)")
_UNIT_MS: Final = {"m": 60_000, "h": 3_600_000, "d": 86_400_000}
_MONTHS: Final = ("JAN", "FEB", "MAR", "APR", "MAY", "JUN", "JUL", "AUG", "SEP", "OCT", "NOV", "DEC")
_DAYS: Final = ("SUN", "MON", "TUE", "WED", "THU", "FRI", "SAT")
_BOUNDS: Final = ((0, 59), (0, 23), (1, 31), (1, 12), (1, 7), (1970, 2199))
_MONTH_DAY, _MONTH, _WEEKDAY, _YEAR = 2, 3, 4, 5
_FIRST_DAY: Final = date(1970, 1, 1)
_MINUTE_MS: Final = 60_000
_DAY_MS: Final = 86_400_000
_FRIDAYS_MAX: Final = 5


class Cron(NamedTuple):
    """A compiled cron expression. `near` are the days of the month to whose nearest weekday it goes (0: the last day
    of the month); `last` the weekdays (1: Sunday) that are meant the last time in the month; `nth` (weekday, how
    often). `month_end`: the last day of the month. `by_weekday`: the day of the month is `?`."""

    minutes: tuple[int, ...]
    hours: tuple[int, ...]
    days: frozenset[int]
    months: frozenset[int]
    weekdays: frozenset[int]
    years: frozenset[int]
    by_weekday: bool
    month_end: bool = False
    near: frozenset[int] = frozenset()
    last: frozenset[int] = frozenset()
    nth: frozenset[tuple[int, int]] = frozenset()

    def takes(self, day: date) -> bool:
        """Whether it is due on a day."""
        if day.month not in self.months or day.year not in self.years:
            return False
        length = calendar.monthrange(day.year, day.month)[1]
        if self.by_weekday:
            weekday = day.isoweekday() % 7 + 1
            if weekday in self.weekdays or (weekday, (day.day - 1) // 7 + 1) in self.nth:
                return True
            return weekday in self.last and day.day + 7 > length
        if day.day in self.days or (self.month_end and day.day == length):
            return True
        return any(_nearest(day.year, day.month, near or length, length) == day.day for near in self.near)

    def after(self, time_ms: int) -> int | None:
        """The first time after `time_ms` at which it is due; None when it is not any more."""
        day = _FIRST_DAY + timedelta(days=time_ms // _DAY_MS)
        while (found := self._day_from(day)) is not None:
            midnight_ms = (found - _FIRST_DAY).days * _DAY_MS
            for hour in self.hours:
                for minute in self.minutes:
                    due_ms = midnight_ms + (hour * 60 + minute) * _MINUTE_MS
                    if due_ms > time_ms:
                        return due_ms
            day = found + timedelta(days=1)
        return None

    def _day_from(self, day: date) -> date | None:
        """The first day, from `day` on, on which it is due."""
        for year in sorted(year for year in self.years if year >= day.year):
            # The calendar repeats after 28 years (bar a century's): a day that none of 41 years had never comes.
            if year > day.year + 40:
                return None
            for month in sorted(self.months):
                if (year, month) < (day.year, day.month):
                    continue
                first = day.day if (year, month) == (day.year, day.month) else 1
                for number in range(first, calendar.monthrange(year, month)[1] + 1):
                    found = date(year, month, number)
                    if self.takes(found):
                        return found
        return None


def check(schedule: str) -> None:
    """Raise AWS's error unless a schedule is one."""
    if _RATE.fullmatch(schedule) is not None:
        _step_ms(schedule)
    else:
        _cron(schedule)


def next_ms(schedule: str, begun_ms: int, after_ms: int) -> int | None:
    """The first time after `after_ms` at which a schedule is due; a rate counts from `begun_ms`. None: never again."""
    if schedule.startswith("rate"):
        step_ms = _step_ms(schedule)
        return begun_ms + ((after_ms - begun_ms) // step_ms + 1) * step_ms
    return _cron(schedule).after(after_ms)


def _step_ms(schedule: str) -> int:
    rate = _RATE.fullmatch(schedule)
    # AWS wants the unit's number to agree: 1 minute, 2 minutes.
    if rate is None or not int(rate[1]) or (int(rate[1]) == 1) == rate[2].endswith("s"):
        raise _wrong()
    return int(rate[1]) * _UNIT_MS[rate[2][0]]


def _wrong() -> ValidationException:
    return invalid("ScheduleExpression")


@lru_cache(1024)
def _cron(schedule: str) -> Cron:
    match = _CRON.fullmatch(schedule)
    fields = match[1].upper().split() if match is not None else []
    if len(fields) != len(_BOUNDS):
        raise _wrong()
    # One of the two kinds of day must be left open, and only one.
    if (fields[_MONTH_DAY] == "?") == (fields[_WEEKDAY] == "?"):
        raise _wrong()
    try:
        return _compile(fields)
    except (ValueError, IndexError):
        raise _wrong() from None


def _compile(fields: list[str]) -> Cron:
    by_weekday = fields[_MONTH_DAY] == "?"
    month_end = False
    days: set[int] = set()
    weekdays: set[int] = set()
    near: set[int] = set()
    last: set[int] = set()
    nth: set[tuple[int, int]] = set()
    if by_weekday:
        for part in fields[_WEEKDAY].split(","):
            if part == "L":
                weekdays.add(7)
            elif part.endswith("L"):
                last.add(_number(part[:-1], _WEEKDAY))
            elif "#" in part:
                weekday, _, count = part.partition("#")
                if not 1 <= int(count) <= _FRIDAYS_MAX:
                    raise ValueError(part)
                nth.add((_number(weekday, _WEEKDAY), int(count)))
            else:
                weekdays.update(_values(part, _WEEKDAY))
    else:
        for part in fields[_MONTH_DAY].split(","):
            if part == "L":
                month_end = True
            elif part.endswith("W"):
                near.add(0 if part == "LW" else _number(part[:-1], _MONTH_DAY))
            else:
                days.update(_values(part, _MONTH_DAY))
    minutes, hours, months, years = (
        sorted({value for part in fields[place].split(",") for value in _values(part, place)})
        for place in (0, 1, _MONTH, _YEAR)
    )
    return Cron(
        minutes=tuple(minutes),
        hours=tuple(hours),
        days=frozenset(days),
        months=frozenset(months),
        weekdays=frozenset(weekdays),
        years=frozenset(years),
        by_weekday=by_weekday,
        month_end=month_end,
        near=frozenset(near),
        last=frozenset(last),
        nth=frozenset(nth),
    )


def _values(part: str, place: int) -> Iterator[int]:
    """What one part of a field's list admits; `ValueError` for what is none."""
    low, high = _BOUNDS[place]
    span, slash, step = part.partition("/")
    if slash and not int(step):
        raise ValueError(part)
    if span == "*":
        first, final = low, high
    else:
        begin, dash, end = span.partition("-")
        first = _number(begin, place)
        final = _number(end, place) if dash else (high if slash else first)
    if first > final and place in (_MONTH, _WEEKDAY, 0, 1):
        # FRI-MON goes over the week's end.
        yield from range(first, high + 1, int(step or 1))
        first = low
    if first > final:
        raise ValueError(part)
    yield from range(first, final + 1, int(step or 1))


def _number(text: str, place: int) -> int:
    if place == _MONTH and text in _MONTHS:
        return _MONTHS.index(text) + 1
    if place == _WEEKDAY and text in _DAYS:
        return _DAYS.index(text) + 1
    low, high = _BOUNDS[place]
    if not text.isascii() or not text.isdecimal() or not low <= int(text) <= high:
        raise ValueError(text)
    return int(text)


def _nearest(year: int, month: int, day: int, length: int) -> int:
    """The day of the weekday nearest to a day of a month, in that month; 0 where the month has no such day."""
    if day > length:
        return 0
    weekday = date(year, month, day).isoweekday()
    if weekday == 6:  # Saturday
        return day - 1 if day > 1 else day + 2
    if weekday == 7:  # Sunday
        return day + 1 if day < length else day - 2
    return day
