"""Many items, all or none: TransactWriteItems and TransactGetItems."""

from __future__ import annotations

import hashlib
from typing import Any, Final, NamedTuple

import orjson

from lambent.contracts.caller import Principal
from lambent.contracts.errors import ServiceError
from lambent.contracts.ports import Reader, Transaction
from lambent.kit import Check, Context

from .. import actions, keychecks, keys
from ..access import item_conditions
from ..capacity import Consumed, wanted
from ..errors import (
    TOKEN_REUSED,
    ConditionalCheckFailedException,
    IdempotentParameterMismatchException,
    ItemCollectionSizeLimitExceededException,
    ProvisionedThroughputExceededException,
    TransactionCanceledException,
    ValidationException,
    no_table,
)
from ..keys import Stored
from ..model import TableRecord, Token
from ..numbers import Invalid
from ..service import TABLE, access, checked_operation, locate
from ..sizes import read_units
from ..values import canonical_item
from ..writes import collection_metrics
from .items import check_read, read_projection, view

_BYTES_MAX: Final = 4 << 20
_TOKEN_MS: Final = 600_000
_ACTIONS: Final = {
    "Put": "dynamodb:PutItem",
    "Update": "dynamodb:UpdateItem",
    "Delete": "dynamodb:DeleteItem",
    "ConditionCheck": "dynamodb:ConditionCheckItem",
    "Get": "dynamodb:GetItem",
}
_CODES: Final[dict[type[ServiceError], str]] = {
    ConditionalCheckFailedException: "ConditionalCheckFailed",
    ItemCollectionSizeLimitExceededException: "ItemCollectionSizeLimitExceeded",
    ProvisionedThroughputExceededException: "ProvisionedThroughputExceeded",
    ValidationException: "ValidationError",
}
_ONE_ACTION: Final = "TransactItems can only contain one of Check, Put, Update or Delete"


class _Part(NamedTuple):
    """One action of a transaction: its kind, its parameters, its table."""

    kind: str
    req: dict[str, Any]
    table: TableRecord | None


def _list_checks(ctx: Context, tx: Reader, req: dict[str, Any]) -> list[Check]:
    parts: list[_Part] = []
    checks = []
    for item in req["TransactItems"]:
        if len(item) != 1:
            raise ValidationException(_ONE_ACTION)
        ((kind, given),) = item.items()
        table, resource = locate(ctx, tx, given["TableName"])
        parts.append(_Part(kind, given, table))
        plain = ctx.caller.kind is Principal.ROOT and not (table and table.policy)
        checks.append(access(_ACTIONS[kind], table, resource, {} if plain else item_conditions(ctx, table, given)))
    req[TABLE] = parts
    return checks


def _placed(part: _Part) -> TableRecord:
    if part.table is None or part.table.status == "CREATING":
        raise no_table()
    return part.table


@checked_operation("read", _list_checks)
def transact_get_items(ctx: Context, tx: Reader, req: dict[str, Any]) -> dict[str, Any]:
    prepared = []
    for part in req[TABLE]:
        check_read(part.req)
        prepared.append((part, canonical_item(part.req["Key"]), read_projection(part.req)))
    responses: list[dict[str, Any]] = []
    capacity: dict[bytes, Consumed] = {}
    total = 0
    for part, key, _ in prepared:
        keychecks.check_key(_placed(part), key)
    for part, key, shown in prepared:
        table = _placed(part)
        stored = tx.get(keys.items_prefix(table) + keys.item_key(table, key))
        size = Stored.size(stored) if stored is not None else 0
        total += size
        capacity.setdefault(table.prefix, Consumed(table, "Read")).add(read_units(size, transactional=True), {})
        responses.append({} if stored is None else {"Item": view(ctx, Stored.json(stored), shown)})
    if total > _BYTES_MAX:
        raise ValidationException("Collection of items to be fetched exceeds the limit of 4 MB")
    for consumed in capacity.values():
        consumed.charge(ctx, tx)
    return _with_capacity({"Responses": responses}, req, list(capacity.values()))


def _with_capacity(result: dict[str, Any], req: dict[str, Any], capacity: list[Consumed]) -> dict[str, Any]:
    asked = wanted(req)
    if asked:
        result["ConsumedCapacity"] = [consumed.view(asked, split=True) for consumed in capacity]
    return result


@checked_operation("write", _list_checks)
def transact_write_items(ctx: Context, tx: Transaction, req: dict[str, Any]) -> dict[str, Any]:
    prepared = [actions.PREPARE[part.kind](_legacy_free(part)) for part in req[TABLE]]
    seen: set[tuple[bytes, bytes]] = set()
    total = 0
    reasons: list[dict[str, Any]] = []
    for part, action in zip(req[TABLE], prepared, strict=True):
        table = _placed(part)
        total += action.size
        reasons.append(_reason(_misfit(table, action)))
        if reasons[-1]["Code"] == "None":
            where = (table.prefix, keys.item_key(table, action.item))
            if where in seen:
                raise ValidationException("Transaction request cannot include multiple operations on one item")
            seen.add(where)
    if total > _BYTES_MAX:
        raise ValidationException("Collection of items to be written exceeds the limit of 4 MB")
    _cancel_for(reasons)
    repeated = _remember(ctx, tx, req)
    if repeated:
        return _repeat(ctx, tx, req, prepared)
    return _run(ctx, tx, req, prepared)


def _legacy_free(part: _Part) -> dict[str, Any]:
    if part.kind == "Update" and "UpdateExpression" not in part.req:
        raise ValidationException("The update expression must be given in a transaction")
    return part.req


def _misfit(table: TableRecord, action: actions.Action) -> ServiceError | None:
    try:
        actions.fit(table, action)
    except ValidationException as error:
        return error
    return None


def _run(ctx: Context, tx: Transaction, req: dict[str, Any], prepared: list[actions.Action]) -> dict[str, Any]:
    capacity: dict[bytes, Consumed] = {}
    metrics: dict[str, dict[bytes, Any]] = {}
    reasons: list[dict[str, Any]] = []
    now_ms = ctx.now_ms
    for part, action in zip(req[TABLE], prepared, strict=True):
        table = _placed(part)
        show_old = part.req.get("ReturnValuesOnConditionCheckFailure") == "ALL_OLD"
        failed: ServiceError | None = None
        try:
            # No two actions are on one item, so what failed leaves no trace that a later one could see.
            outcome = actions.run(tx, table, action, now_ms, show_old=show_old)
            capacity.setdefault(table.prefix, Consumed(table, "Write")).add_write(outcome.written, transactional=True)
        except Invalid as error:
            failed = ValidationException(error.message)
        except tuple(_CODES) as error:
            failed = error
        reasons.append(_reason(failed))
        if failed is None and table.has_local and req.get("ReturnItemCollectionMetrics") == "SIZE":
            collection = keys.key_bytes(action.item[table.hash])
            metrics.setdefault(table.name, {})[collection] = collection_metrics(tx, table, action.item)
    _cancel_for(reasons)
    for consumed in capacity.values():
        consumed.charge(ctx, tx)
    result: dict[str, Any] = {}
    if metrics:
        result["ItemCollectionMetrics"] = {name: list(found.values()) for name, found in metrics.items()}
    return _with_capacity(result, req, list(capacity.values()))


def _reason(error: ServiceError | None) -> dict[str, Any]:
    if error is None:
        return {"Code": "None"}
    code = next(code for kind, code in _CODES.items() if isinstance(error, kind))
    return {"Code": code, "Message": error.message, **error.fields}


def _cancel_for(reasons: list[dict[str, Any]]) -> None:
    """Raise unless every action can be done; whatever was written goes with the transaction."""
    codes = [reason["Code"] for reason in reasons]
    if any(code != "None" for code in codes):
        raise TransactionCanceledException(
            f"Transaction cancelled, please refer cancellation reasons for specific reasons [{', '.join(codes)}]",
            CancellationReasons=reasons,
        )


def _remember(ctx: Context, tx: Transaction, req: dict[str, Any]) -> bool:
    """Whether this very transaction was done in the last ten minutes, by its client token; else remember it."""
    token = req.get("ClientRequestToken")
    if token is None:
        return False
    asked = orjson.dumps(req["TransactItems"], option=orjson.OPT_SORT_KEYS)
    digest = hashlib.sha256(asked).digest()
    known = keys.tokens.get(tx, ctx.account, ctx.region, token)
    if known is not None and known.expires_ms > ctx.now_ms:
        if known.digest != digest:
            raise IdempotentParameterMismatchException(TOKEN_REUSED)
        return True
    keys.remember_token(tx, ctx, token, Token(digest, ctx.now_ms + _TOKEN_MS))
    return False


def _repeat(ctx: Context, tx: Transaction, req: dict[str, Any], prepared: list[actions.Action]) -> dict[str, Any]:
    """The answer to a transaction that was done before: its items are only read, and charged as read."""
    capacity: dict[bytes, Consumed] = {}
    for part, action in zip(req[TABLE], prepared, strict=True):
        table = _placed(part)
        stored = tx.get(keys.items_prefix(table) + keys.item_key(table, action.item))
        units = read_units(Stored.size(stored) if stored is not None else 0, transactional=True)
        capacity.setdefault(table.prefix, Consumed(table, "Read")).add(units, {})
    return _with_capacity({}, req, list(capacity.values()))
