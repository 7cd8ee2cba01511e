"""`lambent clock`: a learner sets the time forward and sees what it brings about; a restart does not set it back."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from .node import REGION, Node, eventually

pytestmark = [pytest.mark.e2e, pytest.mark.slow]


def queue(node: Node, name: str, **attributes: str) -> str:
    """A queue's URL."""
    url: str = node.client("sqs").create_queue(QueueName=name, Attributes=attributes)["QueueUrl"]
    return url


def received(node: Node, url: str) -> list[str]:
    """What a queue shows now."""
    found = node.client("sqs").receive_message(QueueUrl=url, MaxNumberOfMessages=10).get("Messages", [])
    return [message["Body"] for message in found]


def test_what_takes_days_is_seen_at_once(tmp_path: Path) -> None:
    node = Node(tmp_path / "cloud")
    node.start()
    try:
        assert "as this machine's" in node.run("lambent", "clock").stdout
        sqs, scheduler = node.client("sqs"), node.client("scheduler")
        late, kept = queue(node, "late", DelaySeconds="900"), queue(node, "kept", MessageRetentionPeriod="86400")
        ticks = queue(node, "ticks", VisibilityTimeout="43200")
        role = node.client("iam").create_role(
            RoleName="ticking",
            AssumeRolePolicyDocument=json.dumps(
                {
                    "Version": "2012-10-17",
                    "Statement": [
                        {
                            "Effect": "Allow",
                            "Principal": {"Service": "scheduler.amazonaws.com"},
                            "Action": "sts:AssumeRole",
                        }
                    ],
                }
            ),
        )["Role"]["Arn"]
        node.client("iam").attach_role_policy(
            RoleName="ticking", PolicyArn="arn:aws:iam::aws:policy/AmazonSQSFullAccess"
        )
        scheduler.create_schedule(
            Name="daily",
            ScheduleExpression="rate(1 day)",
            FlexibleTimeWindow={"Mode": "OFF"},
            Target={"Arn": f"arn:aws:sqs:{REGION}:000000000000:ticks", "RoleArn": role, "Input": "tick"},
        )
        eventually(lambda: received(node, ticks) == ["tick"])
        sqs.send_message(QueueUrl=late, MessageBody="delayed")
        sqs.send_message(QueueUrl=kept, MessageBody="forgotten")
        assert received(node, late) == []
        assert "15m ahead" in node.run("lambent", "clock", "forward", "15m").stdout
        assert received(node, late) == ["delayed"], "and requests signed by this machine's time are let in"
        node.kill()
        node.start()
        assert "15m ahead" in node.run("lambent", "status").stdout, "what the cloud has told is not taken back"
        node.run("lambent", "clock", "forward", "1d")
        assert received(node, kept) == []
        eventually(lambda: "tick" in received(node, ticks))
        assert node.run("lambent", "clock", "forward", "soon", check=False).stderr.startswith(
            "lambent: soon is no time"
        )
    finally:
        node.stop()
