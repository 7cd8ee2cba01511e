"""Alarms and dashboards in stacks."""

from __future__ import annotations

from tests.cloudformation.cloud import Cloud, run

TEMPLATE = """
Parameters:
  Threshold: {Type: Number, Default: 1}
Resources:
  Topic: {Type: AWS::SNS::Topic, Properties: {TopicName: t}}
  Alarm:
    Type: AWS::CloudWatch::Alarm
    Properties:
      AlarmName: a
      Namespace: AWS/SQS
      MetricName: ApproximateNumberOfMessagesVisible
      Dimensions: [{Name: QueueName, Value: q}]
      Statistic: Maximum
      Period: 60
      EvaluationPeriods: 1
      ComparisonOperator: GreaterThanThreshold
      Threshold: !Ref Threshold
      AlarmActions: [!Ref Topic]
      Tags: [{Key: k, Value: v}]
  Both:
    Type: AWS::CloudWatch::CompositeAlarm
    Properties: {AlarmRule: !Sub "ALARM(${Alarm})"}
  Board:
    Type: AWS::CloudWatch::Dashboard
    Properties: {DashboardName: d, DashboardBody: '{"widgets":[]}'}
Outputs:
  Alarm: {Value: !GetAtt Alarm.Arn}
  Both: {Value: !Ref Both}
"""


def test_a_stack_of_alarms() -> None:
    async def scenario(c: Cloud) -> None:
        await c.cfn("CreateStack", StackName="s", TemplateBody=TEMPLATE)
        assert await c.failures() == []
        outputs = {one["OutputKey"]: one["OutputValue"] for one in (await c.stack())["Outputs"]}
        shown = (await c.call("cloudwatch", "DescribeAlarms", AlarmNames=["a"]))["MetricAlarms"][0]
        assert (shown["AlarmArn"], shown["Threshold"]) == (outputs["Alarm"], 1.0)
        assert shown["AlarmActions"] == ["arn:aws:sns:us-east-1:000000000000:t"]
        tags = (await c.call("cloudwatch", "ListTagsForResource", ResourceARN=outputs["Alarm"]))["Tags"]
        assert {"Key": "k", "Value": "v"} in tags
        both = await c.call("cloudwatch", "DescribeAlarms", AlarmNames=[outputs["Both"]])
        assert both["CompositeAlarms"][0]["AlarmRule"] == "ALARM(a)"
        threshold = {"ParameterKey": "Threshold", "ParameterValue": "2.5"}
        await c.cfn("UpdateStack", StackName="s", UsePreviousTemplate=True, Parameters=[threshold])
        assert await c.failures() == []
        shown = (await c.call("cloudwatch", "DescribeAlarms", AlarmNames=["a"]))["MetricAlarms"][0]
        assert shown["Threshold"] == 2.5
        await c.cfn("DeleteStack", StackName="s")
        left = await c.call("cloudwatch", "DescribeAlarms", AlarmTypes=["MetricAlarm", "CompositeAlarm"])
        assert left == {"MetricAlarms": [], "CompositeAlarms": [], "LogAlarms": []}
        assert (await c.call("cloudwatch", "ListDashboards"))["DashboardEntries"] == []

    run(scenario)
