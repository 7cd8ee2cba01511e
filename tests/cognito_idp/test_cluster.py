"""User pools on PostgreSQL: two nodes of one cloud, and what both are asked for at once."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Iterator
from contextlib import asynccontextmanager
from typing import Any

import pytest

from lambent.contracts.clock import SystemClock
from lambent.contracts.errors import ServiceError
from lambent.contracts.ids import Ids
from tests.kv.postgres_cluster import Cluster, find_binaries, started

from .browser import Browser, fields, header
from .support import FLOWS, PASSWORD, PoolCloud
from .test_hosted import OAUTH, asked, code_of, exchange

pytestmark = [pytest.mark.slow, pytest.mark.skipif(find_binaries() is None, reason="PostgreSQL is not installed")]
AT_ONCE = 6


@pytest.fixture(scope="module")
def cluster() -> Iterator[Cluster]:
    binaries = find_binaries()
    assert binaries is not None
    with started(binaries) as running:
        yield running


@asynccontextmanager
async def nodes(cluster: Cluster, **client: Any) -> AsyncIterator[tuple[PoolCloud, PoolCloud]]:
    from lambent.kv.engines.postgres import PostgresStore  # deferred: an optional dependency

    url = cluster.schema()
    clouds: list[PoolCloud] = []
    for number in range(2):
        cloud = PoolCloud(number + 1)
        cloud.ids = Ids()
        # The pools' time stands still, however slow the machine is; nobody stops that of a database.
        cloud.store = PostgresStore(url, SystemClock(), cloud.ids)  # type: ignore[assignment]
        clouds.append(cloud)
    first, second = clouds
    try:
        await first.fill(client)
        second.pool, second.client, second.functions = first.pool, first.client, first.functions
        yield first, second
    finally:
        for cloud in clouds:
            await cloud.store.close()


async def outcomes(*work: Awaitable[Any]) -> list[str]:
    """How calls at once end: `ok`, or the error's code."""

    async def one(call: Awaitable[Any]) -> str:
        try:
            await call
        except ServiceError as error:
            return error.code
        return "ok"

    return sorted(await asyncio.gather(*map(one, work)))


def test_a_name_is_given_once_and_a_code_taken_once(cluster: Cluster) -> None:
    async def scenario() -> None:
        async with nodes(cluster) as (first, second):
            mail = [{"Name": "email", "Value": "anna@example.com"}]
            given = {"Username": "anna", "Password": PASSWORD, "UserAttributes": mail}
            calls = [node.app("SignUp", **given) for node in (first, second) * (AT_ONCE // 2)]
            assert await outcomes(*calls) == ["UsernameExistsException"] * (AT_ONCE - 1) + ["ok"]
            confirm = {"Username": "anna", "ConfirmationCode": await second.code("anna@example.com")}
            calls = [node.app("ConfirmSignUp", **confirm) for node in (first, second) * (AT_ONCE // 2)]
            assert await outcomes(*calls) == ["NotAuthorizedException"] * (AT_ONCE - 1) + ["ok"]
            tokens = await first.tokens()
            assert (await second.anyone("GetUser", AccessToken=tokens["AccessToken"]))["Username"] == "anna"
            await second.anyone("GlobalSignOut", AccessToken=tokens["AccessToken"])
            ended = await outcomes(first.anyone("GetUser", AccessToken=tokens["AccessToken"]))
            assert ended == ["NotAuthorizedException"]
            assert (await first.admin("DescribeUserPool"))["UserPool"]["EstimatedNumberOfUsers"] == 1

    asyncio.run(scenario())


def test_wrong_passwords_are_counted_over_all_nodes(cluster: Cluster) -> None:
    async def scenario() -> None:
        async with nodes(cluster) as (first, second):
            await first.user()
            await asyncio.gather(*(outcomes(node.sign_in(password="x")) for node in (first, second) * 5))
            with pytest.raises(ServiceError) as caught:
                await second.sign_in()
            assert caught.value.message == "Password attempts exceeded"

    asyncio.run(scenario())


def test_an_authorization_code_serves_one_node(cluster: Cluster) -> None:
    async def scenario() -> None:
        async with nodes(cluster, **OAUTH, ExplicitAuthFlows=list(FLOWS)) as (first, second):
            await first.user()
            await first.admin("CreateUserPoolDomain", Domain="books")
            browser, other = Browser(first), Browser(second)
            code = await code_of(first, browser)
            # The other node knows the browser by its cookie.
            other.cookies = browser.cookies
            again = await other.get("/oauth2/authorize", **asked(second))
            assert "code" in fields(header(again, "location"))
            answers = await asyncio.gather(*(exchange(first, one, code) for one in (browser, other) * (AT_ONCE // 2)))
            assert [status for status, _ in answers].count(200) == 1
            # Used more than once, it is worth nothing to anybody.
            access = next(found["access_token"] for status, found in answers if status == 200)
            info = await other.ask("GET", "/oauth2/userInfo", headers={"authorization": f"Bearer {access}"})
            assert info.status == 401

    asyncio.run(scenario())
