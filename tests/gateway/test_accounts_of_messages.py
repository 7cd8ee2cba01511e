"""As test_accounts.py, for what carries messages: queues, topics, buses, schedules, pipes, logs."""

from __future__ import annotations

import json
from typing import Any, Final

import pytest

from tests.execute.rest.making import ALL
from tests.gateway.test_accounts import MARK, attacked
from tests.support import ACCOUNT, REGION, TestCloud

ARN: Final = f"arn:aws:%s:{REGION}:{ACCOUNT}:%s"


async def role(cloud: TestCloud, service: str) -> str:
    """A role of the owner's that may do everything, for a service to act as."""
    statement = {"Effect": "Allow", "Principal": {"Service": f"{service}.amazonaws.com"}, "Action": "sts:AssumeRole"}
    trust = json.dumps({"Version": "2012-10-17", "Statement": [statement]})
    made = await cloud.call("iam", "CreateRole", RoleName=f"r-{service}", AssumeRolePolicyDocument=trust)
    await cloud.call("iam", "PutRolePolicy", RoleName=f"r-{service}", PolicyName="it", PolicyDocument=ALL)
    arn: str = made["Role"]["Arn"]
    return arn


async def queue(cloud: TestCloud) -> dict[str, Any]:
    """A queue with a message."""
    url = (await cloud.call("sqs", "CreateQueue", QueueName="q", tags={"a": MARK}))["QueueUrl"]
    await cloud.call("sqs", "SendMessage", QueueUrl=url, MessageBody=MARK)
    arn = ARN % ("sqs", "q")
    return {"QueueUrl": url, "QueueName": "q", "SourceArn": arn, "QueueOwnerAWSAccountId": ACCOUNT}


async def topic(cloud: TestCloud) -> dict[str, Any]:
    """A topic with a subscription, an application of push notifications with an endpoint."""
    arn = (await cloud.call("sns", "CreateTopic", Name="t", Attributes={"DisplayName": MARK}))["TopicArn"]
    await cloud.call("sqs", "CreateQueue", QueueName="of-topic")
    endpoint = ARN % ("sqs", "of-topic")
    made = await cloud.call("sns", "Subscribe", TopicArn=arn, Protocol="sqs", Endpoint=endpoint)
    secret = {"PlatformCredential": MARK}
    app = await cloud.call("sns", "CreatePlatformApplication", Name="a", Platform="GCM", Attributes=secret)
    place = app["PlatformApplicationArn"]
    own = await cloud.call(
        "sns", "CreatePlatformEndpoint", PlatformApplicationArn=place, Token="t", CustomUserData=MARK
    )
    return {
        "TopicArn": arn,
        "ResourceArn": arn,
        "SubscriptionArn": made["SubscriptionArn"],
        "PlatformApplicationArn": place,
        "EndpointArn": own["EndpointArn"],
        "TargetArn": own["EndpointArn"],
        "Protocol": "sqs",
        "Endpoint": endpoint,
        "AttributeName": "DisplayName",
    }


async def bus(cloud: TestCloud) -> dict[str, Any]:
    """A bus with a rule, an archive, a connection and its destination."""
    await cloud.call("events", "CreateEventBus", Name="b", Description=MARK)
    pattern = json.dumps({"source": [MARK]})
    await cloud.call("events", "PutRule", Name="r", EventBusName="b", EventPattern=pattern, Description=MARK)
    await cloud.call("events", "PutRule", Name="r", EventPattern=pattern)
    arn = ARN % ("events", "event-bus/b")
    await cloud.call("events", "CreateArchive", ArchiveName="a", EventSourceArn=arn, Description=MARK)
    key = {"ApiKeyAuthParameters": {"ApiKeyName": "x", "ApiKeyValue": MARK}}
    made = await cloud.call("events", "CreateConnection", Name="c", AuthorizationType="API_KEY", AuthParameters=key)
    given = {"HttpMethod": "POST", "InvocationEndpoint": "https://x.example", "Description": MARK}
    await cloud.call("events", "CreateApiDestination", Name="d", ConnectionArn=made["ConnectionArn"], **given)
    return {
        "EventBusName": arn,
        "Rule": "r",
        "ResourceARN": ARN % ("events", "rule/b/r"),
        "EventSourceArn": arn,
        "ConnectionArn": made["ConnectionArn"],
    }


async def schedule(cloud: TestCloud) -> dict[str, Any]:
    """A schedule in a group."""
    await cloud.call("scheduler", "CreateScheduleGroup", Name="g", Tags=[{"Key": "a", "Value": MARK}])
    target = {"Arn": ARN % ("sqs", "q"), "RoleArn": await role(cloud, "scheduler"), "Input": MARK}
    await cloud.call("sqs", "CreateQueue", QueueName="q")
    given = {"ScheduleExpression": "rate(1 hour)", "FlexibleTimeWindow": {"Mode": "OFF"}, "Target": target}
    await cloud.call("scheduler", "CreateSchedule", Name="s", GroupName="g", **given)
    return {**given, "Name": "s", "GroupName": "g", "ResourceArn": ARN % ("scheduler", "schedule-group/g")}


async def pipe(cloud: TestCloud) -> dict[str, Any]:
    """A pipe from a queue to another."""
    for name in ("from", "to"):
        await cloud.call("sqs", "CreateQueue", QueueName=name)
    given = {
        "Source": ARN % ("sqs", "from"), "Target": ARN % ("sqs", "to"), "RoleArn": await role(cloud, "pipes"),
        "Description": MARK, "DesiredState": "STOPPED",
    }  # fmt: skip
    await cloud.call("pipes", "CreatePipe", Name="p", **given)
    own = {name: value for name, value in given.items() if name != "Description"}
    return {**own, "Name": "p", "resourceArn": ARN % ("pipes", "pipe/p")}


async def log(cloud: TestCloud) -> dict[str, Any]:
    """A log group with a stream and a line."""
    await cloud.call("logs", "CreateLogGroup", logGroupName="g", tags={"a": MARK})
    await cloud.call("logs", "CreateLogStream", logGroupName="g", logStreamName="s")
    line = {"timestamp": cloud.clock.now_ns() // 1_000_000, "message": MARK}
    await cloud.call("logs", "PutLogEvents", logGroupName="g", logStreamName="s", logEvents=[line])
    arn = ARN % ("logs", "log-group:g")
    names = {"logGroupIdentifier": arn, "resourceArn": arn, "logStreamName": "s", "logGroupIdentifiers": [arn]}
    return {**names, "logGroupNames": ["g"]}


OWNERS: Final = {"sqs": queue, "sns": topic, "events": bus, "scheduler": schedule, "pipes": pipe, "logs": log}
_REFUSALS: Final = ("NotFound", "NonExistent", "AccessDenied", "AuthorizationError", "ResourceNotFoundException")


@pytest.mark.slow
@pytest.mark.parametrize("service", OWNERS)
async def test_names_and_arns_of_another_account_lead_to_nothing(service: str) -> None:
    cloud = TestCloud()
    codes = await attacked(cloud, service, await OWNERS[service](cloud))
    assert not any(code.startswith("Internal") for code in codes)
    assert any(refusal in code for code in codes for refusal in _REFUSALS)
