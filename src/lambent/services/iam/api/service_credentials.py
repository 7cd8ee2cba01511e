"""User names and passwords for one service (CodeCommit, Keyspaces)."""

from __future__ import annotations

from typing import Any

from lambent.contracts.ports import Reader, Transaction
from lambent.kit import Context
from lambent.services.iam import keys, model
from lambent.services.iam.base import about, iam, replace, user_of
from lambent.services.iam.errors import LimitExceeded, NoSuchEntity

Req = dict[str, Any]
SERVICES = ("codecommit.amazonaws.com", "cassandra.amazonaws.com")
PER_SERVICE_MAX = 2


def _shape(credential: model.ServiceCredential, *, password: bool = False) -> Req:
    found: Req = {
        "UserName": credential.user,
        "Status": "Active" if credential.active else "Inactive",
        "ServiceUserName": credential.service_user,
        "CreateDate": model.when(credential.created_ms),
        "ServiceSpecificCredentialId": credential.id,
        "ServiceName": credential.service,
    }
    return found | {"ServicePassword": credential.password} if password else found


def _supported(service: str) -> str:
    if service not in SERVICES:
        raise NoSuchEntity(f"No such service {service} is supported for Service Specific Credentials")
    return service


def _of_user(ctx: Context, tx: Reader, user: model.User, service: str) -> list[model.ServiceCredential]:
    rows = keys.SERVICE_CREDENTIALS.scan(tx, ctx.account, user.name.lower())
    return [credential for _, credential in rows if service in ("", credential.service)]


def _find(ctx: Context, tx: Reader, req: Req) -> model.ServiceCredential:
    user = user_of(ctx, tx, req)
    name = req["ServiceSpecificCredentialId"]
    credential = keys.SERVICE_CREDENTIALS.get(tx, ctx.account, user.name.lower(), name)
    if credential is None:
        raise NoSuchEntity(f"No such credential {name} exists")
    return credential


def _save(ctx: Context, tx: Transaction, credential: model.ServiceCredential) -> model.ServiceCredential:
    keys.SERVICE_CREDENTIALS.put(tx, credential, ctx.account, credential.user.lower(), credential.id)
    return credential


@iam.operation(tx="write", authorize=about("user", "CreateServiceSpecificCredential"), unbuilt=("CredentialAgeDays",))
def create_service_specific_credential(ctx: Context, tx: Transaction, req: Req) -> Req:
    user = user_of(ctx, tx, req)
    service = _supported(req["ServiceName"])
    held = _of_user(ctx, tx, user, service)
    if len(held) >= PER_SERVICE_MAX:
        raise LimitExceeded(f"Cannot exceed quota for ServiceSpecificCredentialsPerUser: {PER_SERVICE_MAX}")
    number = f"+{len(held)}" if held else ""
    credential = model.ServiceCredential(
        id=ctx.cloud.ids.unique("ACCA"),
        user=user.name,
        service=service,
        service_user=f"{user.name}{number}-at-{ctx.account}",
        password=ctx.cloud.ids.alphanumeric(43) + "=",
        created_ms=ctx.now_ms,
    )
    return {"ServiceSpecificCredential": _shape(_save(ctx, tx, credential), password=True)}


@iam.operation(
    tx="read",
    authorize=about("user", "ListServiceSpecificCredentials"),
    unbuilt=("AllUsers", "Marker", "MaxItems"),
)
def list_service_specific_credentials(ctx: Context, tx: Reader, req: Req) -> Req:
    user = user_of(ctx, tx, req)
    service = _supported(req["ServiceName"]) if "ServiceName" in req else ""
    return {"ServiceSpecificCredentials": [_shape(one) for one in _of_user(ctx, tx, user, service)]}


@iam.operation(tx="write", authorize=about("user", "UpdateServiceSpecificCredential"))
def update_service_specific_credential(ctx: Context, tx: Transaction, req: Req) -> None:
    _save(ctx, tx, replace(_find(ctx, tx, req), active=req["Status"] == "Active"))


@iam.operation(tx="write", authorize=about("user", "ResetServiceSpecificCredential"))
def reset_service_specific_credential(ctx: Context, tx: Transaction, req: Req) -> Req:
    credential = replace(_find(ctx, tx, req), password=ctx.cloud.ids.alphanumeric(43) + "=")
    return {"ServiceSpecificCredential": _shape(_save(ctx, tx, credential), password=True)}


@iam.operation(tx="write", authorize=about("user", "DeleteServiceSpecificCredential"))
def delete_service_specific_credential(ctx: Context, tx: Transaction, req: Req) -> None:
    credential = _find(ctx, tx, req)
    keys.SERVICE_CREDENTIALS.delete(tx, ctx.account, credential.user.lower(), credential.id)
