"""IAM's condition keys of DynamoDB: what a request touches, in a policy's terms. Asked only where there is a policy."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from lambent.kit import Context

from .expressions.placeholders import Placeholders
from .expressions.updates import compile_update
from .model import TableRecord
from .numbers import Invalid
from .service import Conditions

_LEGACY = ("Expected", "AttributeUpdates", "QueryFilter", "ScanFilter", "KeyConditions")


def item_conditions(ctx: Context, table: TableRecord | None, req: dict[str, Any]) -> Conditions:
    """The keys of a request about single items by their keys, or of a Query or Scan."""
    found: dict[str, str | tuple[str, ...]] = {}
    if table is not None:
        leading = tuple(leading_keys(table, req))
        if leading:
            found["dynamodb:leadingkeys"] = leading
    names = tuple(dict.fromkeys(attribute_names(req)))
    if names:
        found["dynamodb:attributes"] = names
    for parameter, default in (("ReturnValues", "NONE"), ("ReturnConsumedCapacity", "NONE")):
        found[f"dynamodb:{parameter.lower()}"] = req.get(parameter, default)
    if "Select" in req:
        found["dynamodb:select"] = req["Select"]
    elif names and ("ProjectionExpression" in req or "AttributesToGet" in req):
        found["dynamodb:select"] = "SPECIFIC_ATTRIBUTES"
    return found


def leading_keys(table: TableRecord, req: dict[str, Any]) -> Iterable[str]:
    """The hash keys that a request names, as text."""
    for part in ("Key", "Item"):
        value = req.get(part, {}).get(table.hash)
        if value:
            yield str(next(iter(value.values())))
    index = table.by_name.get(req.get("IndexName", ""))
    hash_name = index.hash if index is not None else table.hash
    legacy = req.get("KeyConditions", {}).get(hash_name)
    if legacy and legacy.get("AttributeValueList"):
        yield str(next(iter(legacy["AttributeValueList"][0].values())))
    if "KeyConditionExpression" in req:
        try:
            placeholders = Placeholders(req.get("ExpressionAttributeNames"), req.get("ExpressionAttributeValues"))
            tests = placeholders.key_condition(req["KeyConditionExpression"]).conditions()
            if hash_name in tests:
                yield str(next(iter(placeholders.values[tests[hash_name].values[0]].values())))
        except Invalid:
            return  # the handler words what is wrong


def attribute_names(req: dict[str, Any]) -> Iterable[str]:
    """The names of the top-level attributes that a request names anywhere."""
    for part in ("Key", "Item", *_LEGACY):
        yield from req.get(part) or ()
    if "AttributesToGet" in req:
        yield from req["AttributesToGet"]
    names = req.get("ExpressionAttributeNames")
    try:
        placeholders = Placeholders(names, req.get("ExpressionAttributeValues"))
        if "ProjectionExpression" in req:
            yield from placeholders.projection(req["ProjectionExpression"]).top_level
        if "UpdateExpression" in req:
            yield from (str(path[0]) for path in compile_update(req["UpdateExpression"], names).paths)
        for kind in ("ConditionExpression", "FilterExpression"):
            if kind in req:
                yield from (str(path[0]) for path in placeholders.condition(req[kind], kind).paths)
        if "KeyConditionExpression" in req:
            yield from placeholders.key_condition(req["KeyConditionExpression"]).conditions()
    except Invalid:
        return  # the handler words what is wrong
