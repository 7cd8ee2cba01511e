"""Domains: the names under which pools' pages are served."""

from __future__ import annotations

from typing import Any

from msgspec.structs import replace

from lambent.contracts.ports import Reader, Transaction
from lambent.kit import Context

from .. import keys
from ..errors import InvalidParameterException, ResourceNotFoundException
from ..model import Domain, Pool
from ..service import cognito_idp, get_pool, on_pool

_RESERVED = ("aws", "amazon", "cognito")


def _of(ctx: Context, tx: Reader, req: dict[str, Any]) -> tuple[Pool, Domain]:
    pool = get_pool(ctx, tx, req["UserPoolId"])
    found = keys.domains.get(tx, req["Domain"].lower())
    if found is None or found.pool != pool.id:
        raise ResourceNotFoundException("Domain does not exist.")
    return pool, found


@cognito_idp.operation(tx="write", resource=on_pool, unbuilt=("Routing",))
def create_user_pool_domain(ctx: Context, tx: Transaction, req: dict[str, Any]) -> dict[str, Any]:
    pool, name = get_pool(ctx, tx, req["UserPoolId"]), req["Domain"].lower()
    custom = req.get("CustomDomainConfig")
    if not custom and ("." in name or any(word in name for word in _RESERVED)):
        raise InvalidParameterException(f"Domain cannot contain reserved word or dot: {name}")
    if custom and name.count(".") < 1:
        raise InvalidParameterException("Custom domain is not a valid subdomain.")
    if keys.domains.get(tx, name) is not None:
        raise InvalidParameterException("Domain already associated with another user pool.")
    if (pool.custom_domain if custom else pool.domain) != "":
        raise InvalidParameterException("User pool already has a domain configured.")
    made = Domain(
        name=name,
        pool=pool.id,
        region=pool.region,
        created_ms=ctx.now_ms,
        custom=bool(custom),
        certificate=custom["CertificateArn"] if custom else "",
        version=req.get("ManagedLoginVersion", 1),
    )
    keys.domains.put(tx, made, name)
    changed = replace(pool, custom_domain=name) if custom else replace(pool, domain=name)
    keys.pools.put(tx, changed, pool.id)
    return {"ManagedLoginVersion": made.version, **({"CloudFrontDomain": name} if custom else {})}


@cognito_idp.operation(tx="write", resource=on_pool, unbuilt=("Routing",))
def update_user_pool_domain(ctx: Context, tx: Transaction, req: dict[str, Any]) -> dict[str, Any]:
    _, domain = _of(ctx, tx, req)
    custom = req.get("CustomDomainConfig")
    changed = replace(
        domain,
        certificate=custom["CertificateArn"] if custom else domain.certificate,
        version=req.get("ManagedLoginVersion", domain.version),
    )
    keys.domains.put(tx, changed, domain.name)
    return {"ManagedLoginVersion": changed.version, **({"CloudFrontDomain": domain.name} if domain.custom else {})}


@cognito_idp.operation(tx="write", resource=on_pool)
def delete_user_pool_domain(ctx: Context, tx: Transaction, req: dict[str, Any]) -> dict[str, Any]:
    pool, domain = _of(ctx, tx, req)
    keys.domains.delete(tx, domain.name)
    keys.pools.put(tx, replace(pool, custom_domain="") if domain.custom else replace(pool, domain=""), pool.id)
    return {}


@cognito_idp.operation(tx="read")
def describe_user_pool_domain(ctx: Context, tx: Reader, req: dict[str, Any]) -> dict[str, Any]:
    found = keys.domains.get(tx, req["Domain"].lower())
    pool = keys.pools.get(tx, found.pool) if found is not None else None
    if found is None or pool is None or pool.account != ctx.account:
        return {"DomainDescription": {}}
    shown: dict[str, Any] = {
        "UserPoolId": pool.id,
        "AWSAccountId": pool.account,
        "Domain": found.name,
        "Version": str(found.created_ms),
        "Status": "ACTIVE",
        "CustomDomainConfig": {"CertificateArn": found.certificate} if found.custom else {},
        "ManagedLoginVersion": found.version,
    }
    if found.custom:
        shown["CloudFrontDistribution"] = found.name
    return {"DomainDescription": shown}
