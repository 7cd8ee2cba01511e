"""Acting for others: sessions of the roles that integrations name, and requests signed with them.

A session is kept until a little before it ends, and no longer than its role stays the same: one whose trust policy was
changed, or that was deleted and made again, is assumed anew. What a role may do is asked at every call.
"""

from __future__ import annotations

import hashlib
import hmac
from typing import Final

from lambent.auth import canonical
from lambent.auth.claim import format_time
from lambent.auth.verify import derive_key
from lambent.contracts.caller import Credential
from lambent.contracts.clock import Clock
from lambent.contracts.http import BytesBody, Request
from lambent.contracts.ports import Cloud

from .caching import Kept

PRINCIPAL: Final = "apigateway.amazonaws.com"
_SESSION_S: Final = 3600
_SPARE_NS: Final = 300 * 1_000_000_000


class Sessions:
    """Sessions of roles that trust API Gateway."""

    def __init__(self, cloud: Cloud) -> None:
        self._cloud = cloud
        self._kept: Kept[Credential] = Kept(entries_max=1000)

    async def assume(self, role: str, source_arn: str) -> Credential:
        """A session of `role` on behalf of the API `source_arn`; `ServiceError` AccessDenied when its trust policy does
        not let API Gateway in."""
        now_ns = self._cloud.clock.now_ns()
        directory = self._cloud.directory
        record = await self._cloud.store.read(lambda tx: directory.role(tx, role))
        key = (role, source_arn, record.id, record.trust) if record is not None else (role, source_arn)
        found = self._kept.get(key, now_ns) if record is not None else None
        if found is None:
            found = await directory.role_session(
                role, "BackplaneAssumeRoleSession", PRINCIPAL, _SESSION_S, source_arn=source_arn
            )
            until_ns = (found.expires_ns or now_ns + _SESSION_S * 1_000_000_000) - _SPARE_NS
            self._kept.put(key, found, until_ns)
        return found


def sign(request: Request, credential: Credential, region: str, service: str, clock: Clock) -> None:
    """Sign `request`, whose body must be here (`BytesBody`), in its headers (Signature Version 4)."""
    assert isinstance(request.body, BytesBody)
    headers = request.headers
    time = format_time(clock.outside_ns())
    digest = hashlib.sha256(request.body.data).hexdigest()
    headers["x-amz-date"] = time
    headers["x-amz-content-sha256"] = digest
    if credential.token:
        headers["x-amz-security-token"] = credential.token
    names = tuple(sorted(name for name in headers if name.startswith("x-amz-") or name in ("host", "content-type")))
    path = canonical.s3_path(request.path) if service == "s3" else canonical.path(request.path)
    text = "\n".join(
        (
            request.method,
            path,
            canonical.query(request.query, redo=True),
            canonical.headers(headers, names),
            ";".join(names),
            digest,
        )
    )
    scope = f"{time[:8]}/{region}/{service}/aws4_request"
    to_sign = f"AWS4-HMAC-SHA256\n{time}\n{scope}\n{hashlib.sha256(canonical.encode(text)).hexdigest()}"
    key = derive_key(credential.secret, time[:8], region, service)
    signature = hmac.new(key, to_sign.encode(), "sha256").hexdigest()
    headers["authorization"] = (
        f"AWS4-HMAC-SHA256 Credential={credential.access_key}/{scope}, "
        f"SignedHeaders={';'.join(names)}, Signature={signature}"
    )
