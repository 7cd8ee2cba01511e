"""Requests to servers outside the cloud, for integrations and for issuers' documents."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import Final

from lambent.contracts.ports import Cloud
from lambent.kit import calling

_DOCUMENT_S: Final = 5.0
_DOCUMENT_BYTES_MAX: Final = 1 << 20


def get(cloud: Cloud) -> Callable[[str], Awaitable[bytes]]:
    """Reads a document: the body of an answer of 200; `OSError` for any other or none, `ValueError` for a URL that is
    none."""

    async def read(url: str) -> bytes:
        request = calling.Request("GET", url, (("accept", "application/json"),))
        try:
            answer = await calling.of(cloud).call(request, _DOCUMENT_S, body_bytes_max=_DOCUMENT_BYTES_MAX)
        except calling.Unreachable as error:
            raise ConnectionError(str(error)) from None
        if answer.status != 200:
            raise ConnectionError(f"{url} answered {answer.status}")
        return answer.body

    return read
