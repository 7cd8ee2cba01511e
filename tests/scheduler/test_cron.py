"""Schedules of time: what expressions mean, against a model that looks at every minute."""

from __future__ import annotations

import calendar
from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from lambent.kit.cron import InvalidExpression, Rate, next_after, parse

HOUR_MS = 3_600_000


def ms(text: str) -> int:
    """An ISO time (UTC where it has no offset) in milliseconds."""
    time = datetime.fromisoformat(text)
    return int((time if time.tzinfo else time.replace(tzinfo=UTC)).timestamp() * 1000)


def shown(time_ms: int | None) -> str:
    """A time in UTC, to the minute."""
    return "never" if time_ms is None else datetime.fromtimestamp(time_ms / 1000, UTC).strftime("%Y-%m-%dT%H:%M")


@pytest.mark.parametrize(
    "expression",
    [
        "cron()",
        "cron(INVALID)",
        "cron(0 dummy ? * MON-FRI *)",
        "cron(7 20 * * NOT *)",
        "cron(71 8 1 * ? *)",
        "cron(0 9 1 * MON *)",
        "cron(0 9 * * * *)",
        "cron(0 9 ? * ? *)",
        "cron(0 24 * * ? *)",
        "cron(0 0 0 * ? *)",
        "cron(0 0 1 13 ? *)",
        "cron(0 0 1 * ? 1969)",
        "cron(0 0 1 * ? 2200)",
        "cron(0 0 1 * ? 2030-2020)",
        "cron(0/0 * * * ? *)",
        "cron(0/61 * * * ? *)",
        "cron(0,, * * * ? *)",
        "cron(0 0 ? * 2#6 *)",
        "cron(0 0 ? * 3#1,6#3 *)",
        "cron(0 0 32W * ? *)",
        "cron(0 0 * * ?)",
        "cron(٣ 0 * * ? *)",
        "rate()",
        "rate( 10 minutes )",
        "rate(-10 minutes)",
        "rate(0 minutes)",
        "rate(5 seconds)",
        "rate(1.5 hours)",
        "at(2030-13-01T00:00:00)",
        "at(2030-01-01 00:00:00)",
        "at(2030-01-01T00:00:00Z)",
        "every minute",
        "",
    ],
)
def test_what_is_no_schedule_is_refused(expression: str) -> None:
    with pytest.raises(InvalidExpression):
        parse(expression)


def test_rules_are_stricter_than_scheduler() -> None:
    assert parse("rate(1 minutes)") == parse("rate(1 minute)") == Rate(60_000)
    assert parse("rate(2 hours)", strict_units=True) == Rate(2 * HOUR_MS)
    for expression in ("rate(1 minutes)", "rate(2 hour)"):
        with pytest.raises(InvalidExpression):
            parse(expression, strict_units=True)
    with pytest.raises(InvalidExpression):
        parse("at(2030-01-01T00:00:00)", one_time=False)


@pytest.mark.parametrize("zone", ["Mars/Olympus", "America", "", "../etc/passwd", "/etc/passwd"])
def test_what_is_no_time_zone_is_refused(zone: str) -> None:
    with pytest.raises(InvalidExpression):
        next_after("rate(1 minute)", 0, zone)


@pytest.mark.parametrize(
    ("expression", "after", "expected"),
    [
        ("cron(0 12 * * ? *)", "2026-01-31T12:00", "2026-02-01T12:00"),
        ("cron(0 18 ? * MON-FRI *)", "2026-01-02T18:00", "2026-01-05T18:00"),
        ("cron(0-59/10 0-23/2 ? * * *)", "2026-01-01T00:50", "2026-01-01T02:00"),
        ("cron(1-31/30 1-1 ? * 1,7 *)", "2026-01-03T01:01", "2026-01-03T01:31"),
        ("cron(0 2 ? * SAT#3 *)", "2026-01-01T00:00", "2026-01-17T02:00"),
        ("cron(15 10 ? * 6L 2002-2005)", "2002-01-01T00:00", "2002-01-25T10:15"),
        ("cron(15 10 ? * 6L 2002-2005)", "2006-01-01T00:00", "never"),
        ("cron(0/5 5 ? JAN 1-5 2022)", "2022-01-06T05:55", "2022-01-09T05:00"),
        ("cron(0 0 L * ? *)", "2028-02-01T00:00", "2028-02-29T00:00"),
        ("cron(0 0 1W * ? *)", "2026-08-01T00:00", "2026-08-03T00:00"),
        ("cron(0 0 15W * ? *)", "2026-11-01T00:00", "2026-11-16T00:00"),
        ("cron(0 0 LW * ? *)", "2026-05-02T00:00", "2026-05-29T00:00"),
        ("cron(0 0 31W * ? *)", "2026-04-01T00:00", "2026-05-29T00:00"),
        ("cron(0 0 29 2 ? *)", "2096-03-01T00:00", "2104-02-29T00:00"),
        ("cron(0 0 30 2 ? *)", "2026-01-01T00:00", "never"),
        ("cron(0 22-1 ? * FRI-MON *)", "2026-01-05T23:30", "2026-01-09T00:00"),
        ("cron(0 0 ? * L *)", "2026-01-01T00:00", "2026-01-03T00:00"),
        ("at(2026-03-01T10:00:30)", "2026-03-01T10:00", "2026-03-01T10:00"),
        ("at(2026-03-01T10:00:00)", "2026-03-01T10:00", "never"),
    ],
)
def test_when_a_schedule_fires_next(expression: str, after: str, expected: str) -> None:
    assert shown(next_after(expression, ms(after))) == expected


def test_a_rate_counts_from_its_anchor() -> None:
    anchor_ms = ms("2026-01-01T00:00")
    assert next_after("rate(5 minutes)", anchor_ms - 1, anchor_ms=anchor_ms) == anchor_ms
    assert next_after("rate(5 minutes)", anchor_ms - HOUR_MS, anchor_ms=anchor_ms) == anchor_ms
    assert next_after("rate(5 minutes)", anchor_ms, anchor_ms=anchor_ms) == anchor_ms + 300_000
    # A day is 24 hours, on the day that has 23 too.
    before_ms = ms("2026-03-07T12:00-05:00")
    after_ms = next_after("rate(1 day)", before_ms, "America/New_York", anchor_ms=before_ms)
    assert after_ms == ms("2026-03-08T13:00-04:00")


@pytest.mark.parametrize("expression", ["at(2500-01-01T00:00:00)", "at(9999-12-31T23:59:59)", "rate(999999999 days)"])
def test_what_no_clock_reaches_is_never(expression: str) -> None:
    assert next_after(expression, ms("2026-01-01T00:00"), "America/New_York") is None


def test_a_time_that_daylight_saving_skips_is_left_out() -> None:
    expression, zone = "cron(30 2 * * ? *)", "America/New_York"
    first_ms = next_after(expression, ms("2026-03-07T12:00"), zone)
    assert first_ms == ms("2026-03-09T02:30-04:00")


def test_a_time_that_daylight_saving_doubles_fires_once() -> None:
    expression, zone = "cron(30 1 * * ? *)", "America/New_York"
    first_ms = next_after(expression, ms("2026-10-31T12:00"), zone)
    assert first_ms == ms("2026-11-01T01:30-04:00")
    assert next_after(expression, first_ms, zone) == ms("2026-11-02T01:30-05:00")


def test_a_day_that_a_zone_never_had_is_left_out() -> None:
    # Samoa went from the 29th straight to the 31st.
    assert shown(next_after("cron(0 12 * * ? *)", ms("2011-12-29T23:00"), "Pacific/Apia")) == "2011-12-30T22:00"


def test_a_one_time_schedule_in_a_skipped_hour_is_as_much_later() -> None:
    assert next_after("at(2026-03-08T02:30:00)", 0, "America/New_York") == ms("2026-03-08T03:30-04:00")


# -- the model --------------------------------------------------------------------------------------------------------

TRANSITIONS = {
    "America/New_York": ("2026-03-08T07:00", "2026-11-01T06:00"),
    "Europe/Berlin": ("2026-03-29T01:00", "2026-10-25T01:00"),
    "Australia/Lord_Howe": ("2026-04-04T15:00", "2026-10-03T15:30"),
    "America/Havana": ("2026-03-08T05:00", "2026-11-01T05:00"),
    "Africa/Casablanca": ("2026-02-15T02:00", "2026-03-22T02:00"),
    "Asia/Kolkata": ("2026-03-08T07:00", "2026-11-01T06:00"),
    "UTC": ("2026-02-28T12:00", "2026-12-31T12:00"),
}


def _range(low: int, high: int) -> st.SearchStrategy[tuple[str, frozenset[int]]]:
    """Texts of a field, and what they admit."""
    whole = frozenset(range(low, high + 1))
    number = st.integers(low, high)
    return st.one_of(
        st.just(("*", whole)),
        st.lists(number, min_size=1, max_size=4).map(lambda found: (",".join(map(str, found)), frozenset(found))),
        st.tuples(number, number).map(
            lambda two: (f"{min(two)}-{max(two)}", frozenset(range(min(two), max(two) + 1))),
        ),
        st.tuples(number, st.integers(1, high - low + 1)).map(
            lambda two: (f"{two[0]}/{two[1]}", frozenset(range(two[0], high + 1, two[1]))),
        ),
    )


@st.composite
def crons(draw: st.DrawFn) -> tuple[str, dict[str, object]]:
    """A cron expression, and the sets that the model asks."""
    minute, hour = draw(_range(0, 59)), draw(_range(0, 23))
    by_weekday = draw(st.booleans())
    day = draw(_range(1, 7) if by_weekday else _range(1, 31))
    fields = f"? * {day[0]} *" if by_weekday else f"{day[0]} * ? *"
    model = {"minute": minute[1], "hour": hour[1], "day": day[1], "by_weekday": by_weekday}
    return f"cron({minute[0]} {hour[0]} {fields})", model


def _fires(model: dict[str, object], utc: datetime, zone: ZoneInfo) -> bool:
    """Whether a minute is one: its wall clock fits, and did not show the same time before."""
    wall = utc.astimezone(zone)
    day = wall.isoweekday() % 7 + 1 if model["by_weekday"] else wall.day
    fits = wall.minute in model["minute"] and wall.hour in model["hour"] and day in model["day"]  # type: ignore[operator]
    return fits and wall.fold == 0


@pytest.mark.slow
@settings(max_examples=150, deadline=None)
@given(crons(), st.sampled_from(sorted(TRANSITIONS)), st.integers(0, 1), st.integers(-600, 120))
def test_every_minute_agrees_with_the_model(
    cron: tuple[str, dict[str, object]], zone: str, which: int, offset_minutes: int
) -> None:
    expression, model = cron
    tz = ZoneInfo(zone)
    schedule = parse(expression)
    start = datetime.fromisoformat(TRANSITIONS[zone][which]).replace(tzinfo=UTC) + timedelta(minutes=offset_minutes)
    end = start + timedelta(hours=30)
    expected = []
    minute = start + timedelta(minutes=1)
    while minute <= end:
        if _fires(model, minute, tz):
            expected.append(int(minute.timestamp() * 1000))
        minute += timedelta(minutes=1)
    found: list[int] = []
    at_ms: int | None = int(start.timestamp() * 1000)
    while at_ms is not None:
        at_ms = next_after(schedule, at_ms, zone)
        if at_ms is None or at_ms > int(end.timestamp() * 1000):
            break
        found.append(at_ms)
    assert found == expected


@settings(deadline=None)
@given(st.integers(1970, 2199), st.integers(1, 12), st.integers(1, 7), st.integers(1, 5))
def test_the_nth_weekday_of_a_month(year: int, month: int, weekday: int, nth: int) -> None:
    week = calendar.Calendar().itermonthdates(year, month)
    fitting = [day for day in week if day.month == month and day.isoweekday() % 7 + 1 == weekday]
    start_ms = int((datetime(year, month, 1, tzinfo=UTC) - datetime(1970, 1, 1, tzinfo=UTC)).total_seconds()) * 1000 - 1
    found = next_after(f"cron(0 0 ? {month} {weekday}#{nth} {year})", start_ms)
    expected = f"{fitting[nth - 1].isoformat()}T00:00" if nth <= len(fitting) else "never"
    assert shown(found) == expected
