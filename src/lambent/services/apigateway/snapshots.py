"""An API as it is now, whole: what a deployment keeps and what tests run against."""

from __future__ import annotations

from lambent.contracts.ports import Reader

from . import keys
from .model import RestApi, Snapshot


def take(tx: Reader, api: RestApi) -> Snapshot:
    """All of an API that serves requests, resources in the order of their paths."""
    resources = sorted((one for _, one in keys.resources.scan(tx, api.id)), key=lambda one: one.path)
    return Snapshot(
        api=api,
        resources=tuple(resources),
        authorizers={one.id: one for _, one in keys.authorizers.scan(tx, api.id)},
        validators={one.id: one for _, one in keys.validators.scan(tx, api.id)},
        models={one.name: one for _, one in keys.models.scan(tx, api.id)},
        gateway_responses={one.type: one for _, one in keys.responses.scan(tx, api.id)},
    )
