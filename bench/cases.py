"""What is measured: each case prepares what it needs through boto3 and gives the signed requests to replay."""

from __future__ import annotations

import io
import json
import os
import zipfile
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import boto3
from botocore.config import Config

from .signed import REGION, sign

KEYS = 1000
SMALL = b"x" * 1024
LARGE = os.urandom(1 << 20) * 16
BUCKET = "bench"
FUNCTION = "bench-hello"
CODE = "def handler(event, context):\n    return {'hello': event.get('name', 'world')}\n"


@dataclass(frozen=True)
class Case:
    """A row of the table. `connections` at the same time; `body_mb` set where throughput is the figure."""

    name: str
    requests: Callable[[str], list[bytes]]
    connections: int = 16
    body_mb: float = 0.0


def client(service: str, url: str) -> Any:
    """A boto3 client of the root user."""
    return boto3.client(
        service,
        endpoint_url=url,
        region_name=REGION,
        aws_access_key_id="test",
        aws_secret_access_key="test",
        config=Config(s3={"addressing_style": "path"}, retries={"max_attempts": 0}, read_timeout=120),
    )


def prepare_s3(url: str) -> None:
    """The bucket, and the objects that are read."""
    s3 = client("s3", url)
    s3.create_bucket(Bucket=BUCKET)
    for number in range(KEYS):
        s3.put_object(Bucket=BUCKET, Key=f"small/{number:04d}", Body=SMALL)
    s3.put_object(Bucket=BUCKET, Key="large", Body=LARGE)


def prepare_function(url: str, runtime: str) -> None:
    """A role and a function that says hello, called once so that it is warm."""
    trust = {
        "Version": "2012-10-17",
        "Statement": [
            {"Effect": "Allow", "Principal": {"Service": "lambda.amazonaws.com"}, "Action": "sts:AssumeRole"}
        ],
    }
    roles, functions = client("iam", url), client("lambda", url)
    try:
        role = roles.create_role(RoleName="bench", AssumeRolePolicyDocument=json.dumps(trust))["Role"]["Arn"]
    except roles.exceptions.EntityAlreadyExistsException:
        role = roles.get_role(RoleName="bench")["Role"]["Arn"]
        functions.delete_function(FunctionName=FUNCTION)
    archive = io.BytesIO()
    with zipfile.ZipFile(archive, "w") as out:
        out.writestr("app.py", CODE)
    functions.create_function(
        FunctionName=FUNCTION,
        Runtime=runtime,
        Handler="app.handler",
        Role=role,
        Code={"ZipFile": archive.getvalue()},
        MemorySize=512,
    )
    functions.get_waiter("function_active_v2").wait(FunctionName=FUNCTION)
    functions.invoke(FunctionName=FUNCTION, Payload=b"{}")


def _small_puts(url: str) -> list[bytes]:
    return [sign("s3", "PUT", f"{url}/{BUCKET}/put/{number:04d}", SMALL) for number in range(KEYS)]


def _small_gets(url: str) -> list[bytes]:
    return [sign("s3", "GET", f"{url}/{BUCKET}/small/{number:04d}") for number in range(KEYS)]


def _large_put(url: str) -> list[bytes]:
    return [sign("s3", "PUT", f"{url}/{BUCKET}/large-put-{number}", LARGE) for number in range(4)]


def _large_get(url: str) -> list[bytes]:
    return [sign("s3", "GET", f"{url}/{BUCKET}/large")]


def _identity(url: str) -> list[bytes]:
    headers = {"Content-Type": "application/x-www-form-urlencoded; charset=utf-8"}
    return [sign("sts", "POST", f"{url}/", b"Action=GetCallerIdentity&Version=2011-06-15", headers)]


def _invoke(url: str) -> list[bytes]:
    path = f"/2015-03-31/functions/{FUNCTION}/invocations"
    return [sign("lambda", "POST", f"{url}{path}", b'{"name": "bench"}')]


S3_CASES = (
    Case("S3 put, 1 KB", _small_puts),
    Case("S3 get, 1 KB", _small_gets),
    Case("S3 put, 16 MB", _large_put, connections=2, body_mb=16.777216),
    Case("S3 get, 16 MB", _large_get, connections=2, body_mb=16.777216),
)
OTHER_CASES = (Case("GetCallerIdentity", _identity),)
INVOKE_CASES = (
    Case("warm invocation, one caller", _invoke, connections=1),
    Case("warm invocation, 8 callers", _invoke, connections=8),
)
