"""REST APIs as AWS was recorded to answer."""

from __future__ import annotations

from datetime import datetime
from typing import Any

import pytest

from .wire import NO_API, Answer, Like, Of, Wire, bad, invalid, missing, patch

ID = Like("[a-z0-9]{10}")
IPV4 = {"ipAddressType": "ipv4"}
COMPRESSION = bad("Invalid minimum compression size, must be between 0 and 10485760")
ONLY_REPLACE = bad("Invalid patch operation specified. Must be one of: [replace]")


def shown(kind: str = "EDGE", address: str = "ipv4", **more: Any) -> dict[str, Any]:
    """An API as answers show it."""
    return {
        "id": ID,
        "name": "books",
        "createdDate": Of(datetime),
        "apiKeySource": "HEADER",
        "endpointConfiguration": {"types": [kind], "ipAddressType": address},
        "disableExecuteApiEndpoint": False,
        "rootResourceId": Like("[a-z0-9]{10}"),
        **more,
    }


async def create(**params: Any) -> Answer:
    return await Wire().ask("CreateRestApi", name="books", **params)


@pytest.mark.recorded("TestApiGatewayApiRestApi::test_create_rest_api_verify_defaults")
@pytest.mark.recorded("TestApiGatewayApiRestApi::test_create_rest_api_with_endpoint_configuration")
@pytest.mark.parametrize(
    ("given", "expected"),
    [
        ({"types": ["EDGE"]}, shown("EDGE")),
        ({"types": ["REGIONAL"]}, shown("REGIONAL")),
        ({"types": ["PRIVATE"]}, shown("PRIVATE", "dualstack")),
        ({}, shown("EDGE")),
        ({"types": ["EDGE"], "ipAddressType": "dualstack"}, shown("EDGE", "dualstack")),
        ({"types": ["REGIONAL"], "ipAddressType": "ipv4"}, shown("REGIONAL")),
    ],
)
async def test_endpoints(given: dict[str, Any], expected: dict[str, Any]) -> None:
    assert await create(endpointConfiguration=given) == (201, expected)


TYPES = (
    "Value '[wrong]' at 'createRestApiInput.endpointConfiguration.types' failed to satisfy constraint: Member must "
    "satisfy constraint: [Member must satisfy enum value set: [PRIVATE, EDGE, REGIONAL]]"
)
ADDRESSES = (
    "Value 'wrong' at 'createRestApiInput.endpointConfiguration.ipAddressType' failed to satisfy constraint: Member "
    "must satisfy enum value set: [ipv4, dualstack]"
)
BOTH = invalid(f"2 validation errors detected: {TYPES}; {ADDRESSES}")


@pytest.mark.recorded("TestApiGatewayApiRestApi::test_create_rest_api_verify_defaults")
@pytest.mark.recorded("TestApiGatewayApiRestApi::test_create_rest_api_with_endpoint_configuration")
@pytest.mark.parametrize(
    ("params", "expected"),
    [
        ({"types": ["wrong"], "ipAddressType": ""}, invalid(f"1 validation error detected: {TYPES}")),
        ({"types": ["wrong"], "ipAddressType": "ipv4"}, invalid(f"1 validation error detected: {TYPES}")),
        ({"types": ["wrong"]}, invalid(f"1 validation error detected: {TYPES}")),
        ({"types": ["EDGE"], "ipAddressType": "wrong"}, invalid(f"1 validation error detected: {ADDRESSES}")),
        ({"types": ["wrong"], "ipAddressType": "wrong"}, BOTH),
        ({"types": [], **IPV4}, bad("REGIONAL Configuration and EDGE Configuration cannot be both DISABLED.")),
        ({"types": ["EDGE", "REGIONAL"]}, bad("Cannot create an api with multiple Endpoint Types.")),
    ],
)
async def test_endpoints_that_cannot_be(params: dict[str, Any], expected: Answer) -> None:
    assert await create(endpointConfiguration=params) == expected


@pytest.mark.recorded("TestApiGatewayApiRestApi::test_create_rest_api_with_endpoint_configuration")
@pytest.mark.recorded("TestApiGatewayApiRestApi::test_create_rest_api_with_optional_params")
@pytest.mark.recorded("TestApiGatewayApiRestApi::test_create_rest_api_with_binary_media_types")
async def test_optional_members() -> None:
    wrong = {"types": ["wrong"], "ipAddressType": "wrong"}
    no_text = bad("Description cannot be an empty string")
    assert await create(description="", endpointConfiguration=wrong) == BOTH
    assert await create(description="", endpointConfiguration={"types": ["EDGE", "REGIONAL"]}) == no_text
    assert await create(description="") == no_text
    assert await create() == (201, shown())
    assert await create(binaryMediaTypes=[]) == (201, shown())
    assert await create(version="v1") == (201, shown(version="v1"))
    assert await create(minimumCompressionSize=-1) == COMPRESSION
    images = ["image/png"]
    assert await create(binaryMediaTypes=images) == (201, shown(binaryMediaTypes=images))


@pytest.mark.recorded("TestApiGatewayApiRestApi::test_get_api_case_insensitive")
async def test_ids_are_told_apart_by_case() -> None:
    wire = Wire()
    status, made = await wire.ask("CreateRestApi", name="books", description="lower case api")
    assert (status, made) == (201, shown(description="lower case api"))
    upper = made["id"].upper()
    assert await wire.ask("GetRestApi", restApiId=upper) == missing(f"{NO_API}{upper}")


@pytest.mark.recorded("TestApiGatewayApiRestApi::test_list_and_delete_apis")
async def test_apis_are_listed_and_deleted() -> None:
    wire = Wire()
    first = await wire.ask("CreateRestApi", name="books", description="this is my api")
    second = await wire.ask("CreateRestApi", name="books", description="this is my api2")
    assert first == (201, shown(description="this is my api"))
    assert second == (201, shown(description="this is my api2"))
    status, listed = await wire.ask("GetRestApis")
    assert status == 200
    assert sorted(listed["items"], key=lambda api: str(api["description"])) == [first[1], second[1]]
    assert await wire.ask("DeleteRestApi", restApiId=first[1]["id"]) == (202, {})
    assert await wire.ask("GetRestApis") == (200, {"items": [second[1]]})


async def changed(*patches: tuple[dict[str, str], ...], **params: Any) -> list[Answer]:
    """What UpdateRestApi answers to each of the lists of patches, one after another, on a new API."""
    wire = Wire()
    where = {"restApiId": (await wire.made("CreateRestApi", name="books", **params))["id"]}
    return [await wire.ask("UpdateRestApi", **where, patchOperations=list(one)) for one in patches]


MINE = {"description": "this is my api"}


@pytest.mark.recorded("TestApiGatewayApiRestApi::test_update_rest_api_operation_add_remove")
@pytest.mark.recorded("TestApiGatewayApiRestApi::test_update_rest_api_behaviour")
async def test_media_types_change() -> None:
    path = "/binaryMediaTypes"
    png, jpeg = patch("add", f"{path}/image~1png"), patch("add", f"{path}/image~1jpeg")
    assert await changed(
        (png, jpeg),
        (patch("replace", f"{path}/image~1png", "image/gif"),),
        (patch("remove", f"{path}/image~1gif"), patch("remove", "/description")),
        **MINE,
    ) == [
        (200, shown(**MINE, binaryMediaTypes=["image/png", "image/jpeg"], tags={})),
        (200, shown(**MINE, binaryMediaTypes=["image/jpeg", "image/gif"], tags={})),
        (200, shown(binaryMediaTypes=["image/jpeg"], tags={})),
    ]
    wrong = bad(f"Invalid patch path {path}")
    assert await changed(
        (patch("add", f"{path}/-", "image/png"),),
        (patch("add", path, "image/gif"),),
        (patch("replace", path, "image/gif"),),
        (patch("remove", path),),
        **MINE,
    ) == [(200, shown(**MINE, binaryMediaTypes=["-"], tags={})), wrong, wrong, wrong]


@pytest.mark.recorded("TestApiGatewayApiRestApi::test_update_rest_api_compression")
async def test_compression_changes() -> None:
    path = "/minimumCompressionSize"
    assert await changed(
        (patch("replace", path, "10"),),
        (patch("replace", path),),
        (patch("replace", path, "0"),),
        (patch("replace", path, "-1"),),
        (patch("replace", path, "test"),),
        (patch("add", path, "10"),),
        **MINE,
    ) == [
        (200, shown(**MINE, minimumCompressionSize=10, tags={})),
        (200, shown(**MINE, tags={})),
        (200, shown(**MINE, minimumCompressionSize=0, tags={})),
        COMPRESSION,
        COMPRESSION,
        ONLY_REPLACE,
    ]


@pytest.mark.recorded("TestApiGatewayApiRestApi::test_update_rest_api_ip_address_type")
async def test_endpoints_change() -> None:
    kind, address = "/endpointConfiguration/types/EDGE", "/endpointConfiguration/ipAddressType"
    private = (200, shown("PRIVATE", "dualstack", tags={}))
    assert await changed(
        (patch("replace", address, "wrong"),),
        (patch("replace", kind, "wrong"),),
        (patch("test", kind, "REGIONAL"),),
        (patch("add", address, "ipv4"),),
        (patch("replace", kind, "PRIVATE"),),
        (patch("replace", address, "dualstack"),),
        (patch("replace", address, "ipv4"),),
    ) == [
        bad("ipAddressType must be either ipv4 or dualstack."),
        bad("Invalid EndpointTypes specified. Valid options are REGIONAL,EDGE,PRIVATE"),
        bad("Invalid patch operation specified. Must be 'add'|'remove'|'replace'"),
        ONLY_REPLACE,
        private,
        private,
        bad("Only dualstack ipAddressType is supported for Private APIs."),
    ]
