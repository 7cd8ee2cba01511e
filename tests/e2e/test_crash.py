"""kill -9 of the whole node during a storm of uploads: nothing acknowledged is lost, no event either."""

from __future__ import annotations

import io
import json
import random
import threading
import time
import zipfile
from pathlib import Path

import pytest

from .node import RUNTIME, Node, eventually

pytestmark = pytest.mark.e2e
WRITERS = 6
STORM_S = (0.6, 1.4)
CODE = """
import boto3
s3 = boto3.client("s3")
def handler(event, context):
    for record in event["Records"]:
        s3.put_object(Bucket="seen", Key=record["s3"]["object"]["key"], Body=b"")
"""
TRUST = {
    "Version": "2012-10-17",
    "Statement": [{"Effect": "Allow", "Principal": {"Service": "lambda.amazonaws.com"}, "Action": "sts:AssumeRole"}],
}
MAY_WRITE = {
    "Version": "2012-10-17",
    "Statement": [{"Effect": "Allow", "Action": "s3:PutObject", "Resource": "arn:aws:s3:::seen/*"}],
}


def prepare(node: Node) -> None:
    """Two buckets, and a function that notes in the second what was put into the first."""
    s3, iam, functions = node.client("s3"), node.client("iam"), node.client("lambda")
    for bucket in ("storm", "seen"):
        s3.create_bucket(Bucket=bucket)
    role = iam.create_role(RoleName="witness", AssumeRolePolicyDocument=json.dumps(TRUST))["Role"]["Arn"]
    iam.put_role_policy(RoleName="witness", PolicyName="write", PolicyDocument=json.dumps(MAY_WRITE))
    archive = io.BytesIO()
    with zipfile.ZipFile(archive, "w") as out:
        out.writestr("app.py", CODE)
    made = functions.create_function(
        FunctionName="witness",
        Runtime=RUNTIME,
        Handler="app.handler",
        Role=role,
        Code={"ZipFile": archive.getvalue()},
        Timeout=30,
    )
    functions.add_permission(
        FunctionName="witness",
        StatementId="s3",
        Action="lambda:InvokeFunction",
        Principal="s3.amazonaws.com",
        SourceArn="arn:aws:s3:::storm",
    )
    arn = made["FunctionArn"]
    configuration = {"LambdaFunctionConfigurations": [{"LambdaFunctionArn": arn, "Events": ["s3:ObjectCreated:*"]}]}
    s3.put_bucket_notification_configuration(Bucket="storm", NotificationConfiguration=configuration)


def body_of(key: str, size: int) -> bytes:
    return random.Random(key).randbytes(size)


def upload(node: Node, writer: int, acknowledged: dict[str, int], stop: threading.Event) -> None:
    """Put objects of many sizes until the node is gone; notes what was acknowledged."""
    s3 = node.client("s3")
    sizes = random.Random(writer)
    number = 0
    while not stop.is_set():
        key, size = f"{writer}/{number:05d}", sizes.choice([0, 10, 1000, 70_000, 300_000])
        try:
            s3.put_object(Bucket="storm", Key=key, Body=body_of(key, size))
        except Exception:
            return  # the node was killed: this upload was not acknowledged
        acknowledged[key] = size
        number += 1


@pytest.mark.parametrize("durability", ["normal", "strict"])
def test_nothing_acknowledged_is_lost(tmp_path: Path, durability: str) -> None:
    node = Node(tmp_path / "cloud", "--durability", durability).start()
    try:
        prepare(node)
        acknowledged: dict[str, int] = {}
        stop = threading.Event()
        writers = [threading.Thread(target=upload, args=(node, n, acknowledged, stop)) for n in range(WRITERS)]
        for writer in writers:
            writer.start()
        eventually(lambda: len(acknowledged) > 20)
        time.sleep(random.Random(durability).uniform(*STORM_S))
        node.kill()
        stop.set()
        for writer in writers:
            writer.join()
        node.start()
        s3 = node.client("s3")
        for key, size in acknowledged.items():
            found = s3.get_object(Bucket="storm", Key=key)["Body"].read()
            assert found == body_of(key, size), f"{key} is not what was acknowledged"
        whole = {item["Key"]: item["Size"] for item in listed(s3, "storm")}
        assert all(s3.get_object(Bucket="storm", Key=key)["ContentLength"] == size for key, size in whole.items())
        eventually(lambda: {item["Key"] for item in listed(s3, "seen")} >= set(acknowledged), timeout_s=120)
    finally:
        node.stop()


def listed(s3: object, bucket: str) -> list[dict[str, object]]:
    pages = s3.get_paginator("list_objects_v2").paginate(Bucket=bucket)  # type: ignore[attr-defined]
    return [item for page in pages for item in page.get("Contents", [])]
