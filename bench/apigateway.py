"""APIs of API Gateway: REST APIs by who is let in (anybody, a signature, an API key, an authorizer's kept answer) and
by what answers (a warm function, a mock, the cache); HTTP APIs without and with a token. WebSocket APIs: websockets.py.

`python -m bench.apigateway [--seconds S] [--only TEXT]`, or `python -m bench --only API`.
"""

from __future__ import annotations

import argparse
import io
import json
import sys
import tempfile
import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from .cases import Case, client
from .server import lambent
from .signed import REGION, sign

NAME = "bench-api"
CODE = """
ALLOW = [{'Effect': 'Allow', 'Action': 'execute-api:Invoke', 'Resource': '*'}]
def handler(event, context):
    if event.get('type') == 'TOKEN':
        return {'principalId': 'me', 'policyDocument': {'Version': '2012-10-17', 'Statement': ALLOW}}
    return {'statusCode': 200, 'body': '{"hello": "world"}'}
"""
USER = "me@example.com"
PASSWORD = "Bench-1234"
_TRUST = {"Effect": "Allow", "Principal": {"Service": "lambda.amazonaws.com"}, "Action": "sts:AssumeRole"}


def prepare(url: str, runtime: str = f"python{sys.version_info[0]}.{sys.version_info[1]}") -> None:
    """A function, a REST API (`/proxy`, `/signed`, `/keyed`, `/token`, `/mock`, `/cached`) and two HTTP APIs."""
    function = make_function(url, NAME, runtime)
    api = _rest(url, function)
    client("apigatewayv2", url).create_api(Name=NAME, ProtocolType="HTTP", Target=function)
    _with_tokens(url, function)
    for path in ("proxy", "mock", "cached"):
        _warm(f"{url}/_aws/execute-api/{api}/prod/{path}")


def make_function(url: str, name: str, runtime: str) -> str:
    """A function that answers APIs, and lets API Gateway in; its ARN."""
    functions = client("lambda", url)
    document = json.dumps({"Version": "2012-10-17", "Statement": [_TRUST]})
    role = client("iam", url).create_role(RoleName=name, AssumeRolePolicyDocument=document)["Role"]["Arn"]
    archive = io.BytesIO()
    with zipfile.ZipFile(archive, "w") as out:
        out.writestr("app.py", CODE)
    arn: str = functions.create_function(
        FunctionName=name,
        Runtime=runtime,
        Handler="app.handler",
        Role=role,
        Code={"ZipFile": archive.getvalue()},
        MemorySize=512,
    )["FunctionArn"]
    functions.get_waiter("function_active_v2").wait(FunctionName=name)
    functions.add_permission(
        FunctionName=name, StatementId="api", Action="lambda:InvokeFunction", Principal="apigateway.amazonaws.com"
    )
    return arn


def _rest(url: str, function: str) -> str:
    apis = client("apigateway", url)
    made = apis.create_rest_api(name=NAME)
    api: str = made["id"]
    uri = f"arn:aws:apigateway:{REGION}:lambda:path/2015-03-31/functions/{function}/invocations"
    proxy = {"type": "AWS_PROXY", "integrationHttpMethod": "POST", "uri": uri}
    mock = {"type": "MOCK", "requestTemplates": {"application/json": '{"statusCode": 200}'}}
    authorizer = apis.create_authorizer(
        restApiId=api,
        name="tokens",
        type="TOKEN",
        authorizerUri=uri,
        identitySource="method.request.header.Authorization",
    )["id"]
    for path, method, integration in (
        ("proxy", {"authorizationType": "NONE"}, proxy),
        ("signed", {"authorizationType": "AWS_IAM"}, proxy),
        ("keyed", {"authorizationType": "NONE", "apiKeyRequired": True}, proxy),
        ("token", {"authorizationType": "CUSTOM", "authorizerId": authorizer}, proxy),
        ("cached", {"authorizationType": "NONE"}, proxy),
        ("mock", {"authorizationType": "NONE"}, mock),
    ):
        resource = apis.create_resource(restApiId=api, parentId=made["rootResourceId"], pathPart=path)["id"]
        where: dict[str, Any] = {"restApiId": api, "resourceId": resource, "httpMethod": "GET"}
        apis.put_method(**where, **method)
        apis.put_integration(**where, **integration)
        if integration is mock:
            apis.put_method_response(**where, statusCode="200")
            template = '{"hello": "$context.requestId"}'
            apis.put_integration_response(**where, statusCode="200", responseTemplates={"application/json": template})
    deployment = apis.create_deployment(restApiId=api)["id"]
    apis.create_stage(
        restApiId=api, stageName="prod", deploymentId=deployment, cacheClusterEnabled=True, cacheClusterSize="0.5"
    )
    change = {"op": "replace", "path": "/~1cached/GET/caching/enabled", "value": "true"}
    apis.update_stage(restApiId=api, stageName="prod", patchOperations=[change])
    plan = apis.create_usage_plan(
        name=NAME,
        apiStages=[{"apiId": api, "stage": "prod"}],
        throttle={"rateLimit": 1e5, "burstLimit": 100_000},
        quota={"limit": 1_000_000_000, "period": "MONTH"},
    )["id"]
    key = apis.create_api_key(name=NAME, enabled=True)["id"]
    apis.create_usage_plan_key(usagePlanId=plan, keyId=key, keyType="API_KEY")
    return api


def _with_tokens(url: str, function: str) -> None:
    """An HTTP API whose callers are users of a pool."""
    pools, apis = client("cognito-idp", url), client("apigatewayv2", url)
    pool = pools.create_user_pool(PoolName=NAME)["UserPool"]["Id"]
    flows = ["ALLOW_USER_PASSWORD_AUTH", "ALLOW_REFRESH_TOKEN_AUTH"]
    app = pools.create_user_pool_client(UserPoolId=pool, ClientName=NAME, ExplicitAuthFlows=flows)
    audience = app["UserPoolClient"]["ClientId"]
    pools.admin_create_user(UserPoolId=pool, Username=USER, MessageAction="SUPPRESS")
    pools.admin_set_user_password(UserPoolId=pool, Username=USER, Password=PASSWORD, Permanent=True)
    made = apis.create_api(Name=f"{NAME}-jwt", ProtocolType="HTTP", Target=function)["ApiId"]
    authorizer = apis.create_authorizer(
        ApiId=made,
        Name="users",
        AuthorizerType="JWT",
        IdentitySource=["$request.header.Authorization"],
        JwtConfiguration={
            "Audience": [audience],
            "Issuer": f"https://cognito-idp.{REGION}.amazonaws.com/{pool}",
        },
    )["AuthorizerId"]
    route = apis.get_routes(ApiId=made)["Items"][0]["RouteId"]
    apis.update_route(ApiId=made, RouteId=route, AuthorizationType="JWT", AuthorizerId=authorizer)


def _warm(url: str) -> None:
    # Deferred: only what prepares needs it.
    from urllib.request import urlopen

    with urlopen(url) as answer:
        answer.read()


def _plain(url: str, **headers: str) -> bytes:
    parts = urlsplit(url)
    more = "".join(f"{name.replace('_', '-')}: {value}\r\n" for name, value in headers.items())
    return f"GET {parts.path} HTTP/1.1\r\nHost: {parts.netloc}\r\nAccept: */*\r\n{more}\r\n".encode()


def _of_rest(path: str, make: Callable[[str, str], bytes]) -> Callable[[str], list[bytes]]:
    """The request for a path of the REST API, which `make` makes of the server's URL and the path's."""

    def requests(url: str) -> list[bytes]:
        found = client("apigateway", url).get_rest_apis(limit=500)["items"]
        api = next(one["id"] for one in found if one["name"] == NAME)
        return [make(url, f"{url}/_aws/execute-api/{api}/prod/{path}")]

    return requests


def _unsigned(url: str, address: str) -> bytes:
    return _plain(address)


def _signed(url: str, address: str) -> bytes:
    return sign("execute-api", "GET", address)


def _with_key(url: str, address: str) -> bytes:
    found = client("apigateway", url).get_api_keys(includeValues=True)["items"]
    return _plain(address, X_Api_Key=next(one["value"] for one in found if one["name"] == NAME))


def _with_token(url: str, address: str) -> bytes:
    return _plain(address, Authorization="allow-me")


def _of_http(name: str) -> Callable[[str], list[bytes]]:
    """The request for the HTTP API of a name; signed in where it is the one for users."""

    def requests(url: str) -> list[bytes]:
        found = client("apigatewayv2", url).get_apis(MaxResults="500")["Items"]
        api = next(one["ApiId"] for one in found if one["Name"] == name)
        headers = {"Authorization": f"Bearer {_id_token(url)}"} if name != NAME else {}
        return [_plain(f"{url}/_aws/execute-api/{api}/hello", **headers)]

    return requests


def _id_token(url: str) -> str:
    pools = client("cognito-idp", url)
    listed = pools.list_user_pools(MaxResults=60)["UserPools"]
    pool = next(one["Id"] for one in listed if one["Name"] == NAME)
    app = pools.list_user_pool_clients(UserPoolId=pool)["UserPoolClients"][0]["ClientId"]
    given = {"USERNAME": USER, "PASSWORD": PASSWORD}
    answer = pools.initiate_auth(ClientId=app, AuthFlow="USER_PASSWORD_AUTH", AuthParameters=given)
    token: str = answer["AuthenticationResult"]["IdToken"]
    return token


CASES = (
    Case("REST API, proxy to a warm function, one at a time", _of_rest("proxy", _unsigned), connections=1),
    Case("REST API, proxy to warm functions", _of_rest("proxy", _unsigned), connections=4),
    Case("REST API, proxy to warm functions, 16 at a time", _of_rest("proxy", _unsigned)),
    Case("REST API, proxy, signed", _of_rest("signed", _signed), connections=4),
    Case("REST API, proxy, an API key of a usage plan", _of_rest("keyed", _with_key), connections=4),
    Case("REST API, proxy, an authorizer's kept policy", _of_rest("token", _with_token), connections=4),
    Case("REST API, mock", _of_rest("mock", _unsigned)),
    # One at a time: more would pass the account's 10,000 requests a second, and refusals are no measurement.
    Case("REST API, cached", _of_rest("cached", _unsigned), connections=1),
    Case("HTTP API, proxy to a warm function, one at a time", _of_http(NAME), connections=1),
    Case("HTTP API, proxy to warm functions", _of_http(NAME), connections=4),
    Case("HTTP API, proxy to warm functions, 16 at a time", _of_http(NAME)),
    Case("HTTP API, proxy, a user's token", _of_http(f"{NAME}-jwt"), connections=4),
)


def main() -> None:
    """Measure a Lambent of its own, and print."""
    # Deferred: __main__ knows this module.
    from .__main__ import measure, table, unfit

    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seconds", type=int, default=5)
    parser.add_argument("--only", default="")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder, lambent(Path(folder)) as server:
        prepare(server.url)
        wanted = [case for case in CASES if options.only in case.name]
        rows = [measure(server, case, options.seconds, Path(folder)) for case in wanted]
    print(table(rows))
    sys.exit(unfit(rows) or 0)


if __name__ == "__main__":
    main()
