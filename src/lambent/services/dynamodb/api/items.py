"""One item: put, get, update, delete."""

from __future__ import annotations

from typing import Any

import orjson

from lambent.contracts.ports import Reader, Transaction
from lambent.kit import Context

from .. import actions, keychecks, keys, measuring
from ..access import item_conditions
from ..capacity import Consumed, wanted
from ..expressions.legacy import attributes_to_get
from ..expressions.placeholders import Placeholders, check_parameters
from ..expressions.projections import Projection
from ..keys import Stored
from ..service import found_table, table_operation
from ..sizes import read_units, write_units
from ..values import Item, canonical_item
from ..writes import collection_metrics


def stored_answer(ctx: Context, json: bytes) -> Any:
    """Stored JSON as a part of an answer: spliced in on its way to the wire, decoded for a caller inside the cloud."""
    return orjson.Fragment(json) if ctx.request is not None else orjson.loads(json)


def read_projection(req: dict[str, Any]) -> Projection | None:
    """The projection of a request to read items by their keys; None for all."""
    if "AttributesToGet" in req:
        return attributes_to_get(req["AttributesToGet"])
    names = req.get("ExpressionAttributeNames")
    if "ProjectionExpression" not in req:
        return None
    placeholders = Placeholders(names, None)
    found = placeholders.projection(req["ProjectionExpression"])
    placeholders.finish()
    return found


def check_read(req: dict[str, Any]) -> None:
    """Refuse a mixture of projections."""
    if "AttributesToGet" in req or "ProjectionExpression" in req or "ExpressionAttributeNames" in req:
        check_parameters(req, ("AttributesToGet",), ("ProjectionExpression",), ("ProjectionExpression",))


@table_operation("read", describe=item_conditions)
def get_item(ctx: Context, tx: Reader, req: dict[str, Any]) -> dict[str, Any]:
    check_read(req)
    key = canonical_item(req["Key"])
    shown = read_projection(req)
    table = found_table(req)
    keychecks.check_key(table, key)
    if shown is not None:
        keychecks.check_scalar_paths(table, shown.paths)
    result: dict[str, Any] = {}
    stored = tx.get(keys.items_prefix(table) + keys.item_key(table, key))
    if stored is not None:
        result["Item"] = view(ctx, Stored.json(stored), shown)
    asked = wanted(req)
    units = read_units(Stored.size(stored) if stored is not None else 0, req.get("ConsistentRead", False))
    if not asked and table.on_demand:
        measuring.read(ctx.cloud.metrics, table, units)
    else:
        consumed = Consumed(table, "Read")
        consumed.add(units, {})
        consumed.charge(ctx, tx)
        if asked:
            result["ConsumedCapacity"] = consumed.view(asked)
    return result


def view(ctx: Context, json: bytes, shown: Projection | None) -> Any:
    """An item's JSON as a projection shows it."""
    return stored_answer(ctx, json) if shown is None else shown.apply(orjson.loads(json))


@table_operation("write", describe=item_conditions)
def put_item(ctx: Context, tx: Transaction, req: dict[str, Any]) -> dict[str, Any]:
    return _run(ctx, tx, req, actions.prepare_put(req))


@table_operation("write", describe=item_conditions)
def delete_item(ctx: Context, tx: Transaction, req: dict[str, Any]) -> dict[str, Any]:
    return _run(ctx, tx, req, actions.prepare_delete(req))


@table_operation("write", describe=item_conditions)
def update_item(ctx: Context, tx: Transaction, req: dict[str, Any]) -> dict[str, Any]:
    return _run(ctx, tx, req, actions.prepare_update(req))


def _run(ctx: Context, tx: Transaction, req: dict[str, Any], action: actions.Action) -> dict[str, Any]:
    table = found_table(req)
    actions.fit(table, action)
    show_old = req.get("ReturnValuesOnConditionCheckFailure") == "ALL_OLD"
    outcome = actions.run(tx, table, action, ctx.now_ms, show_old=show_old)
    result: dict[str, Any] = {}
    returned = _returned(req.get("ReturnValues", "NONE"), ctx, action, outcome)
    if returned is not None:
        result["Attributes"] = returned
    asked = wanted(req)
    if not asked and table.on_demand and not outcome.written.indexes:
        measuring.write(tx, ctx.cloud.metrics, table, write_units(outcome.written.size))
    else:
        consumed = Consumed(table, "Write")
        consumed.add_write(outcome.written)
        consumed.charge(ctx, tx)
        if asked:
            result["ConsumedCapacity"] = consumed.view(asked)
    if table.has_local and req.get("ReturnItemCollectionMetrics") == "SIZE":
        result["ItemCollectionMetrics"] = collection_metrics(tx, table, action.item)
    return result


def _returned(asked: str, ctx: Context, action: actions.Action, outcome: actions.Outcome) -> Any:
    """Attributes as ReturnValues asks for them; None for none."""
    if asked == "NONE":
        return None
    if asked == "ALL_OLD":
        return stored_answer(ctx, outcome.old.json) if outcome.old.item is not None else None
    if asked == "ALL_NEW":
        return outcome.new
    source: Item | None = outcome.old.item if asked == "UPDATED_OLD" else outcome.new
    if source is None or action.update is None:
        return None
    return action.update.pick(source) or None
