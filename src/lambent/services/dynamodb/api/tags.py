"""Tags and resource policies: what is attached to an ARN."""

from __future__ import annotations

from typing import Any

import orjson
from msgspec.structs import replace

from lambent.contracts.errors import NotBuilt
from lambent.contracts.ports import Reader, Transaction
from lambent.kit import Context

from ..errors import PolicyNotFoundException, ResourceNotFoundException, ValidationException
from ..keys import put_table
from ..model import TableRecord
from ..service import RESOURCE, TABLE, arn_operation, no_resource
from .tables import checked_tags

_POLICY_BYTES_MAX = 20 * 1024


def _tagged(req: dict[str, Any]) -> TableRecord:
    table: TableRecord | None = req[TABLE]
    if table is None:
        raise no_resource(req["ResourceArn"])
    return table


@arn_operation("write")
def tag_resource(ctx: Context, tx: Transaction, req: dict[str, Any]) -> None:
    if not req["Tags"]:
        raise ValidationException("Atleast one Tag needs to be provided as Input.")
    table = _tagged(req)
    added = {tag["Key"]: tag["Value"] for tag in req["Tags"]}
    put_table(tx, replace(table, tags=checked_tags({**table.tags, **added})))


@arn_operation("write")
def untag_resource(ctx: Context, tx: Transaction, req: dict[str, Any]) -> None:
    if not req["TagKeys"]:
        raise ValidationException("Atleast one Tag Key needs to be provided as Input.")
    table: TableRecord | None = req[TABLE]
    if table is None:
        raise ResourceNotFoundException("Requested resource not found")
    put_table(tx, replace(table, tags={k: v for k, v in table.tags.items() if k not in req["TagKeys"]}))


@arn_operation("read")
def list_tags_of_resource(ctx: Context, tx: Reader, req: dict[str, Any]) -> dict[str, Any]:
    return {"Tags": [{"Key": key, "Value": value} for key, value in _tagged(req).tags.items()]}


def _governed(req: dict[str, Any]) -> TableRecord:
    if "/" in req[RESOURCE].resource.removeprefix("table/"):
        raise NotBuilt("Lambent has not built resource policies of indexes and streams yet.")
    table: TableRecord | None = req[TABLE]
    if table is None:
        raise ResourceNotFoundException(f"Requested resource not found: ResourceArn: {req['ResourceArn']} not found")
    return table


def _check_revision(table: TableRecord, req: dict[str, Any]) -> None:
    expected = req.get("ExpectedRevisionId")
    if expected == "NO_POLICY" and table.policy:
        raise PolicyNotFoundException("Resource-based policy exists, but NO_POLICY was expected")
    if expected not in (None, "NO_POLICY") and expected != table.policy_revision:
        raise PolicyNotFoundException("Resource-based policy not found with the given RevisionId")


@arn_operation("write")
def put_resource_policy(ctx: Context, tx: Transaction, req: dict[str, Any]) -> dict[str, Any]:
    table = _governed(req)
    _check_revision(table, req)
    text = req["Policy"]
    try:
        document = orjson.loads(text)
    except orjson.JSONDecodeError:
        document = None
    if not isinstance(document, dict) or "Statement" not in document or len(text) > _POLICY_BYTES_MAX:
        raise ValidationException("Resource-based policy is not valid")
    if text == table.policy:
        return {"RevisionId": table.policy_revision}
    revision = str(ctx.now_ms)
    put_table(tx, replace(table, policy=text, policy_revision=revision))
    return {"RevisionId": revision}


@arn_operation("read")
def get_resource_policy(ctx: Context, tx: Reader, req: dict[str, Any]) -> dict[str, Any]:
    table = _governed(req)
    if not table.policy:
        raise PolicyNotFoundException(f"Resource-based policy not found for the provided ResourceArn: {table.arn}")
    return {"Policy": table.policy, "RevisionId": table.policy_revision}


@arn_operation("write")
def delete_resource_policy(ctx: Context, tx: Transaction, req: dict[str, Any]) -> dict[str, Any]:
    table = _governed(req)
    _check_revision(table, req)
    if not table.policy:
        return {}
    put_table(tx, replace(table, policy="", policy_revision=""))
    return {"RevisionId": table.policy_revision}
