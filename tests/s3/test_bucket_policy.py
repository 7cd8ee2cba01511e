"""What a bucket policy may name: this bucket, actions of S3 that fit it, users and roles that exist."""

from __future__ import annotations

import json
from typing import Any

import pytest

from lambent.contracts.errors import ServiceError
from lambent.services.s3 import errors

from .support import ACCOUNT, BUCKET, OTHER_ACCOUNT, S3Cloud, run

WHOLE = f"arn:aws:s3:::{BUCKET}"
OBJECTS = f"{WHOLE}/*"
NOBODY = f"arn:aws:iam::{ACCOUNT}:user/nobody"


def put(action: Any, resource: Any, principal: Any = "*", **more: Any) -> None:
    statement = {"Effect": "Deny", "Principal": principal, "Action": action, "Resource": resource, **more}

    async def play(cloud: S3Cloud) -> None:
        await cloud.s3("PutBucketPolicy", Policy=json.dumps({"Version": "2012-10-17", "Statement": statement}))

    run(play)


@pytest.mark.parametrize(
    ("action", "resource", "principal", "message", "detail"),
    [
        ("s3:ListObjects", WHOLE, "*", "Policy has invalid action", "s3:ListObjects"),
        ("ec2:RunInstances", WHOLE, "*", "Policy has invalid action", "ec2:RunInstances"),
        ("s3:GetObject", WHOLE, "*", "Action does not apply to any resource(s) in statement", "s3:GetObject"),
        (
            ["s3:GetObject", "s3:ListBucket"],
            OBJECTS,
            "*",
            "Action does not apply to any resource(s) in statement",
            "s3:ListBucket",
        ),
        ("s3:GetObject", "arn:aws:s3:::other/*", "*", "Policy has invalid resource", "arn:aws:s3:::other/*"),
        ("s3:*", OBJECTS, {"AWS": NOBODY}, "Invalid principal in policy", f'"AWS" : "{NOBODY}"'),
    ],
)
def test_what_does_not_exist_is_refused_by_name(
    action: Any, resource: str, principal: Any, message: str, detail: str
) -> None:
    with pytest.raises(errors.MalformedPolicy) as caught:
        put(action, resource, principal)
    assert caught.value.message == message
    assert caught.value.fields["Detail"] == detail


@pytest.mark.parametrize(
    ("action", "resource", "principal"),
    [
        ("s3:*", OBJECTS, "*"),
        ("*", "*", {"AWS": OTHER_ACCOUNT}),
        ("s3:Get*", WHOLE, {"AWS": f"arn:aws:iam::{OTHER_ACCOUNT}:root"}),
        (["s3:listbucket", "S3:GETOBJECT"], [WHOLE, OBJECTS], {"Service": "logging.s3.amazonaws.com"}),
        ("s3:GetObject", f"{WHOLE}*", {"AWS": f"arn:aws:sts::{ACCOUNT}:assumed-role/gone/session"}),
    ],
)
def test_what_fits_is_taken(action: Any, resource: Any, principal: Any) -> None:
    put(action, resource, principal)


def test_a_user_that_exists_may_be_named_and_the_bucket_is_the_one_that_denies() -> None:
    async def play(cloud: S3Cloud) -> None:
        await cloud.call("iam", "CreateUser", UserName="nobody")
        await cloud.put("key")
        await cloud.allow(Effect="Deny", Principal={"AWS": NOBODY}, Action="s3:*", Resource=[WHOLE, OBJECTS])
        await cloud.allow(Sid="Never", Effect="Deny", Principal="*", Action="s3:GetObject", Resource=OBJECTS)
        with pytest.raises(ServiceError) as caught:
            await cloud.s3("GetObject", Key="key")
        assert caught.value.message.endswith(f"(denied by statement Never of policy {WHOLE})")

    run(play)


def test_a_header_that_no_answer_can_carry_is_refused() -> None:
    async def play(cloud: S3Cloud) -> None:
        await cloud.put("key")
        with pytest.raises(errors.InvalidArgument) as caught:
            await cloud.s3("GetObject", Key="key", ResponseCacheControl="\N{EM DASH}")
        assert caught.value.message == "Header value cannot be represented using ISO-8859-1."
        assert caught.value.fields["ArgumentName"] == "response-cache-control"

    run(play)
