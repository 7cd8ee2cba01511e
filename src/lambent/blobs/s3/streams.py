"""Bodies on their way from the store: as fast as they are taken, and resumed where a connection broke."""

from __future__ import annotations

from collections.abc import AsyncGenerator
from contextlib import aclosing
from typing import Final

import aiohttp

from lambent.blobs.errors import BlobsRefused
from lambent.blobs.ranges import check_bytes

from .client import LOST, PAUSE_S, PAUSE_S_MAX, Client, Patience

RESUMPTIONS_MAX: Final = 5
"""How often a body may break off without getting any further to speak of."""
WORTHWHILE_BYTES: Final = 1024 * 1024
"""So many bytes since the last break are getting further."""


class _Part:
    """The bytes that are still to come: from `offset` to `end`, which is None until the object's size is known."""

    def __init__(self, name: str, offset: int, length: int | None) -> None:
        self.name = name
        self.offset = offset
        self.end = None if length is None else offset + length

    @property
    def done(self) -> bool:
        return self.offset == self.end

    def headers(self) -> dict[str, str]:
        if self.end is None:
            return {}
        return {"range": f"bytes={self.offset}-{self.end - 1}"}

    def begin(self, response: aiohttp.ClientResponse) -> None:
        """Look at what is going to come; `ValueError` when it is less than was asked for."""
        if self.end is None:
            self.end = int(response.headers["Content-Length"])
        elif response.status == 206:
            size = response.headers.get("Content-Range", "").rpartition("/")[2]
            check_bytes(self.offset, self.end - self.offset, int(size) if size.isdigit() else self.end)
        elif self.offset == 0:  # a server may answer the whole object to a range that is the whole
            check_bytes(0, self.end, int(response.headers["Content-Length"]))
        else:
            raise BlobsRefused("the store of blobs does not answer ranges", "", response.status)

    def take(self, piece: bytes) -> bytes:
        assert self.end is not None
        piece = piece[: self.end - self.offset]
        self.offset += len(piece)
        return piece


async def stream(client: Client, name: str, key: str, offset: int, length: int | None) -> AsyncGenerator[bytes, None]:
    """The bytes of an object from `offset` on, all of them when `length` is None; `KeyError` (with `name`) when there
    is no such object, `ValueError` for bytes that it does not have."""
    part = _Part(name, offset, length)
    if length == 0:
        await check(client, name, key, offset)
        return
    broken = 0
    useful_from = offset
    limits = client.limits
    patience = Patience(limits.patience_s)
    pause_s = PAUSE_S
    while True:
        try:
            async with aclosing(_attempt(client, key, part, patience)) as pieces:
                async for piece in pieces:
                    yield piece
            return
        except (BlobsRefused, *LOST) as error:
            if isinstance(error, BlobsRefused) and not client.is_passing(error):
                raise _meaning(error, part) from error
            if part.offset - useful_from >= WORTHWHILE_BYTES:
                broken, useful_from, pause_s = 0, part.offset, PAUSE_S
            if broken == 0:  # the reader may have taken its time: only the time without the store counts
                patience = Patience(limits.patience_s, spent_s=limits.silence_s)
            broken += 1
            if broken > RESUMPTIONS_MAX or patience.left_s <= pause_s:
                raise _failure(client, error) from error
        await client.pause(pause_s)
        pause_s = min(pause_s * 2, PAUSE_S_MAX)


async def check(client: Client, name: str, key: str, offset: int = 0) -> int:
    """The length of an object; `KeyError` when there is none, `ValueError` when it ends before `offset`."""
    try:
        answer = await client.call("HEAD", key)
    except BlobsRefused as refused:
        if refused.status == 404:
            raise KeyError(name) from refused
        raise
    size = int(answer.headers["content-length"])
    check_bytes(offset, 0, size)
    return size


async def _attempt(client: Client, key: str, part: _Part, patience: Patience) -> AsyncGenerator[bytes, None]:
    """Bytes until the end, or until the connection breaks."""
    async with client.get(key, part.headers(), patience) as response:
        part.begin(response)
        # The time between pieces is watched by the connection itself, which knows whether it has been paused.
        async for piece in response.content.iter_any():
            yield part.take(piece)
            if part.done:
                return
    if not part.done:
        raise aiohttp.ClientPayloadError("the body ended early")


def _failure(client: Client, error: Exception) -> Exception:
    return error if isinstance(error, BlobsRefused) else client.unreachable(error)


def _meaning(refused: BlobsRefused, part: _Part) -> Exception:
    if refused.status == 404 and refused.code != "NoSuchBucket":
        return KeyError(part.name)
    if refused.status == 416:
        return ValueError(f"bytes {part.offset} to {part.end} are not in {part.name}")
    return refused
