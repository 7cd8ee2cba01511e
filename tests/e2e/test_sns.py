"""Topics over HTTP: boto3 unchanged, a real endpoint, a real mail server, the mailbox on the command line."""

from __future__ import annotations

import base64
import json
import re
import socket
import subprocess
import threading
import time
import urllib.request
from collections.abc import Callable, Iterator
from email.message import Message
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest
from aiosmtpd.controller import Controller
from aiosmtpd.handlers import Message as MessageHandler
from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric.padding import PKCS1v15
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPublicKey

from .node import BIN, RUNTIME, Node, eventually
from .test_lambda import role, zipped

pytestmark = pytest.mark.e2e
WAIT_S = 20.0


def _until(found: Callable[[], Any]) -> Any:
    """What `found` gives as soon as it gives something."""
    return eventually(lambda: found() or None, WAIT_S)


def lambent(*arguments: str) -> subprocess.CompletedProcess[str]:
    """The command line."""
    return subprocess.run([BIN / "lambent", *arguments], capture_output=True, text=True, timeout=60, check=False)


class Endpoint(ThreadingHTTPServer):
    """Notes what it is sent; `statuses` are its next answers, 200 after them."""

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), _Handler)
        self.posts: list[tuple[dict[str, str], dict[str, Any]]] = []
        self.statuses: list[int] = []

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.server_address[1]}/hook"


class _Handler(BaseHTTPRequestHandler):
    server: Endpoint

    def do_POST(self) -> None:
        body = json.loads(self.rfile.read(int(self.headers["content-length"])))
        self.server.posts.append(({name.lower(): value for name, value in self.headers.items()}, body))
        self.send_response(self.server.statuses.pop(0) if self.server.statuses else 200)
        self.end_headers()

    def log_message(self, format: str, *args: Any) -> None:
        """Nothing to standard error."""


@pytest.fixture
def endpoint() -> Iterator[Endpoint]:
    server = Endpoint()
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    yield server
    server.shutdown()
    thread.join()
    server.server_close()


class _Box(MessageHandler):
    def __init__(self) -> None:
        super().__init__()
        self.mails: list[Message] = []

    def handle_message(self, message: Message) -> None:
        self.mails.append(message)


def _get(url: str) -> str:
    with urllib.request.urlopen(url, timeout=10) as answer:
        return str(answer.read().decode())


def _verify(envelope: dict[str, Any]) -> None:
    key = x509.load_pem_x509_certificate(_get(envelope["SigningCertURL"]).encode()).public_key()
    assert isinstance(key, RSAPublicKey)
    names = ("Message", "MessageId", "Subject", "SubscribeURL", "Timestamp", "Token", "TopicArn", "Type")
    text = "".join(f"{name}\n{envelope[name]}\n" for name in names if envelope.get(name) is not None)
    digest = hashes.SHA1() if envelope["SignatureVersion"] == "1" else hashes.SHA256()
    key.verify(base64.b64decode(envelope["Signature"]), text.encode(), PKCS1v15(), digest)


@pytest.mark.parametrize("version", ["1", "2"])
def test_an_endpoint_confirms_verifies_fails_and_is_tried_again(node: Node, endpoint: Endpoint, version: str) -> None:
    sns = node.client("sns")
    topic = sns.create_topic(Name=f"hook{version}", Attributes={"SignatureVersion": version})["TopicArn"]
    policy = {"healthyRetryPolicy": {"numRetries": 3, "minDelayTarget": 1, "maxDelayTarget": 1}}
    arn = sns.subscribe(
        TopicArn=topic,
        Protocol="http",
        Endpoint=endpoint.url,
        Attributes={"DeliveryPolicy": json.dumps(policy)},
        ReturnSubscriptionArn=True,
    )["SubscriptionArn"]
    headers, asked = _until(lambda: endpoint.posts)[0]
    assert headers["x-amz-sns-message-type"] == "SubscriptionConfirmation"
    _verify(asked)
    assert arn in _get(asked["SubscribeURL"])
    assert sns.get_subscription_attributes(SubscriptionArn=arn)["Attributes"]["PendingConfirmation"] == "false"
    endpoint.statuses = [503]
    id = sns.publish(TopicArn=topic, Message="é", Subject="s")["MessageId"]
    posts = _until(lambda: endpoint.posts[1:] if len(endpoint.posts) >= 3 else None)
    for headers, body in posts:
        assert (headers["x-amz-sns-message-id"], body["MessageId"], body["Message"]) == (id, id, "é")
        assert headers["x-amz-sns-subscription-arn"] == arn
        _verify(body)
    sns.unsubscribe(SubscriptionArn=arn)
    headers, ended = _until(lambda: endpoint.posts[3:])[0]
    assert ended["Type"] == "UnsubscribeConfirmation"
    _verify(ended)
    sns.delete_topic(TopicArn=topic)


def test_a_queue_hears_through_boto3(node: Node) -> None:
    sns, sqs = node.client("sns"), node.client("sqs")
    topic = sns.create_topic(Name="e2e-queue")["TopicArn"]
    url = sqs.create_queue(QueueName="e2e-queue")["QueueUrl"]
    queue = sqs.get_queue_attributes(QueueUrl=url, AttributeNames=["QueueArn"])["Attributes"]["QueueArn"]
    statement = {
        "Effect": "Allow",
        "Principal": {"Service": "sns.amazonaws.com"},
        "Action": "sqs:SendMessage",
        "Resource": queue,
        "Condition": {"ArnEquals": {"aws:SourceArn": topic}},
    }
    policy = json.dumps({"Version": "2012-10-17", "Statement": [statement]})
    sqs.set_queue_attributes(QueueUrl=url, Attributes={"Policy": policy})
    sns.subscribe(TopicArn=topic, Protocol="sqs", Endpoint=queue, Attributes={"RawMessageDelivery": "true"})
    entries = [
        {"Id": str(n), "Message": f"m{n}", "MessageAttributes": {"raw": {"DataType": "Binary", "BinaryValue": b"\x00"}}}
        for n in range(3)
    ]
    answer = sns.publish_batch(TopicArn=topic, PublishBatchRequestEntries=entries)
    assert [one["Id"] for one in answer["Successful"]] == ["0", "1", "2"]
    found: dict[str, Any] = {}
    deadline = time.monotonic() + WAIT_S
    while len(found) < 3 and time.monotonic() < deadline:
        got = sqs.receive_message(
            QueueUrl=url, MaxNumberOfMessages=10, WaitTimeSeconds=2, MessageAttributeNames=["All"]
        )
        found |= {message["Body"]: message["MessageAttributes"]["raw"]["BinaryValue"] for message in got["Messages"]}
    assert found == {"m0": b"\x00", "m1": b"\x00", "m2": b"\x00"}
    with pytest.raises(sns.exceptions.InvalidParameterException, match="FilterPolicy: Unrecognized match type"):
        sns.subscribe(
            TopicArn=topic, Protocol="sqs", Endpoint=queue, Attributes={"FilterPolicy": '{"a": [{"bad": 1}]}'}
        )


def test_mails_leave_by_smtp(tmp_path: Path) -> None:
    box = _Box()
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    server = Controller(box, hostname="127.0.0.1", port=port)
    server.start()
    try:
        node = Node(tmp_path / "cloud", "--smtp", f"127.0.0.1:{port}").start()
        try:
            sns = node.client("sns")
            topic = sns.create_topic(Name="mails", Attributes={"DisplayName": "Shop"})["TopicArn"]
            sns.subscribe(TopicArn=topic, Protocol="email", Endpoint="someone@example.com")
            first = _until(lambda: box.mails)[0]
            assert (first["To"], first["From"]) == ("someone@example.com", "Shop <no-reply@sns.amazonaws.com>")
            link = re.search(r"http://\S+confirmation\.html\S+", _text(first))
            assert link is not None
            assert "Subscription confirmed!" in _get(link[0])
            sns.publish(TopicArn=topic, Message="Grüße\nfrom here", Subject="Hello")
            mail = _until(lambda: box.mails[1:])[0]
            assert mail["Subject"] == "Hello"
            assert "Grüße\nfrom here" in _text(mail).replace("\r\n", "\n")
            end = re.search(r"http://\S+unsubscribe\.html\S+", _text(mail))
            assert end is not None
            assert "Subscription removed!" in _get(end[0])
            assert sns.list_subscriptions_by_topic(TopicArn=topic)["Subscriptions"] == []
        finally:
            assert node.stop() == 0
    finally:
        server.stop()


def _text(mail: Message) -> str:
    payload = mail.get_payload(decode=True)
    assert isinstance(payload, bytes)
    return payload.decode()


def test_without_a_server_mails_lie_in_the_mailbox(node: Node) -> None:
    sns = node.client("sns")
    topic = sns.create_topic(Name="boxed")["TopicArn"]
    sns.subscribe(TopicArn=topic, Protocol="email-json", Endpoint="reader@example.com")

    def letters() -> list[dict[str, Any]]:
        found = json.loads(lambent("mail", "list", "--json", "--endpoint", node.url).stdout)
        return [letter for letter in found if letter["to"] == "reader@example.com"]

    (asked,) = _until(letters)
    token = json.loads(asked["body"])["Token"]
    sns.confirm_subscription(TopicArn=topic, Token=token)
    sns.publish(TopicArn=topic, Message="to read", Subject="News")
    newest = _until(lambda: [letter for letter in letters() if letter["subject"] == "News"])[0]
    _verify(json.loads(newest["body"]))
    listed = lambent("mail", "--endpoint", node.url).stdout
    assert "reader@example.com" in listed
    assert "News" in listed
    shown = lambent("mail", "show", str(newest["number"]), "--endpoint", node.url).stdout
    assert "Subject: News" in shown
    assert '"Message": "to read"' in shown
    missing = lambent("mail", "show", "999999", "--endpoint", node.url)
    assert missing.returncode == 1
    assert missing.stderr == "lambent: No such letter.\n"


CODE = """
import json
def handler(event, context):
    sns = event["Records"][0]["Sns"]
    print("heard", json.dumps([event["Records"][0]["EventSource"], sns["Subject"], sns["Message"]]))
"""


def test_a_function_hears_what_a_bucket_says(node: Node) -> None:
    sns, functions, s3, logs = (node.client(name) for name in ("sns", "lambda", "s3", "logs"))
    topic = sns.create_topic(Name="e2e-bucket")["TopicArn"]
    functions.create_function(
        FunctionName="e2e-hears",
        Runtime=RUNTIME,
        Handler="app.handler",
        Role=role(node, "e2e-hears", "logs:*"),
        Code={"ZipFile": zipped(app=CODE)},
    )
    functions.get_waiter("function_active_v2").wait(FunctionName="e2e-hears")
    functions.add_permission(
        FunctionName="e2e-hears",
        StatementId="sns",
        Action="lambda:InvokeFunction",
        Principal="sns.amazonaws.com",
        SourceArn=topic,
    )
    arn = functions.get_function(FunctionName="e2e-hears")["Configuration"]["FunctionArn"]
    sns.subscribe(TopicArn=topic, Protocol="lambda", Endpoint=arn)
    statement = {"Effect": "Allow", "Principal": {"Service": "s3.amazonaws.com"}, "Action": "sns:Publish"}
    policy = json.dumps({"Version": "2012-10-17", "Statement": [{**statement, "Resource": topic}]})
    s3.create_bucket(Bucket="e2e-hears")
    configuration = {"TopicConfigurations": [{"TopicArn": topic, "Events": ["s3:ObjectCreated:*"]}]}
    with pytest.raises(s3.exceptions.ClientError, match="Unable to validate"):
        s3.put_bucket_notification_configuration(Bucket="e2e-hears", NotificationConfiguration=configuration)
    sns.set_topic_attributes(TopicArn=topic, AttributeName="Policy", AttributeValue=policy)
    s3.put_bucket_notification_configuration(Bucket="e2e-hears", NotificationConfiguration=configuration)
    s3.put_object(Bucket="e2e-hears", Key="a key", Body=b"x")

    def heard() -> list[str]:
        try:
            events = logs.filter_log_events(logGroupName="/aws/lambda/e2e-hears", filterPattern="heard")["events"]
        except logs.exceptions.ResourceNotFoundException:
            return []
        return [event["message"] for event in events if "ObjectCreated:Put" in event["message"]]

    (line,) = _until(heard)
    assert line.startswith('heard ["aws:sns", "Amazon S3 Notification", ')
