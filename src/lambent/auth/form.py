"""Browser uploads: multipart/form-data, read as a stream. The fields before the file are bounded; the file is a Body.

    --BOUNDARY\\r\\nContent-Disposition: form-data; name="key"\\r\\n\\r\\nvalue\\r\\n
    --BOUNDARY\\r\\nContent-Disposition: form-data; name="file"; filename="a.jpg"\\r\\nContent-Type: ...\\r\\n\\r\\n
    <bytes>\\r\\n--BOUNDARY--\\r\\n

What comes after the file is read and ignored, as S3 does.
"""

from __future__ import annotations

import re
from collections.abc import AsyncIterator
from typing import NamedTuple

from lambent.contracts.http import Body, BytesBody, Request

from . import errors
from .payload import collect

FIELDS_BYTES_MAX = 20 * 1024
_PART_HEAD_MAX = 8 * 1024
_AFTER_MAX = 64 * 1024
_BOUNDARY = re.compile(
    r"""multipart/form-data\s*;.*?\bboundary="?([0-9A-Za-z'()+_,\-./:=? ]{1,70})"?\s*(?:;|$)""", re.I
)
_NAME = re.compile(r'(?:^|;)\s*name\s*=\s*(?:"((?:[^"\\]|\\.)*)"|([^;\s]+))', re.I)
_FILENAME = re.compile(r'(?:^|;)\s*filename\s*=\s*(?:"((?:[^"\\]|\\.)*)"|([^;\s]+))', re.I)


class Form(NamedTuple):
    """An upload. `fields` by lower-case name, `${filename}` already replaced; `filename` without folders; `file` is
    read once, and raises `ServiceError` instead of ending where the form does not end as it must."""

    fields: dict[str, str]
    filename: str
    content_type: str
    file: Body


class FileBody:
    """The file of a form, in pieces as they arrive. Its length is only known at its end."""

    def __init__(self, pieces: AsyncIterator[bytes]) -> None:
        self.length: int | None = None
        self._pieces = pieces

    def __aiter__(self) -> AsyncIterator[bytes]:
        """The pieces."""
        return self._pieces

    async def read(self, limit: int) -> bytes:
        """The (rest of the) file; `BodyTooLarge` beyond `limit` bytes."""
        return await collect(self._pieces, limit)


async def read_form(request: Request) -> Form:
    """Read the fields of a form up to its file; raises `ServiceError` when the request is no such form."""
    match = _BOUNDARY.match(request.headers.get("content-type", ""))
    if match is None:
        text = "Bucket POST must be of the enclosure-type multipart/form-data"
        raise errors.PreconditionFailed("At least one of the pre-conditions you specified did not hold", Condition=text)
    source = _Source(request.body, b"\r\n--" + match[1].rstrip().encode())
    if (await source.until(source.delimiter, _PART_HEAD_MAX)).strip():
        raise malformed()
    fields: dict[str, str] = {}
    budget = FIELDS_BYTES_MAX
    while True:
        if await source.closes():
            raise errors.InvalidArgument(
                "POST requires exactly one file upload per request.", ArgumentName="file", ArgumentValue="0"
            )
        head = await source.until(b"\r\n\r\n", _PART_HEAD_MAX)
        name, filename, content_type = _part(head)
        if name.lower() == "file":
            break
        value = await source.until(source.delimiter, budget)
        budget -= len(value) + len(name)
        if budget < 0:
            raise _too_long()
        fields[name.lower()] = _text(value)
    plain = re.split(r"[/\\]", filename)[-1]
    filled = {
        name: value if name == "policy" else value.replace("${filename}", plain) for name, value in fields.items()
    }
    file: Body = FileBody(source.file())
    if isinstance(request.body, BytesBody):
        file = BytesBody(await file.read(len(request.body.data)))
    return Form(filled, plain, content_type, file)


def malformed() -> errors.MalformedPOSTRequest:
    """The error for a form that cannot be read."""
    return errors.MalformedPOSTRequest("The body of your POST request is not well-formed multipart/form-data.")


def _too_long() -> errors.MaxPostPreDataLengthExceeded:
    return errors.MaxPostPreDataLengthExceeded("Your POST request fields preceding the upload file were too large.")


def _text(value: bytes) -> str:
    try:
        return value.decode()
    except UnicodeDecodeError:
        raise malformed() from None


def _part(head: bytes) -> tuple[str, str, str]:
    """Name, file name and content type in a part's head, which begins after the delimiter."""
    headers: dict[str, str] = {}
    for line in _text(head).split("\r\n"):
        name, _, value = line.partition(":")
        headers[name.strip().lower()] = value.strip()
    kind, _, rest = headers.get("content-disposition", "").partition(";")
    found = _NAME.search(";" + rest)
    if kind.strip().lower() != "form-data" or found is None:
        raise malformed()
    file = _FILENAME.search(";" + rest)
    filename = (file[1] or file[2] or "") if file is not None else ""
    return _unquote(found[1] or found[2] or ""), _unquote(filename), headers.get("content-type", "")


def _unquote(text: str) -> str:
    return re.sub(r'\\(["\\])', r"\1", text)


class _Source:
    """The body's bytes, cut at delimiters. Holds at most what a part's head or a field may have."""

    def __init__(self, body: Body, delimiter: bytes) -> None:
        self.delimiter = delimiter
        # The first delimiter has no line break before it.
        self._buffer = bytearray(b"\r\n")
        self._pieces = body.__aiter__()

    async def _more(self) -> bool:
        try:
            self._buffer += await anext(self._pieces)
        except StopAsyncIteration:
            return False
        return True

    async def until(self, mark: bytes, limit: int) -> bytes:
        """The bytes before `mark`, which is dropped."""
        start = 0
        while (at := self._buffer.find(mark, start)) < 0:
            if len(self._buffer) > limit + len(mark):
                raise _too_long()
            start = max(0, len(self._buffer) - len(mark) + 1)
            if not await self._more():
                raise malformed()
        if at > limit:
            raise _too_long()
        found = bytes(self._buffer[:at])
        del self._buffer[: at + len(mark)]
        return found

    async def closes(self) -> bool:
        """Whether the delimiter just passed was the last one; else the line's end is passed too."""
        while len(self._buffer) < 2:
            if not await self._more():
                raise malformed()
        if self._buffer[:2] == b"--":
            return True
        if (await self.until(b"\r\n", _PART_HEAD_MAX)).strip():
            raise malformed()
        return False

    async def file(self) -> AsyncIterator[bytes]:
        """The bytes up to the next delimiter, in pieces."""
        keep = len(self.delimiter) - 1
        while (at := self._buffer.find(self.delimiter)) < 0:
            if len(self._buffer) > keep:
                piece = bytes(self._buffer[:-keep])
                del self._buffer[:-keep]
                yield piece
            if not await self._more():
                raise malformed()
        if at:
            yield bytes(self._buffer[:at])
        del self._buffer[: at + len(self.delimiter)]
        await self.closes()
        after = len(self._buffer)
        while after <= _AFTER_MAX:
            self._buffer.clear()
            if not await self._more():
                break
            after += len(self._buffer)
