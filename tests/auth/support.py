"""Requests signed by botocore, as the auth room gets to see them."""

from __future__ import annotations

import calendar
import datetime
import hashlib
import itertools
from collections.abc import AsyncIterator, Iterator
from contextlib import contextmanager
from typing import Any
from unittest import mock
from urllib.parse import urlsplit

import botocore.auth
import botocore.compat
from botocore.awsrequest import AWSRequest
from botocore.credentials import Credentials

from lambent.auth import Authenticated, Endpoint, Verifier
from lambent.contracts.caller import Credential, root
from lambent.contracts.http import BodyTooLarge, BytesBody, Request

ACCESS_KEY, SECRET = "AKIDEXAMPLE", "wJalrXUtnFEMI/K7MDENG+bPxRfiCYEXAMPLEKEY"
S3 = Endpoint("s3", "rest-xml")
DYNAMODB = Endpoint("dynamodb", "json")
IAM = Endpoint("iam", "query")
LAMBDA = Endpoint("lambda", "rest-json")
EC2 = Endpoint("ec2", "ec2")
SIGNED_AT = datetime.datetime(2026, 3, 1, 12, 0, 0, tzinfo=datetime.UTC)
NOW_NS = calendar.timegm(SIGNED_AT.timetuple()) * 1_000_000_000
SECOND_NS = 1_000_000_000


def credential(**changes: Any) -> Credential:
    """The test key's credential, with changes."""
    fields: dict[str, Any] = {"access_key": ACCESS_KEY, "secret": SECRET, "caller": root("123456789012", ACCESS_KEY)}
    return Credential(**{**fields, **changes})


@contextmanager
def at(moment: datetime.datetime) -> Iterator[None]:
    """Have botocore sign at `moment`."""
    naive = moment.replace(tzinfo=None)

    def fixed(remove_tzinfo: bool = True) -> datetime.datetime:
        return naive if remove_tzinfo else naive.replace(tzinfo=datetime.UTC)

    with mock.patch.object(botocore.auth, "get_current_datetime", fixed, create=True):
        yield


SIGNERS = {
    "header": botocore.auth.SigV4Auth,
    "query": botocore.auth.SigV4QueryAuth,
    "s3": botocore.auth.S3SigV4Auth,
    "s3-query": botocore.auth.S3SigV4QueryAuth,
}


def signed(
    kind: str = "header",
    method: str = "POST",
    url: str = "http://dynamodb.us-east-1.amazonaws.com/",
    headers: dict[str, str] | None = None,
    body: bytes = b"",
    *,
    service: str = "dynamodb",
    region: str = "us-east-1",
    token: str | None = None,
    moment: datetime.datetime = SIGNED_AT,
    trailer: bool = False,
    **options: Any,
) -> Request:
    """A request signed by botocore's signer of `kind`."""
    wanted = AWSRequest(method=method, url=url, headers=headers or {}, data=body)
    if trailer:
        # How botocore's checksum handler tells the signer that the body will be chunked, with a trailer.
        wanted.context["checksum"] = {"request_algorithm": {"in": "trailer"}}
    signer = SIGNERS[kind](Credentials(ACCESS_KEY, SECRET, token), service, region, **options)
    with at(moment):
        signer.add_auth(wanted)
    parts = urlsplit(wanted.url)
    found = {"host": parts.netloc}
    for name, value in wanted.headers.items():
        text = value.decode() if isinstance(value, bytes) else value
        found[name.lower()] = text
    return Request(method, parts.path or "/", parts.query, found, BytesBody(body))


def copy(request: Request, **changes: Any) -> Request:
    """The same request with other parts."""
    fields = {"method": request.method, "path": request.path, "query": request.query, "body": request.body}
    fields["headers"] = dict(request.headers)
    return Request(**{**fields, **changes})


async def verify(
    request: Request,
    endpoint: Endpoint = DYNAMODB,
    found: Credential | None = None,
    *,
    now_ns: int = NOW_NS,
    streaming: bool = False,
    body_limit: int = 1 << 20,
) -> Authenticated:
    """Authenticate with a fresh verifier that knows one key."""
    known = found or credential()
    return await Verifier().authenticate(
        request,
        endpoint,
        lambda key: known if key == known.access_key else None,
        now_ns,
        streaming=streaming,
        body_limit=body_limit,
    )


class Trickle:
    """A body that arrives in pieces of the given sizes, over and over."""

    def __init__(self, data: bytes, *sizes: int) -> None:
        self.length: int | None = len(data)
        self._data = data
        self._sizes = sizes or (7,)

    async def __aiter__(self) -> AsyncIterator[bytes]:
        at_byte = 0
        for size in itertools.cycle(self._sizes):
            if at_byte >= len(self._data):
                return
            yield self._data[at_byte : at_byte + size]
            at_byte += size

    async def read(self, limit: int) -> bytes:
        """All of it."""
        if len(self._data) > limit:
            raise BodyTooLarge
        return self._data


def sha256(data: bytes) -> str:
    """Lower-case hex."""
    return hashlib.sha256(data).hexdigest()
