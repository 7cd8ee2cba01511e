"""REST APIs of stacks as AWS was recorded to show them; the engine sets no tags of its own (deploy/DESIGN.md)."""

from __future__ import annotations

import json
from typing import Any

import pytest

from tests.cloudformation.cloud import Cloud, run

from .building import MEDIA, uri
from .test_imports import ID, api

pytestmark = pytest.mark.slow

CAPABILITIES = ["CAPABILITY_IAM", "CAPABILITY_AUTO_EXPAND"]
INFO = {"title": "books", "version": "1.0"}


def resource(kind: str, **properties: Any) -> dict[str, Any]:
    """A resource of a template."""
    return {"Type": f"AWS::{kind}", "Properties": properties}


def ref(name: str) -> dict[str, str]:
    return {"Ref": name}


async def deploy(c: Cloud, resources: dict[str, Any], outputs: dict[str, Any], **template: Any) -> dict[str, str]:
    """The outputs of a stack that must come to be."""
    body = {
        **template,
        "Resources": resources,
        "Outputs": {name: {"Value": value} for name, value in outputs.items()},
    }
    await c.cfn("CreateStack", StackName="s", TemplateBody=json.dumps(body), Capabilities=CAPABILITIES)
    stack = await c.stack()
    assert stack["StackStatus"] == "CREATE_COMPLETE", await c.failures()
    return {item["OutputKey"]: item["OutputValue"] for item in stack.get("Outputs", [])}


async def v1(c: Cloud, operation: str, **params: Any) -> dict[str, Any]:
    return await c.call("apigateway", operation, **params)


@pytest.mark.recorded("cloudformation: test_cfn_apigateway_rest_api")
@pytest.mark.recorded("cloudformation: test_cfn_apigateway_swagger_import")
@pytest.mark.recorded("cloudformation: test_duplicate_resources")
@pytest.mark.parametrize(
    ("properties", "expected"),
    [
        (
            {"Name": "DemoApi_dev", "BinaryMediaTypes": ["image/jpg", "image/png"]},
            api("DemoApi_dev", binaryMediaTypes=["image/jpg", "image/png"], tags={}),
        ),
        (
            {"BinaryMediaTypes": ["*/*"], "Name": "books", "Body": {"swagger": "2.0", "info": INFO, "paths": {}}},
            api("books", binaryMediaTypes=["*/*"], version="1.0", tags={}),
        ),
        (
            {"Name": "books", "Body": {"openapi": "3.0.1", "info": {**INFO, "version": "1.2.3"}, "paths": {}}},
            api("books", version="1.2.3", tags={}),
        ),
    ],
)
def test_apis(properties: dict[str, Any], expected: dict[str, Any]) -> None:
    async def scenario(c: Cloud) -> None:
        outputs = await deploy(c, {"Api": resource("ApiGateway::RestApi", **properties)}, {"Api": ref("Api")})
        assert await v1(c, "GetRestApi", restApiId=outputs["Api"]) == expected
        resources = await v1(c, "GetResources", restApiId=outputs["Api"])
        assert resources == {"items": [{"id": ID, "path": "/"}]}

    run(scenario)


@pytest.mark.recorded("cloudformation: test_api_gateway_with_policy_as_dict")
def test_a_policy() -> None:
    statement = {"Sid": "AllowInvokeAPI", "Effect": "Allow", "Principal": {"AWS": "*"}, "Action": "*", "Resource": "*"}
    policy = {"Version": "2012-10-17", "Statement": [statement]}

    async def scenario(c: Cloud) -> None:
        made = resource("ApiGateway::RestApi", Name="books", Policy=policy)
        outputs = await deploy(c, {"MyApi": made}, {"Api": ref("MyApi")})
        shown = await v1(c, "GetRestApi", restApiId=outputs["Api"])
        assert json.loads(shown.pop("policy").replace('\\"', '"')) == policy
        assert shown == api("books", tags={})

    run(scenario)


LINE = (
    "$context.extendedRequestId $context.identity.sourceIp $context.identity.caller $context.identity.user "
    '[$context.requestTime] "$context.httpMethod $context.resourcePath $context.protocol" $context.status '
    "$context.responseLength $context.requestId"
)


@pytest.mark.recorded("cloudformation: test_apigateway_stage_with_access_log_settings")
def test_a_stage_with_a_log() -> None:
    trust = {
        "Version": "2012-10-17",
        "Statement": [
            {"Effect": "Allow", "Principal": {"Service": "apigateway.amazonaws.com"}, "Action": "sts:AssumeRole"}
        ],
    }
    push = {"Effect": "Allow", "Action": "logs:*", "Resource": "*"}
    policies = [{"PolicyName": "push", "PolicyDocument": {"Version": "2012-10-17", "Statement": [push]}}]
    where = {"RestApiId": ref("Api"), "ResourceId": {"Fn::GetAtt": ["Api", "RootResourceId"]}}
    log = {"DestinationArn": {"Fn::GetAtt": ["Log", "Arn"]}, "Format": LINE}
    resources = {
        "Role": resource("IAM::Role", AssumeRolePolicyDocument=trust, Policies=policies),
        "Account": resource("ApiGateway::Account", CloudWatchRoleArn={"Fn::GetAtt": ["Role", "Arn"]}),
        "Log": resource("Logs::LogGroup", LogGroupName="books"),
        "Api": resource("ApiGateway::RestApi", Name="books"),
        "Method": resource(
            "ApiGateway::Method", **where, HttpMethod="POST", AuthorizationType="NONE", Integration={"Type": "MOCK"}
        ),
        "Deployment": {**resource("ApiGateway::Deployment", RestApiId=ref("Api")), "DependsOn": "Method"},
        "TestStage": {
            **resource(
                "ApiGateway::Stage",
                RestApiId=ref("Api"),
                DeploymentId=ref("Deployment"),
                StageName="test",
                Description="test stage description",
                AccessLogSetting=log,
            ),
            "DependsOn": "Account",
        },
    }

    async def scenario(c: Cloud) -> None:
        outputs = await deploy(c, resources, {"Api": ref("Api"), "Deployment": ref("Deployment")})
        [stage] = (await v1(c, "GetStages", restApiId=outputs["Api"]))["item"]
        assert stage.pop("createdDate") is not None
        assert stage.pop("lastUpdatedDate") is not None
        assert stage == {
            "accessLogSettings": {
                "destinationArn": "arn:aws:logs:us-east-1:000000000000:log-group:books:*",
                "format": LINE,
            },
            "cacheClusterEnabled": False,
            "cacheClusterStatus": "NOT_AVAILABLE",
            "deploymentId": outputs["Deployment"],
            "description": "test stage description",
            "methodSettings": {},
            "stageName": "test",
            "tracingEnabled": False,
        }

    run(scenario)


@pytest.mark.recorded("cloudformation: test_cfn_deploy_apigateway_integration")
def test_an_integration() -> None:
    headers = {
        "method.response.header.Access-Control-Allow-Headers": "'Content-Type,X-Amz-Date,Authorization,X-Api-Key,"
        "X-Amz-Security-Token,X-Amz-User-Agent,X-Amzn-Trace-Id'",
        "method.response.header.Access-Control-Allow-Methods": "'OPTIONS,GET,POST'",
        "method.response.header.Access-Control-Allow-Origin": "'*'",
    }
    address = "http://www.example.com"
    integration = {
        "Type": "HTTP_PROXY",
        "IntegrationHttpMethod": "GET",
        "Uri": address,
        "PassthroughBehavior": "WHEN_NO_MATCH",
        "IntegrationResponses": [{"StatusCode": 200, "ResponseParameters": headers}],
    }
    declared = dict.fromkeys(headers, True)
    resources = {
        "ApiGatewayRestApi": resource("ApiGateway::RestApi", Name="books"),
        "Resource": resource(
            "ApiGateway::Resource",
            RestApiId=ref("ApiGatewayRestApi"),
            ParentId={"Fn::GetAtt": ["ApiGatewayRestApi", "RootResourceId"]},
            PathPart="dynamo",
        ),
        "Method": resource(
            "ApiGateway::Method",
            RestApiId=ref("ApiGatewayRestApi"),
            ResourceId=ref("Resource"),
            HttpMethod="GET",
            AuthorizationType="NONE",
            Integration=integration,
            MethodResponses=[{"StatusCode": 200, "ResponseParameters": declared}],
        ),
    }

    async def scenario(c: Cloud) -> None:
        outputs = await deploy(c, resources, {"Api": ref("ApiGatewayRestApi"), "Resource": ref("Resource")})
        assert await v1(c, "GetRestApi", restApiId=outputs["Api"]) == api("books", tags={})
        where = {"restApiId": outputs["Api"], "resourceId": outputs["Resource"], "httpMethod": "GET"}
        assert await v1(c, "GetMethod", **where) == {
            "apiKeyRequired": False,
            "authorizationType": "NONE",
            "httpMethod": "GET",
            "methodIntegration": {
                "cacheKeyParameters": [],
                "cacheNamespace": outputs["Resource"],
                "connectionType": "INTERNET",
                "httpMethod": "GET",
                "integrationResponses": {"200": {"statusCode": "200", "responseParameters": headers}},
                "passthroughBehavior": "WHEN_NO_MATCH",
                "timeoutInMillis": 29000,
                "type": "HTTP_PROXY",
                "uri": address,
            },
            "methodResponses": {"200": {"statusCode": "200", "responseParameters": declared}},
        }

    run(scenario)


SCHEMA = {
    "title": "AccountCreate",
    "type": "object",
    "properties": {"field": {"type": "string"}, "email": {"type": "string", "format": "email"}},
}


@pytest.mark.recorded("cloudformation: test_cfn_with_apigateway_resources")
def test_models_and_a_mock() -> None:
    answers = {
        "202": ("2\\d{2}", '{"operation": "celeste_account_create"}'),
        "404": ("404", '{"message": "Not Found"}'),
        "500": ("5\\d{2}", '{"message": "Unknown Error"}'),
    }
    integration = {
        "Type": "MOCK",
        "PassthroughBehavior": "WHEN_NO_TEMPLATES",
        "RequestTemplates": {MEDIA: "{}"},
        "IntegrationResponses": [
            {"StatusCode": status, "SelectionPattern": pattern, "ResponseTemplates": {MEDIA: template}}
            for status, (pattern, template) in answers.items()
        ],
    }
    one = {"RestApiId": ref("Api")}
    model = {**one, "ContentType": MEDIA}
    resources = {
        "Api": resource("ApiGateway::RestApi", Name="books"),
        "Create": resource("ApiGateway::Model", **model, Name="CreateModel", Schema=SCHEMA),
        "Empty": resource("ApiGateway::Model", **model, Name="EmptyModel", Schema={}),
        "Account": resource(
            "ApiGateway::Resource", **one, ParentId={"Fn::GetAtt": ["Api", "RootResourceId"]}, PathPart="{account}"
        ),
        "Post": resource(
            "ApiGateway::Method",
            **one,
            ResourceId=ref("Account"),
            HttpMethod="POST",
            AuthorizationType="NONE",
            OperationName="create_account",
            RequestParameters={"method.request.path.account": True},
            Integration=integration,
            MethodResponses=[
                {"StatusCode": status, "ResponseModels": {MEDIA: ref("Empty")}} for status in ("202", "500")
            ],
        ),
    }

    async def scenario(c: Cloud) -> None:
        outputs = await deploy(c, resources, {"Api": ref("Api"), "Account": ref("Account")})
        where = {"restApiId": outputs["Api"], "resourceId": outputs["Account"], "httpMethod": "POST"}
        assert await v1(c, "GetMethod", **where) == {
            "apiKeyRequired": False,
            "authorizationType": "NONE",
            "httpMethod": "POST",
            "methodIntegration": {
                "cacheKeyParameters": [],
                "cacheNamespace": outputs["Account"],
                "integrationResponses": {
                    status: {"statusCode": status, "selectionPattern": pattern, "responseTemplates": {MEDIA: template}}
                    for status, (pattern, template) in answers.items()
                },
                "passthroughBehavior": "WHEN_NO_TEMPLATES",
                "requestTemplates": {MEDIA: "{}"},
                "timeoutInMillis": 29000,
                "type": "MOCK",
            },
            "methodResponses": {
                status: {"statusCode": status, "responseModels": {MEDIA: "EmptyModel"}} for status in ("202", "500")
            },
            "operationName": "create_account",
            "requestParameters": {"method.request.path.account": True},
        }
        items = (await v1(c, "GetModels", restApiId=outputs["Api"]))["items"]
        schemas = {one["name"]: json.loads(one["schema"]) for one in items}
        assert sorted(schemas) == ["CreateModel", "Empty", "EmptyModel", "Error"]
        assert (schemas["CreateModel"], schemas["EmptyModel"]) == (SCHEMA, {})

    run(scenario)


@pytest.mark.recorded("cloudformation: test_rest_api_serverless_ref_resolving")
@pytest.mark.recorded("TestApigatewayLambdaIntegration::test_scenario_validate_infra")
def test_a_serverless_api() -> None:
    sub = "arn:aws:apigateway:${AWS::Region}:lambda:path/2015-03-31/functions/${F.Arn}/invocations"
    function = {"Handler": "index.handler", "Runtime": "python3.11", "InlineCode": "def handler(event, context): pass"}
    event = {"Type": "Api", "Properties": {"Path": "/", "Method": "get", "RestApiId": ref("Api")}}
    cors = {
        "AllowCredentials": True,
        "AllowHeaders": "'Content-Type,Authorization,x-test-header'",
        "AllowMethods": "'OPTIONS,POST,GET,PUT'",
        "AllowOrigin": "'http://localhost:8000'",
    }
    auth = {"Authorizers": {"Check": {"FunctionArn": {"Fn::GetAtt": ["F", "Arn"]}}}}
    resources = {
        "F": resource("Serverless::Function", **function, Events={"Root": event}),
        "Api": resource("Serverless::Api", StageName="prod", Name="books", Cors=cors, Auth=auth),
    }
    address = {"Fn::Sub": "https://${Api}.execute-api.${AWS::Region}.amazonaws.com/prod/"}
    outputs = {"Api": ref("Api"), "Function": {"Fn::GetAtt": ["F", "Arn"]}, "Url": address, "Uri": {"Fn::Sub": sub}}

    async def scenario(c: Cloud) -> None:
        found = await deploy(c, resources, outputs, Transform="AWS::Serverless-2016-10-31")
        assert found["Url"] == f"http://{found['Api']}.execute-api.localhost:4566/prod/", "an address that works"
        where: dict[str, Any] = {"restApiId": found["Api"]}
        target = uri(found["Function"].rpartition(":")[2])
        [check] = (await v1(c, "GetAuthorizers", **where))["items"]
        ttl = check.pop("authorizerResultTtlInSeconds", None)
        assert ttl is None
        assert check == {
            "id": ID,
            "name": "Check",
            "type": "TOKEN",
            "authType": "custom",
            "authorizerUri": target,
            "identitySource": "method.request.header.Authorization",
        }
        [one] = (await v1(c, "GetResources", **where))["items"]
        assert one == {"id": ID, "path": "/", "resourceMethods": {"GET": {}, "OPTIONS": {}}}
        where["resourceId"] = one["id"]
        base = {
            "cacheKeyParameters": [],
            "cacheNamespace": one["id"],
            "passthroughBehavior": "WHEN_NO_MATCH",
            "timeoutInMillis": 29000,
        }
        plain = {"apiKeyRequired": False, "authorizationType": "NONE"}
        assert await v1(c, "GetMethod", **where, httpMethod="GET") == {
            **plain,
            "httpMethod": "GET",
            "methodIntegration": {**base, "type": "AWS_PROXY", "httpMethod": "POST", "uri": target},
        }
        names = ("Credentials", "Headers", "Methods", "Origin")
        texts = {f"method.response.header.Access-Control-Allow-{n}": cors[f"Allow{n}"] for n in names}
        texts["method.response.header.Access-Control-Allow-Credentials"] = "'true'"
        answer = {"statusCode": "200", "responseParameters": texts, "responseTemplates": {MEDIA: "{}\n"}}
        mock = {"type": "MOCK", "requestTemplates": {MEDIA: '{\n  "statusCode" : 200\n}\n'}}
        declared = {"statusCode": "200", "responseParameters": dict.fromkeys(texts, False)}
        assert await v1(c, "GetMethod", **where, httpMethod="OPTIONS") == {
            **plain,
            "httpMethod": "OPTIONS",
            "methodIntegration": {**base, **mock, "integrationResponses": {"200": answer}},
            "methodResponses": {"200": declared},
        }

    run(scenario)
