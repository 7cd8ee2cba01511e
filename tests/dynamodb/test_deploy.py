"""AWS::DynamoDB::Table and SAM's AWS::Serverless::SimpleTable."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest

from lambent.contracts.errors import ServiceError
from tests.cloudformation.cloud import Cloud, run

TEMPLATE = """
Resources:
  Table:
    Type: AWS::DynamoDB::Table
    Properties:
      TableName: orders
      BillingMode: PAY_PER_REQUEST
      AttributeDefinitions:
        - {AttributeName: pk, AttributeType: S}
        - {AttributeName: sk, AttributeType: S}
      KeySchema:
        - {AttributeName: pk, KeyType: HASH}
        - {AttributeName: sk, KeyType: RANGE}
      GlobalSecondaryIndexes:
        - IndexName: by-sk
          KeySchema: [{AttributeName: sk, KeyType: HASH}]
          Projection: {ProjectionType: ALL}
      StreamSpecification: {StreamViewType: NEW_IMAGE}
      TimeToLiveSpecification: {AttributeName: ttl, Enabled: true}
      PointInTimeRecoverySpecification: {PointInTimeRecoveryEnabled: true}
      DeletionProtectionEnabled: true
      Tags: [{Key: team, Value: blue}]
Outputs:
  Name: {Value: !Ref Table}
  Arn: {Value: !GetAtt Table.Arn}
  Stream: {Value: !GetAtt Table.StreamArn}
"""
ARN = "arn:aws:dynamodb:us-east-1:000000000000:table/orders"


def outputs(stack: dict[str, Any]) -> dict[str, str]:
    return {item["OutputKey"]: item["OutputValue"] for item in stack.get("Outputs", [])}


async def table(c: Cloud) -> dict[str, Any]:
    found: dict[str, Any] = (await c.call("dynamodb", "DescribeTable", TableName="orders"))["Table"]
    return found


async def update(c: Cloud, template: str) -> None:
    """Update the stack while the clock goes on, which a handler that waits for an index asks for."""
    await c.cloud.call("cloudformation", "UpdateStack", StackName="s", TemplateBody=template)
    for _ in range(400):
        await asyncio.sleep(0)
        c.cloud.clock.advance(100_000_000)
    await c.relay.settled()


def test_a_table_is_made_changed_replaced_and_removed() -> None:
    async def scenario(c: Cloud) -> None:
        await c.cfn("CreateStack", StackName="s", TemplateBody=TEMPLATE)
        assert await c.failures() == []
        found = outputs(await c.stack())
        made = await table(c)
        assert found == {"Name": "orders", "Arn": ARN, "Stream": made["LatestStreamArn"]}
        assert made["DeletionProtectionEnabled"] is True
        expiry = await c.call("dynamodb", "DescribeTimeToLive", TableName="orders")
        assert expiry["TimeToLiveDescription"]["AttributeName"] == "ttl"
        tags = await c.call("dynamodb", "ListTagsOfResource", ResourceArn=ARN)
        assert tags["Tags"] == [{"Key": "team", "Value": "blue"}]
        changed = (
            TEMPLATE.replace("by-sk", "by-other").replace("NEW_IMAGE", "OLD_IMAGE").replace("blue", "green")
        ).replace("DeletionProtectionEnabled: true", "TableClass: STANDARD_INFREQUENT_ACCESS")
        await update(c, changed)
        assert (await c.stack())["StackStatus"] == "UPDATE_COMPLETE"
        now = await table(c)
        assert now["TableId"] == made["TableId"]
        assert [index["IndexName"] for index in now["GlobalSecondaryIndexes"]] == ["by-other"]
        assert now["StreamSpecification"]["StreamViewType"] == "OLD_IMAGE"
        assert now["TableClassSummary"]["TableClass"] == "STANDARD_INFREQUENT_ACCESS"
        # Other keys make another table, which may not have the name of the one that is still there.
        await update(c, changed.replace("{AttributeName: pk, KeyType: HASH}", "{AttributeName: sk, KeyType: HASH}")
            .replace("{AttributeName: sk, KeyType: RANGE}", "{AttributeName: pk, KeyType: RANGE}"))  # fmt: skip
        assert (await c.stack())["StackStatus"] == "UPDATE_ROLLBACK_COMPLETE"
        await c.cfn("DeleteStack", StackName="s")
        assert (await c.call("dynamodb", "ListTables"))["TableNames"] == []

    run(scenario)


def test_a_simple_table_of_sam() -> None:
    async def scenario(c: Cloud) -> None:
        template = """
Transform: AWS::Serverless-2016-10-31
Resources:
  Things: {Type: AWS::Serverless::SimpleTable}
Outputs:
  Name: {Value: !Ref Things}
"""
        await c.cfn("CreateStack", StackName="s", TemplateBody=template, Capabilities=["CAPABILITY_AUTO_EXPAND"])
        assert await c.failures() == []
        name = outputs(await c.stack())["Name"]
        found = (await c.call("dynamodb", "DescribeTable", TableName=name))["Table"]
        assert found["KeySchema"] == [{"AttributeName": "id", "KeyType": "HASH"}]
        assert found["BillingModeSummary"]["BillingMode"] == "PAY_PER_REQUEST"

    run(scenario)


def test_what_is_not_built_is_named() -> None:
    async def scenario(c: Cloud) -> None:
        kinesis = "      KinesisStreamSpecification: {StreamArn: 'arn:aws:kinesis:us-east-1:000000000000:stream/x'}\n"
        template = TEMPLATE.replace("      Tags:", kinesis + "      Tags:")
        await c.cfn("CreateStack", StackName="s", TemplateBody=template)
        assert any("KinesisStreamSpecification of AWS::DynamoDB::Table" in line for line in await c.failures())
        with pytest.raises(ServiceError) as missing:
            await c.call("dynamodb", "DescribeTable", TableName="orders")
        assert missing.value.code == "ResourceNotFoundException"

    run(scenario)


GLOBAL = """
Resources:
  Table:
    Type: AWS::DynamoDB::GlobalTable
    Properties:
      BillingMode: PAY_PER_REQUEST
      AttributeDefinitions: [{AttributeName: id, AttributeType: S}]
      KeySchema: [{AttributeName: id, KeyType: HASH}]
      GlobalSecondaryIndexes:
        - {IndexName: by-id, KeySchema: [{AttributeName: id, KeyType: HASH}], Projection: {ProjectionType: ALL}}
      StreamSpecification: {StreamViewType: NEW_IMAGE}
      Replicas:
        - Region: us-east-1
          GlobalSecondaryIndexes: [{IndexName: by-id}]
          TableClass: STANDARD
          Tags: [{Key: a, Value: b}]
Outputs:
  Name: {Value: !Ref Table}
  Id: {Value: !GetAtt Table.TableId}
  Stream: {Value: !GetAtt Table.StreamArn}
"""


def test_a_global_table_of_one_region_is_a_table() -> None:
    async def scenario(c: Cloud) -> None:
        await c.cfn("CreateStack", StackName="s", TemplateBody=GLOBAL)
        assert await c.failures() == []
        shown = outputs(await c.stack())
        found = (await c.call("dynamodb", "DescribeTable", TableName=shown["Name"]))["Table"]
        assert (found["TableId"], found["LatestStreamArn"]) == (shown["Id"], shown["Stream"])
        tags = await c.call("dynamodb", "ListTagsOfResource", ResourceArn=found["TableArn"])
        assert tags["Tags"] == [{"Key": "a", "Value": "b"}]
        changed = GLOBAL.replace("TableClass: STANDARD", "DeletionProtectionEnabled: true")
        await c.cfn("UpdateStack", StackName="s", TemplateBody=changed)
        found = (await c.call("dynamodb", "DescribeTable", TableName=shown["Name"]))["Table"]
        assert found["DeletionProtectionEnabled"] is True
        await c.cfn("UpdateStack", StackName="s", TemplateBody=GLOBAL)
        await c.cfn("DeleteStack", StackName="s")
        assert (await c.call("dynamodb", "ListTables"))["TableNames"] == []

    run(scenario)


@pytest.mark.parametrize(
    ("old", "new", "named"),
    [
        ("Region: us-east-1", "Region: eu-west-1", "replicas in other regions"),
        ("      Replicas:", "      MultiRegionConsistency: STRONG\n      Replicas:", "MultiRegionConsistency"),
        ("BillingMode: PAY_PER_REQUEST", "BillingMode: PROVISIONED", "BillingMode"),
        ("TableClass: STANDARD", "KinesisStreamSpecification: {StreamArn: x}", "Replicas/KinesisStreamSpecification"),
    ],
)
def test_what_is_not_built_of_global_tables_is_named(old: str, new: str, named: str) -> None:
    async def scenario(c: Cloud) -> None:
        assert old in GLOBAL
        await c.cfn("CreateStack", StackName="s", TemplateBody=GLOBAL.replace(old, new))
        assert any(named in line for line in await c.failures())
        assert (await c.call("dynamodb", "ListTables"))["TableNames"] == []

    run(scenario)
