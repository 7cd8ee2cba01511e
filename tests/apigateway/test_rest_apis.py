"""REST APIs: made, shown, patched and deleted as AWS does it."""

from __future__ import annotations

import json
from datetime import datetime
from typing import Any

import pytest

from lambent.services.apigateway import keys
from lambent.services.apigateway.common import domains, ids
from lambent.services.apigateway.common.domains import DomainName, Mapping

from .rest import ACCOUNT, REGION, RestCloud, patch, refused

BAD = "BadRequestException"
EDGE = {"ipAddressType": "ipv4", "types": ["EDGE"]}
COMPRESSION = (BAD, "Invalid minimum compression size, must be between 0 and 10485760")
ONLY_REPLACE = (BAD, "Invalid patch operation specified. Must be one of: [replace]")


def shown(answer: dict[str, Any]) -> dict[str, Any]:
    """An API without what varies."""
    assert isinstance(answer["createdDate"], datetime)
    assert len(answer["id"]) == len(answer["rootResourceId"]) == 10
    return {name: value for name, value in answer.items() if name not in ("createdDate", "id", "rootResourceId")}


def basic(**members: Any) -> dict[str, Any]:
    """What AWS shows of an API about which nothing is said."""
    first = {"apiKeySource": "HEADER", "disableExecuteApiEndpoint": False, "endpointConfiguration": EDGE}
    return {**first, "name": "a", **members}


async def create(cloud: RestCloud, **params: Any) -> dict[str, Any]:
    return await cloud.call("apigateway", "CreateRestApi", **{"name": "a", **params})


@pytest.mark.parametrize(
    ("params", "expected"),
    [
        ({}, {}),
        ({"version": "v1"}, {"version": "v1"}),
        ({"description": "d"}, {"description": "d"}),
        ({"binaryMediaTypes": []}, {}),
        ({"binaryMediaTypes": ["image/png"]}, {"binaryMediaTypes": ["image/png"]}),
        ({"endpointConfiguration": {}}, {}),
        (
            {"endpointConfiguration": {"types": ["REGIONAL"]}},
            {"endpointConfiguration": {**EDGE, "types": ["REGIONAL"]}},
        ),
        (
            {"endpointConfiguration": {"types": ["PRIVATE"]}},
            {"endpointConfiguration": {"ipAddressType": "dualstack", "types": ["PRIVATE"]}},
        ),
        (
            {"endpointConfiguration": {"types": ["EDGE"], "ipAddressType": "dualstack"}},
            {"endpointConfiguration": {"ipAddressType": "dualstack", "types": ["EDGE"]}},
        ),
        ({"tags": {"k": "v"}}, {"tags": {"k": "v"}}),
    ],
)
async def test_an_api_is_made(params: dict[str, Any], expected: dict[str, Any]) -> None:
    answer = await create(RestCloud(), **params)
    assert shown(answer) == basic(**expected)


@pytest.mark.parametrize(
    ("params", "expected"),
    [
        ({"description": ""}, (BAD, "Description cannot be an empty string")),
        (
            {"description": "", "endpointConfiguration": {"types": []}},
            (BAD, "Description cannot be an empty string"),
        ),
        (
            {"endpointConfiguration": {"types": []}},
            (BAD, "REGIONAL Configuration and EDGE Configuration cannot be both DISABLED."),
        ),
        (
            {"endpointConfiguration": {"types": ["EDGE", "REGIONAL"]}},
            (BAD, "Cannot create an api with multiple Endpoint Types."),
        ),
        ({"minimumCompressionSize": -1}, COMPRESSION),
        ({"minimumCompressionSize": 10_485_761}, COMPRESSION),
        (
            {"policy": "{"},
            (BAD, "Invalid policy document. Please check the policy syntax and ensure that Principals are valid."),
        ),
    ],
)
async def test_an_api_is_refused(params: dict[str, Any], expected: tuple[str, str]) -> None:
    assert await refused(create(RestCloud(), **params)) == expected


async def test_a_policy_is_shown_as_escaped_text_with_the_apis_own_arn() -> None:
    policy = {
        "Version": "2012-10-17",
        "Statement": [
            {"Effect": "Allow", "Principal": "*", "Action": "execute-api:Invoke", "Resource": ["execute-api:/*"]}
        ],
    }
    cloud = await RestCloud.with_api(policy=json.dumps(policy))
    answer = await cloud.do("GetRestApi")
    text = json.loads(f'"{answer["policy"]}"')
    arn = f"arn:aws:execute-api:{REGION}:{ACCOUNT}:{cloud.api_id}/*"
    assert json.loads(text)["Statement"][0]["Resource"] == [arn]
    assert '\\"Version\\"' in answer["policy"]
    answer = await cloud.update("UpdateRestApi", patch("replace", "/policy", ""))
    assert "policy" not in answer


async def test_apis_are_listed_and_deleted() -> None:
    cloud = RestCloud()
    first = await create(cloud, description="this is my api")
    cloud.clock.advance(10**9)
    second = await create(cloud, description="this is my api2")
    assert (await cloud.call("apigateway", "GetRestApis"))["items"] == [first, second]
    page = await cloud.call("apigateway", "GetRestApis", limit=1)
    assert page["items"] == [first]
    rest = await cloud.call("apigateway", "GetRestApis", position=page["position"])
    assert rest == {"items": [second]}
    await cloud.call("apigateway", "DeleteRestApi", restApiId=first["id"])
    assert (await cloud.call("apigateway", "GetRestApis"))["items"] == [second]


async def test_ids_are_told_apart_by_case_and_by_account() -> None:
    cloud = await RestCloud.with_api()
    upper = cloud.api_id.upper()
    no_api = ("NotFoundException", f"Invalid API identifier specified {ACCOUNT}:{upper}")
    assert await refused(cloud.do("GetRestApi", restApiId=upper)) == no_api
    elsewhere = cloud.call("apigateway", "GetRestApi", region="eu-west-1", restApiId=cloud.api_id)
    assert (await refused(elsewhere))[0] == "NotFoundException"


async def test_members_are_added_replaced_and_removed() -> None:
    cloud = await RestCloud.with_api(description="d", binaryMediaTypes=["image/png"])
    answer = await cloud.update("UpdateRestApi", patch("add", "/binaryMediaTypes/image~1jpeg"))
    assert answer["binaryMediaTypes"] == ["image/png", "image/jpeg"]
    assert answer["tags"] == {}
    answer = await cloud.update("UpdateRestApi", patch("replace", "/binaryMediaTypes/image~1png", "image/gif"))
    assert answer["binaryMediaTypes"] == ["image/jpeg", "image/gif"]
    answer = await cloud.update(
        "UpdateRestApi", patch("remove", "/binaryMediaTypes/image~1gif"), patch("remove", "/description")
    )
    expected = basic(name="books", binaryMediaTypes=["image/jpeg"], tags={})
    assert shown(answer) == expected
    assert shown(await cloud.do("GetRestApi")) == expected
    for op in ("add", "replace", "remove"):
        wrong = cloud.update("UpdateRestApi", patch(op, "/binaryMediaTypes", "image/gif"))
        assert await refused(wrong) == (BAD, "Invalid patch path /binaryMediaTypes")
    await cloud.update("UpdateRestApi", patch("remove", "/binaryMediaTypes/image~1jpeg"))
    answer = await cloud.update("UpdateRestApi", patch("add", "/binaryMediaTypes/-", "image/gif"))
    assert answer["binaryMediaTypes"] == ["-"]


async def test_compression_is_set_and_ended() -> None:
    cloud = await RestCloud.with_api()

    def change(op: str, *value: str) -> Any:
        return cloud.update("UpdateRestApi", patch(op, "/minimumCompressionSize", *value))

    assert (await change("replace", "10"))["minimumCompressionSize"] == 10
    assert (await change("replace", "0"))["minimumCompressionSize"] == 0
    assert "minimumCompressionSize" not in await change("replace")
    assert await refused(change("replace", "-1")) == COMPRESSION
    assert await refused(change("replace", "test")) == COMPRESSION
    assert await refused(change("add", "10")) == ONLY_REPLACE


async def test_endpoints_change() -> None:
    cloud = await RestCloud.with_api(endpointConfiguration={"types": ["REGIONAL"]})
    types, addresses = "/endpointConfiguration/types/REGIONAL", "/endpointConfiguration/ipAddressType"

    def change(op: str, path: str, value: str) -> Any:
        return cloud.update("UpdateRestApi", patch(op, path, value))

    private = {"ipAddressType": "dualstack", "types": ["PRIVATE"]}
    assert (await change("replace", types, "PRIVATE"))["endpointConfiguration"] == private
    assert (await change("replace", addresses, "dualstack"))["endpointConfiguration"] == private
    only = (BAD, "Only dualstack ipAddressType is supported for Private APIs.")
    assert await refused(change("replace", addresses, "ipv4")) == only
    assert await refused(change("replace", addresses, "wrong")) == (
        BAD,
        "ipAddressType must be either ipv4 or dualstack.",
    )
    assert await refused(change("add", addresses, "ipv4")) == ONLY_REPLACE
    wrong_op = (BAD, "Invalid patch operation specified. Must be 'add'|'remove'|'replace'")
    assert await refused(change("copy", types, "EDGE")) == wrong_op
    wrong = (BAD, "Invalid EndpointTypes specified. Valid options are REGIONAL,EDGE,PRIVATE")
    assert await refused(change("replace", types, "wrong")) == wrong


async def test_a_copy_has_everything() -> None:
    cloud = await RestCloud.with_api()
    await cloud.mock(await cloud.resource("books"))
    reference = {"$ref": f"https://apigateway.amazonaws.com/restapis/{cloud.api_id}/models/Empty"}
    await cloud.do("CreateModel", name="M", contentType="application/json", schema=json.dumps(reference))
    copy = await create(cloud, cloneFrom=cloud.api_id)
    paths = (await cloud.do("GetResources", restApiId=copy["id"], embed=["methods"]))["items"]
    assert [one["path"] for one in paths] == ["/", "/books"]
    assert paths[1]["resourceMethods"]["GET"]["methodIntegration"]["type"] == "MOCK"
    schema = (await cloud.do("GetModel", restApiId=copy["id"], modelName="M"))["schema"]
    assert copy["id"] in schema


async def test_nothing_is_left_of_a_deleted_api() -> None:
    cloud = await RestCloud.with_api()
    await cloud.mock(await cloud.resource("books"))
    await cloud.do("CreateRequestValidator", name="v")
    await cloud.do("PutGatewayResponse", responseType="THROTTLED")
    await cloud.do("CreateDeployment", stageName="dev")
    assert len(await cloud.store.read(lambda tx: tx.scan(b"", b"\xff"))) > 8
    await cloud.do("DeleteRestApi")
    assert await cloud.store.read(lambda tx: ids.find(tx, cloud.api_id)) is None
    left = await cloud.store.read(lambda tx: tx.scan(b"", b"\xff"))
    assert [key for key, _ in left if cloud.api_id.encode() in key] == []
    assert await cloud.store.read(lambda tx: keys.apis.scan(tx, ACCOUNT)) == []


async def test_an_api_that_a_domain_maps_to_stays() -> None:
    cloud = await RestCloud.with_api()
    await cloud.mock()
    await cloud.do("CreateDeployment", stageName="dev")
    name = "shop.example.com"
    domain = DomainName(
        name=name, account=ACCOUNT, region=REGION, endpoint_type="REGIONAL", created_ms=0, target="d.example.com"
    )
    mapping = Mapping(id="m1", domain=name, path="", api=cloud.api_id, stage="dev", kind="REST")
    await cloud.store.write(lambda tx: domains.put_domain(tx, domain))
    await cloud.store.write(lambda tx: domains.put_mapping(tx, mapping))
    text = (
        f"Deleting RestApi {cloud.api_id} failed. Please remove all base path mappings related to the RestApi in your"
    )
    assert await refused(cloud.do("DeleteRestApi")) == (BAD, f"{text} domains: {name}")
    assert (await refused(cloud.do("DeleteStage", stageName="dev")))[0] == BAD
    await cloud.store.write(lambda tx: domains.delete_mapping(tx, mapping))
    await cloud.do("DeleteStage", stageName="dev")
    await cloud.do("DeleteRestApi")
