"""Names of blobs: made here from random ids, never from anything that a user sends."""

from __future__ import annotations

import inspect
import re
from collections.abc import Awaitable, Callable, Iterable

from lambent.contracts.ids import Ids

DIGITS = 32
_NAME = re.compile(f"[0-9a-f]{{{DIGITS}}}")

Named = Iterable[str] | Callable[[], Iterable[str] | Awaitable[Iterable[str]]]
"""The names that are in use, or a function (plain or async) that finds them."""


def new(ids: Ids) -> str:
    """A name that no other blob has."""
    return ids.hex(DIGITS)


def valid(name: str) -> bool:
    """Whether `name` can be a blob's name. Anything else, such as a path, is treated as the name of no blob."""
    return _NAME.fullmatch(name) is not None


async def in_use(named: Named) -> set[str]:
    """The names that `named` stands for."""
    found = named() if callable(named) else named
    return set(await found if inspect.isawaitable(found) else found)
