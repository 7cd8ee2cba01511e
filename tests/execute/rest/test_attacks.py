"""Callers who want more of an API than it gives: other parameters, other callers' answers, another backend, no end."""

from __future__ import annotations

import pytest

from lambent.contracts.http import Request, Response
from lambent.execute.rest.integrations.service import without
from lambent.services.apigateway.model import Integration, IntegrationResponse, MethodSettings
from tests.execute.rest.making import ALL, Making, lambda_proxy, role
from tests.execute.rest.test_authorization import signed, user
from tests.execute.rest.test_caching import body, counted
from tests.execute.rest.test_http import backed
from tests.execute.rest.test_services import OK, aws, messages, queue, uri
from tests.support import TestCloud


@pytest.mark.slow
async def test_a_caller_says_nothing_anew_that_the_api_has_said() -> None:
    parameters = {
        "integration.request.querystring.QueueUrl": "stageVariables.queue",
        "integration.request.querystring.MessageBody": "'it'",
    }
    cloud, making = await aws("sqs:action/SendMessage", parameters=parameters)
    url = await queue(cloud)
    other: str = (await cloud.call("sqs", "CreateQueue", QueueName="other"))["QueueUrl"]
    await making.stage(variables={"queue": url})
    for field in (f"QueueUrl={other}", f"%51ueueUrl={other}", "Action=PurgeQueue", "MessageBody=evil", "Version=x"):
        kind = {"content-type": "application/x-www-form-urlencoded"}
        answer = await making.ask("POST", "", body=field.encode(), headers=kind)
        assert answer.status == 200, (field, answer.body)
    assert [one["Body"] for one in await messages(cloud, url)] == ["it"] * 5
    assert await messages(cloud, other) == []


def test_fields_are_left_out_however_they_are_written() -> None:
    assert without(b"a=1&b=2&%61=3&a&c=a=1&+a=4&\xff=5", {"a"}) == b"b=2&c=a=1&+a=4&\xff=5"
    assert without(b"", {"a"}) == b""


@pytest.mark.slow
async def test_a_service_integration_that_leads_to_its_own_api_comes_to_an_end() -> None:
    cloud = TestCloud()
    making = Making(cloud)
    to = uri(f"{making.id}.execute-api:path/dev/x")
    making.method(
        "/{p+}", "ANY", Integration(type="AWS", http_method="GET", uri=to, credentials=await role(cloud), responses=OK)
    )
    await making.deploy()
    asked = 0
    front = cloud.front

    async def counting(request: Request) -> Response:
        nonlocal asked
        asked += 1
        return await front(request)

    cloud.front = counting
    await making.ask("GET", "/x")
    assert asked == 10


@pytest.mark.slow
@pytest.mark.parametrize("path", ["_lambent/mail", "%5flambent/mail", "x/../_lambent/health", "2018-06-01/runtime"])
async def test_no_integration_leads_to_the_clouds_own_doors(path: str) -> None:
    _, making = await aws(f"s3:path/{path}", "GET")
    answer = await making.ask("GET", "")
    assert answer.status == 500
    assert b"letters" not in bytes(answer.body)  # type: ignore[arg-type]


async def test_a_value_in_the_query_of_an_address_stays_one_value() -> None:
    address = "http://backend.example/find?admin=no&name={name}"
    making, backend = await backed(
        "HTTP_PROXY", address, path="/{name}",
        parameters={"integration.request.path.name": "method.request.path.name"},
    )  # fmt: skip
    for sent in ("x&admin=yes", "x%26admin=yes", "x%3Badmin%3Dyes", "x+y%2B", "x%23"):
        assert (await making.ask("POST", f"/{sent}")).status == 200
        query = backend.calls[-1].url.partition("?")[2]
        assert query.startswith("admin=no&name=x")
        assert (query.count("&"), query.count("="), query.count("#")) == (1, 2, 0)
        assert not set("+;") & set(query)


async def test_a_parameter_that_is_sent_twice_poisons_no_cache() -> None:
    integration = lambda_proxy("count", cache_key_parameters=("method.request.querystring.q",))
    _, making = await counted(integration)
    assert await body(making, "/a?q=evil&q=good") == b"1"
    assert await body(making, "/a?q=good") == b"2"
    assert await body(making, "/a?q=evil&q=good") == b"1"


@pytest.mark.slow
async def test_what_a_backend_answers_to_a_callers_own_credentials_is_not_kept() -> None:
    cloud = TestCloud()
    await cloud.call("s3", "CreateBucket", Bucket="private")
    await cloud.call("s3", "PutObject", Bucket="private", Key="k", Body=b"alice's own")
    making = Making(cloud)
    own = Integration(
        type="AWS", http_method="GET", uri=uri("s3:path/private/k"), credentials="arn:aws:iam::*:user/*",
        responses={
            "200": IntegrationResponse(status_code="200"),
            "403": IntegrationResponse(status_code="403", selection_pattern="403"),
        },
    )  # fmt: skip
    making.method("/k", "GET", own, authorization="AWS_IAM")
    settings = {"*/*": MethodSettings(caching=True, cache_ttl_s=300)}
    await making.deploy(cache_enabled=True, cache_size="0.5", settings=settings)
    alice = await user(cloud, ALL)
    await cloud.call("iam", "CreateUser", UserName="bob")
    only = ALL.replace('"Action":"*"', '"Action":"execute-api:Invoke"')
    await cloud.call("iam", "PutUserPolicy", UserName="bob", PolicyName="it", PolicyDocument=only)
    key = (await cloud.call("iam", "CreateAccessKey", UserName="bob"))["AccessKey"]["AccessKeyId"]
    bob = await cloud.store.read(lambda tx: cloud.directory.credential(tx, key))
    assert bob is not None
    assert (await signed(cloud, alice, "/k")).body == b"alice's own"
    refused = await signed(cloud, bob, "/k")
    assert refused.status == 403
    assert b"alice's own" not in bytes(refused.body)  # type: ignore[arg-type]


@pytest.mark.parametrize(
    "path", ["/../x", "/a/..", "/%2e%2e/x", "/a/.%2E/x", "/a%5c..%5cx", "/a\\..\\x", "/..;/x", "/a/..;v=1/x", "/.;/x"]
)
async def test_a_path_that_some_server_takes_for_another_leads_nowhere(path: str) -> None:
    making, backend = await backed("HTTP_PROXY", "http://backend.example/public/{proxy}", path="/{proxy+}")
    assert (await making.ask("POST", path)).status == 403
    assert not backend.calls
    for fine in ("/a..b", "/...", "/a;..", "/.well-known/x"):
        assert (await making.ask("POST", fine)).status == 200
