"""Verification: is this request signed by the key it names, now, and is its body the one that was signed?

A `Verifier` owns the caches (signing keys, scopes, times) and is made once per node. `authenticate` does everything;
its steps can be called one by one: `claim` (parse, no secrets), `check` (signature), `receive` (the body).
"""

from __future__ import annotations

import hashlib
import hmac
from collections.abc import Awaitable, Callable
from functools import lru_cache
from typing import NamedTuple
from urllib.parse import unquote_to_bytes

from lambent.contracts.caller import ANONYMOUS, Caller, Credential
from lambent.contracts.errors import ServiceError
from lambent.contracts.http import Body, BodyTooLarge, BytesBody, Request

from . import canonical, errors, presign_v2, refusals
from . import claim as claims
from .chunked import Signing, decode
from .claim import ALGORITHM, Claim, Endpoint, Scope
from .payload import HashedBody, mismatch

UNSIGNED = "UNSIGNED-PAYLOAD"
STREAMING_SIGNED = "STREAMING-AWS4-HMAC-SHA256-PAYLOAD"
STREAMING_SIGNED_TRAILER = "STREAMING-AWS4-HMAC-SHA256-PAYLOAD-TRAILER"
STREAMING_UNSIGNED_TRAILER = "STREAMING-UNSIGNED-PAYLOAD-TRAILER"
STREAMING = frozenset({STREAMING_SIGNED, STREAMING_SIGNED_TRAILER, STREAMING_UNSIGNED_TRAILER})
EMPTY_SHA256 = hashlib.sha256().hexdigest()
_PREFIX = f"{ALGORITHM} "
_CACHED_HEAD_MAX = 1024

Find = Callable[[str], Credential | Awaitable[Credential | None] | None]


class Authenticated(NamedTuple):
    """Who calls, and the body to read instead of the request's.

    `body` verifies itself while it is read: at its end it raises `ServiceError` where it is not what was signed.
    `region` and `service` are the signed scope's (empty when anonymous). `kind` is `header`, `query`, `post` or empty;
    `signed_ns` when it was signed; both feed condition keys such as s3:authType and s3:signatureAge.
    """

    caller: Caller
    body: Body
    region: str = ""
    service: str = ""
    signed: bool = False
    kind: str = ""
    signed_ns: int = 0


def derive_key(secret: str, date: str, region: str, service: str) -> bytes:
    """The signing key of a day, region and service."""
    key = f"AWS4{secret}".encode()
    for part in (date, region, service, "aws4_request"):
        key = hmac.digest(key, part.encode(), "sha256")
    return key


class Verifier:
    """Verifies requests. All caches are bounded; entries are functions of their key and never go stale."""

    def __init__(self) -> None:
        self.signing_key = lru_cache(maxsize=4096)(derive_key)
        self._scope = lru_cache(maxsize=4096)(claims.parse_scope)
        self._time_ns = lru_cache(maxsize=1024)(claims.parse_time)

    async def authenticate(
        self,
        request: Request,
        endpoint: Endpoint,
        find: Find,
        now_ns: int,
        *,
        streaming: bool = False,
        body_limit: int = 16 << 20,
        resource: str | None = None,
    ) -> Authenticated:
        """Verify `request`; raises `ServiceError` in AWS's words.

        `find` gives the credential of an access key, or None; it may be async. With `streaming` the answer's body
        is a stream that verifies itself; otherwise it is a `BytesBody` of at most `body_limit` bytes, verified.
        `resource` is S3's `/bucket/key` (raw, `/bucket/` without a key) that the request was routed to; URLs of the
        old signature (version 2) need it and are refused without.
        """
        if resource is not None and "Signature=" in request.query and endpoint.s3:
            old = presign_v2.read(request.query)
            if old is not None and "authorization" not in request.headers:
                done = await self._old_url(request, old, find, now_ns, resource)
                return (
                    done if streaming else done._replace(body=BytesBody(await _read(done.body, body_limit, endpoint)))
                )
        claim = self.claim(request, endpoint)
        credential = None
        if claim is not None:
            found = find(claim.scope.access_key)
            credential = found if found is None or isinstance(found, Credential) else await found
            if credential is None:
                raise refusals.unknown_key(claim, endpoint)
        declared = request.headers.get("x-amz-content-sha256", "")
        if claim is not None and not endpoint.s3 and declared not in STREAMING and not (streaming and declared):
            # The body's digest is part of what was signed, and no header tells it.
            request.body = BytesBody(await _read(request.body, body_limit, endpoint))
        if claim is not None and credential is not None:
            self.check(request, endpoint, claim, credential, now_ns)
        body = self.receive(request, endpoint, claim, credential)
        if not streaming:
            body = await _whole(request, body, body_limit, endpoint)
        if claim is None or credential is None:
            return Authenticated(ANONYMOUS, body)
        scope = claim.scope
        kind = "query" if claim.presigned else "header"
        return Authenticated(credential.caller, body, scope.region, scope.service, True, kind, claim.time_ns)

    async def _old_url(
        self, request: Request, old: presign_v2.OldClaim, find: Find, now_ns: int, resource: str
    ) -> Authenticated:
        found = find(old.access_key)
        credential = found if found is None or isinstance(found, Credential) else await found
        claim = presign_v2.check(request, old, credential, resource, now_ns)
        assert credential is not None
        body = self.receive(request, Endpoint("s3", "rest-xml"), claim, None)
        return Authenticated(credential.caller, body, "", "s3", True, "query")

    def claim(self, request: Request, endpoint: Endpoint) -> Claim | None:
        """What the request claims about itself; None when it is unsigned."""
        authorization = request.headers.get("authorization")
        if "X-Amz-" in request.query or "Signature=" in request.query:
            claim = self._presigned(request, endpoint, authorization)
            if claim is not None:
                return claim
        if authorization is None:
            return None
        if not authorization.startswith(_PREFIX):
            raise claims.refuse_scheme(authorization, endpoint)
        head, _, signature = authorization.rpartition("Signature=")
        if not head or "," in signature:
            head, signature = _reorder(authorization, endpoint)
        head = head[len(_PREFIX) :]
        scope = (self._scope if len(head) <= _CACHED_HEAD_MAX else claims.parse_scope)(head, endpoint)
        time, time_ns = self._signing_time(request, scope, endpoint)
        token = request.headers.get("x-amz-security-token", "")
        return Claim(scope, signature.strip(), time, time_ns, token, False)

    def _signing_time(self, request: Request, scope: Scope, endpoint: Endpoint) -> tuple[str, int]:
        text = request.headers.get("x-amz-date", "")
        time_ns = self._time_ns(text) if len(text) == 16 else None
        if time_ns is None and not text:
            time_ns = claims.parse_http_date(request.headers.get("date", ""))
            text = claims.format_time(time_ns) if time_ns is not None else ""
        if time_ns is None:
            raise refusals.no_date(request.headers.get("x-amz-date", ""), endpoint)
        if not text.startswith(scope.date):
            raise refusals.wrong_day(scope, text, endpoint)
        return text, time_ns

    @staticmethod
    def _presigned(request: Request, endpoint: Endpoint, authorization: str | None) -> Claim | None:
        fields: dict[str, str] = {}
        for part in request.query.split("&"):
            name, _, value = part.partition("=")
            if "%" in name:
                name = unquote_to_bytes(name).decode("latin-1")
            if "%" in value or "+" in value:
                value = unquote_to_bytes(value.replace("+", " ")).decode("utf-8", "replace")
            fields[name] = value
        old = "Signature" in fields and "AWSAccessKeyId" in fields
        if not old and "X-Amz-Algorithm" not in fields and "X-Amz-Signature" not in fields:
            return None
        if authorization is not None and endpoint.s3:
            raise errors.InvalidArgument(
                "Only one auth mechanism allowed; only the X-Amz-Algorithm query parameter, Signature query string "
                "parameter or the Authorization header should be specified",
                ArgumentName="Authorization",
                ArgumentValue=authorization[:1024],
            )
        if old:
            raise errors.InvalidRequest(claims.UNSUPPORTED)
        return claims.parse_presigned(fields, endpoint)

    def check(self, request: Request, endpoint: Endpoint, claim: Claim, credential: Credential, now_ns: int) -> None:
        """Raise unless `credential` made the claim's signature over `request`, and its time is right.

        Where no x-amz-content-sha256 says the body's digest (services other than S3), `request.body` must already be
        a `BytesBody`.
        """
        refusals.check_time(claim, endpoint, now_ns)
        if credential.token or claim.token or not credential.active or credential.expires_ns:
            refusals.check_credential(claim, credential, endpoint, now_ns)
        if endpoint.s3:
            refusals.check_signed_headers(request.headers, claim.scope.names, claim.presigned)
        digest = self._digest(request, endpoint, claim)
        scope = claim.scope
        key = self.signing_key(credential.secret, scope.date, scope.region, scope.service)
        first = canonical_request(request, endpoint, claim, digest)
        to_sign = _to_sign(claim, first)
        if _matches(key, to_sign, claim.signature):
            return
        for other in _alternatives(request, endpoint, claim, digest):
            if other != first and _matches(key, _to_sign(claim, other), claim.signature):
                return
        raise refusals.signature(claim, endpoint, first, to_sign)

    @staticmethod
    def _digest(request: Request, endpoint: Endpoint, claim: Claim) -> str:
        """What stands for the body in the canonical request."""
        declared = request.headers.get("x-amz-content-sha256", "")
        if endpoint.s3:
            if not declared:
                if claim.presigned:
                    return _presigned_digest(request)
                raise errors.InvalidRequest("Missing required header for this request: x-amz-content-sha256")
            if declared != UNSIGNED and declared not in STREAMING and not claims.is_sha256(declared):
                raise refusals.bad_digest(declared)
            return declared
        if declared == UNSIGNED or declared in STREAMING:
            return declared
        if isinstance(request.body, BytesBody):
            return hashlib.sha256(request.body.data).hexdigest()
        return declared

    def receive(self, request: Request, endpoint: Endpoint, claim: Claim | None, credential: Credential | None) -> Body:
        """The body to read: verified already when it is here, else verifying itself as it is read.

        Of a chunked body, `aws-chunked` is taken out of the request's content-encoding.
        """
        declared = request.headers.get("x-amz-content-sha256", "")
        body = request.body
        if declared in STREAMING:
            signing = None
            if declared != STREAMING_UNSIGNED_TRAILER:
                if claim is None or credential is None:
                    raise errors.AccessDenied("Access Denied")
                scope = claim.scope
                key = self.signing_key(credential.secret, scope.date, scope.region, scope.service)
                signing = Signing(key, claim.time, scope.text, claim.signature)
            return decode(request, body, signing, trailing=declared != STREAMING_SIGNED)
        if not endpoint.s3 or declared in ("", UNSIGNED):
            # Other services: the digest of the whole body is in the signature that was checked.
            if isinstance(body, BytesBody) or declared in ("", UNSIGNED):
                return body
        elif claim is None and not claims.is_sha256(declared):
            raise refusals.bad_digest(declared)
        wanted = declared.lower()
        if isinstance(body, BytesBody):
            computed = hashlib.sha256(body.data).hexdigest()
            if computed != wanted:
                raise mismatch(endpoint, declared, computed)
            return body
        return HashedBody(body, endpoint, wanted)


def _reorder(authorization: str, endpoint: Endpoint) -> tuple[str, str]:
    """Head and signature of a header whose Signature is not the last component."""
    parts = [part.strip() for part in authorization[len(_PREFIX) :].split(",")]
    signatures = [part[len("Signature=") :] for part in parts if part.startswith("Signature=")]
    if not signatures:
        raise claims.refuse_scheme(authorization, endpoint)
    return _PREFIX + ",".join(part for part in parts if not part.startswith("Signature=")), signatures[0]


async def _whole(request: Request, body: Body, limit: int, endpoint: Endpoint) -> Body:
    """The body with nothing left to come; what trails it (a checksum) counts as headers from now on."""
    here = isinstance(body, BytesBody) and len(body.data) <= limit
    whole = body if here else BytesBody(await _read(body, limit, endpoint))
    request.headers.update(getattr(body, "trailers", {}))
    return whole


async def _read(body: Body, limit: int, endpoint: Endpoint) -> bytes:
    try:
        return await body.read(limit)
    except BodyTooLarge:
        raise refusals.too_large(endpoint, limit) from None


def _presigned_digest(request: Request) -> str:
    for part in request.query.split("&"):
        if part.startswith("X-Amz-Content-Sha256="):
            return part.partition("=")[2]
    return UNSIGNED


def canonical_request(request: Request, endpoint: Endpoint, claim: Claim, digest: str) -> str:
    """The text whose digest is signed; `digest` stands for the body."""
    scope = claim.scope
    path = canonical.s3_path(request.path) if endpoint.s3 else canonical.path(request.path)
    query = request.query
    if query:
        query = canonical.query(query, "X-Amz-Signature" if claim.presigned else "")
    block = canonical.headers(request.headers, scope.names)
    return f"{request.method}\n{path}\n{query}\n{block}\n{scope.signed_headers}\n{digest}"


def _alternatives(request: Request, endpoint: Endpoint, claim: Claim, digest: str) -> list[str]:
    """Other forms that clients are known to sign: path and query exactly as sent, the body left unsigned in a URL,
    the session token added to a URL after signing. Each is a statement about the very bytes that were sent."""
    scope = claim.scope
    block = canonical.headers(request.headers, scope.names)
    without = "X-Amz-Signature" if claim.presigned else ""
    sent = canonical.raw_query(request.query, without)
    redone = canonical.query(request.query, without, redo=True)
    plain = canonical.s3_path(request.path) if endpoint.s3 else canonical.path(request.path)
    digests = [digest]
    if claim.presigned:
        digests += (
            [UNSIGNED, EMPTY_SHA256] if isinstance(request.body, BytesBody) and not request.body.data else [UNSIGNED]
        )
    queries = [redone, sent]
    return [
        f"{request.method}\n{path}\n{query}\n{block}\n{scope.signed_headers}\n{body}"
        for path in (plain, request.path)
        for query in queries
        for body in digests
    ]


def _to_sign(claim: Claim, text: str) -> str:
    digest = hashlib.sha256(canonical.encode(text)).hexdigest()
    return f"{ALGORITHM}\n{claim.time}\n{claim.scope.text}\n{digest}"


def _matches(key: bytes, to_sign: str, signature: str) -> bool:
    made = hmac.digest(key, to_sign.encode("utf-8", "surrogatepass"), "sha256").hex()
    return hmac.compare_digest(made.encode(), signature.encode("utf-8", "surrogatepass"))


def missing_token(endpoint: Endpoint) -> ServiceError:
    """What an operation that needs a signed request answers to an unsigned one."""
    return refusals.missing(endpoint)
