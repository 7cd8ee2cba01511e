"""The service that the modules in api/ register their operations with, and what they share."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from typing import Any, Final

from lambent.kit import Context, Service

from .model import pipe_arn

pipes_service = Service("pipes")
_EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)


def moment(time_ms: int) -> datetime:
    """A time as the wire takes it."""
    return _EPOCH + timedelta(milliseconds=time_ms)


def on_pipe(ctx: Context, req: Mapping[str, Any]) -> str:
    """The ARN of the pipe that a request names."""
    return pipe_arn(ctx.account, ctx.region, req["Name"])
