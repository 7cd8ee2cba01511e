"""The service that the modules in api/ register their operations with, and what they share."""

from __future__ import annotations

from typing import Any

from lambent.kit import Context, Service
from lambent.kit.paging import unseal
from lambent.kv.table import Table

from . import keys
from .errors import InvalidParameterException

logs = Service("logs")


def group_resource(ctx: Context, req: dict[str, Any]) -> str:
    """What IAM is asked about when a whole group is meant."""
    return keys.stream_arn(ctx, keys.group_name(req), "")


def stream_resource(ctx: Context, req: dict[str, Any]) -> str:
    """What IAM is asked about when one stream is meant."""
    return keys.stream_arn(ctx, keys.group_name(req), req["logStreamName"])


def bad_token(message: str = "") -> InvalidParameterException:
    """The error of a paging token that this service did not make."""
    return InvalidParameterException("The specified nextToken is invalid.")


def position(token: str | None, table: Table[Any]) -> bytes | None:
    """The key in `table` that a paging token stands for."""
    if token is None:
        return None
    key = unseal(token, bad_token)
    try:
        table.parts(key)
    except ValueError:
        raise bad_token() from None
    return key
