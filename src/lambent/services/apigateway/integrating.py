"""Integrations and their responses, made from what a request says, with AWS's checks. Everything here is pure."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any, Final

from .errors import BadRequestException, invalid_mapping
from .model import Integration, IntegrationResponse, Method

TIMEOUT_MIN_MS: Final = 50
TIMEOUT_MAX_MS: Final = 29_000
_STREAMING_TIMEOUT_MAX_MS: Final = 900_000
PASSTHROUGHS: Final = ("WHEN_NO_MATCH", "WHEN_NO_TEMPLATES", "NEVER")
VERBS: Final = frozenset(("GET", "PUT", "POST", "DELETE", "PATCH", "OPTIONS", "HEAD", "ANY"))
_WEB: Final = ("HTTP", "HTTP_PROXY")
_AWS: Final = ("AWS", "AWS_PROXY")
_NAME: Final = r"[a-zA-Z0-9._$\-]+"
_TARGET: Final = re.compile(rf"integration\.request\.(?:path|querystring|header)\.{_NAME}").fullmatch
_DECLARED: Final = re.compile(
    rf"method\.request\.(?:path|querystring|multivaluequerystring|header|multivalueheader)\.{_NAME}(?:\[\])?"
).fullmatch
_SOURCE: Final = re.compile(
    rf"method\.request\.body(?:\..+|\[.+)?|stageVariables\.{_NAME}|context\..+|'.*'", re.DOTALL
).fullmatch
_RESPONSE_SOURCE: Final = re.compile(
    rf"integration\.response\.(?:header|multivalueheader)\.{_NAME}|integration\.response\.body(?:\..+|\[.+)?"
    rf"|stageVariables\.{_NAME}|context\..+|'.*'",
    re.DOTALL,
).fullmatch
_URL: Final = re.compile(r"https?://[^\s]+").fullmatch
_SERVICE_ARN: Final = re.compile(r"arn:[^:]+:apigateway:[^:]*:([^:]+):(path|action)/(.*)", re.DOTALL).fullmatch
_FUNCTION_PATH: Final = re.compile(
    r"2015-03-31/functions/(?:arn:[^:]+:lambda:[^:]+:\d{12}:function:.+|.*\$\{stageVariables\..+)/invocations"
    r"|2021-11-15/functions/.+/response-streaming-invocations"
).fullmatch
_BAD_ARN: Final = "Invalid ARN specified in the request"
_PROXIES: Final = (
    "Integrations of type 'AWS_PROXY' currently only supports Lambda function and Firehose stream invocations."
)


def integration(given: Mapping[str, Any], method: Method, resource_id: str) -> Integration:
    """The integration of a method as PutIntegration's members describe it."""
    kind = given["type"]
    tls = given.get("tlsConfig")
    web = "INTERNET" if kind in _WEB else None
    return check_integration(
        Integration(
            type=kind,
            http_method=given.get("integrationHttpMethod") or None,
            uri=given.get("uri") or None,
            connection_type=given.get("connectionType") or web,
            connection_id=given.get("connectionId") or None,
            credentials=given.get("credentials") or None,
            parameters=dict(given.get("requestParameters") or {}),
            templates=texts(given.get("requestTemplates")),
            passthrough=given.get("passthroughBehavior") or "WHEN_NO_MATCH",
            content_handling=given.get("contentHandling") or None,
            timeout_ms=TIMEOUT_MAX_MS if given.get("timeoutInMillis") is None else given["timeoutInMillis"],
            cache_namespace=given.get("cacheNamespace") or resource_id,
            cache_key_parameters=tuple(given.get("cacheKeyParameters") or ()),
            tls_insecure=None if tls is None else bool(tls.get("insecureSkipVerification")),
            response_transfer_mode=given.get("responseTransferMode") or "BUFFERED",
            integration_target=given.get("integrationTarget"),
            empty=empties(given, "requestParameters", "requestTemplates"),
        ),
        method,
    )


def texts(given: Mapping[str, str | None] | None) -> dict[str, str | None]:
    """Templates by content type, none of them null."""
    return {kind: text or "" for kind, text in (given or {}).items()}


def empties(given: Mapping[str, Any], *members: str) -> tuple[str, ...]:
    """Those of the members that were given, with nothing in them."""
    return tuple(name for name in members if given.get(name) == {})


def check_integration(made: Integration, method: Method) -> Integration:
    """An integration, if all of it is right for its method."""
    if made.type != "MOCK" and not made.http_method:
        raise BadRequestException("Enumeration value for HttpMethod must be non-empty")
    if made.http_method and made.http_method not in VERBS:
        raise BadRequestException("Invalid HttpMethod specified. Valid options are "
                                  "GET,PUT,POST,DELETE,PATCH,OPTIONS,HEAD,ANY")  # fmt: skip
    if made.type in _WEB:
        _check_url(made)
    elif made.type in _AWS:
        _check_service(made)
    if made.credentials and not made.credentials.startswith("arn:"):
        raise BadRequestException(_BAD_ARN)
    if made.passthrough not in PASSTHROUGHS:
        raise BadRequestException(f"Invalid passthrough behavior specified. Valid options are {','.join(PASSTHROUGHS)}")
    longest = _STREAMING_TIMEOUT_MAX_MS if made.response_transfer_mode == "STREAM" else TIMEOUT_MAX_MS
    if not TIMEOUT_MIN_MS <= made.timeout_ms <= longest:
        raise BadRequestException(f"Timeout should be between {TIMEOUT_MIN_MS} ms and {longest} ms")
    for target, source in made.parameters.items():
        if not _TARGET(target):
            raise invalid_mapping(target)
        _check_source(source, method)
    for parameter in made.cache_key_parameters:
        if not _TARGET(parameter) and not _DECLARED(parameter):
            raise BadRequestException(f"Invalid cache key parameter specified: {parameter}")
    return made


def _check_source(source: str, method: Method) -> None:
    """What a parameter is set to: an expression, or what the method declares."""
    if _DECLARED(source):
        plain = source.removesuffix("[]").replace(".multivalue", ".")
        if plain not in {name.removesuffix("[]").replace(".multivalue", ".") for name in method.parameters or ()}:
            raise invalid_mapping(source, noun="expression parameter")
    elif not _SOURCE(source):
        raise invalid_mapping(source)


def _check_url(made: Integration) -> None:
    if made.connection_type == "VPC_LINK" and not made.connection_id:
        raise BadRequestException("VpcLinkId must be specified for VPC_LINK connection type")
    if not made.uri or not _URL(made.uri):
        raise BadRequestException("Invalid HTTP endpoint specified for URI")


def _check_service(made: Integration) -> None:
    uri = made.uri or ""
    if not uri.startswith("arn:") or uri.count(":") < 5:
        raise BadRequestException(_BAD_ARN)
    fits = _SERVICE_ARN(uri)
    if not fits:
        raise BadRequestException("AWS ARN for integration must contain path or action")
    service, kind, rest = fits.groups()
    service = service.rpartition(".")[2]  # `{subdomain}.s3`
    if made.type == "AWS_PROXY":
        function = service == "lambda" and kind == "path" and _FUNCTION_PATH(rest)
        if not function and (service, kind, rest) != ("firehose", "action", "PutRecord"):
            raise BadRequestException(_PROXIES)
    elif service != "lambda" and not made.credentials:
        raise BadRequestException("Role ARN must be specified for AWS integrations")


def integration_response(given: Mapping[str, Any], method: Method) -> IntegrationResponse:
    """An integration's response as PutIntegrationResponse's members describe it."""
    return check_integration_response(
        IntegrationResponse(
            status_code=given["statusCode"],
            selection_pattern=given.get("selectionPattern"),
            parameters=dict(given.get("responseParameters") or {}),
            templates=texts(given.get("responseTemplates")),
            content_handling=given.get("contentHandling") or None,
            empty=empties(given, "responseParameters", "responseTemplates"),
        ),
        method,
    )


def check_integration_response(made: IntegrationResponse, method: Method) -> IntegrationResponse:
    """An integration's response, if all of it is right for its method."""
    declared = method.responses.get(made.status_code)
    headers = (declared.parameters if declared else None) or {}
    for target, source in made.parameters.items():
        if target not in headers:
            raise invalid_mapping(target, noun="expression parameter")
        if not _RESPONSE_SOURCE(source):
            raise invalid_mapping(source)
    return made
