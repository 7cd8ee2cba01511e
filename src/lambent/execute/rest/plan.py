"""A deployment made ready to serve: its snapshot, compiled once.

A snapshot never changes, so plans are kept by (API, deployment) for as long as there is room for them.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import TYPE_CHECKING, Final

from lambent.contracts.ports import Cloud
from lambent.services.apigateway.model import (
    Integration,
    Method,
    MethodSettings,
    Resource,
    Snapshot,
    Stage,
    Validator,
)

from ..caching import Kept
from .media import MediaTypes
from .router import Router

if TYPE_CHECKING:
    from .exchange import Answer, Exchange

Integrate = Callable[["Exchange"], Awaitable["Answer"]]

PLANS_MAX: Final = 500
_FOREVER_NS: Final = 1 << 62
_DEFAULTS: Final = MethodSettings()
METHODS: Final = frozenset(("DELETE", "GET", "HEAD", "OPTIONS", "PATCH", "POST", "PUT"))
"""What ANY stands for. Another spelling (`get`) is none: policies, which name methods so, would be passed by."""
EVERY: Final = "*/*"
"""The name of the settings of all methods."""


class Route:
    """One method of one resource, with all that its requests need."""

    __slots__ = ("integrate", "integration", "method", "resource", "settings_path", "validator")

    def __init__(self, resource: Resource, method: Method, validator: Validator | None) -> None:
        self.resource = resource
        self.method = method
        self.integration = method.integration
        self.validator = validator
        self.settings_path = resource.path.replace("/", "~1")
        self.integrate: Integrate | None = None
        """What answers, chosen at the first request."""

    @classmethod
    def nowhere(cls) -> Route:
        """The route of requests that have none (yet)."""
        return cls(Resource(id=""), Method(http_method="", integration=Integration(type="")), None)

    def settings(self, stage: Stage, verb: str) -> tuple[str, MethodSettings]:
        """What the stage has set for this method, and under which name: for the verb, for ANY, or for all methods."""
        if stage.settings:
            for name in (f"{self.settings_path}/{verb}", f"{self.settings_path}/{self.method.http_method}", EVERY):
                found = stage.settings.get(name)
                if found is not None:
                    return name, found
        return EVERY, _DEFAULTS


class Plan:
    """A snapshot with its router. `policy` is the API's, as JSON text or empty; `media` tells binary content types from
    text."""

    __slots__ = ("media", "policy", "router", "snapshot")

    def __init__(self, snapshot: Snapshot) -> None:
        self.snapshot = snapshot
        api = snapshot.api
        # Policies may name their own API in short: `execute-api:/stage/GET/path`.
        place = f'"arn:aws:execute-api:{api.region}:{api.account}:{api.id}/'
        self.policy = api.policy.replace('"execute-api:/', place)
        self.media = MediaTypes(snapshot.api.binary_media_types)
        self.router: Router[dict[str, Route]] = Router()
        for resource in snapshot.resources:
            routes = {}
            for verb, method in resource.methods.items():
                validator = snapshot.validators.get(method.validator_id or "")
                routes[verb] = Route(resource, method, validator)
            self.router.add(resource.path, routes)

    def route(self, path: str, verb: str) -> tuple[Route, dict[str, str]] | None:
        """The method that answers `verb` on `path` (raw), and the path's parameters; None when there is none."""
        for routes, parameters in self.router.matches(path):
            route = routes.get(verb) or (routes.get("ANY") if verb in METHODS else None)
            if route is not None:
                return route, parameters
        return None


class Plans:
    """The plans of one node."""

    def __init__(self, cloud: Cloud) -> None:
        self._kept: Kept[Plan] = Kept(entries_max=PLANS_MAX)

    def get(self, api: str, deployment: str) -> Plan | None:
        """The plan of a deployment, if it was compiled already."""
        return self._kept.get((api, deployment), 0)

    def has(self, api: str, deployment: str) -> bool:
        """Whether a deployment was compiled already; changes nothing."""
        return (api, deployment) in self._kept

    def put(self, api: str, deployment: str, snapshot: Snapshot) -> Plan:
        """Compile a snapshot and keep it."""
        plan = Plan(snapshot)
        self._kept.put((api, deployment), plan, _FOREVER_NS)
        return plan
