"""Models, validators, authorizers, gateway responses and tests of methods; texts as AWS words them."""

from __future__ import annotations

import json
from typing import Any, cast

from lambent.contracts.events import Target
from lambent.services.apigateway.testing import Tested, Trial

from .rest import ACCOUNT, NO_METHOD, NO_RESOURCE, RestCloud, patch, refused

BAD = "BadRequestException"
NO_VALIDATOR = ("NotFoundException", "Invalid Request Validator identifier specified")


def no_api(api: str) -> tuple[str, str]:
    return "NotFoundException", f"Invalid API identifier specified {ACCOUNT}:{api}"


# -- models -----------------------------------------------------------------------------------------------------------


async def test_an_api_begins_with_two_models() -> None:
    cloud = await RestCloud.with_api()
    schema = '{"$schema": "http://json-schema.org/draft-04/schema#", "title": "testSchema", "type": "object"}'
    made = await cloud.do("CreateModel", name="testSchema", contentType="application/json", schema=schema)
    models = (await cloud.do("GetModels"))["items"]
    assert [(one["name"], one.get("description")) for one in models] == [
        ("Empty", "This is a default empty schema model"),
        ("Error", "This is a default error schema model"),
        ("testSchema", None),
    ]
    assert json.loads(models[0]["schema"]) == {
        "$schema": "http://json-schema.org/draft-04/schema#",
        "title": "Empty Schema",
        "type": "object",
    }
    assert models[2] == made
    assert made == {
        "contentType": "application/json",
        "id": made["id"],
        "name": "testSchema",
        "schema": schema,
    }


async def test_a_model_in_use_is_not_deleted() -> None:
    cloud = await RestCloud.with_api()
    for name in ("Test", "TestTwo"):
        await cloud.do("CreateModel", name=name, contentType="application/json", schema='{"type": "object"}')
    test = await cloud.resource("test")
    await cloud.method(verb="ANY", requestModels={"application/json": "Test"})
    await cloud.method(test, verb="ANY", requestModels={"application/json": "TestTwo"})

    def delete(name: str) -> Any:
        return cloud.do("DeleteModel", modelName=name)

    def used(name: str, where: str) -> tuple[str, str]:
        return "ConflictException", f"Cannot delete model '{name}', is referenced in method request: {where}"

    assert await refused(delete("Test")) == used("Test", "//ANY")
    where: dict[str, Any] = {"resourceId": cloud.root, "httpMethod": "ANY"}
    path = "/requestModels/application~1json"
    changed = await cloud.update("UpdateMethod", patch("replace", path, "TestTwo"), **where)
    assert changed["requestModels"] == {"application/json": "TestTwo"}
    await delete("Test")
    assert await refused(delete("TestTwo")) == used("TestTwo", "/test/ANY")
    await cloud.do("DeleteMethod", resourceId=test, httpMethod="ANY")
    assert await refused(delete("TestTwo")) == used("TestTwo", "//ANY")
    changed = await cloud.update("UpdateMethod", patch("remove", path), **where)
    assert "requestModels" not in changed
    await delete("TestTwo")
    gone = ("NotFoundException", "Invalid model name specified: TestTwo")
    assert await refused(cloud.do("GetModel", modelName="TestTwo")) == gone


async def test_models_refer_to_models() -> None:
    cloud = await RestCloud.with_api()
    item = {"type": "object", "properties": {"a": {"type": "number"}, "b": {"type": "string"}}}
    await cloud.do("CreateModel", name="One", contentType="application/json", schema=json.dumps(item))
    reference = {"$ref": f"https://apigateway.amazonaws.com/restapis/{cloud.api_id}/models/One"}
    many = json.dumps({"type": "array", "items": reference})
    await cloud.do("CreateModel", name="Many", contentType="application/json", schema=many)
    flat = json.loads((await cloud.do("GetModel", modelName="Many", flatten=True))["schema"])
    assert flat == {"type": "array", "items": {"$ref": "#/definitions/One"}, "definitions": {"One": item}}
    assert (await refused(cloud.do("DeleteModel", modelName="One")))[0] == "ConflictException"
    assert (await cloud.do("GetModelTemplate", modelName="One"))["value"] == (
        '#set($inputRoot = $input.path(\'$\'))\n{\n  "a" : 3.149,\n  "b" : "foo"\n}'
    )
    template = (await cloud.do("GetModelTemplate", modelName="Many"))["value"]
    assert "#foreach($elem in $inputRoot)" in template
    assert '"b" : "foo"' in template
    assert (await refused(cloud.do("CreateModel", name="a-b", contentType="application/json")))[0] == BAD
    wrong = cloud.do("CreateModel", name="Wrong", contentType="application/json", schema="{")
    assert (await refused(wrong))[0] == BAD
    name = "Invalid patch path  '/name' specified for op 'replace'. Must be one of: [/description, /schema]"
    assert await refused(cloud.update("UpdateModel", patch("replace", "/name", "N"), modelName="One")) == (BAD, name)


async def test_models_that_mean_too_much_are_bounded() -> None:
    cloud = await RestCloud.with_api()
    base = f"https://apigateway.amazonaws.com/restapis/{cloud.api_id}/models/"
    for at in range(12):
        properties = {f"p{n}": {"$ref": f"{base}M{at + 1}"} for n in range(8)}
        schema = json.dumps({"type": "object", "properties": properties})
        await cloud.do("CreateModel", name=f"M{at}", contentType="application/json", schema=schema)
    template = (await cloud.do("GetModelTemplate", modelName="M0"))["value"]
    assert len(template.splitlines()) < 20_000
    deep = '{"a":' * 200 + "{}" + "}" * 200
    wrong = cloud.do("CreateModel", name="Deep", contentType="application/json", schema=deep)
    assert (await refused(wrong))[0] == BAD


# -- validators -------------------------------------------------------------------------------------------------------


async def test_a_validators_life() -> None:
    cloud = await RestCloud.with_api()
    made = await cloud.do("CreateRequestValidator", name="v")
    where = {"requestValidatorId": made["id"]}
    first = {"id": made["id"], "name": "v", "validateRequestBody": False, "validateRequestParameters": False}
    assert made == first == await cloud.do("GetRequestValidator", **where)
    assert await cloud.do("GetRequestValidators") == {"items": [first]}
    path = "/validateRequestBody"
    changed = await cloud.update("UpdateRequestValidator", patch("replace", path, "true"), **where)
    assert changed == {**first, "validateRequestBody": True}
    assert await cloud.update("UpdateRequestValidator", patch("replace", path), **where) == first
    await cloud.do("DeleteRequestValidator", **where)
    assert await refused(cloud.do("GetRequestValidator", **where)) == NO_VALIDATOR
    assert await cloud.do("GetRequestValidators") == {"items": []}


async def test_validators_of_nothing() -> None:
    cloud = await RestCloud.with_api()
    made = await cloud.do("CreateRequestValidator", name="v")
    for operation in ("GetRequestValidator", "DeleteRequestValidator"):
        wrong_api = cloud.do(operation, restApiId="api_id", requestValidatorId=made["id"])
        assert await refused(wrong_api) == NO_VALIDATOR
        assert await refused(cloud.do(operation, requestValidatorId="nothing")) == NO_VALIDATOR
    assert await refused(cloud.do("GetRequestValidators", restApiId="api_id")) == no_api("api_id")
    wrong = cloud.do("CreateRequestValidator", restApiId="api_id", name="v")
    assert await refused(wrong) == (BAD, "Invalid REST API identifier specified")


# -- authorizers ------------------------------------------------------------------------------------------------------


async def test_authorizers_of_nothing() -> None:
    cloud = await RestCloud.with_api()
    wrong = cloud.do("CreateAuthorizer", restApiId="test-fake-rest-id", name="a", type="TOKEN")
    text = "Unable to complete operation due to concurrent modification. Please try again later."
    assert await refused(wrong) == ("ConflictException", text)
    assert await refused(cloud.do("GetAuthorizers", restApiId="fake")) == no_api("fake")


async def test_an_authorizer_of_a_user_pool_changes() -> None:
    cloud = await RestCloud.with_api()
    pool = "arn:aws:cognito-idp:us-east-1:000000000000:userpool/us-east-1_a"
    given: dict[str, Any] = {"type": "COGNITO_USER_POOLS", "identitySource": "method.request.header.Authorization"}
    made = await cloud.do("CreateAuthorizer", name="pool", providerARNs=[pool], **given)
    assert made["authType"] == "cognito_user_pools"
    changed = await cloud.update(
        "UpdateAuthorizer",
        patch("add", "/providerARNs", f"{pool}b"),
        patch("replace", "/authorizerResultTtlInSeconds", "60"),
        patch("replace", "/name", "pools"),
        authorizerId=made["id"],
    )
    members = {"providerARNs": [pool, f"{pool}b"], "authorizerResultTtlInSeconds": 60, "name": "pools"}
    assert changed == {**made, **members}
    assert (await cloud.do("GetAuthorizers"))["items"] == [changed]
    for value in ("3601", "x"):
        wrong = patch("replace", "/authorizerResultTtlInSeconds", value)
        refusal = await refused(cloud.update("UpdateAuthorizer", wrong, authorizerId=made["id"]))
        assert refusal == (BAD, "Authorizer result TTL must be between 0 and 3600 seconds")
    assert (await refused(cloud.do("CreateAuthorizer", name="pool", **given)))[0] == BAD
    await cloud.do("DeleteAuthorizer", authorizerId=made["id"])
    assert await cloud.do("GetAuthorizers") == {"items": []}


# -- gateway responses ------------------------------------------------------------------------------------------------

MESSAGE = {"application/json": '{"message":$context.error.messageString}'}
KIND = {"responseType": "DEFAULT_4XX"}


async def test_gateway_responses_have_defaults() -> None:
    cloud = await RestCloud.with_api()
    listed = (await cloud.do("GetGatewayResponses"))["items"]
    assert len(listed) == 21
    assert {one["responseType"]: one.get("statusCode") for one in listed}["QUOTA_EXCEEDED"] == "429"
    first = {"defaultResponse": True, "responseParameters": {}, "responseTemplates": MESSAGE}
    assert await cloud.do("GetGatewayResponse", **KIND) == {**KIND, **first}
    missing = ("NotFoundException", "Invalid Gateway Response identifier specified")
    assert await refused(cloud.do("DeleteGatewayResponse", **KIND)) == missing


async def test_a_default_changes() -> None:
    cloud = await RestCloud.with_api()
    changed = await cloud.update("UpdateGatewayResponse", patch("replace", "/statusCode", "444"), **KIND)
    members = {"defaultResponse": False, "responseParameters": {}, "responseTemplates": MESSAGE, "statusCode": "444"}
    assert changed == {**KIND, **members} == await cloud.do("GetGatewayResponse", **KIND)
    await cloud.do("DeleteGatewayResponse", **KIND)
    assert (await cloud.do("GetGatewayResponse", **KIND))["defaultResponse"] is True


async def test_a_gateway_response_changes() -> None:
    cloud = await RestCloud.with_api()
    origin = "gatewayresponse.header.Access-Control-Allow-Origin"
    parameters = {
        "gatewayresponse.header.x-request-path": "method.request.path.petId",
        "gatewayresponse.header.x-request-query": "method.request.querystring.q",
        origin: "'a.b.c'",
        "gatewayresponse.header.x-request-header": "method.request.header.Accept",
    }
    templates = {"application/json": json.dumps(MESSAGE)}
    given = {"statusCode": "404", "responseParameters": parameters, "responseTemplates": templates}
    made = await cloud.do("PutGatewayResponse", **KIND, **given)
    assert made == {**KIND, **given, "defaultResponse": False}
    xml = "<gatewayResponse><message>$context.error.messageString</message></gatewayResponse>"

    def change(*patches: dict[str, str]) -> Any:
        return cloud.update("UpdateGatewayResponse", *patches, **KIND)

    changed = await change(
        patch("replace", f"/responseParameters/{origin}", "'example.com'"),
        patch("add", "/responseTemplates/application~1xml", xml),
        patch("replace", "/statusCode", "444"),
    )
    expected = {
        **made,
        "statusCode": "444",
        "responseParameters": {**parameters, origin: "'example.com'"},
        "responseTemplates": {**templates, "application/xml": xml},
    }
    assert changed == expected == await cloud.do("GetGatewayResponse", **KIND)
    for op in ("add", "remove"):
        assert await refused(change(patch(op, "/statusCode", "404"))) == (BAD, "Invalid patch path /statusCode")
    assert await refused(change({"op": "replace", "value": "404"})) == (BAD, "Invalid patch path null")
    assert await refused(change(patch("replace", "/wrongPath", "x"))) == (BAD, "Invalid patch path /wrongPath")
    wrong = patch("replace", "/responseParameters/gatewayresponse.header.wrong", "x")
    assert await refused(change(wrong)) == ("NotFoundException", "Invalid parameter name specified")
    for path, name in ((f"responseParameters/{origin}", "responseParameters"),
                       ("responseTemplates/application~1json", "responseTemplates")):  # fmt: skip
        refusal = (BAD, f"Invalid null or empty value in {name}")
        assert await refused(change(patch("replace", f"/{path}"))) == refusal


# -- tests of methods -------------------------------------------------------------------------------------------------


class FakePlane:
    """A data plane that notes what it is asked."""

    def __init__(self) -> None:
        self.asked: list[Any] = []

    async def test_invoke(self, snapshot: Any, resource: Any, method: Any, trial: Trial) -> Tested:
        self.asked.append((snapshot.api.id, resource.path, method.http_method, trial))
        headers = {"Content-Type": ["text/plain", "application/json"]}
        return Tested(status=200, body="{}", headers=headers, log="Execution log", latency_ms=7)


async def test_a_method_is_tested_by_the_data_plane() -> None:
    cloud = await RestCloud.with_api()
    plane = FakePlane()
    cloud.targets["apigateway"] = cast("Target", plane)
    await cloud.mock()
    where = {"resourceId": cloud.root, "httpMethod": "GET"}
    answer = await cloud.do(
        "TestInvokeMethod",
        **where,
        pathWithQueryString="/?a=b",
        headers={"a": "1", "b": "2"},
        multiValueHeaders={"b": ["3", "4"]},
        body="x",
        stageVariables={"v": "w"},
    )
    assert answer == {
        "status": 200,
        "body": "{}",
        "headers": {"Content-Type": "application/json"},
        "multiValueHeaders": {"Content-Type": ["text/plain", "application/json"]},
        "log": "Execution log",
        "latency": 7,
    }
    trial = Trial(path="/?a=b", headers={"a": ["1"], "b": ["3", "4"]}, body="x", stage_variables={"v": "w"})
    assert plane.asked == [(cloud.api_id, "/", "GET", trial)]
    assert await refused(cloud.do("TestInvokeMethod", **{**where, "restApiId": "nothing"})) == NO_RESOURCE
    assert await refused(cloud.do("TestInvokeMethod", **{**where, "resourceId": "nothing"})) == NO_RESOURCE
    assert await refused(cloud.do("TestInvokeMethod", **{**where, "httpMethod": "POST"})) == NO_METHOD


async def test_an_api_is_tested_as_it_is_now() -> None:
    cloud = await RestCloud.with_api()
    pet = await cloud.resource("{petId}", await cloud.resource("pets"))
    where: dict[str, Any] = {"resourceId": pet, "httpMethod": "GET"}
    await cloud.method(pet, requestParameters={"method.request.path.petId": True})
    await cloud.do("PutIntegration", **where, type="MOCK", requestTemplates={"application/json": '{"statusCode": 200}'})
    await cloud.do("PutMethodResponse", **where, statusCode="200")
    template = {"application/json": '{"petId": "$input.params(\'petId\')"}'}
    await cloud.do("PutIntegrationResponse", **where, statusCode="200", responseTemplates=template)
    answer = await cloud.do("TestInvokeMethod", **where, pathWithQueryString="/pets/123?foo=bar")
    assert (answer["status"], json.loads(answer["body"])) == (200, {"petId": "123"})
    assert answer["headers"]["Content-Type"] == "application/json"
    lines = [line.partition(" : ")[2] or line for line in answer["log"].splitlines()]
    assert lines[0].startswith("Execution log for request ")
    assert lines[3:8] == [
        "Method request path: {petId=123}",
        "Method request query string: {foo=bar}",
        "Method request headers: {}",
        "Method request body before transformations: ",
        'Method response body after transformations: {"petId": "123"}',
    ]
    assert lines[-2:] == ["Successfully completed execution", "Method completed with status: 200"]
