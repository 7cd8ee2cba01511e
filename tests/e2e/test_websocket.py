"""A chat room: clients over WebSocket, a function that keeps who is there, messages through the management API."""

from __future__ import annotations

import json
import socket
import ssl
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import boto3
import pytest
from botocore.auth import SigV4QueryAuth
from botocore.awsrequest import AWSRequest
from botocore.config import Config
from botocore.credentials import Credentials
from websockets import Subprotocol
from websockets.exceptions import ConnectionClosed, InvalidStatus
from websockets.sync.client import ClientConnection, connect

from .node import ACCOUNT, REGION, Node, eventually
from .test_lambda import create, role

pytestmark = pytest.mark.e2e
ROOM = """
import json, os
import boto3
table = boto3.resource("dynamodb").Table("people")

def handler(event, context):
    here = event["requestContext"]
    me, kind = here["connectionId"], here["eventType"]
    if kind == "CONNECT":
        if "bad" in (event.get("queryStringParameters") or {}):
            return {"statusCode": 401}
        table.put_item(Item={"id": me})
        return {"statusCode": 200, "headers": {"Sec-WebSocket-Protocol": "chat"}}
    if kind == "DISCONNECT":
        table.delete_item(Key={"id": me})
        return {"statusCode": 200}
    if here["routeKey"] == "who":
        return {"statusCode": 200, "body": me}
    api = boto3.client("apigatewaymanagementapi", endpoint_url=f"https://{here['domainName']}/{here['stage']}")
    text = json.dumps({"from": me, "text": json.loads(event["body"])["text"]})
    gone = 0
    for item in table.scan(ConsistentRead=True)["Items"]:
        try:
            api.post_to_connection(ConnectionId=item["id"], Data=text.encode())
        except api.exceptions.GoneException:
            gone += 1
    return {"statusCode": 200, "body": str(gone)}
"""


def _invocable(node: Node, api: str, function: str) -> str:
    """A function that the API may call, as integrations name it."""
    source = f"arn:aws:execute-api:{REGION}:{ACCOUNT}:{api}/*/*"
    node.client("lambda").add_permission(
        FunctionName=function,
        StatementId=f"api-{api}",
        Action="lambda:InvokeFunction",
        Principal="apigateway.amazonaws.com",
        SourceArn=source,
    )
    arn = f"arn:aws:lambda:{REGION}:{ACCOUNT}:function:{function}"
    return f"arn:aws:apigateway:{REGION}:lambda:path/2015-03-31/functions/{arn}/invocations"


def chat_room(node: Node, name: str) -> str:
    """The API's id, deployed on the stage `prod`."""
    node.client("dynamodb").create_table(
        TableName="people",
        AttributeDefinitions=[{"AttributeName": "id", "AttributeType": "S"}],
        KeySchema=[{"AttributeName": "id", "KeyType": "HASH"}],
        BillingMode="PAY_PER_REQUEST",
    )
    execution = role(node, name, "logs:*", "dynamodb:*", "execute-api:ManageConnections")
    create(node, name, ROOM, Role=execution, Timeout=20)
    apis = node.client("apigatewayv2")
    api: str = apis.create_api(Name=name, ProtocolType="WEBSOCKET", RouteSelectionExpression="$request.body.action")[
        "ApiId"
    ]
    integration = apis.create_integration(
        ApiId=api, IntegrationType="AWS_PROXY", IntegrationUri=_invocable(node, api, name)
    )["IntegrationId"]
    for key in ("$connect", "$disconnect", "send", "who"):
        two_way = {"RouteResponseSelectionExpression": "$default"} if key == "who" else {}
        route = apis.create_route(ApiId=api, RouteKey=key, Target=f"integrations/{integration}", **two_way)["RouteId"]
        if two_way:
            apis.create_route_response(ApiId=api, RouteId=route, RouteResponseKey="$default")
    deployment = apis.create_deployment(ApiId=api)["DeploymentId"]
    apis.create_stage(ApiId=api, StageName="prod", DeploymentId=deployment)
    return api


@pytest.fixture(scope="module")
def room(node: Node) -> str:
    return chat_room(node, "room")


def path_url(node: Node, api: str) -> str:
    return f"{node.url}/_aws/execute-api/{api}/prod"


def enter(node: Node, api: str, query: str = "") -> connect:
    url = path_url(node, api).replace("http", "ws", 1)
    return connect(f"{url}{query}", subprotocols=[Subprotocol("chat")], open_timeout=30)


def management(url: str) -> Any:
    return boto3.client(
        "apigatewaymanagementapi",
        endpoint_url=url,
        region_name=REGION,
        aws_access_key_id="test",
        aws_secret_access_key="test",
        config=Config(retries={"max_attempts": 0}),
    )


def ask_who(client: ClientConnection) -> str:
    client.send(json.dumps({"action": "who"}))
    return str(client.recv(20))


def test_people_talk_and_leave(node: Node, room: str) -> None:
    with enter(node, room) as ann, enter(node, room) as bob:
        assert ann.subprotocol == "chat"
        ann_id, bob_id = ask_who(ann), ask_who(bob)
        ann.send(json.dumps({"action": "send", "text": "hello"}))
        for client in (ann, bob):
            assert json.loads(client.recv(20)) == {"from": ann_id, "text": "hello"}
        api = management(path_url(node, room))
        found = api.get_connection(ConnectionId=bob_id)
        assert found["Identity"]["SourceIp"] == "127.0.0.1"
        api.post_to_connection(ConnectionId=bob_id, Data=b"x" * 100_000)
        assert bob.recv(20) == "x" * 100_000
        bob.close()
        eventually(lambda: node.client("dynamodb").scan(TableName="people")["Count"] == 1)
        for call in (api.get_connection, api.delete_connection):
            with pytest.raises(api.exceptions.GoneException) as gone:
                call(ConnectionId=bob_id)
            assert gone.value.response["ResponseMetadata"]["HTTPStatusCode"] == 410
        with pytest.raises(api.exceptions.GoneException):
            api.post_to_connection(ConnectionId=bob_id, Data=b"x")
        with pytest.raises(api.exceptions.PayloadTooLargeException):
            api.post_to_connection(ConnectionId=ann_id, Data=b"x" * 131_073)
        ann.send(json.dumps({"action": "send", "text": "anyone?"}))
        assert json.loads(ann.recv(20))["text"] == "anyone?"
        api.delete_connection(ConnectionId=ann_id)
        with pytest.raises(ConnectionClosed) as closed:
            ann.recv(20)
        assert closed.value.rcvd is not None
        assert closed.value.rcvd.code == 1000
        eventually(lambda: node.client("dynamodb").scan(TableName="people")["Count"] == 0)


def test_who_is_refused_is_told_why(node: Node, room: str) -> None:
    with pytest.raises(InvalidStatus) as refused, enter(node, room, "?bad=1"):
        pass
    assert refused.value.response.status_code == 401
    url = f"{node.url.replace('http', 'ws', 1)}/_aws/execute-api/{room}/nosuch"
    with pytest.raises(InvalidStatus) as refused, connect(url):
        pass
    assert refused.value.response.status_code == 403
    api = management(f"{node.url}/_aws/execute-api/{room}/nosuch")
    with pytest.raises(api.exceptions.ForbiddenException):
        api.post_to_connection(ConnectionId="x", Data=b"x")


def test_the_host_form_leads_there_too(node: Node, room: str) -> None:
    port = int(node.url.rpartition(":")[2])
    line = socket.create_connection(("127.0.0.1", port))
    url = f"ws://{room}.execute-api.localhost:{port}/prod"
    with connect(url, sock=line, subprotocols=[Subprotocol("chat")], open_timeout=30) as client:
        assert ask_who(client).endswith("=")
        client.send("no route for this")
        assert json.loads(client.recv(20))["message"] == "Forbidden"
        client.send(b"binary")
        with pytest.raises(ConnectionClosed) as closed:
            client.recv(20)
        assert closed.value.rcvd is not None
        assert closed.value.rcvd.code == 1003


def test_a_signed_url_opens_what_iam_guards(node: Node) -> None:
    apis = node.client("apigatewayv2")
    api = mocked(apis)
    apis.create_route(ApiId=api, RouteKey="$connect", AuthorizationType="AWS_IAM")
    deployment = apis.create_deployment(ApiId=api)["DeploymentId"]
    apis.update_stage(ApiId=api, StageName="prod", DeploymentId=deployment)
    url = path_url(node, api)
    with pytest.raises(InvalidStatus) as refused, connect(url.replace("http", "ws", 1)):
        pass
    assert refused.value.response.status_code == 403
    request = AWSRequest("GET", url)
    SigV4QueryAuth(Credentials("test", "test"), "execute-api", REGION, expires=60).add_auth(request)
    with connect(str(request.url).replace("http", "ws", 1), open_timeout=30) as client:
        client.send("ping")
        assert client.recv(20) == "pong"
    wrong = AWSRequest("GET", url)
    SigV4QueryAuth(Credentials("test", "wrong"), "execute-api", REGION, expires=60).add_auth(wrong)
    with pytest.raises(InvalidStatus) as refused, connect(str(wrong.url).replace("http", "ws", 1)):
        pass
    assert refused.value.response.status_code == 403


def test_a_client_that_does_not_read_is_not_sent_more(node: Node) -> None:
    api = mocked(node.client("apigatewayv2"), '{"id": "$context.connectionId"}')
    with connect(f"{path_url(node, api)}".replace("http", "ws", 1), max_queue=1, close_timeout=1) as client:
        client.send("who am I?")
        id = str(client.recv(20)).split('"')[3]
        messages = management(path_url(node, api))
        posted = 0
        while _taken(messages, id, b"x" * 131_072):
            posted += 1
            assert posted < 1000, "nothing stops it"
        for _ in range(20):
            assert client.recv(20) == "x" * 131_072
        eventually(lambda: _taken(messages, id, b"x"))


def _taken(messages: Any, id: str, data: bytes) -> bool:
    try:
        messages.post_to_connection(ConnectionId=id, Data=data)
    except messages.exceptions.LimitExceededException:
        return False
    return True


@pytest.fixture
def secure(tmp_path: Path) -> Iterator[Node]:
    started = Node(tmp_path / "cloud", "--tls").start()
    yield started
    started.stop()


def test_over_tls_and_until_the_node_stops(secure: Node) -> None:
    context = ssl.create_default_context(cafile=str(secure.folder / "tls" / "authority.pem"))
    apis = boto3.client(
        "apigatewayv2",
        endpoint_url=secure.url,
        region_name=REGION,
        aws_access_key_id="test",
        aws_secret_access_key="test",
        verify=str(secure.folder / "tls" / "authority.pem"),
    )
    api = mocked(apis)
    url = f"{secure.url.replace('https', 'wss', 1)}/_aws/execute-api/{api}/prod"
    with connect(url, ssl=context, open_timeout=30) as client:
        client.send("ping")
        assert client.recv(20) == "pong"
        assert secure.stop() == 0
        with pytest.raises(ConnectionClosed) as closed:
            client.recv(20)
        assert closed.value.rcvd is not None
        assert closed.value.rcvd.code == 1001


def mocked(apis: Any, answer: str = "pong") -> str:
    """An API whose $default route answers by a template; deployed on the stage `prod`."""
    api: str = apis.create_api(Name="mock", ProtocolType="WEBSOCKET", RouteSelectionExpression="$request.body.action")[
        "ApiId"
    ]
    integration = apis.create_integration(
        ApiId=api, IntegrationType="MOCK", RequestTemplates={"$default": '{"statusCode": 200}'}
    )["IntegrationId"]
    apis.create_integration_response(
        ApiId=api,
        IntegrationId=integration,
        IntegrationResponseKey="$default",
        ResponseTemplates={"$default": answer},
    )
    route = apis.create_route(
        ApiId=api,
        RouteKey="$default",
        Target=f"integrations/{integration}",
        RouteResponseSelectionExpression="$default",
    )["RouteId"]
    apis.create_route_response(ApiId=api, RouteId=route, RouteResponseKey="$default")
    deployment = apis.create_deployment(ApiId=api)["DeploymentId"]
    apis.create_stage(ApiId=api, StageName="prod", DeploymentId=deployment)
    return api
