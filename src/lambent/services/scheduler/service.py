"""The service that the modules in api/ register their operations with, and what they share."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from typing import Any, Final, TypeVar

from lambent.kit import Context, Service
from lambent.kit.paging import page, unseal

from .errors import ValidationException
from .model import DEFAULT_GROUP, group_arn, schedule_arn

scheduler = Service("scheduler")
R = TypeVar("R")
_PAGE: Final = 100
_EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)
_MS: Final = timedelta(milliseconds=1)


def moment(time_ms: int) -> datetime:
    """A time as the wire takes it."""
    return _EPOCH + time_ms * _MS


def in_ms(time: datetime) -> int:
    """A time of the wire in milliseconds."""
    return (time - _EPOCH) // _MS


def on_schedule(ctx: Context, req: Mapping[str, Any]) -> str:
    """The ARN of the schedule that a request names."""
    return schedule_arn(ctx.account, ctx.region, req.get("GroupName", DEFAULT_GROUP), req["Name"])


def on_group(ctx: Context, req: Mapping[str, Any]) -> str:
    """The ARN of the group that a request names."""
    return group_arn(ctx.account, ctx.region, req["Name"])


def after(req: Mapping[str, Any]) -> bytes | None:
    """The key that a page begins behind."""
    return unseal(req["NextToken"], ValidationException) if "NextToken" in req else None


def paged(req: Mapping[str, Any], rows: list[tuple[bytes, R]]) -> tuple[list[R], dict[str, str]]:
    """A page of rows in the order of their keys, and its NextToken where there are more."""
    shown, token = page(rows, req.get("MaxResults", _PAGE), lambda row: row[0])
    return [row for _, row in shown], {"NextToken": token} if token else {}
