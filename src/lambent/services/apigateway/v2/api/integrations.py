"""Integrations and their responses."""

from __future__ import annotations

from typing import Any

from msgspec.structs import replace

from lambent.contracts.ports import Reader, Transaction
from lambent.kit import Context

from .. import keys
from ..checks import check_integration
from ..errors import BadRequestException, ConflictException, full, missing
from ..model import INTEGRATIONS_MAX, TIMEOUT_MS_MAX, Api, Integration, IntegrationResponse
from ..service import changed, operation, paged, small_id, the_api
from ..views import INTEGRATION, INTEGRATION_RESPONSE, fields, shown


def show_integration(integration: Integration) -> dict[str, Any]:
    """An integration as GetIntegration shows it."""
    view = {**shown(integration, INTEGRATION), "IntegrationId": integration.id}
    if integration.tls_server_name is not None:
        view["TlsConfig"] = {"ServerNameToVerify": integration.tls_server_name}
    return {**view, **({"ApiGatewayManaged": True} if integration.managed else {})}


def with_defaults(api: Api, integration: Integration, given: dict[str, Any]) -> Integration:
    """An integration with what AWS fills in for the API's protocol."""
    if "timeout_ms" not in given:
        integration = replace(integration, timeout_ms=TIMEOUT_MS_MAX[api.protocol])
    if api.protocol == "HTTP":
        if integration.payload_format is None and (integration.type == "HTTP_PROXY" or integration.subtype):
            integration = replace(integration, payload_format="1.0")
        if integration.type == "AWS_PROXY" and not integration.subtype:
            integration = replace(integration, method=integration.method or "POST")
        return integration
    if integration.payload_format is None:
        integration = replace(integration, payload_format="1.0")
    if integration.passthrough is None:
        integration = replace(integration, passthrough="WHEN_NO_MATCH")
    return integration


def _the_integration(tx: Reader, api: Api, req: dict[str, Any]) -> Integration:
    found = keys.integrations.get(tx, api.id, req["IntegrationId"])
    if found is None:
        raise missing("Integration", req["IntegrationId"])
    return found


def _given(req: dict[str, Any]) -> dict[str, Any]:
    given = fields(req, INTEGRATION)
    if req.get("TlsConfig") is not None:
        given["tls_server_name"] = req["TlsConfig"].get("ServerNameToVerify") or None
    return {name: None if value == "" else value for name, value in given.items()}


@operation(tx="write")
def create_integration(ctx: Context, tx: Transaction, req: dict[str, Any]) -> dict[str, Any]:
    api = the_api(ctx, tx, req)
    given = _given(req)
    made = with_defaults(api, Integration(**given, id=small_id(ctx)), given)
    check_integration(tx, api, made)
    if len(keys.integrations.scan(tx, api.id, limit=INTEGRATIONS_MAX)) >= INTEGRATIONS_MAX:
        raise full("Integrations")
    keys.integrations.put(tx, made, api.id, made.id)
    changed(ctx, tx, api)
    return show_integration(made)


@operation(tx="read")
def get_integration(ctx: Context, tx: Reader, req: dict[str, Any]) -> dict[str, Any]:
    return show_integration(_the_integration(tx, the_api(ctx, tx, req), req))


@operation(tx="read")
def get_integrations(ctx: Context, tx: Reader, req: dict[str, Any]) -> dict[str, Any]:
    api = the_api(ctx, tx, req)
    return paged(
        req, lambda after, limit: keys.integrations.scan(tx, api.id, after=after, limit=limit), show_integration
    )


def _merged(old: dict[str, Any] | None, new: dict[str, Any] | None) -> dict[str, Any] | None:
    # An update adds to what is there; what is set to nothing is removed.
    if new is None:
        return old
    return {name: value for name, value in {**(old or {}), **new}.items() if value not in ("", {})}


@operation(tx="write")
def update_integration(ctx: Context, tx: Transaction, req: dict[str, Any]) -> dict[str, Any]:
    api = the_api(ctx, tx, req)
    old = _the_integration(tx, api, req)
    given = _given(req)
    for name in ("request_parameters", "response_parameters"):
        given[name] = _merged(getattr(old, name), given.get(name))
    new = replace(old, **given)
    check_integration(tx, api, new)
    keys.integrations.put(tx, new, api.id, new.id)
    changed(ctx, tx, api)
    return show_integration(new)


@operation(tx="write")
def delete_integration(ctx: Context, tx: Transaction, req: dict[str, Any]) -> None:
    api = the_api(ctx, tx, req)
    integration = _the_integration(tx, api, req)
    users = [route.id for _, route in keys.routes.scan(tx, api.id) if route.integration == integration.id]
    if users:
        raise ConflictException(
            f"Cannot delete Integration because it is referenced by the following Routes with Ids: [{', '.join(users)}]"
        )
    keys.delete_integration(tx, api.id, integration.id)
    changed(ctx, tx, api)


def _show_response(response: IntegrationResponse) -> dict[str, Any]:
    return {**shown(response, INTEGRATION_RESPONSE), "IntegrationResponseId": response.id}


def _the_response(tx: Reader, api: Api, req: dict[str, Any]) -> IntegrationResponse:
    found = keys.integration_responses.get(tx, api.id, req["IntegrationId"], req["IntegrationResponseId"])
    if found is None:
        raise missing("IntegrationResponse", req["IntegrationResponseId"])
    return found


def _refuse_taken(tx: Reader, api: Api, made: IntegrationResponse) -> None:
    for _, other in keys.integration_responses.scan(tx, api.id, made.integration):
        if other.key == made.key and other.id != made.id:
            raise ConflictException(f"IntegrationResponse with key {made.key} already exists for this Integration")


@operation(tx="write")
def create_integration_response(ctx: Context, tx: Transaction, req: dict[str, Any]) -> dict[str, Any]:
    api = the_api(ctx, tx, req)
    integration = _the_integration(tx, api, req)
    if api.protocol != "WEBSOCKET":
        raise BadRequestException("Integration responses are only supported for WEBSOCKET APIs")
    made = IntegrationResponse(**fields(req, INTEGRATION_RESPONSE), id=small_id(ctx), integration=integration.id)
    _refuse_taken(tx, api, made)
    keys.integration_responses.put(tx, made, api.id, integration.id, made.id)
    changed(ctx, tx, api)
    return _show_response(made)


@operation(tx="read")
def get_integration_response(ctx: Context, tx: Reader, req: dict[str, Any]) -> dict[str, Any]:
    return _show_response(_the_response(tx, the_api(ctx, tx, req), req))


@operation(tx="read")
def get_integration_responses(ctx: Context, tx: Reader, req: dict[str, Any]) -> dict[str, Any]:
    api = the_api(ctx, tx, req)
    integration = _the_integration(tx, api, req)
    return paged(
        req,
        lambda after, limit: keys.integration_responses.scan(tx, api.id, integration.id, after=after, limit=limit),
        _show_response,
    )


@operation(tx="write")
def update_integration_response(ctx: Context, tx: Transaction, req: dict[str, Any]) -> dict[str, Any]:
    api = the_api(ctx, tx, req)
    old, given = _the_response(tx, api, req), fields(req, INTEGRATION_RESPONSE)
    given["response_parameters"] = _merged(old.response_parameters, given.get("response_parameters"))
    new = replace(old, **given)
    _refuse_taken(tx, api, new)
    keys.integration_responses.put(tx, new, api.id, new.integration, new.id)
    changed(ctx, tx, api)
    return _show_response(new)


@operation(tx="write")
def delete_integration_response(ctx: Context, tx: Transaction, req: dict[str, Any]) -> None:
    api = the_api(ctx, tx, req)
    old = _the_response(tx, api, req)
    keys.integration_responses.delete(tx, api.id, old.integration, old.id)
    changed(ctx, tx, api)
