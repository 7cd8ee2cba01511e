"""What the pages of a pool say and look after: rules of passwords, keys, choices, and where there is no pool."""

from __future__ import annotations

import re
from typing import Any

from .browser import CALLBACK, Browser, header, html
from .support import PASSWORD, PoolCloud
from .test_hosted import asked, run


def test_who_chooses_a_password_is_told_the_rules() -> None:
    async def scenario(cloud: PoolCloud, browser: Browser) -> None:
        rules = "At least 8 characters, with a lower case letter and a number."
        await cloud.admin(
            "UpdateUserPool", Policies={"PasswordPolicy": {"RequireLowercase": True, "RequireNumbers": True}}
        )
        for path in ("/signup", "/confirmForgotPassword"):
            page = html(await browser.get(path, **asked(cloud)))
            described = re.search(r'<p class="hint" id="(h\d)">([^<]+)</p>', page)
            assert described is not None
            assert described[2] == rules
            assert f'aria-describedby="{described[1]}"' in page
        await cloud.admin("UpdateUserPool", Policies={"PasswordPolicy": {"MinimumLength": 12}})
        assert "At least 12 characters.<" in html(await browser.get("/signup", **asked(cloud)))

    run(scenario)


def test_a_new_password_is_kept_for_the_name_that_was_typed() -> None:
    async def scenario(cloud: PoolCloud, browser: Browser) -> None:
        await cloud.admin("AdminCreateUser", Username="cleo", TemporaryPassword="Temporary-1", MessageAction="SUPPRESS")
        login = await browser.get("/login", **asked(cloud))
        ask = await browser.submit(login, username="cleo", password="Temporary-1")
        kept = '<input type="text" value="cleo" autocomplete="username" readonly'
        assert kept in html(ask)
        assert kept in html(await browser.submit(ask, answer="short"))
        assert kept in html(await browser.get("/confirmForgotPassword", **asked(cloud), username="cleo"))

    run(scenario)


def test_an_authenticators_key_can_be_read_and_opened() -> None:
    async def scenario(cloud: PoolCloud, browser: Browser) -> None:
        software: dict[str, Any] = {"SoftwareTokenMfaConfiguration": {"Enabled": True}}
        await cloud.admin("SetUserPoolMfaConfig", MfaConfiguration="ON", **software)
        await cloud.user()
        page = html(
            await browser.submit(await browser.get("/login", **asked(cloud)), username="anna", password=PASSWORD)
        )
        shown = re.search(r'<code class="key">([A-Z2-7 ]+)</code>', page)
        assert shown is not None
        assert {len(group) for group in shown[1].split()} == {4}
        key = shown[1].replace(" ", "")
        assert f'value="{key}"' in page
        assert re.search(rf'href="otpauth://totp/[^"]+:anna\?secret={key}&amp;issuer=', page)

    run(scenario)


def test_factors_are_chosen_by_their_names() -> None:
    async def scenario(cloud: PoolCloud, browser: Browser) -> None:
        await cloud.admin(
            "SetUserPoolMfaConfig", MfaConfiguration="ON", SmsMfaConfiguration={}, EmailMfaConfiguration={}
        )
        await cloud.user(phone_number="+4915112345678")
        ask = await browser.submit(await browser.get("/login", **asked(cloud)), username="anna", password=PASSWORD)
        page = html(ask)
        assert 'value="SMS_MFA" checked>A text message to your phone' in page
        assert 'value="EMAIL_OTP">An email message' in page
        sent = await browser.submit(ask, answer="SMS_MFA")
        assert "sent to your phone" in html(sent)
        done = await browser.submit(sent, answer=await cloud.code("+4915112345678"))
        assert header(done, "location").startswith(CALLBACK)

    run(scenario)


def test_who_is_not_confirmed_yet_is_told_so_and_not_of_a_code_that_nobody_sent() -> None:
    async def scenario(cloud: PoolCloud, browser: Browser) -> None:
        page = await browser.get("/signup", **asked(cloud))
        confirm = await browser.submit(page, username="berta", email="berta@example.com", password=PASSWORD)
        assert "We sent you a code." in html(await browser.follow(confirm))
        login = await browser.get("/login", **asked(cloud))
        confirm = await browser.follow(await browser.submit(login, username="berta", password=PASSWORD))
        assert "Your account is not confirmed yet." in html(confirm)
        action = re.search(r'formaction="([^"]+)"', html(confirm))
        assert action is not None
        assert "done=" not in action[1]

    run(scenario)


def test_where_there_is_no_pool_people_get_a_page_and_programs_json() -> None:
    async def scenario(cloud: PoolCloud, browser: Browser) -> None:
        other = Browser(cloud, base="/_aws/cognito/nothing")
        page = await other.get("/login")
        assert page.status == 404
        assert "There is no user pool with this domain." in html(page)
        token = await other.ask("POST", "/oauth2/token", {"grant_type": "authorization_code"})
        assert (token.status, header(token, "content-type")) == (404, "application/json")

    run(scenario)
