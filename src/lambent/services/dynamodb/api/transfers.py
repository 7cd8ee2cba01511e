"""Exports to S3 and imports from it: begun, described, listed."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Mapping
from typing import Any, Final

import orjson
from msgspec.structs import replace

from lambent.contracts.errors import NotBuilt, ServiceError
from lambent.contracts.ports import Reader, Transaction
from lambent.kit import Check, Context
from lambent.kit.paging import page, unseal
from lambent.kv.table import Table

from .. import describe, keys
from ..errors import (
    ExportConflictException,
    ExportNotFoundException,
    ImportConflictException,
    ImportNotFoundException,
    InvalidExportTimeException,
    PointInTimeRecoveryUnavailableException,
    TableNotFoundException,
    ValidationException,
)
from ..model import TableRecord
from ..recovery.records import Hold, Moment, holds
from ..service import access, checked_operation, locate
from ..transfer import exporting, importing
from ..transfer.records import Begun, Export, Import, begun, exports, imports
from .recovery import recoverable_ms, time_ms
from .tables import create_table

_TOKEN_MS: Final = 8 * 3_600_000
_TABLE: Final = "_table"
_WINDOW_MS: Final = (15 * 60_000, 24 * 3_600_000)
_SHOWN: Final = (
    "S3BucketSource",
    "InputFormat",
    "InputFormatOptions",
    "InputCompressionType",
    "TableCreationParameters",
)


def _known(
    ctx: Context, tx: Transaction, kind: str, id: str, req: Mapping[str, Any], conflict: type[ServiceError]
) -> str | None:
    """What the request's client token began before; else remember that it begins `id`."""
    token = req.get("ClientToken")
    if token is None:
        return None
    asked = {name: value for name, value in req.items() if not name.startswith("_")}
    digest = hashlib.sha256(orjson.dumps(asked, option=orjson.OPT_SORT_KEYS, default=str)).digest()
    known = begun.get(tx, ctx.account, ctx.region, kind, token)
    if known is not None and known.expires_ms > ctx.now_ms:
        if known.digest != digest:
            raise conflict(f"ClientToken {token} was used with other parameters")
        return known.id
    begun.put(tx, Begun(id, digest, ctx.now_ms + _TOKEN_MS), ctx.account, ctx.region, kind, token)
    return None


def _new_id(ctx: Context) -> str:
    return f"{ctx.now_ms:014d}-{ctx.cloud.ids.hex(8)}"


def _export_checks(ctx: Context, tx: Reader, req: dict[str, Any]) -> list[Check]:
    req[_TABLE], resource = locate(ctx, tx, req["TableArn"])
    return [access("dynamodb:ExportTableToPointInTime", req[_TABLE], resource, {})]


@checked_operation("write", _export_checks, unbuilt=("FilterSpecification",))
def export_table_to_point_in_time(ctx: Context, tx: Transaction, req: dict[str, Any]) -> dict[str, Any]:
    """Begin to export a table."""
    table: TableRecord | None = req[_TABLE]
    if table is None:
        raise TableNotFoundException(f"Table not found: {req['TableArn']}")
    if req.get("ExportFormat", "DYNAMODB_JSON") != "DYNAMODB_JSON":
        raise NotBuilt(f"Lambent has not built exports of the format {req['ExportFormat']} yet.")
    if not table.pitr_since_ms:
        raise PointInTimeRecoveryUnavailableException(f"Point in time recovery is not enabled for table '{table.name}'")
    from_ms, at_ms, view = _window(table, req, ctx.now_ms)
    id = _new_id(ctx)
    known = _known(ctx, tx, "export", id, req, ExportConflictException)
    if known is not None:
        return {"ExportDescription": _export_view(_export(ctx, tx, f"{table.arn}/export/{known}"))}
    # Whatever the clocks of the nodes say, what is written from here on is later than what is exported.
    keys.put_table(tx, replace(table, cut_ms=max(table.cut_ms, at_ms)))
    export = Export(
        account=table.account,
        region=table.region,
        id=id,
        caller=ctx.caller,
        table_arn=table.arn,
        table_id=table.id,
        table_name=table.name,
        keys=table.key_names,
        moment=Moment(prefix=table.prefix, journal=table.journal, at_ms=at_ms),
        at_ms=at_ms,
        started_ms=ctx.now_ms,
        bucket=req["S3Bucket"],
        prefix=req.get("S3Prefix", "").rstrip("/"),
        owner=req.get("S3BucketOwner", ""),
        sse=req.get("S3SseAlgorithm", "AES256"),
        sse_key=req.get("S3SseKmsKeyId", ""),
        token=req.get("ClientToken", ""),
        view=view,
        from_ms=from_ms,
    )
    exports.put(tx, export, export.account, export.region, export.id)
    holds.put(tx, Hold(from_ms or at_ms), table.prefix, id)
    exporting.emit_page(tx, export)
    return {"ExportDescription": _export_view(export)}


def _window(table: TableRecord, req: Mapping[str, Any], now_ms: int) -> tuple[int, int, str]:
    """From when (0: everything) and up to when is exported, and the view of an incremental export."""
    first_ms, last_ms = recoverable_ms(table, now_ms)
    if req.get("ExportType", "FULL_EXPORT") == "FULL_EXPORT":
        if "IncrementalExportSpecification" in req:
            raise ValidationException("IncrementalExportSpecification can only be given for an incremental export")
        at_ms = time_ms(req["ExportTime"]) if "ExportTime" in req else last_ms
        if not first_ms <= at_ms <= last_ms:
            raise InvalidExportTimeException("ExportTime is not within the time that can be recovered")
        return 0, at_ms, ""
    spec = req.get("IncrementalExportSpecification", {})
    if "ExportFromTime" not in spec:
        raise ValidationException("ExportFromTime must be given for an incremental export")
    from_ms = time_ms(spec["ExportFromTime"])
    at_ms = time_ms(spec["ExportToTime"]) if "ExportToTime" in spec else min(from_ms + _WINDOW_MS[1], last_ms)
    if not first_ms <= from_ms <= at_ms <= last_ms:
        raise InvalidExportTimeException("The export's times are not within the time that can be recovered")
    if not _WINDOW_MS[0] <= at_ms - from_ms <= _WINDOW_MS[1]:
        raise InvalidExportTimeException(
            "The time between ExportFromTime and ExportToTime must be 15 minutes to 24 hours"
        )
    return from_ms, at_ms, spec.get("ExportViewType", "NEW_AND_OLD_IMAGES")


def _export_view(export: Export) -> dict[str, Any]:
    shown: dict[str, Any] = {
        "ExportArn": export.arn,
        "ExportStatus": export.status,
        "StartTime": describe.moment(export.started_ms),
        "TableArn": export.table_arn,
        "TableId": export.table_id,
        "S3Bucket": export.bucket,
        "S3SseAlgorithm": export.sse,
        "ExportFormat": "DYNAMODB_JSON",
        "ExportType": "INCREMENTAL_EXPORT" if export.from_ms else "FULL_EXPORT",
    }
    given = {
        "S3Prefix": export.prefix,
        "S3BucketOwner": export.owner,
        "S3SseKmsKeyId": export.sse_key,
        "ClientToken": export.token,
        "FailureCode": export.failure,
        "FailureMessage": export.message,
        "ExportManifest": export.manifest,
    }
    shown |= {name: value for name, value in given.items() if value}
    if export.from_ms:
        shown["IncrementalExportSpecification"] = {
            "ExportFromTime": describe.moment(export.from_ms),
            "ExportToTime": describe.moment(export.at_ms),
            "ExportViewType": export.view,
        }
    else:
        shown["ExportTime"] = describe.moment(export.at_ms)
    if export.ended_ms:
        shown["EndTime"] = describe.moment(export.ended_ms)
    if export.status == "COMPLETED":
        shown |= {"BilledSizeBytes": export.size, "ItemCount": export.count}
    return shown


def _export(ctx: Context, tx: Reader, text: str) -> Export:
    found = exports.get(tx, ctx.account, ctx.region, text.rpartition("/export/")[2])
    if found is None or found.arn != text:
        raise ExportNotFoundException(f"Export not found: {text}")
    return found


def _on_arn(action: str, parameter: str) -> Any:
    def list_checks(ctx: Context, tx: Reader, req: dict[str, Any]) -> list[Check]:
        return [Check(f"dynamodb:{action}", req.get(parameter, "*"))]

    return list_checks


def _page(
    ctx: Context, tx: Reader, req: dict[str, Any], table: Table[Any], limit: int, view: Callable[[Any], dict[str, Any]]
) -> tuple[list[dict[str, Any]], dict[str, str]]:
    """Views of the region's exports or imports, or of those of a table; and the token of the next page, if any."""
    after = unseal(req["NextToken"], ValidationException) if "NextToken" in req else None
    rows = table.scan(tx, ctx.account, ctx.region, after=after)
    found = [(key, record) for key, record in rows if req.get("TableArn") in (None, record.table_arn)]
    shown, token = page(found, limit, lambda row: row[0])
    return [view(record) for _, record in shown], {"NextToken": token} if token else {}


@checked_operation("read", _on_arn("DescribeExport", "ExportArn"))
def describe_export(ctx: Context, tx: Reader, req: dict[str, Any]) -> dict[str, Any]:
    """How far an export is."""
    return {"ExportDescription": _export_view(_export(ctx, tx, req["ExportArn"]))}


@checked_operation("read", _on_arn("ListExports", ""))
def list_exports(ctx: Context, tx: Reader, req: dict[str, Any]) -> dict[str, Any]:
    """The exports of the region, or of a table."""
    views, more = _page(ctx, tx, req, exports, req.get("MaxResults", 25), _export_view)
    summaries = [{name: view[name] for name in ("ExportArn", "ExportStatus", "ExportType")} for view in views]
    return {"ExportSummaries": summaries, **more}


def _import_checks(ctx: Context, tx: Reader, req: dict[str, Any]) -> list[Check]:
    name = req["TableCreationParameters"]["TableName"]
    return [Check("dynamodb:ImportTable", ctx.arn("dynamodb", f"table/{name}"))]


@checked_operation("write", _import_checks)
def import_table(ctx: Context, tx: Transaction, req: dict[str, Any]) -> dict[str, Any]:
    """Make a table and begin to fill it."""
    if req["InputFormat"] == "ION":
        raise NotBuilt("Lambent has not built imports of the format ION yet.")
    if req.get("InputCompressionType") == "ZSTD":
        raise NotBuilt("Lambent has not built imports compressed by ZSTD yet.")
    id = _new_id(ctx)
    known = _known(ctx, tx, "import", id, req, ImportConflictException)
    if known is not None:
        record = imports.get(tx, ctx.account, ctx.region, known)
        assert record is not None
        return {"ImportTableDescription": _import_view(record)}
    creation = req["TableCreationParameters"]
    if "VectorIndexes" in creation:
        raise NotBuilt("Lambent has not built the parameter VectorIndexes of ImportTable yet.")
    create_table(ctx, tx, dict(creation))
    table = keys.named_table(tx, ctx, creation["TableName"])
    keys.put_table(tx, replace(table, status="CREATING"))
    record = Import(
        account=ctx.account,
        region=ctx.region,
        id=id,
        caller=ctx.caller,
        table_arn=table.arn,
        table_id=table.id,
        table_name=table.name,
        started_ms=ctx.now_ms,
        request={name: req[name] for name in _SHOWN if name in req},
        token=req.get("ClientToken", ""),
    )
    imports.put(tx, record, record.account, record.region, record.id)
    importing.emit_object(tx, record)
    return {"ImportTableDescription": _import_view(record)}


def _import_view(record: Import) -> dict[str, Any]:
    shown: dict[str, Any] = {
        "ImportArn": record.arn,
        "ImportStatus": record.status,
        "TableArn": record.table_arn,
        "TableId": record.table_id,
        "StartTime": describe.moment(record.started_ms),
        "ErrorCount": record.errors,
        "ProcessedSizeBytes": record.read_bytes,
        "ProcessedItemCount": record.processed,
        "ImportedItemCount": record.imported,
        "InputCompressionType": "NONE",
        **record.request,
    }
    given = {"ClientToken": record.token, "FailureCode": record.failure, "FailureMessage": record.message}
    shown |= {name: value for name, value in given.items() if value}
    return shown | {"EndTime": describe.moment(record.ended_ms)} if record.ended_ms else shown


@checked_operation("read", _on_arn("DescribeImport", "ImportArn"))
def describe_import(ctx: Context, tx: Reader, req: dict[str, Any]) -> dict[str, Any]:
    """How far an import is."""
    found = imports.get(tx, ctx.account, ctx.region, req["ImportArn"].rpartition("/import/")[2])
    if found is None or found.arn != req["ImportArn"]:
        raise ImportNotFoundException(f"Import not found: {req['ImportArn']}")
    return {"ImportTableDescription": _import_view(found)}


@checked_operation("read", _on_arn("ListImports", ""))
def list_imports(ctx: Context, tx: Reader, req: dict[str, Any]) -> dict[str, Any]:
    """The imports of the region, or into a table."""
    views, more = _page(ctx, tx, req, imports, req.get("PageSize", 25), _import_view)
    names = ("ImportArn", "ImportStatus", "TableArn", "S3BucketSource", "InputFormat", "StartTime", "EndTime")
    return {"ImportSummaryList": [{n: view[n] for n in names if n in view} for view in views], **more}
