"""Functions in real sandboxes over the wire: what they see, how they fail, how they change."""

from __future__ import annotations

import base64
import hashlib
import io
import json
import re
import threading
import urllib.request
import zipfile
from typing import Any

import pytest
from botocore.exceptions import ClientError

from .node import ACCOUNT, REGION, RUNTIME, Node, eventually

pytestmark = pytest.mark.e2e
TRUST = {"Effect": "Allow", "Principal": {"Service": "lambda.amazonaws.com"}, "Action": "sts:AssumeRole"}
WITNESS = """
import logging, os, sys
logging.getLogger().setLevel("INFO")
print("while loading")
def handler(event, context):
    print("printed")
    logging.info("logged %d", 7)
    sys.stderr.write("to stderr\\n")
    import boto3
    open("/tmp/kept", "a").write("x")
    return {
        "identity": boto3.client("sts").get_caller_identity()["Arn"],
        "request": context.aws_request_id,
        "context": [context.function_name, context.function_version, context.invoked_function_arn,
                    context.memory_limit_in_mb, context.log_group_name],
        "stream": context.log_stream_name,
        "left": context.get_remaining_time_in_millis(),
        "variable": os.environ["GREETING"],
        "calls": len(open("/tmp/kept").read()),
    }
"""
FAILING = """
import datetime, os, sys, time
def handler(event, context):
    match event["how"]:
        case "raise":
            raise LookupError("nothing here")
        case "sleep":
            time.sleep(30)
        case "exit":
            sys.exit(3)
        case "memory":
            kept = []
            while True:
                kept.append(bytearray(8 << 20))
        case "date":
            return datetime.date(2024, 1, 1)
        case "large":
            return "x" * 6_291_600
    return event
"""


def zipped(**modules: str) -> bytes:
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as archive:
        for name, text in modules.items():
            archive.writestr(name.replace("__", "/") + ".py", text)
    return buffer.getvalue()


def role(node: Node, name: str, *actions: str, trust: dict[str, Any] | None = None) -> str:
    iam = node.client("iam")
    document = json.dumps({"Version": "2012-10-17", "Statement": [{**TRUST, **(trust or {})}]})
    try:
        iam.create_role(RoleName=name, AssumeRolePolicyDocument=document)
    except iam.exceptions.EntityAlreadyExistsException:
        return f"arn:aws:iam::{ACCOUNT}:role/{name}"
    if actions:
        allow = {"Effect": "Allow", "Action": list(actions), "Resource": "*"}
        policy = json.dumps({"Version": "2012-10-17", "Statement": [allow]})
        iam.put_role_policy(RoleName=name, PolicyName="allow", PolicyDocument=policy)
    return f"arn:aws:iam::{ACCOUNT}:role/{name}"


def create(node: Node, name: str, code: str, **settings: Any) -> str:
    params = {"Runtime": RUNTIME, "Handler": "app.handler", "Code": {"ZipFile": zipped(app=code)}, **settings}
    params.setdefault("Role", role(node, "functions", "logs:*", "lambda:InvokeFunction"))
    arn: str = node.client("lambda").create_function(FunctionName=name, **params)["FunctionArn"]
    return arn


def invoke(node: Node, name: str, event: Any = None, **params: Any) -> tuple[Any, str, str]:
    """The function's answer, X-Amz-Function-Error, and the end of its log."""
    payload = json.dumps(event or {}).encode()
    answer = node.client("lambda").invoke(FunctionName=name, Payload=payload, LogType="Tail", **params)
    assert answer["ResponseMetadata"]["HTTPHeaders"]["content-type"] == "application/json", "sent once"
    tail = base64.b64decode(answer["LogResult"]).decode()
    return json.loads(answer["Payload"].read()), answer.get("FunctionError", ""), tail


def written(node: Node, group: str, text: str) -> list[dict[str, Any]]:
    """All events of a log group, once one of them holds `text`."""
    logs = node.client("logs")

    def look() -> list[dict[str, Any]] | None:
        try:
            events: list[dict[str, Any]] = logs.filter_log_events(logGroupName=group)["events"]
        except logs.exceptions.ResourceNotFoundException:
            return None
        return events if any(text in event["message"] for event in events) else None

    return eventually(look, 15)


def refusal(call: Any, **params: Any) -> tuple[int, str, str]:
    with pytest.raises(ClientError) as caught:
        call(**params)
    response = caught.value.response
    return response["ResponseMetadata"]["HTTPStatusCode"], response["Error"]["Code"], response["Error"]["Message"]


def test_what_a_function_sees_and_what_its_log_says(node: Node) -> None:
    arn = create(node, "witness", WITNESS, Timeout=10, MemorySize=256, Environment={"Variables": {"GREETING": "grüß"}})
    cold, error, tail = invoke(node, "witness")
    assert (error, cold["variable"], cold["calls"]) == ("", "grüß", 1)
    assert cold["identity"] == f"arn:aws:sts::{ACCOUNT}:assumed-role/functions/witness"
    assert cold["context"] == ["witness", "$LATEST", arn, "256", "/aws/lambda/witness"]
    assert 5000 < cold["left"] <= 10_000
    request = cold["request"]
    lines = tail.splitlines()
    order = ["INIT_START Runtime Version: ", "while loading", f"START RequestId: {request} Version: $LATEST", "printed"]
    order += ["[INFO]", "to stderr", f"END RequestId: {request}", f"REPORT RequestId: {request}\tDuration: "]
    places = [next(at for at, line in enumerate(lines) if line.startswith(text)) for text in order]
    assert places == sorted(places)
    report = r"Duration: [\d.]+ ms\tBilled Duration: \d+ ms\tMemory Size: 256 MB\tMax Memory Used: [1-9]\d* MB\t"
    assert re.search(report + r"Init Duration: [\d.]+ ms\t$", lines[-1])
    warm, _, tail = invoke(node, "witness")
    assert (warm["calls"], warm["stream"]) == (2, cold["stream"])
    assert "INIT_START" not in tail
    assert "Init Duration" not in tail
    events = written(node, "/aws/lambda/witness", f"REPORT RequestId: {warm['request']}")
    assert {event["logStreamName"] for event in events} == {cold["stream"]}
    assert re.fullmatch(r"\d{4}/\d\d/\d\d/\[\$LATEST\][0-9a-f]{32}", cold["stream"])
    assert [event["message"].rstrip("\n") for event in events[: len(lines)]] == lines
    times = [event["timestamp"] for event in events]
    assert times == sorted(times)


@pytest.mark.parametrize(
    ("how", "kind", "message", "line"),
    [
        ("raise", "LookupError", "nothing here", "[ERROR] LookupError: nothing here"),
        ("sleep", "Sandbox.Timedout", "RequestId: ID Error: Task timed out after 1.00 seconds", "Status: timeout"),
        ("exit", "Runtime.ExitError", "RequestId: ID Error: Runtime exited with error: exit status 3", "Status: error"),
        (
            "memory",
            "Runtime.OutOfMemory",
            "RequestId: ID Error: Runtime exited with error: signal: killed",
            "Max Memory Used: 128 MB",
        ),
        (
            "date",
            "Runtime.MarshalError",
            "Unable to marshal response: Object of type date is not JSON serializable",
            "[ERROR] Runtime.MarshalError",
        ),
        (
            "large",
            "Function.ResponseSizeTooLarge",
            "Response payload size exceeded maximum allowed payload size (6291556 bytes).",
            "Error Type: Function.ResponseSizeTooLarge",
        ),
    ],
)
def test_how_a_function_fails(failing: Node, how: str, kind: str, message: str, line: str) -> None:
    answer, error, tail = invoke(failing, "failing", {"how": how})
    assert (error, answer["errorType"]) == ("Unhandled", kind)
    assert re.sub(r"[0-9a-f]{8}-[0-9a-f-]{27}", "ID", answer["errorMessage"]) == message
    assert line in tail
    assert "REPORT RequestId: " in tail
    assert invoke(failing, "failing", {"how": "not"})[:2] == ({"how": "not"}, "")


@pytest.fixture(scope="module")
def failing(node: Node) -> Node:
    create(node, "failing", FAILING, Timeout=1)
    return node


@pytest.mark.parametrize(
    ("code", "handler", "kind", "message"),
    [
        ("x = 1", "app.handler", "Runtime.HandlerNotFound", "Handler 'handler' missing on module 'app'"),
        (
            "x = 1",
            "none.handler",
            "Runtime.ImportModuleError",
            "Unable to import module 'none': No module named 'none'",
        ),
        ("def handler(:", "app.handler", "Runtime.UserCodeSyntaxError", "Syntax error in module 'app'"),
        ("raise ValueError('early')", "app.handler", "ValueError", "early"),
    ],
)
def test_how_a_function_fails_to_load(node: Node, code: str, handler: str, kind: str, message: str) -> None:
    name = kind.replace(".", "-")
    create(node, name, code, Handler=handler)
    answer, error, tail = invoke(node, name)
    assert (error, answer["errorType"]) == ("Unhandled", kind)
    assert answer["errorMessage"].startswith(message)
    assert "INIT_REPORT Init Duration: " in tail
    assert f"Error Type: {kind}" in tail.splitlines()[-1]


def test_requests_that_run_nothing(node: Node) -> None:
    create(node, "idle", "def handler(event, context): return event")
    call = node.client("lambda").invoke
    arn = f"arn:aws:lambda:{REGION}:{ACCOUNT}:function"
    missing = (404, "ResourceNotFoundException", f"Function not found: {arn}:")
    assert refusal(call, FunctionName="nobody") == (*missing[:2], missing[2] + "nobody")
    assert refusal(call, FunctionName="idle", Qualifier="7") == (*missing[:2], missing[2] + "idle:7")
    status, code, message = refusal(call, FunctionName="idle", Payload=b"{a}")
    assert (status, code) == (400, "InvalidRequestContentException")
    assert message.startswith("Could not parse request body into json: Could not parse payload into json: Unexpected")
    large = b'"' + b"x" * 6_291_456 + b'"'
    too_large = "Request must be smaller than {} bytes for the InvokeFunction operation"
    assert refusal(call, FunctionName="idle", Payload=large) == (
        413,
        "RequestEntityTooLargeException",
        too_large.format(6_291_456),
    )
    event = b'"' + large[-1_048_576:]
    assert refusal(call, FunctionName="idle", Payload=event, InvocationType="Event")[2] == too_large.format(1_048_576)
    settings = node.client("lambda")
    settings.put_function_concurrency(FunctionName="idle", ReservedConcurrentExecutions=0)
    assert refusal(call, FunctionName="idle") == (429, "TooManyRequestsException", "Rate Exceeded.")
    settings.delete_function_concurrency(FunctionName="idle")
    answer = call(FunctionName="idle", Payload=large[:1] + large[3:])
    assert len(answer["Payload"].read()) == 6_291_456


def test_the_role_decides(node: Node) -> None:
    own = {"Condition": {"ArnEquals": {"aws:SourceArn": f"arn:aws:lambda:{REGION}:{ACCOUNT}:function:chosen"}}}
    code = "def handler(event, context): print('heard'); return 1"
    create(node, "chosen", code, Role=role(node, "for-one", trust=own))
    # It may not write logs, so there are none; it runs all the same.
    assert invoke(node, "chosen")[0] == 1
    denied = (400, "InvalidParameterValueException", "The role defined for the function cannot be assumed by Lambda.")
    params = {"Runtime": RUNTIME, "Handler": "app.handler", "Code": {"ZipFile": zipped(app=code)}}
    call = node.client("lambda").create_function
    assert refusal(call, FunctionName="other", Role=role(node, "for-one"), **params) == denied
    create(node, "orphan", code, Role=role(node, "passing"))
    node.client("iam").delete_role(RoleName="passing")
    assert refusal(node.client("lambda").invoke, FunctionName="orphan") == (403, "AccessDeniedException", denied[2])
    create(node, "heard", code)
    invoke(node, "heard")
    written(node, "/aws/lambda/heard", "heard")
    groups = node.client("logs").describe_log_groups(logGroupNamePrefix="/aws/lambda/chosen")["logGroups"]
    assert groups == []


def test_code_changes_while_calls_run(node: Node) -> None:
    functions = node.client("lambda")
    create(
        node, "changing", "import time\ndef handler(event, context): time.sleep(event['s']); return 'old'", Timeout=9
    )
    answers: list[Any] = []
    running = threading.Thread(target=lambda: answers.append(invoke(node, "changing", {"s": 1})))
    running.start()
    written(node, "/aws/lambda/changing", "START")
    new = zipped(app="import os\ndef handler(event, context): return 'new' + os.environ.get('MORE', '')")
    functions.update_function_code(FunctionName="changing", ZipFile=new)
    functions.get_waiter("function_updated_v2").wait(FunctionName="changing")
    assert invoke(node, "changing")[0] == "new"
    running.join()
    assert answers[0][:2] == ("old", "")
    functions.update_function_configuration(FunctionName="changing", Environment={"Variables": {"MORE": "er"}})
    assert invoke(node, "changing")[0] == "newer"
    found = functions.get_function(FunctionName="changing")
    with urllib.request.urlopen(found["Code"]["Location"]) as answer:
        code = answer.read()
    assert code == new
    assert base64.b64encode(hashlib.sha256(code).digest()).decode() == found["Configuration"]["CodeSha256"]


def test_versions_aliases_and_layers(node: Node) -> None:
    functions = node.client("lambda")
    layer = functions.publish_layer_version(LayerName="base", Content={"ZipFile": zipped(python__base="NAME = 'one'")})
    code = "import base\ndef handler(event, context): return [base.NAME, context.function_version]"
    arn = create(node, "versioned", code, Layers=[layer["LayerVersionArn"]])
    assert functions.publish_version(FunctionName="versioned")["Version"] == "1"
    assert functions.publish_version(FunctionName="versioned")["Version"] == "1"
    layer = functions.publish_layer_version(LayerName="base", Content={"ZipFile": zipped(python__base="NAME = 'two'")})
    functions.update_function_configuration(FunctionName="versioned", Layers=[layer["LayerVersionArn"]])
    assert functions.publish_version(FunctionName="versioned")["FunctionArn"] == f"{arn}:2"
    functions.delete_layer_version(LayerName="base", VersionNumber=1)
    functions.create_alias(FunctionName="versioned", Name="live", FunctionVersion="1")
    assert invoke(node, "versioned", Qualifier="live")[0] == ["one", "1"]
    weights = {"AdditionalVersionWeights": {"2": 0.5}}
    functions.update_alias(FunctionName="versioned", Name="live", RoutingConfig=weights)
    # One in 2^24 runs sees one version only.
    assert {tuple(invoke(node, "versioned:live")[0]) for _ in range(25)} == {("one", "1"), ("two", "2")}
    assert refusal(functions.delete_function, FunctionName="versioned", Qualifier="1")[1] == "ResourceConflictException"
    pages = functions.get_paginator("list_versions_by_function").paginate(
        FunctionName="versioned", PaginationConfig={"PageSize": 1}
    )
    assert [version["Version"] for page in pages for version in page["Versions"]] == ["$LATEST", "1", "2"]


def test_a_failed_event_reaches_the_destination(node: Node) -> None:
    heir = create(node, "heir", "import json\ndef handler(event, context): print('GOT ' + json.dumps(event))")
    create(node, "source", "def handler(event, context): raise ValueError('no')")
    functions = node.client("lambda")
    functions.put_function_event_invoke_config(
        FunctionName="source", MaximumRetryAttempts=0, DestinationConfig={"OnFailure": {"Destination": heir}}
    )
    sent = functions.invoke(FunctionName="source", InvocationType="Event", Payload=b'{"n": 1}')
    assert (sent["StatusCode"], sent["Payload"].read()) == (202, b"")
    [line] = [e["message"] for e in written(node, "/aws/lambda/heir", "GOT ") if e["message"].startswith("GOT ")]
    record = json.loads(line[4:])
    assert record["requestContext"] | {"functionArn": ""} == {
        "requestId": sent["ResponseMetadata"]["RequestId"],
        "functionArn": "",
        "condition": "RetriesExhausted",
        "approximateInvokeCount": 1,
    }
    assert (record["requestPayload"], record["responsePayload"]["errorMessage"]) == ({"n": 1}, "no")


def test_lambent_invoke_and_logs(node: Node) -> None:
    create(node, "spoken", "def handler(event, context): print('aloud'); return {'n': event['n'] + 1}")
    done = node.run("lambent", "invoke", "spoken", '{"n": 1}')
    assert json.loads(done.stdout) == {"n": 2}
    assert "aloud" in done.stderr
    written(node, "/aws/lambda/spoken", "REPORT")
    assert "aloud" in node.run("lambent", "logs", "spoken").stdout
