"""AWS::SNS::* in stacks."""

from __future__ import annotations

import json

import pytest

from tests.cloudformation.cloud import Cloud, run

TEMPLATE = """
Resources:
  Queue:
    Type: AWS::SQS::Queue
    Properties: {QueueName: q}
  Topic:
    Type: AWS::SNS::Topic
    Properties:
      TopicName: news
      DisplayName: News
      Tags: [{Key: Department, Value: Press}]
      Subscription: [{Protocol: email, Endpoint: someone@example.com}]
  Fifo:
    Type: AWS::SNS::Topic
    Properties: {FifoTopic: true, ContentBasedDeduplication: true}
  Policy:
    Type: AWS::SNS::TopicPolicy
    Properties:
      Topics: [!Ref Topic]
      PolicyDocument:
        Version: '2012-10-17'
        Statement:
          - {Effect: Allow, Principal: {Service: s3.amazonaws.com}, Action: sns:Publish, Resource: !Ref Topic}
  Subscription:
    Type: AWS::SNS::Subscription
    Properties:
      TopicArn: !Ref Topic
      Protocol: sqs
      Endpoint: !GetAtt Queue.Arn
      RawMessageDelivery: true
      FilterPolicyScope: MessageBody
      FilterPolicy: {kind: {of: [order]}}
Outputs:
  Topic: {Value: !GetAtt Topic.TopicName}
  Fifo: {Value: !GetAtt Fifo.TopicArn}
  Subscription: {Value: !Ref Subscription}
"""
TOPIC = "arn:aws:sns:us-east-1:000000000000:news"


@pytest.mark.slow
def test_topics_are_made_changed_and_removed() -> None:
    async def scenario(c: Cloud) -> None:
        await c.cfn("CreateStack", StackName="s", TemplateBody=TEMPLATE)
        assert await c.failures() == []
        outputs = {one["OutputKey"]: one["OutputValue"] for one in (await c.stack())["Outputs"]}
        assert outputs["Topic"] == "news"
        assert outputs["Fifo"].endswith(".fifo")
        shown = (await c.call("sns", "GetTopicAttributes", TopicArn=TOPIC))["Attributes"]
        assert (shown["DisplayName"], shown["SubscriptionsConfirmed"], shown["SubscriptionsPending"]) == (
            "News",
            "1",
            "1",
        )
        assert "s3.amazonaws.com" in shown["Policy"]
        arn = outputs["Subscription"]
        found = (await c.call("sns", "GetSubscriptionAttributes", SubscriptionArn=arn))["Attributes"]
        assert json.loads(found["FilterPolicy"]) == {"kind": {"of": ["order"]}}
        assert (found["RawMessageDelivery"], found["FilterPolicyScope"]) == ("true", "MessageBody")
        changed = (
            TEMPLATE.replace("      DisplayName: News\n", "")
            .replace("      FilterPolicyScope: MessageBody\n", "")
            .replace("{kind: {of: [order]}}", "{kind: [order]}")
            .replace("      Subscription: [{Protocol: email, Endpoint: someone@example.com}]\n", "")
            .replace("Value: Press", "Value: Print")
        )
        await c.cfn("UpdateStack", StackName="s", TemplateBody=changed)
        assert (await c.stack())["StackStatus"] == "UPDATE_COMPLETE"
        shown = (await c.call("sns", "GetTopicAttributes", TopicArn=TOPIC))["Attributes"]
        assert (shown["DisplayName"], shown["SubscriptionsPending"]) == ("", "0")
        found = (await c.call("sns", "GetSubscriptionAttributes", SubscriptionArn=arn))["Attributes"]
        assert (found["FilterPolicy"], found["FilterPolicyScope"]) == ('{"kind":["order"]}', "MessageAttributes")
        tags = (await c.call("sns", "ListTagsForResource", ResourceArn=TOPIC))["Tags"]
        assert {"Key": "Department", "Value": "Print"} in tags
        await c.cfn("DeleteStack", StackName="s")
        assert (await c.call("sns", "ListTopics"))["Topics"] == []
        assert (await c.call("sns", "ListSubscriptions"))["Subscriptions"] == []

    run(scenario)


@pytest.mark.slow
def test_a_topic_that_is_there_is_not_taken_over() -> None:
    async def scenario(c: Cloud) -> None:
        await c.call("sns", "CreateTopic", Name="news")
        template = "Resources: {T: {Type: AWS::SNS::Topic, Properties: {TopicName: news}}}"
        await c.cfn("CreateStack", StackName="s", TemplateBody=template)
        assert any("already exists" in reason for reason in await c.failures())
        assert len((await c.call("sns", "ListTopics"))["Topics"]) == 1

    run(scenario)
