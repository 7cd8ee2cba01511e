"""S3's old presigned URLs, as boto3 makes them by default; bound to the bucket and key that the router found."""

from __future__ import annotations

import asyncio
import time
from typing import Any
from unittest import mock
from urllib.parse import urlsplit

import botocore.auth
import pytest
from botocore.awsrequest import AWSRequest
from botocore.credentials import Credentials
from hypothesis import given
from hypothesis import strategies as st

from lambent.auth import Authenticated, Verifier
from lambent.contracts.caller import Credential
from lambent.contracts.errors import ServiceError
from lambent.contracts.http import Request

from .support import ACCESS_KEY, NOW_NS, S3, SECOND_NS, SECRET, copy, credential

RESOURCE = "/photos/raw/a%20b.jpg"


def signed(method: str = "GET", query: str = "", token: str | None = None, **headers: str) -> Request:
    wanted = AWSRequest(method=method, url=f"http://localhost{RESOURCE}?{query}", headers=headers)
    wanted.auth_path = RESOURCE
    with mock.patch.object(time, "time", return_value=NOW_NS // SECOND_NS):
        botocore.auth.HmacV1QueryAuth(Credentials(ACCESS_KEY, SECRET, token), expires=60).add_auth(wanted)
    parts = urlsplit(wanted.url)
    lower = {name.lower(): value for name, value in headers.items()}
    return Request(method, parts.path, parts.query, {"host": "localhost", **lower})


def accept(request: Request, resource: str | None = RESOURCE, now_ns: int = NOW_NS, **known: Any) -> Authenticated:
    found: dict[str, Credential] = {ACCESS_KEY: credential(**known)}
    return asyncio.run(Verifier().authenticate(request, S3, found.get, now_ns, streaming=True, resource=resource))


def refuse(*arguments: Any, **options: Any) -> ServiceError:
    with pytest.raises(ServiceError) as refused:
        accept(*arguments, **options)
    return refused.value


@pytest.mark.parametrize(
    "request_",
    [
        signed(),
        signed("PUT", "", None, **{"Content-Type": "image/jpeg", "x-amz-meta-a": "b"}),
        signed("GET", "versionId=a%2Bb&acl&response-content-type=text%2Fplain&x-id=GetObject"),
    ],
)
def test_old_urls_are_accepted(request_: Request) -> None:
    done = accept(request_)
    assert (done.caller.access_key, done.kind, done.signed) == (ACCESS_KEY, "query", True)


def test_a_session_token_is_part_of_it() -> None:
    assert accept(signed(token="a+/="), token="a+/=").signed
    assert refuse(signed(token="a+/="), token="other").code == "InvalidToken"
    assert refuse(signed(), token="a").code == "InvalidAccessKeyId"


def test_a_url_opens_nothing_but_what_it_was_made_for() -> None:
    request = signed()
    for other in ("/other/photos/raw/a%20b.jpg", "/photos/raw/b.jpg", "/photos/"):
        error = refuse(request, other)
        assert error.code == "SignatureDoesNotMatch"
        assert "CanonicalRequest" not in error.fields
    assert refuse(copy(request, method="PUT")).code == "SignatureDoesNotMatch"
    assert refuse(copy(request, query=request.query + "&acl")).code == "SignatureDoesNotMatch"
    extra = {**request.headers, "x-amz-acl": "public-read"}
    assert refuse(copy(request, headers=extra)).code == "SignatureDoesNotMatch"
    assert refuse(request, None).message.endswith("Please use AWS4-HMAC-SHA256.")


def test_an_old_url_ends() -> None:
    request = signed()
    assert accept(request, now_ns=NOW_NS + 60 * SECOND_NS).signed
    late = refuse(request, now_ns=NOW_NS + 61 * SECOND_NS)
    assert (late.code, late.status, late.message) == ("AccessDenied", 403, "Request has expired")
    assert late.fields == {"Expires": "2026-03-01T12:01:00Z", "ServerTime": "2026-03-01T12:01:01Z"}
    assert refuse(request, secret="other").code == "SignatureDoesNotMatch"
    assert refuse(request, access_key="AKIDEXAMPLE", active=False).code == "InvalidAccessKeyId"
    for expires in ("", "soon", "-1", "9" * 30):
        query = f"AWSAccessKeyId={ACCESS_KEY}&Signature=x&Expires={expires}"
        assert refuse(copy(request, query=query)).code == "AccessDenied"


@given(st.text(max_size=60), st.text(max_size=30))
def test_nothing_but_a_service_error_comes_of_garbage(query: str, resource: str) -> None:
    refuse(Request("GET", "/", f"AWSAccessKeyId={ACCESS_KEY}&Expires=99999999999&Signature={query}"), resource)
