"""Stages and deployments, domain names and mappings, tags, VPC links."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest

from lambent.services.apigateway.common import domains
from lambent.services.apigateway.common.domains import Mapping
from tests.support import TestCloud

from .support import CERTIFICATE, Api, refused, with_api


def test_deployments_are_frozen() -> None:
    async def scenario(api: Api) -> None:
        nothing = await api.refused("CreateDeployment")
        assert nothing == ("BadRequestException", "Unable to deploy API because no routes exist in this API")
        await api("CreateRoute", RouteKey="GET /a")
        await api("CreateStage", StageName="dev")
        assert "DeploymentId" not in await api("GetStage", StageName="dev")
        made = await api("CreateDeployment", StageName="dev", Description="one")
        assert (made["AutoDeployed"], made["DeploymentStatus"], made["Description"]) == (False, "DEPLOYED", "one")
        id = {"DeploymentId": made["DeploymentId"]}
        assert (await api("GetStage", StageName="dev"))["DeploymentId"] == made["DeploymentId"]
        assert await api.refused("DeleteDeployment", **id) == (
            "BadRequestException",
            "Active stages pointing to this deployment must be moved or deleted",
        )
        assert (await api("UpdateDeployment", Description="two", **id))["Description"] == "two"
        await api("DeleteStage", StageName="dev")
        await api("DeleteDeployment", **id)
        assert (await api("GetDeployments"))["Items"] == []
        assert (await api.refused("CreateStage", StageName="x", **id))[1] == "Deployment id does not exist"
        assert (await api.refused("CreateDeployment", StageName="nope"))[1] == "Invalid stage identifier specified"

    with_api(scenario)


def test_stages_that_deploy_by_themselves() -> None:
    async def scenario(api: Api) -> None:
        made = await api("CreateStage", StageName="$default", AutoDeploy=True)
        assert made["LastDeploymentStatusMessage"].startswith("Deployment attempt failed: Unable to deploy API")
        await api("CreateRoute", RouteKey="GET /a")
        first = await api("GetStage", StageName="$default")
        await api("CreateRoute", RouteKey="GET /b")
        second = await api("GetStage", StageName="$default")
        assert first["DeploymentId"] != second["DeploymentId"]
        assert second["LastDeploymentStatusMessage"] == (
            f"Successfully deployed stage with deployment ID '{second['DeploymentId']}'"
        )
        # Automatic deployments that no stage points to any more are forgotten.
        assert [item["DeploymentId"] for item in (await api("GetDeployments"))["Items"]] == [second["DeploymentId"]]
        refused_set = await api.refused("UpdateStage", StageName="$default", DeploymentId=second["DeploymentId"])
        assert refused_set[0] == "BadRequestException"
        assert (await api.refused("CreateDeployment", StageName="$default"))[0] == "BadRequestException"

    with_api(scenario)


def test_settings_of_stages() -> None:
    async def scenario(api: Api) -> None:
        await api("CreateRoute", RouteKey="GET /a")
        log = {"DestinationArn": "arn:aws:logs:us-east-1:000000000000:log-group:x", "Format": "$context.requestId"}
        given: dict[str, Any] = {
            "StageName": "dev",
            "StageVariables": {"a": "1", "b": "2"},
            "RouteSettings": {"GET /a": {"ThrottlingBurstLimit": 3, "ThrottlingRateLimit": 1.5}},
            "AccessLogSettings": log,
            "Tags": {"k": "v"},
        }
        made = await api("CreateStage", **given)
        assert {name: made[name] for name in given} == given
        assert made["DefaultRouteSettings"] == {"DetailedMetricsEnabled": False}
        changed = await api("UpdateStage", StageName="dev", StageVariables={"a": "", "c": "3"}, Description="d")
        assert (changed["StageVariables"], changed["Description"]) == ({"b": "2", "c": "3"}, "d")
        await api("DeleteAccessLogSettings", StageName="dev")
        await api("DeleteRouteSettings", StageName="dev", RouteKey="GET /a")
        shown = await api("GetStage", StageName="dev")
        assert "AccessLogSettings" not in shown
        assert shown["RouteSettings"] == {}
        unknown = await api.refused("UpdateStage", StageName="dev", RouteSettings={"GET /b": {}})
        assert unknown == ("NotFoundException", "Unable to find Route by key GET /b within the provided RouteSettings")
        logging = await api.refused("UpdateStage", StageName="dev", DefaultRouteSettings={"LoggingLevel": "INFO"})
        assert logging == ("BadRequestException", "Execution logs are not supported on protocolType HTTP")
        assert await api.refused("CreateStage", StageName="dev") == ("ConflictException", "Stage already exists")
        assert (await api.refused("CreateStage", StageName="a b"))[0] == "BadRequestException"

    with_api(scenario)


async def _domain(cloud: TestCloud, name: str = "api.example.com") -> dict[str, Any]:
    configuration = {"CertificateArn": CERTIFICATE, "EndpointType": "REGIONAL", "SecurityPolicy": "TLS_1_2"}
    return await cloud.call(
        "apigatewayv2", "CreateDomainName", DomainName=name, DomainNameConfigurations=[configuration], Tags={"a": "b"}
    )


def test_domain_names_and_mappings() -> None:
    async def scenario(api: Api) -> None:
        made = await _domain(api.cloud)
        assert made["DomainNameArn"] == "arn:aws:apigateway:us-east-1::/domainnames/api.example.com"
        (configuration,) = made["DomainNameConfigurations"]
        assert configuration["DomainNameStatus"] == "AVAILABLE"
        assert configuration["ApiGatewayDomainName"].endswith(".execute-api.us-east-1.amazonaws.com")
        again = await refused(api.cloud, "CreateDomainName", DomainName="API.example.com")
        assert again[1] == "The domain name you provided already exists."
        await api("CreateRoute", RouteKey="GET /a")
        await api("CreateStage", StageName="dev", AutoDeploy=True)
        name = {"DomainName": "api.example.com"}
        assert (await api.refused("CreateApiMapping", Stage="nope", **name))[0] == "NotFoundException"
        mapping = await api("CreateApiMapping", Stage="dev", ApiMappingKey="v1/x", **name)
        assert mapping == {
            "ApiId": api.id,
            "ApiMappingId": mapping["ApiMappingId"],
            "ApiMappingKey": "v1/x",
            "Stage": "dev",
        }
        taken = await api.refused("CreateApiMapping", Stage="dev", ApiMappingKey="v1/x", **name)
        assert taken[0] == "ConflictException"
        for wrong in ("/a", "a/", "a//b", "a b"):
            assert (await api.refused("CreateApiMapping", Stage="dev", ApiMappingKey=wrong, **name))[0] == (
                "BadRequestException"
            )
        id = {"ApiMappingId": mapping["ApiMappingId"], **name}
        moved = await api("UpdateApiMapping", ApiMappingKey="v2", **id)
        assert moved == {**mapping, "ApiMappingKey": "v2"}
        shown = await api.cloud.call("apigatewayv2", "GetApiMappings", **name)
        assert shown["Items"] == [moved]
        assert (await api.refused("DeleteApi"))[0] == "BadRequestException"
        assert (await api.refused("DeleteStage", StageName="dev"))[0] == "BadRequestException"
        await api.cloud.call("apigatewayv2", "DeleteApiMapping", **id)
        await api("DeleteApi")
        await api.cloud.call("apigatewayv2", "DeleteDomainName", **name)
        assert (await refused(api.cloud, "GetDomainName", **name))[0] == "NotFoundException"

    with_api(scenario)


@pytest.mark.parametrize(
    ("path", "found", "rest"),
    [
        ("/a/b/c", "a/b", "/c"),
        ("/a/b", "a/b", ""),
        ("/a/b/", "a/b", "/"),
        ("/a/bc", "a", "/bc"),
        ("/a", "a", ""),
        ("/", "", "/"),
        ("/x//y", "", "/x//y"),
        ("//a", "", "//a"),
        ("/" + "a" * 400, "", "/" + "a" * 400),
    ],
)
def test_the_longest_path_wins(path: str, found: str, rest: str) -> None:
    async def run() -> None:
        cloud = TestCloud()
        await _domain(cloud, "d.example")
        for base in ("", "a", "a/b"):
            mapping = Mapping(id=f"i{base}", domain="d.example", path=base, api="x", stage="s", kind="HTTP")
            await cloud.store.write(lambda tx, mapping=mapping: domains.put_mapping(tx, mapping))
        matched = await cloud.store.read(lambda tx: domains.match(tx, "D.example", path))
        assert matched is not None
        assert (matched[0].path, matched[1]) == (found, rest)
        assert await cloud.store.read(lambda tx: domains.match(tx, "e.example", path)) is None

    asyncio.run(run())


def test_a_wildcard_domain_answers_for_all_below_it() -> None:
    async def run() -> None:
        cloud = TestCloud()
        await _domain(cloud, "*.d.example")
        await _domain(cloud, "own.d.example")
        mapping = Mapping(id="i", domain="*.d.example", path="", api="x", stage="s", kind="HTTP")
        await cloud.store.write(lambda tx: domains.put_mapping(tx, mapping))
        for name, known in (
            ("a.d.example", True),
            ("own.d.example", False),
            ("d.example", False),
            ("a.b.d.example", False),
        ):
            matched = await cloud.store.read(lambda tx, name=name: domains.match(tx, name, "/x"))
            assert (matched is not None) is known, name

    asyncio.run(run())


def test_tags() -> None:
    async def scenario(api: Api) -> None:
        call = api.cloud.call
        await api("CreateRoute", RouteKey="GET /a")
        await api("CreateStage", StageName="$default")
        await _domain(api.cloud)
        link = await call("apigatewayv2", "CreateVpcLink", Name="l", SubnetIds=["subnet-1"])
        assert (link["VpcLinkStatus"], link["VpcLinkVersion"]) == ("AVAILABLE", "V2")
        root = "arn:aws:apigateway:us-east-1::"
        for path in (f"/apis/{api.id}", f"/apis/{api.id}/stages/$default", f"/vpclinks/{link['VpcLinkId']}"):
            await call("apigatewayv2", "TagResource", ResourceArn=root + path, Tags={"x": "1", "y": "2"})
            await call("apigatewayv2", "UntagResource", ResourceArn=root + path, TagKeys=["x"])
            assert await call("apigatewayv2", "GetTags", ResourceArn=root + path) == {"Tags": {"y": "2"}}
        shown = await call("apigatewayv2", "GetTags", ResourceArn=f"{root}/domainnames/api.example.com")
        assert shown == {"Tags": {"a": "b"}}
        assert (await refused(api.cloud, "GetTags", ResourceArn=f"{root}/apis/none"))[0] == "NotFoundException"
        assert (await refused(api.cloud, "GetTags", ResourceArn="x"))[0] == "BadRequestException"
        await call("apigatewayv2", "UpdateVpcLink", VpcLinkId=link["VpcLinkId"], Name="m")
        assert (await call("apigatewayv2", "GetVpcLinks"))["Items"][0]["Name"] == "m"
        await call("apigatewayv2", "DeleteVpcLink", VpcLinkId=link["VpcLinkId"])

    with_api(scenario)
