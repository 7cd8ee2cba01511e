"""The four things that can be done to one item: put, update, delete, check. Shared by the operations on single items,
batches and transactions.

`prepare` checks what a request says, before any table is looked at; `fit` holds it against the table; `run` does it.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, NamedTuple

from lambent.contracts.ports import Transaction

from . import keychecks, keys, writes
from .errors import ValidationException, condition_failed
from .expressions.conditions import Condition
from .expressions.legacy import attribute_updates, expected
from .expressions.placeholders import Placeholders, check_parameters
from .expressions.updates import Update
from .model import TableRecord
from .sizes import ITEM_MAX, item_size
from .values import Item, Value, canonical_item, check_depth

_EMPTY: Mapping[str, Value] = {}
_UPDATE_TOO_BIG = "Item size to update has exceeded the maximum allowed size"
_TOO_BIG = "Item size has exceeded the maximum allowed size"


class Action(NamedTuple):
    """One thing to be done. `kind` is Put, Update, Delete or ConditionCheck; `item` the item to put, else the key;
    `size` the put item's."""

    kind: str
    item: Item
    size: int
    condition: Condition | None
    update: Update | None
    values: Mapping[str, Value]


class Outcome(NamedTuple):
    """What was there before, what is there now (None: nothing), and what it cost."""

    old: writes.Found
    new: Item | None
    written: writes.Written


def prepare_put(req: Mapping[str, Any]) -> Action:
    """PutItem's parameters, or those of a Put in a transaction."""
    check_parameters(req, ("Expected", "ConditionalOperator"), ("ConditionExpression",), ("ConditionExpression",))
    item = canonical_item(req["Item"])
    size = item_size(item)
    if size > ITEM_MAX:
        raise ValidationException(_TOO_BIG)
    legacy = _legacy(req)
    _check_return_values(req)
    condition, values = _condition(req, legacy)
    return Action("Put", item, size, condition, None, values)


def prepare_delete(req: Mapping[str, Any], kind: str = "Delete") -> Action:
    """DeleteItem's parameters, or those of a Delete or a ConditionCheck in a transaction."""
    check_parameters(req, ("Expected", "ConditionalOperator"), ("ConditionExpression",), ("ConditionExpression",))
    key = canonical_item(req["Key"])
    legacy = _legacy(req)
    _check_return_values(req)
    condition, values = _condition(req, legacy)
    return Action(kind, key, 0, condition, None, values)


def prepare_update(req: Mapping[str, Any]) -> Action:
    """UpdateItem's parameters, or those of an Update in a transaction."""
    expressions = ("UpdateExpression", "ConditionExpression")
    check_parameters(req, ("AttributeUpdates", "Expected", "ConditionalOperator"), expressions, expressions)
    key = canonical_item(req["Key"])
    update = attribute_updates(req["AttributeUpdates"]) if "AttributeUpdates" in req else None
    legacy = _legacy(req)
    if not any(name in req for name in (*expressions, "ExpressionAttributeNames", "ExpressionAttributeValues")):
        return Action("Update", key, 0, legacy, update, _EMPTY)
    placeholders = _placeholders(req)
    if "UpdateExpression" in req:
        update = placeholders.update(req["UpdateExpression"])
    condition = legacy
    if "ConditionExpression" in req:
        condition = placeholders.condition(req["ConditionExpression"])
    placeholders.finish()
    return Action("Update", key, 0, condition, update, placeholders.values)


def _placeholders(req: Mapping[str, Any]) -> Placeholders:
    return Placeholders(req.get("ExpressionAttributeNames"), req.get("ExpressionAttributeValues"))


def _legacy(req: Mapping[str, Any]) -> Condition | None:
    given = req.get("Expected")
    if given is None and "ConditionalOperator" not in req:
        return None
    return expected(given or {}, req.get("ConditionalOperator")) if given or "ConditionalOperator" in req else None


def _check_return_values(req: Mapping[str, Any]) -> None:
    if req.get("ReturnValues", "NONE") not in ("NONE", "ALL_OLD"):
        raise ValidationException("ReturnValues can only be ALL_OLD or NONE")


def _condition(req: Mapping[str, Any], legacy: Condition | None) -> tuple[Condition | None, Mapping[str, Value]]:
    text = req.get("ConditionExpression")
    if text is None:
        return legacy, _EMPTY
    placeholders = _placeholders(req)
    condition = placeholders.condition(text)
    placeholders.finish()
    return condition, placeholders.values


PREPARE: Mapping[str, Callable[[Mapping[str, Any]], Action]] = {
    "Put": prepare_put,
    "Update": prepare_update,
    "Delete": prepare_delete,
    "ConditionCheck": lambda req: prepare_delete(req, "ConditionCheck"),
}
"""By the name of an action in a transaction."""


def fit(table: TableRecord, action: Action) -> None:
    """Hold an action against its table's schema."""
    if action.kind == "Put":
        keychecks.check_item(table, action.item)
    else:
        keychecks.check_key(table, action.item)
    if action.update is not None:
        update = action.update
        keychecks.check_update(table, update.top_level, update.assigned_types(action.values), update.paths)
    if action.condition is not None:
        keychecks.check_scalar_paths(table, action.condition.paths)


def run(tx: Transaction, table: TableRecord, action: Action, now_ms: int, *, show_old: bool = False) -> Outcome:
    """Do an action that fits. `condition_failed` when its condition does not hold; `show_old` puts the item into it."""
    old = writes.find(tx, table, keys.item_key(table, action.item))
    if action.condition is not None and not action.condition.evaluate(old.item or {}, action.values):
        raise condition_failed(old.item if show_old else None)
    if action.kind == "ConditionCheck":
        return Outcome(old, old.item, writes.Written(old.size, {}))
    new, size = _after(table, action, old)
    return Outcome(old, new, writes.change(tx, table, old, new, size, now_ms))


def _after(table: TableRecord, action: Action, old: writes.Found) -> tuple[Item | None, int]:
    """The item after an action, and its size."""
    if action.kind == "Put":
        return action.item, action.size
    if action.kind == "Delete":
        return None, 0
    if old.item is None and action.update is not None and not action.update.creates:
        return None, 0  # AWS makes no item only to take something from it
    before = old.item if old.item is not None else action.item
    if action.update is None:
        return before, old.size or item_size(before)
    new = action.update.apply(before, action.values, old.item is not None)
    size = item_size(new)
    if size > ITEM_MAX:
        raise ValidationException(_UPDATE_TOO_BIG)
    check_depth(new)
    for name in table.index_keys:
        if name in new and table.types[name] not in new[name]:
            raise ValidationException(
                "The update expression attempted to update the secondary index key to unsupported type"
            )
    keychecks.check_index_keys(table, new)
    return new, size
