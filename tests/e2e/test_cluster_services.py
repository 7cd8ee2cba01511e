"""Topics, rules, schedules, pipes and alarms on three nodes of one cloud: what one is told holds on all of them."""

from __future__ import annotations

import json
import time
from collections import Counter
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from .cluster import Nodes, drain, needs_servers, queue, role, three_nodes
from .node import ACCOUNT, REGION, RUNTIME, eventually
from .test_lambda import zipped
from .test_sns import Endpoint, endpoint

pytestmark = [pytest.mark.e2e, pytest.mark.slow, needs_servers]
__all__ = ["endpoint"]
ECHO = """
import boto3
def handler(event, context):
    for record in event["Records"]:
        body = record["Sns"]["Message"] if "Sns" in record else record["body"]
        boto3.client("sqs").send_message(QueueUrl=URL, MessageBody=body)
"""


@pytest.fixture(scope="module")
def cloud(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Nodes]:
    with three_nodes(tmp_path_factory.mktemp("cloud")) as running:
        yield running


def function(cloud: Nodes, name: str, code: str, service: str, *actions: str) -> str:
    """The ARN of a function that a service may invoke."""
    functions = cloud[0].client("lambda")
    arn: str = functions.create_function(
        FunctionName=name, Runtime=RUNTIME, Handler="index.handler", Timeout=20, Code={"ZipFile": zipped(index=code)},
        Role=role(cloud, name, "lambda.amazonaws.com", "logs:*", *actions),
    )["FunctionArn"]  # fmt: skip
    functions.get_waiter("function_active_v2").wait(FunctionName=name)
    functions.add_permission(FunctionName=name, StatementId="it", Action="lambda:InvokeFunction", Principal=service)
    return arn


def messages(bodies: list[str]) -> list[str]:
    return [json.loads(body)["Message"] for body in bodies]


def test_a_topic_reaches_queues_functions_and_endpoints_from_any_node(cloud: Nodes, endpoint: Endpoint) -> None:
    topic = cloud[0].client("sns").create_topic(Name="fan")["TopicArn"]
    dead, dead_arn = queue(cloud, "fan-dead", "sns.amazonaws.com")
    heard, heard_arn = queue(cloud, "fan-heard", "sns.amazonaws.com")
    ran, _ = queue(cloud, "fan-ran")
    code = ECHO.replace("URL", repr(ran))
    echo = function(cloud, "fan-echo", code, "sns.amazonaws.com", "sqs:SendMessage")
    lost = f"arn:aws:sqs:{REGION}:{ACCOUNT}:fan-lost"
    redrive = json.dumps({"deadLetterTargetArn": dead_arn})
    filters = json.dumps({"kind": ["news"]})
    for node, protocol, where, attributes in (
        (0, "sqs", heard_arn, {"FilterPolicy": filters}),
        (1, "lambda", echo, {"FilterPolicy": filters}),
        (2, "sqs", lost, {"RedrivePolicy": redrive, "FilterPolicy": filters}),
    ):
        cloud[node].client("sns").subscribe(TopicArn=topic, Protocol=protocol, Endpoint=where, Attributes=attributes)
    policy = {"healthyRetryPolicy": {"numRetries": 3, "minDelayTarget": 1, "maxDelayTarget": 1}}
    hook = cloud[2].client("sns").subscribe(
        TopicArn=topic, Protocol="http", Endpoint=endpoint.url, ReturnSubscriptionArn=True,
        Attributes={"DeliveryPolicy": json.dumps(policy)},
    )["SubscriptionArn"]  # fmt: skip
    _, asked = eventually(lambda: endpoint.posts)[0]
    cloud[1].client("sns").confirm_subscription(TopicArn=topic, Token=asked["Token"])
    kept = cloud[0].client("sns").get_subscription_attributes(SubscriptionArn=hook)["Attributes"]
    assert kept["PendingConfirmation"] == "false"
    endpoint.statuses = [503, 500]
    for number in range(30):
        kind = {"kind": {"DataType": "String", "StringValue": "news" if number % 3 else "noise"}}
        cloud.client("sns").publish(TopicArn=topic, Message=str(number), MessageAttributes=kind)
    wanted = sorted(str(number) for number in range(30) if number % 3)
    assert sorted(messages(drain(cloud, heard))) == wanted
    assert sorted(messages(drain(cloud, dead))) == wanted
    found: list[str] = []
    eventually(lambda: found.extend(drain(cloud, ran)) or len(found) >= len(wanted))
    assert sorted(found) == wanted
    posted = eventually(lambda: len(endpoint.posts) >= 33 and endpoint.posts[1:])
    assert Counter(Counter(body["Message"] for _, body in posted).values()) in ({1: 29, 3: 1}, {1: 28, 2: 2})


def test_one_key_signs_on_all_nodes(cloud: Nodes) -> None:
    topic = cloud[1].client("sns").create_topic(Name="signed")["TopicArn"]
    url, arn = queue(cloud, "signed", "sns.amazonaws.com")
    cloud[2].client("sns").subscribe(TopicArn=topic, Protocol="sqs", Endpoint=arn)
    for node in cloud.all:
        node.client("sns").publish(TopicArn=topic, Message="m")
    links = {json.loads(body)["SigningCertURL"].rpartition("/")[2] for body in drain(cloud, url)}
    assert len(links) == 1


def test_a_fifo_topic_keeps_order_and_drops_duplicates_over_nodes(cloud: Nodes) -> None:
    fifo = {"FifoTopic": "true", "ContentBasedDeduplication": "false"}
    topic = cloud[0].client("sns").create_topic(Name="line.fifo", Attributes=fifo)["TopicArn"]
    url, arn = queue(cloud, "line.fifo", "sns.amazonaws.com", FifoQueue="true")
    cloud[1].client("sns").subscribe(
        TopicArn=topic, Protocol="sqs", Endpoint=arn, Attributes={"RawMessageDelivery": "true"}
    )
    sequences = []
    for number in range(30):
        for node in (number % 3, (number + 1) % 3):  # the second one is a duplicate, through another node
            sent = (
                cloud[node]
                .client("sns")
                .publish(TopicArn=topic, Message=str(number), MessageGroupId="g", MessageDeduplicationId=f"d{number}")
            )
        sequences.append(int(sent["SequenceNumber"]))
    assert sequences == sorted(set(sequences))
    assert drain(cloud, url) == [str(number) for number in range(30)]


def put(cloud: Nodes, source: str, numbers: range) -> list[str]:
    """Events through one node after the other; their ids."""
    ids = []
    for number in numbers:
        entry = {"Source": source, "DetailType": "t", "Detail": json.dumps({"n": number})}
        ids.append(cloud.client("events").put_events(Entries=[entry])["Entries"][0]["EventId"])
    return ids


def rule(cloud: Nodes, name: str, target: str, **fields: Any) -> None:
    """A rule with one target, made through two nodes."""
    cloud[0].client("events").put_rule(Name=name, **fields)
    answer = cloud[1].client("events").put_targets(Rule=name, Targets=[{"Id": "t", "Arn": target}])
    assert answer["FailedEntryCount"] == 0


def test_rules_hold_at_once_and_archives_replay_once(cloud: Nodes) -> None:
    url, arn = queue(cloud, "ruled", "events.amazonaws.com")
    rule(cloud, "ruled", arn, EventPattern=json.dumps({"source": ["shop"]}))
    bus = f"arn:aws:events:{REGION}:{ACCOUNT}:event-bus/default"
    events = cloud[2].client("events")
    archive = events.create_archive(
        ArchiveName="shop", EventSourceArn=bus, EventPattern=json.dumps({"source": ["shop"]})
    )["ArchiveArn"]
    begin = datetime.now(UTC) - timedelta(minutes=1)
    wanted = put(cloud, "shop", range(30))
    assert sorted(json.loads(body)["id"] for body in drain(cloud, url)) == sorted(wanted)
    cloud[0].client("events").start_replay(
        ReplayName="again", EventSourceArn=archive, Destination={"Arn": bus}, EventStartTime=begin,
        EventEndTime=datetime.now(UTC) + timedelta(minutes=1),
    )  # fmt: skip
    eventually(lambda: cloud.client("events").describe_replay(ReplayName="again")["State"] == "COMPLETED")
    again = [json.loads(body) for body in drain(cloud, url)]
    assert Counter(one["detail"]["n"] for one in again) == Counter(range(30))
    assert {one["replay-name"] for one in again} == {"again"}
    cloud[1].client("events").disable_rule(Name="ruled")
    put(cloud, "shop", range(3))
    assert drain(cloud, url) == []


def test_schedules_fire_once_though_three_nodes_run(cloud: Nodes) -> None:
    ticks, ticks_arn = queue(cloud, "ticks", "events.amazonaws.com")
    once, once_arn = queue(cloud, "once")
    rates, rates_arn = queue(cloud, "rates")
    sender = role(cloud, "sender", "scheduler.amazonaws.com", "sqs:SendMessage")
    scheduler = cloud[1].client("scheduler")
    now = datetime.now(UTC)
    rule(cloud, "ticks", ticks_arn, ScheduleExpression="rate(1 minute)")
    common = {"FlexibleTimeWindow": {"Mode": "OFF"}}
    for number in range(10):
        at = (now + timedelta(seconds=2)).strftime("%Y-%m-%dT%H:%M:%S")
        scheduler.create_schedule(
            Name=f"once{number}", ScheduleExpression=f"at({at})", ActionAfterCompletion="DELETE",
            Target={"Arn": once_arn, "RoleArn": sender, "Input": str(number)}, **common,
        )  # fmt: skip
    scheduler.create_schedule(
        Name="rates", ScheduleExpression="rate(1 minute)", **common,
        Target={"Arn": rates_arn, "RoleArn": sender, "Input": "<aws.scheduler.scheduled-time>"},
    )  # fmt: skip
    found: list[str] = []
    eventually(lambda: found.extend(drain(cloud, once)) or len(found) >= 10, 90)
    assert sorted(found) == sorted(map(str, range(10)))
    assert cloud[2].client("scheduler").list_schedules(NamePrefix="once")["Schedules"] == []
    time.sleep(max(0.0, 75 - (datetime.now(UTC) - now).total_seconds()))
    times = drain(cloud, rates)
    assert len(times) == 2
    assert len(set(times)) == 2
    assert len(drain(cloud, ticks)) == 1


def test_what_three_nodes_measure_adds_up_and_one_alarm_speaks_once(cloud: Nodes) -> None:
    url, arn = queue(cloud, "alarmed", "sns.amazonaws.com")
    topic = cloud[0].client("sns").create_topic(Name="alarms")["TopicArn"]
    cloud[0].client("sns").subscribe(
        TopicArn=topic, Protocol="sqs", Endpoint=arn, Attributes={"RawMessageDelivery": "true"}
    )
    busy, _ = queue(cloud, "busy")
    began = time.time()
    cloud[1].client("cloudwatch").put_metric_alarm(
        AlarmName="many", Namespace="E2E", MetricName="m", Statistic="Sum", Period=60, EvaluationPeriods=1,
        Threshold=50, ComparisonOperator="GreaterThanThreshold", AlarmActions=[topic],
    )  # fmt: skip
    for number in range(60):
        cloud.client("cloudwatch").put_metric_data(Namespace="E2E", MetricData=[{"MetricName": "m", "Value": 1}])
        cloud[number % 3].client("sqs").send_message(QueueUrl=busy, MessageBody="x")

    def summed(namespace: str, name: str, dimensions: list[dict[str, str]], statistic: str) -> float:
        now = datetime.now(UTC)
        points = cloud.client("cloudwatch").get_metric_statistics(
            Namespace=namespace, MetricName=name, Dimensions=dimensions, Period=3600, Statistics=[statistic],
            StartTime=now - timedelta(hours=1), EndTime=now + timedelta(hours=1),
        )["Datapoints"]  # fmt: skip
        return float(sum(point[statistic] for point in points))

    here = [{"Name": "QueueName", "Value": "busy"}]
    assert summed("E2E", "m", [], "Sum") == 60
    eventually(lambda: summed("AWS/SQS", "NumberOfMessagesSent", here, "Sum") == 60)
    # A depth is no sum: three nodes that saw the queue used show it once a minute.
    depth = "ApproximateNumberOfMessagesVisible"
    minutes = int(time.time() // 60 - began // 60) + 1
    assert 1 <= summed("AWS/SQS", depth, here, "SampleCount") <= minutes
    heard: list[str] = []
    eventually(lambda: heard.extend(drain(cloud, url)) or heard, 150)
    time.sleep(5)
    heard.extend(drain(cloud, url))
    assert [json.loads(body)["NewStateValue"] for body in heard].count("ALARM") == 1


def test_a_pipe_carries_a_queue_and_a_stream_though_its_node_is_killed(cloud: Nodes) -> None:
    url, arn = queue(cloud, "piped")
    into, into_arn = queue(cloud, "pipe-in", VisibilityTimeout="5")
    runner = role(cloud, "pipes", "pipes.amazonaws.com", "sqs:*", "dynamodb:*")
    cloud[0].client("dynamodb").create_table(
        TableName="piped", AttributeDefinitions=[{"AttributeName": "id", "AttributeType": "S"}],
        KeySchema=[{"AttributeName": "id", "KeyType": "HASH"}], BillingMode="PAY_PER_REQUEST",
        StreamSpecification={"StreamEnabled": True, "StreamViewType": "NEW_IMAGE"},
    )  # fmt: skip
    stream = cloud[1].client("dynamodb").describe_table(TableName="piped")["Table"]["LatestStreamArn"]
    pipes = cloud[2].client("pipes")
    template = {"InputTemplate": '{"q": <$.body>}'}
    pipes.create_pipe(Name="q", Source=into_arn, Target=arn, RoleArn=runner, TargetParameters=template)
    pipes.create_pipe(
        Name="s", Source=stream, Target=arn, RoleArn=runner,
        TargetParameters={"InputTemplate": '{"s": <$.dynamodb.NewImage.id.S>}'},
        SourceParameters={"DynamoDBStreamParameters": {"StartingPosition": "TRIM_HORIZON", "BatchSize": 5}},
    )  # fmt: skip
    for name in ("q", "s"):
        eventually(lambda name=name: cloud.client("pipes").describe_pipe(Name=name)["CurrentState"] == "RUNNING")  # type: ignore[misc]
    wanted: set[tuple[str, str]] = set()
    found: Counter[tuple[str, str]] = Counter()
    for number in range(60):
        if number == 30:
            cloud[1].kill()
        node = cloud[0 if number >= 30 or number % 2 else 1]
        node.client("sqs").send_message(QueueUrl=into, MessageBody=str(number))
        node.client("dynamodb").put_item(TableName="piped", Item={"id": {"S": str(number)}})
        wanted |= {("q", str(number)), ("s", str(number))}
    cloud[1].start()

    def all_there() -> bool:
        for body in drain(cloud, url):
            found.update((kind, str(value)) for kind, value in json.loads(body).items())
        return set(found) >= wanted

    eventually(all_there, 60)
    assert set(found) == wanted
    # What was under way on the node that died comes again, no more.
    assert sum(found.values()) <= len(wanted) + 25
    cloud.settle()
