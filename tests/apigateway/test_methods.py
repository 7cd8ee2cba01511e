"""Resources, methods and the responses that they declare; texts as AWS words them."""

from __future__ import annotations

from typing import Any

import pytest

from .rest import NO_METHOD, NO_RESOURCE, NO_STATUS, RestCloud, patch, refused

BAD = "BadRequestException"
ANY = {"apiKeyRequired": False, "authorizationType": "NONE", "httpMethod": "ANY"}
NO_AUTHORIZER = (
    BAD,
    "Invalid authorizer ID specified. Setting the authorization type to CUSTOM or COGNITO_USER_POOLS requires a valid "
    "authorizer.",
)
ONLY_REPLACE = (BAD, "Invalid patch operation specified. Must be one of: [replace]")
URI = (
    "arn:aws:apigateway:us-east-1:lambda:path/2015-03-31/functions/"
    "arn:aws:lambda:us-east-1:000000000000:function:f/invocations"
)


# -- resources --------------------------------------------------------------------------------------------------------


async def test_resources_make_a_tree() -> None:
    cloud = await RestCloud.with_api()
    books = await cloud.do("CreateResource", parentId=cloud.root, pathPart="books")
    assert books == {"id": books["id"], "parentId": cloud.root, "pathPart": "books", "path": "/books"}
    book = await cloud.resource("{id}", books["id"])
    await cloud.mock(book)
    listed = (await cloud.do("GetResources"))["items"]
    assert listed == [
        {"id": cloud.root, "path": "/"},
        books,
        {
            "id": book,
            "parentId": books["id"],
            "pathPart": "{id}",
            "path": "/books/{id}",
            "resourceMethods": {"GET": {}},
        },
    ]
    whole = await cloud.do("GetResource", resourceId=book, embed=["methods"])
    assert whole["resourceMethods"]["GET"]["methodIntegration"]["type"] == "MOCK"
    await cloud.update("UpdateResource", patch("replace", "/pathPart", "tomes"), resourceId=books["id"])
    assert (await cloud.do("GetResource", resourceId=book))["path"] == "/tomes/{id}"
    moved = await cloud.update("UpdateResource", patch("replace", "/parentId", cloud.root), resourceId=book)
    assert moved["path"] == "/{id}"
    assert "GET" in moved["resourceMethods"]


async def test_paging_through_resources() -> None:
    cloud = await RestCloud.with_api()
    for at in range(30):
        await cloud.resource(f"r{at:02}")
    first = await cloud.do("GetResources")
    assert len(first["items"]) == 25
    second = await cloud.do("GetResources", position=first["position"])
    assert len(second["items"]) == 6
    assert "position" not in second
    assert len((await cloud.do("GetResources", limit=500))["items"]) == 31


async def test_resources_are_refused() -> None:
    cloud = await RestCloud.with_api()

    def make(part: str, parent: str = "") -> Any:
        return cloud.do("CreateResource", parentId=parent or cloud.root, pathPart=part)

    assert await refused(make("a", "nowhere")) == NO_RESOURCE
    assert (await refused(make("a b")))[0] == BAD
    await make("a")
    same = ("ConflictException", "Another resource with the same parent already has this name: a")
    assert await refused(make("a")) == same
    one = await make("{x}")
    sibling = f"A sibling ({one['id']}) of this resource already has a variable path part -- only one is allowed"
    assert await refused(make("{y}")) == (BAD, sibling)
    rest = await make("{proxy+}", one["id"])
    assert (await refused(make("b", rest["id"])))[0] == BAD
    assert (await refused(cloud.do("DeleteResource", resourceId=cloud.root)))[0] == BAD
    await cloud.do("DeleteResource", resourceId=one["id"])
    assert await refused(cloud.do("GetResource", resourceId=rest["id"])) == NO_RESOURCE


# -- methods ----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("params", "expected"),
    [
        ({"restApiId": "nothing"}, NO_RESOURCE),
        ({"resourceId": "nothing"}, NO_RESOURCE),
        (
            {"httpMethod": "SELECT"},
            (BAD, "Invalid HttpMethod specified. Valid options are GET,PUT,POST,DELETE,PATCH,OPTIONS,HEAD,ANY"),
        ),
        ({"requestModels": {"application/json": "petModel"}}, (BAD, "Invalid model identifier specified: petModel")),
        ({"requestValidatorId": "nothing"}, (BAD, "Invalid Request Validator identifier specified")),
        ({"authorizationType": "CUSTOM"}, NO_AUTHORIZER),
        ({"authorizationType": "COGNITO_USER_POOLS", "authorizerId": "nothing"}, NO_AUTHORIZER),
        (
            {"requestParameters": {"method.request.header.x": True, "method.request.path.x": True}},
            (BAD, "Parameter names must be unique across querystring, header and path"),
        ),
    ],
)
async def test_a_method_is_refused(params: dict[str, Any], expected: tuple[str, str]) -> None:
    cloud = await RestCloud.with_api()
    given = {"resourceId": cloud.root, "httpMethod": "ANY", "authorizationType": "NONE", **params}
    assert await refused(cloud.do("PutMethod", **given)) == expected


async def test_a_method_is_put_shown_and_deleted() -> None:
    cloud = await RestCloud.with_api()
    parameters = {
        "method.request.header.h_optional": False,
        "method.request.header.h_required": True,
        "method.request.querystring.q_optional": False,
        "method.request.querystring.q_required": True,
    }
    made = await cloud.method(verb="ANY", requestParameters=parameters)
    assert made == {**ANY, "requestParameters": parameters}
    where = {"resourceId": cloud.root, "httpMethod": "ANY"}
    assert await cloud.do("GetMethod", **where) == made
    again = ("ConflictException", "Method already exists for this resource")
    assert await refused(cloud.method(verb="ANY")) == again
    await cloud.do("DeleteMethod", **where)
    assert await refused(cloud.do("GetMethod", **where)) == NO_METHOD
    assert await refused(cloud.do("DeleteMethod", **where)) == NO_METHOD


async def test_a_method_changes_and_refuses_to() -> None:
    cloud = await RestCloud.with_api()
    where: dict[str, Any] = {"resourceId": cloud.root, "httpMethod": "ANY"}
    assert await cloud.method(verb="ANY", apiKeyRequired=True) == {**ANY, "apiKeyRequired": True}

    def change(*patches: dict[str, str], **params: Any) -> Any:
        return cloud.update("UpdateMethod", *patches, **{**where, **params})

    some = patch("replace", "/apiKeyRequired", "true")
    assert await refused(change(some, restApiId="nothing")) == NO_RESOURCE
    assert await refused(change(some, resourceId="nothing")) == NO_RESOURCE
    assert await refused(change(some, httpMethod="GET")) == NO_METHOD
    assert await refused(change(patch("add", "/authorizationType", "NONE"))) == ONLY_REPLACE
    assert await refused(change(patch("remove", "/requestValidatorId"))) == ONLY_REPLACE
    for path in ("/httpMethod", "/requestModels/application/json", "/requestParameters"):
        assert await refused(change(patch("replace", path, "x"))) == (BAD, f"Invalid patch path {path}")
    assert await refused(change(patch("replace", "/authorizationType", "CUSTOM"))) == NO_AUTHORIZER
    wrong = (patch("replace", "/authorizationType", "CUSTOM"), patch("replace", "/authorizerId", "abc123"))
    assert await refused(change(*wrong)) == NO_AUTHORIZER
    no_validator = (BAD, "Invalid Request Validator identifier specified")
    assert await refused(change(patch("replace", "/requestValidatorId", "x"))) == no_validator
    assert await change(patch("replace", "/apiKeyRequired", "whatever")) == ANY
    assert await change(patch("replace", "/authorizerId", "abc123")) == ANY


async def test_parameters_of_a_method_are_renamed() -> None:
    cloud = await RestCloud.with_api()
    name = "/requestParameters/method.request.path."
    where = {"resourceId": cloud.root, "httpMethod": "POST"}
    await cloud.method(verb="POST", requestParameters={"method.request.path.issuer": True})
    answer = await cloud.update(
        "UpdateMethod", patch("remove", f"{name}issuer"), patch("add", f"{name}test", "true"), **where
    )
    assert answer["requestParameters"] == {"method.request.path.test": True}
    missing = ("NotFoundException", "Invalid parameter name specified")
    assert await refused(cloud.update("UpdateMethod", patch("remove", f"{name}issuer"), **where)) == missing
    answer = await cloud.update("UpdateMethod", patch("remove", f"{name}test"), **where)
    assert "requestParameters" not in answer


async def test_a_method_with_an_authorizer() -> None:
    cloud = await RestCloud.with_api()
    authorizer = await cloud.do(
        "CreateAuthorizer",
        name="lambda_authorizer",
        type="TOKEN",
        authorizerUri=URI,
        identitySource="method.request.header.Auth",
    )
    expected = {
        "authType": "custom",
        "authorizerUri": URI,
        "id": authorizer["id"],
        "identitySource": "method.request.header.Auth",
        "name": "lambda_authorizer",
        "type": "TOKEN",
    }
    assert authorizer == expected
    made = await cloud.method(authorizationType="CUSTOM", authorizerId=authorizer["id"], apiKeyRequired=True)
    assert made == {
        "apiKeyRequired": True,
        "authorizationType": "CUSTOM",
        "authorizerId": authorizer["id"],
        "httpMethod": "GET",
    }
    in_use = await refused(cloud.do("DeleteAuthorizer", authorizerId=authorizer["id"]))
    assert in_use[0] == "ConflictException"
    wrong = cloud.method(verb="PUT", authorizationType="COGNITO_USER_POOLS", authorizerId=authorizer["id"])
    assert await refused(wrong) == NO_AUTHORIZER


# -- responses --------------------------------------------------------------------------------------------------------


async def test_responses_of_a_method_change() -> None:
    cloud = await RestCloud.with_api()
    await cloud.method()
    where: dict[str, Any] = {"resourceId": cloud.root, "httpMethod": "GET", "statusCode": "200"}
    assert await refused(cloud.do("GetMethodResponse", **where)) == NO_STATUS
    assert await cloud.do("PutMethodResponse", **where) == {"statusCode": "200"}
    header = "method.response.header.my-header"
    parameter, model = f"/responseParameters/{header}", "/responseModels/application~1json"

    def change(*patches: dict[str, str]) -> Any:
        return cloud.update("UpdateMethodResponse", *patches, **where)

    no_name = ("NotFoundException", "Invalid parameter name specified")
    no_type = ("NotFoundException", "Content-Type specified was not found")
    assert await refused(change(patch("replace", parameter, "true"))) == no_name
    assert await refused(change(patch("replace", model, "Empty"))) == no_type
    wrong = f"/wrong/{header}"
    assert await refused(change(patch("add", wrong, "true"))) == (BAD, f"Invalid patch path {wrong}")
    assert await change(patch("add", parameter, "true"), patch("add", model, "Empty")) == {
        "statusCode": "200",
        "responseParameters": {header: True},
        "responseModels": {"application/json": "Empty"},
    }
    for op in ("replace", "remove"):
        assert await refused(change(patch(op, "/responseParameters/wrong", "true"))) == no_name
        assert await refused(change(patch(op, "/responseModels/wrong", "Empty"))) == no_type
    assert await change(patch("remove", parameter), patch("remove", model)) == {"statusCode": "200"}
    await cloud.do("DeleteMethodResponse", **where)
    assert await refused(cloud.do("GetMethodResponse", **where)) == NO_STATUS
