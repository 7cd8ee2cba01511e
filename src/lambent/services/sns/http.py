"""Posts messages to HTTP endpoints, through the cloud's one client for such addresses."""

from __future__ import annotations

from typing import Final

from lambent.contracts.events import TryAgain, Undeliverable
from lambent.contracts.ports import Cloud
from lambent.kit import calling

TIMEOUT_S: Final = 15.0
_OWN: Final = (
    ("User-Agent", "Amazon Simple Notification Service Agent"),
    ("Accept-Encoding", "gzip,deflate"),
)


async def post(cloud: Cloud, url: str, headers: dict[str, str], body: bytes) -> int:
    """Post a body; returns the status of an answer of 200 to 299. Other answers raise `Undeliverable` (the endpoint
    does not want it) or `TryAgain` (it may later)."""
    request = calling.Request("POST", url, [*headers.items(), *_OWN], body, says_keep_alive=True)
    try:
        status = (await calling.of(cloud).call(request, TIMEOUT_S, body_bytes_max=0)).status
    except ValueError as error:
        raise Undeliverable(f"{url}: {error}") from None
    except calling.Unreachable as error:
        raise TryAgain(str(error)) from None
    if 200 <= status < 300:
        return status
    host = calling.place(url).shown
    if status == 429 or status >= 500 or status < 200:
        raise TryAgain(f"{host} answered {status}")
    raise Undeliverable(f"{host} answered {status}")
