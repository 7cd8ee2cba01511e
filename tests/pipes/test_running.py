"""Pipes at work: from queues and streams, through enrichments and templates, to targets."""

from __future__ import annotations

import json
from typing import Any

from lambent.bus.pollers import door
from lambent.services.pipes.keys import CHANGED, pipes

from .support import OUT, WORKER, Broken, PipeCloud, run, turns


def test_the_door_knows_the_keys_of_pipes() -> None:
    assert pipes.prefix == door.PIPES_PREFIX
    assert CHANGED == door.TOPIC


def test_messages_go_from_queue_to_queue_as_events() -> None:
    async def body(cloud: PipeCloud) -> None:
        made = await cloud.pipe()
        assert (made["CurrentState"], made["DesiredState"]) == ("CREATING", "RUNNING")
        assert (await cloud.shown())["CurrentState"] == "RUNNING"
        await cloud.send("hello")
        await turns()
        (text,) = await cloud.out()
        event = json.loads(text)
        assert (event["body"], event["eventSource"]) == ("hello", "aws:sqs")
        assert await cloud.depth() == (0, 0)

    run(body)


def test_a_filter_and_templates_shape_what_arrives() -> None:
    async def body(cloud: PipeCloud) -> None:
        template = (
            '{"who": <$.body.name>, "list": <$.body.list>, "text": "<$.body.name> by <aws.pipes.pipe-name>",'
            ' "gone": <$.body.nothing>, "source": <aws.pipes.source-arn>}'
        )
        pattern = json.dumps({"body": {"kind": ["order"]}})
        await cloud.pipe(
            SourceParameters={"FilterCriteria": {"Filters": [{"Pattern": pattern}]}},
            TargetParameters={"InputTemplate": template},
        )
        await cloud.send({"kind": "order", "name": 'A"n', "list": [1, {"a": 2}]}, {"kind": "other"})
        await turns()
        (text,) = await cloud.out()
        assert json.loads(text) == {
            "who": 'A"n',
            "list": [1, {"a": 2}],
            "text": 'A"n by p',
            "gone": "",
            "source": f"{OUT.rpartition(':')[0]}:q",
        }
        assert await cloud.depth() == (0, 0)

    run(body)


def test_a_function_enriches_and_nothing_goes_on_where_it_returns_nothing() -> None:
    async def body(cloud: PipeCloud) -> None:
        def behave(events: Any) -> Any:
            return [{"twice": event["n"] * 2} for event in events if event["n"]]

        cloud.compute.behave = behave
        await cloud.pipe(Enrichment=WORKER, EnrichmentParameters={"InputTemplate": '{"n": <$.body.n>}'})
        await cloud.send({"n": 4})
        await turns()
        await cloud.send({"n": 0})
        await turns()
        assert [json.loads(text) for text in await cloud.out()] == [{"twice": 8}]
        assert cloud.given == [[{"n": 4}], [{"n": 0}]]
        assert await cloud.depth() == (0, 0)

    run(body)


def test_what_a_function_names_as_failed_comes_again() -> None:
    async def body(cloud: PipeCloud) -> None:
        def behave(events: Any) -> Any:
            return {"batchItemFailures": [{"itemIdentifier": e["messageId"]} for e in events if e["body"] == "bad"]}

        cloud.compute.behave = behave
        await cloud.send("good", "bad", "fine")
        await cloud.pipe(Target=WORKER)
        await turns()
        assert [[event["body"] for event in batch] for batch in cloud.given] == [["good", "bad", "fine"]]
        assert await cloud.depth() == (0, 1)
        cloud.compute.behave = lambda events: "ok"
        await cloud.advance(31)
        assert [event["body"] for event in cloud.given[-1]] == ["bad"]
        assert await cloud.depth() == (0, 0)

    run(body)


def test_a_target_that_fails_keeps_the_message() -> None:
    async def body(cloud: PipeCloud) -> None:
        def behave(events: Any) -> Any:
            raise Broken("no")

        cloud.compute.behave = behave
        await cloud.pipe(Target=WORKER)
        await cloud.send("x")
        await turns()
        assert await cloud.depth() == (0, 1)

    run(body)


def test_an_asynchronous_function_gets_the_batch() -> None:
    async def body(cloud: PipeCloud) -> None:
        parameters = {"LambdaFunctionParameters": {"InvocationType": "FIRE_AND_FORGET"}}
        await cloud.pipe(Target=WORKER, TargetParameters={**parameters, "InputTemplate": "Hello, <$.body>"})
        await cloud.send("you")
        await turns()
        await cloud.relay.settled()
        assert cloud.given == [["Hello, you"]]

    run(body)


def test_the_role_is_asked_at_every_step() -> None:
    async def body(cloud: PipeCloud) -> None:
        await cloud.pipe()
        await cloud.permit("sqs:ReceiveMessage", "sqs:DeleteMessage", "sqs:GetQueueAttributes")
        await cloud.send("x")
        await turns()
        assert await cloud.out() == []
        assert await cloud.depth() == (0, 1)
        await cloud.permit("sqs:*")
        await cloud.advance(31)
        assert len(await cloud.out()) == 1
        await cloud.permit("sqs:SendMessage")
        await cloud.send("y")
        await cloud.advance(25)
        assert "not authorized to perform: sqs:ReceiveMessage" in (await cloud.shown())["StateReason"]

    run(body)


def test_a_stream_is_carried_in_order_and_bad_records_are_told_of() -> None:
    async def body(cloud: PipeCloud) -> None:
        source = await cloud.stream()
        dead = await cloud.queue("dead")
        ids: list[str] = []

        def behave(events: Any) -> Any:
            keys = [event["dynamodb"]["Keys"]["id"]["S"] for event in events]
            if "bad" in keys:
                raise Broken("no")
            ids.extend(keys)

        cloud.compute.behave = behave
        polling = {
            "StartingPosition": "TRIM_HORIZON",
            "BatchSize": 1,
            "MaximumRetryAttempts": 1,
            "DeadLetterConfig": {"Arn": dead},
        }
        await cloud.write("a", "bad", "b")
        made = await cloud.pipe(Source=source, Target=WORKER, SourceParameters={"DynamoDBStreamParameters": polling})
        await cloud.advance(10)
        assert ids == ["a", "b"]
        (told,) = await cloud.out("dead")
        record = json.loads(told)
        assert record["context"] == {"partnerResourceArn": made["Arn"], "condition": "RetryAttemptsExhausted"}
        assert (record["DDBStreamBatchInfo"]["batchSize"], record["DDBStreamBatchInfo"]["streamArn"]) == (1, source)

    run(body)


def test_topics_and_logs_are_targets_and_the_execution_is_logged() -> None:
    async def body(cloud: PipeCloud) -> None:
        for name in ("lines", "journal"):
            await cloud.call("logs", "CreateLogGroup", logGroupName=name)
        group = "arn:aws:logs:us-east-1:000000000000:log-group:"
        await cloud.pipe(
            Target=f"{group}lines",
            TargetParameters={"CloudWatchLogsParameters": {"LogStreamName": "s"}, "InputTemplate": "got <$.body>"},
            LogConfiguration={"Level": "INFO", "CloudwatchLogsLogDestination": {"LogGroupArn": f"{group}journal"}},
        )
        await cloud.send("it")
        await turns()
        found = await cloud.call("logs", "FilterLogEvents", logGroupName="lines")
        assert [event["message"] for event in found["events"]] == ["got it"]
        journal = await cloud.call("logs", "FilterLogEvents", logGroupName="journal")
        kinds = [json.loads(event["message"])["messageType"] for event in journal["events"]]
        assert kinds == ["ExecutionStarted", "TargetStageEntered", "TargetStageSucceeded", "ExecutionSucceeded"]

    run(body)


def test_a_topic_passes_messages_on() -> None:
    async def body(cloud: PipeCloud) -> None:
        topic = (await cloud.call("sns", "CreateTopic", Name="t"))["TopicArn"]
        await cloud.allow_topic("out", topic)
        raw = {"RawMessageDelivery": "true"}
        await cloud.call("sns", "Subscribe", TopicArn=topic, Protocol="sqs", Endpoint=OUT, Attributes=raw)
        await cloud.pipe(Target=topic, TargetParameters={"InputTemplate": "<$.body>"})
        await cloud.send("news")
        await turns()
        await cloud.relay.settled()
        assert await cloud.out() == ["news"]

    run(body)


def test_a_pipe_stops_and_starts_and_goes() -> None:
    async def body(cloud: PipeCloud) -> None:
        await cloud.pipe()
        assert (await cloud.call("pipes", "StopPipe", Name="p"))["CurrentState"] == "STOPPING"
        await turns()
        assert (await cloud.shown())["CurrentState"] == "STOPPED"
        await cloud.send("x")
        await turns()
        assert await cloud.depth() == (1, 0)
        await cloud.call("pipes", "StartPipe", Name="p")
        await turns()
        assert (await cloud.shown())["CurrentState"] == "RUNNING"
        assert len(await cloud.out()) == 1
        template = {"InputTemplate": "<$.body>"}
        await cloud.call(
            "pipes", "UpdatePipe", Name="p", RoleArn="arn:aws:iam::000000000000:role/piper", TargetParameters=template
        )
        await turns()
        await cloud.send("y")
        await turns()
        assert await cloud.out() == ["y"]
        assert (await cloud.call("pipes", "DeletePipe", Name="p"))["DesiredState"] == "DELETED"
        await turns()
        assert await cloud.refused("DescribePipe", Name="p") == ("NotFoundException", "Pipe p does not exist.")
        await cloud.send("z")
        await turns()
        assert await cloud.depth() == (1, 0)

    run(body)
