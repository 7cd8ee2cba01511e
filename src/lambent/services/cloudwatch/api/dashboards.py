"""Dashboards: kept and shown as they were given."""

from __future__ import annotations

import re
from typing import Any, Final

import orjson

from lambent.contracts.ports import Reader, Transaction
from lambent.kit import Context

from .. import keys
from ..errors import DashboardInvalidInputError, DashboardNotFoundError, InvalidParameterValueException
from ..model import Dashboard
from ..service import cloudwatch, moment

_NAME: Final = re.compile(r"[A-Za-z0-9_-]{1,255}").fullmatch


def _arn(ctx: Context, name: str) -> str:
    return f"arn:aws:cloudwatch::{ctx.account}:dashboard/{name}"


def _on_dashboard(ctx: Context, req: dict[str, Any]) -> str:
    return _arn(ctx, req["DashboardName"])


@cloudwatch.operation(tx="write", resource=_on_dashboard, unbuilt=("Tags",))
def put_dashboard(ctx: Context, tx: Transaction, req: dict[str, Any]) -> dict[str, Any]:
    name, body = req["DashboardName"], req["DashboardBody"]
    if not _NAME(name):
        raise InvalidParameterValueException(
            "The value for field DashboardName contains invalid characters. It can only contain alphanumerics, dash "
            "(-) and underscore (_).\n"
        )
    try:
        widgets = orjson.loads(body)
    except orjson.JSONDecodeError:
        widgets = None
    if not isinstance(widgets, dict):
        raise DashboardInvalidInputError("The field DashboardBody must be a valid JSON object")
    keys.dashboards.put(tx, Dashboard(name=name, body=body, modified_ms=ctx.now_ms), ctx.account, name)
    return {"DashboardValidationMessages": []}


@cloudwatch.operation(tx="read", resource=_on_dashboard)
def get_dashboard(ctx: Context, tx: Reader, req: dict[str, Any]) -> dict[str, Any]:
    name = req["DashboardName"]
    found = keys.dashboards.get(tx, ctx.account, name)
    if found is None:
        raise DashboardNotFoundError(f"Dashboard {name} does not exist")
    return {"DashboardArn": _arn(ctx, name), "DashboardBody": found.body, "DashboardName": name}


@cloudwatch.operation(tx="read", harmless=("NextToken",))
def list_dashboards(ctx: Context, tx: Reader, req: dict[str, Any]) -> dict[str, Any]:
    prefix = req.get("DashboardNamePrefix", "")
    return {
        "DashboardEntries": [
            {
                "DashboardName": one.name,
                "DashboardArn": _arn(ctx, one.name),
                "LastModified": moment(one.modified_ms),
                "Size": len(one.body.encode()),
            }
            for _, one in keys.dashboards.scan(tx, ctx.account)
            if one.name.startswith(prefix)
        ]
    }


@cloudwatch.operation(tx="write", resource=lambda ctx, req: _arn(ctx, "*"))
def delete_dashboards(ctx: Context, tx: Transaction, req: dict[str, Any]) -> dict[str, Any]:
    for name in req["DashboardNames"]:
        if keys.dashboards.get(tx, ctx.account, name) is None:
            raise DashboardNotFoundError(f"Dashboard {name} does not exist")
        keys.dashboards.delete(tx, ctx.account, name)
    return {}
