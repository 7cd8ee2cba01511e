"""The keys of a pool's tokens: two RSA pairs, as on AWS. One signs access tokens, the other ID tokens."""

from __future__ import annotations

import asyncio
import base64
from functools import lru_cache
from typing import TYPE_CHECKING, Any

from lambent.contracts.ids import Ids

from .model import Secrets

if TYPE_CHECKING:
    from cryptography.hazmat.primitives.asymmetric.rsa import RSAPrivateKey

_BITS = 2048


async def make(ids: Ids) -> Secrets:
    """New secrets for a pool. Two keys take a tenth of a second of a thread, not of the event loop."""
    pems = await asyncio.to_thread(lambda: [_pem() for _ in range(2)])
    named = tuple((base64.b64encode(ids.bytes(32)).decode(), pem) for pem in pems)
    return Secrets(keys=named, pepper=ids.bytes(32))


def _pem() -> str:
    # Deferred: cryptography takes long to load, and a cloud without pools does without.
    from cryptography.hazmat.primitives import serialization
    from cryptography.hazmat.primitives.asymmetric.rsa import generate_private_key

    key = generate_private_key(65537, _BITS)
    return key.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    ).decode()


@lru_cache(64)
def loaded(pem: str) -> RSAPrivateKey:
    """The private key of a PEM."""
    # Deferred, as above.
    from cryptography.hazmat.primitives.asymmetric.rsa import RSAPrivateKey
    from cryptography.hazmat.primitives.serialization import load_pem_private_key

    found = load_pem_private_key(pem.encode(), password=None)
    assert isinstance(found, RSAPrivateKey)
    return found


def jwks(pool_secrets: Secrets) -> dict[str, Any]:
    """The public halves, as they are served (RFC 7517)."""
    return {"keys": [_jwk(id, pem) for id, pem in pool_secrets.keys]}


@lru_cache(64)
def _jwk(id: str, pem: str) -> dict[str, str]:
    numbers = loaded(pem).public_key().public_numbers()
    return {"alg": "RS256", "e": _number(numbers.e), "kid": id, "kty": "RSA", "n": _number(numbers.n), "use": "sig"}


def _number(value: int) -> str:
    data = value.to_bytes((value.bit_length() + 7) // 8, "big")
    return base64.urlsafe_b64encode(data).decode().rstrip("=")
