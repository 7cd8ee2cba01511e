"""SNS: what publishing costs, to one queue, to a hundred, with a filter policy.

`python -m bench --only SNS`; another server beside it with `--against URL`.
"""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any
from urllib.parse import urlencode

from .cases import KEYS, Case, client
from .signed import REGION, sign

MANY = 100
_TEXT = "x" * 200


def _queue(sqs: Any, name: str, topic: str) -> str:
    """A queue that a topic may send to; its ARN."""
    arn = f"arn:aws:sqs:{REGION}:{topic.split(':')[4]}:{name}"
    statement = {
        "Effect": "Allow",
        "Principal": {"Service": "sns.amazonaws.com"},
        "Action": "sqs:SendMessage",
        "Resource": arn,
        "Condition": {"ArnEquals": {"aws:SourceArn": topic}},
    }
    policy = json.dumps({"Version": "2012-10-17", "Statement": [statement]})
    sqs.create_queue(QueueName=name, Attributes={"Policy": policy})
    return arn


def prepare(url: str) -> None:
    """The topics, and the queues that subscribe to them."""
    sns, sqs = client("sns", url), client("sqs", url)
    for name, count, attributes in (
        ("bench-none", 0, {}),
        ("bench-raw", 1, {"RawMessageDelivery": "true"}),
        ("bench-signed", 1, {}),
        ("bench-filtered", 1, {"RawMessageDelivery": "true", "FilterPolicy": '{"kind": [{"prefix": "or"}, "other"]}'}),
        ("bench-many", MANY, {"RawMessageDelivery": "true"}),
    ):
        topic = sns.create_topic(Name=name)["TopicArn"]
        for number in range(count):
            queue = _queue(sqs, f"{name}-{number}", topic)
            sns.subscribe(TopicArn=topic, Protocol="sqs", Endpoint=queue, Attributes=attributes)


def _publish(name: str, count: int = KEYS) -> Callable[[str], list[bytes]]:
    headers = {"Content-Type": "application/x-www-form-urlencoded; charset=utf-8"}

    def body(topic: str, number: int) -> bytes:
        fields = {
            "Action": "Publish",
            "Version": "2010-03-31",
            "TopicArn": topic,
            "Message": f"{number} {_TEXT}",
            "MessageAttributes.entry.1.Name": "kind",
            "MessageAttributes.entry.1.Value.DataType": "String",
            "MessageAttributes.entry.1.Value.StringValue": "order",
        }
        return urlencode(fields).encode()

    def requests(url: str) -> list[bytes]:
        topic = client("sns", url).create_topic(Name=name)["TopicArn"]  # it is there: other clouds have other accounts
        return [sign("sns", "POST", f"{url}/", body(topic, number), headers) for number in range(count)]

    return requests


CASES = (
    Case("SNS Publish, nobody subscribed", _publish("bench-none")),
    Case("SNS Publish to a queue, raw", _publish("bench-raw")),
    Case("SNS Publish to a queue, signed envelope", _publish("bench-signed")),
    Case("SNS Publish to a queue, raw, filtered", _publish("bench-filtered")),
    Case("SNS Publish to 100 queues, raw", _publish("bench-many", 50)),
)
