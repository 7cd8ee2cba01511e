"""PartiQL: ExecuteStatement, BatchExecuteStatement, ExecuteTransaction.

They open their own transactions, for only the statement says whether it reads or writes. The statements of a batch are
each for themselves, so every writing one has a transaction of its own.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Mapping, Sequence
from functools import partial
from typing import Any, Final

import orjson

from lambent.contracts.errors import ServiceError
from lambent.contracts.ports import Reader, Transaction
from lambent.kit import Check, Context

from .. import keys
from ..capacity import Consumed, wanted
from ..errors import (
    TOKEN_REUSED,
    ConditionalCheckFailedException,
    DuplicateItemException,
    IdempotentParameterMismatchException,
    ItemCollectionSizeLimitExceededException,
    ProvisionedThroughputExceededException,
    ResourceNotFoundException,
    TransactionCanceledException,
    ValidationException,
    no_table,
)
from ..model import TableRecord, Token
from ..numbers import Invalid
from ..partiql import Delete, Exists, Insert, Select, Statement, Update, parse, run
from ..partiql.plan import leading_keys
from ..requests import door
from ..service import access, dynamodb, locate
from ..sizes import read_units

_TOKEN_MS: Final = 600_000
_BYTES_MAX: Final = 4 << 20
_ACTIONS: Final[Mapping[type[Any], str]] = {
    Select: "dynamodb:PartiQLSelect",
    Exists: "dynamodb:PartiQLSelect",
    Insert: "dynamodb:PartiQLInsert",
    Update: "dynamodb:PartiQLUpdate",
    Delete: "dynamodb:PartiQLDelete",
}
_CODES: Final[Mapping[type[ServiceError], str]] = {
    ConditionalCheckFailedException: "ConditionalCheckFailed",
    DuplicateItemException: "DuplicateItem",
    ItemCollectionSizeLimitExceededException: "ItemCollectionSizeLimitExceeded",
    ProvisionedThroughputExceededException: "ProvisionedThroughputExceeded",
    ResourceNotFoundException: "ResourceNotFound",
    ValidationException: "ValidationError",
}
_NO_TRANSACTION_OPTIONS: Final = "RETURNING cannot be used in a transaction"


def _checks(operation: str, list_given: Callable[[dict[str, Any]], Sequence[dict[str, Any]]]) -> Any:
    """What IAM is asked: about every statement that can be read; the others are refused in their turn."""

    def authorize(ctx: Context, tx: Reader, req: dict[str, Any]) -> list[Check]:
        door(operation).check(req)
        checks = []
        for given in list_given(req):
            try:
                statement = parse(given["Statement"])
                values = statement.values(run.parameters_of(given))
            except Invalid as error:
                if operation != "BatchExecuteStatement":
                    raise ValidationException(error.message) from error
                continue
            checks.append(_check(ctx, tx, statement, values))
        return checks

    return authorize


def _check(ctx: Context, tx: Reader, statement: Statement, values: Any) -> Check:
    table, resource = locate(ctx, tx, statement.table)
    query = statement.query if isinstance(statement, Exists) else statement
    conditions: dict[str, str | tuple[str, ...]] = {}
    if isinstance(query, Select) and query.index is not None:
        resource = f"{resource}/index/{query.index}"
    if table is not None:
        leading = leading_keys(table, query, values)
        if leading:
            conditions["dynamodb:leadingkeys"] = leading
        if isinstance(query, Select):
            conditions["dynamodb:fulltablescan"] = "false" if leading else "true"
    return access(_ACTIONS[type(statement)], table, resource, conditions)


def _bind(ctx: Context, tx: Reader, given: Mapping[str, Any]) -> run.Bound:
    statement = parse(given["Statement"])
    values = statement.values(run.parameters_of(given))
    table, _ = locate(ctx, tx, statement.table)
    if table is None or table.status == "CREATING":
        raise no_table()
    return run.Bound(statement, values, table)


def show_old(given: Mapping[str, Any]) -> bool:
    """Whether a condition that fails is to show its item."""
    return bool(given.get("ReturnValuesOnConditionCheckFailure") == "ALL_OLD")


def _worded(function: Callable[[Any], Any]) -> Callable[[Any], Any]:
    """A transaction's function whose pure parts may raise `Invalid`."""

    def worded(tx: Any) -> Any:
        try:
            return function(tx)
        except Invalid as error:
            raise ValidationException(error.message) from error

    return worded


@dynamodb.operation(tx="none", authorize=_checks("ExecuteStatement", lambda req: [req]))
async def execute_statement(ctx: Context, req: dict[str, Any]) -> dict[str, Any]:
    """One statement."""

    def select(tx: Reader) -> dict[str, Any]:
        return run.select(ctx, tx, _bind(ctx, tx, req), req)

    def change(tx: Transaction) -> dict[str, Any]:
        return run.execute_write(ctx, tx, _bind(ctx, tx, req), req, show_old(req))

    if isinstance(parse(req["Statement"]), Select):
        result: dict[str, Any] = await ctx.cloud.store.read(_worded(select))
    else:
        result = await ctx.cloud.store.write(_worded(change))
    return result


@dynamodb.operation(tx="none", authorize=_checks("BatchExecuteStatement", lambda req: req["Statements"]))
async def batch_execute_statement(ctx: Context, req: dict[str, Any]) -> dict[str, Any]:
    """Up to 25 statements, each for itself; all read, or all write."""
    statements = [statement for given in req["Statements"] if (statement := _parsed(given)) is not None]
    reads = run.is_read(statements, "a batch") if statements else True
    responses: list[dict[str, Any]] = []
    capacity: dict[bytes, Consumed] = {}
    for given in req["Statements"]:
        try:
            if reads:
                answer, table, consumed = await ctx.cloud.store.read(_worded(partial(_read_one, ctx, given)))
            else:
                answer, table, consumed = await ctx.cloud.store.write(_worded(partial(_write_one, ctx, given)))
            capacity.setdefault(table.prefix, Consumed(table, "Read" if reads else "Write")).add(
                consumed.own, consumed.indexes
            )
        except ServiceError as error:
            answer = _failed(given, error)
        responses.append(answer)
    asked = wanted(req)
    result: dict[str, Any] = {"Responses": responses}
    if asked:
        result["ConsumedCapacity"] = [total.view(asked) for total in capacity.values()]
    return result


def _parsed(given: Mapping[str, Any]) -> Statement | None:
    try:
        return parse(given["Statement"])
    except Invalid:
        return None  # its own response says so


def _failed(given: Mapping[str, Any], error: ServiceError) -> dict[str, Any]:
    code = next((code for kind, code in _CODES.items() if isinstance(error, kind)), None)
    if code is None:
        raise error
    answer: dict[str, Any] = {"Error": {"Code": code, "Message": error.message, **error.fields}}
    statement = _parsed(given)
    return answer | {"TableName": statement.table} if statement is not None else answer


def _read_one(ctx: Context, given: Mapping[str, Any], tx: Reader) -> tuple[dict[str, Any], TableRecord, Consumed]:
    bound = _bind(ctx, tx, given)
    item, size = run.get_one(tx, bound)
    consumed = Consumed(bound.table, "Read")
    consumed.add(read_units(size, given.get("ConsistentRead", False)), {})
    consumed.charge(ctx, tx)
    shown: dict[str, Any] = {"TableName": bound.table.name}
    return (shown | {"Item": item} if item is not None else shown), bound.table, consumed


def _write_one(ctx: Context, given: Mapping[str, Any], tx: Transaction) -> tuple[dict[str, Any], TableRecord, Consumed]:
    bound = _bind(ctx, tx, given)
    if isinstance(bound.statement, Exists):
        raise ValidationException("EXISTS can only be used in a transaction")
    action = run.action_of(bound)
    outcome = run.write(tx, bound, action, ctx.now_ms, show_old(given))
    consumed = Consumed(bound.table, "Write")
    consumed.add_write(outcome.written)
    consumed.charge(ctx, tx)
    shown: dict[str, Any] = {"TableName": bound.table.name}
    items = run.returned(bound.statement, outcome)
    return (shown | {"Item": items[0]} if items else shown), bound.table, consumed


@dynamodb.operation(tx="none", authorize=_checks("ExecuteTransaction", lambda req: req["TransactStatements"]))
async def execute_transaction(ctx: Context, req: dict[str, Any]) -> dict[str, Any]:
    """Up to 100 statements, all or none; all read, or all write and check."""
    statements = [parse(given["Statement"]) for given in req["TransactStatements"]]
    if any(getattr(statement, "returning", "NONE") != "NONE" for statement in statements):
        raise ValidationException(_NO_TRANSACTION_OPTIONS)
    if run.is_read(statements, "a transaction"):
        result: dict[str, Any] = await ctx.cloud.store.read(_worded(partial(_read_all, ctx, req)))
    else:
        result = await ctx.cloud.store.write(_worded(partial(_write_all, ctx, req)))
    return result


def _read_all(ctx: Context, req: Mapping[str, Any], tx: Reader) -> dict[str, Any]:
    responses: list[dict[str, Any]] = []
    capacity: dict[bytes, Consumed] = {}
    total = 0
    for given in req["TransactStatements"]:
        bound = _bind(ctx, tx, given)
        item, size = run.get_one(tx, bound)
        units = read_units(size, transactional=True)
        capacity.setdefault(bound.table.prefix, Consumed(bound.table, "Read")).add(units, {})
        total += size
        responses.append({"Item": item} if item is not None else {})
    if total > _BYTES_MAX:
        raise ValidationException("Collection of items to be fetched exceeds the limit of 4 MB")
    return _with_capacity(ctx, tx, {"Responses": responses}, req, capacity)


def _with_capacity(
    ctx: Context, tx: Reader, result: dict[str, Any], req: Mapping[str, Any], capacity: Mapping[bytes, Consumed]
) -> dict[str, Any]:
    for consumed in capacity.values():
        consumed.charge(ctx, tx)
    asked = wanted(req)
    if asked:
        result["ConsumedCapacity"] = [consumed.view(asked, split=True) for consumed in capacity.values()]
    return result


def _write_all(ctx: Context, req: Mapping[str, Any], tx: Transaction) -> dict[str, Any]:
    bounds = [_bind(ctx, tx, given) for given in req["TransactStatements"]]
    if _is_repeated(ctx, tx, req):
        return _with_capacity(ctx, tx, {"Responses": []}, req, {})
    capacity: dict[bytes, Consumed] = {}
    reasons: list[dict[str, Any]] = []
    seen: set[tuple[bytes, bytes]] = set()
    total = 0
    for given, bound in zip(req["TransactStatements"], bounds, strict=True):
        reason: dict[str, Any] = {"Code": "None"}
        try:
            action = run.action_of(bound)
            where = (bound.table.prefix, keys.item_key(bound.table, action.item))
            if where in seen:
                raise _SameItem("Transaction request cannot include multiple operations on one item")
            seen.add(where)
            total += action.size
            outcome = run.write(tx, bound, action, ctx.now_ms, show_old(given))
            capacity.setdefault(bound.table.prefix, Consumed(bound.table, "Write")).add_write(
                outcome.written, transactional=True
            )
        except _SameItem as error:
            raise ValidationException(error.message) from None
        except Invalid as error:
            reason = {"Code": "ValidationError", "Message": error.message}
        except tuple(_CODES) as error:
            code = next(code for kind, code in _CODES.items() if isinstance(error, kind))
            reason = {"Code": code, "Message": error.message, **error.fields}
        reasons.append(reason)
    if total > _BYTES_MAX:
        raise ValidationException("Collection of items to be written exceeds the limit of 4 MB")
    codes = [reason["Code"] for reason in reasons]
    if any(code != "None" for code in codes):
        raise TransactionCanceledException(
            f"Transaction cancelled, please refer cancellation reasons for specific reasons [{', '.join(codes)}]",
            CancellationReasons=reasons,
        )
    return _with_capacity(ctx, tx, {"Responses": []}, req, capacity)


class _SameItem(ServiceError):
    """Two statements of a transaction are about one item: no reason of one of them, but wrong in the whole."""


def _is_repeated(ctx: Context, tx: Transaction, req: Mapping[str, Any]) -> bool:
    """Whether this very transaction was done in the last ten minutes, by its client token; else remember it."""
    token = req.get("ClientRequestToken")
    if token is None:
        return False
    digest = hashlib.sha256(orjson.dumps(req["TransactStatements"], option=orjson.OPT_SORT_KEYS)).digest()
    name = f"partiql/{token}"
    known = keys.tokens.get(tx, ctx.account, ctx.region, name)
    if known is not None and known.expires_ms > ctx.now_ms:
        if known.digest != digest:
            raise IdempotentParameterMismatchException(TOKEN_REUSED)
        return True
    keys.tokens.put(tx, Token(digest, ctx.now_ms + _TOKEN_MS), ctx.account, ctx.region, name)
    return False
