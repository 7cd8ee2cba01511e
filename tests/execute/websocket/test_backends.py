"""Integrations beside functions: HTTP endpoints, services of the cloud; and API keys."""

from __future__ import annotations

import json

import msgspec
import orjson
import pytest

from lambent.contracts.ports import Transaction
from lambent.execute.websocket import backends
from lambent.kit import calling
from lambent.services.apigateway import keys
from lambent.services.apigateway.model import PlanStage
from tests.support import ACCOUNT, REGION

from .support import Chat, run


class FakeCaller:
    """Answers calls of HTTP endpoints; `asked` has them."""

    def __init__(self, answer: calling.Answer | Exception) -> None:
        self.answer = answer
        self.asked: list[calling.Request] = []

    async def call(self, request: calling.Request, timeout_s: float, *, body_bytes_max: int = 0) -> calling.Answer:
        self.asked.append(request)
        if isinstance(self.answer, Exception):
            raise self.answer
        return self.answer


@pytest.fixture
def caller(monkeypatch: pytest.MonkeyPatch) -> FakeCaller:
    made = FakeCaller(calling.Answer(200, [("Content-Type", "application/json")], b'{"found": 3}'))
    monkeypatch.setattr(backends.calling, "of", lambda cloud: made)
    return made


def test_an_http_endpoint_gets_what_the_mappings_make(caller: FakeCaller) -> None:
    async def main() -> None:
        chat = await Chat().create()
        integration = await chat.integrate(
            type="HTTP",
            IntegrationUri="https://example.com/${stageVariables.base}/search",
            IntegrationMethod="PUT",
            RequestParameters={
                "integration.request.header.X-Client": "context.connectionId",
                "integration.request.querystring.word": "route.request.body.word",
                "integration.request.querystring.fixed": "'a b'",
            },
            RequestTemplates={"$default": '{"sought": $input.json("$.word")}'},
        )
        for key, template in (("/4\\d\\d/", "not found"), ("$default", 'found $input.path("$.found")')):
            await chat.call(
                "CreateIntegrationResponse",
                ApiId=chat.api,
                IntegrationId=integration,
                IntegrationResponseKey=key,
                ResponseTemplates={"$default": template},
            )
        await chat.two_way("search", Target=f"integrations/{integration}")
        await chat.deploy(StageVariables={"base": "v1"})
        client = await chat.connect()
        await client.send({"action": "search", "word": "tea & cake"})
        assert client.texts == ["found 3"]
        (asked,) = caller.asked
        assert (asked.method, asked.body) == ("PUT", b'{"sought": "tea & cake"}')
        assert asked.url == "https://example.com/v1/search?word=tea%20%26%20cake&fixed=a%20b"
        assert dict(asked.headers)["x-client"] == client.id
        caller.answer = calling.Answer(404, [], b"")
        await client.send({"action": "search", "word": "x"})
        assert client.texts[-1] == "not found"
        for failure in (calling.Unreachable("gone"), calling.TooLate("slow"), ValueError("no address")):
            caller.answer = failure
            await client.send({"action": "search", "word": "x"})
            assert json.loads(client.texts[-1])["message"] == "Internal server error"

    run(main())


def test_an_http_proxy_gets_the_message_and_the_handshake(caller: FakeCaller) -> None:
    async def main() -> None:
        chat = await Chat().create()
        integration = await chat.integrate(
            type="HTTP_PROXY", IntegrationUri="http://example.com/ws", IntegrationMethod="POST"
        )
        await chat.two_way("$default", Target=f"integrations/{integration}")
        await chat.route("$connect", Target=f"integrations/{integration}")
        await chat.deploy()
        client = await chat.connect(chat.request(query="room=7", x_tenant="t", cookie="a=b"))
        await client.send("plain text")
        connect, message = caller.asked
        headers = dict(connect.headers)
        assert (connect.url, headers["x-tenant"]) == ("http://example.com/ws?room=7", "t")
        assert not any(name.startswith("sec-websocket") for name in headers)
        assert message.body == b"plain text"
        assert client.texts == ['{"found": 3}']
        caller.answer = calling.Answer(403, [], b"")
        assert (await chat.answer(chat.request())).status == 403

    run(main())


async def _role(chat: Chat, service: str) -> str:
    trust = {"Effect": "Allow", "Principal": {"Service": "apigateway.amazonaws.com"}, "Action": "sts:AssumeRole"}
    allow = {"Effect": "Allow", "Action": f"{service}:*", "Resource": "*"}
    document, policy = (orjson.dumps({"Version": "2012-10-17", "Statement": [one]}).decode() for one in (trust, allow))
    made = await chat.cloud.call("iam", "CreateRole", RoleName=service, AssumeRolePolicyDocument=document)
    await chat.cloud.call("iam", "PutRolePolicy", RoleName=service, PolicyName="p", PolicyDocument=policy)
    return str(made["Role"]["Arn"])


def test_services_are_asked_as_the_role() -> None:
    async def main() -> None:
        chat = await Chat().create()
        await chat.cloud.call("sqs", "CreateQueue", QueueName="inbox")
        url = f"http://127.0.0.1:4566/{ACCOUNT}/inbox"
        template = f'Action=SendMessage&QueueUrl={url}&MessageBody=$util.urlEncode($input.json("$.text"))'
        sqs = await chat.integrate(
            type="AWS",
            IntegrationUri=f"arn:aws:apigateway:{REGION}:sqs:path/{ACCOUNT}/inbox",
            IntegrationMethod="POST",
            CredentialsArn=await _role(chat, "sqs"),
            RequestParameters={"integration.request.header.Content-Type": "'application/x-www-form-urlencoded'"},
            RequestTemplates={"$default": template + "&Version=2012-11-05"},
        )
        await chat.route("queue", Target=f"integrations/{sqs}")
        sns = await chat.integrate(
            type="AWS",
            IntegrationUri=f"arn:aws:apigateway:{REGION}:sns:action/CreateTopic",
            IntegrationMethod="POST",
            CredentialsArn=await _role(chat, "sns"),
            RequestParameters={"integration.request.querystring.Name": "route.request.body.topic"},
        )
        await chat.two_way("topic", Target=f"integrations/{sns}")
        await chat.deploy()
        client = await chat.connect()
        await client.send({"action": "queue", "text": "tea & cake"})
        await client.settled(lambda: True)
        received = await chat.cloud.call("sqs", "ReceiveMessage", QueueUrl=url)
        assert [message["Body"] for message in received["Messages"]] == ['"tea & cake"']
        await client.send({"action": "topic", "topic": "news"})
        await client.settled(lambda: bool(client.texts))
        assert f"arn:aws:sns:{REGION}:{ACCOUNT}:news" in client.texts[0]

    run(main())


def test_a_handshake_may_need_an_api_key() -> None:
    async def main() -> None:
        chat = await Chat().create()
        await chat.route("$connect", "connect", lambda event: {}, ApiKeyRequired=True)
        await chat.deploy()
        call = chat.cloud.call
        key = await call("apigateway", "CreateApiKey", name="k", value="k" * 24, enabled=True)
        plan = await call("apigateway", "CreateUsagePlan", name="p", throttle={"rateLimit": 1.0, "burstLimit": 2})

        def join(tx: Transaction) -> None:
            made = keys.plans.get(tx, ACCOUNT, REGION, plan["id"])
            assert made is not None
            of_stage = msgspec.structs.replace(made, stages=(PlanStage(api=chat.api, stage="prod"),))
            keys.plans.put(tx, of_stage, ACCOUNT, REGION, plan["id"])

        await chat.cloud.store.write(join)
        assert (await chat.answer(chat.request(x_api_key="k" * 24))).status == 403
        await call("apigateway", "CreateUsagePlanKey", usagePlanId=plan["id"], keyId=key["id"], keyType="API_KEY")
        assert (await chat.answer(chat.request())).status == 403
        assert (await chat.answer(chat.request(x_api_key="other"))).status == 403
        client = await chat.connect(chat.request(x_api_key="k" * 24))
        assert client.id
        assert chat.functions.of("connect")[0]["requestContext"]["identity"]["apiKeyId"] == key["id"]
        await chat.connect(chat.request(x_api_key="k" * 24))
        assert (await chat.answer(chat.request(x_api_key="k" * 24))).status == 429

    run(main())


def test_a_value_in_the_host_of_an_endpoint_leads_to_no_other(caller: FakeCaller) -> None:
    async def main() -> None:
        chat = await Chat().create()
        integration = await chat.integrate(
            type="HTTP_PROXY",
            IntegrationUri="http://{tenant}.example.com/in?name={name}",
            IntegrationMethod="POST",
            RequestParameters={
                "integration.request.path.tenant": "route.request.body.tenant",
                "integration.request.path.name": "route.request.body.name",
            },
        )
        await chat.two_way("go", Target=f"integrations/{integration}")
        await chat.deploy()
        client = await chat.connect()
        await client.send({"action": "go", "tenant": "books", "name": "a&admin=yes"})
        assert caller.asked[-1].url == "http://books.example.com/in?name=a%26admin%3Dyes"
        for tenant in ("x@evil.example:80", "evil.example/", "evil.example:80", "evil.example?", "evil.example#", "\\"):
            await client.send({"action": "go", "tenant": tenant, "name": "a"})
        assert len(caller.asked) == 1

    run(main())
