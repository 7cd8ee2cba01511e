"""Event source mappings as an API: what they are, what is refused and in which words, who is asked."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import Any

import pytest

from lambent.contracts.errors import NotBuilt, ServiceError
from tests.bus.polling import QUEUE, WORKER, PollingCloud, run, turns
from tests.support import ACCOUNT, REGION

MISSING = "00000000-0000-4000-8000-000000000000"
DENIED = "The provided execution role does not have permissions to call {} on {}"


async def refused(call: Awaitable[Any], code: str = "InvalidParameterValueException") -> str:
    """The message of the error that a call gets."""
    with pytest.raises(ServiceError) as caught:
        await call
    assert caught.value.code == code
    return caught.value.message


def with_queue(test: Callable[[PollingCloud], Awaitable[None]]) -> None:
    async def body(cloud: PollingCloud) -> None:
        await cloud.queue()
        await test(cloud)

    run(body)


def test_a_stream_has_all_its_settings_shown() -> None:
    async def body(cloud: PollingCloud) -> None:
        source = await cloud.stream()
        made = await cloud.map(source)
        for name in ("UUID", "LastModified", "EventSourceMappingArn"):
            assert made.pop(name)
        assert made == {
            "BatchSize": 100,
            "MaximumBatchingWindowInSeconds": 0,
            "BisectBatchOnFunctionError": False,
            "DestinationConfig": {"OnFailure": {}},
            "EventSourceArn": source,
            "FunctionArn": WORKER,
            "FunctionResponseTypes": [],
            "LastProcessingResult": "No records processed",
            "MaximumRecordAgeInSeconds": -1,
            "MaximumRetryAttempts": -1,
            "ParallelizationFactor": 1,
            "StartingPosition": "TRIM_HORIZON",
            "State": "Creating",
            "StateTransitionReason": "User action",
            "TumblingWindowInSeconds": 0,
        }

    run(body)


@pytest.mark.parametrize(
    ("params", "message"),
    [
        ({"EventSourceArn": WORKER}, "Unrecognized event source."),
        ({"FunctionName": "nobody"}, "Function does not exist"),
        (
            {"DestinationConfig": {"OnFailure": {"Destination": QUEUE}}},
            "Unsupported DestinationConfig parameter for given event source mapping type.",
        ),
        (
            {"BisectBatchOnFunctionError": True},
            "Unsupported BisectBatchOnFunctionError parameter for given event source mapping type.",
        ),
        (
            {"BatchSize": 11},
            "Maximum batch window in seconds must be greater than 0 if maximum batch size is greater than 10",
        ),
        ({"FilterCriteria": {"Filters": [{"Pattern": "text"}]}}, "Invalid filter pattern definition."),
        ({"FilterCriteria": {"Filters": [{"Pattern": '{"body": "x"}'}]}}, "Invalid filter pattern definition."),
        (
            {"EventSourceArn": f"{QUEUE}-missing"},
            "Error occurred while ReceiveMessage. SQS Error Code: AWS.SimpleQueueService.NonExistentQueue. "
            "SQS Error Message: The specified queue does not exist.",
        ),
    ],
)
def test_what_a_queue_cannot_have_is_refused(params: dict[str, Any], message: str) -> None:
    async def body(cloud: PollingCloud) -> None:
        assert await refused(cloud.map(**{"source": QUEUE, **params})) == message

    with_queue(body)


@pytest.mark.parametrize(
    ("params", "message"),
    [
        ({"StartingPosition": "AT_TIMESTAMP"}, "Unsupported starting position for stream type: AT_TIMESTAMP"),
        (
            {"ScalingConfig": {"MaximumConcurrency": 5}},
            "Unsupported ScalingConfig parameter for given event source mapping type.",
        ),
        (
            {"MaximumRecordAgeInSeconds": 30},
            "MaximumRecordAgeInSeconds must be -1 or at least 60 seconds, but is 30",
        ),
        (
            {"DestinationConfig": {"OnSuccess": {"Destination": QUEUE}}},
            "Unsupported DestinationConfig parameter for given event source mapping type.",
        ),
        (
            {"DestinationConfig": {"OnFailure": {"Destination": WORKER}}},
            "The provided destination config DestinationConfig(onSuccess=null, "
            f"onFailure=OnFailure(destination={WORKER})) is invalid.",
        ),
    ],
)
def test_what_a_stream_cannot_have_is_refused(params: dict[str, Any], message: str) -> None:
    async def body(cloud: PollingCloud) -> None:
        assert await refused(cloud.map(await cloud.stream(), **params)) == message

    run(body)


def test_a_stream_must_exist_and_needs_a_position() -> None:
    async def body(cloud: PollingCloud) -> None:
        source = await cloud.stream()
        missing = source[:-3] + "999"
        assert await refused(cloud.map(missing)) == f"Stream not found: {missing}"
        call = cloud.call("lambda", "CreateEventSourceMapping", FunctionName="worker", EventSourceArn=source)
        assert await refused(call) == "StartingPosition must be specified for stream event sources."

    run(body)


@pytest.mark.parametrize(
    ("params", "named"),
    [
        ({"EventSourceArn": f"arn:aws:kinesis:{REGION}:{ACCOUNT}:stream/s"}, "Kinesis streams"),
        ({"EventSourceArn": f"arn:aws:kafka:{REGION}:{ACCOUNT}:cluster/c/1"}, "Amazon MSK"),
        ({"EventSourceArn": f"arn:aws:mq:{REGION}:{ACCOUNT}:broker:b:1"}, "Amazon MQ"),
        ({"EventSourceArn": f"arn:aws:rds:{REGION}:{ACCOUNT}:cluster:c"}, "DocumentDB"),
        (
            {"EventSourceArn": QUEUE, "KMSKeyArn": f"arn:aws:kms:{REGION}:{ACCOUNT}:key/k"},
            "KMSKeyArn",
        ),
        (
            {"SelfManagedEventSource": {"Endpoints": {"KAFKA_BOOTSTRAP_SERVERS": ["kafka:1000"]}}},
            "SelfManagedEventSource",
        ),
        ({"EventSourceArn": QUEUE, "ProvisionedPollerConfig": {"MinimumPollers": 2}}, "ProvisionedPollerConfig"),
    ],
)
def test_what_is_not_built_is_named(params: dict[str, Any], named: str) -> None:
    async def body(cloud: PollingCloud) -> None:
        with pytest.raises(NotBuilt, match=named):
            await cloud.call("lambda", "CreateEventSourceMapping", FunctionName="worker", **params)

    with_queue(body)


def test_a_source_must_be_named() -> None:
    async def body(cloud: PollingCloud) -> None:
        call = cloud.call("lambda", "CreateEventSourceMapping", FunctionName="worker")
        assert await refused(call) == "Unrecognized event source."

    run(body)


def test_a_fifo_queue_has_no_window_and_small_batches() -> None:
    async def body(cloud: PollingCloud) -> None:
        source = await cloud.queue("q.fifo", FifoQueue="true")
        message = await refused(cloud.map(source, MaximumBatchingWindowInSeconds=1))
        assert message == "Batching window is not supported for FIFO queues"
        assert "10" in await refused(cloud.map(source, BatchSize=11))

    run(body)


def test_a_source_is_mapped_to_a_function_once() -> None:
    async def body(cloud: PollingCloud) -> None:
        id = (await cloud.map(QUEUE))["UUID"]
        message = await refused(cloud.map(QUEUE), "ResourceConflictException")
        assert message == (
            f'An event source mapping with SQS arn (" {QUEUE} ") and function (" worker ") already exists. '
            f"Please update or delete the existing mapping with UUID {id}"
        )
        source = await cloud.stream()
        id = (await cloud.map(source))["UUID"]
        message = await refused(cloud.map(source), "ResourceConflictException")
        assert message == (
            f'The event source arn (" {source} ") and function (" worker ") provided mapping already exists. '
            f"Please update or delete the existing mapping with UUID {id}"
        )

    with_queue(body)


@pytest.mark.parametrize(
    ("allowed", "message"),
    [
        (("logs:*",), DENIED.format("ReceiveMessage", "SQS")),
        (("sqs:ReceiveMessage",), DENIED.format("DeleteMessage", "SQS")),
        (("sqs:ReceiveMessage", "sqs:DeleteMessage"), DENIED.format("GetQueueAttributes", "SQS")),
    ],
)
def test_the_execution_role_must_be_allowed_to_poll_a_queue(allowed: tuple[str, ...], message: str) -> None:
    async def body(cloud: PollingCloud) -> None:
        await cloud.allow(*allowed)
        assert await refused(cloud.map(QUEUE)) == message

    with_queue(body)


def test_the_execution_role_must_be_allowed_to_read_a_stream_and_to_tell_of_failures() -> None:
    async def body(cloud: PollingCloud) -> None:
        source = await cloud.stream()
        reading = ("dynamodb:GetRecords", "dynamodb:GetShardIterator", "dynamodb:DescribeStream")
        await cloud.allow(*reading)
        message = await refused(cloud.map(source))
        assert message.startswith(f"Cannot access stream {source}. Please ensure the role can perform the GetRecords")
        await cloud.allow(*reading, "dynamodb:ListStreams")
        destination = {"OnFailure": {"Destination": QUEUE}}
        message = await refused(cloud.map(source, DestinationConfig=destination))
        assert message == DENIED.format("SendMessage", "SQS")
        assert (await cloud.map(source))["State"] == "Creating"

    with_queue(body)


def test_what_is_told_of_failures_must_exist() -> None:
    async def body(cloud: PollingCloud) -> None:
        source = await cloud.stream()
        await cloud.allow("*")
        for missing in (f"{QUEUE}s", QUEUE.replace(":sqs:", ":sns:"), "arn:aws:s3:::nobodys-bucket"):
            message = await refused(cloud.map(source, DestinationConfig={"OnFailure": {"Destination": missing}}))
            assert message == f"The destination ARN {missing} is invalid."
        await cloud.call("s3", "CreateBucket", Bucket="somebodys-bucket")
        there = {"OnFailure": {"Destination": "arn:aws:s3:::somebodys-bucket"}}
        assert (await cloud.map(source, DestinationConfig=there))["State"] == "Creating"

    with_queue(body)


def test_a_queue_must_hide_messages_as_long_as_the_function_may_run() -> None:
    async def body(cloud: PollingCloud) -> None:
        await cloud.call("lambda", "UpdateFunctionConfiguration", FunctionName="worker", Timeout=60)
        message = await refused(cloud.map(QUEUE))
        assert message == "Queue visibility timeout: 30 seconds is less than Function timeout: 60 seconds"

    with_queue(body)


def test_an_update_changes_what_it_names_and_nothing_else() -> None:
    async def body(cloud: PollingCloud) -> None:
        criteria = {"Filters": [{"Pattern": '{"body": ["x"]}'}]}
        made = await cloud.map(QUEUE, FilterCriteria=criteria, ScalingConfig={"MaximumConcurrency": 7})
        id = made["UUID"]
        answer = await cloud.call("lambda", "UpdateEventSourceMapping", UUID=id, BatchSize=3)
        assert (answer["State"], answer["BatchSize"], answer["FilterCriteria"]) == ("Updating", 3, criteria)
        await turns()
        assert (await cloud.mapping(id))["State"] == "Enabled"
        answer = await cloud.call("lambda", "UpdateEventSourceMapping", UUID=id, FilterCriteria={}, ScalingConfig={})
        assert "FilterCriteria" not in answer
        assert "ScalingConfig" not in answer
        assert answer["BatchSize"] == 3
        message = await refused(cloud.call("lambda", "UpdateEventSourceMapping", UUID=id, BatchSize=100))
        assert message.startswith("Maximum batch window in seconds must be greater than 0")

    with_queue(body)


def test_a_mapping_made_disabled_is_disabled_and_can_be_changed_and_deleted() -> None:
    async def body(cloud: PollingCloud) -> None:
        id = (await cloud.map(QUEUE, Enabled=False))["UUID"]
        assert (await cloud.mapping(id))["State"] == "Disabled"
        answer = await cloud.call("lambda", "UpdateEventSourceMapping", UUID=id, BatchSize=2)
        assert answer["State"] == "Disabled"
        await cloud.call("lambda", "DeleteEventSourceMapping", UUID=id)
        await turns()
        assert await refused(cloud.mapping(id), "ResourceNotFoundException") == (
            "The resource you requested does not exist."
        )

    with_queue(body)


@pytest.mark.parametrize("operation", ["Get", "Update", "Delete"])
def test_what_is_not_there_is_not_found(operation: str) -> None:
    async def body(cloud: PollingCloud) -> None:
        call = cloud.call("lambda", f"{operation}EventSourceMapping", UUID=MISSING)
        message = await refused(call, "ResourceNotFoundException")
        assert message == "The resource you requested does not exist."

    run(body)


def test_lists_have_filters_and_pages() -> None:
    async def body(cloud: PollingCloud) -> None:
        for number in range(5):
            await cloud.map(await cloud.queue(f"q{number}"))
        await cloud.call("lambda", "PublishVersion", FunctionName="worker")
        await cloud.map(await cloud.queue("q0"), FunctionName="worker:1")
        seen: list[str] = []
        marker: dict[str, str] = {}
        while True:
            page = await cloud.call("lambda", "ListEventSourceMappings", FunctionName="worker", MaxItems=2, **marker)
            seen += [mapping["EventSourceArn"] for mapping in page["EventSourceMappings"]]
            if "NextMarker" not in page:
                break
            marker = {"Marker": page["NextMarker"]}
        assert sorted(seen) == [f"{QUEUE}{number}" for number in range(5)]
        of_source = await cloud.call("lambda", "ListEventSourceMappings", EventSourceArn=f"{QUEUE}0")
        functions = [mapping["FunctionArn"] for mapping in of_source["EventSourceMappings"]]
        assert sorted(functions) == [WORKER, f"{WORKER}:1"]

    run(body)


def test_mappings_have_tags() -> None:
    async def body(cloud: PollingCloud) -> None:
        arn = (await cloud.map(QUEUE, Tags={"A": "1"}))["EventSourceMappingArn"]
        await cloud.call("lambda", "TagResource", Resource=arn, Tags={"B": "2"})
        await cloud.call("lambda", "UntagResource", Resource=arn, TagKeys=["A", "C"])
        assert (await cloud.call("lambda", "ListTags", Resource=arn))["Tags"] == {"B": "2"}
        gone = arn.rpartition(":")[0] + f":{MISSING}"
        message = await refused(cloud.call("lambda", "ListTags", Resource=gone), "ResourceNotFoundException")
        assert message == f"Event source mapping not found: {gone}"

    with_queue(body)


@pytest.mark.parametrize("kind", ["layer", "capacity-provider"])
def test_what_has_no_tags_yet_is_named(kind: str) -> None:
    async def body(cloud: PollingCloud) -> None:
        with pytest.raises(NotBuilt, match=f"tags of a {kind} yet"):
            await cloud.call("lambda", "ListTags", Resource=f"arn:aws:lambda:{REGION}:{ACCOUNT}:{kind}:x")

    run(body)
