"""CloudWatch Logs over the wire: what functions and clients write is found again, by boto3 and the AWS CLI."""

from __future__ import annotations

import json
import time
from typing import Any

import pytest
from botocore.exceptions import ClientError

from .node import ACCOUNT, REGION, Node
from .test_lambda import create, invoke, refusal, written

pytestmark = pytest.mark.e2e
TALKER = """
import json
def handler(event, context):
    number = event["n"]
    print(json.dumps({"level": "ERROR" if number > 1 else "INFO", "n": number, "who": {"name": "bob"}}))
    print(f"GET /pictures/{number} 404 {number}ms")
"""
LISTENER = """
import base64, gzip
def handler(event, context):
    print("HEARD " + gzip.decompress(base64.b64decode(event["awslogs"]["data"])).decode())
"""
GROUP = "/aws/lambda/talker"


@pytest.fixture(scope="module")
def talked(node: Node) -> Node:
    """A function's log of three calls."""
    create(node, "talker", TALKER)
    for number in range(3):
        invoke(node, "talker", {"n": number})
    written(node, GROUP, "pictures/2")
    return node


@pytest.mark.parametrize(
    ("pattern", "expected"),
    [
        ("GET", ["/0 ", "/1 ", "/2 "]),
        ('"pictures/1 404"', ["/1 "]),
        ('GET -"pictures/1"', ["/0 ", "/2 "]),
        ('?"pictures/0" ?"pictures/2"', ["/0 ", "/2 "]),
        ("%pictures.[12]%", ["/1 ", "/2 "]),
        ("[verb=GET, path, status=404, took!=1ms]", ["/0 ", "/2 "]),
        ('{ $.level = "ERR*" }', ['"n": 2']),
        ('{ $.n < 2 && $.who.name = "bob" }', ['"n": 0', '"n": 1']),
        ("{ $.who.age NOT EXISTS }", ['"n": 0', '"n": 1', '"n": 2']),
        ('REPORT "Init Duration"', ["REPORT RequestId"]),
    ],
)
def test_patterns_find_lines_of_functions(talked: Node, pattern: str, expected: list[str]) -> None:
    events = talked.client("logs").filter_log_events(logGroupName=GROUP, filterPattern=pattern)["events"]
    assert len(events) == len(expected)
    for event, part in zip(events, expected, strict=True):
        assert part in event["message"]


def test_the_aws_cli_filters(talked: Node) -> None:
    command = ["aws", "logs", "filter-log-events", "--log-group-name", GROUP, "--filter-pattern", "{ $.n = 1 }"]
    events = json.loads(talked.run(*command, "--output", "json").stdout)["events"]
    assert [json.loads(event["message"])["n"] for event in events] == [1]
    assert events[0]["timestamp"] <= events[0]["ingestionTime"]


def test_tokens_lead_through_a_stream_both_ways(talked: Node) -> None:
    logs = talked.client("logs")
    [stream] = logs.describe_log_streams(logGroupName=GROUP)["logStreams"]
    where = {"logGroupName": GROUP, "logStreamName": stream["logStreamName"]}
    whole = [event["message"] for event in logs.get_log_events(**where, startFromHead=True)["events"]]
    assert whole[-1].startswith("REPORT RequestId")

    def walk(page: dict[str, Any], direction: str) -> list[list[str]]:
        pages = []
        while page["events"]:
            pages.append([event["message"] for event in page["events"]])
            page = logs.get_log_events(**where, limit=4, nextToken=page[direction])
        # At the end the token stays what it was.
        again = logs.get_log_events(**where, limit=4, nextToken=page[direction])
        assert again[direction] == page[direction]
        return pages

    pages = walk(logs.get_log_events(**where, limit=4, startFromHead=True), "nextForwardToken")
    assert [message for page in pages for message in page] == whole
    pages = walk(logs.get_log_events(**where, limit=4), "nextBackwardToken")
    assert [message for page in reversed(pages) for message in page] == whole
    found = logs.get_paginator("filter_log_events").paginate(logGroupName=GROUP, PaginationConfig={"PageSize": 3})
    assert [event["message"] for page in found for event in page["events"]] == whole


def test_a_subscription_filter_starts_a_function(talked: Node) -> None:
    logs, functions = talked.client("logs"), talked.client("lambda")
    arn = create(talked, "listener", LISTENER)
    wanted = {"logGroupName": GROUP, "filterName": "loud", "filterPattern": "{ $.n = 77 }", "destinationArn": arn}
    assert refusal(logs.put_subscription_filter, **wanted) == (
        400,
        "InvalidParameterException",
        "Could not execute the lambda function. Make sure you have given CloudWatch Logs permission to execute your "
        "function.",
    )
    functions.add_permission(
        FunctionName="listener",
        StatementId="logs",
        Action="lambda:InvokeFunction",
        Principal="logs.amazonaws.com",
        SourceArn=f"arn:aws:logs:{REGION}:{ACCOUNT}:log-group:{GROUP}:*",
    )
    logs.put_subscription_filter(**wanted)
    for number in (76, 77):
        invoke(talked, "talker", {"n": number})
    heard = [event["message"] for event in written(talked, "/aws/lambda/listener", "HEARD ")]
    [line] = [message for message in heard if message.startswith("HEARD ")]
    data = json.loads(line[len("HEARD ") :])
    assert (data["messageType"], data["owner"], data["logGroup"]) == ("DATA_MESSAGE", ACCOUNT, GROUP)
    assert data["subscriptionFilters"] == ["loud"]
    assert [json.loads(event["message"])["n"] for event in data["logEvents"]] == [77]
    logs.delete_subscription_filter(logGroupName=GROUP, filterName="loud")


def test_a_clients_own_log(node: Node) -> None:
    logs = node.client("logs")
    logs.create_log_group(logGroupName="app", tags={"team": "blue"})
    logs.create_log_stream(logGroupName="app", logStreamName="one")
    now_ms = time.time_ns() // 1_000_000
    hour_ms = 3_600_000

    def put(*offsets: int) -> dict[str, Any]:
        events = [{"timestamp": now_ms + offset, "message": f"at {offset}: é"} for offset in offsets]
        answer: dict[str, Any] = logs.put_log_events(logGroupName="app", logStreamName="one", logEvents=events)
        return answer

    assert "rejectedLogEventsInfo" not in put(-2, -1, 0)
    assert put(3 * hour_ms)["rejectedLogEventsInfo"] == {"tooNewLogEventStartIndex": 0}
    assert put(-15 * 24 * hour_ms)["rejectedLogEventsInfo"] == {"tooOldLogEventEndIndex": 1}
    with pytest.raises(ClientError, match="chronological order"):
        put(0, -1)
    found = logs.filter_log_events(logGroupName="app", startTime=now_ms - 1, endTime=now_ms)["events"]
    assert [event["message"] for event in found] == ["at -1: é", "at 0: é"]
    logs.put_retention_policy(logGroupName="app", retentionInDays=7)
    [group] = logs.describe_log_groups(logGroupNamePrefix="app")["logGroups"]
    assert (group["retentionInDays"], group["arn"]) == (7, f"arn:aws:logs:{REGION}:{ACCOUNT}:log-group:app:*")
    logs.delete_log_group(logGroupName="app")
    assert refusal(logs.filter_log_events, logGroupName="app")[1] == "ResourceNotFoundException"


def test_errors_are_worded_as_recorded(talked: Node) -> None:
    logs = talked.client("logs")
    stream = {"logGroupName": GROUP, "logStreamName": "none"}
    wrong = (
        "1 validation error detected: Value '10001' at 'limit' failed to satisfy constraint: Member must have value "
    )
    assert refusal(logs.get_log_events, **stream, limit=10_001) == (
        400,
        "InvalidParameterException",
        f"{wrong}less than or equal to 10000",
    )
    token = "The specified nextToken is invalid."
    assert refusal(logs.filter_log_events, logGroupName=GROUP, nextToken="x")[1:] == (
        "InvalidParameterException",
        token,
    )
    missing = "The specified log {} does not exist."
    assert refusal(logs.get_log_events, **stream)[2] == missing.format("stream")
    assert refusal(logs.get_log_events, **{**stream, "logGroupName": "none"})[2] == missing.format("group")
    assert refusal(logs.create_log_group, logGroupName=GROUP) == (
        400,
        "ResourceAlreadyExistsException",
        "The specified log group already exists",
    )
