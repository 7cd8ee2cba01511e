"""What AWS checks of APIs, routes, integrations and authorizers before it stores them. Each raises
`BadRequestException`, or `NotFoundException` for what is named and not there."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any, Final

from lambent.contracts.ports import Reader

from . import keys
from .errors import BadRequestException, missing
from .model import CONNECT, DEFAULT, HTTP_SELECTION, TIMEOUT_MS_MAX, Api, Authorizer, Cors, Integration, Route

METHODS: Final = ("ANY", "DELETE", "GET", "HEAD", "OPTIONS", "PATCH", "POST", "PUT")
SUBTYPES: Final[Mapping[str, tuple[str, ...]]] = {
    "EventBridge-PutEvents": ("Detail", "DetailType", "Source"),
    "SQS-SendMessage": ("QueueUrl", "MessageBody"),
    "SQS-ReceiveMessage": ("QueueUrl",),
    "SQS-DeleteMessage": ("QueueUrl", "ReceiptHandle"),
    "SQS-PurgeQueue": ("QueueUrl",),
    "AppConfig-GetConfiguration": ("Application", "Environment", "Configuration", "ClientId"),
    "Kinesis-PutRecord": ("StreamName", "Data", "PartitionKey"),
    "StepFunctions-StartExecution": ("StateMachineArn",),
    "StepFunctions-StartSyncExecution": ("StateMachineArn",),
    "StepFunctions-StopExecution": ("ExecutionArn",),
}
"""Service integrations of HTTP APIs, and the parameters that each needs."""
_FORMAT: Final = (
    "The provided route key is not formatted properly for HTTP protocol. "
    'Format should be "<HTTP METHOD> /<RESOURCE PATH>" or "$default"'
)
_SEGMENT: Final = re.compile(r"(\{[A-Za-z0-9._\-:]+\+?\})|[^{}/\s]+")
_STAGE_NAME: Final = re.compile(r"[A-Za-z0-9_-]{1,128}")
_SOURCE: Final = re.compile(r"\$(request\.(header|querystring)\.[^\s]+|context\.[A-Za-z.]+|stageVariables\.\w+)")
_SELECTIONS: Final = (HTTP_SELECTION, "${request.method} ${request.path}")


def check_api(api: Api, cors: Cors | None) -> None:
    """Whether the members of an API fit its protocol."""
    if not api.name.strip():
        raise BadRequestException("API name must not be empty")
    if api.protocol == "HTTP":
        if api.route_selection not in _SELECTIONS:
            raise BadRequestException(
                "Invalid routeSelectionExpression. HTTP APIs only support: ${request.method} ${request.path}"
            )
    elif cors is not None:
        raise BadRequestException("CORS configuration is only supported for HTTP APIs")
    if cors is None:
        return
    if cors.allow_credentials and "*" in (cors.allow_origins or ()):
        raise BadRequestException("allowCredentials cannot be true when allowOrigins contains '*'")
    for origin in cors.allow_origins or ():
        if origin != "*" and "://" not in origin:
            raise BadRequestException(f"Invalid format for origin {origin}. Origin should be of the form scheme://host")
    for method in cors.allow_methods or ():
        if method != "*" and method.upper() not in METHODS:
            raise BadRequestException(f"Invalid HTTP method in allowMethods: {method}")
    if cors.max_age_s is not None and not -1 <= cors.max_age_s <= 86_400:
        raise BadRequestException("maxAge must be between -1 and 86400")


def check_route_key(api: Api, key: str) -> None:
    """Whether a route's key is well formed for the API's protocol."""
    if api.protocol != "HTTP" or key == DEFAULT:
        if not key:
            raise BadRequestException("The provided route key must not be empty")
        return
    method, separator, path = key.partition(" ")
    if not separator or method not in METHODS or not path.startswith("/"):
        raise BadRequestException(_FORMAT)
    segments = path[1:].split("/")
    if segments[-1] == "":
        segments.pop()  # the root, or a slash at the end
    names: list[str] = []
    for place, segment in enumerate(segments):
        if not _SEGMENT.fullmatch(segment):
            raise BadRequestException(_FORMAT)
        if segment.startswith("{"):
            names.append(segment.strip("{}").rstrip("+"))
            if segment.endswith("+}") and place != len(segments) - 1:
                raise BadRequestException("Greedy path variables are only allowed at the end of a route key's path")
    if len(set(names)) != len(names):
        raise BadRequestException("Path parameter names must be unique within a route key")


def check_route(tx: Reader, api: Api, route: Route) -> None:
    """Whether a route fits its API, and what it names is there."""
    check_route_key(api, route.key)
    allowed = ("NONE", "AWS_IAM", "CUSTOM", "JWT") if api.protocol == "HTTP" else ("NONE", "AWS_IAM", "CUSTOM")
    kind = route.authorization_type
    if kind not in allowed:
        raise BadRequestException(f"Authorization type {kind} is not supported for {api.protocol} APIs")
    if api.protocol == "HTTP" and route.api_key_required:
        raise BadRequestException("API keys are not supported for HTTP APIs")
    if api.protocol == "WEBSOCKET" and kind != "NONE" and route.key != CONNECT:
        raise BadRequestException("Currently, authorization is restricted to the $connect route only")
    if kind in ("CUSTOM", "JWT"):
        found = keys.authorizers.get(tx, api.id, route.authorizer or "")
        if found is None:
            raise missing("Authorizer", route.authorizer or "")
        if (found.type == "JWT") != (kind == "JWT"):
            raise BadRequestException(f"Authorizer type {found.type} does not match authorization type {kind}")
    if route.scopes and kind != "JWT":
        raise BadRequestException("Authorization scopes are only supported with authorization type JWT")
    if route.target:
        if not route.target.startswith("integrations/"):
            raise BadRequestException("Invalid target. It must be of the form integrations/<integrationId>")
        if keys.integrations.get(tx, api.id, route.integration) is None:
            raise missing("Integration", route.integration)


def check_integration(tx: Reader, api: Api, made: Integration) -> None:
    """Whether an integration fits its API."""
    most = TIMEOUT_MS_MAX[api.protocol]
    if not 50 <= made.timeout_ms <= most:
        raise BadRequestException(f"Timeout should be between 50 ms and {most} ms")
    if api.protocol == "HTTP":
        _check_http_integration(made)
    elif made.type not in ("AWS", "AWS_PROXY", "HTTP", "HTTP_PROXY", "MOCK"):
        raise BadRequestException(f"Invalid integration type {made.type}")
    if made.connection_type == "VPC_LINK":
        link = keys.vpc_links.get(tx, api.account, api.region, made.connection_id or "")
        if link is None:
            raise missing("VpcLink", made.connection_id or "")


def _check_http_integration(made: Integration) -> None:
    if made.type not in ("AWS_PROXY", "HTTP_PROXY"):
        raise BadRequestException(f"Integration type {made.type} is not supported for HTTP APIs")
    if made.payload_format not in (None, "1.0", "2.0"):
        raise BadRequestException(f"Payload format version {made.payload_format} is not supported")
    if made.subtype is not None:
        _check_service(made)
    elif made.type == "AWS_PROXY":
        if not function_of(made.uri):
            raise BadRequestException("Invalid Integration URI specified: AWS_PROXY needs the ARN of a Lambda function")
        if made.payload_format is None:
            raise BadRequestException("PayloadFormatVersion is a required parameter for integration type AWS_PROXY")
    else:
        if made.payload_format == "2.0":
            raise BadRequestException("PayloadFormatVersion 2.0 is not supported for integration type HTTP_PROXY")
        if made.method is None:
            raise BadRequestException("HttpMethod is a required parameter for integration type HTTP_PROXY")
        if made.connection_type == "INTERNET" and not (made.uri or "").startswith(("http://", "https://")):
            raise BadRequestException("Invalid HTTP endpoint specified for URI")


def _check_service(made: Integration) -> None:
    needed = SUBTYPES.get(made.subtype or "")
    if made.type != "AWS_PROXY" or needed is None:
        raise BadRequestException(f"The integration subtype {made.subtype} is not supported")
    if not made.credentials:
        raise BadRequestException("Credentials are required for an integration with an AWS service")
    for name in needed:
        if name not in (made.request_parameters or {}):
            raise BadRequestException(f"Parameter {name} is required for integration subtype {made.subtype}")


def function_of(uri: str | None) -> str:
    """The ARN of the Lambda function that a URI of either spelling leads to, stage variables still in it; empty when it
    leads to none."""
    text = uri or ""
    if ":lambda:path/" in text:
        text = text.partition("/functions/")[2].removesuffix("/invocations")
    return text if text.startswith("arn:") and ":lambda:" in text and ":function:" in text else ""


def check_authorizer(api: Api, made: Authorizer) -> None:
    """Whether an authorizer is complete."""
    if made.type == "JWT":
        if api.protocol != "HTTP":
            raise BadRequestException("JWT authorizers are only supported for HTTP APIs")
        if not made.issuer or not made.issuer.startswith(("https://", "http://")):
            raise BadRequestException(f"Invalid issuer: {made.issuer}. Issuer must have a valid URL")
        if not made.audience:
            raise BadRequestException("Audience list must have at least one value")
        if len(made.identity_source) != 1:
            raise BadRequestException("JWT authorizers need exactly one identity source")
    else:
        if not function_of(made.uri):
            raise BadRequestException("Invalid Authorizer URI: it must be that of a Lambda function")
        if api.protocol == "HTTP" and made.payload_format not in ("1.0", "2.0"):
            raise BadRequestException(
                "AuthorizerPayloadFormatVersion is a required parameter for REQUEST authorizers of HTTP APIs"
            )
        if made.simple_responses and made.payload_format != "2.0":
            raise BadRequestException("Simple responses are only supported with payload format version 2.0")
    if made.ttl_s and not made.identity_source:
        raise BadRequestException("Identity source must be specified when caching is enabled")
    if api.protocol == "HTTP":
        for source in made.identity_source:
            if not _SOURCE.fullmatch(source):
                raise BadRequestException(f"Invalid mapping expression specified: {source}")


def check_stage_name(api: Api, name: str) -> None:
    """Whether a stage may be called so."""
    if name == DEFAULT and api.protocol == "HTTP":
        return
    if not _STAGE_NAME.fullmatch(name):
        raise BadRequestException("Stage name only allows a-zA-Z0-9_- and '$default' for HTTP APIs")


def check_settings(tx: Reader, api: Api, given: Mapping[str, Any], default: Mapping[str, Any]) -> None:
    """Whether a stage's route settings name routes, and what the protocol has."""
    for key in given:
        if keys.route_keys.get(tx, api.id, key) is None:
            raise keys.no_route(key)
    for settings in (default, *given.values()):
        if api.protocol == "HTTP" and settings.get("LoggingLevel", "OFF") != "OFF":
            raise BadRequestException("Execution logs are not supported on protocolType HTTP")
        if api.protocol == "HTTP" and settings.get("DataTraceEnabled"):
            raise BadRequestException("Data tracing is not supported on protocolType HTTP")
        for limit in ("ThrottlingBurstLimit", "ThrottlingRateLimit"):
            if settings.get(limit) is not None and settings[limit] < 0:
                raise BadRequestException(f"{limit} must not be negative")
