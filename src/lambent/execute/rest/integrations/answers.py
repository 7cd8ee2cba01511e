"""Backends' answers, whole: bodies within the limit, headers by name in small letters."""

from __future__ import annotations

from lambent.contracts.http import FileSlice, Response

from ..exchange import Exchange
from ..refusals import misconfigured

BODY_BYTES_MAX = 10 * 1024 * 1024


async def body_of(x: Exchange, response: Response) -> bytes:
    """The body of an answer; a `Refusal` when it is more than an API may answer."""
    body = response.body
    if isinstance(body, bytes):
        found = body
    elif isinstance(body, FileSlice):
        found = _slice(body)
    else:
        pieces: list[bytes] = []
        length = 0
        async for piece in body:
            pieces.append(bytes(piece))
            length += len(piece)
            if length > BODY_BYTES_MAX:
                break
        found = b"".join(pieces)
    if len(found) > BODY_BYTES_MAX:
        raise misconfigured("The integration's answer is longer than 10 MiB.", 500)
    return found


def _slice(body: FileSlice) -> bytes:
    if body.length > BODY_BYTES_MAX:
        raise misconfigured("The integration's answer is longer than 10 MiB.", 500)
    with open(body.path, "rb") as file:
        file.seek(body.offset)
        return file.read(body.length)


def headers_of(response: Response) -> dict[str, list[str]]:
    """The headers of an answer."""
    found: dict[str, list[str]] = {}
    for name, value in response.headers:
        found.setdefault(name.lower(), []).append(value)
    return found
