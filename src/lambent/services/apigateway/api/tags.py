"""Tags of whatever has an ARN: APIs, stages, API keys, usage plans, domain names, VPC links, client certificates."""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Any, Final
from urllib.parse import unquote

from msgspec.structs import replace

from lambent.contracts.ports import Reader, Transaction
from lambent.kit import Context
from lambent.kv.table import Table

from .. import keys
from ..common import domains
from ..errors import BadRequestException, NotFoundException
from ..service import operation, read_tags

_ARN: Final = re.compile(r"^arn:aws:apigateway:([a-z0-9-]+)::/(.+)$")
_OWNED: Final[dict[str, Table[Any]]] = {
    "restapis": keys.apis,
    "apikeys": keys.api_keys,
    "usageplans": keys.plans,
    "vpclinks": keys.vpc_links,
    "clientcertificates": keys.certificates,
}


def _find(ctx: Context, tx: Reader, arn: str) -> tuple[dict[str, str], Callable[[Transaction, dict[str, str]], None]]:
    """The tags of what an ARN names, and how to store others."""
    found = _ARN.match(unquote(arn))
    if found is None or found[1] != ctx.region:
        raise BadRequestException("Invalid ARN specified in the request")
    parts = found[2].split("/")
    if parts[0] == "domainnames" and len(parts) == 2:
        return _domain(ctx, tx, parts[1])
    if parts[0] in _OWNED and len(parts) == 2:
        return _row(_OWNED[parts[0]], tx, ctx.account, ctx.region, parts[1])
    if parts[0] == "restapis" and len(parts) == 4 and parts[2] == "stages":
        if keys.apis.get(tx, ctx.account, ctx.region, parts[1]) is None:
            raise NotFoundException("Invalid stage identifier specified")
        return _row(keys.stages, tx, parts[1], parts[3])
    raise BadRequestException("Invalid ARN specified in the request")


def _row(table: Table[Any], tx: Reader, *key: str) -> tuple[dict[str, str], Any]:
    record = table.get(tx, *key)
    if record is None:
        raise NotFoundException("Invalid ARN specified in the request")
    return record.tags, lambda tx, tags: table.put(tx, replace(record, tags=tags), *key)


def _domain(ctx: Context, tx: Reader, name: str) -> tuple[dict[str, str], Any]:
    domain = domains.get_domain(tx, name)
    if domain is None or (domain.account, domain.region) != (ctx.account, ctx.region):
        raise NotFoundException("Invalid domain name identifier specified")
    return domain.tags, lambda tx, tags: domains.put_domain(tx, replace(domain, tags=tags))


@operation(tx="read")
def get_tags(ctx: Context, tx: Reader, req: dict[str, Any]) -> dict[str, Any]:
    return {"tags": dict(_find(ctx, tx, req["resourceArn"])[0])}


@operation(tx="write")
def tag_resource(ctx: Context, tx: Transaction, req: dict[str, Any]) -> None:
    tags, store = _find(ctx, tx, req["resourceArn"])
    store(tx, read_tags({**tags, **req["tags"]}))


@operation(tx="write")
def untag_resource(ctx: Context, tx: Transaction, req: dict[str, Any]) -> None:
    tags, store = _find(ctx, tx, req["resourceArn"])
    store(tx, {key: value for key, value in tags.items() if key not in req["tagKeys"]})
