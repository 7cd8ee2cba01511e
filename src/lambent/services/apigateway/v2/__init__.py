"""API Gateway: HTTP and WebSocket APIs."""

from __future__ import annotations

from collections.abc import Callable, Mapping

from lambent.contracts.events import Target
from lambent.contracts.ports import Cloud

from .api import apis, authorizers, deployments, domains, imports, integrations, models, routes, stages, tags, vpc_links
from .service import apigatewayv2 as service

__all__ = ["service", "targets"]

targets: Mapping[str, Callable[[Cloud], Target]] = {}

# Importing these modules registers their operations.
_OPERATIONS = (apis, authorizers, deployments, domains, imports, integrations, models, routes, stages, tags, vpc_links)
