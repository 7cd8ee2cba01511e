"""Pages of the web in a developer's browser: what they sign with the key that everybody knows is refused."""

from __future__ import annotations

from typing import Any

import pytest
from botocore.auth import S3SigV4QueryAuth, SigV4QueryAuth
from botocore.awsrequest import AWSRequest
from botocore.credentials import Credentials

from lambent.contracts.http import BytesBody, Request, Response
from lambent.contracts.ports import Settings
from tests.support import TestCloud

NOW_NS = 1_700_000_000_000_000_000
EVIL = "https://evil.example"
HERE = "localhost:4566"
BROWSER = "Mozilla/5.0 (X11; Linux x86_64) Gecko/20100101 Firefox/133.0"
CREATE = "Action=CreateUser&UserName=eve&Version=2010-05-08"
WHO = "Action=GetCallerIdentity&Version=2011-06-15"


@pytest.fixture(autouse=True)
def today(monkeypatch: pytest.MonkeyPatch) -> None:
    """botocore signs at the time of the test's clock."""
    import datetime

    import botocore.auth

    moment = datetime.datetime.fromtimestamp(NOW_NS / 1e9, datetime.UTC).replace(tzinfo=None)
    if hasattr(botocore.auth, "get_current_datetime"):
        monkeypatch.setattr(botocore.auth, "get_current_datetime", lambda *_, **__: moment)


def signed(method: str, path: str, service: str, host: str = HERE, keys: tuple[str, str] = ("test", "test")) -> str:
    """The query of a signed URL."""
    request = AWSRequest(method, f"http://{host}{path}", headers={"host": host})
    kind = S3SigV4QueryAuth if service == "s3" else SigV4QueryAuth
    kind(Credentials(*keys), service, "us-east-1").add_auth(request)
    return str(request.url).partition("?")[2]


async def ask(cloud: TestCloud, method: str, target: str, service: str, **headers: str) -> Response:
    host = headers.pop("host", HERE)
    path = target.partition("?")[0]
    given = {"host": host, **{name.replace("_", "-"): value for name, value in headers.items()}}
    return await cloud.front(Request(method, path, signed(method, target, service, host), given, BytesBody(b"")))


async def users(cloud: TestCloud) -> list[str]:
    return [one["UserName"] for one in (await cloud.call("iam", "ListUsers"))["Users"]]


@pytest.mark.parametrize("origin", [EVIL, "null", "http://localhost.evil.example", "http://[::1"])
async def test_a_page_of_the_web_commands_nothing_by_a_signed_url(origin: str) -> None:
    cloud = TestCloud()
    answer = await ask(cloud, "POST", f"/?{CREATE}", "iam", origin=origin)
    assert answer.status == 403
    assert b"may not sign" in bytes(answer.body)  # type: ignore[arg-type]
    assert await users(cloud) == []


@pytest.mark.parametrize("origin", ["http://localhost:3000", "http://shop.s3-website.localhost:4566", ""])
async def test_a_page_of_this_machine_and_a_program_do(origin: str) -> None:
    cloud = TestCloud()
    headers = {"origin": origin} if origin else {}
    assert (await ask(cloud, "POST", f"/?{CREATE}", "iam", **headers)).status == 200
    assert await users(cloud) == ["eve"]


async def test_an_image_or_link_of_another_site_commands_nothing() -> None:
    cloud = TestCloud()
    assert (await ask(cloud, "GET", f"/?{CREATE}", "iam", sec_fetch_site="cross-site")).status == 403
    assert await users(cloud) == []
    assert (await ask(cloud, "GET", f"/?{WHO}", "sts", sec_fetch_site="none")).status == 200


async def test_a_name_of_the_web_that_leads_here_is_no_name_of_ours() -> None:
    """DNS rebinding: the page asks its own origin, so that the browser neither asks first nor hides the answer."""
    cloud = TestCloud()
    rebound = {"host": "evil.example:4566", "user_agent": BROWSER}
    assert (await ask(cloud, "GET", f"/?{WHO}", "sts", **rebound)).status == 403
    for host in ("sts.us-east-1.localhost:4566", HERE, "127.0.0.1:4566", "lambent:4566"):
        assert (await ask(cloud, "GET", f"/?{WHO}", "sts", host=host, user_agent=BROWSER)).status == 200
    cloud.settings = Settings(endpoint="http://cloud.evil.example:4566")
    assert (await ask(cloud, "GET", f"/?{WHO}", "sts", host="cloud.evil.example", user_agent=BROWSER)).status == 200


async def test_whoever_has_keys_of_their_own_asks_from_where_they_like() -> None:
    cloud = TestCloud()
    await cloud.call("iam", "CreateUser", UserName="u")
    made: Any = (await cloud.call("iam", "CreateAccessKey", UserName="u"))["AccessKey"]
    query = signed("POST", f"/?{WHO}", "sts", keys=(made["AccessKeyId"], made["SecretAccessKey"]))
    answer = await cloud.front(Request("POST", "/", query, {"host": HERE, "origin": EVIL}))
    assert answer.status == 200
    cloud.settings = Settings(auth="strict")
    assert (await ask(cloud, "POST", f"/?{WHO}", "sts", origin=EVIL)).status == 403  # nobody has the key `test`


async def test_a_bucket_says_which_pages_may_write() -> None:
    cloud = TestCloud()
    await cloud.call("s3", "CreateBucket", Bucket="pictures")
    assert (await ask(cloud, "PUT", "/pictures/key", "s3", origin=EVIL)).status == 403
    assert (await ask(cloud, "GET", "/pictures", "s3", origin=EVIL)).status == 200  # which the page cannot read
    rule = {"AllowedOrigins": [EVIL], "AllowedMethods": ["PUT"]}
    await cloud.call("s3", "PutBucketCors", Bucket="pictures", CORSConfiguration={"CORSRules": [rule]})
    answer = await ask(cloud, "PUT", "/pictures/key", "s3", origin=EVIL)
    assert answer.status == 200, answer.body
    assert (await ask(cloud, "DELETE", "/pictures/key", "s3", origin=EVIL)).status == 403


@pytest.mark.parametrize(
    "headers",
    [{"host": "evil.example:4566"}, {"host": HERE, "origin": EVIL}, {"host": HERE, "sec-fetch-site": "cross-site"}],
)
async def test_mails_are_not_for_pages_of_the_web(headers: dict[str, str]) -> None:
    cloud = TestCloud()
    assert (await cloud.front(Request("GET", "/_lambent/mail", "", {"host": HERE}))).status == 200
    assert (await cloud.front(Request("GET", "/_lambent/mail", "", headers))).status == 403
