"""SRP-6a as Cognito does it: the 3072-bit group of RFC 5054, SHA-256, and a signature over pool, user and a block of
the server's. Pure.

A password is kept as its verifier, g^x: see DESIGN.md for why there is no second hash beside it.
"""

from __future__ import annotations

import hashlib
import hmac
from typing import Final

PRIME: Final = int(
    "FFFFFFFFFFFFFFFFC90FDAA22168C234C4C6628B80DC1CD129024E088A67CC74020BBEA63B139B22514A08798E3404DDEF9519B3CD3A431B"
    "302B0A6DF25F14374FE1356D6D51C245E485B576625E7EC6F44C42E9A637ED6B0BFF5CB6F406B7EDEE386BFB5A899FA5AE9F24117C4B1FE6"
    "49286651ECE45B3DC2007CB8A163BF0598DA48361C55D39A69163FA8FD24CF5F83655D23DCA3AD961C62F356208552BB9ED529077096966D"
    "670C354E4ABC9804F1746C08CA18217C32905E462E36CE3BE39E772C180E86039B2783A2EC07A28FB5C55DF06F4C52C9DE2BCBF695581718"
    "3995497CEA956AE515D2261898FA051015728E5A8AAAC42DAD33170D04507A33A85521ABDF1CBA64ECFB850458DBEF0A8AEA71575D060C7D"
    "B3970F85A6E1E4C7ABF5AE8CDB0933D71E8C94E04A25619DCEE3D2261AD2EE6BF12FFA06D98A0864D87602733EC86A64521F2B18177B200C"
    "BBE117577A615D6C770988C0BAD946E208E24FA074E5AB3143DB5BFCE0FD108E4B82D120A93AD2CAFFFFFFFFFFFFFFFF",
    16,
)
GENERATOR: Final = 2
_INFO: Final = b"Caldera Derived Key\x01"
_KEY_BYTES: Final = 16
_PUBLIC_HEX_MAX: Final = 1024


class NotAPublicValue(ValueError):
    """What the client sent as its public value is none."""


def padded(number: int) -> bytes:
    """A number as it is hashed: big-endian, with a zero before a first bit that is set."""
    return number.to_bytes(number.bit_length() // 8 + 1, "big")


def _hashed(*parts: bytes) -> int:
    return int.from_bytes(hashlib.sha256(b"".join(parts)).digest(), "big")


_K: Final = _hashed(padded(PRIME), padded(GENERATOR))


def verifier(pool: str, user: str, password: str, salt: bytes) -> bytes:
    """What is kept of a password. Takes about five milliseconds."""
    inner = hashlib.sha256(f"{pool}{user}:{password}".encode()).digest()
    x = _hashed(padded(int.from_bytes(salt, "big")), inner)
    return padded(pow(GENERATOR, x, PRIME))


def matches(pool: str, user: str, password: str, salt: bytes, kept: bytes) -> bool:
    """Whether a password is the one of which `kept` is the verifier."""
    return hmac.compare_digest(verifier(pool, user, password, salt), kept)


def public_of(text: str) -> int:
    """The client's public value; `NotAPublicValue` for one that would make the key known."""
    try:
        value = int(text, 16) if len(text) <= _PUBLIC_HEX_MAX and text.isalnum() else 0
    except ValueError:
        value = 0
    if value % PRIME == 0:
        raise NotAPublicValue(text[:20])
    return value


def server_public(kept: bytes, secret: bytes) -> int:
    """The server's public value B for its secret b."""
    v = int.from_bytes(kept, "big")
    return (_K * v + pow(GENERATOR, int.from_bytes(secret, "big"), PRIME)) % PRIME


def signature(
    pool: str, user: str, kept: bytes, client_public: int, secret: bytes, block: bytes, timestamp: str
) -> bytes:
    """The signature that a client sends who knows the password."""
    b = int.from_bytes(secret, "big")
    u = _hashed(padded(client_public), padded(server_public(kept, secret)))
    shared = pow(client_public * pow(int.from_bytes(kept, "big"), u, PRIME), b, PRIME)
    extracted = hmac.digest(padded(u), padded(shared), "sha256")
    key = hmac.digest(extracted, _INFO, "sha256")[:_KEY_BYTES]
    return hmac.digest(key, f"{pool}{user}".encode() + block + timestamp.encode(), "sha256")
