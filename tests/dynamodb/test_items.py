"""One item: what goes in comes out; conditions, return values, capacity."""

from __future__ import annotations

import pytest

from lambent.services.dynamodb.errors import ValidationException

from .support import TABLE, DynamoCloud, index, run, thing


def test_what_goes_in_comes_out_in_normal_form() -> None:
    async def body(cloud: DynamoCloud) -> None:
        await cloud.table()
        item = thing("a", "1", n=1.50, b={"B": b"\x90"}, deep={"M": {"parts": {"L": [{"NULL": True}, {"BS": [b"x"]}]}}})
        await cloud.put(item)
        found = (await cloud.db("GetItem", Key=thing("a", "1")))["Item"]
        assert found["n"] == {"N": "1.5"}
        assert found["b"] == {"B": "kA=="}
        assert found["deep"] == {"M": {"parts": {"L": [{"NULL": True}, {"BS": ["eA=="]}]}}}
        assert await cloud.db("GetItem", Key=thing("a", "2")) == {}
        shown = await cloud.db("GetItem", Key=thing("a", "1"), ProjectionExpression="deep.parts[0], n")
        assert shown == {"Item": {"deep": {"M": {"parts": {"L": [{"NULL": True}]}}}, "n": {"N": "1.5"}}}

    run(body)


def test_a_table_may_be_named_by_its_arn() -> None:
    async def body(cloud: DynamoCloud) -> None:
        await cloud.table()
        arn = f"arn:aws:dynamodb:us-east-1:000000000000:table/{TABLE}"
        await cloud.put(thing("a", "1"), table=arn)
        assert (await cloud.db("GetItem", Key=thing("a", "1"), TableName=arn))["Item"] == thing("a", "1")
        assert (await cloud.db("DescribeTable", TableName=arn))["Table"]["TableName"] == TABLE

    run(body)


def test_return_values_say_what_was_and_what_is() -> None:
    async def body(cloud: DynamoCloud) -> None:
        await cloud.table()
        first, second = thing("a", "1", n=1, x="old"), thing("a", "1", n=5)
        assert await cloud.db("PutItem", Item=first, ReturnValues="ALL_OLD") == {}
        assert (await cloud.db("PutItem", Item=second, ReturnValues="ALL_OLD"))["Attributes"] == first
        update = {"UpdateExpression": "SET n = n + :one", "ExpressionAttributeValues": {":one": {"N": "1"}}}
        key = thing("a", "1")
        wanted = {
            "UPDATED_OLD": {"n": {"N": "5"}},
            "UPDATED_NEW": {"n": {"N": "7"}},
            "ALL_OLD": thing("a", "1", n=7),
            "ALL_NEW": thing("a", "1", n=9),
        }
        for kind, attributes in wanted.items():
            answer = await cloud.db("UpdateItem", Key=key, ReturnValues=kind, **update)
            assert answer["Attributes"] == attributes, kind
        assert await cloud.db("UpdateItem", Key=thing("b", "1")) == {}
        assert (await cloud.db("GetItem", Key=thing("b", "1")))["Item"] == thing("b", "1")
        gone = await cloud.db("DeleteItem", Key=key, ReturnValues="ALL_OLD")
        assert gone["Attributes"] == thing("a", "1", n=9)
        assert await cloud.db("DeleteItem", Key=key, ReturnValues="ALL_OLD") == {}

    run(body)


def test_a_failed_condition_changes_nothing_and_may_show_the_item() -> None:
    async def body(cloud: DynamoCloud) -> None:
        await cloud.table()
        item = thing("456", "1", price=650)
        await cloud.put(item)
        condition = {"ConditionExpression": "price < :p", "ExpressionAttributeValues": {":p": {"N": "500"}}}
        for operation, params in (
            ("PutItem", {"Item": thing("456", "1")}),
            ("DeleteItem", {"Key": thing("456", "1")}),
            ("UpdateItem", {"Key": thing("456", "1")}),
        ):
            error = await cloud.refusal("ConditionalCheckFailedException", operation, **params, **condition)
            assert error.message == "The conditional request failed"
            assert error.fields == {}
            shown = {"ReturnValuesOnConditionCheckFailure": "ALL_OLD"}
            error = await cloud.refusal("ConditionalCheckFailedException", operation, **params, **condition, **shown)
            assert "Item" in error.fields
        assert (await cloud.db("GetItem", Key=thing("456", "1")))["Item"] == item

    run(body)


def test_capacity_is_counted_by_sizes_and_indexes() -> None:
    async def body(cloud: DynamoCloud) -> None:
        await cloud.table(
            "pk:S sk:S / owner:S",
            LocalSecondaryIndexes=[index("local", "pk owner", "KEYS_ONLY")],
            GlobalSecondaryIndexes=[index("global", "owner")],
        )
        asked = {"ReturnConsumedCapacity": "INDEXES", "ReturnItemCollectionMetrics": "SIZE"}
        answer = await cloud.db("PutItem", Item=thing("a", "1", owner="me", data="x" * 1500), **asked)
        assert answer["ConsumedCapacity"] == {
            "TableName": TABLE,
            "CapacityUnits": 5.0,
            "Table": {"CapacityUnits": 2.0},
            "LocalSecondaryIndexes": {"local": {"CapacityUnits": 1.0}},
            "GlobalSecondaryIndexes": {"global": {"CapacityUnits": 2.0}},
        }
        metrics = {"ItemCollectionKey": {"pk": {"S": "a"}}, "SizeEstimateRangeGB": [0, 1]}
        assert answer["ItemCollectionMetrics"] == metrics
        # A new index key is a deletion and a put; the small item pays for the large one that it replaces.
        answer = await cloud.db("PutItem", Item=thing("a", "1", owner="you"), **asked)
        assert answer["ConsumedCapacity"]["Table"] == {"CapacityUnits": 2.0}
        assert answer["ConsumedCapacity"]["GlobalSecondaryIndexes"]["global"] == {"CapacityUnits": 3.0}
        assert answer["ConsumedCapacity"]["LocalSecondaryIndexes"]["local"] == {"CapacityUnits": 2.0}
        read = await cloud.db("GetItem", Key=thing("a", "1"), ConsistentRead=True, ReturnConsumedCapacity="TOTAL")
        assert read["ConsumedCapacity"] == {"TableName": TABLE, "CapacityUnits": 1.0}

    run(body)


@pytest.mark.parametrize(
    ("operation", "params", "words"),
    [
        ("PutItem", {"Item": {"pk": {"S": "a"}}}, "Missing the key sk in the item"),
        ("PutItem", {"Item": {"pk": {"N": "1"}, "sk": {"S": "a"}}}, "Type mismatch for key pk expected: S actual: N"),
        ("PutItem", {"Item": thing("", "a")}, "cannot contain an empty string value. Key: pk"),
        ("PutItem", {"Item": thing("a", "b", owner="")}, "IndexName: by-owner, IndexKey: owner"),
        ("PutItem", {"Item": thing("a", "b", owner=1)}, "Type mismatch for Index Key owner Expected: S Actual: N"),
        ("GetItem", {"Key": {"pk": {"S": "a"}}}, "The provided key element does not match the schema"),
        ("GetItem", {"Key": thing("x" * 2049, "a")}, "Size of hashkey has exceeded the maximum size limit of2048"),
        ("PutItem", {"Item": thing("a", "b", d="x" * 409_600)}, "Item size has exceeded the maximum allowed size"),
    ],
)
def test_what_does_not_fit_is_refused(operation: str, params: dict[str, object], words: str) -> None:
    async def body(cloud: DynamoCloud) -> None:
        await cloud.table("pk:S sk:S / owner:S", GlobalSecondaryIndexes=[index("by-owner", "owner")])
        assert words in await cloud.refused("ValidationException", operation, **params)

    run(body)


def test_types_are_wrong_before_anything_else_is() -> None:
    async def body(cloud: DynamoCloud) -> None:
        words = await cloud.refused("SerializationException", "PutItem", TableName=None, Item={"pk": {"S": 1}})
        assert words == "NUMBER_VALUE cannot be converted to String"
        words = await cloud.refused("SerializationException", "GetItem", Key={"pk": {"BOOL": "maybe"}})
        assert words == "Unexpected token received from parser"
        words = await cloud.refused("ValidationException", "PutItem", TableName="a;", Item={})
        assert words.startswith("2 validation errors detected: Value 'a;' at 'tableName' failed to satisfy constraint")

    run(body)


def test_callers_inside_the_cloud_may_name_nothing_unknown() -> None:
    async def body(cloud: DynamoCloud) -> None:
        with pytest.raises(Exception, match='Unknown parameter in input: "Keyy"'):
            await cloud.db("GetItem", Keyy={})

    run(body)


def test_the_service_raises_its_own_error() -> None:
    async def body(cloud: DynamoCloud) -> None:
        await cloud.table()
        error = await cloud.refusal("ValidationException", "UpdateItem", Key=thing("a", "1"), UpdateExpression="SET")
        assert isinstance(error, ValidationException)

    run(body)


def test_an_update_that_only_takes_away_makes_no_item() -> None:
    async def body(cloud: DynamoCloud) -> None:
        await cloud.table()
        key = {"pk": {"S": "a"}, "sk": {"S": "b"}}
        await cloud.db("UpdateItem", Key=key, UpdateExpression="REMOVE x")
        values = {":v": {"SS": ["x"]}}
        await cloud.db("UpdateItem", Key=key, UpdateExpression="DELETE x :v", ExpressionAttributeValues=values)
        assert (await cloud.db("Scan"))["Count"] == 0
        values = {":v": {"S": "x"}}
        await cloud.db("UpdateItem", Key=key, UpdateExpression="SET y = :v REMOVE x", ExpressionAttributeValues=values)
        assert (await cloud.db("Scan"))["Items"] == [{**key, "y": {"S": "x"}}]

    run(body)
