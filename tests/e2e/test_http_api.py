"""HTTP APIs over the wire: made with boto3 and by a SAM template, called by any HTTP client."""

from __future__ import annotations

import http.client
import io
import json
import re
import time
import zipfile
from typing import Any
from urllib.parse import urlsplit

import pytest
from botocore.auth import SigV4Auth
from botocore.awsrequest import AWSRequest
from botocore.credentials import Credentials

from .node import REGION, RUNTIME, Node, eventually

pytestmark = pytest.mark.e2e

ECHO = """
import json
def handler(event, context):
    if event["rawPath"].endswith("/plain"):
        return {"hello": "world"}
    return {
        "statusCode": 201,
        "headers": {"x-a": "1", "content-type": "application/json"},
        "cookies": ["a=1", "b=2"],
        "body": json.dumps(event),
    }
"""
TEMPLATE = f"""
Transform: AWS::Serverless-2016-10-31
Resources:
  Echo:
    Type: AWS::Serverless::Function
    Properties:
      Runtime: {RUNTIME}
      Handler: index.handler
      InlineCode: |
        def handler(event, context):
            return {{"id": event["pathParameters"]["id"], "route": event["routeKey"]}}
      Events:
        Get: {{Type: HttpApi, Properties: {{Path: "/things/{{id}}", Method: get}}}}
Outputs:
  Url: {{Value: !Sub "https://${{ServerlessHttpApi}}.execute-api.${{AWS::Region}}.${{AWS::URLSuffix}}/"}}
  Endpoint: {{Value: !GetAtt ServerlessHttpApi.ApiEndpoint}}
"""


class Answer:
    """A response: status, headers (all of them, in order), body."""

    def __init__(self, raw: http.client.HTTPResponse) -> None:
        self.status = raw.status
        self.headers = [(name.lower(), value) for name, value in raw.getheaders()]
        self.body = raw.read()

    def values(self, name: str) -> list[str]:
        """All values of a header."""
        return [value for found, value in self.headers if found == name]


def ask(node: Node, method: str, url: str, body: bytes | None = None, **headers: str) -> Answer:
    """Send a request to an address of the node; host names below localhost need no resolution here."""
    to, where = urlsplit(node.url), urlsplit(url)
    connection = http.client.HTTPConnection(to.hostname or "", to.port, timeout=30)
    target = f"{where.path or '/'}?{where.query}" if where.query else where.path or "/"
    given = {"Host": where.netloc, **{name.replace("_", "-"): value for name, value in headers.items()}}
    try:
        connection.request(method, target, body, given)
        return Answer(connection.getresponse())
    finally:
        connection.close()


def _function(node: Node, name: str) -> str:
    iam, functions = node.client("iam"), node.client("lambda")
    trust = {"Effect": "Allow", "Principal": {"Service": "lambda.amazonaws.com"}, "Action": "sts:AssumeRole"}
    document = json.dumps({"Version": "2012-10-17", "Statement": [trust]})
    role = iam.create_role(RoleName=f"{name}-role", AssumeRolePolicyDocument=document)["Role"]["Arn"]
    archive = io.BytesIO()
    with zipfile.ZipFile(archive, "w") as packed:
        packed.writestr("index.py", ECHO)
    made = functions.create_function(
        FunctionName=name, Runtime=RUNTIME, Role=role, Handler="index.handler", Code={"ZipFile": archive.getvalue()}
    )
    functions.get_waiter("function_active_v2").wait(FunctionName=name)
    functions.add_permission(
        FunctionName=name, StatementId="api", Action="lambda:InvokeFunction", Principal="apigateway.amazonaws.com"
    )
    arn: str = made["FunctionArn"]
    return arn


def test_an_api_by_hand(node: Node) -> None:
    arn = _function(node, "echo")
    v2 = node.client("apigatewayv2")
    api = v2.create_api(
        Name="echo", ProtocolType="HTTP", Target=arn, CorsConfiguration={"AllowOrigins": ["https://page.example"]}
    )
    id, url = api["ApiId"], api["ApiEndpoint"]
    assert re.fullmatch(rf"http://{id}\.execute-api\.localhost:\d+", url)
    answer = ask(
        node, "POST", f"{url}/some/path?q=1", b"hello", Content_Type="text/plain", Origin="https://page.example"
    )
    assert answer.status == 201, answer.body
    assert answer.values("set-cookie") == ["a=1", "b=2"]
    assert answer.values("access-control-allow-origin") == ["https://page.example"]
    event = json.loads(answer.body)
    assert (event["version"], event["routeKey"], event["rawPath"], event["body"]) == (
        "2.0",
        "$default",
        "/some/path",
        "hello",
    )
    plain = ask(node, "GET", f"{node.url}/_aws/execute-api/{id}/plain")
    assert (plain.status, plain.body, plain.values("content-type")) == (
        200,
        b'{"hello": "world"}',
        ["application/json"],
    )
    head = ask(node, "HEAD", f"{url}/plain")
    assert (head.status, head.body) == (200, b"")

    integration = v2.get_integrations(ApiId=id)["Items"][0]["IntegrationId"]
    v2.create_route(ApiId=id, RouteKey="GET /signed", Target=f"integrations/{integration}", AuthorizationType="AWS_IAM")
    assert ask(node, "GET", f"{url}/signed").status == 403
    key = node.client("iam").create_access_key(UserName=_user(node))["AccessKey"]
    request = AWSRequest("GET", f"{url}/signed", headers={"Host": urlsplit(url).netloc})
    SigV4Auth(Credentials(key["AccessKeyId"], key["SecretAccessKey"]), "execute-api", REGION).add_auth(request)
    signed = {name: value for name, value in request.headers.items() if name.lower() != "host"}
    answer = ask(node, "GET", f"{url}/signed", **signed)
    assert answer.status == 201, answer.body
    assert json.loads(answer.body)["requestContext"]["authorizer"]["iam"]["userArn"].endswith(":user/caller")

    exported = v2.export_api(ApiId=id, Specification="OAS30", OutputType="JSON")["body"].read()
    copy = v2.import_api(Body=exported.decode())
    assert {route["RouteKey"] for route in v2.get_routes(ApiId=copy["ApiId"])["Items"]} == {"$default", "GET /signed"}
    v2.delete_api(ApiId=copy["ApiId"])
    v2.delete_api(ApiId=id)
    assert ask(node, "GET", f"{url}/plain").status in (403, 404)


def _user(node: Node) -> str:
    iam = node.client("iam")
    iam.create_user(UserName="caller")
    statement = {"Effect": "Allow", "Action": "execute-api:Invoke", "Resource": "*"}
    document = json.dumps({"Version": "2012-10-17", "Statement": [statement]})
    iam.put_user_policy(UserName="caller", PolicyName="p", PolicyDocument=document)
    return "caller"


def test_a_template_of_sam(node: Node) -> None:
    cloudformation = node.client("cloudformation")
    capabilities = ["CAPABILITY_IAM", "CAPABILITY_AUTO_EXPAND"]
    cloudformation.create_stack(StackName="http", TemplateBody=TEMPLATE, Capabilities=capabilities)

    def finished() -> dict[str, Any] | None:
        stack: dict[str, Any] = cloudformation.describe_stacks(StackName="http")["Stacks"][0]
        return stack if not stack["StackStatus"].endswith("IN_PROGRESS") else None

    stack = eventually(finished)
    assert stack["StackStatus"] == "CREATE_COMPLETE"
    out = {output["OutputKey"]: output["OutputValue"] for output in stack["Outputs"]}
    assert out["Url"] == f"{out['Endpoint']}/"
    answer = ask(node, "GET", f"{out['Url']}things/a%20b")
    assert (answer.status, json.loads(answer.body)) == (200, {"id": "a b", "route": "GET /things/{id}"})
    missing = ask(node, "GET", out["Url"])
    assert (missing.status, missing.body) == (404, b'{"message":"Not Found"}')
    began = time.monotonic()
    for _ in range(20):
        assert ask(node, "GET", f"{out['Url']}things/1").status == 200
    assert time.monotonic() - began < 5
    cloudformation.delete_stack(StackName="http")


def test_a_user_of_a_pool_signs_in_and_calls(node: Node) -> None:
    pools, v2 = node.client("cognito-idp"), node.client("apigatewayv2")
    pool = pools.create_user_pool(PoolName="http")["UserPool"]["Id"]
    client = pools.create_user_pool_client(
        UserPoolId=pool, ClientName="app", ExplicitAuthFlows=["ALLOW_USER_PASSWORD_AUTH", "ALLOW_REFRESH_TOKEN_AUTH"]
    )["UserPoolClient"]["ClientId"]
    pools.admin_create_user(UserPoolId=pool, Username="ann", MessageAction="SUPPRESS")
    pools.admin_set_user_password(UserPoolId=pool, Username="ann", Password="Passw0rd!", Permanent=True)
    signed_in = pools.initiate_auth(
        ClientId=client, AuthFlow="USER_PASSWORD_AUTH", AuthParameters={"USERNAME": "ann", "PASSWORD": "Passw0rd!"}
    )["AuthenticationResult"]
    api = v2.create_api(Name="pool", ProtocolType="HTTP", CorsConfiguration={"AllowOrigins": ["*"]})
    id, url = api["ApiId"], api["ApiEndpoint"]
    v2.create_stage(ApiId=id, StageName="$default", AutoDeploy=True)
    authorizer = v2.create_authorizer(
        ApiId=id,
        Name="jwt",
        AuthorizerType="JWT",
        IdentitySource=["$request.header.Authorization"],
        JwtConfiguration={"Issuer": f"https://cognito-idp.{REGION}.amazonaws.com/{pool}", "Audience": [client]},
    )["AuthorizerId"]
    function = _function(node, "pool")
    integration = v2.create_integration(
        ApiId=id, IntegrationType="AWS_PROXY", IntegrationUri=function, PayloadFormatVersion="2.0"
    )["IntegrationId"]
    v2.create_route(
        ApiId=id,
        RouteKey="GET /me",
        Target=f"integrations/{integration}",
        AuthorizationType="JWT",
        AuthorizerId=authorizer,
    )
    assert ask(node, "GET", f"{url}/me").status == 401
    for name in ("IdToken", "AccessToken"):
        answer = ask(node, "GET", f"{url}/me", Authorization=f"Bearer {signed_in[name]}")
        assert answer.status == 201, (name, answer.body, answer.headers)
        claims = json.loads(answer.body)["requestContext"]["authorizer"]["jwt"]["claims"]
        assert claims["iss"].endswith(pool)
    tampered = signed_in["IdToken"][:-8] + "AAAAAAAA"
    assert ask(node, "GET", f"{url}/me", Authorization=f"Bearer {tampered}").status == 401
