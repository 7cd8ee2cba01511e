"""APIs and websites on three nodes of one cloud: what is deployed, flushed or counted through one holds on all."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Iterator
from typing import Any

import pytest

from .cluster import Nodes, needs_servers, role, three_nodes
from .node import ACCOUNT, REGION, RUNTIME, Node, eventually
from .test_http_api import ask as ask_http
from .test_lambda import zipped
from .test_rest_api import MOCK, Rest, ask

pytestmark = [pytest.mark.e2e, pytest.mark.slow, needs_servers]
AUTHORIZER = """
import os
def handler(event, context):
    statement = {"Action": "execute-api:Invoke", "Effect": os.environ["EFFECT"], "Resource": "*"}
    document = {"Version": "2012-10-17", "Statement": [statement]}
    return {"principalId": "me", "policyDocument": document, "context": {"who": context.aws_request_id}}
"""


@pytest.fixture(scope="module")
def cloud(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Nodes]:
    with three_nodes(tmp_path_factory.mktemp("cloud")) as running:
        yield running


def get(node: Node, api: str, path: str, **headers: str) -> tuple[int, bytes]:
    """Status and body of an answer to a GET below a stage of an API."""
    status, _, body = ask(node, "GET", f"{node.url}/_aws/execute-api/{api}{path}", None, **headers)
    return status, body


def everywhere(cloud: Nodes, api: str, path: str, **headers: str) -> list[tuple[int, bytes]]:
    """The answers of all nodes."""
    return [get(node, api, path, **headers) for node in cloud.all]


@pytest.fixture(scope="module")
def authorizer(cloud: Nodes) -> str:
    """The ARN of a function that says what its environment says."""
    functions = cloud[0].client("lambda")
    arn: str = functions.create_function(
        FunctionName="guard", Runtime=RUNTIME, Handler="index.handler", Code={"ZipFile": zipped(index=AUTHORIZER)},
        Role=role(cloud, "guard", "lambda.amazonaws.com", "logs:*"), Environment={"Variables": {"EFFECT": "Allow"}},
    )["FunctionArn"]  # fmt: skip
    functions.get_waiter("function_active_v2").wait(FunctionName="guard")
    functions.add_permission(
        FunctionName="guard", StatementId="it", Action="lambda:InvokeFunction", Principal="apigateway.amazonaws.com"
    )
    return arn


def decide(cloud: Nodes, effect: str) -> None:
    """Have the authorizer say something else from now on."""
    functions = cloud[0].client("lambda")
    functions.update_function_configuration(FunctionName="guard", Environment={"Variables": {"EFFECT": effect}})
    functions.get_waiter("function_updated_v2").wait(FunctionName="guard")


def invocation(arn: str) -> str:
    return f"arn:aws:apigateway:{REGION}:lambda:path/2015-03-31/functions/{arn}/invocations"


def test_a_deployment_takes_effect_on_all_nodes_at_once(cloud: Nodes) -> None:
    rest = Rest(cloud[0], "books")
    rest.method("/n", "GET", MOCK, '{"n": 0, "v": "$stageVariables.v"}')
    rest.deploy()
    resource = rest._resources["/n"]
    for number in range(9):
        client = cloud.client("apigateway")
        template = {"application/json": f'{{"n": {number}, "v": "$stageVariables.v"}}'}
        client.put_integration_response(
            restApiId=rest.id, resourceId=resource, httpMethod="GET", statusCode="200", responseTemplates=template
        )
        before = everywhere(cloud, rest.id, "/dev/n")
        assert json.loads(before[0][1])["n"] == max(0, number - 1)
        cloud.client("apigateway").create_deployment(restApiId=rest.id, stageName="dev", variables={"v": str(number)})
        wanted = {"n": number, "v": str(number)}
        assert [json.loads(body) for _, body in everywhere(cloud, rest.id, "/dev/n")] == [wanted] * 3
    cloud[1].client("apigateway").delete_stage(restApiId=rest.id, stageName="dev")
    assert [status for status, _ in everywhere(cloud, rest.id, "/dev/n")] == [403] * 3


def test_access_logs_of_all_nodes_are_in_one_group(cloud: Nodes) -> None:
    logs = cloud[0].client("logs")
    logs.create_log_group(logGroupName="/access")
    trusted = role(cloud, "logging", "apigateway.amazonaws.com", "logs:*")
    change = [{"op": "replace", "path": "/cloudwatchRoleArn", "value": trusted}]
    cloud[1].client("apigateway").update_account(patchOperations=change)
    rest = Rest(cloud[1], "logged")
    rest.method("/n", "GET", MOCK, "{}")
    rest.deploy()
    destination = f"arn:aws:logs:{REGION}:{ACCOUNT}:log-group:/access"
    rest.change("dev", accessLogSettings__destinationArn=destination, accessLogSettings__format="$context.requestId")
    for _ in range(20):
        everywhere(cloud, rest.id, "/dev/n")

    def lines() -> list[dict[str, Any]]:
        found: list[dict[str, Any]] = cloud.client("logs").filter_log_events(logGroupName="/access")["events"]
        return found

    found = eventually(lambda: len(lines()) >= 60 and lines())
    assert len({line["message"] for line in found}) == len(found) == 60
    assert Counter(Counter(line["logStreamName"] for line in found).values()) == {20: 3}


def test_a_quota_holds_over_all_nodes(cloud: Nodes) -> None:
    rest = Rest(cloud[0], "metered")
    rest.method("/n", "GET", MOCK, "{}", apiKeyRequired=True)
    rest.deploy()
    client = cloud[1].client("apigateway")
    plan = client.create_usage_plan(
        name="few", apiStages=[{"apiId": rest.id, "stage": "dev"}], quota={"limit": 30, "period": "DAY"}
    )["id"]
    key = client.create_api_key(name="k", enabled=True)
    client.create_usage_plan_key(usagePlanId=plan, keyId=key["id"], keyType="API_KEY")
    answers = Counter(
        status for _ in range(20) for status, _ in everywhere(cloud, rest.id, "/dev/n", x_api_key=key["value"])
    )
    assert set(answers) == {200, 429}
    assert 30 <= answers[200] <= 33, "nodes may overrun a quota by what is served during a commit"
    client.update_usage(
        usagePlanId=plan, keyId=key["id"], patchOperations=[{"op": "replace", "path": "/remaining", "value": "9"}]
    )
    answers = Counter(
        status for _ in range(6) for status, _ in everywhere(cloud, rest.id, "/dev/n", x_api_key=key["value"])
    )
    assert 9 <= answers[200] <= 12
    client.update_api_key(apiKey=key["id"], patchOperations=[{"op": "replace", "path": "/enabled", "value": "false"}])
    assert {status for status, _ in everywhere(cloud, rest.id, "/dev/n", x_api_key=key["value"])} == {403}


def test_flushes_of_caches_reach_all_nodes(cloud: Nodes, authorizer: str) -> None:
    rest = Rest(cloud[0], "cached")
    guard = rest.client.create_authorizer(
        restApiId=rest.id, name="it", type="TOKEN", authorizerUri=invocation(authorizer),
        identitySource="method.request.header.Authorization", authorizerResultTtlInSeconds=300,
    )["id"]  # fmt: skip
    rest.method("/n", "GET", MOCK, '{"id": "$context.requestId"}')
    rest.method("/g", "GET", MOCK, "{}", authorizationType="CUSTOM", authorizerId=guard)
    rest.deploy()
    rest.change("dev", cacheClusterEnabled="true", cacheClusterSize="0.5")
    rest.change("dev", **{"~1n__GET__caching__enabled": "true", "~1n__GET__caching__ttlInSeconds": "300"})
    kept = everywhere(cloud, rest.id, "/dev/n")
    assert everywhere(cloud, rest.id, "/dev/n") == kept
    cloud[1].client("apigateway").flush_stage_cache(restApiId=rest.id, stageName="dev")
    fresh = everywhere(cloud, rest.id, "/dev/n")
    assert not set(fresh) & set(kept)
    assert everywhere(cloud, rest.id, "/dev/n") == fresh
    token = {"Authorization": "token"}
    assert [status for status, _ in everywhere(cloud, rest.id, "/dev/g", **token)] == [200] * 3
    decide(cloud, "Deny")
    assert [status for status, _ in everywhere(cloud, rest.id, "/dev/g", **token)] == [200] * 3
    cloud[2].client("apigateway").flush_stage_authorizers_cache(restApiId=rest.id, stageName="dev")
    assert [status for status, _ in everywhere(cloud, rest.id, "/dev/g", **token)] == [403] * 3
    decide(cloud, "Allow")


def test_routes_and_authorizers_of_http_apis_hold_on_all_nodes_at_once(cloud: Nodes, authorizer: str) -> None:
    v2 = cloud[0].client("apigatewayv2")
    api = v2.create_api(Name="web", ProtocolType="HTTP", Target=authorizer)["ApiId"]
    integration = v2.get_integrations(ApiId=api)["Items"][0]["IntegrationId"]
    guard = v2.create_authorizer(
        ApiId=api, Name="it", AuthorizerType="REQUEST", AuthorizerUri=invocation(authorizer),
        IdentitySource=["$request.header.Authorization"], AuthorizerPayloadFormatVersion="1.0",
        AuthorizerResultTtlInSeconds=300,
    )["AuthorizerId"]  # fmt: skip

    def statuses(path: str) -> list[int]:
        return [
            ask_http(node, "GET", f"{node.url}/_aws/execute-api/{api}{path}", None, Authorization="t").status
            for node in cloud.all
        ]

    (default,) = v2.get_routes(ApiId=api)["Items"]
    v2.create_route(ApiId=api, RouteKey="GET /plain", Target=f"integrations/{integration}")
    assert statuses("/r0") == [200] * 3
    v2.delete_route(ApiId=api, RouteId=default["RouteId"])
    for number in range(6):
        assert statuses(f"/r{number}") == [404] * 3
        route = cloud.client("apigatewayv2").create_route(
            ApiId=api, RouteKey=f"GET /r{number}", Target=f"integrations/{integration}", AuthorizationType="CUSTOM",
            AuthorizerId=guard,
        )  # fmt: skip
        assert route["RouteKey"] == f"GET /r{number}"
        assert statuses(f"/r{number}") == [200] * 3
    decide(cloud, "Deny")
    assert statuses("/r0") == [200] * 3
    cloud[1].client("apigatewayv2").reset_authorizers_cache(ApiId=api, StageName="$default")
    assert statuses("/r0") == [403] * 3
    decide(cloud, "Allow")


def test_a_website_is_served_by_all_nodes(cloud: Nodes) -> None:
    s3 = cloud[0].client("s3")
    s3.create_bucket(Bucket="site")
    s3.delete_public_access_block(Bucket="site")
    statement = {"Effect": "Allow", "Principal": "*", "Action": "s3:GetObject", "Resource": "arn:aws:s3:::site/*"}
    s3.put_bucket_policy(Bucket="site", Policy=json.dumps({"Version": "2012-10-17", "Statement": [statement]}))
    large = bytes(range(256)) * 1200
    for number, (key, body) in enumerate((("index.html", b"home"), ("404.html", b"lost"), ("large.bin", large))):
        cloud[number].client("s3").put_object(Bucket="site", Key=key, Body=body, ContentType="text/html")

    def all_of(path: str) -> list[tuple[int, bytes]]:
        answers = [ask(node, "GET", f"http://site.s3-website.localhost{path}") for node in cloud.all]
        return [(status, body) for status, _, body in answers]

    assert [status for status, _ in all_of("/")] == [404] * 3
    website = {"IndexDocument": {"Suffix": "index.html"}, "ErrorDocument": {"Key": "404.html"}}
    cloud[1].client("s3").put_bucket_website(Bucket="site", WebsiteConfiguration=website)
    assert all_of("/") == [(200, b"home")] * 3
    assert all_of("/large.bin") == [(200, large)] * 3
    assert all_of("/none") == [(403, b"lost")] * 3, "who may not list is not told that nothing is there"
    cloud[2].client("s3").put_object(Bucket="site", Key="index.html", Body=b"new home")
    assert all_of("/") == [(200, b"new home")] * 3
    cloud[0].client("s3").delete_bucket_website(Bucket="site")
    assert [status for status, _ in all_of("/")] == [404] * 3
