"""The hosted pages and OAuth 2 endpoints: sign-in with a code, tokens, and what must be refused."""

from __future__ import annotations

import asyncio
import base64
import hashlib
import json
import re
from collections.abc import Callable, Coroutine
from typing import Any

import pytest

from lambent.contracts.http import Response
from lambent.services.cognito_idp import totp

from .browser import CALLBACK, Browser, fields, header, html
from .support import HOUR_S, MINUTE_S, PASSWORD, PoolCloud, claims, forged

VERIFIER = "a-verifier-that-is-long-enough-to-be-one-0123456789"
CHALLENGE = base64.urlsafe_b64encode(hashlib.sha256(VERIFIER.encode()).digest()).decode().rstrip("=")
OAUTH: dict[str, Any] = {
    "AllowedOAuthFlowsUserPoolClient": True,
    "AllowedOAuthFlows": ["code", "implicit"],
    "AllowedOAuthScopes": ["openid", "email", "profile"],
    "CallbackURLs": [CALLBACK, "https://app.example.com/other?x=1", "myapp:///in", "http://localhost:3000"],
    "LogoutURLs": ["https://app.example.com/bye"],
    "PreventUserExistenceErrors": "ENABLED",
}


def run(scenario: Callable[[PoolCloud, Browser], Coroutine[Any, Any, None]], **client: Any) -> None:
    async def main() -> None:
        cloud = await PoolCloud.begin(client={**OAUTH, **client})
        await cloud.admin("CreateUserPoolDomain", Domain="books")
        await scenario(cloud, Browser(cloud))

    asyncio.run(main())


def asked(cloud: PoolCloud, **changes: str) -> dict[str, str]:
    """What an application asks the authorization endpoint for."""
    plain = {
        "client_id": cloud.client, "response_type": "code", "redirect_uri": CALLBACK, "state": "s t&a",
        "scope": "openid email", "code_challenge": CHALLENGE, "code_challenge_method": "S256", "nonce": "n-1",
    }  # fmt: skip
    return {name: value for name, value in {**plain, **changes}.items() if value}


async def code_of(cloud: PoolCloud, browser: Browser, **changes: str) -> str:
    """A code for anna, who signs in on the page if need be."""
    answer = await browser.get("/oauth2/authorize", **asked(cloud, **changes))
    if header(answer, "location").startswith(browser.base):
        answer = await browser.submit(await browser.follow(answer), username="anna", password=PASSWORD)
    assert answer.status == 302, html(answer)
    return fields(header(answer, "location"))["code"]


async def exchange(cloud: PoolCloud, browser: Browser, code: str, **changes: str) -> tuple[int, dict[str, Any]]:
    """What the token endpoint says to a code."""
    form = {
        "grant_type": "authorization_code", "code": code, "redirect_uri": CALLBACK, "client_id": cloud.client,
        "code_verifier": VERIFIER, **changes,
    }  # fmt: skip
    answer = await browser.ask("POST", "/oauth2/token", {name: value for name, value in form.items() if value})
    return answer.status, read(answer)


def read(answer: Response) -> dict[str, Any]:
    assert isinstance(answer.body, bytes)
    assert header(answer, "cache-control") == "no-store"
    found: dict[str, Any] = json.loads(answer.body)
    return found


def test_a_browser_signs_in_with_code_and_proof_key() -> None:
    async def scenario(cloud: PoolCloud, browser: Browser) -> None:
        sub = await cloud.user()
        login = await browser.follow(await browser.get("/oauth2/authorize", **asked(cloud)))
        assert "Sign in" in html(login)
        wrong = await browser.submit(login, username="anna", password="nonsense")
        assert "Incorrect username or password." in html(wrong)
        answer = await browser.submit(login, username="anna", password=PASSWORD)
        to = header(answer, "location")
        assert to.startswith(CALLBACK + "?")
        assert fields(to)["state"] == "s t&a"
        status, found = await exchange(cloud, browser, fields(to)["code"])
        assert (status, found["token_type"], found["expires_in"]) == (200, "Bearer", HOUR_S)
        said = claims(found["id_token"])
        assert (said["sub"], said["nonce"], said["aud"], said["email"]) == (
            sub,
            "n-1",
            cloud.client,
            "anna@example.com",
        )
        assert claims(found["access_token"])["scope"] == "openid email"
        half = hashlib.sha256(found["access_token"].encode()).digest()[:16]
        assert base64.urlsafe_b64decode(said["at_hash"] + "==") == half
        info = await browser.ask(
            "GET", "/oauth2/userInfo", headers={"authorization": f"Bearer {found['access_token']}"}
        )
        assert read(info) == {"sub": sub, "email": "anna@example.com", "email_verified": "true", "username": "anna"}
        assert header(info, "access-control-allow-origin") == "*"
        form = {"grant_type": "refresh_token", "client_id": cloud.client, "refresh_token": found["refresh_token"]}
        again = read(await browser.ask("POST", "/oauth2/token", form))
        assert claims(again["access_token"])["origin_jti"] == claims(found["access_token"])["origin_jti"]
        assert "refresh_token" not in again
        # The browser stays signed in: the next code needs no page.
        second = await browser.get("/oauth2/authorize", **asked(cloud))
        assert header(second, "location").startswith(CALLBACK)
        cloud.advance(HOUR_S)
        assert header(await browser.get("/oauth2/authorize", **asked(cloud)), "location").startswith(browser.base)

    run(scenario)


def test_a_code_serves_once_and_its_replay_ends_what_came_of_it() -> None:
    async def scenario(cloud: PoolCloud, browser: Browser) -> None:
        await cloud.user()
        code = await code_of(cloud, browser)
        _, found = await exchange(cloud, browser, code)
        bearer = {"authorization": f"Bearer {found['access_token']}"}
        assert (await browser.ask("GET", "/oauth2/userInfo", headers=bearer)).status == 200
        assert await exchange(cloud, browser, code) == (400, {"error": "invalid_grant"})
        assert (await browser.ask("GET", "/oauth2/userInfo", headers=bearer)).status == 401
        form = {"grant_type": "refresh_token", "client_id": cloud.client, "refresh_token": found["refresh_token"]}
        assert read(await browser.ask("POST", "/oauth2/token", form)) == {"error": "invalid_grant"}

    run(scenario)


@pytest.mark.parametrize(
    "changes",
    [
        {"code_verifier": ""},
        {"code_verifier": VERIFIER[:-1]},
        {"redirect_uri": "https://app.example.com/other?x=1"},
        {"redirect_uri": ""},
    ],
)
def test_a_code_of_somebody_else_is_worth_nothing(changes: dict[str, str]) -> None:
    async def scenario(cloud: PoolCloud, browser: Browser) -> None:
        await cloud.user()
        code = await code_of(cloud, browser)
        assert await exchange(cloud, browser, code, **changes) == (400, {"error": "invalid_grant"})
        # It is burnt: the right answer comes too late.
        assert await exchange(cloud, browser, code) == (400, {"error": "invalid_grant"})

    run(scenario)


def test_a_code_is_over_after_five_minutes_and_belongs_to_its_client() -> None:
    async def scenario(cloud: PoolCloud, browser: Browser) -> None:
        await cloud.user()
        other = (await cloud.admin("CreateUserPoolClient", ClientName="d", **OAUTH))["UserPoolClient"]["ClientId"]
        code = await code_of(cloud, browser)
        assert await exchange(cloud, browser, code, client_id=other) == (400, {"error": "invalid_grant"})
        assert (await exchange(cloud, browser, code))[0] == 200
        code = await code_of(cloud, browser)
        cloud.advance(5 * MINUTE_S)
        assert await exchange(cloud, browser, code) == (400, {"error": "invalid_grant"})

    run(scenario)


@pytest.mark.parametrize(
    "uri",
    [
        "https://evil.example.com/callback",
        CALLBACK + "/",
        CALLBACK + "?x=1",
        CALLBACK + "/../other",
        CALLBACK.upper(),
        "https://app.example.com@evil.example.com/callback",
        "//evil.example.com",
        "javascript:alert(1)",
        CALLBACK + "\r\nSet-Cookie: a=b",
    ],
)
def test_nobody_is_sent_elsewhere(uri: str) -> None:
    async def scenario(cloud: PoolCloud, browser: Browser) -> None:
        await cloud.user()
        for path in ("/oauth2/authorize", "/login", "/signup"):
            answer = await browser.get(path, **asked(cloud, redirect_uri=uri))
            assert (answer.status, header(answer, "location")) == (400, "")
            assert "redirect_mismatch" in html(answer)
        out = await browser.get("/logout", client_id=cloud.client, logout_uri=uri)
        assert (out.status, header(out, "location")) == (400, "")

    run(scenario)


@pytest.mark.parametrize("uri", OAUTH["CallbackURLs"])
def test_an_address_is_used_as_it_was_registered(uri: str) -> None:
    async def scenario(cloud: PoolCloud, browser: Browser) -> None:
        await cloud.user()
        login = await browser.get("/login", **asked(cloud, redirect_uri=uri, state=""))
        to = header(await browser.submit(login, username="anna", password=PASSWORD), "location")
        assert to.startswith(f"{uri}{'&' if '?' in uri else '?'}code=")

    run(scenario)


def test_a_parameter_given_twice_is_none() -> None:
    async def scenario(cloud: PoolCloud, browser: Browser) -> None:
        query = f"client_id={cloud.client}&response_type=code&redirect_uri={CALLBACK}&redirect_uri=https://evil.test/"
        answer = await browser.ask("GET", f"/oauth2/authorize?{query}")
        assert answer.status == 400

    run(scenario)


@pytest.mark.parametrize(
    ("changes", "error"),
    [
        ({"response_type": "id_token"}, "unsupported_response_type"),
        ({"scope": "openid aws.cognito.signin.user.admin"}, "invalid_scope"),
        ({"code_challenge_method": "plain"}, "invalid_request"),
        ({"code_challenge": "short"}, "invalid_request"),
        ({"prompt": "none"}, "login_required"),
    ],
)
def test_what_is_wrong_is_told_to_the_application(changes: dict[str, str], error: str) -> None:
    async def scenario(cloud: PoolCloud, browser: Browser) -> None:
        answer = await browser.get("/oauth2/authorize", **asked(cloud, **changes))
        told = fields(header(answer, "location"))
        assert (told["error"], told["state"]) == (error, "s t&a")

    run(scenario)


def test_tokens_at_once_come_in_the_fragment() -> None:
    async def scenario(cloud: PoolCloud, browser: Browser) -> None:
        await cloud.user()
        await code_of(cloud, browser)
        answer = await browser.get("/oauth2/authorize", **asked(cloud, response_type="token"))
        to = header(answer, "location")
        assert to.startswith(CALLBACK + "#")
        assert sorted(fields(to)) == ["access_token", "expires_in", "id_token", "state", "token_type"]

    run(scenario)


def test_a_form_of_another_site_signs_nobody_in() -> None:
    async def scenario(cloud: PoolCloud, browser: Browser) -> None:
        await cloud.user()
        login = await browser.get("/login", **asked(cloud))
        for tampered in ({"_csrf": ""}, {"_csrf": "0" * 64}, {"_csrf": browser.cookies["csrf"]}):
            answer = await browser.submit(login, username="anna", password=PASSWORD, **tampered)
            assert answer.status == 200
            assert "open for too long" in html(answer)
        browser.cookies["csrf"] = "f" * 32
        assert (await browser.submit(login, username="anna", password=PASSWORD)).status == 200
        assert "cognito" not in browser.cookies

    run(scenario)


def test_what_people_type_stays_text() -> None:
    async def scenario(cloud: PoolCloud, browser: Browser) -> None:
        evil = '"><script>alert(1)</script>'
        query = asked(cloud, state=evil, login_hint=evil)
        login = await browser.get("/login", **query)
        for page in (login, await browser.submit(login, username=evil, password="x"), await browser.get("/x", a=evil)):
            assert "<script" not in html(page)
        code = await browser.get("/confirm", **query, username=evil)
        assert "<script" not in html(code)

    run(scenario)


def test_unknown_users_look_like_wrong_passwords_and_both_wait() -> None:
    async def scenario(cloud: PoolCloud, browser: Browser) -> None:
        await cloud.user()
        for name in ("anna", "nobody"):
            login = await browser.get("/login", **asked(cloud))
            for _ in range(5):
                page = html(await browser.submit(login, username=name, password="nonsense"))
                assert "Incorrect username or password." in page
            assert "Password attempts exceeded" in html(await browser.submit(login, username=name, password=PASSWORD))

    run(scenario)


def test_an_account_is_made_confirmed_and_its_password_reset_on_the_pages() -> None:
    async def scenario(cloud: PoolCloud, browser: Browser) -> None:
        mail = "berta@example.com"
        page = await browser.get("/signup", **asked(cloud))
        weak = await browser.submit(page, username="berta", email=mail, password="short")
        assert "Password not long enough" in html(weak)
        confirm = await browser.follow(await browser.submit(page, username="berta", email=mail, password=PASSWORD))
        assert "Invalid verification code" in html(await browser.submit(confirm, code="abc"))
        code = await cloud.code(mail)
        login = await browser.follow(await browser.submit(confirm, code=code))
        assert "You are confirmed." in html(login)
        forgot = await browser.get("/forgotPassword", **asked(cloud))
        reset = await browser.follow(await browser.submit(forgot, username="berta"))
        code = await cloud.code(mail)
        login = await browser.follow(await browser.submit(reset, code=code, password="Another-one-9"))
        assert "Your password is changed." in html(login)
        done = await browser.submit(login, username="berta", password="Another-one-9")
        assert header(done, "location").startswith(CALLBACK)

    run(scenario)


def test_who_got_a_password_chooses_another_on_the_page() -> None:
    async def scenario(cloud: PoolCloud, browser: Browser) -> None:
        await cloud.admin("AdminCreateUser", Username="cleo", TemporaryPassword="Temporary-1", MessageAction="SUPPRESS")
        login = await browser.get("/login", **asked(cloud))
        ask = await browser.submit(login, username="cleo", password="Temporary-1")
        assert "Choose a new password" in html(ask)
        again = await browser.submit(ask, answer="short")
        assert "Password not long enough" in html(again)
        done = await browser.submit(again, answer="Long-enough-2")
        assert header(done, "location").startswith(CALLBACK)

    run(scenario)


def test_programs_get_tokens_for_themselves() -> None:
    async def scenario(cloud: PoolCloud, browser: Browser) -> None:
        await cloud.admin(
            "CreateResourceServer", Identifier="https://api", Name="api",
            Scopes=[{"ScopeName": name, "ScopeDescription": name} for name in ("read", "write")],
        )  # fmt: skip
        made = await cloud.admin(
            "CreateUserPoolClient", ClientName="m", GenerateSecret=True, AllowedOAuthFlowsUserPoolClient=True,
            AllowedOAuthFlows=["client_credentials"], AllowedOAuthScopes=["https://api/read", "https://api/write"],
        )  # fmt: skip
        id, secret = made["UserPoolClient"]["ClientId"], made["UserPoolClient"]["ClientSecret"]
        basic = {"authorization": "Basic " + base64.b64encode(f"{id}:{secret}".encode()).decode()}
        form = {"grant_type": "client_credentials", "scope": "https://api/read"}
        found = read(await browser.ask("POST", "/oauth2/token", form, basic))
        said = claims(found["access_token"])
        assert (said["scope"], said["sub"], said["client_id"]) == ("https://api/read", id, id)
        assert sorted(found) == ["access_token", "expires_in", "token_type"]
        posted = {**form, "client_id": id, "client_secret": secret}
        assert (await browser.ask("POST", "/oauth2/token", posted)).status == 200
        for wrong, error in (
            ({"client_secret": secret[:-1]}, "invalid_client"),
            ({"client_secret": ""}, "invalid_client"),
            ({"scope": "https://api/delete"}, "invalid_scope"),
            ({"grant_type": "password"}, "unsupported_grant_type"),
        ):
            assert read(await browser.ask("POST", "/oauth2/token", {**posted, **wrong})) == {"error": error}
        bearer = {"authorization": f"Bearer {found['access_token']}"}
        assert (await browser.ask("GET", "/oauth2/userInfo", headers=bearer)).status == 401

    run(scenario)


def test_a_forged_or_foreign_token_opens_nothing() -> None:
    async def scenario(cloud: PoolCloud, browser: Browser) -> None:
        await cloud.user()
        _, found = await exchange(cloud, browser, await code_of(cloud, browser))
        for token in (forged(found["access_token"], username="root"), found["id_token"], "x.y.z", ""):
            answer = await browser.ask("GET", "/oauth2/userInfo", headers={"authorization": f"Bearer {token}"})
            assert (answer.status, read(answer)["error"]) == (401, "invalid_token")
        form = {"client_id": cloud.client, "token": found["refresh_token"]}
        assert (await browser.ask("POST", "/oauth2/revoke", form)).status == 200
        bearer = {"authorization": f"Bearer {found['access_token']}"}
        assert (await browser.ask("GET", "/oauth2/userInfo", headers=bearer)).status == 401

    run(scenario)


def test_signing_out_forgets_the_browser() -> None:
    async def scenario(cloud: PoolCloud, browser: Browser) -> None:
        await cloud.user()
        await code_of(cloud, browser)
        kept = dict(browser.cookies)
        out = await browser.get("/logout", client_id=cloud.client, logout_uri="https://app.example.com/bye")
        assert header(out, "location") == "https://app.example.com/bye"
        assert "cognito" not in browser.cookies
        browser.cookies = kept  # a copy of the cookie is worth nothing either
        assert header(await browser.get("/oauth2/authorize", **asked(cloud)), "location").startswith(browser.base)

    run(scenario)


def test_pages_are_found_by_host_name_too_and_keys_by_pool() -> None:
    async def scenario(cloud: PoolCloud, browser: Browser) -> None:
        await cloud.user()
        named = Browser(cloud, "", "books.auth.us-east-1.localhost:4566")
        assert "Sign in" in html(await named.get("/login", **asked(cloud)))
        keys = await Browser(cloud, "").ask("GET", f"/{cloud.pool}/.well-known/jwks.json")
        assert isinstance(keys.body, bytes)
        assert [(one["kty"], one["alg"], one["use"]) for one in json.loads(keys.body)["keys"]] == [
            ("RSA", "RS256", "sig")
        ] * 2
        found = await Browser(cloud, "").ask("GET", f"/{cloud.pool}/.well-known/openid-configuration")
        assert isinstance(found.body, bytes)
        said = json.loads(found.body)
        assert said["issuer"] == f"http://127.0.0.1:4566/{cloud.pool}"
        assert said["token_endpoint"] == "http://127.0.0.1:4566/_aws/cognito/books/oauth2/token"
        assert header(found, "access-control-allow-origin") == "*"
        assert (await browser.ask("OPTIONS", "/oauth2/token")).status == 204

    run(scenario)


def test_a_second_factor_is_asked_for_on_the_page() -> None:
    async def scenario(cloud: PoolCloud, browser: Browser) -> None:
        sms: dict[str, Any] = {"SmsMfaConfiguration": {}}
        await cloud.admin("SetUserPoolMfaConfig", MfaConfiguration="ON", **sms)
        await cloud.user(phone_number="+4915112345678")
        ask = await browser.submit(await browser.get("/login", **asked(cloud)), username="anna", password=PASSWORD)
        assert "sent to your phone" in html(ask)
        assert "cognito" not in browser.cookies
        code = await cloud.code("+4915112345678")
        wrong = await browser.submit(ask, answer="000000" if code != "000000" else "000001")
        assert "Invalid code" in html(wrong)
        done = await browser.submit(wrong, answer=code)
        assert header(done, "location").startswith(CALLBACK)

    run(scenario)


def test_a_client_with_a_secret_signs_in_and_proves_it_for_tokens() -> None:
    async def scenario(cloud: PoolCloud, browser: Browser) -> None:
        await cloud.user()
        code = await code_of(cloud, browser)
        assert await exchange(cloud, browser, code) == (400, {"error": "invalid_client"})
        status, found = await exchange(cloud, browser, code, client_secret=cloud.secret)
        assert status == 200
        form = {"grant_type": "refresh_token", "client_id": cloud.client, "refresh_token": found["refresh_token"]}
        assert read(await browser.ask("POST", "/oauth2/token", form)) == {"error": "invalid_client"}

    run(scenario, GenerateSecret=True)


def test_an_authenticator_is_set_up_on_the_page() -> None:
    async def scenario(cloud: PoolCloud, browser: Browser) -> None:
        software = {"SoftwareTokenMfaConfiguration": {"Enabled": True}}
        await cloud.admin("SetUserPoolMfaConfig", MfaConfiguration="ON", **software)
        await cloud.user()
        page = await browser.submit(await browser.get("/login", **asked(cloud)), username="anna", password=PASSWORD)
        found = re.search(r'name="key" value="([A-Z2-7]{52})"', html(page))
        assert found is not None
        for wrong in ("abc", "000000"):
            page = await browser.submit(page, answer=wrong)
            assert "Code mismatch" in html(page)
            assert found[1] in html(page)
        done = await browser.submit(page, answer=totp.code(found[1], cloud.clock.now_ns() // 30_000_000_000))
        assert header(done, "location").startswith(CALLBACK)

    run(scenario)


def test_forms_that_were_tampered_with_are_answered_calmly() -> None:
    async def scenario(cloud: PoolCloud, browser: Browser) -> None:
        await cloud.admin("AdminCreateUser", Username="cleo", TemporaryPassword="Temporary-1", MessageAction="SUPPRESS")
        login = await browser.get("/login", **asked(cloud))
        ask = await browser.submit(login, username="cleo", password="Temporary-1")
        for changes in (
            {"requiredAttributes": "{", "answer": "x"},
            {"requiredAttributes": "[1, {}]", "answer": "x"},
            {"challenge": "NONSENSE", "answer": "x"},
            {"challenge": "MFA_SETUP", "answer": "123456"},
            {"challenge": "SOFTWARE_TOKEN_MFA", "answer": "١٢٣٤٥٦"},
            {"session": "", "answer": PASSWORD},
            {"name": "nobody", "answer": PASSWORD},
        ):
            page = await browser.submit(ask, **changes)
            assert page.status in (200, 400, 501)
            assert header(page, "location") == ""
            html(page)
        many = "&".join(f"a{number}=1" for number in range(200))
        assert (await browser.ask("GET", f"/login?{many}")).status == 400

    run(scenario)
