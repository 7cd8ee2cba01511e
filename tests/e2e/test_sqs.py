"""SQS over the wire: boto3 with its resources, the AWS CLI, a client of the old query protocol, celery."""

from __future__ import annotations

import json
import subprocess
import sys
import threading
import time
import urllib.error
import urllib.request
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from urllib.parse import urlencode
from xml.etree import ElementTree

import boto3
import pytest
from botocore.auth import SigV4Auth
from botocore.awsrequest import AWSRequest
from botocore.credentials import Credentials
from botocore.exceptions import ClientError

from .node import ACCOUNT, REGION, Node

pytestmark = pytest.mark.e2e
CELERY = Path(sys.prefix) / "share" / "lambent-test-celery"
"""A virtual environment of celery's own, made once for all tests."""
TASKS = """
import os
from celery import Celery

app = Celery("tasks", broker=os.environ["BROKER"])
app.conf.broker_transport_options = {
    "region": "us-east-1", "is_secure": False, "wait_time_seconds": 5, "visibility_timeout": 60
}
app.conf.task_default_queue = "celery-test"
app.conf.task_acks_late = True

@app.task
def note(number):
    with open(os.environ["NOTES"], "a") as out:
        out.write(f"{number}\\n")
"""


@pytest.fixture
def url(node: Node, request: pytest.FixtureRequest) -> Iterator[str]:
    """A queue of the test's own."""
    name = request.node.name.replace("[", "-").replace("]", "")[:80]
    sqs = node.client("sqs")
    made: str = sqs.create_queue(QueueName=name)["QueueUrl"]
    assert made == f"{node.url}/{ACCOUNT}/{name}"
    yield made
    sqs.delete_queue(QueueUrl=made)


def test_twenty_threads_process_two_thousand_messages(node: Node, url: str) -> None:
    session = boto3.session.Session("test", "test", region_name=REGION)
    queue = session.resource("sqs", endpoint_url=node.url).Queue(url)
    seen: Counter[str] = Counter()
    lock, todo = threading.Lock(), 2000

    def consume() -> None:
        mine = boto3.session.Session("test", "test", region_name=REGION).resource("sqs", endpoint_url=node.url)
        while len(seen) < todo:
            messages = mine.Queue(url).receive_messages(MaxNumberOfMessages=7, WaitTimeSeconds=2)
            for message in messages:
                with lock:
                    seen[message.body] += 1
            if messages:
                mine.Queue(url).delete_messages(
                    Entries=[{"Id": str(n), "ReceiptHandle": m.receipt_handle} for n, m in enumerate(messages)]
                )

    threads = [threading.Thread(target=consume) for _ in range(20)]
    for thread in threads:
        thread.start()
    for first in range(0, todo, 10):
        queue.send_messages(Entries=[{"Id": str(n), "MessageBody": str(first + n)} for n in range(10)])
    for thread in threads:
        thread.join()
    assert len(seen) == todo
    assert set(seen.values()) == {1}
    queue.load()
    for name in ("", "NotVisible", "Delayed"):
        assert queue.attributes[f"ApproximateNumberOfMessages{name}"] == "0"


def test_a_poll_is_woken_at_once(node: Node, url: str) -> None:
    sqs, other = node.client("sqs"), node.client("sqs")
    took: list[float] = []
    for _ in range(5):
        sent = 0.0

        def send() -> None:
            nonlocal sent
            time.sleep(0.3)
            sent = time.perf_counter()
            other.send_message(QueueUrl=url, MessageBody="x")

        thread = threading.Thread(target=send)
        thread.start()
        assert len(sqs.receive_message(QueueUrl=url, WaitTimeSeconds=10)["Messages"]) == 1
        took.append(time.perf_counter() - sent)
        thread.join()
    assert min(took) < 0.1


def test_a_killed_node_loses_nothing(tmp_path: Path) -> None:
    node = Node(tmp_path).start()
    sqs = node.client("sqs")
    url = sqs.create_queue(QueueName="q")["QueueUrl"]
    for number in range(20):
        sqs.send_message(QueueUrl=url, MessageBody=str(number))
    handle = sqs.receive_message(QueueUrl=url, VisibilityTimeout=600)["Messages"][0]["ReceiptHandle"]
    node.kill()
    node.start()
    sqs = node.client("sqs")
    url = sqs.get_queue_url(QueueName="q")["QueueUrl"]
    sqs.delete_message(QueueUrl=url, ReceiptHandle=handle)
    found = sqs.get_queue_attributes(QueueUrl=url, AttributeNames=["All"])["Attributes"]
    assert (found["ApproximateNumberOfMessages"], found["ApproximateNumberOfMessagesNotVisible"]) == ("19", "0")
    assert node.stop() == 0


def error_of(call: Any, **params: Any) -> dict[str, Any]:
    with pytest.raises(ClientError) as caught:
        call(**params)
    found: dict[str, Any] = caught.value.response
    return {**found["Error"], "Status": found["ResponseMetadata"]["HTTPStatusCode"]}


def test_boto3_sees_awss_codes(node: Node, url: str) -> None:
    sqs = node.client("sqs")
    gone = f"{node.url}/{ACCOUNT}/none"
    assert error_of(sqs.send_message, QueueUrl=gone, MessageBody="x") == {
        "Code": "AWS.SimpleQueueService.NonExistentQueue",
        "Message": "The specified queue does not exist.",
        "QueryErrorCode": "QueueDoesNotExist",
        "Type": "Sender",
        "Status": 400,
    }
    with pytest.raises(sqs.exceptions.QueueDoesNotExist):
        sqs.receive_message(QueueUrl=gone)
    error = error_of(sqs.send_message, QueueUrl=url, MessageBody="")
    assert (error["Code"], error["QueryErrorCode"]) == ("MissingParameter", "MissingRequiredParameterException")
    error = error_of(sqs.receive_message, QueueUrl=url, MaxNumberOfMessages=11)
    assert (error["Code"], error["QueryErrorCode"]) == ("InvalidParameterValue", "InvalidParameterValueException")
    name = url.rpartition("/")[2]
    error = error_of(sqs.create_queue, QueueName=name, Attributes={"DelaySeconds": "9"})
    assert (error["Code"], error["QueryErrorCode"]) == ("QueueAlreadyExists", "QueueNameExists")
    arn = f"arn:aws:sqs:{REGION}:{ACCOUNT}:none"
    error = error_of(sqs.start_message_move_task, SourceArn=arn)
    assert (error["Code"], error["Status"]) == ("ResourceNotFoundException", 404)


def query(node: Node, path: str, **form: str) -> tuple[int, ElementTree.Element]:
    """What an SDK from before 2023 sends, and what it is answered."""
    body = urlencode({"Version": "2012-11-05", **form}).encode()
    headers = {"Content-Type": "application/x-www-form-urlencoded; charset=utf-8"}
    made = AWSRequest("POST", f"{node.url}{path}", data=body, headers=headers)
    SigV4Auth(Credentials("test", "test"), "sqs", REGION).add_auth(made)
    request = urllib.request.Request(made.url, body, dict(made.headers))
    try:
        with urllib.request.urlopen(request) as answer:
            return answer.status, ElementTree.fromstring(answer.read())
    except urllib.error.HTTPError as error:
        with error:
            return error.code, ElementTree.fromstring(error.read())


def text(root: ElementTree.Element, path: str) -> str | None:
    space = "{http://queue.amazonaws.com/doc/2012-11-05/}"
    return root.findtext("./" + "/".join(space + part for part in path.split("/")))


def test_the_query_protocol_at_the_queues_path(node: Node, url: str) -> None:
    path = url.removeprefix(node.url)
    names = {"MessageAttribute.1.Name": "a", "MessageAttribute.1.Value.DataType": "String"}
    sent = {"Action": "SendMessage", "MessageBody": "hello <&>", **names, "MessageAttribute.1.Value.StringValue": "b"}
    status, root = query(node, path, **sent)
    assert (status, root.tag.endswith("}SendMessageResponse")) == (200, True)
    asked = {"AttributeName.1": "All", "MessageAttributeName.1": "All"}
    _, root = query(node, path, Action="ReceiveMessage", **asked)
    assert text(root, "ReceiveMessageResult/Message/Body") == "hello <&>"
    assert text(root, "ReceiveMessageResult/Message/Attribute/Name") == "SenderId"
    assert text(root, "ReceiveMessageResult/Message/MessageAttribute/Value/StringValue") == "b"
    handle = text(root, "ReceiveMessageResult/Message/ReceiptHandle") or ""
    entry = {"DeleteMessageBatchRequestEntry.1.Id": "x", "DeleteMessageBatchRequestEntry.1.ReceiptHandle": handle}
    _, root = query(node, path, Action="DeleteMessageBatch", **entry)
    assert text(root, "DeleteMessageBatchResult/DeleteMessageBatchResultEntry/Id") == "x"
    _, root = query(node, path, Action="GetQueueAttributes", **{"AttributeName.1": "VisibilityTimeout"})
    assert text(root, "GetQueueAttributesResult/Attribute/Value") == "30"
    create = {"Action": "CreateQueue", "QueueName": "q", "Attribute.1.Name": "FifoQueue", "Attribute.1.Value": "false"}
    status, root = query(node, "/", **create)
    assert (status, text(root, "Error/Code")) == (400, "InvalidAttributeName")
    status, root = query(node, f"/{ACCOUNT}/none", Action="ReceiveMessage")
    assert (status, text(root, "Error/Code")) == (400, "AWS.SimpleQueueService.NonExistentQueue")
    _, root = query(node, "/", Action="ListQueues", QueueNamePrefix=url.rpartition("/")[2])
    assert text(root, "ListQueuesResult/QueueUrl") == url


def test_the_aws_cli(node: Node, url: str) -> None:
    def aws(*arguments: str) -> Any:
        # Version 1 of the CLI takes SQS's endpoint from this option only, not from the environment.
        where = ("--endpoint-url", node.url, "--queue-url", url)
        done = node.run("aws", "sqs", *arguments, *where)
        return json.loads(done.stdout) if done.stdout else None

    aws("send-message", "--message-body", "from the shell")
    found = aws("receive-message", "--wait-time-seconds", "5", "--attribute-names", "All")["Messages"][0]
    assert found["Body"] == "from the shell"
    aws("delete-message", "--receipt-handle", found["ReceiptHandle"])
    shown = aws("get-queue-attributes", "--attribute-names", "ApproximateNumberOfMessages")
    assert shown["Attributes"] == {"ApproximateNumberOfMessages": "0"}


def _celery() -> Path:
    """The folder of programs of an environment with celery; skips where it cannot be installed."""
    if not (CELERY / "installed").exists():
        subprocess.run([sys.executable, "-m", "venv", "--clear", str(CELERY)], check=True)
        install = [str(CELERY / "bin" / "pip"), "install", "-q", "celery", "kombu", "boto3", "urllib3", "pycurl"]
        if subprocess.run(install, check=False, capture_output=True).returncode:
            pytest.skip("celery cannot be installed")
        (CELERY / "installed").touch()
    return CELERY / "bin"


@pytest.mark.slow
def test_celery_runs_unchanged(node: Node, tmp_path: Path) -> None:
    programs = _celery()
    (tmp_path / "tasks.py").write_text(TASKS)
    notes = tmp_path / "notes"
    notes.touch()
    broker = f"sqs://test:test@{node.url.removeprefix('http://')}//"
    environment = {**node.environment(), "BROKER": broker, "NOTES": str(notes)}
    del environment["AWS_ENDPOINT_URL"]  # kombu is told by its broker's address
    command = [str(programs / "celery"), "-A", "tasks", "worker", "--pool", "threads", "-c", "4", "-l", "info"]
    with (tmp_path / "log").open("wb") as log:
        worker = subprocess.Popen(command, cwd=tmp_path, env=environment, stdout=log, stderr=log)
    try:
        code = "import tasks\nfor n in range(50): tasks.note.delay(n)"
        subprocess.run([str(programs / "python"), "-c", code], cwd=tmp_path, env=environment, check=True)
        until = time.monotonic() + 60
        while len(notes.read_text().splitlines()) < 50 and time.monotonic() < until and worker.poll() is None:
            time.sleep(0.2)
    finally:
        worker.terminate()
        worker.wait(30)
    said = (tmp_path / "log").read_text()
    assert sorted(map(int, notes.read_text().splitlines())) == list(range(50)), said[-3000:]
    sqs = node.client("sqs")
    url = sqs.get_queue_url(QueueName="celery-test")["QueueUrl"]
    found = sqs.get_queue_attributes(QueueUrl=url, AttributeNames=["All"])["Attributes"]
    assert (found["ApproximateNumberOfMessages"], found["ApproximateNumberOfMessagesNotVisible"]) == ("0", "0")
