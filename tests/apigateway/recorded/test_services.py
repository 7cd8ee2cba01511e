"""Queues, tables and buses behind stages, as AWS was recorded to answer."""

from __future__ import annotations

import hashlib
import json
from typing import Any

import pytest

from tests.execute.rest.making import role

from .building import MEDIA, Building, said
from .wire import Like

pytestmark = pytest.mark.slow
UUID = Like("[0-9a-f-]{36}")
FORM = {"integration.request.header.Content-Type": "'application/x-www-form-urlencoded'"}
SUCCESS = '{"message": "great success!"}'


async def service(rest: str, template: str, *, path: str = "/sqs", response: str = SUCCESS, **more: Any) -> Building:
    """An API with one method, behind which a service is asked; there is a queue `books`."""
    api = await Building.begin()
    integration = {
        "type": "AWS",
        "integrationHttpMethod": "POST",
        "uri": f"arn:aws:apigateway:us-east-1:{rest}",
        "credentials": await role(api.wire.cloud),
        "requestTemplates": {MEDIA: template},
        **more,
    }
    await api.wire.made("sqs.CreateQueue", QueueName="books")
    responses = {"responseTemplates": {MEDIA: response}} if response else {}
    await api.method(path, "POST", integration, response=responses)
    await api.wire.made("CreateDeployment", restApiId=api.id, stageName="testing")
    return api


async def post(api: Building, body: bytes = b"", path: str = "/sqs", **headers: str) -> Any:
    """What the stage answers; it must succeed."""
    named = {name.replace("_", "-"): value for name, value in headers.items()}
    answer = await api.send("POST", path, stage="testing", headers=named, body=body)
    assert answer.status == 200, answer.body
    return said(answer)


async def messages(api: Building) -> list[dict[str, Any]]:
    """What is in the queue."""
    url = (await api.wire.made("sqs.GetQueueUrl", QueueName="books"))["QueueUrl"]
    asked = {"QueueUrl": url, "MaxNumberOfMessages": 10, "MessageAttributeNames": ["All"]}
    found = (await api.wire.made("sqs.ReceiveMessage", **asked)).get("Messages", [])
    return sorted(found, key=lambda one: -len(one["Body"]))


@pytest.mark.recorded("test_sqs_aws_integration")
async def test_a_queue() -> None:
    api = await service(
        "sqs:path/000000000000/books",
        "Action=SendMessage&MessageBody=$input.body",
        requestParameters=FORM,
        passthroughBehavior="NEVER",
    )
    assert await post(api, b'{"foo": "bar"}') == {"message": "great success!"}
    assert await post(api) == {"message": "great success!"}
    handle = Like(".+")
    assert await messages(api) == [
        {"Body": body, "MD5OfBody": digest, "MessageId": UUID, "ReceiptHandle": handle}
        for body, digest in (
            ('{"foo": "bar"}', "94232c5b8fc9272f6f73a1e36eb68fcf"),
            ("{}", "99914b932bd37a50b983c5e7c90ae93b"),
        )
    ]


@pytest.mark.recorded("test_sqs_aws_integration_with_message_attribute[MessageAttribute]")
@pytest.mark.recorded("test_sqs_aws_integration_with_message_attribute[MessageAttributes]")
@pytest.mark.parametrize("member", ["MessageAttribute", "MessageAttributes"])
async def test_attributes_of_a_message(member: str) -> None:
    template = (
        f"Action=SendMessage&MessageBody=$input.body&{member}.1.Name=user-agent"
        f"&{member}.1.Value.DataType=String&{member}.1.Value.StringValue=$input.params('User-Agent')"
    )
    api = await service("sqs:path/000000000000/books", template, requestParameters=FORM)
    await post(api, b'{"foo": "bar"}', User_Agent="BAR-Header")
    [message] = await messages(api)
    assert message["Body"] == '{"foo": "bar"}'
    assert message["MessageAttributes"] == {"user-agent": {"DataType": "String", "StringValue": "BAR-Header"}}


@pytest.mark.recorded("test_sqs_request_and_response_xml_templates_integration")
async def test_a_queues_answer() -> None:
    response = (
        "#set($response = $input.path('$.SendMessageResponse'))"
        '{"messageId": "$response.SendMessageResult.MessageId", "requestId": "$response.ResponseMetadata.RequestId"}'
    )
    template = "Action=SendMessage&MessageBody=$util.base64Encode($input.json('$'))"
    api = await service("sqs:path/000000000000/books", template, requestParameters=FORM, response=response)
    assert await post(api, b'{"foo": "bar"}') == {"messageId": UUID, "requestId": UUID}
    assert len(await messages(api)) == 1


NAMES = (
    *("accountId", "apiId", "deploymentId", "domainName", "domainPrefix", "extendedRequestId", "httpMethod"),
    *("identity", "path", "protocol", "requestId", "requestOverride", "requestTime", "requestTimeEpoch"),
    *("resourceId", "resourcePath", "responseOverride", "stage"),
)
"""Of $context, when no authorizer and no canary is there."""
MEMBERS = {
    "identity": (
        *("accessKey", "accountId", "caller", "cognitoAuthenticationProvider", "cognitoAuthenticationType"),
        *("cognitoIdentityId", "cognitoIdentityPoolId", "principalOrgId", "sourceIp", "user", "userAgent"),
        "userArn",
    ),
    "requestOverride": ("header", "path", "querystring"),
    "responseOverride": ("header",),
}
"""Of the maps that are in it."""


@pytest.mark.recorded("test_sqs_amz_json_protocol")
async def test_a_queue_by_its_json_protocol() -> None:
    def loop(of: str, place: str) -> str:
        return (
            f'#foreach($key in {of}.keySet())\\"$key\\": \\"$util.escapeJavaScript({place})\\"'
            "#if($foreach.hasNext), #end#end"
        )

    whole = [f'\\"context\\": {{{loop("$context", "$context.get($key)")}}}']
    whole += [f'\\"{one}\\": {{{loop(f"$context.{one}", f"$context.{one}.get($key)")}}}' for one in MEMBERS]
    whole.append(f'\\"authorizer_keys\\": {{{loop("$context.authorizer", "$context.authorizer.get($key)")}}}')
    body = ", ".join(whole)
    template = f'{{"QueueUrl": "$stageVariables.queue", "MessageBody": "{{{body}}}"}}'
    headers = {
        "integration.request.header.Content-Type": "'application/x-amz-json-1.0'",
        "integration.request.header.X-Amz-Target": "'AmazonSQS.SendMessage'",
    }
    api = await service("sqs:path/000000000000/books", template, requestParameters=headers)
    url = (await api.wire.made("sqs.GetQueueUrl", QueueName="books"))["QueueUrl"]
    deployed = await api.wire.made("CreateDeployment", restApiId=api.id, stageName="testing", variables={"queue": url})
    await post(api, User_Agent="python/requests/tests")
    [message] = await messages(api)
    assert message["MD5OfBody"] == hashlib.md5(message["Body"].encode()).hexdigest()
    seen = json.loads(message["Body"])
    nothing = {one: dict.fromkeys(inner, "") for one, inner in MEMBERS.items()}
    assert {name: sorted(inner) for name, inner in seen.items()} == {
        "authorizer_keys": [],
        "context": sorted(NAMES),
        **{one: sorted(inner) for one, inner in MEMBERS.items()},
    }
    assert seen["identity"] == {
        **nothing["identity"],
        "sourceIp": "127.0.0.1",
        "userAgent": "python/requests/tests",
    }
    assert seen["requestOverride"] == nothing["requestOverride"]
    assert seen["responseOverride"] == nothing["responseOverride"]
    assert seen["context"] == {
        "accountId": "000000000000",
        "apiId": api.id,
        "deploymentId": deployed["id"],
        "domainName": f"{api.id}.execute-api.localhost",
        "domainPrefix": api.id,
        "extendedRequestId": Like(".+"),
        "httpMethod": "POST",
        "identity": "",
        "path": "/testing/sqs",
        "protocol": "HTTP/1.1",
        "requestId": UUID,
        "requestOverride": "",
        "requestTime": "14/Nov/2023:22:13:20 +0000",
        "requestTimeEpoch": "1700000000000",
        "resourceId": api.paths["/sqs"],
        "resourcePath": "/sqs",
        "responseOverride": "",
        "stage": "testing",
    }


@pytest.mark.recorded("test_apigateway_to_eventbridge")
async def test_a_bus() -> None:
    template = (
        '#set($context.requestOverride.header.X-Amz-Target = "AWSEvents.PutEvents")'
        '#set($context.requestOverride.header.Content-Type = "application/x-amz-json-1.1")'
        '{"Entries": [{"Source": "books", "DetailType": "new", "Detail": "$util.escapeJavaScript($input.body)"}]}'
    )
    api = await service("events:action/PutEvents", template, response="")
    assert await post(api, b'{"id": "1"}') == {"Entries": [{"EventId": UUID}], "FailedEntryCount": 0}


@pytest.mark.recorded("test_rest_api_to_dynamodb_integration[PutItem]")
async def test_a_table() -> None:
    template = '{"TableName": "books", "Item": {"id": {"S": "$input.params(\'id\')"}}}'
    api = await service("dynamodb:action/PutItem", template, path="/items", response="")
    await api.wire.made(
        "dynamodb.CreateTable",
        TableName="books",
        KeySchema=[{"AttributeName": "id", "KeyType": "HASH"}],
        AttributeDefinitions=[{"AttributeName": "id", "AttributeType": "S"}],
        BillingMode="PAY_PER_REQUEST",
    )
    for item in ("test", "test2", "test%203"):
        answer = await api.send("POST", f"/items?id={item}", stage="testing")
    answer = await api.send("POST", "/items?id=test-new", stage="testing")
    assert (answer.status, said(answer)) == (200, {})
    assert {name.lower(): value for name, value in answer.headers} == {
        "content-type": MEDIA,
        "x-amz-apigw-id": Like(".+"),
        "x-amzn-requestid": UUID,
        "x-amzn-trace-id": Like("Root=1-.*"),
    }
    found = await api.wire.made("dynamodb.Scan", TableName="books")
    found["Items"].sort(key=lambda item: item["id"]["S"])
    ids = ("test", "test 3", "test-new", "test2")
    assert found == {"Count": 4, "Items": [{"id": {"S": one}} for one in ids], "ScannedCount": 4}
