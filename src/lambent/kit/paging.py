"""Pages and their opaque tokens."""

from __future__ import annotations

import base64
import binascii
from collections.abc import Callable
from typing import TypeVar

from lambent.contracts.errors import ServiceError

T = TypeVar("T")


def seal(position: bytes) -> str:
    """The opaque token of a position (a store key or any bytes)."""
    return base64.urlsafe_b64encode(position).decode()


def unseal(token: str, error: Callable[[str], ServiceError]) -> bytes:
    """The position in a token made by `seal`; raises `error(message)` for anything else."""
    try:
        return base64.b64decode(token.encode(), altchars=b"-_", validate=True)
    except (binascii.Error, ValueError):
        raise error("The provided token is invalid.") from None


def page(items: list[T], limit: int, position: Callable[[T], bytes]) -> tuple[list[T], str | None]:
    """Split `limit + 1` fetched items into a page and the token after its last item (None on the last page)."""
    if len(items) <= limit:
        return items, None
    return items[:limit], seal(position(items[limit - 1]))
