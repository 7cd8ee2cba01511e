"""Whatever stands in a document: it is read, or refused in words; nothing else happens."""

from __future__ import annotations

import copy
import json
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from lambent.services.apigateway import openapi

X = "x-amazon-apigateway-"
PARAMETER = {"in": "query", "name": "q", "required": True, "schema": {"type": "string"}}
INTEGRATION = {
    "type": "aws",
    "httpMethod": "POST",
    "uri": "arn:aws:apigateway:us-east-1:sqs:path/q",
    "credentials": "arn:aws:iam::000000000000:role/r",
    "requestParameters": {"integration.request.header.A": "'b'"},
    "requestTemplates": {"application/json": "{}"},
    "cacheKeyParameters": ["method.request.querystring.q"],
    "tlsConfig": {"insecureSkipVerification": True},
    "timeoutInMillis": 50,
    "responses": {
        "default": {
            "statusCode": "200",
            "responseParameters": {"method.response.header.A": "'b'"},
            "responseTemplates": {"c": "d"},
        }
    },
}
OPERATION = {
    "operationId": "o",
    "parameters": [PARAMETER, {"$ref": "#/components/parameters/P"}],
    "consumes": ["a/b"],
    "requestBody": {"content": {"application/json": {"schema": {"$ref": "#/components/schemas/S"}}}},
    "responses": {"200": {"headers": {"A": {}}, "content": {"a/b": {"schema": {}}}, "schema": {"type": "object"}}},
    "security": [{"a": ["s"], "k": []}],
    X + "auth": {"type": "AWS_IAM"},
    X + "request-validator": "v",
    X + "integration": INTEGRATION,
}
AUTHORIZER = {
    "authorizerUri": "arn:aws:apigateway:us-east-1:lambda:path/2015-03-31/functions/arn:f/invocations",
    "type": "request",
    "identitySource": "a,b",
    "providerARNs": ["x"],
    "authorizerResultTtlInSeconds": 1,
}
POLICY = {"Effect": "Allow", "Principal": "*", "Action": "execute-api:Invoke", "Resource": "execute-api:/*"}
COMMON: dict[str, Any] = {
    "info": {"title": "t", "description": "d", "version": "1"},
    "paths": {"/a/{b}": {"parameters": [PARAMETER], "get": OPERATION, X + "any-method": OPERATION}},
    "security": [{"a": []}],
    "tags": [{"name": "n", X + "tag-value": "v"}],
    X + "request-validators": {"v": {"validateRequestBody": True}},
    X + "gateway-responses": {"DEFAULT_4XX": {"statusCode": 400, "responseParameters": {}, "responseTemplates": {}}},
    X + "binary-media-types": ["a/b"],
    X + "minimum-compression-size": 5,
    X + "policy": {"Version": "2012-10-17", "Statement": [POLICY]},
    X + "api-key-source": "HEADER",
    X + "endpoint-configuration": {"vpcEndpointIds": ["v"], "disableExecuteApiEndpoint": True},
    X + "documentation": {"version": "1", "documentationParts": [{"location": {"type": "API"}, "properties": {}}]},
}
SCHEMES = {
    "a": {"type": "apiKey", "name": "n", X + "authorizer": AUTHORIZER},
    "k": {"type": "apiKey", "name": "x-api-key"},
}
SCHEMAS = {"S": {"type": "object", "properties": {"s": {"$ref": "#/components/schemas/S"}}}}
DOCUMENTS = (
    {"swagger": "2.0", "basePath": "/x/y", "definitions": SCHEMAS, "securityDefinitions": SCHEMES, **COMMON},
    {
        "openapi": "3.0.1",
        "servers": [{"url": "https://h/{b}", "variables": {"b": {"default": "x"}}}],
        "components": {"schemas": SCHEMAS, "securitySchemes": SCHEMES, "parameters": {"P": PARAMETER}},
        **COMMON,
    },
)
ANYTHING = st.recursive(
    st.none()
    | st.booleans()
    | st.integers()
    | st.floats(allow_nan=False)
    | st.text(max_size=5)
    | st.just("#/components"),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.sampled_from(["$ref", "get", "type", "a"]), inner),
    max_leaves=5,
)


def _places(value: Any, path: tuple[Any, ...] = ()) -> list[tuple[Any, ...]]:
    children = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    return [path, *(found for key, child in children for found in _places(child, (*path, key)))]


@pytest.mark.slow
@settings(max_examples=150, deadline=None)
@given(st.data())
def test_any_value_in_any_place(data: st.DataObject) -> None:
    document = copy.deepcopy(data.draw(st.sampled_from(DOCUMENTS)))
    for _ in range(data.draw(st.integers(1, 3))):
        path = data.draw(st.sampled_from(_places(document)[1:]))
        holder: Any = document
        for key in path[:-1]:
            holder = holder[key]
        holder[path[-1]] = data.draw(ANYTHING)
    try:
        openapi.read(openapi.load(json.dumps(document).encode()), "a1", data.draw(st.sampled_from(["ignore", "split"])))
    except (openapi.Unreadable, openapi.ImportFailed):
        pass
