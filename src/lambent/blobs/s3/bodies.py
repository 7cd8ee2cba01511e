"""Blobs as objects: `PREFIX/blobs/NAME`, and `PREFIX/lambent-cloud` for whose they are."""

from __future__ import annotations

import asyncio
import base64
from collections.abc import AsyncIterator, Callable
from contextlib import aclosing
from datetime import timedelta
from hashlib import md5
from typing import Final

from lambent.blobs import names
from lambent.blobs.background import Background
from lambent.blobs.errors import BlobsError, BlobsRefused
from lambent.blobs.hashing import Hashing
from lambent.blobs.ranges import Readers, check_name, check_part, joined
from lambent.blobs.removals import Removals
from lambent.blobs.urls import S3Location, parse
from lambent.contracts.clock import Clock
from lambent.contracts.ids import Ids
from lambent.contracts.ports import BlobInfo

from . import answers, bucket, plans, streams, uploads
from .answers import Answer, Listed, Page
from .client import LIMITS, Client, Limits
from .uploads import PART_BYTES_MIN, Upload

FOLDER: Final = "blobs/"
RELEASE_DELAY_S: Final = 60.0
"""How long a released blob stays for readers on other nodes, which this one does not know of."""
UPLOAD_GRACE_S: Final = 86_400.0
"""How old an unfinished upload must be before its sender can count as dead."""
PARTS_AT_ONCE: Final = 2
COPIES_AT_ONCE: Final = (4, 16)
"""The least and the most; as many as make COPIED_BYTES_AT_ONCE."""
COPIED_BYTES_AT_ONCE: Final = 256 * 1024 * 1024
DELETED_AT_ONCE: Final = 1000
LISTED_AT_ONCE = "1000"
SINGLE_BYTES_MAX: Final = PART_BYTES_MIN
"""Up to this size a body is one request."""


class S3Blobs:
    """Keeps bodies in the bucket that `url` (a string, or what `parse` made of it) names; see `lambent.blobs.urls`.

    `open` comes first on a node; it says whether the bucket is there and is the cloud's. Ages are told by the store's
    own clock. Every request ends within some 10 s of silence, with `BlobsUnreachable`.
    """

    def __init__(
        self,
        url: str | S3Location,
        clock: Clock,
        ids: Ids,
        *,
        release_delay_s: float = RELEASE_DELAY_S,
        limits: Limits = LIMITS,
    ) -> None:
        self.location = parse(url) if isinstance(url, str) else url
        self._ids = ids
        self._client = Client(self.location, ids, limits)
        self._folder = self.location.prefix + FOLDER
        self._removals = Removals(clock, release_delay_s, self._remove)
        self._readers = Readers(self._removals.add)
        self._background = Background("something unfinished stays in the store of blobs until the next collection")
        self._doomed: dict[str, None] = {}
        self._sweep: asyncio.Task[None] | None = None
        self._cloud = ""

    async def open(self, cloud_id: str) -> None:
        """Make sure that the bucket is there and belongs to this cloud: the bucket is created, and marked with
        `cloud_id`, if need be. `BlobsError` with one clear line, and nothing written, when it cannot be used."""
        await bucket.claim(self._client, cloud_id)
        self._cloud = cloud_id

    async def write(self, body: AsyncIterator[bytes], digests: tuple[str, ...] = ()) -> BlobInfo:
        """Store a stream; what went wrong on the way leaves nothing behind. Up to 8 MiB are gathered and sent at once;
        of what is longer, up to three parts are in memory."""
        name = names.new(self._ids)
        hashing = Hashing(digests)
        upload: Upload | None = None
        put: asyncio.Task[Answer] | None = None
        pieces: list[bytes] = []
        size = length = 0
        limit = SINGLE_BYTES_MAX
        try:
            async for piece in body:
                await hashing.add(piece)
                pieces.append(piece)
                size += len(piece)
                length += len(piece)
                while size > limit:
                    if upload is None:
                        upload = Upload(self._client, self._key(name), PARTS_AT_ONCE)
                        await upload.begin()
                    part, pieces = _cut(pieces, limit)
                    await upload.add(part)
                    size -= limit
                    limit = uploads.part_bytes(upload.number + 1)
            found = await hashing.finish()
            if upload is None:
                put = asyncio.create_task(self._put(name, pieces, found))
                await asyncio.wait((put,))
                put.result()
            else:
                await upload.add(pieces)
                await upload.finish()
        except BaseException:
            if upload is not None or put is not None:
                self._background.spawn(self._undo(name, upload, put))
            raise
        return BlobInfo(name=name, length=length, digests=found)

    async def concat(self, parts: list[tuple[str, int, int]], digests: tuple[str, ...] = ()) -> BlobInfo:
        """Store slices of other blobs as a new one; `KeyError` for an absent blob, `ValueError` for a bad range. The
        store copies large slices by itself; with `digests` they are read beside it. Small ones pass through here."""
        for part in parts:
            check_part(*part)
        for name, offset in {(name, offset) for name, offset, length in parts if not length}:
            await streams.check(self._client, name, self._key(name), offset)
        slices = [part for part in parts if part[2]]
        total = sum(length for _, _, length in slices)
        steps = plans.plan(slices)
        if total <= SINGLE_BYTES_MAX or not any(step.copied for step in steps):
            return await self.write(self._joined(slices), digests)
        name = names.new(self._ids)
        largest = max(length for step in steps for _, _, length in step.slices)
        least, most = COPIES_AT_ONCE
        upload = Upload(self._client, self._key(name), min(most, max(least, COPIED_BYTES_AT_ONCE // largest)))
        hashing = asyncio.create_task(self._hashed(slices, digests))
        hashing.add_done_callback(lambda task: task.cancelled() or task.exception())  # another may fail first
        try:
            await upload.begin()
            for step in steps:
                if step.copied:
                    ((source, offset, length),) = step.slices
                    await upload.copy(self._key(source), offset, length)
                else:
                    await upload.add([piece async for piece in self._joined(list(step.slices))])
            found = await hashing
            await upload.finish()
            # Not every store refuses a range that goes beyond the end of what it copies.
            if await streams.check(self._client, name, self._key(name)) != total:
                raise ValueError("bytes that a blob does not have")
        except BaseException as error:
            hashing.cancel()
            self._background.spawn(self._undo(name, upload))
            await self._explain(error, slices)
            raise
        return BlobInfo(name=name, length=total, digests=found)

    def slice(self, name: str, offset: int, length: int) -> AsyncIterator[bytes]:
        """A part of a blob, in pieces. What is wrong with it (`KeyError`, `ValueError`) shows at once or with the
        first piece."""
        check_part(name, offset, length)
        return self._pieces(name, offset, length)

    async def read(self, name: str) -> bytes:
        """A whole blob; `KeyError` when there is none."""
        check_name(name)
        return b"".join([piece async for piece in self._pieces(name, 0, None)])

    def stream(self, name: str) -> AsyncIterator[bytes]:
        """A whole blob in pieces, for those who do not know its length; `KeyError` as for `slice`."""
        check_name(name)
        return self._pieces(name, 0, None)

    def release(self, name: str) -> None:
        """Remove `name` a minute from now, or when its last reader on this node is done with it."""
        if names.valid(name):
            self._removals.add(name)

    async def collect(
        self, in_use: names.Named, grace_s: float = names.GRACE_S, upload_grace_s: float = UPLOAD_GRACE_S
    ) -> int:
        """Remove blobs older than `grace_s` seconds that nothing names, and uploads begun `upload_grace_s` ago and
        never finished; returns how many. Listed first, asked then, as for files. `BlobsError`, and nothing removed,
        when the bucket has become another cloud's; one that has lost its mark is marked again."""
        if self._cloud:
            await bucket.claim(self._client, self._cloud)
        grace, upload_grace = timedelta(seconds=grace_s), timedelta(seconds=upload_grace_s)
        # What was uploaded in parts may bear the time at which that began: it must be older than any upload gets.
        old = [
            item.key
            async for item in self._listed(answers.objects, {"list-type": "2", "max-keys": LISTED_AT_ONCE})
            if item.age >= (2 * upload_grace if item.in_parts else grace)
        ]
        begun = [
            item
            async for item in self._listed(answers.uploads, {"uploads": "", "max-uploads": LISTED_AT_ONCE})
            if item.age >= upload_grace
        ]
        named = await names.asked(in_use)
        lost = [key for key in old if key.removeprefix(self._folder) not in named]
        removed = 0
        for start in range(0, len(lost), DELETED_AT_ONCE):
            if self._removals.held:
                return removed
            removed += await self._delete(lost[start : start + DELETED_AT_ONCE])
        for item in begun:
            if self._removals.held:
                return removed
            await uploads.abort(self._client, item.key, item.upload_id)
            removed += 1
        return removed

    def hold(self, until_ns: int) -> None:
        """Remove nothing before `until_ns` of the clock; 0 ends a hold."""
        self._removals.hold(until_ns)

    async def close(self) -> None:
        """Remove what was released, unless a hold lasts, let that and what is being undone end, and hang up."""
        self._remove(self._removals.finish())
        await self._background.wait(self._client.limits.patience_s)
        await self._client.close()

    def _key(self, name: str) -> str:
        return self._folder + name

    async def _pieces(self, name: str, offset: int, length: int | None) -> AsyncIterator[bytes]:
        with self._readers.reading(name):
            async with aclosing(streams.stream(self._client, name, self._key(name), offset, length)) as pieces:
                async for piece in pieces:
                    yield piece

    def _joined(self, slices: list[tuple[str, int, int]]) -> AsyncIterator[bytes]:
        return joined([self._pieces(*part) for part in slices])

    async def _hashed(self, slices: list[tuple[str, int, int]], digests: tuple[str, ...]) -> dict[str, bytes]:
        hashing = Hashing(digests)
        if digests:
            async for piece in self._joined(slices):
                await hashing.add(piece)
        return await hashing.finish()

    async def _put(self, name: str, pieces: list[bytes], digests: dict[str, bytes]) -> Answer:
        # The store checks what arrives, where that costs nothing.
        headers = {"content-md5": base64.b64encode(digests["md5"]).decode()} if "md5" in digests else {}
        return await self._client.call("PUT", self._key(name), headers=headers, body=pieces)

    async def _undo(self, name: str, upload: Upload | None, put: asyncio.Task[Answer] | None = None) -> None:
        """Have nothing left of a blob that was not to be. A lost answer may have been that it is there, and a request
        that is given up may still be on its way: it is waited for first."""
        if put is not None:
            await asyncio.wait((put,))
            put.exception()  # it has been told, or its caller has gone
        if upload is not None:
            await upload.abort()
        await self._client.call("DELETE", self._key(name))

    async def _explain(self, error: BaseException, slices: list[tuple[str, int, int]]) -> None:
        """`KeyError` or `ValueError` when a copy was refused because there is nothing such to copy."""
        if isinstance(error, BlobsRefused) and error.status in (400, 404, 416):
            for name, offset, length in slices:
                await streams.check(self._client, name, self._key(name), offset + length)

    async def _listed(self, read: Callable[[Answer], Page], query: dict[str, str]) -> AsyncIterator[Listed]:
        """What has a blob's key, page by page."""
        more: dict[str, str] | None = {}
        while more is not None:
            answer = await self._client.call("GET", query={**query, "prefix": self._folder, **more})
            page = await asyncio.to_thread(read, answer)
            for item in page.items:
                if names.valid(item.key.removeprefix(self._folder)):
                    yield item
            more = None if page.more == more else page.more

    def _remove(self, gone: list[str]) -> None:
        for name in gone:
            if not self._readers.defer(name):
                self._doomed[name] = None
        if self._doomed and (self._sweep is None or self._sweep.done()):
            self._sweep = self._background.spawn(self._swept())

    async def _swept(self) -> None:
        """Delete what was released; what is released meanwhile goes with the next request."""
        while self._doomed:
            batch = list(self._doomed)[:DELETED_AT_ONCE]
            for name in batch:
                del self._doomed[name]
            if self._removals.held:
                for name in batch:
                    self._removals.add(name)
            else:
                await self._delete([self._key(name) for name in batch])

    async def _delete(self, keys: list[str]) -> int:
        """Delete objects; returns how many are gone."""
        body = answers.deletion(keys)
        headers = {"content-md5": base64.b64encode(md5(body, usedforsecurity=False).digest()).decode()}
        answer = await self._client.call("POST", query={"delete": ""}, headers=headers, body=(body,))
        failures = answers.failures(answer) if answer.body else []
        if failures:
            raise BlobsError(f"{len(failures)} of {len(keys)} blobs could not be deleted; the first is {failures[0]}")
        return len(keys)


def _cut(pieces: list[bytes], size: int) -> tuple[list[bytes], list[bytes]]:
    """The first `size` bytes, and the rest; copies at most one piece."""
    taken: list[bytes] = []
    for index, piece in enumerate(pieces):
        if len(piece) > size:
            return [*taken, piece[:size]], [piece[size:], *pieces[index + 1 :]]
        taken.append(piece)
        size -= len(piece)
    return taken, []
