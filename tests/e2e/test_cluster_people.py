"""User pools and WebSocket clients on three nodes of one cloud: whoever signs in, out or leaves does so everywhere."""

from __future__ import annotations

import json
import threading
import urllib.request
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import boto3
import jwt
import pytest
from botocore import UNSIGNED
from botocore.config import Config
from botocore.exceptions import ClientError
from websockets.exceptions import ConnectionClosed
from websockets.sync.client import ClientConnection

from lambent.services.apigateway.connections import keys

from .cluster import NODES, Nodes, needs_servers, three_nodes
from .node import REGION, Node, eventually
from .test_cognito import PASSWORD, code_of, pool_and_client, sign_in_by_srp
from .test_http_api import ask as ask_http
from .test_rest_api import MOCK, Rest, ask
from .test_websocket import chat_room, enter, management

pytestmark = [pytest.mark.e2e, pytest.mark.slow, needs_servers]


URL = "http://cloud.example:4566"
"""Where clients are told to find the cloud, whichever node answers."""


@pytest.fixture(scope="module")
def cloud(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Nodes]:
    with three_nodes(tmp_path_factory.mktemp("cloud"), "--url", URL) as running:
        yield running


@pytest.fixture(scope="module")
def public(cloud: Nodes) -> list[Any]:
    """Clients without a signature, one a node."""
    config = Config(signature_version=UNSIGNED, retries={"max_attempts": 0})
    return [boto3.client("cognito-idp", endpoint_url=node.url, region_name=REGION, config=config) for node in cloud.all]


def outcomes(works: list[Callable[[], Any]]) -> list[str]:
    """What becomes of calls that are made at the same moment: `done`, or the code of an error; sorted."""
    barrier = threading.Barrier(len(works))

    def one(work: Callable[[], Any]) -> str:
        barrier.wait()
        try:
            work()
        except ClientError as error:
            return str(error.response["Error"]["Code"])
        return "done"

    with ThreadPoolExecutor(len(works)) as threads:
        return sorted(threads.map(one, works))


def test_from_sign_up_to_sign_out_over_nodes(cloud: Nodes, public: list[Any]) -> None:
    pool, client = pool_and_client(cloud[0].client("cognito-idp"), "readers")
    mail = "anna@example.com"
    given = [{"Name": "email", "Value": mail}]
    public[0].sign_up(ClientId=client, Username="anna", Password=PASSWORD, UserAttributes=given)
    code = code_of(cloud[2], mail)
    confirm = {"ClientId": client, "Username": "anna", "ConfirmationCode": code}
    told = outcomes([lambda each=each: each.confirm_sign_up(**confirm) for each in public])  # type: ignore[misc]
    assert told == ["NotAuthorizedException", "NotAuthorizedException", "done"], "a code serves once"
    tokens = [sign_in_by_srp(pool, client, each, PASSWORD) for each in public]
    ids = {jwt.get_unverified_header(one["IdToken"])["kid"] for one in tokens}
    served = []
    for node in cloud.all:
        with urllib.request.urlopen(f"{node.url}/{pool}/.well-known/jwks.json", timeout=10) as answer:
            served.append(json.load(answer))
    assert served[1:] == served[:-1]
    assert ids < {key["kid"] for key in served[0]["keys"]}
    for number in range(NODES):
        other = public[(number + 1) % NODES]
        assert other.get_user(AccessToken=tokens[number]["AccessToken"])["Username"] == "anna"
        refresh = {"REFRESH_TOKEN": tokens[number]["RefreshToken"]}
        other.initiate_auth(ClientId=client, AuthFlow="REFRESH_TOKEN_AUTH", AuthParameters=refresh)
    public[1].global_sign_out(AccessToken=tokens[0]["AccessToken"])
    for each in public:
        for one in tokens:
            with pytest.raises(each.exceptions.NotAuthorizedException, match="revoked"):
                each.get_user(AccessToken=one["AccessToken"])
            refresh = {"REFRESH_TOKEN": one["RefreshToken"]}
            with pytest.raises(each.exceptions.NotAuthorizedException):
                each.initiate_auth(ClientId=client, AuthFlow="REFRESH_TOKEN_AUTH", AuthParameters=refresh)


def test_a_challenge_of_one_node_is_answered_on_another_once(cloud: Nodes, public: list[Any]) -> None:
    pool, client = pool_and_client(cloud[1].client("cognito-idp"), "staff")
    idp = cloud[2].client("cognito-idp")
    idp.admin_create_user(UserPoolId=pool, Username="ben", TemporaryPassword=PASSWORD, MessageAction="SUPPRESS")
    asked = public[0].initiate_auth(
        ClientId=client, AuthFlow="USER_PASSWORD_AUTH", AuthParameters={"USERNAME": "ben", "PASSWORD": PASSWORD}
    )
    assert asked["ChallengeName"] == "NEW_PASSWORD_REQUIRED"

    def respond(number: int) -> Any:
        return public[number % NODES].respond_to_auth_challenge(
            ClientId=client, ChallengeName="NEW_PASSWORD_REQUIRED", Session=asked["Session"],
            ChallengeResponses={"USERNAME": "ben", "NEW_PASSWORD": f"Better-horse-{number}"},
        )  # fmt: skip

    told = outcomes([lambda number=number: respond(number) for number in range(6)])  # type: ignore[misc]
    assert told.count("done") == 1, told
    idp.admin_set_user_password(UserPoolId=pool, Username="ben", Password=PASSWORD, Permanent=True)
    idp.admin_update_user_attributes(
        UserPoolId=pool, Username="ben",
        UserAttributes=[{"Name": "email", "Value": "ben@example.com"}, {"Name": "email_verified", "Value": "true"}],
    )  # fmt: skip
    public[0].forgot_password(ClientId=client, Username="ben")
    code = code_of(cloud[1], "ben@example.com")

    def reset(number: int) -> Any:
        return public[number % NODES].confirm_forgot_password(
            ClientId=client, Username="ben", ConfirmationCode=code, Password=f"Newer-horse-{number}"
        )

    told = outcomes([lambda number=number: reset(number) for number in range(6)])  # type: ignore[misc]
    assert told.count("done") == 1, told


def test_a_name_is_given_away_once_and_wrong_passwords_count_over_nodes(cloud: Nodes, public: list[Any]) -> None:
    _, client = pool_and_client(cloud[0].client("cognito-idp"), "names")
    works = [
        lambda each=each: each.sign_up(ClientId=client, Username="cleo", Password=PASSWORD)  # type: ignore[misc]
        for each in public * 2
    ]
    assert outcomes(works) == ["UsernameExistsException"] * 5 + ["done"]

    def wrong(number: int) -> str:
        try:
            public[number % NODES].initiate_auth(
                ClientId=client, AuthFlow="USER_PASSWORD_AUTH", AuthParameters={"USERNAME": "cleo", "PASSWORD": "no"}
            )
        except ClientError as error:
            return str(error.response["Error"]["Message"])
        return ""

    assert "Password attempts exceeded" in {wrong(number) for number in range(8)}


def test_tokens_of_any_node_open_apis_on_all(cloud: Nodes, public: list[Any]) -> None:
    idp = cloud[0].client("cognito-idp")
    pool, client = pool_and_client(idp, "callers")
    arn = idp.describe_user_pool(UserPoolId=pool)["UserPool"]["Arn"]
    idp.admin_create_user(UserPoolId=pool, Username="anna", TemporaryPassword=PASSWORD, MessageAction="SUPPRESS")
    idp.admin_set_user_password(UserPoolId=pool, Username="anna", Password=PASSWORD, Permanent=True)
    tokens = [sign_in_by_srp(pool, client, each, PASSWORD)["IdToken"] for each in public]
    rest = Rest(cloud[1], "pooled")
    guard = rest.client.create_authorizer(
        restApiId=rest.id, name="it", type="COGNITO_USER_POOLS", providerARNs=[arn],
        identitySource="method.request.header.Authorization",
    )["id"]  # fmt: skip
    rest.method("/n", "GET", MOCK, "{}", authorizationType="COGNITO_USER_POOLS", authorizerId=guard)
    rest.deploy()
    v2 = cloud[2].client("apigatewayv2")
    api = v2.create_api(Name="pooled", ProtocolType="HTTP")["ApiId"]
    v2.create_stage(ApiId=api, StageName="$default", AutoDeploy=True)
    integration = v2.create_integration(
        ApiId=api, IntegrationType="HTTP_PROXY", IntegrationMethod="GET", PayloadFormatVersion="1.0",
        IntegrationUri="http://127.0.0.1:1/",
    )["IntegrationId"]  # fmt: skip
    issuers = (f"https://cognito-idp.{REGION}.amazonaws.com/{pool}", f"{URL}/{pool}")
    assert {jwt.decode(token, options={"verify_signature": False})["iss"] for token in tokens} == {issuers[1]}
    for number, issuer in enumerate(issuers):
        guard = v2.create_authorizer(
            ApiId=api, Name=f"it{number}", AuthorizerType="JWT", IdentitySource=["$request.header.Authorization"],
            JwtConfiguration={"Issuer": issuer, "Audience": [client]},
        )["AuthorizerId"]  # fmt: skip
        v2.create_route(
            ApiId=api, RouteKey=f"GET /i{number}", Target=f"integrations/{integration}", AuthorizationType="JWT",
            AuthorizerId=guard,
        )  # fmt: skip
    for token in tokens:
        for node in cloud.all:
            base = f"{node.url}/_aws/execute-api"
            assert ask(node, "GET", f"{base}/{rest.id}/dev/n", None, Authorization=token)[0] == 200
            for number in range(len(issuers)):
                answer = ask_http(node, "GET", f"{base}/{api}/i{number}", None, Authorization=f"Bearer {token}")
                # Nobody answers at the address of the integration: whoever was let in is told so.
                assert answer.status == 503, (number, answer.headers)


def test_links_lead_to_where_clients_find_the_cloud(cloud: Nodes) -> None:
    s3 = cloud[0].client("s3")
    s3.create_bucket(Bucket="shelf")
    s3.put_object(Bucket="shelf", Key="book", Body=b"text")
    s3.delete_public_access_block(Bucket="shelf")
    statement = {"Effect": "Allow", "Principal": "*", "Action": "s3:GetObject", "Resource": "arn:aws:s3:::shelf/*"}
    s3.put_bucket_policy(Bucket="shelf", Policy=json.dumps({"Version": "2012-10-17", "Statement": [statement]}))
    rest = Rest(cloud[1], "linked")
    rest.method("/n", "GET", MOCK, "{}")
    rest.deploy()
    api = cloud[2].client("apigatewayv2").create_api(Name="linked", ProtocolType="HTTP")
    assert api["ApiEndpoint"] == f"http://{api['ApiId']}.execute-api.cloud.example:4566"
    for node in cloud.all:
        assert ask(node, "GET", "http://shelf.cloud.example:4566/book")[2] == b"text"
        assert ask(node, "GET", f"http://{rest.id}.execute-api.cloud.example:4566/dev/n")[2] == b"{}"
        assert node.health()["nodes"][0]["endpoint"] != URL, "nodes go by their own addresses"


def _who(client: ClientConnection) -> str:
    client.send('{"action": "who"}')
    return str(client.recv(30))


def _people(node: Node) -> set[str]:
    return {item["id"]["S"] for item in node.client("dynamodb").scan(TableName="people", ConsistentRead=True)["Items"]}


def _post(node: Node, api: str, id: str) -> str:
    connections = management(f"{node.url}/_aws/execute-api/{api}/prod")
    try:
        connections.post_to_connection(ConnectionId=id, Data=b"hello")
    except ClientError as error:
        return str(error.response["Error"]["Code"])
    return "done"


def test_websocket_clients_of_nodes_that_leave_and_nodes_that_die(cloud: Nodes) -> None:
    api = chat_room(cloud[0], "room")
    with enter(cloud[0], api) as here, enter(cloud[1], api) as there, enter(cloud[2], api) as leaving:
        ids = [_who(client) for client in (here, there, leaving)]
        assert _people(cloud[1]) == set(ids)
        for node in cloud.all:
            assert [_post(node, api, id) for id in ids] == ["done"] * 3
        for client in (here, there, leaving):
            assert [client.recv(20) for _ in cloud.all] == ["hello"] * 3
        # A node that leaves tells $disconnect of its clients.
        assert cloud[2].stop() == 0
        assert _people(cloud[0]) == set(ids[:2])
        with pytest.raises(ConnectionClosed):
            leaving.recv(20)
        assert _post(cloud[0], api, ids[2]) == "GoneException"
        # One that dies cannot: its clients are gone (410) once it is known to be dead, and their records too.
        cloud[1].kill()
        with pytest.raises(ConnectionClosed):
            there.recv(20)
        eventually(lambda: _post(cloud[0], api, ids[1]) == "GoneException", 20)
        assert _people(cloud[0]) == set(ids[:2])
        eventually(lambda: [parts[-1] for parts in cloud.rows(keys.of_node)] == ids[:1], 20)
        assert [parts[-1] for parts in cloud.rows(keys.connections)] == ids[:1]
        assert _post(cloud[0], api, ids[0]) == "done"
        assert here.recv(20) == "hello"
    for node in cloud.all[1:]:
        node.start()
    cloud.settle()
    with enter(cloud[1], api) as back:
        assert _post(cloud[2], api, _who(back)) == "done"
        assert back.recv(20) == "hello"
