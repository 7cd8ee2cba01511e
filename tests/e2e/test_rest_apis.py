"""The control plane of REST APIs over the wire: boto3 and the AWS CLI."""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from botocore.exceptions import ClientError

from .node import Node

pytestmark = pytest.mark.e2e


def refused(call: Any, **params: Any) -> dict[str, Any]:
    with pytest.raises(ClientError) as raised:
        call(**params)
    return dict(raised.value.response)


def test_an_api_is_built_deployed_and_deleted(node: Node) -> None:
    client = node.client("apigateway")
    made = client.create_rest_api(name="shop", description="a shop", tags={"a": "b"}, binaryMediaTypes=["image/*"])
    assert made["ResponseMetadata"]["HTTPStatusCode"] == 201
    assert datetime.now(UTC) - made["createdDate"] < timedelta(minutes=5)
    api, root = made["id"], made["rootResourceId"]
    assert [one["id"] for page in client.get_paginator("get_rest_apis").paginate(limit=1) for one in page["items"]]
    books = client.create_resource(restApiId=api, parentId=root, pathPart="books")["id"]
    where: Any = {"restApiId": api, "resourceId": books, "httpMethod": "GET"}
    client.put_method(**where, authorizationType="NONE", requestParameters={"method.request.querystring.q": False})
    client.put_integration(**where, type="MOCK", requestTemplates={"application/json": '{"statusCode": 200}'})
    client.put_method_response(**where, statusCode="200", responseModels={"application/json": "Empty"})
    client.put_integration_response(**where, statusCode="200", responseTemplates={"application/json": ""})
    method = client.get_method(**where)
    assert method["methodIntegration"]["integrationResponses"]["200"]["responseTemplates"] == {"application/json": None}
    resources = client.get_resources(restApiId=api, embed=["methods"])["items"]
    assert resources[1]["resourceMethods"]["GET"]["methodResponses"]["200"]["statusCode"] == "200"
    deployment = client.create_deployment(restApiId=api, stageName="dev", variables={"v": "w"})
    summary = client.get_deployment(restApiId=api, deploymentId=deployment["id"], embed=["apisummary"])["apiSummary"]
    assert summary["/books"]["GET"] == {"authorizationType": "NONE", "apiKeyRequired": False}
    settings: Any = [{"op": "replace", "path": "/*/*/throttling/rateLimit", "value": "12.5"}]
    stage = client.update_stage(restApiId=api, stageName="dev", patchOperations=settings)
    assert stage["methodSettings"]["*/*"]["throttlingRateLimit"] == 12.5
    assert [one["stageName"] for one in client.get_stages(restApiId=api)["item"]] == ["dev"]
    assert len(client.get_gateway_responses(restApiId=api)["items"]) == 21
    assert client.flush_stage_cache(restApiId=api, stageName="dev")["ResponseMetadata"]["HTTPStatusCode"] == 202
    assert client.delete_method(**where)["ResponseMetadata"]["HTTPStatusCode"] == 204
    assert client.delete_rest_api(restApiId=api)["ResponseMetadata"]["HTTPStatusCode"] == 202
    gone = refused(client.get_rest_api, restApiId=api)
    message = f"Invalid API identifier specified 000000000000:{api}"
    assert gone["Error"] == {"Code": "NotFoundException", "Message": message}
    assert gone["message"] == message
    assert gone["ResponseMetadata"]["HTTPStatusCode"] == 404


def test_constraints_are_worded_as_aws_words_them(node: Node) -> None:
    client = node.client("apigateway")
    wrong: Any = {"ipAddressType": "wrong"}
    assert refused(client.create_rest_api, name="x", endpointConfiguration=wrong)["Error"]["Message"] == (
        "1 validation error detected: Value 'wrong' at 'createRestApiInput.endpointConfiguration.ipAddressType' failed "
        "to satisfy constraint: Member must satisfy enum value set: [ipv4, dualstack]"
    )
    where: Any = {"restApiId": "a", "resourceId": "b", "httpMethod": "GET"}
    wrong_type = refused(client.put_integration, **where, type="HTTPS_PROXY")
    assert wrong_type["Error"]["Message"] == (
        "1 validation error detected: Value 'HTTPS_PROXY' at 'putIntegrationInput.type' failed to satisfy constraint: "
        "Member must satisfy enum value set: [HTTP, MOCK, AWS_PROXY, HTTP_PROXY, AWS]"
    )
    assert refused(client.get_integration_response, **where, statusCode="wrong")["Error"]["Message"] == (
        "1 validation error detected: Value 'wrong' at 'statusCode' failed to satisfy constraint: Member must satisfy "
        r"regular expression pattern: [1-5]\d\d"
    )
    patches: Any = [{"op": "wrong-op", "path": "/x"}]
    kind: Any = {"restApiId": "a", "responseType": "DEFAULT_4XX", "patchOperations": patches}
    assert refused(client.update_gateway_response, **kind)["Error"]["Message"] == (
        "1 validation error detected: Value 'wrong-op' at 'updateGatewayResponseInput.patchOperations.1.member.op' "
        "failed to satisfy constraint: Member must satisfy enum value set: [add, remove, move, test, replace, copy]"
    )


def test_the_command_line(node: Node) -> None:
    def aws(*words: str) -> Any:
        said = node.run("aws", "apigateway", *words, "--output", "json").stdout
        return json.loads(said) if said else None

    api = aws("create-rest-api", "--name", "by-hand")
    made = aws("get-resources", "--rest-api-id", api["id"])
    assert made == {"items": [{"id": api["rootResourceId"], "path": "/"}]}
    changed = aws(
        "update-rest-api", "--rest-api-id", api["id"], "--patch-operations", "op=replace,path=/name,value=other"
    )
    assert changed["name"] == "other"
    assert aws("delete-rest-api", "--rest-api-id", api["id"]) is None
