"""Event source mappings: how long a message takes from SendMessage to the function, and how fast a queue is emptied.

`python -m bench.event_sources [--count N]`. The latency is measured by the function, with the machine's clock, from the
moment before the request is sent; messages are sent one after the other to a warm environment.
"""

from __future__ import annotations

import argparse
import io
import json
import os
import statistics
import sys
import tempfile
import time
import zipfile
from pathlib import Path
from typing import Any

from .cases import client
from .server import Server, lambent

LATENCY = f"bench-latency-{os.getpid()}"
DRAIN = f"bench-drain-{os.getpid()}"
ROWS = "SQS to function"
"""The name of the row that the others of its kind are measured with."""
COUNT = 200
BATCH = 10
PAUSE_S = 0.02
_TIMEOUT_S = 120.0
CODE = """
import time
def handler(event, context):
    now = time.time()
    for record in event["Records"]:
        print("taken_ms", (now - float(record["body"])) * 1e3)
"""


def _prepare(url: str, name: str, concurrency: int) -> str:
    """A queue that is mapped to a function of the same name; returns its URL."""
    iam, functions, sqs = client("iam", url), client("lambda", url), client("sqs", url)
    trust = {"Effect": "Allow", "Principal": {"Service": "lambda.amazonaws.com"}, "Action": "sts:AssumeRole"}
    role = iam.create_role(RoleName=name, AssumeRolePolicyDocument=_policy(trust))["Role"]["Arn"]
    allow = {"Effect": "Allow", "Action": ["sqs:*", "logs:*"], "Resource": "*"}
    iam.put_role_policy(RoleName=name, PolicyName="poll", PolicyDocument=_policy(allow))
    functions.create_function(
        FunctionName=name,
        Runtime=f"python{sys.version_info[0]}.{sys.version_info[1]}",
        Handler="app.handler",
        Role=role,
        Code={"ZipFile": _zipped()},
    )
    queue: str = sqs.create_queue(QueueName=name)["QueueUrl"]
    functions.create_event_source_mapping(
        FunctionName=name,
        EventSourceArn=f"arn:aws:sqs:us-east-1:000000000000:{name}",
        ScalingConfig={"MaximumConcurrency": concurrency},
    )
    return queue


def _policy(statement: dict[str, Any]) -> str:
    return json.dumps({"Version": "2012-10-17", "Statement": [statement]})


def _zipped() -> bytes:
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as archive:
        archive.writestr("app.py", CODE)
    return buffer.getvalue()


def latency(server: Server, count: int) -> list[float]:
    """How long each of `count` messages took to its function, in ms, sorted. The first one, which finds no warm
    environment, is left out."""
    queue = _prepare(server.url, LATENCY, 2)
    sqs = client("sqs", server.url)
    sqs.send_message(QueueUrl=queue, MessageBody="0")
    _emptied(server, queue)
    for _ in range(count):
        sqs.send_message(QueueUrl=queue, MessageBody=repr(time.time()))
        time.sleep(PAUSE_S)
    _emptied(server, queue)
    return sorted(_told(server, count))


def _told(server: Server, count: int) -> list[float]:
    """What the function's log says, once it is complete."""
    pages = client("logs", server.url).get_paginator("filter_log_events")
    until = time.perf_counter() + _TIMEOUT_S
    while time.perf_counter() < until:
        found = pages.paginate(logGroupName=f"/aws/lambda/{LATENCY}", filterPattern="taken_ms")
        lines = [event["message"] for page in found for event in page["events"]]
        if len(lines) > count:
            return [float(line.split()[1]) for line in lines if float(line.split()[1]) < 1e9]
        time.sleep(PAUSE_S)
    raise SystemExit("the function's log is not complete")


def drain(server: Server, count: int) -> float:
    """Messages per second of a queue that `count` messages wait in, in batches of ten, with 5 at a time at most."""
    queue = _prepare(server.url, DRAIN, 5)
    sqs, functions = client("sqs", server.url), client("lambda", server.url)
    mapping = functions.list_event_source_mappings(FunctionName=DRAIN)["EventSourceMappings"][0]["UUID"]
    sqs.send_message(QueueUrl=queue, MessageBody=repr(time.time()))
    _emptied(server, queue)
    functions.update_event_source_mapping(UUID=mapping, Enabled=False)
    while functions.get_event_source_mapping(UUID=mapping)["State"] != "Disabled":
        time.sleep(PAUSE_S)
    entries = [{"Id": str(number), "MessageBody": repr(time.time())} for number in range(BATCH)]
    for _ in range(count // BATCH):
        sqs.send_message_batch(QueueUrl=queue, Entries=entries)
    started = time.perf_counter()
    functions.update_event_source_mapping(UUID=mapping, Enabled=True)
    _emptied(server, queue)
    return count / (time.perf_counter() - started)


def _emptied(server: Server, queue: str) -> None:
    names = ["ApproximateNumberOfMessages", "ApproximateNumberOfMessagesNotVisible"]
    sqs = client("sqs", server.url)
    until = time.perf_counter() + _TIMEOUT_S
    while any(
        int(value) for value in sqs.get_queue_attributes(QueueUrl=queue, AttributeNames=names)["Attributes"].values()
    ):
        if time.perf_counter() > until:
            raise SystemExit("the queue is not emptied")
        time.sleep(PAUSE_S)


def rows(server: Server, count: int = COUNT) -> list[list[str]]:
    """Rows for the table of `python -m bench`."""
    taken_ms = latency(server, count)
    p50, p99 = statistics.median(taken_ms), taken_ms[int(len(taken_ms) * 0.99)]
    rate = drain(server, count * BATCH)
    return [
        [ROWS, "", "", "", f"{p50:.2f}", f"{p99:.2f}", f"of {len(taken_ms)}, from before SendMessage"],
        ["SQS drained by a function", f"{rate:,.0f}", "", "", "", "", "messages, batches of 10, 5 at a time"],
    ]


def main() -> None:
    """Measure a Lambent of its own, and print."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--count", type=int, default=COUNT)
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder, lambent(Path(folder)) as server:
        for row in rows(server, options.count):
            print("| " + " | ".join(row) + " |")


if __name__ == "__main__":
    main()
