"""Event source mappings: create, get, list, update, delete. The bus does the polling (`lambent.bus.pollers`)."""

from __future__ import annotations

from typing import Any

from msgspec.structs import replace

from lambent.contracts import arn
from lambent.contracts.errors import ServiceError
from lambent.contracts.ports import Reader, Transaction
from lambent.kit import Check, Context
from lambent.kit.paging import page

from .. import keys
from ..errors import (
    InvalidParameterValueException,
    ResourceConflictException,
    ResourceInUseException,
)
from ..mappings import checks
from ..mappings.keys import get_mapping, mappings, put_mapping, result
from ..mappings.model import (
    CREATING,
    DELETING,
    DISABLED,
    DISABLING,
    ENABLING,
    UPDATING,
    Mapping,
    mapping_arn,
    user_reason,
)
from ..mappings.roles import check_access
from ..mappings.views import mapping_view
from ..model import TAGS_MAX, Config
from ..names import Ref, ref
from ..service import lambda_, position, target_of

PAGE = 100


def _create_checks(ctx: Context, tx: Reader, req: dict[str, Any]) -> list[Check]:
    return [Check("lambda:CreateEventSourceMapping", "*", {"lambda:functionarn": ref(ctx, req).qualified})]


def _on_mapping(action: str) -> Any:
    def authorize(ctx: Context, tx: Reader, req: dict[str, Any]) -> list[Check]:
        found = mappings.get(tx, ctx.account, ctx.region, req["UUID"])
        conditions = {"lambda:functionarn": found.target.qualified} if found is not None else {}
        return [Check(f"lambda:{action}", mapping_arn(ctx.account, ctx.region, req["UUID"]), conditions)]

    return authorize


@lambda_.operation(tx="none", authorize=_create_checks, unbuilt=checks.UNBUILT)
async def create_event_source_mapping(ctx: Context, req: dict[str, Any]) -> dict[str, Any]:
    source: str = req.get("EventSourceArn", "")
    kind = checks.source_kind(source)
    target = ref(ctx, req)
    if len(req.get("Tags", {})) > TAGS_MAX:
        raise InvalidParameterValueException(f"Number of tags exceeds resource tag limit. Maximum is {TAGS_MAX}.")
    blank = Mapping(
        id=ctx.cloud.ids.uuid(),
        account=ctx.account,
        region=ctx.region,
        function=target.name,
        qualifier=target.qualifier,
        source=source,
        reason=user_reason(kind),
        modified_ms=ctx.now_ms,
        batch=0,
        tags=dict(req.get("Tags", {})),
    )
    mapping = checks.first_mapping(blank, req)
    _offered(ctx, mapping)
    config = await ctx.cloud.store.read(lambda tx: _config(tx, target))
    await check_access(ctx.cloud, mapping, config)

    def create(tx: Transaction) -> dict[str, Any]:
        _config(tx, target)
        _check_new(tx, mapping)
        put_mapping(tx, mapping)
        return mapping_view(mapping, result(tx, mapping))

    return await ctx.cloud.store.write(create)


def _offered(ctx: Context, mapping: Mapping) -> None:
    """Refuse a destination whose service Lambent has not built."""
    if mapping.on_failure:
        service = arn.parse(mapping.on_failure).service
        if service != "s3":
            target_of(ctx.cloud, service, "a destination of event source mappings")


def _config(tx: Reader, target: Ref) -> Config:
    """The configuration of the function that a mapping is for."""
    try:
        return keys.resolve(tx, target).config
    except ServiceError:
        raise InvalidParameterValueException("Function does not exist") from None


def _check_new(tx: Reader, mapping: Mapping) -> None:
    """A source is mapped to a function once."""
    for _, other in mappings.scan(tx, mapping.account, mapping.region):
        same = other.source == mapping.source and other.target == mapping.target
        if not same or other.id == mapping.id or other.state == DELETING:
            continue
        named = f'(" {mapping.source} ") and function (" {mapping.function} ")'
        start = "An event source mapping with SQS arn" if mapping.kind == "sqs" else "The event source arn"
        exists = "already exists" if mapping.kind == "sqs" else "provided mapping already exists"
        raise ResourceConflictException(
            f"{start} {named} {exists}. Please update or delete the existing mapping with UUID {other.id}"
        )


@lambda_.operation(tx="read", authorize=_on_mapping("GetEventSourceMapping"))
def get_event_source_mapping(ctx: Context, tx: Reader, req: dict[str, Any]) -> dict[str, Any]:
    mapping = get_mapping(tx, ctx.account, ctx.region, req["UUID"])
    return mapping_view(mapping, result(tx, mapping))


@lambda_.operation(tx="read")
def list_event_source_mappings(ctx: Context, tx: Reader, req: dict[str, Any]) -> dict[str, Any]:
    limit = min(int(req.get("MaxItems", PAGE)), PAGE)
    after = position(req, mappings)
    target = ref(ctx, req) if req.get("FunctionName") else None
    found = [
        (key, mapping)
        for key, mapping in mappings.scan(tx, ctx.account, ctx.region, after=after)
        if req.get("EventSourceArn") in (None, "", mapping.source) and (target is None or mapping.target == target)
    ]
    listed, marker = page(found[: limit + 1], limit, lambda entry: entry[0])
    shown: dict[str, Any] = {
        "EventSourceMappings": [mapping_view(mapping, result(tx, mapping)) for _, mapping in listed]
    }
    return shown | {"NextMarker": marker} if marker else shown


@lambda_.operation(tx="none", authorize=_on_mapping("UpdateEventSourceMapping"), unbuilt=checks.UNBUILT)
async def update_event_source_mapping(ctx: Context, req: dict[str, Any]) -> dict[str, Any]:
    old = await ctx.cloud.store.read(lambda tx: _usable(ctx, tx, req["UUID"], "update"))
    new = _updated(ctx, old, req)
    _offered(ctx, new)
    config = await ctx.cloud.store.read(lambda tx: _config(tx, new.target))
    await check_access(ctx.cloud, new, config)

    def update(tx: Transaction) -> dict[str, Any]:
        # Again, for it may have been changed or deleted meanwhile.
        mapping = _updated(ctx, _usable(ctx, tx, req["UUID"], "update"), req)
        _config(tx, mapping.target)
        _check_new(tx, mapping)
        put_mapping(tx, mapping)
        return mapping_view(mapping, result(tx, mapping))

    return await ctx.cloud.store.write(update)


def _updated(ctx: Context, old: Mapping, req: dict[str, Any]) -> Mapping:
    target = ref(ctx, req) if req.get("FunctionName") else old.target
    mapping = checks.changed_mapping(replace(old, function=target.name, qualifier=target.qualifier), req)
    state = UPDATING
    if old.enabled != mapping.enabled:
        state = ENABLING if mapping.enabled else DISABLING
    elif old.state in (CREATING, ENABLING, DISABLING):
        state = old.state
    elif old.state == DISABLED:
        state = DISABLED  # nothing polls that would have to be told
    return replace(
        mapping, state=state, reason=user_reason(old.kind), modified_ms=ctx.now_ms, revision=old.revision + 1
    )


def _usable(ctx: Context, tx: Reader, id: str, purpose: str) -> Mapping:
    mapping = get_mapping(tx, ctx.account, ctx.region, id)
    if mapping.state == DELETING:
        raise ResourceInUseException(f"Cannot {purpose} the event source mapping because it is in use.")
    return mapping


@lambda_.operation(tx="write", authorize=_on_mapping("DeleteEventSourceMapping"))
def delete_event_source_mapping(ctx: Context, tx: Transaction, req: dict[str, Any]) -> dict[str, Any]:
    old = _usable(ctx, tx, req["UUID"], "delete")
    mapping = replace(
        old,
        state=DELETING,
        enabled=False,
        reason=user_reason(old.kind),
        modified_ms=ctx.now_ms,
        revision=old.revision + 1,
    )
    shown = mapping_view(mapping, result(tx, mapping))
    put_mapping(tx, mapping)
    return shown
