"""What functions are told of a request: payload formats 1.0 and 2.0, of integrations and of authorizers."""

from __future__ import annotations

import base64
from typing import Any, Final

from lambent.services.apigateway.v2.model import DEFAULT

from ..requests import parse_query
from .exchange import Exchange

_TEXTS: Final = ("text/", "application/json", "application/javascript", "application/xml")
_DROPPED: Final = frozenset(
    ("connection", "expect", "keep-alive", "proxy-connection", "te", "transfer-encoding", "upgrade")
)


def body_of(exchange: Exchange) -> tuple[str | None, bool]:
    """The body as JSON can carry it, and whether it is in base64: what is not a text by its content type is."""
    body = exchange.body
    if not body:
        return None, False
    kind = exchange.request.headers.get("content-type", "").lower()
    if not kind or kind.startswith(_TEXTS) or kind.partition(";")[0].endswith(("+json", "+xml")):
        try:
            return body.decode(), False
        except UnicodeDecodeError:
            pass
    return base64.b64encode(body).decode(), True


def shown_headers(exchange: Exchange) -> dict[str, str]:
    """The headers that functions see."""
    return {name: value for name, value in exchange.headers.items() if name not in _DROPPED}


def integration_event(exchange: Exchange, version: str) -> dict[str, Any]:
    """The event of a Lambda integration."""
    event = _event_two(exchange) if version == "2.0" else _event_one(exchange)
    body, encoded = body_of(exchange)
    if body is not None or version == "1.0":
        event["body"] = body
    event["isBase64Encoded"] = encoded
    return event


def _event_two(exchange: Exchange) -> dict[str, Any]:
    request = exchange.request
    headers = shown_headers(exchange)
    event: dict[str, Any] = {
        "version": "2.0",
        "routeKey": exchange.step.key,
        "rawPath": exchange.shown_path,
        "rawQueryString": request.query,
    }
    cookie = headers.pop("cookie", "")
    if cookie:
        event["cookies"] = [part.strip() for part in cookie.split(";") if part.strip()]
    event["headers"] = headers
    if request.query:
        event["queryStringParameters"] = {name: ",".join(values) for name, values in parse_query(request.query).items()}
    event["requestContext"] = context_two(exchange)
    if exchange.parameters:
        event["pathParameters"] = exchange.parameters
    if exchange.stage.variables:
        event["stageVariables"] = exchange.stage.variables
    return event


def context_two(exchange: Exchange) -> dict[str, Any]:
    """`requestContext` of format 2.0."""
    found, request = exchange.found, exchange.request
    domain = exchange.domain
    context: dict[str, Any] = {
        "accountId": found.account,
        "apiId": found.api,
        "domainName": domain,
        "domainPrefix": domain.partition(".")[0],
        "http": {
            "method": request.method,
            "path": exchange.shown_path,
            "protocol": "HTTP/1.1",
            "sourceIp": request.peer,
            "userAgent": request.headers.get("user-agent", ""),
        },
        "requestId": exchange.request_id,
        "routeKey": exchange.step.key,
        "stage": exchange.stage.name,
        "time": exchange.time,
        "timeEpoch": exchange.started_ns // 1_000_000,
    }
    if exchange.authorizer is not None:
        context["authorizer"] = exchange.authorizer
    return context


def _event_one(exchange: Exchange) -> dict[str, Any]:
    request = exchange.request
    headers = shown_headers(exchange)
    query = parse_query(request.query)
    return {
        "version": "1.0",
        "resource": exchange.step.path,
        "path": exchange.shown_path,
        "httpMethod": request.method,
        "headers": headers,
        "multiValueHeaders": {name: [value] for name, value in headers.items()},
        "queryStringParameters": {name: values[-1] for name, values in query.items()} or None,
        "multiValueQueryStringParameters": query or None,
        "requestContext": context_one(exchange),
        "pathParameters": exchange.parameters or None,
        "stageVariables": exchange.stage.variables or None,
    }


def context_one(exchange: Exchange) -> dict[str, Any]:
    """`requestContext` of format 1.0."""
    found, request = exchange.found, exchange.request
    domain = exchange.domain
    iam = (exchange.authorizer or {}).get("iam", {})
    context: dict[str, Any] = {
        "accountId": found.account,
        "apiId": found.api,
        "domainName": domain,
        "domainPrefix": domain.partition(".")[0],
        "extendedRequestId": exchange.request_id,
        "httpMethod": request.method,
        "identity": {
            "accessKey": iam.get("accessKey"),
            "accountId": iam.get("accountId"),
            "caller": iam.get("callerId"),
            "cognitoAmr": None,
            "cognitoAuthenticationProvider": None,
            "cognitoAuthenticationType": None,
            "cognitoIdentityId": None,
            "cognitoIdentityPoolId": None,
            "principalOrgId": None,
            "sourceIp": request.peer,
            "user": iam.get("userId"),
            "userAgent": request.headers.get("user-agent", ""),
            "userArn": iam.get("userArn"),
        },
        "path": exchange.shown_path,
        "protocol": "HTTP/1.1",
        "requestId": exchange.request_id,
        "requestTime": exchange.time,
        "requestTimeEpoch": exchange.started_ns // 1_000_000,
        "resourceId": None if exchange.step.key == DEFAULT else exchange.step.key,
        "resourcePath": exchange.step.path,
        "stage": exchange.stage.name,
    }
    authorizer = _authorizer_one(exchange)
    if authorizer is not None:
        context["authorizer"] = authorizer
    return context


def _authorizer_one(exchange: Exchange) -> dict[str, Any] | None:
    """What format 1.0 says of who was let in: a function's context lies flat in it, beside the principal."""
    given = exchange.authorizer or {}
    if "jwt" in given:
        return dict(given["jwt"])
    if "lambda" in given:
        principal = {"principalId": exchange.principal_id} if exchange.principal_id else {}
        return {**principal, **(given["lambda"] or {})}
    return None


def authorizer_event(exchange: Exchange, version: str, identity: list[str], arn: str) -> dict[str, Any]:
    """The event of a Lambda authorizer: the request without its body. `identity` are the values of its sources."""
    if version == "2.0":
        event = _event_two(exchange)
        return {
            "version": "2.0",
            "type": "REQUEST",
            "routeArn": arn,
            "identitySource": identity or None,
            **{name: value for name, value in event.items() if name != "version"},
        }
    event = _event_one(exchange)
    joined = ",".join(identity)
    return {
        "version": "1.0",
        "type": "REQUEST",
        "methodArn": arn,
        "identitySource": joined,
        "authorizationToken": joined,
        **{
            name: event[name]
            for name in event
            if name not in ("version", "multiValueHeaders", "multiValueQueryStringParameters")
        },
    }
