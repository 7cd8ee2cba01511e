"""Schedules in time zones on the days on which the clocks are moved: what arrives, and with which times."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest

from .support import MINUTE_NS, ScheduleCloud, run

_STEP_MINUTES = 15


async def _until(cloud: ScheduleCloud, moment: datetime) -> list[str]:
    """Let time pass in steps; the bodies that arrived."""
    found = []
    while cloud.clock.now_ns() < moment.timestamp() * 1e9:
        cloud.clock.advance(_STEP_MINUTES * MINUTE_NS)
        await cloud.settle()
        found += await cloud.bodies()
    return found


def _local(zone: str, *schedules: tuple[str, str]) -> list[tuple[str, str, str]]:
    return [(name, expression, zone) for name, expression in schedules]


_BERLIN = _local(
    "Europe/Berlin",
    ("daily", "cron(30 2 * * ? *)"),
    ("hourly", "cron(0 1-4 * * ? *)"),
    ("once", "at(2026-03-29T02:45:00)"),
    ("doubled", "at(2026-10-25T02:45:00)"),
)


@pytest.mark.parametrize(
    ("day", "schedules", "expected"),
    [
        (  # the clocks go from 02:00 to 03:00
            datetime(2026, 3, 29),
            _BERLIN,
            [
                "hourly 2026-03-29T00:00:00Z",
                "hourly 2026-03-29T01:00:00Z",
                "once 2026-03-29T01:45:00Z",
                "hourly 2026-03-29T02:00:00Z",
            ],
        ),
        (  # the clocks go from 03:00 back to 02:00
            datetime(2026, 10, 25),
            _BERLIN,
            [
                "hourly 2026-10-24T23:00:00Z",
                "hourly 2026-10-25T00:00:00Z",
                "daily 2026-10-25T00:30:00Z",
                "doubled 2026-10-25T00:45:00Z",
                "hourly 2026-10-25T02:00:00Z",
                "hourly 2026-10-25T03:00:00Z",
            ],
        ),
        (  # half an hour: from 02:00 back to 01:30, which is 15:00 UTC of the day before
            datetime(2026, 4, 5),
            _local("Australia/Lord_Howe", ("often", "cron(0/15 1 5 4 ? 2026)")),
            [f"often 2026-04-04T14:{minute}:00Z" for minute in ("00", "15", "30", "45")],
        ),
    ],
)
def test_the_day_on_which_the_clocks_are_moved(
    day: datetime, schedules: list[tuple[str, str, str]], expected: list[str]
) -> None:
    async def body(cloud: ScheduleCloud) -> None:
        begin = day.replace(tzinfo=UTC) - timedelta(hours=12)
        cloud.clock.advance(int(begin.timestamp()) * 10**9 - cloud.clock.now_ns())
        for name, expression, zone in schedules:
            target = {"Input": f"{name} <aws.scheduler.scheduled-time>"}
            await cloud.schedule(expression, Name=name, ScheduleExpressionTimezone=zone, Target=target)
        assert await _until(cloud, day.replace(tzinfo=UTC) + timedelta(hours=6)) == expected

    run(body)


def test_a_rate_does_not_know_of_clocks_that_are_moved() -> None:
    async def body(cloud: ScheduleCloud) -> None:
        begin = datetime(2026, 3, 28, 0, 30, tzinfo=UTC)
        cloud.clock.advance(int(begin.timestamp()) * 10**9 - cloud.clock.now_ns())
        target = {"Input": "<aws.scheduler.scheduled-time>"}
        await cloud.schedule("rate(1 day)", ScheduleExpressionTimezone="Europe/Berlin", Target=target)
        await cloud.bodies()
        expected = ["2026-03-29T00:30:00Z", "2026-03-30T00:30:00Z"]
        assert await _until(cloud, datetime(2026, 3, 30, 6, tzinfo=UTC)) == expected

    run(body)
