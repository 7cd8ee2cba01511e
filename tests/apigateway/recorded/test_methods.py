"""Methods, their responses and the models that they name, as AWS was recorded to answer."""

from __future__ import annotations

from typing import Any

import pytest

from .wire import Answer, Like, Wire, bad, conflict, missing, patch

ID = Like("[a-z0-9]{6}")
NO_RESOURCE = missing("Invalid Resource identifier specified")
NO_METHOD = missing("Invalid Method identifier specified")
NO_AUTHORIZER = bad(
    "Invalid authorizer ID specified. Setting the authorization type to CUSTOM or COGNITO_USER_POOLS requires a valid "
    "authorizer."
)
NO_VALIDATOR = bad("Invalid Request Validator identifier specified")
ONLY_REPLACE = bad("Invalid patch operation specified. Must be one of: [replace]")
NO_PARAMETER = missing("Invalid parameter name specified")
NO_CONTENT_TYPE = missing("Content-Type specified was not found")
ANY = {"apiKeyRequired": False, "authorizationType": "NONE", "httpMethod": "ANY"}


async def api(wire: Wire) -> dict[str, Any]:
    """Where the root of a new API is."""
    made = await wire.made("CreateRestApi", name="books")
    return {"restApiId": made["id"], "resourceId": made["rootResourceId"]}


@pytest.mark.recorded("TestApiGatewayApiResource::test_create_resource_parent_invalid")
async def test_a_resource_below_none() -> None:
    wire = Wire()
    where = {"restApiId": (await api(wire))["restApiId"]}
    assert await wire.ask("CreateResource", **where, parentId="fake-resource-id", pathPart="pets") == NO_RESOURCE


@pytest.mark.recorded("TestApiGatewayApiMethod::test_method_request_parameters")
async def test_parameters_of_a_method() -> None:
    wire = Wire()
    where = await api(wire)
    parameters = {
        "method.request.querystring.q_optional": False,
        "method.request.querystring.q_required": True,
        "method.request.header.h_optional": False,
        "method.request.header.h_required": True,
    }
    given = {**where, "httpMethod": "ANY", "authorizationType": "NONE"}
    shown = {**ANY, "requestParameters": parameters}
    assert await wire.ask("PutMethod", **given, requestParameters=parameters) == (201, shown)
    assert await wire.ask("GetMethod", **where, httpMethod="ANY") == (200, shown)
    same = {"method.request.querystring.optional": False, "method.request.header.optional": False}
    assert await wire.ask("PutMethod", **{**given, "httpMethod": "GET"}, requestParameters=same) == bad(
        "Parameter names must be unique across querystring, header and path"
    )


@pytest.mark.recorded("TestApiGatewayApiMethod::test_put_method_model")
async def test_models_of_a_method() -> None:
    wire = Wire()
    where = await api(wire)
    one = {"restApiId": where["restApiId"]}
    for name in ("MySchema", "MySchemaTwo"):
        schema = f'{{"title": "{name}", "type": "object"}}'
        model = {"name": name, "contentType": "application/json", "schema": schema}
        assert await wire.ask("CreateModel", **one, **model) == (201, {"id": ID, **model})

    def used(name: str, path: str) -> Answer:
        return conflict(f"Cannot delete model '{name}', is referenced in method request: {path}/ANY")

    async def delete(name: str) -> Answer:
        return await wire.ask("DeleteModel", **one, modelName=name)

    given = {**where, "httpMethod": "ANY", "authorizationType": "NONE"}
    models = {"application/json": "MySchema"}
    assert await wire.ask("PutMethod", **given, requestModels=models) == (201, {**ANY, "requestModels": models})
    assert await delete("MySchema") == used("MySchema", "/")
    path = "/requestModels/application~1json"
    models = {"application/json": "MySchemaTwo"}
    change = {**where, "httpMethod": "ANY", "patchOperations": [patch("replace", path, "MySchemaTwo")]}
    assert await wire.ask("UpdateMethod", **change) == (200, {**ANY, "requestModels": models})
    assert await delete("MySchema") == (202, {})
    assert await delete("MySchemaTwo") == used("MySchemaTwo", "/")
    test = await wire.made("CreateResource", **one, parentId=where["resourceId"], pathPart="test")
    given["resourceId"] = test["id"]
    assert await wire.ask("PutMethod", **given, requestModels=models) == (201, {**ANY, "requestModels": models})
    assert await delete("MySchemaTwo") == used("MySchemaTwo", "/test")
    assert await wire.ask("DeleteMethod", **{**one, "resourceId": test["id"]}, httpMethod="ANY") == (204, {})
    assert await delete("MySchemaTwo") == used("MySchemaTwo", "/")
    change["patchOperations"] = [patch("remove", path, "MySchemaTwo")]
    assert await wire.ask("UpdateMethod", **change) == (200, ANY)
    assert await delete("MySchemaTwo") == (202, {})


@pytest.mark.recorded("TestApiGatewayApiMethod::test_put_method_validation")
@pytest.mark.parametrize(
    ("given", "expected"),
    [
        ({"resourceId": "fake-res"}, NO_RESOURCE),
        ({"restApiId": "fake-api"}, NO_RESOURCE),
        (
            {"httpMethod": "WRONG"},
            bad("Invalid HttpMethod specified. Valid options are GET,PUT,POST,DELETE,PATCH,OPTIONS,HEAD,ANY"),
        ),
        ({"requestModels": {"application/json": "petModel"}}, bad("Invalid model identifier specified: petModel")),
        ({"authorizationType": "CUSTOM"}, NO_AUTHORIZER),
        ({"authorizationType": "COGNITO_USER_POOLS", "authorizerId": "none"}, NO_AUTHORIZER),
        ({"requestValidatorId": "fake-validator"}, NO_VALIDATOR),
    ],
)
async def test_methods_that_cannot_be(given: dict[str, Any], expected: Answer) -> None:
    wire = Wire()
    method = {**(await api(wire)), "httpMethod": "GET", "authorizationType": "NONE", **given}
    assert await wire.ask("PutMethod", **method) == expected


@pytest.mark.recorded("TestApiGatewayApiMethod::test_update_method_validation")
@pytest.mark.parametrize(
    ("operation", "where", "expected"),
    [
        (patch("replace", "/apiKeyRequired", "true"), {"restApiId": "fake-api"}, NO_RESOURCE),
        (patch("replace", "/apiKeyRequired", "true"), {"resourceId": "fake-res"}, NO_RESOURCE),
        (patch("replace", "/apiKeyRequired", "true"), {"httpMethod": "GET"}, NO_METHOD),
        (patch("replace", "/authorizationType", "CUSTOM"), {}, NO_AUTHORIZER),
        (patch("replace", "/requestValidatorId", "fake-validator"), {}, NO_VALIDATOR),
        (patch("replace", "/requestModels/application/json", "x"), {}, "/requestModels/application/json"),
        (patch("add", "/requestParameters", "x"), {}, "/requestParameters"),
        (patch("replace", "/httpMethod", "POST"), {}, "/httpMethod"),
        (patch("remove", "/authorizationType"), {}, ONLY_REPLACE),
        (patch("add", "/authorizationType", "NONE"), {}, ONLY_REPLACE),
        (patch("replace", "/apiKeyRequired", "whatever"), {}, (200, ANY)),
        (patch("replace", "/authorizerId", "abc123"), {}, (200, {**ANY, "apiKeyRequired": True})),
    ],
)
async def test_methods_change_or_do_not(
    operation: dict[str, str], where: dict[str, str], expected: Answer | str
) -> None:
    wire = Wire()
    method = {**(await api(wire)), "httpMethod": "ANY"}
    made = await wire.ask("PutMethod", **method, authorizationType="NONE", apiKeyRequired=True)
    assert made == (201, {**ANY, "apiKeyRequired": True})
    if isinstance(expected, str):
        expected = bad(f"Invalid patch path {expected}")
    assert await wire.ask("UpdateMethod", **{**method, **where}, patchOperations=[operation]) == expected


@pytest.mark.recorded("TestApiGatewayApiMethod::test_update_method_validation")
async def test_an_authorizer_of_the_wrong_kind() -> None:
    wire = Wire()
    where = await api(wire)
    provider = "arn:aws:cognito-idp:us-east-1:000000000000:userpool/us-east-1_abcdefghi"
    given = {"name": "pool", "type": "COGNITO_USER_POOLS", "providerARNs": [provider]}
    source = {"identitySource": "method.request.header.Authorization"}
    made = await wire.made("CreateAuthorizer", restApiId=where["restApiId"], **given, **source)
    method = {**where, "httpMethod": "ANY"}
    await wire.made("PutMethod", **method, authorizationType="NONE")
    patches = [patch("replace", "/authorizationType", "CUSTOM"), patch("replace", "/authorizerId", made["id"])]
    assert await wire.ask("UpdateMethod", **method, patchOperations=patches) == NO_AUTHORIZER
    patches = [patch("replace", "/authorizationType", "CUSTOM"), patch("replace", "/authorizerId", "abc123")]
    assert await wire.ask("UpdateMethod", **method, patchOperations=patches) == NO_AUTHORIZER


HEADER, MODEL = "method.response.header.my-header", "application~1json"


async def response(*operations: dict[str, str]) -> Answer:
    """What UpdateMethodResponse answers to patches of a response that has nothing."""
    wire = Wire()
    where = {**(await api(wire)), "httpMethod": "GET"}
    await wire.made("PutMethod", **where, authorizationType="NONE")
    where["statusCode"] = "200"
    assert await wire.ask("PutMethodResponse", **where) == (201, {"statusCode": "200"})
    return await wire.ask("UpdateMethodResponse", **where, patchOperations=list(operations))


@pytest.mark.recorded("TestApigatewayMethodResponse::test_update_method_response")
async def test_a_response_of_a_method_changes() -> None:
    add = (
        patch("add", f"/responseParameters/{HEADER}", "true"),
        patch("add", f"/responseModels/{MODEL}", "Empty"),
    )
    shown = {"statusCode": "200", "responseParameters": {HEADER: True}, "responseModels": {"application/json": "Empty"}}
    assert await response(*add) == (201, shown)
    remove = (patch("remove", f"/responseParameters/{HEADER}"), patch("remove", f"/responseModels/{MODEL}"))
    assert await response(*add, *remove) == (201, {"statusCode": "200"})


@pytest.mark.recorded("TestApigatewayMethodResponse::test_update_method_lack_response_parameters_and_models")
@pytest.mark.recorded("TestApigatewayMethodResponse::test_update_method_wrong_param_names")
@pytest.mark.parametrize(
    ("operation", "expected"),
    [
        (patch("replace", f"/responseParameters/{HEADER}", "true"), NO_PARAMETER),
        (patch("remove", f"/responseParameters/{HEADER}"), NO_PARAMETER),
        (patch("replace", f"/responseModels/{MODEL}", "Empty"), NO_CONTENT_TYPE),
        (patch("remove", f"/responseModels/{MODEL}"), NO_CONTENT_TYPE),
        (patch("add", f"/wrong/{HEADER}", "true"), bad(f"Invalid patch path /wrong/{HEADER}")),
    ],
)
async def test_a_response_of_a_method_does_not_change(operation: dict[str, str], expected: Answer) -> None:
    assert await response(operation) == expected
    there = patch("add", "/responseParameters/method.response.header.other", "true")
    assert await response(there, patch("add", "/responseModels/text~1plain", "Empty"), operation) == expected
