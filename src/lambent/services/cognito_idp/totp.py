"""Authenticators: time-based one-time passwords (RFC 6238: SHA-1, six digits, 30 seconds). Pure."""

from __future__ import annotations

import base64
import hmac
from typing import Final

from lambent.contracts.ids import Ids

STEP_MS: Final = 30_000
DIGITS: Final = 6
_SECRET_BYTES: Final = 32
_STEPS_EARLY_OR_LATE: Final = 1


def new_secret(ids: Ids) -> str:
    """A new secret, in base 32 as apps take it (52 characters)."""
    return base64.b32encode(ids.bytes(_SECRET_BYTES)).decode().rstrip("=")


def code(secret: str, step: int) -> str:
    """The six digits of a step: the number of 30 seconds since the epoch."""
    key = base64.b32decode(secret + "=" * (-len(secret) % 8))
    mac = hmac.digest(key, step.to_bytes(8, "big"), "sha1")
    offset = mac[-1] & 0x0F
    number = int.from_bytes(mac[offset : offset + 4], "big") & 0x7FFF_FFFF
    return f"{number % 10**DIGITS:0{DIGITS}d}"


def step_of(secret: str, given: str, now_ms: int, last: int = 0) -> int | None:
    """The step that a code belongs to, None for a wrong one; each step is taken once, so `last` and before are over."""
    now = now_ms // STEP_MS
    for step in range(now - _STEPS_EARLY_OR_LATE, now + _STEPS_EARLY_OR_LATE + 1):
        if step > last and hmac.compare_digest(code(secret, step).encode(), given.encode()):
            return step
    return None
