"""A deployment, made ready to find a route's parts at once. Snapshots never change, so plans are kept."""

from __future__ import annotations

from typing import NamedTuple

from lambent.contracts.ports import Cloud, Reader
from lambent.services.apigateway.v2 import keys
from lambent.services.apigateway.v2.model import (
    DEFAULT,
    Api,
    Authorizer,
    Integration,
    IntegrationResponse,
    Route,
    RouteSettings,
    Snapshot,
    Stage,
)

PLANS_MAX = 500


class Step(NamedTuple):
    """A route and what answers it. `two_way`: the answer goes back to the client."""

    route: Route
    integration: Integration | None
    responses: dict[str, IntegrationResponse]
    authorizer: Authorizer | None
    two_way: bool


class Plan(NamedTuple):
    """A deployment of an API: routes by key, JSON schemas by the names of models."""

    api: Api
    steps: dict[str, Step]
    schemas: dict[str, str]


class Plans:
    """The plans that this node has made."""

    def __init__(self, cloud: Cloud) -> None:
        self._found: dict[tuple[str, str], Plan] = {}

    def find(self, tx: Reader, api: str, stage: Stage) -> Plan | None:
        """The plan of a stage's deployment; None when it has none."""
        key = (api, stage.deployment)
        found = self._found.get(key)
        if found is None:
            snapshot = keys.get_snapshot(tx, *key) if stage.deployment else None
            if snapshot is None:
                return None
            if len(self._found) >= PLANS_MAX:
                self._found.clear()
            found = self._found[key] = compiled(snapshot)
        return found


def compiled(snapshot: Snapshot) -> Plan:
    """The plan of a snapshot."""
    integrations = {integration.id: integration for integration in snapshot.integrations}
    authorizers = {authorizer.id: authorizer for authorizer in snapshot.authorizers}
    responses: dict[str, dict[str, IntegrationResponse]] = {}
    for response in snapshot.integration_responses:
        responses.setdefault(response.integration, {})[response.key] = response
    answering = {response.route for response in snapshot.route_responses if response.key == DEFAULT}
    steps = {}
    for route in snapshot.routes:
        steps[route.key] = Step(
            route,
            integrations.get(route.integration),
            responses.get(route.integration, {}),
            authorizers.get(route.authorizer or ""),
            route.response_selection == DEFAULT and route.id in answering,
        )
    return Plan(snapshot.api, steps, {model.name: model.schema for model in snapshot.models})


def limits(stage: Stage, route: str) -> tuple[float, int]:
    """Requests per second, and the bucket's size, of a route of a stage; the account's where none are set."""
    own, default = stage.route_settings.get(route, RouteSettings()), stage.default_settings
    rate = own.rate_limit if own.rate_limit is not None else default.rate_limit
    burst = own.burst_limit if own.burst_limit is not None else default.burst_limit
    return 10_000.0 if rate is None else rate, 5_000 if burst is None else burst
