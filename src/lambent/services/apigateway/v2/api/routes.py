"""Routes and their responses."""

from __future__ import annotations

from typing import Any

from msgspec.structs import replace

from lambent.contracts.ports import Reader, Transaction
from lambent.kit import Context

from .. import keys
from ..checks import check_route
from ..errors import BadRequestException, ConflictException, NotFoundException, full, missing
from ..model import ROUTES_MAX, Api, Route, RouteResponse
from ..service import changed, operation, paged, small_id, the_api
from ..views import ROUTE, ROUTE_RESPONSE, constraints, fields, show_route, show_route_response


def _the_route(tx: Reader, api: Api, req: dict[str, Any]) -> Route:
    found = keys.routes.get(tx, api.id, req["RouteId"])
    if found is None:
        raise missing("Route", req["RouteId"])
    return found


def _given(req: dict[str, Any]) -> dict[str, Any]:
    given = fields(req, ROUTE)
    for name in ("authorizer", "target"):
        if given.get(name) == "":
            given[name] = None
    return given


@operation(tx="write")
def create_route(ctx: Context, tx: Transaction, req: dict[str, Any]) -> dict[str, Any]:
    api = the_api(ctx, tx, req)
    parameters = constraints(req["RequestParameters"]) if req.get("RequestParameters") is not None else None
    route = Route(**_given(req), id=small_id(ctx), request_parameters=parameters)
    check_route(tx, api, route)
    if keys.route_keys.get(tx, api.id, route.key) is not None:
        raise ConflictException(f"Route with key {route.key} already exists for this API")
    if len(keys.route_keys.scan(tx, api.id, limit=ROUTES_MAX)) >= ROUTES_MAX:
        raise full("Routes")
    keys.put_route(tx, api.id, route)
    changed(ctx, tx, api)
    return show_route(route)


@operation(tx="read")
def get_route(ctx: Context, tx: Reader, req: dict[str, Any]) -> dict[str, Any]:
    return show_route(_the_route(tx, the_api(ctx, tx, req), req))


@operation(tx="read")
def get_routes(ctx: Context, tx: Reader, req: dict[str, Any]) -> dict[str, Any]:
    api = the_api(ctx, tx, req)
    return paged(req, lambda after, limit: keys.routes.scan(tx, api.id, after=after, limit=limit), show_route)


@operation(tx="write")
def update_route(ctx: Context, tx: Transaction, req: dict[str, Any]) -> dict[str, Any]:
    api = the_api(ctx, tx, req)
    old = _the_route(tx, api, req)
    parameters = old.request_parameters
    if req.get("RequestParameters") is not None:
        parameters = {**(parameters or {}), **constraints(req["RequestParameters"])}
    new = replace(old, **_given(req), request_parameters=parameters)
    if new.authorization_type in ("NONE", "AWS_IAM"):
        scopes = () if "AuthorizationScopes" not in req else new.scopes
        new = replace(new, authorizer=None, scopes=scopes)
    check_route(tx, api, new)
    if new.key != old.key and keys.route_keys.get(tx, api.id, new.key) is not None:
        raise ConflictException(f"Route with key {new.key} already exists for this API")
    keys.put_route(tx, api.id, new, old)
    changed(ctx, tx, api)
    return show_route(new)


@operation(tx="write")
def delete_route(ctx: Context, tx: Transaction, req: dict[str, Any]) -> None:
    api = the_api(ctx, tx, req)
    keys.delete_route(tx, api.id, _the_route(tx, api, req))
    changed(ctx, tx, api)


@operation(tx="write")
def delete_route_request_parameter(ctx: Context, tx: Transaction, req: dict[str, Any]) -> None:
    api = the_api(ctx, tx, req)
    route = _the_route(tx, api, req)
    parameters = dict(route.request_parameters or {})
    if req["RequestParameterKey"] not in parameters:
        raise NotFoundException(f"Unable to find RequestParameter by key {req['RequestParameterKey']}")
    del parameters[req["RequestParameterKey"]]
    keys.put_route(tx, api.id, replace(route, request_parameters=parameters), route)
    changed(ctx, tx, api)


def _the_response(tx: Reader, api: Api, req: dict[str, Any]) -> RouteResponse:
    found = keys.route_responses.get(tx, api.id, req["RouteId"], req["RouteResponseId"])
    if found is None:
        raise missing("RouteResponse", req["RouteResponseId"])
    return found


@operation(tx="write")
def create_route_response(ctx: Context, tx: Transaction, req: dict[str, Any]) -> dict[str, Any]:
    api = the_api(ctx, tx, req)
    route = _the_route(tx, api, req)
    if api.protocol != "WEBSOCKET":
        raise BadRequestException("Route responses are only supported for WEBSOCKET APIs")
    if req["RouteResponseKey"] != "$default":
        raise BadRequestException("Currently, only $default is supported as a route response key")
    if keys.route_responses.scan(tx, api.id, route.id, limit=1):
        raise ConflictException("RouteResponse with key $default already exists for this Route")
    parameters = constraints(req["ResponseParameters"]) if req.get("ResponseParameters") is not None else None
    made = RouteResponse(
        **fields(req, ROUTE_RESPONSE), id=small_id(ctx), route=route.id, response_parameters=parameters
    )
    keys.route_responses.put(tx, made, api.id, route.id, made.id)
    changed(ctx, tx, api)
    return show_route_response(made)


@operation(tx="read")
def get_route_response(ctx: Context, tx: Reader, req: dict[str, Any]) -> dict[str, Any]:
    return show_route_response(_the_response(tx, the_api(ctx, tx, req), req))


@operation(tx="read")
def get_route_responses(ctx: Context, tx: Reader, req: dict[str, Any]) -> dict[str, Any]:
    api = the_api(ctx, tx, req)
    route = _the_route(tx, api, req)
    return paged(
        req,
        lambda after, limit: keys.route_responses.scan(tx, api.id, route.id, after=after, limit=limit),
        show_route_response,
    )


@operation(tx="write")
def update_route_response(ctx: Context, tx: Transaction, req: dict[str, Any]) -> dict[str, Any]:
    api = the_api(ctx, tx, req)
    old = _the_response(tx, api, req)
    parameters = old.response_parameters
    if req.get("ResponseParameters") is not None:
        parameters = constraints(req["ResponseParameters"])
    new = replace(old, **fields(req, ROUTE_RESPONSE), response_parameters=parameters)
    keys.route_responses.put(tx, new, api.id, new.route, new.id)
    changed(ctx, tx, api)
    return show_route_response(new)


@operation(tx="write")
def delete_route_response(ctx: Context, tx: Transaction, req: dict[str, Any]) -> None:
    api = the_api(ctx, tx, req)
    old = _the_response(tx, api, req)
    keys.route_responses.delete(tx, api.id, old.route, old.id)
    changed(ctx, tx, api)
