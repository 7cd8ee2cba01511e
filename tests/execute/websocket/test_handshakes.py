"""Who gets in: addresses, $connect's answer, authorizers, signatures."""

from __future__ import annotations

import asyncio
from typing import Any

import msgspec
import orjson
import pytest

from lambent.contracts.caller import Caller, Credential
from lambent.contracts.http import Request, Response, Upgrade
from lambent.execute.sessions import sign
from tests.support import ACCOUNT, REGION

from .support import FUNCTION, Chat, FunctionFailure, run, settle


def ok(event: dict[str, Any]) -> dict[str, Any]:
    return {"statusCode": 200}


def told(response: Response) -> dict[str, Any]:
    assert isinstance(response.body, bytes)
    found: dict[str, Any] = orjson.loads(response.body)
    return found


async def chat_with(function: Any = ok, **route: Any) -> Chat:
    chat = await Chat().create()
    await chat.route("$connect", "connect", function, **route)
    await chat.route("$disconnect", "disconnect", ok)
    await chat.deploy()
    return chat


def test_the_answer_is_a_handshake() -> None:
    async def main() -> None:
        chat = await chat_with()
        upgrade = await chat.answer(chat.request())
        assert isinstance(upgrade, Upgrade)
        assert dict(upgrade.headers) == {
            "Upgrade": "websocket",
            "Connection": "Upgrade",
            "Sec-WebSocket-Accept": "s3pPLMBiTxaQ9kYGzzhZRbK+xOo=",
        }

    run(main())


def test_the_path_form_gives_an_address_that_leads_back() -> None:
    async def main() -> None:
        chat = await chat_with()
        request = chat.request(f"/_aws/execute-api/{chat.api}/prod", host="127.0.0.1:4566")
        await chat.connect(request)
        (event,) = chat.functions.of("connect")
        assert event["requestContext"]["domainName"] == f"127.0.0.1:4566/_aws/execute-api/{chat.api}"
        assert event["headers"]["Host"] == "127.0.0.1:4566"

    run(main())


@pytest.mark.parametrize(
    ("host", "own", "shown"),
    [
        ("localhost:4566", "", "localhost:4566"),
        ("127.0.0.1:8080", "http://127.0.0.1:4567", "127.0.0.1:4567"),
        ("cloud.example.com", "http://192.0.2.7:4567", "127.0.0.1:4567"),
    ],
)
def test_functions_are_shown_this_node_by_loopback_not_the_balancer(host: str, own: str, shown: str) -> None:
    async def main() -> None:
        chat = await chat_with()
        chat.cloud.settings = msgspec.structs.replace(chat.cloud.settings, node_endpoint=own)
        await chat.connect(chat.request(f"/_aws/execute-api/{chat.api}/prod", host=host))
        (event,) = chat.functions.of("connect")
        assert event["requestContext"]["domainName"] == f"{shown}/_aws/execute-api/{chat.api}"
        assert event["headers"]["Host"] == host

    run(main())


def test_without_connect_and_disconnect_routes_anybody_may_come() -> None:
    async def main() -> None:
        chat = await Chat().create()
        await chat.route("$default", "default", ok)
        await chat.deploy()
        client = await chat.connect()
        await client.close()
        assert chat.functions.called == []

    run(main())


@pytest.mark.parametrize("path", ["/nosuch", "/prod/more", "/"])
def test_no_such_stage(path: str) -> None:
    async def main() -> None:
        chat = await chat_with()
        response = await chat.answer(chat.request(path))
        assert (response.status, told(response)) == (403, {"message": "Forbidden"})
        assert chat.functions.called == []

    run(main())


def test_a_disabled_endpoint() -> None:
    async def main() -> None:
        chat = await Chat().create(DisableExecuteApiEndpoint=True)
        await chat.route("$connect", "connect", ok)
        await chat.deploy()
        assert (await chat.answer(chat.request())).status == 403

    run(main())


def test_plain_requests_are_asked_to_upgrade() -> None:
    async def main() -> None:
        chat = await chat_with()
        response = await chat.answer(chat.request(upgrade="", connection="close"))
        assert response.status == 426
        assert ("x-amzn-errortype", "BadRequestException") in response.headers
        assert ("Upgrade", "websocket") in response.headers
        assert chat.functions.called == []

    run(main())


def test_a_subprotocol_is_the_functions_choice() -> None:
    async def main() -> None:
        chat = await chat_with(lambda event: {"statusCode": 200, "headers": {"sec-websocket-protocol": "v2.chat"}})
        client = await chat.connect(chat.request(sec_websocket_protocol="v1.chat, v2.chat"))
        assert client.headers["Sec-WebSocket-Protocol"] == "v2.chat"
        assert chat.functions.of("connect")[0]["headers"]["Sec-WebSocket-Protocol"] == "v1.chat, v2.chat"

    run(main())


def fails(event: dict[str, Any]) -> Any:
    raise FunctionFailure("no")


@pytest.mark.parametrize(
    ("function", "status"),
    [
        (lambda event: {"statusCode": 401}, 401),
        (lambda event: {"statusCode": 403, "body": "no"}, 403),
        (lambda event: {"statusCode": 500}, 500),
        (lambda event: {"statusCode": 302}, 500),
        (lambda event: None, 502),
        (fails, 502),
    ],
)
def test_connect_says_no(function: Any, status: int) -> None:
    async def main() -> None:
        chat = await chat_with(function)
        response = await chat.answer(chat.request())
        assert response.status == status
        await settle()
        assert chat.functions.of("disconnect") == []

    run(main())


def test_a_client_that_leaves_while_connect_runs_is_disconnected() -> None:
    async def main() -> None:
        chat = await chat_with()
        chat.functions.hold = asyncio.Event()
        task = asyncio.ensure_future(chat.answer(chat.request()))
        await settle()
        task.cancel()
        chat.functions.hold.set()
        await settle()
        assert task.cancelled()
        (event,) = chat.functions.of("disconnect")
        assert event["requestContext"]["disconnectStatusCode"] == 1006

    run(main())


def policy(effect: str, resource: str) -> dict[str, Any]:
    statement = {"Action": "execute-api:Invoke", "Effect": effect, "Resource": resource}
    return {"Version": "2012-10-17", "Statement": [statement]}


async def guarded(function: Any, sources: tuple[str, ...] = ("route.request.header.Auth",)) -> Chat:
    """A chat whose $connect asks an authorizer."""
    chat = await Chat().create()
    chat.functions.by_name["guard"] = function
    authorizer = await chat.call(
        "CreateAuthorizer",
        ApiId=chat.api,
        Name="guard",
        AuthorizerType="REQUEST",
        AuthorizerUri=f"arn:aws:apigateway:{REGION}:lambda:path/2015-03-31/functions/{FUNCTION}guard/invocations",
        IdentitySource=list(sources),
    )
    await chat.route("$connect", "connect", ok, AuthorizationType="CUSTOM", AuthorizerId=authorizer["AuthorizerId"])
    await chat.route("$default", "default", ok)
    await chat.deploy()
    return chat


def test_an_authorizer_lets_in_and_hands_on() -> None:
    async def main() -> None:
        def guard(event: dict[str, Any]) -> dict[str, Any]:
            assert event["headers"]["Auth"] == "secret"
            assert event["queryStringParameters"] == {"room": "7"}
            context = {"tenant": "t1", "age": 7, "admin": True}
            return {"principalId": "ann", "policyDocument": policy("Allow", event["methodArn"]), "context": context}

        chat = await guarded(guard, ("route.request.header.Auth", "route.request.querystring.room"))
        client = await chat.connect(chat.request(query="room=7", auth="secret"))
        await client.send("x")
        (asked,) = chat.functions.of("guard")
        assert asked["type"] == "REQUEST"
        assert asked["methodArn"] == f"arn:aws:execute-api:{REGION}:{ACCOUNT}:{chat.api}/prod/$connect"
        assert asked["requestContext"]["connectionId"] == client.id
        assert chat.functions.sources[0].startswith(f"arn:aws:execute-api:{REGION}:{ACCOUNT}:{chat.api}/authorizers/")
        expected = {"principalId": "ann", "integrationLatency": 0, "tenant": "t1", "age": "7", "admin": "true"}
        for name in ("connect", "default"):
            assert chat.functions.of(name)[0]["requestContext"]["authorizer"] == expected

    run(main())


def says(effect: str, resource: str = "*") -> Any:
    return lambda event: {"principalId": "ann", "policyDocument": policy(effect, resource)}


def unauthorized(event: dict[str, Any]) -> Any:
    raise FunctionFailure("Unauthorized")


@pytest.mark.parametrize(
    ("function", "status", "text"),
    [
        (says("Deny"), 403, "User is not authorized to access this resource with an explicit deny"),
        (says("Allow", "arn:aws:execute-api:*:*:*/other/*"), 403, "User is not authorized to access this resource"),
        (unauthorized, 401, "Unauthorized"),
        (fails, 500, "Internal server error"),
        (lambda event: {"principalId": "ann"}, 500, "Internal server error"),
        (lambda event: "yes", 500, "Internal server error"),
    ],
)
def test_an_authorizer_refuses(function: Any, status: int, text: str) -> None:
    async def main() -> None:
        chat = await guarded(function)
        response = await chat.answer(chat.request(auth="x"))
        assert response.status == status
        assert list(told(response).values()) == [text]
        assert chat.functions.of("connect") == []

    run(main())


def test_without_identity_the_authorizer_is_not_asked() -> None:
    async def main() -> None:
        chat = await guarded(says("Allow"))
        response = await chat.answer(chat.request())
        assert (response.status, told(response)) == (401, {"message": "Unauthorized"})
        assert chat.functions.called == []

    run(main())


async def credential(chat: Chat, statements: list[dict[str, Any]]) -> Credential:
    """A user with a policy."""
    call = chat.cloud.call
    await call("iam", "CreateUser", UserName="ann")
    if statements:
        document = orjson.dumps({"Version": "2012-10-17", "Statement": statements}).decode()
        await call("iam", "PutUserPolicy", UserName="ann", PolicyName="p", PolicyDocument=document)
    key = (await call("iam", "CreateAccessKey", UserName="ann"))["AccessKey"]
    found = await chat.cloud.store.read(lambda tx: chat.cloud.directory.credential(tx, key["AccessKeyId"]))
    assert found is not None
    return found


def test_signatures_are_checked_and_policies_asked() -> None:
    async def main() -> None:
        chat = await chat_with(AuthorizationType="AWS_IAM")
        response = await chat.answer(chat.request())
        assert (response.status, told(response)) == (403, {"message": "Missing Authentication Token"})
        allowed = {
            "Effect": "Allow",
            "Action": "execute-api:Invoke",
            "Resource": "arn:aws:execute-api:*:*:*/prod/$connect",
        }
        ann = await credential(chat, [allowed])

        def signed() -> Request:
            request = chat.request()
            sign(request, ann, REGION, "execute-api", chat.cloud.clock)
            return request

        await chat.connect(signed())
        identity = chat.functions.of("connect")[0]["requestContext"]["identity"]
        assert identity["userArn"] == f"arn:aws:iam::{ACCOUNT}:user/ann"
        assert identity["sourceIp"] == "192.0.2.1"
        broken = signed()
        broken.headers["authorization"] = broken.headers["authorization"][:-4] + "0000"
        assert (await chat.answer(broken)).status == 403
        await chat.cloud.call("iam", "DeleteUserPolicy", UserName="ann", PolicyName="p")
        response = await chat.answer(signed())
        assert response.status == 403
        arn = f"arn:aws:execute-api:{REGION}:********0000:{chat.api}/prod/$connect"
        user = f"arn:aws:iam::{ACCOUNT}:user/ann"
        text = f"User: {user} is not authorized to perform: execute-api:Invoke on resource: {arn}"
        assert told(response) == {"Message": text}

    run(main())


def test_required_parameters() -> None:
    async def main() -> None:
        required = {"route.request.querystring.room": {"Required": True}}
        chat = await chat_with(RequestParameters=required)
        response = await chat.answer(chat.request())
        assert (response.status, told(response)) == (400, {"message": "Missing required request parameters: [room]"})
        await chat.connect(chat.request(query="room=1"))

    run(main())


def test_too_many_handshakes() -> None:
    async def main() -> None:
        chat = await Chat().create()
        await chat.route("$connect", "connect", ok)
        await chat.deploy(DefaultRouteSettings={"ThrottlingRateLimit": 1.0, "ThrottlingBurstLimit": 1})
        await chat.connect()
        assert (await chat.answer(chat.request())).status == 429

    run(main())


def test_callers_of_other_accounts_do_not_connect_by_their_own_policies() -> None:
    async def main() -> None:
        chat = await chat_with(AuthorizationType="AWS_IAM")
        other = Chat(chat.cloud)
        stranger: Caller = (await credential(other, [{"Effect": "Allow", "Action": "*", "Resource": "*"}])).caller
        request = chat.request()
        key = Credential(access_key="111122223333", secret="test", caller=stranger)  # another account's root user
        sign(request, key, REGION, "execute-api", chat.cloud.clock)
        assert (await chat.answer(request)).status == 403

    run(main())
