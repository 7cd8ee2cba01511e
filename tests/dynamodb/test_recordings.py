"""What AWS answered in recorded runs (Apache-2.0, localstack/localstack), case by case: fields, codes and texts.

The recordings lie in the folder that LAMBENT_RECORDINGS names, default `../shared/recordings` beside the checkout; the
tests skip where it is not there. They hold answers only; what was asked is here, as the case's name tells it.
"""

from __future__ import annotations

import base64
import json
import os
from collections.abc import Awaitable, Callable
from datetime import datetime
from functools import cache
from pathlib import Path
from typing import Any

import pytest

from lambent.contracts.errors import ServiceError

from .support import DynamoCloud, index, run

FOLDER = Path(os.environ.get("LAMBENT_RECORDINGS") or Path(__file__).parents[3] / "shared" / "recordings")
Scenario = Callable[[DynamoCloud], Awaitable[dict[str, Any]]]
LATER = {
    "test_dynamodb_streams_describe_with_exclusive_start_shard_id": "the recording holds nothing",
}
SCENARIOS: dict[str, Scenario] = {}


def scenario(function: Scenario) -> Scenario:
    """Register the scenario of the recorded test of the same name."""
    SCENARIOS[function.__name__.removeprefix("_")] = function
    return function


@cache
def recorded() -> dict[str, Any]:
    """The recorded answers by the test's name."""
    found: dict[str, Any] = {}
    for name in ("dynamodb.json", "dynamodbstreams.json"):
        path = FOLDER / name
        runs = json.loads(path.read_text()) if path.is_file() else {}
        found |= {key.rpartition("::")[2]: value["recorded-content"] for key, value in runs.items()}
    return found


@pytest.mark.parametrize("name", sorted(recorded()) or ["no recordings"])
def test_answers_are_as_recorded(name: str) -> None:
    if not recorded():
        pytest.skip(f"there are no recordings in {FOLDER}")
    if name in LATER:
        pytest.skip(LATER[name])
    function, _, mode = name.partition("[")

    async def body(cloud: DynamoCloud) -> None:
        cloud.mode = mode.rstrip("]")  # type: ignore[attr-defined]
        answers = await SCENARIOS[function](cloud)
        assert answers
        for step, answer in answers.items():
            wanted = recorded()[name][step] if step in recorded()[name] else recorded()[name]
            differences = list(differing(wanted, answer, step))
            assert not differences, "\n".join(differences)

    run(body)


def differing(wanted: Any, found: Any, where: str) -> list[str]:
    """Where an answer is not as recorded; a placeholder stands for any value."""
    if isinstance(wanted, dict) and isinstance(found, dict):
        names = wanted.keys() - {"ResponseMetadata"}
        lost = [f"{where}: {name} is missing" for name in names - found.keys()]
        more = [f"{where}: {name} was not recorded" for name in found.keys() - names]
        return lost + more + [d for n in names & found.keys() for d in differing(wanted[n], found[n], f"{where}.{n}")]
    if isinstance(wanted, list) and isinstance(found, list) and len(wanted) == len(found):
        return [d for n, pair in enumerate(zip(wanted, found, strict=True)) for d in differing(*pair, f"{where}[{n}]")]
    if isinstance(wanted, str):
        if wanted == "datetime":
            return [] if isinstance(found, datetime) else [f"{where}: {found!r} is no time"]
        if wanted.startswith("b'"):
            found = str(base64.b64decode(found))
        if "<" in wanted or wanted == "starting-sequence-number":
            return []
    return [] if wanted == found else [f"{where}: {found!r} is not {wanted!r}"]


async def error_of(cloud: DynamoCloud, operation: str, service: str = "dynamodb", **params: Any) -> dict[str, Any]:
    """An operation's error as boto3 shows it."""
    with pytest.raises(ServiceError) as caught:
        await cloud.call(service, operation, **params)
    error = caught.value
    answer = {"Error": {"Code": error.code, "Message": error.message}, "message": error.message, **error.fields}
    if error.code == "ConditionalCheckFailedException":
        del answer["message"]
    return answer


def text_of(answer: dict[str, Any], operation: str) -> str:
    """An error as botocore's exception prints it."""
    code, message = answer["Error"]["Code"], answer["Error"]["Message"]
    return f"An error occurred ({code}) when calling the {operation} operation: {message}"


async def table(cloud: DynamoCloud, name: str = "things", key: str = "id:S", **params: Any) -> dict[str, Any]:
    """A table with provisioned capacity unless told otherwise."""
    return await cloud.table(key, name, **{"BillingMode": "PROVISIONED", **params})


ID = {"id": {"S": "id1"}}


@scenario
async def _test_batch_write_binary(cloud: DynamoCloud) -> dict[str, Any]:
    await table(cloud, key="PK:S SK:S")
    item = {"PK": {"S": "hello"}, "SK": {"S": "user"}, "data": {"B": b"test"}}
    return {"Response": await cloud.db("BatchWriteItem", RequestItems={"things": [{"PutRequest": {"Item": item}}]})}


@scenario
async def _test_batch_write_items(cloud: DynamoCloud) -> dict[str, Any]:
    await table(cloud)
    await cloud.put({"id": {"S": "Fred"}})
    requests = [{"DeleteRequest": {"Key": {"id": {"S": "Fred"}}}}, {"PutRequest": {"Item": {"id": {"S": "Bob"}}}}]
    return {"BatchWriteResponse": await cloud.db("BatchWriteItem", RequestItems={"things": requests})}


@scenario
async def _test_batch_write_not_existing_table(cloud: DynamoCloud) -> dict[str, Any]:
    put = {"Put": {"TableName": "none", "Item": ID}}
    return {"exc-not-found-transact-write-items": await error_of(cloud, "TransactWriteItems", TransactItems=[put])}


@scenario
async def _test_batch_write_not_matching_schema(cloud: DynamoCloud) -> dict[str, Any]:
    await table(cloud, key="id:S sort:N")
    requests = {"things": [{"PutRequest": {"Item": {"nonKey": {"S": "hello"}}}}]}
    error = await error_of(cloud, "BatchWriteItem", RequestItems=requests)
    return {"ValidationException": text_of(error, "BatchWriteItem")}


@scenario
async def _test_continuous_backup_update(cloud: DynamoCloud) -> dict[str, Any]:
    await table(cloud)
    spec = {"PointInTimeRecoveryEnabled": True}
    changed = await cloud.db("UpdateContinuousBackups", PointInTimeRecoverySpecification=spec)
    described = await cloud.db("DescribeContinuousBackups")
    return {"update-continuous-backup": changed, "describe-continuous-backup": described}


@scenario
async def _test_create_duplicate_table(cloud: DynamoCloud) -> dict[str, Any]:
    await table(cloud)
    with pytest.raises(ServiceError) as caught:
        await table(cloud)
    error = {"Error": {"Code": caught.value.code, "Message": caught.value.message}}
    # The recording has a placeholder for the name; what stands before it is compared.
    wanted = recorded()["test_create_duplicate_table"]["Error"].partition("<")[0]
    assert text_of(error, "CreateTable") == f"{wanted}things"
    return {"Error": text_of(error, "CreateTable")}


@scenario
async def _test_dynamodb_execute_transaction(cloud: DynamoCloud) -> dict[str, Any]:
    await table(cloud, key="Username:S")
    statements = [{"Statement": f"INSERT INTO things VALUE {{'Username': 'user0{n}'}}"} for n in (1, 2)]
    done = await cloud.call("dynamodb", "ExecuteTransaction", TransactStatements=statements)
    scan = await cloud.db("Scan")
    scan["Items"].sort(key=lambda item: item["Username"]["S"])  # a scan's order is nobody's promise
    return {"ExecutedTransaction": done, "TableScan": scan}


@scenario
async def _test_streams_on_global_tables(cloud: DynamoCloud) -> dict[str, Any]:
    view = {"StreamEnabled": True, "StreamViewType": "NEW_AND_OLD_IMAGES"}
    await table(cloud, StreamSpecification=view)
    await cloud.db("UpdateTable", ReplicaUpdates=[{"Create": {"RegionName": "eu-west-1"}}])
    await cloud.deliver()
    return {
        "region-streams": await cloud.call("dynamodbstreams", "ListStreams", TableName="things"),
        "secondary-region-streams": await cloud.call(
            "dynamodbstreams", "ListStreams", region="eu-west-1", TableName="things"
        ),
    }


@scenario
async def _test_data_encoding_consistency(cloud: DynamoCloud) -> dict[str, Any]:
    view = {"StreamEnabled": True, "StreamViewType": "NEW_AND_OLD_IMAGES"}
    made = await table(cloud, StreamSpecification=view)
    await cloud.put({**ID, "version": {"N": "1"}, "data": {"B": b"\x90"}})
    first = (await cloud.db("GetItem", Key=ID))["Item"]
    update = {"UpdateExpression": "SET version=:v", "ExpressionAttributeValues": {":v": {"N": "2"}}}
    await cloud.db("UpdateItem", Key=ID, **update)
    second = (await cloud.db("GetItem", Key=ID))["Item"]
    records = await stream_records(cloud, made["TableDescription"]["LatestStreamArn"])
    images = [record["dynamodb"]["NewImage"] for record in records]
    return {
        "GetItem": first,
        "GetItemAfterUpdate": second,
        "GetRecords": images[0],
        "GetRecordsAfterUpdate": images[1],
    }


async def stream_records(cloud: DynamoCloud, arn: str) -> list[dict[str, Any]]:
    shown = (await cloud.streams("DescribeStream", StreamArn=arn))["StreamDescription"]
    shard = shown["Shards"][0]["ShardId"]
    where = {"StreamArn": arn, "ShardId": shard, "ShardIteratorType": "TRIM_HORIZON"}
    iterator = (await cloud.streams("GetShardIterator", **where))["ShardIterator"]
    found: list[dict[str, Any]] = (await cloud.streams("GetRecords", ShardIterator=iterator))["Records"]
    return found


@scenario
async def _test_dynamodb_pay_per_request(cloud: DynamoCloud) -> dict[str, Any]:
    units = {"ReadCapacityUnits": 1, "WriteCapacityUnits": 1}
    with pytest.raises(ServiceError) as caught:
        await cloud.table("PK:S SK:S", ProvisionedThroughput=units)
    error = {"Error": {"Code": caught.value.code, "Message": caught.value.message}}
    return {"Error": text_of(error, "CreateTable")}


@scenario
async def _test_empty_and_binary_values(cloud: DynamoCloud) -> dict[str, Any]:
    await table(cloud)
    first = await cloud.db("PutItem", Item={**ID, "data": {"S": ""}})
    second = await cloud.db("PutItem", Item={"id": {"S": "id2"}, "data": {"B": b"foobar"}})
    return {"PutFirstItem": first, "PutSecondItem": second}


@scenario
async def _test_gsi_with_billing_mode(cloud: DynamoCloud) -> dict[str, Any]:
    mode = cloud.mode  # type: ignore[attr-defined]
    one = {"ProvisionedThroughput": {"ReadCapacityUnits": 1, "WriteCapacityUnits": 1}}
    by_record = index("TransactionRecordID", "TRID", **(one if mode == "PROVISIONED" else {}))
    made = await cloud.table("TID:S / TRID:S", BillingMode=mode, GlobalSecondaryIndexes=[by_record])
    return {"create-table-with-gsi": made, "describe-table": await cloud.db("DescribeTable")}


@scenario
async def _test_return_values_in_put_item(cloud: DynamoCloud) -> dict[str, Any]:
    await table(cloud)
    first, second = {**ID, "data": {"S": "foobar"}}, {**ID, "data": {"S": "barfoo"}}

    async def put(item: dict[str, Any], **params: Any) -> dict[str, Any]:
        return await cloud.db("PutItem", Item=item, **params)

    return {
        "PutFirstItem": await put(first, ReturnValues="ALL_OLD"),
        "PutFirstItemOLD": await put(first, ReturnValues="ALL_OLD"),
        "PutSecondItem": await put(second),
        "PutSecondItemReturnNone": await put(first, ReturnValues="NONE"),
        "PutFirstItemB": await put(first, ReturnValues="ALL_OLD"),
    }


@scenario
async def _test_return_values_on_conditions_check_failure(cloud: DynamoCloud) -> dict[str, Any]:
    await table(cloud)
    item = {"id": {"S": "456"}, "price": {"N": "650"}, "product": {"S": "sporting goods"}}
    await cloud.put(item)
    params = {
        "TableName": "things",
        "Key": {"id": {"S": "456"}},
        "ConditionExpression": "price < :p",
        "ExpressionAttributeValues": {":p": {"N": "500"}},
        "ReturnValuesOnConditionCheckFailure": "ALL_OLD",
    }
    return {"items": await error_of(cloud, "DeleteItem", **params)}


@scenario
async def _test_table_crud(cloud: DynamoCloud) -> dict[str, Any]:
    made = await table(cloud)
    described = await cloud.db("DescribeTable")
    missing = await error_of(cloud, "DeleteTable", TableName="non-existent")
    deleted = await cloud.db("DeleteTable")
    return {
        "create-table": made,
        "describe-table": described,
        "delete-non-existent-table": missing,
        "delete-table": deleted,
    }


@scenario
async def _test_table_warm_throughput(cloud: DynamoCloud) -> dict[str, Any]:
    warm = {"ReadUnitsPerSecond": 1000, "WriteUnitsPerSecond": 1200}
    made = await table(cloud, WarmThroughput=warm)
    return {"create-table": made, "describe-table": await cloud.db("DescribeTable")}


@scenario
async def _test_transact_get_items(cloud: DynamoCloud) -> dict[str, Any]:
    made = await table(cloud)
    await cloud.put({"id": {"S": "John"}}, {"id": {"S": "Sarah"}})
    arn = made["TableDescription"]["TableArn"]

    async def get(where: str, name: str) -> dict[str, Any]:
        item = {"Get": {"TableName": where, "Key": {"id": {"S": name}}}}
        return await cloud.db("TransactGetItems", TransactItems=[item])

    return {"TransactGetItems": await get("things", "John"), "TransactGetItems-with-TableArn": await get(arn, "Sarah")}


@scenario
async def _test_transact_write_items_streaming_for_different_tables(cloud: DynamoCloud) -> dict[str, Any]:
    view = {"StreamEnabled": True, "StreamViewType": "NEW_AND_OLD_IMAGES"}
    streamed = await table(cloud, StreamSpecification=view)
    quiet = await table(cloud, "quiet")
    fred = {"id": {"S": "Fred"}}
    actions = [{"Put": {"TableName": name, "Item": fred}} for name in ("quiet", "things")]
    answer = await cloud.db("TransactWriteItems", TransactItems=actions)
    arn = streamed["TableDescription"]["LatestStreamArn"]
    return {
        "create-table-stream": streamed,
        "create-table-no-stream": quiet,
        "transact-write-two-tables": answer,
        "describe-stream": await cloud.streams("DescribeStream", StreamArn=arn),
        "get-records": {"Records": await stream_records(cloud, arn)},
    }


@scenario
async def _test_transaction_write_binary_data(cloud: DynamoCloud) -> dict[str, Any]:
    await table(cloud)
    item = {"id": {"S": "someUser"}, "binaryData": {"B": b"foobar"}}
    actions = [{"Put": {"TableName": "things", "Item": item}}]
    answer = await cloud.db("TransactWriteItems", TransactItems=actions)
    got = await cloud.db("GetItem", Key={"id": {"S": "someUser"}})
    return {"WriteResponse": answer, "GetItem": got["Item"]}


@scenario
async def _test_transaction_write_canceled(cloud: DynamoCloud) -> dict[str, Any]:
    await table(cloud)
    guarded = {"TableName": "things", "Item": ID, "ConditionExpression": "attribute_exists(id)"}
    actions = [{"Put": guarded}, {"Put": {"TableName": "things", "Item": {"id": {"S": "id2"}}}}]
    error = await error_of(cloud, "TransactWriteItems", TransactItems=actions)
    return {"Error": text_of(error, "TransactWriteItems")}


@scenario
async def _test_non_existent_stream(cloud: DynamoCloud) -> dict[str, Any]:
    arn = "arn:aws:dynamodb:us-east-1:000000000000:table/things/stream/2024-11-18T14:36:44.149"
    error = await error_of(cloud, "DescribeStream", "dynamodbstreams", StreamArn=arn)
    assert error["message"] == f"Requested resource not found: Stream: {arn} not found"
    return {"non-existent-stream": error}
