"""Service-linked roles. Which service has which role, policy and description is data: service_linked.json."""

from __future__ import annotations

import json
from functools import lru_cache
from pathlib import Path
from typing import Any

from lambent.contracts.errors import NotBuilt
from lambent.contracts.ports import Reader, Transaction
from lambent.kit import Check, Context
from lambent.services.iam import keys, model
from lambent.services.iam.base import about, get, iam
from lambent.services.iam.errors import InvalidInput, NoSuchEntity, no_such

from .roles import SERVICE_PATH, role_shape

Req = dict[str, Any]


@lru_cache(maxsize=1)
def _known() -> dict[str, Any]:
    known: dict[str, Any] = json.loads((Path(__file__).parents[1] / "service_linked.json").read_text())
    return known


def _about_service(ctx: Context, tx: Reader, req: Req) -> list[Check]:
    service = req["AWSServiceName"]
    resource = f"arn:aws:iam::{ctx.account}:role{SERVICE_PATH}{service}/*"
    return [Check("iam:CreateServiceLinkedRole", resource, {"iam:awsservicename": service})]


@iam.operation(tx="write", authorize=_about_service)
def create_service_linked_role(ctx: Context, tx: Transaction, req: Req) -> Req:
    service, suffix = req["AWSServiceName"], req.get("CustomSuffix", "")
    known = _known()["roles"].get(service)
    if suffix and (service in _known()["no_suffix"] or (known is not None and not known["suffix"])):
        raise InvalidInput(f"Custom suffix is not allowed for {service}")
    if known is None:
        raise NotBuilt(f"Lambent does not know the service-linked role of {service} yet.")
    name = f"{known['role']}_{suffix}" if suffix else known["role"]
    if keys.find(tx, "role", ctx.account, name) is not None:
        raise InvalidInput(f"Service role name {name} has been taken in this account, please try a different suffix.")
    trust = {
        "Version": "2012-10-17",
        "Statement": [{"Effect": "Allow", "Principal": {"Service": service}, "Action": "sts:AssumeRole"}],
    }
    role = model.RoleRecord(
        account=ctx.account,
        name=name,
        path=f"{SERVICE_PATH}{service}/",
        id=ctx.cloud.ids.unique("AROA"),
        created_ms=ctx.now_ms,
        trust=json.dumps(trust),
        description=req.get("Description", known["description"]),
        attached=tuple(f"arn:aws:iam::aws:policy{SERVICE_PATH}{policy}" for policy in known["policies"]),
    )
    return {"Role": role_shape(keys.save(tx, role), session=False)}


@iam.operation(tx="write", authorize=about("role", "DeleteServiceLinkedRole"))
def delete_service_linked_role(ctx: Context, tx: Transaction, req: Req) -> Req:
    role: model.RoleRecord = get(tx, "role", ctx, req["RoleName"])
    if not role.path.startswith(SERVICE_PATH):
        raise no_such("service linked role", role.name)
    keys.remove(tx, role)
    service = role.path.removeprefix(SERVICE_PATH).rstrip("/")
    task = f"task{SERVICE_PATH}{service}/{role.name}/{ctx.cloud.ids.uuid()}"
    # No service here holds on to its role, so the deletion has succeeded when it commits.
    keys.DELETIONS.put(tx, model.Text("SUCCEEDED"), ctx.account, task)
    return {"DeletionTaskId": task}


@iam.operation(tx="read")
def get_service_linked_role_deletion_status(ctx: Context, tx: Reader, req: Req) -> Req:
    status = keys.DELETIONS.get(tx, ctx.account, req["DeletionTaskId"])
    if status is None:
        raise NoSuchEntity(f"Deletion task {req['DeletionTaskId']} cannot be found.")
    return {"Status": status.text}
