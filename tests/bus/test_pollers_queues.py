"""Queues and functions: what a function gets, what is deleted, what comes again."""

from __future__ import annotations

import asyncio
from typing import Any

from lambent.contracts.clock import sleep_until
from lambent.contracts.functions import TooManyRequests

from .polling import QUEUE, SECOND_NS, Broken, PollingCloud, run, turns, url


def test_a_message_reaches_the_function_and_is_deleted() -> None:
    async def body(cloud: PollingCloud) -> None:
        made = await cloud.map(await cloud.queue())
        assert (made["State"], made["StateTransitionReason"]) == ("Creating", "USER_INITIATED")
        assert (await cloud.mapping(made["UUID"]))["State"] == "Enabled"
        attributes = {"colour": {"DataType": "String", "StringValue": "red"}}
        await cloud.send("hello", MessageAttributes=attributes)
        await turns()
        (event,) = cloud.compute.events
        (record,) = event["Records"]
        assert record["body"] == "hello"
        assert record["messageAttributes"] == {
            "colour": {"stringValue": "red", "stringListValues": [], "binaryListValues": [], "dataType": "String"}
        }
        assert sorted(record["attributes"]) == [
            "ApproximateFirstReceiveTimestamp",
            "ApproximateReceiveCount",
            "SenderId",
            "SentTimestamp",
        ]
        assert (record["eventSource"], record["eventSourceARN"], record["awsRegion"]) == ("aws:sqs", QUEUE, "us-east-1")
        assert record["md5OfBody"] == "5d41402abc4b2a76b9719d911017c592"
        assert len(record["md5OfMessageAttributes"]) == 32
        assert await cloud.depth() == (0, 0)

    run(body)


def test_a_failed_batch_comes_again_after_the_visibility_timeout_and_ends_in_the_dead_letter_queue() -> None:
    async def body(cloud: PollingCloud) -> None:
        dead = await cloud.queue("dead")
        policy = f'{{"deadLetterTargetArn": "{dead}", "maxReceiveCount": "2"}}'
        await cloud.map(await cloud.queue(VisibilityTimeout=10, RedrivePolicy=policy))

        def behave(event: dict[str, Any]) -> None:
            raise Broken("no")

        cloud.compute.behave = behave
        await cloud.send({"bad": 1})
        await turns()
        assert len(cloud.batches) == 1
        assert await cloud.depth() == (0, 1)
        await cloud.advance(9)
        assert len(cloud.batches) == 1
        await cloud.advance(2)
        assert len(cloud.batches) == 2
        await cloud.advance(30)
        assert len(cloud.batches) == 2
        assert await cloud.bodies("dead") == [{"bad": 1}]

    run(body)


def test_of_a_partial_failure_the_others_are_deleted() -> None:
    async def body(cloud: PollingCloud) -> None:
        await cloud.map(
            await cloud.queue(VisibilityTimeout=10),
            FunctionResponseTypes=["ReportBatchItemFailures"],
            MaximumBatchingWindowInSeconds=2,
        )

        def behave(event: dict[str, Any]) -> dict[str, Any]:
            bad = [record["messageId"] for record in event["Records"] if record["body"] == "bad"]
            return {"batchItemFailures": [{"itemIdentifier": id} for id in bad]}

        cloud.compute.behave = behave
        await cloud.send("good", "bad", "fine")
        await cloud.advance(3)
        assert cloud.batches == [["good", "bad", "fine"]]
        assert await cloud.depth() == (0, 1)
        await cloud.advance(12)
        assert cloud.batches[1] == ["bad"]

    run(body)


def test_an_answer_that_names_unknown_messages_fails_the_whole_batch() -> None:
    async def body(cloud: PollingCloud) -> None:
        await cloud.map(await cloud.queue(), FunctionResponseTypes=["ReportBatchItemFailures"])
        cloud.compute.behave = lambda event: {"batchItemFailures": [{"itemIdentifier": "nobody"}]}
        await cloud.send("one")
        await turns()
        assert await cloud.depth() == (0, 1)

    run(body)


def test_a_batch_waits_for_its_window_or_until_it_is_full() -> None:
    async def body(cloud: PollingCloud) -> None:
        await cloud.map(await cloud.queue(), BatchSize=12, MaximumBatchingWindowInSeconds=5)
        await cloud.send("a", "b")
        await cloud.advance(4)
        assert cloud.batches == []
        await cloud.send("c")
        await cloud.advance(2)
        assert cloud.batches == [["a", "b", "c"]]
        assert cloud.compute.events[0]["Records"][0]["md5OfMessageAttributes"] is None
        await cloud.send(*(str(number) for number in range(12)))
        await turns(200)
        assert [len(batch) for batch in cloud.batches] == [3, 12]

    run(body)


def test_what_the_filter_does_not_want_is_deleted() -> None:
    async def body(cloud: PollingCloud) -> None:
        criteria = {"Filters": [{"Pattern": '{"body": {"kind": ["order"]}}'}]}
        await cloud.map(await cloud.queue(), FilterCriteria=criteria)
        await cloud.send({"kind": "order", "id": 1}, {"kind": "other"}, "no json", {"kind": ["order", "x"]})
        await turns(200)
        assert sorted(body for batch in cloud.batches for body in batch) == [
            '{"kind": "order", "id": 1}',
            '{"kind": ["order", "x"]}',
        ]
        assert await cloud.depth() == (0, 0)

    run(body)


def test_a_throttled_batch_is_tried_again_and_not_lost() -> None:
    async def body(cloud: PollingCloud) -> None:
        await cloud.map(await cloud.queue(VisibilityTimeout=60), BatchSize=1)
        left = 4

        def behave(event: dict[str, Any]) -> None:
            nonlocal left
            if left:
                left -= 1
                raise TooManyRequests

        cloud.compute.behave = behave
        await cloud.send("patient")
        await cloud.advance(5, 0.1)
        assert cloud.batches == [["patient"]] * 5
        assert {
            record["attributes"]["ApproximateReceiveCount"]
            for event in cloud.compute.events
            for record in event["Records"]
        } == {"1"}
        assert await cloud.depth() == (0, 0)

    run(body)


def test_a_worker_with_two_slots_is_kept_busy_and_nothing_is_received_twice() -> None:
    async def body(cloud: PollingCloud) -> None:
        await cloud.map(await cloud.queue(VisibilityTimeout=30), BatchSize=1)

        async def behave(event: dict[str, Any]) -> None:
            if cloud.compute.running > 2:
                raise TooManyRequests
            await sleep_until(cloud.clock, cloud.clock.now_ns() + SECOND_NS)

        cloud.compute.behave = behave
        await cloud.send(*(str(number) for number in range(60)))
        await cloud.advance(36, 0.1)
        assert await cloud.depth() == (0, 0), "two a second, and a little more"
        records = [record for event in cloud.compute.events for record in event["Records"]]
        assert {record["attributes"]["ApproximateReceiveCount"] for record in records} == {"1"}

    run(body)


def test_no_more_batches_are_under_way_than_the_mapping_allows() -> None:
    async def body(cloud: PollingCloud) -> None:
        await cloud.map(await cloud.queue(), BatchSize=1, ScalingConfig={"MaximumConcurrency": 3})
        gate = asyncio.Event()

        async def behave(event: dict[str, Any]) -> None:
            await gate.wait()

        cloud.compute.behave = behave
        await cloud.send(*(str(number) for number in range(20)))
        await cloud.advance(20)
        assert cloud.compute.concurrent_max == 3
        assert await cloud.depth() == (17, 3)
        gate.set()
        await turns(600)
        assert await cloud.depth() == (0, 0)
        assert cloud.compute.concurrent_max == 3

    run(body)


def test_with_load_more_batches_are_under_way() -> None:
    async def body(cloud: PollingCloud) -> None:
        await cloud.map(await cloud.queue(), BatchSize=1)
        gate = asyncio.Event()

        async def behave(event: dict[str, Any]) -> None:
            await gate.wait()

        cloud.compute.behave = behave
        await cloud.send(*(str(number) for number in range(40)))
        await turns(200)
        assert cloud.compute.running == 5
        await cloud.advance(4)
        assert 15 <= cloud.compute.running <= 30
        gate.set()
        await turns(600)
        assert await cloud.depth() == (0, 0)

    run(body)


def test_a_group_of_a_fifo_queue_has_one_batch_under_way_and_stays_in_order() -> None:
    async def body(cloud: PollingCloud) -> None:
        source = await cloud.queue("q.fifo", FifoQueue="true", ContentBasedDeduplication="true", VisibilityTimeout=10)
        await cloud.map(source, BatchSize=1)
        gates: dict[str, asyncio.Event] = {}

        async def behave(event: dict[str, Any]) -> None:
            text = event["Records"][0]["body"]
            if text == "a1" and len(cloud.batches) < 3:
                raise Broken("once")
            await gates.setdefault(text, asyncio.Event()).wait()

        cloud.compute.behave = behave
        for text in ("a1", "a2", "b1", "b2"):
            await cloud.send(text, name="q.fifo", MessageGroupId=text[0])
        await turns()
        assert cloud.batches == [["a1"], ["b1"]]
        await cloud.advance(8)
        gates["b1"].set()
        await turns()
        assert cloud.batches == [["a1"], ["b1"], ["b2"]]
        await cloud.advance(4)
        assert cloud.batches[3] == ["a1"]
        gates["a1"].set()
        gates["b2"].set()
        await turns()
        assert cloud.batches[4] == ["a2"]

    run(body)


def test_a_disabled_mapping_polls_nothing_and_a_deleted_one_is_gone() -> None:
    async def body(cloud: PollingCloud) -> None:
        made = await cloud.map(await cloud.queue())
        id = made["UUID"]
        answer = await cloud.call("lambda", "UpdateEventSourceMapping", UUID=id, Enabled=False)
        assert answer["State"] == "Disabling"
        await turns()
        assert (await cloud.mapping(id))["State"] == "Disabled"
        await cloud.send("waits")
        await cloud.advance(30)
        assert cloud.batches == []
        answer = await cloud.call("lambda", "UpdateEventSourceMapping", UUID=id, Enabled=True)
        assert answer["State"] == "Enabling"
        await turns()
        assert cloud.batches == [["waits"]]
        assert (await cloud.mapping(id))["State"] == "Enabled"
        assert (await cloud.call("lambda", "DeleteEventSourceMapping", UUID=id))["State"] == "Deleting"
        await turns()
        listed = await cloud.call("lambda", "ListEventSourceMappings")
        assert listed["EventSourceMappings"] == []
        assert cloud.pollers.load() == {"pollers": 0, "batches": 0}

    run(body)


def test_a_role_that_may_not_receive_any_more_polls_nothing_until_it_may() -> None:
    async def body(cloud: PollingCloud) -> None:
        await cloud.map(await cloud.queue())
        await cloud.allow("sqs:SendMessage")
        await cloud.advance(21)  # a long poll that has begun is not asked again
        await cloud.send("one")
        await cloud.advance(30)
        assert cloud.batches == []
        assert await cloud.depth() == (1, 0)
        await cloud.allow("sqs:*")
        await cloud.advance(60)
        assert cloud.batches == [["one"]]

    run(body)


def test_a_stop_lets_a_batch_under_way_end() -> None:
    async def body(cloud: PollingCloud) -> None:
        await cloud.map(await cloud.queue())
        gate = asyncio.Event()

        async def behave(event: dict[str, Any]) -> None:
            await gate.wait()

        cloud.compute.behave = behave
        await cloud.send("slow")
        await turns()
        stopping = asyncio.ensure_future(cloud.pollers.stop(10))
        await turns()
        await cloud.send("later")
        assert not stopping.done()
        gate.set()
        await turns()
        assert stopping.done()
        assert cloud.batches == [["slow"]]
        assert await cloud.depth() == (1, 0)

    run(body)


def test_large_messages_go_in_several_batches() -> None:
    async def body(cloud: PollingCloud) -> None:
        await cloud.map(await cloud.queue(), MaximumBatchingWindowInSeconds=1)
        for _ in range(8):
            await cloud.call("sqs", "SendMessage", QueueUrl=url("q"), MessageBody="x" * 1_000_000)
        await cloud.advance(6)
        assert [len(batch) for batch in cloud.batches] == [6, 2]
        assert await cloud.depth() == (0, 0)

    run(body)


def test_an_idle_queue_costs_a_long_poll_every_twenty_seconds() -> None:
    async def body(cloud: PollingCloud) -> None:
        await cloud.map(await cloud.queue())
        await cloud.advance(60)
        asked: list[str] = []
        call = cloud.api.call

        async def counted(caller: Any, region: str, service: str, operation: str, params: Any) -> dict[str, Any]:
            asked.append(operation)
            return await call(caller, region, service, operation, params)

        cloud.api.call = counted  # type: ignore[method-assign]
        await cloud.advance(600)
        assert asked.count("ReceiveMessage") <= 31
        assert len(asked) <= 42

    run(body)


def test_a_mapping_that_cannot_do_its_work_says_why_until_it_can() -> None:
    async def body(cloud: PollingCloud) -> None:
        made = await cloud.map(await cloud.queue(VisibilityTimeout=10))
        await cloud.allow("sqs:ReceiveMessage", "sqs:GetQueueAttributes")
        await cloud.send("one")
        await turns()
        result = (await cloud.mapping(made["UUID"]))["LastProcessingResult"]
        assert result.startswith("PROBLEM: ")
        assert "sqs:DeleteMessage" in result
        await cloud.allow("sqs:ReceiveMessage", "sqs:GetQueueAttributes", "sqs:DeleteMessage")
        await cloud.advance(400, 5)
        assert await cloud.depth() == (0, 0)
        assert "LastProcessingResult" not in await cloud.mapping(made["UUID"])

    run(body)
