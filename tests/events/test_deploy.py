"""EventBridge's resources in stacks, and the events of SAM's functions."""

from __future__ import annotations

import asyncio
import json
from typing import Any

from tests.cloudformation.cloud import Cloud, run
from tests.support import ACCOUNT, REGION

TEMPLATE = """
Resources:
  Bus:
    Type: AWS::Events::EventBus
    Properties: {Name: orders, Description: of orders, Tags: [{Key: a, Value: b}]}
  Policy:
    Type: AWS::Events::EventBusPolicy
    Properties:
      EventBusName: !Ref Bus
      StatementId: other
      Statement:
        Effect: Allow
        Principal: {AWS: arn:aws:iam::222222222222:root}
        Action: events:PutEvents
        Resource: !GetAtt Bus.Arn
  Queue:
    Type: AWS::SQS::Queue
    Properties: {QueueName: q}
  QueuePolicy:
    Type: AWS::SQS::QueuePolicy
    Properties:
      Queues: [!Ref Queue]
      PolicyDocument:
        Statement:
          - {Effect: Allow, Principal: {Service: events.amazonaws.com}, Action: 'sqs:*', Resource: !GetAtt Queue.Arn}
  Rule:
    Type: AWS::Events::Rule
    Properties:
      EventBusName: !Ref Bus
      EventPattern: {source: [shop], detail: {total: [{numeric: ['>', 10]}]}}
      State: ENABLED
      Targets:
        - {Id: one, Arn: !GetAtt Queue.Arn, InputPath: $.detail}
        - {Id: two, Arn: !GetAtt Queue.Arn, RetryPolicy: {MaximumRetryAttempts: 3}}
  Archive:
    Type: AWS::Events::Archive
    Properties: {SourceArn: !GetAtt Bus.Arn, EventPattern: {source: [shop]}, RetentionDays: 3}
  Connection:
    Type: AWS::Events::Connection
    Properties:
      AuthorizationType: API_KEY
      AuthParameters: {ApiKeyAuthParameters: {ApiKeyName: x-key, ApiKeyValue: secret}}
  Destination:
    Type: AWS::Events::ApiDestination
    Properties: {ConnectionArn: !GetAtt Connection.Arn, HttpMethod: POST, InvocationEndpoint: https://example.com/x}
Outputs:
  Rule: {Value: !Ref Rule}
  RuleArn: {Value: !GetAtt Rule.Arn}
  Bus: {Value: !Ref Bus}
  Archive: {Value: !Ref Archive}
  Destination: {Value: !GetAtt Destination.Arn}
"""
SAM = """
Transform: AWS::Serverless-2016-10-31
Resources:
  F:
    Type: AWS::Serverless::Function
    Properties:
      Handler: index.handler
      Runtime: python3.11
      InlineCode: 'def handler(event, context): pass'
      Events:
        Every: {Type: Schedule, Properties: {Schedule: rate(5 minutes), Input: '{"a": 1}'}}
        Orders: {Type: EventBridgeRule, Properties: {Pattern: {source: [shop]}}}
"""


async def _outputs(c: Cloud) -> dict[str, str]:
    return {item["OutputKey"]: item["OutputValue"] for item in (await c.stack()).get("Outputs", [])}


def _entry(**more: Any) -> dict[str, Any]:
    return {"Source": "shop", "DetailType": "order", "Detail": json.dumps({"total": 11}), **more}


async def _bodies(c: Cloud) -> list[Any]:
    url = f"http://127.0.0.1:4566/{ACCOUNT}/q"
    found = await c.call("sqs", "ReceiveMessage", QueueUrl=url, MaxNumberOfMessages=10, WaitTimeSeconds=0)
    return [json.loads(message["Body"]) for message in found.get("Messages", [])]


def test_resources_are_made_changed_and_removed() -> None:
    async def scenario(c: Cloud) -> None:
        await c.cfn("CreateStack", StackName="s", TemplateBody=TEMPLATE)
        assert await c.failures() == []
        found = await _outputs(c)
        bus, _, rule = found["Rule"].partition("|")
        assert bus == found["Bus"] == "orders"
        assert found["RuleArn"] == f"arn:aws:events:{REGION}:{ACCOUNT}:rule/orders/{rule}"
        assert found["Destination"].startswith(f"arn:aws:events:{REGION}:{ACCOUNT}:api-destination/s-Destination-")
        policy = json.loads((await c.call("events", "DescribeEventBus", Name="orders"))["Policy"])
        assert [statement["Sid"] for statement in policy["Statement"]] == ["other"]
        await c.call("events", "PutEvents", Entries=[_entry(EventBusName="orders")])
        await c.relay.settled()
        assert {"total": 11} in await _bodies(c)
        archive = await c.call("events", "DescribeArchive", ArchiveName=found["Archive"])
        assert (archive["EventCount"], archive["RetentionDays"]) == (1, 3)
        changed = TEMPLATE.replace("RetentionDays: 3", "RetentionDays: 4").replace(
            "https://example.com/x", "https://e.com"
        )
        changed = changed.replace(
            "        - {Id: two, Arn: !GetAtt Queue.Arn, RetryPolicy: {MaximumRetryAttempts: 3}}\n", ""
        )
        await c.cfn("UpdateStack", StackName="s", TemplateBody=changed)
        assert await c.failures() == []
        targets = (await c.call("events", "ListTargetsByRule", Rule=rule, EventBusName="orders"))["Targets"]
        assert [target["Id"] for target in targets] == ["one"]
        await c.cfn("DeleteStack", StackName="s")
        assert [b["Name"] for b in (await c.call("events", "ListEventBuses"))["EventBuses"]] == ["default"]
        assert (await c.call("events", "ListArchives"))["Archives"] == []
        assert (await c.call("events", "ListConnections"))["Connections"] == []

    run(scenario)


def test_a_rule_that_is_there_is_not_taken_over() -> None:
    async def scenario(c: Cloud) -> None:
        await c.call("events", "PutRule", Name="mine", ScheduleExpression="rate(1 day)")
        template = (
            "Resources: {R: {Type: AWS::Events::Rule, Properties: {Name: mine, ScheduleExpression: rate(1 minute)}}}"
        )
        await c.cfn("CreateStack", StackName="s", TemplateBody=template)
        assert any("already exists" in failure for failure in await c.failures())
        assert (await c.call("events", "DescribeRule", Name="mine"))["ScheduleExpression"] == "rate(1 day)"

    run(scenario)


def test_the_events_of_a_sam_function_invoke_it() -> None:
    async def scenario(c: Cloud) -> None:
        heard: list[Any] = []

        async def hear(payload: bytes) -> None:
            heard.append(json.loads(payload))

        c.compute.answer = hear
        await c.cfn(
            "CreateStack", StackName="s", TemplateBody=SAM, Capabilities=["CAPABILITY_IAM", "CAPABILITY_AUTO_EXPAND"]
        )
        assert await c.failures() == []
        await c.call("events", "PutEvents", Entries=[_entry()])
        await c.relay.settled()
        assert [event["source"] for event in heard] == ["shop"]
        c.cloud.clock.advance(300 * 1_000_000_000)
        for _ in range(4):
            await c.relay.settled()
            await asyncio.sleep(0)
        assert {"a": 1} in heard

    run(scenario)


def test_what_happens_to_stacks_is_on_the_default_bus() -> None:
    async def scenario(c: Cloud) -> None:
        queue = f"arn:aws:sqs:{REGION}:{ACCOUNT}:q"
        policy = {"Effect": "Allow", "Principal": "*", "Action": "sqs:SendMessage", "Resource": queue}
        text = json.dumps({"Version": "2012-10-17", "Statement": [policy]})
        await c.call("sqs", "CreateQueue", QueueName="q", Attributes={"Policy": text})
        pattern = {"source": ["aws.cloudformation"], "detail": {"status-details": {"status": ["CREATE_COMPLETE"]}}}
        await c.call("events", "PutRule", Name="r", EventPattern=json.dumps(pattern))
        await c.call("events", "PutTargets", Rule="r", Targets=[{"Id": "t", "Arn": queue}])
        template = "Resources: {Bus: {Type: AWS::Events::EventBus, Properties: {Name: b}}}"
        stack = (await c.cfn("CreateStack", StackName="s", TemplateBody=template))["StackId"]
        for _ in range(4):
            await c.relay.settled()
            await asyncio.sleep(0)
        found = {event["detail-type"]: event for event in await _bodies(c)}
        assert set(found) == {"CloudFormation Stack Status Change", "CloudFormation Resource Status Change"}
        resource = found["CloudFormation Resource Status Change"]
        assert (resource["resources"], resource["source"]) == ([stack], "aws.cloudformation")
        detail = resource["detail"]
        assert (detail["logical-resource-id"], detail["resource-type"]) == ("Bus", "AWS::Events::EventBus")

    run(scenario)


def test_a_rule_that_moves_to_another_bus_is_replaced() -> None:
    async def scenario(c: Cloud) -> None:
        template = """
Resources:
  One: {Type: AWS::Events::EventBus, Properties: {Name: one}}
  Two: {Type: AWS::Events::EventBus, Properties: {Name: two}}
  Rule: {Type: AWS::Events::Rule, Properties: {EventBusName: !Ref One, EventPattern: {source: [shop]}}}
Outputs:
  Rule: {Value: !Ref Rule}
  Name: {Value: !GetAtt Rule.RuleName}
"""
        await c.cfn("CreateStack", StackName="s", TemplateBody=template)
        await c.cfn("UpdateStack", StackName="s", TemplateBody=template.replace("!Ref One", "!Ref Two"))
        assert await c.failures() == []
        found = await _outputs(c)
        assert found["Rule"] == f"two|{found['Name']}"
        assert (await c.call("events", "ListRules", EventBusName="one"))["Rules"] == []
        (rule,) = (await c.call("events", "ListRules", EventBusName="two"))["Rules"]
        assert rule["Name"] == found["Name"]

    run(scenario)
