"""Whatever a browser, or somebody who writes links for one, sends to the pages: an answer that is safe to show."""

from __future__ import annotations

import asyncio
from typing import Any
from urllib.parse import urlencode

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from lambent.contracts.http import Request, Response
from lambent.services.cognito_idp import hosted

from .browser import CALLBACK, Browser, header, html
from .support import PoolCloud, refused
from .test_hosted import OAUTH, asked

PATHS = (
    "/login", "/signup", "/confirm", "/resend", "/forgotPassword", "/confirmForgotPassword", "/logout", "/confirmUser",
    "/oauth2/authorize", "/oauth2/token", "/oauth2/userInfo", "/oauth2/revoke", "/nothing",
)  # fmt: skip
ADDRESSES = (
    "http://[", "http://[::1", "http://a[b]/", "http://\u2100.com", "http://\u4e2d.com/", f"http://{'a' * 70}.com",
    "javascript:alert(1)", "data:text/html,x", "//evil.example", "https://evil.example/", f"{CALLBACK}/../x",
    "x\r\nset-cookie: a=b", "http://x'; script-src *", "https://x;y/", "", " ", "https://app.example.com",
)  # fmt: skip
PIECES = st.sampled_from(
    ("<script>", '"', "'", "&", "\r\n", "\0", "%", "%ff", "\u4e2d", "\ud800", "x" * 300, "a=b", "..", "é", "\u0660" * 6)
)
TEXTS = st.lists(PIECES | st.text(max_size=5), max_size=4).map("".join)
FIELDS = (
    "username", "password", "_csrf", "challenge", "session", "name", "code", "answer", "requiredAttributes", "key",
    "grant_type", "client_id", "client_secret", "redirect_uri", "refresh_token", "token", "scope",
    "userAttributes.name",
)  # fmt: skip


async def begin() -> tuple[PoolCloud, Browser]:
    cloud = await PoolCloud.begin(client=OAUTH)
    await cloud.admin("CreateUserPoolDomain", Domain="books")
    return cloud, Browser(cloud)


def check(answer: Response) -> None:
    """What every answer must be."""
    assert 200 <= answer.status < 500
    for name, value in answer.headers:
        assert not set(f"{name}{value}") & set("\r\n\0"), (name, value)
        assert value.isascii(), (name, value)
    to = header(answer, "location")
    assert not to or to.startswith(("/_aws/cognito/books/", f"{CALLBACK}?", f"{CALLBACK}#")), to
    if header(answer, "content-type").startswith("text/html"):
        text = html(answer)
        assert "<script" not in text
        policy = header(answer, "content-security-policy")
        assert policy.count(";") == 4
        assert "script-src" not in policy.partition("form-action")[0]


@pytest.mark.parametrize("address", ADDRESSES)
def test_no_address_breaks_a_page_or_is_gone_to(address: str) -> None:
    async def main() -> None:
        cloud, browser = await begin()
        for path in ("/oauth2/authorize", "/login", "/logout", "/signup"):
            query = {"redirect_uri": address, "logout_uri": address}
            answer = await browser.get(path, **asked(cloud, **query))
            if address:
                check(answer)
                assert not header(answer, "location").startswith(CALLBACK)

    asyncio.run(main())


@pytest.mark.slow
@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    st.sampled_from(PATHS),
    st.dictionaries(st.sampled_from(FIELDS), TEXTS, max_size=6),
    st.dictionaries(st.sampled_from(FIELDS), TEXTS, max_size=6),
    st.dictionaries(st.sampled_from(("csrf", "cognito", "x")), TEXTS, max_size=3),
    TEXTS,
    st.booleans(),
)
def test_no_form_breaks_a_page(
    path: str, query: dict[str, str], form: dict[str, str], cookies: dict[str, str], bearer: str, whole: bool
) -> None:
    async def main() -> None:
        cloud, browser = await begin()
        page = await browser.get("/login", **asked(cloud))
        hidden = html(page).partition('name="_csrf" value="')[2].partition('"')[0]
        known: dict[str, Any] = {**asked(cloud), "client_id": cloud.client} if whole else {}
        sent = {**form, **({"_csrf": hidden} if whole else cookies)}
        headers = {"authorization": f"Bearer {bearer}", "content-type": "application/x-www-form-urlencoded"}
        headers = {name: value.encode("utf-8", "replace").decode("latin-1") for name, value in headers.items()}
        line = urlencode({**query, **known}, errors="replace")
        for method in ("GET", "POST"):
            body = {name: value.encode("utf-8", "replace").decode() for name, value in sent.items()}
            check(await browser.ask(method, f"{path}?{line}", body if method == "POST" else None, headers))

    asyncio.run(main())


def test_a_callback_that_is_no_address_is_refused() -> None:
    async def main() -> None:
        cloud, _ = await begin()
        for url in ("http://[", "https://a[b]/"):
            made = cloud.admin("CreateUserPoolClient", ClientName="d", **{**OAUTH, "CallbackURLs": [url]})
            assert (await refused(made))[0] == "InvalidParameterException"

    asyncio.run(main())


def test_a_page_that_is_asked_for_at_no_pool_is_none() -> None:
    async def main() -> None:
        cloud, _ = await begin()
        for path in ("/_aws/cognito/", "/_aws/cognito/%00/login", "/_aws/cognito//login", "/_aws/cognito/../login"):
            answer = await hosted.serve(cloud, Request("GET", path, "", {"host": "localhost"}))
            assert answer is not None
            assert answer.status == 404

    asyncio.run(main())
