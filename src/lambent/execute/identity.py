"""The certificate by which a stage shows backends that a request is API Gateway's."""

from __future__ import annotations

from lambent.contracts.ports import Cloud
from lambent.kit.calling import Identity
from lambent.services.apigateway import keys


async def shown(cloud: Cloud, account: str, region: str, certificate: str | None) -> Identity | None:
    """The client certificate with the id that a stage has, and its key; None when it has none."""
    if not certificate:
        return None
    found = await cloud.store.read(lambda tx: keys.certificates.get(tx, account, region, certificate))
    return Identity(found.pem, found.private_key) if found is not None else None
