"""Exports to S3 and imports from it."""

from __future__ import annotations

import asyncio
import base64
import gzip
import hashlib
from random import Random
from typing import Any

import orjson
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from lambent.contracts.caller import Caller, Principal
from lambent.contracts.errors import ServiceError
from lambent.services.dynamodb.transfer import exporting, importing, reading

from .support import MS, SECOND_NS, TABLE, DynamoCloud, Item, run, thing
from .test_recovery import PITR, Model, change, items_of

ARN = "arn:aws:dynamodb:us-east-1:000000000000:table/things"
BUCKET = "exports"
NOBODY = Caller(kind=Principal.USER, account="000000000000", arn="arn:aws:iam::000000000000:user/no", user_id="AIDA")
CREATION = {
    "TableName": "copied",
    "AttributeDefinitions": [{"AttributeName": n, "AttributeType": "S"} for n in ("pk", "sk")],
    "KeySchema": [{"AttributeName": "pk", "KeyType": "HASH"}, {"AttributeName": "sk", "KeyType": "RANGE"}],
    "BillingMode": "PAY_PER_REQUEST",
}


async def prepared(cloud: DynamoCloud) -> None:
    """A table with recovery on, and a bucket."""
    await cloud.table()
    await cloud.db("UpdateContinuousBackups", PointInTimeRecoverySpecification=PITR)
    await cloud.call("s3", "CreateBucket", Bucket=BUCKET)


async def content(cloud: DynamoCloud, key: str) -> bytes:
    """An object's bytes."""
    body = (await cloud.call("s3", "GetObject", Bucket=BUCKET, Key=key))["Body"]
    return b"".join([piece async for piece in reading.pieces_of(body)])


async def exported(cloud: DynamoCloud, **options: Any) -> tuple[dict[str, Any], list[dict[str, Any]]]:
    """Export, and what is in the data files after all of it was held against the manifests."""
    begun = await cloud.db("ExportTableToPointInTime", TableArn=ARN, S3Bucket=BUCKET, **options)
    assert begun["ExportDescription"]["ExportStatus"] == "IN_PROGRESS"
    await cloud.deliver()
    found = await cloud.db("DescribeExport", ExportArn=begun["ExportDescription"]["ExportArn"])
    shown = found["ExportDescription"]
    assert shown["ExportStatus"] == "COMPLETED", shown
    summary = orjson.loads(await content(cloud, shown["ExportManifest"]))
    listed = await content(cloud, summary["manifestFilesS3Key"])
    checksum = await content(cloud, summary["manifestFilesS3Key"].replace(".json", ".md5"))
    assert checksum == base64.b64encode(hashlib.md5(listed).digest())
    lines = []
    for file in map(orjson.loads, listed.splitlines()):
        data = await content(cloud, file["dataFileS3Key"])
        assert file["md5Checksum"] == base64.b64encode(hashlib.md5(data).digest()).decode()
        own = [orjson.loads(line) for line in gzip.decompress(data).splitlines()]
        assert len(own) == file["itemCount"]
        lines += own
    assert summary["itemCount"] == shown["ItemCount"] == len(lines)
    return summary, lines


async def imported(cloud: DynamoCloud, prefix: str = "", **options: Any) -> dict[str, Any]:
    """Import into the table `copied`; the description at its end."""
    source = {"S3Bucket": BUCKET, "S3KeyPrefix": prefix} if prefix else {"S3Bucket": BUCKET}
    options = {"InputFormat": "DYNAMODB_JSON", "TableCreationParameters": CREATION, **options}
    begun = (await cloud.db("ImportTable", S3BucketSource=source, **options))["ImportTableDescription"]
    assert begun["ImportStatus"] == "IN_PROGRESS"
    await cloud.refused("ResourceNotFoundException", "Scan", TableName="copied")
    await cloud.deliver()
    return (await cloud.db("DescribeImport", ImportArn=begun["ImportArn"]))["ImportTableDescription"]


def test_an_export_has_the_layout_of_aws_and_can_be_imported(monkeypatch: pytest.MonkeyPatch) -> None:
    async def body(cloud: DynamoCloud) -> None:
        await prepared(cloud)
        kinds: Item = {"n": {"N": "1.5"}, "b": {"B": b"\x00"}, "m": {"M": {"x": {"NULL": True}}}, "s": {"SS": ["ä"]}}
        await cloud.put(*({**thing("a", str(n)), **kinds} for n in range(7)))
        summary, lines = await exported(cloud, S3Prefix="here")
        assert summary["manifestFilesS3Key"].startswith("here/AWSDynamoDB/")
        assert summary["outputFormat"] == "DYNAMODB_JSON"
        assert len(lines) == 7
        data = summary["manifestFilesS3Key"].replace("manifest-files.json", "data/")
        done = await imported(cloud, data, InputCompressionType="GZIP")
        assert (done["ImportStatus"], done["ImportedItemCount"], done["ErrorCount"]) == ("COMPLETED", 7, 0)
        assert await items_of(cloud, "copied") == await items_of(cloud, TABLE)
        listed = (await cloud.db("ListImports"))["ImportSummaryList"]
        assert [one["ImportArn"] for one in listed] == [done["ImportArn"]]
        exports = (await cloud.db("ListExports", TableArn=ARN))["ExportSummaries"]
        assert [one["ExportType"] for one in exports] == ["FULL_EXPORT"]

    monkeypatch.setattr(exporting, "BATCH", 2)
    monkeypatch.setattr(exporting, "FILE_BYTES_MAX", 100)
    monkeypatch.setattr(importing, "BATCH", 2)
    run(body)


@settings(max_examples=8, deadline=None)
@given(st.integers(0, 10**9))
@pytest.mark.slow
def test_an_export_of_any_time_then_an_import_gives_the_table_of_that_time(seed: int) -> None:
    async def main() -> None:
        random = Random(seed)
        cloud = DynamoCloud()
        await prepared(cloud)
        model: Model = {}
        past: dict[float, Model] = {}
        for _ in range(20):
            cloud.clock.advance(random.choice((1, 60_000)) * MS)
            await change(cloud, model, random)
            past[cloud.clock.now_ns() / SECOND_NS] = dict(model)
        at_s = random.choice(sorted(past))
        summary, _ = await exported(cloud, ExportTime=at_s)
        data = summary["manifestFilesS3Key"].replace("manifest-files.json", "data/")
        done = await imported(cloud, data, InputCompressionType="GZIP")
        assert done["ImportedItemCount"] == len(past[at_s])
        assert await items_of(cloud, "copied") == past[at_s]

    asyncio.run(main())


def test_an_incremental_export_has_what_changed_in_its_window() -> None:
    async def body(cloud: DynamoCloud) -> None:
        await prepared(cloud)
        await cloud.put(thing("kept", "1"), thing("gone", "1"), thing("new", "0", v=1))
        await cloud.db("DeleteItem", Key=thing("new", "0"))
        cloud.clock.advance(60 * SECOND_NS)
        from_s = cloud.clock.now_ns() / SECOND_NS
        cloud.clock.advance(600 * SECOND_NS)
        await cloud.put(thing("new", "1", v=1), thing("new", "1", v=2), thing("short", "1"))
        await cloud.db("DeleteItem", Key=thing("gone", "1"))
        await cloud.db("DeleteItem", Key=thing("short", "1"))
        micros = str(cloud.clock.now_ns() // 1000)
        cloud.clock.advance(600 * SECOND_NS)
        to_s = cloud.clock.now_ns() / SECOND_NS
        cloud.clock.advance(SECOND_NS)
        await cloud.put(thing("kept", "1", late=1))
        spec = {"ExportFromTime": from_s, "ExportToTime": to_s}
        summary, lines = await exported(cloud, ExportType="INCREMENTAL_EXPORT", IncrementalExportSpecification=spec)
        assert (summary["exportType"], summary["outputView"]) == ("INCREMENTAL_EXPORT", "NEW_AND_OLD_IMAGES")
        assert sorted(lines, key=lambda line: str(line["Keys"])) == [
            {
                "Metadata": {"WriteTimestampMicros": micros},
                "Keys": thing("gone", "1"),
                "OldImage": thing("gone", "1"),
            },
            {
                "Metadata": {"WriteTimestampMicros": micros},
                "Keys": thing("new", "1"),
                "NewImage": thing("new", "1", v=2),
            },
        ]
        short = {"ExportFromTime": from_s, "ExportToTime": from_s + 60}
        options = {"TableArn": ARN, "S3Bucket": BUCKET, "IncrementalExportSpecification": short}
        options["ExportType"] = "INCREMENTAL_EXPORT"
        await cloud.refused("InvalidExportTimeException", "ExportTableToPointInTime", **options)

    run(body)


def test_exports_are_refused_repeated_and_fail() -> None:
    async def body(cloud: DynamoCloud) -> None:
        await cloud.table()
        asked = {"TableArn": ARN, "S3Bucket": "nowhere"}
        await cloud.refused("PointInTimeRecoveryUnavailableException", "ExportTableToPointInTime", **asked)
        await cloud.db("UpdateContinuousBackups", PointInTimeRecoverySpecification=PITR)
        ion = {**asked, "ExportFormat": "ION"}
        assert "ION" in await cloud.refused("NotImplemented", "ExportTableToPointInTime", **ion)
        first = await cloud.db("ExportTableToPointInTime", **asked, ClientToken="t")
        assert await cloud.db("ExportTableToPointInTime", **asked, ClientToken="t") == first
        other = {**asked, "S3Prefix": "x", "ClientToken": "t"}
        await cloud.refused("ExportConflictException", "ExportTableToPointInTime", **other)
        await cloud.deliver()
        found = await cloud.db("DescribeExport", ExportArn=first["ExportDescription"]["ExportArn"])
        assert found["ExportDescription"]["ExportStatus"] == "FAILED"
        assert found["ExportDescription"]["FailureCode"] == "S3NoSuchBucket"
        await cloud.refused(
            "ExportNotFoundException", "DescribeExport", ExportArn=f"{ARN}/export/0000000000000-00000000"
        )
        await cloud.db("DeleteTable")  # nothing holds it any more

    run(body)


def test_an_import_reads_csv_counts_what_is_wrong_and_goes_through_all_objects() -> None:
    async def body(cloud: DynamoCloud) -> None:
        await cloud.call("s3", "CreateBucket", Bucket=BUCKET)
        first = 'pk,sk,text\na,1,"two\nlines, ""quoted"""\nb,,no key\nc,3,\n'
        for key, text in (("in/1.csv", first), ("in/2.csv", "pk,sk\nd,4\nd,5,6\n"), ("other", "pk,sk\nx,1\n")):
            await cloud.call("s3", "PutObject", Bucket=BUCKET, Key=key, Body=text.encode())
        done = await imported(cloud, "in/", InputFormat="CSV")
        assert done["ImportStatus"] == "COMPLETED"
        counts = [done[n] for n in ("ProcessedItemCount", "ImportedItemCount", "ErrorCount", "ProcessedSizeBytes")]
        assert counts == [5, 3, 2, len(first) + 16]
        wanted = [thing("a", "1", text='two\nlines, "quoted"'), thing("c", "3"), thing("d", "4")]
        assert sorted((await items_of(cloud, "copied")).values(), key=str) == sorted(wanted, key=str)

    run(body)


def test_an_import_reads_as_its_caller_and_refuses_what_is_not_built() -> None:
    async def body(cloud: DynamoCloud) -> None:
        await cloud.call("s3", "CreateBucket", Bucket=BUCKET)
        options = {"S3BucketSource": {"S3Bucket": BUCKET}, "TableCreationParameters": CREATION}
        zstd = {**options, "InputFormat": "CSV", "InputCompressionType": "ZSTD"}
        assert "ZSTD" in await cloud.refused("NotImplemented", "ImportTable", **zstd)
        assert "ION" in await cloud.refused("NotImplemented", "ImportTable", **options, InputFormat="ION")
        with pytest.raises(ServiceError) as denied:
            await cloud.call("dynamodb", "ImportTable", NOBODY, **options, InputFormat="CSV")
        assert denied.value.code == "AccessDeniedException"
        await cloud.call("s3", "PutObject", Bucket=BUCKET, Key="bad.gz", Body=b"this is no gzip")
        done = await imported(cloud, InputCompressionType="GZIP")
        assert (done["ImportStatus"], done["FailureCode"]) == ("FAILED", "InvalidFile")
        await cloud.refused("ResourceInUseException", "ImportTable", **options, InputFormat="CSV")

    run(body)


def test_an_import_goes_on_where_it_was_after_a_crash(monkeypatch: pytest.MonkeyPatch) -> None:
    async def body(cloud: DynamoCloud) -> None:
        await cloud.call("s3", "CreateBucket", Bucket=BUCKET)
        lines = b"\n".join(b'{"Item":' + orjson.dumps(thing("a", str(n))) + b"}" for n in range(9))
        await cloud.call("s3", "PutObject", Bucket=BUCKET, Key="one", Body=lines)
        source = {"S3BucketSource": {"S3Bucket": BUCKET}, "TableCreationParameters": CREATION}
        begun = await cloud.db("ImportTable", **source, InputFormat="DYNAMODB_JSON")
        stored, calls = importing._store, []

        def dies(*args: Any) -> Any:
            calls.append(args)
            if len(calls) == 3:
                raise KeyboardInterrupt
            return stored(*args)

        monkeypatch.setattr(importing, "_store", dies)
        with pytest.raises(KeyboardInterrupt):
            await cloud.deliver()
        arn = begun["ImportTableDescription"]["ImportArn"]
        half = (await cloud.db("DescribeImport", ImportArn=arn))["ImportTableDescription"]
        assert (half["ImportStatus"], half["ProcessedItemCount"]) == ("IN_PROGRESS", 4)
        await cloud.deliver()
        done = (await cloud.db("DescribeImport", ImportArn=arn))["ImportTableDescription"]
        assert (done["ImportStatus"], done["ImportedItemCount"]) == ("COMPLETED", 9)
        assert len(await items_of(cloud, "copied")) == 9

    monkeypatch.setattr(importing, "BATCH", 2)
    run(body)


def test_gzip_of_several_members_and_lines_across_pieces_are_read() -> None:
    async def main() -> None:
        async def pieces() -> Any:
            data = gzip.compress("ä\r\n\nb".encode()) + gzip.compress(b"c\nd")
            for at in range(0, len(data), 3):
                yield data[at : at + 3]

        assert [line async for line in reading.lines_of(reading.unzipped(pieces()))] == ["ä", "bc", "d"]

    asyncio.run(main())


def test_an_export_has_no_more_permissions_than_its_caller() -> None:
    async def body(cloud: DynamoCloud) -> None:
        await prepared(cloud)
        user = (await cloud.call("iam", "CreateUser", UserName="dora"))["User"]
        caller = Caller(kind=Principal.USER, account="000000000000", arn=user["Arn"], user_id=user["UserId"])
        allowed = ["dynamodb:*"]
        for status in ("FAILED", "COMPLETED"):
            statement = {"Effect": "Allow", "Action": allowed, "Resource": "*"}
            policy = orjson.dumps({"Version": "2012-10-17", "Statement": [statement]}).decode()
            await cloud.call("iam", "PutUserPolicy", UserName="dora", PolicyName="all", PolicyDocument=policy)
            options = {"TableArn": ARN, "S3Bucket": BUCKET}
            begun = await cloud.call("dynamodb", "ExportTableToPointInTime", caller, **options)
            await cloud.deliver()
            found = await cloud.db("DescribeExport", ExportArn=begun["ExportDescription"]["ExportArn"])
            assert found["ExportDescription"]["ExportStatus"] == status
            assert ("FailureCode" in found["ExportDescription"]) == (status == "FAILED")
            allowed.append("s3:PutObject")

    run(body)


def test_lines_that_are_no_items_are_counted_and_stop_nothing() -> None:
    async def body(cloud: DynamoCloud) -> None:
        await cloud.call("s3", "CreateBucket", Bucket=BUCKET)
        good = orjson.dumps({"Item": thing("a", "1", text="x" * 200_000)}).decode()
        bad = [
            "[]",
            "{}",
            "not json",
            '{"Item": []}',
            '{"Item": {"pk": "a"}}',
            '{"Item": {"pk": {"S": 5}, "sk": {"S": "x"}}}',
            '{"Item": {"pk": {"S": "x"}}}',
            '{"Item": {"pk": {"S": "x"}, "sk": {"S": "x"}, "n": {"N": "x"}}}',
            '{"Item": {"pk": {"S": "x"}, "sk": {"S": "x"}, "b": {"B": "x"}}}',
        ]
        await cloud.call("s3", "PutObject", Bucket=BUCKET, Key="lines", Body="\n".join([*bad, good]).encode())
        done = await imported(cloud)
        assert (done["ImportStatus"], done["ImportedItemCount"], done["ErrorCount"]) == ("COMPLETED", 1, len(bad))
        await cloud.db("DeleteTable", TableName="copied")
        text = f'pk,sk,t\na,1,"{"x" * 200_000}"\nb,"2\u2028",y\n"c"d,3,"\n'
        await cloud.call("s3", "PutObject", Bucket=BUCKET, Key="lines", Body=text.encode())
        done = await imported(cloud, InputFormat="CSV")
        assert done["ImportStatus"] == "COMPLETED"
        found = await items_of(cloud, "copied")
        assert len(found["a", "1"]["t"]["S"]) == 200_000
        assert found["b", "2\u2028"]["t"] == {"S": "y"}

    run(body)
