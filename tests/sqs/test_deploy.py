"""AWS::SQS::Queue and its policies in stacks."""

from __future__ import annotations

import json
from typing import Any

import pytest

from lambent.contracts.errors import ServiceError
from tests.cloudformation.cloud import Cloud, run

from .support import arn

TEMPLATE = """
Resources:
  Dead:
    Type: AWS::SQS::Queue
    Properties: {QueueName: dead.fifo, FifoQueue: true, RedriveAllowPolicy: {redrivePermission: allowAll}}
  Queue:
    Type: AWS::SQS::Queue
    Properties:
      QueueName: q.fifo
      FifoQueue: true
      ContentBasedDeduplication: true
      DelaySeconds: 13
      VisibilityTimeout: 42
      RedrivePolicy: {deadLetterTargetArn: !GetAtt Dead.Arn, maxReceiveCount: 7}
      Tags: [{Key: Department, Value: Finance}]
  Plain:
    Type: AWS::SQS::Queue
  Policy:
    Type: AWS::SQS::QueuePolicy
    Properties:
      Queues: [!Ref Queue, !Ref Plain]
      PolicyDocument:
        Statement: [{Effect: Allow, Principal: '*', Action: ['sqs:SendMessage'], Resource: !GetAtt Queue.Arn}]
Outputs:
  Url: {Value: !Ref Queue}
  Arn: {Value: !GetAtt Queue.Arn}
  Name: {Value: !GetAtt Queue.QueueName}
  Plain: {Value: !Ref Plain}
"""
URL = "http://127.0.0.1:4566/000000000000/q.fifo"


async def outputs(c: Cloud) -> dict[str, str]:
    return {item["OutputKey"]: item["OutputValue"] for item in (await c.stack()).get("Outputs", [])}


async def attributes(c: Cloud, url: str = URL) -> dict[str, Any]:
    found = await c.call("sqs", "GetQueueAttributes", QueueUrl=url, AttributeNames=["All"])
    return dict(found["Attributes"])


def test_queues_are_made_changed_and_removed() -> None:
    async def scenario(c: Cloud) -> None:
        await c.cfn("CreateStack", StackName="s", TemplateBody=TEMPLATE)
        assert await c.failures() == []
        found = await outputs(c)
        plain = found.pop("Plain")
        assert found == {"Url": URL, "Arn": arn("q.fifo"), "Name": "q.fifo"}
        now = await attributes(c)
        assert json.loads(now["RedrivePolicy"]) == {"deadLetterTargetArn": arn("dead.fifo"), "maxReceiveCount": 7}
        assert (now["DelaySeconds"], now["VisibilityTimeout"], now["ContentBasedDeduplication"]) == ("13", "42", "true")
        assert "sqs:SendMessage" in now["Policy"]
        tags = await c.call("sqs", "ListQueueTags", QueueUrl=URL)
        assert tags["Tags"] == {"Department": "Finance"}
        assert plain.rpartition("/")[2].startswith("s-Plain-")
        changed = (
            TEMPLATE.replace("      DelaySeconds: 13\n", "")
            .replace("VisibilityTimeout: 42", "VisibilityTimeout: 50")
            .replace("      Tags: [{Key: Department, Value: Finance}]\n", "")
            .replace("Queues: [!Ref Queue, !Ref Plain]", "Queues: [!Ref Plain]")
        )
        await c.cfn("UpdateStack", StackName="s", TemplateBody=changed)
        assert (await c.stack())["StackStatus"] == "UPDATE_COMPLETE"
        now = await attributes(c)
        assert (now["DelaySeconds"], now["VisibilityTimeout"]) == ("0", "50")
        assert "Policy" not in now
        assert "Policy" in await attributes(c, plain)
        assert await c.call("sqs", "ListQueueTags", QueueUrl=URL) == {}
        await c.cfn("DeleteStack", StackName="s")
        assert await c.call("sqs", "ListQueues") == {}

    run(scenario)


def test_a_queue_that_is_there_is_not_taken_over() -> None:
    async def scenario(c: Cloud) -> None:
        await c.call("sqs", "CreateQueue", QueueName="taken")
        template = "Resources: {Q: {Type: AWS::SQS::Queue, Properties: {QueueName: taken}}}"
        await c.cfn("CreateStack", StackName="s", TemplateBody=template)
        assert any("already exists" in failure for failure in map(str, await c.failures()))
        assert (await c.stack())["StackStatus"] == "ROLLBACK_COMPLETE"
        assert len((await c.call("sqs", "ListQueues"))["QueueUrls"]) == 1

    run(scenario)


def test_an_inline_policy_comes_and_goes() -> None:
    template = """
Resources:
  Q: {Type: AWS::SQS::Queue, Properties: {QueueName: q}}
  Inline:
    Type: AWS::SQS::QueueInlinePolicy
    Properties:
      Queue: !Ref Q
      PolicyDocument:
        Statement: [{Effect: Allow, Principal: '*', Action: ['sqs:SendMessage'], Resource: !GetAtt Q.Arn}]
"""

    async def scenario(c: Cloud) -> None:
        await c.cfn("CreateStack", StackName="s", TemplateBody=template)
        url = "http://127.0.0.1:4566/000000000000/q"
        assert "Policy" in await attributes(c, url)
        await c.cfn("UpdateStack", StackName="s", TemplateBody=template.partition("  Inline")[0])
        assert "Policy" not in await attributes(c, url)
        await c.cfn("DeleteStack", StackName="s")
        with pytest.raises(ServiceError):
            await attributes(c, url)

    run(scenario)
