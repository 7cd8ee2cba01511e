"""Authorizers, documentation, request validators and gateway responses as AWS was recorded to answer."""

from __future__ import annotations

import json
from datetime import datetime
from typing import Any

import pytest

from .wire import NO_API, Like, Of, Wire, bad, conflict, invalid, missing, patch

ID = Like("[a-z0-9]{6,10}")
NO_PART = missing("Invalid Documentation part identifier specified")
NO_VALIDATOR = missing("Invalid Request Validator identifier specified")


async def api(wire: Wire, **params: Any) -> str:
    made: str = (await wire.made("CreateRestApi", name="books", **params))["id"]
    return made


@pytest.mark.recorded("TestApiGatewayApiAuthorizer::test_authorizer_crud_no_api")
async def test_authorizers_of_no_api() -> None:
    wire, where = Wire(), {"restApiId": "test-fake-rest-id"}
    assert await wire.ask("CreateAuthorizer", **where, name="fake-auth-name", type="TOKEN") == conflict(
        "Unable to complete operation due to concurrent modification. Please try again later."
    )
    assert await wire.ask("GetAuthorizers", **where) == missing(f"{NO_API}test-fake-rest-id")


@pytest.mark.recorded("TestApiGatewayApiDocumentationPart::test_doc_parts_crud_no_api")
@pytest.mark.recorded("TestApiGatewayApiDocumentationPart::test_invalid_get_documentation_parts")
@pytest.mark.recorded("TestApiGatewayApiRequestValidator::test_invalid_get_request_validators")
@pytest.mark.recorded("TestApiGatewayApiRequestValidator::test_create_request_validator_invalid_api_id")
@pytest.mark.recorded("TestApiGatewayVpcLink::test_update_vpc_link_invalid_id")
async def test_parts_of_no_api() -> None:
    wire, where = Wire(), {"restApiId": "test-fake-rest-id"}
    part = {"location": {"type": "API"}, "properties": '{"foo": "bar"}'}
    none = missing(f"{NO_API}test-fake-rest-id")
    assert await wire.ask("CreateDocumentationPart", **where, **part) == none
    assert await wire.ask("GetDocumentationParts", **where) == none
    assert await wire.ask("GetRequestValidators", **where) == none
    no_validator = bad("Invalid REST API identifier specified")
    assert await wire.ask("CreateRequestValidator", **where, name="validator") == no_validator
    link = await wire.ask("UpdateVpcLink", vpcLinkId="invalid", patchOperations=[patch("replace", "/name", "x")])
    assert link == missing("Invalid Vpc Link identifier specified")


@pytest.mark.recorded("TestApiGatewayApiDocumentationPart::test_import_documentation_parts_bad_file")
@pytest.mark.parametrize("body", [b'{"documentationParts": [', b"documentationParts: [", b"random text"])
async def test_documentation_that_is_none(body: bytes) -> None:
    wire = Wire()
    where = {"restApiId": await api(wire)}
    answer = await wire.ask("ImportDocumentationParts", **where, mode="overwrite", body=body)
    assert answer == bad("Unable to build importer with provided input.")


@pytest.mark.recorded("TestApiGatewayApiDocumentationPart::test_invalid_create_documentation_part_operations")
@pytest.mark.recorded("TestApiGatewayApiDocumentationPart::test_invalid_delete_documentation_part")
@pytest.mark.recorded("TestApiGatewayApiDocumentationPart::test_invalid_get_documentation_part")
@pytest.mark.recorded("TestApiGatewayApiDocumentationPart::test_invalid_update_documentation_part")
async def test_parts_of_the_documentation_that_cannot_be() -> None:
    wire = Wire()
    none, where = {"restApiId": "api_id"}, {"restApiId": await api(wire)}
    given = {"location": {"type": "API"}, "properties": '{"foo": "bar"}'}
    assert await wire.ask("CreateDocumentationPart", **none, **given) == missing(f"{NO_API}api_id")
    wrong = {**given, "location": {"type": "INVALID"}}
    assert await wire.ask("CreateDocumentationPart", **where, **wrong) == invalid(
        "1 validation error detected: Value 'INVALID' at 'createDocumentationPartInput.location.type' failed to "
        "satisfy constraint: Member must satisfy enum value set: [RESPONSE_BODY, RESPONSE, METHOD, MODEL, AUTHORIZER, "
        "RESPONSE_HEADER, RESOURCE, PATH_PARAMETER, REQUEST_BODY, QUERY_PARAMETER, API, REQUEST_HEADER]"
    )
    part = {"documentationPartId": (await wire.made("CreateDocumentationPart", **where, **given))["id"]}
    assert await wire.ask("GetDocumentationPart", **none, **part) == NO_PART
    assert await wire.ask("GetDocumentationPart", **where, documentationPartId="docid") == NO_PART
    change = {"patchOperations": [patch("replace", "/properties", '{"foo": "baz"}')]}
    assert await wire.ask("UpdateDocumentationPart", **none, **part, **change) == NO_PART
    change = {"patchOperations": [patch("add", "/properties", '{"foo": "baz"}')]}
    assert await wire.ask("UpdateDocumentationPart", **where, **part, **change) == bad(
        "Invalid patch path  '/properties' specified for op 'add'. Please choose supported operations"
    )
    change = {"patchOperations": [patch("replace", "/invalidPath", '{"foo": "baz"}')]}
    assert await wire.ask("UpdateDocumentationPart", **where, **part, **change) == bad(
        "Invalid patch path  '/invalidPath' specified for op 'replace'. Must be one of: [/properties]"
    )
    assert await wire.ask("DeleteDocumentationPart", **none, **part) == missing(f"{NO_API}api_id")
    assert await wire.ask("DeleteDocumentationPart", **where, **part) == (202, {})
    assert await wire.ask("DeleteDocumentationPart", **where, **part) == NO_PART


@pytest.mark.recorded("TestDocumentations::test_documentation_parts_and_versions")
async def test_parts_and_versions_of_the_documentation() -> None:
    wire = Wire()
    where = {"restApiId": await api(wire)}
    given = {"location": {"type": "API"}, "properties": '{"foo": "bar"}'}
    status, part = await wire.ask("CreateDocumentationPart", **where, **given)
    assert (status, part) == (201, {"id": ID, **given})
    assert await wire.ask("GetDocumentationParts", **where) == (200, {"items": [part]})
    version = {"version": "v123", "createdDate": Of(datetime)}
    assert await wire.ask("CreateDocumentationVersion", **where, documentationVersion="v123") == (201, version)
    changed = await wire.ask(
        "UpdateDocumentationVersion",
        **where,
        documentationVersion="v123",
        patchOperations=[patch("replace", "/description", "doc version new")],
    )
    assert changed == (200, {**version, "description": "doc version new"})
    assert await wire.ask("GetDocumentationVersion", **where, documentationVersion="v123") == changed


@pytest.mark.recorded("TestApiGatewayApiRequestValidator::test_invalid_delete_request_validator")
@pytest.mark.recorded("TestApiGatewayApiRequestValidator::test_invalid_get_request_validator")
@pytest.mark.parametrize("operation", ["GetRequestValidator", "DeleteRequestValidator"])
async def test_validators_that_are_not_there(operation: str) -> None:
    wire = Wire()
    where = {"restApiId": await api(wire)}
    made = await wire.made("CreateRequestValidator", **where, name="validator")
    assert await wire.ask(operation, **where, requestValidatorId="validator-id") == NO_VALIDATOR
    assert await wire.ask(operation, restApiId="api-id", requestValidatorId=made["id"]) == NO_VALIDATOR


@pytest.mark.recorded("TestApiGatewayApiRequestValidator::test_request_validator_lifecycle")
async def test_the_life_of_a_validator() -> None:
    wire = Wire()
    status, made = await wire.ask("CreateRestApi", name="books", description="my api")
    assert (status, made) == (
        201,
        {
            "id": ID,
            "name": "books",
            "description": "my api",
            "createdDate": Of(datetime),
            "apiKeySource": "HEADER",
            "endpointConfiguration": {"types": ["EDGE"], "ipAddressType": "ipv4"},
            "disableExecuteApiEndpoint": False,
            "rootResourceId": ID,
        },
    )
    where = {"restApiId": made["id"]}
    off = {"id": ID, "name": "validator", "validateRequestBody": False, "validateRequestParameters": False}
    status, validator = await wire.ask("CreateRequestValidator", **where, name="validator")
    assert (status, validator) == (201, off)
    one = {**where, "requestValidatorId": validator["id"]}
    assert await wire.ask("GetRequestValidators", **where) == (200, {"items": [off]})
    assert await wire.ask("GetRequestValidator", **one) == (200, off)
    for value, on in ((None, False), ("true", True), ("false", False)):
        patches = [patch("replace", "/validateRequestBody", value)]
        changed = await wire.ask("UpdateRequestValidator", **one, patchOperations=patches)
        assert changed == (200, {**off, "validateRequestBody": on})
    assert await wire.ask("GetRequestValidator", **one) == (200, off)
    assert await wire.ask("DeleteRequestValidator", **one) == (202, {})
    assert await wire.ask("GetRequestValidator", **one) == NO_VALIDATOR
    assert await wire.ask("GetRequestValidators", **where) == (200, {"items": []})


HEADERS = {
    "gatewayresponse.header.Access-Control-Allow-Origin": "'a.b.c'",
    "gatewayresponse.header.x-request-header": "method.request.header.Accept",
    "gatewayresponse.header.x-request-path": "method.request.path.petId",
    "gatewayresponse.header.x-request-query": "method.request.querystring.q",
}
DEFAULT = {"application/json": '{"message":$context.error.messageString}'}
NESTED = {"application/json": json.dumps(DEFAULT)}
XML = (
    "<gatewayResponse><message>$context.error.messageString</message>"
    "<type>$context.error.responseType</type></gatewayResponse>"
)


@pytest.mark.recorded("TestApiGatewayGatewayResponse::test_update_gateway_response")
async def test_a_gateway_response_changes() -> None:
    wire = Wire()
    plain = {"restApiId": await api(wire), "responseType": "DEFAULT_4XX"}
    shown = {"responseType": "DEFAULT_4XX", "defaultResponse": False, "responseParameters": {}}
    renumbered = {**shown, "statusCode": "444", "responseTemplates": DEFAULT}
    status_444 = [patch("replace", "/statusCode", "444")]
    assert await wire.ask("UpdateGatewayResponse", **plain, patchOperations=status_444) == (200, renumbered)
    assert await wire.ask("GetGatewayResponse", **plain) == (200, renumbered)

    where = {"restApiId": await api(wire), "responseType": "DEFAULT_4XX"}
    put = {"statusCode": "404", "responseParameters": HEADERS, "responseTemplates": NESTED}
    assert await wire.ask("PutGatewayResponse", **where, **put) == (201, {**shown, **put})
    origin = "gatewayresponse.header.Access-Control-Allow-Origin"
    patches = [
        *status_444,
        patch("replace", f"/responseParameters/{origin}", "'example.com'"),
        patch("add", "/responseTemplates/application~1xml", XML),
    ]
    changed = {
        **shown,
        "statusCode": "444",
        "responseParameters": {**HEADERS, origin: "'example.com'"},
        "responseTemplates": {**NESTED, "application/xml": XML},
    }
    assert await wire.ask("UpdateGatewayResponse", **where, patchOperations=patches) == (200, changed)
    assert await wire.ask("GetGatewayResponse", **where) == (200, changed)


@pytest.mark.recorded("TestApiGatewayGatewayResponse::test_update_gateway_response")
@pytest.mark.parametrize(
    ("operation", "expected"),
    [
        (patch("add", "/statusCode", "444"), bad("Invalid patch path /statusCode")),
        (patch("remove", "/statusCode"), bad("Invalid patch path /statusCode")),
        (patch("replace"), bad("Invalid patch path null")),
        (patch("replace", "/wrongPath", "x"), bad("Invalid patch path /wrongPath")),
        (
            patch("replace", "/responseParameters/gatewayresponse.header.none", "'x'"),
            missing("Invalid parameter name specified"),
        ),
        (
            patch("replace", "/responseTemplates/application~1json"),
            bad("Invalid null or empty value in responseTemplates"),
        ),
        (
            patch("replace", "/responseParameters/gatewayresponse.header.Access-Control-Allow-Origin"),
            bad("Invalid null or empty value in responseParameters"),
        ),
        (
            patch("wrong-op", "/statusCode", "444"),
            invalid(
                "1 validation error detected: Value 'wrong-op' at 'updateGatewayResponseInput.patchOperations.1.member"
                ".op' failed to satisfy constraint: Member must satisfy enum value set: [add, remove, move, test, "
                "replace, copy]"
            ),
        ),
    ],
)
async def test_a_gateway_response_does_not_change(operation: dict[str, str], expected: Any) -> None:
    wire = Wire()
    where = {"restApiId": await api(wire), "responseType": "DEFAULT_4XX"}
    await wire.made(
        "PutGatewayResponse", **where, statusCode="404", responseParameters=HEADERS, responseTemplates=NESTED
    )
    assert await wire.ask("UpdateGatewayResponse", **where, patchOperations=[operation]) == expected
