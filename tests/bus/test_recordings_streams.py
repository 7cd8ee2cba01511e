"""What AWS was recorded to do with mappings of streams (test_lambda_integration_dynamodbstreams).

A test has the name of its recorded case."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any
from unittest.mock import ANY

import pytest

from .polling import QUEUE, WORKER, Broken
from .recorded import DESTINATION, STREAM, Mapped, change, invalid, received, stream_mapping, taken, with_mappings

BOTH, NEW = "NEW_AND_OLD_IMAGES", "NEW_IMAGE"
KEY = {"my_partition_key": {"S": "hello world"}}
ITEM = {**KEY, "binary_key": {"B": "Zm9vYmFy"}}
FAILURES = {"OnFailure": {"Destination": DESTINATION}}
REPORTS = {"FunctionResponseTypes": ["ReportBatchItemFailures"]}


async def table(case: Mapped, key: str = "my_partition_key", view: str = NEW) -> str:
    """Make a table, and then its stream; returns the stream's ARN."""
    call = case.cloud.call
    await call(
        "dynamodb",
        "CreateTable",
        TableName="table",
        AttributeDefinitions=[{"AttributeName": key, "AttributeType": "S"}],
        KeySchema=[{"AttributeName": key, "KeyType": "HASH"}],
        BillingMode="PAY_PER_REQUEST",
    )
    given = {"StreamEnabled": True, "StreamViewType": view}
    changed = await call("dynamodb", "UpdateTable", TableName="table", StreamSpecification=given)
    return str(changed["TableDescription"]["LatestStreamArn"])


async def put(case: Mapped, item: dict[str, Any]) -> None:
    """Write an item, and let it be heard of."""
    given = {name: {"B": b"foobar"} if "B" in one else one for name, one in item.items()}
    await case.cloud.call("dynamodb", "PutItem", TableName="table", Item=given)
    await case.cloud.advance(3)


def test_duplicate_event_source_mappings() -> None:
    async def scenario(case: Mapped) -> None:
        source = await table(case)
        given = {name: value for name, value in STREAM.items() if name != "BatchSize"}
        made = await case.map(source, **given)
        assert made == stream_mapping(source, BatchSize=100)
        assert await case.error(EventSourceArn=source, **given) == taken(
            f'The event source arn (" {source} ") and function (" worker ") provided mapping already exists. '
            f"Please update or delete the existing mapping with UUID {made['UUID']}"
        )

    with_mappings(scenario)


def _filter(id: str, pattern: Any, first: dict[str, Any], second: dict[str, Any], *sizes: int) -> Any:
    return pytest.param(pattern, (first, second), sizes, id=id)


def _image(**pattern: Any) -> dict[str, Any]:
    return {"dynamodb": {"NewImage": pattern}}


def _item(number: int, **more: Any) -> dict[str, Any]:
    return {"id": {"S": f"id_value_{number}"}, **more}


_PRESENT = {"presentKey": {"S": "presentValue"}}
_NUMERIC = {"N": [{"numeric": [">", 100]}, {"anything-but": "101"}]}


@pytest.mark.parametrize(
    ("pattern", "items", "sizes"),
    [
        _filter(
            "content_filter_type",
            _image(presentKey={"S": ["presentValue"]}),
            _item(1, **_PRESENT),
            _item(2, presentKey={"S": "other"}),
            46,
        ),
        _filter(
            "content_multiple_filters",
            {"eventName": ["INSERT"], "eventSource": ["aws:dynamodb"]},
            {"id": {"S": "id_value"}},
            {"id": {"S": "id_value"}, **_PRESENT},
            20,
        ),
        # What is no leaf does not exist, whatever is there.
        _filter("exists_false_filter", _image(presentKey=[{"exists": False}]), _item(1), _item(2, **_PRESENT), 24, 46),
        _filter("exists_filter_type", _image(presentKey={"S": [{"exists": True}]}), _item(1, **_PRESENT), _item(2), 46),
        _filter(
            "numeric_filter",
            _image(numericFilter=_NUMERIC),
            _item(1, numericFilter={"N": "42"}),
            _item(2, numericFilter={"N": "101"}),
            39,
        ),
        _filter(
            "prefix_filter",
            _image(prefix={"S": [{"prefix": "us-1"}]}),
            _item(1, prefix={"S": "us-1-other-suffix"}),
            _item(2, prefix={"S": "other-suffix"}),
            47,
        ),
    ],
)
def test_dynamodb_event_filter(pattern: Any, items: tuple[dict[str, Any], ...], sizes: tuple[int, ...]) -> None:
    async def scenario(case: Mapped) -> None:
        source = await table(case, "id", BOTH)
        criteria = {"Filters": [{"Pattern": json.dumps(pattern)}]}
        made = await case.map(source, FilterCriteria=criteria, **STREAM)
        assert made == stream_mapping(source, FilterCriteria=criteria)
        for item in items:
            await put(case, item)
        assert case.events == [
            {"Records": [change(source, {"id": item["id"]}, item, size, BOTH)]}
            for item, size in zip(items, sizes, strict=False)
        ]

    with_mappings(scenario)


@pytest.mark.parametrize("pattern", ["single-string"])
def test_dynamodb_invalid_event_filter(pattern: str) -> None:
    async def scenario(case: Mapped) -> None:
        source = await table(case)
        criteria = {"Filters": [{"Pattern": pattern}]}
        error = await case.error(EventSourceArn=source, FilterCriteria=criteria, **STREAM)
        assert error == invalid("Invalid filter pattern definition.")

    with_mappings(scenario)


def told(source: str, invocations: int, error: str | None = "Unhandled") -> dict[str, Any]:
    """What a destination is told of one record that was given up."""
    return {
        "DDBStreamBatchInfo": {
            "approximateArrivalOfFirstRecord": ANY,
            "approximateArrivalOfLastRecord": ANY,
            "batchSize": 1,
            "endSequenceNumber": ANY,
            "shardId": ANY,
            "startSequenceNumber": ANY,
            "streamArn": source,
        },
        "requestContext": {
            "approximateInvokeCount": invocations,
            "condition": "RetryAttemptsExhausted",
            "functionArn": WORKER,
            "requestId": ANY,
        },
        "responseContext": {"executedVersion": "$LATEST", "functionError": error, "statusCode": 200},
        "timestamp": ANY,
        "version": "1.0",
    }


def in_queue(body: dict[str, Any]) -> list[dict[str, Any]]:
    return [{"Body": body, "MD5OfBody": ANY, "MessageId": ANY, "ReceiptHandle": ANY}]


def fails(event: dict[str, Any]) -> None:
    """A function that raises."""
    raise Broken("failed")


def test_dynamodb_event_source_mapping_with_on_failure_destination_config() -> None:
    async def scenario(case: Mapped) -> None:
        case.cloud.compute.behave = fails
        await case.cloud.queue(DESTINATION.rpartition(":")[2])
        source = await table(case)
        made = await case.map(source, DestinationConfig=FAILURES, **STREAM)
        assert made == stream_mapping(source, DestinationConfig=FAILURES)
        await put(case, KEY)
        await case.cloud.advance(10)
        assert await received(case.cloud, "q-failures") == in_queue(told(source, 2))

    with_mappings(scenario)


def test_dynamodb_event_source_mapping_with_s3_on_failure_destination() -> None:
    async def scenario(case: Mapped) -> None:
        case.cloud.compute.behave = fails
        await case.cloud.call("s3", "CreateBucket", Bucket="failures")
        config = {"OnFailure": {"Destination": "arn:aws:s3:::failures"}}
        source = await table(case)
        made = await case.map(source, DestinationConfig=config, **STREAM)
        assert made == stream_mapping(source, DestinationConfig=config)
        await put(case, KEY)
        await case.cloud.advance(10)
        [found] = (await case.cloud.call("s3", "ListObjectsV2", Bucket="failures"))["Contents"]
        assert found["Key"].startswith(f"aws/lambda/{made['UUID']}/shardId-")
        body = json.loads(await _object(case, found["Key"]))
        payload = json.loads(body.pop("payload"))
        assert body == told(source, 2)
        assert payload == {"Records": [change(source, KEY, KEY, 54, NEW)]}

    with_mappings(scenario)


async def _object(case: Mapped, key: str) -> bytes:
    answer = await case.cloud.call("s3", "GetObject", Bucket="failures", Key=key)
    body = answer["Body"]
    return bytes(body) if isinstance(body, bytes) else b"".join([part async for part in body])


_SCENARIOS: dict[str, Callable[[dict[str, Any]], Any]] = {
    "empty_string_item_identifier_failure": lambda event: {"batchItemFailures": [{"itemIdentifier": ""}]},
    "null_item_identifier_failure": lambda event: {"batchItemFailures": [{"itemIdentifier": None}]},
    "invalid_key_foo_failure": lambda event: {"batchItemFailures": [{"foo": "some-value"}]},
    "invalid_key_foo_null_value_failure": lambda event: {"batchItemFailures": [{"foo": None}]},
    "item_identifier_not_present_failure": lambda event: {"batchItemFailures": [{"itemIdentifier": "id-not-there"}]},
    "unhandled_exception_in_function": fails,
}


@pytest.mark.parametrize("name", _SCENARIOS)
def test_dynamodb_report_batch_item_failure_scenarios(name: str) -> None:
    """A list of failures that means nothing fails the whole batch: four times, and then it is told of."""

    async def scenario(case: Mapped) -> None:
        case.cloud.compute.behave = _SCENARIOS[name]
        await case.cloud.queue(DESTINATION.rpartition(":")[2])
        source = await table(case)
        given = {**STREAM, "MaximumRetryAttempts": 3, "MaximumBatchingWindowInSeconds": 0}
        await case.map(source, DestinationConfig=FAILURES, **REPORTS, **given)
        await put(case, ITEM)
        await case.cloud.advance(30)
        assert case.events == [{"Records": [change(source, KEY, ITEM, 70, NEW)]}] * 4
        error = "Unhandled" if name.startswith("unhandled") else None
        assert await received(case.cloud, "q-failures") == in_queue(told(source, 4, error))

    with_mappings(scenario)


def test_dynamodb_report_batch_item_failures_with_on_failure_destination_config() -> None:
    """The mapping was recorded without its own ARN, which AWS shows since."""

    async def scenario(case: Mapped) -> None:
        def behave(event: dict[str, Any]) -> Any:
            numbers = [one["dynamodb"]["SequenceNumber"] for one in event["Records"]]
            return {"batchItemFailures": [{"itemIdentifier": numbers[-1]}]}

        case.cloud.compute.behave = behave
        await case.cloud.queue(DESTINATION.rpartition(":")[2])
        source = await table(case)
        given = {**STREAM, "MaximumRetryAttempts": 3, "BatchSize": 3}
        made = await case.map(source, DestinationConfig=FAILURES, **REPORTS, **given)
        shown = {"BatchSize": 3, "MaximumRetryAttempts": 3, **REPORTS}
        assert made == stream_mapping(source, DestinationConfig=FAILURES, **shown)
        for number in range(3):
            item = {"my_partition_key": {"S": f"testId{number}"}}
            await case.cloud.call("dynamodb", "PutItem", TableName="table", Item=item)
        await case.cloud.advance(40)
        sizes = [len(event["Records"]) for event in case.events]
        assert (sizes[0], set(sizes[1:])) == (3, {1})
        assert await received(case.cloud, "q-failures") == in_queue(told(source, 4, None))

    with_mappings(scenario)


_SUCCESSES: dict[str, Any] = {
    "empty_batch_item_failure_success": {"batchItemFailures": []},
    "empty_dict_success": {},
    "empty_list_success": [],
    "null_batch_item_failure_success": {"batchItemFailures": None},
}


@pytest.mark.parametrize("name", _SUCCESSES)
def test_dynamodb_report_batch_item_success_scenarios(name: str) -> None:
    async def scenario(case: Mapped) -> None:
        case.cloud.compute.behave = lambda event: _SUCCESSES[name]
        source = await table(case)
        await case.map(source, **REPORTS, **STREAM)
        await put(case, ITEM)
        await case.cloud.advance(10)
        assert case.events == [{"Records": [change(source, KEY, ITEM, 70, NEW)]}]

    with_mappings(scenario)


def test_esm_with_not_existing_dynamodb_stream() -> None:
    async def scenario(case: Mapped) -> None:
        missing = f"{QUEUE.replace(':sqs:', ':dynamodb:').removesuffix(':q')}:table/test-table-4a53f4e8/stream/2025"
        assert await case.error(EventSourceArn=missing, **STREAM) == invalid(f"Stream not found: {missing}")

    with_mappings(scenario)
