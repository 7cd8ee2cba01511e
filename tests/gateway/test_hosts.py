"""Whose is a host: nobody takes requests by a domain name that are the cloud's, or another account's."""

from __future__ import annotations

from typing import Any

import pytest
from msgspec.structs import replace

from lambent.contracts.caller import root
from lambent.contracts.http import Request
from tests.support import ACCOUNT, REGION, TestCloud

THIEF = "111111111111"
CERTIFICATE = f"arn:aws:acm:{REGION}:{THIEF}:certificate/x"


async def takes(cloud: TestCloud, name: str, account: str = THIEF) -> None:
    """An account makes an API answer at a name."""

    async def do(service: str, operation: str, **params: Any) -> dict[str, Any]:
        return await cloud.api.call(root(account), REGION, service, operation, params)

    given = {"Name": "x", "ProtocolType": "HTTP", "RouteKey": "$default", "Target": "http://127.0.0.1:1/"}
    api = (await do("apigatewayv2", "CreateApi", **given))["ApiId"]
    configuration = [{"CertificateArn": CERTIFICATE, "EndpointType": "REGIONAL"}]
    await do("apigatewayv2", "CreateDomainName", DomainName=name, DomainNameConfigurations=configuration)
    await do("apigatewayv2", "CreateApiMapping", ApiId=api, DomainName=name, Stage="$default")


async def reached(cloud: TestCloud, host: str, path: str = "/") -> tuple[int, bool]:
    """The status of an answer, and whether an API gave it."""
    request = Request("GET", path, "", {"host": f"{host}:4566"}, id=cloud.ids.request_id())
    answer = await cloud.front(request)
    names = {name.lower() for name, _ in answer.headers}
    return answer.status, "apigw-requestid" in names or "x-amzn-errortype" in names


@pytest.mark.slow
@pytest.mark.parametrize("host", ["cloud.example.com", "pictures.s3.cloud.example.com", "sts.cloud.example.com"])
async def test_no_domain_name_takes_the_clouds_own_host(host: str) -> None:
    cloud = TestCloud()
    await takes(cloud, host)
    assert (await reached(cloud, host))[1]
    cloud.settings = replace(cloud.settings, endpoint="https://cloud.example.com")
    assert not (await reached(cloud, host, "/bucket/key"))[1]
    await takes(cloud, "api.cloud.example.com")
    assert (await reached(cloud, "api.cloud.example.com"))[1]


@pytest.mark.slow
async def test_no_domain_name_takes_the_names_that_every_cloud_has() -> None:
    cloud = TestCloud()
    for host in ("lambent.localhost", "s3.lambent.localhost", "s3.localhost", "sts.amazonaws.com"):
        await takes(cloud, host)
        assert not (await reached(cloud, host))[1], host


async def site(cloud: TestCloud, name: str) -> None:
    """A website of the owner's."""
    await cloud.call("s3", "CreateBucket", Bucket=name)
    document = {"IndexDocument": {"Suffix": "index.html"}}
    await cloud.call("s3", "PutBucketWebsite", Bucket=name, WebsiteConfiguration=document)


@pytest.mark.slow
async def test_no_other_account_takes_the_host_of_a_website() -> None:
    cloud = TestCloud()
    await site(cloud, "www.example.com")
    cloud.clock.advance(1_000_000_000)
    await takes(cloud, "www.example.com")
    await takes(cloud, "*.example.com")
    assert await reached(cloud, "www.example.com") == (403, False)
    assert (await reached(cloud, "else.example.com"))[1]
    await cloud.call("s3", "DeleteBucketWebsite", Bucket="www.example.com")
    assert (await reached(cloud, "www.example.com"))[1], "what nobody uses any more is free"


@pytest.mark.slow
async def test_no_other_account_takes_the_host_of_sign_in_pages() -> None:
    cloud = TestCloud()
    pool = (await cloud.call("cognito-idp", "CreateUserPool", PoolName="p"))["UserPool"]["Id"]
    own = {"CertificateArn": CERTIFICATE}
    await cloud.call(
        "cognito-idp", "CreateUserPoolDomain", UserPoolId=pool, Domain="login.example.com", CustomDomainConfig=own
    )
    cloud.clock.advance(1_000_000_000)
    await takes(cloud, "login.example.com")
    assert not (await reached(cloud, "login.example.com", "/login"))[1]
    assert not (await reached(cloud, "login.example.com", "/signin"))[1]


@pytest.mark.slow
async def test_an_account_may_have_an_api_before_its_own_website() -> None:
    cloud = TestCloud()
    await site(cloud, "shop.example.com")
    cloud.clock.advance(1_000_000_000)
    await takes(cloud, "shop.example.com", ACCOUNT)
    assert (await reached(cloud, "shop.example.com"))[1]
