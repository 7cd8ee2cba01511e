"""A cloud with a bucket, and what the tests of S3 share."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator, Awaitable, Callable
from typing import Any

from lambent.contracts.caller import ANONYMOUS, Caller, Principal, root
from lambent.contracts.events import Delivery, Undeliverable
from lambent.contracts.http import BytesBody
from lambent.kv.outbox import LEASE_NS, claim
from lambent.services.s3.keys import named_blobs

from ..support import ACCOUNT, TestCloud

BUCKET = "photos"
OTHER_ACCOUNT = "111111111111"
BIG = 100_000
"""The size of a body that becomes a blob."""
SECOND_NS = 1_000_000_000


class S3Cloud(TestCloud):
    """The small cloud; `s3` calls an operation about the bucket `photos`."""

    def __init__(self) -> None:
        super().__init__(validate=False)

    async def s3(self, operation: str, caller: Caller | None = None, **params: Any) -> dict[str, Any]:
        """Call an operation; time moves on by a second before."""
        self.clock.advance(SECOND_NS)
        return await self.call("s3", operation, caller, **{"Bucket": BUCKET, **params})

    async def put(self, key: str, body: bytes = b"body", **params: Any) -> dict[str, Any]:
        """Put an object."""
        return await self.s3("PutObject", Key=key, Body=body, **params)

    async def body(self, key: str, **params: Any) -> bytes:
        """An object's whole body."""
        return await drain((await self.s3("GetObject", Key=key, **params))["Body"])

    async def versioning(self, status: str) -> None:
        """Enable or suspend versioning."""
        await self.s3("PutBucketVersioning", VersioningConfiguration={"Status": status})

    async def allow(self, **statement: Any) -> None:
        """Replace the bucket policy by one statement."""
        whole = {"Effect": "Allow", **statement}
        document = json.dumps({"Version": "2012-10-17", "Statement": [whole]})
        await self.s3("PutBucketPolicy", Policy=document)

    async def blobs_named(self) -> list[str]:
        """The names of all blobs that are in use."""
        return await self.store.read(lambda tx: sorted(named_blobs(tx)))

    @property
    def blobs_kept(self) -> list[str]:
        """The names of all blobs that are there."""
        return sorted(self.blobs._bodies)

    async def emitted(self) -> list[tuple[str, Any]]:
        """Targets and decoded payloads of all events that wait in the outbox, which is empty afterwards."""
        now_ns = self.clock.now_ns() + LEASE_NS + SECOND_NS
        rows = await self.store.write(lambda tx: claim(tx, now_ns, 1000, 3600 * SECOND_NS, "test"))
        return [(entry.event.target, json.loads(entry.event.payload)) for _, entry in rows]


class FakeTarget:
    """A target that knows some ARNs."""

    def __init__(self, *known: str) -> None:
        self.known = known

    async def deliver(self, delivery: Delivery) -> None:
        """Take it."""

    async def check(self, target: str, principal: str, source: str, account: str) -> None:
        """Refuse what it does not know."""
        assert principal == "s3.amazonaws.com"
        if target not in self.known:
            raise Undeliverable("does not exist")


async def drain(body: bytes | AsyncIterator[bytes]) -> bytes:
    """The bytes of an answer's body."""
    if isinstance(body, bytes):
        return body
    return b"".join([piece async for piece in body])


def run(test: Callable[[S3Cloud], Awaitable[None]]) -> None:
    """Run a test on a fresh cloud with its bucket."""

    async def main() -> None:
        cloud = S3Cloud()
        await cloud.s3("CreateBucket")
        await test(cloud)

    asyncio.run(main())


def stranger(account: str = OTHER_ACCOUNT) -> Caller:
    """The root user of another account."""
    return root(account)


def user(name: str = "ann", account: str = ACCOUNT) -> Caller:
    """A user without any policy."""
    return Caller(
        kind=Principal.USER, account=account, arn=f"arn:aws:iam::{account}:user/{name}", user_id="AIDA" + name
    )


class TrailingBody(BytesBody):
    """A body with trailing headers."""

    def __init__(self, data: bytes, trailers: dict[str, str]) -> None:
        super().__init__(data)
        self.trailers = trailers


__all__ = [
    "ACCOUNT", "ANONYMOUS", "BIG", "BUCKET", "OTHER_ACCOUNT", "FakeTarget", "S3Cloud", "TrailingBody", "drain", "run",
    "stranger", "user",
]  # fmt: skip
