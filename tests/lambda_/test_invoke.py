"""Synchronous and asynchronous invocation."""

from __future__ import annotations

import base64
import json
import re
from typing import Any

import pytest

from lambent.contracts.caller import Caller
from lambent.contracts.errors import NotBuilt, ServiceError
from lambent.contracts.events import Event, Undeliverable
from lambent.contracts.functions import FunctionSpec, Invocation, Outcome, TooManyRequests
from lambent.contracts.http import BytesBody
from lambent.services.lambda_.errors import (
    InvalidRequestContentException,
    RequestEntityTooLargeException,
    ResourceNotFoundException,
    TooManyRequestsException,
)

from .support import ARN, NAME, ROLE, LambdaCloud, Mailbox, fail
from .test_functions import run

QUEUE = "arn:aws:sqs:us-east-1:000000000000:ends"
BUCKET = "arn:aws:s3:::pictures"


def test_a_synchronous_call() -> None:
    async def body(cloud: LambdaCloud) -> None:
        context = base64.b64encode(b'{"custom": 1}').decode()
        answer = await cloud.invoke({"a": 1}, LogType="Tail", ClientContext=context)
        assert answer.pop("ResponseMetadata") == {"HTTPHeaders": {"content-type": "application/json"}}
        assert answer == {
            "StatusCode": 200,
            "Payload": b'{"a": 1}',
            "ExecutedVersion": "$LATEST",
            "LogResult": base64.b64encode(b"END RequestId: x\n").decode(),
        }
        spec, call = cloud.compute.calls[0]
        assert (call.invoked_arn, call.client_context) == (ARN, '{"custom": 1}')
        assert (spec.arn, spec.role, spec.log_group) == (f"{ARN}:$LATEST", ROLE, f"/aws/lambda/{NAME}")
        assert await cloud.blobs.read(spec.code)
        await cloud.invoke(FunctionName=f"{NAME}:$LATEST")
        assert cloud.compute.calls[1][1].payload == b"{}"
        assert cloud.compute.calls[1][1].invoked_arn == f"{ARN}:$LATEST"
        assert cloud.compute.calls[1][0] == spec

    run(body)


def test_a_function_that_fails() -> None:
    async def body(cloud: LambdaCloud) -> None:
        cloud.compute.behave = fail
        answer = await cloud.invoke()
        assert (answer["StatusCode"], answer["FunctionError"]) == (200, "Unhandled")
        assert json.loads(answer["Payload"])["errorMessage"] == "broken"

    run(body)


def test_a_dry_run_runs_nothing() -> None:
    async def body(cloud: LambdaCloud) -> None:
        assert await cloud.invoke(InvocationType="DryRun") == {"StatusCode": 204}
        assert cloud.compute.calls == []
        with pytest.raises(ResourceNotFoundException):
            await cloud.invoke(InvocationType="DryRun", Qualifier="9")

    run(body)


@pytest.mark.parametrize(
    ("payload", "message"),
    [
        (b"\x99\xeb,j", r"Unexpected character \(\(CTRL-CHAR, code 153\)\).*line: 1, column: 1\]"),
        (b'{"a":\n x}', r"Unexpected character \('x' \(code 120\)\).*line: 2, column: 2\]"),
        (b'{"a": 1', "Unexpected end-of-input"),
    ],
)
def test_a_payload_is_json(payload: bytes, message: str) -> None:
    async def body(cloud: LambdaCloud) -> None:
        with pytest.raises(InvalidRequestContentException) as caught:
            await cloud.lambda_("Invoke", FunctionName=NAME, Payload=payload)
        assert caught.value.message.startswith("Could not parse request body into json: Could not parse payload")
        assert re.search("(?s)" + message, caught.value.message)

    run(body)


def test_half_a_surrogate_pair_is_let_through_and_nothing_else_with_it() -> None:
    async def body(cloud: LambdaCloud) -> None:
        half = json.dumps({"a": "\ud83d"}).encode()
        assert (await cloud.lambda_("Invoke", FunctionName=NAME, Payload=half))["Payload"] == half
        for wrong in (b'["\\ud83d", NaN]', b'["\\ud83d"', b'["\\ud83d\xff"]'):
            with pytest.raises(InvalidRequestContentException):
                await cloud.lambda_("Invoke", FunctionName=NAME, Payload=wrong)

    run(body)


def test_payloads_have_a_size() -> None:
    async def body(cloud: LambdaCloud) -> None:
        with pytest.raises(RequestEntityTooLargeException, match="Request must be smaller than 6291456 bytes"):
            await cloud.lambda_("Invoke", FunctionName=NAME, Payload=b'"' + b"x" * 6_291_456 + b'"')
        large = b'"' + b"x" * 1_048_576 + b'"'
        assert (await cloud.lambda_("Invoke", FunctionName=NAME, Payload=large))["Payload"] == large
        with pytest.raises(RequestEntityTooLargeException, match="1048576"):
            await cloud.lambda_("Invoke", FunctionName=NAME, Payload=large, InvocationType="Event")

    run(body)


def test_throttling() -> None:
    async def body(cloud: LambdaCloud) -> None:
        def busy(spec: FunctionSpec, invocation: Invocation) -> Outcome:
            raise TooManyRequests

        await cloud.lambda_("PutFunctionConcurrency", FunctionName=NAME, ReservedConcurrentExecutions=0)
        with pytest.raises(TooManyRequestsException, match="Rate Exceeded") as caught:
            await cloud.invoke()
        assert caught.value.fields == {"Type": "User", "Reason": "ReservedFunctionConcurrentInvocationLimitExceeded"}
        assert cloud.compute.calls == []
        await cloud.lambda_("DeleteFunctionConcurrency", FunctionName=NAME)
        cloud.compute.behave = busy
        with pytest.raises(TooManyRequestsException) as caught:
            await cloud.invoke()
        assert caught.value.fields["Reason"] == "ConcurrentInvocationLimitExceeded"

    run(body)


def test_who_may_invoke() -> None:
    async def body(cloud: LambdaCloud) -> None:
        allow = {"Effect": "Allow", "Action": "lambda:InvokeFunction", "Resource": f"{ARN}:live"}
        eve = await cloud.user(allow)
        await cloud.lambda_("PublishVersion", FunctionName=NAME)
        await cloud.lambda_("CreateAlias", FunctionName=NAME, Name="live", FunctionVersion="1")
        with pytest.raises(ServiceError, match=f"lambda:InvokeFunction on resource: {ARN} ") as caught:
            await cloud.invoke(caller=eve)
        assert caught.value.code == "AccessDeniedException"
        await cloud.invoke(caller=eve, Qualifier="live")
        permission = {"StatementId": "s", "Action": "lambda:InvokeFunction", "Principal": eve.arn}
        await cloud.lambda_("AddPermission", FunctionName=NAME, **permission)
        await cloud.invoke(caller=eve)
        with pytest.raises(ServiceError, match="iam:PassRole"):
            await cloud.create(FunctionName="eves", caller=await _creator(cloud, eve))

    run(body)


async def _creator(cloud: LambdaCloud, user: Caller) -> Caller:
    policy = {
        "Version": "2012-10-17",
        "Statement": [{"Effect": "Allow", "Action": "lambda:CreateFunction", "Resource": "*"}],
    }
    await cloud.call("iam", "PutUserPolicy", UserName="eve", PolicyName="create", PolicyDocument=json.dumps(policy))
    return user


def test_an_asynchronous_call_runs_once_with_the_callers_request_id() -> None:
    async def body(cloud: LambdaCloud) -> None:
        assert await cloud.invoke({"n": 1}, InvocationType="Event") == {"StatusCode": 202}
        answer = await cloud.lambda_("InvokeAsync", FunctionName=NAME, InvokeArgs=BytesBody(b'{"n": 2}'))
        assert answer == {"Status": 202}
        await cloud.relay.settled()
        calls = [call for _, call in cloud.compute.calls]
        assert [call.payload for call in calls] == [b'{"n": 1}', b'{"n": 2}']
        assert len({call.trace_id for call in calls}) == 2
        assert all(re.fullmatch(r"Root=1-[0-9a-f]{8}-[0-9a-f]{24};Parent=.{16};Sampled=0", c.trace_id) for c in calls)
        await cloud.advance(1000)
        assert len(cloud.compute.calls) == 2
        with pytest.raises(ResourceNotFoundException):
            await cloud.invoke(InvocationType="Event", Qualifier="none")

    run(body)


async def failing(cloud: LambdaCloud, **settings: Any) -> None:
    """A function that fails, with a queue for its failures that its role may send to."""
    cloud.compute.behave = fail
    await cloud.allow_role("sqs:SendMessage", QUEUE)
    destination = {"DestinationConfig": {"OnFailure": {"Destination": QUEUE}, "OnSuccess": {"Destination": QUEUE}}}
    await cloud.lambda_("PutFunctionEventInvokeConfig", FunctionName=NAME, **destination, **settings)


def test_failures_are_tried_again_after_one_and_two_minutes() -> None:
    async def body(cloud: LambdaCloud) -> None:
        await failing(cloud)
        await cloud.invoke({"n": 1}, InvocationType="Event")
        await cloud.relay.settled()
        for seconds, runs in ((59, 1), (2, 2), (117, 2), (4, 3)):
            await cloud.advance(seconds)
            assert len(cloud.compute.calls) == runs
        assert len({(call.request_id, call.trace_id) for _, call in cloud.compute.calls}) == 1
        await cloud.advance(10_000)
        assert len(cloud.compute.calls) == 3
        [delivery] = cloud.queue.got
        assert (delivery.event.target, delivery.event.principal) == (QUEUE, "lambda.amazonaws.com")
        assert delivery.event.attributes == {"role": ROLE}
        assert json.loads(delivery.event.payload) == {
            "version": "1.0",
            "timestamp": "2023-11-14T22:16:22.000Z",
            "requestContext": {
                "requestId": cloud.compute.calls[0][1].request_id,
                "functionArn": f"{ARN}:$LATEST",
                "condition": "RetriesExhausted",
                "approximateInvokeCount": 3,
            },
            "requestPayload": {"n": 1},
            "responseContext": {"statusCode": 200, "executedVersion": "$LATEST", "functionError": "Unhandled"},
            "responsePayload": {"errorMessage": "broken", "errorType": "ValueError"},
        }

    run(body)


def test_attempts_and_age_are_configured() -> None:
    async def body(cloud: LambdaCloud) -> None:
        await failing(cloud, MaximumRetryAttempts=0)
        await cloud.invoke(InvocationType="Event")
        await cloud.relay.settled()
        assert len(cloud.compute.calls) == len(cloud.queue.got) == 1
        await failing(cloud, MaximumEventAgeInSeconds=90)
        await cloud.invoke(InvocationType="Event")
        await cloud.relay.settled()
        await cloud.advance(61)
        await cloud.advance(130)
        assert len(cloud.compute.calls) == 3
        record = json.loads(cloud.queue.got[1].event.payload)
        assert record["requestContext"]["condition"] == "EventAgeExceeded"
        assert record["requestContext"]["approximateInvokeCount"] == 2
        assert "responsePayload" not in record

    run(body)


def test_success_is_reported_too_but_only_with_the_roles_permission() -> None:
    async def body(cloud: LambdaCloud) -> None:
        destination = {"OnSuccess": {"Destination": QUEUE}}
        await cloud.lambda_("PutFunctionEventInvokeConfig", FunctionName=NAME, DestinationConfig=destination)
        await cloud.invoke(InvocationType="Event")
        await cloud.relay.settled()
        assert cloud.queue.got == []
        await cloud.allow_role("sqs:SendMessage")
        await cloud.invoke(InvocationType="Event")
        await cloud.relay.settled()
        record = json.loads(cloud.queue.got[0].event.payload)
        assert record["requestContext"]["condition"] == "Success"
        assert record["responseContext"] == {"statusCode": 200, "executedVersion": "$LATEST"}

    run(body)


def test_dead_letters_hold_the_event_itself() -> None:
    async def body(cloud: LambdaCloud) -> None:
        cloud.compute.behave = fail
        await cloud.allow_role("sqs:SendMessage")
        await cloud.lambda_("PutFunctionEventInvokeConfig", FunctionName=NAME, MaximumRetryAttempts=0)
        await cloud.invoke({"n": 1}, InvocationType="Event")
        await cloud.relay.settled()
        event = cloud.queue.got[0].event
        assert event.payload == b'{"n": 1}'
        request_id = cloud.compute.calls[0][1].request_id
        assert event.attributes == {
            "RequestID": request_id,
            "ErrorCode": "200",
            "ErrorMessage": "broken",
            "role": ROLE,
        }

    run(body, DeadLetterConfig={"TargetArn": QUEUE})


def test_throttled_events_wait_longer_each_time_and_do_not_count() -> None:
    async def body(cloud: LambdaCloud) -> None:
        await failing(cloud)
        left = 6

        def busy(spec: FunctionSpec, invocation: Invocation) -> Outcome:
            nonlocal left
            left -= 1
            if left > 0:
                raise TooManyRequests
            return Outcome(payload=b'"done"')

        cloud.compute.behave = busy
        await cloud.invoke(InvocationType="Event")
        for _ in range(40):
            await cloud.advance(1)
        assert left == 0
        record = json.loads(cloud.queue.got[0].event.payload)
        assert record["requestContext"] == record["requestContext"] | {
            "condition": "Success",
            "approximateInvokeCount": 1,
        }

    run(body)


def test_without_concurrency_events_fail_at_once() -> None:
    async def body(cloud: LambdaCloud) -> None:
        await failing(cloud)
        await cloud.lambda_("PutFunctionConcurrency", FunctionName=NAME, ReservedConcurrentExecutions=0)
        await cloud.invoke(InvocationType="Event")
        await cloud.relay.settled()
        assert cloud.compute.calls == []
        assert len(cloud.queue.got) == 1

    run(body)


def test_destinations_may_be_functions_and_event_buses() -> None:
    async def body(cloud: LambdaCloud) -> None:
        buses = cloud.targets["events"] = Mailbox()
        await cloud.create(FunctionName="next")
        await cloud.allow_role("*")
        next_arn = ARN.replace(NAME, "next")
        config = {"OnSuccess": {"Destination": next_arn}}
        await cloud.lambda_("PutFunctionEventInvokeConfig", FunctionName=NAME, DestinationConfig=config)
        await cloud.invoke({"n": 1}, InvocationType="Event")
        await cloud.relay.settled()
        spec, call = cloud.compute.calls[1]
        assert spec.name == "next"
        assert json.loads(call.payload)["requestPayload"] == {"n": 1}
        bus = "arn:aws:events:us-east-1:000000000000:event-bus/default"
        config = {"OnSuccess": {"Destination": bus}}
        await cloud.lambda_("PutFunctionEventInvokeConfig", FunctionName=NAME, DestinationConfig=config)
        await cloud.invoke({"n": 2}, InvocationType="Event")
        await cloud.relay.settled()
        envelope = json.loads(buses.got[0].event.payload)
        assert envelope["detail-type"] == "Lambda Function Invocation Result - Success"
        assert envelope["resources"] == [bus, f"{ARN}:$LATEST"]
        assert envelope["detail"]["requestPayload"] == {"n": 2}

    run(body)


def from_s3(target: str = ARN, source: str = BUCKET) -> Event:
    return Event(
        target=target,
        payload=b'{"Records": []}',
        source=source,
        principal="s3.amazonaws.com",
        account="000000000000",
        region="us-east-1",
    )


def test_other_services_need_the_functions_permission() -> None:
    async def body(cloud: LambdaCloud) -> None:
        target = cloud.targets["lambda"]
        with pytest.raises(Undeliverable, match=r"does not let s3\.amazonaws\.com"):
            await target.check(ARN, "s3.amazonaws.com", BUCKET, "000000000000")
        await cloud.store.write(lambda tx: tx.emit(from_s3()))
        await cloud.relay.settled()
        assert cloud.compute.calls == []
        await cloud.lambda_(
            "AddPermission",
            FunctionName=NAME,
            StatementId="s3",
            Action="lambda:InvokeFunction",
            Principal="s3.amazonaws.com",
            SourceArn=BUCKET,
            SourceAccount="000000000000",
        )
        await target.check(ARN, "s3.amazonaws.com", BUCKET, "000000000000")
        for asked in (
            (ARN, "sns.amazonaws.com", BUCKET, "000000000000"),
            (ARN, "s3.amazonaws.com", BUCKET + "2", "000000000000"),
            (ARN, "s3.amazonaws.com", BUCKET, "111111111111"),
            (f"{ARN}:$LATEST2", "s3.amazonaws.com", BUCKET, "000000000000"),
            (ARN + "x", "s3.amazonaws.com", BUCKET, "000000000000"),
            (QUEUE, "s3.amazonaws.com", BUCKET, "000000000000"),
        ):
            with pytest.raises(Undeliverable):
                await target.check(*asked)
        cloud.compute.behave = fail
        await cloud.store.write(lambda tx: tx.emit(from_s3()))
        await cloud.relay.settled()
        await cloud.advance(61)
        await cloud.advance(121)
        await cloud.advance(10_000)
        assert len(cloud.compute.calls) == 3
        assert len({call.request_id for _, call in cloud.compute.calls}) == 1

    run(body)


def test_regional_principals_let_the_service_in() -> None:
    async def body(cloud: LambdaCloud) -> None:
        await cloud.lambda_(
            "AddPermission",
            FunctionName=NAME,
            StatementId="logs",
            Action="lambda:InvokeFunction",
            Principal="logs.us-east-1.amazonaws.com",
        )
        await cloud.targets["lambda"].check(ARN, "logs.amazonaws.com", "arn:aws:logs:::x", "000000000000")

    run(body)


def test_the_event_config_is_described_listed_and_deleted() -> None:
    async def body(cloud: LambdaCloud) -> None:
        with pytest.raises(ResourceNotFoundException, match=r"The function .*LATEST doesn't have an EventInvokeConfig"):
            await cloud.lambda_("GetFunctionEventInvokeConfig", FunctionName=NAME)
        with pytest.raises(ServiceError, match="You must specify at least one of"):
            await cloud.lambda_("PutFunctionEventInvokeConfig", FunctionName=NAME)
        put = await cloud.lambda_("PutFunctionEventInvokeConfig", FunctionName=NAME, MaximumRetryAttempts=1)
        assert put == {
            "LastModified": put["LastModified"],
            "FunctionArn": f"{ARN}:$LATEST",
            "MaximumRetryAttempts": 1,
            "DestinationConfig": {"OnSuccess": {}, "OnFailure": {}},
        }
        more = await cloud.lambda_("UpdateFunctionEventInvokeConfig", FunctionName=NAME, MaximumEventAgeInSeconds=60)
        assert (more["MaximumRetryAttempts"], more["MaximumEventAgeInSeconds"]) == (1, 60)
        listed = await cloud.lambda_("ListFunctionEventInvokeConfigs", FunctionName=NAME)
        assert listed == {"FunctionEventInvokeConfigs": [more]}
        await cloud.lambda_("DeleteFunctionEventInvokeConfig", FunctionName=NAME)
        assert (await cloud.lambda_("ListFunctionEventInvokeConfigs", FunctionName=NAME))[
            "FunctionEventInvokeConfigs"
        ] == []
        for destination, error in ((ARN, ServiceError), (ARN + "x", ServiceError), ("arn:aws:s3:::b", NotBuilt)):
            config = {"OnSuccess": {"Destination": destination}}
            with pytest.raises(error):
                await cloud.lambda_("PutFunctionEventInvokeConfig", FunctionName=NAME, DestinationConfig=config)

    run(body)
