"""Gateway responses: what API Gateway answers by itself."""

from __future__ import annotations

import re
from types import MappingProxyType
from typing import Any, Final

from lambent.contracts.ports import Reader, Transaction
from lambent.kit import Context

from .. import keys
from ..errors import BadRequestException, invalid_mapping, not_found
from ..model import GatewayResponse
from ..patching import ALL, Change, Patch, Patcher, Rule, entry, text
from ..service import find_api, operation, page_of
from ..views import DEFAULT_TEMPLATES, show_gateway_response

STATUSES: Final = MappingProxyType(
    {
        "ACCESS_DENIED": "403",
        "API_CONFIGURATION_ERROR": "500",
        "AUTHORIZER_CONFIGURATION_ERROR": "500",
        "AUTHORIZER_FAILURE": "500",
        "BAD_REQUEST_BODY": "400",
        "BAD_REQUEST_PARAMETERS": "400",
        "DEFAULT_4XX": None,
        "DEFAULT_5XX": None,
        "EXPIRED_TOKEN": "403",
        "INTEGRATION_FAILURE": "504",
        "INTEGRATION_TIMEOUT": "504",
        "INVALID_API_KEY": "403",
        "INVALID_SIGNATURE": "403",
        "MISSING_AUTHENTICATION_TOKEN": "403",
        "QUOTA_EXCEEDED": "429",
        "REQUEST_TOO_LARGE": "413",
        "RESOURCE_NOT_FOUND": "404",
        "THROTTLED": "429",
        "UNAUTHORIZED": "401",
        "UNSUPPORTED_MEDIA_TYPE": "415",
        "WAF_FILTERED": "403",
    }
)
"""The types, each with the status that it has when nothing else is said; None: that of what happened."""
_STATUS: Final = re.compile(r"[1-5]\d\d").fullmatch
_PARAMETER: Final = re.compile(r"gatewayresponse\.header\.[a-zA-Z0-9._$\-]+").fullmatch
_SOURCE: Final = re.compile(
    r"method\.request\.(?:path|querystring|multivaluequerystring|header|multivalueheader)\.[a-zA-Z0-9._$\-]+"
    r"|context\..+|stageVariables\..+|'.*'",
    re.DOTALL,
).fullmatch


def _show(tx: Reader, api: str, kind: str) -> dict[str, Any]:
    found = keys.responses.get(tx, api, kind)
    default = GatewayResponse(type=kind, templates=dict(DEFAULT_TEMPLATES))
    return show_gateway_response(found or default, default=found is None, status=STATUSES[kind])


def _put(tx: Transaction, api: str, made: GatewayResponse) -> dict[str, Any]:
    if made.status_code is not None and not _STATUS(made.status_code):
        raise BadRequestException(f"Invalid status code specified: {made.status_code}")
    for name, source in made.parameters.items():
        if not _PARAMETER(name):
            raise invalid_mapping(name, noun="expression parameter")
        if not _SOURCE(source):
            raise invalid_mapping(source)
    keys.responses.put(tx, made, api, made.type)
    return _show(tx, api, made.type)


@operation("write")
def put_gateway_response(ctx: Context, tx: Transaction, req: dict[str, Any]) -> dict[str, Any]:
    """Say what is answered in a case, in the place of the default."""
    api = find_api(ctx, tx, req["restApiId"])
    made = GatewayResponse(
        type=req["responseType"],
        status_code=req.get("statusCode"),
        parameters=dict(req.get("responseParameters") or {}),
        templates=dict(req.get("responseTemplates") or DEFAULT_TEMPLATES),
    )
    return _put(tx, api.id, made)


@operation("read")
def get_gateway_response(ctx: Context, tx: Reader, req: dict[str, Any]) -> dict[str, Any]:
    """Show what is answered in a case."""
    return _show(tx, find_api(ctx, tx, req["restApiId"]).id, req["responseType"])


@operation("read")
def get_gateway_responses(ctx: Context, tx: Reader, req: dict[str, Any]) -> Any:
    """List what is answered in each case."""
    api = find_api(ctx, tx, req["restApiId"]).id
    return page_of(STATUSES, req, lambda kind: kind, lambda kind: _show(tx, api, kind))


def _filled(field: str, member: str, missing: str) -> Change:
    change = entry(field, missing, keep_empty=True)

    def filled(record: Any, patch: Patch) -> Any:
        if patch.op != "remove" and not patch.value and patch.name in getattr(record, field):
            raise BadRequestException(f"Invalid null or empty value in {member}")
        return change(record, patch)

    return filled


_PATCHER: Final = Patcher(
    Rule("/statusCode", text("status_code"), refusal="Invalid patch path /statusCode"),
    Rule(
        "/responseParameters/{}", _filled("parameters", "responseParameters", "Invalid parameter name specified"), ALL
    ),
    Rule(
        "/responseTemplates/{}", _filled("templates", "responseTemplates", "Content-Type specified was not found"), ALL
    ),
)


@operation("write")
def update_gateway_response(ctx: Context, tx: Transaction, req: dict[str, Any]) -> dict[str, Any]:
    """Change what is answered in a case; one that had the default has its own from then on."""
    api, kind = find_api(ctx, tx, req["restApiId"]).id, req["responseType"]
    there = keys.responses.get(tx, api, kind) or GatewayResponse(
        type=kind, status_code=STATUSES[kind], templates=dict(DEFAULT_TEMPLATES)
    )
    return _put(tx, api, _PATCHER.apply(there, req.get("patchOperations") or ()))


@operation("write")
def delete_gateway_response(ctx: Context, tx: Transaction, req: dict[str, Any]) -> None:
    """Go back to the default."""
    api, kind = find_api(ctx, tx, req["restApiId"]).id, req["responseType"]
    if keys.responses.get(tx, api, kind) is None:
        raise not_found("Gateway Response")
    keys.responses.delete(tx, api, kind)
