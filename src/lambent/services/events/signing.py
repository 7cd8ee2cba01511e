"""Signature Version 4 for requests to stages of API Gateway, which ask who calls."""

from __future__ import annotations

import hashlib
import hmac
from typing import Final

from lambent.auth import canonical
from lambent.auth.claim import format_time
from lambent.auth.verify import derive_key
from lambent.contracts.caller import Credential
from lambent.contracts.http import Request

_SERVICE: Final = "execute-api"


def sign(request: Request, body: bytes, credential: Credential, region: str, now_ns: int) -> None:
    """Sign a request, whose body is `body`, in its headers."""
    headers, time = request.headers, format_time(now_ns)
    digest = hashlib.sha256(body).hexdigest()
    headers["x-amz-date"] = time
    if credential.token:
        headers["x-amz-security-token"] = credential.token
    names = tuple(sorted(name for name in headers if name.startswith("x-amz-") or name in ("host", "content-type")))
    path, query = canonical.path(request.path), canonical.query(request.query, redo=True)
    block, listed = canonical.headers(headers, names), ";".join(names)
    text = "\n".join((request.method, path, query, block, listed, digest))
    scope = f"{time[:8]}/{region}/{_SERVICE}/aws4_request"
    to_sign = f"AWS4-HMAC-SHA256\n{time}\n{scope}\n{hashlib.sha256(canonical.encode(text)).hexdigest()}"
    key = derive_key(credential.secret, time[:8], region, _SERVICE)
    signature = hmac.new(key, to_sign.encode(), "sha256").hexdigest()
    headers["authorization"] = (
        f"AWS4-HMAC-SHA256 Credential={credential.access_key}/{scope}, SignedHeaders={listed}, Signature={signature}"
    )
