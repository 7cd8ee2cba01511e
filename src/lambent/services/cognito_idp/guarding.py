"""Wrong passwords: after five in a row the next has to wait, twice as long each time, fifteen minutes at most.

They are counted for names that nobody has, too: a wait must not tell who exists. Wrong codes of a
second factor count as well, for each right password would give three new guesses.
"""

from __future__ import annotations

from typing import Final

from lambent.contracts.ports import Reader, Transaction

from . import keys, users
from .errors import NotAuthorizedException
from .model import MINUTE_MS, Attempts, Pool

_FREE: Final = 5
_WAIT_MS_MAX: Final = 15 * MINUTE_MS
_DOUBLINGS_MAX: Final = 10


def _who(tx: Reader, pool: Pool, name: str) -> str:
    """The name that attempts are counted under: one, by whichever of their names a user is tried."""
    user = users.find(tx, pool, name)
    return users.key(pool, user) if user is not None else pool.fold(name)


def check(tx: Reader, pool: Pool, name: str, now_ms: int) -> None:
    """Refuse an attempt that comes too early; such a one is not counted."""
    found = keys.attempts.get(tx, pool.id, _who(tx, pool, name))
    if found is not None and found.locked_until_ms > now_ms:
        raise NotAuthorizedException("Password attempts exceeded")


def settle(tx: Transaction, pool: Pool, name: str, now_ms: int, *, right: bool) -> None:
    """Before anybody is told whether a password was right: count a wrong one, and tell nothing where others that were
    tried at the same time have used up the free ones. So a thousand guesses at once are no more than five."""
    check(tx, pool, name, now_ms)
    if not right:
        failed(tx, pool, name, now_ms)


def failed(tx: Transaction, pool: Pool, name: str, now_ms: int) -> None:
    """Count a wrong password."""
    folded = _who(tx, pool, name)
    found = keys.attempts.get(tx, pool.id, folded)
    count = found.count + 1 if found is not None and found.until_ms > now_ms else 1
    wait_ms = min(1000 << min(count - _FREE, _DOUBLINGS_MAX), _WAIT_MS_MAX) if count >= _FREE else 0
    until_ms = now_ms + wait_ms + _WAIT_MS_MAX
    made = Attempts(count=count, locked_until_ms=now_ms + wait_ms, until_ms=until_ms)
    keys.attempts.put(tx, made, pool.id, folded)
    keys.expire(tx, keys.attempts.key(pool.id, folded), until_ms, now_ms)


def passed(tx: Transaction, pool: Pool, name: str) -> None:
    """Forget what was counted: the password was right, or is a new one."""
    folded = _who(tx, pool, name)
    if keys.attempts.get(tx, pool.id, folded) is not None:
        keys.attempts.delete(tx, pool.id, folded)
