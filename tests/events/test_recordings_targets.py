"""Functions, topics and methods of APIs as targets: against what AWS was recorded to answer."""

from __future__ import annotations

import json
from typing import Any

import pytest

from lambent.contracts.functions import FunctionSpec, Invocation, Outcome
from tests.cloudformation.cloud import FakeCompute
from tests.lambda_.support import TRUST, zipped
from tests.support import ACCOUNT, REGION

from .recorded import ARN, bare, done, event, recorded
from .support import DETAIL, SOURCE, EventsCloud, run

FINE: dict[str, Any] = {"FailedEntryCount": 0, "FailedEntries": []}


class Heard(FakeCompute):
    """Keeps the events that functions get, and answers as `answer` says."""

    def __init__(self, answer: Any = None) -> None:
        super().__init__()
        self.events: list[Any] = []
        self.reply = json.dumps(answer).encode()

    async def invoke(self, spec: FunctionSpec, invocation: Invocation) -> Outcome:
        self.events.append(json.loads(invocation.payload))
        return Outcome(payload=self.reply)


async def _function(c: EventsCloud, service: str) -> str:
    """The ARN of a function that a service may call."""
    await c.call("iam", "CreateRole", RoleName="runner", AssumeRolePolicyDocument=json.dumps(TRUST))
    role = f"arn:aws:iam::{ACCOUNT}:role/runner"
    code = {"Runtime": "python3.11", "Handler": "app.handler", "Role": role, "Code": {"ZipFile": zipped()}}
    made = await c.call("lambda", "CreateFunction", FunctionName="f", **code)
    permission = {"StatementId": "s", "Action": "lambda:InvokeFunction", "Principal": f"{service}.amazonaws.com"}
    await c.call("lambda", "AddPermission", FunctionName="f", **permission)
    await c.settle()
    return str(made["FunctionArn"])


_ACTION = {
    "id": "321",
    "type": "SEND_NOTIFICATION",
    "settings": {"message": "", "recipientEmails": [], "subject": "", "type": "SEND_NOTIFICATION"},
}


def _automated(*automations: Any) -> dict[str, Any]:
    """The recorded detail with these automations."""
    whom = {"userId": 10, "businessId": 3, "channelId": 6, "card": {"foo": "bar"}, "targetEntity": True}
    return {"payload": {**whom, "entityAuditTrailEvent": {"foo": "bar"}, "automations": list(automations)}}


_WITH_ID = {"id": "123", "actions": [_ACTION]}
_BY_ID = {"payload": {"automations": {"id": [{"exists": True}]}}}


@pytest.mark.parametrize(
    ("case", "pattern", "detail"),
    [
        ("TestEventsTargetLambda::test_put_events_with_target_lambda", {"command": ["update-account"]}, DETAIL),
        (
            "TestEventsTargetLambda::test_put_events_with_target_lambda_list_entry",
            _BY_ID,
            _automated(_WITH_ID),
        ),
        (
            "TestEventsTargetLambda::test_put_events_with_target_lambda_list_entries_partial_match",
            _BY_ID,
            _automated({"foo": "bar"}, _WITH_ID, {"bar": "foo"}),
        ),
    ],
)
def test_to_a_function(case: str, pattern: dict[str, Any], detail: dict[str, Any]) -> None:
    async def scenario(c: EventsCloud) -> None:
        heard = c.compute = Heard()
        await c.rule("r", await _function(c, "events"), json.dumps({"source": [SOURCE], "detail": pattern}))
        await c.put(Detail=json.dumps(detail))
        await c.put(Detail=json.dumps({"payload": {"automations": [{"foo": "bar"}]}}))
        assert [bare(found) for found in heard.events] == [event(detail=detail)]

    run(scenario)


@recorded(
    "TestEventsTargetSns::test_put_events_with_target_sns[domain]",
    "TestEventsTargetSns::test_put_events_with_target_sns[path]",
)
@pytest.mark.slow
def test_to_a_topic() -> None:
    async def scenario(c: EventsCloud) -> None:
        queue = await c.queue("heard", allowed=False)
        allow = {"Effect": "Allow", "Principal": "*", "Action": "sqs:SendMessage", "Resource": queue}
        policy = json.dumps({"Version": "2012-10-17", "Statement": [allow]})
        url = f"{c.settings.endpoint}/{ACCOUNT}/heard"
        await c.call("sqs", "SetQueueAttributes", QueueUrl=url, Attributes={"Policy": policy})
        topic = (await c.call("sns", "CreateTopic", Name="t"))["TopicArn"]
        await c.call("sns", "Subscribe", TopicArn=topic, Protocol="sqs", Endpoint=queue)
        service = {"Service": "events.amazonaws.com"}
        let_in = {"Effect": "Allow", "Principal": service, "Action": "sns:Publish", "Resource": topic}
        policy = json.dumps({"Version": "2012-10-17", "Statement": [let_in]})
        await c.call("sns", "SetTopicAttributes", TopicArn=topic, AttributeName="Policy", AttributeValue=policy)
        await c.rule("r", topic)
        id = await c.put()
        (message,) = await c.messages(queue)
        assert set(message) == {"Body", "MD5OfBody", "MessageId", "ReceiptHandle", "Attributes"}
        body = json.loads(message["Body"])
        text = body.pop("Message")
        time = json.loads(text)["time"]
        assert text == (
            f'{{"version":"0","id":"{id}","detail-type":"core.update-account-command",'
            f'"source":"core.update-account-command","account":"{ACCOUNT}","time":"{time}","region":"{REGION}",'
            '"resources":[],"detail":{"command":"update-account","payload":{"acc_id":"0a787ecb-4015","sf_id":"baz"}}}'
        )
        varying = ("MessageId", "Signature", "SigningCertURL", "Timestamp", "UnsubscribeURL")
        assert all(body.pop(name) for name in varying)
        assert body == {"Type": "Notification", "TopicArn": topic, "SignatureVersion": "1"}

    run(scenario)


async def _api(c: EventsCloud, function: str) -> str:
    """The id of a REST API whose method POST /test is a function, in the stage `test`."""

    async def api(operation: str, **params: Any) -> dict[str, Any]:
        return await c.call("apigateway", operation, **params)

    rest = (await api("CreateRestApi", name="a"))["id"]
    (top,) = (await api("GetResources", restApiId=rest))["items"]
    made = await api("CreateResource", restApiId=rest, parentId=top["id"], pathPart="test")
    method = {"restApiId": rest, "resourceId": made["id"], "httpMethod": "POST"}
    await api("PutMethod", **method, authorizationType="NONE")
    uri = f"arn:aws:apigateway:{REGION}:lambda:path/2015-03-31/functions/{function}/invocations"
    await api("PutIntegration", **method, type="AWS_PROXY", integrationHttpMethod="POST", uri=uri)
    await api("CreateDeployment", restApiId=rest, stageName="test")
    return str(rest)


@pytest.mark.slow
@recorded("TestEventsTargetApiGateway::test_put_events_with_target_api_gateway")
def test_to_a_method_of_an_api() -> None:
    async def scenario(c: EventsCloud) -> None:
        heard = c.compute = Heard({"statusCode": 200, "body": "{}"})
        rest = await _api(c, await _function(c, "apigateway"))
        assert await done(c, "CreateEventBus", Name="b") == {"EventBusArn": f"{ARN}event-bus/b"}
        pattern = json.dumps({"source": ["source"], "detail-type": ["test"]})
        rule = f"{ARN}rule/b/r"
        assert await done(c, "PutRule", Name="r", EventBusName="b", EventPattern=pattern) == {"RuleArn": rule}
        target = {
            "Id": "t",
            "Arn": f"arn:aws:execute-api:{REGION}:{ACCOUNT}:{rest}/test/POST/test/",
            "RoleArn": await c.role("caller", "execute-api:Invoke"),
            "Input": json.dumps({"message": "Hello from EventBridge"}),
        }
        assert await done(c, "PutTargets", Rule="r", EventBusName="b", Targets=[target]) == FINE
        entry = {"EventBusName": "b", "Source": "source", "DetailType": "test", "Detail": "{}"}
        assert (await done(c, "PutEvents", Entries=[entry]))["FailedEntryCount"] == 0
        (found,) = heard.events
        host = f"{rest}.execute-api.{REGION}.amazonaws.com"
        headers, many, context = (found.pop(name) for name in ("headers", "multiValueHeaders", "requestContext"))
        assert set(many) == set(headers)
        # Of those that AWS has, CloudFront's are missing, and the SDK's with which EventBridge calls there.
        assert set(headers) == {
            "Content-Type",
            "Host",
            "User-Agent",
            "X-Amz-Security-Token",
            "X-Amz-Source-Account",
            "X-Amz-Source-Arn",
            "X-Amzn-Trace-Id",
            "X-Forwarded-For",
            "X-Forwarded-Port",
            "X-Forwarded-Proto",
            "x-amz-date",
        }
        told = ("Content-Type", "Host", "X-Amz-Source-Account", "X-Amz-Source-Arn")
        assert [headers[name] for name in told] == ["application/json", host, ACCOUNT, rule]
        assert json.loads(found.pop("body")) == {"message": "Hello from EventBridge"}
        assert found == {
            "httpMethod": "POST",
            "isBase64Encoded": False,
            "multiValueQueryStringParameters": None,
            "path": "/test/",
            "pathParameters": None,
            "queryStringParameters": None,
            "resource": "/test",
            "stageVariables": None,
        }
        identity = context.pop("identity")
        assert (identity.pop("sourceIp"), identity.pop("userAgent")) == ("127.0.0.1", headers["User-Agent"])
        nobody = "accessKey accountId caller cognitoAuthenticationProvider cognitoAuthenticationType cognitoIdentityId"
        more = "cognitoIdentityPoolId principalOrgId user userArn"
        assert identity == dict.fromkeys(f"{nobody} {more}".split())
        varying = "deploymentId extendedRequestId requestId requestTime requestTimeEpoch resourceId"
        assert all(context.pop(name) for name in varying.split())
        assert context == {
            "accountId": ACCOUNT,
            "apiId": rest,
            "domainName": host,
            "domainPrefix": rest,
            "httpMethod": "POST",
            "path": "/test/test/",
            "protocol": "HTTP/1.1",
            "resourcePath": "/test",
            "stage": "test",
        }

    run(scenario)
