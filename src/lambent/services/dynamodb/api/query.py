"""Query: a partition of a table or an index, in the order of its range key."""

from __future__ import annotations

from typing import Any

from lambent.contracts.ports import Reader
from lambent.kit import Context

from .. import keychecks, keys, reading
from ..access import item_conditions
from ..errors import ValidationException
from ..expressions.conditions import Condition
from ..expressions.keyconditions import KeyCondition, KeyRange
from ..expressions.legacy import attributes_to_get, key_conditions, legacy_filter
from ..expressions.placeholders import Placeholders, check_parameters
from ..model import Index, TableRecord
from ..reading import Wanted
from ..service import found_table, table_operation
from ..values import Item, begins_with, canonical_start_key, compare

_LEGACY = ("AttributesToGet", "QueryFilter", "ConditionalOperator", "KeyConditions")
_EXPRESSIONS = ("ProjectionExpression", "FilterExpression", "KeyConditionExpression")
_VALUED = ("FilterExpression", "KeyConditionExpression")
_OUTSIDE = "The provided starting key is outside query boundaries based on provided conditions"
_NO_MATCH = "The provided starting key does not match the range key predicate"
_ONE_ROW = "The query can return at most one row and cannot be restarted"


@table_operation("read", describe=item_conditions)
def query(ctx: Context, tx: Reader, req: dict[str, Any]) -> dict[str, Any]:
    check_parameters(req, _LEGACY, _EXPRESSIONS, _VALUED)
    legacy = _legacy_filter(req)
    projection = attributes_to_get(req["AttributesToGet"]) if "AttributesToGet" in req else None
    start = canonical_start_key(req["ExclusiveStartKey"]) if "ExclusiveStartKey" in req else None
    placeholders = None
    if any(name in req for name in _EXPRESSIONS) or "ExpressionAttributeNames" in req:
        placeholders = Placeholders(req.get("ExpressionAttributeNames"), req.get("ExpressionAttributeValues"))
    key = _key_condition(req, placeholders)
    condition = legacy
    if placeholders is not None:
        if "FilterExpression" in req:
            condition = placeholders.condition(req["FilterExpression"], "FilterExpression")
        if "ProjectionExpression" in req:
            projection = placeholders.projection(req["ProjectionExpression"])
        placeholders.finish()
    reading.check_selected(req)
    key.conditions()
    values = placeholders.values if placeholders is not None else {}
    table = found_table(req)
    index = reading.find_index(table, req)
    wanted = _fit(table, index, req, start, key, values)
    asked = Wanted(condition, projection, values)
    _check_filter(table, index, req, asked)
    pager = reading.Pager(ctx, tx, table, index, req, asked)
    prefix = keys.items_prefix(table) if index is None else keys.entries_prefix(table, index)
    begin, end = keys.key_range(prefix, wanted.hash, wanted)
    reverse = not req.get("ScanIndexForward", True)
    if start is not None:
        at = reading.position(table, index, start)
        begin, end = (begin, min(end, at)) if reverse else (max(begin, at + b"\x00"), end)
    return pager.answer(req, pager.read(begin, end, reverse=reverse))


def _legacy_filter(req: dict[str, Any]) -> Condition | None:
    given = req.get("QueryFilter")
    if not given and "ConditionalOperator" not in req:
        return None
    return legacy_filter(given or {}, req.get("ConditionalOperator"))


def _key_condition(req: dict[str, Any], placeholders: Placeholders | None) -> KeyCondition:
    if "KeyConditionExpression" in req:
        assert placeholders is not None
        return placeholders.key_condition(req["KeyConditionExpression"])
    if "KeyConditions" not in req:
        raise ValidationException(
            "Either the KeyConditions or KeyConditionExpression parameter must be specified in the request."
        )
    return key_conditions(req["KeyConditions"])


def _fit(
    table: TableRecord, index: Index | None, req: dict[str, Any], start: Item | None, key: KeyCondition, values: Any
) -> KeyRange:
    """Hold the key condition and the start key against the schema, in AWS's order."""
    if start is not None:
        reading.check_start_names(table, index, start)
    hash_name, range_name = (index.hash, index.range) if index is not None else (table.hash, table.range)
    found = key.resolve(hash_name, range_name or None, table.types, values)
    if start is not None:
        reading.check_start_range(table, index, start)
        if index is not None:
            reading.check_start_item(table, start)
        _check_start_fits(found, start, hash_name, range_name)
    return found


def _check_start_fits(found: KeyRange, start: Item, hash_name: str, range_name: str) -> None:
    other_hash = start[hash_name] != found.hash
    if found.operator is None:
        if other_hash:
            raise ValidationException(_OUTSIDE)
        return
    if found.operator == "=":
        raise ValidationException(_ONE_ROW)
    if not _matches(found, start[range_name]):
        raise ValidationException(_NO_MATCH)
    if other_hash:
        raise ValidationException(_ONE_ROW)


def _matches(found: KeyRange, value: Any) -> bool:
    """Whether a range key meets the condition on it."""
    assert found.low is not None
    if found.operator == "begins_with":
        return begins_with(value, found.low)
    against_low = compare(value, found.low)
    assert against_low is not None
    if found.operator == "BETWEEN":
        assert found.high is not None
        return against_low >= 0 and (compare(value, found.high) or 0) <= 0
    return {
        "<": against_low < 0,
        "<=": against_low <= 0,
        ">": against_low > 0,
        ">=": against_low >= 0,
    }[str(found.operator)]


def _check_filter(table: TableRecord, index: Index | None, req: dict[str, Any], asked: Wanted) -> None:
    names = (index.hash, index.range) if index is not None else table.key_names
    condition = asked.filter
    for path in condition.paths if condition is not None else ():
        if path[0] in names:
            kind = "QueryFilter" if "QueryFilter" in req else "Filter Expression"
            raise ValidationException(
                f"{kind} can only contain non-primary key attributes: Primary key attribute: {path[0]}"
            )
    reading.check_select(req, index)
    if condition is not None:
        keychecks.check_scalar_paths(table, condition.paths)
    if asked.projection is not None:
        keychecks.check_scalar_paths(table, asked.projection.paths)
