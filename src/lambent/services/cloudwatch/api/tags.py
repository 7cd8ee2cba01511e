"""Tags of alarms."""

from __future__ import annotations

from typing import Any, Final

from msgspec.structs import replace

from lambent.contracts import arn
from lambent.contracts.ports import Reader, Transaction
from lambent.kit import Context

from .. import keys
from ..errors import InvalidParameterValueException, ResourceNotFoundException
from ..model import Alarm
from ..service import cloudwatch

_TAGS_MAX: Final = 50


def _arn(ctx: Context, req: dict[str, Any]) -> str:
    return str(req["ResourceARN"])


def _find(ctx: Context, tx: Reader, req: dict[str, Any]) -> Alarm:
    try:
        place = arn.parse(req["ResourceARN"])
    except ValueError:
        raise InvalidParameterValueException(f"{req['ResourceARN']} is not a valid ARN.") from None
    kind, _, name = place.resource.partition(":")
    alarm = keys.alarms.get(tx, ctx.account, ctx.region, name) if kind == "alarm" else None
    if alarm is None or alarm.arn != req["ResourceARN"]:
        raise ResourceNotFoundException("Unknown", ResourceType="unknown", ResourceId="unknown")
    return alarm


def _put(tx: Transaction, alarm: Alarm, tags: dict[str, str]) -> None:
    if len(tags) > _TAGS_MAX:
        raise InvalidParameterValueException(f"An alarm can have {_TAGS_MAX} tags at most.")
    keys.alarms.put(tx, replace(alarm, tags=tags), alarm.account, alarm.region, alarm.name)


@cloudwatch.operation(tx="read", resource=_arn)
def list_tags_for_resource(ctx: Context, tx: Reader, req: dict[str, Any]) -> dict[str, Any]:
    return {"Tags": [{"Key": key, "Value": value} for key, value in _find(ctx, tx, req).tags.items()]}


@cloudwatch.operation(tx="write", resource=_arn)
def tag_resource(ctx: Context, tx: Transaction, req: dict[str, Any]) -> dict[str, Any]:
    alarm = _find(ctx, tx, req)
    _put(tx, alarm, {**alarm.tags, **{tag["Key"]: tag["Value"] for tag in req["Tags"]}})
    return {}


@cloudwatch.operation(tx="write", resource=_arn)
def untag_resource(ctx: Context, tx: Transaction, req: dict[str, Any]) -> dict[str, Any]:
    alarm = _find(ctx, tx, req)
    _put(tx, alarm, {key: value for key, value in alarm.tags.items() if key not in req["TagKeys"]})
    return {}
