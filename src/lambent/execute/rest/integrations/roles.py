"""As whom an integration asks its backend."""

from __future__ import annotations

from typing import Final

from lambent.contracts.caller import Credential, Principal
from lambent.contracts.errors import ServiceError

from ..exchange import Exchange
from ..refusals import misconfigured
from . import uris

CALLERS: Final = "arn:aws:iam::*:user/*"
"""What `credentials` says when the backend is asked as whoever asked the API."""


async def caller_of(x: Exchange, credentials: str) -> Credential:
    """The credentials that an integration or authorizer asks its backend with; a `Refusal` when its role does not trust
    API Gateway, or when the caller's own are wanted and there are none."""
    if credentials == CALLERS:
        return await _own(x)
    role = uris.fill(credentials, x.variables)
    found = x.found
    source = f"arn:aws:execute-api:{found.region}:{found.account}:{found.api}/{found.stage}"
    try:
        return await x.room.sessions.assume(role, source)
    except ServiceError as error:
        raise misconfigured(
            f"API Gateway does not have permission to assume the provided role {role}: {error.message}"
        ) from None


async def _own(x: Exchange) -> Credential:
    key, cloud = x.access_key, x.cloud
    found = await cloud.store.read(lambda tx: cloud.directory.credential(tx, key)) if key else None
    if found is None or x.caller is None or x.caller.kind is Principal.ANONYMOUS:
        raise misconfigured("The integration wants the caller's credentials, but the method is not AWS_IAM.")
    return found
