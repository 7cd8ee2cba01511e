"""The pages as HTML. Every text is escaped where it is put in; nothing on them runs, loads or is framed."""

from __future__ import annotations

import base64
import hashlib
from html import escape
from typing import Final, NamedTuple
from urllib.parse import quote, urlencode, urlsplit

from lambent.contracts.http import Response

from .site import NO_STORE, Site

_STYLE: Final = """
:root{--ink:#16191f;--soft:#5f6b7a;--line:#c9d0d9;--back:#f3f5f8;--card:#fff;--blue:#0b62d6;--deep:#084a9f;
--red:#b3261e;--redback:#fdecea;--green:#0f6b3a;--greenback:#e8f5ee;color-scheme:light dark}
@media(prefers-color-scheme:dark){:root{--ink:#e9edf2;--soft:#9aa7b5;--line:#3a4452;--back:#10151c;--card:#1a212b;
--blue:#4c94f7;--deep:#76aefa;--red:#ff9d94;--redback:#3a1b19;--green:#7fd6a5;--greenback:#12301f}}
*{box-sizing:border-box}
body{margin:0;min-height:100vh;display:flex;align-items:center;justify-content:center;padding:24px 16px;
background:var(--back);color:var(--ink);font:16px/1.5 system-ui,-apple-system,"Segoe UI",Roboto,sans-serif}
main{width:100%;max-width:400px;background:var(--card);border:1px solid var(--line);border-radius:14px;
padding:36px 32px 28px;box-shadow:0 10px 30px rgba(16,24,40,.08)}
.pool{margin:0 0 4px;color:var(--soft);font-size:13px;letter-spacing:.04em;text-transform:uppercase;
overflow-wrap:anywhere}
h1{margin:0 0 20px;font-size:24px;line-height:1.25;font-weight:650}
p{margin:0 0 16px}
label{display:block;margin:0 0 6px;font-size:14px;font-weight:600}
input:not([type=hidden]){width:100%;height:44px;margin:0 0 16px;padding:0 12px;font:inherit;color:inherit;
background:transparent;border:1px solid var(--line);border-radius:8px}
input:focus-visible,button:focus-visible,a:focus-visible{outline:3px solid var(--blue);outline-offset:1px}
button{width:100%;height:46px;margin-top:4px;font:inherit;font-weight:600;color:#fff;background:#0b62d6;border:0;
border-radius:8px;cursor:pointer}
button:hover{background:#084a9f}
button.plain{height:auto;width:auto;margin:0;padding:0;background:none;color:var(--blue);font-weight:500}
button.plain:hover{color:var(--deep);text-decoration:underline}
a{color:var(--blue);text-decoration:none}
a:hover{color:var(--deep);text-decoration:underline}
.error,.note{padding:10px 14px;border-radius:8px;font-size:14px;overflow-wrap:anywhere}
.error{color:var(--red);background:var(--redback)}
.note{color:var(--green);background:var(--greenback)}
.hint{margin:-10px 0 16px;color:var(--soft);font-size:13px}
.key{display:block;margin:0 0 16px;padding:10px 14px;border:1px solid var(--line);border-radius:8px;
font:15px/1.7 ui-monospace,SFMono-Regular,Menlo,Consolas,monospace;user-select:all}
fieldset{margin:0 0 16px;padding:0;border:0}
legend{margin:0 0 8px;padding:0;font-size:14px;font-weight:600}
.choice{display:flex;gap:10px;align-items:center;margin:0 0 8px;padding:10px 14px;border:1px solid var(--line);
border-radius:8px;font-size:15px;font-weight:400;cursor:pointer}
input.pick{width:18px;height:18px;margin:0;accent-color:#0b62d6}
.away{position:absolute;width:1px;height:1px;overflow:hidden;clip-path:inset(50%)}
.links{display:flex;flex-wrap:wrap;gap:8px 20px;justify-content:space-between;margin:20px 0 0;font-size:14px}
"""
_STYLE_HASH: Final = base64.b64encode(hashlib.sha256(_STYLE.encode()).digest()).decode()


class Field(NamedTuple):
    """An input of a form. `hint` stands below it; with `choices` (value, label) one of them is chosen instead."""

    name: str
    label: str
    kind: str = "text"
    value: str = ""
    complete: str = ""
    required: bool = True
    hint: str = ""
    choices: tuple[tuple[str, str], ...] = ()


class Link(NamedTuple):
    """A link below a form."""

    text: str
    to: str


def name_label(site: Site) -> str:
    """What users of the pool sign in by."""
    kinds = site.pool.signs_in_by
    if not kinds:
        return "Username"
    labels = {"email": "Email", "phone_number": "Phone number"}
    return labels[kinds[0]] if len(kinds) == 1 else "Email or phone number"


def form(
    site: Site,
    title: str,
    *,
    token: str,
    headers: list[tuple[str, str]],
    action: str,
    fields: list[Field],
    button: str,
    hidden: dict[str, str] | None = None,
    error: str = "",
    note: str = "",
    text: str = "",
    links: tuple[Link, ...] = (),
    second: tuple[str, str] | None = None,
    key: str = "",
    whose: str = "",
) -> Response:
    """A page with a form. `second` is (label, address) of another button that posts the same fields; `key` is shown
    for an authenticator; `whose` is the name that a browser keeps a new password for."""
    parts = [f'<form method="post" action="{escape(action)}">']
    for name, value in {"_csrf": token, **(hidden or {})}.items():
        parts.append(f'<input type="hidden" name="{escape(name)}" value="{escape(value)}">')
    if key:
        parts.append(_key(key, site.pool.name, whose))
    if whose:
        parts.append(
            f'<label class="away">Username<input type="text" value="{escape(whose)}" autocomplete="username" readonly '
            'tabindex="-1"></label>'
        )
    for index, one in enumerate(fields):
        parts.append(_choices(one) if one.choices else _input(one, index))
    parts.append(f'<button type="submit">{escape(button)}</button>')
    if second is not None:
        parts.append(
            '<p class="links"><button class="plain" type="submit" formnovalidate '
            f'formaction="{escape(second[1])}">{escape(second[0])}</button></p>'
        )
    parts.append("</form>")
    return _page(site, title, "".join(parts), error=error, note=note, text=text, links=links, headers=headers)


def _input(one: Field, index: int) -> str:
    focus = " autofocus" if index == 0 else ""
    needed = " required" if one.required else ""
    complete = f' autocomplete="{escape(one.complete)}"' if one.complete else ""
    told = f' aria-describedby="h{index}"' if one.hint else ""
    hint = f'<p class="hint" id="h{index}">{escape(one.hint)}</p>' if one.hint else ""
    return (
        f'<label for="f{index}">{escape(one.label)}</label><input id="f{index}" type="{escape(one.kind)}" '
        f'name="{escape(one.name)}" value="{escape(one.value)}"{complete}{needed}{told}{focus}>{hint}'
    )


def _choices(one: Field) -> str:
    shown = []
    for index, (value, label) in enumerate(one.choices):
        chosen = " checked" if index == 0 else ""
        shown.append(
            f'<label class="choice"><input class="pick" type="radio" name="{escape(one.name)}" value="{escape(value)}"'
            f"{chosen}>{escape(label)}</label>"
        )
    return f"<fieldset><legend>{escape(one.label)}</legend>{''.join(shown)}</fieldset>"


def _key(key: str, pool: str, whose: str) -> str:
    """An authenticator's key, in groups that can be typed, and as a link that an app on the same device opens."""
    groups = " ".join(key[start : start + 4] for start in range(0, len(key), 4))
    address = f"otpauth://totp/{quote(f'{pool}:{whose}', safe=':')}?{urlencode({'secret': key, 'issuer': pool})}"
    return (
        f'<code class="key">{escape(groups)}</code><p><a href="{escape(address)}">Open in an authenticator app</a></p>'
    )


def message(site: Site, title: str, text: str, *, status: int = 400, links: tuple[Link, ...] = ()) -> Response:
    """A page that says something."""
    return _page(site, title, "", text=text, links=links, status=status)


def nowhere(title: str, text: str, *, status: int) -> Response:
    """A page that says something where there is no pool."""
    return _page(None, title, "", text=text, status=status)


def _page(
    site: Site | None,
    title: str,
    body: str,
    *,
    error: str = "",
    note: str = "",
    text: str = "",
    links: tuple[Link, ...] = (),
    headers: list[tuple[str, str]] | None = None,
    status: int = 200,
) -> Response:
    pool = escape(site.pool.name) if site is not None else ""
    shown = f"{f'<p class=pool>{pool}</p>' if pool else ''}<h1>{escape(title)}</h1>"
    if error:
        shown += f'<p class="error" role="alert">{escape(error)}</p>'
    if note:
        shown += f'<p class="note" role="status">{escape(note)}</p>'
    if text:
        shown += f"<p>{escape(text)}</p>"
    listed = "".join(f'<a href="{escape(one.to)}">{escape(one.text)}</a>' for one in links)
    page = (
        '<!doctype html><html lang="en"><head><meta charset="utf-8">'
        '<meta name="viewport" content="width=device-width,initial-scale=1">'
        f"<title>{escape(title)}{f' · {pool}' if pool else ''}</title><style>{_STYLE}</style></head>"
        f"<body><main>{shown}{body}{f'<p class=links>{listed}</p>' if listed else ''}</main></body></html>"
    )
    return Response(
        status,
        [
            ("content-type", "text/html; charset=utf-8"),
            ("content-security-policy", _policy(site.query.get("redirect_uri", "") if site is not None else "")),
            ("x-frame-options", "DENY"),
            ("x-content-type-options", "nosniff"),
            ("referrer-policy", "no-referrer"),
            NO_STORE,
            *(headers or []),
        ],
        page.encode(),
    )


def _policy(redirect: str) -> str:
    """The page's content security policy. Browsers hold the redirect after a form's post to `form-action` as well, so
    the application's own address is named; whether it is one is checked before anybody is sent there."""
    try:
        parts = urlsplit(redirect)._replace(netloc=urlsplit(redirect).netloc.encode("idna").decode())
    except ValueError:
        parts = urlsplit("")  # it is no address; whoever sent it is told so on the page
    back = ""
    if parts.scheme in ("http", "https") and parts.netloc and all(c.isalnum() or c in ".-:[]" for c in parts.netloc):
        back = f" {parts.scheme}://{parts.netloc}"
    elif parts.scheme.isascii() and parts.scheme.replace("-", "").replace(".", "").replace("+", "").isalnum():
        back = f" {parts.scheme}:" if parts.scheme not in ("http", "https", "javascript", "data") else ""
    return (
        f"default-src 'none'; style-src 'sha256-{_STYLE_HASH}'; form-action 'self'{back}; "
        "frame-ancestors 'none'; base-uri 'none'"
    )
