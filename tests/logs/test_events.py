"""Events: in, out by stream, out by group."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from lambent.services.logs.api import filtering
from lambent.services.logs.errors import InvalidParameterException, ResourceNotFoundException
from lambent.services.logs.model import event_id, event_position

from .support import DAY_NS, GROUP, MS, STREAM, LogsCloud

HOUR_MS = 3_600_000
DAY_MS = 24 * HOUR_MS


def run(test: Callable[[LogsCloud], Awaitable[None]]) -> None:
    async def body() -> None:
        await test(await LogsCloud().begin())

    asyncio.run(body())


def test_what_goes_in_comes_out_in_order() -> None:
    async def body(cloud: LogsCloud) -> None:
        answer = await cloud.put((-2, "first"), (-2, "second"), (0, "third"))
        assert len(answer["nextSequenceToken"]) == 56
        assert "rejectedLogEventsInfo" not in answer
        await cloud.put((-1, "late"))
        found = await cloud.logs("GetLogEvents", logGroupName=GROUP, logStreamName=STREAM)
        assert [event["message"] for event in found["events"]] == ["first", "second", "late", "third"]
        assert found["events"][0] == {
            "timestamp": cloud.now_ms - 2,
            "message": "first",
            "ingestionTime": cloud.now_ms,
        }

    run(body)


def test_rejected_events_are_reported_and_the_others_kept() -> None:
    async def body(cloud: LogsCloud) -> None:
        old = await cloud.put((-15 * DAY_MS, "old"), (-15 * DAY_MS + 1, "old"))
        assert old["rejectedLogEventsInfo"] == {"tooOldLogEventEndIndex": 2}
        new = await cloud.put((0, "now"), (2 * HOUR_MS + 1, "future"))
        assert new["rejectedLogEventsInfo"] == {"tooNewLogEventStartIndex": 1}
        await cloud.logs("PutRetentionPolicy", logGroupName=GROUP, retentionInDays=1)
        expired = await cloud.put((-2 * DAY_MS, "expired"), (-HOUR_MS, "kept"))
        assert expired["rejectedLogEventsInfo"] == {"expiredLogEventEndIndex": 1}
        assert await cloud.messages() == ["kept", "now"]

    run(body)


def test_batches_that_are_refused_whole() -> None:
    async def body(cloud: LogsCloud) -> None:
        with pytest.raises(InvalidParameterException, match="chronological order"):
            await cloud.put((0, "b"), (-1, "a"))
        with pytest.raises(InvalidParameterException, match="24 hours"):
            await cloud.put((-DAY_MS - 1, "b"), (0, "a"))
        with pytest.raises(InvalidParameterException, match="Upload too large: 1048577 bytes exceeds limit of 1048576"):
            await cloud.put((0, "x" * (1_048_576 - 25)))
        with pytest.raises(ResourceNotFoundException, match="The specified log stream does not exist"):
            await cloud.put((0, "a"), stream="none")
        with pytest.raises(ResourceNotFoundException, match="The specified log group does not exist"):
            await cloud.put((0, "a"), group="none")
        assert await cloud.messages() == []

    run(body)


def test_paging_through_a_stream_both_ways() -> None:
    async def body(cloud: LogsCloud) -> None:
        await cloud.put(*((offset, str(offset)) for offset in range(-9, 1)))
        where = {"logGroupName": GROUP, "logStreamName": STREAM, "limit": 4}
        first = await cloud.logs("GetLogEvents", **where, startFromHead=True)
        seen = [event["message"] for event in first["events"]]
        page = first
        while (page := await cloud.logs("GetLogEvents", **where, nextToken=page["nextForwardToken"]))["events"]:
            seen += [event["message"] for event in page["events"]]
        assert seen == [str(offset) for offset in range(-9, 1)]
        again = await cloud.logs("GetLogEvents", **where, nextToken=page["nextForwardToken"])
        assert again["nextForwardToken"] == page["nextForwardToken"]
        await cloud.put((1, "new"))
        tail = await cloud.logs("GetLogEvents", **where, nextToken=again["nextForwardToken"])
        assert [event["message"] for event in tail["events"]] == ["new"]
        back = await cloud.logs("GetLogEvents", **where, nextToken=page["nextBackwardToken"])
        assert [event["message"] for event in back["events"]] == ["-3", "-2", "-1", "0"]
        head = await cloud.logs("GetLogEvents", **where, nextToken=first["nextBackwardToken"])
        assert head["events"] == []
        assert head["nextBackwardToken"] == first["nextBackwardToken"]
        last = await cloud.logs("GetLogEvents", **where)
        assert [event["message"] for event in last["events"]] == ["-2", "-1", "0", "new"]

    run(body)


def test_a_stream_is_read_within_a_range_of_time() -> None:
    async def body(cloud: LogsCloud) -> None:
        await cloud.put(*((offset, str(offset)) for offset in range(-9, 1)))
        where = {"logStreamName": STREAM, "startTime": cloud.now_ms - 5, "endTime": cloud.now_ms - 2}
        assert await cloud.messages("GetLogEvents", **where) == ["-5", "-4", "-3"]
        assert await cloud.messages("GetLogEvents", **where, startFromHead=True, limit=2) == ["-5", "-4"]
        assert await cloud.messages("GetLogEvents", **where, limit=2) == ["-4", "-3"]

    run(body)


def test_a_page_holds_a_megabyte() -> None:
    async def body(cloud: LogsCloud) -> None:
        for offset in range(3):
            await cloud.put((offset, str(offset) * 500_000))
        head = await cloud.logs("GetLogEvents", logGroupName=GROUP, logStreamName=STREAM, startFromHead=True)
        assert [event["message"][0] for event in head["events"]] == ["0", "1"]
        page = await cloud.logs("FilterLogEvents", logGroupName=GROUP)
        assert [event["message"][0] for event in page["events"]] == ["0", "1"]
        rest = await cloud.logs("FilterLogEvents", logGroupName=GROUP, nextToken=page["nextToken"])
        assert [event["message"][0] for event in rest["events"]] == ["2"]
        assert "nextToken" not in rest

    run(body)


@pytest.mark.parametrize("token", ["f/12/s", "x/" + "0" * 56 + "/s", "f/" + "1" * 56 + "/s", "", "é"])
def test_foreign_tokens_are_refused(token: str) -> None:
    async def body(cloud: LogsCloud) -> None:
        for operation in ("GetLogEvents", "FilterLogEvents", "DescribeLogStreams"):
            extra = {"logStreamName": STREAM} if operation == "GetLogEvents" else {}
            with pytest.raises(InvalidParameterException, match="The specified nextToken is invalid"):
                await cloud.logs(operation, logGroupName=GROUP, nextToken=token + "x", **extra)

    run(body)


@pytest.mark.parametrize("ascending", [True, False])
@pytest.mark.parametrize("selection", [{}, {"logStreamNamePrefix": "s"}, {"logStreamNames": ["s0", "s1", "s2"]}])
@pytest.mark.parametrize("merged_max", [1, 100])
@pytest.mark.parametrize("look_max", [1, 3, 100])
def test_filtering_merges_streams_by_time_over_pages(
    ascending: bool, selection: dict[str, object], merged_max: int, look_max: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def body(cloud: LogsCloud) -> None:
        monkeypatch.setattr(filtering, "MERGED_MAX", merged_max)
        monkeypatch.setattr(filtering, "_CHUNK", 2)
        monkeypatch.setattr(filtering, "LOOK_MAX", look_max)
        for number in range(3):
            await cloud.logs("CreateLogStream", logGroupName=GROUP, logStreamName=f"s{number}")
            for offset in range(0, 12, number + 1):
                await cloud.put((offset, f"{offset:02d} of {number}"), stream=f"s{number}")
        found: list[dict[str, object]] = []
        token: dict[str, str] = {}
        while True:
            page = await cloud.logs(
                "FilterLogEvents",
                logGroupName=GROUP,
                filterPattern="-03",
                limit=5,
                startFromHead=ascending,
                startTime=cloud.now_ms + 1,
                endTime=cloud.now_ms + 10,
                **selection,
                **token,
            )
            assert len(page["events"]) <= 5
            found += page["events"]
            if "nextToken" not in page:
                break
            token = {"nextToken": page["nextToken"]}
        expected = {f"{offset:02d} of {n}" for n in range(3) for offset in range(0, 12, n + 1) if 1 <= offset <= 10}
        expected -= {"03 of 0", "03 of 2"}
        assert {event["message"] for event in found} == expected
        assert len(found) == len(expected)
        ids = [event["eventId"] for event in found]
        assert ids == sorted(ids, reverse=not ascending)  # type: ignore[type-var]

    run(body)


def test_a_search_stops_after_so_many_events_and_goes_on(monkeypatch: pytest.MonkeyPatch) -> None:
    async def body(cloud: LogsCloud) -> None:
        monkeypatch.setattr(filtering, "EXAMINED_MAX", 5)
        await cloud.put(*((0, str(number)) for number in range(8)))
        page = await cloud.logs("FilterLogEvents", logGroupName=GROUP, filterPattern="7")
        assert page["events"] == []
        page = await cloud.logs("FilterLogEvents", logGroupName=GROUP, filterPattern="7", nextToken=page["nextToken"])
        assert [event["message"] for event in page["events"]] == ["7"]
        assert "nextToken" not in page

    run(body)


def test_expired_events_are_gone_at_once_and_swept_later() -> None:
    async def body(cloud: LogsCloud) -> None:
        await cloud.put((-DAY_MS + HOUR_MS, "old"), (0, "young"))
        await cloud.logs("PutRetentionPolicy", logGroupName=GROUP, retentionInDays=1)
        assert await cloud.deliver(repeat=2) == 1
        assert await cloud.messages() == ["old", "young"]
        cloud.clock.advance(2 * HOUR_MS * MS)
        assert await cloud.messages() == ["young"]
        assert await cloud.messages("GetLogEvents", logStreamName=STREAM) == ["young"]
        assert await cloud.deliver(repeat=2) == 1
        group = (await cloud.logs("DescribeLogGroups"))["logGroups"][0]
        assert group["storedBytes"] == len("young")
        cloud.clock.advance(3 * DAY_NS)
        assert await cloud.deliver() == 1
        assert (await cloud.logs("DescribeLogGroups"))["logGroups"][0]["storedBytes"] == 0
        await cloud.logs("DeleteRetentionPolicy", logGroupName=GROUP)
        cloud.clock.advance(3 * DAY_NS)
        assert await cloud.deliver() == 1
        assert await cloud.deliver() == 0

    run(body)


def test_metric_filters_are_tried_on_messages() -> None:
    async def body(cloud: LogsCloud) -> None:
        answer = await cloud.logs(
            "TestMetricFilter", filterPattern="[w1, size > 5]", logEventMessages=["a 3", "b 7", "c"]
        )
        assert answer["matches"] == [
            {"eventNumber": 2, "eventMessage": "b 7", "extractedValues": {"$w1": "b", "$size": "7"}}
        ]

    run(body)


@given(st.integers(0, 2**47), st.integers(0, 2**48 - 1), st.integers(0, 2**64 - 1))
@settings(max_examples=50)
def test_event_ids_are_places(time_ms: int, stream: int, sequence: int) -> None:
    text = event_id(time_ms, stream, sequence)
    if len(text) == 56:
        assert event_position(text) == (time_ms, stream, sequence)
