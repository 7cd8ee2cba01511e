"""Pipes' operations and what they refuse."""

from __future__ import annotations

import asyncio
import json
from datetime import UTC, datetime
from typing import Any

import pytest

from lambent.services.pipes.templates import render

from .support import OUT, QUEUE, ROLE, WORKER, PipeCloud, run, turns

BASE = "arn:aws:{}:us-east-1:000000000000:{}"


@pytest.mark.parametrize(
    ("changed", "code", "part"),
    [
        ({"Source": BASE.format("kinesis", "stream/s")}, "NotImplemented", "Kinesis as the source"),
        ({"Source": BASE.format("sns", "t")}, "ValidationException", "is not supported"),
        ({"Enrichment": BASE.format("states", "stateMachine:m")}, "NotImplemented", "Step Functions as the enrichment"),
        ({"Target": BASE.format("ecs", "cluster/c")}, "NotImplemented", "ECS as the target"),
        ({"Target": BASE.format("execute-api", "api/stage")}, "ValidationException", "is not supported"),
        ({"Target": BASE.format("logs", "log-group:g")}, "ValidationException", "LogStreamName"),
        ({"RoleArn": ROLE + "s"}, "ValidationException", "cannot be assumed"),
        ({"SourceParameters": {"SqsQueueParameters": {"BatchSize": 11}}}, "ValidationException", "batch window"),
        ({"SourceParameters": {"FilterCriteria": {"Filters": [{"Pattern": "no"}]}}}, "ValidationException", "filter"),
        ({"Source": BASE.format("dynamodb", "table/t/stream/1")}, "ValidationException", "StartingPosition"),
        ({"TargetParameters": {"LambdaFunctionParameters": {}}}, "ValidationException", "not supported"),
        ({"LogConfiguration": {"Level": "INFO", "S3LogDestination": {"BucketName": "bbb", "BucketOwner": "0" * 12}}},
         "NotImplemented", "S3LogDestination"),
    ],
)  # fmt: skip
def test_what_cannot_work_is_refused(changed: dict[str, Any], code: str, part: str) -> None:
    async def body(cloud: PipeCloud) -> None:
        whole = {"Name": "p", "Source": QUEUE, "Target": OUT, "RoleArn": ROLE, **changed}
        found, message = await cloud.refused("CreatePipe", **whole)
        assert found == code
        assert part in message
        assert (await cloud.call("pipes", "ListPipes"))["Pipes"] == []

    run(body)


def test_a_pipe_is_shown_listed_and_tagged() -> None:
    async def body(cloud: PipeCloud) -> None:
        parameters = {"SqsQueueParameters": {"BatchSize": 3}}
        made = await cloud.pipe(Description="d", SourceParameters=parameters, Tags={"a": "b"}, DesiredState="STOPPED")
        time = datetime.fromtimestamp(cloud.clock.now_ns() / 1e9, UTC)
        assert await cloud.shown() == {
            "Arn": BASE.format("pipes", "pipe/p"),
            "Name": "p",
            "Description": "d",
            "DesiredState": "STOPPED",
            "CurrentState": "STOPPED",
            "Source": QUEUE,
            "SourceParameters": parameters,
            "Target": OUT,
            "RoleArn": ROLE,
            "Tags": {"a": "b"},
            "CreationTime": time,
            "LastModifiedTime": time,
        }
        exists = ("ConflictException", "Pipe p already exists.")
        whole = {"Name": "p", "Source": QUEUE, "Target": OUT, "RoleArn": ROLE}
        assert await cloud.refused("CreatePipe", **whole) == exists
        await cloud.pipe(Name="r", Target=WORKER)
        await cloud.pipe(Name="s")
        page = await cloud.call("pipes", "ListPipes", Limit=2)
        rest = await cloud.call("pipes", "ListPipes", Limit=2, NextToken=page["NextToken"])
        assert [one["Name"] for one in page["Pipes"] + rest["Pipes"]] == ["p", "r", "s"]
        wanted = await cloud.call("pipes", "ListPipes", CurrentState="RUNNING", TargetPrefix=OUT)
        assert [one["Name"] for one in wanted["Pipes"]] == ["s"]
        arn = made["Arn"]
        await cloud.call("pipes", "TagResource", resourceArn=arn, tags={"c": "d"})
        await cloud.call("pipes", "UntagResource", resourceArn=arn, tagKeys=["a"])
        assert (await cloud.call("pipes", "ListTagsForResource", resourceArn=arn))["tags"] == {"c": "d"}

    run(body)


def test_an_update_keeps_what_it_does_not_say() -> None:
    async def body(cloud: PipeCloud) -> None:
        await cloud.pipe(SourceParameters={"SqsQueueParameters": {"BatchSize": 3}})
        changed = {"SqsQueueParameters": {"MaximumBatchingWindowInSeconds": 2}}
        answer = await cloud.call("pipes", "UpdatePipe", Name="p", RoleArn=ROLE, SourceParameters=changed)
        assert answer["CurrentState"] == "UPDATING"
        busy = await cloud.refused("StopPipe", Name="p")
        assert busy == ("ConflictException", "Pipe p is in state UPDATING and cannot be changed.")
        await turns()
        shown = await cloud.shown()
        assert shown["CurrentState"] == "RUNNING"
        both = {"BatchSize": 3, "MaximumBatchingWindowInSeconds": 2}
        assert shown["SourceParameters"] == {"SqsQueueParameters": both}
        missing = ("NotFoundException", "Pipe x does not exist.")
        assert await cloud.refused("StartPipe", Name="x") == missing

    run(body)


def test_an_event_bus_gets_events_by_dynamic_parameters() -> None:
    async def body(cloud: PipeCloud) -> None:
        allow = {"Effect": "Allow", "Principal": {"Service": "events.amazonaws.com"}, "Action": "*", "Resource": "*"}
        policy = json.dumps({"Version": "2012-10-17", "Statement": [allow]})
        await cloud.queue("heard", Policy=policy)
        await cloud.call("events", "PutRule", Name="r", EventPattern=json.dumps({"source": ["shop"]}))
        heard = BASE.format("sqs", "heard")
        await cloud.call("events", "PutTargets", Rule="r", Targets=[{"Id": "1", "Arn": heard}])
        parameters = {"Source": "shop", "DetailType": "$.body.kind"}
        template = '{"n": <$.body.n>}'
        await cloud.pipe(
            Target=BASE.format("events", "event-bus/default"),
            TargetParameters={"EventBridgeEventBusParameters": parameters, "InputTemplate": template},
        )
        await cloud.send({"kind": "ordered", "n": 7})
        await turns()
        await cloud.relay.settled()
        (text,) = await cloud.out("heard")
        event = json.loads(text)
        assert (event["source"], event["detail-type"], event["detail"]) == ("shop", "ordered", {"n": 7})

    run(body)


def test_another_node_goes_on_where_one_has_died() -> None:
    async def body() -> None:
        first = PipeCloud()
        await first.ready()
        second = PipeCloud(beside=first, seed=2)
        source = await first.stream()
        polling = {"StartingPosition": "TRIM_HORIZON", "BatchSize": 1}
        await first.pipe(
            Source=source,
            SourceParameters={"DynamoDBStreamParameters": polling},
            TargetParameters={"InputTemplate": "<$.dynamodb.Keys.id.S>"},
        )
        await first.write("a")
        await turns()
        await first.pollers.stop(0)
        await second.pollers.start()
        await turns()
        await second.write("b")
        await turns()
        assert await second.out() == ["a", "b"]
        await second.pollers.stop(0)
        for cloud in (first, second):
            await cloud.cancel_spawned()

    asyncio.run(body())


@pytest.mark.parametrize(
    ("template", "expected"),
    [
        ("", {"a": {"b": [1, 2]}, "t": 'x"y', "j": '{"k": [true]}'}),
        ("<$.a.b[1]>", 2),
        ("<$.t>", 'x"y'),
        ("Hello, <$.t>", 'Hello, x"y'),
        ('"Hello, <$.t>"', 'Hello, x"y'),
        ('{"a": <$.a>, "t": "<$.t>!"}', {"a": {"b": [1, 2]}, "t": 'x"y!'}),
        ('{"n": <$.none>, "k": <$.j.k[0]>}', {"n": "", "k": True}),
        ('["\\"<$.t>", <aws.pipes.pipe-name>]', ['"x"y', "p"]),
        ("<$.a.b[*]>", [1, 2]),
        ("plain", "plain"),
    ],
)  # fmt: skip
def test_templates(template: str, expected: Any) -> None:
    event = {"a": {"b": [1, 2]}, "t": 'x"y', "j": '{"k": [true]}'}
    assert render(template, event, {"aws.pipes.pipe-name": "p"}) == expected
