"""The management API, through the front door: messages to clients of this node and of others, 410 for who is gone."""

from __future__ import annotations

from typing import Any
from urllib.parse import quote

import orjson
import pytest
from wsproto import events

from lambent.contracts.http import BytesBody, Request, Response
from lambent.execute.sessions import sign
from lambent.services.apigateway import connections
from lambent.services.apigateway.connections import keys
from lambent.services.apigateway.connections.model import QUEUED_MAX
from lambent.services.apigateway.connections.switchboard import Switchboard, switchboard
from tests.execute.websocket.support import SECOND_NS, Chat, Client, beside, run, settle
from tests.execute.websocket.test_handshakes import credential
from tests.support import ACCOUNT, REGION, TestCloud


def ok(event: dict[str, Any]) -> dict[str, Any]:
    return {"statusCode": 200}


async def chat() -> Chat:
    made = await Chat().create()
    await made.route("$default", "default", ok)
    await made.route("$disconnect", "disconnect", ok)
    await made.deploy()
    return made


async def ask(
    chat: Chat,
    method: str,
    id: str,
    data: bytes = b"",
    cloud: TestCloud | None = None,
    stage: str = "prod",
    form: str = "host",
    signer: Any = None,
) -> Response:
    """A request to the management API, signed as root unless with a key of `signer`; None of it when it is ''."""
    path = f"/{stage}/@connections/{quote(id, safe='')}"
    host = f"{chat.api}.execute-api.localhost:4566"
    if form == "path":
        path, host = f"/_aws/execute-api/{chat.api}{path}", "127.0.0.1:4566"
    node = cloud or chat.cloud
    request = Request(method, path, "", {"host": host}, BytesBody(data), id=node.ids.request_id())
    if signer != "":
        if signer is None:
            signer = await node.store.read(lambda tx: node.directory.credential(tx, "test"))
        sign(request, signer, REGION, "execute-api", node.clock)
    response = await node.front(request)
    await settle()
    return response


def code(response: Response) -> tuple[int, str]:
    """Status and error code."""
    return response.status, {name.lower(): text for name, text in response.headers}.get("x-amzn-errortype", "")


async def gone(client: Client) -> None:
    await client.close()
    assert client.goodbye == 1000


@pytest.mark.parametrize("form", ["host", "path"])
def test_a_message_reaches_its_client(form: str) -> None:
    async def main() -> None:
        room = await chat()
        ann, bob = await room.connect(), await room.connect()
        response = await ask(room, "POST", ann.id, "hellö".encode(), form=form)
        assert response.status == 200
        assert (ann.texts, bob.texts) == (["hellö"], [])
        await ask(room, "POST", bob.id, b"\xff\x00", form=form)
        assert [event.data for event in bob.line.got if isinstance(event, events.BytesMessage)] == [b"\xff\x00"]
        await ask(room, "POST", bob.id, b"x" * 100_000, form=form)
        assert bob.texts == ["x" * 100_000]

    run(main())


def test_a_custom_domain_leads_to_the_stage_that_it_maps() -> None:
    async def main() -> None:
        room = await chat()
        certificate = f"arn:aws:acm:{REGION}:{ACCOUNT}:certificate/00000000-0000-0000-0000-000000000000"
        configuration = [{"CertificateArn": certificate, "EndpointType": "REGIONAL"}]
        await room.call("CreateDomainName", DomainName="chat.example.com", DomainNameConfigurations=configuration)
        await room.call(
            "CreateApiMapping", DomainName="chat.example.com", ApiId=room.api, Stage="prod", ApiMappingKey="v1"
        )
        ann = await room.connect(room.request("/v1", host="chat.example.com"))
        key = await room.cloud.store.read(lambda tx: room.cloud.directory.credential(tx, "test"))
        assert key is not None
        for path, status in ((f"/v1/@connections/{quote(ann.id)}", 200), (f"/v2/@connections/{quote(ann.id)}", 403)):
            request = Request("POST", path, "", {"host": "chat.example.com"}, BytesBody(b"hello"), id="r")
            sign(request, key, REGION, "execute-api", room.cloud.clock)
            assert (await room.cloud.front(request)).status == status
        assert ann.texts == ["hello"]

    run(main())


def test_who_is_connected() -> None:
    async def main() -> None:
        room = await chat()
        ann = await room.connect()
        room.cloud.clock.advance(5 * SECOND_NS)
        await ann.send("x")
        response = await ask(room, "GET", ann.id)
        assert isinstance(response.body, bytes)
        assert orjson.loads(response.body) == {
            "connectedAt": "2023-11-14T22:13:20Z",
            "identity": {"sourceIp": "192.0.2.1", "userAgent": "tests"},
            "lastActiveAt": "2023-11-14T22:13:25Z",
        }

    run(main())


@pytest.mark.parametrize("method", ["GET", "POST", "DELETE"])
def test_410_for_who_is_gone(method: str) -> None:
    async def main() -> None:
        room = await chat()
        ann = await room.connect()
        assert code(await ask(room, method, "never-there-was=", b"x")) == (410, "GoneException")
        await gone(ann)
        assert code(await ask(room, method, ann.id, b"x")) == (410, "GoneException")
        assert await room.cloud.store.read(keys.connections.scan) == []
        assert await room.cloud.store.read(keys.of_node.scan) == []

    run(main())


@pytest.mark.parametrize("method", ["GET", "POST", "DELETE"])
def test_what_can_be_no_id_is_said_so(method: str) -> None:
    async def main() -> None:
        room = await chat()
        for id in ("abc", "L0SM9cOFvHcCIhw", "L0SM9cOFvHcCIhw==", "L0SM9cOFvHcCIh!="):
            response = await ask(room, method, id, b"x")
            assert code(response) == (400, "BadRequestException")
            assert isinstance(response.body, bytes)
            assert orjson.loads(response.body)["message"] == f"Invalid connectionId: {id}"

    run(main())


def test_a_client_is_disconnected() -> None:
    async def main() -> None:
        room = await chat()
        ann = await room.connect()
        assert (await ask(room, "DELETE", ann.id)).status == 204
        assert ann.goodbye == 1000
        assert code(await ask(room, "POST", ann.id, b"x")) == (410, "GoneException")
        await ann.close()
        context = room.functions.of("disconnect")[0]["requestContext"]
        assert (context["connectionId"], context["disconnectStatusCode"]) == (ann.id, 1000)

    run(main())


def test_limits() -> None:
    async def main() -> None:
        room = await chat()
        ann = await room.connect()
        assert code(await ask(room, "POST", ann.id, b"x" * 131_073)) == (413, "PayloadTooLargeException")
        assert (await ask(room, "POST", ann.id, b"x" * 131_072)).status == 200
        ann.line.unsent = 2 << 20
        assert code(await ask(room, "POST", ann.id, b"x")) == (429, "LimitExceededException")

    run(main())


def test_the_stage_and_the_api_must_be_the_clients() -> None:
    async def main() -> None:
        room = await chat()
        await room.deploy("other")
        ann = await room.connect()
        assert code(await ask(room, "POST", ann.id, b"x", stage="nosuch")) == (403, "ForbiddenException")
        assert code(await ask(room, "POST", ann.id, b"x", stage="other")) == (410, "GoneException")
        second = await Chat(room.cloud).create()
        await second.route("$default", "default", ok)
        await second.deploy()
        assert code(await ask(second, "POST", ann.id, b"x")) == (410, "GoneException")
        assert ann.texts == []

    run(main())


def test_permissions_name_the_connection() -> None:
    async def main() -> None:
        room = await chat()
        ann = await room.connect()
        resource = f"arn:aws:execute-api:{REGION}:{ACCOUNT}:{room.api}/prod/POST/@connections/*"
        key = await credential(
            room, [{"Effect": "Allow", "Action": "execute-api:ManageConnections", "Resource": resource}]
        )
        assert (await ask(room, "POST", ann.id, b"x", signer=key)).status == 200
        response = await ask(room, "DELETE", ann.id, signer=key)
        assert code(response) == (403, "AccessDeniedException")
        assert isinstance(response.body, bytes)
        denied = f"{room.api}/prod/DELETE/@connections/{ann.id}"
        assert denied in orjson.loads(response.body)["message"]
        assert (await ask(room, "POST", ann.id, b"x", signer="")).status == 403
        assert ann.texts == ["x"]

    run(main())


def test_without_an_address_there_is_nobody_to_send_to() -> None:
    async def main() -> None:
        room = await chat()
        ann = await room.connect()
        with pytest.raises(Exception, match="address of an API") as refused:
            await room.cloud.call("apigatewaymanagementapi", "PostToConnection", ConnectionId=ann.id, Data=b"x")
        assert type(refused.value).__name__ == "ForbiddenException"

    run(main())


async def two() -> tuple[Chat, TestCloud, Client]:
    """A room, another node, and a client that is connected there."""
    room = await chat()
    other = beside(room)
    await room.cloud.members.beat()
    await other.members.beat()
    return room, other, await room.connect(cloud=other)


def test_messages_cross_nodes_in_order() -> None:
    async def main() -> None:
        room, other, ann = await two()
        for number in range(20):
            assert (await ask(room, "POST", ann.id, str(number).encode())).status == 200
        assert (await ask(room, "POST", ann.id, b"here", cloud=other)).status == 200
        assert ann.texts == [*(str(number) for number in range(20)), "here"]
        assert await room.cloud.store.read(keys.queue.scan) == []
        assert (await ask(room, "GET", ann.id)).status == 200
        assert (await ask(room, "DELETE", ann.id)).status == 204
        assert code(await ask(room, "POST", ann.id, b"x")) == (410, "GoneException")
        assert ann.goodbye == 1000
        await ann.close()
        assert await room.cloud.store.read(keys.connections.scan) == []

    run(main())


def test_a_lost_wake_up_only_delays() -> None:
    async def main() -> None:
        room, other, ann = await two()
        board = switchboard(other)
        board._looking = True  # as if the word had not come
        await ask(room, "POST", ann.id, b"late")
        assert ann.texts == []
        room.cloud.clock.advance(6 * SECOND_NS)
        await settle()
        assert ann.texts == ["late"]

    run(main())


def test_what_a_slow_client_has_no_room_for_waits() -> None:
    async def main() -> None:
        room, _, ann = await two()
        ann.line.unsent = 2 << 20
        for number in range(QUEUED_MAX):
            assert (await ask(room, "POST", ann.id, str(number).encode())).status == 200
        assert code(await ask(room, "POST", ann.id, b"x")) == (429, "LimitExceededException")
        ann.line.unsent = 0
        ann.line.session.relieved()
        await settle()
        assert ann.texts == [str(number) for number in range(QUEUED_MAX)]

    run(main())


def test_the_clients_of_a_dead_node_are_gone() -> None:
    async def main() -> None:
        room, other, ann = await two()
        await ask(room, "POST", ann.id, b"x")
        await room.cloud.store.write(lambda tx: connections.forget_node(tx, other.store.node))
        assert code(await ask(room, "POST", ann.id, b"x")) == (410, "GoneException")
        for table in (keys.connections, keys.of_node, keys.queue):
            assert await room.cloud.store.read(lambda tx, table=table: table.scan(tx)) == []  # type: ignore[misc]

    run(main())


def test_a_node_that_was_taken_for_dead_sends_its_clients_away() -> None:
    async def main() -> None:
        room, other, ann = await two()
        await room.cloud.store.write(lambda tx: connections.forget_node(tx, other.store.node))
        for _ in range(7):
            room.cloud.clock.advance(5 * SECOND_NS)
            await settle()
        assert ann.goodbye == 1001

    run(main())


def test_a_cloud_of_one_node_forgets_what_its_last_run_left() -> None:
    async def main() -> None:
        room = await chat()
        left = await room.connect()
        room.cloud.store.node = "the-next-run"
        room.cloud.targets["apigatewaymanagementapi"] = Switchboard(room.cloud)
        assert code(await ask(room, "POST", left.id, b"x")) == (410, "GoneException")
        fresh = await Chat(room.cloud).create()
        await fresh.route("$default", "default", ok)
        await fresh.deploy()
        client = await fresh.connect()
        found = await room.cloud.store.read(keys.connections.scan)
        assert [record.id for _, record in found] == [client.id]

    run(main())


def test_when_clients_were_active_is_stored_now_and_then() -> None:
    async def main() -> None:
        room, _, ann = await two()
        for _ in range(7):
            room.cloud.clock.advance(5 * SECOND_NS)
            await ann.ping()
        response = await ask(room, "GET", ann.id)
        assert isinstance(response.body, bytes)
        assert orjson.loads(response.body)["lastActiveAt"] == "2023-11-14T22:13:50Z"

    run(main())
