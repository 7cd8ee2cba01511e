"""Queues and streams that invoke functions in sandboxes, on a node that is killed at the worst moment."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from .node import ACCOUNT, REGION, Node, eventually
from .test_lambda import create, role, zipped

pytestmark = pytest.mark.e2e
POLLING = ("logs:*", "sqs:*", "dynamodb:*")
KEEPER = """
import boto3, os
table = boto3.resource("dynamodb").Table("kept")
def handler(event, context):
    for record in event["Records"]:
        table.update_item(
            Key={"id": record["body"]},
            UpdateExpression="ADD seen :one",
            ExpressionAttributeValues={":one": 1},
        )
"""
SLOW_KEEPER = KEEPER + "    import time; time.sleep(8)\n"
"""Writes, and then has not succeeded yet for a long time."""


def table(node: Node, name: str, **more: Any) -> str:
    made = node.client("dynamodb").create_table(
        TableName=name,
        AttributeDefinitions=[{"AttributeName": "id", "AttributeType": "S"}],
        KeySchema=[{"AttributeName": "id", "KeyType": "HASH"}],
        BillingMode="PAY_PER_REQUEST",
        **more,
    )
    return str(made["TableDescription"].get("LatestStreamArn", ""))


def kept(node: Node) -> dict[str, int]:
    """How often each message was seen."""
    items = node.client("dynamodb").scan(TableName="kept")["Items"]
    return {item["id"]["S"]: int(item["seen"]["N"]) for item in items}


def queue(node: Node, name: str, **attributes: str) -> tuple[str, str]:
    """A queue's URL and ARN."""
    url = node.client("sqs").create_queue(QueueName=name, Attributes=attributes)["QueueUrl"]
    return url, f"arn:aws:sqs:{REGION}:{ACCOUNT}:{name}"


def visible(node: Node, url: str) -> tuple[int, int]:
    names = ["ApproximateNumberOfMessages", "ApproximateNumberOfMessagesNotVisible"]
    found = node.client("sqs").get_queue_attributes(QueueUrl=url, AttributeNames=names)["Attributes"]
    return int(found[names[0]]), int(found[names[1]])


def test_a_message_that_was_not_deleted_when_the_node_died_comes_again(tmp_path: Path) -> None:
    node = Node(tmp_path / "cloud").start()
    try:
        table(node, "kept")
        url, arn = queue(node, "jobs", VisibilityTimeout="12")
        create(node, "keeper", SLOW_KEEPER, Timeout=10, Role=role(node, "keeping", *POLLING))
        node.client("lambda").create_event_source_mapping(FunctionName="keeper", EventSourceArn=arn)
        node.client("sqs").send_message(QueueUrl=url, MessageBody="job")
        eventually(lambda: kept(node) == {"job": 1})
        assert visible(node, url) == (0, 1)
        node.kill()
        node.start()
        assert visible(node, url) == (0, 1), "not lost, and not visible before its time"
        node.client("lambda").update_function_code(FunctionName="keeper", ZipFile=zipped(app=KEEPER), Publish=False)
        node.client("sqs").send_message(QueueUrl=url, MessageBody="other")
        eventually(lambda: kept(node).get("other") == 1)
        eventually(lambda: kept(node) == {"job": 2, "other": 1})
        eventually(lambda: visible(node, url) == (0, 0))
    finally:
        assert node.stop() == 0


def test_a_stream_goes_on_where_it_was_when_the_node_died(tmp_path: Path) -> None:
    node = Node(tmp_path / "cloud").start()
    try:
        table(node, "kept")
        view = {"StreamEnabled": True, "StreamViewType": "KEYS_ONLY"}
        source = table(node, "source", StreamSpecification=view)
        code = KEEPER.replace('record["body"]', 'record["dynamodb"]["Keys"]["id"]["S"]')
        create(node, "keeper", code, Timeout=25, Role=role(node, "keeping", *POLLING))
        made = node.client("lambda").create_event_source_mapping(
            FunctionName="keeper", EventSourceArn=source, StartingPosition="TRIM_HORIZON", BatchSize=1
        )
        put(node, "a", "b")
        eventually(lambda: len(kept(node)) == 2)
        eventually(lambda: state(node, made["UUID"]) == ("Enabled", "OK"))
        node.kill()
        node.start()
        put(node, "c")
        eventually(lambda: "c" in kept(node))
        assert kept(node) == {"a": 1, "b": 1, "c": 1}
    finally:
        assert node.stop() == 0


def state(node: Node, id: str) -> tuple[str, str]:
    found = node.client("lambda").get_event_source_mapping(UUID=id)
    return found["State"], found["LastProcessingResult"]


def put(node: Node, *ids: str) -> None:
    for id in ids:
        node.client("dynamodb").put_item(TableName="source", Item={"id": {"S": id}})


def test_the_wire_shows_a_mapping_as_aws_does(node: Node) -> None:
    _, arn = queue(node, "shown")
    create(node, "shown", KEEPER, Role=role(node, "keeping", *POLLING))
    client = node.client("lambda")
    criteria = {"Filters": [{"Pattern": json.dumps({"body": {"kind": ["order"]}})}]}
    made = client.create_event_source_mapping(FunctionName="shown", EventSourceArn=arn, FilterCriteria=criteria)
    status = made.pop("ResponseMetadata")["HTTPStatusCode"]
    assert status == 202
    assert made.pop("LastModified")
    assert made == {
        "UUID": made["UUID"],
        "BatchSize": 10,
        "MaximumBatchingWindowInSeconds": 0,
        "EventSourceArn": arn,
        "EventSourceMappingArn": f"arn:aws:lambda:{REGION}:{ACCOUNT}:event-source-mapping:{made['UUID']}",
        "FilterCriteria": criteria,
        "FunctionArn": f"arn:aws:lambda:{REGION}:{ACCOUNT}:function:shown",
        "FunctionResponseTypes": [],
        "State": "Creating",
        "StateTransitionReason": "USER_INITIATED",
    }
    eventually(lambda: client.get_event_source_mapping(UUID=made["UUID"])["State"] == "Enabled")
    assert client.delete_event_source_mapping(UUID=made["UUID"])["State"] == "Deleting"
    eventually(lambda: not client.list_event_source_mappings(FunctionName="shown")["EventSourceMappings"])
