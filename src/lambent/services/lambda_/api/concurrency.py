"""Reserved concurrency, and the account's limits."""

from __future__ import annotations

from typing import Any

from msgspec.structs import replace

from lambent.contracts.ports import Reader, Transaction
from lambent.kit import Context

from .. import keys, slots
from ..errors import InvalidParameterValueException, no_function
from ..model import (
    CODE_TOTAL_BYTES_MAX,
    CODE_UNZIPPED_BYTES_MAX,
    CODE_ZIPPED_BYTES_MAX,
    CONCURRENCY_MAX,
    CONCURRENCY_UNRESERVED_MIN,
    LATEST,
    FunctionRecord,
)
from ..names import Ref, ref
from ..service import lambda_, on_function
from .functions import retire


def _function(ctx: Context, tx: Reader, req: dict[str, Any]) -> tuple[Ref, FunctionRecord]:
    target = ref(ctx, req)
    if target.qualifier:
        raise InvalidParameterValueException(
            "This operation is permitted on Lambda functions only. Aliases and versions do not support this operation. "
            "Please specify either a function name or an unqualified function ARN."
        )
    function = keys.functions.get(tx, *target.place)
    if function is None:
        raise no_function(f"{target.arn}:{LATEST}")
    return target, function


def _unreserved(tx: Reader, account: str, region: str) -> int:
    """What functions without a reservation share in this region."""
    return CONCURRENCY_MAX - keys.reserved_total(tx, account, region)


@lambda_.operation(tx="write", authorize=on_function("PutFunctionConcurrency"))
def put_function_concurrency(ctx: Context, tx: Transaction, req: dict[str, Any]) -> dict[str, Any]:
    target, function = _function(ctx, tx, req)
    reserved = req["ReservedConcurrentExecutions"]
    before = function.reserved or 0
    if _unreserved(tx, target.account, target.region) + before - reserved < CONCURRENCY_UNRESERVED_MIN:
        raise InvalidParameterValueException(
            "Specified ReservedConcurrentExecutions for function decreases account's UnreservedConcurrentExecution "
            f"below its minimum value of [{CONCURRENCY_UNRESERVED_MIN}]."
        )
    _put(ctx, tx, target, function, reserved)
    return {"ReservedConcurrentExecutions": reserved}


@lambda_.operation(tx="read", authorize=on_function("GetFunctionConcurrency"))
def get_function_concurrency(ctx: Context, tx: Reader, req: dict[str, Any]) -> dict[str, Any]:
    _, function = _function(ctx, tx, req)
    return {} if function.reserved is None else {"ReservedConcurrentExecutions": function.reserved}


@lambda_.operation(tx="write", authorize=on_function("DeleteFunctionConcurrency"))
def delete_function_concurrency(ctx: Context, tx: Transaction, req: dict[str, Any]) -> None:
    target, function = _function(ctx, tx, req)
    _put(ctx, tx, target, function, None)


def _put(ctx: Context, tx: Transaction, target: Ref, function: FunctionRecord, reserved: int | None) -> None:
    if reserved != function.reserved:
        keys.note_reserved(tx, target, function.reserved or 0, reserved or 0)
        keys.functions.put(tx, replace(function, reserved=reserved), *target.place)
        # The limit is part of what environments are pooled by: those of the old limit would never be used again.
        retire(ctx, tx, f"{function.arn}:")
        slots.recall(tx, target.account, target.region)


@lambda_.operation(tx="read")
def get_account_settings(ctx: Context, tx: Reader, req: dict[str, Any]) -> dict[str, Any]:
    functions = [function for _, function in keys.functions.scan(tx, ctx.account, ctx.region)]
    sizes = [function.latest.code.size for function in functions]
    sizes += [version.code.size for _, version in keys.versions.scan(tx, ctx.account, ctx.region)]
    sizes += [layer.archive.size for _, layer in keys.layer_versions.scan(tx, ctx.account, ctx.region)]
    return {
        "AccountLimit": {
            "TotalCodeSize": CODE_TOTAL_BYTES_MAX,
            "CodeSizeUnzipped": CODE_UNZIPPED_BYTES_MAX,
            "CodeSizeZipped": CODE_ZIPPED_BYTES_MAX,
            "ConcurrentExecutions": CONCURRENCY_MAX,
            "UnreservedConcurrentExecutions": _unreserved(tx, ctx.account, ctx.region),
        },
        "AccountUsage": {"TotalCodeSize": sum(sizes), "FunctionCount": len(functions)},
    }
