"""Rules, their targets and their schedules: against what AWS was recorded to answer."""

from __future__ import annotations

import json
from typing import Any

import pytest

from .recorded import ARN, WHOLE_PATTERN, bare, done, event, recorded, refused
from .support import DETAIL, MINUTE_NS, PATTERN, SOURCE, EventsCloud, run

FINE: dict[str, Any] = {"FailedEntryCount": 0, "FailedEntries": []}


def _listed(name: str, bus: str = "default", **more: Any) -> dict[str, Any]:
    """A rule with the common pattern, as it is listed."""
    arn = f"{ARN}rule/{name if bus == 'default' else f'{bus}/{name}'}"
    return {
        "Arn": arn,
        "EventBusName": bus,
        "EventPattern": WHOLE_PATTERN,
        "Name": name,
        "State": "ENABLED",
        **more,
    }


async def _bus(c: EventsCloud, bus: str) -> None:
    if bus != "default":
        await c.do("CreateEventBus", Name=bus)


@pytest.mark.parametrize(
    ("case", "bus"),
    [
        ("TestEventRule::test_put_list_with_prefix_describe_delete_rule[custom]", "b"),
        ("TestEventRule::test_put_list_with_prefix_describe_delete_rule[default]", "default"),
    ],
)
def test_a_rule_from_beginning_to_end(case: str, bus: str) -> None:
    async def scenario(c: EventsCloud) -> None:
        await _bus(c, bus)
        shown = _listed("rule-1", bus)
        made = await done(c, "PutRule", Name="rule-1", EventBusName=bus, EventPattern=PATTERN)
        assert made == {"RuleArn": shown["Arn"]}
        assert await done(c, "ListRules", NamePrefix="rule-", EventBusName=bus) == {"Rules": [shown]}
        described = await done(c, "DescribeRule", Name="rule-1", EventBusName=bus)
        assert described == {**shown, "CreatedBy": "000000000000"}
        assert await done(c, "DeleteRule", Name="rule-1", EventBusName=bus) == {}
        assert await done(c, "ListRules", NamePrefix="rule-", EventBusName=bus) == {"Rules": []}

    run(scenario)


@pytest.mark.parametrize(
    ("case", "bus"),
    [
        ("TestEventRule::test_disable_re_enable_rule[custom]", "b"),
        ("TestEventRule::test_disable_re_enable_rule[default]", "default"),
    ],
)
def test_a_rule_is_turned_off_and_on(case: str, bus: str) -> None:
    async def scenario(c: EventsCloud) -> None:
        await _bus(c, bus)
        await c.rule("r", bus=bus)
        for operation, state in (("DisableRule", "DISABLED"), ("EnableRule", "ENABLED")):
            assert await done(c, operation, Name="r", EventBusName=bus) == {}
            described = await done(c, "DescribeRule", Name="r", EventBusName=bus)
            assert described == _listed("r", bus, State=state, CreatedBy="000000000000")

    run(scenario)


@recorded("TestEventRule::test_describe_nonexistent_rule")
def test_a_rule_that_is_not_there() -> None:
    async def scenario(c: EventsCloud) -> None:
        gone = (400, "ResourceNotFoundException", "Rule none does not exist on EventBus default.")
        assert await refused(c, "DescribeRule", Name="none") == gone

    run(scenario)


@recorded("TestEventRule::test_list_rule_with_limit")
def test_rules_come_in_pages() -> None:
    async def scenario(c: EventsCloud) -> None:
        await c.do("CreateEventBus", Name="b")
        for number in range(6):
            await c.rule(f"rule-{number}", bus="b")
        page = await done(c, "ListRules", Limit=3, EventBusName="b")
        token = page.pop("NextToken")
        assert page == {"Rules": [_listed(f"rule-{number}", "b") for number in range(3)]}
        rest = await done(c, "ListRules", NextToken=token, EventBusName="b")
        assert rest == {"Rules": [_listed(f"rule-{number}", "b") for number in range(3, 6)]}

    run(scenario)


@recorded(
    "TestEventRule::test_list_rule_names_by_target[default]",
    "TestEventRule::test_list_rule_names_by_target_no_matches[custom]",
)
@pytest.mark.parametrize("bus", ["default", "b"])
def test_rules_by_target(bus: str) -> None:
    async def scenario(c: EventsCloud) -> None:
        await _bus(c, bus)
        one, two = await c.queue("one"), await c.queue("two")
        for number in range(3):
            await c.rule(f"rule-{number}", one, bus=bus)
        names = await done(c, "ListRuleNamesByTarget", TargetArn=one, EventBusName=bus)
        assert names == {"RuleNames": ["rule-0", "rule-1", "rule-2"]}
        assert await done(c, "ListRuleNamesByTarget", TargetArn=two, EventBusName=bus) == {"RuleNames": []}

    run(scenario)


@recorded("TestEventRule::test_update_rule_with_targets")
def test_a_rule_that_is_put_again_keeps_its_targets() -> None:
    async def scenario(c: EventsCloud) -> None:
        queue = await c.queue()
        await c.rule("r", queue)
        for _ in range(2):
            assert await done(c, "ListTargetsByRule", Rule="r") == {"Targets": [{"Id": "t", "Arn": queue}]}
            updated = await done(c, "PutRule", Name="r", EventPattern='{"source": ["other"]}')
            assert updated == {"RuleArn": f"{ARN}rule/r"}

    run(scenario)


@recorded("TestEventRule::test_process_pattern_to_single_matching_rules_single_target")
def test_patterns_over_parts_of_the_detail() -> None:
    async def scenario(c: EventsCloud) -> None:
        queue = await c.queue()
        with_id, with_payload = {"id": "123"}, {"payload": {"id": "123"}}
        for name, detail in (("payload", {"payload": {"id": ["123"]}}), ("id", {"id": ["123"]})):
            pattern = json.dumps({"source": [SOURCE], "detail": detail})
            await c.rule(name, queue, pattern, InputPath="$.detail")
        arrived = []
        for detail in (with_payload, with_id):
            await c.put(Detail=json.dumps(detail))
            arrived += await c.received(queue)
            assert arrived == [with_payload, with_id][: len(arrived)]
        assert len(arrived) == 2

    run(scenario)


@recorded("TestEventRule::test_process_to_multiple_matching_rules_single_target")
def test_two_rules_that_match_send_twice() -> None:
    async def scenario(c: EventsCloud) -> None:
        queue = await c.queue()
        for name in ("one", "two"):
            await c.rule(name, queue)
        id = await c.put()
        found = await c.received(queue)
        assert [one["id"] for one in found] == [id, id]
        assert [bare(one) for one in found] == [event(), event()]

    run(scenario)


@recorded("TestEventRule::test_process_to_single_matching_rules_single_target")
def test_each_source_has_its_rule() -> None:
    async def scenario(c: EventsCloud) -> None:
        queue = await c.queue()
        sources = ["source-one", "source-two", "source-three"]
        for source in sources:
            await c.rule(source, queue, json.dumps({"source": [source]}))
        for source in sources:
            await c.put(Source=source)
            assert [bare(one) for one in await c.received(queue)] == [event(source=source)]

    run(scenario)


@pytest.mark.parametrize(
    ("case", "bus"),
    [
        ("TestEventTarget::test_put_list_remove_target[custom]", "b"),
        ("TestEventTarget::test_put_list_remove_target[default]", "default"),
    ],
)
def test_a_target_comes_and_goes(case: str, bus: str) -> None:
    async def scenario(c: EventsCloud) -> None:
        await _bus(c, bus)
        await c.rule("r", bus=bus)
        at: dict[str, Any] = {"Rule": "r", "EventBusName": bus}
        target = {"Id": "t", "Arn": await c.queue()}
        assert await done(c, "PutTargets", Targets=[target], **at) == FINE
        assert await done(c, "ListTargetsByRule", **at) == {"Targets": [target]}
        assert await done(c, "RemoveTargets", Ids=["t"], **at) == FINE
        assert await done(c, "ListTargetsByRule", **at) == {"Targets": []}

    run(scenario)


@pytest.mark.parametrize(
    ("case", "puts", "lists"),
    [
        (
            "TestEventTarget::test_put_multiple_targets_with_same_arn_across_different_rules",
            [("one", "t", "$.detail"), ("two", "t", "$.doesnotexist")],
            {"one": [("t", "$.detail")], "two": [("t", "$.doesnotexist")]},
        ),
        (
            "TestEventTarget::test_put_multiple_targets_with_same_arn_single_rule",
            [("one", "t-one", "$.detail"), ("one", "t-two", "$.doesnotexist")],
            {"one": [("t-one", "$.detail"), ("t-two", "$.doesnotexist")], "two": []},
        ),
        (
            "TestEventTarget::test_put_multiple_targets_with_same_id_across_different_rules",
            [("one", "t", "$.detail"), ("two", "t", "$.notexisting")],
            {"one": [("t", "$.detail")], "two": [("t", "$.notexisting")]},
        ),
        (
            "TestEventTarget::test_put_multiple_targets_with_same_id_single_rule",
            [("one", "t", "$.detail"), ("one", "t", "$.notexisting")],
            {"one": [("t", "$.notexisting")], "two": []},
        ),
    ],
)
def test_targets_are_known_by_id_and_rule(
    case: str, puts: list[tuple[str, str, str]], lists: dict[str, list[tuple[str, str]]]
) -> None:
    async def scenario(c: EventsCloud) -> None:
        queue = await c.queue()
        for rule in lists:
            await c.rule(rule)
        for rule, id, path in puts:
            target = {"Id": id, "Arn": queue, "InputPath": path}
            assert await done(c, "PutTargets", Rule=rule, Targets=[target]) == FINE
        for rule, targets in lists.items():
            expected = [{"Id": id, "Arn": queue, "InputPath": path} for id, path in targets]
            assert await done(c, "ListTargetsByRule", Rule=rule) == {"Targets": expected}

    run(scenario)


@pytest.mark.parametrize(
    ("case", "schedule"),
    [
        ("TestScheduleCron::tests_put_rule_with_schedule_cron", "cron(0 20 * * ? *)"),
        ("TestScheduleCron::tests_put_rule_with_schedule_cron[cron(0 12 * * ? *)]", "cron(0 12 * * ? *)"),
        ("TestScheduleCron::tests_put_rule_with_schedule_cron[cron(0 18 ? * MON-FRI *)]", "cron(0 18 ? * MON-FRI *)"),
        ("TestScheduleCron::tests_put_rule_with_schedule_cron[cron(0 2 ? * SAT *)]", "cron(0 2 ? * SAT *)"),
        ("TestScheduleCron::tests_put_rule_with_schedule_cron[cron(0 2 ? * SAT#3 *)]", "cron(0 2 ? * SAT#3 *)"),
        ("TestScheduleCron::tests_put_rule_with_schedule_cron[cron(0 8 1 * ? *)]", "cron(0 8 1 * ? *)"),
        (
            "TestScheduleCron::tests_put_rule_with_schedule_cron[cron(0/30 0-2 ? * MON-FRI *)]",
            "cron(0/30 0-2 ? * MON-FRI *)",
        ),
        (
            "TestScheduleCron::tests_put_rule_with_schedule_cron[cron(0/30 20-23 ? * MON-FRI *)]",
            "cron(0/30 20-23 ? * MON-FRI *)",
        ),
        (
            "TestScheduleCron::tests_put_rule_with_schedule_cron[cron(0/5 5 ? JAN 1-5 2022)]",
            "cron(0/5 5 ? JAN 1-5 2022)",
        ),
        (
            "TestScheduleCron::tests_put_rule_with_schedule_cron[cron(15 10 ? * 6L 2002-2005)]",
            "cron(15 10 ? * 6L 2002-2005)",
        ),
        ("TestScheduleCron::tests_put_rule_with_schedule_cron[cron(15 12 * * ? *)]", "cron(15 12 * * ? *)"),
        ("TestScheduleRate::test_put_rule_with_schedule_rate", "rate(1 minute)"),
    ],
)
def test_a_rule_with_a_schedule(case: str, schedule: str) -> None:
    async def scenario(c: EventsCloud) -> None:
        arn = f"{ARN}rule/r"
        assert await done(c, "PutRule", Name="r", ScheduleExpression=schedule) == {"RuleArn": arn}
        shown = {"Arn": arn, "EventBusName": "default", "Name": "r", "State": "ENABLED"}
        expected = {"Rules": [{**shown, "ScheduleExpression": schedule}]}
        assert await done(c, "ListRules", NamePrefix="r") == expected

    run(scenario)


@pytest.mark.parametrize(
    ("case", "schedule"),
    [
        (
            "TestScheduleCron::tests_put_rule_with_invalid_schedule_cron[cron(0 dummy ? * MON-FRI *)]",
            "cron(0 dummy ? * MON-FRI *)",
        ),
        ("TestScheduleCron::tests_put_rule_with_invalid_schedule_cron[cron(7 20 * * NOT *)]", "cron(7 20 * * NOT *)"),
        ("TestScheduleCron::tests_put_rule_with_invalid_schedule_cron[cron(INVALID)]", "cron(INVALID)"),
    ],
)
def test_a_schedule_that_is_none(case: str, schedule: str) -> None:
    async def scenario(c: EventsCloud) -> None:
        error = (400, "ValidationException", "Parameter ScheduleExpression is not valid.")
        assert await refused(c, "PutRule", Name="r", ScheduleExpression=schedule) == error

    run(scenario)


@recorded("TestScheduleRate::tests_schedule_rate_target_sqs")
def test_a_rate_sends_its_event_each_time() -> None:
    async def scenario(c: EventsCloud) -> None:
        queue = await c.queue()
        rule = (await c.do("PutRule", Name="r", ScheduleExpression="rate(1 minute)"))["RuleArn"]
        await c.do("PutTargets", Rule="r", Targets=[{"Id": "t", "Arn": queue}])
        assert await done(c, "ListTargetsByRule", Rule="r") == {"Targets": [{"Id": "t", "Arn": queue}]}
        ids = set()
        for _ in range(2):
            await c.later(MINUTE_NS)
            (found,) = await c.received(queue)
            ids.add(found["id"])
            scheduled = {"source": "aws.events", "detail-type": "Scheduled Event", "detail": {}, "resources": [rule]}
            assert bare(found) == event(**scheduled)
        assert len(ids) == 2

    run(scenario)


@recorded("TestScheduleRate::tests_schedule_rate_custom_input_target_sqs")
def test_a_rate_sends_the_input_that_its_target_has() -> None:
    async def scenario(c: EventsCloud) -> None:
        queue, text = await c.queue(), '{"custom-value": "somecustominput"}'
        await c.do("PutRule", Name="r", ScheduleExpression="rate(1 minute)")
        await c.do("PutTargets", Rule="r", Targets=[{"Id": "t", "Arn": queue, "Input": text}])
        targets = await done(c, "ListTargetsByRule", Rule="r")
        assert targets == {"Targets": [{"Id": "t", "Arn": queue, "Input": text}]}
        await c.later(MINUTE_NS)
        assert await c.received(queue) == [{"custom-value": "somecustominput"}]

    run(scenario)


@pytest.mark.parametrize(
    ("case", "exists"),
    [
        ("TestRuleWithPattern::test_put_events_with_rule_pattern_exists_true", True),
        ("TestRuleWithPattern::test_put_events_with_rule_pattern_exists_false", False),
    ],
)
def test_a_rule_asks_whether_a_key_exists(case: str, exists: bool) -> None:
    async def scenario(c: EventsCloud) -> None:
        queue = await c.queue()
        await c.rule("r", queue, json.dumps({"source": [SOURCE], "detail": {"key": [{"exists": exists}]}}))
        details = {True: {"key": "value", "payload": "baz"}, False: {"no-key": "no-value", "payload": "baz"}}
        for detail in details.values():
            await c.put(Detail=json.dumps(detail))
        assert [bare(found) for found in await c.received(queue)] == [event(detail=details[exists])]

    run(scenario)


@recorded("TestEventPattern::test_put_events_pattern_with_values_in_array")
def test_a_pattern_with_values_in_an_array() -> None:
    async def scenario(c: EventsCloud) -> None:
        queue = await c.queue()
        pattern = {"detail": {"event": {"data": {"type": ["1", "2"]}}}}
        await c.rule("r", queue, json.dumps(pattern), InputPath="$.detail")
        details = [{"event": {"data": {"type": types}}} for types in (["3", "1"], ["2"], ["3"])]
        for detail in details:
            await c.put(Detail=json.dumps(detail))
        assert await c.received(queue) == details[:2]

    run(scenario)


@pytest.mark.parametrize(
    ("case", "detail", "taken"),
    [
        ("test_put_events_with_target_sqs", DETAIL, True),
        ("TestEventsTargetSqs::test_put_events_with_target_sqs", DETAIL, True),
        ("", {"command": "other"}, False),
    ],
)
def test_to_a_queue(case: str, detail: dict[str, Any], taken: bool) -> None:
    async def scenario(c: EventsCloud) -> None:
        queue = await c.queue()
        await c.rule("r", queue)
        await c.put(Detail=json.dumps(detail))
        assert [bare(found) for found in await c.received(queue)] == [event()] * taken

    run(scenario)


@recorded("test_put_events_with_target_sqs_event_detail_match")
def test_to_a_queue_by_the_detail() -> None:
    async def scenario(c: EventsCloud) -> None:
        queue = await c.queue()
        await c.rule("r", queue, '{"detail": {"EventType": ["0", "1"]}}', InputPath="$.detail")
        for kind in ("1", "2"):
            await c.put(Detail=json.dumps({"EventType": kind}))
        assert await c.received(queue) == [{"EventType": "1"}]

    run(scenario)
