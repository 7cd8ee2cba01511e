"""Many items at once, each for itself: BatchGetItem and BatchWriteItem. All of a batch is done, in one transaction."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

from lambent.contracts.caller import Principal
from lambent.contracts.ports import Reader, Transaction
from lambent.kit import Check, Context

from .. import actions, keychecks, keys, writes
from ..access import item_conditions
from ..capacity import Consumed, wanted
from ..errors import ValidationException, no_table
from ..expressions.placeholders import check_parameters
from ..expressions.projections import Projection
from ..keys import Stored
from ..model import TableRecord
from ..service import TABLE, access, checked_operation, locate
from ..sizes import read_units
from ..values import Item, canonical_item
from ..writes import collection_metrics
from .items import check_read, read_projection, view

_KEYS_MAX: Final = 100
_WRITES_MAX: Final = 25
_ANSWER_BYTES_MAX: Final = 16 << 20
_DUPLICATES: Final = "Provided list of item keys contains duplicates"
_EMPTY_REQUEST: Final = (
    "Supplied AttributeValue has more than one datatypes set, must contain exactly one of the supported datatypes"
)


def _checks(action: str) -> Any:
    def list_checks(ctx: Context, tx: Reader, req: dict[str, Any]) -> list[Check]:
        found: dict[str, TableRecord | None] = {}
        checks = []
        for name, wanted_items in req["RequestItems"].items():
            table, resource = locate(ctx, tx, name)
            found[name] = table
            plain = ctx.caller.kind is Principal.ROOT and not (table and table.policy)
            conditions = {} if plain else _conditions(ctx, table, wanted_items)
            checks.append(access(action, table, resource, conditions))
        req[TABLE] = found
        return checks

    return list_checks


def _conditions(ctx: Context, table: TableRecord | None, given: Any) -> dict[str, Any]:
    """IAM's condition keys of one table's part of a batch."""
    if isinstance(given, dict):
        parts = [{"Key": key, **{name: given[name] for name in given if name != "Keys"}} for key in given["Keys"]]
    else:
        parts = [next(iter(request.values())) for request in given if request]
    found: dict[str, Any] = {}
    for part in parts:
        for name, value in item_conditions(ctx, table, part).items():
            if isinstance(value, tuple):
                found[name] = tuple(dict.fromkeys((*found.get(name, ()), *value)))
            else:
                found[name] = value
    return found


def _table(req: Mapping[str, Any], name: str) -> TableRecord:
    table: TableRecord | None = req[TABLE][name]
    if table is None or table.status == "CREATING":
        raise no_table()
    return table


@checked_operation("read", _checks("dynamodb:BatchGetItem"))
def batch_get_item(ctx: Context, tx: Reader, req: dict[str, Any]) -> dict[str, Any]:
    prepared = {name: _prepare_get(given) for name, given in req["RequestItems"].items()}
    if sum(len(found) for found, _ in prepared.values()) > _KEYS_MAX:
        raise ValidationException("Too many items requested for the BatchGetItem call")
    for found, _ in prepared.values():
        if any(key in found[:place] for place, key in enumerate(found)):
            raise ValidationException(_DUPLICATES)
    responses: dict[str, list[Any]] = {}
    unprocessed: dict[str, Any] = {}
    capacity = []
    left = _ANSWER_BYTES_MAX
    for name in prepared:
        table = _table(req, name)
        for key in prepared[name][0]:
            keychecks.check_key(table, key)
    for name, (found, shown) in prepared.items():
        table, given = _table(req, name), req["RequestItems"][name]
        consumed = Consumed(table, "Read")
        answer = responses.setdefault(name, [])
        for place, key in enumerate(found):
            if left <= 0:
                unprocessed[name] = {**given, "Keys": given["Keys"][place:]}
                break
            stored = tx.get(keys.items_prefix(table) + keys.item_key(table, key))
            size = Stored.size(stored) if stored is not None else 0
            left -= size
            consumed.add(read_units(size, given.get("ConsistentRead", False)), {})
            if stored is not None:
                answer.append(view(ctx, Stored.json(stored), shown))
        consumed.charge(ctx, tx)
        capacity.append(consumed)
    result: dict[str, Any] = {"Responses": responses, "UnprocessedKeys": unprocessed}
    return _with_capacity(result, req, capacity)


def _prepare_get(given: dict[str, Any]) -> tuple[list[Item], Projection | None]:
    check_read(given)
    found = [canonical_item(key) for key in given["Keys"]]
    return found, read_projection(given)


def _with_capacity(result: dict[str, Any], req: Mapping[str, Any], capacity: list[Consumed]) -> dict[str, Any]:
    asked = wanted(req)
    if asked:
        result["ConsumedCapacity"] = [consumed.view(asked) for consumed in capacity]
    return result


@checked_operation("write", _checks("dynamodb:BatchWriteItem"))
def batch_write_item(ctx: Context, tx: Transaction, req: dict[str, Any]) -> dict[str, Any]:
    prepared = {name: [_prepare_write(given) for given in found] for name, found in req["RequestItems"].items()}
    if sum(map(len, prepared.values())) > _WRITES_MAX:
        raise ValidationException("Too many items requested for the BatchWriteItem call")
    placed: list[tuple[TableRecord, actions.Action, bytes]] = []
    for name, found in prepared.items():
        table = _table(req, name)
        seen: set[bytes] = set()
        for action in found:
            _fit(table, action)
            key = keys.item_key(table, action.item)
            if key in seen:
                raise ValidationException(_DUPLICATES)
            seen.add(key)
            placed.append((table, action, key))
    capacity: dict[bytes, Consumed] = {}
    metrics: dict[str, dict[bytes, Any]] = {}
    for table, action, key in placed:
        old = writes.find(tx, table, key)
        new = action.item if action.kind == "Put" else None
        written = writes.change(tx, table, old, new, action.size, ctx.now_ms)
        capacity.setdefault(table.prefix, Consumed(table, "Write")).add_write(written)
        if table.has_local and req.get("ReturnItemCollectionMetrics") == "SIZE":
            collection = keys.key_bytes(action.item[table.hash])
            metrics.setdefault(table.name, {})[collection] = collection_metrics(tx, table, action.item)
    for consumed in capacity.values():
        consumed.charge(ctx, tx)
    result: dict[str, Any] = {"UnprocessedItems": {}}
    if metrics:
        result["ItemCollectionMetrics"] = {name: list(found.values()) for name, found in metrics.items()}
    return _with_capacity(result, req, list(capacity.values()))


def _prepare_write(given: dict[str, Any]) -> actions.Action:
    put, delete = given.get("PutRequest"), given.get("DeleteRequest")
    if (put is None) == (delete is None):
        raise ValidationException(_EMPTY_REQUEST)
    check_parameters(given, (), (), ())
    return actions.prepare_put(put) if put is not None else actions.prepare_delete(delete or {})


def _fit(table: TableRecord, action: actions.Action) -> None:
    """As `actions.fit`, in the words of batches: a put item without its keys has no fitting key."""
    if action.kind == "Put":
        for name in table.key_names:
            if name not in action.item or table.types[name] not in action.item[name]:
                raise ValidationException(keychecks.NO_MATCH)
    actions.fit(table, action)
