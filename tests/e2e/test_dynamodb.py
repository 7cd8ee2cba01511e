"""DynamoDB as applications use it: boto3's resource layer, with conditions, batch writer, paginators and waiters."""

from __future__ import annotations

from collections.abc import Iterator
from decimal import Decimal
from typing import Any

import boto3
import pytest
from boto3.dynamodb.conditions import Attr, Key
from boto3.dynamodb.types import Binary
from botocore.exceptions import ClientError

from .node import REGION, Node

pytestmark = pytest.mark.e2e


def resource(node: Node) -> Any:
    """boto3's resource of the root user."""
    return boto3.resource(
        "dynamodb",
        endpoint_url=node.url,
        region_name=REGION,
        aws_access_key_id="test",
        aws_secret_access_key="test",
    )


@pytest.fixture(scope="module")
def dynamodb(node: Node) -> Any:
    """boto3's resource, on the node that the session shares."""
    return resource(node)


@pytest.fixture
def table(dynamodb: Any) -> Iterator[Any]:
    """A table with a global index and a stream."""
    made = dynamodb.create_table(
        TableName="orders",
        AttributeDefinitions=[
            {"AttributeName": "user", "AttributeType": "S"},
            {"AttributeName": "at", "AttributeType": "N"},
            {"AttributeName": "state", "AttributeType": "S"},
        ],
        KeySchema=[{"AttributeName": "user", "KeyType": "HASH"}, {"AttributeName": "at", "KeyType": "RANGE"}],
        GlobalSecondaryIndexes=[
            {
                "IndexName": "by-state",
                "KeySchema": [{"AttributeName": "state", "KeyType": "HASH"}],
                "Projection": {"ProjectionType": "ALL"},
            }
        ],
        StreamSpecification={"StreamEnabled": True, "StreamViewType": "NEW_AND_OLD_IMAGES"},
        BillingMode="PAY_PER_REQUEST",
    )
    made.wait_until_exists()
    yield made
    made.delete()
    made.wait_until_not_exists()


def test_items_come_back_as_python_values(table: Any) -> None:
    item = {
        "user": "ada",
        "at": Decimal("-1.5"),
        "data": Binary(b"\x00\xff"),
        "set": {"a", "b"},
        "numbers": {Decimal("1"), Decimal("2.5")},
        "deep": {"list": [None, True, {"x": Decimal("1E+20")}]},
    }
    table.put_item(Item=item)
    assert table.get_item(Key={"user": "ada", "at": Decimal("-1.5")})["Item"] == item
    assert table.item_count == 1


def test_conditions_and_updates(table: Any) -> None:
    key = {"user": "ada", "at": 1}
    table.put_item(Item={**key, "stock": 5}, ConditionExpression=Attr("user").not_exists())
    with pytest.raises(ClientError) as refused:
        table.put_item(Item=key, ConditionExpression=Attr("stock").lt(5), ReturnValuesOnConditionCheckFailure="ALL_OLD")
    assert refused.value.response["Error"]["Code"] == "ConditionalCheckFailedException"
    assert refused.value.response["Item"]["stock"] == {"N": "5"}
    changed = table.update_item(
        Key=key,
        UpdateExpression="SET stock = stock - :n, tags = list_append(if_not_exists(tags, :none), :t)",
        ConditionExpression=Attr("stock").gte(2) & Attr("gone").not_exists(),
        ExpressionAttributeValues={":n": 2, ":t": ["sold"], ":none": []},
        ReturnValues="UPDATED_NEW",
    )
    assert changed["Attributes"] == {"stock": 3, "tags": ["sold"]}


def test_batch_writer_queries_and_paginators(dynamodb: Any, table: Any) -> None:
    with table.batch_writer(overwrite_by_pkeys=["user", "at"]) as batch:
        for number in range(120):
            batch.put_item(Item={"user": f"u{number % 3}", "at": number, "state": "new" if number % 2 else "old"})
        batch.delete_item(Key={"user": "u0", "at": 0})
    found = table.query(KeyConditionExpression=Key("user").eq("u0") & Key("at").between(30, 60))
    assert [int(item["at"]) for item in found["Items"]] == list(range(30, 61, 3))
    backwards = table.query(
        KeyConditionExpression=Key("user").eq("u1"),
        FilterExpression=Attr("state").eq("old"),
        ScanIndexForward=False,
        Limit=3,
        ProjectionExpression="#a",
        ExpressionAttributeNames={"#a": "at"},
    )
    assert backwards["Items"] == [{"at": 118}, {"at": 112}]
    assert backwards["ScannedCount"] == 3
    client = dynamodb.meta.client
    pages = client.get_paginator("query").paginate(
        TableName="orders",
        IndexName="by-state",
        KeyConditionExpression=Key("state").eq("new"),
        PaginationConfig={"PageSize": 7},
    )
    counts = [page["Count"] for page in pages]
    assert sum(counts) == 60
    assert max(counts) == 7
    scanned = client.get_paginator("scan").paginate(TableName="orders", PaginationConfig={"PageSize": 50})
    assert sum(len(page["Items"]) for page in scanned) == 119
    segments = [client.scan(TableName="orders", Segment=n, TotalSegments=4)["Count"] for n in range(4)]
    assert sum(segments) == 119


def test_transactions(dynamodb: Any, table: Any) -> None:
    client = dynamodb.meta.client
    put = {"Put": {"TableName": "orders", "Item": {"user": "t", "at": 1}}}
    client.transact_write_items(TransactItems=[put], ClientRequestToken="token")
    guarded = {"Put": {**put["Put"], "ConditionExpression": "attribute_not_exists(#u)"}}
    guarded["Put"]["ExpressionAttributeNames"] = {"#u": "user"}
    other = {"Put": {"TableName": "orders", "Item": {"user": "t", "at": 2}}}
    with pytest.raises(client.exceptions.TransactionCanceledException) as cancelled:
        client.transact_write_items(TransactItems=[guarded, other])
    codes = [reason["Code"] for reason in cancelled.value.response["CancellationReasons"]]
    assert codes == ["ConditionalCheckFailed", "None"]
    get = {"Get": {"TableName": "orders", "Key": {"user": "t", "at": 2}}}
    assert client.transact_get_items(TransactItems=[get])["Responses"] == [{}]


def test_changes_are_read_from_the_stream(node: Node, table: Any) -> None:
    table.put_item(Item={"user": "s", "at": 1, "blob": b"\x90"})
    table.delete_item(Key={"user": "s", "at": 1})
    streams = node.client("dynamodbstreams")
    shards = streams.describe_stream(StreamArn=table.latest_stream_arn)["StreamDescription"]["Shards"]
    iterator = streams.get_shard_iterator(
        StreamArn=table.latest_stream_arn, ShardId=shards[0]["ShardId"], ShardIteratorType="TRIM_HORIZON"
    )["ShardIterator"]
    records = streams.get_records(ShardIterator=iterator)["Records"]
    assert [record["eventName"] for record in records] == ["INSERT", "REMOVE"]
    assert records[0]["dynamodb"]["NewImage"]["blob"] == {"B": b"\x90"}


def test_a_table_survives_a_crash(tmp_path: Any) -> None:
    node = Node(tmp_path / "cloud").start()
    things = resource(node).create_table(
        TableName="things",
        AttributeDefinitions=[{"AttributeName": "id", "AttributeType": "S"}],
        KeySchema=[{"AttributeName": "id", "KeyType": "HASH"}],
        BillingMode="PAY_PER_REQUEST",
    )
    for number in range(20):
        things.put_item(Item={"id": f"{number}"})
    node.kill()
    node.start()
    again = resource(node).Table("things")
    assert len(again.scan()["Items"]) == 20
    assert again.item_count == 20
    node.stop()
