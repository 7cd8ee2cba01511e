"""Every key of HTTP and WebSocket APIs. API ids are unique in the whole cloud (common/ids.py).

===================================  ============================================================
apigatewayv2.api                     account, region, API id
apigatewayv2.route                   API id, route id
apigatewayv2.route_key               API id, route key: the route's id
apigatewayv2.route_response          API id, route id, id
apigatewayv2.integration             API id, integration id
apigatewayv2.integration_response    API id, integration id, id
apigatewayv2.authorizer              API id, authorizer id
apigatewayv2.model                   API id, model id
apigatewayv2.deployment              API id, deployment id
apigatewayv2.snapshot                API id, deployment id: immutable
apigatewayv2.stage                   API id, stage name
apigatewayv2.vpc_link                account, region, id
===================================  ============================================================
"""

from __future__ import annotations

from typing import Any

import msgspec

from lambent.contracts.ports import Reader, Transaction
from lambent.kv.table import Table

from ..common import ids
from .errors import NotFoundException
from .model import (
    Api,
    Authorizer,
    Deployment,
    Integration,
    IntegrationResponse,
    Model,
    Route,
    RouteResponse,
    Snapshot,
    Stage,
    VpcLink,
)


class Named(msgspec.Struct, frozen=True):
    """The id that an index leads to."""

    id: str


apis = Table("apigatewayv2.api", Api)
routes = Table("apigatewayv2.route", Route)
route_keys = Table("apigatewayv2.route_key", Named)
route_responses = Table("apigatewayv2.route_response", RouteResponse)
integrations = Table("apigatewayv2.integration", Integration)
integration_responses = Table("apigatewayv2.integration_response", IntegrationResponse)
authorizers = Table("apigatewayv2.authorizer", Authorizer)
models = Table("apigatewayv2.model", Model)
deployments = Table("apigatewayv2.deployment", Deployment)
snapshots = Table("apigatewayv2.snapshot", Snapshot)
stages = Table("apigatewayv2.stage", Stage)
vpc_links = Table("apigatewayv2.vpc_link", VpcLink)

_OF_API: tuple[Table[Any], ...] = (
    routes,
    route_keys,
    route_responses,
    integrations,
    integration_responses,
    authorizers,
    models,
    deployments,
    snapshots,
    stages,
)


def no_route(key: str) -> NotFoundException:
    """A stage's settings name a route that is not there."""
    return NotFoundException(f"Unable to find Route by key {key} within the provided RouteSettings")


def find_api(tx: Reader, api: str) -> Api | None:
    """The HTTP or WebSocket API of an id, of whatever account; None when there is none."""
    place = ids.find(tx, api)
    if place is None or place.kind == "REST":
        return None
    return apis.get(tx, place.account, place.region, api)


def put_api(tx: Transaction, api: Api) -> None:
    """Store an API."""
    apis.put(tx, api, api.account, api.region, api.id)


def delete_api(tx: Transaction, api: Api) -> None:
    """Remove an API and everything of it."""
    for table in _OF_API:
        for key, _ in table.scan(tx, api.id):
            tx.delete(key)
    apis.delete(tx, api.account, api.region, api.id)
    ids.release(tx, api.id)


def get_snapshot(tx: Reader, api: str, deployment: str) -> Snapshot | None:
    """What a deployment froze."""
    return snapshots.get(tx, api, deployment)


def get_stage(tx: Reader, api: str, stage: str) -> Stage | None:
    """A stage of an API by its name."""
    return stages.get(tx, api, stage)


def put_route(tx: Transaction, api: str, route: Route, old: Route | None = None) -> None:
    """Store a route with the index by its key; `old` is what it replaces."""
    if old is not None and old.key != route.key:
        route_keys.delete(tx, api, old.key)
    routes.put(tx, route, api, route.id)
    route_keys.put(tx, Named(route.id), api, route.key)


def delete_route(tx: Transaction, api: str, route: Route) -> None:
    """Remove a route and its responses."""
    for key, _ in route_responses.scan(tx, api, route.id):
        tx.delete(key)
    route_keys.delete(tx, api, route.key)
    routes.delete(tx, api, route.id)


def delete_integration(tx: Transaction, api: str, integration: str) -> None:
    """Remove an integration and its responses."""
    for key, _ in integration_responses.scan(tx, api, integration):
        tx.delete(key)
    integrations.delete(tx, api, integration)


def freeze(tx: Reader, api: Api) -> Snapshot:
    """Everything of an API as it is now."""
    return Snapshot(
        api=api,
        routes=tuple(found for _, found in routes.scan(tx, api.id)),
        integrations=tuple(found for _, found in integrations.scan(tx, api.id)),
        authorizers=tuple(found for _, found in authorizers.scan(tx, api.id)),
        models=tuple(found for _, found in models.scan(tx, api.id)),
        route_responses=tuple(found for _, found in route_responses.scan(tx, api.id)),
        integration_responses=tuple(found for _, found in integration_responses.scan(tx, api.id)),
    )
