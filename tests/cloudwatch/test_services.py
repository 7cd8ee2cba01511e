"""What services tell CloudWatch of themselves."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest

from lambent.contracts.errors import ServiceError
from tests.support import ACCOUNT, REGION, TestCloud

from .noted import Noted

T = {"TableName": "items"}
KEY = {"id": {"S": "a"}}


async def _table(cloud: TestCloud, **more: Any) -> None:
    names = [{"AttributeName": "id", "AttributeType": "S"}, *more.pop("Attributes", ())]
    await cloud.call(
        "dynamodb",
        "CreateTable",
        **T,
        AttributeDefinitions=names,
        KeySchema=[{"AttributeName": "id", "KeyType": "HASH"}],
        **{"BillingMode": "PAY_PER_REQUEST", **more},
    )


def test_tables_tell_what_was_consumed_and_refused() -> None:
    async def body() -> None:
        cloud = TestCloud()
        noted = Noted.of(cloud)
        await _table(cloud)
        await cloud.call("dynamodb", "PutItem", **T, Item={**KEY, "text": {"S": "x" * 1500}})
        await cloud.call("dynamodb", "GetItem", **T, Key=KEY)
        await cloud.call("dynamodb", "GetItem", **T, Key=KEY, ConsistentRead=True)
        await cloud.call("dynamodb", "Scan", **T)
        write = [{"Delete": {**T, "Key": {"id": {"S": "b"}}}}]
        await cloud.call("dynamodb", "TransactWriteItems", TransactItems=write)
        assert noted.sum("ConsumedWriteCapacityUnits", TableName="items") == 4.0
        assert noted.sum("ConsumedReadCapacityUnits", TableName="items") == 2.0
        wrong = "attribute_not_exists(id)"
        with pytest.raises(ServiceError, match="conditional request failed"):
            await cloud.call("dynamodb", "PutItem", **T, Item=KEY, ConditionExpression=wrong)
        part = {"Put": {**T, "Item": KEY, "ConditionExpression": wrong}}
        with pytest.raises(ServiceError, match="ConditionalCheckFailed"):
            await cloud.call("dynamodb", "TransactWriteItems", TransactItems=[part])
        assert noted.sum("ConditionalCheckFailedRequests", TableName="items") == 2
        assert noted.sum("UserErrors") == 0
        for params in ({"Key": {"no": {"S": "a"}}}, {"Key": {}}, {"Key": KEY, "ProjectionExpression": "("}):
            with pytest.raises(ServiceError):
                await cloud.call("dynamodb", "GetItem", **T, **params)
        with pytest.raises(ServiceError, match="not found"):
            await cloud.call("dynamodb", "GetItem", TableName="none", Key=KEY)
        assert noted.sum("UserErrors") == 4
        assert noted.sum("ConsumedWriteCapacityUnits", TableName="items") == 4.0
        assert set(noted.places) == {(ACCOUNT, REGION, "AWS/DynamoDB")}

    asyncio.run(body())


def test_a_global_index_has_metrics_of_its_own_and_a_throttled_table_tells() -> None:
    async def body() -> None:
        cloud = TestCloud()
        noted = Noted.of(cloud)
        unit = {"ReadCapacityUnits": 1, "WriteCapacityUnits": 1}
        index = {
            "IndexName": "by_k",
            "KeySchema": [{"AttributeName": "k", "KeyType": "HASH"}],
            "Projection": {"ProjectionType": "ALL"},
            "ProvisionedThroughput": unit,
        }
        await _table(
            cloud,
            Attributes=[{"AttributeName": "k", "AttributeType": "S"}],
            GlobalSecondaryIndexes=[index],
            BillingMode="PROVISIONED",
            ProvisionedThroughput=unit,
            Tags=[{"Key": "lambent:throttle", "Value": "on"}],
        )
        await cloud.call("dynamodb", "PutItem", **T, Item={**KEY, "k": {"S": "v"}})
        await cloud.call(
            "dynamodb",
            "Query",
            **T,
            IndexName="by_k",
            KeyConditionExpression="k = :k",
            ExpressionAttributeValues={":k": {"S": "v"}},
        )
        of_index = {"TableName": "items", "GlobalSecondaryIndexName": "by_k"}
        assert noted.sum("ConsumedWriteCapacityUnits", **of_index) == 1.0
        assert noted.sum("ConsumedReadCapacityUnits", **of_index) == 0.5
        assert noted.sum("ConsumedWriteCapacityUnits", TableName="items") == 1.0
        assert noted.sum("ConsumedReadCapacityUnits", TableName="items") == 0
        large = {**KEY, "text": {"S": "x" * 330_000}}
        await cloud.call("dynamodb", "PutItem", **T, Item=large)
        with pytest.raises(ServiceError, match="provisioned throughput"):
            await cloud.call("dynamodb", "PutItem", **T, Item=large)
        assert noted.sum("ThrottledRequests", TableName="items", Operation="PutItem") == 1
        assert noted.sum("WriteThrottleEvents", TableName="items") == 1

    asyncio.run(body())
