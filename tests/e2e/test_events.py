"""EventBridge over the wire: a chain through a function and back, buckets, and a node that is killed."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from botocore.exceptions import ClientError

from .node import ACCOUNT, REGION, Node, eventually
from .test_lambda import create, role

pytestmark = pytest.mark.e2e
ECHO = "def handler(event, context):\n    return {'heard': event['detail']}\n"


def queue(node: Node, name: str) -> tuple[str, str]:
    """URL and ARN of a queue that rules may send to."""
    arn = f"arn:aws:sqs:{REGION}:{ACCOUNT}:{name}"
    statement = {
        "Effect": "Allow",
        "Principal": {"Service": "events.amazonaws.com"},
        "Action": "sqs:SendMessage",
        "Resource": arn,
    }
    attributes = {"Policy": json.dumps({"Version": "2012-10-17", "Statement": [statement]})}
    return node.client("sqs").create_queue(QueueName=name, Attributes=attributes)["QueueUrl"], arn


def rule(node: Node, name: str, pattern: dict[str, Any], target: str) -> str:
    """The ARN of a rule of the default bus with one target."""
    events = node.client("events")
    arn = events.put_rule(Name=name, EventPattern=json.dumps(pattern))["RuleArn"]
    assert events.put_targets(Rule=name, Targets=[{"Id": "t", "Arn": target}])["FailedEntryCount"] == 0
    return str(arn)


def received(node: Node, url: str) -> list[dict[str, Any]]:
    """What came to a queue within a moment."""
    found = node.client("sqs").receive_message(QueueUrl=url, MaxNumberOfMessages=10, WaitTimeSeconds=5)
    return [json.loads(message["Body"]) for message in found.get("Messages", [])]


def test_from_a_rule_to_a_function_and_back_to_the_bus(tmp_path: Path) -> None:
    node = Node(tmp_path / "cloud").start()
    try:
        url, arn = queue(node, "done")
        lambda_ = node.client("lambda")
        create(node, "echo", ECHO, Role=role(node, "echoing", "events:PutEvents"))
        bus = f"arn:aws:events:{REGION}:{ACCOUNT}:event-bus/default"
        lambda_.put_function_event_invoke_config(
            FunctionName="echo", DestinationConfig={"OnSuccess": {"Destination": bus}}
        )
        function = f"arn:aws:lambda:{REGION}:{ACCOUNT}:function:echo"
        source = rule(node, "orders", {"source": ["shop"], "detail": {"total": [{"numeric": [">", 10]}]}}, function)
        lambda_.add_permission(
            FunctionName="echo",
            StatementId="rule",
            Action="lambda:InvokeFunction",
            Principal="events.amazonaws.com",
            SourceArn=source,
        )
        rule(node, "results", {"detail-type": [{"suffix": "- Success"}], "source": ["lambda"]}, arn)
        entries = [
            {"Source": "shop", "DetailType": "order", "Detail": json.dumps({"total": total})} for total in (5, 50)
        ]
        answer = node.client("events").put_events(Entries=entries)
        assert answer["FailedEntryCount"] == 0
        (event,) = eventually(lambda: received(node, url))
        assert event["detail"]["responsePayload"] == {"heard": {"total": 50}}
        assert event["detail"]["requestPayload"]["id"] == answer["Entries"][1]["EventId"]
        assert event["resources"][0] == bus
    finally:
        assert node.stop() == 0


def test_what_was_acknowledged_arrives_though_the_node_is_killed(tmp_path: Path) -> None:
    node = Node(tmp_path / "cloud").start()
    try:
        url, arn = queue(node, "kept")
        rule(node, "all", {"source": ["shop"]}, arn)
        entry = {"Source": "shop", "DetailType": "order", "Detail": "{}"}
        answers = [node.client("events").put_events(Entries=[entry] * 10) for _ in range(10)]
        node.kill()
        node.start()
        wanted = {entry["EventId"] for answer in answers for entry in answer["Entries"]}
        seen: set[str] = set()

        def everything() -> bool:
            seen.update(event["id"] for event in received(node, url))
            return seen == wanted

        assert eventually(everything)
    finally:
        assert node.stop() == 0


def test_buckets_and_the_command_line(tmp_path: Path) -> None:
    node = Node(tmp_path / "cloud").start()
    try:
        url, arn = queue(node, "photos")
        rule(node, "made", {"source": ["aws.s3"], "detail-type": ["Object Created"]}, arn)
        s3 = node.client("s3")
        s3.create_bucket(Bucket="photos")
        s3.put_bucket_notification_configuration(
            Bucket="photos", NotificationConfiguration={"EventBridgeConfiguration": {}}
        )
        s3.put_object(Bucket="photos", Key="cat.jpg", Body=b"data")
        (event,) = eventually(lambda: received(node, url))
        assert event["detail"]["object"]["key"] == "cat.jpg"
        shown = node.run("aws", "events", "list-rules", "--output", "json").stdout
        assert [found["Name"] for found in json.loads(shown)["Rules"]] == ["made"]
        with pytest.raises(ClientError) as refused:
            node.client("events").put_rule(Name="x", ScheduleExpression="cron(INVALID)")
        assert refused.value.response["Error"] == {
            "Code": "ValidationException",
            "Message": "Parameter ScheduleExpression is not valid.",
        }
    finally:
        assert node.stop() == 0
