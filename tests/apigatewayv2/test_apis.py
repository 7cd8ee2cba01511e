"""APIs, routes, integrations, authorizers: made, shown, changed, refused, deleted."""

from __future__ import annotations

import asyncio
import json
from datetime import UTC, datetime
from typing import Any

import pytest

from lambent.contracts.caller import Caller, Principal
from tests.support import ACCOUNT, TestCloud

from .support import FUNCTION, Api, refused, with_api


def test_an_api() -> None:
    async def scenario(api: Api) -> None:
        shown = await api("GetApi")
        assert shown == {
            "ApiEndpoint": f"http://{api.id}.execute-api.localhost:4566",
            "ApiId": api.id,
            "ApiKeySelectionExpression": "$request.header.x-api-key",
            "CreatedDate": datetime(2023, 11, 14, 22, 13, 20, tzinfo=UTC),
            "DisableExecuteApiEndpoint": False,
            "IpAddressType": "ipv4",
            "Name": "a",
            "ProtocolType": "HTTP",
            "RouteSelectionExpression": "$request.method $request.path",
            "Tags": {"k": "v"},
        }
        changed = await api("UpdateApi", Name="b", Description="d", CorsConfiguration={"AllowOrigins": ["*"]})
        assert (changed["Name"], changed["Description"]) == ("b", "d")
        assert changed["CorsConfiguration"] == {"AllowOrigins": ["*"]}
        assert (await api.cloud.call("apigatewayv2", "GetApis"))["Items"] == [await api("GetApi")]
        await api("DeleteApi")
        code, message = await api.refused("GetApi")
        assert (code, message) == ("NotFoundException", f"Invalid API identifier specified {ACCOUNT}:{api.id}")

    with_api(scenario, Tags={"k": "v"})


def test_ids_are_of_their_account_and_region() -> None:
    async def scenario(api: Api) -> None:
        with pytest.raises(Exception, match="Invalid API identifier"):
            await api.cloud.call("apigatewayv2", "GetApi", region="eu-west-1", ApiId=api.id)

    with_api(scenario)


@pytest.mark.parametrize(
    ("params", "message"),
    [
        ({"ProtocolType": "WEBSOCKET"}, "RouteSelectionExpression is a required parameter"),
        ({"RouteSelectionExpression": "$request.body.action"}, "Invalid routeSelectionExpression"),
        ({"RouteKey": "GET /"}, "Target is required"),
        ({"Target": "what"}, "Invalid target"),
        ({"CorsConfiguration": {"AllowOrigins": ["*"], "AllowCredentials": True}}, "allowCredentials"),
        ({"CorsConfiguration": {"AllowOrigins": ["example.com"]}}, "Invalid format for origin"),
        ({"CorsConfiguration": {"AllowMethods": ["FETCH"]}}, "Invalid HTTP method"),
    ],
)
def test_apis_that_are_refused(params: dict[str, Any], message: str) -> None:
    async def run() -> None:
        cloud = TestCloud()
        code, text = await refused(cloud, "CreateApi", **{"Name": "a", "ProtocolType": "HTTP", **params})
        assert code == "BadRequestException"
        assert message in text
        assert (await cloud.call("apigatewayv2", "GetApis"))["Items"] == []

    asyncio.run(run())


def test_quick_create() -> None:
    async def scenario(api: Api) -> None:
        (integration,) = (await api("GetIntegrations"))["Items"]
        shown = {name: integration[name] for name in ("IntegrationType", "IntegrationUri", "PayloadFormatVersion")}
        assert shown == {"IntegrationType": "AWS_PROXY", "IntegrationUri": FUNCTION, "PayloadFormatVersion": "2.0"}
        (route,) = (await api("GetRoutes"))["Items"]
        assert (route["RouteKey"], route["Target"]) == ("GET /x", f"integrations/{integration['IntegrationId']}")
        stage = await api("GetStage", StageName="$default")
        assert (stage["AutoDeploy"], stage["ApiGatewayManaged"]) == (True, True)
        deployment = await api("GetDeployment", DeploymentId=stage["DeploymentId"])
        assert (deployment["AutoDeployed"], deployment["DeploymentStatus"]) == (True, "DEPLOYED")
        await api("UpdateApi", Target="https://y.example", RouteKey="$default")
        (changed,) = (await api("GetIntegrations"))["Items"]
        assert (changed["IntegrationType"], changed["IntegrationMethod"]) == ("HTTP_PROXY", "ANY")
        assert [item["RouteKey"] for item in (await api("GetRoutes"))["Items"]] == ["$default"]

    with_api(scenario, Target=FUNCTION, RouteKey="GET /x")


@pytest.mark.parametrize(
    "key",
    ["", "GET", "GET a", "get /a", "FETCH /a", "GET /a b", "GET /{a", "GET /{a+}/b", "GET /{a}/{a}", "GET /a//b", "/a"],
)
def test_route_keys_that_are_refused(key: str) -> None:
    async def scenario(api: Api) -> None:
        code, _ = await api.refused("CreateRoute", RouteKey=key)
        assert code == "BadRequestException"

    with_api(scenario)


def test_routes() -> None:
    async def scenario(api: Api) -> None:
        made = await api("CreateRoute", RouteKey="GET /a/{id}", OperationName="op")
        assert made == {
            "ApiKeyRequired": False,
            "AuthorizationType": "NONE",
            "OperationName": "op",
            "RouteId": made["RouteId"],
            "RouteKey": "GET /a/{id}",
        }
        route = {"RouteId": made["RouteId"]}
        assert await api("GetRoute", **route) == made
        taken = await api.refused("CreateRoute", RouteKey="GET /a/{id}")
        assert taken == ("ConflictException", "Route with key GET /a/{id} already exists for this API")
        await api("CreateRoute", RouteKey="$default")
        assert (await api.refused("UpdateRoute", RouteKey="$default", **route))[0] == "ConflictException"
        integration = await api.integration()
        target = f"integrations/{integration}"
        changed = await api("UpdateRoute", RouteKey="ANY /b", Target=target, AuthorizationType="AWS_IAM", **route)
        assert (changed["RouteKey"], changed["Target"], changed["AuthorizationType"]) == ("ANY /b", target, "AWS_IAM")
        await api("CreateRoute", RouteKey="GET /a/{id}")  # the old key is free again
        in_use = await api.refused("DeleteIntegration", IntegrationId=integration)
        assert in_use == (
            "ConflictException",
            f"Cannot delete Integration because it is referenced by the following Routes with Ids: [{made['RouteId']}]",
        )
        await api("DeleteRoute", **route)
        assert (await api.refused("GetRoute", **route))[0] == "NotFoundException"
        await api("DeleteIntegration", IntegrationId=integration)
        for wrong in ({"Target": "integrations/none"}, {"AuthorizationType": "JWT", "AuthorizerId": "none"}):
            assert (await api.refused("CreateRoute", RouteKey="GET /c", **wrong))[0] == "NotFoundException"
        assert (await api.refused("CreateRoute", RouteKey="GET /c", ApiKeyRequired=True))[0] == "BadRequestException"

    with_api(scenario)


def test_pages() -> None:
    async def scenario(api: Api) -> None:
        for n in range(5):
            await api("CreateRoute", RouteKey=f"GET /{n}")
        found: list[str] = []
        token: dict[str, str] = {}
        for expected in (2, 2, 1):
            page = await api("GetRoutes", MaxResults="2", **token)
            assert len(page["Items"]) == expected
            found += [route["RouteKey"] for route in page["Items"]]
            token = {"NextToken": page["NextToken"]} if expected == 2 else {}
        assert "NextToken" not in page
        assert sorted(found) == [f"GET /{n}" for n in range(5)]
        for wrong in ({"MaxResults": "x"}, {"MaxResults": "0"}, {"NextToken": "?"}):
            assert (await api.refused("GetRoutes", **wrong))[0] == "BadRequestException"

    with_api(scenario)


def test_integrations() -> None:
    async def scenario(api: Api) -> None:
        made = await api(
            "CreateIntegration",
            IntegrationType="HTTP_PROXY",
            IntegrationMethod="GET",
            IntegrationUri="https://x.example/{proxy}",
            RequestParameters={"append:header.a": "1", "append:header.b": "2"},
            ResponseParameters={"200": {"append:header.c": "3"}},
        )
        assert (made["PayloadFormatVersion"], made["TimeoutInMillis"], made["ConnectionType"]) == (
            "1.0",
            30000,
            "INTERNET",
        )
        id = {"IntegrationId": made["IntegrationId"]}
        changed = await api(
            "UpdateIntegration",
            RequestParameters={"append:header.a": "", "append:header.d": "4"},
            TimeoutInMillis=50,
            **id,
        )
        assert changed["RequestParameters"] == {"append:header.b": "2", "append:header.d": "4"}
        assert changed["TimeoutInMillis"] == 50
        changed = await api("UpdateIntegration", ResponseParameters={"200": {}}, **id)
        assert changed["ResponseParameters"] == {}
        function = await api(
            "CreateIntegration", IntegrationType="AWS_PROXY", IntegrationUri=FUNCTION, PayloadFormatVersion="2.0"
        )
        assert function["IntegrationMethod"] == "POST"

    with_api(scenario)


@pytest.mark.parametrize(
    "params",
    [
        {"IntegrationType": "MOCK"},
        {"IntegrationType": "AWS_PROXY", "IntegrationUri": FUNCTION},
        {"IntegrationType": "AWS_PROXY", "IntegrationUri": "x", "PayloadFormatVersion": "2.0"},
        {"IntegrationType": "HTTP_PROXY", "IntegrationUri": "http://x.example"},
        {"IntegrationType": "HTTP_PROXY", "IntegrationUri": "ftp://x.example", "IntegrationMethod": "GET"},
        {
            "IntegrationType": "AWS_PROXY",
            "IntegrationSubtype": "SNS-Publish",
            "CredentialsArn": "arn:aws:iam::000000000000:role/r",
        },
        {
            "IntegrationType": "AWS_PROXY",
            "IntegrationSubtype": "SQS-PurgeQueue",
            "RequestParameters": {"QueueUrl": "x"},
        },
        {
            "IntegrationType": "AWS_PROXY",
            "IntegrationSubtype": "SQS-PurgeQueue",
            "CredentialsArn": "arn:aws:iam::000000000000:role/r",
        },
    ],
)
def test_integrations_that_are_refused(params: dict[str, Any]) -> None:
    async def scenario(api: Api) -> None:
        assert (await api.refused("CreateIntegration", **params))[0] == "BadRequestException"

    with_api(scenario)


def test_authorizers() -> None:
    async def scenario(api: Api) -> None:
        given: dict[str, Any] = {
            "Name": "jwt",
            "AuthorizerType": "JWT",
            "IdentitySource": ["$request.header.Authorization"],
            "JwtConfiguration": {"Issuer": "https://i.example", "Audience": ["a"]},
        }
        made = await api("CreateAuthorizer", **given)
        assert made == {**given, "AuthorizerId": made["AuthorizerId"]}
        id = {"AuthorizerId": made["AuthorizerId"]}
        assert (await api.refused("CreateAuthorizer", **given))[0] == "BadRequestException"
        changed = await api(
            "UpdateAuthorizer", JwtConfiguration={"Audience": ["b"], "Issuer": "https://j.example"}, **id
        )
        assert changed["JwtConfiguration"] == {"Audience": ["b"], "Issuer": "https://j.example"}
        await api("CreateRoute", RouteKey="GET /", AuthorizationType="JWT", AuthorizationScopes=["s"], **id)
        assert (await api.refused("DeleteAuthorizer", **id))[0] == "ConflictException"
        route = (await api("GetRoutes"))["Items"][0]
        freed = await api("UpdateRoute", RouteId=route["RouteId"], AuthorizationType="NONE")
        assert "AuthorizerId" not in freed
        await api("DeleteAuthorizer", **id)
        assert (await api("GetAuthorizers"))["Items"] == []

    with_api(scenario)


@pytest.mark.parametrize(
    "params",
    [
        {"AuthorizerType": "JWT", "JwtConfiguration": {"Issuer": "i.example", "Audience": ["a"]}},
        {"AuthorizerType": "JWT", "JwtConfiguration": {"Issuer": "https://i.example", "Audience": []}},
        {"AuthorizerType": "JWT"},
        {"AuthorizerType": "REQUEST", "AuthorizerUri": FUNCTION},
        {"AuthorizerType": "REQUEST", "AuthorizerUri": "x", "AuthorizerPayloadFormatVersion": "2.0"},
        {
            "AuthorizerType": "REQUEST",
            "AuthorizerUri": FUNCTION,
            "AuthorizerPayloadFormatVersion": "1.0",
            "EnableSimpleResponses": True,
        },
        {
            "AuthorizerType": "REQUEST",
            "AuthorizerUri": FUNCTION,
            "AuthorizerPayloadFormatVersion": "2.0",
            "IdentitySource": ["method.request.header.x"],
        },
    ],
)
def test_authorizers_that_are_refused(params: dict[str, Any]) -> None:
    async def scenario(api: Api) -> None:
        given = {"Name": "a", "IdentitySource": ["$request.header.Authorization"], **params}
        assert (await api.refused("CreateAuthorizer", **given))[0] == "BadRequestException"

    with_api(scenario)


def test_iam_is_asked_about_methods_and_paths() -> None:
    async def scenario(api: Api) -> None:
        call = api.cloud.call
        await call("iam", "CreateUser", UserName="u")
        statements = [
            {
                "Effect": "Allow",
                "Action": "apigateway:GET",
                "Resource": f"arn:aws:apigateway:us-east-1::/apis/{api.id}*",
            },
            {"Effect": "Allow", "Action": "apigateway:POST", "Resource": "arn:aws:apigateway:*::/apis/*/routes"},
        ]
        document = json.dumps({"Version": "2012-10-17", "Statement": statements})
        await call("iam", "PutUserPolicy", UserName="u", PolicyName="p", PolicyDocument=document)
        found = (await call("iam", "GetUser", UserName="u"))["User"]
        caller = Caller(kind=Principal.USER, account=ACCOUNT, arn=found["Arn"], user_id=found["UserId"])
        await call("apigatewayv2", "GetApi", caller, ApiId=api.id)
        await call("apigatewayv2", "CreateRoute", caller, ApiId=api.id, RouteKey="$default")
        for operation, params in (("GetApis", {}), ("DeleteApi", {"ApiId": api.id}), ("GetDomainNames", {})):
            with pytest.raises(Exception, match="is not authorized to perform: apigateway:"):
                await call("apigatewayv2", operation, caller, **params)

    with_api(scenario)


def test_websocket_apis() -> None:
    async def scenario(api: Api) -> None:
        assert (await api("GetApi"))["ApiEndpoint"] == f"ws://{api.id}.execute-api.localhost:4566"
        integration = await api("CreateIntegration", IntegrationType="MOCK", RequestTemplates={"200": "{}"})
        assert (integration["TimeoutInMillis"], integration["PassthroughBehavior"]) == (29000, "WHEN_NO_MATCH")
        id = {"IntegrationId": integration["IntegrationId"]}
        answer = await api("CreateIntegrationResponse", IntegrationResponseKey="$default", **id)
        assert (await api.refused("CreateIntegrationResponse", IntegrationResponseKey="$default", **id))[0] == (
            "ConflictException"
        )
        changed = await api(
            "UpdateIntegrationResponse",
            IntegrationResponseId=answer["IntegrationResponseId"],
            ResponseTemplates={"application/json": "x"},
            **id,
        )
        assert (await api("GetIntegrationResponses", **id))["Items"] == [changed]
        route = await api(
            "CreateRoute", RouteKey="send", RequestParameters={"route.request.header.x": {"Required": True}}
        )
        of_route = {"RouteId": route["RouteId"]}
        assert route["RequestParameters"] == {"route.request.header.x": {"Required": True}}
        await api("DeleteRouteRequestParameter", RequestParameterKey="route.request.header.x", **of_route)
        assert (await api("GetRoute", **of_route))["RequestParameters"] == {}
        response = await api("CreateRouteResponse", RouteResponseKey="$default", **of_route)
        assert (await api("GetRouteResponses", **of_route))["Items"] == [response]
        assert (await api.refused("CreateRoute", RouteKey="x", AuthorizationType="AWS_IAM"))[0] == "BadRequestException"
        model = await api("CreateModel", Name="M", Schema='{"type":"object","properties":{"a":{"type":"string"}}}')
        template = await api("GetModelTemplate", ModelId=model["ModelId"])
        assert '"a" : "$input.path(\'$\').a"' in template["Value"]
        assert (await api.refused("CreateModel", Name="N", Schema="{"))[0] == "BadRequestException"
        await api("DeleteRoute", **of_route)
        await api("DeleteIntegration", **id)

    with_api(scenario, ProtocolType="WEBSOCKET", RouteSelectionExpression="$request.body.action")


ROLE = "arn:aws:iam::000000000000:role/r"


@pytest.mark.parametrize("allowed", [False, True])
def test_a_role_is_handed_on_only_by_those_who_may_pass_it(allowed: bool) -> None:
    async def scenario(api: Api) -> None:
        call = api.cloud.call
        await call("iam", "CreateUser", UserName="u")
        statements: list[dict[str, Any]] = [{"Effect": "Allow", "Action": "apigateway:*", "Resource": "*"}]
        if allowed:
            condition = {"StringEquals": {"iam:PassedToService": "apigateway.amazonaws.com"}}
            passing = {"Effect": "Allow", "Action": "iam:PassRole", "Resource": ROLE, "Condition": condition}
            statements.append(passing)
        document = json.dumps({"Version": "2012-10-17", "Statement": statements})
        await call("iam", "PutUserPolicy", UserName="u", PolicyName="p", PolicyDocument=document)
        found = (await call("iam", "GetUser", UserName="u"))["User"]
        caller = Caller(kind=Principal.USER, account=ACCOUNT, arn=found["Arn"], user_id=found["UserId"])
        integration = {"type": "aws_proxy", "uri": FUNCTION, "payloadFormatVersion": "2.0", "credentials": ROLE}
        paths = {"/a": {"get": {"x-amazon-apigateway-integration": integration}}}
        body = json.dumps({"openapi": "3.0.1", "info": {"title": "x"}, "paths": paths})
        function = {"IntegrationType": "AWS_PROXY", "IntegrationUri": FUNCTION, "PayloadFormatVersion": "2.0"}
        asked: list[tuple[str, dict[str, Any]]] = [
            ("CreateIntegration", {"ApiId": api.id, "CredentialsArn": ROLE, **function}),
            ("ImportApi", {"Body": body}),
            ("CreateApi", {"Name": "q", "ProtocolType": "HTTP", "Target": FUNCTION, "CredentialsArn": ROLE}),
        ]
        for operation, params in asked:
            if allowed:
                await call("apigatewayv2", operation, caller, **params)
                continue
            with pytest.raises(Exception, match="is not authorized to perform: iam:PassRole"):
                await call("apigatewayv2", operation, caller, **params)

    with_api(scenario)
