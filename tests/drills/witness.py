"""The function that notes each new object: so it shows how often, when and by which node an event had its effect."""

from __future__ import annotations

import io
import json
import zipfile
from collections import defaultdict
from typing import Any

import msgspec

from tests.e2e.node import RUNTIME

SEEN = "seen"
CODE = """
import json, os, time, uuid
import boto3
from botocore.config import Config

s3 = boto3.client("s3", config=Config(retries={"total_max_attempts": 1}, connect_timeout=2, read_timeout=5))

def handler(event, context):
    begun, run = time.time(), uuid.uuid4().hex
    key = event["Records"][0]["s3"]["object"]["key"]
    # Some work, so that runs are under way whenever something happens.
    time.sleep(0.2)
    note = {"begun_s": begun, "node": os.environ.get("AWS_ENDPOINT_URL", "")}
    while True:  # the note must not fail for what is drilled here
        try:
            return s3.put_object(Bucket="seen", Key=f"{key}/{run}", Body=json.dumps(note)) and None
        except Exception:
            if context.get_remaining_time_in_millis() < 8000:
                raise
            time.sleep(0.3)
"""
_TRUST = {
    "Version": "2012-10-17",
    "Statement": [{"Effect": "Allow", "Principal": {"Service": "lambda.amazonaws.com"}, "Action": "sts:AssumeRole"}],
}
_MAY_WRITE = {
    "Version": "2012-10-17",
    "Statement": [
        {"Effect": "Allow", "Action": "s3:PutObject", "Resource": f"arn:aws:s3:::{SEEN}/*"},
        {"Effect": "Allow", "Action": "logs:*", "Resource": "*"},
    ],
}


class Effect(msgspec.Struct, frozen=True):
    """One run of the function: when it began (wall clock) and the endpoint of the node that ran it."""

    begun_s: float
    node: str


def prepare(make: Any, bucket: str) -> None:
    """Make `bucket`, and a function that notes in the bucket `seen` what is put below `new/`. `make` gives clients."""
    s3, iam, functions = make("s3"), make("iam"), make("lambda")
    for name in (bucket, SEEN):
        s3.create_bucket(Bucket=name)
    role = iam.create_role(RoleName="witness", AssumeRolePolicyDocument=json.dumps(_TRUST))["Role"]["Arn"]
    iam.put_role_policy(RoleName="witness", PolicyName="write", PolicyDocument=json.dumps(_MAY_WRITE))
    archive = io.BytesIO()
    with zipfile.ZipFile(archive, "w") as out:
        out.writestr("app.py", CODE)
    arn = functions.create_function(
        FunctionName="witness", Runtime=RUNTIME, Handler="app.handler", Role=role,
        Code={"ZipFile": archive.getvalue()}, Timeout=60,
    )["FunctionArn"]  # fmt: skip
    functions.add_permission(
        FunctionName="witness", StatementId="s3", Action="lambda:InvokeFunction", Principal="s3.amazonaws.com",
        SourceArn=f"arn:aws:s3:::{bucket}",
    )  # fmt: skip
    only = {"Key": {"FilterRules": [{"Name": "prefix", "Value": "new/"}]}}
    target = {"LambdaFunctionArn": arn, "Events": ["s3:ObjectCreated:*"], "Filter": only}
    s3.put_bucket_notification_configuration(
        Bucket=bucket, NotificationConfiguration={"LambdaFunctionConfigurations": [target]}
    )


def noted_keys(s3: Any) -> dict[str, int]:
    """How often each new object was noted."""
    counts: dict[str, int] = defaultdict(int)
    for name in _listed(s3):
        counts[name.rpartition("/")[0]] += 1
    return counts


def effects(s3: Any) -> dict[str, list[Effect]]:
    """All runs by the object's key."""
    found: dict[str, list[Effect]] = defaultdict(list)
    for name in _listed(s3):
        note = s3.get_object(Bucket=SEEN, Key=name)["Body"].read()
        found[name.rpartition("/")[0]].append(msgspec.json.decode(note, type=Effect))
    return found


def _listed(s3: Any) -> list[str]:
    pages = s3.get_paginator("list_objects_v2").paginate(Bucket=SEEN)
    return [item["Key"] for page in pages for item in page.get("Contents", [])]
