"""Exported outputs, and who imports them."""

from __future__ import annotations

from typing import Any

from lambent.contracts.ports import Reader
from lambent.kit import Context
from lambent.kit.paging import page, unseal

from .. import keys
from .._service import cloudformation
from ..errors import ValidationError

_PAGE = 100


@cloudformation.operation(tx="read")
def list_exports(ctx: Context, tx: Reader, req: dict[str, Any]) -> dict[str, Any]:
    after = unseal(req["NextToken"], ValidationError) if req.get("NextToken") else None
    found = keys.exports.scan(tx, ctx.account, ctx.region, after=after, limit=_PAGE + 1)
    shown, token = page(found, _PAGE, lambda item: item[0])
    exports = [
        {"ExportingStackId": export.stack_id, "Name": str(keys.exports.parts(key)[2]), "Value": export.value}
        for key, export in shown
    ]
    return {"Exports": exports, "NextToken": token} if token else {"Exports": exports}


@cloudformation.operation(tx="read")
def list_imports(ctx: Context, tx: Reader, req: dict[str, Any]) -> dict[str, Any]:
    name = req["ExportName"]
    after = unseal(req["NextToken"], ValidationError) if req.get("NextToken") else None
    found = keys.importers.scan(tx, ctx.account, ctx.region, name, after=after, limit=_PAGE + 1)
    if not found:
        raise ValidationError(f"Export '{name}' is not imported by any stack.")
    shown, token = page(found, _PAGE, lambda item: item[0])
    answer: dict[str, Any] = {"Imports": [importer.stack_name for _, importer in shown]}
    return {**answer, "NextToken": token} if token else answer
