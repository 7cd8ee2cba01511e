"""Groups, streams, tags and subscription filters."""

from __future__ import annotations

import base64
import gzip
import json

import pytest

from lambent.contracts.errors import NotBuilt
from lambent.services.logs import keys
from lambent.services.logs.errors import (
    InvalidParameterException,
    LimitExceededException,
    ResourceAlreadyExistsException,
    ResourceNotFoundException,
    ValidationException,
)

from .support import GROUP, STREAM, LogsCloud
from .test_events import run

ARN = f"arn:aws:logs:us-east-1:000000000000:log-group:{GROUP}"
FUNCTION = "arn:aws:lambda:us-east-1:000000000000:function:open"


def test_a_group_is_described_as_aws_does() -> None:
    async def body(cloud: LogsCloud) -> None:
        await cloud.put((0, "hello"))
        await cloud.logs("PutRetentionPolicy", logGroupName=GROUP, retentionInDays=7)
        answer = await cloud.logs("DescribeLogGroups", logGroupNamePrefix=GROUP)
        assert answer["logGroups"] == [
            {
                "arn": f"{ARN}:*",
                "creationTime": cloud.now_ms,
                "deletionProtectionEnabled": False,
                "logGroupArn": ARN,
                "logGroupClass": "STANDARD",
                "logGroupName": GROUP,
                "metricFilterCount": 0,
                "retentionInDays": 7,
                "storedBytes": 5,
            }
        ]
        with pytest.raises(ResourceAlreadyExistsException, match="The specified log group already exists"):
            await cloud.logs("CreateLogGroup", logGroupName=GROUP)
        with pytest.raises(InvalidParameterException, match="enum value set"):
            await cloud.logs("PutRetentionPolicy", logGroupName=GROUP, retentionInDays=2)

    run(body)


def test_groups_are_found_by_prefix_and_pattern_over_pages() -> None:
    async def body(cloud: LogsCloud) -> None:
        for name in ("a", "ab", "ab1", "ab2", "b", "cab"):
            await cloud.logs("CreateLogGroup", logGroupName=name)

        async def names(**params: object) -> list[str]:
            found: list[str] = []
            token: dict[str, object] = {}
            while True:
                page = await cloud.logs("DescribeLogGroups", limit=2, **params, **token)
                found += [group["logGroupName"] for group in page["logGroups"]]
                if "nextToken" not in page:
                    return found
                token = {"nextToken": page["nextToken"]}

        assert await names() == [GROUP, "a", "ab", "ab1", "ab2", "b", "cab"]
        assert await names(logGroupNamePrefix="ab") == ["ab", "ab1", "ab2"]
        assert await names(logGroupNamePattern="ab") == ["ab", "ab1", "ab2", "cab"]
        assert await names(logGroupNamePrefix="zz") == []
        assert await names(logGroupIdentifiers=[ARN, "b"]) == [GROUP, "b"]
        page = await cloud.logs("DescribeLogGroups", logGroupNamePattern="cab")
        assert "storedBytes" not in page["logGroups"][0]

    run(body)


def test_a_deleted_group_leaves_nothing() -> None:
    async def body(cloud: LogsCloud) -> None:
        await cloud.put((0, "secret"))
        await cloud.logs("DeleteLogGroup", logGroupName=GROUP)
        with pytest.raises(ResourceNotFoundException):
            await cloud.messages()
        await cloud.begin()
        assert await cloud.messages() == []
        await cloud.deliver(repeat=2)
        assert await cloud.store.read(keys.events.scan) == []
        assert await cloud.store.read(keys.events_by_time.scan) == []
        assert len(await cloud.store.read(keys.streams.scan)) == 1

    run(body)


def test_a_protected_group_stays() -> None:
    async def body(cloud: LogsCloud) -> None:
        await cloud.logs("PutLogGroupDeletionProtection", logGroupIdentifier=ARN, deletionProtectionEnabled=True)
        with pytest.raises(ValidationException, match="deletion protection"):
            await cloud.logs("DeleteLogGroup", logGroupName=GROUP)

    run(body)


def test_what_is_not_built_says_so() -> None:
    async def body(cloud: LogsCloud) -> None:
        with pytest.raises(NotBuilt, match="kmsKeyId"):
            await cloud.logs("CreateLogGroup", logGroupName="k", kmsKeyId="key")
        with pytest.raises(NotBuilt, match="DELIVERY"):
            await cloud.logs("CreateLogGroup", logGroupName="k", logGroupClass="DELIVERY")
        with pytest.raises(NotBuilt, match="StartQuery"):
            await cloud.logs("StartQuery", logGroupName=GROUP, startTime=0, endTime=1, queryString="x")
        with pytest.raises(NotBuilt, match="kinesis"):
            await cloud.logs(
                "PutSubscriptionFilter",
                logGroupName=GROUP,
                filterName="f",
                filterPattern="",
                destinationArn="arn:aws:kinesis:us-east-1:000000000000:stream/s",
            )

    run(body)


def test_streams_by_name_and_by_last_event() -> None:
    async def body(cloud: LogsCloud) -> None:
        for name, offset_ms in (("a", 3), ("ab", 1), ("abc", 2)):
            await cloud.logs("CreateLogStream", logGroupName=GROUP, logStreamName=name)
            await cloud.put((offset_ms, "x"), stream=name)

        async def names(**params: object) -> list[str]:
            found: list[str] = []
            token: dict[str, object] = {}
            while True:
                page = await cloud.logs("DescribeLogStreams", logGroupName=GROUP, limit=2, **params, **token)
                found += [stream["logStreamName"] for stream in page["logStreams"]]
                if "nextToken" not in page:
                    return found
                token = {"nextToken": page["nextToken"]}

        assert await names() == [STREAM, "a", "ab", "abc"]
        assert await names(descending=True) == ["abc", "ab", "a", STREAM]
        assert await names(logStreamNamePrefix="ab") == ["ab", "abc"]
        assert await names(logStreamNamePrefix="ab", descending=True) == ["abc", "ab"]
        assert await names(orderBy="LastEventTime", descending=True) == ["a", "abc", "ab", STREAM]
        await cloud.put((9, "x"), stream="ab")
        assert await names(orderBy="LastEventTime") == [STREAM, "abc", "a", "ab"]
        with pytest.raises(InvalidParameterException):
            await names(orderBy="LastEventTime", logStreamNamePrefix="a")
        with pytest.raises(ValidationException, match="mutually exclusive"):
            await names(logGroupIdentifier=ARN)

    run(body)


def test_a_stream_is_described_and_deleted() -> None:
    async def body(cloud: LogsCloud) -> None:
        await cloud.logs("CreateLogStream", logGroupName=GROUP, logStreamName="empty")
        streams = (await cloud.logs("DescribeLogStreams", logGroupIdentifier=ARN))["logStreams"]
        assert streams[1] == {
            "arn": f"{ARN}:log-stream:empty",
            "creationTime": cloud.now_ms,
            "logStreamName": "empty",
            "storedBytes": 0,
        }
        await cloud.put((0, "gone"))
        await cloud.put((0, "kept"), stream="empty")
        await cloud.logs("DeleteLogStream", logGroupName=GROUP, logStreamName=STREAM)
        assert await cloud.messages() == ["kept"]
        assert (await cloud.logs("DescribeLogGroups"))["logGroups"][0]["storedBytes"] == 4
        await cloud.deliver(repeat=2)
        assert len(await cloud.store.read(keys.events_by_time.scan)) == 1
        assert await cloud.messages() == ["kept"]

    run(body)


def test_tags() -> None:
    async def body(cloud: LogsCloud) -> None:
        await cloud.logs("TagResource", resourceArn=ARN, tags={"a": "1", "b": "2"})
        await cloud.logs("TagLogGroup", logGroupName=GROUP, tags={"b": "3"})
        await cloud.logs("UntagResource", resourceArn=ARN, tagKeys=["a"])
        assert await cloud.logs("ListTagsForResource", resourceArn=ARN) == {"tags": {"b": "3"}}
        assert await cloud.logs("ListTagsLogGroup", logGroupName=GROUP) == {"tags": {"b": "3"}}
        with pytest.raises(ResourceNotFoundException):
            await cloud.logs("ListTagsForResource", resourceArn=ARN.replace("us-east-1", "eu-west-1"))

    run(body)


async def subscribe(cloud: LogsCloud, name: str = "sub", pattern: str = "", to: str = FUNCTION) -> None:
    await cloud.logs(
        "PutSubscriptionFilter", logGroupName=GROUP, filterName=name, filterPattern=pattern, destinationArn=to
    )


def test_a_subscription_forwards_what_matches() -> None:
    async def body(cloud: LogsCloud) -> None:
        await subscribe(cloud, pattern="[level = ERROR, code]")
        await cloud.put((0, "ERROR 1"), (0, "INFO 2"), (0, "ERROR 3"))
        assert await cloud.deliver() == 1
        event = cloud.function.deliveries[0].event
        assert (event.target, event.principal, event.source) == (FUNCTION, "logs.amazonaws.com", f"{ARN}:*")
        data = json.loads(gzip.decompress(base64.b64decode(json.loads(event.payload)["awslogs"]["data"])))
        assert {key: value for key, value in data.items() if key != "logEvents"} == {
            "messageType": "DATA_MESSAGE",
            "owner": "000000000000",
            "logGroup": GROUP,
            "logStream": STREAM,
            "subscriptionFilters": ["sub"],
        }
        assert [entry["message"] for entry in data["logEvents"]] == ["ERROR 1", "ERROR 3"]
        assert data["logEvents"][1]["extractedFields"] == {"level": "ERROR", "code": "3"}
        filtered = await cloud.logs("FilterLogEvents", logGroupName=GROUP, filterPattern="ERROR")
        assert [e["eventId"] for e in filtered["events"]] == [entry["id"] for entry in data["logEvents"]]

    run(body)


def test_large_batches_are_forwarded_in_parts() -> None:
    async def body(cloud: LogsCloud) -> None:
        await subscribe(cloud)
        random = cloud.ids.random
        await cloud.put(*((0, random.randbytes(50_000).hex()) for _ in range(8)))
        assert await cloud.deliver() > 1
        messages = 0
        for delivery in cloud.function.deliveries:
            assert len(delivery.event.payload) < 300_000
            data = json.loads(delivery.event.payload)["awslogs"]["data"]
            messages += len(json.loads(gzip.decompress(base64.b64decode(data)))["logEvents"])
        assert messages == 8

    run(body)


def test_subscriptions_are_kept_and_checked() -> None:
    async def body(cloud: LogsCloud) -> None:
        with pytest.raises(InvalidParameterException, match="Could not execute the lambda function"):
            await subscribe(cloud, to=FUNCTION.replace("open", "closed"))
        with pytest.raises(InvalidParameterException, match="Invalid character"):
            await subscribe(cloud, pattern="a@b")
        own = GROUP.rpartition("/")[2]
        for destination in (f"function:{own}", f"function:{own}:live"):
            with pytest.raises(InvalidParameterException, match="reserved for the function log output"):
                await subscribe(cloud, to=f"arn:aws:lambda:us-east-1:000000000000:{destination}")
        await subscribe(cloud, "one")
        await subscribe(cloud, "two")
        await subscribe(cloud, "two", pattern="x")
        with pytest.raises(LimitExceededException):
            await subscribe(cloud, "three")
        page = await cloud.logs("DescribeSubscriptionFilters", logGroupName=GROUP, limit=1)
        rest = await cloud.logs("DescribeSubscriptionFilters", logGroupName=GROUP, nextToken=page["nextToken"])
        assert rest["subscriptionFilters"] == [
            {
                "applyOnTransformedLogs": False,
                "creationTime": cloud.now_ms,
                "destinationArn": FUNCTION,
                "distribution": "ByLogStream",
                "filterName": "two",
                "filterPattern": "x",
                "logGroupName": GROUP,
            }
        ]
        await cloud.logs("DeleteSubscriptionFilter", logGroupName=GROUP, filterName="one")
        with pytest.raises(ResourceNotFoundException):
            await cloud.logs("DeleteSubscriptionFilter", logGroupName=GROUP, filterName="one")

    run(body)
