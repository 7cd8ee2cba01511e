"""Addresses from which the archives of functions and layers can be downloaded, as AWS's presigned ones.

They lead to a door of the gateway, `PATH` + the blob's name, which hands the request to `serve`. An address holds for
ten minutes and one blob; it is signed with a key in the store, so that any node can check what another one made.
"""

from __future__ import annotations

import hashlib
import hmac
from collections.abc import AsyncGenerator, AsyncIterator
from urllib.parse import parse_qs

from lambent.contracts.http import FileSlice, Request, Response
from lambent.contracts.ports import Cloud, Reader
from lambent.kit import Context

from . import keys

PATH = "/_lambent/lambda/archives/"
LIFETIME_S = 600
_NS = 1_000_000_000


def location(ctx: Context, tx: Reader, blob: str, size: int) -> str:
    """The address of an archive of `size` bytes, on the host that the client asked: a load balancer's, perhaps."""
    cloud = ctx.cloud
    base = cloud.settings.endpoint
    if ctx.request is not None and ctx.request.headers.get("host"):
        base = f"{'https' if ctx.request.secure else 'http'}://{ctx.request.headers.get('host')}"
    expires_s = cloud.clock.now_ns() // _NS + LIFETIME_S
    signature = _sign(keys.secret(tx), blob, size, expires_s)
    return f"{base}{PATH}{blob}?size={size}&expires={expires_s}&signature={signature}"


def _sign(key: bytes, blob: str, size: int, expires_s: int) -> str:
    return hmac.new(key, f"{blob} {size} {expires_s}".encode(), hashlib.sha256).hexdigest()


async def serve(cloud: Cloud, request: Request) -> Response:
    """The archive that an address leads to; 403 when it was not made here or is over, 404 when the archive is gone."""
    if request.method not in ("GET", "HEAD"):
        return _plain(405, "Method Not Allowed")
    blob = request.path.removeprefix(PATH)
    given = {name: values[0] for name, values in parse_qs(request.query).items()}
    try:
        size, expires_s = int(given.get("size", "")), int(given.get("expires", ""))
    except ValueError:
        return _plain(403, "Forbidden")
    key = await cloud.store.read(keys.secret)
    good = hmac.compare_digest(_sign(key, blob, size, expires_s).encode(), given.get("signature", "").encode())
    if not key or not good or cloud.clock.now_ns() // _NS >= expires_s:
        return _plain(403, "Forbidden")
    headers = [("content-type", "application/zip"), ("content-length", str(size))]
    if request.method == "HEAD":
        return Response(200, headers)
    try:
        return Response(200, headers, await _begun(cloud.blobs.slice(blob, 0, size)))
    except KeyError:
        return _plain(404, "Not Found")


async def _begun(body: FileSlice | AsyncIterator[bytes]) -> FileSlice | AsyncIterator[bytes]:
    """`body`, of which it is certain that it is there: a store of objects says so only once it is asked to send."""
    if isinstance(body, FileSlice):
        return body
    pieces = aiter(body)
    return _joined(await anext(pieces, b""), pieces)


async def _joined(first: bytes, rest: AsyncIterator[bytes]) -> AsyncIterator[bytes]:
    try:
        yield first
        async for piece in rest:
            yield piece
    finally:
        # The reader may go away in the middle; what comes from another machine ends then.
        if isinstance(rest, AsyncGenerator):
            await rest.aclose()


def _plain(status: int, text: str) -> Response:
    return Response(status, [("content-type", "text/plain")], text.encode())
