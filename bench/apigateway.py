"""APIs of API Gateway: a REST API's proxy to a warm function, the same signed, a mock, a cached answer; an HTTP API.

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

ROWS = "API"
NAME = "bench-api"
CODE = "def handler(event, context):\n    return {'statusCode': 200, 'body': '{\"hello\": \"world\"}'}\n"
_TRUST = {"Effect": "Allow", "Principal": {"Service": "lambda.amazonaws.com"}, "Action": "sts:AssumeRole"}


def prepare(url: str, runtime: str = f"python{sys.version_info[0]}.{sys.version_info[1]}") -> None:
    """A function, a REST API (`/proxy`, `/signed`, `/mock`, `/cached`) and an HTTP API, each asked once."""
    function = _function(url, runtime)
    api = _rest(url, function)
    _http(url, function)
    for path in ("proxy", "mock", "cached"):
        _warm(f"{url}/_aws/execute-api/{api}/prod/{path}")


def _function(url: str, runtime: str) -> str:
    functions = client("lambda", url)
    document = json.dumps({"Version": "2012-10-17", "Statement": [_TRUST]})
    role = client("iam", url).create_role(RoleName=NAME, AssumeRolePolicyDocument=document)["Role"]["Arn"]
    archive = io.BytesIO()
    with zipfile.ZipFile(archive, "w") as out:
        out.writestr("app.py", CODE)
    arn: str = functions.create_function(
        FunctionName=NAME,
        Runtime=runtime,
        Handler="app.handler",
        Role=role,
        Code={"ZipFile": archive.getvalue()},
        MemorySize=512,
    )["FunctionArn"]
    functions.get_waiter("function_active_v2").wait(FunctionName=NAME)
    functions.add_permission(
        FunctionName=NAME, StatementId="api", Action="lambda:InvokeFunction", Principal="apigateway.amazonaws.com"
    )
    return arn


def _rest(url: str, function: str) -> str:
    apis = client("apigateway", url)
    made = apis.create_rest_api(name=NAME)
    api: str = made["id"]
    uri = f"arn:aws:apigateway:{REGION}:lambda:path/2015-03-31/functions/{function}/invocations"
    proxy = {"type": "AWS_PROXY", "integrationHttpMethod": "POST", "uri": uri}
    mock = {"type": "MOCK", "requestTemplates": {"application/json": '{"statusCode": 200}'}}
    for path, authorization, integration in (
        ("proxy", "NONE", proxy),
        ("signed", "AWS_IAM", proxy),
        ("cached", "NONE", proxy),
        ("mock", "NONE", mock),
    ):
        resource = apis.create_resource(restApiId=api, parentId=made["rootResourceId"], pathPart=path)["id"]
        where: dict[str, Any] = {"restApiId": api, "resourceId": resource, "httpMethod": "GET"}
        apis.put_method(**where, authorizationType=authorization)
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
    return api


def _http(url: str, function: str) -> None:
    client("apigatewayv2", url).create_api(Name=NAME, ProtocolType="HTTP", Target=function)


def _warm(url: str) -> None:
    # Deferred: only what prepares needs it.
    from urllib.request import urlopen

    with urlopen(url) as answer:
        answer.read()


def _plain(url: str) -> bytes:
    parts = urlsplit(url)
    return f"GET {parts.path} HTTP/1.1\r\nHost: {parts.netloc}\r\nAccept: */*\r\n\r\n".encode()


def _of_rest(path: str, *, signed: bool = False) -> Callable[[str], list[bytes]]:
    def requests(url: str) -> list[bytes]:
        found = client("apigateway", url).get_rest_apis(limit=500)["items"]
        api = next(one["id"] for one in found if one["name"] == NAME)
        address = f"{url}/_aws/execute-api/{api}/prod/{path}"
        return [sign("execute-api", "GET", address) if signed else _plain(address)]

    return requests


def _of_http(url: str) -> list[bytes]:
    found = client("apigatewayv2", url).get_apis(MaxResults="500")["Items"]
    api = next(one["ApiId"] for one in found if one["Name"] == NAME)
    return [_plain(f"{url}/_aws/execute-api/{api}/hello")]


CASES = (
    Case("REST API, proxy to a warm function, one at a time", _of_rest("proxy"), connections=1),
    Case("REST API, proxy to warm functions", _of_rest("proxy"), connections=4),
    Case("REST API, proxy, signed", _of_rest("signed", signed=True), connections=4),
    Case("REST API, mock", _of_rest("mock")),
    Case("REST API, cached", _of_rest("cached")),
    Case("HTTP API, proxy to a warm function, one at a time", _of_http, connections=1),
    Case("HTTP API, proxy to warm functions", _of_http, connections=4),
)


def main() -> None:
    """Measure a Lambent of its own, and print."""
    # Deferred: __main__ knows this module.
    from .__main__ import measure, table

    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seconds", type=int, default=5)
    parser.add_argument("--only", default="")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder, lambent(Path(folder)) as server:
        prepare(server.url)
        wanted = [case for case in CASES if options.only in case.name]
        print(table([measure(server, case, options.seconds, Path(folder)) for case in wanted]))


if __name__ == "__main__":
    main()
