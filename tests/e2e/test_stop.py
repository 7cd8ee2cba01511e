"""A node that is told to stop: what is under way has its time, and no more than that."""

from __future__ import annotations

import contextlib
import signal
import socket
from collections.abc import Iterator
from pathlib import Path
from urllib.parse import urlsplit

import pytest

from .node import Node
from .test_lambda import create, role, written

pytestmark = pytest.mark.e2e
BODY = b"x" * 100_000


@pytest.fixture
def own(tmp_path: Path) -> Iterator[Node]:
    """A node that a test may stop."""
    node = Node(tmp_path / "cloud").start()
    try:
        yield node
    finally:
        node.kill()


def _half_an_upload(node: Node) -> socket.socket:
    """A connection on which the head and half the body of a PUT have been sent."""
    s3 = node.client("s3")
    s3.create_bucket(Bucket="uploads")
    url = urlsplit(s3.generate_presigned_url("put_object", Params={"Bucket": "uploads", "Key": "key"}))
    connection = socket.create_connection((url.hostname, url.port), timeout=10)
    head = f"PUT {url.path}?{url.query} HTTP/1.1\r\nHost: {url.netloc}\r\nContent-Length: {len(BODY)}\r\n"
    connection.sendall(f"{head}Expect: 100-continue\r\n\r\n".encode())
    assert connection.recv(100).startswith(b"HTTP/1.1 100 ")  # the request is under way
    connection.sendall(BODY[:50_000])
    return connection


def _until_nobody_listens(address: tuple[str | None, int | None]) -> None:
    with contextlib.suppress(ConnectionError):  # refused, or reset in the moment of closing
        while True:
            socket.create_connection(address, timeout=10).close()


def test_an_upload_under_way_is_finished_and_kept(own: Node) -> None:
    with _half_an_upload(own) as connection:
        own.signal(signal.SIGTERM)
        _until_nobody_listens(connection.getpeername())
        connection.sendall(BODY[50_000:])
        assert connection.recv(100).startswith(b"HTTP/1.1 200 ")
    assert own.wait(4) == 0
    own.start()
    assert own.client("s3").get_object(Bucket="uploads", Key="key")["Body"].read() == BODY


def test_a_node_that_cannot_leave_its_note_does_not_run(tmp_path: Path) -> None:
    (tmp_path / "node.json").mkdir()
    node = Node(tmp_path)
    with pytest.raises(AssertionError, match=r"did not start: lambent: cannot write to \S+: Is a directory\n$"):
        node.start()
    assert node.wait(4) == 1
    node.kill()


def test_a_second_signal_ends_what_is_under_way(own: Node) -> None:
    with _half_an_upload(own) as connection:
        own.signal(signal.SIGTERM)
        _until_nobody_listens(connection.getpeername())
        own.signal(signal.SIGTERM)
        assert own.wait(4) == 0
        assert connection.recv(100) == b""
    own.start()
    assert "Contents" not in own.client("s3").list_objects_v2(Bucket="uploads")


SLOW = """
import time
def handler(event, context):
    print("begun", flush=True)
    time.sleep(1.5)
    print("finished", flush=True)
"""


def test_a_function_cut_short_by_a_stop_has_used_up_no_attempt(own: Node) -> None:
    create(own, "slow", SLOW, Timeout=10)
    functions = own.client("lambda")
    functions.put_function_event_invoke_config(FunctionName="slow", MaximumRetryAttempts=0)
    functions.invoke(FunctionName="slow", InvocationType="Event")
    written(own, "/aws/lambda/slow", "begun")
    own.signal(signal.SIGTERM)
    _until_nobody_listens(("127.0.0.1", urlsplit(own.url).port))
    own.signal(signal.SIGTERM)
    assert own.wait(4) == 0
    own.start()
    messages = [event["message"] for event in written(own, "/aws/lambda/slow", "finished")]
    assert [word for word in messages if word in {"begun\n", "finished\n"}] == ["begun\n", "begun\n", "finished\n"]


CALLS_BACK = """
import time
import boto3
def handler(event, context):
    print("begun", flush=True)
    time.sleep(1)
    boto3.client("s3").put_object(Bucket="late", Key="key", Body=b"made while the node drained")
"""


def test_a_function_that_runs_while_the_node_drains_still_reaches_the_cloud(own: Node) -> None:
    own.client("s3").create_bucket(Bucket="late")
    create(own, "late", CALLS_BACK, Timeout=10, Role=role(own, "late", "logs:*", "s3:*"))
    functions = own.client("lambda")
    functions.put_function_event_invoke_config(FunctionName="late", MaximumRetryAttempts=0)
    functions.invoke(FunctionName="late", InvocationType="Event")
    written(own, "/aws/lambda/late", "begun")
    own.signal(signal.SIGTERM)
    assert own.wait(8) == 0
    own.start()
    body = own.client("s3").get_object(Bucket="late", Key="key")["Body"].read()
    assert body == b"made while the node drained"
    messages = [event["message"] for event in written(own, "/aws/lambda/late", "REPORT")]
    assert messages.count("begun\n") == 1, "it was not run again for it"
