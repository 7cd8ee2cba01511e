"""Three nodes, one of which is killed again and again: what was acknowledged is done, once where once is promised."""

from __future__ import annotations

import json
import threading
import time
from collections import Counter
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any, NamedTuple

import pytest
from botocore.exceptions import BotoCoreError, ClientError

from .cluster import NODES, Nodes, drain, needs_servers, queue, role, three_nodes
from .node import ACCOUNT, REGION, Node, eventually
from .test_rest_api import Rest, ask

pytestmark = [pytest.mark.e2e, pytest.mark.slow, needs_servers]
LASTS_S = 60.0
PAUSE_S = 0.02
_LOST = (BotoCoreError, ClientError, OSError)


class Load:
    """Clients that do one thing each until they are told to stop, going on with another node when one is away. What was
    acknowledged is in `done`, by client; what had no answer, or a bad one, in `unknown`: it may have been done."""

    def __init__(self, cloud: Nodes) -> None:
        self.cloud = cloud
        self.done: dict[str, list[str]] = {}
        self.unknown: dict[str, set[str]] = {}
        self._over = threading.Event()
        self._threads: list[threading.Thread] = []

    def begin(self, name: str, work: Callable[[Node, str], None]) -> None:
        """Call `work(node, word)` with ever new words."""
        self.done[name], self.unknown[name] = [], set()
        thread = threading.Thread(target=self._go, args=(name, work))
        self._threads.append(thread)
        thread.start()

    def _go(self, name: str, work: Callable[[Node, str], None]) -> None:
        number = 0
        while not self._over.is_set():
            number += 1
            word = f"{name}-{number}"
            try:
                work(self.cloud[number % NODES], word)
            except _LOST:
                self.unknown[name].add(word)
            else:
                self.done[name].append(word)
            time.sleep(PAUSE_S)

    def end(self) -> None:
        """Let what is under way end."""
        self._over.set()
        for thread in self._threads:
            thread.join(90)
            assert not thread.is_alive()

    def check(self, name: str, found: list[str]) -> Counter[str]:
        """All that was acknowledged is there, and nothing that nobody sent; how often each was found."""
        counted = Counter(found)
        assert not set(self.done[name]) - set(counted), name
        assert not set(counted) - set(self.done[name]) - self.unknown[name], name
        return counted


def client(clients: dict[tuple[int, str], Any], node: Node, service: str) -> Any:
    """A client that is made once per node and address."""
    key = (hash(node.url), service)
    if key not in clients:
        clients[key] = node.client(service)
    return clients[key]


def rest_api(cloud: Nodes) -> str:
    """An API whose POST sends its body to the queue `rest`."""
    sender = role(cloud, "api", "apigateway.amazonaws.com", "sqs:SendMessage")
    rest = Rest(cloud[0], "load")
    rest.method(
        "/n", "POST",
        {
            "type": "AWS", "integrationHttpMethod": "POST", "credentials": sender,
            "uri": f"arn:aws:apigateway:{REGION}:sqs:path/{ACCOUNT}/rest",
            "requestParameters": {"integration.request.header.Content-Type": "'application/x-www-form-urlencoded'"},
            "requestTemplates": {"application/json": "Action=SendMessage&MessageBody=$input.path('$.word')"},
        },
        "{}",
    )  # fmt: skip
    rest.deploy()
    return rest.id


class Scene(NamedTuple):
    """Where the load goes, and where it comes out (addresses of queues)."""

    rest_url: str
    sns_url: str
    line_url: str
    bus_url: str
    tick_url: str
    alarm_url: str
    topic: str
    line: str
    api: str


def scene_of(cloud: Nodes) -> Scene:
    """Queues behind an API, topics, a rule, a schedule and an alarm."""
    raw = {"RawMessageDelivery": "true"}
    rest_url, _ = queue(cloud, "rest")
    sns_url, sns_arn = queue(cloud, "sns", "sns.amazonaws.com")
    line_url, line_arn = queue(cloud, "line.fifo", "sns.amazonaws.com", FifoQueue="true")
    bus_url, bus_arn = queue(cloud, "bus", "events.amazonaws.com")
    tick_url, tick_arn = queue(cloud, "ticks")
    sns = cloud[0].client("sns")
    topic = sns.create_topic(Name="t")["TopicArn"]
    line = sns.create_topic(Name="line.fifo", Attributes={"FifoTopic": "true"})["TopicArn"]
    sns.subscribe(TopicArn=topic, Protocol="sqs", Endpoint=sns_arn, Attributes=raw)
    sns.subscribe(TopicArn=line, Protocol="sqs", Endpoint=line_arn, Attributes=raw)
    events = cloud[1].client("events")
    events.put_rule(Name="all", EventPattern='{"source": ["load"]}')
    events.put_targets(Rule="all", Targets=[{"Id": "t", "Arn": bus_arn, "InputPath": "$.detail.word"}])
    sender = role(cloud, "ticking", "scheduler.amazonaws.com", "sqs:SendMessage")
    cloud[2].client("scheduler").create_schedule(
        Name="ticks", ScheduleExpression="rate(1 minute)", FlexibleTimeWindow={"Mode": "OFF"},
        Target={"Arn": tick_arn, "RoleArn": sender, "Input": "<aws.scheduler.scheduled-time>"},
    )  # fmt: skip
    alarm_url, alarm_arn = queue(cloud, "alarmed", "sns.amazonaws.com")
    alarms = sns.create_topic(Name="alarms")["TopicArn"]
    sns.subscribe(TopicArn=alarms, Protocol="sqs", Endpoint=alarm_arn, Attributes=raw)
    cloud[1].client("cloudwatch").put_metric_alarm(
        AlarmName="many", Namespace="Load", MetricName="m", Statistic="Sum", Period=60, EvaluationPeriods=1,
        Threshold=10, ComparisonOperator="GreaterThanThreshold", AlarmActions=[alarms],
    )  # fmt: skip
    api = rest_api(cloud)
    return Scene(rest_url, sns_url, line_url, bus_url, tick_url, alarm_url, topic, line, api)


def works(cloud: Nodes, scene: Scene) -> dict[str, Callable[[Node, str], None]]:
    """What clients do, by name: each hands one word to one node."""
    clients: dict[tuple[int, str], Any] = {}

    def post(node: Node, word: str) -> None:
        url = f"{node.url}/_aws/execute-api/{scene.api}/dev/n"
        status, _, body = ask(node, "POST", url, json.dumps({"word": word}).encode(), Content_Type="application/json")
        if status != 200:
            raise OSError(body)

    def publish(node: Node, word: str) -> None:
        client(clients, node, "sns").publish(TopicArn=scene.topic, Message=word)

    def queue_up(node: Node, word: str) -> None:
        # As an SDK does: what had no answer is sent again, to the next node, and is a duplicate if it had arrived.
        for attempt in range(30):
            try:
                client(clients, cloud[(attempt + len(word)) % NODES], "sns").publish(
                    TopicArn=scene.line, Message=word, MessageGroupId="g", MessageDeduplicationId=word
                )
            except _LOST:
                time.sleep(0.2)
            else:
                return
        raise OSError(word)

    def put(node: Node, word: str) -> None:
        entry = {"Source": "load", "DetailType": "t", "Detail": json.dumps({"word": word})}
        assert client(clients, node, "events").put_events(Entries=[entry])["FailedEntryCount"] == 0

    def measure(node: Node, word: str) -> None:
        data = [{"MetricName": "m", "Value": 1, "Unit": "Count"}]
        client(clients, node, "cloudwatch").put_metric_data(Namespace="Load", MetricData=data)

    return {"rest": post, "sns": publish, "line": queue_up, "bus": put, "m": measure}


def check_deliveries(cloud: Nodes, scene: Scene, load: Load, kills: int) -> None:
    """Everything that was acknowledged has come out, and as often as each service promises."""
    assert max(load.check("rest", drain(cloud, scene.rest_url)).values()) == 1
    ordered = drain(cloud, scene.line_url)
    load.check("line", ordered)
    assert ordered == sorted(set(ordered), key=lambda word: int(word.split("-")[1]))
    # Standard topics and rules deliver at least once: again what was on its way on a node that died.
    for name, found in (
        ("sns", drain(cloud, scene.sns_url)),
        ("bus", [json.loads(word) for word in drain(cloud, scene.bus_url)]),
    ):
        assert sum(count - 1 for count in load.check(name, found).values()) <= 5 * kills
    ticks = drain(cloud, scene.tick_url)
    assert len(set(ticks)) == len(ticks) >= 1


def check_measurements(cloud: Nodes, scene: Scene, load: Load) -> None:
    """Measurements add up, and the alarm spoke."""
    watch = cloud[0].client("cloudwatch")
    now = datetime.now(UTC)
    points = watch.get_metric_statistics(
        Namespace="Load", MetricName="m", Period=60, Statistics=["Sum"], StartTime=now - timedelta(hours=1),
        EndTime=now + timedelta(minutes=1),
    )["Datapoints"]  # fmt: skip
    measured = sum(point["Sum"] for point in points)
    assert len(load.done["m"]) <= measured <= len(load.done["m"]) + len(load.unknown["m"])
    heard = {json.loads(body)["StateChangeTime"] for body in drain(cloud, scene.alarm_url) if '"ALARM"' in body}
    lines = watch.describe_alarm_history(AlarmName="many", HistoryItemType="StateUpdate")["AlarmHistoryItems"]
    assert len([line for line in lines if line["HistorySummary"].endswith("to ALARM")]) == 1
    assert len(heard) >= 1


def test_rolling_kills_under_load(tmp_path: Path) -> None:
    with three_nodes(tmp_path) as cloud:
        scene = scene_of(cloud)
        load = Load(cloud)
        began = time.monotonic()
        for name, work in works(cloud, scene).items():
            load.begin(name, work)
        turn = 0
        while time.monotonic() - began < LASTS_S:
            time.sleep(4)
            victim = cloud[turn % NODES]
            victim.kill()
            time.sleep(3)
            victim.start()
            turn += 1
        load.end()
        cloud.settle()
        eventually(lambda: all(node.health()["nodes"][0]["load"]["leases"] == 0 for node in cloud.all), 60)
        assert min(len(words) for words in load.done.values()) > 100, {name: len(w) for name, w in load.done.items()}
        check_deliveries(cloud, scene, load, turn)
        check_measurements(cloud, scene, load)
