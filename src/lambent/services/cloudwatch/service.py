"""The service that the modules in api/ register their operations with, and what they share."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any, Final

from lambent.kit import Context, Service

cloudwatch = Service("cloudwatch")
_EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)


def moment(time_ms: int) -> datetime:
    """A time as the wire takes it."""
    return _EPOCH + timedelta(milliseconds=time_ms)


def seconds(when: datetime) -> int:
    """Whole seconds since the epoch."""
    return int((when - _EPOCH).total_seconds())


def alarm_arn(ctx: Context, name: str) -> str:
    """The ARN of an alarm."""
    return ctx.arn("cloudwatch", f"alarm:{name}")


def on_alarm(ctx: Context, req: dict[str, Any]) -> str:
    """The ARN of the alarm that a request names."""
    return alarm_arn(ctx, req["AlarmName"])
