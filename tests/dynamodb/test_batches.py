"""Batches and transactions: limits, order, all or none."""

from __future__ import annotations

from typing import Any

import pytest

from lambent.services.dynamodb import keys, writes

from .support import SECOND_NS, TABLE, DynamoCloud, index, run, thing


def put(item: dict[str, Any], **rest: Any) -> dict[str, Any]:
    return {"Put": {"TableName": TABLE, "Item": item, **rest}}


def test_a_batch_writes_and_reads_over_tables() -> None:
    async def body(cloud: DynamoCloud) -> None:
        await cloud.table()
        await cloud.table("id:S", "others")
        await cloud.put(thing("a", "gone"))
        requests = {
            TABLE: [{"PutRequest": {"Item": thing("a", "1")}}, {"DeleteRequest": {"Key": thing("a", "gone")}}],
            "others": [{"PutRequest": {"Item": {"id": {"S": "x"}}}}],
        }
        answer = await cloud.db("BatchWriteItem", RequestItems=requests, ReturnConsumedCapacity="TOTAL")
        assert answer["UnprocessedItems"] == {}
        units = {one["TableName"]: one["CapacityUnits"] for one in answer["ConsumedCapacity"]}
        assert units == {TABLE: 2.0, "others": 1.0}
        wanted = {
            TABLE: {"Keys": [thing("a", "1"), thing("a", "gone")], "ConsistentRead": True},
            "others": {"Keys": [{"id": {"S": "x"}}]},
        }
        answer = await cloud.db("BatchGetItem", RequestItems=wanted, ReturnConsumedCapacity="TOTAL")
        assert answer["Responses"] == {TABLE: [thing("a", "1")], "others": [{"id": {"S": "x"}}]}
        assert answer["UnprocessedKeys"] == {}
        assert [one["CapacityUnits"] for one in answer["ConsumedCapacity"]] == [2.0, 0.5]

    run(body)


def test_a_batch_answers_sixteen_megabytes_and_names_the_rest() -> None:
    async def body(cloud: DynamoCloud) -> None:
        await cloud.table()
        for number in range(50):
            await cloud.put(thing("p", f"{number:02d}", data="x" * 380_000))
        found = [thing("p", f"{number:02d}") for number in range(50)]
        answer = await cloud.db("BatchGetItem", RequestItems={TABLE: {"Keys": found}})
        assert len(answer["Responses"][TABLE]) == 45
        assert answer["UnprocessedKeys"] == {TABLE: {"Keys": found[45:]}}

    run(body)


@pytest.mark.parametrize(
    ("requests", "words"),
    [
        ([{"PutRequest": {"Item": thing("a", "1")}}] * 2, "Provided list of item keys contains duplicates"),
        ([{"PutRequest": {"Item": {"pk": {"S": "a"}}}}], "The provided key element does not match the schema"),
        (
            [{"PutRequest": {"Item": thing("a", f"{n}")}} for n in range(26)],
            "Member must have length less than or equal",
        ),
        ([{}], "must contain exactly one of the supported datatypes"),
    ],
)
def test_a_wrong_batch_writes_nothing(requests: list[Any], words: str) -> None:
    async def body(cloud: DynamoCloud) -> None:
        await cloud.table()
        given = {TABLE: requests}
        assert words in await cloud.refused("ValidationException", "BatchWriteItem", RequestItems=given)
        assert (await cloud.db("Scan"))["Count"] == 0

    run(body)


def test_a_transaction_is_all_or_none_with_reasons_in_order() -> None:
    async def body(cloud: DynamoCloud) -> None:
        await cloud.table()
        await cloud.put(thing("a", "1", n=1), thing("a", "2"))
        absent = {"ConditionExpression": "attribute_not_exists(pk)"}
        actions = [
            put(thing("a", "3")),
            put(thing("a", "1"), **absent, ReturnValuesOnConditionCheckFailure="ALL_OLD"),
            {"ConditionCheck": {"TableName": TABLE, "Key": thing("a", "2"), **absent}},
            {
                "Update": {
                    "TableName": TABLE,
                    "Key": thing("a", "4"),
                    "UpdateExpression": "SET n = m",
                }
            },
        ]
        error = await cloud.refusal("TransactionCanceledException", "TransactWriteItems", TransactItems=actions)
        assert error.message == (
            "Transaction cancelled, please refer cancellation reasons for specific reasons "
            "[None, ConditionalCheckFailed, ConditionalCheckFailed, ValidationError]"
        )
        reasons = error.fields["CancellationReasons"]
        assert reasons[0] == {"Code": "None"}
        assert reasons[1]["Item"] == thing("a", "1", n=1)
        assert "Item" not in reasons[2]
        assert reasons[1]["Message"] == "The conditional request failed"
        assert (await cloud.db("Scan"))["Count"] == 2
        await cloud.db(
            "TransactWriteItems",
            TransactItems=[put(thing("a", "3")), {"Delete": {"TableName": TABLE, "Key": thing("a", "2")}}],
        )
        gets = [{"Get": {"TableName": TABLE, "Key": thing("a", f"{n}")}} for n in (1, 2, 3)]
        found = await cloud.db("TransactGetItems", TransactItems=gets, ReturnConsumedCapacity="TOTAL")
        assert found["Responses"] == [{"Item": thing("a", "1", n=1)}, {}, {"Item": thing("a", "3")}]
        assert found["ConsumedCapacity"] == [{"TableName": TABLE, "CapacityUnits": 6.0, "ReadCapacityUnits": 6.0}]

    run(body)


def test_one_item_once_in_a_transaction() -> None:
    async def body(cloud: DynamoCloud) -> None:
        await cloud.table()
        twice = [put(thing("a", "1")), put(thing("a", "1", n=2))]
        words = await cloud.refused("ValidationException", "TransactWriteItems", TransactItems=twice)
        assert words == "Transaction request cannot include multiple operations on one item"
        many = [put(thing("a", f"{n}")) for n in range(101)]
        words = await cloud.refused("ValidationException", "TransactWriteItems", TransactItems=many)
        assert "Member must have length less than or equal to 100" in words

    run(body)


def test_a_client_token_makes_a_transaction_happen_once_in_ten_minutes() -> None:
    async def body(cloud: DynamoCloud) -> None:
        await cloud.table()
        add = {
            "Update": {
                "TableName": TABLE,
                "Key": thing("a", "1"),
                "UpdateExpression": "ADD n :one",
                "ExpressionAttributeValues": {":one": {"N": "1"}},
            }
        }
        asked: dict[str, Any] = {
            "TransactItems": [add],
            "ClientRequestToken": "once",
            "ReturnConsumedCapacity": "TOTAL",
        }
        first = await cloud.db("TransactWriteItems", **asked)
        assert first["ConsumedCapacity"][0]["WriteCapacityUnits"] == 2.0
        again = await cloud.db("TransactWriteItems", **asked)
        assert again["ConsumedCapacity"][0]["ReadCapacityUnits"] == 2.0
        assert (await cloud.db("GetItem", Key=thing("a", "1")))["Item"]["n"] == {"N": "1"}
        other = {**asked, "TransactItems": [put(thing("b", "1"))]}
        await cloud.refused("IdempotentParameterMismatchException", "TransactWriteItems", **other)
        cloud.clock.advance(601 * SECOND_NS)
        await cloud.db("TransactWriteItems", **asked)
        kept = await cloud.store.read(lambda tx: (len(keys.tokens.scan(tx)), len(keys.token_queues.scan(tx))))
        assert kept == (1, 1)
        assert (await cloud.db("GetItem", Key=thing("a", "1")))["Item"]["n"] == {"N": "2"}

    run(body)


def test_a_table_may_ask_to_be_throttled() -> None:
    async def body(cloud: DynamoCloud) -> None:
        units = {"ReadCapacityUnits": 1, "WriteCapacityUnits": 1}
        await cloud.table(
            "id:S",
            BillingMode="PROVISIONED",
            ProvisionedThroughput=units,
            Tags=[{"Key": "lambent:throttle", "Value": "on"}],
        )
        item = {"id": {"S": "a"}, "data": {"S": "x" * 100_000}}
        for _ in range(4):  # 300 units are saved, each costs 98, and the last may overdraw
            await cloud.db("PutItem", Item=item)
        await cloud.refused("ProvisionedThroughputExceededException", "PutItem", Item=item)
        cloud.clock.advance(92 * SECOND_NS)
        await cloud.refused("ProvisionedThroughputExceededException", "PutItem", Item=item)
        cloud.clock.advance(1 * SECOND_NS)
        await cloud.db("PutItem", Item={"id": {"S": "b"}})
        assert (await cloud.db("GetItem", Key={"id": {"S": "b"}}))["Item"] == {"id": {"S": "b"}}

    run(body)


def test_a_collection_has_its_limit(monkeypatch: pytest.MonkeyPatch) -> None:
    async def body(cloud: DynamoCloud) -> None:
        await cloud.table("pk:S sk:S / owner:S", LocalSecondaryIndexes=[index("local", "pk owner")])
        monkeypatch.setattr(writes, "COLLECTION_BYTES_MAX", 1000)
        await cloud.put(thing("a", "1", data="x" * 500), thing("b", "1", data="x" * 500))
        error = "ItemCollectionSizeLimitExceededException"
        await cloud.refused(error, "PutItem", Item=thing("a", "2", data="x" * 500))
        codes = await cloud.refused(
            "TransactionCanceledException", "TransactWriteItems", TransactItems=[put(thing("a", "2", data="x" * 500))]
        )
        assert codes.endswith("[ItemCollectionSizeLimitExceeded]")
        await cloud.db("DeleteItem", Key=thing("a", "1"))
        await cloud.put(thing("a", "2", data="x" * 500))

    run(body)


def test_collections_are_measured_with_their_local_entries() -> None:
    async def body(cloud: DynamoCloud) -> None:
        await cloud.table("pk:S sk:S / owner:S", LocalSecondaryIndexes=[index("local", "pk owner")])
        actions = [put(thing("a", f"{n}", owner="me")) for n in range(3)]
        answer = await cloud.db("TransactWriteItems", TransactItems=actions, ReturnItemCollectionMetrics="SIZE")
        metrics = {"ItemCollectionKey": {"pk": {"S": "a"}}, "SizeEstimateRangeGB": [0, 1]}
        assert answer["ItemCollectionMetrics"] == {TABLE: [metrics]}

    run(body)
