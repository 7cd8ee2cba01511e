"""Browser uploads: boto3 makes the policy, the forms are put together here; refusals are S3's own."""

from __future__ import annotations

import asyncio
import base64
import datetime
import json
from collections.abc import Callable
from contextlib import suppress
from typing import Any

import botocore.auth
import pytest
from botocore.awsrequest import AWSRequest
from botocore.credentials import Credentials
from hypothesis import given
from hypothesis import strategies as st

from lambent.auth import Authenticated, Form, Verifier, authenticate_form, read_form
from lambent.auth.post_policy import check_policy
from lambent.contracts.caller import ANONYMOUS
from lambent.contracts.errors import ServiceError
from lambent.contracts.http import BodyTooLarge, BytesBody, Request

from .support import ACCESS_KEY, NOW_NS, SECRET, SIGNED_AT, Trickle, at, credential

PHOTO = b"\xff\xd8 photo \r\n--not the boundary\r\n" * 300


def policy(*conditions: Any, minutes: int = 10) -> dict[str, str]:
    """Form fields as botocore signs them."""
    request = AWSRequest()
    document = {
        "expiration": (SIGNED_AT + datetime.timedelta(minutes=minutes)).strftime("%Y-%m-%dT%H:%M:%SZ"),
        "conditions": [{"bucket": "photos"}, ["starts-with", "$key", "raw/"], *conditions],
    }
    request.context["s3-presign-post-fields"] = {"key": "raw/${filename}"}
    request.context["s3-presign-post-policy"] = document
    with at(SIGNED_AT):
        botocore.auth.S3SigV4PostAuth(Credentials(ACCESS_KEY, SECRET), "s3", "us-east-1").add_auth(request)
    found: dict[str, str] = request.context["s3-presign-post-fields"]
    return found


def encode(
    fields: dict[str, str], file: bytes | None = PHOTO, boundary: str = "----x7", filename: str = "a.jpg"
) -> bytes:
    parts = [
        f'--{boundary}\r\nContent-Disposition: form-data; name="{n}"\r\n\r\n{v}\r\n'.encode() for n, v in fields.items()
    ]
    if file is not None:
        head = f'--{boundary}\r\nContent-Disposition: form-data; name="file"; filename="{filename}"\r\n'
        parts.append(head.encode() + b"Content-Type: image/jpeg\r\n\r\n" + file + b"\r\n")
    return b"".join(parts) + f"--{boundary}--\r\n".encode()


def request(data: bytes, *sizes: int, boundary: str = "----x7") -> Request:
    headers = {"host": "photos.localhost", "content-type": f"multipart/form-data; boundary={boundary}"}
    return Request("POST", "/", "", headers, Trickle(data, *sizes) if sizes else BytesBody(data))


async def _run(post: Request, bucket: str, now_ns: int) -> tuple[Form, Authenticated, bytes]:
    form = await read_form(post)
    known = credential()
    find = {ACCESS_KEY: known}.get
    done = await authenticate_form(Verifier(), form, bucket, find, now_ns)
    return form, done, await done.body.read(1 << 20)


def accept(post: Request, bucket: str = "photos", now_ns: int = NOW_NS) -> tuple[Form, Authenticated, bytes]:
    return asyncio.run(_run(post, bucket, now_ns))


def refuse(post: Request, bucket: str = "photos", now_ns: int = NOW_NS) -> ServiceError:
    with pytest.raises(ServiceError) as refused:
        accept(post, bucket, now_ns)
    return refused.value


@pytest.mark.parametrize("sizes", [(), (1,), (7, 100), (5000,)])
@pytest.mark.parametrize("file", [PHOTO, b"", b"\r\n", b"\r\n------x"])
def test_an_upload_with_a_signed_policy(sizes: tuple[int, ...], file: bytes) -> None:
    form, done, data = accept(request(encode(policy(), file), *sizes))
    assert data == file
    assert (form.fields["key"], form.filename, form.content_type) == ("raw/a.jpg", "a.jpg", "image/jpeg")
    assert (done.caller.access_key, done.kind, done.region) == (ACCESS_KEY, "post", "us-east-1")


def test_an_upload_without_a_policy_is_anonymous() -> None:
    _, done, data = accept(request(encode({"key": "a"})))
    assert (done.caller, done.signed, data) == (ANONYMOUS, False, PHOTO)


def test_a_file_name_loses_its_folders() -> None:
    form, _, _ = accept(request(encode(policy(), filename="C:\\\\photos\\\\b.jpg")))
    assert form.fields["key"] == "raw/b.jpg"


def test_the_size_range_is_kept_while_the_file_arrives() -> None:
    fields = policy(["content-length-range", 5, 10])
    assert accept(request(encode(fields, b"1234567890")))[2] == b"1234567890"
    for sizes in ((), (9,)):
        large = refuse(request(encode(fields, b"12345678901"), *sizes))
        assert (large.code, large.fields) == ("EntityTooLarge", {"ProposedSize": "11", "MaxSizeAllowed": "10"})
        small = refuse(request(encode(fields, b"1"), *sizes))
        assert (small.code, small.fields) == ("EntityTooSmall", {"ProposedSize": "1", "MinSizeAllowed": "5"})
    wrong = refuse(request(encode(policy(["content-length-range", "test", 10]))))
    assert wrong.message == (
        'Invalid according to Policy: Policy Condition failed: ["content-length-range", "test", "10"]'
    )


REDIRECT = "http://localhost.test/random"
CONDITIONS: list[tuple[Any, dict[str, str], str, str]] = [
    (
        ["eq", "$success_action_redirect", REDIRECT],
        {"success_action_redirect": "http://other"},
        "AccessDenied",
        f'Policy Condition failed: ["eq", "$success_action_redirect", "{REDIRECT}"]',
    ),
    (
        ["eq", "success_action_redirect", REDIRECT],
        {"success_action_redirect": REDIRECT},
        "AccessDenied",
        f'Policy Condition failed: ["eq", "success_action_redirect", "{REDIRECT}"]',
    ),
    ({"a": "b", "c": "d"}, {}, "InvalidPolicyDocument", "must have exactly one property specified."),
    ({"success_action_status": 201}, {}, "InvalidPolicyDocument", "Invalid Simple-Condition: value must be a string."),
    (["starts-with", "$Content-Type", "image/"], {"Content-Type": "image/png,text/html"}, "AccessDenied", "failed"),
    (["starts-with", "$Content-Type", "image/"], {}, "AccessDenied", "failed"),
    ({"acl": "private"}, {"acl": "private", "tagging": "x"}, "AccessDenied", "Extra input fields: tagging"),
    (["like", "$acl", "x"], {}, "InvalidPolicyDocument", "unknown operation 'like'"),
    ("acl", {}, "InvalidPolicyDocument", "a condition must be an object or a list"),
]


@pytest.mark.parametrize(("condition", "extra", "code", "part"), CONDITIONS)
def test_a_policy_that_is_not_met(condition: Any, extra: dict[str, str], code: str, part: str) -> None:
    error = refuse(request(encode({**policy(condition), **extra})))
    assert error.code == code
    assert part in error.message


def test_conditions_that_are_met() -> None:
    fields = policy(
        {"acl": "private"}, ["starts-with", "$Content-Type", "image/"], ["starts-with", "$x-amz-meta-a", ""]
    )
    given_fields = {
        **fields,
        "ACL": "private",
        "Content-Type": "image/png, image/gif",
        "x-amz-meta-a": "",
        "x-ignore-b": "c",
    }
    assert accept(request(encode(given_fields)))[1].signed


def test_bucket_expiry_and_signature_are_checked() -> None:
    post = request(encode(policy()))
    assert 'Policy Condition failed: ["eq", "$bucket", "photos"]' in refuse(post, "another").message
    expired = refuse(post, now_ns=NOW_NS + 601 * 1_000_000_000)
    assert (expired.code, expired.status, expired.message) == (
        "AccessDenied",
        403,
        "Invalid according to Policy: Policy expired.",
    )
    forged = {**policy(), "policy": base64.b64encode(b'{"conditions": []}').decode()}
    assert refuse(request(encode(forged))).code == "SignatureDoesNotMatch"
    unknown = {**policy(), "x-amz-credential": "OTHER/20260301/us-east-1/s3/aws4_request"}
    assert refuse(request(encode(unknown))).code == "InvalidAccessKeyId"


@pytest.mark.parametrize(
    ("change", "name"),
    [
        (lambda f: f.pop("x-amz-signature"), "X-Amz-Signature"),
        (lambda f: f.pop("key"), "key"),
        (lambda f: f.pop("policy"), "policy"),
        (lambda f: f.pop("x-amz-date"), "X-Amz-Date"),
    ],
)
def test_missing_fields_are_named(change: Callable[[dict[str, str]], Any], name: str) -> None:
    fields = policy()
    change(fields)
    error = refuse(request(encode(fields)))
    assert (error.code, error.fields["ArgumentName"]) == ("InvalidArgument", name)
    assert error.message == (
        f"Bucket POST must contain a field named '{name}'.  If it is specified, please check the order of the fields."
    )


def test_the_old_signature_of_a_policy() -> None:
    request_ = AWSRequest()
    request_.context["s3-presign-post-fields"] = {"key": "raw/a"}
    request_.context["s3-presign-post-policy"] = {
        "expiration": "2026-03-01T12:10:00Z",
        "conditions": [{"bucket": "photos"}, ["starts-with", "$key", "raw/"]],
    }
    botocore.auth.HmacV1PostAuth(Credentials(ACCESS_KEY, SECRET)).add_auth(request_)
    fields: dict[str, str] = request_.context["s3-presign-post-fields"]
    assert accept(request(encode(fields)))[1].kind == "post"
    assert refuse(request(encode({**fields, "signature": "x"}))).code == "SignatureDoesNotMatch"
    del fields["AWSAccessKeyId"]
    assert refuse(request(encode(fields))).fields["ArgumentName"] == "AWSAccessKeyId"


def test_forms_that_are_none() -> None:
    assert refuse(request(encode({"key": "a"}, None))).fields["ArgumentName"] == "file"
    assert refuse(request(b"")).code == "MalformedPOSTRequest"
    for cut in (10, 60, 200, 3000):
        assert refuse(request(encode(policy())[:cut], 50)).code == "MalformedPOSTRequest"
    too_long = encode({"key": "a", "x-ignore-a": "b" * 30_000})
    assert refuse(request(too_long, 1000)).code == "MaxPostPreDataLengthExceededError"
    other = Request("POST", "/", headers={"content-type": "text/plain"})
    assert refuse(other).status == 412
    latin = encode({"key": "a"}).replace(b"\r\n\r\na\r\n", b"\r\n\r\n\xff\r\n")
    assert refuse(request(latin)).code == "MalformedPOSTRequest"


def test_a_reader_sets_its_limit() -> None:
    async def run() -> None:
        form = await read_form(request(encode({"key": "a"}), 100))
        await form.file.read(10)

    with pytest.raises(BodyTooLarge):
        asyncio.run(run())


@given(st.binary(max_size=400), st.integers(1, 50))
def test_nothing_but_a_service_error_comes_of_a_garbled_form(data: bytes, size: int) -> None:
    whole = encode({"key": "a"}, b"file")
    for body in (data, whole[: len(data)] + data, data + whole):
        with suppress(ServiceError):
            accept(request(body, size))


JSON = st.recursive(
    st.none() | st.integers() | st.text(max_size=20),
    lambda x: st.lists(x, max_size=4) | st.dictionaries(st.text(max_size=9), x, max_size=3),
)


@given(JSON, JSON)
def test_nothing_but_a_service_error_comes_of_a_garbled_policy(expiration: Any, conditions: Any) -> None:
    for document in ({"expiration": expiration, "conditions": conditions}, conditions):
        text = base64.b64encode(json.dumps(document).encode()).decode()
        with pytest.raises(ServiceError):
            check_policy(text, {"key": "a"}, "b", NOW_NS)
