"""A streamed body that compares its digest with the signed one before it ends."""

from __future__ import annotations

import hashlib
from collections.abc import AsyncIterator

from lambent.contracts.errors import ServiceError
from lambent.contracts.http import Body, BodyTooLarge

from . import errors, refusals
from .claim import Endpoint
from .errors import Fault, refusal


def mismatch(endpoint: Endpoint, declared: str, computed: str) -> ServiceError:
    """The body is not the one whose digest was signed."""
    if endpoint.s3:
        return errors.XAmzContentSHA256Mismatch(
            "The provided 'x-amz-content-sha256' header does not match what was computed.",
            ClientComputedContentSHA256=declared,
            S3ComputedContentSHA256=computed,
        )
    return refusal(endpoint.protocol, Fault.SIGNATURE, refusals.MISMATCH)


class HashedBody:
    """A body whose SHA-256 must be `wanted` (lower-case hex); the error takes the place of its end."""

    def __init__(self, body: Body, endpoint: Endpoint, wanted: str) -> None:
        self.length = body.length
        self._pieces = self._verified(body, endpoint, wanted)

    @staticmethod
    async def _verified(body: Body, endpoint: Endpoint, wanted: str) -> AsyncIterator[bytes]:
        digest = hashlib.sha256()
        async for piece in body:
            digest.update(piece)
            yield piece
        computed = digest.hexdigest()
        if computed != wanted:
            raise mismatch(endpoint, wanted, computed)

    def __aiter__(self) -> AsyncIterator[bytes]:
        """The pieces; `ServiceError` instead of the end where the digest is another."""
        return self._pieces

    async def read(self, limit: int) -> bytes:
        """The (rest of the) body, verified; `BodyTooLarge` beyond `limit` bytes."""
        return await collect(self._pieces, limit)


async def collect(pieces: AsyncIterator[bytes], limit: int) -> bytes:
    """All pieces joined; `BodyTooLarge` beyond `limit` bytes."""
    kept: list[bytes] = []
    total = 0
    async for piece in pieces:
        total += len(piece)
        if total > limit:
            raise BodyTooLarge
        kept.append(piece)
    return b"".join(kept)
