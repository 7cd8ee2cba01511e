"""Names of blobs: made here from random ids, never from anything that a user sends."""

from __future__ import annotations

import inspect
import re
from collections.abc import Awaitable, Callable, Iterable

from lambent.contracts.ids import Ids

DIGITS = 32
GRACE_S = 3600.0
"""How old a blob must be before it can count as forgotten: longer than from its last byte to the commit naming it."""
_NAME = re.compile(f"[0-9a-f]{{{DIGITS}}}")

Named = Iterable[str] | Callable[[], Iterable[str] | Awaitable[Iterable[str]]]
"""The names that are in use, or a function (plain or async) that finds them."""


def new(ids: Ids) -> str:
    """A name that no other blob has."""
    return ids.hex(DIGITS)


def valid(name: str) -> bool:
    """Whether `name` can be a blob's name. Anything else, such as a path, is treated as the name of no blob."""
    return _NAME.fullmatch(name) is not None


async def asked(in_use: Named) -> set[str]:
    """The names that `in_use` stands for."""
    found = in_use() if callable(in_use) else in_use
    return set(await found if inspect.isawaitable(found) else found)
