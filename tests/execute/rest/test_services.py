"""AWS service integrations against the services of this cloud: SQS, S3, DynamoDB, EventBridge, as AWS answered."""

from __future__ import annotations

import base64
import gzip
from typing import Any

import pytest

from lambent.services.apigateway.model import Integration, IntegrationResponse
from tests.execute.rest.making import ALL, TRUST, Making, header, json, role
from tests.execute.rest.test_authorization import signed, user
from tests.support import ACCOUNT, REGION, TestCloud

OK = {"200": IntegrationResponse(status_code="200", templates={"application/json": '{"message": "great success!"}'})}
FORM = {"integration.request.header.Content-Type": "'application/x-www-form-urlencoded'"}


def uri(rest: str) -> str:
    return f"arn:aws:apigateway:{REGION}:{rest}"


async def aws(
    rest: str, verb: str = "POST", path: str = "/", policy: str = ALL, **fields: Any
) -> tuple[TestCloud, Making]:
    """An API with one method, whose integration is a service."""
    cloud = TestCloud()
    fields = {"responses": OK, "http_method": verb, **fields}
    credentials = await role(cloud, policy=policy)
    making = Making(cloud)
    making.method(path, verb, Integration(type="AWS", uri=uri(rest), credentials=credentials, **fields))
    await making.deploy()
    return cloud, making


async def messages(cloud: TestCloud, url: str) -> list[dict[str, Any]]:
    got = await cloud.call("sqs", "ReceiveMessage", QueueUrl=url, MaxNumberOfMessages=10, MessageAttributeNames=["All"])
    return got.get("Messages", [])  # type: ignore[no-any-return]


async def queue(cloud: TestCloud) -> str:
    url: str = (await cloud.call("sqs", "CreateQueue", QueueName="books"))["QueueUrl"]
    return url


@pytest.mark.slow
async def test_a_queue_by_a_form() -> None:
    template = "Action=SendMessage&MessageBody=$input.body"
    cloud, making = await aws(
        f"sqs:path/{ACCOUNT}/books", parameters=FORM, templates={"application/json": template}, passthrough="NEVER"
    )
    url = await queue(cloud)
    for body in (b'{"foo": "bar"}', b""):
        answer = await making.ask("POST", "", body=body)
        assert (answer.status, json(answer)) == (200, {"message": "great success!"})
    assert sorted(one["Body"] for one in await messages(cloud, url)) == ['{"foo": "bar"}', "{}"]


@pytest.mark.slow
async def test_a_queues_answer_is_read_as_json() -> None:
    response = (
        "#set($result = $input.path('$.SendMessageResponse'))"
        '{"requestId": "$result.ResponseMetadata.RequestId", "messageId": "$result.SendMessageResult.MessageId"}'
    )
    template = "Action=SendMessage&MessageBody=$util.urlEncode($input.json('$'))"
    cloud, making = await aws(
        f"sqs:path/{ACCOUNT}/books",
        parameters=FORM,
        templates={"application/json": template},
        responses={"200": IntegrationResponse(status_code="200", templates={"application/json": response})},
    )
    url = await queue(cloud)
    answer = json(await making.ask("POST", "", body=b'{"a": "b & c"}'))
    [message] = await messages(cloud, url)
    assert answer["messageId"] == message["MessageId"]
    assert answer["requestId"]
    assert message["Body"] == '{"a":"b & c"}'


@pytest.mark.slow
async def test_a_queue_by_action_and_message_attributes() -> None:
    parameters = {
        **FORM,
        "integration.request.querystring.MessageBody": "method.request.body",
        "integration.request.querystring.QueueUrl": "stageVariables.queue",
        "integration.request.querystring.MessageAttribute.1.Name": "'user-agent'",
        "integration.request.querystring.MessageAttribute.1.Value.DataType": "'String'",
        "integration.request.querystring.MessageAttribute.1.Value.StringValue": "method.request.header.x-agent",
    }
    cloud, making = await aws("sqs:action/SendMessage", parameters=parameters)
    url = await queue(cloud)
    await making.stage(variables={"queue": url})
    answer = await making.ask("POST", "", body=b'{"foo": "bar"}', headers={"x-agent": "BAR-Header"})
    assert answer.status == 200, answer.body
    [message] = await messages(cloud, url)
    assert message["Body"] == '{"foo": "bar"}'
    assert message["MessageAttributes"]["user-agent"]["StringValue"] == "BAR-Header"


@pytest.mark.slow
async def test_a_queue_by_its_json_protocol() -> None:
    parameters = {
        "integration.request.header.Content-Type": "'application/x-amz-json-1.0'",
        "integration.request.header.X-Amz-Target": "'AmazonSQS.SendMessage'",
    }
    template = (
        '{"QueueUrl": "$stageVariables.queue", "MessageBody": "$util.escapeJavaScript($context.httpMethod) '
        '$context.resourcePath $context.identity.userAgent"}'
    )
    cloud, making = await aws(
        f"sqs:path/{ACCOUNT}/books", path="/sqs", parameters=parameters, templates={"application/json": template}
    )
    url = await queue(cloud)
    await making.stage(variables={"queue": url})
    answer = await making.ask("POST", "/sqs", headers={"User-Agent": "python/requests/tests"})
    assert answer.status == 200, answer.body
    [message] = await messages(cloud, url)
    assert message["Body"] == "POST /sqs python/requests/tests"


@pytest.mark.slow
async def test_a_role_without_permission_shows_the_services_error() -> None:
    denied = {"403": IntegrationResponse(status_code="403", selection_pattern="4\\d\\d"), **OK}
    nothing = ALL.replace("Allow", "Deny")
    _, making = await aws(
        "dynamodb:action/ListTables", templates={"application/json": "{}"}, responses=denied, policy=nothing
    )
    answer = await making.ask("POST", "")
    assert answer.status == 403
    assert "is not authorized to perform: dynamodb:ListTables" in json(answer)["Message"]


@pytest.mark.slow
async def test_an_item_of_dynamodb() -> None:
    template = '{"TableName": "books", "Item": {"id": {"S": $input.json("$.id")}}}'
    cloud, making = await aws(
        "dynamodb:action/PutItem",
        templates={"application/json": template},
        responses={"200": IntegrationResponse(status_code="200", selection_pattern="200")},
    )
    await cloud.call(
        "dynamodb",
        "CreateTable",
        TableName="books",
        KeySchema=[{"AttributeName": "id", "KeyType": "HASH"}],
        AttributeDefinitions=[{"AttributeName": "id", "AttributeType": "S"}],
        BillingMode="PAY_PER_REQUEST",
    )
    answer = await making.ask("POST", "", body=b'{"id": "test"}')
    assert (answer.status, json(answer), header(answer, "content-type")) == (200, {}, "application/json")
    found = await cloud.call("dynamodb", "Scan", TableName="books")
    assert found["Items"] == [{"id": {"S": "test"}}]
    answer = await making.ask("POST", "", body=b'{"id": 1}')
    assert answer.status == 500, "no integration response is for 400"


@pytest.mark.slow
async def test_an_event_for_eventbridge() -> None:
    template = (
        '#set($context.requestOverride.header.X-Amz-Target = "AWSEvents.PutEvents")'
        '#set($context.requestOverride.header.Content-Type = "application/x-amz-json-1.1")'
        '{"Entries": [{"Source": "books", "DetailType": "new", "Detail": "$util.escapeJavaScript($input.body)"}]}'
    )
    _, making = await aws(
        "events:action/PutEvents",
        templates={"application/json": template},
        responses={"200": IntegrationResponse(status_code="200")},
    )
    answer = json(await making.ask("POST", "", body=b'{"id": "1"}'))
    assert answer["FailedEntryCount"] == 0
    assert len(answer["Entries"][0]["EventId"]) == 36


RAW = gzip.compress(b"this is a gzipped text", mtime=0)
ENCODED = base64.b64encode(RAW)
TEXT = b"this is a UTF8 text typed object"


async def bucket(verb: str, media: tuple[str, ...], **fields: Any) -> tuple[TestCloud, Making]:
    parameters = {
        "integration.request.path.object_path": "method.request.path.object_path",
        "integration.request.header.Content-Type": "method.request.header.Content-Type",
    }
    responses = {
        "200": IntegrationResponse(
            status_code="200",
            parameters={"method.response.header.ETag": "integration.response.header.ETag"},
            **fields.pop("response", {}),
        ),
        "404": IntegrationResponse(status_code="404", selection_pattern="404"),
    }
    cloud = TestCloud()
    making = Making(cloud, binary_media_types=media)
    await cloud.call("s3", "CreateBucket", Bucket="pictures")
    integration = Integration(
        type="AWS",
        http_method=verb,
        uri=uri("s3:path/pictures/{object_path}"),
        credentials=await role(cloud),
        parameters=parameters,
        responses=responses,
        **fields,
    )
    making.method("/{object_path+}", verb, integration)
    await making.deploy()
    return cloud, making


async def stored(cloud: TestCloud, key: str) -> bytes:
    got = (await cloud.call("s3", "GetObject", Bucket="pictures", Key=key))["Body"]
    if isinstance(got, bytes):
        return got
    return b"".join([bytes(piece) async for piece in got])


MANGLED = RAW.decode("utf-8", "replace").encode()


@pytest.mark.slow
@pytest.mark.parametrize(
    ("media", "handling", "kind", "sent", "expected"),
    [
        ((), None, "image/png", RAW, MANGLED),
        ((), None, "image/png", TEXT, TEXT),
        (("image/png",), None, "text/plain", RAW, MANGLED),
        (("image/png",), None, "image/png", RAW, RAW),
        (("image/png",), None, "image/png", ENCODED, ENCODED),
        ((), "CONVERT_TO_BINARY", "image/png", ENCODED, RAW),
        (("image/png",), "CONVERT_TO_BINARY", "text/plain", ENCODED, RAW),
        (("image/png",), "CONVERT_TO_BINARY", "image/png", ENCODED, ENCODED),
        (("image/png",), "CONVERT_TO_TEXT", "image/png", RAW, ENCODED),
        (("image/png",), "CONVERT_TO_BINARY", "text/plain", TEXT, None),
    ],
)
async def test_binary_bodies_on_their_way_to_a_bucket(
    media: tuple[str, ...], handling: str | None, kind: str, sent: bytes, expected: bytes | None
) -> None:
    cloud, making = await bucket("PUT", media, content_handling=handling)
    answer = await making.ask("PUT", "/a/b.png", headers={"Content-Type": kind}, body=sent)
    if expected is None:
        assert (answer.status, json(answer)) == (500, {"message": "Internal server error"})
    else:
        assert (answer.status, header(answer, "ETag") is not None) == (200, True)
        assert await stored(cloud, "a/b.png") == expected


@pytest.mark.slow
@pytest.mark.parametrize(
    ("media", "handling", "kind", "accept", "stored", "expected"),
    [
        ((), None, "image/png", "image/png", RAW, MANGLED),
        ((), "CONVERT_TO_BINARY", "image/png", "text/plain", ENCODED, RAW),
        (("image/png",), None, "image/png", "image/png", RAW, RAW),
        (("image/png",), None, "image/png", "text/plain", RAW, ENCODED),
        (("image/png",), None, "image/png", "text/plain", ENCODED, base64.b64encode(ENCODED)),
        (("image/png",), None, "text/plain", "image/png", ENCODED, RAW),
        (("image/png",), None, "text/plain", "text/plain", ENCODED, ENCODED),
        (("image/png",), None, "text/plain", "text/plain", RAW, MANGLED),
        (("image/png",), "CONVERT_TO_BINARY", "image/png", "text/plain", RAW, RAW),
        (("image/png",), "CONVERT_TO_BINARY", "text/plain", "text/plain", ENCODED, RAW),
        (("image/png",), "CONVERT_TO_TEXT", "image/png", "image/png", RAW, ENCODED),
        (("image/png",), "CONVERT_TO_TEXT", "text/plain", "image/png", TEXT, TEXT),
    ],
)
async def test_binary_bodies_on_their_way_from_a_bucket(
    media: tuple[str, ...], handling: str | None, kind: str, accept: str, stored: bytes, expected: bytes
) -> None:
    cloud, making = await bucket("GET", media, response={"content_handling": handling})
    await cloud.call("s3", "PutObject", Bucket="pictures", Key="a b", Body=stored, ContentType=kind)
    answer = await making.ask("GET", "/a%20b", headers={"Accept": accept})
    assert (answer.status, answer.body) == (200, expected)


@pytest.mark.slow
async def test_a_template_around_a_binary_object() -> None:
    response = {"content_handling": "CONVERT_TO_TEXT", "templates": {"application/json": '{"data": "$input.body"}'}}
    cloud, making = await bucket("GET", ("image/png",), response=response)
    await cloud.call("s3", "PutObject", Bucket="pictures", Key="a", Body=RAW, ContentType="image/png")
    assert json(await making.ask("GET", "/a", headers={"Accept": "image/png"})) == {"data": ENCODED.decode()}


@pytest.mark.slow
async def test_a_missing_object_and_a_path_that_leads_elsewhere() -> None:
    cloud, making = await bucket("GET", ())
    answer = await making.ask("GET", "/missing.json")
    assert answer.status == 404
    assert isinstance(answer.body, bytes)
    assert b"NoSuchKey" in answer.body
    await cloud.call("s3", "CreateBucket", Bucket="secrets")
    await cloud.call("s3", "PutObject", Bucket="secrets", Key="a", Body=b"secret")
    for path in ("/../secrets/a", "/x/../../secrets/a", "/%2e%2e/secrets/a", "/%2E%2E%2Fsecrets%2Fa", "/..%5Csecrets"):
        answer = await making.ask("GET", path)
        assert answer.status >= 400, path
        assert isinstance(answer.body, bytes)
        assert b"secret" not in answer.body.replace(b"secrets", b""), path


@pytest.mark.slow
async def test_a_service_that_is_not_built_says_so() -> None:
    template = {"application/json": "{}"}
    every = {
        "200": IntegrationResponse(status_code="200"),
        "x": IntegrationResponse(status_code="418", selection_pattern="5\\d\\d|4\\d\\d"),
    }
    _, making = await aws("states:action/StartExecution", templates=template, responses=every)
    assert (await making.ask("POST", "")).status == 418
    _, making = await aws("nothing:action/It", templates=template, responses=every)
    assert (await making.ask("POST", "")).status == 500


@pytest.mark.slow
async def test_a_service_is_asked_as_the_caller() -> None:
    cloud = TestCloud()
    making = Making(cloud)
    integration = Integration(
        type="AWS",
        http_method="POST",
        uri=uri("sts:action/GetCallerIdentity"),
        credentials="arn:aws:iam::*:user/*",
        responses={"200": IntegrationResponse(status_code="200")},
    )
    making.method("/", "GET", integration, authorization="AWS_IAM")
    making.method("/open", "GET", integration)
    await making.deploy()
    alice = await user(cloud, ALL)
    answer = json(await signed(cloud, alice, "/"))
    found = answer["GetCallerIdentityResponse"]["GetCallerIdentityResult"]
    assert found["Arn"] == "arn:aws:iam::000000000000:user/alice"
    assert (await making.ask("GET", "/open")).status == 500, "nobody signed"


@pytest.mark.slow
async def test_a_role_that_does_not_trust_api_gateway() -> None:
    cloud = TestCloud()
    making = Making(cloud)
    other = TRUST.replace("apigateway", "lambda")
    credentials = await role(cloud, trust=other)
    integration = Integration(
        type="AWS", http_method="POST", uri=uri("sqs:action/ListQueues"), credentials=credentials, responses=OK
    )
    making.method("/", "GET", integration)
    await making.deploy()
    answer = await making.ask("GET", "")
    assert (answer.status, json(answer)) == (500, {"message": "Internal server error"})


@pytest.mark.slow
async def test_a_role_is_assumed_anew_when_it_has_changed() -> None:
    cloud, making = await aws("dynamodb:action/ListTables", templates={"application/json": "{}"})
    assert (await making.ask("POST", "")).status == 200
    await cloud.call("iam", "UpdateAssumeRolePolicy", RoleName="api", PolicyDocument=TRUST.replace("Allow", "Deny"))
    assert (await making.ask("POST", "")).status == 500
    await cloud.call("iam", "DeleteRolePolicy", RoleName="api", PolicyName="it")
    await cloud.call("iam", "DeleteRole", RoleName="api")
    assert (await making.ask("POST", "")).status == 500
    await role(cloud)
    assert (await making.ask("POST", "")).status == 200, "another role of the same name"


@pytest.mark.slow
async def test_a_body_that_passes_through_keeps_its_content_type() -> None:
    cloud = TestCloud()
    making = Making(cloud)
    await cloud.call("s3", "CreateBucket", Bucket="pictures")
    parameters = {"integration.request.path.key": "method.request.path.key"}
    integration = Integration(
        type="AWS",
        http_method="PUT",
        uri=uri("s3:path/pictures/{key}"),
        credentials=await role(cloud),
        parameters=parameters,
        responses=OK,
    )
    making.method("/{key}", "PUT", integration)
    await making.deploy()
    assert (await making.ask("PUT", "/a", headers={"Content-Type": "text/css"}, body=b"a {}")).status == 200
    assert (await cloud.call("s3", "HeadObject", Bucket="pictures", Key="a"))["ContentType"] == "text/css"
