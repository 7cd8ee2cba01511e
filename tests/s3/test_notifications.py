"""Events: what goes where, in which form, and which configurations are refused."""

from __future__ import annotations

import json
from typing import Any

import pytest

from lambent.contracts.errors import NotBuilt
from lambent.services.s3 import errors

from .support import BIG, FakeTarget, S3Cloud, run

QUEUE = "arn:aws:sqs:us-east-1:000000000000:queue"
TOPIC = "arn:aws:sns:us-east-1:000000000000:topic"
FUNCTION = "arn:aws:lambda:us-east-1:000000000000:function:thumbnail"
BUS = "arn:aws:events:us-east-1:000000000000:event-bus/default"


def queue(*events: str, **rules: str) -> dict[str, Any]:
    """A configuration with one queue."""
    row: dict[str, Any] = {"Id": "id", "QueueArn": QUEUE, "Events": list(events)}
    if rules:
        named = [{"Name": name, "Value": value} for name, value in rules.items()]
        row["Filter"] = {"Key": {"FilterRules": named}}
    return {"QueueConfigurations": [row]}


async def notify(cloud: S3Cloud, configuration: dict[str, Any], **params: Any) -> None:
    for service, arn in (("sqs", QUEUE), ("sns", TOPIC), ("lambda", FUNCTION), ("events", BUS)):
        cloud.targets[service] = FakeTarget(arn)
    await cloud.s3("PutBucketNotificationConfiguration", NotificationConfiguration=configuration, **params)


async def names(cloud: S3Cloud) -> list[str]:
    """The names of the records that wait in the outbox."""
    return [payload["Records"][0]["eventName"] for _, payload in await cloud.emitted() if "Records" in payload]


def test_the_record_is_the_real_one() -> None:
    async def body(cloud: S3Cloud) -> None:
        await notify(cloud, queue("s3:ObjectCreated:*"))
        [(target, test)] = await cloud.emitted()
        assert target == QUEUE
        assert (test["Service"], test["Event"], test["Bucket"]) == ("Amazon S3", "s3:TestEvent", "photos")
        assert set(test) == {"Service", "Event", "Time", "Bucket", "RequestId", "HostId"}
        await cloud.put("a b/é@c", b"something")
        [(target, payload)] = await cloud.emitted()
        [record] = payload["Records"]
        assert len(record["s3"]["object"].pop("sequencer")) == 16
        assert len(record["responseElements"].pop("x-amz-request-id")) == 36
        assert record["responseElements"].pop("x-amz-id-2")
        owner = record["s3"]["bucket"].pop("ownerIdentity")
        assert len(owner["principalId"]) == 14
        assert record == {
            "eventVersion": "2.1",
            "eventSource": "aws:s3",
            "awsRegion": "us-east-1",
            "eventTime": "2023-11-14T22:13:23.000Z",
            "eventName": "ObjectCreated:Put",
            "userIdentity": {"principalId": "AWS:000000000000"},
            "requestParameters": {"sourceIPAddress": "127.0.0.1"},
            "responseElements": {},
            "s3": {
                "s3SchemaVersion": "1.0",
                "configurationId": "id",
                "bucket": {"name": "photos", "arn": "arn:aws:s3:::photos"},
                "object": {"key": "a+b/%C3%A9%40c", "size": 9, "eTag": "437b930db84b8079c2dd804a71936b5f"},
            },
        }

    run(body)


def test_every_way_of_changing_an_object_is_told() -> None:
    async def body(cloud: S3Cloud) -> None:
        await notify(cloud, queue("s3:ObjectCreated:*", "s3:ObjectRemoved:*", "s3:ObjectTagging:*", "s3:ObjectAcl:Put"))
        await cloud.put("key", b"x" * BIG)
        await cloud.s3("CopyObject", Key="copy", CopySource="photos/key")
        upload = (await cloud.s3("CreateMultipartUpload", Key="key"))["UploadId"]
        part = await cloud.s3("UploadPart", Key="key", UploadId=upload, PartNumber=1, Body=b"")
        rows = {"Parts": [{"PartNumber": 1, "ETag": part["ETag"]}]}
        await cloud.s3("CompleteMultipartUpload", Key="key", UploadId=upload, MultipartUpload=rows)
        await cloud.s3("PutObjectTagging", Key="key", Tagging={"TagSet": []})
        await cloud.s3("DeleteObjectTagging", Key="key")
        await cloud.s3("PutObjectAcl", Key="key", ACL="bucket-owner-full-control")
        await cloud.s3("DeleteObject", Key="key")
        await cloud.s3("DeleteObject", Key="none")
        await cloud.versioning("Enabled")
        await cloud.s3("DeleteObjects", Delete={"Objects": [{"Key": "copy"}]})
        assert sorted(await names(cloud)) == sorted(
            [
                "ObjectCreated:Put",
                "ObjectCreated:Copy",
                "ObjectCreated:CompleteMultipartUpload",
                "ObjectTagging:Put",
                "ObjectTagging:Delete",
                "ObjectAcl:Put",
                "ObjectRemoved:Delete",
                "ObjectRemoved:DeleteMarkerCreated",
            ]
        )

    run(body)


def test_a_failed_change_tells_nothing() -> None:
    async def body(cloud: S3Cloud) -> None:
        await cloud.put("key")
        await notify(cloud, queue("s3:ObjectCreated:*"))
        await cloud.emitted()
        with pytest.raises(errors.PreconditionFailed):
            await cloud.put("key", IfNoneMatch="*")
        assert await cloud.emitted() == []

    run(body)


def test_filters_choose_by_prefix_and_suffix() -> None:
    async def body(cloud: S3Cloud) -> None:
        await notify(cloud, queue("s3:ObjectCreated:Put", prefix="raw/", SUFFIX=".jpg"))
        found = await cloud.s3("GetBucketNotificationConfiguration")
        assert found["QueueConfigurations"][0]["Filter"]["Key"]["FilterRules"] == [
            {"Name": "Prefix", "Value": "raw/"},
            {"Name": "Suffix", "Value": ".jpg"},
        ]
        await cloud.emitted()
        for key in ("raw/a.jpg", "raw/a.png", "a.jpg", "raw/.jpg"):
            await cloud.put(key)
        await cloud.s3("CopyObject", Key="raw/b.jpg", CopySource="photos/a.jpg")
        keys = [payload["Records"][0]["s3"]["object"]["key"] for _, payload in await cloud.emitted()]
        assert sorted(keys) == ["raw/.jpg", "raw/a.jpg"]

    run(body)


def test_functions_and_topics_and_the_bus() -> None:
    async def body(cloud: S3Cloud) -> None:
        configuration = {
            "LambdaFunctionConfigurations": [{"LambdaFunctionArn": FUNCTION, "Events": ["s3:ObjectCreated:Put"]}],
            "TopicConfigurations": [{"TopicArn": TOPIC, "Events": ["s3:ObjectCreated:Copy"]}],
            "EventBridgeConfiguration": {},
        }
        await notify(cloud, configuration)
        assert [target for target, _ in await cloud.emitted()] == [TOPIC]
        await cloud.versioning("Enabled")
        await cloud.put("a b", b"data")
        emitted = dict(await cloud.emitted())
        assert set(emitted) == {FUNCTION, BUS}
        event = emitted[BUS]
        about = event["detail"]["object"]
        assert (event["detail-type"], event["source"], event["resources"]) == (
            "Object Created",
            "aws.s3",
            ["arn:aws:s3:::photos"],
        )
        assert event["time"] == "2023-11-14T22:13:24Z"
        assert set(about) == {"key", "size", "etag", "sequencer", "version-id"}
        assert about["key"] == "a b"
        assert event["detail"]["reason"] == "PutObject"
        assert event["detail"]["requester"] == "000000000000"
        await cloud.s3("DeleteObject", Key="a b")
        [(_, event)] = await cloud.emitted()
        assert event["detail"]["deletion-type"] == "Delete Marker Created"
        assert json.dumps(event["detail"])
        found = await cloud.s3("GetBucketNotificationConfiguration")
        assert found["EventBridgeConfiguration"] == {}
        await notify(cloud, {})
        assert await cloud.s3("GetBucketNotificationConfiguration") == {}

    run(body)


@pytest.mark.parametrize(
    ("configuration", "error", "fields"),
    [
        (
            {"QueueConfigurations": [{"QueueArn": "invalid-queue", "Events": ["s3:ObjectCreated:*"]}]},
            errors.InvalidArgument,
            {"ArgumentName": "Queue", "ArgumentValue": "invalid-queue"},
        ),
        (
            queue("s3:ObjectCreated:*", INVALID="x"),
            errors.InvalidArgument,
            {"ArgumentName": "FilterRule.Name", "ArgumentValue": "INVALID"},
        ),
        (queue("s3:Nonsense"), errors.InvalidArgument, {"ArgumentName": "Event", "ArgumentValue": "s3:Nonsense"}),
        (queue("s3:ObjectRestore:Post"), NotBuilt, {}),
        (queue(), errors.MalformedXML, {}),
        (
            {"QueueConfigurations": [{"QueueArn": QUEUE + "2", "Events": ["s3:ObjectCreated:*"]}]},
            errors.InvalidArgument,
            {"ArgumentName1": QUEUE + "2", "ArgumentValue1": "The destination queue does not exist"},
        ),
        (
            {"LambdaFunctionConfigurations": [{"LambdaFunctionArn": FUNCTION + "2", "Events": ["s3:ObjectCreated:*"]}]},
            errors.InvalidArgument,
            {
                "ArgumentName1": f"{FUNCTION}2, null",
                "ArgumentValue1": f"Not authorized to invoke function [{FUNCTION}2]",
            },
        ),
        (
            {
                "QueueConfigurations": [{"QueueArn": QUEUE, "Events": ["s3:ObjectCreated:*"]}],
                "TopicConfigurations": [{"TopicArn": TOPIC, "Events": ["s3:ObjectCreated:Put"]}],
            },
            errors.InvalidArgument,
            {},
        ),
    ],
)
def test_a_configuration_that_is_wrong_says_why(
    configuration: dict[str, Any], error: type[Exception], fields: dict[str, str]
) -> None:
    async def body(cloud: S3Cloud) -> None:
        with pytest.raises(error) as caught:
            await notify(cloud, configuration)
        assert caught.value.fields == fields  # type: ignore[attr-defined]
        assert await cloud.s3("GetBucketNotificationConfiguration") == {}

    run(body)


def test_destinations_are_not_asked_on_demand() -> None:
    async def body(cloud: S3Cloud) -> None:
        row = {"LambdaFunctionArn": FUNCTION + "2", "Events": ["s3:ObjectCreated:*"], "Id": "id123"}
        await notify(cloud, {"LambdaFunctionConfigurations": [row]}, SkipDestinationValidation=True)
        found = await cloud.s3("GetBucketNotificationConfiguration")
        assert found == {"LambdaFunctionConfigurations": [row]}

    run(body)
