"""The service that the modules in api/ register their operations with, and what they share."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from datetime import UTC, datetime, timedelta
from typing import Any, Final, TypeVar

from lambent.contracts.errors import ServiceError
from lambent.contracts.ports import Cloud, Reader, Transaction
from lambent.kit import Context, Service
from lambent.kit.paging import page, unseal

from . import keys
from .errors import InvalidParameterException, no_client, no_pool
from .model import Client, Pool, pool_arn

cognito_idp = Service("cognito-idp")
R = TypeVar("R")
_EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)
_MS: Final = timedelta(milliseconds=1)


def moment(time_ms: int) -> datetime:
    """A time as the wire takes it."""
    return _EPOCH + time_ms * _MS


def on_pool(ctx: Context, req: Mapping[str, Any]) -> str:
    """The ARN of the pool that a request names."""
    return pool_arn(ctx.region, ctx.account, req["UserPoolId"])


def get_pool(ctx: Context, tx: Reader, id: str) -> Pool:
    """The caller's pool of that id; the API's region must be the pool's."""
    found = keys.pools.get(tx, id)
    if found is None or found.account != ctx.account or found.region != ctx.region:
        raise no_pool(id)
    return found


def get_client(tx: Reader, pool: Pool, id: str) -> Client:
    """A pool's client."""
    found = keys.clients.get(tx, pool.id, id)
    if found is None:
        raise no_client(id)
    return found


def client_and_pool(tx: Reader, id: str) -> tuple[Pool, Client]:
    """A client of any pool, for who does not sign requests."""
    found = keys.pool_of_client(tx, id)
    if found is None:
        raise no_client(id)
    return found


def after(req: Mapping[str, Any], name: str = "NextToken") -> bytes | None:
    """The key that a page begins behind."""
    return unseal(req[name], _bad_token) if req.get(name) else None


def _bad_token(message: str) -> InvalidParameterException:
    return InvalidParameterException("Invalid pagination token.")


def paged(
    rows: list[tuple[bytes, R]], limit: int, name: str = "NextToken"
) -> tuple[list[tuple[bytes, R]], dict[str, str]]:
    """A page of `limit + 1` rows that were fetched, and the token where there are more."""
    shown, token = page(rows, limit, lambda row: row[0])
    return shown, {name: token} if token else {}


async def write(cloud: Cloud, fn: Callable[[Transaction], R | ServiceError]) -> R:
    """Run and commit `fn`; an error that it returns is raised after the commit, so that what it counted stays."""
    result = await cloud.store.write(fn)
    if isinstance(result, ServiceError):
        raise result
    return result
