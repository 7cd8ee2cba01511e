"""Who may invoke: resource policies, signatures, Lambda authorizers."""

from __future__ import annotations

from typing import Any

import orjson
import pytest

from lambent.contracts.caller import Credential
from lambent.contracts.http import BytesBody, Request, Response
from lambent.execute import serve, sessions
from lambent.services.apigateway.model import Authorizer
from tests.execute.rest.making import INVOCATIONS, Functions, Making, echo, header, json, lambda_proxy, mock
from tests.support import ACCOUNT, REGION, TestCloud

MINUTE_NS = 60_000_000_000
ARN = f"arn:aws:execute-api:{REGION}:{ACCOUNT}:abcdefghij"


def policy(effect: str = "Allow", resource: str = "*", **statement: Any) -> str:
    one = {"Effect": effect, "Principal": "*", "Action": "execute-api:Invoke", "Resource": resource, **statement}
    return orjson.dumps({"Version": "2012-10-17", "Statement": [one]}).decode()


async def user(cloud: TestCloud, document: str = "") -> Credential:
    await cloud.call("iam", "CreateUser", UserName="alice")
    if document:
        await cloud.call("iam", "PutUserPolicy", UserName="alice", PolicyName="it", PolicyDocument=document)
    key = (await cloud.call("iam", "CreateAccessKey", UserName="alice"))["AccessKey"]
    found = await cloud.store.read(lambda tx: cloud.directory.credential(tx, key["AccessKeyId"]))
    assert found is not None
    return found


async def signed(
    cloud: TestCloud, credential: Credential, path: str, *, region: str = REGION, **headers: str
) -> Response:
    request = Request(
        "GET", f"/dev{path}", headers={"host": "abcdefghij.execute-api.localhost", **headers}, body=BytesBody(b"")
    )
    sessions.sign(request, credential, region, "execute-api", cloud.clock)
    answer = await serve(cloud, request)
    assert answer is not None
    return answer


async def test_a_resource_policy_must_allow_the_anonymous() -> None:
    making = Making(TestCloud(), policy=policy(resource="execute-api:/dev/GET/public/*"))
    making.method("/{proxy+}", "GET", mock("{}"))
    await making.deploy()
    assert (await making.ask("GET", "/public/a")).status == 200
    answer = await making.ask("GET", "/private")
    assert answer.status == 403
    assert json(answer) == {
        "Message": "User: anonymous is not authorized to perform: execute-api:Invoke on resource: "
        f"arn:aws:execute-api:{REGION}:********0000:abcdefghij/dev/GET/private"
    }
    assert header(answer, "x-amzn-ErrorType") == "AccessDeniedException"


async def test_a_resource_policy_by_address() -> None:
    allow = orjson.loads(policy())["Statement"]
    deny = orjson.loads(policy("Deny", Condition={"NotIpAddress": {"aws:SourceIp": "10.0.0.0/8"}}))["Statement"]
    document = orjson.dumps({"Version": "2012-10-17", "Statement": allow + deny}).decode()
    making = Making(TestCloud(), policy=document)
    making.method("/", "GET", mock("{}"))
    await making.deploy()
    assert (await making.ask("GET", "", peer="10.1.2.3")).status == 200
    answer = await making.ask("GET", "", peer="192.168.0.1")
    assert answer.status == 403
    assert json(answer)["Message"].endswith("/dev/GET/ with an explicit deny")


async def test_signatures_and_the_policies_of_users() -> None:
    cloud = TestCloud()
    making = Making(cloud)
    making.method("/{id}", "GET", mock("$context.identity.userArn"), authorization="AWS_IAM")
    await making.deploy()
    grant = {"Effect": "Allow", "Action": "execute-api:Invoke", "Resource": f"{ARN}/dev/GET/mine"}
    alice = await user(cloud, orjson.dumps({"Version": "2012-10-17", "Statement": [grant]}).decode())
    answer = await signed(cloud, alice, "/mine")
    assert (answer.status, answer.body) == (200, b"arn:aws:iam::000000000000:user/alice")
    answer = await signed(cloud, alice, "/other")
    assert answer.status == 403
    assert json(answer) == {
        "Message": "User: arn:aws:iam::000000000000:user/alice is not authorized to perform: execute-api:Invoke on "
        f"resource: arn:aws:execute-api:{REGION}:********0000:abcdefghij/dev/GET/other"
    }
    answer = await making.ask("GET", "/mine")
    assert (answer.status, json(answer)) == (403, {"message": "Missing Authentication Token"})


async def test_wrong_signatures_are_refused() -> None:
    cloud = TestCloud()
    making = Making(cloud)
    making.method("/", "GET", mock("{}"), authorization="AWS_IAM")
    await making.deploy()
    alice = await user(cloud)
    wrong = Credential(access_key=alice.access_key, secret="wrong", caller=alice.caller)
    answer = await signed(cloud, wrong, "/")
    assert (answer.status, header(answer, "x-amzn-ErrorType")) == (403, "InvalidSignatureException")
    assert "signature we calculated does not match" in json(answer)["message"]
    unknown = Credential(access_key="AKIAIOSFODNN7EXAMPLE", secret="wrong", caller=alice.caller)
    answer = await signed(cloud, unknown, "/")
    assert (answer.status, json(answer)) == (403, {"message": "The security token included in the request is invalid."})
    assert header(answer, "x-amzn-ErrorType") == "UnrecognizedClientException"


async def test_a_signature_is_of_the_apis_region() -> None:
    cloud = TestCloud()
    making = Making(cloud)
    making.method("/", "GET", mock("{}"), authorization="AWS_IAM")
    await making.deploy()
    answer = await signed(cloud, await user(cloud), "/", region="eu-west-1")
    assert (answer.status, header(answer, "x-amzn-ErrorType")) == (403, "InvalidSignatureException")
    assert json(answer)["message"].startswith("Credential should be scoped to a valid region, not 'eu-west-1'.")


async def test_a_token_where_no_authorizer_is_asked_is_told_as_a_broken_signature() -> None:
    making = Making(TestCloud())
    making.method("/", "GET", mock("{}"), authorization="AWS_IAM")
    await making.deploy()
    hashed = "sirDDmH2JNXZ7PrsYu3JMpduFdLxWZgJKX9UIu07OWs="
    for path in ("/", "/nowhere"):
        answer = await making.ask("GET", path, headers={"Authorization": "Bearer token"})
        assert (answer.status, header(answer, "x-amzn-ErrorType")) == (403, "IncompleteSignatureException")
        assert json(answer)["message"] == (
            "Invalid key=value pair (missing equal-sign) in Authorization header (hashed with SHA-256 and encoded with "
            f"Base64): '{hashed}'."
        )
        answer = await making.ask("GET", path, headers={"Authorization": "token"})
        assert json(answer)["message"].startswith(
            "Authorization header requires 'Credential' parameter. Authorization header requires 'Signature' parameter."
        )
    assert json(await making.ask("GET", "/nowhere")) == {"message": "Missing Authentication Token"}


async def test_a_resource_policy_lets_a_user_in_or_keeps_him_out() -> None:
    cloud = TestCloud()
    document = policy(Principal={"AWS": f"arn:aws:iam::{ACCOUNT}:user/alice"})
    making = Making(cloud, policy=document)
    making.method("/", "GET", mock("{}"), authorization="AWS_IAM")
    await making.deploy()
    alice = await user(cloud)
    assert (await signed(cloud, alice, "/")).status == 200
    making.api = Making(cloud, policy=policy("Deny")).api
    await making.deploy(deployment="d2")
    answer = await signed(cloud, alice, "/")
    assert json(answer)["Message"].endswith(" with an explicit deny")


def authorizer(kind: str = "TOKEN", source: str = "method.request.header.Authorization", **fields: Any) -> Authorizer:
    return Authorizer(id="auth", name="auth", type=kind, uri=INVOCATIONS % "auth", identity_source=source, **fields)


def grant(effect: str = "Allow", resource: str = f"{ARN}/dev/*", **more: Any) -> dict[str, Any]:
    statement = {"Action": "execute-api:Invoke", "Effect": effect, "Resource": resource}
    document = {"Version": "2012-10-17", "Statement": [statement]}
    return {"principalId": "me", "policyDocument": document, **more}


async def guarded(one: Authorizer, answer: Any, **fields: Any) -> tuple[TestCloud, Making, Functions]:
    """An API at /{proxy+} behind an authorizer whose function is `answer` of its event."""
    cloud = TestCloud()
    made = Functions(auth=answer, echo=echo)
    cloud.targets["lambda"] = made  # type: ignore[assignment]
    making = Making(cloud, **fields)
    making.parts["authorizers"] = {"auth": one}
    making.method("/{proxy+}", "GET", lambda_proxy("echo"), authorization="CUSTOM", authorizer_id="auth")
    await making.deploy()
    return cloud, making, made


async def test_a_token_authorizer_is_told_the_token_and_hands_its_context_on() -> None:
    context = {"text": "a", "number": 1, "yes": True, "none": None}
    _, making, made = await guarded(authorizer(), lambda event: grant(context=context))
    answer = await making.ask("GET", "/a/b", headers={"Authorization": "let me in"})
    assert answer.status == 200
    assert made.events[0] == (
        "auth",
        {"type": "TOKEN", "methodArn": f"{ARN}/dev/GET/a/b", "authorizationToken": "let me in"},
    )
    assert made.sources[0] == f"{ARN}/authorizers/auth"
    assert json(answer)["requestContext"]["authorizer"] == {
        "principalId": "me",
        "integrationLatency": 0,
        "text": "a",
        "number": "1",
        "yes": "true",
    }


async def test_tokens_that_are_missing_or_look_wrong_are_unauthorized() -> None:
    _, making, made = await guarded(authorizer(identity_validation="^Bearer [a-z]+$"), lambda event: grant())
    for headers in ({}, {"Authorization": ""}, {"Authorization": "Bearer 1"}):
        answer = await making.ask("GET", "/a", headers=headers)
        assert (answer.status, json(answer)) == (401, {"message": "Unauthorized"})
        assert header(answer, "x-amzn-ErrorType") == "UnauthorizedException"
    assert made.events == []
    assert (await making.ask("GET", "/a", headers={"Authorization": "Bearer x"})).status == 200


async def test_policies_are_kept_for_their_time_and_asked_anew_for_each_method() -> None:
    cloud, making, made = await guarded(authorizer(ttl_s=60), lambda event: grant(resource=f"{ARN}/dev/GET/a"))

    async def asked(path: str, token: str) -> tuple[int, int]:
        status = (await making.ask("GET", path, headers={"Authorization": token})).status
        return status, sum(name == "auth" for name, _ in made.events)

    assert await asked("/a", "x") == (200, 1)
    assert await asked("/a", "x") == (200, 1)
    assert await asked("/b", "x") == (403, 1), "the kept policy decides about another path"
    assert await asked("/a", "y") == (200, 2)
    cloud.clock.advance(MINUTE_NS)
    assert await asked("/a", "x") == (200, 3)
    await making.stage(authorizers_flushed=1)
    assert await asked("/a", "x") == (200, 4)


async def test_denials_are_told_apart() -> None:
    answers: list[Any] = [grant("Deny"), grant(resource="arn:aws:execute-api:*:*:other/*")]
    _, making, _ = await guarded(authorizer(ttl_s=0), lambda event: answers.pop(0))
    texts = []
    for _ in range(2):
        answer = await making.ask("GET", "/a", headers={"Authorization": "x"})
        assert answer.status == 403
        texts.append(json(answer)["Message"])
    assert texts == [
        "User is not authorized to access this resource with an explicit deny",
        "User is not authorized to access this resource",
    ]


@pytest.mark.parametrize(
    "result",
    [
        {},
        {"principalId": "me"},
        {"policyDocument": grant()["policyDocument"]},
        grant(context={"list": [1]}),
        {"principalId": "me", "policyDocument": {"Statement": [{"Effect": "Maybe", "Action": "*", "Resource": "*"}]}},
        {"principalId": "me", "policyDocument": {"Statement": [{"Effect": "Allow", "Resource": "*"}]}},
        "text",
        b"no json",
    ],
)
async def test_nonsense_of_an_authorizer_is_a_configuration_error(result: Any) -> None:
    _, making, _ = await guarded(authorizer(), lambda event: result)
    answer = await making.ask("GET", "/a", headers={"Authorization": "x"})
    assert (answer.status, json(answer)) == (500, {"message": None})
    assert header(answer, "x-amzn-ErrorType") == "AuthorizerConfigurationException"


async def test_authorizers_that_fail() -> None:
    def fail(event: Any) -> Any:
        raise ValueError(event["authorizationToken"])

    _, making, _ = await guarded(authorizer(), fail)
    answer = await making.ask("GET", "/a", headers={"Authorization": "Unauthorized"})
    assert (answer.status, json(answer)) == (401, {"message": "Unauthorized"})
    answer = await making.ask("GET", "/a", headers={"Authorization": "else"})
    assert (answer.status, header(answer, "x-amzn-ErrorType")) == (500, "AuthorizerFailureException")


async def test_a_request_authorizer_is_told_the_request() -> None:
    sources = "method.request.header.x-key, method.request.querystring.q,stageVariables.s,context.httpMethod"
    _, making, made = await guarded(authorizer("REQUEST", sources), lambda event: grant())
    await making.stage(variables={"s": "1"})
    assert (await making.ask("GET", "/a?q=1")).status == 401, "a source is missing"
    answer = await making.ask("GET", "/a?q=1", headers={"x-key": "k"})
    assert answer.status == 200
    event = made.events[0][1]
    assert (event["type"], event["methodArn"], event["path"]) == ("REQUEST", f"{ARN}/dev/GET/a", "/a")
    assert event["queryStringParameters"] == {"q": "1"}
    assert event["stageVariables"] == {"s": "1"}
    assert event["headers"]["x-key"] == "k"
    assert event["requestContext"]["resourcePath"] == "/{proxy+}"
    assert "body" not in event
    assert "isBase64Encoded" not in event


async def test_a_resource_policy_and_an_authorizer_together() -> None:
    none = grant(resource="arn:aws:execute-api:*:*:other/*")
    _, making, made = await guarded(authorizer(), lambda event: none, policy=policy())
    assert (await making.ask("GET", "/a", headers={"Authorization": "x"})).status == 200, "the API's policy allows"
    _, making, made = await guarded(authorizer(), lambda event: grant(), policy=policy("Deny"))
    answer = await making.ask("GET", "/a", headers={"Authorization": "x"})
    assert answer.status == 403
    assert made.events == [], "an explicit deny ends it before the authorizer is asked"


async def test_a_denied_path_is_denied_however_it_is_written() -> None:
    allow = orjson.loads(policy())["Statement"]
    deny = orjson.loads(policy("Deny", f"{ARN}/dev/GET/books/secret"))["Statement"]
    document = orjson.dumps({"Version": "2012-10-17", "Statement": allow + deny}).decode()
    making = Making(TestCloud(), policy=document)
    making.method("/books/{id}", "GET", mock("{}"))
    making.method("/{proxy+}", "GET", mock("{}"))
    await making.deploy()
    for path in (
        "/books/secret",
        "/books/secret/",
        "/books/%73ecret",
        "/%62ooks/secret",
        "/x/../books/secret",
        "//books//secret",
        "/books%2Fsecret",
    ):
        assert (await making.ask("GET", path)).status == 403, path
    for path in ("/books/secrets", "/books/..secret", "/books/%25secret"):
        assert (await making.ask("GET", path)).status == 200, path
