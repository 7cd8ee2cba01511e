"""Integrations of methods, and what becomes of their answers."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

from msgspec.structs import replace

from lambent.contracts.ports import Reader, Transaction
from lambent.kit import Context

from .. import integrating
from ..errors import BadRequestException, no_status, not_found
from ..model import Integration, IntegrationResponse, Method, Resource
from ..patching import ALL, Patch, Patcher, Rule, entry, is_true, member, text, whole
from ..service import operation
from ..views import show_integration, show_integration_response
from .methods import find_method, put

_NO_NAME: Final = "Invalid parameter name specified"
_NO_TYPE: Final = "Content-Type specified was not found"


def _find(ctx: Context, tx: Reader, req: Mapping[str, Any]) -> tuple[Resource, Method, Integration]:
    resource, method = find_method(ctx, tx, req, missing="Integration")
    if method.integration is None:
        raise not_found("Integration")
    return resource, method, method.integration


@operation("write")
def put_integration(ctx: Context, tx: Transaction, req: dict[str, Any]) -> dict[str, Any]:
    """Say what answers a method."""
    resource, method = find_method(ctx, tx, req)
    made = integrating.integration(req, method, resource.id)
    put(tx, req["restApiId"], resource, replace(method, integration=made))
    return show_integration(made)


@operation("read")
def get_integration(ctx: Context, tx: Reader, req: dict[str, Any]) -> dict[str, Any]:
    """Show an integration."""
    return show_integration(_find(ctx, tx, req)[2])


def _change_timeout(integration: Integration, patch: Patch) -> Integration:
    refusal = f"Timeout should be between {integrating.TIMEOUT_MIN_MS} ms and {integrating.TIMEOUT_MAX_MS} ms"
    return replace(integration, timeout_ms=whole(patch, refusal))


def _change_content_handling(record: Any, patch: Patch) -> Any:
    value = patch.value or None
    if value not in (None, "CONVERT_TO_BINARY", "CONVERT_TO_TEXT"):
        raise BadRequestException("Invalid content handling strategy specified. Valid options are "
                                  "CONVERT_TO_BINARY,CONVERT_TO_TEXT")  # fmt: skip
    return replace(record, content_handling=value)


def _change_connection_type(integration: Integration, patch: Patch) -> Integration:
    if patch.value not in ("INTERNET", "VPC_LINK"):
        raise BadRequestException("Invalid connection type specified. Valid options are INTERNET,VPC_LINK")
    return replace(integration, connection_type=patch.value)


_PATCHER: Final = Patcher(
    Rule("/cacheKeyParameters", member("cache_key_parameters"), ALL),
    Rule("/cacheKeyParameters/{}", member("cache_key_parameters"), ALL),
    Rule("/cacheNamespace", text("cache_namespace")),
    Rule("/connectionId", text("connection_id")),
    Rule("/connectionType", _change_connection_type),
    Rule("/contentHandling", _change_content_handling),
    Rule("/credentials", lambda record, patch: replace(record, credentials=patch.value or None)),
    Rule("/httpMethod", text("http_method")),
    Rule("/passthroughBehavior", text("passthrough", "")),
    Rule("/requestParameters/{}", entry("parameters", _NO_NAME, keep_empty=True), ALL),
    Rule("/requestTemplates/{}", entry("templates", _NO_TYPE, keep_empty=True), ALL),
    Rule("/timeoutInMillis", _change_timeout),
    Rule("/tlsConfig/insecureSkipVerification", lambda one, patch: replace(one, tls_insecure=is_true(patch))),
    Rule("/responseTransferMode", text("response_transfer_mode", "BUFFERED")),
    Rule("/integrationTarget", text("integration_target")),
    Rule("/uri", text("uri")),
)


@operation("write")
def update_integration(ctx: Context, tx: Transaction, req: dict[str, Any]) -> dict[str, Any]:
    """Change an integration."""
    resource, method, integration = _find(ctx, tx, req)
    changed = _PATCHER.apply(integration, req.get("patchOperations") or ())
    changed = integrating.check_integration(changed, method)
    put(tx, req["restApiId"], resource, replace(method, integration=changed))
    return show_integration(changed)


@operation("write")
def delete_integration(ctx: Context, tx: Transaction, req: dict[str, Any]) -> None:
    """Leave a method without an integration."""
    resource, method, _ = _find(ctx, tx, req)
    put(tx, req["restApiId"], resource, replace(method, integration=None))


# -- responses --------------------------------------------------------------------------------------------------------


def _put_responses(
    tx: Transaction, api: str, found: tuple[Resource, Method, Integration], responses: dict[str, IntegrationResponse]
) -> None:
    resource, method, integration = found
    put(tx, api, resource, replace(method, integration=replace(integration, responses=responses)))


def _response(found: tuple[Resource, Method, Integration], req: Mapping[str, Any]) -> IntegrationResponse:
    response = found[2].responses.get(req["statusCode"])
    if response is None:
        raise no_status()
    return response


@operation("write")
def put_integration_response(ctx: Context, tx: Transaction, req: dict[str, Any]) -> dict[str, Any]:
    """Say what becomes of an integration's answer; the method has declared the status."""
    find_method(ctx, tx, req)
    found = _find(ctx, tx, req)
    _, method, integration = found
    if req["statusCode"] not in method.responses:
        raise no_status()
    made = integrating.integration_response(req, method)
    _put_responses(tx, req["restApiId"], found, {**integration.responses, made.status_code: made})
    return show_integration_response(made)


@operation("read")
def get_integration_response(ctx: Context, tx: Reader, req: dict[str, Any]) -> dict[str, Any]:
    """Show what becomes of an integration's answer."""
    return show_integration_response(_response(_find(ctx, tx, req), req))


_RESPONSE_PATCHER: Final = Patcher(
    Rule("/contentHandling", _change_content_handling),
    Rule("/responseParameters/{}", entry("parameters", _NO_NAME, keep_empty=True), ALL),
    Rule("/responseTemplates/{}", entry("templates", _NO_TYPE, keep_empty=True), ALL),
    Rule("/selectionPattern", text("selection_pattern")),
)


@operation("write")
def update_integration_response(ctx: Context, tx: Transaction, req: dict[str, Any]) -> dict[str, Any]:
    """Change what becomes of an integration's answer."""
    found = _find(ctx, tx, req)
    changed = _RESPONSE_PATCHER.apply(_response(found, req), req.get("patchOperations") or ())
    changed = integrating.check_integration_response(changed, found[1])
    _put_responses(tx, req["restApiId"], found, {**found[2].responses, changed.status_code: changed})
    return show_integration_response(changed)


@operation("write")
def delete_integration_response(ctx: Context, tx: Transaction, req: dict[str, Any]) -> None:
    """Forget what becomes of an integration's answer."""
    found = _find(ctx, tx, req)
    gone = _response(found, req)
    left = {status: one for status, one in found[2].responses.items() if status != gone.status_code}
    _put_responses(tx, req["restApiId"], found, left)
