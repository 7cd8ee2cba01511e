"""Presigned URLs of S3's old signature, version 2, which SDKs (boto3 among them) still make unless told otherwise.

The signature covers method, Content-MD5, Content-Type, expiry, x-amz-* headers, the bucket and key, and the query
parameters that choose an operation; it does not cover the host. So the bucket and key must come from the router, and
never from the path alone: else a URL for one bucket would open another whose name is put into the Host header.
"""

from __future__ import annotations

import base64
import hashlib
import hmac
from typing import NamedTuple
from urllib.parse import unquote_to_bytes

from lambent.contracts.caller import Credential
from lambent.contracts.errors import ServiceError
from lambent.contracts.http import Request

from . import errors, refusals
from .canonical import encode
from .claim import Claim, Endpoint, Scope

_SIGNED_PARAMETERS = frozenset(
    {
        "accelerate", "acl", "analytics", "cors", "defaultObjectAcl", "delete", "inventory", "lifecycle",
        "location", "logging", "metrics", "notification", "object-lock", "partNumber", "policy", "replication",
        "requestPayment", "response-cache-control", "response-content-disposition", "response-content-encoding",
        "response-content-language", "response-content-type", "response-expires", "restore", "select",
        "select-type", "storageClass", "tagging", "torrent", "uploadId", "uploads", "versionId", "versioning",
        "versions", "website",
    }
)  # fmt: skip
_S3 = Endpoint("s3", "rest-xml")


class OldClaim(NamedTuple):
    """What such a URL claims; `expires` is seconds since the epoch, as it is signed."""

    access_key: str
    signature: str
    expires: str
    fields: dict[str, str]


def read(query: str) -> OldClaim | None:
    """The claim in a raw query; None when it is no URL of this kind."""
    if "Signature=" not in query or "AWSAccessKeyId=" not in query:
        return None
    fields: dict[str, str] = {}
    for part in query.split("&"):
        name, _, value = part.partition("=")
        fields[_decode(name)] = _decode(value)
    if "Signature" not in fields or "AWSAccessKeyId" not in fields:
        return None
    expires = fields.get("Expires", "")
    if not expires:
        raise errors.AccessDenied(
            "Query-string authentication requires the Signature, Expires and AWSAccessKeyId parameters"
        )
    if not (expires.isascii() and expires.isdigit() and len(expires) < 12):
        raise errors.AccessDenied("Invalid date (should be seconds since epoch): " + expires[:100])
    return OldClaim(fields["AWSAccessKeyId"], fields["Signature"], expires, fields)


def _decode(text: str) -> str:
    return unquote_to_bytes(text.replace("+", " ")).decode("utf-8", "replace")


def check(request: Request, claim: OldClaim, credential: Credential | None, resource: str, now_ns: int) -> Claim:
    """Raise unless `credential` signed the URL for `resource` (`/bucket/key`, raw, as routed) and it still holds.
    Returns the claim in the form that the new signature has; its time is not known and 0."""
    scope = Scope(claim.access_key, "", "", "s3", "", (), "")
    token = claim.fields.get("x-amz-security-token", request.headers.get("x-amz-security-token", ""))
    as_claim = Claim(scope, claim.signature, "", 0, token, True)
    if credential is None:
        raise refusals.unknown_key(as_claim, _S3)
    end_ns = int(claim.expires) * 1_000_000_000
    if now_ns > end_ns:
        raise errors.AccessDenied("Request has expired", Expires=refusals.iso(end_ns), ServerTime=refusals.iso(now_ns))
    refusals.check_credential(as_claim, credential, _S3, now_ns)
    # A bucket alone is signed with or without the slash after it.
    names = (
        [resource, resource.removesuffix("/")] if resource.count("/") == 2 and resource.endswith("/") else [resource]
    )
    texts = [_to_sign(request, claim, name) for name in names]
    for text in texts:
        made = base64.b64encode(hmac.digest(credential.secret.encode(), encode(text), hashlib.sha1))
        if hmac.compare_digest(made, claim.signature.encode("utf-8", "surrogatepass")):
            return as_claim
    raise _mismatch(claim, texts[0])


def _to_sign(request: Request, claim: OldClaim, resource: str) -> str:
    headers = request.headers
    amz = {name: value for name, value in headers.items() if name.startswith("x-amz-")}
    amz |= {name.lower(): value for name, value in claim.fields.items() if name.lower().startswith("x-amz-")}
    block = "".join(f"{name}:{amz[name]}\n" for name in sorted(amz))
    chosen = []
    for part in request.query.split("&"):
        name, equals, value = part.partition("=")
        if name in _SIGNED_PARAMETERS:
            chosen.append((name, f"{name}={_decode(value)}" if equals else name))
    suffix = "?" + "&".join(text for _, text in sorted(chosen)) if chosen else ""
    md5, kind = headers.get("content-md5", ""), headers.get("content-type", "")
    return f"{request.method}\n{md5}\n{kind}\n{claim.expires}\n{block}{resource}{suffix}"


def _mismatch(claim: OldClaim, text: str) -> ServiceError:
    return errors.SignatureDoesNotMatch(
        refusals.S3_MISMATCH,
        AWSAccessKeyId=claim.access_key[:128],
        StringToSign=text,
        SignatureProvided=claim.signature[:1024],
        StringToSignBytes=encode(text).hex(" "),
    )
