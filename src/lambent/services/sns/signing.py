"""Signatures over messages, which receivers verify with a certificate that the cloud serves at a door.

The key is made at the first signature and kept in the store: all nodes have one, and what was signed stays verifiable.
"""

from __future__ import annotations

import base64
import datetime
from functools import lru_cache
from typing import TYPE_CHECKING, Any, Final

from lambent.contracts.ports import Cloud, Reader, Transaction

from . import keys
from .model import SigningKey

if TYPE_CHECKING:
    from cryptography.hazmat.primitives.asymmetric.rsa import RSAPrivateKey

_BITS: Final = 2048
_DAYS: Final = 3650
_COMMON_NAME: Final = "sns.amazonaws.com"
_NOTIFICATION: Final = ("Message", "MessageId", "Subject", "Timestamp", "TopicArn", "Type")
_CONFIRMATION: Final = ("Message", "MessageId", "SubscribeURL", "Timestamp", "Token", "TopicArn", "Type")


def canonical(envelope: dict[str, Any]) -> bytes:
    """What is signed of an envelope: names and values, a line each, those that are there."""
    names = _NOTIFICATION if envelope["Type"] == "Notification" else _CONFIRMATION
    return "".join(f"{name}\n{envelope[name]}\n" for name in names if envelope.get(name) is not None).encode()


def ensure_key(cloud: Cloud, tx: Transaction) -> SigningKey:
    """The cloud's key, made when there is none yet."""
    found = keys.signing.get(tx)
    if found is None:
        found = _make(cloud)
        keys.signing.put(tx, found)
    return found


def certificate(tx: Reader, name: str) -> str | None:
    """The certificate (PEM) that is served under `name`; None when there is none."""
    found = keys.signing.get(tx)
    return found.certificate if found is not None and found.name == name else None


def sign(key: SigningKey, data: bytes, version: str) -> str:
    """The signature in base64: of the SHA-1 digest for version 1, of the SHA-256 one for 2."""
    return _sign(key.key, data, version)


@lru_cache(32)
def _sign(pem: str, data: bytes, version: str) -> str:
    # Cached, because the tasks of one message to many endpoints follow one another, and a signature takes 250 us.
    # Deferred: a cloud without topics need not load cryptography.
    from cryptography.hazmat.primitives import hashes
    from cryptography.hazmat.primitives.asymmetric.padding import PKCS1v15

    digest = hashes.SHA256() if version == "2" else hashes.SHA1()  # AWS's version 1 is SHA-1
    return base64.b64encode(_loaded(pem).sign(data, PKCS1v15(), digest)).decode()


@lru_cache(4)
def _loaded(pem: str) -> RSAPrivateKey:
    # Deferred, as above.
    from cryptography.hazmat.primitives.asymmetric.rsa import RSAPrivateKey
    from cryptography.hazmat.primitives.serialization import load_pem_private_key

    found = load_pem_private_key(pem.encode(), password=None)
    assert isinstance(found, RSAPrivateKey)
    return found


def _make(cloud: Cloud) -> SigningKey:
    # Deferred, as above.
    from cryptography import x509
    from cryptography.hazmat.primitives import hashes, serialization
    from cryptography.hazmat.primitives.asymmetric.rsa import generate_private_key
    from cryptography.x509.oid import NameOID

    key = generate_private_key(65537, _BITS)
    now = datetime.datetime.fromtimestamp(cloud.clock.outside_ns() / 1e9, datetime.UTC)
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, _COMMON_NAME)])
    made = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(int.from_bytes(cloud.ids.bytes(16), "big") >> 1 | 1)
        .not_valid_before(now - datetime.timedelta(days=1))
        .not_valid_after(now + datetime.timedelta(days=_DAYS))
        .add_extension(x509.BasicConstraints(ca=False, path_length=None), critical=True)
        .add_extension(x509.SubjectAlternativeName([x509.DNSName(_COMMON_NAME)]), critical=False)
        .sign(key, hashes.SHA256())
    )
    pem = key.private_bytes(serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption())
    return SigningKey(
        key=pem.decode(),
        certificate=made.public_bytes(serialization.Encoding.PEM).decode(),
        name=f"SimpleNotificationService-{cloud.ids.hex(32)}.pem",
    )
