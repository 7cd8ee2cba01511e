"""Signed requests of every form are accepted as botocore signs them; each kind of refusal is AWS's own."""

from __future__ import annotations

import asyncio
import hashlib
import hmac
from contextlib import suppress
from typing import Any
from urllib.parse import quote

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from lambent.auth import Authenticated, Endpoint, Verifier, missing_token
from lambent.auth.verify import derive_key
from lambent.contracts.caller import ANONYMOUS, Credential
from lambent.contracts.errors import NotBuilt, ServiceError
from lambent.contracts.http import BytesBody, Request

from .support import (
    ACCESS_KEY,
    DYNAMODB,
    EC2,
    IAM,
    LAMBDA,
    NOW_NS,
    S3,
    SECOND_NS,
    Trickle,
    copy,
    credential,
    sha256,
    signed,
    verify,
)

JSON = {"content-type": "application/x-amz-json-1.0", "x-amz-target": "DynamoDB_20120810.ListTables"}
OBJECT = "http://photos.s3.amazonaws.com/raw/a%20b%28c%29~%C3%A9.jpg?versionId=3%2F4%3D&tagging"


def accept(request: Request, endpoint: Endpoint = DYNAMODB, **options: Any) -> Authenticated:
    return asyncio.run(verify(request, endpoint, **options))


def refuse(request: Request, endpoint: Endpoint = DYNAMODB, **options: Any) -> ServiceError:
    with pytest.raises(ServiceError) as refused:
        asyncio.run(verify(request, endpoint, **options))
    return refused.value


def put(body: bytes = b"photo", **options: Any) -> Request:
    return signed("s3", "PUT", OBJECT, {"x-amz-content-sha256": sha256(body)}, body, service="s3", **options)


def test_a_header_signature_names_the_caller_and_the_scope() -> None:
    done = accept(signed(body=b"{}", headers=JSON))
    assert (done.caller.access_key, done.region, done.service) == (ACCESS_KEY, "us-east-1", "dynamodb")
    assert (done.signed, done.kind, done.signed_ns) == (True, "header", NOW_NS)
    assert isinstance(done.body, BytesBody)
    assert done.body.data == b"{}"


@pytest.mark.parametrize(
    "path",
    ["/", "/a/../b//c/./", "/2015-03-31/functions/arn%3Aaws%3Alambda%3Ax/invocations", "/a%20b/~c/%C3%A9", "/a/b/.."],
)
def test_paths_are_escaped_twice_outside_s3(path: str) -> None:
    request = signed(url=f"http://localhost:4566{path}?b=2&a=1&a=0&c", service="lambda")
    assert accept(request, LAMBDA).service == "lambda"


@pytest.mark.parametrize("key", ["a b", "a/../b", "//a//b/.", "é/ü+%2F", "(x)*'!$&,;=:@~"])
def test_paths_of_s3_are_taken_as_they_are(key: str) -> None:
    url = f"http://localhost:4566/bucket/{quote(key, safe='/~')}"
    request = signed("s3", "GET", url, service="s3")
    assert accept(request, S3).kind == "header"
    less_escaped = quote(key, safe="/~()!*$,:@'")
    assert accept(copy(request, path=f"/bucket/{less_escaped}"), S3).kind == "header"


def test_a_streamed_body_is_verified_before_it_ends() -> None:
    request = copy(put(b"photo" * 100), body=Trickle(b"photo" * 100, 1, 99))
    done = accept(request, S3, streaming=True)
    assert asyncio.run(done.body.read(1000)) == b"photo" * 100
    broken = accept(copy(request, body=Trickle(b"phot0" * 100, 64)), S3, streaming=True)
    seen = bytearray()

    async def consume() -> None:
        async for piece in broken.body:
            seen.extend(piece)

    with pytest.raises(ServiceError) as refused:
        asyncio.run(consume())
    assert refused.value.code == "XAmzContentSHA256Mismatch"
    assert len(seen) == 500


def test_a_presigned_url_works_until_it_expires() -> None:
    request = signed("s3-query", "GET", OBJECT, service="s3", expires=60)
    done = accept(request, S3, now_ns=NOW_NS + 60 * SECOND_NS)
    assert (done.kind, done.signed) == ("query", True)
    late = refuse(request, S3, now_ns=NOW_NS + 61 * SECOND_NS)
    assert (late.code, late.status, late.message) == ("AccessDenied", 403, "Request has expired")
    assert late.fields == {
        "X-Amz-Expires": "60",
        "Expires": "2026-03-01T12:01:00Z",
        "ServerTime": "2026-03-01T12:01:01Z",
    }
    early = refuse(request, S3, now_ns=NOW_NS - 901 * SECOND_NS)
    assert early.message == "Request is not yet valid"


def test_a_presigned_url_of_another_service_signs_the_empty_body() -> None:
    sts = Endpoint("sts", "query")
    url = "http://sts.amazonaws.com/?Action=GetCallerIdentity&Version=2011-06-15"
    request = signed("query", "GET", url, service="sts", expires=60, token="session")
    assert accept(request, sts, found=credential(token="session")).service == "sts"
    late = refuse(request, sts, found=credential(token="session"), now_ns=NOW_NS + 61 * SECOND_NS)
    assert late.code == "SignatureDoesNotMatch"
    assert late.message == "Signature expired: 20260301T120100Z is now earlier than 20260301T120101Z"


def test_a_date_header_does_in_place_of_x_amz_date() -> None:
    request = signed("s3", "GET", OBJECT, {"Date": "Sun, 01 Mar 2026 12:00:00 GMT"}, service="s3")
    assert "x-amz-date" not in request.headers
    assert accept(request, S3).signed_ns == NOW_NS


def test_unsigned_requests_are_anonymous() -> None:
    done = accept(Request("GET", "/bucket/key", headers={"host": "localhost"}), S3, streaming=True)
    assert (done.caller, done.signed, done.kind) == (ANONYMOUS, False, "")
    assert missing_token(S3).code == "AccessDenied"
    assert (missing_token(DYNAMODB).code, missing_token(DYNAMODB).status) == (
        "MissingAuthenticationTokenException",
        400,
    )
    assert (missing_token(IAM).code, missing_token(IAM).status) == ("MissingAuthenticationToken", 403)


def test_header_bytes_beyond_ascii_come_back_as_they_were_sent() -> None:
    request = signed("s3", "GET", OBJECT, {"x-amz-meta-name": "PLACE"}, service="s3")
    headers = {**request.headers, "x-amz-meta-name": "Märchen à deux".encode().decode("latin-1")}
    wrong = refuse(copy(request, headers=headers), S3)
    canonical = bytes.fromhex(wrong.fields["CanonicalRequestBytes"])
    assert "x-amz-meta-name:Märchen à deux\n".encode() in canonical
    scope = "20260301/us-east-1/s3/aws4_request"
    text = f"AWS4-HMAC-SHA256\n20260301T120000Z\n{scope}\n{hashlib.sha256(canonical).hexdigest()}"
    key = derive_key(credential().secret, "20260301", "us-east-1", "s3")
    signature = hmac.digest(key, text.encode(), "sha256").hex()
    head = request.headers["authorization"].rpartition("Signature=")[0]
    assert accept(copy(request, headers={**headers, "authorization": f"{head}Signature={signature}"}), S3).signed


UNKNOWN = "The security token included in the request is invalid."
MISMATCH = (
    "The request signature we calculated does not match the signature you provided. Check your AWS Secret Access Key "
    "and signing method. Consult the service documentation for details."
)
TABLE = [
    ("unknown", DYNAMODB, "UnrecognizedClientException", 400, UNKNOWN),
    ("unknown", LAMBDA, "UnrecognizedClientException", 403, UNKNOWN),
    ("unknown", IAM, "InvalidClientTokenId", 403, UNKNOWN),
    ("unknown", EC2, "AuthFailure", 401, "AWS was not able to validate the provided access credentials"),
    ("unknown", S3, "InvalidAccessKeyId", 403, "The AWS Access Key Id you provided does not exist in our records."),
    ("inactive", DYNAMODB, "UnrecognizedClientException", 400, UNKNOWN),
    ("inactive", S3, "InvalidAccessKeyId", 403, "The AWS Access Key Id you provided does not exist in our records."),
    ("secret", DYNAMODB, "InvalidSignatureException", 400, MISMATCH),
    ("secret", LAMBDA, "InvalidSignatureException", 403, MISMATCH),
    ("secret", IAM, "SignatureDoesNotMatch", 403, MISMATCH),
    (
        "secret",
        S3,
        "SignatureDoesNotMatch",
        403,
        "The request signature we calculated does not match the signature you provided. Check your key and signing "
        "method.",
    ),
    ("old-token", DYNAMODB, "ExpiredTokenException", 400, "The security token included in the request is expired"),
    ("old-token", IAM, "ExpiredToken", 403, "The security token included in the request is expired"),
    ("old-token", S3, "ExpiredToken", 400, "The provided token has expired."),
    ("no-token", IAM, "InvalidClientTokenId", 403, UNKNOWN),
    ("other-token", S3, "InvalidToken", 400, "The provided token is malformed or otherwise invalid."),
    ("other-token", DYNAMODB, "UnrecognizedClientException", 400, UNKNOWN),
]
FOUND: dict[str, Credential] = {
    "unknown": credential(access_key="ANOTHER"),
    "inactive": credential(active=False),
    "secret": credential(secret="another"),
    "old-token": credential(token="session", expires_ns=NOW_NS),
    "no-token": credential(token="session"),
    "other-token": credential(token="another"),
}


@pytest.mark.parametrize(("case", "endpoint", "code", "status", "message"), TABLE)
def test_refusals_are_worded_as_aws_words_them(
    case: str, endpoint: Endpoint, code: str, status: int, message: str
) -> None:
    kind = "s3" if endpoint.s3 else "header"
    token = "session" if case.endswith("-token") and case != "no-token" else None
    request = signed(kind, "PUT", OBJECT, body=b"{}", service=endpoint.service, token=token)
    error = refuse(request, endpoint, found=FOUND[case])
    assert (error.code, error.status, error.message) == (code, status, message)


def test_a_wrong_signature_in_s3_shows_what_was_signed() -> None:
    error = refuse(put(), S3, found=credential(secret="another"))
    assert error.fields["StringToSign"].startswith("AWS4-HMAC-SHA256\n20260301T120000Z\n20260301/us-east-1/s3/aws4")
    assert error.fields["CanonicalRequest"].startswith("PUT\n/raw/a%20b%28c%29~%C3%A9.jpg\ntagging=&versionId=3%2F4")
    assert bytes.fromhex(error.fields["StringToSignBytes"]).decode() == error.fields["StringToSign"]
    assert error.fields["AWSAccessKeyId"] == ACCESS_KEY
    assert len(error.fields["SignatureProvided"]) == 64


def test_a_clock_that_is_off_by_more_than_15_minutes_is_refused() -> None:
    for minutes, told in ((16, "20260301T120000Z is now earlier than 20260301T120100Z (20260301T121600Z - 15 min.)"),):
        error = refuse(signed(body=b"{}"), now_ns=NOW_NS + minutes * 60 * SECOND_NS)
        assert (error.code, error.message) == ("InvalidSignatureException", f"Signature expired: {told}")
    ahead = refuse(signed(service="iam"), IAM, now_ns=NOW_NS - 16 * 60 * SECOND_NS)
    assert ahead.code == "SignatureDoesNotMatch"
    assert ahead.message.startswith("Signature not yet current: 20260301T120000Z is still later than 20260301T115900Z")
    skewed = refuse(put(), S3, now_ns=NOW_NS + 901 * SECOND_NS)
    assert (skewed.code, skewed.status) == ("RequestTimeTooSkewed", 403)
    assert skewed.fields["MaxAllowedSkewMilliseconds"] == "900000"
    assert accept(put(), S3, now_ns=NOW_NS + 900 * SECOND_NS).signed


def _authorization(**changes: str) -> dict[str, str]:
    parts = {
        "credential": f"{ACCESS_KEY}/20260301/us-east-1/s3/aws4_request",
        "names": "host;x-amz-content-sha256;x-amz-date",
        **changes,
    }
    text = f"AWS4-HMAC-SHA256 Credential={parts['credential']}, SignedHeaders={parts['names']}, Signature={'0' * 64}"
    return {"authorization": changes.get("whole", text)}


MALFORMED = [
    ({"whole": "AWS4-HMAC-SHA256 Credential=x"}, "AuthorizationHeaderMalformed", "requires three components"),
    ({"whole": "AWS4-HMAC-SHA256"}, "AuthorizationHeaderMalformed", "requires three components"),
    ({"whole": "AWS4-HMAC-SHA256 Signature=x"}, "AuthorizationHeaderMalformed", "requires three components"),
    ({"whole": "AWS key:signature"}, "InvalidRequest", "Please use AWS4-HMAC-SHA256."),
    ({"whole": "Basic dGVzdA=="}, "InvalidArgument", "Unsupported Authorization Type"),
    ({"credential": "x"}, "AuthorizationHeaderMalformed", 'expecting "<YOUR-AKID>/YYYYMMDD/REGION/SERVICE/aws4_'),
    ({"credential": "/20260301/us-east-1/s3/aws4_request"}, "AuthorizationHeaderMalformed", "a non-empty Access Key"),
    ({"credential": "k/20260301/us-east-1/ec2/aws4_request"}, "AuthorizationHeaderMalformed", 'service "ec2"'),
    ({"credential": "k/20260301/us-east-1/s3/aws3"}, "AuthorizationHeaderMalformed", 'terminal "aws3"'),
    ({"credential": "k/20260301/eu-west-1/s3/aws4_request"}, "AuthorizationHeaderMalformed", "the region 'eu-west-1'"),
    ({"credential": "k/20260302/us-east-1/s3/aws4_request"}, "AuthorizationHeaderMalformed", 'date "20260302"'),
    ({"names": "x-amz-date"}, "AccessDenied", "not signed"),
]


@pytest.mark.parametrize(("changes", "code", "part"), MALFORMED)
def test_malformed_authorization_of_s3(changes: dict[str, str], code: str, part: str) -> None:
    request = put()
    error = refuse(
        copy(request, headers={**request.headers, **_authorization(**changes)}), S3._replace(region="us-east-1")
    )
    assert error.code == code
    assert part in error.message


def test_malformed_authorization_elsewhere() -> None:
    request = signed()
    for changes, code, part in (
        ({"whole": "AWS4-HMAC-SHA256 Credential=x"}, "IncompleteSignatureException", "'Signature' parameter"),
        ({"credential": "x"}, "IncompleteSignatureException", "exactly 5 slash-delimited elements"),
        ({}, "InvalidSignatureException", "scoped to correct service: 'dynamodb'"),
        ({"whole": "Bearer x"}, "MissingAuthenticationTokenException", "Missing Authentication Token"),
    ):
        error = refuse(copy(request, headers={**request.headers, **_authorization(**changes)}))
        assert error.code == code
        assert part in error.message


def test_signature_4a_says_that_it_is_not_built() -> None:
    request = signed()
    headers = {**request.headers, "authorization": "AWS4-ECDSA-P256-SHA256 Credential=x"}
    with pytest.raises(NotBuilt, match="Version 4A"):
        asyncio.run(verify(copy(request, headers=headers)))


QUERIES = [
    ("X-Amz-Expires=60", "X-Amz-Expires=604801", "X-Amz-Expires must be less than a week"),
    ("X-Amz-Expires=60", "X-Amz-Expires=-1", "X-Amz-Expires must be non-negative"),
    ("X-Amz-Expires=60", "X-Amz-Expires=ten", "X-Amz-Expires should be a number"),
    ("X-Amz-Expires=60", "a=b", "requires the X-Amz-Algorithm, X-Amz-Credential"),
    ("X-Amz-Algorithm=AWS4-HMAC-SHA256", "X-Amz-Algorithm=MD5", "X-Amz-Algorithm only supports"),
    ("X-Amz-Date=20260301T120000Z", "X-Amz-Date=now", "ISO8601 Long Format"),
    ("X-Amz-Date=20260301T120000Z", "X-Amz-Date=20260302T120000Z", 'Invalid credential date "20260301"'),
    ("%2Faws4_request", "", "the Credential is mal-formed"),
    ("%2F", "%252F", "the Credential is mal-formed"),
]


@pytest.mark.parametrize(("old", "new", "part"), QUERIES)
def test_malformed_presigned_urls(old: str, new: str, part: str) -> None:
    request = signed("s3-query", "GET", OBJECT, service="s3", expires=60)
    assert old in request.query
    error = refuse(copy(request, query=request.query.replace(old, new)), S3)
    assert (error.code, error.status) == ("AuthorizationQueryParametersError", 400)
    assert part in error.message


def test_one_mechanism_at_a_time() -> None:
    request = signed("s3-query", "GET", OBJECT, service="s3", expires=60)
    both = copy(request, headers={**request.headers, "authorization": "AWS4-HMAC-SHA256 x"})
    assert refuse(both, S3).message.startswith("Only one auth mechanism allowed")
    old = copy(request, query="AWSAccessKeyId=x&Signature=y&Expires=1")
    assert refuse(old, S3).message.endswith("Please use AWS4-HMAC-SHA256.")


def test_every_amz_header_must_be_signed_in_s3() -> None:
    request = put()
    error = refuse(copy(request, headers={**request.headers, "x-amz-meta-wrong": "1", "x-amz-acl": "private"}), S3)
    assert (error.code, error.status) == ("AccessDenied", 403)
    assert error.fields == {"HeadersNotSigned": "x-amz-acl, x-amz-meta-wrong"}


def test_the_bodys_digest_is_required_and_sound_in_s3() -> None:
    request = put()
    without = {name: value for name, value in request.headers.items() if name != "x-amz-content-sha256"}
    assert refuse(copy(request, headers=without), S3).message.endswith("for this request: x-amz-content-sha256")
    odd = copy(request, headers={**request.headers, "x-amz-content-sha256": "abc"})
    assert (refuse(odd, S3).code, refuse(odd, S3).fields["ArgumentValue"]) == ("InvalidArgument", "abc")
    tampered = refuse(copy(request, body=BytesBody(b"another")), S3)
    assert tampered.code == "XAmzContentSHA256Mismatch"
    assert tampered.fields["S3ComputedContentSHA256"] == sha256(b"another")


def test_a_body_beyond_the_limit_is_refused() -> None:
    assert refuse(signed(body=b"x" * 11), body_limit=10).status == 413
    assert refuse(put(b"x" * 11), S3, body_limit=10).code == "EntityTooLarge"


@settings(max_examples=60)
@given(st.data())
def test_any_changed_byte_of_what_is_signed_is_refused(data: st.DataObject) -> None:
    request = signed(
        url="http://localhost:4566/a/b?x=1&y=two", headers={**JSON, "x-amz-meta-a": "some text"}, body=b'{"a": "b"}'
    )
    where = data.draw(st.sampled_from(["method", "path", "query", "body", *sorted(request.headers)]))
    old = {
        "method": request.method,
        "path": request.path,
        "query": request.query,
        "body": '{"a": "b"}',
    }.get(where) or request.headers[where]
    position = data.draw(st.integers(0, len(old) - 1))
    new = old[:position] + data.draw(st.characters(min_codepoint=33, max_codepoint=126)) + old[position + 1 :]
    if new == old or (where == "authorization" and old[position] in " ,"):
        # What separates the components of the header is no part of what is signed.
        assert accept(request).signed
        return
    if where in request.headers:
        changed = copy(request, headers={**request.headers, where: new})
    else:
        changed = copy(request, **{where: BytesBody(new.encode()) if where == "body" else new})
    refuse(changed)


@given(
    st.text(max_size=80),
    st.text(max_size=80),
    st.dictionaries(
        st.sampled_from(["authorization", "x-amz-date", "date", "x-amz-content-sha256", "host"]), st.text(max_size=200)
    ),
    st.sampled_from([S3, DYNAMODB, IAM]),
)
def test_nothing_but_a_service_error_comes_of_garbage(
    path: str, query: str, headers: dict[str, str], endpoint: Endpoint
) -> None:
    prefix = {
        name: f"AWS4-HMAC-SHA256 {value}" if name == "authorization" else value for name, value in headers.items()
    }
    for found, text in ((headers, query), (prefix, f"X-Amz-Algorithm=AWS4-HMAC-SHA256&X-Amz-Credential={query}")):
        with suppress(ServiceError):
            asyncio.run(verify(Request("GET", path, text, dict(found)), endpoint))


def test_signing_keys_are_cached_and_bounded() -> None:
    verifier = Verifier()
    request = put()

    async def twice() -> None:
        for _ in range(2):
            await verifier.authenticate(request, S3, lambda _: credential(), NOW_NS)

    asyncio.run(twice())
    info = verifier.signing_key.cache_info()
    assert (info.hits, info.misses, info.currsize) == (1, 1, 1)
    assert info.maxsize is not None
