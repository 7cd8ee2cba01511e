"""What functions are told of a request: the event of Lambda proxy integrations (payload format 1.0), the request's
context in it, and the event of a REQUEST authorizer."""

from __future__ import annotations

from typing import Any, Final

import orjson

from lambent.contracts.caller import Principal

from .exchange import Exchange
from .headers import TO_FUNCTIONS_DROPPED, is_signature, proper

_OUR_OWN: Final = frozenset(("x-amzn-trace-id", "x-forwarded-for", "x-forwarded-port", "x-forwarded-proto"))
"""Headers that are written anew."""


def identity(x: Exchange) -> dict[str, Any]:
    """Who asks, as `requestContext.identity` has it."""
    caller = x.caller
    user = role = None
    account = arn = None
    if caller is not None and caller.kind is not Principal.ANONYMOUS:
        account, arn, user = caller.account, caller.arn, caller.user_id
        role = user
    found: dict[str, Any] = {
        "cognitoIdentityPoolId": None,
        "accountId": account,
        "cognitoIdentityId": None,
        "caller": role,
        "sourceIp": "test-invoke-source-ip" if x.test else x.request.peer,
        "principalOrgId": None,
        "accessKey": x.access_key or None,
        "cognitoAuthenticationType": None,
        "cognitoAuthenticationProvider": None,
        "userArn": arn,
        "userAgent": x.request.headers.get("user-agent"),
        "user": user,
    }
    if x.api_key:
        found["apiKey"] = x.api_key
        found["apiKeyId"] = x.api_key_id
    return found


def request_context(x: Exchange) -> dict[str, Any]:
    """`requestContext` of events: what is known of the request before its integration."""
    found, domain = x.found, "testPrefix.testDomainName" if x.test else x.domain
    context: dict[str, Any] = {
        "resourceId": x.route.resource.id,
        "resourcePath": x.route.resource.path,
    }
    if x.route.method.operation_name:
        context["operationName"] = x.route.method.operation_name
    context |= {
        "httpMethod": x.request.method,
        "extendedRequestId": x.extended_id,
        "requestTime": x.time,
        "path": x.full_path,
        "accountId": found.account,
        "protocol": "HTTP/1.1",
        "stage": found.stage,
        "domainPrefix": domain.partition(".")[0],
        "requestTimeEpoch": x.started_ns // 1_000_000,
        "requestId": x.request_id,
        "identity": identity(x),
        "domainName": domain,
        "deploymentId": x.deployment,
        "apiId": found.api,
    }
    if x.authorizer is not None:
        context["authorizer"] = x.authorizer
    return context


def request_headers(x: Exchange) -> dict[str, list[str]]:
    """The request's headers as functions see them, each with all its values: names as they were sent. A signature was
    for API Gateway, which shows it to nobody."""
    request = x.request
    if x.test:
        return {proper(name): [value] for name, value in request.headers.items()}
    shown: dict[str, list[str]] = {}
    spelling: dict[str, str] = {}
    for name, value in request.fields():
        low = name.lower()
        if low in TO_FUNCTIONS_DROPPED or low in _OUR_OWN or is_signature(name, value):
            continue
        shown.setdefault(spelling.setdefault(low, proper(name)), []).append(value)
    shown["X-Amzn-Trace-Id"] = [x.trace_id]
    for name, value in forwarded(x).items():
        shown[name] = [value]
    return shown


def forwarded(x: Exchange) -> dict[str, str]:
    """The headers that tell a backend about the client."""
    request = x.request
    before = request.headers.get("x-forwarded-for")
    port = request.headers.get("host", "").rpartition(":")[2]
    return {
        "X-Forwarded-For": f"{before}, {request.peer}" if before else request.peer,
        "X-Forwarded-Port": port if port.isdigit() else "443" if request.secure else "80",
        "X-Forwarded-Proto": "https" if request.secure else "http",
    }


def _request(x: Exchange) -> dict[str, Any]:
    """The part that integrations and authorizers are told alike."""
    headers = request_headers(x)
    query = x.query_values
    return {
        "resource": x.route.resource.path,
        "path": x.path,
        "httpMethod": x.request.method,
        "headers": {name: values[-1] for name, values in headers.items()} or None,
        "multiValueHeaders": headers or None,
        "queryStringParameters": x.query or None,
        "multiValueQueryStringParameters": query or None,
        "pathParameters": x.parameters or None,
        "stageVariables": x.variables or None,
        "requestContext": request_context(x),
    }


def proxy_event(x: Exchange) -> bytes:
    """The event of a Lambda proxy integration."""
    event = _request(x)
    binary = bool(x.body) and x.request.headers.get("content-type", "") in x.plan.media
    if binary:
        # Deferred to bodies that need it: nearly all are text.
        from base64 import b64encode

        event["body"] = b64encode(x.body).decode()
    else:
        event["body"] = x.body.decode("utf-8", "replace") if x.body else None
    event["isBase64Encoded"] = binary
    return orjson.dumps(event)


def authorizer_event(x: Exchange) -> dict[str, Any]:
    """The event of a REQUEST authorizer."""
    event = _request(x)
    for name in ("headers", "multiValueHeaders", "queryStringParameters", "multiValueQueryStringParameters"):
        event[name] = event[name] or {}
    event["pathParameters"] = event["pathParameters"] or {}
    event["stageVariables"] = event["stageVariables"] or {}
    return {"type": "REQUEST", "methodArn": x.arn, **event}
