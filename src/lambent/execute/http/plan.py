"""A deployment, compiled once: what a request needs of it is found without a scan."""

from __future__ import annotations

from typing import Final, NamedTuple

from lambent.services.apigateway.v2.model import DEFAULT, Authorizer, Integration, Route, Snapshot

from .cors import CorsRules
from .router import Router


class Step(NamedTuple):
    """A route with what it leads to. `path` is the key's path; `$default` for the route of that name."""

    route: Route
    integration: Integration | None
    authorizer: Authorizer | None
    path: str

    @property
    def key(self) -> str:
        """The route's key."""
        return self.route.key


NOWHERE: Final = Step(Route(id="", key=""), None, None, "")
"""The step of a request that no route matches."""


class Plan:
    """The routes of a deployment, and the API as it was then."""

    def __init__(self, snapshot: Snapshot) -> None:
        self.api = snapshot.api
        self.cors = CorsRules(snapshot.api.cors) if snapshot.api.cors is not None else None
        self.router: Router[Step] = Router()
        integrations = {found.id: found for found in snapshot.integrations}
        authorizers = {found.id: found for found in snapshot.authorizers}
        for route in snapshot.routes:
            path = route.key.partition(" ")[2] or DEFAULT
            authorizer = authorizers.get(route.authorizer or "")
            self.router.add(route.key, Step(route, integrations.get(route.integration), authorizer, path))
