"""Certificates that API Gateway shows to backends."""

from __future__ import annotations

import asyncio
from datetime import UTC, datetime, timedelta
from typing import Any, Final

from lambent.contracts.ports import Reader, Transaction
from lambent.kit import Context

from .. import keys
from ..common.ids import new_id
from ..errors import BadRequestException, not_found
from ..limits import CERTIFICATES_MAX, refuse_more
from ..model import ClientCertificate
from ..patching import ALL, Patcher, Rule, text
from ..service import operation, page_of, read_tags
from ..views import shown, when

_LIFETIME: Final = timedelta(days=365)
_KEY_BITS: Final = 2048
_PATCHES: Final = Patcher(Rule("/description", text("description"), ALL), listed=True)


def _show(certificate: ClientCertificate, *, tags: bool = False) -> dict[str, Any]:
    return shown(
        {
            "clientCertificateId": certificate.id,
            "description": certificate.description,
            "pemEncodedCertificate": certificate.pem,
            "createdDate": when(certificate.created_ms),
            "expirationDate": when(certificate.expires_ms),
            "tags": dict(certificate.tags) if certificate.tags or tags else None,
        }
    )


def _find(ctx: Context, tx: Reader, id: str) -> ClientCertificate:
    found = keys.certificates.get(tx, ctx.account, ctx.region, id)
    if found is None:
        raise not_found("Client certificate")
    return found


def _generated(serial: int, begins: datetime) -> tuple[str, str]:
    """A self-signed certificate and its private key, both in PEM."""
    # The library takes some 20 ms to load, and few ever make a certificate.
    from cryptography import x509
    from cryptography.hazmat.primitives import hashes, serialization
    from cryptography.hazmat.primitives.asymmetric import rsa
    from cryptography.x509.oid import NameOID

    key = rsa.generate_private_key(public_exponent=65537, key_size=_KEY_BITS)
    names = ((NameOID.COUNTRY_NAME, "US"), (NameOID.COMMON_NAME, "ApiGateway"))
    subject = x509.Name([x509.NameAttribute(oid, value) for oid, value in names])
    builder = x509.CertificateBuilder().subject_name(subject).issuer_name(subject).public_key(key.public_key())
    builder = builder.serial_number(serial).not_valid_before(begins).not_valid_after(begins + _LIFETIME)
    certificate = builder.sign(key, hashes.SHA256())
    plain = serialization.NoEncryption()
    private = key.private_bytes(serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, plain)
    return certificate.public_bytes(serialization.Encoding.PEM).decode(), private.decode()


@operation(tx="none")
async def generate_client_certificate(ctx: Context, req: dict[str, Any]) -> dict[str, Any]:
    tags = read_tags(req.get("tags"))
    serial = int.from_bytes(ctx.cloud.ids.bytes(8), "big") >> 1 | 1
    begins = datetime.fromtimestamp(ctx.cloud.clock.outside_ns() // 1_000_000_000, UTC)  # backends judge it
    # Finding the primes takes up to a second: not on the loop.
    pem, private = await asyncio.to_thread(_generated, serial, begins)
    made = ClientCertificate(
        id=new_id(ctx.cloud.ids, 6),
        pem=pem,
        private_key=private,
        created_ms=ctx.now_ms,
        expires_ms=int((begins + _LIFETIME).timestamp()) * 1000,
        description=req.get("description"),
        tags=tags,
    )

    def write(tx: Transaction) -> None:
        place, what = (ctx.account, ctx.region), "client certificates"
        refuse_more(tx, keys.certificates, place, CERTIFICATES_MAX, f"{what} for this account", what)
        keys.certificates.put(tx, made, *place, made.id)

    await ctx.cloud.store.write(write)
    return _show(made)


@operation(tx="read")
def get_client_certificate(ctx: Context, tx: Reader, req: dict[str, Any]) -> dict[str, Any]:
    return _show(_find(ctx, tx, req["clientCertificateId"]), tags=True)


@operation(tx="read")
def get_client_certificates(ctx: Context, tx: Reader, req: dict[str, Any]) -> dict[str, Any]:
    found = [certificate for _, certificate in keys.certificates.scan(tx, ctx.account, ctx.region)]
    answer: dict[str, Any] = page_of(found, req, lambda certificate: certificate.id, _show)
    return answer


@operation(tx="write")
def update_client_certificate(ctx: Context, tx: Transaction, req: dict[str, Any]) -> dict[str, Any]:
    certificate = _find(ctx, tx, req["clientCertificateId"])
    changed = _PATCHES.apply(certificate, req.get("patchOperations") or ())
    keys.certificates.put(tx, changed, ctx.account, ctx.region, certificate.id)
    return _show(changed, tags=True)


@operation(tx="write")
def delete_client_certificate(ctx: Context, tx: Transaction, req: dict[str, Any]) -> None:
    certificate = _find(ctx, tx, req["clientCertificateId"])
    for _, api in keys.apis.scan(tx, ctx.account, ctx.region):
        for _, stage in keys.stages.scan(tx, api.id):
            if stage.client_certificate == certificate.id:
                raise BadRequestException(
                    f"Client certificate {certificate.id} is in use by stage {stage.name} of API {api.id}"
                )
    keys.certificates.delete(tx, ctx.account, ctx.region, certificate.id)
