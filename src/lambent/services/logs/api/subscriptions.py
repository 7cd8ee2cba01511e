"""Subscription filters. Their destinations are functions; the other kinds are not built yet."""

from __future__ import annotations

from typing import Any

from msgspec.structs import replace

from lambent.contracts import arn
from lambent.contracts.errors import NotBuilt
from lambent.contracts.events import Undeliverable
from lambent.contracts.ports import Reader, Transaction
from lambent.kit import Context
from lambent.kit.paging import page, unseal

from .. import keys
from ..errors import InvalidParameterException, LimitExceededException, ResourceNotFoundException
from ..model import SUBSCRIPTIONS_MAX, GroupRecord, Subscription
from ..patterns import compile_pattern
from ..service import bad_token, group_resource, logs
from ..subscriptions import PRINCIPAL

PAGE = 50


@logs.operation(
    tx="none",
    resource=group_resource,
    unbuilt=("roleArn", "fieldSelectionCriteria", "emitSystemFields"),
)
async def put_subscription_filter(ctx: Context, req: dict[str, Any]) -> None:
    compile_pattern(req["filterPattern"])
    if req.get("applyOnTransformedLogs"):
        raise NotBuilt("Lambent has not built log transformers yet (applyOnTransformedLogs).")
    destination = req["destinationArn"]
    name = req["logGroupName"]
    group = await ctx.cloud.store.read(lambda tx: keys.get_group(tx, ctx, name))
    await _check_destination(ctx, group, destination)
    subscription = Subscription(
        name=req["filterName"],
        pattern=req["filterPattern"],
        destination=destination,
        distribution=req.get("distribution", "ByLogStream"),
        created_ms=ctx.now_ms,
    )

    def put(tx: Transaction) -> None:
        group = keys.get_group(tx, ctx, name)
        others = [s for s in group.subscriptions if s.name != subscription.name]
        if len(others) >= SUBSCRIPTIONS_MAX:
            raise LimitExceededException("Resource limit exceeded.")
        old = next((s for s in group.subscriptions if s.name == subscription.name), None)
        new = replace(subscription, created_ms=old.created_ms) if old else subscription
        keys.put_group(tx, replace(group, subscriptions=tuple(sorted([*others, new], key=lambda s: s.name))))

    await ctx.cloud.store.write(put)


async def _check_destination(ctx: Context, group: GroupRecord, destination: str) -> None:
    try:
        place = arn.parse(destination)
    except ValueError:
        raise InvalidParameterException("destinationArn is not a valid ARN.") from None
    if place.service != "lambda":
        raise NotBuilt(f"Lambent has not built subscription filters to {place.service} yet.")
    # A function that is started by its own log would never rest again.
    if group.name == f"/aws/lambda/{place.resource.removeprefix('function:').partition(':')[0]}":
        raise InvalidParameterException(
            "The log group provided is reserved for the function log output of the destination function."
        )
    try:
        await ctx.cloud.targets["lambda"].check(destination, PRINCIPAL, f"{group.arn}:*", ctx.account)
    except Undeliverable:
        raise InvalidParameterException(
            "Could not execute the lambda function. Make sure you have given CloudWatch Logs permission to execute "
            "your function."
        ) from None


@logs.operation(tx="read", resource=group_resource)
def describe_subscription_filters(ctx: Context, tx: Reader, req: dict[str, Any]) -> dict[str, Any]:
    group = keys.get_group(tx, ctx, req["logGroupName"])
    prefix = req.get("filterNamePrefix", "")
    after = unseal(req["nextToken"], bad_token).decode(errors="replace") if "nextToken" in req else ""
    found = [s for s in group.subscriptions if s.name.startswith(prefix) and s.name > after]
    limit = req.get("limit", PAGE)
    shown, token = page(found[: limit + 1], limit, lambda s: s.name.encode())
    result: dict[str, Any] = {"subscriptionFilters": [_view(group, s) for s in shown]}
    return result | {"nextToken": token} if token else result


def _view(group: GroupRecord, subscription: Subscription) -> dict[str, Any]:
    return {
        "filterName": subscription.name,
        "logGroupName": group.name,
        "filterPattern": subscription.pattern,
        "destinationArn": subscription.destination,
        "distribution": subscription.distribution,
        "applyOnTransformedLogs": False,
        "creationTime": subscription.created_ms,
    }


@logs.operation(tx="write", resource=group_resource)
def delete_subscription_filter(ctx: Context, tx: Transaction, req: dict[str, Any]) -> None:
    group = keys.get_group(tx, ctx, req["logGroupName"])
    left = tuple(s for s in group.subscriptions if s.name != req["filterName"])
    if len(left) == len(group.subscriptions):
        raise ResourceNotFoundException("The specified subscription filter does not exist.")
    keys.put_group(tx, replace(group, subscriptions=left))
