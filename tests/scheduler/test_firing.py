"""Schedules on the manual clock: when they fire, how often, and what becomes of changed ones."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from typing import Any

from lambent.bus.relay import Relay
from lambent.contracts.errors import generic
from lambent.contracts.events import Delivery, Target, TryAgain

from .support import MINUTE_NS, ROLE, SECOND_NS, ScheduleCloud, arn, run


def test_a_rate_begins_at_once_and_goes_on() -> None:
    async def body(cloud: ScheduleCloud) -> None:
        await cloud.schedule("rate(5 minutes)")
        assert await cloud.bodies() == ["ping"]
        await cloud.pass_minutes(4)
        assert await cloud.bodies() == []
        await cloud.pass_minutes(11)
        assert await cloud.bodies() == ["ping"] * 3

    run(body)


def test_a_cron_fires_in_its_time_zone() -> None:
    async def body(cloud: ScheduleCloud) -> None:
        await cloud.schedule(
            "cron(30 9 * * ? *)",
            ScheduleExpressionTimezone="Asia/Kolkata",
            Target={"Input": "<aws.scheduler.scheduled-time> <aws.scheduler.attempt-number>"},
        )
        await cloud.pass_minutes(4 * 60 - 1)
        assert await cloud.bodies() == []
        await cloud.pass_minutes(1)
        assert await cloud.bodies() == ["2026-01-01T04:00:00Z 1"]

    run(body)


def test_start_and_end_bound_a_schedule() -> None:
    async def body(cloud: ScheduleCloud) -> None:
        await cloud.schedule(
            "rate(10 minutes)",
            StartDate=datetime(2026, 1, 1, 0, 15, tzinfo=UTC),
            EndDate=datetime(2026, 1, 1, 0, 40, tzinfo=UTC),
            Target={"Input": "<aws.scheduler.scheduled-time>"},
        )
        await cloud.pass_minutes(60)
        assert await cloud.bodies() == [f"2026-01-01T00:{minute}:00Z" for minute in (15, 25, 35)]

    run(body)


def test_a_schedule_that_begins_when_no_clock_shows_a_time_waits() -> None:
    async def body(cloud: ScheduleCloud) -> None:
        await cloud.schedule("rate(1 minute)", StartDate=datetime(9999, 12, 31, tzinfo=UTC))
        await cloud.schedule("rate(999999999 days)", Name="long")
        await cloud.pass_minutes(2)
        assert await cloud.bodies() == ["ping"], "a rate without a start begins at once"
        assert await cloud.timers() == []

    run(body)


def test_a_one_time_schedule_can_delete_itself() -> None:
    async def body(cloud: ScheduleCloud) -> None:
        await cloud.schedule("at(2026-01-01T00:02:00)", ActionAfterCompletion="DELETE")
        await cloud.schedule("at(2026-01-01T00:02:00)", Name="kept")
        await cloud.pass_minutes(10)
        assert await cloud.bodies() == ["ping"] * 2
        left = (await cloud.call("scheduler", "ListSchedules"))["Schedules"]
        assert [one["Name"] for one in left] == ["kept"]

    run(body)


def test_a_flexible_window_is_used() -> None:
    async def body(cloud: ScheduleCloud) -> None:
        window = {"Mode": "FLEXIBLE", "MaximumWindowInMinutes": 30}
        begins = []
        for number in range(12):
            text = "<aws.scheduler.scheduled-time>"
            name = f"s{number}"
            await cloud.schedule(
                "at(2026-01-01T01:00:00)", Name=name, FlexibleTimeWindow=window, Target={"Input": text}
            )
        await cloud.pass_minutes(59)
        assert await cloud.bodies() == []
        for minute in range(32):
            await cloud.pass_minutes(1)
            found = await cloud.bodies()
            assert set(found) <= {"2026-01-01T01:00:00Z"}
            begins += [minute] * len(found)
        assert len(begins) == 12
        assert len(set(begins)) > 4

    run(body)


def test_a_change_leaves_the_old_timer_without_effect() -> None:
    async def body(cloud: ScheduleCloud) -> None:
        await cloud.schedule("cron(5 * * * ? *)")
        await cloud.schedule("cron(7 * * * ? *)", "UpdateSchedule")
        await cloud.pass_minutes(6)
        assert await cloud.bodies() == []
        await cloud.pass_minutes(1)
        assert await cloud.bodies() == ["ping"]
        await cloud.schedule("cron(7 * * * ? *)", "UpdateSchedule", State="DISABLED")
        await cloud.pass_minutes(60)
        assert await cloud.bodies() == []
        await cloud.schedule("cron(7 * * * ? *)", "UpdateSchedule")
        await cloud.call("scheduler", "DeleteSchedule", Name="s")
        await cloud.schedule("cron(9 * * * ? *)")
        await cloud.pass_minutes(3)
        assert await cloud.bodies() == ["ping"]

    run(body)


def test_a_timer_that_is_delivered_twice_fires_once() -> None:
    async def body(cloud: ScheduleCloud) -> None:
        await cloud.schedule("cron(5 * * * ? *)")
        (timer,) = await cloud.timers()
        await cloud.pass_minutes(5)
        again = Delivery(id=timer.id, event=timer.event, attempt=1, emitted_ns=timer.emitted_ns)
        await cloud.targets["scheduler"].deliver(again)
        await cloud.settle()
        assert await cloud.bodies() == ["ping"]
        assert len(await cloud.timers()) == 1

    run(body)


def test_nodes_share_one_chain_and_a_dead_node_breaks_none() -> None:
    async def body(cloud: ScheduleCloud) -> None:
        other = ScheduleCloud(2, beside=cloud)
        other.relay = Relay(other, other.store.node, alone=False)
        await other.relay.start()
        await cloud.schedule("rate(1 minute)")
        for _ in range(5):
            cloud.clock.advance(MINUTE_NS)
            await cloud.settle()
            await other.relay.settled()
        assert await cloud.bodies() == ["ping"] * 6
        await other.relay.stop()
        await other.cancel_spawned()
        await cloud.pass_minutes(2)
        assert await cloud.bodies() == ["ping"] * 2

    run(body)


def test_what_was_missed_is_made_up_as_far_as_events_may_age() -> None:
    async def body(cloud: ScheduleCloud) -> None:
        policy = {"MaximumEventAgeInSeconds": 180, "MaximumRetryAttempts": 0}
        target = {"Input": "<aws.scheduler.scheduled-time>", "RetryPolicy": policy}
        await cloud.schedule("cron(* * * * ? *)", Target=target)
        await cloud.relay.stop()
        cloud.clock.advance(600 * SECOND_NS)
        cloud.relay = Relay(cloud, cloud.store.node)
        await cloud.relay.start()
        await cloud.settle()
        cloud.clock.advance(SECOND_NS)
        await cloud.settle()
        assert await cloud.bodies() == [f"2026-01-01T00:{minute:02}:00Z" for minute in (7, 8, 9, 10)]

    run(body)


class _Refusing:
    """An Api that fails calls of one operation as often as is asked."""

    def __init__(self, cloud: ScheduleCloud, operation: str, code: str, times: int) -> None:
        self._inner = cloud.api
        self._operation = operation
        self._code = code
        self.left = times

    async def call(self, caller: Any, region: str, service: str, operation: str, params: Any) -> dict[str, Any]:
        if operation == self._operation and self.left and "trouble" in str(params):
            self.left -= 1
            raise generic(self._code, "no")
        return await self._inner.call(caller, region, service, operation, params)


def test_a_throttled_target_is_tried_again() -> None:
    async def body(cloud: ScheduleCloud) -> None:
        cloud.api = _Refusing(cloud, "SendMessage", "ThrottlingException", 3)
        await cloud.queue("dead")
        target = {"Input": "trouble <aws.scheduler.attempt-number>", "DeadLetterConfig": {"Arn": arn("dead")}}
        await cloud.schedule("at(2026-01-01T00:00:00)", Target=target)
        await cloud.pass_minutes(4)
        assert await cloud.bodies() == ["trouble 4"]
        assert await cloud.bodies("dead") == []

    run(body)


def test_retries_that_are_used_up_end_in_the_dead_letter_queue() -> None:
    async def body(cloud: ScheduleCloud) -> None:
        cloud.api = _Refusing(cloud, "SendMessage", "ThrottlingException", 3)
        await cloud.queue("dead")
        policy = {"MaximumRetryAttempts": 2, "MaximumEventAgeInSeconds": 3600}
        target = {"Input": "trouble", "DeadLetterConfig": {"Arn": arn("dead")}, "RetryPolicy": policy}
        schedule = await cloud.schedule("at(2026-01-01T00:00:00)", Target=target)
        await cloud.pass_minutes(2)
        assert await cloud.bodies() == []
        (message,) = await cloud.messages("dead")
        shown = {name: value["StringValue"] for name, value in message["MessageAttributes"].items()}
        del shown["EXECUTION_ID"]
        assert message["Body"] == "trouble"
        assert shown == {
            "ERROR_CODE": "ThrottlingException",
            "ERROR_MESSAGE": "no",
            "EXHAUSTED_RETRY_CONDITION": "MaximumRetryAttempts",
            "IS_PAYLOAD_TRUNCATED": "false",
            "RETRY_ATTEMPTS": "2",
            "SCHEDULED_TIME": "2026-01-01T00:00:00Z",
            "SCHEDULE_ARN": schedule,
            "TARGET_ARN": arn("q"),
        }

    run(body)


def test_the_role_is_asked() -> None:
    async def body(cloud: ScheduleCloud) -> None:
        await cloud.queue("dead")
        only = [{"Effect": "Allow", "Action": "sqs:SendMessage", "Resource": arn("dead")}]
        role = await cloud.role("narrow", only)
        target = {"RoleArn": role, "DeadLetterConfig": {"Arn": arn("dead")}}
        await cloud.schedule("at(2026-01-01T00:00:00)", Target=target)
        assert await cloud.bodies() == []
        (message,) = await cloud.messages("dead")
        assert "AccessDenied" in message["MessageAttributes"]["ERROR_CODE"]["StringValue"]
        assert message["MessageAttributes"]["RETRY_ATTEMPTS"]["StringValue"] == "0"

    run(body)


def test_targets_of_other_services_and_universal_ones() -> None:
    async def body(cloud: ScheduleCloud) -> None:
        topic = (await cloud.call("sns", "CreateTopic", Name="t"))["TopicArn"]
        allow = {"Effect": "Allow", "Principal": "*", "Action": "sqs:SendMessage", "Resource": "*"}
        policy = json.dumps({"Version": "2012-10-17", "Statement": [allow]})
        await cloud.queue("heard", Policy=policy)
        await cloud.call("sns", "Subscribe", TopicArn=topic, Protocol="sqs", Endpoint=arn("heard"))
        await cloud.schedule("at(2026-01-01T00:00:00)", Name="topic", Target={"Arn": topic, "Input": "news"})
        (heard,) = await cloud.bodies("heard")
        assert json.loads(heard)["Message"] == "news"
        fifo = await cloud.queue("f.fifo", FifoQueue="true", ContentBasedDeduplication="true")
        grouped = {"Arn": fifo, "SqsParameters": {"MessageGroupId": "g"}}
        await cloud.schedule("at(2026-01-01T00:00:00)", Name="fifo", Target=grouped)
        assert await cloud.bodies("f.fifo") == ["ping"]
        await cloud.call(
            "dynamodb",
            "CreateTable",
            TableName="things",
            BillingMode="PAY_PER_REQUEST",
            AttributeDefinitions=[{"AttributeName": "pk", "AttributeType": "S"}],
            KeySchema=[{"AttributeName": "pk", "KeyType": "HASH"}],
        )
        put = {"TableName": "things", "Item": {"pk": {"S": "<aws.scheduler.schedule-arn>"}, "b": {"B": "xyz"}}}
        universal = {"Arn": "arn:aws:scheduler:::aws-sdk:dynamodb:putItem", "Input": json.dumps(put)}
        schedule = await cloud.schedule("at(2026-01-01T00:00:00)", Name="put", Target=universal)
        (item,) = (await cloud.call("dynamodb", "Scan", TableName="things"))["Items"]
        assert item == {"pk": {"S": schedule}, "b": {"B": "eHl6"}}

    run(body)


def test_without_an_input_the_target_hears_of_a_scheduled_event() -> None:
    async def body(cloud: ScheduleCloud) -> None:
        target = {"Arn": arn("q"), "RoleArn": ROLE}
        answer = await cloud.call(
            "scheduler",
            "CreateSchedule",
            Name="s",
            FlexibleTimeWindow={"Mode": "OFF"},
            ScheduleExpression="rate(1 hour)",
            Target=target,
        )
        await cloud.settle()
        (text,) = await cloud.bodies()
        event = json.loads(text)
        assert event["source"] == "aws.scheduler"
        assert event["time"] == "2026-01-01T00:00:00Z"
        assert event["resources"] == [answer["ScheduleArn"]]

    run(body)


def test_retries_end_when_the_invocation_is_too_old() -> None:
    async def body(cloud: ScheduleCloud) -> None:
        cloud.api = _Refusing(cloud, "SendMessage", "ThrottlingException", 100)
        await cloud.queue("dead")
        target = {"Input": "trouble", "RetryPolicy": {"MaximumEventAgeInSeconds": 60}}
        await cloud.schedule("at(2026-01-01T00:00:00)", Target=target)
        await cloud.pass_minutes(3)
        assert await cloud.timers() == []
        assert cloud.api.left == 98

    run(body)


def test_a_bus_hears_of_a_schedule() -> None:
    async def body(cloud: ScheduleCloud) -> None:
        allow = {"Effect": "Allow", "Principal": {"Service": "events.amazonaws.com"}, "Action": "*", "Resource": "*"}
        policy = json.dumps({"Version": "2012-10-17", "Statement": [allow]})
        heard = await cloud.queue("heard", Policy=policy)
        await cloud.call("events", "PutRule", Name="r", EventPattern=json.dumps({"source": ["clock"]}))
        await cloud.call("events", "PutTargets", Rule="r", Targets=[{"Id": "1", "Arn": heard}])
        bus = heard.replace(":sqs:", ":events:").replace(":heard", ":event-bus/default")
        parameters = {"Source": "clock", "DetailType": "tick"}
        target = {"Arn": bus, "EventBridgeParameters": parameters, "Input": '{"n": <aws.scheduler.attempt-number>}'}
        await cloud.schedule("at(2026-01-01T00:00:00)", Target=target)
        (text,) = await cloud.bodies("heard")
        event = json.loads(text)
        assert (event["source"], event["detail-type"], event["detail"]) == ("clock", "tick", {"n": 1})

    run(body)


class _Stumbling:
    """Scheduler's target on a store that fails the first time."""

    def __init__(self, inner: Target) -> None:
        self._inner = inner
        self._stumbled = False

    async def deliver(self, delivery: Delivery) -> None:
        if not self._stumbled:
            self._stumbled = True
            raise TryAgain("the store failed", delay_s=1, count=False)
        await self._inner.deliver(delivery)

    async def check(self, target: str, principal: str, source: str, account: str) -> None:
        await self._inner.check(target, principal, source, account)


def test_a_timer_that_waited_for_months_survives_a_failure_of_the_store() -> None:
    async def body(cloud: ScheduleCloud) -> None:
        await cloud.schedule("cron(0 0 1 7 ? *)")
        cloud.targets["scheduler"] = _Stumbling(cloud.targets["scheduler"])
        cloud.clock.advance(181 * 24 * 60 * MINUTE_NS)
        await cloud.settle()
        await cloud.pass_minutes(1)
        assert await cloud.bodies() == ["ping"]
        assert len(await cloud.timers()) == 1

    run(body)
