"""API Gateway: REST APIs. The design is in DESIGN.md beside this file."""

from __future__ import annotations

from collections.abc import Callable, Mapping

from lambent.contracts.events import Target
from lambent.contracts.ports import Cloud

from .api import (
    account,
    api_keys,
    authorizers,
    base_paths,
    client_certificates,
    deployments,
    documentation,
    domains,
    gateway_responses,
    integrations,
    methods,
    models,
    resources,
    responses,
    rest_apis,
    sdks,
    stages,
    tags,
    usage,
    usage_plans,
    validators,
    vpc_links,
)
from .api import openapi as _openapi
from .api import testing as _testing
from .service import apigateway as service

__all__ = ["service", "targets"]

targets: Mapping[str, Callable[[Cloud], Target]] = {}

# Importing these modules registers their operations. Two have the names of others in this package.
_OPERATIONS = (
    account,
    api_keys,
    authorizers,
    base_paths,
    client_certificates,
    deployments,
    documentation,
    domains,
    gateway_responses,
    integrations,
    methods,
    models,
    _openapi,
    resources,
    responses,
    rest_apis,
    sdks,
    stages,
    tags,
    _testing,
    usage,
    usage_plans,
    validators,
    vpc_links,
)
