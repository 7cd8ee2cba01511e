"""What lies around APIs: domain names, documentation, tags, the account, certificates, links, kinds of SDK."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Awaitable, Callable
from datetime import UTC, datetime
from typing import Any

import pytest
from cryptography import x509
from cryptography.hazmat.primitives.asymmetric import padding, rsa

from lambent.contracts.errors import ServiceError
from tests.support import ACCOUNT, REGION, TestCloud

CERTIFICATE = f"arn:aws:acm:{REGION}:{ACCOUNT}:certificate/1"
MOCK = {"type": "MOCK", "requestTemplates": {"application/json": '{"statusCode": 200}'}}


class Cloud(TestCloud):
    """A cloud with short words for REST APIs."""

    __test__ = False

    async def v1(self, operation: str, **params: Any) -> dict[str, Any]:
        answer = await self.call("apigateway", operation, **params)
        return answer or {}

    async def refused(self, operation: str, **params: Any) -> tuple[str, str]:
        with pytest.raises(ServiceError) as failed:
            await self.v1(operation, **params)
        return failed.value.code, failed.value.message

    async def shop(self) -> str:
        """An API with a stage dev."""
        api = await self.v1("CreateRestApi", name="shop")
        where = {"restApiId": api["id"], "resourceId": api["rootResourceId"], "httpMethod": "GET"}
        await self.v1("PutMethod", **where, authorizationType="NONE")
        await self.v1("PutIntegration", **where, **MOCK)
        await self.v1("CreateDeployment", restApiId=api["id"], stageName="dev")
        return str(api["id"])


def run(body: Callable[[Cloud], Awaitable[None]]) -> None:
    async def main() -> None:
        await body(Cloud())

    asyncio.run(main())


def replaced(path: str, value: str) -> dict[str, Any]:
    return {"patchOperations": [{"op": "replace", "path": path, "value": value}]}


def test_domain_names() -> None:
    async def body(cloud: Cloud) -> None:
        made = await cloud.v1("CreateDomainName", domainName="Api.Example.com", certificateArn=CERTIFICATE)
        assert made["domainName"] == "api.example.com"
        assert made["distributionDomainName"].endswith(".cloudfront.net")
        assert (made["distributionHostedZoneId"], made["securityPolicy"]) == ("Z2FDTNDATAQYW2", "TLS_1_2")
        assert "regionalDomainName" not in made
        regional = {
            "regionalCertificateArn": CERTIFICATE,
            "endpointConfiguration": {"types": ["REGIONAL"]},
        }
        other = await cloud.v1("CreateDomainName", domainName="*.example.com", **regional)
        assert other["regionalDomainName"].startswith("d-")
        assert [one["domainName"] for one in (await cloud.v1("GetDomainNames"))["items"]] == [
            "*.example.com",
            "api.example.com",
        ]
        assert await cloud.refused("CreateDomainName", domainName="api.example.com", certificateArn=CERTIFICATE) == (
            "BadRequestException",
            "The domain name you provided already exists.",
        )
        assert await cloud.refused("CreateDomainName", domainName="b.example.com") == (
            "BadRequestException",
            "A certificate was not provided for the endpoint type EDGE.",
        )
        private = {"endpointConfiguration": {"types": ["PRIVATE"]}, "certificateArn": CERTIFICATE}
        assert (await cloud.refused("CreateDomainName", domainName="c.example.com", **private))[0] == "NotImplemented"
        patches = [
            {"op": "replace", "path": "/regionalCertificateArn", "value": CERTIFICATE},
            {"op": "replace", "path": "/endpointConfiguration/types/EDGE", "value": "REGIONAL"},
        ]
        moved = await cloud.v1("UpdateDomainName", domainName="api.example.com", patchOperations=patches)
        assert (moved["endpointConfiguration"]["types"], moved["regionalCertificateArn"]) == (["REGIONAL"], CERTIFICATE)
        await cloud.v1("DeleteDomainName", domainName="api.example.com")
        assert await cloud.refused("GetDomainName", domainName="api.example.com") == (
            "NotFoundException",
            "Invalid domain name identifier specified",
        )

    run(body)


def test_base_paths() -> None:
    async def body(cloud: Cloud) -> None:
        api = await cloud.shop()
        domain = {"domainName": "api.example.com"}
        await cloud.v1("CreateDomainName", **domain, certificateArn=CERTIFICATE)
        first = await cloud.v1("CreateBasePathMapping", **domain, restApiId=api, stage="dev")
        assert first == {"basePath": "(none)", "restApiId": api, "stage": "dev"}
        await cloud.v1("CreateBasePathMapping", **domain, restApiId=api, basePath="shop")
        assert await cloud.refused("CreateBasePathMapping", **domain, restApiId=api, basePath="shop") == (
            "ConflictException",
            "Base path already exists for this domain name",
        )
        slashed = await cloud.refused("CreateBasePathMapping", **domain, restApiId=api, basePath="a/b")
        assert slashed[1].startswith("API Gateway V1 doesn't support the slash character (/) in base path mappings.")
        assert (await cloud.refused("CreateBasePathMapping", **domain, restApiId="no"))[1] == (
            "Invalid REST API identifier specified"
        )
        moved = await cloud.v1("UpdateBasePathMapping", **domain, basePath="shop", **replaced("/basePath", "store"))
        assert moved == {"basePath": "store", "restApiId": api}
        found = (await cloud.v1("GetBasePathMappings", **domain))["items"]
        assert [one["basePath"] for one in found] == ["(none)", "store"]
        assert await cloud.refused("GetBasePathMapping", **domain, basePath="shop") == (
            "NotFoundException",
            "Invalid base path mapping identifier specified",
        )
        await cloud.v1("DeleteBasePathMapping", **domain, basePath="(none)")
        assert len((await cloud.v1("GetBasePathMappings", **domain))["items"]) == 1

    run(body)


def test_documentation_parts() -> None:
    async def body(cloud: Cloud) -> None:
        api = await cloud.shop()
        part = await cloud.v1(
            "CreateDocumentationPart", restApiId=api, location={"type": "API"}, properties='{"foo": "bar"}'
        )
        assert part == {"id": part["id"], "location": {"type": "API"}, "properties": '{"foo": "bar"}'}
        assert (await cloud.v1("GetDocumentationParts", restApiId=api))["items"] == [part]
        where = {"restApiId": api, "documentationPartId": part["id"]}
        changed = await cloud.v1("UpdateDocumentationPart", **where, **replaced("/properties", '{"a": 1}'))
        assert changed["properties"] == '{"a": 1}'
        add = {"patchOperations": [{"op": "add", "path": "/properties", "value": "{}"}]}
        assert (await cloud.refused("UpdateDocumentationPart", **where, **add))[1] == (
            "Invalid patch path  '/properties' specified for op 'add'. Please choose supported operations"
        )
        assert (await cloud.refused("UpdateDocumentationPart", **where, **replaced("/invalidPath", "x")))[1] == (
            "Invalid patch path  '/invalidPath' specified for op 'replace'. Must be one of: [/properties]"
        )
        again = {"restApiId": api, "location": {"type": "API"}, "properties": "{}"}
        assert (await cloud.refused("CreateDocumentationPart", **again))[0] == "ConflictException"
        await cloud.v1("DeleteDocumentationPart", **where)
        gone = ("NotFoundException", "Invalid Documentation part identifier specified")
        assert await cloud.refused("DeleteDocumentationPart", **where) == gone
        for operation in ("GetDocumentationPart", "DeleteDocumentationPart"):
            wrong = await cloud.refused(operation, restApiId="api_id", documentationPartId="x")
            text = "Invalid API identifier specified 000000000000:api_id" if "Delete" in operation else gone[1]
            assert wrong == ("NotFoundException", text)
        assert await cloud.refused("GetDocumentationParts", restApiId="api_id") == (
            "NotFoundException",
            "Invalid API identifier specified 000000000000:api_id",
        )

    run(body)


def test_a_location_that_is_none() -> None:
    async def body(cloud: Cloud) -> None:
        given = {"restApiId": await cloud.shop(), "location": {"type": "INVALID"}, "properties": "{}"}
        assert await cloud.refused("CreateDocumentationPart", **given) == (
            "ValidationException",
            "1 validation error detected: Value 'INVALID' at 'createDocumentationPartInput.location.type' failed to "
            "satisfy constraint: Member must satisfy enum value set: [RESPONSE_BODY, RESPONSE, METHOD, MODEL, "
            "AUTHORIZER, RESPONSE_HEADER, RESOURCE, PATH_PARAMETER, REQUEST_BODY, QUERY_PARAMETER, API, "
            "REQUEST_HEADER]",
        )

    run(body)


def test_import_and_versions_of_documentation() -> None:
    async def body(cloud: Cloud) -> None:
        api = await cloud.shop()
        parts = [
            {"location": {"type": "API"}, "properties": {"info": {"title": "Shop"}}},
            {"location": {"type": "METHOD", "path": "/", "method": "GET"}, "properties": {"summary": "all"}},
        ]
        text = json.dumps({"swagger": "2.0", "x-amazon-apigateway-documentation": {"documentationParts": parts}})
        ids = (await cloud.v1("ImportDocumentationParts", restApiId=api, body=text.encode()))["ids"]
        assert len(ids) == 2
        again = await cloud.v1("ImportDocumentationParts", restApiId=api, body=text.encode(), mode="overwrite")
        assert again["ids"] == ids
        for wrong in (b"{", b"[]"):
            assert await cloud.refused("ImportDocumentationParts", restApiId=api, body=wrong) == (
                "BadRequestException",
                "Unable to build importer with provided input.",
            )
        where = {"restApiId": api, "documentationVersion": "v123"}
        made = await cloud.v1("CreateDocumentationVersion", **where, stageName="dev")
        assert made["version"] == "v123"
        changed = await cloud.v1("UpdateDocumentationVersion", **where, **replaced("/description", "doc version new"))
        assert changed["description"] == "doc version new"
        assert (await cloud.v1("GetStage", restApiId=api, stageName="dev"))["documentationVersion"] == "v123"
        export = {"restApiId": api, "stageName": "dev", "exportType": "oas30"}
        made = await cloud.v1("GetExport", **export, parameters={"extensions": "documentation"})
        shown = json.loads(made["body"])["x-amazon-apigateway-documentation"]
        assert shown["version"] == "v123"
        assert sorted(one["location"]["type"] for one in shown["documentationParts"]) == ["API", "METHOD"]
        assert (await cloud.refused("CreateDocumentationVersion", **where))[0] == "ConflictException"
        await cloud.v1("DeleteDocumentationVersion", **where)
        assert (await cloud.v1("GetDocumentationVersions", restApiId=api))["items"] == []

    run(body)


def test_tags() -> None:
    async def body(cloud: Cloud) -> None:
        api = await cloud.shop()
        plan = (await cloud.v1("CreateUsagePlan", name="gold", tags={"a": "1"}))["id"]
        key = (await cloud.v1("CreateApiKey"))["id"]
        await cloud.v1("CreateDomainName", domainName="a.example.com", certificateArn=CERTIFICATE)
        paths = (f"restapis/{api}", f"restapis/{api}/stages/dev", f"apikeys/{key}", "domainnames/a.example.com")
        for path in (*paths, f"usageplans/{plan}"):
            arn = f"arn:aws:apigateway:{REGION}::/{path}"
            await cloud.v1("TagResource", resourceArn=arn, tags={"b": "2", "c": "3"})
            await cloud.v1("UntagResource", resourceArn=arn, tagKeys=["c", "a"])
            assert (await cloud.v1("GetTags", resourceArn=arn))["tags"] == {"b": "2"}
        assert (await cloud.v1("GetUsagePlan", usagePlanId=plan))["tags"] == {"b": "2"}
        for wrong in (
            "arn:aws:s3:::a",
            f"arn:aws:apigateway:{REGION}::/restapis/no",
            "arn:aws:apigateway:eu-west-1::/apikeys/x",
        ):
            assert (await cloud.refused("GetTags", resourceArn=wrong))[0] in (
                "BadRequestException",
                "NotFoundException",
            )

    run(body)


def test_the_account() -> None:
    async def body(cloud: Cloud) -> None:
        assert await cloud.v1("GetAccount") == {
            "apiKeyVersion": "4",
            "features": ["UsagePlans"],
            "throttleSettings": {"burstLimit": 5000, "rateLimit": 10000.0},
        }
        for name, principal in (("good", "apigateway.amazonaws.com"), ("bad", "lambda.amazonaws.com")):
            statement = {"Effect": "Allow", "Action": "sts:AssumeRole", "Principal": {"Service": principal}}
            trust = json.dumps({"Version": "2012-10-17", "Statement": [statement]})
            await cloud.call("iam", "CreateRole", RoleName=name, AssumeRolePolicyDocument=trust)
        refusal = (
            "The role ARN does not have required permissions configured. Please grant trust permission for API Gateway "
            "and add the required role policy."
        )
        path, arn = "/cloudwatchRoleArn", f"arn:aws:iam::{ACCOUNT}:role/"
        writing = {"Effect": "Allow", "Action": "logs:*", "Resource": "*"}
        policy = json.dumps({"Version": "2012-10-17", "Statement": [writing]})
        await cloud.call("iam", "PutRolePolicy", RoleName="bad", PolicyName="p", PolicyDocument=policy)
        for wrong in ("bad", "none", "good"):  # the last one may not write yet
            assert await cloud.refused("UpdateAccount", **replaced(path, arn + wrong)) == (
                "BadRequestException",
                refusal,
            )
        await cloud.call("iam", "PutRolePolicy", RoleName="good", PolicyName="p", PolicyDocument=policy)
        assert (await cloud.v1("UpdateAccount", **replaced(path, arn + "good")))["cloudwatchRoleArn"] == arn + "good"
        assert "cloudwatchRoleArn" not in await cloud.v1("UpdateAccount", **replaced(path, ""))

    run(body)


@pytest.mark.slow
def test_a_client_certificate_is_a_real_one() -> None:
    async def body(cloud: Cloud) -> None:
        made = await cloud.v1("GenerateClientCertificate", description="ours")
        certificate = x509.load_pem_x509_certificate(made["pemEncodedCertificate"].encode())
        assert certificate.subject.rfc4514_string() == "CN=ApiGateway,C=US"
        assert certificate.not_valid_before_utc == made["createdDate"]
        assert certificate.not_valid_after_utc == made["expirationDate"]
        assert made["createdDate"] == datetime.fromtimestamp(cloud.clock.now_ns() // 10**9, UTC)
        key = certificate.public_key()
        assert isinstance(key, rsa.RSAPublicKey)
        algorithm = certificate.signature_hash_algorithm
        assert algorithm is not None
        key.verify(certificate.signature, certificate.tbs_certificate_bytes, padding.PKCS1v15(), algorithm)
        where = {"clientCertificateId": made["clientCertificateId"]}
        assert (await cloud.v1("UpdateClientCertificate", **where, **replaced("/description", "x")))[
            "description"
        ] == "x"
        api = await cloud.shop()
        stage = {"restApiId": api, "stageName": "dev"}
        await cloud.v1("UpdateStage", **stage, **replaced("/clientCertificateId", where["clientCertificateId"]))
        assert (await cloud.refused("DeleteClientCertificate", **where))[0] == "BadRequestException"
        await cloud.v1("DeleteStage", **stage)
        await cloud.v1("DeleteClientCertificate", **where)
        assert (await cloud.refused("GetClientCertificate", **where))[0] == "NotFoundException"

    run(body)


def test_links() -> None:
    async def body(cloud: Cloud) -> None:
        target = f"arn:aws:elasticloadbalancing:{REGION}:{ACCOUNT}:loadbalancer/net/a/b"
        made = await cloud.v1("CreateVpcLink", name="link", targetArns=[target])
        assert made == {"id": made["id"], "name": "link", "targetArns": [target], "status": "AVAILABLE"}
        changed = await cloud.v1("UpdateVpcLink", vpcLinkId=made["id"], **replaced("/name", "rope"))
        assert changed["name"] == "rope"
        assert await cloud.refused("UpdateVpcLink", vpcLinkId="no", **replaced("/name", "x")) == (
            "NotFoundException",
            "Invalid Vpc Link identifier specified",
        )
        await cloud.v1("DeleteVpcLink", vpcLinkId=made["id"])
        assert (await cloud.v1("GetVpcLinks"))["items"] == []

    run(body)


def test_kinds_of_sdk() -> None:
    async def body(cloud: Cloud) -> None:
        found = [one["id"] for one in (await cloud.v1("GetSdkTypes"))["items"]]
        assert found == ["android", "java", "javascript", "objectivec", "ruby", "swift"]
        where = {"restApiId": "a", "stageName": "dev", "sdkType": "javascript"}
        assert (await cloud.refused("GetSdk", **where))[0] == "NotImplemented"
        given = {"domainNameArn": "arn:x", "accessAssociationSourceType": "VPCE", "accessAssociationSource": "vpce-1"}
        refused = await cloud.refused("CreateDomainNameAccessAssociation", **given)
        assert refused == (
            "NotImplemented",
            "Lambent has not built the operation CreateDomainNameAccessAssociation of apigateway yet.",
        )

    run(body)
