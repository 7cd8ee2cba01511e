"""Tags of alarms."""

from __future__ import annotations

from typing import Any, Final

from msgspec.structs import replace

from lambent.contracts import arn
from lambent.contracts.ports import Reader, Transaction
from lambent.kit import Context
from lambent.kit.tags import from_pairs, limited, pairs, without

from .. import keys
from ..errors import InvalidParameterValueException, ResourceNotFoundException
from ..model import Alarm
from ..service import alarm_arn, cloudwatch

_TAGS_MAX: Final = 50


def _arn(ctx: Context, req: dict[str, Any]) -> str:
    return str(req["ResourceARN"])


def _find(ctx: Context, tx: Reader, req: dict[str, Any]) -> Alarm | None:
    """The alarm of an ARN; None where an alarm of mine may have been."""
    try:
        place = arn.parse(req["ResourceARN"])
    except ValueError:
        raise InvalidParameterValueException(f"{req['ResourceARN']} is not a valid ARN.") from None
    kind, _, name = place.resource.partition(":")
    if kind != "alarm" or alarm_arn(ctx, name) != req["ResourceARN"]:
        raise _unknown()
    return keys.alarms.get(tx, ctx.account, ctx.region, name)


def _unknown() -> ResourceNotFoundException:
    return ResourceNotFoundException("Unknown", ResourceType="unknown", ResourceId="unknown")


def _found(ctx: Context, tx: Reader, req: dict[str, Any]) -> Alarm:
    alarm = _find(ctx, tx, req)
    if alarm is None:
        raise _unknown()
    return alarm


def _put(tx: Transaction, alarm: Alarm, tags: dict[str, str]) -> None:
    too_many = InvalidParameterValueException(f"An alarm can have {_TAGS_MAX} tags at most.")
    changed = replace(alarm, tags=limited(tags, _TAGS_MAX, too_many))
    keys.alarms.put(tx, changed, alarm.account, alarm.region, alarm.name)


@cloudwatch.operation(tx="read", resource=_arn)
def list_tags_for_resource(ctx: Context, tx: Reader, req: dict[str, Any]) -> dict[str, Any]:
    # An alarm that was deleted has no tags, as on AWS, which does not say that it is gone.
    alarm = _find(ctx, tx, req)
    return {"Tags": [] if alarm is None else pairs(alarm.tags)}


@cloudwatch.operation(tx="write", resource=_arn)
def tag_resource(ctx: Context, tx: Transaction, req: dict[str, Any]) -> dict[str, Any]:
    alarm = _found(ctx, tx, req)
    _put(tx, alarm, {**alarm.tags, **from_pairs(req["Tags"])})
    return {}


@cloudwatch.operation(tx="write", resource=_arn)
def untag_resource(ctx: Context, tx: Transaction, req: dict[str, Any]) -> dict[str, Any]:
    alarm = _found(ctx, tx, req)
    _put(tx, alarm, without(alarm.tags, req["TagKeys"]))
    return {}
