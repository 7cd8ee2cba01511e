"""Configuration of buckets, cross-origin requests and browser uploads."""

from __future__ import annotations

from typing import Any

import pytest

from lambent.contracts.caller import ANONYMOUS, root
from lambent.contracts.errors import NotBuilt, ServiceError
from lambent.contracts.http import BytesBody, Request
from lambent.kit import Context
from lambent.services.s3 import cors_headers, errors, post_object, preflight

from .support import ACCOUNT, BIG, BUCKET, S3Cloud, run

VARY = ("Vary", "Origin, Access-Control-Request-Headers, Access-Control-Request-Method")


def test_tags_of_a_bucket() -> None:
    async def body(cloud: S3Cloud) -> None:
        async def put(*pairs: tuple[str | None, str | None]) -> Any:
            rows = [{name: text for name, text in (("Key", k), ("Value", v)) if text is not None} for k, v in pairs]
            return await cloud.s3("PutBucketTagging", Tagging={"TagSet": rows})

        with pytest.raises(errors.NoSuchTagSet):
            await cloud.s3("GetBucketTagging")
        assert await put(("a", "1"), ("b", "")) == {"ResponseMetadata": {"HTTPStatusCode": 204}}
        found = await cloud.s3("GetBucketTagging")
        assert found == {"TagSet": [{"Key": "a", "Value": "1"}, {"Key": "b", "Value": ""}]}
        with pytest.raises(errors.InvalidTag, match="Cannot provide multiple Tags with the same key"):
            await put(("a", "1"), ("a", "2"))
        with pytest.raises(errors.InvalidTag, match="System tags cannot be added/updated by requester"):
            await put(("aws:a", "1"))
        with pytest.raises(errors.InvalidTag) as caught:
            await put(("a", "1,2"))
        assert caught.value.fields == {"TagKey": "a", "TagValue": "1,2"}
        with pytest.raises(errors.MalformedXML):
            await put((None, "1"))
        with pytest.raises(errors.BadRequest, match="greater than 50"):
            await put(*((str(n), "") for n in range(51)))
        await cloud.s3("DeleteBucketTagging")
        with pytest.raises(errors.NoSuchTagSet):
            await cloud.s3("GetBucketTagging")

    run(body)


@pytest.mark.parametrize(
    ("operation", "error"),
    [
        ("GetBucketLifecycleConfiguration", errors.NoSuchLifecycleConfiguration),
        ("GetBucketWebsite", errors.NoSuchWebsiteConfiguration),
        ("GetBucketReplication", errors.ReplicationConfigurationNotFoundError),
        ("GetObjectLockConfiguration", errors.ObjectLockConfigurationNotFoundError),
        ("GetBucketCors", errors.NoSuchCORSConfiguration),
    ],
)
def test_what_is_unset_says_so(operation: str, error: type[ServiceError]) -> None:
    async def body(cloud: S3Cloud) -> None:
        with pytest.raises(error) as caught:
            await cloud.s3(operation)
        assert caught.value.fields == {"BucketName": BUCKET}
        assert caught.value.status == 404
        with pytest.raises(errors.NoSuchBucket):
            await cloud.s3(operation, Bucket="absent")

    run(body)


@pytest.mark.parametrize("noun", ["Analytics", "Inventory", "Metrics", "IntelligentTiering"])
def test_there_are_no_reports(noun: str) -> None:
    async def body(cloud: S3Cloud) -> None:
        assert await cloud.s3(f"ListBucket{noun}Configurations") == {"IsTruncated": False}
        with pytest.raises(errors.NoSuchConfiguration):
            await cloud.s3(f"GetBucket{noun}Configuration", Id="id")
        with pytest.raises(NotBuilt, match=f"PutBucket{noun}Configuration"):
            await cloud.s3(f"PutBucket{noun}Configuration", Id="id")

    run(body)


def test_what_is_unset_can_be_unset_but_not_set() -> None:
    async def body(cloud: S3Cloud) -> None:
        for operation in ("DeleteBucketLifecycle", "DeleteBucketWebsite", "DeleteBucketReplication"):
            assert await cloud.s3(operation) == {"ResponseMetadata": {"HTTPStatusCode": 204}}
            with pytest.raises(errors.NoSuchBucket):
                await cloud.s3(operation, Bucket="absent")
        await cloud.s3("PutBucketRequestPayment", RequestPaymentConfiguration={"Payer": "BucketOwner"})
        with pytest.raises(NotBuilt, match="Requester"):
            await cloud.s3("PutBucketRequestPayment", RequestPaymentConfiguration={"Payer": "Requester"})
        with pytest.raises(errors.MalformedXML):
            await cloud.s3("PutBucketRequestPayment", RequestPaymentConfiguration={"Payer": "x"})
        await cloud.s3("PutBucketLogging", BucketLoggingStatus={})
        with pytest.raises(NotBuilt, match="LoggingEnabled"):
            await cloud.s3("PutBucketLogging", BucketLoggingStatus={"LoggingEnabled": {}})
        await cloud.put("key")
        for operation in ("GetObjectRetention", "GetObjectLegalHold"):
            with pytest.raises(errors.InvalidRequest, match="Bucket is missing Object Lock Configuration"):
                await cloud.s3(operation, Key="key")

    run(body)


@pytest.mark.parametrize(
    ("operation", "params"),
    [
        ("PutBucketTagging", {}),
        ("PutBucketPolicy", {}),
        ("DeleteObjects", {}),
        ("PutObjectTagging", {"Key": "key"}),
        ("PutBucketNotificationConfiguration", {}),
        ("PutPublicAccessBlock", {}),
    ],
)
def test_a_document_must_be_there(operation: str, params: dict[str, str]) -> None:
    async def body(cloud: S3Cloud) -> None:
        with pytest.raises(errors.MissingRequestBodyError):
            await cloud.s3(operation, **params)

    run(body)


def test_defaults() -> None:
    async def body(cloud: S3Cloud) -> None:
        assert await cloud.s3("GetBucketRequestPayment") == {"Payer": "BucketOwner"}
        assert await cloud.s3("GetBucketAccelerateConfiguration") == {}
        assert await cloud.s3("GetBucketLogging") == {}
        rule = {"ApplyServerSideEncryptionByDefault": {"SSEAlgorithm": "AES256"}, "BucketKeyEnabled": False}
        whole = {"Rules": [rule]}
        assert await cloud.s3("GetBucketEncryption") == {"ServerSideEncryptionConfiguration": whole}
        await cloud.s3("PutBucketEncryption", ServerSideEncryptionConfiguration=whole)
        managed = {"Rules": [{**rule, "ApplyServerSideEncryptionByDefault": {"SSEAlgorithm": "aws:kms"}}]}
        await cloud.s3("PutBucketEncryption", ServerSideEncryptionConfiguration=managed)
        assert await cloud.s3("GetBucketEncryption") == {"ServerSideEncryptionConfiguration": managed}
        await cloud.s3("DeleteBucketEncryption")
        assert await cloud.s3("GetBucketEncryption") == {"ServerSideEncryptionConfiguration": whole}
        for wrong in ({"SSEAlgorithm": "aws:kms:dsse"}, {"SSEAlgorithm": "aws:kms", "KMSMasterKeyID": "x"}):
            rules = {"Rules": [{"ApplyServerSideEncryptionByDefault": wrong}]}
            with pytest.raises(NotBuilt):
                await cloud.s3("PutBucketEncryption", ServerSideEncryptionConfiguration=rules)
        found = await cloud.s3("GetBucketOwnershipControls")
        assert found == {"OwnershipControls": {"Rules": [{"ObjectOwnership": "BucketOwnerEnforced"}]}}
        await cloud.s3("DeleteBucketOwnershipControls")
        with pytest.raises(errors.OwnershipControlsNotFoundError):
            await cloud.s3("GetBucketOwnershipControls")

    run(body)


RULES: list[dict[str, Any]] = [
    {
        "AllowedOrigins": ["https://localhost:4200", "http://*.example.com"],
        "AllowedMethods": ["GET", "PUT"],
        "MaxAgeSeconds": 3000,
        "AllowedHeaders": ["x-amz-*"],
        "ExposeHeaders": ["ETag"],
    },
    {"AllowedOrigins": ["*"], "AllowedMethods": ["GET"]},
]


async def ask(cloud: S3Cloud, bucket: str = BUCKET, **headers: str) -> dict[str, str]:
    named = {name.replace("_", "-"): value for name, value in headers.items()}
    return dict((await preflight(cloud, bucket, Request("OPTIONS", f"/{bucket}/key", headers=named))).headers)


def test_a_preflight_is_answered_by_the_first_rule_that_fits() -> None:
    async def body(cloud: S3Cloud) -> None:
        origin = "https://localhost:4200"
        with pytest.raises(errors.AccessForbidden, match="CORS is not enabled for this bucket") as caught:
            await ask(cloud, origin=origin, access_control_request_method="PUT")
        assert caught.value.fields == {"Method": "PUT", "ResourceType": "BUCKET"}
        with pytest.raises(errors.AccessForbidden, match="Bucket not found"):
            await ask(cloud, "absent", origin=origin)
        with pytest.raises(errors.BadRequest, match=r"Origin request header needed"):
            await ask(cloud)
        await cloud.s3("PutBucketCors", CORSConfiguration={"CORSRules": RULES})
        assert (await cloud.s3("GetBucketCors"))["CORSRules"] == RULES
        found = await ask(
            cloud, origin=origin, access_control_request_method="PUT", access_control_request_headers="X-Amz-Date"
        )
        assert found == dict(
            [
                ("Access-Control-Allow-Origin", origin),
                ("Access-Control-Allow-Methods", "GET, PUT"),
                ("Access-Control-Allow-Headers", "x-amz-date"),
                ("Access-Control-Expose-Headers", "ETag"),
                ("Access-Control-Max-Age", "3000"),
                ("Access-Control-Allow-Credentials", "true"),
                VARY,
            ]
        )
        found = await ask(cloud, origin="http://other", access_control_request_method="GET")
        assert found == dict([("Access-Control-Allow-Origin", "*"), ("Access-Control-Allow-Methods", "GET"), VARY])
        for headers in ({"access_control_request_method": "DELETE"}, {"access_control_request_headers": "cookie"}):
            with pytest.raises(errors.AccessForbidden, match="This CORS request is not allowed"):
                await ask(cloud, origin="http://a.example.com", **{"access_control_request_method": "GET", **headers})

    run(body)


def test_answers_carry_the_headers_of_the_rule() -> None:
    async def body(cloud: S3Cloud) -> None:
        await cloud.s3("PutBucketCors", CORSConfiguration={"CORSRules": RULES})

        async def headers(method: str, **sent: str) -> dict[str, str]:
            return dict(await cors_headers(cloud, BUCKET, Request(method, f"/{BUCKET}/key", headers=sent)))

        assert await headers("GET") == {}
        assert (await headers("GET", origin="http://x.example.com"))["Access-Control-Max-Age"] == "3000"
        assert (await headers("GET", origin="http://x"))["Access-Control-Allow-Origin"] == "*"
        assert await headers("PUT", origin="http://x") == {}
        await cloud.s3("DeleteBucketCors")
        assert await headers("GET", origin="http://x") == {}

    run(body)


@pytest.mark.parametrize(
    ("rules", "text"),
    [
        ([], "not well-formed"),
        ([{"AllowedMethods": ["GET"]}], "not well-formed"),
        ([{"AllowedMethods": ["MYMETHOD"], "AllowedOrigins": ["*"]}], "Unsupported method is MYMETHOD"),
        ([{"AllowedMethods": ["GET"], "AllowedOrigins": ["*.*"]}], "can not have more than one wildcard"),
    ],
)
def test_cors_rules_that_are_wrong(rules: list[dict[str, Any]], text: str) -> None:
    async def body(cloud: S3Cloud) -> None:
        with pytest.raises(errors.S3Error, match=text):
            await cloud.s3("PutBucketCors", CORSConfiguration={"CORSRules": rules})

    run(body)


def context(cloud: S3Cloud, request: Request | None = None) -> Context:
    return Context(cloud, root(ACCOUNT), "us-east-1", "request", request)


@pytest.mark.parametrize("size", [6, BIG])
def test_a_form_becomes_an_object(size: int) -> None:
    async def body(cloud: S3Cloud) -> None:
        document = "<Tagging><TagSet><Tag><Key>a</Key><Value>1</Value></Tag></TagSet></Tagging>"
        fields = {
            "bucket": BUCKET,
            "key": "up/${filename}",
            "content-type": "text/plain",
            "x-amz-meta-colour": "blue",
            "tagging": document,
            "success_action_status": "201",
        }
        data = b"f" * size
        answer = await post_object(context(cloud), fields, BytesBody(data), filename="cat.jpg")
        assert answer.status == 201
        assert isinstance(answer.body, bytes)
        assert b"<Key>up/cat.jpg</Key>" in answer.body
        assert await cloud.body("up/cat.jpg") == data
        head = await cloud.s3("HeadObject", Key="up/cat.jpg")
        assert (head["ContentType"], head["Metadata"], head["TagCount"]) == ("text/plain", {"colour": "blue"}, 1)
        answer = await post_object(context(cloud), {"bucket": BUCKET, "key": "k"}, BytesBody(data))
        assert (answer.status, answer.body) == (204, b"")
        fields = {"bucket": BUCKET, "key": "k", "success_action_redirect": "http://here/?a=1"}
        answer = await post_object(context(cloud), fields, BytesBody(data))
        assert answer.status == 303
        assert dict(answer.headers)["Location"].startswith("http://here/?a=1&bucket=photos&key=k&etag=%22")
        assert await cloud.blobs_named() == cloud.blobs_kept

    run(body)


@pytest.mark.parametrize(
    ("host", "secure", "where"),
    [
        ("localhost:4566", False, "http://localhost:4566/photos/a%20b"),
        ("cloud.example.com", True, "https://cloud.example.com/photos/a%20b"),
        ("photos.s3.localhost:4566", False, "http://photos.s3.localhost:4566/a%20b"),
    ],
)
def test_an_objects_address_is_spelled_as_the_client_spells_the_clouds(host: str, secure: bool, where: str) -> None:
    async def body(cloud: S3Cloud) -> None:
        request = Request("POST", "/", headers={"host": host}, secure=secure)
        answer = await post_object(context(cloud, request), {"bucket": BUCKET, "key": "a b"}, BytesBody(b"x"))
        assert dict(answer.headers)["Location"] == where

    run(body)


def test_a_form_that_is_wrong_says_why() -> None:
    async def body(cloud: S3Cloud) -> None:
        fields = {"bucket": BUCKET, "key": "k"}
        with pytest.raises(errors.EntityTooSmall) as small:
            await post_object(context(cloud), fields, BytesBody(b"x"), size_range=(5, 10))
        assert small.value.fields == {"MinSizeAllowed": "5", "ProposedSize": "1"}
        for size in (12, BIG):
            with pytest.raises(errors.EntityTooLarge) as large:
                await post_object(context(cloud), fields, BytesBody(b"x" * size), size_range=(5, 10))
            assert large.value.fields == {"MaxSizeAllowed": "10", "ProposedSize": str(size)}
        with pytest.raises(errors.InvalidArgument, match="must contain a field named 'key'"):
            await post_object(context(cloud), {"bucket": BUCKET}, BytesBody(b""))
        with pytest.raises(errors.MalformedXML):
            await post_object(context(cloud), {**fields, "tagging": "<!DOCTYPE x>"}, BytesBody(b""))
        with pytest.raises(errors.InvalidStorageClass):
            await post_object(context(cloud), {**fields, "x-amz-storage-class": "FakeClass"}, BytesBody(b""))
        anonymous = Context(cloud, ANONYMOUS, "us-east-1", "request", None)
        with pytest.raises(ServiceError) as refused:
            await post_object(anonymous, fields, BytesBody(b""))
        assert refused.value.code == "AccessDenied"
        assert "Contents" not in await cloud.s3("ListObjects")
        assert cloud.blobs_kept == []

    run(body)
