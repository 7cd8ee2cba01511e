"""Pipes to API destinations and to methods of APIs, as targets and as enrichments."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

from tests.bus.polling import SECOND_NS
from tests.events.test_api_destinations import BASIC, Server
from tests.support import ACCOUNT, REGION

from .support import ROLE, WORKER, PipeCloud, run, turns

HTTP: dict[str, Any] = {
    "PathParameterValues": ["$.body.kind"],
    "QueryStringParameters": {"n": "$.body.n"},
    "HeaderParameters": {"x-from": "pipe"},
}


async def until(true: Callable[[], bool]) -> None:
    """Let time pass on sockets until something is so."""
    for _ in range(5000):
        if true():
            await turns(200)
            return
        await turns()
    raise AssertionError("it never came to pass")


async def destination(cloud: PipeCloud, url: str) -> str:
    """The ARN of an API destination."""
    params = {"AuthorizationType": "BASIC", "AuthParameters": BASIC}
    made = await cloud.call("events", "CreateConnection", Name="c", **params)
    params = {"ConnectionArn": made["ConnectionArn"], "InvocationEndpoint": f"{url}/*", "HttpMethod": "POST"}
    return str((await cloud.call("events", "CreateApiDestination", Name="d", **params))["ApiDestinationArn"])


async def method(cloud: PipeCloud) -> str:
    """The ARN of a method of an API, which asks who calls and hands its request on to the function `worker`."""
    api = (await cloud.call("apigateway", "CreateRestApi", name="a"))["id"]
    (top,) = (await cloud.call("apigateway", "GetResources", restApiId=api))["items"]
    made = await cloud.call("apigateway", "CreateResource", restApiId=api, parentId=top["id"], pathPart="{kind}")
    place = {"restApiId": api, "resourceId": made["id"], "httpMethod": "POST"}
    await cloud.call("apigateway", "PutMethod", **place, authorizationType="AWS_IAM")
    uri = f"arn:aws:apigateway:{REGION}:lambda:path/2015-03-31/functions/{WORKER}/invocations"
    await cloud.call("apigateway", "PutIntegration", **place, type="AWS_PROXY", integrationHttpMethod="POST", uri=uri)
    await cloud.call("apigateway", "CreateDeployment", restApiId=api, stageName="dev")
    permission = {"Action": "lambda:InvokeFunction", "Principal": "apigateway.amazonaws.com"}
    await cloud.call("lambda", "AddPermission", FunctionName="worker", StatementId="api", **permission)
    return f"arn:aws:execute-api:{REGION}:{ACCOUNT}:{api}/dev/POST/*"


def test_an_api_destination_is_called_once_for_each_event() -> None:
    async def body(cloud: PipeCloud) -> None:
        async with Server() as server:
            server.answers = [(200, {}), (500, {})]
            await cloud.send({"kind": "a b", "n": 1}, {"kind": "c", "n": 2})
            target = await destination(cloud, server.url)
            parameters = {"HttpParameters": HTTP, "InputTemplate": '{"seen": <$.body.n>}'}
            await cloud.pipe(Target=target, TargetParameters=parameters)
            await until(lambda: len(server.asked) == 1)
            cloud.clock.advance(SECOND_NS)  # an API destination takes 300 a second unless it says otherwise
            await until(lambda: len(server.asked) == 2)
            assert [(line, json.loads(text)) for line, _, text in server.asked] == [
                ("POST /a%20b?n=1 HTTP/1.1", {"seen": 1}),
                ("POST /c?n=2 HTTP/1.1", {"seen": 2}),
            ]
            assert server.asked[0][1]["x-from"] == "pipe"
            assert server.asked[0][1]["authorization"].startswith("Basic ")
            assert await cloud.depth() == (0, 1)

    run(body)


def test_the_pipes_role_must_be_allowed_to_call_an_api_destination() -> None:
    async def body(cloud: PipeCloud) -> None:
        async with Server() as server:
            target = await destination(cloud, server.url)
            await cloud.permit("sqs:*")
            await cloud.pipe(Target=target, TargetParameters={"HttpParameters": HTTP})
            await cloud.send({"kind": "a", "n": 1})
            await turns(200)
            assert server.asked == []
            assert await cloud.depth() == (0, 1)

    run(body)


def test_a_method_of_an_api_enriches() -> None:
    async def body(cloud: PipeCloud) -> None:
        def behave(event: Any) -> Any:
            rows = [{"double": row["n"] * 2} for row in json.loads(event["body"])]
            return {"statusCode": 200, "body": json.dumps(rows)}

        cloud.compute.behave = behave
        parameters = {"InputTemplate": '{"n": <$.body.n>}', "HttpParameters": HTTP}
        await cloud.send({"kind": "orders", "n": 4}, {"kind": "orders", "n": 5})
        await cloud.pipe(Enrichment=await method(cloud), EnrichmentParameters=parameters)
        await turns(200)
        assert [json.loads(text) for text in await cloud.out()] == [{"double": 8}, {"double": 10}]
        (event,) = cloud.given
        assert event["pathParameters"] == {"kind": "orders"}
        sent = {name.lower(): value for name, value in event["headers"].items()}
        assert sent["x-amz-source-arn"] == f"arn:aws:pipes:{REGION}:{ACCOUNT}:pipe/p"
        assert (sent["x-amz-source-account"], sent["content-type"]) == (ACCOUNT, "application/json")
        assert event["requestContext"]["identity"]["userArn"].startswith(f"arn:aws:sts::{ACCOUNT}:assumed-role/piper/")
        assert await cloud.depth() == (0, 0)

    run(body)


def test_a_method_of_an_api_is_a_target_and_what_it_refuses_comes_again() -> None:
    async def body(cloud: PipeCloud) -> None:
        cloud.compute.behave = lambda event: {"statusCode": 503 if event["body"] == "2" else 201}
        await cloud.send({"kind": "x", "n": 1}, {"kind": "y", "n": 2})
        await cloud.pipe(
            Target=await method(cloud), TargetParameters={"HttpParameters": HTTP, "InputTemplate": "<$.body.n>"}
        )
        await turns(200)
        assert [event["path"] for event in cloud.given] == ["/x", "/y"]
        assert await cloud.depth() == (0, 1)

    run(body)


def test_what_answers_without_json_enriches_nothing() -> None:
    async def body(cloud: PipeCloud) -> None:
        cloud.compute.behave = lambda event: {"statusCode": 200, "body": "no json"}
        await cloud.send({"kind": "x", "n": 1})
        await cloud.pipe(Enrichment=await method(cloud), EnrichmentParameters={"HttpParameters": HTTP})
        await turns(200)
        assert await cloud.out() == []
        assert await cloud.depth() == (0, 1)

    run(body)


def test_other_enrichments_are_refused_by_name() -> None:
    async def body(cloud: PipeCloud) -> None:
        machine = f"arn:aws:states:{REGION}:{ACCOUNT}:stateMachine:m"
        whole = {"Name": "x", "Source": f"arn:aws:sqs:{REGION}:{ACCOUNT}:q", "RoleArn": ROLE, "Target": WORKER}
        code, message = await cloud.refused("CreatePipe", **{**whole, "Enrichment": machine})
        assert (code, "Step Functions" in message) == ("NotImplemented", True)
        stream = f"arn:aws:kinesis:{REGION}:{ACCOUNT}:stream/s"
        code, message = await cloud.refused("CreatePipe", **{**whole, "Target": stream})
        assert (code, "Kinesis" in message) == ("NotImplemented", True)

    run(body)
