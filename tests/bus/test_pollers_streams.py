"""Streams and functions: order, retries, what is given up, windows, and where a poller begins."""

from __future__ import annotations

import asyncio
import json
from typing import Any

from lambent.contracts.functions import TooManyRequests

from .polling import WORKER, Broken, PollingCloud, run, turns

SEEN = dict[str, Any]


def bad(*keys: str) -> Any:
    """A function that fails on batches with these items."""

    def behave(event: SEEN) -> None:
        if any(record["dynamodb"]["Keys"]["id"]["S"] in keys for record in event["Records"]):
            raise Broken("bad")

    return behave


def test_changes_reach_the_function_in_order() -> None:
    async def body(cloud: PollingCloud) -> None:
        source = await cloud.stream()
        await cloud.write("a", "b")
        made = await cloud.map(source)
        assert (made["State"], made["LastProcessingResult"]) == ("Creating", "No records processed")
        await turns()
        await cloud.write("c")
        await cloud.call("dynamodb", "DeleteItem", TableName="table", Key={"id": {"S": "a"}})
        await turns()
        assert [key for batch in cloud.batches for key in batch] == ["a", "b", "c", "a"]
        record = cloud.compute.events[0]["Records"][0]
        assert record["eventSourceARN"] == source
        assert (record["eventName"], record["eventSource"], record["eventVersion"]) == ("INSERT", "aws:dynamodb", "1.1")
        assert record["dynamodb"]["NewImage"] == {"id": {"S": "a"}}
        assert record["dynamodb"]["ApproximateCreationDateTime"] == cloud.clock.now_ns() // 10**9
        shown = await cloud.mapping(made["UUID"])
        assert (shown["State"], shown["LastProcessingResult"]) == ("Enabled", "OK")

    run(body)


def test_latest_begins_with_what_is_written_after_the_mapping() -> None:
    async def body(cloud: PollingCloud) -> None:
        source = await cloud.stream()
        await cloud.write("old")
        await cloud.map(source, StartingPosition="LATEST")
        await cloud.write("new")
        await turns()
        assert cloud.batches == [["new"]]

    run(body)


def test_a_failed_batch_holds_the_shard_up_until_it_succeeds() -> None:
    async def body(cloud: PollingCloud) -> None:
        await cloud.map(await cloud.stream(), BatchSize=1)
        cloud.compute.behave = bad("a")
        await cloud.write("a", "b")
        await cloud.advance(2, 0.1)
        assert cloud.batches == [["a"]] * 3
        cloud.compute.behave = bad()
        await cloud.advance(3)
        assert cloud.batches[3:] == [["a"], ["b"]]

    run(body)


def test_what_fails_too_often_is_told_to_the_destination() -> None:
    async def body(cloud: PollingCloud) -> None:
        dead, source = await cloud.queue("dead"), await cloud.stream()
        destination = {"OnFailure": {"Destination": dead}}
        await cloud.map(source, BatchSize=1, MaximumRetryAttempts=1, DestinationConfig=destination)
        cloud.compute.behave = bad("a")
        await cloud.write("a", "b")
        await cloud.advance(3)
        assert cloud.batches == [["a"], ["a"], ["b"]]
        (told,) = await cloud.bodies("dead")
        number = cloud.compute.events[0]["Records"][0]["dynamodb"]["SequenceNumber"]
        assert told["requestContext"].pop("requestId")
        assert told["requestContext"] == {
            "functionArn": WORKER,
            "condition": "RetryAttemptsExhausted",
            "approximateInvokeCount": 2,
        }
        assert told["responseContext"] == {
            "statusCode": 200,
            "executedVersion": "$LATEST",
            "functionError": "Unhandled",
        }
        info = told["DDBStreamBatchInfo"]
        assert info.pop("shardId").startswith("shardId-")
        assert info == {
            "startSequenceNumber": number,
            "endSequenceNumber": number,
            "approximateArrivalOfFirstRecord": "2023-11-14T22:13:20Z",
            "approximateArrivalOfLastRecord": "2023-11-14T22:13:20Z",
            "batchSize": 1,
            "streamArn": source,
        }

    run(body)


def test_a_topic_can_be_told_of_failures() -> None:
    async def body(cloud: PollingCloud) -> None:
        heard = await cloud.queue("heard")
        topic = (await cloud.call("sns", "CreateTopic", Name="failures"))["TopicArn"]
        raw = {"RawMessageDelivery": "true"}
        await cloud.allow_topic("heard", topic)
        await cloud.call("sns", "Subscribe", TopicArn=topic, Protocol="sqs", Endpoint=heard, Attributes=raw)
        destination = {"OnFailure": {"Destination": topic}}
        await cloud.map(await cloud.stream(), MaximumRetryAttempts=0, DestinationConfig=destination)
        cloud.compute.behave = bad("a")
        await cloud.write("a")
        await turns(200)
        (told,) = await cloud.bodies("heard")
        assert told["requestContext"]["condition"] == "RetryAttemptsExhausted"

    run(body)


def test_a_bucket_gets_the_batch_itself_too() -> None:
    async def body(cloud: PollingCloud) -> None:
        await cloud.call("s3", "CreateBucket", Bucket="failures")
        destination = {"OnFailure": {"Destination": "arn:aws:s3:::failures"}}
        made = await cloud.map(await cloud.stream(), BatchSize=1, MaximumRetryAttempts=0, DestinationConfig=destination)
        cloud.compute.behave = bad("a")
        await cloud.write("a")
        await turns(200)
        (found,) = (await cloud.call("s3", "ListObjectsV2", Bucket="failures"))["Contents"]
        assert found["Key"].startswith(f"aws/lambda/{made['UUID']}/shardId-")
        body = (await cloud.call("s3", "GetObject", Bucket="failures", Key=found["Key"]))["Body"]
        told = json.loads(b"".join([piece async for piece in body]) if not isinstance(body, bytes) else body)
        assert json.loads(told["payload"]) == cloud.compute.events[0]

    run(body)


def test_a_batch_is_halved_until_the_bad_record_is_alone() -> None:
    async def body(cloud: PollingCloud) -> None:
        source = await cloud.stream()
        await cloud.write("a", "b", "c", "d")
        cloud.compute.behave = bad("c")
        await cloud.map(source, BisectBatchOnFunctionError=True, MaximumRetryAttempts=1)
        await cloud.advance(5)
        assert cloud.batches == [["a", "b", "c", "d"], ["a", "b"], ["c", "d"], ["c"], ["c"], ["d"]]

    run(body)


def test_of_a_partial_failure_only_the_rest_is_tried_again() -> None:
    async def body(cloud: PollingCloud) -> None:
        dead, source = await cloud.queue("dead"), await cloud.stream()
        await cloud.write("a", "b", "c")

        def behave(event: SEEN) -> SEEN:
            numbers = {r["dynamodb"]["Keys"]["id"]["S"]: r["dynamodb"]["SequenceNumber"] for r in event["Records"]}
            return {"batchItemFailures": [{"itemIdentifier": numbers["b"]}] if "b" in numbers else []}

        cloud.compute.behave = behave
        await cloud.map(
            source,
            FunctionResponseTypes=["ReportBatchItemFailures"],
            MaximumRetryAttempts=1,
            DestinationConfig={"OnFailure": {"Destination": dead}},
        )
        await cloud.advance(5)
        assert cloud.batches == [["a", "b", "c"], ["b", "c"]]
        (told,) = await cloud.bodies("dead")
        assert told["responseContext"]["functionError"] is None
        assert told["DDBStreamBatchInfo"]["batchSize"] == 2

    run(body)


def test_records_that_are_too_old_are_given_up() -> None:
    async def body(cloud: PollingCloud) -> None:
        dead, source = await cloud.queue("dead"), await cloud.stream()
        await cloud.write("old")
        cloud.clock.advance(61 * 10**9)
        await cloud.write("new")
        destination = {"OnFailure": {"Destination": dead}}
        await cloud.map(source, MaximumRecordAgeInSeconds=60, DestinationConfig=destination)
        await turns()
        assert cloud.batches == [["new"]]
        (told,) = await cloud.bodies("dead")
        assert told["requestContext"]["condition"] == "RecordAgeExceeded"
        assert "responseContext" not in told

    run(body)


def test_a_throttle_is_no_attempt() -> None:
    async def body(cloud: PollingCloud) -> None:
        await cloud.map(await cloud.stream(), MaximumRetryAttempts=0)
        left = 5

        def behave(event: SEEN) -> None:
            nonlocal left
            if left:
                left -= 1
                raise TooManyRequests

        cloud.compute.behave = behave
        await cloud.write("a")
        await cloud.advance(30)
        assert cloud.batches == [["a"]] * 6

    run(body)


def test_lanes_run_side_by_side_and_keep_an_items_changes_in_order() -> None:
    async def body(cloud: PollingCloud) -> None:
        source = await cloud.stream()
        await cloud.map(source, BatchSize=1, ParallelizationFactor=4)
        gate = asyncio.Event()
        order: list[tuple[str, str]] = []

        async def behave(event: SEEN) -> None:
            await gate.wait()
            new = event["Records"][0]["dynamodb"]["NewImage"]
            order.append((new["id"]["S"], new["turn"]["S"]))

        cloud.compute.behave = behave
        names = [str(number) for number in range(12)]
        for turn in range(3):
            await cloud.write(*names, turn=turn)
        await turns()
        assert 2 <= cloud.compute.running <= 4
        gate.set()
        await turns(600)
        assert len(order) == 36
        for name in names:
            assert [turn for id, turn in order if id == name] == ["0", "1", "2"]

    run(body)


def test_unwanted_records_are_passed_over_and_not_read_again() -> None:
    async def body(cloud: PollingCloud) -> None:
        criteria = {"Filters": [{"Pattern": '{"dynamodb": {"NewImage": {"kind": {"S": ["order"]}}}}'}]}
        await cloud.map(await cloud.stream(), FilterCriteria=criteria)
        await cloud.write("a", kind="other")
        await cloud.write("b", kind="order")
        await cloud.write("c", kind="other")
        await turns()
        assert cloud.batches == [["b"]]
        await cloud.pollers.stop(1)
        second = PollingCloud(beside=cloud, seed=2)
        await second.pollers.start()
        await turns()
        await cloud.write("d", kind="order")
        await turns()
        assert cloud.batches == [["b"], ["d"]]
        await second.pollers.stop(1)
        await second.cancel_spawned()

    run(body)


def test_a_tumbling_window_carries_its_state_and_tells_its_end() -> None:
    async def body(cloud: PollingCloud) -> None:
        await cloud.map(await cloud.stream(), TumblingWindowInSeconds=60)

        def behave(event: SEEN) -> SEEN:
            count = event["state"].get("count", 0) + len(event["Records"])
            return {"state": {"count": count}}

        cloud.compute.behave = behave
        await cloud.write("a")
        await turns()
        await cloud.write("b", "c")
        await turns()
        first = cloud.compute.events[0]
        assert first["window"] == {"start": "2023-11-14T22:13:00Z", "end": "2023-11-14T22:14:00Z"}
        assert (first["isFinalInvokeForWindow"], first["isWindowTerminatedEarly"], first["state"]) == (False, False, {})
        assert first["shardId"].startswith("shardId-")
        await cloud.advance(60)
        last = cloud.compute.events[-1]
        assert (last["isFinalInvokeForWindow"], last["state"], last["Records"]) == (True, {"count": 3}, [])
        await cloud.write("d")
        await turns()
        assert cloud.compute.events[-1]["state"] == {}
        assert cloud.compute.events[-1]["window"]["start"] == "2023-11-14T22:14:00Z"

    run(body)


def test_records_are_gathered_for_the_batching_window() -> None:
    async def body(cloud: PollingCloud) -> None:
        await cloud.map(await cloud.stream(), BatchSize=3, MaximumBatchingWindowInSeconds=10)
        await cloud.write("a", "b")
        await cloud.advance(9)
        assert cloud.batches == []
        await cloud.advance(2)
        await cloud.write("c", "d", "e")
        await turns()
        assert cloud.batches == [["a", "b"], ["c", "d", "e"]]

    run(body)


def test_a_poller_that_was_away_too_long_goes_on_with_the_oldest_record_left() -> None:
    async def body(cloud: PollingCloud) -> None:
        made = await cloud.map(await cloud.stream())
        await cloud.write("a")
        await turns()
        await cloud.call("lambda", "UpdateEventSourceMapping", UUID=made["UUID"], Enabled=False)
        await cloud.write("b")
        await turns()
        await cloud.advance(30 * 3600, 3600)
        await cloud.write("c")
        await cloud.call("lambda", "UpdateEventSourceMapping", UUID=made["UUID"], Enabled=True)
        await turns()
        assert cloud.batches == [["a"], ["c"]]

    run(body)


def test_an_iterator_that_expired_is_replaced() -> None:
    async def body(cloud: PollingCloud) -> None:
        await cloud.map(await cloud.stream())
        cloud.clock.advance(1000 * 10**9)
        await turns()
        await cloud.write("a")
        await turns()
        assert cloud.batches == [["a"]]

    run(body)
