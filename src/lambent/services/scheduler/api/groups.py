"""Schedule groups."""

from __future__ import annotations

from typing import Any

import orjson
from msgspec.structs import replace

from lambent.contracts.events import Event
from lambent.contracts.ports import Reader, Transaction
from lambent.kit import Context

from ..errors import ConflictException, ValidationException
from ..keys import find_group, groups
from ..model import ACTIVE, DEFAULT_GROUP, DELETING, PRINCIPAL, Group
from ..service import after, moment, on_group, paged, scheduler


@scheduler.operation(tx="write", resource=on_group)
def create_schedule_group(ctx: Context, tx: Transaction, req: dict[str, Any]) -> dict[str, Any]:
    name, token = req["Name"], req.get("ClientToken", "")
    tags = {tag["Key"]: tag["Value"] for tag in req.get("Tags", ())}
    known = groups.get(tx, ctx.account, ctx.region, name)
    if known is not None and known.state == ACTIVE and token and (known.token, known.tags) == (token, tags):
        return {"ScheduleGroupArn": known.arn}
    if known is not None or name == DEFAULT_GROUP:
        raise ConflictException(f"Schedule group {name} already exists.")
    group = Group(
        account=ctx.account,
        region=ctx.region,
        name=name,
        created_ms=ctx.now_ms,
        modified_ms=ctx.now_ms,
        tags=tags,
        token=token,
    )
    groups.put(tx, group, ctx.account, ctx.region, name)
    return {"ScheduleGroupArn": group.arn}


@scheduler.operation(tx="read", resource=on_group)
def get_schedule_group(ctx: Context, tx: Reader, req: dict[str, Any]) -> dict[str, Any]:
    return _view(find_group(tx, ctx.account, ctx.region, req["Name"]))


@scheduler.operation(tx="write", resource=on_group)
def delete_schedule_group(ctx: Context, tx: Transaction, req: dict[str, Any]) -> dict[str, Any]:
    if req["Name"] == DEFAULT_GROUP:
        raise ValidationException("The default schedule group cannot be deleted.")
    group = find_group(tx, ctx.account, ctx.region, req["Name"])
    if group.state == DELETING:
        return {}
    groups.put(tx, replace(group, state=DELETING, modified_ms=ctx.now_ms), group.account, group.region, group.name)
    emptying = Event(
        target=group.arn,
        payload=orjson.dumps({"task": "empty"}),
        source=group.arn,
        principal=PRINCIPAL,
        account=group.account,
        region=group.region,
    )
    tx.emit(emptying)
    return {}


@scheduler.operation(tx="read")
def list_schedule_groups(ctx: Context, tx: Reader, req: dict[str, Any]) -> dict[str, Any]:
    found = dict(groups.scan(tx, ctx.account, ctx.region))
    standard = find_group(tx, ctx.account, ctx.region, DEFAULT_GROUP)
    found[groups.key(ctx.account, ctx.region, DEFAULT_GROUP)] = standard
    prefix, begin = req.get("NamePrefix", ""), after(req) or b""
    rows = [(key, _view(found[key])) for key in sorted(found) if key > begin and found[key].name.startswith(prefix)]
    shown, more = paged(req, rows)
    return {"ScheduleGroups": shown, **more}


def _view(group: Group) -> dict[str, Any]:
    shown: dict[str, Any] = {"Arn": group.arn, "Name": group.name, "State": group.state}
    if group.created_ms:  # the default group was always there
        shown["CreationDate"] = moment(group.created_ms)
        shown["LastModificationDate"] = moment(group.modified_ms)
    return shown
