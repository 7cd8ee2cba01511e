"""SAM's APIs: events of functions, AWS::Serverless::Api with all that people give it, and a second deployment."""

from __future__ import annotations

import json
from typing import Any

import pytest

from tests.cloudformation.cloud import Cloud, run

pytestmark = pytest.mark.slow

CAPABILITIES = ["CAPABILITY_IAM", "CAPABILITY_AUTO_EXPAND"]
FUNCTION = """
  F:
    Type: AWS::Serverless::Function
    Properties:
      Handler: index.handler
      Runtime: python3.11
      InlineCode: 'def handler(event, context): pass'
      Events:
"""
IMPLICIT = f"""
Transform: AWS::Serverless-2016-10-31
Resources: {FUNCTION}
        List: {{Type: Api, Properties: {{Path: /books, Method: get}}}}
        One: {{Type: Api, Properties: {{Path: '/books/{{id}}', Method: any}}}}
Outputs:
  Api: {{Value: !Ref ServerlessRestApi}}
  Url: {{Value: !Sub 'https://${{ServerlessRestApi}}.execute-api.${{AWS::Region}}.amazonaws.com/Prod/books'}}
"""
FULL = f"""
Transform: AWS::Serverless-2016-10-31
Resources:
  Api:
    Type: AWS::Serverless::Api
    Properties:
      StageName: prod
      Name: shop
      EndpointConfiguration: {{Type: REGIONAL}}
      OpenApiVersion: 3.0.1
      TracingEnabled: true
      BinaryMediaTypes: [image~1png]
      Cors: {{AllowMethods: "'GET,POST'", AllowHeaders: "'Content-Type'", AllowOrigin: "'http://localhost:3000'"}}
      GatewayResponses:
        DEFAULT_4XX: {{ResponseParameters: {{Headers: {{Access-Control-Allow-Origin: "'*'"}}}}}}
      Models:
        Book: {{type: object, required: [title]}}
      MethodSettings:
        - {{HttpMethod: '*', ResourcePath: '/*', ThrottlingBurstLimit: 5, ThrottlingRateLimit: 10}}
        - {{HttpMethod: GET, ResourcePath: /books, CachingEnabled: true}}
      Variables: {{table: books}}
      Auth:
        DefaultAuthorizer: Pool
        AddDefaultAuthorizerToCorsPreflight: false
        UsagePlan:
          CreateUsagePlan: PER_API
          UsagePlanName: gold
          Quota: {{Limit: 500, Period: MONTH}}
          Throttle: {{BurstLimit: 100, RateLimit: 50}}
        ResourcePolicy:
          CustomStatements:
            - {{Effect: Allow, Principal: '*', Action: 'execute-api:Invoke', Resource: 'execute-api:/*'}}
        Authorizers:
          Pool: {{UserPoolArn: 'arn:aws:cognito-idp:us-east-1:000000000000:userpool/us-east-1_abc'}}
          Own: {{FunctionArn: !GetAtt F.Arn, Identity: {{ReauthorizeEvery: 60}}}}
          Asked:
            FunctionArn: !GetAtt F.Arn
            FunctionPayloadType: REQUEST
            Identity: {{Headers: [X-A], QueryStrings: [q]}}
      Domain:
        DomainName: api.example.com
        CertificateArn: arn:aws:acm:us-east-1:000000000000:certificate/1
        BasePath: [shop]
        EndpointConfiguration: REGIONAL
{FUNCTION}
        List: {{Type: Api, Properties: {{RestApiId: !Ref Api, Path: /books, Method: get, Auth: {{Authorizer: NONE}}}}}}
        Create:
          Type: Api
          Properties:
            RestApiId: !Ref Api
            Path: /books
            Method: post
            Auth: {{ApiKeyRequired: true}}
            RequestModel: {{Model: Book, Required: true, ValidateBody: true}}
        Iam: {{Type: Api, Properties: {{RestApiId: !Ref Api, Path: /iam, Method: get, Auth: {{Authorizer: AWS_IAM}}}}}}
        Own: {{Type: Api, Properties: {{RestApiId: !Ref Api, Path: /own, Method: get, Auth: {{Authorizer: Own}}}}}}
        Asked:
          Type: Api
          Properties:
            RestApiId: !Ref Api
            Path: /asked
            Method: get
            Auth: {{Authorizer: Asked}}
            RequestParameters: [method.request.querystring.q: {{Required: true, Caching: true}}]
        Greedy: {{Type: Api, Properties: {{RestApiId: !Ref Api, Path: '/all/{{proxy+}}', Method: any}}}}
Outputs:
  Api: {{Value: !Ref Api}}
"""


async def _deploy(c: Cloud, operation: str, template: str) -> dict[str, str]:
    await c.cfn(operation, StackName="s", TemplateBody=template, Capabilities=CAPABILITIES)
    assert await c.failures() == []
    stack = await c.stack()
    assert stack["StackStatus"] == ("CREATE_COMPLETE" if operation == "CreateStack" else "UPDATE_COMPLETE")
    return {item["OutputKey"]: item["OutputValue"] for item in stack.get("Outputs", [])}


async def _all(c: Cloud, operation: str, **params: Any) -> list[dict[str, Any]]:
    answer = await c.call("apigateway", operation, **params)
    found: list[dict[str, Any]] = answer.get("items") or answer.get("item") or []
    return found


async def _methods(c: Cloud, api: str) -> dict[str, dict[str, Any]]:
    resources = await _all(c, "GetResources", restApiId=api, embed=["methods"])
    return {
        f"{verb} {one['path']}": method for one in resources for verb, method in one.get("resourceMethods", {}).items()
    }


async def _physical(c: Cloud) -> dict[str, str]:
    found = (await c.cfn("DescribeStackResources", StackName="s"))["StackResources"]
    return {one["LogicalResourceId"]: one["PhysicalResourceId"] for one in found}


def test_events_of_a_function_make_an_api() -> None:
    async def scenario(c: Cloud) -> None:
        outputs = await _deploy(c, "CreateStack", IMPLICIT)
        api = outputs["Api"]
        assert outputs["Url"] == f"http://{api}.execute-api.localhost:4566/Prod/books"
        methods = await _methods(c, api)
        assert sorted(methods) == ["ANY /books/{id}", "GET /books"]
        integration = methods["GET /books"]["methodIntegration"]
        assert (integration["type"], integration["httpMethod"]) == ("AWS_PROXY", "POST")
        function = (await _physical(c))["F"]
        assert integration["uri"].endswith(f":function:{function}/invocations")
        policy = json.loads((await c.call("lambda", "GetPolicy", FunctionName=function))["Policy"])
        arn = f"arn:aws:execute-api:us-east-1:000000000000:{api}"
        assert sorted(one["Condition"]["ArnLike"]["AWS:SourceArn"] for one in policy["Statement"]) == [
            f"{arn}/*/*/books/*",
            f"{arn}/*/GET/books",
        ]
        assert sorted(one["stageName"] for one in await _all(c, "GetStages", restApiId=api)) == ["Prod", "Stage"]
        await c.cfn("DeleteStack", StackName="s")
        assert await _all(c, "GetRestApis") == []

    run(scenario)


def test_what_changes_is_deployed_anew() -> None:
    async def scenario(c: Cloud) -> None:
        api = (await _deploy(c, "CreateStack", IMPLICIT))["Api"]
        stages = {one["stageName"]: one["deploymentId"] for one in await _all(c, "GetStages", restApiId=api)}
        resource = {one["path"]: one["id"] for one in await _all(c, "GetResources", restApiId=api)}
        changed = IMPLICIT.replace("Path: /books, Method: get", "Path: /books, Method: post")
        assert (await _deploy(c, "UpdateStack", changed))["Api"] == api
        assert sorted(await _methods(c, api)) == ["ANY /books/{id}", "POST /books"]
        deployments = [one["id"] for one in await _all(c, "GetDeployments", restApiId=api)]
        assert len(deployments) == 1
        assert deployments[0] not in stages.values()
        now = {one["stageName"]: one["deploymentId"] for one in await _all(c, "GetStages", restApiId=api)}
        assert now == dict.fromkeys(("Prod", "Stage"), deployments[0])
        summary = await c.call(
            "apigateway", "GetDeployment", restApiId=api, deploymentId=deployments[0], embed=["apisummary"]
        )
        assert sorted(summary["apiSummary"]) == ["/books", "/books/{id}"]
        assert sorted(summary["apiSummary"]["/books"]) == ["POST"]
        assert {one["path"]: one["id"] for one in await _all(c, "GetResources", restApiId=api)} == resource

    run(scenario)


def test_a_change_that_fails_returns_the_stage_to_its_deployment() -> None:
    async def scenario(c: Cloud) -> None:
        api = (await _deploy(c, "CreateStack", IMPLICIT))["Api"]
        before = {one["stageName"]: one["deploymentId"] for one in await _all(c, "GetStages", restApiId=api)}
        changed = IMPLICIT.replace("Path: /books, Method: get", "Path: /books, Method: post")
        # The queue is made last, and cannot be: its redrive policy names no queue.
        queue = (
            "  Q: {Type: 'AWS::SQS::Queue', DependsOn: ServerlessRestApiProdStage, Properties: {RedrivePolicy: {a: b}}}"
        )
        changed = changed.replace("Outputs:", f"{queue}\nOutputs:")
        await c.cfn("UpdateStack", StackName="s", TemplateBody=changed, Capabilities=CAPABILITIES)
        assert (await c.stack())["StackStatus"] == "UPDATE_ROLLBACK_COMPLETE"
        now = {one["stageName"]: one["deploymentId"] for one in await _all(c, "GetStages", restApiId=api)}
        assert now["Prod"] == before["Prod"]
        assert sorted(await _methods(c, api)) == ["ANY /books/{id}", "GET /books"]

    run(scenario)


def _asked(methods: dict[str, dict[str, Any]], names: dict[str, str]) -> dict[str, tuple[str, str, bool]]:
    return {
        name: (one["authorizationType"], names.get(one.get("authorizerId", ""), ""), one["apiKeyRequired"])
        for name, one in methods.items()
        if not name.startswith("OPTIONS")
    }


def test_an_api_with_everything() -> None:
    async def scenario(c: Cloud) -> None:
        api = (await _deploy(c, "CreateStack", FULL))["Api"]
        shown = await c.call("apigateway", "GetRestApi", restApiId=api)
        assert (shown["name"], shown["endpointConfiguration"]["types"]) == ("shop", ["REGIONAL"])
        assert shown["binaryMediaTypes"] == ["image/png"]
        policy = json.loads(json.loads(f'"{shown["policy"]}"'))
        assert policy["Statement"][0]["Resource"] == f"arn:aws:execute-api:us-east-1:000000000000:{api}/*"
        methods = await _methods(c, api)
        authorizers = {one["name"]: one for one in await _all(c, "GetAuthorizers", restApiId=api)}
        assert _asked(methods, {one["id"]: name for name, one in authorizers.items()}) == {
            "GET /books": ("NONE", "", False),
            "POST /books": ("COGNITO_USER_POOLS", "Pool", True),
            "GET /iam": ("AWS_IAM", "", False),
            "GET /own": ("CUSTOM", "Own", False),
            "GET /asked": ("CUSTOM", "Asked", False),
            "ANY /all/{proxy+}": ("COGNITO_USER_POOLS", "Pool", False),
        }
        assert (authorizers["Own"]["type"], authorizers["Own"]["authorizerResultTtlInSeconds"]) == ("TOKEN", 60)
        assert authorizers["Asked"]["identitySource"] == "method.request.header.X-A,method.request.querystring.q"
        validators = await _all(c, "GetRequestValidators", restApiId=api)
        assert [one["id"] for one in validators] == [methods["POST /books"]["requestValidatorId"]]
        assert methods["POST /books"]["requestModels"] == {"application/json": "book"}
        assert methods["GET /asked"]["requestParameters"] == {"method.request.querystring.q": True}
        answers = methods["OPTIONS /books"]["methodIntegration"]["integrationResponses"]["200"]["responseParameters"]
        assert answers["method.response.header.Access-Control-Allow-Origin"] == "'http://localhost:3000'"

    run(scenario)


def test_what_lies_around_an_api_with_everything() -> None:
    async def scenario(c: Cloud) -> None:
        api = (await _deploy(c, "CreateStack", FULL))["Api"]
        stage = (await _all(c, "GetStages", restApiId=api))[0]
        assert (stage["stageName"], stage["variables"], stage["tracingEnabled"]) == ("prod", {"table": "books"}, True)
        assert stage["methodSettings"]["*/*"]["throttlingBurstLimit"] == 5
        assert stage["methodSettings"]["books/GET"]["cachingEnabled"] is True
        own = [one for one in await _all(c, "GetGatewayResponses", restApiId=api) if not one["defaultResponse"]]
        assert [one["responseType"] for one in own] == ["DEFAULT_4XX"]
        mappings = await _all(c, "GetBasePathMappings", domainName="api.example.com")
        assert mappings == [{"basePath": "shop", "restApiId": api, "stage": "prod"}]
        plan = (await _all(c, "GetUsagePlans"))[0]
        assert (plan["name"], plan["apiStages"]) == ("gold", [{"apiId": api, "stage": "prod"}])
        key = (await _all(c, "GetUsagePlanKeys", usagePlanId=plan["id"]))[0]
        assert [one["id"] for one in await _all(c, "GetApiKeys")] == [key["id"]]
        changes = {
            "gold": "tin",
            "Limit: 500,": "Limit: 600,",
            "{table: books}": "{more: other}",
            "Limit: 5,": "Limit: 6,",
        }
        changed = FULL
        for old, new in changes.items():
            assert old in changed
            changed = changed.replace(old, new)
        await _deploy(c, "UpdateStack", changed)
        stage = (await _all(c, "GetStages", restApiId=api))[0]
        assert stage["variables"] == {"more": "other"}
        assert stage["methodSettings"]["*/*"]["throttlingBurstLimit"] == 6
        plan = (await _all(c, "GetUsagePlans"))[0]
        assert (plan["name"], plan["quota"]["limit"]) == ("tin", 600)
        await c.cfn("DeleteStack", StackName="s")
        for operation in ("GetRestApis", "GetUsagePlans", "GetApiKeys", "GetDomainNames"):
            assert await _all(c, operation) == []

    run(scenario)


OPERATED = """
Transform: AWS::Serverless-2016-10-31
Globals:
  Api: {OpenApiVersion: 3.0.1, Cors: "'*'"}
Resources:
  Role:
    Type: AWS::IAM::Role
    Properties:
      AssumeRolePolicyDocument:
        Statement: [{Effect: Allow, Action: 'sts:AssumeRole', Principal: {Service: apigateway.amazonaws.com}}]
      ManagedPolicyArns: ['arn:aws:iam::aws:policy/service-role/AmazonAPIGatewayPushToCloudWatchLogs']
  Account: {Type: AWS::ApiGateway::Account, Properties: {CloudWatchRoleArn: !GetAtt Role.Arn}}
  Logs: {Type: AWS::Logs::LogGroup, Properties: {LogGroupName: access}}
  Api:
    Type: AWS::Serverless::Api
    DependsOn: Account
    Properties:
      StageName: live
      FailOnWarnings: true
      DisableExecuteApiEndpoint: true
      ApiKeySourceType: AUTHORIZER
      MinimumCompressionSize: 1024
      CacheClusterEnabled: true
      CacheClusterSize: '0.5'
      Tags: {team: books}
      PropagateTags: true
      CanarySetting: {PercentTraffic: 10, StageVariableOverrides: {TABLE: other}}
      Variables: {TABLE: books}
      AccessLogSetting: {DestinationArn: !GetAtt Logs.Arn, Format: $context.requestId}
      MethodSettings: [{HttpMethod: '*', ResourcePath: '/*', LoggingLevel: INFO, DataTraceEnabled: true}]
      Auth: {ApiKeyRequired: true, UsagePlan: {CreateUsagePlan: SHARED}}
      DefinitionBody:
        openapi: 3.0.1
        info: {title: defined, version: '3'}
        paths:
          /hello:
            get:
              responses: {}
              x-amazon-apigateway-integration: {type: mock, requestTemplates: {a/b: '{"statusCode": 200}'}}
Outputs:
  Api: {Value: !Ref Api}
"""


def test_an_api_as_it_is_operated() -> None:
    async def scenario(c: Cloud) -> None:
        api = (await _deploy(c, "CreateStack", OPERATED))["Api"]
        shown = await c.call("apigateway", "GetRestApi", restApiId=api)
        assert (shown["name"], shown["apiKeySource"], shown["minimumCompressionSize"]) == (
            "defined",
            "AUTHORIZER",
            1024,
        )
        assert (shown["disableExecuteApiEndpoint"], shown["tags"]) == (True, {"team": "books"})
        stage = (await _all(c, "GetStages", restApiId=api))[0]
        assert (stage["cacheClusterSize"], stage["tags"]) == ("0.5", {"team": "books"})
        assert stage["accessLogSettings"]["format"] == "$context.requestId"
        assert stage["methodSettings"]["*/*"]["loggingLevel"] == "INFO"
        canary = {"percentTraffic": 10.0, "stageVariableOverrides": {"TABLE": "other"}, "useStageCache": False}
        assert stage["canarySettings"] == {**canary, "deploymentId": stage["deploymentId"]}
        assert (await _all(c, "GetUsagePlans"))[0]["apiStages"] == [{"apiId": api, "stage": "live"}]
        changes = {
            "/hello:": "/bye:",
            "TABLE: other": "TABLE: third",
            "LoggingLevel: INFO, ": "",
            "      AccessLogSetting: {DestinationArn: !GetAtt Logs.Arn, Format: $context.requestId}\n": "",
        }
        changed = OPERATED
        for old, new in changes.items():
            assert old in changed, old
            changed = changed.replace(old, new)
        await _deploy(c, "UpdateStack", changed)
        moved = (await _all(c, "GetStages", restApiId=api))[0]
        assert moved["deploymentId"] != stage["deploymentId"]
        assert moved["canarySettings"] == {
            **canary, "stageVariableOverrides": {"TABLE": "third"}, "deploymentId": moved["deploymentId"]
        }  # fmt: skip
        assert "accessLogSettings" not in moved
        assert "loggingLevel" not in moved["methodSettings"]["*/*"]
        assert [one["id"] for one in await _all(c, "GetDeployments", restApiId=api)] == [moved["deploymentId"]]
        await c.cfn("DeleteStack", StackName="s")
        assert await _all(c, "GetRestApis") == []

    run(scenario)


def test_the_translator_says_nothing_in_the_clouds_log(caplog: pytest.LogCaptureFixture) -> None:
    preference = "      AutoPublishAlias: live\n      DeploymentPreference: {Enabled: false, Type: AllAtOnce}\n"
    template = IMPLICIT.replace("      Handler:", preference + "      Handler:")

    async def scenario(c: Cloud) -> None:
        await c.cfn("CreateStack", StackName="s", TemplateBody=template, Capabilities=CAPABILITIES)
        assert await c.failures() == []

    run(scenario)
    assert [line for line in caplog.messages if "Feature" in line] == []
