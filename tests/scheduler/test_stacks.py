"""Schedules, their groups and pipes in stacks."""

from __future__ import annotations

import pytest

from tests.cloudformation.cloud import Cloud, run

TEMPLATE = """
Parameters:
  Rate: {Type: String, Default: rate(5 minutes)}
  State: {Type: String, Default: RUNNING}
Resources:
  Role:
    Type: AWS::IAM::Role
    Properties:
      AssumeRolePolicyDocument:
        Version: "2012-10-17"
        Statement:
          - Effect: Allow
            Action: sts:AssumeRole
            Principal: {Service: [scheduler.amazonaws.com, pipes.amazonaws.com]}
      Policies:
        - PolicyName: p
          PolicyDocument: {Version: "2012-10-17", Statement: [{Effect: Allow, Action: "sqs:*", Resource: "*"}]}
  Queue: {Type: AWS::SQS::Queue, Properties: {QueueName: q}}
  Out: {Type: AWS::SQS::Queue, Properties: {QueueName: out}}
  Group: {Type: AWS::Scheduler::ScheduleGroup, Properties: {Name: g, Tags: [{Key: a, Value: b}]}}
  Schedule:
    Type: AWS::Scheduler::Schedule
    Properties:
      Name: s
      GroupName: !Ref Group
      ScheduleExpression: !Ref Rate
      ScheduleExpressionTimezone: Europe/Berlin
      EndDate: "2099-01-01T00:00:00.000Z"
      FlexibleTimeWindow: {Mode: FLEXIBLE, MaximumWindowInMinutes: "15"}
      Target:
        Arn: !GetAtt Queue.Arn
        RoleArn: !GetAtt Role.Arn
        RetryPolicy: {MaximumRetryAttempts: 3}
  Pipe:
    Type: AWS::Pipes::Pipe
    Properties:
      Name: p
      RoleArn: !GetAtt Role.Arn
      Source: !GetAtt Queue.Arn
      SourceParameters: {SqsQueueParameters: {BatchSize: 5}}
      Target: !GetAtt Out.Arn
      DesiredState: !Ref State
      Tags: {c: d}
Outputs:
  Schedule: {Value: !GetAtt Schedule.Arn}
  Pipe: {Value: !GetAtt Pipe.Arn}
  Names: {Value: !Sub "${Group} ${Schedule} ${Pipe}"}
"""


def test_a_stack_of_schedules_and_pipes() -> None:
    async def scenario(c: Cloud) -> None:
        await c.cfn("CreateStack", StackName="s", TemplateBody=TEMPLATE, Capabilities=["CAPABILITY_IAM"])
        assert await c.failures() == []
        outputs = {one["OutputKey"]: one["OutputValue"] for one in (await c.stack())["Outputs"]}
        assert outputs["Names"] == "g s p"
        shown = await c.call("scheduler", "GetSchedule", Name="s", GroupName="g")
        assert shown["Arn"] == outputs["Schedule"]
        assert shown["ScheduleExpression"] == "rate(5 minutes)"
        assert shown["FlexibleTimeWindow"] == {"Mode": "FLEXIBLE", "MaximumWindowInMinutes": 15}
        assert shown["Target"]["RetryPolicy"] == {"MaximumRetryAttempts": 3, "MaximumEventAgeInSeconds": 86400}
        pipe = await c.call("pipes", "DescribePipe", Name="p")
        assert (pipe["Arn"], pipe["DesiredState"], pipe["Tags"]["c"]) == (outputs["Pipe"], "RUNNING", "d")
        assert pipe["SourceParameters"] == {"SqsQueueParameters": {"BatchSize": 5}}
        rate = {"ParameterKey": "Rate", "ParameterValue": "rate(10 minutes)"}
        await c.cfn(
            "UpdateStack",
            StackName="s",
            UsePreviousTemplate=True,
            Capabilities=["CAPABILITY_IAM"],
            Parameters=[rate],
        )
        assert await c.failures() == []
        shown = await c.call("scheduler", "GetSchedule", Name="s", GroupName="g")
        assert shown["ScheduleExpression"] == "rate(10 minutes)"
        await c.cfn("DeleteStack", StackName="s")
        groups = (await c.call("scheduler", "ListScheduleGroups"))["ScheduleGroups"]
        assert [one["Name"] for one in groups] == ["default"]
        assert (await c.call("scheduler", "ListSchedules"))["Schedules"] == []
        (left,) = (await c.call("pipes", "ListPipes"))["Pipes"]  # nobody polls here who could say that it is gone
        assert left["CurrentState"] == "DELETING"

    run(scenario)


SAM = """
Transform: AWS::Serverless-2016-10-31
Resources:
  Function:
    Type: AWS::Serverless::Function
    Properties:
      Runtime: python3.11
      Handler: index.handler
      InlineCode: "def handler(event, context): pass"
      Events:
        Tick:
          Type: ScheduleV2
          Properties: {ScheduleExpression: rate(1 minute), Input: '{"a": 1}'}
"""


@pytest.mark.slow
def test_a_function_of_sam_is_called_by_its_schedule() -> None:
    async def scenario(c: Cloud) -> None:
        seen: list[bytes] = []

        async def answer(payload: bytes) -> None:
            seen.append(payload)

        c.compute.answer = answer
        capabilities = ["CAPABILITY_IAM", "CAPABILITY_AUTO_EXPAND"]
        await c.cfn("CreateStack", StackName="s", TemplateBody=SAM, Capabilities=capabilities)
        assert await c.failures() == []
        await c.relay.settled()
        assert seen == [b'{"a": 1}']

    run(scenario)
