"""Buses, their policies and tags, PutEvents."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from typing import Any

import pytest

from lambent.contracts.caller import root
from lambent.contracts.errors import ServiceError
from tests.support import ACCOUNT, REGION

from .support import DETAIL, OTHER, SOURCE, EventsCloud, other, run

BUS = f"arn:aws:events:{REGION}:{ACCOUNT}:event-bus/b"


def test_a_bus_is_made_shown_and_deleted() -> None:
    async def scenario(c: EventsCloud) -> None:
        made = await c.do("CreateEventBus", Name="b", Description="test bus")
        assert made == {"EventBusArn": BUS, "Description": "test bus"}
        shown = await c.do("DescribeEventBus", Name="b")
        assert set(shown) == {"Arn", "CreationTime", "Description", "LastModifiedTime", "Name"}
        names = [bus["Name"] for bus in (await c.do("ListEventBuses"))["EventBuses"]]
        assert names == ["b", "default"]
        first = await c.do("ListEventBuses", Limit=1)
        second = await c.do("ListEventBuses", Limit=1, NextToken=first["NextToken"])
        assert [bus["Name"] for bus in second["EventBuses"]] == ["default"]
        assert (await c.do("ListEventBuses", NamePrefix="b"))["EventBuses"] == [shown]
        again = await c.error("CreateEventBus", Name="b")
        assert again == {"Code": "ResourceAlreadyExistsException", "Message": "Event bus b already exists."}
        await c.rule("r", bus="b")
        assert "it has rules" in (await c.error("DeleteEventBus", Name="b"))["Message"]
        await c.do("DeleteRule", Name="r", EventBusName="b")
        await c.do("DeleteEventBus", Name="b")
        await c.do("DeleteEventBus", Name="b")
        gone = await c.error("DescribeEventBus", Name="b")
        assert gone == {"Code": "ResourceNotFoundException", "Message": "Event bus b does not exist."}
        assert (await c.error("DeleteEventBus", Name="default"))["Code"] == "ValidationException"

    run(scenario)


def test_permissions_of_a_bus() -> None:
    async def scenario(c: EventsCloud) -> None:
        await c.do("CreateEventBus", Name="b")
        permission: dict[str, Any] = {"EventBusName": "b", "Action": "events:PutEvents"}
        await c.do("PutPermission", StatementId="one", Principal=OTHER, **permission)
        await c.do("PutPermission", StatementId="all", Principal="*", **permission)
        policy = json.loads((await c.do("DescribeEventBus", Name="b"))["Policy"])
        common = {"Effect": "Allow", "Action": "events:PutEvents", "Resource": BUS}
        assert policy == {
            "Version": "2012-10-17",
            "Statement": [
                {"Sid": "one", "Principal": {"AWS": f"arn:aws:iam::{OTHER}:root"}, **common},
                {"Sid": "all", "Principal": "*", **common},
            ],
        }
        missing = await c.error("RemovePermission", EventBusName="b", StatementId="none")
        message = "Statement with the provided id does not exist."
        assert missing == {"Code": "ResourceNotFoundException", "Message": message}
        await c.do("RemovePermission", EventBusName="b", StatementId="all")
        assert len(json.loads((await c.do("DescribeEventBus", Name="b"))["Policy"])["Statement"]) == 1
        await c.do("RemovePermission", EventBusName="b", RemoveAllPermissions=True)
        assert "Policy" not in await c.do("DescribeEventBus", Name="b")

    run(scenario)


def test_another_account_puts_events_where_it_may() -> None:
    async def scenario(c: EventsCloud) -> None:
        await c.do("CreateEventBus", Name="b")
        queue = await c.queue()
        await c.rule("r", queue, bus="b")
        with pytest.raises(Exception, match="not authorized to perform: events:PutEvents"):
            await c.put(EventBusName=BUS, caller=other())
        await c.do("PutPermission", EventBusName="b", StatementId="o", Principal=OTHER, Action="events:PutEvents")
        await c.put(EventBusName=BUS, caller=other())
        assert [event["account"] for event in await c.received(queue)] == [OTHER]

    run(scenario)


@pytest.mark.parametrize(
    ("entry", "code", "message"),
    [
        ({"Source": None}, "InvalidArgument", "Parameter Source is not valid. Reason: Source is a required argument."),
        (
            {"DetailType": None},
            "InvalidArgument",
            "Parameter DetailType is not valid. Reason: DetailType is a required argument.",
        ),
        ({"Detail": None}, "InvalidArgument", "Parameter Detail is not valid. Reason: Detail is a required argument."),
        ({"Detail": "[1]"}, "MalformedDetail", "Detail is malformed."),
        ({"Detail": '"x"'}, "MalformedDetail", "Detail is malformed."),
        ({"Detail": "x"}, "MalformedDetail", "Detail is malformed."),
        ({"Source": "aws.s3"}, "NotAuthorizedForSourceException", "Not authorized for the source."),
    ],
)
def test_entries_fail_one_by_one(entry: dict[str, Any], code: str, message: str) -> None:
    async def scenario(c: EventsCloud) -> None:
        good = {"Source": SOURCE, "DetailType": "t", "Detail": "{}"}
        bad = {name: text for name, text in {**good, **entry}.items() if text is not None}
        answer = await c.do("PutEvents", Entries=[bad, good])
        assert answer["FailedEntryCount"] == 1
        assert answer["Entries"][0] == {"ErrorCode": code, "ErrorMessage": message}
        assert set(answer["Entries"][1]) == {"EventId"}

    run(scenario)


def test_limits_of_a_request() -> None:
    async def scenario(c: EventsCloud) -> None:
        entry = {"Source": SOURCE, "DetailType": "t", "Detail": "{}"}
        many = await c.error("PutEvents", Entries=[entry] * 11)
        assert many["Code"] == "ValidationException"
        assert many["Message"].endswith(
            "failed to satisfy constraint: Member must have length less than or equal to 10"
        )
        long = {**entry, "Detail": json.dumps({"x": "y" * (1 << 20)})}
        assert "over the limit" in (await c.error("PutEvents", Entries=[long]))["Message"]

    run(scenario)


def test_an_event_as_it_arrives() -> None:
    async def scenario(c: EventsCloud) -> None:
        queue = await c.queue()
        await c.rule("r", queue)
        time = datetime(2022, 1, 1, 12, tzinfo=UTC)
        id = await c.put(Time=time, Resources=["arn:aws:s3:::x"])
        assert await c.received(queue) == [
            {
                "version": "0",
                "id": id,
                "detail-type": SOURCE,
                "source": SOURCE,
                "account": ACCOUNT,
                "time": "2022-01-01T12:00:00Z",
                "region": REGION,
                "resources": ["arn:aws:s3:::x"],
                "detail": DETAIL,
            }
        ]
        await c.put(EventBusName="nothing")
        assert await c.received(queue) == []

    run(scenario)


def test_tags_of_buses_and_rules() -> None:
    async def scenario(c: EventsCloud) -> None:
        await c.do("CreateEventBus", Name="b", Tags=[{"Key": "tag1", "Value": "value1"}])
        rule = await c.rule("r", bus="b")
        for arn in (BUS, rule, f"arn:aws:events:{REGION}:{ACCOUNT}:event-bus/default"):
            tags = [{"Key": "tag1", "Value": "value1"}, {"Key": "tag2", "Value": "value2"}]
            await c.do("TagResource", ResourceARN=arn, Tags=tags)
            assert (await c.do("ListTagsForResource", ResourceARN=arn))["Tags"] == tags
            await c.do("UntagResource", ResourceARN=arn, TagKeys=["tag2", "none"])
            assert (await c.do("ListTagsForResource", ResourceARN=arn))["Tags"] == tags[:1]
        await c.do("DeleteRule", Name="r", EventBusName="b")
        gone = await c.error("ListTagsForResource", ResourceARN=rule)
        assert gone == {"Code": "ResourceNotFoundException", "Message": "Rule r does not exist on EventBus b."}
        missing = await c.error("TagResource", ResourceARN=BUS.replace("/b", "/x"), Tags=tags)
        assert missing == {"Code": "ResourceNotFoundException", "Message": "Event bus x does not exist."}

    run(scenario)


def test_no_other_account_reaches_a_bus_by_its_arn() -> None:
    async def scenario(cloud: EventsCloud) -> None:
        await cloud.call("events", "CreateEventBus", Name="own", Description="mine")
        arn = f"arn:aws:events:{REGION}:{ACCOUNT}:event-bus/own"
        default = f"arn:aws:events:{REGION}:{ACCOUNT}:event-bus/default"
        await cloud.call("events", "PutRule", Name="r", EventPattern='{"source": ["mine"]}')
        asked: list[tuple[str, dict[str, Any]]] = [
            ("DescribeEventBus", {"Name": arn}),
            ("UpdateEventBus", {"Name": arn, "Description": "theirs"}),
            ("DeleteEventBus", {"Name": arn}),
            (
                "PutPermission",
                {"EventBusName": arn, "StatementId": "s", "Principal": "*", "Action": "events:PutEvents"},
            ),
            ("PutPermission", {"EventBusName": default, "Policy": "{}"}),
            ("RemovePermission", {"EventBusName": arn, "RemoveAllPermissions": True}),
            ("ListRules", {"EventBusName": default}),
            ("ListRuleNamesByTarget", {"EventBusName": default, "TargetArn": arn}),
            ("DescribeRule", {"EventBusName": default, "Name": "r"}),
        ]
        for operation, params in asked:
            with pytest.raises(ServiceError) as caught:
                await cloud.call("events", operation, root("111111111111"), **params)
            assert caught.value.code in ("AccessDeniedException", "ValidationException"), operation
            assert "mine" not in caught.value.message
        found = await cloud.call("events", "DescribeEventBus", Name="own")
        assert (found["Description"], found.get("Policy")) == ("mine", None)

    run(scenario)
