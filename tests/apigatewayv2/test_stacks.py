"""HTTP and WebSocket APIs in stacks: by their parts, by a document, by SAM."""

from __future__ import annotations

from typing import Any

import pytest

from lambent.services.apigateway.v2 import keys
from tests.cloudformation.cloud import Cloud, run

PARTS = """
Parameters:
  Origin: {Type: String, Default: "https://a.example"}
Resources:
  Api:
    Type: AWS::ApiGatewayV2::Api
    Properties:
      Name: parts
      ProtocolType: HTTP
      CorsConfiguration: {AllowOrigins: [!Ref Origin]}
      Tags: {a: b}
  Authorizer:
    Type: AWS::ApiGatewayV2::Authorizer
    Properties:
      ApiId: !Ref Api
      Name: jwt
      AuthorizerType: JWT
      IdentitySource: ["$request.header.Authorization"]
      JwtConfiguration: {Issuer: "https://issuer.example", Audience: [x]}
  Integration:
    Type: AWS::ApiGatewayV2::Integration
    Properties:
      ApiId: !Ref Api
      IntegrationType: HTTP_PROXY
      IntegrationMethod: ANY
      IntegrationUri: http://example.com
      PayloadFormatVersion: "1.0"
      RequestParameters: {"overwrite:header.x": a, "append:header.y": b}
      ResponseParameters:
        "200": {ResponseParameters: [{Destination: "overwrite:statuscode", Source: "201"}]}
  Route:
    Type: AWS::ApiGatewayV2::Route
    Properties:
      ApiId: !Ref Api
      RouteKey: GET /pets
      Target: !Sub integrations/${Integration}
      AuthorizationType: JWT
      AuthorizerId: !Ref Authorizer
      AuthorizationScopes: [read]
  Stage:
    Type: AWS::ApiGatewayV2::Stage
    DependsOn: Route
    Properties:
      ApiId: !Ref Api
      StageName: dev
      AutoDeploy: true
      StageVariables: {v: "1"}
      DefaultRouteSettings: {ThrottlingBurstLimit: 7, DetailedMetricsEnabled: true}
      RouteSettings: {"GET /pets": {"ThrottlingBurstLimit": "5", "ThrottlingRateLimit": "1.5"}}
  Domain:
    Type: AWS::ApiGatewayV2::DomainName
    Properties:
      DomainName: api.example.com
      DomainNameConfigurations:
        - {CertificateArn: "arn:aws:acm:us-east-1:000000000000:certificate/x", EndpointType: REGIONAL}
  Mapping:
    Type: AWS::ApiGatewayV2::ApiMapping
    Properties: {ApiId: !Ref Api, DomainName: !Ref Domain, Stage: !Ref Stage, ApiMappingKey: v1}
Outputs:
  Id: {Value: !Ref Api}
  Endpoint: {Value: !GetAtt Api.ApiEndpoint}
  Url: {Value: !Sub "see https://${Api}.execute-api.${AWS::Region}.${AWS::URLSuffix}/${Stage}/pets and go"}
  Socket: {Value: !Sub "wss://${Api}.execute-api.${AWS::Region}.amazonaws.com/dev"}
  Elsewhere: {Value: "https://aaaaaaaaaa.execute-api.us-east-1.amazonaws.com/"}
  Site: {Value: "http://my.bucket.s3-website-us-east-1.amazonaws.com/x"}
  Arn: {Value: !Sub "arn:aws:execute-api:${AWS::Region}:${AWS::AccountId}:${Api}/*"}
  Regional: {Value: !GetAtt Domain.RegionalDomainName}
"""


def _outputs(stack: dict[str, Any]) -> dict[str, str]:
    return {output["OutputKey"]: output["OutputValue"] for output in stack["Outputs"]}


@pytest.mark.slow
def test_an_api_by_its_parts() -> None:
    async def scenario(c: Cloud) -> None:
        await c.cfn("CreateStack", StackName="s", TemplateBody=PARTS)
        stack = await c.stack()
        assert stack["StackStatus"] == "CREATE_COMPLETE", stack
        out = _outputs(stack)
        api = out["Id"]
        local = f"{api}.execute-api.localhost:4566"
        assert out["Endpoint"] == f"http://{local}"
        assert out["Url"] == f"see http://{local}/dev/pets and go"
        assert out["Socket"] == f"ws://{local}/dev"
        assert out["Elsewhere"] == "https://aaaaaaaaaa.execute-api.us-east-1.amazonaws.com/"
        assert out["Site"] == "http://my.bucket.s3-website.localhost:4566/x"
        assert out["Arn"] == f"arn:aws:execute-api:us-east-1:000000000000:{api}/*"
        assert out["Regional"].endswith(".execute-api.us-east-1.amazonaws.com")
        v2 = c.cloud.call
        shown = await v2("apigatewayv2", "GetApi", ApiId=api)
        assert shown["CorsConfiguration"] == {"AllowOrigins": ["https://a.example"]}
        assert shown["Tags"] == {"a": "b"}
        integration = (await v2("apigatewayv2", "GetIntegrations", ApiId=api))["Items"][0]
        assert integration["ResponseParameters"] == {"200": {"overwrite:statuscode": "201"}}
        stage = await v2("apigatewayv2", "GetStage", ApiId=api, StageName="dev")
        assert stage["RouteSettings"] == {"GET /pets": {"ThrottlingBurstLimit": 5, "ThrottlingRateLimit": 1.5}}
        mappings = await v2("apigatewayv2", "GetApiMappings", DomainName="api.example.com")
        assert [item["ApiMappingKey"] for item in mappings["Items"]] == ["v1"]

        changed = PARTS.replace('{"overwrite:header.x": a, "append:header.y": b}', '{"append:header.y": c}')
        changed = changed.replace('StageVariables: {v: "1"}', 'StageVariables: {w: "2"}')
        changed = changed.replace(
            "{ThrottlingBurstLimit: 7, DetailedMetricsEnabled: true}", "{DetailedMetricsEnabled: true}"
        )
        changed = changed.replace("      CorsConfiguration: {AllowOrigins: [!Ref Origin]}\n", "")
        changed = changed.replace("Tags: {a: b}", "Tags: {c: d}").replace("ApiMappingKey: v1", "ApiMappingKey: v2")
        await c.cfn("UpdateStack", StackName="s", TemplateBody=changed)
        assert (await c.stack())["StackStatus"] == "UPDATE_COMPLETE"
        integration = (await v2("apigatewayv2", "GetIntegrations", ApiId=api))["Items"][0]
        assert integration["RequestParameters"] == {"append:header.y": "c"}
        stage = await v2("apigatewayv2", "GetStage", ApiId=api, StageName="dev")
        assert stage["StageVariables"] == {"w": "2"}
        assert stage["DefaultRouteSettings"] == {"DetailedMetricsEnabled": True}
        shown = await v2("apigatewayv2", "GetApi", ApiId=api)
        assert "CorsConfiguration" not in shown
        assert shown["Tags"] == {"c": "d"}
        mappings = await v2("apigatewayv2", "GetApiMappings", DomainName="api.example.com")
        assert [item["ApiMappingKey"] for item in mappings["Items"]] == ["v2"]

        await c.cfn("DeleteStack", StackName="s")
        assert (await v2("apigatewayv2", "GetApis"))["Items"] == []
        assert (await v2("apigatewayv2", "GetDomainNames"))["Items"] == []

    run(scenario)


SAM = """
Transform: AWS::Serverless-2016-10-31
Globals:
  HttpApi:
    CorsConfiguration: {AllowOrigins: ["https://a.example"], AllowMethods: [GET]}
Resources:
  Fn:
    Type: AWS::Serverless::Function
    Properties:
      Runtime: python3.11
      Handler: index.handler
      InlineCode: "def handler(event, context): return {}"
      Events:
        Get: {Type: HttpApi, Properties: {Path: "/a/{id}", Method: get}}
        Any: {Type: HttpApi, Properties: {Path: "/b/{proxy+}", Method: any, PayloadFormatVersion: "1.0"}}
        Secured:
          Type: HttpApi
          Properties: {ApiId: !Ref Api, Path: /c, Method: post, Auth: {Authorizer: Jwt, AuthorizationScopes: [w]}}
        Rest: {Type: HttpApi, Properties: {ApiId: !Ref Api, TimeoutInMillis: 5000}}
  Api:
    Type: AWS::Serverless::HttpApi
    Properties:
      StageName: dev
      Tags: {a: b}
      Auth:
        Authorizers:
          Jwt:
            IdentitySource: $request.header.Authorization
            JwtConfiguration: {issuer: "https://issuer.example", audience: [x]}
Outputs:
  Implicit: {Value: !Sub "https://${ServerlessHttpApi}.execute-api.${AWS::Region}.${AWS::URLSuffix}/"}
  Explicit: {Value: !Ref Api}
"""


@pytest.mark.slow
def test_sam() -> None:
    async def scenario(c: Cloud) -> None:
        capabilities = ["CAPABILITY_IAM", "CAPABILITY_AUTO_EXPAND"]
        await c.cfn("CreateStack", StackName="s", TemplateBody=SAM, Capabilities=capabilities)
        stack = await c.stack()
        assert stack["StackStatus"] == "CREATE_COMPLETE", stack
        out = _outputs(stack)
        implicit = out["Implicit"].removeprefix("http://").partition(".")[0]
        found = await c.cloud.store.read(lambda tx: keys.stages.get(tx, implicit, "$default"))
        assert found is not None
        assert found.auto_deploy
        assert found.deployment
        snapshot = await c.cloud.store.read(lambda tx: keys.get_snapshot(tx, implicit, found.deployment))
        assert snapshot is not None
        assert {route.key for route in snapshot.routes} == {"GET /a/{id}", "ANY /b/{proxy+}"}
        assert {made.payload_format for made in snapshot.integrations} == {"1.0", "2.0"}
        routes = (await c.cloud.call("apigatewayv2", "GetRoutes", ApiId=out["Explicit"]))["Items"]
        by_key = {route["RouteKey"]: route for route in routes}
        assert by_key.keys() == {"POST /c", "$default"}
        assert by_key["POST /c"]["AuthorizationType"] == "JWT"
        assert by_key["POST /c"]["AuthorizationScopes"] == ["w"]
        api = await c.cloud.call("apigatewayv2", "GetApi", ApiId=out["Explicit"])
        assert api["Tags"]["a"] == "b"
        assert api["CorsConfiguration"]["AllowOrigins"] == ["https://a.example"]
        changed = SAM.replace('Path: "/a/{id}"', 'Path: "/z/{id}"')
        await c.cfn("UpdateStack", StackName="s", TemplateBody=changed, Capabilities=capabilities)
        assert (await c.stack())["StackStatus"] == "UPDATE_COMPLETE"
        routes = (await c.cloud.call("apigatewayv2", "GetRoutes", ApiId=implicit))["Items"]
        assert {route["RouteKey"] for route in routes} == {"GET /z/{id}", "ANY /b/{proxy+}"}
        await c.cfn("DeleteStack", StackName="s")
        assert (await c.cloud.call("apigatewayv2", "GetApis"))["Items"] == []

    run(scenario)


GUARDED = """
Transform: AWS::Serverless-2016-10-31
Resources:
  Api:
    Type: AWS::Serverless::HttpApi
    Properties:
      DefaultRouteSettings: {ThrottlingBurstLimit: 100, ThrottlingRateLimit: 50.5}
      Auth:
        EnableIamAuthorizer: true
        DefaultAuthorizer: Lam
        Authorizers:
          Lam:
            FunctionArn: !GetAtt Fn.Arn
            AuthorizerPayloadFormatVersion: 2.0
            EnableSimpleResponses: true
            Identity: {Headers: [Authorization], QueryStrings: [q], ReauthorizeEvery: 60}
  Fn:
    Type: AWS::Serverless::Function
    Properties:
      Runtime: python3.11
      Handler: index.handler
      InlineCode: "def handler(event, context): return {}"
      Events:
        A: {Type: HttpApi, Properties: {ApiId: !Ref Api, Path: /a, Method: get}}
        B: {Type: HttpApi, Properties: {ApiId: !Ref Api, Path: /b, Method: any, Auth: {Authorizer: AWS_IAM}}}
        C: {Type: HttpApi, Properties: {ApiId: !Ref Api, Path: /c, Method: any, Auth: {Authorizer: NONE}}}
Outputs:
  Api: {Value: !Ref Api}
"""


@pytest.mark.slow
def test_authorizers_of_sam() -> None:
    async def scenario(c: Cloud) -> None:
        capabilities = ["CAPABILITY_IAM", "CAPABILITY_AUTO_EXPAND"]
        await c.cfn("CreateStack", StackName="s", TemplateBody=GUARDED, Capabilities=capabilities)
        stack = await c.stack()
        assert stack["StackStatus"] == "CREATE_COMPLETE", stack
        api = _outputs(stack)["Api"]
        routes = (await c.cloud.call("apigatewayv2", "GetRoutes", ApiId=api))["Items"]
        kinds = {route["RouteKey"]: route["AuthorizationType"] for route in routes}
        assert kinds == {"GET /a": "CUSTOM", "ANY /b": "AWS_IAM", "ANY /c": "NONE"}
        (authorizer,) = (await c.cloud.call("apigatewayv2", "GetAuthorizers", ApiId=api))["Items"]
        assert authorizer["IdentitySource"] == ["$request.header.Authorization", "$request.querystring.q"]
        assert (authorizer["AuthorizerPayloadFormatVersion"], authorizer["EnableSimpleResponses"]) == ("2.0", True)
        stage = await c.cloud.call("apigatewayv2", "GetStage", ApiId=api, StageName="$default")
        assert stage["DefaultRouteSettings"]["ThrottlingRateLimit"] == 50.5

    run(scenario)


QUICK = """
Resources:
  Api:
    Type: AWS::ApiGatewayV2::Api
    Properties: {Name: quick, ProtocolType: HTTP, Target: "http://x.example", RouteKey: "GET /x"}
  Overrides:
    Type: AWS::ApiGatewayV2::ApiGatewayManagedOverrides
    Properties:
      ApiId: !Ref Api
      Integration: {TimeoutInMillis: 100}
      Route: {AuthorizationType: AWS_IAM}
      Stage: {Description: changed, DefaultRouteSettings: {ThrottlingBurstLimit: 3}}
Outputs:
  Api: {Value: !Ref Api}
"""


def test_what_quick_create_made_is_changed() -> None:
    async def scenario(c: Cloud) -> None:
        await c.cfn("CreateStack", StackName="s", TemplateBody=QUICK)
        stack = await c.stack()
        assert stack["StackStatus"] == "CREATE_COMPLETE", stack
        api = {"ApiId": _outputs(stack)["Api"]}
        (route,) = (await c.cloud.call("apigatewayv2", "GetRoutes", None, "us-east-1", **api))["Items"]
        assert (route["RouteKey"], route["AuthorizationType"]) == ("GET /x", "AWS_IAM")
        (integration,) = (await c.cloud.call("apigatewayv2", "GetIntegrations", None, "us-east-1", **api))["Items"]
        assert integration["TimeoutInMillis"] == 100
        (stage,) = (await c.cloud.call("apigatewayv2", "GetStages", None, "us-east-1", **api))["Items"]
        assert (stage["Description"], stage["DefaultRouteSettings"]["ThrottlingBurstLimit"]) == ("changed", 3)
        await c.cfn("DeleteStack", StackName="s")
        assert (await c.cloud.call("apigatewayv2", "GetApis"))["Items"] == []

    run(scenario)
