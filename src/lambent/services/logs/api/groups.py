"""Log groups, their retention and their tags."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from msgspec.structs import replace

from lambent.contracts.errors import NotBuilt
from lambent.contracts.ports import Reader, Transaction
from lambent.kit import Context
from lambent.kit.paging import page

from .. import events, keys
from ..errors import (
    InvalidParameterException,
    ResourceAlreadyExistsException,
    TooManyTagsException,
    ValidationException,
    no_group,
)
from ..model import RETENTION_DAYS, TAGS_MAX, GroupRecord
from ..service import group_resource, logs, position

PAGE = 50
_CHUNK = 200


def _tagged_resource(ctx: Context, req: dict[str, Any]) -> str:
    return keys.group_arn(ctx, keys.name_in_arn(req["resourceArn"]))


def _any_group(ctx: Context, req: dict[str, Any]) -> str:
    return keys.stream_arn(ctx, req.get("logGroupNamePrefix", ""), "")


@logs.operation(tx="write", resource=group_resource, unbuilt=("kmsKeyId",))
def create_log_group(ctx: Context, tx: Transaction, req: dict[str, Any]) -> None:
    name = req["logGroupName"]
    if keys.groups.get(tx, ctx.account, ctx.region, name) is not None:
        raise ResourceAlreadyExistsException("The specified log group already exists")
    log_class = req.get("logGroupClass", "STANDARD")
    if log_class not in ("STANDARD", "INFREQUENT_ACCESS"):
        raise NotBuilt(f"Lambent has not built log groups of the class {log_class} yet.")
    record = GroupRecord(
        id=ctx.cloud.ids.hex(16),
        name=name,
        arn=keys.group_arn(ctx, name),
        created_ms=ctx.now_ms,
        log_class=log_class,
        tags=_checked_tags(req.get("tags", {})),
        protected=req.get("deletionProtectionEnabled", False),
    )
    keys.put_group(tx, record)


@logs.operation(tx="write", resource=group_resource)
def delete_log_group(ctx: Context, tx: Transaction, req: dict[str, Any]) -> None:
    group = keys.get_group(tx, ctx, req["logGroupName"])
    if group.protected:
        raise ValidationException(
            "The specified log group has deletion protection enabled. Disable it before deleting the log group."
        )
    keys.groups.delete(tx, ctx.account, ctx.region, group.name)
    events.emit_purge(tx, group)


@logs.operation(tx="write", resource=group_resource)
def put_log_group_deletion_protection(ctx: Context, tx: Transaction, req: dict[str, Any]) -> None:
    group = keys.get_group(tx, ctx, keys.group_name(req))
    keys.put_group(tx, replace(group, protected=req["deletionProtectionEnabled"]))


@logs.operation(tx="read", resource=_any_group)
def describe_log_groups(ctx: Context, tx: Reader, req: dict[str, Any]) -> dict[str, Any]:
    if req.get("includeLinkedAccounts") or req.get("accountIdentifiers"):
        raise NotBuilt("Lambent has not built the parameters includeLinkedAccounts and accountIdentifiers yet.")
    if "logGroupNamePattern" in req and "logGroupNamePrefix" in req:
        raise InvalidParameterException(
            "LogGroup name prefix and LogGroup name pattern are mutually exclusive parameters."
        )
    if "logGroupIdentifiers" in req:
        return {"logGroups": [_view(tx, group) for group in _identified(ctx, tx, req["logGroupIdentifiers"])]}
    limit = req.get("limit", PAGE)
    wanted = req.get("logGroupNamePattern", "")
    log_class = req.get("logGroupClass")
    found: list[tuple[bytes, GroupRecord]] = []
    after = position(req.get("nextToken"), keys.groups)
    for key, group in _by_prefix(ctx, tx, req.get("logGroupNamePrefix", ""), after):
        if wanted in group.name and log_class in (None, group.log_class):
            found.append((key, group))
            if len(found) > limit:
                break
    shown, token = page(found, limit, lambda entry: entry[0])
    view = _short_view if wanted else _view
    result: dict[str, Any] = {"logGroups": [view(tx, group) for _, group in shown]}
    return result | {"nextToken": token} if token else result


def _identified(ctx: Context, tx: Reader, identifiers: list[str]) -> Iterator[GroupRecord]:
    for identifier in identifiers:
        name = keys.name_in_arn(identifier) if identifier.startswith("arn:") else identifier
        group = keys.groups.get(tx, ctx.account, ctx.region, name)
        if group is not None:
            yield group


def _by_prefix(ctx: Context, tx: Reader, prefix: str, after: bytes | None) -> Iterator[tuple[bytes, GroupRecord]]:
    """The groups whose names begin with `prefix`, from `after` on."""
    start = keys.groups.key(ctx.account, ctx.region, prefix)
    if after is None or after < start:
        exact = keys.groups.get(tx, ctx.account, ctx.region, prefix) if prefix else None
        if exact is not None:
            yield start, exact
        after = start
    while True:
        chunk = keys.groups.scan(tx, ctx.account, ctx.region, after=after, limit=_CHUNK)
        for key, group in chunk:
            if not group.name.startswith(prefix):
                return
            yield key, group
        if len(chunk) < _CHUNK:
            return
        after = chunk[-1][0]


def _short_view(tx: Reader, group: GroupRecord) -> dict[str, Any]:
    """What a search by pattern shows."""
    return {
        "logGroupName": group.name,
        "creationTime": group.created_ms,
        "metricFilterCount": len(group.metric_filters),
        "arn": f"{group.arn}:*",
        "logGroupClass": group.log_class,
        "logGroupArn": group.arn,
    }


def _view(tx: Reader, group: GroupRecord) -> dict[str, Any]:
    shown = _short_view(tx, group)
    shown["storedBytes"] = keys.stored_bytes(tx, group.id)
    shown["deletionProtectionEnabled"] = group.protected
    if group.retention_days:
        shown["retentionInDays"] = group.retention_days
    return shown


@logs.operation(tx="write", resource=group_resource)
def put_retention_policy(ctx: Context, tx: Transaction, req: dict[str, Any]) -> None:
    days = req["retentionInDays"]
    if days not in RETENTION_DAYS:
        allowed = ", ".join(map(str, sorted(RETENTION_DAYS)))
        raise InvalidParameterException(
            f"1 validation error detected: Value '{days}' at 'retentionInDays' failed to satisfy constraint: "
            f"Member must satisfy enum value set: [{allowed}]"
        )
    group = keys.get_group(tx, ctx, req["logGroupName"])
    group = replace(group, retention_days=days, sweeper=group.sweeper + 1)
    keys.put_group(tx, group)
    events.emit_sweep(tx, group)


@logs.operation(tx="write", resource=group_resource)
def delete_retention_policy(ctx: Context, tx: Transaction, req: dict[str, Any]) -> None:
    group = keys.get_group(tx, ctx, req["logGroupName"])
    keys.put_group(tx, replace(group, retention_days=0, sweeper=group.sweeper + 1))


def _checked_tags(tags: dict[str, str]) -> dict[str, str]:
    if len(tags) > TAGS_MAX:
        raise TooManyTagsException(f"A log group can have {TAGS_MAX} tags at most.")
    return dict(tags)


def _tag(ctx: Context, tx: Transaction, name: str, tags: dict[str, str]) -> None:
    group = keys.get_group(tx, ctx, name)
    keys.put_group(tx, replace(group, tags=_checked_tags({**group.tags, **tags})))


def _untag(ctx: Context, tx: Transaction, name: str, names: list[str]) -> None:
    group = keys.get_group(tx, ctx, name)
    keys.put_group(tx, replace(group, tags={k: v for k, v in group.tags.items() if k not in names}))


def _tagged_name(ctx: Context, arn: str) -> str:
    name = keys.name_in_arn(arn)
    if arn.removesuffix(":*") != keys.group_arn(ctx, name):
        raise no_group()
    return name


@logs.operation(tx="write", resource=_tagged_resource)
def tag_resource(ctx: Context, tx: Transaction, req: dict[str, Any]) -> None:
    _tag(ctx, tx, _tagged_name(ctx, req["resourceArn"]), req["tags"])


@logs.operation(tx="write", resource=_tagged_resource)
def untag_resource(ctx: Context, tx: Transaction, req: dict[str, Any]) -> None:
    _untag(ctx, tx, _tagged_name(ctx, req["resourceArn"]), req["tagKeys"])


@logs.operation(tx="read", resource=_tagged_resource)
def list_tags_for_resource(ctx: Context, tx: Reader, req: dict[str, Any]) -> dict[str, Any]:
    return {"tags": keys.get_group(tx, ctx, _tagged_name(ctx, req["resourceArn"])).tags}


@logs.operation(tx="write", resource=group_resource)
def tag_log_group(ctx: Context, tx: Transaction, req: dict[str, Any]) -> None:
    _tag(ctx, tx, req["logGroupName"], req["tags"])


@logs.operation(tx="write", resource=group_resource)
def untag_log_group(ctx: Context, tx: Transaction, req: dict[str, Any]) -> None:
    _untag(ctx, tx, req["logGroupName"], req["tags"])


@logs.operation(tx="read", resource=group_resource)
def list_tags_log_group(ctx: Context, tx: Reader, req: dict[str, Any]) -> dict[str, Any]:
    return {"tags": keys.get_group(tx, ctx, req["logGroupName"]).tags}
