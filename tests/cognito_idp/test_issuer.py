"""Whose tokens they say they are: the address by which the client came, or AWS's."""

from __future__ import annotations

import asyncio
import json

import pytest

from lambent.contracts.http import Request
from lambent.services.cognito_idp import addresses
from tests.support import TestCloud

from .browser import Browser, fields, header
from .support import PASSWORD, PoolCloud, claims
from .test_hosted import asked, exchange, run


@pytest.mark.parametrize(
    ("host", "secure", "spelled"),
    [
        ("localhost:4566", False, "http://localhost:4566"),
        ("127.0.0.1:4566", False, "http://127.0.0.1:4566"),
        ("books.auth.us-east-1.localhost:4566", False, "http://localhost:4566"),
        ("localhost:4566", True, "https://localhost:4566"),
        ("localhost:5173", False, "http://127.0.0.1:4566"),  # a proxy's
        ("evil.example:4566", False, "http://127.0.0.1:4566"),
        ("localhost", False, "http://127.0.0.1:4566"),
        ("", False, "http://127.0.0.1:4566"),
    ],
)
def test_this_machine_is_called_what_the_client_calls_it(host: str, secure: bool, spelled: str) -> None:
    async def scenario() -> None:
        cloud = TestCloud()
        assert addresses.endpoint(cloud, Request("GET", "/", headers={"host": host}, secure=secure)) == spelled
        assert addresses.endpoint(cloud, None) == cloud.settings.endpoint

    asyncio.run(scenario())


def test_discovery_and_tokens_name_the_issuer_that_the_client_was_configured_for() -> None:
    async def scenario(cloud: PoolCloud, _: Browser) -> None:
        await cloud.user()
        for host in ("localhost:4566", "127.0.0.1:4566"):
            issuer = f"http://{host}/{cloud.pool}"
            found = await Browser(cloud, "", host).ask("GET", f"/{cloud.pool}/.well-known/openid-configuration")
            assert isinstance(found.body, bytes)
            said = json.loads(found.body)
            assert (said["issuer"], said["jwks_uri"]) == (issuer, f"{issuer}/.well-known/jwks.json")
            assert said["authorization_endpoint"].startswith(f"http://{host}/_aws/cognito/books/")
            browser = Browser(cloud, host=host)
            login = await browser.get("/login", **asked(cloud))
            answer = await browser.submit(login, username="anna", password=PASSWORD)
            status, tokens = await exchange(cloud, browser, fields(header(answer, "location"))["code"])
            assert status == 200
            assert {claims(tokens[name])["iss"] for name in ("id_token", "access_token")} == {issuer}
            form = {"grant_type": "refresh_token", "client_id": cloud.client, "refresh_token": tokens["refresh_token"]}
            again = await browser.ask("POST", "/oauth2/token", form)
            assert isinstance(again.body, bytes)
            assert claims(json.loads(again.body)["id_token"])["iss"] == issuer
            # Whatever it says, it is the pool's.
            await cloud.anyone("GlobalSignOut", AccessToken=(await cloud.tokens())["AccessToken"])

    run(scenario)


def test_a_tag_makes_the_issuer_awss() -> None:
    async def scenario(cloud: PoolCloud, _: Browser) -> None:
        await cloud.user()
        await cloud.admin("UpdateUserPool", UserPoolTags={addresses.ISSUER_TAG: "aws"})
        issuer = f"https://cognito-idp.us-east-1.amazonaws.com/{cloud.pool}"
        tokens = await cloud.tokens()
        assert {claims(tokens[name])["iss"] for name in ("IdToken", "AccessToken")} == {issuer}
        found = await Browser(cloud, "").ask("GET", f"/{cloud.pool}/.well-known/openid-configuration")
        assert isinstance(found.body, bytes)
        said = json.loads(found.body)
        assert (said["issuer"], said["jwks_uri"]) == (
            issuer,
            f"http://127.0.0.1:4566/{cloud.pool}/.well-known/jwks.json",
        )
        assert (await cloud.anyone("GetUser", AccessToken=tokens["AccessToken"]))["Username"] == "anna"

    run(scenario)
