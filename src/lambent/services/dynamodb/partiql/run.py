"""Statements carried out: on the same items, by the same actions, pages and figures as the classic operations."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence
from typing import Any, Final, NamedTuple

import orjson

from lambent.contracts.ports import Reader, Transaction
from lambent.kit import Context
from lambent.kit.paging import seal, unseal

from .. import actions, keychecks, keys, reading, writes
from ..capacity import Consumed, wanted
from ..errors import DuplicateItemException, ValidationException
from ..expressions.paths import picker
from ..expressions.projections import Projection
from ..keys import Stored
from ..model import Index, TableRecord
from ..sizes import ITEM_MAX, item_size, read_units
from ..values import Item, Value, canonical
from .plan import Plan, item_key, plan
from .statements import Delete, Exists, Insert, Select, Statement, Update

_DUPLICATE: Final = "Duplicate primary key exists in table"
_BAD_TOKEN: Final = "Given NextToken is invalid"
_OTHER_TOKEN: Final = "NextToken does not match request"

_SCAN_BYTES: Final = reading.PAGE_BYTES_MAX


class Bound(NamedTuple):
    """A statement with its values (by placeholder) and its table."""

    statement: Statement
    values: Mapping[str, Value]
    table: TableRecord


def parameters_of(given: Mapping[str, Any]) -> list[Value]:
    """The canonical parameters of a request that has a Statement."""
    return [canonical(value) for value in given.get("Parameters", ())]


def select(ctx: Context, tx: Reader, bound: Bound, req: Mapping[str, Any]) -> dict[str, Any]:
    """A page of a SELECT: ExecuteStatement's answer."""
    statement, values, table = bound
    assert isinstance(statement, Select)
    index = reading.find_index(table, _named(statement, req))
    steps = plan(table, index, statement, values)
    asked = reading.Wanted(statement.where, columns(statement), values)
    _check_paths(table, asked)
    at, start = _start(req, len(steps.ranges))
    consumed = Consumed(table, "Read")
    items: list[Any] = []
    left: int | None = req.get("Limit")
    last: Item | None = None
    while at < len(steps.ranges):
        options = _named(statement, req) | ({} if left is None else {"Limit": left})
        pager = reading.Pager(ctx, tx, table, index, options, asked)
        begin, end = _resumed(table, index, steps, at, start)
        page = pager.read(begin, end, reverse=steps.reverse)
        start = None
        items += page.items
        consumed.add(page.consumed.own, page.consumed.indexes)
        left = left - page.scanned if left is not None else None
        last = page.last
        done = last is None or steps.single
        at += done
        if not done or (left is not None and left <= 0) or _is_full(consumed, req):
            break
    result: dict[str, Any] = {"Items": items}
    if at < len(steps.ranges):
        position = None if steps.single else last
        result["NextToken"] = _token(req, at, position)
        if last is not None:
            result["LastEvaluatedKey"] = last
    return _with_capacity(result, req, consumed)


def _named(statement: Select, req: Mapping[str, Any]) -> dict[str, Any]:
    """The options of a SELECT as a Query has them."""
    options: dict[str, Any] = {"ConsistentRead": req.get("ConsistentRead", False)}
    return options | {"IndexName": statement.index} if statement.index is not None else options


def columns(statement: Select) -> Projection | None:
    """The columns of a SELECT as a projection; None for all."""
    if not statement.columns:
        return None
    paths = tuple(column.path for column in statement.columns)
    return Projection(statement.select, lambda values: None, paths, frozenset())


def _check_paths(table: TableRecord, asked: reading.Wanted) -> None:
    for program in (asked.filter, asked.projection):
        if program is not None:
            keychecks.check_scalar_paths(table, program.paths)


def _is_full(consumed: Consumed, req: Mapping[str, Any]) -> bool:
    """Whether the ranges read so far fill a page."""
    units = consumed.own + sum(consumed.indexes.values())
    return units >= read_units(_SCAN_BYTES, req.get("ConsistentRead", False))


def _resumed(table: TableRecord, index: Index | None, steps: Plan, at: int, start: Item | None) -> tuple[bytes, bytes]:
    begin, end = steps.ranges[at]
    if start is None:
        return begin, end
    position = reading.position(table, index, start)
    return (begin, min(end, position)) if steps.reverse else (max(begin, position + b"\x00"), end)


def _digest(req: Mapping[str, Any]) -> str:
    asked = orjson.dumps([req["Statement"], req.get("Parameters", [])], option=orjson.OPT_SORT_KEYS)
    return hashlib.sha256(asked).hexdigest()[:16]


def _token(req: Mapping[str, Any], at: int, last: Item | None) -> str:
    return seal(orjson.dumps([_digest(req), at, last]))


def _start(req: Mapping[str, Any], ranges: int) -> tuple[int, Item | None]:
    """Where a NextToken goes on: in which range, and behind which key."""
    token = req.get("NextToken")
    if token is None:
        return 0, None
    try:
        digest, at, last = orjson.loads(unseal(token, ValidationException))
    except (ValidationException, orjson.JSONDecodeError, ValueError, TypeError):
        raise ValidationException(_BAD_TOKEN) from None
    if digest != _digest(req) or not isinstance(at, int) or not 0 <= at < ranges:
        raise ValidationException(_OTHER_TOKEN)
    return at, last


def _with_capacity(result: dict[str, Any], req: Mapping[str, Any], consumed: Consumed) -> dict[str, Any]:
    asked = wanted(req)
    return result | {"ConsumedCapacity": consumed.view(asked)} if asked else result


def get_one(tx: Reader, bound: Bound) -> tuple[Item | None, int]:
    """The item that a SELECT by a full key gives, with its stored size: in batches and transactions."""
    statement, values, table = bound
    assert isinstance(statement, Select)
    if statement.index is not None:
        raise ValidationException("Select statements within a batch or a transaction cannot use an index")
    key = item_key(table, statement, values)
    stored = tx.get(keys.items_prefix(table) + keys.item_key(table, key))
    if stored is None:
        return None, 0
    item: Item = orjson.loads(Stored.json(stored))
    assert statement.where is not None
    if not statement.where.evaluate(item, values):
        return None, Stored.size(stored)
    return statement.select(item), Stored.size(stored)


def action_of(bound: Bound) -> actions.Action:
    """What a statement other than SELECT does, held against its table."""
    statement, values, table = bound
    action = _action(statement, values, table)
    actions.fit(table, action)
    return action


def _action(statement: Statement, values: Mapping[str, Value], table: TableRecord) -> actions.Action:
    if isinstance(statement, Insert):
        if "M" not in values[":0"]:
            raise ValidationException("The VALUE of an INSERT must be a map of attributes")
        item = statement.item(dict(values))
        size = item_size(item)
        if size > ITEM_MAX:
            raise ValidationException("Item size has exceeded the maximum allowed size")
        return actions.Action("Put", item, size, None, None, values)
    if isinstance(statement, Update):
        key = item_key(table, statement, values)
        return actions.Action("Update", key, 0, statement.where, statement.update, values)
    if isinstance(statement, Delete):
        return actions.Action("Delete", item_key(table, statement, values), 0, statement.where, None, values)
    assert isinstance(statement, Exists)
    query = statement.query
    return actions.Action("ConditionCheck", item_key(table, query, values), 0, query.where, None, values)


def write(tx: Transaction, bound: Bound, action: actions.Action, now_ms: int, show_old: bool) -> actions.Outcome:
    """Do what `action_of` gave. An item that is there already is no INSERT's, one that is not there nobody's to update;
    a DELETE of it succeeds."""
    table = bound.table
    if action.kind == "Put" and tx.get(keys.items_prefix(table) + keys.item_key(table, action.item)) is not None:
        raise DuplicateItemException(_DUPLICATE)
    if action.kind == "Delete":
        old = writes.find(tx, table, keys.item_key(table, action.item))
        if old.item is None:
            return actions.Outcome(old, None, writes.Written(0, {}))
    return actions.run(tx, table, action, now_ms, show_old=show_old)


def returned(statement: Statement, outcome: actions.Outcome) -> list[Item]:
    """What RETURNING asks for."""
    asked = statement.returning if isinstance(statement, Update | Delete) else "NONE"
    if asked == "NONE":
        return []
    item = outcome.old.item if asked.endswith("OLD") else outcome.new
    if item is not None and asked.startswith("UPDATED") and isinstance(statement, Update):
        item = picker(statement.update.updated_paths)(item)
    return [item] if item else []


def execute_write(
    ctx: Context, tx: Transaction, bound: Bound, req: Mapping[str, Any], show_old: bool
) -> dict[str, Any]:
    """INSERT, UPDATE or DELETE: ExecuteStatement's answer."""
    if isinstance(bound.statement, Exists):
        raise ValidationException("EXISTS can only be used in a transaction")
    action = action_of(bound)
    outcome = write(tx, bound, action, ctx.now_ms, show_old)
    consumed = Consumed(bound.table, "Write")
    consumed.add_write(outcome.written)
    consumed.charge(ctx, tx)
    return _with_capacity({"Items": returned(bound.statement, outcome)}, req, consumed)


def is_read(statements: Sequence[Statement], words: str) -> bool:
    """Whether statements that go together all read; they may not be mixed."""
    reads = {isinstance(statement, Select) for statement in statements}
    if len(reads) > 1:
        raise ValidationException(f"Cannot mix read and write operations in {words}")
    return reads.pop()
