"""Root of one account that has every id of another's APIs, user pools and alarms neither reads nor changes them."""

from __future__ import annotations

import json
from typing import Any, Final

import pytest

from lambent import model
from lambent.contracts.caller import root
from lambent.contracts.errors import ServiceError
from lambent.model.shapes import Shape
from lambent.registry import load_service
from tests.support import ACCOUNT, REGION, TestCloud

OTHER: Final = "111111111111"
MARK: Final = "the-owners-own"
"""Stands in everything that the owner has made: nobody else is ever answered with it."""
ROLE: Final = f"arn:aws:iam::{ACCOUNT}:role/r"
CERTIFICATE: Final = f"arn:aws:acm:{REGION}:{ACCOUNT}:certificate/x"


async def rest(cloud: TestCloud) -> dict[str, Any]:
    """A REST API with one of everything; the ids by the name of the parameter."""

    async def do(operation: str, **params: Any) -> dict[str, Any]:
        return await cloud.call("apigateway", operation, **params)

    api = (await do("CreateRestApi", name=MARK))["id"]
    found: dict[str, Any] = {"restApiId": api, "httpMethod": "GET", "statusCode": "200", "stageName": "prod"}
    top = (await do("GetResources", restApiId=api))["items"][0]["id"]
    found["resourceId"] = (await do("CreateResource", restApiId=api, parentId=top, pathPart=MARK))["id"]
    found["parentId"] = top
    place = {"restApiId": api, "resourceId": found["resourceId"], "httpMethod": "GET"}
    await do("PutMethod", **place, authorizationType="NONE", operationName=MARK)
    await do("PutMethodResponse", **place, statusCode="200", responseModels={"application/json": "Empty"})
    await do("PutIntegration", **place, type="MOCK", requestTemplates={"application/json": MARK})
    await do("PutIntegrationResponse", **place, statusCode="200", responseTemplates={"application/json": MARK})
    found["requestValidatorId"] = (await do("CreateRequestValidator", restApiId=api, name=MARK))["id"]
    await do("CreateModel", restApiId=api, name="Mine", contentType="application/json", schema="{}", description=MARK)
    found["modelName"] = "Mine"
    uri = f"arn:aws:apigateway:{REGION}:lambda:path/2015-03-31/functions/arn:aws:lambda:{REGION}:{ACCOUNT}:function:f"
    given = {"name": MARK, "type": "TOKEN", "authorizerUri": f"{uri}/invocations"}
    given["identitySource"] = "method.request.header.Authorization"
    found["authorizerId"] = (await do("CreateAuthorizer", restApiId=api, **given))["id"]
    await do("PutGatewayResponse", restApiId=api, responseType="THROTTLED", responseTemplates={"a/b": MARK})
    found["responseType"] = "THROTTLED"
    part = await do(
        "CreateDocumentationPart", restApiId=api, location={"type": "API"}, properties=json.dumps({"a": MARK})
    )
    found["documentationPartId"] = part["id"]
    await do("CreateDocumentationVersion", restApiId=api, documentationVersion="1", description=MARK)
    found["documentationVersion"] = "1"
    found["clientCertificateId"] = (await do("GenerateClientCertificate", description=MARK))["clientCertificateId"]
    found["deploymentId"] = (await do("CreateDeployment", restApiId=api, stageName="prod", description=MARK))["id"]
    found["apiKey"] = (await do("CreateApiKey", name=MARK, enabled=True))["id"]
    stages = [{"apiId": api, "stage": "prod"}]
    found["usagePlanId"] = (await do("CreateUsagePlan", name=MARK, apiStages=stages))["id"]
    await do("CreateUsagePlanKey", usagePlanId=found["usagePlanId"], keyId=found["apiKey"], keyType="API_KEY")
    found["keyId"] = found["apiKey"]
    await do("CreateDomainName", domainName="own.example.com", certificateArn=CERTIFICATE, tags={"a": MARK})
    await do("CreateBasePathMapping", domainName="own.example.com", basePath="b", restApiId=api, stage="prod")
    found |= {"domainName": "own.example.com", "basePath": "b", "stage": "prod"}
    found["resourceArn"] = f"arn:aws:apigateway:{REGION}::/restapis/{api}"
    found["startDate"] = found["endDate"] = "1970-01-01"
    found |= {"exportType": "oas30", "sdkType": "javascript", "credentials": ROLE}
    return found


async def http(cloud: TestCloud) -> dict[str, Any]:
    """An HTTP API with one of everything."""

    async def do(operation: str, **params: Any) -> dict[str, Any]:
        return await cloud.call("apigatewayv2", operation, **params)

    api = (await do("CreateApi", Name=MARK, ProtocolType="HTTP"))["ApiId"]
    found: dict[str, Any] = {"ApiId": api, "StageName": "$default", "RouteKey": "GET /x"}
    given = {"IntegrationType": "HTTP_PROXY", "IntegrationMethod": "ANY", "IntegrationUri": "http://x.example"}
    made = await do("CreateIntegration", ApiId=api, **given, PayloadFormatVersion="1.0", Description=MARK)
    found["IntegrationId"] = made["IntegrationId"]
    target = f"integrations/{found['IntegrationId']}"
    made = await do("CreateRoute", ApiId=api, RouteKey="GET /x", Target=target, OperationName=MARK)
    found["RouteId"] = made["RouteId"]
    jwt = {"Issuer": "https://issuer.example", "Audience": [MARK]}
    header = ["$request.header.Authorization"]
    made = await do(
        "CreateAuthorizer", ApiId=api, Name=MARK, AuthorizerType="JWT", IdentitySource=header, JwtConfiguration=jwt
    )
    found["AuthorizerId"] = made["AuthorizerId"]
    found["DeploymentId"] = (await do("CreateDeployment", ApiId=api, Description=MARK))["DeploymentId"]
    await do("CreateStage", ApiId=api, StageName="$default", DeploymentId=found["DeploymentId"], Description=MARK)
    model_id = await do("CreateModel", ApiId=api, Name="Mine", ContentType="application/json", Schema="{}")
    found["ModelId"] = model_id["ModelId"]
    configuration = [{"CertificateArn": CERTIFICATE, "EndpointType": "REGIONAL"}]
    await do("CreateDomainName", DomainName="two.example.com", DomainNameConfigurations=configuration)
    made = await do("CreateApiMapping", ApiId=api, DomainName="two.example.com", Stage="$default", ApiMappingKey="k")
    found |= {"DomainName": "two.example.com", "ApiMappingId": made["ApiMappingId"], "Stage": "$default"}
    found["VpcLinkId"] = (await do("CreateVpcLink", Name=MARK, SubnetIds=["subnet-1"]))["VpcLinkId"]
    found["ResourceArn"] = f"arn:aws:apigateway:{REGION}::/apis/{api}"
    return found


async def pool(cloud: TestCloud) -> dict[str, Any]:
    """A user pool with one of everything."""

    async def do(operation: str, **params: Any) -> dict[str, Any]:
        return await cloud.call("cognito-idp", operation, **params)

    made = (await do("CreateUserPool", PoolName=MARK, UserPoolTags={"a": MARK}))["UserPool"]
    id = made["Id"]
    client = await do("CreateUserPoolClient", UserPoolId=id, ClientName=MARK, GenerateSecret=True)
    await do("AdminCreateUser", UserPoolId=id, Username="anna", MessageAction="SUPPRESS")
    await do("CreateGroup", UserPoolId=id, GroupName="g", Description=MARK)
    await do("AdminAddUserToGroup", UserPoolId=id, GroupName="g", Username="anna")
    await do("CreateResourceServer", UserPoolId=id, Identifier="rs", Name=MARK)
    await do("CreateUserPoolDomain", UserPoolId=id, Domain="own-domain")
    return {
        "UserPoolId": id,
        "ClientId": client["UserPoolClient"]["ClientId"],
        "Username": "anna",
        "GroupName": "g",
        "Identifier": "rs",
        "Domain": "own-domain",
        "ResourceArn": made["Arn"],
        "AuthFlow": "ADMIN_USER_PASSWORD_AUTH",
        "ChallengeName": "NEW_PASSWORD_REQUIRED",
    }


async def alarms(cloud: TestCloud) -> dict[str, Any]:
    """An alarm and a dashboard."""
    given: dict[str, Any] = {"Namespace": "N", "MetricName": "M", "Statistic": "Sum", "Period": 60}
    given["EvaluationPeriods"] = 1
    await cloud.call(
        "cloudwatch", "PutMetricAlarm", AlarmName="a", Threshold=1.0, AlarmDescription=MARK,
        ComparisonOperator="GreaterThanThreshold", **given,
    )  # fmt: skip
    body = json.dumps({"widgets": [], "start": MARK})
    await cloud.call("cloudwatch", "PutDashboard", DashboardName="d", DashboardBody=body)
    arn = f"arn:aws:cloudwatch:{REGION}:{ACCOUNT}:alarm:a"
    names = {"AlarmNames": ["a"], "AlarmName": "a", "DashboardName": "d", "DashboardNames": ["d"]}
    return {**names, "ResourceARN": arn, "Namespace": "N", "MetricName": "M"}


OWNERS: Final = {"apigateway": rest, "apigatewayv2": http, "cognito-idp": pool, "cloudwatch": alarms}


def filled(shape: Shape, known: dict[str, Any], depth: int = 0) -> Any:
    """A value of a shape: what it must have, and whatever names something of the owner's."""
    if shape.kind == "structure":
        names = [name for name in shape.members if name in shape.required or (not depth and name in known)]
        return {name: known.get(name) or filled(shape.members[name], known, depth + 1) for name in names}
    if shape.kind == "list":
        return [filled(shape.element, known, depth + 1)]
    if shape.kind == "map":
        return {"k": "v"}
    if shape.kind in ("integer", "long", "double", "float"):
        return int(shape.trait("min", 1))
    if shape.kind == "boolean":
        return True
    if shape.kind == "blob":
        return b'{"openapi":"3.0.1","info":{"title":"x","version":"1"},"paths":{}}'
    if shape.kind == "timestamp":
        return "2026-01-01T00:00:00Z"
    return shape.enum[0] if shape.enum else "x" * max(int(shape.trait("min", 1)), 1)


async def attacked(cloud: TestCloud, service: str, known: dict[str, Any], mark: str = MARK) -> list[str]:
    """Every operation of a service is asked for as another account's root; the codes of the refusals. Nothing of the
    owner's is told or changed by any of them."""
    ours = dict(cloud.store._rows)
    caller = root(OTHER)
    codes = []
    for name, one in sorted(load_service(service).operations.items()):
        shape = model.service_model(service).operations[name].input
        if one.authorize is None or shape is None:
            continue
        told: Any
        try:
            told = await cloud.api.call(caller, REGION, service, name, filled(shape, known))
        except ServiceError as error:
            told = error.message
            codes.append(error.code)
        assert mark not in repr(told), (name, told)
        changed = [key for key, value in ours.items() if cloud.store._rows.get(key) != value]
        assert not changed, (name, changed)
    return codes


@pytest.mark.slow
@pytest.mark.parametrize("service", OWNERS)
async def test_ids_of_another_account_lead_to_nothing(service: str) -> None:
    cloud = TestCloud()
    codes = await attacked(cloud, service, await OWNERS[service](cloud))
    assert not any(code.startswith("Internal") for code in codes)
    assert any("NotFound" in code for code in codes)
