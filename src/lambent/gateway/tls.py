"""TLS: a context for a given certificate, or for one of our own making, kept in the data folder.

Names that the leaf lacks (those of APIs, custom domain names) get a certificate of the same authority as clients ask
for them.
The generated authority is made once, so that a client told to trust `tls/authority.pem` (AWS_CA_BUNDLE) keeps
trusting it; the leaf is renewed when it nears its end or lacks a name. Keys are readable by their owner only.
"""

from __future__ import annotations

import datetime
import ipaddress
import os
import re
import socket
import ssl
import tempfile
from pathlib import Path
from typing import Any

from lambent.contracts.clock import Clock

AUTHORITY = "authority.pem"
LEAF = "server.pem"
NAMES = (
    "localhost",
    "*.localhost",
    "*.s3.localhost",
    "localhost.localdomain",
    "lambent.localhost",
    "*.lambent.localhost",
)
"""What the generated certificate is always good for, beside 127.0.0.1 and ::1."""
_AUTHORITY_DAYS = 3650
_LEAF_DAYS = 397
_RENEW_DAYS = 30
_KEPT_MAX = 256
_NAME_MAX = 253
_HOST = re.compile(r"(?!-)[a-z0-9-]{1,63}(\.(?!-)[a-z0-9-]{1,63})+").fullmatch


def context(certificate: str, key: str) -> ssl.SSLContext:
    """A server context for the PEM files of a certificate (chain) and its key; `OSError` or `ssl.SSLError` when they
    cannot be read or do not fit."""
    made = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    made.minimum_version = ssl.TLSVersion.TLSv1_2
    made.set_alpn_protocols(["http/1.1"])
    made.load_cert_chain(certificate, key or None)
    return made


def server_context(
    folder: Path, certificate: Path | None, key: Path | None, clock: Clock, address: str = ""
) -> ssl.SSLContext:
    """The context of a node: for the certificate given, else for one of its own, kept in `folder`, which is good for
    the machine's name and for the `address` that is served. Raises as `context` does."""
    if certificate is not None:
        return context(str(certificate), str(key or ""))
    names = (socket.gethostname(), "" if address in ("0.0.0.0", "::") else address)
    return generated(folder, clock, tuple(name for name in names if name.isascii()))


def generated(folder: Path, clock: Clock, names: tuple[str, ...] = ()) -> ssl.SSLContext:
    """A server context with a certificate of our own authority, made in `folder` at first use. `names` are further
    host names or addresses that it must be good for."""
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    now = datetime.datetime.fromtimestamp(clock.outside_ns() / 1e9, datetime.UTC)
    wanted = (*NAMES, "127.0.0.1", "::1", *(name for name in names if name))
    maker = _Maker(folder, now)
    maker.ensure(tuple(dict.fromkeys(wanted)))
    made = context(str(folder / LEAF), "")
    made.sni_callback = _Named(maker, folder, frozenset(wanted)).choose
    return made


class _Named:
    """Certificates for the names that clients ask for and the leaf lacks: an API's (`abc.execute-api.localhost`, which
    no wildcard of the leaf covers) and custom domain names. Each is made when it is first asked for, in about a
    millisecond, and kept in memory."""

    def __init__(self, maker: _Maker, folder: Path, known: frozenset[str]) -> None:
        self._maker = maker
        self._folder = folder
        self._known = known
        self._made: dict[str, ssl.SSLContext] = {}

    def choose(self, connection: ssl.SSLObject, name: str | None, first: ssl.SSLContext) -> None:
        """Called in the handshake with the name that the client sent: None of it leaves the leaf in place."""
        name = (name or "").lower().rstrip(".")
        if not _HOST(name) or len(name) > _NAME_MAX or name in self._known:
            return
        found = self._made.pop(name, None)
        if found is None:
            with tempfile.NamedTemporaryFile(dir=self._folder, suffix=".pem") as file:
                file.write(self._maker.leaf((name,)))
                file.flush()
                found = context(file.name, "")
            if len(self._made) >= _KEPT_MAX:
                self._made.pop(next(iter(self._made)))
        self._made[name] = found  # at the end again: the one that was asked for longest ago goes first
        connection.context = found


def authority(folder: Path) -> Path:
    """Where the generated authority's certificate is, for clients to trust."""
    return folder / AUTHORITY


class _Maker:
    """Makes certificates. `cryptography` is loaded here only: a node without TLS need not wait for it."""

    def __init__(self, folder: Path, now: datetime.datetime) -> None:
        from cryptography import x509
        from cryptography.hazmat.primitives import hashes, serialization
        from cryptography.hazmat.primitives.asymmetric import ec

        self._x509, self._hashes, self._serialization, self._ec = x509, hashes, serialization, ec
        self._folder = folder
        self._now = now

    def ensure(self, names: tuple[str, ...]) -> None:
        """Make what is missing, has nearly ended, or lacks one of `names`."""
        if self._good(self._folder / LEAF, names) and self._good(self._folder / AUTHORITY, ()):
            return
        x509 = self._x509
        if not self._good(self._folder / AUTHORITY, ()):
            key = self._ec.generate_private_key(self._ec.SECP256R1())
            title = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, "Lambent local authority")])
            builder = self._builder(title, title, key.public_key(), _AUTHORITY_DAYS)
            builder = builder.add_extension(x509.BasicConstraints(ca=True, path_length=0), critical=True)
            usage = x509.KeyUsage(True, False, False, False, False, True, True, False, False)
            builder = builder.add_extension(usage, critical=True)
            signed = builder.sign(key, self._hashes.SHA256())
            _write(self._folder / "authority.key", self._private(key))
            _write(self._folder / AUTHORITY, signed.public_bytes(self._serialization.Encoding.PEM), mode=0o644)
        _write(self._folder / LEAF, self.leaf(names))

    def leaf(self, names: tuple[str, ...]) -> bytes:
        """A certificate for `names` by our authority, as PEM: its key, itself, the authority's certificate."""
        x509 = self._x509
        issuer = x509.load_pem_x509_certificate((self._folder / AUTHORITY).read_bytes())
        signer = self._serialization.load_pem_private_key((self._folder / "authority.key").read_bytes(), None)
        assert isinstance(signer, self._ec.EllipticCurvePrivateKey)
        key = self._ec.generate_private_key(self._ec.SECP256R1())
        title = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, "Lambent")])
        builder = self._builder(title, issuer.subject, key.public_key(), _LEAF_DAYS)
        builder = builder.add_extension(x509.SubjectAlternativeName([self._name(name) for name in names]), False)
        builder = builder.add_extension(x509.BasicConstraints(ca=False, path_length=None), critical=True)
        builder = builder.add_extension(x509.ExtendedKeyUsage([x509.ExtendedKeyUsageOID.SERVER_AUTH]), False)
        identifier = x509.AuthorityKeyIdentifier.from_issuer_public_key(signer.public_key())
        builder = builder.add_extension(identifier, critical=False)
        signed = builder.sign(signer, self._hashes.SHA256())
        pem = self._serialization.Encoding.PEM
        return self._private(key) + bytes(signed.public_bytes(pem)) + bytes(issuer.public_bytes(pem))

    def _builder(self, subject: Any, issuer: Any, public: Any, days: int) -> Any:
        x509 = self._x509
        return (
            x509.CertificateBuilder()
            .subject_name(subject)
            .issuer_name(issuer)
            .public_key(public)
            .serial_number(x509.random_serial_number())
            .not_valid_before(self._now - datetime.timedelta(days=1))
            .not_valid_after(self._now + datetime.timedelta(days=days))
            .add_extension(x509.SubjectKeyIdentifier.from_public_key(public), critical=False)
        )

    def _good(self, path: Path, names: tuple[str, ...]) -> bool:
        """Whether the certificate in `path` can be read, lasts a while, and names all of `names`."""
        x509 = self._x509
        try:
            found = x509.load_pem_x509_certificate(path.read_bytes())
            if names:
                extension = found.extensions.get_extension_for_class(x509.SubjectAlternativeName)
                if not {self._name(name) for name in names} <= set(extension.value):
                    return False
        except (OSError, ValueError, x509.ExtensionNotFound):
            return False
        return bool(found.not_valid_after_utc - self._now > datetime.timedelta(days=_RENEW_DAYS))

    def _name(self, name: str) -> Any:
        try:
            return self._x509.IPAddress(ipaddress.ip_address(name))
        except ValueError:
            return self._x509.DNSName(name)

    def _private(self, key: Any) -> bytes:
        form = self._serialization
        return bytes(key.private_bytes(form.Encoding.PEM, form.PrivateFormat.PKCS8, form.NoEncryption()))


def _write(path: Path, data: bytes, mode: int = 0o600) -> None:
    """Write whole or not at all; the mode holds from the first byte."""
    temporary = path.with_suffix(".new")
    temporary.unlink(missing_ok=True)
    file = os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, mode)
    with os.fdopen(file, "wb") as out:
        out.write(data)
        out.flush()
        os.fsync(out.fileno())
    temporary.replace(path)
