"""REST APIs made of single resources: created, changed in place, deleted; and what a crash left behind."""

from __future__ import annotations

import json
from typing import Any

import pytest

from lambent.contracts.caller import root
from lambent.deploy.resources import Physical, Registry, Work
from lambent.services.cloudformation.model import Resource, Stack
from tests.cloudformation.cloud import Cloud, run
from tests.support import ACCOUNT, REGION

pytestmark = pytest.mark.slow

TEMPLATE = """
Resources:
  Api:
    Type: AWS::ApiGateway::RestApi
    Properties:
      Name: shop
      Description: of books
      BinaryMediaTypes: [image~1png]
      MinimumCompressionSize: 100
      Policy:
        Version: 2012-10-17
        Statement: [{Effect: Allow, Principal: '*', Action: 'execute-api:Invoke', Resource: 'execute-api:/*'}]
      Tags: [{Key: a, Value: b}]
  Books:
    Type: AWS::ApiGateway::Resource
    Properties: {RestApiId: !Ref Api, ParentId: !GetAtt Api.RootResourceId, PathPart: books}
  Book:
    Type: AWS::ApiGateway::Model
    Properties:
      RestApiId: !Ref Api
      Name: Book
      ContentType: application/json
      Schema: {type: object, required: [title]}
  Validator:
    Type: AWS::ApiGateway::RequestValidator
    Properties: {RestApiId: !Ref Api, Name: all, ValidateRequestBody: true}
  Pool:
    Type: AWS::ApiGateway::Authorizer
    Properties:
      RestApiId: !Ref Api
      Name: pool
      Type: COGNITO_USER_POOLS
      IdentitySource: method.request.header.Authorization
      ProviderARNs: ['arn:aws:cognito-idp:us-east-1:000000000000:userpool/us-east-1_abc']
  Create:
    Type: AWS::ApiGateway::Method
    Properties:
      RestApiId: !Ref Api
      ResourceId: !Ref Books
      HttpMethod: POST
      AuthorizationType: COGNITO_USER_POOLS
      AuthorizerId: !Ref Pool
      ApiKeyRequired: true
      RequestValidatorId: !Ref Validator
      RequestModels: {application/json: !Ref Book}
      RequestParameters: {method.request.header.X-A: true}
      MethodResponses:
        - {StatusCode: 200, ResponseParameters: {method.response.header.X-B: true}}
      Integration:
        Type: MOCK
        RequestTemplates: {application/json: '{"statusCode": 200}'}
        IntegrationResponses:
          - {StatusCode: 200, ResponseParameters: {method.response.header.X-B: "'1'"}}
  Missing:
    Type: AWS::ApiGateway::GatewayResponse
    Properties:
      RestApiId: !Ref Api
      ResponseType: DEFAULT_4XX
      StatusCode: '404'
      ResponseParameters: {gatewayresponse.header.X-C: "'1'"}
  Deployment:
    Type: AWS::ApiGateway::Deployment
    DependsOn: Create
    Properties: {RestApiId: !Ref Api, Description: first}
  Stage:
    Type: AWS::ApiGateway::Stage
    Properties:
      RestApiId: !Ref Api
      StageName: dev
      DeploymentId: !Ref Deployment
      Variables: {table: books, kept: '1'}
      MethodSettings:
        - {HttpMethod: '*', ResourcePath: '/*', CachingEnabled: true, CacheTtlInSeconds: 60}
  Plan:
    Type: AWS::ApiGateway::UsagePlan
    Properties:
      ApiStages:
        - {ApiId: !Ref Api, Stage: !Ref Stage, Throttle: {/books/POST: {BurstLimit: 1, RateLimit: 2}}}
      Quota: {Limit: 5, Period: DAY}
  Key:
    Type: AWS::ApiGateway::ApiKey
    Properties: {Enabled: true, Value: 0123456789012345678901234567890123456789}
  PlanKey:
    Type: AWS::ApiGateway::UsagePlanKey
    Properties: {KeyId: !Ref Key, KeyType: API_KEY, UsagePlanId: !Ref Plan}
  Domain:
    Type: AWS::ApiGateway::DomainName
    Properties:
      DomainName: api.example.com
      RegionalCertificateArn: arn:aws:acm:us-east-1:000000000000:certificate/1
      EndpointConfiguration: {Types: [REGIONAL]}
  Mapping:
    Type: AWS::ApiGateway::BasePathMapping
    Properties: {DomainName: !Ref Domain, RestApiId: !Ref Api, Stage: !Ref Stage, BasePath: shop}
  Part:
    Type: AWS::ApiGateway::DocumentationPart
    Properties: {RestApiId: !Ref Api, Location: {Type: API}, Properties: '{"a": 1}'}
  Version:
    Type: AWS::ApiGateway::DocumentationVersion
    DependsOn: Part
    Properties: {RestApiId: !Ref Api, DocumentationVersion: v1, Description: first}
  Certificate:
    Type: AWS::ApiGateway::ClientCertificate
    Properties: {Description: ours}
  Link:
    Type: AWS::ApiGateway::VpcLink
    Properties:
      Name: link
      TargetArns: ['arn:aws:elasticloadbalancing:us-east-1:000000000000:loadbalancer/net/a/b']
  Role:
    Type: AWS::IAM::Role
    Properties:
      AssumeRolePolicyDocument:
        Statement: [{Effect: Allow, Action: 'sts:AssumeRole', Principal: {Service: apigateway.amazonaws.com}}]
      ManagedPolicyArns: ['arn:aws:iam::aws:policy/service-role/AmazonAPIGatewayPushToCloudWatchLogs']
  Account:
    Type: AWS::ApiGateway::Account
    Properties: {CloudWatchRoleArn: !GetAtt Role.Arn}
Outputs:
  Api: {Value: !Ref Api}
  Books: {Value: !GetAtt Books.ResourceId}
  Target: {Value: !GetAtt Domain.RegionalDomainName}
"""
BODY = {
    "swagger": "2.0",
    "info": {"title": "of the body", "version": "7"},
    "x-amazon-apigateway-binary-media-types": ["image/gif"],
    "paths": {"/a": {"get": {"responses": {}, "x-amazon-apigateway-integration": {"type": "mock"}}}},
}


async def _deploy(c: Cloud, operation: str, template: str) -> dict[str, str]:
    await c.cfn(operation, StackName="s", TemplateBody=template, Capabilities=["CAPABILITY_IAM"])
    assert await c.failures() == []
    stack = await c.stack()
    assert stack["StackStatus"] == ("CREATE_COMPLETE" if operation == "CreateStack" else "UPDATE_COMPLETE")
    return {item["OutputKey"]: item["OutputValue"] for item in stack.get("Outputs", [])}


async def _v1(c: Cloud, operation: str, **params: Any) -> Any:
    answer = await c.call("apigateway", operation, **params)
    return answer.get("items", answer)


def _changed(changes: dict[str, str]) -> str:
    changed = TEMPLATE
    for old, new in changes.items():
        assert old in changed, old
        changed = changed.replace(old, new)
    return changed


def test_single_resources() -> None:
    async def scenario(c: Cloud) -> None:
        outputs = await _deploy(c, "CreateStack", TEMPLATE)
        api = outputs["Api"]
        assert outputs["Target"].endswith(".execute-api.us-east-1.amazonaws.com")
        shown = await _v1(c, "GetRestApi", restApiId=api)
        assert (shown["description"], shown["minimumCompressionSize"], shown["tags"]) == ("of books", 100, {"a": "b"})
        assert shown["binaryMediaTypes"] == ["image/png"]
        method = await _v1(c, "GetMethod", restApiId=api, resourceId=outputs["Books"], httpMethod="POST")
        assert (method["apiKeyRequired"], method["requestModels"]) == (True, {"application/json": "Book"})
        assert method["methodResponses"]["200"]["responseParameters"] == {"method.response.header.X-B": True}
        answers = method["methodIntegration"]["integrationResponses"]
        assert answers["200"]["responseParameters"] == {"method.response.header.X-B": "'1'"}
        stage = await _v1(c, "GetStage", restApiId=api, stageName="dev")
        assert stage["variables"] == {"table": "books", "kept": "1"}
        assert stage["methodSettings"]["*/*"]["cacheTtlInSeconds"] == 60
        plan = (await _v1(c, "GetUsagePlans"))[0]
        limits = {"/books/POST": {"burstLimit": 1, "rateLimit": 2.0}}
        assert plan["apiStages"] == [{"apiId": api, "stage": "dev", "throttle": limits}]
        key = (await _v1(c, "GetUsagePlanKeys", usagePlanId=plan["id"]))[0]
        assert key["value"] == "0123456789012345678901234567890123456789"
        account = await _v1(c, "GetAccount")
        assert ":role/s-Role-" in account["cloudwatchRoleArn"]
        await c.cfn("DeleteStack", StackName="s")
        listings = (
            "GetRestApis",
            "GetUsagePlans",
            "GetApiKeys",
            "GetDomainNames",
            "GetClientCertificates",
            "GetVpcLinks",
        )
        for listing in listings:
            assert await _v1(c, listing) == []

    run(scenario)


def test_changes_in_place() -> None:
    async def scenario(c: Cloud) -> None:
        before = await _deploy(c, "CreateStack", TEMPLATE)
        changed = _changed(
            {
                "Description: of books": "Version: '2'",
                "[image~1png]": "[image~1gif]",
                "required: [title]": "required: [isbn]",
                "ValidateRequestBody: true": "ValidateRequestParameters: true",
                "us-east-1_abc": "us-east-1_def",
                "ApiKeyRequired: true": "ApiKeyRequired: false",
                "StatusCode: '404'": "StatusCode: '400'",
                "{table: books, kept: '1'}": "{kept: '2', new: '3'}",
                "CachingEnabled: true, CacheTtlInSeconds: 60": "MetricsEnabled: true",
                "{BurstLimit: 1, RateLimit: 2}": "{BurstLimit: 7, RateLimit: 2}",
                "Limit: 5, Period: DAY": "Limit: 6, Period: WEEK",
                "Enabled: true, Value": "Enabled: false, Value",
                "'{\"a\": 1}'": "'{\"a\": 2}'",
                "v1, Description: first": "v1, Description: second",
                "Name: link": "Name: rope",
                "Tags: [{Key: a, Value: b}]": "Tags: [{Key: c, Value: d}]",
            }
        )
        after = await _deploy(c, "UpdateStack", changed)
        api = after["Api"]
        assert after == before
        shown = await _v1(c, "GetRestApi", restApiId=api)
        assert (shown["version"], shown.get("description") or "", shown["tags"]) == ("2", "", {"c": "d"})
        assert shown["binaryMediaTypes"] == ["image/gif"]
        model = await _v1(c, "GetModel", restApiId=api, modelName="Book")
        assert json.loads(model["schema"])["required"] == ["isbn"]
        validator = (await _v1(c, "GetRequestValidators", restApiId=api))[0]
        assert (validator["validateRequestBody"], validator["validateRequestParameters"]) == (False, True)
        assert (await _v1(c, "GetAuthorizers", restApiId=api))[0]["providerARNs"][0].endswith("_def")
        method = await _v1(c, "GetMethod", restApiId=api, resourceId=after["Books"], httpMethod="POST")
        assert method["apiKeyRequired"] is False
        stage = await _v1(c, "GetStage", restApiId=api, stageName="dev")
        assert stage["variables"] == {"kept": "2", "new": "3"}
        settings = stage["methodSettings"]["*/*"]
        assert (settings["cachingEnabled"], settings["metricsEnabled"]) == (False, True)
        plan = (await _v1(c, "GetUsagePlans"))[0]
        assert plan["apiStages"][0]["throttle"]["/books/POST"]["burstLimit"] == 7
        assert (plan["quota"]["limit"], plan["quota"]["period"]) == (6, "WEEK")
        assert (await _v1(c, "GetApiKeys"))[0]["enabled"] is False
        assert json.loads((await _v1(c, "GetDocumentationParts", restApiId=api))[0]["properties"]) == {"a": 2}
        assert (await _v1(c, "GetVpcLinks"))[0]["name"] == "rope"

    run(scenario)


def test_a_body_from_s3_and_the_templates_own_words() -> None:
    template = """
Resources:
  Api:
    Type: AWS::ApiGateway::RestApi
    Properties:
      BodyS3Location: {Bucket: specs, Key: api.json}
      Parameters: {endpointConfigurationTypes: REGIONAL}
      BinaryMediaTypes: [image~1png]
      Description: of the template
  Deployment:
    Type: AWS::ApiGateway::Deployment
    Properties:
      RestApiId: !Ref Api
      StageName: live
      StageDescription: {Description: one, Variables: {a: '1'}, LoggingLevel: 'OFF', MetricsEnabled: true}
Outputs:
  Api: {Value: !Ref Api}
"""

    async def scenario(c: Cloud) -> None:
        await c.call("s3", "CreateBucket", Bucket="specs")
        await c.call("s3", "PutObject", Bucket="specs", Key="api.json", Body=json.dumps(BODY).encode())
        api = (await _deploy(c, "CreateStack", template))["Api"]
        shown = await _v1(c, "GetRestApi", restApiId=api)
        assert (shown["name"], shown["description"], shown["version"]) == ("of the body", "of the template", "7")
        assert sorted(shown["binaryMediaTypes"]) == ["image/gif", "image/png"]
        assert shown["endpointConfiguration"]["types"] == ["REGIONAL"]
        stage = await _v1(c, "GetStage", restApiId=api, stageName="live")
        assert (stage["description"], stage["variables"]) == ("one", {"a": "1"})
        assert stage["methodSettings"]["*/*"]["metricsEnabled"] is True
        changed = template.replace("Description: one", "Description: two").replace("{a: '1'}", "{b: '1'}")
        await _deploy(c, "UpdateStack", changed)
        stage = await _v1(c, "GetStage", restApiId=api, stageName="live")
        assert (stage["description"], stage["variables"]) == ("two", {"b": "1"})
        await c.cfn("DeleteStack", StackName="s")
        assert await _v1(c, "GetRestApis") == []

    run(scenario)


def test_a_body_is_imported_again_only_when_it_must_speak() -> None:
    template = """
Resources:
  Api:
    Type: AWS::ApiGateway::RestApi
    Properties:
      Body: {swagger: '2.0', info: {title: x, version: '1', description: of the body}, paths: {}}
      Description: of the template
      Tags: [{Key: a, Value: b}]
  More:
    Type: AWS::ApiGateway::Resource
    Properties: {RestApiId: !Ref Api, ParentId: !GetAtt Api.RootResourceId, PathPart: more}
Outputs:
  Api: {Value: !Ref Api}
"""

    async def scenario(c: Cloud) -> None:
        api = (await _deploy(c, "CreateStack", template))["Api"]
        await _deploy(c, "UpdateStack", template.replace("Value: b", "Value: c"))
        assert [one["path"] for one in await _v1(c, "GetResources", restApiId=api)] == ["/", "/more"]
        assert (await _v1(c, "GetRestApi", restApiId=api))["tags"] == {"a": "c"}
        await _deploy(c, "UpdateStack", template.replace("      Description: of the template\n", ""))
        assert (await _v1(c, "GetRestApi", restApiId=api))["description"] == "of the body"

    run(scenario)


def _work(c: Cloud, kind: str, *, resumed: bool) -> Work:
    async def made(physical_id: str) -> None:
        return None

    started_ms = c.cloud.clock.now_ns() // 10**6
    record = Resource(logical_id="R", type=kind, status="", suffix="abc", started_ms=started_ms)
    stack = Stack(id="arn:s/1", name="s", account=ACCOUNT, region=REGION, status="")
    return Work(c.cloud, root(ACCOUNT), stack, record, resumed=resumed, tags=(), made=made)


def test_what_a_crash_left_behind_is_taken_over() -> None:
    async def scenario(c: Cloud) -> None:
        async def twice(kind: str, **properties: Any) -> Physical:
            """Create with nothing remembered of the first try; both tries end with the same thing."""
            kind = f"AWS::ApiGateway::{kind}"
            handler = Registry().handler(kind)
            first = await handler.create(_work(c, kind, resumed=False), properties)
            again = await handler.create(_work(c, kind, resumed=True), properties)
            assert again == first
            return first

        api = await twice("RestApi", Name="shop")
        in_api = {"RestApiId": api.id}
        resource = await twice("Resource", **in_api, ParentId=api.attributes["RootResourceId"], PathPart="a")
        await twice("Model", **in_api, Name="M", Schema={})
        await twice("RequestValidator", **in_api, Name="v")
        await twice("GatewayResponse", **in_api, ResponseType="DEFAULT_5XX", StatusCode="500")
        where = {**in_api, "ResourceId": resource.id, "HttpMethod": "GET"}
        await twice("Method", **where, Integration={"Type": "MOCK"})
        deployment = await twice("Deployment", **in_api, Description="d")
        await twice("Stage", **in_api, StageName="dev", DeploymentId=deployment.id)
        plan = await twice("UsagePlan", UsagePlanName="gold", ApiStages=[{"ApiId": api.id, "Stage": "dev"}])
        key = await twice("ApiKey", Name="k")
        await twice("UsagePlanKey", KeyId=key.id, UsagePlanId=plan.id, KeyType="API_KEY")
        domain = {"DomainName": "a.example.com", "CertificateArn": "arn:aws:acm:us-east-1:000000000000:certificate/1"}
        await twice("DomainName", **domain)
        await twice("BasePathMapping", DomainName="a.example.com", RestApiId=api.id)
        await twice("ClientCertificate", Description="c")
        await twice("DocumentationPart", **in_api, Location={"Type": "API"}, Properties="{}")
        await twice("DocumentationVersion", **in_api, DocumentationVersion="v1")
        await twice("Account")

    run(scenario)


def test_what_is_not_built_is_named() -> None:
    template = """
Resources:
  Name: {Type: 'AWS::ApiGateway::DomainNameV2', Properties: {DomainName: a.example.com}}
"""

    async def scenario(c: Cloud) -> None:
        with pytest.raises(Exception, match="AWS::ApiGateway::DomainNameV2"):
            await c.cfn("CreateStack", StackName="s", TemplateBody=template)

    run(scenario)
