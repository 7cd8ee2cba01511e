"""Scan: a whole table or index, or a segment of it, in the order of slots."""

from __future__ import annotations

from typing import Any

from lambent.contracts.ports import Reader
from lambent.kit import Context

from .. import keychecks, keys, reading
from ..access import item_conditions
from ..errors import ValidationException
from ..expressions.legacy import attributes_to_get, legacy_filter
from ..expressions.placeholders import Placeholders, check_parameters
from ..reading import Wanted
from ..service import found_table, table_operation
from ..values import canonical_start_key

_LEGACY = ("AttributesToGet", "ScanFilter", "ConditionalOperator")
_EXPRESSIONS = ("ProjectionExpression", "FilterExpression")


@table_operation("read", describe=item_conditions)
def scan(ctx: Context, tx: Reader, req: dict[str, Any]) -> dict[str, Any]:
    check_parameters(req, _LEGACY, _EXPRESSIONS, ("FilterExpression",))
    projection = attributes_to_get(req["AttributesToGet"]) if "AttributesToGet" in req else None
    condition = None
    if req.get("ScanFilter") or "ConditionalOperator" in req:
        condition = legacy_filter(req.get("ScanFilter") or {}, req.get("ConditionalOperator"))
    start = canonical_start_key(req["ExclusiveStartKey"]) if "ExclusiveStartKey" in req else None
    segment, total = _segment(req)
    values: Any = {}
    if any(name in req for name in _EXPRESSIONS):
        placeholders = Placeholders(req.get("ExpressionAttributeNames"), req.get("ExpressionAttributeValues"))
        if "FilterExpression" in req:
            condition = placeholders.condition(req["FilterExpression"], "FilterExpression")
        if "ProjectionExpression" in req:
            projection = placeholders.projection(req["ProjectionExpression"])
        placeholders.finish()
        values = placeholders.values
    reading.check_selected(req)
    table = found_table(req)
    index = reading.find_index(table, req)
    if start is not None and index is not None:
        reading.check_start_names(table, index, start)
        reading.check_start_range(table, index, start)
    reading.check_select(req, index)
    prefix = keys.items_prefix(table) if index is None else keys.entries_prefix(table, index)
    begin, end = keys.slot_range(prefix, segment, total)
    if start is not None:
        if index is None and len(start) != len(table.key_names):
            raise ValidationException(f"The provided starting key is invalid: {keychecks.NO_MATCH}")
        reading.check_start_item(table, start)
        at = reading.position(table, index, start)
        if not begin <= at < end:
            raise ValidationException(
                "The provided starting key is invalid: Invalid ExclusiveStartKey. Please use ExclusiveStartKey with "
                f"correct Segment. TotalSegments: {total} Segment: {segment}"
            )
        begin = at + b"\x00"
    for program in (condition, projection):
        if program is not None:
            keychecks.check_scalar_paths(table, program.paths)
    pager = reading.Pager(ctx, tx, table, index, req, Wanted(condition, projection, values))
    return pager.answer(req, pager.read(begin, end))


def _segment(req: dict[str, Any]) -> tuple[int, int]:
    """The segment that a request reads, and how many there are."""
    segment, total = req.get("Segment"), req.get("TotalSegments")
    if segment is not None and total is None:
        raise ValidationException(
            "The TotalSegments parameter is required but was not present in the request when Segment parameter is "
            "present"
        )
    if segment is None and total is not None:
        raise ValidationException(
            "The Segment parameter is required but was not present in the request when parameter TotalSegments is "
            "present"
        )
    if segment is None or total is None:
        return 0, 1
    if segment >= total:
        raise ValidationException(
            "The Segment parameter is zero-based and must be less than parameter TotalSegments: "
            f"Segment: {segment} is not less than TotalSegments: {total}"
        )
    return segment, total
