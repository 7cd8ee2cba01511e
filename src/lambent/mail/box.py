"""The built-in mailbox: letters in the store, numbered in the order in which they came.

=============  ======================================================
mail.letter    number
mail.counter   (nothing): the last number given
=============  ======================================================
"""

from __future__ import annotations

from typing import Final

import msgspec
from msgspec.structs import replace

from lambent.contracts.ports import Reader, Transaction
from lambent.kv.table import Table

KEPT_MAX: Final = 10_000
"""Letters that are kept; the oldest make room for new ones."""


class Letter(msgspec.Struct, frozen=True, kw_only=True):
    """Something sent to a person. `kind` is email, sms or push; `sender` and `to` are addresses, phone numbers or ARNs;
    `delivered` says how it left: `mailbox` (only here) or `smtp`. `details` are what else there is to know, by name."""

    kind: str
    to: str
    sender: str
    body: str
    sent_ms: int
    subject: str = ""
    account: str = ""
    region: str = ""
    content_type: str = "text/plain"
    details: dict[str, str] = {}
    number: int = 0


class Counter(msgspec.Struct, frozen=True):
    """The last number given."""

    last: int


_letters: Final = Table("mail.letter", Letter)
_counter: Final = Table("mail.counter", Counter)


def keep(tx: Transaction, new: Letter) -> int:
    """Put a letter into the box; returns its number."""
    tx.lock(_counter.key())
    counter = _counter.get(tx)
    number = 1 + (counter.last if counter is not None else 0)
    _counter.put(tx, Counter(number))
    _letters.put(tx, replace(new, number=number), number)
    if number > KEPT_MAX:
        _letters.delete(tx, number - KEPT_MAX)
    return number


def letter(tx: Reader, number: int) -> Letter | None:
    """The letter of a number; None when there is none (any more)."""
    return _letters.get(tx, number)


def letters(tx: Reader, limit: int, kind: str = "", to: str = "") -> list[Letter]:
    """The newest letters, newest first; of one kind and to one receiver where these are given."""
    found = []
    for _, one in _letters.scan(tx, reverse=True, limit=limit if not kind and not to else None):
        if (not kind or one.kind == kind) and (not to or one.to == to):
            found.append(one)
            if len(found) == limit:
                break
    return found
