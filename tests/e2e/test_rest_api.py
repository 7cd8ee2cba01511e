"""REST APIs over the wire: made with boto3, called by any HTTP client."""

from __future__ import annotations

import http.client
import io
import json
import zipfile
from typing import Any
from urllib.parse import urlsplit

import pytest
from botocore.auth import SigV4Auth
from botocore.awsrequest import AWSRequest
from botocore.credentials import Credentials

from .node import ACCOUNT, REGION, RUNTIME, Node, eventually

pytestmark = pytest.mark.e2e

CODE = """
import json
def handler(event, context):
    return {"statusCode": 201, "headers": {"x-a": "1"}, "body": json.dumps(event)}
def authorize(event, context):
    if event["authorizationToken"] == "broken":
        raise Exception("Unauthorized")
    effect = "Allow" if event["authorizationToken"] == "good" else "Deny"
    statement = {"Action": "execute-api:Invoke", "Effect": effect, "Resource": event["methodArn"]}
    document = {"Version": "2012-10-17", "Statement": [statement]}
    return {"principalId": "me", "policyDocument": document, "context": {"name": "Alice"}}
"""
Answer = tuple[int, dict[str, str], bytes]


def ask(node: Node, method: str, url: str, body: bytes | None = None, **headers: str) -> Answer:
    """Status, headers (names in small letters) and body; host names below localhost need no resolution here."""
    to, where = urlsplit(node.url), urlsplit(url)
    connection = http.client.HTTPConnection(to.hostname or "", to.port, timeout=30)
    target = f"{where.path or '/'}?{where.query}" if where.query else where.path or "/"
    given = {"Host": where.netloc, **{name.replace("_", "-"): value for name, value in headers.items()}}
    try:
        connection.request(method, target, body, given)
        answer = connection.getresponse()
        return answer.status, {name.lower(): value for name, value in answer.getheaders()}, answer.read()
    finally:
        connection.close()


def role(node: Node, name: str, service: str, *actions: str) -> str:
    """A role that trusts a service and may do `actions`."""
    iam = node.client("iam")
    trust = {"Effect": "Allow", "Principal": {"Service": service}, "Action": "sts:AssumeRole"}
    arn: str = iam.create_role(
        RoleName=name, AssumeRolePolicyDocument=json.dumps({"Version": "2012-10-17", "Statement": [trust]})
    )["Role"]["Arn"]
    if actions:
        statement = {"Effect": "Allow", "Action": list(actions), "Resource": "*"}
        document = json.dumps({"Version": "2012-10-17", "Statement": [statement]})
        iam.put_role_policy(RoleName=name, PolicyName="it", PolicyDocument=document)
    return arn


def function(node: Node, name: str, handler: str) -> str:
    """The URI of a function that API Gateway may invoke."""
    functions = node.client("lambda")
    archive = io.BytesIO()
    with zipfile.ZipFile(archive, "w") as packed:
        packed.writestr("index.py", CODE)
    arn = functions.create_function(
        FunctionName=name,
        Runtime=RUNTIME,
        Role=role(node, f"{name}-role", "lambda.amazonaws.com"),
        Handler=f"index.{handler}",
        Code={"ZipFile": archive.getvalue()},
    )["FunctionArn"]
    functions.get_waiter("function_active_v2").wait(FunctionName=name)
    functions.add_permission(
        FunctionName=name, StatementId="api", Action="lambda:InvokeFunction", Principal="apigateway.amazonaws.com"
    )
    return f"arn:aws:apigateway:{REGION}:lambda:path/2015-03-31/functions/{arn}/invocations"


class Rest:
    """A REST API under construction."""

    def __init__(self, node: Node, name: str, **fields: Any) -> None:
        self.node = node
        self.client = node.client("apigateway")
        made = self.client.create_rest_api(name=name, **fields)
        self.id: str = made["id"]
        self._resources = {"": made["rootResourceId"]}

    def method(self, path: str, verb: str, integration: dict[str, Any], template: str = "", **fields: Any) -> None:
        """Add a method; all but proxies answer 200 by `template`."""
        parent, _, part = path.rpartition("/")
        if path not in self._resources:
            made = self.client.create_resource(restApiId=self.id, parentId=self._resources[parent], pathPart=part)
            self._resources[path] = made["id"]
        where = {"restApiId": self.id, "resourceId": self._resources[path], "httpMethod": verb}
        self.client.put_method(**where, **{"authorizationType": "NONE", **fields})
        self.client.put_integration(**where, **integration)
        if "PROXY" not in integration["type"]:
            self.client.put_method_response(**where, statusCode="200")
            templates = {"application/json": template}
            self.client.put_integration_response(**where, statusCode="200", responseTemplates=templates)

    def deploy(self, stage: str = "dev") -> str:
        """Deploy to a stage; its URL."""
        self.client.create_deployment(restApiId=self.id, stageName=stage)
        return f"http://{self.id}.execute-api.localhost:{urlsplit(self.node.url).port}/{stage}"

    def change(self, stage: str, **values: str) -> None:
        """Change a stage: values by path, with `__` for each slash."""
        patch = [
            {"op": "replace", "path": f"/{name.replace('__', '/').replace('EVERY', '*/*')}", "value": value}
            for name, value in values.items()
        ]
        self.client.update_stage(restApiId=self.id, stageName=stage, patchOperations=patch)


MOCK: dict[str, Any] = {"type": "MOCK", "requestTemplates": {"application/json": '{"statusCode": 200}'}}


def proxy(uri: str) -> dict[str, Any]:
    """A Lambda proxy integration."""
    return {"type": "AWS_PROXY", "integrationHttpMethod": "POST", "uri": uri}


def test_a_function_behind_a_proxy_and_a_mock(node: Node) -> None:
    rest = Rest(node, "books")
    rest.method("/{proxy+}", "ANY", proxy(function(node, "rest-echo", "handler")))
    rest.method("/mock", "GET", MOCK, '{"stage": "$context.stage"}')
    url = rest.deploy()
    status, headers, body = ask(node, "POST", f"{url}/a%20b?q=1&q=2", b"hello", Content_Type="text/plain")
    assert (status, headers["x-a"], headers["content-type"]) == (201, "1", "application/json")
    assert len(headers["x-amzn-requestid"]) == 36
    event = json.loads(body)
    assert (event["path"], event["pathParameters"], event["body"]) == ("/a%20b", {"proxy": "a%20b"}, "hello")
    assert event["multiValueQueryStringParameters"] == {"q": ["1", "2"]}
    assert event["requestContext"]["path"] == "/dev/a%20b"
    status, _, body = ask(node, "GET", f"{node.url}/_aws/execute-api/{rest.id}/dev/mock")
    assert (status, body) == (200, b'{"stage": "dev"}')
    status, headers, body = ask(node, "GET", url)
    assert (status, json.loads(body)) == (403, {"message": "Missing Authentication Token"})
    assert ask(node, "GET", url.replace("/dev", "/prod"))[2] == b'{"message":"Forbidden"}'
    rest.method("/late", "GET", MOCK, "{}")
    assert json.loads(ask(node, "GET", f"{url}/late")[2])["resource"] == "/{proxy+}", "not deployed yet"
    rest.deploy()
    assert ask(node, "GET", f"{url}/late")[2] == b"{}"


def test_signatures_and_authorizers(node: Node) -> None:
    rest = Rest(node, "guarded")
    uri = function(node, "rest-guarded", "handler")
    authorizer = rest.client.create_authorizer(
        restApiId=rest.id,
        name="it",
        type="TOKEN",
        authorizerUri=function(node, "rest-authorizer", "authorize"),
        identitySource="method.request.header.Authorization",
    )["id"]
    rest.method("/signed", "GET", proxy(uri), authorizationType="AWS_IAM")
    rest.method("/custom", "GET", proxy(uri), authorizationType="CUSTOM", authorizerId=authorizer)
    url = rest.deploy()
    assert ask(node, "GET", f"{url}/signed")[0] == 403
    request = AWSRequest("GET", f"{url}/signed", headers={"Host": urlsplit(url).netloc})
    SigV4Auth(Credentials("test", "test"), "execute-api", REGION).add_auth(request)
    signed = {name: value for name, value in request.headers.items() if name.lower() != "host"}
    status, _, body = ask(node, "GET", f"{url}/signed", None, **signed)
    assert (status, json.loads(body)["requestContext"]["identity"]["accountId"]) == (201, ACCOUNT)
    told = {token: ask(node, "GET", f"{url}/custom", Authorization=token) for token in ("good", "bad", "broken")}
    assert {token: answer[0] for token, answer in told.items()} == {"good": 201, "bad": 403, "broken": 401}
    assert json.loads(told["good"][2])["requestContext"]["authorizer"]["name"] == "Alice"
    assert json.loads(told["bad"][2])["Message"].startswith("User is not authorized to access this resource")


def test_keys_plans_throttles_and_logs(node: Node) -> None:
    rest = Rest(node, "metered")
    rest.method("/key", "GET", MOCK, '{"key": "$context.identity.apiKeyId"}', apiKeyRequired=True)
    rest.method("/slow", "GET", MOCK, "{}")
    url = rest.deploy()
    client = rest.client
    key = client.create_api_key(name="it", enabled=True)
    stages = [{"apiId": rest.id, "stage": "dev"}]
    plan = client.create_usage_plan(name="it", apiStages=stages, quota={"limit": 3, "period": "DAY"})["id"]
    client.create_usage_plan_key(usagePlanId=plan, keyId=key["id"], keyType="API_KEY")
    answers = [ask(node, "GET", f"{url}/key", x_api_key=key["value"]) for _ in range(4)]
    assert [status for status, _, _ in answers] == [200, 200, 200, 429]
    assert json.loads(answers[0][2]) == {"key": key["id"]}
    assert json.loads(answers[3][2]) == {"message": "Limit Exceeded"}
    assert ask(node, "GET", f"{url}/key")[2] == b'{"message":"Forbidden"}'

    logs = node.client("logs")
    logs.create_log_group(logGroupName="rest-access")
    writer = role(node, "rest-logs", "apigateway.amazonaws.com", "logs:*")
    change = {"op": "replace", "path": "/cloudwatchRoleArn", "value": writer}
    client.update_account(patchOperations=[change])
    rest.change(
        "dev",
        **{
            "accessLogSettings__destinationArn": f"arn:aws:logs:{REGION}:{ACCOUNT}:log-group:rest-access",
            "accessLogSettings__format": "$context.requestId $context.status $context.resourcePath",
            "EVERY__logging__loglevel": "INFO",
            "~1slow__GET__throttling__rateLimit": "0.001",
            "~1slow__GET__throttling__burstLimit": "2",
        },
    )
    statuses = [ask(node, "GET", f"{url}/slow")[0] for _ in range(3)]
    assert statuses == [200, 200, 429]

    def lines(group: str) -> list[str]:
        found = logs.filter_log_events(logGroupName=group)["events"]
        return [event["message"] for event in found]

    eventually(
        lambda: [line.split(" ", 1)[1] for line in lines("rest-access")] == ["200 /slow", "200 /slow", "429 /slow"]
    )
    status, headers, _ = ask(node, "GET", f"{url}/key", x_api_key="wrong")
    assert status == 403
    group = f"API-Gateway-Execution-Logs_{rest.id}/dev"
    line = f"({headers['x-amzn-requestid']}) Method completed with status: 403"
    eventually(lambda: any(one["logGroupName"] == group for one in logs.describe_log_groups()["logGroups"]))
    eventually(lambda: line in lines(group))


def test_a_backend_over_http_and_a_custom_domain(node: Node) -> None:
    backend = Rest(node, "backend")
    backend.method("/{proxy+}", "ANY", proxy(function(node, "rest-backend", "handler")))
    backend.deploy("v1")
    front = Rest(node, "front")
    front.method(
        "/{proxy+}",
        "ANY",
        {
            "type": "HTTP_PROXY",
            "integrationHttpMethod": "ANY",
            "uri": f"{node.url}/_aws/execute-api/{backend.id}/v1/{{proxy}}",
            "requestParameters": {"integration.request.path.proxy": "method.request.path.proxy"},
        },
        requestParameters={"method.request.path.proxy": True},
    )
    front.deploy("dev")
    client = front.client
    certificate = f"arn:aws:acm:{REGION}:{ACCOUNT}:certificate/00000000-0000-0000-0000-000000000000"
    client.create_domain_name(
        domainName="rest.example.com",
        regionalCertificateArn=certificate,
        endpointConfiguration={"types": ["REGIONAL"]},
    )
    client.create_base_path_mapping(domainName="rest.example.com", basePath="shop", restApiId=front.id, stage="dev")
    status, headers, body = ask(node, "PUT", "http://rest.example.com/shop/books/1?q=1", b"body")
    assert (status, headers["x-a"]) == (201, "1")
    event = json.loads(body)
    assert (event["path"], event["httpMethod"], event["body"]) == ("/books/1", "PUT", "body")
    assert event["queryStringParameters"] == {"q": "1"}
    assert "x-amzn-remapped-x-amzn-requestid" in headers
    for path in ("/shop/../secret", "/shop/%2e%2e/secret", "/shop/..%2fsecret"):
        assert ask(node, "GET", f"http://rest.example.com{path}")[0] in (403, 500)


def test_a_tested_method_and_a_token_of_a_pool(node: Node) -> None:
    rest = Rest(node, "pooled")
    pools = node.client("cognito-idp")
    pool = pools.create_user_pool(PoolName="rest")["UserPool"]
    app = pools.create_user_pool_client(
        UserPoolId=pool["Id"],
        ClientName="it",
        ExplicitAuthFlows=["ALLOW_ADMIN_USER_PASSWORD_AUTH", "ALLOW_REFRESH_TOKEN_AUTH"],
    )["UserPoolClient"]["ClientId"]
    pools.admin_create_user(UserPoolId=pool["Id"], Username="alice", MessageAction="SUPPRESS")
    pools.admin_set_user_password(UserPoolId=pool["Id"], Username="alice", Password="Secret-1234", Permanent=True)
    tokens = pools.admin_initiate_auth(
        UserPoolId=pool["Id"],
        ClientId=app,
        AuthFlow="ADMIN_USER_PASSWORD_AUTH",
        AuthParameters={"USERNAME": "alice", "PASSWORD": "Secret-1234"},
    )["AuthenticationResult"]
    authorizer = rest.client.create_authorizer(
        restApiId=rest.id,
        name="pool",
        type="COGNITO_USER_POOLS",
        providerARNs=[pool["Arn"]],
        identitySource="method.request.header.Authorization",
    )["id"]
    rest.method(
        "/me", "GET", MOCK, "$context.authorizer.claims['cognito:username']",
        authorizationType="COGNITO_USER_POOLS", authorizerId=authorizer,
    )  # fmt: skip
    url = rest.deploy()
    assert ask(node, "GET", f"{url}/me")[0] == 401
    assert ask(node, "GET", f"{url}/me", Authorization=tokens["AccessToken"])[0] == 401
    status, _, body = ask(node, "GET", f"{url}/me", Authorization=f"Bearer {tokens['IdToken']}")
    assert (status, body) == (200, b"alice")
    resource = next(one for one in rest.client.get_resources(restApiId=rest.id)["items"] if one["path"] == "/me")
    tested = rest.client.test_invoke_method(restApiId=rest.id, resourceId=resource["id"], httpMethod="GET")
    assert tested["status"] == 200
    assert "Successfully completed execution" in tested["log"]
