"""APIs: create, also with a route and stage at once, get, list, change, delete."""

from __future__ import annotations

from typing import Any

from msgspec.structs import replace

from lambent.contracts.ports import Reader, Transaction
from lambent.kit import Context

from ...common import domains, ids
from .. import keys
from ..checks import check_api, check_route_key, function_of
from ..errors import BadRequestException
from ..model import DEFAULT, TAGS_MAX, Api, Integration, Route, Stage
from ..service import changed, operation, paged, small_id, the_api
from ..views import API, cors_of, fields, show_api


@operation(tx="write")
def create_api(ctx: Context, tx: Transaction, req: dict[str, Any]) -> dict[str, Any]:
    protocol = req["ProtocolType"]
    if protocol == "WEBSOCKET":
        if not req.get("RouteSelectionExpression"):
            raise BadRequestException("RouteSelectionExpression is a required parameter for WEBSOCKET APIs")
        if req.get("Target") or req.get("RouteKey"):
            raise BadRequestException("Quick create is only supported for HTTP APIs")
    if len(req.get("Tags", {})) > TAGS_MAX:
        raise BadRequestException(f"A resource can have at most {TAGS_MAX} tags")
    cors = cors_of(req["CorsConfiguration"]) if req.get("CorsConfiguration") else None
    id = ids.claim(tx, ctx.cloud.ids, ctx.account, ctx.region, protocol)
    api = Api(
        **fields(req, API),
        id=id,
        account=ctx.account,
        region=ctx.region,
        protocol=protocol,
        created_ms=ctx.now_ms,
        cors=cors,
    )
    check_api(api, cors)
    keys.put_api(tx, api)
    if req.get("Target"):
        api = _quick_create(ctx, tx, api, req)
    elif req.get("RouteKey"):
        raise BadRequestException("Target is required when RouteKey is given")
    return show_api(api, ctx.cloud.settings)


def _quick_integration(integration: Integration, target: str, credentials: str | None) -> Integration:
    if function_of(target):
        made = replace(integration, type="AWS_PROXY", uri=target, method="POST", payload_format="2.0")
    elif target.startswith(("http://", "https://")):
        made = replace(integration, type="HTTP_PROXY", uri=target, method="ANY", payload_format="1.0")
    else:
        raise BadRequestException("Invalid target: it must be a URL or the ARN of a Lambda function")
    return made if credentials is None else replace(made, credentials=credentials or None)


def _quick_create(ctx: Context, tx: Transaction, api: Api, req: dict[str, Any]) -> Api:
    integration = Integration(id=small_id(ctx), type="", managed=True)
    integration = _quick_integration(integration, req["Target"], req.get("CredentialsArn"))
    route = Route(
        id=small_id(ctx), key=req.get("RouteKey") or DEFAULT, target=f"integrations/{integration.id}", managed=True
    )
    check_route_key(api, route.key)
    keys.integrations.put(tx, integration, api.id, integration.id)
    keys.put_route(tx, api.id, route)
    stage = Stage(name=DEFAULT, created_ms=ctx.now_ms, updated_ms=ctx.now_ms, auto_deploy=True, managed=True)
    keys.stages.put(tx, stage, api.id, stage.name)
    api = replace(api, quick_route=route.id, quick_integration=integration.id)
    keys.put_api(tx, api)
    changed(ctx, tx, api)
    return api


@operation(tx="read")
def get_api(ctx: Context, tx: Reader, req: dict[str, Any]) -> dict[str, Any]:
    return show_api(the_api(ctx, tx, req), ctx.cloud.settings)


@operation(tx="read")
def get_apis(ctx: Context, tx: Reader, req: dict[str, Any]) -> dict[str, Any]:
    place = (ctx.account, ctx.region)
    return paged(
        req,
        lambda after, limit: keys.apis.scan(tx, *place, after=after, limit=limit),
        lambda api: show_api(api, ctx.cloud.settings),
    )


@operation(tx="write")
def update_api(ctx: Context, tx: Transaction, req: dict[str, Any]) -> dict[str, Any]:
    old = the_api(ctx, tx, req)
    cors = cors_of(req["CorsConfiguration"]) if req.get("CorsConfiguration") is not None else old.cors
    new = replace(old, **fields(req, API), cors=cors)
    check_api(new, cors)
    keys.put_api(tx, new)
    if any(req.get(name) is not None for name in ("Target", "RouteKey", "CredentialsArn")):
        _quick_update(tx, new, req)
    changed(ctx, tx, new)
    return show_api(new, ctx.cloud.settings)


def _quick_update(tx: Transaction, api: Api, req: dict[str, Any]) -> None:
    route = keys.routes.get(tx, api.id, api.quick_route)
    integration = keys.integrations.get(tx, api.id, api.quick_integration)
    if route is None or integration is None:
        raise BadRequestException("Only an API that was made by quick create can be updated in this way")
    if req.get("RouteKey"):
        check_route_key(api, req["RouteKey"])
        keys.put_route(tx, api.id, replace(route, key=req["RouteKey"]), route)
    target = req.get("Target") or integration.uri or ""
    new = _quick_integration(integration, target, req.get("CredentialsArn"))
    keys.integrations.put(tx, new, api.id, new.id)


@operation(tx="write")
def delete_api(ctx: Context, tx: Transaction, req: dict[str, Any]) -> None:
    api = the_api(ctx, tx, req)
    if domains.in_use(tx, api.id, api.account, api.region):
        raise BadRequestException(
            f"Deleting API {api.id} is not allowed because it is associated with an API mapping. "
            "Delete the API mapping and try again."
        )
    keys.delete_api(tx, api)


@operation(tx="write")
def delete_cors_configuration(ctx: Context, tx: Transaction, req: dict[str, Any]) -> None:
    api = replace(the_api(ctx, tx, req), cors=None)
    keys.put_api(tx, api)
    changed(ctx, tx, api)
