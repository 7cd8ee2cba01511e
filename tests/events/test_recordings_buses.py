"""Buses, their policies and tags, and events from bus to bus: against what AWS was recorded to answer."""

from __future__ import annotations

import json
from typing import Any

import pytest

from tests.support import ACCOUNT, REGION

from .recorded import ARN, bare, done, event, recorded, refused
from .support import DETAIL, OTHER, SOURCE, EventsCloud, other, run

BUS = f"{ARN}event-bus/b"
TAGS = [{"Key": "tag1", "Value": "value1"}, {"Key": "tag2", "Value": "value2"}]
TIMES = {"CreationTime": "datetime", "LastModifiedTime": "datetime"}


@pytest.mark.parametrize(
    ("case", "regions"),
    [
        ("TestEventBus::test_create_list_describe_delete_custom_event_buses[True-regions0]", ["us-east-1"]),
        (
            "TestEventBus::test_create_list_describe_delete_custom_event_buses[True-regions1]",
            ["us-east-1", "us-west-1", "eu-central-1"],
        ),
    ],
)
def test_a_bus_in_each_region(case: str, regions: list[str]) -> None:
    async def scenario(c: EventsCloud) -> None:
        for region in regions:
            arn = f"arn:aws:events:{region}:{ACCOUNT}:event-bus/b"
            made = await done(c, "CreateEventBus", region, Name="b", Description="test bus")
            assert made == {"EventBusArn": arn, "Description": "test bus"}
            shown = {"Arn": arn, "Name": "b", "Description": "test bus", **TIMES}
            assert await done(c, "ListEventBuses", region, NamePrefix="b") == {"EventBuses": [shown]}
            assert await done(c, "DescribeEventBus", region, Name="b") == shown
        for region in regions:
            assert await done(c, "DeleteEventBus", region, Name="b") == {}
            assert await done(c, "ListEventBuses", region, NamePrefix="b") == {"EventBuses": []}

    run(scenario)


@recorded("TestEventBus::test_list_event_buses_with_prefix")
def test_buses_by_prefix() -> None:
    async def scenario(c: EventsCloud) -> None:
        for name in ("unique-prefix-1234", "no-prefix-1234"):
            await c.do("CreateEventBus", Name=name)
        shown = {"Arn": f"{ARN}event-bus/unique-prefix-1234", "Name": "unique-prefix-1234", **TIMES}
        for prefix in ("unique-prefix-1234", "unique-prefix"):
            assert await done(c, "ListEventBuses", NamePrefix=prefix) == {"EventBuses": [shown]}

    run(scenario)


def _statement(id: str, principal: Any) -> dict[str, Any]:
    what = {"Effect": "Allow", "Principal": principal, "Action": "events:PutEvents", "Resource": BUS}
    return {"Sid": id, **what}


@recorded("TestEventBus::test_put_permission[custom]")
def test_permissions() -> None:
    async def scenario(c: EventsCloud) -> None:
        await c.do("CreateEventBus", Name="b")
        mine, theirs = ({"AWS": f"arn:aws:iam::{account}:root"} for account in (ACCOUNT, OTHER))
        asked = {"EventBusName": "b", "Action": "events:PutEvents"}
        statements = [_statement("1", mine), _statement("2", mine), _statement("3", theirs)]
        bus = {"Arn": BUS, "Name": "b", **TIMES}
        for id, principal in (("1", ACCOUNT), ("2", ACCOUNT), ("3", OTHER)):
            assert await done(c, "PutPermission", StatementId=id, Principal=principal, **asked) == {}
        policy = {"Version": "2012-10-17", "Statement": statements}
        assert await done(c, "DescribeEventBus", Name="b") == {**bus, "Policy": policy}
        await c.do("PutPermission", StatementId="4", Principal="*", **asked)
        policy["Statement"] = [*statements, _statement("4", "*")]
        assert await done(c, "DescribeEventBus", Name="b") == {**bus, "Policy": policy}
        service = {"Service": "events.amazonaws.com"}
        only = {"Sid": "5", "Effect": "Allow", "Principal": service, "Action": "events:ListRules", "Resource": "*"}
        policy = {"Version": "2012-10-17", "Statement": [only]}
        assert await done(c, "PutPermission", EventBusName="b", Policy=json.dumps(policy)) == {}
        assert await done(c, "DescribeEventBus", Name="b") == {**bus, "Policy": policy}

    run(scenario)


@recorded("TestEventBus::test_remove_permission[default]")
def test_permissions_of_the_default_bus_are_taken_back() -> None:
    async def scenario(c: EventsCloud) -> None:
        for id, principal in (("1", ACCOUNT), ("2", OTHER)):
            await c.do("PutPermission", StatementId=id, Principal=principal, Action="events:PutEvents")
        assert await done(c, "RemovePermission", StatementId="1", EventBusName="default") == {}
        bus = {"Arn": f"{ARN}event-bus/default", "Name": "default", **TIMES}
        kept = {**_statement("2", {"AWS": f"arn:aws:iam::{OTHER}:root"}), "Resource": bus["Arn"]}
        shown = await done(c, "DescribeEventBus", Name="default")
        assert shown == {**bus, "Policy": {"Version": "2012-10-17", "Statement": [kept]}}
        assert await done(c, "RemovePermission", RemoveAllPermissions=True, EventBusName="default") == {}
        assert await done(c, "DescribeEventBus", Name="default") == bus

    run(scenario)


@recorded("TestEventBus::test_remove_permission_non_existing_sid[True-default]")
def test_a_permission_that_is_not_there() -> None:
    async def scenario(c: EventsCloud) -> None:
        await c.do("PutPermission", StatementId="1", Principal=OTHER, Action="events:PutEvents")
        gone = (400, "ResourceNotFoundException", "Statement with the provided id does not exist.")
        assert await refused(c, "RemovePermission", StatementId="none", EventBusName="default") == gone

    run(scenario)


@recorded("TestEventBus::test_put_events_nonexistent_event_bus")
def test_events_for_a_bus_that_is_not_there() -> None:
    async def scenario(c: EventsCloud) -> None:
        queue = await c.queue()
        await c.rule("r", queue, '{"source": ["MySource"]}')
        entry = {"Source": "MySource", "DetailType": "CustomType"}
        lost = json.dumps({"message": "for the custom event bus"})
        kept = {"message": "for the default event bus"}
        entries = [{**entry, "Detail": json.dumps(kept)}, {**entry, "Detail": lost, "EventBusName": "none"}]
        answer = await done(c, "PutEvents", Entries=entries)
        ids = [one["EventId"] for one in answer["Entries"]]
        assert answer == {"FailedEntryCount": 0, "Entries": [{"EventId": id} for id in ids]}
        assert len(set(ids)) == 2
        (found,) = await c.received(queue)
        assert found["id"] == ids[0]
        assert bare(found) == event(**{"source": "MySource", "detail-type": "CustomType", "detail": kept})
        gone = (400, "ResourceNotFoundException", "Event bus none does not exist.")
        assert await refused(c, "DescribeEventBus", Name="none") == gone

    run(scenario)


@recorded("TestEventBus::test_put_events_to_default_eventbus_for_custom_eventbus")
def test_a_buckets_event_goes_on_to_another_bus() -> None:
    async def scenario(c: EventsCloud) -> None:
        queue = await c.queue()
        await c.call("s3", "CreateBucket", Bucket="bucket")
        told: dict[str, Any] = {"EventBridgeConfiguration": {}}
        await c.call("s3", "PutBucketNotificationConfiguration", Bucket="bucket", NotificationConfiguration=told)
        assert await done(c, "CreateEventBus", Name="b") == {"EventBusArn": BUS}
        pattern = json.dumps({"source": ["aws.s3"], "detail-type": ["Object Created"]})
        one = await done(c, "PutRule", Name="one", EventPattern=pattern)
        two = await done(c, "PutRule", Name="two", EventPattern=pattern, EventBusName="b")
        assert (one, two) == ({"RuleArn": f"{ARN}rule/one"}, {"RuleArn": f"{ARN}rule/b/two"})
        role = await c.role("sender", "events:PutEvents")
        fine = {"FailedEntryCount": 0, "FailedEntries": []}
        assert await done(c, "PutTargets", Rule="one", Targets=[{"Id": "1", "Arn": BUS, "RoleArn": role}]) == fine
        targets = [{"Id": "1", "Arn": queue}]
        assert await done(c, "PutTargets", Rule="two", EventBusName="b", Targets=targets) == fine
        await c.call("s3", "PutObject", Bucket="bucket", Key="key", Body=b"data")
        await c.settle()
        (found,) = await c.received(queue)
        about = found.pop("detail")
        assert bare({**found, "detail": None}) == event(
            **{"detail-type": "Object Created", "source": "aws.s3", "resources": ["arn:aws:s3:::bucket"]}, detail=None
        )
        for varying in ("request-id", "requester", "source-ip-address"):
            assert isinstance(about.pop(varying), str)
        assert about["object"].pop("sequencer")
        assert about == {
            "version": "0",
            "bucket": {"name": "bucket"},
            "object": {"etag": "8d777f385d3dfec8815d20f7496026dc", "key": "key", "size": 4},
            "reason": "PutObject",
        }

    run(scenario)


@recorded(
    "TestEventBus::test_put_events_bus_to_bus[domain]",
    "TestEventBus::test_put_events_bus_to_bus[path]",
    "TestEventsTargetEvents::test_put_events_with_target_events[bus_combination1]",
    "TestEventsTargetEvents::test_put_events_with_target_events[bus_combination2]",
)
@pytest.mark.parametrize(("first", "second"), [("one", "two"), ("default", "two"), ("one", "default")])
def test_from_bus_to_bus(first: str, second: str) -> None:
    async def scenario(c: EventsCloud) -> None:
        for name in {first, second} - {"default"}:
            await c.do("CreateEventBus", Name=name)
        queue, role = await c.queue(), await c.role("sender", "events:PutEvents")
        await c.rule("on", f"{ARN}event-bus/{second}", bus=first, RoleArn=role)
        await c.rule("arrived", queue, bus=second)
        await c.put(EventBusName=first)
        assert [bare(found) for found in await c.received(queue)] == [event()]

    run(scenario)


async def _far(c: EventsCloud, account: str, region: str, bus: str) -> str:
    """The bus of another account or region, whose events of all sources go to the queue `far`; its ARN."""
    owner = other() if account == OTHER else None
    if bus != "default":
        await c.do("CreateEventBus", region, owner, Name=bus)
    if account != ACCOUNT:
        allowed = {"StatementId": "s", "Principal": ACCOUNT, "Action": "events:PutEvents"}
        await c.do("PutPermission", region, owner, EventBusName=bus, **allowed)
    queue = f"arn:aws:sqs:{region}:{account}:far"
    allow = {"Effect": "Allow", "Principal": "*", "Action": "sqs:SendMessage", "Resource": queue}
    policy = json.dumps({"Version": "2012-10-17", "Statement": [allow]})
    await c.call("sqs", "CreateQueue", owner, region, QueueName="far", Attributes={"Policy": policy})
    pattern = json.dumps({"source": ["source-primary", "source-secondary"]})
    await c.do("PutRule", region, owner, Name="far", EventBusName=bus, EventPattern=pattern)
    targets = [{"Id": "t", "Arn": queue}]
    await c.do("PutTargets", region, owner, Rule="far", EventBusName=bus, Targets=targets)
    return f"arn:aws:events:{region}:{account}:event-bus/{bus}"


async def _taken(c: EventsCloud, account: str, region: str) -> list[Any]:
    asked = {"QueueUrl": f"{c.settings.endpoint}/{account}/far", "MaxNumberOfMessages": 10, "WaitTimeSeconds": 0}
    owner = other() if account == OTHER else None
    answer = await c.call("sqs", "ReceiveMessage", owner, region, **asked)
    return [bare(json.loads(message["Body"])) for message in answer.get("Messages", [])]


@pytest.mark.parametrize(
    ("case", "bus", "account", "region"),
    [
        ("TestEventsCrossAccountRegion::test_put_events[custom-account]", "b", OTHER, REGION),
        ("test_event_bus_to_event_bus_cross_account_region[custom-region]", "b", ACCOUNT, "us-east-2"),
        ("test_event_bus_to_event_bus_cross_account_region[default-region]", "default", ACCOUNT, "us-east-2"),
        ("test_event_bus_to_event_bus_cross_account_region[default-region_account]", "default", OTHER, "us-east-2"),
    ],
)
def test_to_another_account_or_region(case: str, bus: str, account: str, region: str) -> None:
    async def scenario(c: EventsCloud) -> None:
        there = await _far(c, account, region, bus)
        if bus != "default":
            await c.do("CreateEventBus", REGION, Name="near")
        near, queue = "default" if bus == "default" else "near", await c.queue()
        role = await c.role("sender", "events:PutEvents")
        pattern = json.dumps({"source": ["source-primary"]})
        await c.rule("there", there, pattern, near, RoleArn=role)
        await c.rule("here", queue, pattern, near)
        await c.put(Source="source-primary", EventBusName=near)
        entry = {"Source": "source-secondary", "DetailType": SOURCE, "Detail": json.dumps(DETAIL), "EventBusName": bus}
        await c.do("PutEvents", region, other() if account == OTHER else None, Entries=[entry])
        primary = event(source="source-primary")
        assert [bare(found) for found in await c.received(queue)] == [primary]
        secondary = event(source="source-secondary", account=account, region=region)
        assert sorted(await _taken(c, account, region), key=lambda found: found["source"]) == [primary, secondary]

    run(scenario)


@recorded("TestEventBusTags::test_create_event_bus_with_tags")
def test_a_bus_is_made_with_tags() -> None:
    async def scenario(c: EventsCloud) -> None:
        assert await done(c, "CreateEventBus", Name="b", Tags=TAGS) == {"EventBusArn": BUS}
        assert await done(c, "ListTagsForResource", ResourceARN=BUS) == {"Tags": TAGS}

    run(scenario)


@recorded("TestRuleTags::test_list_tags_for_deleted_rule")
def test_tags_of_a_rule_that_is_gone() -> None:
    async def scenario(c: EventsCloud) -> None:
        await c.do("CreateEventBus", Name="b")
        made = await c.do("PutRule", Name="r", EventBusName="b", EventPattern='{"source": ["s"]}', Tags=TAGS)
        await c.do("DeleteRule", Name="r", EventBusName="b")
        gone = (400, "ResourceNotFoundException", "Rule r does not exist on EventBus b.")
        assert await refused(c, "ListTagsForResource", ResourceARN=made["RuleArn"]) == gone

    run(scenario)


async def _resource(c: EventsCloud, kind: str, bus: str) -> str:
    if bus != "default":
        await c.do("CreateEventBus", Name=bus)
    if kind == "event-bus":
        return f"{ARN}event-bus/{bus}"
    return await c.rule("r", bus=bus)


@pytest.mark.parametrize(
    ("case", "kind", "bus"),
    [
        ("tests_tag_untag_resource[event_bus-event_bus_custom]", "event-bus", "b"),
        ("tests_tag_untag_resource[event_bus-event_bus_default]", "event-bus", "default"),
        ("tests_tag_untag_resource[event_bus]", "event-bus", "b"),
        ("tests_tag_untag_resource[rule-event_bus_custom]", "rule", "b"),
        ("tests_tag_untag_resource[rule-event_bus_default]", "rule", "default"),
        ("tests_tag_untag_resource[rule]", "rule", "default"),
    ],
)
def test_tags_come_and_go(case: str, kind: str, bus: str) -> None:
    async def scenario(c: EventsCloud) -> None:
        arn = await _resource(c, kind, bus)
        assert await done(c, "TagResource", ResourceARN=arn, Tags=TAGS) == {}
        assert await done(c, "ListTagsForResource", ResourceARN=arn) == {"Tags": TAGS}
        for _ in range(2):  # the second time there is no such tag
            assert await done(c, "UntagResource", ResourceARN=arn, TagKeys=["tag2"]) == {}
            assert await done(c, "ListTagsForResource", ResourceARN=arn) == {"Tags": TAGS[:1]}

    run(scenario)


@pytest.mark.parametrize(
    ("case", "kind", "bus", "tags"),
    [
        ("test_recreate_tagged_resource_without_tags[event_bus-event_bus_custom]", "event-bus", "b", []),
        ("test_recreate_tagged_resource_without_tags[event_bus-event_bus_default]", "event-bus", "default", TAGS[:1]),
        ("test_recreate_tagged_resource_without_tags[rule-event_bus_custom]", "rule", "b", []),
        ("test_recreate_tagged_resource_without_tags[rule-event_bus_default]", "rule", "default", []),
    ],
)
def test_what_is_made_again_has_no_tags(case: str, kind: str, bus: str, tags: list[dict[str, str]]) -> None:
    async def scenario(c: EventsCloud) -> None:
        arn = await _resource(c, kind, bus)
        await c.do("TagResource", ResourceARN=arn, Tags=TAGS[:1])
        if kind == "rule":
            await c.do("DeleteRule", Name="r", EventBusName=bus)
            await c.rule("r", bus=bus)
        elif bus != "default":  # that one cannot be deleted
            await c.do("DeleteEventBus", Name=bus)
            await c.do("CreateEventBus", Name=bus)
        assert await done(c, "ListTagsForResource", ResourceARN=arn) == {"Tags": tags}

    run(scenario)


@pytest.mark.parametrize(
    ("case", "arn", "message"),
    [
        (
            "tests_tag_list_untag_not_existing_resource[not_existing_event_bus]",
            f"{ARN}event-bus/none",
            "Event bus none does not exist.",
        ),
        (
            "tests_tag_list_untag_not_existing_resource[not_existing_rule]",
            f"{ARN}rule/none",
            "Rule none does not exist on EventBus default.",
        ),
    ],
)
def test_tags_of_what_is_not_there(case: str, arn: str, message: str) -> None:
    async def scenario(c: EventsCloud) -> None:
        gone = (400, "ResourceNotFoundException", message)
        assert await refused(c, "TagResource", ResourceARN=arn, Tags=TAGS) == gone
        assert await refused(c, "ListTagsForResource", ResourceARN=arn) == gone
        assert await refused(c, "UntagResource", ResourceARN=arn, TagKeys=["tag1"]) == gone

    run(scenario)
