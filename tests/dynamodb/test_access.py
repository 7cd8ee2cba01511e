"""Who may: actions, resources, condition keys, policies on tables."""

from __future__ import annotations

import json
from typing import Any

import pytest

from lambent.contracts.caller import Caller, Principal
from lambent.contracts.errors import ServiceError
from tests.support import ACCOUNT

from .support import TABLE, DynamoCloud, index, query, run, thing

ARN = f"arn:aws:dynamodb:us-east-1:{ACCOUNT}:table/{TABLE}"


async def user(cloud: DynamoCloud, *statements: dict[str, Any], name: str = "ada") -> Caller:
    """A user with these statements as a policy."""
    await cloud.call("iam", "CreateUser", UserName=name)
    policy = {"Version": "2012-10-17", "Statement": list(statements)}
    await cloud.call("iam", "PutUserPolicy", UserName=name, PolicyName="p", PolicyDocument=json.dumps(policy))
    made = (await cloud.call("iam", "GetUser", UserName=name))["User"]
    return Caller(kind=Principal.USER, account=ACCOUNT, arn=made["Arn"], user_id=made["UserId"])


def allow(action: str | list[str], resource: str | list[str] = ARN, **more: Any) -> dict[str, Any]:
    return {"Effect": "Allow", "Action": action, "Resource": resource, **more}


async def denied(cloud: DynamoCloud, caller: Caller, operation: str, **params: Any) -> str:
    with pytest.raises(ServiceError) as found:
        await cloud.call("dynamodb", operation, caller, **params)
    assert found.value.code == "AccessDeniedException", found.value.message
    return found.value.message


def test_actions_tables_and_indexes_are_told_apart() -> None:
    async def body(cloud: DynamoCloud) -> None:
        await cloud.table(GlobalSecondaryIndexes=[index("by-sk", "sk")])
        ada = await user(cloud, allow(["dynamodb:PutItem", "dynamodb:Query"]))
        await cloud.call("dynamodb", "PutItem", ada, TableName=TABLE, Item=thing("a", "1"))
        found = await cloud.call("dynamodb", "Query", ada, TableName=TABLE, **query("a"))
        assert found["Count"] == 1
        words = await denied(cloud, ada, "GetItem", TableName=TABLE, Key=thing("a", "1"))
        assert words == (
            f"User: arn:aws:iam::{ACCOUNT}:user/ada is not authorized to perform: dynamodb:GetItem on resource: {ARN} "
            "because no identity-based policy allows the dynamodb:GetItem action"
        )
        condition = {"KeyConditionExpression": "sk = :s", "ExpressionAttributeValues": {":s": {"S": "1"}}}
        words = await denied(cloud, ada, "Query", TableName=TABLE, IndexName="by-sk", **condition)
        assert f"{ARN}/index/by-sk" in words
        words = await denied(cloud, ada, "TransactWriteItems", TransactItems=[
            {"Put": {"TableName": TABLE, "Item": thing("a", "1")}},
            {"Delete": {"TableName": TABLE, "Key": thing("a", "2")}},
        ])  # fmt: skip
        assert "dynamodb:DeleteItem" in words

    run(body)


def test_leading_keys_and_attributes_fence_a_caller_in() -> None:
    async def body(cloud: DynamoCloud) -> None:
        await cloud.table()
        await cloud.put(thing("ada", "1", name="n", secret="s"), thing("bob", "1"))
        fence = {"ForAllValues:StringEquals": {"dynamodb:LeadingKeys": ["ada"]}}
        ada = await user(cloud, allow("dynamodb:*", Condition=fence))
        call = cloud.call
        assert await call("dynamodb", "GetItem", ada, TableName=TABLE, Key=thing("ada", "1"))
        assert (await call("dynamodb", "Query", ada, TableName=TABLE, **query("ada")))["Count"] == 1
        await call("dynamodb", "PutItem", ada, TableName=TABLE, Item=thing("ada", "2"))
        await denied(cloud, ada, "GetItem", TableName=TABLE, Key=thing("bob", "1"))
        await denied(cloud, ada, "Query", TableName=TABLE, **query("bob"))
        both = {TABLE: {"Keys": [thing("ada", "1"), thing("bob", "1")]}}
        await denied(cloud, ada, "BatchGetItem", RequestItems=both)
        only = {
            "ForAllValues:StringEquals": {"dynamodb:Attributes": ["pk", "sk", "name"]},
            "StringEqualsIfExists": {"dynamodb:Select": "SPECIFIC_ATTRIBUTES"},
        }
        bob = await user(cloud, allow("dynamodb:GetItem", Condition=only), name="bob")
        shown = {"ProjectionExpression": "#n", "ExpressionAttributeNames": {"#n": "name"}}
        found = await call("dynamodb", "GetItem", bob, TableName=TABLE, Key=thing("ada", "1"), **shown)
        assert found == {"Item": {"name": {"S": "n"}}}
        await denied(cloud, bob, "GetItem", TableName=TABLE, Key=thing("ada", "1"), ProjectionExpression="secret")

    run(body)


def test_a_tables_own_policy_is_asked() -> None:
    async def body(cloud: DynamoCloud) -> None:
        await cloud.table()
        ada = await user(cloud, allow("dynamodb:PutItem", "*"))
        statement = {
            "Effect": "Allow",
            "Principal": {"AWS": ada.arn},
            "Action": "dynamodb:GetItem",
            "Resource": ARN,
        }
        policy = json.dumps({"Version": "2012-10-17", "Statement": [statement]})
        revision = (await cloud.db("PutResourcePolicy", ResourceArn=ARN, Policy=policy))["RevisionId"]
        assert await cloud.call("dynamodb", "GetItem", ada, TableName=TABLE, Key=thing("a", "1")) == {}
        got = await cloud.db("GetResourcePolicy", ResourceArn=ARN)
        assert got == {"Policy": policy, "RevisionId": revision}
        await cloud.refused(
            "PolicyNotFoundException", "DeleteResourcePolicy", ResourceArn=ARN, ExpectedRevisionId="other"
        )
        await cloud.db("DeleteResourcePolicy", ResourceArn=ARN)
        await denied(cloud, ada, "GetItem", TableName=TABLE, Key=thing("a", "1"))
        await cloud.refused("PolicyNotFoundException", "GetResourcePolicy", ResourceArn=ARN)

    run(body)


def test_another_account_is_let_in_by_policy_and_by_arn_only() -> None:
    async def body(cloud: DynamoCloud) -> None:
        await cloud.table()
        await cloud.put(thing("a", "1"))
        other = Caller(kind=Principal.ROOT, account="111111111111", arn="arn:aws:iam::111111111111:root", user_id="1")
        await denied(cloud, other, "GetItem", TableName=ARN, Key=thing("a", "1"))
        statement = {"Effect": "Allow", "Principal": {"AWS": other.arn}, "Action": "dynamodb:*", "Resource": ARN}
        policy = json.dumps({"Version": "2012-10-17", "Statement": [statement]})
        await cloud.db("PutResourcePolicy", ResourceArn=ARN, Policy=policy)
        found = await cloud.call("dynamodb", "GetItem", other, TableName=ARN, Key=thing("a", "1"))
        assert found["Item"] == thing("a", "1")
        with pytest.raises(ServiceError) as missing:
            await cloud.call("dynamodb", "GetItem", other, TableName=TABLE, Key=thing("a", "1"))
        assert missing.value.code == "ResourceNotFoundException"

    run(body)


def test_a_stream_is_a_resource_of_its_own() -> None:
    async def body(cloud: DynamoCloud) -> None:
        view = {"StreamEnabled": True, "StreamViewType": "KEYS_ONLY"}
        made = (await cloud.table(StreamSpecification=view))["TableDescription"]
        stream = made["LatestStreamArn"]
        readers = ["dynamodb:DescribeStream", "dynamodb:GetShardIterator", "dynamodb:GetRecords"]
        ada = await user(cloud, allow(readers, f"{ARN}/stream/*"))
        bob = await user(cloud, allow("dynamodb:*"), name="bob")
        where = {"StreamArn": stream}
        shown = await cloud.call("dynamodbstreams", "DescribeStream", ada, **where)
        where |= {"ShardId": shown["StreamDescription"]["Shards"][0]["ShardId"], "ShardIteratorType": "LATEST"}
        iterator = await cloud.call("dynamodbstreams", "GetShardIterator", ada, **where)
        assert (await cloud.call("dynamodbstreams", "GetRecords", ada, **iterator))["Records"] == []
        with pytest.raises(ServiceError) as refused:
            await cloud.call("dynamodbstreams", "GetRecords", bob, **iterator)
        assert stream in refused.value.message

    run(body)
