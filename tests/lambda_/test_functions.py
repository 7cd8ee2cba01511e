"""Functions, versions, aliases, concurrency."""

from __future__ import annotations

import asyncio
import base64
import hashlib
from collections.abc import Awaitable, Callable
from typing import Any

import pytest

from lambent.contracts.caller import root
from lambent.contracts.errors import NotBuilt, ServiceError
from lambent.contracts.http import Request
from lambent.kit import Context
from lambent.services.lambda_ import blobs_in_use, downloads
from lambent.services.lambda_.errors import (
    InvalidParameterValueException,
    PreconditionFailedException,
    ResourceConflictException,
    ResourceNotFoundException,
)
from tests.support import ACCOUNT, REGION

from .support import ARN, NAME, ROLE, LambdaCloud, zipped


def run(test: Callable[[LambdaCloud], Awaitable[None]], **settings: Any) -> None:
    async def body() -> None:
        await test(await LambdaCloud().begin(**settings))

    asyncio.run(body())


def test_a_function_is_created_and_described_as_aws_does() -> None:
    async def body(cloud: LambdaCloud) -> None:
        code = zipped()
        created = await cloud.create(FunctionName="second", Environment={"Variables": {"AA": "1"}}, Tags={"t": "v"})
        assert created == {
            "FunctionName": "second",
            "FunctionArn": ARN.replace(NAME, "second"),
            "Runtime": "python3.12",
            "Role": ROLE,
            "Handler": "app.handler",
            "CodeSize": len(code),
            "Description": "",
            "Timeout": 3,
            "MemorySize": 128,
            "LastModified": "2023-11-14T22:13:20.000+0000",
            "CodeSha256": base64.b64encode(hashlib.sha256(code).digest()).decode(),
            "Version": "$LATEST",
            "Environment": {"Variables": {"AA": "1"}},
            "TracingConfig": {"Mode": "PassThrough"},
            "RevisionId": created["RevisionId"],
            "State": "Pending",
            "StateReason": "The function is being created.",
            "StateReasonCode": "Creating",
            "PackageType": "Zip",
            "Architectures": ["x86_64"],
            "EphemeralStorage": {"Size": 512},
            "SnapStart": {"ApplyOn": "None", "OptimizationStatus": "Off"},
            "RuntimeVersionConfig": {"RuntimeVersionArn": "arn:aws:lambda:us-east-1::runtime:python3.12"},
            "LoggingConfig": {"LogFormat": "Text", "LogGroup": "/aws/lambda/second"},
        }
        found = await cloud.lambda_("GetFunction", FunctionName="second")
        assert found["Tags"] == {"t": "v"}
        assert found["Configuration"]["State"] == "Active"
        assert found["Configuration"]["LastUpdateStatus"] == "Successful"
        assert "StateReason" not in found["Configuration"]
        with pytest.raises(ResourceConflictException, match="Function already exist: second"):
            await cloud.create(FunctionName="second")

    run(body)


def test_code_is_downloaded_from_the_host_that_the_client_asked() -> None:
    async def body(cloud: LambdaCloud) -> None:
        async def base(secure: bool, *headers: tuple[str, str]) -> str:
            request = Request("GET", "/", headers=dict(headers), secure=secure)
            ctx = Context(cloud, root(ACCOUNT), REGION, "id", request)
            return (await cloud.store.write(lambda tx: downloads.location(ctx, tx, "blob", 1))).partition("/_lambent/")[
                0
            ]

        assert await base(True, ("host", "balancer.example")) == "https://balancer.example"
        assert await base(False, ("host", "10.0.0.1:4566")) == "http://10.0.0.1:4566"
        assert await base(False) == cloud.settings.endpoint

    run(body)


def test_code_can_be_downloaded_for_ten_minutes() -> None:
    async def body(cloud: LambdaCloud) -> None:
        location = (await cloud.lambda_("GetFunction", FunctionName=NAME))["Code"]["Location"]
        path, query = location.removeprefix(cloud.settings.endpoint).split("?")

        async def get(path: str, query: str, method: str = "GET") -> tuple[int, bytes]:
            answer = await downloads.serve(cloud, Request(method, path, query))
            assert not hasattr(answer.body, "path")
            body = answer.body if isinstance(answer.body, bytes) else b"".join([p async for p in answer.body])  # type: ignore[union-attr]
            return answer.status, body

        assert await get(path, query) == (200, zipped())
        assert (await get(path, query, "HEAD"))[0] == 200
        assert (await get(path + "0", query))[0] == 403
        assert (await get(path, query.replace("signature=", "signature=0")))[0] == 403
        assert (await get(path, ""))[0] == 403
        assert (await get(path, query, "POST"))[0] == 405
        await cloud.advance(601)
        assert (await get(path, query))[0] == 403

    run(body)


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"Code": {"ZipFile": b"no zip"}}, "Could not unzip uploaded file"),
        ({"Code": {"ZipFile": zipped("../evil")}}, "Could not unzip uploaded file"),
        ({"Code": {}}, "Please provide"),
        (
            {"Role": "arn:aws:iam::000000000000:role/none"},
            "The role defined for the function cannot be assumed by Lambda",
        ),
        ({"Runtime": "python3.7"}, "The runtime parameter of python3.7 is no longer supported"),
        ({"Layers": [f"arn:aws:lambda:us-east-1:000000000000:layer:l:{n}" for n in range(1, 7)]}, "more than 5 layers"),
        ({"Layers": ["arn:aws:lambda:us-east-1:000000000000:layer:l:1"]}, "Layer version arn:.*:1 does not exist"),
        ({"Layers": ["arn:aws:lambda:eu-west-1:000000000000:layer:l:1"]}, "not in the same region"),
        ({"Environment": {"Variables": {"AWS_REGION": "x"}}}, "Reserved keys used in this request: AWS_REGION"),
        ({"Environment": {"Variables": {"AA": "x" * 4088}}}, 'exceeded the 4KB limit. String measured: {"AA":"xx'),
        ({"DeadLetterConfig": {"TargetArn": "arn:aws:s3:::b"}}, "please provide a SQS queue or SNS topic"),
        ({"FunctionName": f"{NAME}:1"}, "Unexpected qualifier"),
    ],
)
def test_what_aws_refuses(settings: dict[str, Any], message: str) -> None:
    async def body(cloud: LambdaCloud) -> None:
        with pytest.raises(InvalidParameterValueException, match=message):
            await cloud.create(**{"FunctionName": "new", **settings})
        assert len((await cloud.lambda_("ListFunctions"))["Functions"]) == 1

    run(body)


@pytest.mark.parametrize(
    ("settings", "named"),
    [
        ({"PackageType": "Image", "Code": {"ImageUri": "x"}}, "PackageType Image"),
        ({"VpcConfig": {"SubnetIds": ["subnet-1"]}}, "VpcConfig"),
        ({"KMSKeyArn": "arn:aws:kms:us-east-1:000000000000:key/k"}, "KMSKeyArn"),
        ({"SnapStart": {"ApplyOn": "PublishedVersions"}}, "SnapStart"),
        ({"LoggingConfig": {"LogFormat": "JSON"}}, "LogFormat"),
        ({"Runtime": "ruby3.4"}, "python3.11, python3.12"),
    ],
)
def test_what_is_not_built_is_named(settings: dict[str, Any], named: str) -> None:
    async def body(cloud: LambdaCloud) -> None:
        with pytest.raises(NotBuilt, match=named):
            await cloud.create(**{"FunctionName": "new", **settings})

    run(body)


def test_environment_of_4096_bytes_is_allowed() -> None:
    async def body(cloud: LambdaCloud) -> None:
        created = await cloud.create(FunctionName="new", Environment={"Variables": {"AA": "x" * 4087}})
        assert len(created["Environment"]["Variables"]["AA"]) == 4087

    run(body)


@pytest.mark.parametrize(
    "name", [NAME, ARN, f"000000000000:function:{NAME}", f"{NAME}:$LATEST", f"{ARN}:$LATEST", f"function:{NAME}"]
)
def test_a_function_has_many_names(name: str) -> None:
    async def body(cloud: LambdaCloud) -> None:
        found = await cloud.lambda_("GetFunctionConfiguration", FunctionName=name)
        assert found["FunctionName"] == NAME
        assert found["FunctionArn"] == (f"{ARN}:$LATEST" if "$" in name else ARN)

    run(body)


def test_functions_that_are_not_there() -> None:
    async def body(cloud: LambdaCloud) -> None:
        with pytest.raises(ResourceNotFoundException, match=f"Function not found: {ARN}x$"):
            await cloud.lambda_("GetFunction", FunctionName=NAME + "x")
        with pytest.raises(ResourceNotFoundException, match=f"Function not found: {ARN}:7$"):
            await cloud.lambda_("GetFunction", FunctionName=NAME, Qualifier="7")
        with pytest.raises(ResourceNotFoundException, match="are not reachable in this region"):
            await cloud.lambda_("GetFunction", FunctionName=ARN.replace("us-east-1", "eu-west-1"))
        with pytest.raises(InvalidParameterValueException, match="does not match the specified qualifier"):
            await cloud.lambda_("GetFunction", FunctionName=f"{NAME}:1", Qualifier="2")

    run(body)


def test_updates_take_a_new_revision_and_retire_old_environments() -> None:
    async def body(cloud: LambdaCloud) -> None:
        before = await cloud.lambda_("GetFunctionConfiguration", FunctionName=NAME)
        answer = await cloud.lambda_(
            "UpdateFunctionConfiguration", FunctionName=NAME, Timeout=9, RevisionId=before["RevisionId"]
        )
        assert (answer["LastUpdateStatus"], answer["Timeout"], answer["MemorySize"]) == ("InProgress", 9, 128)
        await asyncio.sleep(0)
        assert cloud.compute.retired == [f"{ARN}:$LATEST"]
        with pytest.raises(PreconditionFailedException, match="Call the GetFunction/GetAlias API"):
            await cloud.lambda_(
                "UpdateFunctionCode", FunctionName=NAME, ZipFile=zipped("b.py"), RevisionId=before["RevisionId"]
            )
        dry = await cloud.lambda_("UpdateFunctionCode", FunctionName=NAME, ZipFile=zipped("b.py"), DryRun=True)
        assert dry["CodeSize"] == len(zipped("b.py"))
        after = await cloud.lambda_("GetFunctionConfiguration", FunctionName=NAME)
        assert (after["CodeSha256"], after["RevisionId"]) == (before["CodeSha256"], answer["RevisionId"])
        await cloud.lambda_("UpdateFunctionCode", FunctionName=NAME, ZipFile=zipped("b.py"))
        after = await cloud.lambda_("GetFunctionConfiguration", FunctionName=NAME)
        assert after["CodeSha256"] != before["CodeSha256"]
        assert after["Timeout"] == 9
        assert len(set(await cloud.store.read(lambda tx: list(blobs_in_use(tx))))) == 1

    run(body)


def test_code_comes_from_s3_as_the_caller() -> None:
    class Bucket:
        """The one object of a bucket, for those who may read it."""

        def __init__(self, cloud: LambdaCloud) -> None:
            self.api = cloud.api
            self.denied = False

        async def call(self, caller: Any, region: str, service: str, operation: str, params: Any) -> dict[str, Any]:
            if service != "s3":
                return await self.api.call(caller, region, service, operation, params)
            assert (operation, params) == ("GetObject", {"Bucket": "bucket", "Key": "k", "VersionId": "v"})
            if self.denied:
                raise type("AccessDenied", (ServiceError,), {})("no")
            return {"Body": zipped("from_s3.py"), "ContentLength": 10}

    async def body(cloud: LambdaCloud) -> None:
        cloud.api = bucket = Bucket(cloud)  # type: ignore[assignment]
        where = {"S3Bucket": "bucket", "S3Key": "k", "S3ObjectVersion": "v"}
        answer = await cloud.lambda_("UpdateFunctionCode", FunctionName=NAME, **where)
        assert answer["CodeSize"] == len(zipped("from_s3.py"))
        bucket.denied = True
        with pytest.raises(ServiceError, match="S3 Error Code: AccessDenied") as caught:
            await cloud.lambda_("UpdateFunctionCode", FunctionName=NAME, **where)
        assert caught.value.code == "AccessDeniedException"

    run(body)


def test_versions_are_published_when_something_changed() -> None:
    async def body(cloud: LambdaCloud) -> None:
        first = await cloud.lambda_("PublishVersion", FunctionName=NAME, Description="one")
        assert (first["Version"], first["FunctionArn"], first["Description"]) == ("1", f"{ARN}:1", "one")
        assert await cloud.lambda_("PublishVersion", FunctionName=NAME) == first
        await cloud.lambda_("UpdateFunctionConfiguration", FunctionName=NAME, Timeout=7)
        second = await cloud.lambda_("PublishVersion", FunctionName=NAME)
        assert second["Version"] == "2"
        kept = await cloud.lambda_("GetFunctionConfiguration", FunctionName=NAME, Qualifier="1")
        assert (kept["Timeout"], kept["Version"]) == (3, "1")
        third = await cloud.lambda_("UpdateFunctionCode", FunctionName=NAME, ZipFile=zipped("c.py"), Publish=True)
        assert third["Version"] == "3"
        with pytest.raises(InvalidParameterValueException, match="is different from current CodeSHA256"):
            await cloud.lambda_("PublishVersion", FunctionName=NAME, CodeSha256="x")
        page = await cloud.lambda_("ListVersionsByFunction", FunctionName=NAME, MaxItems=2)
        rest = await cloud.lambda_("ListVersionsByFunction", FunctionName=NAME, Marker=page["NextMarker"])
        assert [v["Version"] for v in page["Versions"] + rest["Versions"]] == ["$LATEST", "1", "2", "3"]
        await cloud.lambda_("DeleteFunction", FunctionName=NAME, Qualifier="2")
        with pytest.raises(ResourceNotFoundException):
            await cloud.lambda_("GetFunction", FunctionName=f"{NAME}:2")
        listed = await cloud.lambda_("ListFunctions", FunctionVersion="ALL")
        assert [f["Version"] for f in listed["Functions"]] == ["$LATEST", "1", "3"]

    run(body)


def test_a_function_may_be_published_when_created() -> None:
    async def body(cloud: LambdaCloud) -> None:
        created = await cloud.create(FunctionName="new", Publish=True)
        assert (created["Version"], created["State"]) == ("1", "Pending")

    run(body)


def test_aliases() -> None:
    async def body(cloud: LambdaCloud) -> None:
        for timeout in (4, 5):
            await cloud.lambda_("UpdateFunctionConfiguration", FunctionName=NAME, Timeout=timeout)
            await cloud.lambda_("PublishVersion", FunctionName=NAME)
        made = await cloud.lambda_("CreateAlias", FunctionName=NAME, Name="live", FunctionVersion="1")
        assert made == {
            "AliasArn": f"{ARN}:live",
            "Name": "live",
            "FunctionVersion": "1",
            "Description": "",
            "RevisionId": made["RevisionId"],
        }
        with pytest.raises(ResourceConflictException, match="Alias already exists"):
            await cloud.lambda_("CreateAlias", FunctionName=NAME, Name="live", FunctionVersion="1")
        with pytest.raises(ResourceNotFoundException, match=f"Function not found: {ARN}:9"):
            await cloud.lambda_("CreateAlias", FunctionName=NAME, Name="other", FunctionVersion="9")
        with pytest.raises(ResourceConflictException, match="referenced by alias"):
            await cloud.lambda_("DeleteFunction", FunctionName=NAME, Qualifier="1")
        weights = {"AdditionalVersionWeights": {"2": 0.25}}
        moved = await cloud.lambda_("UpdateAlias", FunctionName=NAME, Name="live", RoutingConfig=weights)
        assert moved["RoutingConfig"] == weights
        with pytest.raises(PreconditionFailedException):
            await cloud.lambda_("UpdateAlias", FunctionName=NAME, Name="live", RevisionId=made["RevisionId"])
        for _ in range(200):
            await cloud.invoke(Qualifier="live")
        drawn = [spec.version for spec, _ in cloud.compute.calls]
        assert 20 < drawn.count("2") < 80
        assert drawn.count("1") + drawn.count("2") == 200
        assert {call.invoked_arn for _, call in cloud.compute.calls} == {f"{ARN}:live"}
        assert [a["Name"] for a in (await cloud.lambda_("ListAliases", FunctionName=NAME))["Aliases"]] == ["live"]
        assert (await cloud.lambda_("ListAliases", FunctionName=NAME, FunctionVersion="3"))["Aliases"] == []
        await cloud.lambda_("DeleteAlias", FunctionName=NAME, Name="live")
        await cloud.lambda_("DeleteAlias", FunctionName=NAME, Name="live")
        with pytest.raises(ResourceNotFoundException, match=f"Cannot find alias arn: {ARN}:live"):
            await cloud.lambda_("GetAlias", FunctionName=NAME, Name="live")

    run(body)


@pytest.mark.parametrize(
    ("version", "weights"),
    [("1", {"$LATEST": 0.5}), ("$LATEST", {"1": 0.5}), ("1", {"1": 0.5}), ("1", {"1": 0.1, "2": 0.1})],
)
def test_weights_that_make_no_sense(version: str, weights: dict[str, float]) -> None:
    async def body(cloud: LambdaCloud) -> None:
        await cloud.lambda_("PublishVersion", FunctionName=NAME)
        with pytest.raises(ServiceError):
            await cloud.lambda_(
                "CreateAlias",
                FunctionName=NAME,
                Name="live",
                FunctionVersion=version,
                RoutingConfig={"AdditionalVersionWeights": weights},
            )
        assert (await cloud.lambda_("ListAliases", FunctionName=NAME))["Aliases"] == []

    run(body)


def test_a_deleted_function_leaves_nothing() -> None:
    async def body(cloud: LambdaCloud) -> None:
        await cloud.lambda_("PublishVersion", FunctionName=NAME)
        await cloud.lambda_("CreateAlias", FunctionName=NAME, Name="live", FunctionVersion="1")
        await cloud.create(FunctionName=NAME + "2")
        assert await cloud.lambda_("DeleteFunction", FunctionName=NAME) == {"StatusCode": 204}
        await asyncio.sleep(0)
        assert cloud.compute.retired == [f"{ARN}:"]
        with pytest.raises(ResourceNotFoundException):
            await cloud.lambda_("DeleteFunction", FunctionName=NAME)
        await cloud.create()
        assert (await cloud.lambda_("ListAliases", FunctionName=NAME))["Aliases"] == []
        page = await cloud.lambda_("ListFunctions", MaxItems=1)
        rest = await cloud.lambda_("ListFunctions", Marker=page["NextMarker"])
        names = [f["FunctionName"] for f in page["Functions"] + rest["Functions"]]
        assert names == [NAME, NAME + "2"]

    run(body)


def test_reserved_concurrency() -> None:
    async def body(cloud: LambdaCloud) -> None:
        assert await cloud.lambda_("GetFunctionConcurrency", FunctionName=NAME) == {}
        for amount in (900, 5):
            put = await cloud.lambda_("PutFunctionConcurrency", FunctionName=NAME, ReservedConcurrentExecutions=amount)
            assert put == {"ReservedConcurrentExecutions": amount}
        with pytest.raises(InvalidParameterValueException, match=r"minimum value of \[100\]"):
            await cloud.lambda_("PutFunctionConcurrency", FunctionName=NAME, ReservedConcurrentExecutions=901)
        limits = (await cloud.lambda_("GetAccountSettings"))["AccountLimit"]
        assert limits["UnreservedConcurrentExecutions"] == 995
        await cloud.invoke()
        assert cloud.compute.calls[0][0].reserved_concurrency == 5
        found = await cloud.lambda_("GetFunction", FunctionName=NAME)
        assert found["Concurrency"] == {"ReservedConcurrentExecutions": 5}
        await cloud.lambda_("DeleteFunctionConcurrency", FunctionName=NAME)
        assert await cloud.lambda_("GetFunctionConcurrency", FunctionName=NAME) == {}

    run(body)
