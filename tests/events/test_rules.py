"""Rules and their targets, and which events match."""

from __future__ import annotations

import json
import time
from typing import Any

import pytest

from lambent import patterns
from lambent.contracts.caller import Caller, Principal
from lambent.contracts.errors import ServiceError
from lambent.services.events import keys, routing
from lambent.services.events.model import Rule
from tests.support import ACCOUNT, REGION

from .support import PATTERN, SOURCE, EventsCloud, run

FUNCTION = f"arn:aws:lambda:{REGION}:{ACCOUNT}:function:f"
QUEUE = f"arn:aws:sqs:{REGION}:{ACCOUNT}:q"


def test_a_rule_is_put_shown_turned_and_deleted() -> None:
    async def scenario(c: EventsCloud) -> None:
        await c.do("CreateEventBus", Name="b")
        arn = await c.rule("r", bus="b")
        assert arn == f"arn:aws:events:{REGION}:{ACCOUNT}:rule/b/r"
        listed = {"Name": "r", "Arn": arn, "EventPattern": PATTERN, "State": "ENABLED", "EventBusName": "b"}
        assert await c.do("DescribeRule", Name="r", EventBusName="b") == {**listed, "CreatedBy": ACCOUNT}
        assert (await c.do("ListRules", NamePrefix="r", EventBusName="b"))["Rules"] == [listed]
        assert (await c.do("ListRules", NamePrefix="x", EventBusName="b"))["Rules"] == []
        await c.do("DisableRule", Name="r", EventBusName="b")
        assert (await c.do("DescribeRule", Name="r", EventBusName="b"))["State"] == "DISABLED"
        await c.do("DeleteRule", Name="r", EventBusName="b")
        await c.do("DeleteRule", Name="r", EventBusName="b")
        gone = await c.error("DescribeRule", Name="r")
        assert gone == {"Code": "ResourceNotFoundException", "Message": "Rule r does not exist on EventBus default."}

    run(scenario)


def test_lists_come_in_pages() -> None:
    async def scenario(c: EventsCloud) -> None:
        for number in range(5):
            await c.rule(f"r{number}", QUEUE)
        page = await c.do("ListRules", Limit=3)
        rest = await c.do("ListRules", Limit=3, NextToken=page["NextToken"])
        assert [rule["Name"] for rule in page["Rules"] + rest["Rules"]] == ["r0", "r1", "r2", "r3", "r4"]
        assert "NextToken" not in rest
        names = await c.do("ListRuleNamesByTarget", TargetArn=QUEUE, Limit=2)
        more = await c.do("ListRuleNamesByTarget", TargetArn=QUEUE, NextToken=names["NextToken"])
        assert names["RuleNames"] + more["RuleNames"] == ["r0", "r1", "r2", "r3", "r4"]
        assert (await c.do("ListRuleNamesByTarget", TargetArn=FUNCTION))["RuleNames"] == []
        assert (await c.error("ListRules", NextToken="x"))["Code"] == "ValidationException"

    run(scenario)


@pytest.mark.parametrize(
    ("params", "code", "message"),
    [
        ({}, "ValidationException", "Parameter(s) EventPattern or ScheduleExpression must be specified."),
        (
            {"EventPattern": "{'bad': 'quotation'}"},
            "InvalidEventPatternException",
            "Event pattern is not valid. Reason: Unexpected character (''' (code 39)): was expecting double-quote to "
            "start field name\n at [Source: (String)\"{'bad': 'quotation'}\"; line: 1, column: 2]",
        ),
        (
            {"ScheduleExpression": "cron(7 20 * * NOT *)"},
            "ValidationException",
            "Parameter ScheduleExpression is not valid.",
        ),
        (
            {"ScheduleExpression": "rate(1 minute)", "EventBusName": "b"},
            "ValidationException",
            "ScheduleExpression is supported only on the default event bus.",
        ),
        (
            {"EventPattern": PATTERN, "EventBusName": "none"},
            "ResourceNotFoundException",
            "Event bus none does not exist.",
        ),
    ],
)
def test_rules_that_are_refused(params: dict[str, Any], code: str, message: str) -> None:
    async def scenario(c: EventsCloud) -> None:
        assert await c.error("PutRule", Name="r", **params) == {"Code": code, "Message": message}

    run(scenario)


def test_managed_rules_are_left_alone() -> None:
    async def scenario(c: EventsCloud) -> None:
        rule = Rule(
            account=ACCOUNT, region=REGION, bus="default", name="m", pattern=PATTERN, managed_by="x.amazonaws.com"
        )
        await c.store.write(lambda tx: keys.rules.put(tx, rule, *rule.place))
        for operation in ("PutRule", "DeleteRule", "DisableRule"):
            more = {"EventPattern": PATTERN} if operation == "PutRule" else {}
            assert (await c.error(operation, Name="m", **more))["Code"] == "ManagedRuleException"
        refused = await c.error("PutTargets", Rule="m", Targets=[{"Id": "1", "Arn": QUEUE}])
        assert refused["Code"] == "ManagedRuleException"
        await c.do("DeleteRule", Name="m", Force=True)

    run(scenario)


def test_targets_are_put_replaced_and_removed() -> None:
    async def scenario(c: EventsCloud) -> None:
        await c.rule("r", QUEUE, InputPath="$.detail")
        await c.do("PutTargets", Rule="r", Targets=[{"Id": "t", "Arn": FUNCTION, "InputPath": "$.none"}])
        shown = (await c.do("ListTargetsByRule", Rule="r"))["Targets"]
        assert shown == [{"Id": "t", "Arn": FUNCTION, "InputPath": "$.none"}]
        assert (await c.do("ListRuleNamesByTarget", TargetArn=QUEUE))["RuleNames"] == []
        await c.do("PutRule", Name="r", EventPattern=PATTERN, Description="new")
        assert (await c.do("ListTargetsByRule", Rule="r"))["Targets"] == shown
        assert "it has targets" in (await c.error("DeleteRule", Name="r"))["Message"]
        answer = await c.do("RemoveTargets", Rule="r", Ids=["t"])
        assert answer == {"FailedEntryCount": 0, "FailedEntries": []}
        assert (await c.do("ListTargetsByRule", Rule="r"))["Targets"] == []
        six = [{"Id": str(number), "Arn": QUEUE} for number in range(6)]
        assert (await c.error("PutTargets", Rule="r", Targets=six))["Code"] == "LimitExceededException"

    run(scenario)


@pytest.mark.parametrize(
    ("spec", "code", "message"),
    [
        ({"Arn": "x"}, "ValidationException", "Provided Arn is not in correct format."),
        (
            {"Arn": f"arn:aws:kinesis:{REGION}:{ACCOUNT}:stream/s"},
            "NotImplemented",
            "Lambent has not built kinesis as a target of rules yet.",
        ),
        (
            {"Arn": f"{QUEUE}.fifo"},
            "ValidationException",
            "Parameter(s) SqsParameters must be specified for target: t.",
        ),
        (
            {"Arn": f"arn:aws:events:{REGION}:{ACCOUNT}:api-destination/a/1"},
            "ValidationException",
            f"RoleArn is required for target arn:aws:events:{REGION}:{ACCOUNT}:api-destination/a/1.",
        ),
        (
            {"Arn": QUEUE, "InputTransformer": {"InputTemplate": '"<notdefinedkey>"'}},
            "ValidationException",
            "InputTemplate for target t contains invalid placeholder notdefinedkey.",
        ),
        (
            {"Arn": QUEUE, "Input": "{}", "InputPath": "$"},
            "ValidationException",
            "Only one of Input, InputPath, or InputTransformer must be provided for target t.",
        ),
        ({"Arn": QUEUE, "Input": "{"}, "ValidationException", "JSON syntax error in input for target t : {"),
        ({"Arn": QUEUE, "InputPath": "detail"}, "ValidationException", "Invalid InputPath for target t."),
    ],
)
def test_targets_that_are_refused(spec: dict[str, Any], code: str, message: str) -> None:
    async def scenario(c: EventsCloud) -> None:
        await c.rule("r")
        assert await c.error("PutTargets", Rule="r", Targets=[{"Id": "t", **spec}]) == {
            "Code": code,
            "Message": message,
        }

    run(scenario)


def test_every_rule_that_matches_sends_to_every_target() -> None:
    async def scenario(c: EventsCloud) -> None:
        one, two = await c.queue("one"), await c.queue("two")
        await c.rule("r1", one)
        await c.rule("r2", one, json.dumps({"detail": {"command": [{"prefix": "update"}]}}))
        await c.rule(
            "r3", two, json.dumps({"source": [{"prefix": "core."}], "detail": {"command": [{"exists": False}]}})
        )
        await c.do("PutTargets", Rule="r1", Targets=[{"Id": "u", "Arn": two}])
        await c.put()
        assert (len(await c.received(one)), len(await c.received(two))) == (2, 1)
        await c.do("DisableRule", Name="r1")
        await c.put()
        assert (len(await c.received(one)), len(await c.received(two))) == (1, 0)
        await c.do("EnableRule", Name="r1")
        await c.put(Source="other", Detail="{}")
        assert (len(await c.received(one)), len(await c.received(two))) == (0, 0)
        await c.put(Detail="{}")
        assert (len(await c.received(one)), len(await c.received(two))) == (0, 1)
        await c.do("PutRule", Name="r1", EventPattern=json.dumps({"source": ["elsewhere"]}))
        await c.put(Source="elsewhere")
        assert (len(await c.received(one)), len(await c.received(two))) == (2, 1)

    run(scenario)


@pytest.mark.parametrize(
    ("pattern", "pairs"),
    [
        ({"source": ["a", "b"], "detail-type": ["t"]}, {("a", "t"), ("b", "t")}),
        ({"source": ["a"]}, {("a", "")}),
        ({"source": [{"prefix": "a"}], "detail-type": ["t"]}, {("", "t")}),
        ({"source": ["a", {"prefix": "b"}]}, {("", "")}),
        ({"source": [None, "a"]}, {("", "")}),
        ({"source": [{"exists": False}]}, {("", "")}),
        ({"$or": [{"source": ["a"]}, {"detail-type": ["t"]}]}, {("a", ""), ("", "t")}),
        ({"detail": {"x": [1]}}, {("", "")}),
    ],
)
def test_where_a_pattern_stands_in_the_index(pattern: dict[str, Any], pairs: set[tuple[str, str]]) -> None:
    assert routing.index_pairs(patterns.compile_pattern(json.dumps(pattern))) == pairs


@pytest.mark.slow
def test_rules_for_other_sources_cost_an_event_nothing() -> None:
    """1,000 rules of other sources, and 20 of its own: an event is compared with 20."""

    async def scenario(c: EventsCloud) -> None:
        for number in range(1000):
            await c.call("events", "PutRule", Name=f"o{number}", EventPattern=json.dumps({"source": [f"s{number}"]}))
        for number in range(20):
            pattern = {"source": [SOURCE], "detail": {"n": [number]}}
            await c.call("events", "PutRule", Name=f"r{number}", EventPattern=json.dumps(pattern))
        event = {"source": SOURCE, "detail-type": "t", "detail": {"n": 7}}
        leaves = patterns.flatten(event)
        bus = await c.store.read(lambda tx: keys.get_bus(tx, ACCOUNT, REGION, "default"))
        compared = await c.store.read(
            lambda tx: sum(
                len(keys.index.scan(tx, *bus.place, *pair)) for pair in [(SOURCE, "t"), (SOURCE, ""), ("", "")]
            )
        )
        assert compared == 20
        begun = time.perf_counter()
        for _ in range(200):
            assert await c.store.read(lambda tx: routing.matching(tx, bus, event, leaves)) == ["r7"]
        each_us = (time.perf_counter() - begun) / 200 * 1e6
        print(f"matching among 1,020 rules: {each_us:.0f} us")
        assert each_us < 5_000

    run(scenario)


def test_who_puts_a_target_must_be_allowed_to_hand_its_role_on() -> None:
    async def scenario(c: EventsCloud) -> None:
        role = await c.role("sender", "events:PutEvents")
        made = await c.call("iam", "CreateUser", UserName="u")
        allow: dict[str, Any] = {"Effect": "Allow", "Action": "events:*", "Resource": "*"}
        await _allow(c, [allow])
        arn = f"arn:aws:iam::{ACCOUNT}:user/u"
        user = Caller(kind=Principal.USER, account=ACCOUNT, arn=arn, user_id=made["User"]["UserId"])
        await c.do("PutRule", caller=user, Name="r", EventPattern=PATTERN)
        bus = f"arn:aws:events:{REGION}:{ACCOUNT}:event-bus/b"
        targets = [{"Id": "t", "Arn": bus, "RoleArn": role}]
        with pytest.raises(ServiceError, match="is not authorized to perform: iam:PassRole on resource: " + role):
            await c.do("PutTargets", caller=user, Rule="r", Targets=targets)
        condition = {"StringEquals": {"iam:PassedToService": "events.amazonaws.com"}}
        await _allow(
            c, [allow, {"Effect": "Allow", "Action": "iam:PassRole", "Resource": role, "Condition": condition}]
        )
        await c.do("PutTargets", caller=user, Rule="r", Targets=targets)
        await _allow(c, [])
        with pytest.raises(ServiceError, match="is not authorized to perform: events:DescribeRule"):
            await c.do("DescribeRule", caller=user, Name="r")

    run(scenario)


async def _allow(c: EventsCloud, statements: list[dict[str, Any]]) -> None:
    """Let the user u do this and nothing else."""
    little: dict[str, Any] = {"Effect": "Allow", "Action": "sts:GetCallerIdentity", "Resource": "*"}
    document = json.dumps({"Version": "2012-10-17", "Statement": statements or [little]})
    await c.call("iam", "PutUserPolicy", UserName="u", PolicyName="p", PolicyDocument=document)
