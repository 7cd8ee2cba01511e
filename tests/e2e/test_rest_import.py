"""Import, export, usage plans, keys and domain names of REST APIs over the wire: boto3, and requests to the APIs."""

from __future__ import annotations

import csv
import io
import json
import urllib.error
import urllib.request
from typing import Any

import pytest

from .node import Node

pytestmark = pytest.mark.e2e

DOCUMENT = """
openapi: 3.0.1
info: {title: shop, version: '1.0'}
paths:
  /books/{id}:
    get:
      parameters:
        - {name: id, in: path, required: true, schema: {type: string}}
      security: [{key: []}]
      responses:
        '200': {description: a book, content: {application/json: {schema: {$ref: '#/components/schemas/Book'}}}}
      x-amazon-apigateway-integration:
        type: mock
        requestTemplates: {application/json: '{"statusCode": 200}'}
        responses:
          default:
            statusCode: '200'
            responseTemplates: {application/json: '{"id": "$input.params(''id'')"}'}
components:
  schemas:
    Book: {type: object}
  securitySchemes:
    key: {type: apiKey, name: x-api-key, in: header}
"""
VALUE = "0123456789012345678901234567890123456789"


def asked(url: str, **headers: str) -> tuple[int, Any]:
    """Status and JSON of a GET."""
    request = urllib.request.Request(url, headers={name.replace("_", "-"): value for name, value in headers.items()})
    try:
        with urllib.request.urlopen(request, timeout=10) as answer:
            return answer.status, json.load(answer)
    except urllib.error.HTTPError as error:
        with error:
            return error.code, json.load(error)


def test_an_imported_api_with_keys_and_a_domain(node: Node) -> None:
    client = node.client("apigateway")
    made = client.import_rest_api(body=DOCUMENT.encode(), parameters={"endpointConfigurationTypes": "REGIONAL"})
    api = made["id"]
    assert made["ResponseMetadata"]["HTTPStatusCode"] == 201
    assert made["endpointConfiguration"]["types"] == ["REGIONAL"]
    client.create_deployment(restApiId=api, stageName="dev")
    url = f"{node.url}/_aws/execute-api/{api}/dev/books/7"
    assert asked(url) == (403, {"message": "Forbidden"})
    table = io.StringIO()
    csv.writer(table).writerows([["name", "key", "enabled"], ["app", VALUE, "true"]])
    key = client.import_api_keys(body=table.getvalue().encode(), format="csv", failOnWarnings=True)["ids"][0]
    plan = client.create_usage_plan(
        name="gold", apiStages=[{"apiId": api, "stage": "dev"}], quota={"limit": 2, "period": "DAY"}
    )["id"]
    joined = client.create_usage_plan_key(usagePlanId=plan, keyId=key, keyType="API_KEY")
    assert (joined["value"], joined["ResponseMetadata"]["HTTPStatusCode"]) == (VALUE, 201)
    assert asked(url, x_api_key=VALUE) == (200, {"id": "7"})
    domain = "shop.example.com"
    client.create_domain_name(
        domainName=domain,
        regionalCertificateArn="arn:aws:acm:us-east-1:000000000000:certificate/1",
        endpointConfiguration={"types": ["REGIONAL"]},
    )
    client.create_base_path_mapping(domainName=domain, basePath="v1", restApiId=api, stage="dev")
    assert asked(f"{node.url}/v1/books/8", x_api_key=VALUE, Host=domain) == (200, {"id": "8"})
    assert asked(url, x_api_key=VALUE) == (429, {"message": "Limit Exceeded"})
    today = client.get_api_key(apiKey=key)["createdDate"].strftime("%Y-%m-%d")
    used = client.get_usage(usagePlanId=plan, startDate=today, endDate=today)
    assert used["items"] == {key: [[2, 0]]}
    more: Any = [{"op": "replace", "path": "/remaining", "value": "5"}]
    client.update_usage(usagePlanId=plan, keyId=key, patchOperations=more)
    assert asked(url, x_api_key=VALUE) == (200, {"id": "7"})
    assert client.delete_api_key(apiKey=key)["ResponseMetadata"]["HTTPStatusCode"] == 202
    assert asked(url, x_api_key=VALUE) == (403, {"message": "Forbidden"})
    assert client.delete_domain_name(domainName=domain)["ResponseMetadata"]["HTTPStatusCode"] == 202


def test_export_and_tags_over_the_wire(node: Node) -> None:
    client = node.client("apigateway")
    api = client.import_rest_api(body=DOCUMENT.encode())["id"]
    client.create_deployment(restApiId=api, stageName="dev")
    for kind in ("oas30", "swagger"):
        where: Any = {"restApiId": api, "stageName": "dev", "exportType": kind}
        made = client.get_export(**where, parameters={"extensions": "apigateway"}, accepts="application/yaml")
        assert made["contentDisposition"].startswith(f'attachment; filename="{kind}_')
        assert made["contentType"] == "application/octet-stream"
        put = client.put_rest_api(restApiId=api, mode="overwrite", failOnWarnings=True, body=made["body"].read())
        assert put["rootResourceId"]
        items = client.get_resources(restApiId=api, embed=["methods"])["items"]
        assert items[-1]["resourceMethods"]["GET"]["apiKeyRequired"] is True
    arn = f"arn:aws:apigateway:us-east-1::/restapis/{api}"
    assert client.tag_resource(resourceArn=arn, tags={"a": "b"})["ResponseMetadata"]["HTTPStatusCode"] == 204
    assert client.get_tags(resourceArn=arn)["tags"] == {"a": "b"}
    client.untag_resource(resourceArn=arn, tagKeys=["a"])
    assert client.get_rest_api(restApiId=api)["tags"] == {}
    certificate = client.generate_client_certificate(description="ours")
    assert certificate["pemEncodedCertificate"].startswith("-----BEGIN CERTIFICATE-----")
    assert client.get_account()["throttleSettings"] == {"burstLimit": 5000, "rateLimit": 10000.0}
    parts = {
        "x-amazon-apigateway-documentation": {"documentationParts": [{"location": {"type": "API"}, "properties": {}}]}
    }
    ids = client.import_documentation_parts(restApiId=api, mode="merge", body=json.dumps(parts).encode())["ids"]
    assert client.get_documentation_part(restApiId=api, documentationPartId=ids[0])["location"] == {"type": "API"}
