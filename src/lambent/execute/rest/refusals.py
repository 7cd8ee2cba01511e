"""What API Gateway answers by itself: every type of gateway response, and how users may change it.

A step of the pipeline raises a `Refusal`; `answer` writes it as the API's gateway responses say: those of its type,
else those of DEFAULT_4XX or DEFAULT_5XX. Templates of gateway responses know simple variables only, no loops or
conditions.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from typing import Final, NamedTuple

import orjson

from lambent.services.apigateway.model import GatewayResponse

JSON: Final = "application/json"


class _Type(NamedTuple):
    status: int
    message: str | None
    error: str


TYPES: Final[Mapping[str, _Type]] = {
    "ACCESS_DENIED": _Type(403, "Access Denied", "AccessDeniedException"),
    "API_CONFIGURATION_ERROR": _Type(500, "Internal server error", "InternalServerErrorException"),
    "AUTHORIZER_CONFIGURATION_ERROR": _Type(500, None, "AuthorizerConfigurationException"),
    "AUTHORIZER_FAILURE": _Type(500, None, "AuthorizerFailureException"),
    "BAD_REQUEST_BODY": _Type(400, "Invalid request body", "BadRequestException"),
    "BAD_REQUEST_PARAMETERS": _Type(400, "Missing required request parameters", "BadRequestException"),
    "EXPIRED_TOKEN": _Type(403, "The security token included in the request is expired", "ExpiredTokenException"),
    "INTEGRATION_FAILURE": _Type(504, "Network error communicating with endpoint", "InternalServerErrorException"),
    "INTEGRATION_TIMEOUT": _Type(504, "Endpoint request timed out", "InternalServerErrorException"),
    "INVALID_API_KEY": _Type(403, "Forbidden", "ForbiddenException"),
    "INVALID_SIGNATURE": _Type(403, "", "InvalidSignatureException"),
    "MISSING_AUTHENTICATION_TOKEN": _Type(403, "Missing Authentication Token", "MissingAuthenticationTokenException"),
    "QUOTA_EXCEEDED": _Type(429, "Limit Exceeded", "LimitExceededException"),
    "REQUEST_TOO_LARGE": _Type(413, "Request Too Long", "RequestTooLargeException"),
    "RESOURCE_NOT_FOUND": _Type(404, "Not Found", "NotFoundException"),
    "THROTTLED": _Type(429, "Too Many Requests", "TooManyRequestsException"),
    "UNAUTHORIZED": _Type(401, "Unauthorized", "UnauthorizedException"),
    "UNSUPPORTED_MEDIA_TYPE": _Type(415, "Unsupported Media Type", "BadRequestException"),
    "WAF_FILTERED": _Type(403, "Forbidden", "ForbiddenException"),
    "DEFAULT_4XX": _Type(400, "Bad Request", "BadRequestException"),
    "DEFAULT_5XX": _Type(500, "Internal server error", "InternalServerErrorException"),
}
_NAME = r"(?:context|stageVariables|method\.request\.(?:header|querystring|path))(?:\.[A-Za-z0-9_-]+)+"
_VARIABLE = re.compile(rf"\$\{{({_NAME})\}}|\$({_NAME})")


class Refusal(Exception):
    """The pipeline ends here, with the gateway response of `type`. `message` None is JSON's null (AWS tells nothing of
    why an authorizer fails); `note` is for the execution log alone."""

    def __init__(
        self,
        type: str,
        message: str | None = "",
        *,
        status: int = 0,
        error: str = "",
        validation: str = "",
        note: str = "",
    ) -> None:
        kind = TYPES[type]
        super().__init__(note or message or type)
        self.type = type
        self.message = kind.message if message == "" else message
        self.status = status or kind.status
        self.error = error or kind.error
        self.validation = validation
        self.note = note

    @property
    def message_string(self) -> str:
        """The message as JSON."""
        return orjson.dumps(self.message).decode()


def misconfigured(note: str, status: int = 500) -> Refusal:
    """500 (or 502) `Internal server error`: the API was set up so that this request cannot be served."""
    return Refusal("API_CONFIGURATION_ERROR" if status == 500 else "DEFAULT_5XX", status=status, note=note)


class Written(NamedTuple):
    """A refusal as it is sent."""

    status: int
    headers: list[tuple[str, str]]
    body: bytes


def write(
    refusal: Refusal, found: Mapping[str, GatewayResponse], accept: str, value: Callable[[str], str | None]
) -> Written:
    """The answer to a refused request. `found` are the API's own gateway responses by type; `accept` the Accept header;
    `value` gives the text of a variable (`context.requestId`, `method.request.header.origin`), None where it has
    none."""
    exact = found.get(refusal.type)
    general = found.get("DEFAULT_5XX" if refusal.status >= 500 else "DEFAULT_4XX")
    chosen = exact or general
    status = refusal.status
    headers: list[tuple[str, str]] = [("x-amzn-ErrorType", refusal.error)]
    if chosen is None:
        name = b"Message" if refusal.type == "ACCESS_DENIED" else b"message"
        return Written(
            status, [("Content-Type", JSON), *headers], b'{"%s":%s}' % (name, refusal.message_string.encode())
        )
    if chosen.status_code:
        status = int(chosen.status_code)
    for name_, expression in chosen.parameters.items():
        text = expression[1:-1] if _quoted(expression) else value(expression)
        if name_.startswith("gatewayresponse.header.") and text is not None:
            headers.append((name_.removeprefix("gatewayresponse.header."), text))
    kind, template = _template(chosen, accept)
    body = _VARIABLE.sub(lambda match: value(match[1] or match[2]) or "", template)
    if not any(name_.lower() == "content-type" for name_, _ in headers):
        headers.append(("Content-Type", kind))
    return Written(status, headers, body.encode("utf-8", "replace"))


def _quoted(text: str) -> bool:
    return len(text) >= 2 and text[0] == "'" == text[-1]


def _template(chosen: GatewayResponse, accept: str) -> tuple[str, str]:
    """The content type and template that suit the client best: JSON, where it says nothing."""
    templates = chosen.templates
    if not templates:
        return JSON, '{"message":$context.error.messageString}'
    for wanted in accept.split(","):
        name = wanted.partition(";")[0].strip().lower()
        if name in templates:
            return name, templates[name]
    if JSON in templates:
        return JSON, templates[JSON]
    return next(iter(templates.items()))
