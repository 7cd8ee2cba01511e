"""The one source of identifiers and randomness; seeded in simulations, the system's entropy otherwise."""

from __future__ import annotations

import random
import uuid

_BASE32 = "ABCDEFGHIJKLMNOPQRSTUVWXYZ234567"
_ALPHANUMERIC = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789"


class Ids:
    """Makes identifiers in AWS's forms.

    `Ids()` draws on the system's entropy and is fit for secrets; `Ids(seed)` repeats itself, for tests and simulations.
    """

    def __init__(self, seed: int | None = None) -> None:
        self.random: random.Random = random.SystemRandom() if seed is None else random.Random(seed)
        # Request ids need no secrecy: the Mersenne twister is ten times cheaper than the system's entropy.
        self._cheap = random.Random(self.random.getrandbits(128))

    def request_id(self) -> str:
        """A request id: a random UUID; not a secret."""
        h = f"{self._cheap.getrandbits(128):032x}"
        return f"{h[:8]}-{h[8:12]}-4{h[13:16]}-a{h[17:20]}-{h[20:]}"

    def uuid(self) -> str:
        """A random UUID (version 4), fit for use as a secret."""
        return str(uuid.UUID(int=self.random.getrandbits(128), version=4))

    def bytes(self, n: int) -> bytes:
        """`n` random bytes, fit for use as a secret."""
        return self.random.getrandbits(8 * n).to_bytes(n, "big")

    def hex(self, n: int) -> str:
        """`n` hexadecimal digits."""
        return f"{self.random.getrandbits(4 * n):0{n}x}"

    def unique(self, prefix: str) -> str:
        """An IAM unique id: `prefix` (AKIA, ASIA, AROA, AIDA, ...) and 17 base-32 characters."""
        return prefix + "".join(self.random.choices(_BASE32, k=17))

    def alphanumeric(self, n: int) -> str:
        """`n` letters and digits."""
        return "".join(self.random.choices(_ALPHANUMERIC, k=n))
