"""A multipart upload: parts arrive one after another, a few are on their way at a time."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Coroutine, Sequence
from typing import Any, Final

from lambent.blobs.errors import BlobsError, BlobsRefused

from . import answers
from .answers import Answer
from .client import Client

MEBIBYTE: Final = 1024 * 1024
PART_BYTES_MIN: Final = 8 * MEBIBYTE
PART_BYTES_MAX: Final = 64 * MEBIBYTE
DOUBLED_AFTER_PARTS: Final = 250
"""A body of 5 GiB, the most that one request brings, stays below parts of 32 MiB."""
PARTS_MAX: Final = 10_000
COPIED_BYTES_PER_S: Final = 16 * MEBIBYTE
JOINED_PARTS_PER_S: Final = 100
"""Slower than this, a store that copies or joins does not get on. It says nothing meanwhile."""


def part_bytes(number: int) -> int:
    """How large part `number` (from 1) of a body of unknown length is made."""
    return min(PART_BYTES_MAX, PART_BYTES_MIN << min(3, (number - 1) // DOUBLED_AFTER_PARTS))


class Upload:
    """One upload. `add` and `copy` return when the part is on its way; `finish` when the object exists."""

    def __init__(self, client: Client, key: str, at_once: int) -> None:
        self._client = client
        self._key = key
        self._at_once = at_once
        self._id = ""
        self._tasks: set[asyncio.Task[None]] = set()
        self._step: asyncio.Task[Answer] | None = None
        self._etags: dict[int, str] = {}
        self._number = 0
        self._repeated = False

    @property
    def number(self) -> int:
        """How many parts it has."""
        return self._number

    async def begin(self) -> None:
        """Ask for an upload."""
        self._step = asyncio.create_task(self._client.call("POST", self._key, {"uploads": ""}))
        await asyncio.wait((self._step,))
        self._id = _found(self._step.result(), "UploadId")

    async def add(self, pieces: Sequence[bytes]) -> None:
        """Send a part. Waits while enough others are on their way; raises what became of them."""
        await self._start(lambda number: self._send(number, pieces))

    async def copy(self, source: str, offset: int, length: int) -> None:
        """Have the store copy a part from another object of the bucket."""
        await self._start(lambda number: self._copy(number, source, offset, length))

    async def finish(self) -> None:
        """Wait for the parts and make them an object."""
        while self._tasks:
            await self._next()
        body = answers.completion(sorted(self._etags.items()))
        try:
            await self._complete(body)
        except BlobsRefused as refused:
            # The first attempt had done it, and its answer was lost: the key is this upload's alone.
            if not (self._repeated and refused.code == "NoSuchUpload"):
                raise
            await self._client.call("HEAD", self._key)

    async def abort(self) -> None:
        """Have nothing left of it, whatever state it is in. What cannot be removed now is left to the collector."""
        # Nothing is cancelled: the store may go on with what it has, and a part that comes after the end stays.
        if self._step is not None:
            await asyncio.wait((self._step,))
            failed = self._step.exception() is not None
            if not failed and not self._id:
                self._id = _found(self._step.result(), "UploadId")
        await asyncio.gather(*self._tasks, return_exceptions=True)
        if self._id:
            await abort(self._client, self._key, self._id)

    async def _complete(self, body: bytes) -> None:
        longest_s = max(self._client.limits.patience_s, self._number / JOINED_PARTS_PER_S)
        call = self._client.call(
            "POST",
            self._key,
            {"uploadId": self._id},
            body=(body,),
            silence_s=longest_s,
            patience_s=longest_s,
            repeated=self._note,
        )
        self._step = asyncio.create_task(call)
        await asyncio.wait((self._step,))
        self._step.result()

    async def _start(self, work: Callable[[int], Coroutine[Any, Any, None]]) -> None:
        if self._number == PARTS_MAX:
            raise BlobsError(f"a body needs more than {PARTS_MAX} parts")
        while len(self._tasks) >= self._at_once:
            await self._next()
        self._number += 1
        self._tasks.add(asyncio.create_task(work(self._number)))

    async def _next(self) -> None:
        """Wait until a part has arrived."""
        done, _ = await asyncio.wait(self._tasks, return_when=asyncio.FIRST_COMPLETED)
        self._tasks -= done
        failures = [error for task in done if (error := task.exception()) is not None]
        if failures:
            raise failures[0]

    async def _send(self, number: int, pieces: Sequence[bytes]) -> None:
        answer = await self._client.call("PUT", self._key, self._part(number), body=pieces)
        self._etags[number] = answer.headers["etag"]

    async def _copy(self, number: int, source: str, offset: int, length: int) -> None:
        headers = {
            "x-amz-copy-source": f"/{self._client.location.bucket}/{source}",
            "x-amz-copy-source-range": f"bytes={offset}-{offset + length - 1}",
        }
        longest_s = max(self._client.limits.patience_s, length / COPIED_BYTES_PER_S)
        answer = await self._client.call(
            "PUT", self._key, self._part(number), headers, silence_s=longest_s, patience_s=longest_s
        )
        self._etags[number] = _found(answer, "ETag")

    def _part(self, number: int) -> dict[str, str]:
        return {"partNumber": str(number), "uploadId": self._id}

    def _note(self) -> None:
        self._repeated = True


async def abort(client: Client, key: str, id: str) -> None:
    """End an upload that is not to become an object; nothing happens when there is none any more."""
    try:
        await client.call("DELETE", key, {"uploadId": id})
    except BlobsRefused as refused:
        if refused.status != 404:
            raise


def _found(answer: Answer, name: str) -> str:
    try:
        return answers.text_of(answer, name)
    except ValueError as error:
        raise BlobsRefused(f"the store of blobs answers what S3 would not: {error}", "", answer.status) from None
