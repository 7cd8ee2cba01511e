"""Archives and replays."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from lambent.contracts.events import Delivery, Target, TryAgain
from lambent.services.events import archiving, keys
from tests.support import ACCOUNT, REGION

from .support import MINUTE_NS, PATTERN, EventsCloud, run

BUS = f"arn:aws:events:{REGION}:{ACCOUNT}:event-bus/default"
ARCHIVE = f"arn:aws:events:{REGION}:{ACCOUNT}:archive/a"
DAY_NS = 24 * 60 * MINUTE_NS


class Later:
    """Puts everything off for a minute."""

    async def deliver(self, delivery: Delivery) -> None:
        raise TryAgain("later", delay_s=60, count=False)

    async def check(self, target: str, principal: str, source: str, account: str) -> None:
        return None


def now(c: EventsCloud) -> datetime:
    return datetime.fromtimestamp(c.clock.now_ns() // 10**9, UTC)


async def replay(c: EventsCloud, name: str = "again", **more: Any) -> dict[str, Any]:
    hour = timedelta(hours=1)
    times = {"EventStartTime": now(c) - hour, "EventEndTime": now(c) + hour, **more}
    destination = times.pop("Destination", {"Arn": BUS})
    return await c.do("StartReplay", ReplayName=name, EventSourceArn=ARCHIVE, Destination=destination, **times)


def test_an_archive_is_made_shown_changed_and_deleted() -> None:
    async def scenario(c: EventsCloud) -> None:
        made = await c.do("CreateArchive", ArchiveName="a", EventSourceArn=BUS, EventPattern=PATTERN, RetentionDays=1)
        assert set(made) == {"ArchiveArn", "State", "CreationTime"}
        assert (made["ArchiveArn"], made["State"]) == (ARCHIVE, "ENABLED")
        for _ in range(10):
            await c.put()
        await c.put(Source="other")
        listed = {
            "ArchiveName": "a",
            "EventSourceArn": BUS,
            "State": "ENABLED",
            "RetentionDays": 1,
            "SizeBytes": 1590,
            "EventCount": 10,
            "CreationTime": made["CreationTime"],
        }
        assert (await c.do("ListArchives", EventSourceArn=BUS))["Archives"] == [listed]
        assert (await c.do("ListArchives", NamePrefix="b"))["Archives"] == []
        assert await c.do("DescribeArchive", ArchiveName="a") == {
            **listed,
            "ArchiveArn": ARCHIVE,
            "EventPattern": PATTERN,
        }
        await c.do("UpdateArchive", ArchiveName="a", Description="d", RetentionDays=2)
        shown = await c.do("DescribeArchive", ArchiveName="a")
        assert (shown["Description"], shown["RetentionDays"], shown["EventPattern"]) == ("d", 2, PATTERN)
        nothing = await c.error("UpdateArchive", ArchiveName="a")
        message = "At least one of EventPattern, RetentionDays or Description must be provided."
        assert nothing == {"Code": "ValidationException", "Message": message}
        await c.do("DeleteArchive", ArchiveName="a")
        for operation in ("DescribeArchive", "DeleteArchive"):
            gone = await c.error(operation, ArchiveName="a")
            assert gone == {"Code": "ResourceNotFoundException", "Message": "Archive a does not exist."}
        assert await c.store.read(lambda tx: keys.archived.scan(tx) + keys.holdings.scan(tx)) == []

    run(scenario)


def test_what_is_too_old_goes() -> None:
    async def scenario(c: EventsCloud) -> None:
        await c.do("CreateArchive", ArchiveName="a", EventSourceArn=BUS, RetentionDays=2)
        for _ in range(archiving.PAGE + 5):
            await c.put()
        await c.later(DAY_NS)
        await c.put()
        await c.later(DAY_NS + MINUTE_NS)
        assert (await c.do("DescribeArchive", ArchiveName="a"))["EventCount"] == 1
        await c.later(DAY_NS)
        shown = await c.do("DescribeArchive", ArchiveName="a")
        assert (shown["EventCount"], shown["SizeBytes"]) == (0, 0)

    run(scenario)


def test_days_that_no_clock_reaches_are_kept() -> None:
    async def scenario(c: EventsCloud) -> None:
        await c.do("CreateArchive", ArchiveName="a", EventSourceArn=BUS, RetentionDays=2_000_000_000)
        await c.put()
        for _ in range(3):
            await c.later(366 * DAY_NS)
        shown = await c.do("DescribeArchive", ArchiveName="a")
        assert (shown["EventCount"], shown["RetentionDays"]) == (1, 2_000_000_000)

    run(scenario)


def test_a_replay_sends_everything_again_to_the_rules_it_names() -> None:
    async def scenario(c: EventsCloud) -> None:
        one, two = await c.queue("one"), await c.queue("two")
        rule = await c.rule("one", one)
        await c.rule("two", two)
        await c.do("CreateArchive", ArchiveName="a", EventSourceArn=BUS)
        count = archiving.PAGE + 3
        ids = {await c.put() for _ in range(count)}
        await c.messages(one)
        await c.messages(two)
        begun = await replay(c, Destination={"Arn": BUS, "FilterArns": [rule]})
        assert begun["State"] == "STARTING"
        again = await c.received(one)
        assert {event["id"] for event in again} == ids
        assert len(again) == count
        assert {event["replay-name"] for event in again} == {"again"}
        assert await c.received(two) == []
        shown = await c.do("DescribeReplay", ReplayName="again")
        assert shown["State"] == "COMPLETED"
        assert shown["Destination"] == {"Arn": BUS, "FilterArns": [rule]}
        assert {"EventLastReplayedTime", "ReplayEndTime", "ReplayStartTime"} <= set(shown)
        assert (await c.do("DescribeArchive", ArchiveName="a"))["EventCount"] == count, "replayed events are not kept"
        (listed,) = (await c.do("ListReplays", EventSourceArn=ARCHIVE))["Replays"]
        assert listed["ReplayName"] == "again"
        over = await c.error("CancelReplay", ReplayName="again")
        assert over["Code"] == "IllegalStatusException"
        hour = timedelta(hours=1)
        await replay(c, "before", EventStartTime=now(c) - 2 * hour, EventEndTime=now(c) - hour)
        assert await c.received(one) == []

    run(scenario)


class Twice:
    """Hears the steps of replays twice, as after a crash of the node that took the first."""

    def __init__(self, target: Target) -> None:
        self._target = target

    async def deliver(self, delivery: Delivery) -> None:
        await self._target.deliver(delivery)
        if ":replay/" in delivery.event.target:
            await self._target.deliver(delivery)

    async def check(self, target: str, principal: str, source: str, account: str) -> None:
        await self._target.check(target, principal, source, account)


def test_a_replay_whose_pages_are_heard_twice_sends_each_event_once() -> None:
    async def scenario(c: EventsCloud) -> None:
        queue = await c.queue("one")
        await c.rule("one", queue)
        await c.do("CreateArchive", ArchiveName="a", EventSourceArn=BUS)
        ids = [await c.put() for _ in range(2 * archiving.PAGE + 3)]
        await c.messages(queue)
        c.targets["events"] = Twice(c.targets["events"])
        await replay(c)
        assert sorted(event["id"] for event in await c.received(queue)) == sorted(ids)
        assert (await c.do("DescribeReplay", ReplayName="again"))["State"] == "COMPLETED"

    run(scenario)


def test_a_replay_is_cancelled() -> None:
    async def scenario(c: EventsCloud) -> None:
        queue = await c.queue()
        await c.rule("r", queue)
        await c.do("CreateArchive", ArchiveName="a", EventSourceArn=BUS)
        await c.put()
        await c.messages(queue)
        real = c.targets["events"]
        c.targets["events"] = Later()
        await replay(c, "x")
        cancelled = await c.do("CancelReplay", ReplayName="x")
        assert cancelled["State"] == "CANCELLING"
        assert (await c.do("DescribeReplay", ReplayName="x"))["State"] == "CANCELLING"
        c.targets["events"] = real
        await c.later(MINUTE_NS)
        assert (await c.do("DescribeReplay", ReplayName="x"))["State"] == "CANCELLED"
        assert await c.received(queue) == []

    run(scenario)


@pytest.mark.parametrize(
    ("params", "message"),
    [
        (
            {"EventSourceArn": ARCHIVE + "x"},
            "Parameter EventSourceArn is not valid. Reason: Archive ax does not exist.",
        ),
        (
            {"Destination": {"Arn": BUS.replace("default", "none")}},
            "Parameter Destination.Arn is not valid. Reason: Event bus none does not exist.",
        ),
        (
            {"Destination": {"Arn": BUS.replace("default", "b")}},
            "Parameter Destination.Arn is not valid. Reason: Cross event bus replay is not permitted.",
        ),
        (
            {"EventEndTime": datetime(2020, 1, 1, tzinfo=UTC)},
            "Parameter EventEndTime is not valid. Reason: EventStartTime must be before EventEndTime.",
        ),
    ],
)
def test_replays_that_are_refused(params: dict[str, Any], message: str) -> None:
    async def scenario(c: EventsCloud) -> None:
        await c.do("CreateEventBus", Name="b")
        await c.do("CreateArchive", ArchiveName="a", EventSourceArn=BUS)
        given: dict[str, Any] = {
            "ReplayName": "x",
            "EventSourceArn": ARCHIVE,
            "Destination": {"Arn": BUS},
            "EventStartTime": datetime(2021, 1, 1, tzinfo=UTC),
            "EventEndTime": datetime(2022, 1, 1, tzinfo=UTC),
            **params,
        }
        assert await c.error("StartReplay", **given) == {"Code": "ValidationException", "Message": message}

    run(scenario)
