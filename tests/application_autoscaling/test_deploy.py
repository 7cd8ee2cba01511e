"""AWS::ApplicationAutoScaling::ScalableTarget and ScalingPolicy, as CDK's auto scaling of a table writes them."""

from __future__ import annotations

from typing import Any

from tests.cloudformation.cloud import Cloud, run

TEMPLATE = """
Resources:
  Table:
    Type: AWS::DynamoDB::Table
    Properties:
      TableName: orders
      AttributeDefinitions: [{AttributeName: pk, AttributeType: S}]
      KeySchema: [{AttributeName: pk, KeyType: HASH}]
      ProvisionedThroughput: {ReadCapacityUnits: 5, WriteCapacityUnits: 5}
  Target:
    Type: AWS::ApplicationAutoScaling::ScalableTarget
    Properties:
      MinCapacity: MINIMUM
      MaxCapacity: 50
      ResourceId: !Sub table/${Table}
      ScalableDimension: dynamodb:table:ReadCapacityUnits
      ServiceNamespace: dynamodb
      RoleARN: !Sub arn:aws:iam::${AWS::AccountId}:role/aws-service-role/any
      ScheduledActions:
        - ScheduledActionName: ACTION
          Schedule: cron(0 8 * * ? *)
          ScalableTargetAction: {MinCapacity: 20}
  Policy:
    Type: AWS::ApplicationAutoScaling::ScalingPolicy
    Properties:
      PolicyName: follow
      PolicyType: TargetTrackingScaling
      ScalingTargetId: !Ref Target
      TargetTrackingScalingPolicyConfiguration:
        TargetValue: PERCENT
        PredefinedMetricSpecification: {PredefinedMetricType: DynamoDBReadCapacityUtilization}
Outputs:
  Target: {Value: !Ref Target}
  Policy: {Value: !Ref Policy}
"""


def template(minimum: int, action: str, percent: int) -> str:
    """The template with some of its values."""
    return TEMPLATE.replace("MINIMUM", str(minimum)).replace("ACTION", action).replace("PERCENT", str(percent))


async def shown(c: Cloud, what: str) -> list[dict[str, Any]]:
    """Everything of a kind that the service describes."""
    answer = await c.call("application-autoscaling", f"Describe{what}", ServiceNamespace="dynamodb")
    found: list[dict[str, Any]] = answer[what]
    return found


def test_a_stack_makes_changes_and_removes_auto_scaling() -> None:
    async def body(c: Cloud) -> None:
        await c.cfn("CreateStack", StackName="s", TemplateBody=template(6, "morning", 70))
        assert await c.failures() == []
        made = await c.stack()
        values = {item["OutputKey"]: item["OutputValue"] for item in made["Outputs"]}
        assert values["Target"] == "table/orders|dynamodb:table:ReadCapacityUnits|dynamodb"
        (target,) = await shown(c, "ScalableTargets")
        assert (target["MinCapacity"], target["MaxCapacity"]) == (6, 50)
        (policy,) = await shown(c, "ScalingPolicies")
        assert policy["PolicyARN"] == values["Policy"]
        table = (await c.call("dynamodb", "DescribeTable", TableName="orders"))["Table"]
        assert table["ProvisionedThroughput"]["ReadCapacityUnits"] == 6
        await c.cfn("UpdateStack", StackName="s", TemplateBody=template(7, "early", 50))
        assert await c.failures() == []
        (target,) = await shown(c, "ScalableTargets")
        assert target["MinCapacity"] == 7
        assert [one["ScheduledActionName"] for one in await shown(c, "ScheduledActions")] == ["early"]
        (policy,) = await shown(c, "ScalingPolicies")
        assert policy["TargetTrackingScalingPolicyConfiguration"]["TargetValue"] == 50
        await c.cfn("DeleteStack", StackName="s")
        for what in ("ScalableTargets", "ScalingPolicies", "ScheduledActions"):
            assert await shown(c, what) == []

    run(body)
