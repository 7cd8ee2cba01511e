"""Schedules: when they are due, and that they run."""

from __future__ import annotations

import calendar
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from lambent.services.events import schedules
from lambent.services.events.errors import ValidationException
from tests.support import ACCOUNT, REGION

from .support import MINUTE_NS, EventsCloud, run

RECORDED = (
    "cron(0 12 * * ? *)", "cron(0 18 ? * MON-FRI *)", "cron(0 2 ? * SAT *)", "cron(0 2 ? * SAT#3 *)",
    "cron(0 8 1 * ? *)", "cron(0/30 0-2 ? * MON-FRI *)", "cron(0/30 20-23 ? * MON-FRI *)",
    "cron(0/5 5 ? JAN 1-5 2022)", "cron(15 10 ? * 6L 2002-2005)", "cron(15 12 * * ? *)", "cron(0/5 8-17 ? * MON-FRI *)",
    "cron(0 10 * * ? *)", "rate(1 minute)", "rate(5 minutes)", "rate(1 day)", "cron(0 9 L * ? *)",
    "cron(0 9 15W * ? *)",
    "cron(0 9 ? * FRI-MON *)",
)  # fmt: skip


def ms(text: str) -> int:
    return int(datetime.fromisoformat(text).replace(tzinfo=UTC).timestamp() * 1000)


@pytest.mark.parametrize("schedule", RECORDED)
def test_taken(schedule: str) -> None:
    schedules.check(schedule)


@pytest.mark.parametrize(
    "schedule",
    [
        "cron(0 dummy ? * MON-FRI *)", "cron(7 20 * * NOT *)", "cron(INVALID)", "rate(0 minutes)", "rate(1 minutes)",
        "rate(2 minute)", "rate(-1 minutes)", "rate(5 seconds)", "rate(1.5 hours)", "cron(0 0 * * * *)",
        "cron(0 0 ? * ? *)", "cron(60 0 * * ? *)", "cron(0 24 * * ? *)", "cron(0 0 32 * ? *)", "cron(0 0 1 13 ? *)",
        "cron(0 0 ? * 8 *)", "cron(0 0 1 * ? 1969)", "cron(0/0 0 1 * ? *)", "cron(0 0 ? * FRI#6 *)",
        "at(2030-01-01T00:00:00)",
        "", "cron(0 0 1 * ?)",
    ],
)  # fmt: skip
def test_refused(schedule: str) -> None:
    with pytest.raises(ValidationException, match=r"^Parameter ScheduleExpression is not valid\.$"):
        schedules.check(schedule)


@pytest.mark.parametrize(
    ("schedule", "after", "due"),
    [
        ("cron(0 12 * * ? *)", "2024-02-28T12:00:00", "2024-02-29T12:00:00"),
        ("cron(0 9 L * ? *)", "2024-02-01T00:00:00", "2024-02-29T09:00:00"),
        ("cron(0 9 15W * ? *)", "2024-06-01T00:00:00", "2024-06-14T09:00:00"),
        ("cron(0 9 1W * ? *)", "2024-06-01T00:00:00", "2024-06-03T09:00:00"),
        ("cron(0 9 LW * ? *)", "2024-06-01T00:00:00", "2024-06-28T09:00:00"),
        ("cron(0 2 ? * SAT#3 *)", "2024-06-01T00:00:00", "2024-06-15T02:00:00"),
        ("cron(0 2 ? * 6L *)", "2024-06-01T00:00:00", "2024-06-28T02:00:00"),
        ("cron(0 0 29 FEB ? *)", "2024-02-29T00:00:00", "2028-02-29T00:00:00"),
        ("cron(0 0 30 FEB ? *)", "2024-01-01T00:00:00", None),
        ("cron(0 0 1 1 ? 2023)", "2024-01-01T00:00:00", None),
    ],
)
def test_due(schedule: str, after: str, due: str | None) -> None:
    assert schedules.next_ms(schedule, 0, ms(after)) == (ms(due) if due else None)


def test_a_rate_counts_from_its_beginning() -> None:
    assert schedules.next_ms("rate(5 minutes)", 1_000, 1_000) == 301_000
    assert schedules.next_ms("rate(5 minutes)", 1_000, 301_000) == 601_000
    assert schedules.next_ms("rate(1 hour)", 0, 7_200_001) == 10_800_000


def _field(low: int, high: int) -> st.SearchStrategy[str]:
    number = st.integers(low, high)
    span = st.tuples(number, number).map(lambda pair: f"{min(pair)}-{max(pair)}")
    step = st.tuples(number, st.integers(1, min(20, high - low + 1))).map(lambda pair: f"{pair[0]}/{pair[1]}")
    part = st.one_of(number.map(str), span, step)
    return st.one_of(st.just("*"), st.lists(part, min_size=1, max_size=3).map(",".join))


def _takes(field: str, value: int, low: int, high: int) -> bool:
    """Whether a field admits a value: the model, part by part."""
    for part in field.split(","):
        if part == "*":
            return True
        span, _, step = part.partition("/")
        begin, dash, end = span.partition("-")
        last = int(end) if dash else (high if step else int(begin))
        if int(begin) <= value <= last and (value - int(begin)) % int(step or 1) == 0:
            return True
    return False


def _model(fields: list[str], moment: datetime) -> bool:
    """Whether a cron expression is due in a minute."""
    minutes, hours, days, months, weekdays, _ = fields
    if not (_takes(minutes, moment.minute, 0, 59) and _takes(hours, moment.hour, 0, 23)):
        return False
    if not _takes(months, moment.month, 1, 12):
        return False
    if days == "?":
        if weekdays == "L":
            return moment.isoweekday() == 6
        if weekdays.endswith("L"):
            last = moment.day + 7 > calendar.monthrange(moment.year, moment.month)[1]
            return last and moment.isoweekday() % 7 + 1 == int(weekdays[0])
        if "#" in weekdays:
            return moment.isoweekday() % 7 + 1 == int(weekdays[0]) and (moment.day + 6) // 7 == int(weekdays[2])
        return _takes(weekdays, moment.isoweekday() % 7 + 1, 1, 7)
    if days == "L":
        return (moment + timedelta(days=1)).month != moment.month
    return _takes(days, moment.day, 1, 31)


_WEEKDAYS = st.one_of(_field(1, 7), st.sampled_from(["L", "6L", "2L", "3#1", "7#5", "1#2"]))
_DAYS = st.one_of(st.tuples(st.one_of(_field(1, 31), st.just("L")), st.just("?")), st.tuples(st.just("?"), _WEEKDAYS))


@pytest.mark.slow
@settings(max_examples=150, deadline=None)
@given(
    _field(0, 59), _field(0, 23), _DAYS, _field(1, 12), st.datetimes(datetime(2019, 1, 1), datetime(2030, 1, 1))
)  # fmt: skip
def test_cron_is_what_a_walk_minute_by_minute_finds(
    minutes: str, hours: str, days: tuple[str, str], months: str, start: datetime
) -> None:
    fields = [minutes, hours, days[0], months, days[1], "*"]
    start = start.replace(second=0, microsecond=0, tzinfo=UTC)
    start_ms = int(start.timestamp() * 1000)
    due_ms = schedules.next_ms(f"cron({' '.join(fields)})", 0, start_ms)
    moment = start
    for _ in range(60 * 24 * 10):
        moment += timedelta(minutes=1)
        if _model(fields, moment):
            assert due_ms == int(moment.timestamp() * 1000)
            return
    assert due_ms is None or due_ms > int(moment.timestamp() * 1000)


def test_a_scheduled_rule_runs_until_it_is_disabled() -> None:
    async def scenario(c: EventsCloud) -> None:
        queue = await c.queue()
        await c.do("PutRule", Name="r", ScheduleExpression="rate(1 minute)")
        await c.do("PutTargets", Rule="r", Targets=[{"Id": "t", "Arn": queue}])
        shown = (await c.do("ListRules"))["Rules"]
        rule = f"arn:aws:events:{REGION}:{ACCOUNT}:rule/r"
        expected: dict[str, Any] = {"Arn": rule, "EventBusName": "default", "Name": "r", "State": "ENABLED"}
        assert shown == [{**expected, "ScheduleExpression": "rate(1 minute)"}]
        await c.later(MINUTE_NS)
        await c.later(MINUTE_NS)
        first, second = await c.received(queue)
        assert first["id"] != second["id"]
        assert {**first, "id": "", "time": ""} == {
            "version": "0",
            "id": "",
            "detail-type": "Scheduled Event",
            "source": "aws.events",
            "account": ACCOUNT,
            "time": "",
            "region": REGION,
            "resources": [rule],
            "detail": {},
        }
        assert first["time"] == "2023-11-14T22:14:20Z"
        await c.do("DisableRule", Name="r")
        await c.later(3 * MINUTE_NS)
        assert await c.received(queue) == []
        await c.do("EnableRule", Name="r")
        await c.do("PutRule", Name="r", ScheduleExpression="cron(0 0 * * ? *)")
        await c.later(60 * MINUTE_NS)
        assert await c.received(queue) == []
        await c.later(60 * MINUTE_NS)
        assert [event["time"] for event in await c.received(queue)] == ["2023-11-15T00:00:00Z"]

    run(scenario)


def test_what_was_missed_is_made_up_for_once() -> None:
    async def scenario(c: EventsCloud) -> None:
        queue = await c.queue()
        await c.do("PutRule", Name="r", ScheduleExpression="rate(1 minute)")
        await c.do("PutTargets", Rule="r", Targets=[{"Id": "t", "Arn": queue, "Input": '{"custom": "x"}'}])
        await c.later(10 * MINUTE_NS)
        assert await c.received(queue) == [{"custom": "x"}]
        await c.later(MINUTE_NS)
        assert await c.received(queue) == [{"custom": "x"}]

    run(scenario)
