"""What is imported must be what the single operations would take: their checks, gathered as an import's errors."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Final

from . import building, integrating
from .api.gateway_responses import STATUSES
from .errors import BadRequestException
from .model import Method
from .openapi import Imported

COMPRESSION_MAX: Final = 10_485_760


def errors(imported: Imported) -> list[str]:
    """AWS's sentences about what cannot be; none when all of it can."""
    found: list[str] = []
    for model in imported.models.values():
        _try(found, f"Unable to create model for '{model.name}': ", lambda one=model: building.check_model(one))
    for authorizer in imported.authorizers.values():
        where = f"Unable to create authorizer '{authorizer.name}': "
        _try(found, where, lambda one=authorizer: building.check_authorizer(one))
    for kind in imported.gateway_responses:
        if kind not in STATUSES:
            found.append(f"Unable to put gateway response '{kind}': Invalid response type specified")
    size = imported.settings.minimum_compression
    if size is not None and not 0 <= size <= COMPRESSION_MAX:
        found.append(f"Invalid minimum compression size, must be between 0 and {COMPRESSION_MAX}")
    known = building.Known(imported.models, imported.validators, imported.authorizers)
    for path, methods in imported.resources.items():
        for verb, method in methods.items():
            _check_method(found, path, verb, method, known)
    return found


def _check_method(found: list[str], path: str, verb: str, method: Method, known: building.Known) -> None:
    on, of = f"'{verb}' on resource at path '{path}': ", f"'{verb}' for resource at path '{path}': "
    _try(found, f"Unable to put method {on}", lambda: building.check_method(method, known))
    for response in method.responses.values():
        _try(
            found,
            f"Unable to put method response '{response.status_code}' on {of}",
            lambda one=response: building.check_method_response(one, known),
        )
    integration = method.integration
    if integration is None:
        return
    _try(found, f"Unable to put integration on {of}", lambda: integrating.check_integration(integration, method))
    for answer in integration.responses.values():
        _try(
            found,
            f"Unable to put integration response on {of}",
            lambda one=answer: integrating.check_integration_response(one, method),
        )


def _try(found: list[str], where: str, check: Callable[..., Any]) -> None:
    try:
        check()
    except BadRequestException as error:
        found.append(where + error.message)
