"""What AWS was recorded to do with mappings of queues (test_lambda_integration_sqs). A test has its recorded case's
name."""

from __future__ import annotations

import json
from typing import Any
from unittest.mock import ANY

import pytest

from tests.client import Client

from .polling import QUEUE, Broken, url
from .recorded import Mapped, invalid, queue_mapping, received, record, taken, with_mappings

NO_WINDOW = "Maximum batch window in seconds must be greater than 0 if maximum batch size is greater than 10"
NO_PATTERN = "Invalid filter pattern definition."


def test_duplicate_event_source_mappings() -> None:
    async def scenario(case: Mapped) -> None:
        await case.cloud.queue()
        made = await case.map(QUEUE)
        assert made == queue_mapping()
        assert await case.error(EventSourceArn=QUEUE) == taken(
            f'An event source mapping with SQS arn (" {QUEUE} ") and function (" worker ") already exists. '
            f"Please update or delete the existing mapping with UUID {made['UUID']}"
        )

    with_mappings(scenario)


def test_event_source_mapping_default_batch_size() -> None:
    async def scenario(case: Mapped) -> None:
        await case.cloud.queue()
        made = await case.map(QUEUE)
        assert made == queue_mapping()
        other = await case.cloud.queue("other")
        assert await case.error(EventSourceArn=other, BatchSize=15) == invalid(NO_WINDOW)
        assert await case.error("UpdateEventSourceMapping", UUID=made["UUID"], BatchSize=15) == invalid(NO_WINDOW)

    with_mappings(scenario)


def _filter(id: str, pattern: Any, good: Any, bad: Any) -> Any:
    return pytest.param(pattern, good, bad, id=id)


_AND = {"testItem": ["test24", "test45"], "test2": ["go"]}
_KEY = {"my-key": ["my-value"]}


@pytest.mark.parametrize(
    ("pattern", "good", "bad"),
    [
        _filter("and-filter", _AND, {"testItem": "test45", "test2": "go"}, {"testItem": "test67", "test2": "go"}),
        _filter(
            "and",
            {"my-key-one": ["other-filter", "my-value-one"], "my-key-two": ["my-value-two"]},
            {"my-key-one": "my-value-one", "my-key-two": "my-value-two"},
            {"my-key-one": "other-value-", "my-key-two": "my-value-two"},
        ),
        _filter("exists-filter", {"test2": [{"exists": True}]}, {"test2": "7411"}, {"test5": "74545"}),
        _filter("exists", {"my-key": [{"exists": True}]}, {"my-key": "any-value-one"}, {"other-key": "any"}),
        _filter(
            "filter2-item_matching2-item_not_matching2",
            _AND,
            {"testItem": "test45", "test2": "go"},
            {"testItem": "test67", "test2": "go"},
        ),
        _filter(
            "filter3-item_matching3-item_not_matching3",
            {"test2": [{"exists": True}]},
            {"test2": "7411"},
            {"test5": "7"},
        ),
        _filter(
            "filter5-item_matching5-item_not_matching5",
            {"test2": [{"numeric": ["<", 100]}]},
            {"test2": 93},
            {"test2": 105},
        ),
        _filter(
            "filter6-item_matching6-item_not_matching6",
            {"test2": [{"numeric": [">=", 100, "<", 200]}]},
            {"test2": 105},
            {"test2": 200},
        ),
        _filter(
            "filter7-item_matching7-item_not_matching7",
            {"test2": [{"prefix": "us-1"}]},
            {"test2": "us-1-48454"},
            {"test2": "eu-wert"},
        ),
        _filter("numeric-bigger", {"my-number": [{"numeric": [">", 100]}]}, {"my-number": 101}, {"my-number": 99}),
        _filter("numeric-smaller", {"my-number": [{"numeric": ["<", 100]}]}, {"my-number": 99}, {"my-number": 101}),
        _filter("or-filter", {"testItem": ["test24", "test45"]}, {"testItem": "test45"}, {"testItem": "WERTD"}),
        _filter("plain-string-matching", ["plain-string"], "plain-string", "plain-text"),
        _filter("prefix", {"my-key": [{"prefix": "yes"}]}, {"my-key": "yes-value"}, {"my-key": "no-value"}),
        _filter("single-filter", {"testItem": ["test24"]}, {"testItem": "test24"}, {"testItem": "tesWER"}),
        _filter("single", _KEY, {"my-key": "my-value"}, {"my-key": "other-value"}),
        _filter("valid-json-filter", _KEY, {"my-key": "my-value"}, "this is not JSON"),
    ],
)
def test_sqs_event_filter(pattern: Any, good: Any, bad: Any) -> None:
    """What does not match is deleted from the queue. Nothing was recorded of `plain-string-matching`."""

    async def scenario(case: Mapped) -> None:
        await case.cloud.queue()
        criteria = {"Filters": [{"Pattern": json.dumps({"body": pattern})}]}
        made = await case.map(QUEUE, FilterCriteria=criteria, MaximumBatchingWindowInSeconds=1)
        assert made == queue_mapping(FilterCriteria=criteria, MaximumBatchingWindowInSeconds=1)
        await case.cloud.send(bad, good)
        await case.cloud.advance(3)
        body = good if isinstance(good, str) else json.dumps(good)
        assert case.events == [{"Records": [record(body, md5OfMessageAttributes=None)]}]
        assert await case.cloud.depth() == (0, 0)

    with_mappings(scenario)


@pytest.mark.parametrize(
    "pattern",
    [pytest.param("null", id="None"), pytest.param('{"eventSource": "aws:sqs"}', id="invalid_filter3")],
)
def test_sqs_invalid_event_filter(pattern: str) -> None:
    async def scenario(case: Mapped) -> None:
        await case.cloud.queue()
        criteria = {"Filters": [{"Pattern": pattern}]}
        assert await case.error(EventSourceArn=QUEUE, FilterCriteria=criteria) == invalid(NO_PATTERN)

    with_mappings(scenario)


def _entries(count: int, batch: int) -> list[str]:
    return [f"{number}-{batch}-message-{number}" for number in range(count)]


@pytest.mark.parametrize("size", [15, 100, 10000])
def test_sqs_event_source_mapping_batch_size(size: int) -> None:
    async def scenario(case: Mapped) -> None:
        await case.cloud.queue()
        made = await case.map(QUEUE, BatchSize=size, MaximumBatchingWindowInSeconds=5)
        assert made == queue_mapping(BatchSize=size, MaximumBatchingWindowInSeconds=5)
        bodies = [*_entries(10, 0), *_entries(5, 1)]
        for batch in (bodies[:10], bodies[10:]):
            entries = [{"Id": body.rpartition("-message")[0], "MessageBody": body} for body in batch]
            answer = await Client(case.cloud, "sqs").call("SendMessageBatch", QueueUrl=url("q"), Entries=entries)
            sent = [{"Id": entry["Id"], "MD5OfMessageBody": ANY, "MessageId": ANY} for entry in entries]
            assert answer == {"Successful": sent}
        await case.cloud.advance(7)
        [event] = case.events
        expected = [record(body, md5OfMessageAttributes=None) for body in sorted(bodies)]
        assert sorted(event["Records"], key=lambda found: str(found["body"])) == expected
        assert await case.cloud.depth() == (0, 0)

    with_mappings(scenario)


def test_sqs_event_source_mapping_batching_reserved_concurrency() -> None:
    async def scenario(case: Mapped) -> None:
        await case.cloud.queue()
        reserved = {"ReservedConcurrentExecutions": 2}
        assert await case.client.call("PutFunctionConcurrency", FunctionName="worker", **reserved) == reserved
        bodies = [f"{number}-{batch}-message" for number in range(10) for batch in range(3)]
        await case.cloud.send(*bodies)
        given = {"BatchSize": 20, "MaximumBatchingWindowInSeconds": 1, "ScalingConfig": {"MaximumConcurrency": 2}}
        assert await case.map(QUEUE, **given) == queue_mapping(**given)
        await case.cloud.advance(5)
        assert len(case.events) == 2
        found = [one for event in case.events for one in event["Records"]]
        expected = [record(body, md5OfMessageAttributes=None) for body in sorted(bodies)]
        assert sorted(found, key=lambda one: str(one["body"])) == expected
        assert case.cloud.compute.concurrent_max <= 2

    with_mappings(scenario)


def test_esm_with_not_existing_sqs_queue() -> None:
    async def scenario(case: Mapped) -> None:
        assert await case.error(EventSourceArn=f"{QUEUE}-missing") == invalid(
            "Error occurred while ReceiveMessage. SQS Error Code: AWS.SimpleQueueService.NonExistentQueue. "
            "SQS Error Message: The specified queue does not exist."
        )

    with_mappings(scenario)


def test_message_body_and_attributes_passed_correctly() -> None:
    async def scenario(case: Mapped) -> None:
        await case.cloud.queue()
        await case.map(QUEUE, BatchSize=1)
        given = {"Title": ("String", "The Whistler"), "Author": ("String", "John Grisham"), "WeeksOn": ("Number", "6")}
        sent = {name: {"DataType": kind, "StringValue": text} for name, (kind, text) in given.items()}
        body = json.dumps({"destination": url("other"), "fail_attempts": 0})
        await case.cloud.send(body, MessageAttributes=sent)
        await case.cloud.advance(1)
        lists: dict[str, Any] = {"binaryListValues": [], "stringListValues": []}
        shown = {name: {**lists, "dataType": kind, "stringValue": text} for name, (kind, text) in given.items()}
        own = {"md5OfMessageAttributes": "d25a6aea97eb8f585bfa92d314504a92", "messageAttributes": shown}
        assert case.events == [{"Records": [record(body, **own)]}]

    with_mappings(scenario)


async def _with_dead(case: Mapped, **params: Any) -> None:
    """The queue with a dead-letter queue after two attempts."""
    dead = await case.cloud.queue("dead")
    redrive = json.dumps({"deadLetterTargetArn": dead, "maxReceiveCount": 2})
    await case.cloud.queue(RedrivePolicy=redrive, VisibilityTimeout=5)
    await case.map(QUEUE, **params)


def test_redrive_policy_with_failing_lambda() -> None:
    async def scenario(case: Mapped) -> None:
        def behave(event: dict[str, Any]) -> None:
            raise Broken("failed attempt")

        case.cloud.compute.behave = behave
        await case.client.call("UpdateFunctionConfiguration", FunctionName="worker", Timeout=2)
        await _with_dead(case, BatchSize=1)
        body = {"destination": url("other"), "fail_attempts": 2}
        await case.cloud.send(body)
        await case.cloud.advance(15)
        assert case.events == [{"Records": [record(json.dumps(body), count=count)]} for count in ("1", "2")]
        id = case.events[0]["Records"][0]["messageId"]
        dead = {"Body": body, "MD5OfBody": ANY, "MessageId": id, "ReceiptHandle": ANY}
        assert await received(case.cloud, "dead") == [dead]

    with_mappings(scenario)


REPORTS = {"FunctionResponseTypes": ["ReportBatchItemFailures"]}
MESSAGE = {"message": 1, "fail_attempts": 0}


def test_report_batch_item_failures_empty_json_batch_succeeds() -> None:
    async def scenario(case: Mapped) -> None:
        case.cloud.compute.behave = lambda event: {}
        await _with_dead(case, **REPORTS)
        await case.cloud.send(MESSAGE)
        await case.cloud.advance(15)
        assert case.events == [{"Records": [record(json.dumps(MESSAGE))]}]
        assert await received(case.cloud, "dead") == []
        assert await case.cloud.depth() == (0, 0)

    with_mappings(scenario)


def test_report_batch_item_failures_invalid_result_json_batch_fails() -> None:
    async def scenario(case: Mapped) -> None:
        case.cloud.compute.behave = lambda event: {"batchItemFailures": [{"foo": "notvalid"}]}
        await _with_dead(case, **REPORTS)
        await case.cloud.send(MESSAGE)
        await case.cloud.advance(15)
        assert case.events == [{"Records": [record(json.dumps(MESSAGE), count=count)]} for count in ("1", "2")]
        id = case.events[0]["Records"][0]["messageId"]
        assert [(found["Body"], found["MessageId"]) for found in await received(case.cloud, "dead")] == [(MESSAGE, id)]

    with_mappings(scenario)


def test_report_batch_item_failures_on_lambda_error() -> None:
    async def scenario(case: Mapped) -> None:
        def behave(event: dict[str, Any]) -> None:
            for found in event["Records"]:
                json.loads(found["body"])

        async def run(event: dict[str, Any]) -> None:
            try:
                behave(event)
            except ValueError as error:
                raise Broken(str(error)) from None

        case.cloud.compute.behave = run
        await _with_dead(case, **REPORTS)
        other = {"message": 2, "fail_attempts": 0}
        bodies = ["{not a json body", json.dumps(other)]
        sent = [{"Id": str(number), "MessageBody": body} for number, body in enumerate(bodies)]
        await case.cloud.call("sqs", "SendMessageBatch", QueueUrl=url("q"), Entries=sent)
        await case.cloud.advance(15)
        found = await received(case.cloud, "dead")
        assert sorted((one["Body"] for one in found), key=str) == sorted([bodies[0], other], key=str)

    with_mappings(scenario)


def test_sqs_queue_as_lambda_dead_letter_queue() -> None:
    async def scenario(case: Mapped) -> None:
        def behave(event: dict[str, Any]) -> None:
            raise Broken("Test exception (this is intentional)")

        case.cloud.compute.behave = behave
        dead = await case.cloud.queue("dead")
        config = {"DeadLetterConfig": {"TargetArn": dead}}
        answer = await case.client.call("UpdateFunctionConfiguration", FunctionName="worker", **config)
        assert answer["DeadLetterConfig"] == config["DeadLetterConfig"]
        payload = json.dumps({"raise_error": 1}).encode()
        await case.client.call("Invoke", FunctionName="worker", InvocationType="Event", Payload=payload)
        await case.cloud.advance(400, 20)
        attributes = {
            "ErrorCode": {"DataType": "Number", "StringValue": "200"},
            "ErrorMessage": {"DataType": "String", "StringValue": "Test exception (this is intentional)"},
            "RequestID": {"DataType": "String", "StringValue": ANY},
        }
        common = {"MD5OfBody": ANY, "MD5OfMessageAttributes": ANY, "MessageId": ANY, "ReceiptHandle": ANY}
        expected = {"Body": {"raise_error": 1}, "MessageAttributes": attributes, **common}
        assert await received(case.cloud, "dead") == [expected]

    with_mappings(scenario)
