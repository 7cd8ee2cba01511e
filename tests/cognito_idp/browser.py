"""A browser without a screen: follows what pages say, keeps cookies, runs nothing."""

from __future__ import annotations

import re
from html import unescape
from urllib.parse import parse_qsl, urlencode, urlsplit

from lambent.contracts.http import BytesBody, Request, Response
from lambent.contracts.ports import Cloud
from lambent.services.cognito_idp import hosted

CALLBACK = "https://app.example.com/callback"


class Browser:
    """Opens the pages below `base`."""

    def __init__(self, cloud: Cloud, base: str = "/_aws/cognito/books", host: str = "127.0.0.1:4566") -> None:
        self.cloud = cloud
        self.base = base
        self.host = host
        self.cookies: dict[str, str] = {}

    async def ask(
        self, method: str, path: str, form: dict[str, str] | None = None, headers: dict[str, str] | None = None
    ) -> Response:
        """One request; `path` may have a query."""
        parts = urlsplit(path if path.startswith(self.base) else self.base + path)
        sent = {"host": self.host, **(headers or {})}
        if self.cookies:
            sent["cookie"] = "; ".join(f"{name}={value}" for name, value in self.cookies.items())
        body = BytesBody(urlencode(form).encode()) if form is not None else None
        if form is not None:
            sent.setdefault("content-type", "application/x-www-form-urlencoded")
        answer = await hosted.serve(self.cloud, Request(method, parts.path, parts.query, sent, body))
        assert answer is not None
        for name, value in answer.headers:
            if name == "set-cookie":
                cookie, _, rest = value.partition(";")
                key, _, kept = cookie.partition("=")
                assert "HttpOnly" in rest
                assert "SameSite=Lax" in rest
                self.cookies[key] = kept
                if "Max-Age=0" in rest:
                    del self.cookies[key]
        return answer

    async def get(self, path: str, **query: str) -> Response:
        """Open a page."""
        return await self.ask("GET", f"{path}{'?' if query else ''}{urlencode(query)}")

    async def submit(self, page: Response, **fields: str) -> Response:
        """Fill in a page's form and send it."""
        text = html(page)
        action = re.search(r'<form method="post" action="([^"]*)"', text)
        assert action is not None, text
        hidden = re.findall(r'<input type="hidden" name="([^"]*)" value="([^"]*)"', text)
        given = {unescape(name): unescape(value) for name, value in hidden}
        return await self.ask("POST", unescape(action[1]), {**given, **fields})

    async def follow(self, answer: Response) -> Response:
        """Open where an answer leads, below the base."""
        to = header(answer, "location")
        assert to.startswith(self.base), to
        return await self.ask("GET", to)


def html(answer: Response) -> str:
    """A page's text; it must be one that is safe to show."""
    assert isinstance(answer.body, bytes)
    assert header(answer, "content-type").startswith("text/html"), answer.body
    assert header(answer, "x-frame-options") == "DENY"
    assert "frame-ancestors 'none'" in header(answer, "content-security-policy")
    return answer.body.decode()


def header(answer: Response, name: str) -> str:
    """A header's value, or empty."""
    return next((value for key, value in answer.headers if key == name), "")


def fields(url: str) -> dict[str, str]:
    """The fields of a URL's query, or of its fragment."""
    parts = urlsplit(url)
    return dict(parse_qsl(parts.query or parts.fragment))
