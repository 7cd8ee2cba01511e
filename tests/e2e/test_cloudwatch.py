"""CloudWatch over the wire, in all three protocols that its clients speak; what functions and queues measure."""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta
from typing import Any
from urllib.parse import urlencode
from urllib.request import Request, urlopen

import pytest
from botocore.auth import SigV4Auth
from botocore.awsrequest import AWSRequest
from botocore.credentials import Credentials
from botocore.exceptions import ClientError

from .node import Node, eventually

pytestmark = [pytest.mark.e2e, pytest.mark.slow]


def span() -> dict[str, datetime]:
    now = datetime.now(UTC)
    return {"StartTime": now - timedelta(minutes=10), "EndTime": now + timedelta(minutes=5)}


def test_the_newest_protocol_of_boto3(node: Node) -> None:
    client = node.client("cloudwatch")
    data = [{"MetricName": "m", "Value": 2.5, "Unit": "Seconds", "Dimensions": [{"Name": "a", "Value": "b"}]}]
    client.put_metric_data(Namespace="E2E", MetricData=data)
    found = client.get_metric_statistics(
        Namespace="E2E",
        MetricName="m",
        Dimensions=[{"Name": "a", "Value": "b"}],
        Period=60,
        Statistics=["Average"],
        **span(),
    )
    assert [(one["Average"], one["Unit"]) for one in found["Datapoints"]] == [(2.5, "Seconds")]
    with pytest.raises(ClientError) as refused:
        client.set_alarm_state(AlarmName="none", StateValue="OK", StateReason="x")
    assert refused.value.response["Error"]["Code"] == "ResourceNotFound"
    assert refused.value.response["ResponseMetadata"]["HTTPStatusCode"] == 404
    with pytest.raises(ClientError) as refused:
        client.get_dashboard(DashboardName="none")
    assert refused.value.response["Error"]["Code"] == "ResourceNotFound"


def test_the_command_line(node: Node) -> None:
    node.run("aws", "cloudwatch", "put-metric-data", "--namespace", "CLI", "--metric-name", "m", "--value", "3")
    shown = json.loads(node.run("aws", "cloudwatch", "list-metrics", "--namespace", "CLI").stdout)
    assert shown["Metrics"] == [{"Namespace": "CLI", "MetricName": "m", "Dimensions": []}]
    alarm = "--alarm-name cli --metric-name m --namespace CLI --statistic Sum --period 60 --evaluation-periods 1"
    node.run(
        "aws", "cloudwatch", "put-metric-alarm", *alarm.split(), "--threshold", "1",
        "--comparison-operator", "GreaterThanThreshold",
    )  # fmt: skip
    described = json.loads(node.run("aws", "cloudwatch", "describe-alarms", "--alarm-names", "cli").stdout)
    assert described["MetricAlarms"][0]["StateValue"] in ("INSUFFICIENT_DATA", "ALARM")
    node.run("aws", "cloudwatch", "delete-alarms", "--alarm-names", "cli")


def asked(node: Node, body: bytes, headers: dict[str, str]) -> str:
    """The answer to a signed POST."""
    request = AWSRequest("POST", f"{node.url}/", headers=headers, data=body)
    SigV4Auth(Credentials("test", "test"), "monitoring", "us-east-1").add_auth(request)
    with urlopen(Request(f"{node.url}/", body, dict(request.headers)), timeout=10) as answer:
        return str(answer.read().decode())


def test_json(node: Node) -> None:
    def call(operation: str, **params: Any) -> Any:
        target = f"GraniteServiceVersion20100801.{operation}"
        headers = {"content-type": "application/x-amz-json-1.0", "x-amz-target": target}
        return json.loads(asked(node, json.dumps(params).encode(), headers) or "null")

    call("PutMetricData", Namespace="JSON", MetricData=[{"MetricName": "m", "Value": 1}])
    assert call("ListMetrics", Namespace="JSON")["Metrics"][0]["MetricName"] == "m"


def test_the_query_protocol(node: Node) -> None:
    def call(action: str, **params: str) -> str:
        form = {"Action": action, "Version": "2010-08-01", "Namespace": "Query", **params}
        return asked(node, urlencode(form).encode(), {"content-type": "application/x-www-form-urlencoded"})

    call("PutMetricData", **{"MetricData.member.1.MetricName": "m", "MetricData.member.1.Value": "1"})
    assert "<MetricName>m</MetricName>" in call("ListMetrics")


def test_a_queue_is_measured(node: Node) -> None:
    sqs = node.client("sqs")
    url = sqs.create_queue(QueueName="measured")["QueueUrl"]
    sqs.send_message(QueueUrl=url, MessageBody="one")

    def sums() -> list[float]:
        found = node.client("cloudwatch").get_metric_statistics(
            Namespace="AWS/SQS",
            MetricName="NumberOfMessagesSent",
            Dimensions=[{"Name": "QueueName", "Value": "measured"}],
            Period=60,
            Statistics=["Sum"],
            **span(),
        )
        return [one["Sum"] for one in found["Datapoints"]]

    assert eventually(sums) == [1.0]
