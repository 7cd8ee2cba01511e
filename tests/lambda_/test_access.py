"""Resource policies, tags, layers, and what the compute room gets."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from lambent.contracts.errors import ServiceError
from lambent.contracts.functions import FunctionSpec
from lambent.services.lambda_ import LambdaHost, blobs_in_use
from lambent.services.lambda_.errors import (
    InvalidParameterValueException,
    PreconditionFailedException,
    ResourceConflictException,
    ResourceNotFoundException,
)
from lambent.services.lambda_.host import batches
from lambent.services.lambda_.names import Ref
from lambent.services.lambda_.running import choose, spec
from tests.support import TestCloud

from .support import ARN, NAME, LambdaCloud, zipped
from .test_functions import run

LAYER = "arn:aws:lambda:us-east-1:000000000000:layer:pillow"


@pytest.mark.parametrize(
    ("params", "expected"),
    [
        (
            {"Principal": "s3.amazonaws.com", "SourceArn": "arn:aws:s3:::b", "SourceAccount": "000000000000"},
            {
                "Principal": {"Service": "s3.amazonaws.com"},
                "Condition": {
                    "ArnLike": {"AWS:SourceArn": "arn:aws:s3:::b"},
                    "StringEquals": {"AWS:SourceAccount": "000000000000"},
                },
            },
        ),
        ({"Principal": "111111111111"}, {"Principal": {"AWS": "arn:aws:iam::111111111111:root"}}),
        ({"Principal": "arn:aws:iam::111111111111:user/u"}, {"Principal": {"AWS": "arn:aws:iam::111111111111:user/u"}}),
        (
            {"Principal": "*", "EventSourceToken": "amzn1.ask", "PrincipalOrgID": "o-1234567890"},
            {
                "Principal": "*",
                "Condition": {
                    "StringEquals": {"lambda:EventSourceToken": "amzn1.ask", "aws:PrincipalOrgID": "o-1234567890"}
                },
            },
        ),
        (
            {"Principal": "*", "FunctionUrlAuthType": "NONE"},
            {"Principal": "*", "Condition": {"StringEquals": {"lambda:FunctionUrlAuthType": "NONE"}}},
        ),
    ],
)
def test_statements_are_as_aws_writes_them(params: dict[str, str], expected: dict[str, object]) -> None:
    async def body(cloud: LambdaCloud) -> None:
        answer = await cloud.lambda_(
            "AddPermission", FunctionName=NAME, StatementId="s", Action="lambda:InvokeFunction", **params
        )
        common = {"Sid": "s", "Effect": "Allow", "Action": "lambda:InvokeFunction", "Resource": ARN}
        assert json.loads(answer["Statement"]) == common | expected
        policy = json.loads((await cloud.lambda_("GetPolicy", FunctionName=NAME))["Policy"])
        assert policy == {"Version": "2012-10-17", "Id": "default", "Statement": [common | expected]}

    run(body)


def test_permissions_come_and_go() -> None:
    async def body(cloud: LambdaCloud) -> None:
        basic = {"FunctionName": NAME, "Action": "lambda:InvokeFunction", "Principal": "s3.amazonaws.com"}
        with pytest.raises(ResourceNotFoundException, match="The resource you requested does not exist"):
            await cloud.lambda_("GetPolicy", FunctionName=NAME)
        with pytest.raises(ResourceNotFoundException, match="No policy is associated"):
            await cloud.lambda_("RemovePermission", FunctionName=NAME, StatementId="s")
        await cloud.lambda_("AddPermission", **basic, StatementId="s")
        with pytest.raises(ResourceConflictException, match=r"The statement id \(s\) provided already exists"):
            await cloud.lambda_("AddPermission", **basic, StatementId="s")
        with pytest.raises(InvalidParameterValueException, match="do not support adding policies for"):
            await cloud.lambda_("AddPermission", **basic, StatementId="t", Qualifier="$LATEST")
        with pytest.raises(ResourceNotFoundException, match=f"Function not found: {ARN}:42"):
            await cloud.lambda_("AddPermission", **basic, StatementId="t", Qualifier="42")
        with pytest.raises(ResourceNotFoundException, match=f"Cannot find alias arn: {ARN}:live"):
            await cloud.lambda_("AddPermission", **basic, StatementId="t", Qualifier="live")
        with pytest.raises(InvalidParameterValueException, match="The provided principal was invalid"):
            await cloud.lambda_("AddPermission", **{**basic, "Principal": "invalid.nonaws.com"}, StatementId="t")
        with pytest.raises(PreconditionFailedException, match="GetPolicy"):
            await cloud.lambda_("AddPermission", **basic, StatementId="t", RevisionId="old")
        with pytest.raises(ResourceNotFoundException, match="Statement t is not found in resource policy"):
            await cloud.lambda_("RemovePermission", FunctionName=NAME, StatementId="t")
        with pytest.raises(ResourceNotFoundException, match=f"No policy found for: {ARN}x"):
            await cloud.lambda_("RemovePermission", FunctionName=NAME + "x", StatementId="t")
        await cloud.lambda_("RemovePermission", FunctionName=NAME, StatementId="s")
        with pytest.raises(ResourceNotFoundException):
            await cloud.lambda_("GetPolicy", FunctionName=NAME)

    run(body)


def test_tags() -> None:
    async def body(cloud: LambdaCloud) -> None:
        await cloud.lambda_("TagResource", Resource=ARN, Tags={"a": "1", "b": "2"})
        await cloud.lambda_("UntagResource", Resource=ARN, TagKeys=["a"])
        assert await cloud.lambda_("ListTags", Resource=ARN) == {"Tags": {"b": "2"}}
        with pytest.raises(InvalidParameterValueException, match="aliases and versions are not supported"):
            await cloud.lambda_("ListTags", Resource=f"{ARN}:1")
        with pytest.raises(ResourceNotFoundException, match=f"Function not found: {ARN}x"):
            await cloud.lambda_("ListTags", Resource=f"{ARN}x")

    run(body)


async def publish(cloud: LambdaCloud, name: str = "pillow", **params: object) -> dict[str, object]:
    return await cloud.lambda_("PublishLayerVersion", LayerName=name, Content={"ZipFile": zipped("x.py")}, **params)


def test_layers() -> None:
    async def body(cloud: LambdaCloud) -> None:
        first = await publish(cloud, CompatibleRuntimes=["python3.12"], LicenseInfo="MIT")
        assert (first["LayerArn"], first["LayerVersionArn"], first["Version"]) == (LAYER, f"{LAYER}:1", 1)
        assert (first["CompatibleArchitectures"], first["LicenseInfo"]) == ([], "MIT")
        await publish(cloud)
        found = await cloud.lambda_("GetLayerVersion", LayerName="pillow", VersionNumber=1)
        by_arn = await cloud.lambda_("GetLayerVersionByArn", Arn=f"{LAYER}:1")
        assert found == by_arn
        assert found["Content"]["CodeSize"] == len(zipped("x.py"))
        listed = (await cloud.lambda_("ListLayerVersions", LayerName="pillow"))["LayerVersions"]
        assert [layer["Version"] for layer in listed] == [2, 1]
        layers = (await cloud.lambda_("ListLayers", CompatibleRuntime="python3.12"))["Layers"]
        assert [(layer["LayerArn"], layer["LatestMatchingVersion"]["Version"]) for layer in layers] == [(LAYER, 1)]
        await cloud.lambda_("DeleteLayerVersion", LayerName="pillow", VersionNumber=2)
        await cloud.lambda_("DeleteLayerVersion", LayerName="pillow", VersionNumber=2)
        assert (await publish(cloud))["Version"] == 3
        with pytest.raises(ResourceNotFoundException, match="The resource you requested does not exist"):
            await cloud.lambda_("GetLayerVersion", LayerName="pillow", VersionNumber=2)
        with pytest.raises(InvalidParameterValueException, match="Layer Version Cannot be less than 1"):
            await cloud.lambda_("GetLayerVersion", LayerName="pillow", VersionNumber=0)

    run(body)


def test_a_function_keeps_a_deleted_layer() -> None:
    async def body(cloud: LambdaCloud) -> None:
        await publish(cloud)
        answer = await cloud.lambda_("UpdateFunctionConfiguration", FunctionName=NAME, Layers=[f"{LAYER}:1"])
        assert answer["Layers"] == [{"Arn": f"{LAYER}:1", "CodeSize": len(zipped("x.py"))}]
        await cloud.lambda_("DeleteLayerVersion", LayerName="pillow", VersionNumber=1)
        await cloud.invoke()
        layer = cloud.compute.calls[0][0].layers[0]
        assert layer in await cloud.store.read(lambda tx: set(blobs_in_use(tx)))
        await publish(cloud)
        await publish(cloud)
        with pytest.raises(InvalidParameterValueException, match="Two different versions of the same layer"):
            await cloud.lambda_("UpdateFunctionConfiguration", FunctionName=NAME, Layers=[f"{LAYER}:2", f"{LAYER}:3"])
        cleared = await cloud.lambda_("UpdateFunctionConfiguration", FunctionName=NAME, Layers=[])
        assert "Layers" not in cleared

    run(body)


def test_layers_are_used_with_permission() -> None:
    async def body(cloud: LambdaCloud) -> None:
        await publish(cloud)
        eve = await cloud.user({"Effect": "Allow", "Action": "lambda:Update*", "Resource": "*"})
        update = {"FunctionName": NAME, "Layers": [f"{LAYER}:1"]}
        with pytest.raises(ServiceError, match="lambda:GetLayerVersion"):
            await cloud.lambda_("UpdateFunctionConfiguration", eve, **update)
        with pytest.raises(ResourceNotFoundException, match="No policy is associated with the given resource"):
            await cloud.lambda_("GetLayerVersionPolicy", LayerName="pillow", VersionNumber=1)
        permission = {"LayerName": "pillow", "VersionNumber": 1, "StatementId": "all"}
        added = await cloud.lambda_(
            "AddLayerVersionPermission", **permission, Action="lambda:GetLayerVersion", Principal="*"
        )
        policy = await cloud.lambda_("GetLayerVersionPolicy", LayerName="pillow", VersionNumber=1)
        assert policy["RevisionId"] == added["RevisionId"]
        await cloud.lambda_("UpdateFunctionConfiguration", eve, **update)
        with pytest.raises(PreconditionFailedException, match="GetLayerPolicy"):
            await cloud.lambda_("RemoveLayerVersionPermission", **permission, RevisionId="old")
        await cloud.lambda_("RemoveLayerVersionPermission", **permission)
        with pytest.raises(ResourceNotFoundException):
            await cloud.lambda_("RemoveLayerVersionPermission", **permission)

    run(body)


async def log_lines(cloud: TestCloud) -> list[str]:
    group = f"/aws/lambda/{NAME}"
    if not (await cloud.call("logs", "DescribeLogGroups"))["logGroups"]:
        return []
    found = await cloud.call("logs", "FilterLogEvents", logGroupName=group)
    return [event["message"] for event in found["events"]]


def test_logs_are_written_as_the_role() -> None:
    async def body(cloud: LambdaCloud) -> None:
        host = LambdaHost(cloud)
        function = await _spec(cloud)
        now_ms = cloud.clock.now_ns() // 1_000_000
        lines = [(now_ms, "END\n"), (now_ms - 1, "START\n"), (now_ms, "")]
        await host.log(function, "stream", lines)
        assert await log_lines(cloud) == []
        await cloud.allow_role("logs:*")
        await host.log(function, "stream", lines)
        await host.log(function, "stream", [(now_ms + 1, "more")])
        assert await log_lines(cloud) == ["START\n", "END\n", "more"]
        await cloud.allow_role("s3:*")
        await host.log(function, "stream", [(now_ms + 2, "lost")])
        assert await log_lines(cloud) == ["START\n", "END\n", "more"]

    run(body)


async def _spec(cloud: LambdaCloud) -> FunctionSpec:
    ref = Ref("000000000000", "us-east-1", NAME)
    found = await cloud.store.read(lambda tx: choose(tx, ref, cloud.ids))
    return spec(found.function, found.config)


def test_the_host_gives_code_and_credentials(tmp_path: Path) -> None:
    async def body(cloud: LambdaCloud) -> None:
        host = LambdaHost(cloud)
        function = await _spec(cloud)
        await host.fetch(function.code, str(tmp_path / "code.zip"), function.code_bytes)
        assert (tmp_path / "code.zip").read_bytes() == zipped()
        key, secret, token = await host.credentials(function)
        credential = await cloud.store.read(lambda tx: cloud.directory.credential(tx, key))
        assert credential is not None
        assert (credential.secret, credential.token) == (secret, token)
        assert credential.caller.arn == f"arn:aws:sts::000000000000:assumed-role/runner/{NAME}"

    run(body)


def test_log_lines_are_cut_to_what_a_call_takes() -> None:
    cut = list(batches([(2, "x" * 300_000), (1, "é" * 100_000), (3, "")]))
    assert [event["timestamp"] for batch in cut for event in batch] == [1, 1, 2, 2]
    assert "".join(event["message"] for batch in cut for event in batch) == "é" * 100_000 + "x" * 300_000
    assert len(list(batches([(0, "x" * 200_000)] * 10))) == 3
    assert [len(batch) for batch in batches([(0, "x")] * 10_001)] == [10_000, 1]
